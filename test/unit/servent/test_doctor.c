/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the doctor makes of what he sees: doctorjudge.h, from one node that is well and a table of ills. */
#include "servent/doctorjudge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/sock.h"
#include "pcp/pcp.h"
#include "pcp/quit.h"
#include "servent/doctorlook.h"
#include "servent/doctortalk.h"
#include "servent/pcpio.h"
#include "test/unit/unit.h"

#define WAN  host_v4(203, 0, 113, 5, 0)
#define HOME host_v4(192, 168, 0, 5, 0)

static struct settings *set;
static struct doctor_feed feeds[2];

/* A node behind no NAT whose root could reach it; its list was fetched. */
static void well(struct doctor_facts *f)
{
	struct doctor_talk *t;

	memset(f, 0, sizeof(*f));
	memset(feeds, 0, sizeof(feeds));
	set = settings_new(false);
	ck_assert_ptr_nonnull(set);
	f->ini = "a.ini";
	f->set = set;
	buf_init(&f->faults, 4096);
	buf_init(&f->remarks, 4096);
	f->port = (struct doctor_port){ .wanted = true, .at = { .port = 7144 }, .both = true };
	f->listened = true;
	f->knocks[0] = 1;
	f->have[0] = true;
	f->files = f->threads = 100;
	f->files_max = 1000;
	f->threads_max = UINT64_MAX;
	f->n_roots = 1;
	text_copy(f->roots[0].name, sizeof(f->roots[0].name), "yp.example");
	f->roots[0].at[0] = host_v4(198, 51, 100, 1, 7144);
	t = &f->roots[0].talk[0];
	t->tried = t->pinged = true;
	t->fw = FW_OPEN;
	t->local = t->seen = WAN;
	text_copy(t->agent, sizeof(t->agent), "PeerCast/0.1218 (YT50)");
	f->feeds = feeds;
	f->n_feeds = 2;
	text_copy(feeds[0].url, sizeof(feeds[0].url), "http://yp.example/index.txt");
	text_copy(feeds[1].url, sizeof(feeds[1].url), "http://other.example/index.txt");
	feeds[0].dated = feeds[1].dated = true;
}

static void unwell(struct doctor_facts *f)
{
	buf_fini(&f->faults);
	buf_fini(&f->remarks);
	settings_free(&set);
}

#define TALK(f) ((f)->roots[0].talk[0])

static struct outcome sys(int err)
{
	return (struct outcome){ .st = ST_SYS, .err = err };
}

static void closed(struct doctor_facts *f)
{
	TALK(f).fw = FW_CLOSED;
	f->knocks[0] = 0;
}

