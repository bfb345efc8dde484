/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/impl.h"

/*
 * What the files of the counting of names share: links.c keeps folders and is asked,
 * links_read.c reads a folder.
 */

/* A file whose arrays are named by indexes of a folder. */
struct named_file {
	struct number_owner file;
	uint32_t count;  /* of numbers */
	uint32_t *names; /* by the array's number: how many the indexes give it */
};

struct index_folder {
	struct index_folder *next; /* those used last come first */
	char *path;                /* below SOURCE */
	struct named_file *files;
	uint32_t nfiles;
	struct candidate {
		char *name;
		bool sure;
	} *indexes;                /* files that may be indexes; sure: by their names alone */
	uint32_t nindexes;
	size_t bytes;
	uint64_t sum;              /* of all that they name; 0 for nothing */
	uint64_t stamp;            /* of the folder and those files */
	uint64_t checked;          /* when that was asked last, in ms */
	unsigned users;            /* who look at it, or wait to */
	bool busy;                 /* one of them reads it, without the lock */
	bool failed;               /* some of it could not be had just now */
};

static inline uint64_t links_mixed(uint64_t sum, uint64_t word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15 + (sum >> 29);
}

/* Reads the folder anew; without the lock, since archives are opened on the way. */
void links_read(struct mirror *m, struct index_folder *f);

/* Has the folder, or one of the files in it that may be indexes, changed since? */
bool links_changed(const struct mirror *m, const struct index_folder *f);

void links_empty(struct index_folder *f);

/* Of the folder's files, by what qsort(3) and bsearch(3) ask. */
int links_by_file(const void *a, const void *b);
