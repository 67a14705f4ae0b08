# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of a root that everybody may see, in a real browser: the list, a channel's day, the public pages."""
import os
import sqlite3
import time

from browser import BrowserCase
from harness import new_id, wait_until

HOSTILE = "<img src=x onerror=alert(1)> &amp; 'x'"
NAMES = """return [...document.querySelectorAll("#channels .name")].map((e) => e.textContent);"""


class RootPages(BrowserCase):
    def wait_names(self, names):
        wait_until(lambda: self.js(NAMES) == names, 20, lambda: "%s, but %s" % (names, self.js(NAMES)))

    def test_list_and_public(self):
        root = self.root({"publicDirectory": "Yes", "ypName": "試験YP", "ypGenrePrefix": "yp", "ypInfoLine": "No"})
        c = self.control(root)
        for name, genre, listeners, url in (("雑談", "yp雑談", 3, "http://bbs.example/a/"), (HOSTILE, "ypgame", 9, "javascript:alert(1)"),
                                            ("限定", "yp@@?x", 5, "")):
            c.announce(new_id(), name=name, genre=genre, listeners=listeners, relays=1, url=url, desc="説明 %d" % listeners,
                       comment="コメント", bitrate=500)
            wait_until(lambda n=name: n in root.get("/api/index.json").text or "onerror" in root.get("/api/index.json").text)
        wait_until(lambda: len(root.get("/api/index.json").json()["channels"]) == 3, what="three channels")
        self.size(1280)
        self.open(root, "/yp/?lang=ja")
        self.wait_text("#name", "試験YP")
        wait_until(lambda: len(self.js(NAMES)) == 3, what="three cards")
        self.js("""const o = document.getElementById("order"); o.value = "listeners"; o.dispatchEvent(new Event("change"));""")
        self.wait_names([HOSTILE, "雑談", "限定"])
        self.assertEqual(len(self.js("return [...document.querySelectorAll('.contact[href]')];")), 1)
        self.shots("yp")
        self.fill("#find", "雑談 説明")
        self.wait_names(["雑談"])
        self.fill("#find", "nothing")
        self.wait("#nomatch")
        # Play leads to the reader's own node
        self.fill("#node", "localhost:8144")
        self.fill("#find", "雑談")
        self.wait_names(["雑談"])
        self.assertRegex(self.js('return document.querySelector(".play").href;'), "^http://localhost:8144/pls/[0-9A-F]{32}")
        self.click("#language")
        self.wait_text("#language", "日本語")
        # the same for who plays here
        self.open(root, "/public/")
        wait_until(lambda: len(self.js(NAMES)) == 2, what="two cards: one is not for everybody")
        self.assertIn(HOSTILE, self.js(NAMES))
        self.shots("public")

    def test_history(self):
        root = self.root({"ypGenrePrefix": "yp"})
        c = self.control(root)
        c.announce(new_id(), name=HOSTILE, genre="yp" + HOSTILE, listeners=3, relays=1, desc="説明", bitrate=500)
        wait_until(root.chanlog, what="the announcement")
        root.stop()
        now = int(time.time()) // 60 * 60
        with sqlite3.connect(os.path.join(root.dir, "history.sqlite")) as db:
            channel, info = db.execute("SELECT channel, info FROM sample").fetchone()
            db.executemany("INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?, 500, ?)", [
                (channel, now - 60 * i, 20 + (i * 7) % 11 - i // 30, 5 + i % 3, max(300 - i, 0) * 60, info) for i in range(300)])
        root.start()
        for lang in ("en", "ja"):
            self.open(root, "/getgmt.php?lang=%s&cn=%s" % (lang, "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%20%26amp%3B%20'x'"))
            self.assertIn(HOSTILE, self.wait("h1"))
            self.wait_js('return document.querySelector(".chart polyline")?.getBoundingClientRect().width > 100;')
            self.shots("history")
