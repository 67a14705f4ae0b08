# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP push: what encoders do, and what must never become a channel (media.md 2.1, 2.2, 9.1)."""
import itertools
import subprocess
import unittest

import harness
from harness import BoxCase, Client, flv_head, flv_stream, flv_unit, push_target, sample_bytes, units
from net import NetCase


def tags(data):
    """(type, time, body) of the tags of an FLV file."""
    at, out = 13, []
    while at + 11 <= len(data):
        n = int.from_bytes(data[at + 1:at + 4], "big")
        stamp = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        if at + 15 + n > len(data):
            break
        out.append((data[at], stamp, data[at + 11:at + 11 + n]))
        at += 15 + n
    return out


def read_on(viewer, data, count=10):
    """Read until so many units of another encoder are there, which counts from 0."""
    while True:
        again = [i for i, n in enumerate(units(data)) if i > 0 and n == 0]
        if again and len(units(data)) >= again[0] + count:
            return data
        data += viewer.read(2000, 20)


def pieces(data, size=4096):
    for at in range(0, len(data), size):
        yield data[at:at + size]


class Listed(BoxCase):
    def setUp(self):
        self.n = self.node()

    def test_chunked_flv(self):
        self.push(self.n, "テスト A&B", genre="g", desc="d", url="http://e.com/?a=1&b=2", comment="c<")
        chan = self.n.wait_channel("テスト A&B")
        info = chan["info"]
        self.assertEqual([info[k] for k in ("genre", "desc", "url", "comment", "contentType")],
                         ["g", "d", "http://e.com/?a=1&b=2", "c<", "FLV"])
        self.assertTrue(chan["status"]["isBroadcasting"])

    def test_identity_body(self):
        self.push(self.n, "plain", chunked=False)
        self.n.wait_channel("plain")

    def test_no_header_at_all(self):
        c = self.closing(self.n.client())
        c.send(("POST %s HTTP/1.0\n\n" % push_target("bare")).encode() + b"".join(itertools.islice(flv_stream(), 20)))
        self.n.wait_channel("bare")

    def test_length(self):
        """It ends the body of an encoder that keeps to it, and of nobody else."""
        self.push(self.n, "goes on", chunked=False, headers={"Content-Length": 5000})
        with self.n.view(self.n.wait_channel("goes on")["channelId"]) as v:
            v.read(30000)
        body = b"".join(itertools.islice(flv_stream(), 20))
        c = self.closing(self.n.client())
        c.request("POST", push_target("whole"), {"Content-Length": len(body)}, body)
        self.assertEqual(c.read_head(), 200)

    def test_transfer_encoding_in_any_case(self):
        self.push(self.n, "caps", chunked=True, headers={"Transfer-Encoding": "Chunked"})
        self.n.wait_channel("caps")

    def test_type_from_content_type(self):
        self.push(self.n, "mime", kind=None, headers={"Content-Type": "Video/X-FLV; charset=x"})
        self.assertEqual(self.n.wait_channel("mime")["info"]["contentType"], "FLV")

    def test_type_from_the_bytes(self):
        self.push(self.n, "sniffed", kind="MKV")
        self.assertEqual(self.n.wait_channel("sniffed")["info"]["contentType"], "FLV")

    def test_expect_continue(self):
        c = self.closing(self.n.client())
        c.request("POST", push_target("expect"), {"Expect": "100-continue",
                                                  "Transfer-Encoding": "chunked"}, version="HTTP/1.1")
        self.assertEqual(c.read_head(), 100)

    def test_unknown_type_passes_as_raw(self):
        self.push(self.n, "odd", kind="XYZ", source=(b"%08d" % i * 256 for i in itertools.count()))
        chan = self.n.wait_channel("odd")
        self.assertIn(chan["info"]["contentType"], ("UNKNOWN", "RAW"))
        with self.n.view(chan["channelId"]) as v:
            self.assertEqual(v.status, 200)
            self.assertEqual(v.headers["content-type"], "application/octet-stream")
            self.assertRegex(v.read(4096), rb"\d{8}")

    def test_broadcast_msg_is_the_comment(self):
        node = self.node({"broadcastMsg": "hello & all"})
        self.push(node, "msg")
        self.assertEqual(node.wait_channel("msg")["info"]["comment"], "hello & all")

    def test_ipv6(self):
        self.push(self.n, "four")
        self.push(self.n, "six", ipv=6)
        self.assertEqual([self.n.wait_channel(n)["status"]["network"] for n in ("four", "six")], ["ipv4", "ipv6"])

    def test_derived_id(self):
        node = self.node({"broadcastID": "00F03A8BB64668733DD2BA07AE60A5C0"},
                         blocks="[Flags]\nrandomizeBroadcastingChannelID = No\n[End]\n")
        self.push(node, "same", genre="g", bitrate=500)
        first = node.wait_channel("same")
        self.assertEqual(first["info"]["bitrate"], 500)
        node2 = self.node({"broadcastID": "00F03A8BB64668733DD2BA07AE60A5C0"},
                          blocks="[Flags]\nrandomizeBroadcastingChannelID = No\n[End]\n")
        self.push(node2, "same", genre="g", bitrate=500)
        self.assertEqual(node2.wait_channel("same")["channelId"], first["channelId"])


