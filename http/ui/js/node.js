// SPDX-License-Identifier: GPL-2.0-or-later
// What the pages share: calls to /api/1, texts, and ways to show things. Everything that came from the network
// is put in as text, never as markup.

export const lang = document.documentElement.lang === "ja" ? "ja" : "en";
const { default: texts } = await import(`/assets/texts/${lang}.js`);

export const $ = (id) => document.getElementById(id);

// --- texts ------------------------------------------------------------------------------------------

// A text in the page's language; {name} in it is a value, and the English word behind a 1 has no s.
export function t(text, values = {}) {
	return (texts[text] ?? text).replace(/\{(\w+)\}(?: (listener|relay|channel|connection|skip|line|broadcaster)s\b)?/g, (all, name, word) => {
		const value = values[name];
		if (value === undefined)
			return all;
		// "1 listener", "2 listeners"
		return word ? `${value} ${word}${String(value) === "1" ? "" : "s"}` : value;
	});
}

export const number = (n) => Number(n).toLocaleString(lang);

export function duration(s) {
	const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
	if (d > 0)
		return t("{d} d {h} h", { d, h });
	if (h > 0)
		return t("{h} h {m} min", { h, m });
	return m > 0 ? t("{m} min", { m }) : t("{s} s", { s: Math.floor(s) });
}

export const ago = (s) => t("{time} ago", { time: duration(s) });

// 12345 kbit/s is "12.3 Mbit/s".
export function rate(kbps) {
	return kbps >= 10000 ? t("{n} Mbit/s", { n: number((kbps / 1000).toFixed(1)) }) :
		t("{n} kbit/s", { n: number(Math.round(kbps)) });
}

// What comes in of a channel, in bytes/s, beside what it says it is, in kbit/s.
export function comesIn(now, bitrate) {
	return bitrate > 0 ? t("{now} of {rate}", { now: rate(now / 125), rate: rate(bitrate) }) : rate(now / 125);
}

export function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let i = 0;
	while (n >= 1024 && i < units.length - 1) {
		n /= 1024;
		i++;
	}
	return `${number(n.toFixed(i > 0 && n < 100 ? 1 : 0))} ${units[i]}`;
}

// Unix time as the reader's clock shows it.
export function clock(unix) {
	const d = new Date(unix * 1000);
	return d.toDateString() === new Date().toDateString() ? d.toLocaleTimeString(lang) : d.toLocaleString(lang);
}

export function endPoint(ip, port) {
	return ip === undefined || ip === null ? "" : (ip.includes(":") ? `[${ip}]` : ip) + ":" + port;
}

export const isWeb = (url) => /^https?:\/\//i.test(url);
export const joined = (parts, between = " · ") => parts.filter(Boolean).join(between);

// The address of a page of ours: page("relayinfo", { id }).
export function page(name, query) {
	const q = query ? "?" + new URLSearchParams(query) : "";
	return `/html/${lang}/${name}.html${q}`;
}

const EXTENSIONS = {
	FLV: ".flv", MKV: ".mkv", WEBM: ".webm", MP4: ".mp4", OGG: ".ogg", OGM: ".ogg", MP3: ".mp3",
	WMV: ".wmv", WMA: ".wma", NSV: ".nsv", TS: ".ts", AAC: ".aac",
};

// The path of a channel's stream, with the name of its type behind it.
export const streamPath = (id, type) => `/stream/${id}${EXTENSIONS[type] ?? ""}`;

// --- calls ------------------------------------------------------------------------------------------

export class RpcError extends Error {
	constructor({ code, message, data }) {
		super(data ? `${message}: ${data}` : message);
		this.code = code;
		this.data = data;
	}
}
export class NodeGone extends Error {}
export class LoginError extends Error {}

const CALLS = 32;       // in one request; the node takes 64
let waiting = null;     // calls of this tick

async function post(calls) {
	let answer;
	try {
		answer = await fetch("/api/1", {
			method: "POST",
			headers: { "Content-Type": "application/json", "X-Requested-With": "XMLHttpRequest" },
			body: JSON.stringify(calls.map(({ method, params }, id) =>
				({ jsonrpc: "2.0", id, method, params: params ?? [] }))),
		});
	} catch {
		throw new NodeGone(t("The node does not answer."));
	}
	if (answer.status === 403 || answer.status === 401)
		throw new LoginError(t("You are not logged in any more."));
	if (!answer.ok)
		throw new Error(t("The node answered {status}.", { status: answer.status }));
	const results = await answer.json().catch(() => {
		throw new NodeGone(t("The node does not answer."));
	});
	if (!Array.isArray(results))
		throw new RpcError(results.error);
	return new Map(results.map((r) => [r.id, r]));
}

