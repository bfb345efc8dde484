/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/entry.h"
#include "fs/mirror.h"
#include "fs/shelf.h"

/*
 * What the files of the mirror share: mirror.c holds references and archives,
 * mirror_look.c finds names, mirror_read.c reads directories and files.
 */

/* Descriptors: archives on the shelf, and files passed through that are open.
 * The rest of the usual 1,024 is for directories, threads and the kernel. */
enum { ARCHIVES_MAX = 128, FILES_MAX = 512 };

/* Bytes of metadata, of all archives on the shelf but the newest. */
enum { METADATA_MAX = 24 << 20 };

struct mirror {
	const struct format *const *formats;
	struct mirror_options options;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	struct entries entries;
	struct entry *root;
	struct folder folder; /* of SOURCE, or that it lies in */
	char *real;           /* SOURCE's absolute path, to tell whether a link leads out */
	struct shelf shelf;
	_Atomic unsigned files; /* that somebody holds open */
	struct {
		dev_t dev;
		ino_t ino;
		char *name;
		int fd;
	} cover; /* the folder that is mounted over */
};

/* How the entry's file may be followed. */
enum reach mirror_reach(const struct mirror *m, const struct entry *e);

/* Opens a file that was not looked at yet, or has changed, to see what it is.
 * m->lock is held, and let go meanwhile: others wait, since the entry is
 * `opening`. */
void mirror_judge(struct mirror *m, struct entry *e);

/* Completes a reference whose entry is already counted; m->lock is held. */
int mirror_ref_complete(struct mirror *m, struct mirror_ref *ref, struct error *err);
