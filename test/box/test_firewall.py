# SPDX-License-Identifier: GPL-2.0-or-later
"""Can our port be reached: how it becomes known, when it is asked again, who is believed (pcp.md 6.4, 7.6,
17; node.md 6). Addresses of our own, and COUT as far as they concern it."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import (AGENT, FLG_PUSH, FLG_RECV, FLG_RELAY, FLG_TRACKER, PATIENCE, PEERCAST, BoxCase, Client, box, gid,
                     helo, host_atom, ip, leaf, new_id, text, u16, u32, wait_until)
from net import NetCase
from test_pcp import OPENER, YellowPage
from test_relay import Upstream

NOTHING_MORE = 0.3
WAN, WAN6 = "203.0.113.5", "2001:db8::5"


def state(node, family="ipv4"):
    return node.rpc("getStatus")["firewall"][family]["state"]


def reason(node, family="ipv4"):
    return node.rpc("getStatus")["firewall"][family]["reason"]


class Later(threading.Thread):
    """A call that waits for others, made beside the test; get() has its result."""

    def __init__(self, f, *args):
        super().__init__(daemon=True)
        self.f, self.args = f, args
        self.result = self.error = None
        self.start()

    def run(self):
        try:
            self.result = self.f(*self.args)
        except Exception as e:          # the test's thread raises it
            self.error = e

    def get(self, seconds=30):
        self.join(seconds * PATIENCE)
        if self.is_alive():
            raise AssertionError("no answer in time")
        if self.error:
            raise self.error
        return self.result


class FirewallCase(BoxCase):
    def yellow_page(self, *args):
        yp = YellowPage(*args)
        self.addCleanup(yp.close)
        return yp

    @staticmethod
    def flags(**keys):
        return "[Flags]\n%s[End]\n" % "".join("%s = %s\n" % kv for kv in keys.items())

    def settings(self, node, blocks="", **keys):
        """Other settings, by SIGHUP."""
        with open(node.ini_path, encoding="utf-8") as f:
            lines = [line for line in f.read().partition("[Flags]")[0].splitlines()
                     if line.split("=")[0].strip() not in keys]
        with open(node.ini_path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines + ["%s = %s" % kv for kv in keys.items()]) + "\n" + blocks)
        since = node.out.count()
        node.send_signal(signal.SIGHUP)
        node.wait_log("settings read again", since=since)

    def is_check(self, c):
        """A conversation about the port alone."""
        self.assertIn("ping", c.helo)
        self.assertNotIn("port", c.helo)

    def update(self, c, seconds=5):
        """The next tracker update: (address, port, flags)."""
        host = c.wait_atom("bcst", seconds)["host"]
        return host["ip"].ip, host["port"].u16, host["flg1"].u8


class Check(FirewallCase):
    """The YP is asked on its own account."""

    def setUp(self):
        self.yp = self.yellow_page()

    def test_on_request(self):
        for is_open, is_firewalled, why in (
                (True, False, "the yellow page could reach us"),
                (False, True, "the yellow page could not reach us")):
            with self.subTest(is_open):
                n = self.node({"rootHost": self.yp.address})
                self.assertEqual((state(n), reason(n)), ("unknown", "not tested yet"))
                port, answer = (n.port, [n.port]) if is_open else (0, [])
                asked = Later(n.rpc, "checkPorts")
                c = self.closing(self.yp.accept())
                self.is_check(c)
                self.assertEqual(c.helo["ping"].u16, n.port)
                self.assertNotIn("bcid", c.helo)
                self.assertEqual((state(n), reason(n)), ("unknown", "a test was asked for"))
                c.send_atom(self.yp.oleh(port=port))
                self.assertEqual(c.read_atom().u32, 1000)
                self.assertEqual(c.expect_close(), b"")
                self.assertEqual(asked.get(), answer)
                self.assertEqual((n.rpc("getStatus")["isFirewalled"], reason(n)), (is_firewalled, why))
                self.assertEqual(n.rpc("getStatus")["globalRelayEndPoint"], [WAN, n.port])
                # soon again: the same answer, and nobody is bothered
                self.assertEqual(n.rpc("checkPorts"), answer)
                with self.assertRaises(TimeoutError):
                    self.yp.accept(NOTHING_MORE)

    def test_command(self):
        n = self.node({"rootHost": self.yp.address})
        asked = Later(n.get, "/admin?cmd=portcheck4")
        c = self.closing(self.yp.accept())
        c.send_atom(self.yp.oleh(port=n.port))
        r = asked.get()
        self.assertEqual((r.status, r.headers["content-type"]), (200, "text/plain; charset=UTF-8"))
        self.assertEqual(r.text, "IPv4 port %d: the yellow page could reach us\nIPv4 firewall is OFF\n" % n.port)
        r = n.get("/admin?cmd=portcheck6")
        self.assertEqual(r.text, "IPv6 port %d: the yellow page has no address of this kind\n"
                                 "IPv6 firewall is UNKNOWN\n" % n.port)

    def test_two_ask(self):
        """Whoever comes meanwhile waits for the same answer."""
        n = self.node({"rootHost": self.yp.address})
        one = Later(n.rpc, "checkPorts")
        c = self.closing(self.yp.accept())
        two = Later(n.rpc, "checkPorts")
        with self.assertRaises(TimeoutError):
            self.yp.accept(NOTHING_MORE)
        c.send_atom(self.yp.oleh(port=n.port))
        self.assertEqual((one.get(), two.get()), ([n.port], [n.port]))

    def test_nobody_answers(self):
        for name, reply in (("closes", b""), ("HTTP", b"HTTP/1.0 503 Service Unavailable\r\n\r\n"),
                            ("quit", u32("quit", 1003).encode())):
            with self.subTest(name):
                n = self.node({"rootHost": self.yp.address})
                asked = Later(n.rpc, "checkPorts")
                with contextlib.closing(self.yp.accept()) as c:
                    c.send(reply)
                self.assertIsNone(asked.get())
                self.assertEqual((state(n), reason(n)), ("unknown", "the yellow page does not answer"))
        self.yp.close()
        n = self.node({"rootHost": self.yp.address})
        self.assertIsNone(n.rpc("checkPorts"))
        n = self.node()
        self.assertIsNone(n.rpc("checkPorts"))
        self.assertEqual(reason(n), "there is no yellow page to ask")

    def test_node_stops_meanwhile(self):
        n = self.node({"rootHost": self.yp.address})
        asked = Later(n.rpc, "checkPorts")
        self.closing(self.yp.accept())
        n.stop()
        with contextlib.suppress(Exception):
            asked.get()

    def test_relay(self):
        """A node that relays wants to be reached, and to know its address; the stream does not wait for
        that."""
        up = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(up.close)
        up.settimeout(10 * PATIENCE)
        n = self.node({"rootHost": self.yp.address})
        with self.assertRaises(TimeoutError):
            self.yp.accept(NOTHING_MORE)        # nobody needs it
        viewer = self.closing(n.client())
        viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (new_id(), up.getsockname()[1]))
        # both go on at once; neither has been answered
        fetch, _ = up.accept()
        c = self.closing(self.yp.accept())
        with fetch:
            self.is_check(c)
            c.send_atom(self.yp.oleh(port=n.port))
            self.assertEqual(c.read_atom().u32, 1000)
            n.wait_log("port %d is open over IPv4: the yellow page could reach us" % n.port)
            n.wait_log("our IPv4 address is " + WAN)

    def test_one_question_at_a_time(self):
        """Who tests us for one connection tells another that our port is shut: it is not asked there."""
        up = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(up.close)
        up.settimeout(10 * PATIENCE)
        n = self.node({"rootHost": self.yp.address})
        asked = Later(n.rpc, "checkPorts")
        c = self.closing(self.yp.accept())
        self.is_check(c)
        for ping in (False, True):
            viewer = self.closing(n.client())
            viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (new_id(), up.getsockname()[1]))
            fetch = self.closing(Client.of(up.accept()[0]))
            fetch.read_until(b"\r\n\r\n")
            fetch.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-peercast-pcp\r\n\r\n")
            said = fetch.read_atom()
            self.assertEqual((said.name, "ping" in said, "port" in said), ("helo", ping, False))
            if not ping:
                c.close()
                self.assertIsNone(asked.get())

    def test_hangup(self):
        """SIGHUP asks again; what is known stays until the answer comes."""
        n = self.node({"rootHost": self.yp.address})
        self.push(n, "mine")
        c = self.closing(self.yp.welcome(port=n.port))
        self.assertEqual(self.update(c)[:2], (WAN, n.port))
        self.settings(n)
        d = self.closing(self.yp.accept())
        self.is_check(d)
        self.assertEqual(state(n), "open")
        d.send_atom(self.yp.oleh(port=0))
        self.assertEqual(self.update(c)[:2], (WAN, 0))
        self.assertEqual((state(n), reason(n)), ("closed", "the yellow page could not reach us"))

    def test_banned(self):
        """Then the YP is left alone in every way."""
        n = self.node({"rootHost": self.yp.address})
        self.push(n, "mine")
        with contextlib.closing(self.yp.accept()) as c:
            c.send_atom(self.yp.oleh())
            c.send_atom(u32("quit", 1011))
            c.expect_close()
        n.wait_log(r"\[EROR\] cout: banned .* 10 minutes")
        self.assertEqual(n.rpc("checkPorts"), None)
        with self.assertRaises(TimeoutError):
            self.yp.accept(NOTHING_MORE)


class Believed(FirewallCase):
    """Who tells what."""

    def test_echo_is_no_test(self):
        """A YP that repeats the port we claim has not tested it; nor does it undo what a test told."""
        yp = self.yellow_page()
        n = self.node({"rootHost": yp.address})
        self.push(n, "mine")
        c = self.closing(yp.welcome(port=n.port))
        self.assertEqual(self.update(c)[:2], (WAN, n.port))
        other = self.yellow_page()
        self.settings(n, rootHost=other.address)
        for _ in range(2):                      # a check and COUT, in any order
            d = self.closing(other.accept())
            d.send_atom(other.oleh(port=n.port if "ping" in d.helo else 0))
            d.send_atom(u32("ok", 0))
            if "ping" not in d.helo:
                self.assertEqual(d.helo["port"].u16, n.port)
                self.assertEqual(self.update(d)[:2], (WAN, n.port))
        self.assertEqual(state(n), "open")

    def test_other_address(self):
        """Seen elsewhere by the YP: told at once, and the port is asked about again."""
        yp = self.yellow_page()
        n = self.node({"rootHost": yp.address})
        self.push(n, "mine")
        c = self.closing(yp.welcome(port=n.port))
        self.assertEqual(self.update(c)[:2], (WAN, n.port))
        asked = Later(n.rpc, "checkPorts")
        d = self.closing(yp.accept())
        self.assertIn("bcid", d.helo)
        self.assertEqual(self.update(c), (WAN, 0, FLG_PUSH | FLG_TRACKER | FLG_RECV | 0x22), "unknown is closed")
        d.send_atom(yp.oleh(rip="198.51.100.9", port=n.port))
        d.send_atom(u32("quit", 1002))          # as a root does that has COUT already
        self.assertEqual(asked.get(), [n.port])
        wait_until(lambda: self.update(c)[:2] == ("198.51.100.9", n.port), what="the new address")

    def test_who_is_named_is_not(self):
        """The tracker a user chose is; whom it names instead, be it as a relay or as a tracker, is not."""
        for flags in (FLG_RELAY | FLG_RECV, FLG_TRACKER | FLG_RELAY | FLG_RECV):
            with self.subTest(flags=flags):
                n, up, named, cid = self.node(), Upstream(self), Upstream(self), new_id()
                viewer = self.closing(n.client())
                viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (cid, up.port))
                c = self.closing(up.accept())
                up.handshake(c, 503, rip=WAN, port=n.port)
                self.assertIn("ping", c.helo)
                c.send_atom(host_atom(named.sid, cid, "127.0.0.1", named.port, flags=flags))
                c.send_atom(u32("quit", 1003))
                c.close()
                d = self.closing(named.accept(20))
                self.assertEqual(state(n), "open")
                named.handshake(d, rip="198.51.100.77")
                named.head(d, cid)
                named.data(d, cid, 4, b"data")
                self.assertEqual(viewer.read_head(), 200)
                self.assertEqual(n.rpc("getStatus")["globalRelayEndPoint"], [WAN, n.port])
                self.assertEqual(state(n), "open")

    def test_relay_upstream_is_not(self):
        """Neither its word on our address nor on our port."""
        up = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(up.close)
        up.settimeout(10 * PATIENCE)
        source = self.node()
        self.push(source, "mine")
        cid = source.wait_channel("mine")["channelId"]
        n = self.node()
        with n.view(cid, "?tip=" + source.address) as v:
            v.read(1000)
            before = n.rpc("getStatus")
            self.assertNotEqual(before["firewall"]["ipv4"]["state"], "unknown", "the tracker's word")
            n.get("/admin?cmd=bump&id=%s&ip=127.0.0.1:%d" % (cid, up.getsockname()[1]))
            c = self.closing(Client.__new__(Client))
            c.sock, _ = up.accept()
            c.buf, c.headers = b"", {}
            pos = int(re.search(rb"x-peercast-pos: (\d+)", c.read_until(b"\r\n\r\n")).group(1))
            c.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-peercast-pcp\r\n\r\n")
            self.assertEqual(c.read_atom().name, "helo")
            c.send_atom(box("oleh", text("agnt", AGENT), gid("sid", new_id()), u32("ver", 1218),
                            ip("rip", "198.51.100.77"), u16("port", n.port)))
            c.send_atom(u32("ok", 1))
            # only one that has something new is gone over to
            c.send_atom(box("chan", gid("id", cid), box("pkt", leaf("type", b"data"), u32("pos", pos + 5000),
                                                        leaf("data", b"new"))))
            n.wait_log("receiving from " + AGENT)
            after = n.rpc("getStatus")
            for key in ("state", "reason"):
                self.assertEqual(after["firewall"]["ipv4"][key], before["firewall"]["ipv4"][key])
            self.assertEqual(after["globalRelayEndPoint"], before["globalRelayEndPoint"])


class Forced(FirewallCase):
    """forceNormal, forceFirewalled and forceIP while the node runs."""

    def setUp(self):
        self.yp = self.yellow_page()

    def test_switched(self):
        n = self.node({"rootHost": self.yp.address, "forceNormal": "Yes"})
        self.assertEqual((state(n), reason(n)), ("open", "forceNormal"))
        self.assertEqual(state(n, "ipv6"), "open")
        self.assertEqual(n.rpc("checkPorts"), [n.port])
        self.push(n, "mine")
        c = self.closing(self.yp.welcome(port=0))
        self.assertEqual(c.helo["port"].u16, n.port)
        self.assertNotIn("ping", c.helo)
        self.assertEqual(self.update(c)[:2], (WAN, n.port), "whatever the YP says")
        self.settings(n, self.flags(forceFirewalled="Yes"))
        self.assertEqual((state(n), reason(n)), ("closed", "forceFirewalled"))
        self.assertEqual(self.update(c)[:2], (WAN, 0))
        self.settings(n)
        self.assertEqual((state(n), reason(n)), ("open", "forceNormal"))
        self.assertEqual(self.update(c)[:2], (WAN, n.port))
        self.settings(n, forceNormal="No")
        self.assertEqual(self.update(c)[:2], (WAN, 0))
        d = self.closing(self.yp.accept(30))
        self.is_check(d)
        self.assertIn(reason(n), ("no longer set by hand, not tested yet",))
        d.send_atom(self.yp.oleh(port=n.port))
        self.assertEqual(self.update(c)[:2], (WAN, n.port))

    def test_firewalled_hello(self):
        n = self.node({"rootHost": self.yp.address}, blocks=self.flags(forceFirewalled="Yes"))
        self.push(n, "mine")
        c = self.closing(self.yp.welcome(port=n.port))
        self.assertNotIn("port", c.helo)
        self.assertNotIn("ping", c.helo)
        self.assertEqual(self.update(c)[:2], (WAN, 0))

    def test_port_while_unknown(self):
        n = self.node({"rootHost": self.yp.address}, blocks=self.flags(sendPortAtomWhenFirewallUnknown="Yes"))
        self.push(n, "mine")
        c = self.closing(self.yp.accept())
        self.assertEqual((c.helo["port"].u16, c.helo["ping"].u16), (n.port, n.port))

    def test_ip(self):
        n = self.node({"rootHost": self.yp.address, "forceIP": "198.51.100.1", "forceNormal": "Yes"})
        self.push(n, "mine")
        c = self.closing(self.yp.welcome(port=n.port))
        self.assertEqual(self.update(c)[:2], ("198.51.100.1", n.port), "the YP's word does not count")
        self.settings(n, forceIP="198.51.100.2")
        self.assertEqual(self.update(c)[:2], ("198.51.100.2", n.port))
        self.settings(n, forceIP="no-such-name.invalid")
        n.wait_log("forceIP no-such-name.invalid: ")
        self.assertEqual(n.rpc("getStatus")["globalRelayEndPoint"], ["198.51.100.2", n.port])

    def test_name_that_leads_nowhere(self):
        """The operator knows better than the YP, even while his name for it cannot be looked up."""
        n = self.node({"rootHost": self.yp.address, "forceIP": "no-such-name.invalid", "forceNormal": "Yes"})
        self.push(n, "mine")
        c = self.closing(self.yp.welcome(port=n.port))
        self.assertNotEqual(self.update(c)[0], WAN)
        self.assertNotEqual(n.rpc("getStatus")["globalRelayEndPoint"][0], WAN)


class Line(FirewallCase):
    """COUT's life."""

    def setUp(self):
        self.yp = self.yellow_page()
        self.n = self.node({"rootHost": self.yp.address, "sourceGraceSec": 0})
        self.push(self.n, "mine")

    def test_another_yp(self):
        """The old one is told that the channel is gone there."""
        c = self.closing(self.yp.welcome())
        self.assertTrue(self.update(c)[2] & FLG_RECV)
        other = self.yellow_page()
        self.settings(self.n, rootHost=other.address)
        self.assertEqual(self.update(c)[2] & (FLG_TRACKER | FLG_RECV), FLG_TRACKER)
        self.assertEqual(c.read_atom().u32, 1000)
        self.assertTrue(self.update(self.closing(other.welcome()))[2] & FLG_RECV)

    def test_no_yp(self):
        c = self.closing(self.yp.welcome())
        self.update(c)
        self.settings(self.n, rootHost="")
        self.assertEqual(self.update(c)[2] & (FLG_TRACKER | FLG_RECV), FLG_TRACKER)
        self.assertEqual(c.read_atom().u32, 1008)

    def test_not_serving(self):
        c = self.closing(self.yp.welcome())
        self.update(c)
        self.settings(self.n, autoServe="No")
        wait_until(lambda: self.update(c)[2] & (FLG_TRACKER | FLG_RECV) == FLG_TRACKER, what="the farewell")
        self.assertEqual(c.read_atom().u32, 1008)

    def test_one_handshake_at_a_time(self):
        """A check waits until COUT is in: a root refuses the second of two sessions, whichever it is."""
        c = self.closing(self.yp.accept())
        asked = Later(self.n.rpc, "checkPorts")
        with self.assertRaises(TimeoutError):
            self.yp.accept(NOTHING_MORE)
        c.send_atom(self.yp.oleh(port=self.n.port))
        c.send_atom(u32("ok", 0))
        # the answer to COUT's own question will do
        self.assertEqual(asked.get(), [self.n.port])

    def test_cout_waits_for_a_check(self):
        yp = self.yellow_page()
        n = self.node({"rootHost": yp.address})
        asked = Later(n.rpc, "checkPorts")
        c = self.closing(yp.accept())
        self.push(n, "mine")
        n.wait_channel("mine")
        with self.assertRaises(TimeoutError):
            yp.accept(NOTHING_MORE)
        c.send_atom(yp.oleh(port=n.port))
        d = self.closing(yp.welcome(port=n.port))
        self.assertEqual(d.helo["port"].u16, n.port)
        self.assertEqual(asked.get(), [n.port])
        self.assertEqual(self.update(d)[:2], (WAN, n.port))


