# SPDX-License-Identifier: GPL-2.0-or-later
"""A node that is full: whom it refuses and where it sends them (pcp.md 11.4, 12; checklist 20.11, 20.12)."""
import contextlib
import json
import queue
import socket
import threading
import time
import unittest

import harness
from harness import FLG_RECV, FLG_RELAY, BoxCase, Relay, bcst, box, gid, ip, leaf, new_id, slow, u8, u16, u32
from net import NetCase
from test_pcp import YellowPage

PRIVATE = "[Filter]\nip = %s\nprivate = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n"
OTHERS = "[Filter]\nip = 255.255.255.255\nnetwork = Yes\ndirect = Yes\n[End]\n" \
    "[Filter]\nip = ::/0\nnetwork = Yes\ndirect = Yes\n[End]\n"
# On loopback 127.0.0.1 is the operator, and 127.0.0.2 and so on are strangers.
STRANGERS = PRIVATE % "127.0.0.1" + OTHERS


def report(r, cid, address, port=7144, local=None, relays=1, listeners=0, free=False, prefix=b"BX", up=None,
           hops=0, sid=None, gone=False):
    """A relay's status, of itself or (sid) of one below it."""
    sid = sid or r.sid
    up_host, _, up_port = (up or "").rpartition(":")
    r.send_atom(bcst(harness.GRP_TRACKERS, sid, box(
        "host", gid("id", sid), ip("ip", address), u16("port", port),
        ip("ip", local or ("::" if ":" in address else "0.0.0.0")), u16("port", port if local else 0),
        u32("numl", listeners), u32("numr", relays), u32("uptm", 10), u32("ver", 1218), u32("vevp", 27),
        leaf("vexp", prefix), u16("vexn", 1),
        u8("flg1", (0 if gone else FLG_RECV) | (FLG_RELAY if free else 0)), u32("oldp", 0), u32("newp", 0),
        ip("upip", up_host.strip("[]")) if up else None, u32("uppt", int(up_port)) if up else None,
        u32("uphp", 1) if up else None), cid=cid, ttl=11, hops=hops))


def refused(r):
    """What a refusal names: [(session, address, port)], and its quit."""
    assert r.status == 503, r.status
    hosts = []
    while True:
        a = r.read_atom()
        if a.name == "quit":
            r.expect_close()
            return hosts, a.u32
        if a.name == "host":
            hosts.append((a["id"].hex, a["ip"].ip, a["port"].u16))


class Full(BoxCase):
    """A node on loopback with a broadcast and few slots."""

    def start(self, **ini):
        keys = {"trustLocalhost": "No", "maxRelays": 2}
        keys.update(ini)
        self.n = self.node(keys, blocks=STRANGERS)
        self.push(self.n, "R", interval=0.01, bitrate=100)
        self.cid = self.n.wait_log(r'channel "R" ([0-9A-F]{32}): broadcast').group(1)
        with self.n.view(self.cid) as v:
            v.read(5000)                # strangers are refused until it plays

    def from_(self, source, **kw):
        return self.relay(self.n, self.cid, source=source, **kw)

    def known(self, r, address, **kw):
        """A relay has told of itself, and the node knows."""
        report(r, self.cid, address, **kw)
        echo = self.from_("127.0.0.1")
        r.send_atom(bcst(harness.GRP_RELAYS, r.sid, leaf("mesg", b"x\0"), cid=self.cid))
        echo.wait_atom("bcst")
        echo.close()


