# SPDX-License-Identifier: GPL-2.0-or-later
"""Edges of the life of connections and sources: bumps, restarts, sources that give nothing, odd ends."""
import itertools
import signal
import socket
import time
import unittest

import harness
from harness import (BoxCase, bcst, box, flv_stream, gid, leaf, new_id, push_target, slow, u32, units)
from test_relay import Upstream


class Opening(BoxCase):
    def test_tls_is_closed_without_a_word(self):
        c = self.closing(self.node().client())
        c.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))
        c.shutdown()
        self.assertEqual(c.read_all(), b"")

    def test_unknown_version_of_a_channel_only_heard_of(self):
        n = self.root()
        t = self.control(n)
        cid = new_id()
        t.announce(cid, name="x")
        self.wait(lambda: cid in n.get("/admin?cmd=viewxml").text)
        for version, status in ((1, 503), (7, 404)):
            c = self.closing(n.client())
            c.request("GET", "/channel/" + cid, {"x-peercast-pcp": version})
            self.assertEqual(c.read_head(), status)


class Fetching(BoxCase):
    def setUp(self):
        self.n = self.node()
        self.up = Upstream(self)
        self.cid = new_id()
        self.viewer = self.ask()
        self.c = self.up.accept()

    def ask(self):
        c = self.closing(self.n.client())
        c.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
        return c

    def serve(self, up, c, data=b"one ", pos=4, head=b"HEAD"):
        up.handshake(c)
        up.head(c, self.cid, head)
        if data:
            up.data(c, self.cid, pos, data)

    def begin(self):
        self.serve(self.up, self.c)
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.viewer.read(8), b"HEADone ")

    def test_head_of_a_channel_that_does_not_play(self):
        c = self.closing(self.n.client())
        c.request("HEAD", "/stream/" + self.cid)
        self.assertEqual(c.read_head(), 503)
        self.begin()
        c = self.closing(self.n.client())
        c.request("HEAD", "/stream/" + self.cid)
        self.assertEqual(c.read_head(), 200)

    def test_two_ask_at_once(self):
        """One fetch serves whoever asks meanwhile."""
        others = [self.ask() for _ in range(5)]
        self.begin()
        for c in others:
            self.assertEqual(c.read_head(), 200)
            self.assertEqual(c.read(8), b"HEADone ")
        self.up.listener.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            self.up.listener.accept()

    def bump(self, to=""):
        self.assertEqual(self.n.get("/admin?cmd=bump&id=%s%s" % (self.cid, to)).status, 302)

    def test_bump_to_a_host(self):
        self.begin()
        other = Upstream(self)
        self.bump("&ip=127.0.0.1:%d" % other.port)
        c = self.closing(other.accept())
        self.assertIn(b"x-peercast-pos: 8\r\n", c.request_head)
        self.serve(other, c, b"two ", 8)
        self.assertEqual(self.viewer.read(4), b"two ")
        self.assertEqual(self.c.wait_atom("quit").u32, 1000)

    def test_bump_to_a_host_while_another_gives_nothing(self):
        other = Upstream(self)
        self.up.handshake(self.c)               # and nothing more
        self.bump("&ip=127.0.0.1:%d" % other.port)
        c = self.closing(other.accept())
        self.serve(other, c)
        self.assertEqual(self.viewer.read_head(), 200)

    def test_bump_of_the_only_host(self):
        """It is asked again (settings.md decision 31)."""
        self.begin()
        self.bump()
        c = self.closing(self.up.accept())
        self.serve(self.up, c, b"two ", 8)
        self.assertEqual(self.viewer.read(4), b"two ")

    def test_encoder_comes_back_with_the_same_head(self):
        """Positions begin anew under equal bytes: a restart, not a repetition (pcp.md 9.3)."""
        self.begin()
        self.up.data(self.c, self.cid, 8, b"two ")
        self.assertEqual(self.viewer.read(4), b"two ")
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 4, b"new ")
        self.up.data(self.c, self.cid, 8, b"more")
        self.assertEqual(self.viewer.read(12), b"HEADnew more")

    def test_repeated_head_is_ignored(self):
        self.begin()
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 8, b"two ")
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 8, b"two ")
        self.up.data(self.c, self.cid, 12, b"end ")
        self.assertEqual(self.viewer.read(8), b"two end ")

    def test_restart_that_was_missed(self):
        """On a new connection nothing tells but that only known positions come, for long."""
        self.begin()
        self.up.data(self.c, self.cid, 8, b"x" * 4000)
        self.viewer.read(4000)
        self.c.close()
        c = self.closing(self.up.accept())
        self.serve(self.up, c, b"")
        seen = b""
        for i in range(200):
            self.up.data(c, self.cid, 4 + 4 * i, b"%4d" % i)
            self.viewer.sock.settimeout(0.1)
            try:
                seen += self.viewer.sock.recv(1000)
            except TimeoutError:
                continue
            if len(seen) >= 12:
                break
        self.assertEqual(seen[:4], b"HEAD")
        self.assertEqual(int(seen[8:12]), int(seen[4:8]) + 1)

    def test_source_that_gives_only_its_head(self):
        """It is not asked for ever: those below are let go after the time to search."""
        self.begin()
        self.c.close()
        begin, n = time.monotonic(), 0
        self.up.listener.settimeout(1)
        while time.monotonic() - begin < 30 * harness.PATIENCE:
            self.viewer.sock.settimeout(0.1)
            try:
                if self.viewer.sock.recv(100) == b"":
                    break
            except TimeoutError:
                pass
            try:
                c = self.closing(self.up.accept(0.5 / harness.PATIENCE))
                self.serve(self.up, c, b"")
                c.close()
                n += 1
            except TimeoutError:
                pass
        else:
            self.fail("asked %d times and no end" % n)
        self.n.wait_no_channel(cid=self.cid)

    def test_stop_while_connecting_and_waiting(self):
        """Shutdown is orderly and quick: a source that is silent, a player and a relay that wait."""
        relay = self.closing(self.n.client())
        relay.request("GET", "/channel/" + self.cid, {"x-peercast-pcp": 1})
        begin = time.monotonic()
        self.n.send_signal(signal.SIGINT)
        self.assertEqual(self.n.wait_exit(), 0)
        self.assertLess(time.monotonic() - begin, 1 * harness.PATIENCE)
        self.assertNotIn("cut off", self.n.output())


