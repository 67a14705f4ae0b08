# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of all channels here, in a real browser."""
from browser import BrowserCase
from harness import new_id, wait_until

HOSTILE = "<img src=x onerror=alert(1)>"


class Relays(BrowserCase):
    def test_channels_and_what_to_do_with_them(self):
        source, node = self.node(), self.node({"maxDirect": 5}, name="relay")
        self.push(source, name=HOSTILE, url="javascript:alert(1)", genre="game", desc="実況")
        far = source.wait_channel(HOSTILE)["channelId"]
        viewer = node.view(far, "?tip=" + source.address)
        self.addCleanup(viewer.close)
        node.wait_channel(HOSTILE)
        self.push(node, name="mine", url="https://example.org/", desc="our own")
        mine = node.wait_channel("mine")["channelId"]
        for lang in ("ja", "en"):
            self.open(node, "/html/%s/relays.html" % lang)
            self.wait_text("#channels .name", "^mine$")
            wait_until(lambda: HOSTILE in self.shown("#channels .name"))
            wait_until(lambda: node.find_channel(cid=mine)["status"]["recvRate"] > 0, 20)
            self.shots("relays")
        self.assertEqual(self.find("#channels img"), [])
        # an address that is none of the web is no link
        self.assertEqual(self.js("return [...document.querySelectorAll('.contact')].filter((a) => a.checkVisibility()).map((a) => a.href);"),
                         ["https://example.org/"])
        # of ours the texts can be edited, of others the source changed
        self.assertEqual((len(self.shown(".edit")), len(self.shown(".bump")), len(self.shown(".keep"))), (1, 1, 1))
        # kept, and no longer
        self.click(".keep")
        wait_until(lambda: node.find_channel(cid=far)["status"]["isKept"])
        self.click(".keep")
        wait_until(lambda: not node.find_channel(cid=far)["status"]["isKept"])
        since = node.err.count()
        self.click(".bump")
        self.wait_text("#said", "another source")
        self.assertTrue(node.wait_log("bumped", since=since))
        # asked first; no is no
        self.click(".stop")
        self.wait("dialog h2")
        self.shots("relays-stop")
        self.click('dialog button[value="no"]')
        self.wait_gone("dialog")
        self.assertEqual(len(node.channels()), 2)
        for _ in range(2):
            self.click(".stop")
            self.confirm()
            self.wait_gone("dialog")
        self.wait("#empty")
        self.assertEqual(node.channels(), [])

    def test_by_id(self):
        node = self.node()
        self.open(node, "/html/en/relays.html")
        self.wait("#empty")
        self.fill("#start-id", "xyz")
        self.wait_text(".error", "32 hexadecimal")
        self.assertEqual(self.js("return document.querySelector('#start-id').getAttribute('aria-invalid');"), "true")
        self.fill("#start-id", "ABC")
        self.wait_gone(".error")
        self.press("enter")
        self.wait_text(".error", "32 hexadecimal")
        self.fill("#start-id", new_id())
        self.click("#start button")
        self.wait_text(".error", "Nobody is known")
