# SPDX-License-Identifier: GPL-2.0-or-later
"""An encoder that publishes by RTMP: as much of the protocol as a test wants to say, right or wrong."""
import contextlib
import hashlib
import hmac
import os
import socket
import struct
import threading
import time

from harness import AAC_HEAD, AVC_HEAD, PATIENCE, WAIT, flv_metadata

PLAYER_KEY = b"Genuine Adobe Flash Player 001"
SERVER_KEY = b"Genuine Adobe Flash Media Server 001"


# --- AMF0 ----------------------------------------------------------------------------------------

def amf(value):
    """A value in AMF0: str, bool, number, None, dict (object), list (strict array)."""
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01" + bytes([value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        raw = value.encode()
        return b"\x02" + struct.pack(">H", len(raw)) + raw
    if isinstance(value, list):
        return b"\x0a" + struct.pack(">I", len(value)) + b"".join(amf(v) for v in value)
    out = b"\x03"
    for k, v in value.items():
        out += struct.pack(">H", len(k)) + k.encode() + amf(v)
    return out + b"\0\0\x09"


def amf_read(data, at=0):
    """The value at an offset, and the offset behind it."""
    kind = data[at]
    at += 1
    if kind == 0:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if kind == 1:
        return bool(data[at]), at + 1
    if kind == 2:
        n = struct.unpack_from(">H", data, at)[0]
        return data[at + 2:at + 2 + n].decode(), at + 2 + n
    if kind in (3, 8):
        at += 4 if kind == 8 else 0
        out = {}
        while True:
            n = struct.unpack_from(">H", data, at)[0]
            name, at = data[at + 2:at + 2 + n].decode(), at + 2 + n
            if not name and data[at] == 9:
                return out, at + 1
            out[name], at = amf_read(data, at)
    if kind == 10:
        n = struct.unpack_from(">I", data, at)[0]
        at += 4
        out = []
        for _ in range(n):
            v, at = amf_read(data, at)
            out.append(v)
        return out, at
    if kind in (5, 6):
        return None, at
    raise AssertionError("AMF type %d" % kind)


def amf_all(data):
    at, out = 0, []
    while at < len(data):
        v, at = amf_read(data, at)
        out.append(v)
    return out


# --- chunks ---------------------------------------------------------------------------------------

def chunks(lane, kind, body, stamp=0, stream=0, size=128, fmt=0, again=True):
    """A message in chunks. stamp: absolute for fmt 0, the difference for 1 and 2. again: a long time is
    repeated in front of each piece, as the specification has it."""
    if lane < 64:
        basic = bytes([lane])
    elif lane < 320:
        basic = bytes([0, lane - 64])
    else:
        basic = bytes([1]) + struct.pack("<H", lane - 64)
    long = struct.pack(">I", stamp) if fmt < 3 and stamp >= 0xffffff else b""
    field = struct.pack(">I", min(stamp, 0xffffff))[1:]
    head = b""
    if fmt < 3:
        head += field
    if fmt < 2:
        head += struct.pack(">I", len(body))[1:] + bytes([kind])
    if fmt == 0:
        head += struct.pack("<I", stream)
    out = bytes([basic[0] | fmt << 6]) + basic[1:] + head + long + body[:size]
    for at in range(size, len(body), size):
        out += bytes([basic[0] | 3 << 6]) + basic[1:] + (long if again else b"") + body[at:at + size]
    return out


class ChunkReader:
    """Messages out of what a server sends."""

    def __init__(self, read):
        self.read = read        # read(n) gives exactly n bytes
        self.size = 128
        self.lanes = {}

    def message(self):
        """(type, stream, body) of the next whole message."""
        while True:
            b = self.read(1)[0]
            fmt, lane = b >> 6, b & 63
            state = self.lanes.setdefault(lane, [0, 0, 0, b""])
            if fmt < 3:
                self.read(3)
            if fmt < 2:
                state[0] = int.from_bytes(self.read(3), "big")
                state[1] = self.read(1)[0]
            if fmt == 0:
                state[2] = int.from_bytes(self.read(4), "little")
            state[3] += self.read(min(self.size, state[0] - len(state[3])))
            if len(state[3]) < state[0]:
                continue
            body, state[3] = state[3], b""
            if state[1] == 1:
                self.size = int.from_bytes(body, "big")
            return state[1], state[2], body


# --- the encoder ----------------------------------------------------------------------------------

CONNECT = {"app": "live", "type": "nonprivate", "flashVer": "FMLE/3.0 (compatible; box)"}
ENHANCED = {"capsEx": 15, "fourCcList": ["av01", "vp09", "hvc1", "Opus"],
            "videoFourCcInfoMap": {"*": 1}, "audioFourCcInfoMap": {"Opus": 1}}


class Refused(Exception):
    pass


