/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "servent/avlib.h"

#ifdef HAVE_AVFORMAT

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/sys/cc.h"

#define TEXT_OF(x) #x
#define SONAME_OF(major) "libavformat.so." TEXT_OF(major)
#define SONAME SONAME_OF(LIBAVFORMAT_VERSION_MAJOR)

#define FN(name) { #name, offsetof(struct avlib, name) }

static const struct {
	const char *name;
	size_t at;
} functions[] = {
	FN(avformat_alloc_context), FN(avformat_open_input), FN(avformat_find_stream_info), FN(av_read_frame),
	FN(av_find_input_format), FN(avio_alloc_context), FN(avio_flush), FN(avformat_alloc_output_context2),
	FN(avformat_query_codec), FN(avformat_new_stream), FN(avformat_write_header), FN(av_write_frame),
	FN(avcodec_parameters_copy), FN(avcodec_get_name), FN(av_bsf_get_by_name), FN(av_bsf_alloc),
	FN(av_bsf_init), FN(av_bsf_send_packet), FN(av_bsf_receive_packet), FN(av_packet_alloc),
	FN(av_packet_unref),
	FN(av_malloc), FN(av_dict_set), FN(av_rescale_q), FN(av_log_set_level), FN(avformat_version),
};

static struct avlib lib;

const struct avlib *avlib_load(void)
{
	void *so = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

	if (so == NULL)
		return NULL;
	for (size_t i = 0; i < NELEM(functions); i++) {
		void *p = dlsym(so, functions[i].name);

		if (p == NULL)
			return NULL;
		/* an object pointer for a function: POSIX lets it be copied into one */
		memcpy((char *)&lib + functions[i].at, &p, sizeof(p));
	}
	return lib.avformat_version() >> 16 == LIBAVFORMAT_VERSION_MAJOR ? &lib : NULL;
}

const char *avlib_missing(void)
{
	return SONAME " is not installed";
}

#else

const char *avlib_missing(void)
{
	return "this build has no libavformat";
}

#endif
