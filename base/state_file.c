// SPDX-License-Identifier: GPL-2.0-or-later
/* State on disk: a file is there whole, old or new, whatever happens in between. */

#include "base/state_file.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Short, whatever the target's name: that one may be as long as a name can be. */
#define TEMPORARY_PREFIX ".sluice-new-"
#define STATE_FILE_MODE	 0600

struct StateFile {
	char *path;
	char *temporary;
	int dir_fd;
	StateFileKind kind;
};

static void
state_file_free(StateFile *file)
{
	if (file->dir_fd >= 0)
		close(file->dir_fd);
	g_free(file->path);
	g_free(file->temporary);
	g_free(file);
}

static gboolean
set_system_error(GError **error, const char *what, const char *path)
{
	int saved = errno;

	sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot %s '%s': %s", what, path, g_strerror(saved));
	return FALSE;
}

static gboolean
write_all(int fd, const char *text, gsize len)
{
	while (len) {
		gssize done = write(fd, text, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return FALSE;
		text += done;
		len -= (gsize)done;
	}
	return TRUE;
}

StateFile *
state_file_prepare(const char *path, const char *text, StateFileKind kind, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(path);
	StateFile *file = g_new0(StateFile, 1);
	gboolean ok;
	int fd;

	file->path = g_strdup(path);
	file->kind = kind;
	file->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->dir_fd < 0) {
		set_system_error(error, "open folder", dir);
		state_file_free(file);
		return NULL;
	}
	file->temporary = g_build_filename(dir, TEMPORARY_PREFIX "XXXXXX", NULL);
	fd = g_mkstemp_full(file->temporary, O_RDWR | O_CLOEXEC, STATE_FILE_MODE);
	if (fd < 0) {
		set_system_error(error, "create", file->temporary);
		state_file_free(file);
		return NULL;
	}
	ok = write_all(fd, text, strlen(text)) && (kind == STATE_FILE_VOLATILE || fsync(fd) == 0);
	if (!ok)
		set_system_error(error, "write", file->temporary);
	if (close(fd) < 0 && ok)
		ok = set_system_error(error, "write", file->temporary);
	if (!ok) {
		state_file_abort(file);
		return NULL;
	}
	return file;
}

gboolean
state_file_commit(StateFile *file, GError **error)
{
	if (rename(file->temporary, file->path) < 0) {
		set_system_error(error, "replace", file->path);
		state_file_abort(file);
		return FALSE;
	}
	if (file->kind == STATE_FILE_DURABLE)
		(void)fsync(file->dir_fd);
	state_file_free(file);
	return TRUE;
}

void
state_file_abort(StateFile *file)
{
	if (!file)
		return;
	unlink(file->temporary);
	state_file_free(file);
}

gboolean
state_file_remove(const char *path, StateFileKind kind, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(path);
	int dir_fd;

	if (unlink(path) < 0)
		return set_system_error(error, "remove", path);
	if (kind == STATE_FILE_VOLATILE)
		return TRUE;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0) {
		(void)fsync(dir_fd);
		close(dir_fd);
	}
	return TRUE;
}

/* Takes @fd over. */
static char *
read_all(int fd, const char *path, gsize max, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char block[16384];

	for (;;) {
		gssize len = read(fd, block, sizeof(block));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0) {
			set_system_error(error, "read", path);
			close(fd);
			return NULL;
		}
		if (len == 0)
			break;
		if (text->len + (gsize)len > max) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "'%s' is longer than %" G_GSIZE_FORMAT " bytes",
					 path, max);
			close(fd);
			return NULL;
		}
		g_string_append_len(text, block, len);
	}
	close(fd);
	if (memchr(text->str, '\0', text->len)) {
		sluice_error_set(error, SLUICE_ERROR_XML, "'%s' is no text: it holds a NUL byte", path);
		return NULL;
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

char *
state_file_read(const char *path, gsize max, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		set_system_error(error, "read", path);
		return NULL;
	}
	return read_all(fd, path, max, error);
}

char *
state_file_read_foreign(const char *path, gsize max, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0) {
		set_system_error(error, "read", path);
		return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "cannot read '%s': it is no regular file", path);
		close(fd);
		return NULL;
	}
	return read_all(fd, path, max, error);
}

void
state_file_set_aside(const char *path, const char *lost, const GError *why)
{
	g_autofree char *aside = g_strdup_printf("%s.damaged", path);

	log_error("%s are lost, '%s' is kept as '%s': %s", lost, path, aside, why->message);
	if (rename(path, aside) < 0)
		log_error("cannot rename '%s': %s", path, g_strerror(errno));
}

gboolean
state_dir_ensure(const char *path, guint mode, gboolean *ret_created, GError **error)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (ret_created)
			*ret_created = FALSE;
		return TRUE;
	}
	if (g_mkdir_with_parents(path, (int)mode) < 0)
		return set_system_error(error, "create folder", path);
	if (ret_created)
		*ret_created = TRUE;
	return TRUE;
}

static gboolean
remove_left_over(const char *dir, const char *entry)
{
	g_autofree char *path = NULL;

	if (!g_str_has_prefix(entry, TEMPORARY_PREFIX))
		return FALSE;
	path = g_build_filename(dir, entry, NULL);
	unlink(path);
	return TRUE;
}

void
state_dir_clean(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *entry;

	while (dir && (entry = g_dir_read_name(dir)))
		remove_left_over(path, entry);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
state_dir_list(const char *path, const char *suffix, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = NULL;
	g_autoptr(GError) local = NULL;
	const char *entry;

	dir = g_dir_open(path, 0, &local);
	if (!dir) {
		sluice_error_set(error, SLUICE_ERROR_SYSTEM, "%s", local->message);
		return NULL;
	}
	while ((entry = g_dir_read_name(dir))) {
		if (remove_left_over(path, entry) || !g_str_has_suffix(entry, suffix))
			continue;
		if (names->len == STATE_DIR_ENTRIES_MAX) {
			sluice_error_set(error, SLUICE_ERROR_LIMIT, "folder '%s' holds more than %d files", path,
					 STATE_DIR_ENTRIES_MAX);
			return NULL;
		}
		g_ptr_array_add(names, g_strndup(entry, strlen(entry) - strlen(suffix)));
	}
	g_ptr_array_sort(names, compare_names);
	return g_steal_pointer(&names);
}
