# SPDX-License-Identifier: GPL-2.0-or-later
"""A real browser for the tests of the pages: Chromium, driven by chromedriver over the W3C WebDriver protocol.

    class Home(BrowserCase):
        def test_says_what_runs(self):
            node = self.node()
            self.open(node, "/html/en/index.html")
            self.wait_text("h1", "Home")
            self.click("#more-button")
            self.shots("home")                  # build/screenshots/home-en-360-light.png ...

One browser serves a class. Errors a page writes to its console and violations of its Content-Security-Policy are
collected, and fail the test at its end; self.allow(pattern) excuses what a test provokes (a node that is gone).
Without Chromium or chromedriver, and under sanitizers (they would wait for a program that is not ours), these
tests are skipped.
"""
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from harness import PATIENCE, PEERCAST, TOP, BoxCase, deadline, free_port, wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
SHOTS = os.path.join(TOP, "build/screenshots")
SANITIZED = re.search(r"/(gcc|clang)-[a-z,-]*(address|thread|undefined)", PEERCAST) is not None
WAIT = 20.0
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
BACKSPACE = "\ue003"
KEYS = {"enter": "\ue007", "tab": "\ue004", "escape": "\ue00c", "left": "\ue012", "right": "\ue014", "down": "\ue015", "up": "\ue013"}


def knows_itself():
    """chromedriver calls its browser by the name of this machine; without /etc/hosts there may be none."""
    try:
        return socket.gethostbyname("localhost") != ""
    except OSError:
        return False


why_not = "Chromium and chromedriver are not installed" if not (CHROMIUM and DRIVER) else \
    "a browser is not for sanitizers" if SANITIZED else None if knows_itself() else \
    "localhost has no address here, and chromedriver wants one"

# Runs in every page before its own scripts.
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
    window.__violations.push(`${e.violatedDirective}: ${e.blockedURI} at ${e.sourceFile}:${e.lineNumber}`));
