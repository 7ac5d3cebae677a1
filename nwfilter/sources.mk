nwfilter_SRCS := nwfilter/proto.c nwfilter/model.c nwfilter/words.c nwfilter/varref.c nwfilter/value.c \
	nwfilter/reader.c nwfilter/parse_rule.c nwfilter/parse.c nwfilter/format.c nwfilter/binding.c
