# SPDX-License-Identifier: GPL-2.0-or-later
"""getChannelRelayTree: real trees over both kinds of addresses, and what liars report."""
import json
import unittest

from harness import FLG_PUSH, FLG_RECV, FLG_RELAY, GRP_TRACKERS, BoxCase, RpcError, bcst, host_atom, ip, new_id, u32
from net import NetCase
from test_api import captured


def walk(nodes, above=None):
    """(node, session of the one above or None) of a whole tree, without recursion."""
    todo = [(n, above) for n in nodes]
    while todo:
        node, up = todo.pop(0)
        yield node, up
        todo += [(n, node["sessionId"]) for n in node["children"]]


def sid_of(node):
    return node.wait_log(r"session ([0-9A-F]{32})").group(1)


class Real(NetCase):
    def relays(self, cid, *pairs):
        """Let each node relay from the one it is paired with; a viewer keeps it at it."""
        for node, above in pairs:
            v = self.closing(node.view(cid, "?tip=" + above.address))
            self.assertEqual(v.status, 200)
            v.read(1000)

    def grown(self, node, cid, n):
        """The tree once it has n nodes."""
        return self.wait(lambda: [t for t in [node.rpc("getChannelRelayTree", [cid])] if len(list(walk(t))) == n],
                         20)[0]

    def test_as_captured(self):
        """The very answer of a PeerCast-YT, but for addresses, sessions and versions."""
        b = self.tree_node({"maxRelays": 2, "maxDirect": 0})
        relays = [self.tree_node({"maxDirect": 0}) for _ in range(2)]
        self.push(b, "T")
        cid = b.wait_channel("T")["channelId"]
        self.relays(cid, *[(r, b) for r in relays])
        tree = self.grown(b, cid, 3)
        want = captured("getChannelRelayTree")
        self.assertEqual([n["sessionId"] for n, _ in walk(tree)], [sid_of(n) for n in (b, *relays)])
        for (ours, _), (theirs, _), node in zip(walk(tree), walk(want), (b, *relays)):
            theirs.update(address=node.host, sessionId=sid_of(node), versionString="SV1", versionEX="SV1", versionVP=27,
                          children=ours["children"])
            self.assertEqual(ours, theirs)

    def test_ipv6_chain(self):
        nodes = [self.tree_node(place=self.machine(ipv4=False)) for _ in range(4)]
        self.push(nodes[0], "T", ipv=6)
        cid = nodes[0].wait_channel("T")["channelId"]
        self.relays(cid, *zip(nodes[1:], nodes))
        sids = [sid_of(n) for n in nodes]
        tree = self.grown(nodes[0], cid, 4)
        self.assertEqual([(n["sessionId"], up) for n, up in walk(tree)], list(zip(sids, [None] + sids)))
        self.assertEqual([(n["address"], n["port"]) for n, _ in walk(tree)], [(n.place.ip6, 7144) for n in nodes])
        # a relay is the root of what is below it; its tracker is beside it
        tree = nodes[1].rpc("getChannelRelayTree", [cid])
        self.assertEqual([n["sessionId"] for n, _ in walk(tree[:1])], sids[1:])
        self.assertEqual([n["isTracker"] for n in tree[1:]], [True])
        self.assertIn('ip="[%s]:7144"' % nodes[1].place.ip6, nodes[0].get("/admin?cmd=viewxml").text)

    def test_behind_one_nat(self):
        """Two homes; in one of them a node relays for another, by its inner address."""
        b = self.tree_node({"maxRelays": 3})
        home, other = self.lan(), self.lan()
        a, c = (self.node(place=home.machine()) for _ in range(2))
        x, z = (self.node(place=p.machine()) for p in (home, other))
        self.push(b, "T")
        cid = b.wait_channel("T")["channelId"]
        self.relays(cid, (a, b), (x, b), (z, b), (c, x))
        tree = self.grown(b, cid, 5)
        s = {sid_of(n): name for n, name in ((b, "b"), (a, "a"), (c, "c"), (x, "x"), (z, "z"))}
        self.assertEqual({s[n["sessionId"]]: s.get(up) for n, up in walk(tree)},
                         {"b": None, "a": "b", "x": "b", "z": "b", "c": "x"})
        self.assertEqual({n["address"] for n, _ in walk(tree) if n["isFirewalled"]}, {home.ip, other.ip})


class Told(BoxCase):
    """A relay by hand that tells of others."""

    def setUp(self):
        self.n = self.node()
        self.push(self.n, "T")
        self.cid = self.n.wait_channel("T")["channelId"]

    def tell(self, relay, hosts):
        """hosts: (session, address, upstream's address or None, hops)"""
        for sid, address, up, hops in hosts:
            host = host_atom(sid, address=address, flags=FLG_RELAY | FLG_RECV | (0 if up else FLG_PUSH))
            if up:
                host.children += [ip("upip", up), u32("uppt", 7144), u32("uphp", 1)]
            relay.send_atom(bcst(GRP_TRACKERS, sid, host, cid=self.cid, hops=hops))

    def tree(self, n):
        return self.wait(lambda: [t for t in [self.n.rpc("getChannelRelayTree", [self.cid])]
                                  if len(list(walk(t))) == n])[0]

    def test_deep_chain(self):
        """Deeper than any real one: whole, as deep as JSON parsers go, the rest beside each other."""
        sids, r = [new_id() for _ in range(55)], self.relay(self.n, self.cid)
        self.tell(r, [(s, "203.0.113.%d" % (i + 1), "203.0.113.%d" % i if i else None, i)
                      for i, s in enumerate(sids)])
        tree = self.tree(56)
        above = {n["sessionId"]: up for n, up in walk(tree)}
        for i in range(1, 28):
            self.assertEqual(above[sids[i]], sids[i - 1])
        depth = deepest = 0
        for c in json.dumps(tree):
            depth += (c in "[{") - (c in "]}")
            deepest = max(deepest, depth)
        self.assertLessEqual(deepest, 62)

    def test_cycles_and_strangers(self):
        a, b, c, d = (new_id() for _ in range(4))
        self.tell(self.relay(self.n, self.cid),
                  [(a, "203.0.113.1", "203.0.113.2", 3), (b, "203.0.113.2", "203.0.113.1", 2),
                   (c, "203.0.113.3", "203.0.113.3", 2), (d, "203.0.113.4", "192.0.2.99", 4)])
        above = {n["sessionId"]: up for n, up in walk(self.tree(5))}
        me = sid_of(self.n)
        self.assertEqual(above, {me: None, b: me, a: b, c: me, d: me})

    def test_unknown(self):
        with self.assertRaises(RpcError) as e:
            self.n.rpc("getChannelRelayTree", [new_id()])
        self.assertEqual((e.exception.code, e.exception.message), (0, "Hit list not found"))

    def test_on_a_root(self):
        """A root does not carry the channel: its trackers are the tops."""
        root, cid = self.root(), new_id()
        t = self.control(root)
        t.announce(cid, name="x")
        self.wait(lambda: cid in root.get("/admin?cmd=viewxml").text)
        tree = root.rpc("getChannelRelayTree", [cid])
        self.assertEqual([(n["sessionId"], n["isTracker"], n["children"]) for n in tree], [(t.sid, True, [])])


if __name__ == "__main__":
    unittest.main()
