/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * Walking the tree without a mount.  Archives are walked in their own order,
 * mirrored directories in the bytewise order of names.
 */
enum walk_kind {
	WALK_FILE,      /* or a link, or anything else that is no directory */
	WALK_DIR,       /* before what is in it */
	WALK_EMPTY_DIR, /* instead of WALK_DIR */
	WALK_SAME,      /* what was visited already, by the path `same`: a directory, which is not entered,
			 * or a file that an index and its own archive show */
	WALK_FAULT,     /* could not be looked at: `err` says why */
};

/* What a visit of a directory returns to have it left out, and of a file that is not wanted
 * by this path: by another it may be. */
enum { WALK_SKIP = -0x10000 };

/* path, of `len` bytes, is below SOURCE, without a leading '/'; "" is SOURCE itself.  Other than 0
 * (and WALK_SKIP) ends the walk. */
typedef int walk_visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		       const char *same, const struct error *err);

/* Visits what the path leads to, and all below.  Returns what a visit returned, or
 * 0; a path that leads nowhere is a WALK_FAULT. */
int walk_path(struct mirror *m, const char *path, walk_visit *visit, void *arg);

/* The same; a path that leads nowhere may be a pattern (mount/commands/glob.h): then all that
 * matches, and what is below that. */
int walk(struct mirror *m, const char *path, walk_visit *visit, void *arg);

/* The same below `view`, a path, where files bear a suffix that the PATH may lack. */
int walk_in_view(struct mirror *m, const char *view, const char *path, const char *suffix, walk_visit *visit, void *arg);

/* Finds what a path leads to, links in it followed, as open(2) does; the last
 * component too if follow.  -errno with a sentence. */
int walk_resolve(struct mirror *m, const char *path, bool follow, struct mirror_ref *ret, struct error *err);
