# SPDX-License-Identifier: GPL-2.0-or-later
"""The process: command line, ini, signals, exit codes (node.md 1, 2)."""
import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import time
import unittest

import harness
from harness import PEERCAST, BoxCase, free_port


def run(*args, seconds=10, **kw):
    return subprocess.run([PEERCAST, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=seconds * harness.PATIENCE, check=False,
                          text=True, **kw)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Options(BoxCase):
    def test_help(self):
        for flag in ("-h", "--help"):
            r = run(flag)
            self.assertEqual(r.returncode, 0)
            for name in ("--inifile", "--logfile", "--path", "--daemon", "--pidfile"):
                self.assertIn(name, r.stdout)

    def test_version(self):
        r = run("--version")
        self.assertEqual(r.returncode, 0)
        self.assertIn("PeerCast/0.1218 (SV01)", r.stdout)

    def test_unknown_argument(self):
        r = run("--nonsense")
        self.assertEqual((r.returncode, r.stderr), (1, "Invalid argument --nonsense\n"))

    def test_missing_argument(self):
        for flag in ("-i", "--inifile", "-l", "-P", "-p"):
            r = run(flag)
            self.assertEqual(r.returncode, 2, flag)
            self.assertIn(flag, r.stderr)

    def test_long_forms_log_and_pid(self):
        node = self.node(start=False)
        log, pid = os.path.join(node.dir, "log"), os.path.join(node.dir, "pid")
        node.args = ["--logfile", log, "--pidfile", pid, "--path", node.dir]
        node.spawn()
        self.wait(lambda: os.path.exists(log) and "listening on port" in open(log, encoding="utf-8").read())
        with open(pid, encoding="ascii") as f:
            self.assertEqual(f.read(), "%d\n" % node.pid)
        self.assertEqual(node.out.text(), "")
        self.assertEqual(os.stat(log).st_mode & 0o777, 0o600)
        # another one on the same pid file is told
        r = run("-i", node.ini_path, "-p", pid)
        self.assertEqual(r.returncode, 4)
        self.assertIn("another node", r.stderr)
        node.stop()
        self.assertFalse(os.path.exists(pid))

    def test_daemon(self):
        node = self.node(start=False)
        pid = os.path.join(node.dir, "pid")
        r = run("-d", "-p", pid, "-i", node.ini_path)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        with open(pid, encoding="ascii") as f:
            number = int(f.read())
        try:
            self.assertEqual(node.get("/api/1").status, 200)    # it listens when the parent ends
        finally:
            os.kill(number, signal.SIGTERM)
        self.wait(lambda: not os.path.exists(pid))

    def test_daemon_that_cannot_start(self):
        with socket.create_server(("", 0)) as taken:
            node = self.node(start=False, port=taken.getsockname()[1])
            self.assertEqual(run("-d", "-i", node.ini_path).returncode, 3)

    def test_default_place_of_the_ini(self):
        node = self.node(start=False)
        home = os.path.join(node.dir, "home")
        for env, path in (({"HOME": home}, home + "/.config/peercast/peercast.ini"),
                          ({"HOME": home, "XDG_CONFIG_HOME": home + "/x"}, home + "/x/peercast/peercast.ini")):
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="ascii") as f:
                f.write("serverPort = %d\nrootHost =\n" % node.port)
            proc = subprocess.Popen([PEERCAST], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            out = harness.Lines(proc.stdout)
            self.assertIsNotNone(out.wait("listening on port %d" % node.port), out.text())
            proc.send_signal(signal.SIGINT)
            self.assertEqual(proc.wait(5 * harness.PATIENCE), 0)
            out.thread.join(5)
            proc.stdout.close()

    def test_check_config(self):
        node = self.node({"maxRelays": "many", "noSuchKey": "1"}, start=False)
        with open(node.ini_path, "rb") as f:
            before = f.read()
        r = run("--check-config", "-i", node.ini_path)
        self.assertEqual(r.returncode, 2)
        lines = before.decode().split("\n")
        for key in ("maxRelays", "noSuchKey"):
            number = next(i for i, line in enumerate(lines) if line.startswith(key)) + 1
            self.assertRegex(r.stdout, r"(?m)^line %d: .*%s" % (number, key))
        with open(node.ini_path, "rb") as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(run("--check-config", "-i", "/nonexistent/x.ini").returncode, 2)


class Port(BoxCase):
    def test_taken_port(self):
        first = self.node()
        second = self.node(start=False, port=first.port)
        second.spawn()
        self.assertEqual(second.expect_exit(), 3)
        self.assertRegex(second.err.text(), r"cannot listen on port %d: .*in use" % first.port)
        self.assertEqual(first.get("/api/1").status, 200)

    def test_ipv4_and_ipv6(self):
        node = self.node()
        self.assertEqual(node.get("/api/1").status, 200)
        try:
            client = harness.Client(node.port, host="::1")
        except OSError:
            self.skipTest("no IPv6 here")
        with client as c:
            c.request("GET", "/api/1")
            self.assertEqual(c.read_head(), 200)

    def test_bind_address(self):
        node = self.node({"bindAddress": "127.0.0.5"}, start=False)
        node.spawn()
        node.wait_log("listening")
        with self.assertRaises(OSError):
            harness.Client(node.port)
        with harness.Client(node.port, host="127.0.0.5") as c:
            c.request("GET", "/api/1")
            self.assertEqual(c.read_head(), 200)

    def test_bad_bind_address(self):
        node = self.node({"bindAddress": "not-an-address"}, start=False)
        node.spawn()
        self.assertEqual(node.expect_exit(), 2)
        self.assertIn("bindAddress", node.err.text())


class Files(BoxCase):
    @staticmethod
    def answered(clients, n):
        """Those who have something to read, once there are n of them."""
        ready = select.select([c.sock for c in clients], [], [], 0)[0]
        return len(ready) >= n and [c for c in clients if c.sock in ready]

    def test_no_more_files(self):
        """Whoever comes when there is no file left is turned away, without a busy loop or a flood of
        lines; afterwards all is well (node.md 12 F14)."""
        said = []
        for limit in (24, 25):          # a connection takes two: one of these numbers fails in accept(2)
            node = self.node(start=False, command=["sh", "-c", "ulimit -n %d; exec \"$0\" \"$@\"" % limit, PEERCAST])
            node.start()
            clients = [self.closing(node.client()) for _ in range(50)]
            for c in clients:
                with contextlib.suppress(OSError):      # turned away already
                    c.send(b"G")                        # who says nothing comes a second later, all at once
            # those it cannot keep; which ones is a matter of who came while another left
            refused = self.wait(lambda cs=clients: self.answered(cs, 50 - limit), what="answers")
            for c in refused:
                self.assertIn(b" 503 ", c.expect_close())
            before = cpu_seconds(node.pid)
            time.sleep(1)               # nothing is to happen in it
            self.assertLess(cpu_seconds(node.pid) - before, 0.05)
            lines = [line for line in node.out.lines if "Too many open files" in line]
            self.assertLess(len(lines), 12)
            said += lines
            for c in clients:
                c.close()
            self.wait(lambda node=node: b" 200 " in self.answer(node), what="an answer")
        # each node says it once, and one of them surely does: the other may have had a file open for a moment
        self.assertIn(len([line for line in said if "[EROR] server: accept:" in line]), (1, 2))
        self.assertTrue([line for line in said if "[WARN] server: no room for" in line])

    @staticmethod
    def answer(node):
        with node.client() as c:
            try:
                c.request("GET", "/api/1")
            except OSError:
                return b""
            return c.read_all()


class Signals(BoxCase):
    def test_int_and_term_end_it_in_time(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            node = self.node()
            node.stop(sig)

    def test_end_in_time_with_everything_in_use(self):
        root = self.root()
        node = self.tracker(root)
        self.push(node, "busy")
        cid = node.wait_channel("busy")["channelId"]
        self.wait(root.chanlog)
        viewers = [self.closing(node.view(cid)) for _ in range(10)]
        relays = [self.relay(node, cid) for _ in range(2)]
        idle = [self.closing(node.client()) for _ in range(10)]         # say nothing
        stuck = self.closing(node.client())                             # never reads
        stuck.request("GET", "/stream/" + cid)
        self.assertTrue(viewers and relays and idle)
        begin = time.monotonic()
        node.stop()
        self.assertLess(time.monotonic() - begin, 2 * harness.PATIENCE)
        node.proc = None

    def test_end_is_clean_while_others_hang(self):
        """Whatever stage a connection is in, its thread ends with the node."""
        yp = socket.create_server(("127.0.0.1", 0))             # takes the tracker, says nothing
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(yp.close)
        self.addCleanup(silent.close)
        node = self.node({"rootHost": "127.0.0.1:%d" % yp.getsockname()[1], "maxControlConnections": 9})
        self.push(node, "busy")
        cid = node.wait_channel("busy")["channelId"]
        pcp = harness.u32("pcp\n", 1).encode()
        hello = harness.helo(harness.new_id()).encode()
        channel = "GET /channel/%s HTTP/1.0\r\nx-peercast-pcp: 1\r\n\r\n" % cid
        tip = "GET /stream/%s?tip=127.0.0.1:%d HTTP/1.0\r\n\r\n" % (harness.new_id(), silent.getsockname()[1])
        for data in (b"", b"G", b"GET / HTTP/1.0\r\nA: b\r\n",
                     b"POST /api/1 HTTP/1.1\r\nContent-Length: 100\r\n\r\n{",
                     b"POST /api/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
                     b"pcp\n", pcp, pcp + hello[:20], pcp + hello, channel.encode(), channel.encode() + hello,
                     tip.encode(), b"POST /?name=a&type=FLV HTTP/1.1\r\n\r\n",
                     b"POST /?name=b&type=FLV HTTP/1.1\r\n\r\nFLV\1",
                     b"POST /?name=c&type=MKV HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5"):
            self.closing(node.client()).send(data)
        silent.settimeout(5 * harness.PATIENCE)
        self.addCleanup(silent.accept()[0].close)
        yp.settimeout(10 * harness.PATIENCE)
        self.addCleanup(yp.accept()[0].close)
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait_exit(), 0)
        if harness.PATIENCE == 1:       # the node's own deadline does not grow with it
            self.assertIsNotNone(node.out.find(r"\] stopped$"), node.output())

    def test_hup_reads_the_ini_and_reopens_the_log(self):
        node = self.node(start=False)
        log = os.path.join(node.dir, "log")
        node.args = ["-l", log]
        node.spawn()
        self.wait(lambda: os.path.exists(log) and "listening" in open(log, encoding="utf-8").read())
        os.rename(log, log + ".1")
        with open(node.ini_path, "a", encoding="ascii") as f:
            f.write("maxRelays = 77\n")
        node.send_signal(signal.SIGHUP)
        self.wait(lambda: os.path.exists(log) and "read again" in open(log, encoding="utf-8").read())
        self.assertNotIn("read again", open(log + ".1", encoding="utf-8").read())
        node.stop()
        self.assertEqual(node.read_ini()["maxrelays"], "77")

    def test_usr1_and_pipe_do_no_harm(self):
        node = self.node()
        for sig in (signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2):
            node.send_signal(sig)
        node.wait_log("state: ")
        self.assertEqual(node.get("/api/1").status, 200)


class Ini(BoxCase):
    def test_checking_makes_no_file(self):
        node = self.node(start=False)
        path = os.path.join(node.dir, "new/deep/peercast.ini")
        proc = subprocess.run([PEERCAST, "--check-config", "-i", path], check=False, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        self.assertEqual(proc.returncode, 2)            # checking does not make one
        self.assertFalse(os.path.exists(path))

    def test_written_back_whole(self):
        """Every key of the file comes back, the operator's comments and unknown lines too."""
        port = free_port()
        node = self.node(raw=b"\xef\xbb\xbf; mine\r\n[Server]\r\nserverPort = %d\r\nrootHost =\r\n"
                         b"maxRelays = 1\r\nserverName = \xe6\x97\xa5\xe6\x9c\xac\r\nfuture = 1\r\n"
                         b"maxDirect = 7" % port, port=port)
        node.wait_log(r"line 7: .*future")
        node.stop()
        keys = node.read_ini()
        self.assertEqual((keys["maxrelays"], keys["maxdirect"], keys["servername"]), ("2", "7", "日本"))
        with open(node.ini_path, encoding="utf-8") as f:
            text = f.read()
        self.assertIn("; mine", text)
        self.assertIn("future = 1", text)
        self.assertRegex(keys["broadcastid"], "^00[0-9A-F]{30}$")
        self.assertEqual(os.stat(node.ini_path).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(node.dir), ["peercast.ini"])

    def test_every_key_survives(self):
        """Another value for every key there is: start and stop leave the file as it was, byte for byte."""
        node = self.node()
        node.stop()
        fixed = ("serverPort", "bindAddress", "broadcastID", "networkID", "isRoot", "trustLocalhost", "chanLogMode",
                 "livesyncGroup", "pauseLog", "logLevel")
        turned = {"Yes": "No", "No": "Yes"}

        def other(line):
            key, value = line.group(1), line.group(2)
            if key in fixed:
                return line.group(0)
            if value in turned:
                value = turned[value]
            else:
                value = str(int(value) + 1) if value.isdigit() else value or "x-" + key
            return "%s = %s" % (key, value)
        with open(node.ini_path, encoding="utf-8") as f:
            before, n = re.subn(r"(?m)^(\w+) = (.*)$", other, f.read())
        self.assertGreater(n, 120)
        with open(node.ini_path, "w", encoding="utf-8") as f:
            f.write(before)
        node.start(quiet=True)
        node.stop()
        with open(node.ini_path, encoding="utf-8") as f:
            self.assertEqual(f.read(), before)
        self.assertIsNone(node.out.find(r"\[WARN\] ini"), node.output())

    def test_broadcast_id_stays(self):
        node = self.node()
        node.stop()
        first = node.read_ini()["broadcastid"]
        node.start()
        node.stop()
        self.assertEqual(node.read_ini()["broadcastid"], first)

    def test_broken_lines_are_warnings(self):
        node = self.node(raw=b"serverPort = {port}\nrootHost =\nmaxDirect = lots\nisRoot = maybe\n=\n\0\n[Filter\n")
        node.wait_log(r"line 3: .*maxDirect")
        self.assertEqual(node.get("/api/1").status, 200)

    def test_kept_relay_comes_back(self):
        """A relay that is to be kept is in the ini after the end, and is there again at the next start."""
        a, b = self.node(name="a"), self.node(name="b")
        self.push(a, "kept & safe", genre="g")
        cid = a.wait_channel("kept & safe")["channelId"]
        with b.view(cid, "?tip=" + a.address) as v:
            v.read(2000)
            self.assertEqual(b.get("/admin?cmd=keep&id=" + cid).status, 302)
            # written soon, not only at the end
            self.wait(lambda: "[RelayChannel]" in open(b.ini_path, encoding="utf-8").read(), 15)
        b.stop()
        with open(b.ini_path, encoding="utf-8") as f:
            block = re.search(r"\[RelayChannel\](.*?)\[End\]", f.read(), re.S).group(1)
        for line in ("name = kept & safe", "genre = g", "id = " + cid, "stayConnected = Yes",
                     "tracker = " + a.address):
            self.assertIn(line, block)
        b.start()
        b.wait_channel("kept & safe")
        self.assertEqual(b.get("/admin?cmd=keep&id=" + cid).status, 302)
        b.stop()
        with open(b.ini_path, encoding="utf-8") as f:
            self.assertNotIn(cid, f.read())


if __name__ == "__main__":
    unittest.main()
