// SPDX-License-Identifier: GPL-2.0-or-later
// To go on the air: what the channel is called, where the encoder sends to, and the broadcasts there are. What is
// typed here goes to the encoder, in the address or key that it sends to; the node keeps nothing of it.

import { $, check, command, copy, duration, fromTemplate, joined, page, rate, rpc, say, setBadge, setFacts, setLink,
	setList, setState, setText, t, tabs, trouble } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { checkTexts, draftOf, fillForm, firstFault, onSubmit, readForm, takeDraft } from "/assets/js/fields.js";

const form = $("channel");
const MUXERS = {
	FLV: "-c:v libx264 -preset veryfast -g 60 -c:a aac -f flv", MKV: "-c:v libx264 -preset veryfast -g 60 -c:a aac -f matroska",
	WEBM: "-c:v libvpx -deadline realtime -g 60 -c:a libopus -f webm", TS: "-c:v libx264 -preset veryfast -g 60 -c:a aac -f mpegts",
	MP4: "-c:v libx264 -preset veryfast -g 60 -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof -f mp4",
	WMV: "-c:v wmv2 -b:v 1M -c:a wmav2 -f asf", OGG: "-vn -c:a libvorbis -f ogg", MP3: "-vn -c:a libmp3lame -f mp3",
	AAC: "-vn -c:a aac -f adts",
};
const PORT = location.port || (location.protocol === "https:" ? "443" : "80");

let rtmp = null, pages = null, known = null, history = [];

// --- what to tell the encoder ---------------------------------------------------------------------------

// Encoded as a form is: nothing is left that a shell or OBS would take for something else.
function query(f, more = {}) {
	const q = new URLSearchParams({ name: f.name, ...more });
	for (const key of ["genre", "desc", "url", "comment"])
		if (f[key] !== "")
			q.set(key, f[key]);
	if (f.ipv === "6")
		q.set("ipv", "6");
	if (!f.announce)
		q.set("announce", "0");
	return q.toString();
}

const everywhere = (address) => address === "" || address === "0.0.0.0" || address === "::";
const bracketed = (address) => address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;

function showRecipes() {
	const f = readForm(form), named = f.name !== "";
	const push = `http://${location.hostname}:${PORT}/?${query(f, { type: f.type })}`;
	const point = [f.name, f.genre, f.desc, f.url].map((x) => encodeURIComponent(x)).join(";").replace(/;+$/, "");

	$("nameless").hidden = named;
	for (const node of document.querySelectorAll("#source .copied"))
		node.hidden = !named;
	setText($("push-url"), push);
	setText($("ffmpeg-line"), `ffmpeg -re -i film.mp4 ${MUXERS[f.type]} "${push}"`);
	setText($("radio-line"), `ffmpeg -re -i song.mp3 -c copy -f mp3 -content_type audio/mpeg -ice_name "${f.name.replace(/["\\$`]/g, "\\$&")}" ` +
		`icecast://source:PASSWORD@${location.hostname}:${PORT}/live`);
	setText($("wm-server"), `http://${location.hostname}:${PORT}`);
	setText($("wm-point"), point);
	setFacts($("radio-facts"), [[t("Server"), location.hostname], [t("Port"), PORT], [t("Port for SHOUTcast 1"), String(Number(PORT) - 1)],
		[t("Mount point"), "/live"], [t("User"), "source"]]);
	if (rtmp !== null) {
		const host = everywhere(rtmp.address) ? location.hostname : bracketed(rtmp.address);
		setText($("rtmp-server"), `rtmp://${host}:${rtmp.port}/live`);
		setText($("rtmp-key"), `${rtmp.needsKey ? "KEY" : "live"}?${query(f)}`);
	}
}

