/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/auth.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <nettle/base64.h>
#include <nettle/md5.h>

#include "core/sys/assert.h"
#include "core/sys/log.h"
#include "core/sys/text.h"
#include "http/password.h"
#include "http/session.h"

/* --- channel tokens --------------------------------------------------------------------------- */

void auth_token(char dst[AUTH_TOKEN], const struct gnuid *bcid, const struct gnuid *chan)
{
	struct md5_ctx md5;
	char id[GNUID_STRLEN];
	uint8_t digest[MD5_DIGEST_SIZE];
	char *c;

	md5_init(&md5);
	md5_update(&md5, GNUID_STRLEN - 1, (const uint8_t *)gnuid_str(bcid, id));
	md5_update(&md5, 1, (const uint8_t *)":");
	md5_update(&md5, GNUID_STRLEN - 1, (const uint8_t *)gnuid_str(chan, id));
	md5_digest(&md5, sizeof(digest), digest);
	hex_emit(dst, AUTH_TOKEN, digest, sizeof(digest));
	for (c = dst; *c != '\0'; c++)
		*c = (char)ascii_lower(*c);
}

bool auth_token_ok(const char *token, const struct gnuid *bcid, const struct gnuid *chan)
{
	char right[AUTH_TOKEN];

	auth_token(right, bcid, chan);
	return text_equal_secret(token, right);
}

/* --- wrong passwords, counted by address ------------------------------------------------------ */

#define TRIES_SLOTS  1024
#define TRIES_WINDOW (60 * NSEC_PER_SEC)
#define TRIES_WAIT   (5 * NSEC_PER_SEC)         /* for others of the address to be judged */

struct tries {
	struct mtx mtx;                                 /* lk_leaf */
	struct cond judged;
	struct {
		struct host who;                        /* IPv6: the /64, all of it one subscriber's */
		nsec since;                             /* the first of the wrong ones */
		uint32_t wrong, open;                   /* open: being looked at; the slot stays his */
	} slot[TRIES_SLOTS] GUARDED_BY(lk_leaf);
};

static struct tries tries;
static pthread_once_t tries_once = PTHREAD_ONCE_INIT;

LOCK_DEFINE(tries, struct tries, mtx, lk_leaf)

static void tries_init(void)
{
	mtx_init(&tries.mtx, &lk_leaf);
	cond_init(&tries.judged);
}

/* The slot of an address, else a free or the oldest one, emptied; TRIES_SLOTS = all are in use. */
static size_t slot_locked(const struct host *who, nsec now) REQUIRES(lk_leaf)
{
	nsec since = NSEC_NEVER;
	size_t i, oldest = TRIES_SLOTS;

	for (i = 0; i < TRIES_SLOTS; i++) {
		const bool open = tries.slot[i].open > 0;
		const nsec at = open ? NSEC_NEVER : tries.slot[i].wrong > 0 ? tries.slot[i].since : 0;

		if (at > 0 && host_same_ip(&tries.slot[i].who, who))
			break;
		if (at < since) {
			since = at;
			oldest = i;
		}
	}
	if (i == TRIES_SLOTS)
		i = oldest;
	if (i < TRIES_SLOTS && (!host_same_ip(&tries.slot[i].who, who) ||
	    now - tries.slot[i].since > TRIES_WINDOW)) {
		tries.slot[i].who = *who;
		tries.slot[i].wrong = 0;
	}
	return i;
}

/* A password is going to be looked at. Each that is not judged yet may be wrong, so that who asks with a
 * hundred connections at once has no more tries; but who comes with the right one so often only has to wait.
 * returns  the slot, for tries_end(); TRIES_SLOTS = too many */
