# SPDX-License-Identifier: GPL-2.0-or-later
"""Real clients of JSON-RPC as the sequences of requests they send, with their headers (clients.md, http.md 12)."""
import base64
import contextlib
import json
import os
import re
import socket
import unittest

from harness import TOP, BoxCase, RpcError, free_port
from rtmp import Encoder, Flow, Refused

BASIC = {"Authorization": "Basic " + base64.b64encode(b"admin:s3cret").decode()}
XHR = {"X-Requested-With": "XMLHttpRequest"}
# encoders and players of this machine, without its other rights
HOME = "[Filter]\nip = 127.0.0.1\nprivate = Yes\nnetwork = Yes\ndirect = Yes\n[End]\n"


class Client:
    """JSON-RPC with the path, headers and ids of one program."""

    def __init__(self, node, path="/api/1", named=False, **headers):
        self.node, self.path, self.named = node, path, named
        self.headers = {k.replace("_", "-"): v for k, v in headers.items()}
        self.last = 0

    def post(self, body):
        return self.node.http("POST", self.path, json.dumps(body), self.headers)

    def __call__(self, method, *params, **named):
        self.last += 1
        r = self.post({"jsonrpc": "2.0", "id": self.last, "method": method, "params": named or list(params)})
        if r.status != 200:
            raise AssertionError("%s: HTTP %d" % (method, r.status))
        answer = r.json()
        if answer["id"] != self.last:
            raise AssertionError("%s: id %r" % (method, answer["id"]))
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]


class Ginger(BoxCase):
    """A control window for any node: named parameters, Basic, everything typed."""

    def setUp(self):
        self.n = self.node({"trustLocalhost": "No", "password": "s3cret"}, blocks=HOME)
        self.call = Client(self.n, **XHR, **BASIC)

    def test_password(self):
        r = Client(self.n, **XHR).post({"jsonrpc": "2.0", "id": 1, "method": "getStatus"})
        self.assertIn(r.status, (401, 403))
        self.assertNotIn(b"result", r.body)

    def test_window(self):
        self.push(self.n, "on the air")
        self.wait(lambda: any(c["status"]["isReceiving"] for c in self.call("getChannels")))
        self.assertIs(type(self.call("getVersionInfo")["agentName"]), str)
        self.assertIs(type(self.call("getStatus")["uptime"]), int)
        for chan in self.call("getChannels"):
            cid = chan["channelId"]
            self.assertEqual(self.call("getChannelInfo", channelId=cid)["info"], chan["info"])
            self.assertEqual(self.call("getChannelStatus", channelId=cid)["status"], "Receiving")
            for c in self.call("getChannelConnections", channelId=cid):
                self.assertTrue(-2 ** 31 <= c["connectionId"] < 2 ** 31)
                self.assertTrue(c["contentPosition"] is None or 0 <= c["contentPosition"] < 2 ** 32)
            self.assertEqual(len(self.call("getChannelRelayTree", channelId=cid)), 1)

    def test_settings(self):
        """What the dialogue shows it sends back, with what was changed; it is kept in the ini."""
        shown = self.call("getSettings")
        self.assertEqual(set(shown), {"maxRelays", "maxRelaysPerChannel", "maxDirects", "maxDirectsPerChannel",
                                      "maxUpstreamRate", "maxUpstreamRatePerChannel"})
        shown.update(maxRelays=7, maxDirects=4, maxUpstreamRate=6000)
        self.assertIsNone(self.call("setSettings", settings=shown))
        self.assertEqual(self.call("getSettings"), shown)
        for bad in ({"maxRelays": 9, "maxDirects": -1}, {"maxRelays": 9, "maxDirects": "x" * 100000}):
            with self.assertRaises(RpcError) as e:
                self.call("setSettings", settings=bad)
            self.assertEqual(e.exception.code, -32602)
        self.assertEqual(self.call("getSettings"), shown)
        self.n.stop()
        ini = self.n.read_ini()
        self.assertEqual([ini[k] for k in ("maxrelays", "maxdirect", "maxbitrateout")], ["7", "4", "6000"])

    def test_log(self):
        """The level counts at once, for the file and for getLog."""
        self.call("setLogSettings", settings={"level": 4})
        self.assertEqual(self.call("getLogSettings"), {"level": 4})
        self.call("clearLog")
        self.push(self.n, "logged")
        self.wait(lambda: "[INFO]" in self.call("getLog")["log"])
        got = self.call("getLog", **{"from": 0, "maxLines": 1})
        self.assertEqual((got["lines"], got["log"].count("\n")), (1, 0))
        self.assertGreater(self.call("getLog", **{"from": got["from"] + 1})["from"], got["from"])


