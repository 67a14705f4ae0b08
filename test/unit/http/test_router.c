/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole exchanges with a node without threads: routes, rights, pages, playlists, commands. */
#include "http/router.h"

#include <stdio.h>

#include "http/auth.h"
#include "http/playlist.h"
#include "http/response.h"
#include "test/unit/http/asktest.h"
#include "test/unit/http/yptest.h"
#include "test/unit/unit.h"
#include "xml/xmlout.h"

static struct node node;
static unsigned int started;            /* relays asked for */
static struct host started_tip;

/* In place of the thread that would fetch: the channel is there, and plays at once or never. */
static enum status start(struct node *n, const struct gnuid *id, const struct host *tip,
	struct chan **out)
{
	char hex[GNUID_STRLEN];

	started++;
	started_tip = tip != NULL ? *tip : (struct host){ 0 };
	*out = NULL;
	if (id->b[0] == 0)              /* nobody has it */
		return ST_LIMIT;
	chan_up(n, info_new(gnuid_str(id, hex), "started", "FLV"), CHAN_RELAY, CHAN_RECEIVING);
	*out = chanmgr_find(n->cm, id);
	return ST_OK;
}

static unsigned int kept;

static void on_kept(struct node *n)
{
	kept++;
}

/* The YP finds the IPv4 port shut and says nothing of the other. */
static void on_check(struct node *n, bool v4, bool v6)
{
	ck_assert(v4 != v6);
	if (v4)
		(void)servmgr_set_firewall(n->sm, false, FW_CLOSED, FWWHY_YP);
	else
		(void)servmgr_set_firewall(n->sm, true, FW_UNKNOWN, FWWHY_NO_FAMILY);
}

static void up_with(struct settings *d)
{
	if (d == NULL)
		d = draft_new();
	if (d->password[0] == '\0')
		text_copy(d->password, sizeof(d->password), "pw");
	node_up(&node, d);
	node.ops.relay_start = start;
	node.ops.kept_changed = on_kept;
	node.ops.check_firewall = on_check;
	started = kept = 0;
	chan_up(&node, info_new(FLV_ID, "A <b> & \"c\"", "FLV"), CHAN_BROADCAST, CHAN_BROADCASTING);
	chan_up(&node, info_new(WMV_ID, "wm", "WMV"), CHAN_RELAY, CHAN_RECEIVING);
}

static void up(void)
{
	up_with(NULL);
}

static void down(void)
{
	node_down(&node);
}

/* --- one request, one answer ------------------------------------------------------------------ */

#define LO "Host: 127.0.0.1:7144\r\n"
#define PW "Authorization: Basic OnB3\r\n"
#define END "\r\n"

