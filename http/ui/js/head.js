// SPDX-License-Identifier: GPL-2.0-or-later
// The header of a channel's stream, as a dump of bytes.

import { $, bytes, number, page, rpc, setFacts, setLink, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

const id = new URLSearchParams(location.search).get("id").toUpperCase();
const LINE = 16;

function dump(hex) {
	const all = hex.match(/../g) ?? [];
	const lines = [];

	for (let i = 0; i < all.length; i += LINE) {
		const part = all.slice(i, i + LINE);
		const letters = part.map((b) => parseInt(b, 16)).map((c) => c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : ".").join("");

		lines.push(`${i.toString(16).padStart(6, "0")}  ${part.join(" ").padEnd(LINE * 3 - 1)}  ${letters}`);
	}
	return lines.join("\n");
}

live(["channel"], async () => {
	let head;
	try {
		head = await rpc("getChannelHead", [id]);
	} catch (e) {
		if (e.code !== -1)
			throw e;
		setText($("dump"), t("This channel is not carried here any more."));
		return;
	}
	setFacts($("facts"), [[t("Length"), bytes(head.length)], [t("Position"), number(head.position)],
		[t("Shown"), head.hex.length / 2 < head.length ? bytes(head.hex.length / 2) : ""]]);
	setText($("dump"), head.length > 0 ? dump(head.hex) : t("There is no header: this kind of stream needs none, or nothing has come yet."));
});
setLink($("back"), page("relayinfo", { id }));
