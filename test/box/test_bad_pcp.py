# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of bad input (pcp.md 18), line by line, over sockets.

A row says who we are, what we send, and what is to come of it:

    opening         a client that has sent nothing yet
    cin             a tracker's control connection into a broadcaster, accepted
    client          the same into a root
    getting         a relay whose request was answered with 200 and that has not said helo
    relay           a relay that has its first packets
    asked           a source that was asked for a channel and has not answered
    greeted         the same, its 200 is out and it has read the helo
    source          a source whose first packet a viewer has got
    yp_asked        a YP whose client has said helo
    yp              a YP that has its client's first update

    quits(code)     the node says quit with that code, and closes
    closes          it closes
    stays           the connection goes on: what comes behind it is acted on

Through all of it a viewer and a relay lose nothing, and in the end threads, files and memory are
what they were. Rows that take minutes are in test_slow.py, those that need addresses in test_bad_net.py.
"""
import contextlib
import os
import random
import re
import struct
import threading
import time
import unittest

import harness
from harness import (AGENT, FLG_RECV, FLG_RELAY, FLG_TRACKER, GRP_ALL, GRP_RELAYS, GRP_TRACKERS, PATIENCE, Atom,
                     BoxCase, Client, bcst, box, chan_atom, flv_stream, gid, helo, host_atom, ip, leaf, new_id,
                     text, u8, u16, u32, units)
from test_pcp import OPENER, YellowPage
from test_relay import Upstream


def raw(name, n, cont=False):
    """The head of an atom, whatever follows."""
    return name.encode("latin-1").ljust(4, b"\0") + struct.pack("<I", n | (0x80000000 if cont else 0))


def nested(depth):
    return raw("zzzz", 1, True) * depth


MANY = raw("atom", 1024, True) + raw("atom", 1024, True) * 5
HTTP = b"HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/html\r\n\r\n<html></html>\n"
BAD_FRAMES = (          # rows of framing, for everybody who may send atoms
    ("B1", "leaf of 2^31-1 bytes", raw("mesg", 0x7fffffff)),
    ("B1", "child of 2^31-1 bytes", raw("host", 2, True) + raw("zzzz", 0x7fffffff)),
    ("B2", "2^31-1 children", raw("chan", 0x7fffffff, True)),
    ("B2", "1025 children", raw("zzzz", 1025, True)),
    ("B3", "17 deep", nested(17)),
    ("B3", "1000 deep", nested(1000)),
    ("B4", "more than 4096 atoms", MANY),
)


# --- outcomes: functions of the case and the connection ----------------------------------------------

def quits(code):
    def check(case, c):
        quit_atom = c.wait_atom("quit")
        case.assertEqual(quit_atom.u32, code)
        c.expect_close()
    return check


def closes(case, c):
    c.expect_close()


def closes_silently(case, c):
    case.assertNotIn("quit", [a.name for a in Atom.parse(c.expect_close())])


def stays(case, c):
    """Something behind it is acted on: a source's next packet reaches the viewer; from others, a broadcast
    with the node's own session is answered with 1004."""
    if c.kind == "source":
        c.up.data(c, c.cid, c.pos, b"MORE")
        c.pos += 4
        seen = b""
        while b"MORE" not in seen:
            seen += c.viewer.read_some()
        c.seen = seen
        return
    c.send_atom(bcst(GRP_ALL, c.node_sid, box("mesg")))
    case.assertEqual(c.wait_atom("quit").u32, 1004)
    c.expect_close()


def both(*checks):
    def check(case, c):
        for one in checks:
            one(case, c)
    return check


def answers(status):
    """HTTP."""
    def check(case, c):
        case.assertEqual(c.read_head(), status)
        c.expect_close()
    return check


def logs(pattern):
    def check(case, c):
        c.node.wait_log(pattern)
    return check


def hosts_of(node, cid):
    return {h.get("ip"): h for c in node.viewxml().iter("channel") if c.get("id") == cid for h in c.iter("host")}


def listed(address, **attributes):
    """The root or broadcaster has that host in the channel's list, with these values."""
    def check(case, c):
        case.wait(lambda: address in hosts_of(c.node, c.cid), what="host " + address)
        host = hosts_of(c.node, c.cid)[address]
        case.assertEqual({k: host.get(k) for k in attributes}, attributes)
    return check


def not_listed(address):
    def check(case, c):
        case.assertNotIn(address, hosts_of(c.node, c.cid))
    return check


def named(name):
    """The root lists the channel under that name; None = not at all."""
    def check(case, c):
        def seen():
            return next((x.get("name") for x in c.node.viewxml().iter("channel") if x.get("id") == c.cid), None)
        if name is None:
            case.assertIsNone(seen())
        else:
            case.wait(lambda: seen() is not None, what="channel")
            case.assertEqual(seen(), name)
    return check