static void nothing(struct doctor_facts *f) { (void)f; }
static void one_fault(struct doctor_facts *f)
{
	f->n_faults = 1;
	buf_puts(&f->faults, "line 3: maxRelays: no number\n");
}
static void many_faults(struct doctor_facts *f)
{
	f->n_faults = 70;
	buf_puts(&f->faults, "line 3: a\nline 4: b\n");
}
static void not_ours(struct doctor_facts *f) { f->set = NULL; f->read = sys(EACCES); }
static void not_there(struct doctor_facts *f) { f->set = NULL; f->read = sys(ENOENT); }
static void too_long(struct doctor_facts *f) { f->set = NULL; f->read.st = ST_LIMIT; }
static void not_made_yet(struct doctor_facts *f) { f->missing = true; }
static void remark(struct doctor_facts *f) { buf_puts(&f->remarks, "no [Filter]: added\n"); }
static void taken(struct doctor_facts *f)
{
	f->port.bound = sys(EADDRINUSE);
	text_copy(f->port.who, sizeof(f->port.who), "nginx (process 12)");
	TALK(f).pinged = f->listened = false;
	closed(f);
}
static void of_another_user(struct doctor_facts *f) { taken(f); f->hidden = f->port.node = true; }
static void hidden_stranger(struct doctor_facts *f) { taken(f); f->hidden = true; }
static void held_by_systemd(struct doctor_facts *f)
{
	taken(f);
	text_copy(f->port.who, sizeof(f->port.who), "systemd (process 1)");
}
static void low_port(struct doctor_facts *f) { taken(f); f->port.at.port = 80; f->port.bound.err = EACCES; }
static void no_such_address(struct doctor_facts *f) { taken(f); f->port.at.ip[0] = 0x20; f->port.bound.err = EADDRNOTAVAIL; }
static void bad_bind(struct doctor_facts *f) { taken(f); f->port.unusable = true; }
static void rtmp_taken(struct doctor_facts *f)
{
	f->rtmp = (struct doctor_port){ .wanted = true, .at = { .port = 1935 }, .bound = sys(EADDRINUSE) };
}
static void runs(struct doctor_facts *f) { f->runs = f->port.node = true; f->listened = false; f->knocks[0] = 0; }
static void runs_deaf(struct doctor_facts *f) { runs(f); f->port.node = false; f->port.bound = sys(ECONNREFUSED); }
static void runs_elsewhere(struct doctor_facts *f) { runs(f); f->port.node = false; }
static void few_files(struct doctor_facts *f) { f->files = 1001; }
static void few_threads(struct doctor_facts *f) { f->threads = 200; f->threads_max = 100; }
static void no_roots(struct doctor_facts *f) { f->n_roots = 0; }
static void no_name(struct doctor_facts *f) { f->roots[0].found.st = ST_PROTO; TALK(f).tried = false; }
static void no_name_server(struct doctor_facts *f) { f->roots[0].found.st = ST_TIMEOUT; TALK(f).tried = false; }
static void no_forced(struct doctor_facts *f)
{
	text_copy(set->force_ip, sizeof(set->force_ip), "me.example");
	f->forced.st = ST_PROTO;
}
static void refused(struct doctor_facts *f) { TALK(f).reached = sys(ECONNREFUSED); }
static void silent(struct doctor_facts *f) { TALK(f).heard.st = ST_TIMEOUT; }
static void no_pcp(struct doctor_facts *f) { TALK(f).heard.st = ST_PROTO; }
static void banned(struct doctor_facts *f) { TALK(f).quit = PCP_QUIT_BANNED; }
static void banned_early(struct doctor_facts *f) { TALK(f).heard.st = ST_EOF; TALK(f).quit = PCP_QUIT_BANNED; }
static void full(struct doctor_facts *f) { TALK(f).quit = PCP_QUIT_UNAVAILABLE; }
static void old(struct doctor_facts *f) { TALK(f).quit = PCP_QUIT_BADAGENT; }
static void twin(struct doctor_facts *f) { TALK(f).quit = PCP_QUIT_ALREADYCONNECTED; }
static void disabled(struct doctor_facts *f) { TALK(f).disabled = true; }
static void itself(struct doctor_facts *f) { TALK(f).heard.st = ST_PROTO; TALK(f).itself = true; }
static void second_root_down(struct doctor_facts *f)
{
	f->n_roots = 2;
	text_copy(f->roots[1].name, sizeof(f->roots[1].name), "two.example");
	f->roots[1].at[0] = host_v4(198, 51, 100, 2, 7144);
	f->roots[1].talk[0] = (struct doctor_talk){ .tried = true, .pinged = true, .reached.st = ST_TIMEOUT };
}
static void only_v6_down(struct doctor_facts *f)
{
	f->have[1] = true;
	f->roots[0].at[1].ip[0] = 0x20;
	f->roots[0].talk[1] = (struct doctor_talk){ .tried = true, .pinged = true, .reached.st = ST_TIMEOUT };
}
static void no_feeds(struct doctor_facts *f) { f->n_feeds = 0; }
static void no_curl(struct doctor_facts *f) { f->no_curl = "built without libcurl"; feeds[0].dated = feeds[1].dated = false; }
static void bad_list(struct doctor_facts *f)
{
	text_copy(feeds[1].why, sizeof(feeds[1].why), "the server answers 404");
}
static void clock_off(struct doctor_facts *f) { feeds[0].ahead_s = -4000; feeds[1].ahead_s = -4001; }
static void one_clock_off(struct doctor_facts *f) { feeds[0].ahead_s = 3; feeds[1].ahead_s = INT64_MAX; }
static void nat(struct doctor_facts *f) { closed(f); TALK(f).local = HOME; }
static void nat_passed(struct doctor_facts *f) { TALK(f).local = HOME; }
static void vpn(struct doctor_facts *f) { closed(f); TALK(f).local = host_v4(198, 51, 100, 77, 0); }
static void low_closed(struct doctor_facts *f) { closed(f); f->port.at.port = 80; }
static void near_root(struct doctor_facts *f) { closed(f); TALK(f).seen = HOME; }
static void unseen(struct doctor_facts *f) { closed(f); TALK(f).seen = (struct host){ .port = 0 }; }
static void liar(struct doctor_facts *f) { f->knocks[0] = 0; }
static void not_serving(struct doctor_facts *f) { f->port.near = true; TALK(f).pinged = f->listened = false; }
static void closed_and_banned(struct doctor_facts *f) { closed(f); banned(f); }
static void forced_open(struct doctor_facts *f) { closed(f); set->force_normal = true; }
static void forced_shut(struct doctor_facts *f) { set->force_firewalled = true; }
static void let_in_but_closed(struct doctor_facts *f) { TALK(f).fw = FW_CLOSED; }
static void open_by_one(struct doctor_facts *f)
{
	second_root_down(f);
	f->roots[1].talk[0] = TALK(f);
	TALK(f).fw = FW_CLOSED;
}
static void v6_closed(struct doctor_facts *f)
{
	f->have[1] = true;
	f->roots[0].at[1].ip[0] = 0x20;
	f->roots[0].talk[1] = TALK(f);
	f->roots[0].talk[1].fw = FW_CLOSED;
	memset(f->roots[0].talk[1].seen.ip, 0x20, 16);
	f->roots[0].talk[1].local = f->roots[0].talk[1].seen;
}
static void only_v6_open(struct doctor_facts *f)
{
	v6_closed(f);
	f->roots[0].talk[1].fw = FW_OPEN;
	f->knocks[1] = 1;
	closed(f);
}
static void v6_alone(struct doctor_facts *f)
{
	only_v6_open(f);
	f->have[0] = false;
	TALK(f).tried = false;
}

