# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP mechanics, routes, playlists, rights, and bad requests (http.md 1, 2, 4, 9.2, 10, 11, 13)."""
import base64
import hashlib
import re
import socket
import time
import unittest

from harness import PATIENCE, BoxCase, new_id, wait_until

HOME = "/html/en/index.html"


def basic(password, user=""):
    return {"Authorization": "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()}


class Raw(BoxCase):
    """One node; requests as bytes, answers as (status, headers, body)."""

    def setUp(self):
        self.n = self.node()

    def raw(self, data, node=None):
        c = self.closing((node or self.n).client())
        c.send(data)
        c.read_head()
        body = c.expect_close()
        return c.status, c.headers, body


class Routes(Raw):
    def test_what_the_reference_tests_ask(self):
        for path, status, location in (
                ("/", 302, HOME), ("/html", 302, HOME), ("/anything", 302, HOME),
                ("/html/index.html", 302, "/"), ("/html/", 404, None), ("/html/en", 404, None),
                (HOME, 200, None), ("/html/ja/index.html", 200, None), ("/api/1", 200, None),
                ("/api/2", 404, None), ("/favicon.ico", 200, None), ("/public/", 403, None),
                ("/hls/x", 404, None)):
            with self.subTest(path):
                r = self.n.get(path)
                self.assertEqual((r.status, r.headers.get("location")), (status, location))
                self.assertEqual(r.headers["server"], "PeerCast/0.1218 (SV01)")
                self.assertEqual(r.headers["connection"], "close")
                self.assertIn("date", r.headers)

    def test_pages_are_whole(self):
        self.push(self.n)
        cid = self.n.wait_channel("test")["channelId"]
        todo = [HOME, "/html/ja/relayinfo.html?id=" + cid.lower()]
        for path in todo:
            with self.subTest(path):
                r = self.n.get(path)
                self.assertEqual((r.status, r.headers["x-content-type-options"]), (200, "nosniff"))
                self.assertEqual(len(r.body), int(r.headers["content-length"]))
                self.assertIn("default-src 'self'", r.headers["content-security-policy"])
                if ".html" in path:
                    self.assertNotRegex(r.text, r"(?i)<script[^>]*>[^<]|\son\w+=|\bstyle=")
                for found in re.findall(r'(?:src=|href=|from )"(/(?:html|assets)/[^"#]+)"', r.text):
                    todo += [found] if found not in todo else []
        self.assertIn("/assets/js/node.js", todo)

    def test_page_of_a_channel(self):
        """Without an id there is nothing to show; nor of what nobody knows."""
        for query, status in (("", 400), ("?id=", 400), ("?x=y", 400), ("?id=xyz", 404),
                              ("?id=" + new_id(), 404), ("?id=" + "0" * 99, 400)):
            for path in ("/html/en/relayinfo.html", "/html/ja/relayinfo.html"):
                with self.subTest(path + query):
                    self.assertEqual(self.n.get(path + query).status, status)
        root, cid = self.root(), new_id()
        self.control(root).announce(cid, name="heard of")
        self.wait(lambda: root.get("/html/en/relayinfo.html?id=" + cid).status == 200)

    def test_traversal(self):
        for path in ("/html/../peercast.ini?.htm", "/html/%2e%2e/peercast.ini", "/html/..%2fx.html",
                     "/html/js/index.js%00.html", "/html//etc/passwd", "/html/en/..\\x.html"):
            with self.subTest(path):
                status, _, body = self.raw(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
                self.assertEqual(status, 404)
                self.assertNotIn(b"broadcastID", body)

    def test_line_ends_and_versions(self):
        for data in (b"GET /api/1 HTTP/1.0\r\n\r\n", b"GET /api/1 HTTP/1.0\n\n", b"GET /api/1\r\n",
                     b"GET /api/1\n", b"GET /api/1 HTTP/1.1\r\nHost: x\n\r\n"):
            with self.subTest(data):
                status, headers, body = self.raw(data)
                self.assertEqual(status, 200)
                self.assertEqual(int(headers["content-length"]), len(body))

    def test_head(self):
        for path in ("/", HOME, "/api/1", "/admin?cmd=viewxml"):
            with self.subTest(path):
                get, head = self.n.get(path), self.n.http("HEAD", path)
                self.assertEqual((get.status, get.headers["content-length"]),
                                 (head.status, head.headers["content-length"]))
                self.assertEqual(head.body, b"")

    def test_options(self):
        for path in ("/stream/" + new_id(), "/pls/" + new_id()):
            r = self.n.http("OPTIONS", path)
            self.assertEqual((r.status, r.headers["access-control-allow-origin"],
                              r.headers["access-control-allow-methods"]), (204, "*", "GET, HEAD"))
        r = self.n.http("OPTIONS", "/api/1", headers={
            "Origin": "http://evil.example", "Access-Control-Request-Headers": "x-requested-with"})
        self.assertEqual((r.status, r.headers["allow"]), (405, "GET, HEAD, POST"))
        self.assertNotIn("access-control-allow-origin", r.headers)


class BadInput(Raw):
    def test_requests_that_are_none(self):
        for data in (b"\r\n\r\n", b"get / HTTP/1.0\r\n\r\n", b"BREW / HTTP/1.0\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
                     b"GET http://x/ HTTP/1.0\r\n\r\n", b"GET  / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0 x\r\n\r\n",
                     b"POST /api/1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"OPTIONS *\r\n\r\n",
                     b"POST /elsewhere HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
                     b"GET / HTTP/1.0\r\nA: b\rC: d\r\n\r\n", b"GET / HTTP/1.0\r\nA: \0\r\n\r\n",
                     b"GET / HTTP/1.0\r\n" + b"no header\r\n" * 11 + b"\r\n"):
            with self.subTest(data[:40]):
                self.assertEqual(self.raw(data)[0], 400)

    def test_methods(self):
        for method, path, allow in (("PUT", "/api/1", "GET, HEAD, POST"), ("DELETE", HOME, "GET, HEAD"),
                                    ("POST", HOME, "GET, HEAD"), ("PATCH", "/admin", "GET, HEAD, POST")):
            with self.subTest(method + path):
                r = self.n.http(method, path, body=b"x")
                self.assertEqual((r.status, r.headers["allow"]), (405, allow))

    def test_sizes(self):
        line = b"GET /%s HTTP/1.0" % (b"a" * (8191 - 14))
        self.assertEqual(len(line), 8191)
        self.assertEqual(self.raw(line + b"\r\n\r\n")[0], 302)
        self.assertEqual(self.raw(line.replace(b"/a", b"/aa") + b"\r\n\r\n")[0], 414)
        self.assertEqual(self.raw(b"GET /" + b"a" * 100000 + b" HTTP/1.0\r\n\r\n")[0], 414)
        for status, head in ((200, b"H: v\r\n" * 100), (431, b"H: v\r\n" * 101), (431, b"H: v\r\n" * 5000),
                             (200, b"H: " + b"v" * 8188 + b"\r\n"), (431, b"H: " + b"v" * 8189 + b"\r\n"),
                             (431, b"H: " + b"v" * 7000 + b"\r\n" + (b"I: " + b"v" * 7000 + b"\r\n") * 9)):
            with self.subTest(len(head)):
                self.assertEqual(self.raw(b"GET /api/1 HTTP/1.0\r\n" + head + b"\r\n")[0], status)

    def test_bodies(self):
        post = b"POST /api/1 HTTP/1.1\r\n"
        for status, rest in ((411, b"\r\n"), (400, b"Content-Length: 0\r\n\r\n"),
                             (400, b"Content-Length: -5\r\n\r\n"), (400, b"Content-Length: five\r\n\r\n"),
                             (413, b"Content-Length: 262145\r\n\r\n"),
                             (413, b"Content-Length: 99999999999999999999999\r\n\r\n"),
                             (400, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
                             (400, b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
                             (400, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
                             (417, b"Expect: a-pony\r\nContent-Length: 2\r\n\r\n{}"),
                             (200, b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
                             (200, b"Content-Length: 2\r\n\r\n{}")):
            with self.subTest(rest):
                self.assertEqual(self.raw(post + rest)[0], status)

    def test_body_cut_short(self):
        c = self.closing(self.n.client())
        c.send(b"POST /api/1 HTTP/1.1\r\nContent-Length: 10\r\n\r\n{}")
        c.shutdown()
        self.assertEqual(c.read_head(), 400)

    def test_expect_continue(self):
        c = self.closing(self.n.client())
        c.send(b"POST /api/1 HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(c.read_head(), 100)
        c.send(b"{}")
        self.assertEqual(c.read_head(), 200)

    def test_refusal_reaches_a_client_that_still_sends(self):
        """Half-closed and drained: the answer is read, not a reset."""
        c = self.closing(self.n.client())
        c.send(b"POST /api/1 HTTP/1.1\r\nContent-Length: 300000\r\n\r\n")
        c.send(b"x" * 30000)
        self.assertEqual(c.read_head(), 413)

    def test_node_lives_on(self):
        for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /", b"POST /api/1 HTTP/1.0\r\n"):
            c = self.n.client()
            c.send(junk)
            c.reset()
        self.assertEqual(self.n.get("/api/1").status, 200)


class Rights(Raw):
    """trustLocalhost off: loopback callers are as everybody else."""

    def setUp(self):
        self.n = self.node({"trustLocalhost": "No", "password": "s3cret &", "maxDirect": 5})

    def test_what_needs_the_password(self):
        for path, status in (("/", 302), ("/api/1", 200), (HOME, 401), ("/admin?cmd=viewxml", 401),
                             ("/html/js/index.js", 401)):
            with self.subTest(path):
                self.assertEqual(self.n.get(path).status, status)
                self.assertEqual(self.n.get(path, basic("s3cret &")).status, 302 if path == "/" else 200)
        r = self.n.get("/admin?cmd=viewxml")
        self.assertIn('Basic realm="PeerCast Admin"', r.headers["www-authenticate"])
        self.assertEqual(self.n.get("/admin?pass=s3cret+%26&cmd=viewxml").status, 200)
        r = self.n.http("POST", "/admin", b"cmd=viewxml&pass=s3cret%20%26")
        self.assertEqual(r.status, 200)

    def test_api(self):
        body = b'{"jsonrpc":"2.0","id":1,"method":"getStatus"}'
        self.assertEqual(self.n.http("POST", "/api/1", body).status, 401)
        xhr = {"X-Requested-With": "XMLHttpRequest"}
        self.assertEqual(self.n.http("POST", "/api/1", body, xhr).status, 403)
        self.assertEqual(self.n.http("POST", "/api/1", body, dict(xhr, **basic("s3cret &", "me"))).status, 200)

    def test_guessing_is_slowed(self):
        for _ in range(5):
            self.assertEqual(self.n.get(HOME, basic("wrong")).status, 401)
        self.assertEqual(self.n.get(HOME, basic("wrong")).status, 429)
        self.assertEqual(self.n.get(HOME, basic("s3cret &")).status, 429)
        self.assertNotIn("s3cret", self.n.out.text())

    def test_password_in_no_output(self):
        self.n.get("/admin?pass=s3cret+%26&cmd=viewxml")
        self.n.get("/admin?pass=other-secret&cmd=viewxml")
        self.assertNotIn("s3cret", self.n.out.text())
        self.assertNotIn("other-secret", self.n.out.text())

    def test_no_password_is_no_way_in(self):
        node = self.node({"trustLocalhost": "No", "password": ""})
        self.assertEqual(node.get(HOME, basic("")).status, 401)
        self.assertEqual(node.get("/admin?cmd=viewxml&pass=").status, 401)

    def test_push_is_for_private_addresses(self):
        r = self.n.http("POST", "/?name=x&type=FLV", b"FLV")
        self.assertEqual(r.status, 403)


class OtherSites(Raw):
    """Pages of other sites have nothing of this machine's rights (http.md 10.4)."""

    def setUp(self):
        super().setUp()
        self.push(self.n, "kept")
        self.cid = self.n.wait_channel("kept")["channelId"]

    def test_commands(self):
        for headers in ({"Origin": "http://evil.example"}, {"Referer": "http://evil.example/"},
                        {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            with self.subTest(headers):
                r = self.n.get("/admin?cmd=stop&id=" + self.cid, headers)
                self.assertEqual(r.status, 403)
        self.assertIsNotNone(self.n.find_channel("kept"))

    def test_api(self):
        body = b'{"jsonrpc":"2.0","method":"stopChannel","params":["%s"]}' % self.cid.encode()
        r = self.n.http("POST", "/api/1", body, {"Origin": "http://evil.example", "Content-Type": "text/plain"})
        self.assertEqual(r.status, 403)
        r = self.n.http("POST", "/api/1", body, {"Host": "rebound.example"})
        self.assertEqual(r.status, 401)
        self.assertIsNotNone(self.n.find_channel("kept"))
        # an Electron front end vouches for itself
        r = self.n.http("POST", "/api/1", body, {"Origin": "file://", "X-Requested-With": "XMLHttpRequest"})
        self.assertEqual(r.status, 204)
        self.assertIsNone(self.n.find_channel("kept"))


class Commands(Raw):
    def setUp(self):
        super().setUp()
        self.push(self.n, "ours")
        self.cid = self.n.wait_channel("ours")["channelId"]

    def test_stop(self):
        with self.n.view(self.cid) as v:
            v.read(1000)
            r = self.n.get("/admin?cmd=stop&id=" + self.cid.lower())
            self.assertEqual((r.status, r.headers["location"]), (302, "/html/en/relays.html"))
            self.assertEqual(self.n.get(r.headers["location"]).status, 200)
            self.assertIsNone(self.n.find_channel("ours"))
            v.expect_close()

    def test_players_commands(self):
        """As players send them: plain GET, LF alone, HTTP/1.0, no headers."""
        for cmd in ("bump", "keep", "keep"):
            status, headers, _ = self.raw(b"GET /admin?cmd=%s&id=%s HTTP/1.0\n\n" % (cmd.encode(), self.cid.encode()))
            self.assertEqual(status, 302)
            self.assertTrue(headers["location"].startswith("/html/en/"))
        # a pushed channel has no other upstream (settings.md decision 31)
        self.assertEqual(self.n.wait_channel("ours")["status"]["status"], "Receiving")

    def test_unknown(self):
        self.assertEqual(self.n.get("/admin?cmd=stop&id=" + new_id()).status, 302)
        self.assertEqual(self.n.get("/admin?cmd=no-such").status, 400)
        self.assertEqual(self.n.get("/admin").headers["location"], HOME)

    def test_log_is_emptied(self):
        self.assertIn('"ours"', self.n.rpc("getLog")["log"])
        self.assertEqual(self.n.get("/admin?cmd=clearlog").headers["location"], "/html/en/viewlog.html")
        self.assertNotIn('"ours"', self.n.rpc("getLog")["log"])

    def test_back_to_the_page(self):
        here = "http://%s/html/en/relays.html?x" % self.n.address
        r = self.n.get("/admin?cmd=keep&id=" + self.cid, {"Referer": here})
        self.assertEqual(r.headers["location"], "/html/en/relays.html?x")


class Playlists(Raw):
    def setUp(self):
        self.n = self.node({"broadcastID": "00D67218FD425A17786B476C25E22A34"})
        self.push(self.n, "Play & list")
        self.cid = self.n.wait_channel("Play & list")["channelId"]

    def test_body(self):
        token = hashlib.md5(b"00D67218FD425A17786B476C25E22A34:" + self.cid.encode()).hexdigest()
        for path in (self.cid, self.cid.lower(), self.cid + ".flv", self.cid + ".m3u", self.cid + ".pls?tip=1.2.3.4:7144"):
            with self.subTest(path):
                r = self.n.get("/pls/" + path)
                self.assertEqual(r.status, 200)
                self.assertEqual(r.text, "http://%s/stream/%s.flv?auth=%s\r\n" % (self.n.address, self.cid, token))
                self.assertEqual(r.headers["content-type"], "audio/x-mpegurl")
                self.assertEqual(r.headers["content-disposition"], "inline")

    def test_host_is_echoed_when_it_is_one(self):
        for host, shown in (("my.example:81", "my.example:81"), ("[::1]:81", "[::1]:81"),
                            ("evil\"><script>", None), ("a b", None), ("x:99999", None)):
            with self.subTest(host):
                r = self.raw(b"GET /pls/%s HTTP/1.0\r\nHost: %s\r\n\r\n" % (self.cid.encode(), host.encode()))
                want = shown or self.n.address
                self.assertTrue(r[2].startswith(b"http://%s/stream/" % want.encode()), r[2])

    def test_leads_to_the_stream(self):
        url = self.n.get("/pls/" + self.cid).text.strip()
        path = url.split(self.n.address, 1)[1]
        c = self.closing(self.n.client())
        c.request("GET", path)
        self.assertEqual(c.read_head(), 200)
        self.assertEqual(c.read(4), b"FLV\x01")

    def test_not_found(self):
        for path in ("", "zz" * 16, "0" * 32, "nobody", self.cid + "/x", new_id()):
            with self.subTest(path):
                self.assertEqual(self.n.get("/pls/" + path).status, 404)
        # where HLS is made its playlists are had there, found or not
        self.assertIn(self.n.get("/pls/%s.m3u8" % new_id()).status, (301, 404))

    def test_tip_starts_a_relay(self):
        other = self.node(name="relay")
        r = other.get("/pls/%s?tip=%s" % (self.cid, self.n.address))
        self.assertEqual(r.status, 200)
        self.assertIn("/stream/%s.flv?auth=" % self.cid, r.text)
        self.assertFalse(other.wait_channel(cid=self.cid)["status"]["isBroadcasting"])

    def test_tip_is_not_for_strangers(self):
        other = self.node({"trustLocalhost": "No", "password": "x"}, name="relay")
        r = other.get("/pls/%s?tip=%s" % (self.cid, self.n.address))
        self.assertEqual(r.status, 503)
        self.assertEqual(other.get("/api/1").status, 200)
        self.assertNotIn("started", other.out.text())


class Slow(BoxCase):
    def test_idle_connections_lock_nobody_out(self):
        node = self.node()
        idle = [self.closing(node.client()) for _ in range(40)]
        start = time.monotonic()
        self.assertEqual(node.get("/api/1").status, 200)
        self.assertLess(time.monotonic() - start, 2 * PATIENCE)
        for c in idle:
            c.close()

    def test_nor_do_more_than_there_are_places(self):
        """60 from as many addresses who begin, and do not go on, hold all places; they go as soon as somebody needs one."""
        node = self.node()
        idle = [self.closing(node.client(source="127.0.0.%d" % (i + 2))) for i in range(60)]
        for c in idle:
            c.send(b"G")
        start = time.monotonic()
        wait_until(lambda: self.status(node) == 200, 5, "an answer")
        self.assertLess(time.monotonic() - start, 3 * PATIENCE)
        self.assertEqual(idle[0].expect_close(2), b"")

    @staticmethod
    def status(node):
        with node.client() as c:
            try:
                c.request("GET", "/api/1")
                return c.read_head()
            except (EOFError, OSError):
                return 0

    def test_stop_does_not_wait_for_them(self):
        node = self.node()
        for data in (b"", b"GET / HT", b"GET / HTTP/1.0\r\nA: b\r\n", b"POST /api/1 HTTP/1.0\r\nContent-Length: 9\r\n\r\n{"):
            self.closing(node.client()).send(data)
        node.stop()

    def test_reader_that_never_reads(self):
        node = self.node()
        c = self.closing(node.client())
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        c.send(b"GET /html/js/index.js HTTP/1.0\r\n\r\n")
        self.assertEqual(node.get("/api/1").status, 200)


if __name__ == "__main__":
    unittest.main()
