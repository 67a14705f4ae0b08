# SPDX-License-Identifier: GPL-2.0-or-later
"""The recipes of README.md, run as they are written, each on machines of its own with the addresses it names."""
import os
import re
import shutil
import subprocess
import tempfile
import textwrap
import unittest

from harness import PATIENCE, PEERCAST, TOP, Client, sample, wait_until
from net import NetCase

ID = "5942D78C0D0D12273317E281AE0E7B79"         # as the recipes have it


def text_of(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def blocks(text):
    """Its indented blocks."""
    return [textwrap.dedent(m).strip("\n") for m in re.findall(r"(?m)(?:^    .*\n(?:\n(?=    ))?)+", text)]


def recipe(title, path=("README.md",)):
    """The blocks of one section."""
    section = re.search(r"^### %s\n(.*?)(?=^##)" % re.escape(title), text_of(*path), re.S | re.M)
    return blocks(section.group(1))


class Documents(unittest.TestCase):
    def test_two_languages(self):
        """The commands are the same, and so is what they are told to be."""
        en, ja = text_of("README.md"), text_of("dist/doc/README.ja.md")
        self.assertEqual(blocks(en), blocks(ja))
        self.assertEqual(en.count("\n## "), ja.count("\n## "))
        self.assertEqual(en.count("\n### "), ja.count("\n### "))
        for name in ("MANUAL", "MIGRATION", "PROTOCOL", "CONTRIBUTING"):
            en, ja = text_of("dist/doc/%s.md" % name), text_of("dist/doc/%s.ja.md" % name)
            self.assertEqual(blocks(en), blocks(ja))
            for mark in ("\n| ", "\n## ", "\n- ", "\n1. "):
                self.assertEqual(en.count(mark), ja.count(mark), name)

    def test_links(self):
        """What a document leads to is there."""
        names = ["README.md"] + ["dist/doc/" + n for n in os.listdir(os.path.join(TOP, "dist/doc"))]
        for name in names:
            text = text_of(name)
            for to in re.findall(r"\]\(([^)#:]+)\)", text):
                path = os.path.join(TOP, os.path.dirname(name), to)
                self.assertTrue(os.path.exists(path), "%s in %s" % (to, name))
            if "CONTRIBUTING" in name:
                for to in re.findall(r"`((?:core|pcp|xml|http|servent|test|dist)/[\w./-]+\.\w+)`", text):
                    self.assertTrue(os.path.exists(os.path.join(TOP, to)), "%s in %s" % (to, name))

    def test_version(self):
        """What is released is what the change log says."""
        version = re.search(r'NODE_VERSION "(.*)"', text_of("core/node/node.h")).group(1)
        self.assertIn("\n## %s" % version, text_of("dist/doc/CHANGELOG.md"))
        self.assertIn("(%s-" % version, text_of("dist/debian/changelog").split("\n")[0])

    @unittest.skipUnless(shutil.which("git") and os.path.exists(os.path.join(TOP, ".git")), "not a git tree")
    def test_release(self):
        """On a copy: what is wrong stops it; else there are a tag with the notes, and the sources."""
        copy = tempfile.mkdtemp(prefix="peercast-release-")
        self.addCleanup(shutil.rmtree, copy)
        env = dict(os.environ, CHECKED="1", HOME=copy, GIT_CONFIG_NOSYSTEM="1", **{
            "GIT_%s_%s" % (who, what): "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")})

        def run(*command):
            return subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
        for name in ("core/node/node.h", "dist/doc/CHANGELOG.md", "dist/debian/changelog", "dist/release"):
            os.makedirs(os.path.join(copy, os.path.dirname(name)), exist_ok=True)
            shutil.copy2(os.path.join(TOP, name), os.path.join(copy, name))
        with open(os.path.join(copy, ".gitignore"), "w", encoding="ascii") as f:
            f.write("build\n")
        for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "x")):
            self.assertEqual(run("git", *command).returncode, 0)
        version = re.search(r'NODE_VERSION "(.*)"', text_of("core/node/node.h")).group(1)
        for bad in ("9.9.9", "", "1.0", "v" + version, version + ".", "1..2", "x; true"):
            self.assertEqual(run("dist/release", bad).returncode, 1, bad)
        self.assertEqual(run("dist/release").returncode, 2)
        with open(os.path.join(copy, "new"), "w", encoding="ascii"):
            pass
        self.assertIn("not committed", run("dist/release", version).stderr)
        os.unlink(os.path.join(copy, "new"))
        self.assertEqual(run("git", "tag").stdout, "")
        r = run("dist/release", version)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("peercast " + version, run("git", "tag", "-n9", "-l", "v" + version).stdout)
        self.assertIn("peercast-%s/dist/release\n" % version, run("tar", "tf", "build/peercast-%s.tar.gz" % version).stdout)
        self.assertIn("is there already", run("dist/release", version).stderr)


