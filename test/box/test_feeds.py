# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of yellow pages in the node: fetched, read, merged, and used (node.md 9)."""
import contextlib
import gzip
import html
import http.server
import signal
import threading
import time
import urllib.parse

import harness
from harness import BoxCase, free_port, new_id, wait_until

WAIT = 25


def line(name="n", cid=None, tip="192.0.2.1:7144", listeners=3, relays=1, **kw):
    f = [name, cid or new_id(), tip, kw.get("url", "http://c/"), kw.get("genre", "g"), kw.get("desc", "d"),
         str(listeners), str(relays), "500", "FLV", "artist", "album", "title", "http://t/",
         kw.get("encoded", urllib.parse.quote(html.unescape(name))), "1:05", "click",
         kw.get("comment", "hi"), "1"]
    return "<>".join(f) + "\n"


class Yp:
    """A web server with lists, good and bad; notes what it is asked. place: the machine it is on (net.py)."""

    def __init__(self, place=None):
        self.pages = {}         # path -> function of the request handler
        self.seen = []          # (path with query, headers)
        self.gone = threading.Event()
        yp = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                yp.seen.append((self.path, dict(self.headers)))
                page = yp.pages.get(self.path.split("?")[0])
                try:
                    if page is None:
                        self.send_error(404)
                    else:
                        page(self)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.host = place.ip if place else "127.0.0.1"
        self.port = 80 if place else free_port()
        with place.inside() if place else contextlib.nullcontext():
            self.server = Server((self.host, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path):
        return "http://%s:%d%s" % (self.host, self.port, path)

    def requests(self, path):
        return [headers for p, headers in list(self.seen) if p.split("?")[0] == path]

    def list(self, path, text, **headers):
        """A page with this text; with etag it is sent once."""
        body = text if isinstance(text, bytes) else text.encode()

        def page(rq):
            if headers.get("etag") and rq.headers.get("If-None-Match") == headers["etag"]:
                rq.send_response(304)
                rq.end_headers()
                return
            rq.send_response(200)
            rq.send_header("Content-Length", str(len(body)))
            if headers.get("etag"):
                rq.send_header("ETag", headers["etag"])
                rq.send_header("Last-Modified", "Thu, 26 Nov 2020 21:00:00 GMT")
            if headers.get("encoding"):
                rq.send_header("Content-Encoding", headers["encoding"])
            rq.end_headers()
            rq.wfile.write(body)
        self.pages[path] = page

    def redirect(self, path, to):
        def page(rq):
            rq.send_response(302)
            rq.send_header("Location", to)
            rq.end_headers()
        self.pages[path] = page


def feeds(*urls):
    return "".join("[Feed]\nurl = %s\n[End]\n" % u for u in urls)


class Feeds(BoxCase):
    def setUp(self):
        self.yp = Yp()
        self.addCleanup(self.yp.close)

    def wait_listed(self, n, count):
        def there():
            got = n.rpc("getYPChannels")
            return got if len(got) == count else None
        return wait_until(there, WAIT, "%d channels listed" % count)

    def feed_log(self, n, index=0):
        r = n.get("/admin?cmd=chanfeedlog&index=%d" % index)
        return r.text if r.status == 200 else ""

    def wait_feed_log(self, n, words, index=0):
        return wait_until(lambda: words in self.feed_log(n, index) and self.feed_log(n, index), WAIT,
                          "%r in the log of feed %d" % (words, index))

    def test_listed_and_merged(self):
        cid = new_id()
        self.yp.list("/a.txt", line("A &amp; &lt;B&gt;", cid, listeners=2, comment="c &#039;x&#039;") +
                     line("top - &lt;Free&gt;", listeners=50, encoded="top") + line("hidden", listeners=-1, encoded="<x"))
        self.yp.list("/b.txt?x".split("?", maxsplit=1)[0], line("twice", cid, listeners=7))
        a, b = self.yp.url("/a.txt"), self.yp.url("/b.txt?x=1")
        n = self.node(blocks=feeds(a, b))
        got = self.wait_listed(n, 4)
        self.assertEqual([c["name"] for c in got], ["top - <Free>", "twice", "A & <B>", "hidden"])
        # the YP's own pages know a channel by the name the list has for them, and some by none
        state = n.rpc("getState", [["servMgr"]])["servMgr"]["channelDirectory"]
        self.assertEqual([(c["encodedName"], c["chatUrl"], c["statsUrl"]) for c in state["channels"][::3]],
                         [("top", self.yp.url("/chat.php?cn=top"), self.yp.url("/getgmt.php?cn=top")), ("", "", "")])
        self.assertEqual((state["totalListeners"], state["totalRelays"]), ("59", "4"))
        self.assertEqual(got[2], {
            "yellowPage": a, "name": "A & <B>", "channelId": cid, "tracker": "192.0.2.1:7144", "contactUrl": "http://c/",
            "genre": "g", "description": "d", "comment": "c 'x'", "bitrate": 500, "contentType": "FLV",
            "trackTitle": "title", "album": "album", "creator": "artist", "trackUrl": "http://t/", "listeners": 2,
            "relays": 1, "uptime": 3900, "encodedName": "A%20%26%20%3CB%3E"})
        self.assertEqual(got[1]["yellowPage"], b)
        got = n.rpc("getYPFeeds")
        self.assertEqual([{k: f[k] for k in ("url", "directoryUrl", "status", "channels", "name")} for f in got], [
            {"url": u, "directoryUrl": self.yp.url("/"), "status": "OK", "channels": c, "name": "127.0.0.1:%d" % self.yp.port}
            for u, c in ((a, 3), (b, 1))])
        self.assertIn("3 channels", got[0]["message"])
        self.assertEqual(n.get("/html/en/play.html?id=" + cid).status, 200)
        self.assertEqual(n.get("/html/en/play.html?id=" + new_id()).status, 404)
        # a YP is told where our node answers
        self.assertEqual({p for p, _ in self.yp.seen},
                         {"/a.txt?host=localhost:%d" % n.port, "/b.txt?x=1&host=localhost:%d" % n.port})
        # for YP browsers that ask their own node
        r = n.get("/ypchannels/index.txt")
        self.assertEqual((r.status, r.headers["content-type"]), (200, "text/plain; charset=utf-8"))
        rows = [x.split("<>") for x in r.text.splitlines()]
        self.assertEqual([len(x) for x in rows], [19] * 4)
        self.assertEqual((rows[2][0], rows[2][1], rows[2][17]), ("A &amp; &lt;B&gt;", cid, "c &#039;x&#039;"))
        self.assertEqual([x[14] for x in rows], ["top", "twice", "A%20%26%20%3CB%3E", ""])
        self.assertIn("3 channels", self.feed_log(n, 0))
        self.assertEqual(n.get("/admin?cmd=chanfeedlog&index=2").status, 404)
        self.assertEqual(n.get("/admin?cmd=chanfeedlog&index=-1").status, 404)

    def test_asked_for_in_moderation(self):
        """Two who ask at once, or soon after, get one request."""
        self.yp.list("/a.txt", line())
        n = self.node(blocks=feeds(self.yp.url("/a.txt")))
        self.wait_listed(n, 1)
        self.assertEqual(len(n.rpc("updateYPChannels")), 1)
        r = n.get("/admin?cmd=fetch_feeds")
        self.assertEqual((r.status, r.headers["location"]), (302, "/html/en/channels.html"))
        self.assertEqual(len(self.yp.requests("/a.txt")), 1)
        self.assertEqual(n.get("/admin?cmd=fetch_feeds", {"Origin": "http://evil.example"}).status, 403)
        self.assertEqual(n.http("HEAD", "/admin?cmd=fetch_feeds").status, 405)

    def test_none(self):
        n = self.node()
        self.assertEqual(n.rpc("getYPChannels"), [])
        self.assertEqual(n.rpc("updateYPChannels"), [])
        self.assertEqual(n.get("/ypchannels/index.txt").body, b"")

    def reload(self, n, blocks):
        """Other feeds, by SIGHUP: all are fetched again."""
        with open(n.ini_path, "rb") as f:
            keys = f.read().split(b"[Feed]")[0]
        with open(n.ini_path, "wb") as f:
            f.write(keys + blocks.encode())
        n.send_signal(signal.SIGHUP)

    def test_unchanged_list_is_not_sent_again(self):
        self.yp.list("/a.txt", line("kept"), etag='"v1"')
        self.yp.list("/b.txt", line("second"))
        self.yp.list("/c.txt", line("third"))
        a = self.yp.url("/a.txt")
        n = self.node(blocks=feeds(a))
        self.wait_listed(n, 1)
        self.reload(n, feeds(a, self.yp.url("/b.txt")))
        self.assertEqual({c["name"] for c in self.wait_listed(n, 2)}, {"kept", "second"})
        wait_until(lambda: len(self.yp.requests("/a.txt")) == 2, WAIT)
        again = self.yp.requests("/a.txt")[1]
        self.assertEqual((again["If-None-Match"], again["If-Modified-Since"]), ('"v1"', "Thu, 26 Nov 2020 21:00:00 GMT"))
        self.wait_feed_log(n, "unchanged")
        # what is no feed any more is not listed any more
        self.reload(n, feeds(self.yp.url("/c.txt")))
        wait_until(lambda: [c["name"] for c in n.rpc("getYPChannels")] == ["third"], WAIT)

    def test_a_feed_that_fails_keeps_its_list(self):
        self.yp.list("/a.txt", line("kept"))
        self.yp.list("/b.txt", line("second"))
        a = self.yp.url("/a.txt")
        n = self.node(blocks=feeds(a))
        self.wait_listed(n, 1)
        del self.yp.pages["/a.txt"]
        self.reload(n, feeds(a, self.yp.url("/b.txt")))
        self.wait_feed_log(n, "the server answers 404")
        self.assertEqual({c["name"] for c in self.wait_listed(n, 2)}, {"kept", "second"})

    def endless(self, chunk, pause=0.0):
        def page(rq):
            rq.send_response(200)
            rq.end_headers()
            while not self.yp.gone.is_set():
                rq.wfile.write(chunk)
                if pause:
                    self.yp.gone.wait(pause)
        return page

    def test_bad_servers(self):
        """Each gets a word in its log; the good one beside them is listed, and soon."""
        yp = self.yp
        yp.list("/good", line("good"))
        yp.list("/html", "<!DOCTYPE html>\n<html>not here</html>\n")
        yp.list("/mixed", line("mixed") + "junk\n" + line("mixed too"))
        yp.list("/bomb", gzip.compress(b"x" * (64 << 20)), encoding="gzip")
        yp.list("/zip", gzip.compress(line("zipped").encode()), encoding="gzip")
        yp.list("/garbled", b"\x1f\x8bnothing of the kind", encoding="gzip")
        yp.pages["/huge"] = self.endless(b"x" * 65536)
        yp.redirect("/file", "file:///etc/passwd")
        yp.redirect("/gopher", "gopher://127.0.0.1:%d/x" % yp.port)
        yp.redirect("/loop", "/loop")
        yp.redirect("/moved", "/good")
        for i in range(4):
            yp.redirect("/far%d" % i, "/far%d" % (i + 1))
        yp.list("/far4", line("too far"))

        def cut(rq):
            rq.send_response(200)
            rq.send_header("Content-Length", "100000")
            rq.end_headers()
            rq.wfile.write(b"x" * 100)

        def liar(rq):
            rq.send_response(200)
            rq.send_header("Content-Length", str(1 << 40))
            rq.end_headers()
            rq.wfile.write(b"x" * 100)
        yp.pages["/cut"], yp.pages["/liar"] = cut, liar
        want = {"/html": "no list of channels", "/mixed": "2 channels, 1 bad lines", "/bomb": "too long",
                "/zip": "1 channels", "/garbled": None, "/huge": "too long", "/file": None, "/gopher": None,
                "/loop": None, "/moved": "1 channels", "/far0": None, "/cut": None, "/liar": "too long",
                "/nothing": "the server answers 404", "/good": "1 channels"}
        closed = "http://127.0.0.1:%d/" % free_port()
        paths = list(want)
        n = self.node(blocks=feeds(*[yp.url(p) for p in paths], closed))
        for i, path in enumerate([*paths, closed]):
            with self.subTest(path):
                log = wait_until(lambda i=i: self.feed_log(n, i), WAIT, path)
                if want.get(path):
                    self.assertIn(want[path], log)
                else:
                    self.assertNotIn("channels\n", log)
        names = sorted(c["name"] for c in n.rpc("getYPChannels"))
        self.assertEqual(names, ["good", "good", "mixed", "mixed too", "zipped"])
        self.assertNotIn("root:", n.output())

    def test_slow_server_holds_nobody_up(self):
        """A byte now and then, for ever: others are listed meanwhile, and the node ends in time."""
        self.yp.list("/good", line("good"))
        self.yp.pages["/slow"] = self.endless(b"x", 0.2)
        n = self.node(blocks=feeds(self.yp.url("/slow"), self.yp.url("/good")))
        self.assertEqual(self.wait_listed(n, 1)[0]["name"], "good")
        began = time.monotonic()
        waiting = threading.Thread(target=lambda: self.quietly(n.rpc, "updateYPChannels"), daemon=True)
        waiting.start()
        self.assertEqual(n.get("/api/1").status, 200)
        self.assertLess(time.monotonic() - began, 9 * harness.PATIENCE)
        n.stop()
        waiting.join(WAIT)

    @staticmethod
    def quietly(fn, *args):
        try:
            fn(*args)
        except (OSError, AssertionError, ValueError, harness.http.client.HTTPException):
            pass

    @harness.slow
    def test_slow_server_is_given_up(self):
        self.yp.pages["/slow"] = self.endless(b"x", 0.2)
        n = self.node(blocks=feeds(self.yp.url("/slow")))
        wait_until(lambda: "timed out" in self.feed_log(n).lower(), 30)

    def test_added_with_a_yellow_page(self):
        """As PeerCastStation's clients do it: where to announce, and where the list is."""
        n = self.node()
        self.yp.list("/a.txt", line("there"))
        page = n.rpc("addYellowPage", {"protocol": "pcp", "name": "x", "announceUri": "pcp://127.0.0.1:1/",
                                       "channelsUri": self.yp.url("/a.txt")})
        self.assertEqual((page["announceUri"], page["channelsUri"]), ("pcp://127.0.0.1:1/", self.yp.url("/a.txt")))
        self.assertEqual(self.wait_listed(n, 1)[0]["name"], "there")
        self.assertEqual(n.rpc("getYellowPages")[0]["channelsUri"], self.yp.url("/a.txt"))
        for bad in ("file:///etc/passwd", "x", "http://" + "x" * 2000):
            with self.subTest(bad[:20]), self.assertRaises(harness.RpcError) as e:
                n.rpc("addYellowPage", ["pcp", "x", "pcp://127.0.0.1:1/", None, bad])
            self.assertEqual((e.exception.code, e.exception.data), (-32602, "Invalid channelsUri"))

    def test_events_tell(self):
        n = self.node()
        with n.client() as c:
            c.request("GET", "/api/1/events?events=feed")
            c.read_head(WAIT)
            self.yp.list("/a.txt", line() + line())
            self.reload(n, feeds(self.yp.url("/a.txt")))
            told = c.read_until(b'"updated"', WAIT) + c.read_until(b"\n\n", WAIT)
            self.assertIn(b'"channels":2', told)

    def test_root_lists_and_a_viewer_plays(self):
        """The whole way: a broadcaster, a root's own list, and a node that knows the channel from there alone."""
        root = self.root()
        tracker = self.tracker(root, {"serverName": "t"})
        push = self.push(tracker, "on air", genre="game")
        cid = tracker.wait_channel("on air")["channelId"]
        wait_until(lambda: cid in root.get("/index.txt").text, WAIT, "listed by the root")
        n = self.node(blocks=feeds("http://%s/index.txt" % root.address))
        listed = wait_until(lambda: [c for c in n.rpc("getYPChannels") if c["channelId"] == cid], WAIT)[0]
        self.assertEqual((listed["name"], listed["genre"]), ("on air", "game"))
        if listed["tracker"]:
            with n.view(cid, ext=".flv") as v:
                self.assertEqual(v.status, 200)
                self.assertEqual(v.read(3, WAIT), b"FLV")
        push.stop()

    def test_unlisted_tip_is_used(self):
        """The address in the list leads to the stream, without a YP or a tip from the player."""
        a = self.node(name="a")
        self.push(a, "there")
        cid = a.wait_channel("there")["channelId"]
        self.yp.list("/a.txt", line("there", cid, tip=a.address))
        n = self.node(blocks=feeds(self.yp.url("/a.txt")))
        self.wait_listed(n, 1)
        with n.view(cid) as v:
            self.assertEqual(v.status, 200)
            self.assertEqual(v.read(3, WAIT), b"FLV")
