# SPDX-License-Identifier: GPL-2.0-or-later
"""Relays: serving (pcp.md 7.3, 9.4) and fetching (7.4, 9.3, 10.5), and chains of both."""
import socket
import struct
import time
import unittest

import harness
from harness import (BoxCase, Client, box, bcst, chan_atom, gid, host_atom, leaf, new_id, u8, u16, u32,
                     units)


class Serve(BoxCase):
    def setUp(self):
        self.n = self.node()
        self.push(self.n, "R", genre="g")
        self.cid = self.n.wait_channel("R")["channelId"]

    def test_order_of_atoms(self):
        r = self.relay(self.n, self.cid)
        self.assertEqual(r.status, 200)
        self.assertEqual(r.headers["content-type"], "application/x-peercast-pcp")
        self.assertEqual(r.headers["x-peercast-channelid"], self.cid)
        self.assertEqual([c.name for c in r.oleh.children], ["agnt", "sid", "ver", "rip", "port"])
        self.assertEqual(r.read_atom().name, "ok")
        first = r.read_atom()
        self.assertEqual([c.name for c in first.children], ["id", "info", "trck", "pkt"])
        self.assertEqual(first["pkt"]["type"].data, b"head")
        self.assertEqual(first["pkt"]["data"].data[:4], b"FLV\x01")

    def test_positions_are_contiguous(self):
        r = self.relay(self.n, self.cid.lower())
        packets = r.packets()
        kind, pos, _, data = next(packets)
        self.assertEqual((kind, pos), ("head", 0))
        kind, want, cont, data = next(packets)
        self.assertEqual((kind, cont), ("data", 0))
        stream = b""
        for _ in range(60):
            stream += data
            want += len(data)
            kind, pos, cont, data = next(packets)
            self.assertEqual((kind, pos), ("data", want))
        seen = units(stream)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))

    def test_start_at_a_position(self):
        r = self.relay(self.n, self.cid)
        packets = r.packets()
        next(packets)
        _, pos, _, data = next(packets)
        for _ in range(20):
            _, pos, _, data = next(packets)
        for asked in (pos, pos - (1 << 32)):    # some print it signed
            with self.subTest(asked):
                again = self.relay(self.n, self.cid, pos=asked).packets()
                next(again)
                self.assertEqual(next(again)[1], pos)

    def test_pipelined_helo(self):
        c = self.closing(self.n.client())
        c.send(b"GET /channel/%s HTTP/1.0\r\nx-peercast-pcp:1\r\n\r\n" % self.cid.encode() +
               harness.helo(new_id()).encode())
        self.assertEqual(c.read_head(), 200)
        self.assertEqual([c.read_atom().name for _ in range(3)], ["oleh", "ok", "chan"])

    def test_refused_requests(self):
        for headers, path, status in (
                ({"x-peercast-pcp": 1}, new_id(), 404), ({}, self.cid, 400), ({"x-peercast-pcp": 7}, self.cid, 404),
                ({"x-peercast-pcp": 100}, self.cid, 404), ({"x-peercast-pcp": 1}, "zz" * 16, 404)):
            with self.subTest(path=path, headers=headers):
                c = self.closing(self.n.client())
                c.request("GET", "/channel/" + path, headers)
                self.assertEqual(c.read_head(), status)
                c.expect_close()

    def test_odd_positions(self):
        for pos in ("", "-1", "abc", "99999999999999999999", "4294967295"):
            with self.subTest(pos):
                r = self.relay(self.n, self.cid, pos=pos)
                self.assertEqual(r.status, 200)
                self.assertEqual(r.read_atom().name, "ok")

    def test_end_of_the_channel(self):
        r = self.relay(self.n, self.cid)
        self.n.rpc("stopChannel", [self.cid])
        self.assertEqual(r.wait_atom("quit").u32, 1008)
        r.expect_close()

    def test_end_of_the_node(self):
        r = self.relay(self.n, self.cid)
        r.wait_atom("chan")
        self.n.send_signal(harness.signal.SIGINT)
        self.assertEqual(r.wait_atom("quit").u32, 1009)
        self.assertEqual(self.n.wait_exit(), 0)

    def test_shown_as_relay(self):
        r = self.relay(self.n, self.cid)
        r.wait_atom("chan")
        self.assertEqual(self.n.find_channel("R")["status"]["localRelays"], 1)
        r.close()
        self.wait(lambda: self.n.find_channel("R")["status"]["localRelays"] == 0)

    def test_bad_atom_costs_only_that_relay(self):
        good = self.relay(self.n, self.cid)
        for bad in (b"leaf\xff\xff\xff\x7f", b"cont\xff\xff\xff\xff", b"bcst\x01\0\0\x80" * 20):
            r = self.relay(self.n, self.cid)
            r.wait_atom("chan")
            r.send(bad)
            self.assertEqual(r.wait_atom("quit").u32, 1006)
            r.expect_close()
        packets = good.packets()
        for _ in range(5):
            next(packets)

    def test_odd_atoms_are_put_up_with(self):
        r = self.relay(self.n, self.cid)
        for atom in (leaf("what", b"x"), box("helo"), leaf("mesg", b"m" * 300 + b"\0"), leaf("\0\0\0\0", b""),
                     box("chan", gid("id", self.cid), leaf("new!", b"")), box("atom", u32("ok", 1))):
            r.send_atom(atom)
        packets = r.packets()
        for _ in range(20):
            next(packets)

    def test_strangers_packets_are_refused(self):
        """A child's chan.pkt is never played; the third one ends its connection."""
        viewer = self.closing(self.n.view(self.cid))
        r = self.relay(self.n, self.cid)
        r.wait_atom("chan")
        evil = box("chan", gid("id", self.cid),
                   box("pkt", leaf("type", b"data"), u32("pos", 100000), leaf("data", b"EVIL" * 100)))
        for _ in range(3):
            r.send_atom(evil)
        self.assertEqual(r.wait_atom("quit").u32, 1006)
        self.assertNotIn(b"EVIL", viewer.read(60000))

    def test_loop_is_closed(self):
        r = self.relay(self.n, self.cid)
        r.wait_atom("ok")
        r.send_atom(bcst(2, self.sid(r), host_atom(r.sid, self.cid), cid=self.cid))
        self.assertEqual(r.wait_atom("quit").u32, 1004)

    @staticmethod
    def sid(r):
        return r.oleh["sid"].data.hex().upper()


