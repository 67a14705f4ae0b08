# SPDX-License-Identifier: GPL-2.0-or-later
"""Channels as fragmented MP4, live and in HLS (media.md 7.5, http.md 3.10)."""
import os
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from harness import PATIENCE, PEERCAST, BoxCase, Client, sample_bytes, wait_until
from net import NetCase

SLOW = 30.0


def mp4_boxes(data):
    """(type, body) of the whole boxes at the front of data."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            return
        yield kind, data[at + 8:at + size]
        at += size


def decode(data):
    """All of it: {"video": frames, "audio": frames}; AssertionError with what ffmpeg has to say against it."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as f:
        f.write(data)
        f.flush()
        r = subprocess.run(
            ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_type,nb_read_frames",
             "-of", "csv=p=0", f.name], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=SLOW * PATIENCE)
    if r.returncode != 0 or r.stderr:
        raise AssertionError("ffprobe: %d %s" % (r.returncode, r.stderr.decode("utf-8", "replace")[:2000]))
    return {k: int(n) for k, n in (line.split(",")[:2] for line in r.stdout.decode().split())}


class Live:
    """A viewer of live.mp4 over HTTP/1.1: what it gets, without the chunks."""

    def __init__(self, node, cid, query=""):
        self.client = Client(node.port, seconds=SLOW)
        self.client.request("GET", "/hls/%s/live.mp4%s" % (cid, query), version="HTTP/1.1")
        self.status, self.headers = self.head(self.client)
        self.data = b""
        self.ended = False

    @staticmethod
    def head(client):
        text = client.read_until(b"\r\n\r\n", SLOW).decode("latin-1").split("\r\n")
        return int(text[0].split()[1]), {k.lower(): v for k, v in
                                         (line.split(": ", 1) for line in text[1:] if ": " in line)}

    def piece(self):
        """One chunk; b"" at the end."""
        size = int(self.client.read_until(b"\r\n", SLOW), 16)
        piece = self.client.read(size, SLOW) if size else b""
        self.client.read(2, SLOW)
        self.data += piece
        self.ended = size == 0
        return piece

    def read(self, seconds):
        """So much of the stream, by its own times."""
        want = len(list(self.fragments())) + max(int(seconds / 0.15), 1)
        while len(list(self.fragments())) < want and self.piece():
            pass

    def fragments(self):
        return (body for kind, body in mp4_boxes(self.data) if kind == b"moof")