static size_t tries_begin(const struct host *peer)
{
	const struct host who = host_subscriber(peer);
	const nsec deadline = clk_deadline(TRIES_WAIT);
	enum status st = ST_OK;
	size_t i = TRIES_SLOTS;
	bool yes = false;

	MUST_ZERO(pthread_once(&tries_once, tries_init));
	tries_lock(&tries);
	while (!yes && st == ST_OK) {
		i = slot_locked(&who, clk_now());
		if (i == TRIES_SLOTS || tries.slot[i].wrong >= AUTH_TRIES)
			break;
		yes = tries.slot[i].wrong + tries.slot[i].open < AUTH_TRIES;
		if (!yes)
			st = cond_wait(&tries.judged, &tries.mtx, deadline);
	}
	if (yes)
		tries.slot[i].open++;
	tries_unlock(&tries);
	return yes ? i : TRIES_SLOTS;
}

static void tries_end(size_t i, bool right)
{
	tries_lock(&tries);
	ASSERT(tries.slot[i].open > 0);
	tries.slot[i].open--;
	if (!right && tries.slot[i].wrong++ == 0)
		tries.slot[i].since = clk_now();
	cond_broadcast(&tries.judged);
	tries_unlock(&tries);
}

/* --- passwords -------------------------------------------------------------------------------- */

#define BASIC_MAX 512           /* base64 characters of a Basic credential */

/* The password of "Basic base64(user:password)", any user; false when there is none. */
static bool basic_password(const char *header, char *dst, size_t cap)
{
	struct base64_decode_ctx b64;
	uint8_t raw[BASE64_DECODE_LENGTH(BASIC_MAX)];
	size_t n = sizeof(raw), len;
	const uint8_t *colon;

	if (ascii_ncasecmp(header, "Basic", 5) != 0 || (header[5] != ' ' && header[5] != '\t'))
		return false;
	header += 5 + strspn(header + 5, " \t");
	len = strcspn(header, " \t");
	if (len > BASIC_MAX)
		return false;
	base64_decode_init(&b64);
	if (!base64_decode_update(&b64, &n, raw, len, header) || !base64_decode_final(&b64))
		return false;
	colon = memchr(raw, ':', n);
	if (colon == NULL || memchr(raw, '\0', n) != NULL)
		return false;
	len = n - (size_t)(colon + 1 - raw);
	if (len >= cap)
		return false;
	memcpy(dst, colon + 1, len);
	dst[len] = '\0';
	return true;
}

/* The passwords a request brings: each of them may be the right one. */
#define GIVEN 3

/* Is one of these right? It counts as a try. */
static enum auth check(const struct settings *st, const struct servent *sv, const char *const *given,
	size_t n)
{
	const size_t slot = tries_begin(&sv->peer);
	bool right = false;

	if (slot == TRIES_SLOTS)
		return AUTH_TOO_MANY;
	for (size_t i = 0; i < n && !right; i++)
		right = password_matches(st->password, given[i]);
	tries_end(slot, right);
	if (right)
		return AUTH_OK;
	log_peer(LOG_WARN, &sv->peer, "http: wrong password");
	return AUTH_WRONG;
}

enum auth auth_admin(struct node *n, const struct servent *sv, const struct request *rq,
	const char *form)
{
	const struct settings *st = conf_get(n->conf);
	const char *header = request_header(rq, "Authorization");
	char given[GIVEN][SETTINGS_TEXT];
	enum auth result = AUTH_MISSING;
	size_t n_given = 0;

	if ((node_is_trusted(n, &sv->peer) &&
	     auth_host_is_ours(request_header(rq, "Host"), st->allowed_hosts)) ||
	    (st->auth_type == AUTHTYPE_COOKIE && session_of_request(n->conf, &sv->peer, rq))) {
		result = AUTH_OK;
		goto out;
	}
	if (header != NULL)
		result = AUTH_WRONG;
	n_given += header != NULL && basic_password(header, given[n_given], sizeof(given[0]));
	n_given += query_get(rq->query, "pass", given[n_given], sizeof(given[0]));
	n_given += form != NULL && query_get(form, "pass", given[n_given], sizeof(given[0]));
	if (n_given == 0 && result == AUTH_MISSING)
		goto out;
	ASSERT(n_given <= GIVEN);
	result = check(st, sv, (const char *[GIVEN]){ given[0], given[1], given[2] }, n_given);
out:
	explicit_bzero(given, sizeof(given));
	settings_unref(&st);
	return result;
}