class Epcyp(BoxCase):
    """A viewer's list in Electron: bodies called a form, named parameters, polling."""

    def test_viewer(self):
        n = self.node()
        self.push(n, "watched")
        cid = n.wait_channel("watched")["channelId"]
        call = Client(n, Content_Type="application/x-www-form-urlencoded", **XHR)
        call("getStatus")
        self.assertEqual([c["channelId"] for c in call("getChannels")], [cid])
        view = self.closing(n.view(cid, ext=".flv"))
        view.read(1000)
        self.assertEqual([c["type"] for c in call("getChannelConnections", channelId=cid)], ["source", "direct"])
        call("getChannelRelayTree", channelId=cid)
        self.assertIsNone(call("bumpChannel", channelId=cid))
        view.read(1000)
        self.assertIsNone(call("stopChannel", channelId=cid))
        view.expect_close()
        self.assertEqual(call("getChannels"), [])



class PeCaStarter(BoxCase):
    """PeCaStarter 6: the path with a slash, the yellow page looked up and added, texts changed on the air. An encoder
    sends to it, and it to a free port of this machine, which it has the node open."""

    def begin(self, call, name, page, port):
        """As it asks for a broadcast: by names, a number that is none, a reader that does not fit."""
        return call("broadcastChannel", yellowPageId=page, sourceUri="rtmp://localhost:%d/live/livestream" % port,
                    sourceStream="RTMP Source", contentReader="ASF(WMV or WMA)", networkType="ipv4",
                    info={"name": name, "url": "http://u/", "bitrate": "", "mimeType": "FLV", "genre": "g", "desc": "d", "comment": "c"},
                    track={"name": "", "creator": "", "genre": "", "album": "", "url": ""})

    def send(self, port, key):
        flow = Flow(self.closing(Encoder(port)).publish(key))
        self.addCleanup(flow.stop)
        return flow

    def refuses(self, port):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return False
        return True

    def test_its_own_port(self):
        n = self.node({"rtmpServer": "No"})
        call = Client(n, path="/api/1/", **XHR)
        page = call("addYellowPage", protocol="pcp", name="127.0.0.1:1", announceUri="pcp://127.0.0.1:1")["yellowPageId"]
        first, second = free_port(), free_port()
        cid = self.begin(call, "first", page, first)
        self.assertEqual(call("getChannels"), [])
        flow = self.send(first, "what the encoder was told")
        chan = n.wait_channel(cid=cid)
        self.assertEqual([chan["info"][k] for k in ("name", "url", "genre", "contentType")], ["first", "http://u/", "g", "FLV"])
        self.assertIsNone(call("setChannelInfo", channelId=cid, info={"name": "now", "bitrate": ""}, track={}))
        flow.stop()
        self.assertIsNone(call("stopChannel", channelId=cid))
        # the next time it is another port, and the old one is free
        cid = self.begin(call, "second", page, second)
        self.wait(lambda: self.refuses(first), what="the first port is free")
        self.send(second, "x")
        self.assertEqual(n.wait_channel(cid=cid)["info"]["name"], "second")
        # a port that others have is no surprise of later
        with socket.create_server(("127.0.0.1", 0)) as s, self.assertRaises(RpcError) as e:
            self.begin(call, "third", page, s.getsockname()[1])
        self.assertEqual((e.exception.code, e.exception.message), (0, "The port cannot be had"))
        # who switches RTMP off closes it
        self.assertEqual(n.get("/admin?cmd=control_rtmp&action=stop").status, 302)
        self.wait(lambda: self.refuses(second), what="it is closed")

    def test_its_own_port_and_a_key(self):
        """Keys of the settings are asked for there too; many doors do not stay open."""
        n = self.node({"rtmpServer": "No", "rtmpKey": "secret"})
        call = Client(n, path="/api/1/", **XHR)
        port = free_port()
        cid = self.begin(call, "keyed", None, port)
        with self.assertRaises(Refused):
            self.send(port, "wrong")
        self.send(port, "secret")
        self.assertEqual(n.wait_channel(cid=cid)["info"]["name"], "keyed")
        uri = "rtmp://127.0.0.1:%d/live/k%d"
        for i in range(5):
            call("broadcastChannel", sourceUri=uri % (free_port(), i), info={"name": "k%d" % i}, sourceStream="RTMP Source")
        self.wait(lambda: self.refuses(port), what="the oldest gives way")
        for bad in ("localhost:0", "localhost:65536", "localhost:x", "", ":7", "[::1"):
            with self.subTest(bad):
                with self.assertRaises(RpcError) as e:
                    call("broadcastChannel", sourceUri="rtmp://%s/live/k" % bad, info={"name": "k"})
                self.assertEqual((e.exception.code, e.exception.data), (-32602, "Invalid Uri"))

    def test_broadcast(self):
        root = self.root()
        n = self.node({"logLevel": 3})
        call = Client(n, path="/api/1/", **XHR)
        self.assertTrue(call("getVersionInfo")["agentName"].startswith("PeerCast/"))
        self.assertEqual(call("getYellowPageProtocols"), [{"name": "PCP", "protocol": "pcp"}])
        self.assertEqual(call("getYellowPages"), [])
        uri = "pcp://%s/" % root.address
        page = call("addYellowPage", protocol="pcp", name="YP", uri=uri)
        self.assertEqual((page["yellowPageId"], page["announceUri"], page["channels"]), (0, uri, []))
        self.assertEqual(call("getYellowPages"), [page])
        self.assertIs(type(call("getExternalIPAddresses")), list)
        self.assertIn(type(call("checkPorts")), (list, type(None)))

        push = self.push(n, "before", genre="g", desc="d", comment="c")
        cid = n.wait_channel("before")["channelId"]
        root_name = lambda: [c.get("name") for c in root.viewxml().iter("channel") if c.get("id") == cid]
        self.wait(lambda: root_name()[:1] == ["before"])
        self.wait(lambda: call("getYellowPages")[0]["channels"] == [{"channelId": cid, "status": "Connected"}])
        found = [c for c in n.viewxml().find("channels_found") if c.get("id") == cid][0]
        self.assertIsNotNone(found.find("relay"))

        with self.assertRaises(RpcError) as e:     # one that is announced is not taken elsewhere
            call("addYellowPage", protocol="pcp", name="other", uri="pcp://192.0.2.1/")
        self.assertEqual(e.exception.code, 0)
        self.assertIsNone(call("setChannelInfo", channelId=cid,
                               info={"name": "後", "url": "http://u/", "genre": "h", "desc": "e", "comment": "<3"},
                               track={"name": "曲", "creator": "a", "album": "b", "genre": "", "url": ""}))
        chan = n.find_channel(cid=cid)
        self.assertEqual((chan["info"]["name"], chan["info"]["comment"], chan["track"]["name"]), ("後", "<3", "曲"))
        push.stop()
        # an encoder that comes back finds its channel, with the texts that it sends
        self.push(n, "before")
        n.wait_log('channel "[^"]*" %s: taken over' % cid)
        self.assertEqual([c["channelId"] for c in call("getChannels")], [cid])
        self.assertIsNone(call("stopChannel", channelId=cid))
        self.assertIsNone(call("removeYellowPage", yellowPageId=0))
        self.assertEqual(call("getYellowPages"), [])


