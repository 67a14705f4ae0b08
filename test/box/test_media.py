# SPDX-License-Identifier: GPL-2.0-or-later
"""Every container as ffmpeg sends it, watched through a second node (media.md 3, 8, 12.2)."""
import json
import re
import struct
import subprocess
import tempfile
import threading
import unittest

from harness import PATIENCE, WAIT, BoxCase, sample, sample_bytes

# type, MIME type, video codec, audio codec; title and artist that are in the sample
KINDS = {
    "flv": ("FLV", "video/x-flv", "h264", "aac", "", ""),
    "mkv": ("MKV", "video/x-matroska", "h264", "aac", "", ""),
    "webm": ("WEBM", "video/webm", "vp8", "opus", "", ""),
    "mp4": ("MP4", "video/mp4", "h264", "aac", "Song", ""),
    "mp4abs": ("MP4", "video/mp4", "h264", "aac", "", ""),
    "wmv": ("WMV", "application/x-mms-framed", "wmv2", "wmav2", "", ""),
    "wma": ("WMA", "application/x-mms-framed", None, "wmav2", "", ""),
    "ts": ("TS", "video/mp2t", "h264", "aac", "", ""),
    "ogg": ("OGG", "application/x-ogg", None, "vorbis", "Song", "Singer"),
    "opus": ("OGG", "application/x-ogg", None, "opus", "", ""),
    "mp3": ("MP3", "audio/mpeg", None, "mp3", "", ""),
    "aac": ("AAC", "audio/aac", None, "aac", "", ""),
    "ogv": ("OGM", "application/x-ogg", "theora", "vorbis", "", ""),
}


PLAY = {"Pragma": "xPlayStrm=1"}        # Windows Media plays only for who asks like this


def chunks(data):
    """Windows Media's: (kind, all of it)."""
    at = 0
    while at < len(data):
        mark, kind, size = struct.unpack_from("<ccH", data, at)
        if mark != b"$" or kind not in b"HDCE":
            raise AssertionError("no chunk at %d: %r" % (at, data[at:at + 12]))
        yield kind, data[at:at + 4 + size]
        at += 4 + size


def unmarked(data):
    """Windows Media as its channel has it, without what a player gets besides."""
    return b"".join(c for kind, c in chunks(data) if kind in b"HD")


def unframed(data):
    """Windows Media without its chunks: a file."""
    return b"".join(c[12:] for kind, c in chunks(data) if kind in b"HD")


def decode(data, at_the_end=""):
    """Decode all of it: {codec type: (codec, frames, key frame first?)}; AssertionError with what ffmpeg
    has to say against it. at_the_end: what it says of the end of any such file."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        r = subprocess.run(["ffmpeg", "-v", "error", "-i", f.name, "-f", "null", "-"],
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                           timeout=60 * PATIENCE)
        said = r.stderr.decode("utf-8", "replace")
        if at_the_end and re.fullmatch(r".*%s\s*(Last message repeated \d+ times\s*)?" % at_the_end, said):
            said = ""
        if r.returncode != 0 or said:
            raise AssertionError("ffmpeg: %d %s" % (r.returncode, said[:2000]))
        r = subprocess.run(["ffprobe", "-v", "error", "-show_entries",
                            "stream=index,codec_type,codec_name:frame=stream_index,key_frame",
                            "-of", "json", f.name], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, check=True, timeout=60 * PATIENCE)
    found = json.loads(r.stdout)
    out = {}
    for s in found["streams"]:
        frames = [f for f in found["frames"] if f.get("stream_index") == s["index"]]
        out[s["codec_type"]] = (s["codec_name"], len(frames), bool(frames and frames[0]["key_frame"]))
    return out


class Capture(threading.Thread):
    """All bytes of a viewer up to the end of the channel."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.data, self.error = client, bytearray(), None
        self.grown = threading.Condition()
        self.start()

    def run(self):
        try:
            while True:
                piece = self.client.read_some()
                if not piece:
                    return
                with self.grown:
                    self.data += piece
                    self.grown.notify_all()
        except OSError as e:
            self.error = e
        finally:
            with self.grown:
                self.grown.notify_all()

    def wait_for(self, n):
        with self.grown:
            return self.grown.wait_for(lambda: len(self.data) >= n or not self.is_alive(), WAIT * PATIENCE)


