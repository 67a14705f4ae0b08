#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test/bench/growth.py [DIR]: what a node's work costs by how much there is: hosts in a hit list, channels on a root,
trackers connected to it. Writes DIR/<name>.curve.json (build/bench) and gives the exponent of each: the slope through
its points where both axes are logarithmic. 1 = linear. `make bench BENCH=growth` runs it as a row.
"""
import json
import math
import os
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test/box"))
import harness  # noqa: E402  pylint: disable=wrong-import-position

SWARM = os.environ.get("PEERCAST_SWARM") or os.path.join(TOP, "build/gcc/test/swarm/peercast-swarm")
BENCH = os.environ.get("PEERCAST_BENCH") or os.path.join(TOP, "build/gcc/test/bench/peercast-bench")
INI = {"logLevel": 3, "isRoot": "Yes", "maxControlConnections": 10000, "maxPerAddress": 100000}
CONNS = 200             # control connections that share the channels
LOOKS = 5


def exponent(points):
    """The slope of log y over log x by least squares; the constant part makes small x flat, so the upper half counts."""
    points = [(math.log(x), math.log(y)) for x, y in points if y > 0][-3:]
    mx, my = (statistics.mean(p[i] for p in points) for i in (0, 1))
    return sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)


def cpu_us(node):
    with open("/proc/%d/schedstat" % node.pid, encoding="ascii") as f:
        own = int(f.read().split()[0])
    for task in os.listdir("/proc/%d/task" % node.pid):
        if task != str(node.pid):
            with open("/proc/%d/task/%s/schedstat" % (node.pid, task), encoding="ascii") as f:
                own += int(f.read().split()[0])
    return own / 1000


def pss_kib(node):
    with open("/proc/%d/smaps_rollup" % node.pid, encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def hits():
    out = subprocess.run([SWARM, "costs"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    return {"x": "hosts in the hit list", "y": "us of CPU", "series": json.loads(out),
            "note": "one channel's list, in memory; a list holds 1,000 hosts at most"}


def spent_by(root, conn, path):
    """CPU of the root for one answer: the median of those that were made anew, as what they say has changed."""
    took = []
    for i in range(10 * LOOKS):
        conn.announce("%032X" % 1, listeners=5000 + i, name="channel 0")
        time.sleep(0.3)         # a list is made again after ten times its cost
        began = cpu_us(root)
        body = root.get(path).body
        spent = cpu_us(root) - began
        if b"%d" % (5000 + i) in body:
            took.append(spent)
        if len(took) == LOOKS:
            break
    return statistics.median(took)


def channels():
    series = {"index.txt": [], "viewxml": [], "an announcement": []}
    memory = []
    for total in (10, 100, 1000, 10000):
        root = harness.Node(INI, name="root").start()
        conns = []
        try:
            conns = [harness.Control(root) for _ in range(min(total, CONNS))]
            quiet = pss_kib(root)
            began = cpu_us(root)
            for i in range(total):
                conns[i % len(conns)].announce("%032X" % (i + 1), listeners=i % 50, name="channel %d" % i, genre="bench",
                                               desc="a line of text", bitrate=500, url="http://example.jp/%d" % i)
            harness.wait_until(lambda n=total: root.get("/index.txt").body.count(b"\n") >= n, 120, "all listed")
            series["an announcement"].append([total, (cpu_us(root) - began) / total])
            memory.append([total, (pss_kib(root) - quiet) / total])
            for name, path in (("index.txt", "/index.txt"), ("viewxml", "/admin?cmd=viewxml")):
                series[name].append([total, spent_by(root, conns[0], path)])
            root.stop()
        finally:
            for c in conns:
                c.close()
            root.remove()
    return ({"x": "channels on a root", "y": "us of CPU", "series": series,
             "note": "index.txt and viewxml made anew, each with its request; an announcement with the channel log"},
            {"x": "channels on a root", "y": "KiB each", "series": {"memory of a channel and its hit": memory}, "note": ""})


def trackers():
    series = {"an announcement": [], "idle, a second": []}
    for n in (10, 100, 1000):
        root = harness.Node(INI, name="root").start()
        try:
            for name, each in (("an announcement", 1000 / n), ("idle, a second", 0)):
                r = subprocess.run([BENCH, "control", "-p", str(root.port), "-n", str(n), "-a", str(each), "-w", "1", "-t", "3", "-P",
                                    str(root.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
                d = json.loads(r.stdout)
                series[name].append([n, d["cpu_us_each"] if each else max(d["cpu_s"] / d["secs"] * 1e6, 1)])
            root.stop()
        finally:
            root.remove()
    return {"x": "trackers connected to a root", "y": "us of CPU", "series": series, "note": "1,000 announcements a second of all, with the channel log"}


def measure(row, folder):
    """Everything; row(name, value) for each line."""
    os.makedirs(folder, exist_ok=True)
    of_channels, memory = channels()
    for name, curve in (("growth_hits", hits()), ("growth_channels", of_channels), ("growth_memory", memory), ("growth_trackers", trackers())):
        with open(os.path.join(folder, name + ".curve.json"), "w", encoding="utf-8") as f:
            json.dump(dict(curve, curve=name), f, indent=1)
        for what, points in curve["series"].items():
            row("%s, by %s" % (what, curve["x"]), "%.4g to %.4g %s, exponent %.2f" % (points[0][1], points[-1][1], curve["y"], exponent(points)))


def main():
    measure(lambda name, value: print("%-62s %s" % (name, value), flush=True), sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/bench"))


if __name__ == "__main__":
    main()
