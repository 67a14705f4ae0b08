/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/doctor.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/file.h"
#include "core/sys/thr.h"
#include "pcp/pcp.h"
#include "servent/addr.h"
#include "servent/checkconf.h"
#include "servent/curl.h"
#include "servent/daemon.h"
#include "servent/doctorhold.h"
#include "servent/doctorjudge.h"
#include "servent/doctorlook.h"
#include "servent/doctortalk.h"

#define CREW       24                   /* threads that ask at once: all roots, and some lists */
#define FAULTS_MAX ((size_t)64 << 10)   /* bytes of the ini's faults */

/* One question to somebody. */
struct job {
	enum { JOB_ROOT, JOB_FORCED, JOB_MAP, JOB_TALK, JOB_FETCH } kind;
	size_t i;
	bool v6;
};

struct doctor {
	struct doctor_facts f;
	nsec whole;
	struct servmgr *sm;             /* knows this machine's addresses */
	struct gnuid sid;
	uint16_t ping;                  /* the port that roots are to test; 0 = none */
	nsec names_until, map_until;    /* of the first phase: made before its jobs, which may have to wait */
	nsec talk_until;                /* of the second; lists have less, from when they begin */
	struct doctor_hold hold;        /* what the router does for us */

	struct job jobs[SETTINGS_FEEDS + 2 * ROOTS_MAX + 1];
	size_t n_jobs;
	_Atomic size_t next;            /* relaxed: who takes one owns it */
};

/* --- asking, all at once ---------------------------------------------------------------------- */

static void do_job(struct doctor *d, const struct job *j)
{
	struct doctor_facts *f = &d->f;
	struct host pair[2];

	switch (j->kind) {
	case JOB_ROOT:
		f->roots[j->i].found = outcome_of(
			host_resolve_pair(f->roots[j->i].at, f->roots[j->i].name, PCP_PORT, d->names_until));
		break;
	case JOB_FORCED:
		f->forced = outcome_of(host_resolve_pair(pair, f->set->force_ip, 0, d->names_until));
		break;
	case JOB_MAP:
		f->mapped = true;
		doctor_hold_try(&d->hold, f->port.at.port, d->map_until);
		f->map = d->hold.grip.m;
		break;
	case JOB_TALK:
		doctor_talk(&f->roots[j->i].talk[j->v6], &f->roots[j->i].at[j->v6], &d->sid, d->ping,
			d->whole, d->talk_until);
		break;
	case JOB_FETCH:
		doctor_fetch(&f->feeds[j->i], d->sm, f->port.at.port,
			MIN(d->talk_until, clk_deadline(doctor_share(d->whole, DOCTOR_FETCH))));
		break;
	}
}

static void work(void *arg)
{
	struct doctor *d = arg;
	size_t i;

	while ((i = atomic_fetch_add_explicit(&d->next, 1, memory_order_relaxed)) < d->n_jobs)
		do_job(d, &d->jobs[i]);
}

static void add_job(struct doctor *d, struct job j)
{
	if (d->n_jobs < NELEM(d->jobs))
		d->jobs[d->n_jobs++] = j;
}

/* Do what was added. Where no thread is to be had this one does it, one after the other. */
static void do_jobs(struct doctor *d)
{
	struct thr crew[CREW] = { { .started = false } };

	atomic_store_explicit(&d->next, 0, memory_order_relaxed);
	for (size_t i = 1; i < MIN(d->n_jobs, (size_t)CREW); i++)
		if (thr_start(&crew[i], "doctor", work, d) != ST_OK)
			break;
	work(d);
	for (size_t i = 0; i < CREW; i++)
		(void)!thr_join(&crew[i], NSEC_NEVER);
	d->n_jobs = 0;
}

/* --- the walk --------------------------------------------------------------------------------- */

static void on_fault(void *ctx, unsigned line, const char *text)
{
	struct doctor_facts *f = ctx;

	if (f->n_faults++ >= DOCTOR_FAULTS)
		return;
	if (line > 0)
		buf_printf(&f->faults, "line %u: ", line);
	buf_printf(&f->faults, "%s\n", text);
}

/* What is no line's is no fault: it says what the settings do where the file is silent. */
static void on_parser(void *ctx, unsigned line, const char *text)
{
	struct doctor_facts *f = ctx;

	if (line > 0)
		on_fault(ctx, line, text);
	else
		buf_printf(&f->remarks, "%s\n", text);
}

/* May a node save its settings? It replaces the file, so it writes into the folder. */
static void check_folder(struct doctor_facts *f, const char *ini)
{
	char *beside = file_beside(ini, ".");
	char text[PATH_MAX + 64];

	if (beside != NULL && access(beside, W_OK | X_OK) == -1 && access(ini, R_OK) == 0) {
		(void)snprintf(
			text, sizeof(text), "settings cannot be saved in %s: %s", beside, strerror(errno));
		on_fault(f, 0, text);
	}
	free(beside);
}

