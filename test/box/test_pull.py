# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams that the node pulls by itself (media.md 2.6, 2.7, 2.11, 9.1; http.md 6.2, 6.5, 8.5)."""
import itertools
import signal
import subprocess
import time
import unittest
import urllib.parse

from harness import BoxCase, RpcError, flv_stream, free_port, sample, sample_bytes, slow, units
from test_feeds import Yp
from test_icecast import mp3
from test_media import decode

WAIT = 30


def paced(rq, source, interval=0.05):
    """Send the pieces until the server or the node goes."""
    for piece in source:
        rq.wfile.write(piece)
        if rq.server.gone.wait(interval):
            return


def icy(source, every=1000, title=b"StreamTitle='It's on';StreamUrl='http://t/';"):
    """The same with a title behind every so many bytes; the titles count up."""
    data, number = bytearray(), itertools.count()
    for piece in source:
        data += piece
        out = bytearray()
        while len(data) >= every:
            n = next(number)
            text = title.replace(b"on", b"on %d" % n, 1) if n % 10 == 0 else b""
            text += bytes(-len(text) % 16)
            out += data[:every] + bytes([len(text) // 16]) + text
            del data[:every]
        yield bytes(out)


class Web(Yp):
    """A web server with streams."""

    def __init__(self, place=None):
        super().__init__(place)
        self.server.gone = self.gone

    def stream(self, path, source, ctype="video/x-flv", status=200, interval=0.05, **headers):
        """source: a function that makes the pieces."""
        def page(rq):
            rq.send_response(status)
            if ctype is not None:
                rq.send_header("Content-Type", ctype)
            for name, value in headers.items():
                rq.send_header(name.replace("_", "-"), value)
            rq.end_headers()
            paced(rq, source(), interval)
        self.pages[path] = page

    def text(self, path, text, ctype):
        def page(rq):
            rq.send_response(200)
            rq.send_header("Content-Type", ctype)
            rq.end_headers()
            rq.wfile.write(text.encode())
        self.pages[path] = page

    def raw(self, path, source, interval=0.05):
        """Pieces that are the answer, status line and all."""
        def page(rq):
            paced(rq, source(), interval)
        self.pages[path] = page


class Pull(BoxCase):
    def setUp(self):
        self.web = Web()
        self.addCleanup(self.web.close)

    def fetch(self, n, url, name="pulled", kind="", **more):
        args = {"url": url, "name": name, "desc": "", "genre": "", "contact": "", "bitrate": 0, "type": kind}
        return n.rpc("fetch", {**args, **more})

    def broken(self, path, words, **more):
        """What is at that path becomes no stream, and the log says why."""
        n = self.node()
        cid = self.fetch(n, self.web.url(path), **more)
        n.wait_log("pull http.*: .*" + words, WAIT)
        self.wait(lambda: n.find_channel(cid=cid)["status"]["status"] == "Error", WAIT, "status Error")
        return n

    def info(self, n, cid, **want):
        def there():
            chan = n.find_channel(cid=cid)
            return chan and all(chan["info"].get(k) == v for k, v in want.items())
        try:
            self.wait(there, WAIT, "info %r" % want)
        except AssertionError as e:
            raise AssertionError("%s: it is %r\n%s" % (e, n.find_channel(cid=cid), n.output())) from e

    def title(self, n, cid):
        return n.find_channel(cid=cid)["track"]["name"]

    # --- streams ---

    def test_stream_through_two_nodes(self):
        self.web.stream("/live", flv_stream)
        a, b = self.node(), self.node(name="relay")
        cid = self.fetch(a, self.web.url("/live"), genre="g", contact="http://c/", bitrate=300)
        chan = a.wait_channel(cid=cid, seconds=WAIT)
        self.assertEqual([chan["info"][k] for k in ("name", "genre", "url", "bitrate", "contentType")],
                         ["pulled", "g", "http://c/", 300, "FLV"])
        self.assertEqual(a.rpc("getChannelStatus", [cid])["source"], self.web.url("/live"))
        with b.view(cid, "?tip=" + a.address) as v:
            self.assertEqual(v.status, 200)
            data = v.read(13) + v.read(30000, WAIT)
        seen = units(data)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        self.assertEqual(data[:4], b"FLV\x01")
        a.rpc("stopChannel", [cid])
        a.wait_no_channel(cid=cid)

    def test_decoded_at_the_relay(self):
        """What ffmpeg made, at the pace at which it plays."""
        data = sample_bytes("flv")
        size = len(data) // 80 + 1
        self.web.stream("/f", lambda: (data[i:i + size] for i in range(0, len(data), size)))
        a, b = self.node(), self.node(name="relay")
        cid = self.fetch(a, self.web.url("/f"))
        a.wait_channel(cid=cid, seconds=WAIT)
        with b.view(cid, "?tip=" + a.address) as v:
            got = v.read(len(data) // 3, WAIT)
        self.assertEqual(decode_cut(got)["video"][0], "h264")

    def test_icy(self):
        """The answer of an old server, titles, and a name that the user did not give."""
        def answer():
            yield (b"ICY 200 OK\r\nicy-name:Radio \xe3\x83\xa9\xe3\x82\xb8\xe3\x82\xaa\r\nicy-genre:jazz\r\nicy-url:http://u/\r\n"
                   b"icy-br:128\r\ncontent-type:audio/mpeg\r\nicy-metaint:1000\r\n\r\n")
            yield from icy(mp3(True))
        self.web.raw("/", answer)
        n = self.node()
        cid = self.fetch(n, self.web.url("/"), name="")
        self.info(n, cid, name="Radio \u30e9\u30b8\u30aa", genre="jazz", url="http://u/", bitrate=128, contentType="MP3")
        self.wait(lambda: self.title(n, cid).startswith("It's on "), WAIT, "title")
        first = self.title(n, cid)
        self.wait(lambda: self.title(n, cid) != first, WAIT, "another title")
        self.assertEqual(self.web.requests("/")[0]["Icy-MetaData"], "1")
        with n.view(cid) as v:
            data = v.read(60000, WAIT)
        self.assertNotIn(b"StreamTitle", data)
        at = data.index(b"\xff\xfb")
        self.assertEqual(decode(data[at:len(data) - 417 * 2])["audio"][0], "mp3")

    def test_given_texts_win(self):
        self.web.stream("/", lambda: mp3(True), "audio/mpeg", icy_name="theirs", icy_genre="theirs", icy_br="64")
        n = self.node()
        cid = self.fetch(n, self.web.url("/"), name="ours", bitrate=99)
        self.info(n, cid, name="ours", genre="theirs", bitrate=99)

    def test_mmsh(self):
        data = sample_bytes("wmv")
        self.web.stream("/wmv", lambda: mmsh(data), "application/x-mms-framed", interval=0.02)
        n = self.node({"fetchAllow": "http,mms"})
        cid = self.fetch(n, self.web.url("/wmv").replace("http:", "mms:"))
        self.assertEqual(n.wait_channel(cid=cid, seconds=WAIT)["info"]["contentType"], "WMV")
        # VLC must be told how to play it
        for agent, scheme in (("VLC/3.0.18 LibVLC/3.0.18", "mmsh"), ("NSPlayer/12.0", "http")):
            self.assertIn('href="%s://' % scheme, n.get("/pls/" + cid, {"User-Agent": agent}).text)
        asked = self.web.requests("/wmv")[0]
        self.assertIn("NSPlayer", asked["User-Agent"])
        self.assertIn("Pragma", asked)

    def test_rtmp(self):
        """ffmpeg as a server, for whoever plays first."""
        n = self.node({"fetchAllow": "rtmp"})
        url = "rtmp://127.0.0.1:%d/live/s" % free_port()
        server = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", sample("flv"), "-c", "copy", "-f", "flv", "-listen", "1", url],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        cid = self.fetch(n, url)
        n.wait_channel(cid=cid, seconds=WAIT)
        with n.view(cid) as v:
            self.assertEqual(decode_cut(v.read(20000, WAIT))["video"][0], "h264")

    def test_another_nodes_channel(self):
        a, b = self.node(), self.node(name="second")
        self.push(a, "there")
        there = a.wait_channel("there", seconds=WAIT)["channelId"]
        cid = self.fetch(b, "http://%s/stream/%s.flv" % (a.address, there))
        self.assertEqual(b.wait_channel(cid=cid, seconds=WAIT)["info"]["contentType"], "FLV")
        with b.view(cid) as v:
            seen = units(v.read(20000, WAIT))
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))

    def test_broadcast_channel(self):
        self.web.stream("/live", flv_stream)
        n = self.node()
        args = {"yellowPageId": None, "networkType": "ipv4", "sourceUri": self.web.url("/live"), "contentReader": "FLV",
                "info": {"name": "station", "genre": "g"}, "track": {"name": "song"}}
        cid = n.rpc("broadcastChannel", {**args, "sourceStream": "http"})
        chan = n.wait_channel(cid=cid, seconds=WAIT)
        self.assertEqual([chan["info"]["name"], chan["track"]["name"]], ["station", "song"])
        self.assertIn("http", [s["name"] for s in n.rpc("getSourceStreams")])
        # the same name again takes it over
        self.assertEqual(n.rpc("broadcastChannel", args), cid)

    def test_admin(self):
        self.web.stream("/live", flv_stream)
        n = self.node()
        q = {"cmd": "fetch", "url": self.web.url("/live"), "name": "form", "type": "FLV", "stream": "x"}
        r = n.get("/admin?" + urllib.parse.urlencode(q))
        self.assertEqual(r.status, 302)
        self.assertTrue(r.headers["location"].endswith("/relays.html"), r.headers)
        n.wait_channel("form", seconds=WAIT)
        for bad in ({"url": ""}, {"url": "gopher://x/"}, {"url": "/etc/passwd"}, {"url": "http://"},
                    {"url": "http://x/" + "y" * 2000}, {"url": "http://a b/"}):
            r = n.get("/admin?" + urllib.parse.urlencode({**q, **bad}))
            self.assertEqual(r.status, 400, bad)
        # a page of another site cannot
        self.assertEqual(n.get("/admin?" + urllib.parse.urlencode(q), {"Origin": "http://evil.example"}).status, 403)

    # --- the way there ---

    def test_redirects(self):
        self.web.stream("/live", flv_stream)
        self.web.redirect("/a", "/b")
        self.web.redirect("/b", self.web.url("/live"))
        n = self.node()
        n.wait_channel(cid=self.fetch(n, self.web.url("/a")), seconds=WAIT)

    def test_redirect_loop(self):
        self.web.redirect("/a", "/a")
        self.broken("/a", r"\(5\) redirects")

    def test_redirect_to_a_file(self):
        self.web.redirect("/a", "file:///etc/passwd")
        self.broken("/a", "[Pp]rotocol")

    def test_playlists(self):
        self.web.stream("/live", flv_stream)
        live, dead = self.web.url("/live"), self.web.url("/dead")
        lists = {
            "/m3u": ("#EXTM3U\n#EXTINF:-1,x\n/dead\nlive\n", "audio/x-mpegurl"),
            "/pls": ("[playlist]\nNumberOfEntries=2\nFile1=%s\nTitle1=x\nFile2=%s\n" % (dead, live), "audio/x-scpls"),
            "/asx": ('<ASX version="3.0"><ENTRY><REF HREF="%s" /></ENTRY></ASX>' % live, "video/x-ms-asf"),
            "/deep": ("/m3u\n", "audio/x-mpegurl"),
        }
        n = self.node()
        for path, (text, ctype) in lists.items():
            if path == "/asx":
                path = "/list.asx"
            self.web.text(path, text, ctype)
            with self.subTest(path):
                n.wait_channel(cid=self.fetch(n, self.web.url(path), name=path), seconds=WAIT)

    def test_playlist_of_itself(self):
        self.web.text("/a", "/a\n/a\n", "audio/x-mpegurl")
        self.broken("/a", "playlists in playlists")

    def test_playlist_leads_to_files(self):
        self.web.text("/a", "file:///etc/passwd\n/etc/passwd\npipe:id\n", "audio/x-mpegurl")
        n = self.broken("/a", "leads to a file or a command")
        self.assertNotIn("root:", n.output())

    def test_hls(self):
        self.web.text("/a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\nx.ts\n", "application/vnd.apple.mpegurl")
        self.broken("/a.m3u8", "HLS")

    # --- bad input ---

    def test_not_found(self):
        self.broken("/nothing", "404")

    def test_a_page(self):
        self.web.text("/", "<html>hello</html>", "text/html")
        self.broken("/", "a page or a picture")

    def test_wrong_container(self):
        self.web.text("/", "this is no FLV, whatever is said of it" * 10, "video/x-flv")
        self.broken("/", "FLV")

    def test_huge_headers(self):
        def answer():
            yield b"HTTP/1.1 200 OK\r\n"
            for i in range(3000):
                yield b"X-Fill-%d: %s\r\n" % (i, b"x" * 1000)
        self.web.raw("/", answer, 0)
        self.broken("/", "header")

    def test_bad_metaint(self):
        self.web.stream("/", lambda: mp3(True), "audio/mpeg", icy_metaint="99999999999")
        self.broken("/", "icy-metaint")

    def test_no_server(self):
        n = self.node()
        self.web.close()
        cid = self.fetch(n, self.web.url("/"))
        n.wait_log("pull http.*: ", WAIT)
        n.rpc("stopChannel", [cid])
        n.wait_no_channel(cid=cid)

    def test_schemes(self):
        n = self.node()
        for url, words in (("mms://127.0.0.1/x", "mms is not in fetchAllow"), ("rtmp://127.0.0.1/a/b", "rtmp is not"),
                           ("file:///etc/passwd", "file is not in fetchAllow"),
                           ("/etc/passwd", "it is a file, and file is not"), ("pipe:id", "pipe is not in fetchAllow"),
                           ("gopher://x/", "not an"), ("", "url missing")):
            with self.subTest(url), self.assertRaises(RpcError) as e:
                self.fetch(n, url)
            self.assertEqual(e.exception.code, -32602)
            self.assertIn(words, e.exception.data)
        self.assertEqual(n.channels(), [])

    # --- again ---

    def test_source_comes_again(self):
        """It ends, and is asked for again: the channel and its viewer stay."""
        self.web.stream("/", lambda: itertools.islice(flv_stream(), 60), interval=0.01)
        n = self.node()
        cid = self.fetch(n, self.web.url("/"))
        n.wait_channel(cid=cid, seconds=WAIT)
        with n.view(cid) as v:
            seen, heads = [], 0
            end = time.monotonic() + WAIT
            while time.monotonic() < end and heads < 1:
                seen += units(v.read(5000, WAIT))
                heads = sum(1 for x, y in zip(seen, seen[1:]) if y < x)
        self.assertGreaterEqual(heads, 1)
        self.assertGreaterEqual(len(self.web.requests("/")), 2)
        self.assertEqual([c["channelId"] for c in n.channels()], [cid])

    @slow
    def test_stall(self):
        """Nothing for half a minute: it is asked for again."""
        def stalls(rq):
            rq.send_response(200)
            rq.send_header("Content-Type", "video/x-flv")
            rq.end_headers()
            paced(rq, itertools.islice(flv_stream(), 30))
            rq.server.gone.wait(120)
        self.web.pages["/"] = stalls
        n = self.node()
        n.wait_channel(cid=self.fetch(n, self.web.url("/")), seconds=WAIT)
        self.wait(lambda: len(self.web.requests("/")) > 1, 90, "another request")
        self.assertIn("bytes/sec", n.output())

    def test_saved(self):
        """A restart brings it back under its id; stopped it is forgotten."""
        self.web.stream("/live", flv_stream)
        n = self.node()
        url = self.web.url("/live").replace("//", "//user:secret@")
        cid = self.fetch(n, url, genre="g")
        n.wait_channel(cid=cid, seconds=WAIT)
        n.stop(signal.SIGTERM)
        self.assertEqual(n.read_ini()["sourceurl"], url)
        self.assertNotIn("secret", n.output())
        n.start()
        chan = n.wait_channel(cid=cid, seconds=WAIT)
        self.assertEqual([chan["info"]["name"], chan["info"]["genre"]], ["pulled", "g"])
        self.assertTrue(self.web.requests("/live")[0]["Authorization"].startswith("Basic "))
        n.rpc("stopChannel", [cid])
        n.wait_no_channel(cid=cid)
        n.stop(signal.SIGTERM)
        self.assertNotIn("sourceurl", n.read_ini())

    def test_stop_in_the_middle(self):
        """A server that says nothing does not keep the node."""
        def silence(rq):
            rq.server.gone.wait(60)
        self.web.pages["/"] = silence
        n = self.node()
        self.fetch(n, self.web.url("/"))
        self.wait(lambda: self.web.requests("/"), WAIT, "request")
        n.stop(signal.SIGTERM)


def decode_cut(data):
    """Decode an FLV up to its last whole tag."""
    at = 13
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1:at + 4], "big") + 15
        if at + size > len(data):
            break
        at += size
    return decode(data[:at])


def mmsh(asf):
    """An ASF file in the chunks of a server."""
    head = 50 + int.from_bytes(asf[16:24], "little")
    packet = int.from_bytes(asf[asf.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 92:][:4], "little")

    def chunk(kind, n, body):
        size = (len(body) + 8).to_bytes(2, "little")
        return b"$" + kind + size + n.to_bytes(4, "little") + b"\0\0" + size + body
    yield chunk(b"H", 0, asf[:head])
    for n, at in enumerate(range(head, len(asf) - packet + 1, packet)):
        yield chunk(b"D", n, asf[at:at + packet])


if __name__ == "__main__":
    unittest.main()
