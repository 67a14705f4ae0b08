# SPDX-License-Identifier: GPL-2.0-or-later
"""peercast doctor: each step fails in turn, with a node that runs and without; what others do wrong is told, and bounded."""
import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import test_portmap
from fault import FAULTY, Fault
from harness import AGENT, PATIENCE, PEERCAST, WAIT, BoxCase, box, free_port, gid, ip, leaf, new_id, text, u16, u32, wait_until
from net import PORT, NetCase
from test_access import NameServer
from test_pcp import YellowPage
from upnp import Error, Router

SHORT = 4 + 2 * PATIENCE        # for what waits in vain for a sixth of it
STEPS = ["config", "port", "limits", "names", "yp", "lists", "mapping", "outside", "push", "clock"]
LINE = b"a<>%032d<>203.0.113.9:7144<><>g<>d<>1<>0<>500<>FLV<><><><><>a<>0:10<>click<><>0\n"


class Findings:
    """What a run has said, by --json."""

    def __init__(self, run, seconds):
        self.status, self.stderr, self.seconds = run.returncode, run.stderr, seconds
        self.all = json.loads(run.stdout) if run.stdout else None
        self.steps = {s["name"]: s for s in self.all["steps"]} if self.all else {}

    def verdicts(self, what):
        return [name for name in STEPS if self.steps[name]["verdict"] == what]

    def said(self, step):
        s = self.steps[step]
        return "\n".join([s["text"]] + s["notes"])


class Doctors:
    def examine(self, n, *args, command=(), env=None, binary=PEERCAST):
        """Run it on the ini of a node, which runs or not, on its machine."""
        start = time.monotonic()
        with n.inside():
            r = subprocess.run([*command, binary, "doctor", "--json", "-i", n.ini_path, *args], capture_output=True, text=True,
                               cwd=n.dir, check=False, timeout=60 * PATIENCE, env=env)
        self.assertNotRegex(r.stderr, "Sanitizer|runtime error")
        found = Findings(r, time.monotonic() - start)
        self.assertEqual(r.stderr, "")
        self.assertEqual([s["name"] for s in found.all["steps"]], STEPS)
        failing = found.verdicts("fail")
        self.assertEqual((found.status, found.all["ok"], found.all["first"]),
                         (1, False, failing[0]) if failing else (0, True, None), r.stdout)
        for s in found.all["steps"]:
            self.assertEqual("mend" in s, s["verdict"] == "fail", s)
        return found

    def fails(self, found, step, said, mend=None):
        """This step first, and it says so."""
        self.assertEqual(found.all["first"], step, found.all)
        self.assertRegex(found.said(step), said)
        if mend:
            self.assertRegex(found.steps[step]["mend"], mend)


class Scripted(YellowPage):
    """A root that does the same to everybody: script gets the Client behind the helo."""

    def __init__(self, script, *args):
        super().__init__(*args)
        self.script, self.helos = script, []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                try:
                    with self.accept(3600) as c:
                        self.helos.append(c.helo)
                        self.script(self, c)
                        c.read_all(30)
                except (EOFError, AssertionError, ConnectionError, TimeoutError):
                    pass


