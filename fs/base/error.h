/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <stdbool.h>

/*
 * Errors are negative errno values, returned; 0 is success.  Beside the number
 * travels one sentence for the person who ran the program.
 *
 *   -EBADMSG  the file breaks its own format's rules
 *   -ENOTSUP  the file is sound, this program cannot show it
 *   -EIO      bytes could not be read
 *   -ENOMEM   no memory, or the file asked for more than we allow
 *   -ETIMEDOUT  bytes did not arrive, and may at another time
 */
struct error {
	char text[256]; /* "" until something failed; whole UTF-8 characters */
};

/* Says why, and returns -code, so that a check is one statement:
 *     return error_set(err, EBADMSG, "header of %zu bytes in a file of %zu", a, b);
 * The first sentence stays: the place nearest the fault knows most.  Control
 * bytes and what is not UTF-8, which only a file can have brought in, become '?'.
 * A null err drops the sentence. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Says nothing of the file: so what is made of the file's faults, such as a column that
 * is lost, must not be made of it. */
static inline bool error_passes(int code)
{
	return code == -ENOMEM || code == -ETIMEDOUT;
}

/* Puts "NAME: " before the sentence, for a fault in a part that has a name of
 * its own (a shard, a column).  Returns code unchanged. */
int error_prefix(struct error *err, int code, const char *name);
