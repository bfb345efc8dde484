/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * A part of a file, contiguous in memory: what a thread that looks at values takes at a time.
 * Mapped data is looked at in place; decoded data comes in smaller pieces, since it may have to be
 * copied together.
 */
enum { PIECE_MAPPED = 8 << 20, PIECE_DECODED = 1 << 20 };

struct piece {
	const uint8_t *at;
	uint64_t len;
	struct source *mapped; /* the source it is mapped from, or NULL: access it between source_enter() and source_leave() */
	uint64_t offset;       /* in that source */
	uint8_t *own;          /* a copy, allocated */
	struct answer answer;
};

/* Whether the file's bytes are read where they are mapped. */
bool piece_is_mapped(const struct mirror_ref *ref);

/* All of [offset, offset + len), or an error: it ends early.  fd: as for mirror_read().  Begin
 * with {0}, and close it in any case. */
int piece_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct piece *ret, struct error *err);

/* The same, but it may end early, at the end of the file: `len` says where. */
int piece_read_some(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct piece *ret,
		    struct error *err);

/* Zeros are added until it is a multiple of `unit` bytes. */
int piece_pad(struct piece *p, uint64_t unit, struct error *err);

/* That many equal bytes. */
int piece_fill(struct piece *ret, uint8_t byte, uint64_t len, struct error *err);

void piece_close(struct piece *p);
