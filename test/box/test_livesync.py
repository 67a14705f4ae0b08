# SPDX-License-Identifier: GPL-2.0-or-later
"""Live sync: roots that tell one another their channels (yp.md 4)."""
import collections
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import time
import unittest

from harness import (FLG_CIN, FLG_PUSH, FLG_RECV, FLG_RELAY, FLG_TRACKER, GRP_ROOT, PATIENCE, PEERCAST, BoxCase, Control,
                     bcst, chan_atom, host_atom, new_id, slow)
from net import PORT, NetCase

GONE = FLG_TRACKER | FLG_RELAY | FLG_CIN        # RECV clear: the farewell
FAST = {"livesync": "Yes", "livesyncFlush": 0, "livesyncBeacon": 1, "livesyncFirstBeacon": 1}
KEY = "7:" + "0123456789abcdef" * 4 + "\n"
LONG = 20               # two seconds are enough on a machine that has nothing else to do

Line = collections.namedtuple("Line", "name cid tip listeners status")


def index(root):
    """The channels of index.txt, by name."""
    lines = [x.split("<>") for x in root.get("/index.txt").text.splitlines()]
    return {f[0]: Line(f[0], f[1], f[2], int(f[6]), f[16]) for f in lines if f[1].strip("0")}


def hosts(root, cid):
    """The hosts of viewxml's channels_found."""
    c = root.viewxml().find("channels_found/channel[@id='%s']" % cid)
    return [] if c is None else [h.get("ip") for h in c.findall("hits/host")]


def logged(root, cid):
    """What the channel log has of it: (name, listeners) of each record."""
    return [(c.get("name"), int(c.find("hits").get("listeners")))
            for c in (r.find("channel") for r in root.chanlog()) if c.get("id") == cid]


def sync(root):
    return root.rpc("getRootStatus")["liveSync"]


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Tracker(Control):
    """A tracker that anybody could reach."""

    def announce(self, cid, listeners=0, relays=0, flags=None, address="203.0.113.200", port=7144, **info):
        kw = {} if flags is None else {"flags": flags}
        self.send_atom(bcst(GRP_ROOT, self.sid, chan_atom(cid, self.bcid, **info),
                            host_atom(self.sid, cid, address, port, listeners=listeners, relays=relays, **kw),
                            cid=cid))


class Cluster:
    """What the cases below share; of a BoxCase."""

    def keyed(self, node, text=KEY, mode=0o600):
        """A key file beside the node's ini, which names it."""
        path = os.path.join(node.dir, "key")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        with open(node.ini_path, "a", encoding="ascii") as f:
            f.write("livesyncKey = %s\n" % path)

    def tracker_of(self, root, **kw):
        """A tracker at its machine, with a public address."""
        with root.inside():
            return self.closing(Tracker(root, **kw))

    def wait_running(self, *roots):
        for r in roots:
            r.wait_log(r"livesync: instance [0-9a-f]{8} ")

    def wait_known(self, roots):
        """Everybody has heard everybody."""
        for r in roots:
            self.wait(lambda r=r: len(sync(r)["instances"]) == len(roots) - 1, LONG,
                      "%s knows the others" % r.name)

    def follows(self, roots, seen=None):
        """What a tracker tells the first root shows on all: a new channel, changes, and its end."""
        seen = seen if seen is not None else roots
        c, cid = self.tracker_of(roots[0]), new_id()
        c.announce(cid, name="new one", listeners=3, genre="g", bitrate=500)
        for i, r in enumerate(seen):
            self.wait(lambda r=r: index(r).get("new one"), LONG, "new one on root %d" % i)
        c.announce(cid, name="changed", listeners=5, genre="g", bitrate=500)
        for r in seen:
            self.wait(lambda r=r: "changed" in index(r) and index(r)["changed"].listeners == 5, LONG,
                      "changed on %s" % r.name)
            self.assertEqual(index(r)["changed"].cid, cid)
            self.assertEqual(len(hosts(r, cid)), 1)
            self.wait(lambda r=r: logged(r, cid) and logged(r, cid)[-1][0] == "changed")
            self.assertEqual(logged(r, cid)[0][0], "new one")
        c.announce(cid, name="changed", flags=GONE)
        for r in seen:
            self.wait(lambda r=r: "changed" not in index(r), LONG, "the end on %s" % r.name)
            self.assertEqual(hosts(r, cid), [])
        c.close()
        return cid


