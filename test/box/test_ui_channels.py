# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of what yellow pages have on the air, and its filters, in a real browser."""
import json
import os

from browser import BrowserCase
from harness import new_id, wait_until
from test_feeds import Yp, feeds, line

WAIT = 25
NAMES = """return [...document.querySelectorAll("#rows .name")].map((e) => e.textContent);"""
HOSTILE = "<img src=x onerror=alert(1)> &amp; <b>x</b>"


def quoted(name):
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Channels(BrowserCase):
    def setUp(self):
        super().setUp()
        self.yp = Yp()
        self.addCleanup(self.yp.close)

    def listed(self, node, count):
        wait_until(lambda: len(node.rpc("getYPChannels")) == count, WAIT, "%d channels listed" % count)

    def names(self):
        return self.js(NAMES)

    def wait_names(self, names):
        wait_until(lambda: self.names() == names, WAIT, lambda: "%s, but %s" % (names, self.names()))

    def rules(self, node):
        return json.loads(node.rpc("getServerStorageItem", ["channelFilters"]) or "[]")

    def test_list(self):
        """Shown, sorted, searched, marked, hidden; what is new, and what fails."""
        talk, game = new_id(), new_id()
        first = line("雑談 talk", talk, listeners=5, relays=3, genre="雑談", desc="だらだら話す", comment="初見歓迎", url="http://bbs.example/a/") + \
            line(quoted(HOSTILE), game, listeners=9, relays=1, genre="game", url="javascript:alert(1)") + \
            line("隠れ", new_id(), listeners=-1, relays=-1) + line("お知らせ", "0" * 32, tip="", listeners=-9, relays=-9)
        self.yp.list("/a/index.txt", first)
        self.yp.list("/b/index.txt", line("other", new_id(), listeners=2))
        a, b = self.yp.url("/a/index.txt"), self.yp.url("/b/index.txt")
        n = self.node(blocks=feeds(a, b))
        self.listed(n, 5)
        self.size(1280)
        self.open(n, "/html/ja/channels.html")
        order = ["お知らせ", HOSTILE, "雑談 talk", "other", "隠れ"]
        self.wait_names(order)
        # a star, which is a rule that PeerCast-YT's pages know
        self.click('#rows tr:nth-child(3) .star')
        self.wait_names(["お知らせ", "雑談 talk", HOSTILE, "other", "隠れ"])
        rule = self.rules(n)[0]
        self.assertEqual((rule["name"], rule["favorite"], rule["ignore"], rule["base_search"]),
                         ("雑談 talk", True, False, {"fields": ["name"], "search": "^雑談 talk$"}))
        self.shots("channels")
        # a sort by column, both ways; the choice stays
        self.click("#titles th:nth-child(2) button")
        self.wait('#titles .name[aria-sort="ascending"]')
        self.click("#titles th:nth-child(2) button")
        self.wait_names(["お知らせ", "雑談 talk", "隠れ", "other", HOSTILE])
        self.click("#titles th:nth-child(3) button")
        self.wait_names(["お知らせ", "雑談 talk", HOSTILE, "other", "隠れ"])
        # a search over all texts
        self.fill("#find", "初見 TALK")
        self.wait_names(["雑談 talk"])
        self.fill("#find", "nothing at all")
        self.wait("#empty")
        self.js('document.getElementById("find").value = ""; document.getElementById("find").dispatchEvent(new Event("input"));')
        # one channel: all of it, and where it leads
        self.click("#rows tr:nth-child(2) .more")
        self.assertEqual(self.wait("#details-name"), "雑談 talk")
        self.assertIn(talk, self.text("#details .facts"))
        links = self.js("""return Object.fromEntries([...document.querySelectorAll("#details a[href]")].map((a) =>
            [a.className.split(" ")[0], a.getAttribute("href")]));""")
        self.assertEqual(links, {
            "play": "/html/ja/play.html?id=" + talk, "playlist": "/pls/%s?tip=192.0.2.1%%3A7144" % talk, "contact": "http://bbs.example/a/",
            "chat": self.yp.url("/a/chat.php?cn=%E9%9B%91%E8%AB%87%20talk"), "stats": self.yp.url("/a/getgmt.php?cn=%E9%9B%91%E8%AB%87%20talk"),
            "rule": "/html/ja/chanfilters.html?fav=%E9%9B%91%E8%AB%87+talk"})
        self.shots("channels-details")
        # what a channel says is text, and an address that is none is no link
        self.press("escape")
        self.wait_gone("#details")
        self.click("#rows tr:nth-child(3) .more")
        self.assertEqual(self.wait("#details-name"), HOSTILE)
        self.assertEqual(self.js('return document.querySelector("#details .contact").hasAttribute("href");'), False)
        # hidden, and shown again among the hidden
        self.click("#details .hide")
        self.wait_text("#details .hide", "再表示")
        self.press("escape")
        self.wait_names(["お知らせ", "雑談 talk", "other", "隠れ"])
        self.click("#groups button:last-child")
        self.wait_names([HOSTILE])
        self.click("#groups button:nth-child(2)")
        self.wait_names(["雑談 talk"])
        self.click("#groups button:nth-child(1)")
        # a column less
        self.click('[popovertarget="columns"]')
        self.click("#column-bitrate")
        self.wait_js("""return !document.querySelector('#rows [data-column="bitrate"]').checkVisibility();""")
        self.press("escape")
        # a channel comes: the node tells, and a reader who was here before sees that it is new
        self.js("""const v = JSON.parse(localStorage.getItem("channels.visit")); v.at = 1; v.before = null;
            localStorage.setItem("channels.visit", JSON.stringify(v));""")
        self.yp.list("/a/index.txt", first + line("新番組", new_id(), listeners=1))
        self.yp.pages.pop("/b/index.txt")
        self.yp.list("/c/index.txt", "")
        n.rpc("changeSettings", {"settings": {}, "feeds": [{"url": u} for u in (a, b, self.yp.url("/c/index.txt"))]})
        self.wait_text("#rows .name", "新番組")
        self.wait_text("#feeds .notice", "cannot be read|取得できません")
        self.js("""const v = JSON.parse(localStorage.getItem("channels.visit"));
            v.ids = v.ids.filter((id) => id !== arguments[0]); v.at = 1; sessionStorage.setItem("v", JSON.stringify(v));""",
                next(c["channelId"][:8] for c in n.rpc("getYPChannels") if c["name"] == "新番組"))
        self.open(n, "/html/en/login.html")
        self.js('localStorage.setItem("channels.visit", sessionStorage.getItem("v"));')
        self.open(n, "/html/en/channels.html")
        self.wait_text("#rows .new", "new")
        self.assertEqual(len(self.shown("#rows .new")), 1)
        self.assertFalse(self.shown('#rows [data-column="bitrate"]'))
        self.shots("channels-new")

    def test_many(self):
        """Ten thousand rows: those that are seen are there, and it is quick."""
        self.yp.list("/a/index.txt", "".join(line("channel %05d" % i, listeners=10000 - i) for i in range(9999)))
        n = self.node(blocks=feeds(self.yp.url("/a/index.txt")))
        self.listed(n, 9999)
        self.open(n, "/html/en/channels.html")
        self.wait_text("#count", "9,999")
        self.assertLess(len(self.find("#rows tr")), 60)
        self.js("scrollTo(0, document.documentElement.scrollHeight);")
        self.wait_text("#rows .name", "channel 09998")
        self.assertLess(len(self.find("#rows tr")), 60)
        took = self.js("""const t = performance.now(); const find = document.getElementById("find");
            find.value = "0777"; find.dispatchEvent(new Event("input")); return performance.now() - t;""")
        self.assertEqual(len(self.names()), 11)
        self.assertLess(took, 1000)

    def test_without_feeds(self):
        n = self.node()
        n.rpc("changeSettings", {"settings": {}, "feeds": []})
        self.open(n, "/html/en/channels.html")
        self.wait("#nofeeds a")

    def wait_rules(self, node, names):
        wait_until(lambda: [r["name"] for r in self.rules(node)] == names, WAIT, names)

    def test_filters(self):
        self.yp.list("/index.txt", line("game A", listeners=3, genre="game") + line("game B", listeners=2, genre="talk"))
        n = self.node(blocks=feeds(self.yp.url("/index.txt")))
        self.listed(n, 2)
        # what PeerCast-YT's pages have kept, with something we do not know
        n.rpc("setServerStorageItem", ["channelFilters", json.dumps([{
            "enabled": True, "name": "古い <b>", "favorite": True, "ignore": False, "base_search": {"fields": ["name", "x"], "search": "A$"},
            "and_search": {"enabled": False, "fields": [], "search": ""}, "not_search": {"enabled": False, "fields": [], "search": ""},
            "ignore_case": True, "enable_color": True, "color": [255, 0, 0], "more": 1}])])
        self.open(n, "/html/ja/chanfilters.html")
        self.assertEqual(self.wait(".rules .name"), "古い <b>")
        # a new one: judged as it is typed
        self.click("#add")
        self.fill("#rule-name", "hide talk")
        self.fill("#rule-base_search", "game (")
        self.wait(".error")
        self.assertTrue(self.js('return document.getElementById("save").disabled;'))
        self.fill("#rule-base_search", "GAME")
        self.wait_text("#matches", "2")
        self.click("#rule-ignore")
        self.click("#rule-favorite")
        self.click("#rule-and_search-on")
        self.fill("#rule-and_search", "talk")
        self.wait_text("#matches", "ありません")
        self.click("#rule-and_search-genre")
        self.wait_text("#matches", "game B")
        self.shots("chanfilters-edit")
        self.click("#save")
        self.wait_rules(n, ["古い <b>", "hide talk"])
        self.assertEqual(self.rules(n)[1]["and_search"], {"enabled": True, "fields": ["name", "genre"], "search": "talk"})
        self.assertEqual(self.rules(n)[0]["more"], 1)
        # order, change, delete
        self.click(".rules li:nth-child(2) .up")
        self.wait_rules(n, ["hide talk", "古い <b>"])
        self.click(".rules li:nth-child(2) .edit")
        self.fill("#rule-name", "新しい")
        self.click("#save")
        self.wait_rules(n, ["hide talk", "新しい"])
        # a file of PeCaRecorder
        path = os.path.join(n.dir, "Filter.xml")
        with open(path, "w", encoding="cp932") as f:
            f.write("""<?xml version="1.0" encoding="shift_jis"?><filters>
                <item enable="true" favorite="true" ignore="false" name="輸入 &lt;i&gt;"><common enableBg="true" bg="16711935"/><option icase="false"/>
                <base><search>^x</search><normal channelName="true" genre="false"/><extra type="true"/></base>
                <and enable="true"><search>y</search><normal detail="true"/><extra/></and>
                <not enable="false"><search/><normal/><extra/></not></item></filters>""")
        self.type("#file", path)
        self.wait_text("dialog[open] p", "輸入 <i>")
        self.confirm()
        self.wait_rules(n, ["hide talk", "新しい", "輸入 <i>"])
        got = self.rules(n)[2]
        self.assertEqual((got["base_search"], got["and_search"], got["color"], got["enable_color"], got["ignore_case"]), (
            {"fields": ["name", "contentTypeStr"], "search": "^x"}, {"enabled": True, "fields": ["desc"], "search": "y"}, [255, 0, 255], True, False))
        self.shots("chanfilters")
        with open(path, "w", encoding="utf-8") as f:
            f.write("<filters><item")
        self.allow(r"filters\.js \d+ Applying inline style")        # of Chromium's own words on the fault
        self.type("#file", path)
        self.wait_text("#said", "XML")
        self.click(".rules li:nth-child(3) .delete")
        self.confirm()
        self.wait_rules(n, ["hide talk", "新しい"])
        # somebody else has changed them: nothing is lost
        n.rpc("setServerStorageItem", ["channelFilters", "[]"])
        self.click(".rules li:nth-child(2) .up")
        self.wait_text("#said", "別の画面")
        self.assertEqual(self.rules(n), [])
        # what is kept cannot be read
        n.rpc("setServerStorageItem", ["channelFilters", "{["])
        self.open(n, "/html/en/chanfilters.html?fav=" + "%3Cb%3Ea.b")
        self.wait_text("#broken", "cannot be read")
        self.assertTrue(self.js('return document.getElementById("add").disabled;'))
        self.click("#anew")
        self.confirm()
        self.wait_gone("#broken")
        self.assertEqual(n.rpc("getServerStorageItem", ["channelFilters"]), "[]")
        # from the list of channels: a filter for that one
        self.open(n, "/html/en/chanfilters.html?fav=%3Cb%3Ea.b")
        self.wait("#editor")
        self.assertEqual((self.value("#rule-name"), self.value("#rule-base_search")), ("<b>a.b", "^<b>a\\.b$"))

    def test_node_restarted_and_login_lost(self):
        """The page says so, and goes on by itself, or after the login where it was."""
        self.yp.list("/a/index.txt", line("one", listeners=1))
        n = self.node({"password": "pw", "trustLocalhost": "No"}, blocks=feeds(self.yp.url("/a/index.txt")))
        self.allow("Failed to load resource|ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY")

        def login():
            self.fill('[name="pass"]', "pw")
            self.click('[type="submit"]')
            self.wait_text("#rows .name", "one")
        self.size(1280)
        self.open(n, "/html/ja/channels.html")
        login()
        n.stop()
        self.wait_text("#alert", "応答しません")
        self.assertEqual(self.names(), ["one"])
        n.start()
        self.wait_text("#alert", "ログイン")
        self.click("#alert a")
        self.wait('[name="pass"]')
        login()
        self.assertIn("/html/ja/channels.html", self.url())
