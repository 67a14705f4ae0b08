# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what (http.md 10): logins, hashed passwords, rights of each URL, what must not leak."""
import base64
import hashlib
import json
import os
import re
import subprocess
import unittest
import urllib.parse

from harness import PEERCAST, BoxCase, Client, Response
from net import NetCase

HOME = "/html/en/index.html"
HTML = {"Accept": "text/html,application/xhtml+xml"}
SECRET = "s3cret &+%"
BCID = "00D67218FD425A17786B476C25E22A34"
EVERYBODY = "[Filter]\nip = 255.255.255.255\nnetwork = Yes\ndirect = Yes\n[End]\n"


def basic(password, user=""):
    return {"Authorization": "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()}


def form(**fields):
    return urllib.parse.urlencode(fields).encode()


def token_of(cid):
    return hashlib.md5(("%s:%s" % (BCID, cid)).encode()).hexdigest()


def hashed(password):
    done = subprocess.run([PEERCAST, "--hash-password"], input=password.encode() + b"\n", stdout=subprocess.PIPE,
                          timeout=60, check=True)
    return done.stdout.decode().strip()


class Auth(BoxCase):
    """trustLocalhost off: callers from loopback are as everybody else, each address for itself."""

    INI = {"trustLocalhost": "No", "password": SECRET, "maxDirect": 9, "maxRelays": 9, "broadcastID": BCID}
    last = 1

    def strict(self, ini=None, **kw):
        return self.node(dict(self.INI, **(ini or {})), name="strict", **kw)

    def address(self):
        """One that nobody has failed from."""
        self.last += 1
        return "127.0.1.%d" % self.last

    def ask(self, node, method, path, headers=None, body=None, source=None):
        headers = dict({"Host": node.address}, **(headers or {}))
        if body is not None:
            headers["Content-Length"] = len(body)
        with node.client(source=source) as c:
            c.request(method, path, headers, body or b"")
            c.read_head()
            # streams have no length: their head is what is asked for
            rest = b"" if "content-length" not in c.headers or method == "HEAD" else \
                c.read(int(c.headers["content-length"]))
            return Response(c.status, c.headers, rest)

    def login(self, node, password=SECRET, source=None, **fields):
        r = self.ask(node, "POST", "/admin", HTML, form(cmd="login", **{"pass": password}, **fields), source)
        found = re.match(r"%d_id=([0-9a-f]{32}); " % node.port, r.headers.get("set-cookie", ""))
        return r, {"Cookie": "%d_id=%s" % (node.port, found[1])} if found else None


class Login(Auth):
    def test_page_instead_of_what_was_asked_for(self):
        node = self.strict()
        for path, back in ((HOME, HOME), ("/html/ja/relays.html?x=1&y=%22", "/html/ja/relays.html?x=1&#38;y=%22"),
                           ("/admin?cmd=viewxml", "/admin?cmd=viewxml"), ("/admin?cmd=stop&id=0", ""),
                           ("/html/en/login.html", ""), ("/html/x?pass=wrong", "/html/x"),
                           ("/html/<script>\"", "/html/&#60;script&#62;&#34;")):
            with self.subTest(path):
                r = self.ask(node, "GET", path, HTML, source=self.address())
                self.assertEqual((r.status, r.headers["content-type"]), (200, "text/html; charset=utf-8"))
                self.assertIn('name="requested_path" value="%s"' % back, r.text)
                self.assertIn("default-src 'self'", r.headers["content-security-policy"])
                self.assertNotIn("pass=", r.text)
                self.assertNotIn("www-authenticate", r.headers)
        # it looks as it should
        for path in ("/html/style.css", "/html/icon.svg"):
            self.assertEqual(self.ask(node, "GET", path).status, 200)

    def test_scripts_and_programs_are_told(self):
        node = self.strict()
        body = b'{"jsonrpc":"2.0","id":1,"method":"getStatus"}'
        for method, path, headers, status in (
                ("GET", HOME, {}, 401), ("GET", HOME, {"Accept": "*/*"}, 401),
                ("GET", HOME, dict(HTML, **{"X-Requested-With": "XMLHttpRequest"}), 403),
                ("POST", "/api/1", HTML, 401), ("POST", "/api/1", {"X-Requested-With": "x"}, 403),
                ("GET", HOME, dict(HTML, **basic("wrong")), 401), ("GET", "/admin?cmd=viewxml", {}, 401)):
            with self.subTest((method, path, headers)):
                r = self.ask(node, method, path, headers, body if method == "POST" else None, self.address())
                self.assertEqual(r.status, status)
                self.assertEqual("www-authenticate" in r.headers, status == 401)

    def test_cookie(self):
        node = self.strict()
        r, cookie = self.login(node, requested_path="/html/en/relays.html?a=b")
        self.assertEqual((r.status, r.headers["location"]), (302, "/html/en/relays.html?a=b"))
        self.assertRegex(r.headers["set-cookie"], r"^%d_id=[0-9a-f]{32}; path=/; HttpOnly; SameSite=Strict$" % node.port)
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 200)
        self.assertEqual(self.ask(node, "GET", "/admin?cmd=viewxml", cookie).status, 200)
        body = b'{"jsonrpc":"2.0","id":1,"method":"getStatus"}'
        xhr = dict(cookie, **{"X-Requested-With": "XMLHttpRequest"})
        self.assertIn("result", self.ask(node, "POST", "/api/1", xhr, body).json())
        # it is nobody else's
        self.assertEqual(self.ask(node, "GET", HOME, cookie, source=self.address()).status, 401)
        other = {"Cookie": cookie["Cookie"][:-1] + ("0" if cookie["Cookie"][-1] != "0" else "1")}
        self.assertEqual(self.ask(node, "GET", HOME, other).status, 401)
        # who logs in again has one session, not two
        _, second = self.login(node, **{})
        self.assertNotEqual(second, cookie)
        r = self.ask(node, "POST", "/admin", second, form(cmd="logout"))
        self.assertEqual((r.status, r.headers["location"]), (302, "/"))
        self.assertIn("Max-Age=0", r.headers["set-cookie"])
        self.assertEqual(self.ask(node, "GET", HOME, second).status, 401)
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 200)

    def test_notifications_of_each(self):
        """Each login has its own place in the notifications, and each program of an address without one."""
        node = self.strict()
        cookies = [self.login(node)[1] for _ in range(2)]
        node_only = {"X-Requested-With": "x", "User-Agent": "same"}

        def unread(**headers):
            body = b'{"jsonrpc":"2.0","id":1,"method":"getNotificationMessages"}'
            return [x["class"] for x in
                    self.ask(node, "POST", "/api/1", dict(node_only, **headers), body).json()["result"]]

        self.ask(node, "POST", "/admin", cookies[0], form(cmd="apply", servername="x"))
        for who in cookies + [basic(SECRET), dict(basic(SECRET), **{"User-Agent": "another"})]:
            with self.subTest(who):
                self.assertIn("settingsChanged", unread(**who))
                self.assertEqual(unread(**who), [])

    def test_get_works_too(self):
        node = self.strict()
        r = self.ask(node, "GET", "/admin?cmd=login&requested_path=/html/en/x.html&pass=" +
                     urllib.parse.quote_plus(SECRET))
        self.assertEqual((r.status, r.headers["location"]), (302, "/html/en/x.html"))
        self.assertIn("set-cookie", r.headers)

    def test_leads_nowhere_else(self):
        node = self.strict()
        for path in ("http://evil.example/", "//evil.example/", "/\\evil.example/", "x", "", "/x\r\nX-Inj: 1",
                     "/x y", "/\u3042", "/" + "x" * 5000, "javascript:alert(1)"):
            with self.subTest(path[:30]):
                r, cookie = self.login(node, requested_path=path)
                self.assertEqual((r.status, r.headers["location"]), (302, HOME))
                self.assertNotIn("x-inj", r.headers)
                self.assertIsNotNone(cookie)

    def test_wrong_password(self):
        node = self.strict()
        source = self.address()
        for _ in range(5):
            r, cookie = self.login(node, "wrong-one", source, requested_path="/html/en/relays.html")
            self.assertEqual((r.status, cookie), (200, None))
            self.assertIn("Wrong password", r.text)
            self.assertIn('value="/html/en/relays.html"', r.text)
            self.assertNotIn("wrong-one", r.text)
        for password in ("wrong-one", SECRET):
            r, cookie = self.login(node, password, source)
            self.assertEqual((r.status, cookie), (429, None))
            self.assertIn("Wait a minute", r.text)
        # nobody else waits, and who is in stays in
        r, cookie = self.login(node)
        self.assertEqual(r.status, 302)
        for _ in range(6):
            self.ask(node, "GET", HOME, basic("wrong-two"))
        self.assertEqual(self.ask(node, "GET", HOME, basic(SECRET)).status, 429)
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 200)

    def test_many_at_once_have_no_more_tries(self):
        node = self.strict({"password": hashed(SECRET)})
        source = self.address()
        clients = [self.closing(node.client(source=source)) for _ in range(12)]
        for i, c in enumerate(clients):
            c.request("GET", HOME, dict(basic("guess %d" % i), Host=node.address))
        self.assertEqual(sorted(c.read_head() for c in clients), [401] * 5 + [429] * 7)

    def test_empty_password_lets_nobody_in(self):
        node = self.strict({"password": ""})
        r, cookie = self.login(node, "")
        self.assertEqual((r.status, cookie), (200, None))

    def test_sessions_are_bounded(self):
        node = self.strict()
        cookies = [self.login(node)[1] for _ in range(34)]
        ok = [self.ask(node, "GET", "/html/js/index.js", c).status for c in cookies]
        self.assertEqual(ok, [401] * 2 + [200] * 32)

    def test_logins_of_peercast_yt(self):
        """Its tokens.json counts while there is none of ours, and stays as it is."""
        node = self.node(dict(self.INI), name="swapped", blocks="\n[Flags]\npersistTokenList = Yes\n[End]\n", start=False)
        state = os.path.join(node.dir, ".local", "state", "peercast")
        os.makedirs(state)
        theirs, text = os.path.join(state, "tokens.json"), '[{"id":"%s","ip":"127.0.0.1"}]' % ("0f" * 16)
        with open(theirs, "w", encoding="ascii") as f:
            f.write(text)
        node.start()
        cookie = {"Cookie": "%d_id=%s" % (node.port, "0f" * 16)}
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 200)
        self.assertEqual(self.ask(node, "POST", "/admin", cookie, form(cmd="logout")).status, 302)
        node.stop()
        node.start()
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 401)       # ours, without that login
        with open(theirs, encoding="ascii") as f:
            self.assertEqual((f.read(), os.listdir(state)), (text, ["tokens.json"]))

    def test_basic_mode(self):
        """authType http-basic: no page, no cookies."""
        node = self.strict({"authType": "http-basic"})
        for headers in (HTML, {"X-Requested-With": "XMLHttpRequest"}, {"Cookie": "%d_id=%s" % (node.port, "0" * 32)}):
            r = self.ask(node, "GET", HOME, headers)
            self.assertEqual(r.status, 401)
            self.assertIn('Basic realm="PeerCast Admin"', r.headers["www-authenticate"])
        r, cookie = self.login(node)
        self.assertEqual((r.status, cookie), (302, None))
        self.assertEqual(self.ask(node, "GET", HOME, basic(SECRET)).status, 200)

    def test_logins_that_outlive_a_restart(self):
        node = self.strict(blocks="\n[Flags]\npersistTokenList = Yes\n[End]\n")
        _, cookie = self.login(node)
        tokens = os.path.join(node.dir, "tokens.json")
        self.assertEqual(os.stat(tokens).st_mode & 0o777, 0o600)
        node.stop()
        with open(tokens, encoding="ascii") as f:
            saved = json.load(f)
        self.assertEqual([(s["ip"], s["id"]) for s in saved], [("127.0.0.1", cookie["Cookie"][-32:])])
        node.start()
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 200)
        self.ask(node, "POST", "/admin", cookie, form(cmd="logout"))
        with open(tokens, encoding="ascii") as f:
            self.assertEqual(json.load(f), [])
        node.stop()
        with open(tokens, "w", encoding="ascii") as f:
            f.write("[{")
        node.start()
        node.wait_log("tokens.json cannot be understood")
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 401)

    def test_logins_that_do_not(self):
        node = self.strict()
        _, cookie = self.login(node)
        node.stop()
        self.assertFalse(os.path.exists(os.path.join(node.dir, "tokens.json")))
        node.start()
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 401)

    def test_cookies_that_never_expire(self):
        node = self.strict({"cookiesExpire": "never"})
        r, _ = self.login(node)
        self.assertIn("; Max-Age=34560000;", r.headers["set-cookie"])


