# SPDX-License-Identifier: GPL-2.0-or-later
"""The streams recorded from PeerCast-YT nodes (test/data/README.md) played to a live node, which stands at the
address of the node they were recorded with: test/unit/pcp/test_captures.c reads every atom of them; here
the peer's side of each is played, and the node answers."""
import contextlib
import os
import select
import socket
import unittest

from harness import DATA, FLG_RECV, PATIENCE, Atom, Client, flv_stream, helo, new_id, u32
from net import PORT, NetCase

FOLDER = os.path.join(DATA, "pcp")
ROOT, TRACKER, RELAY, SECOND, OTHERS = ("203.0.113.%d" % n for n in (10, 20, 30, 40, 50))
CID = "5942D78C0D0D12273317E281AE0E7B79"
CONTROLS = ("control_tracker_to_root", "control_tracker_shutdown", "control_root_shutdown", "control_updint30",
            "control_loopback", "control_root_full")
PINGS = ("ping_root_to_tracker", "ping_tracker_to_relay", "ping_tracker_to_relay3")
# relay_ok tells again what relay_from_relay has told, and what comes twice is not taken twice
STREAMS = ("relay_from_relay", "relay_ok", "relay_ok_second_pull", "relay_ok_loopback_mkv")
FULL = ("relay_503_hosts", "relay_503_hosts_plain_client")


def capture(name):
    with open(os.path.join(FOLDER, name + ".bin"), "rb") as f:
        return f.read()


def split_head(data):
    """An HTTP head and what is behind it."""
    head, mark, rest = data.partition(b"\r\n\r\n")
    return head + mark, rest


def whole_atoms(data):
    """Its atoms, without the one that the end of the recording cuts."""
    atoms = []
    at = 0

    def take(n):
        nonlocal at
        if at + n > len(data):
            raise EOFError
        at += n
        return data[at - n:at]
    with contextlib.suppress(EOFError):
        while at < len(data):
            atoms.append(Atom.read(take))
    return atoms


def media_of(atoms):
    """The media bytes of a stream: the head, and the data behind it without what came twice."""
    head, data, end = b"", b"", None
    for a in atoms:
        pkt = a.get("pkt") if a.name == "chan" else None
        if pkt is None:
            continue
        if pkt["type"].data == b"head":
            head = pkt["data"].data
        elif end is None or pkt["pos"].u32 >= end:
            data += pkt["data"].data
            end = pkt["pos"].u32 + len(pkt["data"].data)
    return head + data


class Listener:
    """The recorded node, where others connect to it; a context manager."""

    def __init__(self, place):
        with place.inside():
            self.sock = socket.create_server(("0.0.0.0", PORT))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def accept(self, seconds=10):
        self.sock.settimeout(seconds * PATIENCE)
        return Client.of(self.sock.accept()[0])


class Captures(NetCase):
    def setUp(self):
        super().setUp()
        self.at = {}

    def place(self, address):
        if address not in self.at:
            self.at[address] = self.machine(address=address)
        return self.at[address]

    def listen(self, address):
        return Listener(self.place(address))

    def connect(self, node, source):
        with self.place(source).inside():
            return Client(PORT, node.host)

    @staticmethod
    def ask(node, cid, tip):
        """A viewer of the channel, at the node."""
        viewer = node.client()
        viewer.request("GET", "/stream/%s?tip=%s:%d" % (cid, tip, PORT))
        return viewer

    @staticmethod
    def rest(c):
        """What comes until the node closes."""
        c.shutdown()
        return whole_atoms(c.expect_close())


