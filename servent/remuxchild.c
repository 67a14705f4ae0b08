/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/remuxchild.h"

#include <stdlib.h>
#include <string.h>

#include "core/media/remuxmsg.h"
#include "core/sys/cc.h"
#include "core/sys/text.h"
#include "servent/avlib.h"

#ifdef HAVE_AVFORMAT

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/media/fmp4.h"
#include "core/sys/bytes.h"
#include "core/sys/clk.h"
#include "servent/sandbox.h"

#define LINE         0                  /* the descriptor: a socket, both ways */
#define MEMORY       ((size_t)512 << 20)
#define CPU_PATIENCE 20                 /* seconds of it without a fragment */
#define IO_SIZE      (32 * 1024)
#define ALL_HERE     (2 * 1000000)      /* so long the first fragment waits until each track has something */
#define PROBE_SIZE   "4194304"
#define PROBE_TIME   "1500000"
#define STRAY_MAX    2000               /* packets in a row that have no time, or an old one */

struct track {
	int from;                       /* index of the input's stream */
	AVStream *out;
	AVBSFContext *strip;            /* AAC in ADTS loses that; NULL = it is not */
	bool video;
	bool seen;                      /* in this file */
	int64_t last_us;                /* decode time of the last packet; -1 = none yet */
	int64_t last_dts;               /* the same in the output's time base */
	int64_t step_us;                /* from one packet to the next, as last seen or as it must be */
	int64_t delay_us;               /* by so much a picture is decoded before it is shown, at first */
	bool steady;                    /* it is the codec's: always the same */
};

struct child {
	const struct avlib *av;
	AVFormatContext *in, *mp4;
	struct track track[2];
	unsigned n;
	bool video;                     /* there is a picture */
	struct buf out;                 /* what the muxer has written since the last fragment */
	bool started;                   /* with a key frame, where there is a picture */
	bool begun;                     /* the initialisation segment has gone out */

	int64_t shift_us;               /* from the source's times to ours */
	bool shifted;
	int64_t end_us;                 /* of what was written so far */
	unsigned strays;
	uint64_t at;                    /* position in the input of the last packet that said so */

	/* the fragment that is being filled */
	bool any, key;
	bool keys;                      /* it begins with a key frame, and all its pictures are */
	struct track *first;
	int64_t first_us, last_us;      /* decode time of its first sample; end of its last one */
	uint64_t pos;
};

/* --- the line to the node ----------------------------------------------------------------------- */

static bool send_all(const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0) {
		const ssize_t k = send(LINE, b, n, MSG_NOSIGNAL);

		if (k == -1 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		b += k;
		n -= (size_t)k;
	}
	return true;
}

static bool send_msg(const struct remuxmsg *m, const void *payload)
{
	uint8_t head[REMUXMSG_HEAD];

	remuxmsg_emit(m, head);
	return send_all(head, sizeof(head)) && send_all(payload, m->len);
}