static void map(struct doctor_facts *f, enum portmap_state state, enum portmap_why why)
{
	set->port_mapping = f->mapped = true;
	f->map = (struct portmap){ .state = state, .why = why, .kind = PORTMAP_UPNP, .port = 7144 };
}
static void mapping(struct doctor_facts *f) { map(f, PORTMAP_OPEN, PMWHY_OK); f->map.router = HOME; }
static void mapping_back(struct doctor_facts *f) { mapping(f); f->back = DOCTOR_BACK; }
static void mapping_stuck(struct doctor_facts *f) { mapping(f); f->back = DOCTOR_STUCK; f->map.lease_s = 3600; }
static void mapping_for_ever(struct doctor_facts *f) { mapping(f); f->back = DOCTOR_STUCK; }
static void mapping_unsure(struct doctor_facts *f) { mapping(f); runs(f); f->back = DOCTOR_UNSURE; }
static void mapping_there(struct doctor_facts *f) { mapping(f); f->map.was_there = true; }
static void mapping_runs(struct doctor_facts *f) { mapping(f); runs(f); }
static void mapping_not_asked(struct doctor_facts *f) { not_serving(f); set->port_mapping = true; }
static void mapping_taken_port(struct doctor_facts *f) { taken(f); set->port_mapping = true; }
static void mapping_v6_alone(struct doctor_facts *f) { v6_alone(f); set->port_mapping = true; }
static void mapping_not_needed(struct doctor_facts *f) { map(f, PORTMAP_OFF, PMWHY_NOT_NEEDED); }
static void mapping_double(struct doctor_facts *f)
{
	map(f, PORTMAP_OPEN, PMWHY_DOUBLE);
	f->map.outside = host_v4(100, 64, 0, 7, 0);
}
static void mapping_no_answer(struct doctor_facts *f) { map(f, PORTMAP_FAILED, PMWHY_NO_ANSWER); }
static void mapping_taken(struct doctor_facts *f) { map(f, PORTMAP_FAILED, PMWHY_TAKEN); f->map.holder = HOME; }
static void mapping_no_library(struct doctor_facts *f) { map(f, PORTMAP_FAILED, PMWHY_NO_LIBRARY); }
static void mapping_no_wan(struct doctor_facts *f) { map(f, PORTMAP_OPEN, PMWHY_NO_WAN); }
static void mapping_useless(struct doctor_facts *f) { mapping(f); nat(f); }

