# SPDX-License-Identifier: GPL-2.0-or-later
"""The first page, in a real browser."""
from browser import BrowserCase
from harness import wait_until

HOSTILE = "雑談 <b onclick=alert(1)>&amp; \"more\" <script>document.title='x'</script>"


class Home(BrowserCase):
    def test_what_runs_here(self):
        root = self.root()
        node = self.tracker(root, {"maxDirect": 10})
        self.push(node, name=HOSTILE, type="FLV", genre="talk", desc="\"quoted\" 'text'", comment="<i>")
        chan = node.wait_channel(HOSTILE)
        viewer = node.view(chan["channelId"])
        self.addCleanup(viewer.close)
        wait_until(lambda: any(c["channels"] and c["channels"][0]["status"] == "Connected" for c in node.rpc("getYellowPages")))
        # one slot is full
        wait_until(lambda: sum(node.rpc("getTraffic")["all"]["in"]) > 0, 20, "traffic")
        for lang, connected, port in (("en", "connected", "open|closed|not tested"), ("ja", "接続済み", "開放|未開放|未確認")):
            with self.subTest(lang):
                self.open(node, "/html/%s/index.html" % lang)
                # what came from outside is text
                self.assertEqual(self.wait_text("#channels .name", "雑談"), HOSTILE)
                self.assertEqual(self.find("#channels b, #channels i, #channels script"), [])
                self.wait_text("#yp-state", connected)
                self.wait_text("#port-state", port)
                self.assertEqual(self.js("return document.querySelectorAll('#graph .line').length;"), 2)
                self.wait_text("#rate-in", r"\d")
                self.shots("home")
        # the other language, and back to the same place
        self.click(".language")
        self.wait_text(".language", "日本語")
        self.assertIn("/html/en/index.html", self.url())
        # the port's test
        self.click("#port-test")
        self.wait_text("#port-state", "open")
        self.wait_text("#port-reason", "could reach")

    def test_follows_what_happens(self):
        node = self.node()
        self.open(node, "/html/en/index.html")
        self.wait("#empty")
        self.shots("home-empty")
        self.js("window.same = true; document.querySelector('#port-test').focus();")
        push = self.push(node, name="one")
        self.wait_text("#channels .name", "^one$")
        self.push(node, name="two")
        self.wait_text("#channels .name", "^two$")
        push.stop()
        node.rpc("stopChannel", [node.find_channel("one")["channelId"]])
        wait_until(lambda: self.shown("#channels .name") == ["two"])
        self.assertTrue(self.js("return window.same && document.activeElement.id === 'port-test';"), "the page was loaded anew")
