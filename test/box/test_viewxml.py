# SPDX-License-Identifier: GPL-2.0-or-later
"""viewxml as every known scraper reads it (http.md 7; yp.md 3.1; clients.md 3.2)."""
import os
import re
import unittest
import xml.etree.ElementTree
import xml.parsers.expat

from harness import DATA, FLG_PUSH, FLG_RECV, FLG_TRACKER, BoxCase, Client, bcst, chan_atom, host_atom, new_id

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


# --- the yellow pages that read it -------------------------------------------------------------------

def yp4g(raw, prefix="yp", dead_line=90):
    """As YP4G: expat events, a path of names, the genre pattern; drops what is stale or cannot be reached."""
    pattern = re.compile("^%s(([a-zA-Z0-9]*):)?(([?]?)(@*))(.*)$" % prefix, re.S)
    path, found, order = [], {}, []

    def start(name, attr):
        path.append(name.lower())
        attr = {k.lower(): v for k, v in attr.items()}
        at = "/".join(path)
        if at == "peercast/channels_found/channel":
            m = pattern.match(attr["genre"])
            order.append(dict(attr, allow=m is not None, limit=m.group(5) if m else "", ns=m.group(2) or "" if m else "",
                              genre=m.group(6) if m else attr["genre"]))
            found[attr["id"]] = order[-1]
        elif at == "peercast/channels_found/channel/hits":
            order[-1].update(attr)
        elif at == "peercast/channels_found/channel/hits/host":
            host = {"host_" + k: v for k, v in attr.items()}
            if (attr["tracker"], attr["push"]) == ("1", "0") or "host_ip" not in order[-1]:
                order[-1].update(host)
        elif at == "peercast/channels_found/channel/track":
            order[-1].update({"track_" + k: v for k, v in attr.items()})

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, lambda name: path.pop()
    parser.Parse(raw, True)
    return {i: {"name": c["name"], "tip": c["host_ip"], "listeners": int(c["listeners"]), "limit": c["limit"]}
            for i, c in found.items()
            if c["allow"] and int(c["newest"]) <= dead_line and not c["host_ip"].endswith(":0")}


def heisei(raw):
    """As the generator of Heisei YP: the last host; no address when the hits are firewalled."""
    found = {}
    for c in xml.etree.ElementTree.fromstring(raw).iterfind("channels_found/channel"):
        hits, host = c.find("hits"), c.findall("hits/host")[-1]
        found[c.get("id")] = {"name": c.get("name"), "tip": "" if hits.get("firewalled") == "1" else host.get("ip"),
                              "listeners": int(hits.get("listeners")), "direct": host.attrib["direct"], "age": int(c.get("age"))}
    return found


def p_at(raw):
    """As the generator of p@: the first host, and its numbers."""
    doc = xml.etree.ElementTree.fromstring(raw)
    int(doc.find("servent").get("uptime"))
    found = {}
    for c in doc.iterfind("channels_found/channel"):
        host, track = c.findall("hits/host")[0], c.find("track")
        found[c.get("id")] = {"name": c.get("name"), "tip": host.get("ip"), "listeners": int(host.get("listeners")),
                              "track": [track.attrib[k] for k in ("artist", "album", "title", "contact")]}
    return found


def go_bool(text):
    return {"1": True, "t": True, "T": True, "true": True, "TRUE": True, "True": True,
            "0": False, "f": False, "F": False, "false": False, "FALSE": False, "False": False}[text]


def go_uint(text):
    if not re.fullmatch(r"\d+", text):
        raise ValueError(text)
    return int(text)


def yayp(raw):
    """As yayp, whose decoder refuses the whole document at one attribute that is not of its type."""
    found = {}
    for c in xml.etree.ElementTree.fromstring(raw).iterfind("channels_found/channel"):
        go_bool(c.get("bcflags"))
        for key in ("bitrate", "uptime", "skips", "age"):
            go_uint(c.get(key))
        hits = {k: go_uint(v) for k, v in c.find("hits").attrib.items()}
        hosts = [{k: v if k == "ip" else go_bool(v) if k in ("push", "relay", "direct", "cin", "stable", "tracker") else go_uint(v)
                  for k, v in h.attrib.items()} for h in c.iterfind("hits/host")]
        usable = [h for h in hosts if not h["push"]]
        best = [h for h in usable if h["tracker"]] or usable
        if best and c.get("genre").startswith("yp"):
            found[c.get("id")] = {"name": c.get("name"), "tip": best[0]["ip"], "listeners": hits["listeners"]}
    return found