class Clients(Captures):
    """A recorded client connects to us."""

    def test_trackers(self):
        """Announcements of a broadcaster, to a root."""
        for name in CONTROLS:
            full = name == "control_root_full"
            with self.subTest(name):
                root = self.root({"maxControlConnections": 0 if full else 10}, place=self.place(ROOT))
                data = capture(name + ".c2s")
                sent = whole_atoms(data)
                local = name == "control_loopback"
                with root.client() if local else self.connect(root, TRACKER) as c:
                    c.send(data)
                    got = self.rest(c)
                self.assertEqual([a.name for a in got[:3]], ["oleh", "root", "quit" if full else "ok"])
                self.assertEqual((got[0]["rip"].ip, got[0]["port"].u16), (ROOT if local else TRACKER, 0 if "ping" in sent[1] else PORT))
                if full:
                    self.assertEqual(got[2].u32, 1003)
                else:
                    self.assertIn("upd", got[3])
                    self.announced(root, [a for a in sent if a.name == "bcst"])
                root.stop()

    def announced(self, root, updates):
        """A record each, with the texts of the update; channels that ended have no host."""
        self.wait(lambda: len(root.chanlog()) >= len(updates), what="records")
        records = root.chanlog()
        self.assertEqual(len(records), len(updates))
        for record, update in zip(records, updates):
            chan, info = record.find("channel"), update["chan"]["info"]
            for key, name in (("name", "name"), ("genre", "gnre"), ("desc", "desc"), ("comment", "cmnt"),
                              ("url", "url")):
                self.assertEqual(chan.get(key), info[name].text)
            self.assertEqual(chan.get("id"), update["chan"]["id"].hex)
            self.assertEqual(chan.get("bitrate"), str(info["bitr"].u32))
        last = {u["chan"]["id"].hex: u["host"]["flg1"].u8 for u in updates}
        live = {c.get("id") for c in root.viewxml().find("channels_found") for _ in c.iter("host")}
        self.assertFalse({cid for cid, flags in last.items() if not flags & FLG_RECV} & live)

    def test_port_tests(self):
        """Testers get their oleh, and quit."""
        n = self.node(place=self.place(TRACKER))
        b = self.node(place=self.place(RELAY))
        self.push(b, "on the air")
        b.wait_channel("on the air")
        for name in PINGS:
            with self.subTest(name), self.connect(b if name == "ping_root_to_tracker" else n, ROOT) as c:
                c.send(capture(name + ".c2s"))
                got = self.rest(c)
                self.assertEqual([a.name for a in got[0].children], ["agnt", "sid", "ver", "rip", "port"])
                self.assertEqual((got[0].name, got[0]["rip"].ip, got[0]["port"].u16), ("oleh", ROOT, 0))

    def test_relays(self):
        """Relays ask us for the channel, which we have from its recorded broadcaster."""
        n = self.node({"maxRelays": 2, "forceIP": OTHERS}, place=self.place(OTHERS))   # whatever that one says
        with self.listen(TRACKER) as up:
            viewer = self.closing(self.ask(n, CID, TRACKER))
            c = self.closing(up.accept())
        c.read_until(b"\r\n\r\n")
        c.send(capture("relay_ok.s2c"))
        self.assertEqual(viewer.read_head(), 200)
        for name in STREAMS:
            with self.subTest(name), self.connect(n, SECOND if name == "relay_from_relay" else RELAY) as r:
                head, rest = split_head(capture(name + ".c2s"))
                theirs = head.split(b" ", 2)[1][len("/channel/"):].decode()
                data = (head + rest).replace(theirs.encode(), CID.encode()).replace(
                    bytes.fromhex(theirs), bytes.fromhex(CID))
                reports = [a for a in whole_atoms(split_head(data)[1]) if a.name == "bcst"]
                # up to the last report before the farewell
                stays = [a for a in reports if a["host"]["flg1"].u8 & FLG_RECV][-1]
                at = data.rindex(stays.encode()) + len(stays.encode())
                r.send(data[:at])
                self.assertEqual(r.read_head(), 200)
                self.assertEqual([r.read_atom().name for _ in range(2)], ["oleh", "ok"])
                first = r.read_atom()
                self.assertEqual((first["id"].hex, first["pkt"]["type"].data), (CID, b"head"))
                self.wait(lambda host=stays["host"]: self.host_of(n, host), what="the report")
                r.send(data[at:])
                if reports[-1] is not stays:
                    self.wait(lambda host=reports[-1]["host"]: not self.host_of(n, host), what="the farewell")
            self.wait(lambda: n.find_channel(cid=CID)["status"]["localRelays"] == 0)

    @staticmethod
    def host_of(node, host):
        """What the node knows of a reported host, with those numbers."""
        return [h for c in node.viewxml().iter("channel") if c.get("id") == CID for h in c.iter("host")
                if h.get("ip") == "%s:%d" % (host["ip"].ip, host["port"].u16) and
                (h.get("listeners"), h.get("relays")) == (str(host["numl"].u32), str(host["numr"].u32))]

    def test_refused_relays(self):
        """Others hold the places, and have not said what they are worth."""
        n = self.node({"maxRelays": 2}, place=self.place(TRACKER))
        self.push(n, "full", source=flv_stream())
        cid = n.wait_channel("full")["channelId"].upper()
        for address in (RELAY, OTHERS):
            with self.place(address).inside():
                self.relay(n, cid, port=PORT).wait_atom("chan")
        for name in FULL:
            with self.subTest(name), self.connect(n, SECOND) as c:
                c.send(capture(name + ".c2s").replace(CID.encode(), cid.encode()).replace(
                    bytes.fromhex(CID), bytes.fromhex(cid)))
                self.assertEqual(c.read_head(), 503)
                got = self.rest(c)
                self.assertEqual((got[0].name, got[-1].name, got[-1].u32), ("oleh", "quit", 1003))
        with self.connect(n, SECOND) as c:
            c.send(capture("relay_404.c2s"))
            self.assertEqual(c.expect_close(), capture("relay_404.s2c"))


