/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What the program says to people: one line each, on standard error, that begins
 * with "arrayfs: "; to the system's log once the program is a daemon.  Control
 * bytes, which names may bring in, are escaped.  Any thread.
 */
void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_vsay(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* A fault met by a read, "WHERE: WHY", at most once a minute.  Numbers in WHY do
 * not make it another fault: a file that was cut short has one for every page. */
void log_fault(const char *where, const char *why);

/* Opens the system's log, and /dev/null, while that is still possible. */
void log_prepare_system(void);

/* From here on, to the system's log; lets go of the terminal. */
void log_to_system(void);

/* While a mount is made, standard error goes into a pipe, so that what libfuse
 * and fusermount3 print there becomes a sentence of ours. */
int log_capture_begin(void);
bool log_capturing(void);
/* Standard error as it was before: all that a signal's handler may do. */
void log_capture_abort(void);
/* The last line printed since, without its end and its program's name; "" if
 * there was none. */
void log_capture_end(int handle, char *ret, size_t room);
