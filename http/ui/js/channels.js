// SPDX-License-Identifier: GPL-2.0-or-later
// What the yellow pages list: thousands of channels perhaps, so only the rows that are seen are in the page.

import { $, ago, clock, command, copy, el, fromTemplate, icon, isWeb, joined, number, page, rate, rpc, say, setFacts, setLink, setList,
	setText, streamPath, t, trouble } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { compile, exactly, isExactly, loadRules, newRule, saveRules } from "/assets/js/filters.js";

const NOBODY = "0".repeat(32);          // the id of a line of information
const AROUND = 10;                      // rows above and below what is seen
const VISIT = 30 * 60 * 1000;           // ms without us: another visit
const SETTINGS = "channels", VISITS = "channels.visit";

// --- what the reader has chosen -----------------------------------------------------------------------

const stored = (key) => {
	try {
		return JSON.parse(localStorage.getItem(key)) ?? {};
	} catch {
		return {};
	}
};
const store = (key, value) => {
	try {
		localStorage.setItem(key, JSON.stringify(value));
	} catch {
		// no room, or none for us: it is chosen anew the next time
	}
};

const chosen = { columns: null, sort: "listeners", up: false, group: "all", ...stored(SETTINGS) };
const keep = () => store(SETTINGS, chosen);

// --- columns ----------------------------------------------------------------------------------------

const collator = new Intl.Collator(document.documentElement.lang, { numeric: true, sensitivity: "base" });
const byText = (key) => (a, b) => collator.compare(a[key], b[key]);
const byNumber = (key) => (a, b) => a[key] - b[key];
const hours = (s) => `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}`;
const count = (n) => n < 0 ? "–" : number(n);
const track = (ch) => joined([ch.creator, ch.trackTitle, ch.album], " – ");

// up: the way it is sorted first
const COLUMNS = [
	{ id: "listeners", label: t("Listeners"), kind: "number", text: (ch) => `${count(ch.listeners)} / ${count(ch.relays)}`,
		compare: (a, b) => a.listeners - b.listeners || a.relays - b.relays },
	{ id: "bitrate", label: t("Bitrate"), kind: "number", text: (ch) => ch.bitrate > 0 ? rate(ch.bitrate) : "", compare: byNumber("bitrate") },
	{ id: "type", label: t("Type"), kind: "type", text: (ch) => ch.contentType, compare: byText("contentType"), up: true },
	{ id: "uptime", label: t("On air"), kind: "number", text: (ch) => hours(ch.uptime), compare: byNumber("uptime") },
	{ id: "genre", label: t("Genre"), kind: "genre", text: (ch) => ch.genre, compare: byText("genre"), up: true, off: true },
	{ id: "track", label: t("Track"), kind: "track", text: track, compare: (a, b) => collator.compare(track(a), track(b)), up: true, off: true },
	{ id: "yp", label: t("Yellow page"), kind: "yp", text: (ch) => feedName(ch.yellowPage), compare: byText("yellowPage"), up: true },
];
const TRACK = COLUMNS.find((c) => c.id === "track");
const NAME = { id: "name", label: t("Name"), compare: byText("name"), up: true };
const ORDERS = [NAME, ...COLUMNS];

const hasColumn = ({ id, off }) => chosen.columns?.[id] ?? !off;

// --- what is known ------------------------------------------------------------------------------------

let feeds = [], channels = [], rules = [], shown = [];
let read = "";                          // of which state of the feeds channels are
let judge = compile([]);
let before = null;                      // ids of the last visit; null = there was none

const feedName = (url) => feeds.find((f) => f.url === url)?.label ?? url;
const isPlayable = (ch) => ch.channelId !== NOBODY;
const isNew = (ch) => before !== null && isPlayable(ch) && !before.has(ch.short);

