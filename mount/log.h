/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "fs/base/text.h"

/*
 * Messages to the user: one line each. They go to standard error, beginning with
 * "arrayfs: "; once the program is a daemon, to where -o log= says, by default to the
 * system's log, or to standard error if it stays in the foreground. Control bytes, which
 * file names may contain, are escaped. Any thread.
 *
 * A daemon never waits for the reader of its lines: lines that cannot be written at once
 * are dropped, and counted.
 */
void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_vsay(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* Logs a fault met by a read, "WHERE: WHY", at most once a minute. Differing numbers in
 * WHY do not make it a new fault: a truncated file has one for every page. */
void log_fault(const char *where, const char *why);

/* Opens a daemon's log while that is still possible: "stderr", "syslog" or a file; NULL
 * means the default. From here on, the last lines are also kept in memory. Returns 0, or
 * the exit code after reporting why. */
int log_prepare(const char *where, bool foreground, bool debug);

/* Where that is: "stderr", "syslog" or an absolute path; "memory", if there is no system log. */
void log_where(char ret[PATH_MAX]);

/* Switches to the daemon's log and, unless in the foreground, detaches from the terminal. */
void log_go(void);

/* Appends the last 1,000 lines, each with its time. */
void log_put(struct text *ret);

/* While mounting, standard error is redirected to a pipe, so that the output of libfuse
 * and fusermount3 can be turned into one message of arrayfs. */
int log_capture_begin(void);
bool log_capturing(void);
/* Restores standard error, and no more: async-signal-safe. */
void log_capture_abort(void);
/* Ends the capture: stores the last line printed, without its newline and the program's
 * name; "" if nothing was printed. */
void log_capture_end(int handle, char *ret, size_t room);