def is_served(case, c):
    case.assertEqual(c.read_head(), 200)


def is_not_stolen(case, c):
    case.assertIsNone(c.node.find_channel("stolen"))


def has_a_bitrate(case, c):
    case.assertIn(c.node.find_channel(cid=c.cid)["info"]["bitrate"], range(1000001))


def few_new_hosts(case, c):
    """60 a second."""
    case.assertLess(len([a for a in hosts_of(c.node, c.cid) if a.startswith("198.51.100.")]), 130)


def nothing_for(seconds):
    def check(case, c):
        c.sock.settimeout(seconds)
        with case.assertRaises(TimeoutError):
            c.sock.recv(1)
    return check


def passes_on(mark, name, want):
    """The relay that behaves well gets the broadcast with that mark, its child `name` being want."""
    def check(case, c):
        def passed():
            return [a for a in list(case.good.got)
                    if a.name == "bcst" and "zzzz" in a and a["zzzz"].data == mark.encode()]
        case.wait(passed, what="broadcast " + mark)
        case.assertEqual(passed()[0][name].u8, want)
    return check


def accepted(case, c):
    case.assertEqual([c.read_atom().name for _ in range(2)], ["oleh", "ok"])


def plays(case, c):
    """A source whose answer was odd, but good enough."""
    c.helo = c.read_atom()
    case.assertEqual(c.helo.name, "helo")
    c.send_atom(c.up.oleh())
    c.up.head(c, c.cid)
    c.up.data(c, c.cid, 4, b"play")
    case.assertEqual((c.viewer.read_head(), c.viewer.read(8)), (200, b"HEADplay"))


def fails_the_source(case, c):
    c.expect_close()
    case.assertEqual(c.viewer.read_head(), 503)


def twice_as_client(case, c):
    with harness.Control(c.node, sid=c.sid) as again:
        case.assertEqual(again.quit, 1002)
    stays(case, c)


def twice_as_relay(case, c):
    """From elsewhere it is refused; from the same address it is the same relay, come back."""
    with case.getting(source="127.0.0.2") as stranger:
        stranger.send_atom(helo(c.sid))
        case.assertEqual(stranger.wait_atom("quit").u32, 1002)
    c.wait_atom("chan")
    with case.getting() as again:
        again.send_atom(helo(c.sid))
        again.wait_atom("chan")
        c.expect_close()
        again.wait_atom("chan")


def injects_below(case, c):
    """A relay below, of a channel that is relayed."""
    with harness.Relay(c.node, c.cid) as r:
        r.wait_atom("chan")
        r.cid = c.cid
        r.send(times(3, evil)(r))
        case.assertEqual(r.wait_atom("quit").u32, 1006)
    stays(case, c)
    case.assertEqual(c.seen, b"MORE")


def makes_no_circle(case, c):
    """Our source wants the channel from us."""
    with harness.Relay(c.node, c.cid, sid=c.up.sid) as r:
        case.assertEqual(r.wait_atom("quit").u32, 1003)
        r.expect_close()
    stays(case, c)


# --- what is sent: functions of the connection that give bytes or atoms --------------------------------

def announce(*info, host=(), **kw):
    """A client's tracker update with these children of chan.info and of host."""
    def build(c):
        base = chan_atom(c.cid, c.bcid, name="n", **kw)
        base["info"].children = [a for a in base["info"].children if a.name not in [i.name for i in info]] + list(info)
        h = host_atom(c.sid, c.cid, "203.0.113.9", 7144)
        h.children = [a for a in h.children if a.name not in [x.name for x in host]] + list(host)
        return bcst(1, c.sid, base, h, cid=c.cid)
    return build


def report(*children, hops=0, address="203.0.113.9", **kw):
    """A relay's status, with these children of host instead of the usual ones."""
    def build(c):
        h = host_atom(**{"sid": c.sid, "address": address, "flags": FLG_RECV | FLG_RELAY, **kw})
        h.children = [a for a in h.children if a.name not in [x.name for x in children]] + list(children)
        return bcst(GRP_TRACKERS, c.sid, h, cid=c.cid, ttl=11, hops=hops)
    return build


def evil(c):
    return box("chan", gid("id", c.cid),
               box("pkt", leaf("type", b"data"), u32("pos", 0), leaf("data", b"EVIL" * 20)))


def evil_root(wrap):
    def build(c):
        r = box("root", u32("uint", 1), u32("next", 1), text("asci", "EVIL"), leaf("upd"))
        return bcst(GRP_TRACKERS, c.sid, r) if wrap else r
    return build


def cut(build):
    """All but the last byte, then the end."""
    def send(c):
        data = build(c)
        c.send((data if isinstance(data, bytes) else data.encode())[:-1])
        c.shutdown()
    return send


