# SPDX-License-Identifier: GPL-2.0-or-later
"""A server elsewhere, that is not to lead a node into its own network (media.md 2.6)."""
from harness import flv_stream, wait_until
from net import NetCase
from test_pull import WAIT, Web


class Elsewhere(NetCase):
    def test_streams_from_outside(self):
        """Redirects, and entries of playlists, to where servers trust this machine are refused; others are followed."""
        home, outside = self.machine(), self.machine()
        web = Web(outside)
        self.addCleanup(web.close)
        asked = self.trusting(home)
        web.stream("/live", flv_stream)
        web.text("/good", "http://127.0.0.1:8080/x\nlive\n", "audio/x-mpegurl")
        inside = ["http://127.0.0.1:8080/admin?cmd=shutdown", "http://[::1]:8080/x", "http://10.0.0.1/x",
                  "http://%s:7144/admin?cmd=shutdown" % home.ip]
        for i, to in enumerate(inside):
            web.redirect("/r%d" % i, to)
            web.text("/p%d" % i, to + "\n", "audio/x-mpegurl")
        web.text("/rtmp", "rtmp://127.0.0.1:8080/a/b\n", "audio/x-mpegurl")
        n = self.node({"fetchAllow": "http,rtmp"}, place=home)

        def fetch(url, name):
            return n.rpc("fetch", {"url": url, "name": name, "desc": "", "genre": "", "contact": "", "bitrate": 0, "type": ""})

        n.wait_channel(cid=fetch(web.url("/good"), "good"), seconds=WAIT)
        for path in ["/r0", "/r1", "/r2", "/r3", "/p0", "/p1", "/p2", "/p3", "/rtmp"]:
            with self.subTest(path):
                cid = fetch(web.url(path), path)
                n.wait_log("pull http://[^ ]*%s: .*own network" % path, WAIT)
                n.rpc("stopChannel", [cid])
        self.assertEqual(asked, [])
        # who is on this machine may name one of its servers
        fetch("http://127.0.0.1:8080/mine", "mine")
        wait_until(lambda: asked, WAIT, "request")
        self.assertEqual(asked[0], "/mine")