static const struct {
	const char *request;
	bool remote;
	int status;
	const char *has;                /* somewhere in the answer; NULL = no matter */
} rows[] = {
	/* where people land */
	{ "GET / HTTP/1.0\n" END, false, 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ "GET /html HTTP/1.0\n" END, false, 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ "GET /\n", false, 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ "GET /nothing HTTP/1.0\n" END, true, 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ "GET /html/index.html HTTP/1.0\n" END, false, 302, "\r\nLocation: /\r\n" },
	{ "GET /favicon.ico HTTP/1.0\n" END, true, 200, "\r\nContent-Type: image/x-icon\r\n" },
	{ "HEAD /favicon.ico HTTP/1.0\n" END, true, 200, "\r\nLast-Modified: " },
	{ "GET /api/2 HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /hls/x HTTP/1.0\n" END, false, 404, NULL },
	{ "GET / HTTP/1.0\nAccept-Language: ja,en;q=0.5\n" END, false, 302, "\r\nLocation: /html/ja/index.html\r\n" },
	{ "GET / HTTP/1.0\nAccept-Language: fr, ja;q=0.1\n" END, false, 302, "\r\nLocation: /html/ja/index.html\r\n" },
	{ "GET / HTTP/1.0\nAccept-Language: fr\n" END, false, 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ "GET / HTTP/1.0\nAccept-Language: ja\n" END, false, 302, "\r\nVary: Accept-Language\r\n" },
	{ "GET /public/ HTTP/1.0\n" END, false, 403, NULL },
	{ "GET /public/../peercast.ini HTTP/1.0\n" END, false, 403, NULL },
	/* files for everybody */
	{ "GET /assets HTTP/1.0\n" END, true, 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ "GET /assets/ HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/style.css HTTP/1.0\n" END, true, 200, "\r\nContent-Type: text/css; charset=utf-8\r\n" },
	{ "GET /assets/style.css?v=2 HTTP/1.0\n" END, true, 200, "\r\nLast-Modified: " },
	{ "GET /assets/icon.svg HTTP/1.0\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\n" END, true, 304,
		"\r\nLast-Modified: " },
	{ "GET /assets/icon.svg HTTP/1.0\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\n" END, true, 200,
		"<svg" },
	{ "GET /assets/icon.svg HTTP/1.0\nIf-Modified-Since: tomorrow\n" END, true, 200, "<svg" },
	{ "GET /assets/icon.svg HTTP/1.0\nIf-Modified-Since: Fri, 99 Jan 2100 00:00:00 GMT\n" END, true, 200,
		"<svg" },
	{ "GET /assets/icon.svg HTTP/1.0\nIf-None-Match: *\n" END, true, 304, "\r\nETag: \"" },
	{ "GET /assets/icon.svg HTTP/1.0\nIf-None-Match: \"x\"\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\n" END,
		true, 200, "<svg" },
	{ "GET /assets/icon.svg HTTP/1.0\nAccept-Encoding: gzip;q=0\n" END, true, 200, "<svg" },
	{ "GET /assets/nothing.svg HTTP/1.0\nAccept-Encoding: gzip\n" END, true, 404, NULL },
#ifdef HAVE_ZLIB
	{ "GET /assets/icon.svg HTTP/1.0\n" END, true, 200, "\r\nVary: Accept-Encoding\r\n" },
	{ "GET /assets/icon.svg HTTP/1.0\nAccept-Encoding: gzip\n" END, true, 200, "\r\nContent-Encoding: gzip\r\n" },
	{ "GET /assets/icon.svg HTTP/1.0\nAccept-Encoding: gzip\n" END, true, 200, "\r\nVary: Accept-Encoding\r\n" },
	{ "GET /assets/icon.svg HTTP/1.0\nAccept-Encoding: gzip\nIf-None-Match: *\n" END, true, 304, "-gz\"\r\n" },
	{ "HEAD /assets/style.css HTTP/1.0\nAccept-Encoding: gzip\n" END, true, 200, "\r\nContent-Encoding: gzip\r\n" },
#endif
	{ "GET /assets/texts/ja.js HTTP/1.0\n" END, true, 200, "\r\n\r\nexport default {\"" },
	{ "GET /assets/texts/en.js HTTP/1.0\n" END, true, 200, "\r\n\r\nexport default {};\n" },
	{ "GET /assets/texts/ja.js HTTP/1.0\nIf-None-Match: *\n" END, true, 304, "\r\nETag: \"" },
	{ "GET /assets/texts/xx.js HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/ja/common.json HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/shell.html HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/pages/index.html HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/public/index.html HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets-x/style.css HTTP/1.0\n" END, true, 302, NULL },
	{ "GET /assets/../peercast.ini HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/%2e%2e/peercast.ini HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/..\\peercast.ini HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets//etc/passwd HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /assets/style.css%00.html HTTP/1.0\n" END, true, 404, NULL },
	{ "POST /assets/style.css HTTP/1.0\nContent-Length: 1\n" END "x", true, 405, NULL },
	/* pages */
	{ "GET /html/en/index.html HTTP/1.0\n" END, false, 200,
		"Content-Security-Policy: default-src 'self';" },
	{ "GET /html/ja/index.html HTTP/1.0\n" END, false, 200, "<title>ホーム - PeerCast</title>" },
	{ "GET /html/en/relays.html HTTP/1.0\n" END, false, 200,
		"Content-Type: text/html; charset=utf-8\r\n" },
	{ "GET /html/en/logout.html HTTP/1.0\nIf-None-Match: *\n" END, false, 304, "\r\nETag: \"" },
	{ "GET /html/de/logout.html HTTP/1.0\n" END, false, 200, "data-accent=\"blue\" lang=\"en\">" },
	{ "GET /html/en/shell.html HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/pages/logout.html HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/en/logout.html?x=%22&y=\"><b> HTTP/1.0\n" END, false, 200,
		"href=\"/html/ja/logout.html?x=%22&#38;y=&#34;&#62;&#60;b&#62;\"" },
	{ "GET /html/en/logout.html?pass=pw HTTP/1.0\n" END, false, 200, "href=\"/html/ja/logout.html\"" },
	{ "GET /html/js/index.js HTTP/1.0\n" END, false, 200,
		"Content-Type: text/javascript; charset=utf-8\r\n" },
	{ "GET /html/style.css?x HTTP/1.0\n" END, false, 200,
		"Content-Type: text/css; charset=utf-8\r\n" },
	{ "HEAD /html/js/index.js HTTP/1.0\n" END, false, 200, "nosniff" },
	{ "GET /html/ HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/en HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/en/ HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/xx/index.html HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/en/js/index.js HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/../http/router.c?.htm HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/%2e%2e/peercast.ini HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/js/index.js%00.html HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html//etc/passwd HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/en/index.html HTTP/1.0\n" END, true, 401,
		"\r\nWWW-Authenticate: Basic realm=\"PeerCast Admin\"" },
	{ "GET /html/en/index.html HTTP/1.0\n" PW END, true, 200, NULL },
	{ "GET /html/ja/index.html HTTP/1.0\n" END, false, 200, "<span class=\"titlelinksBig\">peercast" },
	{ "GET /html/ja/bcid.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/notifications.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/settings.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/broadcast.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/connections.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/login.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/viewlog.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/channels.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/logout.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/de/flags.html HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/relayinfo.html HTTP/1.0\n" END, false, 400, NULL },
	{ "GET /html/ja/play.html HTTP/1.0\n" END, false, 400, NULL },
	{ "GET /html/ja/play.html?id= HTTP/1.0\n" END, false, 400, NULL },
	{ "GET /html/ja/play.html?id=" NO_ID " HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/ja/play.html?id=" NO_ID "&tip= HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/ja/play.html?id=" NO_ID "&tip=192.0.2.1:7144 HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/relayinfo.html?id=" NO_ID "&tip=192.0.2.1:7144 HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /html/ja/play.html?id=" FLV_ID " HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/editinfo.html?id=" FLV_ID " HTTP/1.0\n" END, false, 200, NULL },
	{ "GET /html/ja/nothing.html HTTP/1.0\n" END, false, 404, NULL },
	/* the console */
	{ "GET /cmd HTTP/1.0\n" END, false, 400, "q missing" },
	{ "GET /cmd?q= HTTP/1.0\n" END, false, 400, "q missing" },
	{ "GET /cmd?q=+++ HTTP/1.0\n" END, false, 400, "q missing" },
	{ "GET /cmd?q=pid HTTP/1.0\n" END, true, 401, NULL },
	{ "GET /cmd?q=pid&pass=pw HTTP/1.0\n" END, true, 200, "\r\nContent-Type: text/plain; charset=utf-8\r\n" },
	{ "HEAD /cmd?q=pid HTTP/1.0\n" END, false, 405, "\r\nAllow: GET\r\n" },
	/* methods */
	{ "OPTIONS /stream/" FLV_ID " HTTP/1.1\n" END, true, 204,
		"\r\nAccess-Control-Allow-Methods: GET, HEAD\r\n" },
	{ "OPTIONS /pls/" FLV_ID " HTTP/1.1\n" END, true, 204,
		"\r\nAccess-Control-Allow-Origin: *\r\n" },
	{ "OPTIONS /api/1 HTTP/1.1\n" END, false, 405, "\r\nAllow: GET, HEAD, POST\r\n" },
	{ "OPTIONS / HTTP/1.1\n" END, false, 405, "\r\nAllow: GET, HEAD\r\n" },
	{ "PUT /api/1 HTTP/1.1\n" END, false, 405, "\r\nAllow: GET, HEAD, POST\r\n" },
	{ "DELETE /pls/x HTTP/1.1\n" END, false, 405, "\r\nAllow: GET, HEAD, OPTIONS\r\n" },
	{ "POST /html/en/index.html HTTP/1.1\n" END, false, 405, "\r\nAllow: GET, HEAD\r\n" },
	{ "HEAD /channel/" FLV_ID " HTTP/1.1\n" END, false, 405, "\r\nAllow: GET\r\n" },
	{ "OPTIONS /channel/" FLV_ID " HTTP/1.1\n" END, false, 405, "\r\nAllow: GET\r\n" },
	{ "POST /channel/" FLV_ID " HTTP/1.1\nContent-Length: 1\n\nx", false, 405, "\r\nAllow: GET\r\n" },
	{ "POST /stream/" FLV_ID " HTTP/1.1\nContent-Length: 1\n\nx", false, 405, "\r\nAllow: GET, HEAD, OPTIONS\r\n" },
	{ "POST /elsewhere HTTP/1.1\nContent-Length: 1\n\nx", false, 400, NULL },
	/* the API */
	{ "GET /api/1 HTTP/1.0\n" END, true, 200, "\r\nContent-Type: application/json\r\n" },
	{ "GET /api/1/ HTTP/1.0\n" END, false, 200,
		"\r\n\r\n{\"agentName\":\"PeerCast/0.1218 "
			"(SV01)\",\"apiVersion\":\"1.0.0\",\"jsonrpc\":\"2.0\"}" },
	{ "GET /api/1?x=y HTTP/1.0\n" END, false, 200, "agentName" },
	{ "GET /api/1/openrpc.json HTTP/1.0\n" END, false, 200, "\r\nContent-Type: application/json\r\n" },
	{ "GET /api/1/openrpc.json HTTP/1.0\n" END, false, 200, "\r\n\r\n{\"info\":{\"title\":\"PeerCast/0.1218 (SV01)\"" },
	{ "GET /api/1/openrpc.json HTTP/1.0\n" END, false, 200, "\"openrpc\":\"1.2.4\"" },
	{ "HEAD /api/1 HTTP/1.0\n" END, false, 200, "\r\nContent-Length: 75\r\n" },
	{ "POST /api/1 HTTP/1.0\n" LO END, false, 411, NULL },
	{ "POST /api/1 HTTP/1.0\nContent-Length: 0\n" END, false, 400, NULL },
	{ "POST /api/1 HTTP/1.0\nContent-Length: 9\n" END "{}", false, 400, NULL },
	{ "POST /api/1 HTTP/1.0\nContent-Length: 262145\n" END, false, 413, NULL },
	{ "POST /api/1 HTTP/1.0\nContent-Length: 4\nContent-Type: "
		"application/x-www-form-urlencoded\n" END "nope", false,
		200, "\"code\":-32700" },
	{ "POST /api/1/ HTTP/1.1\nTransfer-Encoding: chunked\n" END "2\r\n{}\r\n0\r\n\r\n", false,
		200,
		"\"code\":-32600" },
	{ "POST /api/1 HTTP/1.1\nContent-Length: "
		"40\n" END "{\"jsonrpc\":\"2.0\",\"method\":\"getChannels\"}", false, 204,
		NULL },
	{ "POST /api/1 HTTP/1.0\nContent-Length: 2\n" END "{}", true, 401, "WWW-Authenticate" },
	{ "POST /api/1 HTTP/1.0\nX-Requested-With: XMLHttpRequest\nContent-Length: 2\n" END "{}",
		true, 403, NULL },
	{ "POST /api/1 HTTP/1.0\nX-Requested-With: x\n" PW "Content-Length: 2\n" END "{}", true,
		200, NULL },
	{ "POST /api/1?pass=pw HTTP/1.0\nContent-Length: 2\n" END "{}", true, 200, NULL },
	{ "POST /api/1 HTTP/1.0\n" LO "Origin: http://evil.example\nContent-Length: 2\n" END "{}",
		false, 403, NULL },
	{ "POST /api/1 HTTP/1.0\nHost: evil.example\nContent-Length: 2\n" END "{}", false, 401,
		NULL },
	/* /admin */
	{ "GET /admin HTTP/1.0\n" END, false, 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ "GET /admin?cmd=nope HTTP/1.0\n" END, false, 400, NULL },
	{ "GET /admin? HTTP/1.0\n" END, false, 400, NULL },
	{ "GET /admin?cmd=viewxml HTTP/1.0\n\n", false, 200, "\r\nContent-Type: text/xml\r\n" },
	{ "GET /admin/?x=y&cmd=viewxml&id=" FLV_ID " HTTP/1.0\n" END, false, 200,
		"<channels_found total=\"2\">" },
	{ "GET /admin?cmd=viewxml HTTP/1.0\n" END, true, 401, "WWW-Authenticate: Basic" },
	{ "GET /admin?cmd=viewxml HTTP/1.0\n" PW END, true, 200, "</peercast>\n" },
	{ "POST /admin HTTP/1.0\nContent-Length: 11\n" END "cmd=viewxml", false, 200,
		"<peercast>" },
	{ "POST /admin?cmd=viewxml HTTP/1.0\nContent-Length: 3\n" END "x=y", false, 200,
		"<peercast>" },
	{ "POST /admin?cmd=nope HTTP/1.0\nContent-Length: 11\n" END "cmd=viewxml", false, 200,
		"<peercast>" },
	{ "POST /admin?cmd=viewxml HTTP/1.0\nContent-Length: 8\n" END "cmd=nope", false, 400,
		NULL },
	{ "POST /admin HTTP/1.0\nContent-Length: 19\n" END "cmd=viewxml&pass=pw", true, 200,
		"<peercast>" },
	{ "POST /admin?cmd=viewxml HTTP/1.0\n" END, false, 411, NULL },
	/* commands lead back where they came from, if that is here */
	{ "GET /admin?cmd=keep&id=" FLV_ID " HTTP/1.0\n" END, false, 302,
		"\r\nLocation: /html/en/relays.html\r\n" },
	{ "GET /admin?cmd=bump&id=" FLV_ID " HTTP/1.0\n" END, false, 302,
		"\r\nLocation: /html/en/channels.html\r\n" },
	{ "GET /admin?cmd=bump&id=nonsense HTTP/1.0\n" END, false, 302, NULL },
	{ "GET /admin?cmd=stop&id=" NO_ID " HTTP/1.0\n" END, false, 302, NULL },
	{ "GET /admin?cmd=keep&id=" FLV_ID " HTTP/1.0\n" LO "Referer: "
		"http://127.0.0.1:7144/html/en/relayinfo.html?id=x\n"
		END, false, 302, "\r\nLocation: /html/en/relayinfo.html?id=x\r\n" },
	{ "GET /admin?cmd=keep&id=" FLV_ID " HTTP/1.0\n" LO "Referer: http://evil.example/\n" END,
		false, 403, NULL },
	{ "GET /admin?cmd=viewxml HTTP/1.0\n" LO "Referer: http://evil.example/\n" END, false,
		200, NULL },
	{ "HEAD /admin?cmd=stop&id=" FLV_ID " HTTP/1.0\n" END, false, 405, NULL },
	{ "GET /admin?cmd=portcheck4 HTTP/1.0\n" END, false, 200,
		"\r\n\r\nIPv4 port 7144: the yellow page could not reach us\nIPv4 firewall is ON\n" },
	{ "GET /admin?cmd=portcheck6 HTTP/1.0\n" END, false, 200, "\nIPv6 firewall is UNKNOWN\n" },
	{ "HEAD /admin?cmd=portcheck4 HTTP/1.0\n" END, false, 405, NULL },
	{ "GET /admin?cmd=portcheck4 HTTP/1.0\n" LO "Referer: http://evil.example/\n" END, false, 403, NULL },
	/* playlists */
	{ "GET /pls/" FLV_ID ".anything HTTP/1.0\n" LO END, false, 200,
		"\r\n\r\nhttp://127.0.0.1:7144/stream/" FLV_ID ".flv?auth=" },
	{ "GET /pls/" FLV_ID " HTTP/1.0\nHost: my.example:80\n" END, true, 200,
		"\r\n\r\nhttp://my.example:80/stream/" },
	{ "GET /pls/" FLV_ID " HTTP/1.0\nHost: a\"><b\n" END, false, 200,
		":7144/stream/" FLV_ID ".flv?auth=" },
	{ "GET /pls/" WMV_ID " HTTP/1.0\n" LO END, true, 200,
		"<REF href=\"http://127.0.0.1:7144/stream/" WMV_ID ".wmv?auth=" },
	{ "GET /pls/" WMV_ID "?pls=m3u HTTP/1.0\n" LO END, true, 200,
		"\r\n\r\nhttp://127.0.0.1:7144/stream/" },
	{ "GET /pls/" FLV_ID "?scheme=mmsh HTTP/1.0\n" LO END, true, 200, "\r\n\r\nmmsh://127.0.0.1:7144/stream/" },
	{ "GET /pls/" WMV_ID "?scheme=http HTTP/1.0\nHost: h\nUser-Agent: VLC/3\n" END, true, 200, "\"http://h/stream/" },
	{ "GET /pls/" WMV_ID " HTTP/1.0\nHost: h\nUser-Agent: VLC/3\n" END, true, 200, "\"mmsh://h/stream/" },
	{ "GET /pls/" FLV_ID "?scheme=x:// HTTP/1.0\nHost: h\n" END, true, 200, "\r\n\r\nhttp://h/stream/" },
	{ "GET /pls/wm HTTP/1.0\n" LO END, false, 200, "<ASX Version=\"3.0\">\r\n" },
	{ "GET /pls/wm HTTP/1.0\n" LO END, true, 404, NULL },
	{ "GET /pls/ HTTP/1.0\n" END, false, 404, "\r\nAccess-Control-Allow-Origin: *\r\n" },
	{ "GET /pls/" WMV_ID " HTTP/1.0\n" END, true, 200, "\r\nContent-Type: video/x-ms-asf\r\n" },
	{ "GET /html/index.txt HTTP/1.0\n" END, false, 200, "\r\n\r\nA &lt;b&gt; &amp; &quot;c&quot;<>" FLV_ID "<>" },
	{ "GET /html/index.txt HTTP/1.0\n" END, false, 200, "<>click<><>0\r\n" },
	{ "GET /html/index.txt HTTP/1.0\n" END, true, 401, NULL },
#ifdef HAVE_AVFORMAT
	{ "GET /pls/" FLV_ID ".m3u8 HTTP/1.0\n" LO END, false, 301, "Location: /hls/" FLV_ID "\r\n" },
	{ "GET /pls/" FLV_ID "?pls=m3u8&auth=a%20b&tip=192.0.2.1:7144 HTTP/1.0\n" LO END, true, 301,
		"Location: /hls/" FLV_ID "?tip=192.0.2.1%3A7144&auth=a%20b\r\n" },
#else
	{ "GET /pls/" FLV_ID ".m3u8 HTTP/1.0\n" LO END, false, 200,
		"\r\n\r\nhttp://127.0.0.1:7144/stream/" FLV_ID ".flv?auth=" },
#endif
	{ "GET /pls/" NO_ID ".m3u8 HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /pls/" FLV_ID "/x HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /pls/00000000000000000000000000000000 HTTP/1.0\n" END, false, 404, NULL },
	{ "GET /pls/" NO_ID " HTTP/1.0\n" END, true, 404, NULL },
	{ "GET /pls/" NO_ID "?tip=198.51.100.1:7144 HTTP/1.0\n" END, true, 503, NULL },
	{ "GET /pls/" NO_ID " HTTP/1.0\n" END, false, 503, NULL },
	{ "HEAD /pls/" FLV_ID " HTTP/1.0\n" END, false, 200, "Content-Type: audio/x-mpegurl\r\n" },
};

