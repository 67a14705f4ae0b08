// SPDX-License-Identifier: GPL-2.0-or-later
// One channel: where it comes from, who gets it from here and how far behind, who feeds whom, who refused whom.

import { $, ago, bytes, clock, comesIn, command, copy, duration, el, endPoint, fromTemplate, isWeb, joined, number, page, rate, rpc, say, setBadge,
	setFacts, setLink, setList, setState, setText, t, trouble } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

const id = new URLSearchParams(location.search).get("id").toUpperCase();
const seconds = (ms) => t("{n} s", { n: (ms / 1000).toFixed(1) });
let broadcasting = true;

function showChannel({ info, status, track }, detail) {
	const here = (total, local) => t("{total} ({here} here)", { total, here: local });

	broadcasting = status.isBroadcasting;
	setState($("state"), status);
	setText($("about"), joined([info.genre, info.desc]));
	setText($("comment"), info.comment);
	setText($("track"), joined([track.creator, track.name, track.album], " – "));
	setFacts($("facts"), [
		[t("Type"), info.contentType],
		[t("Bitrate"), info.bitrate > 0 ? rate(info.bitrate) : ""],
		[t("Listeners"), here(status.totalDirects, status.localDirects)],
		[t("Relays"), here(status.totalRelays, status.localRelays)],
		[t("Playing for"), status.uptime > 0 ? duration(status.uptime) : ""],
		[t("Room for"), joined([status.isRelayFull ? "" : t("relays"), status.isDirectFull ? "" : t("players")], ", ") || t("nobody")],
		[t("Network"), status.network === "ipv6" ? "IPv6" : "IPv4"],
		["ID", id],
	]);
	setLink($("play"), page("play", { id }));
	setLink($("playlist"), `/pls/${id}`);
	setLink($("edit"), broadcasting ? page("editinfo", { id }) : null);
	setLink($("contact"), isWeb(info.url) ? info.url : null);
	setLink($("head-link"), page("head", { id }));
	$("bump").hidden = $("keep-row").hidden = $("keep-hint").hidden = broadcasting;
	if (document.activeElement !== $("keep"))
		$("keep").checked = detail.isKept;
	setFacts($("source"), [
		[t("From"), broadcasting && status.source.startsWith("pcp:") ? t("an encoder") : status.source.replace(/^pcp:\/\/([^/]*)\/.*/, "$1")],
		[t("Comes in"), comesIn(detail.recvRate, info.bitrate)],
		[t("Received"), bytes(detail.received)],
		[t("Gaps"), number(detail.gaps)],
		[t("State"), detail.isDry ? t("nothing comes at the moment") : ""],
	]);
	setFacts($("buffer"), [
		[t("Holds"), seconds(detail.buffer.span)],
		[t("Size"), bytes(detail.buffer.bytes)],
		[t("Position"), number(detail.position)],
		[t("Header"), bytes(detail.headLength)],
	]);
}

// --- recording --------------------------------------------------------------------------------------

const RECORDING = { waiting: ["wait", t("waiting")], recording: ["good", t("recording")], trying: ["bad", t("will be tried again")],
	failed: ["bad", t("failed")], ended: ["", t("ended")] };
const PROBLEM = { "No space left on device": t("the disk is full"), "Disk quota exceeded": t("the disk quota is used up"),
	"No such file or directory": t("the folder is not there"), "Permission denied": t("the folder must not be written to") };

function showRecording({ recordings, isPossible, folder }) {
	const r = recordings.find((one) => one.channelId === id);
	const runs = r !== undefined && r.ended === null;
	const focused = document.activeElement;

	$("record").hidden = runs && r.state !== "trying";
	$("record").disabled = !isPossible;
	$("record-stop").hidden = !runs;
	// the one that was pressed has gone: the other one takes its place
	if (focused?.hidden && (focused === $("record") || focused === $("record-stop")))
		$(focused === $("record") ? "record-stop" : "record").focus();
	$("recording-hint").hidden = isPossible;
	$("recording-state").hidden = r === undefined;
	if (r !== undefined)
		setBadge($("recording-state"), ...RECORDING[r.state]);
	setFacts($("recording-facts"), r === undefined ? [] : [
		[t("Problem"), PROBLEM[r.problem] ?? r.problem ?? ""],
		[t("File"), r.file ?? ""],
		[t("Folder"), r.file !== null ? folder ?? "" : ""],
		[t("Size"), bytes(r.bytes)],
		[t("Files"), number(r.files)],
		[t("Begun"), clock(r.began) + (r.isAutomatic ? ` (${t("by itself")})` : "")],
		[t("Gaps of the disk"), r.skips > 0 ? number(r.skips) : ""],
	]);
}

