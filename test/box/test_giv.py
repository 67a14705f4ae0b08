# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes behind NATs serve others (push and GIV): asked, forwarded, obeyed, accepted; and the limits."""
import select
import socket
import time
import unittest

import harness
from harness import AGENT, FLG_PUSH, FLG_RECV, FLG_RELAY, FLG_TRACKER, GRP_ALL, BoxCase, Client, bcst, box, deadline, \
    gid, helo, host_atom, ip, leaf, new_id, slow, text, u16, u32, units
from net import PORT, NetCase
from test_pcp import OPENER, YellowPage
from test_relay import Upstream


def push_atom(address, port=PORT, cid=None):
    return box("push", ip("ip", address), u16("port", port), gid("cid", cid or "0" * 32))


def giv_line(cid=None):
    return b"GIV /%s\r\n\r\n" % cid.encode() if cid else b"GIV\r\n\r\n"


class Seeker:
    """A node with an open port, by hand: asks for a channel, and takes what dials it."""

    def __init__(self, case, place=None):
        self.place = place or case.machine()
        self.sid = new_id()
        with self.place.inside():
            self.server = socket.create_server(("0.0.0.0", PORT), backlog=64)
        case.addCleanup(self.server.close)

    def ask(self, node, cid, port=PORT):
        """Names of the atoms of a refusal."""
        with self.place.inside(), Client(node.port, node.host) as c:
            c.request("GET", "/channel/%s" % cid, {"x-peercast-pcp": 1})
            c.send_atom(helo(self.sid, port=port))
            assert c.read_head() == 503, c.head
            names = []
            while "quit" not in names:
                names.append(c.read_atom().name)
            return names

    def given(self, seconds=10):
        """The next one that dials, behind its GIV; None when there is none."""
        self.server.settimeout(seconds * harness.PATIENCE)
        try:
            s, peer = self.server.accept()
        except TimeoutError:
            return None
        c = Client.of(s)
        c.peer = peer[0]
        c.line = c.read_until(b"\r\n\r\n")
        return c

    def fetch(self, c, cid):
        """Over such a connection: the session of the other end, and its first two packets."""
        c.request("GET", "/channel/%s" % cid, {"x-peercast-pcp": 1})
        c.send_atom(helo(self.sid, port=PORT))
        assert c.read_head() == 200, c.head
        sid = c.read_atom()["sid"].hex
        return sid, [c.wait_atom("chan")["pkt"]["type"].data for _ in range(2)]


# --- accepting --------------------------------------------------------------------------------------

