// SPDX-License-Identifier: GPL-2.0-or-later
// The page of the node: what /api/1 says, and the commands an operator needs. Everything that came
// from the network is put in as text, never as markup.

const REFRESH = 3000;
const $ = (id) => document.getElementById(id);

// Several calls in one request. Results by position; a failed call is an Error.
async function rpc(...calls) {
	const answer = await fetch("/api/1", {
		method: "POST",
		headers: { "Content-Type": "application/json", "X-Requested-With": "XMLHttpRequest" },
		body: JSON.stringify(calls.map(([method, params], id) =>
			({ jsonrpc: "2.0", id, method, params: params ?? [] }))),
	});
	if (!answer.ok)
		throw new Error(answer.status === 403 || answer.status === 401
			? "This node wants a password: open this page again and log in."
			: `The node answered ${answer.status}.`);
	const replies = await answer.json();
	const byId = new Map(replies.map((r) => [r.id, r]));
	return calls.map((_, id) => {
		const r = byId.get(id);
		return r?.error ? new Error(r.error.message) : r?.result;
	});
}

function duration(s) {
	const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
	return h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min` : `${s} s`;
}

function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
	node.hidden = text === "";
}

// A description list that changes only where a value did.
function setFacts(list, facts) {
	const shown = facts.filter(([, v]) => v !== null && v !== "");
	while (list.children.length > shown.length)
		list.lastElementChild.remove();
	shown.forEach(([name, value], i) => {
		let item = list.children[i];
		if (!item) {
			item = document.createElement("div");
			item.append(document.createElement("dt"), document.createElement("dd"));
			list.append(item);
		}
		setText(item.children[0], name);
		setText(item.children[1], String(value));
	});
}

const STATES = {
	Receiving: "good", Searching: "wait", Connecting: "wait", Error: "bad",
};

const EXTENSIONS = {
	FLV: ".flv", MKV: ".mkv", WEBM: ".webm", MP4: ".mp4", OGG: ".ogg", OGM: ".ogg", MP3: ".mp3",
	WMV: ".wmv", WMA: ".wma", NSV: ".nsv", TS: ".ts", AAC: ".aac",
};

function isWeb(url) {
	return /^https?:\/\//i.test(url);
}

function card(id) {
	const li = $("channel").content.firstElementChild.cloneNode(true);
	const command = (button, method, sure) => button.addEventListener("click", async () => {
		if (sure && !confirm(sure()))
			return;
		button.disabled = true;
		try {
			const [result] = await rpc([method, [id]]);
			if (result instanceof Error)
				throw result;
			await refresh();
		} catch (e) {
			trouble(e.message);
		} finally {
			button.disabled = false;
		}
	});
	li.dataset.id = id;
	command(li.querySelector(".bump"), "bumpChannel");
	command(li.querySelector(".stop"), "stopChannel",
		() => `Stop "${li.querySelector(".name").textContent}"?`);
	return li;
}

function showChannel(li, ch) {
	const { info, status, track } = ch;
	const part = (name) => li.querySelector("." + name);
	const word = status.isReceiving && status.isBroadcasting ? "Broadcasting" : status.status;

	setText(part("name"), info.name || "(no name)");
	setText(part("state"), word);
	part("state").className = "state " + (STATES[status.status] ?? "");
	setText(part("about"), [info.genre, info.desc].filter(Boolean).join(" · "));
	setText(part("comment"), info.comment);
	setText(part("track"), [track.creator, track.name].filter(Boolean).join(" – "));
	setFacts(part("facts"), [
		["Type", info.contentType],
		["Bitrate", `${info.bitrate} kbit/s`],
		["Listeners", `${status.totalDirects} (${status.localDirects} here)`],
		["Relays", `${status.totalRelays} (${status.localRelays} here)`],
		["Playing for", status.uptime > 0 ? duration(status.uptime) : ""],
		["Id", ch.channelId],
	]);
	part("play").href = `/pls/${ch.channelId}`;
	part("stream").href = `/stream/${ch.channelId}${EXTENSIONS[info.contentType] ?? ""}`;
	part("contact").hidden = !isWeb(info.url);
	if (isWeb(info.url))
		part("contact").href = info.url;
	else
		part("contact").removeAttribute("href");
	part("bump").hidden = status.isBroadcasting;
}

function showChannels(channels) {
	const list = $("channels");
	const old = new Map([...list.children].map((li) => [li.dataset.id, li]));
	channels.forEach((ch, i) => {
		const li = old.get(ch.channelId) ?? card(ch.channelId);
		old.delete(ch.channelId);
		showChannel(li, ch);
		if (list.children[i] !== li)
			list.insertBefore(li, list.children[i] ?? null);
	});
	for (const li of old.values())
		li.remove();
	$("empty").hidden = channels.length > 0;
}

const endPoint = (p) => p === null ? "" : (p[0].includes(":") ? `[${p[0]}]` : p[0]) + ":" + p[1];

function showNode(version, status) {
	setText($("agent"), version.agentName);
	setFacts($("node"), [
		["Up for", duration(status.uptime)],
		["Address", endPoint(status.globalRelayEndPoint) || endPoint(status.localRelayEndPoint)],
		["Port", status.isFirewalled === null ? "not tested" : status.isFirewalled ? "closed" : "open"],
	]);
}

function trouble(text) {
	setText($("trouble"), text);
}

async function refresh() {
	const [version, status, channels] = await rpc(["getVersionInfo"], ["getStatus"], ["getChannels"]);
	for (const r of [version, status, channels])
		if (r instanceof Error)
			throw r;
	showNode(version, status);
	showChannels(channels);
	trouble("");
}

async function loop() {
	if (!document.hidden) {
		try {
			await refresh();
		} catch (e) {
			trouble(e instanceof TypeError ? "The node does not answer." : e.message);
		}
	}
	setTimeout(loop, REFRESH);
}

loop();
