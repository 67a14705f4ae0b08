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

/* { flood: 3, replay: 1 } as "3 flood, 1 replay" */
function reasons(dropped) {
	return Object.entries(dropped).filter(([, n]) => n > 0).map(([why, n]) => `${n} ${why}`).join(", ");
}

function showSync(l) {
	const runs = l !== null && l.state === "running";

	setText($("sync-state"), l === null ? "no answer" : runs ?
		`Instance ${l.instance}, ${l.sealed ? l.plain ? "sealed and plain" : "sealed" : "plain"}${l.why ? ": " + l.why : ""}` :
		l.why ? `${l.state}: ${l.why}` : l.state);
	$("sync-roots").hidden = !runs || l.instances.length === 0;
	setFacts($("sync"), !runs ? [] : [
		["Channels told", l.ownChannels],
		["Channels heard", l.channels],
		["Packets sent", l.sent],
		["Packets received", l.received],
		["Not sent", l.sendFailed],
		["Lost unread", l.lost],
		["Dropped", reasons(l.dropped) || "none"],
	]);
	$("instances").replaceChildren(...(runs ? l.instances : []).map((i) => row([
		i.id, i.address, duration(i.age), i.goodbye ? "said goodbye" : `${duration(i.lastHeard)} ago`,
		String(i.channels), String(i.packets), i.clockOffset === null ? "" : `${i.clockOffset} ms`,
		reasons(i.dropped),
	])));
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
	showSync(s.liveSync);
	showConnections(s.connections, s.controlConnections);
}

command($("broadcast"), ["broadcastRootSettings", [true]], refresh);
every(refresh);
