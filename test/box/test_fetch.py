# SPDX-License-Identifier: GPL-2.0-or-later
"""Choosing, leaving and losing an upstream (pcp.md 7.4, 9.5, 11.5), seen by those below."""
import re
import select
import socket
import time
import unittest

import harness
from harness import (FLG_RECV, FLG_RELAY, PATIENCE, BoxCase, box, gid, host_atom, leaf, new_id, slow, text, u16, u32)
from test_relay import Upstream

WRAP = 1 << 32


class Source(Upstream):
    """A scripted node with a stream of numbered pieces of 8 bytes: piece i stands at position 4 + 8 i."""

    def serve(self, c, cid, *pieces):
        self.handshake(c)
        self.head(c, cid)
        self.send(c, cid, *pieces)

    def send(self, c, cid, *pieces):
        for i in pieces:
            self.data(c, cid, 4 + 8 * i, b"piece%03d" % i)

    def refuse(self, c, *atoms):
        self.handshake(c, 503)
        for a in atoms:
            c.send_atom(a)
        c.send_atom(u32("quit", 1003))
        c.close()

    def hit(self, cid, flags=FLG_RELAY | FLG_RECV):
        return host_atom(self.sid, cid, "127.0.0.1", self.port, flags=flags)

    def is_asked(self, seconds):
        return bool(select.select([self.listener], [], [], seconds)[0])


def wanted(c):
    return int(re.search(rb"x-peercast-pos: (\d+)\r\n", c.request_head).group(1))


class FetchCase(BoxCase):
    ini = {}

    def setUp(self):
        super().setUp()
        self.n = self.node(self.ini)
        self.cid = new_id()
        self.up = Source(self)
        self.viewer = self.view()
        self.c = self.closing(self.up.accept())

    def view(self):
        c = self.closing(self.n.client())
        c.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
        return c

    def begin(self):
        self.up.serve(self.c, self.cid, 0)
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.viewer.read(4), b"HEAD")
        self.sees(0)

    def sees(self, *pieces, seconds=10):
        for i in pieces:
            self.assertEqual(self.viewer.read(8, seconds), b"piece%03d" % i)

    def bump(self, to=None):
        query = "&ip=127.0.0.1:%d" % to.port if to else ""
        self.assertEqual(self.n.get("/admin?cmd=bump&id=%s%s" % (self.cid, query)).status, 302)

    def left(self, c):
        """We said good-bye: a last report, then quit."""
        report = None
        while True:
            a = c.read_atom()
            if a.name == "quit":
                self.assertEqual(a.u32, 1000)
                self.assertTrue(report is None or not report["host"]["flg1"].u8 & FLG_RECV)
                return
            report = a

    def skips(self):
        relay = next(c for c in self.n.viewxml().iter("channel") if c.get("id") == self.cid).find("relay")
        return int(relay.get("skips", 0))


