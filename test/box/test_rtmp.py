# SPDX-License-Identifier: GPL-2.0-or-later
"""RTMP input: encoders right and wrong, keys, several at once, the next after the last (media.md 2.5, 9.1)."""
import json
import socket
import struct
import subprocess
import time
import unittest

import harness
import rtmp
from harness import AVC_HEAD, PATIENCE, WAIT, BoxCase, free_port, sample, sample_bytes, units
from rtmp import Encoder, Flow, Refused, amf, chunks
from test_media import Capture, decode
from test_push import read_on, tags


class RtmpCase(BoxCase):
    def rtmp_node(self, ini=None, **kw):
        port = free_port()
        keys = {"rtmpServer": "Yes", "rtmpPort": port}
        keys.update(ini or {})
        node = self.node(keys, **kw)
        node.rtmp = port
        node.wait_log("rtmp: listening")
        return node

    def encoder(self, node, **kw):
        return self.closing(Encoder(node.rtmp, **kw))

    def flow(self, node, name, digest=False, app="live", source=None, connect=None, **kw):
        flow = Flow(self.encoder(node, digest=digest, app=app, source=source, **(connect or {})).publish(name), **kw)
        self.addCleanup(flow.stop)
        return flow

    def ffmpeg_rtmp(self, node, path, kind="flv", once=True):
        proc = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-re", *([] if once else ["-stream_loop", "-1"]), "-i", sample(kind),
             "-c", "copy", "-f", "flv", "rtmp://127.0.0.1:%d/%s" % (node.rtmp, path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.stderr.close)
        self.addCleanup(proc.kill)
        return proc


