/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/impl.h"

/*
 * Shared by the files that count names: links.c caches folders and answers queries,
 * links_read.c reads a folder.
 */

/* A file whose arrays are named by a folder's indexes. */
struct named_file {
	struct number_owner file;
	uint32_t count;  /* entries in `names` */
	uint32_t *names; /* by array number: how many names the indexes give it */
};

struct index_folder {
	struct index_folder *next; /* most recently used first */
	char *path;                /* below SOURCE */
	struct named_file *files;
	uint32_t nfiles;
	struct candidate {
		char *name;
		bool sure;
	} *indexes;                /* files that may be indexes; sure: by their names alone */
	uint32_t nindexes;
	size_t bytes;
	uint64_t sum;              /* checksum of all that they name; 0: nothing */
	uint64_t stamp;            /* checksum of the stats of the folder and those files */
	uint64_t checked;          /* when that was last compared, in ms */
	unsigned users;            /* threads that use it, or wait to */
	bool busy;                 /* one of them is reading it, without the lock */
	bool failed;               /* part of it could not be read at the time */
};

static inline uint64_t links_mixed(uint64_t sum, uint64_t word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15 + (sum >> 29);
}

/* Rereads the folder. Called without the lock, since it opens archives. */
void links_read(struct mirror *m, struct index_folder *f);

/* Whether the folder, or a file in it that may be an index, has changed since it was read. */
bool links_changed(const struct mirror *m, const struct index_folder *f);

void links_empty(struct index_folder *f);

/* Compares named files, for qsort(3) and bsearch(3). */
int links_by_file(const void *a, const void *b);
