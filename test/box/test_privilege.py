# SPDX-License-Identifier: GPL-2.0-or-later
"""What the program and its process may do: --user, hardening of the binary (node.md 11.1)."""
import os
import pwd
import re
import shutil
import subprocess
import unittest

import harness
from harness import PEERCAST, BoxCase, threads_of
from net import NetCase

NOBODY = "nobody"
SANITIZED = re.search(r"-(address|thread)", PEERCAST)


def run(*args, **kw):
    return subprocess.run([PEERCAST, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=20 * harness.PATIENCE, check=False, text=True, **kw)


class User(BoxCase):
    def test_refused(self):
        node = self.node(start=False)
        for name, why in (("root", "is root"), ("0", "is root"), ("no-such-user-here", "no user"), ("", "no user")):
            r = run("--user", name, "-i", node.ini_path)
            self.assertEqual(r.returncode, 4, name)
            self.assertIn(why, r.stderr)
        self.assertEqual(run("--user").returncode, 2)

    def test_oneself(self):
        if os.geteuid() == 0:
            self.skipTest("we are root")
        self.node(args=["--user", pwd.getpwuid(os.geteuid()).pw_name])

    def test_without_the_right(self):
        """Who may not become that user does not go on as another."""
        node = self.node(start=False)
        os.chmod(node.dir, 0o755)
        kw = {}
        if os.geteuid() == 0:
            kw = {"user": NOBODY, "group": "nogroup"}
        r = run("--user", "daemon", "-i", node.ini_path, **kw)
        self.assertEqual(r.returncode, 4, r.stderr)
        self.assertIn("cannot become daemon", r.stderr)
        self.assertEqual(r.stdout, "")


class Dropped(NetCase):
    """Started by root."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        self.pw = pwd.getpwnam(NOBODY)

    def begin(self, port, ini=None, **kw):
        node = self.node(ini, start=False, place=self.machine(), port=port, args=["--user", NOBODY], **kw)
        for path in (node.dir, node.ini_path):
            os.chown(path, self.pw.pw_uid, self.pw.pw_gid)
        return node.start()

    def test_is_another(self):
        """Every thread is the user, with his groups and one right; the low port, and later another, can be had;
        files are his."""
        node = self.begin(443, {"isRoot": "Yes"})
        self.assertEqual(node.get("/api/1").status, 200)
        seen = 0
        for s in threads_of(node.pid):
            seen += 1
            self.assertEqual(s["Uid"].split(), [str(self.pw.pw_uid)] * 4)
            self.assertEqual(s["Gid"].split(), [str(self.pw.pw_gid)] * 4)
            self.assertEqual(set(s["Groups"].split()) - set(map(str, os.getgrouplist(NOBODY, self.pw.pw_gid))), set())
            self.assertEqual((int(s["CapEff"], 16), int(s["CapPrm"], 16), int(s["CapInh"], 16)), (1 << 10, 1 << 10, 0))
            self.assertEqual(s["NoNewPrivs"], "1")
        self.assertGreater(seen, 3)
        self.assertEqual(node.get("/admin?cmd=apply&port=80&maxdirect=5").status, 302)
        node.wait_log("listening on port 80")
        node.port = 80
        node.stop()
        self.assertEqual(node.read_ini()["maxdirect"], "5")
        for name in os.listdir(node.dir):
            self.assertEqual(os.stat(os.path.join(node.dir, name)).st_uid, self.pw.pw_uid, name)

    def test_files_of_root_stay_closed(self):
        """An ini only root may read is an error, not read with rights that were to be given up."""
        node = self.node(start=False)
        os.chmod(node.dir, 0o755)
        os.chmod(node.ini_path, 0o600)
        r = run("--user", NOBODY, "-i", node.ini_path)
        self.assertEqual(r.returncode, 4, r.stderr)
        self.assertIn("Permission denied", r.stderr)


class Binary(unittest.TestCase):
    """What compiler and linker can do against mistakes is done."""

    def readelf(self, *args):
        if shutil.which("readelf") is None:
            self.skipTest("no readelf")
        return subprocess.run(["readelf", "-W", *args, PEERCAST], stdout=subprocess.PIPE, text=True, check=True).stdout

    def test_hardened(self):
        head, segments, dynamic = self.readelf("-h"), self.readelf("-l"), self.readelf("-d")
        self.assertRegex(head, r"Type:\s+DYN")                          # position independent
        self.assertRegex(segments, r"GNU_STACK .* RW +0x")              # no code on the stack
        self.assertIn("GNU_RELRO", segments)
        self.assertRegex(dynamic, r"BIND_NOW|FLAGS_1.*NOW")
        self.assertNotIn("TEXTREL", dynamic)
        self.assertNotRegex(dynamic, "RPATH|RUNPATH")
        self.assertFalse(re.search(r"LOAD .* RWE ", segments), "memory that can be written and run")

    def test_checked_calls(self):
        symbols = self.readelf("--dyn-syms")
        self.assertIn("__stack_chk_fail", symbols)
        if not SANITIZED:
            self.assertRegex(symbols, r"__(mem|str|sn|vsn)\w*_chk")


if __name__ == "__main__":
    unittest.main()
