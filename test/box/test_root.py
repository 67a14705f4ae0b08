# SPDX-License-Identifier: GPL-2.0-or-later
"""A root: announcements, the channel log and its file, ownership, forwarding, settings (yp.md 1, 2)."""
import contextlib
import os
import re
import signal
import stat
import tempfile
import time
import urllib.parse

from harness import (FLG_CIN, FLG_RECV, FLG_RELAY, FLG_TRACKER, GRP_ALL, GRP_RELAYS, GRP_ROOT, GRP_TRACKERS, PATIENCE,
                     BoxCase, bcst, box, chan_atom, gid, host_atom, ip, leaf, new_id, text, u16, u32, wait_until)

NOTHING_MORE = 0.3
GONE = FLG_TRACKER | FLG_RELAY | FLG_CIN        # RECV clear: the farewell

TEXTS = {"name": "テスト配信 FLV「雑談」", "genre": "ゲーム 雑談", "desc": "レトロゲーム <第2部>",
         "url": "http://jbbs.example.jp/game/1/?a=1&b=2", "comment": "ボス戦開始！ 3 < 5 && \"ok\"", "bitrate": 194,
         "title": "曲名 A&B", "artist": "作者", "album": "アルバム", "contact": "http://example.jp/track"}

RECORD = """<update time="{time}">
<channel name="テスト配信 FLV「雑談」" id="{cid}" bitrate="194" type="FLV" genre="ゲーム 雑談" \
desc="レトロゲーム &lt;第2部&gt;" url="http://jbbs.example.jp/game/1/?a=1&amp;b=2" uptime="0" \
comment="ボス戦開始！ 3 &lt; 5 &amp;&amp; &quot;ok&quot;" skips="0" age="0" bcflags="{flags}">
<hits hosts="{hosts}" listeners="{listeners}" relays="{relays}" firewalled="0" closest="{closest}" \
furthest="{furthest}" newest="{newest}"/>
<track title="曲名 A&amp;B" artist="作者" album="アルバム" genre="" contact="http://example.jp/track"/>
</channel>
</update>
"""


