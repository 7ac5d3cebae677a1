// SPDX-License-Identifier: GPL-2.0-or-later
/* Feed stored inputs to a fuzz harness without libFuzzer: one TAP line for each file; a crash ends the run. */

#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

int
main(int argc, char **argv)
{
	guint count = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
		return 2;
	}
	/* No input at all is an input too. */
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		g_autoptr(GDir) dir = g_dir_open(argv[i], 0, NULL);
		g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
		const char *name;

		while (dir && (name = g_dir_read_name(dir)))
			g_ptr_array_add(names, g_strdup(name));
		g_ptr_array_sort(names, compare_names);
		for (guint n = 0; n < names->len; n++) {
			g_autofree char *path = g_build_filename(argv[i], names->pdata[n], NULL);
			g_autofree char *data = NULL;
			gsize size;

			if (!g_file_get_contents(path, &data, &size, NULL))
				continue;
			/* An exact copy on the heap, so that a read past the end is seen. */
			g_autofree guint8 *copy = g_memdup2(data, size);

			LLVMFuzzerTestOneInput(size ? copy : (const uint8_t *)"", size);
			printf("ok %u - %s\n", ++count, (const char *)names->pdata[n]);
			fflush(stdout);
		}
	}
	printf("ok %u - the empty input\n1..%u\n", count + 1, count + 1);
	return 0;
}
