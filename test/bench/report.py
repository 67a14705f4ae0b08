#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test/bench/report.py DIR: one page of what test/run-bench measured, DIR/report.html, and the rows as DIR/table.md.

Reads DIR/bench.json and every DIR/*.curve.json:

    {"curve": "name", "x": "unit", "y": "unit", "series": {"label": [[x, y], ...]}, "note": "..."}

Nothing is measured here. What is not there is shown as missing.
"""
import glob
import html
import json
import math
import os
import sys

MARK = {True: "met", False: "MISSED", None: ""}
WIDTH, HEIGHT = 540, 300                        # of a plot
LEFT, RIGHT, TOP, BOTTOM = 62, 26, 34, 44       # its margins
COLORS = 6                                      # in STYLE
HTTP = "http"
LEAST = 100                                     # readers, below which the stream itself is most of the memory

STYLE = """
:root { color-scheme: light dark; --fg: #1b1f24; --bg: #fff; --soft: #59636e; --line: #d4d9de; --good: #1a7f37; --bad: #b3261e; --none: #7a5c00;
  --c0: #0b62c4; --c1: #b3470b; --c2: #1a7f37; --c3: #8b3fb0; --c4: #a3195b; --c5: #59636e; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6e9ec; --bg: #14171a; --soft: #9aa4ae; --line: #363c43; --good: #4cc06d; --bad: #ff7b72;
  --none: #e0b341; --c0: #62a8ff; --c1: #f0914f; --c2: #4cc06d; --c3: #c792ea; --c4: #ff7fb3; --c5: #9aa4ae; } }
body { margin: 0 auto; padding: 1rem; max-width: 1140px; font: 14px/1.4 system-ui, sans-serif; color: var(--fg); background: var(--bg); }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; } h2 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .18rem .6rem .18rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.sub { padding-left: 1.2rem; color: var(--soft); } td.mark { font-weight: 600; white-space: nowrap; } .met { color: var(--good); } .missed { color: var(--bad); } .missing { color: var(--none); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-size: 12px; color: var(--soft); } svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--fg); font: 12px system-ui, sans-serif; } svg .t { font-weight: 600; font-size: 13px; } svg .s { fill: var(--soft); font-size: 11px; }
svg .g { stroke: var(--line); stroke-width: 1; } svg .a { stroke: var(--soft); stroke-width: 1; }
svg polyline { fill: none; stroke-width: 2; } svg .d { stroke-dasharray: 5 4; }
""" + "".join(".l%d { stroke: var(--c%d); } .f%d { fill: var(--c%d); }\n" % (i, i, i, i) for i in range(COLORS))


def text(v):
    return html.escape(str(v), quote=True)


# --- plots ---------------------------------------------------------------------------------------

def number(v):
    """As a person writes it at an axis."""
    if v >= 10000:
        return "{:,.0f}".format(v)
    return "%g" % float("%.3g" % v)


def even_ticks(lo, hi):
    """Round steps of a linear axis."""
    raw = (hi - lo) / 5
    size = 10 ** math.floor(math.log10(raw))
    step = next(m * size for m in (1, 2, 5, 10) if m * size >= raw)
    return [i * step for i in range(math.floor(lo / step), math.ceil(hi / step) + 1)]


def log_ticks(lo, hi):
    """Powers of ten, with 2 and 5 between them when there are few."""
    first, last = math.floor(math.log10(lo)), math.ceil(math.log10(hi))
    last = max(last, first + 1)
    steps = (1, 2, 5) if last - first <= 2 else (1,)
    ticks = [m * 10.0 ** e for e in range(first, last) for m in steps] + [10.0 ** last]
    low = max(i for i, t in enumerate(ticks) if t <= lo * 1.0001)
    high = min(i for i, t in enumerate(ticks) if t >= hi * 0.9999)
    return ticks[low:max(high, low + 1) + 1]


class Axis:
    """Values to places between a and b."""

    def __init__(self, values, log, a, b, zero=False):
        lo, hi = min(values), max(values)
        self.log, self.a, self.b = log, a, b
        if log:
            self.ticks = log_ticks(lo, hi)
        else:
            lo = min(lo, 0) if zero else lo
            self.ticks = even_ticks(lo, hi if hi > lo else lo + 1)
        self.lo, self.hi = self.at(self.ticks[0]), self.at(self.ticks[-1])

    def at(self, v):
        return math.log10(v) if self.log else v

    def place(self, v):
        return self.a + (self.b - self.a) * (self.at(v) - self.lo) / (self.hi - self.lo)


def is_point(p, logx, logy):
    if not isinstance(p, (list, tuple)) or len(p) != 2:
        return False
    x, y = p
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in p):
        return False
    return (x > 0 or not logx) and (y > 0 or not logy)


def plot(title, x, y, series, logx=True, logy=False, logy_when=30):
    """An SVG of {label: [[x, y], ...]}; "" when there is not one point. A label that speaks of the ideal is dashed.
    logy_when: a y axis over which values differ that much is logarithmic by itself."""
    kept = {k: [p for p in v if is_point(p, logx, logy)] for k, v in series.items()}
    kept = {k: sorted(v) for k, v in kept.items() if v}
    if not kept:
        return ""
    points = [p for v in kept.values() for p in v]
    ys = [p[1] for p in points]
    logy = logy or (min(ys) > 0 and max(ys) / min(ys) > logy_when)
    legend = TOP + 16 * ((len(kept) + 2) // 3)
    ax = Axis([p[0] for p in points], logx, LEFT, WIDTH - RIGHT)
    ay = Axis(ys, logy, HEIGHT - BOTTOM, legend, zero=True)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img"><title>%s</title>' % (WIDTH, HEIGHT, text(title)),
           '<text class="t" x="%d" y="16">%s</text>' % (LEFT, text(title))]
    for t in ay.ticks:
        out.append('<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="s" x="%d" y="%.1f" text-anchor="end">%s</text>' % (
            LEFT, WIDTH - RIGHT, ay.place(t), ay.place(t), LEFT - 6, ay.place(t) + 4, number(t)))
    for t in ax.ticks:
        out.append('<line class="a" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="s" x="%.1f" y="%d" text-anchor="middle">%s</text>' % (
            ax.place(t), ax.place(t), HEIGHT - BOTTOM, HEIGHT - BOTTOM + 5, ax.place(t), HEIGHT - BOTTOM + 17, number(t)))
    out.append('<line class="a" x1="%d" x2="%d" y1="%d" y2="%d"/>' % (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM))
    out.append('<text class="s" x="%d" y="%d" text-anchor="end">%s</text>' % (WIDTH - RIGHT, HEIGHT - 8, text(x)))
    out.append('<text class="s" transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>' % (
        (legend + HEIGHT - BOTTOM) // 2, text(y)))
    for i, (label, pts) in enumerate(kept.items()):
        c, dash = i % COLORS, " d" if "ideal" in label else ""
        lx, ly = LEFT + (i % 3) * ((WIDTH - LEFT - RIGHT) // 3), TOP + 16 * (i // 3)
        out.append('<polyline class="l%d%s" points="%s"/>' % (c, dash, " ".join("%.1f,%.1f" % (ax.place(a), ay.place(b)) for a, b in pts)))
        out += ['<circle class="f%d" cx="%.1f" cy="%.1f" r="3"><title>%s: %s, %s</title></circle>' % (
            c, ax.place(a), ay.place(b), text(label), number(a), number(b)) for a, b in pts]
        out.append('<polyline class="l%d%s" points="%d,%d %d,%d"/><text class="s" x="%d" y="%d">%s</text>' % (
            c, dash, lx, ly - 4, lx + 20, ly - 4, lx + 25, ly, text(label)))
    out.append("</svg>")
    return "".join(out)


# --- what is plotted -----------------------------------------------------------------------------

def fans(rows):
    """Rows of so many readers, by the stream they read: {kbps: [row, ...]}."""
    by = {}
    for r in rows:
        if isinstance(r.get("fan"), dict) and len(r.get("data", ())) >= 2:
            by.setdefault(r["fan"]["kbps"], []).append(r)
    return dict(sorted(by.items(), reverse=True))


def readers_plots(rows):
    """CPU, latency and memory beside the number of readers."""
    memory = {}
    for kbps, some in fans(rows).items():
        stream = "%g Mbit/s" % (kbps / 1000) if kbps >= 1000 else "%d kbit/s" % kbps
        cpu, late = {}, {}
        for r in some:
            kind, n, (node, ideal) = r["fan"]["kind"], r["fan"]["n"], r["data"][:2]
            cpu.setdefault(kind, []).append([n, node["cpu_s_per_gb"]])
            if n >= LEAST:
                memory.setdefault("%s, %s" % (kind, stream), []).append([n, r["fan"]["kib_each"]])
            for q in ("p50", "p99"):
                late.setdefault("%s %s" % (kind, q), []).append([n, node[q + "_us"] / 1000])
            if kind == "viewers":           # both have the same baseline
                cpu.setdefault("ideal", []).append([n, ideal["cpu_s_per_gb"]])
                late.setdefault("ideal p50", []).append([n, ideal["p50_us"] / 1000])
                late.setdefault("ideal p99", []).append([n, ideal["p99_us"] / 1000])
                if len(r["data"]) > 2:
                    cpu.setdefault("other ideal", []).append([n, r["data"][2]["cpu_s_per_gb"]])
        yield plot("CPU per delivered GB, readers of %s" % stream, "readers", "s", cpu)
        yield plot("Added latency, readers of %s" % stream, "readers", "ms", late, logy=True)
    yield plot("Memory of each reader", "readers", "KiB", memory)


def request_plots(rows):
    """What requests waited: the share that had to wait longer, which shows the tail."""
    for r in rows:
        if not r.get("data") or r["data"][0].get("role") != HTTP:
            continue
        series = {}
        for label, d in zip(("node", "ideal"), r["data"]):
            series[label] = [[us / 1000, 100 * (1 - share)] for share, us in d.get("us", ()) if share < 1]
        yield plot(r["row"].strip(), "ms", "% of requests that wait longer", series, logy=True)


def read_json(path):
    """(what is in it, None), or (None, why not)."""
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f), None
    except (OSError, ValueError) as e:
        return None, str(e)


def curve_figure(path):
    c, why = read_json(path)
    if why is None and not (isinstance(c, dict) and isinstance(c.get("series"), dict) and
                            all(isinstance(v, list) for v in c["series"].values())):
        why = "no curve"
    if why is not None:
        return '<p class="missing">%s: %s</p>' % (text(os.path.basename(path)), text(why))
    xs = [p[0] for v in c["series"].values() for p in v if is_point(p, False, False)]
    logx = bool(xs) and min(xs) > 0 and max(xs) / min(xs) > 20
    name = c.get("curve", os.path.basename(path))
    return figure(plot(name, c.get("x", ""), c.get("y", ""), c["series"], logx=logx), name, c.get("note", ""))


def figure(svg, name="", note=""):
    if not svg:
        return '<p class="missing">%s: not measured</p>' % text(name or "a plot")
    return "<figure>%s%s</figure>" % (svg, "<figcaption>%s</figcaption>" % text(note) if note else "")


# --- the page ------------------------------------------------------------------------------------

FACTS = (("when", "when"), ("commit", "commit"), ("node", "node"), ("machine", "machine"), ("cores", "cores"), ("memory_mib", "MiB of memory"),
         ("kernel", "kernel"), ("compiler", "compiler"), ("python", "Python"), ("files", "files a process may open"),
         ("load_at_start", "load at the start"), ("load_at_end", "load at the end"), ("seconds", "seconds of a window"), ("viewers", "viewers"))


def load(folder):
    """(run, rows); a row of its own for each that was not measured."""
    doc, _ = read_json(os.path.join(folder, "bench.json"))
    doc = doc if isinstance(doc, dict) else {}
    run, rows = doc.get("run", {}), doc.get("rows", [])
    have = {r.get("of") for r in rows}
    rows = rows + [{"row": name, "value": "not measured", "missing": True} for name in run.get("rows", ()) if name not in have]
    if not doc:
        rows = [{"row": "bench.json", "value": "not there", "missing": True}]
    return run, rows


def mark(r):
    return "missing" if r.get("missing") else MARK.get(r.get("ok"), "")


def count(rows):
    marks = [mark(r) for r in rows]
    return "%d targets met, %d missed, %d rows not measured" % (marks.count("met"), marks.count("MISSED"), marks.count("missing"))


def facts(run):
    lines = ["%s: %s" % (name, "%.1f" % run[k] if isinstance(run[k], float) else run[k]) for k, name in FACTS if run.get(k) not in (None, "")]
    if run.get("took_s"):
        lines.append("seconds for each row: " + ", ".join("%s %g" % t for t in run["took_s"].items()))
    return lines + ([run["note"]] if run.get("note") else [])


COLUMNS = ("row", "value", "ideal", "target")


def page(folder):
    run, rows = load(folder)
    out = ['<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
           "<title>peercast: figures</title><style>%s</style></head><body>" % STYLE,
           "<h1>peercast: figures</h1><p><strong>%s</strong></p>" % text(count(rows)),
           '<p class="soft">%s</p>' % "; ".join(text(x) for x in facts(run)),
           '<h2>Targets</h2><div class="wide"><table><thead><tr><th></th><th>node</th><th>ideal</th><th>target</th><th></th></tr></thead><tbody>']
    for r in rows:
        m = mark(r)
        out.append("<tr>%s<td class=\"mark %s\">%s</td></tr>" % (
            "".join("<td%s>%s</td>" % (' class="sub"' if k == "row" and str(r.get(k)).startswith(" ") else "", text(str(r.get(k, "")).strip()))
                    for k in COLUMNS), m.lower(), m))
    out.append("</tbody></table></div><h2>Readers</h2><div class=\"plots\">")
    out += [figure(svg, "readers") for svg in readers_plots(rows)]
    out.append('</div><h2>Requests</h2><div class="plots">')
    out += [figure(svg, "requests") for svg in request_plots(rows)] or [figure("", "requests")]
    curves = sorted(glob.glob(os.path.join(folder, "*.curve.json")))
    if curves:
        out.append('</div><h2>Growth</h2><div class="plots">')
        out += [curve_figure(path) for path in curves]
    out.append("</div></body></html>\n")
    return "".join(out)


def table(folder):
    run, rows = load(folder)
    cells = [["", "node", "ideal", "target", ""]]
    cells += [[str(r.get(k, "")).strip().replace("|", "\\|") for k in COLUMNS] + [mark(r)] for r in rows]
    lines = ["| %s |" % " | ".join(c) for c in cells]
    lines.insert(1, "|" + " --- |" * len(cells[0]))
    return "\n".join(["# Figures", "", count(rows), ""] + ["- " + x for x in facts(run)] + [""] + lines) + "\n"


def write(folder):
    """Makes the page and the table anew; returns their paths."""
    paths = []
    for name, made in (("table.md", table(folder)), ("report.html", page(folder))):
        paths.append(os.path.join(folder, name))
        with open(paths[-1], "w", encoding="utf-8") as f:
            f.write(made)
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    print("\n".join(write(sys.argv[1])))
