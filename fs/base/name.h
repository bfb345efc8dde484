/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * How an archive's names become names of files: here and nowhere else.
 *
 *   - control bytes, what is not UTF-8, and the dots of "." and ".." become '%'
 *     and two hex digits; every other byte stays, '%' itself too;
 *   - what is then longer than NAME_LONGEST keeps NAME_KEPT bytes (less, if a
 *     character or an escape would be cut), '~' and the raw name's hash;
 *   - nothing is called "_".
 *
 * NAME_LONGEST leaves room below the kernel's 255 for our suffixes.
 */
enum { NAME_LONGEST = 240, NAME_KEPT = 223, NAME_ROOM = 256 };

/* Shows one component, which has no '/' to separate by; ret is NUL-ended. */
size_t name_show(struct slice component, char ret[NAME_ROOM]);

/* Is it shown as it is?  Most names are; of some others that are, too, this says no. */
bool name_shows_itself(struct slice component);

/* The 64-bit FNV-1a of the bytes: what a shortened name ends in. */
uint64_t name_hash(struct slice s);

/* Are all bytes printable ASCII?  Most names are. */
bool name_plain(struct slice s);

/* For tables: fast, and with a seed that a file cannot know, so that none can be
 * made of names that all fall into one slot.  Any address will do for a seed. */
uint64_t slice_hash(struct slice s, const void *seed);

/* Bytes of the UTF-8 character at s, or 0 if there is none (overlong forms,
 * surrogates and what lies past U+10FFFF are none). */
size_t utf8_length(struct slice s);
bool utf8_valid(struct slice s);
size_t utf8_prefix(struct slice s); /* bytes before the first that begins none */