class Published(RtmpCase):
    def test_fields_of_the_address(self):
        node = self.rtmp_node()
        self.flow(node, "k1?name=%E3%83%86+A%26B&genre=g&desc=d&url=http%3A%2F%2Fe.com%2F&comment=c%3C&bitrate=700")
        info = node.wait_channel("テ A&B")["info"]
        self.assertEqual([info[k] for k in ("genre", "desc", "url", "comment", "contentType", "bitrate")],
                         ["g", "d", "http://e.com/", "c<", "FLV", 700])

    def test_fields_in_the_application(self):
        node = self.rtmp_node()
        self.flow(node, "k", app="live?name=In+the+app&genre=g")
        self.assertEqual(node.wait_channel("In the app")["info"]["genre"], "g")

    def test_key_is_the_name(self):
        node = self.rtmp_node()
        self.flow(node, "my%20stream")
        chan = node.wait_channel("my stream")
        self.assertEqual(chan["info"]["bitrate"], 564)
        with node.view(chan["channelId"]) as v:
            self.assertTrue(v.read_until(b"FLV\x01\x05"))
            seen = units(v.read(30000))
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        self.assertEqual(seen[0] % 10, 0)

    def test_not_before_media(self):
        """Neither a connection nor a publish makes a channel; the first frame does."""
        node = self.rtmp_node()
        e = self.encoder(node).publish("p")
        self.assertEqual(node.channels(), [])
        e.configs()
        e.command("_checkbw", 9, None)
        e.answer("_result")             # so what was sent before has been read
        self.assertEqual(node.channels(), [])
        for i in range(3):
            e.unit(i)
        node.wait_channel("p")

    def test_announced(self):
        root = self.root()
        node = self.rtmp_node({"rootHost": root.address})
        self.flow(node, "told?genre=g")
        node.wait_channel("told")
        self.wait(lambda: [c for u in root.chanlog() for c in u.iter("channel") if c.get("name") == "told"],
                  what="the root's channel log")

    def test_without_metadata(self):
        node = self.rtmp_node()
        e = self.encoder(node).publish("bare")
        e.video(0, AVC_HEAD)
        for i in range(20):
            e.unit(i)
        cid = node.wait_channel("bare")["channelId"]
        with node.view(cid) as v:
            self.assertEqual([t[0] for t in tags(v.read(3000))][:2], [9, 9])

    def test_metadata_again(self):
        """Another rate is told; another picture size is another stream, for viewers a new head."""
        node = self.rtmp_node()
        flow = self.flow(node, "m")
        cid = node.wait_channel("m")["channelId"]
        viewer = self.closing(node.view(cid))
        viewer.read_until(b"FLV\x01")
        flow.pause()
        e = flow.encoder
        e.metadata(videodatarate=900.0, audiodatarate=100.0)
        self.wait(lambda: node.find_channel("m")["info"]["bitrate"] == 1000, what="the new rate")
        e.metadata(videodatarate=900.0, audiodatarate=100.0, width=640.0, height=360.0)
        e.unit(flow.index // 10 * 10 + 10)
        e.metadata(videodatarate=900.0, audiodatarate=100.0, width=320.0, height=180.0)
        e.unit(flow.index // 10 * 10 + 20)
        last = flow.index // 10 * 10 + 20
        data = viewer.read_until(b"UNIT" + struct.pack(">I", last), seconds=20)
        self.assertIn(last - 10, units(data))
        for width in (640.0, 320.0):
            self.assertIn(struct.pack(">d", width), data)

    def test_digest_handshake(self):
        node = self.rtmp_node()
        self.flow(node, "d", digest=True)
        node.wait_channel("d")

    def test_source_of_the_channel(self):
        node = self.rtmp_node()
        self.flow(node, "s")
        cid = node.wait_channel("s")["channelId"]
        found = [c for c in node.rpc("getChannelConnections", [cid]) if c["type"] == "source"]
        self.assertEqual([c["protocolName"] for c in found], ["RTMP"])

    def test_two_at_once(self):
        node = self.rtmp_node({"rtmpKey": "first, second"})
        self.flow(node, "first?name=One")
        self.flow(node, "second?name=Two", size=1500)
        ids = [node.wait_channel(n)["channelId"] for n in ("One", "Two")]
        for cid in ids:
            with node.view(cid) as v:
                v.read_until(b"FLV\x01")
                seen = units(v.read(30000))
                self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))

    def test_end_in_order(self):
        node = self.rtmp_node({"sourceGraceSec": 0})
        flow = self.flow(node, "e")
        chan = node.wait_channel("e")
        viewer = self.closing(node.view(chan["channelId"]))
        flow.pause()
        flow.encoder.unpublish()
        self.assertEqual(flow.encoder.answer("onStatus")[3]["code"], "NetStream.Unpublish.Success")
        node.wait_no_channel("e")
        viewer.expect_close()
        flow.encoder.expect_close()

    def test_stop_channel(self):
        node = self.rtmp_node()
        flow = self.flow(node, "s")
        chan = node.wait_channel("s")
        self.assertIsNone(node.rpc("stopChannel", [chan["channelId"]]))
        node.wait_no_channel("s")
        flow.encoder.expect_close()

    def test_node_ends_while_somebody_publishes(self):
        node = self.rtmp_node()
        self.flow(node, "s")
        node.wait_channel("s")
        self.encoder(node).connect()
        self.encoder(node, handshake=False)
        node.stop()


