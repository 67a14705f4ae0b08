# SPDX-License-Identifier: GPL-2.0-or-later
"""Icecast, SHOUTcast and Windows Media encoders (http.md 5.2 to 5.5; media.md 2.3, 2.4, 5.7, 9.1)."""
import base64
import contextlib
import itertools
import socket
import struct
import subprocess
import threading
import time
import unittest

from harness import PATIENCE, WAIT, BoxCase, Client, deadline, sample, sample_bytes, slow
from test_media import PLAY, Capture, chunks, decode, remuxed, unframed, unmarked


def mp3_frames():
    """The sample's, without what is in front of the first one."""
    data = sample_bytes("mp3")
    at, out = data.index(b"\xff\xfb"), []
    while at + 4 < len(data):
        size = 417 + (data[at + 2] >> 1 & 1)        # 128 kbit/s, 44100 Hz
        out.append(data[at:at + size])
        at += size
    return [f for f in out[1:] if len(f) >= 417]


def mp3(endless=False):
    """Pieces of 104 ms."""
    frames = mp3_frames()
    while True:
        for at in range(0, len(frames), 4):
            yield b"".join(frames[at:at + 4])
        if not endless:
            return


def brief_wmv():
    """The sample in the chunks of a push, which have no numbers, as many as come in 50 ms."""
    asf = remuxed("wmv", "-f", "asf_stream")
    short = [c[:2] + struct.pack("<H", len(c) - 12) + c[12:] for kind, c in chunks(asf) if kind in b"HD"]
    size = max(1, len(short) // 100)
    for at in range(0, len(short), size):
        yield b"".join(short[at:at + size])


def basic(password, user="source"):
    return {"Authorization": "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()}


class Encoder(threading.Thread):
    """An encoder that has said what it has to say, and sends a stream, a piece each `interval` seconds. With
    `stays` it is silent after the last one until it is stopped."""

    def __init__(self, client, source, interval=0.1, chunked=False, stays=False):
        super().__init__(daemon=True)
        self.client, self.source, self.interval, self.chunked = client, source, interval, chunked
        self.stays = stays
        self.done = threading.Event()
        self.start()

    def run(self):
        due = time.monotonic()
        with contextlib.suppress(OSError):
            for piece in self.source:
                if self.done.wait(max(due - time.monotonic(), 0)):
                    return
                due = max(due, time.monotonic()) + self.interval
                self.client.send(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)
            if self.stays:
                self.done.wait()
                return
            if self.chunked:
                self.client.send(b"0\r\n\r\n")
            self.client.shutdown()

    def stop(self):
        self.done.set()
        with contextlib.suppress(OSError):
            self.client.sock.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self.client.close()


NAME = {"ice-name": "Radio", "ice-genre": "jazz", "ice-url": "http://u/", "ice-description": "all day",
        "ice-audio-info": "ice-samplerate=44100;ice-bitrate=128;ice-channels=2", "Content-Type": "audio/mpeg"}
ICY = {"icy-name": "Radio", "icy-genre": "jazz", "icy-url": "http://u/", "icy-br": "128"}
INFO = ["Radio", "jazz", "http://u/", 128, "MP3"]


def common(a, b):
    """How many bytes they begin with alike."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


class Ice(BoxCase):
    """Ways of an encoder to say that it will send; each returns a client that may."""

    def opened(self, node, first, headers=None, answer=b"OK\r\n"):
        c = self.closing(node.client())
        c.send("\r\n".join([first] + ["%s: %s" % h for h in (headers or {}).items()] + ["", ""]).encode())
        self.assertEqual(c.read_until(answer), answer)
        return c

    def source(self, node, mount="/live", headers=NAME, password="pw"):
        return self.opened(node, "SOURCE %s HTTP/1.0" % mount, {**headers, **basic(password)},
                           b"HTTP/1.0 200 OK\r\n\r\n")

    def ice(self, node, mount="/live", headers=NAME):
        return self.opened(node, "SOURCE %s ICE/1.0" % mount, {**headers, "ice-password": "pw"})

    def line(self, node, mount="/live", headers=ICY):
        return self.opened(node, "SOURCE pw " + mount, headers)

    def put(self, node, mount="/live", headers=NAME):
        return self.opened(node, "PUT %s HTTP/1.1" % mount, {
            **headers, **basic("pw"), "Expect": "100-continue", "Transfer-Encoding": "chunked"},
            b"HTTP/1.1 100 Continue\r\n\r\n")

    def shoutcast(self, node, headers=ICY):
        c = self.closing(node.client())
        c.send(b"pw\r\n")
        self.assertEqual(c.read_until(b"\r\n\r\n"), b"OK2\r\nicy-caps:11\r\n\r\n")
        c.send("".join("%s:%s\r\n" % h for h in headers.items()).encode() + b"\r\n")
        self.assertEqual(c.read_until(b"\r\n"), b"OK\r\n")
        return c

    def windows(self, node, name="wm"):
        c = self.closing(node.client())
        c.request("POST", "/%s;game;what%%20it%%20is;http://u/?a=1" % name, {
            "Content-Type": "application/x-wms-pushsetup", "X-Accept-Authentication": "Negotiate, Digest",
            "Cookie": "push-id=0", "Content-Length": 4}, b"\r\n\r\n", "HTTP/1.1")
        self.assertEqual(c.read_head(), 204)
        self.assertEqual(c.head.split(b"\r\n")[:3], [
            b"HTTP/1.1 204 No Content", b"Server: Cougar/9.01.01.3814", b"Cache-Control: no-cache"])
        self.assertEqual(c.headers["connection"], "Keep-Alive")
        self.assertIn("com.microsoft.wm.startupprofile", c.headers["supported"])
        c.request("POST", "/" + name, {"Content-Type": "application/x-wms-pushstart",
                                       "Content-Length": 2147483647}, b"", "HTTP/1.1")
        return c

    def encoder(self, client, source, **kw):
        e = Encoder(client, source, **kw)
        self.addCleanup(e.stop)
        return e

    def node(self, ini=None, **kw):     # pylint: disable=arguments-differ
        return super().node({"password": "pw", **(ini or {})}, **kw)


class Inputs(Ice):
    def check(self, way):
        node = self.node()
        self.encoder(getattr(self, way)(node), mp3(True), chunked=way == "put")
        chan = node.wait_channel("Radio")
        self.assertEqual([chan["info"][k] for k in ("name", "genre", "url", "bitrate", "contentType")], INFO)

    def test_source(self):
        self.check("source")

    def test_ice(self):
        self.check("ice")

    def test_password_in_the_line(self):
        self.check("line")

    def test_put(self):
        self.check("put")

    def test_shoutcast(self):
        self.check("shoutcast")

    def test_put_without_expect(self):
        """It begins to send, and gets the one answer at the end."""
        node = self.node({"sourceGraceSec": 0})
        c = self.closing(node.client())
        c.request("PUT", "/live", {**NAME, **basic("pw")}, version="HTTP/1.1")
        self.encoder(c, mp3(), interval=0)
        self.assertEqual(c.read_head(), 200)

    def test_end_of_put_is_answered(self):
        node = self.node({"sourceGraceSec": 0})
        c = self.put(node)
        self.encoder(c, mp3(), interval=0, chunked=True)
        self.assertEqual(c.read_head(), 200)

    def test_source_in_chunks(self):
        node = self.node()
        c = self.source(node, headers={**NAME, "Transfer-Encoding": "chunked"})
        self.encoder(c, mp3(True), chunked=True)
        node.wait_channel("Radio")

    def test_mount_points_are_channels(self):
        """Of the same name, too; the mount point goes into the id."""
        node = self.node(blocks="[Flags]\nrandomizeBroadcastingChannelID = No\n[End]\n")
        self.encoder(self.source(node, "/a"), mp3(True))
        self.encoder(self.put(node, "/b%20c"), mp3(True), chunked=True)
        self.wait(lambda: len({c["channelId"] for c in node.channels()}) == 2)

    def test_type_of_the_bytes(self):
        node = self.node()
        headers = {k: v for k, v in NAME.items() if k != "Content-Type"}
        self.encoder(self.source(node, headers=headers), mp3(True))
        self.assertEqual(node.wait_channel("Radio")["info"]["contentType"], "MP3")

    def test_no_password_needed_here(self):
        node = self.node({"password": ""})
        self.encoder(self.source(node, password="hackme"), mp3(True))
        node.wait_channel("Radio")
        node = self.node()
        self.encoder(self.source(node, password=""), mp3(True))
        node.wait_channel("Radio")
        self.encoder(self.opened(node, "SOURCE /b HTTP/1.0", {**NAME, "ice-name": "b"},
                                 b"HTTP/1.0 200 OK\r\n\r\n"), mp3(True))
        node.wait_channel("b")

    def test_comment_is_the_broadcast_message(self):
        node = self.node({"broadcastMsg": "hello"})
        self.encoder(self.source(node), mp3(True))
        self.assertEqual(node.wait_channel("Radio")["info"]["comment"], "hello")

    def test_texts_of_other_encodings(self):
        node = self.node()
        c = self.closing(node.client())
        c.send(b"SOURCE /x ICE/1.0\nice-name: \x83e\x83X\x83g\nice-password: pw\n\n")
        c.read_until(b"OK\r\n")
        self.encoder(c, mp3(True))
        node.wait_channel("テスト")


    def test_what_encoders_ask_first(self):
        """libshout asks for the methods, then tries the mount point without sending anything."""
        node = self.node()
        c = self.closing(node.client())
        c.request("OPTIONS", "*", {"Connection": "Upgrade", "Upgrade": "TLS/1.0, HTTP/1.1"}, version="HTTP/1.1")
        self.assertEqual(c.read_head(), 204)
        self.assertTrue({"PUT", "SOURCE"} <= set(c.headers["allow"].split(", ")))
        c.expect_close()
        self.source(node, headers={**NAME, "Content-Length": 0}).shutdown()
        node.wait_log("icecast .*: nothing was sent")
        c = self.closing(node.client())
        c.request("PUT", "/live", {**NAME, "Content-Length": 0}, version="HTTP/1.1")
        self.assertEqual(c.read_head(), 200)
        self.assertEqual(node.channels(), [])


class Refused(Ice):
    def status(self, node, first, headers=None, source=None):
        c = self.closing(node.client(source=source))
        c.send("\r\n".join([first] + ["%s: %s" % h for h in (headers or {}).items()] + ["", ""]).encode())
        c.read_head()
        self.head = c.headers
        c.expect_close()
        return c.status

    def test_passwords(self):
        node = self.node()
        for first, headers in (("SOURCE /m HTTP/1.0", basic("bad")), ("PUT /m HTTP/1.1", basic("bad")),
                               ("SOURCE /m ICE/1.0", {"ice-password": "bad"}), ("SOURCE bad /m", {})):
            with self.subTest(first):
                self.assertEqual(self.status(node, first, {**NAME, **headers}), 401)
                self.assertIn('realm="PeerCast"', self.head["www-authenticate"])
        self.assertEqual(self.status(node, "bad"), 400)
        self.assertEqual(self.status(node, "p"), 400)
        self.assertEqual(self.status(node, "pwx"), 400)

    def test_strangers_have_to_know_it(self):
        node = self.node({"trustLocalhost": "No"})
        self.assertEqual(self.status(node, "SOURCE /m HTTP/1.0", NAME), 401)
        self.assertEqual(self.status(node, "SOURCE /m HTTP/1.0", {**NAME, **basic("")}), 401)
        self.encoder(self.source(node), mp3(True))
        node.wait_log('channel "Radio"')
        node = self.node({"trustLocalhost": "No", "password": ""})
        self.assertEqual(self.status(node, "SOURCE /m HTTP/1.0", {**NAME, **basic("")}), 401)

    def test_guessing_ends(self):
        """Garbage counts: a line that is nothing else may be a password."""
        node = self.node({"trustLocalhost": "No"})
        for guess in range(5):
            self.assertEqual(self.status(node, "guess%d" % guess, source="127.0.0.3"), 400)
        self.assertEqual(self.status(node, "pw", source="127.0.0.3"), 400)
        self.assertEqual(self.status(node, "SOURCE /m HTTP/1.0", {**NAME, **basic("pw")}, "127.0.0.3"), 429)
        c = self.closing(node.client(source="127.0.0.4"))
        c.send(b"pw\r\n")
        c.read_until(b"OK2\r\n")

    def test_what_is_missing(self):
        node = self.node()
        for first, headers, status in (
                ("SOURCE /m HTTP/1.0", basic("pw"), 400), ("PUT /m HTTP/1.1", basic("pw"), 400),
                ("SOURCE /m HTTP/1.0", {**NAME, "ice-name": " \x01 ", **basic("pw")}, 400),
                ("SOURCE / HTTP/1.0", {**NAME, **basic("pw")}, 400), ("SOURCE pw", NAME, 400),
                ("SOURCE pw live", NAME, 400), ("SOURCE  /", NAME, 400),
                ("SOURCE /%s HTTP/1.0" % ("m" * 300), {**NAME, **basic("pw")}, 400),
                ("PUT / HTTP/1.1", {**NAME, **basic("pw")}, 405),
                ("PUT /api/1 HTTP/1.1", {**NAME, **basic("pw")}, 405),
                ("SOURCE /m HTTP/1.0", {**NAME, "Content-Length": "x"}, 400),
                ("SOURCE /m HTTP/1.0", {"x%d" % i: i for i in range(120)}, 431),
                ("PUT /m HTTP/1.1", {**NAME, "Expect": "other"}, 417)):
            with self.subTest(first):
                self.assertEqual(self.status(node, first, headers), status)
        self.assertEqual(node.channels(), [])

    def test_shoutcast_without_name(self):
        node = self.node()
        c = self.closing(node.client())
        c.send(b"pw\r\nicy-br:128\r\n\r\n")
        c.read_until(b"icy-caps:11\r\n\r\n")
        self.assertEqual(c.read_head(), 400)

    def test_port_does_not_allow_it(self):
        node = self.node({"trustLocalhost": "No"}, blocks="[Server1]\nallowBroadcast = No\n[End]\n")
        self.assertEqual(self.status(node, "SOURCE /m HTTP/1.0", {**NAME, **basic("pw")}), 503)
        self.assertEqual(self.status(node, "PUT /m HTTP/1.0", {**NAME, **basic("pw")}), 503)
        self.assertEqual(self.status(node, "pw"), 503)
        self.assertEqual(self.status(node, "POST /wm HTTP/1.0", {
            "Content-Type": "application/x-wms-pushsetup", "Content-Length": 0}), 403)

    def test_pages_of_other_sites(self):
        node = self.node()
        self.assertEqual(self.status(node, "PUT /m HTTP/1.1", {**NAME, "Origin": "http://evil.example"}), 403)
        self.assertEqual(self.status(node, "PUT /m HTTP/1.1", {**NAME, "Host": "evil.example"}), 401)
        self.assertEqual(self.status(node, "POST /wm HTTP/1.1", {
            "Content-Type": "application/x-wms-pushsetup", "Content-Length": 0,
            "Sec-Fetch-Site": "cross-site"}), 403)
        self.assertEqual(self.status(node, "POST /wm HTTP/1.1", {
            "Content-Type": "application/x-wms-pushsetup", "Content-Length": 0, "Host": "evil.example",
            "Origin": "http://evil.example"}), 403)

    def test_garbage_for_a_stream(self):
        node = self.node()
        c = self.put(node, headers={**NAME, "Content-Type": "video/x-matroska"})
        self.encoder(c, itertools.repeat(b"garbage" * 1000, 100), interval=0, chunked=True)
        self.assertEqual(c.read_head(), 415)
        c = self.shoutcast(node)
        self.encoder(c, itertools.repeat(bytes(10000), 100), interval=0)
        c.expect_close()
        node.wait_log("shoutcast .*: no MP3 frame")
        self.assertEqual(node.channels(), [])

    def test_windows_media(self):
        node = self.node()
        setup = {"Content-Type": "application/x-wms-pushsetup", "Content-Length": 0}
        self.assertEqual(self.status(node, "POST /;game HTTP/1.1", setup), 400)
        for follows in ("POST /wm HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
                        "nonsense\r\n"):
            c = self.closing(node.client())
            c.request("POST", "/wm", setup, version="HTTP/1.1")
            self.assertEqual(c.read_head(), 204)
            c.send(follows.encode())
            self.assertEqual(c.read_head(), 400)
        c = self.closing(node.client())
        c.request("POST", "/wm", {**setup, "Content-Length": 70000}, version="HTTP/1.1")
        self.assertEqual(c.read_head(), 413)
        c = self.windows(node)
        with contextlib.suppress(OSError):
            c.send(b"$H\xff\xff" + bytes(100000))
        c.expect_close()
        node.wait_log("wmpush .*: ")
        self.assertEqual(node.channels(), [])


class Titles(Ice):
    def setUp(self):
        self.n = self.node()

    def track(self, name="Radio"):
        chan = self.n.find_channel(name)
        return chan and [chan["track"][k] for k in ("name", "creator", "url")]

    def test_admin_cgi(self):
        self.encoder(self.shoutcast(self.n), mp3(True))
        self.n.wait_channel("Radio")
        r = self.n.get("/admin.cgi?mode=updinfo&pass=pw&song=A+-+B%26%ff&url=http%3A%2F%2Ft%2F")
        self.assertEqual((r.status, r.body), (200, b""))
        self.assertEqual(self.track(), ["A - B&�", "", "http://t/"])
        r = self.n.get("/admin.cgi?mode=updinfo&pass=pw&song=%0d%0aX-Evil:%201")
        self.assertEqual(self.track(), ["  X-Evil: 1", "", "http://t/"])

    def test_metadata(self):
        self.encoder(self.source(self.n), mp3(True))
        self.encoder(self.source(self.n, "/b", {**NAME, "ice-name": "b"}), mp3(True))
        self.n.wait_channel("Radio")
        self.n.wait_channel("b")
        r = self.n.get("/admin/metadata?mode=updinfo&mount=%2Flive&song=S", basic("pw"))
        self.assertEqual(r.status, 200)
        self.assertIn(b"<return>1</return>", r.body)
        self.assertEqual((self.track(), self.track("b")), (["S", "", ""], ["", "", ""]))
        r = self.n.get("/admin/metadata?mode=updinfo&mount=/b&title=T&artist=%E9&charset=latin1", basic("pw"))
        self.assertEqual((self.track(), self.track("b")), (["S", "", ""], ["T", "é", ""]))
        r = self.n.get("/admin.cgi?mode=updinfo&pass=pw&song=both")
        self.assertEqual((self.track()[0], self.track("b")[0]), ("both", "both"))
        long = "あ" * 800
        r = self.n.get("/admin.cgi?mode=updinfo&song=" + "%E3%81%82" * 800)
        self.assertEqual((r.status, self.track()[0]), (200, long[:85]))

    def test_before_the_channel_is_there(self):
        c = self.source(self.n)
        self.wait(lambda: self.n.get("/admin/metadata?mode=updinfo&mount=/live&song=early").status == 200)
        self.encoder(c, mp3(True))
        self.n.wait_channel("Radio")
        self.assertEqual(self.track()[0], "early")

    def test_refused(self):
        self.encoder(self.source(self.n), mp3(True))
        self.n.wait_channel("Radio")
        for path, headers, status in (
                ("/admin.cgi?mode=updinfo&pass=pw", {}, 400), ("/admin.cgi?mode=x&pass=pw&song=x", {}, 400),
                ("/admin.cgi", {}, 400), ("/admin/metadata?mode=updinfo&mount=/nowhere&song=x", {}, 404),
                ("/admin.cgi?mode=updinfo&song=x", {"Sec-Fetch-Site": "cross-site"}, 403),
                ("/admin.cgi?mode=updinfo&song=x", {"Referer": "http://evil/"}, 403)):
            with self.subTest(path):
                self.assertEqual(self.n.get(path, headers).status, status)
        self.assertEqual(self.track()[0], "")

    def test_strangers_have_to_know_the_password(self):
        node = self.n = self.node({"trustLocalhost": "No"})
        self.encoder(self.source(node), mp3(True))
        node.wait_log('channel "Radio"')
        for path in ("/admin.cgi?mode=updinfo&pass=bad&song=x", "/admin/metadata?mode=updinfo&song=x&mount=/live"):
            self.assertEqual(node.get(path).status, 401)
        self.assertEqual(node.get("/admin.cgi?mode=updinfo&pass=pw&song=x").status, 200)


class Comes(Ice):
    """An encoder that leaves and comes back (media.md 5.7, settings.md decision 26)."""

    def test_again(self):
        """Each input: the viewer plays on, here and behind a relay; id and YP entry stay."""
        root = self.root()
        node = self.node({"rootHost": root.address, "sourceGraceSec": 60, "maxRelays": 20})
        relay = super().node(name="relay")
        names = {"put": "p", "source": "s", "ice": "i", "line": "l", "shoutcast": "sc"}

        def start(way):
            icy = way in ("line", "shoutcast")
            headers = {**(ICY if icy else NAME), "icy-name" if icy else "ice-name": names[way]}
            client = self.shoutcast(node, headers) if way == "shoutcast" else \
                getattr(self, way)(node, "/" + way, headers)
            return self.encoder(client, mp3(True), chunked=way == "put")
        first = {way: start(way) for way in names}
        first["windows"] = self.encoder(self.windows(node), brief_wmv(), interval=0.05, stays=True)
        names["windows"] = "wm"
        ids = {way: node.wait_channel(names[way])["channelId"] for way in names}
        at_root = lambda: {c.get("id") for c in root.viewxml().iter("channel")}
        self.wait(lambda: at_root() >= set(ids.values()), 20)
        viewers = [(way, where, Capture(self.closing(where.view(
            ids[way], "?tip=" + node.address, headers=PLAY)))) for way in names for where in (node, relay)]
        for _, _, v in viewers:
            v.wait_for(20000)
        since = node.out.count()
        for e in first.values():
            e.stop()
        for name in names.values():
            node.wait_log('"%s": the encoder has left' % name, since=since)
        had = [len(v.data) for _, _, v in viewers]
        self.assertEqual({c["channelId"] for c in node.channels()}, set(ids.values()))
        self.assertGreaterEqual(at_root(), set(ids.values()))
        second = [start(way) for way in first if way != "windows"]
        second.append(self.encoder(self.windows(node), brief_wmv(), interval=0.05, stays=True))
        for name in names.values():
            node.wait_log('"%s" .*: taken over' % name, since=since)
        for (way, where, v), n in zip(viewers, had):
            with self.subTest(way=way, where=where.name):
                self.assertTrue(v.wait_for(n + 20000))
                self.assertGreater(len(v.data), n + 20000)
                self.assertTrue(v.is_alive())
        self.assertEqual({way: node.find_channel(names[way])["channelId"] for way in names}, ids)
        self.assertEqual(at_root(), set(ids.values()))
        del second

    def test_mount_point_keeps_a_renamed_stream(self):
        node = self.node({"sourceGraceSec": 60})
        e = self.encoder(self.source(node), mp3(True))
        cid = node.wait_channel("Radio")["channelId"]
        e.stop()
        node.wait_log("the encoder has left")
        self.encoder(self.source(node, headers={**NAME, "ice-name": "Night"}), mp3(True))
        self.assertEqual(node.wait_channel("Night")["channelId"], cid)

    def test_from_another_machine(self):
        """Who knows the password may."""
        node = self.node({"trustLocalhost": "No"})
        self.encoder(self.source(node), mp3(True))
        node.wait_log('channel "Radio" .*: broadcast')
        c = self.closing(Client(node.port, source="127.0.0.9"))
        c.request("SOURCE", "/live", {**NAME, **basic("pw")})
        c.read_head()
        self.encoder(c, mp3(True))
        node.wait_log('channel "Radio" .*: taken over by 127.0.0.9')


@slow
class Silence(Ice):
    """An encoder that says nothing any more loses its connection (media.md 2.2.2, 2.4.2): Windows Media's after 30 s,
    others may pause for 60. One that never says anything, too."""

    def test_all(self):
        node = self.node({"sourceGraceSec": 0})
        silent = {"windows": self.windows(node), "shoutcast": self.shoutcast(node),
                  "source": self.source(node, "/a", {**NAME, "ice-name": "a"}),
                  "put": self.put(node, "/b", {**NAME, "ice-name": "b"}),
                  "never": self.source(node, "/c", {**NAME, "ice-name": "c"})}
        for piece in brief_wmv():
            silent["windows"].send(piece)
        sound = b"".join(mp3())
        silent["shoutcast"].send(sound)
        silent["source"].send(sound)
        silent["put"].send(b"%x\r\n%s\r\n" % (len(sound), sound))
        for name in ("wm", "Radio", "a", "b"):
            node.wait_channel(name)
        since = time.monotonic()
        for way, c in silent.items():
            with self.subTest(way):
                c.expect_close(90)
                self.assertGreater(time.monotonic() - since, 25 if way == "windows" else 55)
        self.wait(lambda: node.channels() == [])


class Through(Ice):
    """Each input, and each encoder there is, once through: watched here and through a relay, both alike and
    decoded without a fault."""

    def ffmpeg(self, node, kind, mount, *extra):     # pylint: disable=arguments-differ
        proc = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-re", "-i", sample(kind), "-c", "copy", "-f", kind, *extra,
             "-ice_name", mount, "icecast://source:pw@127.0.0.1:%d/%s" % (node.port, mount)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.kill)

    def test_all(self):
        node = self.node({"sourceGraceSec": 0, "maxRelays": 20})
        relay = super().node(name="relay")

        def named(name):
            return {**NAME, "ice-name": name}
        self.encoder(self.source(node, "/s", named("s")), mp3())
        self.encoder(self.ice(node, "/i", named("i")), mp3())
        self.encoder(self.put(node, "/p", named("p")), mp3(), chunked=True)
        self.encoder(self.shoutcast(node, {**ICY, "icy-name": "sc"}), mp3())
        self.encoder(self.windows(node), brief_wmv(), interval=0.05)
        self.ffmpeg(node, "mp3", "fp", "-content_type", "audio/mpeg")
        self.ffmpeg(node, "mp3", "fs", "-content_type", "audio/mpeg", "-legacy_icecast", "1")
        self.ffmpeg(node, "ogg", "fo", "-content_type", "application/ogg")
        watched = {}
        for name, what in (("s", "mp3"), ("i", "mp3"), ("p", "mp3"), ("sc", "mp3"), ("wm", "wmv2"),
                           ("fp", "mp3"), ("fs", "mp3"), ("fo", "vorbis")):
            cid = node.wait_channel(name)["channelId"]
            watched[name] = (what, [Capture(self.closing(n.view(cid, "?tip=" + node.address, headers=PLAY)))
                                    for n in (node, relay)])
        end = deadline(WAIT)
        for name, (what, captures) in watched.items():
            with self.subTest(name):
                for c in captures:
                    c.join(max(end - time.monotonic(), PATIENCE))
                    self.assertFalse(c.is_alive(), "does not end")
                    self.assertIsNone(c.error)
                here, there = (bytes(c.data) for c in captures)
                if what == "wmv2":
                    here, there = unmarked(here), unmarked(there)
                    head = here.index(b"$D")
                    self.assertEqual(here[:head], there[:head])
                    here, there = here[head:], there[head:]
                    self.assertIn(here[:4], there[:4] * 2)
                    file = unframed(captures[1].data)
                elif what == "vorbis":
                    head = common(here, there)
                    self.assertGreater(head, 1000)
                    here, there = here[head:], there[head:]
                    file = bytes(captures[1].data)
                else:
                    file = there
                short, long = sorted((here, there), key=len)
                self.assertTrue(long.endswith(short))
                found = decode(file)
                self.assertIn(what, [f[0] for f in found.values()])
                self.assertGreater(min(f[1] for f in found.values()), 20)


if __name__ == "__main__":
    unittest.main()