class Refused(Full):
    def test_hosts(self):
        """20.11, on loopback: its relays may be named to their neighbours, once in two seconds."""
        self.start()
        a, b = self.from_("127.0.0.2"), self.from_("127.0.0.3")
        self.assertEqual((a.status, b.status), (200, 200))
        self.known(a, "127.0.0.2", port=1002)
        self.known(b, "127.0.0.3", port=1003, free=True)
        hosts, code = refused(self.from_("127.0.0.4"))
        self.assertEqual(hosts, [(b.sid, "127.0.0.3", 1003), (a.sid, "127.0.0.2", 1002)])
        self.assertEqual(code, 1003)
        self.assertEqual(refused(self.from_("127.0.0.4")), ([], 1003))
        self.n.wait_log("relay 127.0.0.4:.*: refused: relay limit")
        self.assertEqual(self.from_("127.0.0.1").status, 200, "this machine is exempt")
        a.wait_atom("chan")
        b.wait_atom("chan")

    def test_strangers_cannot_name_loopback(self):
        """Of others, or at an address it does not come from."""
        self.start()
        a, b = self.from_("127.0.0.2"), self.from_("127.0.0.3")
        report(a, self.cid, "127.0.0.9", sid=new_id(), hops=1)
        self.known(a, "192.168.0.5")
        self.known(b, "10.0.0.1")
        self.assertEqual(refused(self.from_("127.0.0.4")), ([], 1003))

    def test_slot_comes_back(self):
        self.start()
        a = self.from_("127.0.0.2")
        self.from_("127.0.0.3")
        self.assertEqual(self.from_("127.0.0.4").status, 503)
        a.close()
        self.n.wait_log("relay 127.0.0.2:.*: (left|Connection reset)")
        self.assertEqual(self.from_("127.0.0.4").status, 200)

    def test_channel_and_bandwidth(self):
        self.start(maxRelays=9, maxRelaysPerChannel=1, password="ours")
        self.assertEqual([self.from_("127.0.0.%d" % i).status for i in (2, 3)], [200, 503])
        self.n.wait_log("refused: channel limit")
        # and says so to its user
        ask = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getChannelDetail", "params": [self.cid]}).encode()
        noted = self.n.http("POST", "/api/1?pass=ours", ask).json()["result"]["refusals"]
        self.assertEqual([(r["by"], r["reason"], r["host"].split(":")[0]) for r in noted], [("us", "channel limit", "127.0.0.3")])
        self.start(maxRelays=9, maxBitrateOut=10)
        self.assertEqual(self.from_("127.0.0.2").status, 503)
        self.n.wait_log("refused: bandwidth")


class Kicked(Full):
    """Useless relays make room (pcp.md 12.4, checklist 20.12)."""

    def two(self, **useless):
        """Both slots taken: by one of use, and by one that is not."""
        self.start()
        good, bad = self.from_("127.0.0.2"), self.from_("127.0.0.3")
        self.known(good, "127.0.0.2", port=1002, free=True)
        self.known(bad, "127.0.0.3", **useless)
        return good, bad

    def sent_away(self, r):
        """The hosts it was given."""
        a = r.wait_atom("quit")
        hosts = [(h["id"].hex, h["ip"].ip, h["port"].u16) for h in r.skipped if h.name == "host"]
        self.assertEqual(a.u32, 1003)
        r.expect_close()
        return hosts

    def test_one_goes(self):
        for useless in ({"relays": 0, "port": 1003}, {"relays": 1, "port": 0, "prefix": b"ST"}):
            with self.subTest(useless):
                good, bad = self.two(**useless)
                new = self.from_("127.0.0.4")
                self.assertEqual(new.status, 200)
                self.assertEqual(self.sent_away(bad), [(good.sid, "127.0.0.2", 1002)])
                self.n.wait_log("relay 127.0.0.3:.*: gives its place to another, quit 1003")
                new.wait_atom("chan")
                good.wait_atom("chan")

    def test_not_before_its_first_report(self):
        self.start()
        self.known(self.from_("127.0.0.2"), "127.0.0.2", port=1002, free=True)
        self.from_("127.0.0.3").wait_atom("chan")
        self.assertEqual(self.from_("127.0.0.4").status, 503)

    def test_nobody_else_can_slander_it(self):
        self.start()
        good, other = self.from_("127.0.0.2"), self.from_("127.0.0.3")
        self.known(good, "127.0.0.2", port=1002, free=True)
        report(other, self.cid, "127.0.0.2", port=1002, sid=good.sid, relays=0, hops=1)
        self.known(other, "127.0.0.3", port=1003)
        self.assertEqual(self.from_("127.0.0.4").status, 503)

    def test_only_for_one_that_says_who_it_is(self):
        """Until then its place is promised, once, and nobody is sent away."""
        _, bad = self.two(relays=0)

        def promised():
            c = self.closing(self.n.client(source="127.0.0.4"))
            c.request("GET", "/channel/" + self.cid, {"x-peercast-pcp": 1})
            return c if c.read_head() == 200 else None

        for hello in (harness.helo("0" * 32), harness.helo(new_id(), version=1100), leaf("leaf"), None):
            c = self.wait(promised, what="the promise of before to be free")
            self.assertEqual(self.from_("127.0.0.5").status, 503)
            if hello is not None:
                c.send_atom(hello)
                c.wait_atom("quit")
            c.close()
        bad.wait_atom("chan")
        self.wait(lambda: self.from_("127.0.0.6").status == 200, what="the promise to be free again")
        self.sent_away(bad)

    def test_it_may_not_come_back_at_once(self):
        good, bad = self.two(relays=0)
        new = self.from_("127.0.0.4")
        self.sent_away(bad)
        self.known(new, "127.0.0.4", port=1004, relays=0)
        # it would have sent away the one that came
        again = self.from_("127.0.0.3", sid=bad.sid)
        self.assertEqual(again.status, 200)
        self.sent_away(again)
        self.n.wait_log("relay 127.0.0.3:.*: gave its place to another just now")
        new.wait_atom("chan")
        # others may
        self.assertEqual(self.from_("127.0.0.5").status, 200)
        self.sent_away(new)
        good.wait_atom("chan")

    def test_lost_connection_gives_way_to_its_own_session(self):
        good, bad = self.two(relays=0)
        again = self.from_("127.0.0.2", sid=good.sid)
        self.assertEqual(again.status, 200)
        again.wait_atom("chan")
        good.expect_close()
        bad.wait_atom("chan")

    def test_many_at_once(self):
        """Fifty ask for two slots, one of them of a useless relay: never more than two are served."""
        good, bad = self.two(relays=0)
        asked, served = [], []

        def ask(i):
            asked.append(self.from_("127.0.1.%d" % i))
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(1, 51)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(asked), 50)
        served = [r for r in asked if r.status == 200]
        self.assertEqual(len(served), 1)
        served[0].wait_atom("chan")
        self.sent_away(bad)
        good.wait_atom("chan")
        for r in asked:
            if r.status == 503:
                self.assertEqual(refused(r)[1], 1003)


