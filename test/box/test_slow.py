# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers of PCP that take minutes (pcp.md 7.2, 10.5, 18 B6, B7, B25, B33, B57):
TEST_SLOW=1 TEST_PATIENCE=5 make box T=test_slow
"""
import contextlib
import os
import threading
import time

from harness import FLG_RECV, GRP_TRACKERS, PATIENCE, BoxCase, Client, Control, bcst, box, flv_head, flv_metadata, \
    flv_tag, flv_unit, helo, leaf, new_id, slow, text, u32, wait_until
from net import NetCase
from test_bad_net import listening
from test_bad_pcp import Row
from test_pcp import OPENER, YellowPage
from test_relay import Upstream


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


@slow
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

    def test_turns_are_shared(self):
        """20 s between two turns to the YP, whoever of the node takes them: a fetch that knows nobody, then
        COUT. A check of our port takes none."""
        n = self.node({"rootHost": self.yp.address})
        viewer = self.closing(n.client())
        viewer.request("GET", "/stream/%s" % new_id())
        self.yp.server.settimeout(10 * PATIENCE)
        start, kinds = None, []
        while len(kinds) < 2:                   # in any order
            c = self.closing(Client.of(self.yp.server.accept()[0]))
            kinds.append(c.read(4))
            if kinds[-1] == b"GET ":
                start = time.monotonic()
                c.send(b"HTTP/1.0 404 Not Found\r\n\r\n")
            else:
                c.read(8)
                self.assertEqual(c.read_atom().name, "helo")
                c.send_atom(self.yp.oleh())
        self.assertEqual(sorted(kinds), [b"GET ", b"pcp\n"])
        self.push(n, name="mine", bitrate=200)
        with self.yp.accept(60):
            self.assertGreater(time.monotonic() - start, 19)
            self.assertLess(time.monotonic() - start, 24)

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


def has_ended(c, seconds):
    """Read for so long, or until the peer says quit or closes: True."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        c.sock.settimeout(left)
        try:
            data = c.sock.recv(1 << 20)
        except TimeoutError:
            return False
        except OSError:
            return True
        c.buf = c.buf[-12:] + data
        if not data or b"quit" in c.buf:
            return True
    return False


def dribble(c, data):
    """One byte a second until the peer says quit or closes."""
    for i in range(len(data)):
        try:
            c.send(data[i:i + 1])
        except OSError:
            return
        if has_ended(c, 1):
            return
    raise AssertionError("it goes on")


@slow
class ClientTimers(Row):
    """Connections of all kinds that are slow or silent, all at the same time."""

    def timed(self, name, who, seconds, talk, then=None):
        """talk(c) returns when the node has had enough; that is to be after so many seconds."""
        c = getattr(self, "as_" + who)()
        c.kind, c.case = who, self

        def run():
            start = time.monotonic()
            try:
                talk(c)
                took = time.monotonic() - start
                self.results[name] = None if abs(took - seconds) < 5 else "%.1f s, not %d" % (took, seconds)
                if then is not None:
                    then(self, c)
            except Exception as e:      # pylint: disable=broad-except
                self.results[name] = repr(e)
            finally:
                c.close()
                if hasattr(c, "viewer"):
                    c.viewer.close()
        thread = threading.Thread(target=run)
        thread.start()
        self.threads.append(thread)

    def test_all(self):
        self.results, self.threads = {}, []
        for _ in range(2):
            yp = YellowPage()
            self.addCleanup(yp.close)
            node = self.node({"rootHost": yp.address}, name="tracker")
            self.push(node, "t", interval=0.1)
            self.trackers.append((yp, node))

        def slow_atom(c):
            dribble(c, text("mesg", "x" * 200).encode())

        def slow_helo(c):
            dribble(c, (OPENER if c.kind == "opening" else b"") + helo(new_id(), agent="x" * 60).encode())

        def slow_answer(c):
            dribble(c, b"HTTP/1.0 200 OK\r\nServer: " + b"x" * 100)

        def silent(c):
            self.assertTrue(has_ended(c, 400))

        def silent_later(c):
            self.assertFalse(has_ended(c, 20))
            c.send_atom(text("mesg", "a word"))
            silent(c)

        def stays_connected(c):
            c.send_atom(box("root", u32("next", 1)))
            self.assertFalse(has_ended(c, 40), c.node.out.text())
        for who in ("cin", "client", "relay", "source", "yp"):
            self.timed("B6: slow atom of " + who, who, 30, slow_atom)
        for who in ("opening", "getting"):
            self.timed("B6: slow helo of " + who, who, 20, slow_helo)
        self.timed("B33: slow answer", "asked", 20, slow_answer)
        for who in ("cin", "relay"):
            self.timed("B7: silent " + who, who, 300, silent)
        self.timed("B7: silent after a word", "cin", 320, silent_later)
        self.timed("B57: next 1", "yp", 40, stays_connected)
        for t in self.threads:
            t.join()
        for name, wrong in sorted(self.results.items()):
            with self.subTest(name):
                self.assertIsNone(wrong)


