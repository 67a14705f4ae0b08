// SPDX-License-Identifier: GPL-2.0-or-later
// All settings, from describeSettings; saved all at once by changeSettings, with an error at each field. On the page
// of flags, only those.

import { $, LoginError, ask, check, command, el, fromTemplate, lang, rpc, say, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { mappingText } from "/assets/js/mapping.js";
import { Fields, draftOf, onSubmit, takeDraft, told } from "/assets/js/fields.js";

const NAMES = {
	Server: t("Node and port"), Broadcast: t("Broadcasting"), Client: t("Pages and players"), Record: t("Recording"),
	Privacy: t("Privacy"), Root: t("Root (YP)"), LiveSync: t("Live sync"), Server1: t("Who may use the port"), Debug: t("Log and metrics"),
	Flags: t("Flags"), Notify: t("Notifications"),
};
const SHUT = ["Root", "LiveSync"];      // of little interest to most
const ONLY = $("settings").dataset.only ?? "";

let described = null, filtersWere = "", feedsWere = "";
const fields = new Fields(() => showBar());

// --- lists --------------------------------------------------------------------------------------------

const FLAGS = ["ban", "private", "network", "direct"];
const KNOWN = [
	["http://bayonet.ddo.jp/sp/index.txt", "bayonet.ddo.jp:7146"], ["http://yp.pcgw.pgw.jp/index.txt", "yp.pcgw.pgw.jp:7146"],
	["https://p-at.net/index.txt", "root.p-at.net"], ["http://ypv6.pecastation.org/index.txt", "ypv6.pecastation.org"],
];

const part = (row, name) => row.querySelector(`.${name}`);

// The node knows what an entry has to look like: it is asked while somebody types.
const asking = {};
function askList(list) {
	clearTimeout(asking[list]);
	asking[list] = setTimeout(async () => {
		try {
			const { errors } = await rpc("changeSettings", { settings: {}, [list]: LISTS[list].read(), check: true });
			[...$(list).children].forEach((row, i) => {
				const input = part(row, LISTS[list].field);
				if (input.value.trim() !== "")
					check(input, told(errors[`${list}.${i}`] ?? ""));
			});
			showBar();
		} catch {
			// it is asked again when it is saved
		}
	}, 250);
}

function touched(row, list) {
	const { field } = LISTS[list];
	row.addEventListener("input", () => {
		check(part(row, field), "");
		showBar();
		askList(list);
	});
	part(row, "remove").addEventListener("click", () => {
		const next = row.nextElementSibling ?? row.previousElementSibling;
		row.remove();
		(next ? part(next, field) : null)?.focus();
		showBar();
	});
}

let rows = 0;

function filterRow(f) {
	const row = fromTemplate("filter-row");
	part(row, "pattern").id = `filter-${++rows}`;
	part(row, "pattern").value = f.ip;
	for (const flag of FLAGS)
		part(row, flag).checked = f[flag];
	touched(row, "filters");
	return row;
}

function feedRow(f) {
	const row = fromTemplate("feed-row"), url = part(row, "url"), root = part(row, "root");
	url.id = `feed-${++rows}`;
	url.value = f.url;
	root.value = f.rootHost;
	url.addEventListener("change", () => {
		const known = KNOWN.find(([address]) => address === url.value);
		if (known && root.value === "")
			root.value = known[1];
	});
	touched(row, "feeds");
	return row;
}

const readFilters = () => [...$("filters").children].map((row) => ({ ip: part(row, "pattern").value.trim(),
	...Object.fromEntries(FLAGS.map((flag) => [flag, part(row, flag).checked])) }));
const readFeeds = () => [...$("feeds").children].map((row) => ({ url: part(row, "url").value.trim(),
	rootHost: part(row, "root").value.trim() }));
const LISTS = { filters: { read: readFilters, field: "pattern" }, feeds: { read: readFeeds, field: "url" } };

const filtersDiffer = () => filtersWere !== "" && JSON.stringify(readFilters()) !== filtersWere;
const feedsDiffer = () => feedsWere !== "" && JSON.stringify(readFeeds()) !== feedsWere;

function showFilters(filters) {
	$("filters").replaceChildren(...filters.map(filterRow));
	filtersWere = JSON.stringify(readFilters());
}

function showFeeds(feeds) {
	$("feeds").replaceChildren(...feeds.map(feedRow));
	feedsWere = JSON.stringify(readFeeds());
}

// "filters.3": why, at its row.
function showListFaults(errors) {
	for (const [name, why] of Object.entries(errors)) {
		const [list, i] = name.split(".");
		const row = $(list)?.children[Number(i)];
		const input = row ? part(row, LISTS[list].field) : null;
		if (input) {
			input.closest("details").open = true;
			check(input, told(why));
			input.focus();
		} else {
			say(`${name}: ${why}`, "bad");
		}
	}
}

// --- the page -----------------------------------------------------------------------------------------

function section(s) {
	const used = s.settings.filter((k) => !k.isUnused && k.key !== "password");
	if (used.length === 0 || (ONLY && s.name !== ONLY))
		return null;
	const open = ONLY !== "" || !SHUT.includes(s.name) || isRoot();
	return el("details", { class: "card", id: `group-${s.name}`, open },
		el("summary", {}, el("h2", { text: NAMES[s.name] ?? s.name })), el("p", { class: "hint", text: s.doc }),
		...used.map((k) => fields.make(k)));
}

const all = () => described.sections.flatMap((s) => s.settings);
const isRoot = () => all().find((k) => k.key === "isRoot")?.value === true;

// Kept for other versions: last, and shut.
function unused() {
	const keys = all().filter((k) => k.isUnused);
	return el("details", { class: "card", id: "group-unused" }, el("summary", {}, el("h2", { text: t("Without effect") })),
		el("p", { class: "hint", text: t("Kept in the ini for other versions of PeerCast.") }),
		...keys.map((k) => fields.make(k)));
}

function jump(id, name) {
	return el("button", { type: "button", class: "button small", text: name, onclick: () => {
		const group = $(id);
		group.open = true;
		group.scrollIntoView({ block: "start" });
		group.querySelector("summary").focus({ preventScroll: true });
	} });
}

function build() {
	const groups = described.sections.map(section).filter(Boolean);
	$("sections").replaceChildren(...groups);
	if (ONLY)
		return;
	$("settings").insertBefore(unused(), $("nothing"));
	for (const group of document.querySelectorAll("#settings details"))
		$("groups").append(jump(group.id, group.querySelector("h2").textContent));
	for (const [url] of KNOWN)
		$("known-feeds").append(el("option", { value: url }));
}

function showPassword() {
	const set = all().find((k) => k.key === "password").isSet;
	setText($("password-state"), set ? "" : t("There is none: nobody gets in from other machines."));
	$("pw-current").disabled = !set;
}

// Beside its switch.
function showMapping(m) {
	const row = document.querySelector('[data-key="portMapping"]');
	if (!row)
		return;
	if (!$("mapping"))
		row.querySelector(".how").append(el("p", { class: "hint", id: "mapping", role: "status" }));
	setText($("mapping"), m.code === "off" ? "" : mappingText(m));
}

function showBar() {
	const n = fields.count() + filtersDiffer() + feedsDiffer();
	const bad = document.querySelectorAll('#sections [aria-invalid="true"], #group-unused [aria-invalid="true"], #filters [aria-invalid="true"], #feeds [aria-invalid="true"]').length;
	$("bar").hidden = n === 0 && bad === 0;
	setText($("changes"), bad > 0 ? t("{n} to be mended", { n: bad }) : t("{n} changes", { n }));
	$("changes").classList.toggle("error", bad > 0);
	$("save").disabled = n === 0;
}

const typed = () => {
	const values = { ...fields.values() };
	for (const k of all())
		if (k.isSecret)
			delete values[k.key];
	const draft = { values, filters: filtersDiffer() ? readFilters() : null, feeds: feedsDiffer() ? readFeeds() : null };
	return Object.keys(values).length > 0 || draft.filters || draft.feeds ? draft : null;
};

function restore(draft) {
	fields.restore(draft.values);
	if (draft.filters && !ONLY)
		$("filters").replaceChildren(...draft.filters.map(filterRow));
	if (draft.feeds && !ONLY)
		$("feeds").replaceChildren(...draft.feeds.map(feedRow));
	say(t("What you typed is here again."));
	showBar();
}

const refresh = live(["notification"], async () => {
	const first = described === null;
	const [now, mapping] = await Promise.all([rpc("describeSettings", [lang]), rpc("getPortMapping")]);
	described = now;
	if (first)
		build();
	else
		all().forEach((s) => fields.update(s));
	showMapping(mapping);
	if (!ONLY) {
		setText($("file"), described.file ?? "");
		showPassword();
		if (first || !filtersDiffer())
			showFilters(described.filters);
		if (first || !feedsDiffer())
			showFeeds(described.feeds);
	}
	for (const [name, key] of [["theme", "preferredTheme"], ["accent", "accentColor"]])
		document.documentElement.dataset[name] = all().find((k) => k.key === key).value;
	$("settings").removeAttribute("aria-busy");
	if (first) {
		const draft = takeDraft("settings");
		if (draft)
			restore(draft);
		search();
	}
	showBar();
}, { every: 5000 });
const lost = draftOf("settings", () => described === null ? null : typed());

// Another port: this page is there, too.
const here = () => Number(location.port || (location.protocol === "https:" ? 443 : 80));

function follow(port) {
	if (port === here() || port === 0)
		return;
	say(t("The node is on port {port} now.", { port }));
	location.port = String(port);
}

// What would shut the reader out of these pages.
function dangers(settings) {
	const list = [];
	if (settings.allowHTML === false)
		list.push(t("Without allowHTML these pages are gone, for everybody. Only the ini brings them back."));
	if (settings.trustLocalhost === false && !all().find((k) => k.key === "password").isSet)
		list.push(t("Without trustLocalhost and without a password nobody gets in any more."));
	return list.join(" ");
}

async function save() {
	const call = { settings: fields.values() };
	const danger = dangers(call.settings);
	if (danger && !await ask({ title: t("Save this, too?"), text: danger, ok: t("Save"), danger: true }))
		return;
	if (filtersDiffer())
		call.filters = readFilters();
	if (feedsDiffer())
		call.feeds = readFeeds();
	const onPort = here() === described.port;
	const { saved, errors, port } = await rpc("changeSettings", call);
	if (!saved) {
		showListFaults(fields.refused(errors));
		say(t("Nothing was saved: look at what is marked."), "bad");
		return;
	}
	fields.saved();
	filtersWere = feedsWere = "";
	if ("serverPort" in call.settings && port !== Number(call.settings.serverPort))
		say(t("Saved, but the port cannot be used: the node is still on {port}.", { port }), "bad");
	else
		say(t("Saved."));
	if ("serverPort" in call.settings && onPort)
		follow(port);
	refresh();
}

onSubmit($("settings"), () => save().finally(showBar), lost);

$("discard").addEventListener("click", () => {
	fields.discard();
	if (!ONLY) {
		showFilters(described.filters);
		showFeeds(described.feeds);
	}
	showBar();
});

addEventListener("beforeunload", (e) => {
	if (described !== null && !document.querySelector("#alert:not([hidden])") && typed() !== null)
		e.preventDefault();
});

// --- finding ------------------------------------------------------------------------------------------

function search() {
	const words = ($("find")?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
	let found = 0;
	for (const group of document.querySelectorAll("#settings details")) {
		const title = group.querySelector("summary").textContent.toLowerCase();
		const whole = words.every((w) => title.includes(w));
		let here = 0;
		for (const row of group.querySelectorAll(".setting")) {
			const text = row.querySelector(".what").textContent.toLowerCase();
			row.hidden = !whole && !words.every((w) => text.includes(w));
			here += !row.hidden;
		}
		const other = group.querySelector(".setting") === null && words.every((w) => group.textContent.toLowerCase().includes(w));
		group.hidden = words.length > 0 && !whole && here === 0 && !other;
		found += !group.hidden;
		if (words.length > 0)
			group.open = true;
	}
	if ($("nothing"))
		$("nothing").hidden = found > 0;
}

// --- the rest ------------------------------------------------------------------------------------------

async function changePassword() {
	const current = $("pw-current"), fresh = $("pw-new"), again = $("pw-again");
	check(current, "");
	check(fresh, "");
	if (!check(again, fresh.value === again.value ? "" : t("The two are not the same."))) {
		again.focus();
		return;
	}
	if (fresh.value === "" && !await ask({ title: t("No password?"), danger: true, ok: t("No password"),
		text: t("Without one, nobody gets in from other machines.") }))
		return;
	try {
		await rpc("setPassword", [current.value, fresh.value]);
	} catch (e) {
		if (e instanceof LoginError || e.data === undefined)
			throw e;
		const mine = /current|wait/.test(e.data) ? current : fresh;
		check(mine, told(e.data));
		mine.focus();
		return;
	}
	for (const input of [current, fresh, again])
		input.value = "";
	say(t("The password is changed."));
	refresh();
}

if (!ONLY) {
	$("find").addEventListener("input", search);
	$("add-filter").addEventListener("click", () => {
		const row = filterRow({ ip: "", ban: false, private: false, network: true, direct: true });
		$("filters").append(row);
		part(row, "pattern").focus();
		showBar();
	});
	$("add-feed").addEventListener("click", () => {
		const row = feedRow({ url: "", rootHost: "" });
		$("feeds").append(row);
		part(row, "url").focus();
		showBar();
	});
	command($("pw-change"), changePassword);
}