START_TEST(exchange)
{
	struct buf got;

	ask(&node, rows[_i].remote ? host_v4(198, 18, (uint8_t)(_i >> 8), (uint8_t)_i, 9) : home(),
		rows[_i].request, &got);
	ck_assert_msg(status_of(&got) == rows[_i].status, "%s gives %s", rows[_i].request,
		(const char *)got.p);
	ck_assert_msg(rows[_i].has == NULL || strstr((const char *)got.p, rows[_i].has) != NULL,
		"%s gives %s",
		rows[_i].request, (const char *)got.p);
	ck_assert_ptr_nonnull(strstr((const char *)got.p,
		"\r\nServer: PeerCast/0.1218 (SV01)\r\nDate: "));
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nConnection: close\r\n"));
	if (strncmp(rows[_i].request, "HEAD", 4) == 0 || rows[_i].status == 204)
		ck_assert_str_eq(body_of(&got), "");
	buf_fini(&got);
}
END_TEST

#ifdef HAVE_ZLIB
/* What a browser keeps as gzip is not what another keeps as it is: each is told of its own alone. */
START_TEST(two_ways)
{
	static const char *const ways[] = { "", "Accept-Encoding: gzip\n" };
	char etag[2][48], req[256];
	size_t length[2];

	for (size_t i = 0; i < 2; i++) {
		struct buf got;
		const char *p;

		snprintf(req, sizeof(req), "GET /assets/style.css HTTP/1.0\n%s" END, ways[i]);
		ask(&node, home(), req, &got);
		p = strstr((const char *)got.p, "\r\nETag: ");
		ck_assert_ptr_nonnull(p);
		snprintf(etag[i], sizeof(etag[i]), "%.*s", (int)strcspn(p + 8, "\r"), p + 8);
		length[i] = got.len;
		buf_fini(&got);
	}
	ck_assert_str_ne(etag[0], etag[1]);
	ck_assert_uint_gt(length[0], 2 * length[1]);
	for (size_t i = 0; i < 4; i++) {
		struct buf got;

		snprintf(req, sizeof(req), "GET /assets/style.css HTTP/1.0\n%sIf-None-Match: %s\n" END, ways[i / 2], etag[i % 2]);
		ask(&node, home(), req, &got);
		ck_assert_msg(status_of(&got) == (i / 2 == i % 2 ? 304 : 200), "%s gives %s", req, (const char *)got.p);
		buf_fini(&got);
	}
}
END_TEST
#endif

