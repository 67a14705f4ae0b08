# SPDX-License-Identifier: GPL-2.0-or-later
"""Another node's channel as the source of a broadcast, by PCP (media.md 2.6, 2.10)."""
import unittest

from harness import BoxCase, RpcError, new_id, units
from test_fetch import Source
from test_pull import WAIT


class PullPcp(BoxCase):
    def fetch(self, n, url, name="ours", kind=""):
        return n.rpc("fetch", {"url": url, "name": name, "desc": "", "genre": "", "contact": "", "bitrate": 0, "type": kind})

    def test_channel_of_another_node(self):
        """Nobody may watch there, and yet it is there for relays; what it is called comes along."""
        a, b, c = self.node({"maxDirect": 0}), self.node(name="second"), self.node(name="relay")
        self.push(a, "there", genre="g", comment="hello")
        there = a.wait_channel("there", seconds=WAIT)["channelId"]
        cid = self.fetch(b, "pcp://%s/channel/%s" % (a.address, there), name="")
        self.assertNotEqual(cid, there)
        chan = b.wait_channel(cid=cid, seconds=WAIT)
        self.wait(lambda: b.find_channel(cid=cid)["info"]["name"] == "there", WAIT, "name")
        chan = b.find_channel(cid=cid)
        self.assertEqual([chan["info"][k] for k in ("contentType", "genre", "comment")], ["FLV", "g", "hello"])
        with c.view(cid, "?tip=" + b.address) as v:
            seen = units(v.read(30000, WAIT))
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        a.rpc("setChannelInfo", [there, {"name": "there", "url": "", "genre": "new", "desc": "", "comment": ""},
                                 {"name": "song", "creator": "", "genre": "", "album": "", "url": ""}])
        self.wait(lambda: b.find_channel(cid=cid)["track"]["name"] == "song", WAIT, "track")
        self.assertEqual(b.find_channel(cid=cid)["info"]["genre"], "new")

    def test_packets(self):
        """Repeats are dropped; behind a gap it goes on with the head, where one may start."""
        n, up, there = self.node(), Source(self), new_id()
        cid = self.fetch(n, "pcp://127.0.0.1:%d/%s" % (up.port, there), kind="RAW")
        c = self.closing(up.accept(WAIT))
        self.assertIn(("GET /channel/%s HTTP/1.0" % there).encode(), c.request_head)
        up.handshake(c)
        up.head(c, there)
        up.data(c, there, 4, b"one ", 1)        # nobody may start here
        up.data(c, there, 8, b"two ")
        n.wait_channel(cid=cid, seconds=WAIT)
        with n.view(cid) as v:
            self.assertEqual(v.read(8, WAIT), b"HEADtwo ")
            up.data(c, there, 4, b"one ")
            up.head(c, there)
            up.data(c, there, 12, b"tri ", 1)
            up.data(c, there, 100, b"bad ", 1)
            up.data(c, there, 104, b"six ")
            self.assertEqual(v.read(12, WAIT), b"tri HEADsix ")
            # another head: the stream has begun anew
            up.head(c, there, b"HAT ")
            up.data(c, there, 4, b"new ")
            self.assertEqual(v.read(8, WAIT), b"HAT new ")
            c.close()
            n.wait_log("pull pcp://.*: ", WAIT)
            c = self.closing(up.accept(WAIT))
            up.serve(c, there, 0)
            self.assertEqual(v.read(12, WAIT), b"HEADpiece000")

    def test_full_and_gone(self):
        """Who is full names another; who has it no more says so; it is never this node itself."""
        n, full, other, there = self.node(), Source(self), Source(self), new_id()
        cid = self.fetch(n, "pcp://127.0.0.1:%d/channel/%s" % (full.port, there))
        full.refuse(self.closing(full.accept(WAIT)), other.hit(there))
        c = self.closing(other.accept(WAIT))
        other.serve(c, there, 0)
        n.wait_channel(cid=cid, seconds=WAIT)
        n.rpc("stopChannel", [cid])
        self.assertEqual(c.wait_atom("quit", WAIT).u32, 1000)
        gone = Source(self)
        self.fetch(n, "pcp://127.0.0.1:%d/channel/%s" % (gone.port, there), "gone")
        c = self.closing(gone.accept(WAIT))
        c.send(b"HTTP/1.0 404 Not Found\r\n\r\n")
        n.wait_log("pull pcp://.*: the node answers 404", WAIT)
        self.push(n, "mine")
        mine = n.wait_channel("mine", seconds=WAIT)["channelId"]
        self.fetch(n, "pcp://%s/%s" % (n.address, mine), "loop")
        n.wait_log("pull pcp://.*: it is this node itself", WAIT)
        with self.assertRaises(RpcError) as e:
            self.fetch(self.node({"fetchAllow": "rtmp"}, name="other"), "pcp://127.0.0.1/" + there)
        self.assertIn("http is not in fetchAllow", e.exception.data)
        self.fetch(n, "pcp://127.0.0.1/x", "bad")
        n.wait_log("pull pcp://127.0.0.1/x: not pcp://host:port/channel/ and an id", WAIT)


if __name__ == "__main__":
    unittest.main()
