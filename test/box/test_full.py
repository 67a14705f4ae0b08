# SPDX-License-Identifier: GPL-2.0-or-later
"""A node that is full: whom it refuses and where it sends them (pcp.md 11.4, 12; checklist 20.11, 20.12)."""
import contextlib
import unittest

import harness
from harness import FLG_RECV, FLG_RELAY, BoxCase, Relay, bcst, box, gid, ip, leaf, new_id, u8, u16, u32
from net import NetCase

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
        self.start(maxRelays=9, maxRelaysPerChannel=1)
        self.assertEqual([self.from_("127.0.0.%d" % i).status for i in (2, 3)], [200, 503])
        self.n.wait_log("refused: channel limit")
        self.start(maxRelays=9, maxBitrateOut=10)
        self.assertEqual(self.from_("127.0.0.2").status, 503)
        self.n.wait_log("refused: bandwidth")


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
            listener = harness.socket.create_server((m[4].ip, 7144))
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