class Gateways(BoxCase):
    """pcgw and peca.live: programs of web sites in front of a node, with Basic."""

    def setUp(self):
        self.n = self.node({"trustLocalhost": "No", "password": "s3cret", "maxDirect": 5},
                           blocks=HOME)
        self.push(self.n, "site")
        self.call = Client(self.n, **XHR, **BASIC)
        self.wait(lambda: [c for c in self.call("getChannels") if c["status"]["isReceiving"]])
        self.cid = self.call("getChannels")[0]["channelId"]

    def connections(self):
        return {c["type"]: c["connectionId"] for c in self.call("getChannelConnections", self.cid)}

    def test_pcgw(self):
        """Titles, and connections that are ended one by one."""
        view = self.closing(self.n.view(self.cid))
        view.read(1000)
        relay = self.relay(self.n, self.cid)
        other = self.closing(self.n.view(self.cid))
        other.read(1000)
        self.wait(lambda: "relay" in self.connections())
        self.assertIsNone(self.call("setChannelInfo", self.cid, {"comment": "now"}, None))
        # the relay hears of it
        self.wait(lambda: relay.wait_atom("chan").get("info") is not None)
        self.assertIs(self.call("stopChannelConnection", self.cid, self.connections()["relay"]), True)
        relay.expect_close()
        ids = [c["connectionId"] for c in self.call("getChannelConnections", self.cid) if c["type"] == "direct"]
        self.assertEqual(len(ids), 2)
        self.assertIs(self.call("stopChannelConnection", self.cid, min(ids)), True)
        view.expect_close()
        other.read(1000)
        for bad in (-1, 0, 2 ** 31, -2 ** 63):
            self.assertIs(self.call("stopChannelConnection", self.cid, bad), False)
        self.assertIs(self.call("restartChannelConnection", self.cid, -1), False)   # an encoder's

    def test_peca_live(self):
        """The list of channels every few seconds, in one body as well; anybody may play."""
        status, channels = [{"jsonrpc": "2.0", "id": i, "method": m} for i, m in enumerate(("getStatus", "getChannels"))]
        r = self.call.post([status, channels])
        self.assertEqual([a["id"] for a in r.json()], [0, 1])
        self.assertEqual(r.json()[1]["result"][0]["channelId"], self.cid)
        self.closing(self.n.view(self.cid, ext=".flv")).read(1000)


