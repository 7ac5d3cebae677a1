# SPDX-License-Identifier: GPL-2.0-or-later
nwfilter_SRCS := $(wildcard nwfilter/*.c)

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