class Changes(FetchCase):
    """Another upstream is gone over to without a gap, once it has proven itself."""

    def setUp(self):
        super().setUp()
        self.begin()
        self.c.wait_atom("bcst")
        self.other = Source(self)

    def test_bump(self):
        self.bump(self.other)
        d = self.closing(self.other.accept())
        self.assertEqual(wanted(d), 12)
        self.up.send(self.c, self.cid, 1)       # the one in use goes on meanwhile
        self.sees(1)
        self.other.serve(d, self.cid, 0)        # nothing that was not there when it was asked
        self.up.send(self.c, self.cid, 2)
        self.sees(2)
        self.up.send(self.c, self.cid, 3)
        self.other.send(d, self.cid, 1, 2, 3, 4)
        self.sees(3, 4)
        self.left(self.c)
        self.other.send(d, self.cid, 5)
        self.sees(5)
        report = d.wait_atom("bcst")["host"]
        self.assertEqual((report["upip"].ip, report["uppt"].u32), ("127.0.0.1", self.other.port))
        self.assertEqual(self.skips(), 0)

    def test_bump_to_one_that_is_no_better(self):
        for i, answer in enumerate(("404", "503", "garbage", "close", "quit", "self")):
            with self.subTest(answer):
                self.up.send(self.c, self.cid, i + 1)   # so that nothing else speaks against it
                self.sees(i + 1)
                other = Source(self)
                self.bump(other)
                d = self.closing(other.accept())
                if answer == "404":
                    d.send(b"HTTP/1.0 404 Not Found\r\n\r\n")
                elif answer == "503":
                    other.refuse(d)
                elif answer == "garbage":
                    d.send(b"what\r\n\r\n")
                elif answer == "quit":
                    other.serve(d, self.cid, 0)
                    d.send_atom(u32("quit", 1008))
                elif answer == "self":
                    other.sid = self.c.helo["sid"].hex
                    other.handshake(d)
                d.close()
                self.n.wait_log("fetch 127.0.0.1:%d: (no better|full)" % other.port)
                why = {"404": "channel not found", "503": "full", "self": "this node itself"}.get(answer, "refused")
                self.wait(lambda: ("them", why) in [(r["by"], r["reason"]) for r in self.n.rpc(
                    "getChannelDetail", [self.cid])["refusals"] if r["host"].endswith(":%d" % other.port)])
        self.up.send(self.c, self.cid, 7)
        self.sees(7)
        self.assertFalse(self.up.is_asked(0.2))

    def test_bump_walks_on(self):
        """One that is full names another."""
        third = Source(self)
        self.bump(self.other)
        self.other.refuse(self.closing(self.other.accept()), third.hit(self.cid))
        d = self.closing(third.accept())
        third.serve(d, self.cid, 0, 1)
        self.sees(1)
        self.left(self.c)

    def test_source_that_ends_while_another_is_tried(self):
        """Readers do not notice more than a pause."""
        self.bump(self.other)
        d = self.closing(self.other.accept())
        self.c.close()
        d.close()
        again = self.closing(self.up.accept())
        self.assertEqual(wanted(again), 12)
        self.up.serve(again, self.cid, 0, 1)
        self.sees(1)

    def test_skips(self):
        """Three gaps in a minute: somebody better is looked for; after that there is a minute of peace."""
        self.c.send_atom(self.other.hit(self.cid))
        self.up.send(self.c, self.cid, 2, 4)
        self.assertFalse(self.other.is_asked(0.6))
        self.up.send(self.c, self.cid, 6)
        d = self.closing(self.other.accept())
        self.other.serve(d, self.cid, 6, 7)
        self.sees(2, 4, 6, 7)
        self.left(self.c)
        self.n.wait_log("fetch 127.0.0.1:%d: skips" % self.up.port)
        third = Source(self)
        d.send_atom(third.hit(self.cid))
        self.other.send(d, self.cid, 9, 11, 13, 15)
        self.sees(9, 11, 13, 15)
        self.assertFalse(third.is_asked(1.5))

    def test_one_below_is_not_asked(self):
        """A relay of ours that has an open port is no way up."""
        r = self.relay(self.n, self.cid)
        r.wait_atom("chan")
        r.send_atom(harness.bcst(harness.GRP_TRACKERS, r.sid, host_atom(
            r.sid, self.cid, "127.0.0.1", self.other.port, flags=FLG_RELAY | FLG_RECV), cid=self.cid))
        self.wait(lambda: ":%d" % self.other.port in self.n.get("/admin?cmd=viewxml").text)
        self.bump()
        again = self.closing(self.up.accept())
        self.up.serve(again, self.cid, 0, 1)
        self.sees(1)
        self.assertFalse(self.other.is_asked(0))

    @slow
    def test_drips(self):
        """Eight seconds without data are enough to look elsewhere, and only new data convince."""
        self.c.send_atom(self.other.hit(self.cid))
        d = self.closing(self.other.accept(12))
        self.other.serve(d, self.cid, 0)
        self.up.send(self.c, self.cid, 1)
        self.sees(1)
        self.other.send(d, self.cid, 1, 2)
        self.sees(2)
        self.left(self.c)

    @slow
    def test_lags(self):
        """Somebody who was seconds further when he was heard has it sooner."""
        asked = None
        for i in range(1, 300):
            self.up.send(self.c, self.cid, i)
            self.sees(i)
            if i == 60:                         # 80 bytes a second are known by now: he is 20 s ahead
                hit = self.other.hit(self.cid)
                hit["newp"].data = (4 + 8 * 260).to_bytes(4, "little")
                self.c.send_atom(hit)
            if self.other.is_asked(0.1):
                asked = i
                break
        self.assertIsNotNone(asked)
        self.assertGreater(asked, 60)
        d = self.closing(self.other.accept())
        self.other.serve(d, self.cid, *range(asked - 5, asked + 100))
        self.sees(*range(asked + 1, asked + 100))
        self.left(self.c)
        self.n.wait_log("fetch 127.0.0.1:%d: lags behind others" % self.up.port)

    def silent(self, c, seconds):
        """c, which sends nothing more, is left after so long; whoever else is asked meanwhile is full."""
        begin = time.monotonic()
        while True:
            for s in select.select([self.up.listener, c.sock], [], [], seconds + 10)[0]:
                if s is not c.sock:
                    self.up.refuse(self.up.accept())
                elif c.read_atom().name == "quit":
                    self.assertLess(abs(time.monotonic() - begin - seconds), 2)
                    return

    @slow
    def test_relay_stalls(self):
        self.bump(self.other)
        d = self.closing(self.other.accept())
        self.other.serve(d, self.cid, 0, 1)
        self.sees(1)
        self.left(self.c)
        self.silent(d, 30)

    @slow
    def test_tracker_stalls(self):
        self.silent(self.c, 60)


