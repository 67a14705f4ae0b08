# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever call fails, wherever: the node lives, answers or closes, leaks nothing and keeps what it took
(node.md 12). The Nth call of a kind fails for N = 0, 1, 2, 3, 5, 8 ... while one thing is done; with TEST_SLOW for
nearly every N."""
import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import time
import unittest
import xml.etree.ElementTree

import harness
import rtmp
from boards import Board
from fault import FAULTY, KINDS, FaultyNode
from harness import PEERCAST, BoxCase, Client, Control, new_id, slow, wait_until

STARTED = (0, 2, 3, 4)          # a start that fails says so with one of these (node.md 1.6)
GONE = (OSError, EOFError)      # what a connection may end with; but TimeoutError is one of OSError, see trying()


def sparse(limit=5000):
    """0, 1, 2, 3, 5, 8, 13 ..."""
    a, b = 0, 1
    while a < limit:
        yield a
        a, b = b, a + b if a else 2


def dense(limit=5000):
    yield from range(0, 150)
    yield from range(150, 600, 7)
    yield from range(600, limit, 101)


@contextlib.contextmanager
def trying():
    """Something that may end early, but not hang."""
    try:
        yield
    except TimeoutError:
        raise
    except GONE:
        pass


class World(BoxCase):
    """A root that also broadcasts to another root, relays and is watched, and the things done with it."""
    STEPS = staticmethod(sparse)
    YP = False              # it announces to the other root: takes time, as a connection that broke rests

    def faulty(self, ini=None, start=True, **kw):
        if not os.path.exists(FAULTY):
            self.skipTest("no %s: make box builds it" % FAULTY)
        keys = {"isRoot": "Yes", "maxControlConnections": 100, "maxDirect": 50, "chanLogEvents": "Yes",
                "sourceGraceSec": 0, "historyDays": 1}
        keys.update(ini or {})
        node = FaultyNode(keys, name="faulty", **kw)
        self.addCleanup(node.remove)
        self.addCleanup(self._stop, node)
        return node.start() if start else node

    def begin(self):
        ini = {}
        if self.YP:
            self.up = self.root()
            ini["rootHost"] = self.up.address
        else:
            self.up = self.node()
        self.push(self.up, "other", interval=0.005)
        self.other = self.up.wait_channel("other")["channelId"]
        self.rtmp = harness.free_port()
        self.board = Board()
        self.addCleanup(self.board.close)
        self.alone(dict(ini, rtmpServer="Yes", rtmpPort=self.rtmp, boardHosts=self.board.host))

    def alone(self, ini=None):
        self.n = self.faulty(ini)
        self.source = None
        self.accepted = {}
        self.number = itertools.count()
        self.heal()

    def heal(self):
        """Without faults all is well again: there is a stream."""
        self.assertIsNone(self.n.proc.poll(), "the node is gone\n" + self.n.output())

        def plays():
            if self.source is None or not self.source.is_alive():
                if self.source is not None:
                    self.source.stop()
                self.source = self.push(self.n, "main", interval=0.005)
            try:
                return next((c for c in self.n.channels() if c["info"]["name"] == "main"
                             and c["status"]["status"] == "Receiving"), None)
            except (OSError, AssertionError):
                return None
        self.cid = wait_until(plays, 20, "the stream is back\n" + self.n.output()[-3000:])["channelId"]

    # what is done, each with new connections

    def ask(self, data):
        """Everything answered, or None when the connection ends early."""
        with trying(), Client(self.n.port) as c:
            c.send(data)
            return c.read_all()
        return None

    def get(self, path):
        return self.ask(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())

    def pages(self):
        self.get("/")
        self.get("/index.txt")
        answer = self.get("/admin?cmd=viewxml")
        if answer and answer.startswith(b"HTTP/1.0 200") and b"</peercast>" in answer:
            xml.etree.ElementTree.fromstring(answer.split(b"\r\n\r\n", 1)[1])

    def call(self):
        for method in ("getChannels", "getStatus", "getSettings"):
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode()
            answer = self.ask(b"POST /api/1 HTTP/1.0\r\nX-Requested-With: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            if answer and answer.startswith(b"HTTP/1.0 200"):
                with trying():
                    length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                    text = answer.split(b"\r\n\r\n", 1)[1]
                    if len(text) == length:
                        json.loads(text)

    def settings(self):
        """What is answered with 302 or 200 has been taken, and is in the ini at the end."""
        value = str(100 + next(self.number))
        answer = self.get("/admin?cmd=apply&maxdirect=%s" % value)
        if answer and answer[9:12] in (b"200", b"302"):
            self.accepted["maxdirect"] = value
        elif answer is None:
            self.accepted.pop("maxdirect", None)        # either

    def announce(self):
        with trying(), contextlib.closing(Control(self.n)) as c:
            if c.quit is None:
                c.announce(new_id(), name="faulty %d" % next(self.number), genre="g")
                self.get("/admin?cmd=viewxml")

    def watch(self, cid, query=""):
        """Who watches what is gone, or cannot be had just now, is kept waiting, and leaves."""
        with trying(), contextlib.suppress(TimeoutError), Client(self.n.port) as c:
            c.request("GET", "/stream/%s%s" % (cid, query))
            c.read(5000, seconds=0.3 / harness.PATIENCE)

    def view(self):
        self.watch(self.cid)

    def relay_it(self):
        with trying(), contextlib.suppress(TimeoutError), Client(self.n.port) as c:
            c.request("GET", "/channel/" + self.cid, {"x-peercast-pcp": 1})
            c.send_atom(harness.helo(new_id()))
            c.read(5000, seconds=0.3 / harness.PATIENCE)

    def publish(self):
        """An encoder comes, sends and leaves, and a title on the way."""
        name = "faulty %d" % next(self.number)
        stream = harness.flv_stream()
        with trying(), Client(self.n.port) as c:
            c.request("POST", harness.push_target(name), {"Content-Type": "video/x-flv"})
            for _ in range(12):
                c.send(next(stream))
            self.get("/admin?cmd=setmeta&name=%s&t_title=x" % name.replace(" ", "+"))
            c.shutdown()
            c.read_all()

    def publish_rtmp(self):
        with trying(), contextlib.suppress(rtmp.Refused), rtmp.Encoder(self.rtmp) as e:
            e.publish("faulty%d" % next(self.number)).configs()
            for i in range(12):
                e.unit(i)
            e.unpublish()
            e.sock.shutdown(socket.SHUT_WR)
            e.expect_close()

    def fetch(self):
        """A channel of another node is played here, found by its tip."""
        self.watch(self.other, "?tip=" + self.up.address)
        self.get("/admin?cmd=stop&id=" + self.other)

    def boards(self):
        """A board's threads, and one that nobody has asked for yet: what is kept would be given out without asking."""
        thread = str(next(self.number))
        self.board.threads = {thread: ["title", [("", "", "text")]]}
        query = "fqdn=%s&category=c&board_num=1" % self.board.host
        self.get("/cgi-bin/board.cgi?" + query)
        self.get("/cgi-bin/thread.cgi?%s&id=%s" % (query, thread))

    DEEDS = (pages, call, settings, announce, view, relay_it, publish, publish_rtmp, fetch, boards)

    # the check

    def resources(self):
        """Files and threads, but for what listing them takes."""
        return tuple(len(os.listdir("/proc/%d/%s" % (self.n.pid, what))) for what in ("fd", "task"))

    def at_rest(self):
        """What it needs when nobody is connected but who sends and who announces."""
        seen = [self.resources() for _ in range(2)]
        while seen[-1] != seen[-2] or seen[-1] != seen[-min(len(seen), 5)]:
            time.sleep(0.02)
            seen.append(self.resources())
        return seen[-1]

    def settled(self, before):
        """Files and threads are as many as before."""
        def back():
            for c in self.n.channels():
                if c["channelId"] != self.cid:          # somebody may still look for one that is gone
                    self.get("/admin?cmd=stop&id=" + c["channelId"])
            return all(now <= then for now, then in zip(self.resources(), before))
        wait_until(back, 60, "files and threads come back to %s" % (before,))

    def one(self, deed, kind, n, err):
        """Returns whether it did fail somewhere."""
        self.n.fault.arm(kind, n, 1, err)
        try:
            deed(self)
        except TimeoutError:
            self.fail("%s hangs when %s %d fails with %d\n%s" % (deed.__name__, kind, n, err, self.n.output()))
        finally:
            hits = self.n.fault.hits
            self.n.fault.disarm()
        if self.n.proc.poll() is not None:
            self.fail("%s: the node died when %s %d failed with %d\n%s"
                      % (deed.__name__, kind, n, err, self.n.output()))
        return hits > 0

    def drive(self, *kinds):
        self.begin()
        for deed in self.DEEDS:
            deed(self)          # what is loaded once, is loaded
        self.heal()
        if self.YP:
            self.n.wait_log("cout: connected")
        wait_until(self.n.chanlog, 20, "the first record: its file stays open")
        before = self.at_rest()
        failed = 0
        for kind in kinds:
            for i, deed in enumerate(self.DEEDS):
                for j, n in enumerate(self.STEPS()):
                    err = KINDS[kind][(i + j) % len(KINDS[kind])]
                    if not self.one(deed, kind, n, err):
                        break
                    failed += 1
                    if not self.source.is_alive():
                        self.heal()
        self.assertGreater(failed, 4 * len(kinds))
        self.heal()
        self.settled(before)
        self.after()

    def after(self):
        """Nothing that was accepted is lost."""
        with contextlib.closing(Control(self.n)) as c:
            c.announce(new_id(), name="after all", genre="g")
            wait_until(lambda: b'"after all"' in open(self.n.chanlog_path, "rb").read(), 20, "the last record")
        self.n.chanlog()
        self.n.stop()
        for key, value in self.accepted.items():
            self.assertEqual(self.n.read_ini()[key], value)
        self.assertEqual(subprocess.run([FAULTY, "--check-config", "-i", self.n.ini_path], stdout=subprocess.PIPE,
                                        check=False).returncode, 0)