/* Tell why there is nothing; returns the exit status. */
static int fail(uint8_t flags, const char *why)
{
	const struct remuxmsg m = {
		.kind = REMUX_FAILED, .flags = flags,
		.len = (uint32_t)MIN(strlen(why), (size_t)REMUXMSG_TEXT_MAX),
	};

	return send_msg(&m, why) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int read_in(void *ctx, uint8_t *p, int n)
{
	(void)ctx;
	for (;;) {
		const ssize_t k = recv(LINE, p, (size_t)n, 0);

		if (k > 0)
			return (int)k;
		if (k == 0)
			return AVERROR_EOF;
		if (errno != EINTR)
			return AVERROR(errno);
	}
}

#if LIBAVFORMAT_VERSION_MAJOR >= 61
static int write_out(void *ctx, const uint8_t *p, int n)
#else
static int write_out(void *ctx, uint8_t *p, int n)
#endif
{
	struct child *c = ctx;

	buf_put(&c->out, p, (size_t)n);
	return c->out.err == ST_OK ? n : AVERROR(ENOMEM);
}

static AVIOContext *io_new(struct child *c, bool writes)
{
	unsigned char *mem = c->av->av_malloc(IO_SIZE);

	if (mem == NULL)
		return NULL;
	return c->av->avio_alloc_context(mem, IO_SIZE, writes, c, writes ? NULL : read_in,
		writes ? write_out : NULL, NULL);
}

/* --- input -------------------------------------------------------------------------------------- */

static const char *open_input(struct child *c, const char *format)
{
	const struct avlib *av = c->av;
	const AVInputFormat *f = av->av_find_input_format(format);
	AVDictionary *opts = NULL;

	if (f == NULL)
		return "libavformat does not know this container";
	c->in = av->avformat_alloc_context();
	if (c->in == NULL)
		return "out of memory";
	c->in->pb = io_new(c, false);
	if (c->in->pb == NULL)
		return "out of memory";
	c->in->flags |= AVFMT_FLAG_CUSTOM_IO;
	(void)av->av_dict_set(&opts, "probesize", PROBE_SIZE, 0);
	(void)av->av_dict_set(&opts, "analyzeduration", PROBE_TIME, 0);
	(void)av->av_dict_set(&opts, "fpsprobesize", "0", 0);
	if (av->avformat_open_input(&c->in, "", f, &opts) < 0)
		return "the container cannot be read";
	if (av->avformat_find_stream_info(c->in, NULL) < 0)
		return "no stream was found";
	return NULL;
}

/* --- output ------------------------------------------------------------------------------------- */

/* AAC whose frames bring their header along, instead of one for all. */
static bool strip_adts(struct child *c, struct track *t, const AVCodecParameters *par)
{
	const struct avlib *av = c->av;

	if (par->codec_id != AV_CODEC_ID_AAC || par->extradata_size > 0)
		return true;
	if (av->av_bsf_alloc(av->av_bsf_get_by_name("aac_adtstoasc"), &t->strip) < 0 ||
	    av->avcodec_parameters_copy(t->strip->par_in, par) < 0)
		return false;
	t->strip->time_base_in = t->out->time_base;
	return av->av_bsf_init(t->strip) >= 0;
}

static void set_step(struct track *t, const AVCodecParameters *par, AVRational rate)
{
	const int aac = par->codec_id == AV_CODEC_ID_AAC ? 1024 : 0;
	const int samples = par->frame_size > 0 ? par->frame_size : aac;

	t->steady = !t->video && samples > 0 && par->sample_rate > 0 && par->codec_id != AV_CODEC_ID_OPUS;
	t->step_us = t->steady ? (int64_t)samples * 1000000 / par->sample_rate : 33333;
	if (t->video && rate.num > 0 && rate.den > 0 && rate.num / rate.den < 1000)
		t->step_us = (int64_t)rate.den * 1000000 / rate.num;
	t->delay_us = t->video ? t->step_us * MAX(par->video_delay, 0) : 0;
}

/* Codec tags are the muxer's own business, but for HEVC: Apple takes hvc1 alone. */
static bool add_track(struct child *c, unsigned i)
{
	const AVCodecParameters *par = c->in->streams[i]->codecpar;
	AVStream *s = c->av->avformat_new_stream(c->mp4, NULL);

	if (s == NULL || c->av->avcodec_parameters_copy(s->codecpar, par) < 0)
		return false;
	s->codecpar->codec_tag = par->codec_id == AV_CODEC_ID_HEVC ? MKTAG('h', 'v', 'c', '1') : 0;
	s->time_base = c->in->streams[i]->time_base;
	c->track[c->n++] = (struct track){
		.from = (int)i, .out = s, .video = par->codec_type == AVMEDIA_TYPE_VIDEO, .last_us = -1,
	};
	set_step(&c->track[c->n - 1], par, c->in->streams[i]->avg_frame_rate);
	return strip_adts(c, &c->track[c->n - 1], par);
}

/* The first stream of the kind that MP4 can hold, -1 = none; *other: the codec of one that it cannot. */
static int pick(const struct child *c, enum AVMediaType kind, enum AVCodecID *other)
{
	*other = AV_CODEC_ID_NONE;
	for (unsigned i = 0; i < c->in->nb_streams; i++) {
		const AVStream *s = c->in->streams[i];

		if (s->codecpar->codec_type != kind || (s->disposition & AV_DISPOSITION_ATTACHED_PIC))
			continue;
		if (c->av->avformat_query_codec(c->mp4->oformat, s->codecpar->codec_id,
			FF_COMPLIANCE_NORMAL) == 1)
			return (int)i;
		*other = s->codecpar->codec_id;
	}
	return -1;
}

/* NULL, or why not; text holds what had to be made up. */
static const char *open_output(struct child *c, char text[REMUXMSG_TEXT_MAX])
{
	const struct avlib *av = c->av;
	enum AVCodecID no_video, no_audio;
	AVDictionary *opts = NULL;
	int video, audio;

	if (av->avformat_alloc_output_context2(&c->mp4, NULL, "mp4", NULL) < 0)
		return "out of memory";
	video = pick(c, AVMEDIA_TYPE_VIDEO, &no_video);
	audio = pick(c, AVMEDIA_TYPE_AUDIO, &no_audio);
	if ((video == -1 && no_video != AV_CODEC_ID_NONE) || (video == -1 && audio == -1)) {
		const enum AVCodecID id = no_video != AV_CODEC_ID_NONE ? no_video : no_audio;

		if (id == AV_CODEC_ID_NONE)
			return "there is neither picture nor sound in it";
		snprintf(text, REMUXMSG_TEXT_MAX, "MP4 cannot hold %s", av->avcodec_get_name(id));
		return text;
	}
	if ((video != -1 && !add_track(c, (unsigned)video)) ||
	    (audio != -1 && !add_track(c, (unsigned)audio)))
		return "out of memory";
	c->video = video != -1;
	c->mp4->pb = io_new(c, true);
	if (c->mp4->pb == NULL)
		return "out of memory";
	c->mp4->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_AUTO_BSF;
	c->mp4->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
	/* frag_discont: the first times are written as they are, for each track; delay_moov: some codecs tell
	 * only with the first packet what belongs there */
	(void)av->av_dict_set(&opts, "movflags",
		"frag_custom+empty_moov+delay_moov+default_base_moof+frag_discont+skip_trailer", 0);
	(void)av->av_dict_set(&opts, "use_editlist", "0", 0);
	(void)av->av_dict_set(&opts, "strict", "experimental", 0);
	if (av->avformat_write_header(c->mp4, &opts) < 0)
		return "MP4 cannot hold these streams";
	return NULL;
}

/* --- fragments ---------------------------------------------------------------------------------- */

static bool flush(struct child *c)
{
	if (c->av->av_write_frame(c->mp4, NULL) < 0)
		return false;
	c->av->avio_flush(c->mp4->pb);
	return c->out.err == ST_OK;
}

/* What has been collected goes out. */
static bool end_fragment(struct child *c)
{
	struct remuxmsg m = {
		.kind = REMUX_FRAGMENT, .flags = c->key ? REMUX_KEY : 0, .pos = c->pos,
		.time_us = (uint64_t)c->first_us, .dur_us = (uint32_t)(c->last_us - c->first_us),
	};
	size_t init;
	bool ok = true;

	if (!c->any)
		return true;
	m.track = (uint32_t)c->first->out->index + 1;
	c->any = false;
	/* the first time only the initialisation segment is written, and the samples are kept */
	if (!flush(c) || (!c->begun && !flush(c)) || !fmp4_split(c->out.p, c->out.len, &init))
		return false;
	if (init > 0) {
		const struct remuxmsg first = { .kind = REMUX_INIT, .len = (uint32_t)init };

		ok = send_msg(&first, c->out.p);
		c->begun = true;
	}
	m.len = (uint32_t)(c->out.len - init);
	if (ok && m.len > 0)
		ok = send_msg(&m, c->out.p + init);
	buf_reset(&c->out);
	sandbox_allow_cpu(CPU_PATIENCE);
	return ok;
}

/* Have all tracks something for the initialisation segment, or is it no use to wait? */
static bool may_begin(const struct child *c, int64_t now_us)
{
	bool all = true;

	for (unsigned i = 0; i < c->n; i++)
		all = all && c->track[i].seen;
	return all || c->begun || now_us - c->first_us > ALL_HERE;
}

/* Does a packet of that time go into the next fragment? */
static bool is_full(const struct child *c, int64_t us, bool key)
{
	const int64_t span = us - c->first_us;

	return c->any && (span >= REMUX_SPAN || (key && (!c->keys || span >= REMUX_KEYS)));
}

/* Our time of a packet: the first one is where the caller wants it; where the source's clock jumps, ours does
 * not. */
static int64_t our_time(struct child *c, const struct track *t, int64_t src_us)
{
	int64_t us;

	if (!c->shifted) {
		c->shift_us = c->end_us - src_us;
		c->shifted = true;
	}
	us = src_us + c->shift_us;
	if (t->last_us >= 0 && (us > t->last_us + REMUX_JUMP || us < t->last_us - 1000000)) {
		c->shift_us += c->end_us - us;
		us = c->end_us;
	}
	return us;
}

/* One packet of a track into the muxer. false: it is over. */
static bool put_packet(struct child *c, struct track *t, AVPacket *p)
{
	static const AVRational micro = { 1, 1000000 };
	const AVRational from = c->in->streams[t->from]->time_base, to = t->out->time_base;
	const bool key = t->video && (p->flags & AV_PKT_FLAG_KEY) != 0;
	int64_t us, pts_us;

	if (p->dts != AV_NOPTS_VALUE)
		us = our_time(c, t, c->av->av_rescale_q(p->dts, from, micro));
	else if (t->last_us >= 0)
		us = t->last_us + t->step_us;
	else
		us = our_time(c, t, c->av->av_rescale_q(p->pts, from, micro) - t->delay_us);
	pts_us = p->pts != AV_NOPTS_VALUE ? c->av->av_rescale_q(p->pts, from, micro) + c->shift_us : us;
	p->dts = c->av->av_rescale_q(us, micro, to);
	if (us < 0 || (t->last_us >= 0 && p->dts <= t->last_dts))
		return ++c->strays < STRAY_MAX;
	c->strays = 0;
	if (is_full(c, us, key) && may_begin(c, us) && !end_fragment(c))
		return false;

	p->pts = MAX(c->av->av_rescale_q(pts_us, micro, to), p->dts);
	if (!t->steady && t->last_us >= 0)
		t->step_us = us - t->last_us;
	p->duration = t->steady || p->duration <= 0 ? c->av->av_rescale_q(t->step_us, micro, to) :
		c->av->av_rescale_q(p->duration, from, to);
	t->last_us = us;
	t->last_dts = p->dts;
	t->seen = true;
	c->at = p->pos > 0 ? (uint64_t)p->pos : c->at;
	if (!c->any) {
		c->any = true;
		c->first = t;
		c->first_us = c->last_us = us;
		c->pos = c->at;
		c->key = key || !c->video;
		c->keys = key;
	}
	c->keys = c->keys && (key || !t->video);
	c->last_us = MAX(c->last_us, MIN(us + c->av->av_rescale_q(p->duration, to, micro),
		c->first_us + (int64_t)REMUXMSG_DUR_MAX));
	c->end_us = MAX(c->end_us, c->last_us);
	p->stream_index = t->out->index;
	p->pos = -1;
	/* what the muxer does not like of one packet it may of the next */
	return c->av->av_write_frame(c->mp4, p) >= 0 || c->out.err == ST_OK;
}

/* Passes over what nobody can begin with: here, as the filter says with its first packet alone what it is. */
static bool take_packet(struct child *c, struct track *t, AVPacket *p)
{
	c->started = c->started || !c->video || (t->video && (p->flags & AV_PKT_FLAG_KEY) != 0);
	if (!c->started || (p->dts == AV_NOPTS_VALUE && p->pts == AV_NOPTS_VALUE && t->last_us < 0))
		return ++c->strays < STRAY_MAX;
	if (t->strip != NULL && (c->av->av_bsf_send_packet(t->strip, p) < 0 ||
	    c->av->av_bsf_receive_packet(t->strip, p) < 0))
		return ++c->strays < STRAY_MAX;
	return put_packet(c, t, p);
}

static int run(struct child *c, AVPacket *p)
{
	bool ok = true;

	while (ok && c->av->av_read_frame(c->in, p) >= 0) {
		for (unsigned i = 0; i < c->n; i++)
			if (c->track[i].from == p->stream_index) {
				ok = take_packet(c, &c->track[i], p);
				break;
			}
		c->av->av_packet_unref(p);
	}
	if (ok)
		ok = end_fragment(c);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int work(const char *format, const char *start_us)
{
	static struct child c;
	char text[REMUXMSG_TEXT_MAX];
	const char *why;
	AVPacket *p;

	if (!num_i64(start_us, 0, (int64_t)REMUXMSG_TIME_MAX, &c.end_us))
		return EXIT_FAILURE;
	c.av = avlib_load();
	if (c.av == NULL)
		return fail(REMUX_NO_LIBRARY, avlib_missing());
	buf_init(&c.out, (size_t)REMUXMSG_FRAG_MAX + REMUXMSG_INIT_MAX);
	c.av->av_log_set_level(AV_LOG_QUIET);
	p = c.av->av_packet_alloc();
	if (p == NULL || !sandbox_enter(MEMORY))
		return fail(0, "no process of its own could be locked up for it");
	sandbox_allow_cpu(CPU_PATIENCE);
	why = open_input(&c, format);
	if (why == NULL)
		why = open_output(&c, text);
	return why != NULL ? fail(0, why) : run(&c, p);
}

int remuxchild_main(const char *format, const char *start_us)
{
	/* what the libraries hold is given back with the process */
	_exit(work(format, start_us));
}

#else

int remuxchild_main(const char *format, const char *start_us)
{
	(void)format;
	(void)start_us;
	return EXIT_FAILURE;
}

#endif
