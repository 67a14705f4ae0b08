// SPDX-License-Identifier: GPL-2.0-or-later
// How a root is doing: who is connected, what was refused and why, what was written.

import { $, ago, command, duration, el, joined, rpc, say, setFacts, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

const SHOWN = 200;      // connections in the table

// A row below the headings of its table, which stand beside each value where there is no room for columns.
function row(body, cells) {
	const heads = [...body.closest("table").querySelectorAll("thead th")];
	return el("tr", {}, ...cells.map((text, i) => el("td", { text, "data-label": heads[i].textContent })));
}

function showConnections(list, total) {
	const shown = list.slice(0, SHOWN);

	$("connections").replaceChildren(...shown.map((c) => row($("connections"), [
		c.address, c.agent, c.sessionId.slice(0, 8) + "…", String(c.channels), duration(c.age),
		c.lastUpdate === null ? t("never") : ago(c.lastUpdate),
	])));
	setText($("rest"), total > shown.length ? t("and {n} more", { n: total - shown.length }) : "");
}

/* { flood: 3, replay: 1 } as "3 flood, 1 replay" */
const reasons = (dropped) => joined(Object.entries(dropped).map(([why, n]) => n > 0 ? `${n} ${why}` : ""), ", ");

function showSync(l) {
	const runs = l !== null && l.state === "running";
	const seal = () => l.sealed ? l.plain ? t("sealed and plain") : t("sealed") : t("plain");

	setText($("sync-state"), l === null ? t("no answer") : runs ?
		joined([t("Instance {id}, {seal}", { id: l.instance, seal: seal() }), l.why], ": ") : joined([l.state, l.why], ": "));
	$("sync-roots").hidden = !runs || l.instances.length === 0;
	setFacts($("sync"), !runs ? [] : [
		[t("Channels told"), l.ownChannels],
		[t("Channels heard"), l.channels],
		[t("Packets sent"), l.sent],
		[t("Packets received"), l.received],
		[t("Not sent"), l.sendFailed],
		[t("Lost unread"), l.lost],
		[t("Dropped"), reasons(l.dropped) || t("none")],
	]);
	$("instances").replaceChildren(...(runs ? l.instances : []).map((i) => row($("instances"), [
		i.id, i.address, duration(i.age), i.goodbye ? t("said goodbye") : ago(i.lastHeard),
		String(i.channels), String(i.packets), i.clockOffset === null ? "" : `${i.clockOffset} ms`,
		reasons(i.dropped),
	])));
}

const refresh = live(["connection"], async () => {
	const s = await rpc("getRootStatus");

	setFacts($("totals"), [
		[t("Channels"), s.channels],
		[t("Control connections"), t("{n} of {max}", { n: s.controlConnections, max: s.maxControlConnections })],
		[t("Announcements"), s.announcements],
		[t("Broadcasts passed on"), s.forwarded],
		[t("Broadcasts held back"), s.dropped],
		[t("Bans"), s.bans],
		[t("Up for"), duration(s.uptime)],
	]);
	setFacts($("refused"), [
		[t("Full"), s.refused.full],
		[t("Connected already"), s.refused.duplicate],
		[t("Another's channel"), s.refused.owner],
		["announcePolicy", s.refused.policy],
		[t("Banned"), s.refused.banned],
	]);
	setFacts($("log"), [
		[t("Written"), s.channelLog.written],
		[t("Dropped"), s.channelLog.dropped],
		[t("Failures"), s.channelLog.failed],
	]);
	showSync(s.liveSync);
	showConnections(s.connections, s.controlConnections);
}, { every: 3000 });

command($("broadcast"), async () => {
	await rpc("broadcastRootSettings", [true]);
	say(t("Sent."));
	refresh();
});