def lists_of(answers):
    """A web server on loopback: path -> (status, body, headers); None: it hangs."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body, headers = answers[self.path.partition("?")[0]]
            self.send_response_only(status)
            for k, v in headers.items():
                self.send_header(k, v)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


class Here(Doctors, BoxCase):
    """On loopback: settings, ports, roots made by hand, lists."""

    def ini(self, keys=None, blocks=""):
        return self.node(keys, start=False, blocks=blocks)

    def test_calls(self):
        for args, status, said in ((["-i"], 2, "-i needs an argument"), (["--nonsense"], 2, "Invalid argument --nonsense"),
                                   (["--timeout", "1"], 2, "--timeout: 2 to 600"), (["--timeout"], 2, "needs an argument"),
                                   (["x"], 2, "Invalid argument x"), (["--help"], 0, "peercast doctor - find out")):
            with self.subTest(args):
                r = subprocess.run([PEERCAST, "doctor", *args], capture_output=True, text=True, check=False)
                self.assertEqual(r.returncode, status)
                self.assertIn(said, r.stderr if status else r.stdout)

    def test_plain_words(self):
        """For people: a numbered line a step, the first fault and how to mend it at the end."""
        n = self.ini({"serverPort": "x"})
        r = subprocess.run([PEERCAST, "doctor", "-i", n.ini_path], capture_output=True, text=True, check=False)
        lines = [line for line in r.stdout.splitlines() if re.match(r" ?\d+\. ", line)]
        self.assertEqual([line.split()[1] for line in lines], STEPS)
        self.assertRegex(lines[0], r"^ 1\. config +FAIL +.*line 2: serverPort")
        self.assertRegex(r.stdout, r"\n\nTo be mended first: 1\. config\n    Correct these lines")
        self.assertEqual((r.returncode, r.stderr), (1, ""))
        n = self.ini()
        r = subprocess.run([PEERCAST, "doctor", "-i", n.ini_path], capture_output=True, text=True, check=False)
        self.assertEqual((r.returncode, r.stdout.splitlines()[-1]), (0, "Nothing fails."))
        self.assertFalse(os.path.exists(n.ini_path + ".lock"))
        for args in ((), ("--json",)):
            with open("/dev/full", "wb") as full:
                r = subprocess.run([PEERCAST, "doctor", "-i", n.ini_path, *args], stdout=full, stderr=subprocess.PIPE, check=False)
            self.assertEqual((r.returncode, r.stderr), (1, b"peercast: the findings cannot be written: No space left on device\n"))
        self.assertEqual(self.examine(n, command=("sh", "-c", 'trap "" INT TERM HUP; exec "$@"', "sh")).status, 0)

    def test_settings(self):
        n = self.ini()
        for raw, said, mend in ((b"serverPort = 7144\nmaxRelays = many\n", r"line 2: maxRelays", "man peercast.ini"),
                                (b"bindAddress = here\n", "line 1: bindAddress: here is not an address", None),
                                (b"\xff\xfe" * 5000, "fault", None), (b"".join(b"key%d = 1\n" % i for i in range(300)), "and 150 more", None)):
            with self.subTest(said), open(n.ini_path, "wb") as f:
                f.write(raw)
                f.flush()
                self.fails(self.examine(n), "config", said, mend)
        os.unlink(n.ini_path)
        found = self.examine(n)
        self.fails(found, "config", "No such file", "with -i")
        self.assertEqual(found.verdicts("skipped"), STEPS[1:])
        os.mkdir(n.ini_path)
        self.fails(self.examine(n), "config", n.ini_path)
        os.rmdir(n.ini_path)

    def test_default_place(self):
        """None there yet, and none named: what a node would begin with."""
        n = self.ini()
        env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("0.0.0.0", 7144))
        r = subprocess.run([PEERCAST, "doctor", "--json", "--timeout", "2"], capture_output=True, text=True, check=False,
                           env=dict(env, HOME=n.dir), timeout=60 * PATIENCE)
        step = json.loads(r.stdout)["steps"][0]
        self.assertEqual(step["verdict"], "ok", step)
        self.assertIn(".config/peercast/peercast.ini is not there", step["text"])
        self.assertFalse(os.path.exists(os.path.join(n.dir, ".config")))

    def test_port_is_taken(self):
        n = self.ini()
        with socket.create_server(("127.0.0.1", n.port)):
            found = self.examine(n, "--timeout", "3")
            self.fails(found, "port", r"port %d cannot be had: Address already in use: python3? .*\(process %d\)$"
                       % (n.port, os.getpid()), "set serverPort")
            self.assertEqual(found.steps["outside"]["verdict"], "skipped")
        other = self.node()
        n = self.ini({"serverPort": other.port})
        self.fails(self.examine(n), "port", r"peercast \(process %d\), a node: PeerCast/0.1218" % other.pid, "End the other")
        n = self.ini({"rtmpServer": "Yes", "rtmpPort": other.port})
        self.fails(self.examine(n), "port", "port %d of 127.0.0.1 cannot be had.*peercast" % other.port, "set rtmpPort")
        n = self.ini({"bindAddress": "192.0.2.77"})
        self.fails(self.examine(n), "port", "port %d of 192.0.2.77 cannot be had" % n.port, "correct bindAddress")

    def test_beside_a_node(self):
        rtmp = free_port()
        n = self.node({"rtmpServer": "Yes", "rtmpPort": rtmp})
        found = self.examine(n)
        self.assertEqual((found.status, found.all["running"]), (0, True), found.all)
        self.assertIn("port %d: the node runs and answers (PeerCast/0.1218" % n.port, found.said("port"))
        self.assertEqual(n.rpc("getStatus")["isFirewalled"], None)
        # it went elsewhere, and nobody told it
        at, n.port = n.port, free_port()
        self.rewrite(n, "serverPort = %d" % at, "serverPort = %d" % n.port)
        self.fails(self.examine(n), "port", "on its port %d nobody answers: Connection refused" % n.port, "SIGHUP")
        with socket.create_server(("127.0.0.1", n.port)):
            self.fails(self.examine(n, "--timeout", "3"), "port", "something else: python", "SIGHUP")
        self.rewrite(n, "serverPort = %d" % n.port, "serverPort = %d" % at)
        n.port = at
        self.rewrite(n, "rtmpPort = %d" % rtmp, "rtmpPort = %d" % free_port())
        self.fails(self.examine(n), "port", "RTMP: on port .* nobody answers", "rtmpPort")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "takes another user")
    def test_beside_another_users_node(self):
        other = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        if subprocess.run([*other, PEERCAST, "--version"], capture_output=True, check=False).returncode != 0:
            self.skipTest("another user cannot run it where it lies")
        n = self.node()
        os.chmod(n.dir, 0o755)
        os.chmod(n.ini_path, 0o644)
        found = self.examine(n, command=other)
        self.assertFalse(found.all["running"])
        self.assertIn("port %d: a node runs there (PeerCast/" % n.port, found.said("port"))
        self.assertIn("--user", found.steps["port"]["mend"])

    @staticmethod
    def rewrite(n, old, new):
        with open(n.ini_path, encoding="utf-8") as f:
            said = f.read()
        assert old in said
        with open(n.ini_path, "w", encoding="utf-8") as f:
            f.write(said.replace(old, new))

    def test_limits(self):
        n = self.ini({"maxRelays": 5000})
        found = self.examine(n, command=("sh", "-c", 'ulimit -n 1000; exec "$@"', "sh"))
        self.fails(found, "limits", "let 102[0-9][0-9] files be open at once, the system 1000", "LimitNOFILE=102")

    def root(self, script):
        yp = Scripted(script)
        self.addCleanup(yp.close)
        return yp

    def test_roots(self):
        """What a root may do to us, a line each; none of it takes longer than it may."""
        def oleh(c, yp, **kw):
            c.send_atom(yp.oleh(**kw))

        def quits(code, **kw):
            def script(yp, c):
                oleh(c, yp, **kw)
                c.send_atom(u32("quit", code))
            return script

        def says(data):
            return lambda yp, c: c.send(data)

        def nameless(yp, c):
            c.send_atom(box("oleh", text("agnt", AGENT), ip("rip", "203.0.113.5"), u16("port", 7144)))

        rows = (
            ("yp", quits(1011), "has banned this node: quit 1011", "Ask who runs"),
            ("yp", quits(1003), "is full: quit 1003", "another one"),
            ("yp", quits(1007), "does not take this version", "newer"),
            ("yp", quits(1008), "refuses this node: quit 1008 off air", "and not some node"),
            ("yp", lambda yp, c: c.send_atom(u32("quit", 1011)), "has banned this node", "Ask who runs"),
            ("yp", lambda yp, c: (oleh(c, yp, dis=1), c.send_atom(u32("ok", 0))), "has disabled this node", "Ask who"),
            ("yp", lambda yp, c: c.send_atom(box("oleh", gid("sid", c.helo["sid"].hex))), "is this node itself", "empty"),
            ("yp", says(b"HTTP/1.0 400 Bad Request\r\n\r\n"), "does not speak PCP", "web page"),
            ("yp", says(b"oleh\xff\xff\xff\xff" + b"x" * 100000), "does not speak PCP", None),
            ("yp", lambda yp, c: c.close(), "does not speak PCP: connection closed", None),
            ("yp", nameless, "does not speak PCP", None),
            ("yp", lambda yp, c: [c.send_atom(u32("ok", i)) for i in range(20)], "does not speak PCP", None),
            ("yp", lambda yp, c: None, "takes the call, but does not answer", "It hangs"),
            ("outside", quits(1002), "IPv4: port .* is closed, seen at 203.0.113.5, here it is 127.0.0.1", "pass TCP port"),
            ("outside", lambda yp, c: oleh(c, yp, port=c.helo["ping"].u16), "open, says the root, but nobody came", "does not test"),
        )
        made = [self.root(script) for _, script, _, _ in rows]
        found = [None] * len(rows)

        def examine(i):
            # a short while each, as some never answer; at once, as each has a port of its own
            found[i] = self.examine(self.ini({"rootHost": made[i].address}), "--timeout", str(int(2 + PATIENCE)))
        threads = [threading.Thread(target=examine, args=(i,)) for i in range(len(rows))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for (step, _, said, mend), yp, f in zip(rows, made, found):
            with self.subTest(said):
                self.assertIsNotNone(f)
                self.fails(f, step, said, mend)
                self.assertEqual([sorted(a.name for a in h.children) for h in yp.helos], [["agnt", "ping", "sid", "ver"]])

    def test_time_is_bounded(self):
        """All roots hang, one sends a byte now and then, and so do the lists: the time is what was asked for."""
        def drip(yp, c):
            with contextlib.suppress(OSError):
                for byte in b"oleh\x02\x00\x00\x80sid\0" + bytes(10000):
                    c.send(bytes([byte]))
                    time.sleep(0.02)
        mute = self.root(lambda yp, c: None)
        roots = [self.root(drip).address] + ["127.0.0.%d:%d" % (i, mute.port) for i in (1, 1, 1, 1, 1, 1, 1)]
        lists = socket.create_server(("127.0.0.1", 0), backlog=200)         # takes every call, says nothing
        self.addCleanup(lists.close)
        n = self.ini({"rootHost": ", ".join(roots)}, blocks="".join(
            "[Feed]\nurl = http://127.0.0.1:%d/%d\n[End]\n" % (lists.getsockname()[1], i) for i in range(99)))
        seconds = int(2 + PATIENCE)
        found = self.examine(n, "--timeout", str(seconds))
        self.assertLess(found.seconds, seconds + 3 * PATIENCE)
        self.fails(found, "yp", "takes the call, but does not answer")
        self.assertEqual(found.steps["lists"]["verdict"], "fail")
        self.assertEqual(len(found.steps["lists"]["notes"]), 98)

    def test_time_without_threads(self):
        """No thread is to be had, so one root after the other is asked: no longer in all."""
        mute = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.addCleanup(mute.close)
        n = self.ini({"rootHost": ", ".join("127.0.0.%d:%d" % (i, mute.getsockname()[1]) for i in (1, 1, 1, 1, 1, 1, 1, 1))})
        fault = Fault(os.path.join(n.dir, "fault"))
        self.addCleanup(fault.close)
        seconds = int(2 + PATIENCE)
        with fault.failing("thread", times=1 << 30):
            found = self.examine(n, "--timeout", str(seconds), env=dict(os.environ, PEERCAST_FAULT=os.path.join(n.dir, "fault")),
                                 binary=FAULTY)
        self.assertTrue(fault.hits)
        self.assertLess(found.seconds, seconds + 3 * PATIENCE)
        self.fails(found, "yp", "takes the call, but does not answer")

    def test_words_of_others(self):
        """What a root calls itself does no harm: not to a terminal, not to a program that reads JSON."""
        yp = self.root(lambda yp, c: (c.send_atom(box("oleh", leaf("agnt", b"\x1b[31mred\r\n\xff\x00more"), gid("sid", yp.sid),
                                                      ip("rip", "192.168.0.5"))), c.send_atom(u32("ok", 0))))
        n = self.ini({"rootHost": yp.address})
        self.assertIn("red", self.examine(n).said("yp"))
        r = subprocess.run([PEERCAST, "doctor", "-i", n.ini_path], capture_output=True, check=False)
        self.assertIn(b"red", r.stdout)
        self.assertNotRegex(r.stdout, rb"[^\n\x20-\x7e\x80-\xff]")
        r.stdout.decode("utf-8")

    def test_seen_from_near(self):
        """A root that sees us at an address of our own network has tested nothing, and so has one that is not there."""
        yp = self.root(lambda yp, c: (c.send_atom(yp.oleh(rip="192.168.0.5")), c.send_atom(u32("ok", 0))))
        found = self.examine(self.ini({"rootHost": yp.address}))
        self.assertEqual(found.status, 0, found.all)
        self.assertRegex(found.said("outside"), "not tested, seen at 192.168.0.5.*in a network of our own")
        self.assertRegex(found.said("yp"), re.escape("%s: %s" % (yp.address, AGENT)))
        found = self.examine(self.ini({"rootHost": "%s, 127.0.0.1:1" % yp.address}))
        self.fails(found, "yp", "127.0.0.1:1: Connection refused", "firewall")
        found = self.examine(self.ini({"rootHost": yp.address, "autoServe": "No"}))
        self.assertEqual(found.status, 0)
        self.assertIn("for this machine alone", found.said("outside"))
        self.assertNotIn("ping", yp.helos[-1])

    def test_lists(self):
        bad_date = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}
        now = {"Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())}
        web = lists_of({"/ok": (200, LINE % 1 + LINE % 2, now), "/none": (404, b"", now), "/html": (200, b"<html>\n<p>\n", {}),
                        "/long": (200, b"x" * (5 << 20), {}), "/old": (200, LINE % 1, bad_date), "/date": (200, LINE % 1, {"Date": "x" * 5000})})
        self.addCleanup(web.server_close)
        self.addCleanup(web.shutdown)

        def feeds(*paths):
            return self.examine(self.ini(blocks="".join("[Feed]\nurl = http://127.0.0.1:%d%s\n[End]\n" % (web.server_port, p) for p in paths)))
        found = feeds("/ok", "/old")
        self.assertEqual((found.status, found.said("lists").splitlines()[0]), (0, "2 lists are fetched"), found.all)
        self.assertRegex(found.said("lists"), "/ok: 2 channels\n.*/old: 1 channels")
        self.assertEqual(found.steps["clock"]["verdict"], "ok")
        for path, said in (("/none", "the server answers 404"), ("/html", "this is no list of channels"),
                           ("/long", "the answer is too long")):
            with self.subTest(path):
                self.fails(feeds("/ok", path), "lists", path + ": " + said, r"\[Feed\]")
        self.fails(feeds("/old"), "clock", "it is [0-9]{9,10} seconds ahead of that of http", "timedatectl")
        self.assertEqual(feeds("/date").steps["clock"]["verdict"], "skipped")


class Outside(Doctors, NetCase):
    """With addresses of their own: the way in."""

    def setUp(self):
        super().setUp()
        self.yp = self.root()

    def patient(self, place=None, start=False, **ini):
        return self.node({"rootHost": self.yp.address, **ini}, start=start, place=place)

    def test_way_in(self):
        """Open, firewall, NAT, NAT that passes it on: with a node that runs, and without."""
        open_, shut, home, passed = self.machine(), self.machine(), self.lan(), self.lan()
        shut.firewall("reject")
        behind, in_ = home.machine(), passed.machine()
        passed.forward(in_)
        rows = ((open_, None, "IPv4: port 7144 is open, seen at %s$" % open_.ip, None),
                (shut, "outside", "IPv4: port 7144 is closed, seen at %s$" % shut.ip, "let TCP port 7144 in"),
                (behind, "outside", "closed, seen at %s, here it is %s$" % (home.ip, behind.ip), "router pass TCP port 7144 on to %s" % behind.ip),
                (in_, None, "open, seen at %s, here it is %s$" % (passed.ip, in_.ip), None))
        for place, first, said, mend in rows:
            for runs in (False, True):
                with self.subTest(said, runs=runs):
                    n = self.patient(place, runs)
                    found = self.examine(n)
                    self.assertEqual(found.all["running"], runs)
                    self.assertEqual(found.all["first"], first, found.all)
                    self.assertRegex(found.steps["outside"]["text"], said)
                    self.assertIn("IPv6: no yellow page has an address", found.steps["outside"]["notes"])
                    if mend:
                        self.assertIn(mend, found.steps["outside"]["mend"])
                        self.assertIn("this node calls them (GIV)", found.said("push"))
                    self.assertEqual(found.steps["push"]["verdict"], "ok" if mend else "skipped")
                    self.assertIn("%s: PeerCast/0.1218" % self.yp.address, found.said("yp"))
                    n.stop()
        self.assertEqual(self.yp.rpc("getStatus")["isFirewalled"], None)

    def test_mapping(self):
        """A router that does not map; one that need not; nobody asks for a port that is not ours."""
        home = self.lan()
        place = home.machine()
        found = self.examine(self.patient(place, portMapping="Yes"), "--timeout", str(int(SHORT)))
        self.fails(found, "mapping", "the router .*answer", "Switch UPnP or NAT-PMP on")
        self.assertRegex(found.steps["outside"]["mend"], "it was asked to")
        found = self.examine(self.patient(portMapping="Yes"))
        self.assertEqual((found.status, found.said("mapping")), (0, "this machine has a public address of its own"), found.all)
        n = self.patient(place, portMapping="Yes")
        with place.inside(), socket.create_server(("0.0.0.0", PORT)):
            found = self.examine(n, "--timeout", "3")
        self.assertEqual((found.all["first"], found.steps["mapping"]["verdict"]), ("port", "skipped"))

    def test_while_on_the_air(self):
        """The root has the node's own connection: that one stays, and this is no fault."""
        n = self.patient(start=True)
        self.push(n, "on air")
        n.wait_log("connected to yellow page")
        found = self.examine(n)
        self.assertEqual(found.status, 0, found.all)
        self.assertIn("has a connection of this node already", found.said("yp"))
        self.assertRegex(found.said("outside"), "IPv4: port 7144 is open")
        self.assertNotIn("connection lost", n.output())

    def test_refused(self):
        """Ban lists and full tables of a real root; one whose packets get lost."""
        place = self.machine()
        bans = os.path.join(self.yp.dir, "bans")
        with open(bans, "w", encoding="ascii") as f:
            f.write("address %s\n" % place.ip)
        banning = self.root({"banList": bans})
        full = self.root({"maxControlConnections": 1})
        other = self.tracker(full)
        self.push(other, "first")
        other.wait_log("connected to yellow page")
        gone = self.machine()
        self.net.cut(gone)
        for address, said in ((banning.address, "has banned this node: quit 1011"), (full.address, "is full: quit 1003"),
                              (gone.ip, "%s:7144: timed out" % gone.ip)):
            with self.subTest(said):
                n = self.node({"rootHost": address}, start=False, place=place)
                found = self.examine(n, "--timeout", str(int(SHORT)))
                self.fails(found, "yp", said)
                self.assertLess(found.seconds, 8 * PATIENCE)

    def test_ipv6(self):
        yp = self.root(place=self.machine(ipv4=False))
        n = self.node({"rootHost": yp.address}, start=False, place=self.machine())
        found = self.examine(n)
        self.assertEqual(found.status, 0, found.all)
        self.assertRegex(found.said("outside"), "IPv6: port 7144 is open, seen at 2001:db8::.*\nIPv4: no yellow page has an address")
        n = self.node({"rootHost": yp.address, "portMapping": "Yes"}, start=False, place=self.machine(ipv4=False))
        found = self.examine(n)
        self.assertEqual((found.status, found.steps["mapping"]["verdict"]), (0, "skipped"), found.all)
        self.assertIn("no IPv4 address", found.said("mapping"))
        n = self.node({"rootHost": yp.address}, start=False, place=self.machine(ipv6=False))
        found = self.examine(n)
        self.assertIn("none has an address that this machine can reach", found.said("yp"))
        self.assertIn("IPv6: this machine has no address", found.said("outside"))

    def test_names(self):
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode != 0 or not os.path.exists("/etc/resolv.conf"):
            self.skipTest("no /etc/resolv.conf of its own for a process: mount namespaces do not work here")
        place = self.machine()
        server = NameServer(place, names={"yp.example": self.yp.host})
        self.addCleanup(server.close)
        conf = os.path.join(self.yp.dir, "resolv.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
        command = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', conf)
        n = self.node({"rootHost": "yp.example"}, start=False, place=place)
        found = self.examine(n, command=command)
        self.assertEqual(found.status, 0, found.all)
        self.assertIn("yp.example is %s" % self.yp.host, found.said("names"))
        n = self.node({"rootHost": "yp.example,no.example", "forceIP": "nowhere.example"}, start=False, place=place)
        self.fails(self.examine(n, command=command), "names", "rootHost: there is no no.example\n.*\n?forceIP: there is no nowhere.example",
                   "Correct the name in rootHost")
        server.silent = True
        n = self.node({"rootHost": "yp.example"}, start=False, place=place)
        found = self.examine(n, "--timeout", str(int(SHORT)), command=command)
        self.fails(found, "names", "yp.example: the name server does not answer", "resolv.conf")
        self.assertLess(found.seconds, 8 * PATIENCE)


class Lent(Doctors, test_portmap.HomeCase):
    """What the router is asked for is given back; with a router made here."""

    def mapped(self, **upnp):
        """A machine behind it, and a root there that takes every call and says nothing."""
        lan, m = self.home()
        r = Router(lan, lan.inside_ip, upnp=upnp)
        self.addCleanup(r.close)
        with lan.inside():
            self.mute = socket.create_server((lan.inside_ip, 7150))
        self.addCleanup(self.mute.close)
        return r, m, {"portMapping": "Yes", "rootHost": "%s:7150" % lan.inside_ip}

    def test_interrupted(self):
        """A signal ends it, at the router or later; the mapping, one for ever, is not left behind."""
        r, m, keys = self.mapped(actions={"AddPortMapping": test_portmap.permanent_only(lambda: r)})
        n = self.node(keys, start=False, place=m)
        for sig, when in ((signal.SIGTERM, lambda: self.mute.accept()[0]), (signal.SIGINT, lambda: PORT in r.table)):
            with self.subTest(sig):
                r.calls.clear()
                with m.inside():
                    p = subprocess.Popen([PEERCAST, "doctor", "-i", n.ini_path, "--timeout", "60"], stdout=subprocess.PIPE)
                wait_until(when, WAIT, "the moment")
                p.send_signal(sig)
                self.assertEqual((p.communicate(timeout=30)[0], p.returncode), (b"", -sig))
                self.assertEqual((r.table, "AddPortMapping" in r.calls), ({}, True))

    def test_beside_a_node(self):
        """One runs, whose memory says no mapping: one made for the look is taken away, unless it may have been there."""
        r, m, _ = self.mapped(actions={})
        n = self.node({"portMapping": "No"}, place=m)
        with open(n.ini_path, encoding="utf-8") as f:
            said = f.read()
        with open(n.ini_path, "w", encoding="utf-8") as f:
            f.write(re.sub("(?m)^portMapping *=.*", "portMapping = Yes", said))

        def hidden(args):
            raise Error(401, "Invalid Action")
        for actions, said, left in (({}, "for this look alone, and is taken away", []),
                                    ({"GetSpecificPortMappingEntry": hidden}, "does not tell: as a node runs", [PORT])):
            with self.subTest(said):
                r.upnp["actions"] = actions
                found = self.examine(n)
                self.assertTrue(found.all["running"])
                self.assertIn(said, found.said("mapping"))
                self.assertEqual(list(r.table), left)

    def test_stuck(self):
        """The router keeps what it was asked to give back: that is said."""
        def keeps(args):
            raise Error(606, "Action not authorized")
        r, m, keys = self.mapped(actions={"DeletePortMapping": keeps})
        del keys["rootHost"]
        found = self.examine(self.node(keys, start=False, place=m))
        self.assertEqual(found.steps["mapping"]["verdict"], "ok", found.all)
        self.assertIn("could not be taken away; it ends by itself after 3600 s", found.said("mapping"))
        self.assertEqual((list(r.table), r.calls[-1]), ([PORT], "DeletePortMapping"))


@unittest.skipUnless(test_portmap.UPNPD, "no miniupnpd")
class Mapped(Doctors, test_portmap.HomeCase):
    """A router that maps: Debian's miniupnpd."""
    daemon, leads = test_portmap.Miniupnpd.daemon, test_portmap.Miniupnpd.leads

    def test_mapping(self):
        """The port is mapped for that look and no longer; the node's own mapping is found, and stays."""
        yp = self.root()
        lan, m = self.home()
        self.daemon(lan, m)
        n = self.node({"rootHost": yp.address, "portMapping": "Yes"}, start=False, place=m)
        found = self.examine(n)
        self.assertEqual(found.status, 0, found.all)
        self.assertRegex(found.said("mapping"), "^(UPnP|NAT-PMP): the router (leads|says).*\nthe router is %s\nit was made for this look"
                         % lan.inside_ip)
        self.assertRegex(found.said("outside"), "port 7144 is open, seen at %s, here it is %s" % (lan.ip, m.ip))
        self.assertEqual(self.leads(lan), {})
        n.start()
        self.mapping(n, state="open")
        found = self.examine(n)
        self.assertEqual(found.status, 0, found.all)
        self.assertNotIn("for this look", found.said("mapping"))
        self.assertEqual(self.leads(lan), {PORT: (m.ip, PORT)})


if __name__ == "__main__":
    unittest.main()
