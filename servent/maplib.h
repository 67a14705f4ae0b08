/* SPDX-License-Identifier: GPL-2.0-or-later */
/* miniupnpc and libnatpmp, for servent/portmap.h alone: loaded when a router is first asked.
 *
 * Of miniupnpc we take what it knows of routers' XML, not its sockets: those have no deadline for the whole,
 * no limit, and follow every redirect. Of exactly the version whose headers this was built with.
 *
 * Built without their headers (no HAVE_MINIUPNPC, HAVE_NATPMP), or without the libraries at run time, there
 * is none.
 */
#ifndef SERVENT_MAPLIB_H
#define SERVENT_MAPLIB_H

#include "core/sys/cc.h"

#ifdef HAVE_MINIUPNPC
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpreplyparse.h>

struct upnp_lib {
	void (*parserootdesc)(const char *, int, struct IGDdatas *);
	void (*ParseNameValue)(const char *, int, struct NameValueParserData *);
	char *(*GetValueFromNameValueList)(struct NameValueParserData *, const char *);
	void (*ClearNameValueList)(struct NameValueParserData *);
};

/* NULL = there is none. Any thread. */
const struct upnp_lib *upnp_lib(void);
#endif

#ifdef HAVE_NATPMP
#include <natpmp.h>

struct natpmp_lib {
	int (*initnatpmp)(natpmp_t *, int, in_addr_t);
	int (*closenatpmp)(natpmp_t *);
	int (*sendpublicaddressrequest)(natpmp_t *);
	int (*sendnewportmappingrequest)(natpmp_t *, int, uint16_t, uint16_t, uint32_t);
	int (*getnatpmprequesttimeout)(natpmp_t *, struct timeval *);
	int (*readnatpmpresponseorretry)(natpmp_t *, natpmpresp_t *);
};

/* NULL = there is none. Any thread. */
const struct natpmp_lib *natpmp_lib(void);
#endif

#endif
