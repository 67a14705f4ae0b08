# SPDX-License-Identifier: GPL-2.0-or-later
"""viewxml as every known scraper reads it (http.md 7; yp.md 3.1; clients.md 3.2)."""
import re
import unittest

from harness import FLG_TRACKER, BoxCase, new_id

ORDER = {
    "servent": ["uptime"], "bandwidth": ["out", "in"], "connections": ["total", "relays", "direct"],
    "channels_relayed": ["total"], "channels_found": ["total"],
    "channel": ["name", "id", "bitrate", "type", "genre", "desc", "url", "uptime", "comment", "skips", "age", "bcflags"],
    "relay": ["listeners", "relays", "hosts", "status"],
    "hits": ["hosts", "listeners", "relays", "firewalled", "closest", "furthest", "newest"],
    "host": ["ip", "hops", "listeners", "relays", "uptime", "push", "relay", "direct", "cin", "stable", "version",
             "update", "tracker"],
    "track": ["title", "artist", "album", "genre", "contact"],
}
TEXTS = {"name", "id", "type", "genre", "desc", "url", "comment", "ip", "status", "title", "artist", "album", "contact"}


class ViewXml(BoxCase):
    def check(self, doc):
        """Names, attribute order, numbers and flags, wherever they stand."""
        self.assertEqual(doc.tag, "peercast")
        self.assertEqual([e.tag for e in doc], ["servent", "bandwidth", "connections", "channels_relayed",
                                                "channels_found", "host_cache"])
        for e in doc.iter():
            if e.tag in ORDER:
                self.assertEqual(list(e.attrib), ORDER[e.tag], e.tag)
            for key, value in e.attrib.items():
                if key not in TEXTS and not (e.tag == "track" and key == "genre"):
                    self.assertRegex(value, r"^\d+$", "%s@%s" % (e.tag, key))
        for e in doc.iter("host"):
            for key in ("push", "direct", "cin", "stable", "tracker"):
                self.assertIn(e.get(key), "01")
        for e in doc.iter("channel"):
            self.assertIn(e.get("bcflags"), "01")
        return doc


class Carried(ViewXml):
    NAME = "雑談 <b> & \"A'B\""

    def setUp(self):
        self.n = self.node()
        self.push(self.n, self.NAME, genre="yp?ゲーム", comment="c & d")
        self.cid = self.n.wait_channel(self.NAME)["channelId"]

    def raw(self):
        c = self.closing(self.n.client())
        c.send(b"GET /admin?cmd=viewxml HTTP/1.0\n\n")
        return c.read_all()

    def test_both_lists(self):
        """PeerstPlayer joins them by id; PeCaStarter 6 wants hits and relay together."""
        doc = self.check(self.n.viewxml())
        relayed, found = doc.find("channels_relayed/channel"), doc.find("channels_found/channel")
        for e in (relayed, found):
            self.assertEqual((e.get("id"), e.get("name"), e.get("genre"), e.get("comment"), e.get("type")),
                             (self.cid, self.NAME, "yp?ゲーム", "c & d", "FLV"))
        self.assertEqual([e.tag for e in relayed], ["relay", "track"])
        self.assertEqual([e.tag for e in found], ["hits", "track", "relay"])
        self.assertEqual(relayed.find("relay").attrib, found.find("relay").attrib)
        self.assertEqual(relayed.find("relay").get("status"), "BROADCAST")
        self.assertEqual((found.find("hits").get("hosts"), found.find("hits").get("newest")), ("0", "0"))

    def test_bytes(self):
        """LF behind every tag, five escapes, upper-case id, and a plain LF request gets it all."""
        raw = self.raw()
        self.assertIn(b"\r\n\r\n<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<peercast>\n<servent uptime=\"", raw)
        self.assertIn(("<channel name=\"雑談 &lt;b&gt; &amp; &quot;A&#039;B&quot;\" id=\"%s\" " % self.cid).encode(), raw)
        self.assertTrue(raw.endswith(b"</channels_found>\n<host_cache/>\n</peercast>\n"))
        self.assertEqual(re.findall(rb"(?<!\?)>(?!\n)", raw), [])

    def test_player_p(self):
        """Raw text: the id before channels_found, then literally this, later status."""
        text = self.raw().decode()
        at = text.index(self.cid)
        self.assertLess(at, text.index("<channels_found total="))
        at = text.index('<relay listeners="', at)
        self.assertTrue(text[at:].startswith('<relay listeners="0" relays="0" hosts="0" status="BROADCAST"/>'))

    def test_counts(self):
        view = self.closing(self.n.view(self.cid))
        view.read(1000)
        relay = self.relay(self.n, self.cid)
        self.assertEqual(relay.status, 200)
        doc = self.check(self.n.viewxml())
        e = doc.find("channels_relayed/channel/relay")
        self.assertEqual((e.get("listeners"), e.get("relays")), ("1", "1"))
        e = doc.find("connections")
        self.assertEqual((e.get("total"), e.get("relays"), e.get("direct")), ("2", "1", "1"))

    def test_stopped_channel_goes(self):
        self.n.rpc("stopChannel", [self.cid])
        self.assertEqual(self.n.viewxml().find("channels_relayed").get("total"), "0")


class Root(ViewXml):
    def setUp(self):
        self.r = self.root()
        self.t = self.control(self.r)
        self.cid = new_id()

    def found(self):
        return self.check(self.r.viewxml()).find("channels_found/channel[@id='%s']" % self.cid)

    def wait_found(self):
        return self.wait(lambda: [e for e in [self.found()] if e is not None], what="channel in viewxml")[0]

    def test_announced(self):
        self.t.announce(self.cid, listeners=5, relays=2, name="N & <N>", genre="yp", bitrate=500)
        e = self.wait_found()
        self.assertEqual([c.tag for c in e], ["hits", "track"])
        hits = e.find("hits")
        self.assertEqual([hits.get(k) for k in ("hosts", "listeners", "relays", "firewalled")], ["1", "5", "2", "0"])
        self.assertLess(int(hits.get("newest")), 90)
        host = hits.find("host")
        self.assertEqual([host.get(k) for k in ("ip", "tracker", "push", "listeners", "stable", "version")],
                         ["127.0.0.1:7144", "1", "0", "5", "0", "1218"])

    def test_channels_without_a_host_are_hidden(self):
        """Two of four readers fail on one."""
        self.t.announce(self.cid, name="n")
        self.wait_found()
        self.t.announce(self.cid, name="n", flags=FLG_TRACKER)
        self.wait(lambda: self.found() is None, what="channel leaves viewxml")
        self.assertEqual(self.r.viewxml().find("channels_found").get("total"), "0")

    def test_hostile_texts(self):
        """Quotes in a type, control bytes, broken UTF-8, long texts: the document stands."""
        long = "&" * 255
        self.t.announce(self.cid, name="\x01\x02<]]>\ufffe", ctype='F"LV x="1', comment=long, desc="\n\t")
        e = self.wait_found()
        self.assertEqual((e.get("comment"), e.get("desc")), (long, "  "))
        self.assertNotIn("x", e.attrib)

    def test_own_broadcast_of_a_root(self):
        """Nobody announces it to us: it is listed with this node as its tracker."""
        self.push(self.r, "mine", genre="yp")
        self.cid = self.r.wait_channel("mine")["channelId"]
        e = self.wait_found()
        hosts = e.findall("hits/host")
        self.assertEqual(([h.get("tracker") for h in hosts], e.find("hits").get("hosts")), (["1"], "1"))
        self.assertEqual(e.find("relay").get("status"), "BROADCAST")


if __name__ == "__main__":
    unittest.main()
