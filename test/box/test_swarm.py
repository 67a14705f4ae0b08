# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees of real nodes, each with a viewer: nodes die in the middle, circles close, links are slow, everything
is full. Whatever happens, in the end every viewer that still has a node plays again. The figures of
each test are printed and kept in build/swarm-<test>.json."""
import re
import signal
import time
import unittest

from harness import PATIENCE, Relay, new_id, slow
from net import NetCase
from swarm import GAP, Swarm


class SwarmCase(NetCase):
    def swarm(self, **kw):
        swarm = Swarm(self.net, **kw)
        self.addCleanup(self._close, swarm)
        return swarm

    def _close(self, swarm):
        name = self.id().rsplit(".", 1)[1]
        try:
            report = swarm.report()
            report.save("swarm-%s.json" % name)
            print("%s:\n%s" % (name, report.text()), flush=True)
        finally:
            wrong = swarm.close()
        self.assertEqual(wrong, [])

    def all_in_tree(self, swarm):
        """Everybody's source leads to the tracker."""
        self.wait(lambda: len(swarm.depths()) == len(swarm.members), 15, "a tree of all nodes")


class Tree(SwarmCase):
    @staticmethod
    def opened(s, but=()):
        """Connections to the tracker and to all members, tried or made."""
        return s.net.counted(s.tracker.place, *[m.node.place for m in s.members if m not in but])

    def grow_and_kill(self, n, kills, seconds, at_once=1, victims=3, **kw):
        s = self.swarm(**kw)
        while len(s.members) < n:
            s.join(at_once)
            s.wait_playing(40, new=1)
        self.all_in_tree(s)
        joined = s.net.counted(s.tracker.place)
        self.assertLess(joined, 6 * n, "connections to the tracker")
        for m in s.members:
            s.net.count(m.node.place)
        for _ in range(kills):
            inner = s.inner()[:victims]
            self.assertEqual(len(inner), victims)
            orphans = [a for a, up in s.parents().items() if up in [m.address for m in inner]]
            before = self.opened(s, inner)
            s.kill(inner)
            took = s.wait_playing(seconds)
            opened = self.opened(s) - before
            print("%d of %d killed: all play after %.1f s, %d connections by %d who lost their source" % (
                victims, len(s.members) + victims, took, opened, len(orphans)))
            self.assertLess(opened, n + 4 * len(orphans), "a storm")
        self.all_in_tree(s)
        report = s.report()
        self.assertEqual(sum(v["repeated"] for v in report.alive), 0)
        self.assertLess(report.as_dict()["without_data_s"]["max"], seconds * PATIENCE)

    def test_thirty(self):
        """Three that have the most below them are killed, twice."""
        self.grow_and_kill(30, 2, 12, relays=3)

    def test_ipv6(self):
        self.grow_and_kill(8, 1, 12, relays=2, victims=1, ipv6=True)

    @slow
    def test_hundred(self):
        """Ten join at once, ten times."""
        self.grow_and_kill(100, 5, 20, at_once=10, victims=5, relays=4)