class Upstream:
    """A scripted node to fetch from: accepts one connection and answers by hand."""

    def __init__(self, case):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sid = new_id()
        case.addCleanup(self.listener.close)

    def accept(self, seconds=10):
        self.listener.settimeout(seconds * harness.PATIENCE)
        s, _ = self.listener.accept()
        c = Client.of(s)
        c.request_head = c.read_until(b"\r\n\r\n")
        return c

    def handshake(self, c, status=200, rip="127.0.0.1", port=0):
        c.send(b"HTTP/1.0 %d X\r\nContent-Type: application/x-peercast-pcp\r\n\r\n" % status)
        c.helo = c.read_atom()
        c.send_atom(box("oleh", leaf("agnt", b"Up/1\0"), gid("sid", self.sid), u32("ver", 1218),
                        harness.ip("rip", rip), u16("port", port)))

    @staticmethod
    def head(c, cid, data=b"HEAD", pos=0):
        c.send_atom(u32("ok", 0))
        chan = chan_atom(cid, name="up", ctype="RAW")
        chan.children.append(box("pkt", leaf("type", b"head"), u32("pos", pos), leaf("data", data)))
        c.send_atom(chan)

    @staticmethod
    def data(c, cid, pos, data, cont=None):
        c.send_atom(box("chan", gid("id", cid), box(
            "pkt", leaf("type", b"data"), u32("pos", pos & 0xffffffff),
            u8("cont", cont) if cont is not None else None, leaf("data", data))))


