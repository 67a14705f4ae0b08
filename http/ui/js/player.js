// SPDX-License-Identifier: GPL-2.0-or-later
// A channel in the browser: mount(element, { id, typeOf, isThere }) puts picture and controls there and keeps playing.
//
// There are several ways, tried in this order: WebM as it is by Media Source Extensions; fragmented MP4 by the same
// (/hls/<id>/live.mp4), which is low in latency and tells when the node got what; HLS, where a browser has no such
// extensions but knows that (iPhone); the stream as it is. A way that cannot be is left for the next one.

import { el, icon, setText, streamPath, t } from "/assets/js/node.js";

const TICK = 250;               // ms between two looks at the clock
const LEAD = 0.5;               // seconds of buffer aimed at; a stall makes it more, up to
const LEAD_MAX = 2.5;
const JUMP = 3;                 // so many seconds behind it jumps, before that it only plays a little faster
const BACK = 20;                // seconds kept behind the picture
const RETRY = [1, 2, 4, 8];     // seconds until a lost way is tried again
const PAUSED = 30000;           // ms of a pause after which the place is given back
const VOLUME = "player.volume", MUTED = "player.muted";

const Source = window.ManagedMediaSource ?? window.MediaSource;
const MIMES = {
	MP3: "audio/mpeg", AAC: "audio/aac", OGG: "audio/ogg", OGM: "video/ogg", WEBM: "video/webm", MP4: "video/mp4",
	MKV: "video/x-matroska", FLV: "video/x-flv", TS: "video/mp2t",
};

// Why a way cannot be.
class Cannot extends Error {}
class Refused extends Error {
	constructor(status, text) {
		super(text);
		this.status = status;
	}
}

// --- bytes ------------------------------------------------------------------------------------------

// The whole boxes of an MP4 stream that comes in pieces.
class Boxes {
	constructor() {
		this.rest = new Uint8Array(0);
	}

	*add(bytes) {
		const all = new Uint8Array(this.rest.length + bytes.length);
		let at = 0;
		all.set(this.rest);
		all.set(bytes, this.rest.length);
		const view = new DataView(all.buffer);
		while (all.length - at >= 8) {
			const size = view.getUint32(at);
			if (size < 8)
				throw new Cannot("no MP4");
			if (all.length - at < size)
				break;
			yield { type: String.fromCharCode(...all.subarray(at + 4, at + 8)), bytes: all.subarray(at, at + size) };
			at += size;
		}
		this.rest = all.slice(at);
	}
}

// { track: timescale } of a moov box.
function timescales(moov) {
	const view = new DataView(moov.buffer, moov.byteOffset, moov.length);
	const found = {};
	let track = 0;
	const walk = (from, to) => {
		for (let at = from; at + 8 <= to && view.getUint32(at) >= 8; at += view.getUint32(at)) {
			const type = String.fromCharCode(...moov.subarray(at + 4, at + 8));
			const wide = view.getUint8(at + 8) === 1;
			if (type === "trak" || type === "mdia")
				walk(at + 8, at + view.getUint32(at));
			else if (type === "tkhd")
				track = view.getUint32(at + (wide ? 28 : 20));
			else if (type === "mdhd")
				found[track] = view.getUint32(at + (wide ? 28 : 20));
		}
	};
	walk(8, moov.length);
	return found;
}

// A prft box: { track, wall (ms), time (in the track's scale) }.
function reference(prft) {
	const view = new DataView(prft.buffer, prft.byteOffset, prft.length);
	return {
		track: view.getUint32(12),
		wall: (view.getUint32(16) - 2208988800) * 1000 + view.getUint32(20) / 4294967.296,
		time: Number(view.getBigUint64(24)),
	};
}

const WEBM_CODECS = [
	["V_VP8", "vp8"], ["V_VP9", "vp9"], ["V_AV1", "av01.0.05M.08"], ["A_OPUS", "opus"], ["A_VORBIS", "vorbis"],
];

function join(parts) {
	const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
	let at = 0;
	for (const p of parts) {
		all.set(p, at);
		at += p.length;
	}
	return all;
}

// --- ways -------------------------------------------------------------------------------------------

