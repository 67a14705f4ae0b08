// SPDX-License-Identifier: GPL-2.0-or-later
// Lines over time, as SVG: what went in and out. It fits the width it is given, and says what the pointer is at.

import { rate, t } from "/assets/js/node.js";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 180, TOP = 10, BOTTOM = 22, RIGHT = 8;

function shape(tag, attributes, text) {
	const node = document.createElementNS(NS, tag);
	for (const [name, value] of Object.entries(attributes))
		node.setAttribute(name, value);
	if (text !== undefined)
		node.textContent = text;
	return node;
}

// The least of 1, 2, 5, 10 ... that is not below v.
function nice(v) {
	const ten = 10 ** Math.floor(Math.log10(v));
	return [1, 2, 5, 10].find((n) => n * ten >= v) * ten;
}

export class Graph {
	// reading: an element for what is under the pointer
	constructor(svg, reading) {
		this.svg = svg;
		this.reading = reading;
		this.data = null;
		this.cursor = shape("line", { class: "cursor", visibility: "hidden" });
		new ResizeObserver(() => this.draw()).observe(svg);
		svg.addEventListener("pointermove", (e) => this.point(e.clientX - svg.getBoundingClientRect().left));
		svg.addEventListener("pointerleave", () => this.point(-1));
	}

	// lines: [{ name, class, values }], one value in kbit/s every step seconds, the last one now.
	show(lines, step) {
		this.data = { lines, step, n: lines[0].values.length };
		this.draw();
	}

	x(i) {
		return this.left + (this.width - this.left - RIGHT) * i / (this.data.n - 1);
	}

	draw() {
		const width = this.svg.clientWidth;
		if (this.data === null || width === 0)
			return;
		const { lines, step, n } = this.data;
		const most = Math.max(100, ...lines.flatMap((l) => l.values));
		const top = nice(most / 4) * 4, ground = HEIGHT - BOTTOM;
		const y = (v) => ground - (ground - TOP) * v / top;
		const parts = [];

		this.width = width;
		this.left = width < 500 ? 62 : 76;
		for (let i = 0; i <= 4; i++) {
			const at = y(top * i / 4);
			parts.push(shape("line", { class: "grid-line", x1: this.left, x2: width - RIGHT, y1: at, y2: at }),
				shape("text", { class: "y", x: this.left - 8, y: at + 4, "text-anchor": "end" }, rate(top * i / 4)));
		}
		const minutes = Math.round(n * step / 60);
		for (let m = minutes; m >= 0; m -= width < 500 ? 5 : 2) {
			const at = this.x((n - 1) * (1 - m / minutes));
			parts.push(shape("text", { class: "x", x: at, y: HEIGHT - 5, "text-anchor": m === 0 ? "end" : m === minutes ? "start" : "middle" },
				m === 0 ? t("now") : t("-{m} min", { m })));
		}
		for (const line of lines) {
			const points = line.values.map((v, i) => `${this.x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
			parts.push(shape("polygon", { class: `area ${line.class}`, points: `${this.left},${ground} ${points} ${width - RIGHT},${ground}` }),
				shape("polyline", { class: `line ${line.class}`, points }));
		}
		this.cursor.setAttribute("y1", TOP);
		this.cursor.setAttribute("y2", ground);
		this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
		this.svg.replaceChildren(...parts, this.cursor);
	}

	point(at) {
		const shown = this.data !== null && at >= this.left && at <= this.width - RIGHT;

		this.cursor.setAttribute("visibility", shown ? "visible" : "hidden");
		this.reading.textContent = "";
		if (!shown)
			return;
		const { lines, step, n } = this.data;
		const i = Math.round((at - this.left) / (this.width - this.left - RIGHT) * (n - 1));
		this.cursor.setAttribute("x1", this.x(i));
		this.cursor.setAttribute("x2", this.x(i));
		const when = new Date(Date.now() - (n - 1 - i) * step * 1000).toLocaleTimeString(document.documentElement.lang);
		this.reading.textContent = [when, ...lines.map((l) => `${l.name} ${rate(l.values[i])}`)].join(" · ");
	}
}
