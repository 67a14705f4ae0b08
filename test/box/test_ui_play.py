# SPDX-License-Identifier: GPL-2.0-or-later
"""The player, in a real browser: streams that really play."""
import re

from browser import BrowserCase
from harness import new_id, wait_until

SLOW = 30.0
VIDEO = "const v = document.querySelector('video'); "
HOSTILE = "配信 <b onclick=alert(1)>&amp; \"more\""


class Play(BrowserCase):
    def plays(self, seconds=SLOW):
        """Time goes on, and pictures are decoded."""
        self.wait_js(VIDEO + "return v && v.currentTime > 0 && !v.paused && v.getVideoPlaybackQuality().totalVideoFrames > 5;",
                     seconds=seconds)
        at = self.js(VIDEO + "return v.currentTime;")
        self.wait_js(VIDEO + "return v.currentTime > %f;" % (at + 0.5), seconds=seconds)

    def latency(self):
        return float(re.match(r"Live ([\d.]+)|ライブ ([\d.]+)", self.wait_text(".player-live", r"\d\.\d")).group(1) or 99)

    def test_flv(self):
        """A second behind, its words, keys and buttons; then the channel ends, and comes again."""
        node = self.node({"sourceGraceSec": 0}, blocks="[Flags]\nrandomizeBroadcastingChannelID = No\n[End]\n")
        push = self.ffmpeg(node, HOSTILE, genre="talk", desc="<i>what it is</i>")
        cid = node.wait_channel(HOSTILE, seconds=SLOW)["channelId"]
        self.open(node, "/html/en/play.html?id=" + cid)
        self.plays()
        wait_until(lambda: self.latency() < 3, SLOW, "less than three seconds behind")
        self.assertEqual(self.wait("#name"), HOSTILE)
        self.wait_text("#about", "<i>what it is</i>")
        self.assertEqual(self.find("#name b, #about i"), [])
        self.wait_text("#facts", "Listeners 1")
        self.shots("play")
        # keys, and what is remembered
        self.press("m")
        self.wait_js(VIDEO + "return v.muted;")
        self.press("k")
        self.wait_js(VIDEO + "return v.paused;")
        self.press("k")
        self.plays()
        self.click(".player-bar [aria-label=Sound]")
        self.wait_js(VIDEO + "return !v.muted && localStorage.getItem('player.muted') === '';")
        push.stop()
        self.wait_text(".player-state", "The channel has ended", SLOW)
        self.ffmpeg(node, HOSTILE, genre="talk", desc="<i>what it is</i>")
        self.assertEqual(node.wait_channel(HOSTILE, seconds=SLOW)["channelId"], cid)
        self.plays()
        self.open(node, "/html/ja/play.html?id=" + cid)
        self.plays()
        self.shots("play")

    def test_ways(self):
        """WebM goes in as it is; what no browser plays is said, with a way out; pages for everybody play, too."""
        node = self.node({"publicDirectory": "Yes"})
        for name in ("webm", "wmv", "ts"):
            self.ffmpeg(node, name, name)
        webm, wmv, ts = (node.wait_channel(name, seconds=SLOW)["channelId"] for name in ("webm", "wmv", "ts"))
        self.open(node, "/html/en/play.html?id=" + webm)
        self.plays()
        wait_until(lambda: self.latency() < 5, SLOW, "less than five seconds behind")
        self.open(node, "/public/play.html?id=" + ts)
        self.plays()
        self.shots("public-play")
        self.allow(r"501 \(Not Implemented\)")
        self.open(node, "/html/en/play.html?id=" + wmv)
        self.wait_text(".player-state", "cannot play it.*WMV", SLOW)
        self.assertIn("/pls/" + wmv, self.js("return document.querySelector('#playlist').href;"))

    def test_relay(self):
        """The page has the node fetch what somebody else has; the node goes away under it, and comes back."""
        src, relay = self.node(), self.node()
        self.ffmpeg(src, "far")
        cid = src.wait_channel("far", seconds=SLOW)["channelId"]
        self.open(relay, "/html/en/play.html?id=%s&tip=%s" % (cid, src.address))
        self.plays()
        self.wait_text("#name", "^far$")
        self.allow("ERR_|Failed to load resource")
        relay.stop()
        self.wait_text(".player-state", "The connection is lost", SLOW)
        relay.start()
        self.plays()

    def test_not_there(self):
        node = self.node()
        self.assertEqual(node.get("/html/en/play.html").status, 400)
        self.assertEqual(node.get("/html/en/play.html?id=" + new_id()).status, 404)
