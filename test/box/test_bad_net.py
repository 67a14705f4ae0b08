# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of the table of bad input (test_bad_pcp.py) that need addresses, and port tests from end to end. B43 and B63,
pushes and connections given, are in test_giv.py."""
import contextlib
import resource
import selectors
import socket
import threading
import time
import unittest

from harness import FLG_RECV, FLG_RELAY, GRP_TRACKERS, PATIENCE, Client, Control, Relay, bcst, box, \
    deadline, gid, helo, host_atom, new_id, u32
from net import PORT, NetCase
from test_bad_pcp import Usage
from test_pcp import OPENER


def listening(place, port, answer):
    """A server that sends those bytes to everybody and then waits for him to leave."""
    with place.inside():
        server = socket.create_server(("0.0.0.0", port), backlog=100)

    def serve():
        while True:
            try:
                c, _ = server.accept()
            except OSError:
                return
            with c:
                c.settimeout(30 * PATIENCE)
                try:
                    c.sendall(answer)
                    while c.recv(1000):
                        pass
                except OSError:
                    pass
    threading.Thread(target=serve, daemon=True).start()
    return server


class PortTest(NetCase):
    """B25: who asks for a port test, and what he gets."""

    def setUp(self):
        super().setUp()
        self.n = self.node()
        self.place = self.machine()

    def ask(self, port, sid=None):
        """(what oleh says, seconds)"""
        with self.place.inside():
            c = self.closing(Client(PORT, self.n.host))
        start = time.monotonic()
        c.send(OPENER + helo(sid or new_id(), ping=port).encode())
        oleh = c.read_atom(25)
        self.assertEqual(oleh["rip"].ip, self.place.ip)
        return oleh["port"].u16, time.monotonic() - start

    def serve(self, port, answer):
        self.addCleanup(listening(self.place, port, answer).close)

    def test_outcomes(self):
        sid = new_id()
        right, wrong = (box("oleh", gid("sid", s)).encode() for s in (sid, new_id()))
        for port, answer in ((2001, right), (2002, wrong), (2003, b"HTTP/1.0 200 OK\r\n\r\n"),
                             (2004, u32("quit", 1000).encode()), (2005, b"oleh\xff\xff\xff\x7f"), (1023, right)):
            self.serve(port, answer)
        self.place.firewall("reject", "2007")
        for name, port, want in (
                ("open", 2001, 2001), ("another node", 2002, 0), ("a web server", 2003, 0), ("a quit", 2004, 0),
                ("a huge atom", 2005, 0), ("closed", 2006, 0), ("refused by a firewall", 2007, 0),
                ("a low port", 1023, 0), ("no port", 0, 0)):
            with self.subTest(name):
                port_seen, took = self.ask(port, sid)
                self.assertEqual(port_seen, want)
                self.assertLess(took, 5 * PATIENCE)


class ManyPortTests(NetCase):
    def test_thousand(self):
        """B26: eight tests at once and one for an address; the others hear 0 at once, or 1003."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
        places = self.net.some(60)
        n = self.node({"maxServIn": 100})
        with self.machine().inside():           # whatever a node opens once is open then
            self.assertEqual(Control(n).quit, 1008)
        before = Usage(n)
        tested, clients = [], []
        for p in places:
            with p.inside():
                tested.append(socket.create_server(("0.0.0.0", 2000)))      # accepts nobody
                for _ in range(17):
                    clients.append(socket.socket())
                    clients[-1].setblocking(False)
                    clients[-1].connect_ex((n.host, PORT))
        data = OPENER + helo(new_id(), ping=2000).encode()
        waiting, answered = selectors.DefaultSelector(), 0
        self.addCleanup(waiting.close)
        for s in clients:
            with contextlib.suppress(OSError):
                s.send(data)
            waiting.register(s, selectors.EVENT_READ)
        end = deadline(10)
        while len(waiting.get_map()) > 8 and time.monotonic() < end:
            for key, _ in waiting.select(0.1):
                with contextlib.suppress(OSError):
                    answered += len(key.fileobj.recv(1000)) > 0
                waiting.unregister(key.fileobj)
        self.assertLessEqual(len(waiting.get_map()), 8)
        self.assertGreater(answered, 100)
        with self.machine().inside():
            self.assertEqual(Control(n).quit, 1008)
        for s in clients + tested:
            s.close()
        self.wait(lambda: Usage(n).threads <= before.threads and Usage(n).fds <= before.fds,
                  what="threads and files as before")


