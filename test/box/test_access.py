# SPDX-License-Identifier: GPL-2.0-or-later
"""Who gets in: the listener as it follows the settings, and filters whose names a name server knows."""
import base64
import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import harness
from harness import PEERCAST, BoxCase, Client, free_port, helo, http_request, new_id
from net import NetCase


def set_key(node, key, value):
    """In the file, as its operator would."""
    with open(node.ini_path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    with open(node.ini_path, "w", encoding="utf-8") as f:
        f.write("\n".join("%s = %s" % (key, value) if line.startswith(key + " =") else line for line in lines))


def refused(port, host="127.0.0.1"):
    """Nobody listens there."""
    try:
        socket.create_connection((host, port), 20).close()
    except ConnectionRefusedError:
        return True
    return False


def accepted(node):
    """Its connections that are established and somebody's."""
    n = 0
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError), open("/proc/%d/net/%s" % (node.pid, name), encoding="ascii") as f:
            for line in list(f)[1:]:
                words = line.split()
                n += words[1].endswith(":%04X" % node.port) and words[3] == "01" and words[9] != "0"
    return n


class Listener(BoxCase):
    def test_another_port_by_signal(self):
        """The port moves, whoever is served stays; and a file that says nothing new moves nothing."""
        n = self.node()
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        view = self.closing(n.view(cid))
        view.read(1000)
        old, n.port = n.port, free_port()
        set_key(n, "serverPort", n.port)
        n.send_signal(signal.SIGHUP)
        n.wait_log("listening on port %d" % n.port)
        self.assertTrue(refused(old))
        self.assertEqual(n.find_channel(cid=cid)["status"]["status"], "Receiving")
        view.read(20000)
        status = n.rpc("getStatus")
        self.assertEqual(status["localRelayEndPoint"][1], n.port)
        at = n.out.count()
        n.send_signal(signal.SIGHUP)
        n.wait_log("settings read again", since=at)
        self.assertIsNone(n.out.find("listening on", since=at))

    def test_port_that_is_taken(self):
        n = self.node()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            taken = s.getsockname()[1]
            set_key(n, "serverPort", taken)
            n.send_signal(signal.SIGHUP)
            n.wait_log(r"cannot listen on .*:%d: Address already in use; still listening on port %d" % (taken, n.port))
            self.assertEqual(n.get("/api/1").status, 200)
            # the form says so by staying where it is
            r = n.get("/admin?cmd=apply&port=%d" % taken)
            self.assertEqual((r.status, r.headers["location"]), (302, "/html/en/settings.html"))
        n.stop()
        self.assertEqual(n.read_ini()["serverport"], str(taken))        # it counts from the next start

    def test_form_leads_to_the_new_port(self):
        n = self.node()
        old, n.port = n.port, free_port()
        r = http_request(old, "POST", "/admin", "cmd=apply&port=%d" % n.port)
        self.assertEqual((r.status, r.headers["location"]),
                         (302, "http://127.0.0.1:%d/html/en/settings.html" % n.port))
        self.assertEqual(n.get("/html/en/settings.html").status, 200)
        self.assertTrue(refused(old))
        n.stop()
        self.assertEqual(n.read_ini()["serverport"], str(n.port))

    def test_many_changes_at_once(self):
        """Forms from many threads, each with a port of its own: one of them is where the node is in the end."""
        n = self.node()
        ports = [free_port() for _ in range(6)]

        def move(port):
            with contextlib.suppress(OSError):
                http_request(n.port, "GET", "/admin?cmd=apply&port=%d" % port)

        threads = [threading.Thread(target=move, args=(p,)) for p in ports]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.wait(lambda: sum(not refused(p) for p in ports) == 1, what="one port is open")
        n.port = next(p for p in ports if not refused(p))
        self.assertEqual(n.get("/api/1").status, 200)

    def test_flags_and_settings_are_kept(self):
        n = self.node()
        self.assertEqual(n.get("/admin?cmd=applyflags&persistTokenList=true").status, 302)
        self.assertEqual(n.http("POST", "/admin", "cmd=apply&servername=%93%FA%96%7B&maxdirect=3").status, 302)
        n.stop()
        ini = n.read_ini()
        self.assertEqual((ini["servername"], ini["maxdirect"], ini["allowhtml"]), ("日本", "3", "Yes"))
        self.assertEqual((ini["persisttokenlist"], ini["startplayingfromkeyframe"]), ("Yes", "No"))

    def test_shutdown(self):
        """The answer comes first; then the node ends in order."""
        n = self.node()
        self.push(n, "on air")
        n.wait_channel("on air")
        r = n.get("/admin?cmd=shutdown")
        self.assertEqual(r.status, 200)
        self.assertIn(b"Server is shutting down...", r.body)
        self.assertEqual(n.expect_exit(), 0)