class Records(BoxCase):
    """What is written."""

    def raw(self, root):
        with contextlib.suppress(FileNotFoundError), open(root.chanlog_path, "rb") as f:
            return f.read().decode("utf-8")
        return ""

    def wait_records(self, root, n):
        return wait_until(lambda: len(root.chanlog()) >= n and root.chanlog(), what="%d records" % n)

    def test_bytes(self):
        root = self.root()
        c, cid = self.control(root), new_id()
        c.announce(cid, listeners=2, relays=3, **TEXTS)
        first = self.wait_records(root, 1)[0]
        now = first.get("time")
        self.assertLess(abs(int(now) - time.time()), 5)
        want = {"cid": cid, "flags": int(c.bcid[:2], 16), "hosts": 0, "listeners": 0, "relays": 0,
                "closest": 10000, "furthest": 0, "newest": now, "time": now}
        self.assertEqual(self.raw(root), RECORD.format(**want))
        c.announce(cid, listeners=5, relays=4, **TEXTS)
        second = self.wait_records(root, 2)[1]
        text2 = self.raw(root)[len(RECORD.format(**want)):]
        want.update(hosts=1, listeners=2, relays=3, closest=1, furthest=1, time=second.get("time"),
                    newest=second.find("channel/hits").get("newest"))
        self.assertEqual(re.sub(r' age="\d+"', ' age="0"', text2), RECORD.format(**want))
        self.assertLessEqual(int(want["newest"]), 2)

    def test_after_host(self):
        root = self.root({"chanLogAfterHost": "Yes"})
        c = self.control(root)
        c.announce(new_id(), listeners=2, name="x")
        self.assertEqual(self.wait_records(root, 1)[0].find("channel/hits").get("listeners"), "2")

    def test_not_compat(self):
        root = self.root({"chanLogCompat": "No"})
        c = self.control(root)
        c.announce(new_id(), name="x")
        hits = self.wait_records(root, 1)[0].find("channel/hits")
        self.assertEqual([hits.get(k) for k in ("closest", "furthest", "newest")], ["0", "0", "0"])

    def test_what_is_recorded(self):
        """A chan without a host: yes. A host alone, a nameless channel, a channel without an id: no. Parts
        that are not sent keep their values."""
        root = self.root()
        c, cid, nameless = self.control(root), new_id(), new_id()
        c.send_atom(bcst(GRP_ROOT, c.sid, host_atom(c.sid, new_id()), cid=nameless))
        c.announce(nameless, name="")
        c.announce("0" * 32, name="zero")
        c.send_atom(bcst(GRP_ROOT, c.sid, chan_atom(cid, c.bcid, name="x", genre="g", title="t"), cid=cid))
        c.send_atom(box("chan", gid("id", cid), gid("bcid", c.bcid), box("info", text("desc", "d"))))
        c.send_atom(box("atom", box("chan", gid("id", cid), gid("bcid", c.bcid),
                                    box("trck", text("titl", "u")))))
        got = [r.find("channel") for r in self.wait_records(root, 3)]
        self.assertEqual({x.get("id") for x in got}, {cid})
        self.assertEqual([(x.get("name"), x.get("genre"), x.get("desc"), x.find("track").get("title"))
                          for x in got], [("x", "g", "", "t"), ("x", "g", "d", "t"), ("x", "g", "d", "u")])

    def test_hosts_of_others(self):
        """Only trackers count on a root."""
        root = self.root()
        c, cid = self.control(root), new_id()
        c.announce(cid, name="x", listeners=7, flags=FLG_RELAY | FLG_RECV)
        c.announce(cid, name="x", listeners=9)
        c.announce(cid, name="x")
        self.assertEqual([r.find("channel/hits").get("listeners") for r in self.wait_records(root, 3)],
                         ["0", "0", "9"])

    def ends(self, root):
        return re.findall(r'^<end time="\d+" id="([0-9A-F]{32})" reason="(\w+)"/>$', self.raw(root), re.M)

    def test_ends(self):
        root = self.root({"chanLogEvents": "Yes", "ghostTimeout": 1})
        ids = {}
        stop, quits, breaks, stays = (self.control(root) for _ in range(4))
        for name, c in (("stop", stop), ("quits", quits), ("breaks", breaks), ("stays", stays)):
            ids[name] = new_id()
            c.announce(ids[name], name=name)
        self.wait_records(root, 4)
        stop.announce(ids["stop"], name="stop", flags=GONE)
        wait_until(lambda: self.ends(root) == [(ids["stop"], "stop")], seconds=4, what="end by farewell")
        quits.send_atom(u32("quit", 1009))
        quits.expect_close()
        wait_until(lambda: self.ends(root)[1:] == [(ids["quits"], "stop")], what="end by quit 1009")
        start = time.monotonic()
        breaks.reset()
        wait_until(lambda: self.ends(root)[2:] == [(ids["breaks"], "timeout")], what="end by a broken line")
        self.assertGreater(time.monotonic() - start, 0.9)
        root.send_signal(signal.SIGTERM)
        self.assertEqual(root.wait_exit(), 0)
        self.assertEqual(self.ends(root)[3:], [(ids["stays"], "shutdown")])

    def test_no_ends(self):
        root = self.root()
        c, cid = self.control(root), new_id()
        c.announce(cid, name="x")
        c.announce(cid, name="x", flags=GONE)
        wait_until(lambda: root.viewxml().find("channels_found").get("total") == "0", what="empty list")
        self.assertEqual(self.ends(root), [])

    def test_comes_back(self):
        """A tracker whose line broke and that is back in time never ended."""
        root = self.root({"chanLogEvents": "Yes", "ghostTimeout": 2})
        c, cid = self.control(root), new_id()
        c.announce(cid, name="x")
        self.wait_records(root, 1)
        c.reset()
        root.wait_log("cin .* ended")
        d = self.control(root, sid=c.sid, bcid=c.bcid)
        d.announce(cid, name="x")
        self.wait_records(root, 2)
        time.sleep(3.2)         # nothing is to happen in it
        self.assertEqual(self.ends(root), [])
        self.assertEqual(root.viewxml().find("channels_found").get("total"), "1")

    def test_hit_timeout(self):
        root = self.root({"chanLogEvents": "Yes", "hitTimeout": 10})
        c = self.control(root)
        c.announce(new_id(), name="x")
        self.wait_records(root, 1)
        self.assertEqual(self.ends(root), [])
        wait_until(lambda: self.ends(root), 15, "end by silence")
        self.assertEqual(self.ends(root)[0][1], "timeout")

    def test_node_that_is_no_root(self):
        """A relay logs what it learns of its own channel, and not every packet of it."""
        tracker = self.node()
        self.push(tracker, name="mine")
        cid = tracker.wait_channel("mine")["channelId"]
        node = self.node({"chanLog": "channels.xml"})
        with node.view(cid, "?tip=%s" % tracker.address) as v:
            v.read(5000)
            names = [r.find("channel").get("name") for r in self.wait_records(node, 1)]
        self.assertEqual(set(names), {"mine"})
        self.assertLess(len(names), 5)


