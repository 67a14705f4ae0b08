// SPDX-License-Identifier: GPL-2.0-or-later
// One channel: what it is, its connections here, and the tree of its relays as far as it is known.

import { $, command, duration, endPoint, every, rpc, setFacts, setState, setText } from "/html/node.js";

const id = new URLSearchParams(location.search).get("id").toUpperCase();

function showChannel({ info, status, track }) {
	const isWeb = /^https?:\/\//i.test(info.url);

	setState($("state"), status);
	setText($("about"), [info.genre, info.desc].filter(Boolean).join(" · "));
	setText($("comment"), info.comment);
	setText($("track"), [track.creator, track.name, track.album].filter(Boolean).join(" – "));
	setFacts($("facts"), [
		["Type", info.contentType],
		["MIME", info.mimeType],
		["Bitrate", `${info.bitrate} kbit/s`],
		["Listeners", `${status.totalDirects} (${status.localDirects} here)`],
		["Relays", `${status.totalRelays} (${status.localRelays} here)`],
		["Playing for", status.uptime > 0 ? duration(status.uptime) : ""],
		["Room", [status.isRelayFull ? "" : "relays", status.isDirectFull ? "" : "players"].filter(Boolean)
			.join(", ") || "none"],
		["Network", status.network === "ipv6" ? "IPv6" : "IPv4"],
		["Id", id],
	]);
	$("contact").hidden = !isWeb;
	if (isWeb)
		$("contact").href = info.url;
	$("bump").hidden = status.isBroadcasting;
	$("carried").hidden = false;
}

function row(cells) {
	const tr = document.createElement("tr");

	for (const text of cells)
		tr.append(Object.assign(document.createElement("td"), { textContent: text }));
	return tr;
}

function showConnections(connections) {
	$("connections").replaceChildren(...connections.map((c) => row([
		c.type, c.remoteEndPoint ?? "", c.agentName ?? "", c.status,
		String(Math.round(((c.sendRate ?? 0) + (c.recvRate ?? 0)) / 125)),
	])));
	$("connected").hidden = false;
}

// What a node says of itself, in a line. A closed port is no address to connect to.
function describe(n) {
	const words = [n.isTracker ? "tracker" : "", n.isFirewalled ? "port closed" : "",
		n.isReceiving ? "" : "not receiving", n.isRelayFull ? "full" : ""];

	return [n.port !== 0 ? endPoint(n.address, n.port) : n.address, ...words.filter(Boolean),
		`${n.localDirects} listening`, `${n.localRelays} relaying`, n.versionString].filter(Boolean).join(" · ");
}

// Level by level, so that no depth is too deep.
function showTree(tops) {
	const done = document.createElement("ul");
	const todo = tops.map((node) => [done, node]);

	while (todo.length > 0) {
		const [list, node] = todo.shift();
		const li = document.createElement("li");
		const line = Object.assign(document.createElement("span"), { textContent: describe(node) });

		line.title = node.sessionId;
		li.append(line);
		list.append(li);
		if (node.children.length > 0) {
			const below = document.createElement("ul");

			li.append(below);
			todo.push(...node.children.map((child) => [below, child]));
		}
	}
	$("tree").replaceChildren(...done.children);
}

async function refresh() {
	const [channels] = await rpc(["getChannels"]);
	let tree = [];
	const channel = channels.find((c) => c.channelId === id);

	setText($("name"), channel?.info.name || id);
	document.title = channel?.info.name || "PeerCast";
	$("carried").hidden = $("connected").hidden = channel === undefined;
	if (channel !== undefined) {
		showChannel(channel);
		showConnections((await rpc(["getChannelConnections", [id]]))[0]);
	} else {
		setText($("state"), "not carried here");
	}
	try {
		[tree] = await rpc(["getChannelRelayTree", [id]]);
	} catch (e) {
		if (channel !== undefined || e instanceof TypeError)
			throw e;
		setText($("state"), "ended");   // nothing is known of it any more
	}
	showTree(tree);
}

command($("bump"), ["bumpChannel", [id]], refresh);
command($("stop"), ["stopChannel", [id]], refresh, () => `Stop "${$("name").textContent}"?`);
every(refresh);
