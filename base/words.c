// SPDX-License-Identifier: GPL-2.0-or-later
/* Words of a language that stand for numbers. */

#include "base/words.h"

#include <string.h>

const Word *
word_find(const Word *words, const char *text)
{
	for (; words->name; words++) {
		if (g_ascii_strcasecmp(words->name, text) == 0)
			return words;
	}
	return NULL;
}

const Word *
word_find_prefix(const Word *words, const char *text, gsize len)
{
	for (; words->name; words++) {
		gsize word_len = strlen(words->name);

		if (word_len <= len && g_ascii_strncasecmp(words->name, text, word_len) == 0)
			return words;
	}
	return NULL;
}

const char *
word_name(const Word *words, guint32 number)
{
	for (; words->name; words++) {
		if (words->number == number)
			return words->name;
	}
	return NULL;
}

char *
words_list(const Word *words)
{
	GString *out = g_string_new(NULL);

	for (; words->name; words++)
		g_string_append_printf(out, "%s%s", out->len ? ", " : "", words->name);
	return g_string_free(out, FALSE);
}
