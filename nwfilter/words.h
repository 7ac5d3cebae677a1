// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of the language that stand for numbers. */
#pragma once

#include "base/words.h"
#include "nwfilter/model.h"

/** nw_words_of: the table of a type; an empty one for types without words */
const Word *nw_words_of(NwType type);

/** nw_words_format_bits: bits as words with commas in the table's order; one word where one has them all */
char *nw_words_format_bits(const Word *words, guint32 bits);

/** nw_words_list: all words of a table with commas, but those for no bit and for all bits (transfer full) */
char *nw_words_list(const Word *words);
