/* SPDX-License-Identifier: MIT */
#include "mount/daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount/daemon/fuse.h"
#include "mount/daemon/hint.h"
#include "mount/daemon/ops.h"
#include "mount/log.h"
#include "mount/sandbox.h"

enum { READ_AHEAD_KB = 1024, HANDED = 3, PATIENCE = 30 };

/* The daemon's requests, one byte each; the keeper replies with the same byte, or FAILED. */
enum word { MOUNT = 'm', UNMOUNT = 'u', FORGET = 'f', FAILED = 'x' };

/* The keeper's state. */
struct keeping {
	const struct options *options;
	const char *list;
	int socket, waiting;
	struct mountpoint point;
	bool mounted;
	dev_t dev; /* the mount's device number; 0 while unknown */
};

/* --- mounting ---------------------------------------------------------- */

/* Mounting, by fusermount3 for example, may block on something that does not answer: a
 * timer then kills both it and the keeper. */
static struct {
	char words[PATH_MAX + 96];
	const struct mountpoint *point;
} overdue;

static void on_overdue(int sig)
{
	log_capture_abort();
	ssize_t ignored = write(STDERR_FILENO, overdue.words, strlen(overdue.words));
	(void)ignored, (void)sig;
	if (overdue.point->made)
		rmdir(overdue.point->path);
	kill(0, SIGKILL); /* the process group set by keeper_start() */
}

static void bound(const struct keeping *k)
{
	snprintf(overdue.words, sizeof overdue.words, "arrayfs: %s: cannot be mounted: no answer for %d seconds from %s\n",
		 k->options->destination, PATIENCE, geteuid() == 0 ? "mount(2)" : "fusermount3");
	overdue.point = &k->point;
	signal(SIGALRM, on_overdue);
	alarm(PATIENCE);
}

/* Mounts, and turns what libfuse and fusermount3 print into one log line. Returns the
 * device, or -1. */
static int mount_it(struct keeping *k)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *se = NULL;
	char words[512], told[HINT_MOUNT];
	int capture = log_capture_begin(), device = -1;
	if (fuse_opt_add_arg(&args, "arrayfs") == 0 && fuse_opt_add_arg(&args, "-o") == 0 && fuse_opt_add_arg(&args, k->list) == 0)
		se = fuse_session_new(&args, &mount_ops, sizeof mount_ops, NULL);
	fuse_opt_free_args(&args);
	if (se && fuse_session_mount(se, k->point.path) == 0)
		device = fuse_session_fd(se);
	fflush(stderr);
	log_capture_end(capture, words, sizeof words);
	if (device < 0)
		log_say("%s: cannot be mounted: %s", k->options->destination, hint_mount(*words ? words : "libfuse gives no reason", told));
	return device; /* the session is never destroyed: that would unmount */
}

