# SPDX-License-Identifier: GPL-2.0-or-later
"""What is installed: package, unit, man pages, completion, container."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import PATIENCE, PEERCAST, TOP, landlock, slow, wait_until

# What lintian may say of a package that nobody uploads: its maintainer's address, its first entry, the ini's mode.
KNOWN = {"bogus-mail-host", "bogus-mail-host-in-debian-changelog", "root-in-contact", "initial-upload-closes-no-bugs",
         "non-standard-file-perm"}


def dist(*path):
    return os.path.join(TOP, "dist", *path)


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def run(*command, **kw):
    return subprocess.run(command, capture_output=True, text=True, check=False, **kw)


def section(name):
    """Lines of one section of dist/setup: the packages of a set."""
    return re.search(r"\t%s\) cat <<-EOF\n(.*?)\tEOF" % name, read("dist/setup"), re.S).group(1)


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="peercast-man-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.pages = {"en": [dist("man/peercast.1")], "ja": [dist("man/ja/peercast.1")]}
        for lang, page, texts in (("en", "man/peercast.ini.5.in", []),
                                  ("ja", "man/ja/peercast.ini.5.in", ["-v", "texts=" + dist("man/ja/keys.tsv")])):
            out = os.path.join(cls.dir, lang + ".5")
            with open(out, "wb") as f:
                subprocess.run(["awk", "-f", dist("man/ini5.awk"), *texts, dist(page), os.path.join(TOP, "peercast.ini")],
                               stdout=f, check=True)
            cls.pages[lang].append(out)

    def options(self, *command):
        """As the program itself names them."""
        names = re.findall(r"(?<![\w-])(--?[A-Za-z][a-z-]*)", run(PEERCAST, *command, "--help").stdout.split("\n\n", 1)[1])
        self.assertGreater(len(names), 6 if command else 12)
        return set(names)

    def keys(self):
        return set(re.findall(r"^(?:# )?([A-Za-z]+) = ?", read("peercast.ini"), re.M))

    def test_every_option(self):
        for lang in self.pages:
            text = read(self.pages[lang][0])
            for name in self.options() | self.options("doctor"):
                self.assertRegex(text, r"\n\.It (.* )?Fl %s\b" % re.escape(name[1:]), "%s in %s" % (name, lang))

    def test_every_key(self):
        """English by itself; and whoever adds a key should add its text to dist/man/ja/keys.tsv."""
        self.assertGreater(len(self.keys()), 100)
        for lang in self.pages:
            text = read(self.pages[lang][1])
            for name in self.keys():
                self.assertRegex(text, r"\n\.It Cm %s =" % name, "%s in %s" % (name, lang))

    def test_japanese_texts_are_of_keys(self):
        """What the table explains is there, and stands in the page."""
        page = read(self.pages["ja"][1]).replace("\n", "").replace(" ", "")
        for line in read("dist/man/ja/keys.tsv").splitlines():
            if not line.startswith(("#", "=", "[")):
                name, text = line.split("\t")
                self.assertIn(name.split("/")[-1], self.keys())
                self.assertIn(text.replace(" ", ""), page)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc(self):
        for lang, pages in self.pages.items():
            for page in pages:
                said = [line for line in run("mandoc", "-Tlint", "-Wwarning", page).stdout.splitlines()
                        if lang == "en" or not re.search('first section is not "NAME"|outside NAME section', line)]
                self.assertEqual(said, [])

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_man(self):
        for pages in self.pages.values():
            for page in pages:
                r = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page,
                        env=dict(os.environ, LC_ALL="C.UTF-8", MANROFFSEQ="", MANWIDTH="80"))
                # it does not know where Japanese may be broken
                said = [line for line in r.stderr.splitlines() if "can't break line" not in line]
                self.assertEqual((r.returncode, said), (0, []))

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_completion(self):
        def complete(*words):
            r = run("bash", "-c", "source %s; COMP_WORDS=(peercast %s); COMP_CWORD=%d; compopt() { :; }; _peercast; "
                    "printf '%%s\\n' \"${COMPREPLY[@]}\"" % (dist("completion/peercast"), " ".join(words), len(words)), cwd=TOP)
            self.assertEqual(r.stderr, "")
            return r.stdout.split()
        self.assertEqual(set(complete("-")), self.options())
        self.assertEqual(complete("--check-"), ["--check-config", "--check-health"])
        self.assertIn("peercast.ini", complete("-i", "peer"))
        self.assertEqual(complete("--path", "core/sy"), ["core/sys"])
        self.assertEqual(complete("do"), ["doctor"])
        self.assertEqual(set(complete("doctor", "-")), self.options("doctor"))
        self.assertIn("peercast.ini", complete("doctor", "-i", "peer"))


class Service(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
    def test_unit(self):
        """It is understood, and it may do little."""
        folder = tempfile.mkdtemp(prefix="peercast-unit-")
        self.addCleanup(shutil.rmtree, folder)
        unit = os.path.join(folder, "peercast.service")
        with open(unit, "w", encoding="utf-8") as f:
            f.write(read("dist/systemd/peercast.service").replace("@bindir@/peercast", "/bin/true"))
        r = run("systemd-analyze", "verify", "--man=no", unit)
        self.assertNotIn("peercast.service:", r.stderr)
        r = run("systemd-analyze", "security", "--offline=true", "--threshold=15", unit)
        if "unrecognized option" in r.stderr:
            self.skipTest("this systemd-analyze cannot look at a file")
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)

    def test_container(self):
        """The container gets what it builds and runs with, and what is written in it exists."""
        text = read("dist/Dockerfile")
        build, final = text.split("\nFROM ")[1:]
        wanted = {line.split()[0] for line in section("build").splitlines() if line.strip()} - {"libcurl3-gnutls", "ca-certificates"}
        self.assertEqual(wanted - set(re.findall(r"[a-z0-9.-]+", build)), set())
        self.assertIn("libcurl3-gnutls", final)
        for word in ("USER peercast", "VOLUME ", "HEALTHCHECK ", "STOPSIGNAL SIGTERM"):
            self.assertIn("\n" + word, final)
        for name in re.findall(r'"(--[a-z-]+)"', final):
            self.assertIn(name, run(PEERCAST, "--help").stdout)


@unittest.skipIf(PATIENCE > 1, "not under sanitizers")
@slow
class Package(unittest.TestCase):
    """The package, installed, started and removed on a copy of this system that nobody sees."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("dpkg-shlibdeps"):
            raise unittest.SkipTest("dpkg-dev is not installed")
        # no fellow of the make that runs us
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        r = run("make", "-s", "-C", TOP, "deb", env=env)
        if r.returncode != 0:
            raise AssertionError(r.stdout + r.stderr)
        cls.deb = r.stdout.split()[-1]

    def dangling(self, prefix):
        """Links of the pages to files that are not there."""
        pages = glob.glob(prefix + "/share/doc/peercast/*.md")
        self.assertGreater(len(pages), 5)
        found = set()
        for page in pages:
            with open(page, encoding="utf-8") as f:
                for link in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", f.read()):
                    if not os.path.exists(os.path.join(os.path.dirname(page), link)):
                        found.add((os.path.basename(page), link))
        return found

    def test_what_is_in_it(self):
        found = set(re.findall(r" \./(\S+[^/\s])$", run("dpkg-deb", "-c", self.deb).stdout, re.M))
        self.assertLessEqual({"usr/bin/peercast", "etc/peercast/peercast.ini", "lib/systemd/system/peercast.service",
                              "usr/share/man/man1/peercast.1.gz", "usr/share/man/ja/man5/peercast.ini.5.gz",
                              "usr/share/bash-completion/completions/peercast", "usr/share/doc/peercast/README.md",
                              "usr/share/doc/peercast/copyright"}, found)
        self.assertFalse([f for f in found if not f.startswith(("usr/", "etc/peercast/", "lib/systemd/"))])
        folder = tempfile.mkdtemp(prefix="peercast-deb-")
        self.addCleanup(shutil.rmtree, folder)
        self.assertEqual(run("dpkg-deb", "-x", self.deb, folder).returncode, 0)
        self.assertEqual(self.dangling(folder + "/usr"), set())

    @unittest.skipUnless(shutil.which("lintian"), "lintian is not installed")
    def test_lintian(self):
        tags = set(re.findall(r"^[EW]: peercast: (\S+)", run("lintian", "--allow-root", self.deb).stdout, re.M))
        self.assertEqual(tags - KNOWN, set())

    def test_life(self):
        script = """
set -e
t=$1 deb=$2
mount -t tmpfs none "$t"
mkdir "$t/up" "$t/work" "$t/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$t/up,workdir=$t/work" "$t/root" || { echo no-overlay; exit 0; }
mount --rbind /proc "$t/root/proc"
mount --rbind /dev "$t/root/dev"
mount -t tmpfs none "$t/root/run"
cp "$deb" "$t/root/tmp/peercast.deb"
ip link set lo up
cat >"$t/root/tmp/life" <<'EOF'
set -e
step() { echo "== $1"; }
export DEBIAN_FRONTEND=noninteractive
rm -f /var/lib/man-db/auto-update      # it takes long, and nobody looks
step install
dpkg --force-depends -i /tmp/peercast.deb
step user
id -un peercast
stat -c '%U %G %a' /etc/peercast/peercast.ini
as() { exec setpriv --reuid peercast --regid peercast --clear-groups env HOME=/var/lib/peercast "$@"; }
command=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/peercast.service)
step start
as $command >/tmp/node.log 2>&1 &
node=$!
i=0
until peercast -i /etc/peercast/peercast.ini --check-health 2>/dev/null; do
	i=$((i + 1)); [ $i -lt 100 ] || { cat /tmp/node.log; exit 1; }
	sleep 0.1
done
step stop
kill $node
wait $node
echo "exit $?"
step upgrade
dpkg --force-depends -i /tmp/peercast.deb
stat -c '%U %a' /etc/peercast/peercast.ini
step remove
dpkg -r peercast
[ -e /etc/peercast/peercast.ini ] && echo kept
[ ! -e /usr/bin/peercast ] && echo gone
step purge
dpkg -P peercast
[ ! -e /etc/peercast ] && [ ! -e /var/lib/peercast ] && echo nothing
EOF
exec chroot "$t/root" sh /tmp/life
"""
        if os.getuid() != 0 or run("unshare", "-m", "-n", "true").returncode != 0:
            self.skipTest("needs root and namespaces")
        folder = tempfile.mkdtemp(prefix="peercast-root-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        r = run("unshare", "-m", "-n", "sh", "-c", script, "sh", folder, self.deb, timeout=200)
        if "no-overlay" in r.stdout:
            self.skipTest("no overlay of this file system")
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        said = dict(part.split("\n", 1) for part in r.stdout.split("== ")[1:])
        self.assertEqual(said["user"], "peercast\npeercast peercast 640\n")
        self.assertIn("ok\n", said["start"])
        self.assertEqual(said["stop"], "exit 0\n")
        self.assertTrue(said["upgrade"].endswith("peercast 640\n"))
        self.assertTrue(said["remove"].endswith("kept\ngone\n"))
        self.assertTrue(said["purge"].endswith("nothing\n"))

    def test_systemd(self):
        """A systemd of its own starts the installed unit with all its walls: it becomes ready, reloads, feeds the watchdog, is killed
        and started again when it stands still, and takes its port from a socket unit."""
        script = """
set -e
t=$1 deb=$2 out=$3
mount --make-rprivate /
mount -t tmpfs none "$t"
mkdir "$t/up" "$t/work" "$t/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$t/up,workdir=$t/work" "$t/root"
cd "$t/root"
mount -t proc proc proc
mount -t tmpfs none run
mount -t tmpfs none tmp
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
cp "$deb" tmp/peercast.deb
rm -f var/lib/man-db/auto-update
chroot . dpkg --force-depends -i /tmp/peercast.deb >/dev/null
rm -f etc/systemd/system/*.wants/*
mkdir -p out old etc/systemd/system/peercast.service.d
mount --bind "$out" out
cat >etc/systemd/system/peercast.service.d/test.conf <<'EOF'
[Service]
WatchdogSec=8
RestartSec=0
StandardOutput=append:/out/log
StandardError=append:/out/log
EOF
cat >etc/systemd/system/peercast.socket <<'EOF'
[Socket]
ListenStream=127.0.0.1:7199
EOF
cat >etc/systemd/system/probe.service <<'EOF'
[Service]
Type=oneshot
ExecStart=/bin/sh /probe
EOF
cat >probe <<'EOF'
exec >/out/said 2>&1
step() { echo "== $1"; }
show() { systemctl show peercast -p "$1" --value; }
until_true() { i=0; until eval "$1"; do i=$((i + 1)); [ $i -lt 300 ] || { echo "not in time: $1"; return 1; }; sleep 0.1; done; }
step start; systemctl start peercast; echo $?
step health; peercast -i /etc/peercast/peercast.ini --check-health
step status; until_true '[ -n "$(show StatusText)" ]'; show StatusText
step reload; systemctl reload peercast; echo $?; show ActiveState
step stuck; pid=$(show MainPID); kill -STOP $pid
until_true '[ "$(show NRestarts)" = 1 ] && [ "$(show ActiveState)" = active ] && [ "$(show MainPID)" != $pid ]'; echo $?
step stop; systemctl stop peercast; echo $?; show Result
step socket; systemctl start peercast.socket; systemctl start peercast; until_true 'curl -sf http://127.0.0.1:7199/readyz | head -1'
systemctl stop peercast.socket peercast; systemctl --no-block exit
step end
EOF
pivot_root . old
exec env -i container=lxc "PATH=$PATH" chroot . /lib/systemd/systemd --system --unit=probe.service --log-target=console </dev/null
"""
        if os.getuid() != 0 or not os.path.exists("/lib/systemd/systemd") or not shutil.which("curl"):
            self.skipTest("needs root and systemd")
        folder, out = tempfile.mkdtemp(prefix="peercast-root-"), tempfile.mkdtemp(prefix="peercast-out-")
        for path in (folder, out):
            self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        os.chmod(out, 0o777)
        said = os.path.join(out, "said")
        p = subprocess.Popen(["unshare", "-m", "-p", "-n", "-i", "-u", "-C", "--fork", "--kill-child", "sh", "-c", script, "sh", folder,
                              self.deb, out], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)         # and with it all that is in there

        def over():
            return p.poll() is not None or os.path.exists(said) and "\n== end" in open(said, encoding="utf-8").read()
        wait_until(over, 100, "the end of what systemd does")
        if not os.path.exists(said):
            self.skipTest("no systemd of our own here: " + p.stdout.read().decode("utf-8", "replace")[-200:])
        with open(said, encoding="utf-8") as f:
            text = f.read()
        got = dict(part.split("\n", 1) for part in text.split("== ")[1:])
        self.assertEqual(got["start"], "0\n", text)
        self.assertTrue(got["health"].startswith("ok\n"), text)
        if landlock():
            with open(os.path.join(out, "log"), encoding="utf-8", errors="replace") as f:
                self.assertIn("sandbox: files: on, system calls: on", f.read())
        self.assertEqual(got["status"], "0 channels, 0 relays, 0 players, 0 trackers\n")
        self.assertEqual(got["reload"], "0\nactive\n")
        self.assertEqual(got["stuck"], "0\n", text)
        self.assertEqual(got["stop"], "0\nsuccess\n", text)
        self.assertTrue(got["socket"].startswith("ok\n"), text)

    def test_make_install(self):
        """Elsewhere: everything below PREFIX, the unit with the right path."""
        folder = tempfile.mkdtemp(prefix="peercast-install-")
        self.addCleanup(shutil.rmtree, folder)
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        r = run("make", "-s", "-C", TOP, "install", "DESTDIR=" + folder, "PREFIX=/opt/peercast", env=env)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertEqual(os.listdir(folder), ["opt"])
        found = [os.path.relpath(f, folder + "/opt/peercast") for f in glob.glob(folder + "/**/*", recursive=True)]
        self.assertIn("bin/peercast", found)
        self.assertIn("share/man/ja/man1/peercast.1", found)
        self.assertEqual(self.dangling(folder + "/opt/peercast"), set())
        with open(folder + "/opt/peercast/lib/systemd/system/peercast.service", encoding="utf-8") as f:
            self.assertIn("\nExecStart=/opt/peercast/bin/peercast -i /etc/peercast/peercast.ini\n", f.read())