class File(BoxCase):
    """How it is written."""

    def setUp(self):
        self.serial = 0

    def say(self, root, c):
        """One more record. Its name."""
        self.serial += 1
        c.announce(self.cid, name="n%d" % self.serial)
        return "n%d" % self.serial

    def start(self, **ini):
        root = self.root(ini)
        self.cid = new_id()
        return root, self.control(root)

    @staticmethod
    def names(root, path=None):
        return [r.find("channel").get("name") for r in root.chanlog(path)]

    def wait_name(self, root, name, path=None):
        wait_until(lambda: name in self.names(root, path), what="record %s" % name)

    def test_mode(self):
        for mode in ("0640", "0604"):
            root, c = self.start(chanLogMode=mode)
            self.wait_name(root, self.say(root, c))
            self.assertEqual("%04o" % stat.S_IMODE(os.stat(root.chanlog_path).st_mode), mode)

    def test_reopened_by_signal(self):
        root, c = self.start()
        self.wait_name(root, self.say(root, c))
        old = root.chanlog_path + ".old"
        os.rename(root.chanlog_path, old)
        root.send_signal(signal.SIGHUP)
        root.wait_log("settings read again")
        self.wait_name(root, self.say(root, c))
        self.assertEqual(self.names(root, old), ["n1"])

    def test_reopened_by_itself(self):
        root, c = self.start()
        self.wait_name(root, self.say(root, c))
        old = root.chanlog_path + ".old"
        os.rename(root.chanlog_path, old)

        def new_file():
            self.say(root, c)
            return os.path.exists(root.chanlog_path)
        wait_until(new_file, 5, "a new file")
        last = self.say(root, c)
        self.wait_name(root, last)
        self.assertEqual(self.names(root, old) + self.names(root), ["n%d" % (i + 1) for i in range(self.serial)])

    def test_rotated(self):
        root, c = self.start(chanLogMaxSize=4096)
        for _ in range(40):
            last = self.say(root, c)
        self.wait_name(root, last)
        both = self.names(root, root.chanlog_path + ".1") + self.names(root)
        self.assertEqual(both, ["n%d" % (i + 1) for i in range(40)][-len(both):])
        self.assertLess(os.path.getsize(root.chanlog_path), 4096 * 16)

    def test_disk_full(self):
        root, c = self.start(chanLog="/dev/full")
        self.say(root, c)
        root.wait_log(r"\[EROR\] channel log /dev/full: write: No space left")
        self.say(root, c)
        # it serves on, and recovers on another path
        self.assertEqual(root.viewxml().find("channels_found").get("total"), "1")
        self.assertEqual(len([x for x in root.out.lines if "channel log" in x]), 1)

    def test_no_folder(self):
        root, c = self.start(chanLog="missing/channels.xml")
        self.say(root, c)
        root.wait_log(r"\[EROR\] channel log missing/channels.xml: open: No such file")
        root.chanlog_path = os.path.join(root.dir, "missing/channels.xml")
        os.mkdir(os.path.dirname(root.chanlog_path))
        self.wait_name(root, "n1")      # kept until it could be written

    def test_many(self):
        """Thousands of announcements: nothing is lost, every record is whole, in order."""
        root, c = self.start(logLevel=3)
        data = b"".join(bcst(GRP_ROOT, c.sid, chan_atom(self.cid, c.bcid, name="n%d" % i),
                             host_atom(c.sid, self.cid), cid=self.cid).encode() for i in range(900))
        c.send(data)
        self.wait_name(root, "n899")
        self.assertEqual(self.names(root), ["n%d" % i for i in range(900)])

    def test_drained_at_the_end(self):
        root, c = self.start(logLevel=3)
        for _ in range(200):
            last = self.say(root, c)
        c.send_atom(u32("quit", 1000))
        c.expect_close()                # so it has read them all
        root.send_signal(signal.SIGTERM)
        self.assertEqual(root.wait_exit(), 0)
        self.assertEqual(self.names(root)[-1], last)


