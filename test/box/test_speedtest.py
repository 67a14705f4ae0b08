# SPDX-License-Identifier: GPL-2.0-or-later
"""A yellow page's upload test, from the client's side (node.md 6.6)."""
import http.server
import threading

import harness
from harness import BoxCase, free_port, wait_until

WAIT = 25


def document(port, checkable=1, addr="127.0.0.1", post=250, speed=0, enabled=1):
    return ('<?xml version="1.0" encoding="utf-8" ?>\n<yp4g>\n\t<yp name="Test &amp; YP" />\n'
            '\t<host ip="127.0.0.1" port_open="1" speed="%d" over="0" />\n\t<uptest checkable="%d" remain="0" />\n'
            '\t<uptest_srv addr="%s" port="%d" object="/up.cgi" post_size="%d" limit="3000" interval="15" '
            'enabled="%d" />\n</yp4g>\n' % (speed, checkable, addr, port, post, enabled)).encode()


class Yp:
    """Serves a document, and takes tests."""

    def __init__(self):
        self.port = free_port()
        self.document = document(self.port)
        self.answer = 302
        self.taken = []         # (headers, body) of tests
        self.gone = threading.Event()
        self.hold = False       # the document comes when the server goes
        self.asked = threading.Event()
        yp = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                yp.asked.set()
                if yp.hold:
                    yp.gone.wait()
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(yp.document)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                yp.taken.append((dict(self.headers), body))
                yp.document = yp.document.replace(b'speed="0"', b'speed="1234"')
                self.send_response(yp.answer)
                if yp.answer == 302:
                    self.send_header("Location", "/nowhere")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return "http://127.0.0.1:%d/yp4g.xml" % self.port


class Speedtest(BoxCase):
    def setUp(self):
        self.yp = Yp()
        self.addCleanup(self.yp.close)
        self.n = self.node(blocks="[Uptest]\nurl = %s\n[End]\n" % self.yp.url)

    def provider(self, index=0):
        return self.n.rpc("getState", [["servMgr"]])["servMgr"]["uptestServiceRegistry"]["providers"][index]

    def command(self, query):
        r = self.n.get("/admin?cmd=" + query, seconds=40)
        return r.status, r.headers.get("location"), r.text

    def test_takes_it(self):
        self.assertEqual((self.provider()["status"], self.provider()["url"]), ("Untried", self.yp.url))
        self.assertEqual(self.command("refresh_speedtest")[:2], (302, "/html/en/speedtest.html"))
        got = self.provider()
        self.assertEqual((got["status"], got["speed"], got["checkable"], got["name"], got["error"]),
                         ("Success", "0", "1", "Test & YP", ""))
        self.assertEqual(self.yp.taken, [])
        self.assertEqual(self.command("take_speedtest&index=0")[:2], (302, "/html/en/speedtest.html"))
        headers, body = self.yp.taken[0]
        self.assertEqual((len(body), headers["Content-Type"], headers.get("Expect")),
                         (250000, "application/octet-stream", None))
        self.assertGreater(len(set(body[:65536])), 200)         # not a row of zeros
        self.assertEqual((self.provider()["status"], self.provider()["speed"]), ("Success", "1234"))
        status, _, text = self.command("speedtest_cached_xml&index=0")
        self.assertEqual(status, 200)
        self.assertIn('speed="1234"', text)

    def test_what_goes_wrong(self):
        for what, doc, answer, why in (
                ("not now", document(self.yp.port, checkable=0), 302, "does not test us now"),
                ("off", document(self.yp.port, enabled=0), 302, "does not test us now"),
                ("too much", document(self.yp.port, post=16001), 302, "more than is sensible"),
                ("nothing", document(self.yp.port, post=0), 302, "more than is sensible"),
                ("no document", b"<html></html>", 302, "no yp4g.xml"),
                ("long", document(self.yp.port) + b" " * (65 << 10), 302, "too long"),
                ("refused", document(self.yp.port), 404, "does not take the test"),
                ("nobody there", document(free_port()), 302, "")):
            with self.subTest(what):
                before = len(self.yp.taken)
                self.yp.document, self.yp.answer = doc, answer
                status, _, text = self.command("take_speedtest&index=0")
                self.assertEqual(status, 500)
                self.assertEqual(self.provider()["status"], "Error")
                self.assertIn("%s: %s" % (self.yp.url, self.provider()["error"]), text)
                self.assertIn(why, self.provider()["error"])
                self.assertEqual(len(self.yp.taken) - before, 1 if what == "refused" else 0)

    def test_list(self):
        self.assertEqual(self.command("add_speedtest&url=http://127.0.0.1:1/x")[0], 302)
        self.assertEqual(self.provider(1)["url"], "http://127.0.0.1:1/x")
        for query, status in (("add_speedtest&url=", 400), ("add_speedtest", 400), ("add_speedtest&url=" + self.yp.url, 500),
                              ("add_speedtest&url=file:///etc/passwd", 500), ("add_speedtest&url=http://" + "x" * 2000, 400),
                              ("delete_speedtest&index=x", 400), ("delete_speedtest", 400), ("delete_speedtest&index=2", 500),
                              ("take_speedtest&index=-1", 400), ("take_speedtest&index=7", 500),
                              ("speedtest_cached_xml&index=9", 500)):
            with self.subTest(query[:60]):
                self.assertEqual(self.command(query)[0], status)
        status, _, text = self.command("refresh_speedtest")     # one of them answers, one does not
        self.assertEqual((status, self.provider(0)["status"], self.provider(1)["status"]), (500, "Success", "Error"))
        self.assertIn("http://127.0.0.1:1/x: ", text)
        self.assertEqual(self.command("delete_speedtest&index=0")[0], 302)
        self.assertEqual(self.provider()["url"], "http://127.0.0.1:1/x")
        r = self.n.get("/admin?cmd=take_speedtest&index=0", {"Origin": "http://evil.example"})
        self.assertEqual(r.status, 403)

    def test_one_at_a_time_and_the_node_ends(self):
        self.yp.hold = True
        first = threading.Thread(target=self.quietly, args=("refresh_speedtest",), daemon=True)
        first.start()
        self.assertTrue(self.yp.asked.wait(WAIT * harness.PATIENCE))
        self.assertEqual(self.command("take_speedtest&index=0")[0], 503)
        self.n.stop()
        first.join(WAIT)
        self.assertNotIn("cut off", self.n.output())

    def quietly(self, query):
        try:
            self.command(query)
        except (OSError, harness.http.client.HTTPException):
            pass

    def test_our_own_root(self):
        """Both sides are ours: a root measures a node. The port counts as open where the root can see it."""
        root = self.root({"ypGenrePrefix": "yp"})
        self.push(self.tracker(root), "restricted", genre="yp@game")    # so the root looks at its readers' ports
        wait_until(lambda: "restricted" in root.get("/index.txt").text, WAIT, "listed")
        n = self.node(blocks="[Uptest]\nurl = http://%s/yp4g.xml\n[End]\n" % root.address)
        self.n = n
        n.get("/admin?cmd=refresh_speedtest")
        self.assertEqual(self.provider()["status"], "Success")

        def open_now():
            root.get("/index.txt?host=localhost:%d" % n.port)
            n.get("/admin?cmd=refresh_speedtest")
            return self.provider()["portOpen"] == "1"
        wait_until(open_now, WAIT, "the root has seen the port")
        n.get("/admin?cmd=take_speedtest&index=0", seconds=40)
        self.assertEqual((self.provider()["status"], self.provider()["error"]), ("Success", ""))
        self.assertGreater(int(self.provider()["speed"]), 0)
