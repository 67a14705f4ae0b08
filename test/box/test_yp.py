# SPDX-License-Identifier: GPL-2.0-or-later
"""The yellow page of a root over HTTP: its lists as their readers parse them, port check, upload test, pages,
and what bad announcements do to all of it (yp.md 3, 5)."""
import contextlib
import email.utils
import functools
import json
import os
import re
import socket
import threading
import time
import unittest
import urllib.parse
import xml.etree.ElementTree

import test_pcp
from harness import (DATA, FLG_PUSH, FLG_RECV, FLG_TRACKER, PATIENCE, BoxCase, Client, Control, bcst, box, chan_atom,
                     ffprobe, free_port, gid, host_atom, new_id, u32, wait_until)
from net import NetCase

CLOSED = test_pcp.Captured.WANT
NO_ID = "0" * 32


# --- index.txt, by the rules its readers have published ----------------------------------------------

def unescaped(text):
    """What the parser library for YP channel lists decodes, in its order."""
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&#039;", "'"), ("&amp;", "&")):
        text = text.replace(entity, char)
    return text


def parse_index(body):
    """Channels of an index.txt: lines of fields between "<>", the limit split off the description. Raises where
    PeerCast-YT would call the whole feed bad: not UTF-8, or a line that has not 19 fields."""
    channels = []
    for line in body.decode("utf-8").strip().split("\n"):
        if not line:
            continue
        f = [unescaped(x) for x in line.split("<>")]
        if len(f) != 19:
            raise ValueError("%d fields: %s" % (len(f), line))
        limit = re.search(r"(?: - )?<(.*)>$", f[5])
        hours, minutes = f[15].split(":")
        channels.append({
            "name": f[0], "id": f[1], "tip": f[2], "url": f[3], "genre": f[4],
            "desc": f[5][:limit.start()] if limit else f[5], "limit": limit.group(1) if limit else "",
            "listeners": int(f[6]), "relays": int(f[7]), "bitrate": int(f[8]), "type": f[9],
            "track": dict(zip(("creator", "album", "title", "url"), f[10:14])),
            "urlname": urllib.parse.unquote_plus(f[14]), "age": int(hours) * 60 + int(minutes), "status": f[16],
            "comment": f[17], "direct": f[18] == "1"})
    return channels


class Yp(BoxCase):
    """A root with a tracker's connection."""

    INI = {"ypGenrePrefix": "yp", "ypName": "DEMO YP", "ypInfoLine": "No"}

    def start(self, **ini):
        keys = dict(self.INI)
        keys.update(ini)
        self.root_node = self.root(keys)
        self.t = self.control(self.root_node)
        return self.root_node

    @functools.cached_property
    def closed_port(self):
        return free_port()

    def closed(self, query=""):
        """The query of a reader whose port is closed, whatever else listens on this machine."""
        if "host=" in query or "port=" in query:
            return query
        return "%shost=localhost:%d" % (query + "&" if query else "?", self.closed_port)

    def index(self, query="", node=None, headers=None):
        r = (node or self.root_node).get("/index.txt" + self.closed(query), headers)
        self.assertEqual((r.status, r.headers["content-type"]), (200, "text/plain; charset=utf-8"))
        return parse_index(r.body)

    def names(self, query=""):
        return [c["name"] for c in self.index(query)]

    def named(self, name, query=""):
        """The channel of that name, once it is listed."""
        return wait_until(lambda: [c for c in self.index(query) if c["name"].startswith(name)], what=name)[0]


