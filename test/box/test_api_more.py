# SPDX-License-Identifier: GPL-2.0-or-later
"""Methods beyond channels and connections: what front ends keep, announcing, sources, the port (http.md 8.5, 8.6)."""
import json
import os

from harness import BoxCase, RpcError, free_port, new_id, wait_until
from rtmp import Encoder, Flow

WAIT = 25


class Kept(BoxCase):
    def test_items_and_values_survive(self):
        n = self.node()
        self.assertIsNone(n.rpc("getServerStorageItem", ["channelFilters"]))
        text = json.dumps([{"name": "<好き>", "x": "\u2028"}], ensure_ascii=False)
        self.assertIsNone(n.rpc("setServerStorageItem", ["channelFilters", text]))
        self.assertIsNone(n.rpc("setUserConfig", ["me", "ui", {"dark": True}]))
        self.assertIsNone(n.rpc("setUserConfig", {"user": "me", "key": "defaultPlayProtocol", "value": {"FLV": "HTTP"}}))
        self.assertIsNone(n.rpc("addBroadcastHistory", [{"channelName": "mine", "favorite": True, "bitrate": 500,
                                                         "unknown": 1, "genre": 5}]))
        n.stop()
        n.start()
        self.assertEqual(n.rpc("getServerStorageItem", ["channelFilters"]), text)
        self.assertEqual(n.rpc("getUserConfig", ["me", "ui"]), {"dark": True})
        self.assertIsNone(n.rpc("getUserConfig", ["you", "ui"]))
        self.assertEqual(n.rpc("getUserConfig", ["you", "defaultPlayProtocol"]), {"FLV": "HTTP"})
        history = n.rpc("getBroadcastHistory")
        self.assertEqual(len(history), 1)
        self.assertEqual((history[0]["channelName"], history[0]["favorite"], history[0]["bitrate"], history[0]["genre"]),
                         ("mine", True, 500, None))
        self.assertNotIn("unknown", history[0])
        self.assertEqual(os.stat(os.path.join(n.dir, "storage.json")).st_mode & 0o777, 0o600)

    def test_filters_of_peercast_yt(self):
        """What it kept in its folder is there until something is kept here; a file that is none harms nobody."""
        n = self.node(start=False)
        theirs = os.path.join(n.dir, ".local", "state", "peercast", "channelFilters.json")
        os.makedirs(os.path.dirname(theirs))
        text = '[{"name":"\u597d\u304d"}]'
        for content, item in (("[broken", None), (text, text)):
            with open(theirs, "w", encoding="utf-8") as f:
                f.write(content)
            n.start()
            self.assertEqual(n.rpc("getServerStorageItem", ["channelFilters"]), item)
            n.stop()
        n.start()
        n.rpc("setServerStorageItem", ["channelFilters", "[]"])
        n.stop()
        n.start()
        self.assertEqual(n.rpc("getServerStorageItem", ["channelFilters"]), "[]")
        with open(theirs, encoding="utf-8") as f:
            self.assertEqual((f.read(), os.listdir(os.path.dirname(theirs))), (text, ["channelFilters.json"]))

    def test_refused(self):
        n = self.node()
        for method, params, code in (
                ("getServerStorageItem", ["../channelFilters"], 0), ("getServerStorageItem", [""], 0),
                ("setServerStorageItem", ["other", "x"], 0), ("setServerStorageItem", ["channelFilters", 5], -32602),
                ("getUserConfig", ["u" * 65, "k"], -32602), ("setUserConfig", ["u", "k", "text"], -32602), ("setUserConfig", ["u" * 65, "k", {}], -32602),
                ("setUserConfig", ["u", "k", {"x": "y" * 70000}], -32602), ("addBroadcastHistory", ["x"], -32602)):
            with self.subTest(method=method, params=str(params)[:60]):
                with self.assertRaises(RpcError) as e:
                    n.rpc(method, params)
                self.assertEqual(e.exception.code, code)
        self.assertFalse(os.path.exists(os.path.join(n.dir, "storage.json")))