async function send(calls) {
	try {
		const results = await post(calls);
		calls.forEach(({ resolve, reject }, id) => {
			const r = results.get(id);
			if (r?.error)
				reject(new RpcError(r.error));
			else
				resolve(r?.result);
		});
	} catch (e) {
		for (const { reject } of calls)
			reject(e);
	}
}

// A call; those of one tick go in one request.
export function rpc(method, params) {
	return new Promise((resolve, reject) => {
		if (waiting === null) {
			waiting = [];
			queueMicrotask(() => {
				const all = waiting;
				waiting = null;
				for (let i = 0; i < all.length; i += CALLS)
					send(all.slice(i, i + CALLS));
			});
		}
		waiting.push({ method, params, resolve, reject });
	});
}

// --- showing ----------------------------------------------------------------------------------------

// An element: el("a", { class: "button", href, text: "Play" }, child...). A handler is onclick etc.; null, undefined
// and false leave an attribute out, true is an empty one.
export function el(tag, attributes = {}, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (name === "text")
			node.textContent = value;
		else if (name.startsWith("on"))
			node.addEventListener(name.slice(2), value);
		else if (value !== null && value !== undefined && value !== false)
			node.setAttribute(name, value === true ? "" : value);
	}
	node.append(...children.filter((c) => c !== null && c !== undefined));
	return node;
}

export function icon(name) {
	const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
	const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
	svg.setAttribute("class", "icon");
	svg.setAttribute("aria-hidden", "true");
	use.setAttribute("href", `/assets/icons.svg#${name}`);
	svg.append(use);
	return svg;
}

// A copy of a template's first element.
export const fromTemplate = (id) => $(id).content.firstElementChild.cloneNode(true);

// Touches the page only where something changed; hides what is empty.
export function setText(node, text) {
	text = String(text ?? "");
	if (node.textContent !== text)
		node.textContent = text;
	node.hidden = text === "";
}

// A link to href, or none at all (null). What is not http(s) or a path of ours is none.
export function setLink(a, href) {
	const good = href !== null && (isWeb(href) || /^\/(?!\/)/.test(href));
	a.hidden = !good;
	if (!good)
		a.removeAttribute("href");
	else if (a.getAttribute("href") !== href)
		a.setAttribute("href", href);
}

// A description list that changes only where a value did; facts without a value are left out.
export function setFacts(list, facts) {
	const shown = facts.filter(([, v]) => v !== null && v !== undefined && v !== "");
	while (list.children.length > shown.length)
		list.lastElementChild.remove();
	shown.forEach(([name, value], i) => {
		let item = list.children[i];
		if (!item) {
			item = el("div", {}, el("dt"), el("dd"));
			list.append(item);
		}
		setText(item.children[0], name);
		setText(item.children[1], value);
	});
}

const keys = new WeakMap();

// The children of parent are one for each item, in their order; make(item) makes an element, update(element, item)
// fills it in. An element stays that of its key, so focus and what is typed stay.
export function setList(parent, items, keyOf, make, update) {
	const old = new Map([...parent.children].map((node) => [keys.get(node), node]));
	items.forEach((item, i) => {
		const key = keyOf(item);
		let node = old.get(key);
		if (!node) {
			node = make(item);
			keys.set(node, key);
		}
		old.delete(key);
		update?.(node, item);
		if (parent.children[i] !== node)
			parent.insertBefore(node, parent.children[i] ?? null);
	});
	for (const node of old.values())
		node.remove();
}

// A badge: setBadge(span, "good", "open").
export function setBadge(node, kind, text) {
	setText(node, text);
	node.classList.remove("good", "wait", "bad", "accent");
	node.classList.add("badge", ...(kind ? [kind] : []));
}

const STATES = {
	Receiving: ["good", t("Receiving")], Searching: ["wait", t("Searching")],
	Connecting: ["wait", t("Connecting")], Error: ["bad", t("Error")], Idle: ["", t("Idle")],
};

