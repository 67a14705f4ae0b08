# SPDX-License-Identifier: GPL-2.0-or-later
"""Black-box tests: real nodes on loopback, driven over sockets.

A test module holds classes derived from BoxCase and uses what is here:

    class Push(BoxCase):
        def test_listed(self):
            node = self.node()                       # started, answering; stopped and checked after
            push = self.push(node, name="A & B")     # endless paced FLV over HTTP
            chan = node.wait_channel("A & B")
            with node.view(chan["channelId"]) as v:
                self.assertEqual(v.status, 200)

Every node is stopped with SIGINT at the end of its test; the test fails when it does not exit with
0 in time, or when a sanitizer said anything. Nothing here waits for a fixed time: wait_until() and
wait_log() wait for an event up to a deadline, and TEST_PATIENCE multiplies every deadline.
"""
import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERCAST = os.environ.get("PEERCAST") or os.path.join(TOP, "build/gcc/peercast")
PATIENCE = float(os.environ.get("TEST_PATIENCE") or 1)
DATA = os.path.join(TOP, "test/data")

SANITIZER = re.compile(r"(?:Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|runtime error:")

# Started in the background of a script we are told to ignore SIGINT, and so would be our nodes.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

def slow(test):
    """Decorates a test or a class that takes long (over ten seconds, say): it runs when TEST_SLOW is set, and
    with TEST_SLOW=only nothing else does."""
    test.is_slow = True
    return unittest.skipUnless(os.environ.get("TEST_SLOW"), "TEST_SLOW is not set")(test)


WAIT = 10.0             # seconds until an awaited event counts as missing
STOP = 2.0              # a node ends within this after SIGINT


def deadline(seconds=WAIT):
    return time.monotonic() + seconds * PATIENCE


def wait_until(predicate, seconds=WAIT, what=None):
    """The first true value of predicate(); AssertionError when there is none in time."""
    end = deadline(seconds)
    pause = 0.005
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError("not in time: %s" % (what or predicate))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


# --- ports ------------------------------------------------------------------------------------------

_ports = []


def landlock():
    """What version of it this kernel has; 0 = none."""
    return max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))     # landlock_create_ruleset(2)


