# SPDX-License-Identifier: GPL-2.0-or-later
#
# peercast: build, run, test. GNU make, no recursion, no generator.
#
#   make                the node, in build/<variant>/peercast
#   make run            install what is missing, build, start a node on ./peercast.ini
#   make check          all tests (see test/README.md); installs what the tests need
#   make unit           unit tests only      [ROOM=core/sys] [T=test_mbox]
#   make box            black-box tests only [T=test_relay]
#   make demo           root, broadcaster, relay, viewer on one screen
#   make bench          figures beside the ideal baseline
#   make lint           format, include rules, clang-tidy
#   make fuzz [T=60]    every fuzz target for T seconds
#   make install        DESTDIR, PREFIX
#   make clean
#
# Options: V=1 shows commands, WERROR=1 makes warnings errors, SAN=address,undefined or SAN=thread
# builds with sanitizers in a directory of its own, DEBUG=1 adds run-time lock checks. CC, CFLAGS,
# LDFLAGS are yours.

PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
ifeq ($(origin CC),default)
CC      := gcc
endif

# --- variants: objects of different builds never mix -------------------------------------------
comma   := ,
VARIANT := $(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(DEBUG),-debug)
B       := build/$(VARIANT)

STD     := -std=c11 -D_GNU_SOURCE
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wformat=2 -Wno-unused-parameter $(if $(WERROR),-Werror)
ifneq ($(findstring clang,$(notdir $(CC))),)
WARN    += -Wthread-safety -Wthread-safety-beta
endif
SANFLAG := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
DBG     := $(if $(SAN)$(DEBUG),-DLOCK_DEBUG)
HARDEN  := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)

# Looked up when the first recipe runs, not when this file is read: the set-up may install it first.
PKGS     := libxml-2.0 jansson
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CHECK_LIBS = $(eval CHECK_LIBS := $$(shell pkg-config --libs check))$(CHECK_LIBS)

COMPILE  = $(CC) $(STD) $(WARN) $(SANFLAG) $(DBG) $(HARDEN) -I. -I$(B)/gen $(PKG_CFLAGS) -MMD -MP $(CFLAGS)
LINK     = $(CC) $(SANFLAG) -pie -pthread $(LDFLAGS)

Q        := $(if $(V),,@)
say       = $(if $(V),,@printf '  %-6s %s\n' $(1) $(2))

# --- rooms, top first: what a room may use stands to its right ---------------------------------
ROOMS    := servent http xml pcp core/node core/media core/chan core/conf core/sys
lib       = $(B)/lib/$(subst /,-,$(1)).a
srcs      = $(filter-out servent/main.c,$(wildcard $(1)/*.c))
objs      = $(patsubst %.c,$(B)/obj/%.o,$(call srcs,$(1)))
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

.PHONY: all unit box check run demo bench lint fuzz install clean
all: $(B)/peercast

$(B)/peercast: $(B)/obj/servent/main.o $(LIBS)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $< $(LIBS) $(PKG_LIBS)

define room_rule
$(call lib,$(1)): $(call objs,$(1))
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(B)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) -c -o $@ $<

# --- unit tests: one program for each test/unit/<room>/test_*.c --------------------------------
ROOM     ?= $(ROOMS)
UNIT     := $(foreach r,$(ROOM),$(patsubst %.c,$(B)/%,$(wildcard test/unit/$(r)/$(if $(T),$(T),test_*).c)))

define unit_rule
$(B)/test/unit/$(1)/%: $(B)/obj/test/unit/$(1)/%.o $(B)/obj/test/unit/unit.o $(foreach r,$(USE_$(1)),$(call lib,$(r)))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(LINK) -o $$@ $$^ $$(PKG_LIBS) $$(CHECK_LIBS) -lm
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rule,$(r))))

unit: $(UNIT)
	$(Q)test/run-unit $(UNIT)

clean:
	rm -rf build

.SECONDARY:
-include $(shell [ -d $(B)/obj ] && find $(B)/obj -name '*.d')
