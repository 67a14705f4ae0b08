# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines of net.py are what they claim, and nodes on them play."""
import os
import socket
import time
import unittest

from harness import Client, deadline, units
from net import NetCase


def talk(here, there, address, port=9, seconds=5):
    """Connect from one machine to another; what the listener saw as the other's address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with there.inside():
        server = socket.create_server(("::" if family == socket.AF_INET6 else "0.0.0.0", port), family=family)
    with server:
        server.settimeout(5)
        with here.inside():
            client = socket.create_connection((address, port), seconds)
        with client:
            accepted, peer = server.accept()
            accepted.close()
    return peer[0]


class Machines(NetCase):
    def test_reach_each_other(self):
        a, b = self.net.some(2)
        self.assertEqual((a.ip, b.ip, a.ip6), ("203.0.113.1", "203.0.113.2", "2001:db8::1"))
        self.assertEqual(talk(a, b, b.ip), a.ip)
        self.assertEqual(talk(b, a, a.ip6), b.ip6)

    def test_nobody_there(self):
        a = self.machine()
        for address in ("203.0.113.77", "2001:db8::77", "192.0.2.1"):
            with self.subTest(address), a.inside(), self.assertRaises(OSError):
                socket.create_connection((address, 9), 5)

    def test_leaves_nothing(self):
        links = os.listdir("/sys/class/net")
        a = self.machine()
        with a.inside():
            self.assertEqual(sorted(n for _, n in socket.if_nameindex()), ["eth0", "lo"])
        self.assertEqual(os.listdir("/sys/class/net"), links)
        with self.net.inside():
            self.assertIn("m0", [n for _, n in socket.if_nameindex()])

    def test_nat(self):
        home, other = self.lan(), self.machine()
        one, two = home.machine(), home.machine()
        self.assertEqual((one.ip, two.ip), ("192.168.1.2", "192.168.1.3"))
        self.assertEqual(talk(one, other, other.ip), home.ip)
        self.assertEqual(talk(one, two, two.ip), one.ip)
        self.assertEqual(talk(two, other, other.ip6), two.ip6)
        for address in (home.ip, one.ip, one.ip6):
            with self.subTest(address), self.assertRaises(OSError):
                talk(other, one, address, seconds=0.3)
        home.forward(two, 9)
        self.assertEqual(talk(other, two, home.ip), other.ip)
        talk(one, two, home.ip)         # and from inside, by the outer address

    def test_firewall(self):
        a, b = self.net.some(2)
        for how, error in (("reject", ConnectionRefusedError), ("drop", TimeoutError)):
            b.firewall(how)
            for address in (b.ip, b.ip6):
                with self.subTest(how=how, address=address), self.assertRaises(error):
                    talk(a, b, address, seconds=0.3)
            talk(b, a, a.ip)
        b.firewall("accept")
        talk(a, b, b.ip)

    def test_cut_and_count(self):
        a, b, c = self.net.some(3)
        self.net.count(b)
        talk(a, b, b.ip)
        talk(a, b, b.ip6)
        talk(b, a, a.ip)
        talk(a, c, c.ip)
        self.assertEqual(self.net.counted(b), 2)
        self.net.cut(b)
        with self.assertRaises(TimeoutError):
            talk(a, b, b.ip, seconds=0.3)
        self.net.mend(b)
        talk(a, b, b.ip)

    def test_move(self):
        a, b = self.net.some(2)
        old = a.ip
        a.move(self.net.address())
        self.assertEqual(talk(b, a, a.ip), b.ip)
        self.assertEqual(talk(a, b, b.ip), a.ip)
        with self.assertRaises(OSError):
            talk(b, a, old, seconds=0.3)

    def test_slow(self):
        a, b = self.net.some(2)
        with b.inside():
            server = socket.create_server(("0.0.0.0", 9))
        with server, a.inside(), socket.create_connection((b.ip, 9), 5) as out, server.accept()[0] as into:
            for limit, took in (({"up_kbps": 2000}, 0.25), ({"down_kbps": 2000}, 0.25), ({}, 0)):
                a.slow(**{"up_kbps": None, "down_kbps": None, **limit})
                src, dst = (out, into) if "up_kbps" in limit else (into, out)
                dst.settimeout(10)
                left, start = 150000, time.monotonic()
                src.setblocking(False)
                while left > 0:
                    with self.subTest(limit):
                        try:
                            src.send(bytes(2000))
                        except BlockingIOError:
                            pass
                    left -= len(dst.recv(2000))
                self.assertGreater(time.monotonic() - start, took)

    def test_cheap(self):
        start = time.process_time()
        self.net.some(20)
        self.assertLess(time.process_time() - start, 1)


class Nodes(NetCase):
    def test_chain(self):
        """A broadcaster, a relay and its viewer, each on a machine; and over IPv6 too, from outside."""
        b = self.tree_node(name="broadcaster")
        r = self.tree_node(name="relay")
        self.push(b, "N")
        cid = b.wait_channel("N")["channelId"]
        with r.view(cid, "?tip=" + b.address) as v:
            self.assertEqual(v.status, 200)
            data, end = b"", deadline()
            while len(units(data)) < 10 and time.monotonic() < end:
                data += v.read_some()
        seen = units(data)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        self.assertEqual([c["remoteEndPoint"] for c in b.rpc("getChannelConnections", [cid])
                          if c["type"] == "relay"][0].split(":")[0], r.host)
        with self.machine().inside():
            for address in (r.host, r.place.ip6):
                with self.subTest(address), Client(r.port, address) as c:
                    c.request("GET", "/channel/" + "1" * 32, {"x-peercast-pcp": 1})
                    self.assertEqual(c.read_head(), 404)

    def test_ends_with_its_machine(self):
        n = self.node()
        self.assertIn(n.pid, n.place.processes())
        self.assertNotIn(os.getpid(), n.place.processes())


if __name__ == "__main__":
    unittest.main()
