# SPDX-License-Identifier: GPL-2.0-or-later
"""Players: /stream/<id> (http.md 3; media.md 4.4, 4.6, 5)."""
import socket
import threading
import unittest

from harness import BoxCase, flv_head, flv_stream, new_id, units


def long_read(client, mib):
    """In pieces: a reader that copies all it has for each new one falls behind by itself."""
    return b"".join(client.read(1 << 20, seconds=20) for _ in range(mib))


def fresh(data):
    """The units in data, checked to be without gap and to begin at a key frame."""
    seen = units(data)
    assert seen, "no unit in %d bytes" % len(data)
    assert seen == list(range(seen[0], seen[0] + len(seen))), "gap in %r" % seen
    assert seen[0] % 10 == 0, "starts at %d, not at a key frame" % seen[0]
    return seen


class Play(BoxCase):
    def setUp(self):
        self.n = self.node()
        self.push(self.n, "Name", genre="g", desc="説明", url="http://u/", bitrate=77)
        self.cid = self.n.wait_channel("Name")["channelId"]

    def test_exact_head(self):
        v = self.closing(self.n.view(self.cid))
        self.assertEqual(v.head.decode().split("\r\n")[:10], [
            "HTTP/1.0 200 OK", "Server: PeerCast/0.1218 (SV01)", "Accept-Ranges: none",
            "x-audiocast-name: Name", "x-audiocast-bitrate: 77", "x-audiocast-genre: g",
            "x-audiocast-description: 説明", "x-audiocast-url: http://u/",
            "x-peercast-channelid: " + self.cid, "Access-Control-Allow-Origin: *"])
        self.assertEqual(v.headers["content-type"], "video/x-flv")

    def test_starts_with_the_head_and_a_key_frame(self):
        v = self.closing(self.n.view(self.cid))
        data = v.read(30000)
        head = flv_head()
        self.assertEqual(data[:4], b"FLV\x01")
        self.assertIn(head[13:], data[:len(head) + 16])
        fresh(data)

    def test_ways_to_name_it(self):
        for path in (self.cid, self.cid.lower(), self.cid + ".flv", self.cid + ".xyz", "Name"):
            with self.subTest(path):
                c = self.closing(self.n.client())
                c.request("GET", "/stream/" + path)
                self.assertEqual(c.read_head(), 200)
                self.assertEqual(c.read(4), b"FLV\x01")

    def test_not_found(self):
        for path in (new_id(), "zz" * 16, "nobody", "", self.cid + "/x"):
            with self.subTest(path):
                c = self.closing(self.n.client())
                c.request("GET", "/stream/" + path)
                self.assertEqual(c.read_head(), 404)
                self.check_refusal(c, c.expect_close())

    def check_refusal(self, c, body):
        """A whole answer, which the script of a page elsewhere can read (http.md 1.3)."""
        self.assertEqual([c.headers.get(k) for k in ("server", "connection", "access-control-allow-origin", "content-type")],
                         ["PeerCast/0.1218 (SV01)", "close", "*", "text/plain; charset=utf-8"])
        self.assertIn("date", c.headers)
        self.assertEqual(int(c.headers["content-length"]), len(body))

    def test_head_method(self):
        """No viewer, and nothing is fetched for it."""
        for path, status in ((self.cid, 200), (new_id(), 404), (new_id() + "?tip=127.0.0.1:1", 503)):
            c = self.closing(self.n.client())
            c.request("HEAD", "/stream/" + path)
            self.assertEqual(c.read_head(), status)
            self.assertEqual(c.expect_close(), b"")
        self.assertEqual([c["channelId"] for c in self.n.channels()], [self.cid])
        self.assertEqual(self.n.find_channel("Name")["status"]["totalDirects"], 0)

    def test_only_heard_of(self):
        """One that others have, and this node is not to fetch: 503."""
        root, cid = self.root(), new_id()
        self.control(root).announce(cid, name="x")
        self.wait(lambda: cid in root.get("/admin?cmd=viewxml").text)
        for kind in ("/stream/", "/pls/"):
            for path, status in ((cid, 503), (new_id(), 404)):
                self.assertEqual(root.http("HEAD", kind + path).status, status)
        self.assertEqual(root.channels(), [])

    def test_from_the_newest(self):
        """startPlayingFromKeyFrame off: what comes now, whether or not it can be played."""
        node = self.node(blocks="[Flags]\nstartPlayingFromKeyFrame = No\n[End]\n")
        push = self.push(node, source=flv_stream(key_every=1 << 30), interval=0.002)
        cid = node.wait_channel("test")["channelId"]
        self.wait(lambda: push.sent > 100000)
        v = self.closing(node.view(cid))
        self.assertGreater(units(v.read(6000))[0], 20)

    def test_bare_lf_request(self):
        c = self.closing(self.n.client())
        c.send(b"GET /stream/%s HTTP/1.0\n\n" % self.cid.encode())
        self.assertEqual(c.read_head(), 200)

    def test_connection_is_shown(self):
        v = self.closing(self.n.view(self.cid, headers={"User-Agent": "mpv 0.35"}))
        v.read(1000)
        mine = [c for c in self.n.rpc("getChannelConnections", [self.cid]) if c["type"] == "direct"]
        self.assertEqual([c["agentName"] for c in mine], ["mpv 0.35"])
        self.assertEqual(self.n.find_channel("Name")["status"]["localDirects"], 1)
        v.close()
        self.wait(lambda: self.n.find_channel("Name")["status"]["localDirects"] == 0)

    def test_unknown_id_with_a_dead_tip(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        c = self.closing(self.n.client())
        c.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (new_id(), port))
        self.assertEqual(c.read_head(), 503)
        self.n.wait_log("fetch 127.0.0.1:%d: connect" % port)
        self.wait(lambda: "channelNotFound" in [n["class"] for n in self.n.rpc("getNotifications")])

    def test_without_a_key_frame(self):
        """Who switches that off gets what comes next, wherever the last key frame was."""
        self.push(self.n, "rare", source=flv_stream(key_every=1000000))
        cid = self.n.wait_channel("rare")["channelId"]
        for switch, starts in (("Yes", [0]), ("No", range(1, 1000000))):
            self.assertEqual(self.n.get("/cmd?q=flag+set+startPlayingFromKeyFrame+" + switch).body, b"")
            with self.n.view(cid) as v:
                self.assertIn(units(v.read(5000))[0], starts)


