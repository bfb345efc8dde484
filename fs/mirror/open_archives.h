/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/mirror/number.h"

/*
 * Open archives, a bounded number of them.  An archive is in the cache from its
 * opening until it was not used for longest and room is needed; then it is closed as
 * soon as nobody holds it.  Whether its files have descriptors is another account's
 * affair (source_keep()).
 *
 * Everything here is called under one lock, the mirror's, and so does nothing that
 * waits for a disk.
 */
struct open_archive {
	struct archive archive;
	unsigned holds;        /* of others; the cache's own is `cached` */
	bool cached;
	size_t counted;        /* bytes of its tree, in the cache's memory */
	struct open_archive **owner;   /* where the mirror points at it; set to NULL when it closes */
	struct open_archive *newer, *older;
	struct numbers_known numbers; /* of its nodes, as far as they were asked for */
	_Atomic uint64_t first_number, first_shared; /* of its nodes; of the arrays that indexes may show; 0 for not known */
	_Atomic uint64_t unnamed_until; /* ms: no index names any of its arrays, as far as was asked last */
	pthread_mutex_t watching;   /* held to look at its files anew */
	_Atomic uint64_t looked;    /* when that was, in milliseconds */
	_Atomic unsigned changes;   /* of modes and owners, that were seen */
	bool tell, tell_again;      /* they are still to be told */
	_Atomic unsigned resized;   /* the archive's, when its sizes were last told to have changed */
	_Atomic uint64_t names_sum; /* of the indexes that name its arrays, at the last look; 0 before */
};

struct open_archives {
	struct open_archive *newest, *oldest;
	unsigned count, count_max;
	size_t memory, memory_max; /* of the trees */
	void (*closing)(struct open_archive *h); /* told before one is closed, if it has an owner */
};

/* Takes the archive over and holds it once for the caller. */
void open_archives_add(struct open_archives *s, struct open_archive *h);

/* Holds it once more, and makes it the newest. */
void open_archives_hold(struct open_archives *s, struct open_archive *h);

/* What it has grown by since is counted: others may have to go for it. */
void open_archives_release(struct open_archives *s, struct open_archive *h);

/* Closes what nobody holds. */
void open_archives_evict(struct open_archives *s);

/* Closes what nobody holds, and forgets the rest. */
void open_archives_clear(struct open_archives *s);
