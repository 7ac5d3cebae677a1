# SPDX-License-Identifier: GPL-2.0-or-later
nwfilter_SRCS := nwfilter/proto.c nwfilter/model.c nwfilter/words.c nwfilter/varref.c nwfilter/value.c \
	nwfilter/reader.c nwfilter/parse_rule.c nwfilter/parse.c nwfilter/format.c nwfilter/binding.c

# The shipped filters as strings: one entry for each document.
nwfilter_FILTERS := $(sort $(wildcard nwfilter/filters/*.xml))
nwfilter_SRCS += $(B)/filters.c
$(B)/filters.c: $(nwfilter_FILTERS) nwfilter/sources.mk
	@mkdir -p $(@D)
	@echo "  GEN  $@"
	$(Q)awk 'BEGIN { print "#include \"nwfilter/shipped.h\"\nconst NwShippedFilter nw_shipped_filters[] = {" } \
		FNR == 1 { name = FILENAME; sub(".*/", "", name); sub("[.]xml$$", "", name); \
			printf "%s\t{ \"%s\",\n", open ? "\t},\n" : "", name; open = 1 } \
		{ gsub("\\\\", "\\\\"); gsub("\"", "\\\""); printf "\t\"%s\\n\"\n", $$0 } \
		END { print "\t},\n\t{ 0, 0 },\n};" }' $(nwfilter_FILTERS) > $@.tmp && mv $@.tmp $@
nwfilter_SRCS += nwfilter/tree.c nwfilter/compile.c nwfilter/engine.c nwfilter/engine_stage.c nwfilter/engine_messages.c nwfilter/engine_sweep.c nwfilter/engine_start.c nwfilter/engine_kernel.c nwfilter/engine_ip_set.c nwfilter/engine_helper.c nwfilter/compile_text.c nwfilter/lint.c nwfilter/lint_model.c nwfilter/lint_reach.c nwfilter/engine_recheck.c nwfilter/engine_notice.c nwfilter/engine_retry.c
nwfilter_SRCS += nwfilter/xt_engine.c nwfilter/xt_stage.c nwfilter/xt_change.c nwfilter/xt_kernel.c nwfilter/xt_memory.c