enum auth auth_source(struct node *n, const struct servent *sv, const struct request *rq, const char *given)
{
	const struct settings *st = conf_get(n->conf);
	const char *header = request_header(rq, "Authorization");
	char basic[SETTINGS_TEXT] = "";
	enum auth result = AUTH_MISSING;
	bool trusted = node_is_trusted(n, &sv->peer) &&
		auth_host_is_ours(request_header(rq, "Host"), st->allowed_hosts);

	if (given == NULL)
		given = request_header(rq, "ice-password");
	if (given == NULL && header != NULL)
		given = basic_password(header, basic, sizeof(basic)) ? basic : "";
	/* encoders on this machine have to send something, too: one that is not asked for is not judged */
	if (trusted && (given == NULL || given[0] == '\0' || st->password[0] == '\0'))
		result = AUTH_OK;
	else if (given != NULL)
		result = check(st, sv, &given, 1);
	explicit_bzero(basic, sizeof(basic));
	settings_unref(&st);
	return result;
}

enum auth auth_password(struct node *n, const struct servent *sv, const char *given)
{
	const struct settings *st = conf_get(n->conf);
	const enum auth result = st->password[0] == '\0' ? AUTH_OK : check(st, sv, &given, 1);

	settings_unref(&st);
	return result;
}

bool auth_is_password(struct node *n, const struct servent *sv, const char *line)
{
	const struct settings *st = conf_get(n->conf);
	bool yes = st->password[0] != '\0' && line[0] != '\0' && strlen(line) < SETTINGS_TEXT &&
		text_is_clean(line, strlen(line)) && check(st, sv, &line, 1) == AUTH_OK;

	settings_unref(&st);
	return yes;
}

/* --- hosts and origins ------------------------------------------------------------------------ */

struct authority {
	char host[256];                 /* lower case, IPv6 without brackets */
	uint16_t port;
};

/* Take "host", "host:port", "[v6]" or "[v6]:port" apart, n bytes. */
static bool authority_parse(struct authority *a, const char *s, size_t n, uint16_t dflt)
{
	size_t len, i, at = 0;
	uint32_t port = dflt;
	char digits[8];
	bool v6 = n > 0 && s[0] == '[';

	if (v6) {
		const char *close = memchr(s, ']', n);

		if (close == NULL)
			return false;
		len = (size_t)(close - s) - 1;
		s++;
		at = len + 1;
		n--;
	} else {
		const char *colon = memchr(s, ':', n);

		len = colon != NULL ? (size_t)(colon - s) : n;
		at = len;
	}
	if (len == 0 || len >= sizeof(a->host))
		return false;
	for (i = 0; i < len; i++) {
		if (!(ascii_isalnum((uint8_t)s[i]) || (v6 ? s[i] == ':' || s[i] == '.' :
		    s[i] == '.' || s[i] == '-' || s[i] == '_')))
			return false;
		a->host[i] = (char)ascii_lower((uint8_t)s[i]);
	}
	a->host[len] = '\0';
	if (at < n) {
		size_t plen = n - at - 1;

		if (s[at] != ':' || plen == 0 || plen >= sizeof(digits))
			return false;
		memcpy(digits, s + at + 1, plen);
		digits[plen] = '\0';
		if (!num_u32(digits, 1, 65535, &port))
			return false;
	}
	a->port = (uint16_t)port;
	return true;
}

static bool host_header(struct authority *a, const char *host, uint16_t dflt)
{
	return authority_parse(a, host, strcspn(host, " \t"), dflt) &&
		host[strcspn(host, " \t") + strspn(host + strcspn(host, " \t"), " \t")] == '\0';
}

bool auth_host_is_valid(const char *host)
{
	struct authority a;

	return host_header(&a, host, 80);
}

/* Is name one of a comma-separated list? */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list != '\0') {
		size_t n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && n > 0 && ascii_ncasecmp(list, name, n) == 0)
			return true;
		list += n;
	}
	return false;
}

