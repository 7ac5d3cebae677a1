// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of the language that stand for numbers. */
#pragma once

#include "nwfilter/model.h"

/* The first entry of a number is the canonical word; a table ends with name == NULL. */
typedef struct {
	const char *name;
	guint32 number;
} NwWord;

/** nw_words_of: the table of a type; an empty one for types without words */
const NwWord *nw_words_of(NwType type);

/** nw_word_find: the entry of a word in any case, or NULL */
const NwWord *nw_word_find(const NwWord *words, const char *text);

/** nw_word_find_prefix: the entry whose word the first @len bytes of @text begin with, in any case, or NULL */
const NwWord *nw_word_find_prefix(const NwWord *words, const char *text, gsize len);

/** nw_word_name: the canonical word of a number, or NULL */
const char *nw_word_name(const NwWord *words, guint32 number);

/** nw_words_format_bits: bits as words with commas in the table's order; one word where one has them all */
char *nw_words_format_bits(const NwWord *words, guint32 bits);

/** nw_words_list: all words of a table with commas, but those for no bit and for all bits (transfer full) */
char *nw_words_list(const NwWord *words);
