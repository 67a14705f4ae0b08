# SPDX-License-Identifier: GPL-2.0-or-later
"""A swarm of real nodes on machines of their own (net.py): a broadcaster, relays, a viewer at each, and
figures of how they fare. Used by test_swarm.py and by test/sim.

    swarm = Swarm(net, relays=3)            # broadcaster and stream; every node takes 3 relays
    swarm.join(30)                          # 30 nodes, each with a viewer that starts at once
    swarm.wait_playing()
    swarm.kill(swarm.inner()[:3])           # SIGKILL
    swarm.wait_playing()
    print(swarm.report().text())

A viewer is a player on its node's machine. It gets units that carry a number, so it knows what it
missed, and when the stream stood still. Like a player in use it connects again when it is dropped.
"""
import contextlib
import json
import os
import re
import selectors
import socket
import struct
import threading
import time

from harness import PATIENCE, TOP, Node, Push, RpcError, flv_head, flv_unit, wait_until

UNIT_BYTES = 1000
UNITS_PER_S = 10        # 80 kbit/s
KEY_EVERY = 10          # a key frame each second
GAP = 1.0               # seconds without a new unit that count as an interruption
AGAIN = 1.0             # seconds until a dropped player connects again

_unit = re.compile(rb"UNIT(.{4})", re.S)


