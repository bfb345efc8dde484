/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/mirror/number.h"

/*
 * A bounded cache of open archives. An archive is in it from its opening until it is the least
 * recently used and room is needed; then it is closed as soon as nobody holds it. Whether its
 * files have descriptors is accounted for elsewhere (source_keep()).
 *
 * Everything here is called under the mirror's lock, and so never waits for a disk.
 */
struct open_archive {
	struct archive archive;
	unsigned holds;        /* others' references; the cache's own is `cached` */
	bool cached;
	size_t counted;        /* bytes of its tree, as counted in the cache's memory */
	struct open_archive **owner;   /* the mirror's pointer to it; set to NULL when it closes */
	struct open_archive *newer, *older;
	struct numbers_known numbers; /* handed out for its nodes */
	_Atomic uint64_t first_number[2], first_shared; /* of nodes, in the first and the later views; of arrays
							 * indexes may show; 0: unknown */
	_Atomic uint64_t unnamed_until; /* in ms: until then, no index is taken to name its arrays */
	pthread_mutex_t watching;   /* held while its files are stat'ed again */
	_Atomic uint64_t looked;    /* when that was, in ms */
	_Atomic unsigned changes;   /* changes of modes and owners seen */
	bool tell, tell_again;      /* they are still to be reported */
	_Atomic unsigned resized;   /* archive.resized when changed sizes were last reported */
	_Atomic uint64_t names_sum; /* checksum of the indexes naming its arrays, as last seen; 0: never */
};

struct open_archives {
	struct open_archive *newest, *oldest;
	unsigned count, count_max;
	size_t memory, memory_max; /* bytes of the trees */
	void (*closing)(struct open_archive *h); /* called before one that has an owner is closed */
};

/* Takes over the archive and holds it once for the caller. */
void open_archives_add(struct open_archives *s, struct open_archive *h);

/* Takes another hold and makes it the newest. */
void open_archives_hold(struct open_archives *s, struct open_archive *h);

/* Drops a hold and counts what the tree has grown by, for which others may be closed. */
void open_archives_release(struct open_archives *s, struct open_archive *h);

/* Closes all that nobody holds or is decoding from. */
void open_archives_evict(struct open_archives *s);

/* Closes all that nobody holds and drops the rest from the cache. */
void open_archives_clear(struct open_archives *s);