class AutoServe(NetCase):
    def test_off_and_on(self):
        """Off: closed to everybody else, and told as closed. This machine can switch it on again."""
        n = self.node({"maxDirect": 5})
        other = self.machine()
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        with other.inside():
            view = self.closing(Client(n.port, n.host))
            view.request("GET", "/stream/" + cid)
            view.read_head()
            self.assertEqual(view.status, 200)
            early = self.closing(Client(n.port, n.host))
            early.send(b"GET /api/1 HTTP/1.0\r\n")
        self.assertEqual(n.get("/admin?cmd=apply&serveractive=0").status, 302)
        with other.inside():
            self.assertTrue(refused(n.port, n.host))
            view.read(20000)            # who is served stays
        self.assertTrue(n.rpc("getStatus")["isFirewalled"])
        self.assertEqual(n.get("/admin?cmd=portcheck4").body.splitlines()[-1], b"IPv4 firewall is ON")
        self.assertEqual(n.get("/admin?cmd=apply&serveractive=1").status, 302)
        with other.inside():
            self.assertEqual(self.get_from(n), 200)
        self.assertIsNone(n.rpc("getStatus")["isFirewalled"])
        n.stop()
        self.assertEqual(n.read_ini()["autoserve"], "Yes")

    def get_from(self, n):
        c = self.closing(Client(n.port, n.host))
        c.request("GET", "/api/1")
        c.read_head()
        return c.status

    def test_late_request(self):
        """A connection that was open, and silent, is not served any more."""
        n = self.node()
        with self.machine().inside():
            c = self.closing(Client(n.port, n.host))
        # it is accepted after a moment, as it says nothing
        self.wait(lambda: accepted(n), 20)
        self.assertEqual(n.get("/admin?cmd=apply&serveractive=0").status, 302)
        c.send(b"GET /api/1 HTTP/1.0\r\n\r\n")
        self.assertEqual(c.read_all(), b"")

    def test_off_from_the_start(self):
        n = self.node({"autoServe": "No"})
        with self.machine().inside():
            self.assertTrue(refused(n.port, n.host))
        self.assertEqual(n.get("/api/1").status, 200)


PASSWORD = {"Authorization": "Basic " + base64.b64encode(b":s3cret").decode()}
WRONG = {"Authorization": "Basic " + base64.b64encode(b":guess").decode()}
HTML, BROADCAST, NETWORK, DIRECT = "allowHTML", "allowBroadcast", "allowNetwork", "allowDirect"
NO_ID = "0000000000000000000000000000000A"


class Row:
    """One kind of request (node.md 5.5).

    need     the service of the port; None: neither that nor a ban counts
    right    the status of one who may
    wrong    of one whom a rule keeps out
    strict   this machine is no exception from a rule of DIRECT and NETWORK
    private  only for who is private: 403
    login    without the password: this status; this machine needs none
    """

    def __init__(self, what, need, right, wrong=503, strict=False, private=False, login=None, headers=None, raw=None):
        self.what, self.need, self.right, self.wrong = what, need, right, wrong
        self.strict, self.private, self.login, self.headers, self.raw = strict, private, login, headers or {}, raw

    def expect(self, peer, off, password):
        here = peer == "here"
        exempt = here and self.need in (DIRECT, NETWORK) and not self.strict
        if self.need is not None and not exempt:
            unlisted = self.need in (DIRECT, NETWORK) and off == "filters"
            if self.private and (peer not in ("here", "private") or self.need == off or peer == "banned"):
                return self.wrong
            if peer == "banned" or self.need == off or unlisted:
                return self.wrong
        if self.login and not password and not here:
            return self.login
        return self.right


