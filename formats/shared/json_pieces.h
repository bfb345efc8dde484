/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/json.h"

/*
 * A JSON text that stands in a source and is read in pieces, each once, so that a text
 * of any length takes the memory of a piece.  The caller reads it in steps, such as one
 * member of an object: what the reader gave in a step is gone with the next.
 *
 *     json_pieces_open(&p, source, 0, len, arena, &j, err);
 *     while (json_pieces_step(&p, step, arg))
 *             ...
 *     return json_pieces_end(&p, failed, "the header");
 */
struct json_pieces {
	const struct source *source;
	uint64_t at, left; /* in the source: what is still to be read */
	struct json *j;
	struct arena *arena;
	uint8_t *bytes;
	size_t room, filled;
	size_t unchecked; /* of the last bytes, the beginning of a character */
	bool invalid;     /* what was read is not UTF-8 */
	int failed;       /* -errno of reading */
	struct error *err;
};

/* Begins, with a reader in *j; -errno and a sentence if nothing can be read.  All but the
 * source must stay where it is. */
int json_pieces_open(struct json_pieces *p, const struct source *s, uint64_t offset, uint64_t len, struct arena *arena,
		     struct json *j, struct error *err);

/* Returns what step(arg) returned, whose reader has the text well ahead of it.  Where that
 * was not enough and the reader failed, all of the text is brought and the step done
 * again, so it must not matter that it was begun before. */
bool json_pieces_step(struct json_pieces *p, bool (*step)(void *arg), void *arg);

/* 0 if all was read and is sound; else -errno with the sentence.  `found` is 0, or what the
 * caller found, with a sentence already: that counts, unless the text is not UTF-8. */
int json_pieces_end(struct json_pieces *p, int found, const char *what);