class Encoder:
    """A connection to the RTMP port of a node."""

    def __init__(self, port, host="127.0.0.1", app="live", digest=False, source=None, handshake=True, size=4096,
                 tls=None, **connect):
        """tls: an ssl context to speak within."""
        self.sock = socket.create_connection((host, port), WAIT * PATIENCE,
                                             (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock)
        self.buf = b""
        self.reader = ChunkReader(self.read)
        self.size = 128
        self.want_size = size
        self.stream = 0
        self.app, self.extra = app, connect
        self.acks = 0
        self.result = None
        if handshake:
            self.handshake(digest)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def read(self, n):
        while len(self.buf) < n:
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError("the node has closed the connection")
            self.buf += piece
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def send(self, data):
        self.sock.sendall(data)

    def expect_close(self):
        """The node closes; what it says before does not matter."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                self.read(1)

    def handshake(self, digest=False):
        c1 = bytearray(struct.pack(">II", 0, 0x09007c02 if digest else 0) + os.urandom(1528))
        if digest:
            at = 12 + sum(c1[8:12]) % 728
            c1[at:at + 32] = hmac.digest(PLAYER_KEY, bytes(c1[:at] + c1[at + 32:]), hashlib.sha256)
        self.send(b"\x03" + bytes(c1))
        s = self.read(1 + 1536 + 1536)
        s1 = s[1:1537]
        if s[0] != 3:
            raise AssertionError("version %d" % s[0])
        if digest:
            at = 12 + sum(s1[8:12]) % 728
            want = hmac.digest(SERVER_KEY, s1[:at] + s1[at + 32:], hashlib.sha256)
            if want != s1[at:at + 32]:
                raise AssertionError("the node's digest is wrong")
        elif s[1537:] != bytes(c1):
            raise AssertionError("the node does not repeat what we said")
        self.send(s1)

    # messages

    def put(self, kind, body, stamp=0, lane=3, fmt=0, stream=None):
        self.send(chunks(lane, kind, body, stamp, self.stream if stream is None else stream, self.size, fmt))

    def command(self, *values, lane=3, stream=0):
        self.put(20, b"".join(amf(v) for v in values), lane=lane, stream=stream)

    def answer(self, name):
        """The next command of that name: its values; others and protocol messages are passed over."""
        while True:
            kind, _, body = self.reader.message()
            if kind == 3:
                self.acks += 1
            if kind == 20:
                values = amf_all(body)
                if values[0] == "onStatus" and values[3].get("level") == "error":
                    raise Refused(values[3]["code"], values[3].get("description"))
                if values[0] == name:
                    return values

    def connect(self):
        self.command("connect", 1, dict(CONNECT, app=self.app, tcUrl="rtmp://127.0.0.1/" + self.app, **self.extra))
        self.result = self.answer("_result")
        self.send(chunks(2, 1, struct.pack(">I", self.want_size)))
        self.size = self.want_size
        return self

    def publish(self, name):
        """Everything up to the node's consent; Refused when it says no."""
        if self.result is None:
            self.connect()
        self.command("releaseStream", 2, None, name)
        self.command("FCPublish", 3, None, name)
        self.command("createStream", 4, None)
        while True:
            values = self.answer("_result")
            if values[1] == 4:
                break
        self.stream = int(values[3])
        self.command("publish", 5, None, name, "live", lane=8, stream=self.stream)
        values = self.answer("onStatus")
        if values[3]["code"] != "NetStream.Publish.Start":
            raise AssertionError(values)
        return self

    def unpublish(self):
        self.command("FCUnpublish", 6, None, "x")
        self.command("deleteStream", 7, None, self.stream)

    # media

    def metadata(self, **values):
        body = amf("@setDataFrame") + flv_metadata(**values)
        self.put(18, body, lane=4)

    def video(self, stamp, body, fmt=0):
        self.put(9, body, stamp, lane=4, fmt=fmt)

    def audio(self, stamp, body, fmt=0):
        self.put(8, body, stamp, lane=5, fmt=fmt)

    def configs(self):
        self.metadata(videodatarate=500.0, audiodatarate=64.0)
        self.video(0, AVC_HEAD)
        self.audio(0, AAC_HEAD)

    def unit(self, index, size=1000, interval=40):
        """A frame that carries its index (harness.units()), a key frame each tenth."""
        body = (b"\x17" if index % 10 == 0 else b"\x27") + b"\x01\0\0\0UNIT" + struct.pack(">I", index)
        self.video(index * interval, body + bytes(max(size - len(body), 0)))


class Flow(threading.Thread):
    """Publishes units for ever, one each `interval` seconds, over an encoder that was let in."""

    def __init__(self, encoder, size=1000, interval=0.02, first=0):
        super().__init__(daemon=True)
        self.encoder, self.size, self.interval, self.index = encoder, size, interval, first
        self.done = threading.Event()
        self.error = None
        self.start()

    def run(self):
        due = time.monotonic()
        try:
            self.encoder.configs()
            while not self.done.wait(max(due - time.monotonic(), 0)):
                self.encoder.unit(self.index, self.size)
                self.index += 1
                due += self.interval
        except OSError as e:
            self.error = e

    def pause(self):
        """No more is sent; the connection stays."""
        self.done.set()
        self.join(WAIT * PATIENCE)

    def stop(self):
        self.done.set()
        with contextlib.suppress(OSError):
            self.encoder.sock.shutdown(socket.SHUT_RDWR)
        self.join(WAIT * PATIENCE)
        self.encoder.close()