// The page may be loaded often in one visit; what was there at the end of the one before is not new.
function beginVisit() {
	const v = stored(VISITS), now = Date.now();
	if (!Array.isArray(v.ids))
		return;
	const ids = now - (v.at ?? 0) > VISIT ? v.ids : v.before;
	before = ids ? new Set(ids) : null;
}

function noteVisit() {
	if (channels.length === 0)
		return;
	const ids = [...new Set(channels.filter(isPlayable).map((ch) => ch.short))];
	store(VISITS, { at: Date.now(), ids, before: before ? [...before] : null });
}

function take(list) {
	const seen = new Map();
	channels = list;
	for (const ch of list) {
		// a channel may be in several lists, a line of information has no id
		const key = `${ch.channelId} ${ch.yellowPage} ${isPlayable(ch) ? "" : ch.name}`;
		const n = seen.get(key) ?? 0;
		seen.set(key, n + 1);
		ch.key = `${key} ${n}`;
		ch.short = ch.channelId.slice(0, 8);
		ch.hay = [ch.name, ch.genre, ch.description, ch.comment, ch.creator, ch.trackTitle, ch.album, ch.contentType].join("\n").toLowerCase();
	}
	judgeAll();
}

function judgeAll() {
	judge = compile(rules);
	for (const ch of channels)
		ch.verdict = judge(ch);
}

// --- groups -------------------------------------------------------------------------------------------

function groups() {
	return [
		{ id: "all", label: t("All"), has: (ch) => !ch.verdict.ignore },
		{ id: "favorites", label: t("Favourites"), has: (ch) => ch.verdict.favorite && !ch.verdict.ignore },
		{ id: "new", label: t("New"), has: (ch) => isNew(ch) && !ch.verdict.ignore },
		...(feeds.length > 1 ? feeds.map((f) => ({
			id: f.url, label: f.label, bad: f.status === "ERROR", has: (ch) => ch.yellowPage === f.url && !ch.verdict.ignore,
		})) : []),
		{ id: "ignored", label: t("Hidden"), has: (ch) => ch.verdict.ignore },
	];
}

function showGroups(all) {
	setList($("groups"), all, (g) => g.id, (g) => {
		const button = el("button", { type: "button" }, el("span"), el("span", { class: "num" }), icon("bad"));
		button.addEventListener("click", () => {
			chosen.group = g.id;
			keep();
			show(true);
		});
		return button;
	}, (button, g) => {
		button.children[0].textContent = g.label;
		button.children[1].textContent = number(g.count);
		button.children[2].style.display = g.bad ? "" : "none";
		button.setAttribute("aria-pressed", String(g.id === chosen.group));
	});
}

// --- the list -----------------------------------------------------------------------------------------

function matching() {
	const needles = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
	const all = groups();
	if (!all.some((g) => g.id === chosen.group))
		chosen.group = "all";
	const group = all.find((g) => g.id === chosen.group);
	for (const g of all)
		g.count = channels.reduce((n, ch) => n + (g.has(ch) ? 1 : 0), 0);
	showGroups(all);
	const found = channels.filter((ch) => group.has(ch) && needles.every((n) => ch.hay.includes(n)));
	const order = ORDERS.find((c) => c.id === chosen.sort) ?? COLUMNS[0];
	const sign = chosen.up ? 1 : -1;
	// lines of information first, then favourites; all else as it is sorted
	return found.sort((a, b) => isPlayable(a) - isPlayable(b) || b.verdict.favorite - a.verdict.favorite || sign * order.compare(a, b) ||
		collator.compare(a.name, b.name));
}

function makeRow() {
	const row = fromTemplate("row");
	const last = row.lastElementChild;
	for (const c of COLUMNS)
		row.insertBefore(el("td", { role: "cell", class: c.kind, "data-column": c.id }), last);
	row.querySelector(".star").addEventListener("click", () => toggleStar(row.channel).catch(trouble));
	row.querySelector(".more").addEventListener("click", () => openDetails(row.channel));
	return row;
}

