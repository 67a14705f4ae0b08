# SPDX-License-Identifier: GPL-2.0-or-later
"""A contact URL that is not to lead a node into its own network, nor to itself."""
import urllib.parse

from net import NetCase


class Elsewhere(NetCase):
    def test_contact_urls(self):
        home = self.machine()
        asked = self.trusting(home)
        n = self.node(place=home)
        hosts = ["127.0.0.1:8080", "localhost:8080", "127.1:8080", "0x7f000001:8080", "%s:7144" % home.ip]
        for host in hosts:
            self.push(n, host, url="http://%s/board/" % host)
            n.wait_channel(host)
            with self.subTest(host):
                r = n.get("/cgi-bin/board.cgi?" + urllib.parse.urlencode({"fqdn": host, "category": "board"}))
                self.assertEqual((r.status, r.json()["message"]), (200, "it leads into our own network"))
        self.assertEqual(asked, [])