class Scrapers(ViewXml):
    HOSTILE = ('</channel><channel id="x">', "' onclick='", "]]>&lt;&#0;&", "<!DOCTYPE x [<!ENTITY a SYSTEM '/etc/passwd'>]>", "%s%n\\",
               "\x00\x1b\x85\ufffe".encode("utf-16-le"), b"\xff\xfe\xe3\x81", "テスト".encode("cp932"))

    def setUp(self):
        self.r = self.root()
        self.t = self.control(self.r)

    def announce_all(self):
        """Ids of channels with every hostile name, and of one whose tracker is firewalled."""
        ids = []
        for name in self.HOSTILE:
            ids.append(new_id())
            self.t.announce(ids[-1], listeners=len(ids), relays=1, name=b"n" + (name.encode() if isinstance(name, str) else name),
                            genre="yp?@@x", desc=name, url=name, comment=name, ctype=name, title=name, artist=name, album=name,
                            contact=name)
        closed = new_id()
        self.t.send_atom(bcst(1, self.t.sid, chan_atom(closed, self.t.bcid, name="closed", genre="yp"),
                              host_atom(self.t.sid, closed, port=0, flags=FLG_TRACKER | FLG_RECV | FLG_PUSH), cid=closed))
        self.t.announce(new_id(), name="elsewhere", genre="sp")
        for name in ("type_quote", "type_attr_inject"):         # each alone blinds PeerCast-YT's readers
            c = self.closing(Client(self.r.port))       # of one session: one after the other
            with open(os.path.join(DATA, "pcp/bad", name + ".bin"), "rb") as f:
                c.send(f.read())
            c.shutdown()
            c.expect_close()
        self.wait(lambda: self.r.viewxml().find("channels_found").get("total") == str(len(ids) + 4), what="all of them")
        return ids, closed

    def test_each_reads_all(self):
        ids, closed = self.announce_all()
        self.check(self.r.viewxml())
        raw = self.r.get("/admin?cmd=viewxml").body
        readers = {f.__name__: f(raw) for f in (yp4g, heisei, p_at, yayp)}
        for name, found in readers.items():
            for i, cid in enumerate(ids):
                with self.subTest((name, self.HOSTILE[i])):
                    self.assertEqual((found[cid]["tip"], found[cid]["listeners"]), ("127.0.0.1:7144", i + 1))
                    self.assertEqual(found[cid]["name"], readers["p_at"][cid]["name"])
                    self.assertTrue(found[cid]["name"].startswith("n"))
        self.assertEqual(set(readers["yp4g"]), set(readers["yayp"]))
        self.assertEqual(set(readers["yp4g"]), set(ids))
        self.assertEqual(readers["yp4g"][ids[0]]["limit"], "@@")
        self.assertEqual(readers["heisei"][closed]["tip"], "")
        for e in self.r.viewxml().iter("channel"):
            self.assertRegex(e.get("type"), "^[A-Z0-9]{1,16}$")

    def test_no_host(self):
        """Two of the four fail on a channel without one: there is none."""
        ids, _ = self.announce_all()
        self.t.announce(ids[0], name="x", genre="yp", flags=FLG_TRACKER)
        self.t.send_atom(bcst(1, self.t.sid, host_atom(self.t.sid, new_id()), cid=new_id()))
        self.wait(lambda: ids[0] not in heisei(self.r.get("/admin?cmd=viewxml").body), what="it goes")
        raw = self.r.get("/admin?cmd=viewxml").body
        for reader in (yp4g, heisei, p_at, yayp):
            self.assertNotIn(ids[0], reader(raw))
            self.assertIn(ids[1], reader(raw))
        self.assertTrue(all(c["name"] for c in p_at(raw).values()))

    def test_tracker_stands_last(self):
        """A root's own broadcast with a relay: three of the four find the tracker."""
        root = self.node({"isRoot": "Yes", "forceNormal": "Yes"}, name="root")
        self.push(root, "mine", genre="yp")
        cid = root.wait_channel("mine")["channelId"]
        relay = self.node({"forceNormal": "Yes"})
        with relay.view(cid, "?tip=" + root.address) as v:
            v.read(1000)
            hosts = self.wait(lambda: root.viewxml().findall("channels_found/channel/hits/host")[1:] and
                              root.viewxml().findall("channels_found/channel/hits/host"), 60, "the relay's report")
            self.assertEqual([h.get("tracker") for h in hosts], ["0", "1"])
            raw = root.get("/admin?cmd=viewxml").body
            for reader in (yp4g, heisei, yayp):
                with self.subTest(reader.__name__):
                    self.assertEqual(reader(raw)[cid.upper()]["tip"].rpartition(":")[2], str(root.port))
            self.assertEqual(p_at(raw)[cid.upper()]["tip"].rpartition(":")[2], str(relay.port))


if __name__ == "__main__":
    unittest.main()
