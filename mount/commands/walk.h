/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * Walking the tree without a mount.  Archives are walked in their own order,
 * mirrored directories in the bytewise order of names.
 */
enum walk_kind {
	WALK_FILE,      /* or a link, or anything else but a directory */
	WALK_DIR,       /* before its contents */
	WALK_EMPTY_DIR, /* instead of WALK_DIR */
	WALK_CLOSED,    /* instead of either: a directory as deep as the walk goes; it was not looked into */
	WALK_SAME,      /* visited before, by the path `same`: a directory, which is not entered,
			 * or a file that both an index and its own archive show */
	WALK_FAULT,     /* could not be accessed: `err` says why */
};

/* A visit returns this to skip a directory; or for a file that is not wanted by this
 * path, though it may be by another. */
enum { WALK_SKIP = -0x10000 };

/* `path`, of `len` bytes, is relative to SOURCE, without a leading '/'; "" is SOURCE
 * itself. A return value other than 0 and WALK_SKIP ends the walk. */
typedef int walk_visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		       const char *same, const struct error *err);

/* Visits what the path leads to, and everything below. Returns 0, or the value by which a
 * visit ended the walk; a path that does not exist is a WALK_FAULT. */
int walk_path(struct mirror *m, const char *path, walk_visit *visit, void *arg);

/* The same, but a path that is a link leads to what that leads to. */
int walk_from(struct mirror *m, const char *path, walk_visit *visit, void *arg);

/* The same, but a path that does not exist may be a pattern (mount/commands/glob.h):
 * visits all that matches, and everything below that. */
int walk(struct mirror *m, const char *path, walk_visit *visit, void *arg);

/* How deep a walk goes, in components below the path where it began, or below what matched the
 * pattern. */
struct walk_depth {
	unsigned most; /* 0: any */
	size_t from;   /* for the walk: the length of that path; SIZE_MAX: nothing has matched */
};

/* The same, but does not enter directories that are so deep. */
int walk_to(struct mirror *m, const char *path, struct walk_depth *depth, walk_visit *visit, void *arg);
int walk_path_to(struct mirror *m, const char *path, struct walk_depth *depth, walk_visit *visit, void *arg);

/* For a visit: how deep is the path? */
size_t walk_depth_of(const struct walk_depth *depth, const char *path, size_t len);

/* The same as walk() below `view`, a path, where files have a suffix that PATH may omit. */
int walk_in_view(struct mirror *m, const char *view, const char *path, const char *suffix, walk_visit *visit, void *arg);

/* Resolves a path, following symbolic links like open(2), and the last component's too if
 * `follow`. Returns -errno with a message. */
int walk_resolve(struct mirror *m, const char *path, bool follow, struct mirror_ref *ret, struct error *err);