// --- connections ------------------------------------------------------------------------------------

const TYPES = { source: t("Source"), relay: t("Relay node"), direct: t("Player") };
const CONNECTION = { Connected: t("connected"), Connecting: t("connecting"), Receiving: t("Receiving"), Searching: t("Searching"), Error: t("Error"),
	Idle: t("Idle") };

function connectionRow({ connectionId, remoteEndPoint }) {
	const tr = fromTemplate("connection");
	command(tr.querySelector(".cut"), async () => {
		await rpc("stopChannelConnection", [id, connectionId]);
		refresh();
	}, { sure: () => ({ title: t("Disconnect {address}?", { address: remoteEndPoint }) }) });
	return tr;
}

function showConnection(tr, c) {
	const cell = (name, text) => { tr.querySelector("." + name).textContent = text; };

	cell("type", TYPES[c.type] ?? c.type);
	cell("address", c.remoteEndPoint ?? c.remoteName ?? "");
	cell("agent", c.agentName ?? "");
	cell("status", CONNECTION[c.status] ?? c.status);
	cell("rate", rate(((c.type === "source" ? c.rate : c.sendRate) ?? 0) / 125));
	cell("lag", c.reader === undefined ? "" : joined([c.reader.lag > 0 ? seconds(c.reader.lag) : t("up to date"),
		c.reader.skips > 0 ? t("{n} skips", { n: c.reader.skips }) : ""]));
	tr.querySelector(".cut").hidden = c.type === "source";
	tr.querySelector(".cut").setAttribute("aria-label", t("Disconnect {address}", { address: c.remoteEndPoint ?? "" }));
}

function showConnections(connections, detail) {
	const readers = new Map(detail.readers.map((r) => [r.connectionId, r]));
	const all = connections.map((c) => ({ ...c, reader: readers.get(c.connectionId), rate: detail.recvRate }));

	setList($("connections"), all, (c) => c.connectionId, connectionRow, showConnection);
}

// --- the tree ---------------------------------------------------------------------------------------

// By how much somebody else is behind us, as he said it when he was last heard. The positions of the wire go round.
function behind(host, detail, bitrate) {
	if (!host?.isReceiving || host.position === 0 || detail === null || bitrate === 0)
		return null;
	const bytesBehind = ((detail.position - host.position) % 2 ** 32 + 2 ** 32) % 2 ** 32;
	const s = bytesBehind / (bitrate * 125) - host.heard;
	return bytesBehind < 2 ** 31 && s < 600 ? Math.max(s, 0) : null;
}

function flags(n) {
	return [n.isTracker ? ["accent", t("broadcaster")] : null, n.isFirewalled ? ["wait", t("port closed")] : null,
		n.isReceiving ? null : ["bad", t("not receiving")], n.isRelayFull ? ["", t("full")] : null].filter(Boolean);
}

const badges = (list) => list.map(([kind, text]) => el("span", { class: `badge ${kind}`, text }));

// A closed port is no address to connect to.
function treeLine(n, lag, self) {
	return el("span", { class: "node", title: n.sessionId },
		el("b", { text: self ? t("this node") : n.port !== 0 ? endPoint(n.address, n.port) : n.address }), " ",
		// of our own port the first page tells more
		...badges(flags(self ? { ...n, isFirewalled: false } : n)), " ",
		el("span", { class: "quiet num", text: joined([t("{n} listeners", { n: n.localDirects }), t("{n} relays", { n: n.localRelays }),
			lag === null ? "" : t("{n} s behind", { n: lag.toFixed(1) }), n.versionString]) }));
}

// Level by level, so that no depth is too deep.
function showTree(tops, detail, bitrate, carried) {
	const done = el("ul");
	// what is carried here has this node at the top, first of all
	const todo = tops.map((node, i) => [done, node, carried && i === 0]);
	const hosts = new Map((detail?.hosts ?? []).map((h) => [h.sessionId, h]));

	while (todo.length > 0) {
		const [list, node, self] = todo.shift();
		const li = el("li", {}, treeLine(node, self ? null : behind(hosts.get(node.sessionId), detail, bitrate), self));

		list.append(li);
		if (node.children.length > 0) {
			const below = el("ul");

			li.append(below);
			todo.push(...node.children.map((child) => [below, child, false]));
		}
	}
	// unchanged, it stays: somebody may have it under his finger
	const same = [...done.children].every((li, i) => $("tree").children[i]?.isEqualNode(li));
	if (!same || $("tree").children.length !== done.children.length)
		$("tree").replaceChildren(...done.children);
}

// --- refusals and hosts -----------------------------------------------------------------------------

