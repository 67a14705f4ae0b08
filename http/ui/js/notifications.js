// SPDX-License-Identifier: GPL-2.0-or-later
// What the user was told, newest first.

import { $, clock, el, page, rpc, setBadge, setLink, setList, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

const KINDS = { "Upgrade Alert": t("Update"), Peercast: t("Node"), Broadcasters: t("Broadcasters"), "Track Info": t("Title") };
const LEVELS = { warning: "wait", error: "bad", info: "accent", normal: "" };

live(["notification"], async () => {
	const [notes, channels] = await Promise.all([rpc("getNotifications"), rpc("getChannels")]);
	const carried = new Set(channels.map((c) => c.channelId));

	setList($("notes"), notes, (n) => n.number, (n) => {
		const kind = el("span");
		setBadge(kind, LEVELS[n.type] ?? "", KINDS[n.title] ?? n.title);
		return el("li", { class: "card" }, el("div", { class: "head" }, kind, el("time", { class: "quiet end", text: clock(n.time) })),
			el("p", { class: "message" }), el("a", { text: t("Channel") }));
	}, (li, n) => {
		setText(li.querySelector(".message"), n.message);
		setLink(li.querySelector("a"), n.channelId !== null && carried.has(n.channelId) ? page("relayinfo", { id: n.channelId }) : null);
	});
	$("none").hidden = notes.length > 0;
});
