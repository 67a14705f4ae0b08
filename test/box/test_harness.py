# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness itself: a test that cannot fail is worth nothing, so it must see what goes wrong."""
import os
import signal
import unittest

import harness
from harness import Atom, Node


class FakeNode(unittest.TestCase):
    """Shell scripts in place of nodes."""

    def fake(self, script):
        # The arguments that a node gets (-i ini) end up behind the script, unused.
        node = Node(command=["/bin/sh", "-c", script, "fake"])
        self.addCleanup(node.remove)
        return node

    LISTENS = "echo listening on port 0; "

    def test_good(self):
        node = self.fake("trap 'exit 0' INT; " + self.LISTENS + "sleep 60 >/dev/null 2>&1 & wait").start()
        node.stop()

    def test_bad_status(self):
        node = self.fake("trap 'exit 3' INT; " + self.LISTENS + "sleep 60 >/dev/null 2>&1 & wait").start()
        with self.assertRaisesRegex(AssertionError, "exit status 3"):
            node.stop()

    def test_killed_by_the_signal(self):
        node = self.fake(self.LISTENS + "exec sleep 60").start()
        with self.assertRaisesRegex(AssertionError, "exit status -2"):
            node.stop()

    def test_does_not_end(self):
        node = self.fake("trap '' INT; " + self.LISTENS + "sleep 60 >/dev/null 2>&1").start()
        with self.assertRaisesRegex(AssertionError, "still runs"):
            node.stop(within=0.2)
        self.assertIsNone(node.proc)

    def test_sanitizer(self):
        node = self.fake("trap 'exit 0' INT; echo 'WARNING: ThreadSanitizer: data race' >&2; " + self.LISTENS
                         + "sleep 60 >/dev/null 2>&1 & wait").start()
        with self.assertRaisesRegex(AssertionError, "data race"):
            node.stop()

    def test_ends_before_it_listens(self):
        node = self.fake("echo no such luck; exit 4")
        with self.assertRaisesRegex(AssertionError, r"does not listen \(exit 4\)"):
            node.start()

    def test_expect_exit(self):
        self.assertEqual(self.fake("exit 3").spawn().expect_exit(), 3)

    def test_wait_log(self):
        node = self.fake(self.LISTENS + "echo one; exec sleep 60").start()
        self.assertEqual(node.wait_log("o(n)e").group(1), "n")
        with self.assertRaisesRegex(AssertionError, "no log line"):
            node.wait_log("two", 0.1)
        node.send_signal(signal.SIGKILL)
        self.assertEqual(node.wait_exit(), -9)


class Wire(unittest.TestCase):
    def test_atoms(self):
        a = harness.bcst(1, "01" * 16, harness.chan_atom("02" * 16, "03" * 16, name="名"),
                         harness.host_atom("01" * 16, "02" * 16, address="2001:db8::7"))
        b, = Atom.parse(a.encode())
        self.assertEqual(b.encode(), a.encode())
        self.assertEqual(b["chan"]["info"]["name"].text, "名")
        self.assertEqual(b["host"]["ip"].ip, "2001:db8::7")
        self.assertEqual(b["grp"].u8, 1)
        self.assertEqual(b["from"].hex, "01" * 16)
        with self.assertRaises(EOFError):
            Atom.parse(a.encode()[:-1])
        with self.assertRaises(ValueError):
            b["grp"].u32  # pylint: disable=pointless-statement

    def test_hand_made(self):
        a, = Atom.parse(bytes.fromhex("69700000" "04000000" "0733c7c6"))
        self.assertEqual((a.name, a.ip), ("ip", "198.199.51.7"))
        self.assertEqual(harness.ip("ip", "198.199.51.7").encode(), a.encode())

    def test_units(self):
        data = b"".join(harness.flv_unit(i) for i in (5, 6, 8))
        self.assertEqual(harness.units(data), [5, 6, 8])
        self.assertEqual(len(harness.flv_unit(1, 100)), 100 + 11 + 4)

    def test_ports_differ(self):
        ports = [harness.free_port() for _ in range(50)]
        self.assertEqual(len(set(ports)), 50)


class Files(unittest.TestCase):
    def test_ini(self):
        node = Node({"maxRelays": 5, "rootHost": None}, blocks="[Filter]\nip = 1.2.3.4\n[End]\n")
        self.addCleanup(node.remove)
        keys = node.read_ini()
        self.assertEqual(keys["maxrelays"], "5")
        self.assertEqual(keys["serverport"], str(node.port))
        self.assertNotIn("roothost", keys)

    def test_chanlog(self):
        node = Node()
        self.addCleanup(node.remove)
        self.assertEqual(node.chanlog(), [])
        with open(node.chanlog_path, "w", encoding="utf-8") as f:
            f.write('<update time="1">\n<channel/>\n</update>\n<update time="2">\n')
        self.assertEqual([u.get("time") for u in node.chanlog()], ["1"])
        os.remove(node.chanlog_path)