const label = (node, text) => {
	if (node.getAttribute("aria-label") !== text) {
		node.setAttribute("aria-label", text);
		node.title = text;
	}
};

const tip = (ch) => ch.tracker ? `?tip=${encodeURIComponent(ch.tracker)}` : "";

function fillRow(row, ch) {
	const part = (name) => row.querySelector("." + name);
	const star = part("star"), name = part("name");

	row.channel = ch;
	row.classList.toggle("ignored", ch.verdict.ignore);
	row.style.setProperty("--mark", ch.verdict.color ? `rgb(${ch.verdict.color.join(" ")})` : "transparent");
	row.setAttribute("aria-rowindex", String(ch.at + 2));
	name.textContent = ch.name || t("(no name)");
	setLink(name, isPlayable(ch) ? page("play", { id: ch.channelId }) : null);
	name.hidden = false;
	part("new").hidden = !isNew(ch);
	part("about").textContent = joined([joined([ch.genre, ch.description], " – "), ch.comment, hasColumn(TRACK) ? "" : track(ch)]);
	star.hidden = part("more").hidden = !isPlayable(ch);
	star.setAttribute("aria-pressed", String(ch.verdict.favorite));
	label(star, t("Favourite: {name}", { name: ch.name }));
	label(part("more"), t("More about {name}", { name: ch.name }));
	label(part("playlist"), t("Open {name} in a player", { name: ch.name }));
	setLink(part("playlist"), isPlayable(ch) ? `/pls/${ch.channelId}${tip(ch)}` : null);
	for (const cell of row.querySelectorAll("[data-column]")) {
		const column = COLUMNS.find((c) => c.id === cell.dataset.column);
		cell.hidden = !hasColumn(column);
		cell.textContent = isPlayable(ch) || column.id === "yp" ? column.text(ch) : "";
	}
}

let height = 0;                         // of a row

// The rows that are seen, and some around them.
function paint() {
	const rows = $("rows");
	if (height === 0 && shown.length > 0) {
		setList(rows, shown.slice(0, 1), (ch) => ch.key, makeRow, fillRow);
		height = rows.firstElementChild.getBoundingClientRect().height;
	}
	const top = $("list").getBoundingClientRect().top + $("titles").getBoundingClientRect().height;
	const first = height > 0 ? Math.max(Math.floor(-top / height) - AROUND, 0) : 0;
	const last = height > 0 ? Math.min(Math.ceil((innerHeight - top) / height) + AROUND, shown.length) : 0;
	const from = Math.min(first, Math.max(last - 1, 0));
	// what has the focus stays, wherever it is
	setList(rows, shown.slice(from, last), (ch) => ch.key, makeRow, fillRow);
	$("before").firstElementChild.firstElementChild.style.height = `${from * height}px`;
	$("after").firstElementChild.firstElementChild.style.height = `${Math.max(shown.length - last, 0) * height}px`;
}

let painting = 0;

function paintSoon() {
	painting ||= requestAnimationFrame(() => {
		painting = 0;
		paint();
	});
}

function showTitles() {
	const columns = [{ id: "star" }, NAME, ...COLUMNS.filter(hasColumn), { id: "go" }];
	setList($("titles"), columns, (c) => c.id, (c) => {
		const th = el("th", { role: "columnheader", scope: "col", class: c.id === "star" ? "mark" : c.kind ?? c.id });
		if (!c.label)
			return th;
		th.append(el("button", { type: "button", text: c.label, onclick: () => {
			chosen.up = chosen.sort === c.id ? !chosen.up : c.up === true;
			chosen.sort = c.id;
			keep();
			show(true);
		} }));
		return th;
	}, (th, c) => {
		if (c.id === chosen.sort)
			th.setAttribute("aria-sort", chosen.up ? "ascending" : "descending");
		else
			th.removeAttribute("aria-sort");
	});
	$("order").value = chosen.sort;
}