class Running(World):
    def test_memory(self):
        self.drive("memory")

    def test_network(self):
        self.drive("recv", "send", "poll", "accept")

    def test_files_and_threads(self):
        self.drive("thread", "socket", "open", "write", "sync", "rename")


class NoThread(World):
    """No thread is to be had: who comes is told so, and who is there stays."""

    def test_is_answered(self):
        n = self.faulty()
        early = self.closing(Client(n.port))
        early.send(b"GET /api/1 HTTP/1.0\r\n")
        self.assertEqual(n.get("/api/1").status, 200)           # accepted later than that one
        with n.fault.failing("thread", times=1000):
            # each takes one of the threads that wait for work, if there is one
            for _ in range(40):
                self.closing(Client(n.port)).send(b"G")    # who says nothing has none yet
                with Client(n.port) as c:
                    c.send(b"GET /api/1 HTTP/1.0\r\n\r\n")
                    answer = c.read_all()
                if b" 503 " in answer:
                    break
                self.assertTrue(answer.startswith(b"HTTP/1.0 200 "), answer)
            self.assertTrue(answer.startswith(b"HTTP/1.0 503 "), answer)
            self.assertGreater(n.fault.hits, 0)
        n.wait_log("no thread for 127.0.0.1")
        early.send(b"\r\n")
        self.assertTrue(early.read_all().startswith(b"HTTP/1.0 200 "))
        self.assertEqual(n.get("/api/1").status, 200)


