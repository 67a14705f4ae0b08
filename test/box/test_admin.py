# SPDX-License-Identifier: GPL-2.0-or-later
"""The old interface: /admin and the console, as their clients use them (clients.md, http.md 6, 9, 12)."""
import base64
import html.parser
import os
import re
import socket
import unittest
import urllib.parse
import xml.etree.ElementTree

from harness import BoxCase, Client, RpcError, new_id
from net import NetCase

BASIC = {"Authorization": "Basic " + base64.b64encode(b"admin:s3cret").decode()}
# encoders and players of this machine, without its other rights
HOME = "[Filter]\nip = 127.0.0.1\nprivate = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n"


class Console(BoxCase):
    def lines(self, c, pattern):
        """Lines until one that matches."""
        got = []
        while not got or not re.search(pattern, got[-1]):
            got.append(c.read_until(b"\n").decode().rstrip("\n"))
        return got

    def test_log_is_followed(self):
        n = self.node()
        c = self.closing(n.client())
        c.request("GET", "/cmd?q=log")
        c.read_head()
        self.assertEqual((c.status, c.headers["content-type"]), (200, "text/plain; charset=utf-8"))
        self.push(n, "seen <b>")
        for line in self.lines(c, r'"seen <b>"'):
            self.assertRegex(line, r"^\[(DBUG|INFO|WARN|EROR)\] ")
        # in the order and the number in which they are kept
        n.rpc("clearLog")
        self.push(n, "another")
        n.wait_channel("another")
        self.lines(c, '"another"')

    def test_many_followers(self):
        """They do not count against the connections of others, and end with the node."""
        n = self.node({"maxServIn": 4})
        all_of_them = []
        for _ in range(12):
            c = self.closing(n.client())
            c.request("GET", "/cmd?q=log")
            c.read_head()
            self.assertEqual(c.status, 200)
            all_of_them.append(c)
        self.assertEqual(n.get("/cmd?q=pid").body, b"%d\n" % n.pid)
        n.rpc("clearLog")
        self.push(n, "for all")
        for c in all_of_them:
            self.lines(c, "for all")
        n.stop()
        for c in all_of_them:
            c.expect_close()

    def test_silent_reader(self):
        """One who follows and does not read holds nobody up, and nothing of it grows without end."""
        n = self.node({"logLevel": 1})
        c = self.closing(n.client())
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.request("GET", "/cmd?q=log")
        for i in range(300):
            n.get("/admin?cmd=stop&id=%s&%s" % (new_id(), "x" * 500))
        self.assertEqual(n.get("/cmd?q=echo+still+there").body, b"still there\n")

    def test_shutdown(self):
        n = self.node()
        self.assertEqual(n.get("/cmd?q=shutdown").body, b"Server is shutting down...\n")
        self.assertEqual(n.expect_exit(), 0)


class LfClient:
    """As an older YP browser in C++: lines that end in LF alone, HTTP/1.0, Basic with an empty user, to the end."""

    def __init__(self, node, password=""):
        self.node = node
        self.auth = "Authorization: Basic %s\n" % base64.b64encode(b":" + password.encode()).decode() if password else ""

    def __call__(self, target):
        with self.node.client() as c:
            c.send(("GET %s HTTP/1.0\n%s\n" % (target, self.auth)).encode("cp932"))
            raw = c.read_all()
        head, _, body = raw.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head, body


