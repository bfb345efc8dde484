/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"
#include "mount/commands/copy.h"
#include "mount/commands/idmap.h"
#include "mount/commands/progress.h"
#include "mount/options.h"

/*
 * The parts of --extract: the walk (extract.c), and the writing of each file or link
 * below DEST (extract_file.c).
 */
struct extract {
	const struct options *options;
	struct mirror *m;
	int dest;
	struct progress progress;
	struct copy_memory memory;
	bool in_dest; /* the current fault is DEST's, not SOURCE's */

	/* A file with several names is written once, then hard-linked: maps its inode to
	 * 1 + the index of its first path in `paths`. */
	struct idmap written;
	char **paths;
	size_t npaths;

	struct idmap cleaned; /* folders already cleared of leftovers of a killed run */
	char *folder;         /* the current folder, usually that of the previous file */
	int folder_fd;
};

/* The view that holds the .npy files. */
#define NPY_VIEW ".arrayfs/npy"

/* Set by SIGINT and other signals: the current file is removed, then the signal takes its
 * default action. */
extern _Atomic int extract_stopped;

/* `path` is relative to DEST. Returns -errno with a message; more than 0 if stopped by a
 * signal. */
int extract_file(struct extract *x, const char *path, const struct mirror_ref *ref, struct error *err);

/* Writes a link to a directory that was written before, by the path `same`. */
int extract_same(struct extract *x, const char *path, const char *same, struct error *err);

int extract_empty_folder(struct extract *x, const char *path, struct error *err);

void extract_free(struct extract *x);