class Relays(BoxCase):
    def setUp(self):
        self.n = self.node()
        self.push(self.n, "R", interval=0.01)
        self.cid = self.n.wait_channel("R")["channelId"]

    def test_own_broadcast_does_not_come_back(self):
        a, b = self.relay(self.n, self.cid), self.relay(self.n, self.cid)
        for r in (a, b):
            r.wait_atom("chan")
        a.send_atom(bcst(harness.GRP_RELAYS, a.sid, leaf("mesg", b"hello\0"), cid=self.cid))
        self.assertEqual(b.wait_atom("bcst")["from"].data.hex().upper(), a.sid)
        for _ in range(30):
            self.assertNotEqual(a.read_atom().name, "bcst")

    def other(self, sid, source):
        c = self.closing(self.n.client(source=source))
        c.request("GET", "/channel/" + self.cid, {"x-peercast-pcp": 1})
        c.send_atom(harness.helo(sid))
        self.assertEqual(c.read_head(), 200)
        return c

    def test_same_session_again(self):
        """From the same address it takes the place of the one before, from another it is refused."""
        old = self.relay(self.n, self.cid)
        old.wait_atom("chan")
        stranger = self.other(old.sid, "127.0.0.2")
        self.assertEqual(stranger.wait_atom("quit").u32, 1002)
        old.wait_atom("chan")
        new = self.other(old.sid, "127.0.0.1")
        new.wait_atom("chan")
        old.expect_close()
        new.wait_atom("chan")
        self.wait(lambda: self.n.find_channel("R")["status"]["localRelays"] == 1)

    @slow
    def test_never_ending_atom(self):
        """Bytes that go on past the time of one atom end the connection, and cost no time (B6)."""
        r = self.relay(self.n, self.cid)
        r.send(b"leaf" + (16000).to_bytes(4, "little"))
        begin = time.monotonic()
        quits = []
        while time.monotonic() - begin < 40 and not quits:
            r.send(b"x")
            r.sock.settimeout(0.003)
            try:
                if b"quit" in r.sock.recv(1 << 20):
                    quits.append(time.monotonic() - begin)
            except TimeoutError:
                pass
        self.assertTrue(quits and 29 < quits[0] < 33, quits)

    def test_one_that_never_catches_up_is_heard(self):
        n = self.node(name="fast")
        self.push(n, "F", interval=0.002, source=flv_stream(size=8000))
        cid = n.wait_channel("F")["channelId"]
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", n.port))
        c = self.closing(harness.Client.of(s))
        c.request("GET", "/channel/" + cid, {"x-peercast-pcp": 1})
        c.send_atom(harness.helo(new_id()))
        self.assertEqual(c.read_head(), 200)
        evil = box("chan", gid("id", cid), box("pkt", leaf("type", b"data"), u32("pos", 1), leaf("data", b"x")))
        for i in itertools.count():
            s.settimeout(5)
            c.sock.recv(4096)
            if i == 200:
                for _ in range(3):
                    c.send_atom(evil)
            if n.proc and "quit 1006" in n.output() or i > 2000:
                break
            time.sleep(0.005)
        self.assertRegex(n.output(), "relay 127.0.0.1:.*, quit 1006")