static const struct ill {
	const char *name;
	void (*make)(struct doctor_facts *f);
	enum doctor_step step;          /* which is looked at, */
	enum doctor_verdict verdict;
	const char *text, *mend;        /* parts of what is said; NULL = whatever */
	const char *note;               /* the same; one that begins with = is all of it */
	bool first;                     /* it is the first fault */
} ills[] = {
	{ "well", nothing, DOCTOR_OUTSIDE, DOCTOR_OK, "IPv4: port 7144 is open, seen at 203.0.113.5", NULL,
	  "IPv6: this machine has no address", false },
	{ "a fault", one_fault, DOCTOR_CONFIG, DOCTOR_FAIL, "1 fault, first line 3: maxRelays: no number", "Correct",
	  NULL, true },
	{ "many faults", many_faults, DOCTOR_CONFIG, DOCTOR_FAIL, "70 faults, first line 3: a", "Correct",
	  "line 4: b\nand 20 more\n", true },
	{ "not ours", not_ours, DOCTOR_CONFIG, DOCTOR_FAIL, "a.ini: Permission denied", "as the user", NULL, true },
	{ "not there", not_there, DOCTOR_CONFIG, DOCTOR_FAIL, "No such file", "with -i", NULL, true },
	{ "not there: the rest", not_there, DOCTOR_CLOCK, DOCTOR_SKIPPED, "without settings", NULL, NULL, false },
	{ "too long", too_long, DOCTOR_CONFIG, DOCTOR_FAIL, "limit reached", "plain file", NULL, true },
	{ "not made yet", not_made_yet, DOCTOR_CONFIG, DOCTOR_OK, "is not there", NULL, NULL, false },
	{ "a remark", remark, DOCTOR_CONFIG, DOCTOR_OK, "a.ini", NULL, "no [Filter]", false },
	{ "free port", nothing, DOCTOR_PORT, DOCTOR_OK, "port 7144 is free, IPv4 and IPv6", NULL, NULL, false },
	{ "port taken", taken, DOCTOR_PORT, DOCTOR_FAIL, "Address already in use: nginx (process 12)", "End the other", NULL,
	  true },
	{ "port taken: outside", taken, DOCTOR_OUTSIDE, DOCTOR_SKIPPED, "not ours", NULL, NULL, false },
	{ "another user's", of_another_user, DOCTOR_PORT, DOCTOR_FAIL, "port 7144: a node runs there", "--user", NULL, true },
	{ "not even that", hidden_stranger, DOCTOR_PORT, DOCTOR_FAIL, "nginx (process 12)", "End the other", NULL, true },
	{ "systemd", held_by_systemd, DOCTOR_PORT, DOCTOR_FAIL, "systemd", "systemctl start", NULL, true },
	{ "low port", low_port, DOCTOR_PORT, DOCTOR_FAIL, "Permission denied", "below 1024", NULL, true },
	{ "bindAddress", no_such_address, DOCTOR_PORT, DOCTOR_FAIL, "port 7144 of 2000::", "correct bindAddress", NULL,
	  true },
	{ "bad bindAddress", bad_bind, DOCTOR_PORT, DOCTOR_FAIL, "bindAddress: it is not an address", "empty", NULL, true },
	{ "RTMP port taken", rtmp_taken, DOCTOR_PORT, DOCTOR_FAIL, "port 1935 cannot be had", "set rtmpPort", NULL, true },
	{ "runs", runs, DOCTOR_PORT, DOCTOR_OK, "the node runs and answers", NULL, NULL, false },
	{ "runs: outside", runs, DOCTOR_OUTSIDE, DOCTOR_OK, "is open", NULL, NULL, false },
	{ "runs, deaf", runs_deaf, DOCTOR_PORT, DOCTOR_FAIL, "nobody answers: Connection refused", "SIGHUP", NULL, true },
	{ "runs elsewhere", runs_elsewhere, DOCTOR_PORT, DOCTOR_FAIL, "something else", "SIGHUP", NULL, true },
	{ "runs elsewhere: outside", runs_elsewhere, DOCTOR_OUTSIDE, DOCTOR_SKIPPED, "not ours", NULL, NULL, false },
	{ "files", few_files, DOCTOR_LIMITS, DOCTOR_FAIL, "1001 files be open at once, the system 1000", "LimitNOFILE=1001",
	  NULL, true },
	{ "threads", few_threads, DOCTOR_LIMITS, DOCTOR_FAIL, "200 threads run at once, the system 100", "LimitNPROC", NULL,
	  true },
	{ "any number", nothing, DOCTOR_LIMITS, DOCTOR_OK, "1000 files and any number of threads", NULL, NULL, false },
	{ "no roots", no_roots, DOCTOR_YP, DOCTOR_SKIPPED, "rootHost is empty", NULL, NULL, false },
	{ "no roots: names", no_roots, DOCTOR_NAMES, DOCTOR_SKIPPED, "no name is set", NULL, NULL, false },
	{ "no roots: outside", no_roots, DOCTOR_OUTSIDE, DOCTOR_SKIPPED, "nobody to ask", NULL, NULL, false },
	{ "no such name", no_name, DOCTOR_NAMES, DOCTOR_FAIL, "there is no yp.example", "Correct the name in rootHost", NULL,
	  true },
	{ "no such name: yp", no_name, DOCTOR_YP, DOCTOR_SKIPPED, "none has an address", NULL, NULL, false },
	{ "no name server", no_name_server, DOCTOR_NAMES, DOCTOR_FAIL, "does not answer", "/etc/resolv.conf", NULL, true },
	{ "forceIP", no_forced, DOCTOR_NAMES, DOCTOR_FAIL, "forceIP: there is no me.example", "forceIP", NULL, true },
	{ "what it is", nothing, DOCTOR_YP, DOCTOR_OK, "1 answers", NULL, "yp.example: PeerCast/0.1218 (YT50)", false },
	{ "refused", refused, DOCTOR_YP, DOCTOR_FAIL, "198.51.100.1:7144: Connection refused", "to port 7144", NULL, true },
	{ "refused: outside", refused, DOCTOR_OUTSIDE, DOCTOR_SKIPPED, "no yellow page has answered", NULL, NULL, false },
	{ "refused: push", refused, DOCTOR_PUSH, DOCTOR_SKIPPED, "not known", NULL, NULL, false },
	{ "silent", silent, DOCTOR_YP, DOCTOR_FAIL, "does not answer", "hangs", NULL, true },
	{ "no PCP", no_pcp, DOCTOR_YP, DOCTOR_FAIL, "does not speak PCP", "web page", NULL, true },
	{ "banned", banned, DOCTOR_YP, DOCTOR_FAIL, "banned this node: quit 1011 banned", "ten minutes", NULL, true },
	{ "banned at once", banned_early, DOCTOR_YP, DOCTOR_FAIL, "banned this node", "Ask", NULL, true },
	{ "full", full, DOCTOR_YP, DOCTOR_FAIL, "full: quit 1003", "another one", NULL, true },
	{ "old", old, DOCTOR_YP, DOCTOR_FAIL, "does not take this version", "newer", NULL, true },
	{ "known there", twin, DOCTOR_YP, DOCTOR_OK, "1 answers", NULL, "a connection of this node already", false },
	{ "disabled", disabled, DOCTOR_YP, DOCTOR_FAIL, "has disabled this node", "why", NULL, true },
	{ "itself", itself, DOCTOR_YP, DOCTOR_FAIL, "is this node itself", "Leave rootHost empty", NULL, true },
	{ "one of two", second_root_down, DOCTOR_YP, DOCTOR_FAIL, "two.example: 198.51.100.2:7144: timed out", NULL,
	  "yp.example: PeerCast", true },
	{ "one family", only_v6_down, DOCTOR_YP, DOCTOR_OK, "1 answers", NULL, "[2000::]:0: timed out", false },
	{ "no lists", no_feeds, DOCTOR_LISTS, DOCTOR_SKIPPED, "no [Feed]", NULL, NULL, false },
	{ "no lists: clock", no_feeds, DOCTOR_CLOCK, DOCTOR_SKIPPED, "no list", NULL, NULL, false },
	{ "no libcurl", no_curl, DOCTOR_LISTS, DOCTOR_SKIPPED, "built without", NULL, NULL, false },
	{ "a bad list", bad_list, DOCTOR_LISTS, DOCTOR_FAIL, "http://other.example/index.txt: the server answers 404",
	  "browser", "http://yp.example/index.txt: 0 channels", true },
	{ "clock", clock_off, DOCTOR_CLOCK, DOCTOR_FAIL, "4000 seconds behind that of http://yp.example", "timedatectl", NULL,
	  true },
	{ "a list's clock", one_clock_off, DOCTOR_CLOCK, DOCTOR_OK, NULL, NULL, NULL, false },
	{ "no mapping", nothing, DOCTOR_MAPPING, DOCTOR_SKIPPED, "portMapping is off", NULL, NULL, false },
	{ "mapping", mapping_back, DOCTOR_MAPPING, DOCTOR_OK, "UPnP: ", NULL,
	  "is 192.168.0.5\nit was made for this look alone, and is taken away again\n", false },
	{ "mapping that stays", mapping_stuck, DOCTOR_MAPPING, DOCTOR_OK, "UPnP: ", NULL,
	  "could not be taken away; it ends by itself after 3600 s", false },
	{ "mapping that stays for ever", mapping_for_ever, DOCTOR_MAPPING, DOCTOR_OK, "UPnP: ", NULL,
	  "could not be taken away: remove it on the router's page", false },
	{ "mapping beside a node", mapping_unsure, DOCTOR_MAPPING, DOCTOR_OK, "UPnP: ", NULL, "does not tell: as a node runs",
	  false },
	{ "mapping of a node that runs", mapping_runs, DOCTOR_MAPPING, DOCTOR_OK, "UPnP: ", NULL, "=the router is 192.168.0.5\n", false },
	{ "mapping of the node", mapping_there, DOCTOR_MAPPING, DOCTOR_OK, "UPnP: ", NULL, "=the router is 192.168.0.5\n", false },
	{ "mapping, not serving", mapping_not_asked, DOCTOR_MAPPING, DOCTOR_SKIPPED, "autoServe is off", NULL, NULL, false },
	{ "mapping, port taken", mapping_taken_port, DOCTOR_MAPPING, DOCTOR_SKIPPED, "not ours", NULL, NULL, false },
	{ "mapping, IPv6 alone", mapping_v6_alone, DOCTOR_MAPPING, DOCTOR_SKIPPED, "no IPv4 address", NULL, NULL, false },
	{ "mapping not needed", mapping_not_needed, DOCTOR_MAPPING, DOCTOR_SKIPPED, NULL, NULL, NULL, false },
	{ "two routers", mapping_double, DOCTOR_MAPPING, DOCTOR_FAIL, "100.64.0.7", "second router", NULL, true },
	{ "no router answers", mapping_no_answer, DOCTOR_MAPPING, DOCTOR_FAIL, NULL, "Switch UPnP or NAT-PMP on", NULL, true },
	{ "mapping taken", mapping_taken, DOCTOR_MAPPING, DOCTOR_FAIL, "192.168.0.5", "set serverPort", NULL, true },
	{ "mapping, no library", mapping_no_library, DOCTOR_MAPPING, DOCTOR_FAIL, NULL, "Install miniupnpc", NULL, true },
	{ "router is not connected", mapping_no_wan, DOCTOR_MAPPING, DOCTOR_FAIL, NULL, "its connection", NULL, true },
	{ "mapping, yet closed", mapping_useless, DOCTOR_OUTSIDE, DOCTOR_FAIL, "closed", "it was asked to", NULL, true },
	{ "NAT", nat, DOCTOR_OUTSIDE, DOCTOR_FAIL, "closed, seen at 203.0.113.5, here it is 192.168.0.5",
	  "router pass TCP port 7144 on to 192.168.0.5, or set portMapping", NULL, true },
	{ "NAT: push", nat, DOCTOR_PUSH, DOCTOR_OK, "(GIV)", NULL, "broadcasting to nodes whose own port is open", false },
	{ "NAT that passes on", nat_passed, DOCTOR_OUTSIDE, DOCTOR_OK, "open, seen at 203.0.113.5, here it is 192.168.0.5",
	  NULL, NULL, false },
	{ "open: push", nothing, DOCTOR_PUSH, DOCTOR_SKIPPED, "not needed", NULL, NULL, false },
	{ "VPN", vpn, DOCTOR_OUTSIDE, DOCTOR_FAIL, "here it is 198.51.100.77", "NAT or a VPN", NULL, true },
	{ "firewall", closed, DOCTOR_OUTSIDE, DOCTOR_FAIL, "port 7144 is closed, seen at 203.0.113.5", "let TCP port 7144 in",
	  NULL, true },
	{ "let in, yet closed", let_in_but_closed, DOCTOR_OUTSIDE, DOCTOR_FAIL, "closed", NULL, "something did come in", true },
	{ "low and closed", low_closed, DOCTOR_OUTSIDE, DOCTOR_FAIL, "port 80 is closed", "below 1024", NULL, true },
	{ "root nearby", near_root, DOCTOR_OUTSIDE, DOCTOR_SKIPPED, "not tested, seen at 192.168.0.5", NULL, NULL, false },
	{ "root that does not say", unseen, DOCTOR_OUTSIDE, DOCTOR_SKIPPED, "seen at no address", NULL, NULL, false },
	{ "a root that lies", liar, DOCTOR_OUTSIDE, DOCTOR_FAIL, "nobody came to look", "another yellow page", NULL, true },
	{ "not serving", not_serving, DOCTOR_OUTSIDE, DOCTOR_SKIPPED, "autoServe is off", NULL, NULL, false },
	{ "not serving: push", not_serving, DOCTOR_PUSH, DOCTOR_SKIPPED, "autoServe is off", NULL, NULL, false },
	{ "closed and banned", closed_and_banned, DOCTOR_PUSH, DOCTOR_FAIL, "no yellow page takes this node", "Open the port",
	  NULL, false },
	{ "forceNormal", forced_open, DOCTOR_OUTSIDE, DOCTOR_FAIL, "closed", NULL, "forceNormal", true },
	{ "forceFirewalled", forced_shut, DOCTOR_OUTSIDE, DOCTOR_OK, "open", NULL, "forceFirewalled", false },
	{ "open says one", open_by_one, DOCTOR_OUTSIDE, DOCTOR_OK, "is open", NULL, NULL, false },
	{ "IPv6 closed", v6_closed, DOCTOR_OUTSIDE, DOCTOR_OK, "IPv4: port 7144 is open", NULL, "IPv6: port 7144 is closed",
	  false },
	{ "IPv6 open", only_v6_open, DOCTOR_OUTSIDE, DOCTOR_FAIL, "IPv4: port 7144 is closed", "let TCP",
	  "IPv6: port 7144 is open", true },
	{ "IPv6 alone", v6_alone, DOCTOR_OUTSIDE, DOCTOR_OK, "IPv6: port 7144 is open", NULL,
	  "IPv4: this machine has no address", false },
};

