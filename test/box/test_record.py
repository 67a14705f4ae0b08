# SPDX-License-Identifier: GPL-2.0-or-later
"""Recordings: what is in the files, and what becomes of them when something goes wrong."""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import threading
import unittest

from browser import SANITIZED
from fault import FAULTY, Fault
from harness import PATIENCE, PEERCAST, TOP, BoxCase, RpcError, flv_head, flv_unit, new_id, units, wait_until

WAIT = 25
VIDEO = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=25,noise=alls=60:allf=t", "-f", "lavfi", "-i",
         "sine=frequency=440:sample_rate=44100", "-t", "5"]
NOISE = ["-f", "lavfi", "-i", "anoisesrc=r=44100:d=36"]
AVC = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-b:v", "3500k", "-pix_fmt", "yuv420p", "-c:a", "aac"]
# How ffmpeg makes them, each of two or three megabytes; and what their type is.
KINDS = {
    "flv": (VIDEO + AVC + ["-f", "flv"], "FLV"),
    "mkv": ("flv", ["-f", "matroska"], "MKV"),
    "ts": ("flv", ["-f", "mpegts"], "TS"),
    "mp4": ("flv", ["-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof"], "MP4"),
    "wmv": (VIDEO + ["-c:v", "wmv2", "-b:v", "3500k", "-g", "25", "-c:a", "wmav2", "-f", "asf"], "WMV"),
    "mp3": (NOISE + ["-c:a", "libmp3lame", "-b:a", "320k", "-reservoir", "0", "-f", "mp3"], "MP3"),
    "ogg": (NOISE + ["-c:a", "libvorbis", "-q:a", "10", "-f", "ogg"], "OGG"),
}


def sample(kind):
    """Made by ffmpeg once."""
    folder = os.path.join(TOP, "build/samples")
    path = os.path.join(folder, "record." + kind)
    how = KINDS[kind]
    source = ["-i", sample(how[0]), "-c", "copy", *how[1]] if isinstance(how[0], str) else how[0]
    os.makedirs(folder, exist_ok=True)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            subprocess.run(["ffmpeg", "-v", "error", "-y", *source, path + ".new"], check=True, stdin=subprocess.DEVNULL)
            os.rename(path + ".new", path)
    return path


def decode(path):
    """{codec type: hashes of its packets}, from the first one that can be decoded; AssertionError with what ffmpeg has to say against it."""
    r = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-map", "0", "-f", "null", "-", "-map", "0", "-c", "copy", "-f", "framehash",
                        "-hash", "md5", "-"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60 * PATIENCE, check=False)
    if r.returncode != 0 or r.stderr:
        raise AssertionError("%s: ffmpeg: %d %s" % (os.path.basename(path), r.returncode, r.stderr[:2000]))
    types = dict(re.findall(r"^#media_type (\d+): (\w+)", r.stdout, re.M))
    out = {t: [] for t in types.values()}
    for line in r.stdout.splitlines():
        if not line.startswith("#"):
            out[types[line.split(",")[0].strip()]].append(line.split(",")[5].strip())
    return out


def pieces(data, size=32768):
    for at in range(0, len(data), size):
        yield data[at:at + size]


def gated(source, at, go):
    """A stream that waits in the middle."""
    for i, piece in enumerate(source):
        if i == at:
            go.wait(WAIT * PATIENCE)
        yield piece
    if not go.is_set():
        go.wait(WAIT * PATIENCE)


