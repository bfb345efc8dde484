/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * The files of a folder that together are one archive: found once, each opened
 * as an archive of its own whenever it is read.  A bounded number is open at a
 * time, however many there are.
 *
 * A part is what it was when it was found: once its file was replaced, removed,
 * resized or rewritten, it is -EIO for good, and never another file's bytes.
 *
 * parts_find() first, then any number of threads.
 */
struct part {
	const char *path;  /* below the folder, in the arena */
	dev_t dev;         /* as it was found */
	ino_t ino;
	uint64_t size;
	struct timespec mtime;
	bool wished;       /* its name says that it belongs here */
	bool opening;
	struct parts *in;
	struct archive *archive;     /* while it is open */
	unsigned holds;
	struct part *newer, *older;  /* of those that are open */
};

struct parts {
	struct archive *whole;
	const struct format *formats[2]; /* of the parts */
	struct part *all;                /* in bytewise order of their paths; in the archive's arena */
	uint32_t count;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	struct part *newest, *oldest;
	uint32_t open;
	size_t memory; /* of theirs */
};

/* Is shown each name that is met on the way, also of what is left out; other than 0
 * refuses the folder. */
typedef int parts_visit(const struct archive *whole, const char *path, bool directory, struct error *err);

/*
 * Finds the regular files below the archive's folder, in all its directories, save
 * those whose names begin with '.' or '_', but for directories _KEY=VALUE.  A symbolic link to a file counts as
 * that file under the link's name, unless the file is there itself; links to
 * directories are followed only where the folder is not confined, each directory
 * once.  In a confined folder, a link that leads out of it is left out, but is an
 * error if its name says that it belongs to the table: half a table is none.
 */
int parts_find(struct parts *p, struct archive *whole, const struct format *format, parts_visit *visit, struct error *err);
void parts_close(struct parts *p);

/* Holds the part's archive open, until part_release().  -ENOTSUP without a
 * sentence if it is none of the format's. */
int part_hold(struct part *part, struct archive **ret, struct error *err);
void part_release(void *part);

/* It will be held soon: a worker may open it. */
void part_prefetch(struct part *part);
