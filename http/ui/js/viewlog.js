// SPDX-License-Identifier: GPL-2.0-or-later
// The log: what the node keeps of it, then each line as it comes.

import { $, ask, clock, command, copy, el, rpc, say, setText, t, trouble } from "/assets/js/node.js";
import { live, on } from "/assets/js/events.js";

const KEPT = 2000;              // lines in the page
const LEVELS = ["TRAC", "DBUG", "INFO", "WARN", "EROR", "FATL"];
const list = $("lines");

let newest = 0, follow = true;
let early = null;               // lines that come while those before them are asked for

const rank = (level) => Math.max(LEVELS.indexOf(level), 0);

function wanted(li) {
	const words = $("find").value.toLowerCase();
	return Number(li.dataset.rank) >= Number($("least").value) && (words === "" || li.textContent.toLowerCase().includes(words));
}

function line(time, level, text) {
	const li = el("li", { class: `log-${level.toLowerCase()}`, "data-rank": rank(level) }, el("time", { text: time }), " ",
		el("span", { class: "level", text: level }), " ", el("span", { class: "text", text }));
	li.hidden = !wanted(li);
	return li;
}

function count() {
	const shown = list.querySelectorAll("li:not([hidden])").length;
	setText($("count"), shown === list.children.length ? t("{n} lines", { n: shown }) :
		t("{n} of {max} lines", { n: shown, max: list.children.length }));
}

function append(lines) {
	list.append(...lines);
	while (list.children.length > KEPT)
		list.firstElementChild.remove();
	if (follow)
		list.scrollTop = list.scrollHeight;
	count();
}

// A line as getLog gives it: "Fri Nov 20 09:33:16 2026 [DBUG] text".
function parse(text) {
	const found = /^\w{3} (\w{3} [ \d]\d) ([\d:]{8}) \d{4} \[(\w+)\] (.*)$/.exec(text);
	return found ? line(found[2], found[3], found[4]) : line("", "INFO", text);
}

// Lines that came while nobody listened, and those of before.
async function catchUp() {
	early = [];
	try {
		show(await rpc("getLog", [newest + 1, null]));
	} finally {
		const waiting = early;
		early = null;
		waiting.forEach(heard);
	}
}

function show({ from, lines, log }) {
	if (lines === 0)
		return;
	if (newest > 0 && from > newest + 1)
		append([line("", "WARN", t("{n} lines are lost", { n: from - newest - 1 }))]);
	const texts = log.split("\n").filter((x) => x !== "");
	append(texts.map(parse));
	newest = Math.max(newest, from + lines - 1);
}

function heard(l) {
	if (early !== null) {
		early.push(l);
	} else if (l.number > newest) {
		newest = l.number;
		append([line(clock(l.time), l.level, l.text)]);
	}
}

live(["notification"], async () => {
	const [d] = await Promise.all([rpc("getLogSettings"), catchUp()]);
	const level = String(7 - d.level);
	// 5, debug, of the API is trace, too
	if ($("level") !== document.activeElement && !(d.level === 5 && $("level").value === "1"))
		$("level").value = level;
});

on("log", heard);

function filter() {
	for (const li of list.children)
		li.hidden = !wanted(li);
	if (follow)
		list.scrollTop = list.scrollHeight;
	count();
}

$("find").addEventListener("input", filter);
$("least").addEventListener("change", filter);
$("level").addEventListener("change", async () => {
	try {
		await rpc("changeSettings", [{ logLevel: $("level").value }]);
		say(t("Saved."));
	} catch (e) {
		trouble(e);
	}
});

function setFollow(on_) {
	follow = on_;
	$("follow").setAttribute("aria-pressed", String(on_));
	if (on_)
		list.scrollTop = list.scrollHeight;
}

$("follow").addEventListener("click", () => setFollow(!follow));
// who scrolls back wants to read
list.addEventListener("wheel", (e) => { if (e.deltaY < 0) setFollow(false); }, { passive: true });
list.addEventListener("keydown", (e) => { if (["ArrowUp", "PageUp", "Home"].includes(e.key)) setFollow(false); });
$("copy").addEventListener("click", () => copy([...list.querySelectorAll("li:not([hidden])")].map((li) => li.textContent).join("\n")));
command($("clear"), async () => {
	if (!await ask({ title: t("Clear the log?"), danger: true, ok: t("Clear"),
		text: t("The lines that the node keeps for this page go; a log file stays.") }))
		return;
	await rpc("clearLog");
	list.replaceChildren();
	count();
});