class Search(FetchCase):
    def test_host_that_has_it_not(self):
        """404 from a relay is that relay's alone."""
        a, b = Source(self), Source(self)
        self.up.refuse(self.c, a.hit(self.cid), b.hit(self.cid))
        for _ in range(2):
            ready = select.select([a.listener, b.listener], [], [], 10 * PATIENCE)[0]
            up = a if a.listener in ready else b
            c = self.closing(up.accept())
            if _ == 0:
                c.send(b"HTTP/1.0 404 Not Found\r\n\r\n")
                c.close()
            else:
                up.serve(c, self.cid, 0)
        self.assertEqual(self.viewer.read_head(), 200)

    def test_full_with_nobody_to_name(self):
        """It is asked again soon: it may have somebody by then."""
        other = Source(self)
        self.up.refuse(self.c)
        self.up.refuse(self.closing(self.up.accept(5)), other.hit(self.cid))
        c = self.closing(other.accept())
        other.serve(c, self.cid, 0)
        self.assertEqual(self.viewer.read_head(), 200)
        (noted,) = self.n.rpc("getChannelDetail", [self.cid])["refusals"]
        self.assertEqual((noted["by"], noted["reason"], noted["times"], noted["host"].split(":")[1]),
                         ("them", "full", 2, str(self.up.port)))

    @slow
    def test_ourselves(self):
        """A host that turns out to be this node is not asked again."""
        other = Source(self)
        self.up.refuse(self.c, other.hit(self.cid))
        c = self.closing(other.accept())
        other.sid = self.c.helo["sid"].hex
        other.handshake(c)
        self.assertEqual(c.wait_atom("quit").u32, 1004)
        again = self.closing(self.up.accept(25))
        third = Source(self)
        self.up.refuse(again, other.hit(self.cid), third.hit(self.cid))
        c = self.closing(third.accept())
        third.serve(c, self.cid, 0)
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertFalse(other.is_asked(0))

    @slow
    def test_one_that_gives_nothing(self):
        """Another one is asked after ten seconds, not thirty, when there is one."""
        other = Source(self)
        self.up.refuse(self.c, other.hit(self.cid))
        silent = self.closing(other.accept())
        other.serve(silent, self.cid)
        third = Source(self)
        silent.send_atom(third.hit(self.cid))
        begin = time.monotonic()
        c = self.closing(third.accept(20))
        self.assertLess(abs(time.monotonic() - begin - 10), 2)
        third.serve(c, self.cid, 0)
        self.assertEqual(self.viewer.read_head(), 200)


