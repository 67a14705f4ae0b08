// SPDX-License-Identifier: GPL-2.0-or-later
// Fields for settings, made from what describeSettings says of each: nothing is known here of single settings.

import { LoginError, check, el, rpc, t, trouble } from "/assets/js/node.js";

// --- what may be typed --------------------------------------------------------------------------------

const FORMATS = {
	"not an IP address": t("not an IP address"),
	"not an IPv4 address": t("not an IPv4 address"),
	"not an IPv4 multicast address": t("not an IPv4 multicast address"),
	"neither an address nor a name": t("neither an address nor a name"),
	"not host or host:port, separated by commas": t("not host or host:port, separated by commas"),
	"not IPv4 addresses, separated by commas": t("not IPv4 addresses, separated by commas"),
	"not addresses a.b.c.d or networks a.b.c.d/n, separated by commas":
		t("not addresses a.b.c.d or networks a.b.c.d/n, separated by commas"),
	"not an address, network or name": t("not an address, network or name"),
	"an address, network or name is missing": t("an address, network or name is missing"),
	"an address is missing": t("an address is missing"),
	"its url is not an http or https URL": t("its url is not an http or https URL"),
	"its url is not an http URL": t("its url is not an http URL"),
	"it is there already": t("it is there already"),
	"the root is not host or host:port": t("the root is not host or host:port"),
	"too long": t("too long"),
	"not 32 hex digits": t("not 32 hex digits"),
	"zero": t("not 32 hex digits"),
	"the current password is wrong": t("the current password is wrong"),
	"too many wrong passwords; wait a minute": t("Too many wrong passwords. Wait a minute."),
	"the new password is too long": t("the new password is too long"),
	"the new password has control characters, or blanks at its ends":
		t("the new password has control characters, or blanks at its ends"),
};

// What the node says of a field, in the reader's language where it is known.
export const told = (why) => FORMATS[why] ?? why;

const size = (text) => new TextEncoder().encode(text).length;

// What is wrong with a value, as far as that can be seen here; "" = nothing.
export function fault(s, value) {
	if (s.type === "integer" || s.type === "octal") {
		const octal = s.type === "octal";
		if (!(octal ? /^[0-7]+$/ : /^\d+$/).test(value))
			return octal ? t("not an octal number") : t("not a number");
		const n = Number.parseInt(value, octal ? 8 : 10);
		const [min, max] = octal ? [s.min.toString(8), s.max.toString(8)] : [s.min, s.max];
		return n < s.min || n > s.max ? t("between {min} and {max}", { min, max }) : "";
	}
	if (s.maxLength !== undefined && size(value) > s.maxLength)
		return t("longer than {n} bytes", { n: s.maxLength });
	if (s.type === "id" && value !== "" && !/^[0-9a-f]{32}$/i.test(value))
		return t("not 32 hex digits");
	return "";
}

// --- controls -----------------------------------------------------------------------------------------

// { node, input, get(), set(value) }: get() gives what changeSettings takes.
function choice(s, id) {
	const input = el("select", { id, name: s.key }, ...s.words.map((w) => el("option", { value: w, text: w })));
	return {
		node: input, input, get: () => input.value,
		set: (v) => {
			if (![...input.options].some((o) => o.value === v))
				input.append(el("option", { value: v, text: v }));      // from a file that says something else
			input.value = v;
		},
	};
}

function choices(s, id) {
	const boxes = s.words.map((w) => el("input", { type: "checkbox", name: s.key, value: w, id: `${id}-${w}` }));
	const node = el("div", { class: "row", role: "group", id, "aria-labelledby": `${id}-doc` },
		...boxes.map((box) => el("label", {}, box, box.value)));
	return {
		node, input: node,
		get: () => boxes.filter((b) => b.checked).map((b) => b.value).join(","),
		set: (v) => boxes.forEach((b) => { b.checked = v.split(",").includes(b.value); }),
	};
}

function toggle(s, id) {
	const input = el("input", { type: "checkbox", role: "switch", class: "switch", id, name: s.key });
	return { node: input, input, get: () => input.checked, set: (v) => { input.checked = v; } };
}

