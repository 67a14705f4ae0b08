# SPDX-License-Identifier: GPL-2.0-or-later
#
# peercast: build, run, test. GNU make, no recursion, no generator.
#
#   make                the node, in build/<variant>/peercast
#   make run            install what is missing, build, start a node; its state is in run/
#   make check          all tests (see test/README.md); installs what the tests need
#   make unit           unit tests only      [ROOM=core/sys] [T=test_mbox]
#   make box            black-box tests only [T=test_relay or T=test_relay.Chain.test_four]
#   make replay         every fuzz corpus through its target, plain compiler
#   make demo           root, broadcaster, relay, viewer on one screen      [SECONDS=20]
#   make sim            a swarm of N=50 nodes with nodes killed (test/sim)  [SECONDS=60 RELAYS=4]
#   make soak           half an hour of churn and malice, with curves (test/soak) [SECONDS=1800 N=200]
#   make swarm          N=1000 virtual nodes in one process (test/swarm)    [N=10000 SEED=1 KILLS=10]
#   make bench          figures beside the ideal baseline (test/bench/README.md) [BENCH="..."]
#   make lint           include rules, format, banned calls, clang-tidy     [CHECKS="format tidy"]
#   make fuzz           every fuzz target for T=60 seconds                  [F=fuzz_atom]
#   make cover          what the fuzz corpora reach, file by file, in build/cover.txt [F=fuzz_atom]
#   make install        DESTDIR, PREFIX; binary, man pages, completion, systemd unit, documents
#   make deb            a Debian package, in build/
#   make clean          removes build/; run/ stays
#
# Options: V=1 shows commands, WERROR=1 makes warnings errors, SAN=address,undefined or SAN=thread
# builds with sanitizers in a directory of its own, DEBUG=1 adds run-time lock checks. CC, CFLAGS,
# LDFLAGS are yours. make, make unit and make install never install packages.

PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
ifeq ($(origin CC),default)
CC      := gcc
endif
all:

# --- set-up: what a goal needs is installed before anything else is looked at --------------------
SETS_run   := build
SETS_check := build test
SETS_box   := build test
SETS_demo  := build demo
SETS_sim   := build sim
SETS_soak  := build bench
SETS_swarm := build
SETS_bench := build bench
SETS_lint  := build lint
SETS_fuzz  := build fuzz
SETS_cover := build fuzz
SETS_deb   := build deb
SETS       := $(sort $(foreach g,$(MAKECMDGOALS),$(SETS_$(g))))
ifneq ($(SETS),)
ifeq ($(findstring n,$(firstword -$(MAKEFLAGS))),)
$(shell CC='$(CC)' dist/setup $(SETS))
ifneq ($(.SHELLSTATUS),0)
$(error set-up failed)
endif
endif
endif

# --- variants: objects of different builds never mix ---------------------------------------------
# Fuzzing is a variant like the others, chosen by its goal.
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
override CC  := clang
override SAN := fuzzer-no-link,address,undefined
endif
ifneq ($(filter cover,$(MAKECMDGOALS)),)
override CC  := clang
COVER   := -fprofile-instr-generate -fcoverage-mapping
endif
comma   := ,
BUILD   ?= build
VARIANT := $(notdir $(firstword $(CC)))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(DEBUG),-debug)$(if $(COVER),-cover)
B       := $(BUILD)/$(VARIANT)

STD     := -std=c11 -D_GNU_SOURCE
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wformat=2 -Wno-unused-parameter $(if $(WERROR),-Werror)
ifneq ($(findstring clang,$(notdir $(CC))),)
WARN    += -Wthread-safety -Wthread-safety-beta
endif
SANFLAG := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
DBG     := $(if $(SAN)$(DEBUG),-DLOCK_DEBUG)$(if $(DEBUG), -DLOCK_STATS)
# What not every compiler or machine has is left out there.
takes     = $(shell echo 'int x;' | $(CC) -Werror $(1) -x c -c -o /dev/null - 2>/dev/null && echo '$(1)')
HARDEN  := $(COVER) -fstack-protector-strong -fPIE $(call takes,-fstack-clash-protection) $(call takes,-fcf-protection) \
           $(if $(SAN)$(findstring _FORTIFY_SOURCE,$(CFLAGS)),,-D_FORTIFY_SOURCE=2)