ROWS = [
    Row("GET /admin?cmd=viewxml", HTML, 200, login=401),
    Row("GET /admin/?cmd=viewxml", HTML, 200, login=401),
    Row("POST /admin cmd=viewxml", HTML, 200, login=401),
    Row("GET /html/style.css", HTML, 200),
    Row("GET /html/js/index.js", HTML, 200, login=401),
    Row("GET /cmd?q=pid", HTML, 200, login=401),
    Row("POST /api/1 {}", HTML, 200, login=401),
    Row("POST /api/1 {}", HTML, 200, login=403, headers={"X-Requested-With": "XMLHttpRequest"}),
    Row("GET /api/1", HTML, 200),
    Row("GET /pls/", DIRECT, 404),
    Row("GET /stream/x/y", DIRECT, 404),
    Row("HEAD /stream/" + NO_ID, DIRECT, 404),
    Row("GET /channel/" + NO_ID, NETWORK, 404, headers={"x-peercast-pcp": "1"}),
    Row("GIV /" + NO_ID, NETWORK, 404, strict=True),
    Row("pcp", NETWORK, b"oleh", b"quit", strict=True),
    Row("POST /?name= x", BROADCAST, 400, wrong=403, private=True),
    Row("POST /wm x", BROADCAST, 204, wrong=403, private=True, headers={"Content-Type": "application/x-wms-pushsetup"}),
    Row("SOURCE /mount", BROADCAST, 401, headers={**WRONG, "Content-Type": "audio/mpeg", "ice-name": "x"}),
    Row("GET /public/index.html", None, 200),
    Row("GET /assets/style.css", None, 200),
    Row("GET /favicon.ico", None, 200),
    Row("GET /", None, 302),
    Row("GET /nothing", None, 302),
]


class Table(NetCase):
    """Each kind of request, from each kind of address, with each rule switched off in its turn."""

    def setUp(self):
        super().setUp()
        self.places = {"here": None, "private": self.machine(), "banned": self.machine(), "far": self.machine()}

    def start(self, off):
        flags = "network = %s\ndirect = %s" % (("No",) * 2 if off == "filters" else ("Yes",) * 2)
        blocks = "[Filter]\nip = 255.255.255.255\n%s\n[End]\n" % flags
        blocks += "[Filter]\nip = %s\nprivate = Yes\n[End]\n" % self.places["private"].ip
        blocks += "[Filter]\nip = %s\nban = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n" % self.places["banned"].ip
        blocks += "[Server1]\n%s[End]\n" % ("%s = No\n" % off if off and off != "filters" else "")
        return self.node({"password": "s3cret", "publicDirectory": "Yes", "maxDirect": 9}, blocks=blocks)

    def ask(self, n, peer, row, password):
        """The status, or the first atom's name."""
        place = self.places[peer]
        with (place or n.place).inside():
            c = Client(n.port, n.host if place else "127.0.0.1")
        with c:
            if row.what == "pcp":
                c.send(b"pcp\n\4\0\0\0\1\0\0\0" + helo(new_id()).encode())
                return c.read(4)
            method, target, *body = row.what.split(" ", 2)
            headers = {**row.headers, **(PASSWORD if password else {})}
            if method == "GIV":
                c.send(("GIV %s\r\n\r\n" % target).encode())
            else:
                if body:
                    headers["Content-Length"] = str(len(body[0]))
                c.request(method, target, headers, (body[0] if body else "").encode())
            c.read_head()
            return c.status

    def check(self, off):
        n = self.start(off)
        for row in ROWS:
            for peer in self.places:
                for password in ((False, True) if row.login else (False,)):
                    with self.subTest(row.what, off=off, peer=peer, password=password):
                        self.assertEqual(self.ask(n, peer, row, password), row.expect(peer, off, password))

    def test_all_on(self):
        self.check(None)

    def test_no_html(self):
        self.check(HTML)

    def test_no_broadcast(self):
        self.check(BROADCAST)

    def test_no_network(self):
        self.check(NETWORK)

    def test_no_direct(self):
        self.check(DIRECT)

    def test_no_filter(self):
        """Nobody is listed as relay or player."""
        self.check("filters")


