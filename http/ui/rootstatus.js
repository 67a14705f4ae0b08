// SPDX-License-Identifier: GPL-2.0-or-later
// How a root is doing: who is connected, what was refused and why, what was written.

import { $, command, duration, every, rpc, setFacts, setText } from "/html/node.js";

const SHOWN = 200;      // connections in the table

function row(cells) {
	const tr = document.createElement("tr");

	for (const text of cells)
		tr.append(Object.assign(document.createElement("td"), { textContent: text }));
	return tr;
}

function showConnections(list, total) {
	const shown = list.slice(0, SHOWN);

	$("connections").replaceChildren(...shown.map((c) => row([
		c.address, c.agent, c.sessionId.slice(0, 8) + "…", String(c.channels), duration(c.age),
		c.lastUpdate === null ? "never" : `${duration(c.lastUpdate)} ago`,
	])));
	setText($("more"), total > shown.length ? `and ${total - shown.length} more` : "");
}

async function refresh() {
	const [s] = await rpc(["getRootStatus"]);

	setFacts($("totals"), [
		["Channels", s.channels],
		["Control connections", `${s.controlConnections} of ${s.maxControlConnections}`],
		["Announcements", s.announcements],
		["Broadcasts passed on", s.forwarded],
		["Broadcasts held back", s.dropped],
		["Bans", s.bans],
		["Up for", duration(s.uptime)],
	]);
	setFacts($("refused"), [
		["Full", s.refused.full],
		["Connected already", s.refused.duplicate],
		["Another's channel", s.refused.owner],
		["announcePolicy", s.refused.policy],
		["Banned", s.refused.banned],
	]);
	setFacts($("log"), [
		["Written", s.channelLog.written],
		["Dropped", s.channelLog.dropped],
		["Failures", s.channelLog.failed],
	]);
	showConnections(s.connections, s.controlConnections);
}

command($("broadcast"), ["broadcastRootSettings", [true]], refresh);
every(refresh);