const WHY = {
	full: t("full"), "no answer": t("no answer"), "not reachable": t("not reachable"), "channel not found": t("does not have the channel"),
	refused: t("refused"), "protocol error": t("protocol error"), "this node itself": t("it is this node itself"),
	"fed by this node": t("it is fed by this node"), "made room for another": t("gave the place to another"), "off the air": t("the broadcast has ended"),
	"connection lost": t("the connection broke"), "stream error": t("the stream was broken"), "gives nothing new": t("sent nothing new"),
	stalls: t("stopped sending"), skips: t("left gaps"), "has too many pauses": t("too many pauses"), "lags behind others": t("was behind others"),
	bandwidth: t("bandwidth"), "relay limit": t("limit of relays"), "not playing": t("not playing"),
	"channel limit": t("limit of relays per channel"), "connected already": t("connected already"), other: t("no room"),
};

function showRefusal(tr, r) {
	const cell = (name, text) => { tr.querySelector("." + name).textContent = text; };

	cell("when", clock(r.time));
	cell("address", r.host ?? "");
	cell("by", r.by === "us" ? t("we refused them") : t("they did not serve us"));
	cell("why", WHY[r.reason] ?? r.reason);
	cell("times", number(r.times));
}

function hostRow({ address }) {
	const tr = fromTemplate("host");
	command(tr.querySelector(".use"), async () => {
		await rpc("bumpChannel", [id, address]);
		say(t("{address} is asked for the channel.", { address }));
		refresh();
	});
	return tr;
}

function showHost(tr, h) {
	const cell = (name, text) => { tr.querySelector("." + name).textContent = text; };

	cell("address", h.address ?? "");
	tr.querySelector(".what").replaceChildren(...badges(flags(h)).flatMap((b) => [b, " "]));
	cell("listeners", number(h.listeners));
	cell("relays", number(h.relays));
	cell("hops", h.hops > 0 ? number(h.hops) : "");
	cell("heard", ago(h.heard));
	tr.querySelector(".use").hidden = broadcasting || h.isFirewalled || !h.address || h.address.endsWith(":0");
	tr.querySelector(".use").setAttribute("aria-label", t("Use {address} as source", { address: h.address ?? "" }));
}

// --- all of it --------------------------------------------------------------------------------------

// What may fail because the channel is not (any more) here.
async function orNull(call) {
	try {
		return await call;
	} catch (e) {
		if (e.code === undefined)
			throw e;
		return null;
	}
}

const refresh = live(["channel", "connection"], async () => {
	const [channels, detail, connections, tree, recordings] = await Promise.all([rpc("getChannels"), orNull(rpc("getChannelDetail", [id])),
		orNull(rpc("getChannelConnections", [id])), orNull(rpc("getChannelRelayTree", [id])), orNull(rpc("getRecordings"))]);
	const channel = detail !== null && connections !== null ? channels.find((c) => c.channelId === id) : undefined;
	const here = channel !== undefined;
	const name = channel?.info.name || $("name").textContent || id;

	setText($("name"), name);
	document.title = `${name} - PeerCast`;
	for (const part of ["carried", "flow", "connected"])
		$(part).hidden = !here;
	$("recording").hidden = !here || recordings === null;
	if (recordings !== null)
		showRecording(recordings);
	if (here) {
		showChannel(channel, detail);
		showConnections(connections, detail);
	} else {
		setBadge($("state"), tree === null ? "wait" : "", tree === null ? t("ended") : t("not carried here"));
	}
	showTree(tree ?? [], detail, channel?.info.bitrate ?? 0, here);
	setList($("refusals"), detail?.refusals ?? [], (r) => `${r.by} ${r.host} ${r.reason}`, () => fromTemplate("refusal"), showRefusal);
	$("refused").hidden = !detail?.refusals.length;
	setList($("hosts"), detail?.hosts ?? [], (h) => `${h.sessionId} ${h.address}`, hostRow, showHost);
	$("known").hidden = !detail?.hosts.length;
}, { every: 3000 });

command($("bump"), async () => {
	await rpc("bumpChannel", [id]);
	say(t("Looking for another source."));
	refresh();
});
command($("record"), async () => {
	await rpc("startRecording", [id]);
	refresh();
});
command($("record-stop"), async () => {
	await rpc("stopRecording", [id]);
	refresh();
});
command($("copy-id"), () => copy(id));
command($("stop"), async () => {
	await rpc("stopChannel", [id]);
	refresh();
}, { sure: () => ({ title: t("Stop {name}?", { name: $("name").textContent }), text: t("Everybody who watches or relays it from here is cut off.") }) });
$("keep").addEventListener("change", async () => {
	try {
		await rpc("keepChannel", [id, $("keep").checked]);
	} catch (e) {
		trouble(e);
	}
	refresh();
});