class NameServer:
    """A name server for one machine, at 127.0.0.1. names: {name: address}, pointers: {address: name}; while `silent`
    it answers nothing."""

    def __init__(self, place, names=None, pointers=None, silent=False):
        self.names, self.silent, self.asked = names or {}, silent, []
        self.pointers = {".".join(reversed(a.split("."))) + ".in-addr.arpa": n for a, n in (pointers or {}).items()}
        with place.inside():
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.bind(("127.0.0.1", 53))
        self.sock.settimeout(0.2)
        self.ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.ended = True
        self.thread.join()
        self.sock.close()

    @staticmethod
    def _name(text):
        return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".")) + b"\0"

    def _answer(self, data):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("ascii"))
            at += 1 + data[at]
        name, kind = ".".join(labels).lower(), struct.unpack(">H", data[at + 1:at + 3])[0]
        self.asked.append((name, kind))
        records = []
        if kind == 1 and name in self.names:
            records.append(socket.inet_aton(self.names[name]))
        elif kind == 12 and name in self.pointers:
            records.append(self._name(self.pointers[name]))
        known = name in self.names or name in self.pointers
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1, len(records), 0, 0)
        return head + data[12:at + 5] + b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(r)) + r for r in records)

    def _run(self):
        while not self.ended:
            try:
                data, peer = self.sock.recvfrom(4096)
            except socket.timeout:
                continue
            answer = self._answer(data)
            if not self.silent:
                self.sock.sendto(answer, peer)


class Searches(BoxCase):
    def test_not_many_at_once(self):
        """A page in a browser here may ask for any channel at any address: the node looks for 16, and refuses more until
        one of them is done with (http.md 13.1)."""
        silent = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(silent.close)
        n = self.node()
        ids = [harness.new_id() for _ in range(17)]

        def ask(cid):
            c = self.closing(n.client())
            c.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (cid, silent.getsockname()[1]))
            return c
        asked = [ask(cid) for cid in ids[:16]]
        self.wait(lambda: len(n.channels()) == 16)
        self.assertEqual(ask(ids[16]).read_head(), 503)
        again = ask(ids[0])                     # of one that is looked for: he waits with the others
        pls = self.closing(n.client())
        pls.request("GET", "/pls/%s?tip=127.0.0.1:%d" % (ids[16], silent.getsockname()[1]))
        self.assertEqual(pls.read_head(), 503)
        self.assertEqual(len(n.channels()), 16)
        n.rpc("stopChannel", [ids[1]])
        n.wait_no_channel(cid=ids[1])
        late = ask(ids[16])
        n.wait_channel(cid=ids[16], receiving=False)
        self.assertIsNone(n.find_channel(cid=ids[1]))
        for c in asked + [again, late]:
            c.close()


