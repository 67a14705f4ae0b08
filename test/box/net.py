# SPDX-License-Identifier: GPL-2.0-or-later
"""Black-box tests with addresses of their own: one network namespace for each machine.

    class Firewalled(NetCase):
        def test_port_test(self):
            yp = self.root()                        # a node on a new machine, 203.0.113.1:7144
            home = self.lan()                       # a NAT router, with machines behind it
            t = self.tracker(yp, place=home.machine())
            with self.machine().inside():           # sockets made here come from that machine
                c = Client(t.port, home.ip)

A Net is a star of point-to-point links around a hub that routes, so any number of machines costs one
link each, and the hub sees every packet between them: it cuts machines off, slows their links down and
counts the connections made to them. Machines get 203.0.113.x, 198.51.100.x and 192.0.2.x (what PCP
calls global addresses) and 2001:db8::x. Nothing leaves the machine.

Namespaces have no names: an open file keeps each alive, so they are gone when the test closes them or
its process ends, however it ends. A look into one: nsenter -n -t <pid of its node>.

Root may make namespaces; other users too where the kernel lets them have a user namespace. Where it
does not, or a command is missing, a NetCase is skipped and says why.
"""
import contextlib
import ctypes
import http.server
import json
import os
import shutil
import subprocess
import threading
import unittest

from harness import BoxCase, Node

os.environ["PATH"] += ":/usr/sbin:/sbin"        # not everybody's, but ip and nft are there

PORT = 7144             # every node has a machine of its own

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

PREFIXES = ("203.0.113", "198.51.100", "192.0.2")
GATE6 = "fe80::1"


def _call(function, *args):
    if function(*args) == -1:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))


def _open_ns():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _leave():
    """Into a network that has only loopback, so that what a test forgets to do inside a machine fails
    instead of going out. Who is not root becomes it, in a user namespace."""
    uid, gid = os.geteuid(), os.getegid()
    _call(_libc.unshare, CLONE_NEWNET | (CLONE_NEWUSER if uid != 0 else 0))
    if uid != 0:
        for name, value in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
            with open("/proc/self/" + name, "w", encoding="ascii") as f:
                f.write(value)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def why_not():
    """None when namespaces can be made here, or the reason why not. To be called first: the process (this
    thread, and those it starts) moves to a network of its own."""
    for command in ("ip", "tc", "nft"):
        if shutil.which(command) is None:
            return "no command %s" % command
    try:
        _leave()
        with contextlib.closing(Net()) as net, net.machine().inside():
            with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
                f.write("0")
    except (OSError, subprocess.SubprocessError) as e:
        return "no network namespaces: %s" % e
    return None


class Place:
    """One network namespace."""

    def __init__(self):
        before = _open_ns()
        try:
            _call(_libc.unshare, CLONE_NEWNET)
            self.fd = _open_ns()
            _call(_libc.setns, before, CLONE_NEWNET)
        finally:
            os.close(before)
        self.path = "/proc/%d/fd/%d" % (os.getpid(), self.fd)

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    @contextlib.contextmanager
    def inside(self):
        """In the with block this thread makes its sockets and starts its processes here. Both stay
        here; whatever threads the block starts do too."""
        before = _open_ns()
        try:
            _call(_libc.setns, self.fd, CLONE_NEWNET)
            try:
                yield self
            finally:
                _call(_libc.setns, before, CLONE_NEWNET)
        finally:
            os.close(before)

    def run(self, *command, text=None):
        """A command in here; its output."""
        with self.inside():
            r = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               check=False, encoding="utf-8", **({} if text else
                                                                 {"stdin": subprocess.DEVNULL}))
        if r.returncode != 0:
            raise subprocess.SubprocessError("%s: %s" % (" ".join(command), r.stderr.strip()))
        return r.stdout

    def ip_batch(self, lines):
        self.run("ip", "-batch", "-", text="\n".join(lines) + "\n")

    def nft(self, rules):
        self.run("nft", "-f", "-", text=rules)

    def sysctl(self, name, value):
        with self.inside(), open("/proc/sys/net/" + name, "w", encoding="ascii") as f:
            f.write(str(value))

    def processes(self):
        """Ids of the processes that run here."""
        mine, found = os.stat(self.path).st_ino, []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.stat("/proc/%s/ns/net" % pid).st_ino == mine:
                    found.append(int(pid))
        return found