@unittest.skipIf(PATIENCE > 1, "not under sanitizers: what it starts is tested there elsewhere")
class Recipes(NetCase):
    def setUp(self):
        super().setUp()
        self.bin = tempfile.mkdtemp(prefix="peercast-recipe-")
        self.addCleanup(shutil.rmtree, self.bin)
        os.symlink(PEERCAST, os.path.join(self.bin, "peercast"))

    def folder(self):
        """A home. mpv has no screen in it."""
        home = tempfile.mkdtemp(prefix="home-", dir=self.bin)
        os.makedirs(os.path.join(home, ".config/mpv"))
        with open(os.path.join(home, ".config/mpv/mpv.conf"), "w", encoding="ascii") as f:
            f.write("vo=null\nao=null\nframes=10\n")
        return home

    def popen(self, place, home, block, **kw):
        env = dict(os.environ, HOME=home, PATH=self.bin + ":" + os.environ["PATH"])
        env.pop("XDG_CONFIG_HOME", None)
        with place.inside():
            return subprocess.Popen(["sh", "-ec", block.replace("peercast -i", "exec peercast -i")], cwd=home, env=env,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)

    def do(self, place, home, block):
        """Run a block to its end; what it says."""
        p = self.popen(place, home, block)
        said = p.communicate(timeout=60 * PATIENCE)[0].decode()
        self.assertEqual(p.returncode, 0, block + "\n" + said)
        return said

    def start(self, place, home, block):
        """A block that ends with a node: run it in the background until the node is ready."""
        p = self.popen(place, home, block)

        def end():
            p.terminate()
            p.communicate()
            self.assertEqual(p.returncode, 0)
        self.addCleanup(end)

        def ready():
            self.assertIsNone(p.poll())
            try:
                with place.inside(), Client(7144, "127.0.0.1") as c:
                    c.request("GET", "/readyz")
                    return c.read_head() == 200
            except OSError:
                return False
        wait_until(ready, 20, "a node of " + block)

    def get(self, place, path):
        with place.inside(), Client(7144, "127.0.0.1") as c:
            c.request("GET", path)
            c.read_head()
            return c.read_all()

    def broadcaster(self, **ini):
        """At the address that the recipes tip."""
        place = self.machine(address="192.0.2.7")
        n = self.node(dict(ini, maxDirect=5, maxRelays=5), place=place)
        self.ffmpeg(n, "shown")
        return n, n.wait_channel("shown")["channelId"]

    def test_watch(self):
        block, = recipe("Watch")
        _, cid = self.broadcaster()
        viewer = self.node()
        self.do(viewer.place, self.folder(), block.replace(ID, cid))
        self.assertIsNotNone(viewer.find_channel(cid=cid))

    def test_obs(self):
        """What OBS is told, told to another encoder."""
        server, key = re.match(r"Server +(\S+)\nStream key +(\S+)$", recipe("Broadcast with OBS")[0]).groups()
        n = self.node({"rtmpServer": "Yes"})
        with n.place.inside():
            p = subprocess.Popen(["ffmpeg", "-v", "error", "-re", "-i", sample("flv"), "-c", "copy", "-f", "flv",
                                  server + "/" + key], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        self.assertEqual(n.wait_channel("My channel", seconds=20)["info"]["desc"], "what it is")

    def test_relay(self):
        begin, go_on = recipe("Relay on a server")
        _, cid = self.broadcaster()
        server, home = self.machine(address="192.0.2.8"), self.folder()
        self.start(server, home, begin)
        self.do(server, home, go_on.replace(ID, cid))
        viewer = self.node()
        with viewer.view(cid, "?tip=192.0.2.8:7144") as v:
            self.assertEqual(v.status, 200)
            self.assertTrue(v.read_some())

        def kept():
            with open(os.path.join(home, "relay.ini"), encoding="utf-8") as f:
                return cid in f.read()
        wait_until(kept, 20)

    def listed(self, place):
        return b"\nshown<>" in b"\n" + self.get(place, "/index.txt")

    def test_yellow_page(self):
        block, = recipe("Run a yellow page")
        yp, home = self.machine(address="192.0.2.1"), self.folder()
        self.start(yp, home, block)
        self.broadcaster(rootHost="192.0.2.1")
        wait_until(lambda: self.listed(yp), 30)
        log = os.path.join(home, "channels.xml")
        wait_until(lambda: os.path.exists(log) and b'name="shown"' in open(log, "rb").read(), 20)
        self.assertIn(b"<html", self.get(yp, "/yp/"))

    def test_cluster(self):
        key, block = recipe("Run a cluster of yellow pages")
        places = [self.machine(address="192.0.2.%d" % i) for i in (1, 2)]
        homes = [self.folder() for _ in places]
        self.do(places[0], homes[0], key)
        shutil.copy2(os.path.join(homes[0], "livesync.key"), homes[1])
        for place, home in zip(places, homes):
            self.start(place, home, block)
        self.broadcaster(rootHost="192.0.2.1,192.0.2.2")
        for place in places:
            wait_until(lambda p=place: self.listed(p), 40)
