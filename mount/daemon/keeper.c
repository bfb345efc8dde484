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
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount/daemon/backing.h"
#include "mount/daemon/fuse.h"
#include "mount/daemon/hint.h"
#include "mount/daemon/message.h"
#include "mount/daemon/ops.h"
#include "mount/log.h"
#include "mount/sandbox.h"

enum { READ_AHEAD_KB = 1024, PATIENCE = 30 };

/* The daemon's requests; the keeper replies to MOUNT and BACK, with the same word or FAILED. */
enum word { MOUNT = 'm', UNMOUNT = 'u', FORGET = 'f', BACK = 'b', UNBACK = 'n', FAILED = 'x' };

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

/* Hands over the device and, if they could be opened, the mountpoint's parent directory
 * and the directory below the mount. */
static int hand_over(struct keeping *k, int device)
{
	char path[PATH_MAX];
	strcpy(path, k->point.path);
	int parent = open(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds[MESSAGE_FDS] = {device, parent, k->point.dir};
	int r = message_send(k->socket, MOUNT, k->point.path, strlen(k->point.path), fds, parent < 0 ? 1 : MESSAGE_FDS);
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
		message_send(k->socket, FAILED, NULL, 0, NULL, 0);
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

/* The daemon's device and a file of it, which the kernel is to read by itself, or no longer. The
 * daemon reads untrusted data, so it is not believed to have sent a device of FUSE. */
static void do_back(const struct keeping *k, enum word word, const int fds[MESSAGE_FDS], uint32_t number)
{
	struct stat st;
	bool fuse = fstat(fds[0], &st) == 0 && mountpoint_is_device(&st);
	if (word == UNBACK) {
		if (fuse)
			ioctl(fds[0], BACKING_CLOSE, &number);
		return;
	}
	int32_t r = fuse ? ioctl(fds[0], BACKING_OPEN, &(struct backing_map){.fd = fds[1]}) : -1;
	r = r < 0 ? fuse ? -errno : -EBADF : r;
	message_send(k->socket, BACK, &r, sizeof r, NULL, 0);
}

static void keep(struct keeping *k)
{
	int fds[MESSAGE_FDS];
	uint32_t number = 0;
	char word = 0;
	k->point.dir = -1;
	while (word != UNMOUNT && word != FORGET) {
		if (message_receive(k->socket, &word, &number, sizeof number, fds) < 0) {
			word = FAILED; /* the daemon died */
			break;
		}
		if (word == MOUNT)
			do_mount(k);
		else if (word == BACK || word == UNBACK)
			do_back(k, (enum word)word, fds, number);
		message_close(fds);
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

int keeper_mount(struct keeper *k, struct kept *ret)
{
	char word = FAILED;
	int fds[MESSAGE_FDS], r = message_send(k->socket, MOUNT, NULL, 0, NULL, 0);
	ssize_t n = r < 0 ? r : message_receive(k->socket, &word, ret->path, sizeof ret->path - 1, fds);
	if (n < 0 || word != MOUNT)
		return -EIO;
	ret->path[n] = '\0';
	ret->device = fds[0];
	ret->parent = fds[1];
	ret->covered = fds[2];
	return 0;
}

int keeper_back(const struct keeper *k, int device, int fd)
{
	char word;
	int32_t number = -EIO;
	int none[MESSAGE_FDS], r = message_send(k->socket, BACK, NULL, 0, (int[]){device, fd}, 2);
	ssize_t n = r < 0 ? r : message_receive(k->socket, &word, &number, sizeof number, none);
	return n < 0 ? (int)n : number;
}

void keeper_unback(const struct keeper *k, int device, int number)
{
	message_send(k->socket, UNBACK, &(uint32_t){(uint32_t)number}, sizeof(uint32_t), &device, 1);
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