class Hashed(Auth):
    def test_every_way_in(self):
        stored = hashed(SECRET)
        self.assertRegex(stored, r"^\$pbkdf2-sha256\$\d+\$[0-9A-F]{32}\$[0-9A-F]{64}$")
        salt, want = stored.split("$")[3:]
        rounds = int(stored.split("$")[2])
        self.assertEqual(hashlib.pbkdf2_hmac("sha256", SECRET.encode(), bytes.fromhex(salt), rounds).hex().upper(), want)
        self.assertNotEqual(stored, hashed(SECRET))
        node = self.strict({"password": stored})
        self.assertEqual(self.ask(node, "GET", HOME, basic(SECRET)).status, 200)
        self.assertEqual(self.ask(node, "GET", HOME, basic(stored)).status, 401)
        self.assertEqual(self.ask(node, "GET", "/admin?cmd=viewxml&pass=" + urllib.parse.quote_plus(SECRET)).status, 200)
        _, cookie = self.login(node)
        self.assertEqual(self.ask(node, "GET", HOME, cookie).status, 200)
        node.stop()
        self.assertEqual(node.read_ini()["password"], stored)

    def test_what_is_no_password(self):
        for text in (b"", b"\n", b"x" * 300 + b"\n"):
            done = subprocess.run([PEERCAST, "--hash-password"], input=text, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"no password", done.stderr)


    def test_many_at_once(self):
        """Who comes with the right one often, before the first is judged, is let in as often."""
        node = self.strict({"password": hashed(SECRET)})
        clients = [self.closing(node.client()) for _ in range(14)]
        for c in clients:
            c.request("GET", HOME, dict(basic(SECRET), Host=node.address))
        self.assertEqual([c.read_head() for c in clients], [200] * 14)


