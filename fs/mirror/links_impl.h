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

/* What the indexes of a folder name. */
struct folder_names {
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
	bool failed;               /* part of it could not be read at the time */
};

/* Guarded by the lock; but the thread for which it is busy looks at `names` without. */
struct index_folder {
	struct index_folder *next; /* most recently used first */
	char *path;                /* below SOURCE */
	struct folder_names names;
	uint64_t checked;          /* when that was last compared, in ms */
	unsigned users;            /* threads that use it, or wait to */
	bool busy;                 /* one of them is reading it, without the lock */
};

static inline uint64_t links_mixed(uint64_t sum, uint64_t word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15 + (sum >> 29);
}

/* Reads the folder at that path below SOURCE. Called without the lock, since it opens archives. */
void links_read(struct mirror *m, const char *path, struct folder_names *ret);

/* Whether the folder, or a file in it that may be an index, has changed since it was read. */
bool links_changed(const struct mirror *m, const char *path, const struct folder_names *f);

void links_free(struct folder_names *f);

/* Compares named files, for qsort(3) and bsearch(3). */
int links_by_file(const void *a, const void *b);
