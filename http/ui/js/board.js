// SPDX-License-Identifier: GPL-2.0-or-later
// The board of a channel, beside its player: its threads, their posts as they come, writing. The node asks the board
// (once for all pages), this page asks the node.
//
//	const board = openBoard(element, channel);      // an entry of getChannels; again when its contact URL may have changed
//	board.close();
//
// What boards send is pieces of HTML: the words are taken out and put in as text.

import { $, el, icon, isWeb, lostLogin, number, setLink, setList, setText, t } from "/assets/js/node.js";

const EVERY = 6000;             // ms between two looks at a thread
const LIST_EVERY = 60000;       // at the list of threads
const SLOWEST = 60000;          // when the board does not answer
const SHOWN = 100;              // posts at first
const FULL = 1000;              // posts of a thread, and one that says so; unless the list has longer ones
const NAME = "board.name", MAIL = "board.mail";

// --- text -----------------------------------------------------------------------------------------------

const ENTITIES = {
	lt: "<", gt: ">", amp: "&", quot: "\"", apos: "'", nbsp: "\u00a0", ensp: "\u2002", emsp: "\u2003", thinsp: "\u2009",
	copy: "©", reg: "®", trade: "™", yen: "¥", hearts: "♥", spades: "♠", clubs: "♣", diams: "♦", hellip: "…", bull: "•",
	middot: "·", times: "×", divide: "÷", larr: "←", rarr: "→", uarr: "↑", darr: "↓", laquo: "«", raquo: "»", mdash: "—",
	ndash: "–", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", deg: "°", infin: "∞", zwj: "", zwnj: "", rlm: "", lrm: "",
};

function character(code) {
	// controls, and marks that turn the direction of what follows, are no text
	const bad = !(code >= 32 && code <= 0x10ffff) || (code >= 0x7f && code < 0xa0) || (code >= 0xd800 && code < 0xe000) ||
		(code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
	return bad ? "" : String.fromCodePoint(code);
}

function decode(all, hex, decimal, name) {
	if (name !== undefined)
		return ENTITIES[name] ?? all;
	return character(Number.parseInt(hex ?? decimal, hex === undefined ? 10 : 16));
}

// The words of a piece of HTML; <br> is the end of a line.
export function textOf(html) {
	return html.replace(/ ?<br[^>]*> ?/gi, "\n").replace(/<[^<>]*>/g, "")
		.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));?/gi, decode)
		.replace(/[\u202a-\u202e\u2066-\u2069]/g, "");
}

// --- the node ---------------------------------------------------------------------------------------------

class BoardError extends Error {
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}

async function ask(script, query, form) {
	let answer, body;
	try {
		answer = await fetch(`/cgi-bin/${script}.cgi${query ? "?" + new URLSearchParams(query) : ""}`,
			form ? { method: "POST", body: new URLSearchParams(form) } : {});
		body = await answer.text();
	} catch {
		throw new BoardError(0, t("The node does not answer."));
	}
	let value = null;
	try {
		value = JSON.parse(body);
	} catch {
		// a login page, or none of ours
	}
	if (value === null && (answer.status === 401 || answer.status === 403)) {
		lostLogin();
		throw new BoardError(401, t("You are not logged in any more."));
	}
	if (value === null)
		throw new BoardError(answer.status, t("The node answered {status}.", { status: answer.status }));
	if (value.status !== "ok")
		throw new BoardError(answer.status, value.message);
	return value;
}

// --- the pane ---------------------------------------------------------------------------------------------

const panes = new WeakMap();
const urlOf = (channel) => channel?.info?.url ?? channel?.contactUrl ?? "";

function addStyle() {
	const href = "/assets/css/board.css";
	if (!document.querySelector(`link[href="${href}"]`))
		document.head.append(el("link", { rel: "stylesheet", href }));
}

const remembered = (key) => {
	try {
		return localStorage.getItem(key) ?? "";
	} catch {
		return "";
	}
};
const remember = (key, value) => {
	try {
		localStorage.setItem(key, value);
	} catch {
		// then it is typed again
	}
};

let panesMade = 0;