// Its value is not in the page; empty leaves it as it is (null), unless it is to go.
function secret(s, id) {
	const input = el("input", { type: "password", id, name: s.key, autocomplete: "off", spellcheck: "false" });
	const drop = el("button", { type: "button", class: "button small", text: t("Remove") });
	let gone = false;
	const mark = (yes) => {
		gone = yes;
		drop.setAttribute("aria-pressed", String(yes));
		input.placeholder = yes ? t("will be removed") : s.isSet ? t("set, and not shown") : t("not set");
	};
	drop.addEventListener("click", () => {
		input.value = "";
		mark(!gone);
		drop.dispatchEvent(new Event("change", { bubbles: true }));
	});
	input.addEventListener("input", () => mark(false));
	return {
		node: el("div", { class: "secret" }, input, s.type === "text" ? drop : null), input,
		get: () => input.value !== "" ? input.value : gone ? "" : null,
		set: (_, now = s) => {
			s = now;
			input.value = "";
			mark(false);
			drop.hidden = !s.isSet;
		},
	};
}

function text(s, id) {
	const numeric = s.type === "integer";
	const input = el("input", { type: "text", inputmode: numeric ? "numeric" : null, id, name: s.key, autocomplete: "off",
		spellcheck: "false", placeholder: !numeric && s.default === "" ? t("empty") : null });
	return { node: input, input, get: () => input.value.trim(), set: (v) => { input.value = String(v); } };
}

export function control(s, id) {
	if (s.isSecret)
		return secret(s, id);
	if (s.type === "boolean")
		return toggle(s, id);
	if (s.type === "words")
		return choices(s, id);
	return s.words ? choice(s, id) : text(s, id);
}

const shown = (s, v) => v === true ? t("Yes") : v === false ? t("No") : v === "" ? t("empty") : String(v);

// --- a form of settings ---------------------------------------------------------------------------------

// Fields for settings, and what becomes of them: changed() is called when there may be more or fewer.
export class Fields {
	constructor(changed) {
		this.fields = new Map();        // key: { s, row, control, was, timer }
		this.changed = changed;
	}

	// A row for a setting.
	make(s) {
		const id = `set-${s.key}`, c = control(s, id);
		const back = el("button", { type: "button", class: "button small", text: t("Reset"),
			"aria-label": t("Reset {key}", { key: s.key }), onclick: () => { c.set(f.s.default); this.typed(f); } });
		const note = el("p", { class: "hint default", hidden: true }, el("span"), " ", back);
		const what = s.type === "words" ? el("span", { class: "doc" }) : el("label", { class: "doc", for: id });
		const here = s.mayChange ? null : el("span", { class: "hint", text: t("Only on the machine itself, or in the ini.") });
		const row = el("div", { class: `setting field type-${s.type}`, "data-key": s.key },
			el("div", { class: "what" }, what, el("code", { class: "hint", id: `${id}-key`, text: s.key }), here),
			el("div", { class: "how" }, c.node, note));
		const f = { s, row, control: c, note, was: undefined, timer: 0 };
		what.id = `${id}-doc`;
		what.textContent = s.doc;
		c.input.setAttribute("aria-describedby", `${id}-key`);
		for (const event of ["input", "change"])
			row.addEventListener(event, () => this.typed(f));
		this.fields.set(s.key, f);
		this.show(f);
		return row;
	}

	// What the node has now; what is being edited stays.
	update(s) {
		const f = this.fields.get(s.key);
		if (!f)
			return;
		const untouched = !this.differs(f);
		f.s = s;
		if (untouched)
			this.show(f);
		else
			this.note(f);
	}

	show(f) {
		f.control.input.disabled = !f.s.mayChange;
		f.control.set(f.s.isSecret ? "" : f.s.value, f.s);
		f.was = f.control.get();
		check(f.control.input, "");
		this.note(f);
	}

	note(f) {
		const differs = !f.s.isSecret && f.s.mayChange && String(f.control.get()) !== String(f.s.default);
		f.note.hidden = !differs;
		if (differs)
			f.note.firstChild.textContent = t("Default: {value}", { value: shown(f.s, f.s.default) });
		f.row.classList.toggle("changed", this.differs(f));
	}

	differs(f) {
		return f.was !== undefined && f.control.get() !== f.was;
	}

	typed(f) {
		const value = f.control.get();
		const why = this.differs(f) && typeof value === "string" ? fault(f.s, value) : "";
		check(f.control.input, why);
		this.note(f);
		clearTimeout(f.timer);
		if (why === "" && f.s.format && this.differs(f))
			f.timer = setTimeout(() => this.ask(f, value), 250);
		this.changed();
	}