class Lists(Yp):
    def test_line(self):
        self.start(ypInfoLine="Yes", forceIP="127.0.0.9")
        cid = new_id()
        self.t.announce(cid, listeners=2, relays=1, name="雑談 ch <&\">'", genre="ypNS:@@ゲーム", desc="レトロ & 第2部",
                        url="http://x.example/?a=1&b=2", comment="3 < 5 && \"ok\"", bitrate=194, title="曲名 A&B",
                        artist="作者", album="アルバム", contact="http://y.example/")
        got = self.named("雑談", "?ns=NS")
        self.assertEqual(
            {k: got[k] for k in ("id", "tip", "url", "genre", "desc", "limit", "listeners", "relays", "bitrate", "type")},
            {"id": NO_ID, "tip": "", "url": "http://x.example/?a=1&b=2", "genre": "ゲーム", "desc": "レトロ & 第2部",
             "limit": "Over", "listeners": 2, "relays": 1, "bitrate": 194, "type": "FLV"})
        self.assertEqual(got["name"], "雑談 ch <&&quot;>' <NS> (要ポート開放)")
        self.assertEqual(got["urlname"], "雑談 ch <&\">'")
        self.assertEqual(got["track"], {"creator": "作者", "album": "アルバム", "title": "曲名 A&B", "url": "http://y.example/"})
        self.assertEqual((got["status"], got["age"]), ("click", 0))
        info = self.index()[-1]
        self.assertRegex(info["desc"], r"^Uptime=\d+:\d\d:\d\d channels=0$")
        self.assertEqual((info["name"], info["id"], info["listeners"], info["relays"], info["bitrate"], info["type"]),
                         ("DEMO YP◆Status", NO_ID, -9, -9, 0, "RAW"))
        wait_until(lambda: self.index()[-1]["url"] == "http://127.0.0.9:%d/yp/" % self.root_node.port, what="forceIP")

    def test_appears_changes_goes(self):
        self.start()
        cid = new_id()
        self.t.announce(cid, listeners=1, name="a", genre="ypx")
        self.assertEqual(self.named("a")["id"], cid)
        self.assertEqual(self.named("a")["tip"], "127.0.0.1:7144")
        self.t.announce(cid, listeners=7, name="b", genre="yp?x")
        self.assertEqual(self.named("b")["listeners"], -1)
        self.t.announce(cid, name="b", genre="ypx", flags=FLG_TRACKER | FLG_RECV | FLG_PUSH)
        wait_until(lambda: self.named("b")["status"] == "port0", what="firewalled")
        self.assertEqual(self.named("b")["tip"], "")
        self.t.announce(cid, name="b", genre="other")
        wait_until(lambda: self.names() == [], what="the prefix goes")
        self.t.announce(cid, name="b", genre="ypx")
        self.named("b")
        self.t.announce(cid, name="b", flags=FLG_TRACKER)
        wait_until(lambda: self.names() == [], what="the channel goes")

    def test_broken_line(self):
        self.start(ghostTimeout="2")
        self.t.announce(new_id(), name="a", genre="yp")
        self.assertEqual(self.named("a")["status"], "click")
        self.t.reset()
        wait_until(lambda: self.named("a")["status"] == "disconnect", what="disconnect")
        wait_until(lambda: self.names() == [], what="the ghost goes")

    def test_order_and_queries(self):
        self.start()
        for name, genre, kind, listeners in (("old", "yp", "FLV", 9), ("few", "ypgame", "MKV", 1),
                                             ("many", "ypNS:game", "MKV", 5), ("hidden", "ypA1:?x", "FLV", 99)):
            self.t.announce(new_id(), listeners=listeners, name=name, genre=genre, ctype=kind)
        wait_until(lambda: len(self.names("?ns=NS|A1")) == 4, what="all of them")
        for query, want in (("", {"old", "few"}), ("?ns=NS", {"old", "few", "many"}), ("?ns=A1+NS", {"old", "few", "many", "hidden"}),
                            ("?find=GAME", {"few"}), ("?find=game&ns=NS", {"few", "many"}), ("?find=-game", {"old"}),
                            ("?type=mkv", {"few"}), ("?ns=NS&type=MKV|FLV", {"old", "few", "many"})):
            with self.subTest(query):
                self.assertEqual({n.split(" <")[0] for n in self.names(query)}, want)
        time.sleep(1.1)         # a younger one, in seconds
        self.t.announce(new_id(), name="new", genre="yp")
        self.named("new")
        self.assertEqual(self.names()[0], "new")

    def test_shared_and_conditional(self):
        root = self.start()
        self.t.announce(new_id(), name="a", genre="yp")
        self.named("a")
        for path, kind in (("/index.txt", "text/plain; charset=utf-8"), ("/index.rss", "application/rss+xml; charset=utf-8"),
                           ("/api/index.json", "application/json")):
            with self.subTest(path):
                r = root.get(path)
                self.assertEqual((r.headers["access-control-allow-origin"], r.headers["cache-control"], r.headers["content-type"]),
                                 ("*", "public, max-age=10", kind))
                again = root.get(path, {"If-None-Match": r.headers["etag"]})
                self.assertEqual((again.status, again.body, again.headers["etag"]), (304, b"", r.headers["etag"]))
                head = root.http("HEAD", path)
                self.assertEqual((head.headers["content-length"], head.body), (str(len(r.body)), b""))
                self.assertEqual(root.http("OPTIONS", path).status, 204)

    def test_rss(self):
        root = self.start()
        cid = new_id()
        self.t.announce(cid, name="a <b> & ]]> \x01", genre="ypgame", desc="d", url="https://x.example/?a&b")
        self.t.announce(new_id(), name="c", genre="yp", url="javascript:alert(1)")
        self.named("c")
        doc = xml.etree.ElementTree.fromstring(root.get("/index.rss").body)
        self.assertEqual((doc.tag, doc.get("version")), ("rss", "2.0"))
        chan = doc.find("channel")
        self.assertEqual([e.tag for e in chan][:3], ["title", "link", "description"])
        self.assertEqual(chan.findtext("title"), "DEMO YP")
        items = {i.findtext("title"): i for i in chan.findall("item")}
        self.assertEqual(set(items), {"a <b> & ]]>  ", "c"})
        a = items["a <b> & ]]>  "]
        self.assertEqual((a.findtext("link"), a.findtext("category"), a.findtext("description")),
                         ("https://x.example/?a&b", "game", "game - d"))
        started = email.utils.parsedate_to_datetime(a.findtext("pubDate")).timestamp()
        self.assertLess(abs(started - time.time()), 10 * PATIENCE)
        self.assertEqual((a.find("guid").get("isPermaLink"), a.findtext("guid")), ("false", "%s-%d" % (cid, started)))
        self.assertEqual(items["c"].findtext("link"), chan.findtext("link"))
        self.assertNotIn("127.0.0.1:7144", root.get("/index.rss").text)

    def test_json(self):
        root = self.start()
        cid = new_id()
        self.t.announce(cid, listeners=3, name='a "\\ </script>', genre="yp@game")
        self.named("a")
        doc = json.loads(root.get("/api/index.json" + self.closed()).body)
        self.assertEqual((doc["version"], doc["name"]), (1, "DEMO YP"))
        (chan,) = doc["channels"]
        self.assertEqual((chan["name"], chan["limit"], chan["playable"], chan["id"], chan["tip"], chan["listeners"]),
                         ('a "\\ </script>', "open", False, None, None, 3))

    def test_own_broadcast_of_a_root(self):
        root = self.start(forceNormal="Yes")
        self.push(root, "mine", genre="ypx")
        cid = root.wait_channel("mine")["channelId"]
        got = self.named("mine")
        self.assertEqual((got["id"], got["tip"].rpartition(":")[2]), (cid.upper(), str(root.port)))

    def test_not_a_root(self):
        n = self.node({"publicDirectory": "Yes", "forceNormal": "Yes"})
        for path in ("/index.txt", "/index.rss", "/api/index.json", "/yp4g.xml", "/yp/", "/chat.php?cn=x"):
            with self.subTest(path):
                self.assertEqual(n.get(path).status, 404)
        self.assertEqual(n.http("POST", "/uptest.cgi", bytes(250000)).status, 404)
        self.push(n, "mine <>", genre="yp?@@x", comment="hi<>")
        cid = n.wait_channel("mine <>")["channelId"].upper()
        (got,) = parse_index(n.get("/public/index.txt").body)
        self.assertEqual((got["name"], got["id"], got["genre"], got["comment"], got["listeners"]),
                         ("mine <>", cid, "yp?@@x", "hi<>", 0))

    def test_public(self):
        root = self.start(publicDirectory="Yes")
        self.t.announce(new_id(), name="a", genre="yp")
        self.named("a")
        self.assertEqual(root.get("/public/index.txt").body, root.get("/index.txt").body)


