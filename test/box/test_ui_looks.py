# SPDX-License-Identifier: GPL-2.0-or-later
"""What all pages have in common: contrast, labels, roles, room on a small screen, weight."""
import glob
import json
import os
import re
import unittest

from browser import BrowserCase
from harness import TOP
from test_ui_texts import CALLED, catalogue, read, unquote

UI = os.path.join(TOP, "http/ui")
PAGES = sorted(os.path.basename(p)[:-5] for p in glob.glob(UI + "/pages/*.html"))
ASK_NOTHING = ("bcid", "console", "login", "logout")
OF_A_CHANNEL = ("relayinfo", "play", "editinfo", "head")

# Faults of a page as it stands, for people who do not see it well, or at all.
AUDIT = r"""
const faults = [];
const say = (what, e) => faults.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
const shown = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility({ visibilityProperty: true }));
const name = (e) => (e.getAttribute("aria-label") ?? "").trim() || (e.getAttribute("aria-labelledby") ?? "").split(" ")
    .map((id) => document.getElementById(id)?.textContent ?? "").join("").trim() || [...(e.labels ?? [])].map((l) => l.textContent).join("").trim() ||
    e.textContent.trim() || (e.getAttribute("alt") ?? "").trim() || (e.getAttribute("title") ?? "").trim();

for (const e of shown) {
    if (e.matches("input:not([type=hidden]), select, textarea, button, a[href], [role=button], [role=tab], [role=switch]") && !name(e) &&
        !(e.matches("a[href]") && e.querySelector("img[alt]:not([alt=''])")))
        say("no name", e);
    if (e.matches("img") && !e.hasAttribute("alt"))
        say("no alt", e);
    if (e.matches("select, textarea, input:not([type=hidden], [type=submit])") && !(e.labels?.length) && !e.hasAttribute("aria-label") &&
        !e.hasAttribute("aria-labelledby"))
        say("no label", e);
    if (e.matches("[tabindex]") && Number(e.getAttribute("tabindex")) > 0)
        say("tabindex", e);
    for (const key of ["aria-labelledby", "aria-describedby", "aria-controls", "for"])
        for (const id of (e.getAttribute(key) ?? "").split(" ").filter(Boolean))
            if (!document.getElementById(id))
                say(`${key} leads nowhere`, e);
}
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i)))
    faults.push(`id twice: ${id}`);
if (document.querySelectorAll("h1").length !== 1)
    faults.push(`${document.querySelectorAll("h1").length} h1`);
if (!document.querySelector("main") || !document.documentElement.lang || !document.title)
    faults.push("no main, lang or title");
let level = 0;
for (const h of shown.filter((e) => e.matches("main :is(h1, h2, h3, h4)"))) {
    const its = Number(h.tagName[1]);
    if (its > level + 1)
        say("a level of headings is left out", h);
    level = its;
}
return faults;
"""

# Texts that are hard to read: WCAG 2 AA.
CONTRAST = r"""
const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
const light = (c) => { const [r, g, b] = c.map(channel); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
function ground(e) {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
        const c = parse(getComputedStyle(at).backgroundColor);
        if (c[3] > 0)
            layers.push(c);
        if (c[3] === 1)
            break;
    }
    return layers.reverse().reduce((under, c) => over(c, under), [255, 255, 255]);
}
const faults = new Set();
for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility({ visibilityProperty: true }) || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        continue;
    const style = getComputedStyle(e);
    if (e.closest("svg, :disabled, .unseen, .skip, noscript, option") || style.opacity < 1)
        continue;
    const under = ground(e), text = over(parse(style.color), under);
    const [a, b] = [light(text), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5))
        faults.add(`${ratio.toFixed(2)}: ${e.outerHTML.slice(0, 100)}`);
}
return [...faults];
"""


def luminance(colour):
    if len(colour) == 4:
        colour = "#" + "".join(c * 2 for c in colour[1:])
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    a, b = sorted((luminance(a), luminance(b)), reverse=True)
    return (a + 0.05) / (b + 0.05)


