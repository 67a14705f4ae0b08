# SPDX-License-Identifier: GPL-2.0-or-later
"""A byte a second on every protocol, from another machine: each has its time, all together cost nobody anything
(http.md 13; node.md 12 F24). PCP and RTMP are dripped on in test_slow and test_rtmp."""
import threading
import time
import unittest

from harness import Client, slow
from net import NetCase

HEAD, BODY, STREAM = 12, 25, 75         # seconds in which it is over at the latest: head, body of a request, stream

DRIPS = (
    ("nothing", b"", b"", HEAD),
    ("request line", b"G", b"ET /" + b"a" * 200, HEAD),
    ("header", b"GET / HTTP/1.1\r\n", b"Host: " + b"a" * 200, HEAD),
    ("many headers", b"GET / HTTP/1.1\r\n", b"A:b\r\n" * 60, HEAD),
    ("body of the API", b"POST /api/1 HTTP/1.1\r\nContent-Length: 5000\r\n\r\n", b"[" * 200, BODY),
    ("chunked body", b"POST /api/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n" * 40, BODY),
    ("body of a login", b"POST /admin HTTP/1.1\r\nContent-Length: 500\r\n\r\n", b"cmd=login&pass=" + b"a" * 200, BODY),
    ("upload test", b"POST /uptest.cgi HTTP/1.1\r\nContent-Length: 250000\r\n\r\n", b"u" * 200, 40),
    ("GIV", b"GIV /" + b"A" * 32 + b"\r\n", b"A: " + b"b" * 200, HEAD),
    ("SOURCE", b"SOURCE /x HTTP/1.0\r\n", b"ice-name: " + b"b" * 200, HEAD),
    ("SHOUTcast", b"secret\r\n", b"icy-name: " + b"b" * 200, HEAD),
    ("Windows Media", b"POST /a;b HTTP/1.1\r\nContent-Type: application/x-wms-push", b"s" * 200, HEAD),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 200, HEAD),
    ("a stream without a header", b"POST /?name=a&type=FLV HTTP/1.1\r\n\r\nFLV\1\5\0\0\0\t", b"\0" * 200, BODY),
    ("its chunk's size", b"POST /?name=b&type=FLV HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 200, BODY),
    ("a relay's helo", b"GET /channel/%s HTTP/1.0\r\nx-peercast-pcp: 1\r\n\r\n" % (b"A" * 32), b"helo" + b"\0" * 200, BODY),
)


@slow
class Drip(NetCase):
    def test_all_at_once(self):
        here, there = self.net.some(2)
        n = self.node({"isRoot": "Yes", "password": "secret", "maxPerAddress": 64}, place=here, blocks=
                      "[Filter]\nip = %s\nprivate = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n" % there.ip)
        results = {}

        def run(name, prefix, drip, most):
            with there.inside():
                c = Client(n.port, n.host)
            began = time.monotonic()
            try:
                c.send(prefix)
                for byte in drip:
                    c.sock.settimeout(1)
                    try:
                        if not c.sock.recv(4096):
                            break
                    except TimeoutError:
                        pass
                    c.send(bytes([byte]))
            except OSError:
                pass
            if not drip:
                c.expect_close(most)
            results[name] = (round(time.monotonic() - began, 1), most)
            c.close()

        threads = [threading.Thread(target=run, args=d, daemon=True) for d in DRIPS]
        for t in threads:
            t.start()
        with there.inside():                            # meanwhile it is there for others
            with Client(n.port, n.host) as c:
                c.request("GET", "/index.txt")
                self.assertEqual(c.read_head(), 200)
        for t in threads:
            t.join(STREAM + 10)
        late = {name: r for name, r in results.items() if r[0] > r[1] + 3}
        self.assertEqual((late, set(results)), ({}, {d[0] for d in DRIPS}))


if __name__ == "__main__":
    unittest.main()