class Limits(BoxCase):
    def test_max_direct(self):
        """127.0.0.1 is private by a filter and exempt; 127.0.0.2 is a stranger here."""
        node = self.node({"trustLocalhost": "No", "maxDirect": 1}, blocks=(
            "[Filter]\nip = 127.0.0.1\nprivate = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n"
            "[Filter]\nip = 127.0.0.2\nnetwork = Yes\ndirect = Yes\n[End]\n"))
        self.push(node)
        cid = node.wait_log(r'channel "test" ([0-9A-F]{32}): broadcast').group(1)

        def stranger():
            c = self.closing(node.client(source="127.0.0.2"))
            c.request("GET", "/stream/" + cid)
            return c.read_head()
        self.assertEqual(self.closing(node.view(cid)).status, 200)
        self.assertEqual(self.closing(node.view(cid)).status, 200)
        self.assertEqual([stranger(), stranger()], [200, 503])
        node.wait_log("refused: direct limit")

    def test_zero_means_none(self):
        node = self.node({"maxDirect": 0})
        self.push(node)
        self.assertEqual(self.closing(node.view(node.wait_channel("test")["channelId"])).status, 200)

    def test_port_does_not_allow_it(self):
        node = self.node({"trustLocalhost": "No"}, blocks="[Server1]\nallowDirect = No\n[End]\n")
        self.assertEqual(self.closing(node.view(new_id())).status, 503)


class Fan(BoxCase):
    """Many readers at once: everybody gets every unit, whoever holds the write right."""

    def test_hundred_viewers_without_a_gap(self):
        node = self.node()
        self.push(node, interval=0.01, source=flv_stream(size=3000))
        cid = node.wait_channel("test")["channelId"]
        bad = []

        def watch():
            try:
                with node.view(cid) as v:
                    fresh(v.read(400000, seconds=20))
            except Exception as e:  # pylint: disable=broad-except
                bad.append(e)
        threads = [threading.Thread(target=watch) for _ in range(100)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(bad, [])
        self.wait(lambda: node.find_channel("test")["status"]["localDirects"] == 0)

    def test_slow_reader_costs_only_itself(self):
        """It falls off the ring alone, goes on at a key frame, and the others see nothing of it."""
        node = self.node()
        self.push(node, interval=0.01, source=flv_stream(size=15000))
        cid = node.wait_channel("test")["channelId"]
        slow = self.closing(node.client())
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200000)
        slow.request("GET", "/stream/" + cid)
        slow.read_head()
        slow.read(50000)
        with node.view(cid) as good:
            fresh(long_read(good, 24))
        seen = units(long_read(slow, 12))
        gaps = [(a, b) for a, b in zip(seen, seen[1:]) if b != a + 1]
        self.assertTrue(gaps, "the slow reader was never left behind")
        self.assertTrue(all(b % 10 == 0 for _, b in gaps), "goes on in the middle: %r" % gaps)


if __name__ == "__main__":
    unittest.main()