# Kept small (test/bench/NOTES.md). Frames are found by their pointers, as perf and coredumpctl do (gdb takes the debug information)
# where there are no unwind tables, a ninth of the program. Relative relocations need a libc that knows them: one is run.
ifeq ($(SAN)$(COVER),)
FRAMES   := $(if $(filter x86_64-% aarch64-%,$(shell $(CC) -dumpmachine 2>/dev/null)),\
           -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-omit-frame-pointer)
runs      = $(shell t=$$(mktemp) && echo 'int x, *p = &x; int main(void) { return *p; }' | \
           $(CC) -fPIE -pie $(1) -x c -o $$t - 2>/dev/null && $$t && echo '$(1)'; rm -f $$t)
SMALL    := -ffunction-sections -fdata-sections
SMALL_LD := -Wl,--gc-sections $(call runs,-Wl$(comma)-z$(comma)pack-relative-relocs)
# Where the time passes: what is done for each packet, announcement and request. Elsewhere -O2 is -Os.
HOT      := core/chan/%.c xml/%.c $(patsubst %,core/sys/%.c,blob bytes clk lock mailq mbox sock text thr) \
           core/media/flv.c core/media/media.c core/node/servmgr.c core/node/traffic.c \
           $(patsubst %,pcp/%.c,atom bcst chanatom hostatom route) \
           $(patsubst %,http/%.c,request response router jsontext chanjson chanlist ypindex) \
           $(patsubst %,servent/%.c,chanlogd cin direct packet pcpio readyd relay)
