/* SPDX-License-Identifier: MIT */
/* What the daemons report. Anyone who may mount can mount something that calls itself arrayfs,
 * so nothing is trusted: neither that it answers, nor what. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/name.h"
#include "fs/values/json.h"
#include "mount/status.h"

enum { PATIENCE_MS = 2000, ROOM = 32768, COVERED = 254, ODD = 253 };

/* --- the process that looks ---------------------------------------------------- */

/* Is it the mount that the kernel lists? Asks the kernel alone. */
static bool is_there(int fd, const struct mounted *m)
{
	struct statx st;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) == 0 && st.stx_dev_major == m->major && st.stx_dev_minor == m->minor;
}

/* Passes on the daemon's report; returns an errno, or one of ours. */
static int look(const struct status *s, int out)
{
	char text[ROOM];
	size_t len = 0;
	struct stat st;
	for (int fd = 0; fd <= 2; fd++)
		close(fd); /* it may outlive us, and readers of our output must not wait for it */
	int top = open(s->place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return errno;
	if (!is_there(top, &s->mounted))
		return COVERED;
	int fd = openat(top, ".arrayfs/status.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return ODD;
	for (ssize_t n; len < sizeof text; len += (size_t)n)
		if ((n = read(fd, text + len, sizeof text - len)) <= 0) {
			if (n < 0)
				return errno;
			break;
		}
	return write(out, text, len) == (ssize_t)len ? 0 : ODD;
}

/* --- the one that waits ---------------------------------------------------------- */

struct asked {
	pid_t pid;
	int from; /* -1: it has ended */
	size_t len;
	char text[ROOM + 1];
};

static void ask(const struct status *s, struct asked *a)
{
	int ends[2];
	a->pid = -1;
	a->from = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	a->pid = fork();
	if (a->pid == 0)
		_exit(look(s, ends[1]));
	close(ends[1]);
	a->from = ends[0];
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads what is there; closes it at the end. */
static void take(struct asked *a)
{
	ssize_t n = read(a->from, a->text + a->len, ROOM - a->len);
	if (n > 0)
		a->len += (size_t)n;
	if (n > 0 || (n < 0 && errno == EINTR))
		return;
	close(a->from);
	a->from = -1;
}

static void await(struct asked *asked, struct pollfd *polls, size_t count)
{
	for (int64_t end = now_ms() + PATIENCE_MS, left; (left = end - now_ms()) > 0;) {
		bool any = false;
		for (size_t i = 0; i < count; i++) {
			polls[i] = (struct pollfd){.fd = asked[i].from, .events = POLLIN};
			any |= asked[i].from >= 0;
		}
		if (!any)
			return;
		poll(polls, count, (int)left);
		for (size_t i = 0; i < count; i++)
			if (asked[i].from >= 0 && polls[i].revents)
				take(&asked[i]);
	}
}

static enum state state_of(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : ODD;
	switch (code) {
	case 0:
		return STATE_SERVING;
	case ENOTCONN:
	case ECONNABORTED:
		return STATE_DEAD;
	case EACCES:
	case EPERM:
		return STATE_CLOSED;
	case COVERED:
	case ENOENT:
	case ENOTDIR:
		return code == COVERED ? STATE_COVERED : STATE_UNKNOWN;
	default:
		return STATE_UNKNOWN;
	}
}

/* --- the report ---------------------------------------------------------------- */

static char *string_of(struct json *j)
{
	struct slice s = json_string(j);
	return s.data ? strndup((const char *)s.data, s.len) : NULL;
}

static double number_of(struct json *j)
{
	struct slice s = json_skip(j);
	char text[32] = "";
	memcpy(text, s.data, s.len < sizeof text ? s.len : 0);
	return strtod(text, NULL);
}

static void take_stats(struct status *s, struct json *j)
{
	struct slice name;
	for (json_object(j); json_member(j, &name);) {
		if (slice_equal(name, SLICE("resident_most")))
			s->resident_most = json_u64(j);
		else
			json_skip(j);
	}
}

static void take_member(struct status *s, struct json *j, struct slice name)
{
	const struct {
		struct slice name;
		char **string;
		uint64_t *number;
	} members[] = {{SLICE("source"), &s->source, NULL}, {SLICE("version"), &s->version, NULL}, {SLICE("options"), &s->options, NULL},
		       {SLICE("since"), &s->since, NULL}, {SLICE("log"), &s->log, NULL}, {SLICE("pid"), NULL, &s->pid},
		       {SLICE("user"), NULL, &s->user}, {SLICE("failed_reads"), NULL, &s->failed_reads}};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (slice_equal(name, members[i].name)) {
			if (members[i].number)
				*members[i].number = json_u64(j);
			else if (!*members[i].string)
				*members[i].string = string_of(j);
			else
				json_fail(j, "told twice");
			return;
		}
	if (slice_equal(name, SLICE("uptime")))
		s->uptime = number_of(j);
	else if (slice_equal(name, SLICE("stats")))
		take_stats(s, j);
	else
		json_skip(j);
}

/* Whether it is a daemon's report, and complete. */
static bool parse(struct status *s, struct slice text)
{
	struct arena arena = {.limit = 1 << 20};
	struct error err = {0};
	struct slice name;
	if (!utf8_valid(text))
		return false;
	struct json j = json_over(text, &arena);
	for (json_object(&j); json_member(&j, &name);)
		take_member(s, &j, name);
	bool fine = json_end(&j, &err, "it") == 0 && s->source && s->version && s->options && s->since && s->log && s->uptime >= 0;
	arena_free(&arena);
	return fine;
}

static void end_asking(struct status *s, struct asked *a)
{
	int status = 0;
	bool silent = a->from >= 0;
	s->state = STATE_UNKNOWN;
	if (silent) {
		kill(a->pid, SIGKILL);
		close(a->from);
	}
	/* One that is silent may not even be killed at once. */
	if (a->pid > 0 && waitpid(a->pid, &status, silent ? WNOHANG : 0) == a->pid)
		s->state = state_of(status);
	if (silent)
		s->state = STATE_SILENT;
	if (s->state == STATE_SERVING && !parse(s, (struct slice){(const uint8_t *)a->text, a->len}))
		s->state = STATE_UNKNOWN;
}

void status_ask(struct status *all, size_t count)
{
	struct asked *asked = calloc(count, sizeof *asked);
	struct pollfd *polls = calloc(count, sizeof *polls);
	for (size_t i = 0; i < count; i++)
		all[i].state = STATE_UNKNOWN;
	if (asked && polls) {
		for (size_t i = 0; i < count; i++)
			ask(&all[i], &asked[i]);
		await(asked, polls, count);
		for (size_t i = 0; i < count; i++)
			end_asking(&all[i], &asked[i]);
	}
	free(asked);
	free(polls);
}

void status_free(struct status *s)
{
	free(s->source);
	free(s->version);
	free(s->options);
	free(s->since);
	free(s->log);
}
