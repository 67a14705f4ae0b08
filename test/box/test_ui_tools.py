# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages about the node at work, in a real browser: log, notifications, console, connections, speed test, the end."""
from browser import BrowserCase
from harness import wait_until

WAIT = 25
EVIL = "<img src=x onerror=alert(1)>"


class Tools(BrowserCase):
    def both(self, node, page, ready):
        """Screenshots of a page in both languages."""
        for lang in ("ja", "en"):
            self.open(node, "/html/%s/%s.html" % (lang, page))
            self.wait(ready)
            self.shots(page.split(".")[0])

    def test_log(self):
        n = self.node({"logLevel": 3})
        self.both(n, "viewlog", "#lines li")
        self.push(n, name=EVIL)
        n.wait_channel(EVIL)
        self.wait_text("#lines li", "onerror=alert")
        self.assertFalse(self.find("#lines img"))
        self.fill("#find", "no line has this")
        self.wait_gone("#lines li")
        self.wait_text("#count", "^0 of")
        self.fill("#find", "onerror")
        self.wait_text("#lines li", "onerror")
        self.choose("#least", "4")
        self.wait_gone("#lines li")
        self.choose("#level", "2")
        self.wait_text("#said", "Saved")
        wait_until(lambda: n.rpc("getLogSettings")["level"] == 5, WAIT, "level")
        self.click("#clear")
        self.confirm()
        self.wait_js("return document.querySelectorAll('#lines li').length < 5;")

    def test_notifications(self):
        n = self.node()
        self.open(n, "/html/en/notifications.html")
        self.wait("#main")
        n.rpc("changeSettings", [{"maxDirect": 3}])
        self.wait_text("#notes .message", "Settings were changed")
        self.push(n, name=EVIL)
        n.wait_channel(EVIL)
        n.rpc("stopChannel", [n.find_channel(EVIL)["channelId"]])
        self.both(n, "notifications", "#notes li")
        self.assertFalse(self.find("#notes img"))

    def test_console(self):
        n = self.node()
        self.both(n, "console", "#line")
        self.type("#line", "echo " + EVIL)
        self.press("enter")
        self.wait_text("#out .answer", "onerror=alert")
        self.assertFalse(self.find("#out img"))
        self.type("#line", "nonsense\ue007")
        self.wait_text("#out", "No such command")
        self.type("#line", "log\ue007")
        self.wait("#stop")
        n.rpc("changeSettings", [{"maxDirect": 3}])
        self.wait_text("#out", "settings changed by")
        self.click("#stop")
        self.wait_text("#out", r"\[stopped\]")
        self.press("up")
        self.assertEqual(self.value("#line"), "log")
        self.click("#wipe")
        self.wait_gone("#out pre")

    def test_connections(self):
        n = self.node()
        self.push(n, name="mine")
        cid = n.wait_channel("mine")["channelId"]
        viewer = self.closing(n.view(cid, headers={"User-Agent": EVIL}))
        self.open(n, "/html/en/connections.html")
        self.wait_text("#connections tr", "onerror=alert")
        self.assertFalse(self.find("#connections img"))
        self.choose("#kind", "RELAY")
        self.wait_text("#none", "none")
        self.both(n, "connections", "#connections tr")
        self.open(n, "/html/en/connections.html?id=" + cid)
        self.wait_text("#of", "mine")
        self.wait_text("#connections .kind", "Player")
        self.click("#connections button")
        self.confirm()
        viewer.expect_close()
        self.wait_gone("#connections tr")

    def test_speed(self):
        n = self.node()
        self.open(n, "/html/en/speedtest.html")
        self.type("#url", "ftp://yp.example/")
        self.click("#add button")
        self.wait_text("#url-error", "not an http URL")
        self.fill("#url", "http://127.0.0.1:%d/yp4g.xml" % n.port)
        self.click("#add button")
        self.wait_text("#tests .url", str(n.port))
        self.click("#tests .look")
        self.wait_text("#tests .state", "failed")
        self.both(n, "speedtest", "#tests li")
        self.click("#tests .remove")
        self.confirm()
        self.wait("#none")

    def test_broadcast_id(self):
        n = self.node()
        was = n.rpc("getState", [["chanMgr"]])["chanMgr"]["broadcastID"]
        self.both(n, "bcid", "#new")
        self.assertNotIn(was.lower(), self.js("return document.documentElement.outerHTML;").lower())
        self.type("#new", "xyz")
        self.wait_text("#new-error", "32 hex")
        self.click("#make")
        self.wait_gone("#new-error")
        made = self.value("#new")
        self.click('#bcid button[type="submit"]')
        self.confirm()
        self.wait_text("#said", "Saved")
        self.assertEqual(n.read_ini()["broadcastid"].lower(), made.lower())

    def test_login_and_end(self):
        """A page asks for the password and comes up then; the node ends after a question, and the page says so."""
        n = self.node({"password": "secret", "trustLocalhost": "No"})
        self.allow("status of 403|status of 401|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|api/1/events")
        for lang in ("ja", "en"):
            self.open(n, "/html/%s/logout.html" % lang)
            self.wait("#pass")
            self.shots("login")
        self.fill("#pass", "wrong")
        self.press("enter")
        self.wait_text(".notice.bad", "Wrong password")
        self.fill("#pass", "secret")
        self.press("enter")
        self.wait("#shutdown")
        self.both(n, "logout", "#shutdown")
        self.click("#shutdown")
        self.press("escape")                # no
        self.wait_gone("dialog")
        self.click("#shutdown")
        self.confirm()
        self.wait_text("#alert", "shutting down")
        self.assertEqual(n.expect_exit(), 0)