@slow
class RunningAll(Running):
    STEPS = staticmethod(dense)
    YP = True


class Ends(World):
    """Start and stop."""

    def start_with(self, kind, n):
        """Returns whether something failed."""
        node = self.faulty(start=False)
        node.fault.arm(kind, n)
        node.spawn()

        def settled():
            if node.proc.poll() is not None:
                return True
            try:
                return node.get("/api/1").status == 200
            except (OSError, http.client.HTTPException):
                return False            # not yet, or it just fails to start
        wait_until(settled, 20, "start with %s %d: %s" % (kind, n, node.output()))
        hits = node.fault.hits
        node.fault.disarm()
        if node.proc.poll() is None:
            node.stop()
        else:
            rc = node.expect_exit()
            self.assertIn(rc, STARTED[1:], "%s %d\n%s" % (kind, n, node.output()))
            self.assertNotEqual(node.err.text(), "", "%s %d: a start that fails says why" % (kind, n))
        node.remove()
        return hits > 0

    def starts(self, steps):
        for kind in ("memory", "thread", "socket", "open", "write", "poll"):
            failed = 0
            for n in steps():
                if not self.start_with(kind, n):
                    break
                failed += 1
            self.assertGreater(failed, 0, kind)

    def test_start(self):
        self.starts(lambda: sparse(300))

    @slow
    def test_start_all(self):
        self.starts(lambda: itertools.chain(range(0, 60), range(60, 3000, 37)))

    def stop_with(self, kind, n):
        self.alone()
        view = self.closing(self.n.view(self.cid))
        view.read(5000)
        control = self.control(self.n)
        control.announce(new_id(), name="stays", genre="g")
        self.n.fault.arm(kind, n, times=3)
        self.n.send_signal(signal.SIGTERM)
        rc = self.n.wait_exit(4)
        self.assertEqual(rc, 0, "%s %d\n%s" % (kind, n, self.n.output()))
        self.n.check_sanitizers()
        self.assertEqual(self.n.problems, [])
        self.n.proc = None
        self.source.stop()
        control.close()
        view.close()
        self.n.remove()

    def test_stop(self):
        for kind in ("memory", "poll", "send", "write"):
            for n in (0, 3):
                self.stop_with(kind, n)


