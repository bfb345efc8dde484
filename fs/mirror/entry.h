/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>

#include "fs/source/source.h"

struct held;

/*
 * The entries of a mirror: each stands for one name in a mirrored directory and
 * one generation of what bears it, as somebody knows it: the kernel, a reference,
 * or an entry below it.  Numbers are never used again.
 *
 * What nobody knows any more is kept for a while, since a file handle (an NFS
 * client's, say) may still name it: the last FORGOTTEN_MAX of them, as long as no
 * later generation bears the name.
 *
 * Everything here but entry_path() and entry_fd() is called under one lock, the
 * mirror's.
 */
struct entry {
	uint64_t id;
	struct entry *parent; /* NULL for the root; a child holds its parent */
	char *name;
	dev_t dev;            /* what bears the name, for good: of the target, if it is followed */
	ino_t ino;
	mode_t type;          /* S_IFMT of it */
	struct stat st;       /* when it was last looked at */
	struct stat judged;   /* when it was last opened to see whether it is an archive */
	bool archive;
	bool followed;        /* a link, shown as what it leads to */
	bool gone;            /* a later generation bears the name */
	bool confined;        /* as the table's */
	int base;             /* a descriptor of its own, or -1: the root, a covered folder */
	char *fault;
	uint64_t refs;        /* the kernel's, ours, and one for each child */
	struct held *held;    /* while it is open */
	bool opening;
	uint64_t told; /* what archive_access_sum() was when it was closed last; 0: it never was */
	uint64_t names_sum; /* as the archive's then (fs/mirror/shelf.h) */
	uint32_t *filled, nfilled; /* what was filled when it was closed last */
	struct entry *next_id, *next_name;
	struct entry *newer, *older; /* among the forgotten */
};

enum { ENTRY_BUCKETS = 1024, FORGOTTEN_MAX = 16384 };

struct entries {
	struct entry *by_id[ENTRY_BUCKETS], *by_name[ENTRY_BUCKETS];
	uint64_t next_id; /* the root's is 0 */
	bool confined;    /* no entry's path goes through a link */
	struct entry *newest, *oldest; /* of the forgotten */
	uint32_t forgotten;
};

struct entry *entry_find(struct entries *t, uint64_t id);

/* The present generation of that name, or NULL. */
struct entry *entry_named(struct entries *t, const struct entry *parent, const char *name);

/* Counts it once more, even if it was forgotten. */
void entry_keep(struct entries *t, struct entry *e);

/* Counted once for the caller; NULL if there is no memory. */
struct entry *entry_new(struct entries *t, struct entry *parent, const char *name, const struct stat *st);

/* A later generation bears the name: only those who hold the entry know it now. */
void entry_retire(struct entries *t, struct entry *e);

void entry_release(struct entries *t, struct entry *e, uint64_t times);
void entries_free(struct entries *t);

/* The folder that the entry's path starts from, and the path below it. */
int entry_path(const struct entry *e, struct folder *folder, char path[PATH_MAX], struct error *err);

/* A descriptor (O_PATH) of the entry, a directory; to be closed. */
int entry_fd(const struct entry *e, struct error *err);