class Viewers(BoxCase):
    """Players that show what the node says of their channel."""

    def setUp(self):
        self.tracker, self.n = self.node(), self.node({"trustLocalhost": "No", "password": "s3cret"}, blocks=HOME)
        self.push(self.tracker, "watched", url="http://bbs.example/")
        self.cid = self.tracker.wait_channel("watched")["channelId"]

    def playlist(self):
        """The first line is the URL; the id may be in lower case."""
        r = self.n.get("/pls/%s?tip=%s" % (self.cid.lower(), self.tracker.address), seconds=20)
        self.assertEqual(r.status, 200)
        url = r.body.decode().splitlines()[0]
        self.assertTrue(url.startswith("http://127.0.0.1:%d/stream/" % self.n.port), url)
        view = self.closing(self.n.client())
        view.request("GET", url[url.index("/stream/"):], {"User-Agent": "VLC/3.0.18", "Range": "bytes=0-"})
        view.read_head()
        self.assertEqual(view.status, 200)
        view.read(1000)
        return view

    def test_pcr_player(self):
        """Opens the playlist, then asks the API with Basic; what the API refused it would try the old way."""
        view = self.playlist()
        call = Client(self.n, **XHR, **BASIC)
        self.assertIn("agentName", call("getVersionInfo"))
        chan = [c for c in call("getChannels") if c["channelId"].lower() == self.cid.lower()][0]
        self.assertEqual(call("getChannelInfo", chan["channelId"])["info"]["url"], "http://bbs.example/")
        self.assertEqual(call("getChannelStatus", chan["channelId"])["status"], "Receiving")
        own = [c for c in call("getChannelConnections", chan["channelId"]) if c["type"] == "direct"]
        self.assertEqual([c["agentName"] for c in own], ["VLC/3.0.18"])
        self.assertIsNone(call("bumpChannel", chan["channelId"]))
        view.read(1000)
        for cmd in ("viewxml", "bump&id=" + self.cid, "stop&id=" + self.cid):
            self.assertEqual(self.n.get("/admin?cmd=" + cmd).status, 401)
            self.assertIn(self.n.get("/admin?cmd=" + cmd, BASIC).status, (200, 302))
        view.expect_close()
        self.assertEqual(call("getChannels"), [])

    def test_pure_player(self):
        """Looks at the Japanese page, then asks the API as no browser would: without X-Requested-With."""
        self.assertEqual(self.n.get("/html/ja/index.html", BASIC).status, 200)
        view = self.playlist()
        call = Client(self.n, **BASIC)
        self.assertTrue(call("getVersionInfo")["agentName"].startswith("PeerCast/0.1218"))
        self.assertEqual(call("getChannelInfo", self.cid)["info"]["name"], "watched")
        self.assertEqual(call("getChannelStatus", self.cid)["localDirects"], 1)
        with self.assertRaises(RpcError) as e:
            call("getChannelInfo", "0" * 31 + "1")
        self.assertEqual(e.exception.code, -1)
        self.assertEqual(self.n.get("/admin?cmd=bump&id=" + self.cid, BASIC).status, 302)
        view.read(1000)