def get(path="{cid}", line=None, headers=None):
    """A relay's request; {cid} is the channel's id."""
    def build(c):
        all_headers = {"x-peercast-pcp": 1, **(headers or {})}
        first = line or "GET /channel/%s HTTP/1.0" % path.format(cid=c.cid)
        return (first + "\r\n" + "".join("%s: %s\r\n" % h for h in all_headers.items()) + "\r\n").encode("latin-1")
    return build


def opened(build):
    """Behind the opener, where one is due."""
    return lambda c: (OPENER if c.kind == "opening" else b"") + build(c).encode()


def times(n, build):
    return lambda c: b"".join(build(c).encode() for _ in range(n))


def helo_without(*names, **kw):
    def build(c):
        atom = helo(new_id(), **kw)
        atom.children = [a for a in atom.children if a.name not in names]
        return atom
    return build


def oleh(sid):
    """sid: a function of the connection; None = without one."""
    def build(c):
        return box("oleh", text("agnt", AGENT), gid("sid", sid(c)) if sid else None, u32("ver", 1218))
    return build


def packet(*children):
    return lambda c: box("chan", gid("id", c.cid), box("pkt", *children))


def heads(n):
    def send(c):
        with contextlib.suppress(OSError):      # it may close before the last
            for i in range(n):
                c.up.head(c, c.cid, b"H%03d" % i, c.pos)
    return send


def jumps(c):
    """Forth, and back to what is known."""
    for i in range(2000, 20000, 1000):
        c.up.data(c, c.cid, i, b"FORTH")
        for back in (900, 1500, 1, 5):
            c.up.data(c, c.cid, i - back, b"BACK")
    c.pos = 20000


# --- the table -------------------------------------------------------------------------------------

NOTHING = b""

