# SPDX-License-Identifier: GPL-2.0-or-later
"""A yellow page elsewhere, that is not to lead a node into its own network."""
from harness import new_id, wait_until
from net import NetCase
from test_feeds import WAIT, Yp, feeds, line


class Elsewhere(NetCase):
    def test_lists_from_outside(self):
        """Redirects to where servers trust this machine are refused, as are tips to it; others are followed."""
        home, outside = self.machine(), self.machine()
        yp = Yp(outside)
        self.addCleanup(yp.close)
        asked = self.trusting(home)
        inner = new_id()
        yp.list("/good", line("good", tip="192.0.2.99:7144") + line("inner", inner, tip="127.0.0.1:8080"))
        yp.redirect("/moved", "/good")
        targets = ["http://127.0.0.1:8080/admin?cmd=shutdown", "http://localhost:8080/x", "http://[::1]:8080/x",
                   "http://127.1:8080/x", "http://0.0.0.0:8080/x", "http://10.0.0.1/x", "http://[::ffff:127.0.0.1]:8080/x",
                   # the machine's own address, from where its node takes commands
                   "http://%s:7144/admin?cmd=shutdown" % home.ip]
        for i, to in enumerate(targets):
            yp.redirect("/r%d" % i, to)
        n = self.node(place=home, blocks=feeds(yp.url("/moved"), *[yp.url("/r%d" % i) for i in range(len(targets))]))

        def log(index):
            r = n.get("/admin?cmd=chanfeedlog&index=%d" % index)
            return r.text if r.status == 200 else ""
        wait_until(lambda: "2 channels" in log(0), WAIT)
        for i, to in enumerate(targets):
            with self.subTest(to):
                wait_until(lambda i=i: "own network" in log(i + 1), WAIT, to)
        # the tip is shown, but nothing of ours is dialled on its word
        self.assertEqual({c["tracker"] for c in n.rpc("getYPChannels")}, {"192.0.2.99:7144", "127.0.0.1:8080"})
        n.view(inner).close()
        self.assertEqual(asked, [])