static void read_settings(struct doctor_facts *f, const char *ini, bool named, struct settings **set)
{
	f->read = outcome_of(checkconf_read(ini, on_parser, on_fault, f, set));
	f->missing = f->read.st == ST_SYS && f->read.err == ENOENT && !named;
	if (f->missing)
		*set = settings_new(false);
	else if (f->read.st == ST_OK)
		check_folder(f, ini);
	f->set = *set;
}

static void list_roots(struct doctor_facts *f)
{
	while (f->n_roots < ROOTS_MAX && roots_get(f->set->root_host, f->n_roots, f->roots[f->n_roots].name))
		f->n_roots++;
}

/* false: no memory. */
static bool list_feeds(struct doctor_facts *f)
{
	const struct settings_feed *all = settings_feeds(f->set, &f->n_feeds);

	f->no_curl = f->n_feeds > 0 ? curl_missing() : NULL;
	f->feeds = calloc(f->n_feeds + 1, sizeof(*f->feeds));
	for (size_t i = 0; f->feeds != NULL && i < f->n_feeds; i++)
		(void)text_copy(f->feeds[i].url, sizeof(f->feeds[i].url), all[i].url);
	return f->feeds != NULL;
}

/* Names, and the way through the router: others are asked when both are there. */
static void prepare(struct doctor *d)
{
	d->names_until = clk_deadline(doctor_share(d->whole, DOCTOR_NAME));
	d->map_until = clk_deadline(doctor_share(d->whole, DOCTOR_MAP));
	for (size_t i = 0; i < d->f.n_roots; i++)
		add_job(d, (struct job){ .kind = JOB_ROOT, .i = i });
	if (d->f.set->force_ip[0] != '\0')
		add_job(d, (struct job){ .kind = JOB_FORCED });
	if (d->f.set->port_mapping && d->ping != 0 && d->f.have[0])
		add_job(d, (struct job){ .kind = JOB_MAP });
	do_jobs(d);
}

/* What was not there before us is not there after us. */
static void give_back(struct doctor *d)
{
	if (!d->f.mapped || !doctor_hold_is_ours(&d->f.map))
		return;
	if (!doctor_hold_may_drop(&d->hold))
		d->f.back = DOCTOR_UNSURE;
	else
		d->f.back = doctor_hold_drop(&d->hold) == ST_OK ? DOCTOR_BACK : DOCTOR_STUCK;
}

static void know_addresses(struct doctor *d)
{
	struct own own;

	addr_learn(d->sm);
	servmgr_own(d->sm, &own);
	for (int v6 = 0; v6 < 2; v6++)
		d->f.have[v6] = !host_is_loopback(&own.local[v6]) || !host_is_loopback(&own.global[v6]);
}

static void ask_others(struct doctor *d)
{
	struct doctor_facts *f = &d->f;

	d->talk_until = clk_deadline(doctor_share(d->whole, DOCTOR_TALK));
	for (size_t i = 0; i < f->n_roots; i++)
		for (int v6 = 0; v6 < 2; v6++)
			if (host_is_set(&f->roots[i].at[v6]) &&
				(f->have[v6] || host_is_loopback(&f->roots[i].at[v6])))
				add_job(d, (struct job){ .kind = JOB_TALK, .i = i, .v6 = v6 != 0 });
	for (size_t i = 0; i < f->n_feeds && f->no_curl == NULL; i++)
		add_job(d, (struct job){ .kind = JOB_FETCH, .i = i });
	do_jobs(d);
}

/* Everything that can be seen, in an order in which the later may build on the earlier. ST_OK, ST_LIMIT */
static enum status walk(struct doctor *d, const char *ini)
{
	struct doctor_facts *f = &d->f;
	struct doctor_door *door = NULL;
	int fd;

	d->sm = servmgr_new();
	if (d->sm == NULL || !list_feeds(f))
		return ST_LIMIT;
	list_roots(f);
	know_addresses(d);
	f->runs = daemon_ini_is_locked(ini);
	f->hidden = !f->runs && daemon_ini_is_hidden(ini);
	d->sid = gnuid_random(0);
	doctor_look(f, &fd, &d->sid, clk_deadline(doctor_share(d->whole, DOCTOR_LOOK)));
	if (fd != -1 && !f->port.near)
		f->listened = doctor_door_open(&door, fd, &d->sid) == ST_OK;
	else if (fd != -1)
		(void)close(fd);
	if (!f->port.near && (f->runs ? f->port.node : f->listened))
		d->ping = f->port.at.port;
	doctor_hold_begin(&d->hold, f->runs, doctor_share(d->whole, DOCTOR_UNMAP));
	prepare(d);
	ask_others(d);
	give_back(d);
	doctor_hold_end(&d->hold);
	doctor_door_close(&door, f->knocks);
	return ST_OK;
}

/* --- telling it ------------------------------------------------------------------------------- */

static void print_line(FILE *out, const char *before, const char *text, size_t n)
{
	char safe[4 * DOCTOR_TEXT];

	fprintf(out, "%s%s\n", before, text_escape(safe, sizeof(safe), text, n));
}