# --- viewers -------------------------------------------------------------------------------------------

class Listener:
    """What may be on a reader's port: reads what is sent, says `answer`, and keeps the connection."""

    def __init__(self, answer=b"", address="127.0.0.1"):
        self.sock = socket.create_server((address, 0))
        self.port = self.sock.getsockname()[1]
        self.answer, self.got, self.peers = answer, [], []
        self.held = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                c, peer = self.sock.accept()
                self.held.append(c)
                self.peers.append(peer)
                self.got.append(c.recv(4096))
                c.sendall(self.answer)

    def close(self):
        for s in [self.sock, *self.held]:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


OLEH = box("oleh", gid("sid", new_id())).encode()


class PortCheck(Yp):
    def setUp(self):
        self.start()
        self.cid = new_id()
        self.t.announce(self.cid, name="open", genre="yp@x")
        self.t.announce(new_id(), name="free", genre="ypx")
        self.named("free")

    def listener(self, *args, **kw):
        made = Listener(*args, **kw)
        self.addCleanup(made.close)
        return made

    def ask(self, source, port, query=None):
        """What a reader at that address sees of the restricted channel."""
        c = self.closing(self.root_node.client(source))
        c.request("GET", "/index.txt?" + (query or "host=localhost:%d" % port))
        self.assertEqual(c.read_head(), 200)
        return [x for x in parse_index(c.read_all()) if x["name"].startswith("open")][0]

    def test_our_own_node_answers(self):
        """It listens on every address of this machine, so on the one its user comes from."""
        got = self.ask("127.0.0.5", self.node().port)
        self.assertEqual((got["id"], got["tip"], got["name"]), (self.cid, "127.0.0.1:7144", "open"))
        other = self.ask("127.0.0.6", 9)
        self.assertEqual((other["id"], other["tip"], other["name"]), (NO_ID, "", "open (要ポート開放)"))
        # known now: without a port too, and in yp4g.xml
        self.assertEqual(self.ask("127.0.0.5", 0, "x=y")["id"], self.cid)
        c = self.closing(self.root_node.client("127.0.0.5"))
        c.request("GET", "/yp4g.xml")
        c.read_head()
        self.assertIn(b'<host ip="127.0.0.5" port_open="1"', c.read_all())

    def test_what_is_sent(self):
        """An empty helo, to the reader's own address whatever host= names."""
        here, elsewhere = self.listener(OLEH, "127.0.0.7"), self.listener(OLEH, "127.0.0.8")
        got = self.ask("127.0.0.7", 0, "host=127.0.0.8:%d" % here.port)
        self.assertEqual(got["id"], self.cid)
        self.assertEqual(here.got, [bytes.fromhex("7063700a 04000000 01000000 68656c6f 00000080")])
        self.ask("127.0.0.9", 0, "host=127.0.0.8:%d" % elsewhere.port)
        self.assertEqual(elsewhere.got, [])

    def test_no_node(self):
        for i, answer in enumerate((b"HTTP/1.0 400 Bad Request\r\n\r\n", b"quit\4\0\0\0\xe8\3\0\0", b"\0" * 64,
                                    b"oleh\xff\xff\xff\x7f", b"helo\0\0\0\x80")):
            with self.subTest(answer):
                source = "127.0.1.%d" % (i + 1)
                l = self.listener(answer, source)
                self.assertEqual(self.ask(source, l.port)["id"], NO_ID)
                self.assertEqual(len(l.got), 1)

    def test_silence_does_not_hang(self):
        l = self.listener(b"", "127.0.0.7")
        start = time.monotonic()
        self.assertEqual(self.ask("127.0.0.7", l.port)["id"], NO_ID)
        self.assertLess(time.monotonic() - start, 2 * PATIENCE)
        start = time.monotonic()
        self.assertEqual(self.ask("127.0.0.7", l.port)["id"], NO_ID)
        self.assertLess(time.monotonic() - start, 0.8 * PATIENCE)
        self.assertEqual(len(l.peers), 1)       # one test of an address at a time

    def test_asked_for_nothing(self):
        """No restricted channel, a port that is none, a page of another site: nobody is dialled."""
        l = self.listener(OLEH, "127.0.0.7")
        for query in ("port=80", "host=x:1023", "host=localhost:%d%%0d%%0a" % l.port, "port=99999"):
            self.ask("127.0.0.7", 0, query)
        c = self.closing(self.root_node.client("127.0.0.7"))
        c.request("GET", "/index.txt?port=%d" % l.port, {"Sec-Fetch-Site": "cross-site"})
        self.assertEqual(c.read_head(), 200)
        c.read_all()
        c = self.closing(self.root_node.client("127.0.0.7"))
        c.request("GET", "/index.rss?port=%d" % l.port)
        self.assertEqual(c.read_head(), 200)
        c.read_all()
        self.assertEqual(l.peers, [])

    def test_end_during_a_check(self):
        l = self.listener(b"", "127.0.0.7")
        c = self.closing(self.root_node.client("127.0.0.7"))
        c.request("GET", "/index.txt?port=%d" % l.port)
        wait_until(lambda: l.got, what="the check")
        self.root_node.stop()


