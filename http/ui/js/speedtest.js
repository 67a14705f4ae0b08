// SPDX-License-Identifier: GPL-2.0-or-later
// The upload tests of yellow pages.

import { $, check, command, fromTemplate, rate, rpc, say, setBadge, setFacts, setList, setText, t } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";
import { onSubmit, told } from "/assets/js/fields.js";

const STATES = { untried: ["", t("not asked yet")], ok: ["good", t("known")], error: ["bad", t("failed")] };
const part = (li, name) => li.querySelector(`.${name}`);

function make(test) {
	const li = fromTemplate("test");
	command(part(li, "take"), async () => {
		setBadge(part(li, "state"), "wait", t("measuring"));
		await rpc("takeSpeedTest", [test.url, true]).finally(refresh);
	});
	command(part(li, "look"), () => rpc("takeSpeedTest", [test.url, false]).finally(refresh));
	command(part(li, "remove"), async () => {
		await rpc("removeSpeedTest", [test.url]);
		refresh();
	}, { sure: () => ({ title: t("Remove {name}?", { name: test.name || test.url }) }) });
	return li;
}

function show(li, test) {
	setText(part(li, "name"), test.name || new URL(test.url).host);
	setBadge(part(li, "state"), ...STATES[test.status]);
	setText(part(li, "url"), test.url);
	setFacts(part(li, "facts"), test.status !== "ok" ? [] : [[t("Your speed"), test.speed > 0 ? rate(test.speed) : t("not measured")],
		[t("Over its limit"), test.isOver ? t("Yes") : ""], [t("Port"), test.isPortOpen ? t("open") : t("closed")]]);
	setText(part(li, "error"), test.error);
	part(li, "take").disabled = test.status === "ok" && !test.isCheckable;
}

const refresh = live(["notification"], async () => {
	const tests = await rpc("getSpeedTests");

	setList($("tests"), tests, (x) => x.url, make, show);
	$("none").hidden = tests.length > 0;
	$("ask-all").disabled = tests.length === 0;
});

command($("ask-all"), async () => {
	for (const test of await rpc("getSpeedTests"))
		await rpc("takeSpeedTest", [test.url, false]);
	refresh();
});

onSubmit($("add"), async () => {
	const url = $("url");
	try {
		await rpc("addSpeedTest", [url.value.trim()]);
	} catch (error) {
		if (error.data === undefined)
			throw error;
		check(url, told(error.data));
		url.focus();
		return;
	}
	url.value = "";
	say(t("Added."));
	refresh();
});
$("url").addEventListener("input", () => check($("url"), ""));
