// SPDX-License-Identifier: GPL-2.0-or-later
// The first page: what runs here, can others reach us, and how much goes in and out.

import { $, ago, bytes, command, duration, endPoint, fromTemplate, joined, number, page, rate, rpc, say, setBadge, setFacts, setLink, setList,
	setState, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { Graph } from "/assets/js/graph.js";
import { mappingText } from "/assets/js/mapping.js";

const PORT = { open: ["good", t("open")], closed: ["bad", t("closed")], unknown: ["wait", t("not tested")] };

// Why it is known, or not: by the word the node gives for it.
const REASONS = {
	open: {
		yp: t("The yellow page could reach this node."), tracker: t("Another node could reach this node."),
		"force-normal": t("The setting forceNormal says so; nothing is tested."),
	},
	closed: {
		yp: t("The yellow page could not reach this node."), tracker: t("Another node could not reach this node."),
		"not-global": t("This node is seen at an address that nobody outside can reach."),
		"force-firewalled": t("The flag forceFirewalled says so; nothing is tested."),
		"not-serving": t("The setting autoServe is off: nobody but this machine is served."),
	},
	unknown: {
		start: t("Not tested yet: that happens when you watch or broadcast something."),
		port: t("The port has changed and is not tested yet."), address: t("The address has changed and is not tested yet."),
		mapping: t("The router's forwarding has changed; the port is not tested yet."), asked: t("A test is running."), freed: t("Not tested yet: that happens when you watch or broadcast something."),
		"no-yp": t("There is no yellow page that could test it."),
		"no-family": t("The yellow page has no address of this kind."), "no-answer": t("The yellow page does not answer."),
	},
};

function showPort({ firewall, globalRelayEndPoint, localRelayEndPoint }, { port, name }, mapping) {
	const v4 = firewall.ipv4, v6 = firewall.ipv6;
	const [ip] = globalRelayEndPoint ?? localRelayEndPoint ?? [];
	const test = v4.state === "closed" && ["yp", "tracker"].includes(v4.code);

	setBadge($("port-state"), ...PORT[v4.state]);
	setText($("port-reason"), REASONS[v4.state]?.[v4.code] ?? v4.reason);
	setText($("port-advice"), test ? t("Let TCP port {port} through your firewall, and have your router forward it to this machine. Without that you can watch and broadcast, but hardly anybody can relay from you.", { port }) : "");
	setFacts($("port-facts"), [
		[t("Address"), endPoint(ip, port)],
		["IPv6", v6.code === "start" && v6.state === "unknown" ? "" : PORT[v6.state][1]],
		[t("Router"), mapping.code === "off" ? "" : mappingText(mapping)],
		[t("Name"), name],
	]);
}

function showYps(pages, { rootMessage, isRoot, isDisabled, connections }) {
	const on = pages.filter((yp) => yp.channels.some((c) => c.status === "Connected"));
	const told = pages.flatMap((yp) => yp.channels);
	const names = pages.map((yp) => yp.name).join(", ");

	if (isRoot && pages.length === 0) {
		setBadge($("yp-state"), "accent", t("this is one"));
		setText($("yp-text"), t("Broadcasters connected: {n}", { n: connections.controlIn }));
	} else if (pages.length === 0) {
		setBadge($("yp-state"), "", t("none"));
		setText($("yp-text"), t("None is set: what you broadcast is listed nowhere."));
	} else if (told.length === 0) {
		setBadge($("yp-state"), "", t("nothing to announce"));
		setText($("yp-text"), t("What you broadcast will be listed at {names}.", { names }));
	} else {
		setBadge($("yp-state"), on.length > 0 ? "good" : "wait", on.length > 0 ? t("connected") : t("connecting"));
		setText($("yp-text"), on.length > 0 ? t("Your broadcasts are listed at {names}.", { names: on.map((yp) => yp.name).join(", ") }) :
			t("Your broadcasts are not listed yet at {names}.", { names }));
	}
	setText($("yp-message"), joined([isDisabled ? t("The yellow page has told this node to serve nobody.") : "", rootMessage], " "));
}

const REFUSED = {
	bandwidth: t("bandwidth"), "relay limit": t("limit of relays"), "direct limit": t("limit of listeners"), "not playing": t("not playing"),
	"channel limit": t("limit of relays per channel"), "connected already": t("connected already"), full: t("all places taken"),
};

function showNode(status, { connections, limits, channels, refused }) {
	const of = (n, max, none) => max > 0 ? t("{n} of {max}", { n, max }) : none ?? String(n);
	const no = Object.entries(refused).map(([why, n]) => `${REFUSED[why] ?? why} ${number(n)}`);

	setFacts($("node"), [
		[t("Up for"), duration(status.uptime)],
		[t("Channels"), channels],
		[t("Relays"), of(connections.relays, limits.relays)],
		[t("Listeners"), limits.directs > 0 ? of(connections.directs, limits.directs) : connections.directs],
		[t("Connections"), connections.total],
		[t("Upstream limit"), limits.bitrateOut > 0 ? rate(limits.bitrateOut) : t("none")],
	]);
	setText($("node-refused"), no.length > 0 ? t("Refused so far: {list}", { list: no.join(", ") }) : "");
}

const graph = new Graph($("graph"), $("reading"));
const kbps = (n) => n / 125;

function showTraffic(traffic, { rates, bytes: total }) {
	const { all, step } = traffic;

	graph.show([{ name: t("In"), class: "in", values: all.in.map(kbps) }, { name: t("Out"), class: "out", values: all.out.map(kbps) }], step);
	$("graph").setAttribute("aria-label", t("Traffic of the last ten minutes: in {in}, out {out} now", {
		in: rate(kbps(rates.all.in)), out: rate(kbps(rates.all.out)) }));
	setText($("rate-in"), rate(kbps(rates.all.in)));
	setText($("rate-out"), rate(kbps(rates.all.out)));
	setFacts($("traffic"), [
		[t("Internet, in"), rate(kbps(rates.outside.in))],
		[t("Internet, out"), rate(kbps(rates.outside.out))],
		[t("Received since the start"), bytes(total.all.in)],
		[t("Sent since the start"), bytes(total.all.out)],
	]);
}

function showChannel(li, { channelId, info, status, track }) {
	const part = (name) => li.querySelector("." + name);
	const counts = { listeners: status.totalDirects, relays: status.totalRelays };

	setState(part("state"), status);
	part("name").textContent = info.name || t("(no name)");
	setLink(part("name"), page("relayinfo", { id: channelId }));
	setText(part("about"), joined([info.genre, info.desc, joined([track.creator, track.name], " – ")]));
	setText(part("count"), joined([t("{listeners} listeners / {relays} relays", counts), rate(info.bitrate), info.contentType]));
	setLink(part("play"), page("play", { id: channelId }));
	part("play").setAttribute("aria-label", t("Play {name}", { name: info.name }));
}

const FEEDS = { OK: ["good", t("fetched")], ERROR: ["bad", t("failed")], UNKNOWN: ["", t("not fetched yet")] };

function showFeed(tr, feed) {
	const name = tr.querySelector(".name");

	name.textContent = feed.name;
	setLink(name, feed.directoryUrl);
	name.hidden = false;
	setBadge(tr.querySelector(".badge"), ...FEEDS[feed.status]);
	setText(tr.querySelector(".why"), feed.status === "ERROR" ? feed.message : "");
	tr.querySelector(".count").textContent = number(feed.channels);
	tr.querySelector(".when").textContent = feed.updated !== null ? ago(Math.max(Date.now() / 1000 - feed.updated, 0)) : "–";
}

const refresh = live(["channel", "connection", "feed"], async () => {
	const [overview, status, mapping, pages, channels, traffic, feeds] = await Promise.all([rpc("getOverview"), rpc("getStatus"),
		rpc("getPortMapping"), rpc("getYellowPages"), rpc("getChannels"), rpc("getTraffic"), rpc("getYPFeeds")]);

	setText($("agent"), joined([overview.agentName, overview.version]));
	showPort(status, overview, mapping);
	showYps(pages, overview);
	showNode(status, overview);
	showTraffic(traffic, overview);
	setList($("channels"), channels, (c) => c.channelId, () => fromTemplate("channel"), showChannel);
	$("channels").hidden = channels.length === 0;
	$("empty").hidden = channels.length > 0;
	setList($("feeds"), feeds, (f) => f.url, () => fromTemplate("feed"), showFeed);
	$("feeds-table").hidden = feeds.length === 0;
	$("feeds-update").hidden = feeds.length === 0;
	$("feeds-none").hidden = feeds.length > 0;
}, { every: 5000 });

command($("port-test"), async () => {
	await rpc("checkPorts");
	refresh();
});
command($("feeds-update"), async () => {
	const channels = await rpc("updateYPChannels");
	say(t("Channels listed: {n}", { n: channels.length }));
	refresh();
});