class Servers(Captures):
    """We connect to a recorded server."""

    def test_roots(self):
        """A broadcaster takes what roots have said. They all wait for their YP at the same time."""
        waiting = []
        for name in CONTROLS:
            place = self.machine()
            yp = Listener(place)
            self.addCleanup(yp.sock.close)
            node = self.node({"rootHost": place.ip}, start=False)
            node.spawn()
            waiting.append((name, yp, node))
        for _, _, node in waiting:
            node.wait_log("listening")
            self.push(node, "mine", interval=0.1)
        for name, yp, node in waiting:
            with self.subTest(name), self.broadcaster(yp) as c:
                self.from_root(name, node, c)

    def broadcaster(self, yp):
        """The connection of one that broadcasts: where that took its time, its port is tested by another before."""
        while True:
            c = yp.accept()
            self.assertEqual(c.read(12), u32("pcp\n", 1).encode())
            hello = c.read_atom()
            self.assertEqual(hello.name, "helo")
            if "bcid" in hello:
                return c
            c.close()

    def from_root(self, name, node, c):
        data = capture(name + ".s2c")
        sent = whole_atoms(data)
        quits = sent[-1].u32 if sent[-1].name == "quit" else None
        last = len(data) - 12 if quits else len(data)
        c.send(data[:last])
        node.wait_log("yellow page says: " + sent[1]["asci"].text[:2])
        if name != "control_root_full":
            update = c.wait_atom("bcst")
            self.assertEqual(update["chan"]["info"]["name"].text, "mine")
            self.assertEqual(update["host"]["port"].u16, sent[0]["port"].u16)
        c.send(data[last:])
        if quits:
            node.wait_log(r"\[WARN\] cout: .* quit %d" % quits)
        c.shutdown()
        c.expect_close()

    def test_port_tests(self):
        """Our root tests a node that answers as recorded."""
        root = self.root(place=self.place(ROOT))
        own = bytes.fromhex(root.wait_log(r"session ([0-9A-F]{32})").group(1))
        for name, address in zip(PINGS, (TRACKER, RELAY, OTHERS)):
            with self.subTest(name), self.listen(address) as tested, self.connect(root, address) as c:
                answer = capture(name + ".s2c")
                sid = whole_atoms(answer)[0]["sid"].hex
                c.send_atom(u32("pcp\n", 1))
                c.send_atom(helo(sid, ping=PORT))
                with tested.accept() as t:
                    theirs = capture(name + ".c2s")     # the same bytes, but for the session; then quit
                    self.assertEqual(t.read(44), theirs[:28] + own)
                    t.send(answer)
                    self.assertEqual(t.read(12), u32("quit", 1000).encode())
                self.assertEqual(c.read_atom()["port"].u16, PORT)

    def test_streams(self):
        """We fetch what broadcasters and relays have sent; the viewer gets all of it from where he may start."""
        for name in STREAMS:
            address = RELAY if name == "relay_from_relay" else TRACKER
            n = self.node(place=self.machine())
            with self.subTest(name), self.listen(address) as up:
                head, rest = split_head(capture(name + ".s2c"))
                atoms = whole_atoms(rest)
                first = next(a for a in atoms if a.name == "chan")
                cid = first["id"].hex
                # behind the first packet where a player may start
                begin = next(i for i, a in enumerate(atoms) if a.name == "chan" and a is not first and
                             "cont" not in a["pkt"]) + 1
                with self.ask(n, cid, address) as viewer, up.accept() as c:
                    self.assertIn(b"GET /channel/%s HTTP/1.0\r\n" % cid.encode(), c.read_until(b"\r\n\r\n"))
                    at = len(b"".join(a.encode() for a in atoms[:begin]))
                    c.send(head + rest[:at])
                    self.assertEqual(viewer.read_head(), 200)
                    c.send(rest[at:len(b"".join(a.encode() for a in atoms))])
                    want = media_of([first] + atoms[begin - 1:])
                    self.assertEqual(viewer.read(len(want)), want)
                    self.same_info(n, cid, first["info"])
                    self.assertEqual(c.read_atom().name, "helo")
                    self.assertEqual(c.wait_atom("bcst")["host"]["upip"].ip, address)
                    if name == "relay_ok":
                        tail = capture("relay_end.s2c.tail")
                        c.send(tail[tail.index(b"chan\2\0\0\x80"):])
                        n.wait_log(r"fetch .*: quit 1008")
                        viewer.expect_close(15)
            n.stop()

    def same_info(self, node, cid, info):
        seen = node.find_channel(cid=cid)["info"]
        self.assertEqual((seen["name"], seen["genre"], seen["contentType"]),
                         (info["name"].text, info["gnre"].text, info["type"].text))

    def test_full(self):
        """The hosts that a full node names are asked."""
        for name in FULL:
            with self.subTest(name), self.listen(TRACKER) as full, contextlib.ExitStack() as stack:
                n = self.node(place=self.machine())
                head, rest = split_head(capture(name + ".s2c"))
                others = [stack.enter_context(self.listen(a["ip"].ip)) for a in whole_atoms(rest) if a.name == "host"]
                stack.enter_context(self.ask(n, CID, TRACKER))
                c = stack.enter_context(full.accept())
                c.read_until(b"\r\n\r\n")
                c.send(head + rest)
                self.wait(lambda o=others: select.select([x.sock for x in o], [], [], 0)[0], what="a named host")
                one = next(o for o in others if select.select([o.sock], [], [], 0)[0])
                self.assertIn(CID.encode(), stack.enter_context(one.accept()).read_until(b"\r\n\r\n"))
                n.rpc("stopChannel", [CID])

    def test_missing(self):
        n = self.node(place=self.machine())
        with self.listen(TRACKER) as up, self.ask(n, new_id(), TRACKER) as viewer, up.accept() as c:
            c.read_until(b"\r\n\r\n")
            c.send(capture("relay_404.s2c"))
            c.close()
            self.assertEqual(viewer.read_head(), 503)


class All(unittest.TestCase):
    def test_all_are_played(self):
        """Both sides of each but the cut one."""
        names = {*CONTROLS, *PINGS, *STREAMS, *FULL, "relay_404"}
        files = {f for f in os.listdir(FOLDER) if f.endswith(".bin")}
        self.assertEqual(files, {n + s for n in names for s in (".c2s.bin", ".s2c.bin")} | {"relay_end.s2c.tail.bin"})


if __name__ == "__main__":
    unittest.main()