class Rights(Auth):
    """http.md 10.6 over every URL: from loopback; and from elsewhere without a password, with a wrong one, with the
    right one, with the cookie of a login, with a channel's token."""

    WHO = ("loopback", "none", "wrong", "right", "cookie", "token")
    API = b'{"jsonrpc":"2.0","id":1,"method":"getStatus"}'
    YP = (404,) * 6                     # not a root
    GATED = (200, 401, 401, 200, 200, 401)
    TABLE = (
        ("GET", "/", (302,) * 6), ("GET", "/anything", (302,) * 6), ("GET", "/html", (302,) * 6),
        ("GET", "/favicon.ico", (200,) * 6), ("GET", "/html/index.html", (302,) * 6),
        ("GET", HOME, GATED), ("HEAD", HOME, GATED), ("GET", "/html/js/index.js", GATED), ("GET", "/html/ja/login.html", GATED),
        ("GET", "/html/en/logout.html", GATED), ("GET", "/html/style.css", (200,) * 6), ("GET", "/html/icon.svg", (200,) * 6),
        ("GET", "/html/nothing", (404, 401, 401, 404, 404, 401)),
        ("GET", "/admin", (302, 302, 302, 302, 302, 401)), ("GET", "/admin?", (400, 401, 401, 400, 400, 401)),
        ("GET", "/admin?cmd=viewxml", GATED), ("GET", "/admin/?cmd=viewxml", GATED), ("HEAD", "/admin?cmd=viewxml", GATED),
        ("GET", "/admin?cmd=none", (400, 401, 401, 400, 400, 401)),
        ("GET", "/admin?cmd=stop&id=" + "0" * 31 + "1", (302, 401, 401, 302, 302, 401)),
        ("GET", "/admin?cmd=logout", (302, 401, 401, 302, None, 401)),
        ("POST", "/admin", (400, 401, 401, 400, 400, 401)),
        ("GET", "/api/1", (200,) * 6), ("GET", "/api/1/", (200,) * 6), ("GET", "/api/2", (404,) * 6), ("GET", "/api/1/openrpc.json", (200,) * 6),
        ("POST", "/api/1", GATED), ("POST", "/api/1/", GATED),
        ("GET", "/api/1/events", GATED), ("GET", "/cmd?q=date", GATED), ("GET", "/cmd", (400, 401, 401, 400, 400, 401)),
        ("GET", "/ypchannels/index.txt", GATED), ("GET", "/html/index.txt", GATED),
        ("GET", "/admin.cgi?mode=updinfo&song=x", GATED), ("GET", "/admin/metadata?mode=updinfo&song=x", GATED),
        ("GET", "/public/", (403,) * 6), ("GET", "/public/index.txt", (403,) * 6), ("GET", "/assets/x", (404,) * 6),
        ("GET", "/cgi-bin/flv.cgi", (404,) * 6), ("GET", "/hls/x", (404,) * 6),
        ("GET", "/index.txt", YP), ("GET", "/index.rss", YP), ("GET", "/api/index.json", YP), ("GET", "/yp4g.xml", YP),
        ("GET", "/getgmt.php?cn=x", YP), ("GET", "/chat.php?cn=x", YP), ("GET", "/yp/", YP),
        # what plays is played by everybody whom the filters let; what does not is started by few
        ("GET", "/stream/{playing}.flv", (200,) * 6), ("HEAD", "/stream/{playing}", (200,) * 6),
        ("GET", "/pls/{playing}", (200,) * 6), ("GET", "/channel/{playing}", (200,) * 6),
        ("GET", "/stream/{unknown}", (None, 404, 404, 404, 404, None)),
        ("GET", "/pls/{unknown}", (None, 404, 404, 404, 404, None)),
        ("GET", "/stream/{unknown}?tip={source}", (None, 503, 503, 503, 503, None)),
        ("POST", "/?name=x&type=FLV", (None, 403, 403, 403, 403, 403)),
        ("OPTIONS", "/api/1", (405,) * 6), ("OPTIONS", "/stream/{playing}", (204,) * 6), ("DELETE", HOME, (405,) * 6),
    )

    def setUp(self):
        self.trusting = self.node({"maxDirect": 9, "maxRelays": 9}, name="source")
        self.push(self.trusting, "on air")
        self.cid = self.trusting.wait_channel("on air")["channelId"]
        self.strange = self.strict(blocks=EVERYBODY + "[Filter]\nip = 127.0.0.77\nprivate = Yes\n[End]\n")
        r = self.ask(self.strange, "GET", "/pls/%s?tip=%s" % (self.cid, self.trusting.address), source="127.0.0.77")
        self.assertEqual(r.status, 200)     # now it plays there too

    def test_table(self):
        _, cookie = self.login(self.strange)
        for method, path, wants in self.TABLE:
            unknown = "%032X" % (1 << 100 | self.TABLE.index((method, path, wants)))
            path = path.format(playing=self.cid, unknown=unknown, source=self.trusting.address)
            for who, want in zip(self.WHO, wants):
                if want is None:
                    continue
                with self.subTest((method, path, who)):
                    headers = {"wrong": basic("wrong"), "right": basic(SECRET), "cookie": cookie}.get(who, {})
                    if path.startswith("/channel/"):
                        headers = dict(headers, **{"x-peercast-pcp": "1"})
                    source = self.address() if who == "wrong" else None
                    target = path
                    if who == "token":
                        target += ("&" if "?" in path else "?") + "auth=" + token_of(self.cid)
                    body = None if method != "POST" else self.API if "api" in path else b"cmd=none"
                    node = self.trusting if who == "loopback" else self.strange
                    self.assertEqual(self.ask(node, method, target, headers, body, source).status, want)

    def test_token_is_not_for_another_channel(self):
        other = "%032X" % 77
        for auth in (token_of(self.cid), token_of(other).upper(), token_of(other)[:-1], "", "x" * 400):
            r = self.ask(self.strange, "GET", "/pls/%s?tip=%s&auth=%s" % (other, self.trusting.address, auth))
            self.assertEqual(r.status, 503, auth)

    def test_every_answer_says_what_it_is(self):
        for method, path, wants in self.TABLE:
            if method == "OPTIONS" or path.startswith(("/stream", "/channel", "/api/1/events")):
                continue
            r = self.ask(self.trusting if wants[0] is not None else self.strange, method,
                         path.format(playing=self.cid, unknown="0" * 31 + "9", source=""), None,
                         b"cmd=none" if method == "POST" else None)
            with self.subTest((method, path)):
                self.assertEqual(r.headers["x-content-type-options"], "nosniff")
                self.assertIn("frame-ancestors 'none'", r.headers["content-security-policy"])