class PortCheckOutside(NetCase):
    """With public addresses, through a NAT, and over IPv6."""

    def ask(self, root, place, address=None):
        with place.inside(), Client(root.port, address or root.host) as c:
            c.request("GET", "/index.txt?host=localhost:7144")
            assert c.read_head() == 200
            return parse_index(c.read_all())[0]["id"]

    def test_viewers(self):
        root = self.root({"ypInfoLine": "No"})
        home = self.lan()
        behind, outside = home.machine(), self.machine()
        for place in (behind, outside):
            self.node(place=place)
        with outside.inside():
            t = self.closing(Control(root))
        cid = new_id()
        t.send_atom(bcst(1, t.sid, chan_atom(cid, t.bcid, name="a", genre="@x"),
                         host_atom(t.sid, cid, outside.ip), cid=cid))
        wait_until(lambda: root.get("/index.txt").text.startswith("a"), what="the channel")
        self.assertEqual(self.ask(root, outside), cid)
        self.assertEqual(self.ask(root, outside, root.place.ip6), cid)
        self.assertEqual(self.ask(root, behind), NO_ID)

    def test_private_host(self):
        """An address of a home network is no tip for others."""
        root = self.root({"ypInfoLine": "No"})
        with self.machine().inside():
            t = self.closing(Control(root))
        private, public = new_id(), new_id()
        for cid, address in ((private, "192.168.0.5"), (public, "203.0.113.200")):
            t.send_atom(bcst(1, t.sid, chan_atom(cid, t.bcid, name="n"), host_atom(t.sid, cid, address), cid=cid))
        wait_until(lambda: public in root.get("/index.txt").text, what="the public one")
        self.assertNotIn(private, root.get("/index.txt").text)
        self.assertNotIn(private, root.get("/admin?cmd=viewxml").text)


