// SPDX-License-Identifier: GPL-2.0-or-later
// The first page: what runs here.

import { $, command, duration, endPoint, fromTemplate, isWeb, joined, page, rate, rpc, setFacts, setLink, setList, setState,
	setText, streamPath, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

function card({ channelId }) {
	const li = fromTemplate("channel");
	setLink(li.querySelector(".info"), page("relayinfo", { id: channelId }));
	command(li.querySelector(".bump"), async () => { await rpc("bumpChannel", [channelId]); refresh(); });
	command(li.querySelector(".stop"), async () => { await rpc("stopChannel", [channelId]); refresh(); },
		{ sure: () => ({ title: t("Stop {name}?", { name: li.querySelector(".name").textContent }) }) });
	return li;
}

function showChannel(li, { channelId, info, status, track }) {
	const part = (name) => li.querySelector("." + name);

	setText(part("name"), info.name || t("(no name)"));
	setState(part("state"), status);
	setText(part("about"), joined([info.genre, info.desc]));
	setText(part("comment"), info.comment);
	setText(part("track"), joined([track.creator, track.name], " – "));
	setFacts(part("facts"), [
		[t("Type"), info.contentType], [t("Bitrate"), rate(info.bitrate)],
		[t("Listeners"), t("{total} ({here} here)", { total: status.totalDirects, here: status.localDirects })],
		[t("Relays"), t("{total} ({here} here)", { total: status.totalRelays, here: status.localRelays })],
		[t("Playing for"), status.uptime > 0 ? duration(status.uptime) : ""],
	]);
	setLink(part("play"), `/pls/${channelId}`);
	setLink(part("stream"), streamPath(channelId, info.contentType));
	setLink(part("contact"), isWeb(info.url) ? info.url : null);
	part("bump").hidden = status.isBroadcasting;
}

const refresh = live(["channel"], async () => {
	const [version, status, channels] = await Promise.all([rpc("getVersionInfo"), rpc("getStatus"), rpc("getChannels")]);
	const [ip, port] = status.globalRelayEndPoint ?? status.localRelayEndPoint ?? [];

	setText($("agent"), version.agentName);
	setFacts($("node"), [
		[t("Up for"), duration(status.uptime)],
		[t("Address"), endPoint(ip, port)],
		[t("Port"), status.isFirewalled === null ? t("not tested") : status.isFirewalled ? t("closed") : t("open")],
	]);
	setList($("channels"), channels, (c) => c.channelId, card, showChannel);
	$("empty").hidden = channels.length > 0;
}, { every: 5000 });