ROWS = [
    # 18.1 framing
    *[(b, "%s to %s" % (what, who), who, data, quits(1006))
      for b, what, data in BAD_FRAMES
      for who in ("cin", "client", "relay", "source", "yp")],
    *[(b, "%s in a handshake" % what, who, OPENER + data if who == "opening" else data, quits(1006))
      for b, what, data in BAD_FRAMES
      for who in ("opening", "getting", "greeted", "yp_asked")],
    ("B1", "leaf of 16 KiB and a byte", "cin", raw("mesg", 16385), quits(1006)),
    ("B1", "leaf of 1 MiB and 4 KiB", "source", raw("mesg", (1 << 20) + 4097), quits(1006)),
    ("B1", "leaves that are too much together", "relay",
     raw("host", 5, True) + (raw("zzzz", 16000) + bytes(16000)) * 4 + raw("zzzz", 16000), quits(1006)),
    ("B5", "end in an announcement", "client", cut(announce()), both(closes, named(None))),
    ("B5", "end in a report", "relay", cut(report(address="203.0.113.5")),
     both(closes, not_listed("203.0.113.5:7144"))),
    ("B5", "end in a helo", "opening", cut(lambda c: OPENER + helo(new_id()).encode()), closes_silently),
    ("B5", "end in a packet", "source",
     cut(packet(leaf("type", b"data"), u32("pos", 8), leaf("data", b"EVIL"))), closes),
    *[("B8", "odd ids to " + who, who, leaf("\0\0\0\0", b"x").encode() + leaf("\xff\xfe\x01\n", b"x").encode() +
       box("\x1b[2J", u32("\0abc", 1)).encode(), stays) for who in ("cin", "client", "relay", "source", "yp")],
    *[("B9", "%s as a %s to %s" % (name, shape, who), who, atom, stays)
      for who in ("cin", "relay", "source", "yp")
      for name, shape, atom in (
          ("bcst", "leaf", leaf("bcst", b"abc")), ("host", "leaf", leaf("host", b"\1\2")),
          ("chan", "leaf", leaf("chan", b"x" * 16)), ("push", "leaf", leaf("push")),
          ("mesg", "container", box("mesg", u32("a", 1))), ("ok", "container", box("ok", box("ok"))),
          ("oleh", "leaf", leaf("oleh", b"x")))],
    ("B9", "chan.id as a container", "client",
     lambda c: box("chan", box("id", u32("x", 1)), box("info", text("name", "x"))), both(stays, named(None))),
    ("B9", "info as a leaf", "client", lambda c: bcst(1, c.sid, box("chan", gid("id", c.cid), leaf("info", b"xx"))),
     both(stays, named(None))),
    ("B9", "name as a container", "client", announce(box("name", text("name", "x"))), both(stays, named(None))),
    ("B9", "numl as a container", "client", announce(host=[box("numl", u32("numl", 7))]),
     both(stays, listed("203.0.113.9:7144", listeners="0"))),
    ("B10", "numl of 2 bytes", "client", announce(host=[u16("numl", 7)]),
     both(stays, listed("203.0.113.9:7144", listeners="0"))),
    ("B10", "bitr of 2 bytes", "client", announce(u16("bitr", 7)), both(stays, named("n"))),
    ("B10", "chan.id of 15 bytes", "client",
     lambda c: box("chan", leaf("id", b"x" * 15), box("info", text("name", "x"))), both(stays, named(None))),
    ("B10", "ip of 5 bytes", "relay", report(leaf("ip", b"\5\0q\xcb\1"), address="203.0.113.10"),
     both(stays, not_listed("203.0.113.10:7144"))),
    ("B10", "sid of 15 bytes", "opening", OPENER + box("helo", u32("ver", 1218), leaf("sid", b"x" * 15)).encode(),
     quits(1005)),
    ("B10", "port of 4 bytes", "opening",
     OPENER + box("helo", text("agnt", "x"), u32("ver", 1218), gid("sid", new_id()), u32("port", 7144)).encode(),
     lambda case, c: case.assertEqual(c.read_atom()["port"].u16, 0)),
    *[("B11", "a name with " + what, "client", announce(leaf("name", name)), both(stays, named(want)))
      for what, name, want in (
          ("no NUL", b"abc", "abc"), ("an inner NUL", b"abc\0def\0", "abc"), ("Shift_JIS", b"\x83e\x83X\x83g\0", "テスト"),
          ("bytes of no encoding", b"a\xff\xfeb\0", "a\ufffd\ufffdb"),
          ("control bytes", b"a\1\x1bb\0", "a  b"), ("markup", b"<a href=\"x\">&amp;\0", "<a href=\"x\">&amp;"),
          ("300 bytes", b"y" * 300 + b"\0", "y" * 255), ("nothing", b"", None))],
    ("B12", "name twice", "client", announce(text("name", "first"), text("name", "second")),
     both(stays, named("second"))),
    ("B12", "numl twice", "client", announce(host=[u32("numl", 5), u32("numl", 6)]),
     both(stays, listed("203.0.113.9:7144", listeners="6"))),
    ("B12", "three addresses", "client",
     announce(host=[ip("ip", "203.0.113.1"), u16("port", 1111), ip("ip", "192.168.1.1"), u16("port", 1112),
                    ip("ip", "192.168.1.2"), u16("port", 1113)]), both(stays, listed("203.0.113.1:1111"))),
    *[("B13", "more children than told to " + who, who, raw("zzzz", 1, True) + u32("a", 1).encode() * 3, stays)
      for who in ("cin", "client", "relay", "source", "yp")],
    ("B14", "numl of no bytes", "client", announce(host=[leaf("numl")]),
     both(stays, listed("203.0.113.9:7144", listeners="0"))),
    ("B14", "host.id of no bytes", "relay", report(leaf("id"), address="203.0.113.4"), stays),
    ("B14", "chan.id of no bytes", "client", lambda c: box("chan", leaf("id"), box("info", text("name", "x"))),
     both(stays, named(None))),

    # 18.2 handshake
    *[("B20", "%s first from %s" % (name, who), who, (OPENER if who == "opening" else b"") + atom.encode(), quits(1006))
      for name, atom in (("chan", box("chan", gid("id", new_id()))), ("a leaf helo", leaf("helo", b"abc")),
                         ("oleh", box("oleh", gid("sid", new_id()))))
      for who in ("opening", "getting")],
    *[("B20", "nine others before oleh from " + who, who, u32("ok", 0).encode() * 9, quits(1006))
      for who in ("greeted", "yp_asked")],
    *[("B21", "HTTP from " + who, who, (OPENER if who == "opening" else b"") + HTTP,
       quits(1006)) for who in ("opening", "greeted")],
    ("B21", "HTTP from yp_asked", "yp_asked", HTTP, both(quits(1006), logs("peer answered HTTP"))),
    *[("B22", "%s from %s" % (what, who), who, opened(f), quits(1005))
      for who in ("opening", "getting")
      for what, f in (("no sid", helo_without("sid")), ("sid of zeros", lambda c: helo("0" * 32)))],
    *[("B22", "%s from %s" % (what, who), who, oleh(f), quits(1005))
      for who in ("greeted", "yp_asked")
      for what, f in (("no sid", None), ("sid of zeros", lambda c: "0" * 32))],
    *[("B23", "our session from " + who, who, opened(lambda c: helo(c.node_sid)), quits(1004))
      for who in ("opening", "getting")],
    *[("B23", "our session from " + who, who, oleh(lambda c: c.node_sid), quits(1004))
      for who in ("greeted", "yp_asked")],
    *[("B24", "ver %s from %s" % (v, who), who, opened(lambda c, v=v: helo(new_id(), version=v)), quits(1007))
      for who in ("opening", "getting") for v in (0, 1, 1199)],
    ("B24", "no ver to a broadcaster", "opening", opened(helo_without("ver")), accepted),
    ("B24", "no ver from a relay", "getting", helo_without("ver"), quits(1007)),
    ("B27", "the session of a connected client", "cin", NOTHING, twice_as_client),
    ("B27", "the session of a connected relay", "relay", NOTHING, twice_as_relay),
    ("B28", "request line of 9000 bytes", "opening", get(line="GET /channel/%s HTTP/1.0" % ("1" * 9000)), answers(414)),
    ("B28", "10000 headers", "opening", get(headers={"h%d" % i: i for i in range(10000)}), answers(431)),
    ("B28", "header of 64 KiB", "opening", get(headers={"h": "x" * 65536}), answers(431)),
    ("B28", "headers of 64 KiB together", "opening", get(headers={"h%d" % i: "x" * 8000 for i in range(9)}),
     answers(431)),
    *[("B29", "id %r" % p, "opening", get(p), answers(404))
      for p in ("", "zz" * 16, "{cid}0", "12345", "../{cid}", "%00", "{cid}/x")],
    *[("B30", "position %r" % p, "opening", get(headers={"x-peercast-pos": p}), is_served)
      for p in ("", "-1", "-2147483648", "4294967295", "99999999999999999999", "abc", "1e9", "0x10", "\xff")],
    *[("B31", "protocol %r" % p, "opening", get(headers={"x-peercast-pcp": p}), answers(404))
      for p in ("7", "0", "-1", "", "abc", "100", "4294967297")],
    *[("B32", "answer %r" % a.split(b"\r")[0], "asked", a, plays)
      for a in (b"HTTP/1.0 200\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-type:x\r\nX-PEERCAST-POS:0\r\n\r\n",
                b"HTTP/1.0 200 \r\n\r\n", b"HTTP/1.0 200 OK\n\n", b"HTTP/1.0 200 OK\r\nno colon here\r\n\r\n")],
    ("B33", "headers without end", "asked", b"HTTP/1.0 200 OK\r\n" + b"a: b\r\n" * 20000, fails_the_source),
    ("B33", "a header without end", "asked", b"HTTP/1.0 200 OK\r\na: " + b"b" * 70000, fails_the_source),

    # 18.3 meaning
    *[("B40", "three packets from a " + who, who, times(3, evil), quits(1006)) for who in ("cin", "relay", "client")],
    *[("B40", "two packets from a " + who, who, times(2, evil), stays) for who in ("cin", "relay")],
    ("B40", "three packets from a relay of a relay", "source", NOTHING, injects_below),
    ("B40", "three packets of another channel", "source",
     times(3, lambda c: box("chan", gid("id", new_id()), evil(c)["pkt"])), quits(1006)),
    *[("B41", "root%s from a %s" % (" in a bcst" if wrap else "", who), who, evil_root(wrap),
       quits(1006) if who == "client" else stays)
      for wrap in (False, True) for who in ("cin", "relay", "source", "client")],
    *[("B42", "info of the channel from a " + who, who,
       lambda c: chan_atom(c.cid, name="stolen").encode() +
       bcst(GRP_RELAYS, c.sid, chan_atom(c.cid, name="stolen"), cid=c.cid).encode() +
       bcst(GRP_ALL, c.sid, box("atom", chan_atom(c.cid, name="stolen"))).encode(),
       both(stays, is_not_stolen)) for who in ("cin", "relay")],
    ("B44", "another's farewell", "relay",
     lambda c: report(flags=0, sid=c.case.good_relay.sid, address="203.0.113.200")(c),
     both(stays, listed("203.0.113.200:7144"))),
    ("B46", "numl of 2^32-1", "relay", report(u32("numl", 0xffffffff), u32("numr", 0xffffffff)),
     both(listed("203.0.113.9:7144", listeners="100000", relays="100000"), stays)),
    ("B47", "hops 255", "relay", lambda c: bcst(GRP_RELAYS, c.sid, leaf("zzzz", b"hops"), cid=c.cid, hops=255),
     both(stays, passes_on("hops", "hops", 255))),
    ("B47", "ttl 255", "relay", lambda c: bcst(GRP_RELAYS, c.sid, leaf("zzzz", b"ttl"), cid=c.cid, ttl=255),
     both(stays, passes_on("ttl", "ttl", 31))),
    ("B48", "300 sessions in one go", "relay",
     times(300, lambda c: report(sid=new_id(), address="198.51.100.%d" % random.randrange(1, 255),
                                 port=random.randrange(1024, 65536))(c)), both(stays, few_new_hosts)),
    ("B48", "300 channels in one go", "client",
     times(300, lambda c: bcst(1, c.sid, chan_atom(new_id(), c.bcid, name="flood"), host_atom(c.sid))), stays),
    ("B49", "bcst with nothing but a payload", "relay",
     lambda c: box("bcst", host_atom(c.sid, c.cid, "203.0.113.49", flags=FLG_RECV)),
     both(listed("203.0.113.49:7144"), stays)),
    ("B50", "bcst in a bcst", "relay",
     lambda c: bcst(GRP_TRACKERS, c.sid, report(address="203.0.113.50")(c), cid=c.cid),
     both(stays, not_listed("203.0.113.50:7144"))),
    ("B50", "bags six deep", "relay",
     box("bcst", box("atom", box("atom", box("atom", box("atom", box("mesg")))))), quits(1006)),
    *[("B51", "our session as the origin, to " + who, who,
       lambda c: bcst(GRP_ALL, c.node_sid, box("mesg")), quits(1004))
      for who in ("cin", "client", "relay", "source", "yp")],
    *[("B52", "another's session as the origin, to " + who, who,
       lambda c: bcst(GRP_ALL, new_id(), box("mesg")), stays)
      for who in ("cin", "relay", "source", "yp")],
    *[("B53", "quit of %d bytes to %s" % (n, who), who, leaf("quit", bytes(n)), closes_silently)
      for n in (0, 2, 5) for who in ("cin", "client", "relay", "source", "yp")],
    *[("B53", "quit in a %s to %s" % (name, who), who, wrap(u32("quit", 1000)), stays)
      for who in ("cin", "client", "relay", "source", "yp")
      for name, wrap in (("bcst", lambda a: bcst(GRP_ALL, "%032X" % 77, a)), ("bag", lambda a: box("atom", a)))],
    *[("B54", "a packet without " + name, "source",
       packet(*[a for a in (leaf("type", b"data"), u32("pos", 8), leaf("data", b"EVIL")) if a.name != name]), stays)
      for name in ("type", "data")],
    ("B54", "a packet of unknown type", "source",
     packet(leaf("type", b"evil"), u32("pos", 8), leaf("data", b"EVIL")), stays),
    ("B54", "a packet of no bytes", "source", packet(leaf("type", b"data"), u32("pos", 8), leaf("data")), stays),
    ("B55", "positions back and forth", "source", jumps,
     both(stays, lambda case, c: case.assertEqual(c.seen, b"FORTH" * 18 + b"MORE"))),
    ("B56", "a hundred heads", "source", heads(100), closes),
    *[("B57", "next %d" % n, "yp", box("root", u32("next", n)), stays) for n in (0, 1, 0xffffffff)],
    ("B58", "uint 0", "yp", box("root", u32("uint", 0)), both(nothing_for(1), stays)),
    ("B59", "uppt above 65535", "relay",
     report(ip("upip", "203.0.113.1"), u32("uppt", 70000), u32("uphp", 1), address="203.0.113.59"),
     both(listed("203.0.113.59:7144"), stays)),
    *[("B60", "bitrate %d" % n, "source",
       lambda c, n=n: box("chan", gid("id", c.cid), box("info", text("name", "b"), u32("bitr", n))),
       both(stays, has_a_bitrate))
      for n in (0x7fffffff, 0x80000000, 0xffffffff)],
    *[("B62", "quit and no close from " + who, who, u32("quit", 1000), closes_silently)
      for who in ("cin", "client", "relay", "source", "yp")],
    ("B64", "a circle of two", "source", NOTHING, makes_no_circle),
]