class Upload(Yp):
    def setUp(self):
        self.start(forceIP="yp.example.jp")

    def client(self, source):
        c = self.closing(self.root_node.client(source))
        c.request("GET", "/yp4g.xml", {"Host": "evil.example"})
        self.assertEqual(c.read_head(), 200)
        self.assertEqual((c.headers["content-type"], c.headers["cache-control"]), ("text/xml; charset=utf-8", "no-store"))
        doc = xml.etree.ElementTree.fromstring(c.read_all())
        return {(e.tag, k): v for e in doc for k, v in e.attrib.items()}

    def post(self, source, size, headers=None, send=None):
        c = self.closing(self.root_node.client(source))
        head = {"Content-Type": "application/octet-stream", "Content-Length": size}
        head.update(headers or {})
        c.request("POST", "/uptest.cgi", head)
        with contextlib.suppress(OSError):
            for piece in send or [bytes(size)]:
                c.send(piece)
        status = c.read_head()
        return status, c.headers, c.read_all().decode()

    def test_as_its_clients_do(self):
        y = self.client("127.0.0.5")
        self.assertEqual(
            [y[k] for k in (("yp", "name"), ("host", "ip"), ("host", "port_open"), ("host", "speed"), ("host", "over"),
                            ("uptest", "checkable"), ("uptest", "remain"), ("uptest_srv", "addr"), ("uptest_srv", "port"),
                            ("uptest_srv", "object"), ("uptest_srv", "post_size"), ("uptest_srv", "limit"),
                            ("uptest_srv", "interval"), ("uptest_srv", "enabled"))],
            ["DEMO YP", "127.0.0.5", "0", "0", "0", "0", "0", "yp.example.jp", str(self.root_node.port), "/uptest.cgi",
             "250", "3000", "15", "1"])
        status, headers, _ = self.post("127.0.0.5", int(y[("uptest_srv", "post_size")]) * 1000)
        self.assertEqual((status, headers["location"]), (302, "/yp/#upload"))
        y = self.client("127.0.0.5")
        self.assertEqual((y[("host", "speed")], y[("host", "over")]), ("2000", "1"))
        self.assertEqual((self.client("127.0.0.6")[("host", "speed")]), "0")
        status, _, text = self.post("127.0.0.5", 250000)
        self.assertEqual(status, 404)
        self.assertIn("fast enough", text)

    def test_speed(self):
        """240,000 bytes in no less than 1.2 s are 1,600 kbit/s at most, of which four fifths count."""
        def slowly():
            for _ in range(12):
                time.sleep(0.1)
                yield bytes(20000)
        self.assertEqual(self.post("127.0.0.5", 240000, send=slowly())[0], 302)
        y = self.client("127.0.0.5")
        self.assertTrue(0 < int(y[("host", "speed")]) <= 1280, y)
        self.assertTrue(0 < int(y[("uptest", "remain")]) <= 15, y)
        status, _, text = self.post("127.0.0.5", 250000)
        self.assertEqual(status, 404)
        self.assertIn("too soon", text)

    def test_who_sees_what(self):
        cid = new_id()
        viewer = self.node()
        self.t.announce(cid, name="over", genre="yp@@x", bitrate=500)
        self.named("over")

        def ask():
            c = self.closing(self.root_node.client("127.0.0.5"))
            c.request("GET", "/index.txt?host=localhost:%d" % viewer.port)
            c.read_head()
            return parse_index(c.read_all())[0]
        self.assertEqual(ask()["name"], "over (要帯域チェック)")
        self.assertEqual(self.client("127.0.0.5")[("uptest", "checkable")], "1")
        self.assertEqual(self.post("127.0.0.5", 250000)[0], 302)
        got = ask()
        self.assertEqual((got["name"], got["id"], got["limit"]), ("over", cid, "Over"))
        self.assertEqual(self.client("127.0.0.5")[("uptest", "checkable")], "0")

    def test_refused(self):
        for size, headers, want in ((239999, {}, 404), (260001, {}, 413), (10**9, {}, 413),
                                    (250000, {"Content-Length": "x"}, 400), (250000, {"Content-Length": "-1"}, 400),
                                    (0, {"Content-Length": "250000", "Transfer-Encoding": "chunked"}, 400)):
            with self.subTest((size, headers)):
                self.assertEqual(self.post("127.0.0.5", size, headers, send=[])[0], want)
        c = self.closing(self.root_node.client("127.0.0.5"))
        c.request("POST", "/uptest.cgi")
        self.assertEqual(c.read_head(), 411)

    def test_one_at_a_time(self):
        first = self.closing(self.root_node.client("127.0.0.5"))
        first.request("POST", "/uptest.cgi", {"Content-Length": 250000})
        first.send(bytes(1000))
        wait_until(lambda: self.client("127.0.0.5")[("uptest", "remain")] != "0", what="the first has begun")
        status, _, text = self.post("127.0.0.5", 250000, send=[])
        self.assertEqual(status, 404)
        self.assertIn("running", text)
        self.assertEqual(self.post("127.0.0.6", 250000)[0], 302)
        self.assertEqual(first.read_head(), 408)        # it has stalled