async function open(url, signal) {
	const asked = Date.now();
	const answer = await fetch(url, { signal, cache: "no-store" });
	if (!answer.ok) {
		const text = (await answer.text().catch(() => "")).split("\n").filter((l) => l && !l.startsWith("HTTP/")).join(" ");
		throw answer.status === 501 ? new Cannot(text) : new Refused(answer.status, text);
	}
	// how far the node's clock is from ours
	const clock = Number(answer.headers.get("X-Peercast-Clock"));
	return { answer, skew: clock ? clock - (asked + Date.now()) / 2 : 0 };
}

// Plays what is appended. One for each connection.
class Feed {
	constructor(video) {
		this.video = video;
		this.queue = [];
		this.marks = [];        // { media (s), wall (ms, our clock) }
		this.media = new Source();
		this.url = URL.createObjectURL(this.media);
		this.opened = new Promise((resolve) => this.media.addEventListener("sourceopen", resolve, { once: true }));
		video.disableRemotePlayback = true;
		video.src = this.url;
	}

	async begin(mime) {
		if (!Source.isTypeSupported(mime))
			throw new Cannot(mime);
		await this.opened;
		this.buffer = this.media.addSourceBuffer(mime);
		this.buffer.addEventListener("updateend", () => this.next());
		this.buffer.addEventListener("error", () => { this.broken = true; });
	}

	add(bytes) {
		this.queue.push(bytes);
		this.next();
	}

	next() {
		const b = this.buffer;
		if (b.updating || this.media.readyState !== "open")
			return;
		const behind = this.video.currentTime - BACK;
		if (b.buffered.length > 0 && b.buffered.start(0) < behind - 10) {
			b.remove(0, behind);
			return;
		}
		if (this.queue.length === 0) {
			if (this.over)
				this.media.endOfStream();
			return;
		}
		try {
			b.appendBuffer(this.queue[0]);
			this.queue.shift();
		} catch (e) {
			if (e.name !== "QuotaExceededError")
				this.broken = true;
			else if (b.buffered.length > 0)
				b.remove(0, Math.max(this.video.currentTime - 1, b.buffered.start(0) + 0.1));
		}
	}

	end() {
		this.over = true;
		this.next();
	}

	close() {
		URL.revokeObjectURL(this.url);
	}

	mark(media, wall) {
		this.marks.push({ media, wall });
		if (this.marks.length > 400)
			this.marks.shift();
	}

	// Seconds between what is seen and the moment it reached the node; null = not known.
	latency() {
		const now = this.video.currentTime;
		const last = this.marks.findLast((m) => m.media <= now) ?? this.marks[0];
		return last ? Math.max((Date.now() - last.wall) / 1000 - (now - last.media), 0) : null;
	}
}

async function playMp4(p, signal) {
	const { answer, skew } = await open(`/hls/${p.id}/live.mp4${p.query}`, signal);
	const feed = p.use(new Feed(p.video));
	await feed.begin(answer.headers.get("Content-Type"));
	const reader = answer.body.getReader();
	const boxes = new Boxes();
	let scales = {}, begin = null, parts = [], mark = null;
	for (;;) {
		const { done, value } = await reader.read();
		if (done)
			break;
		if (feed.broken)
			throw new Refused(0, t("The browser cannot read the stream."));
		for (const { type, bytes } of boxes.add(value)) {
			if (type === "prft") {
				mark = reference(bytes);
				continue;
			}
			parts.push(bytes);
			if (type === "moov") {
				// another beginning may mean other codecs: the answer's head says which
				if (begin !== null && (begin.length !== bytes.length || begin.some((b, i) => b !== bytes[i])))
					throw new Refused(0, "");
				begin = bytes;
				scales = timescales(bytes);
			}
			if (type !== "mdat")
				continue;
			if (mark && scales[mark.track])
				feed.mark(mark.time / scales[mark.track], mark.wall - skew);
			feed.add(join(parts));
			parts = [];
		}
	}
	feed.end();
}

async function playWebm(p, signal) {
	const { answer } = await open(streamPath(p.id, "WEBM") + p.query, signal);
	const feed = p.use(new Feed(p.video));
	const reader = answer.body.getReader();
	for (;;) {
		const { done, value } = await reader.read();
		if (done)
			break;
		if (feed.broken)
			throw new Refused(0, t("The browser cannot read the stream."));
		if (!feed.buffer) {
			const text = new TextDecoder("latin1").decode(value);
			const codecs = WEBM_CODECS.filter(([name]) => text.includes(name)).map(([, codec]) => codec);
			await feed.begin(`${text.includes("V_") ? "video" : "audio"}/webm; codecs="${codecs.join(",")}"`);
		}
		feed.add(value);
		// the node sends it on as it comes: what is newest is from now
		const { buffered } = feed.buffer;
		if (buffered.length > 0)
			feed.mark(buffered.end(buffered.length - 1), Date.now());
	}
	feed.end();
}

