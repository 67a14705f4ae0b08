// SPDX-License-Identifier: GPL-2.0-or-later
// The end of the node, after a question.

import { $, LoginError, NodeGone, alertLine, command, t } from "/assets/js/node.js";

command($("shutdown"), async () => {
	const answer = await fetch("/admin", { method: "POST", body: new URLSearchParams({ cmd: "shutdown" }),
		headers: { "X-Requested-With": "XMLHttpRequest" } }).catch(() => {
		throw new NodeGone(t("The node does not answer."));
	});
	if (answer.status === 401 || answer.status === 403)
		throw new LoginError();
	if (!answer.ok)
		throw new Error(t("The node answered {status}.", { status: answer.status }));
	$("shutdown").disabled = true;
	alertLine(t("The node is shutting down."));
}, { sure: () => ({ title: t("Shut the node down?"), text: t("Viewers and relays are cut off.") }) });
