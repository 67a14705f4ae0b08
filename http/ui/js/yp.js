// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a yellow page: what /api/index.json lists, and what the yellow page knows of the reader.
// Everything that came from the network is put in as text, never as markup.

import { $, alertLine, fromTemplate, isWeb, joined, rate, setLink, setList, setText, streamPath, t } from "/assets/js/node.js";

const REFRESH = 15000;
const NODE = "127.0.0.1:7144";
const LIMITS = {
	free: "", open: t("open port"), over: t("open port, upload over bitrate"),
	fast: t("open port, upload over 2000 kbit/s"),
};

let list = [];          // of the last answer
let behind = 0;         // of our clock, in seconds
let etag = "";

// The reader's own node: host, or host:port, and nothing else that a URL may hold.
function ownNode() {
	const text = $("node").value.trim();
	return /^(\[[0-9a-f:.]+\]|[0-9a-z_.-]+)(:\d{1,5})?$/i.test(text) ? text : NODE;
}

function ownPort() {
	return /:(\d+)$/.exec(ownNode())?.[1] ?? "80";
}

function onAir(ch) {
	const s = Math.max(Math.floor(Date.now() / 1000) + behind - ch.started, 0);
	return `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}`;
}

function counts(ch) {
	return ch.listeners === null ? t("counts hidden") :
		t("{listeners} listeners / {relays} relays", { listeners: ch.listeners, relays: ch.relays });
}

// The player is on the reader's machine, so is the node: an address of theirs, not a path of ours.
function setAddress(a, href) {
	a.hidden = href === null;
	if (href === null)
		a.removeAttribute("href");
	else if (a.getAttribute("href") !== href)
		a.setAttribute("href", href);
}

function showChannel(li, ch) {
	const part = (name) => li.querySelector("." + name);
	const at = `http://${ownNode()}`;
	const tip = ch.tip === null ? "" : `?tip=${encodeURIComponent(ch.tip)}`;

	setText(part("name"), ch.name || t("(no name)"));
	setText(part("time"), onAir(ch));
	setText(part("about"), joined([ch.genre, ch.description], " – "));
	setText(part("comment"), ch.comment);
	setText(part("track"), joined([ch.track.artist, ch.track.title, ch.track.album], " – "));
	setText(part("count"), joined([counts(ch), rate(ch.bitrate), ch.type, ch.namespace]));
	setText(part("limit"), joined([LIMITS[ch.limit], ch.stale ? t("no news from the broadcaster") : "",
		ch.playable && ch.tip === null ? t("behind a firewall: your node finds a relay") : ""]));
	setAddress(part("play"), ch.playable ? `${at}/pls/${ch.id}${tip}` : null);
	setAddress(part("stream"), ch.playable ? at + streamPath(ch.id, ch.type) + tip : null);
	setLink(part("history"), ch.name === "" ? null : `/getgmt.php?cn=${encodeURIComponent(ch.name)}`);
	setLink(part("contact"), isWeb(ch.contact) ? ch.contact : null);
}

const ORDERS = {
	listeners: (a, b) => (b.listeners ?? -1) - (a.listeners ?? -1),
	name: (a, b) => a.name.localeCompare(b.name),
};

function matches(ch, needles) {
	const hay = [ch.name, ch.genre, ch.description, ch.comment, ch.track.artist, ch.track.title, ch.type]
		.join("\n").toLowerCase();
	return needles.every((n) => hay.includes(n));
}

function show() {
	const needles = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
	const shown = list.filter((ch) => matches(ch, needles));
	const order = ORDERS[$("order").value];

	if (order)
		shown.sort(order);
	// One who may not play a channel does not get its id.
	setList($("channels"), shown, (ch) => ch.id ?? `${ch.started} ${ch.name}`, () => fromTemplate("channel"), showChannel);
	$("empty").hidden = list.length > 0;
	$("nomatch").hidden = list.length === 0 || shown.length > 0;
}

async function get(path, headers) {
	const answer = await fetch(path, { headers, cache: "no-store" });
	if (!answer.ok && answer.status !== 304)
		throw new Error(t("The yellow page answered {status}.", { status: answer.status }));
	return answer;
}

async function readList() {
	const answer = await get(`/api/index.json?port=${ownPort()}`, etag ? { "If-None-Match": etag } : {});
	const date = Date.parse(answer.headers.get("Date"));

	if (!Number.isNaN(date))
		behind = Math.round((date - Date.now()) / 1000);
	if (answer.status === 304)
		return;
	const page = await answer.json();
	etag = answer.headers.get("ETag") ?? "";
	list = page.channels;
	setText($("name"), page.name);
	document.title = page.name;
}

// What yp4g.xml says of this client.
async function readClient() {
	const doc = new DOMParser().parseFromString(await (await get("/yp4g.xml")).text(), "application/xml");
	const of = (name, key) => doc.querySelector(name)?.getAttribute(key) ?? "";
	const speed = Number(of("host", "speed")), over = of("host", "over") === "1";
	const remain = Number(of("uptest", "remain"));

	$("ip").textContent = of("host", "ip");
	$("port").textContent = of("host", "port_open") === "1" ? t("yes") : t("no");
	$("speed").textContent = speed > 0 ? `${over ? "≥ " : ""}${speed} kbit/s` : t("not measured");
	$("measure").disabled = over || remain > 0;
	$("progress").textContent = over ? t("fast enough for every channel") :
		remain > 0 ? t("{n} seconds to wait", { n: remain }) : "";
	return Number(of("uptest_srv", "post_size")) * 1000;
}

async function measure() {
	$("measure").disabled = true;
	$("progress").textContent = t("measuring");
	try {
		const bytes = new Uint8Array(Math.min(await readClient(), 1e6));
		$("measure").disabled = true;
		$("progress").textContent = t("measuring");
		for (let i = 0; i < bytes.length; i += 65536)
			crypto.getRandomValues(bytes.subarray(i, i + 65536));
		await fetch("/uptest.cgi", { method: "POST", body: bytes, redirect: "manual" });
		await refresh();
	} catch (e) {
		trouble(e);
	}
}

function trouble(e) {
	alertLine(e === null ? "" : e instanceof TypeError ? t("The yellow page does not answer.") : e.message);
}

async function refresh() {
	await readList();
	await readClient();
	show();
	trouble(null);
}

async function loop() {
	if (!document.hidden)
		await refresh().catch(trouble);
	setTimeout(loop, REFRESH);
}

$("node").value = localStorage.getItem("node") ?? "";
$("node").addEventListener("change", () => {
	localStorage.setItem("node", $("node").value.trim());
	refresh().catch(trouble);
});
$("node").addEventListener("input", show);
$("find").addEventListener("input", show);
$("order").addEventListener("change", show);
$("tools").addEventListener("submit", (e) => e.preventDefault());
$("measure").addEventListener("click", measure);
loop();
