# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams from files and commands of the node's own machine (media.md 2.6.3, 2.8; http.md 6.5)."""
import os
import shutil
import signal
import tempfile
import time
import unittest
import urllib.parse

from harness import BoxCase, RpcError, flv_head, flv_unit, sample, slow, units
from test_pull import WAIT, Web, decode_cut
from test_push import tags


def stamps(data):
    """Milliseconds of the frames of an FLV."""
    return [ms for kind, ms, body in tags(data) if kind == 9 and body[1] == 1]


class Own(BoxCase):
    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="peercast-media-")
        self.addCleanup(shutil.rmtree, self.place)
        self.media = os.path.join(self.place, "media")
        os.mkdir(self.media)

    def put(self, name, data=b"x"):
        path = os.path.join(self.media, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def film(self, name, count=150):
        """An FLV of so many units, 25 a second."""
        return self.put(name, flv_head() + b"".join(flv_unit(i, 1000, i % 10 == 0) for i in range(count)))

    def own(self, allow="file,pipe", **more):
        return self.node({"fetchAllow": allow, "mediaDir": self.media, **more})

    def fetch(self, n, url, name="own", kind="", bitrate=0):
        return n.rpc("fetch", {"url": url, "name": name, "desc": "", "genre": "", "contact": "", "bitrate": bitrate, "type": kind})

    # --- files ---

    def test_file_at_its_pace(self):
        """Nothing of it comes before its time."""
        n = self.own()
        began = time.monotonic()
        cid = self.fetch(n, "file://" + self.film("a b.flv", 1000).replace(" ", "%20"))
        self.assertEqual(n.wait_channel(cid=cid, seconds=WAIT)["info"]["contentType"], "FLV")
        with n.view(cid) as v:
            data = v.read(13 + 1015 * 50, WAIT)
            seen = stamps(data)
            took = time.monotonic() - began
        self.assertEqual(seen, list(range(seen[0], seen[0] + 40 * len(seen), 40)), (units(data)[:len(seen)], n.output()))
        self.assertLess(seen[-1] / 1000, took + 0.5)

    def test_made_by_ffmpeg(self):
        n = self.own()
        shutil.copy(sample("mkv"), self.media)
        shutil.copy(sample("mp3"), self.media)
        for name, kind in (("sample.mkv", "MKV"), ("sample.mp3", "MP3")):
            cid = self.fetch(n, name, name)
            self.assertEqual(n.wait_channel(cid=cid, seconds=WAIT)["info"]["contentType"], kind)

    def test_no_times(self):
        """A stream of a type nobody knows is paced by its bitrate, or not at all."""
        n = self.own()
        path = self.put("x.bin", b"".join(i.to_bytes(4, "big") for i in range(1 << 18)))
        self.fetch(n, path, "without")
        n.wait_log("pull /.*: a stream of this type has no times: give its bitrate", WAIT)
        began = time.monotonic()
        cid = self.fetch(n, path, "with", bitrate=800)
        n.wait_channel(cid=cid, seconds=WAIT)
        with n.view(cid) as v:
            last = int.from_bytes(v.read(120000, WAIT)[-4:], "big") * 4
            took = time.monotonic() - began
        self.assertLess(last / 100000, took + 0.5)

    def test_playlist(self):
        """Its files one after the other; commands it may not name."""
        n = self.own()
        self.film("1.flv", 50)
        os.mkdir(os.path.join(self.media, "sub"))
        self.film("sub/2.flv", 50)
        self.put("sub/list.m3u", b"#EXTM3U\npipe:touch " + self.place.encode() + b"/bad\nhttp://127.0.0.1:1/x\n../1.flv\n2.flv\n")
        cid = self.fetch(n, "sub/list.m3u")
        n.wait_channel(cid=cid, seconds=WAIT)
        with n.view(cid) as v:
            seen = []
            self.wait(lambda: seen.extend(units(v.read(3000, WAIT))) or 0 in seen[1:] or seen[-1] < seen[0], WAIT, "the other file")
        self.assertEqual(n.find_channel(cid=cid)["status"]["status"], "Receiving")
        self.assertNotIn("pull ", n.output())
        self.assertFalse(os.path.exists(os.path.join(self.place, "bad")))

    def test_what_is_no_file_of_ours(self):
        n = self.own()
        self.put("../secret.flv")
        os.symlink("../secret.flv", os.path.join(self.media, "link.flv"))
        os.mkfifo(os.path.join(self.media, "fifo.flv"))
        for url, words in (("../secret.flv", "not lie below"), ("link.flv", "not lie below"), ("/etc/passwd", "not lie below"),
                           ("file:///dev/zero", "not lie below"), ("file:" + self.media, "not lie below"), ("fifo.flv", "not a regular"),
                           ("none.flv", "No such file"), ("file:%00", "no path"), ("a%2e.flv", "No such file")):
            with self.subTest(url):
                cid = self.fetch(n, url, url)
                n.wait_log("pull %s: .*%s" % (url.replace("%", ".").replace("/", "."), words), WAIT)
                n.rpc("stopChannel", [cid])
        other = self.node({"fetchAllow": "file"}, name="other")
        self.fetch(other, "/etc/passwd")
        other.wait_log("pull /etc/passwd: mediaDir is not set", WAIT)

    def test_gate(self):
        """Not allowed by default; and a server cannot lead there."""
        n = self.node()
        for url, words in (("/etc/passwd", "file is not in fetchAllow"), ("file:///etc/passwd", "file is not in fetchAllow"),
                           ("pipe:id", "pipe is not in fetchAllow")):
            with self.subTest(url), self.assertRaises(RpcError) as e:
                self.fetch(n, url)
            self.assertIn(words, e.exception.data)
        web = Web()
        self.addCleanup(web.close)
        path = self.film("a.flv")
        web.text("/f", "file://%s\n" % path, "audio/x-mpegurl")
        web.text("/p", "pipe:cat %s\n" % path, "audio/x-mpegurl")
        web.redirect("/r", "file://" + path)
        own = self.own("http,file,pipe")
        for at, words in (("/f", "leads to a file or a command"), ("/p", "leads to a file or a command"), ("/r", "")):
            with self.subTest(at):
                cid = self.fetch(own, web.url(at), at)
                own.wait_log("pull http.*%s: .*%s" % (at, words), WAIT)
                own.rpc("stopChannel", [cid])
        self.assertEqual(own.channels(), [])

    def test_not_behind_a_proxy(self):
        """Where nobody can tell who is on this machine, nobody may."""
        n = self.own(trustLocalhost="No", password="pw")
        for url in (self.film("a.flv"), "pipe:id"):
            answer = n.get("/admin?" + urllib.parse.urlencode({"cmd": "fetch", "url": url, "name": "x", "pass": "pw"}))
            self.assertEqual(answer.status, 400)
            self.assertIn("on this machine", answer.text)

    # --- commands ---

    def test_command(self):
        n = self.own()
        cid = self.fetch(n, "pipe:ffmpeg -v error -re -stream_loop -1 -i '%s' -c copy -f flv -" % sample("flv"), kind="FLV")
        n.wait_channel(cid=cid, seconds=WAIT)
        with n.view(cid) as v:
            self.assertEqual(decode_cut(v.read(20000, WAIT))["video"][0], "h264")
        n.rpc("stopChannel", [cid])
        n.wait_no_channel(cid=cid)

    def test_command_ends(self):
        """What it says is in the log, and so is how it ended; it is started again."""
        n = self.own()
        count = os.path.join(self.place, "count")
        self.fetch(n, "pipe:sh -c 'echo x >> %s; echo no such thing >&2; exit 7'" % count)
        n.wait_log("pull pipe:sh: says: no such thing", WAIT)
        n.wait_log(r"pull pipe:sh: the command has ended \(exit status 7\)", WAIT)
        self.wait(lambda: os.path.getsize(count) >= 4, WAIT, "second start")
        self.fetch(n, "pipe:no-such-program", "none")
        n.wait_log("pull pipe:no-such-program: No such file", WAIT)
        self.fetch(n, "pipe:sh -c 'x", "quote")
        n.wait_log("pull pipe:sh: a quote is not closed", WAIT)

    def test_group_is_killed(self):
        """A stop ends what the command has started, and the node ends in time."""
        n = self.own()
        pid = os.path.join(self.place, "pid")
        path = self.film("a.flv")

        def start(trap):
            cid = self.fetch(n, "pipe:sh -c \"trap %s TERM; sleep 1000 & echo $! > %s.new; mv %s.new %s; cat %s; wait\"" % (trap, pid, pid, pid, path))
            n.wait_channel(cid=cid, seconds=WAIT)
            with open(pid, encoding="ascii") as f:
                return cid, int(f.read())

        def gone(child):
            try:
                os.kill(child, 0)
                with open("/proc/%d/stat" % child, encoding="ascii") as f:
                    return f.read().split()[2] == "Z"
            except (ProcessLookupError, FileNotFoundError):
                return True

        cid, child = start("''")        # it does not listen
        self.assertFalse(gone(child))
        n.rpc("stopChannel", [cid])
        self.wait(lambda: gone(child), WAIT, "end of the group")
        os.remove(pid)
        cid, child = start("-")
        n.stop(signal.SIGTERM)
        self.wait(lambda: gone(child), WAIT, "end of the group")

    @slow
    def test_silent_command(self):
        """One that sends nothing for half a minute is ended and started again, whatever it says."""
        n = self.own()
        count = os.path.join(self.place, "count")
        self.fetch(n, "pipe:sh -c 'echo x >> %s; while sleep 1; do echo still here >&2; done'" % count)
        n.wait_log("pull pipe:sh: the command sends nothing", 60)
        self.wait(lambda: os.path.getsize(count) >= 4, WAIT, "second start")
        self.assertLess(n.output().count("still here"), 20)
        self.assertIn("lines are left out here", n.output())


if __name__ == "__main__":
    unittest.main()