class Lost(FetchCase):
    """Those below wait ten seconds for another source, and see no gap when it comes in time."""

    def setUp(self):
        super().setUp()
        self.begin()

    def test_in_time(self):
        r = self.relay(self.n, self.cid)
        packets = r.packets()
        self.assertEqual([next(packets)[0] for _ in range(2)], ["head", "data"])
        self.c.close()
        c = self.closing(self.up.accept())
        c.close()
        c = self.closing(self.up.accept())
        self.assertEqual(wanted(c), 12)
        self.up.serve(c, self.cid, 0, 1)
        self.sees(1)
        self.assertEqual(next(packets), ("data", 12, 0, b"piece001"))

    @slow
    def test_for_good(self):
        """1008, whether the search has nobody to ask or hangs in a connection; a kept channel stays."""
        for kept in (False, True):
            with self.subTest(kept=kept):
                if kept:
                    self.setUp()
                    self.assertEqual(self.n.get("/admin?cmd=keep&id=" + self.cid).status, 302)
                r = self.relay(self.n, self.cid)
                r.wait_atom("chan")
                begin = time.monotonic()
                self.c.close()
                hangs = self.closing(self.up.accept())          # and is silent
                self.assertEqual(r.wait_atom("quit", 20).u32, 1008)
                self.assertLess(abs(time.monotonic() - begin - 10), 1.5)
                r.expect_close()
                self.viewer.expect_close()
                if not kept:
                    self.n.wait_no_channel(cid=self.cid)
                    continue
                hangs.close()
                self.assertNotEqual(self.n.find_channel(cid=self.cid)["status"]["status"], "Receiving")
                # when it is found again, those who ask get what is new, and nothing of before
                self.viewer = self.view()
                c = self.closing(self.up.accept(90))
                self.assertEqual(wanted(c), 0)
                self.up.serve(c, self.cid, 50)
                self.assertEqual(self.viewer.read_head(), 200)
                self.assertEqual(self.viewer.read(4), b"HEAD")
                self.sees(50)

    @slow
    def test_tracker_that_comes_back(self):
        """It is not left alone for a minute like any other: those below have ten seconds."""
        self.up.listener.close()
        self.c.close()
        self.n.wait_log("connect: ")
        self.up.listener = socket.create_server(("127.0.0.1", self.up.port))
        self.addCleanup(self.up.listener.close)
        c = self.closing(self.up.accept(9))
        self.up.serve(c, self.cid, 0, 1)
        self.sees(1)


