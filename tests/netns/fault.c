// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into sluiced: counts what changes files or goes to the kernel by netlink, and makes one such call fail,
 * or the daemon die before it. Its children are left alone.
 */

#include "tests/survival/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static FaultControl *control;
static pid_t owner;

__attribute__((constructor)) static void
set_up(void)
{
	const char *path = getenv(FAULT_ENV);
	int fd = path && strcmp(program_invocation_short_name, "sluiced") == 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (map == MAP_FAILED)
		return;
	close(fd);
	owner = getpid();
	control = map;
}

/* Asked before anything else is: a child may have given up all other system calls. */
static int
watched(void)
{
	return control && control->armed;
}

static int
fails(const char *call, const char *name, int is_netlink)
{
	if (!watched() || getpid() != owner || ++control->count != control->at)
		return 0;
	snprintf(control->what, sizeof(control->what), "%s %s", call, name);
	if (control->is_crash)
		raise(SIGKILL);
	errno = is_netlink ? control->code_netlink : control->code;
	return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int
is_file(int fd)
{
	int saved = errno;
	struct stat st;
	int yes = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	errno = saved;
	return yes;
}

static int
is_netlink(int fd)
{
	int saved = errno, domain = 0;
	socklen_t len = sizeof(domain);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	errno = saved;
	return domain == AF_NETLINK;
}

static mode_t
mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

static int
writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
}

#define OPEN(name)                                                                                                     \
	int name(const char *path, int flags, ...)                                                                     \
	{                                                                                                              \
		va_list args;                                                                                          \
		mode_t mode;                                                                                           \
                                                                                                                       \
		va_start(args, flags);                                                                                 \
		mode = mode_of(flags, args);                                                                           \
		va_end(args);                                                                                          \
		return writes(flags) && fails("open", path, 0) ? -1 : REAL(name)(path, flags, mode);                   \
	}
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
	int name(int dir, const char *path, int flags, ...)                                                            \
	{                                                                                                              \
		va_list args;                                                                                          \
		mode_t mode;                                                                                           \
                                                                                                                       \
		va_start(args, flags);                                                                                 \
		mode = mode_of(flags, args);                                                                           \
		va_end(args);                                                                                          \
		return writes(flags) && fails("openat", path, 0) ? -1 : REAL(name)(dir, path, flags, mode);            \
	}
OPENAT(openat)
OPENAT(openat64)

ssize_t
write(int fd, const void *bytes, size_t len)
{
	return watched() && is_file(fd) && fails("write", "", 0) ? -1 : REAL(write)(fd, bytes, len);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return watched() && is_file(fd) && fails("pwrite", "", 0) ? -1 : REAL(pwrite)(fd, bytes, len, at);
}

int
fsync(int fd)
{
	return fails("fsync", "", 0) ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	return fails("fdatasync", "", 0) ? -1 : REAL(fdatasync)(fd);
}

int
rename(const char *from, const char *to)
{
	return fails("rename", to, 0) ? -1 : REAL(rename)(from, to);
}

int
link(const char *from, const char *to)
{
	return fails("link", to, 0) ? -1 : REAL(link)(from, to);
}

int
unlink(const char *path)
{
	return fails("unlink", path, 0) ? -1 : REAL(unlink)(path);
}

int
mkdir(const char *path, mode_t mode)
{
	return fails("mkdir", path, 0) ? -1 : REAL(mkdir)(path, mode);
}

ssize_t
sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *address, socklen_t address_len)
{
	return watched() && is_netlink(fd) && fails("sendto", "netlink", 1)
		       ? -1
		       : REAL(sendto)(fd, bytes, len, flags, address, address_len);
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	return watched() && is_netlink(fd) && fails("sendmsg", "netlink", 1) ? -1 : REAL(sendmsg)(fd, message, flags);
}

ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
	return watched() && is_netlink(fd) && fails("send", "netlink", 1) ? -1 : REAL(send)(fd, bytes, len, flags);
}
