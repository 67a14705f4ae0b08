# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods of control atoms (pcp.md 8.2, 18 B43, B48): they cost the sender his connection, and nobody else
anything. PeerCast-YT loses every relay of a tracker at 20 a second.
"""
import contextlib
import os
import struct
import threading
import time

from harness import (FLG_RECV, GRP_ALL, GRP_RELAYS, GRP_TRACKERS, PATIENCE, BoxCase, bcst, box, chan_atom, helo,
                     host_atom, ip, leaf, new_id, u16, u32, units)
from test_relay import Upstream

PACE, BURST = 5, 16     # control atoms a second to one connection, and at once


class Watch(threading.Thread):
    """Reads a relay's or client's connection until it ends."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.packets = []       # (when, position, length)
        self.bcsts = 0
        self.quit = None
        self.ended = None
        self.start()

    def run(self):
        try:
            while True:
                atom = self.client.read_atom(30)
                pkt = atom.get("pkt") if atom.name == "chan" else None
                if pkt is not None and pkt["type"].data == b"data":
                    self.packets.append((time.monotonic(), pkt["pos"].u32, len(pkt["data"].data)))
                elif atom.name == "bcst":
                    self.bcsts += 1
                elif atom.name == "quit":
                    self.quit = atom.u32
        except (OSError, EOFError, ValueError) as e:
            self.ended = e


class Viewer(threading.Thread):
    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.data = b""
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                some = self.client.read_some(30)
                if not some:
                    return
                self.data += some


