# SPDX-License-Identifier: GPL-2.0-or-later
"""ICY titles and MMSH: players who get more than the stream's bytes (http.md 3.5, 3.6; media.md 5.4, 5.5, 5.7.2)."""
import json
import re
import struct
import subprocess
import unittest

from harness import PATIENCE, BoxCase, flv_head, flv_unit, sample_bytes, units
from test_icecast import Encoder, mp3, mp3_frames
from test_media import PLAY, Capture, chunks, pieces, remuxed

TITLES = {"Icy-MetaData": "1"}


def woven(data, every):
    """(the stream, what the blocks say), as far as both are whole."""
    stream, blocks, at = b"", [], 0
    while at + every < len(data):
        size = 1 + 16 * data[at + every]
        block = data[at + every + 1:at + every + size]
        if len(block) < size - 1:
            break
        stream += data[at:at + every]
        blocks.append(block)
        at += every + size
    return stream, blocks


def said(blocks):
    """The texts of blocks that say something."""
    return [b.rstrip(b"\0").decode() for b in blocks if b]


def frames_of(stream):
    """Is it nothing but whole frames behind the first one?"""
    stream = stream[stream.index(b"\xff\xfb"):]
    at = 0
    while at + 4 < len(stream):
        assert stream[at:at + 2] == b"\xff\xfb", "no frame at byte %d of %d" % (at, len(stream))
        at += 417 + (stream[at + 2] >> 1 & 1)
    return at


