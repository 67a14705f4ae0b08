/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/hlslist.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/sys/clk.h"
#include "core/sys/text.h"
#include "http/request.h"

#define SEGS (HLS_WINDOW + HLS_LATE)

void hls_init(struct hls *h)
{
	memset(h, 0, sizeof(*h));
	h->newest_key = HLS_NONE;
}

static struct hls_seg *seg_at(struct hls *h, uint64_t n)
{
	return &h->seg[n % SEGS];
}

static void drop_frag(struct hls *h)
{
	struct hls_frag *f = &h->frag[h->first++ % HLS_FRAGS];

	h->bytes -= f->data->len;
	blob_unref(&f->data);
}

/* The oldest segment goes, and with it the fragments of which nothing is left. */
static void drop_seg(struct hls *h)
{
	h->seg_first++;
	while (h->first < (h->seg_first < h->seg_next ? seg_at(h, h->seg_first)->first : h->cur.first))
		drop_frag(h);
}

void hls_fini(struct hls *h)
{
	while (h->first < h->next)
		drop_frag(h);
	for (size_t i = 0; i < HLS_GENS; i++)
		blob_unref(&h->init[i]);
	hls_init(h);
}

/* What is being filled is a segment now. */
static void close_seg(struct hls *h)
{
	if (h->cur.n == 0)
		return;
	if (h->seg_next - h->seg_first == SEGS)
		drop_seg(h);
	*seg_at(h, h->seg_next++) = h->cur;
	h->longest_us = MAX(h->longest_us, h->cur.us);
	h->cur.n = 0;
	h->cur.first = h->next;
}

void hls_begin(struct hls *h, struct blob *init)
{
	struct blob **slot = &h->init[h->gen++ % HLS_GENS];

	close_seg(h);
	blob_unref(slot);
	*slot = init;
	h->newest_key = HLS_NONE;
}

void hls_add(struct hls *h, struct blob *data, bool key, uint32_t dur_us, int64_t wall_ns)
{
	struct hls_seg *cur = &h->cur;
	const uint32_t gen = h->gen - 1;

	if (h->gen == 0 || h->ended) {
		blob_unref(&data);
		return;
	}
	if (cur->n > 0 && (cur->gen != gen || (key && cur->us >= HLS_SHORTEST) ||
	                   cur->us + dur_us > HLS_LONGEST || cur->bytes + data->len > HLS_SEGMENT_MAX ||
	                   cur->n >= HLS_FRAGS / 2))
		close_seg(h);
	while (h->seg_first < h->seg_next &&
	       (h->bytes + data->len > HLS_BYTES_MAX || h->next - h->first == HLS_FRAGS))
		drop_seg(h);
	if (cur->n == 0) {
		const struct hls_seg *last = h->seg_next > 0 ? seg_at(h, h->seg_next - 1) : NULL;

		*cur = (struct hls_seg){
			.first = h->next, .gen = gen, .wall_ns = wall_ns, .key = key,
			.breaks = last == NULL ? 0 : last->breaks + (last->gen != gen),
		};
	}
	cur->n++;
	cur->us += dur_us;
	cur->bytes += data->len;
	h->bytes += data->len;
	if (key)
		h->newest_key = h->next;
	h->frag[h->next++ % HLS_FRAGS] = (struct hls_frag){ .data = data, .gen = gen, .key = key };
}

void hls_end(struct hls *h)
{
	close_seg(h);
	h->ended = true;
}

uint32_t hls_target_s(const struct hls *h)
{
	return MAX((uint32_t)((h->longest_us + 999999) / 1000000), 2u);
}

bool hls_is_ready(const struct hls *h)
{
	return h->seg_next > h->seg_first;
}

const struct hls_seg *hls_segment(const struct hls *h, uint64_t n)
{
	return n >= h->seg_first && n < h->seg_next ? &h->seg[n % SEGS] : NULL;
}

const struct hls_frag *hls_fragment(const struct hls *h, uint64_t n)
{
	return n >= h->first && n < h->next ? &h->frag[n % HLS_FRAGS] : NULL;
}

struct blob *hls_init_of(const struct hls *h, uint32_t gen)
{
	return gen < h->gen && h->gen - gen <= HLS_GENS ? h->init[gen % HLS_GENS] : NULL;
}

/* --- the playlist ------------------------------------------------------------------------------- */

static void put_date(struct buf *out, int64_t wall_ns)
{
	const time_t s = (time_t)(wall_ns / NSEC_PER_SEC);
	char text[32];
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	buf_printf(out, "#EXT-X-PROGRAM-DATE-TIME:%s.%03dZ\n", text,
		(int)(wall_ns % NSEC_PER_SEC / NSEC_PER_MSEC));
}

