# SPDX-License-Identifier: GPL-2.0-or-later
"""Hundreds of connections to a node at once, from one thread: players and relays that stay or come and go, slow ones, and
those that mean ill.

    crowd = Crowd(node)
    crowd.add(crowd.watcher(cid, check=True))   # for good; crowd.gaps counts what it misses
    crowd.churn(100, lambda: crowd.anybody(cids))
    ...
    crowd.close()
"""
import contextlib
import heapq
import itertools
import os
import random
import re
import selectors
import socket
import struct
import threading
import time

from harness import (FLG_RECV, FLG_RELAY, GRP_TRACKERS, bcst, box, chan_atom, helo, host_atom, leaf, new_id,
                     u32)

TICK = 0.05             # seconds between two rounds of reading
NEWS = 60
UNIT = re.compile(rb"UNIT(.{4})", re.S)


class Member:
    """One connection. data: what it says, at once or, with drip, a byte a tick."""

    def __init__(self, data, kind, check=False, slow=False, drip=False, reset=False, life=None):
        self.data, self.kind, self.check, self.slow, self.drip, self.reset = data, kind, check, slow, drip, reset
        self.life = life                # seconds; None = until it is closed
        self.sock = None
        self.tail = b""
        self.last = None                # index of the last unit
        self.got = 0
        self.done = False
        self.heir = None                # what comes after it
        self.news = b""                 # what it says each NEWS seconds

    def connect(self, port):
        self.sock = socket.socket()
        if self.slow:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", port))

    def say(self):
        """Send what there is to send; raises what send() raises."""
        if self.data:
            with contextlib.suppress(BlockingIOError):
                n = self.sock.send(self.data[:1] if self.drip else self.data)
                self.data = self.data[n:]

    def hear(self, crowd):
        """Read; False at the end."""
        try:
            piece = self.sock.recv(256 if self.slow else 1 << 18)
        except BlockingIOError:
            return True
        self.got += len(piece)
        if self.check and piece:
            self.look(self.tail + piece, crowd)
        return piece != b""

    def look(self, data, crowd):
        at = 0
        for m in UNIT.finditer(data):
            index = struct.unpack(">I", m.group(1))[0]
            if self.last is not None and index != self.last + 1:
                crowd.gaps.append((self.kind, self.last, index))
            self.last = index
            at = m.end()
        self.tail = data[max(at, len(data) - 7):]

    def close(self):
        if self.sock is not None:
            if self.reset:
                with contextlib.suppress(OSError):
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()
        self.done = True


