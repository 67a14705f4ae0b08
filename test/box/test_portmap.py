# SPDX-License-Identifier: GPL-2.0-or-later
"""The router leads our port to us: portMapping with Debian's miniupnpd on a NAT router, with a router made
here that answers as a table says (upnp.py), and without any."""
import json
import os
import shutil
import struct
import subprocess
import tempfile
import threading
import unittest

from harness import Client, slow, wait_until
from net import PORT, NetCase
from upnp import DESCRIPTION, SERVICE, Error, Router

LONG = 30


class HomeCase(NetCase):
    """A home: a machine of 192.168.n.0/24 behind a router, which is 192.168.n.1."""

    def home(self, *more):
        """The router and the machine; more: further addresses of the router."""
        lan = self.lan(ipv6=False)
        m = lan.machine(ipv6=False)
        lan.inside_ip, net = lan.prefix + ".1", lan.prefix + ".0/24"
        lan.ip_batch(["addr del %s/32 dev %s" % (lan.gate, m.port_name)] +
                     ["addr add %s/24 dev %s" % (a, m.port_name) for a in [lan.inside_ip, *more]])
        m.ip_batch(["addr add %s/24 dev eth0 noprefixroute" % m.ip, "addr del %s/32 dev eth0" % m.ip,
                    "route replace %s dev eth0 src %s" % (net, m.ip),
                    "route replace default via %s src %s" % (lan.inside_ip, m.ip), "route del %s" % lan.gate])
        return lan, m

    def mapping(self, node, seconds=LONG, since=0, **want):
        """How it stands, once it is as wanted, and after so many attempts."""
        got = {}

        def there():
            got.update(node.rpc("getPortMapping"))
            return got["tried"] > since and all(got[k] == v for k, v in want.items())
        try:
            wait_until(there, seconds, "the mapping")
        except AssertionError:
            self.fail("wanted %s, got %s\n%s" % (want, got, node.output()))
        return got

    def settings(self, node, **keys):
        """Change them; returns how many attempts there were before."""
        before = node.rpc("getPortMapping")["tried"]
        got = node.rpc("changeSettings", [keys])
        self.assertTrue(got["saved"], got)
        node.port = got["port"]
        return before


