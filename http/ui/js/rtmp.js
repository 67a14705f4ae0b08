// SPDX-License-Identifier: GPL-2.0-or-later
// The RTMP input: whether it listens, and what encoders publish by it.

import { $, el, endPoint, page, rpc, say, setBadge, setFacts, setList, setText, t, trouble } from "/assets/js/node.js";
import { live } from "/assets/js/events.js";

const refresh = live(["channel", "notification"], async () => {
	const [s, channels] = await Promise.all([rpc("getRtmpStatus"), rpc("getChannels")]);
	const mine = channels.filter((c) => c.status.isBroadcasting);
	const byRtmp = await Promise.all(mine.map((c) => rpc("getChannelConnections", [c.channelId]).then(
		(list) => list.some((x) => x.type === "source" && x.protocolName === "RTMP"), () => false)));
	const list = mine.filter((_, i) => byRtmp[i]);

	setBadge($("state"), s.isListening ? "good" : s.isOn ? "bad" : "", s.isListening ? t("listens") : s.isOn ? t("does not listen") : t("off"));
	setText($("problem"), s.problem);
	setFacts($("facts"), [[t("Address"), endPoint(s.address, s.port)], [t("Encoders"), s.publishers],
		[t("Stream keys"), s.needsKey ? t("those of rtmpKey") : t("any, from this machine")]]);
	if (!$("on").disabled)
		$("on").checked = s.isOn;
	setList($("published"), list, (c) => c.channelId, () => el("li", {}, el("a")), (li, c) => {
		li.firstChild.href = page("relayinfo", { id: c.channelId });
		setText(li.firstChild, c.info.name);
	});
	$("none").hidden = list.length > 0;
}, { every: 3000 });

$("on").addEventListener("change", async () => {
	const on = $("on").checked;
	$("on").disabled = true;
	try {
		await rpc("changeSettings", [{ rtmpServer: on }]);
		say(on ? t("RTMP is switched on.") : t("RTMP is switched off."));
	} catch (e) {
		$("on").checked = !on;
		trouble(e);
	} finally {
		$("on").disabled = false;
	}
	refresh();
});
