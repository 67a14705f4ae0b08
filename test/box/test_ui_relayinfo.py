# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of one channel, in a real browser: a chain of three nodes, looked at from its middle."""
from browser import BrowserCase
from harness import wait_until

HOSTILE = "\"><svg onload=alert(1)> 雑談"


class Channel(BrowserCase):
    def test_middle_of_a_chain(self):
        source, node, below = (self.node({"maxDirect": 5, "maxRelays": 2}, name=name) for name in ("source", "node", "below"))
        self.push(source, name=HOSTILE, genre="game", desc="対戦")
        cid = source.wait_channel(HOSTILE)["channelId"]
        for at, tip in ((node, source), (below, node)):
            self.closing(at.view(cid, "?tip=" + tip.address))
            at.wait_channel(HOSTILE)
        # one whose address leads nowhere shall be tried once
        nowhere = "127.0.0.1:1"
        self.open(node, "/html/en/relayinfo.html?id=" + cid.lower())
        self.assertEqual(self.wait_text("h1", "雑談"), HOSTILE)
        self.wait_text("#state", "Receiving")
        self.wait_text("#source dd", source.address)
        self.wait_text("#buffer dd", r"[1-9]\d* B|iB")
        wait_until(lambda: len(self.shown("#connections tr")) == 3, 30, "source, relay, player")
        self.wait_text("#connections .type", "Relay node")
        self.wait_text("#connections .lag", "up to date|s")
        self.assertEqual(self.wait_text("#tree", "this node").count("this node"), 1)
        self.assertEqual(self.find("main svg:not(.icon)"), [])
        # the tree reaches to the node below, when that has told of itself
        self.wait_text("#tree", "(?s)this node.*:%d" % below.port, 40)
        node.rpc("bumpChannel", [cid, nowhere])
        self.wait_text("#refusals .why", "not reachable", 30)
        self.wait_text("#refusals .address", "^" + nowhere)
        self.wait_text("#state", "Receiving", 30)
        self.shots("relayinfo")
        # by hand to a known host
        since = node.err.count()
        self.wait_text("#hosts .address", source.address)
        self.click('#hosts button[aria-label*="%s"]' % source.address)
        self.wait_text("#said", "is asked")
        self.assertTrue(node.wait_log("bumped", since=since))
        # the header
        self.wait_text("#state", "Receiving", 30)
        self.click("#head-link")
        self.wait_text("#dump", "^000000 46 4c 56 01")
        self.shots("head")
        self.click("#back")
        self.wait_text("h1", "雑談")
        # who plays is cut off
        player = next(c for c in node.rpc("getChannelConnections", [cid]) if c["type"] == "direct")
        self.click('#connections button[aria-label$="%s"]' % player["remoteEndPoint"])
        self.confirm()
        wait_until(lambda: not any(c["type"] == "direct" for c in node.rpc("getChannelConnections", [cid])))
        wait_until(lambda: not any("Player" in row for row in self.shown("#connections tr")))

    def test_recording(self):
        node = self.node()
        self.push(node, name="short")
        cid = node.wait_channel("short")["channelId"]
        self.open(node, "/html/en/relayinfo.html?id=" + cid)
        self.wait_text("#recording-hint", "recordDir")
        self.assertTrue(self.js("return document.querySelector('#record').disabled;"))
        node.rpc("changeSettings", [{"recordDir": node.dir, "recordMinFreeMB": 0}])
        self.wait_gone("#recording-hint")
        self.click("#record")
        self.wait_text("#recording-state", "recording")
        self.wait_text("#recording-facts", r"short_\d{8}-\d{6}_001\.flv")
        self.shots("relayinfo-recording")
        self.click("#record-stop")
        self.wait_text("#recording-state", "ended")
        self.wait("#record")
        self.open(node, "/html/ja/relayinfo.html?id=" + cid)
        self.wait_text("#recording-state", "終了")
        self.shots("relayinfo-recorded")

    def test_ends_while_it_is_looked_at(self):
        node = self.node()
        self.push(node, name="short")
        cid = node.wait_channel("short")["channelId"]
        self.open(node, "/html/ja/relayinfo.html?id=" + cid)
        self.wait_text("#state", "配信中")
        self.shots("relayinfo-own")
        self.assertEqual(self.shown("#bump") + self.shown("#keep"), [])
        self.click("#stop")
        self.confirm()
        self.wait_text("#state", "終了|ありません")
        self.wait_gone("#carried")
        self.assertEqual(self.text("h1"), "short")