class Quiet(threading.Thread):
    """Reads a connection to its end and keeps what came."""

    def __init__(self, pieces):
        super().__init__(daemon=True)
        self.pieces, self.got = pieces, []
        self.start()

    def run(self):
        with contextlib.suppress(OSError, EOFError):
            for piece in self.pieces:
                self.got.append(piece)


def blocks(client):
    while True:
        data = client.read_some(60)
        if not data:
            return
        yield data


def atoms(client):
    while True:
        yield client.read_atom(60)


class Usage:
    """Threads, files and memory of a node."""

    def __init__(self, node):
        with open("/proc/%d/status" % node.pid, encoding="ascii") as f:
            values = dict(line.split(":", 1) for line in f)
        self.threads = int(values["Threads"])
        self.rss_kb = int(values["VmRSS"].split()[0])
        self.fds = len(os.listdir("/proc/%d/fd" % node.pid))


class Row(BoxCase):
    """Plays one row."""

    def setUp(self):
        self.n = self.node({"maxRelays": 20, "maxControlConnections": 20, "sourceGraceSec": 0}, name="broadcaster")
        self.the_root = self.root()
        self.push(self.n, name="mine", source=flv_stream(300))
        self.cid = self.n.wait_channel("mine")["channelId"].upper()
        self.node_sid = self.session(self.n)
        self.root_sid = self.session(self.the_root)
        self.trackers = []              # (YP, node) whose row is to come

    @staticmethod
    def session(node):
        return node.wait_log(r"session ([0-9A-F]{32})").group(1)

    # who we are

    def as_opening(self):
        c = Client(self.n.port)
        c.node, c.cid, c.node_sid = self.n, self.cid, self.node_sid
        return c

    def _control(self, node, sid):
        c = harness.Control(node)
        self.assertIsNone(c.quit)
        self.assertIn("upd", c.read_atom())
        c.node, c.node_sid = node, sid
        return c

    def as_cin(self):
        c = self._control(self.n, self.node_sid)
        c.cid = self.cid
        return c

    def as_client(self):
        c = self._control(self.the_root, self.root_sid)
        c.cid = new_id()
        return c

    def getting(self, source=None):
        c = Client(self.n.port, source=source)
        c.node, c.cid, c.node_sid = self.n, self.cid, self.node_sid
        c.request("GET", "/channel/" + self.cid, {"x-peercast-pcp": 1})
        self.assertEqual(c.read_head(), 200)
        return c

    as_getting = getting

    def as_relay(self):
        c = harness.Relay(self.n, self.cid)
        self.assertEqual(c.status, 200)
        c.wait_atom("chan")
        c.node, c.cid, c.node_sid = self.n, self.cid, self.node_sid
        return c

    def as_asked(self):
        up = Source(self)
        cid = new_id()
        viewer = self.n.client()
        viewer.request("GET", "/stream/%s?tip=127.0.0.1:%d" % (cid, up.port))
        c = up.accept()
        up.listener.close()
        c.node, c.cid, c.node_sid, c.up, c.viewer, c.pos, c.sid = self.n, cid, self.node_sid, up, viewer, 8, up.sid
        return c

    def as_greeted(self):
        c = self.as_asked()
        c.send(b"HTTP/1.0 200 OK\r\n\r\n")
        c.helo = c.read_atom()
        self.assertEqual(c.helo.name, "helo")
        return c

    def as_source(self):
        c = self.as_greeted()
        c.send_atom(c.up.oleh())
        c.up.head(c, c.cid)
        c.up.data(c, c.cid, 4, b"one ")
        self.assertEqual((c.viewer.read_head(), c.viewer.read(8)), (200, b"HEADone "))
        return c

    def as_yp_asked(self):
        yp, node = self.trackers.pop()
        c = yp.accept()
        yp.close()
        c.yp, c.node, c.node_sid, c.cid = yp, node, c.helo["sid"].hex, None
        return c

    def as_yp(self):
        c = self.as_yp_asked()
        c.send_atom(c.yp.oleh())
        c.send_atom(u32("ok", 0))
        c.send_atom(box("root", leaf("upd")))
        update = c.wait_atom("bcst")
        c.cid, c.sid = update["cid"].hex, c.yp.sid
        return c

    # the test

    def row(self, row):
        _, what, who, data, outcome = row
        c = getattr(self, "as_" + who)()
        c.kind, c.case = who, self
        try:
            if callable(data):
                data = data(c)
            if isinstance(data, Atom):
                data = data.encode()
            if data:
                with contextlib.suppress(OSError):      # it may close before it has all
                    c.send(data)
            outcome(self, c)
        except (OSError, EOFError) as e:
            self.fail("%s: %s: %s" % (what, type(e).__name__, e))
        finally:
            c.close()
            if hasattr(c, "viewer"):
                c.viewer.close()
                self.n.rpc("stopChannel", [c.cid])

    def rows(self, rows):
        for row in rows:
            with self.subTest("%s %s" % row[:2], who=row[2]):
                self.row(row)


