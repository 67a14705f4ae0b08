// SPDX-License-Identifier: GPL-2.0-or-later
// The rules for channels of yellow pages: what is a favourite, what is hidden, what gets a colour. They are kept by
// the node, as the item "channelFilters", in the shape that PeerCast-YT's pages use.

import { rpc, t } from "/assets/js/node.js";

const ITEM = "channelFilters";

// Of a rule, in a channel of getYPChannels, and in a PeCaRecorder file; with their words for people.
export const FIELDS = [
	["name", "name", "channelName", t("Name")],
	["genre", "genre", "genre", t("Genre")],
	["desc", "description", "detail", t("Description")],
	["comment", "comment", "comment", t("Comment")],
	["trackArtist", "creator", "artist", t("Artist")],
	["trackName", "trackTitle", "title", t("Title")],
	["trackAlbum", "album", "album", t("Album")],
	["feedUrl", "yellowPage", "ypUrl", t("Yellow page")],
	["url", "contactUrl", "contactUrl", t("Contact URL")],
	["trackContact", "trackUrl", "trackContactUrl", t("Track URL")],
	["contentTypeStr", "contentType", "type", t("Type")],
	["status", "status", "status", t("State")],
	["id", "channelId", "id", t("Channel ID")],
	["tip", "tracker", "tip", t("Tracker")],
];
const inChannel = new Map(FIELDS.map(([field, key]) => [field, key]));

export const SEARCHES = ["base_search", "and_search", "not_search"];

export function newRule(values = {}) {
	return {
		enabled: true, name: "", favorite: true, ignore: false,
		base_search: { fields: ["name"], search: "" },
		and_search: { enabled: false, fields: ["name"], search: "" },
		not_search: { enabled: false, fields: ["name"], search: "" },
		ignore_case: true, enable_color: false, color: [255, 255, 128],
		...values,
	};
}

const byte = (n) => Math.min(Math.max(Math.round(Number(n)) || 0, 0), 255);

function cleanSearch(search, always) {
	const fields = Array.isArray(search?.fields) ? search.fields.filter((f) => inChannel.has(f)) : [];
	const text = typeof search?.search === "string" ? search.search : "";
	return always ? { fields, search: text } : { enabled: search?.enabled === true, fields, search: text };
}

// Whatever was kept there, as rules; what a rule has besides stays.
function clean(rule) {
	const r = { ...newRule(), ...rule };
	for (const key of ["enabled", "favorite", "ignore", "ignore_case", "enable_color"])
		r[key] = r[key] === true;
	r.name = String(r.name ?? "");
	for (const key of SEARCHES)
		r[key] = cleanSearch(r[key], key === "base_search");
	r.color = Array.isArray(r.color) && r.color.length === 3 ? r.color.map(byte) : [255, 255, 128];
	return r;
}

export class BrokenRules extends Error {}

export async function loadRules() {
	const text = await rpc("getServerStorageItem", [ITEM]);
	if (!text)
		return [];
	let rules;
	try {
		rules = JSON.parse(text);
	} catch {
		throw new BrokenRules(t("The filters that are kept cannot be read."));
	}
	return Array.isArray(rules) ? rules.filter((r) => r && typeof r === "object").map(clean) : [];
}

export const saveRules = (rules) => rpc("setServerStorageItem", [ITEM, JSON.stringify(rules)]);

// --- matching ---------------------------------------------------------------------------------------

// What is wrong with a regular expression; "" = nothing.
export function fault(search) {
	try {
		new RegExp(search);
		return "";
	} catch (e) {
		return e.message;
	}
}

function tester({ fields, search }, ignoreCase) {
	if (fault(search))
		return () => false;
	const re = new RegExp(search, ignoreCase ? "i" : "");
	const keys = fields.map((f) => inChannel.get(f));
	return (channel) => keys.some((key) => re.test(channel[key] ?? ""));
}

// Rules ready for use: a function that says what they make of a channel: { favorite, ignore, color, rules }, where
// color is that of the first rule that has one, and rules are those that match.
export function compile(rules) {
	const tests = rules.filter((r) => r.enabled).map((rule) => {
		const base = tester(rule.base_search, rule.ignore_case);
		const and = rule.and_search.enabled ? tester(rule.and_search, rule.ignore_case) : () => true;
		const not = rule.not_search.enabled ? tester(rule.not_search, rule.ignore_case) : () => false;
		return { rule, matches: (ch) => base(ch) && and(ch) && !not(ch) };
	});
	return (channel) => {
		const found = tests.filter(({ matches }) => matches(channel)).map(({ rule }) => rule);
		return {
			favorite: found.some((r) => r.favorite), ignore: found.some((r) => r.ignore),
			color: found.find((r) => r.enable_color)?.color ?? null, rules: found,
		};
	};
}

// The rule that is about the channels of exactly that name.
export const exactly = (name) => `^${name.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")}$`;
export const isExactly = (rule, name) => rule.base_search.search === exactly(name) &&
	rule.base_search.fields.join() === "name" && !rule.and_search.enabled && !rule.not_search.enabled;

// --- PeCaRecorder -------------------------------------------------------------------------------------

const yes = (node, name) => node?.getAttribute(name) === "true";

function importSearch(node, always) {
	const where = (attribute) => [node?.querySelector("normal"), node?.querySelector("extra")].some((n) => yes(n, attribute));
	const search = {
		fields: FIELDS.filter(([, , attribute]) => where(attribute)).map(([field]) => field),
		search: node?.querySelector("search")?.textContent ?? "",
	};
	return always ? search : { enabled: yes(node, "enable"), ...search };
}

// The text of an XML file in whatever encoding it says.
function decoded(buffer) {
	const bytes = new Uint8Array(buffer);
	const head = String.fromCharCode(...bytes.subarray(0, 200));
	const label = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" :
		/^<\?xml[^>]*encoding=["']([\w.-]+)["']/i.exec(head)?.[1] ?? "utf-8";
	try {
		return new TextDecoder(label).decode(buffer);
	} catch {
		throw new Error(t("This is no XML file."));
	}
}

// The rules of a Filter.xml of PeCaRecorder.
export function importXml(buffer) {
	const text = decoded(buffer);
	const doc = new DOMParser().parseFromString(text, "application/xml");
	if (doc.querySelector("parsererror"))
		throw new Error(t("This is no XML file."));
	const rules = [...doc.getElementsByTagName("item")].map((item) => {
		const bg = Number(item.querySelector("common")?.getAttribute("bg") ?? "");
		return clean({
			enabled: yes(item, "enable"), name: item.getAttribute("name") ?? "",
			favorite: yes(item, "favorite"), ignore: yes(item, "ignore"),
			base_search: importSearch(item.querySelector("base"), true),
			and_search: importSearch(item.querySelector("and"), false),
			not_search: importSearch(item.querySelector("not"), false),
			ignore_case: yes(item.querySelector("option"), "icase"),
			enable_color: yes(item.querySelector("common"), "enableBg"),
			color: [bg & 255, bg >> 8 & 255, bg >> 16 & 255],
		});
	});
	if (rules.length === 0)
		throw new Error(t("There are no filters in this file."));
	return rules;
}
