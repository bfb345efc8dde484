/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/source/source.h"
#include "fs/values/json.h"

/*
 * Reads a JSON text from a source in pieces, each once, so that a text of any length
 * takes only one piece of memory.  The caller reads it in steps, such as one member of
 * an object: what the reader returned in a step is invalid after the next.
 *
 *     json_pieces_open(&p, source, 0, len, arena, &j, err);
 *     while (json_pieces_step(&p, step, arg))
 *             ...
 *     return json_pieces_end(&p, failed, "the header");
 */
struct json_pieces {
	const struct source *source;
	uint64_t at, left; /* what is left to read, in the source */
	struct json *j;
	struct arena *arena;
	uint8_t *bytes;
	size_t room, filled;
	size_t unchecked; /* trailing bytes that are the beginning of a character */
	bool invalid;     /* the text is not UTF-8 */
	int failed;       /* -errno if reading failed */
	struct error *err;
};

/* Begins reading, by the reader *j; -errno and a message if nothing can be read. Apart from
 * the source, no argument may move afterwards. */
int json_pieces_open(struct json_pieces *p, const struct source *s, uint64_t offset, uint64_t len, struct arena *arena,
		     struct json *j, struct error *err);

/* Calls step(arg) with a good amount of text ahead, and returns its result. If that was not
 * enough and the reader failed, loads the rest of the text and repeats the step, which must
 * therefore be repeatable. */
bool json_pieces_step(struct json_pieces *p, bool (*step)(void *arg), void *arg);

/* Returns 0 if everything was read and is valid; else -errno with a message. `found` is 0, or
 * an error that the caller has already reported: it takes precedence, unless the text is not
 * UTF-8. */
int json_pieces_end(struct json_pieces *p, int found, const char *what);
