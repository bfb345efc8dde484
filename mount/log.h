/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "fs/base/text.h"

/*
 * What the program says to people: one line each, on standard error, that begins
 * with "arrayfs: "; once the program is a daemon, where -o log= wants it, by default
 * to the system's log unless it stays in the foreground.  Control bytes, which names
 * may bring in, are escaped.  Any thread.
 *
 * A daemon does not wait for who takes its lines: those that find no room are lost, and
 * counted.
 */
void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_vsay(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* A fault met by a read, "WHERE: WHY", at most once a minute.  Numbers in WHY do
 * not make it another fault: a file that was cut short has one for every page. */
void log_fault(const char *where, const char *why);

/* Opens what a daemon will write to, while that is still possible: "stderr", "syslog", a
 * file, or, if NULL, as is usual.  From here on the last lines are kept, too.  0, or the
 * exit code, and it was told why. */
int log_prepare(const char *where, bool foreground, bool debug);

/* From here on there; lets go of the terminal, unless in the foreground. */
void log_go(void);

/* The last 1,000 lines, each with its time. */
void log_put(struct text *ret);

/* While a mount is made, standard error goes into a pipe, so that what libfuse
 * and fusermount3 print there becomes a sentence of ours. */
int log_capture_begin(void);
bool log_capturing(void);
/* Standard error as it was before: all that a signal's handler may do. */
void log_capture_abort(void);
/* The last line printed since, without its end and its program's name; "" if
 * there was none. */
void log_capture_end(int handle, char *ret, size_t room);