class Local(Cluster, BoxCase):
    """On this machine, each root at an address of its own on loopback, by unicast."""

    def setUp(self):
        super().setUp()
        self.udp = free_udp_port()

    def address(self, i):
        return "127.0.7.%d" % (i + 1)

    def roots(self, n, key=None, more_peers=(), **ini):
        made = []
        for i in range(n):
            keys = dict(FAST, livesyncGroup="", livesyncPort=self.udp, livesyncBind=self.address(i),
                        livesyncPeers=",".join([self.address(k) for k in range(n) if k != i] + list(more_peers)),
                        livesyncAllow="127.0.7.0/24")
            keys.update(ini)
            r = self.root(keys, start=False)
            if key is not None:
                self.keyed(r, key)
            made.append(r.start())
        self.wait_running(*made)
        return made

    def outsider(self, address="127.0.7.99", port=0):
        """A socket of nobody's that may be heard."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        s.bind((address, port))
        s.settimeout(LONG * PATIENCE)
        return s

    def test_plain(self):
        roots = self.roots(3)
        self.wait_known(roots)
        self.follows(roots)
        self.assertEqual([i["sealed"] for i in sync(roots[0])["instances"]], [False, False])

    def test_sealed(self):
        roots = self.roots(3, key=KEY, livesyncAllow="")
        self.wait_known(roots)
        self.follows(roots)
        for i in sync(roots[0])["instances"]:
            self.assertTrue(i["sealed"])
            self.assertLess(abs(i["clockOffset"]), 5000 * PATIENCE)

    def test_status(self):
        a, b = self.roots(2)
        self.wait_known((a, b))
        c, cid = self.tracker_of(b), new_id()
        c.announce(cid, name="x")
        self.wait(lambda: index(a).get("x"))
        s = sync(a)
        self.assertEqual((s["state"], s["why"], s["peers"], s["group"], s["ownChannels"], s["channels"]),
                         ("running", "", 1, False, 0, 1))
        (i,) = s["instances"]
        self.assertEqual((i["address"], i["channels"], i["hosts"], i["goodbye"], i["ignored"]),
                         ("%s:%d" % (self.address(1), self.udp), 1, 1, False, False))
        self.assertGreater(i["packets"], 0)
        self.assertEqual(i["id"], sync(b)["instance"])
        self.assertEqual(sync(b)["ownChannels"], 1)
        page = a.get("/html/en/rootstatus.html").text
        self.assertIn("live sync", page)

    def test_history_and_log(self):
        """What is learnt is remembered as if told directly; chanLogSynced = No leaves it out of the log."""
        a, b, quiet = self.roots(3, chanLogEvents="Yes")
        self.settings(quiet, chanLogSynced="No")
        c, cid = self.tracker_of(a), new_id()
        c.announce(cid, name="kept", listeners=4)
        for r in (b, quiet):
            self.wait(lambda r=r: index(r).get("kept"))
        c.announce(cid, name="kept", flags=GONE)
        for r in (a, b):
            self.wait(lambda r=r: re.search(r'<end time="\d+" id="%s" reason="stop"/>' % cid, self.raw(r)), LONG)
        self.wait(lambda: index(quiet) == {})
        c.announce(cid, name="kept", listeners=4)
        self.wait(lambda: index(b).get("kept"))
        b.stop()                # notes the minute that is running
        b.start()
        if b.get("/getgmt.php?cn=kept&format=json").status != 404:      # built without SQLite
            self.assertIn("kept", b.get("/getgmt.php?cn=kept&format=json").text)
            self.assertTrue(b.get("/getgmt.php?cn=kept&format=json").json())
        quiet.stop()
        self.assertEqual(self.raw(quiet), "")

    def raw(self, root):
        with contextlib.suppress(FileNotFoundError), open(root.chanlog_path, encoding="utf-8") as f:
            return f.read()
        return ""

    def settings(self, node, **keys):
        with open(node.ini_path, encoding="utf-8") as f:
            text = f.read()
        for k, v in keys.items():
            text = re.sub(r"(?m)^%s = .*\n" % k, "", text)
            text = text.replace("[Server]\n", "[Server]\n%s = %s\n" % (k, v), 1)
        with open(node.ini_path, "w", encoding="utf-8") as f:
            f.write(text)
        before = len(node.out.lines)
        node.send_signal(signal.SIGHUP)
        node.wait_log("settings read again", since=before)

    def test_tracker_moves(self):
        """A root is killed; its tracker goes to the next one, and the third lists it all the time."""
        a, b, c = self.roots(3, hitTimeout=60)
        node = self.node({"rootHost": "%s,%s" % (a.address, b.address), "sourceGraceSec": 0})
        self.push(node, name="mine")
        for r in (a, b, c):
            self.wait(lambda r=r: index(r).get("mine"), LONG)
        cid = index(c)["mine"].cid
        first = sync(a)["instance"]
        a.send_signal(signal.SIGKILL)
        a.proc.wait()
        a.proc = None

        def moved():
            self.assertIn("mine", index(c))
            self.assertEqual(len(hosts(c, cid)), 1)
            told = {i["id"]: i["hosts"] for i in sync(c)["instances"]}
            return told.get(sync(b)["instance"]) == 1
        self.wait(moved, LONG + 10)
        self.assertEqual(index(b)["mine"].cid, cid)
        self.assertIn(first, [i["id"] for i in sync(c)["instances"]])
        # the root that was killed starts again, with nothing, and learns it
        a.start()
        self.wait(lambda: index(a).get("mine"), LONG)

    @slow
    def test_killed(self):
        """A root is killed, and nobody takes its trackers: what it told is gone after hitTimeout, not before."""
        a, b = self.roots(2, hitTimeout=10)
        c = self.tracker_of(a)
        c.announce(new_id(), name="x")
        self.wait(lambda: index(b).get("x"))
        start = time.monotonic()
        a.send_signal(signal.SIGKILL)
        a.proc.wait()
        a.proc = None
        self.wait(lambda: index(b) == {}, LONG + 10)
        self.assertGreater(time.monotonic() - start, 7)

    def test_goodbye(self):
        """A root that ends says so: what it alone told is marked, and gone after ghostTimeout."""
        a, b = self.roots(2, ghostTimeout=3)
        self.wait_known((a, b))
        c, cid = self.tracker_of(a), new_id()
        c.announce(cid, name="x")
        self.wait(lambda: index(b).get("x"))
        self.assertEqual(index(b)["x"].status, "click")
        a.stop()
        self.wait(lambda: index(b).get("x") is None or index(b)["x"].status == "disconnect")
        self.wait(lambda: index(b) == {}, LONG)

    def test_line_breaks(self):
        """A tracker's line breaks: the others keep it as long as its own root does."""
        a, b = self.roots(2, ghostTimeout=2)
        c, cid = self.tracker_of(a), new_id()
        c.announce(cid, name="x")
        self.wait(lambda: index(b).get("x"))
        c.reset()
        self.wait(lambda: index(a) == {}, LONG)
        self.wait(lambda: index(b) == {}, LONG)

    def test_two_roots_know_it(self):
        """A tracker that told two roots counts once, and stays while one of them has it."""
        a, b, c = self.roots(3)
        cid = new_id()
        one = self.tracker_of(a)
        two = self.tracker_of(b, sid=one.sid, bcid=one.bcid)
        for k, n in ((one, 3), (two, 4)):
            k.announce(cid, name="x", listeners=n)
        for r in (a, b, c):
            self.wait(lambda r=r: index(r).get("x"))
            self.assertEqual(len(hosts(r, cid)), 1)
        self.wait(lambda: index(c)["x"].listeners in (3, 4))
        self.assertEqual((index(a)["x"].listeners, index(b)["x"].listeners), (3, 4))
        one.announce(cid, name="x", flags=GONE)
        self.wait(lambda: index(a).get("x") and index(a)["x"].listeners == 4, LONG, "b's report on a")
        self.wait(lambda: index(c).get("x") and index(c)["x"].listeners == 4, LONG, "b's report on c")
        two.announce(cid, name="x", flags=GONE)
        for r in (a, b, c):
            self.wait(lambda r=r: index(r) == {}, LONG)

    def test_kinds_of_hosts(self):
        """IPv6, and behind a firewall; a text as long as texts may be, and one in Japanese."""
        a, b = self.roots(2)
        c = self.tracker_of(a)
        ids = [new_id() for _ in range(3)]
        c.announce(ids[0], name="six", address="2001:db8::9")
        c.announce(ids[1], name="shut", port=0, flags=FLG_TRACKER | FLG_RECV | FLG_PUSH)
        c.announce(ids[2], name="x" * 255, desc="あ" * 85, genre="雑談", comment="&<>\"'", url="http://example.org/",
                   title="t" * 255, artist="a" * 255, album="b" * 255, contact="c" * 255)
        self.wait(lambda: len(index(b)) == 3)
        self.wait(lambda: index(b) == index(a))
        self.assertEqual((index(b)["six"].tip, index(b)["shut"].tip), ("[2001:db8::9]:7144", ""))
        for name in index(a):
            self.assertEqual(b.viewxml().find("channels_found/channel[@id='%s']" % index(a)[name].cid).get("desc"),
                             a.viewxml().find("channels_found/channel[@id='%s']" % index(a)[name].cid).get("desc"))
        for cid, name, kw in ((ids[0], "six", {"address": "2001:db8::9"}), (ids[1], "shut", {"port": 0})):
            c.announce(cid, name=name, flags=GONE, **kw)
        self.wait(lambda: list(index(b)) == ["x" * 255])

    def test_another_owner(self):
        """Whoever takes another's channel id is refused on every root, and adds no host."""
        a, b = self.roots(2)
        cid = new_id()
        self.tracker_of(a).announce(cid, name="mine")
        self.wait(lambda: index(b).get("mine"))
        self.tracker_of(b).announce(cid, name="stolen")
        self.wait(lambda: b.rpc("getRootStatus")["refused"]["owner"] >= 1)
        for r in (a, b):
            self.assertEqual(list(index(r)), ["mine"])
            self.assertEqual(len(hosts(r, cid)), 1)

    def test_banned(self):
        a, b = self.roots(2)
        path = os.path.join(b.dir, "bans")
        with open(path, "w", encoding="ascii") as f:
            f.write("name *casino*\n")
        self.settings(b, banList=path)
        c = self.tracker_of(a)
        c.announce(new_id(), name="big casino")
        c.announce(new_id(), name="good")
        self.wait(lambda: index(b).get("good"))
        self.wait(lambda: len(index(a)) == 2)
        self.assertEqual(list(index(b)), ["good"])

    def test_banned_by_name(self):
        """A ban that comes later holds: what is still told of the channel does not bring it back."""
        a, b = self.roots(2)
        path = os.path.join(b.dir, "bans")
        with open(path, "w", encoding="ascii") as f:
            f.write("# none yet\n")
        self.settings(b, banList=path)
        c, cid = self.tracker_of(a), new_id()
        c.announce(cid, name="big casino", listeners=1)
        self.wait(lambda: index(b).get("big casino"), LONG)
        with open(path, "w", encoding="ascii") as f:
            f.write("name *casino*\n")
        before = len(b.out.lines)
        b.send_signal(signal.SIGHUP)
        b.wait_log("settings read again", since=before)
        self.wait(lambda: index(b) == {}, LONG)
        # two rounds of news that came after it
        for n in (2, 3):
            c.announce(cid, name="big casino", listeners=n)
            c.announce(new_id(), name="mark %d" % n)
            self.wait(lambda n=n: index(b).get("mark %d" % n), LONG)
            self.assertNotIn("big casino", index(b))
            self.assertEqual(hosts(b, cid), [])
        # and it ends: the channel comes with its next hit
        os.truncate(path, 0)
        before = len(b.out.lines)
        b.send_signal(signal.SIGHUP)
        b.wait_log("settings read again", since=before)
        c.announce(cid, name="big casino", listeners=4)
        self.wait(lambda: "big casino" in index(b) and index(b)["big casino"].listeners == 4, LONG)

    def test_shipped_flush(self):
        """With what a fresh ini says: on the other root within two seconds, and off it."""
        a, b = self.roots(2, livesyncFlush=1, livesyncBeacon=60, livesyncFirstBeacon=240)
        c = self.tracker_of(a)
        took = {"start": [], "stop": []}
        while min(took["start"] or [3]) > 2 * PATIENCE or min(took["stop"] or [3]) > 2 * PATIENCE:
            self.assertLess(len(took["start"]), 5, took)    # a busy machine is late now and then, not always
            cid = new_id()
            for what, flags in (("start", FLG_TRACKER | FLG_RECV | FLG_RELAY | FLG_CIN), ("stop", GONE)):
                begun = time.monotonic()
                c.announce(cid, name="new", flags=flags)
                self.wait(lambda what=what: list(index(b)) == (["new"] if what == "start" else []), LONG, what)
                took[what].append(time.monotonic() - begun)
        self.assertEqual(sync(b)["receivedByType"].get("beacon", 0), 0)

    def test_own_broadcast(self):
        """What a root itself broadcasts is on the others' lists, too."""
        a, b = self.roots(2)
        push = self.push(a, name="house")
        self.wait(lambda: index(b).get("house"), LONG)
        push.stop()
        self.wait(lambda: index(b) == {}, LONG + 15)

    # bad packets over a real socket

    def test_not_allowed(self):
        a, b = self.roots(2)
        self.outsider("127.0.8.1").sendto(b"\0\0\0\1" + b"\0" * 12, (self.address(0), self.udp))
        self.wait(lambda: sync(a)["dropped"]["notAllowed"] >= 1)
        self.assertNotIn("00000001", [i["id"] for i in sync(a)["instances"]])
        self.assertTrue(sync(b))

    def test_flood(self):
        """More than anybody sends is dropped unread, and counted; others are heard all the same."""
        a, b = self.roots(2)
        self.wait_known((a, b))
        s = self.outsider()
        packet = struct.pack(">II", 0x0badf00d, 0) + b"\x99" * 28 * 40
        end = time.monotonic() + LONG * PATIENCE
        while sync(a)["dropped"]["flood"] < 1000:
            self.assertLess(time.monotonic(), end)
            for _ in range(3000):
                s.sendto(packet, (self.address(0), self.udp))
        self.assertEqual(index(a), {})
        self.assertEqual(next(i for i in sync(a)["instances"] if i["id"] == sync(b)["instance"])["dropped"], {})
        self.follows((b, a), seen=(a,))

    def test_rubbish(self):
        """Each kind of broken packet is counted under its reason and changes nothing."""
        a, b = self.roots(2)
        self.wait_known((a, b))
        c, cid = self.tracker_of(b), new_id()
        c.announce(cid, name="stays")
        self.wait(lambda: index(a).get("stays"))
        hash_of = bytes.fromhex(cid) + b"PCH\1"
        live = struct.pack(">II", 0x0badf00d, 0)
        peer = socket.inet_aton("203.0.113.66") + struct.pack(">H", 7144)
        s = self.outsider()
        for why, packet in (
                ("short", b"\0" * 7),
                ("type", struct.pack(">II", 0x0badf00d, 0x50430177) + b"\1\0\0\1" + b"\0" * 20),
                ("length", live + b"\0" * 27),
                ("length", b"\0" * 9000),
                ("foreign", live + bytes(16) + b"ABCD" + peer + b"\xc0\0"),
                ("channel", live + bytes(16) + b"PCH\1" + peer + b"\xc0\0"),
                ("address", live + hash_of + socket.inet_aton("224.0.0.1") + b"\0\1\xc0\0"),
                ("address", live + hash_of + socket.inet_aton("203.0.113.66") + b"\0\0\xc0\0"),
                ("range", struct.pack(">IIQ", 0x0badf00d, 1, 1 << 40))):
            with self.subTest(why):
                before = sync(a)["dropped"]
                s.sendto(packet, (self.address(0), self.udp))
                self.wait(lambda why=why, before=before: sync(a)["dropped"][why] > before[why], what=why)
        # nobody stops a channel that another told
        s = self.outsider("127.0.7.98")
        s.sendto(struct.pack(">II", 0x0badf00e, 0) + hash_of + peer + b"\xa0\0", (self.address(0), self.udp))
        self.wait(lambda: "0badf00e" in [i["id"] for i in sync(a)["instances"]])
        self.assertEqual(list(index(a)), ["stays"])
        self.assertEqual(len(hosts(a, cid)), 1)

    def test_wrong_key_and_replay(self):
        """With a key: a plain packet, one of another key, and an old one change nothing."""
        ear = self.outsider("127.0.7.50", 0)
        other = self.outsider("127.0.7.51", 0)
        a, b = self.roots(2, key=KEY, more_peers=["127.0.7.50:%d" % ear.getsockname()[1]])
        stranger = self.root(dict(FAST, livesyncGroup="", livesyncPort=self.udp, livesyncBind="127.0.7.60",
                                  livesyncPeers=self.address(0)), start=False)
        self.keyed(stranger, KEY.replace("7:01", "7:02"))
        stranger.start()
        self.wait_known((a, b))
        s = self.tracker_of(stranger)
        s.announce(new_id(), name="forged")
        self.wait(lambda: sync(a)["dropped"]["seal"] >= 3)
        # what b says of a channel, as it was on the wire
        c, cid = self.tracker_of(b), new_id()
        c.announce(cid, name="x")
        self.wait(lambda: index(a).get("x"))
        told = []
        mine = bytes.fromhex(sync(b)["instance"])
        while not any(bytes.fromhex(cid) in p for p in told):
            told.append(ear.recv(9000))
        told = [p for p in told if p[:4] == mine]
        c.announce(cid, name="x", flags=GONE)
        self.wait(lambda: index(a) == {})
        before = sync(a)["dropped"]
        for p in told:
            other.sendto(p, (self.address(0), self.udp))
        other.sendto(struct.pack(">II", 0x0badf00d, 0) + bytes.fromhex(cid) + b"PCH\1" +
                     socket.inet_aton("203.0.113.66") + b"\x1b\xe8\xc0\0", (self.address(0), self.udp))
        self.wait(lambda: sync(a)["dropped"]["unsealed"] > before["unsealed"])
        self.wait(lambda: sync(a)["dropped"]["replay"] >= before["replay"] + len(told))
        self.assertEqual(index(a), {})
        self.follows((b, a), seen=(a,))

    def test_key_is_changed(self):
        """The new key is added on each root, then put first, then the old one is taken away."""
        new = "8:" + "fedcba98" * 8 + "\n"
        roots = self.roots(2, key=KEY, livesyncAllow="")
        self.wait_known(roots)
        for text in (KEY + new, new + KEY, new):
            for r in roots:
                with open(os.path.join(r.dir, "key"), "w", encoding="ascii") as f:
                    f.write(text)
                before = len(r.out.lines)
                r.send_signal(signal.SIGHUP)
                r.wait_log("settings read again", since=before)
                sync(r)         # after its thread has read them
        self.follows(roots)
        self.assertEqual(sync(roots[0])["dropped"]["seal"], 0)

    # on and off

    def udp_sockets(self, node):
        inodes = set()
        for fd in os.listdir("/proc/%d/fd" % node.proc.pid):
            with contextlib.suppress(OSError):
                m = re.match(r"socket:\[(\d+)\]", os.readlink("/proc/%d/fd/%s" % (node.proc.pid, fd)))
                inodes.update(m.groups() if m else ())
        with open("/proc/%d/net/udp" % node.proc.pid, encoding="ascii") as f:
            return sum(line.split()[9] in inodes for line in f.readlines()[1:])

    def test_off(self):
        r = self.root(dict(FAST, livesync="No", livesyncAllow="127.0.0.1", livesyncPort=self.udp))
        self.assertEqual(sync(r), {"state": "off", "why": "off"})
        self.assertEqual(self.udp_sockets(r), 0)
        # on, in the running node, and off again
        self.settings(r, livesync="Yes", livesyncGroup="", livesyncPeers="127.0.7.2", livesyncBind="127.0.7.1")
        self.wait(lambda: sync(r)["state"] == "running")
        self.assertEqual(self.udp_sockets(r), 1)
        self.settings(r, livesync="No")
        self.wait(lambda: sync(r)["state"] == "off")
        self.assertEqual(self.udp_sockets(r), 0)

    def test_refuses(self):
        """Open to everybody, or with a key that others can read, it does not run, and says why."""
        rows = (("neither livesyncAllow nor livesyncKey", None, None),
                ("mode must be 0600", KEY, 0o644),
                ("no key in it", "", 0o600))
        for why, key, mode in rows:
            with self.subTest(why):
                r = self.root(dict(FAST, livesyncPort=self.udp, livesyncAllow="" if key is None else "127.0.0.1"),
                              start=False)
                if key is not None:
                    self.keyed(r, key, mode)
                r.start()
                r.wait_log(r"\[EROR\] livesync: does not run: .*%s" % why)
                self.assertEqual(sync(r)["state"], "refused")
                self.assertIn(why, sync(r)["why"])
                self.assertEqual(self.udp_sockets(r), 0)

    def test_check_config(self):
        """--check-config tells it, too."""
        for ini, want in ((dict(FAST), 1), (dict(FAST, livesyncAllow="127.0.0.1"), 0), (dict(livesync="No"), 0)):
            r = self.root(ini, start=False)
            done = subprocess.run([PEERCAST, "-i", r.ini_path, "--check-config"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False, encoding="utf-8")
            self.assertEqual("livesync would not run: neither livesyncAllow" in done.stdout, want == 1, done.stdout)
            self.assertTrue(want == 0 or done.returncode != 0)

    def test_peers_change(self):
        """A root is named to the running ones; then it is ignored."""
        a, b = self.roots(2, livesyncPeers="127.0.7.77")
        c = self.tracker_of(a)
        c.announce(new_id(), name="x")
        self.wait(lambda: sync(a)["sent"] > 3)
        self.assertEqual(index(b), {})
        for r, other in ((a, 1), (b, 0)):
            self.settings(r, livesyncPeers=self.address(other))
        self.wait(lambda: index(b).get("x"), LONG)
        self.settings(b, livesyncIgnore=sync(a)["instance"])
        c.announce(new_id(), name="y")
        self.wait(lambda: sync(b)["dropped"]["ignored"] >= 3)
        self.assertNotIn("y", index(b))

    def test_same_id(self):
        """Somebody else has our instance id: we take another one, and go on."""
        a, b = self.roots(2)
        self.wait_known((a, b))
        mine = sync(a)["instance"]
        s = self.outsider()
        s.sendto(bytes.fromhex(mine) + struct.pack(">IQ", 1, 3), (self.address(0), self.udp))
        self.wait(lambda: sync(a)["instance"] != mine)
        self.assertEqual((sync(a)["idChanges"], sync(a)["dropped"]["collision"]), (1, 1))
        self.follows((a, b))

    def test_port_is_taken(self):
        """The node runs, and says that live sync waits."""
        taken = self.outsider(self.address(0), self.udp)
        r = self.root(dict(FAST, livesyncGroup="", livesyncPort=self.udp, livesyncBind=self.address(0),
                           livesyncPeers=self.address(1), livesyncAllow="127.0.0.1"))
        r.wait_log(r"\[WARN\] livesync: cannot use UDP port %d of %s" % (self.udp, self.address(0)))
        self.assertEqual(sync(r)["state"], "waiting")
        taken.close()

    def test_not_a_root(self):
        n = self.node(dict(FAST, livesyncAllow="127.0.0.1", livesyncPort=self.udp))
        self.assertEqual(self.udp_sockets(n), 0)


class Machines(Cluster, NetCase):
    """Each root on a machine of its own, all of them on one segment that carries multicast."""

    def segment(self, n):
        made = self.net.some(n, ipv6=False)
        try:
            self.net.ip_batch(
                ["link add br0 type bridge mcast_snooping 0", "addr add %s/32 dev br0" % self.net.gate, "link set br0 up"] +
                ["link set %s master br0" % m.port_name for m in made] +
                ["route replace %s dev br0" % m.ip for m in made])
        except subprocess.SubprocessError as e:
            raise unittest.SkipTest("no bridges: %s" % e) from None
        return made

    def roots(self, places, key=None, **ini):
        made = []
        for m in places:
            keys = dict(FAST, livesyncAllow=",".join(sorted({p.ip for p in places})))
            keys.update({k: v(m) if callable(v) else v for k, v in ini.items()})
            r = self.root(keys, place=m, start=False)
            if key is not None:
                self.keyed(r, key)
            made.append(r.start())
        self.wait_running(*made)
        return made

    def test_multicast(self):
        places = self.segment(3)
        for key in (None, KEY):
            roots = self.roots(places, key=key)
            with self.subTest(sealed=key is not None):
                self.assertEqual([sync(r)["group"] for r in roots], [True] * 3)
                self.wait_known(roots)
                self.follows(roots)
            for r in roots:
                r.stop()

    def test_unicast(self):
        """Without a segment that carries multicast."""
        places = self.net.some(3, ipv6=False)
        roots = self.roots(places, livesyncGroup="",
                           livesyncPeers=lambda m: ",".join(p.ip for p in places if p is not m))
        self.wait_known(roots)
        self.follows(roots)

    def test_both(self):
        """The group and unicast copies: nothing counts twice."""
        places = self.segment(3)
        roots = self.roots(places, livesyncPeers=lambda m: ",".join(p.ip for p in places if p is not m))
        self.wait_known(roots)
        c, cid = self.tracker_of(roots[0]), new_id()
        c.announce(cid, name="x", listeners=7)
        for r in roots:
            self.wait(lambda r=r: "x" in index(r) and index(r)["x"].listeners == 7)
            self.assertEqual(len(hosts(r, cid)), 1)
        self.wait(lambda: sync(roots[1])["dropped"]["duplicate"] > 0)
        self.assertEqual([name for name, _ in logged(roots[1], cid)].count("x"), len(logged(roots[1], cid)))
        self.follows(roots)

    def test_one_machine(self):
        """Several roots on one machine meet in the group when they listen to themselves."""
        (m,) = self.segment(1)
        made = []
        for i in range(3):
            made.append(self.root(dict(FAST, livesyncAllow=m.ip, livesyncLoop="Yes", serverPort=PORT + i), place=m,
                                  start=False))
            made[-1].port = PORT + i
            made[-1].start()
        self.wait_running(*made)
        self.wait_known(made)
        self.follows(made)
        for r in made:
            self.assertGreater(sync(r)["dropped"]["echo"], 0)

    def test_cut_off(self):
        """A root that nobody hears for a while catches up when the cable is in again."""
        places = self.segment(3)
        roots = self.roots(places)
        self.wait_known(roots)
        self.net.run("ip", "link", "set", places[2].port_name, "nomaster")
        c, cid = self.tracker_of(roots[0]), new_id()
        c.announce(cid, name="missed", listeners=1)
        self.wait(lambda: index(roots[1]).get("missed"))
        self.assertNotIn("missed", index(roots[2]))
        self.net.run("ip", "link", "set", places[2].port_name, "master", "br0")
        self.wait(lambda: index(roots[2]).get("missed"), LONG)

    def test_interface_comes_back(self):
        """The interface is taken away and made anew: its root is in the group again."""
        places = self.segment(2)
        a, b = self.roots(places, hitTimeout=15, livesyncBind=lambda m: m.ip if m is places[1] else "")
        self.wait_known((a, b))
        m, before = places[1], len(b.out.lines)
        self.net.run("ip", "link", "del", m.port_name)
        self.net.ip_batch(["link add %s type veth peer name eth0 netns %s" % (m.port_name, m.path),
                           "link set %s master br0 up" % m.port_name, "route replace %s dev br0" % m.ip])
        m.ip_batch(["addr add %s/32 dev eth0" % m.ip, "link set eth0 up",
                    "route add %s dev eth0" % self.net.gate,
                    "route add default via %s src %s" % (self.net.gate, m.ip)])
        b.wait_log("the group's interface is another one", since=before, seconds=LONG + 10)
        self.follows((b, a))
        self.follows((a, b))

    def test_cold_start(self):
        """A root that starts with nothing has the list soon, without a word of a tracker."""
        places = self.segment(2)
        (a,) = self.roots(places[:1], livesyncAllow=places[1].ip)
        c = self.tracker_of(a)
        ids = [new_id() for _ in range(50)]
        for i, cid in enumerate(ids):
            c.announce(cid, name="channel %d" % i, listeners=i)
        self.wait(lambda: len(index(a)) == 50)
        (b,) = self.roots(places[1:], livesyncAllow=places[0].ip)
        self.wait(lambda: len(index(b)) == 50, LONG)
        self.assertEqual({x.cid for x in index(b).values()}, set(ids))
        self.wait(lambda: index(b)["channel 49"].listeners == 49, LONG)
