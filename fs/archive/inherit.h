/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * What an archive leaves for the next one of the same file, in case that has only grown: for the last
 * few files, identified by device and inode number.  The next archive must check whether it still
 * holds.  Any thread.
 */
enum { INHERIT_FILES = 8 };

struct inheritance {
	pthread_mutex_t lock;
	uint64_t clock;
	struct left {
		dev_t dev;
		ino_t ino;
		uint64_t when;
		void *what;
		void (*discard)(void *what); /* also identifies its kind */
	} all[INHERIT_FILES];
};

void inheritance_init(struct inheritance *i);
void inheritance_close(struct inheritance *i);

/* Takes it over; what was left before is discarded. */
void archive_leave(const struct archive *a, void *what, void (*discard)(void *what));

/* The caller's from then on; NULL: nothing of that kind was left. */
void *archive_inherit(const struct archive *a, void (*discard)(void *what));