class Six(FirewallCase):
    """IPv6 over loopback."""

    def setUp(self):
        if not socket.has_ipv6:
            self.skipTest("no IPv6 here")
        try:
            with socket.socket(socket.AF_INET6) as s:
                s.bind(("::1", 0))
        except OSError as e:
            self.skipTest("no ::1 here: %s" % e)

    def test_yellow_page(self):
        yp = self.yellow_page("::1")
        n = self.node({"rootHost": yp.address})
        self.push(n, "six", ipv=6)
        c = self.closing(yp.welcome(rip=WAN6, port=n.port))
        self.assertIn("ping", c.helo)
        got = c.wait_atom("bcst")["host"]
        self.assertEqual([(a.ip, len(a.data)) for a in got.all("ip")][0], (WAN6, 16))
        self.assertEqual(len(got.all("ip")[1].data), 16)
        self.assertEqual(got.all("port")[0].u16, n.port)
        self.assertEqual((state(n, "ipv6"), state(n)), ("open", "unknown"))

    def test_chain(self):
        """A broadcast of ipv=6 through two relays; its addresses as text."""
        a, b, c = self.node(), self.node(), self.node()
        self.push(a, "six", ipv=6)
        cid = a.wait_channel("six")["channelId"]
        self.assertEqual(a.find_channel("six")["status"]["network"], "ipv6")
        with b.view(cid, "?tip=[::1]:%d" % a.port) as v:
            v.read(1000)
            with c.view(cid, "?tip=[::1]:%d" % b.port) as w:
                self.assertEqual(w.status, 200)
                w.read(10000)
                self.assertEqual(c.find_channel(cid=cid)["status"]["network"], "ipv6")
                hosts = wait_until(lambda: [h for h in a.viewxml().iter("host") if h.get("hops") == "1"],
                                   what="the relay's report")
                self.assertRegex(hosts[0].get("ip"), r"^\[[0-9a-f:]+\]:\d+$")
                source = [x for x in b.rpc("getChannelConnections", [cid]) if x["type"] == "source"]
                self.assertEqual(source[0]["remoteEndPoint"], "[::1]:%d" % a.port)

    def test_family_of_a_request(self):
        a = self.node()
        self.push(a, "six", ipv=6)
        self.push(a, "four")
        six, four = (a.wait_channel(name)["channelId"] for name in ("six", "four"))
        for cid, version, status in ((six, 100, 200), (six, 1, 404), (four, 1, 200), (four, 100, 404)):
            with self.subTest(cid=cid, version=version), Client(a.port) as c:
                c.request("GET", "/channel/" + cid, {"x-peercast-pcp": version})
                self.assertEqual(c.read_head(), status)


