# SPDX-License-Identifier: GPL-2.0-or-later
"""RTMP from other machines: only with a key, and from wherever its owner is (media.md 2.5.2)."""
import unittest

from harness import units
from net import NetCase
from rtmp import Encoder, Flow, Refused

PORT = 1935


class Remote(NetCase):
    def rtmp_node(self, **ini):
        keys = {"rtmpServer": "Yes", "rtmpPort": PORT, "rtmpBind": "0.0.0.0", "sourceGraceSec": 60}
        keys.update(ini)
        node = self.node(keys, place=self.machine())
        node.wait_log("rtmp: listening")
        return node

    def publish(self, machine, host, name):
        with machine.inside():
            encoder = self.closing(Encoder(PORT, host=host))
        return encoder.publish(name)

    def flow(self, machine, host, name):
        flow = Flow(self.publish(machine, host, name))
        self.addCleanup(flow.stop)
        return flow

    def test_without_a_key_nobody(self):
        node, other = self.rtmp_node(), self.machine()
        node.wait_log("WARN.*without rtmpKey nobody can publish from another machine")
        with self.assertRaises(Refused) as r:
            self.publish(other, node.host, "k")
        self.assertIn("key", r.exception.args[1])
        self.flow(node.place, "127.0.0.1", "k")
        node.wait_channel("k")

    def test_with_a_key(self):
        node, other, third = self.rtmp_node(rtmpKey="sesame"), self.machine(), self.machine()
        for name in ("", "Sesame", "sesam", "x?name=sesame"):
            with self.assertRaises(Refused):
                self.publish(other, node.host, name)
        first = self.flow(other, node.host, "sesame?name=n")
        chan = node.wait_channel("n")
        # its owner goes elsewhere: the key is what counts, not the address
        first.stop()
        node.wait_log("the encoder has left")
        self.flow(third, node.host, "sesame?name=n")
        node.wait_log("taken over by %s" % third.ip)
        self.assertEqual([c["channelId"] for c in node.channels()], [chan["channelId"]])
        with node.view(chan["channelId"]) as v:
            self.assertTrue(units(v.read(20000)))

    def test_on_loopback_alone(self):
        node, other = self.rtmp_node(rtmpBind="127.0.0.1", rtmpKey="k"), self.machine()
        with self.assertRaises(OSError):
            self.publish(other, node.host, "k")

    def test_ipv6(self):
        node, other = self.rtmp_node(rtmpBind="::", rtmpKey="k"), self.machine()
        self.flow(other, node.place.ip6, "k?name=six&ipv=6")
        node.wait_channel("six")

    def test_many_who_wait(self):
        """Handshakes that do not go on: so many of one address, and nobody else is kept out."""
        node, other, good = self.rtmp_node(rtmpKey="k"), self.machine(), self.machine()
        with other.inside():
            silent = [self.closing(Encoder(PORT, host=node.host, handshake=False)) for _ in range(40)]
        silent[-1].expect_close()               # beyond its share
        self.flow(good, node.host, "k?name=n")
        node.wait_channel("n")


if __name__ == "__main__":
    unittest.main()
