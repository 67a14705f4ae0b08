# SPDX-License-Identifier: GPL-2.0-or-later
"""A node that is killed at any moment: what it answered for is there, every file is whole (node.md 12 F33)."""
import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import threading
import time
import unittest
import xml.etree.ElementTree

from fault import FAULTY, FaultyNode
from harness import BoxCase, Client, Control, new_id, slow, wait_until

TRACKERS = 3


class Writer(threading.Thread):
    """Changes what is kept, without pause, until the node is gone; notes what was confirmed."""

    def __init__(self, test, node, what):
        super().__init__(daemon=True)
        self.test, self.node, self.what = test, node, what
        self.asked = self.confirmed = test.kept.get(what, 0) if what != "log" else 0
        self.start()

    def run(self):
        with contextlib.suppress(OSError, EOFError, IndexError):
            while True:
                self.asked += 1
                getattr(self, self.what)(self.asked)
                self.confirmed = self.asked

    def ask(self, method, target, body=b""):
        with Client(self.node.port) as c:
            c.request(method, target, {"Content-Length": len(body), "X-Requested-With": "a"} if body else None, body)
            answer = c.read_all()
        if int(answer.split(b" ")[1]) not in (200, 302):
            raise EOFError(answer)
        return answer.split(b"\r\n\r\n", 1)[1]

    def ini(self, n):
        self.ask("GET", "/admin?cmd=apply&maxdirect=%d" % n)
        # each change of settings makes the historian look at the clock: let it be a minute later
        self.node.fault.set_wall(n * 60)

    def storage(self, n):
        answer = json.loads(self.ask("POST", "/api/1", json.dumps({
            "jsonrpc": "2.0", "id": 1, "method": "setServerStorageItem",
            "params": ["channelFilters", "x" * 20000 + str(n)]}).encode()))
        if "error" in answer:
            raise EOFError(answer)

    def log(self, n):
        with contextlib.closing(Control(self.node)) as c:
            while self.node.proc.poll() is None:
                for k in range(20):
                    c.announce(new_id(), name="killed %d %d" % (n, k), genre="g" * 200, desc="<&>" * 60)
                time.sleep(0.002)
        raise EOFError


class Kill(BoxCase):
    ROUNDS = 24

    def check_log(self, node):
        """Whole records, beyond those seen before, and perhaps the beginning of one."""
        if not os.path.exists(node.chanlog_path):
            return 0
        with open(node.chanlog_path, "rb") as f:
            f.seek(self.kept.get("log", 0))
            data = f.read()
        end = data.rfind(b"</update>\n")
        end = end + 10 if end >= 0 else 0
        xml.etree.ElementTree.fromstring(b"<log>" + data[:end] + b"</log>")
        self.kept["log"] = self.kept.get("log", 0) + end
        torn = data[end:]
        self.assertTrue(torn == b"" or b"<update".startswith(torn[:7]), torn[:100])
        return len(torn)

    def check(self, node, writers):
        with open(node.ini_path, encoding="utf-8") as f:
            text = f.read()
        m = re.findall(r"(?m)^maxDirect = (\d+)$", text)
        self.assertEqual(len(m), 1, text)
        for key in ("serverPort", "broadcastID", "isRoot", "chanLog"):
            self.assertEqual(len(re.findall(r"(?m)^%s = .+$" % key, text)), 1, key)
        w = writers["ini"]
        self.assertTrue(w.confirmed <= int(m[0]) <= w.asked, (w.confirmed, m[0], w.asked))
        self.kept["ini"] = int(m[0])
        w = writers["storage"]
        path = os.path.join(node.dir, "storage.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                kept = int(re.search(r"x(\d+)$", json.load(f)["items"]["channelFilters"]).group(1))
            self.assertTrue(w.confirmed <= kept <= w.asked, (w.confirmed, kept, w.asked))
            self.kept["storage"] = kept
        else:
            self.assertEqual(w.confirmed, 0)

    def test_any_moment(self):
        if not os.path.exists(FAULTY):
            self.skipTest("no %s: make box builds it" % FAULTY)
        node = FaultyNode({"isRoot": "Yes", "maxControlConnections": 50, "historyDays": 7, "maxDirect": 0}, name="killed")
        self.addCleanup(node.remove)
        self.kept, rng, torn = {}, random.Random(5), 0
        for _ in range(self.ROUNDS):
            node.start()
            writers = {what: Writer(self, node, what) for what in ("ini", "storage", "log")}
            wait_until(lambda w=writers: w["ini"].confirmed > self.kept.get("ini", 0), 20, "the first change")
            time.sleep(rng.random() * 0.05)         # any moment: nothing is waited for
            node.kill()
            for w in writers.values():
                w.join(20)
            self.check(node, writers)
            torn += self.check_log(node) > 0
        # it starts once more, and takes away what was left unfinished
        node.start()
        with contextlib.closing(Control(node)) as c:
            c.announce(new_id(), name="after all", genre="g")
            wait_until(lambda: os.path.exists(node.chanlog_path) and b'"after all"' in open(node.chanlog_path, "rb").read(), 20,
                       "the last record")
        node.stop()
        self.assertEqual(self.check_log(node), 0)
        with contextlib.closing(sqlite3.connect(os.path.join(node.dir, "history.sqlite"))) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertGreater(db.execute("SELECT count(*) FROM sample").fetchone()[0], 0)
        self.assertEqual(subprocess.run([FAULTY, "--check-config", "-i", node.ini_path], stdout=subprocess.DEVNULL,
                                        check=False).returncode, 0)
        self.assertEqual(sorted(os.listdir(node.dir)),
                         ["channels.xml", "fault", "history.sqlite", "peercast.ini", "storage.json"])


@slow
class KillOften(Kill):
    ROUNDS = 300


if __name__ == "__main__":
    unittest.main()
