// SPDX-License-Identifier: GPL-2.0-or-later
// What happens in the node, as it happens: one event stream for a page, and what is to be asked again then. The
// stream is closed while nobody looks at the page (a browser opens few connections to one node), and resumed.

import { $, LoginError, NodeGone, alertLine, lostLogin, rpc, say, t, trouble } from "/assets/js/node.js";

const RETRY = 3000;             // ms until the node is asked again
const APART = 250;              // ms between two refreshes, at least

const topics = new Set();
const listeners = new Map();    // topic: [functions]
const loops = [];
let source = null, lastId = "", retry = 0, lost = false, run = "";

// --- the stream -------------------------------------------------------------------------------------

function heard(event) {
	if (!event.lastEventId)
		return;
	const [its] = event.lastEventId.split("-");
	if (run && its !== run)
		say(t("The node was started anew."));
	run = its;
	lastId = event.lastEventId;
}

function found() {
	if (lost) {
		lost = false;
		alertLine("");
	}
}

function gone(e) {
	lost = true;
	if (e instanceof LoginError)
		lostLogin();
	else
		alertLine(t("The node does not answer. Trying again..."));
}

function close() {
	source?.close();
	source = null;
	clearTimeout(retry);
}

// The stream is cut, or refused: what is the matter with the node? As long as it has no stream for us, it is asked.
async function cut() {
	close();
	try {
		await rpc("getVersionInfo");
		found();
		refreshAll();
	} catch (e) {
		gone(e);
	}
	if (!document.hidden)
		retry = setTimeout(open, RETRY);
}

function open() {
	close();
	if (document.hidden || topics.size === 0)
		return;
	const query = new URLSearchParams({ events: [...topics].join(","), ...(lastId ? { lastEventId: lastId } : {}) });
	const stream = source = new EventSource(`/api/1/events?${query}`);
	stream.addEventListener("open", () => {
		found();
		refreshAll();
	});
	stream.addEventListener("error", () => {
		if (stream === source)
			cut();
	});
	stream.addEventListener("reset", (event) => {
		heard(event);
		refreshAll();
	});
	for (const topic of topics)
		stream.addEventListener(topic, (event) => {
			heard(event);
			const data = JSON.parse(event.data);
			for (const f of listeners.get(topic) ?? [])
				f(data);
			for (const loop of loops)
				if (loop.topics.includes(topic))
					loop.soon();
		});
}

document.addEventListener("visibilitychange", () => {
	if (document.hidden)
		close();
	else
		open();
});
addEventListener("pagehide", close);
addEventListener("pageshow", (e) => { if (e.persisted) open(); });

let starting = false;

function start(more) {
	for (const topic of more)
		topics.add(topic);
	// those of one page's start are one stream
	if (!starting) {
		starting = true;
		queueMicrotask(() => {
			starting = false;
			open();
		});
	}
}

// --- what follows it --------------------------------------------------------------------------------

class Loop {
	constructor(which, refresh, every) {
		this.topics = which;
		this.refresh = refresh;
		this.every = every;
		this.busy = this.again = false;
		this.last = 0;
		this.timer = 0;
	}

	// Now, or when the last time is long enough ago. A timer keeps what changes without an event up to date.
	soon(wait = APART) {
		if (this.busy) {
			this.again = true;
			return;
		}
		const left = Math.max(this.last + wait - performance.now(), 0);
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.now(), left);
	}

	async now() {
		clearTimeout(this.timer);
		this.busy = true;
		this.again = false;
		try {
			await this.refresh();
			$("main")?.removeAttribute("aria-busy");
		} catch (e) {
			if (e instanceof NodeGone || e instanceof LoginError)
				gone(e);
			else
				trouble(e);
		}
		this.busy = false;
		this.last = performance.now();
		if (this.again)
			this.soon();
		else if (this.every && !document.hidden && !lost)
			this.timer = setTimeout(() => this.now(), this.every);
	}
}

function refreshAll() {
	for (const loop of loops)
		loop.soon();
}

// Refresh now, after each event of these topics, after a lost stream, and every so many ms. Returns a function that
// asks for a refresh, after a command for instance.
export function live(which, refresh, { every = 0 } = {}) {
	const loop = new Loop(which, refresh, every);
	loops.push(loop);
	start(which);
	loop.now();
	return () => loop.soon(0);
}

// The events of a topic themselves: on("log", (data) => ...).
export function on(topic, f) {
	listeners.set(topic, [...listeners.get(topic) ?? [], f]);
	start([topic]);
}
