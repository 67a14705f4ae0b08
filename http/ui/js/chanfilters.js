// SPDX-License-Identifier: GPL-2.0-or-later
// The rules for channels of yellow pages: made, changed, ordered, taken over from PeCaRecorder.

import { $, ask, check, command, el, fromTemplate, joined, number, rpc, say, setText, t, trouble } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { BrokenRules, FIELDS, SEARCHES, compile, exactly, fault, importXml, loadRules, newRule, saveRules } from "/assets/js/filters.js";

const LABELS = {
	base_search: t("Channels with this"), and_search: t("and also this"), not_search: t("but not this"),
};
const words = new Map(FIELDS.map(([field, , , label]) => [field, label]));

let rules = [], channels = [];

// --- the list -----------------------------------------------------------------------------------------

// In words: "Name, Genre: ^a".
const inWords = ({ fields, search }) => `${fields.map((f) => words.get(f)).join(", ")}: ${search}`;

function fill(li, rule, i) {
	const part = (name) => li.querySelector("." + name);
	const kinds = [rule.enabled ? "" : t("off"), rule.favorite ? t("Favourites") : "", rule.ignore ? t("Hide") : ""].filter(Boolean);
	const searches = SEARCHES.filter((s) => s === "base_search" || rule[s].enabled);
	const wrong = searches.map((s) => fault(rule[s].search)).find(Boolean) ??
		(searches.some((s) => rule[s].fields.length === 0) ? t("A search that looks at nothing finds nothing.") : "");

	li.classList.toggle("off", !rule.enabled);
	part("colour").hidden = !rule.enable_color;
	part("colour").style.setProperty("--mark", `rgb(${rule.color.join(" ")})`);
	setText(part("name"), rule.name || t("(no name)"));
	part("kinds").replaceChildren(...kinds.map((text) => el("span", { class: "badge", text })));
	setText(part("what"), joined(searches.map((s) => joined([s === "base_search" ? "" : LABELS[s], inWords(rule[s])], " "))));
	setText(part("wrong"), wrong);
	part("up").disabled = i === 0;
	part("down").disabled = i === rules.length - 1;
	for (const [name, text] of [["up", t("Move {name} up", rule)], ["down", t("Move {name} down", rule)], ["delete", t("Delete {name}", rule)]])
		part(name).setAttribute("aria-label", text);
}

function card(i) {
	const li = fromTemplate("rule");
	const part = (name) => li.querySelector("." + name);
	const move = (step) => async () => {
		const to = i + step;
		await change((all) => { [all[i], all[to]] = [all[to], all[i]]; });
		// the focus goes along
		const button = $("rules").children[to].querySelector(step < 0 ? ".up" : ".down");
		(button.disabled ? $("rules").children[to].querySelector(".edit") : button).focus();
	};
	command(part("up"), move(-1));
	command(part("down"), move(1));
	command(part("edit"), () => edit(i));
	command(part("delete"), () => change((all) => { all.splice(i, 1); }), { sure: () => ({
		title: t("Delete {name}?", { name: rules[i].name || t("(no name)") }), ok: t("Delete"),
	}) });
	return li;
}

function show() {
	const list = $("rules");
	while (list.children.length > rules.length)
		list.lastElementChild.remove();
	while (list.children.length < rules.length)
		list.append(card(list.children.length));
	rules.forEach((rule, i) => fill(list.children[i], rule, i));
	$("empty").hidden = rules.length > 0;
}

// What another page has done meanwhile must not be undone: a change is made only to what is shown.
async function change(f) {
	const latest = await loadRules();
	if (JSON.stringify(latest) !== JSON.stringify(rules)) {
		rules = latest;
		show();
		throw new Error(t("The filters were changed elsewhere meanwhile. Look at them, and do it again."));
	}
	const next = structuredClone(rules);
	f(next);
	await saveRules(next);
	rules = next;
	show();
}

// --- one rule -----------------------------------------------------------------------------------------

const hex = (color) => "#" + color.map((n) => n.toString(16).padStart(2, "0")).join("");
const fromHex = (text) => [1, 3, 5].map((i) => Number.parseInt(text.slice(i, i + 2), 16));
const boxes = {};               // search: its fieldset

for (const key of SEARCHES) {
	const box = boxes[key] = fromTemplate("search");
	const input = box.querySelector(".text"), label = box.querySelector(".text-label");
	box.querySelector("legend").textContent = LABELS[key];
	input.id = label.htmlFor = `rule-${key}`;
	label.textContent = t("Regular expression");
	box.querySelector(".on").hidden = key === "base_search";
	box.querySelector(".enabled").id = `rule-${key}-on`;
	box.querySelector(".checks").append(...FIELDS.map(([field, , , word]) =>
		el("label", {}, el("input", { type: "checkbox", value: field, id: `rule-${key}-${field}` }), word)));
	$("searches").append(box);
}