def remux_pids(node):
    """The processes a node has for this."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                args = f.read().split(b"\0")
            with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as f:
                stat = f.read().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if b"--remux" in args and int(stat[1]) == node.pid and stat[0] != "Z":
            found.append(int(pid))
    return found


def uris(playlist):
    return re.findall(r"^/hls/\S+\.m4s\S*$", playlist, re.M)


class Hls(BoxCase):
    """One class, one node where it can be: starting things is what costs time here."""

    def on_air(self, node, kind="flv", name="c"):
        self.ffmpeg(node, name, kind)
        return node.wait_channel(name, seconds=SLOW)["channelId"]

    def live(self, node, cid, query=""):
        v = Live(node, cid, query)
        self.closing(v.client)
        return v

    def playlist(self, node, cid, session=None, seconds=SLOW):
        """Follows the redirect. (session, text)."""
        if session is None:
            r = node.get("/hls/" + cid)
            self.assertEqual(r.status, 302, r.text)
            session = re.fullmatch(r"/hls/%s\?session=([0-9a-f]{32})" % cid, r.headers["location"]).group(1)
        r = node.get("/hls/%s.m3u8?session=%s" % (cid, session), seconds=seconds)
        self.assertEqual(r.status, 200, r.text)
        self.assertEqual(r.headers["content-type"], "application/vnd.apple.mpegurl")
        self.assertEqual(r.headers["access-control-allow-origin"], "*")
        self.assertEqual(r.headers["cache-control"], "no-cache")
        return session, r.text

    def whole(self, node, playlist):
        """The initialisation segment and all segments in it."""
        out = node.get(re.search(r'MAP:URI="(\S+)"', playlist).group(1))
        self.assertEqual((out.status, out.headers["content-type"]), (200, "video/mp4"))
        data = out.body
        for uri in uris(playlist):
            r = node.get(uri, seconds=SLOW)
            self.assertEqual((r.status, r.headers["content-type"]), (200, "video/iso.segment"))
            self.assertEqual(r.headers["cache-control"], "max-age=60")
            self.assertEqual(int(r.headers["content-length"]), len(r.body))
            data += r.body
        return data

    def directs(self, node, cid):
        return [c for c in node.rpc("getChannelConnections", [cid]) if c["type"] == "direct"]

    # --- containers -----------------------------------------------------------------------------

    def test_containers(self):
        """What every container becomes, at once, watched live and by HLS, two of them through a relay."""
        if PATIENCE > 1:
            self.skipTest("this is ffmpeg's work, not ours")
        codecs = {"flv": "avc1.", "mkv": "avc1.", "ts": "avc1.", "mp4": "avc1.", "aac": "mp4a.40.2", "opus": "opus"}
        src, relay = self.node(), self.node()
        tip = "?tip=" + src.address
        for kind in codecs:
            self.ffmpeg(src, kind, kind, ctype="OGG" if kind == "opus" else None)
        ids = {kind: src.wait_channel(kind, seconds=SLOW)["channelId"] for kind in codecs}
        at = {kind: relay if kind in ("flv", "ts") else src for kind in codecs}
        views = {kind: self.live(at[kind], ids[kind], tip if at[kind] is relay else "") for kind in codecs}
        for kind, v in views.items():
            self.assertEqual(v.status, 200, kind)
            self.assertIn(codecs[kind], v.headers["content-type"], kind)
            v.read(2)
            kinds = [k for k, _ in mp4_boxes(v.data)]
            self.assertEqual(kinds[:5], [b"ftyp", b"moov", b"prft", b"moof", b"mdat"], kind)
            frames = decode(v.data)
            self.assertGreater(frames["audio"], 5, (kind, frames))
            if codecs[kind] == "avc1.":
                self.assertGreater(frames["video"], 3, (kind, frames))
        for kind, cid in ids.items():
            _, text = self.playlist(at[kind], cid)
            frames = decode(self.whole(at[kind], text))
            self.assertGreater(frames["audio"], 20, (kind, frames))
        self.assertEqual(len(remux_pids(src)) + len(remux_pids(relay)), len(codecs))

    def test_not_possible(self):
        """A clear word about what cannot be: the codec, the container, the name, the setting."""
        node = self.node()
        self.ffmpeg(node, "v", "webm")
        self.ffmpeg(node, "w", "wmv")
        vp8, wmv = (node.wait_channel(n, seconds=SLOW)["channelId"] for n in "vw")
        for path, status, word in (
                ("/hls/%s/live.mp4" % vp8, 501, "vp8"), ("/hls/%s/live.mp4" % wmv, 501, "WMV"),
                ("/hls/%s?session=%s" % (vp8, "a" * 32), 501, "vp8"),
                ("/hls/%s" % ("A" * 32), 404, ""), ("/hls/x", 404, ""), ("/hls/%s/0.ts" % vp8, 404, ""),
                ("/hls/%s/0.m4s?session=%s" % ("A" * 32, "a" * 32), 404, "")):
            r = node.get(path, seconds=SLOW)
            self.assertEqual(r.status, status, path)
            self.assertIn(word, r.text, path)
        self.assertEqual(node.http("OPTIONS", "/hls/x").status, 204)
        self.assertEqual(self.directs(node, vp8), [])

    # --- viewers --------------------------------------------------------------------------------

    def test_sessions(self):
        """Counted once each, whatever they fetch; gone when they ask no more; limits hold."""
        node = self.node()
        cid = self.on_air(node)
        one, text = self.playlist(node, cid)
        for _ in range(3):
            self.playlist(node, cid, one)
        self.whole(node, text)
        self.playlist(node, cid, one)
        self.assertEqual(len(self.directs(node, cid)), 1)
        two, _ = self.playlist(node, cid)
        self.assertNotEqual(one, two)
        self.playlist(node, cid, one)
        self.assertEqual(len(self.directs(node, cid)), 2)
        self.assertEqual(node.find_channel(cid=cid)["status"]["localDirects"], 2)
        self.assertEqual(len(remux_pids(node)), 1)
        # without a session there is nothing but the way to one
        uri = uris(text)[0].split("?")[0]
        self.assertEqual(node.get(uri).status, 403)
        self.assertEqual(node.get(uri + "?session=zz").status, 403)
        self.assertEqual(node.get("/hls/%s/99999.m4s?session=%s" % (cid, one)).status, 404)
        self.assertEqual(node.http("HEAD", "/hls/" + cid).status, 200)
        # an operator sends one away
        gone = self.directs(node, cid)[0]["connectionId"]
        node.rpc("stopChannelConnection", [cid, gone])
        self.wait(lambda: len(self.directs(node, cid)) == 1, SLOW)
        if PATIENCE > 1:
            return                      # what follows is waiting
        # nobody asks any more: sessions go, then the process
        self.wait(lambda: not self.directs(node, cid), 60)
        self.wait(lambda: not remux_pids(node), 60)

    # --- trouble --------------------------------------------------------------------------------

    def test_trouble(self):
        """The process is locked up. It dies: those who watch see a break and go on. The channel ends: the live
        answer is complete, and the playlist says so."""
        # with a descriptor from elsewhere, as a library's may be: open, and not closed on exec
        node = self.node({"sourceGraceSec": 0}, command=["sh", "-c", 'exec "$0" "$@" 9</dev/null', PEERCAST])
        self.assertIn("9", os.listdir("/proc/%d/fd" % node.pid))
        push = self.ffmpeg(node, "c")
        cid = node.wait_channel("c", seconds=SLOW)["channelId"]
        v = self.live(node, cid)
        v.read(1)
        pid = remux_pids(node)[0]
        if PATIENCE == 1:                       # builds with sanitizers cannot be locked up as well
            self.locked_up(pid)
        session, _ = self.playlist(node, cid)
        if PATIENCE == 1:
            subprocess.run(["mpv", "--no-config", "--really-quiet", "--vo=null", "--ao=null", "--frames=5",
                            "http://127.0.0.1:%d/hls/%s.m3u8" % (node.port, cid)], check=True, timeout=60,
                           stdin=subprocess.DEVNULL)
        os.kill(pid, signal.SIGKILL)
        node.wait_log("was ended by signal 9", SLOW)
        v.data = b""
        wait_until(lambda: v.piece() and b"moov" in v.data, SLOW)
        v.read(1)
        self.assertGreater(decode(v.data[v.data.index(b"ftyp") - 4:])["video"], 5)
        self.assertNotEqual(remux_pids(node), [pid])
        push.stop()
        while v.piece():
            pass
        self.assertTrue(v.ended)
        _, text = self.playlist(node, cid, session)
        self.assertIn("#EXT-X-DISCONTINUITY\n#EXT-X-MAP", text)
        self.assertTrue(text.endswith("#EXT-X-ENDLIST\n"), text)
        for uri in re.findall(r'MAP:URI="(\S+)"', text) + uris(text):
            self.assertEqual(node.get(uri, seconds=SLOW).status, 200)

    def test_garbage(self):
        """An FLV of nothing but rubbish in its tags: no process stays, and the node is well."""
        node = self.node()
        self.push(node, "synthetic")            # its pictures are none
        cid = node.wait_channel("synthetic", seconds=SLOW)["channelId"]
        client = self.closing(Client(node.port, seconds=60))
        client.request("GET", "/hls/%s/live.mp4" % cid)
        client.read_some(60)
        self.assertEqual(len(node.channels()), 1)

    def locked_up(self, pid):
        """What it may not do any more."""
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            status = f.read()
        with open("/proc/%d/limits" % pid, encoding="ascii") as f:
            limits = f.read()
        self.assertRegex(status, r"(?m)^NoNewPrivs:\s*1$")
        self.assertRegex(status, r"(?m)^Seccomp:\s*2$")
        self.assertRegex(status, r"(?m)^Threads:\s*1$")
        self.assertRegex(limits, r"(?m)^Max open files\s+0\s+0")
        self.assertRegex(limits, r"(?m)^Max address space\s+\d+\s")
        self.assertLess(int(re.search(r"VmRSS:\s*(\d+) kB", status).group(1)), 120000)
        self.assertEqual(sorted(os.listdir("/proc/%d/fd" % pid)), ["0", "1", "2"])


class Limits(NetCase):
    def test_limits(self):
        """maxDirect counts a viewer by HLS as any other; a session is good for one address."""
        node = self.node({"maxDirect": 1})
        self.ffmpeg(node, "c")
        cid = node.wait_channel("c", seconds=SLOW)["channelId"]

        def ask(machine, path):
            with machine.inside():
                c = self.closing(Client(node.port, node.host, seconds=SLOW))
            c.request("GET", path)
            c.read_head(SLOW)
            return c.status

        here, there = self.machine(), self.machine()
        one = "/hls/%s?session=%s" % (cid, "a" * 32)
        self.assertEqual(ask(here, one), 200)
        # who is refused starts nothing
        self.push(node, "d")
        other = node.wait_channel("d", seconds=SLOW)["channelId"]
        self.assertEqual(ask(there, "/hls/%s?session=%s" % (other, "a" * 32)), 503)
        for path in (one, one.replace("aa", "bb"), "/hls/%s/live.mp4" % cid, "/stream/" + cid):
            self.assertEqual(ask(there, path), 503, path)
            self.assertEqual(ask(here, one), 200)           # he is still there
        self.assertNotIn("remux: %s begins" % other, node.output())
        self.assertIn("remux: %s begins" % cid, node.output())
        # this machine itself may always
        self.assertEqual(node.get(one, seconds=SLOW).status, 200)


class Off(BoxCase):
    def test_switched_off(self):
        node = self.node({"hls": "No"})
        self.push(node, "c")
        cid = node.wait_channel("c")["channelId"]
        r = node.get("/hls/%s/live.mp4" % cid)
        self.assertEqual((r.status, "hls = No" in r.text), (404, True))


@unittest.skipIf(PATIENCE > 1, "libavformat's own faults are not ours")
class Child(unittest.TestCase):
    """The process itself, fed with what no encoder sends: what it says stays well-formed, and it ends."""

    FORMATS = {"flv": "flv", "mkv": "matroska", "ts": "mpegts", "mp4": "mov", "aac": "aac", "mp3": "mp3", "opus": "ogg"}

    def talk(self, form, data):
        """(messages as (kind, payload), exit status)"""
        ours, its = socket.socketpair()
        with ours, subprocess.Popen([PEERCAST, "--remux", form, "1000000"], stdin=its) as child:
            its.close()
            ours.settimeout(SLOW)

            def feed():
                try:
                    ours.sendall(data)
                    ours.shutdown(socket.SHUT_WR)
                except OSError:
                    pass                # it has heard enough

            thread = threading.Thread(target=feed, daemon=True)
            thread.start()
            said = b""
            try:
                while piece := ours.recv(65536):
                    said += piece
            except ConnectionResetError:
                pass
            thread.join()
            status = child.wait(SLOW)
        return list(self.messages(said)), status

    def messages(self, said):
        at = 0
        while at < len(said):
            self.assertGreaterEqual(len(said) - at, 32)
            size, kind, flags, zero, track, us, _, time = struct.unpack_from("<IBBHIIQQ", said, at)
            self.assertIn(kind, (1, 2, 3))
            self.assertEqual((flags & ~1, zero), (0, 0))
            self.assertTrue(0 < size <= len(said) - at - 32)
            self.assertTrue(kind != 2 or (track > 0 and us <= 60000000 and time < 1 << 52))
            yield kind, said[at + 32:at + 32 + size]
            at += 32 + size

    def test_whole(self):
        for kind, form in self.FORMATS.items():
            messages, status = self.talk(form, sample_bytes(kind))
            self.assertEqual(status, 0, kind)
            self.assertEqual([k for k, _ in messages[:2]], [1, 2], kind)
            self.assertEqual({k for k, _ in messages[2:]}, {2}, kind)
            decode(b"".join(p for _, p in messages))

    def test_broken(self):
        dice = random.Random(8)
        for kind, form in self.FORMATS.items():
            data = sample_bytes(kind)
            changed = bytearray(data)
            for _ in range(200):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            for name, bad in (("nothing", b""), ("half", data[:len(data) // 2]), ("changed", bytes(changed)),
                              ("twice", data + data), ("noise", dice.randbytes(100000))):
                messages, status = self.talk(form, bad)
                self.assertIn(status, (0, 1), (kind, name))     # and no signal
                if name in ("nothing", "noise"):
                    self.assertLessEqual(len(messages), 1 if name == "nothing" else 1000, (kind, name))
        for form, start in (("nonsense", "1"), ("flv", "x"), ("flv", "-1"), ("", "0")):
            ours, its = socket.socketpair()
            with ours, subprocess.Popen([PEERCAST, "--remux", form, start], stdin=its) as child:
                its.close()
                ours.shutdown(socket.SHUT_WR)
                self.assertIn(child.wait(SLOW), (0, 1), (form, start))