class Watch(threading.Thread):
    """One format pushed once by ffmpeg; a viewer at the source, one at the relay, one late at the relay.
    What a relay was told of the packets is written down beside."""

    def __init__(self, case, src, relay, kind):
        super().__init__(daemon=True)
        self.case, self.src, self.relay, self.kind = case, src, relay, kind
        self.captures, self.packets, self.chan, self.error = [], [], None, None
        self.start()

    def run(self):
        try:
            self.watch()
        except Exception as e:  # pylint: disable=broad-except
            self.error = e

    def watch(self):
        self.case.ffmpeg(self.src, self.kind, self.kind, ctype=KINDS[self.kind][0], once=True,
                         muxer=["-f", "asf_stream"] if self.kind == "wma" else None)
        cid = self.src.wait_channel(self.kind)["channelId"]
        pcp = self.case.relay(self.src, cid)
        tip = "?tip=" + self.src.address
        for node in (self.src, self.relay):
            client = self.case.closing(node.view(cid, tip, headers=PLAY))
            if (client.status, client.headers.get("content-type")) != (200, KINDS[self.kind][1]):
                raise AssertionError("%s: %s" % (node.name, client.head))
            self.captures.append(Capture(client))
        self.captures[1].wait_for(len(sample_bytes(self.kind)) * 7 // 10)
        self.captures.append(Capture(self.case.closing(self.relay.view(cid, headers=PLAY))))
        self.chan = self.relay.wait_channel(cid=cid)
        self.packets = list(pcp.packets())
        for c in self.captures:
            c.join(WAIT * PATIENCE)


def pieces(data, size=4000):
    for at in range(0, len(data), size):
        yield data[at:at + size]


def remuxed(kind, *args):
    """A sample made over by ffmpeg."""
    return subprocess.run(["ffmpeg", "-v", "error", "-i", sample(kind), "-c", "copy", *args, "-"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout


class Restarts(BoxCase):
    """Another stream in the same body: everybody gets its head before its data."""

    def setUp(self):
        self.src = self.node({"sourceGraceSec": 0})
        self.relay_node = self.node(name="relay")

    def check(self, kind, first, second, plain=bytes, titles=("", ""), viewed=bytes):
        go, end = threading.Event(), threading.Event()

        def source():
            yield from pieces(first)
            go.wait(WAIT * PATIENCE)
            yield from pieces(second)
            end.wait(WAIT * PATIENCE)
        self.push(self.src, kind, kind=kind, source=source(), interval=0.002)
        cid = self.src.wait_channel(kind)["channelId"]
        pcp = self.relay(self.src, cid)
        viewer = Capture(self.closing(self.relay_node.view(cid, "?tip=" + self.src.address, headers=PLAY)))
        viewer.wait_for(1)
        for title, event in zip(titles, (go, end)):
            self.wait(lambda t=title: self.src.find_channel(kind)["track"]["name"] == t)
            event.set()
        parts = []
        for what, _, _, data in pcp.packets():
            if what == "head":
                parts.append([data, b""])
            else:
                parts[-1][1] += data
        viewer.join(WAIT * PATIENCE)
        got = viewed(bytes(viewer.data))
        self.assertEqual(len(parts), 2)
        last = b"".join(parts[1])
        lead = 13 if kind == "FLV" else 0       # in mid-stream no file begins
        self.assertTrue(got.endswith(last[lead:]))
        got = got[:len(got) - len(last) + lead]
        self.assertTrue(got.startswith(parts[0][0]))
        # the relay and the player may have begun at different places; what both have is the same
        seen = got[len(parts[0][0]):]
        both = min(len(seen), len(parts[0][1]))
        self.assertEqual(seen[len(seen) - both:], parts[0][1][len(parts[0][1]) - both:])
        decode(plain(got))
        decode(plain(last))
        self.src.wait_no_channel(kind)

    def test_ogg(self):
        self.check("OGG", sample_bytes("ogg"), sample_bytes("opus"), titles=("Song", ""))

    def test_mkv(self):
        self.check("MKV", sample_bytes("mkv"), sample_bytes("webm"))

    def test_flv(self):
        self.check("FLV", sample_bytes("flv"), remuxed("flv", "-an", "-f", "flv"))

    def test_ts(self):
        self.check("TS", sample_bytes("ts"), remuxed("ts", "-an", "-f", "mpegts"))

    def test_mp4(self):
        self.check("MP4", sample_bytes("mp4abs"), sample_bytes("mp4"), titles=("", "Song"))

    def test_asf(self):
        def viewed(data):
            kinds = b"".join(kind for kind, _ in chunks(data)).replace(b"D", b"")
            self.assertEqual(kinds, b"HCHE")
            return unmarked(data)
        self.check("WMV", remuxed("wmv", "-f", "asf"), remuxed("wma", "-f", "asf"), unframed, viewed=viewed)


def nsv(interval_ms=100):
    """Frames of NSV, made from the VP8 of the WebM sample and the frames of the MP3 sample: no encoder
    of today makes any. Once through, in time."""
    ivf = subprocess.run(["ffmpeg", "-v", "error", "-i", sample("webm"), "-an", "-c", "copy", "-f", "ivf",
                          "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    mp3 = sample_bytes("mp3")
    at, sound = 32, mp3.index(b"\xff\xfb", 300)
    elapsed = 0.0
    while at < len(ivf):
        size = struct.unpack_from("<I", ivf, at)[0]
        video = ivf[at + 12:at + 12 + size]
        at += 12 + size
        start, elapsed = sound, elapsed + interval_ms
        while elapsed > 0 and sound + 4 < len(mp3):     # 128 kbit/s, 44100 Hz
            sound += 417 + (mp3[sound + 2] >> 1 & 1)
            elapsed -= 1152 / 44.1
        audio = mp3[start:sound]
        lengths = struct.pack("<I", size << 4)[:3] + struct.pack("<H", len(audio))
        key = video[0] & 1 == 0
        yield (b"NSVsVP80MP3 " + struct.pack("<HHBH", 160, 120, 10, 0) if key else b"\xef\xbe") + \
            lengths + video + audio


class Nsv(BoxCase):
    def test_through_a_relay(self):
        src = self.node({"sourceGraceSec": 0})
        relay = self.node(name="relay")
        frames = list(nsv())
        self.push(src, "nsv", kind="NSV", source=frames, interval=0.05)
        cid = src.wait_channel("nsv")["channelId"]
        tip = "?tip=" + src.address
        captures = [Capture(self.closing(n.view(cid, tip))) for n in (src, relay)]
        captures[1].wait_for(sum(map(len, frames)) * 7 // 10)
        captures.append(Capture(self.closing(relay.view(cid))))
        for c in captures:
            c.join(WAIT * PATIENCE)
            got = bytes(c.data)
            self.assertEqual(got[:4], b"NSVs")
            self.assertTrue(b"".join(frames).endswith(got))
            found = decode(got, "Operation not permitted")
            self.assertEqual((found["video"][0], found["audio"][0]), ("vp8", "mp3"))
            self.assertTrue(found["video"][2])
        self.assertLess(len(captures[2].data), len(captures[1].data))


class Containers(BoxCase):
    """All formats at the same time: it takes as long as one."""

    def test_through_a_relay(self):
        src = self.node({"sourceGraceSec": 0, "maxRelays": 100})
        relay = self.node(name="relay")
        watches = [Watch(self, src, relay, kind) for kind in KINDS]
        for w in watches:
            w.join()
            with self.subTest(w.kind):
                if w.error:
                    raise w.error
                self.check(w)
        late = [w for w in watches if len(w.captures[2].data) < len(w.captures[1].data)]
        self.assertGreater(len(late), len(watches) // 2)

    def check(self, w):
        ctype, _, video, audio, title, artist = KINDS[w.kind]
        self.assertEqual(w.chan["info"]["contentType"], ctype)
        self.assertEqual((w.chan["track"]["name"], w.chan["track"]["creator"]), (title, artist))
        head = b"".join(p[3] for p in w.packets if p[0] == "head")
        body = b"".join(p[3] for p in w.packets if p[0] == "data")
        self.assertLessEqual(max(len(p[3]) for p in w.packets if p[0] == "data"), 15360)
        starts, at = set(), 0
        for kind, _, cont, data in w.packets:
            if kind == "data":
                if cont == 0:
                    starts.add(len(body) - at)
                at += len(data)
        self.assertGreaterEqual(len(starts), 3)
        for c, who in zip(w.captures, ("source", "relay", "late")):
            with self.subTest(who):
                self.assertIsNone(c.error)
                got = bytes(c.data)
                if ctype in ("WMV", "WMA"):
                    got = unmarked(got)
                self.assertEqual(got[:len(head)], head)
                left = len(got) - len(head)
                self.assertTrue(body.endswith(got[len(head):]), "%d bytes, not the last of %d"
                                % (left, len(body)))
                self.assertIn(left, starts, "does not begin where one may start")
                self.check_decoded(decode(unframed(got) if ctype in ("WMV", "WMA") else got), video, audio, 10 if who == "late" else 40)

    def check_decoded(self, found, video, audio, frames):
        self.assertEqual({k: v[0] for k, v in found.items()},
                         {k: v for k, v in (("video", video), ("audio", audio)) if v})
        if video:
            self.assertGreaterEqual(found["video"][1], frames)
            self.assertTrue(found["video"][2], "begins without a key frame")
        self.assertGreaterEqual(found["audio"][1], frames)


if __name__ == "__main__":
    unittest.main()