/* The playlist PeerCast-YT handed out, but for the token, which depends on the node. */
START_TEST(pls_golden)
{
	struct buf hdr, body, got, want;
	struct gnuid bcid, chan;
	char token[AUTH_TOKEN];
	const char *auth;
	struct own own;

	data_read(&hdr, "test/data/http/pls_response.hdr");
	data_read(&body, "test/data/http/pls_response.body");
	servmgr_own(node.sm, &own);
	bcid = own.bcid;
	ck_assert(gnuid_parse(&chan, FLV_ID));
	auth_token(token, &bcid, &chan);
	auth = strstr((const char *)body.p, "auth=") + 5;
	buf_init(&want, 4096);
	buf_put(&want, body.p, (size_t)(auth - (const char *)body.p));
	buf_puts(&want, token);
	buf_puts(&want, auth + 32);
	ask(&node, home(), "GET /pls/" FLV_ID "?tip=203.0.113.20:7144 HTTP/1.1\nHost: "
		"127.0.0.1:7144\n\n", &got);
	ck_assert_str_eq(body_of(&got), buf_cstr(&want));
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nContent-Type: audio/x-mpegurl\r\n"));
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nContent-Disposition: inline\r\n"));
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nCache-Control: private\r\n"));
	ck_assert_uint_eq(started, 0);
	buf_fini(&hdr);
	buf_fini(&body);
	buf_fini(&got);
	buf_fini(&want);
}
END_TEST