static void says(const char *name, const char *text, const char *part)
{
	if (part != NULL)
		ck_assert_msg(strstr(text, part) != NULL, "%s: \"%s\" is not in \"%s\"", name, part, text);
}

START_TEST(judge_table)
{
	const struct ill *c = &ills[_i];
	struct doctor_finding found[DOCTOR_STEPS], *d = &found[c->step];
	struct doctor_facts f;

	well(&f);
	c->make(&f);
	doctor_judge(&f, found);
	ck_assert_msg(d->verdict == c->verdict, "%s: %s: %s", c->name, doctor_verdict_str(d->verdict), d->text);
	says(c->name, d->text, c->text);
	says(c->name, d->mend, c->mend);
	if (c->note != NULL && c->note[0] == '=')
		ck_assert_msg(strcmp(buf_cstr(&d->notes), c->note + 1) == 0, "%s: %s", c->name, buf_cstr(&d->notes));
	else
		says(c->name, buf_cstr(&d->notes), c->note);
	if (c->first)
		ck_assert_msg(doctor_first_fault(found) == c->step, "%s: first is %d", c->name,
			(int)doctor_first_fault(found));
	else
		ck_assert_msg(doctor_first_fault(found) != c->step, "%s is the first", c->name);
	for (int i = 0; i < DOCTOR_STEPS; i++) {
		ck_assert_msg(found[i].text[0] != '\0', "%s: step %d says nothing", c->name, i);
		ck_assert_msg((found[i].mend[0] != '\0') == (found[i].verdict == DOCTOR_FAIL),
			"%s: step %d: mend \"%s\"", c->name, i, found[i].mend);
	}
	doctor_judged_fini(found);
	unwell(&f);
}
END_TEST