class Announcing(BoxCase):
    def test_stop_and_restart(self):
        """A broadcast that is not announced is off the list at once, and on it again when it is."""
        root = self.root({"rootMsg": "Welcome"})
        t = self.tracker(root)
        self.push(t, "told")
        self.push(t, "kept secret")
        a, b = (t.wait_channel(name)["channelId"] for name in ("told", "kept secret"))

        def listed():
            return {c.get("id") for c in root.viewxml().find("channels_found")}
        wait_until(lambda: listed() == {a, b}, WAIT, "both listed")
        said = [(m["class"], m["message"].partition(": ")[2]) for m in t.rpc("getNotifications")]
        self.assertEqual(said, [("rootMessage", "Welcome")])
        t.rpc("stopAnnounce", [0, b])
        wait_until(lambda: listed() == {a}, WAIT, "one gone")
        states = {c["channelId"]: c["status"] for c in t.rpc("getYellowPages")[0]["channels"]}
        self.assertEqual(states, {a: "Connected", b: "Idle"})
        t.rpc("restartAnnounce", {"yellowPageId": 0})
        wait_until(lambda: listed() == {a, b}, WAIT, "both again")
        t.rpc("stopAnnounce", [0])
        wait_until(lambda: listed() == set(), WAIT, "none")

    def test_silent_from_the_start(self):
        """Who says so goes on the air without the yellow page, until it is to know."""
        rtmp_port = free_port()
        root = self.root()
        t = self.tracker(root, {"rtmpServer": "Yes", "rtmpPort": rtmp_port})
        told = t.rpc("broadcastChannel", {"sourceUri": f"rtmp://127.0.0.1:{rtmp_port}/live/k1", "info": {"name": "told"}})
        quiet = t.rpc("broadcastChannel", {"sourceUri": f"rtmp://127.0.0.1:{rtmp_port}/live/k2", "info": {"name": "quiet"},
                                           "announce": False})
        self.push(t, "pushed", announce="0")
        wait_until(lambda: t.rpc("getRtmpStatus")["isListening"], WAIT, "RTMP")
        for key in ("k2", "k1"):
            flow = Flow(self.closing(Encoder(rtmp_port)).publish(key))
            self.addCleanup(flow.stop)
        pushed = t.wait_channel("pushed")["channelId"]
        t.wait_channel("quiet")

        def listed():
            return {c.get("id") for c in root.viewxml().find("channels_found")}
        wait_until(lambda: listed() == {told}, WAIT, "one alone")
        states = {c["channelId"]: c["status"] for c in t.rpc("getYellowPages")[0]["channels"]}
        self.assertEqual(states, {told: "Connected", quiet: "Idle", pushed: "Idle"})
        t.rpc("restartAnnounce", [0, quiet])
        wait_until(lambda: listed() == {told, quiet}, WAIT, "both")

    def test_refused(self):
        n = self.node({"rootHost": "127.0.0.1:1"})
        for params, code in (([1], -32602), ([-1], -32602), ([0, new_id()], -1), ([0, "x"], -32602), ([], -32602)):
            with self.subTest(params):
                with self.assertRaises(RpcError) as e:
                    n.rpc("stopAnnounce", params)
                self.assertEqual(e.exception.code, code)
        self.assertIsNone(n.rpc("stopAnnounce", [0]))   # nothing is broadcast: nothing to stop


class Station(BoxCase):
    def test_listener(self):
        n = self.node({"password": "very secret", "maxDirect": 3})
        got = n.rpc("getListeners")
        self.assertEqual(len(got), 1)
        self.assertEqual((got[0]["port"], got[0]["localAccepts"], got[0]["globalAccepts"], got[0]["portStatus"]),
                         (n.port, 15, 15, 1))
        self.assertEqual([got[0][k] for k in ("authenticationId", "authenticationPassword", "authToken")], [None] * 3)
        self.assertNotIn("very secret", json.dumps(got))
        bare = self.node({"allowHTML": "Yes"}).rpc("getListeners")[0]
        self.assertEqual((bare["globalAccepts"], bare["localAuthorizationRequired"]), (2 | 4, False))

    def test_sources_and_readers(self):
        n = self.node()
        self.assertIn("Flash Video (FLV)", [r["name"] for r in n.rpc("getContentReaders")])
        sources = {s["name"]: s for s in n.rpc("getSourceStreams")}
        self.assertEqual((sources["RTMP Source"]["type"], sources["RTMP Source"]["scheme"]), (1, "rtmp"))
        self.assertEqual(sources["pcp"]["type"], 2)
        for method, want in (("getAuthToken", None), ("checkBandwidth", None), ("checkUpdate", None),
                             ("updateAndRestart", None), ("getUpdateStatus", {"progress": 1.0, "status": "succeeded"})):
            self.assertEqual(n.rpc(method), want)

    INFO = {"name": "by API", "url": "http://u/", "genre": "g", "desc": "d", "comment": "c", "bitrate": 500}

    def test_broadcast_channel_refused(self):
        n = self.node()
        uri = "rtmp://localhost/live/key"
        for params, why in (
                ([0, "ipv4", uri, "Flash Video (FLV)", self.INFO], "Yellow page not found"),
                ([None, "ipv4", "", "Flash Video (FLV)", self.INFO], "source uri required"),
                ([None, "ipv4", uri, "Nonsense", self.INFO], "Content reader not found"),
                ([None, "ipv4", uri, "FLV", self.INFO, None, "No Such"], "Source stream not found"),
                ([None, "ipv4", "file:///etc/passwd", "FLV", self.INFO], "Source stream not found"),
                ([None, "ipv5", uri, "FLV", self.INFO], "network is ipv4 or ipv6"),
                ([None, "ipv4", "rtmp://localhost", "FLV", self.INFO], "Invalid Uri"),
                ([None, "ipv4", "rtmp://localhost/key", "FLV", self.INFO], "Invalid Uri"),
                ([None, "ipv4", "http://x/live/key", "FLV", self.INFO, None, "RTMP Source"], "Invalid Uri"),
                ([None, "ipv4", uri, "FLV", dict(self.INFO, name="")], "Channel name must not be empty"),
                ([None, "ipv4", uri, "FLV", dict(self.INFO, name=5)], "info.name must be a string")):
            with self.subTest(why):
                with self.assertRaises(RpcError) as e:
                    n.rpc("broadcastChannel", params)
                self.assertEqual((e.exception.code, e.exception.data), (-32602, why))

    def test_broadcast_channel(self):
        """As PeCaStarter does: the channel is prepared, its id known, and there when the encoder is."""
        port = free_port()
        n = self.node({"rtmpServer": "Yes", "rtmpPort": port, "rootHost": "127.0.0.1:1"})
        n.wait_log("rtmp: listening")
        cid = n.rpc("broadcastChannel", {
            "yellowPageId": 0, "networkType": "ipv4", "sourceUri": "rtmp://localhost:%d/live/secret-key" % port,
            "contentReader": "Flash Video (FLV)", "info": self.INFO, "track": {"name": "song", "creator": "who"},
            "sourceStream": "RTMP Source"})
        self.assertRegex(cid, r"^[0-9A-F]{32}$")
        self.assertEqual(n.channels(), [])
        encoder = self.closing(Encoder(port))
        flow = Flow(encoder.publish("secret-key"))
        self.addCleanup(flow.stop)
        chan = n.wait_channel(cid=cid)
        self.assertEqual({k: chan["info"][k] for k in ("name", "url", "genre", "desc", "comment")},
                         {k: self.INFO[k] for k in ("name", "url", "genre", "desc", "comment")})
        self.assertEqual((chan["track"]["name"], chan["track"]["creator"]), ("song", "who"))