class Real(RtmpCase):
    def test_ffmpeg_through_two_nodes(self):
        """Decoded without errors; viewers of source and relay get the same; times are those of the file."""
        src = self.rtmp_node({"sourceGraceSec": 0})
        relay = self.node(name="relay")
        proc = self.ffmpeg_rtmp(src, "live/real?name=real", once=False)
        cid = src.wait_channel("real")["channelId"]
        captures = []
        for node in (src, relay):
            client = self.closing(node.view(cid, "?tip=" + src.address))
            self.assertEqual((client.status, client.headers.get("content-type")), (200, "video/x-flv"))
            captures.append(Capture(client))
        for c in captures:
            c.wait_for(60000)
        self.assertIsNone(proc.poll())
        proc.kill()
        for c in captures:
            c.join(3 * WAIT * PATIENCE)
        self.assertEqual(proc.stderr.read(), b"")
        datas = [bytes(c.data) for c in captures]
        for d in datas:
            found = decode(d)
            self.assertEqual((found["video"][0], found["video"][2]), ("h264", True))
            self.assertEqual(found["audio"][0], "aac")
            self.assertGreater(found["video"][1], 10)
        longer, shorter = sorted((tags(d) for d in datas), key=len, reverse=True)
        # whoever came later began at a later key frame; from there on all is the same
        frames = [t for t in shorter if t[0] in (8, 9) and t[1] > 0]
        self.assertEqual([t for t in longer if t[0] in (8, 9)][-len(frames):], frames)
        # in the first round of the file, times are its own
        theirs = {(t[0], t[2]): t[1] for t in tags(sample_bytes("flv"))}
        for kind, stamp, body in frames:
            if stamp < 4900:
                self.assertLessEqual(abs(theirs[kind, body] - stamp), 1)

    def test_ffprobe(self):
        node = self.rtmp_node()
        self.ffmpeg_rtmp(node, "live/key", once=False)
        cid = node.wait_channel("key")["channelId"]
        found = harness.ffprobe("http://127.0.0.1:%d/stream/%s" % (node.port, cid))
        self.assertEqual(found, {"video": "h264", "audio": "aac"})


class Enhanced(RtmpCase):
    """A session as encoders with HEVC, AV1, VP9 and Opus hold it."""

    def test_capabilities(self):
        node = self.rtmp_node()
        e = self.encoder(node, **rtmp.ENHANCED).connect()
        for values in e.result[2:4]:
            self.assertEqual(values["capsEx"], 14)
            self.assertEqual(set(values["videoFourCcInfoMap"]), {"avc1", "hvc1", "av01", "vp09", "vp08"})
            self.assertIn("Opus", values["fourCcList"])
        self.assertEqual(e.result[3]["code"], "NetConnection.Connect.Success")
        self.assertNotIn("capsEx", self.encoder(node).connect().result[2])

    def session(self, fourcc, times):
        """Configs go into the head, data begin with a key frame, everything passes unchanged."""
        node = self.rtmp_node()
        e = self.encoder(node, **rtmp.ENHANCED).publish("x")
        e.metadata(videocodecid=float(int.from_bytes(fourcc, "big")), audiocodecid=float(0x4f707573), videodatarate=800.0)
        video = b"\x90" + fourcc + b"config of the video"
        audio = b"\x90OpusOpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0"
        e.video(0, video)
        e.audio(0, audio)
        sent = []
        for i in range(12):
            first = i % 6 == 0
            if i % 3 == 1 and not first:        # wrapped: a nanosecond offset
                body = bytes([0xa7]) + b"\x02\x00\x00\x05" + bytes([0x03]) + fourcc + b"frame %d" % i
            else:
                body = bytes([0x91 if first else 0xa1]) + fourcc + times + b"frame %d" % i
            e.video(i * 40, body)
            sound = b"\x91Opus" + b"sound %d" % i
            e.audio(i * 40 + 1, sound)
            sent += [(9, i * 40, body), (8, i * 40 + 1, sound)]
        cid = node.wait_channel("x")["channelId"]
        v = self.closing(node.view(cid))
        self.assertEqual(v.status, 200)
        # a viewer begins at the last key frame
        data = v.read_until(b"sound 11" + struct.pack(">I", 24), seconds=WAIT)
        found = tags(b"FLV\x01\x05\0\0\0\x09\0\0\0\0" + data[data.index(b"FLV\x01") + 13:])
        self.assertEqual([t[0] for t in found[:3]], [18, 9, 8])
        self.assertEqual([t[2] for t in found[1:3]], [video, audio])
        self.assertEqual(found[3:], sent[-len(found[3:]):])
        self.assertEqual(found[3][1] % 240, 0)
        self.assertGreaterEqual(len(found), 15)

    def test_hevc_and_opus(self):
        self.session(b"hvc1", b"\0\0\x21")

    def test_av1_and_opus(self):
        self.session(b"av01", b"")

    def test_vp9_and_opus(self):
        self.session(b"vp09", b"")