function readSearch(key) {
	const box = boxes[key];
	const fields = [...box.querySelectorAll(".checks input:checked")].map((input) => input.value);
	const search = { fields, search: box.querySelector(".text").value };
	return key === "base_search" ? search : { enabled: box.querySelector(".enabled").checked, ...search };
}

function readForm(rule) {
	return {
		...rule, name: $("rule-name").value.trim(), enabled: $("rule-enabled").checked, favorite: $("rule-favorite").checked,
		ignore: $("rule-ignore").checked, ignore_case: $("rule-case").checked, enable_color: $("rule-colored").checked,
		color: fromHex($("rule-color").value), ...Object.fromEntries(SEARCHES.map((key) => [key, readSearch(key)])),
	};
}

function fillForm(rule) {
	$("rule-name").value = rule.name;
	$("rule-enabled").checked = rule.enabled;
	$("rule-favorite").checked = rule.favorite;
	$("rule-ignore").checked = rule.ignore;
	$("rule-case").checked = rule.ignore_case;
	$("rule-colored").checked = rule.enable_color;
	$("rule-color").value = hex(rule.color);
	for (const key of SEARCHES) {
		const box = boxes[key];
		box.querySelector(".text").value = rule[key].search;
		box.querySelector(".enabled").checked = rule[key].enabled === true;
		for (const input of box.querySelectorAll(".checks input"))
			input.checked = rule[key].fields.includes(input.value);
	}
}

// Looked at as it is typed: what is wrong, and what it would find now. True: it can be saved.
function judge() {
	const rule = readForm(newRule());
	let good = true;
	for (const key of SEARCHES)
		good = check(boxes[key].querySelector(".text"), key === "base_search" || rule[key].enabled ? fault(rule[key].search) : "") && good;
	const found = good ? channels.filter(((of) => (ch) => of(ch).rules.length > 0)(compile([{ ...rule, enabled: true }]))) : [];
	setText($("matches"), !good || channels.length === 0 ? "" : found.length === 0 ? t("No channel listed now matches.") :
		t("{n} of the channels listed now match: {names}", { n: number(found.length),
			names: found.slice(0, 3).map((ch) => ch.name).join(", ") + (found.length > 3 ? "…" : "") }));
	$("save").disabled = !good;
	return good;
}

let editing = -1, editingRule = null;

function edit(i, rule = rules[i]) {
	editing = i;
	editingRule = rule;
	$("editor-title").textContent = i < 0 ? t("New filter") : t("Edit filter");
	fillForm(rule);
	judge();
	$("editor").returnValue = "";
	$("editor").showModal();
	$("rule-name").focus();
}

$("editor").addEventListener("input", judge);
$("editor").addEventListener("close", () => {
	if ($("editor").returnValue !== "yes")
		return;
	const rule = readForm(editingRule), i = editing;
	change((all) => {
		if (i < 0)
			all.push(rule);
		else
			all[i] = rule;
	}).catch((e) => {
		trouble(e);
		// what was typed is not lost
		edit(-1, rule);
	});
});

// --- a file of PeCaRecorder -----------------------------------------------------------------------------

const LARGEST = 256 * 1024;     // what the node keeps

$("file").addEventListener("change", async () => {
	const [file] = $("file").files;
	$("file").value = "";
	if (!file)
		return;
	try {
		if (file.size > LARGEST * 4)
			throw new Error(t("This file is too large."));
		const found = importXml(await file.arrayBuffer());
		const names = found.slice(0, 5).map((r) => r.name || t("(no name)")).join(", ") + (found.length > 5 ? "…" : "");
		if (!await ask({ title: t("Import {n} filters?", { n: number(found.length) }), text: names, ok: t("Import") }))
			return;
		await change((all) => { all.push(...found); });
		say(t("{n} filters imported", { n: number(found.length) }), "good");
	} catch (e) {
		trouble(e);
	}
});

// --- start ------------------------------------------------------------------------------------------------

$("add").addEventListener("click", () => edit(-1, newRule()));
$("import").addEventListener("click", () => $("file").click());

const wanted = new URLSearchParams(location.search).get("fav");
let asked = false;

command($("anew"), async () => {
	await saveRules([]);
	refresh();
}, { sure: () => ({ title: t("Delete all filters?") }) });

const refresh = live(["feed"], async () => {
	const [kept, listed] = await Promise.all([
		loadRules().catch((e) => {
			if (!(e instanceof BrokenRules))
				throw e;
			return null;
		}), rpc("getYPChannels")]);
	$("broken").hidden = kept !== null;
	$("add").disabled = $("import").disabled = kept === null;
	rules = kept ?? [];
	channels = listed;
	show();
	$("empty").hidden ||= kept === null;
	if (kept === null)
		return;
	// from the list of channels: a filter for that one
	if (wanted !== null && !asked)
		edit(-1, newRule({ name: wanted, base_search: { fields: ["name"], search: exactly(wanted) } }));
	asked = true;
	if ($("editor").open)
		judge();
});