function showRtmp() {
	setBadge($("rtmp-state"), rtmp.isListening ? "good" : rtmp.isOn ? "bad" : "", rtmp.isListening ? t("RTMP is taken") :
		rtmp.isOn ? t("RTMP does not listen") : t("RTMP is off"));
	setText($("rtmp-problem"), rtmp.problem);
	$("rtmp-on").hidden = rtmp.isOn;
	$("rtmp-needs").hidden = !rtmp.needsKey;
}

function showPages() {
	const none = pages.length === 0;
	setText($("yp"), joined(pages.map((p) => p.name), ", "));
	$("yp-none").hidden = !none;
	$("announce").disabled = none;
}

// --- what was broadcast before ----------------------------------------------------------------------------

function fillFrom(h) {
	fillForm(form, { name: h.channelName, genre: h.genre ?? "", desc: h.description ?? "", url: h.contactUrl ?? "", comment: h.comment ?? "",
		ipv: h.networkType === "ipv6" ? "6" : "4" });
	if ([...$("type").options].some((o) => o.value === h.contentType))
		$("type").value = h.contentType;
	if (h.streamType === "URL" && h.streamUrl)
		$("pull-url").value = h.streamUrl;
	$("history").hidePopover();
	changed();
	$("name").focus();
}

function showHistory() {
	$("earlier").hidden = history.length === 0;
	setList($("past"), history, (h) => JSON.stringify(h), (h) => {
		const li = fromTemplate("past-entry");
		setText(li.querySelector(".past-name"), h.channelName ?? "");
		setText(li.querySelector(".past-about"), joined([h.genre, h.description, h.comment, h.contentType]));
		li.querySelector("button").addEventListener("click", () => fillFrom(h));
		return li;
	});
}

// --- on the air ---------------------------------------------------------------------------------------------

const part = (li, name) => li.querySelector(`.${name}`);
const TITLES = [["title", (c) => c.track.name], ["artist", (c) => c.track.creator], ["says", (c) => c.info.comment]];

function card(c) {
	const li = fromTemplate("on-air-channel"), id = c.channelId;
	for (const field of li.querySelectorAll(".titles .field")) {
		const input = field.querySelector("input");
		input.id = `${input.className}-${id}`;
		field.querySelector("label").htmlFor = input.id;
	}
	part(li, "announced").id = `announced-${id}`;
	part(li, "announced-label").htmlFor = `announced-${id}`;
	part(li, "announced").addEventListener("change", async (e) => {
		const box = e.target;
		try {
			for (const p of pages)
				await rpc(box.checked ? "restartAnnounce" : "stopAnnounce", [p.yellowPageId, id]);
			say(box.checked ? t("It is announced.") : t("It is announced no more."));
		} catch (error) {
			box.checked = !box.checked;
			trouble(error);
		}
		refresh();
	});
	onSubmit(part(li, "titles"), async () => {
		if (!checkTexts(part(li, "titles"))) {
			firstFault(li);
			return;
		}
		await rpc("setChannelInfo", [id, { comment: part(li, "says").value.trim() },
			{ name: part(li, "title").value.trim(), creator: part(li, "artist").value.trim() }]);
		for (const [name] of TITLES)
			part(li, name).dataset.was = part(li, name).value.trim();
		say(t("Viewers hear of it."));
		refresh();
	});
	setLink(part(li, "preview"), page("play", { id }));
	setLink(part(li, "edit"), page("editinfo", { id }));
	setLink(part(li, "details"), page("relayinfo", { id }));
	part(li, "copy-url").addEventListener("click", () => copy(`${location.origin}/pls/${id}`));
	command(part(li, "stop"), async () => {
		await rpc("stopChannel", [id]);
		refresh();
	}, { sure: () => ({ title: t("Stop {name}?", { name: part(li, "name").textContent }), text: t("Its viewers are cut off.") }) });
	return li;
}