class Keys(RtmpCase):
    def refused(self, node, name, code="NetStream.Publish.BadName", text="", **kw):
        e = self.encoder(node, **kw)
        with self.assertRaises(Refused) as r:
            e.publish(name)
        self.assertEqual(r.exception.args[0], code)
        self.assertIn(text, r.exception.args[1])
        e.expect_close()

    def test_wrong_key(self):
        node = self.rtmp_node({"rtmpKey": "secret,other"})
        for name in ("wrong", "", "secre", "secret,other", "wrong?name=secret", ",", "secret2"):
            self.refused(node, name, text="Wrong stream key")
        self.assertEqual(node.channels(), [])
        node.wait_log("refused: Wrong stream key")

    def test_right_keys(self):
        node = self.rtmp_node({"rtmpKey": " secret , other", "serverName": "My node"})
        self.flow(node, "secret?name=a")
        node.wait_channel("a")
        self.flow(node, "anything?name=b&key=other")
        node.wait_channel("b")

    def test_secret_is_no_name(self):
        node = self.rtmp_node({"rtmpKey": "secret,other", "serverName": "My node"})
        self.flow(node, "secret")
        self.flow(node, "other")
        node.wait_channel("My node")
        node.wait_channel("My node 2")
        for chan in node.channels():
            self.assertNotIn("secret", json.dumps(chan))
        self.assertNotIn("secret", node.out.text())

    def test_no_name_at_all(self):
        self.refused(self.rtmp_node(), "", text="empty")

    def test_a_key_in_use(self):
        node = self.rtmp_node()
        flow = self.flow(node, "k")
        chan = node.wait_channel("k")
        self.refused(node, "k", text="Another encoder")
        self.assertTrue(flow.is_alive())
        with node.view(chan["channelId"]) as v:
            self.assertTrue(units(v.read(20000)))

    def test_loopback_is_not_trusted(self):
        node = self.rtmp_node({"trustLocalhost": "No"})
        self.refused(node, "k", text="key")
        node = self.rtmp_node({"trustLocalhost": "No", "rtmpKey": "k"})
        self.flow(node, "k?name=n")
        node.wait_log('channel "n" .*broadcast by')

    def test_broadcasting_is_not_allowed(self):
        node = self.rtmp_node(blocks="[Server1]\nallowBroadcast = No\n[End]\n")
        self.refused(node, "k", text="not allowed")

    def test_channel_limit(self):
        node = self.rtmp_node({"maxChannels": 1})
        self.flow(node, "one")
        node.wait_channel("one")
        flow = self.flow(node, "two")
        with self.assertRaises(Refused) as r:
            flow.encoder.answer("never")
        self.assertIn("too many channels", r.exception.args[1])


class TakeOver(RtmpCase):
    def test_next_encoder_of_the_key(self):
        """Channel, id and viewers stay; the next stream goes on where the first left off."""
        node = self.rtmp_node({"sourceGraceSec": 60})
        first = self.flow(node, "k?name=n", interval=0.01)
        chan = node.wait_channel("n")
        viewer = self.closing(node.view(chan["channelId"]))
        data = viewer.read(20000)
        first.stop()
        node.wait_log("the encoder has left")
        self.flow(node, "k?name=n", interval=0.01, size=1500)
        node.wait_log("taken over")
        data = read_on(viewer, data)
        self.assertEqual(data.count(b"onMetaData"), 1)
        stamps = [s for kind, s, _ in tags(data) if kind == 9]
        self.assertEqual(stamps, sorted(stamps))
        self.assertEqual([c["channelId"] for c in node.channels()], [chan["channelId"]])

    def test_silent_one_gives_way(self):
        node = self.rtmp_node()
        first = self.flow(node, "k")
        chan = node.wait_channel("k")
        first.pause()

        def try_again():
            try:
                return self.flow(node, "k")
            except Refused:
                return None
        harness.wait_until(try_again, 20, "the silent encoder is replaced")
        node.wait_log("taken over")
        first.encoder.expect_close()
        self.assertEqual([c["channelId"] for c in node.channels()], [chan["channelId"]])

    def test_bad_encoder_leaves_the_channel(self):
        """One whose input breaks is like one that left: the channel waits for the next."""
        node = self.rtmp_node({"sourceGraceSec": 60})
        flow = self.flow(node, "k")
        chan = node.wait_channel("k")
        flow.pause()
        flow.encoder.send(chunks(6, 9, b"", fmt=1))
        flow.encoder.expect_close()
        node.wait_log("rtmp .*begins in its middle")
        self.flow(node, "k")
        node.wait_log("taken over")
        self.assertEqual([c["channelId"] for c in node.channels()], [chan["channelId"]])