class Pushes(BoxCase):
    def test_end_while_an_encoder_has_sent_nothing(self):
        """No channel and no servent leads to it, yet the end is orderly and at once."""
        n = self.node()
        silent = self.closing(n.client())
        silent.request("POST", push_target("silent"),
                       {"Transfer-Encoding": "chunked", "Expect": "100-continue"}, version="HTTP/1.1")
        self.assertEqual(silent.read_head(), 100)
        half = self.closing(n.client())
        half.request("POST", push_target("half"), {"Transfer-Encoding": "chunked"}, b"5\r\nFLV\1\5\r\n",
                     version="HTTP/1.1")
        self.push(n, "graced").stop()
        n.wait_log("the encoder has left|no stream in it|push 127")
        begin = time.monotonic()
        n.send_signal(signal.SIGTERM)
        self.assertEqual(silent.read_head(), 503)
        silent.close()
        half.close()
        self.assertEqual(n.wait_exit(), 0)
        self.assertLess(time.monotonic() - begin, 1 * harness.PATIENCE)
        self.assertNotIn("cut off", n.output())

    def test_push_as_the_one_before_is_stopped(self):
        """The channel that ends is no obstacle to the next of its name."""
        n = self.node({"randomizeBroadcastingChannelID": "No"})
        for _ in range(8):
            first = self.push(n, "s", interval=0.005)
            cid = n.wait_channel("s")["channelId"]
            n.rpc("stopChannel", [cid])
            second = self.push(n, "s", interval=0.005)
            self.wait(lambda: second.sent > 20000 or second.error)
            self.assertIsNone(second.error)
            n.wait_channel("s")
            first.stop()
            second.stop()

    def test_restart_reaches_relays(self):
        """An encoder that comes back with an equal head, seen through a relay."""
        a, b = self.node(name="a"), self.node(name="b")
        first = self.push(a, "s", interval=0.01)
        cid = a.wait_channel("s")["channelId"]
        viewer = self.closing(b.view(cid, "?tip=" + a.address))
        viewer.read(60000)
        first.stop()
        a.wait_log("the encoder has left")
        self.push(a, "s", interval=0.01)
        viewer.read_until(b"UNIT\0\0\0\0", seconds=10)
        seen = units(viewer.read(30000))
        self.assertEqual(seen, list(range(1, 1 + len(seen))))


class Saved(BoxCase):
    ID = "00112233445566778899AABBCCDDEEFF"

    def block(self, tracker=""):
        return ("[RelayChannel]\nname = gone for now\ngenre = g\nid = %s\nstayConnected = Yes\nbitrate = 321\n"
                "tracker = %s\n[End]\n" % (self.ID, tracker))

    def check(self, n):
        n.wait_channel(cid=self.ID, receiving=False)
        n.stop()
        with open(n.ini_path, encoding="utf-8") as f:
            ini = f.read()
        for line in ("name = gone for now", "genre = g", "bitrate = 321", self.ID):
            self.assertIn(line, ini)

    def test_nobody_has_it(self):
        """A kept channel stays, and so does what is known of it."""
        for _ in range(5):
            self.check(self.node(blocks=self.block()))

    def test_tracker_says_it_is_gone(self):
        up = Upstream(self)
        n = self.node(blocks=self.block("127.0.0.1:%d" % up.port))
        c = self.closing(up.accept())
        c.send(b"HTTP/1.0 404 Not Found\r\n\r\n")
        n.wait_log("channel not found")
        self.check(n)


if __name__ == "__main__":
    unittest.main()
