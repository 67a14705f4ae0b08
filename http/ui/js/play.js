// SPDX-License-Identifier: GPL-2.0-or-later
// The player page: the channel, what it is just now, and its board beside it.

import { $, command, duration, isWeb, joined, page, rate, rpc, setBadge, setFacts, setLink, setState, setText, t }
	from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { mount } from "/assets/js/player.js";

const query = new URLSearchParams(location.search);
const id = query.get("id").toUpperCase();
const tip = query.get("tip") ?? "";
let channel = null, there = false, player = null, board = null, boardOf = "";

async function showBoard() {
	const url = channel?.info.url ?? "";
	if (url === boardOf || channel === null)
		return;
	boardOf = url;
	board?.close();
	board = null;
	const has = isWeb(url);
	$("board").hidden = !has;
	$("theatre").classList.toggle("beside", has);
	if (has)
		board = (await import("/assets/js/board.js")).openBoard($("board"), channel);
}

function show({ info, status, track }) {
	setText($("name"), info.name || id);
	document.title = joined([info.name || id, "PeerCast"], " - ");
	setState($("state"), status);
	setText($("about"), joined([info.genre, info.desc]));
	setText($("comment"), info.comment);
	setText($("track"), joined([track.creator, track.name, track.album], " – "));
	setFacts($("facts"), [
		[t("Listeners"), status.totalDirects],
		[t("Relays"), status.totalRelays],
		[t("Bitrate"), info.bitrate > 0 ? rate(info.bitrate) : ""],
		[t("Type"), info.contentType],
		[t("Playing for"), status.uptime > 0 ? duration(status.uptime) : ""],
	]);
	setLink($("contact"), isWeb(info.url) ? info.url : null);
	$("bump").hidden = status.isBroadcasting;
}

// Begun when it is known what the channel is, as far as that is known.
function play() {
	player ??= mount($("player"), {
		id, tip, typeOf: () => channel?.info.contentType ?? "", isThere: () => there, onstate: () => refresh(),
	});
}

const refresh = live(["channel"], async () => {
	const found = (await rpc("getChannels")).find((c) => c.channelId === id);
	there = found?.status.isReceiving ?? false;
	if (found) {
		channel = found;
		show(found);
		await showBoard();
	} else {
		setText($("name"), channel?.info.name || id);
		setBadge($("state"), "", channel ? t("ended") : t("not carried here"));
	}
	play();
	player.look();
}, { every: 5000 });

setLink($("playlist"), `/pls/${id}${tip ? "?" + new URLSearchParams({ tip }) : ""}`);
setLink($("details"), page("relayinfo", { id }));
command($("bump"), async () => { await rpc("bumpChannel", [id]); });
