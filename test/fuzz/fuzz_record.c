/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First byte: what it is; the rest: a channel's name, a list of recordings, a pattern and a name, or the stream
 * of Windows Media in packets as long as its bytes say. */
#include "core/media/asffile.h"
#include "core/media/reccut.h"
#include "core/node/recname.h"
#include "core/sys/text.h"

#include "test/fuzz/fuzz.h"

static void name(const char *text)
{
	char base[RECNAME_BASE], file[RECNAME];

	recname_base(base, text, 0);
	recname_file(file, base, 1, 1, recname_ext(text));
	ASSERT(recname_is_file(file));
	ASSERT(strpbrk(file, "/\\:*?\"<>|") == NULL && strchr("-.~ ", file[0]) == NULL);
}

static void list(const char *p, size_t n)
{
	char file[RECNAME];
	uint64_t ino;

	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		const size_t k = end != NULL ? (size_t)(end - p) : n;

		if (recname_line(p, k, &ino, file))
			ASSERT(ino > 0 && recname_is_file(file) && strlen(file) < k);
		p += k + (end != NULL);
		n -= k + (end != NULL);
	}
}

/* No more comes out than went in, but for what fills packets up. */
static void stream(const uint8_t *p, size_t n)
{
	struct asffile f;
	struct reccut c;
	struct buf out;
	size_t at = n / 2;

	buf_init(&out, (size_t)64 << 20);
	asffile_begin(&f, p, at, &out);
	ASSERT(out.len <= at && f.packet <= ASF_PAYLOAD_MAX);
	reccut_begin(&c, out.len, 0);
	while (at < n) {
		const size_t k = MIN((size_t)p[at] * 16 + 1, n - at);
		const size_t was = out.len;

		asffile_put(&f, p + at, k, (p[at] & 1) == 0, &out);
		ASSERT(out.err == ST_OK && out.len - was <= k + (k / ASF_CHUNK + 1) * ASF_PAYLOAD_MAX);
		reccut_put(&c, p[at] & 7, out.len - was);
		ASSERT(reccut_whole(&c) <= c.bytes && c.bytes == out.len);
		at += k;
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char text[2 * TEXT_MAX], channel[TEXT_MAX];

	if (n < 1)
		return 0;
	(void)text_clean(text, sizeof(text), p + 1, n - 1);
	(void)text_clean(channel, sizeof(channel), p + 1 + (n - 1) / 2, n - 1 - (n - 1) / 2);
	switch (p[0] % 4) {
	case 0:
		name(text);
		break;
	case 1:
		list((const char *)p + 1, n - 1);
		break;
	case 2:
		(void)recname_is_wanted(text, channel, n % 2 == 0);
		break;
	default:
		stream(p + 1, n - 1);
		break;
	}
	return 0;
}