UPNPD = shutil.which("miniupnpd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
OUTSIDE = "8.8.4.4"             # to miniupnpd, addresses of tests are none


@unittest.skipUnless(UPNPD, "no miniupnpd")
class Miniupnpd(HomeCase):
    """What most routers have inside."""

    def daemon(self, lan, m, **more):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        conf = {"ext_ifname": "eth0", "ext_ip": OUTSIDE, "listening_ip": m.port_name, "secure_mode": "yes",
                "enable_upnp": "yes", "enable_natpmp": "yes", "upnp_table_name": "upnpd", "upnp_nat_table_name": "upnpd",
                "upnp_forward_chain": "forward", "upnp_nat_chain": "prerouting",
                "upnp_nat_postrouting_chain": "postrouting", "uuid": "00000000-0000-0000-0000-000000000001", **more}
        path = os.path.join(folder, "miniupnpd.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write("".join("%s=%s\n" % kv for kv in conf.items()))
            f.write("allow 1024-65535 0.0.0.0/0 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n")
        lan.nft("""table inet upnpd {
            chain forward { type filter hook forward priority 0; policy accept; }
            chain prerouting { type nat hook prerouting priority -100; policy accept; }
            chain postrouting { type nat hook postrouting priority 100; policy accept; }
        }""".replace("; }", ";\n}"))
        with lan.inside():
            p = subprocess.Popen([UPNPD, "-d", "-f", path, "-P", path + ".pid"], stderr=subprocess.DEVNULL)
        self.addCleanup(p.wait)
        self.addCleanup(p.terminate)
        return p

    def leads(self, lan):
        """The router's ports that lead inside: {port: (address, port)}."""
        found = {}
        for item in json.loads(lan.run("nft", "-j", "list", "chain", "inet", "upnpd", "prerouting"))["nftables"]:
            port = None
            for e in item.get("rule", {}).get("expr", ()):
                if e.get("match", {}).get("left", {}).get("payload", {}).get("field") == "dport":
                    port = e["match"]["right"]
                if "dnat" in e:
                    found[port] = (e["dnat"]["addr"], e["dnat"]["port"])
        return found

    def goes_round(self, protocol, **conf):
        lan, m = self.home()
        self.daemon(lan, m, **conf)
        n = self.node({"portMapping": "Yes"}, place=m)
        got = self.mapping(n, state="open")
        self.assertEqual((got["protocol"], got["router"], got["inside"], got["outside"], got["port"], got["code"]),
                         (protocol, lan.inside_ip, m.ip, OUTSIDE, PORT, "ok"))
        self.assertTrue(0 < got["lease"] <= 3600 and got["isOurs"])
        n.wait_log(r"portmap: port %d, %s, router %s, outside %s, \d+ s: " % (PORT, protocol, lan.inside_ip, OUTSIDE))
        self.assertEqual(self.leads(lan), {PORT: (m.ip, PORT)})
        with self.machine().inside():           # from the other side
            with Client(PORT, lan.ip) as c:
                c.request("GET", "/healthz")
                c.read_head()
                self.assertTrue(c.headers["server"].startswith("PeerCast/"))
        before = self.settings(n, serverPort=PORT + 1)
        self.mapping(n, since=before, state="open", port=PORT + 1)
        self.assertEqual(self.leads(lan), {PORT + 1: (m.ip, PORT + 1)})
        n.stop()
        self.assertEqual(self.leads(lan), {})

    def test_upnp(self):
        self.goes_round("UPnP", enable_natpmp="no")

    def test_natpmp(self):
        self.goes_round("NAT-PMP", enable_upnp="no")

    def test_reachable(self):
        """The yellow page could not reach us; with the port mapped it is asked again, and can."""
        yp = self.root()
        lan, m = self.home()
        self.daemon(lan, m)
        n = self.tracker(yp, place=m)
        self.push(n)
        self.wait(lambda: n.rpc("getStatus")["firewall"]["ipv4"]["state"] == "closed", LONG, "a test that fails")
        self.settings(n, portMapping=True)
        self.mapping(n, state="open")
        self.wait(lambda: n.rpc("getStatus")["firewall"]["ipv4"]["state"] == "open", 3 * LONG, "a test that succeeds")


class Homes(HomeCase):
    """What is around it."""

    def test_public(self):
        n = self.node({"portMapping": "Yes"})
        got = self.mapping(n, since=0, state="off")
        self.assertEqual((got["code"], got["outside"]), ("not-needed", n.place.ip))

    def test_ipv6_alone(self):
        n = self.node({"portMapping": "Yes"}, place=self.machine(ipv4=False))
        self.assertEqual(self.mapping(n, since=0, state="off")["code"], "no-ipv4")
        self.assertNotIn("[WARN] portmap", n.output())

    def test_no_router(self):
        lan, m = self.home()
        m.ip_batch(["route del default"])
        n = self.node({"portMapping": "Yes"}, place=m)
        self.assertEqual(self.mapping(n, state="failed")["code"], "no-router")

    def test_of_somebody_else(self):
        """One who is not the router answers."""
        lan, m = self.home("192.168.1.9")
        r = Router(lan, "192.168.1.9", upnp={})
        self.addCleanup(r.close)
        n = self.node({"portMapping": "Yes"}, place=m)
        self.assertEqual(self.mapping(n, state="failed")["code"], "no-answer")
        self.assertEqual(r.calls, [])

    def test_by_hand(self):
        """What somebody made on the router's page is used, not touched."""
        lan, m = self.home()
        r = Router(lan, lan.inside_ip, upnp={})
        self.addCleanup(r.close)
        made = r.table[PORT] = {"client": m.ip, "port": PORT, "lease": 0, "name": "my node"}
        n = self.node({"portMapping": "Yes"}, place=m)
        got = self.mapping(n, state="open")
        self.assertEqual((got["code"], got["isOurs"], got["lease"]), ("ok", False, 0))
        metrics = n.get("/metrics").text
        self.assertIn('peercast_port_mapping_state{state="open"} 1\n', metrics)
        self.assertIn('peercast_port_mapping_attempts_total{result="ok"} 1\n', metrics)
        n.stop()
        self.assertIs(r.table[PORT], made)
        self.assertNotIn("AddPortMapping", r.calls)
        self.assertNotIn("given back", n.output())

    def test_by_hand_for_another_service(self):
        """Of the same machine: it is nobody's to overwrite, or to take away."""
        lan, m = self.home()
        r = Router(lan, lan.inside_ip, upnp={})
        self.addCleanup(r.close)
        r.table[PORT] = made = {"client": m.ip, "port": 8080, "lease": 0, "name": "my web server"}
        n = self.node({"portMapping": "Yes"}, place=m)
        got = self.mapping(n, state="failed")
        self.assertEqual((got["code"], got["holder"]), ("taken", m.ip))
        n.stop()
        self.assertIs(r.table[PORT], made)
        self.assertNotIn("AddPortMapping", r.calls)

    def test_end_while_it_drips(self):
        """A router that does not come to an end does not keep the node from its own."""
        lan, m = self.home()
        r = Router(lan, lan.inside_ip, upnp={"actions": {"AddPortMapping": lambda args: drip()}})
        self.addCleanup(r.close)
        n = self.node({"portMapping": "Yes"}, place=m)
        wait_until(lambda: "AddPortMapping" in r.calls, LONG, "a request")
        n.stop()                                # within two seconds, or it fails


class Owed(HomeCase):
    """What a router does for us and we cannot count on, or do not want: it is given back once that can be."""

    def router(self, **kw):
        lan, m = self.home()
        r = Router(lan, lan.inside_ip, upnp={"actions": {}}, **kw)
        self.addCleanup(r.close)
        return lan, m, r

    @staticmethod
    def hang(r, *names):
        r.upnp["actions"].update((name, lambda args: drip()) for name in names)

    def test_undone(self):
        """It does it, but does not show it so: taken back at once."""
        _, m, r = self.router()
        r.upnp["actions"]["GetSpecificPortMappingEntry"] = lambda args: {
            **Router.GetSpecificPortMappingEntry(r, args), "NewEnabled": 0}
        n = self.node({"portMapping": "Yes"}, place=m)
        self.assertEqual(self.mapping(n, state="failed")["code"], "lie")
        self.assertEqual(r.table, {})

    def test_silent_after_it(self):
        """It does it, and then says nothing more for a while."""
        _, m, r = self.router()

        def add(args):
            self.hang(r, "GetSpecificPortMappingEntry")
            return Router.AddPortMapping(r, args)
        r.upnp["actions"]["AddPortMapping"] = add
        n = self.node({"portMapping": "Yes"}, place=m)
        self.mapping(n, state="failed")
        self.assertEqual(list(r.table), [PORT])
        del r.upnp["actions"]["GetSpecificPortMappingEntry"]
        n.stop()
        self.assertEqual(r.table, {})

    @slow
    def test_again(self):
        """Giving it back fails: tried again, without a wish for it."""
        _, m, r = self.router()
        n = self.node({"portMapping": "Yes"}, place=m)
        self.mapping(n, state="open")
        r.upnp["actions"]["DeletePortMapping"] = no = refuse(501, "no")["AddPortMapping"]
        self.settings(n, portMapping=False)
        self.mapping(n, state="off")
        n.wait_log("port %d could not be given back" % PORT)
        self.assertEqual(list(r.table), [PORT])
        self.assertIs(r.upnp["actions"].pop("DeletePortMapping"), no)
        wait_until(lambda: not r.table, LONG, "given back")
        n.wait_log("port %d is given back" % PORT)

    @slow
    def test_renewal_fails(self):
        """One that is not answered: it may be there still."""
        _, m, r = self.router(lease=20)
        n = self.node({"portMapping": "Yes"}, place=m)
        self.mapping(n, state="open")
        self.hang(r, "GetExternalIPAddress")
        self.mapping(n, 60, state="failed")
        self.assertEqual(list(r.table), [PORT])
        r.upnp["actions"].clear()
        n.stop()
        self.assertEqual(r.table, {})

    @slow
    def test_former_address(self):
        """Ours, of the address we had: a router that lets nobody else take it away."""
        lan, m, r = self.router()
        n = self.node({"portMapping": "Yes"}, place=m)
        self.mapping(n, state="open")
        r.upnp["actions"]["DeletePortMapping"] = refuse(606, "no")["AddPortMapping"]
        new = lan.prefix + ".77"
        m.ip_batch(["addr del %s/24 dev eth0" % m.ip, "addr add %s/24 dev eth0 noprefixroute" % new,
                    "route replace %s.0/24 dev eth0 src %s" % (lan.prefix, new),
                    "route replace default via %s src %s" % (lan.inside_ip, new)])
        got = self.mapping(n, 60, state="failed", code="taken")
        self.assertEqual((got["holder"], got["detail"]), (m.ip, "this machine's former address"))
        r.upnp["actions"].clear()
        self.mapping(n, 60, state="open", inside=new)
        n.stop()
        self.assertEqual(r.table, {})


class Later(HomeCase):
    """What comes with time."""

    def open(self, **router):
        lan, m = self.home()
        r = Router(lan, lan.inside_ip, upnp={}, **router)
        self.addCleanup(r.close)
        n = self.node({"portMapping": "Yes"}, place=m)
        self.mapping(n, state="open")
        return lan, r, n

    @slow
    def test_lost_and_found(self):
        """The router begins anew, unnoticed: it is looked at each minute, and asked again."""
        _, r, n = self.open()
        r.table.clear()
        wait_until(lambda: PORT in r.table, 90, "mapped again")
        self.assertEqual(self.mapping(n, state="open")["lost"], 0)

    @slow
    def test_gone(self):
        """Renewed at half of its life; when the router is another one, that is asked."""
        lan, r, n = self.open(lease=20)
        wait_until(lambda: r.calls.count("AddPortMapping") > 1, LONG, "renewed")
        r.close()
        got = self.mapping(n, LONG, state="failed")
        self.assertEqual((got["code"], got["lost"]), ("no-answer", 1))
        self.addCleanup(Router(lan, lan.inside_ip, natpmp={}).close)
        self.mapping(n, 60, state="open", protocol="NAT-PMP")


ELSEWHERE = "http://127.0.0.1:8080/admin?cmd=shutdown"


def refuse(code, text):
    def action(args):
        raise Error(code, text)
    return {"AddPortMapping": action}


def entry(**e):
    """The table shows that, whatever was asked."""
    return {"GetSpecificPortMappingEntry": lambda args: {"NewEnabled": 1, "NewInternalPort": args["NewExternalPort"], **e}}


def entry_later(**e):
    """The same, from the second time on: at first it shows nothing."""
    seen = []

    def action(args):
        seen.append(args)
        if len(seen) == 1:
            raise Error(714, "NoSuchEntryInArray")
        return {"NewEnabled": 1, "NewInternalPort": args["NewExternalPort"], **e}
    return {"GetSpecificPortMappingEntry": action}


def permanent_only(self, lease="0"):
    """lease: what it gives all the same."""
    def action(args):
        if args["NewLeaseDuration"] != "0":
            raise Error(725, "OnlyPermanentLeasesSupported")
        args["NewLeaseDuration"] = lease
        return Router.AddPortMapping(self(), args)
    return action


def unknown_action(args):
    raise Error(401, "Invalid Action")


def drip():
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    while True:
        threading.Event().wait(0.2)
        yield b" "


def endless():
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield b"<a>" * 10000


def chunked(text):
    half = len(text) // 2
    return ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (
        half, text[:half], len(text) - half, text[half:])).encode()


def instead(status, body="", head=""):
    return {"document": Router.http(status, body, head)}


def pmp(of_address=None, of_mapping=None):
    """NAT-PMP that answers otherwise; each a function of the good answer."""
    def run(request, good):
        change = of_address if len(request) == 2 else of_mapping
        return change(good) if change else [good]
    return run


GOOD = DESCRIPTION % ("", SERVICE, "/c/ip")

# what the router does, how it comes out
ROWS = [
    # addresses of other machines are not followed
    ("its description is elsewhere", {"location": ELSEWHERE}, None, {"code": "elsewhere"}),
    ("its description has a name", {"location": "http://router.lan:80/d.xml"}, None, {"code": "elsewhere"}),
    ("a redirect", instead("302 Found", head="Location: %s\r\n" % ELSEWHERE), None, {"code": "elsewhere"}),
    ("its control is elsewhere", {"control": ELSEWHERE}, None, {"code": "elsewhere"}),
    ("its base is elsewhere", {"base": ELSEWHERE}, None, {"code": "elsewhere"}),
    ("a user's name in its address", {"control": "http://192.168.1.1@127.0.0.1:8080/"}, None, {"code": "elsewhere"}),
    ("control redirects", {"actions": {"GetExternalIPAddress": lambda a: Router.http(
        "307 Temporary Redirect", "", "Location: %s\r\n" % ELSEWHERE)}}, None, {"code": "elsewhere"}),
    # no answers
    ("another scheme", {"control": "file:///etc/passwd"}, None, {"code": "bad-answer"}),
    ("a header in its address", {"control": "/c&#13;&#10;X: y"}, None, {"code": "bad-answer"}),
    ("garbage", instead("200 OK", "<a <<b c='\x01&&]]><root><device", ""), None, {"code": "bad-answer"}),
    ("an attribute to the end", instead("200 OK", "<root><service a="), None, {"code": "bad-answer"}),
    ("nothing", instead("200 OK"), None, {"code": "bad-answer"}),
    ("not found", instead("404 Not Found"), None, {"code": "bad-answer"}),
    ("no HTTP", {"document": b"\x00\xff" * 3000}, None, {"code": "bad-answer"}),
    ("cut off", {"document": b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n<root>"}, None, {"code": "bad-answer"}),
    ("too long a length", {"document": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}, None,
     {"code": "bad-answer"}),
    ("endless", {"document": endless()}, None, {"code": "bad-answer"}),
    ("drips", {"document": drip()}, None, {"code": "silent"}),
    ("a service with a line end", {"service": SERVICE + "\r\nX: y"}, None, {"code": "bad-answer"}),
    ("garbage for a search", {"search": [b"", b"\0" * 600, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 404 No\r\nLocation: x\r\n\r\n"]},
     None, {"code": "no-answer"}),
    # refusals
    ("does not allow it", {"actions": refuse(606, "Action not authorized")}, None,
     {"code": "refused", "detail": "606 Action not authorized"}),
    ("a refusal full of controls", {"actions": refuse(606, "a\x07b\x1b[31m" + "x" * 200)}, None,
     {"code": "refused", "detail": "606 a b [31m" + "x" * 32}),
    ("a conflict", {"actions": refuse(718, "ConflictInMappingEntry")}, None, {"code": "taken", "holder": None}),
    ("another machine's", {"actions": entry(NewInternalClient="192.168.99.7")}, None,
     {"code": "taken", "holder": "192.168.99.7"}),
    ("control is not there", {"actions": {"AddPortMapping": lambda a: Router.http("404 Not Found", "no")}}, None,
     {"code": "refused", "detail": "HTTP 404"}),
    # lies
    ("maps nothing", {"actions": {"AddPortMapping": lambda a: {}}}, None, {"code": "lie"}),
    ("maps it to another", {"actions": entry_later(NewInternalClient="192.168.99.7")}, None,
     {"code": "taken", "holder": "192.168.99.7"}),
    # good enough
    ("in chunks", {"document": chunked(GOOD)}, None, {"code": "ok"}),
    ("up to the end", {"document": b"HTTP/1.0 200 OK\r\n\r\n" + GOOD.encode()}, None, {"code": "ok"}),
    ("shows no table", {"actions": {"GetSpecificPortMappingEntry": unknown_action}}, None, {"code": "unseen"}),
    ("for ever alone", "permanent", None, {"code": "ok", "lease": 0}),
    ("for ever is a week", "week", None, {"code": "ok", "lease": 604800}),
    ("no address outside", {"actions": {"GetExternalIPAddress": lambda a: {"NewExternalIPAddress": "0.0.0.0"}}}, None,
     {"code": "no-wan", "outside": None}),
    ("behind another router", {"actions": {"GetExternalIPAddress": lambda a: {"NewExternalIPAddress": "100.64.3.4"}}}, None,
     {"code": "double-nat", "outside": "100.64.3.4"}),
    # the other way
    ("NAT-PMP where UPnP refuses", {"actions": refuse(606, "no")}, {}, {"code": "ok", "protocol": "NAT-PMP"}),
    ("NAT-PMP after garbage", None, pmp(None, lambda good: [b"", b"\0", good[:9], b"\x02" + good[1:], b"\0\x80" + good[2:12],
        good[:8] + b"\0\x07" + good[10:], good]), {"code": "ok", "protocol": "NAT-PMP"}),
    ("NAT-PMP refuses", None, pmp(None, lambda good: [good[:3] + b"\2" + good[4:]]),
     {"code": "refused", "detail": "not authorized"}),
    ("NAT-PMP not connected", None, pmp(lambda good: [good[:3] + b"\3" + good[4:]]),
     {"code": "refused", "detail": "it is not connected"}),
    ("PCP alone", None, lambda request, good: [struct.pack(">BBHI", 0, request[1] | 128, 1, 1000)],
     {"code": "refused", "detail": "it speaks another version"}),
    ("NAT-PMP for no time", None, pmp(None, lambda good: [good[:12] + b"\0\0\0\0"]), {"code": "lie"}),
    ("NAT-PMP for a hundred years", None, pmp(None, lambda good: [good[:12] + b"\xff\xff\xff\xff"]),
     {"code": "ok", "lease": 3600}),
    ("NAT-PMP on another port", None, pmp(None, lambda good: [good[:10] + b"\x04\xd2" + good[12:]]),
     {"code": "other-port"}),
    ("NAT-PMP floods", None, lambda request, good: [b"\0\x81" + good[2:]] * 200, {"code": "bad-answer"}),
]
FOR_EVER = {"permanent": "0", "week": "604800"}
HOMES = 11                      # at once


class Lies(HomeCase):
    """Routers that are not what they should be: what is said, and that nobody else is ever asked."""

    def router(self, lan, upnp, natpmp):
        r = None
        if isinstance(upnp, str):
            upnp = {"actions": {"AddPortMapping": permanent_only(lambda: r, FOR_EVER[upnp])}}
        r = Router(lan, lan.inside_ip, upnp=upnp, natpmp=natpmp)
        self.addCleanup(r.close)
        return r

    def test_lies(self):
        homes = []
        for _ in range(HOMES):
            lan, m = self.home()
            asked = self.trusting(m)
            homes.append((lan, m, asked, self.node({"portMapping": "No"}, place=m)))
        for at in range(0, len(ROWS), HOMES):
            batch = []
            for (lan, m, asked, n), (name, upnp, natpmp, want) in zip(homes, ROWS[at:at + HOMES]):
                r = self.router(lan, upnp, natpmp)
                before = self.settings(n, portMapping=True, serverPort=PORT + at + 1)
                batch.append((name, n, m, asked, r, before, want))
            for name, n, m, asked, r, before, want in batch:
                with self.subTest(name):
                    got = self.mapping(n, since=before)
                    is_good = want["code"] in ("ok", "unseen", "no-wan", "double-nat")
                    self.assertEqual({k: got[k] for k in want}, want, n.output())
                    self.assertEqual((got["state"], got["port"]), ("open" if is_good else "failed", n.port))
                    self.assertEqual(asked, [])
                    self.settings(n, portMapping=False)
                    self.mapping(n, state="off")
                    self.assertEqual({p: e for p, e in r.table.items() if e["client"] == m.ip and is_good}, {})
                    self.assertIsNone(n.proc.poll())
                r.close()


if __name__ == "__main__":
    unittest.main()