COLD     := $(filter-out $(HOT),$(foreach r,core/conf core/media core/node core/sys http pcp servent,$(wildcard $(r)/*.c)))
endif

# A sanitizer's report ends the program with a status of its own, so no test can overlook it.
export ASAN_OPTIONS  ?= detect_stack_use_after_return=1:strict_string_checks=1:exitcode=99
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS  ?= detect_deadlocks=1:halt_on_error=1:second_deadlock_stack=1:exitcode=99
# Tests wait this many times longer for an event before they give up.
export TEST_PATIENCE ?= $(if $(SAN),5,1)

# What is not there switches its feature off; the node says so when it is asked for.
HAVE_sqlite3 := $(shell pkg-config --exists sqlite3 2>/dev/null && echo yes)
HAVE_libcurl := $(shell pkg-config --atleast-version=7.68 libcurl 2>/dev/null && echo yes)
HAVE_gnutls  := $(shell pkg-config --atleast-version=3.6.5 gnutls 2>/dev/null && echo yes)
HAVE_zlib    := $(shell pkg-config --exists zlib 2>/dev/null && echo yes)
HAVE_avformat := $(shell pkg-config --atleast-version=59 libavformat 2>/dev/null && echo yes)
HAVE_miniupnpc := $(shell pkg-config --atleast-version=2.1 miniupnpc 2>/dev/null && echo yes)
# libnatpmp brings no file for pkg-config.
HAVE_natpmp  := $(shell $(CC) -E -include natpmp.h -x c -o /dev/null /dev/null 2>/dev/null && echo yes)
FEATURES := $(if $(HAVE_sqlite3),-DHAVE_SQLITE) $(if $(HAVE_libcurl),-DHAVE_CURL) $(if $(HAVE_gnutls),-DHAVE_GNUTLS) \
            $(if $(HAVE_avformat),-DHAVE_AVFORMAT) $(if $(HAVE_miniupnpc),-DHAVE_MINIUPNPC) $(if $(HAVE_natpmp),-DHAVE_NATPMP) \
            $(if $(HAVE_zlib),-DHAVE_ZLIB)

# Looked up when the first recipe runs, not when this file is read: plain make looks at what is there.
# libcurl, GnuTLS, libavformat, miniupnpc and libnatpmp are loaded when they are needed (servent/curl.h,
# core/sys/tls.h, servent/avlib.h, servent/maplib.h): their headers alone are asked for.
PKGS     := libxml-2.0 jansson nettle $(if $(HAVE_sqlite3),sqlite3) $(if $(HAVE_zlib),zlib)
PKGS_HDR := $(PKGS) $(if $(HAVE_libcurl),libcurl) $(if $(HAVE_gnutls),gnutls) $(if $(HAVE_avformat),libavformat)
no_pkgs   = $(error $(PKGS) not found by pkg-config; `make run` installs what is missing, or see dist/setup)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS_HDR) || echo missing))$(if \
             $(filter missing,$(PKG_CFLAGS)),$(no_pkgs))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CHECK_LIBS = $(eval CHECK_LIBS := $$(shell pkg-config --libs check))$(CHECK_LIBS)

COMPILE  = $(CC) $(STD) $(WARN) $(SANFLAG) $(DBG) $(FEATURES) $(HARDEN) $(SMALL) $(FRAMES) -pthread -I. -I$(B)/gen $(PKG_CFLAGS) \
           -MMD -MP $(or $(COLDFLAGS),$(CFLAGS))
LINK     = $(CC) $(SANFLAG) $(COVER) -pie -pthread -Wl,-z,relro,-z,now $(SMALL_LD) $(CFLAGS) $(LDFLAGS)

# Objects are made anew when the flags change (a stricter WERROR alone is no reason).
FLAGS    := $(strip $(CC) $(STD) $(filter-out -Werror,$(WARN)) $(SANFLAG) $(DBG) $(FEATURES) $(HARDEN) $(SMALL) $(FRAMES) $(SMALL_LD) $(CFLAGS) -O2: $(HOT))
ifneq ($(file <$(B)/flags),$(FLAGS))
.PHONY: $(B)/flags
endif

Q        := $(if $(V),,@)
say       = $(if $(V),,@printf '  %-6s %s\n' $(1) $(2))

# --- rooms, top first: what a room may use stands to its right -----------------------------------
ROOMS    := servent http xml pcp core/node core/media core/chan core/conf core/sys
lib       = $(B)/lib/$(subst /,-,$(1)).a
srcs      = $(filter-out servent/main.c,$(wildcard $(1)/*.c))
objs      = $(patsubst %.c,$(B)/obj/%.o,$(call srcs,$(1))) $(OBJS_$(1))
# The archives a test of room $(1) links with: the room itself and those below it.
USE_core/sys   := core/sys
USE_core/conf  := core/conf core/sys
USE_core/chan  := core/chan core/sys
USE_core/media := core/media core/sys
USE_core/node  := core/node core/media core/chan core/conf core/sys
USE_pcp        := pcp $(USE_core/node)
USE_xml        := xml $(USE_core/node)
USE_http       := http xml pcp $(USE_core/node)
USE_servent    := $(ROOMS)
LIBS     := $(foreach r,$(ROOMS),$(call lib,$(r)))

.PHONY: all unit box replay check run demo sim soak swarm bench lint fuzz cover man install deb clean
all: $(B)/peercast

$(B)/peercast: $(B)/obj/servent/main.o $(LIBS)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $< $(LIBS) $(PKG_LIBS)

# The pages of http/ui/, as data, packed where zlib is there to unpack them. The folders are prerequisites too: a file that
# goes away counts; and so do the flags, which say whether zlib is there.
OBJS_http := $(B)/obj/gen/ui_files.o
UI       := $(shell find http/ui -type f -o -type d)
$(B)/gen/ui_files.c: http/ui_files.sh $(UI) $(B)/flags
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && http/ui_files.sh http/ui $(if $(HAVE_zlib),gzip,plain) > $@.new && mv $@.new $@
$(B)/obj/gen/ui_files.o: $(B)/gen/ui_files.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) -c -o $@ $<

define room_rule
$(call lib,$(1)): $(call objs,$(1))
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(COLD:%.c=$(B)/obj/%.o): COLDFLAGS = $(CFLAGS:-O2=-Os)

$(B)/flags:
	@mkdir -p $(@D) && printf '%s\n' '$(FLAGS)' > $@

$(B)/obj/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) -c -o $@ $<

# --- unit tests: one program for each test/unit/<room>/test_*.c ----------------------------------
ROOM     ?= $(ROOMS)
UNIT     := $(foreach r,$(ROOM),$(patsubst %.c,$(B)/%,$(wildcard test/unit/$(r)/$(if $(T),$(T),test_*).c)))

# A test that replaces library calls names them in its first lines: /* wrap: malloc recv */
wraps     = $(foreach w,$(shell sed -n 's|^/\* wrap: \(.*\) \*/$$|\1|p' $(1)),-Wl,--wrap=$(w))

define unit_rule
$(B)/test/unit/$(1)/%: $(B)/obj/test/unit/$(1)/%.o $(B)/obj/test/unit/unit.o $(foreach r,$(USE_$(1)),$(call lib,$(r)))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(LINK) $$(call wraps,test/unit/$(1)/$$*.c) -o $$@ $$^ $$(PKG_LIBS) $$(CHECK_LIBS) -lm
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rule,$(r))))

