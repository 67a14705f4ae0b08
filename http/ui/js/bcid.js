// SPDX-License-Identifier: GPL-2.0-or-later
// The owner's key of the channels of this node: it can be replaced, not looked at.

import { $, ask, check, rpc, say, t } from "/assets/js/node.js";
import { onSubmit, told } from "/assets/js/fields.js";

const field = $("new");

$("make").addEventListener("click", () => {
	field.value = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("").toUpperCase();
	check(field, "");
});
field.addEventListener("input", () => check(field, field.value === "" || /^[0-9a-f]{32}$/i.test(field.value.trim()) ? "" : t("not 32 hex digits")));

onSubmit($("bcid"), async () => {
	if (!check(field, /^[0-9a-f]{32}$/i.test(field.value.trim()) ? "" : t("not 32 hex digits"))) {
		field.focus();
		return;
	}
	if (!await ask({ title: t("Replace the broadcast ID?"), danger: true, ok: t("Replace"),
		text: t("The old one cannot be brought back unless you have it written down.") }))
		return;
	const { saved, errors } = await rpc("changeSettings", [{ broadcastID: field.value.trim() }]);
	check(field, saved ? "" : told(errors.broadcastID));
	if (saved) {
		field.value = "";
		say(t("Saved."));
	}
});