class Names(NetCase):
    """Nothing waits for a name server: what is not known yet matches nothing."""

    def setUp(self):
        super().setUp()
        own_files = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode == 0
        if not own_files or not os.path.exists("/etc/resolv.conf"):
            self.skipTest("no /etc/resolv.conf of its own for a process: mount namespaces do not work here")
        self.place = self.machine()

    def server(self, **kw):
        server = NameServer(self.place, **kw)
        self.addCleanup(server.close)
        return server

    def start(self, filters, more="", **ini):
        """A node that asks 127.0.0.1."""
        n = self.node(ini, start=False, place=self.place, blocks=more + "".join(
            "[Filter]\nip = %s\n%s\n[End]\n" % (ip, "\n".join("%s = Yes" % f for f in flags.split())) for ip, flags in filters))
        conf = os.path.join(n.dir, "resolv.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
        n.command = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', conf, PEERCAST]
        return n.start()

    def status(self, n, place, path="/api/1"):
        with place.inside():
            c = self.closing(Client(n.port, n.host))
        c.request("GET", path)
        c.read_head()
        return c.status

    def is_refused(self, n, place):
        """Who comes just when he is found out is cut off without a word."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            return self.status(n, place) == 503
        return False

    def test_name(self):
        """A name stands for its address: that machine may play though nobody else may."""
        friend, other = self.machine(), self.machine()
        self.server(names={"friend.example": friend.ip})
        n = self.start([("Friend.example", "private direct network"), ("255.255.255.255", "network direct")], maxDirect=0)
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        n.wait_log("filter friend.example: is %s" % friend.ip)
        self.wait(lambda: self.status(n, friend, "/stream/" + cid) == 200, what="the friend may")
        self.assertEqual(self.status(n, other, "/stream/" + cid), 503)
        # another list that holds the name too: it is still known
        self.assertEqual(n.get("/admin?cmd=apply&filt_ip0=friend.example&filt_pr0=1&filt_di0=1").status, 302)
        self.assertEqual(self.status(n, friend, "/stream/" + cid), 200)
        self.assertEqual(n.get("/admin?cmd=apply&filt_ip0=friend.example&filt_bn0=1").status, 302)
        self.assertEqual(self.status(n, friend), 503)

    def test_suffix(self):
        """By reverse DNS, when the name leads back: whoever is found out is cut off."""
        evil, liar, good = self.machine(), self.machine(), self.machine()
        server = self.server(names={"dsl-1.evil.example": evil.ip, "www.good.example": good.ip},
                             pointers={evil.ip: "dsl-1.EVIL.example", liar.ip: "dsl-1.evil.example", good.ip: "www.good.example"})
        n = self.start([("255.255.255.255", "network direct"), (".evil.example", "ban")], maxDirect=9)
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        server.silent = True
        with evil.inside():
            view = self.closing(Client(n.port, n.host))
        view.request("GET", "/stream/" + cid)
        view.read_head()
        self.assertEqual(view.status, 200)              # not known yet, and not waited for
        self.assertEqual(self.status(n, good), 200)
        self.assertEqual(self.status(n, liar), 200)
        # what nobody answers is given up after five seconds; the next visitor's turn comes
        server.silent = False
        other = self.machine()
        server.pointers[".".join(reversed(other.ip.split("."))) + ".in-addr.arpa"] = "dsl-2.evil.example"
        server.names["dsl-2.evil.example"] = other.ip
        with other.inside():
            late = self.closing(Client(n.port, n.host))
        with contextlib.suppress(EOFError, ConnectionResetError):       # found out at once, on a slow machine
            late.request("GET", "/stream/" + cid)
            late.read_head()
        n.wait_log("banned by its name", 40)
        late.expect_close()
        self.assertEqual(self.status(n, other), 503)
        view.read(1000)

    def test_liar(self):
        """A name that does not lead back is nobody's."""
        liar, honest = self.machine(), self.machine()
        server = self.server(names={"a.evil.example": honest.ip}, pointers={liar.ip: "a.evil.example", honest.ip: "a.evil.example"})
        n = self.start([("255.255.255.255", "network direct"), (".evil.example", "ban")])
        self.assertEqual(self.status(n, liar), 200)
        self.assertEqual(self.status(n, honest), 200)
        n.wait_log(r"%s is a\.evil\.example" % honest.ip)
        self.wait(lambda: self.is_refused(n, honest), what="the ban")
        self.wait(lambda: sum(k == 12 for _, k in server.asked) >= 2)
        self.assertEqual(self.status(n, liar), 200)

    def test_silent_server(self):
        """Many names and nobody who knows them: the node starts, changes its settings and ends as ever."""
        server = self.server(silent=True)
        n = self.start([("255.255.255.255", "network direct")] + [("n%d.example" % i, "ban") for i in range(50)] +
                       [(".suffix.example", "ban")], forceIP="own.example")
        visitor = self.machine()
        self.wait(lambda: server.asked, what="a question")
        begin = time.monotonic()
        for i in range(10):
            self.assertEqual(n.get("/admin?cmd=apply&maxdirect=%d&filt_ip0=m%d.example&filt_bn0=1&filt_ip1=.x.example"
                                   "&filt_bn1=1&filt_ip2=255.255.255.255&filt_nw2=1" % (i, i)).status, 302)
            self.assertEqual(self.status(n, visitor), 200)
        self.assertLess(time.monotonic() - begin, 4 * harness.PATIENCE)         # one answer alone would take five
        n.stop()                # within two seconds, with status 0

    def test_end_in_the_middle(self):
        """The yellow page's name, our own, a saved tracker's and a visitor's tip are all being looked up: the node ends
        in time all the same."""
        server = self.server(silent=True)
        n = self.start([("255.255.255.255", "network direct")], forceIP="own.example", rootHost="yp.example", more=
                       "[RelayChannel]\nname = saved\nid = %s\nstayConnected = Yes\ntracker = tracker.example\n[End]\n" % new_id())
        self.push(n, "on air")
        asks = self.closing(n.client())
        asks.request("GET", "/pls/%s?tip=tip.example" % new_id())
        for name in ("own.example", "yp.example", "tracker.example", "tip.example"):
            self.wait(lambda name=name: any(asked == name for asked, _ in server.asked), what=name)
        n.stop()
        if harness.PATIENCE == 1:       # the node's own deadline does not grow with it
            self.assertIsNotNone(n.out.find(r"\] stopped$"), n.output())       # nothing was cut off


if __name__ == "__main__":
    unittest.main()
