# SPDX-License-Identifier: GPL-2.0-or-later
"""Channels begin, are bumped, edited, kept and stopped while hundreds of connections of every kind come and go, and the
well-behaved notice nothing."""
import itertools
import threading
import time
import unittest

import harness
from crowd import Crowd, resources
from harness import BoxCase, Push, slow, wait_until

GROWTH = 64 << 20       # more memory than that is no cache; sanitizers keep what was freed, and are not asked


class Stress(BoxCase):
    CROWD = 120
    DONE = 600          # connections that came and went

    def test_crowd(self):
        limits = {"maxRelays": 500, "maxDirect": 500, "maxControlConnections": 100, "maxPerAddress": 400, "sourceGraceSec": 0,
                  "maxServIn": 400}
        up = self.node()
        self.push(up, "far", interval=0.02)
        far = up.wait_channel("far")["channelId"]
        n = self.node(dict(limits, isRoot="Yes", chanLog="channels.xml", chanLogEvents="Yes"))
        self.push(n, "steady", interval=0.02)
        steady = n.wait_channel("steady")["channelId"]
        self.push(n, "second", interval=0.02)
        second = n.wait_channel("second")["channelId"]
        n.view(second).close()
        before = resources(n.pid)
        crowd = Crowd(n)
        crowd.mean = 1.0
        self.addCleanup(crowd.close)
        calm = [crowd.add(make(steady, check=True)) for make in (crowd.watcher, crowd.relay) for _ in range(5)]
        wait_until(lambda: all(m.last is not None for m in calm), 60, "the calm see the stream")
        crowd.churn(self.CROWD, lambda: crowd.anybody((steady, second, far, harness.new_id())))
        self.failures, self.rounds = [], 0
        over = threading.Event()
        self.addCleanup(over.set)
        hands = [threading.Thread(target=self.hand, args=(n, up, far, i, over), daemon=True) for i in range(3)]
        for h in hands:
            h.start()
        wait_until(lambda: crowd.finished >= self.DONE or n.proc.poll() is not None, self.DONE / 8, "a crowd that comes and goes")
        over.set()
        for h in hands:
            h.join(30 * harness.PATIENCE)
            self.assertFalse(h.is_alive(), "a request hangs")
        self.assertIsNone(n.proc.poll(), n.output())
        self.assertGreater(self.rounds, 0)
        wait_until(lambda: min(m.last or 0 for m in calm) > 20, 60, "the calm see the stream")
        self.assertEqual((self.failures, crowd.gaps, crowd.lost), ([], [], []))
        crowd.close()
        self.rest(n, before, far)
        n.stop()
        n.chanlog()

    def hand(self, n, up, far, i, over):
        """Somebody at the controls."""
        names = itertools.count()
        while not over.is_set():
            push = None
            try:
                name = "short %d %d" % (i, next(names))
                push = Push(n, name, interval=0.005)
                chan = n.wait_channel(name, seconds=20)
                n.rpc("setChannelInfo", [chan["channelId"], {"name": name, "desc": "<&>" * 20, "genre": "g"}, {"name": "t"}])
                n.rpc("bumpChannel", [chan["channelId"]])
                with n.view(far, "?tip=" + up.address) as v:
                    if v.status == 200:
                        v.read(1000)
                for path in ("cmd=bump&id=%s" % far, "cmd=keep&id=%s" % far, "cmd=viewxml", "cmd=stop&id=%s" % far):
                    n.get("/admin?" + path)
                n.rpc("stopChannel", [chan["channelId"]])
                self.rounds += 1
            except (harness.RpcError, EOFError, ConnectionError):
                pass                    # another hand was quicker, or there was no place in the crowd
            except OSError as e:
                if not over.is_set():
                    self.failures.append(repr(e))
                    return
            finally:
                if push is not None:
                    push.stop()
            time.sleep(0.01)

    def rest(self, n, before, far):
        """Everybody has gone: so have their threads, files and memory."""
        def back():
            n.get("/admin?cmd=stop&id=" + far)
            return all(now <= then + 2 for now, then in zip(resources(n.pid)[1:], before[1:]))
        try:
            wait_until(back, 70)
        except AssertionError:
            self.fail("threads and files %s do not come back to %s" % (resources(n.pid)[1:], before[1:]))
        if harness.PATIENCE == 1:
            self.assertLess(resources(n.pid)[0], before[0] + GROWTH)


@slow
class StressLong(Stress):
    CROWD = 300
    DONE = 8000


if __name__ == "__main__":
    unittest.main()
