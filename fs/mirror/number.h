/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Inode numbers as users see them (st_ino). They depend on the source's files alone, so a
 * number survives the kernel forgetting the inode, does not depend on what was looked up first,
 * and is the same in another mount of the same source.
 *
 * Files on SOURCE's own file system keep their number there, which is below 2^63. Everything
 * else (arrays in archives, files of other file systems) is numbered in ranges between 2^63 and
 * 3 * 2^62. A range is placed by a hash of its owner; one that would overlap another goes
 * elsewhere, so ranges never overlap. Only then does it matter who came first: among 10,000
 * archives of fewer than 2^24 nodes, that happens once in 700 sources. A range, once handed
 * out, is remembered for good, in some 90 bytes.
 *
 * Above those are the nodes of archives whose directories are filled on first access, so that
 * their number is not known in advance: each gets a hash of what identifies it. Within an
 * archive, no two are the same while it is open; the chance that two of different archives are
 * is 1 in 10,000 among 30 million.
 *
 * Any thread may call.
 */
struct numbers {
	dev_t dev; /* SOURCE's file system */
	pthread_mutex_t lock;
	void *ranges; /* a tsearch(3) tree */
};

/* The owner of a range: one generation of a file, and a part of it or 0. */
struct number_owner {
	uint64_t dev, ino, size, mtime, part;
};

/* The hashed numbers handed out for an archive's nodes. Initialize to {0}. */
struct numbers_known {
	struct number_slot { uint64_t number; uint32_t node; } *slots; /* number 0: free */
	uint32_t mask, used;
};

void numbers_init(struct numbers *n, dev_t dev);
void numbers_close(struct numbers *n);

/* The number of a file or directory with that st_dev and st_ino. */
uint64_t numbers_file(struct numbers *n, dev_t dev, ino_t ino);

/* Returns the first of the owner's 2^bits numbers (bits < 62). */
uint64_t numbers_range(struct numbers *n, const struct number_owner *owner, unsigned bits);

/* Returns the first of the eight numbers of a node, which `owner` identifies; `known` holds
 * those of its archive. */
uint64_t numbers_hashed(struct numbers *n, struct numbers_known *known, const struct number_owner *owner, uint32_t node);
void numbers_known_free(struct numbers_known *known);