class History(BoxCase):
    """What a root remembers: getgmt.php, and the file behind it."""

    def ask(self, root, name, **args):
        query = urllib.parse.urlencode(dict(cn=name, **args))
        return root.get("/getgmt.php?" + query)

    def json(self, root, name, **args):
        r = self.ask(root, name, format="json", **args)
        self.assertEqual(r.status, 200, r.body)
        return r.json()

    def restarted(self, root):
        """What a minute brings comes at the end of a node, too."""
        root.stop()
        root.start()
        return root

    def test_kept(self):
        root = self.root()
        c = self.control(root)
        c.announce(new_id(), listeners=7, relays=3, bitrate=500, **{k: v for k, v in TEXTS.items() if k != "bitrate"})
        wait_until(root.chanlog, what="the announcement")
        self.restarted(root)
        got = self.json(root, TEXTS["name"])
        # one for the end, and one more when a minute ended meanwhile
        self.assertEqual({(s["listeners"], s["relays"], s["bitrate"]) for s in got["samples"]}, {(7, 3, 500)})
        self.assertEqual(got["infos"][0]["desc"], TEXTS["desc"])
        self.assertEqual(got["infos"][0]["comment"], TEXTS["comment"])
        self.assertEqual(got["days"], [got["date"]])
        self.assertEqual(got["samples"][0]["time"] % 60, 0)
        self.assertLessEqual(abs(got["samples"][0]["time"] - time.time()), 120)
        page = self.ask(root, TEXTS["name"])
        self.assertEqual(page.status, 200)
        self.assertIn("default-src 'none'", page.headers["content-security-policy"])
        text = page.body.decode("utf-8")
        self.assertIn("7 / 3", text)
        self.assertIn("レトロゲーム &lt;第2部&gt;", text)
        self.assertNotIn("<第2部>", text)
        self.assertIn("<title>%s - Statistics - " % TEXTS["name"].replace("&", "&amp;"), text)
        self.assertIn("統計", self.ask(root, TEXTS["name"], lang="ja").body.decode("utf-8"))
        self.assertEqual(self.json(root, TEXTS["name"], date="20200101")["samples"], [])
        self.assertEqual(self.json(root, "nobody")["days"], [])

    def test_hidden_and_foreign(self):
        root = self.root({"ypGenrePrefix": "yp"})
        c = self.control(root)
        c.announce(new_id(), name="hides", genre="yp?x", listeners=7)
        c.announce(new_id(), name="elsewhere", genre="x", listeners=7)
        wait_until(lambda: len(root.chanlog()) == 2)
        self.restarted(root)
        self.assertEqual({s["listeners"] for s in self.json(root, "hides")["samples"]}, {-1})
        self.assertEqual(self.json(root, "elsewhere")["samples"], [])

    def test_bad_requests(self):
        root = self.root()
        for query in ("", "?cn=", "?cn=x&date=1", "?cn=x&date=20261345", "?cn=x&date=2026112a", "?date=20261120",
                      "?cn=%00"):
            self.assertEqual(root.get("/getgmt.php" + query).status, 400, query)
        off = self.root({"historyDays": 0})
        self.assertEqual(off.get("/getgmt.php?cn=x").status, 404)
        self.assertEqual(self.node().get("/getgmt.php?cn=x").status, 404)
        self.assertFalse(os.path.exists(os.path.join(off.dir, "history.sqlite")))

    def test_broken_file(self):
        """It is put aside, and the node serves on."""
        root = self.root()
        root.stop()
        path = os.path.join(root.dir, "history.sqlite")
        with open(path, "wb") as f:
            f.write(b"no database" * 1000)
        root.start()
        root.wait_log(r"\[EROR\] history: .*history.sqlite was broken")
        self.control(root).announce(new_id(), name="x")
        wait_until(root.chanlog, what="the announcement")
        self.restarted(root)
        self.assertTrue(self.json(root, "x")["samples"])
        self.assertTrue(os.path.exists(path + ".bad"))

    def test_no_disk(self):
        """History that cannot be written costs history."""
        root = self.root()
        root.stop()
        path = os.path.join(root.dir, "history.sqlite")
        os.unlink(path)
        os.mkdir(path)
        root.start()
        root.wait_log(r"\[EROR\] history: .*unable to open")
        self.control(root).announce(new_id(), name="x")
        wait_until(lambda: root.viewxml().find("channels_found").get("total") == "1", what="service")
        self.assertEqual(self.ask(root, "x").status, 404)


