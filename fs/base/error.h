/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <stdbool.h>

/*
 * Functions return 0 or a negative errno value, and set one sentence for the user.
 *
 *   -EBADMSG    the file violates its own format
 *   -ENOTSUP    the file is valid, but not supported
 *   -EIO        bytes could not be read
 *   -ENOMEM     no memory, or the file asked for more than we allow
 *   -ETIMEDOUT  bytes did not arrive in time; a retry may succeed
 */
struct error {
	char text[256]; /* "" until something fails; always valid UTF-8 */
};

/* Sets the sentence and returns -code, so that a check is one statement:
 *     return error_set(err, EBADMSG, "header of %zu bytes in a file of %zu", a, b);
 * The first sentence wins: the code nearest the fault knows most.  Control bytes and
 * invalid UTF-8, which can only come from a file, become '?'.  If err is NULL, there
 * is no sentence. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Ends a sentence about a file that is shorter than it states: the likely cause. */
#define ERROR_CUT "; it is cut short or still being written"

/* Says "no memory for WHAT" and returns -ENOMEM. */
static inline int error_no_memory(struct error *err, const char *what)
{
	return error_set(err, ENOMEM, "no memory for %s", what);
}

/* A transient error, which says nothing about the file: it must not be recorded as a
 * fault of the file, such as a column that is lost. */
static inline bool error_passes(int code)
{
	return code == -ENOMEM || code == -ETIMEDOUT || code == -EMFILE || code == -ENFILE;
}

/* Prefixes the sentence with "NAME: ", for a fault in a named part (a shard, a
 * column).  Returns code unchanged. */
int error_prefix(struct error *err, int code, const char *name);