class Router(Place):
    """A place that machines are linked to.

    gate     its IPv4 address on every link
    """

    gate = "169.254.0.1"

    def __init__(self):
        super().__init__()
        self.machines = []
        self.sysctl("ipv4/ip_forward", 1)
        self.sysctl("ipv6/conf/all/forwarding", 1)
        self.ip_batch(["link set lo up"])

    def close(self):
        for m in self.machines:
            m.close()
        super().close()

    def link(self, *machines):
        """Bring them up, each on a link of its own."""
        lines = []
        for m in machines:
            m.router, m.port_name = self, "m%d" % len(self.machines)
            self.machines.append(m)
            lines += ["link add %s type veth peer name eth0 netns %s" % (m.port_name, m.path),
                      "addr add %s/32 dev %s" % (self.gate, m.port_name),
                      "addr add %s/64 dev %s nodad" % (GATE6, m.port_name),
                      "link set %s up" % m.port_name]
            lines += ["route add %s dev %s" % (a, m.port_name) for a in m.v4]
            lines += ["route add %s dev %s" % (a, m.port_name) for a in m.v6]
        self.ip_batch(lines)
        for m in machines:
            m.ip_batch(
                ["link set lo up", "link set eth0 up"] +
                ["addr add %s/32 dev eth0" % a for a in m.v4] +
                ["addr add %s/128 dev eth0 nodad" % a for a in m.v6] +
                (["route add %s dev eth0" % self.gate,
                  "route add default via %s src %s" % (self.gate, m.v4[0])] if m.v4 else []) +
                (["route add default via %s dev eth0 src %s" % (GATE6, m.v6[0])] if m.v6 else []))


