# SPDX-License-Identifier: GPL-2.0-or-later
"""PCP on control connections: handshake, CIN, COUT, routing, malformed streams (pcp.md 6-8, 10, 18)."""
import contextlib
import os
import signal
import socket
import struct
import time

from harness import (AGENT, DATA, FLG_RECV, FLG_TRACKER, GRP_ALL, GRP_RELAYS, GRP_ROOT, GRP_TRACKERS, PATIENCE,
                     Atom, BoxCase, Client, bcst, box, chan_atom, gid, helo, host_atom, ip, leaf, new_id, text, u16,
                     u32, wait_until)

OPENER = u32("pcp\n", 1).encode()
NOTHING_MORE = 0.3      # seconds without an atom that prove that none comes


def talk(node, data, close=True):
    """Send bytes, read every atom until the node closes."""
    with Client(node.port) as c:
        with contextlib.suppress(OSError):
            c.send(data)
        if not close:
            c.shutdown()
        return Atom.parse(c.expect_close())


def quit_of(atoms):
    return atoms[-1].u32 if atoms and atoms[-1].name == "quit" else None


class Handshake(BoxCase):
    """A node that broadcasts nothing: answered, then refused."""

    def setUp(self):
        self.n = self.node()

    def names(self, data):
        atoms = talk(self.n, data)
        return [a.name for a in atoms], quit_of(atoms)

    def test_off_air(self):
        atoms = talk(self.n, OPENER + helo(new_id(), port=7144).encode())
        self.assertEqual([a.name for a in atoms], ["oleh", "quit"])
        self.assertEqual([c.name for c in atoms[0].children], ["agnt", "sid", "ver", "rip", "port"])
        self.assertEqual(atoms[0]["ver"].u32, 1218)
        self.assertEqual(atoms[0]["port"].u16, 7144)
        self.assertEqual(atoms[1].u32, 1008)

    def test_opener(self):
        greeting = helo(new_id()).encode()
        for name, opener, code in (
                ("no length", leaf("pcp\n").encode(), 1008),
                ("version 100", u32("pcp\n", 100).encode(), 1008),
                ("version 7", u32("pcp\n", 7).encode(), 1008),
                ("length 5", leaf("pcp\n", b"\1\0\0\0\0").encode(), 1006),
                ("length 2^31", b"pcp\n\0\0\0\x80", 1006),
                ("length 100 MB", b"pcp\n\0\0\0\6", 1006)):
            with self.subTest(name):
                self.assertEqual(self.names(opener + greeting)[1], code)

    def test_helo(self):
        sid = new_id()
        own = talk(self.n, OPENER + helo(new_id()).encode())[0]["sid"].hex
        for name, atom, answer, code in (
                ("no sid", box("helo", text("agnt", "x"), u32("ver", 1218)), ["oleh", "quit"], 1005),
                ("zero sid", helo("0" * 32), ["oleh", "quit"], 1005),
                ("sid of 15 bytes", box("helo", u32("ver", 1218), leaf("sid", b"x" * 15)),
                 ["oleh", "quit"], 1005),
                ("old", helo(sid, version=1199), ["oleh", "quit"], 1007),
                ("version 0", helo(sid, version=0), ["oleh", "quit"], 1007),
                ("own sid", helo(own), ["quit"], 1004),
                ("not helo", box("chan", gid("id", sid)), ["quit"], 1006),
                ("helo as leaf", leaf("helo", b"abc"), ["quit"], 1006),
                ("agent of 64", helo(sid, agent="a" * 64), ["oleh", "quit"], 1008),
                ("agent of 65", helo(sid, agent="a" * 65), ["oleh", "quit"], 1008),
                ("agent of 10000", helo(sid, agent="a" * 10000), ["oleh", "quit"], 1008),
                ("agent with controls", helo(sid, agent="a\n\x1b[2J"), ["oleh", "quit"], 1008),
                ("unknown container", box("helo", u32("ver", 1218), gid("sid", sid),
                                          box("zzzz", box("yyyy", u32("xxxx", 1)))),
                 ["oleh", "quit"], 1008)):
            with self.subTest(name):
                self.assertEqual(self.names(OPENER + atom.encode()), (answer, code))
        self.assertIsNone(self.n.out.find("\x1b"))

    def test_agents(self):
        """Those that know no continuation packets are turned away, where the operator wants it so (6.7)."""
        picky = self.node(blocks="\n[Flags]\nrequireContinuationPacketSupportFromPeer = Yes\n[End]\n")
        for agent, code in (("PeerCast/0.1218 (YT14)", 1007), ("PeerCastStation/2.7.9", 1007), ("PeerCast/0.1218-J", 1007),
                            ("PeerCast/0.1218 (YT15)", 1008), ("PeerCastStation/2.8.0", 1008), ("Else/1", 1008)):
            for node, want in ((picky, code), (self.n, 1008)):
                with self.subTest(agent=agent, picky=node is picky):
                    atoms = talk(node, OPENER + helo(new_id(), agent=agent).encode())
                    self.assertEqual(([a.name for a in atoms], quit_of(atoms)), (["oleh", "quit"], want))
        picky.wait_log('unknown agent "Else/1"')
        # a port test is answered, whoever it is
        self.assertEqual(quit_of(talk(picky, OPENER + box("helo", gid("sid", new_id())).encode())), 1008)

    def test_wide_port(self):
        atoms = talk(self.n, OPENER + box("helo", u32("ver", 1218), gid("sid", new_id()),
                                          u32("port", 7144)).encode())
        self.assertEqual(atoms[0]["port"].u16, 0)

    def test_framing(self):
        """Limits count from the header: nothing is awaited, nothing is allocated for the claim."""
        nested = b"".join(b"helo" + struct.pack("<I", 0x80000001) for _ in range(1000))
        for name, data in (
                ("leaf of 2^31-1", b"helo" + struct.pack("<I", 0x7fffffff)),
                ("2^31-1 children", b"helo" + struct.pack("<I", 0xffffffff)),
                ("1025 children", b"helo" + struct.pack("<I", 0x80000401)),
                ("1000 deep", nested),
                ("child of 1 MB", b"helo\2\0\0\x80sid\0\0\0\x10\0"),
                ("HTTP", b"HTTP/1.0 503 Service Unavailable\r\n\r\n")):
            with self.subTest(name):
                self.assertEqual(self.names(OPENER + data), (["quit"], 1006))
        self.n.wait_log("peer answered HTTP")

    def test_cut(self):
        """Ends in the middle of things: no answer but the close."""
        whole = OPENER + helo(new_id()).encode()
        for n in (0, 3, 4, 9, 12, 15, 20, len(whole) - 1):
            with self.subTest(n):
                self.assertEqual(talk(self.n, whole[:n], close=False), [])

    def test_byte_by_byte(self):
        with Client(self.n.port) as c:
            for b in OPENER + helo(new_id()).encode():
                c.send(bytes([b]))
            self.assertEqual([a.name for a in Atom.parse(c.expect_close())], ["oleh", "quit"])

    def test_bare_connect_is_quiet(self):
        Client(self.n.port).close()
        talk(self.n, OPENER, close=False)
        talk(self.n, OPENER + helo(new_id()).encode())
        self.n.wait_log("cin .* quit 1008")
        self.assertIsNone(self.n.out.find(r"\[(INFO|WARN|EROR)\].*servent \d"))

    def test_filter(self):
        n = self.node({"trustLocalhost": "No"}, blocks="[Filter]\nip = 127.0.0.1\nban = Yes\n[End]\n")
        self.assertEqual(quit_of(talk(n, OPENER + helo(new_id()).encode())), 1003)