class Status(BoxCase):
    def test_counts(self):
        cid = new_id()
        root = self.root({"maxControlConnections": 2, "announcePolicy": "sameip", "rootForward": "none"})
        owner, thief = self.control(root), self.control(root)
        owner.announce(cid, name="mine")
        owner.announce(new_id(), name="second")
        wait_until(lambda: len(root.chanlog()) == 2)
        thief.announce(cid, name="stolen")
        thief.send_atom(bcst(GRP_TRACKERS, thief.sid, text("mesg", "psst")))
        self.assertEqual(self.control(root).quit, 1003)
        self.assertEqual(self.control(root, sid=owner.sid).quit, 1002)
        wait_until(lambda: root.rpc("getRootStatus")["dropped"] == 1, what="the thief to be heard")
        got = root.rpc("getRootStatus")
        self.assertEqual((got["controlConnections"], got["maxControlConnections"], got["channels"]), (2, 2, 2))
        self.assertEqual(got["refused"], {"full": 1, "duplicate": 1, "owner": 1, "policy": 0, "banned": 0})
        self.assertEqual((got["forwarded"], got["channelLog"]["written"], got["bans"]), (0, 2, 0))
        by_sid = {c["sessionId"]: c for c in got["connections"]}
        self.assertEqual(set(by_sid), {owner.sid, thief.sid})
        self.assertEqual((by_sid[owner.sid]["channels"], by_sid[thief.sid]["channels"]), (2, 0))
        self.assertIsNone(by_sid[thief.sid]["lastUpdate"])
        self.assertLessEqual(by_sid[owner.sid]["lastUpdate"], 5)

    def test_settings_sent_now(self):
        """The operator need not wait for the next round."""
        root = self.root({"rootMsg": "hello"})
        c = self.control(root)
        while c.read_atom().name != "root":     # the request for updates at the start
            pass
        for args, upd in (([], False), ([False], False), ([True], True)):
            self.assertIsNone(root.rpc("broadcastRootSettings", args))
            got = c.read_atom()
            self.assertEqual((got.name, got.get("grp").u8), ("bcst", GRP_TRACKERS))
            self.assertEqual(got.get("root").get("asci").data, b"hello\0")
            self.assertEqual(got.get("root").get("upd") is not None, upd)

    def test_no_root(self):
        for method in ("getRootStatus", "broadcastRootSettings"):
            with self.assertRaisesRegex(Exception, "not a root"):
                self.node().rpc(method)