class OldBrowser(BoxCase):
    """The older YP browser: viewxml, bump, stop, keep; it knows Basic only, whatever authType says."""

    def test_all(self):
        for auth in ("cookie", "http-basic"):
            with self.subTest(auth):
                n = self.node({"trustLocalhost": "No", "password": "s3cret", "authType": auth}, blocks=HOME)
                self.push(n, "watched")
                ask, stranger = LfClient(n, "s3cret"), LfClient(n, "wrong")
                doc = self.wait(lambda: [d for d in [xml.etree.ElementTree.fromstring(ask("/admin?cmd=viewxml")[2])]
                                         if d.find("channels_relayed/channel/relay[@status='BROADCAST']") is not None])[0]
                chan = doc.find("channels_relayed/channel")
                cid = chan.get("id")
                self.assertEqual(cid, cid.upper())
                status, head, body = stranger("/admin?cmd=viewxml")
                self.assertEqual(status, 401)
                self.assertIn(b"\r\nWWW-Authenticate: Basic realm=", head)
                self.assertNotIn(b"watched", body)
                for cmd in ("keep", "bump", "keep"):
                    status, head, _ = ask("/admin?cmd=%s&id=%s" % (cmd, cid))
                    self.assertEqual(status, 302, cmd)
                    self.assertIn(b"\r\nLocation: /html/en/", head)
                self.assertEqual(stranger("/admin?cmd=stop&id=" + cid)[0], 401)
                self.assertEqual(ask("/admin?cmd=stop&id=" + cid)[0], 302)
                doc = xml.etree.ElementTree.fromstring(ask("/admin?cmd=viewxml")[2])
                self.assertEqual(doc.find("channels_relayed").get("total"), "0")
                # what it means by the last key is no business of ours
                status, head, _ = ask("/admin?cmd=fetch&url=http://127.0.0.1:1/&name=n&stream=CreateRelay")
                self.assertEqual((status, b"\r\nLocation: /html/en/relays.html\r\n" in head), (302, True))
                n.stop()


class PeerstPlayer(BoxCase):
    """Joins both lists by id, wants `relay`, `track` and `hits`; Shift_JIS in its requests; ends what it played."""

    def info(self, n, cid):
        body = n.get("/admin?cmd=viewxml").body.decode("utf-8")
        doc = xml.etree.ElementTree.fromstring(body)
        relayed = {c.get("id"): c for c in doc.find("channels_relayed")}
        found = {c.get("id"): c for c in doc.find("channels_found")}
        if cid not in relayed or cid not in found:
            return None
        relay, hits = relayed[cid].find("relay"), found[cid].find("hits")
        for e in (relayed[cid], found[cid]):
            self.assertIsNotNone(e.find("track").get("title"))
        return {"status": relay.get("status"), "listeners": int(relay.get("listeners")), "relays": int(relay.get("relays")),
                "hosts": [(h.get("ip"), h.get("push"), h.get("relay")) for h in hits], "name": found[cid].get("name")}

    def test_play_and_leave(self):
        tracker, n = self.node(), self.node()
        self.push(tracker, "実況")
        cid = tracker.wait_channel("実況")["channelId"]
        url = n.get("/pls/%s?tip=%s" % (cid, tracker.address), seconds=20).body.decode().split("\r\n")[0]
        self.assertIn("/stream/%s.flv" % cid, url)
        view = self.closing(n.view(cid))
        view.read(1000)
        self.wait(lambda: (self.info(n, cid) or {}).get("status") == "RECEIVE")
        info = self.info(n, cid)
        self.assertEqual((info["listeners"], info["relays"], info["name"]), (1, 0, "実況"))
        self.assertEqual(self.info(tracker, cid)["status"], "BROADCAST")
        self.assertEqual(self.info(tracker, cid)["relays"], 1)
        with n.client() as c:           # with what it has copied from a title bar
            c.send(("GET /admin?cmd=bump&id=%s&name=実況 HTTP/1.0\r\n\r\n" % cid).encode("cp932"))
            c.read_head()
            self.assertEqual(c.status, 302)
        view.read(1000)
        view.close()
        info = self.info(n, cid)
        self.assertTrue(info["status"] != "BROADCAST" and info["relays"] < 2)      # so it stops what it opened
        self.assertEqual(n.get("/admin?cmd=stop&id=" + cid).status, 302)
        n.wait_no_channel(cid=cid)


class PlayerP(BoxCase):
    """A Qt player: asks which kind of node it is, reads the status by streaming the XML, ids as it has them."""

    def test_status(self):
        n = self.node()
        self.push(n, "watched")
        cid = n.wait_channel("watched")["channelId"].upper()
        page = n.get("/html/ja/index.html").text
        self.assertIn('<span class="titlelinksBig">peercast', page)
        # a yellow page reads the uptime there
        self.assertRegex(page.split("<td>")[10].split("</td>")[0], r"^(-|\d+ sec|\d+ min, \d+ sec)$")
        parser = xml.etree.ElementTree.XMLPullParser(["start"])
        parser.feed(n.get("/admin?cmd=viewxml").body)
        mine, status = False, None
        for _, e in parser.read_events():
            if e.tag == "channel" and e.get("id") == cid:
                mine = True
            elif mine and e.tag == "relay":
                status = e.get("status")
                break
        self.assertIn(status, ("RECEIVE", "SEARCH", "CONNECT", "ERROR", "BROADCAST"))

    def test_stop_on_exit(self):
        """By the text itself: the id before channels_found, then literally what follows."""
        n = self.node()
        self.push(n, "watched")
        cid = n.wait_channel("watched")["channelId"].upper()
        text = n.get("/admin?cmd=viewxml").body.decode()
        at = text.index(cid)
        self.assertLess(at, text.index("<channels_found total="))
        self.assertRegex(text[at:], r'(?s)\A.*?<relay listeners="\d+" relays="\d+" hosts="\d+" status="[A-Z]+"/>')


