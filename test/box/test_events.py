# SPDX-License-Identifier: GPL-2.0-or-later
"""GET /api/1/events: what happens in the node, as it happens."""
import contextlib
import json
import socket
import threading

import harness
from harness import BoxCase, wait_until

WAIT = 25


class Stream:
    """A reader of events, with the ids and names it was sent."""

    def __init__(self, node, query="", headers=None, connect=True):
        self.c = node.client()
        self.c.request("GET", "/api/1/events" + query, dict({"Accept": "text/event-stream"}, **(headers or {})))
        self.id = None
        self.comments = 0
        if connect:
            self.c.read_head(WAIT)

    def close(self):
        self.c.close()

    def next(self):
        """(name, data) of the next event; comments and what has no data are passed over."""
        while True:
            block = self.c.read_until(b"\n\n", WAIT).decode("utf-8")
            fields = {}
            for line in block.rstrip("\n").split("\n"):
                name, _, value = line.partition(":")
                if name == "":
                    self.comments += 1
                fields[name] = value[1:] if value.startswith(" ") else value
            if "id" in fields:
                self.id = fields["id"]
            if "data" in fields:
                return fields["event"], json.loads(fields["data"])

    def wait(self, name, **values):
        """The data of the next event of that name with these values."""
        while True:
            event, data = self.next()
            if event == name and all(data.get(k) == v for k, v in values.items()):
                return data


