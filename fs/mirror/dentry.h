/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>

#include "fs/source/source.h"

struct open_archive;

/*
 * The dentries of a mirror. Each stands for one name in a mirrored directory and one generation
 * of the file behind it, and is held by the kernel, by a reference, or by a dentry below it.
 * Ids are never reused.
 *
 * A dentry that nobody holds is kept for a while, since a file handle (an NFS client's, say)
 * may still name it: the last FORGOTTEN_MAX of them, each until a later generation takes its
 * name.
 *
 * Everything here but dentry_path() and dentry_fd() is called under the mirror's lock.
 */
struct dentry {
	uint64_t id;
	struct dentry *parent; /* NULL for the root; a child holds its parent */
	char *name;
	dev_t dev;            /* of the file, or of the target if followed; never change */
	ino_t ino;
	mode_t type;          /* its S_IFMT bits */
	struct stat st;       /* when it was last stat'ed */
	struct stat identified;   /* when it was last opened to identify it */
	struct stat opened;   /* its original, when it was last opened; all zero: it was not settled then */
	bool archive;
	bool followed;        /* a symlink, shown as its target */
	bool gone;            /* a later generation has the name */
	bool confined;        /* as in the table */
	int base;             /* its own descriptor (root, mountpoint), or -1 */
	char *fault;
	int fault_code; /* -errno, with fault */
	uint64_t refs;        /* the kernel's, ours, and one per child */
	struct open_archive *open;    /* NULL while closed */
	bool opening;
	uint64_t access_sum; /* archive_access_sum() when it was last open; 0: it never was */
	uint64_t names_sum; /* the archive's names_sum then (fs/mirror/open_archives.h) */
	uint32_t *filled, nfilled; /* directories that were filled when it was last closed */
	struct dentry *next_id, *next_name;
	struct dentry *newer, *older; /* in the list of forgotten dentries */
};

enum { DENTRY_BUCKETS = 1024, FORGOTTEN_MAX = 16384 };

struct dentries {
	struct dentry *by_id[DENTRY_BUCKETS], *by_name[DENTRY_BUCKETS];
	uint64_t next_id; /* the root's is 0 */
	bool confined;    /* no dentry's path goes through a symlink */
	struct dentry *newest, *oldest; /* list of forgotten dentries */
	uint32_t forgotten;
};

struct dentry *dentry_find(struct dentries *t, uint64_t id);

/* The name's current generation, or NULL. */
struct dentry *dentry_named(struct dentries *t, const struct dentry *parent, const char *name);

/* Takes a reference, even if it was forgotten. */
void dentry_keep(struct dentries *t, struct dentry *e);

/* Returns a new dentry with a reference for the caller; NULL if out of memory. */
struct dentry *dentry_new(struct dentries *t, struct dentry *parent, const char *name, const struct stat *st);

/* A later generation has the name: the dentry lives on only while somebody holds it. */
void dentry_retire(struct dentries *t, struct dentry *e);

void dentry_release(struct dentries *t, struct dentry *e, uint64_t times);
void dentries_free(struct dentries *t);

/* The folder that the dentry's path starts from, and the path below it. */
int dentry_path(const struct dentry *e, struct folder *folder, char path[PATH_MAX], struct error *err);

/* Opens the dentry, a directory, with O_PATH; the caller closes it. */
int dentry_fd(const struct dentry *e, struct error *err);
