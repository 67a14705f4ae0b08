// SPDX-License-Identifier: GPL-2.0-or-later
// The public pages: what /public/index.txt lists, and one channel of it to play. Everything that came from the
// network is put in as text, never as markup.

import { $, alertLine, el, fromTemplate, isWeb, joined, rate, setLink, setList, setText, streamPath, t } from "/assets/js/node.js";

const REFRESH = 30000;
const FIELDS = 19;

const ENTITIES = { lt: "<", gt: ">", quot: "\"", amp: "&", "#39": "'", "#039": "'" };
const unescape = (text) => text.replace(/&(lt|gt|quot|amp|#0?39);/g, (_, name) => ENTITIES[name]);

async function readList() {
	const answer = await fetch("/public/index.txt", { cache: "no-store" });
	if (!answer.ok)
		throw new Error(t("The node answered {status}.", { status: answer.status }));
	return (await answer.text()).split("\n").map((line) => line.split("<>").map(unescape))
		.filter((f) => f.length === FIELDS && /^[0-9A-F]{32}$/.test(f[1]) && !/^0+$/.test(f[1]))
		.map((f) => ({ name: f[0], id: f[1], contact: f[3], genre: f[4], desc: f[5], listeners: Number(f[6]),
			relays: Number(f[7]), bitrate: f[8], type: f[9], artist: f[10], album: f[11], title: f[12],
			time: f[15], comment: f[17] }));
}

function showTexts(node, ch) {
	const part = (name) => node.querySelector("." + name);
	const counts = ch.listeners < 0 ? t("counts hidden") :
		t("{listeners} listeners / {relays} relays", { listeners: ch.listeners, relays: ch.relays });

	setText(part("about"), joined([ch.genre, ch.desc], " – "));
	setText(part("comment"), ch.comment);
	setText(part("track"), joined([ch.artist, ch.title, ch.album], " – "));
	setText(part("count"), joined([counts, rate(ch.bitrate), ch.type]));
	setLink(part("contact"), isWeb(ch.contact) ? ch.contact : null);
}

function showChannel(li, ch) {
	setText(li.querySelector(".name"), ch.name || t("(no name)"));
	setText(li.querySelector(".time"), ch.time);
	showTexts(li, ch);
	setLink(li.querySelector(".play"), `/public/play.html?id=${ch.id}`);
}

function showList(list) {
	setList($("channels"), list, (ch) => ch.id, () => fromTemplate("channel"), showChannel);
	$("empty").hidden = list.length > 0;
}

const wanted = new URLSearchParams(location.search).get("id")?.toUpperCase();

let shown = null, there = false, playing = false, player = null;

async function play() {
	playing = true;
	document.head.append(el("link", { rel: "stylesheet", href: "/assets/css/play.css" }));
	const { mount } = await import("/assets/js/player.js");
	player = mount($("player"), { id: wanted, typeOf: () => shown?.type ?? "", isThere: () => there });
}

function showOne(list) {
	const ch = list.find((c) => c.id === wanted);

	there = ch !== undefined;
	shown = ch ?? shown;
	if (!playing)
		play();
	player?.look();
	if (!ch)
		throw new Error(t("This channel is not on the air here any more."));
	document.title = ch.name;
	setText(document.querySelector("h1"), ch.name || t("(no name)"));
	showTexts($("watch"), ch);
	setLink($("watch").querySelector(".playlist"), `/pls/${ch.id}`);
	setLink($("watch").querySelector(".stream"), streamPath(ch.id, ch.type));
	$("watch").hidden = false;
}

function trouble(e) {
	alertLine(e === null ? "" : e instanceof TypeError ? t("The node does not answer.") : e.message);
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
