// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a yellow page: what /api/index.json lists, and what the yellow page knows of the reader.
// Everything that came from the network is put in as text, never as markup. Words are in the HTML, as
// data of the body: there is a page for each language.

const REFRESH = 15000;
const NODE = "127.0.0.1:7144";
const $ = (id) => document.getElementById(id);
const words = document.body.dataset;

const EXTENSIONS = {
	FLV: ".flv", MKV: ".mkv", WEBM: ".webm", MP4: ".mp4", OGG: ".ogg", OGM: ".ogg", MP3: ".mp3",
	WMV: ".wmv", WMA: ".wma", NSV: ".nsv", TS: ".ts", AAC: ".aac",
};

let list = [];          // of the last answer
let behind = 0;         // of our clock, in seconds
let etag = "";

function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
	node.hidden = text === "";
}

function setLink(a, href) {
	a.hidden = href === null;
	if (href === null)
		a.removeAttribute("href");
	else if (a.getAttribute("href") !== href)
		a.setAttribute("href", href);
}

const isWeb = (url) => /^https?:\/\//i.test(url);
const join = (parts, between) => parts.filter(Boolean).join(between);

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
	return ch.listeners === null ? words.hidden :
		`${ch.listeners} ${words.listeners} / ${ch.relays} ${words.relays}`;
}

function showChannel(li, ch) {
	const part = (name) => li.querySelector("." + name);
	const at = `http://${ownNode()}`;
	const tip = ch.tip === null ? "" : `?tip=${encodeURIComponent(ch.tip)}`;

	setText(part("name"), ch.name || words.nameless);
	setText(part("time"), onAir(ch));
	setText(part("about"), join([ch.genre, ch.description], " – "));
	setText(part("comment"), ch.comment);
	setText(part("track"), join([ch.track.artist, ch.track.title, ch.track.album], " – "));
	setText(part("facts"), join([counts(ch), `${ch.bitrate} kbit/s`, ch.type, ch.namespace], " · "));
	setText(part("limit"), join([words[ch.limit], ch.stale ? words.stale : "",
		ch.playable && ch.tip === null ? words.closed : ""], " · "));
	setLink(part("play"), ch.playable ? `${at}/pls/${ch.id}${tip}` : null);
	setLink(part("stream"), ch.playable ? `${at}/stream/${ch.id}${EXTENSIONS[ch.type] ?? ""}${tip}` : null);
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
	const ul = $("channels");
	// One who may not play a channel does not get its id.
	const keyOf = (ch) => ch.id ?? `${ch.started} ${ch.name}`;
	const old = new Map([...ul.children].map((li) => [li.dataset.key, li]));

	if (order)
		shown.sort(order);
	shown.forEach((ch, i) => {
		const key = keyOf(ch);
		const li = old.get(key) ?? $("channel").content.firstElementChild.cloneNode(true);
		old.delete(key);
		li.dataset.key = key;
		showChannel(li, ch);
		if (ul.children[i] !== li)
			ul.insertBefore(li, ul.children[i] ?? null);
	});
	for (const li of old.values())
		li.remove();
	while (ul.children.length > shown.length)
		ul.lastElementChild.remove();
	$("empty").hidden = list.length > 0;
	$("nomatch").hidden = list.length === 0 || shown.length > 0;
}

async function get(path, headers) {
	const answer = await fetch(path, { headers, cache: "no-store" });
	if (!answer.ok && answer.status !== 304)
		throw new Error(`${words.refused} ${answer.status}.`);
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
	$("port").textContent = of("host", "port_open") === "1" ? words.yes : words.no;
	$("speed").textContent = speed > 0 ? `${over ? "≥ " : ""}${speed} kbit/s` : words.unknown;
	$("measure").disabled = over || remain > 0;
	$("progress").textContent = over ? words.needless : remain > 0 ? `${remain} ${words.wait}` : "";
	return Number(of("uptest_srv", "post_size")) * 1000;
}

async function measure() {
	$("measure").disabled = true;
	$("progress").textContent = words.measuring;
	try {
		const bytes = new Uint8Array(Math.min(await readClient(), 1e6));
		$("measure").disabled = true;
		$("progress").textContent = words.measuring;
		for (let i = 0; i < bytes.length; i += 65536)
			crypto.getRandomValues(bytes.subarray(i, i + 65536));
		await fetch("/uptest.cgi", { method: "POST", body: bytes, redirect: "manual" });
		await refresh();
	} catch (e) {
		trouble(e);
	}
}

function trouble(e) {
	setText($("trouble"), e === null ? "" : e instanceof TypeError ? words.asleep : e.message);
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
