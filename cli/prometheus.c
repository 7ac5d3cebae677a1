// SPDX-License-Identifier: GPL-2.0-or-later
/* The text format of Prometheus. */

#include "cli/prometheus.h"

#define COLUMNS 5

static const char *const labels[] = { "port", "reason", "direction" };

static const struct {
	const char *name, *help;
	guint column;
} metrics[] = {
	{ "sluice_port_dropped_packets_total", "Packets that the port's filter dropped.", 3 },
	{ "sluice_port_dropped_bytes_total", "Bytes of packets that the port's filter dropped.", 4 },
};

/* In a label's value three characters are written otherwise: backslash, quote and line feed. */
static void
append_label(GString *text, const char *name, const char *value)
{
	g_string_append_printf(text, "%s=\"", name);
	for (; *value; value++)
		if (*value == '\n')
			g_string_append(text, "\\n");
		else if (*value == '\\' || *value == '"')
			g_string_append_printf(text, "\\%c", *value);
		else
			g_string_append_c(text, *value);
	g_string_append_c(text, '"');
}

char *
cli_prometheus_drops(const GPtrArray *cells)
{
	GString *text = g_string_new(NULL);

	for (guint m = 0; m < G_N_ELEMENTS(metrics); m++) {
		g_string_append_printf(text, "# HELP %s %s\n# TYPE %s counter\n", metrics[m].name, metrics[m].help,
				       metrics[m].name);
		for (guint row = 0; row + COLUMNS <= cells->len; row += COLUMNS) {
			g_string_append_printf(text, "%s{", metrics[m].name);
			for (guint i = 0; i < G_N_ELEMENTS(labels); i++) {
				g_string_append(text, i ? "," : "");
				append_label(text, labels[i], cells->pdata[row + i]);
			}
			g_string_append_printf(text, "} %s\n", (const char *)cells->pdata[row + metrics[m].column]);
		}
	}
	return g_string_free(text, FALSE);
}
