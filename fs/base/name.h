/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * Maps an archive's names to file names; no other code does.
 *
 *   - control bytes, invalid UTF-8, and the dots of "." and ".." become '%' and two
 *     hex digits; every other byte stays, even '%' itself;
 *   - a result longer than NAME_LONGEST is cut to NAME_KEPT bytes (fewer, so as not
 *     to split a character or an escape), followed by '~' and the raw name's hash;
 *   - an empty name becomes "_".
 *
 * NAME_LONGEST leaves room for our suffixes within NAME_MAX (255).
 */
enum { NAME_LONGEST = 240, NAME_KEPT = 223, NAME_ROOM = 256 };

/* Maps one path component (no '/' in it) and returns the length; ret is NUL-terminated. */
size_t name_show(struct slice component, char ret[NAME_ROOM]);

/* Does the name map to itself?  A quick check: false for some names that do, too. */
bool name_shows_itself(struct slice component);

/* 64-bit FNV-1a: the hash at the end of a shortened name. */
uint64_t name_hash(struct slice s);

/* Are all bytes printable ASCII?  Most names are. */
bool name_plain(struct slice s);

/* For hash tables: fast, and seeded, so that nobody can craft a file whose names all
 * collide.  Any address serves as the seed. */
uint64_t slice_hash(struct slice s, const void *seed);

/* The length of the UTF-8 character at the start of s; 0 if it is invalid (overlong
 * forms, surrogates and code points past U+10FFFF are). */
size_t utf8_length(struct slice s);
bool utf8_valid(struct slice s);
size_t utf8_prefix(struct slice s); /* the length of the valid prefix */
size_t utf8_put(uint32_t c, uint8_t *out); /* at most 4 bytes; U+FFFD for what is no character */
size_t utf8_put_surrogate(uint32_t c, uint8_t *out); /* the same for c up to 0x10ffff, but a surrogate as Python's surrogatepass */