unit: $(UNIT)
	$(Q)test/run-unit $(UNIT)

# --- fuzz targets: libFuzzer for `make fuzz`, a plain driver for `make check` --------------------
FUZZ     := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/$(if $(F),$(F),fuzz_*).c))
REPLAY   := $(FUZZ:%=$(B)/test/fuzz/%)

$(B)/test/fuzz/%: $(B)/obj/test/fuzz/%.o $(B)/obj/test/fuzz/replay.o $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LINK) -o $@ $^ $(PKG_LIBS)

$(B)/test/libfuzzer/%: $(B)/obj/test/fuzz/%.o $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LINK) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

replay: $(REPLAY)
	$(Q)test/run-replay $(REPLAY)

fuzz: $(FUZZ:%=$(B)/test/libfuzzer/%)
	$(Q)test/run-fuzz $(if $(T),$(T),60) $(BUILD)/fuzz $^

cover: $(REPLAY)
	$(Q)test/run-cover $(BUILD) $(REPLAY)

# --- everything that needs a running node --------------------------------------------------------
# The node whose library calls fail when a test wants it (test/box/fault.py).
FAULT    := $(B)/test/fault/peercast
$(FAULT): $(B)/obj/servent/main.o $(B)/obj/test/fault/fault.o $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LINK) $(call wraps,test/fault/fault.c) -o $@ $^ $(PKG_LIBS)

