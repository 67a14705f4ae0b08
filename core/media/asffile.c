/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/media/asffile.h"

#include <string.h>

static void chunk_begin(struct asffile *f)
{
	struct asf_chunk c;

	if (!asf_chunk_read(&c, f->head, false)) {
		f->lost = true;
		return;
	}
	f->left = c.n;
	f->data = c.type == ASF_D;
	f->pad = f->data && f->packet > c.n ? f->packet - c.n : 0;
	/* a packet too long would shift all behind it */
	f->data = f->data && (f->packet == 0 || c.n <= f->packet);
}

static void chunk_end(struct asffile *f, struct buf *out)
{
	static const uint8_t zeros[256];

	while (f->data && f->pad > 0) {
		const size_t n = MIN(f->pad, sizeof(zeros));

		buf_put(out, zeros, n);
		f->pad -= n;
	}
	f->n_head = 0;
}

void asffile_begin(struct asffile *f, const uint8_t *p, size_t n, struct buf *out)
{
	const size_t start = out->len;
	struct asf_info info;
	struct asf_chunk c;
	uint64_t size = 0;

	*f = (struct asffile){ .raw = n < ASF_CHUNK || p[0] != '$' };
	if (f->raw) {
		buf_put(out, p, n);
		return;
	}
	while (n >= ASF_CHUNK && asf_chunk_read(&c, p, false) && c.n <= n - ASF_CHUNK) {
		if (c.type == ASF_H)
			buf_put(out, p + ASF_CHUNK, c.n);
		p += ASF_CHUNK + c.n;
		n -= ASF_CHUNK + c.n;
	}
	if (out->err != ST_OK || out->len - start < ASF_OBJECT)
		return;
	for (size_t i = 8; i-- > 0;)
		size = size << 8 | out->p[start + 16 + i];
	if (size >= ASF_OBJECT && size <= out->len - start &&
	    asf_header_read(&info, out->p + start, (size_t)size) && info.packet <= ASF_PAYLOAD_MAX)
		f->packet = info.packet;
}

void asffile_put(struct asffile *f, const uint8_t *p, size_t n, bool starts, struct buf *out)
{
	if (f->raw) {
		buf_put(out, p, n);
		return;
	}
	if (starts && (f->lost || f->n_head < ASF_CHUNK) && (f->lost || f->n_head > 0)) {
		f->lost = false;        /* in step again */
		f->n_head = 0;
	}
	while (n > 0 && !f->lost) {
		size_t k;

		if (f->n_head < ASF_CHUNK) {
			k = MIN(n, ASF_CHUNK - f->n_head);
			memcpy(f->head + f->n_head, p, k);
			f->n_head += k;
			if (f->n_head == ASF_CHUNK)
				chunk_begin(f);
		} else {
			k = MIN(n, f->left);
			if (f->data)
				buf_put(out, p, k);
			f->left -= k;
		}
		p += k;
		n -= k;
		if (f->n_head == ASF_CHUNK && f->left == 0 && !f->lost)
			chunk_end(f, out);
	}
}