function show(li, c) {
	const { info, status } = c;
	setText(part(li, "name"), info.name);
	setState(part(li, "state"), status);
	setText(part(li, "about"), joined([info.genre, info.desc]));
	setFacts(part(li, "facts"), [[t("Listeners"), `${status.totalDirects}`], [t("Relays"), `${status.totalRelays}`],
		[t("Bitrate"), info.bitrate > 0 ? rate(info.bitrate) : ""], [t("Type"), info.contentType],
		[t("Up for"), status.uptime > 0 ? duration(status.uptime) : ""]]);
	for (const [name, of] of TITLES) {
		const input = part(li, name), now = of(c);
		if (input.dataset.was === undefined || (input.value === input.dataset.was && input !== document.activeElement)) {
			input.value = now;
			input.dataset.was = now;
		}
	}
	const states = pages.flatMap((p) => p.channels).filter((x) => x.channelId === c.channelId);
	const box = part(li, "announced");
	box.disabled = pages.length === 0;
	box.checked = states.some((s) => s.status !== "Idle");
}

// The encoder that was waited for is here.
function welcome(mine) {
	const fresh = known === null ? [] : mine.filter((c) => !known.has(c.channelId));
	for (const c of fresh)
		say(t("{name} is on the air.", { name: c.info.name }), "good");
	known = new Set(mine.map((c) => c.channelId));
}

const refresh = live(["channel", "notification"], async () => {
	const [channels, yps, status, past] = await Promise.all([rpc("getChannels"), rpc("getYellowPages"), rpc("getRtmpStatus"),
		rpc("getBroadcastHistory")]);
	const mine = channels.filter((c) => c.status.isBroadcasting);
	pages = yps;
	rtmp = status;
	history = past;
	showPages();
	showRtmp();
	showRecipes();
	$("on-air").hidden = mine.length === 0;
	setList($("channels"), mine, (c) => c.channelId, card, show);
	welcome(mine);
	showHistory();
}, { every: 3000 });

// --- the form ------------------------------------------------------------------------------------------------

function changed() {
	checkTexts(form);
	if ($("name").value.trim() === "")
		check($("name"), "");           // it says so below
	showRecipes();
}

const filled = () => {
	const f = readForm(form), url = $("pull-url").value.trim();
	return joined([f.name, f.genre, f.desc, f.comment, f.url, url]) === "" ? null : { ...f, pull: url };
};
const lost = draftOf("broadcast", filled);

form.addEventListener("input", changed);
form.addEventListener("submit", (e) => e.preventDefault());
for (const button of document.querySelectorAll("button.copy"))
	button.addEventListener("click", () => copy($(button.dataset.from).textContent));
command($("rtmp-on"), async () => {
	await rpc("changeSettings", [{ rtmpServer: true }]);
	refresh();
});

async function pull() {
	const f = readForm(form), url = $("pull-url");
	check(url, url.value.trim() === "" ? t("This is needed.") : "");
	if (!checkTexts(form) || url.getAttribute("aria-invalid")) {
		firstFault(document);
		return;
	}
	try {
		await rpc("broadcastChannel", { networkType: f.ipv === "6" ? "ipv6" : "ipv4", sourceUri: url.value.trim(), sourceStream: "http",
			info: { name: f.name, genre: f.genre, desc: f.desc, url: f.url, comment: f.comment }, announce: f.announce });
	} catch (e) {
		if (e.data === undefined)
			throw e;
		check(url, e.data);
		url.focus();
		return;
	}
	say(t("The node fetches it now."));
	refresh();
}

onSubmit($("pull-form"), pull, lost);
$("pull-url").addEventListener("input", () => check($("pull-url"), ""));
rpc("describeSettings").then((d) => setText($("pull-allowed"), d.sections.flatMap((s) => s.settings)
	.find((k) => k.key === "fetchAllow").value || t("none")), trouble);

tabs(document.querySelector('[role="tablist"]'));
const draft = takeDraft("broadcast");
if (draft !== null) {
	fillForm(form, draft);
	$("pull-url").value = draft.pull ?? "";
}
changed();