class Pane {
	constructor(element, url, every) {
		this.element = element;
		this.every = every;
		this.url = url;
		this.board = null;              // what board.cgi said last
		this.thread = null;             // id
		this.posts = [];                // those shown, by number
		this.last = 0;                  // the newest one
		this.first = 1;                 // the oldest that was asked for
		this.fresh = 0;                 // came while the reader looked at others
		this.faults = 0;                // in a row
		this.timer = this.listTimer = 0;
		this.closed = false;
		this.stuck = true;              // the newest post is in sight
		this.top = 0;                   // where the list was
		this.turn = 0;                  // grows when another thread is chosen: late answers are of the one before
		this.build();
		// what stands at its end stays there, whatever becomes of the room
		this.room = new ResizeObserver(() => { if (this.stuck) this.toEnd(); });
		this.room.observe(this.list);
		this.onShown = () => { if (!document.hidden) this.look(); };
		document.addEventListener("visibilitychange", this.onShown);
		this.begin();
	}

	close() {
		this.closed = true;
		this.turn++;
		clearTimeout(this.timer);
		clearTimeout(this.listTimer);
		this.room.disconnect();
		document.removeEventListener("visibilitychange", this.onShown);
		this.element.replaceChildren();
		this.element.classList.remove("board");
	}

	build() {
		const id = (name) => `board-${name}-${this.number}`;

		this.number = ++panesMade;
		this.title = el("h2", { text: t("Board") });
		this.open = el("a", { class: "button small icon-only", target: "_blank", rel: "noreferrer noopener", "aria-label": t("Open the board"),
			title: t("Open the board") }, icon("link"));
		this.select = el("select", { "aria-label": t("Thread"), onchange: () => this.choose(this.select.value) });
		this.state = el("p", { class: "state", role: "status", hidden: true });
		this.earlier = el("button", { type: "button", class: "button small earlier", hidden: true, text: t("Earlier posts"),
			onclick: () => this.showEarlier() });
		this.list = el("ol", { class: "posts", role: "log", "aria-label": t("Posts"), tabindex: "0", onscroll: () => this.scrolled() });
		this.news = el("button", { type: "button", class: "button small primary news", hidden: true, onclick: () => this.toEnd() });
		this.next = el("p", { class: "next", hidden: true });
		this.name = el("input", { id: id("name"), maxlength: "60", autocomplete: "off", value: remembered(NAME) });
		this.mail = el("input", { id: id("mail"), maxlength: "60", autocomplete: "off", value: remembered(MAIL), placeholder: "sage" });
		this.text = el("textarea", { id: id("text"), rows: "2", "aria-label": t("Your post"), placeholder: t("Your post"), maxlength: "4000",
			"aria-describedby": id("fault") });
		this.fault = el("p", { class: "error", id: id("fault"), role: "alert", hidden: true });
		this.send = el("button", { class: "button primary", type: "submit", text: t("Write") });
		this.form = el("form", { class: "write", hidden: true },
			this.text, this.fault,
			el("div", { class: "under" },
				el("details", {}, el("summary", { text: t("Name and mail") }), el("div", { class: "row" },
					el("div", { class: "field" }, el("label", { for: id("name"), text: t("Name") }), this.name),
					el("div", { class: "field" }, el("label", { for: id("mail"), text: t("Mail") }), this.mail))),
				this.send));
		this.form.addEventListener("submit", (e) => {
			e.preventDefault();
			this.write();
		});
		this.text.addEventListener("keydown", (e) => {
			if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && !e.isComposing)
				this.form.requestSubmit();
		});
		this.element.classList.add("board");
		this.element.replaceChildren(el("div", { class: "head" }, this.title, this.open), this.select, this.state,
			el("div", { class: "view" }, this.earlier, this.list, this.news), this.next, this.form);
		this.select.hidden = true;
		setLink(this.open, isWeb(this.url) ? this.url : null);
	}

	say(text, kind = "") {
		this.state.className = `state ${kind}`;
		setText(this.state, text);
	}

	// --- which thread

	// Until there is a board. One that is none, or may not be asked, is left alone.
	async begin() {
		if (!isWeb(this.url)) {
			this.say(t("The channel names no board."));
			return;
		}
		this.say(t("Reading the board..."));
		try {
			await this.readList();
			this.faults = 0;
		} catch (e) {
			if (this.closed)
				return;
			if (e.status === 404) {
				this.element.hidden = true;
				return;
			}
			this.say(e.status === 400 ? t("The contact page is no board.") : e.status === 403 ? t("This board may not be shown here.") :
				t("The board cannot be read: {why}", { why: e.message }), e.status === 400 ? "" : "bad");
			if (e.status !== 400 && e.status !== 403)
				this.listTimer = setTimeout(() => this.begin(), this.pause());
			return;
		}
		if (this.closed)
			return;
		const { id, threads } = this.board;
		const open = threads.find((th) => !this.isFull(th.last)) ?? threads[0];
		this.say("");
		if (id || open)
			this.choose(id || open.id);
		else
			this.say(t("There are no threads yet."));
		this.listTimer = setTimeout(() => this.listAgain(), LIST_EVERY);
	}

	isFull(posts) {
		const most = Math.max(0, ...this.board.threads.map((th) => th.last));
		return posts >= (most > FULL + 1 ? most : FULL);
	}

	where() {
		const { fqdn, category, board_num } = this.board;
		return { fqdn, category, board_num };
	}

	async readList() {
		const board = await ask("board", this.board ? this.where() : { url: this.url });
		if (this.closed)
			return;
		this.board = { ...board, id: this.board?.id ?? board.id };
		setText(this.title, textOf(board.title) || t("Board"));
		this.showThreads();
	}

	async listAgain() {
		if (!document.hidden)
			await this.readList().catch(() => {});
		if (this.closed)
			return;
		if (this.thread === null && this.board.threads.length > 0)
			this.choose(this.board.threads[0].id);
		this.offerNext();
		this.listTimer = setTimeout(() => this.listAgain(), LIST_EVERY);
	}

	showThreads() {
		const known = this.board.threads;
		// the one that is read may have fallen out of the list
		const all = this.thread === null || known.some((th) => th.id === this.thread) ? known :
			[{ id: this.thread, title: this.thread, last: this.last }, ...known];
		setList(this.select, all, (th) => th.id, (th) => el("option", { value: th.id }),
			(option, th) => setText(option, `${textOf(th.title)} (${number(th.id === this.thread ? Math.max(th.last, this.last) : th.last)})`));
		if (this.thread !== null)
			this.select.value = this.thread;
		this.select.hidden = all.length === 0;
	}

	choose(id) {
		const known = this.board.threads.find((th) => th.id === id);
		this.turn++;
		this.thread = id;
		this.posts = [];
		this.last = this.fresh = this.faults = 0;
		this.first = Math.max((known?.last ?? SHOWN) - SHOWN + 1, 1);
		this.list.replaceChildren();
		this.news.hidden = this.earlier.hidden = this.next.hidden = true;
		this.form.hidden = false;
		this.showThreads();
		this.say(t("Reading the thread..."));
		this.look();
	}

	// --- its posts

	pause() {
		return this.faults === 0 ? this.every : Math.min(this.every * 2 ** this.faults, SLOWEST);
	}

	// Look for news, now and then as long as somebody sees them.
	async look() {
		const turn = this.turn;
		clearTimeout(this.timer);
		if (this.closed || this.thread === null || this.looking === turn)
			return;
		this.looking = turn;
		try {
			if (this.posts.length === 0 || (!document.hidden && this.element.checkVisibility()))
				await this.read(turn, this.last > 0 ? this.last + 1 : this.first);
		} catch (e) {
			if (turn === this.turn) {
				this.faults++;
				this.say(t("The thread cannot be read: {why}", { why: e.message }), "bad");
			}
		}
		if (this.looking === turn)
			this.looking = -1;
		if (turn === this.turn && !this.closed)
			this.timer = setTimeout(() => this.look(), this.pause());
	}

	async read(turn, first) {
		const got = await ask("thread", { ...this.where(), id: this.thread, first });
		if (turn !== this.turn || this.closed)
			return;
		this.faults = 0;
		this.say("");
		this.take(got.posts.map((p) => ({ ...p, name: textOf(p.name), body: textOf(p.body), date: textOf(p.date), mail: textOf(p.mail) })));
		this.last = Math.max(this.last, got.last);
		this.earlier.hidden = this.first <= 1;
		const known = this.board.threads.find((th) => th.id === this.thread);
		if (known)
			known.last = Math.max(known.last, this.last);
		else if (got.title)
			this.board.threads.unshift({ id: this.thread, title: got.title, last: this.last });
		this.showThreads();
		this.offerNext();
	}

	isAtEnd() {
		return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 48;
	}

	take(news) {
		const atEnd = this.posts.length === 0 || this.stuck;
		const have = new Set(this.posts.map((p) => p.no));
		const added = news.filter((p) => !have.has(p.no));
		if (added.length === 0)
			return;
		this.posts = [...this.posts, ...added].sort((a, b) => a.no - b.no);
		setList(this.list, this.posts, (p) => p.no, (p) => this.makePost(p));
		if (atEnd)
			this.toEnd();
		else
			this.fresh += added.filter((p) => p.no > this.last).length;
		this.showNews();
	}

	makePost(p) {
		const body = el("p", { class: "body" });
		let at = 0;
		for (const m of p.body.matchAll(/(?:>>|＞＞)([0-9]{1,4})(?:-[0-9]{1,4})?/g)) {
			body.append(p.body.slice(at, m.index), el("button", { type: "button", class: "anchor", text: m[0],
				onclick: () => this.jump(Number(m[1])) }));
			at = m.index + m[0].length;
		}
		body.append(p.body.slice(at));
		return el("li", { value: p.no, id: `board-post-${this.number}-${p.no}`, tabindex: "-1" },
			el("p", { class: "by" },
				el("button", { type: "button", class: "anchor", text: String(p.no), "aria-label": t("Answer post {n}", { n: p.no }),
					onclick: () => this.answer(p.no) }),
				el("span", { class: "name", text: p.name }), el("span", { class: "date", text: p.date })), body);
	}

	answer(no) {
		this.text.value += `${this.text.value && !this.text.value.endsWith("\n") ? "\n" : ""}>>${no}\n`;
		this.text.focus();
	}

	async jump(no) {
		if (no < this.first && no > 0)
			await this.showEarlier();
		const post = $(`board-post-${this.number}-${no}`);
		if (post === null)
			return;
		this.list.scrollTo({ top: post.offsetTop - this.list.offsetTop });
		post.focus({ preventScroll: true });
		post.classList.remove("lit");
		void post.offsetWidth;          // so that it lights up anew
		post.classList.add("lit");
	}

	// What the reader looks at stays where it is.
	async showEarlier() {
		const below = this.list.scrollHeight - this.list.scrollTop;
		this.earlier.hidden = true;
		this.first = 1;
		try {
			await this.read(this.turn, 1);
			this.list.scrollTop = this.list.scrollHeight - below;
		} catch (e) {
			this.first = this.posts[0]?.no ?? 1;
			this.earlier.hidden = false;
			this.say(t("The thread cannot be read: {why}", { why: e.message }), "bad");
		}
	}

	toEnd() {
		this.stuck = true;
		this.list.scrollTop = this.list.scrollHeight;
		this.fresh = 0;
		this.showNews();
	}

	scrolled() {
		// up is away from the end; that there is less room is not
		if (this.isAtEnd())
			this.stuck = true;
		else if (this.list.scrollTop < this.top)
			this.stuck = false;
		this.top = this.list.scrollTop;
		if (this.fresh > 0 && this.stuck) {
			this.fresh = 0;
			this.showNews();
		}
	}

	showNews() {
		setText(this.news, this.fresh > 0 ? t("{n} new posts", { n: number(this.fresh) }) : "");
	}

	// A thread that is full goes on in another one.
	offerNext() {
		const full = this.isFull(this.last);
		const newer = full ? this.board.threads.find((th) => Number(th.id) > Number(this.thread) && !this.isFull(th.last)) : undefined;
		this.form.hidden = full;
		this.next.hidden = !full;
		if (!full)
			return;
		const key = newer?.id ?? "";
		if (this.next.dataset.thread === key)
			return;
		this.next.dataset.thread = key;
		this.next.replaceChildren(t("The thread is full."), ...(newer ? [" ", el("button", { type: "button", class: "button small",
			text: textOf(newer.title), onclick: () => this.choose(newer.id) })] : []));
	}

	// --- writing

	async write() {
		const body = this.text.value.trim();
		const turn = this.turn;
		if (body === "" || this.send.getAttribute("aria-busy") === "true")
			return;
		this.send.setAttribute("aria-busy", "true");
		setText(this.fault, "");
		remember(NAME, this.name.value.trim());
		remember(MAIL, this.mail.value.trim());
		try {
			await ask("post", null, { ...this.where(), id: this.thread, body, name: this.name.value.trim(), mail: this.mail.value.trim() });
			if (this.closed)
				return;
			this.text.value = "";
			if (turn === this.turn) {
				this.toEnd();
				this.look();
			}
		} catch (e) {
			setText(this.fault, t("It was not taken: {why}", { why: textOf(e.message) }));
		} finally {
			this.send.removeAttribute("aria-busy");
		}
	}
}

// Show the board of a channel in the element; the same one stays as it is. every: ms between two looks. Returns
// { close }.
export function openBoard(element, channel, { every = EVERY } = {}) {
	const url = urlOf(channel), old = panes.get(element);
	if (old && !old.closed && old.url === url)
		return old;
	old?.close();
	addStyle();
	element.hidden = false;
	const pane = new Pane(element, url, every);
	panes.set(element, pane);
	return pane;
}