def rss_kib(node):
    with open("/proc/%d/status" % node.pid, encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS")


class Floods(BoxCase):
    def setUp(self):
        self.n = self.node({"maxRelays": 30, "maxControlConnections": 30})
        self.push(self.n, name="mine")
        self.cid = self.n.wait_channel("mine")["channelId"]
        self.real = self.node({"maxRelays": 10})
        view = self.closing(self.real.view(self.cid, "?tip=%s" % self.n.address))
        view.read(1000)
        self.viewer = Viewer(view)
        self.quiet = [self.watched_child() for _ in range(3)]
        self.wait(lambda: all(w.packets for w in self.quiet), what="a stream for all")

    def watched_child(self):
        r = self.relay(self.n, self.cid)
        self.assertEqual(r.status, 200)
        return Watch(r)

    def flood(self, senders, rate, seconds):
        """Each sends so many atoms a second until its connection ends or the time is over. A sender is a
        Watch and a function that makes the atom of a number. Returns how many each sent."""
        sent = [0] * len(senders)
        start = time.monotonic()
        while time.monotonic() - start < seconds * PATIENCE:
            due = int((time.monotonic() - start) * rate)
            busy = False
            for i, (watch, make) in enumerate(senders):
                if watch.ended is not None:
                    continue
                busy = True
                with contextlib.suppress(OSError):
                    watch.client.send(b"".join(make(k).encode() for k in range(sent[i], due)))
                sent[i] = due
            if not busy:
                break
            time.sleep(0.01)
        return sent, time.monotonic() - start

    def check_others(self, since, bcsts, took):
        """No connection but the senders' has ended, no stream has a hole or stood still, and nobody got more
        control atoms than older nodes take."""
        upto = time.monotonic()
        self.wait(lambda: all(w.packets[-1][0] > upto for w in self.quiet), what="the stream goes on")
        for w, before in zip(self.quiet, bcsts):
            self.assertIsNone(w.ended)
            self.assertLessEqual(w.bcsts - before, BURST + PACE * (took + 2))
            for (t0, pos, length), (t1, nxt, _) in zip(w.packets, w.packets[1:]):
                self.assertEqual(pos + length, nxt)
                self.assertTrue(t1 < since or t1 - t0 < PATIENCE, "the stream stood still")
        seen = units(self.viewer.data)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        self.assertEqual(len([x for x in self.real.out.lines if "receiving from" in x]), 1)

    def test_everything_at_once(self):
        mark = new_id()
        def report(k):
            return bcst(GRP_TRACKERS, new_id(), host_atom("%032X" % (k + 1), None, "203.0.113.%d" % (k % 250),
                                                          flags=FLG_RECV), cid=self.cid, ttl=11)
        def push(_):
            return bcst(GRP_ALL, new_id(), box("push", ip("ip", "203.0.113.9"), u16("port", 7144),
                                               leaf("cid", bytes.fromhex(self.cid))), dest=mark)
        def spread(k):
            return bcst(GRP_RELAYS, new_id(), leaf("zzzz", struct.pack("<I", k)), cid=self.cid)
        def long(_):
            return bcst(GRP_ALL, new_id(), leaf("zzzz", os.urandom(4000)))
        senders = [(self.watched_child(), make) for make in (spread, report, push, long)]
        for make in (spread, lambda _: helo(new_id(), port=7144, ping=7144)):
            c = self.control(self.n)
            self.assertIsNone(c.quit)
            senders.append((Watch(c), make))
        self.wait(lambda: all(w.packets for w, _ in senders[:4]), what="a stream for the senders")
        rss, lines = rss_kib(self.n), self.n.out.count()
        since, bcsts = time.monotonic(), [w.bcsts for w in self.quiet]
        sent, took = self.flood(senders, 1000, 10)
        for (watch, make), n in zip(senders, sent):
            self.wait(lambda w=watch: w.ended is not None, what="the end of a sender")
            self.assertEqual(watch.quit, 1006, make)
            self.assertGreater(n, 500)
        self.check_others(since, bcsts, took)
        self.assertLess(self.n.out.count() - lines, 200)
        if PATIENCE == 1:       # sanitizers keep what was freed
            self.assertLess(rss_kib(self.n) - rss, 16 * 1024)
        # and the node serves on
        self.wait(lambda: self.watched_child().client.status == 200)
        self.assertIsNone(self.control(self.n).quit)

    def test_helos(self):
        """Clients that come by the hundred: some say helo and go, some say nothing more."""
        rss, threads = rss_kib(self.n), self.n_threads()
        since, bcsts, hanging = time.monotonic(), [w.bcsts for w in self.quiet], []
        opener = u32("pcp\n", 1).encode()
        for i in range(400):
            with contextlib.suppress(OSError):
                c = self.n.client()
                c.send(opener + (helo(new_id(), port=7144).encode() if i % 2 else b"helo"))
                if i % 4 == 0:
                    hanging.append(c)
                else:
                    c.close()
        took = time.monotonic() - since
        self.check_others(since, bcsts, took)
        self.assertIsNone(self.n.out.find("cannot start a thread"))
        for c in hanging:
            c.close()
        self.wait(lambda: self.n_threads() <= threads, what="an end of all of them")
        if PATIENCE == 1:
            self.assertLess(rss_kib(self.n) - rss, 8 * 1024)
        self.assertIsNone(self.control(self.n).quit)

    def n_threads(self):
        return len(os.listdir("/proc/%d/task" % self.n.pid))

    def test_below_the_limit(self):
        """A big tree: reports of a thousand relays behind one child, as often as they may come. Nobody is
        dropped, and the tracker knows them all."""
        child = self.watched_child()
        ids = [new_id() for _ in range(150)]
        def report(k):
            i = k % len(ids)
            return bcst(GRP_TRACKERS, ids[i], host_atom(ids[i], None, "203.0.113.%d" % i, listeners=k // len(ids),
                                                        flags=FLG_RECV | 2), cid=self.cid, ttl=11, hops=1)
        since, bcsts = time.monotonic(), [w.bcsts for w in self.quiet]
        _, took = self.flood([(child, report)], 100, 4)
        self.assertIsNone(child.ended)
        self.check_others(since, bcsts, took)
        hosts = [h for h in self.n.viewxml().iter("host") if (h.get("ip") or "").startswith("203.0.113.")]
        self.assertEqual(len(hosts), len(ids))


class FromAbove(BoxCase):
    """A source that says a thousand things a second besides its stream."""

    def test_everything(self):
        n, up, cid = self.node({"maxRelays": 10}), Upstream(self), new_id()
        view = self.closing(n.client())
        view.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (cid, up.port))
        c = self.closing(up.accept())
        up.handshake(c)
        up.head(c, cid)
        up.data(c, cid, 4, b"data")
        self.assertEqual(view.read_head(), 200)
        below = [Watch(self.relay(n, cid)) for _ in range(3)]
        self.wait(lambda: all(w.packets for w in below), what="a stream for all")
        source = Watch(c)                       # what it is told is read
        make = (lambda k: bcst(GRP_RELAYS, new_id(), leaf("zzzz", struct.pack("<I", k)), cid=cid),
                lambda k: bcst(GRP_RELAYS, new_id(), chan_atom(cid, name="name %d" % k, ctype="RAW"), cid=cid),
                lambda k: bcst(GRP_TRACKERS, new_id(), host_atom("%032X" % k, None, "203.0.113.9", flags=FLG_RECV), cid=cid),
                lambda k: host_atom("%032X" % k, cid, "203.0.113.9", flags=FLG_RECV))
        rss, start, pos = rss_kib(n), time.monotonic(), 8
        for k in range(1, 2001):
            c.send_atom(make[k % 4](k))
            if k % 10 == 0:
                up.data(c, cid, pos, b"data")
                pos += 4
                time.sleep(max(start + k / 1000 - time.monotonic(), 0))
        self.wait(lambda: all(w.packets[-1][1] + 4 == pos for w in below), what="the stream")
        took = time.monotonic() - start
        for w in below:
            self.assertIsNone(w.ended)
            self.assertLessEqual(w.bcsts, BURST + PACE * (took + 2))
        self.assertIsNone(source.ended)
        self.assertEqual(n.find_channel(cid=cid)["info"]["name"], "name 1997")
        if PATIENCE == 1:
            self.assertLess(rss_kib(n) - rss, 4 * 1024)