class PortTest(BoxCase):
    """We are asked to test a port (7.6). Loopback peers are tested at the node's own global address, when
    it has one; else not at all."""

    def ask(self, answer_sid=None, listen=True):
        n, sid = self.node(), new_id()
        with socket.socket() as server:
            server.bind(("", 0))
            if listen:
                server.listen()
            port = server.getsockname()[1]
            with Client(n.port) as c:
                c.send(OPENER + helo(sid, ping=port).encode())
                got = b""
                if listen and self.is_global(n):
                    server.settimeout(10 * PATIENCE)
                    peer, _ = server.accept()
                    with peer:
                        peer.settimeout(10 * PATIENCE)
                        while len(got) < 44:
                            got += peer.recv(44 - len(got))
                        peer.sendall(box("oleh", gid("sid", answer_sid or sid)).encode())
                        self.assertEqual(peer.recv(12), u32("quit", 1000).encode())
                oleh = c.read_atom()
        return oleh["port"].u16, port, got, self.is_global(n)

    @staticmethod
    def is_global(n):
        oleh = talk(n, OPENER + helo(new_id()).encode())[0]
        return not oleh["rip"].ip.startswith("127.")

    def test_open(self):
        seen, port, got, tested = self.ask()
        self.assertEqual(seen, port if tested else 0)
        if tested:
            self.assertEqual(got[:20], OPENER + b"helo\1\0\0\x80")
            self.assertEqual(got[20:28], b"sid\0\x10\0\0\0")

    def test_other_node(self):
        self.assertEqual(self.ask(answer_sid=new_id())[0], 0)

    def test_closed(self):
        self.assertEqual(self.ask(listen=False)[0], 0)

    def test_low_port(self):
        n = self.node()
        atoms = talk(n, OPENER + helo(new_id(), ping=1023).encode())
        self.assertEqual(atoms[0]["port"].u16, 0)


