# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP mechanics and hostile input over sockets, row by row (http.md 1.2, 2, 11, 13.2), as far as no other file has them."""
import contextlib
import json
import re
import selectors
import socket
import time
import unittest
import urllib.parse
import xml.etree.ElementTree

from harness import PATIENCE, BoxCase, Client, flv_head, flv_unit, new_id, slow
from net import PORT, NetCase
from test_http import HOME, Raw


ANSWER = rb"HTTP/1\.\d \d+ [^\n]*\r\n"    # its first line; a body may quote it, with LF


class Framing(Raw):
    """Where a request ends, and that nothing behind it is another one."""

    def setUp(self):
        super().setUp()
        self.push(self.n, "kept")
        self.cid = self.n.wait_channel("kept")["channelId"]
        # what must never be carried out
        self.hidden = b"GET /admin?cmd=stop&id=%s HTTP/1.1\r\nHost: x\r\n\r\n" % self.cid.encode()

    def check_kept(self):
        self.assertIsNotNone(self.n.find_channel("kept"))

    def test_line_ends(self):
        for data in (b"GET /api/1 HTTP/1.0\nA: b\r\n\n", b"GET /api/1 HTTP/1.0\r\nA: b\n\r\n", b"GET /api/1 HTTP/1.1\n\r\n",
                     b"GET /api/1 HTTP/1.1\r\nA: b\nC: d\r\n\n", b"GET /api/1 HTTP/9.9\n\n", b"GET /api/1?x=y\n"):
            with self.subTest(data):
                self.assertEqual(self.raw(data)[0], 200)
        for data in (b"GET /api/1 HT\rTP/1.0\r\n\r\n", b"GET /ap\ri/1 HTTP/1.0\r\n\r\n", b"GET /api/1\r HTTP/1.0\r\n\r\n",
                     b"GET /api/1 HTTP/1.0\r\r\n\r\n", b"\rGET /api/1 HTTP/1.0\r\n\r\n", b"GET /api\0/1 HTTP/1.0\r\n\r\n",
                     b"GET /api/1 HTTP/1.0\r\nA: b\r\r\n\r\n", b"GET\t/api/1 HTTP/1.0\r\n\r\n", b"GET /api/1\x0bHTTP/1.0\r\n\r\n",
                     b"GET /api/1 HTTP/1.0 \r\n\r\n", b" GET /api/1 HTTP/1.0\r\n\r\n", b"\n\n"):
            with self.subTest(data):
                self.assertEqual(self.raw(data)[0], 400)

    def test_one_request_a_connection(self):
        """Pipelined ones are not looked at."""
        for first in (b"GET /api/1 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", b"HEAD /api/1 HTTP/1.1\r\n\r\n",
                      b"GET /nothing HTTP/1.1\r\n\r\n", b"POST /api/1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
                      b"GET /api/1 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", b"OPTIONS /api/1 HTTP/1.1\r\n\r\n"):
            with self.subTest(first):
                c = self.closing(self.n.client())
                c.send(first + self.hidden)
                c.read_head()
                self.assertEqual(c.headers["connection"], "close")
                self.assertNotRegex(c.expect_close(), ANSWER)
        self.check_kept()

    def test_smuggling(self):
        """Where two could read a length differently, nobody reads on."""
        for head in (b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 4",
                     b"Content-Length: 4\r\nContent-Length: 40", b"Content-Length: 4, 4", b"Content-Length: +4",
                     b"Content-Length: -0", b"Content-Length: 0x4", b"Content-Length: 4e0", b"Content-Length: 4;", b"Content-Length:",
                     b"Content-Length: \x0b4", b"Content-Length: 4\x004", b"Content-Length : 4", b"Content-Length\t: 4",
                     b" Content-Length: 4", b"X: y\r\n Content-Length: 4", b"Transfer-Encoding : chunked\r\nContent-Length: 4",
                     b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: gzip, chunked",
                     b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4", b"Transfer-Encoding: \"chunked\"",
                     b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"Content-Length: 4\rContent-Length: 40"):
            with self.subTest(head):
                c = self.closing(self.n.client())
                c.send(b"POST /api/1 HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n" + self.hidden)
                self.assertEqual(c.read_head(), 400)
                self.assertNotRegex(c.expect_close(), ANSWER)
        self.check_kept()

    def test_lengths_that_lie(self):
        """Longer than said: the rest is nothing. Shorter: an error, as soon as it is known."""
        status, _, body = self.raw(b'POST /api/1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}' + self.hidden)
        self.assertEqual((status, json.loads(body)["error"]["code"]), (200, -32600))
        for data in (b"Content-Length: 3\r\n\r\n{}", b"Content-Length: 262144\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
                     b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
            c = self.closing(self.n.client())
            c.send(b"POST /api/1 HTTP/1.1\r\n" + data)
            c.shutdown()
            self.assertEqual(c.read_head(), 400)
        self.check_kept()

    def test_chunks(self):
        call = b'{"jsonrpc":"2.0","id":1,"method":"getVersionInfo"}'
        small = b"".join(b"1\r\n%c\r\n" % byte for byte in call) + b"0\r\n\r\n"
        whole = b"%x\r\n%s\r\n" % (len(call), call)
        for status, body in (
                (200, small), (200, whole + b"0\r\n\r\n"), (200, b"000" + whole + b"0\r\n\r\n"), (200, whole + b"0;last\r\n\r\n"),
                (200, whole.replace(b"\r\n", b";name=\"value\"\r\n", 1) + b"0\r\nTrailer: x\r\nOther: y\r\n\r\n"),
                (200, whole + b"00000\r\n\r\n"),
                (400, whole[:-2] + b"x\r\n0\r\n\r\n"), (400, b"-1\r\n" + call), (400, b"0x2\r\n{}\r\n0\r\n\r\n"), (400, b"\r\n{}\r\n0\r\n\r\n"),
                (400, b"g\r\n"), (413, b"40001\r\n" + b"x" * 0x40001), (400, b"fffffffffffffffff\r\n{}"), (400, b";\r\n{}\r\n0\r\n\r\n"),
                (413, (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 65), (400, b"ffffffffffffffff\r\n{}")):
            with self.subTest(body[:30]):
                c = self.closing(self.n.client())
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    c.send(b"POST /api/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
                got = c.read_head()
                self.assertIn(got, (status, 413) if status == 400 and body[:4] == b"ffff" else (status,))

    def test_headers_that_change_nothing(self):
        """No other protocol is taken up, and no part or state of the answer is asked for (http.md 11)."""
        want = self.raw(b"GET /api/1 HTTP/1.1\r\nHost: x\r\n\r\n")[2]
        for header in (b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
                       b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", b"Range: bytes=0-1",
                       b"If-Range: \"x\"\r\nRange: bytes=99-", b"If-Match: \"x\"", b"If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"):
            with self.subTest(header):
                status, _, body = self.raw(b"GET /api/1 HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
                self.assertEqual((status, body), (200, want))

    def test_length_required(self):
        for path in ("/api/1", "/admin", "/api/1/"):
            self.assertEqual(self.raw(b"POST %s HTTP/1.1\r\n\r\n" % path.encode())[0], 411)

    def test_expectations(self):
        """Nobody is told to go on with what is refused; and it is said before the body."""
        for status, head in ((413, b"POST /api/1 HTTP/1.1\r\nContent-Length: 300000\r\nExpect: 100-continue"),
                             (405, b"PUT /api/1 HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue"),
                             (400, b"POST /nothing HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue"),
                             (403, b"POST /api/1 HTTP/1.1\r\nOrigin: http://evil.example\r\nContent-Length: 3\r\nExpect: 100-continue"),
                             (417, b"GET /api/1 HTTP/1.1\r\nExpect: tea")):
            with self.subTest(head):
                c = self.closing(self.n.client())
                c.send(head + b"\r\n\r\n")
                self.assertEqual(c.read_head(), status)


class Methods(Raw):
    def test_head_of_everything(self):
        """The same head as GET's, and no body."""
        self.push(self.n, "kept")
        cid = self.n.wait_channel("kept")["channelId"]
        for path in ("/", "/html", HOME, "/html/", "/html/nothing", "/html/index.html", "/html/style.css", "/admin", "/admin?cmd=viewxml",
                     "/admin?cmd=none", "/api/1", "/api/1/", "/api/2", "/pls/" + cid, "/pls/" + "0" * 32, "/public/", "/assets/x",
                     "/favicon.ico", "/index.txt", "/html/en/relayinfo.html?id=" + cid, "/html/en/relayinfo.html"):
            with self.subTest(path):
                get, head = self.n.get(path), self.n.http("HEAD", path)
                for r in (get, head):
                    r.headers.pop("date")
                # what is counted while it is shown differs by a few bytes
                if "viewxml" in path:
                    get.headers.pop("content-length"), head.headers.pop("content-length")
                self.assertEqual((get.status, get.headers), (head.status, head.headers))
                self.assertEqual(head.body, b"")
        self.assertEqual(self.n.http("HEAD", "/admin?cmd=stop&id=" + cid).status, 405)
        self.assertIsNotNone(self.n.find_channel("kept"))

    def test_options_of_everything(self):
        for path, status in (("/stream/" + new_id(), 204), ("/pls/" + new_id(), 204), ("/", 405), (HOME, 405), ("/admin", 405),
                             ("/api/1", 405), ("/api/1/", 405), ("/anything", 405), ("/channel/" + new_id(), 405)):
            with self.subTest(path):
                r = self.n.http("OPTIONS", path, headers={"Origin": "http://a.example", "Access-Control-Request-Method": "POST"})
                self.assertEqual(r.status, status)
                self.assertEqual(r.headers.get("access-control-allow-origin"), "*" if status == 204 else None)
                self.assertEqual("allow" in r.headers, status == 405)
                self.assertEqual(r.body if status == 204 else b"", b"")

    def test_admin_without_a_command(self):
        """It leads to the page, for everybody: that asks for the password."""
        strict = self.node({"trustLocalhost": "No", "password": "x"})
        for path in ("/admin", "/admin/"):
            r = strict.get(path)
            self.assertEqual((r.status, r.headers["location"]), (302, HOME))
        self.assertEqual(strict.get("/admin?").status, 401)
        self.assertEqual(strict.http("POST", "/admin", b"cmd=viewxml").status, 401)

    def test_services_that_are_off(self):
        n = self.node(blocks="\n[Server1]\nallowHTML = No\nallowBroadcast = No\nallowNetwork = No\nallowDirect = No\n[End]\n")
        for method, path, status in (("GET", HOME, 503), ("GET", "/admin?cmd=viewxml", 503), ("GET", "/api/1", 503), ("POST", "/api/1", 503),
                                     ("GET", "/", 302), ("GET", "/anything", 302), ("GET", "/pls/" + new_id(), 404),
                                     ("GET", "/stream/" + new_id(), 404), ("POST", "/?name=x&type=FLV", 403)):
            with self.subTest((method, path)):
                self.assertEqual(n.http(method, path, b"{}" if method == "POST" else None).status, status)


NASTY = (
    "Inj\r\nX-Injected: 1\r\n\r\n<html>", "a\nSet-Cookie: x=y", "a\x00b", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
    "' onmouseover='x", "a<>b<>c<>d", "]]>", "&lt;&amp;&#0;&#x1;", "<!--", "<!ENTITY x SYSTEM \"file:///etc/passwd\">", "{!$x}", "%s%n%x",
    "${jndi:ldap://x}", "\u202egnp.exe", "\ufffe\uffff", "\x1b[31mred", "\x7f\x80\x9f", "a\u2028b", "\\\"}]", "';DROP TABLE x;--", "\t\v\f",
    "\u0000", "../../etc/passwd", "\U0001f600" * 40, "x" * 300,
)
INVALID = (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"abc\xe3\x81", b"\x83\x65\x83\x58\x83\x67", b"\x80\x80\x80")


FLV = flv_head() + b"".join(flv_unit(i, 1000, i == 0) for i in range(3))


class Texts(Raw):
    """Names full of other languages' syntax, in everything that shows them."""

    def setUp(self):
        self.n = self.node({"maxDirect": 9, "publicDirectory": "Yes", "maxChannels": 0})

    def names(self):
        for i, text in enumerate(NASTY):
            yield urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe=""), "n%d" % i
        for i, text in enumerate(INVALID):
            yield urllib.parse.quote(text, safe=""), "i%d" % i

    def test_injection(self):
        pushes = []
        for quoted, mark in self.names():
            c = self.closing(self.n.client())
            pushes.append(c)
            c.send(("POST /?name=%s%%20%s&type=FLV&genre=%s&desc=%s&url=%s&comment=%s HTTP/1.0\r\nContent-Length: 99999999\r\n\r\n" %
                    (quoted, mark, quoted, quoted, quoted, quoted)).encode())
            c.send(FLV)
        marks = {mark for _, mark in self.names()}
        long = {"n%d" % i for i, text in enumerate(NASTY) if len(text.encode("utf-8", "surrogatepass")) > 250 or "\0" in text}
        want = len(marks)
        self.wait(lambda: len([c for c in self.n.channels() if c["status"]["status"] == "Receiving"]) >= want - len(long), 20)
        channels = self.n.channels()
        # every way out is well-formed, and has no byte that could be its own syntax
        found = xml.etree.ElementTree.fromstring(self.n.get("/admin?cmd=viewxml").body)
        names = {e.get("name") for e in found.iter("channel")}
        for ch in channels:
            info = ch["info"]
            self.assertIn(info["name"], names)
            for text in (info["name"], info["genre"], info["desc"], info["url"], info["comment"]):
                self.assertNotRegex(text, "[\x00-\x1f\x7f\ufffe\uffff]")
                self.assertLess(len(text.encode()), 256)
            c = self.closing(self.n.client())
            c.request("GET", "/stream/" + ch["channelId"])
            self.assertEqual(c.read_head(), 200)
            self.assertLessEqual(set(c.headers), {
                "server", "accept-ranges", "x-audiocast-name", "x-audiocast-bitrate", "x-audiocast-genre", "x-audiocast-description",
                "x-audiocast-url", "x-peercast-channelid", "access-control-allow-origin", "content-type", "x-content-type-options",
                "cross-origin-resource-policy", "cache-control", "connection"})
            self.assertNotRegex(c.head.replace(b"\r\n", b""), rb"[\x00-\x1f\x7f]")
            c.close()
            body = self.n.get("/pls/" + ch["channelId"]).body
            self.assertRegex(body, rb"^http://[^\r\n<> ]+\r\n$")
        index = self.n.get("/public/index.txt")
        self.assertEqual(index.headers["content-type"], "text/plain; charset=utf-8")
        for line in index.text.rstrip("\n").split("\n"):
            self.assertEqual(len(line.split("<>")), 19, line)
            self.assertNotIn("<script", line)
        for line in self.n.out.lines:
            self.assertNotRegex(line, "[\x00-\x08\x0b-\x1f\x7f]")
        for c in pushes:
            c.close()

    def test_headers_of_a_client(self):
        """Referer, User-Agent, Host: none of it becomes a header or a line of the log of its own."""
        self.push(self.n, "on air")
        cid = self.n.wait_channel("on air")["channelId"]
        for value in (b"http://%s/x\\\x0b" % self.n.address.encode(), b"http://%s//evil.example/" % self.n.address.encode(),
                      b"http://%s@evil.example/" % self.n.address.encode(), b"javascript:alert(1)", b"\xff\xfe", b"/" * 4000,
                      b"http://%s/%%0d%%0aX-Injected: 1" % self.n.address.encode()):
            with self.subTest(value[:40]):
                status, headers, _ = self.raw(b"GET /admin?cmd=keep&id=%s HTTP/1.0\r\nHost: %s\r\nReferer: %s\r\n\r\n" %
                                              (cid.encode(), self.n.address.encode(), value))
                self.assertIn(status, (302, 403))
                self.assertNotIn("x-injected", headers)
                if status == 302:
                    self.assertTrue(headers["location"].startswith("/html/") or "%0d%0a" in headers["location"])
                    self.assertNotIn("evil", headers["location"])
        for agent in (b"\x1b]0;x\x07", b"\xff" * 500, b"<script>", b"a" * 8000):
            c = self.closing(self.n.client())
            c.send(b"GET /stream/%s HTTP/1.0\r\nUser-Agent: %s\r\n\r\n" % (cid.encode(), agent))
            self.assertEqual(c.read_head(), 200)
        xml.etree.ElementTree.fromstring(self.n.get("/admin?cmd=viewxml").body)
        shown = [c["agentName"] for c in self.n.rpc("getChannelConnections", [cid]) if c["type"] == "direct"]
        for text in shown:
            self.assertNotRegex(text, "[\x00-\x1f\x7f]")
        for line in self.n.out.lines:
            self.assertNotRegex(line, "[\x00-\x08\x0b-\x1f\x7f]")


class Paths(Raw):
    def setUp(self):
        self.n = self.node({"publicDirectory": "Yes"})

    def test_traversal(self):
        """Not found, whether or not there is such a file, and the answers do not tell which."""
        ups = ("..", "%2e%2e", "%2E%2E", "..%2f..", "%252e%252e", "....//", "..%5c..", "..\\..", "%c0%ae%c0%ae", "..;", "%2e.", "..%00",
               "..%2f", "/..", "./..", "%uff0e%uff0e")
        files = ("peercast.ini", "no-such.ini", "etc/passwd", "no/such", "peercast.ini?.htm", "http/router.c", "tokens.json", "server.key")
        for base in ("/html/", "/html/en/", "/assets/", "/public/", "/yp/", "/cgi-bin/", "/hls/", "/html/%00", "/api/"):
            seen = set()
            for up in ups:
                for depth in (1, 6):
                    for name in files:
                        path = base + "/".join([up] * depth) + "/" + name
                        with self.n.client() as c:
                            c.send(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
                            self.assertEqual(c.read_head(), 404, path)
                            body = c.expect_close()
                        self.assertNotIn(b"serverPort", body)
                        seen.add(body)
            self.assertEqual(len(seen), 1, base)
        for path in ("/html/js/index.js?.htm", "/html/js/index.js?x=/../peercast.ini"):
            self.assertEqual(self.n.get(path).headers["content-type"], "text/javascript; charset=utf-8")
        for path in ("/html/js/index.js%00.html", "/html/js/index.js/", "/html/js/INDEX.JS", "/html/js/index%2ejs", "/html//js/index.js", "/html/./js/index.js",
                     "/html/en/js/index.js", "/html/js/index.js;.html", "/html/.htaccess", "/html/yp/../js/index.js"):
            self.assertEqual(self.raw(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())[0], 404, path)

    def test_ids(self):
        for path in ("", "0", "a" * 31, "z" * 32, "0" * 32, "G" + "0" * 31, "0x" + "a" * 30, "%30" * 32, "-" * 32, " " * 3, "?id=" + new_id(),
                     new_id() + "/x", new_id()[:31] + "\u0661"):
            for kind in ("/stream/", "/pls/", "/channel/"):
                with self.subTest(kind + path):
                    status = self.raw(b"GET %s%s HTTP/1.0\r\nx-peercast-pcp: 1\r\n\r\n" % (kind.encode(), path.encode()))[0]
                    self.assertIn(status, (400,) if " " in path else (404, 400) if kind == "/channel/" else (404,))
        self.assertEqual(self.n.channels(), [])

    def test_tips(self):
        """What cannot be one is no tip."""
        for tip in ("", ":", "x y", "0.0.0.0:7144", "127.0.0.1:0", "127.0.0.1:70000", "224.0.0.1:7144", "[::]:7144", "[ff02::1]:7144", self.n.address,
                    "[::1", "999.1.1.1:1", "-1", "a" * 300, "127.0.0.1:7144:1", "%00", "127.0.0.1:x"):
            with self.subTest(tip):
                r = self.n.get("/pls/%s?tip=%s" % (new_id(), urllib.parse.quote(tip, safe="")), seconds=30)
                self.assertIn(r.status, (404, 503, 504))
        self.assertEqual(self.n.get("/api/1").status, 200)

    def test_many_ids(self):
        """However many channels are asked for: no more than may be are begun, and others are served meanwhile."""
        n = self.node({"maxChannels": 8}, name="few")
        cs = [self.closing(n.client(source="127.0.3.%d" % (i % 200 + 1))) for i in range(45)]
        for c in cs:
            c.send(b"GET /pls/%s?tip=127.0.0.1:1 HTTP/1.0\r\n\r\n" % new_id().encode())
        self.assertEqual(n.get("/api/1").status, 200)
        self.assertLessEqual(len(n.channels()), 8)
        status = [c.read_head(40) for c in cs]
        self.assertLessEqual(set(status), {404, 503, 504})
        self.assertIn(503, status)      # how many depends on how soon those before have failed


class Strangers(NetCase):
    def test_idle_ones_of_one_address(self):
        """64 of them, in whatever state, and everybody else is served at once."""
        n = self.node()
        states = (b"", b"G", b"GET /api/1 HTTP/1.0\r\n", b"GET /api/1 HTTP/1.0\r\nA: b", b"POST /api/1 HTTP/1.0\r\nContent-Length: 5\r\n\r\n{",
                  b"pcp\n", b"GIV /", b"\x16\x03\x01")
        with self.machine().inside():
            for i in range(64):
                c = self.closing(Client(PORT, n.host))
                with contextlib.suppress(OSError):
                    c.send(states[i % len(states)])
        for place in (self.machine(), self.machine()):
            with place.inside(), Client(PORT, n.host) as c:
                c.request("GET", "/api/1")
                self.assertEqual(c.read_head(), 200)
        self.assertEqual(n.get("/api/1").status, 200)


class Waits(NetCase):
    def test_not_all_of_one_address(self):
        """Who waits for a channel to play keeps no place from others: eight of an address may, and more are told at once
        (http.md 13.1)."""
        one, other, silent = self.machine(), self.machine(), self.machine()
        with silent.inside():
            self.closing(socket.create_server(("", PORT)))
        n = self.node(blocks="".join("[Filter]\nip = %s\nprivate = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n" % m.ip
                                     for m in (one, other)))
        cid = new_id()

        def ask(place):
            with place.inside():
                c = self.closing(Client(PORT, n.host))
            c.request("GET", "/pls/%s?tip=%s:%d" % (cid, silent.ip, PORT))
            return c
        asked = [ask(one) for _ in range(9)]
        with selectors.DefaultSelector() as s:
            for c in asked:
                s.register(c.sock, selectors.EVENT_READ)
            (refused, _), = s.select(20)
            self.assertEqual([c.read_head() for c in asked if c.sock is refused.fileobj], [503])
            late = ask(other)
            self.wait(lambda: other.ip in str(n.rpc("getConnections")))
            self.assertEqual(ask(one).read_head(), 503)
            s.unregister(refused.fileobj)
            s.register(late.sock, selectors.EVENT_READ)
            self.assertEqual(s.select(0), [])


class Crowds(BoxCase):
    def test_those_who_do_not_read(self):
        """Nor do those who ask and take nothing of the answer."""
        n = self.node()
        for i in range(40):
            c = self.closing(n.client(source="127.0.0.%d" % (9 + i % 3)))
            c.send(b"GET /html/js/index.js HTTP/1.0\r\n\r\n" * (1 + i % 3))
        self.assertEqual(n.get("/api/1").status, 200)


@slow
class Deadlines(NetCase):
    """Of other machines: 5 s to the first byte, 10 s to the end of the head and for a body; a byte now and then changes
    nothing about it (settings.md decision 18)."""

    def test_all(self):
        n = self.node({"password": "x"})
        place = self.machine()
        # name, what is sent at once, then byte by byte; status (0 = closed without a word); after how long
        rows = (("idle", b"", b"", 0, 5), ("first line", b"GET /", b"a" * 500, 408, 10),
                ("headers", b"GET /api/1 HTTP/1.0\r\n", b"A: b" * 500, 408, 10), ("many headers", b"GET /api/1 HTTP/1.0\r\n", b"A:\r\n" * 99, 408, 10),
                ("half a line", b"GET / HT", b"", 408, 10), ("no end", b"GET /api/1 HTTP/1.0\r\nA: b\r\n", b"", 408, 10),
                ("body", b"POST /uptest.cgi HTTP/1.0\r\nContent-Length: 5\r\n\r\n", b"", 404, 0),
                ("form", b"POST /admin HTTP/1.0\r\nContent-Length: 500\r\n\r\n", b"c" * 500, 408, 10),
                ("chunks", b"POST /admin HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 100, 408, 10),
                ("late first byte", b"", [b""] * 4 + [b"G"], 408, 10))
        with place.inside():
            clients = [self.closing(Client(PORT, n.host)) for _ in rows]
        began = time.monotonic()
        for c, row in zip(clients, rows):
            c.send(row[1])
            c.sock.settimeout(0.01)
        ended, got = {}, {row[0]: b"" for row in rows}
        tick = 0
        while len(ended) < len(rows) and time.monotonic() - began < 40 * PATIENCE:
            for c, row in zip(clients, rows):
                if row[0] in ended:
                    continue
                with contextlib.suppress(TimeoutError):
                    try:
                        data = c.sock.recv(4096)
                        got[row[0]] += data
                        if data == b"":
                            ended[row[0]] = time.monotonic() - began
                    except ConnectionResetError:
                        ended[row[0]] = time.monotonic() - began
            if time.monotonic() - began > tick:
                tick += 1
                for c, row in zip(clients, rows):
                    if row[0] not in ended and tick <= len(row[2]):
                        with contextlib.suppress(OSError):
                            c.send(b"".join(row[2][tick - 1:tick]) if isinstance(row[2], list) else row[2][tick - 1:tick])
        for name, _, _, status, after in rows:
            with self.subTest(name):
                self.assertIn(name, ended)
                said = re.match(rb"HTTP/1\.0 (\d+) ", got[name])
                self.assertEqual(int(said[1]) if said else 0, status)
                self.assertGreaterEqual(ended[name], after - 0.5)
                self.assertLess(ended[name], (after + 5) * PATIENCE + 1)
        # the time for all of it begins before the first byte
        self.assertLess(ended["late first byte"] - ended["no end"], 2.5)


if __name__ == "__main__":
    unittest.main()