class Disabled(BoxCase):
    def test_serves_nobody(self):
        """A root's `dis` (pcp.md 6.4): no streams, not even for this machine."""
        yp = YellowPage()
        self.addCleanup(yp.close)
        n = self.node({"rootHost": yp.address})
        self.push(n, "D", interval=0.01)
        cid = n.wait_channel("D")["channelId"]
        c = self.closing(yp.accept())
        before = self.relay(n, cid)
        self.assertEqual(before.status, 200)
        c.send_atom(yp.oleh(dis=1))
        n.wait_log("cout: .*disabled")
        self.assertEqual(refused(self.relay(n, cid)), ([], 1003))
        self.assertEqual(self.closing(n.view(cid)).status, 503)
        n.wait_log("relay .*: refused: other")
        before.wait_atom("chan")


class Slow(BoxCase):
    def test_one_that_takes_too_little(self):
        """What waits for it five seconds ends it, and nobody else notices."""
        n = self.node()
        self.push(n, "S", interval=0.005, source=harness.flv_stream(size=15000))
        cid = n.wait_channel("S")["channelId"]
        good = self.relay(n, cid)
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", n.port))
        late = self.closing(harness.Client.of(s))
        late.request("GET", "/channel/" + cid, {"x-peercast-pcp": 1})
        late.send_atom(harness.helo(new_id()))
        self.assertEqual(late.read_head(), 200)
        begin, packets = time.monotonic(), good.packets()
        next(packets)
        _, want, _, data = next(packets)
        while not n.out.find("relay 127.0.0.1:%d: .*, quit 1001" % s.getsockname()[1]):
            self.assertLess(time.monotonic() - begin, 20 * harness.PATIENCE)
            s.settimeout(0.01)
            with contextlib.suppress(TimeoutError):
                late.sock.recv(1000)            # it does not stand still
            want += len(data)
            _, pos, _, data = next(packets)
            self.assertEqual(pos, want)
        self.assertGreater(time.monotonic() - begin, 4.9)

    @slow
    def test_one_that_falls_behind(self):
        """Whoever loses a piece of the stream skips to what is left of it; the third time within a minute is the
        last (pcp.md 9.4)."""
        n = self.node()
        todo = queue.SimpleQueue()

        def stream():
            yield harness.flv_head()
            index = 0
            while True:
                for _ in range(todo.get()):
                    yield harness.flv_unit(index, 60000, index % 10 == 0)
                    index += 1
        push = self.push(n, "B", interval=0, source=stream())
        todo.put(20)
        cid = n.wait_channel("B")["channelId"]
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.connect(("127.0.0.1", n.port))
        late = self.closing(harness.Client.of(s))
        late.request("GET", "/channel/" + cid, {"x-peercast-pcp": 1})
        late.send_atom(harness.helo(new_id()))
        self.assertEqual(late.read_head(), 200)
        late.wait_atom("chan")
        mark = n.out.count()
        for times in range(1, 4):
            sent = push.sent
            todo.put(800)                       # more than there is room for
            self.wait(lambda sent=sent: push.sent >= sent + 800 * 60000, what="the encoder")
            while len(skips := [x for x in n.out.lines[mark:] if "relay too slow, skips ahead" in x]) < times:
                self.assertNotEqual(late.read_atom().name, "quit")
        self.assertEqual(len(skips), 3)
        self.assertEqual(late.wait_atom("quit").u32, 1001)
        late.expect_close()