function show(rewind = false) {
	const y = scrollY;
	shown = matching();
	shown.forEach((ch, i) => { ch.at = i; });
	showTitles();
	$("list").setAttribute("aria-rowcount", String(shown.length + 1));
	$("list").hidden = shown.length === 0;
	$("nofeeds").hidden = feeds.length > 0;
	setText($("empty"), shown.length > 0 || feeds.length === 0 ? "" : channels.length === 0 ? t("Nothing is listed now.") :
		t("No channel matches."));
	setText($("count"), shown.length > 0 ? t("{n} channels", { n: number(shown.length) }) : "");
	if (rewind && $("list").getBoundingClientRect().top < 0)
		scrollTo(0, y + $("list").getBoundingClientRect().top);
	paint();
}

// --- how the lists are ----------------------------------------------------------------------------------

function showFeeds() {
	const newest = Math.max(0, ...feeds.map((f) => f.updated ?? 0));
	const bad = feeds.filter((f) => f.status === "ERROR");
	setText($("when"), newest > 0 ? t("Lists of {time}", { time: ago(Math.max(Date.now() / 1000 - newest, 0)) }) : "");
	setList($("feeds"), bad, (f) => f.url, () => el("p", { class: "notice bad" }), (p, f) => setText(p,
		joined([t("{name} cannot be read: {why}", { name: f.label, why: f.message.replace(/^\S+ \S+ /, "") }),
			f.updated ? t("The list shown is of {time}.", { time: clock(f.updated) }) : ""])));
}

