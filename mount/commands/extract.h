/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"
#include "mount/commands/idmap.h"
#include "mount/commands/progress.h"
#include "mount/options.h"

/*
 * The parts of --extract: what is walked (extract.c), and how one file or link of it
 * gets its place below DEST (extract_file.c).
 */
struct extract {
	const struct options *options;
	struct mirror *m;
	int dest;
	struct progress progress;
	bool in_dest; /* the fault at hand is DEST's, not SOURCE's */

	/* A file with several names is written once, and linked after that: its number,
	 * of those whose paths are known, by its inode. */
	struct idmap written;
	char **paths;
	size_t npaths;

	struct idmap cleaned; /* folders in which nothing is left of a run that was killed */
	char *folder;         /* that at hand, most often the one before */
	int folder_fd;
};

/* Where the .npy files stand. */
#define NPY_VIEW ".arrayfs/npy"

/* Set by Ctrl-C and the like: the file at hand is removed, then the signal has
 * its way. */
extern _Atomic int extract_stopped;

/* `path` is that below DEST.  -errno with a sentence; more than 0 if stopped. */
int extract_file(struct extract *x, const char *path, const struct mirror_ref *ref, struct error *err);

/* A directory that was written by the path `same`: a link to that. */
int extract_same(struct extract *x, const char *path, const char *same, struct error *err);

int extract_empty_folder(struct extract *x, const char *path, struct error *err);

void extract_free(struct extract *x);
