# SPDX-License-Identifier: GPL-2.0-or-later
"""What operators and their programs use to watch and run a node."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import PATIENCE, TOP, BoxCase, free_port, http_request

SAMPLE = re.compile(r'^([a-z_:]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def metrics(node):
    """{ (name, frozenset of labels): value } of /metrics."""
    found = {}
    for line in node.get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found[name, frozenset(LABEL.findall(labels or ""))] = float(value)
    return found


def value(node, name, **labels):
    return metrics(node)[name, frozenset(labels.items())]


class Metrics(BoxCase):
    def synced_root(self):
        """One with all that there is to count."""
        n = self.root(ini={"livesync": "Yes", "livesyncAllow": "127.0.0.1", "livesyncBind": "127.0.0.1", "livesyncGroup": "",
                           "livesyncPeers": "127.0.0.2", "livesyncPort": free_port()})
        self.wait(lambda: value(n, "peercast_livesync_state", state="running") == 1, 20)
        return n

    def test_a_stream(self):
        """What a broadcaster, his relay, a player and a root count."""
        root = self.root()
        n = self.tracker(root)
        self.push(n, "A \"B\" あ")
        cid = n.wait_channel("A \"B\" あ")["channelId"]
        with n.view(cid) as v:
            v.read_some()
            self.assertEqual(value(n, "peercast_channel_listeners", channel=cid), 1)
            self.assertEqual(value(n, "peercast_connections", type="direct"), 1)
        self.assertGreater(value(n, "peercast_channel_received_bytes_total", channel=cid), 0)
        self.assertGreater(value(n, "peercast_media_received_bytes_total"), 0)
        info = [dict(labels) for name, labels in metrics(n) if name == "peercast_channel_info"]
        self.assertEqual(len(info), 1)
        self.assertEqual((info[0]["channel"], info[0]["name"], info[0]["kind"]), (cid, 'A \\"B\\" あ', "broadcast"))
        self.wait(lambda: value(n, "peercast_yp_connected") == 1, 20)
        self.assertEqual(value(n, "peercast_yp_connections_total", result="connected"), 1)
        self.wait(lambda: value(root, "peercast_connections", type="cin") == 1, 20)
        self.wait(lambda: value(root, "peercast_chanlog_records_total", result="written") > 0, 20)
        self.assertGreater(value(root, "peercast_root_announcements_total"), 0)
        self.wait(lambda: value(n, "peercast_sent_bytes_total", scope="all") > 0, 20)
        for name in ("process_threads", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"):
            self.assertGreater(value(n, name), 0)

    @unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is not installed")
    def test_promtool(self):
        n = self.synced_root()
        self.push(n, "checked")
        n.wait_channel("checked")
        r = subprocess.run(["promtool", "check", "metrics"], input=n.get("/metrics").body, capture_output=True, check=False)
        self.assertEqual((r.returncode, r.stdout + r.stderr), (0, b""))

    @unittest.skipIf(PATIENCE > 1, "not under sanitizers")
    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_prometheus(self):
        """The real one takes our OpenMetrics, with the configuration that the documentation has."""
        n = self.node()
        at = "127.0.0.1:%d" % free_port()
        folder = tempfile.mkdtemp(prefix="peercast-prometheus-")
        self.addCleanup(shutil.rmtree, folder)
        conf = os.path.join(folder, "prometheus.yml")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("scrape_configs:\n- job_name: peercast\n  scrape_interval: 1s\n  static_configs:\n"
                    "  - targets: ['%s']\n" % n.address)
        p = subprocess.Popen(["prometheus", "--config.file=" + conf, "--storage.tsdb.path=" + folder + "/data",
                              "--web.listen-address=" + at], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            p.terminate()
            p.wait()
        self.addCleanup(end)

        def ask(query):
            try:
                r = http_request(int(at.rsplit(":", 1)[1]), "GET", "/api/v1/query?query=" + query)
            except OSError:
                return []
            return json.loads(r.text)["data"]["result"] if r.status == 200 else []
        self.wait(lambda: ask("peercast_build_info"), 30, "a scrape")
        self.assertEqual(ask("up")[0]["value"][1], "1")

    def test_dashboard(self):
        """Whatever the dashboard asks for is there."""
        with open(os.path.join(TOP, "dist/grafana/peercast.json"), encoding="utf-8") as f:
            board = json.load(f)
        asked = {name for panel in board["panels"] for t in panel.get("targets", [])
                 for name in re.findall(r"\b(?:peercast|process)_[a-z_]+", t["expr"])}
        n = self.synced_root()
        there = set(re.findall(r"^# TYPE (\S+)", n.get("/metrics").text, re.M))
        self.assertGreater(len(asked), 20)
        self.assertEqual(asked - there, set())

    def test_health(self):
        n = self.node()
        for path in ("/healthz", "/readyz"):
            self.assertEqual(n.get(path).status, 200)