class Accept(BoxCase):
    """A relay whose only source does not answer yet, and connections that are given to it."""

    def setUp(self):
        self.n = self.node()
        self.up = Upstream(self)
        self.cid = new_id()
        self.viewer = self.closing(self.n.client())
        self.viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
        self.c = self.closing(self.up.accept())

    def give(self, data=None):
        g = self.closing(self.n.client())
        g.send(data or giv_line(self.cid))
        return g

    def refuse(self):
        """The source is full and names nobody: the relay searches."""
        self.up.handshake(self.c, 503)
        self.c.send_atom(u32("quit", 1003))
        self.c.close()

    def pending(self):
        """One that waits, as the source may still answer. There is room for one: of two one is sent away."""
        both = [self.give(), self.give()]
        refused = select.select(both, [], [], harness.WAIT * harness.PATIENCE)[0][0]
        self.assertEqual(refused.read_head(), 503)
        both.remove(refused)
        return both[0]

    def assertServes(self, g):
        self.assertTrue(g.read_until(b"\r\n\r\n").startswith(b"GET /channel/%s HTTP/1.0\r\n" % self.cid.encode()))
        self.up.handshake(g)
        self.up.head(g, self.cid)
        self.up.data(g, self.cid, 4, b"given")
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.viewer.read(9), b"HEADgiven")
        self.assertEqual(g.wait_atom("bcst")["host"]["flg1"].u8 & FLG_RECV, FLG_RECV)

    def test_taken(self):
        self.refuse()
        g = self.give(b"GIV /%s\r\nUser-Agent: x\r\n\r\n" % self.cid.lower().encode())
        self.assertServes(g)
        source = self.n.rpc("getChannelConnections", [self.cid])[0]
        self.assertEqual(source["remoteEndPoint"], "127.0.0.1:%d" % g.sock.getsockname()[1])
        # it has one now: no other is wanted
        self.assertEqual(self.give().read_head(), 503)

    def test_what_came_with_it(self):
        self.refuse()
        g = self.give(giv_line(self.cid) + b"HTTP/1.0 200 OK\r\n\r\n" + box("oleh", gid("sid", self.up.sid)).encode())
        g.read_until(b"\r\n\r\n")
        self.assertEqual(g.read_atom().name, "helo")
        self.up.head(g, self.cid)
        self.up.data(g, self.cid, 4, b"given")
        self.assertEqual(self.viewer.read_head(), 200)

    def test_waits_for_the_search(self):
        """One may wait while another host is tried."""
        g = self.pending()
        self.refuse()
        self.assertServes(g)

    def test_another_was_found(self):
        g = self.pending()
        self.up.handshake(self.c)
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 4, b"found")
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(g.read_head(), 503)
        self.assertEqual(self.viewer.read(9), b"HEADfound")

    def test_the_channel_ends(self):
        g = self.pending()
        self.n.rpc("stopChannel", [self.cid])
        self.assertEqual(g.read_head(), 503)
        self.n.wait_no_channel(cid=self.cid)

    def test_the_node_ends(self):
        g = self.pending()
        self.n.stop()
        self.assertEqual(g.expect_close(), b"")

    def test_the_given_one_leaves(self):
        """It was gone before it was used: the search goes on."""
        g = self.pending()
        g.close()
        self.refuse()
        self.n.wait_log("fetch .*: answer 0")
        self.assertServes(self.give())

    @slow
    def test_nobody_uses_it(self):
        """The source takes its time; after thirty seconds the other is told that it is not needed."""
        g = self.pending()
        start = time.monotonic()
        self.assertRaises(TimeoutError, g.read_some, 12 / harness.PATIENCE)
        self.c.send(b"HTTP/1.0 200 OK\r\n\r\n")
        self.assertEqual(self.c.read_atom().name, "helo")
        self.assertEqual(g.read_head(30), 503)
        self.assertLess(abs(time.monotonic() - start - 30), 2)
        again = self.give()              # its place is free
        self.assertRaises(TimeoutError, again.read_some, 1 / harness.PATIENCE)

    def test_refused(self):
        push = self.push(self.n, name="mine")
        mine = self.n.wait_channel("mine")["channelId"]
        for name, line, status in (
                ("unknown channel", giv_line(new_id()), 404),
                ("no id", b"GIV /xyz\r\n\r\n", 404),
                ("short id", b"GIV /%s\r\n\r\n" % self.cid[:31].encode(), 404),
                ("broadcast", giv_line(mine), 503),
                ("nobody for control", giv_line(), 503),
                ("zero id", giv_line("0" * 32), 503),
                ("no GIV", b"GIVE /%s\r\n\r\n" % self.cid.encode(), 400),
                ("header without end", b"GIV /%s\r\n" % self.cid.encode() + b"x: y\r\n" * 101 + b"\r\n", 431)):
            with self.subTest(name), self.n.client() as c:
                c.send(line)
                self.assertEqual(c.read_head(), status)
                c.expect_close()
        push.stop()


class AcceptControl(BoxCase):
    """A tracker whose root is full takes a connection that is given to it."""

    def setUp(self):
        self.yp = YellowPage()
        self.addCleanup(self.yp.close)
        self.n = self.node({"rootHost": self.yp.address})
        self.push(self.n, name="mine")
        self.c = self.closing(self.yp.accept())

    def test_taken(self):
        sid = new_id()
        self.c.send_atom(self.yp.oleh())
        self.c.send_atom(u32("quit", 1003))
        self.n.wait_log("refuses")
        g = self.closing(self.n.client())
        g.send(giv_line())
        self.assertEqual(g.read(12), OPENER)
        hello = g.read_atom()
        self.assertEqual((hello.name, "bcid" in hello), ("helo", False))
        # what it says of our address does not count
        g.send_atom(box("oleh", text("agnt", AGENT), gid("sid", sid), u32("ver", 1218), ip("rip", "198.51.100.77"),
                        u16("port", 7144)))
        g.send_atom(u32("ok", 0))
        g.send_atom(bcst(GRP_ALL, sid, box("root", leaf("upd"))))       # nor is it a root
        got = g.wait_atom("bcst", 5)
        self.assertEqual(got["chan"]["info"]["name"].text, "mine")
        self.assertNotIn("198.51.100.77", str(self.n.rpc("getStatus")))
        # it is talked to: no other is wanted
        with self.n.client() as other:
            other.send(giv_line())
            self.assertEqual(other.read_head(), 503)

    def test_not_wanted_while_connected(self):
        self.c.send_atom(self.yp.oleh())
        self.c.send_atom(u32("ok", 0))
        self.c.send_atom(box("root", leaf("upd")))
        self.c.wait_atom("bcst")
        with self.n.client() as g:
            g.send(giv_line())
            self.assertEqual(g.read_head(), 503)