class Fetch(BoxCase):
    def setUp(self):
        self.n = self.node()
        self.up = Upstream(self)
        self.cid = new_id()
        self.viewer = self.closing(self.n.client())
        self.viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
        self.c = self.up.accept()

    def test_request_and_stream(self):
        head = self.c.request_head.decode()
        self.assertRegex(head, r"^GET /channel/%s HTTP/1.0\r\n" % self.cid)
        self.assertIn("x-peercast-pcp: 1\r\n", head)
        self.up.handshake(self.c)
        self.assertEqual([a.name for a in self.c.helo.children][:3], ["agnt", "ver", "sid"])
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 4, b"one ")
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.viewer.read(8), b"HEADone ")
        report = self.c.wait_atom("bcst")
        self.assertEqual((report["grp"].u8, report["ttl"].u8, report["hops"].u8), (2, 11, 0))
        host = report["host"]
        self.assertEqual(len(host.children), 18)
        self.assertEqual(len(host["uppt"].data), 4)
        self.assertTrue(host["flg1"].u8 & harness.FLG_RECV)
        # what it knows already is not taken twice, a gap is gone over
        self.up.data(self.c, self.cid, 4, b"one ")
        self.up.data(self.c, self.cid, 8, b"two ")
        self.up.data(self.c, self.cid, 20, b"four")
        self.assertEqual(self.viewer.read(8), b"two four")
        self.assertEqual(self.n.find_channel(cid=self.cid)["info"]["name"], "up")

    def test_cont_and_long_packets(self):
        self.up.handshake(self.c)
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 4, b"a" * 16)
        self.assertEqual(self.viewer.read_head(), 200)
        r = self.relay(self.n, self.cid).packets()
        next(r)
        self.assertEqual(next(r), ("data", 4, 0, b"a" * 16))
        pos = 20
        for cont in (1, 2, 4, 6):
            self.up.data(self.c, self.cid, pos, b"b" * 8, cont)
            self.assertEqual(next(r), ("data", pos, cont, b"b" * 8))
            pos += 8
        self.up.data(self.c, self.cid, pos, b"c" * 16000, 2)
        self.assertEqual([next(r)[1:3], next(r)[1:3]], [(pos, 2), (pos + 15360, 3)])

    def test_position_wrap(self):
        start = (1 << 32) - 40
        self.up.handshake(self.c)
        self.up.head(self.c, self.cid, pos=start - 4)
        self.up.data(self.c, self.cid, start, b"0" * 16)
        self.assertEqual(self.viewer.read_head(), 200)
        for i in range(1, 6):
            self.up.data(self.c, self.cid, start + 16 * i, b"%d" % i * 16)
        self.assertEqual(self.viewer.read(4 + 96), b"HEAD" + b"".join(b"%d" % i * 16 for i in range(6)))

    def test_full_tracker_names_another(self):
        """A loopback address is believed of a node on this machine alone, and not of what it only passes
        on (pcp.md 18, B45)."""
        self.up.handshake(self.c, 503)
        bad, other = Upstream(self), Upstream(self)
        self.c.send_atom(bcst(harness.GRP_TRACKERS, new_id(), host_atom(
            new_id(), self.cid, "127.0.0.1", bad.port, flags=0x32), cid=self.cid))
        self.c.send_atom(host_atom(new_id(), self.cid, "127.0.0.1", other.port, flags=0x32))
        self.c.send_atom(u32("quit", 1003))
        self.c.close()
        c = self.closing(other.accept(20))
        self.assertIn(self.cid.encode(), c.request_head)
        bad.listener.settimeout(0)
        with self.assertRaises(BlockingIOError):
            bad.listener.accept()

    def test_not_found_ends_it(self):
        self.c.send(b"HTTP/1.0 404 Not Found\r\n\r\n")
        self.assertEqual(self.viewer.read_head(), 503)
        self.n.wait_no_channel(cid=self.cid)

    def test_bad_answers(self):
        for answer in (b"garbage\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.0 nonsense",
                       b"HTTP/1.0 200 OK\r\n\r\nquit\x04\0\0\0\xeb\x03\0\0"):
            self.c.send(answer)
            self.c.shutdown()
            self.assertEqual(self.viewer.read_head(20), 503)
            self.n.wait_no_channel(cid=self.cid, seconds=20)
            self.cid = new_id()
            self.up = Upstream(self)
            self.viewer = self.closing(self.n.client())
            self.viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
            self.c = self.up.accept()
        self.c.close()

    def test_source_that_dies_is_asked_again(self):
        self.up.handshake(self.c)
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 4, b"one ")
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.viewer.read(8), b"HEADone ")
        self.c.close()
        again = self.up.accept()
        self.assertIn(b"x-peercast-pos: 8\r\n", again.request_head)
        self.up.handshake(again)
        self.up.head(again, self.cid)
        self.up.data(again, self.cid, 4, b"one ")
        self.up.data(again, self.cid, 8, b"two ")
        self.assertEqual(self.viewer.read(4), b"two ")
        again.close()

    def test_farewell(self):
        """However it ends: the upstream is told, soon after the first report as it is."""
        def malformed():
            self.c.send(b"bcst" + struct.pack("<I", 0x7fffffff))
        for name, end, code in (
                ("the channel is stopped", lambda: self.n.rpc("stopChannel", [self.cid]), 1000),
                ("another source is wanted", lambda: self.n.rpc("bumpChannel", [self.cid]), 1000),
                ("the source sends rubbish", malformed, 1006),
                ("the node stops", lambda: self.n.send_signal(2), 1009)):
            with self.subTest(name):
                self.setUp()
                self.up.handshake(self.c)
                self.up.head(self.c, self.cid)
                self.up.data(self.c, self.cid, 4, b"one ")
                self.assertEqual(self.viewer.read_head(), 200)
                self.c.wait_atom("bcst")
                end()
                last = self.c.wait_atom("bcst")
                self.assertFalse(last["host"]["flg1"].u8 & harness.FLG_RECV)
                self.assertEqual(self.c.wait_atom("quit").u32, code)
        self.assertEqual(self.n.wait_exit(), 0)