/* The line at *at, n bytes without its end; *at moves behind it. NULL = there is none. */
static const char *next_note(const struct buf *notes, size_t *at, size_t *n)
{
	const char *line = (const char *)notes->p + *at, *lf;

	if (*at >= notes->len)
		return NULL;
	lf = memchr(line, '\n', notes->len - *at);
	*n = lf != NULL ? (size_t)(lf - line) : notes->len - *at;
	*at += *n + 1;
	return line;
}

static void print_notes(FILE *out, const struct buf *notes)
{
	size_t at = 0, n;

	for (const char *line; (line = next_note(notes, &at, &n)) != NULL;)
		print_line(out, "                        ", line, n);
}

static void print_text(FILE *out, const struct doctor_finding found[DOCTOR_STEPS])
{
	const enum doctor_step first = doctor_first_fault(found);

	for (enum doctor_step s = 0; s < DOCTOR_STEPS; s++) {
		char before[32];

		(void)snprintf(before, sizeof(before), "%2d. %-9s %-7s  ", (int)s + 1, doctor_step_str(s),
			doctor_verdict_str(found[s].verdict));
		print_line(out, before, found[s].text, strlen(found[s].text));
		print_notes(out, &found[s].notes);
	}
	if (first == DOCTOR_STEPS) {
		fputs("\nNothing fails.\n", out);
		return;
	}
	fprintf(out, "\nTo be mended first: %d. %s\n", (int)first + 1, doctor_step_str(first));
	print_line(out, "    ", found[first].mend, strlen(found[first].mend));
}

static json_t *notes_json(const struct buf *notes)
{
	json_t *all = json_array();
	size_t at = 0, n;

	for (const char *line; (line = next_note(notes, &at, &n)) != NULL;)
		(void)json_array_append_new(all, json_stringn(line, n));
	return all;
}

static void print_json(
	FILE *out, const struct doctor_facts *f, const struct doctor_finding found[DOCTOR_STEPS])
{
	const enum doctor_step first = doctor_first_fault(found);
	json_t *steps = json_array(), *all;

	for (enum doctor_step s = 0; s < DOCTOR_STEPS; s++) {
		static const char *const verdicts[] = { "ok", "skipped", "fail" };
		json_t *one = json_pack("{s:i, s:s, s:s, s:s, s:o}", "step", (int)s + 1, "name",
			doctor_step_str(s), "verdict", verdicts[found[s].verdict], "text", found[s].text,
			"notes", notes_json(&found[s].notes));

		if (found[s].verdict == DOCTOR_FAIL)
			(void)json_object_set_new(one, "mend", json_string(found[s].mend));
		(void)json_array_append_new(steps, one);
	}
	all = json_pack("{s:s, s:b, s:b, s:s?, s:o}", "ini", f->ini, "running", f->runs, "ok",
		first == DOCTOR_STEPS, "first", first == DOCTOR_STEPS ? NULL : doctor_step_str(first),
		"steps", steps);
	(void)json_dumpf(all, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(all);
}

int doctor(const struct opts_doctor *o, FILE *out, FILE *err)
{
	struct doctor *d = calloc(1, sizeof(*d));
	char *ini = o->ini != NULL ? strdup(o->ini) : opts_default_ini();
	struct doctor_finding found[DOCTOR_STEPS];
	char shown[SETTINGS_LONG];
	struct settings *set = NULL;
	bool failed;

	(void)signal(SIGPIPE, SIG_IGN);
	if (d == NULL || ini == NULL) {
		if (ini == NULL && o->ini == NULL)
			fputs("peercast: no home directory: name the settings with -i\n", err);
		else
			fputs("peercast: no memory\n", err);
		free(ini);
		free(d);
		return EXIT_USAGE;
	}
	(void)text_clean(shown, sizeof(shown), ini, strlen(ini));
	d->f.ini = shown;
	d->whole = (nsec)o->seconds * NSEC_PER_SEC;
	buf_init(&d->f.faults, FAULTS_MAX);
	buf_init(&d->f.remarks, FAULTS_MAX);
	read_settings(&d->f, ini, o->ini != NULL, &set);
	if (set != NULL && walk(d, ini) != ST_OK) {
		fputs("peercast: no memory\n", err);
		failed = true;
		goto out;
	}
	doctor_judge(&d->f, found);
	failed = doctor_first_fault(found) != DOCTOR_STEPS;
	if (o->json)
		print_json(out, &d->f, found);
	else
		print_text(out, found);
	if (fflush(out) != 0 || ferror(out)) {
		fprintf(err, "peercast: the findings cannot be written: %s\n", strerror(errno));
		failed = true;
	}
	doctor_judged_fini(found);
out:
	thr_dismiss();
	if (d->sm != NULL)
		servmgr_free(&d->sm);
	buf_fini(&d->f.faults);
	buf_fini(&d->f.remarks);
	free(d->f.feeds);
	settings_free(&set);
	free(ini);
	free(d);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