class Circles(SwarmCase):
    def chain(self, n):
        """Each receives from the one before: its operator wants it so. They all know the tracker."""
        s = self.swarm(relays=2)
        above = s.tracker.address
        for _ in range(n):
            m = s.join()[0]
            s.wait_playing(new=2)
            m.node.get("/admin?cmd=bump&id=%s&ip=%s" % (s.cid, above))
            self.wait(lambda m=m, above=above: s.parents()[m.address] == above)
            above = m.address
        s.wait_playing(new=2)
        self.assertEqual(sorted(s.depths().values()), list(range(1, n + 1)))
        return s

    def test_circle(self):
        """The operator of the first of a chain sends it to the last. That is noticed, and they all go on."""
        s = self.chain(3)
        first, _, last = s.members
        first.node.get("/admin?cmd=bump&id=%s&ip=%s" % (s.cid, last.address))
        asked = r"relay %s:\d+: " % re.escape(first.node.host)
        last.node.wait_log(asked)
        s.wait_playing(30, new=20)
        self.all_in_tree(s)

    def test_source_is_away(self):
        """The tracker cannot be reached for a while. Those below wait, and nobody turns to his own children."""
        s = self.chain(3)
        first = s.members[0]
        self.net.sever(s.tracker.place, first.node.place)
        first.node.wait_log("connect: ")
        self.assertRaises(AssertionError, s.wait_playing, 3 / PATIENCE, 1)
        self.net.join(s.tracker.place, first.node.place)
        s.wait_playing(20)
        self.all_in_tree(s)
        for m in s.members:
            self.assertEqual((m.player.connects, m.player.missed, m.player.repeated), (1, 0, 0))

    @slow
    def test_circle_of_two(self):
        """Two who are told that the other has it: nobody has, and both viewers hear so."""
        a, b = self.tree_node(name="a"), self.tree_node(name="b")
        self.net.count(a.place)
        self.net.count(b.place)
        cid = new_id()
        views = []
        for node, other in ((a, b), (b, a)):
            views.append(self.closing(node.client()))
            views[-1].request("GET", "/stream/%s?tip=%s" % (cid, other.address))
        for v in views:
            self.assertIn(v.read_head(90), (404, 503, 504))
        for node in (a, b):
            node.wait_no_channel(cid=cid)
            self.assertLess(self.net.counted(node.place), 20)


class Limits(SwarmCase):
    def test_useless_relays_give_way(self):
        """Two that pass nothing on have the tracker's places; the third gets one, and all three play."""
        s = self.swarm(relays=2)
        s.join(2, ini={"maxBitrateOut": 1})
        s.wait_playing()
        s.join(1)
        s.wait_playing(20)
        self.all_in_tree(s)
        self.assertEqual(sorted(s.depths().values()), [1, 1, 2])
        self.assertEqual([m.player.missed for m in s.members], [0, 0, 0])

    def test_dry(self):
        """A relay whose source gives nothing takes nobody in, and names the tracker; until it flows again."""
        s = self.swarm(relays=2)
        relay = s.join()[0].node
        s.wait_playing(new=20)
        stranger = self.machine()

        def answer():
            """200, or whom a refusal names."""
            with stranger.inside(), Relay(relay, s.cid) as r:
                if r.status == 200:
                    return 200
                host = r.wait_atom("host")["ip"].ip
                self.assertEqual(r.wait_atom("quit").u32, 1003)
                return host
        self.assertEqual(answer(), 200)
        s.tracker.send_signal(signal.SIGSTOP)
        try:
            self.wait(lambda: answer() == s.tracker.host)
        finally:
            s.tracker.send_signal(signal.SIGCONT)
        self.wait(lambda: answer() == 200)

    def test_slow_link(self):
        """What one relay cannot take costs the others nothing."""
        s = self.swarm(relays=5)
        s.join(5)
        s.wait_playing()
        weak = s.members[0]
        weak.node.place.slow(down_kbps=40)
        end = time.monotonic() + 6      # its socket and its queue are full by then
        self.wait(lambda: time.monotonic() > end, 7)
        others = [m.player for m in s.members[1:]]
        for p in others:
            self.assertEqual((p.gaps, p.missed, p.repeated), ([], 0, 0))
            self.assertLess(p.quiet(time.monotonic()), GAP)
        weak.node.place.slow()
        s.wait_playing(20, new=50)

    @slow
    def test_cut_and_hung(self):
        """No word from those above: a cable is out, a process hangs."""
        s = self.swarm(relays=3)
        s.join(20)
        s.wait_playing(40)
        cut, hung = s.inner()[:2]
        for m in (cut, hung):
            s.audience.remove(m.player)
        self.net.cut(cut.node.place)
        hung.node.send_signal(signal.SIGSTOP)
        try:
            s.wait_playing(60)
        finally:
            hung.node.send_signal(signal.SIGCONT)
            self.net.mend(cut.node.place)


if __name__ == "__main__":
    unittest.main()