class BadInput(RtmpCase):
    """A connection ends, and nothing else does (media.md 9.1 rows 22 to 30)."""

    def setUp(self):
        self.n = self.rtmp_node()
        self.good = self.flow(self.n, "good")
        self.n.wait_channel("good")

    def tearDown(self):
        cid = self.n.wait_channel("good")["channelId"]
        with self.n.view(cid) as v:
            self.assertTrue(units(v.read(20000)))
        self.assertIsNone(self.good.error)
        self.assertEqual(len(self.n.channels()), 1)

    def closed(self, e, log=None):
        e.expect_close()
        if log:
            self.n.wait_log(log)
        e.close()

    def test_before_the_handshake(self):
        for first in (b"\x06" + bytes(1536), b"\x00" * 2000, b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + bytes(200)):
            e = self.encoder(self.n, handshake=False)
            e.send(first)
            self.closed(e, "refused: not RTMP")

    def test_port_probe(self):
        for _ in range(3):
            socket.create_connection(("127.0.0.1", self.n.rtmp)).close()
        e = self.encoder(self.n)
        e.close()

    def test_reset(self):
        for publishing in (False, True):
            e = self.encoder(self.n)
            if publishing:
                e.publish("gone")
            e.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            e.close()
        self.n.wait_log("rtmp .*: Connection reset|rtmp .*: connection closed")

    def test_chunks(self):
        rows = (
            ("begins in its middle", chunks(9, 20, b"x" * 10, fmt=1)),
            ("begins in its middle", chunks(9, 20, b"x" * 10, fmt=3)),
            ("chunk size that cannot be", chunks(2, 1, struct.pack(">I", 0))),
            ("chunk size that cannot be", chunks(2, 1, struct.pack(">I", 0x80000001))),
            ("chunk size that cannot be", chunks(2, 1, b"")),
            ("long message before the stream", chunks(3, 20, b"x" * 70000)[:200]),
            ("long message before the stream", chunks(3, 9, b"x" * 70000)[:200]),
            ("too many chunk streams", b"".join(chunks(3 + i, 20, b"x" * 200)[:140] for i in range(40))),
            ("cannot be read", chunks(3, 20, b"\x02\0\x05ab")),
            ("cannot be read", chunks(3, 20, amf("connect") + amf(1) + b"\x03\0\1a" * 300 + b"\0\0\x09")),
            ("before connect", chunks(3, 20, amf("createStream") + amf(1) + amf(None))),
        )
        for i, (log, data) in enumerate(rows):
            address = "127.0.1.%d" % i      # one address gets so many lines of the log, and no more
            e = self.encoder(self.n, source=address)
            e.send(data)
            e.expect_close()
            self.n.wait_log(r"rtmp %s:\d+: refused: .*%s" % (address, log))

    def test_media_before_publish_are_dropped(self):
        e = self.encoder(self.n).connect()
        e.configs()
        for i in range(20):
            e.unit(i)
        e.command("_checkbw", 9, None)
        e.answer("_result")
        self.assertIsNone(self.n.find_channel("live"))

    def test_too_long_a_frame(self):
        e = self.encoder(self.n).publish("bad")
        e.send(chunks(4, 9, b"\x17\x01", 0, 1)[:4] + b"\x90\0\0\x09" + bytes(4))
        self.closed(e, "rtmp .*too long")

    def test_garbage_for_media(self):
        """Frames that are none never make a channel; others come through."""
        e = self.encoder(self.n).publish("bad")
        for i in range(5):
            e.put(9, b"", i, lane=4)
            e.put(18, b"\xff\xff\xff", i, lane=4)
            e.put(22, b"\x09\xff\xff\xff" + bytes(20), i, lane=4)
            e.put(99, b"what?", i, lane=4)
        e.command("_checkbw", 9, None)
        e.answer("_result")
        self.assertIsNone(self.n.find_channel("bad"))
        e.close()
        self.n.wait_log("rtmp .*ended before|no stream|rtmp .*: connection closed")

    def test_more_calls_than_answers(self):
        e = self.encoder(self.n).connect()
        with self.assertRaises((OSError, EOFError)):
            call = chunks(3, 20, amf("what") + amf(7) + amf(None), size=4096)
            for _ in range(2000):
                e.send(call * 100)
            e.expect_close()
            raise EOFError

    def test_second_publish(self):
        e = self.encoder(self.n).publish("twice")
        e.command("publish", 8, None, "other", "live", stream=1)
        self.closed(e, "rtmp .*second time")

    def test_ping_and_acks(self):
        e = self.encoder(self.n).publish("p")
        e.send(chunks(2, 5, struct.pack(">I", 1)))      # a window of a byte: we are not made to talk
        e.send(chunks(2, 4, b"\0\x06" + b"abcd"))
        while True:
            kind, _, body = e.reader.message()
            if kind == 4 and body[:2] == b"\0\x07":
                break
        self.assertEqual(body, b"\0\x07abcd")
        for i in range(3):
            e.put(18, amf("onTextData") + amf("x" * 60000), i, lane=4)
        while True:
            kind, _, body = e.reader.message()
            if kind == 3:
                break
        self.assertGreaterEqual(struct.unpack(">I", body)[0], 65536)

    def test_long_times(self):
        """After 4 h 39 min the time does not fit into 24 bits; with and without being repeated."""
        for again in (True, False):
            e = self.encoder(self.n).publish("long%d" % again)
            base = 0xfffff0
            e.configs()
            for i in range(10):
                body = b"\x17\x01\0\0\0" + b"U" * 9000
                e.send(chunks(4, 9, body, base + i * 40, e.stream, e.size, again=again))
            cid = self.n.wait_channel("long%d" % again)["channelId"]
            v = self.closing(self.n.view(cid))
            data = v.read_until(b"FLV\x01") + v.read(9500)
            self.assertTrue(b"U" * 9000 in data)
            v.close()
            e.close()
            self.n.rpc("stopChannel", [cid])