class Real(BoxCase):
    """Real encoders' output, through the node, into a real reader."""

    def check(self, kind, video, audio, ctype):
        node = self.node()
        self.ffmpeg(node, "real", kind)
        chan = node.wait_channel("real")
        self.assertEqual(chan["info"]["contentType"], ctype)
        found = harness.ffprobe("http://127.0.0.1:%d/stream/%s" % (node.port, chan["channelId"]))
        self.assertEqual(found, {"video": video, "audio": audio})

    def test_flv(self):
        self.check("flv", "h264", "aac", "FLV")

    def test_mkv(self):
        self.check("mkv", "h264", "aac", "MKV")

    def test_webm(self):
        self.check("webm", "vp8", "opus", "WEBM")

    def test_player_plays_on(self):
        """A real one at a relay, when the encoder leaves and another one comes: it gets more frames than the first ever
        sent. With FLV their times go on without a leap."""
        node, relay = self.node({"sourceGraceSec": 60}), self.node(name="relay")
        for kind in ("flv", "mkv"):
            with self.subTest(kind):
                first = self.push(node, kind, kind=kind.upper(), source=pieces(sample_bytes(kind)), interval=0.1)
                cid = node.wait_channel(kind)["channelId"]
                since = node.out.count()
                player = subprocess.Popen(
                    ["ffmpeg", "-v", "error", "-copyts", "-i", "http://%s/stream/%s?tip=%s" % (relay.address, cid, node.address),
                     "-map", "0:v", "-frames:v", "80", "-f", "null", "-",
                     "-map", "0", "-c", "copy", "-frames:v", "80", "-f", "framecrc", "-"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.addCleanup(player.wait)
                self.addCleanup(player.kill)
                relay.wait_log('direct .*: plays "%s"' % kind)
                first.stop()
                node.wait_log('"%s": the encoder has left' % kind, since=since)
                self.push(node, kind, kind=kind.upper(), interval=0.05,
                          source=itertools.cycle(list(pieces(sample_bytes(kind)))))
                crcs, said = player.communicate(timeout=40 * harness.PATIENCE)
                self.assertEqual(player.returncode, 0)
                if kind == "flv":
                    self.assertEqual(said, b"")
                    self.steady(crcs.decode())

    def steady(self, crcs):
        """framecrc lines: the times of each stream rise, and never by more than the pause between two of its frames."""
        last, unit = {}, {}
        for line in crcs.splitlines():
            if line.startswith("#tb"):
                stream, base = line[4:].split(":")
                unit[int(stream)] = int(base.split("/")[1])
            elif not line.startswith("#"):
                stream, dts = [int(x) for x in line.split(",")[:2]]
                step = (dts - last.get(stream, dts - 1)) / unit[stream]
                self.assertTrue(0 < step < 0.3, line)
                last[stream] = dts
        self.assertEqual(len(last), 2)

    def test_curl(self):
        node = self.node({"sourceGraceSec": 0})
        proc = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-T", "-",
             "-H", "Content-Type: video/x-flv", "--limit-rate", "200k",
             "http://127.0.0.1:%d/?name=curl" % node.port],
            input=sample_bytes("flv"), stdout=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual((proc.returncode, proc.stdout), (0, b"200"))
        node.wait_no_channel("curl")


class Refused(BoxCase):
    """A clear answer, a clear log line, and no channel."""

    def setUp(self):
        self.n = self.node()

    def refused(self, status, target, body=b"", headers=None, log=None):
        c = self.closing(self.n.client())
        c.request("POST", target, headers or {"Content-Length": len(body)}, version="HTTP/1.1")
        try:
            c.send(body)
        except OSError:
            pass                # it may be answered before all of it was sent
        self.assertEqual(c.read_head(), status)
        c.expect_close()
        if log:
            self.n.wait_log(log)
        self.assertEqual(self.n.channels(), [])

    def test_no_name(self):
        self.refused(400, "/?genre=g&type=FLV", flv_head())

    def test_garbage_for_flv(self):
        self.refused(415, push_target("bad"), b"this is not flv " * 8192, log="push .*FLV")

    def test_garbage_for_mkv(self):
        self.refused(415, push_target("bad", "MKV"), b"\0" * 131072, log="push .*declared MKV")

    def test_head_only(self):
        self.refused(415, push_target("bad"), b"FLV\x01\x05\0\0\0\x09\0\0\0\0")

    def test_empty(self):
        c = self.closing(self.n.client())
        c.request("POST", push_target("bad"), {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n", "HTTP/1.1")
        self.assertEqual(c.read_head(), 415)

    def test_chunk_size_not_hex(self):
        self.refused(415, push_target("bad"), b"zz\r\nabc", {"Transfer-Encoding": "chunked"}, "chunk")

    def test_chunk_size_of_64_bits(self):
        self.refused(415, push_target("bad"), b"8000000000000000\r\nabc",
                     {"Transfer-Encoding": "chunked"}, "chunk")

    def test_huge_tag(self):
        flv = flv_head() + flv_unit(0, key=True) + b"\x09\xff\xff\xff" + bytes(200000)
        self.push(self.n, "huge", source=pieces(flv), interval=0)
        self.n.wait_log("push .*16777215")

    def test_other_methods(self):
        for method in ("PUT", "DELETE"):
            c = self.closing(self.n.client())
            c.request(method, push_target("x"), {"Content-Length": 0})
            self.assertIn(c.read_head(), (400, 404, 405))

    def test_not_from_strangers(self):
        self.n = self.node({"trustLocalhost": "No"})
        c = self.closing(self.n.client())
        c.request("POST", push_target("x"), {"Content-Length": 4}, b"FLV\1")
        self.assertEqual(c.read_head(), 403)

    def test_not_when_the_port_does_not_allow_it(self):
        self.n = self.node(blocks="[Server1]\nallowBroadcast = No\n[End]\n")
        c = self.closing(self.n.client())
        c.request("POST", push_target("x"), {"Content-Length": 4}, b"FLV\1")
        self.assertEqual(c.read_head(), 403)

    def test_channel_limit(self):
        node = self.node({"maxChannels": 1})
        self.push(node, "one")
        node.wait_channel("one")
        second = self.push(node, "two")
        self.assertEqual(second.client.read_head(), 503)
        self.assertEqual([c["info"]["name"] for c in node.channels()], ["one"])


class Life(BoxCase):
    def test_stop_channel(self):
        node = self.node()
        push = self.push(node, "s")
        chan = node.wait_channel("s")
        self.assertIsNone(node.rpc("stopChannel", [chan["channelId"]]))
        node.wait_no_channel("s")
        push.client.expect_close()

    def test_channel_ends_with_its_encoder(self):
        node = self.node({"sourceGraceSec": 0})
        push = self.push(node, "s")
        chan = node.wait_channel("s")
        viewer = self.closing(node.view(chan["channelId"]))
        push.stop()
        node.wait_no_channel("s")
        viewer.expect_close()

    def test_next_encoder_goes_on(self):
        """Within the grace the channel, its id and its viewers stay. An encoder set up as the one before needs no
        new head: times go on, here and at a relay."""
        node, relay = self.node({"sourceGraceSec": 60}), self.node(name="relay")
        first = self.push(node, "s", interval=0.01)
        cid = node.wait_channel("s")["channelId"]
        viewers = [self.closing(node.view(cid)), self.closing(relay.view(cid, "?tip=" + node.address))]
        data = [v.read(20000) for v in viewers]
        first.stop()
        node.wait_log("the encoder has left")
        self.push(node, "s", interval=0.01)
        node.wait_log("taken over")
        for v, got in zip(viewers, data):
            got = read_on(v, got)
            self.assertEqual([got.count(b"FLV\x01"), got.count(b"onMetaData")], [1, 1])
            seen = units(got)
            again = seen.index(0, 1)
            self.assertEqual(seen, [*range(seen[0], seen[0] + again), *range(len(seen) - again)])
            stamps = [s for kind, s, _ in tags(got) if kind == 9][1:]
            self.assertEqual(stamps, list(range(stamps[0], stamps[0] + 40 * len(stamps), 40)))

    def test_next_encoder_takes_over(self):
        """One that is set up otherwise has a head of its own, which comes inline, without what only a file
        begins with: players would stumble over it."""
        node = self.node({"sourceGraceSec": 30})
        first = self.push(node, "s", interval=0.01)
        chan = node.wait_channel("s")
        viewer = self.closing(node.view(chan["channelId"]))
        viewer.read(20000)
        first.stop()
        node.wait_log("the encoder has left")
        other = flv_head().replace(b"\xaf\0\x12\x10", b"\xaf\0\x11\x90")      # 48 kHz
        self.push(node, "s", interval=0.01, source=itertools.chain([other], itertools.islice(flv_stream(1500), 1, None)))
        node.wait_log("taken over")
        self.assertNotIn(b"FLV\x01", viewer.read_until(b"onMetaData", seconds=10))
        data = viewer.read(30000)
        seen = units(data)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        self.assertEqual(seen[0] % 10, 0)
        self.assertEqual([c["channelId"] for c in node.channels()], [chan["channelId"]])

    def test_edited_texts_outlive_their_encoder(self):
        """What the next encoder says like the one before may have been edited since, and stays."""
        node = self.node({"sourceGraceSec": 60})
        first = self.push(node, "s", genre="g1", desc="d1", comment="c1")
        cid = node.wait_channel("s")["channelId"]
        node.rpc("setChannelInfo", [cid, {"name": "New", "desc": "mine", "comment": "mine"},
                                    {"name": "Song", "creator": "Me"}])
        first.stop()
        node.wait_log("the encoder has left")
        self.push(node, "s", genre="g2", desc="d1", comment="c2", url="http://u/")
        node.wait_log("taken over")
        self.wait(lambda: node.find_channel(cid=cid)["info"]["genre"] == "g2")
        chan = node.find_channel(cid=cid)
        self.assertEqual([chan["info"][k] for k in ("name", "genre", "desc", "comment", "url")],
                         ["New", "g2", "mine", "c2", "http://u/"])
        self.assertEqual([chan["track"][k] for k in ("name", "creator")], ["Song", "Me"])

    def test_not_from_a_page_of_another_site(self):
        node = self.node()
        for header in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                       # its name leads here
                       {"Origin": "http://evil.example", "Host": "evil.example"}):
            c = self.closing(node.client())
            c.request("POST", push_target("x"), {"Content-Length": 4, "Host": "127.0.0.1", **header},
                      b"FLV\1", "HTTP/1.1")
            self.assertEqual(c.read_head(), 403)

    def test_overlapping_push_takes_over(self):
        node = self.node()
        first = self.push(node, "s")
        chan = node.wait_channel("s")
        self.push(node, "s")
        first.client.expect_close()
        node.wait_log("taken over")
        self.assertEqual([c["channelId"] for c in node.channels()], [chan["channelId"]])

    def test_pushes_race_for_one_name(self):
        """However they overlap: one channel, one encoder that stays, and its viewers get its stream."""
        node = self.node()
        pushes = [self.push(node, "s", interval=0.05) for _ in range(6)]
        node.wait_channel("s")
        self.wait(lambda: sum(p.is_alive() for p in pushes) == 1, 30, "one encoder stays")
        self.wait(lambda: len(node.channels()) == 1, 30, "one channel")
        with node.view(node.wait_channel("s")["channelId"]) as v:
            self.assertTrue(units(v.read(20000, 30)))

    def test_bad_push_does_not_disturb_a_running_one(self):
        node = self.node()
        good = self.push(node, "s")
        chan = node.wait_channel("s")
        c = self.closing(node.client())
        c.request("POST", push_target("s"), {"Content-Length": 70000}, b"x" * 70000)
        self.assertEqual(c.read_head(), 415)
        with node.view(chan["channelId"]) as v:
            self.assertTrue(units(v.read(20000)))
        self.assertIsNone(good.error)

    def test_new_header_in_mid_stream(self):
        """An encoder that restarts within one body: viewers get the new head before further data."""
        def stream():
            yield flv_head(100)
            for i in range(60):
                yield flv_unit(i, key=i % 10 == 0)
            yield flv_head(200)
            i = 0
            while True:
                yield flv_unit(1000 + i, key=i % 10 == 0)
                i += 1
        node = self.node()
        self.push(node, "s", source=stream())
        chan = node.wait_channel("s")
        with node.view(chan["channelId"]) as v:
            v.read_until(b"onMetaData")
            data = v.read_until(b"onMetaData", seconds=10)
            self.assertNotIn(b"FLV\x01", data)     # only a file begins like that
            self.assertTrue(all(u < 1000 for u in units(data)))
            self.assertTrue(all(u >= 1000 for u in units(v.read(20000))))


class Elsewhere(NetCase):
    def test_each_takes_over_its_own(self):
        """A running channel is its encoder's: who may push too, from another address, does not get it. This machine does."""
        mine, other = self.machine(), self.machine()
        node = self.node(blocks="".join("[Filter]\nip = %s\nprivate = Yes\n[End]\n" % m.ip for m in (mine, other)))

        def push(place):
            with place.inside():
                c = self.closing(Client(node.port, node.host if place is not node.place else "127.0.0.1"))
            c.request("POST", push_target("s"), {"Content-Length": 99999999}, version="HTTP/1.1")
            c.send(flv_head() + b"".join(flv_unit(i, key=i == 0) for i in range(3)))
            return c
        first = push(mine)
        cid = node.wait_channel("s")["channelId"]
        self.assertEqual(push(other).read_head(), 403)
        node.wait_log("push %s:.*another encoder's" % other.ip)
        again = push(mine)
        self.assertEqual(first.read_head(), 503)
        node.wait_log("taken over by %s" % mine.ip)     # two that want it at once get it in any order
        push(node.place)
        self.assertEqual(again.read_head(), 503)
        self.assertEqual([c["channelId"] for c in node.channels()], [cid])


if __name__ == "__main__":
    unittest.main()