@slow
class StatusReports(BoxCase):
    def test_when(self):
        """At once; ten seconds later when something changed meanwhile; else after two minutes (10.5)."""
        n, up, cid = self.node(), Upstream(self), new_id()
        viewer = self.closing(n.client())
        viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (cid, up.port))
        c = self.closing(up.accept())
        up.handshake(c)
        up.head(c, cid)
        done = threading.Event()

        def stream():
            pos = 4
            while not done.wait(0.2):
                up.data(c, cid, pos, b"data")
                pos += 4
        feeder = threading.Thread(target=stream)
        feeder.start()
        try:
            start = time.monotonic()
            self.assertEqual(c.wait_atom("bcst")["host"]["numr"].u32, 0)
            self.assertLess(time.monotonic() - start, 1.5)
            first = time.monotonic()
            relay = self.relay(n, cid)
            self.assertEqual(relay.status, 200)
            self.assertEqual(c.wait_atom("bcst", 20)["host"]["numr"].u32, 1)
            second = time.monotonic()
            self.assertLess(abs(second - first - 10), 2)
            self.assertEqual(c.wait_atom("bcst", 150)["host"]["numr"].u32, 1)
            self.assertLess(abs(time.monotonic() - second - 120), 3)
        finally:
            done.set()
            feeder.join()


