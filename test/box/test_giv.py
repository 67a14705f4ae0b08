# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes behind NATs serve others (push and GIV): asked, forwarded, obeyed, accepted; and the limits."""
import time
import unittest

from harness import deadline, units
from net import NetCase


def play(node, cid, query="", n=10, seconds=30):
    """Watch until n frames have come; their numbers."""
    with node.view(cid, query) as v:
        assert v.status == 200, v.status
        data, end = b"", deadline(seconds)
        while len(units(data)) < n and time.monotonic() < end:
            data += v.read_some()
    return units(data)


class Through(NetCase):
    """A stream out of a home network whose port is closed."""

    def assertPlays(self, node, cid, query=""):
        seen = play(node, cid, query)
        self.assertGreaterEqual(len(seen), 10)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))

    def source(self, node, cid):
        return [c for c in node.rpc("getChannelConnections", [cid]) if c["type"] == "source"][0]

    def test_broadcaster(self):
        """Broadcaster F behind a NAT, its root S, and R outside that asks S for the channel."""
        s = self.root()
        home = self.lan()
        f = self.tracker(s, place=home.machine())
        r = self.tree_node(name="relay")
        self.push(f, "N")
        cid = f.wait_channel("N")["channelId"]
        s.wait_log("connected")
        self.wait(lambda: cid in s.get("/admin?cmd=viewxml").text, what="announced")
        self.assertPlays(r, cid, "?tip=" + s.address)
        self.assertTrue(self.source(r, cid)["remoteEndPoint"].startswith(home.ip + ":"))


if __name__ == "__main__":
    unittest.main()