class MpvLua(BoxCase):
    """Scripts that put the commands into mpv's playlist: GET by libavformat, no Referer, whatever comes is opened."""

    def test_commands(self):
        n = self.node()
        self.push(n, "watched")
        cid = n.wait_channel("watched")["channelId"]
        headers = {"User-Agent": "Lavf/59.27.100", "Accept": "*/*", "Range": "bytes=0-", "Connection": "close",
                   "Host": "127.0.0.1:%d" % n.port, "Icy-MetaData": "1"}
        r = n.get("/admin?cmd=bump&id=" + cid, headers)
        self.assertEqual(r.status, 302)
        while r.status == 302:          # it follows
            r = n.get(r.headers["location"], headers)
        self.assertEqual(r.status, 200)
        self.assertNotIn(b"FLV", r.body[:3])
        self.assertIsNotNone(n.find_channel(cid=cid))
        self.assertEqual(n.get("/admin?cmd=stop&id=" + cid, headers).status, 302)
        self.assertIsNone(n.find_channel(cid=cid))


class Peercast4Net(BoxCase):
    """PeCaStarter 5 and its kin, in the mode for old nodes: the settings page, texts by setmeta in Shift_JIS, viewxml
    for the status, keep and stop. (What they broadcast comes from an encoder here.)"""

    HEADERS = {"X-Requested-With": "PeerCast4Net"}

    def get(self, n, query):
        return n.get("/admin?" + query, self.HEADERS)

    def test_broadcast(self):
        root = self.root()
        n = self.node()
        self.assertEqual(n.get("/html/ja/settings.html", self.HEADERS).status, 200)
        # only the page's own: nothing else of the node changes
        before = n.rpc("getSettings")
        self.assertEqual(self.get(n, "cmd=apply&yp=%s&port=%d" % (root.address, n.port)).status, 302)
        self.assertEqual(n.rpc("getSettings"), before)
        self.push(n, "テスト", genre="g")
        cid = n.wait_channel("テスト")["channelId"].upper()
        found = lambda: root.viewxml().find("channels_found/channel[@id='%s']" % cid)
        self.wait(lambda: found() is not None, what="announced")
        name = "".join("%%%02X" % b for b in "テスト".encode("cp932"))
        song = "".join("%%%02x" % b for b in "曲".encode("cp932"))
        self.assertEqual(self.get(n, "cmd=setmeta&name=%s&t_artist=%s&t_title=%s&comment=a%%26b&desc=" % (name, song, song)).status, 302)
        self.wait(lambda: found().find("track").get("title") == "曲", 60, "the title at the root")
        self.assertEqual((found().get("comment"), found().get("desc"), found().get("genre")), ("a&b", "", "g"))
        status = lambda: n.viewxml().find("channels_relayed/channel[@id='%s']/relay" % cid).get("status")
        self.assertEqual(status(), "BROADCAST")
        self.assertEqual(self.get(n, "cmd=keep&id=" + cid).status, 302)
        self.assertEqual(self.get(n, "cmd=stop&id=" + cid).status, 302)
        self.wait(lambda: found() is None, 60, "gone at the root")
        self.assertEqual(self.get(n, "cmd=setmeta&name=%s&t_title=x" % name).status, 404)