class Hosts(NetCase):
    def test_addresses_that_are_none(self):
        """B45: counted, but never offered to anybody."""
        n = self.node({"maxRelays": 2})
        self.push(n, "mine")
        cid = n.wait_channel("mine")["channelId"].upper()
        relays = []
        for place in self.net.some(2):
            with place.inside():
                relays.append(self.relay(n, cid, port=PORT))
            relays[-1].wait_atom("chan")
        bad = ("127.0.0.1", "10.0.0.1", "192.168.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
               "255.255.255.255", n.host)
        for i, address in enumerate(bad):
            sid = new_id()
            h = host_atom(sid, None, address, PORT if address == n.host else 7145, listeners=10 + i, relays=1,
                          flags=FLG_RECV | FLG_RELAY)
            relays[0].send_atom(bcst(GRP_TRACKERS, sid, h, cid=cid, ttl=11, hops=1))
        for r in relays:
            r.send_atom(bcst(GRP_TRACKERS, r.sid, host_atom(r.sid, None, r.sock.getsockname()[0], relays=1,
                                                           flags=FLG_RECV), cid=cid, ttl=11))
        known = (len(bad) - 1) * 10 + sum(range(len(bad) - 1))      # our own is not even stored
        self.wait(lambda: n.rpc("getChannelStatus", [cid])["totalDirects"] == known)
        with self.machine().inside():
            third = self.closing(Relay(n, cid, port=PORT))
        self.assertEqual(third.status, 503)
        named = []
        while (atom := third.read_atom()).name == "host":
            named.append(atom["ip"].ip)
        self.assertEqual(atom.u32, 1003)
        self.assertEqual(sorted(named), sorted(r.sock.getsockname()[0] for r in relays))


class Firewalls(NetCase):
    """A broadcaster, its root's port test, and what both then know."""

    def broadcaster(self, place, title):
        t = self.tracker(self.yp, place=place)
        t.title = title
        self.push(t, title, interval=0.1)
        return t

    def seen(self, t, public, port):
        """The root's list says so, and the broadcaster knows it too."""
        def host():
            return next((h for c in self.yp.viewxml().iter("channel") if c.get("name") == t.title
                         for h in c.iter("host")), None)
        self.wait(lambda: host() is not None, 15, "announcement")
        self.assertEqual((host().get("ip"), host().get("push")), ("%s:%d" % (public, port), "0" if port else "1"))
        self.assertEqual(t.rpc("getStatus")["isFirewalled"], port == 0)

    def test_all_outcomes(self):
        """Open; closed by a rule; no way in through a NAT; forwarded; forwarded to another node."""
        self.yp = self.root()
        made = []
        for name in ("open", "rejected"):
            place = self.machine()
            if name == "rejected":
                place.firewall("reject")
            made.append((self.broadcaster(place, name), place.ip, name == "open"))
        for name in ("nat", "forwarded", "wrong"):
            home = self.lan()
            place = home.machine()
            if name == "forwarded":
                home.forward(place)
            if name == "wrong":
                home.forward(self.node(place=home.machine()).place)
            made.append((self.broadcaster(place, name), home.ip, name == "forwarded"))
        for t, public, is_open in made:
            with self.subTest(t.title):
                self.seen(t, public, PORT if is_open else 0)


if __name__ == "__main__":
    unittest.main()