	// The node knows what a text of this kind has to look like.
	async ask(f, value) {
		try {
			const { errors } = await rpc("changeSettings", { settings: { [f.s.key]: value }, check: true });
			if (f.control.get() === value)
				check(f.control.input, told(errors[f.s.key] ?? ""));
			this.changed();
		} catch {
			// it is asked again when it is saved
		}
	}

	count() {
		return [...this.fields.values()].filter((f) => this.differs(f)).length;
	}

	// What is different: { key: value }.
	values() {
		return Object.fromEntries([...this.fields].filter(([, f]) => this.differs(f)).map(([key, f]) => [key, f.control.get()]));
	}

	restore(values) {
		for (const [key, value] of Object.entries(values ?? {})) {
			const f = this.fields.get(key);
			if (f && !f.s.isSecret) {
				f.control.set(value);
				this.typed(f);
			}
		}
	}

	discard() {
		for (const f of this.fields.values())
			this.show(f);
		this.changed();
	}

	// What the node says is wrong; the first such field has the focus. Returns what it said of others.
	refused(errors) {
		const other = {};
		let first = null;
		for (const [key, why] of Object.entries(errors)) {
			const f = this.fields.get(key);
			if (f) {
				check(f.control.input, told(why));
				first ??= f;
			} else {
				other[key] = told(why);
			}
		}
		if (first) {
			first.row.closest("details")?.setAttribute("open", "");
			first.control.input.focus();
		}
		this.changed();
		return other;
	}

	saved() {
		for (const f of this.fields.values())
			f.was = f.control.get();        // the next update() shows what the node made of it
	}
}

// --- what was typed, over a lost login --------------------------------------------------------------------

const place = (name) => `draft ${location.pathname}${location.search} ${name}`;

// For this tab alone, and nothing secret.
export function keepDraft(name, value) {
	try {
		sessionStorage.setItem(place(name), JSON.stringify(value));
	} catch {
		// no room, or not allowed: it is only for comfort
	}
}

export function takeDraft(name) {
	try {
		const text = sessionStorage.getItem(place(name));
		sessionStorage.removeItem(place(name));
		return text === null ? null : JSON.parse(text);
	} catch {
		return null;
	}
}

// Keep what is typed whenever the login is lost, or the page is left with something unsaved.
export function draftOf(name, typed) {
	const keep = () => {
		const value = typed();
		if (value !== null)
			keepDraft(name, value);
	};
	addEventListener("pagehide", keep);
	return (e) => {
		if (e instanceof LoginError)
			keep();
	};
}

// What a form's button does: once at a time, and what failed is said; failed() hears of it first.
export function onSubmit(form, action, failed = () => {}) {
	form.addEventListener("submit", async (event) => {
		const button = form.querySelector('[type="submit"]');
		event.preventDefault();
		if (button.getAttribute("aria-busy") === "true")
			return;
		button.setAttribute("aria-busy", "true");
		try {
			await action();
		} catch (e) {
			failed(e);
			trouble(e);
		} finally {
			button.removeAttribute("aria-busy");
		}
	});
}

// A form's fields by their names, without secrets.
export function readForm(form) {
	return Object.fromEntries([...form.elements].filter((e) => e.name && e.type !== "password" && e.type !== "hidden")
		.map((e) => [e.name, e.type === "checkbox" ? e.checked : e.value.trim()]));
}

export function fillForm(form, values) {
	for (const e of form.elements)
		if (e.name && values?.[e.name] !== undefined && values[e.name] !== null) {
			if (e.type === "checkbox")
				e.checked = values[e.name] === true;
			else
				e.value = values[e.name];
		}
}

// Texts of channels: 255 bytes each, as others cut them.
const TEXT_BYTES = 255;
export function checkTexts(form) {
	let good = true;
	for (const e of form.querySelectorAll("input[type=text], input[type=url], textarea")) {
		const long = size(e.value.trim()) > TEXT_BYTES;
		const missing = e.required && e.value.trim() === "";
		good = check(e, long ? t("longer than {n} bytes", { n: TEXT_BYTES }) : missing ? t("This is needed.") : "") && good;
	}
	return good;
}

export const firstFault = (root) => root.querySelector('[aria-invalid="true"]')?.focus();
