/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libavformat, for the child that puts a channel's stream into MP4 (servent/remuxchild.h), and there alone:
 * it reads bytes of strangers, so the node itself never loads it.
 *
 * Of exactly the major version whose headers this was built with. Built without the headers (no
 * HAVE_AVFORMAT), or without the library at run time, there is none, and avlib_missing() says so in a
 * person's words.
 */
#ifndef SERVENT_AVLIB_H
#define SERVENT_AVLIB_H

#ifdef HAVE_AVFORMAT
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>

#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef int avlib_write(void *, const uint8_t *, int);
#else
typedef int avlib_write(void *, uint8_t *, int);
#endif

/* Functions of libavformat and of the two libraries it brings along, under their own names. */
struct avlib {
	AVFormatContext *(*avformat_alloc_context)(void);
	int (*avformat_open_input)(AVFormatContext **, const char *, const AVInputFormat *, AVDictionary **);
	int (*avformat_find_stream_info)(AVFormatContext *, AVDictionary **);
	int (*av_read_frame)(AVFormatContext *, AVPacket *);
	const AVInputFormat *(*av_find_input_format)(const char *);
	AVIOContext *(*avio_alloc_context)(unsigned char *, int, int, void *,
		int (*)(void *, uint8_t *, int), avlib_write *, int64_t (*)(void *, int64_t, int));
	void (*avio_flush)(AVIOContext *);
	int (*avformat_alloc_output_context2)(AVFormatContext **, const AVOutputFormat *, const char *,
		const char *);
	int (*avformat_query_codec)(const AVOutputFormat *, enum AVCodecID, int);
	AVStream *(*avformat_new_stream)(AVFormatContext *, const AVCodec *);
	int (*avformat_write_header)(AVFormatContext *, AVDictionary **);
	int (*av_write_frame)(AVFormatContext *, AVPacket *);
	int (*avcodec_parameters_copy)(AVCodecParameters *, const AVCodecParameters *);
	const char *(*avcodec_get_name)(enum AVCodecID);
	const AVBitStreamFilter *(*av_bsf_get_by_name)(const char *);
	int (*av_bsf_alloc)(const AVBitStreamFilter *, AVBSFContext **);
	int (*av_bsf_init)(AVBSFContext *);
	int (*av_bsf_send_packet)(AVBSFContext *, AVPacket *);
	int (*av_bsf_receive_packet)(AVBSFContext *, AVPacket *);
	AVPacket *(*av_packet_alloc)(void);
	void (*av_packet_unref)(AVPacket *);
	void *(*av_malloc)(size_t);
	int (*av_dict_set)(AVDictionary **, const char *, const char *, int);
	int64_t (*av_rescale_q)(int64_t, AVRational, AVRational);
	void (*av_log_set_level)(int);
	unsigned (*avformat_version)(void);
};

/* Load it; NULL = there is none. For a process with one thread. */
const struct avlib *avlib_load(void);
#endif

/* After avlib_load() gave NULL: why. In a build without it: that. */
const char *avlib_missing(void);

#endif