class Bans(BoxCase):
    """banList: who is not wanted, and what happens to those that are here already."""

    def start(self, lines):
        folder = tempfile.TemporaryDirectory(prefix="peercast-bans-")
        self.addCleanup(folder.cleanup)
        self.bans = os.path.join(folder.name, "bans")
        self.write(lines)
        return self.root({"banList": self.bans, "chanLogEvents": "Yes"})

    def write(self, lines):
        with open(self.bans + ".new", "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))
        os.rename(self.bans + ".new", self.bans)

    def reload(self, root, lines):
        self.write(lines)
        since = len(root.out.lines)
        root.send_signal(signal.SIGHUP)
        root.wait_log("settings read again", since=since)

    @staticmethod
    def names(root):
        return sorted(c.get("name") for c in root.viewxml().find("channels_found"))

    def test_session(self):
        sid = new_id()
        root = self.start(["session " + sid])
        self.control(root).announce(new_id(), name="good")
        self.assertEqual(self.control(root, sid=sid).quit, 1011)
        wait_until(lambda: self.names(root) == ["good"], what="the others' channel")

    def test_session_that_is_here(self):
        root = self.start([])
        good, bad = self.control(root), self.control(root)
        good.announce(new_id(), name="good")
        bad.announce(new_id(), name="bad")
        wait_until(lambda: self.names(root) == ["bad", "good"], what="both")
        self.reload(root, ["session " + bad.sid])
        while (atom := bad.read_atom()).name != "quit":
            pass
        self.assertEqual(atom.u32, 1011)
        bad.expect_close()
        wait_until(lambda: self.names(root) == ["good"], what="the ban to count")
        good.announce(new_id(), name="still")
        wait_until(lambda: self.names(root) == ["good", "still"], what="the other connection")

    def test_address(self):
        root = self.start(["address 127.0.0.0/8"])
        self.assertEqual(self.control(root).quit, 1011)
        self.reload(root, ["# nobody"])
        self.control(root).announce(new_id(), name="x")
        wait_until(lambda: self.names(root) == ["x"], what="the ban to end")

    def test_channels(self):
        cid, kept = new_id(), new_id()
        root = self.start(["channel " + cid, "name *casino*"])
        c = self.control(root)
        c.announce(cid, name="by id")
        c.announce(new_id(), name="The CASINO!")
        c.announce(kept, name="kept")
        wait_until(lambda: self.names(root) == ["kept"], what="the channel that is not banned")
        self.reload(root, ["name k?pt"])
        wait_until(lambda: self.names(root) == [], 4, "the ban to count")
        c.announce(kept, name="kept")
        c.announce(cid, name="by id")
        wait_until(lambda: self.names(root) == ["by id"], what="the one that is allowed again")
        self.assertEqual(len([x for x in root.out.lines if "it is banned" in x]), 1)

    def test_bad_file(self):
        root = self.start(["session 12", "channel " + new_id()])
        root.wait_log(r"bans:1: an id has 32 hex digits; the line is ignored")
        root.wait_log(r"bans .*: 1$")
        os.unlink(self.bans)
        root.send_signal(signal.SIGHUP)
        root.wait_log(r"bans .*: No such file or directory; the old ones stay")


class Ownership(BoxCase):
    def listed(self, root, cid):
        for chan in root.viewxml().iter("channel"):
            if chan.get("id") == cid:
                return chan.get("name"), int(chan.find("hits").get("listeners"))
        return None

    def test_other_broadcaster(self):
        root = self.root()
        cid = new_id()
        owner, thief = self.control(root), self.control(root)
        owner.announce(cid, name="mine", listeners=3)
        wait_until(root.chanlog)
        thief.announce(cid, name="stolen", listeners=1000)
        thief.send_atom(bcst(GRP_ROOT, thief.sid, host_atom(thief.sid, cid, listeners=1000), cid=cid))
        thief.send_atom(bcst(GRP_ROOT, thief.sid, chan_atom(cid, None, name="stolen"), cid=cid))
        thief.send_atom(bcst(GRP_ROOT, thief.sid, chan_atom(cid, owner.bcid, name="mine"),
                             host_atom(owner.sid, cid, flags=GONE), cid=cid))
        mark = new_id()
        thief.announce(mark, name="mark")
        wait_until(lambda: self.listed(root, mark), what="everything to be read")
        self.assertEqual(self.listed(root, cid), ("mine", 3))
        self.assertEqual(len([x for x in root.out.lines if "another broadcaster" in x]), 1)
        wait_until(lambda: len(root.chanlog()) >= 3, what="the records")
        self.assertEqual([r.find("channel").get("name") for r in root.chanlog()], ["mine", "mine", "mark"])

    def test_same_address(self):
        root = self.root({"announcePolicy": "sameip"})
        c, good, bad = self.control(root), new_id(), new_id()
        c.send_atom(bcst(GRP_ROOT, c.sid, chan_atom(bad, c.bcid, name="bad"),
                         box("host", gid("cid", bad), gid("id", c.sid), ip("ip", "198.51.100.9"), u16("port", 7144),
                             leaf("flg1", b"\x33")), cid=bad))
        c.announce(good, name="good")
        wait_until(lambda: self.listed(root, good), what="the good one")
        self.assertIsNone(self.listed(root, bad))
        root.wait_log("announcePolicy")

    def test_hits_a_second(self):
        """60 new ones from one connection; updates of known ones are not limited."""
        root = self.root()
        c = self.control(root)
        data = b""
        for _ in range(300):
            cid = new_id()
            data += bcst(GRP_ROOT, c.sid, chan_atom(cid, c.bcid, name="flood"),
                         host_atom(c.sid, cid), cid=cid).encode()
        c.send(data)
        c.send_atom(u32("quit", 1000))
        c.expect_close()
        n = int(root.viewxml().find("channels_found").get("total"))
        self.assertGreaterEqual(n, 60)
        self.assertLess(n, 200)


class Forward(BoxCase):
    """A root passes on next to nothing (yp.md 2.4)."""

    PUSH = box("push", ip("ip", "198.51.100.7"), u16("port", 7144))

    def talk(self, **ini):
        root = self.root(ini)
        a, b = self.control(root), self.control(root)
        for c in (a, b):
            c.read_atom()       # root{upd}
        return root, a, b

    def test_push_alone(self):
        _, a, b = self.talk()
        for atom in (bcst(GRP_ALL, a.sid, self.PUSH),
                     bcst(GRP_ALL, a.sid, self.PUSH, box("mesg"), dest=b.sid),
                     bcst(GRP_TRACKERS, a.sid, chan_atom(new_id(), a.bcid, name="x")),
                     bcst(GRP_ALL, a.sid, box("mesg"), dest=b.sid),
                     bcst(GRP_ALL, a.sid, self.PUSH, dest=new_id(), ttl=1)):
            a.send_atom(atom)
        a.send_atom(bcst(GRP_ALL, a.sid, self.PUSH, dest=b.sid))
        got = b.read_atom()
        self.assertEqual((got.name, got["ttl"].u8, got["hops"].u8, got["dest"].hex), ("bcst", 6, 1, b.sid))
        self.assertEqual(got["push"]["ip"].ip, "198.51.100.7")
        a.send_atom(bcst(GRP_ALL, a.sid, self.PUSH, dest=b.sid))        # too soon
        with self.assertRaises(TimeoutError):
            b.read_atom(NOTHING_MORE)

    def test_none(self):
        _, a, b = self.talk(rootForward="none")
        a.send_atom(bcst(GRP_ALL, a.sid, self.PUSH, dest=b.sid))
        with self.assertRaises(TimeoutError):
            b.read_atom(NOTHING_MORE)

    def test_all(self):
        _, a, b = self.talk(rootForward="all")
        a.send_atom(bcst(GRP_TRACKERS, a.sid, leaf("mesg", b"hi\0")))
        self.assertEqual(b.read_atom()["mesg"].text, "hi")
        a.send_atom(bcst(GRP_ROOT, a.sid, leaf("mesg", b"up\0")))
        with self.assertRaises(TimeoutError):
            b.read_atom(NOTHING_MORE)


class Settings(BoxCase):
    """What a root tells its trackers."""

    def test_handshake(self):
        root = self.root({"rootMsg": "YPテスト & <b>", "hostUpdateInterval": 77})
        c = self.control(root)
        self.assertEqual([a.name for a in c.first], ["oleh", "root", "ok"])
        told = c.first[1]
        self.assertEqual([a.name for a in told.children], ["uint", "url", "chkv", "next", "asci"])
        self.assertEqual((told["uint"].u32, told["next"].u32, told["url"].text, told["asci"].text),
                         (77, 77, "download.php", "YPテスト & <b>"))
        self.assertIn("upd", c.read_atom())

    def test_relay_handshake(self):
        """On every PCP handshake, that of a relay too."""
        root = self.root()
        c, cid = self.control(root), new_id()
        c.announce(cid, name="x")
        wait_until(root.chanlog)
        r = self.relay(root, cid)
        self.assertEqual(r.status, 503)
        self.assertEqual(r.read_atom().name, "root")

    def test_every_interval(self):
        root = self.root({"hostUpdateInterval": 1})
        c = self.control(root)
        c.read_atom()
        start = time.monotonic()
        for _ in range(3):
            got = c.read_atom(3)
            self.assertEqual([a.name for a in got.children],
                             ["grp", "hops", "ttl", "from", "vers", "vrvp", "vexp", "vexn", "root"])
            self.assertEqual((got["grp"].u8, got["hops"].u8, got["ttl"].u8), (GRP_TRACKERS, 0, 7))
            self.assertEqual([a.name for a in got["root"].children],
                             ["uint", "url", "chkv", "next", "asci", "upd"])
        self.assertLess(time.monotonic() - start, 3.6 * PATIENCE)
        self.assertGreater(time.monotonic() - start, 1.9)

    def test_changed_interval(self):
        """A tracker leaves a root that is silent for longer than it said: a new interval is told at once."""
        root = self.root({"hostUpdateInterval": 90})
        c = self.control(root)
        c.read_atom()
        with open(root.ini_path, encoding="utf-8") as f:
            ini = f.read()
        with open(root.ini_path, "w", encoding="utf-8") as f:
            f.write(ini.replace("hostUpdateInterval = 90", "hostUpdateInterval = 60\nrootMsg = new"))
        root.send_signal(signal.SIGHUP)
        told = c.read_atom()["root"]
        self.assertEqual((told["uint"].u32, told["next"].u32, told["asci"].text), (60, 60, "new"))
        self.assertIn("upd", told)

    def test_channels_without_an_id(self):
        """Three of them, and the connection ends (yp.md 5)."""
        root = self.root()
        c = self.control(root)
        c.read_atom()
        for _ in range(3):
            c.announce("0" * 32, name="zero")
        self.assertEqual(c.read_atom().u32, 1006)
        c.expect_close()
        root.wait_log("channels without an id")
        self.assertEqual(root.viewxml().find("channels_found").get("total"), "0")

    def test_root_from_a_client(self):
        for wrap in (lambda a, c: a, lambda a, c: bcst(GRP_RELAYS, c.sid, a), lambda a, c: box("atom", a)):
            root = self.root()
            c = self.control(root)
            c.send_atom(wrap(box("root", u32("uint", 30), leaf("upd")), c))
            self.assertEqual(c.wait_atom("quit").u32, 1006)
            c.expect_close()
            root.wait_log("root settings from a client")

    def test_real_tracker(self):
        """A node of ours announces itself, answers the root's wish, and leaves in order."""
        root = self.root({"chanLogEvents": "Yes"})
        tracker = self.tracker(root, {"sourceGraceSec": 0})
        push = self.push(tracker, name="A & B", genre="g", url="http://example.com/")
        cid = tracker.wait_channel("A & B")["channelId"].upper()

        def on_root():
            return [c for c in root.viewxml().iter("channel") if c.get("id") == cid and c.find("hits/host") is not None]
        chan = wait_until(on_root, what="the channel on the root")[0]
        self.assertEqual((chan.get("name"), chan.get("genre"), chan.get("url")), ("A & B", "g", "http://example.com/"))
        host = chan.find("hits/host")
        self.assertEqual((host.get("hops"), host.get("tracker")), ("1", "1"))
        with tracker.view(cid) as v:
            v.read(1000)
            push.stop()
            v.expect_close()
        wait_until(lambda: not on_root(), what="the end on the root")
        tracker.wait_log("cout: leaving .* quit 1008")
        root.wait_log("cin .* it said quit 1008")

    def test_root_goes(self):
        root = self.root()
        tracker = self.tracker(root)
        self.push(tracker, name="x")
        wait_until(root.chanlog)
        root.stop()
        tracker.wait_log(r"\[WARN\] cout: .* ends the connection: quit 1009 shutdown")
