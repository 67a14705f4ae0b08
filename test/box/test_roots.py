# SPDX-License-Identifier: GPL-2.0-or-later
"""Several roots in rootHost: a tracker is with one of them, and turns to the next when that one is gone."""
import contextlib
import signal
import threading

from harness import BoxCase, u32
from test_pcp import YellowPage


def listed(root, name):
    """Does that root list the channel, with a host that is still there?"""
    for line in root.http("GET", "/index.txt").text.splitlines():
        fields = line.split("<>")
        if fields[0] == name and fields[16] == "click":
            return True
    return False


class Roots(BoxCase):
    def pages(self, n):
        made = [YellowPage() for _ in range(n)]
        for yp in made:
            self.addCleanup(yp.close)
        return made

    def broadcaster(self, *roots, **ini):
        node = self.node(dict(ini, rootHost=" , ".join(r.address for r in roots), sourceGraceSec=0))
        self.push(node, name="mine")
        return node

    def test_killed(self):
        """Real roots: the channel moves to the second, and stays there when the first comes back."""
        a, b = self.root(), self.root()
        node = self.broadcaster(a, b)
        self.wait(lambda: listed(a, "mine"), 20)
        self.assertFalse(listed(b, "mine"))
        a.send_signal(signal.SIGKILL)
        a.proc.wait()
        self.wait(lambda: listed(b, "mine"), 20)
        node.wait_log(r"cout: connected to yellow page %s" % b.address)
        self.assertEqual([(p["name"], p["channels"][0]["status"]) for p in node.rpc("getYellowPages")],
                         [(a.address, "Idle"), (b.address, "Connected")])

    def test_order(self):
        """One that is not there, one that is full, one that takes us; in this order, without a wait."""
        gone, full, good, spare = self.pages(4)
        gone.close()
        node = self.broadcaster(gone, full, good, spare)
        c = self.closing(full.accept())
        node.wait_log(r"cannot connect to yellow page %s" % gone.address)
        c.send_atom(full.oleh())
        c.send_atom(u32("quit", 1003))
        c.expect_close()
        d = self.closing(good.welcome())
        self.assertIn("bcid", d.helo)
        self.assertEqual(d.read_atom(5)["chan"]["info"]["name"].text, "mine")
        # it is gone: the next one, not the first
        d.close()
        e = self.closing(spare.welcome())
        self.assertEqual(e.read_atom(5)["chan"]["info"]["name"].text, "mine")

    def test_distance(self):
        """A root that turns us away is left alone for its time although the other one does, too."""
        pages = self.pages(2)
        self.broadcaster(*pages)
        seen = []

        def serve(k):
            with contextlib.suppress(OSError):
                while True:
                    c = pages[k].accept(60)
                    seen.append(k)
                    c.send_atom(pages[k].oleh())
                    c.send_atom(u32("quit", 1003))
                    c.close()
        threads = [threading.Thread(target=serve, args=(k,), daemon=True) for k in range(2)]
        for t in threads:
            t.start()
        self.wait(lambda: len(seen) >= 2)
        self.assertEqual(seen[:2], [0, 1])
        with self.assertRaises(AssertionError):
            self.wait(lambda: len(seen) > 2, 2)
        for yp in pages:
            yp.close()

    def test_all_named_again(self):
        """The list changes: whoever is named in both is stayed with; else it is left."""
        one, two, three = self.pages(3)
        node = self.broadcaster(one, two)
        c = self.closing(one.welcome())
        c.read_atom(5)

        def change(old, new):
            with open(node.ini_path, encoding="utf-8") as f:
                ini = f.read()
            self.assertIn(old, ini)
            with open(node.ini_path, "w", encoding="utf-8") as f:
                f.write(ini.replace(old, new))
            node.send_signal(signal.SIGHUP)

        change("%s , %s" % (one.address, two.address), "%s,%s" % (three.address, one.address))
        node.wait_log("settings read again")
        change("%s,%s" % (three.address, one.address), three.address)
        while c.read_atom(10).name != "quit":
            pass
        c.expect_close()
        d = self.closing(three.welcome())
        self.assertEqual(d.read_atom(5)["chan"]["info"]["name"].text, "mine")

    def test_port_check(self):
        """The first that answers is asked about our port."""
        gone, good = self.pages(2)
        gone.close()
        node = self.node({"rootHost": "%s,%s" % (gone.address, good.address)})
        got = []
        t = threading.Thread(target=lambda: got.append(node.rpc("checkPorts")), daemon=True)
        t.start()
        c = self.closing(good.accept())
        self.assertEqual(c.helo["ping"].u16, node.port)
        c.send_atom(good.oleh(port=node.port))
        self.wait(lambda: node.rpc("getStatus")["isFirewalled"] is False)
        c.close()
        t.join(30)
        self.assertEqual(len(got), 1)

    def test_search(self):
        """A viewer's node finds a channel by the second root when the first does not answer."""
        gone = YellowPage()
        gone.close()
        root = self.root()
        tracker = self.tracker(root)
        push = self.push(tracker, name="mine")
        self.wait(lambda: listed(root, "mine"), 20)
        cid = tracker.find_channel("mine")["channelId"]
        viewer = self.node({"rootHost": "%s,%s" % (gone.address, root.address)})
        v = self.closing(viewer.view(cid))
        self.assertEqual(v.status, 200)
        self.assertTrue(v.read(1000))
        push.stop()
