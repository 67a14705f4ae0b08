# SPDX-License-Identifier: GPL-2.0-or-later
"""Who accepts: the SERVER thread, and servents that have become free."""
import os
import re
import signal
import socket
import threading
import unittest

from harness import PATIENCE, BoxCase, free_port, wait_until


def threads(node):
    """{ tid: (name, how often it has slept) }"""
    found = {}
    base = "/proc/%d/task" % node.pid
    for tid in os.listdir(base):
        try:
            with open(os.path.join(base, tid, "status"), encoding="utf-8") as f:
                text = f.read()
        except (FileNotFoundError, ProcessLookupError):
            continue                # it has ended meanwhile
        found[tid] = (re.search(r"^Name:\t(.*)$", text, re.M)[1],
                      int(re.search(r"^voluntary_ctxt_switches:\t(\d+)$", text, re.M)[1]))
    return found


def slept(node, name):
    return sum(n for was, n in threads(node).values() if was == name)


class Askers:
    """Clients that ask one after the other until stop(): what they were answered."""

    def __init__(self, node, n=8):
        self.over = threading.Event()
        self.answered, self.failed = [0] * n, []
        self.crew = [threading.Thread(target=self._ask, args=(node, i)) for i in range(n)]
        for t in self.crew:
            t.start()

    def _ask(self, node, i):
        while not self.over.is_set():
            try:
                if node.get("/api/1").status != 200:
                    raise OSError("refused")
                self.answered[i] += 1
            except (OSError, EOFError) as e:
                self.failed.append(str(e))
                self.over.wait(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.over.set()
        for t in self.crew:
            t.join()


class Accept(BoxCase):
    def test_who_is_free_takes_the_next(self):
        """One after the other are answered without the SERVER thread, but for the first and when a thread is renewed."""
        n = self.node()
        n.get("/api/1")
        before = slept(n, "server")
        for _ in range(300):
            self.assertEqual(n.get("/api/1").status, 200)
        self.assertLess(slept(n, "server") - before, 150)
        # nobody waits for ever
        wait_until(lambda: "incoming" not in {name for name, _ in threads(n).values()}, 20, "they end")
        self.assertEqual(n.get("/api/1").status, 200)

    def test_nobody_waits_for_one_that_is_slow(self):
        """Whoever has accepted one that does not go on is not there for the next: others are."""
        n = self.node()
        half = []
        for i in range(30):
            half.append(self.closing(n.client()))
            half[-1].send(b"GET /api/1 HTTP/1.0\r\nA: ")
            if i % 3 == 0:
                self.assertEqual(n.get("/api/1").status, 200)
        with Askers(n) as a:
            wait_until(lambda: min(a.answered) >= 50, 60, "each is answered")
        self.assertEqual(a.failed, [])
        for c in half:
            c.send(b"b\r\n\r\n")
            self.assertEqual(c.read_head(), 200)

    def test_all_at_once(self):
        """More than can be answered at a time, again and again: each has his answer."""
        n = self.node()
        for _ in range(10):
            crowd = [self.closing(n.client()) for _ in range(30)]
            for c in crowd:
                c.request("GET", "/api/1")
            for c in crowd:
                self.assertEqual(c.read_head(), 200)

    def test_port_moves_while_they_ask(self):
        """From port to port, and on the same one from all addresses to one, while eight ask at each."""
        n = self.node()
        ports = [n.port] + [free_port() for _ in range(3)]
        for port in ports[1:] + ports[:1]:
            with Askers(n) as a:
                wait_until(lambda a=a: all(a.answered), 60, "all are answered")
                self.assertEqual(n.get("/admin?cmd=apply&port=%d" % port).status, 302)
            self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", n.port), 20)
            n.port = port
            self.assertEqual(n.get("/api/1").status, 200)
        with Askers(n) as a:
            for active in (0, 1) * 5:
                wait_until(lambda: self.apply(n, active), 20, "it is told")
                before = list(a.answered)
                wait_until(lambda b=before: all(x > y for x, y in zip(a.answered, b)), 60, "all are answered again")

    @staticmethod
    def apply(n, active):
        """The listener may be moving just when this asks."""
        try:
            return n.get("/admin?cmd=apply&serveractive=%d" % active).status == 302
        except (OSError, EOFError):
            return False

    def test_end_while_they_ask(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            n = self.node()
            with Askers(n) as a:
                wait_until(lambda a=a: min(a.answered) > 5, 30, "they are answered")
                n.stop(sig, within=2 * PATIENCE)
        n = self.node()
        for _ in range(3):
            n.get("/api/1")
        n.stop(within=2 * PATIENCE)


if __name__ == "__main__":
    unittest.main()