# --- pages ---------------------------------------------------------------------------------------------

class Pages(Yp):
    def test_pages(self):
        root = self.start()
        for lang, title in (("en", "Your node"), ("ja", "自分のノード")):
            r = root.get("/yp/", {"Accept-Language": lang})
            self.assertEqual((r.status, r.headers["content-language"]), (200, lang))
            self.assertIn(title, r.text)
            self.assertIn("default-src 'self'", r.headers["content-security-policy"])
            self.assertNotRegex(r.text, r"(?i)<script[^>]*>[^<]|\son\w+=|\bstyle=|javascript:")
            for path in re.findall(r'(?:src|href)="(/[^"]+)"', r.text):
                with self.subTest(path):
                    self.assertEqual(root.get(path).status, 200)
        self.assertEqual(root.get("/yp").headers["location"], "/yp/")
        self.assertEqual(root.get("/yp/../peercast.ini").status, 404)

    def test_both_languages_have_the_same_parts(self):
        root = self.start()
        parts = [re.findall(r'(?:\bid|\bclass|\bdata-[a-z]+)="?[\w ]*', re.sub(r'(data-[a-z]+)="[^"]*"', r"\1=", root.get(
            "/yp/?lang=" + lang).text)) for lang in ("en", "ja")]
        self.assertEqual(parts[0], parts[1])

    def test_chat(self):
        root = self.start()
        self.t.announce(new_id(), name="雑談 ch", genre="yp", url="http://x.example/?a&b")
        self.named("雑談")
        r = root.get("/chat.php?cn=" + urllib.parse.quote_plus("雑談 ch"))
        self.assertEqual((r.status, r.headers["location"]), (302, "http://x.example/?a&b"))
        self.assertEqual(root.get("/chat.php?cn=x").status, 404)


