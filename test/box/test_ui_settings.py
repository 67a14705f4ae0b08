# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of settings and flags, in a real browser."""
import os
import re
import socket
import unittest

from browser import BrowserCase
from harness import TOP, free_port, wait_until

WAIT = 25


class Tokens(unittest.TestCase):
    def test_a_chosen_theme_is_the_systems(self):
        """The colours stand twice in the style, and are the same."""
        with open(os.path.join(TOP, "http/ui/style.css"), encoding="utf-8") as f:
            css = f.read()

        def tokens(head):
            block = css[css.index(head) + len(head):]
            return dict(re.findall(r"(--[a-z-]+): ([^;]+);", block[:block.index("}")]))
        light = tokens("\n:root {")
        dark = tokens("(prefers-color-scheme: dark) {\n\t:root {")
        light.pop("--radius")
        self.assertEqual(tokens(':root[data-theme="light"] {'), light)
        self.assertEqual(tokens(':root[data-theme="dark"] {'), dark)
        for accent in ("orange", "magenta", "cyan"):
            self.assertEqual(tokens(':root[data-accent="%s"]:not([data-theme="light"]) {' % accent),
                             tokens(':root[data-theme="dark"][data-accent="%s"] {' % accent))


class Settings(BrowserCase):
    def setting(self, node, key):
        return next(k for s in node.rpc("describeSettings")["sections"] for k in s["settings"] if k["key"] == key)

    def test_edit_and_save(self):
        n = self.node({"password": "hunter2"})
        self.open(n, "/html/en/settings.html")
        self.wait("#set-maxDirect")
        self.assertNotIn("hunter2", self.js("return document.documentElement.outerHTML;"))
        self.assertFalse(self.shown("#bar"))
        # bad input is said at the field, as it is typed, in the page's words or in the node's
        self.fill("#set-serverPort", "99999")
        self.wait_text("#set-serverPort-error", "between 1 and 65535")
        self.fill("#set-bindAddress", "here")
        self.wait_text("#set-bindAddress-error", "not an IP address")
        self.wait_text("#changes", "2 to be mended")
        self.click("#save")
        self.wait_text("#said", "Nothing was saved")
        self.assertEqual(self.setting(n, "serverPort")["value"], n.port)
        self.fill("#set-bindAddress", "")
        self.fill("#set-serverPort", str(n.port))
        self.wait_gone("#bar")
        # what is right is saved at once, all of it
        self.fill("#set-maxDirect", "7")
        self.fill("#set-serverName", "雑談 <b>")
        self.click("#set-publicDirectory")
        self.choose("#set-authType", "http-basic")
        self.wait_text("#changes", "4 changes")
        self.click("#save")
        self.wait_text("#said", "Saved")
        self.wait_gone("#bar")
        now = {k: self.setting(n, k)["value"] for k in ("maxDirect", "serverName", "publicDirectory", "authType")}
        self.assertEqual(now, {"maxDirect": 7, "serverName": "雑談 <b>", "publicDirectory": True, "authType": "http-basic"})
        self.assertEqual(n.read_ini()["maxdirect"], "7")
        # what somebody else changes shows up, what is being typed stays
        self.fill("#set-rootMsg", "half a sen")
        n.rpc("changeSettings", [{"maxDirect": 9}])
        self.wait_js("return document.querySelector('#set-maxDirect').value === '9';")
        self.assertEqual(self.value("#set-rootMsg"), "half a sen")
        self.click("#discard")
        self.wait_gone("#bar")
        self.assertEqual(self.value("#set-rootMsg"), "")

    def test_dangers(self):
        """What shuts the reader out is asked for; a port that is taken is told of; another one is gone to."""
        n = self.node({"rtmpKey": "livekey7"})
        self.open(n, "/html/en/settings.html")
        self.wait("#set-allowHTML")
        self.click("#set-allowHTML")
        self.click("#save")
        self.wait_text("dialog", "for everybody")
        self.press("escape")
        self.wait_gone("dialog")
        self.assertTrue(self.setting(n, "allowHTML")["value"])
        self.click("#discard")
        # a secret can go, unseen
        self.assertEqual(self.value("#set-rtmpKey"), "")
        self.click('[data-key="rtmpKey"] .secret button')
        self.wait_text("#changes", "1 changes")
        self.click("#save")
        self.wait_text("#said", "Saved")
        self.assertEqual(n.read_ini()["rtmpkey"], "")
        self.wait_gone("#bar")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.fill("#set-serverPort", str(taken.getsockname()[1]))
            self.click("#save")
            self.wait_text("#said", "still on %d" % n.port)
        port = free_port()
        self.fill("#set-serverPort", str(port))
        self.allow("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|api/1/events")
        self.click("#save")
        wait_until(lambda: ":%d/" % port in self.url(), WAIT, "the page on the new port")
        self.wait("#set-serverPort")
        self.assertEqual(self.value("#set-serverPort"), str(port))

    def test_theme(self):
        """The looks that are chosen count at once, here and on other pages."""
        n = self.node()
        self.open(n, "/html/en/settings.html")
        self.wait("#set-preferredTheme")
        ground = "return getComputedStyle(document.body).backgroundColor + getComputedStyle(document.querySelector('a')).color;"
        light = self.js(ground)
        self.choose("#set-preferredTheme", "dark")
        self.choose("#set-accentColor", "orange")
        self.click("#save")
        self.wait_text("#said", "Saved")
        self.wait_js("return document.documentElement.dataset.theme === 'dark';")
        dark = self.js(ground)
        self.assertNotEqual(light, dark)
        self.open(n, "/html/en/flags.html")
        self.wait("#set-forceFirewalled")
        self.assertEqual(self.js(ground), dark)

    def test_lists_and_finding(self):
        n = self.node()
        self.open(n, "/html/en/settings.html")
        self.wait("#set-maxDirect")
        self.fill("#find", "filters")
        self.wait_gone("#set-maxDirect")
        self.click("#add-filter")
        self.type("#filters tr:last-child .pattern", "not an address!")
        self.wait_text("#filters .error", "not an address, network or name")
        self.click("#filters tr:last-child .ban")
        self.click("#save")
        self.wait_text("#said", "Nothing was saved")
        self.fill("#filters tr:last-child .pattern", "192.0.2.0/24")
        self.click("#save")
        self.wait_text("#said", "Saved")
        self.assertIn({"ip": "192.0.2.0/24", "ban": True, "private": False, "network": True, "direct": True},
                      n.rpc("describeSettings")["filters"])
        self.fill("#find", "yellow pages to list")
        self.click("#add-feed")
        self.type("#feeds .feed:last-child .url", "ftp://yp.example/")
        self.click("#save")
        self.wait_text("#feeds .error", "not an http or https URL")
        self.click("#feeds .feed:last-child .remove")
        self.wait_gone("#bar")
        self.fill("#find", "no such thing")
        self.wait_text("#nothing", "No setting matches")
        self.fill("#find", "live sync udp")
        self.wait("#set-livesyncPort")

    def test_password(self):
        n = self.node({"password": "old one"})
        self.open(n, "/html/en/settings.html")
        self.wait("#set-maxDirect")
        self.click("#group-password summary")
        for current, fresh, again, field, why in (("old one", "a", "b", "again", "not the same"),
                                                  ("wrong", "new one", "new one", "current", "current password is wrong")):
            self.fill("#pw-current", current)
            self.fill("#pw-new", fresh)
            self.fill("#pw-again", again)
            self.click("#pw-change")
            self.wait_text("#pw-%s-error" % field, why)
        self.fill("#pw-current", "old one")
        self.click("#pw-change")
        self.wait_text("#said", "password is changed")
        self.assertTrue(n.read_ini()["password"].startswith("$pbkdf2-sha256$"))
        self.assertEqual(self.value("#pw-new"), "")

    def test_login_lost_while_typing(self):
        """What was typed is there again after the new login, and can be saved."""
        n = self.node({"password": "secret", "trustLocalhost": "No"})
        self.allow("status of 403|status of 401|api/1/events")
        self.open(n, "/html/en/settings.html")
        self.fill("#pass", "secret")
        self.click("button[type=submit]")
        self.fill("#set-serverName", "typed before")
        self.browser.cdp("Network.clearBrowserCookies")
        self.click("#save")
        self.wait_text("#alert", "not logged in")
        self.assertEqual(self.value("#set-serverName"), "typed before")
        self.click("#alert a")
        self.fill("#pass", "secret")
        self.click("button[type=submit]")
        self.wait_js("return document.querySelector('#set-serverName')?.value === 'typed before';")
        self.click("#save")
        self.wait_text("#said", "Saved")
        wait_until(lambda: n.read_ini()["servername"] == "typed before", WAIT, "saved")

    def test_flags_and_looks(self):
        n = self.node()
        for lang, title in (("en", "Flags"), ("ja", "フラグ")):
            self.open(n, "/html/%s/flags.html" % lang)
            self.wait("#set-forceFirewalled")
            self.assertEqual(self.text("h1"), title)
            self.assertFalse(self.find("#set-serverPort"))
            self.shots("flags")
        self.click("#set-forceFirewalled")
        self.wait_text("#changes", "1")
        self.click("#save")
        self.wait_text("#said", "保存しました")
        self.assertTrue(self.setting(n, "forceFirewalled")["value"])
        for lang, word in (("en", "Port for everything"), ("ja", "すべてに使うポート")):
            self.open(n, "/html/%s/settings.html" % lang)
            self.wait_text("#set-serverPort-doc", word)
            self.fill("#set-serverPort", "0")
            self.shots("settings")
            self.fill("#set-serverPort", str(n.port))