#define NEW_ID "A0000000000000000000000000000001"

/* A playlist starts the relay for who may, with the tip, and for nobody else; HEAD never does. */
START_TEST(pls_starts)
{
	static const char get[] = "GET /pls/" NEW_ID "?tip=198.51.100.1:7150 HTTP/1.0\n\n";
	struct buf got;
	struct gnuid chan;
	struct own own;
	char token[AUTH_TOKEN], text[256], hs[HOST_STRLEN];

	ask(&node, stranger(), get, &got);
	ck_assert_int_eq(status_of(&got), 503);
	buf_fini(&got);
	ask(&node, home(), "HEAD /pls/" NEW_ID "?tip=198.51.100.1:7150 HTTP/1.0\n\n", &got);
	ck_assert_int_eq(status_of(&got), 503);
	buf_fini(&got);
	ck_assert_uint_eq(started, 0);
	if (_i == 0) {
		ask(&node, home(), get, &got);
	} else {
		servmgr_own(node.sm, &own);
		ck_assert(gnuid_parse(&chan, NEW_ID));
		auth_token(token, &own.bcid, &chan);
		snprintf(text, sizeof(text),
			"GET /pls/" NEW_ID "?tip=198.51.100.1:7150&auth=%s HTTP/1.0\n\n", token);
		ask(&node, stranger(), text, &got);
	}
	ck_assert_int_eq(status_of(&got), 200);
	ck_assert_uint_eq(started, 1);
	ck_assert_str_eq(host_str(&started_tip, hs), "198.51.100.1:7150");
	buf_fini(&got);
	/* now it plays: anybody may, nothing is started again */
	ask(&node, stranger(), get, &got);
	ck_assert_int_eq(status_of(&got), 200);
	ck_assert_uint_eq(started, 1);
	buf_fini(&got);
}
END_TEST

/* The tenth cell of the first page is the uptime. */
START_TEST(first_page)
{
	const char *at;
	struct buf got;

	ask(&node, home(), "GET /html/ja/index.html HTTP/1.0\n\n", &got);
	ck_assert_int_eq(status_of(&got), 200);
	at = body_of(&got);
	for (int i = 0; i < 10; i++) {
		at = strstr(at, "<td>");
		ck_assert_ptr_nonnull(at);
		at += 4;
	}
	ck_assert_msg(strncmp(at, "-</td>", 6) == 0 || strncmp(at + strspn(at, "0123456789"), " sec</td>", 9) == 0,
		"%s", at);
	ck_assert_ptr_null(strstr(at, "<td>"));
	ck_assert_ptr_nonnull(strstr(at, "</html>\n"));
	buf_fini(&got);
}
END_TEST

START_TEST(commands)
{
	struct gnuid flv, wmv;
	struct chan_view v;
	struct chan *c, *w;
	struct host to;
	struct buf got;
	char hs[HOST_STRLEN];

	ck_assert(gnuid_parse(&flv, FLV_ID) && gnuid_parse(&wmv, WMV_ID));
	c = chanmgr_find(node.cm, &flv);
	w = chanmgr_find(node.cm, &wmv);
	ask(&node, home(), "GET /admin?cmd=keep&id=" FLV_ID " HTTP/1.0\n\n", &got);
	buf_fini(&got);
	chan_view(c, &v);
	ck_assert(v.keep);
	chan_view_fini(&v);
	ask(&node, home(), "GET /admin?cmd=keep&id=" FLV_ID " HTTP/1.0\n\n", &got);
	buf_fini(&got);
	chan_view(c, &v);
	ck_assert(!v.keep);
	chan_view_fini(&v);
	ck_assert_uint_eq(kept, 2);

	ask(&node, home(), "GET /admin?cmd=bump&id=" WMV_ID "&ip=198.51.100.3 HTTP/1.0\n\n", &got);
	buf_fini(&got);
	ck_assert(chan_take_bump(w, &to));
	ck_assert_str_eq(host_str(&to, hs), "198.51.100.3:7144");
	/* a broadcast has no upstream to leave (settings.md decision 31) */
	ask(&node, home(), "GET /admin?cmd=bump&id=" FLV_ID " HTTP/1.0\n\n", &got);
	buf_fini(&got);
	ck_assert(!chan_take_bump(c, &to));

	/* not without rights, not by HEAD */
	ask(&node, stranger(), "GET /admin?cmd=stop&id=" FLV_ID " HTTP/1.0\n\n", &got);
	buf_fini(&got);
	ask(&node, home(), "HEAD /admin?cmd=stop&id=" FLV_ID " HTTP/1.0\n\n", &got);
	buf_fini(&got);
	ck_assert(!chan_is_closing(c));
	ask(&node, home(), "GET /admin?cmd=stop&id=" FLV_ID " HTTP/1.0\n\n", &got);
	buf_fini(&got);
	ck_assert(chan_is_closing(c));
	ck_assert_uint_eq(chanmgr_count(node.cm), 1);
	chan_unref(&c);
	chan_unref(&w);
}
END_TEST

