# SPDX-License-Identifier: GPL-2.0-or-later
"""New titles on their way down the tree and to the YP (pcp.md 10.5; settings.md decision 20): paced, but the
last one arrives everywhere.
"""
import queue
import time

from harness import GRP_RELAYS, PATIENCE, BoxCase, bcst, chan_atom, flv_head, flv_metadata, flv_tag, flv_unit, new_id, \
    slow
from test_relay import Upstream


class Titles:
    """Endless FLV that is given a new title by say()."""

    def __init__(self):
        self.said = queue.SimpleQueue()

    def say(self, title):
        self.said.put(title)

    def __iter__(self):
        yield flv_head()
        index = 0
        while True:
            while not self.said.empty():
                yield flv_tag(18, index * 40, flv_metadata(title=self.said.get()))
            yield flv_unit(index, 1000, index % 10 == 0)
            index += 1


def title_of(node, cid):
    chan = node.find_channel(cid=cid)
    return chan["track"]["name"] if "track" in chan else node.rpc("getChannelInfo", [cid])["track"]["name"]


class Tree(BoxCase):
    """A root, a broadcaster, a relay, a relay of the relay, and a relay that only listens."""

    def setUp(self):
        self.root_node = self.root()
        self.tracker_node = self.tracker(self.root_node, {"maxRelays": 10})
        self.titles = Titles()
        self.encoder = self.push(self.tracker_node, name="mine", bitrate=200, source=self.titles)
        self.cid = self.tracker_node.wait_channel("mine")["channelId"]
        self.near = self.node({"maxRelays": 10})
        self.far = self.node({"maxRelays": 10})
        for node, tip in ((self.near, self.tracker_node), (self.far, self.near)):
            v = self.closing(node.view(self.cid, "?tip=%s" % tip.address))
            v.read(1000)
        self.leaf = self.relay(self.far, self.cid)
        self.assertEqual(self.leaf.status, 200)

    def told(self, until, seconds):
        """The titles that the last relay was told, up to that one, and when."""
        got = []
        end = time.monotonic() + seconds * PATIENCE
        while not got or got[-1][1] != until:
            atom = self.leaf.wait_atom("bcst", max(end - time.monotonic(), 0.01) / PATIENCE)
            got.append((time.monotonic(), atom["chan"]["trck"]["titl"].text))
        return got

    def listed(self):
        return [t.get("title") for t in self.root_node.viewxml().iter("track")]

    def logged(self):
        return [t.get("title") for u in self.root_node.chanlog() for t in u.iter("track")]

    def test_at_once(self):
        """The first one is not held back; one that an encoder brings along when it takes over neither. On a busy
        machine the bitrate may be told just before it."""
        self.titles.say("one")
        self.assertEqual(self.told("one", 15)[-1][1], "one")
        for node in (self.near, self.far):
            self.assertEqual(title_of(node, self.cid), "one")

    def test_takeover(self):
        self.encoder.stop()
        self.tracker_node.wait_log("the encoder has left")
        self.push(self.tracker_node, name="mine", bitrate=200, comment="new words")
        atom = self.leaf.wait_atom("bcst", 15)
        self.assertEqual(atom["chan"]["info"]["cmnt"].text, "new words")
        self.wait(lambda: self.far.find_channel(cid=self.cid)["info"]["comment"] == "new words")

    @slow
    def test_last_one_arrives(self):
        """Forty titles in eight seconds: few are told, the last one is, to relays, players' pages and YP."""
        self.titles.say("first")
        self.told("first", 15)
        start = time.monotonic()
        for i in range(40):
            self.titles.say("title %d" % i)
            time.sleep(0.2)
        got = self.told("title 39", 40)
        self.assertLess(got[-1][0] - start, 10 + 2 * 5 + 5)
        self.assertLessEqual(len(got), 3)
        for (a, _), (b, _) in zip(got, got[1:]):
            self.assertGreater(b - a, 4.9)
        for node in (self.near, self.far):
            self.assertEqual(title_of(node, self.cid), "title 39")
        self.wait(lambda: "title 39" in self.listed(), 35, "the YP's list")
        self.wait(lambda: self.logged()[-1:] == ["title 39"], what="the log")
        self.assertLess(len(self.logged()), 6)


class FromAbove(BoxCase):
    """A relay whose upstream is ours, and a relay below it."""

    def setUp(self):
        self.n = self.node()
        self.up = Upstream(self)
        self.cid = new_id()
        self.viewer = self.closing(self.n.client())
        self.viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
        self.c = self.closing(self.up.accept())
        self.up.handshake(self.c)
        self.up.head(self.c, self.cid)
        self.up.data(self.c, self.cid, 4, b"one ")
        self.n.wait_channel(cid=self.cid)
        self.below = self.relay(self.n, self.cid)
        self.assertEqual(self.below.status, 200)

    def hears(self, name, origin, ttl):
        got = self.below.wait_atom("bcst", 10)
        self.assertEqual(got["chan"]["info"]["name"].text, name)
        self.assertEqual((got["from"].hex, got["ttl"].u8), (origin, ttl))
        self.assertEqual(self.n.find_channel(cid=self.cid)["info"]["name"], name)

    @slow
    def test_ways(self):
        """In a broadcast it is passed on; in the stream, or at the end of its way, it goes on in our name."""
        tracker, ours = new_id(), self.c.helo["sid"].hex
        self.c.send_atom(bcst(GRP_RELAYS, tracker, chan_atom(self.cid, name="b", ctype="RAW"), cid=self.cid))
        self.hears("b", tracker, 6)
        self.c.send_atom(bcst(GRP_RELAYS, tracker, chan_atom(self.cid, name="c", ctype="RAW"), cid=self.cid))
        self.c.send_atom(bcst(GRP_RELAYS, tracker, chan_atom(self.cid, name="d", ctype="RAW"), cid=self.cid, ttl=1))
        self.hears("d", ours, 7)
        # nothing else is left to tell
        self.c.send_atom(chan_atom(self.cid, name="e", ctype="RAW"))
        self.hears("e", ours, 7)