# --- players -------------------------------------------------------------------------------------------

class Players(Yp):
    def test_a_line_plays_through_another_node(self):
        """As a YP browser does it: id and tip of a line, asked of the viewer's own node."""
        root = self.start()
        tracker = self.tracker(root, {"forceNormal": "Yes"})
        self.ffmpeg(tracker, "live", genre="yp@game")
        viewer = self.node()

        def line():
            c = self.closing(root.client())
            c.request("GET", "/index.txt?host=localhost:%d" % viewer.port)
            c.read_head()
            return [x for x in parse_index(c.read_all()) if x["name"] == "live" and x["tip"]]
        got = wait_until(line, what="the line")[0]
        self.assertEqual((got["tip"].rpartition(":")[2], got["type"], got["genre"]), (str(tracker.port), "FLV", "game"))
        url = "http://127.0.0.1:%d/stream/%s.flv?tip=%s" % (viewer.port, got["id"], got["tip"])
        self.assertEqual(ffprobe(url), {"video": "h264", "audio": "aac"})


# --- bad input -----------------------------------------------------------------------------------------

FAKE = {"name": "fake", "genre": "g", "desc": "d", "comment": "c", "type": "FLV", "listeners": 3, "title": ""}


class Bad(Yp):
    """Client streams with one fault each: what the lists say of them."""

    INI = {"ypInfoLine": "No"}
    FAKE_ID = "C0FFEE" + "0" * 25 + "1"

    # file: the channel it is about, and what differs from FAKE; None = it is in no list
    WANT = {
        "good_announce": (FAKE_ID, {}),
        "bcid_mismatch": (FAKE_ID, {}),         # while the right one is there
        "already_connected": (FAKE_ID, {}),
        "unknown_in_bcst": (FAKE_ID, {}),
        "unknown_in_chan": (FAKE_ID, {}),
        "amp_100": (NO_ID[:-2] + "A8", {"name": "amps", "desc": "&" * 100}),
        "bad_utf8": (NO_ID[:-2] + "A3", {"name": "badutf8", "comment": "\ufffd\ufffd bad utf8 \ufffd"}),
        "ctrl_chars": (NO_ID[:-2] + "A1", {"name": "ctrl", "genre": "a b c d"}),
        "shift_jis": (NO_ID[:-2] + "A2", {"name": "sjis", "desc": "テスト sjis"}),
        "xml_inject": (NO_ID[:-2] + "A4", {"name": "inject", "title": '"><evil attr="1'}),
        "string_no_nul": (NO_ID[:-2] + "A5", {"name": "noterm"}),
        "string_255_no_nul": (NO_ID[:-2] + "A6", {"name": "長" * 85}),
        "string_259": (NO_ID[:-2] + "A7", {"name": ("長い" * 43)[:85]}),
        "string_over_256": (NO_ID[:-2] + "E2", {
            "name": ("長い" * 43)[:85], "genre": "a b c d", "desc": "テスト sjis", "title": '"><evil attr="1',
            "comment": "\ufffd\ufffd bad utf8 \ufffd"}),
        "type_quote": (NO_ID[:-1] + "1", {"type": "UNKNOWN"}),
        "type_attr_inject": (NO_ID[:-1] + "2", {"type": "UNKNOWN"}),
        "host_not_recv": (FAKE_ID, None),
        "host_only": (NO_ID[:-2] + "E5", None),
        "host_ip_zero": (NO_ID[:-2] + "E6", None),
        "empty_name": (NO_ID[:-2] + "E1", None),
        "null_channel_id": (NO_ID, None),
    }
    # nothing in them, or the connection ends before it
    SILENT = {"atom_bigger_than_packet", "children_7fffffff", "first_atom_not_helo", "nested_1000", "no_sid", "pcp_length_5",
              "pcp_version_100", "root_atom_to_root", "unknown_top_atom", "version_1199"}

    def send(self, name):
        """A client that sends it, then announces one more channel; its connection, once that was read."""
        c = self.closing(Client(self.root_node.port))
        with contextlib.suppress(OSError), open(os.path.join(DATA, "pcp/bad", name + ".bin"), "rb") as f:
            c.send(f.read())
        marker, sid = new_id(), new_id()
        if CLOSED[name] is not None:
            c.expect_close()
            return c
        c.send_atom(bcst(1, sid, chan_atom(marker, new_id(), name="marker"), host_atom(sid, marker), cid=marker))
        wait_until(lambda: marker in self.root_node.get("/index.txt").text, what="the channel behind it")
        return c

    def leave(self, c):
        """It ends its broadcasts in order: they are in no list any more."""
        c.send_atom(u32("quit", 1008))
        c.expect_close()

    def lists(self):
        """{ id: channel } of each list, all of them strictly parsed, without the marker."""
        root = self.root_node
        view, rss = {}, xml.etree.ElementTree.fromstring(root.get("/index.rss").body)
        for c in root.viewxml().iter("channel"):
            view[c.get("id")] = dict(c.attrib, title=c.find("track").get("title"),
                                     listeners=int(c.find("hits").get("listeners")))
        text = {c["id"]: dict(c, title=c["track"]["title"]) for c in parse_index(root.get("/index.txt").body)}
        data = {c["id"]: dict(c, desc=c["description"], title=c["track"]["title"])
                for c in json.loads(root.get("/api/index.json").body)["channels"]}
        feed = {i.findtext("guid").split("-")[0]: {"name": i.findtext("title"), "genre": i.findtext("category")}
                for i in rss.iter("item")}
        found = {"viewxml": view, "index.txt": text, "index.json": data, "index.rss": feed}
        return {k: {i: c for i, c in v.items() if c["name"] != "marker"} for k, v in found.items()}

    def check(self, name):
        cid, differs = self.WANT.get(name, (None, None))
        for where, channels in self.lists().items():
            with self.subTest((name, where)):
                self.assertEqual(set(channels), set() if differs is None else {cid})
                if differs is not None:
                    want = dict(FAKE, **differs)
                    if where == "index.txt":    # its readers do not decode this one
                        want = {k: v.replace('"', "&quot;") if isinstance(v, str) else v for k, v in want.items()}
                    got = channels[cid]
                    self.assertEqual({k: got[k] for k in want if k in got}, {k: v for k, v in want.items() if k in got})

    def test_each(self):
        self.start()
        files = {f.split(".")[0] for f in os.listdir(os.path.join(DATA, "pcp/bad"))}
        self.assertEqual(files, set(self.WANT) | self.SILENT)
        c = self.send("good_announce")
        self.check("good_announce")
        other = self.send("bcid_mismatch")
        self.check("bcid_mismatch")
        self.leave(other)
        self.leave(c)
        for name in sorted(files - {"good_announce", "bcid_mismatch"}):
            c = self.send(name)
            self.check(name)
            if CLOSED[name] is None:
                self.leave(c)

    def test_private_and_claims(self):
        """Counts nobody can check are cut, a negative bitrate is none, the sums stay sums."""
        root = self.start()
        cid = new_id()
        self.t.send_atom(bcst(1, self.t.sid, chan_atom(cid, self.t.bcid, name="n", bitrate=-5),
                              host_atom(self.t.sid, cid, listeners=0xffffffff, relays=0x7fffffff), cid=cid))
        got = self.named("n")
        self.assertEqual((got["listeners"], got["relays"], got["bitrate"]), (100000, 100000, 0))
        self.assertEqual(root.viewxml().find("channels_found/channel/hits").get("listeners"), "100000")


if __name__ == "__main__":
    unittest.main()