@slow
class Patience(BoxCase):
    """How long a node goes on without what it waits for. All of it at the same time."""

    def thread_names(self, node):
        names = set()
        for task in os.listdir("/proc/%d/task" % node.pid):
            with contextlib.suppress(OSError), open("/proc/%d/task/%s/comm" % (node.pid, task), encoding="ascii") as f:
                names.add(f.read().strip())
        return names

    def beside(self, work):
        thread = threading.Thread(target=work)
        thread.start()
        self.threads.append(thread)

    def test_all(self):
        self.threads, self.results = [], {}
        # off the air: COUT is there for another minute
        yp = YellowPage()
        self.addCleanup(yp.close)
        tracker = self.node({"rootHost": yp.address, "sourceGraceSec": 0}, name="tracker")
        push = self.push(tracker, "mine", bitrate=200)
        with yp.welcome() as c:
            c.wait_atom("bcst")
            push.stop()
            self.assertEqual(c.wait_atom("quit").u32, 1008)
        self.assertIn("cout", self.thread_names(tracker))

        def linger():
            start = time.monotonic()
            wait_until(lambda: "cout" not in self.thread_names(tracker), 80)
            self.results["COUT"] = time.monotonic() - start
        self.beside(linger)

        # nobody but the YP may know the channel: three turns, none of which is answered
        silent, asked, done = YellowPage(), [], threading.Event()
        silent.server.settimeout(0.2)

        def answer():
            while not done.is_set():
                with contextlib.suppress(OSError, EOFError), Client.of(silent.server.accept()[0]) as c:
                    if c.read(4) == b"GET ":
                        asked.append(time.monotonic())
            silent.close()
        self.beside(answer)
        seeker, cid = self.node({"rootHost": silent.address}, name="seeker"), new_id()
        viewer = self.closing(seeker.client())
        viewer.request("GET", "/stream/" + cid)

        # a relay is here for a stream that does not come
        up, other = Upstream(self), new_id()
        relay_node = self.node(name="relay")
        self.closing(relay_node.client()).request("GET", "/stream/%s?tip=127.0.0.1:%d" % (other, up.port))
        c = self.closing(up.accept())
        up.handshake(c)
        up.head(c, other)
        waits = self.relay(relay_node, other)
        playlist = self.closing(relay_node.client())
        playlist.request("GET", "/pls/" + other)
        start = time.monotonic()
        self.assertEqual(waits.status, 200)
        waits.expect_close(40)
        self.results["relay"] = time.monotonic() - start
        self.assertEqual(playlist.read_head(), 504)

        self.assertIn(viewer.read_head(90), (404, 503, 504))
        seeker.wait_no_channel(cid=cid, seconds=60)
        done.set()
        for thread in self.threads:
            thread.join()
        for name, seconds in (("relay", 30), ("COUT", 60)):
            with self.subTest(name):
                self.assertLess(abs(self.results[name] - seconds), 4)
        self.assertEqual(len(asked), 3)
        for a, b in zip(asked, asked[1:]):
            self.assertGreater(b - a, 19)
        # and COUT comes again
        self.push(tracker, "mine", bitrate=200)
        with yp.welcome(40) as c:
            c.wait_atom("bcst")


@slow
class Idle(BoxCase):
    def test_eight_are_kept(self):
        """Of relays nobody listens to any more the oldest ones go (7.4)."""
        a, b = self.node(name="a"), self.node(name="b")
        cids = []
        for i in range(11):
            self.push(a, "c%d" % i, interval=0.1)
            cids.append(a.wait_channel("c%d" % i)["channelId"])
            with b.view(cids[-1], "?tip=" + a.address) as v:
                v.read(1000)
        with b.view(cids[0]) as v:              # the first is listened to
            v.read(1000)

            def idle():
                return [c["channelId"] for c in b.channels() if c["status"]["status"] == "Idle"]
            wait_until(lambda: len(b.channels()) == 9, 60, "few channels")
            wait_until(lambda: len(idle()) == 8, 30, "all idle")
            self.assertEqual({c["channelId"] for c in b.channels()}, {cids[0], *cids[3:]})
            v.read(20000)


@slow
class PortTests(NetCase):
    def test_slow_outcomes(self):
        """B25: fifteen seconds, and nobody else waits meanwhile."""
        n = self.node()
        silent, stops, filtered, other = self.net.some(4)
        self.addCleanup(listening(silent, 2001, b"").close)
        self.addCleanup(listening(stops, 2001, b"oleh\2\0\0\x80").close)
        filtered.firewall("drop", "2001")
        results = {}

        def one(name, place):
            with place.inside():
                c = Client(n.port, n.host)
            with c:
                start = time.monotonic()
                c.send(OPENER + helo(new_id(), ping=2001).encode())
                results[name] = (c.read_atom(30)["port"].u16, time.monotonic() - start)
        threads = [threading.Thread(target=one, args=a) for a in (
            ("silent", silent), ("stops in its answer", stops), ("filtered", filtered))]
        for t in threads:
            t.start()
        start = time.monotonic()
        with other.inside():
            self.assertEqual(Control(n).quit, 1008)
        self.assertLess(time.monotonic() - start, 2)
        for t in threads:
            t.join()
        self.assertEqual(len(results), 3)
        for name, (port, took) in results.items():
            with self.subTest(name):
                self.assertEqual(port, 0)
                self.assertLess(took, 17)
