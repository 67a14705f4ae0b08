// SPDX-License-Identifier: GPL-2.0-or-later
// A console over /cmd: the answer is shown as it comes.

import { $, NodeGone, LoginError, el, lostLogin, t, trouble } from "/assets/js/node.js";

const MAX = 200000;             // characters shown
const out = $("out"), line = $("line"), lines = [];

let running = null, at = 0;

function print(text, cls) {
	const last = out.lastElementChild;
	if (last && last.className === cls)
		last.append(text);
	else
		out.append(el("pre", { class: cls }, text));
	while (out.textContent.length > MAX && out.children.length > 1)
		out.firstElementChild.remove();
	const tail = out.lastElementChild;
	if (tail.textContent.length > MAX)
		tail.textContent = tail.textContent.slice(-MAX);
	out.scrollTop = out.scrollHeight;
}

function busy(controller) {
	running = controller;
	$("stop").hidden = controller === null;
	$("run").disabled = controller !== null;
}

async function read(body) {
	const reader = body.getReader(), decoder = new TextDecoder();
	for (;;) {
		const { done, value } = await reader.read();
		if (done)
			return;
		print(decoder.decode(value, { stream: true }), "answer");
	}
}

async function run(text) {
	const controller = new AbortController();
	let answer;

	print(`> ${text}\n`, "asked");
	busy(controller);
	try {
		answer = await fetch(`/cmd?${new URLSearchParams({ q: text })}`, { signal: controller.signal,
			headers: { "X-Requested-With": "XMLHttpRequest" } });
		if (answer.status === 401 || answer.status === 403) {
			const why = await answer.text();
			if (/\n\n\S/.test(why))         // refused, not for want of a login
				print(`${why.trim()}\n`, "wrong");
			else
				throw new LoginError();
		} else if (!answer.ok) {
			print(`${(await answer.text()).trim()}\n`, "wrong");
		} else {
			await read(answer.body);
		}
	} catch (e) {
		if (controller.signal.aborted)
			print(t("[stopped]") + "\n", "wrong");
		else if (e instanceof LoginError)
			lostLogin();
		else if (answer)
			print(t("[the answer was cut off]") + "\n", "wrong");
		else
			trouble(new NodeGone(t("The node does not answer.")));
	} finally {
		busy(null);
		line.focus();
	}
}

$("ask").addEventListener("submit", (e) => {
	e.preventDefault();
	const text = line.value.trim();
	if (text === "" || running !== null)
		return;
	if (lines.at(-1) !== text)
		lines.push(text);
	at = lines.length;
	line.value = "";
	run(text);
});
$("stop").addEventListener("click", () => running?.abort());
$("wipe").addEventListener("click", () => {
	out.replaceChildren();
	line.focus();
});
line.addEventListener("keydown", (e) => {
	const step = { ArrowUp: -1, ArrowDown: 1 }[e.key];
	if (!step || lines.length === 0)
		return;
	e.preventDefault();
	at = Math.min(Math.max(at + step, 0), lines.length);
	line.value = lines[at] ?? "";
});
addEventListener("pagehide", () => running?.abort());