"""


class WebDriverError(AssertionError):
    pass


class Browser:
    """A chromedriver with one session of Chromium."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="peercast-browser-")
        self.port = free_port()
        env = dict(os.environ, HOME=self.dir, XDG_CONFIG_HOME=self.dir, XDG_CACHE_HOME=self.dir, TMPDIR=self.dir)
        env.pop("DISPLAY", None)
        self.log = open(os.path.join(self.dir, "driver.log"), "wb")
        self.proc = subprocess.Popen([DRIVER, "--port=%d" % self.port], stdin=subprocess.DEVNULL, stdout=self.log,
                                     stderr=self.log, env=env)
        self.session = None
        try:
            wait_until(self._is_up, WAIT, "chromedriver")
            self.session = self._start()
            self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        except BaseException:
            self.close()
            raise

    def _is_up(self):
        if self.proc.poll() is not None:
            raise AssertionError("chromedriver ended with %s" % self.proc.returncode)
        try:
            return self._call("GET", "/status")["ready"]
        except (urllib.error.URLError, ConnectionError):
            return False

    def _start(self):
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
                "--autoplay-policy=no-user-gesture-required", "--hide-scrollbars", "--lang=en", "--window-size=1280,900", "--user-data-dir=" + self.dir + "/profile"]
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": CHROMIUM, "args": args},
            "timeouts": {"pageLoad": int(WAIT * PATIENCE * 1000), "script": int(WAIT * PATIENCE * 1000)}}}})
        return answer["sessionId"]

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        except (OSError, WebDriverError):
            pass
        self.proc.terminate()
        try:
            self.proc.wait(5)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _call(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), data, {"Content-Type": "application/json"},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=60 * PATIENCE) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            value = json.load(e).get("value", {})
            raise WebDriverError("%s: %s" % (value.get("error"), value.get("message", "").split("\n")[0])) from None

    def call(self, method, path, body=None):
        return self._call(method, "/session/%s%s" % (self.session, path), body)

    def cdp(self, command, **params):
        """A command of Chromium's own protocol: what WebDriver has no word for."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})


@unittest.skipIf(why_not, why_not)
class BrowserCase(BoxCase):
    """A test of a page. The browser starts with the first page and ends with the class."""

    _browser = None

    def setUp(self):
        super().setUp()
        self.allowed = []

    def tearDown(self):
        # before the nodes are stopped
        self._check()
        super().tearDown()

    @classmethod
    def tearDownClass(cls):
        if cls._browser:
            cls._browser.close()
            cls._browser = None
        super().tearDownClass()

    @property
    def browser(self):
        cls = type(self)
        if cls._browser is None:
            cls._browser = Browser()
        return cls._browser

    # --- what went wrong in a page -------------------------------------------------------------------

    def allow(self, pattern):
        """Lines of the console that match are no failure of this test."""
        self.allowed.append(re.compile(pattern))

    def _check(self):
        if type(self)._browser is None:
            return
        try:
            bad = self.complaints()
        finally:
            self.browser.call("POST", "/url", {"url": "about:blank"})
        self.assertEqual(bad, [], "the page complains:\n" + "\n".join(bad))

    def complaints(self):
        """Errors and warnings in the console, exceptions, and violations of the policy since the last time."""
        lines = [m["message"] for m in self.browser.call("POST", "/se/log", {"type": "browser"})
                 if m["level"] in ("SEVERE", "WARNING")]
        lines += self.js("const v = window.__violations ?? []; window.__violations = []; return v;")
        return [x for x in lines if not any(p.search(x) for p in self.allowed)]

    # --- a page ------------------------------------------------------------------------------------

    def open(self, node, path):
        self.browser.call("POST", "/url", {"url": "http://%s:%d%s" % (node.host, node.port, path)})

    def js(self, script, *args):
        """Run a function's body in the page; its result. A promise is waited for."""
        return self.browser.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def url(self):
        return self.browser.call("GET", "/url")

    def title(self):
        return self.browser.call("GET", "/title")

    def find(self, css):
        """The elements that match, shown or not."""
        return self.browser.call("POST", "/elements", {"using": "css selector", "value": css})

    def shown(self, css):
        """The texts of the elements that match and are shown."""
        return self.js("""return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())
            .map((e) => e.innerText.replace(/\\s+/g, " ").trim());""", css)

    def text(self, css):
        """The text of the first that is shown."""
        found = self.shown(css)
        self.assertTrue(found, "%s is not shown" % css)
        return found[0]

    def wait(self, css, seconds=WAIT):
        """Until it is shown; its text."""
        return wait_until(lambda: self.shown(css), seconds, "%s in %s" % (css, self.url()))[0]

    def wait_gone(self, css, seconds=WAIT):
        wait_until(lambda: not self.shown(css), seconds, "no %s in %s" % (css, self.url()))

    def wait_text(self, css, pattern, seconds=WAIT):
        """Until one of those shown matches; its text."""
        end = deadline(seconds)
        while True:
            texts = self.shown(css)
            for text in texts:
                if re.search(pattern, text):
                    return text
            self.assertLess(time.monotonic(), end, "%s has no %r but %r in %s" % (css, pattern, texts, self.url()))
            time.sleep(0.03)

    def wait_js(self, script, *args, seconds=WAIT):
        """Until the function returns something true; that."""
        return wait_until(lambda: self.js(script, *args), seconds, script)

    # --- hands ---------------------------------------------------------------------------------------

    def _one(self, css):
        self.wait(css)
        return next(e[ELEMENT] for e in self.find(css)
                    if self.js("return arguments[0].checkVisibility();", e))

    def click(self, css):
        """A real click in its middle. What moves, or is covered for a moment, is tried again, in the middle of the page."""
        end = deadline(WAIT)
        while True:
            try:
                self.browser.call("POST", "/element/%s/click" % self._one(css), {})
                return
            except WebDriverError as e:
                if time.monotonic() >= end or not re.match("element click intercepted|stale element|element not interactable", str(e)):
                    raise
                self.js("document.querySelector(arguments[0])?.scrollIntoView({ block: 'center' });", css)
                time.sleep(0.05)

    def fill(self, css, text):
        """Replace what is in a field, key by key."""
        element = self._one(css)
        self.js("arguments[0].focus(); arguments[0].select();", {ELEMENT: element})
        self.browser.call("POST", "/element/%s/value" % element, {"text": text or BACKSPACE})

    def type(self, css, text):
        """Keys into an element; KEYS has names for others."""
        self.browser.call("POST", "/element/%s/value" % self._one(css), {"text": text})

    def choose(self, css, value):
        """An option of a select."""
        self.wait(css)
        option = self.find('%s option[value="%s"]' % (css, value))[0][ELEMENT]
        self.browser.call("POST", "/element/%s/click" % option, {})

    def press(self, key):
        """One key, to what has the focus."""
        key = KEYS.get(key, key)
        self.browser.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def value(self, css):
        return self.js("return document.querySelector(arguments[0]).value;", css)

    def confirm(self):
        """Yes to the page's question."""
        self.click('dialog[open] button[value="yes"]')

    # --- looks ---------------------------------------------------------------------------------------

    def size(self, width, height=800):
        self.browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def scheme(self, name):
        """light or dark"""
        self.browser.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def too_wide(self):
        """Elements that stick out of the page at the side; nothing must, outside of what scrolls by itself."""
        return self.js("""
            const w = document.documentElement.clientWidth;
            const scrolls = (e) => e && (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
            return [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > w + 1 &&
                !e.closest(".skip, .unseen, svg") && !scrolls(e.parentElement)).map((e) => `${e.tagName}.${e.className}#${e.id}`);""")

    def shot(self, name):
        """The whole page, for a person to look at."""
        os.makedirs(SHOTS, exist_ok=True)
        height = self.js("return document.documentElement.scrollHeight;")
        width = self.js("return document.documentElement.clientWidth;")
        self.size(width, max(min(height, 4000), 400))
        with open(os.path.join(SHOTS, name + ".png"), "wb") as f:
            f.write(base64.b64decode(self.browser.call("GET", "/screenshot")))

    def shots(self, name):
        """At 360 and 1280 px, one of them light and one dark, the other way round in Japanese (SHOTS=all: all four of
        each); nothing sticks out."""
        lang = self.js("return document.documentElement.lang;")
        first = "light" if lang == "en" else "dark"
        try:
            for width, height in ((360, 740), (1280, 800)):
                for scheme in ("light", "dark"):
                    if (scheme == first) != (width == 360) and os.environ.get("SHOTS") != "all":
                        continue
                    self.size(width, height)
                    self.scheme(scheme)
                    self.assertEqual(self.too_wide(), [], "%s at %d px" % (name, width))
                    self.shot("%s-%s-%d-%s" % (name, lang, width, scheme))
        finally:
            self.scheme("light")
            self.size(1280)