class Six(BoxCase):
    """A channel has one address family (pcp.md 17.2)."""

    def setUp(self):
        super().setUp()
        if not socket.has_ipv6:
            self.skipTest("no IPv6 here")
        self.n, self.cid, self.up = self.node(), new_id(), Source(self)
        self.up.listener.close()
        self.up.listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.addCleanup(self.up.listener.close)
        self.up.port = self.up.listener.getsockname()[1]
        self.viewer = self.closing(self.n.client())
        self.viewer.request("GET", "/stream/%s?tip=[::1]:%d" % (self.cid, self.up.port))
        self.c = self.closing(self.up.accept())

    def test_only_its_own_family(self):
        self.assertIn(b"x-peercast-pcp: 100\r\n", self.c.request_head)
        four = Source(self)
        self.c.send(b"HTTP/1.0 200 OK\r\n\r\n")
        self.c.helo = self.c.read_atom()
        self.c.send_atom(box("oleh", text("agnt", "Up/1"), gid("sid", self.up.sid), u32("ver", 1218),
                             harness.ip("rip", "::1"), u16("port", 0)))
        self.up.head(self.c, self.cid)
        self.c.send_atom(four.hit(self.cid))
        self.up.send(self.c, self.cid, 0)
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.n.find_channel(cid=self.cid)["status"]["network"], "ipv6")
        self.assertEqual(self.n.get("/admin?cmd=bump&id=%s&ip=127.0.0.1:%d" % (self.cid, four.port)).status, 302)
        self.n.wait_log("fetch 127.0.0.1:%d: not of the channel's address family" % four.port)
        self.c.close()
        again = self.closing(self.up.accept())
        self.assertIn(b"x-peercast-pos: 12\r\n", again.request_head)
        self.assertFalse(four.is_asked(0))

    def test_first_one_that_serves_decides(self):
        """A tip that cannot be used leaves the family open."""
        four = Source(self)
        self.c.send(b"HTTP/1.0 503 Full\r\n\r\n")
        self.c.helo = self.c.read_atom()
        self.c.send_atom(box("oleh", text("agnt", "Up/1"), gid("sid", self.up.sid), u32("ver", 1218)))
        self.c.send_atom(four.hit(self.cid))
        self.c.send_atom(u32("quit", 1003))
        self.c.close()
        d = self.closing(four.accept())
        self.assertIn(b"x-peercast-pcp: 1\r\n", d.request_head)
        four.serve(d, self.cid, 0)
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.n.find_channel(cid=self.cid)["status"]["network"], "ipv4")


class Reader32:
    """A relay that keeps and compares positions as PeerCast-YT does: 32 bit, unsigned, and prints them signed."""

    def __init__(self, case, node, cid, pos=0):
        self.relay = case.relay(node, cid, pos=pos - WRAP if pos >= WRAP >> 1 else pos)
        self.case, self.told = case, int(self.relay.headers["x-peercast-pos"])
        self.packets = self.relay.packets()
        case.assertEqual(next(self.packets)[0], "head")
        self.pos = self.first = None

    def next(self):
        """The bytes of the next packet, which is where the last one ended."""
        kind, pos, _, data = next(self.packets)
        self.case.assertEqual(kind, "data")
        if self.pos is None:
            self.first = self.pos = pos
        self.case.assertEqual(pos, self.pos)
        self.pos = (pos + len(data)) & 0xffffffff
        return data


