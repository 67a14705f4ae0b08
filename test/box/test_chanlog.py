# SPDX-License-Identifier: GPL-2.0-or-later
"""The channel log as somebody else reads it: while it is written, and after the node was killed (yp.md 1.4)."""
import os
import re
import shutil
import signal
import tempfile
import xml.etree.ElementTree

from harness import GRP_ROOT, BoxCase, Control, bcst, chan_atom, host_atom, new_id, wait_until

ROUND = 500             # fewer than the queue holds
END = b"</update>\n"


def updates(c, cid, first, n):
    """The bytes of n announcements, numbered by their names."""
    return b"".join(bcst(GRP_ROOT, c.sid, chan_atom(cid, c.bcid, name="n%d" % i, desc="x" * (i % 200)),
                         host_atom(c.sid, cid), cid=cid).encode() for i in range(first, first + n))


class Tail:
    """Follows a file by its name, as tail -F does, and takes a record when its end is there."""

    def __init__(self, path):
        self.path, self.f = path, None
        self.rest = b""
        self.names = []

    def read(self):
        if self.f is None:
            self.f = open(self.path, "rb")
        # in this order: what is behind the name now cannot grow into the old file any more
        moved = not os.path.exists(self.path) or os.stat(self.path).st_ino != os.fstat(self.f.fileno()).st_ino
        data = self.f.read()
        self.take(data)
        if moved and not data and os.path.exists(self.path):
            self.close()

    def take(self, data):
        self.rest += data
        end = self.rest.rfind(END)
        if end < 0:
            return
        whole, self.rest = self.rest[:end + len(END)], self.rest[end + len(END):]
        for rec in xml.etree.ElementTree.fromstring(b"<log>" + whole + b"</log>"):
            self.names.append(rec.find("channel").get("name"))

    def close(self):
        if self.rest:
            raise AssertionError("torn for good: %r" % self.rest[-300:])
        self.f.close()
        self.f = None


class Followed(BoxCase):
    def test_at_full_rate(self):
        """Bursts as fast as the root takes them, the file moved away amidst: each record once, whole, in order."""
        root = self.root({"logLevel": 3})
        c, cid, sent = self.control(root), new_id(), 0
        c.send(updates(c, cid, 0, 1))
        wait_until(lambda: os.path.exists(root.chanlog_path), what="the file")
        tail = Tail(root.chanlog_path)
        for i in range(12):
            if i:
                c.send(updates(c, cid, sent, ROUND))
            sent += ROUND if i else 1
            if i % 4 == 2:
                os.rename(root.chanlog_path, root.chanlog_path + ".old")
                root.send_signal(signal.SIGHUP)

            def all_seen():
                tail.read()
                return len(tail.names) >= sent
            wait_until(all_seen, what="%d records" % sent)
        tail.close()
        self.assertEqual(tail.names, ["n%d" % i for i in range(sent)])


class NoFile(BoxCase):
    """What chanLog may name by mistake: told once, the records wait, and the root serves on."""

    def refused(self, path, message):
        root = self.root({"chanLog": path})
        c, cid = self.control(root), new_id()
        for i in range(3):
            c.announce(cid, name="n%d" % i)
        root.wait_log(r"\[EROR\] channel log %s: %s" % (path, message))
        wait_until(lambda: b'name="n2"' in root.get("/admin?cmd=viewxml").body, what="the channel")
        self.assertEqual(len([x for x in root.out.lines if "channel log" in x]), 1)
        # and it is put right
        root.chanlog_path = os.path.join(root.dir, "right.xml")
        with open(root.ini_path, encoding="utf-8") as f:
            ini = f.read()
        with open(root.ini_path, "w", encoding="utf-8") as f:
            f.write(re.sub("(?mi)^chanLog = .*$", lambda m: "chanLog = " + root.chanlog_path, ini))
        root.send_signal(signal.SIGHUP)
        wait_until(lambda: len(root.chanlog()) == 3, what="the records that waited")

    def path(self, name):
        folder = tempfile.mkdtemp(prefix="peercast-chanlog-")
        self.addCleanup(shutil.rmtree, folder)
        return os.path.join(folder, name)

    def test_folder(self):
        path = self.path("folder")
        os.mkdir(path)
        self.refused(path, "open: Is a directory")

    def test_pipe_nobody_reads(self):
        path = self.path("pipe")
        os.mkfifo(path)
        self.refused(path, "open: No such device")

    def test_pipe(self):
        path = self.path("pipe")
        os.mkfifo(path)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        self.refused(path, "not a regular file")
        self.assertEqual(os.read(fd, 100), b"")

    def test_below_a_file(self):
        path = self.path("file")
        with open(path, "wb"):
            pass
        self.refused(path + "/channels.xml", "open: Not a directory")


class Killed(BoxCase):
    def test_whole_records_only(self):
        """kill -9 amidst announcements, again and again: what is left in the end are whole records."""
        root = self.root({"logLevel": 3})
        cid, done = new_id(), 0
        for i in range(20):
            if i:
                root.kill()
                root.start()
            c = Control(root)
            self.addCleanup(c.close)
            size = os.path.getsize(root.chanlog_path) if i else -1
            c.send(updates(c, cid, done, ROUND))
            done += ROUND
            wait_until(lambda: os.path.exists(root.chanlog_path) and os.path.getsize(root.chanlog_path) > size,
                       what="the first of them")       # and not all
        root.kill()
        with open(root.chanlog_path, "ab") as f:
            f.write(b'<update time="1">\n<channel name="')    # the one in many that a kill does cut
        root.start()
        self.control(root).announce(new_id(), name="last")
        wait_until(lambda: b'name="last"' in self.raw(root), what="the last record")
        data = self.raw(root)
        names = [r.find("channel").get("name") for r in
                 xml.etree.ElementTree.fromstring(b"<log>" + data + b"</log>")]
        self.assertEqual(data[-len(END):], END)
        self.assertEqual(names[-1], "last")
        at = [int(re.sub("n", "", n)) for n in names[:-1]]
        self.assertEqual(at, sorted(set(at)))
        self.assertGreaterEqual(len(at), 20)
        root.wait_log("ended in the middle of a record: 33 bytes removed")

    @staticmethod
    def raw(root):
        with open(root.chanlog_path, "rb") as f:
            return f.read()