class Cin(BoxCase):
    """A node that broadcasts."""

    def setUp(self):
        self.n = self.node({"sourceGraceSec": 0})
        self.p = self.push(self.n, name="mine")
        self.cid = self.n.wait_channel("mine")["channelId"]

    def connected(self, **kw):
        c = self.control(self.n, **kw)
        self.assertIsNone(c.quit)
        upd = c.read_atom()
        self.assertEqual([a.name for a in c.first + [upd]], ["oleh", "ok", "root"])
        self.assertIn("upd", upd)
        return c

    def is_alive(self, c):
        """Everything sent so far was read, and the connection goes on: an addressed push request comes
        back from another one."""
        other = self.connected()
        other.send_atom(bcst(GRP_ALL, other.sid, box("mesg"), dest=c.sid))
        c.wait_atom("bcst", 5)
        other.send_atom(u32("quit", 1000))
        other.expect_close()

    def test_accepted(self):
        self.is_alive(self.connected())

    def test_twice_and_full(self):
        first = self.connected()
        again = self.control(self.n, sid=first.sid)
        self.assertEqual(again.quit, 1002)
        more = [self.connected() for _ in range(2)]
        self.assertEqual(self.control(self.n).quit, 1003)
        more[0].close()
        self.n.wait_log("cin .* ended")
        wait_until(lambda: self.control(self.n).quit is None, what="a free place")

    def test_refusal_names_hosts(self):
        """Trackers that take control connections, without a channel."""
        first = self.connected()
        cid = new_id()
        root = self.root({"maxControlConnections": 1})
        tracker = self.control(root)
        tracker.announce(cid, name="x")
        wait_until(root.chanlog)
        late = self.control(root)
        self.assertEqual(late.quit, 1003)
        self.assertEqual([a.name for a in late.first], ["oleh", "root", "host", "quit"])
        self.assertEqual(late.first[2]["id"].hex, tracker.sid)
        self.assertNotIn("cid", late.first[2])
        self.assertEqual([a.name for a in self.control(root).first], ["oleh", "root", "quit"],
                         "a host is not named twice within two seconds")
        self.is_alive(first)

    def test_port_test_does_not_count(self):
        held = [self.connected() for _ in range(3)]
        with Client(self.n.port) as c:
            c.send(OPENER + box("helo", gid("sid", new_id())).encode())
            self.assertEqual(c.read_atom().name, "oleh")
            c.send_atom(u32("quit", 1000))
            self.assertEqual(c.expect_close(), b"")
        self.assertIsNone(self.n.out.find("maxControlConnections"))
        for c in held:
            c.close()

    def test_broadcast_ends(self):
        c = self.connected()
        self.p.stop()
        self.assertEqual(c.wait_atom("quit").u32, 1008)
        c.expect_close()

    def test_node_stops(self):
        c = self.connected()
        self.n.send_signal(2)
        self.assertEqual(c.wait_atom("quit").u32, 1009)
        c.expect_close()
        self.assertEqual(self.n.wait_exit(), 0)

    def test_unknown_is_skipped(self):
        c = self.connected()
        for atom in (leaf("zzzz", b"abc"), leaf("\xff\1\2\3", b""), leaf("\0\0\0\0"),
                     text("mesg", "m" * 300), helo(c.sid), box("oleh", gid("sid", c.sid)),
                     u32("ok", 1), box("chan", gid("id", self.cid), leaf("zzzz", b"x")),
                     bcst(GRP_ROOT, c.sid, leaf("zzzz", b"x")), box("get"), leaf("pcp\n", b"\1\0\0\0"),
                     box("atom", box("atom", u32("quit", 1000))), bcst(GRP_ROOT, c.sid, u32("quit", 1000)),
                     box("push", ip("ip", "127.0.0.1"), u16("port", 7144)), leaf("host", b"123")):
            c.send_atom(atom)
        self.is_alive(c)
        self.assertEqual(len([line for line in self.n.out.lines if "unknown atom" in line]), 1)

    def test_quit(self):
        for atom in (u32("quit", 1000), leaf("quit", b""), leaf("quit", b"\1\2")):
            c = self.connected()
            c.send_atom(atom)
            self.assertEqual(c.expect_close(), b"")

    def test_own_from(self):
        c = self.connected()
        c.send_atom(bcst(GRP_ALL, c.oleh["sid"].hex, box("mesg")))
        self.assertEqual(c.wait_atom("quit").u32, 1004)
        c.expect_close()

    def test_limits(self):
        deep = box("bcst", box("atom", box("atom", box("atom", box("atom", box("mesg"))))))
        for name, data in (
                ("leaf over 16 KiB", b"mesg" + struct.pack("<I", 16385)),
                ("atom over 64 KiB", b"chan" + struct.pack("<I", 0x80000005) +
                 (b"zzzz" + struct.pack("<I", 16000) + bytes(16000)) * 4 + b"zzzz\x80\x3e\0\0"),
                ("4097 atoms", b"atom" + struct.pack("<I", 0x80000400) +
                 (b"atom" + struct.pack("<I", 0x80000400)) * 5),
                ("17 deep", b"".join(b"zzzz" + struct.pack("<I", 0x80000001) for _ in range(17))),
                ("bags 5 deep", deep.encode())):
            with self.subTest(name):
                c = self.connected()
                c.send(data)
                self.assertEqual(c.wait_atom("quit").u32, 1006)
                c.expect_close()

    def test_pipelined(self):
        sid = new_id()
        with Client(self.n.port) as c:
            c.send(OPENER + helo(sid).encode() + u32("quit", 1000).encode())
            self.assertEqual([a.name for a in Atom.parse(c.expect_close())], ["oleh", "ok", "root"])

    def test_injected_packets(self):
        """Stream packets from anybody but the upstream are counted, the third ends the connection, and no
        viewer sees one."""
        c = self.connected()
        with self.n.view(self.cid) as v:
            v.read(2000)
            evil = box("chan", gid("id", self.cid),
                       box("pkt", leaf("type", b"data"), u32("pos", 0), leaf("data", b"EVIL" * 100)))
            for _ in range(3):
                c.send_atom(evil)
            self.assertEqual(c.wait_atom("quit").u32, 1006)
            self.assertNotIn(b"EVIL", v.read(20000))

    def test_injected_info(self):
        c = self.connected()
        c.announce(self.cid, name="stolen")
        self.is_alive(c)
        self.assertIsNotNone(self.n.find_channel(name="mine"))
        self.assertIsNone(self.n.find_channel(name="stolen"))

    def test_root_atom(self):
        """Not a root: settings from a client are ignored, bare and wrapped."""
        c = self.connected()
        evil = box("root", u32("uint", 1), u32("next", 1), text("asci", "evil"), leaf("upd"))
        c.send_atom(evil)
        c.send_atom(bcst(GRP_TRACKERS, c.sid, evil))
        self.is_alive(c)
        self.assertIsNone(self.n.out.find("evil"))


