# SPDX-License-Identifier: GPL-2.0-or-later
"""Real clients of JSON-RPC as the sequences of requests they send, with their headers (clients.md, http.md 12)."""
import base64
import json
import unittest

from harness import BoxCase, RpcError

BASIC = {"Authorization": "Basic " + base64.b64encode(b"admin:s3cret").decode()}
XHR = {"X-Requested-With": "XMLHttpRequest"}


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
        self.n = self.node({"trustLocalhost": "No", "password": "s3cret"}, blocks="[Filter]\nip = 127.0.0.1\n"
                           "private = Yes\n[End]\n")
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


if __name__ == "__main__":
    unittest.main()