class Wrap(BoxCase):
    """A stream that passes 2^32, from a scripted source through three nodes to a player and to readers that know
    32 bits: no repeat, no gap, whoever joins or changes when."""
    SIZE, COUNT, START = 1000, 300, WRAP - 100000       # piece 100 stands at 2^32
    HEAD = b"HEAD"

    def setUp(self):
        super().setUp()
        self.nodes = [self.node(name=n) for n in "abc"]
        self.cid, self.up, self.other = new_id(), Source(self), Source(self)
        self.feeds = []
        self.sent = 0

    def piece(self, i):
        return b"%07d " % i * (self.SIZE // 8)

    def serve(self, up, c):
        up.handshake(c)
        up.head(c, self.cid, self.HEAD, self.head_pos)
        self.feeds = [(up, c)]

    def send(self, *indices):
        for up, c in self.feeds:
            for i in indices or (self.sent,):
                up.data(c, self.cid, self.START + i * self.SIZE, self.piece(i))
        self.sent = max(self.sent, *(i + 1 for i in indices or (self.sent,)))

    def chain(self):
        """All three nodes receive, each from the one before; their players."""
        players, tip = [], "127.0.0.1:%d" % self.up.port
        for i, n in enumerate(self.nodes):
            p = self.closing(n.client())
            p.request("GET", "/stream/%s?tip=%s" % (self.cid, tip))
            players.append(p)
            if i == 0:
                self.serve(self.up, self.closing(self.up.accept()))

            def joined(n=n):
                self.send()
                chan = n.find_channel(cid=self.cid)
                return chan and chan["status"]["status"] == "Receiving"
            self.wait(joined)
            self.assertEqual(p.read_head(), 200)
            self.assertEqual(p.read(4), self.HEAD)
            tip = n.address
        self.assertLess(self.sent, 95, "joined behind the wrap")
        return players

    def check(self, players, readers):
        for p in players:
            index = None
            while index != self.COUNT - 1:
                data = p.read(self.SIZE)
                self.assertIn(int(data[:8]), (index + 1,) if index is not None else range(self.COUNT))
                index = int(data[:8])
                self.assertEqual(data, self.piece(index))
        for r in readers:
            index = None
            while index != self.COUNT - 1:
                data = r.next()
                self.assertIn(int(data[:8]), (index + 1,) if index is not None else range(self.COUNT))
                index = int(data[:8])
                self.assertEqual(data, self.piece(index))

    def test_straight_on(self):
        for self.head_pos in (0, self.START - 4):
            with self.subTest(head=self.head_pos):
                self.setUp()
                players = self.chain()
                readers = [Reader32(self, n, self.cid) for n in self.nodes]
                while self.sent < self.COUNT:
                    self.send()
                self.check(players, readers)

    def test_upstream_changes(self):
        """The node next to the source changes it three times: just before 2^32, at it, and behind it."""
        self.head_pos = 0
        players = self.chain()
        readers = [Reader32(self, n, self.cid) for n in self.nodes]
        ups, at = (self.other, self.up, self.other), (98, 100, 103)
        for up, i in zip(ups, at):
            while self.sent < i:
                self.send()
            self.wait_position(self.nodes[0], i)
            last = self.feeds[0][1]
            if i == 100:
                last.close()                    # it is lost, the others are left
                self.feeds = []
            self.nodes[0].get("/admin?cmd=bump&id=%s&ip=127.0.0.1:%d" % (self.cid, up.port))
            c = self.closing(up.accept())
            self.assertEqual(wanted(c), (self.START + i * self.SIZE) % WRAP or WRAP - 1)
            self.serve(up, c)
            self.send(*range(i - 20, i + 1))
            if i != 100:
                last.wait_atom("quit")
        while self.sent < self.COUNT:
            self.send()
        self.check(players, readers)

    def wait_position(self, node, i):
        """Until the node has everything before piece i."""
        r = Reader32(self, node, self.cid)
        while int(r.next()[:8]) != i - 1:
            pass
        r.relay.close()

    def test_start_rules(self):
        """What is asked for is where it starts, on both sides of 2^32 (pcp.md 9.4)."""
        self.head_pos = 0
        self.chain()
        while self.sent < 200:
            self.send()
        last = self.nodes[2]
        self.wait_position(last, 200)
        for i in (60, 99, 100, 101, 199):
            with self.subTest(i):
                pos = (self.START + i * self.SIZE) % WRAP
                for ask in {pos or WRAP - 1, (pos - 1) % WRAP}:         # 0 would say: anywhere
                    r = Reader32(self, last, self.cid, ask)
                    self.assertEqual(int(r.next()[:8]), i)
                    self.assertEqual((r.told, r.first), (pos, pos))
        # what comes next, and a bit further
        for ahead in (0, 5):
            r = Reader32(self, last, self.cid, (self.START + (200 + ahead) * self.SIZE) % WRAP)
            self.send()
            self.assertEqual(int(r.next()[:8]), self.sent - 1)
        # older than everything there is
        r = Reader32(self, last, self.cid, (self.START - 1000000) % WRAP)
        self.assertEqual(int(r.next()[:8]), int(Reader32(self, last, self.cid, self.START % WRAP).next()[:8]))


if __name__ == "__main__":
    unittest.main()