# --- asking -----------------------------------------------------------------------------------------

class Ask(BoxCase):
    """Who cannot be served, and is told of nobody, is dialled by somebody: what is sent, and to whom."""

    def check(self, push, node, to, cid):
        self.assertEqual([a.name for a in push.children],
                         ["grp", "hops", "ttl", "dest", "from", "vers", "vrvp", "vexp", "vexn", "push"])
        self.assertEqual((push["grp"].u8, push["hops"].u8, push["ttl"].u8), (0xff, 0, 7))
        self.assertEqual(push["dest"].hex, to.sid)
        self.assertEqual(push["from"].hex, node)
        self.assertEqual([a.name for a in push["push"].children], ["ip", "port", "cid"])
        self.assertEqual((push["push"]["ip"].ip, push["push"]["port"].u16), ("203.0.113.5", 7333))
        self.assertEqual(push["push"]["cid"].hex, cid)

    def own(self, node):
        """Wait until the node takes 203.0.113.5 for its address, which a caller on loopback gets too."""
        self.wait(lambda: node.rpc("getStatus")["globalRelayEndPoint"][0] == "203.0.113.5")

    def test_tracker_of_a_root(self):
        root = self.root({"forceIP": "203.0.113.5"})
        self.own(root)
        f, g, cid = self.control(root), self.control(root), new_id()
        f.announce(cid, name="F", flags=FLG_TRACKER | FLG_PUSH | FLG_RECV | FLG_RELAY)
        self.wait(lambda: cid in root.get("/admin?cmd=viewxml").text)
        r = self.relay(root, cid, port=7333)
        self.assertEqual((r.status, r.oleh["rip"].ip), (503, "203.0.113.5"))
        self.assertEqual(r.wait_atom("quit").u32, 1003)
        self.check(f.wait_atom("bcst"), r.oleh["sid"].hex, f, cid)
        # once in half a minute, whoever asks; never one whose port is closed
        for port in (7333, 0):
            self.relay(root, cid, port=port).wait_atom("quit")
        g.send_atom(bcst(GRP_ALL, g.sid, push_atom("203.0.113.6"), dest=f.sid))
        self.assertEqual(f.wait_atom("bcst")["from"].hex, g.sid)

    def test_tracker_for_a_control_connection(self):
        node = self.node({"forceIP": "203.0.113.5", "maxControlConnections": 1})
        self.own(node)
        self.push(node, name="mine")
        cid = node.wait_channel("mine")["channelId"]
        f = self.control(node)
        self.assertIsNone(f.quit)
        f.send_atom(bcst(1, f.sid, host_atom(f.sid, cid, "203.0.113.9", 0, flags=FLG_TRACKER | FLG_PUSH | FLG_RECV),
                         cid=cid))
        self.wait(lambda: 'push="1"' in node.get("/admin?cmd=viewxml").text)
        r = self.control(node, port=7333)
        self.assertEqual(r.quit, 1003)
        self.check(f.wait_atom("bcst"), r.oleh["sid"].hex, f, "0" * 32)


# --- the whole of it --------------------------------------------------------------------------------

