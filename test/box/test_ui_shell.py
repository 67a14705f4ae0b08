# SPDX-License-Identifier: GPL-2.0-or-later
"""What every page does when something breaks, and its navigation."""
from browser import BrowserCase
from harness import wait_until

GONE = "ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_SOCKET_NOT_CONNECTED"


class Breaks(BrowserCase):
    def test_node_is_gone_and_comes_back(self):
        self.allow(GONE)
        node = self.node()
        self.push(node, name="before")
        self.open(node, "/html/en/relays.html")
        self.wait_text(".name", "^before$")
        self.js("window.same = true; document.querySelector('#start-id').value = 'typed';")
        node.stop()
        self.wait_text("#alert", "does not answer")
        self.shots("gone")
        node.start()
        self.wait_gone("#alert")
        self.wait("#empty")
        self.push(node, name="after")
        self.wait_text(".name", "^after$")
        self.assertEqual(self.value("#start-id"), "typed")
        self.assertTrue(self.js("return window.same;"))

    def test_stream_is_cut(self):
        self.allow(GONE)
        node = self.node()
        self.open(node, "/html/en/relays.html")
        self.wait("#empty")

        def streams():
            return [c["connectionId"] for c in node.rpc("getConnections")["connections"] if c["type"] == "COMMAND"]
        first = wait_until(streams)
        for c in first:
            node.rpc("endConnection", [c])
        wait_until(lambda: set(streams()) - set(first), 30, "another event stream")
        self.assertEqual(self.shown("#alert"), [])
        self.push(node, name="later")
        self.wait_text(".name", "^later$")

    def test_login_is_lost(self):
        self.allow("status of 403|status of 401|MIME type")
        node = self.node({"password": "very secret", "trustLocalhost": "No"})
        self.open(node, "/html/ja/relays.html?x=1")
        self.fill("#pass", "wrong")
        self.press("enter")
        self.wait_text("[role=alert]", "違います")
        self.shots("login")
        self.fill("#pass", "very secret")
        self.press("enter")
        self.wait("#empty")
        self.assertIn("/html/ja/relays.html?x=1", self.url())
        cookies = self.browser.call("GET", "/cookie")
        node.http("POST", "/admin", b"cmd=logout", {"Cookie": "; ".join("%s=%s" % (c["name"], c["value"]) for c in cookies),
                                                    "Content-Type": "application/x-www-form-urlencoded"})
        # what is done next says so, and leads back to the same page
        self.fill("#start-id", "0" * 31 + "1")
        self.press("enter")
        self.wait_text("#alert", "ログイン")
        self.click("#alert a")
        self.fill("#pass", "very secret")
        self.press("enter")
        self.wait("#empty")
        self.assertIn("/html/ja/relays.html?x=1", self.url())
        self.assertEqual(self.shown("#alert"), [])


class Navigation(BrowserCase):
    def test_by_keyboard_and_on_a_phone(self):
        node = self.node()
        self.size(360, 740)
        self.open(node, "/html/en/index.html")
        self.wait("#empty")
        # the first stop leads past the navigation
        self.press("tab")
        self.assertEqual(self.js("return document.activeElement.className;"), "skip")
        self.press("enter")
        self.assertEqual(self.js("return document.activeElement.id;"), "main")
        # the rest of the pages is behind a button
        self.assertEqual(self.shown("#more"), [])
        self.click("button[popovertarget=more]")
        self.wait("#more")
        self.shot("menu-en-360-light")
        self.press("escape")
        self.wait_gone("#more")
        self.click("button[popovertarget=more]")
        self.click('#more a[href$="/viewlog.html"]')
        self.wait_js("return location.pathname.endsWith('/viewlog.html');")
        self.size(1280)
        self.wait("#more")
        self.assertEqual(self.js("return document.querySelector('nav [aria-current=page]').pathname;"), "/html/en/viewlog.html")
        self.assertEqual(self.shown(".phone"), [])
