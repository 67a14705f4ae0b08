// SPDX-License-Identifier: GPL-2.0-or-later
// What is broadcast and relayed here, and what can be done with it.

import { $, check, comesIn, command, duration, fromTemplate, isWeb, joined, page, rpc, say, setFacts, setLink, setList, setState, setText, t, trouble }
	from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

function card({ channelId }) {
	const li = fromTemplate("channel");
	const keep = li.querySelector(".keep");

	setLink(li.querySelector(".name"), page("relayinfo", { id: channelId }));
	command(li.querySelector(".bump"), async () => {
		await rpc("bumpChannel", [channelId]);
		say(t("Looking for another source."));
		refresh();
	});
	command(li.querySelector(".stop"), async () => {
		await rpc("stopChannel", [channelId]);
		refresh();
	}, { sure: () => ({ title: t("Stop {name}?", { name: li.querySelector(".name").textContent }), text: t("Everybody who watches or relays it from here is cut off.") }) });
	keep.addEventListener("change", async () => {
		try {
			await rpc("keepChannel", [channelId, keep.checked]);
		} catch (e) {
			trouble(e);
		}
		refresh();
	});
	return li;
}

function showChannel(li, { channelId, info, status, track }) {
	const part = (name) => li.querySelector("." + name);
	const total = (all, here) => t("{total} ({here} here)", { total: all, here });
	const name = info.name || t("(no name)");

	part("name").textContent = name;
	part("name").hidden = false;
	setState(part("state"), status);
	setText(part("about"), joined([info.genre, info.desc]));
	setText(part("comment"), info.comment);
	setText(part("track"), joined([track.creator, track.name, track.album], " – "));
	setFacts(part("facts"), [
		[t("Comes in"), comesIn(status.recvRate, info.bitrate)],
		[t("Type"), info.contentType],
		[t("Listeners"), total(status.totalDirects, status.localDirects)],
		[t("Relays"), total(status.totalRelays, status.localRelays)],
		[t("Playing for"), status.uptime > 0 ? duration(status.uptime) : ""],
		[t("Room for"), joined([status.isRelayFull ? "" : t("relays"), status.isDirectFull ? "" : t("players")], ", ") || t("nobody")],
	]);
	setText(part("trouble"), status.status === "Error" ? t("The source is lost; it is looked for again.") : "");
	setLink(part("play"), page("play", { id: channelId }));
	setLink(part("playlist"), `/pls/${channelId}`);
	setLink(part("edit"), status.isBroadcasting ? page("editinfo", { id: channelId }) : null);
	setLink(part("contact"), isWeb(info.url) ? info.url : null);
	part("bump").hidden = status.isBroadcasting;
	part("keep").closest("label").hidden = status.isBroadcasting;
	if (document.activeElement !== part("keep"))
		part("keep").checked = status.isKept;
	part("keep").setAttribute("aria-label", t("Keep {name}, even when nobody listens and after a restart", { name }));
	part("stop").setAttribute("aria-label", t("Stop the channel {name}", { name }));
}

const refresh = live(["channel", "connection"], async () => {
	const channels = await rpc("getChannels");
	const sum = (key) => channels.reduce((n, c) => n + c.status[key], 0);

	setList($("channels"), channels, (c) => c.channelId, card, showChannel);
	$("empty").hidden = channels.length > 0;
	setText($("sum"), channels.length === 0 ? "" : t("{n} channels, from here to {listeners} listeners and {relays} relays",
		{ n: channels.length, listeners: sum("localDirects"), relays: sum("localRelays") }));
}, { every: 4000 });

const id = () => $("start-id").value.trim();
const wrong = () => /^[0-9a-f]{32}$/i.test(id()) ? "" : t("A channel ID has 32 hexadecimal digits.");

$("start-id").addEventListener("input", () => {
	// while it is typed, only what can no longer become right
	check($("start-id"), /^[0-9a-f]{0,32}$/i.test(id()) ? "" : wrong());
});
$("start").addEventListener("submit", async (e) => {
	e.preventDefault();
	if (!check($("start-id"), wrong())) {
		$("start-id").focus();
		return;
	}
	try {
		await rpc("playChannel", [id()]);
		$("start-id").value = "";
		refresh();
	} catch (error) {
		check($("start-id"), error.code === -1 ? t("Nobody is known to have this channel.") : error.message);
	}
});