class Tokens(NetCase):
    def test_for_the_start_alone(self):
        """Who has one starts a relay; limits, filters and services count for him as for anybody (http.md 10.5)."""
        source, far = self.node(), self.machine()
        self.push(source, "on air", bitrate=500)
        cid = source.wait_channel("on air")["channelId"]
        path = "/stream/%s?tip=%s&auth=%s" % (cid, source.address, token_of(cid))
        for ini, blocks, status in (({}, "", 200), ({"maxDirect": 0}, "", 503), ({"maxBitrateOut": 1}, "", 503),
                                    ({}, "[Server1]\nallowDirect = No\n[End]\n", 503),
                                    ({}, "[Filter]\nip = 255.255.255.255\nnetwork = Yes\n[End]\n", 503)):
            with self.subTest((ini, blocks)):
                n = self.node({"broadcastID": BCID, "maxDirect": 9, **ini}, blocks=blocks)
                with far.inside(), Client(n.port, n.host) as c:
                    c.request("GET", path)
                    self.assertEqual(c.read_head(), status)


class Hosts(Auth):
    def test_names_of_this_machine(self):
        """A page that had its name rebound to us has no rights of ours (http.md 10.4)."""
        node = self.node({"allowedHosts": "peca.example, other.example"})
        for host, status in (("127.0.0.1", 200), ("localhost:1", 200), ("[::1]:7144", 200), ("PECA.example", 200),
                             ("other.example:99", 200), ("evil.example", 401), ("peca.example.evil", 401),
                             ("x" * 300, 401), ("a b", 401), ("", 401)):
            with self.subTest(host):
                self.assertEqual(self.ask(node, "GET", HOME, {"Host": host}).status, status)
                self.assertEqual(self.ask(node, "GET", "/metrics", {"Host": host}).status, status)

    def test_login_form_of_another_site(self):
        node = self.strict()
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            r = self.ask(node, "POST", "/admin", headers, form(cmd="login", **{"pass": SECRET}))
            self.assertEqual((r.status, r.headers.get("set-cookie")), (403, None))

    def test_behind_a_proxy_that_speaks_tls(self):
        """Host without a port means the port of the page's scheme."""
        node = self.strict()
        _, cookie = self.login(node)
        for origin, host, status in (("https://peca.example", "peca.example", 302), ("http://peca.example", "peca.example", 302),
                                     ("https://peca.example:8443", "peca.example", 403), ("https://evil.example", "peca.example", 403)):
            r = self.ask(node, "POST", "/admin", dict(cookie, Origin=origin, Host=host), form(cmd="keep", id="0"))
            self.assertEqual(r.status, status)


