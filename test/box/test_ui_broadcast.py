# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of a broadcaster, in a real browser: broadcast, editinfo, rtmp."""
import re
import urllib.parse

from browser import BrowserCase
from harness import free_port, wait_until
from rtmp import Encoder, Flow

WAIT = 25
NAME = "雑談 <b>\"$HOME\" & 'x'"


class Broadcast(BrowserCase):
    def publish(self, port, key):
        flow = Flow(self.closing(Encoder(port)).publish(key))
        self.addCleanup(flow.stop)
        return flow

    def test_obs(self):
        """Fill the form, give the key to the encoder, see it arrive, change its title, take it off the list, stop it."""
        port = free_port()
        root = self.root()
        n = self.tracker(root, {"rtmpServer": "Yes", "rtmpPort": port})
        self.open(n, "/html/en/broadcast.html")
        self.wait_text("#nameless", "name first")
        self.assertFalse(self.shown("#rtmp-key"))
        self.fill("#name", NAME)
        self.fill("#genre", "talk")
        self.fill("#url", "x" * 300)
        self.wait_text("#url-error", "longer than 255 bytes")
        self.fill("#url", "https://example.org/a?b=1&c=2")
        self.fill("#comment", "hello")
        self.wait_text("#rtmp-state", "RTMP is taken")
        self.assertEqual(self.text("#rtmp-server"), "rtmp://127.0.0.1:%d/live" % port)
        self.click('[data-from="rtmp-key"]')
        self.wait_text("#said", "Copied")
        self.publish(port, self.text("#rtmp-key"))
        self.wait_text("#channels .name", "雑談")
        self.assertEqual(self.text("#channels .name"), NAME)
        chan = n.wait_channel(NAME)
        self.assertEqual([chan["info"][k] for k in ("genre", "url", "comment")], ["talk", "https://example.org/a?b=1&c=2", "hello"])
        self.wait_text("#channels .state", "On the air")
        wait_until(lambda: root.viewxml().find("channels_found/channel") is not None, WAIT, "listed")
        self.wait_js("return document.querySelector('#channels .announced').checked;")
        # titles while on the air
        self.fill("#channels .title", "a song")
        self.click("#channels .set")
        self.wait_text("#said", "Viewers hear of it")
        wait_until(lambda: n.find_channel(NAME)["track"]["name"] == "a song", WAIT, "title")
        # one switch
        self.click("#channels .announced")
        self.wait_text("#said", "announced no more")
        wait_until(lambda: root.viewxml().find("channels_found/channel") is None, WAIT, "off the list")
        self.click("#channels .announced")
        wait_until(lambda: root.viewxml().find("channels_found/channel") is not None, WAIT, "listed again")
        self.shots("broadcast")
        wait_until(lambda: [h["channelName"] for h in n.rpc("getBroadcastHistory")] == [NAME], WAIT, "remembered")
        self.click("#channels .stop")
        self.confirm()
        self.wait_gone("#on-air")
        n.wait_no_channel(NAME)
        # it can be filled in again
        self.open(n, "/html/en/broadcast.html")
        self.click("#earlier")
        self.click(".past")
        self.wait_js("return document.querySelector('#genre').value === 'talk';")
        self.assertEqual(self.value("#name"), NAME)
        self.open(n, "/html/ja/broadcast.html")
        self.fill("#name", NAME)
        self.wait_text("#rtmp-state", "受付中")
        self.shots("broadcast")

    def test_other_encoders(self):
        """The ffmpeg address does what it says; a URL that may not be fetched is refused at its field."""
        n = self.node({"trustLocalhost": "Yes"})
        self.open(n, "/html/en/broadcast.html#ffmpeg")
        self.fill("#name", NAME)
        line = self.wait_text("#ffmpeg-line", "ffmpeg -re")
        # nothing in it is a shell's
        self.assertRegex(line, r'^ffmpeg -re -i film\.mp4 [^"]* "http://127\.0\.0\.1:\d+/\?[\w.*=&%+-]*"$')
        url = urllib.parse.urlsplit(self.text("#push-url"))
        self.push(n, **dict(urllib.parse.parse_qsl(url.query)))
        self.wait_text("#channels .name", "雑談")
        self.assertEqual(self.text("#channels .name"), NAME)
        self.click('[aria-controls="pull"]')
        self.click("#pull-form button")
        self.wait_text("#pull-url-error", "This is needed")
        self.wait_text("#pull-allowed", "http")
        self.fill("#pull-url", "rtmp://127.0.0.1/live/x")
        self.click("#pull-form button")
        self.wait_text("#pull-url-error", ".")
        self.press("tab")
        for tab, what in (("radio", "icecast://source:PASSWORD@127.0.0.1"), ("wm", "%E9%9B%91%E8%AB%87")):
            self.click('[aria-controls="%s"]' % tab)
            self.wait_text("#%s .code" % tab, re.escape(what))

    def test_edit(self):
        n = self.node()
        self.push(n, name="one", genre="g")
        cid = n.wait_channel("one")["channelId"]
        self.open(n, "/html/en/editinfo.html?id=" + cid)
        self.wait_js("return document.querySelector('#name').value === 'one';")
        self.fill("#name", "")
        self.wait_text("#name-error", "needed")
        self.click("#save")
        self.assertEqual(n.find_channel(cid=cid)["info"]["name"], "one")
        self.fill("#name", "two")
        # what somebody else changes is shown, and is not undone
        n.rpc("setChannelInfo", [cid, {"comment": "by another"}])
        self.wait_js("return document.querySelector('#comment').value === 'by another';")
        self.assertEqual(self.value("#name"), "two")
        self.fill("#title", "曲")
        self.click("#save")
        self.wait_text("#said", "Saved")
        chan = n.find_channel(cid=cid)
        self.assertEqual((chan["info"]["name"], chan["info"]["comment"], chan["info"]["genre"], chan["track"]["name"]),
                         ("two", "by another", "g", "曲"))
        for lang in ("en", "ja"):
            self.open(n, "/html/%s/editinfo.html?id=%s" % (lang, cid))
            self.wait_js("return document.querySelector('#name').value === 'two';")
            self.shots("editinfo")
        n.rpc("stopChannel", [cid])
        self.wait_text("#gone", "終了")
        self.assertTrue(self.js("return document.querySelector('#save').disabled;"))

    def test_node_restarted(self):
        """The page says that the node is gone, comes back with it, and keeps what was typed."""
        n = self.node()
        self.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|api/1")
        self.open(n, "/html/en/broadcast.html")
        self.fill("#name", "half a na")
        self.wait("#rtmp-state")
        n.stop()
        self.wait_text("#alert", "does not answer")
        self.type("#name", "me")
        n.start()
        self.wait_gone("#alert")
        self.assertEqual(self.value("#name"), "half a name")
        self.push(n, name="half a name")
        self.wait_text("#channels .name", "half a name")

    def test_rtmp(self):
        port = free_port()
        n = self.node({"rtmpServer": "No", "rtmpPort": port})
        self.open(n, "/html/en/rtmp.html")
        self.wait_text("#state", "off")
        self.click("#on")
        self.wait_text("#state", "^listens")
        self.publish(port, "k?name=by%20RTMP")
        self.wait_text("#published", "by RTMP")
        self.shots("rtmp")
        self.open(n, "/html/ja/rtmp.html")
        self.wait_text("#published", "by RTMP")
        self.shots("rtmp")
        self.click("#on")
        self.wait_text("#state", "無効")
        self.assertEqual(n.read_ini()["rtmpserver"], "No")