// What the browser fetches by itself; over when it says so.
function playUrl(p, url, signal) {
	p.video.src = url;
	p.use(null);
	return new Promise((resolve, reject) => {
		const stop = new AbortController();
		const on = (name, f) => p.video.addEventListener(name, () => { stop.abort(); f(); }, { signal: stop.signal });
		on("ended", resolve);
		on("error", () => reject(p.video.error?.code === 4 ? new Cannot("") : new Refused(0, "")));
		signal.addEventListener("abort", () => { stop.abort(); reject(signal.reason); }, { signal: stop.signal });
	});
}

const can = (video, mime) => mime !== undefined && video.canPlayType(mime) !== "";

// The ways for a channel of that type, the best first.
function waysFor(p) {
	const type = p.typeOf(), ways = [];
	if (Source && type === "WEBM")
		ways.push({ name: "webm", run: playWebm });
	if (Source)
		ways.push({ name: "mp4", run: playMp4 });
	if (!Source && can(p.video, "application/vnd.apple.mpegurl"))
		ways.push({ name: "hls", run: (q, signal) => playUrl(q, `/hls/${q.id}.m3u8${q.query}`, signal) });
	if (can(p.video, MIMES[type]))
		ways.push({ name: "stream", run: (q, signal) => playUrl(q, streamPath(q.id, type) + q.query, signal) });
	return ways;
}

// --- player -----------------------------------------------------------------------------------------

const stored = (name, otherwise) => {
	try {
		return localStorage.getItem(name) ?? otherwise;
	} catch {
		return otherwise;       // it may be forbidden
	}
};
const store = (name, value) => {
	try {
		localStorage.setItem(name, value);
	} catch { /* then not */ }
};

