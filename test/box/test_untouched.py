# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay of a type it does not know carries it as it came: names, head, packets, flags, positions; to
players, and to relays below."""
import unittest

from harness import BoxCase, box, chan_atom, gid, leaf, new_id, text, u8, u32
from test_relay import Upstream

HEAD = bytes(range(256)) + b"XYZ\0\r\n\r\n"
CONTS = (None, 0, 1, 2, 3, 4, 5, 6, 7, 0x80, 0xff, 0)


def info_of(cid, kind, mime=None, ext=None):
    """chan{id info}: without styp and sext when they are None."""
    chan = chan_atom(cid, name="up", ctype=kind)
    info = chan["info"]
    info.children = [c for c in info.children if c.name not in ("styp", "sext")]
    info.children += [text("styp", mime)] if mime else []
    info.children += [text("sext", ext)] if ext else []
    return chan


def payload(i, n=40):
    return b"".join(b"%02x%02x" % (i, k & 255) for k in range(n // 4))


class Untouched(BoxCase):
    def setUp(self):
        self.cid = new_id()
        self.up = Upstream(self)
        self.near = self.node(name="near")

    def start(self, kind, mime=None, ext=None, head=HEAD, pos=0):
        self.viewer = self.closing(self.near.client())
        self.viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (self.cid, self.up.port))
        self.c = self.closing(self.up.accept())
        self.up.handshake(self.c)
        self.c.send_atom(u32("ok", 0))
        chan = info_of(self.cid, kind, mime, ext)
        chan.children.append(box("pkt", leaf("type", b"head"), u32("pos", pos), leaf("data", head)))
        self.c.send_atom(chan)
        self.pos = pos + len(head)

    def data(self, i, cont, n=40):
        self.up.data(self.c, self.cid, self.pos, payload(i, n), cont)
        self.pos += n

    def below(self, node):
        """A relay by hand: its first chan, and the packets that follow."""
        r = self.relay(node, self.cid)
        self.assertEqual(r.status, 200)
        chan = r.wait_atom("chan")
        return chan, r.packets()

    def check_chan(self, chan, kind, mime, ext, head, pos=0):
        info = chan["info"]
        self.assertEqual(info["type"].text, kind)
        for name, want in (("styp", mime), ("sext", ext)):
            self.assertEqual(info.get(name) and info[name].text, want, name)
        pkt = chan["pkt"]
        self.assertEqual((pkt["type"].data, pkt["pos"].u32, pkt["data"].data), (b"head", pos, head))

    def test_all_of_it(self):
        """Through two nodes: the relay below the relay, and players of both."""
        for kind, mime, ext, head, pos in (
                ("XYZ", "application/x-xyz", ".xyz", HEAD, 0),
                ("XYZ", None, None, b"", 0),
                ("x y/z.日本", "audio/x.weird+1", ".日本", HEAD, 70000),
                ("HTML", "text/html", ".html", HEAD, 0),
                ("UNKNOWN", None, None, b"", 0xfffffff0)):
            with self.subTest(kind=kind, mime=mime):
                self.setUp()
                self.start(kind, mime, ext, head, pos)
                first = self.pos
                self.data(0, None)
                self.assertEqual(self.viewer.read_head(), 200)
                # what a browser would run is no medium; to nodes it is told all the same
                self.assertEqual(self.viewer.headers["content-type"],
                                 mime if mime not in (None, "text/html") else "application/octet-stream")
                far = self.node(name="far")
                viewers = [self.viewer, self.closing(far.view(self.cid, "?tip=" + self.near.address))]
                near, far = self.below(self.near), self.below(far)
                for i, cont in enumerate(CONTS[1:], 1):
                    self.data(i, cont)
                for chan, packets in (near, far):
                    self.check_chan(chan, kind, mime, ext, head, pos)
                    for i, cont in enumerate(CONTS):
                        self.assertEqual(next(packets), ("data", (first + 40 * i) & 0xffffffff, cont or 0, payload(i)))
                for v in viewers:
                    self.assertEqual(v.read(len(head) + 40 * len(CONTS)),
                                     head + b"".join(payload(i) for i in range(len(CONTS))))

    def test_cut_to_size(self):
        """What is too long for older nodes goes on in pieces; the pieces say that they are none of their
        own, and keep the other flags."""
        self.start("XYZ", "application/x-xyz", ".xyz")
        first = self.pos
        self.data(0, None)
        self.assertEqual(self.viewer.read_head(), 200)
        _, packets = self.below(self.near)
        next(packets)
        for cont in (0, 2, 4, 6):
            self.data(9, cont, 40000)
            got = [next(packets) for _ in range(3)]
            self.assertEqual([p[2] for p in got], [cont, cont | 1, cont | 1])
            self.assertEqual([len(p[3]) for p in got], [15360, 15360, 40000 - 2 * 15360])
            self.assertEqual(b"".join(p[3] for p in got), payload(9, 40000))
            self.assertEqual(got[2][1] + len(got[2][3]), self.pos)
        self.assertEqual(self.viewer.read(self.pos - first + len(HEAD))[-8:], payload(9, 40000)[-8:])
        self.data(7, 0, 1 << 20)
        self.assertEqual(self.viewer.read(1 << 20), payload(7, 1 << 20))

    def test_new_stream_new_type(self):
        """It becomes another type, with another head: everybody hears of both before the data."""
        self.start("XYZ", "application/x-xyz", ".xyz")
        self.data(0, None)
        self.assertEqual(self.viewer.read_head(), 200)
        self.viewer.read(len(HEAD) + 40)
        r = self.relay(self.near, self.cid)
        r.wait_atom("chan")
        self.assertEqual(r.wait_atom("chan")["pkt"]["data"].data, payload(0))
        chan = info_of(self.cid, "ABC", "application/x-abc", ".abc")
        chan.children.append(box("pkt", leaf("type", b"head"), u32("pos", 0), leaf("data", b"new head")))
        self.c.send_atom(chan)
        self.pos = 8
        self.data(1, 2)
        self.assertEqual(self.viewer.read(48), b"new head" + payload(1))
        pkts = [r.wait_atom("chan")["pkt"] for _ in range(2)]
        self.assertEqual([(p["type"].data, p["pos"].u32, p["data"].data) for p in pkts],
                         [(b"head", 0, b"new head"), (b"data", 8, payload(1))])
        self.assertEqual(pkts[1]["cont"].u8, 2)
        chan, _ = self.below(self.near)
        self.check_chan(chan, "ABC", "application/x-abc", ".abc", b"new head")

    def test_what_it_does_not_know_is_put_up_with(self):
        """Unknown atoms beside and inside; packets of a kind that is none."""
        self.start("XYZ")
        self.data(0, None)
        self.c.send_atom(box("chan", gid("id", self.cid), leaf("what", b"x"), box("pkt", leaf("type", b"meta"),
                             u32("pos", 0), leaf("data", b"no"))))
        self.c.send_atom(box("chan", gid("id", self.cid), box("pkt", leaf("type", b"data"), u32("pos", self.pos),
                             leaf("what", b"x"), u8("cont", 5), leaf("data", payload(1)))))
        self.assertEqual(self.viewer.read_head(), 200)
        self.assertEqual(self.viewer.read(len(HEAD) + 80), HEAD + payload(0) + payload(1))


if __name__ == "__main__":
    unittest.main()
