// SPDX-License-Identifier: GPL-2.0-or-later
// What the pages share: calls to /api/1, and ways to show what they say. Everything that came from
// the network is put in as text, never as markup.

const REFRESH = 3000;
export const $ = (id) => document.getElementById(id);

// Several calls in one request; results by position. Throws when one fails.
export async function rpc(...calls) {
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
	const byId = new Map((await answer.json()).map((r) => [r.id, r]));
	return calls.map((_, id) => {
		const r = byId.get(id);
		if (r?.error)
			throw new Error(r.error.message);
		return r?.result;
	});
}

export function duration(s) {
	const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
	return h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min` : `${s} s`;
}

export function endPoint(ip, port) {
	return ip === undefined ? "" : (ip.includes(":") ? `[${ip}]` : ip) + ":" + port;
}

export function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
	node.hidden = text === "";
}

// A description list that changes only where a value did.
export function setFacts(list, facts) {
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

const STATES = { Receiving: "good", Searching: "wait", Connecting: "wait", Error: "bad" };

// The state of a channel, as a word of that colour.
export function setState(node, status) {
	setText(node, status.isReceiving && status.isBroadcasting ? "Broadcasting" : status.status);
	node.className = "state " + (STATES[status.status] ?? "");
}

function trouble(e) {
	setText($("trouble"), e instanceof TypeError ? "The node does not answer." : e?.message ?? "");
}

// A button that makes a call, and what is to be done after it; sure() asks before.
export function command(button, call, then, sure) {
	button.addEventListener("click", async () => {
		if (sure && !confirm(sure()))
			return;
		button.disabled = true;
		try {
			await rpc(call);
			await then();
			trouble();
		} catch (e) {
			trouble(e);
		} finally {
			button.disabled = false;
		}
	});
}

// Do it now, and again every few seconds while somebody looks.
export async function every(what) {
	if (!document.hidden) {
		try {
			await what();
			trouble();
		} catch (e) {
			trouble(e);
		}
	}
	setTimeout(() => every(what), REFRESH);
}