# Virtual nodes in one process: the kernel's calls are answered by test/swarm/world.c. Its fibers are not
# for sanitizers.
SWARM_SRC := $(wildcard test/swarm/*.c)
SWARM     := $(B)/test/swarm/peercast-swarm
SWARM_BOX := $(if $(SAN),,$(SWARM))
$(SWARM): $(SWARM_SRC:%.c=$(B)/obj/%.o) $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LINK) $(foreach f,$(SWARM_SRC),$(call wraps,$(f))) -o $@ $^ $(PKG_LIBS)

node_env  = $(if $(SWARM_BOX),PEERCAST_SWARM=$(abspath $(SWARM_BOX))) PEERCAST=$(abspath $(B)/peercast) PEERCAST_FAULTY=$(abspath $(FAULT)) PEERCAST_BENCH=$(abspath $(B)/test/bench/peercast-bench)

box: $(B)/peercast $(FAULT) $(SWARM_BOX)
	$(Q)$(node_env) test/run-box $(T)

check: $(B)/peercast $(FAULT) $(SWARM_BOX) $(UNIT) $(REPLAY)
	$(Q)$(node_env) test/run-check $(UNIT) -- $(REPLAY)

run: $(B)/peercast
	$(Q)mkdir -p run && { [ -e run/peercast.ini ] || cp peercast.ini run/peercast.ini; }
	$(Q)dist/run $(B)/peercast -i run/peercast.ini

demo: $(B)/peercast
	$(Q)$(node_env) dist/run test/demo $(SECONDS)

sim: $(B)/peercast
	$(Q)$(node_env) dist/run test/sim $(foreach v,N SECONDS RELAYS JOIN KILLS SEED,$(if $($(v)),$(v)=$($(v))))

soak: $(B)/peercast
	$(Q)$(node_env) test/soak $(foreach v,N SECONDS,$(if $($(v)),$(v)=$($(v))))

SWARM_VARS := N SEED KBPS JOIN SECONDS SHUT KILLS MUTE SESSION LATENCY TRACKER UPLOAD TRACE
BENCH_SRC := $(wildcard test/bench/*.c)
$(B)/test/bench/peercast-bench: $(BENCH_SRC:%.c=$(B)/obj/%.o) $(call lib,core/media) $(call lib,core/sys)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(LINK) -o $@ $^

bench: $(B)/peercast $(B)/test/bench/peercast-bench
	$(Q)$(node_env) test/run-bench --out $(BUILD)/bench $(BENCH)

# its row "growth" asks the virtual nodes what a hit list costs
bench: $(SWARM_BOX)

swarm: $(SWARM)
	$(Q)$(SWARM) JSON=$(BUILD)/swarm.json $(foreach v,$(SWARM_VARS),$(if $($(v)),$(v)=$($(v))))

lint:
	$(Q)CC='$(CC)' LINT_CFLAGS='$(STD) $(FEATURES) -I. $(PKG_CFLAGS)' .ci/lint $(CHECKS)

# --- installing ----------------------------------------------------------------------------------
# peercast.ini(5) is made of peercast.ini itself, so every key is in it.
MAN      := $(B)/man/peercast.ini.5 $(B)/man/ja/peercast.ini.5
man: $(MAN)
$(B)/man/peercast.ini.5: dist/man/peercast.ini.5.in
$(B)/man/ja/peercast.ini.5: dist/man/ja/peercast.ini.5.in dist/man/ja/keys.tsv
$(MAN): dist/man/ini5.awk peercast.ini
	$(call say,MAN,$@)
	$(Q)mkdir -p $(@D) && awk -f dist/man/ini5.awk $(patsubst %,-v texts=%,$(filter %.tsv,$^)) $(filter %.in,$^) peercast.ini > $@

SHARE    := $(DESTDIR)$(PREFIX)/share
UNITDIR  ?= $(PREFIX)/lib/systemd/system
install: $(B)/peercast $(MAN)
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/peercast
	install -D -m 644 dist/man/peercast.1 $(SHARE)/man/man1/peercast.1
	install -D -m 644 $(B)/man/peercast.ini.5 $(SHARE)/man/man5/peercast.ini.5
	install -D -m 644 dist/man/ja/peercast.1 $(SHARE)/man/ja/man1/peercast.1
	install -D -m 644 $(B)/man/ja/peercast.ini.5 $(SHARE)/man/ja/man5/peercast.ini.5
	install -D -m 644 dist/completion/peercast $(SHARE)/bash-completion/completions/peercast
	install -d $(DESTDIR)$(UNITDIR)
	sed 's,@bindir@,$(PREFIX)/bin,' dist/systemd/peercast.service > $(DESTDIR)$(UNITDIR)/peercast.service
	chmod 644 $(DESTDIR)$(UNITDIR)/peercast.service
	install -d $(SHARE)/doc/peercast
	install -m 644 README.md COPYING peercast.ini $(wildcard dist/doc/*.md) dist/grafana/peercast.json dist/grafana/alerts.yml $(SHARE)/doc/peercast/
	sed -i 's,](dist/doc/,](,g; s,](\.\./\.\./,](,g' $(SHARE)/doc/peercast/*.md

deb: all $(MAN)
	$(Q)MAKE='$(MAKE)' CC='$(CC)' dist/debian/build $(BUILD)

clean:
	rm -rf $(BUILD)

.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell [ -d $(B)/obj ] && find $(B)/obj -name '*.d')