class Routing(BoxCase):
    """Broadcasts through a tracker (10)."""

    def setUp(self):
        self.n = self.node({"maxRelays": 10, "maxControlConnections": 10})
        self.push(self.n, name="mine")
        self.cid = self.n.wait_channel("mine")["channelId"]

    def child(self):
        r = self.relay(self.n, self.cid)
        self.assertEqual(r.status, 200)
        return r

    def next_bcst(self, c, seconds=5):
        return c.wait_atom("bcst", seconds)

    def no_bcst(self, c, upto):
        """None but this one arrives."""
        got = self.next_bcst(c)
        self.assertEqual(got["from"].hex, upto)

    def test_down(self):
        a, b = self.child(), self.child()
        a.send_atom(bcst(GRP_RELAYS, a.sid, leaf("zzzz", b"payload"), cid=self.cid, ttl=5, hops=3))
        got = self.next_bcst(b)
        self.assertEqual(got["ttl"].u8, 4)
        self.assertEqual(got["hops"].u8, 4)
        self.assertEqual(got["from"].hex, a.sid)
        self.assertEqual(got["zzzz"].data, b"payload")
        self.assertEqual([x.name for x in got.children],
                         ["grp", "hops", "ttl", "from", "vers", "vrvp", "vexp", "vexn", "cid", "zzzz"])

    def test_where_it_goes(self):
        """ttl, group and channel decide; never back to where it came from."""
        a, b, c = self.child(), self.child(), self.control(self.n)
        mark, back = new_id(), new_id()
        for atom in (bcst(GRP_RELAYS, new_id(), box("mesg"), cid=self.cid, ttl=1),
                     bcst(0, new_id(), box("mesg"), cid=self.cid),
                     bcst(GRP_ROOT, new_id(), box("mesg"), cid=self.cid),
                     bcst(GRP_TRACKERS, new_id(), box("mesg"), cid=self.cid),
                     bcst(GRP_RELAYS, new_id(), box("mesg"), cid=new_id())):
            a.send_atom(atom)
        a.send_atom(bcst(GRP_RELAYS, mark, box("mesg")))
        self.no_bcst(b, mark)
        self.no_bcst(c, mark)
        b.send_atom(bcst(GRP_RELAYS, back, box("mesg")))
        self.no_bcst(a, back)

    def test_addressed(self):
        a, b, c = self.child(), self.child(), self.child()
        behind, mark = new_id(), new_id()
        b.send_atom(bcst(GRP_TRACKERS, behind, box("mesg"), cid=self.cid, ttl=11, hops=1))
        def is_routed():
            a.send_atom(bcst(GRP_ALL, a.sid, leaf("zzzz", os.urandom(4)), dest=behind))
            try:
                return self.next_bcst(b, 0.2)
            except (AssertionError, TimeoutError):
                return None
        self.assertEqual(wait_until(is_routed)["dest"].hex, behind)
        a.send_atom(bcst(GRP_RELAYS, mark, box("mesg")))
        self.no_bcst(c, mark)

    def test_info_from_below(self):
        """What a child says of the channel does not reach its siblings, who would believe it."""
        a, b, c = self.child(), self.child(), self.control(self.n)
        real = self.node()
        mark = new_id()
        with real.view(self.cid, "?tip=%s" % self.n.address) as v:
            v.read(1000)
            for s in (a, c):
                s.send_atom(bcst(GRP_RELAYS, new_id(), chan_atom(self.cid, name="stolen"), cid=self.cid))
                s.send_atom(bcst(GRP_ALL, new_id(), box("atom", chan_atom(self.cid, name="stolen"))))
            a.send_atom(bcst(GRP_RELAYS, mark, box("mesg")))
            self.no_bcst(b, mark)
            self.assertEqual(real.find_channel(cid=self.cid)["info"]["name"], "mine")

    def test_up_the_tree(self):
        """A status report climbs from relay to relay; news from above reaches the leaves."""
        real = self.node({"maxRelays": 10})
        with real.view(self.cid, "?tip=%s" % self.n.address) as v:
            v.read(1000)
            leaf_node = self.relay(real, self.cid)
            self.assertEqual(leaf_node.status, 200)
            leaf_node.send_atom(bcst(GRP_TRACKERS, leaf_node.sid, host_atom(
                leaf_node.sid, None, "203.0.113.99", listeners=5, flags=FLG_RECV | 2), cid=self.cid, ttl=11))

            def on_tracker():
                return [h.get("hops") for h in self.n.viewxml().iter("host") if h.get("ip") == "203.0.113.99:7144"]
            self.assertEqual(wait_until(on_tracker, what="the leaf's hit"), ["2"])
            sibling, mark = self.child(), new_id()
            sibling.send_atom(bcst(GRP_RELAYS, mark, leaf("zzzz", b"down"), cid=self.cid))
            got = leaf_node.wait_atom("bcst")
            self.assertEqual((got["from"].hex, got["ttl"].u8, got["hops"].u8), (mark, 5, 2))

    def test_repeated(self):
        """The same packet over another connection is taken once."""
        a, b, c = self.child(), self.child(), self.child()
        origin, mark = new_id(), new_id()
        for _ in range(2):
            a.send_atom(bcst(GRP_RELAYS, origin, leaf("zzzz", b"same"), ttl=7))
            self.assertEqual(self.next_bcst(c)["from"].hex, origin)
        b.send_atom(bcst(GRP_RELAYS, origin, leaf("zzzz", b"same"), ttl=5))
        b.send_atom(bcst(GRP_RELAYS, mark, leaf("zzzz", b"same")))
        self.no_bcst(c, mark)

    def test_status_report(self):
        """What a relay says of itself is in the hit list; what it says of others' channels is not."""
        a = self.child()
        a.send_atom(bcst(GRP_TRACKERS, a.sid, host_atom(a.sid, None, "203.0.113.7", listeners=5,
                                                       flags=FLG_RECV | 2), cid=self.cid, ttl=11))
        other = new_id()
        a.send_atom(bcst(GRP_TRACKERS, a.sid, host_atom(a.sid, other, "203.0.113.7", listeners=5)))

        def hosts():
            return [h.get("ip") for c in self.n.viewxml().iter("channel") if c.get("id") == self.cid
                    for h in c.iter("host")]
        wait_until(lambda: "203.0.113.7:7144" in hosts(), what="the relay's hit")
        self.assertNotIn(other, [c.get("id") for c in self.n.viewxml().iter("channel")])
        b = self.child()
        b.send_atom(bcst(GRP_TRACKERS, b.sid, host_atom(a.sid, None, "203.0.113.7", flags=0), cid=self.cid))
        b.send_atom(bcst(GRP_TRACKERS, b.sid, host_atom(b.sid, None, "203.0.113.8", flags=FLG_RECV),
                         cid=self.cid))
        wait_until(lambda: "203.0.113.8:7144" in hosts(), what="the second relay's hit")
        self.assertIn("203.0.113.7:7144", hosts(), "nobody removes another node's host")
        a.send_atom(bcst(GRP_TRACKERS, a.sid, host_atom(a.sid, None, "203.0.113.7", flags=0), cid=self.cid))
        wait_until(lambda: "203.0.113.7:7144" not in hosts(), what="the farewell")