class Start(BoxCase):
    def test_position_in_the_answer(self):
        """x-peercast-pos tells where the stream begins (pcp.md 9.4)."""
        n = self.node()
        self.push(n, "P", interval=0.01)
        cid = n.wait_channel("P")["channelId"]
        with n.view(cid) as v:
            v.read(200000)              # a start point has a second behind it now
        for asked in (0, None, 1, 0xffffffff):
            with self.subTest(asked):
                r = self.relay(n, cid, pos=asked or 0)
                packets = r.packets()
                next(packets)
                self.assertEqual(next(packets)[1], int(r.headers["x-peercast-pos"]))
        # a while later the first packet is still the one that was told
        c = self.closing(n.client())
        c.request("GET", "/channel/" + cid, {"x-peercast-pcp": 1})
        c.read_head()
        with n.view(cid) as v:
            v.read(200000)
        c.send_atom(harness.helo(new_id()))
        c.wait_atom("chan")
        self.assertEqual(c.wait_atom("chan")["pkt"]["pos"].u32, int(c.headers["x-peercast-pos"]))


class Heirs(BoxCase):
    def chain(self):
        self.a, self.b = self.node(name="a"), self.node(name="b")
        self.push(self.a, "H", interval=0.01)
        cid = self.a.wait_channel("H")["channelId"]
        self.closing(self.b.view(cid, "?tip=" + self.a.address)).read(1000)
        r = self.relay(self.b, cid)
        r.wait_atom("chan")
        return cid, r

    def check(self, r, code):
        """The quit of a node that has a source, and the source before it."""
        self.assertEqual(r.wait_atom("quit").u32, code)
        hosts = [h for h in r.skipped if h.name == "host"]
        self.assertEqual([(h["ip"].ip, h["port"].u16) for h in hosts], [("127.0.0.1", self.a.port)])
        r.expect_close()

    def test_node_stops(self):
        _, r = self.chain()
        self.b.send_signal(harness.signal.SIGINT)
        self.check(r, 1009)
        self.assertEqual(self.b.wait_exit(), 0)

    def test_relay_is_stopped(self):
        cid, r = self.chain()
        self.b.rpc("stopChannel", [cid])
        self.check(r, 1008)

    def test_broadcast_ends(self):
        cid, _ = self.chain()
        r = self.relay(self.a, cid)
        self.a.rpc("stopChannel", [cid])
        self.assertEqual(r.wait_atom("quit").u32, 1008)
        self.assertFalse([h for h in r.skipped if h.name == "host"])


class Sessions(Full):
    """What a session told goes with it (settings.md decision 14)."""

    def leave(self, how):
        """Where somebody is sent after a relay has left, and another one has its slot."""
        self.start(maxRelays=3)
        a, b = self.from_("127.0.0.2"), self.from_("127.0.0.3")
        self.from_("127.0.0.4")
        self.known(a, "127.0.0.2", port=1002)
        self.known(b, "127.0.0.3", port=1003)
        how(a)
        self.n.wait_log("relay 127.0.0.2:.*: (left|Connection reset)")
        self.wait(lambda: self.from_("127.0.0.5").status == 200, what="a free slot")
        return [address for _, address, _ in refused(self.from_("127.0.0.6"))[0]]

    def test_plain_end(self):
        """Its line broke: others are better, but it is still there."""
        self.assertEqual(self.leave(lambda r: r.close()), ["127.0.0.3", "127.0.0.2"])

    def test_shutdown(self):
        self.assertEqual(self.leave(lambda r: r.send_atom(u32("quit", 1009))), ["127.0.0.3"])

    def test_farewell(self):
        def farewell(r):
            report(r, self.cid, "127.0.0.2", port=1002, gone=True)
            r.send_atom(u32("quit", 1000))
        self.assertEqual(self.leave(farewell), ["127.0.0.3"])