class Play(BoxCase):
    def test_play(self):
        """A channel that was announced here is relayed on demand, without a player."""
        root = self.root()
        tracker = self.tracker(root)
        self.push(tracker, "asked for")
        cid = tracker.wait_channel("asked for")["channelId"]
        self.wait(lambda: root.viewxml().find("channels_found/channel[@id='%s']" % cid) is not None)
        self.assertIsNone(Client(root)("playChannel", cid))
        self.assertEqual(root.wait_channel(cid=cid)["info"]["name"], "asked for")


class Discover(BoxCase):
    def test_every_method_is_in_the_manual(self):
        names = {m["name"] for m in Client(self.node())("rpc.discover")["methods"]}
        for page in ("MANUAL.md", "MANUAL.ja.md"):
            with open(os.path.join(TOP, "dist/doc", page), encoding="utf-8") as f:
                row = next(line for line in f if line.startswith("| `POST /api/1` |"))
            told = set(re.findall(r"`([A-Za-z]+|rpc\.discover)`", row))
            self.assertEqual((names - told, told - names), (set(), set()), page)

    def test_every_method_answers(self):
        """What rpc.discover tells can be called: without its parameters, with wrong ones, with unknown ids."""
        n = self.node()
        call = Client(n)
        for m in call("rpc.discover")["methods"]:
            if m["name"] == "checkPorts" or m["name"] == "clearLog":
                continue
            needed = [p for p in m["params"] if p["required"]]
            long = "y" * (200000 // max(len(m["params"]), 1))       # all of them fit into one body
            for params in ([], [None] * len(m["params"]), [long] * len(m["params"]), {}):
                with self.subTest(m["name"], params=str(params)[:50]):
                    r = call.post({"jsonrpc": "2.0", "id": 1, "method": m["name"], "params": params}).json()
                    if list(params)[:1] == [long]:
                        self.assertTrue("result" in r or r["error"]["code"] in (-32602, -1, 0), r)
                    elif needed:
                        self.assertIn(r["error"]["code"], (-32602, -1))
                    elif params == [] or not m["params"]:
                        # of a root alone; and one that wants some of its parameters
                        other = m["name"] in ("getRootStatus", "broadcastRootSettings", "broadcastChannel")
                        self.assertTrue("result" in r or other, r)


if __name__ == "__main__":
    unittest.main()