static int send_reply(int socket, char word, const char *path, const int *fds, int n)
{
	char control[CMSG_SPACE(HANDED * sizeof(int))] = {0};
	struct iovec parts[] = {{&word, 1}, {(void *)(uintptr_t)path, strlen(path)}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	if (n > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Hands over the device and, if they could be opened, the mountpoint's parent directory
 * and the directory below the mount. */
static int hand_over(struct keeping *k, int device)
{
	char path[PATH_MAX];
	strcpy(path, k->point.path);
	int parent = open(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds[HANDED] = {device, parent, k->point.dir};
	int r = send_reply(k->socket, MOUNT, k->point.path, fds, parent < 0 ? 1 : HANDED);
	if (parent >= 0)
		close(parent);
	return r;
}

/* Raises the mount's read-ahead, which only root may do, and only through this file: the
 * largest single gain for sequential reads. */
static void raise_read_ahead(dev_t dev)
{
	char path[64], text[16];
	snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", major(dev), minor(dev));
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof text, "%d", READ_AHEAD_KB);
	if (fd >= 0 && write(fd, text, (size_t)n) < 0 && errno != EACCES)
		log_say("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* The mount answers: detaches from the terminal, then releases the waiting process. */
static void release_waiting(struct keeping *k)
{
	if (k->waiting < 0)
		return;
	log_go();
	while (write(k->waiting, "1", 1) < 0 && errno == EINTR)
		;
	close(k->waiting);
	k->waiting = -1;
}

static void do_mount(struct keeping *k)
{
	struct error err = {0};
	struct stat st;
	int device = -1;
	bound(k);
	if (mountpoint_prepare(&k->point, k->options->destination, k->options->nonempty, &err) < 0)
		log_say("%s: %s", k->options->destination, err.text);
	else if (chdir("/") < 0) /* the mountpoint's path is absolute by now */
		log_say("/: %s", strerror(errno));
	else
		device = mount_it(k);
	alarm(0);
	k->mounted = device >= 0;
	if (!k->mounted || hand_over(k, device) < 0) {
		send_reply(k->socket, FAILED, "", NULL, 0);
		return;
	}
	close(device); /* only the daemon has it now: when it dies, the connection ends */
	if (stat(k->point.path, &st) < 0) /* blocks until the daemon's first reply */
		return;
	k->dev = st.st_dev;
	raise_read_ahead(st.st_dev);
	release_waiting(k);
	if (geteuid() == 0 && !k->options->no_sandbox)
		sandbox_keeper();
}

/* --- unmounting -------------------------------------------------------- */

/* Is the mount there ours, or did somebody unmount ours and mount another file system
 * since? Asks the kernel alone (AT_STATX_DONT_SYNC), since the daemon is gone. */
static bool is_ours(const struct keeping *k)
{
	struct statx now;
	return !k->dev || statx(AT_FDCWD, k->point.path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &now) < 0 ||
	       makedev(now.stx_dev_major, now.stx_dev_minor) == k->dev;
}

/* Detaches (lazy unmount), so that open files do not prevent it. */
static void do_unmount(const struct keeping *k)
{
	char words[256];
	if (is_ours(k) && mountpoint_unmount(k->point.path, true, words, sizeof words) < 0)
		log_say("%s: cannot be unmounted: %s", k->options->destination, words);
}

/* --- both ends --------------------------------------------------------- */

static void keep(struct keeping *k)
{
	char word = 0;
	k->point.dir = -1;
	for (ssize_t n;;) {
		n = read(k->socket, &word, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1)
			word = FAILED; /* the daemon died */
		if (word != MOUNT)
			break;
		do_mount(k);
	}
	if (k->mounted && word == UNMOUNT)
		do_unmount(k);
	if (word != FAILED || !k->mounted)
		mountpoint_finish(&k->point);
}

int keeper_start(struct keeper *ret, const struct options *o, const char *list, int waiting)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	ret->pid = fork();
	if (ret->pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return -errno;
	}
	if (ret->pid == 0) {
		static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
		struct keeping k = {.options = o, .list = list, .socket = ends[1], .waiting = waiting};
		for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
			signal(ignored[i], SIG_IGN); /* the daemon handles these, then tells the keeper */
		close(ends[0]);
		setpgid(0, 0);
		keep(&k);
		_exit(0);
	}
	close(ends[1]);
	if (waiting >= 0)
		close(waiting);
	ret->socket = ends[0];
	return 0;
}

static ssize_t receive(int socket, struct kept *ret, char *word)
{
	char control[CMSG_SPACE(HANDED * sizeof(int))];
	struct iovec parts[] = {{word, 1}, {ret->path, sizeof ret->path - 1}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
	int fds[HANDED] = {-1, -1, -1};
	ssize_t n;
	while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	ret->path[n > 0 ? n - 1 : 0] = '\0';
	ret->device = fds[0];
	ret->parent = fds[1];
	ret->covered = fds[2];
	return n;
}

int keeper_mount(struct keeper *k, struct kept *ret)
{
	char word = MOUNT;
	if (write(k->socket, &word, 1) != 1 || receive(k->socket, ret, &word) < 1 || word != MOUNT)
		return -EIO;
	return 0;
}

void keeper_end(struct keeper *k, bool unmounted)
{
	char word = unmounted ? FORGET : UNMOUNT;
	ssize_t n = write(k->socket, &word, 1);
	(void)n; /* if the keeper is gone, nothing can be unmounted */
	/* The keeper's exit closes its end; the timeout is for an unmount that blocks. */
	while (poll(&(struct pollfd){.fd = k->socket}, 1, PATIENCE * 1000) < 0 && errno == EINTR)
		;
	close(k->socket);
	waitpid(k->pid, NULL, WNOHANG);
}