class SlowLoris(RtmpCase):
    def test_handshake_that_never_ends(self):
        """It is cut off within its time (30 s for this machine), and meanwhile in nobody's way."""
        node = self.rtmp_node()
        silent = [self.encoder(node, handshake=False) for _ in range(10)]
        for e in silent[:5]:
            e.send(b"\x03" + bytes(700))
        self.flow(node, "k")
        node.wait_channel("k")


@harness.slow
class Deadlines(RtmpCase):
    def test_until_publish(self):
        node = self.rtmp_node()
        waiting = [self.encoder(node, handshake=False), self.encoder(node), self.encoder(node).connect()]
        started = time.monotonic()
        waiting[0].send(b"\x03")
        for e in waiting:
            e.sock.settimeout(60 * PATIENCE)
            e.expect_close()
        self.assertGreater(time.monotonic() - started, 20)

    def test_words_alone(self):
        """Pings and calls do not keep a stream that brings nothing."""
        node = self.rtmp_node()
        e = self.encoder(node).publish("k")
        end = harness.deadline(60)
        with self.assertRaises((OSError, EOFError)):
            while time.monotonic() < end:
                e.send(chunks(2, 4, b"\0\x06abcd"))
                while e.reader.message()[0] != 4:
                    pass
                time.sleep(0.2)
        self.assertLess(time.monotonic(), end)
        node.wait_log("rtmp .*silent for too long")

    def test_silent_after_publish(self):
        node = self.rtmp_node()
        flow = self.flow(node, "k")
        node.wait_channel("k")
        flow.pause()
        flow.encoder.sock.settimeout(60 * PATIENCE)
        flow.encoder.expect_close()
        node.wait_log("the encoder has left")