class Crowd(threading.Thread):
    def __init__(self, node, seed=1):
        super().__init__(daemon=True)
        self.port = node.port
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.new, self.members, self.ends = [], set(), []
        self.gaps, self.lost = [], []   # of those that check: what they missed, and who was cut off
        self.finished = 0
        self.order = itertools.count()
        self.over = threading.Event()
        self.start()

    # who there is

    def watcher(self, cid, **kw):
        return Member(b"GET /stream/%s HTTP/1.0\r\n\r\n" % cid.encode(), "viewer", **kw)

    def relay(self, cid, **kw):
        sid = new_id()
        m = Member(b"GET /channel/%s HTTP/1.0\r\nx-peercast-pcp: 1\r\nx-peercast-pos: 0\r\n\r\n" % cid.encode() +
                   helo(sid).encode(), "relay", **kw)
        # one that never says how it stands is let go after five minutes
        m.news = bcst(GRP_TRACKERS, sid, host_atom(sid, cid, flags=FLG_RELAY | FLG_RECV), cid=cid).encode()
        return m

    def page(self):
        return Member(b"GET %s HTTP/1.0\r\n\r\n" % self.rng.choice(
            (b"/", b"/api/1", b"/admin?cmd=viewxml", b"/index.txt", b"/pls/" + new_id().encode(), b"/nothing")), "page")

    def hostile(self, cid):
        rng = self.rng
        junk = rng.randbytes(rng.randrange(1, 3000))
        evil = box("chan", chan_atom(cid, name="evil"), box("pkt", leaf("type", b"data"), u32("pos", 1), leaf("data", junk)))
        control = u32("pcp\n", 1).encode() + helo(new_id(), bcid=new_id()).encode()
        data = rng.choice((
            junk, b"GET /stream/", b"GET / HTTP/1.0\r\nA: " + b"b" * 9000, b"pcp\n" + junk, control + junk,
            control + box("bcst", leaf("x", junk), host_atom(new_id(), cid)).encode() * 20,
            b"\x16\x03\x01\x02\0" + junk, b"POST /api/1 HTTP/1.1\r\nContent-Length: 200000\r\n\r\n[[[[",
            b"POST /?name=x&type=FLV HTTP/1.1\r\n\r\nFLV" + junk, b"SOURCE /x HTTP/1.0\r\n\r\n" + junk,
            b"GIV /%s\r\n\r\n" % cid.encode(), self.relay(cid).data + evil.encode() * 3,
            self.relay(cid).data + b"pkt\0\xff\xff\xff\x7f" + junk))
        return Member(data, "hostile", drip=rng.random() < 0.2, reset=rng.random() < 0.3)

    def anybody(self, cids):
        """One of all kinds, for a while."""
        cid = self.rng.choice(cids)
        n = self.rng.random()
        if n < 0.35:
            m = self.watcher(cid, slow=self.rng.random() < 0.15, reset=self.rng.random() < 0.2)
        elif n < 0.55:
            m = self.relay(cid, slow=self.rng.random() < 0.15, reset=self.rng.random() < 0.2)
        elif n < 0.75:
            m = self.page()
        else:
            m = self.hostile(cid)
        m.life = self.rng.expovariate(1 / self.mean)
        return m

    mean = 5.0          # seconds somebody stays

    # the loop

    def add(self, member):
        with self.lock:
            self.new.append(member)
        return member

    def churn(self, n, make):
        """n at any time: who goes is followed by another."""
        for _ in range(n):
            m = make()
            m.heir = make
            self.add(m)

    def begin(self, sel, m, now):
        m.connect(self.port)
        self.members.add(m)
        sel.register(m.sock, selectors.EVENT_READ, m)
        if m.life is not None:
            heapq.heappush(self.ends, (now + m.life, next(self.order), m))

    def end(self, sel, m, cut):
        if m.done:
            return
        sel.unregister(m.sock)
        self.members.discard(m)
        m.close()
        self.finished += 1
        if m.check and cut:
            self.lost.append((m.kind, m.got, m.last))
        if m.heir is not None and not self.over.is_set():
            heir = m.heir()
            heir.heir = m.heir
            self.add(heir)

    def run(self):
        with selectors.DefaultSelector() as sel:
            told = time.monotonic()
            while not self.over.wait(TICK):
                now = time.monotonic()
                if now - told > NEWS:
                    told = now
                    for m in self.members:
                        m.data += m.news
                with self.lock:
                    new, self.new = self.new, []
                for m in new:
                    self.begin(sel, m, now)
                while self.ends and self.ends[0][0] <= now:
                    self.end(sel, heapq.heappop(self.ends)[2], False)
                for m in [m for m in self.members if m.data]:
                    try:
                        m.say()
                    except OSError:
                        self.end(sel, m, True)
                for key, _ in sel.select(0):
                    try:
                        open_still = key.data.hear(self)
                    except OSError:
                        open_still = False
                    if not open_still:
                        self.end(sel, key.data, True)
            for m in list(self.members):
                self.end(sel, m, False)

    def close(self):
        self.over.set()
        self.join(30)


def resources(pid):
    """(bytes of memory, threads, files) of a process."""
    with open("/proc/%d/statm" % pid, encoding="ascii") as f:
        rss = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return rss, len(os.listdir("/proc/%d/task" % pid)), len(os.listdir("/proc/%d/fd" % pid))
