/* SPDX-License-Identifier: GPL-2.0-or-later */
/* yp4g.xml of somebody else: what is taken from it is clean, and addresses are nothing but that. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "xml/xmlout.h"
#include "xml/yp4gin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct yp4gin y;

	if (!begun)
		xml_init();
	begun = true;
	if (yp4g_parse(data, size, &y) != ST_OK)
		return 0;
	ASSERT(text_is_clean(y.name, strlen(y.name)) && text_is_clean(y.ip, strlen(y.ip)));
	ASSERT(y.addr[0] != '\0' && strpbrk(y.addr, "/@?# \"'<>") == NULL);
	ASSERT(y.object[0] == '/' && strpbrk(y.object, " \r\n") == NULL && y.port != 0);
	return 0;
}
