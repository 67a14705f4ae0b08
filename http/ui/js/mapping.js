// SPDX-License-Identifier: GPL-2.0-or-later
// How the router leads to our port, in words: what getPortMapping tells.

import { t } from "/assets/js/node.js";

// By the word the node gives for the reason.
const REASONS = {
	off: () => t("Not asked for."),
	"not-serving": () => t("Not asked for: nobody but this machine is served."),
	"not-needed": () => t("Not needed: this machine has a public address."),
	"no-ipv4": () => t("Not needed: this machine has no IPv4 address."),
	started: () => t("The router is being asked."),
	ok: (m) => t("{router} forwards the port ({protocol}).", m),
	unseen: (m) => t("{router} says that it forwards the port ({protocol}), and does not show it.", m),
	"double-nat": (m) => t("{router} forwards the port ({protocol}), but is behind another router or the provider's: its address outside is {outside}.", m),
	"no-wan": (m) => t("{router} forwards the port ({protocol}), but is not connected.", m),
	"no-library": () => t("Neither miniupnpc nor libnatpmp is installed."),
	"no-router": () => t("This machine has no way to a router."),
	"no-answer": () => t("The router knows neither UPnP nor NAT-PMP, or both are off."),
	silent: () => t("The router did not answer in time."),
	"bad-answer": () => t("The router's answer makes no sense."),
	elsewhere: () => t("The router's answer leads to another machine; it was not followed."),
	refused: () => t("The router does not do it."),
	taken: (m) => m.holder === null ? t("The router forwards the port to another machine. Take another port.") :
		t("The router forwards the port to {holder}. Take another port.", m),
	"other-port": () => t("The router gives another port only. Take another port."),
	lie: () => t("The router says yes, and does not do it."),
	system: () => t("The router could not be asked."),
};

// A sentence, with the router's own word where it has one.
export function mappingText(m) {
	const text = REASONS[m.code]?.(m) ?? m.reason;
	return m.detail === "" ? text : `${text} (${m.detail})`;
}
