# SPDX-License-Identifier: GPL-2.0-or-later
"""Swarms of virtual nodes (test/swarm): what must hold of any tree that the node's own decisions grow, whatever the
chance. Every run is made anew from its seed, so a failure here comes again."""
import json
import os
import subprocess
import tempfile
import unittest

SEEDS = 1, 2, 3
SWARM = os.environ.get("PEERCAST_SWARM")


@unittest.skipUnless(SWARM, "not built here (sanitizers do not know its fibers)")
class Virtual(unittest.TestCase):
    def swarm(self, **plan):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "swarm.json")
            r = subprocess.run([SWARM, "JSON=" + path, *("%s=%d" % p for p in plan.items())], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
            self.assertEqual(r.returncode, 0, r.stdout.decode()[-2000:])
            with open(path, encoding="utf-8") as f:
                return json.load(f)

    def test_crowd(self):
        """A hundred a second join, and everybody has three places: all are served, soon, in a tree that is not deep,
        and nobody has to knock at many doors."""
        for seed in SEEDS:
            with self.subTest(seed=seed):
                s = self.swarm(SEED=seed, N=200, JOIN=100, UPLOAD=3000, SHUT=0, KILLS=0, SESSION=0, SECONDS=20)
                self.assertEqual((s["served"], s["never"], s["ends"], s["loops"]), (200, 0, 0, 0))
                self.assertLessEqual(s["depth_max"], 7)         # 4 would do
                self.assertLessEqual(s["dials_join"], 3.5)
                self.assertLessEqual(s["join_s"]["p90"], 2)
                self.assertLessEqual(s["join_s"]["max"], 6)
                self.assertLessEqual(s["breaks_s"]["n"], 2)

    def test_mixed_lines(self):
        """Lines as they are: half of them can serve one at most, a quarter is behind firewalls."""
        for seed in SEEDS:
            with self.subTest(seed=seed):
                s = self.swarm(SEED=seed, N=150, JOIN=5, SHUT=25, KILLS=0, SESSION=0, SECONDS=60)
                self.assertEqual((s["served"], s["never"], s["loops"]), (150, 0, 0))
                self.assertLessEqual(s["depth_max"], 12)

    def test_deaths(self):
        """Nodes in the middle of the tree die, others leave, others come: those below them go on, without a storm."""
        for seed in SEEDS:
            with self.subTest(seed=seed):
                s = self.swarm(SEED=seed, N=200, JOIN=50, KILLS=60, SESSION=300, MUTE=0, SECONDS=60)
                self.assertGreater(s["orphans"], 10)
                self.assertEqual((s["ends"], s["loops"]), (0, 0))
                self.assertGreaterEqual(s["served"], 198)       # somebody has just come
                self.assertLessEqual(s["dials_orphan"], 20)     # those of newcomers included
                self.assertLessEqual(s["breaks_s"]["max"], 10)
                self.assertLessEqual(s["broken_share"], 1)
                self.assertLessEqual(s["peak_accepted"], 100)

    def test_vanished(self):
        """Machines vanish without a word. Who hung on one notices; all those below him starve as well, but do not
        run to the tracker, as their own upstream is there."""
        for seed in SEEDS:
            with self.subTest(seed=seed):
                s = self.swarm(SEED=seed, N=200, JOIN=50, KILLS=60, SESSION=0, MUTE=100, SECONDS=120)
                self.assertGreater(s["orphans"], 20)
                self.assertEqual((s["ends"], s["loops"]), (0, 0))
                self.assertLessEqual(s["breaks_s"]["p50"], 22)
                self.assertLessEqual(s["breaks_s"]["p90"], 27)  # some hung on two of them

    def test_the_same_again(self):
        a, b = (self.swarm(N=60, SECONDS=30, KILLS=100) for _ in range(2))
        for s in a, b:
            for key in ("cpu_s", "mib", "tracker_cpu", "root_cpu"):
                del s[key]
        self.assertEqual(a, b)


if __name__ == "__main__":
    unittest.main()
