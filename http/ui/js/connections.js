// SPDX-License-Identifier: GPL-2.0-or-later
// Who is connected: all of the node, or (?id=) of a channel.

import { $, bytes, command, duration, el, page, rate, rpc, say, setLink, setList, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

const id = new URLSearchParams(location.search).get("id")?.toUpperCase() ?? "";
const good = /^[0-9A-F]{32}$/.test(id);
const KINDS = {
	RELAY: t("Relay node"), DIRECT: t("Player"), CIN: t("Tracker (in)"), COUT: t("Yellow page (out)"), INCOMING: t("Incoming"),
	COMMAND: t("Page or API"), SERVER: t("Listener"),
};
const STATES = {
	CONNECTED: t("connected"), HANDSHAKE: t("handshake"), CONNECTING: t("connecting"), PROTOCOL: t("handshake"),
	CLOSING: t("closing"), ERROR: t("error"), TIMEOUT: t("timed out"), WAIT: t("waits"), NONE: t("new"), LISTENING: t("listens"),
};

let list = [], names = new Map(), total = 0;

for (const [value, text] of Object.entries(KINDS))
	if (value !== "SERVER")
		$("kind").append(el("option", { value, text }));

const kbps = (rateOf) => rateOf > 0 ? rate(rateOf * 8 / 1000) : "";

function make(c) {
	const stop = el("button", { type: "button", class: "button small danger", text: t("Stop"),
		"aria-label": t("End {name}", { name: c.remoteEndPoint ?? c.connectionId }) });
	command(stop, async () => {
		if (!await rpc("endConnection", [c.connectionId]))
			say(t("It has ended already."));
		refresh();
	}, { sure: () => ({ title: t("Stop {name}?", { name: c.remoteEndPoint ?? String(c.connectionId) }) }) });
	return el("tr", {}, el("td", { class: "kind", "data-label": t("Kind") }), el("td", { "data-label": t("Address") }),
		el("td", { "data-label": t("Agent") }), el("td", { "data-label": t("Channel") }), el("td", { "data-label": t("State") }),
		el("td", { class: "num", "data-label": t("For") }), el("td", { class: "num", "data-label": t("Out") }),
		el("td", { class: "num", "data-label": t("In") }), el("td", {}, stop));
}

function cell(td, text, title) {
	if (td.textContent !== text)
		td.textContent = text;
	if (title)
		td.title = title;
}

function show(tr, c) {
	const [kind, address, agent, channel, state, age, sent, received] = tr.children;
	cell(kind, KINDS[c.type] ?? c.type);
	cell(address, `${c.isOutgoing ? "→ " : ""}${c.remoteEndPoint ?? ""}${c.isTls ? " TLS" : ""}${c.isPrivate ? ` (${t("private")})` : ""}`);
	cell(agent, c.agentName ?? "");
	if (c.channelId !== null) {
		if (channel.firstChild === null)
			channel.append(el("a"));
		setText(channel.firstChild, names.get(c.channelId) ?? c.channelId.slice(0, 8));
		setLink(channel.firstChild, names.has(c.channelId) ? page("relayinfo", { id: c.channelId }) : null);
		channel.firstChild.hidden = false;
	}
	cell(state, STATES[c.status] ?? c.status);
	cell(age, duration(c.age));
	cell(sent, kbps(c.sendRate), bytes(c.sent));
	cell(received, kbps(c.recvRate), bytes(c.received));
}

function showAll() {
	const kind = $("kind").value, words = $("find").value.toLowerCase();
	const shown = list.filter((c) => (kind === "" || c.type === kind) && (words === "" ||
		`${c.remoteEndPoint} ${c.agentName} ${names.get(c.channelId) ?? ""}`.toLowerCase().includes(words)));
	setList($("connections"), shown, (c) => c.connectionId, make, show);
	$("none").hidden = shown.length > 0;
	setText($("total"), shown.length === total ? t("{n} connections", { n: total }) : t("{n} of {max} connections", { n: shown.length, max: total }));
}

const refresh = live(["connection"], async () => {
	const [answer, channels] = await Promise.all([rpc("getConnections", good ? [id] : []), rpc("getChannels")]);

	list = answer.connections;
	total = answer.total;
	names = new Map(channels.map((c) => [c.channelId, c.info.name || t("(no name)")]));
	if (good) {
		$("of").hidden = false;
		setText($("channel"), names.get(id) ?? t("a channel that is not carried here"));
		setLink($("channel"), names.has(id) ? page("relayinfo", { id }) : null);
		$("channel").hidden = false;
	}
	showAll();
}, { every: 3000 });

$("kind").addEventListener("change", showAll);
$("find").addEventListener("input", showAll);