class Space(World):
    """A full disk, a clock that jumps."""

    def test_full_disk(self):
        """Every write fails for a while: the node goes on, and writes all of it when there is room again."""
        self.alone()
        with contextlib.closing(Control(self.n)) as c, self.n.fault.failing("write", times=1 << 40):
            c.announce(new_id(), name="while full", genre="g")
            self.settings()
            self.view()
            self.call()
            wait_until(lambda: self.n.rpc("getRootStatus")["channelLog"]["failed"] > 0, 20, "the log cannot be written")
        self.after()

    def test_small_disk(self):
        """A file system of 512 KiB that fills up: the ini stays whole, what is not confirmed is not there, and all is
        written when there is room again (F8, F9)."""
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("no file system of its own for a process: mount namespaces do not work here")
        node = self.root({"historyDays": 1}, start=False)
        disk = os.path.join(node.dir, "disk")
        os.mkdir(disk)
        os.rename(node.ini_path, disk + ".ini")
        node.ini_path = os.path.join(disk, "peercast.ini")
        with open(disk + ".ini", encoding="utf-8") as f:
            text = f.read().replace(node.chanlog_path, os.path.join(disk, "channels.xml"))
        with open(disk + ".ini", "w", encoding="utf-8") as f:
            f.write(text)
        node.command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=512k none "$0" && cp "$0.ini" "$0/peercast.ini" && '
                        'exec "$@"', disk, PEERCAST]
        node.start()
        self.n = node
        # how the node sees it
        inside = "/proc/%d/root%s" % (node.pid, disk)
        seen = os.path.join(inside, "channels.xml")
        self.assertEqual(node.get("/admin?cmd=apply&maxdirect=7").status, 302)
        control = self.control(node)
        with open(os.path.join(inside, "filler"), "wb", buffering=0) as f, contextlib.suppress(OSError):
            while f.write(bytes(1024)):
                pass
        for i in range(30):
            control.announce(new_id(), name="while full %d" % i, genre="g" * 200, desc="d" * 200)
        wait_until(lambda: node.rpc("getRootStatus")["channelLog"]["failed"] > 0, 20, "the log cannot be written")
        answer = node.get("/admin?cmd=apply&maxdirect=8")
        self.assertIn(answer.status, (302, 500), answer.body)
        with contextlib.suppress(harness.RpcError):
            node.rpc("setServerStorageItem", ["channelFilters", "[]" + " " * 100000])
            self.fail("100 KB on a full disk")
        with open(os.path.join(inside, "peercast.ini"), encoding="utf-8") as f:
            self.assertRegex(f.read(), r"(?m)^maxDirect = 7$")
        self.assertEqual(node.get("/index.txt").status, 200)
        os.unlink(os.path.join(inside, "filler"))
        control.announce(new_id(), name="after all", genre="g")
        wait_until(lambda: b'"after all"' in open(seen, "rb").read(), 20, "the log goes on")
        node.chanlog(seen)
        wait_until(lambda: "maxDirect = 8" in open(os.path.join(inside, "peercast.ini"), encoding="utf-8").read(), 20,
                   "the settings are written")
        self.assertEqual(sorted(f for f in os.listdir(inside) if ".new-" in f), [])

    def test_wall_clock_jumps(self):
        """Days, either way: nobody notices (F12, F13)."""
        self.alone()
        with contextlib.closing(Control(self.n)) as c, self.n.view(self.cid) as v, \
                contextlib.closing(harness.Relay(self.n, self.cid)) as r:
            cid = new_id()
            c.announce(cid, name="steady", genre="g")
            for days in (1, -1, -20000, 3000, 0):
                self.n.fault.set_wall(days * 86400)
                v.read(10000)
                for _ in zip(range(5), r.packets()):
                    pass
                self.pages()
                self.call()
                self.assertIsNotNone(self.n.find_channel("main"))
                self.assertIn(b"steady", self.get("/index.txt"))
            c.announce(cid, name="steady", genre="h")
        self.assertIn(b"steady", self.get("/admin?cmd=viewxml"))
        self.after()


if __name__ == "__main__":
    unittest.main()