bool auth_host_is_ours(const char *host, const char *allowed)
{
	struct authority a;
	struct host ip;
	char self[256];

	if (host == NULL)
		return true;
	if (!host_header(&a, host, 80))
		return false;
	if (host_parse(&ip, a.host, 80) || strcmp(a.host, "localhost") == 0)
		return true;
	if (gethostname(self, sizeof(self)) == 0) {
		self[sizeof(self) - 1] = '\0';
		if (ascii_casecmp(self, a.host) == 0)
			return true;
	}
	return listed(allowed, a.host);
}

/* Is this URL one of the request's own host and port? *path gets what follows the authority. */
static bool same_host(const struct request *rq, const char *url, const char **path)
{
	const char *host = request_header(rq, "Host"), *at;
	struct authority a, b;
	uint16_t port = 80;
	size_t n;

	if (!rq->secure && ascii_ncasecmp(url, "http://", 7) == 0) {
		at = url + 7;
	} else if (ascii_ncasecmp(url, "https://", 8) == 0) {
		at = url + 8;
		port = 443;
	} else {
		return false;
	}
	n = strcspn(at, "/?#");
	*path = at + n;
	/* A Host without a port means the scheme's: which one that is behind a proxy, only the URL tells. */
	return host != NULL && host_header(&a, host, port) && authority_parse(&b, at, n, port) &&
		strcmp(a.host, b.host) == 0 && a.port == b.port;
}

static bool is_json(const struct request *rq)
{
	const char *type = request_header(rq, "Content-Type");

	return type != NULL && ascii_ncasecmp(type, "application/json", 16) == 0 &&
		strchr("; \t", type[16]) != NULL;
}

const char *auth_cross_site(const struct request *rq, int route)
{
	const char *fetch = request_header(rq, "Sec-Fetch-Site");
	const char *origin = request_header(rq, "Origin");
	const char *referer = request_header(rq, "Referer"), *path;
	const char *mode = request_header(rq, "Sec-Fetch-Mode");
	/* No page can add this header across origins without a preflight, which we refuse. */
	bool vouched = (route & AUTH_API) && rq->method == HTTP_POST &&
		request_header(rq, "X-Requested-With") != NULL;
	bool navigates = (route & AUTH_PAGE) && rq->method == HTTP_GET && mode != NULL &&
		strcmp(mode, "navigate") == 0;

	if (!vouched && fetch != NULL && strcmp(fetch, "same-origin") != 0 &&
		strcmp(fetch, "none") != 0 && !navigates)
		return "request from another site";
	if (!vouched && origin != NULL && !same_host(rq, origin, &path))
		return "request from another origin";
	if ((route & AUTH_CHANGES) && rq->method == HTTP_GET && referer != NULL &&
	    !same_host(rq, referer, &path))
		return "command from a page of another site";
	if ((route & AUTH_API) && rq->method == HTTP_POST && origin != NULL && !vouched &&
		!is_json(rq))
		return "a browser must send X-Requested-With or application/json";
	return NULL;
}

const char *auth_push_site(struct node *n, const struct request *rq)
{
	const char *why = auth_cross_site(rq, AUTH_SITE);
	const bool browser = request_header(rq, "Origin") != NULL ||
		request_header(rq, "Sec-Fetch-Site") != NULL;
	const struct settings *st;

	/* encoders may call us by any name: no page makes one send what it wants */
	if (why != NULL || !browser)
		return why;
	st = conf_get(n->conf);
	if (!auth_host_is_ours(request_header(rq, "Host"), st->allowed_hosts))
		why = "page of a host that is not this machine";
	settings_unref(&st);
	return why;
}

const char *auth_referer_path(const struct request *rq, char *dst, size_t cap)
{
	const char *referer = request_header(rq, "Referer"), *path, *c;

	if (referer == NULL || !same_host(rq, referer, &path) || path[0] != '/' || path[1] == '/' ||
	    path[1] == '\\')
		return NULL;
	for (c = path; *c != '\0'; c++)
		if ((uint8_t)*c <= 0x20 || (uint8_t)*c >= 0x7f)
			return NULL;
	return text_copy(dst, cap, path) ? dst : NULL;
}