class Through(NetCase):
    """A stream out of home networks whose ports are closed."""

    def broadcast(self, node, **kw):
        self.push(node, "N", **kw)
        return node.wait_channel("N")["channelId"]

    def plays(self, node, cid, query="", seconds=30):
        """It comes, without a gap; the address of the source."""
        with node.view(cid, query) as v:
            self.assertEqual(v.status, 200)
            data, end = b"", deadline(seconds)
            while len(units(data)) < 10 and time.monotonic() < end:
                data += v.read_some()
            source = node.rpc("getChannelConnections", [cid])[0]["remoteEndPoint"]
        seen = units(data)
        self.assertGreaterEqual(len(seen), 10)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        return source.rsplit(":", 1)[0]

    def announced(self, root, cid):
        self.wait(lambda: cid in root.get("/admin?cmd=viewxml").text, what="announced")

    def test_broadcaster(self):
        """Broadcaster F behind a NAT, its root S, and R outside, who is told of S."""
        s, home = self.root(), self.lan()
        f = self.tracker(s, place=home.machine())
        cid = self.broadcast(f)
        self.announced(s, cid)
        r = self.tree_node(name="relay")
        self.assertEqual(self.plays(r, cid, "?tip=" + s.address), home.ip)
        relay = [c for c in f.rpc("getChannelConnections", [cid]) if c["type"] == "relay"]
        self.assertEqual([c["remoteEndPoint"] for c in relay], [r.address])

    def test_by_the_yp(self):
        """The same, when R knows nothing but the YP."""
        s = self.root()
        f = self.tracker(s, place=self.lan().machine())
        cid = self.broadcast(f)
        self.announced(s, cid)
        self.plays(self.tree_node({"rootHost": s.address}), cid)

    @slow
    def test_one_after_the_other(self):
        """F is asked once in half a minute; who comes meanwhile asks again, and is served then."""
        s = self.root()
        f = self.tracker(s, {"maxRelays": 5}, place=self.lan().machine())
        cid = self.broadcast(f)
        self.announced(s, cid)
        self.plays(self.tree_node(), cid, "?tip=" + s.address)
        start = time.monotonic()
        c = self.closing((late := self.tree_node()).client())
        c.request("GET", "/stream/%s?tip=%s" % (cid, s.address))
        self.assertEqual(c.read_head(60), 200)
        self.assertGreater(time.monotonic() - start, 20)
        self.assertTrue(late.find_channel(cid=cid)["status"]["isReceiving"])

    def test_relays(self):
        """S outside is full of relays behind NATs, one of which has one more behind it. Three that come
        are dialled by the three, each once."""
        s = self.tree_node({"maxRelays": 2, "maxDirect": 0}, name="broadcaster")
        cid = self.broadcast(s)
        home, other = self.lan(), self.lan()
        a, f, z = (self.node(place=h.machine(), name=n) for h, n in ((home, "a"), (home, "f"), (other, "z")))
        viewers = []
        for node, tip in ((a, s.address), (z, s.address), (f, a.address)):
            v = self.closing(node.view(cid, "?tip=" + tip))
            self.assertEqual(v.status, 200)
            viewers.append(v)
        self.wait(lambda: s.viewxml().find("channels_found/channel/hits").get("hosts") == "3", 20)
        seen, addresses = set(), []
        for _ in range(3):
            r = Seeker(self)
            self.assertEqual(r.ask(s, cid), ["oleh", "quit"])
            c = self.closing(r.given())
            self.assertEqual(c.line, giv_line(cid))
            sid, packets = r.fetch(c, cid)
            self.assertEqual(packets, [b"head", b"data"])
            addresses.append(c.peer)
            seen.add(sid)
        self.assertEqual(sorted(addresses), sorted([home.ip, home.ip, other.ip]))
        self.assertEqual(len(seen), 3)
        # now they all were asked
        r = Seeker(self)
        self.assertEqual(r.ask(s, cid), ["oleh", "quit"])
        self.assertIsNone(r.given(0.5))

    def test_ipv6(self):
        """No NAT, but a router that lets nobody in; it says so, or S would wait for it."""
        s, home = self.root(), self.lan()
        home.nft("insert rule inet filter forward iifname eth0 ct state new reject with tcp reset")
        f = self.node({"rootHost": "[%s]:%d" % (s.place.ip6, PORT)}, place=home.machine())
        cid = self.broadcast(f, ipv=6)
        self.announced(s, cid)
        r = self.tree_node(place=self.machine(ipv4=False))
        self.assertEqual(self.plays(r, cid, "?tip=[%s]:%d" % (s.place.ip6, PORT)), "[%s]" % f.place.ip6)


