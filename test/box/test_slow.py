# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers of PCP that take minutes (pcp.md 7.2, 18 B6, B7): TEST_SLOW=1 TEST_PATIENCE=5 make box T=test_slow
"""
import os
import time
import unittest

from harness import FLG_RECV, GRP_TRACKERS, PATIENCE, Atom, BoxCase, Client, bcst, box, flv_head, flv_metadata, \
    flv_tag, flv_unit, helo, leaf, new_id, text, u32
from test_pcp import OPENER, YellowPage, quit_of


def retitled_stream(moments):
    """FLV whose onMetaData names a new title whenever one of the moments has passed."""
    start, index = time.monotonic(), 0
    left = list(moments)
    yield flv_head()
    while True:
        if left and time.monotonic() - start > left[0]:
            left.pop(0)
            yield flv_tag(18, index * 40, flv_metadata(title="title %d" % (len(moments) - len(left))))
        yield flv_unit(index, 1000, index % 10 == 0)
        index += 1


@unittest.skipUnless(os.environ.get("TEST_SLOW"), "TEST_SLOW is not set")
class YellowPageTimers(BoxCase):
    def setUp(self):
        self.yp = YellowPage()
        self.addCleanup(self.yp.close)

    def welcome(self, source=None, **root):
        self.n = self.node({"rootHost": self.yp.address})
        self.push(self.n, name="mine", bitrate=200, source=source)
        c = self.closing(self.yp.accept())
        c.send_atom(self.yp.oleh())
        c.send_atom(u32("ok", 0))
        c.send_atom(box("root", *[u32(k, v) for k, v in root.items()], leaf("upd")))
        self.assertEqual(c.read_atom(5).name, "bcst")
        return c

    def test_root_falls_silent(self):
        c = self.welcome(next=1)        # counts as 30
        start = time.monotonic()
        self.assertEqual(c.read_atom(90).u32, 1010)
        self.assertLess(abs(time.monotonic() - start - 60), 3)
        c.expect_close()
        start = time.monotonic()
        d = self.closing(self.yp.accept(30))
        self.assertIn("bcid", d.helo)

    def test_root_speaks(self):
        c = self.welcome(next=30)
        start = time.monotonic()
        for _ in range(3):
            with self.assertRaises(TimeoutError):
                c.read_atom(25 / PATIENCE)
            c.send_atom(bcst(GRP_TRACKERS, self.yp.sid, box("root", u32("next", 30))))
        self.assertGreater(time.monotonic() - start, 74)

    def test_interval(self):
        c = self.welcome(uint=30)
        start = time.monotonic()
        self.assertEqual(c.read_atom(60).name, "bcst")
        self.assertLess(abs(time.monotonic() - start - 30), 3)

    def test_own_interval(self):
        c = self.welcome(uint=3600)
        start = time.monotonic()
        self.assertEqual(c.read_atom(180)["host"]["flg1"].u8 & FLG_RECV, FLG_RECV)
        self.assertLess(abs(time.monotonic() - start - 120), 5)

    def test_new_info(self):
        """30 s between two updates for that reason; the last change is never lost."""
        c = self.welcome(source=retitled_stream((5, 10, 15)))
        start = time.monotonic()
        got = c.read_atom(60)
        self.assertLess(abs(time.monotonic() - start - 30), 3)
        self.assertEqual(got["chan"]["trck"]["titl"].text, "title 3")

    def test_refused(self):
        """20 s between two turns to the YP; 30 s after 1002."""
        for code, least in ((1003, 20), (1002, 30)):
            with self.subTest(code):
                yp = YellowPage()
                self.addCleanup(yp.close)
                n = self.node({"rootHost": yp.address})
                self.push(n, name="mine")
                with yp.accept() as c:
                    start = time.monotonic()
                    c.send_atom(yp.oleh())
                    c.send_atom(u32("quit", code))
                    c.expect_close()
                with yp.accept(60):
                    self.assertGreater(time.monotonic() - start, least - 1)
                    self.assertLess(time.monotonic() - start, least + 8)


@unittest.skipUnless(os.environ.get("TEST_SLOW"), "TEST_SLOW is not set")
class ClientTimers(BoxCase):
    def test_slow_helo(self):
        n = self.node()
        with Client(n.port) as c:
            start = time.monotonic()
            c.send(OPENER)
            data = helo(new_id()).encode()
            for i in range(len(data)):
                c.sock.settimeout(1)
                try:
                    c.send(data[i:i + 1])
                    c.buf += c.sock.recv(100)
                    break
                except TimeoutError:
                    pass
            self.assertLess(abs(time.monotonic() - start - 20), 3)
            self.assertEqual(quit_of(Atom.parse(c.expect_close())), 1006)

    def test_slow_atom(self):
        root = self.root()
        c = self.control(root)
        c.read_atom()
        start = time.monotonic()
        data = text("mesg", "x" * 200).encode()
        for i in range(len(data)):
            c.sock.settimeout(1)
            try:
                c.send(data[i:i + 1])
                c.buf += c.sock.recv(100)
                break
            except TimeoutError:
                pass
        self.assertLess(abs(time.monotonic() - start - 30), 3)
        self.assertEqual(c.read_atom().u32, 1006)

    def test_silent(self):
        root = self.root({"hostUpdateInterval": 3600})
        c = self.control(root)
        c.read_atom()
        start = time.monotonic()
        self.assertEqual(c.read_atom(400).u32, 1000)
        self.assertLess(abs(time.monotonic() - start - 300), 5)
