// SPDX-License-Identifier: GPL-2.0-or-later
// One channel: what it is, its connections here, and the tree of its relays as far as it is known.

import { $, command, duration, el, endPoint, isWeb, joined, number, page, rate, rpc, setBadge, setFacts, setLink, setState, setText, t }
	from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

const id = new URLSearchParams(location.search).get("id").toUpperCase();

function showChannel({ info, status, track }) {
	const here = (total, local) => t("{total} ({here} here)", { total, here: local });

	setState($("state"), status);
	setText($("about"), joined([info.genre, info.desc]));
	setText($("comment"), info.comment);
	setText($("track"), joined([track.creator, track.name, track.album], " – "));
	setFacts($("facts"), [
		[t("Type"), info.contentType],
		[t("Bitrate"), rate(info.bitrate)],
		[t("Listeners"), here(status.totalDirects, status.localDirects)],
		[t("Relays"), here(status.totalRelays, status.localRelays)],
		[t("Playing for"), status.uptime > 0 ? duration(status.uptime) : ""],
		[t("Room for"), joined([status.isRelayFull ? "" : t("relays"), status.isDirectFull ? "" : t("players")], ", ") ||
			t("nobody")],
		[t("Network"), status.network === "ipv6" ? "IPv6" : "IPv4"],
		["ID", id],
	]);
	setLink($("contact"), isWeb(info.url) ? info.url : null);
	$("bump").hidden = status.isBroadcasting;
	$("carried").hidden = false;
}

const row = (cells) => el("tr", {}, ...cells.map((text) => el("td", { text })));

function showConnections(connections) {
	$("connections").replaceChildren(...connections.map((c) => row([
		c.type, c.remoteEndPoint ?? "", c.agentName ?? "", c.status,
		number(Math.round(((c.sendRate ?? 0) + (c.recvRate ?? 0)) / 125)),
	])));
	$("connected").hidden = false;
}

// What a node says of itself, in a line. A closed port is no address to connect to.
function describe(n) {
	const words = [n.isTracker ? t("tracker") : "", n.isFirewalled ? t("port closed") : "",
		n.isReceiving ? "" : t("not receiving"), n.isRelayFull ? t("full") : ""];

	return joined([n.port !== 0 ? endPoint(n.address, n.port) : n.address, ...words,
		t("{n} listeners", { n: n.localDirects }), t("{n} relays", { n: n.localRelays }), n.versionString]);
}

// Level by level, so that no depth is too deep.
function showTree(tops) {
	const done = el("ul");
	const todo = tops.map((node) => [done, node]);

	while (todo.length > 0) {
		const [list, node] = todo.shift();
		const li = el("li", {}, el("span", { text: describe(node), title: node.sessionId }));

		list.append(li);
		if (node.children.length > 0) {
			const below = el("ul");

			li.append(below);
			todo.push(...node.children.map((child) => [below, child]));
		}
	}
	$("tree").replaceChildren(...done.children);
}

const refresh = live(["channel", "connection"], async () => {
	const channels = await rpc("getChannels");
	let tree = [];
	const channel = channels.find((c) => c.channelId === id);

	setText($("name"), channel?.info.name || id);
	document.title = channel?.info.name || "PeerCast";
	$("carried").hidden = $("connected").hidden = channel === undefined;
	if (channel !== undefined) {
		showChannel(channel);
		showConnections(await rpc("getChannelConnections", [id]));
	} else {
		setBadge($("state"), "", t("not carried here"));
	}
	try {
		tree = await rpc("getChannelRelayTree", [id]);
	} catch (e) {
		if (channel !== undefined || e.code === undefined)
			throw e;
		setBadge($("state"), "wait", t("ended"));   // nothing is known of it any more
	}
	showTree(tree);
}, { every: 3000 });

command($("bump"), async () => { await rpc("bumpChannel", [id]); refresh(); });
command($("stop"), async () => { await rpc("stopChannel", [id]); location.href = page("index"); },
	{ sure: () => ({ title: t("Stop {name}?", { name: $("name").textContent }) }) });
