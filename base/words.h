// SPDX-License-Identifier: GPL-2.0-or-later
/* Words of a language that stand for numbers. */
#pragma once

#include <glib.h>

/* The first entry of a number is the canonical word; a table ends with name == NULL. */
typedef struct {
	const char *name;
	guint32 number;
} Word;

/** word_find: the entry of a word in any case, or NULL */
const Word *word_find(const Word *words, const char *text);

/** word_find_prefix: the entry whose word the first @len bytes of @text begin with, in any case, or NULL */
const Word *word_find_prefix(const Word *words, const char *text, gsize len);

/** word_name: the canonical word of a number, or NULL */
const char *word_name(const Word *words, guint32 number);

/** words_list: all words of a table with commas (transfer full) */
char *words_list(const Word *words);