def flv_file(path, torn=False):
    """The units in an FLV file of ours, which begins with all a player needs and a key frame; whole to its last byte, or torn at its end."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:13] != b"FLV\x01\x05\0\0\0\x09\0\0\0\0":
        raise AssertionError("%s: no FLV: %s" % (path, data[:13].hex()))
    at, tags = 13, []
    while at < len(data):
        size = int.from_bytes(data[at + 1:at + 4], "big") if at + 15 <= len(data) else len(data)
        if at + size + 15 > len(data):
            if not torn:
                raise AssertionError("%s: torn at %d of %d" % (path, at, len(data)))
            break
        if struct.unpack_from(">I", data, at + 11 + size)[0] != size + 11:
            raise AssertionError("%s: broken at %d" % (path, at))
        tags.append((data[at], data[at + 11:at + 13]))
        at += size + 15
    kinds = [k for k, _ in tags[:3]]
    if kinds != [18, 9, 8] or tags[1][1] != b"\x17\0" or (len(tags) > 3 and tags[3][1] != b"\x17\x01"):
        raise AssertionError("%s: begins with %s" % (path, tags[:4]))
    return units(data[:at])


def some_units(n, first=0, size=20000, every=10):
    yield flv_head()
    for i in range(first, first + n):
        yield flv_unit(i, size, i % every == 0)


class RecordCase(BoxCase):
    def recorder(self, ini=None, start=True, **kw):
        n = self.node({"sourceGraceSec": 0, **(ini or {})}, start=False, **kw)
        n.folder = os.path.join(n.dir, "rec")
        os.mkdir(n.folder)
        keys = {"recordDir": n.folder, "recordMinFreeMB": 0, "recordRotateMinutes": 0, **(ini or {})}
        with open(n.ini_path, "a", encoding="utf-8") as f:
            f.write("[Record]\n" + "".join("%s = %s\n" % kv for kv in keys.items() if kv[0].startswith("record")))
        return n.start() if start else n

    def recording(self, n, name):
        return next((r for r in n.rpc("getRecordings")["recordings"] if r["name"] == name), None)

    def wait_recording(self, n, name, **values):
        """It is so; a value may be a function that says whether."""
        def so():
            r = self.recording(n, name)
            ok = r is not None and all(v(r[k]) if callable(v) else r[k] == v for k, v in values.items())
            return r if ok else None
        try:
            return wait_until(so, WAIT)
        except AssertionError:
            raise AssertionError("%s, not %s\n%s" % (self.recording(n, name), values, n.output())) from None

    def files(self, n, folder=None):
        folder = folder or n.folder
        return [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if not f.startswith(".")]

    def set(self, n, **keys):
        n.rpc("changeSettings", [keys])


@unittest.skipIf(SANITIZED, "this is ffmpeg's work, not ours")
class Containers(RecordCase):
    def test_parts_play_by_themselves_and_lose_nothing(self):
        n = self.recorder({"recordAuto": "all", "recordRotateMB": 1})
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(sample, ("flv", "wmv", "mp3", "ogg")))
            list(pool.map(sample, KINDS))
            go = threading.Event()
            for kind, how in KINDS.items():
                with open(sample(kind), "rb") as f:
                    self.push(n, kind, kind=how[-1], source=gated(pieces(f.read()), 10, go), interval=0.004)
            for kind in KINDS:
                self.wait_recording(n, kind, state="recording")
            go.set()
            for kind in KINDS:
                self.wait_recording(n, kind, state="waiting", files=lambda v: v > 0)
            files = self.files(n)
            found = dict(zip(files, pool.map(decode, files)))
            wanted = dict(zip(KINDS, pool.map(lambda kind: decode(sample(kind)), KINDS)))
        for kind, want in wanted.items():
            with self.subTest(kind):
                parts = [found[f] for f in files if os.path.basename(f).startswith(kind + "_")]
                self.assertGreater(len(parts), 1)
                for what, packets in want.items():
                    got = [p for part in parts for p in part[what]]
                    if what == "audio" and "video" in want:
                        # what stands before the first key frame is not played
                        packets = packets[packets.index(got[0]):]
                    if kind == "wmv":
                        # an ASF packet that a key frame begins in may hold the end of the frame before
                        self.assertLess(len(packets) - len(got), len(parts))
                        got = [p for p in packets if p in got]
                        packets = [p for p in packets if p in got]
                    self.assertEqual(got, packets, what)
        self.assertEqual({os.path.splitext(f)[1][1:] for f in files}, set(KINDS))
        self.assertEqual(n.rpc("getRecordings")["skips"], 0)


class Commands(RecordCase):
    def test_start_and_stop(self):
        n = self.recorder({"recordRotateMB": 1})
        go = threading.Event()

        def source():
            yield from some_units(20)
            go.wait(WAIT * PATIENCE)
            yield from list(some_units(2000, 20))[1:]
        self.push(n, "My channel", source=source(), interval=0.01)
        cid = n.wait_channel("My channel")["channelId"]
        with n.view(cid) as viewer:
            self.assertEqual(viewer.status, 200)
        self.assertIsNone(n.rpc("startRecording", [cid]))
        self.assertIsNone(n.rpc("startRecording", {"channelId": cid.lower()}))      # it is, already
        go.set()
        r = self.wait_recording(n, "My channel", state="recording", files=lambda v: v > 2)
        self.assertEqual((r["channelId"], r["isAutomatic"], r["problem"], r["skips"], r["errors"]), (cid, False, None, 0, 0))
        self.assertTrue(n.rpc("stopRecording", [cid]))
        r = self.wait_recording(n, "My channel", state="ended")
        self.assertFalse(n.rpc("stopRecording", [cid]))
        self.assertEqual(len(n.rpc("getRecordings")["recordings"]), 1)
        files = self.files(n)
        self.assertEqual(len(files), r["files"])
        self.assertEqual(os.path.basename(files[-1]), r["file"])
        for i, f in enumerate(files):
            self.assertRegex(os.path.basename(f), r"^My channel_\d{8}-\d{6}_%03d\.flv$" % (i + 1))
            self.assertEqual(os.stat(f).st_mode & 0o777, 0o640)
        got = [u for f in files for u in flv_file(f)]
        self.assertEqual(got, list(range(got[0], got[-1] + 1)))
        self.assertTrue(all(1000000 <= os.path.getsize(f) < 1300000 for f in files[:-1]))
        page = n.get("/metrics").text
        self.assertIn('peercast_recordings{state="ended"} 1', page)
        self.assertEqual(float(re.search(r"^peercast_recorded_files_total (\S+)", page, re.M).group(1)), len(files))
        self.assertGreaterEqual(float(re.search(r"^peercast_recorded_bytes_total (\S+)", page, re.M).group(1)),
                                sum(map(os.path.getsize, files)))

    def test_bad_input(self):
        n = self.recorder(ini={"recordMax": 1})
        self.push(n, "a")
        self.push(n, "b")
        a, b = (n.wait_channel(name)["channelId"] for name in "ab")
        n.rpc("startRecording", [a])
        for method in ("startRecording", "stopRecording"):
            for params in ([], [None], [7], ["../../etc/passwd"], [a + "0"], [a, "/tmp/x"], [[a]], {"path": "/tmp/x"}):
                with self.subTest(method=method, params=params):
                    with self.assertRaises(RpcError) as e:
                        n.rpc(method, params)
                    self.assertEqual(e.exception.code, -32602)
        for params, code, want in (([new_id()], -1, "Channel not found"), ([b], 0, "recordMax")):
            with self.assertRaises(RpcError) as e:
                n.rpc("startRecording", params)
            self.assertEqual(e.exception.code, code)
            self.assertIn(want, "%s %s" % (e.exception, e.exception.data))
        self.assertFalse(n.rpc("stopRecording", [new_id()]))
        # nothing of it without a folder, and what runs stops
        self.set(n, recordDir="")
        self.wait_recording(n, "a", state="ended")
        with self.assertRaises(RpcError) as e:
            n.rpc("startRecording", [b])
        self.assertIn("recordDir", e.exception.data)
        self.assertFalse(n.rpc("getRecordings")["isPossible"])

    def test_stop_and_start_at_once(self):
        """What is asked for while the one before is ending begins when that is over, by hand; one that may not begin leaves alone what was stopped."""
        n = self.recorder({"recordAuto": "own", "recordMax": 1})
        self.push(n, "a")
        a = n.wait_channel("a")["channelId"]
        was = [self.wait_recording(n, "a", state="recording", isAutomatic=True, bytes=lambda v: v > 0)["file"]]
        for _ in range(2):
            self.assertTrue(n.rpc("stopRecording", [a]))
            self.assertIsNone(n.rpc("startRecording", [a]))
            self.assertIsNone(n.rpc("startRecording", [a]))
            began = self.wait_recording(n, "a", state="recording", isAutomatic=False, file=lambda v, was=was: v not in was, bytes=lambda v: v > 0)
            was.append(began["file"])
        n.rpc("stopRecording", [a])
        self.wait_recording(n, "a", state="ended")
        self.push(n, "b")
        self.wait_recording(n, "b", state="recording")
        with self.assertRaises(RpcError) as e:
            n.rpc("startRecording", [a])
        self.assertIn("recordMax", e.exception.data)
        self.set(n, recordMax=2, recordAuto="own,*")
        self.push(n, "c")
        self.wait_recording(n, "c", state="recording")
        self.assertEqual(self.recording(n, "a")["state"], "ended")

    def test_hostile_names(self):
        n = self.recorder({"recordAuto": "all", "recordMax": 64})
        names = ("../../../etc/passwd", "..", ".hidden", "-rf *", "a\u202egnp.exe", "CON:|<>\"?*\\", "/", "   ", "x" * 250, "雑談" * 40,
                 "line\nbreak\ttab", "~/.ssh")
        for name in names:
            self.push(n, name)
        files = wait_until(lambda: self.files(n) if len(self.files(n)) == len(names) else None, WAIT)
        self.assertEqual(sorted(os.listdir(n.dir)), sorted(os.listdir(os.path.dirname(n.folder))))
        for f in map(os.path.basename, files):
            self.assertRegex(f, r"\A[^-.~/\\:*?\"<>|\x00-\x1f\u202e][^/\\:*?\"<>|\x00-\x1f\u202e]*_\d{8}-\d{6}(~\d)?_001\.flv\Z")
            self.assertLess(len(f.encode()), 160)
        self.assertTrue(any(f.startswith("雑談雑談") for f in map(os.path.basename, files)))

    def test_who_is_recorded_unasked(self):
        n, other = self.recorder({"recordAuto": "Game *,talk"}), self.node(name="other")
        self.push(n, "game 7")
        self.push(n, "Talk")
        self.push(n, "private")
        self.push(other, "game far")
        far = other.wait_channel("game far")["channelId"]
        with n.view(far, "?tip=" + other.address):
            for name in ("game 7", "Talk", "game far"):
                self.wait_recording(n, name, state="recording", isAutomatic=True)
            self.assertIsNone(self.recording(n, "private"))
            # stopped by hand it stays so
            self.assertTrue(n.rpc("stopRecording", [n.wait_channel("Talk")["channelId"]]))
            self.wait_recording(n, "Talk", state="ended")
            self.set(n, recordAuto="own")
            self.wait_recording(n, "game far", state="ended")
            self.wait_recording(n, "private", state="recording")
        self.assertEqual(self.recording(n, "Talk")["state"], "ended")
        # a relay that is recorded is in use: it goes on without a listener
        n.rpc("startRecording", [far])
        r = self.wait_recording(n, "game far", state="recording", isAutomatic=False)
        self.wait_recording(n, "game far", bytes=lambda v: v > r["bytes"])
        n.stop()
        for f in self.files(n):
            flv_file(f)


class Streams(RecordCase):
    def test_another_head_begins_another_part(self):
        n = self.recorder({"recordAuto": "own"})
        other = flv_head().replace(b"\x17\0\0\0\0\x01\x42\xc0\x1e", b"\x17\0\0\0\0\x01\x42\xc0\x1f")
        self.assertNotEqual(other, flv_head())
        go = threading.Event()
        self.push(n, "c", source=gated([*some_units(30), other, *list(some_units(30, 30))[1:]], 20, go))
        self.wait_recording(n, "c", state="recording")
        go.set()
        r = self.wait_recording(n, "c", state="waiting", files=2)
        self.assertEqual([flv_file(f) for f in self.files(n)], [list(range(30)), list(range(30, 60))])
        self.assertEqual(r["bytes"], sum(map(os.path.getsize, self.files(n))))

    def test_lost_and_found(self):
        """The same channel comes back: one recording, another part."""
        n = self.recorder({"randomizeBroadcastingChannelID": None}, blocks="[Flags]\nrandomizeBroadcastingChannelID = No\n[End]\n")
        go = threading.Event()

        def source(first):
            yield from some_units(10, first)
            go.wait(WAIT * PATIENCE)
        self.push(n, "c", source=source(0))
        n.rpc("startRecording", [n.wait_channel("c")["channelId"]])
        self.wait_recording(n, "c", state="recording")
        go.set()
        self.wait_recording(n, "c", state="waiting")
        go.clear()
        self.push(n, "c", source=source(10))
        self.wait_recording(n, "c", state="recording", files=2)
        go.set()
        n.wait_no_channel("c")
        self.assertTrue(n.rpc("stopRecording", [self.recording(n, "c")["channelId"]]))
        self.wait_recording(n, "c", state="ended")
        self.assertEqual([flv_file(f) for f in self.files(n)], [list(range(10)), list(range(10, 20))])

    def test_oldest_are_deleted_and_no_others(self):
        n = self.recorder({"recordAuto": "own", "recordRotateMB": 1, "recordKeepFiles": 3})
        mine = os.path.join(n.folder, "a_20010101-000000_001.flv")
        with open(mine, "wb") as f:
            f.write(b"x")
        go = threading.Event()
        self.push(n, "c", source=gated(some_units(260), 20, go), interval=0.002)
        self.wait_recording(n, "c", state="recording")
        go.set()
        self.wait_recording(n, "c", state="waiting", files=lambda v: v >= 5)
        files = self.files(n)
        self.assertEqual((files[0], len(files)), (mine, 4))
        kept = files[1:]
        os.rename(kept[1], os.path.join(n.folder, "renamed.flv"))
        self.assertEqual(n.rpc("getRecordings")["keptFiles"], 3)
        # they are known after a restart, too; what was renamed is not theirs any more
        n.stop()
        n.start()
        go.clear()
        self.push(n, "d", source=gated(some_units(160), 20, go), interval=0.002)
        self.wait_recording(n, "d", state="recording")
        go.set()
        self.wait_recording(n, "d", state="waiting", files=lambda v: v >= 3)
        names = [os.path.basename(f) for f in self.files(n)]
        self.assertEqual([f for f in names if not f.startswith("d_")], [os.path.basename(mine), "renamed.flv"])
        self.assertEqual(len(names), 5)


class Faults(RecordCase):
    def test_killed(self):
        n = self.recorder({"recordAuto": "own", "recordRotateMB": 1})
        self.push(n, "c", source=some_units(5000), interval=0.01)
        self.wait_recording(n, "c", files=lambda v: v >= 2)
        n.send_signal(signal.SIGKILL)
        n.wait_exit()
        n.kill()
        files = self.files(n)
        self.assertGreaterEqual(len(files), 2)
        got = [u for f in files for u in flv_file(f, torn=f == files[-1])]
        self.assertEqual(got, list(range(len(got))))

    def test_slow_disk(self):
        """Who watches sees nothing of it; the file has a gap, in front of a key frame."""
        n = self.recorder({"recordAuto": "own"}, start=False, command=[FAULTY])
        fault = Fault(os.path.join(n.dir, "fault"))
        self.addCleanup(fault.close)
        n.env = {"PEERCAST_FAULT": fault.path}
        n.start()
        go, end = threading.Event(), threading.Event()

        def source():
            yield from some_units(20)
            go.wait(WAIT * PATIENCE)
            for unit in list(some_units(1500, 20, 30000))[1:]:  # more than a ring holds
                # in sight of the viewer, whatever else this machine has to do
                wait_until(lambda sent=units(unit)[0]: sent - seen[-1] < 300, WAIT)
                yield unit
            end.wait(WAIT * PATIENCE)
            yield from list(some_units(40, 1520))[1:]
        seen = []
        self.push(n, "c", source=source(), interval=0)
        cid = n.wait_channel("c")["channelId"]
        self.wait_recording(n, "c", state="recording", bytes=lambda v: v > 0)
        viewer = self.closing(n.view(cid))
        viewer.read_until(b"UNIT", WAIT)

        def watch():
            data = b"UNIT"
            while True:
                more = viewer.read_some(WAIT)
                data = data[-7:] + more
                seen.extend(u for u in units(data) if not seen or u > seen[-1])
                if not more or seen[-1:] == [1559]:
                    return
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        wait_until(lambda: seen, WAIT)
        with fault.failing("stall", times=1 << 40):
            go.set()
            wait_until(lambda: seen[-1:] == [1519], 2 * WAIT)
        self.wait_recording(n, "c", skips=1, files=2)
        end.set()
        watcher.join(WAIT * PATIENCE)
        self.wait_recording(n, "c", state="waiting")
        self.assertEqual(seen, list(range(seen[0], 1560)))
        parts = [flv_file(f) for f in self.files(n)]
        for part in parts:
            self.assertEqual(part, list(range(part[0], part[-1] + 1)))
        self.assertEqual((parts[0][0], parts[-1][-1]), (0, 1559))
        self.assertLess(parts[0][-1] + 1, parts[1][0])
        self.assertIn("too slow", n.output())
        self.assertIn("peercast_recording_skips_total 1", n.get("/metrics").text)

    def test_disk_full(self):
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("no file system of its own for a process: mount namespaces do not work here")
        n = self.recorder({"recordAuto": "own", "recordMinFreeMB": 1, "recordRotateMB": 1}, start=False)
        n.command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=3m none "$0" && exec "$@"', n.folder, PEERCAST]
        n.start()
        inside = "/proc/%d/root%s" % (n.pid, n.folder)
        self.push(n, "c", source=some_units(100000), interval=0.01)
        r = self.wait_recording(n, "c", state="trying")
        self.assertEqual((r["problem"], r["errors"] > 0), ("less than 1 MB of the disk are free", True))
        free = os.statvfs(inside)
        self.assertGreater(free.f_bavail * free.f_frsize, 500000)
        notes = [m for m in n.rpc("getNotifications") if m.get("class") == "recordingFailed"]
        self.assertIn("c: recording stopped: less than 1 MB", json.dumps(notes))
        # to the last byte, if that is wanted
        self.set(n, recordMinFreeMB=0)
        self.wait_recording(n, "c", state="trying", problem="No space left on device")
        files, whole = self.files(n, inside), 0
        for f in files:
            with contextlib.suppress(FileNotFoundError):        # of a try that came to nothing
                whole += bool(flv_file(f))
        self.assertGreaterEqual(whole, 2)
        # and on when there is room again; at once when somebody asks for it
        before = self.recording(n, "c")["files"]
        os.unlink(files[0])
        n.rpc("startRecording", [r["channelId"]])
        self.wait_recording(n, "c", files=lambda v: v > before)
        self.assertEqual(n.find_channel("c")["status"]["status"], "Receiving")

    def test_folder_goes(self):
        n = self.recorder()
        self.push(n, "c")
        cid = n.wait_channel("c")["channelId"]
        n.rpc("startRecording", [cid])
        self.wait_recording(n, "c", state="recording", bytes=lambda v: v > 0)
        os.unlink(self.files(n)[0])                 # only the file: another one begins
        self.wait_recording(n, "c", files=2)
        os.rename(n.folder, n.folder + ".away")     # its file goes on, where it is
        r = self.recording(n, "c")
        self.wait_recording(n, "c", state="recording", bytes=lambda v: v > r["bytes"])
        os.unlink(os.path.join(n.folder + ".away", r["file"]))
        r = self.wait_recording(n, "c", state="failed")
        self.assertEqual((r["problem"], r["errors"]), ("No such file or directory", 1))
        with self.assertRaises(RpcError):
            n.rpc("startRecording", [new_id()])
        os.rename(n.folder + ".away", n.folder)
        n.rpc("startRecording", [cid])
        self.wait_recording(n, "c", state="recording")

    def test_events(self):
        n = self.recorder()
        self.push(n, "c")
        cid = n.wait_channel("c")["channelId"]
        events = self.closing(n.client())
        events.request("GET", "/api/1/events?events=channel", version="HTTP/1.1")
        events.read_until(b"\r\n\r\n", WAIT)
        n.rpc("startRecording", [cid])
        self.wait_recording(n, "c", state="recording")
        said = events.read_until(b'"recording"', WAIT)
        said += events.read_until(b"\n\n", WAIT)
        self.assertIn(('"channelId":"%s"' % cid).encode(), said)