// Between two tries to connect; shorter when the signal comes.
const pause = (ms, signal) => new Promise((resolve) => {
	const timer = setTimeout(resolve, ms);
	signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

function button(name, label, key, action) {
	return el("button", { type: "button", class: "button small icon-only", "aria-label": label, title: `${label} (${key})`, onclick: action },
		icon(name));
}

class Player {
	constructor(element, { id, typeOf, isThere, tip, onstate }) {
		Object.assign(this, { id, typeOf, isThere, onstate });
		this.query = tip ? "?" + new URLSearchParams({ tip }) : "";
		this.feed = null;
		this.lead = LEAD;
		this.build(element);
		this.video.volume = Number(stored(VOLUME, "1"));
		this.video.muted = stored(MUTED, "") === "yes";
		this.listen();
		setInterval(() => this.tick(), TICK);
		this.run();
	}

	build(element) {
		this.video = el("video", { playsinline: true, tabindex: "-1" });
		this.said = el("p", { class: "player-state", role: "status" });
		this.pauseButton = button("pause", t("Pause"), "k", () => this.toggle());
		this.muteButton = button("volume", t("Sound"), "m", () => this.mute());
		this.slider = el("input", { type: "range", min: "0", max: "1", step: "0.05", "aria-label": t("Volume"), class: "player-volume" });
		this.liveButton = el("button", { type: "button", class: "button small player-live", title: `${t("To the newest picture")} (l)`,
			onclick: () => this.goLive() }, el("span", { text: t("Live") }), el("span", { class: "num" }));
		this.fullButton = button("full", t("Full screen"), "f", () => this.full());
		this.screen = el("div", { class: "player-screen", tabindex: "0", "aria-label": t("Player"), role: "group" }, this.video, this.said,
			el("div", { class: "player-bar" }, this.pauseButton, this.muteButton, this.slider, this.liveButton, this.fullButton));
		element.replaceChildren(this.screen);
	}

	listen() {
		const v = this.video;
		v.addEventListener("waiting", () => this.stalled());
		v.addEventListener("playing", () => this.state("playing"));
		v.addEventListener("ended", () => this.state("ended"));
		v.addEventListener("click", () => this.toggle());
		v.addEventListener("dblclick", () => this.full());
		v.addEventListener("volumechange", () => {
			if (!this.forced) {
				store(VOLUME, v.volume);
				store(MUTED, v.muted ? "yes" : "");
			}
			this.slider.value = v.muted ? 0 : v.volume;
			this.show(this.muteButton, v.muted ? "mute" : "volume");
		});
		this.slider.addEventListener("input", () => {
			v.volume = Number(this.slider.value);
			v.muted = v.volume === 0;
			this.forced = false;
		});
		this.slider.value = v.volume;
		document.addEventListener("keydown", (e) => this.key(e));
	}

	show(b, name) {
		const use = b.querySelector("use");
		if (use.getAttribute("href") !== `/assets/icons.svg#${name}`)
			use.setAttribute("href", `/assets/icons.svg#${name}`);
	}

	// --- hands --------------------------------------------------------------------------------------

	key(e) {
		const busy = e.target.closest("input:not(.player-volume), textarea, select, dialog, [contenteditable]");
		if (busy || e.ctrlKey || e.altKey || e.metaKey || (e.key === " " && e.target.closest("button, a")))
			return;
		const v = this.video;
		const louder = (by) => {
			v.muted = false;
			v.volume = Math.min(Math.max(v.volume + by, 0), 1);
		};
		const actions = {
			" ": () => this.toggle(), k: () => this.toggle(), m: () => this.mute(), f: () => this.full(), l: () => this.goLive(),
		};
		if (this.screen.contains(document.activeElement) && document.activeElement !== this.slider)
			Object.assign(actions, { ArrowUp: () => louder(0.1), ArrowDown: () => louder(-0.1) });
		if (actions[e.key]) {
			actions[e.key]();
			e.preventDefault();
		}
	}

	toggle() {
		if (!this.connection)
			this.run();
		else if (this.video.paused)
			this.resume();
		else
			this.pause();
	}

	pause() {
		this.video.pause();
		this.show(this.pauseButton, "play");
		this.given = setTimeout(() => this.stop(), PAUSED);
	}

	resume() {
		clearTimeout(this.given);
		this.show(this.pauseButton, "pause");
		this.goLive();
		this.play();
	}

	mute() {
		this.forced = false;
		this.video.muted = !this.video.muted;
		if (!this.video.muted && this.video.volume === 0)
			this.video.volume = 0.5;
	}

	full() {
		if (document.fullscreenElement)
			document.exitFullscreen();
		else if (this.screen.requestFullscreen)
			this.screen.requestFullscreen().catch(() => {});
		else
			this.video.webkitEnterFullscreen?.();
	}

	goLive() {
		const { buffered } = this.video;
		if (buffered.length > 0)
			this.video.currentTime = Math.max(buffered.end(buffered.length - 1) - this.lead, buffered.start(buffered.length - 1));
		if (this.video.paused && this.connection)
			this.play();
	}

	// --- state --------------------------------------------------------------------------------------

	state(name, text = "") {
		const words = {
			waiting: t("Waiting for the channel..."), buffering: t("Buffering..."), ended: t("The channel has ended."),
			absent: t("The channel is not on the air."), paused: t("Paused. Press play to go on."), lost: t("The connection is lost. Trying again..."), playing: "",
			refused: t("The node cannot serve it now: no place is free, or nobody has it. Trying again..."),
			cannot: t("This browser cannot play it{why}. Open it in a player, such as VLC or mpv.", { why: text ? ` (${text})` : "" }),
		};
		if (this.now === "ended" && name === "buffering")
			return;
		this.now = name;
		setText(this.said, words[name]);
		this.screen.dataset.state = name;
		this.onstate?.(name);
	}

	stalled() {
		if (this.video.ended || this.now !== "playing" || !this.connection)
			return;
		this.lead = Math.min(this.lead + 0.25, LEAD_MAX);
		this.state("buffering");
	}

	play() {
		this.show(this.pauseButton, "pause");
		this.video.play().catch((e) => {
			if (e.name !== "NotAllowedError")
				return;
			// without a click there may be no sound
			this.forced = true;
			this.video.muted = true;
			this.video.play().catch(() => this.show(this.pauseButton, "play"));
		});
	}

	// --- the clock ----------------------------------------------------------------------------------

	// Close to the newest, without being heard.
	follow() {
		const v = this.video, { buffered } = v, last = buffered.length - 1;
		const end = buffered.end(last), behind = end - v.currentTime;
		if (!this.started) {
			if (end - buffered.start(last) < Math.min(this.lead, 0.3))
				return;
			this.started = true;
			v.currentTime = Math.max(end - this.lead, buffered.start(last));
			this.play();
		} else if (v.currentTime < buffered.start(last) || behind > this.lead + JUMP) {
			v.currentTime = Math.max(end - this.lead, buffered.start(last));
		} else {
			const more = behind - this.lead;
			const wanted = more > 1 ? 1.15 : more > 0.35 ? 1.06 : 1;
			// back to normal only when it is really there
			if (v.playbackRate !== wanted && (wanted > v.playbackRate || more < 0.1))
				v.playbackRate = wanted;
		}
	}

	tick() {
		const v = this.video;
		if (this.feed && v.buffered.length > 0 && !(this.started && v.paused) && !this.feed.over)
			this.follow();
		const latency = this.connection && !v.paused && this.started ? this.feed?.latency() ?? this.dated() : null;
		this.latency = latency;
		setText(this.liveButton.lastElementChild, latency === null ? "" : t("{s} s", { s: latency.toFixed(1) }));
		this.liveButton.classList.toggle("good", latency !== null && latency < this.lead + 2);
	}

	// HLS has its dates from the node, too.
	dated() {
		const start = this.video.getStartDate?.()?.getTime();
		return start > 0 ? Math.max((Date.now() - start) / 1000 - this.video.currentTime, 0) : null;
	}

	// --- the connection -----------------------------------------------------------------------------

	use(feed) {
		this.feed?.close();
		this.feed = feed;
		this.started = feed === null;
		if (feed === null)
			this.play();
		return feed;
	}

	stop() {
		this.connection?.abort(new DOMException("", "AbortError"));
		this.connection = null;
		this.state("paused");
		this.show(this.pauseButton, "play");
	}

	// One way after the other, to the channel's end; or throws why none of them goes.
	async try(signal) {
		const tried = new Set();
		let why = "";
		for (;;) {
			// the type may have become known meanwhile
			const way = waysFor(this).find(({ name }) => !tried.has(name));
			if (!way)
				throw new Cannot(why);
			tried.add(way.name);
			try {
				await way.run(this, signal);
				return;
			} catch (e) {
				if (!(e instanceof Cannot))
					throw e;
				why ||= e.message;
			}
		}
	}

	async run() {
		const { signal } = this.connection = new AbortController();
		for (let n = 0; !signal.aborted; n++) {
			this.state("waiting");
			const since = Date.now();
			try {
				await this.try(signal);
				await this.rest(signal);
				this.state("ended");
			} catch (e) {
				if (signal.aborted)
					return;
				if (e instanceof Cannot) {
					this.state("cannot", e.message);
					this.connection = null;
					return;
				}
				if (Date.now() - since > 30000)
					n = 0;
				this.state(!(e instanceof Refused && e.status) ? "lost" : e.status === 404 ? "absent" : "refused");
			}
			await pause(1000 * RETRY[Math.min(n, RETRY.length - 1)], signal);
			// what has ended is asked for again when it is there again
			if (["ended", "absent"].includes(this.now))
				await this.untilThere(signal);
		}
	}

	untilThere(signal) {
		return new Promise((resolve) => {
			this.arrived = resolve;
			signal.addEventListener("abort", resolve, { once: true });
			this.look();
		});
	}

	// What isThere() says may have changed.
	look() {
		if (this.isThere())
			this.arrived?.();
	}

	// What is buffered is still seen to its end.
	rest(signal) {
		if (!this.feed || this.video.paused || this.video.ended || this.video.buffered.length === 0)
			return null;
		return new Promise((resolve) => {
			this.video.addEventListener("ended", resolve, { once: true });
			signal.addEventListener("abort", resolve, { once: true });
			setTimeout(resolve, 5000);
		});
	}
}

// typeOf() says the channel's type, "" while it is not known; isThere() whether the node receives it, and look() is to be
// called when that may have changed; onstate(name) is
// told of "waiting", "buffering", "playing", "paused", "lost", "refused", "cannot", "ended" and "absent".
export const mount = (element, options) => new Player(element, options);