def stream():
    """Endless FLV of UNITS_PER_S units a second (Push paces it)."""
    yield flv_head()
    index = 0
    while True:
        yield flv_unit(index, UNIT_BYTES, index % KEY_EVERY == 0, 1000 // UNITS_PER_S)
        index += 1


class Player:
    """What one viewer has seen. Its Audience does the reading."""

    def __init__(self, node, cid, tip):
        self.node, self.target = node, "/stream/%s.flv?tip=%s" % (cid, tip)
        self.sock = None
        self.tail = b""
        self.due = 0.0                  # when to connect (again)
        self.connects = 0
        self.began = time.monotonic()
        self.first = self.last = None   # times of the first and the newest unit
        self.newest = -1                # its number
        self.line = -1                  # the newest on this connection
        self.units = self.missed = self.repeated = 0
        self.gaps = []                  # (when it began, seconds)
        self.left = False

    def take(self, data, now):
        data = self.tail + data
        end = 0
        for m in _unit.finditer(data):
            end = m.end()
            index, = struct.unpack(">I", m.group(1))
            self.repeated += index <= self.line
            self.line = max(self.line, index)
            if index <= self.newest:
                continue                # known, also when an old connection had it
            if self.last is None:
                self.first = now
            else:
                self.missed += index - self.newest - 1
                if now - self.last > GAP:
                    self.gaps.append((self.last, now - self.last))
            self.units += 1
            self.newest, self.last = index, now
        self.tail = data[max(end, len(data) - 7):]

    def quiet(self, now):
        """Seconds since it last got something new, or since it began."""
        return now - (self.last or self.began)


class Audience(threading.Thread):
    """Reads for all players, in one thread."""

    def __init__(self):
        super().__init__(daemon=True, name="audience")
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.players = []
        self.done = False
        self.start()

    def add(self, player):
        with self.lock:
            self.players.append(player)

    def remove(self, player):
        """It leaves; its figures stay as they are."""
        with self.lock:
            player.left = True
            if player in self.players:
                self.players.remove(player)

    def close(self):
        self.done = True
        self.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def _connect(self, p):
        try:
            with p.node.inside():
                p.sock = socket.create_connection(("127.0.0.1", p.node.port), 1)
        except OSError:
            p.due = time.monotonic() + AGAIN
            return
        p.connects += 1
        p.tail, p.line = b"", -1
        p.sock.sendall(b"GET %s HTTP/1.0\r\nUser-Agent: player\r\n\r\n" % p.target.encode())
        p.sock.setblocking(False)
        self.selector.register(p.sock, selectors.EVENT_READ, p)

    def _drop(self, p):
        self.selector.unregister(p.sock)
        p.sock.close()
        p.sock = None
        p.due = time.monotonic() + AGAIN

    def run(self):
        while not self.done:
            for key, _ in self.selector.select(0.05):
                p = key.data
                try:
                    data = p.sock.recv(65536)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if data and not p.left:
                    p.take(data, time.monotonic())
                else:
                    self._drop(p)
            now = time.monotonic()
            with self.lock:
                waiting = [p for p in self.players if p.sock is None and p.due <= now]
            for p in waiting:
                self._connect(p)


class Member:
    """A node of the swarm and its player."""

    def __init__(self, node, player):
        self.node, self.player = node, player
        self.killed = None              # when

    @property
    def address(self):
        return self.node.address


class Swarm:
    """relays: maxRelays of every node. ini: further keys of all nodes. ipv6: machines without IPv4, and an IPv6
    channel. own_session: see Node. close() ends everybody; it returns what was wrong with those that did not
    end well."""

    def __init__(self, net, relays=3, ini=None, name="swarm", ipv6=False, own_session=False):
        self.net, self.relays, self.ini, self.name = net, relays, ini or {}, name
        self.ipv6, self.own_session = ipv6, own_session
        self.members, self.gone = [], []
        self.audience = Audience()
        self.push = self.tracker = self.cid = None
        try:
            self.tracker = self._node("tracker", net.machine(ipv4=not ipv6))
            self.tracker.wait_log(r"listening")
            self.push = Push(self.tracker, name, source=stream(), interval=1 / UNITS_PER_S,
                             bitrate=UNIT_BYTES * 8 * UNITS_PER_S // 1000, ipv=6 if ipv6 else 4)
            self.cid = self.tracker.wait_channel(name)["channelId"]
        except BaseException:
            self.close()
            raise
        net.count(self.tracker.place)

    def _node(self, name, place, ini=None):
        keys = {"forceIP": place.ip or place.ip6, "forceNormal": "Yes", "maxRelays": self.relays, "logLevel": 2}
        keys.update(self.ini)
        keys.update(ini or {})
        node = Node(keys, name=name, place=place, own_session=self.own_session)
        try:
            node.spawn()
        except BaseException:
            node.remove()
            raise
        return node

    # growing and shrinking

    def join(self, n=1, ini=None):
        """n more nodes with a player each; all are started before the first is waited for."""
        made = []
        for place in self.net.some(n, ipv4=not self.ipv6):
            made.append(Member(self._node("n%d" % (len(self.members) + len(self.gone) + 1), place, ini), None))
            self.members.append(made[-1])
        for m in made:
            m.node.wait_log(r"listening")
            m.player = Player(m.node, self.cid, self.tracker.address)
            self.audience.add(m.player)
        return made

    def kill(self, members):
        """SIGKILL; their players go with them."""
        for m in members:
            m.node.proc.kill()
            m.killed = time.monotonic()
            self._forget(m)
        for m in members:
            m.node.kill()

    def leave(self, members):
        """They end in order."""
        for m in members:
            self._forget(m)
            m.node.stop()

    def _forget(self, m):
        self.audience.remove(m.player)
        self.members.remove(m)
        self.gone.append(m)

    def close(self):
        wrong = []
        self.audience.close()
        nodes = [m.node for m in self.members] + ([self.tracker] if self.tracker else [])
        for node in nodes:      # all at once: they end side by side
            if node.proc and node.proc.poll() is None:
                node.send_signal(2)
        for node in nodes:
            try:
                node.stop(sig=0, within=10)     # it has been told
            except AssertionError as e:
                wrong.append(str(e))
        if self.push:
            self.push.stop()
        for node in nodes + [m.node for m in self.gone]:
            node.remove()
        return wrong

    # looking at it

    def wait_playing(self, seconds=30, new=5):
        """Until every player has got `new` more units; how long it took."""
        start = time.monotonic()
        want = {m.player: m.player.units + new for m in self.members if not m.player.left}
        behind = list(want)

        def all_there():
            behind[:] = [p for p in want if not p.left and p.units < want[p]]
            return not behind
        try:
            wait_until(all_there, seconds)
        except AssertionError:
            raise AssertionError("%d of %d viewers do not play after %g s\n%s" % (
                len(behind), len(want), seconds * PATIENCE,
                "\n".join(p.node.output() for p in behind[:3]))) from None
        return time.monotonic() - start

    def parents(self):
        """{ address of a member: address of the node it receives from, None when it has none }"""
        found = {}
        for m in list(self.members):
            with contextlib.suppress(OSError, RpcError, AssertionError):
                source = next((c for c in m.node.rpc("getChannelConnections", [self.cid])
                               if c["type"] == "source"), {})
                found[m.address] = source.get("remoteEndPoint") or None
        return found

    def depths(self, parents=None):
        """{ address: steps to the tracker }; those that do not lead there are left out."""
        parents = parents if parents is not None else self.parents()
        depths = {self.tracker.address: 0}

        def depth(a, seen):
            if a not in depths and a in parents and a not in seen:
                above = depth(parents[a], seen | {a})
                if above is not None:
                    depths[a] = above + 1
            return depths.get(a)
        for a in parents:
            depth(a, set())
        del depths[self.tracker.address]
        return depths

    def inner(self):
        """Members that others receive from, those with the most below them first."""
        parents = self.parents()
        below = dict.fromkeys(parents, 0)
        for a in parents:
            up, seen = parents.get(a), {a}
            while up in below and up not in seen:
                below[up] += 1
                seen.add(up)
                up = parents.get(up)
        by_address = {m.address: m for m in self.members}
        return [by_address[a] for a in sorted(below, key=below.get, reverse=True)
                if below[a] > 0 and a in by_address]

    def report(self):
        return Report(self)


def percentile(values, p):
    values = sorted(values)
    return values[min(int(len(values) * p / 100), len(values) - 1)] if values else 0.0


class Report:
    """The figures of a swarm at one moment."""

    def __init__(self, swarm):
        now = time.monotonic()
        members = list(swarm.members)
        logs = {m: m.node.out.text() for m in members + swarm.gone}
        tracker_log = swarm.tracker.out.text()
        self.nodes, self.gone = len(members), len(swarm.gone)
        self.depths = swarm.depths()
        self.viewers = []
        for m in members + swarm.gone:
            p = m.player
            gaps = [round(g, 2) for _, g in p.gaps]
            if not p.left and p.last is not None and now - p.last > GAP:
                gaps.append(round(now - p.last, 2))
            self.viewers.append({
                "node": m.address, "killed": m.killed is not None, "depth": self.depths.get(m.address),
                "start_s": round(p.first - p.began, 2) if p.first else None, "interruptions_s": gaps,
                "without_data_s": round(sum(gaps), 2), "units": p.units, "missed": p.missed,
                "repeated": p.repeated, "connects": p.connects,
                "upstreams": len(re.findall(r"receiving from", logs[m]))})
        self.alive = [v for v, m in zip(self.viewers, members + swarm.gone) if not m.player.left]
        self.tracker_connections = swarm.net.counted(swarm.tracker.place)
        self.tracker_served = len(re.findall(r"relay \S+: takes ", tracker_log))
        self.tracker_refused = len(re.findall(r"relay \S+: refused", tracker_log))
        self.refused = self.tracker_refused + sum(
            len(re.findall(r"relay \S+: refused", log)) for log in logs.values())
        self.switches = sum(max(v["upstreams"] - 1, 0) for v in self.viewers)

    def interruptions(self):
        return [g for v in self.alive for g in v["interruptions_s"]]

    def as_dict(self):
        gaps = self.interruptions()
        without = [v["without_data_s"] for v in self.alive]
        starts = [v["start_s"] for v in self.alive if v["start_s"] is not None]
        depth = list(self.depths.values())
        return {
            "nodes": self.nodes, "gone": self.gone, "in_tree": len(depth),
            "depth": {"p50": percentile(depth, 50), "max": max(depth, default=0)},
            "start_s": {"p50": percentile(starts, 50), "p99": percentile(starts, 99),
                        "max": max(starts, default=0)},
            "interruptions": len(gaps),
            "interruption_s": {"p50": percentile(gaps, 50), "p99": percentile(gaps, 99),
                               "max": max(gaps, default=0)},
            "without_data_s": {"p50": percentile(without, 50), "p99": percentile(without, 99),
                               "max": max(without, default=0)},
            "missed_units": sum(v["missed"] for v in self.alive),
            "tracker": {"connections": self.tracker_connections, "served": self.tracker_served,
                        "refused": self.tracker_refused},
            "refused": self.refused, "upstream_switches": self.switches}

    def text(self):
        d = self.as_dict()
        return "\n".join((
            "nodes          %d, gone %d, in the tree %d" % (d["nodes"], d["gone"], d["in_tree"]),
            "depth          p50 %d, max %d" % (d["depth"]["p50"], d["depth"]["max"]),
            "start          p50 %.1f s, p99 %.1f s, max %.1f s" % tuple(d["start_s"].values()),
            "interruptions  %d; p50 %.1f s, p99 %.1f s, max %.1f s; units missed %d"
            % (d["interruptions"], *d["interruption_s"].values(), d["missed_units"]),
            "without data   per viewer p50 %.1f s, p99 %.1f s, max %.1f s" % tuple(d["without_data_s"].values()),
            "tracker        %d connections, %d relays served, %d refused"
            % (d["tracker"]["connections"], d["tracker"]["served"], d["tracker"]["refused"]),
            "everywhere     %d refused, %d changes of upstream" % (d["refused"], d["upstream_switches"])))

    def save(self, name):
        """build/<name>: everything, and each viewer."""
        path = os.path.join(TOP, "build", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            json.dump({**self.as_dict(), "viewers": self.viewers}, f, indent=1)
        return path
