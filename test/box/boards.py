# SPDX-License-Identifier: GPL-2.0-or-later
"""A server of boards, of Shitaraba's kind and of the 2ch type, for tests of what asks them."""
import http.server
import re
import threading
import urllib.parse

from harness import free_port


class Board:
    """Both kinds at once: /<category>/<num>/ in EUC-JP, /<board>/ in Shift_JIS.

    threads     {thread id: [title, [(name, mail, body), ...]]}; both kinds show the same
    seen        [(method, path, headers)]
    posted      [(path, {key: text}, referer)]
    pages       path -> function of the request handler, instead of what is usual there
    refuse      what posts are answered with, in a page titled ERROR
    """

    def __init__(self, title="実況板"):
        self.title = title
        self.threads = {}
        self.seen, self.posted, self.pages = [], [], {}
        self.refuse = None
        self.gone = threading.Event()
        board = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                board.seen.append(("GET", self.path, dict(self.headers)))
                self.answer(board.get)

            def do_POST(self):
                board.seen.append(("POST", self.path, dict(self.headers)))
                self.answer(board.post)

            def answer(self, usual):
                try:
                    (board.pages.get(self.path) or usual)(self)
                except OSError:
                    pass

            def send(self, body, status=200, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.port = free_port()
        self.host = "127.0.0.1:%d" % self.port
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()

    def asked(self, path):
        return [h for m, p, h in list(self.seen) if p == path]

    def hang(self, path):
        """Answers never, but holds the line."""
        self.pages[path] = lambda rq: self.gone.wait(60)

    # what boards answer

    def dat(self, thread):
        title, posts = self.threads[thread]
        lines = ["%s<>%s<>2026/11/26(木) 12:00:%02d.00 ID:i%d<> %s <>%s\n" % (name, mail, i, i, body.replace("\n", " <br> "),
                                                                            title if i == 0 else "")
                 for i, (name, mail, body) in enumerate(posts)]
        return "".join(lines).encode("cp932")

    def get(self, rq):
        parts = rq.path.strip("/").split("/")
        if parts[:2] == ["bbs", "rawmode.cgi"]:
            thread, first = parts[4], int(parts[5].rstrip("-"))
            title, posts = self.threads[thread]
            lines = ["%d<>%s<>%s<>2026/11/26(木) 12:00:00<>%s<>%s<>i%d\n" % (i, name, mail, body.replace("\n", "<br>"),
                                                                         title if i == 1 else "", i)
                     for i, (name, mail, body) in enumerate(posts, 1) if i >= first]
            rq.send("".join(lines).encode("euc_jis_2004"))
        elif parts[:3] == ["bbs", "api", "setting.cgi"]:
            rq.send(("TOP=x\nBBS_TITLE=%s\n" % self.title).encode("euc_jis_2004"))
        elif parts[-1] == "SETTING.TXT":
            rq.send(("BBS_TITLE=%s\r\n" % self.title).encode("cp932"))
        elif parts[-1] == "subject.txt" and len(parts) == 3:
            lines = ["%s.cgi,%s(%d)\n" % (k, t, len(p)) for k, (t, p) in self.threads.items()]
            rq.send("".join(lines + lines[:1]).encode("euc_jis_2004"), 200 if lines else 404)
        elif parts[-1] == "subject.txt":
            rq.send("".join("%s.dat<>%s (%d)\n" % (k, t, len(p)) for k, (t, p) in self.threads.items()).encode("cp932"))
        elif len(parts) == 3 and parts[1] == "dat" and parts[2][:-4] in self.threads:
            self.send_dat(rq, self.dat(parts[2][:-4]))
        else:
            rq.send(b"gone", 404)

    def send_dat(self, rq, body):
        """With Range and If-Modified-Since; the day it was changed is its length."""
        modified = "Thu, 26 Nov 2026 12:00:%02d GMT" % (len(body) % 60)
        m = re.fullmatch(r"bytes=(\d+)-", rq.headers.get("Range", ""))
        if rq.headers.get("If-Modified-Since") == modified:
            rq.send_response(304)
            rq.end_headers()
        elif m and int(m[1]) >= len(body):
            rq.send(b"", 416)
        elif m:
            rq.send(body[int(m[1]):], 206, Last_Modified=modified)
        else:
            rq.send(body, Last_Modified=modified)

    def post(self, rq):
        raw = rq.rfile.read(int(rq.headers["Content-Length"])).decode("ascii")
        euc = rq.path.startswith("/bbs/write.cgi/")
        form = dict(urllib.parse.parse_qsl(raw, keep_blank_values=True, encoding="euc_jp" if euc else "cp932",
                                           errors="strict"))
        self.posted.append((rq.path, form, rq.headers.get("Referer")))
        if self.refuse:
            page = "<html><head><title>ERROR!!</title></head><body><b>%s</b></body></html>" % self.refuse
        else:
            page = "<html><head><title>書きこみました。</title></head><body>書きこみが終わりました。</body></html>"
            name, mail = (form["NAME"], form["MAIL"]) if euc else (form["FROM"], form["mail"])
            body = form["MESSAGE"].replace("<", "&lt;").replace(">", "&gt;").replace("\r\n", "\n")
            self.threads[form["KEY" if euc else "key"]][1].append((name or "名無し", mail, body))
        rq.send(page.encode("euc_jp" if euc else "cp932"))