class Machine(Place):
    """A machine on the net.

    v4, v6   its addresses; ip and ip6 are the first of each, None when there is none
    """

    def __init__(self, v4=(), v6=()):
        super().__init__()
        self.v4, self.v6 = list(v4), list(v6)
        self.router = self.port_name = None

    ip = property(lambda self: self.v4[0] if self.v4 else None)
    ip6 = property(lambda self: self.v6[0] if self.v6 else None)

    def move(self, address):
        """Another IPv4 address instead of the first one, as when a provider hands out a new one."""
        old, self.v4[0] = self.v4[0], address
        self.router.ip_batch(["route del %s" % old, "route add %s dev %s" % (address, self.port_name)])
        self.ip_batch(["addr add %s/32 dev eth0" % address,
                       "route replace default via %s src %s" % (self.router.gate, address),
                       "addr del %s/32 dev eth0" % old])

    def firewall(self, how="drop", ports="0-65535"):
        """Let nobody in who was not asked: how = drop, reject (RST), or accept to open it again."""
        with contextlib.suppress(subprocess.SubprocessError):
            self.nft("delete table inet firewall")
        if how != "accept":
            self.nft("""table inet firewall {
                chain input {
                    type filter hook input priority 0;
                    iifname eth0 ct state new tcp dport %s %s
                }
            }""" % (ports, "reject with tcp reset" if how == "reject" else how))

    def slow(self, down_kbps=None, up_kbps=None, queue_ms=200):
        """Limit its link; None = as fast as it goes. What does not fit the queue is lost."""
        for place, dev, rate in ((self.router, self.port_name, down_kbps), (self, "eth0", up_kbps)):
            if rate is None:
                with contextlib.suppress(subprocess.SubprocessError):
                    place.run("tc", "qdisc", "del", "dev", dev, "root")
            else:
                place.run("tc", "qdisc", "replace", "dev", dev, "root", "tbf", "rate", "%dkbit" % rate,
                          "burst", "%d" % max(rate * 1000 // 8 // 50, 4000), "latency", "%dms" % queue_ms)

    def delay(self, ms):
        """Half of ms on each way. Kernels without netem: the test is skipped."""
        for place, dev in ((self.router, self.port_name), (self, "eth0")):
            try:
                place.run("tc", "qdisc", "replace", "dev", dev, "root", "netem", "delay",
                          "%gms" % (ms / 2))
            except subprocess.SubprocessError as e:
                raise unittest.SkipTest("no netem: %s" % e) from None


class Lan(Router, Machine):
    """A NAT router with a public address of its own (Machine) and machines behind it (Router).

    Nobody outside gets in but through forward(). IPv6 is not translated: machines behind it have
    public addresses, and the router lets nobody in.
    """

    gate = "169.254.0.2"        # not the hub's: ARP requests from an address of its own are not answered

    def __init__(self, v4, v6, prefix, prefix6):
        Machine.__init__(self, v4, v6)
        self.machines = []
        self.prefix, self.prefix6 = prefix, prefix6
        self.sysctl("ipv4/ip_forward", 1)
        self.sysctl("ipv6/conf/all/forwarding", 1)

    def translate(self):
        self.nft("""
            table ip nat {
                map forwards { type inet_service : ipv4_addr; }
                chain prerouting {
                    type nat hook prerouting priority -100;
                    ip daddr %s dnat to tcp dport map @forwards
                }
                chain postrouting {
                    type nat hook postrouting priority 100;
                    oifname eth0 masquerade
                    ip saddr %s.0/24 ct status dnat masquerade
                }
            }
            table inet filter {
                chain forward {
                    type filter hook forward priority 0;
                    iifname eth0 ct state new ct status dnat accept
                    iifname eth0 ct state new drop
                }
            }""" % (self.ip, self.prefix))

    def machine(self, ipv6=True):
        n = len(self.machines) + 1
        m = Machine(["%s.%d" % (self.prefix, n + 1)],
                    ["%s%x" % (self.prefix6, n)] if ipv6 and self.prefix6 else [])
        self.link(m)
        return m

    def forward(self, machine, port=PORT):
        """A TCP port of the router leads to that machine, from outside and from inside."""
        self.nft("add element ip nat forwards { %d : %s }" % (port, machine.ip))


class Net(Router):
    """The hub and everything around it."""

    def __init__(self):
        super().__init__()
        self.used = self.used6 = self.lans = 0
        self.watched = False

    def address(self):
        """A public IPv4 address that nobody has yet."""
        prefix, last = divmod(self.used, 254)
        self.used += 1
        return "%s.%d" % (PREFIXES[prefix], last + 1)

    def address6(self):
        self.used6 += 1
        return "2001:db8::%x" % self.used6

    def _pair(self, ipv4, ipv6):
        return [self.address()] if ipv4 else [], [self.address6()] if ipv6 else []

    def machine(self, ipv4=True, ipv6=True, address=None):
        """address: an IPv4 address of its own choice, outside the order of the others."""
        if address is None:
            return self.some(1, ipv4, ipv6)[0]
        made = Machine([address], self._pair(False, ipv6)[1])
        self.link(made)
        return made

    def some(self, n, ipv4=True, ipv6=True):
        """n machines."""
        made = [Machine(*self._pair(ipv4, ipv6)) for _ in range(n)]
        self.link(*made)
        return made

    def lan(self, ipv6=True):
        """A NAT router with the network 192.168.<n>.0/24 behind it."""
        self.lans += 1
        prefix6 = "2001:db8:0:%x::" % self.lans if ipv6 else None
        lan = Lan(*self._pair(True, ipv6), "192.168.%d" % self.lans, prefix6)
        self.link(lan)
        if ipv6:
            self.ip_batch(["route add %s/64 via %s dev %s" % (prefix6, self._linklocal(lan), lan.port_name)])
        lan.translate()
        return lan

    @staticmethod
    def _linklocal(machine):
        """An fe80 address of its own for a router, which others route through."""
        machine.ip_batch(["addr add fe80::2/64 dev eth0 nodad"])
        return "fe80::2"

    def _watch(self):
        if not self.watched:
            self.nft("""table inet hub {
                set cut { type ipv4_addr; }
                set cut6 { type ipv6_addr; }
                set severed { type ipv4_addr . ipv4_addr; }
                set opened { type ipv4_addr; counter; }
                set opened6 { type ipv6_addr; counter; }
                chain forward {
                    type filter hook forward priority 0;
                    ip saddr @cut drop
                    ip daddr @cut drop
                    ip6 saddr @cut6 drop
                    ip6 daddr @cut6 drop
                    ip saddr . ip daddr @severed reject with tcp reset
                    tcp flags & (syn | ack) == syn ip daddr @opened
                    tcp flags & (syn | ack) == syn ip6 daddr @opened6
                }
            }""")
            self.watched = True

    def _elements(self, verb, name, machine):
        self._watch()
        for suffix, addresses in (("", machine.v4), ("6", machine.v6)):
            if addresses:
                self.nft("%s element inet hub %s%s { %s }" % (verb, name, suffix, ", ".join(addresses)))

    def cut(self, machine):
        """Its packets get lost, both ways, without a word: the cable is out."""
        self._elements("add", "cut", machine)

    def mend(self, machine):
        self._elements("delete", "cut", machine)

    def sever(self, one, other):
        """Every connection between the two is reset, and so is each new one. IPv4 alone."""
        self._watch()
        self.nft("add element inet hub severed { %s . %s, %s . %s }" % (one.ip, other.ip, other.ip, one.ip))
        for a, b in ((one, other), (other, one)):
            a.run("ss", "-K", "dst", b.ip)      # at once, without a packet that would have to come first

    def join(self, one, other):
        """As before sever()."""
        self.nft("delete element inet hub severed { %s . %s, %s . %s }" % (one.ip, other.ip, other.ip, one.ip))

    def count(self, machine):
        """From now on count the TCP connections others open, or try to open, to the machine."""
        self._elements("add", "opened", machine)

    def counted(self, *machines):
        """How many there were, to all of these. Each repeated SYN counts."""
        total = 0
        for suffix, addresses in (("", [a for m in machines for a in m.v4]), ("6", [a for m in machines for a in m.v6])):
            for item in json.loads(self.run("nft", "-j", "list", "set", "inet", "hub", "opened" + suffix))["nftables"]:
                for e in item.get("set", {}).get("elem", ()):
                    if isinstance(e, dict) and e["elem"]["val"] in addresses:
                        total += e["elem"]["counter"]["packets"]
        return total


_why_not = []


class NetCase(BoxCase):
    """A BoxCase whose nodes have machines of their own, on a Net that lives as long as the test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not _why_not:
            _why_not.append(why_not())
        if _why_not[0]:
            raise unittest.SkipTest(_why_not[0])

    def setUp(self):
        super().setUp()
        self.net = Net()
        self.addCleanup(self.net.close)

    def machine(self, **kw):
        return self.net.machine(**kw)

    def lan(self, **kw):
        return self.net.lan(**kw)

    def node(self, ini=None, start=True, place=None, **kw):
        """As BoxCase.node(); on a new machine when none is named. Its address is that machine's."""
        return super().node(ini, start, place=place or self.machine(), **kw)

    def trusting(self, place):
        """A web server on port 8080 of that machine's loopback, which trusts whoever reaches it: the paths
        it is asked for."""
        asked = []

        class Trusting(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *args):
                pass

        with place.inside():
            server = http.server.HTTPServer(("127.0.0.1", 8080), Trusting)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(server.shutdown)
        return asked

    def tree_node(self, ini=None, **kw):
        """A node that relays: address known and port taken as open, without a YP to ask."""
        place = kw.pop("place", None) or self.machine()
        keys = {"forceIP": place.ip or place.ip6, "forceNormal": "Yes"}
        keys.update(ini or {})
        return self.node(keys, place=place, **kw)


__all__ = ["PORT", "Lan", "Machine", "Net", "NetCase", "Node", "Place", "why_not"]