class Events(BoxCase):
    def stream(self, node, query="", headers=None, **kw):
        s = Stream(node, query, headers, **kw)
        self.addCleanup(s.close)
        return s

    def test_head(self):
        n = self.node()
        s = self.stream(n)
        self.assertEqual(s.c.status, 200)
        self.assertEqual(s.c.headers["content-type"], "text/event-stream")
        self.assertEqual(s.c.headers["cache-control"], "no-store")
        self.assertNotIn("content-length", s.c.headers)
        self.assertEqual(n.get("/api/1/events?events=nonsense").status, 400)
        self.assertEqual(n.get("/api/1/events?events=").status, 400)
        self.assertEqual(n.http("POST", "/api/1/events", b"x").status, 405)

    def test_channel_and_connections(self):
        """From its first moment to its last, and who comes and goes meanwhile."""
        n = self.node()
        s = self.stream(n, "?events=channel,connection")
        push = self.push(n, "こんにちは", genre="g")
        first = s.wait("channel", action="added")
        cid = first["channelId"]
        playing = s.wait("channel", action="status", channelId=cid)
        self.assertEqual(playing["channel"]["channelId"], cid)
        n.wait_channel("こんにちは")
        n.rpc("setChannelInfo", [cid, {"comment": "new\nwords"}, None])
        while True:
            said = s.wait("channel", action="info", channelId=cid)
            if said["channel"]["info"]["comment"]:
                break
        self.assertEqual(said["channel"]["info"]["comment"], "new words")
        with n.view(cid, headers={"User-Agent": "player/1"}):
            opened = s.wait("connection", action="opened", type="direct")
            self.assertEqual((opened["channelId"], opened["agentName"]), (cid, "player/1"))
            conns = n.rpc("getChannelConnections", [cid])
            self.assertIn(opened["connectionId"], [c["connectionId"] for c in conns])
            self.assertIn(opened["remoteEndPoint"], [c["remoteEndPoint"] for c in conns])
        s.wait("connection", action="closed", connectionId=opened["connectionId"])
        n.rpc("stopChannel", [cid])
        self.assertIsNone(s.wait("channel", action="removed", channelId=cid)["channel"])
        push.stop()

    def test_log_and_notifications(self):
        n = self.node()
        s = self.stream(n, "?events=log,notification")
        n.rpc("setSettings", [{"maxRelays": 9}])
        told = [s.next() for _ in range(2)]
        self.assertEqual({name for name, _ in told}, {"log", "notification"})
        note = dict(told)["notification"]
        self.assertEqual((note["class"], note["type"], note["channelId"]), ("settingsChanged", "info", None))
        # and the same where it is asked for: once, in the shape of PeerCastStation
        listed = n.rpc("getNotificationMessages")
        self.assertEqual([x["class"] for x in listed], ["settingsChanged"])
        self.assertLessEqual({"class", "type", "title", "message"}, set(listed[0]))
        self.assertEqual(n.rpc("getNotificationMessages"), [])

    def test_resumes(self):
        n = self.node()
        s = self.stream(n, "?events=notification,channel")
        push = self.push(n, "one")
        s.wait("channel", action="added")
        at = s.id
        s.wait("channel", action="status")
        after = s.id
        s.close()
        n.wait_channel("one")
        n.rpc("stopChannel", [n.find_channel("one")["channelId"]])
        push.stop()
        # nothing between is lost, nothing comes twice
        again = self.stream(n, "?events=channel", {"Last-Event-ID": at})
        self.assertEqual(again.next()[1]["action"], "status")
        self.assertEqual(again.id.rsplit("-", 1)[0], after.rsplit("-", 1)[0])
        again.wait("channel", action="removed")
        # the same by query, as some libraries do it
        again = self.stream(n, "?events=channel&lastEventId=" + after)
        again.wait("channel", action="removed")

    def test_ids_of_another_run_and_nonsense(self):
        n = self.node()
        for last in ("0123456789abcdef-1-1", "x", "0123456789abcdef-1", "9" * 60, "0-0-0", "-1--1--1",
                     "0123456789abcdef-99999999999999999999-1", "%n%s"):
            with self.subTest(last):
                s = self.stream(n, "", {"Last-Event-ID": last})
                self.assertEqual(s.next(), ("reset", {}))
                s.close()
        s = self.stream(n, "?events=notification")
        n.rpc("setSettings", [{"maxRelays": 8}])
        s.wait("notification")
        run, event, line = s.id.split("-")
        s = self.stream(n, "", {"Last-Event-ID": "%s-%d-%s" % (run, int(event) + 1000, line)})
        self.assertEqual(s.next(), ("reset", {}))

    def test_log_line_resumes(self):
        n = self.node()
        s = self.stream(n, "?events=log")
        n.rpc("setSettings", [{"maxRelays": 5}])
        first = s.wait("log")
        at = s.id
        s.close()
        n.rpc("stopChannel", [harness.new_id()])
        n.rpc("setLogSettings", [{"level": 5}])
        self.push(n, "chatty")
        n.wait_channel("chatty")
        s = self.stream(n, "?events=log", {"Last-Event-ID": at})
        self.assertEqual(s.wait("log")["number"], first["number"] + 1)

    def test_log_lines_that_are_not_kept(self):
        """Who has missed some is told to look at everything again; one who does not ask for the log is not."""
        n = self.node()
        s = self.stream(n, "?events=log")
        n.rpc("setSettings", [{"maxRelays": 5}])
        s.wait("log")
        at = s.id
        s.close()
        self.push(n, "logged")
        n.wait_channel("logged")
        n.rpc("clearLog")
        self.assertEqual(self.stream(n, "?events=log", {"Last-Event-ID": at}).next(), ("reset", {}))
        self.assertEqual(self.stream(n, "?events=channel", {"Last-Event-ID": at}).next()[1]["action"], "added")

    def test_who_may(self):
        """The login and the rules about pages of other sites are those of the API."""
        n = self.node({"trustLocalhost": "No", "password": "right"})
        self.assertEqual(n.get("/api/1/events").status, 401)
        self.assertEqual(n.get("/api/1/events?pass=wrong").status, 401)
        self.assertEqual(self.stream(n, "?pass=right").c.status, 200)
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            with self.subTest(headers=headers):
                self.assertEqual(n.get("/api/1/events?pass=right", headers).status, 403)
        same = {"Origin": "http://" + n.address, "Host": n.address, "Sec-Fetch-Site": "same-origin"}
        self.assertEqual(self.stream(n, "?pass=right", same).c.status, 200)

    def test_many_readers(self):
        """Fifty at once hear the same, lock nobody out, and the places are counted."""
        n = self.node()
        readers = [self.stream(n, "?events=channel") for _ in range(50)]
        self.push(n, "heard by all")
        self.assertEqual({r.wait("channel", action="added")["channelId"] for r in readers},
                         {n.wait_channel("heard by all")["channelId"]})
        refused = None
        for _ in range(20):
            s = self.stream(n, "?events=channel")
            if s.c.status != 200:
                refused = s
                break
            readers.append(s)
        self.assertIsNotNone(refused)
        self.assertEqual((refused.c.status, len(readers)), (503, 64))
        self.assertEqual(n.get("/api/1").status, 200)
        # a place is free again when its reader has gone
        readers[0].close()
        wait_until(lambda: self.stream(n).c.status == 200, WAIT)

    def test_reader_that_does_not_read_is_cut(self):
        """It costs itself, and nobody else."""
        n = self.node()
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", n.port))
        self.addCleanup(lazy.close)
        lazy.sendall(b"GET /api/1/events HTTP/1.0\r\n\r\n")
        good = self.stream(n, "?events=notification")
        ended = threading.Event()

        def flood():
            # a name of 255 bytes each time: megabytes until the buffers between are full
            while not ended.is_set():
                for i in range(60):
                    n.rpc("setChannelInfo", [cid, {"desc": "%d " % i + "d" * 240}, None])
        self.push(n, "x")
        cid = n.wait_channel("x")["channelId"]
        t = threading.Thread(target=flood, daemon=True)
        t.start()
        try:
            n.wait_log(r"a reader of events is cut off", 120)
        finally:
            ended.set()
            t.join(harness.PATIENCE * 60)
        n.rpc("setSettings", [{"maxRelays": 6}])
        self.assertEqual(good.wait("notification")["class"], "settingsChanged")

    def test_talkative_reader_is_cut(self):
        n = self.node()
        s = self.stream(n, "?events=notification")
        with contextlib.suppress(OSError):
            for _ in range(100):
                s.c.send(b"x" * 1000)
        s.c.expect_close(WAIT)

    def test_ends_with_the_node(self):
        n = self.node()
        s = self.stream(n)
        n.stop()
        s.c.expect_close(WAIT)


class Idle(BoxCase):
    @harness.slow
    def test_heartbeat(self):
        """Comments come while nothing happens, and nothing else does."""
        n = self.node({"logLevel": 4, "idleSleepTime": 10}, start=False)
        n.start(quiet=True)
        s = Stream(n, "?events=notification")
        self.addCleanup(s.close)
        for _ in range(2):
            self.assertIn(s.c.read_until(b"\n\n", 40), (b"retry: 2000\n\n", b":\n\n"))