class Icy(BoxCase):
    def start(self, ini=None, **kw):
        self.n = self.node({"broadcastMsg": "", **(ini or {})})
        self.push(self.n, "Mp3 channel", kind="MP3", source=mp3(True), interval=0.02, genre="jazz",
                  url="http://e.com/", bitrate=128, **kw)
        self.cid = self.n.wait_channel("Mp3 channel")["channelId"]

    def watch(self, every=8192, n=8, headers=TITLES):
        v = self.closing(self.n.view(self.cid, headers=headers))
        self.head = v.head
        return woven(v.read((every + 1) * n + 4096), every)

    def edit(self, title="", **info):
        self.n.rpc("setChannelInfo", [self.cid, info, {"name": title}])

    def test_head(self):
        self.start()
        v = self.closing(self.n.view(self.cid, headers=TITLES))
        self.assertEqual(v.head.decode().split("\r\n"), [
            "ICY 200 OK", "Server: PeerCast/0.1218 (SV01)", "icy-name:Mp3 channel", "icy-br:128",
            "icy-genre:jazz", "icy-url:http://e.com/", "icy-metaint:8192",
            "x-peercast-channelid: " + self.cid, "Content-Type: audio/mpeg", "", ""])
        c = self.closing(self.n.client())
        c.request("HEAD", "/stream/" + self.cid, TITLES)
        c.read_head()
        self.assertEqual((c.head, c.expect_close()), (v.head, b""))

    def test_titles(self):
        """The first block speaks, the others when there is news; the rest is the stream."""
        self.start()
        self.edit("it's; 雨")
        v = self.closing(self.n.view(self.cid, headers=TITLES))
        stream, blocks = woven(v.read(8193 * 3 + 500), 8192)
        text = "StreamTitle='it's: 雨';StreamUrl='http://e.com/';"
        self.assertEqual(said(blocks), [text])
        self.assertEqual(len(blocks[0]) % 16, 0)
        self.assertNotEqual(blocks[0][-16:], bytes(16))
        self.edit("next")
        data = v.read_until(b"StreamTitle='next';")
        self.assertTrue(data)
        self.assertGreater(frames_of(stream), 8192)

    def test_every_interval(self):
        for every in (1, 7, 417, 16384):
            with self.subTest(every):
                self.start({"icyMetaInterval": every})
                stream, blocks = self.watch(every, max(8, 20000 // every))
                self.assertIn(b"icy-metaint:%d\r\n" % every, self.head)
                self.assertEqual(said(blocks), ["StreamTitle='';StreamUrl='http://e.com/';"])
                frames_of(stream)

    def test_comment_and_title_take_turns(self):
        self.start({"broadcastMsgInterval": 1, "icyMetaInterval": 500}, comment="c")
        self.edit("t")
        v = self.closing(self.n.view(self.cid, headers=TITLES))
        v.read_until(b"StreamTitle='c'")
        v.read_until(b"StreamTitle='t'")
        v.read_until(b"StreamTitle='c'")

    def test_only_the_comment(self):
        self.start({"broadcastMsgInterval": 0}, comment="c")
        self.edit("t")
        self.assertEqual(said(self.watch()[1]), ["StreamTitle='c';StreamUrl='http://e.com/';"])

    def test_not_asked_for(self):
        self.start()
        for headers in ({}, {"Icy-MetaData": "0"}):
            v = self.closing(self.n.view(self.cid, headers=headers))
            self.assertTrue(v.head.startswith(b"HTTP/1.0 200 OK\r\n"))
            self.assertNotIn("icy-metaint", v.headers)
            frames_of(v.read(20000))

    def test_switched_off(self):
        self.start({"icyMetaInterval": 0})
        v = self.closing(self.n.view(self.cid, headers=TITLES))
        self.assertTrue(v.head.startswith(b"HTTP/1.0 200 OK\r\n"))
        frames_of(v.read(20000))

    def test_browser(self):
        self.start()
        v = self.closing(self.n.view(self.cid, headers={**TITLES, "Origin": "http://e.com"}))
        self.assertTrue(v.head.startswith(b"HTTP/1.0 200 OK\r\n"))
        self.assertEqual((v.headers["icy-metaint"], v.headers["access-control-allow-origin"]), ("8192", "*"))
        # so that the script of a page elsewhere may ask for titles, and find them
        self.assertIn("icy-metaint", v.headers["access-control-expose-headers"])
        ask = {"Origin": "http://e.com", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "icy-metadata"}
        self.assertIn("Icy-MetaData", self.n.http("OPTIONS", "/stream/" + self.cid, headers=ask).headers["access-control-allow-headers"])

    def test_types(self):
        node = self.node()
        for kind in ("aac", "flv"):
            self.ffmpeg(node, kind, kind)
            cid = node.wait_channel(kind)["channelId"]
            v = self.closing(node.view(cid, headers=TITLES))
            self.assertEqual(v.head.startswith(b"ICY 200 OK\r\n"), kind == "aac")
        self.assertTrue(v.head.startswith(b"HTTP/1.0 200 OK\r\n"))

    def test_behind_a_relay_and_over_a_restart(self):
        """Where the blocks are does not depend on where the stream comes from."""
        self.start({"sourceGraceSec": 60, "icyMetaInterval": 1000})
        relay = self.node({"icyMetaInterval": 700}, name="relay")
        viewers = [Capture(self.closing(self.n.view(self.cid, headers=TITLES))),
                   Capture(self.closing(relay.view(self.cid, "?tip=" + self.n.address, headers=TITLES)))]
        for v in viewers:
            v.wait_for(30000)
        self.doCleanups_of_pushes()
        self.n.wait_log("the encoder has left")
        had = [len(v.data) for v in viewers]
        self.push(self.n, "Mp3 channel", kind="MP3", source=mp3(True), interval=0.02)
        self.n.wait_log("taken over")
        self.edit("after")
        for v, n, every in zip(viewers, had, (1000, 700)):
            self.wait(lambda v=v: b"StreamTitle='after'" in v.data, 30)
            v.wait_for(len(v.data) + 10 * every)
            data = bytes(v.data)
            stream, blocks = woven(data, every)
            self.assertTrue(said(blocks)[-1].startswith("StreamTitle='after'"))
            self.assertLess(n, len(data))
            # frames on both sides of the restart
            self.assertGreater(len(re.findall(rb"\xff\xfb[\x90-\x93]", stream)), len(stream) // 900)

    def doCleanups_of_pushes(self):
        """The encoder goes."""
        for push in self.pushes:
            push.stop()

    def push(self, node, name="test", **kw):
        push = super().push(node, name, **kw)
        self.pushes = getattr(self, "pushes", []) + [push]
        return push

    def test_slow_player(self):
        """It reads nothing for a while, and everything is in step when it goes on."""
        self.n = self.node({"icyMetaInterval": 100})
        self.push(self.n, "fast", kind="MP3", source=mp3(True), interval=0.001)
        self.cid = self.n.wait_channel("fast")["channelId"]
        slow = self.closing(self.n.view(self.cid, headers=TITLES))
        with self.n.view(self.cid) as fast:
            fast.read(4 << 20, seconds=60)
        stream, blocks = woven(slow.read(1 << 20, seconds=60), 100)
        self.assertEqual(len(said(blocks)), 1)
        self.assertGreater(len(stream), 900000)

    def test_ffmpeg_sees_the_title(self):
        self.start()
        self.edit("Song of ffmpeg")
        r = subprocess.run(
            ["ffprobe", "-v", "error", "-icy", "1", "-show_entries", "format_tags:stream=codec_name", "-of", "json",
             "http://127.0.0.1:%d/stream/%s.mp3" % (self.n.port, self.cid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=60 * PATIENCE)
        found = json.loads(r.stdout)
        self.assertEqual([s["codec_name"] for s in found["streams"]], ["mp3"])
        self.assertEqual(found["format"]["tags"]["StreamTitle"], "Song of ffmpeg")
        self.assertEqual(found["format"]["tags"]["icy-name"], "Mp3 channel")


class Mmsh(BoxCase):
    def setUp(self):
        self.n = self.node({"sourceGraceSec": 0})
        self.ffmpeg(self.n, "wm", "wmv")
        self.cid = self.n.wait_channel("wm")["channelId"]

    def ask(self, *lines, method="GET"):
        c = self.closing(self.n.client())
        c.send(("%s /stream/%s.wmv HTTP/1.0\r\n" % (method, self.cid)).encode() +
               b"".join(line + b"\r\n" for line in lines) + b"\r\n")
        self.assertEqual(c.read_head(), 200)
        return c

    HEAD = ["HTTP/1.0 200 OK", "Server: Rex/9.0.0.2980", "Cache-Control: no-cache", "Pragma: no-cache",
            "Pragma: client-id=3587303426", 'Pragma: features="broadcast, playlist"']

    def test_header_alone(self):
        for lines in ((), (b"User-Agent: NSPlayer/9.0", b"Pragma: no-cache,rate=1.000,request-context=1"),
                      (b"Pragma: xPlayStrm=0",), (b"X-Pragma: xPlayStrm=1",)):
            c = self.ask(*lines)
            size = int(c.headers["content-length"])
            self.assertEqual(c.head.decode().split("\r\n"), self.HEAD + [
                "Content-Type: application/vnd.ms.wms-hdr.asfv1", "Content-Length: %d" % size,
                "Connection: Keep-Alive", "", ""])
            body = c.expect_close()
            self.assertEqual(len(body), size)
            (kind, chunk), = chunks(body)
            self.assertEqual((kind, chunk[12:16]), (b"H", b"\x30\x26\xb2\x75"))
        self.assertEqual(self.ask(method="HEAD").expect_close(), b"")
        self.wait(lambda: self.n.find_channel("wm")["status"]["localDirects"] == 0)

    def test_stream(self):
        for lines in ((b"Pragma: xPlayStrm=1",),
                      (b"Pragma: no-cache,rate=1.0,stream-time=0", b"Pragma: xClientGUID={x}",
                       b"PRAGMA: XPLAYSTRM=1", b"Pragma: no-cache", b"Pragma: stream-switch-entry=ffff:1:0"),
                      (b"Pragma: no-cache, stream-switch-count=2",)):
            c = self.ask(*lines)
            self.assertEqual(c.head.decode().split("\r\n"), self.HEAD + [
                "Content-Type: application/x-mms-framed", "", ""])
            kinds, numbers = b"", []
            for _ in range(12):
                head = c.read(12)
                _, kind, size, seq, _, again = struct.unpack("<ccHIHH", head)
                self.assertEqual(size, again)
                c.read(size - 8)
                kinds += kind
                numbers.append(seq)
            self.assertEqual(kinds, b"H" + b"D" * 11)
            self.assertEqual(numbers[1:], list(range(numbers[1], numbers[1] + 11)))

    def test_ffmpeg_plays(self):
        r = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", "mmsh://127.0.0.1:%d/stream/%s.wmv" % (self.n.port, self.cid),
             "-t", "3", "-f", "null", "-"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            timeout=60 * PATIENCE)
        self.assertEqual((r.returncode, r.stderr.decode()), (0, ""))

    def test_ffmpeg_plays_over_a_new_header(self):
        first, second = remuxed("wmv", "-f", "asf"), remuxed("wmv", "-an", "-f", "asf")

        def source():
            yield from pieces(first)
            while True:
                yield from pieces(second)
        self.push(self.n, "two", kind="WMV", source=source(), interval=0.05)
        cid = self.n.wait_channel("two")["channelId"]
        r = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", "mmsh://127.0.0.1:%d/stream/%s.wmv" % (self.n.port, cid),
             "-map", "0:v", "-frames:v", "60", "-f", "null", "-"], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, check=False, timeout=60 * PATIENCE)
        self.assertEqual(r.returncode, 0)
        self.assertNotIn("other type packet", r.stderr.decode())

    def test_end(self):
        c = self.ask(b"Pragma: xPlayStrm=1")
        c.read(1000)
        self.n.rpc("stopChannel", [self.cid])
        self.assertTrue(c.expect_close().endswith(b"$E\x04\0\0\0\0\0"))


class HeaderChange(BoxCase):
    """onHeaderChange = drop: a new head ends the connection of a player, and of nobody else."""

    def test_flv(self):
        node = self.node({"onHeaderChange": "drop"})

        def stream():
            for gen in range(2):
                yield flv_head(100 + gen)
                for i in range(50 if gen == 0 else 100000):
                    yield flv_unit(1000 * gen + i, key=i % 10 == 0)
        self.push(node, "s", source=stream(), interval=0.02)
        cid = node.wait_channel("s")["channelId"]
        relay = Capture(self.relay(node, cid))
        with node.view(cid) as v:
            data = v.expect_close(30)
        seen = units(data)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        self.assertLess(seen[-1], 50)
        self.assertEqual(data.count(b"FLV\x01"), 1)
        node.wait_log("direct .*: ended at a new header")
        with node.view(cid) as v:
            self.assertGreaterEqual(units(v.read(20000))[0], 1000)
        self.assertTrue(relay.is_alive())

    def test_windows_media(self):
        node = self.node({"onHeaderChange": "drop"})
        self.push(node, "w", kind="WMV", interval=0.02,
                  source=pieces(remuxed("wmv", "-f", "asf") + remuxed("wma", "-f", "asf") + bytes(1)))
        with node.view(node.wait_channel("w")["channelId"], headers=PLAY) as v:
            kinds = [kind for kind, _ in chunks(v.expect_close(30))]
        self.assertEqual(kinds.count(b"H"), 1)
        self.assertGreater(kinds.count(b"D"), 5)

    def test_streams_without_head_have_none_to_change(self):
        node = self.node({"onHeaderChange": "drop", "sourceGraceSec": 60})
        first = Encoder(self.open(node), mp3(True), interval=0.02)
        v = Capture(self.closing(node.view(node.wait_channel("m")["channelId"])))
        v.wait_for(10000)
        first.stop()
        node.wait_log("the encoder has left")
        n = len(v.data)
        self.addCleanup(Encoder(self.open(node), mp3(True), interval=0.02).stop)
        v.wait_for(n + 10000)
        self.assertTrue(v.is_alive())

    def open(self, node):
        c = self.closing(node.client())
        c.request("POST", "/?name=m&type=MP3")
        return c


class Sample(unittest.TestCase):
    def test_frames(self):
        self.assertGreater(len(mp3_frames()), 150)
        self.assertGreater(frames_of(sample_bytes("mp3")), 70000)


if __name__ == "__main__":
    unittest.main()