class YellowPages(Row):
    """A row has a node of its own: nodes turn to their YP every 20 seconds only."""

    def test_table(self):
        rows = [r for r in ROWS if r[2].startswith("yp")]
        for _ in rows:
            yp = YellowPage()
            self.addCleanup(yp.close)
            node = self.node({"rootHost": yp.address}, start=False, name="tracker")
            node.spawn()
            self.trackers.append((yp, node))
        for _, node in self.trackers:
            node.wait_log("listening")
            self.push(node, "t", interval=0.1)
        self.rows(rows)


class Others(Row):
    def still_good(self):
        """Lines 1 and 10 of pcp.md 20: a handshake where nothing is broadcast, and a relay's start."""
        with Client(self.idle.port) as c:
            c.send(OPENER + helo(new_id()).encode())
            got = Atom.parse(c.expect_close())
        self.assertEqual([a.name for a in got], ["oleh", "quit"])
        self.assertEqual(([a.name for a in got[0].children], got[1].u32), (["agnt", "sid", "ver", "rip", "port"], 1008))
        for cid in (self.cid, self.cid.lower()):
            with harness.Relay(self.n, cid) as r:
                self.assertEqual((r.status, r.oleh.name, r.read_atom().name), (200, "oleh", "ok"))
                packets = r.packets()
                self.assertEqual(next(packets)[0], "head")
                kind, pos, _, data = next(packets)
                for _ in range(10):
                    pos += len(data)
                    kind, at, _, data = next(packets)
                    self.assertEqual((kind, at), ("data", pos))

    def settled(self, node, before):
        """Its threads and files are as they were."""
        def same():
            now = Usage(node)
            return now.threads <= before.threads and now.fds <= before.fds
        try:
            self.wait(same, 5)
        except AssertionError:
            now = Usage(node)
            self.fail("%s: threads %d, were %d; files %d, were %d" % (
                node.name, now.threads, before.threads, now.fds, before.fds))

    def test_table(self):
        rows = [r for r in ROWS if not r[2].startswith("yp")]
        self.idle = self.node(name="idle")
        client = self.closing(self.n.view(self.cid))
        viewer = Quiet(blocks(client))
        self.good_relay = self.relay(self.n, self.cid)
        self.good_relay.send_atom(bcst(GRP_TRACKERS, self.good_relay.sid, host_atom(
            self.good_relay.sid, None, "203.0.113.200", flags=FLG_RECV | FLG_RELAY), cid=self.cid, ttl=11))
        self.good = Quiet(atoms(self.good_relay))
        self.closing(harness.Control(self.the_root)).announce(new_id(), name="so that its log is open")
        self.wait(self.the_root.chanlog)
        nodes = (self.n, self.the_root)
        self.still_good()
        before = [Usage(n) for n in nodes]
        self.rows(rows)
        self.still_good()
        for node, usage in zip(nodes, before):
            self.settled(node, usage)
        # what the rows have needed once they need no more of
        warm = [Usage(n) for n in nodes]
        self.rows(rows)
        self.still_good()
        for node, usage, w in zip(nodes, before, warm):
            self.settled(node, usage)
            if PATIENCE == 1:           # a sanitizer keeps what was freed
                self.assertLess(Usage(node).rss_kb - w.rss_kb, 1024, node.name)
        self.assertTrue(viewer.is_alive(), "the viewer was dropped")
        self.assertTrue(self.good.is_alive(), "the relay was dropped")
        stream = b"".join(viewer.got)
        seen = units(stream)
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        packets = [a["pkt"]["data"].data for a in list(self.good.got) if a.name == "chan" and "pkt" in a]
        seen = units(b"".join(packets))
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))
        for data in (stream, b"".join(packets)):
            self.assertNotIn(b"EVIL", data)
        self.assertNotIn("stolen", [a["chan"]["info"]["name"].text for a in list(self.good.got)
                                    if a.name == "bcst" and "chan" in a and "info" in a["chan"]])
        for node in nodes:
            log = node.out.text()
            self.assertNotIn("EVIL", log)
            self.assertRegex(log, r"\A[\n\x20-\x7e\u0080-\uffff]*\Z")