class Settings(RtmpCase):
    def test_off(self):
        node = self.node({"rtmpServer": "No", "rtmpPort": free_port()})
        self.assertIsNone(node.out.find("rtmp: listening"))

    def test_port_is_taken(self):
        """A warning; the node runs on, and takes the port when it is free."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", free_port()))
            s.listen()
            port = s.getsockname()[1]
            node = self.node({"rtmpServer": "Yes", "rtmpPort": port})
            node.wait_log("WARN.*rtmp: cannot listen on 127.0.0.1:%d" % port)
            said = self.wait(lambda: node.rpc("getNotificationMessages"))
            self.assertEqual([(m["class"], m["type"]) for m in said], [("rtmpPort", "warning")])
            self.push(node, "by http")
            node.wait_channel("by http")
        node.wait_log("rtmp: listening on 127.0.0.1:%d" % port, 20)
        node.rtmp = port
        self.flow(node, "k")
        node.wait_channel("k")

    def test_changes_at_run_time(self):
        node = self.rtmp_node()
        self.flow(node, "k")
        chan = node.wait_channel("k")
        port = free_port()
        with open(node.ini_path, encoding="utf-8") as f:
            text = f.read()
        with open(node.ini_path, "w", encoding="utf-8") as f:
            f.write(text.replace("rtmpPort = %d" % node.rtmp, "rtmpPort = %d\nrtmpKey = s" % port))
        node.send_signal(1)
        node.wait_log("rtmp: listening on 127.0.0.1:%d" % port)
        node.rtmp = port
        self.flow(node, "s?name=second")
        node.wait_channel("second")
        self.assertEqual(node.wait_channel("k")["channelId"], chan["channelId"])

    def test_control(self):
        """/admin?cmd=control_rtmp: the channel's fields in advance, another port, off and on again."""
        node = self.node({"rtmpServer": "No"})
        port = free_port()
        self.assertEqual(node.get("/admin?cmd=control_rtmp&action=start&port=%d" % port).status, 400)
        self.assertEqual(node.get("/admin?cmd=control_rtmp&action=dance").status, 400)
        self.assertEqual(node.get("/admin?cmd=control_rtmp&action=start&name=x&port=99999").status, 400)
        r = node.get("/admin?cmd=control_rtmp&action=start&name=Prepared+1&genre=g&desc=d"
                     "&url=http%%3A%%2F%%2Fu&comment=c&port=%d&ipv=4" % port)
        self.assertEqual(r.status, 302)
        self.assertRegex(r.headers["location"], r"/html/\w+/rtmp\.html$")
        node.wait_log("rtmp: listening on 127.0.0.1:%d" % port)
        node.rtmp = port
        flow = self.flow(node, "anything")
        info = node.wait_channel("Prepared 1")["info"]
        self.assertEqual([info[k] for k in ("genre", "desc", "url", "comment")], ["g", "d", "http://u", "c"])
        self.assertEqual(node.get("/admin?cmd=control_rtmp&action=stop").status, 302)
        node.wait_no_channel("Prepared 1")
        flow.encoder.expect_close()
        node.wait_log("rtmp: no longer listening")
        self.assertEqual(node.get("/admin?cmd=control_rtmp&action=start&name=Two&port=%d" % port).status, 302)

        def again():
            try:
                return self.flow(node, "own?name=Own")
            except ConnectionError:
                return None
        harness.wait_until(again)
        node.wait_channel("Own")


if __name__ == "__main__":
    unittest.main()
