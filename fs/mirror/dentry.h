/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>

#include "fs/source/source.h"

struct open_archive;

/*
 * The dentries of a mirror: each stands for one name in a mirrored directory and
 * one generation of what bears it, as somebody knows it: the kernel, a reference,
 * or a dentry below it.  Numbers are never used again.
 *
 * What nobody knows any more is kept for a while, since a file handle (an NFS
 * client's, say) may still name it: the last FORGOTTEN_MAX of them, as long as no
 * later generation bears the name.
 *
 * Everything here but dentry_path() and dentry_fd() is called under one lock, the
 * mirror's.
 */
struct dentry {
	uint64_t id;
	struct dentry *parent; /* NULL for the root; a child holds its parent */
	char *name;
	dev_t dev;            /* what bears the name, for good: of the target, if it is followed */
	ino_t ino;
	mode_t type;          /* S_IFMT of it */
	struct stat st;       /* when it was last looked at */
	struct stat identified;   /* when it was last opened to see whether it is an archive */
	bool archive;
	bool followed;        /* a link, shown as what it leads to */
	bool gone;            /* a later generation bears the name */
	bool confined;        /* as the table's */
	int base;             /* a descriptor of its own, or -1: the root, a covered folder */
	char *fault;
	uint64_t refs;        /* the kernel's, ours, and one for each child */
	struct open_archive *open;    /* while it is open */
	bool opening;
	uint64_t access_sum; /* what archive_access_sum() was when it was closed last; 0: it never was */
	uint64_t names_sum; /* as the archive's then (fs/mirror/open_archives.h) */
	uint32_t *filled, nfilled; /* what was filled when it was closed last */
	struct dentry *next_id, *next_name;
	struct dentry *newer, *older; /* among the forgotten */
};

enum { DENTRY_BUCKETS = 1024, FORGOTTEN_MAX = 16384 };

struct dentries {
	struct dentry *by_id[DENTRY_BUCKETS], *by_name[DENTRY_BUCKETS];
	uint64_t next_id; /* the root's is 0 */
	bool confined;    /* no dentry's path goes through a link */
	struct dentry *newest, *oldest; /* of the forgotten */
	uint32_t forgotten;
};

struct dentry *dentry_find(struct dentries *t, uint64_t id);

/* The present generation of that name, or NULL. */
struct dentry *dentry_named(struct dentries *t, const struct dentry *parent, const char *name);

/* Counts it once more, even if it was forgotten. */
void dentry_keep(struct dentries *t, struct dentry *e);

/* Counted once for the caller; NULL if there is no memory. */
struct dentry *dentry_new(struct dentries *t, struct dentry *parent, const char *name, const struct stat *st);

/* A later generation bears the name: only those who hold the dentry know it now. */
void dentry_retire(struct dentries *t, struct dentry *e);

void dentry_release(struct dentries *t, struct dentry *e, uint64_t times);
void dentries_free(struct dentries *t);

/* The folder that the dentry's path starts from, and the path below it. */
int dentry_path(const struct dentry *e, struct folder *folder, char path[PATH_MAX], struct error *err);

/* A descriptor (O_PATH) of the dentry, a directory; to be closed. */
int dentry_fd(const struct dentry *e, struct error *err);
