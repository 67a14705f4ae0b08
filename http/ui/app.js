// SPDX-License-Identifier: GPL-2.0-or-later
// The page of the node: what /api/1 says, and the commands an operator needs. Everything that came
// from the network is put in as text, never as markup.

import { $, command, duration, endPoint, every, rpc, setFacts, setState, setText } from "/html/node.js";

const EXTENSIONS = {
	FLV: ".flv", MKV: ".mkv", WEBM: ".webm", MP4: ".mp4", OGG: ".ogg", OGM: ".ogg", MP3: ".mp3",
	WMV: ".wmv", WMA: ".wma", NSV: ".nsv", TS: ".ts", AAC: ".aac",
};

function isWeb(url) {
	return /^https?:\/\//i.test(url);
}

function card(id) {
	const li = $("channel").content.firstElementChild.cloneNode(true);
	li.dataset.id = id;
	li.querySelector(".info").href = `/html/en/relayinfo.html?id=${id}`;
	command(li.querySelector(".bump"), ["bumpChannel", [id]], refresh);
	command(li.querySelector(".stop"), ["stopChannel", [id]], refresh,
		() => `Stop "${li.querySelector(".name").textContent}"?`);
	return li;
}

function showChannel(li, ch) {
	const { info, status, track } = ch;
	const part = (name) => li.querySelector("." + name);

	setText(part("name"), info.name || "(no name)");
	setState(part("state"), status);
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

function showNode(version, status) {
	setText($("agent"), version.agentName);
	setFacts($("node"), [
		["Up for", duration(status.uptime)],
		["Address", [status.globalRelayEndPoint ?? status.localRelayEndPoint ?? []]
			.map(([ip, port]) => endPoint(ip, port))[0]],
		["Port", status.isFirewalled === null ? "not tested" : status.isFirewalled ? "closed" : "open"],
	]);
}

async function refresh() {
	const [version, status, channels] = await rpc(["getVersionInfo"], ["getStatus"], ["getChannels"]);
	showNode(version, status);
	showChannels(channels);
}

every(refresh);
// Only a root answers this.
rpc(["getRootStatus"]).then(() => { $("root").hidden = false; }, () => {});
