// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/process_fds.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
close_one(gpointer data)
{
	close(*(int *)data);
}

GArray *
process_fds_copy(int pidfd, pid_t pid, gboolean (*wanted)(int fd))
{
	g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
	g_autoptr(GDir) list = g_dir_open(path, 0, NULL);
	g_autoptr(GArray) copies = g_array_new(FALSE, FALSE, sizeof(int));
	gboolean reached = FALSE;
	const char *name;

	g_array_set_clear_func(copies, close_one);
	for (guint i = 0; list && i < PROCESS_FDS_MAX && (name = g_dir_read_name(list)); i++) {
		/* The descriptor says which process is meant, whoever has the number by now. */
		int copy = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(name), 0);

		if (copy < 0)
			continue;
		reached = TRUE;
		if (wanted(copy))
			g_array_append_val(copies, copy);
		else
			close(copy);
	}
	return reached ? g_steal_pointer(&copies) : NULL;
}
