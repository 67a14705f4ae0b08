# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks: commands and signed webhooks ([Hook] in the ini)."""
import contextlib
import hashlib
import hmac
import http.server
import itertools
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from fault import FAULTY, FaultyNode
from harness import AGENT, PATIENCE, PEERCAST, TOP, BoxCase, RpcError, free_port
from test_tls import make_cert

LONG = 25
SECRET = "top secret"
ALL = "channelStart,channelStop,listed,unlisted,portChange,childJoin,childLeave,viewerJoin,viewerLeave"


def hook(**keys):
    return "[Hook]\n%s[End]\n" % "".join("%s = %s\n" % (k, v) for k, v in keys.items())


def manual(first):
    """The example in the manual that begins with this line."""
    with open(os.path.join(TOP, "dist/doc/MANUAL.md"), encoding="utf-8") as f:
        after = f.read().split("\n    " + first, 1)[1]
    lines = itertools.takewhile(lambda line: line == "" or line.startswith("    "), ("    " + first + after).split("\n"))
    return "\n".join(line[4:] for line in lines)


VERIFY = manual("sent = ")


class Sink:
    """A web server that takes events: `status` is what it answers, `hold` keeps it from answering."""

    def __init__(self, port=0):
        self.got = []           # (event, headers), in order, of what was answered with 200
        self.tries = []         # names, of everything
        self.faults = []
        self.status = [200]     # the last one stays
        self.headers = {}
        self.plain = False      # takes what others send, too
        self.held = threading.Event()
        self.held.set()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                sink._post(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def _post(self, r):
        body = r.rfile.read(int(r.headers["Content-Length"]))
        event = json.loads(body)
        self.tries.append(event if self.plain else event["event"])
        self.held.wait(LONG * PATIENCE)
        if not self.plain:
            self._check(r.headers, body, event)
        status = self.status.pop(0) if len(self.status) > 1 else self.status[0]
        if status == 200:
            self.got.append((event, dict(r.headers)))
        try:
            r.send_response(status)
            for k, v in self.headers.items():
                r.send_header(k, v)
            r.send_header("Content-Length", "0")
            r.end_headers()
        except OSError:
            pass                # it no longer waits

    def _check(self, headers, body, event):
        """As the manual has it."""
        names = {"headers": headers, "body": body, "secret": SECRET.encode(),
                 "hmac": hmac, "hashlib": hashlib, "time": time}
        exec(VERIFY, names)
        if not names["ok"]:
            self.faults.append("signature of %r" % event)
        if headers["PeerCast-Event"] != event["event"] or headers["PeerCast-Event-Id"] != event["id"] or \
                headers["Content-Type"] != "application/json":
            self.faults.append("headers %r" % headers)

    @property
    def url(self):
        return "http://127.0.0.1:%d/in/token-like-a-password" % self.port

    def names(self):
        return [e["event"] for e, _ in self.got]

    def close(self):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


class HookCase(BoxCase):
    def sink(self, port=0):
        s = Sink(port)
        self.addCleanup(lambda: self.assertEqual(s.faults, []))
        self.addCleanup(s.close)
        return s

    def metric(self, node, name):
        m = re.search(r"^%s (\S+)$" % re.escape(name), node.get("/metrics").text, re.M)
        return float(m.group(1))

    def result(self, node, what):
        return self.metric(node, 'peercast_hook_events_total{result="%s"}' % what)


def lines_of(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [line for line in f.read().split("\n") if line]
    except FileNotFoundError:
        return []


class Events(HookCase):
    def test_of_a_broadcast(self):
        """Each event reaches a command and a web server, whose names, ids and order agree."""
        root, sink = self.root(), self.sink()
        tracker = self.tracker(root, {"sourceGraceSec": 0, "sandbox": "strict"}, start=False,
                               blocks=hook(event=ALL, url=sink.url, secret=SECRET) +
                               hook(event=ALL, command="sh hook.sh out 'two words' \"\""))
        out = os.path.join(tracker.dir, "out")
        with open(os.path.join(tracker.dir, "hook.sh"), "w") as f:
            # one line each: the JSON, its arguments, and its variables
            f.write('echo "$(cat)|$#,$2|$PEERCAST_EVENT|$PEERCAST_EVENT_ID|$PEERCAST_CHANNEL_NAME|'
                    '$PEERCAST_ADDRESS|$PEERCAST_ATTEMPT" >>$1; echo said\n')
        tracker.start()

        def seen(name):
            self.wait(lambda: name in sink.names(), LONG, name)

        push = self.push(tracker, 'a "b" \u3042', genre="game")
        cid = tracker.wait_channel('a "b" \u3042')["channelId"]
        seen("channelStart")
        seen("listed")
        relay = self.relay(tracker, cid)
        seen("childJoin")
        relay.close()
        seen("childLeave")
        with tracker.view(cid):
            seen("viewerJoin")
        seen("viewerLeave")
        tracker.rpc("changeSettings", [{"forceNormal": True}])
        seen("portChange")
        push.stop()
        seen("unlisted")
        seen("channelStop")
        self.wait(lambda: len(lines_of(out)) == len(sink.got), LONG, "the same from the command")

        by_name = {}
        for event, _ in sink.got:
            by_name.setdefault(event["event"], event)
        self.assertEqual(set(by_name), set(ALL.split(",")))
        for name in set(ALL.split(",")) - {"portChange"}:
            self.assertEqual(by_name[name]["channel"]["id"], cid)
            self.assertEqual(by_name[name]["channel"]["name"], 'a "b" \u3042')
            self.assertEqual(by_name[name]["channel"]["isBroadcast"], True)
        start = by_name["channelStart"]
        self.assertEqual(start["version"], 1)
        self.assertEqual(start["node"], {"name": "tracker", "port": tracker.port})
        self.assertEqual(start["channel"]["genre"], "game")
        self.assertLess(abs(start["time"] - time.time()), 300)
        self.assertEqual(by_name["listed"]["yellowPage"], root.address)
        self.assertEqual(by_name["unlisted"]["reason"], "ended")
        self.assertRegex(by_name["childJoin"]["connection"]["remoteEndPoint"], r"^127\.0\.0\.1:\d+$")
        for key in ("connectionId", "remoteEndPoint"):
            self.assertEqual(by_name["childJoin"]["connection"][key], by_name["childLeave"]["connection"][key])
        self.assertEqual(by_name["childLeave"]["connection"]["agentName"], AGENT)
        self.assertEqual(by_name["portChange"]["port"]["number"], tracker.port)
        self.assertEqual([e for e, _ in sink.got if e["event"] == "portChange"][-1]["port"]["state"], "open")
        self.assertEqual({h["PeerCast-Attempt"] for _, h in sink.got}, {"1"})

        for line, (event, _) in zip(lines_of(out), sink.got):
            body, args, name, ident, chan, address, attempt = line.split("|")
            self.assertEqual(json.loads(body), event)
            self.assertEqual(args, "3,two words")
            self.assertEqual((name, ident, attempt), (event["event"], event["id"], "1"))
            self.assertEqual(chan, event.get("channel", {}).get("name", ""))
            if "connection" in event:
                self.assertEqual(address, event["connection"]["remoteEndPoint"])
        tracker.wait_log(r"hook 2 \(sh\): says: said")
        self.wait(lambda: self.result(tracker, "done") == 2 * len(sink.got), LONG)
        self.assertEqual(self.result(tracker, "dropped"), 0)
        for secret in (SECRET, "token-like"):
            self.assertNotIn(secret, tracker.output())
            self.assertNotIn(secret, json.dumps(tracker.rpc("describeSettings")))
        # it has written its ini since, and kept what it was told
        self.wait(lambda: tracker.read_ini().get("forcenormal") == "Yes", LONG)
        with open(tracker.ini_path) as f:
            self.assertIn("command = sh hook.sh out 'two words' \"\"\n", f.read())

    def test_script_of_the_manual(self):
        """It posts to a chat, which is told by a file here."""
        sink = self.sink()
        sink.plain = True
        node = self.node(blocks=hook(event="channelStart,channelStop", command="python3 on-air"), start=False)
        url = os.path.join(node.dir, "chat-url")
        script = manual("#!/usr/bin/env python3\n    # event")
        self.assertIn("/etc/peercast/chat-url", script)
        with open(url, "w") as f:
            f.write(sink.url + "\n")
        with open(os.path.join(node.dir, "on-air"), "w") as f:
            f.write(script.replace("/etc/peercast/chat-url", url))
        node.start()
        self.push(node, "\u3042")
        self.wait(lambda: sink.tries == [{"content": "\u3042 is on the air"}], LONG)

    def test_at_the_end(self):
        """A node that stops still tells of it, and does not wait for one who does not listen."""
        sink, deaf = self.sink(), self.sink()
        deaf.held.clear()
        node = self.node(blocks=hook(event="channelStop,viewerLeave", url=sink.url, secret=SECRET) +
                         hook(event="channelStart,channelStop", url=deaf.url, secret=SECRET) +
                         hook(event="channelStop", command="sh -c 'cat >last'") +
                         hook(event="channelStop", command="sh -c 'trap \"\" TERM; sleep 1000'") +
                         hook(event="channelStart,channelStop", command="sh -c 'echo x >>begun; exec sleep 1000'"))
        push = self.push(node, "x")
        node.wait_channel("x")
        begun = os.path.join(node.dir, "begun")
        self.wait(lambda: deaf.tries and lines_of(begun), LONG)
        node.stop()
        push.stop()
        # what can no longer be done is not begun, nor does it get a false reason
        self.assertEqual(lines_of(begun), ["x"])
        self.assertRegex(node.output(), r"hook 5 .*: channelStart: the node ends \(signal 15\); given up")
        self.assertRegex(node.output(), r"hooks: [1-4] events? w.* not delivered before the end")
        self.assertNotIn("has not ended after", node.output())
        last = os.path.join(node.dir, "last")
        if PATIENCE > 1 and not (sink.got and os.path.exists(last)):
            return              # the end waits for nobody, nor for a slow machine
        self.assertEqual(sink.names(), ["channelStop"])
        with open(last) as f:
            self.assertEqual(json.load(f)["event"], "channelStop")


class Failures(HookCase):
    def test_again_and_in_order(self):
        """A server that is not there, and then is: all arrives, in order, once."""
        port = free_port()
        node = self.node(blocks=hook(event="viewerJoin,viewerLeave,channelStart", retries=20, secret=SECRET,
                                     url="http://127.0.0.1:%d/" % port))
        self.push(node, "x")
        with node.view(node.wait_channel("x")["channelId"]):
            node.wait_log(r"hook 1 \(http://127\.0\.0\.1:%d\): channelStart: .*; tried again" % port, LONG)
            sink = self.sink(port)
        self.wait(lambda: len(sink.got) == 3, LONG)
        self.assertEqual(sink.names(), ["channelStart", "viewerJoin", "viewerLeave"])
        self.assertGreaterEqual(int(sink.got[0][1]["PeerCast-Attempt"]), 2)
        self.assertEqual(sink.got[1][1]["PeerCast-Attempt"], "1")
        self.assertEqual(len({e["id"] for e, _ in sink.got}), 3)
        node.wait_log(r"hook 1 .*: works again")
        self.wait(lambda: self.result(node, "done") == 3, LONG)
        self.assertEqual(self.result(node, "failed"), 0)

        # one who refuses is not asked again, nor is one followed who points elsewhere
        sink.status = [404, 302, 200]
        sink.headers = {"Location": "http://127.0.0.1:%d/elsewhere" % port}
        cid = node.channels()[0]["channelId"]
        with node.view(cid):
            self.wait(lambda: len(sink.tries) == 4, LONG)
        self.wait(lambda: self.result(node, "failed") == 2, LONG)
        with node.view(cid):
            self.wait(lambda: sink.names()[3:] == ["viewerJoin"], LONG)
        node.wait_log(r"viewerJoin: the server answers 404; given up after 1 try")
        # one who asks for time gets it
        self.wait(lambda: sink.names()[4:] == ["viewerLeave"], LONG)
        sink.status, sink.headers = [503], {"Retry-After": "120"}
        node.view(cid).close()
        node.wait_log(r"the server answers 503; tried again in 120 s", LONG)

    def test_bad_servers(self):
        """Whatever a server does, it costs the hook one try of its time at most."""
        flood = b"x" * 65536
        late = "[Tt]imed? ?out|Timeout"
        servers = [                     # what comes back, again and again, and what the log says
            ([], "closes", "Empty reply|Recv failure"),
            ([b"garbage\r\n\r\n"], "garbage", "."),
            ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], "short", "."),
            ([b"HTTP/1.1 500 " + flood[:60000] + b"\r\n\r\n"], "long line", "."),
            ([b"HTTP/1.1 100 Continue\r\n\r\n"] * 50 + [None], "never an answer", late),
            ([b"HTTP/1.1 400 Bad\r\n"] + [b"X-%d: y\r\n" % i for i in range(200)] + [None], "never a body", "answers 400"),
            ([b"HTTP/1.1 404 No\r\n\r\n"] + [flood] * 500, "a flood", "answers 404"),
            ([None], "silent", late),
        ]
        ports = [self.bad_server(pieces) for pieces, _, _ in servers]
        blocks = "".join(hook(event="channelStart", url="http://127.0.0.1:%d/" % p, timeout=1, retries=0) for p in ports)
        n = self.node(blocks=blocks + hook(event="channelStart", retries=0,
                                           url="https://127.0.0.1:%d/" % self.tls_server()))
        self.push(n, "x")
        for i, (_, what, log) in enumerate(servers):
            with self.subTest(what):
                # on a busy machine each of them may be too late
                n.wait_log(r"hook %d .*channelStart: .*(%s|%s).*; given up after 1 try" % (i + 1, log, late), LONG)
        n.wait_log(r"hook %d .*channelStart: .*certificate.*; given up" % (len(servers) + 1), LONG)
        self.wait(lambda: self.result(n, "failed") == len(servers) + 1, LONG)

    def bad_server(self, pieces):
        """One that reads a request, then sends these; None = it holds the connection from there on."""
        s = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(s.close)

        def serve():
            with contextlib.suppress(OSError):
                c, _ = s.accept()
                self.addCleanup(c.close)
                c.recv(65536)
                for piece in pieces:
                    if piece is None:
                        return
                    c.sendall(piece)
                c.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=serve, daemon=True).start()
        return s.getsockname()[1]

    def tls_server(self):
        """One whose certificate is nobody's."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        make_cert(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(folder, "server.crt"), os.path.join(folder, "server.key"))
        s = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(s.close)

        def serve():
            with contextlib.suppress(OSError):
                context.wrap_socket(s.accept()[0], server_side=True)

        threading.Thread(target=serve, daemon=True).start()
        return s.getsockname()[1]

    def test_of_commands(self):
        """No program, one that fails, one that hangs with a child and is deaf."""
        node = self.node({"sandbox": "strict"}, blocks=hook(event="channelStart", command="/nonexistent/program") +
                         hook(event="channelStart", command="sh -c 'echo bad >&2; exit 3'", retries=0) +
                         hook(event="channelStart", timeout=1, retries=0, command="sh -c "
                              "'trap \"\" TERM; sleep 1000 & echo $$ >pid; sleep 1000'") +
                         hook(event="channelStart", command="sh -c 'touch -d @1 made && chmod 700 made && ls -l /proc/self/fd | wc -l >fds'"))
        self.push(node, "x")
        self.wait(lambda: lines_of(os.path.join(node.dir, "fds")), LONG)
        made = os.stat(os.path.join(node.dir, "made"))
        self.assertEqual((made.st_mtime, made.st_mode & 0o777), (1, 0o700))
        node.wait_log(r"hook 1 \(program\): channelStart: No such file or directory; given up after 1 try", LONG)
        node.wait_log(r"hook 2 \(sh\): says: bad", LONG)
        node.wait_log(r"hook 2 \(sh\): channelStart: it has ended with exit status 3; given up", LONG)
        node.wait_log(r"hook 3 \(sh\): channelStart: it has not ended after 1 s \(signal 9\); given up", LONG)
        with open(os.path.join(node.dir, "pid")) as f:
            group = int(f.read())
        self.wait(lambda: not alive(group), LONG, "its child is gone too")
        with open(os.path.join(node.dir, "fds")) as f:
            self.assertEqual(f.read().strip(), "5")     # "total 0", its three, and the folder

    def test_slow_sinks_and_a_flood(self):
        """Sinks that hang cost a viewer nothing; what waits is bounded, and counted."""
        sink = self.sink()
        sink.held.clear()
        node = self.node({"maxServIn": 1000}, blocks=hook(event="viewerJoin,viewerLeave", url=sink.url, secret=SECRET) +
                         hook(event="viewerJoin", command="sleep 1000"))
        push = self.push(node, "x")
        cid = node.wait_channel("x")["channelId"]
        with node.view(cid) as v:
            for _ in range(140):
                node.view(cid).close()
            self.wait(lambda: self.result(node, "dropped") >= 20, LONG)
            node.wait_log(r"hook 1 .*: 256 events wait for it: older ones are dropped")
            # it plays on as if nothing were: what was pushed by now arrives
            before = push.sent
            self.wait(lambda: push.sent > before + 20000, LONG)
            got = 0
            while got < before:
                got += len(v.read_some())
        sink.held.set()
        self.wait(lambda: len(sink.got) >= 200, LONG)
        order = [int(e["id"].split("-")[1]) for e, _ in sink.got]
        self.assertEqual(order, sorted(order))


class Faults(HookCase):
    @unittest.skipUnless(os.path.exists(FAULTY), "make box builds it")
    def test_no_process_and_no_memory(self):
        """Where a program cannot be started now it is tried again; without memory an event is lost, and counted."""
        node = FaultyNode(blocks=hook(event="viewerJoin", command="sh -c 'cat >>out; echo >>out'", retries=20))
        self.addCleanup(node.remove)
        self.addCleanup(self._stop, node)
        node.start()
        self.push(node, "x")
        cid = node.wait_channel("x")["channelId"]
        out = os.path.join(node.dir, "out")
        with node.fault.failing("spawn", times=1):
            with node.view(cid):
                node.wait_log(r"hook 1 .*: viewerJoin: Resource temporarily unavailable; tried again", LONG)
        self.wait(lambda: len(lines_of(out)) == 1, LONG)
        for skip in (0, 1, 2, 3, 5, 8, 13, 21, 34):
            with node.fault.failing("memory", skip=skip, times=2), contextlib.suppress(OSError, EOFError):
                node.view(cid).close()
        with node.view(cid) as v:
            end = "127.0.0.1:%d" % v.sock.getsockname()[1]
            self.wait(lambda: any(end in line for line in lines_of(out)), LONG)


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class Settings(HookCase):
    def test_reload(self):
        """SIGHUP reads them again; nothing over HTTP makes one."""
        node, sink = self.node(), self.sink()
        self.push(node, "x")
        node.wait_channel("x")
        with open(node.ini_path, "a") as f:
            f.write(hook(event="channelStart", url=sink.url, secret="wrong") +
                    hook(event="channelStart", url="http://127.0.0.1:%d/other" % sink.port, secret=SECRET))
        self.reload(node)
        with open(node.ini_path) as f:
            keys = f.read()
        # what played before is no news; this is, and signed with what is named now
        with open(node.ini_path, "w") as f:
            f.write(keys.replace("wrong", SECRET))
        self.reload(node)
        self.push(node, "y")
        self.wait(lambda: len(sink.got) == 2, LONG)
        self.assertEqual([e["channel"]["name"] for e, _ in sink.got], ["y", "y"])
        with open(node.ini_path, "w") as f:
            f.write(keys.split("[Hook]")[0])
        since = node.out.count()
        self.reload(node)
        node.wait_log(r"hooks: 0", since=since)
        self.push(node, "z")
        node.wait_channel("z")
        self.assertEqual(len(sink.got), 2)

        for key, value in (("command", "touch made"), ("hook", "touch made"), ("Hook.command", "touch made")):
            with contextlib.suppress(RpcError):
                node.rpc("changeSettings", [{key: value}])
            node.get("/admin?cmd=apply&%s=touch%%20made" % key)
        self.wait(lambda: b"[Hook]" not in open(node.ini_path, "rb").read(), LONG)
        self.assertFalse(os.path.exists(os.path.join(node.dir, "made")))

    def reload(self, node):
        since = node.out.count()
        node.send_signal(signal.SIGHUP)
        node.wait_log(r"settings read again", LONG, since)

    def test_check_config(self):
        node = self.node(start=False, blocks=hook(event="channelStart", command="true 'a b'") +
                         hook(event="channelStart,nonsense", command="/nonexistent/a b") +
                         hook(command="no-such-program-here") + hook(event="listed") +
                         hook(command="true", url="http://user:password@a/") + hook(url="ftp://token/") +
                         hook(url="https://a/", timeout=0, retries="many") + hook(command="true 'open"))
        with open(node.ini_path) as f:
            lines = f.read().split("\n")
        run = subprocess.run([PEERCAST, "--check-config", "-i", node.ini_path], capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)

        def at(line, n=0):
            return [i + 1 for i, have in enumerate(lines) if have == line][n]

        for line, fault in ((at("event = channelStart,nonsense"), "event: holds words other than: channelStart "),
                            (at("command = /nonexistent/a b"),
                             "[Hook]: command: /nonexistent/a: No such file or directory"),
                            (at("command = no-such-program-here"),
                             "[Hook]: command: no-such-program-here: not in PATH"),
                            (at("[Hook]", 3), "[Hook]: it has no command and no url; not used"),
                            (at("[Hook]", 4), "[Hook]: it has both a command and a url; not used"),
                            (at("[Hook]", 5), "[Hook]: its url is not an http or https URL; not used"),
                            (at("timeout = 0"), "timeout: out of range 1-300; stays 10"),
                            (at("retries = many"), "retries: not a number; stays 5"),
                            (at("[Hook]", 7), "[Hook]: a quote in its command is not closed; not used")):
            self.assertIn("line %d: %s" % (line, fault), run.stdout)
        # and that there is no filter
        self.assertIn(": 10 faults", run.stdout)
        self.assertNotIn("password", run.stdout)
        self.assertNotIn("token", run.stdout)