class Tokens(unittest.TestCase):
    """The colours, wherever they are used."""
    TEXT = [(text, ground) for text in ("text", "dim", "accent", "good", "wait", "bad", "in", "out") for ground in ("bg", "card")] + \
        [("on-accent", "accent"), ("text", "field"), ("dim", "field"), ("text", "hover"), ("dim", "hover"), ("accent", "accent-soft"),
         ("good", "good-soft"), ("wait", "wait-soft"), ("bad", "bad-soft"), ("bg", "text"), ("card", "bad"), ("text", "accent-soft")]
    EDGES = [("edge", ground) for ground in ("bg", "card", "field")]        # of fields and buttons

    def test_contrast(self):
        with open(UI + "/style.css", encoding="utf-8") as f:
            blocks = re.findall(r":root \{(.*?)\}", f.read(), re.S)
        self.assertEqual(len(blocks), 2, "light and dark")
        found = [dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})\b", b)) for b in blocks]
        for name, colours in (("light", found[0]), ("dark", {**found[0], **found[1]})):
            for pairs, least in ((self.TEXT, 4.5), (self.EDGES, 3.0)):
                for a, b in pairs:
                    with self.subTest(name, colours=(a, b)):
                        self.assertGreaterEqual(contrast(colours[a], colours[b]), least)


class Pages(BrowserCase):
    def setUp(self):
        super().setUp()
        # a node without libavformat; a contact page that is no board
        self.allow(r"/hls/.*\b501\b|/cgi-bin/board\.cgi")

    def test_all(self):
        node = self.node({"isRoot": "Yes", "maxDirect": 3})
        self.push(node, name="視聴 test", genre="game", desc="A description that is long enough to need more than one line on a phone", url="https://example.org/")
        cid = node.wait_channel("視聴 test")["channelId"]
        self.closing(node.view(cid))
        for i, name in enumerate(PAGES):
            lang = ("ja", "en")[i % 2]
            path = "/html/%s/%s.html%s" % (lang, name, "?id=" + cid if name in OF_A_CHANNEL else "")
            with self.subTest(path):
                self.size(360, 740)
                self.scheme("dark")
                self.open(node, path)
                self.wait("h1")
                # asked, and shown
                if name not in ASK_NOTHING:
                    self.wait_js("return performance.getEntriesByType('resource').some((r) => r.name.endsWith('/api/1') && r.responseEnd);")
                self.assertEqual(self.js("return document.documentElement.lang;"), lang)
                self.assertEqual(self.js(AUDIT), [])
                self.assertEqual(self.js(CONTRAST), [], "dark")
                self.assertEqual(self.too_wide(), [], "at 360 px")
                self.size(1280)
                self.scheme("light")
                self.assertEqual(self.js(CONTRAST), [], "light")
                self.assertEqual(self.too_wide(), [], "at 1280 px")

    def test_pages_for_everybody(self):
        root = self.root({"publicDirectory": "Yes"})
        self.push(root, name="shown <to> all", genre="ypgame")
        cid = root.wait_channel("shown <to> all")["channelId"]
        for path in ("/yp/", "/yp/?lang=ja", "/public/index.html", "/public/play.html?id=" + cid):
            with self.subTest(path):
                self.size(360, 740)
                self.scheme("dark")
                self.open(root, path)
                self.wait_text(".name", "<to>")
                self.assertEqual(self.js(AUDIT) + self.js(CONTRAST) + self.too_wide(), [])
                self.shots("public" if "public" in path else "yp")

    def test_scripts_have_their_texts(self):
        """What is served to scripts is what they use, and all of it."""
        node = self.node()
        served = json.loads(re.fullmatch(r"export default (\{.*\});\n", node.get("/assets/texts/ja.js").text, re.S)[1])
        used = {unquote(x) for path in glob.glob(UI + "/js/*.js") for x in CALLED.findall(read(path))}
        have = catalogue()[0]
        self.assertEqual(served, {text: have[text][0] for text in used if text in have})

    def test_weight_of_the_first_page(self):
        """150 KiB with everything it loads; the second time only what has changed."""
        node = self.node()
        self.open(node, "/html/ja/index.html")
        self.wait("#empty")
        sizes = self.js("""return [performance.getEntriesByType("navigation")[0], ...performance.getEntriesByType("resource")]
            .filter((r) => !r.name.includes("/api/")).map((r) => [new URL(r.name).pathname, r.encodedBodySize]);""")
        self.assertGreater(len(sizes), 5)
        self.assertLess(sum(n for _, n in sizes), 150 * 1024, sizes)
        self.open(node, "/html/ja/logout.html")
        self.open(node, "/html/ja/index.html")
        self.wait("#empty")
        again = self.js("""return performance.getEntriesByType("resource").filter((r) => r.name.includes("/assets/"))
            .map((r) => [new URL(r.name).pathname, r.responseStatus, r.transferSize]);""")
        self.assertGreater(len(again), 4)
        self.assertLess(sum(n for _, _, n in again), 20 * 1024, again)