enum { HTML_OFF, DIRECT_OFF, JAPANESE, ODD_PATH, BASIC_MODE, NO_PASSWORD, UNTRUSTED, WMV_MMSH, FORCED_IP };

static const struct {
	int settings;
	bool remote;
	const char *request;
	int status;
	const char *has;
} configured[] = {
	{ HTML_OFF, false, "GET /html/en/index.html HTTP/1.0\n\n", 503, NULL },
	{ HTML_OFF, false, "GET /api/1 HTTP/1.0\n\n", 503, NULL },
	{ HTML_OFF, false, "GET /admin?cmd=viewxml HTTP/1.0\n\n", 503, NULL },
	{ HTML_OFF, false, "GET / HTTP/1.0\n\n", 302, NULL },
	{ DIRECT_OFF, false, "GET /pls/" FLV_ID " HTTP/1.0\n\n", 200, NULL },
	{ DIRECT_OFF, true, "GET /pls/" FLV_ID " HTTP/1.0\n\n", 503, NULL },
	{ JAPANESE, false, "GET / HTTP/1.0\n\n", 302, "\r\nLocation: /html/ja/index.html\r\n" },
	{ JAPANESE, false, "GET / HTTP/1.0\nAccept-Language: en\n\n", 302, "\r\nLocation: /html/ja/index.html\r\n" },
	{ ODD_PATH, false, "GET / HTTP/1.0\n\n", 302, "\r\nLocation: /html/en/index.html\r\n" },
	{ BASIC_MODE, true, "POST /api/1 HTTP/1.0\nX-Requested-With: x\nContent-Length: 2\n\n{}",
		401,
		"realm=\"PeerCast Admin\"" },
	{ NO_PASSWORD, true, "GET /admin?cmd=viewxml&pass= HTTP/1.0\n\n", 401, NULL },
	{ UNTRUSTED, false, "GET /admin?cmd=viewxml HTTP/1.0\n\n", 401, NULL },
	{ UNTRUSTED, false, "GET /admin?cmd=viewxml HTTP/1.0\n" PW "\n", 200, NULL },
	{ UNTRUSTED, false, "GET /pls/" WMV_ID " HTTP/1.0\n\n", 200, NULL },
	{ UNTRUSTED, false, "GET /pls/wm HTTP/1.0\n\n", 404, NULL },
	{ WMV_MMSH, false, "GET /pls/" WMV_ID " HTTP/1.0\nHost: h:1\n\n", 200, "<REF href=\"mmsh://h:1/stream/" },
	{ WMV_MMSH, false, "GET /pls/" FLV_ID " HTTP/1.0\nHost: h:1\n\n", 200, "\r\nhttp://h:1/stream/" },
	/* without a name of ours: where who asks has reached us, or what is ours out there */
	{ FORCED_IP, true, "GET /pls/" FLV_ID " HTTP/1.0\n\n", 200, "\r\nhttp://198.51.100.9:7144/stream/" },
	{ FORCED_IP, true, "GET /pls/" FLV_ID " HTTP/1.0\nHost: a/b\n\n", 200, "\r\nhttp://198.51.100.9:7144/stream/" },
};

START_TEST(by_settings)
{
	struct settings *d = draft_new();
	struct buf got;
	int s = configured[_i].settings;

	d->allow_html = s != HTML_OFF;
	d->allow_direct = s != DIRECT_OFF;
	text_copy(d->html_path, sizeof(d->html_path), s == JAPANESE ? "html/ja" :
		s == ODD_PATH ? "html/../../x\r\nX: y" : "html/en");
	d->auth_type = s == BASIC_MODE ? AUTHTYPE_BASIC : AUTHTYPE_COOKIE;
	d->trust_localhost = s != UNTRUSTED;
	d->wmv_protocol = s == WMV_MMSH ? WMVPROTO_MMSH : WMVPROTO_HTTP;
	up_with(d);
	if (s == FORCED_IP)
		ck_assert(servmgr_force_address(node.sm, (struct host[2]){ host_v4(198, 51, 100, 9, 0) }));
	ask(&node, configured[_i].remote ? stranger() : home(), configured[_i].request, &got);
	ck_assert_msg(status_of(&got) == configured[_i].status, "%s gives %s",
		configured[_i].request,
		(const char *)got.p);
	ck_assert(configured[_i].has == NULL || strstr((const char *)got.p,
		configured[_i].has) != NULL);
	buf_fini(&got);
	down();
}
END_TEST

/* --- a root ----------------------------------------------------------------------------------- */

#define ANNOUNCED "AB000000000000000000000000000001"

static void root_begin(bool public_directory)
{
	struct settings *d = draft_new();

	d->is_root = true;
	d->public_directory = public_directory;
	up_with(d);
	node.yp = yp_new();
	ck_assert_ptr_nonnull(node.yp);
	SAY(&node, 1, "announced", "x", .url = "http://x.example/");
}

