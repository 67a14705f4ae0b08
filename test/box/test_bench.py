# SPDX-License-Identifier: GPL-2.0-or-later
"""The page that make bench ends with, of figures made up here: nothing is measured."""
import json
import os
import re
import shutil
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(TOP, "test/bench"))
import report  # noqa: E402  pylint: disable=wrong-import-position

SVG = "{http://www.w3.org/2000/svg}"


def reader(cost, p50, p99):
    return {"role": "view", "cpu_s_per_gb": cost, "p50_us": p50, "p99_us": p99, "max_us": p99}


def fan(kind, n, *data, kbps=1000):
    return {"row": "fan %s %d" % (kind, n), "value": "v", "ok": True, "of": "fan",
            "fan": {"kind": kind, "n": n, "kbps": kbps, "kib_each": 12.5}, "data": list(data)}


SAMPLE = {
    "run": {"commit": "abc<1>", "cores": 2, "load_at_start": 1.25, "rows": ["latency", "fan", "http", "idle"], "took_s": {"fan": 3.5}},
    "rows": [
        {"row": "latency & more", "value": "0.1 | 3 ms", "ideal": "0.1", "target": "<= 1 / 5 ms", "ok": True, "of": "latency"},
        fan("viewers", 100, reader(0.5, 400, 900), reader(0.4, 300, 800)),
        fan("viewers", 1000, reader(0.6, 4000, 90000), reader(0.45, 3000, 8000), reader(0.4, 3000, 8000)),
        fan("relays", 1000, reader(0.7, 4000, 9000), reader(0.45, 3000, 8000)),
        fan("viewers", 5000, reader(3, 1e5, 2e5), reader(2.5, 1e5, 2e5), kbps=100),
        {"row": "requests", "value": "9", "ok": False, "of": "http", "data": [
            {"role": "http", "us": [[0, 50], [0.5, 100], [0.99, 900], [1, 5000]]}, {"role": "http", "us": [[0, 40], [0.9, 80], [1, 90]]}]},
    ]}
CURVE = {"curve": "Channels <x>", "x": "channels", "y": "us", "series": {"look-up": [[10, 1], [1000, 2], [100, 1.5]]}, "note": "flat & low"}


class Report(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)

    def write(self, name, what):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
            f.write(what if isinstance(what, str) else json.dumps(what))

    def made(self):
        """(the page, its plots as XML by their titles, the table)"""
        table, page = [open(path, encoding="utf-8").read() for path in report.write(self.dir)]
        plots = [ET.fromstring(x) for x in re.findall(r"<svg.*?</svg>", page, re.S)]
        return page, {p.find(SVG + "title").text: p for p in plots}, table

    def lines(self, plot):
        """Its lines, each a list of places, the samples of the legend left out."""
        lines = [[tuple(map(float, p.split(","))) for p in x.get("points").split()] for x in plot.iter(SVG + "polyline")]
        return lines[::2]

    def test_page(self):
        self.write("bench.json", SAMPLE)
        self.write("a.curve.json", CURVE)
        page, plots, table = self.made()
        self.assertIn("5 targets met, 1 missed, 1 rows not measured", page)
        self.assertIn("5 targets met, 1 missed, 1 rows not measured", table)
        self.assertIn("| latency & more | 0.1 \\| 3 ms | 0.1 | <= 1 / 5 ms | met |", table)
        self.assertIn("| idle | not measured |  |  | missing |", table)
        self.assertIn("latency &amp; more", page)
        self.assertIn("abc&lt;1&gt;", page)
        self.assertEqual(re.findall(r'class="mark (\w*)"', page).count("missing"), 1)
        self.assertEqual(set(plots), {
            "CPU per delivered GB, readers of 1 Mbit/s", "Added latency, readers of 1 Mbit/s", "CPU per delivered GB, readers of 100 kbit/s",
            "Added latency, readers of 100 kbit/s", "Memory of each reader", "requests", "Channels <x>"})
        self.assertIn("flat &amp; low", page)
        self.assertNotIn("http://", page.replace("http://www.w3.org/2000/svg", ""))     # nothing is fetched
        self.assertNotIn("<script", page)

    def test_places(self):
        self.write("bench.json", SAMPLE)
        self.write("a.curve.json", CURVE)
        _, plots, _ = self.made()
        viewers, ideal, other, relays = self.lines(plots["CPU per delivered GB, readers of 1 Mbit/s"])
        self.assertEqual((len(viewers), len(ideal), len(other), len(relays)), (2, 2, 1, 1))
        self.assertEqual([p[0] for p in viewers], [p[0] for p in ideal])
        self.assertLess(viewers[1][1], ideal[1][1])             # more is further up
        self.assertLess(relays[0][1], viewers[1][1])
        curve = self.lines(plots["Channels <x>"])[0]
        self.assertEqual(curve, sorted(curve))
        self.assertAlmostEqual(curve[1][0] - curve[0][0], curve[2][0] - curve[1][0], delta=0.2)        # tenfold is as far
        for plot in plots.values():
            for x, y in (p for line in self.lines(plot) for p in line):
                self.assertTrue(report.LEFT <= x <= report.WIDTH - report.RIGHT and report.TOP <= y <= report.HEIGHT - report.BOTTOM, (x, y))
        node, ideal = self.lines(plots["requests"])
        self.assertEqual((len(node), len(ideal)), (3, 2))       # nobody waited longer than the longest

    def test_nothing(self):
        page, plots, table = self.made()
        self.assertEqual(plots, {})
        self.assertIn("bench.json: not there", re.sub(r"</td><td>", ": ", page))
        self.assertIn("requests: not measured", page)
        self.assertIn("| bench.json | not there |", table)

    def test_bad(self):
        for name, what in (("1", ""), ("2", "{"), ("3", "[]"), ("4", {"curve": "x"}), ("5", {"series": {"a": 1}}), ("6", "\x00<b>")):
            self.write(name + ".curve.json", what)
        self.write("7.curve.json", {"series": {"<a>": [[1, 2], [3], "x", [None, 1], ["1", 2], [1, 2, 3], [True, 1]], "b": []}})
        self.write("8.curve.json", '{"series": {"a": [[1, NaN], [2, Infinity]]}}')
        self.write("9.curve.json", {"series": {"one": [[0, 0]], "below": [[-5, -1e9], [1e12, 3]]}})
        self.write("bench.json", "[1, 2")
        page, plots, _ = self.made()
        self.assertEqual(page.count('class="missing">'), 6 + 3)          # six files, one without a number, readers' and requests' plots
        self.assertEqual(set(plots), {"7.curve.json", "9.curve.json"})
        self.assertEqual(len(self.lines(plots["7.curve.json"])[0]), 1)

    def test_axes(self):
        """Whatever the values: the ticks hold them all, and are few."""
        for lo in (0.0001, 0.3, 1, 7, 999, 1000, 12345678):
            for factor in (1, 1.0001, 2, 9.99, 10, 99, 1e4, 1e9):
                hi = lo * factor
                for ticks in (report.log_ticks(lo, hi), report.even_ticks(0, hi)):
                    self.assertLessEqual(ticks[0], lo * 1.001)
                    self.assertGreaterEqual(ticks[-1], hi * 0.999)
                    self.assertTrue(2 <= len(ticks) <= 15, (lo, hi, ticks))
                    self.assertEqual(ticks, sorted(set(ticks)))


if __name__ == "__main__":
    unittest.main()