class YellowPage:
    """A root made by hand: accepts one control connection after the other."""

    def __init__(self, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.server = socket.create_server((host, port), family=family)
        self.port = self.server.getsockname()[1]
        self.address = ("[%s]:%d" if ":" in host else "%s:%d") % (host, self.port)
        self.opener = u32("pcp\n", 100 if ":" in host else 1).encode()
        self.sid = new_id()

    def accept(self, seconds=10):
        """A Client behind the tracker's opener and helo."""
        self.server.settimeout(seconds * PATIENCE)
        c = Client.of(self.server.accept()[0])
        assert c.read(12) == self.opener
        c.helo = c.read_atom()
        return c

    def welcome(self, seconds=10, upd=True, **kw):
        """The same, accepted, and asked for updates."""
        c = self.accept(seconds)
        c.send_atom(self.oleh(**kw))
        c.send_atom(u32("ok", 0))
        if upd:
            c.send_atom(box("root", leaf("upd")))
        return c

    def oleh(self, rip="203.0.113.5", port=0, **more):
        return box("oleh", text("agnt", AGENT), gid("sid", self.sid), u32("ver", 1218),
                   ip("rip", rip), u16("port", port), *[u32(k, v) for k, v in more.items()])

    def close(self):
        self.server.close()


class Cout(BoxCase):
    """A broadcaster and its YP."""

    def setUp(self):
        self.yp = YellowPage()
        self.addCleanup(self.yp.close)
        self.n = self.node({"rootHost": self.yp.address, "sourceGraceSec": 0})
        self.p = self.push(self.n, name="mine", genre="g", desc="d")

    def welcome(self, **kw):
        return self.closing(self.yp.welcome(**kw))

    def test_update(self):
        c = self.welcome(port=0)
        self.assertIn("bcid", c.helo)
        self.assertIn("ping", c.helo)
        self.assertNotIn("port", c.helo)
        self.assertEqual(c.helo["ping"].u16, self.n.port)
        got = c.read_atom(2)
        self.assertEqual([a.name for a in got.children],
                         ["grp", "hops", "ttl", "from", "vers", "vrvp", "vexp", "vexn", "cid", "chan", "host"])
        cid = self.n.find_channel("mine")["channelId"].upper()
        self.assertEqual((got["grp"].u8, got["hops"].u8, got["ttl"].u8), (GRP_ROOT, 0, 7))
        self.assertEqual(got["cid"].hex, cid)
        self.assertEqual(got["from"].hex, c.helo["sid"].hex)
        chan = got["chan"]
        self.assertEqual([a.name for a in chan.children], ["id", "bcid", "info", "trck"])
        self.assertEqual(chan["bcid"].hex, c.helo["bcid"].hex)
        self.assertEqual(chan["info"]["name"].text, "mine")
        self.assertEqual(chan["info"]["gnre"].text, "g")
        host = got["host"]
        self.assertEqual(host["cid"].hex, cid)
        self.assertEqual(host["id"].hex, c.helo["sid"].hex)
        self.assertEqual(host["flg1"].u8 & (FLG_TRACKER | FLG_RECV), FLG_TRACKER | FLG_RECV)
        self.assertNotIn("upip", host)
        self.assertEqual(host["ip"].ip, "203.0.113.5", "the YP's word on our address")
        self.assertEqual(host.all("port")[0].u16, 0, "and on our port")
        with self.assertRaises(TimeoutError):
            c.read_atom(NOTHING_MORE)

    def test_open_port(self):
        c = self.welcome(port=self.n.port)
        self.assertEqual(c.read_atom(2)["host"].all("port")[0].u16, self.n.port)
        self.assertEqual(self.n.rpc("getStatus")["isFirewalled"], False)

    def test_without_upd(self):
        start = time.monotonic()
        c = self.welcome(upd=False)
        self.assertEqual(c.read_atom(4).name, "bcst")
        self.assertGreater(time.monotonic() - start, 1.5)

    def test_asked_twice(self):
        """One answer in five seconds."""
        c = self.welcome()
        self.assertEqual(c.read_atom(2).name, "bcst")
        for _ in range(3):
            c.send_atom(bcst(GRP_TRACKERS, self.yp.sid, box("root", u32("uint", 120), u32("next", 120),
                                                            text("asci", "hello & welcome"), leaf("upd"))))
        self.n.wait_log("says: hello & welcome")
        with self.assertRaises(TimeoutError):
            c.read_atom(NOTHING_MORE)
        self.assertEqual(len([x for x in self.n.out.lines if "says:" in x]), 1)

    def test_second_channel(self):
        c = self.welcome()
        c.read_atom(2)
        self.push(self.n, name="other")
        self.assertEqual(c.read_atom(5)["chan"]["info"]["name"].text, "other")

    def test_end_of_broadcast(self):
        c = self.welcome()
        c.read_atom(2)
        self.p.stop()
        got = c.read_atom(5)
        self.assertEqual(got["host"]["flg1"].u8 & (FLG_TRACKER | FLG_RECV), FLG_TRACKER)
        self.assertEqual(c.read_atom(5).u32, 1008)
        self.assertEqual(c.expect_close(), b"")

    def test_end_of_one_of_two(self):
        c = self.welcome()
        c.read_atom(2)
        other = self.push(self.n, name="other")
        c.read_atom(5)
        other.stop()
        got = c.read_atom(5)
        self.assertEqual(got["chan"]["info"]["name"].text, "other")
        self.assertFalse(got["host"]["flg1"].u8 & FLG_RECV)
        with self.assertRaises(TimeoutError):
            c.read_atom(NOTHING_MORE)

    def farewell(self, c, *names):
        """The next atoms take back what was announced."""
        left = set(names)
        while left:
            got = c.read_atom(5)
            self.assertEqual(got["host"]["flg1"].u8 & (FLG_TRACKER | FLG_RECV), FLG_TRACKER)
            left.remove(got["chan"]["info"]["name"].text)

    def test_shutdown(self):
        c = self.welcome()
        c.read_atom(2)
        self.push(self.n, name="other")
        c.read_atom(5)
        self.n.send_signal(2)
        self.farewell(c, "mine", "other")
        self.assertEqual(c.read_atom(5).u32, 1009)
        self.assertEqual(c.expect_close(), b"")
        self.assertEqual(self.n.wait_exit(), 0)

    def test_another_root(self):
        """The one we leave is told so before."""
        c = self.welcome()
        c.read_atom(2)
        other = YellowPage()
        self.addCleanup(other.close)
        with open(self.n.ini_path, encoding="utf-8") as f:
            text_of_it = f.read()
        with open(self.n.ini_path, "w", encoding="utf-8") as f:
            f.write(text_of_it.replace(self.yp.address, other.address))
        self.n.send_signal(signal.SIGHUP)
        self.farewell(c, "mine")
        self.assertEqual(c.read_atom(5).u32, 1000)
        c.expect_close()
        d = self.closing(other.accept(25))
        d.send_atom(other.oleh())
        d.send_atom(u32("ok", 0))
        self.assertEqual(d.read_atom(5)["chan"]["info"]["name"].text, "mine")

    def test_many_channels(self):
        """A burst, then five a second, as older roots take in no more; each is announced."""
        for i in range(22):
            self.push(self.n, name="more %d" % i, interval=0.5)
        self.wait(lambda: len([x for x in self.n.channels() if x["status"]["status"] == "Receiving"]) == 23)
        c = self.welcome()
        at, names = [], set()
        for _ in range(23):
            names.add(c.read_atom(5)["chan"]["info"]["name"].text)
            at.append(time.monotonic())
        self.assertEqual(len(names), 23)
        self.assertGreater(at[22] - at[0], 7 / 5 - 0.1)
        self.assertLess(at[15] - at[0], 1 * PATIENCE)

    def test_refused(self):
        for code, word in ((1003, "unavailable"), (1011, "banned")):
            with self.subTest(code):
                yp = YellowPage()
                self.addCleanup(yp.close)
                n = self.node({"rootHost": yp.address})
                self.push(n, name="mine")
                with contextlib.closing(yp.accept()) as c:
                    c.send_atom(yp.oleh())
                    c.send_atom(u32("quit", code))
                    self.assertEqual(c.expect_close(), b"")
                n.wait_log(r"\[WARN\] cout: .* refuses: quit %d %s" % (code, word))

    def test_disabled(self):
        c = self.closing(self.yp.accept())
        c.send_atom(self.yp.oleh(dis=1))
        c.expect_close()
        self.n.wait_log(r"\[EROR\] cout: .*disabled")

    def test_other_tracker(self):
        """A full YP names trackers; one of them takes us at once."""
        second = YellowPage()
        self.addCleanup(second.close)
        port = int(second.address.split(":")[1])
        c = self.closing(self.yp.accept())
        c.send_atom(self.yp.oleh())
        # a tip by a YP must be a global address: this machine's own, when it has one
        mine = self.machine_address()
        if mine is None:
            self.skipTest("no global address here")
        second.server.close()
        second.server = socket.create_server(("0.0.0.0", port))
        c.send_atom(host_atom(new_id(), None, mine, port))
        c.send_atom(u32("quit", 1003))
        c.expect_close()
        d = self.closing(second.accept())
        self.assertNotIn("bcid", d.helo, "the broadcast id is for the YP alone")
        d.send_atom(second.oleh(rip="198.51.100.1", port=1))
        d.send_atom(u32("ok", 0))
        got = d.read_atom(5)
        self.assertEqual(got["host"]["ip"].ip, "203.0.113.5", "an untrusted node is not believed")
        # nor are its root settings obeyed
        d.send_atom(box("root", text("asci", "evil"), leaf("upd")))
        with self.assertRaises(TimeoutError):
            d.read_atom(NOTHING_MORE)
        self.assertIsNone(self.n.out.find("evil"))

    @staticmethod
    def machine_address():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.connect(("198.51.100.1", 9))
            except OSError:
                return None
            address = s.getsockname()[0]
        private = address.startswith(("127.", "10.", "192.168.", "169.254.")) or \
            address.startswith(tuple("172.%d." % i for i in range(16, 32)))
        return None if private else address

    def test_bad_answers(self):
        for name, data in (
                ("own session", None),
                ("no session", box("oleh", text("agnt", "x")).encode()),
                ("HTTP", b"HTTP/1.0 503 Service Unavailable\r\n\r\n"),
                ("nine others", u32("ok", 0).encode() * 9),
                ("huge", b"oleh\xff\xff\xff\xff"),
                ("nothing", b"")):
            with self.subTest(name):
                yp = YellowPage()
                self.addCleanup(yp.close)
                n = self.node({"rootHost": yp.address})
                self.push(n, name="mine")
                with contextlib.closing(yp.accept()) as c:
                    c.send(data if data is not None else box("oleh", gid("sid", c.helo["sid"].hex)).encode())
                    if data == b"":
                        c.shutdown()
                    got = Atom.parse(c.expect_close())
                want = {"own session": 1004, "no session": 1005, "nothing": None}.get(name, 1006)
                self.assertEqual(quit_of(got), want)
                n.wait_log(r"\[WARN\] cout: ")

    def test_no_yp_there(self):
        yp = YellowPage()
        yp.close()
        n = self.node({"rootHost": yp.address})
        self.push(n, name="mine")
        n.wait_log(r"\[WARN\] cout: cannot connect to yellow page .*refused")


class Captured(BoxCase):
    """Client streams recorded against, or made for, a root: one fault each."""

    # file: quit code, None = the connection stays
    WANT = {
        "already_connected": None, "amp_100": None, "atom_bigger_than_packet": 1006, "bad_utf8": None,
        "bcid_mismatch": None, "children_7fffffff": 1006, "ctrl_chars": None, "empty_name": None,
        "first_atom_not_helo": 1006, "good_announce": None, "host_ip_zero": None, "host_not_recv": None,
        "host_only": None, "nested_1000": 1006, "no_sid": 1005, "null_channel_id": None, "pcp_length_5": 1006,
        "pcp_version_100": None, "root_atom_to_root": 1006, "shift_jis": None, "string_255_no_nul": None,
        "string_259": None, "string_no_nul": None, "string_over_256": None, "type_attr_inject": None,
        "type_quote": None, "unknown_in_bcst": None, "unknown_in_chan": None, "unknown_top_atom": None,
        "version_1199": 1007, "xml_inject": None,
    }

    def test_all(self):
        folder = os.path.join(DATA, "pcp/bad")
        root = self.root()
        for file in sorted(os.listdir(folder)):
            name = file.split(".")[0]
            with self.subTest(name), open(os.path.join(folder, file), "rb") as f:
                want = self.WANT[name]
                with Client(root.port) as c:
                    with contextlib.suppress(OSError):
                        c.send(f.read())
                    if want is None:
                        # behind it an announcement still arrives
                        cid = new_id()
                        c.send_atom(bcst(GRP_ROOT, new_id(), chan_atom(cid, new_id(), name="after " + name)))
                        wait_until(lambda cid=cid: any(r.find("channel").get("id") == cid
                                                       for r in root.chanlog()), what="record")
                        c.send_atom(u32("quit", 1000))
                        self.assertNotIn("quit", [a.name for a in Atom.parse(c.expect_close())])
                    else:
                        self.assertEqual(quit_of(Atom.parse(c.expect_close())), want)
        root.viewxml()
        self.assertTrue(all(r.tag == "update" for r in root.chanlog()))