static const struct {
	const char *request;
	bool remote;
	int status, elsewhere;          /* on a root; on a node that is none */
	const char *has;
} root_rows[] = {
	{ "GET /index.txt HTTP/1.0\n" END, true, 200, 404, "\nannounced<>" ANNOUNCED "<>203.0.113.1:7144<>" },
	{ "GET /index.txt?host=localhost:7144 HTTP/1.0\n" END, true, 200, 404, "Content-Type: text/plain; charset=utf-8" },
	{ "HEAD /index.txt HTTP/1.0\n" END, true, 200, 404, "\r\nAccess-Control-Allow-Origin: *\r\n" },
	{ "OPTIONS /index.txt HTTP/1.0\n" END, true, 204, 204, "\r\nAccess-Control-Allow-Origin: *\r\n" },
	{ "OPTIONS /api/index.json HTTP/1.0\n" END, true, 204, 204, "\r\nAccess-Control-Allow-Origin: *\r\n" },
	{ "POST /index.txt HTTP/1.0\n" END, true, 405, 405, "\r\nAllow: GET, HEAD, OPTIONS\r\n" },
	{ "GET /index.txt HTTP/1.0\nOrigin: http://any.example\n" END, true, 200, 404, "announced" },
	{ "GET /index.rss HTTP/1.0\n" END, true, 200, 404, "<title>announced</title>" },
	{ "GET /api/index.json HTTP/1.0\n" END, true, 200, 404, "\"name\":\"announced\"" },
	{ "GET /yp4g.xml HTTP/1.0\n" END, true, 200, 404, "<host ip=\"203.0.113.9\" port_open=\"0\"" },
	{ "GET /yp4g.xml HTTP/1.0\nHost: evil.example\n" END, true, 200, 404, "addr=\"" },
	{ "GET /chat.php?cn=announced HTTP/1.0\n" END, true, 302, 404, "\r\nLocation: http://x.example/\r\n" },
	{ "GET /chat.php HTTP/1.0\n" END, true, 404, 404, NULL },
	{ "GET /uptest.cgi HTTP/1.0\n" END, true, 405, 405, "\r\nAllow: POST\r\n" },
	{ "POST /uptest.cgi HTTP/1.0\n" END, true, 411, 404, NULL },
	{ "POST /uptest.cgi HTTP/1.0\nTransfer-Encoding: chunked\n" END, true, 411, 404, NULL },
	{ "POST /uptest.cgi HTTP/1.0\nContent-Length: 260001\n" END, true, 413, 404, NULL },
	{ "POST /uptest.cgi HTTP/1.0\nContent-Length: 239999\n" END, true, 404, 404, "240000 bytes at least" },
	{ "POST /uptest.cgi HTTP/1.0\nOrigin: http://evil.example\nContent-Length: 250000\n" END, true, 403, 403, NULL },
	{ "GET /yp HTTP/1.0\n" END, true, 302, 404, "\r\nLocation: /yp/\r\n" },
	{ "GET /yp/ HTTP/1.0\n" END, true, 200, 404, "Content-Security-Policy: default-src 'self';" },
	{ "GET /yp/ HTTP/1.0\n" END, true, 200, 404, "\r\nContent-Language: en\r\n" },
	{ "GET /yp/ HTTP/1.0\nAccept-Language: ja,en;q=0.5\n" END, true, 200, 404, "data-accent=\"blue\" lang=\"ja\">" },
	{ "GET /yp/?lang=ja HTTP/1.0\nAccept-Language: en\n" END, true, 200, 404, "\r\nContent-Language: ja\r\n" },
	{ "GET /yp/?lang=../en HTTP/1.0\n" END, true, 200, 404, "\r\nContent-Language: en\r\n" },
	{ "GET /yp/index.html HTTP/1.0\n" END, true, 200, 404, "\r\nVary: Accept-Language\r\n" },
	{ "GET /yp/yp.js HTTP/1.0\n" END, true, 404, 404, NULL },
	{ "GET /yp/app.js HTTP/1.0\n" END, true, 404, 404, NULL },
	{ "GET /yp/../app.js HTTP/1.0\n" END, true, 404, 404, NULL },
	{ "GET /yp/%2e%2e/app.js HTTP/1.0\n" END, true, 404, 404, NULL },
	{ "GET /yp/xx/index.html HTTP/1.0\n" END, true, 404, 404, NULL },
	{ "GET / HTTP/1.0\n" END, true, 302, 302, NULL },
	{ "GET /html/en/index.html HTTP/1.0\n" END, true, 401, 401, NULL },
	{ "GET /public/index.txt HTTP/1.0\n" END, true, 403, 403, NULL },
};

START_TEST(on_a_root)
{
	struct buf got;

	root_begin(false);
	ask(&node, stranger(), root_rows[_i].request, &got);
	ck_assert_msg(status_of(&got) == root_rows[_i].status, "%s gives %s", root_rows[_i].request,
		(const char *)got.p);
	ck_assert_msg(root_rows[_i].has == NULL || strstr((const char *)got.p, root_rows[_i].has) != NULL,
		"%s gives %s", root_rows[_i].request, (const char *)got.p);
	ck_assert_ptr_null(strstr((const char *)got.p, "evil.example"));
	buf_fini(&got);
	yp_free(&node.yp);
	down();
	up();
	ask(&node, stranger(), root_rows[_i].request, &got);
	ck_assert_msg(status_of(&got) == root_rows[_i].elsewhere, "%s gives %s", root_rows[_i].request,
		(const char *)got.p);
	buf_fini(&got);
	down();
}
END_TEST

/* Visitors of a root land on its list, who runs it on his own page; a banned address on nothing. */
START_TEST(root_home)
{
	struct filterset *f = filterset_new();
	struct buf got;

	root_begin(true);
	ask(&node, stranger(), "GET / HTTP/1.0\n\n", &got);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nLocation: /yp/\r\n"));
	buf_fini(&got);
	ask(&node, home(), "GET / HTTP/1.0\n\n", &got);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "\r\nLocation: /html/en/index.html\r\n"));
	buf_fini(&got);
	ask(&node, stranger(), "GET /public/index.txt HTTP/1.0\n\n", &got);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, ANNOUNCED));
	buf_fini(&got);
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(filterset_add(f, "203.0.113.9", FILTER_BAN, NULL), ST_OK);
	node_set_filters(&node, f);
	ask(&node, stranger(), "GET /index.txt HTTP/1.0\n\n", &got);
	ck_assert_int_eq(status_of(&got), 503);
	buf_fini(&got);
	yp_free(&node.yp);
	down();
}
END_TEST

/* A node that is no root shows its own broadcasts, and what it knows. */
START_TEST(public_list)
{
	struct settings *d = draft_new();
	struct buf got;

	d->public_directory = true;
	up_with(d);
	SAY(&node, 1, "<found>", "x");
	ask(&node, stranger(), "GET /public/index.txt HTTP/1.0\n\n", &got);
	ck_assert_int_eq(status_of(&got), 200);
	ck_assert_ptr_nonnull(strstr((const char *)got.p, "Content-Type: text/plain; charset=utf-8\r\n"));
	ck_assert_int_eq(strncmp(body_of(&got), "A &lt;b&gt; &amp; &quot;c&quot;<>" FLV_ID "<>", 60), 0);
	ck_assert_ptr_nonnull(strstr(body_of(&got), "\n&lt;found&gt;<>" ANNOUNCED "<>203.0.113.1:7144<>"));
	ck_assert_ptr_null(strstr(body_of(&got), WMV_ID));      /* relayed, and nobody else is known to have it */
	buf_fini(&got);
	down();
}
END_TEST