async function refresh() {
	const [list, kept] = await Promise.all([rpc("getYPFeeds"), loadRules().catch((e) => { trouble(e); return rules; })]);
	const state = JSON.stringify(list.map((f) => [f.url, f.updated, f.channels]));
	const changed = JSON.stringify(kept) !== JSON.stringify(rules);

	feeds = list;
	// two lists of one server go by their addresses
	for (const f of feeds)
		f.label = feeds.filter((other) => other.name === f.name).length > 1 ? f.url.replace(/^https?:\/\//i, "") : f.name;
	rules = kept;
	if (state !== read) {
		const news = await rpc("getYPChannels");
		read = state;
		take(news);
		noteVisit();
	} else if (changed) {
		judgeAll();
	}
	showFeeds();
	show();
	if ($("details").open)
		fillDetails();
}

// --- favourites, hidden ones ----------------------------------------------------------------------------

async function changeRules(change) {
	const latest = await loadRules();       // another page may have changed them
	rules = change(latest);
	await saveRules(rules);
	judgeAll();
	show();
	if ($("details").open)
		fillDetails();
}

// A rule of exactly its name; which others say the same is told, as they are not ours to take away.
async function toggle(ch, what, on) {
	await changeRules((all) => on ?
		[...all.filter((r) => !(isExactly(r, ch.name) && r[what])), newRule({
			name: ch.name, favorite: what === "favorite", ignore: what === "ignore", ignore_case: false,
			base_search: { fields: ["name"], search: exactly(ch.name) },
		})] : all.filter((r) => !(isExactly(r, ch.name) && r[what])));
	const rest = ch.verdict.rules.filter((r) => r[what]).map((r) => r.name || t("(no name)"));
	if (!on && rest.length > 0)
		say(t("It is so by a filter, too: {names}", { names: rest.join(", ") }));
}

const toggleStar = (ch) => toggle(ch, "favorite", !ch.verdict.favorite);

// --- one channel ------------------------------------------------------------------------------------------

let detailed = null;

function yellowPageLink(ch, script) {
	const dir = feeds.find((f) => f.url === ch.yellowPage)?.directoryUrl;
	try {
		return dir && ch.encodedName ? new URL(`${script}?cn=${ch.encodedName}`, dir).href : null;
	} catch {
		return null;
	}
}

function streamOf(ch) {
	const path = streamPath(ch.channelId, ch.contentType) + tip(ch);
	return /^WM[AV]$/.test(ch.contentType) ? `mmsh://${location.host}${path}` : location.origin + path;
}

function fillDetails() {
	const ch = channels.find((c) => c.key === detailed) ?? null;
	const box = $("details"), part = (name) => box.querySelector("." + name);
	if (ch === null) {
		box.close();
		say(t("The channel is not listed any more."));
		return;
	}
	box.channel = ch;
	setText($("details-name"), ch.name || t("(no name)"));
	setText(part("about"), joined([ch.genre, ch.description], " – "));
	setText(part("comment"), ch.comment);
	setText(part("track"), track(ch));
	setFacts(part("facts"), [
		[t("Listeners"), ch.listeners < 0 ? t("counts hidden") : number(ch.listeners)], [t("Relays"), ch.relays < 0 ? "" : number(ch.relays)],
		[t("Bitrate"), ch.bitrate > 0 ? rate(ch.bitrate) : ""], [t("Type"), ch.contentType], [t("On air"), hours(ch.uptime)],
		[t("Yellow page"), feedName(ch.yellowPage)], [t("Tracker"), ch.tracker], [t("Channel ID"), ch.channelId],
	]);
	setText(part("which"), ch.verdict.rules.length > 0 ?
		t("Filters: {names}", { names: ch.verdict.rules.map((r) => r.name || t("(no name)")).join(", ") }) : "");
	setLink(part("play"), page("play", { id: ch.channelId }));
	setLink(part("playlist"), `/pls/${ch.channelId}${tip(ch)}`);
	setLink(part("contact"), isWeb(ch.contactUrl) ? ch.contactUrl : null);
	setLink(part("chat"), yellowPageLink(ch, "chat.php"));
	setLink(part("stats"), yellowPageLink(ch, "getgmt.php"));
	part("star").setAttribute("aria-pressed", String(ch.verdict.favorite));
	setLink(part("rule"), page("chanfilters", { fav: ch.name }));
	setText(part("star").lastElementChild, t("Favourites"));
	setText(part("hide"), ch.verdict.ignore ? t("Show again") : t("Hide"));
}

function openDetails(ch) {
	detailed = ch.key;
	fillDetails();
	$("details").showModal();
}

command($("details").querySelector(".copy"), () => copy(streamOf($("details").channel)));
command($("details").querySelector(".star"), () => toggleStar($("details").channel));
command($("details").querySelector(".hide"), () => toggle($("details").channel, "ignore", !$("details").channel.verdict.ignore));

// --- tools ------------------------------------------------------------------------------------------------

setList($("column-list"), COLUMNS, (c) => c.id, (c) => {
	const box = el("input", { type: "checkbox", id: `column-${c.id}`, onchange: (e) => {
		chosen.columns = { ...chosen.columns, [c.id]: e.target.checked };
		keep();
		show();
	} });
	box.checked = hasColumn(c);
	return el("li", {}, el("label", {}, box, c.label));
});
$("order").append(...ORDERS.map((c) => el("option", { value: c.id, text: c.label })));
$("order").addEventListener("change", () => {
	chosen.sort = $("order").value;
	chosen.up = ORDERS.find((c) => c.id === chosen.sort).up === true;
	keep();
	show(true);
});
$("find").addEventListener("input", () => show(true));
$("tools").addEventListener("submit", (e) => e.preventDefault());
command($("refresh"), async () => {
	const tried = feeds.map((f) => f.tried).join();
	await rpc("updateYPChannels");
	await refresh();
	if (feeds.map((f) => f.tried).join() === tried)
		say(t("The lists are a minute old at most; they are not fetched more often."));
});
addEventListener("scroll", paintSoon, { passive: true });
addEventListener("resize", () => {
	height = 0;
	paintSoon();
});
addEventListener("pagehide", noteVisit);
setInterval(showFeeds, 20000);
beginVisit();
live(["feed"], refresh, { every: 30000 });