class Fields(html.parser.HTMLParser):
    """What a browser would send of a page's form: names and values, in order."""

    def __init__(self, page):
        super().__init__()
        self.pairs, self.select = [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "input" and a.get("name") and (a.get("type") != "checkbox" or "checked" in a):
            self.pairs.append((a["name"], a.get("value", "on")))
        elif tag == "select":
            self.select = a["name"]
        elif tag == "option" and "selected" in a:
            self.pairs.append((self.select, a["value"]))


class SettingsForm(BoxCase):
    """The settings page without a script: people and old tools read its fields and send them back."""

    INI = {"serverName": '"><script>alert(1)</script> & \'x\' 日本', "rootMsg": "<b>&amp;", "password": "s3cret", "maxDirect": 7,
           "isRoot": "Yes", "htmlPath": "html/ja", "authType": "http-basic", "cookiesExpire": "never", "wmvProtocol": "mms",
           "preferredTheme": "dark", "accentColor": "cyan", "chat": "No", "publicDirectory": "Yes", "forceIP": "203.0.113.5",
           "icyMetaInterval": 100, "transcodingEnabled": "Yes", "broadcastMsg": "a=b;c%20d+e"}
    BLOCKS = ("[Filter]\nip = 255.255.255.255\nnetwork = Yes\ndirect = Yes\n[End]\n"
              "[Filter]\nip = .example.org\nban = Yes\n[End]\n[Filter]\nip = 127.0.0.1\nprivate = Yes\n[End]\n"
              "[Feed]\nurl = http://127.0.0.1:9/a.txt?x=1&y=\"2\"\nrootHost = yp.example\n[End]\n"
              "[Server1]\nallowNetwork = No\n[End]\n")

    def test_back_unchanged(self):
        """Sent back as it came, it changes nothing; and no text of the settings is markup, nor the password there."""
        n = self.node(self.INI, blocks=self.BLOCKS)
        n.stop()
        with open(n.ini_path, encoding="utf-8") as f:
            before = f.read()
        n.start()
        page = n.get("/html/ja/settings.html")
        self.assertEqual((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("form-action 'self'", page.headers["content-security-policy"])
        text = page.body.decode()
        self.assertNotIn("<script>", text)
        self.assertNotIn("s3cret", text)
        pairs = Fields(text).pairs
        self.assertIn(("servername", self.INI["serverName"]), pairs)
        self.assertEqual(dict(pairs)["passnew"], "")
        r = n.http("POST", "/admin", urllib.parse.urlencode(pairs),
                   {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://127.0.0.1:%d" % n.port,
                    "Host": "127.0.0.1:%d" % n.port, "Sec-Fetch-Site": "same-origin"})
        self.assertEqual((r.status, r.headers["location"]), (302, "/html/ja/settings.html"), r.body)
        n.stop()
        with open(n.ini_path, encoding="utf-8") as f:
            self.assertEqual(f.read(), before)

    def test_names(self):
        """Every name of the old form that is no part of a list is there, once."""
        page = self.node().get("/html/ja/settings.html").body.decode()
        for name in ("servername port passnew icymeta djmsg root brroot getupd huint pcmsg forceip serveractive htmlPath maxup "
                     "maxrelays maxdirect maxrelaypc maxcin maxsin yp deadhitage refresh chat clientactive randomizechid "
                     "public_directory auth expire logLevel allowHTML1 allowNetwork1 allowBroadcast1 allowDirect1 "
                     "transcoding_enabled preset audio_codec wmvProtocol preferredTheme accentColor").split():
            with self.subTest(name):
                self.assertEqual(page.count(' name="%s"' % name), 1)

    def test_query_of_a_post(self):
        """A command in the address with nothing in the body; what both have, the body decides."""
        n = self.node({"maxDirect": 3})
        for rest, body, left in (("maxdirect=5", b"", "5"), ("maxdirect=6", b"maxdirect=7", "7"), ("maxdirect=8", None, "8")):
            with self.subTest(rest):
                how = {"Transfer-Encoding": "chunked"} if body is None else {"Content-Length": str(len(body))}
                raw = b"0\r\n\r\n" if body is None else body
                with Client(n.port) as c:
                    c.request("POST", "/admin?cmd=apply&" + rest, how, raw, "HTTP/1.1")
                    self.assertEqual(c.read_head(), 302)
                self.assertEqual(dict(Fields(n.get("/html/en/settings.html").body.decode()).pairs)["maxdirect"], left)
        self.assertEqual(n.http("POST", "/admin", b"").status, 400)      # no command at all

    def test_written_before_the_answer(self):
        """Whatever becomes of the node after the answer, what was changed is in the ini."""
        n = self.node()
        name = 'what "they" say'
        for ask in (lambda: n.get("/admin?cmd=apply&servername=" + urllib.parse.quote(name)).status == 302,
                    lambda: n.get("/admin?cmd=applyflags&forceFirewalled=1").status == 302,
                    lambda: n.rpc("setSettings", [{"maxDirects": 11}]) is None):
            self.assertTrue(ask())
            n.kill()
            n.start()
        shown = dict(Fields(n.get("/html/en/settings.html").body.decode()).pairs)
        self.assertEqual((shown["servername"], shown["maxdirect"]), (name, "11"))
        self.assertIs(n.rpc("getState", [["servMgr"]])["servMgr"]["flags"]["forceFirewalled"]["currentValue"], True)

    def test_cannot_be_written(self):
        """Then the answer says so; the change counts, and is written when that is possible again."""
        n = self.node()
        os.rename(n.dir, n.dir + ".away")
        try:
            r = n.get("/admin?cmd=apply&maxdirect=6")
            with self.assertRaises(RpcError) as e:
                n.rpc("setSettings", [{"maxDirects": 7}])
        finally:
            os.rename(n.dir + ".away", n.dir)
        self.assertEqual((r.status, e.exception.code), (500, 0))
        self.assertIn("not in the ini", r.text)
        self.assertEqual(n.rpc("getSettings")["maxDirects"], 7)
        self.assertEqual(n.get("/admin?cmd=apply&maxdirect=7").status, 302)
        self.assertEqual(n.read_ini()["maxdirect"], "7")

    def test_a_change(self):
        """One field is changed, one box unchecked, a filter added; all else stays."""
        n = self.node({"chat": "Yes", "maxDirect": 3})
        pairs = Fields(n.get("/html/en/settings.html").body.decode()).pairs
        empty = [k for k, v in pairs if k.startswith("filt_ip") and v == ""][0]
        pairs = [(k, "8" if k == "maxdirect" else "192.0.2.0/24" if k == empty else v) for k, v in pairs if k != "chat"]
        pairs.insert([k for k, v in pairs].index(empty) + 1, (empty.replace("ip", "bn"), "1"))
        self.assertEqual(n.http("POST", "/admin", urllib.parse.urlencode(pairs)).status, 302)
        again = Fields(n.get("/html/en/settings.html").body.decode()).pairs
        self.assertEqual(dict(again)["maxdirect"], "8")
        self.assertNotIn("chat", dict(again))
        self.assertIn((empty, "192.0.2.0/24"), again)
        self.assertIn((empty.replace("ip", "bn"), "1"), again)
        self.assertIn(("allowHTML1", "1"), again)
        # a bad value: nothing of it counts
        bad = [(k, "99999" if k == "port" else "9" if k == "maxdirect" else v) for k, v in again]
        self.assertEqual(n.http("POST", "/admin", urllib.parse.urlencode(bad)).status, 400)
        self.assertEqual(Fields(n.get("/html/en/settings.html").body.decode()).pairs, again)


class Scraper(NetCase):
    """YP sites from another machine: Basic, no cookies, XML or nothing."""

    def test_basic(self):
        root = self.root({"password": "s3cret"})
        far = self.machine()

        def ask(headers):
            with far.inside(), Client(root.port, root.host) as c:
                c.request("GET", "/admin?cmd=viewxml", headers)
                c.read_head()
                return c.status, c.headers, c.read_all()

        status, headers, body = ask({"User-Agent": "Go-http-client/1.1"})
        self.assertEqual(status, 401)           # not a page to log in, which no XML parser understands
        self.assertIn("www-authenticate", headers)
        status, headers, body = ask({"User-Agent": "Ruby", "Accept": "*/*", **BASIC})
        self.assertEqual((status, headers["content-type"]), (200, "text/xml"))
        self.assertEqual(xml.etree.ElementTree.fromstring(body).tag, "peercast")
        bad = {"Authorization": "Basic " + base64.b64encode(b"admin:guess").decode()}
        for _ in range(5):
            self.assertEqual(ask(bad)[0], 401)
        self.assertEqual(ask(bad)[0], 429)
        self.assertEqual(root.get("/admin?cmd=viewxml").status, 200)    # others are not kept out by him


if __name__ == "__main__":
    unittest.main()