static const struct {
	const char *request;
	int status;
	const char *has;
} public_rows[] = {
	{ "GET /public HTTP/1.0\n\n", 302, "\r\nLocation: /public/\r\n" },
	{ "GET /public/ HTTP/1.0\n\n", 302, "\r\nLocation: /public/index.html\r\n" },
	{ "GET /public/index.html HTTP/1.0\n\n", 200, "\r\nContent-Language: en\r\n" },
	{ "GET /public/index.html HTTP/1.0\nAccept-Language: ja;q=0.9, en;q=0.1\n\n", 200, "data-accent=\"blue\" lang=\"ja\">" },
	{ "GET /public/index.html HTTP/1.0\nAccept-Language: fr\n\n", 200, "data-accent=\"blue\" lang=\"en\">" },
	{ "HEAD /public/index.html HTTP/1.0\n\n", 200, "Content-Security-Policy: default-src 'self';" },
	{ "GET /public/index.html?lang=ja HTTP/1.0\nAccept-Language: en\n\n", 200, "data-accent=\"blue\" lang=\"ja\">" },
	{ "GET /public/public.js HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/shell.html HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/play.html HTTP/1.0\n\n", 400, "id missing" },
	{ "GET /public/play.html?id= HTTP/1.0\n\n", 400, NULL },
	{ "GET /public/play.html?id=x HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/play.html?id=" NO_ID " HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/play.html?id=" NO_ID "&tip=192.0.2.1:7144 HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/play.html?id=" FLV_ID " HTTP/1.0\n\n", 200, "<div id=\"player\"></div>" },
	{ "GET /public/nothing HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/../html/index.html HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/../../peercast.ini HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/%2e%2e/index.html HTTP/1.0\n\n", 404, NULL },
	{ "GET /public/index.html%00 HTTP/1.0\n\n", 404, NULL },
	{ "GET /public//index.html HTTP/1.0\n\n", 404, NULL },
	{ "GET /publicity HTTP/1.0\n\n", 302, NULL },
	{ "POST /public/index.html HTTP/1.0\nContent-Length: 1\n\nx", 405, NULL },
};

/* For a stranger; nobody has anything fetched by looking. */
START_TEST(public_pages)
{
	struct settings *d = draft_new();
	struct buf got;

	d->public_directory = true;
	up_with(d);
	ask(&node, stranger(), public_rows[_i].request, &got);
	ck_assert_msg(status_of(&got) == public_rows[_i].status &&
		(public_rows[_i].has == NULL || strstr((const char *)got.p, public_rows[_i].has) != NULL),
		"%s gives %s", public_rows[_i].request, (const char *)got.p);
	ck_assert_uint_eq(started, 0);
	buf_fini(&got);
	down();
}
END_TEST

/* Bodies of playlists, with a type and an extension of a stranger's making. */
START_TEST(bodies)
{
	static const struct {
		const char *type, *ext, *name;
		const char *wmv;
		enum playlist kind;
		const char *want;
	} b[] = {
		{ "FLV", "", "", NULL, PLAYLIST_M3U,
			"http://h:1/stream/" FLV_ID ".flv?auth=T\r\n" },
		{ "OGM", "", "", NULL, PLAYLIST_RAM,
			"http://h:1/stream/" FLV_ID ".ogg?auth=T\r\n" },
		{ "RAW", "", "", NULL, PLAYLIST_M3U, "http://h:1/stream/" FLV_ID "?auth=T\r\n" },
		{ "X", ".a\r\nb", "", NULL, PLAYLIST_M3U,
			"http://h:1/stream/" FLV_ID "?auth=T\r\n" },
		{ "X", "\"><b", "", NULL, PLAYLIST_M3U,
			"http://h:1/stream/" FLV_ID "?auth=T\r\n" },
		{ "X", ".xyz", "", NULL, PLAYLIST_M3U,
			"http://h:1/stream/" FLV_ID ".xyz?auth=T\r\n" },
		{ "WMV", "", "", NULL, PLAYLIST_ASX,
			"<ASX Version=\"3.0\">\r\n<ENTRY>\r\n<REF href=\"http://h:1/stream/"
			FLV_ID ".wmv?auth=T\" />\r\n</ENTRY>\r\n</ASX>\r\n" },
		{ "WMA", "", "", "mmsh", PLAYLIST_ASX,
			"<ASX Version=\"3.0\">\r\n<ENTRY>\r\n<REF href=\"mmsh://h:1/stream/"
			FLV_ID ".wma?auth=T\" />\r\n</ENTRY>\r\n</ASX>\r\n" },
		{ "FLV", "", "asx", "mms", PLAYLIST_ASX,
			"<ASX Version=\"3.0\">\r\n<ENTRY>\r\n<REF href=\"http://h:1/stream/"
			FLV_ID ".flv?auth=T\" />\r\n</ENTRY>\r\n</ASX>\r\n" },
	};
	struct chanmeta m;
	struct chaninfo *i;
	struct buf out;

	memset(&m, 0, sizeof(m));
	ck_assert(gnuid_parse(&m.id, FLV_ID));
	text_copy(m.text[CT_TYPE], TEXT_MAX, b[_i].type);
	text_copy(m.text[CT_EXT], TEXT_MAX, b[_i].ext);
	i = chaninfo_new(&m);
	ck_assert_ptr_nonnull(i);
	ck_assert_int_eq(playlist_kind(i, b[_i].name), b[_i].kind);
	ck_assert_str_eq(playlist_mime(b[_i].kind), b[_i].kind == PLAYLIST_RAM ? "audio/x-pn-realaudio" :
		b[_i].kind == PLAYLIST_ASX ? "video/x-ms-asf" : "audio/x-mpegurl");
	buf_init(&out, 4096);
	playlist_body(&out, b[_i].kind, "http", "h:1", i, "T", b[_i].wmv);
	ck_assert_str_eq(buf_cstr(&out), b[_i].want);
	buf_fini(&out);
	chaninfo_unref(&i);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *s = suite_create("router");
	TCase *t = tcase_create("exchanges");

	xml_init();
	tcase_add_checked_fixture(t, up, down);
	tcase_add_loop_test(t, exchange, 0, (int)NELEM(rows));
#ifdef HAVE_ZLIB
	tcase_add_test(t, two_ways);
#endif
	tcase_add_test(t, pls_golden);
	tcase_add_loop_test(t, pls_starts, 0, 2);
	tcase_add_test(t, first_page);
	tcase_add_test(t, commands);
	suite_add_tcase(s, t);
	t = tcase_create("settings");
	tcase_add_loop_test(t, by_settings, 0, (int)NELEM(configured));
	tcase_add_loop_test(t, bodies, 0, 9);
	tcase_add_loop_test(t, on_a_root, 0, (int)NELEM(root_rows));
	tcase_add_test(t, root_home);
	tcase_add_test(t, public_list);
	tcase_add_loop_test(t, public_pages, 0, (int)NELEM(public_rows));
	suite_add_tcase(s, t);
	return s;
}