class Machines(NetCase, FirewallCase):
    """Real nodes on machines of their own, a real root."""

    def setUp(self):
        super().setUp()
        self.yp = self.root(place=self.machine())

    def tracked(self, place, **kw):
        t = self.tracker(self.yp, place=place)
        self.push(t, "mine", **kw)
        return t

    def listed(self):
        """What the root tells of the only channel's tracker: (address, push)."""
        hosts = list(self.yp.viewxml().iter("host"))
        return (hosts[0].get("ip"), hosts[0].get("push")) if hosts else None

    def wait_listed(self, address, push):
        wait_until(lambda: self.listed() == (address, str(push)), 20,
                   "%s %d; now %s" % (address, push, self.listed()))

    def test_open_and_shut(self):
        place = self.machine()
        place.firewall("reject", "7144")
        t = self.tracked(place)
        self.wait_listed(place.ip + ":0", 1)
        self.assertEqual((state(t), reason(t)), ("closed", "the yellow page could not reach us"))
        place.firewall("accept")
        self.assertEqual(t.rpc("checkPorts"), [7144])
        self.wait_listed(place.ip + ":7144", 0)
        self.assertEqual(t.rpc("getStatus")["globalRelayEndPoint"], [place.ip, 7144])

    def test_nat(self):
        home = self.lan(ipv6=False)
        place = home.machine()
        t = self.tracked(place)
        # the router drops what nobody asked for: the test takes its 15 seconds
        wait_until(lambda: state(t) == "closed", 25, "the port test")
        self.wait_listed(home.ip + ":0", 1)
        home.forward(place)
        self.assertIn("IPv4 firewall is OFF", t.get("/admin?cmd=portcheck4", seconds=30).text)
        self.wait_listed(home.ip + ":7144", 0)
        # a neighbour hears where the world sees him, not where we do
        other = home.machine()
        with other.inside(), Client(t.port, place.ip) as c:
            c.send(OPENER + helo(new_id()).encode())
            self.assertEqual(c.read_atom()["rip"].ip, home.ip)

    def test_moves(self):
        """Another address on the interface: noticed at once, and asked about."""
        place = self.machine(ipv6=False)
        source = self.tree_node()
        self.push(source, "mine")
        cid = source.wait_channel("mine")["channelId"]
        t = self.node({"rootHost": self.yp.address}, place=place)
        with t.view(cid, "?tip=" + source.address) as v:
            v.read(1000)
            wait_until(lambda: state(t) == "open", what="the port test")
            place.move(self.net.address())
            t.wait_log("our IPv4 address is " + place.ip)
            t.wait_log("is unknown over IPv4: our address changed, not tested yet")
            # of its own accord in 20 seconds; now when asked
            self.assertEqual(t.rpc("checkPorts"), [7144])
            self.assertEqual(reason(t), "the yellow page could reach us")

    def test_tracker_moves(self):
        """Its line to the YP is from an address that is gone: it is given up at once."""
        place = self.machine(ipv6=False)
        t = self.tracked(place)
        self.wait_listed(place.ip + ":7144", 0)
        place.move(self.net.address())
        t.wait_log("cout: .*connection lost: our address is gone")

    def test_ipv6_only(self):
        """A YP, a broadcaster and a relay without any IPv4."""
        yp = self.root(place=self.machine(ipv4=False))
        place, far = self.machine(ipv4=False), self.machine(ipv4=False)
        t = self.tracker(yp, place=place)
        self.push(t, "six", ipv=6)
        cid = t.wait_channel("six")["channelId"]
        hosts = wait_until(lambda: list(yp.viewxml().iter("host")), what="the announcement")
        self.assertEqual((hosts[0].get("ip"), hosts[0].get("push")), ("[%s]:7144" % place.ip6, "0"))
        self.assertEqual((state(t, "ipv6"), reason(t, "ipv6")), ("open", "the yellow page could reach us"))
        self.assertEqual(state(t), "unknown")
        self.assertEqual(t.rpc("getStatus")["globalRelayEndPoint"], [place.ip6, 7144])
        r = self.node({"rootHost": yp.address}, place=far)
        with r.view(cid) as v:                  # found by way of the YP
            self.assertEqual(v.status, 200)
            v.read(10000)
        relay = wait_until(lambda: [h for h in t.viewxml().iter("host") if h.get("hops") == "1"],
                           what="the relay's report")
        self.assertEqual(relay[0].get("ip"), "[%s]:7144" % far.ip6)
        self.assertEqual(r.find_channel(cid=cid)["status"]["network"], "ipv6")

    def test_both_families(self):
        """A YP with addresses of both kinds: IPv4 unless all we broadcast is IPv6; the port is asked
        about on both."""
        own_files = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode == 0
        if not own_files or not os.path.exists("/etc/hosts"):
            self.skipTest("no /etc/hosts of its own for a process: mount namespaces do not work here")
        place, yp_place = self.machine(), self.yp.place
        hosts = os.path.join(self.yp.dir, "hosts")
        with open(hosts, "w", encoding="ascii") as f:
            f.write("%s yp.example\n%s yp.example\n" % (yp_place.ip, yp_place.ip6))
        command = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, PEERCAST]
        for ipv, peer in ((6, yp_place.ip6), (4, yp_place.ip)):
            with self.subTest(ipv):
                t = self.node({"rootHost": "yp.example"}, place=place, command=command)
                self.push(t, "mine", ipv=ipv)
                t.wait_log(r"cout: connected to yellow page \[?%s\]?:7144" % re.escape(peer))
                wait_until(lambda t=t: (state(t), state(t, "ipv6")) == ("open", "open"), 20, "both port tests")
                t.stop()
        # the one that cannot be reached is passed over
        t = self.node({"rootHost": "yp.example"}, place=place, command=command)
        self.net.nft("""table inet no6 {
            chain forward { type filter hook forward priority 0; meta nfproto ipv6 reject; }
        }""")
        self.push(t, "mine", ipv=6)
        t.wait_log(r"cout: connected to yellow page %s:7144" % re.escape(yp_place.ip), 20)


