/* SPDX-License-Identifier: MIT */
/* The log's destinations: a file, the system's log (syslog(3), RFC 3164) or standard
 * error; and always the last lines in memory. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "mount/log_impl.h"

enum { KEPT = 1000 };

/* Set before any other thread exists; except `going`, which the first serving thread sets. */
static struct {
	enum { TO_STDERR, TO_SYSTEM, TO_FILE } to;
	int fd, null;
	char *path;
	bool prepared, foreground, debug;
	bool alone; /* there is no system log */
	_Atomic bool going;
	_Atomic unsigned lost;
} sink = {.fd = -1, .null = -1};

static struct {
	pthread_mutex_t lock;
	char *lines[KEPT];
	size_t next; /* the oldest line, once the ring is full */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- the last lines --------------------------------------------------------- */

static void keep_line(const char *stamp, const char *line)
{
	size_t room = strlen(stamp) + strlen(line) + 3;
	char *copy = malloc(room);
	if (!copy)
		return;
	snprintf(copy, room, "%s %s\n", stamp, line);
	pthread_mutex_lock(&kept.lock);
	free(kept.lines[kept.next]);
	kept.lines[kept.next] = copy;
	kept.next = (kept.next + 1) % KEPT;
	pthread_mutex_unlock(&kept.lock);
}

void log_put(struct text *ret)
{
	pthread_mutex_lock(&kept.lock);
	for (size_t i = 0; i < KEPT; i++)
		if (kept.lines[(kept.next + i) % KEPT])
			text_add(ret, kept.lines[(kept.next + i) % KEPT]);
	pthread_mutex_unlock(&kept.lock);
}

/* --- writing ---------------------------------------------------------------- */

/* Can the descriptor be written without blocking? A pipe or socket with a slow reader cannot. */
static bool takes(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	return sink.debug || poll(&p, 1, 0) != 0;
}

static bool send_line(const char *stamp, const char *line)
{
	char text[LINE_ROOM + 128], month[32];
	time_t now = time(NULL);
	struct tm local;
	int n;
	switch (sink.going ? sink.to : TO_STDERR) {
	case TO_SYSTEM:
		strftime(month, sizeof month, "%b %e %T", localtime_r(&now, &local));
		n = snprintf(text, sizeof text, "<%d>%s arrayfs[%d]: %s", LOG_DAEMON | LOG_ERR, month, (int)getpid(), line);
		return send(sink.fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
	case TO_FILE:
		n = snprintf(text, sizeof text, "%s arrayfs[%d]: %s\n", stamp, (int)getpid(), line);
		return write(sink.fd, text, (size_t)n) == n;
	default:
		n = snprintf(text, sizeof text, "arrayfs: %s\n", line);
		if (sink.going && !takes(STDERR_FILENO))
			return false;
		/* in one call, so that lines stay whole */
		return write(STDERR_FILENO, text, (size_t)n) == n;
	}
}

void log_sink(const char *line)
{
	char stamp[32] = "", words[64];
	time_t now = time(NULL);
	struct tm utc;
	if (sink.prepared) {
		strftime(stamp, sizeof stamp, "%FT%TZ", gmtime_r(&now, &utc));
		keep_line(stamp, line);
	}
	unsigned lost = atomic_exchange(&sink.lost, 0);
	snprintf(words, sizeof words, "%u lines before this were lost, as nobody read them", lost);
	if (lost && !send_line(stamp, words))
		atomic_fetch_add(&sink.lost, lost);
	if (!send_line(stamp, line) && sink.going)
		atomic_fetch_add(&sink.lost, 1);
}

/* --- opening ---------------------------------------------------------------- */

/* Returns 0, or -1 with errno set. */
static int open_system(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	sink.to = TO_SYSTEM;
	sink.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return sink.fd < 0 ? -1 : connect(sink.fd, (struct sockaddr *)&at, sizeof at);
}

static int open_file(const char *path)
{
	struct stat st;
	sink.to = TO_FILE;
	sink.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	if (sink.fd >= 0 && fstat(sink.fd, &st) == 0 && S_ISREG(st.st_mode)) {
		sink.path = realpath(path, NULL);
		return 0;
	}
	log_say("log=%s: %s", path, sink.fd >= 0 || errno == ENXIO ? "not a regular file" : errno == ELOOP ? "a symbolic link" : strerror(errno));
	return 1;
}

int log_prepare(const char *where, bool foreground, bool debug)
{
	int r = 0;
	sink.prepared = true;
	sink.foreground = foreground;
	sink.debug = debug;
	sink.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (where && strcmp(where, "stderr") != 0 && strcmp(where, "syslog") != 0) {
		r = open_file(where);
	} else if (where ? strcmp(where, "syslog") == 0 : !foreground) {
		/* Without a system log, as in a container, only the lines in memory remain. */
		sink.alone = open_system() < 0;
		if (sink.alone && where) {
			log_say("log=syslog: /dev/log: %s (log=FILE writes to a file)", strerror(errno));
			r = 1;
		}
	}
	return r;
}

void log_where(char ret[PATH_MAX])
{
	const char *name = sink.to == TO_FILE ? sink.path : sink.to == TO_STDERR ? "stderr" : sink.alone ? "memory" : "syslog";
	snprintf(ret, PATH_MAX, "%s", name ? name : "");
}

void log_go(void)
{
	if (sink.going)
		return;
	for (int fd = 0; !sink.foreground && sink.null >= 0 && fd <= 2; fd++)
		if (fd != STDERR_FILENO || sink.to != TO_STDERR)
			dup2(sink.null, fd);
	if (sink.null > 2)
		close(sink.null);
	sink.null = -1;
	sink.going = true;
}
