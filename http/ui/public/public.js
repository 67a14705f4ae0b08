// SPDX-License-Identifier: GPL-2.0-or-later
// The public pages: what /public/index.txt lists, and one channel of it to play. Everything that came from the
// network is put in as text, never as markup. Words are in the HTML, as data of the body.

const REFRESH = 30000;
const FIELDS = 19;
const $ = (id) => document.getElementById(id);
const words = document.body.dataset;

const EXTENSIONS = {
	FLV: ".flv", MKV: ".mkv", WEBM: ".webm", MP4: ".mp4", OGG: ".ogg", OGM: ".ogg", MP3: ".mp3",
	WMV: ".wmv", WMA: ".wma", NSV: ".nsv", TS: ".ts", AAC: ".aac",
};
const MIMES = {
	WEBM: "video/webm", MP4: "video/mp4", OGG: "application/ogg", MP3: "audio/mpeg", AAC: "audio/aac",
	MKV: "video/x-matroska",
};

const ENTITIES = { lt: "<", gt: ">", quot: "\"", amp: "&", "#39": "'", "#039": "'" };
const unescape = (text) => text.replace(/&(lt|gt|quot|amp|#0?39);/g, (_, name) => ENTITIES[name]);
const isWeb = (url) => /^https?:\/\//i.test(url);
const join = (parts, between) => parts.filter(Boolean).join(between);

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

async function readList() {
	const answer = await fetch("/public/index.txt", { cache: "no-store" });
	if (!answer.ok)
		throw new Error(`${words.refused} ${answer.status}.`);
	return (await answer.text()).split("\n").map((line) => line.split("<>").map(unescape))
		.filter((f) => f.length === FIELDS && /^[0-9A-F]{32}$/.test(f[1]) && !/^0+$/.test(f[1]))
		.map((f) => ({ name: f[0], id: f[1], contact: f[3], genre: f[4], desc: f[5], listeners: Number(f[6]),
			relays: Number(f[7]), bitrate: f[8], type: f[9], artist: f[10], album: f[11], title: f[12],
			time: f[15], comment: f[17] }));
}

function showTexts(node, ch) {
	const part = (name) => node.querySelector("." + name);
	const counts = ch.listeners < 0 ? words.hidden :
		`${ch.listeners} ${words.listeners} / ${ch.relays} ${words.relays}`;

	setText(part("about"), join([ch.genre, ch.desc], " – "));
	setText(part("comment"), ch.comment);
	setText(part("track"), join([ch.artist, ch.title, ch.album], " – "));
	setText(part("facts"), join([counts, `${ch.bitrate} kbit/s`, ch.type], " · "));
	setLink(part("contact"), isWeb(ch.contact) ? ch.contact : null);
}

function showChannel(li, ch) {
	setText(li.querySelector(".name"), ch.name || words.nameless);
	setText(li.querySelector(".time"), ch.time);
	showTexts(li, ch);
	setLink(li.querySelector(".play"), `/public/play.html?id=${ch.id}`);
}

function showList(list) {
	const ul = $("channels");
	const old = new Map([...ul.children].map((li) => [li.dataset.id, li]));

	list.forEach((ch, i) => {
		const li = old.get(ch.id) ?? $("channel").content.firstElementChild.cloneNode(true);
		old.delete(ch.id);
		li.dataset.id = ch.id;
		showChannel(li, ch);
		if (ul.children[i] !== li)
			ul.insertBefore(li, ul.children[i] ?? null);
	});
	for (const li of old.values())
		li.remove();
	$("empty").hidden = list.length > 0;
}

const wanted = new URLSearchParams(location.search).get("id")?.toUpperCase();

function showOne(list) {
	const ch = list.find((c) => c.id === wanted);
	const stream = ch ? `/stream/${ch.id}${EXTENSIONS[ch.type] ?? ""}` : "";
	const video = $("video");

	if (!ch)
		throw new Error(words.gone);
	document.title = ch.name;
	setText(document.querySelector("h1"), ch.name || words.nameless);
	showTexts($("watch"), ch);
	setLink($("watch").querySelector(".playlist"), `/pls/${ch.id}`);
	setLink($("watch").querySelector(".stream"), stream);
	$("watch").hidden = false;
	video.hidden = !(ch.type in MIMES) || video.canPlayType(MIMES[ch.type]) === "";
	$("cannot").hidden = !video.hidden;
	if (!video.hidden && video.getAttribute("src") === null)
		video.src = stream;
}

function trouble(e) {
	setText($("trouble"), e === null ? "" : e instanceof TypeError ? words.asleep : e.message);
}

async function loop() {
	try {
		if (!document.hidden) {
			const list = await readList();
			if ($("watch"))
				showOne(list);
			else
				showList(list);
			trouble(null);
		}
	} catch (e) {
		trouble(e);
	}
	setTimeout(loop, REFRESH);
}

loop();
