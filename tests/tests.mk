# SPDX-License-Identifier: GPL-2.0-or-later
# Tests, benchmarks, lint and fuzzing. Every check-… target can be run alone and prints a sum on its last line.

UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ_TESTS := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_TOOLS := $(B)/tests/frame $(B)/tests/conn $(B)/tests/stream $(B)/tests/ftp $(B)/tests/netfw $(B)/tests/load $(B)/tests/survive $(B)/tests/fault.so \
	$(B)/tests/snoop-print $(B)/tests/snoop-lock $(B)/tests/dhcp-send \
	$(B)/tests/differential/differential
BENCH := $(B)/bench/bench $(B)/bench/datapath $(B)/bench/libvirt
RUN_TESTS := SLUICE_BUILD=$(B) tests/run
JOBS := -j$(shell nproc 2>/dev/null || echo 2)
TIME ?= 60

.PHONY: deps-run check-all check-unit check-golden check-netns check-learning check-survival check-differential check-vm check-fuzz-corpus
.PHONY: test-programs fuzz-replay golden-update differential fuzz run-demo bench-run bench-datapath bench-libvirt bench-libvirt-run lint-fast format differential-libvirt

# Programs of the tests

# A unit test sees the whole product but main().
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(DAEMON_OBJS) $(CLI_OBJS) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
$(B)/tests/unit/test_symbolic $(B)/tests/unit/test_order: \
	$(addprefix $(B)/tests/differential/,generate.o generate_frame.o)
# A fuzz harness with a main() that replays files.
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(DAEMON_OBJS) $(CLI_OBJS) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
$(B)/tests/frame: $(B)/tests/netns/frame.o $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
$(B)/tests/conn: $(B)/tests/netns/conn.o
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^
$(B)/tests/stream $(B)/tests/ftp: $(B)/tests/%: $(B)/tests/netns/%.o
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^
$(B)/tests/snoop-print $(B)/tests/snoop-lock: $(B)/tests/%: $(B)/tests/netns/%.o $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(SNOOP_LIBS)
$(B)/tests/netfw $(B)/tests/dhcp-send: $(B)/tests/%: $(B)/tests/netns/%.o $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
$(B)/tests/load: $(B)/tests/netns/load.o $(CLI_OBJS) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
$(B)/tests/survive: $(patsubst %.c,$(B)/%.o,$(wildcard tests/survival/*.c)) $(CLI_OBJS) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
# Preloaded into the daemon, so never with sanitizers of its own.
$(B)/tests/fault.so: tests/netns/fault.c tests/survival/fault.h
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$(Q)$(CC) -std=gnu17 $(WARN) -O2 -g -fPIC -shared -D_GNU_SOURCE -I. -o $@ $<
$(B)/tests/differential/differential: $(patsubst %.c,$(B)/%.o,$(wildcard tests/differential/*.c)) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
$(B)/bench/datapath: $(B)/bench/datapath.o
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^
$(B)/bench/bench $(B)/bench/libvirt: $(B)/bench/%: $(B)/bench/%.o $(DAEMON_OBJS) $(CLI_OBJS) $(LIB)
	@echo "  LINK $@"
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)
.SECONDARY:

test-programs: all $(UNIT_TESTS) $(TEST_TOOLS)
fuzz-replay: $(FUZZ_TESTS)

# Targets for people: the packages come first, because the sub-make needs pkg-config and the libraries.

deps:
	@tools/install-deps build run test
deps-run:
	@tools/install-deps build run
bench: deps-run
	$(Q)$(MAKE) --no-print-directory $(JOBS) bench-run
# make bench-libvirt PORTS=10 ROUNDS=1: beside libvirt's own daemon; writes docs/benchmarks.md
bench-libvirt: deps
	$(Q)$(MAKE) --no-print-directory $(JOBS) bench-libvirt-run

check-all: test-programs
	$(Q)$(MAKE) --no-print-directory SAN=1 fuzz-replay
	@$(RUN_TESTS) unit golden netns differential vm fuzz-corpus
check-unit: all $(UNIT_TESTS)
	@$(RUN_TESTS) unit
check-golden: all $(B)/tests/netfw
	@$(RUN_TESTS) golden
check-netns: all $(TEST_TOOLS)
	@$(RUN_TESTS) netns
# Part of check-netns: addresses that ports learn.
check-learning: all $(TEST_TOOLS)
	@NETNS_TESTS="$(wildcard tests/netns/*learn-*.sh)" $(RUN_TESTS) netns
# make check-survival KILLS=1000 SEED=7: part of check-netns, which has 100 kills
check-survival: all $(TEST_TOOLS)
	@NETNS_TESTS="$(wildcard tests/netns/*survival*.sh)" $(RUN_TESTS) netns
check-differential: $(B)/tests/differential/differential
	@$(RUN_TESTS) differential
# make differential N=100000 SEED=7: without a seed other filters each time
differential: $(B)/tests/differential/differential
	@SLUICE_BUILD=$(B) tests/differential/run $(or $(N),2048) $(SEED)
# make differential-libvirt N=100 SEED=7: against libvirtd's own rules
differential-libvirt: $(B)/tests/differential/differential
	@SLUICE_BUILD=$(B) tests/differential/libvirt $(or $(N),24) $(SEED)
check-vm: all $(TEST_TOOLS)
	@$(RUN_TESTS) vm
check-fuzz-corpus:
	$(Q)$(MAKE) --no-print-directory SAN=1 fuzz-replay
	@$(RUN_TESTS) fuzz-corpus
# Rewrite the expected output of tests/golden from what the compiler says now; review the diff.
golden-update: all $(B)/tests/netfw
	@SLUICE_BUILD=$(B) tests/golden/run --update

run-demo: all $(B)/tests/frame
	@SLUICE_BUILD=$(B) demo/run
bench-run: all $(BENCH) $(TEST_TOOLS)
	@SLUICE_BUILD=$(B) bench/run
	@SLUICE_BUILD=$(B) bench/networks.sh
# make bench-datapath BOUND="1 1000" ROUNDS=7: packets through a filter, on a quiet machine
bench-datapath: all $(BENCH) $(TEST_TOOLS)
	@SLUICE_BUILD=$(B) bench/datapath.sh
bench-libvirt-run: all $(BENCH) $(TEST_TOOLS)
	@SLUICE_BUILD=$(B) bench/libvirt.sh

# make fuzz FUZZ=nwfilter_xml TIME=60
fuzz:
	@test -n "$(FUZZ)" || { echo "usage: make fuzz FUZZ=NAME [TIME=SECONDS]; NAME as in tests/fuzz/fuzz_NAME.c" >&2; exit 2; }
	@mkdir -p build/fuzz/$(FUZZ)
	clang -std=gnu17 -g -O1 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -I. $(PKG_CFLAGS) \
		-fsanitize=fuzzer,address,undefined -o build/fuzz/fuzz_$(FUZZ) \
		tests/fuzz/fuzz_$(FUZZ).c $(LIB_SRCS) $(daemon_SRCS) $(cli_SRCS) $(PKG_LIBS) $(SNOOP_LIBS)
	build/fuzz/fuzz_$(FUZZ) -max_total_time=$(TIME) -timeout=10 -artifact_prefix=build/fuzz/ \
		build/fuzz/$(FUZZ) $(wildcard tests/fuzz/corpus/$(FUZZ))

lint:
	@tools/install-deps build lint
	@tools/lint all
# Lay out the sources as .clang-format says.
format:
	clang-format -i $(shell find $(LAYERS) tests bench -name '*.[ch]')
# What a small machine can do in a minute.
lint-fast:
	@tools/lint layers clock shell cppcheck