// The state of a channel, as a word of that colour.
export function setState(node, status) {
	const [kind, text] = STATES[status.status] ?? ["", status.status];
	setBadge(node, kind, status.isReceiving && status.isBroadcasting ? t("On the air") : text);
}

// --- saying -----------------------------------------------------------------------------------------

let said = 0;

// A line for a few seconds, also read aloud.
export function say(text, kind = "") {
	const line = $("said");
	line.className = kind;
	setText(line, text);
	clearTimeout(said);
	said = setTimeout(() => setText(line, ""), 6000);
}

// What went wrong with something the user did. That the node is gone, or the login, stands above the page.
export function trouble(e) {
	if (e instanceof LoginError)
		lostLogin();
	else
		say(e?.message ?? String(e), "bad");
}

// The line above the page, with a link perhaps. "" takes it away.
export function alertLine(text, link) {
	const line = $("alert");
	if (line === null || (line.dataset.text ?? "") === text)
		return;
	line.dataset.text = text;
	line.replaceChildren(text, ...(link ? [" ", link] : []));
	line.hidden = text === "";
}

export function lostLogin() {
	alertLine(t("You are not logged in any more."),
		el("a", { href: location.pathname + location.search, text: t("Log in again") }));
}

// Asks before something that cannot be undone; true when it shall be done.
export function ask({ title, text, ok, danger }) {
	const yes = el("button", { class: danger ? "button danger" : "button primary", value: "yes", text: ok });
	const no = el("button", { class: "button", value: "no", text: t("Cancel"), autofocus: true });
	const box = el("dialog", { "aria-labelledby": "ask-title" }, el("form", { method: "dialog", class: "stack" },
		el("h2", { id: "ask-title", text: title }), text ? el("p", { text }) : null,
		el("div", { class: "actions" }, no, yes)));
	document.body.append(box);
	box.showModal();
	return new Promise((resolve) => box.addEventListener("close", () => {
		box.remove();
		resolve(box.returnValue === "yes");
	}));
}

// A button that does something: busy meanwhile, and what failed is said. sure() gives what ask() wants, or a title
// for a "Stop"-like question.
export function command(button, action, { sure } = {}) {
	button.addEventListener("click", async (event) => {
		event.preventDefault();
		if (button.getAttribute("aria-busy") === "true")
			return;
		const question = sure?.();
		if (question && !await ask({ danger: true, ok: button.textContent.trim(), ...question }))
			return;
		button.setAttribute("aria-busy", "true");
		try {
			await action(event);
		} catch (e) {
			trouble(e);
		} finally {
			button.removeAttribute("aria-busy");
		}
	});
}

// Copy, and say so.
export async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		// without https, only the old way is there
		const area = el("textarea", { class: "unseen", readonly: true });
		area.value = text;
		document.body.append(area);
		area.select();
		document.execCommand("copy");
		area.remove();
	}
	say(t("Copied"));
}

// --- forms ------------------------------------------------------------------------------------------

// What is wrong with a field, under it; "" when nothing is.
export function check(input, message) {
	const id = `${input.id || input.name}-error`;
	let line = $(id);
	if (!line && message) {
		line = el("p", { class: "error", id });
		input.closest(".field")?.append(line);
		input.setAttribute("aria-describedby", joined([input.getAttribute("aria-describedby"), id], " "));
	}
	if (line)
		setText(line, message);
	input.setCustomValidity?.(message);
	if (message)
		input.setAttribute("aria-invalid", "true");
	else
		input.removeAttribute("aria-invalid");
	return message === "";
}

// [role=tablist] of [role=tab aria-controls]: arrows move, one panel is shown, the address remembers which.
export function tabs(list) {
	const all = [...list.querySelectorAll('[role="tab"]')];
	const show = (tab, focus) => {
		for (const other of all) {
			other.setAttribute("aria-selected", String(other === tab));
			other.tabIndex = other === tab ? 0 : -1;
			$(other.getAttribute("aria-controls")).hidden = other !== tab;
		}
		if (focus) {
			tab.focus();
			history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
		}
	};
	all.forEach((tab, i) => {
		tab.addEventListener("click", () => show(tab, true));
		tab.addEventListener("keydown", (e) => {
			const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
			if (step)
				show(all[(i + step + all.length) % all.length], true);
		});
	});
	show(all.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) ?? all[0]);
}
