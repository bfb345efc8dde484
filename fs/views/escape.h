/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * A string as one line:
 *
 *	\n \t \r \\        as these
 *	control bytes, 7F  \xHH, in lower case
 *	all else           as it is, UTF-8 or not
 *
 * Each byte is escaped on its own, so a string may be cut anywhere.  ESCAPE_MORE bytes after a
 * string are read, whatever they are, and as many after the result are written.
 */
enum { ESCAPE_MORE = 16 };

/* How many bytes it becomes. */
uint64_t escape_length(const uint8_t *p, size_t len);

/* Writes them, and returns the end. */
uint8_t *escape_put(const uint8_t *p, size_t len, uint8_t *to);