def threads_of(pid):
    """/proc/<pid>/status of each thread of a process, as a dictionary."""
    for tid in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):        # that connection has just ended
            with open("/proc/%d/task/%s/status" % (pid, tid), encoding="ascii") as f:
                yield dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def free_port():
    """A TCP port that nobody listens on, below the range the kernel takes for outgoing connections.
    A lock on a file of that number keeps it ours against the other test processes."""
    folder = os.path.join(tempfile.gettempdir(), "peercast-test-ports-%d" % os.getuid())
    os.makedirs(folder, exist_ok=True)
    while True:
        port = random.randrange(15000, 32000)
        fd = os.open(os.path.join(folder, str(port)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                with contextlib.suppress(OSError) if family == socket.AF_INET6 \
                        and not socket.has_ipv6 else contextlib.nullcontext():
                    with socket.socket(family, socket.SOCK_STREAM) as s:
                        s.bind((any_address, port))
        except OSError:
            os.close(fd)
            continue
        _ports.append(fd)
        return port


# --- a running node ---------------------------------------------------------------------------------

class Lines:
    """What a process writes, line by line, read by a thread of its own."""

    def __init__(self, pipe):
        self.lines = []
        self.ended = False
        self.changed = threading.Condition()
        self.pipe = pipe
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for raw in self.pipe:
            with self.changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def find(self, pattern, since=0):
        with self.changed:
            for line in self.lines[since:]:
                m = re.search(pattern, line)
                if m:
                    return m
        return None

    def wait(self, pattern, seconds=WAIT, since=0):
        """The match of the first line that has it; None at the end of output or time."""
        end = deadline(seconds)
        at = since
        with self.changed:
            while True:
                while at < len(self.lines):
                    m = re.search(pattern, self.lines[at])
                    if m:
                        return m
                    at += 1
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self.changed.wait(left)

    def count(self):
        with self.changed:
            return len(self.lines)

    def text(self):
        with self.changed:
            return "\n".join(self.lines)


class NodeFault(AssertionError):
    """A node died, hung at its end, or a sanitizer spoke: no matter of time, so never given a second run."""


class Node:
    """One peercast process with an ini and a folder of its own.

    ini     keys of peercast.ini (flat); None leaves a key out
    blocks  raw text after them: "[Filter]\\nip = ...\\n[End]\\n"
    raw     the whole ini as bytes instead; {port} in it becomes the port
    args    further arguments
    place   the machine it runs on (net.py), which is asked from there too; None: this one, on loopback
    host    the address at which others reach it
    """

    def __init__(self, ini=None, blocks="", raw=None, args=(), port=None, name="node", command=None,
                 own_session=False, place=None, host=None):
        self.name = name
        self.place = place
        self.host = host or (place.ip or place.ip6 if place else "127.0.0.1")
        self.port = port or (7144 if place else free_port())
        self.dir = tempfile.mkdtemp(prefix="peercast-%s-" % name)
        self.ini_path = os.path.join(self.dir, "peercast.ini")
        self.chanlog_path = os.path.join(self.dir, "channels.xml")
        self.args = list(args)
        self.command = command or [PEERCAST]
        self.own_session = own_session  # out of reach of the terminal's Ctrl-C
        self.env = {}                   # beside what we have ourselves
        self.proc = None
        self.out = self.err = None
        self.problems = []      # what stop() found wrong
        if raw is None:
            keys = {"serverPort": self.port, "serverName": name, "rootHost": "", "logLevel": 2,
                    "rtmpServer": "No"}
            keys.update(ini or {})
            if keys.get("isRoot") == "Yes":
                keys.setdefault("chanLog", self.chanlog_path)
            raw = "[Server]\n" + "".join(
                "%s = %s\n" % (k, v) for k, v in keys.items() if v is not None) + blocks
            raw = raw.encode()
        else:
            raw = raw.replace(b"{port}", b"%d" % self.port)
        with open(self.ini_path, "wb") as f:
            f.write(raw)

    def inside(self):
        """A with block for sockets and processes on the node's own machine."""
        return self.place.inside() if self.place else contextlib.nullcontext()

    # life

    def spawn(self):
        """Start the process; does not wait for anything."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
        env.update(self.env, HOME=self.dir)
        with self.inside():
            self.proc = subprocess.Popen(
                self.command + ["-i", self.ini_path] + self.args, cwd=self.dir, env=env,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=self.own_session)
        self.out = Lines(self.proc.stdout)
        self.err = Lines(self.proc.stderr)
        return self

    def _accepts(self):
        try:
            with self.inside():
                socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return self.proc.poll() is not None
        return True

    def start(self, quiet=False):
        """Start and wait until it says that it listens; quiet: until it accepts a connection, for a
        node whose logLevel (4 and above) does not let it say so."""
        self.spawn()
        if quiet:
            wait_until(self._accepts, what="%s accepts" % self.name)
            ready = self.proc.poll() is None
        else:
            ready = self.out.wait(r"listening") is not None
        if not ready:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.proc.wait(1)       # its output ends a moment before it does
            rc = self.proc.poll()
            self.kill()
            raise AssertionError("%s does not listen (exit %s)\n%s" % (self.name, rc, self.output()))
        return self

    def send_signal(self, sig):
        self.proc.send_signal(sig)

    def wait_exit(self, seconds=STOP):
        """The exit status; kills and raises when there is none in time."""
        try:
            rc = self.proc.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("%s still runs %g s after it was told to end\n%s"
                                 % (self.name, seconds * PATIENCE, self.output())) from None
        self.out.thread.join(5)
        self.err.thread.join(5)
        return rc

    def stop(self, sig=signal.SIGINT, within=STOP):
        """End it in order and check the end: exit status 0, in time, nothing from a sanitizer."""
        if self.proc is None:
            return
        running = self.proc.poll() is None
        if running:
            self.send_signal(sig)
        try:
            rc = self.wait_exit(within)
        except AssertionError as e:
            self.problems.append(str(e))
        else:
            if running and rc != 0:
                self.problems.append("%s: exit status %d\n%s" % (self.name, rc, self.output()))
        self.check_sanitizers()
        self.proc = None
        if self.problems:
            problems, self.problems = self.problems, []
            raise NodeFault("\n".join(problems))

    def expect_exit(self, seconds=WAIT):
        """The status of a node that ends by itself (bad arguments, taken port)."""
        rc = self.wait_exit(seconds)
        self.check_sanitizers()
        self.proc = None
        if self.problems:
            raise NodeFault("\n".join(self.problems))
        return rc

    def check_sanitizers(self):
        self.err.thread.join(1 * PATIENCE)      # what it wrote last may still be on its way to us
        if SANITIZER.search(self.err.text()):
            self.problems.append("%s: sanitizer\n%s" % (self.name, self.err.text()))

    def kill(self):
        if self.proc is not None and self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        for lines in (self.out, self.err):
            if lines is not None:
                lines.thread.join(5)

    def remove(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def output(self):
        tail = self.out.text()[-6000:]
        return "--- stdout of %s\n%s\n--- stderr\n%s" % (self.name, tail, self.err.text()[-6000:])

    @property
    def pid(self):
        return self.proc.pid

    @property
    def address(self):
        return ("[%s]:%d" if ":" in self.host else "%s:%d") % (self.host, self.port)

    # what it says and keeps

    def wait_log(self, pattern, seconds=WAIT, since=0):
        m = self.out.wait(pattern, seconds, since)
        if m is None:
            raise AssertionError("no log line like %r\n%s" % (pattern, self.output()))
        return m

    def read_ini(self):
        """The ini as it is on disk now: keys in lower case, blocks not looked into."""
        keys = {}
        with open(self.ini_path, encoding="utf-8", errors="replace") as f:
            for line in f:
                name, eq, value = line.partition("=")
                if eq:
                    keys.setdefault(name.strip().lower(), value.strip())
        return keys

    def chanlog(self, path=None):
        """Whole records of the channel log, parsed. A broken record raises."""
        try:
            with open(path or self.chanlog_path, "rb") as f:
                data = f.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"</update>\n")
        whole = data[:end + 10] if end >= 0 else b""
        return list(xml.etree.ElementTree.fromstring(b"<log>" + whole + b"</log>"))

    # asking it

    def client(self, source=None):
        """A connection over loopback; source = the address it comes from (127.0.0.0/8)."""
        with self.inside():
            return Client(self.port, source=source)

    def http(self, method, path, body=None, headers=None, seconds=WAIT):
        with self.inside():
            return http_request(self.port, method, path, body, headers, seconds)

    def get(self, path, headers=None, seconds=WAIT):
        return self.http("GET", path, None, headers, seconds)

    def rpc(self, method, params=None):
        with self.inside():
            return rpc(self.port, method, params)

    def channels(self):
        return self.rpc("getChannels")

    def find_channel(self, name=None, cid=None):
        for chan in self.channels():
            if (name is None or chan["info"]["name"] == name) and \
                    (cid is None or chan["channelId"].upper() == cid.upper()):
                return chan
        return None

    def wait_channel(self, name=None, cid=None, receiving=True, seconds=WAIT):
        """The channel of that name or id, once it carries data."""
        def there():
            chan = self.find_channel(name, cid)
            if chan and (not receiving or chan["status"]["status"] == "Receiving"):
                return chan
            return None
        return wait_until(there, seconds, "channel %s on %s" % (name or cid, self.name))

    def wait_no_channel(self, name=None, cid=None, seconds=WAIT):
        wait_until(lambda: self.find_channel(name, cid) is None, seconds,
                   "end of channel %s on %s" % (name or cid, self.name))

    def viewxml(self):
        r = self.get("/admin?cmd=viewxml")
        if r.status != 200:
            raise AssertionError("viewxml: %d" % r.status)
        return xml.etree.ElementTree.fromstring(r.body)

    def view(self, cid, query="", ext="", headers=None):
        """GET /stream/<id>: a Client after the answer's head (status, headers); a context manager."""
        c = self.client()
        c.request("GET", "/stream/%s%s%s" % (cid, ext, query), headers)
        c.read_head()
        return c


# --- sockets ----------------------------------------------------------------------------------------

class Client:
    """A plain TCP connection; every read has a deadline."""

    def __init__(self, port, host="127.0.0.1", seconds=WAIT, source=None):
        self.sock = socket.create_connection((host, port), seconds * PATIENCE,
                                             (source, 0) if source else None)
        self._begin()

    @classmethod
    def of(cls, sock):
        """The same around a socket that is connected already, such as an accepted one."""
        c = cls.__new__(cls)
        c.sock = sock
        c._begin()
        return c

    def _begin(self):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        self.status = None
        self.headers = {}
        self.head = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.sock.close()

    def fileno(self):
        return self.sock.fileno()

    def reset(self):
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def shutdown(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.sendall(data)

    def _more(self, seconds):
        self.sock.settimeout(max(seconds * PATIENCE, 0.01))
        data = self.sock.recv(65536)
        self.buf += data
        return len(data) > 0

    def read(self, n, seconds=WAIT):
        """Exactly n bytes; EOFError when the stream ends before."""
        while len(self.buf) < n:
            if not self._more(seconds):
                raise EOFError("%d of %d bytes, then the end" % (len(self.buf), n))
        data, self.buf = self.buf[:n], self.buf[n:]
        return data

    def read_until(self, mark, seconds=WAIT, limit=1 << 20):
        while mark not in self.buf:
            if len(self.buf) > limit:
                raise AssertionError("no %r in %d bytes" % (mark, len(self.buf)))
            if not self._more(seconds):
                raise EOFError("the end instead of %r; had %r" % (mark, self.buf[-200:]))
        at = self.buf.index(mark) + len(mark)
        data, self.buf = self.buf[:at], self.buf[at:]
        return data

    def read_some(self, seconds=WAIT):
        """What is there, at least one byte; b"" at the end of the stream."""
        if not self.buf:
            self._more(seconds)
        data, self.buf = self.buf, b""
        return data

    def read_all(self, seconds=WAIT):
        """Everything up to the end of the stream (a reset counts as one)."""
        end = deadline(seconds)
        with contextlib.suppress(ConnectionResetError):
            while self._more(seconds):
                if time.monotonic() > end:
                    raise AssertionError("the stream does not end")
        data, self.buf = self.buf, b""
        return data

    def expect_close(self, seconds=WAIT):
        """The peer closes; what it sent before that is returned."""
        try:
            return self.read_all(seconds)
        except TimeoutError:
            raise AssertionError("the connection stays open") from None

    # HTTP by hand

    def request(self, method, target, headers=None, body=b"", version="HTTP/1.0"):
        lines = ["%s %s %s" % (method, target, version)]
        lines += ["%s: %s" % kv for kv in (headers or {}).items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8") + body)

    def read_head(self, seconds=WAIT):
        """Status line and headers; names in lower case."""
        self.head = self.read_until(b"\r\n\r\n", seconds)
        lines = self.head.decode("utf-8", "replace").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.headers[name.strip().lower()] = value.strip()
        return self.status

    # PCP

    def send_atom(self, atom):
        self.send(atom.encode())

    def read_atom(self, seconds=WAIT):
        return Atom.read(lambda n: self.read(n, seconds))

    def wait_atom(self, name, seconds=WAIT, **values):
        """The next top-level atom of that name; those before it are dropped (and returned in
        self.skipped)."""
        end = deadline(seconds)
        self.skipped = []
        while time.monotonic() < end:
            atom = self.read_atom(seconds)
            if atom.name == name:
                return atom
            self.skipped.append(atom)
        raise AssertionError("no atom %s" % name)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


def http_request(port, method, path, body=None, headers=None, seconds=WAIT):
    """One request on a connection of its own, whole answer."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds * PATIENCE)
    try:
        conn.request(method, path, body, headers or {})
        r = conn.getresponse()
        return Response(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read())
    finally:
        conn.close()


class RpcError(Exception):
    def __init__(self, error):
        super().__init__("%s %s" % (error.get("code"), error.get("message")))
        self.code, self.message, self.data = error.get("code"), error.get("message"), error.get("data")


def rpc(port, method, params=None):
    call = {"jsonrpc": "2.0", "id": 1, "method": method}
    if params is not None:
        call["params"] = params
    r = http_request(port, "POST", "/api/1", json.dumps(call), {"Content-Type": "application/json"})
    if r.status != 200:
        raise AssertionError("%s: HTTP %d %r" % (method, r.status, r.body[:300]))
    answer = r.json()
    if "error" in answer:
        raise RpcError(answer["error"])
    return answer["result"]


# --- atoms ------------------------------------------------------------------------------------------

class Atom:
    """One PCP atom: a leaf with bytes, or a container with children.

    a["chan"]["info"]["name"].text reaches down (first child of that name); a.get("x") is None when
    there is none; a.all("host") lists. Values: .u8 .u16 .u32 .text .hex .data
    """
    DEPTH = 32

    def __init__(self, name, data=None, children=None):
        self.name, self.data, self.children = name, data, children

    def encode(self):
        head = self.name.encode("latin-1").ljust(4, b"\0")[:4]
        if self.children is None:
            return head + struct.pack("<I", len(self.data)) + self.data
        return head + struct.pack("<I", 0x80000000 | len(self.children)) + \
            b"".join(c.encode() for c in self.children)

    @classmethod
    def read(cls, take, depth=0):
        """take(n) returns n bytes."""
        if depth > cls.DEPTH:
            raise ValueError("nested too deep")
        head = take(8)
        name = head[:4].rstrip(b"\0").decode("latin-1")
        n, = struct.unpack("<I", head[4:])
        if n & 0x80000000:
            return cls(name, None, [cls.read(take, depth + 1) for _ in range(n & 0x7fffffff)])
        return cls(name, take(n) if n else b"")

    @classmethod
    def parse(cls, data):
        """All atoms of a byte string; a cut one at the end raises EOFError."""
        at = 0

        def take(n):
            nonlocal at
            if at + n > len(data):
                raise EOFError("atom cut at %d" % at)
            at += n
            return data[at - n:at]
        atoms = []
        while at < len(data):
            atoms.append(cls.read(take))
        return atoms

    def __getitem__(self, name):
        found = self.get(name)
        if found is None:
            raise KeyError("%s has no %s" % (self, name))
        return found

    def __contains__(self, name):
        return self.get(name) is not None

    def get(self, name):
        return next((c for c in self.children or () if c.name == name), None)

    def all(self, name):
        return [c for c in self.children or () if c.name == name]

    def _number(self, width, code):
        if len(self.data) != width:
            raise ValueError("%s is %d bytes, not %d" % (self.name, len(self.data), width))
        return struct.unpack(code, self.data)[0]

    u8 = property(lambda self: self._number(1, "<B"))
    u16 = property(lambda self: self._number(2, "<H"))
    u32 = property(lambda self: self._number(4, "<I"))
    text = property(lambda self: self.data.split(b"\0")[0].decode("utf-8"))
    hex = property(lambda self: self.data.hex().upper())

    @property
    def ip(self):
        if len(self.data) == 4:
            return socket.inet_ntop(socket.AF_INET, self.data[::-1])
        return socket.inet_ntop(socket.AF_INET6, self.data[::-1])

    def __str__(self):
        if self.children is None:
            return "%s[%d]%s" % (self.name.strip(), len(self.data), self.data[:24].hex())
        return "%s{%s}" % (self.name, " ".join(map(str, self.children)))

    __repr__ = __str__


def box(name, *children):
    """A container; None among the children is left out."""
    return Atom(name, None, [c for c in children if c is not None])


def leaf(name, data=b""):
    return Atom(name, data)


def u8(name, v):
    return Atom(name, struct.pack("<B", v))


def u16(name, v):
    return Atom(name, struct.pack("<H", v))


def u32(name, v):
    return Atom(name, struct.pack("<I", v & 0xffffffff))


def text(name, s):
    return Atom(name, (s.encode("utf-8") if isinstance(s, str) else s) + b"\0")


def gid(name, s):
    return Atom(name, bytes.fromhex(s) if isinstance(s, str) else s)


def ip(name, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return Atom(name, socket.inet_pton(family, address)[::-1])


def new_id():
    """32 hex digits, never all zero."""
    return "%032X" % random.randrange(1, 1 << 128)


AGENT = "BoxTest/1"

GRP_ROOT, GRP_TRACKERS, GRP_RELAYS, GRP_ALL = 1, 2, 4, 0xff
FLG_TRACKER, FLG_RELAY, FLG_DIRECT, FLG_PUSH, FLG_RECV, FLG_CIN = 1, 2, 4, 8, 16, 32


def helo(sid, port=None, ping=None, bcid=None, version=1218, agent=AGENT):
    return box("helo", text("agnt", agent), u32("ver", version), gid("sid", sid),
               u16("port", port) if port is not None else None,
               u16("ping", ping) if ping is not None else None,
               gid("bcid", bcid) if bcid is not None else None)


def bcst(group, sid, *payload, cid=None, dest=None, ttl=7, hops=0):
    return box("bcst", u8("grp", group), u8("hops", hops), u8("ttl", ttl), gid("from", sid),
               gid("dest", dest) if dest else None,
               u32("vers", 1218), u32("vrvp", 27), leaf("vexp", b"BX"), u16("vexn", 1),
               gid("cid", cid) if cid else None, *payload)


def chan_atom(cid, bcid=None, name="", genre="", desc="", url="", comment="", bitrate=0, ctype="FLV",
              title="", artist="", album="", contact=""):
    return box("chan", gid("id", cid), gid("bcid", bcid) if bcid else None,
               box("info", text("name", name), u32("bitr", bitrate), text("gnre", genre),
                   text("url", url), text("desc", desc), text("cmnt", comment),
                   text("type", ctype), text("styp", "video/x-flv"), text("sext", ".flv")),
               box("trck", text("titl", title), text("crea", artist), text("url", contact),
                   text("albm", album)))


def host_atom(sid, cid=None, address="127.0.0.1", port=7144, listeners=0, relays=0, uptime=0,
              flags=FLG_TRACKER | FLG_RELAY | FLG_RECV | FLG_CIN, oldest=0, newest=0):
    return box("host", gid("cid", cid) if cid else None, gid("id", sid), ip("ip", address),
               u16("port", port), ip("ip", "127.0.0.1"), u16("port", port), u32("numl", listeners),
               u32("numr", relays), u32("uptm", uptime), u32("ver", 1218), u32("vevp", 27),
               leaf("vexp", b"BX"), u16("vexn", 1), u8("flg1", flags), u32("oldp", oldest),
               u32("newp", newest))


class Control(Client):
    """A tracker's control connection to a root, after the handshake (oleh, root, ok or quit).

    first   the atoms up to ok or quit
    """

    def __init__(self, node, sid=None, bcid=None, port=0, ping=None):
        super().__init__(node.port, node.host)
        self.sid, self.bcid = sid or new_id(), bcid or new_id()
        self.send_atom(u32("pcp\n", 1))
        self.send_atom(helo(self.sid, port=port, ping=ping, bcid=self.bcid))
        self.first = []
        while not self.first or self.first[-1].name not in ("ok", "quit"):
            self.first.append(self.read_atom())
        self.oleh = self.first[0]
        self.quit = self.first[-1].u32 if self.first[-1].name == "quit" else None

    def announce(self, cid, listeners=0, relays=0, flags=None, **info):
        """One tracker update: chan and host in one bcst."""
        kw = {} if flags is None else {"flags": flags}
        self.send_atom(bcst(GRP_ROOT, self.sid, chan_atom(cid, self.bcid, **info),
                            host_atom(self.sid, cid, listeners=listeners, relays=relays, **kw),
                            cid=cid))


class Relay(Client):
    """A relay's request for a channel, up to the answer's first atoms.

    status 200: oleh, ok; then chan atoms follow. 503: oleh, hosts, quit.
    """

    def __init__(self, node, cid, pos=0, sid=None, port=0, handshake=True, source=None, host=None):
        super().__init__(node.port, host or node.host, source=source)
        self.sid = sid or new_id()
        self.request("GET", "/channel/%s" % cid,
                     {"x-peercast-pos": pos, "x-peercast-pcp": 100 if ":" in (host or node.host) else 1})
        if handshake:
            self.send_atom(helo(self.sid, port=port))
        self.read_head()
        self.oleh = None
        if handshake and self.status in (200, 503):
            self.oleh = self.read_atom()

    def packets(self):
        """Endless (type, pos, cont, data) of the pkt atoms; ends with quit or EOF."""
        while True:
            try:
                atom = self.read_atom()
            except EOFError:
                return
            if atom.name == "quit":
                return
            pkt = atom.get("pkt") if atom.name == "chan" else None
            if pkt is not None:
                cont = pkt.get("cont")
                yield pkt["type"].data.decode(), pkt["pos"].u32, cont.u8 if cont else 0, \
                    pkt["data"].data


# --- media ------------------------------------------------------------------------------------------

def flv_tag(kind, stamp_ms, body):
    return struct.pack(">BBHBHBBH", kind, len(body) >> 16, len(body) & 0xffff,
                       stamp_ms >> 16 & 0xff, stamp_ms & 0xffff, stamp_ms >> 24 & 0x7f, 0, 0) + \
        body + struct.pack(">I", len(body) + 11)


def flv_metadata(**values):
    body = b"\x02\x00\x0aonMetaData\x08" + struct.pack(">I", len(values))
    for k, v in values.items():
        body += struct.pack(">H", len(k)) + k.encode()
        if isinstance(v, str):
            body += b"\x02" + struct.pack(">H", len(v.encode())) + v.encode()
        else:
            body += b"\x00" + struct.pack(">d", v)
    return body + b"\x00\x00\x09"


AVC_HEAD = bytes.fromhex("1700000000" "0142c01effe1000e6742c01ed900a03da100000300010001000468ce3c80")
AAC_HEAD = bytes.fromhex("af001210")


def flv_head(video_kbps=0, audio_kbps=0):
    """Everything a new viewer needs first: file header, onMetaData, AVC and AAC headers."""
    return b"FLV\x01\x05\0\0\0\x09\0\0\0\0" + \
        flv_tag(18, 0, flv_metadata(videodatarate=float(video_kbps), audiodatarate=float(audio_kbps))) + \
        flv_tag(9, 0, AVC_HEAD) + flv_tag(8, 0, AAC_HEAD)


def flv_unit(index, size=1000, key=False, interval_ms=40):
    """One video tag that carries its index; see units()."""
    body = (b"\x17" if key else b"\x27") + b"\x01\0\0\0" + b"UNIT" + struct.pack(">I", index)
    return flv_tag(9, index * interval_ms, body + bytes(max(size - len(body), 0)))


def units(data):
    """Indices of the units in a piece of stream, in order."""
    return [struct.unpack(">I", m.group(1))[0] for m in re.finditer(rb"UNIT(.{4})", data, re.S)]


def flv_stream(size=1000, key_every=10):
    """Endless synthetic FLV: the head, then one unit after the other."""
    yield flv_head()
    index = 0
    while True:
        yield flv_unit(index, size, index % key_every == 0)
        index += 1


AVC = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac", "-b:a", "64k"]
VP8 = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k", "-g", "10"]
OPUS = ["-c:a", "libopus", "-b:a", "48k"]

# How ffmpeg makes each of them; from "-f" on also how it pushes them.
SAMPLES = {
    "flv": AVC + AAC + ["-f", "flv"],
    "mkv": AVC + AAC + ["-f", "matroska"],
    "webm": VP8 + OPUS + ["-f", "webm"],
    "mp3": ["-vn", "-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"],
    "mp4": AVC + AAC + ["-metadata", "title=Song", "-f", "mp4", "-movflags",
                        "frag_keyframe+empty_moov+default_base_moof"],
    "mp4abs": AVC + AAC + ["-f", "mp4", "-movflags", "frag_keyframe+empty_moov"],
    "aac": ["-vn", *AAC, "-f", "adts"],
    "wmv": ["-c:v", "wmv2", "-b:v", "200k", "-g", "10", "-c:a", "wmav2", "-b:a", "64k", "-f", "asf"],
    "wma": ["-vn", "-c:a", "wmav2", "-b:a", "64k", "-f", "asf", "-packet_size", "1600"],
    "ts": AVC + AAC + ["-f", "mpegts"],
    "ogg": ["-vn", "-c:a", "libvorbis", "-b:a", "96k", "-metadata", "title=Song", "-metadata",
            "artist=Singer", "-f", "ogg"],
    "opus": ["-vn", *OPUS, "-f", "ogg", "-page_duration", "200000"],
    "ogv": ["-c:v", "libtheora", "-b:v", "200k", "-g", "10", "-c:a", "libvorbis", "-f", "ogg"],
}


def sample(kind):
    """Path of 5 seconds of test picture and tone (160x120, 10 fps, a key frame each second), made
    by ffmpeg once."""
    folder = os.path.join(TOP, "build/samples")
    path = os.path.join(folder, "sample." + kind)
    os.makedirs(folder, exist_ok=True)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            subprocess.run(
                ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10",
                 "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-t", "5"]
                + SAMPLES[kind] + [path + ".new"], check=True, stdin=subprocess.DEVNULL)
            os.rename(path + ".new", path)
    return path


def sample_bytes(kind):
    with open(sample(kind), "rb") as f:
        return f.read()


def push_target(name, kind="FLV", **fields):
    query = {"name": name}
    if kind is not None:
        query["type"] = kind
    query.update(fields)
    return "/?" + urllib.parse.urlencode(query)


class Push(threading.Thread):
    """HTTP push of a stream, paced: one piece of `source` every `interval` seconds.

    source   iterable of byte strings; by default an endless synthetic FLV
    chunked  Transfer-Encoding: chunked, else the body is plain until the end of the connection
    """

    def __init__(self, node, name="test", kind="FLV", source=None, interval=0.02, chunked=True,
                 headers=None, **fields):
        super().__init__(daemon=True)
        self.source = source if source is not None else flv_stream()
        self.interval, self.chunked = interval, chunked
        self.done = threading.Event()
        self.error = None
        self.sent = 0               # bytes of the stream
        self.client = node.client()
        head = {"Host": "127.0.0.1:%d" % node.port, "User-Agent": AGENT}
        if chunked:
            head["Transfer-Encoding"] = "chunked"
        head.update(headers or {})
        self.client.request("POST", push_target(name, kind, **fields), head, version="HTTP/1.1")
        self.start()

    def run(self):
        due = time.monotonic()
        try:
            for piece in self.source:
                if self.done.wait(max(due - time.monotonic(), 0)):
                    return
                due += self.interval
                if self.chunked:
                    piece_out = b"%x\r\n%s\r\n" % (len(piece), piece)
                else:
                    piece_out = piece
                self.client.send(piece_out)
                self.sent += len(piece)
            if self.chunked:
                self.client.send(b"0\r\n\r\n")
            self.client.shutdown()
        except OSError as e:
            if not self.done.is_set():
                self.error = e

    def stop(self):
        """The encoder goes away: the connection is closed."""
        self.done.set()
        with contextlib.suppress(OSError):
            self.client.sock.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self.client.close()


class FfmpegPush:
    """ffmpeg pushes a sample in real time, over and over or once.

    ctype   the type the query names
    muxer   another way to push it than the sample's own
    """

    def __init__(self, node, name="test", kind="flv", extra=(), ctype=None, once=False, muxer=None,
                 **fields):
        url = "http://127.0.0.1:%d%s" % (node.port, push_target(name, ctype or kind.upper(), **fields))
        muxer = muxer or SAMPLES[kind][SAMPLES[kind].index("-f"):]
        with node.inside():
            self.proc = subprocess.Popen(
                ["ffmpeg", "-v", "error", "-re", *([] if once else ["-stream_loop", "-1"]),
                 "-i", sample(kind), "-c", "copy", *extra, *muxer, url],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()


def ffprobe(url, seconds=20):
    """What ffprobe finds at a URL: {"video": "h264", "audio": "aac"}."""
    r = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name", "-of", "json", url],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=seconds * PATIENCE, check=False)
    if r.returncode != 0:
        raise AssertionError("ffprobe %s: %s" % (url, r.stderr.decode("utf-8", "replace")))
    return {s["codec_type"]: s["codec_name"] for s in json.loads(r.stdout).get("streams", ())}


# --- test cases -------------------------------------------------------------------------------------

class BoxCase(unittest.TestCase):
    """Starts what a test asks for and puts it away in reverse order, with the checks of Node.stop()."""

    maxDiff = None

    def node(self, ini=None, start=True, **kw):
        node = Node(ini, **kw)
        self.addCleanup(node.remove)
        self.addCleanup(self._stop, node)
        if start:
            node.start()
        return node

    def root(self, ini=None, **kw):
        """A root with a channel log."""
        keys = {"isRoot": "Yes", "maxControlConnections": 100}
        keys.update(ini or {})
        return self.node(keys, name="root", **kw)

    def tracker(self, root, ini=None, **kw):
        """A node that announces its channels to `root`."""
        keys = {"rootHost": root.address}
        keys.update(ini or {})
        return self.node(keys, name="tracker", **kw)

    def push(self, node, name="test", **kw):
        push = Push(node, name, **kw)
        self.addCleanup(push.stop)
        return push

    def ffmpeg(self, node, name="test", kind="flv", **kw):
        push = FfmpegPush(node, name, kind, **kw)
        self.addCleanup(push.stop)
        return push

    def closing(self, client):
        """Close a Client, Control or Relay at the end of the test."""
        self.addCleanup(client.close)
        return client

    def control(self, node, **kw):
        return self.closing(Control(node, **kw))

    def relay(self, node, cid, **kw):
        return self.closing(Relay(node, cid, **kw))

    def wait(self, predicate, seconds=WAIT, what=None):
        return wait_until(predicate, seconds, what)

    @staticmethod
    def _stop(node):
        if node.proc is not None:
            node.stop()
