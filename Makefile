# SPDX-License-Identifier: GPL-2.0-or-later
# sluice: one Makefile for the whole tree; each folder lists its sources in sources.mk.

VERSION := 0.1.0
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
SAN ?=
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec/sluice
# systemd and polkit look below /usr and /etc, wherever the programs are; polkit before its version 124 in one place only.
POLKITDIR ?= /usr/share/polkit-1/actions
SYSTEMDDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/systemd/system,/etc/systemd/system)
SYSUSERSDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/sysusers.d,/etc/sysusers.d)
TMPFILESDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/tmpfiles.d,/etc/tmpfiles.d)
comma := ,
B := build$(if $(SAN),/san)
Q := $(if $(V),,@)
PKGS := glib-2.0 gio-2.0 gio-unix-2.0 libxml-2.0 libnftnl libmnl jansson libedit libpcap libcap-ng

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wimplicit-fallthrough \
	-Wformat=2 -Wno-unused-parameter $(if $(CI)$(WERROR),-Werror)
SANITIZE := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
CFLAGS ?= -O2 -g
# Deferred, so that `make deps` can run before pkg-config and the libraries are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
SNOOP_LIBS = $(eval SNOOP_LIBS := $$(shell pkg-config --libs libseccomp))$(SNOOP_LIBS)
COMPILE = $(CC) -std=gnu17 $(WARN) $(CFLAGS) $(SANITIZE) -fstack-protector-strong -D_GNU_SOURCE \
	-DSLUICE_VERSION='"$(VERSION)"' -DSLUICE_LIBEXEC_DIR='"$(LIBEXECDIR)"' -I. $(PKG_CFLAGS) $(CPPFLAGS) -MMD -MP
LINK = $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS)

LAYERS := base rules nwfilter vswitch dhcp daemon cli
$(foreach d,$(LAYERS),$(eval -include $(d)/sources.mk))

OBJ = $(patsubst %.c,$(B)/%.o,$(1))
LIB_SRCS := $(base_SRCS) $(rules_SRCS) $(nwfilter_SRCS) $(vswitch_SRCS) $(dhcp_SRCS)
LIB := $(B)/libsluice.a
# The daemon and the command line without their main(), for tests.
DAEMON_OBJS := $(call OBJ,$(daemon_SRCS))
CLI_OBJS := $(call OBJ,$(cli_SRCS))
PROGRAMS := $(B)/sluiced $(B)/sluice $(B)/sluice-lease $(B)/sluice-snoop

.DEFAULT_GOAL := all
.PHONY: all deps run check lint bench install clean
all: $(PROGRAMS) $(EXTRA_PROGRAMS)

$(LIB): $(call OBJ,$(LIB_SRCS))
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/sluiced: $(B)/daemon/main.o $(DAEMON_OBJS) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
$(B)/sluice: $(B)/cli/main.o $(CLI_OBJS) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
# dnsmasq's dhcp-script
$(B)/sluice-lease: $(B)/dhcp/lease_main.o $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
# Of all programs only this one is linked with what takes its privileges away.
$(B)/sluice-snoop: $(B)/dhcp/snoop_main.o $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(SNOOP_LIBS)
$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(COMPILE) -c -o $@ $<

include tests/tests.mk

# The two commands of the README. The packages come first: the sub-make needs pkg-config and the libraries.
run: deps-run
	$(Q)$(MAKE) --no-print-directory $(JOBS) run-demo
check: deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) check-all

SCDOC ?= scdoc
install: all
	install -D -m 0755 $(B)/sluiced $(DESTDIR)$(PREFIX)/sbin/sluiced
	install -D -m 0755 $(B)/sluice $(DESTDIR)$(PREFIX)/bin/sluice
	install -D -m 0755 $(B)/sluice-lease $(DESTDIR)$(LIBEXECDIR)/sluice-lease
	install -D -m 0755 $(B)/sluice-snoop $(DESTDIR)$(LIBEXECDIR)/sluice-snoop
	mkdir -p $(DESTDIR)$(SYSTEMDDIR)
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' systemd/sluiced.service.in > $(DESTDIR)$(SYSTEMDDIR)/sluiced.service
	install -D -m 0644 systemd/org.sluice.policy $(DESTDIR)$(POLKITDIR)/org.sluice.policy
	install -D -m 0644 systemd/sluice.sysusers $(DESTDIR)$(SYSUSERSDIR)/sluice.conf
	install -D -m 0644 systemd/sluice.tmpfiles $(DESTDIR)$(TMPFILESDIR)/sluice.conf
	install -D -m 0644 docs/completion/sluice.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sluice
	@for page in sluice.1 sluiced.8; do \
		command -v $(SCDOC) >/dev/null || { echo "install: no scdoc, so no manual pages" >&2; break; }; \
		mkdir -p $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} && \
		$(SCDOC) < docs/man/$$page.scd > $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page || exit 1; \
	done

clean:
	rm -rf build
-include $(shell find build -name '*.d' 2>/dev/null)
