# SPDX-License-Identifier: GPL-2.0-or-later
"""A node in a world that fails: test/fault/fault.c, linked in the place of its library calls.

    node = FaultyNode(...)                  # a harness Node
    with node.fault.failing("memory", skip=17):
        ...                                 # the 18th request for memory from here on gets none
    node.fault.hits                         # how many calls have failed since
"""
import contextlib
import errno
import mmap
import os
import struct

from harness import PEERCAST, Node

FAULTY = os.environ.get("PEERCAST_FAULTY") or \
    os.path.join(os.path.dirname(PEERCAST), "test/fault/peercast")

# In the order of fault.c; with the errors each may fail with. 0: half of it is done, or the peer has gone.
KINDS = {
    "memory": (errno.ENOMEM,),
    "thread": (errno.EAGAIN,),
    "socket": (errno.EMFILE, errno.ENOBUFS),
    "accept": (errno.EMFILE, errno.ENOMEM, errno.ECONNABORTED),
    "connect": (errno.ENETUNREACH, errno.EADDRNOTAVAIL),
    "recv": (errno.ECONNRESET, errno.EINTR, 0),
    "send": (errno.EPIPE, errno.ENOBUFS, errno.EINTR, 0),
    "poll": (errno.ENOMEM, errno.EINTR),
    "write": (errno.ENOSPC, errno.EIO, errno.EINTR, 0),
    "sync": (errno.EIO,),
    "rename": (errno.EIO, errno.ENOSPC),
    "open": (errno.EMFILE, errno.ENOSPC),
    "spawn": (errno.EAGAIN, errno.EMFILE, errno.ENOMEM),
    "stall": (0,),                  # writing to a file does not get on
}


class Fault:
    """The file of struct control, shared with the node."""
    KINDS_AT, ERR_AT, SKIP_AT, LEFT_AT, HITS_AT, WALL_AT, SIZE = 0, 4, 8, 16, 24, 32, 40

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as f:
            f.write(bytes(self.SIZE))
            f.flush()
            self.map = mmap.mmap(f.fileno(), self.SIZE)

    def close(self):
        self.map.close()

    def _put(self, at, code, v):
        struct.pack_into(code, self.map, at, v)

    def arm(self, kind, skip=0, times=1, err=None):
        """From now on: `skip` calls go well, then so many fail."""
        self.disarm()
        self._put(self.ERR_AT, "=i", KINDS[kind][0] if err is None else err)
        self._put(self.SKIP_AT, "=q", skip)
        self._put(self.LEFT_AT, "=q", times)
        self._put(self.HITS_AT, "=q", 0)
        self._put(self.KINDS_AT, "=I", 1 << list(KINDS).index(kind))

    def disarm(self):
        self._put(self.KINDS_AT, "=I", 0)

    @contextlib.contextmanager
    def failing(self, kind, skip=0, times=1, err=None):
        self.arm(kind, skip, times, err)
        try:
            yield self
        finally:
            self.disarm()

    @property
    def hits(self):
        return struct.unpack_from("=q", self.map, self.HITS_AT)[0]

    def set_wall(self, seconds):
        """The wall clock is wrong by that."""
        self._put(self.WALL_AT, "=q", seconds)


class FaultyNode(Node):
    def __init__(self, ini=None, **kw):
        super().__init__(ini, command=[FAULTY], **kw)
        self.fault = Fault(os.path.join(self.dir, "fault"))
        self.env = {"PEERCAST_FAULT": self.fault.path}

    def remove(self):
        super().remove()
        self.fault.close()