class NamedRelay(BoxCase):
    """Whom a viewer names need not be the tracker: the relay may end, or say that the channel has ended because
    it lost its own source."""

    def plays(self, root="", dies=False):
        self.n = self.node({"rootHost": root, "forceNormal": "Yes"})
        self.up, self.cid = Upstream(self), new_id()
        self.viewer = self.closing(self.n.client())
        self.viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
        with self.up.accept() as c:
            self.up.handshake(c)
            self.up.head(c, self.cid)
            self.up.data(c, self.cid, 4, b"one ")
            self.assertEqual(self.viewer.read_head(), 200)
            self.assertEqual(self.viewer.read(8), b"HEADone ")
            if dies:
                self.up.listener.close()
            else:
                c.send_atom(u32("quit", 1008))

    def test_yellow_page_names_the_tracker(self):
        for dies in (False, True):
            with self.subTest(dies=dies):
                yp, tracker = Upstream(self), Upstream(self)
                self.plays("127.0.0.1:%d" % yp.port, dies)
                with yp.accept() as c:
                    yp.handshake(c, 503)
                    c.send_atom(host_atom(new_id(), self.cid, "127.0.0.1", tracker.port, flags=0x33))
                    c.send_atom(u32("quit", 1003))
                c = self.closing(tracker.accept())
                self.assertIn(b"x-peercast-pos: 8\r\n", c.request_head)
                tracker.handshake(c)
                tracker.head(c, self.cid)
                tracker.data(c, self.cid, 8, b"two ")
                self.assertEqual(self.viewer.read(4), b"two ")

    def test_nobody_knows_better(self):
        for answer in (None, b"HTTP/1.0 404 Not Found\r\n\r\n",
                       b"HTTP/1.0 503 Service Unavailable\r\n\r\n"):
            with self.subTest(answer):
                yp = Upstream(self)
                start = time.monotonic()
                self.plays("127.0.0.1:%d" % yp.port if answer else "")
                if answer:
                    with yp.accept() as c:
                        c.send(answer)
                        c.shutdown()
                self.assertEqual(self.viewer.expect_close(), b"")
                self.n.wait_no_channel(cid=self.cid)
                self.assertLess(time.monotonic() - start, 5 * harness.PATIENCE)


    def test_too_busy_to_say_more(self):
        """A bare 503: it is full like any other, and asked again, though there is nobody else."""
        self.n, up, cid = self.node(), Upstream(self), new_id()
        v = self.closing(self.n.client())
        v.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (cid, up.port))
        with up.accept() as c:
            c.send(b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n")
            c.shutdown()
        c = self.closing(up.accept())
        up.handshake(c)
        up.head(c, cid)
        up.data(c, cid, 4, b"one ")
        self.assertEqual(v.read_head(20), 200)
        self.assertIn(("them", "full"), [(r["by"], r["reason"]) for r in self.n.rpc(
            "getChannelDetail", [cid])["refusals"]])


class Chain(BoxCase):
    def test_four_nodes(self):
        nodes = [self.node(name="n%d" % i) for i in range(4)]
        self.push(nodes[0], "chain", interval=0.01)
        cid = nodes[0].wait_channel("chain")["channelId"]
        query = ""
        for node in nodes:
            with node.view(cid, query) as v:
                self.assertEqual(v.status, 200)
                seen = units(v.read(60000))
                self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
                self.assertEqual(seen[0] % 10, 0)
            query = "?tip=" + node.address
        # the whole chain at once, and its end travels down
        last = self.closing(nodes[3].view(cid))
        last.read(60000)
        nodes[0].rpc("stopChannel", [cid])
        last.expect_close(20)

    def test_ffmpeg_through_two(self):
        a, b = self.node(name="a"), self.node(name="b")
        self.ffmpeg(a, "real", "mkv")
        cid = a.wait_channel("real")["channelId"]
        found = harness.ffprobe("http://127.0.0.1:%d/stream/%s?tip=%s" % (b.port, cid, a.address))
        self.assertEqual(found, {"video": "h264", "audio": "aac"})
        self.assertEqual(b.find_channel("real")["info"]["contentType"], "MKV")

    def test_unused_relay_goes_idle_and_comes_back(self):
        a, b = self.node(name="a"), self.node(name="b")
        self.push(a, "i")
        cid = a.wait_channel("i")["channelId"]
        with b.view(cid, "?tip=" + a.address) as v:
            v.read(10000)
        self.wait(lambda: b.find_channel(cid=cid)["status"]["status"] == "Idle", 20)
        self.wait(lambda: a.find_channel(cid=cid)["status"]["localRelays"] == 0)
        with b.view(cid) as v:
            self.assertEqual(v.status, 200)
            self.assertTrue(units(v.read(20000)))


if __name__ == "__main__":
    unittest.main()
