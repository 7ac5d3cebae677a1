// SPDX-License-Identifier: GPL-2.0-or-later
/* References to variables: $NAME, $NAME[n] and $NAME[@i]. */

#include "nwfilter/value.h"
#include "base/error.h"
#include "base/xml.h"

#include <string.h>

/* The end of a name of letters, digits and '_'. */
static const char *
name_end(const char *text)
{
	while (g_ascii_isalnum(*text) || *text == '_')
		text++;
	return text;
}

static const char *
skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	return text;
}

static gboolean
refuse(GError **error, const char *text, const char *reason)
{
	g_autofree char *quoted = xml_quote(text);

	sluice_error_set(error, SLUICE_ERROR_XML_DETAIL, "'%s': %s", quoted, reason);
	return FALSE;
}

gboolean
nw_var_ref_parse(const char *text, RuleVarRef *ret_var, GError **error)
{
	const char *name = text + (*text == '$');
	const char *end = name_end(name);
	gboolean is_element = FALSE;
	guint index = 0;

	if (*text != '$')
		return refuse(error, text, "a reference to a variable starts with '$'");
	if (end == name)
		return refuse(error, text, "'$' is followed by a variable's name of letters, digits and '_'");
	if (end - name > RULE_VAR_NAME_MAX)
		return refuse(error, text, "a variable's name has at most " G_STRINGIFY(RULE_VAR_NAME_MAX) " bytes");
	if (*end == '[') {
		const char *p = skip_blanks(end + 1);
		const char *digits;
		guint limit;

		is_element = *p != '@';
		if (!is_element)
			p = skip_blanks(p + 1);
		limit = is_element ? RULE_VAR_LIST_MAX - 1 : RULE_VAR_ITERATOR_MAX;
		for (digits = p; g_ascii_isdigit(*p); p++) {
			if (index <= limit)
				index = index * 10 + (guint)(*p - '0');
		}
		if (p == digits || *skip_blanks(p) != ']')
			return refuse(error, text, "brackets hold a position (NAME[2]) or an iterator (NAME[@1])");
		if (index > limit)
			return refuse(error, text,
				      is_element
					      ? "a position in a list is below " G_STRINGIFY(RULE_VAR_LIST_MAX)
					      : "an iterator's number is at most " G_STRINGIFY(RULE_VAR_ITERATOR_MAX));
		if (*(skip_blanks(p) + 1))
			return refuse(error, text, "nothing can follow the closing bracket");
	} else if (*end) {
		return refuse(error, text, "a variable's name is made of letters, digits and '_'");
	}
	*ret_var = (RuleVarRef){ g_strndup(name, (gsize)(end - name)), is_element, index };
	return TRUE;
}

char *
nw_var_ref_format(const RuleVarRef *var)
{
	if (var->is_element)
		return g_strdup_printf("$%s[%u]", var->name, var->index);
	if (var->index == 0)
		return g_strdup_printf("$%s", var->name);
	return g_strdup_printf("$%s[@%u]", var->name, var->index);
}
