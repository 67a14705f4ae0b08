# SPDX-License-Identifier: GPL-2.0-or-later
"""Boards of channels, asked by the node (boards.md): both kinds, and servers that are no good."""
import threading
import time
import urllib.parse

from boards import Board
from harness import BoxCase, slow, wait_until

WAIT = 25


class BoardCase(BoxCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.board.threads = {
            "1600000001": ["実況 ①", [("名無し", "sage", "はじめ"), ("名無し", "", "&gt;&gt;1\n二行")]],
            "1600000002": ["ｶﾅ &amp; 雑談", [("", "", "a")]],
        }

    def up(self, **ini):
        return self.node({"boardHosts": self.board.host, **ini})

    def where(self, shitaraba):
        return {"fqdn": self.board.host, "category": "game" if shitaraba else "peca", "board_num": "77" if shitaraba else ""}

    def ask(self, node, page, status=200, **query):
        r = node.get("/cgi-bin/%s.cgi?%s" % (page, urllib.parse.urlencode(query)), seconds=WAIT)
        self.assertEqual((r.status, r.headers["content-type"]), (status, "application/json"), r.text)
        return r.json()

    def post(self, node, shitaraba, thread, body, **more):
        form = urllib.parse.urlencode({**self.where(shitaraba), "id": thread, "body": body, **more})
        r = node.http("POST", "/cgi-bin/post.cgi", form, {"Content-Type": "application/x-www-form-urlencoded"}, WAIT)
        self.assertEqual(r.status, 200, r.text)
        return r.json()

    def wait_last(self, node, shitaraba, thread, last):
        """The thread, once the node asks the board anew: it does so every five seconds."""
        def there():
            got = self.ask(node, "thread", id=thread, **self.where(shitaraba))
            return got if got.get("last") == last else None
        return wait_until(there, WAIT, "post %d" % last)


class Boards(BoardCase):
    def test_2ch(self):
        b, n = self.board, self.up()
        got = self.ask(n, "board", url="http://%s/test/read.cgi/peca/1600000001/" % b.host)
        self.assertEqual(got, {
            "status": "ok", "title": "実況板", "category": "peca", "board_num": "", "fqdn": b.host, "id": "1600000001",
            "threads": [{"id": "1600000001", "title": "実況 ①", "last": 2}, {"id": "1600000002", "title": "ｶﾅ &amp; 雑談", "last": 1}]})
        got = self.ask(n, "thread", id="1600000001", **self.where(False))
        self.assertEqual(got, {
            "status": "ok", "id": "1600000001", "title": "実況 ①", "last": 2, "posts": [
                {"no": 1, "name": "名無し", "mail": "sage", "date": "2026/11/26(木) 12:00:00.00 ID:i0", "body": "はじめ"},
                {"no": 2, "name": "名無し", "mail": "", "date": "2026/11/26(木) 12:00:01.00 ID:i1", "body": "&gt;&gt;1 <br> 二行"}]})
        self.assertNotIn("Range", b.asked("/peca/dat/1600000001.dat")[0])
        # a post is to be seen at once, and only the news are sent
        whole = len(b.dat("1600000001"))
        self.assertEqual(self.post(n, False, "1600000001", "書く<b>\n😀", name="私", mail="sage"), {"status": "ok"})
        path, form, referer = b.posted[0]
        self.assertEqual((path, referer), ("/test/bbs.cgi", "http://%s/peca/" % b.host))
        self.assertEqual(form, {"FROM": "私", "mail": "sage", "MESSAGE": "書く<b>\r\n&#128512;", "bbs": "peca", "key": "1600000001",
                                "submit": "書き込む"})
        got = self.ask(n, "thread", id="1600000001", first="3", **self.where(False))
        self.assertEqual((got["last"], [p["body"] for p in got["posts"]], got["title"]), (3, ["書く&lt;b&gt; <br> &#128512;"], "実況 ①"))
        self.assertEqual(b.asked("/peca/dat/1600000001.dat")[1]["Range"], "bytes=%d-" % (whole - 1))
        # something was taken away: the whole again
        b.threads["1600000001"][1][0] = ("あぼーん", "", "x")
        b.threads["1600000001"][1].append(("", "", "y" * 300))
        got = self.wait_last(n, False, "1600000001", 4)
        self.assertEqual((got["posts"][0]["name"], len(got["posts"][3]["body"])), ("あぼーん", 300))
        self.assertNotIn("Range", b.asked("/peca/dat/1600000001.dat")[-1])
        # a thread that is not there, and one that has gone away
        got = self.ask(n, "thread", id="5", **self.where(False))
        self.assertEqual((got["status"], got["code"]), ("error", 404))

    def test_shitaraba(self):
        b, n = self.board, self.up()
        got = self.ask(n, "board", **self.where(True))
        self.assertEqual((got["title"], got["board_num"], [(t["id"], t["title"], t["last"]) for t in got["threads"]]),
                         ("実況板", "77", [("1600000001", "実況 ①", 2), ("1600000002", "ｶﾅ &amp; 雑談", 1)]))
        got = self.ask(n, "thread", id="1600000001", **self.where(True))
        self.assertEqual(got["posts"][1], {"no": 2, "name": "名無し", "mail": "", "date": "2026/11/26(木) 12:00:00 ID:i2",
                                           "body": "&gt;&gt;1<br>二行"})
        self.assertEqual(self.post(n, True, "1600000001", "書く 안\nb", name="私"), {"status": "ok"})
        path, form, referer = b.posted[0]
        self.assertEqual((path, referer), ("/bbs/write.cgi/game/77/1600000001/", "http://%s/bbs/read.cgi/game/77/1600000001/" % b.host))
        self.assertEqual(form, {"NAME": "私", "MAIL": "", "MESSAGE": "書く &#50504;\r\nb", "BBS": "77", "KEY": "1600000001", "DIR": "game"})
        got = self.ask(n, "thread", id="1600000001", first="3", **self.where(True))
        self.assertEqual((got["last"], [p["name"] for p in got["posts"]]), (3, ["私"]))
        # only the news were asked for
        self.assertEqual(len(b.asked("/bbs/rawmode.cgi/game/77/1600000001/3-")), 1)
        b.refuse = "本文がありません & more"
        self.assertEqual(self.post(n, True, "1600000001", "x"), {"status": "error", "code": 200, "message": "本文がありません & more"})

    def test_a_board_without_threads(self):
        self.board.threads = {}
        got = self.ask(self.up(), "board", **self.where(True))
        self.assertEqual((got["status"], got["title"], got["threads"]), ("ok", "実況板", []))

    def test_asked_in_moderation(self):
        """However many pages look at a thread, the board is asked once in five seconds."""
        n, answers = self.up(), []
        self.board.pages["/peca/dat/1600000002.dat"] = lambda rq: (time.sleep(0.3), self.board.get(rq))

        def look():
            answers.append(self.ask(n, "thread", id="1600000002", **self.where(False))["last"])
        pages = [threading.Thread(target=look) for _ in range(8)]
        begun = time.monotonic()
        for t in pages:
            t.start()
        for t in pages:
            t.join(WAIT)
        self.assertEqual(answers, [1] * 8)
        if time.monotonic() - begun < 4:
            self.assertEqual(len(self.board.asked("/peca/dat/1600000002.dat")), 1)
        # an error is one as well
        for _ in range(3):
            self.ask(n, "thread", id="4", **self.where(False))
        if time.monotonic() - begun < 8:
            self.assertLessEqual(len(self.board.asked("/peca/dat/4.dat")), 2)

    def test_whom_it_may_ask(self):
        """Hosts of contact URLs and those that are listed; those in our own network only when listed."""
        b, n = self.board, self.node()
        where = self.where(False)
        self.assertIn("boardHosts", self.ask(n, "board", 403, **where)["message"])
        self.push(n, url="http://%s/peca/" % b.host)
        self.push(n, "by name", url="http://localhost:%d/peca/" % b.port)
        n.wait_channel("by name")
        for host in (b.host, "localhost:%d" % b.port):
            got = self.ask(n, "board", **{**where, "fqdn": host})
            self.assertEqual((got["status"], got["message"]), ("error", "it leads into our own network"))
        self.assertEqual(b.seen, [])
        for bad in ({"fqdn": "x/y"}, {"fqdn": "a@" + b.host}, {"category": ".."}, {"category": "a/b"}, {"board_num": "%2e"}):
            self.assertEqual(self.ask(n, "board", 400, **{**where, **bad})["status"], "error")
        self.assertEqual(self.ask(n, "thread", 400, **where)["status"], "error")
        self.assertEqual(b.seen, [])

    def test_servers_that_are_no_good(self):
        b, n = self.board, self.up()
        elsewhere = Board()
        self.addCleanup(elsewhere.close)
        pages = {
            "1": (lambda rq: rq.send(b"", 302, Location="http://%s/peca/dat/1.dat" % elsewhere.host), "elsewhere"),
            "2": (lambda rq: rq.send(b"", 302, Location="/peca/dat/1600000001.dat"), "elsewhere"),
            "3": (lambda rq: rq.send(b"x" * (1 << 20) + b"y"), "too long"),
            "4": (lambda rq: (rq.send_response(200), rq.end_headers(), [rq.wfile.write(b"x" * 65536) for _ in range(40)]), "too long"),
            "5": (lambda rq: rq.wfile.write(b"\x00\xff no HTTP\r\n\r\n"), ""),
            "6": (lambda rq: (rq.send_response(200), rq.send_header("Content-Length", "99"), rq.end_headers()), ""),
            "7": (lambda rq: rq.send(b"no", 500), "answers 500"),
            "8": (lambda rq: rq.connection.close(), ""),
        }
        for thread, (page, why) in pages.items():
            b.pages["/peca/dat/%s.dat" % thread] = page
            with self.subTest(thread):
                got = self.ask(n, "thread", id=thread, **self.where(False))
                self.assertEqual(got["status"], "error", got)
                self.assertIn(why, got["message"])
        self.assertEqual(elsewhere.seen, [])
        # garbage is text like any other, whatever it says it is
        b.pages["/peca/dat/9.dat"] = lambda rq: rq.send(bytes(range(256)) * 40 + b"\nn<><>d<>\xff\x81<>\n")
        got = self.ask(n, "thread", id="9", **self.where(False))
        self.assertEqual((got["status"], got["posts"][-1]["body"]), ("ok", "\ufffd\ufffd"))
        # a long thread of Shitaraba: as far back as is wanted
        b.pages["/bbs/rawmode.cgi/game/77/10/1-"] = lambda rq: rq.send(b"1<>n<>m<>d<>" + b"x" * (1 << 20) + b"<><>\n")
        b.pages["/bbs/rawmode.cgi/game/77/10/900-"] = lambda rq: rq.send(b"900<>n<>m<>d<>b<><>i\n")
        got = self.ask(n, "thread", id="10", first="900", **self.where(True))
        self.assertEqual((got["status"], got["last"], len(got["posts"])), ("ok", 900, 1))
        self.assertIn("too long", self.ask(n, "thread", id="10", **self.where(True))["message"])

    def test_one_that_hangs_does_not_hold_the_end(self):
        b, n = self.board, self.up()
        for i in range(6):
            b.hang("/peca/dat/%d.dat" % i)
        clients = [self.closing(n.client()) for _ in range(6)]
        for i, c in enumerate(clients):
            c.request("GET", "/cgi-bin/thread.cgi?" + urllib.parse.urlencode({**self.where(False), "id": i}))
        # no more than four at a time
        wait_until(lambda: len(b.seen) == 4, WAIT, "four requests")
        n.stop()
        self.assertNotIn("cut off", n.output())         # neither those who ask nor those who wait for them

    @slow
    def test_one_that_hangs(self):
        b, n = self.board, self.up()
        b.hang("/peca/dat/1.dat")
        got = self.ask(n, "thread", id="1", **self.where(False))
        self.assertEqual((got["status"], got["code"]), ("error", 0))
        b.hang("/test/bbs.cgi")
        self.assertEqual(self.post(n, False, "1600000001", "x")["status"], "error")

    def test_switched_off(self):
        n = self.up(chat="No")
        self.assertIn("chat", self.ask(n, "board", 404, **self.where(False))["message"])
        self.assertEqual(self.board.seen, [])
