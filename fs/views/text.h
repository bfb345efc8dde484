/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/values/decimal.h"

/*
 * An array as text: one element per line or, with two or more dimensions, one row
 * of the last dimension per line, separated by spaces.  Every field is padded to its
 * type's width (numbers on the left, strings on the right), so that the size follows
 * from the shape, and an element's position from its index.
 *
 *   bool                 0, 1
 *   floats               fs/values/decimal.h; nan, inf, -inf
 *   complex              1.0+2.0j
 *   decimals             -12.34
 *   dates, timestamps    2024-01-15, 2024-01-15T12:34:56.000001 (as in numpy; NaT)
 *   times                12:34:56.000001
 *   durations            the integer, in the type's unit
 *   S<n>                 control bytes, '\' and, with two or more dimensions, spaces
 *                        as \xHH; trailing NULs are dropped
 *   V<n>                 hex
 *   references           the path, by text_word(); - if null; hex if unknown;
 *                        as wide as the longest path in the archive
 *   null                 - (as view_validity() says)
 *
 * Not available for elements without a fixed width or packed below a byte, strings
 * of more than 4,096 bytes, and Fortran order.
 */

bool view_text_exists(const struct array *a);

/* Bytes of a field without its separator; 0 if there is no such view. */
unsigned view_text_width(const struct array *a);

/* Writes one element into a field of that width, swapping its bytes if it is big-endian. */
void view_text_field(const struct array *a, const uint8_t *element, char *field, unsigned width);

/* The same of a number, date or time, without padding; returns its length.  Not for strings and bytes. */
enum { VIEW_TEXT_NUMBER = 384 };
size_t view_text_number(const struct array *a, const uint8_t *element, char ret[VIEW_TEXT_NUMBER]);

/* The file that says which elements are null: NAME.validity, or, for what is in lists of fixed length,
 * NAME.values.validity and so on, the deepest there is.  Never an array that happens to have that name.  NULL: there
 * is none. */
struct node *view_validity(struct archive *a, const struct node *n);

/* The same; where a field of a struct has none, that of the struct, whose nulls are its own. */
struct node *view_nulls(struct archive *a, const struct node *n);

int view_text_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err);

/* Like archive_read(), but of the text.  Any thread. */
int view_text_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
