/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/* Bytes that a thread reads at a time: few enough to stay in the processor's cache. */
enum { COPY_PIECE = 4 << 20 };

/* COPY_ROOM: a piece and what an answer's alignment takes, in whole huge pages. */
enum { COPY_ROOM = 6 << 20, COPY_ROOMS = 66 };

/* Memory for pieces, which copies use one after another. Only `blocks` is set at first. */
struct copy_memory {
	struct blocks *blocks; /* the cache, whose threads and budget determine the number of rooms */
	void *map;
	size_t len;
	unsigned count;
	struct copy_room {
		uint8_t *bytes;
		bool small; /* not in huge pages */
		bool given; /* its pages may still be in a pipe */
	} rooms[COPY_ROOMS];
};

/* Maps the rooms unless that was done; false if out of memory. */
bool copy_memory_map(struct copy_memory *m);
void copy_memory_close(struct copy_memory *m);

/* Gives the room fresh pages if a pipe has taken its own; if that fails, returns false: then
 * it must not be used. */
bool copy_room_renew(struct copy_room *r);

/* Fills the room with huge pages, which are worth giving to a pipe; false if it has small ones. */
bool copy_room_fill(struct copy_room *r);

/*
 * Copies a file of the tree, or `len` bytes of it from `begin` on, to a descriptor.
 * `progress` is called with the number of bytes just copied; a return value other than 0
 * ends the copy, which then returns that value. On failure, everything before the faulty
 * byte has been written; returns -errno with a message, and `writing` says which side
 * failed.
 */
struct copy {
	int out;
	uint64_t begin, len; /* 0: to the end */
	int (*progress)(void *arg, uint64_t bytes);
	void *arg;
	struct copy_memory *memory;
	bool writing; /* writing failed, not reading the archive */
};
int copy_file(struct mirror *m, const struct mirror_ref *ref, struct copy *c, struct error *err);
