# SPDX-License-Identifier: GPL-2.0-or-later
"""The board beside the player, in a real browser and on boards of our own."""
from boards import Board
from browser import BrowserCase

PUT = """
    const aside = document.createElement("aside");
    aside.id = "board";
    aside.className = "card";
    document.getElementById("main").replaceChildren(aside);
    return import("/assets/js/board.js").then(({ openBoard }) => {
        window.board = openBoard(aside, { channelId: "", info: { url: arguments[0] } }, { every: 400 });
    });"""
LAST = """const posts = document.querySelector("#board .posts"); return posts.scrollHeight - posts.scrollTop - posts.clientHeight;"""


class Pane(BrowserCase):
    def setUp(self):
        super().setUp()
        self.board = Board("実況 & 板")
        self.addCleanup(self.board.close)
        self.board.threads = {
            "1600000001": ["満杯 &lt;1&gt;", [("", "", "x")] * 1001],
            "1600000002": ["実況スレ <b>2</b>", [("名無し", "sage", "レス %d" % i) for i in range(1, 151)]],
        }

    def put(self, node, path, lang="ja"):
        self.size(1280)
        self.open(node, "/html/%s/login.html" % lang)
        self.js(PUT, "http://%s%s" % (self.board.host, path))

    def bodies(self):
        return self.shown("#board .body")

    def test_2ch(self):
        b = self.board
        n = self.node({"boardHosts": b.host})
        posts = b.threads["1600000002"][1]
        posts[149] = ("</b>◆trip<b>", "", "<a href=\"../x\">&gt;&gt;60</a> &gt;&gt;3\n<script>alert(1)</script><img src=x onerror=alert(1)>"
                      "&#128512; &amp;lt; &hearts;")
        self.put(n, "/peca/")
        # the newest thread that is not full, its newest posts, the last one in sight
        self.assertEqual(self.wait_text("#board h2", "実況"), "実況 & 板")
        self.wait_text("#board .body", "😀")
        self.assertEqual(self.value("#board select"), "1600000002")
        self.assertEqual(self.js('return document.querySelector("#board select").selectedOptions[0].text;'), "実況スレ 2 (150)")
        self.assertEqual((len(self.bodies()), self.bodies()[-1]), (100, ">>60 >>3 alert(1)😀 &lt; ♥"))
        self.assertEqual(self.shown("#board .name")[-1], "◆trip")
        self.assertLess(self.js(LAST), 5)
        # an anchor: to a post that is there, and to one that is not yet
        self.click("#board li:last-child .body .anchor:nth-child(1)")
        self.wait_js('return document.activeElement.value === 60;')
        self.click("#board li:last-child .body .anchor:nth-child(2)")
        self.wait_js('return document.activeElement.value === 3;')
        self.assertEqual(len(self.bodies()), 150)
        # news come by themselves, and the reader stays where he reads
        at = self.js('return document.querySelector("#board .posts").scrollTop;')
        posts.append(("新人", "", "新着"))
        self.wait_text("#board .news", "1")
        self.assertEqual(self.js('return document.querySelector("#board .posts").scrollTop;'), at)
        self.click("#board .news")
        self.assertLess(self.js(LAST), 5)
        # writing
        self.click("#board summary")
        self.fill('#board [id^="board-name"]', "私")
        self.click("#board li:last-child .by .anchor")
        self.type("#board textarea", "書く\n二行")
        self.shots("board")
        self.click('#board [type="submit"]')
        self.wait_text("#board .body", "二行")
        self.assertEqual(self.value("#board textarea"), "")
        self.assertEqual(b.posted[0][1]["MESSAGE"], ">>151\r\n書く\r\n二行")
        self.assertEqual(b.posted[0][1]["FROM"], "私")
        b.refuse = "連投です"
        self.type("#board textarea", "もう一度")
        self.click('#board [type="submit"]')
        self.wait_text("#board .error", "連投です")
        self.assertEqual(self.value("#board textarea"), "もう一度")
        # a thread that is full leads on to the next
        self.js("""const select = document.querySelector("#board select"); select.value = "1600000001";
            select.dispatchEvent(new Event("change"));""")
        self.wait("#board .next")
        self.assertFalse(self.shown("#board textarea"))
        self.click("#board .next button")
        self.wait("#board textarea")
        self.wait_text("#board .body", "二行")
        # the board breaks down, and is there again
        b.pages["/peca/dat/1600000002.dat"] = lambda rq: rq.send(b"", 500)
        self.wait_text("#board .state", "500")
        self.assertIn("二行", self.bodies()[-1])

    def test_shitaraba_in_english(self):
        b = self.board
        n = self.node({"boardHosts": b.host})
        # of a contact URL of Shitaraba only the host says that it is one; the rest is the same
        self.size(1280)
        self.open(n, "/html/en/login.html")
        self.js("""
            const real = window.fetch;
            window.fetch = (url, options) => real(String(url).replace(/url=[^&]*/, "fqdn=" + arguments[0] + "&category=game&board_num=77"), options);
            """.replace("arguments[0]", "'%s'" % b.host))
        self.js(PUT, "https://jbbs.shitaraba.net/game/77/")
        self.wait_text("#board .body", "レス 150")
        self.type("#board textarea", "in English")
        self.click('#board [type="submit"]')
        self.wait_text("#board .body", "in English")
        self.assertEqual(b.posted[0][0], "/bbs/write.cgi/game/77/1600000002/")
        self.shots("board")

    def test_what_is_no_board(self):
        n = self.node()
        self.allow("/cgi-bin/.*(400|403|404)")
        self.put(n, "/peca/", "en")
        self.wait_text("#board .state", "may not be shown")
        self.put(n, "/", "en")
        self.wait_text("#board .state", "is no board")
        self.js(PUT, "")
        self.wait_text("#board .state", "names no board")
        off = self.node({"chat": "No"})
        self.put(off, "/peca/", "en")
        self.wait_js('return document.getElementById("board").hidden;')

    def test_beside_the_player(self):
        n = self.node({"boardHosts": self.board.host})
        self.allow("live.mp4 .*501")            # nobody can play what is pushed here
        self.push(n, "実況", url="http://%s/peca/" % self.board.host)
        cid = n.wait_channel("実況")["channelId"]
        self.size(1280)
        self.open(n, "/html/ja/play.html?id=" + cid)
        self.wait_text("#board .body", "レス 150")
        self.shots("play-board")
