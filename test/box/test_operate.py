# SPDX-License-Identifier: GPL-2.0-or-later
"""What operators and their programs use to watch and run a node."""
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from harness import PATIENCE, PEERCAST, TOP, WAIT, BoxCase, free_port, http_request

SAMPLE = re.compile(r'^([a-z_:]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def metrics(node):
    """{ (name, frozenset of labels): value } of /metrics."""
    found = {}
    for line in node.get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found[name, frozenset(LABEL.findall(labels or ""))] = float(value)
    return found


def value(node, name, **labels):
    return metrics(node)[name, frozenset(labels.items())]


class Metrics(BoxCase):
    def synced_root(self):
        """One with all that there is to count."""
        n = self.root(ini={"livesync": "Yes", "livesyncAllow": "127.0.0.1", "livesyncBind": "127.0.0.1", "livesyncGroup": "",
                           "livesyncPeers": "127.0.0.2", "livesyncPort": free_port()})
        self.wait(lambda: value(n, "peercast_livesync_state", state="running") == 1, 20)
        return n

    def test_a_stream(self):
        """What a broadcaster, his relay, a player and a root count."""
        root = self.root()
        n = self.tracker(root)
        self.push(n, "A \"B\" あ")
        cid = n.wait_channel("A \"B\" あ")["channelId"]
        with n.view(cid) as v:
            v.read_some()
            self.assertEqual(value(n, "peercast_channel_listeners", channel=cid), 1)
            self.assertEqual(value(n, "peercast_connections", type="direct"), 1)
        self.assertGreater(value(n, "peercast_channel_received_bytes_total", channel=cid), 0)
        self.assertGreater(value(n, "peercast_media_received_bytes_total"), 0)
        info = [dict(labels) for name, labels in metrics(n) if name == "peercast_channel_info"]
        self.assertEqual(len(info), 1)
        self.assertEqual((info[0]["channel"], info[0]["name"], info[0]["kind"]), (cid, 'A \\"B\\" あ', "broadcast"))
        self.wait(lambda: value(n, "peercast_yp_connected") == 1, 20)
        self.assertEqual(value(n, "peercast_yp_connections_total", result="connected"), 1)
        self.wait(lambda: value(root, "peercast_connections", type="cin") == 1, 20)
        self.wait(lambda: value(root, "peercast_chanlog_records_total", result="written") > 0, 20)
        self.assertGreater(value(root, "peercast_root_announcements_total"), 0)
        self.wait(lambda: value(n, "peercast_sent_bytes_total", scope="all") > 0, 20)
        for name in ("process_threads", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"):
            self.assertGreater(value(n, name), 0)

    @unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is not installed")
    def test_promtool(self):
        n = self.synced_root()
        self.push(n, "checked")
        n.wait_channel("checked")
        r = subprocess.run(["promtool", "check", "metrics"], input=n.get("/metrics").body, capture_output=True, check=False)
        self.assertEqual((r.returncode, r.stdout + r.stderr), (0, b""))
        r = subprocess.run(["promtool", "check", "rules", os.path.join(TOP, "dist/grafana/alerts.yml")], capture_output=True, check=False)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)

    @unittest.skipIf(PATIENCE > 1, "not under sanitizers")
    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_prometheus(self):
        """The real one takes our OpenMetrics, with the two configurations that the manual has."""
        n = self.node({"metrics": "login", "password": "PASSWORD", "trustLocalhost": "No"})
        with open(os.path.join(TOP, "dist/doc/MANUAL.md"), encoding="utf-8") as f:
            plain, login = re.findall(r"(?m)^    (scrape_configs:\n(?:    .*\n)+)", f.read())
        at = "127.0.0.1:%d" % free_port()
        folder = tempfile.mkdtemp(prefix="peercast-prometheus-")
        self.addCleanup(shutil.rmtree, folder)
        conf = os.path.join(folder, "prometheus.yml")
        with open(conf, "w", encoding="utf-8") as f:
            jobs = plain.replace("peercast", "plain") + login.split("\n", 1)[1].replace("peercast", "login")
            f.write("global:\n  scrape_interval: 1s\n" + re.sub(r"'[\d.:]+'", "'%s'" % n.address, jobs.replace("\n    ", "\n")))
        p = subprocess.Popen(["prometheus", "--config.file=" + conf, "--storage.tsdb.path=" + folder + "/data",
                              "--web.listen-address=" + at], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            p.terminate()
            p.wait()
        self.addCleanup(end)

        def ask(query):
            try:
                r = http_request(int(at.rsplit(":", 1)[1]), "GET", "/api/v1/query?query=" + query)
            except OSError:
                return []
            return json.loads(r.text)["data"]["result"] if r.status == 200 else []
        self.wait(lambda: ask("peercast_build_info"), 30, "a scrape")
        self.wait(lambda: len(ask("up")) == 2, 30, "both")
        up = {r["metric"]["job"]: r["value"][1] for r in ask("up")}
        self.assertEqual(up, {"plain": "0", "login": "1"})

    def test_dashboard(self):
        """Whatever the dashboard and the alerts ask for is there."""
        with open(os.path.join(TOP, "dist/grafana/peercast.json"), encoding="utf-8") as f:
            board = json.load(f)
        with open(os.path.join(TOP, "dist/grafana/alerts.yml"), encoding="utf-8") as f:
            alerts = f.read()
        asked = {name for text in [alerts] + [t["expr"] for panel in board["panels"] for t in panel.get("targets", [])]
                 for name in re.findall(r"\b(?:peercast|process)_[a-z_]+", text)}
        n = self.synced_root()
        there = set(re.findall(r"^# TYPE (\S+)", n.get("/metrics").text, re.M))
        self.assertGreater(len(asked), 20)
        self.assertEqual(asked - there, set())

    def test_health(self):
        n = self.node()
        for path in ("/healthz", "/readyz"):
            self.assertEqual(n.get(path).status, 200)


# Become the node, as a service manager would start it.
WRAP = """
import os, socket, sys
port, rtmp = int(sys.argv[1]), int(sys.argv[2])
at = 3
names = []
for p, name in ((port, "peercast.socket"), (rtmp, "rtmp")):
    if p:
        s = socket.create_server(("127.0.0.1", p))
        os.dup2(s.fileno(), 10 + at)
        names.append(name)
        at += 1
for fd in range(3, at):
    os.dup2(10 + fd, fd)
if names:
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names))
st = os.fstat(1)
os.environ["JOURNAL_STREAM"] = "%d:%d" % (st.st_dev, st.st_ino)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Service(BoxCase):
    """As systemd does it."""

    def manager(self):
        """The socket that a service tells how it is."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.settimeout(WAIT * PATIENCE)
        s.bind("\0peercast-test-%d-%s" % (os.getpid(), self.id()))
        self.addCleanup(s.close)
        os.environ["NOTIFY_SOCKET"] = "@" + s.getsockname()[1:].decode()
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET")
        return s

    def said(self, manager, line):
        """Wait until the service says it; returns what else came with it."""
        while True:
            lines = manager.recv(4096).decode().split("\n")
            if line in lines:
                return lines

    def wrapped(self, port=0, rtmp=0, **keys):
        keys = dict(serverPort=port, **keys) if port else keys
        return self.node(keys, command=[sys.executable, "-c", WRAP, str(port), str(rtmp), PEERCAST], start=False,
                         **({"port": port} if port else {}))

    def test_notify(self):
        m = self.manager()
        os.environ["WATCHDOG_USEC"] = "3000000"      # the queue of a socket holds ten
        self.addCleanup(os.environ.pop, "WATCHDOG_USEC")
        n = self.node()
        self.assertIn("MAINPID=%d" % n.pid, self.said(m, "READY=1"))
        self.assertRegex("\n".join(self.said(m, "WATCHDOG=1")), r"STATUS=0 channels, 0 relays, 0 players, 0 trackers")
        self.alive_under_signals(m, n)
        n.send_signal(signal.SIGHUP)
        self.assertRegex("\n".join(self.said(m, "RELOADING=1")), r"MONOTONIC_USEC=\d+")
        self.said(m, "READY=1")
        n.stop()
        self.said(m, "STOPPING=1")

    def alive_under_signals(self, manager, node):
        """Signals that come more often than the sign of life is due do not hold it up."""
        until = time.monotonic() + 3 * WAIT * PATIENCE
        while time.monotonic() < until:
            node.send_signal(signal.SIGUSR1)
            if select.select([manager], [], [], 0.2)[0]:
                self.assertIn("WATCHDOG=1", manager.recv(4096).decode())
                return
        self.fail("no sign of life")

    def test_watchdog_of_another_process(self):
        """What is meant for somebody else is left alone."""
        m = self.manager()
        os.environ.update(WATCHDOG_USEC="100000", WATCHDOG_PID="1")
        for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
            self.addCleanup(os.environ.pop, name)
        n = self.node()
        self.said(m, "READY=1")
        n.stop()
        self.assertEqual(m.recv(4096), b"STOPPING=1")

    def test_sockets(self):
        """They are used; the port may be left and come back to."""
        n = self.wrapped(free_port(), free_port(), rtmpServer="Yes")
        old, rtmp = n.port, int(n.command[4])
        with open(n.ini_path, "a", encoding="ascii") as f:
            f.write("rtmpPort = %d\n" % rtmp)
        n.start()
        self.assertEqual(n.get("/readyz").status, 200)
        self.wait(lambda: value(n, "peercast_rtmp_listening") == 1)
        for port in (free_port(), old):
            n.get("/admin?cmd=apply&port=%d" % port)
            n.port = port
            self.wait(lambda: self.answers(n))
        self.assertNotIn("cannot listen", n.output())

    def answers(self, n):
        with contextlib.suppress(OSError):
            return n.get("/readyz").status == 200
        return False

    def test_socket_of_a_daemon(self):
        """Passed to the process that then leaves for the background."""
        port = free_port()
        n = self.wrapped(port)
        n.args = ["-d", "-p", os.path.join(n.dir, "pid"), "-l", os.path.join(n.dir, "log")]
        r = subprocess.run(n.command + ["-i", n.ini_path] + n.args, env=dict(os.environ, HOME=n.dir), timeout=WAIT * PATIENCE, check=False)
        self.assertEqual(r.returncode, 0)
        with open(os.path.join(n.dir, "pid"), encoding="ascii") as f:
            pid = int(f.read())
        self.assertTrue(self.answers(n))
        os.kill(pid, signal.SIGTERM)
        self.wait(lambda: not os.path.exists(os.path.join(n.dir, "pid")), 20)
        with open(os.path.join(n.dir, "log"), encoding="utf-8") as f:
            self.assertNotIn("cannot listen", f.read())

    def test_bad_sockets(self):
        """What cannot be accepted from is let go."""
        for env in ({"LISTEN_FDS": "2"}, {"LISTEN_FDS": "-1"}, {"LISTEN_FDS": "99999999999"}, {"LISTEN_FDS": "x"}):
            wrap = ("import os, sys, tempfile\nf = tempfile.TemporaryFile()\nos.dup2(f.fileno(), 3)\n"
                    "os.environ.update(LISTEN_PID=str(os.getpid()), **%r)\nos.execv(sys.argv[1], sys.argv[1:])" % env)
            n = self.node(command=[sys.executable, "-c", wrap, PEERCAST])
            self.assertEqual(n.get("/readyz").status, 200)

    def test_journal(self):
        n = self.wrapped().start()
        n.get("/nothing")
        n.stop()
        lines = n.out.text().splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"^<[0-7]>\S")

    def test_json(self):
        n = self.node({"logFormat": "json"})
        self.push(n, 'a "quoted" name')
        n.wait_channel('a "quoted" name')
        n.stop()
        lines = [json.loads(line) for line in n.out.text().splitlines()]
        self.assertGreater(len(lines), 5)
        for line in lines:
            self.assertLessEqual({"time", "level", "thread", "msg"}, set(line))
        self.assertTrue(any('a "quoted" name' in line["msg"] for line in lines))

    def test_one_node_to_an_ini(self):
        n = self.node()
        r = subprocess.run([PEERCAST, "-i", n.ini_path], capture_output=True, text=True, timeout=WAIT * PATIENCE, check=False)
        self.assertEqual((r.returncode, r.stderr), (4, "peercast: %s: another node runs on it\n" % n.ini_path))
        self.assertEqual(n.get("/readyz").status, 200)
        n.stop()
        self.assertFalse(os.path.exists(n.ini_path + ".lock"))
        with open(n.ini_path + ".lock", "w", encoding="ascii"):
            pass                            # what a killed node leaves
        n.start()

    def test_check_config(self):
        """Each fault with its line; and nothing but faults."""
        n = self.node(start=False)
        bans, text = os.path.join(n.dir, "bans"), os.path.join(n.dir, "file")
        for path, what in ((bans, "address 192.0.2.1\nsession 12\n"), (text, "x")):
            with open(path, "w", encoding="ascii") as f:
                f.write(what)
        rows = (("serverPort = 0", "serverPort: "), ("bindAddress = here", "bindAddress: here is not an address"),
                ("forceIP = 1.2.3", "forceIP: 1.2.3 is not an address"), ("forceIP = name.example", None),
                ("rtmpBind = ::x", "rtmpBind: ::x is not an address"), ("rtmpBind = 0.0.0.0", "rtmpBind: without rtmpKey"),
                ("rtmpPort = 7144", "rtmpPort: it is that of the node"), ("rootHost = a.example, b c", "rootHost: b c is not host"),
                ("rootHost = a.example:7146,192.0.2.1", None), ("chanLog = /nonexistent/a/log.xml", "chanLog: /nonexistent/a/: "),
                ("chanLog = %s/log.xml" % n.dir, None), ("chanLog = " + n.dir, "chanLog: .* is no file"),
                ("chanLog = log.xml\nchanLogGroup = nobody-has-this", "chanLogGroup: no group"), ("banList = /nonexistent", "banList: "),
                ("mediaDir = " + text, "mediaDir: .* is no folder"), ("mediaDir = /nonexistent", "mediaDir: "),
                ("recordDir = " + text, "recordDir: .* is no folder"), ("recordDir = /nonexistent", "recordDir: "),
                ("recordDir = .\nrecordAuto = own", None), ("recordAuto = all", "recordAuto: nothing is recorded"), ("fetchAllow = ftp", "fetchAllow"),
                ("[Filter]\nip = 192.0.2.1\n[End]\n[Filter]\nban = Yes\nip = 300.0.0.1", r"\[Filter\]: 300.0.0.1 is no"),
                ("[Flags]\nenableSSLServer = Yes", "enableSSLServer: server.crt"), ("isRoot = Yes\nlivesync = Yes", None))
        for keys, want in rows:
            with self.subTest(keys):
                with open(n.ini_path, "w", encoding="ascii") as f:
                    f.write("serverPort = 7144\n" + ("" if "rtmp" in keys else "rtmpServer = No\n") + keys
                            + ("\n[End]\n" if "[" in keys else "\n"))
                r = subprocess.run([PEERCAST, "-i", n.ini_path, "--check-config"], capture_output=True, text=True, cwd=n.dir, check=False)
                found = [line for line in r.stdout.splitlines()[:-1] if "no [Filter]" not in line and "livesync" not in line]
                if want is None:
                    self.assertEqual(found, [])
                    continue
                self.assertEqual((r.returncode, len(found)), (2, 1), r.stdout)
                with open(n.ini_path, encoding="ascii") as f:
                    last = len(f.read().splitlines()) - ("[" in keys)
                self.assertRegex(found[0], "^line %d: %s" % (last, want))
        with open(n.ini_path, "w", encoding="ascii") as f:
            f.write("banList = bans\n")
        r = subprocess.run([PEERCAST, "-i", n.ini_path, "--check-config"], capture_output=True, text=True, cwd=n.dir, check=False)
        self.assertIn("\nbans:2: ", "\n" + r.stdout)
        self.assertEqual(r.stderr, "")

    def test_check_health(self):
        n = self.node()

        def check(ini):
            r = subprocess.run([PEERCAST, "-i", ini, "--check-health"], capture_output=True, text=True, timeout=WAIT * PATIENCE,
                               check=False)
            return r.returncode, r.stdout.split("\n")[0], r.stderr
        self.assertEqual(check(n.ini_path), (0, "ok", ""))
        n.stop()
        self.assertEqual(check(n.ini_path)[:2], (1, ""))
        self.assertIn("127.0.0.1:%d: " % n.port, check(n.ini_path)[2])
        self.assertEqual(check(n.ini_path + ".none")[0], 1)
        with socket.create_server(("127.0.0.1", n.port)) as s:
            p = subprocess.Popen([PEERCAST, "-i", n.ini_path, "--check-health"], stderr=subprocess.PIPE, text=True)
            c, _ = s.accept()
            c.sendall(b"nonsense")
            c.close()
            self.assertRegex(p.communicate()[1], "no answer of a node|reset|closed")
            self.assertEqual(p.returncode, 1)
            # a byte now and then: not for ever
            p = subprocess.Popen([PEERCAST, "-i", n.ini_path, "--check-health"], stderr=subprocess.PIPE, text=True)
            c, _ = s.accept()
            until = time.monotonic() + 3 * WAIT * PATIENCE
            while p.poll() is None and time.monotonic() < until:
                with contextlib.suppress(OSError):
                    c.sendall(b"H")
                time.sleep(0.1)
            c.close()
            self.assertEqual((p.wait(5), p.communicate()[1]), (1, "peercast: 127.0.0.1:%d: timed out\n" % n.port))

    def test_reload_drops_nobody(self):
        """Port, limits, log and filters change under a player and a tracker."""
        root = self.root()
        n = self.tracker(root)
        self.push(n, "goes on")
        cid = n.wait_channel("goes on")["channelId"]
        self.wait(lambda: value(root, "peercast_connections", type="cin") == 1, 20)
        port = free_port()
        with n.view(cid) as v:
            v.read_some()
            with open(n.ini_path, "a", encoding="utf-8") as f:
                f.write("serverPort = %d\nmaxRelays = 33\nlogFormat = json\n[Filter]\nip = 192.0.2.1\nban = Yes\n[End]\n" % port)
            n.send_signal(signal.SIGHUP)
            n.wait_log(r"settings read again")
            n.port = port
            self.wait(lambda: self.answers(n))
            self.assertEqual(value(n, "peercast_connections_limit", type="relay"), 33)
            for _ in range(20):
                self.assertTrue(v.read_some())
            self.assertEqual(value(n, "peercast_connections", type="direct"), 1)
        self.assertEqual(value(n, "peercast_yp_connections_total", result="connected"), 1)
        self.assertRegex(n.out.text().splitlines()[-1], r'^\{"time":')
