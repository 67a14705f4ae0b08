# SPDX-License-Identifier: GPL-2.0-or-later
"""What the node gives up at its start: files it does not need, system calls no node makes (SECURITY.md)."""
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import unittest

from harness import GRP_ROOT, PEERCAST, BoxCase, bcst, chan_atom, host_atom, landlock, new_id, threads_of

SANITIZED = re.search(r"-(address|thread)", PEERCAST)


class Case(BoxCase):
    def setUp(self):
        if landlock() == 0:
            self.skipTest("this kernel has no Landlock")
        self.far = tempfile.mkdtemp(prefix="peercast-far-")
        self.addCleanup(shutil.rmtree, self.far)

    def put(self, name, text=""):
        path = os.path.join(self.far, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def announce(self, root):
        c, cid = self.control(root), new_id()
        c.send_atom(bcst(GRP_ROOT, c.sid, chan_atom(cid, c.bcid, name="told"), host_atom(c.sid, cid), cid=cid))

    def reload_file(self, node, **keys):
        with open(node.ini_path, encoding="utf-8") as f:
            lines = [line for line in f if line.partition("=")[0].strip() not in keys]
        at = next((i for i, line in enumerate(lines) if line.startswith("[") and i > 0), len(lines))
        lines[at:at] = ["%s = %s\n" % pair for pair in keys.items()]
        with open(node.ini_path, "w", encoding="utf-8") as f:
            f.writelines(lines)

    def reload(self, node, **keys):
        self.reload_file(node, **keys)
        node.send_signal(signal.SIGHUP)
        node.wait_log("settings read again")


# What a command finds that runs where the node does: each call and its error.
PROBE = r"""
import ctypes, errno, json, mmap, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
far, near = sys.argv[1:3]
def write(path):
    with open(path, 'w') as f: f.write('x')
def call(name, *args):
    if getattr(libc, name)(*args) == -1: raise OSError(ctypes.get_errno(), name)
found = {}
for name, do in dict(
        near=lambda: write(near + '/new'), nearby=lambda: os.rename(near + '/new', near + '/newer'), null=lambda: write('/dev/null'),
        udp=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
        far=lambda: write(far + '/new'), over=lambda: write(far + '/there'), into=lambda: os.rename(near + '/newer', far + '/newer'),
        folder=lambda: os.mkdir(far + '/sub'), link=lambda: os.symlink('/', near + '/root'),
        mode=lambda: os.chmod(far + '/there', 0o700), times=lambda: os.utime(far + '/there', (1, 1)),
        away=lambda: os.unlink(far + '/there'),
        fifo=lambda: os.mkfifo(near + '/fifo'), both=lambda: mmap.mmap(-1, 4096, prot=7).close(),
        setuid=lambda: os.setuid(os.getuid()), packet=lambda: socket.socket(17, socket.SOCK_DGRAM).close(),
        ptrace=lambda: call('ptrace', 0x4206, 0x7fffffff, 0, 0), unshare=lambda: call('unshare', 0x10000000),
        mount=lambda: call('mount', b'x', b'/nowhere/at/all', b'tmpfs', 0, None)).items():
    try:
        do()
        found[name] = ''
    except OSError as x:
        found[name] = errno.errorcode[x.errno]
with open(near + '/found.new', 'w') as f:
    json.dump(found, f)
os.rename(near + '/found.new', near + '/found')
"""
# forbidden by Landlock, and by the filter of the calls
FILES = {"far": "EACCES", "over": "EACCES", "away": "EACCES", "into": "EXDEV EACCES", "folder": "EACCES", "link": "EACCES"}
CALLS = {"fifo": "EPERM", "ptrace": "EPERM", "unshare": "EPERM", "mount": "EPERM", "setuid": "EPERM",
         "packet": "EAFNOSUPPORT"}
MAY = ("near", "nearby", "null", "udp", "mode", "times", "both")


class Commands(Case):
    """`strict` locks them up with the node, `auto` leaves both alone when there may be some."""

    def probe(self, mode):
        self.put("there", "x" * 10)
        n = self.node({"fetchAllow": "pipe", "sandbox": mode})
        path = os.path.join(n.dir, "found")
        line = "pipe:%s '%s' '%s' '%s'" % (sys.executable, self.put("probe.py", PROBE), self.far, n.dir)
        n.rpc("fetch", {"url": line, "name": "probe", "desc": "", "genre": "", "contact": "", "bitrate": 0, "type": "FLV"})
        self.wait(lambda: os.path.exists(path), what="the probe's findings")
        with open(path, encoding="ascii") as f:
            return n, json.load(f)

    def test_strict(self):
        n, found = self.probe("strict")
        n.wait_log("sandbox: files: on, system calls: " + ("left out" if SANITIZED else "on"))
        for name in MAY:
            self.assertEqual(found[name], "", name)
        for name, error in list(FILES.items()) + ([] if SANITIZED else list(CALLS.items())):
            self.assertTrue(found[name] and found[name] in error, "%s: %r" % (name, found[name]))
        self.assertEqual(sorted(os.listdir(self.far)), ["probe.py", "there"])

    def test_hooks(self):
        """A command of a hook is one."""
        for mode, line in (("auto", "off, as commands"), ("strict", "files: on")):
            n = self.node({"sandbox": mode}, blocks="[Hook]\ncommand = sh -c 'echo x >%s/%s'\nevent = channelStart\n[End]\n"
                          % (self.far, mode))
            n.wait_log("sandbox: " + line)
            self.push(n, "start")
            if mode == "auto":
                self.wait(lambda: os.path.exists(os.path.join(self.far, "auto")), what="what the hook writes")
            else:
                n.wait_log("hook 1 .*: [Pp]ermission denied|says: .*Permission denied")
        self.assertEqual(os.listdir(self.far), ["auto"])
        n = self.node(blocks="[Hook]\nurl = http://127.0.0.1:1/\n[End]\n")
        n.wait_log("sandbox: files: on")

    def test_auto(self):
        n, found = self.probe("auto")
        n.wait_log("sandbox: off, as commands may be run")
        for name in MAY + tuple(FILES) + ("fifo",):
            self.assertEqual(found[name], "", name)


class Files(Case):
    def test_every_thread(self):
        n = self.node({"isRoot": "Yes"})
        self.push(n, "here")
        n.wait_channel("here")
        states = [(s["NoNewPrivs"], s["Seccomp"]) for s in threads_of(n.pid)]
        self.assertEqual(set(states), {("1", "0" if SANITIZED else "2")})
        self.assertGreater(len(states), 3)

    def test_settings_that_come_later(self):
        """A folder that was not named at the start is closed, and the log says so; the next start opens it."""
        n = self.node({"isRoot": "Yes"})
        self.push(n, "here")
        far = os.path.join(self.far, "far.xml")
        self.put("bans", "name evil\n")
        self.reload(n, chanLog=far, banList=os.path.join(self.far, "bans"), fetchAllow="pipe", recordDir=self.far)
        for key in ("chanLog", "banList", "recordDir"):
            n.wait_log("settings: %s: the sandbox keeps %s.* closed until the next start" % (key, self.far))
        n.rpc("startRecording", [n.wait_channel("here")["channelId"]])
        self.wait(lambda: n.rpc("getRecordings")["recordings"][0]["problem"] == "the sandbox keeps the folder closed until the next start",
                  what="the recording's problem")
        n.wait_log("%s/bans: Permission denied" % self.far)
        self.announce(n)
        n.wait_log("channel log %s: .*Permission denied" % far)
        n.rpc("fetch", {"url": "pipe:true", "name": "c", "desc": "", "genre": "", "contact": "", "bitrate": 0, "type": "FLV"})
        if not SANITIZED:
            n.wait_log("settings: commands are allowed, but the sandbox starts none until the next start")
            n.wait_log("pull pipe:true: Permission denied")
        self.assertEqual(os.listdir(self.far), ["bans"])
        n.stop()
        self.reload_file(n, fetchAllow="http")
        n.start()
        self.announce(n)
        self.wait(lambda: os.path.exists(far) and os.path.getsize(far) > 0, what="the channel log")
        self.assertNotIn("sandbox keeps", n.out.text())

    def test_logs_elsewhere(self):
        """What the command line and the ini name is open, also when it is made anew or is no file; and links are
        followed."""
        log, real = os.path.join(self.far, "node.log"), tempfile.mkdtemp(prefix="peercast-real-")
        self.addCleanup(shutil.rmtree, real)
        n = self.node({"chanLog": os.path.join(self.far, "linked.xml"), "isRoot": "Yes", "logMaxSize": 1000}, start=False)
        os.symlink(os.path.join(real, "channels.xml"), os.path.join(self.far, "linked.xml"))
        with open(os.path.join(real, "channels.xml"), "w", encoding="ascii"):
            pass
        shutil.copy(n.ini_path, real)
        os.remove(n.ini_path)
        os.symlink(os.path.join(real, "peercast.ini"), n.ini_path)
        n.args = ["-l", log, "-p", os.path.join(self.far, "pid")]
        n.spawn()
        self.wait(lambda: n._accepts(), what="the node")
        self.announce(n)
        self.wait(lambda: os.path.getsize(os.path.join(real, "channels.xml")) > 0, what="the channel log")
        def rotated():
            n.get("/nothing")
            n.send_signal(signal.SIGUSR1)
            return os.path.exists(log + ".1")

        self.wait(rotated, what="the rotated log")
        os.rename(log, log + ".moved")
        n.send_signal(signal.SIGHUP)
        self.wait(lambda: os.path.exists(log), what="the log, opened again")
        n.get("/admin?cmd=apply&maxrelays=33")
        n.stop()
        self.assertTrue(os.path.islink(n.ini_path))
        with open(os.path.join(real, "peercast.ini"), encoding="utf-8") as f:
            self.assertIn("\nmaxRelays = 33\n", f.read())
        self.assertFalse(os.path.exists(os.path.join(self.far, "pid")))

    def test_off(self):
        for ini, args in (({"sandbox": "off"}, []), ({}, ["--no-sandbox"])):
            n = self.node(ini, args=args)
            self.assertEqual(({s["Seccomp"] for s in threads_of(n.pid)}, "sandbox:" in n.out.text()), ({"0"}, False))


if __name__ == "__main__":
    unittest.main()