class Choice(NetCase):
    """Which hosts, seen from where: machines with addresses of their own."""

    def setUp(self):
        super().setUp()
        self.n = self.tree_node({"maxRelays": 4})
        self.push(self.n, "R", interval=0.05)
        self.cid = self.n.wait_channel("R")["channelId"]

    def ask(self, place, **kw):
        with place.inside():
            return self.relay(self.n, self.cid, **kw)

    def fill(self, *rows):
        """Relays with statuses: (place, report() values)."""
        made = []
        for place, kw in rows:
            r = self.ask(place)
            self.assertEqual(r.status, 200)
            report(r, self.cid, kw.pop("address", place.ip), **kw)
            made.append(r)
        for r in made:          # an echo tells that all were heard
            echo = self.closing(self.n.client())
            echo.request("GET", "/channel/" + self.cid, {"x-peercast-pcp": 1})
            echo.send_atom(harness.helo(new_id()))
            self.assertEqual(echo.read_head(), 200)
            r.send_atom(bcst(harness.GRP_RELAYS, r.sid, leaf("mesg", b"x\0"), cid=self.cid))
            echo.wait_atom("bcst")
            echo.close()
        return made

    def test_order(self):
        """The asker's neighbour, at its local address; then free ones; never a closed one or itself."""
        home = self.lan()
        m = self.net.some(3)
        asker = home.machine()
        free, busy, near, closed = self.fill(
            (m[0], {"free": True}), (m[1], {}),
            (home.machine(), {"address": home.ip, "local": "192.168.1.2"}), (m[2], {"port": 0, "free": True}))
        hosts, code = refused(self.ask(asker))
        self.assertEqual([h[0] for h in hosts], [near.sid, free.sid, busy.sid])
        self.assertEqual(code, 1003)
        self.assertNotIn(closed.sid, [h[0] for h in hosts])

    def test_not_to_its_own_children(self):
        m = self.net.some(5)
        mine, theirs, other, _ = self.fill(
            (m[0], {"up": m[4].ip + ":7144"}), (m[1], {"up": m[0].ip + ":7144"}), (m[2], {}),
            (m[3], {"up": "203.0.113.250:7144"}))
        with m[4].inside():
            listener = socket.create_server((m[4].ip, 7144))
        self.addCleanup(listener.close)
        hosts = [h[0] for h in refused(self.ask(m[4], port=7144))[0]]
        self.assertEqual(len(hosts), 2)
        self.assertIn(other.sid, hosts)
        self.assertNotIn(mine.sid, hosts)
        self.assertNotIn(theirs.sid, hosts)

    def test_families_are_not_mixed(self):
        n = self.tree_node({"maxRelays": 2, "forceIP": ""})
        push = harness.Push(n, "six", ipv="6")
        self.addCleanup(push.stop)
        cid = n.wait_channel("six")["channelId"]
        m = self.net.some(3)
        made = []
        for i in range(2):
            with m[i].inside():
                r = self.closing(Relay(n, cid, host=n.place.ip6))
            self.assertEqual(r.status, 200)
            made.append(r)
        report(made[0], cid, m[0].ip6, free=True)
        # one of each: only the right one is offered
        report(made[1], cid, m[1].ip, local=m[1].ip6)
        for r in made:
            r.send_atom(bcst(harness.GRP_RELAYS, r.sid, leaf("mesg", b"x\0"), cid=cid))
            made[r is made[0]].wait_atom("bcst")
        with m[2].inside(), contextlib.closing(Relay(n, cid, host=n.place.ip6)) as asker:
            hosts, _ = refused(asker)
        self.assertEqual(hosts, [(made[0].sid, m[0].ip6, 7144), (made[1].sid, m[1].ip6, 7144)])


if __name__ == "__main__":
    unittest.main()