class Secrets(Auth):
    def test_in_no_output(self):
        """Neither a password, right or wrong, nor the owner's id of the broadcasts, nor a session."""
        for stored in (SECRET, hashed(SECRET)):
            node = self.strict({"password": stored, "logLevel": 1})
            _, cookie = self.login(node)
            quoted = urllib.parse.quote_plus(SECRET)
            texts = []
            for method, path, headers, body in (
                    ("GET", "/admin?cmd=viewxml&pass=" + quoted, {}, None), ("GET", "/admin?cmd=x&pass=wr0ng-one", {}, None),
                    ("GET", HOME + "?pass=wr0ng-one", HTML, None), ("GET", "/nothing?pass=wr0ng-one", {}, None),
                    ("GET", "/html/nothing?pass=" + quoted, {}, None), ("POST", "/admin", HTML, form(cmd="x", **{"pass": "wr0ng-one"})),
                    ("GET", "/stream/x?pass=wr0ng-one", {}, None), ("BREW", "/x?pass=wr0ng-one", {}, None),
                    ("POST", "/api/1?pass=" + quoted, {}, b'{"jsonrpc":"2.0","id":1,"method":"wr0ng"}'),
                    *(("POST", "/api/1", cookie, json.dumps({"jsonrpc": "2.0", "id": 1, "method": m}).encode())
                      for m in ("getSettings", "getStatus", "getLog", "getVersionInfo", "getChannels", "getLogSettings",
                                "getYellowPages", "rpc.discover", "getState"))):
                r = self.ask(node, method, path, headers, body, self.address() if "wr0ng-one" in path + str(body) else None)
                texts.append("%s %s" % (r.headers, r.text))
            node.stop()
            texts.append(node.output())
            for text in texts:
                for secret in (SECRET, quoted, "s3cret", "wr0ng-one", stored, stored[-40:], BCID, cookie["Cookie"][-32:]):
                    self.assertNotIn(secret.lower(), text.lower())


if __name__ == "__main__":
    unittest.main()
