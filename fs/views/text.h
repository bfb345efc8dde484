/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/values/decimal.h"

/*
 * An array as text: one element a line, or from two dimensions on the last of
 * them a line, a space between.  Every field is padded to its type's width
 * (numbers on the left, strings on the right), so that the size follows from the
 * shape, and a place in the text from a division.
 *
 *   bool                 0, 1
 *   floats               fs/values/decimal.h; nan, inf, -inf
 *   complex              1.0+2.0j
 *   decimals             -12.34
 *   dates, timestamps    2024-01-15, 2024-01-15T12:34:56.000001 (as numpy's; NaT)
 *   times                12:34:56.000001
 *   durations            the integer, in the type's unit
 *   S<n>                 control bytes, '\' and, from two dimensions on, spaces as
 *                        \xHH; NULs at the end are dropped
 *   V<n>                 hex
 *   references           the path, by text_word(), - for none; hex where nobody knows;
 *                        as wide as the longest path in the archive
 *   null                 - (where NAME.validity tells)
 *
 * Not for elements without a width, those packed below a byte, strings of more
 * than 4,096 bytes, nor Fortran's order.
 */

bool view_text_exists(const struct array *a);

/* Bytes of a field without what separates it; 0 where there is no such view. */
unsigned view_text_width(const struct array *a);

/* Writes one element into a field of that many bytes.  Big-endian ones are turned
 * on the way. */
void view_text_field(const struct array *a, const uint8_t *element, char *field, unsigned width);

int view_text_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);

/* As archive_read(), of the text.  Any thread. */
int view_text_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