class PortTests(NetCase):
    """We test others' ports (7.6): a few at once, and never where that could do harm."""

    def setUp(self):
        super().setUp()
        self.n = self.node()

    def ask(self, place, ping, sid=None, **kw):
        """A Client that has asked for a test."""
        with place.inside():
            c = self.closing(Client(self.n.port, self.n.host))
        c.send(OPENER + helo(sid or new_id(), ping=ping, **kw).encode())
        return c

    def listen(self, place, port=7144, family=socket.AF_INET):
        with place.inside():
            server = socket.create_server(("", port), family=family)
        self.addCleanup(server.close)
        server.settimeout(10 * PATIENCE)
        return server

    def test_at_most_eight(self):
        """Beyond them, and for an address that is being tested, the answer is 0 at once."""
        places = self.net.some(9, ipv6=False)
        servers, testers, clients = [], [], []
        for p in places[:8]:
            servers.append(self.listen(p))
            clients.append(self.ask(p, 7144))
            testers.append(self.closing(servers[-1].accept()[0]))       # connected, and not answered
        for p in (places[8], places[0]):
            start = time.monotonic()
            for _ in range(20):
                self.assertEqual(self.ask(p, 7144).read_atom()["port"].u16, 0)
            self.assertLess(time.monotonic() - start, 5 * PATIENCE)
        for tester, c in zip(testers, clients):
            tester.send(box("oleh", gid("sid", new_id())).encode())     # of another node
            self.assertEqual(c.read_atom()["port"].u16, 0)
        server = self.listen(places[8])
        sid = new_id()
        c = self.ask(places[8], 7144, sid)
        tester, _ = server.accept()
        with tester:
            tester.recv(44)
            tester.sendall(box("oleh", gid("sid", sid)).encode())
            self.assertEqual(c.read_atom()["port"].u16, 7144)

    def test_what_is_tested(self):
        place = self.machine()
        server = self.listen(place, 1023)
        self.assertEqual(self.ask(place, 1023).read_atom()["port"].u16, 0)
        server.settimeout(NOTHING_MORE)
        with self.assertRaises(TimeoutError):
            server.accept()
        # a claimed port beside the question is no answer to it
        self.assertEqual(self.ask(place, 2000, port=2000).read_atom()["port"].u16, 0)

    def test_address_told(self):
        """A peer on this machine hears our global address when there is one, and never that of a LAN."""
        for place, want in ((self.machine(), None), (self.lan(ipv6=False).machine(), "127.0.0.1")):
            n = self.node(place=place)
            with self.subTest(want), self.closing(n.client()) as c:
                c.send(OPENER + helo(new_id()).encode())
                self.assertEqual(c.read_atom()["rip"].ip, want or place.ip)

    def test_ipv6(self):
        """From IPv6, to IPv6, and with protocol number 1 all the same."""
        place, sid = self.machine(), new_id()
        server = self.listen(place, 7144, socket.AF_INET6)
        with place.inside():
            c = self.closing(Client(self.n.port, self.n.place.ip6))
        c.send(u32("pcp\n", 100).encode() + helo(sid, ping=7144).encode())
        tester, peer = server.accept()
        with tester:
            self.assertEqual(peer[0], self.n.place.ip6)
            got = b""
            while len(got) < 44:
                got += tester.recv(44 - len(got))
            self.assertEqual(got, OPENER + box("helo", leaf("sid", got[-16:])).encode())
            tester.sendall(box("oleh", gid("sid", sid)).encode())
        oleh = c.read_atom()
        self.assertEqual((oleh["port"].u16, oleh["rip"].ip), (7144, place.ip6))


if __name__ == "__main__":
    unittest.main()
