# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS on the same port (flag enableSSLServer): pages, API, streams in and out; certificates; bad handshakes."""
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import harness
from harness import (GRP_ROOT, PATIENCE, BoxCase, Client, Node, Response, bcst, chan_atom, ffprobe, free_port, helo,
                     host_atom, new_id, slow, u32, units, wait_until)
from rtmp import Encoder, Flow

FLAG = "\n[Flags]\nenableSSLServer = Yes\n[End]\n"
HELLO = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"


def make_cert(folder, name="localhost", kind="ec"):
    """server.crt and server.key in the folder."""
    new = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    with tempfile.TemporaryDirectory() as at:
        subprocess.run(["openssl", "req", "-x509", *new, "-nodes", "-days", "2", "-subj", "/CN=" + name,
                        "-addext", "subjectAltName=DNS:%s,IP:127.0.0.1" % name,
                        "-keyout", at + "/server.key", "-out", at + "/server.crt"],
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        for f in ("server.key", "server.crt"):
            os.chmod(os.path.join(at, f), 0o600)
            shutil.copy(os.path.join(at, f), os.path.join(folder, f + ".new"))
            os.replace(os.path.join(folder, f + ".new"), os.path.join(folder, f))


def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


class TlsNode(Node):
    """A node whose clients speak TLS; plain() is one that does not."""

    def client(self, source=None):
        sock = socket.create_connection(("127.0.0.1", self.port), 10 * PATIENCE, (source, 0) if source else None)
        return Client.of(context().wrap_socket(sock))

    def plain(self):
        return Client(self.port)

    def cert(self):
        """The certificate it shows."""
        with self.client() as c:
            return c.sock.getpeercert(binary_form=True)

    def own_cert(self):
        with open(os.path.join(self.dir, "server.crt"), encoding="ascii") as f:
            return ssl.PEM_cert_to_DER_cert(f.read())


class Tls(BoxCase):
    def tls_node(self, ini=None, cert="ec", flag=True, **kw):
        n = TlsNode(ini, FLAG if flag else "", name="tls", **kw)
        self.addCleanup(n.remove)
        self.addCleanup(self._stop, n)
        if cert:
            make_cert(n.dir, kind=cert)
        return n.start()

    def ask(self, n, method, path, headers=None, body=b"", plain=False):
        with n.plain() if plain else n.client() as c:
            headers = dict({"Host": n.address}, **(headers or {}))
            if body:
                headers["Content-Length"] = len(body)
            c.request(method, path, headers, body)
            c.read_head()
            return Response(c.status, c.headers, c.read_all())

    def curl(self, n, path, *more, scheme="https"):
        done = subprocess.run(["curl", "-sS", "--max-time", str(int(20 * PATIENCE)), "--noproxy", "*", *more,
                               "%s://localhost:%d%s" % (scheme, n.port, path)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stdout, done.stderr


class Rtmps(Tls):
    """RTMP within TLS, on the port that takes it without; the certificate is the same."""

    def listening(self, **kw):
        n = self.tls_node({"rtmpServer": "Yes", "rtmpPort": free_port()}, **kw)
        n.wait_log("rtmp: listening")
        return n, int(n.read_ini()["rtmpport"])

    def context(self):
        c = ssl.create_default_context()
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        return c

    def test_both(self):
        n, port = self.listening()
        for name, tls in (("within", self.context()), ("plain", None)):
            flow = Flow(self.closing(Encoder(port, tls=tls).publish(name)))
            self.addCleanup(flow.stop)
            with n.plain() as v:
                v.request("GET", "/stream/" + n.wait_channel(name)["channelId"])
                self.assertEqual(v.read_head(), 200)
                seen = units(v.read(20000))
            self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
            self.assertIsNone(flow.error)

    def test_off(self):
        """Without the flag, or with a handshake that is none, it ends without a word."""
        n, port = self.listening(flag=False)
        with self.assertRaises((ssl.SSLError, OSError)):
            Encoder(port, tls=self.context())
        n.wait_log("TLS is not spoken here")
        n, port = self.listening()
        with Client(port) as c:
            c.send(HELLO + b"\xff" * 0xa1)
            self.assertLess(len(c.read_all()), 16)
        n.wait_log("TLS: ")
        self.assertEqual(n.channels(), [])


class SamePort(Tls):
    def test_pages_and_api(self):
        n = self.tls_node()
        for plain in (False, True):
            r = self.ask(n, "GET", "/html/en/index.html", plain=plain)
            self.assertEqual((r.status, len(r.body)), (200, int(r.headers["content-length"])))
            self.assertNotIn("strict-transport-security", r.headers)
            r = self.ask(n, "POST", "/api/1", body=b'{"jsonrpc":"2.0","id":7,"method":"getStatus"}', plain=plain)
            self.assertEqual(r.json()["id"], 7)
        r = self.ask(n, "POST", "/api/1", body=b'{"jsonrpc":"2.0","id":7,"method":"rpc.discover"}')
        self.assertEqual(len(r.body), int(r.headers["content-length"]))
        self.assertEqual(self.ask(n, "HEAD", "/html/en/index.html").body, b"")
        self.assertEqual(self.ask(n, "GET", "/nothing/here", plain=False).status, 302)

    def test_curl_checks_the_certificate(self):
        n = self.tls_node(cert="rsa")
        rc, out, err = self.curl(n, "/api/1", "--cacert", os.path.join(n.dir, "server.crt"))
        self.assertEqual((rc, err), (0, b""))
        self.assertIn(b"apiVersion", out)
        self.assertEqual(self.curl(n, "/api/1")[0], 60)         # nobody knows who signed it
        self.assertEqual(self.curl(n, "/api/1", "-k")[1], out)
        self.assertEqual(self.curl(n, "/api/1", "-k", "--tlsv1.2", "--tls-max", "1.2")[1], out)
        self.assertNotEqual(self.curl(n, "/api/1", "-k", "--ciphers", "DEFAULT@SECLEVEL=0", "--tls-max", "1.1")[0], 0)
        self.assertEqual(self.curl(n, "/api/1", scheme="http")[1], out)

    def test_openssl(self):
        n = self.tls_node()
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % n.port, "-quiet"],
                              input=b"GET /api/1 HTTP/1.0\n\n", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=20 * PATIENCE, check=False)
        self.assertIn(b'"apiVersion"', done.stdout)

    def test_login(self):
        """The cookie of a login over TLS stays there; the page's own origin is https."""
        n = self.tls_node({"trustLocalhost": "No", "password": "pw"})
        origin = {"Origin": "https://" + n.address, "Content-Type": "application/x-www-form-urlencoded"}
        r = self.ask(n, "POST", "/admin", origin, b"cmd=login&pass=pw")
        self.assertEqual(r.status, 302)
        self.assertRegex(r.headers["set-cookie"], "; HttpOnly; SameSite=Strict; Secure$")
        cookie = {"Cookie": r.headers["set-cookie"].split(";")[0]}
        self.assertEqual(self.ask(n, "GET", "/html/en/index.html", cookie).status, 200)
        # what a page without TLS, of the same host, sends is of another origin
        plain = dict(cookie, Origin="http://" + n.address)
        self.assertEqual(self.ask(n, "POST", "/admin", plain, b"cmd=keep&id=0").status, 403)

    def test_form_leads_to_tls_on_the_new_port(self):
        n = self.tls_node()
        port = free_port()
        r = self.ask(n, "GET", "/admin?cmd=apply&port=%d" % port)
        self.assertEqual((r.status, r.headers["location"]), (302, "https://127.0.0.1:%d/html/en/settings.html" % port))
        n.port = port
        self.assertEqual(self.ask(n, "GET", "/html/en/settings.html").status, 200)

    def test_console_follows_the_log(self):
        n = self.tls_node()
        with n.client() as c:
            c.request("GET", "/cmd?q=log")
            c.read_head()
            self.assertEqual(self.ask(n, "GET", "/admin?cmd=clear&hitlists=1").status, 302)
            c.read_until(b"[INFO] hit lists emptied by ")

    def test_playlist_leads_to_tls(self):
        n = self.tls_node()
        self.push(n, "listed")
        cid = self.rpc_channel(n, "listed")
        self.assertRegex(self.ask(n, "GET", "/pls/" + cid).text, r"^https://%s/stream/%s" % (re.escape(n.address), cid))
        self.assertRegex(self.ask(n, "GET", "/pls/" + cid, plain=True).text, r"^http://")

    def rpc_channel(self, n, name):
        return n.wait_channel(name)["channelId"]


class Streams(Tls):
    def test_viewers_and_relays(self):
        """One encoder over TLS; viewers with and without, relays with and without: all get the same."""
        n = self.tls_node({"maxDirect": 9, "maxRelays": 9})
        push = self.push(n, "on air", interval=0.01)
        cid = n.wait_channel("on air")["channelId"]
        plain = self.node(name="relay")
        self.assertEqual(plain.get("/pls/%s?tip=%s" % (cid, n.address)).status, 200)
        plain.wait_channel(cid=cid)
        seen = {}
        for name, c in (("tls", n.client()), ("plain", n.plain()), ("relay", plain.client())):
            self.closing(c)
            c.request("GET", "/stream/%s.flv" % cid)
            self.assertEqual(c.read_head(), 200)
            self.assertEqual(c.headers["content-type"], "video/x-flv")
            seen[name] = c
        state = n.rpc("getState", [["servMgr"]])["servMgr"]["servents"]
        self.assertEqual(sorted((s["type"], s["ssl"]) for s in state if s["type"] in ("DIRECT", "RELAY")),
                         [("DIRECT", False), ("DIRECT", True), ("RELAY", False)])
        for name, c in seen.items():
            got = units(c.read(60000))
            self.assertEqual(got, list(range(got[0], got[0] + len(got))), name)
            self.assertGreater(len(got), 40)
        self.assertIsNone(push.error)

    def test_players(self):
        n = self.tls_node({"maxDirect": 9})
        self.ffmpeg(n, "film", "flv")
        cid = n.wait_channel("film")["channelId"]
        self.assertEqual(ffprobe("https://127.0.0.1:%d/stream/%s.flv" % (n.port, cid)),
                         {"video": "h264", "audio": "aac"})
        rc, out, _ = self.curl(n, "/stream/" + cid, "-k", "--max-time", "2")
        self.assertEqual((rc, out[:4]), (28, b"FLV\x01"))

    def test_encoder(self):
        """ffmpeg sends over TLS."""
        n = self.tls_node()
        proc = subprocess.Popen(["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", harness.sample("mkv"), "-c",
                                 "copy", "-f", "matroska", "https://127.0.0.1:%d/?name=from+ffmpeg&type=MKV" % n.port],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.kill)
        cid = n.wait_channel("from ffmpeg")["channelId"]
        c = self.closing(n.plain())
        c.request("GET", "/stream/" + cid)
        self.assertEqual((c.read_head(), c.read(4)), (200, b"\x1a\x45\xdf\xa3"))

    def test_pcp(self):
        """A relay and a tracker that speak PCP over TLS."""
        n = self.tls_node({"isRoot": "Yes", "maxRelays": 9})
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        c = self.closing(n.client())
        c.request("GET", "/channel/" + cid, {"x-peercast-pcp": 1, "x-peercast-pos": 0})
        c.send_atom(helo(new_id()))
        self.assertEqual(c.read_head(), 200)
        self.assertEqual(c.read_atom().name, "oleh")
        got = []
        while len(got) < 30:
            atom = c.wait_atom("chan")
            if atom.get("pkt") is not None:
                got += units(atom["pkt"]["data"].data)
        self.assertEqual(got, list(range(got[0], got[0] + len(got))))
        t = self.closing(n.client())
        t.send_atom(u32("pcp\n", 1))
        sid, bcid = new_id(), new_id()
        t.send_atom(helo(sid, bcid=bcid))
        self.assertEqual([t.read_atom().name, t.wait_atom("ok").name], ["oleh", "ok"])
        cids = [new_id() for _ in range(3)]
        for turn in range(3):           # three in one record of TLS; they are behind one another in its buffer
            t.send(b"".join(bcst(GRP_ROOT, sid, chan_atom(cid, bcid, name="ch%d.%d" % (i, turn)), host_atom(sid, cid),
                                 cid=cid).encode() for i, cid in enumerate(cids)))
            wait_until(lambda: all(b"ch%d.%d<>" % (i, turn) in n.get("/index.txt").body for i in range(3)),
                       what="them in the list")

    def test_viewer_that_does_not_read(self):
        """He falls behind alone, and is put at the live edge again when he reads."""
        n = self.tls_node({"maxDirect": 9})
        self.push(n, "fast", source=harness.flv_stream(size=30000), interval=0.004)
        cid = n.wait_channel("fast")["channelId"]
        c = self.closing(n.client())
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.request("GET", "/stream/" + cid)
        self.assertEqual(c.read_head(), 200)
        other = self.closing(n.client())
        other.request("GET", "/stream/" + cid)
        self.assertEqual(other.read_head(), 200)
        end = time.monotonic() + 1
        got = b""
        while time.monotonic() < end or len(got) < 3000000:
            got += other.read_some()
        seen = units(got)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        late = units(c.read(1000000))
        self.assertEqual(late, sorted(set(late)))       # with a gap perhaps, but no packet cut or twice

    def test_stop_with_all_of_them(self):
        n = self.tls_node({"maxDirect": 9, "maxRelays": 9})
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        for path in ("/stream/", "/channel/"):
            c = self.closing(n.client())
            c.request("GET", path + cid, {"x-peercast-pcp": 1})
            if path == "/channel/":
                c.send_atom(helo(new_id()))
            self.assertEqual(c.read_head(), 200)
        self.closing(n.client())
        self.closing(n.client()).send(b"GET / HT")
        raw = self.closing(n.plain())
        raw.send(HELLO)
        n.stop()


class Certificates(Tls):
    def test_without(self):
        """It says so, closes TLS clients, and goes on; files that come later count at once."""
        n = self.tls_node(cert=None)
        n.wait_log("enableSSLServer has no effect")
        with self.assertRaises(OSError):
            n.client()
        self.assertEqual(self.ask(n, "GET", "/api/1", plain=True).status, 200)
        make_cert(n.dir)
        self.assertEqual(n.cert(), n.own_cert())

    def test_flag_off(self):
        n = self.tls_node(flag=False)
        c = self.closing(n.plain())
        c.send(HELLO)
        self.assertEqual(c.expect_close(), b"")
        self.assertEqual(self.ask(n, "GET", "/api/1", plain=True).status, 200)

    def test_flag_is_read_again(self):
        n = self.tls_node(flag=False)
        with open(n.ini_path, "a", encoding="ascii") as f:
            f.write(FLAG)
        n.send_signal(signal.SIGHUP)
        n.wait_log("settings read again")
        self.assertEqual(n.cert(), n.own_cert())

    def test_changed(self):
        """New connections get the new one; who is connected stays."""
        n = self.tls_node({"maxDirect": 9})
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        c = self.closing(n.client())
        c.request("GET", "/stream/" + cid)
        self.assertEqual(c.read_head(), 200)
        before = n.own_cert()
        for kind in ("rsa", "ec"):
            make_cert(n.dir, "other.example", kind)
            self.assertNotEqual(n.own_cert(), before)
            self.assertEqual(n.cert(), n.own_cert())
        got = units(c.read(20000))
        self.assertEqual(got, list(range(got[0], got[0] + len(got))))

    def test_broken_ones(self):
        """The last good pair goes on, and it is told once what is wrong."""
        n = self.tls_node()
        good = n.own_cert()
        crt, key = (os.path.join(n.dir, f) for f in ("server.crt", "server.key"))
        with tempfile.TemporaryDirectory() as at:
            make_cert(at)
            with open(at + "/server.key", "rb") as f:
                stranger = f.read()
        with open(key, "rb") as f:
            right = f.read()
        for path, text in ((crt, b""), (crt, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                           (crt, os.urandom(5000)), (crt, b"x" * 300000), (key, b""), (key, stranger), (key, right[:90])):
            with self.subTest((path[-3:], text[:20])):
                with open(path, "rb") as f:
                    kept = f.read()
                since = n.out.count()
                with open(path, "wb") as f:
                    f.write(text)
                self.assertEqual([n.cert(), n.cert()], [good, good])
                n.wait_log(r"\[EROR\] tls: .*server\.", since=since)
                self.assertEqual(sum("[EROR] tls" in line for line in n.out.lines[since:]), 1)
                with open(path, "wb") as f:
                    f.write(kept)
                self.assertEqual(n.cert(), good)
        os.remove(crt)
        self.assertEqual(n.cert(), good)
        self.assertNotIn(right.decode().split("\n")[1], n.out.text())

    def test_key_for_all_to_read(self):
        n = self.tls_node()
        os.chmod(os.path.join(n.dir, "server.key"), 0o644)
        n.cert()
        n.wait_log(r"server\.key may be read by others")


class Bad(Tls):
    def test_first_bytes(self):
        """What only begins like TLS costs that connection."""
        n = self.tls_node()
        rng = random.Random(7)
        starts = [b"\x16", b"\x16\x03\x01", b"\x16\x03\x01\xff\xff" + bytes(70000), b"\x16" + b"GET / HTTP/1.0\r\n\r\n",
                  b"\x16\x03\x00\x00\x02\x01\x00", HELLO, HELLO + bytes(0xa1 - 2), HELLO + b"\xff" * 0xa1,
                  b"\x16\x03\x01\x00\x00" * 2000, b"\x15\x03\x03\x00\x02\x01\x00", b"\x17\x03\x03\x00\x20" + bytes(32),
                  b"\x16\x03\x01\x00\x04\x01\xff\xff\xff" * 200, b"\x80\x2e\x01\x00\x02" + bytes(50)]
        starts += [b"\x16\x03" + rng.randbytes(rng.randrange(1, 400)) for _ in range(40)]
        for data in starts:
            with self.subTest(data[:20]), n.plain() as c, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                c.send(data)
                with contextlib.suppress(OSError):      # it has gone already
                    c.shutdown()
                answer = c.expect_close()
                # an alert, if anything; 400 to what was no TLS at all
                if data[:1] == b"\x16":
                    self.assertIn(answer[:1], (b"", b"\x15"), answer)
        self.assertEqual(self.ask(n, "GET", "/api/1").status, 200)

    def test_cut_handshakes(self):
        """A real handshake that ends at any byte; and one flipped byte after the other."""
        n = self.tls_node()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context().wrap_bio(incoming, outgoing)
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        for cut in range(1, len(hello), 13):
            with n.plain() as c:
                c.send(hello[:cut])
                c.shutdown()
                self.assertIn(c.expect_close()[:1], (b"", b"\x15"))
        for at in range(1, len(hello), 17):
            with n.plain() as c, contextlib.suppress(ConnectionResetError):
                c.send(hello[:at] + bytes([hello[at] ^ 0x40]) + hello[at + 1:])
                c.shutdown()
                c.expect_close()
        # the rest of it never comes: closed, without waiting for more than the peer
        with n.plain() as c:
            c.send(hello)
            self.assertEqual(c.read(1), b"\x16")
            c.send(b"\x17\x03\x03\x00\x40" + bytes(64))
            c.expect_close()
        self.assertEqual(self.ask(n, "GET", "/api/1").status, 200)

    def test_inside(self):
        """Behind the handshake the rules are those of every connection; TLS in TLS is none of them."""
        n = self.tls_node()
        for data, status in ((b"BREW / HTTP/1.0\r\n\r\n", 400), (HELLO + b"\n", 400), (b"GET /" + b"a" * 9000, 414),
                             (b"POST /api/1 HTTP/1.0\r\nContent-Length: 300000\r\n\r\n", 413),
                             (b"GET / HTTP/1.0\r\n" + b"A: b\r\n" * 200, 431)):
            with self.subTest(data[:20]), n.client() as c:
                c.send(data)
                self.assertEqual(c.read_head(), status)
        # bytes that come one by one, in records of their own
        with n.client() as c:
            for byte in b"GET /api/1 HTTP/1.0\r\n\r\n":
                c.send(bytes([byte]))
            self.assertEqual(c.read_head(), 200)

    def test_ends(self):
        """With a farewell, without, by reset: at every place."""
        n = self.tls_node()
        self.push(n, "on air")
        cid = n.wait_channel("on air")["channelId"]
        for begin in (b"", b"GET /api/1 HT", b"GET /api/1 HTTP/1.0\r\n\r\n", b"GET /stream/%s HTTP/1.0\r\n\r\n" % cid.encode(),
                      b"POST /api/1 HTTP/1.0\r\nContent-Length: 9\r\n\r\n{"):
            for end in ("unwrap", "close", "reset"):
                c = n.client()
                c.send(begin)
                if end == "unwrap":
                    c.sock.settimeout(10 * PATIENCE)
                    with contextlib.suppress(OSError):
                        c.sock.unwrap()
                getattr(c, end if end == "reset" else "close")()
        self.wait(lambda: len(n.rpc("getChannelConnections", [cid])) <= 1)

    def test_silent_ones_lock_nobody_out(self):
        """In the middle of the handshake they count as everybody who is not served."""
        n = self.tls_node()
        for _ in range(40):
            self.closing(n.plain()).send(HELLO)
        self.assertEqual(self.ask(n, "GET", "/api/1").status, 200)

    @slow
    def test_slow_handshake_is_cut(self):
        """A byte now and then does not stretch the deadline (30 s from loopback); plain and TLS, before and after."""
        n = self.tls_node()
        began = time.monotonic()
        drips = [(self.closing(n.plain()), iter(HELLO + bytes(2000))), (self.closing(n.client()), iter(b"GET /" + b"a" * 8000))]
        for c, data in drips:
            c.sock.settimeout(0.5)
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 60 * PATIENCE:
                    c.send(bytes([next(data)]))
                    try:
                        if c.sock.recv(4096) == b"":
                            break
                    except TimeoutError:
                        pass
            self.assertLess(time.monotonic() - began, 45 * PATIENCE)


if __name__ == "__main__":
    unittest.main()