/* Nothing fails at a node that is well. */
START_TEST(healthy)
{
	struct doctor_finding found[DOCTOR_STEPS];
	struct doctor_facts f;

	well(&f);
	doctor_judge(&f, found);
	ck_assert_int_eq(doctor_first_fault(found), DOCTOR_STEPS);
	doctor_judged_fini(found);
	unwell(&f);
}
END_TEST

/* Texts that are too long for a line are cut, not overrun. */
START_TEST(long_texts)
{
	struct doctor_finding found[DOCTOR_STEPS];
	struct doctor_facts f;

	well(&f);
	memset(feeds[0].url, 'u', sizeof(feeds[0].url) - 1);
	memset(feeds[0].why, 'w', sizeof(feeds[0].why) - 1);
	memset(f.roots[0].name, 'n', sizeof(f.roots[0].name) - 1);
	memset(TALK(&f).agent, 'a', sizeof(TALK(&f).agent) - 1);
	f.n_faults = 2;
	for (int i = 0; i < 1000; i++)
		buf_puts(&f.faults, "xyz");
	doctor_judge(&f, found);
	for (int i = 0; i < DOCTOR_STEPS; i++)
		ck_assert_uint_lt(strlen(found[i].text), DOCTOR_TEXT);
	ck_assert_int_eq(found[DOCTOR_LISTS].verdict, DOCTOR_FAIL);
	ck_assert_ptr_nonnull(strstr(found[DOCTOR_LISTS].text, "uuu...: www"));
	doctor_judged_fini(found);
	unwell(&f);
}
END_TEST