class Alone(Row):
    """Rows that take seconds, or count."""

    def test_list_without_end(self):
        """B61: of 10,000 hosts the first 64 are taken; then it waits five seconds for the quit."""
        c = self.as_asked()
        self.closing(c.viewer)
        c.send(b"HTTP/1.0 503 Service Unavailable\r\n\r\n")
        c.helo = c.read_atom()
        c.send_atom(c.up.oleh())
        c.send(b"".join(host_atom(new_id(), c.cid, "198.51.%d.%d" % divmod(i, 250), port=1024).encode()
                        for i in range(10000)))
        start = time.monotonic()
        c.expect_close()
        self.assertLess(abs(time.monotonic() - start - 5), 2 * PATIENCE)
        self.assertLessEqual(len(hosts_of(self.n, c.cid)), 64)
        c.close()

    def test_log(self):
        """One line each, ten a minute from one address, then a count."""
        for n, least, most in ((5, 5, 5), (40, 9, 10)):
            for _ in range(n):
                with self.as_opening() as c:
                    c.send(OPENER + leaf("zzzz").encode())
                    self.assertEqual(c.read_atom().u32, 1006)
                    c.expect_close()
            self.wait(lambda: len(self.told()) >= least, what="%d lines" % least)
            self.assertLessEqual(len(self.told()), most)

    def told(self):
        return [x for x in self.n.out.lines if re.search(r"servent \d+ 127.0.0.1:", x)]


class Source(Upstream):
    """Upstream with its oleh apart."""

    def oleh(self):
        return box("oleh", leaf("agnt", b"Up/1\0"), gid("sid", self.sid), u32("ver", 1218),
                   ip("rip", "127.0.0.1"), u16("port", 0))


if __name__ == "__main__":
    unittest.main()