class State(BoxCase):
    def state(self, n, *names):
        return n.rpc("getState", [list(names)])

    def test_whole(self):
        """What PeerCast-YT's pages read is there, as text, and no secret is."""
        n = self.node({"password": "very secret", "serverName": "<b>", "maxRelays": 7})
        self.push(n, "x & <y>", genre="g")
        cid = n.wait_channel("x & <y>")["channelId"]
        with n.view(cid):
            got = self.state(n, "servMgr", "chanMgr", "stats", "notificationBuffer", "sys", "ypList")
        self.assertEqual(set(got), {"servMgr", "chanMgr", "stats", "notificationBuffer", "sys", "ypList"})
        sm = got["servMgr"]
        self.assertEqual((sm["serverName"], sm["maxRelays"], sm["isRoot"], sm["serverPort"], sm["allow"]["HTML1"]),
                         ("<b>", "7", "0", str(n.port), "1"))
        self.assertIn("DIRECT", [s["type"] for s in sm["servents"]])
        self.assertEqual(sm["flags"]["forceFirewalled"]["currentValue"], False)
        self.assertEqual(sm["flags"]["startPlayingFromKeyFrame"]["defaultValue"], True)
        self.assertEqual(sm["configurationFile"], n.ini_path)
        for key in ("uptime", "numRelays", "filters", "channelDirectory", "auth", "log", "rtmpServerMonitor",
                    "isFirewalled", "firewallKnown", "serverIPAddresses", "defaultChannelInfo", "hasUnsafeFilterSettings"):
            self.assertIn(key, sm)
        self.assertEqual((sm["numChannelFeeds"], sm["numChannelFeedsPlusOne"], sm["numExternalChannels"]),
                         ("0", "1", "0"))
        chan, = got["chanMgr"]["channels"]
        self.assertEqual((chan["name"], chan["id"], chan["genre"], chan["status"], chan["localListeners"]),
                         ("x & <y>", cid, "g", "BROADCAST", "1"))
        self.assertRegex(chan["authToken"], r"^[0-9a-f]{32}$")
        self.assertEqual((chan["sourceProtocol"], chan["headPos"], chan["headDump"][:23]), ("HTTP", "0", "46 4c 56 01 05 00 00 00"))
        self.assertRegex(got["stats"]["totalOutPerSec"], r"^[0-9]+\.[0-9]$")
        self.assertIn("<br>", got["sys"]["log"]["dumpHTML"])
        self.assertNotIn("<y>", got["sys"]["log"]["dumpHTML"])
        self.assertNotIn("very secret", json.dumps(got))

    def test_names(self):
        n = self.node()
        self.assertEqual(self.state(n), {})
        self.assertEqual(set(self.state(n, "stats", "stats")), {"stats"})
        for params in ([["nonsense"]], [[5]], [["servMgr", None]], ["servMgr"], []):
            with self.subTest(params):
                with self.assertRaises(RpcError) as e:
                    n.rpc("getState", params)
                self.assertEqual(e.exception.code, -32602)

    def test_unsafe_filters_are_seen(self):
        n = self.node(blocks="[Filter]\nip = 255.255.255.255\nprivate = Yes\n[End]\n")
        self.assertEqual(self.state(n, "servMgr")["servMgr"]["hasUnsafeFilterSettings"], "1")
        self.assertEqual(self.state(self.node(), "servMgr")["servMgr"]["hasUnsafeFilterSettings"], "0")