class Limits(NetCase):
    """A broadcaster and its YP, made by hand, that wants it to dial."""

    def setUp(self):
        super().setUp()
        self.y = self.machine()
        with self.y.inside():
            self.server = socket.create_server(("0.0.0.0", PORT))
        self.addCleanup(self.server.close)
        self.f = self.node({"rootHost": self.y.ip})
        self.push(self.f, "N")
        self.cid = self.f.wait_channel("N")["channelId"]
        self.server.settimeout(harness.WAIT * harness.PATIENCE)
        self.c = self.closing(Client.of(self.server.accept()[0]))
        self.assertEqual(self.c.read(12), OPENER)
        self.sid = self.c.read_atom()["sid"].hex
        self.me = new_id()
        self.c.send_atom(box("oleh", text("agnt", AGENT), gid("sid", self.me), u32("ver", 1218),
                             ip("rip", self.f.host), u16("port", 0)))
        self.c.send_atom(u32("ok", 0))
        self.c.send_atom(box("root", leaf("upd")))
        self.c.wait_atom("bcst")

    def push_of(self, address, port=PORT, cid=None, dest=None, sender=None):
        return bcst(GRP_ALL, sender or self.me, push_atom(address, port, cid or self.cid), dest=dest or self.sid)

    def asked(self):
        """The node has dealt with all that was sent."""
        word = new_id()
        self.c.send_atom(box("root", text("asci", word)))
        self.f.wait_log(word)

    def test_where_to(self):
        t = Seeker(self)
        self.net.count(t.place)
        for name, atom in (
                ("low port", self.push_of(t.place.ip, 1023)),
                ("its own address", self.push_of(self.f.host, 8000)),
                ("loopback", self.push_of("127.0.0.1", self.f.port)),
                ("unknown channel", self.push_of(t.place.ip, cid=new_id())),
                ("to another", self.push_of(t.place.ip, dest=new_id())),
                ("other family", self.push_of(t.place.ip6)),
                ("to all", bcst(GRP_ALL, self.me, push_atom(t.place.ip, cid=self.cid))),
                ("bare", push_atom(t.place.ip, cid=self.cid))):
            with self.subTest(name):
                self.c.send_atom(atom)
        self.asked()
        self.assertEqual(self.net.counted(t.place), 0)
        # none of them counted against the limit
        self.c.send_atom(self.push_of(t.place.ip))
        c = self.closing(t.given())
        self.assertEqual((c.line, c.peer), (giv_line(self.cid), self.f.host))
        self.assertEqual(t.fetch(c, self.cid)[0], self.sid)

    def test_flood(self):
        """Thousands of pushes, to whomever and in whosever name: one dials in two seconds, memory stays,
        and neither the viewer nor the sender is dropped."""
        t = Seeker(self)
        self.net.count(t.place)
        viewer = self.closing(self.f.view(self.cid))
        self.asked()
        before, start = self.memory(), time.monotonic()
        for i in range(5000):
            self.c.send_atom(self.push_of(t.place.ip, 1024 + i, sender=new_id()))
        self.c.send_atom(bcst(GRP_ALL, self.me, *[push_atom(t.place.ip, 1024 + i, self.cid) for i in range(200)],
                              dest=self.sid))
        time_up = time.monotonic() - start
        self.asked()
        self.assertLessEqual(self.net.counted(t.place), 1 + (time.monotonic() - start) / 2)
        self.assertGreaterEqual(self.net.counted(t.place), 1)
        if harness.PATIENCE == 1:       # a sanitizer keeps what was freed
            self.assertLess(self.memory() - before, 2048, "KiB more")
        self.assertLess(time_up, 20 * harness.PATIENCE)
        self.assertGreater(len(viewer.read(20000)), 0)

    def memory(self):
        """KiB of the node's own pages."""
        with open("/proc/%d/status" % self.f.pid, encoding="ascii") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))

    def test_ends_while_it_dials(self):
        t = self.machine()
        t.firewall("drop")
        self.net.count(t)
        self.c.send_atom(self.push_of(t.ip))
        self.wait(lambda: self.net.counted(t) > 0)
        self.f.stop()


if __name__ == "__main__":
    unittest.main()
