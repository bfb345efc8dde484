/* SPDX-License-Identifier: MIT */
#include "mount/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/name.h"
#include "mount/log_impl.h"
#include "mount/terminal.h"

enum { SETS = 1024, WAYS = 16, A_MINUTE = 60 };

/* Recent lines by hash, 16,384 of them. This bounds the memory, and also the lines per
 * minute: a line whose set is full of lines from this minute is dropped. */
static struct said {
	uint64_t hash;
	time_t when;
} said[SETS][WAYS];
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t escape_line(const char *text, char line[LINE_ROOM])
{
	size_t n = 0;
	while (*text && n < LINE_ROOM - 16) {
		size_t harm = terminal_harm(text, true), whole = utf8_length((struct slice){(const uint8_t *)text, strnlen(text, 4)});
		size_t taken = harm ? harm : whole;
		for (size_t i = 0; i < harm; i++)
			n += (size_t)snprintf(line + n, LINE_ROOM - n, "%%%02X", (unsigned char)text[i]);
		if (!harm)
			memcpy(line + n, text, whole), n += whole;
		text += taken;
	}
	line[n] = '\0';
	return n;
}

static void write_line(const char *text)
{
	char line[LINE_ROOM];
	escape_line(text, line);
	log_sink(line);
}

static bool is_inner(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Cuts the middle out of a long line: a path may have any length, and the fault comes
 * after it. */
static void shorten(const char *whole, size_t len, char ret[LINE])
{
	static const char gap[] = " ... ";
	size_t head = (LINE - sizeof gap) / 2, tail = len - head;
	while (head > 0 && is_inner(whole[head]))
		head--;
	while (is_inner(whole[tail]))
		tail++;
	snprintf(ret, LINE, "%.*s%s%s", (int)head, whole, gap, whole + tail);
}

void log_vsay(const char *format, va_list args)
{
	char text[LINE], *whole = NULL;
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(text, sizeof text, format, args);
	if (n >= LINE && vasprintf(&whole, format, again) >= 0) {
		shorten(whole, (size_t)n, text);
		free(whole);
	}
	va_end(again);
	write_line(text);
}

void log_say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_vsay(format, args);
	va_end(args);
}

static uint64_t fault_hash(const char *where, const char *why)
{
	char words[LINE];
	size_t n = 0;
	for (; *why && n < sizeof words; why++)
		if (*why < '0' || *why > '9')
			words[n++] = *why;
	return name_hash((struct slice){(const uint8_t *)words, n}) ^ name_hash(slice_text(where)) * 31;
}

/* Returns whether the line was not logged for a minute, and if so records it as logged. */
static bool say_now(uint64_t hash, time_t now)
{
	struct said *set = said[hash % SETS], *slot = set;
	pthread_mutex_lock(&said_lock);
	for (struct said *s = set; s < set + WAYS; s++) {
		if (s->when && s->hash == hash) { /* takes precedence over any free or older slot */
			slot = s;
			break;
		}
		if (s->when < slot->when)
			slot = s;
	}
	bool due = !slot->when || now - slot->when >= A_MINUTE;
	if (due)
		*slot = (struct said){hash, now};
	pthread_mutex_unlock(&said_lock);
	return due;
}

void log_fault(const char *where, const char *why)
{
	struct timespec now;
	uint64_t hash = fault_hash(where, why);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (say_now(hash, now.tv_sec))
		log_say("%s: %s", where, why);
}

/* --- what others print ------------------------------------------------- */

static int saved_stderr = -1;

bool log_capturing(void)
{
	return saved_stderr >= 0;
}

int log_capture_begin(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

void log_capture_abort(void)
{
	if (saved_stderr >= 0)
		dup2(saved_stderr, STDERR_FILENO);
}

void log_capture_end(int handle, char *ret, size_t room)
{
	char text[4096];
	ret[0] = '\0';
	if (handle < 0)
		return;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	saved_stderr = -1;
	ssize_t n = read(handle, text, sizeof text - 1);
	close(handle);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		snprintf(ret, room, "%s", strncmp(line, "fuse: ", 6) == 0 ? line + 6 : line);
}
