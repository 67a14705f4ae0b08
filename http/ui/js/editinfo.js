// SPDX-License-Identifier: GPL-2.0-or-later
// The texts of a broadcast of this node. What somebody else changes meanwhile shows up in the fields that are not
// being edited; what is saved is what was changed here.

import { $, RpcError, rpc, say, setState, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { checkTexts, draftOf, fillForm, firstFault, onSubmit, readForm, takeDraft } from "/assets/js/fields.js";

const form = $("info"), id = new URLSearchParams(location.search).get("id")?.toUpperCase() ?? "";
const FIELDS = {
	"name": ["info", "name"], "genre": ["info", "genre"], "desc": ["info", "desc"], "comment": ["info", "comment"],
	"contactURL": ["info", "url"], "track.title": ["track", "name"], "track.artist": ["track", "creator"],
	"track.album": ["track", "album"], "track.genre": ["track", "genre"], "track.contactURL": ["track", "url"],
};

let was = null;

const differing = () => was === null ? [] : Object.entries(readForm(form)).filter(([name, value]) => value !== was[name]);

function end(text) {
	setText($("gone"), text);
	for (const e of form.elements)
		e.disabled = text !== "";
}

function show(c) {
	const now = Object.fromEntries(Object.entries(FIELDS).map(([name, [of, key]]) => [name, c[of][key] ?? ""]));
	const mine = new Set(differing().map(([name]) => name));

	fillForm(form, Object.fromEntries(Object.entries(now).filter(([name]) => !mine.has(name))));
	was = now;
	setState($("state"), c.status);
	document.title = `${c.info.name} - PeerCast`;
}

const refresh = live(["channel"], async () => {
	const c = (await rpc("getChannels")).find((x) => x.channelId === id);
	const first = was === null;

	form.removeAttribute("aria-busy");
	if (!c) {
		$("state").hidden = true;
		end(t("This channel has ended, or is not carried here."));
		return;
	}
	end(c.status.isBroadcasting ? "" : t("This channel is not a broadcast of this node: only its broadcaster can edit it."));
	show(c);
	if (first) {
		const draft = takeDraft("editinfo");
		if (draft !== null) {
			fillForm(form, draft);
			say(t("What you typed is here again."));
		}
	}
}, { every: 10000 });
const lost = draftOf("editinfo", () => {
	const typed = differing();
	return typed.length > 0 ? Object.fromEntries(typed) : null;
});

async function save() {
	const typed = differing(), call = { info: {}, track: {} };

	if (!checkTexts(form)) {
		firstFault(form);
		return;
	}
	if (typed.length === 0) {
		say(t("Nothing is different."));
		return;
	}
	for (const [name, value] of typed) {
		const [of, key] = FIELDS[name];
		call[of][key] = value;
	}
	await rpc("setChannelInfo", [id, call.info, call.track]);
	Object.assign(was, Object.fromEntries(typed));
	say(t("Saved. Yellow page and relays hear of it."));
	refresh();
}

form.addEventListener("input", () => checkTexts(form));
onSubmit(form, save, (error) => {
	lost(error);
	if (error instanceof RpcError)
		refresh();
});
$("discard").addEventListener("click", () => {
	fillForm(form, was ?? {});
	checkTexts(form);
});
