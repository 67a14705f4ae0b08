# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON-RPC as its clients use it (http.md 8, 12)."""
import json
import os
import unittest

import harness
from harness import BoxCase, RpcError, new_id

CAPTURES = os.path.join(harness.DATA, "api")


def captured(name):
    with open(os.path.join(CAPTURES, name + ".http.txt"), encoding="utf-8") as f:
        answer = f.read().split("<<< response", 1)[1]
    return json.loads(answer[answer.index("{"):])["result"]


class Api(BoxCase):
    def setUp(self):
        self.n = self.node()

    def post(self, body, headers=None, path="/api/1"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.n.http("POST", path, body, headers)


class Envelope(Api):
    def test_version(self):
        want = {"agentName": "PeerCast/0.1218 (SV01)", "apiVersion": "1.0.0", "jsonrpc": "2.0"}
        self.assertEqual(self.n.get("/api/1").json(), want)
        self.assertEqual(self.n.rpc("getVersionInfo"), want)

    def test_as_real_clients_post(self):
        """With and without X-Requested-With, any content type, the path with a slash, id null."""
        body = {"jsonrpc": "2.0", "id": None, "method": "getStatus", "params": []}
        for path, headers in (
                ("/api/1", {}), ("/api/1/", {"X-Requested-With": "XMLHttpRequest"}),
                ("/api/1", {"Content-Type": "application/x-www-form-urlencoded", "X-Requested-With": "x"}),
                ("/api/1", {"Origin": "http://" + self.n.address, "Content-Type": "application/json"}),
                ("/api/1?x=y", {"Authorization": "Basic bm86bm8="})):
            with self.subTest(path=path, headers=headers):
                r = self.post(body, headers, path)
                self.assertEqual((r.status, r.headers["content-type"]), (200, "application/json"))
                self.assertIsNone(r.json()["id"])
                self.assertEqual(set(r.json()["result"]) - {"firewall"}, set(captured("getStatus")))

    def test_errors(self):
        for body, code in ((b"nonsense", -32700), (b'{"a":"\xff"}', -32700), (b"[" * 100000, -32700), (b"[]", -32600),
                           (b"{}", -32600), (b'{"jsonrpc":"2.0","id":1,"method":"x"}', -32601)):
            with self.subTest(body[:40]):
                r = self.post(body)
                self.assertEqual((r.status, r.json()["error"]["code"]), (200, code))

    def test_batch_and_notifications(self):
        call = {"jsonrpc": "2.0", "method": "getVersionInfo"}
        r = self.post([dict(call, id=1), call, dict(call, id="b")])
        self.assertEqual([x["id"] for x in r.json()], [1, "b"])
        r = self.post(call)
        self.assertEqual((r.status, r.body), (204, b""))

    def test_id_text_comes_back(self):
        r = self.post(b'{"jsonrpc":"2.0","id":12345678901234567890123,"method":"getVersionInfo"}')
        self.assertIn(b'"id":12345678901234567890123,', r.body)

    def test_channel_ids(self):
        for method in ("getChannelInfo", "getChannelStatus", "getChannelConnections", "bumpChannel"):
            with self.subTest(method):
                with self.assertRaises(RpcError) as e:
                    self.n.rpc(method, [new_id()])
                self.assertEqual((e.exception.code, e.exception.message), (-1, "Channel not found"))
                with self.assertRaises(RpcError) as e:
                    self.n.rpc(method, ["short"])
                self.assertEqual(e.exception.code, -32602)
        self.assertIsNone(self.n.rpc("stopChannel", [new_id()]))


class Channels(Api):
    NAME = "テスト <配信> & \"A'B\""

    def setUp(self):
        super().setUp()
        self.push(self.n, self.NAME, genre="g", desc="d", url="http://u/", comment="c\nd")
        self.chan = self.n.wait_channel(self.NAME)
        self.cid = self.chan["channelId"]

    def test_shapes(self):
        """The same keys with the same kinds of values as a real PeerCast-YT."""
        self.closing(self.n.view(self.cid))
        for method, params in (("getStatus", []), ("getChannels", []), ("getChannelInfo", [self.cid]),
                               ("getChannelStatus", [self.cid]), ("getChannelConnections", [self.cid])):
            with self.subTest(method):
                self.same_shape(method, captured(method), self.n.rpc(method, params))

    def same_shape(self, where, theirs, ours):
        if theirs is None or ours is None:
            return
        if isinstance(theirs, (int, float)) and not isinstance(theirs, bool):
            self.assertIsInstance(ours, (int, float), where)
            return
        self.assertIs(type(ours), type(theirs), where)
        if isinstance(theirs, list):
            for a, b in list(zip(theirs, ours))[:1]:
                self.same_shape(where, a, b)
        elif isinstance(theirs, dict):
            self.assertEqual(set(theirs) - set(ours), set(), where)
            for key, value in theirs.items():
                self.same_shape(where + "." + key, value, ours[key])

    def test_info(self):
        info = self.chan["info"]
        self.assertEqual(info, {"name": self.NAME, "genre": "g", "desc": "d", "url": "http://u/", "comment": "c d",
                                "bitrate": info["bitrate"], "contentType": "FLV", "mimeType": "video/x-flv"})
        self.assertEqual(self.n.rpc("getChannelInfo", {"channelId": self.cid.lower()})["info"]["name"], self.NAME)
        self.assertEqual(self.chan["yellowPages"], [])

    def test_status(self):
        status = self.chan["status"]
        self.assertEqual((status["isBroadcasting"], status["isReceiving"], status["status"], status["network"]),
                         (True, True, "Receiving", "ipv4"))
        self.assertRegex(status["source"], r"^pcp://0\.0\.0\.0:0/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        view = self.closing(self.n.view(self.cid))
        view.read(1000)
        status = self.n.rpc("getChannelStatus", [self.cid])
        self.assertEqual((status["localDirects"], status["localRelays"], status["totalDirects"]), (1, 0, 1))
        view.close()
        self.wait(lambda: self.n.rpc("getChannelStatus", [self.cid])["localDirects"] == 0)

    def test_connections(self):
        view = self.closing(self.n.view(self.cid, headers={"User-Agent": "mpv \u00e9\t1"}))
        view.read(1000)
        relay = self.relay(self.n, self.cid)
        self.assertEqual(relay.status, 200)
        conns = self.wait(lambda: [c for c in [self.n.rpc("getChannelConnections", [self.cid])] if len(c) == 3])[0]
        self.assertEqual([c["type"] for c in conns], ["source", "relay", "direct"])
        self.assertEqual([c["protocolName"] for c in conns], ["HTTP", "PCP", "HTTP"])
        self.assertEqual([c["status"] for c in conns], ["Connected"] * 3)
        self.assertEqual(conns[0]["connectionId"], -1)
        self.assertTrue(0 <= conns[0]["contentPosition"] < 2 ** 32)
        self.assertTrue(conns[2]["agentName"].startswith("mpv"))
        self.assertEqual(conns[2]["remoteEndPoint"], "127.0.0.1:%d" % view.sock.getsockname()[1])

    def test_stop(self):
        view = self.closing(self.n.view(self.cid))
        self.assertIsNone(self.n.rpc("stopChannel", {"channelId": self.cid}))
        self.assertIsNone(self.n.find_channel(cid=self.cid))
        view.expect_close()

    def test_relayed(self):
        other = self.node(name="relay")
        other.get("/pls/%s?tip=%s" % (self.cid, self.n.address))
        chan = other.wait_channel(cid=self.cid)
        self.assertEqual(chan["info"]["name"], self.NAME)
        self.assertEqual((chan["status"]["isBroadcasting"], chan["status"]["isReceiving"]), (False, True))
        self.assertIn("pcp://%s/" % self.n.address, chan["status"]["source"])
        source = other.rpc("getChannelConnections", [self.cid])[0]
        self.assertEqual((source["type"], source["protocolName"], source["remoteEndPoint"]),
                         ("source", "PCP", self.n.address))
        self.assertLessEqual({"local", "tracker"}, set(source["remoteHostStatus"]))
        # who relays is told of it, and of what the broadcaster says
        notes = self.wait(lambda: [n for n in [other.rpc("getNotifications")] if len(n) > 1])[0]
        self.assertEqual([(n["class"], n["type"], n["message"], n["channelId"]) for n in notes],
                         [("channelReceiving", "normal", "Now receiving: " + self.NAME, self.cid),
                          ("channelComment", "normal", self.NAME + ": c d", self.cid)])
        self.assertEqual([n["message"] for n in other.rpc("getNotificationMessages")], [n["message"] for n in notes[::-1]])
        # the tracker hears of the relay, and counts it
        self.wait(lambda: self.n.rpc("getChannelStatus", [self.cid])["localRelays"] == 1)
        self.assertIsNone(other.rpc("bumpChannel", [self.cid]))
        other.wait_channel(cid=self.cid)


if __name__ == "__main__":
    unittest.main()