/* Whose port it is: ours. */
START_TEST(owner)
{
	const struct host here = host_v4(127, 0, 0, 1, 0);
	char who[DOCTOR_WHO];
	int fd;

	ck_assert_int_eq(sock_listen(&fd, &here), ST_OK);
	ck_assert_int_eq(doctor_owner(sock_local_port(fd), who), (int)getpid());
	ck_assert_ptr_nonnull(strstr(who, "(process "));
	close(fd);
}
END_TEST

/* The door: answers port tests as the session it was given, also more of them than it has places, and those who
 * say nothing, or nonsense, hold nobody up. */
START_TEST(door)
{
	const struct host here = host_v4(127, 0, 0, 1, 0);
	const struct gnuid sid = gnuid_random(0);
	const struct helo ask = { .sid = gnuid_random(0) };
	const nsec soon = clk_deadline(20 * NSEC_PER_SEC);
	struct sock mute[2], s;
	struct doctor_door *d;
	unsigned knocks[2] = { 7, 7 };
	struct host to = here;
	int fd;

	ck_assert_int_eq(sock_listen(&fd, &here), ST_OK);
	to.port = sock_local_port(fd);
	ck_assert_int_eq(doctor_door_open(&d, fd, &sid), ST_OK);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(sock_connect(&mute[i], &to, NULL, soon), ST_OK);
	ck_assert_int_eq(sock_write(&mute[1], "GET / HTTP/1.0\r\n\r\n", 18, soon), ST_OK);
	for (int i = 0; i < DOCTOR_KNOCKS - 2; i++) {
		struct pcpio io;
		struct oleh o;
		uint32_t quit;
		struct atom a;

		ck_assert_int_eq(sock_connect(&s, &to, NULL, soon), ST_OK);
		pcpio_init(&io, &s, &atomlimits_control);
		ck_assert_int_eq(pcpio_greet(&io, &ask, PCP_PROTO_V4, &o, &quit, soon), ST_OK);
		ck_assert(gnuid_equal(&o.sid, &sid));
		ck_assert_int_eq(pcpio_read(&io, &a, soon), ST_OK);
		ck_assert_uint_eq(quit_parse(&a), PCP_QUIT_OFFAIR);
		pcpio_fini(&io);
		sock_close(&s);
	}
	/* no place is left: shut at once */
	ck_assert_int_eq(sock_connect(&s, &to, NULL, soon), ST_OK);
	ck_assert_int_eq(sock_fill(&s, soon), ST_EOF);
	sock_close(&s);
	doctor_door_close(&d, knocks);
	ck_assert_ptr_null(d);
	ck_assert_uint_eq(knocks[0] + knocks[1], 0);    /* all from here */
	sock_close(&mute[0]);
	sock_close(&mute[1]);
	doctor_door_close(&d, knocks);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("doctor");
	TCase *t = tcase_create("doctor");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, judge_table, 0, NELEM(ills));
	tcase_add_test(t, healthy);
	tcase_add_test(t, long_texts);
	tcase_add_test(t, owner);
	tcase_add_test(t, door);
	suite_add_tcase(s, t);
	return s;
}
