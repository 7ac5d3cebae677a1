// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Child processes that read an input, do their work and end.
 *
 * Input and outputs are files in memory: nothing can block on a full pipe, and a tool that ends early sends no SIGPIPE.
 */

#include "base/tool.h"

#include "base/error.h"
#include "base/time_left.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define TOOL_PATH   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int
memory_file(const char *content)
{
	gsize len = content ? strlen(content) : 0;
	int fd = memfd_create("sluice-tool", MFD_CLOEXEC);

	for (gsize done = 0; fd >= 0 && done < len;) {
		gssize n = write(fd, content + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		done += (gsize)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* NULL with errno set when it is longer than @max or cannot be read. */
static char *
memory_read(int fd, gsize max)
{
	struct stat status;
	g_autofree char *text = NULL;
	gsize done = 0;

	if (fstat(fd, &status) < 0)
		return NULL;
	if ((gsize)status.st_size > max) {
		errno = EFBIG;
		return NULL;
	}
	text = g_malloc0((gsize)status.st_size + 1);
	while (done < (gsize)status.st_size) {
		gssize n = pread(fd, text + done, (gsize)status.st_size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		done += (gsize)n;
	}
	return g_steal_pointer(&text);
}

static int
spawn(const ToolCall *call, const int fds[3], pid_t *ret_pid)
{
	g_autoptr(GPtrArray) environment = g_ptr_array_new();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int status;

	g_ptr_array_add(environment, TOOL_PATH);
	g_ptr_array_add(environment, "LC_ALL=C");
	for (guint i = 0; call->env && call->env[i]; i++)
		g_ptr_array_add(environment, (gpointer)call->env[i]);
	g_ptr_array_add(environment, NULL);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	status = posix_spawnp(ret_pid, call->argv[0], &actions, &attributes, (char *const *)call->argv,
			      (char *const *)environment->pdata);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return status;
}

/* Returns FALSE when it had to be killed. */
static gboolean
wait_for(pid_t pid, guint time_ms, int *ret_status)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	gint64 deadline = g_get_monotonic_time() + (gint64)time_ms * G_TIME_SPAN_MILLISECOND;
	int ready = 1;

	while (end.fd >= 0) {
		gint64 left = time_left(deadline, g_get_monotonic_time(), G_MAXINT64) / G_TIME_SPAN_MILLISECOND;

		ready = poll(&end, 1, (int)left);
		if (ready >= 0 || errno != EINTR)
			break;
	}
	if (!ready)
		kill(pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	if (end.fd >= 0)
		close(end.fd);
	return ready != 0;
}

/* The tool's own words in one line, without its advice on how to call it. */
static char *
message_of(int fd)
{
	g_autofree char *text = memory_read(fd, TOOL_OUTPUT_MAX);
	g_autoptr(GString) line = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (guint i = 0; lines[i] && line->len < MESSAGE_MAX; i++)
		if (*g_strstrip(lines[i]) && !g_str_has_prefix(lines[i], "Try `"))
			g_string_append_printf(line, "%s%s", line->len ? "; " : "", lines[i]);
	if (line->len > MESSAGE_MAX)
		g_string_truncate(line, MESSAGE_MAX);
	return g_utf8_make_valid(line->str, (gssize)line->len);
}

gboolean
tool_call(const ToolCall *call, char **ret_output, char **ret_words, int *ret_status, GError **error)
{
	const char *program = call->argv[0];
	int fds[3] = { memory_file(call->input), memory_file(NULL), memory_file(NULL) };
	gboolean ok = FALSE;
	int code = 0;
	pid_t pid = 0;

	if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0)
		code = errno;
	else
		code = spawn(call, fds, &pid);
	if (code) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot start %s: %s", program, g_strerror(code));
	} else {
		ok = wait_for(pid, call->time_ms, ret_status);
		if (!ok)
			sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s did not end within %u s and was killed",
					 program, call->time_ms / 1000);
	}
	if (ok && ret_output) {
		*ret_output = memory_read(fds[1], TOOL_OUTPUT_MAX);
		ok = *ret_output != NULL;
		if (!ok)
			sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read what %s wrote: %s", program,
					 g_strerror(errno));
	}
	if (ok && ret_words)
		*ret_words = message_of(fds[2]);
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return ok;
}

static gboolean
run(gpointer data, const char *const *argv, const char *input, char **ret_output, GError **error)
{
	const ToolCall call = { .argv = argv, .input = input, .time_ms = TOOL_TIME_MS };
	g_autofree char *output = NULL, *words = NULL;
	int status;

	if (!tool_call(&call, &output, &words, &status, error))
		return FALSE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		if (ret_output)
			*ret_output = g_steal_pointer(&output);
		return TRUE;
	}
	if (WIFSIGNALED(status))
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s was killed by signal %d", argv[0], WTERMSIG(status));
	else
		sluice_error_set(error, SLUICE_ERROR_BUILD_FIREWALL, "%s failed with status %d: %s", argv[0],
				 WEXITSTATUS(status), *words ? words : "it said nothing");
	return FALSE;
}

const ToolRunner tool_runner = { run, NULL };
