# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of who runs a root, in a real browser."""
from browser import BrowserCase
from harness import free_port, new_id


class Root(BrowserCase):
    def test_status(self):
        """Who announces, what was refused, and the other roots; settings are sent on a click."""
        sync, other = free_port(), free_port()
        conf = {"livesync": "Yes", "livesyncGroup": "", "livesyncAllow": "127.0.0.1", "livesyncFirstBeacon": "0", "livesyncBeacon": "1"}
        root = self.root(dict(conf, livesyncPort=sync, livesyncPeers="127.0.0.1:%d" % other))
        self.root(dict(conf, livesyncPort=other, livesyncPeers="127.0.0.1:%d" % sync))
        for lang, running in (("ja", "インスタンス"), ("en", "Instance")):
            self.open(root, "/html/%s/rootstatus.html" % lang)
            self.wait_text("#sync-state", running)
            self.wait_text("#instances tr", "127.0.0.1")
            tracker = self.control(root)
            tracker.announce(new_id(), name="<b>one</b>")
            self.wait_text("#connections tr", "127.0.0.1")
            self.wait_text("#totals", r"\b[12]\b")
            self.shots("rootstatus")
            tracker.close()
            self.wait_gone("#connections tr")
        tracker = self.control(root)
        self.wait_text("#connections tr", "127.0.0.1")
        self.click("#broadcast")
        self.wait_text("#said", "Sent")
        tracker.wait_atom("bcst")