void hls_playlist(const struct hls *h, const struct gnuid *id, const char *token, struct buf *out)
{
	const uint64_t n = h->seg_next - h->seg_first;
	uint64_t first = h->seg_next - MIN(n, (uint64_t)HLS_WINDOW);
	const struct hls_seg *last = NULL, *s = hls_segment(h, first);
	char text[GNUID_STRLEN];
	bool keys = true;

	gnuid_str(id, text);
	for (uint64_t i = first; i < h->seg_next; i++)
		keys = keys && h->seg[i % SEGS].key;
	buf_printf(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%u\n#EXT-X-MEDIA-SEQUENCE:%llu\n",
		hls_target_s(h), (unsigned long long)first);
	if (s != NULL && s->breaks > 0)
		buf_printf(out, "#EXT-X-DISCONTINUITY-SEQUENCE:%u\n", s->breaks);
	if (keys)
		buf_puts(out, "#EXT-X-INDEPENDENT-SEGMENTS\n");
	for (; first < h->seg_next; first++, last = s) {
		s = &h->seg[first % SEGS];
		if (last != NULL && last->gen != s->gen)
			buf_puts(out, "#EXT-X-DISCONTINUITY\n");
		if (last == NULL || last->gen != s->gen)
			buf_printf(out, "#EXT-X-MAP:URI=\"/hls/%s/init%u.mp4?session=%s\"\n", text, s->gen,
				token);
		put_date(out, s->wall_ns);
		buf_printf(out, "#EXTINF:%llu.%03llu,\n/hls/%s/%llu.m4s?session=%s\n",
			(unsigned long long)(s->us / 1000000), (unsigned long long)(s->us % 1000000 / 1000),
			text, (unsigned long long)first, token);
	}
	if (h->ended)
		buf_puts(out, "#EXT-X-ENDLIST\n");
}

/* --- addresses ---------------------------------------------------------------------------------- */

/* A number between the two texts that is the whole of s. */
static bool number_in(const char *s, size_t n, const char *before, const char *after, uint32_t *v)
{
	const size_t b = strlen(before), a = strlen(after);
	char digits[11];

	if (n <= a + b || n - a - b >= sizeof(digits) || strncmp(s, before, b) != 0 ||
	    strncmp(s + n - a, after, a) != 0)
		return false;
	memcpy(digits, s + b, n - a - b);
	digits[n - a - b] = '\0';
	return num_u32(digits, 0, UINT32_MAX, v);
}

static bool is(const char *s, size_t n, const char *what)
{
	return n == strlen(what) && strncmp(s, what, n) == 0;
}

bool hls_target_parse(const char *target, struct hls_target *t)
{
	static const char prefix[] = "/hls/";
	const char *at, *query;
	uint8_t token[16];
	size_t n;

	memset(t, 0, sizeof(*t));
	if (strncmp(target, prefix, sizeof(prefix) - 1) != 0)
		return false;
	at = target + sizeof(prefix) - 1;
	n = strcspn(at, "?");
	query = at[n] == '?' ? at + n + 1 : "";
	if (n < 32 || !gnuid_parse(&t->chan.id, at) || !gnuid_is_set(&t->chan.id))
		return false;
	t->chan.kind = TARGET_STREAM;
	t->chan.has_id = true;
	at += 32;
	n -= 32;
	if (n == 0 || is(at, n, ".m3u8"))
		t->what = HLS_LIST;
	else if (is(at, n, "/live.mp4"))
		t->what = HLS_LIVE;
	else if (number_in(at, n, "/init", ".mp4", &t->n))
		t->what = HLS_INIT;
	else if (number_in(at, n, "/", ".m4s", &t->n))
		t->what = HLS_SEGMENT;
	else
		return false;
	if (!query_get(query, "ip", t->chan.tip, sizeof(t->chan.tip)) || t->chan.tip[0] == '\0')
		(void)query_get(query, "tip", t->chan.tip, sizeof(t->chan.tip));
	(void)query_get(query, "auth", t->chan.auth, sizeof(t->chan.auth));
	if (query_get(query, "session", t->token, sizeof(t->token)) &&
	    (strlen(t->token) != HLS_TOKEN - 1 || !hex_parse(token, sizeof(token), t->token)))
		t->token[0] = '\0';
	for (char *c = t->token; *c != '\0'; c++)
		*c = (char)ascii_lower((uint8_t)*c);
	return true;
}
