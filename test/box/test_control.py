# SPDX-License-Identifier: GPL-2.0-or-later
"""Control connections that sleep most of the time: the root reads for them together, until there is something unusual
(servent/readyd.h). Whatever comes, and however it is cut, is to be as if each had a thread that reads all the time."""
import signal
import socket
import struct
import threading

from harness import GRP_ROOT, BoxCase, bcst, chan_atom, host_atom, new_id, text, u32, wait_until

MANY = 30
QUIT_USER, QUIT_SHUTDOWN = 1008, 1009


class Asleep(BoxCase):
    def setUp(self):
        self.node_ = self.root({"chanLogEvents": "Yes", "logLevel": 3})

    def update(self, c, cid, name):
        return bcst(GRP_ROOT, c.sid, chan_atom(cid, c.bcid, name=name), host_atom(c.sid, cid), cid=cid).encode()

    def raw(self):
        with open(self.node_.chanlog_path, encoding="utf-8") as f:
            return f.read()

    def names(self):
        return [u.find("channel").get("name") for u in self.node_.chanlog() if u.tag == "update"]

    def wait_names(self, *names):
        wait_until(lambda: set(names) <= set(self.names()), what="records of %s" % (names,))

    def wait_turn(self, n=[0]):  # pylint: disable=dangerous-default-value
        """Whatever was sent before this has been looked at."""
        n[0] += 1
        with self.control(self.node_) as c:
            c.send(self.update(c, new_id(), "turn %d" % n[0]))
            self.wait_names("turn %d" % n[0])

    def test_cut_anywhere(self):
        """Halves of an announcement, then the other halves, then whole ones again."""
        all_, cids = [self.control(self.node_) for _ in range(MANY)], [new_id() for _ in range(MANY)]
        rest = []
        for i, c in enumerate(all_):
            data = self.update(c, cids[i], "cut %d" % i)
            cut = min(i + 1 if i < 18 else i * len(data) // MANY, len(data) - 1)
            c.send(data[:cut])
            rest.append(data[cut:])
        self.wait_turn()
        self.assertFalse([n for n in self.names() if n.startswith("cut")])
        for c, data in reversed(list(zip(all_, rest))):
            c.send(data)
        self.wait_names(*["cut %d" % i for i in range(MANY)])
        for i, c in enumerate(all_):
            c.send(self.update(c, cids[i], "whole %d" % i))
        self.wait_names(*["whole %d" % i for i in range(MANY)])

    def test_more_than_one(self):
        """Several in one piece, and a half behind them; then its rest with a quit behind that."""
        c, cid = self.control(self.node_), new_id()
        data = [self.update(c, cid, "n%d" % i) for i in range(5)]
        c.send(b"".join(data[:4]) + data[4][:20])
        self.wait_names("n3")
        self.wait_turn()
        self.assertNotIn("n4", self.names())
        c.send(data[4][20:] + u32("quit", QUIT_USER).encode())
        c.expect_close()
        self.node_.wait_log(r"cin .* ended: it said quit 1008")
        wait_until(lambda: 'id="%s" reason="stop"' % cid in self.raw(), what="its end")
        self.assertEqual([n for n in self.names() if n[0] == "n"], ["n%d" % i for i in range(5)])

    def test_ends(self):
        """Behind an announcement: the end, a reset, what no node may say."""
        def close(c):
            c.sock.shutdown(socket.SHUT_WR)

        def reset(c):
            c.reset()

        def half(c):
            c.send(text("mesg", "half").encode()[:11])
            c.sock.shutdown(socket.SHUT_WR)

        def bad(c):
            c.send(b"mesg" + struct.pack("<I", 1 << 20))
            self.assertEqual(c.wait_atom("quit").u32, 1006)
        for n, (how, why) in enumerate(((close, "closed"), (reset, "Connection reset by peer"), (half, "closed"),
                                        (bad, "quit 1006"))):
            with self.subTest(how.__name__):
                c = self.control(self.node_)
                c.send(self.update(c, new_id(), "end %d" % n))
                self.wait_names("end %d" % n)
                port = c.sock.getsockname()[1]
                how(c)
                self.node_.wait_log(r"cin \d+ 127\.0\.0\.1:%d: ended: .*%s" % (port, why))
                c.close()

    def test_mail(self):
        """Messages reach those who sleep, announcements go on before and after."""
        all_ = [self.control(self.node_) for _ in range(MANY)]
        cids = [new_id() for _ in all_]
        for c in all_:
            while c.read_atom().name != "root":         # the request for updates at the start
                pass
        for turn in range(3):
            for i, c in enumerate(all_):
                c.send(self.update(c, cids[i], "t%d of %d" % (turn, i)))
            self.assertIsNone(self.node_.rpc("broadcastRootSettings", [True]))
            for c in all_:
                self.assertIsNotNone(c.wait_atom("bcst").get("root").get("upd"))
            self.wait_names(*["t%d of %d" % (turn, i) for i in range(MANY)])

    def test_stop(self):
        """All are told, with half an atom or none, while announcements come."""
        all_ = [self.control(self.node_) for _ in range(MANY)]
        for i, c in enumerate(all_):
            data = self.update(c, new_id(), "c%d" % i)
            c.send(data[:len(data) // (1 + i % 2)])
        self.wait_turn()
        self.node_.send_signal(signal.SIGTERM)
        for c in all_:
            self.assertEqual(c.wait_atom("quit").u32, QUIT_SHUTDOWN)
            c.expect_close()
        self.assertEqual(self.node_.wait_exit(), 0)

    def listed(self, names):
        body = self.node_.get("/index.txt").body.decode()
        return all(n + "<>" in body for n in names)

    def test_flood(self):
        """One sends as fast as it can; the others are heard all the same, and it stays."""
        flood, done = self.control(self.node_), threading.Event()
        cid = new_id()
        lump = self.update(flood, cid, "flood") * 200

        def run():
            while not done.is_set():
                flood.send(lump)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            for turn in range(3):
                for i, c in enumerate([self.control(self.node_) for _ in range(10)]):
                    c.send(self.update(c, new_id(), "few %d %d" % (turn, i)))
                wait_until(lambda: self.listed(["few %d %d" % (turn, i) for i in range(10)]), what="them in the list")
        finally:
            done.set()
            thread.join()
        flood.send(self.update(flood, cid, "afterwards"))
        wait_until(lambda: self.listed(["afterwards"]), what="it in the list")
