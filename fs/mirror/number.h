/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Inode numbers, as users see them (st_ino).  They depend on the source's files
 * alone, so that a number stays when the kernel has forgotten the inode, whatever
 * was looked at first, and is the same in another mount of the same source.
 *
 * What lies on SOURCE's own file system keeps its number there, which is below
 * 2^63.  Between 2^63 and 3 * 2^62 all else is numbered in ranges: the arrays of an
 * archive, files of other file systems.  Where a range lies is a hash of its
 * owner; ranges never overlap, since one that would goes elsewhere.  Only then
 * does it matter who came first: among 10,000 archives of fewer than 2^24 nodes
 * that happens once in 700 sources.  A range once given out is remembered for
 * good, in some 90 bytes.
 *
 * Above are the nodes of archives whose directories are filled on first look, so that
 * nobody knows how many there will be: each has a hash of what identifies it.
 * Within an archive no two are the same, as long as it is open; that
 * two of different archives are, has a chance of 1 in 10,000 among 30 million.
 *
 * Any thread.
 */
struct numbers {
	dev_t dev; /* SOURCE's file system */
	pthread_mutex_t lock;
	void *ranges; /* a tree as of tsearch(3) */
};

/* Whose range it is: one generation of a file, and something in it or 0. */
struct number_owner {
	uint64_t dev, ino, size, mtime, part;
};

/* The hashed numbers of an archive's nodes that were asked for.  Start from {0}. */
struct numbers_known {
	struct number_slot { uint64_t number; uint32_t node; } *slots; /* number 0: free */
	uint32_t mask, used;
};

void numbers_init(struct numbers *n, dev_t dev);
void numbers_close(struct numbers *n);

/* The number of a file or directory, by what stat tells. */
uint64_t numbers_file(struct numbers *n, dev_t dev, ino_t ino);

/* The first of 2^bits numbers (bits < 62) that are the owner's. */
uint64_t numbers_range(struct numbers *n, const struct number_owner *owner, unsigned bits);

/* The first of eight numbers of a node, which `owner` identifies, among those of its archive. */
uint64_t numbers_hashed(struct numbers *n, struct numbers_known *known, const struct number_owner *owner, uint32_t node);
void numbers_known_free(struct numbers_known *known);
