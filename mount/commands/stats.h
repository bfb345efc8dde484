/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "fs/values/summary.h"
#include "mount/commands/idmap.h"
#include "mount/commands/progress.h"
#include "mount/options.h"
#include "mount/source.h"
#include "mount/terminal.h"

/*
 * The parts of stats.  The main thread walks SOURCE (stats.c), makes a job of each array, and reports the
 * results in the order of the walk (stats_tell.c, stats_rows.c).  Threads take pieces of the arrays
 * (stats_jobs.c): all of one array, if its bytes are in the file or in blocks that are decoded separately; of
 * several arrays at once, if each is one stream.
 *
 * Pieces are joined in their order, so that the last digit of a mean does not depend on which thread
 * was first.
 */
enum { JOBS = 256, PARTS = 64, STATS_THREADS_MAX = 64 };

struct job {
	struct job *next;      /* of those with pieces that no thread has taken */
	char *path;            /* below SOURCE */
	char *same;            /* another path to the same array, reported before: nothing is to be done; or NULL */
	struct mirror_ref ref; /* held, unless `same` */
	struct mirror_ref validity; /* of the same archive, not held; node NULL: none is null */
	uint64_t each, slots;  /* elements of a slot of the validity; and its slots */
	struct summary_plan plan;
	uint64_t size;         /* in bytes; UINT64_MAX: the end is found by reading */
	uint64_t count;        /* elements; likewise */
	uint64_t step;         /* elements of a piece */
	bool serial;           /* one piece after another */

	bool binning;          /* the second pass, for the histogram */
	uint64_t taken, joined; /* pieces of this pass */
	unsigned running;
	struct summary *parts; /* [PARTS], of pieces that are done, by their number */
	bool ready[PARTS];
	struct summary all;
	struct summary_bins bins; /* count 0: none */
	double *edges;
	uint64_t *counts;
	int failed;            /* -errno */
	struct error err;
	bool done;
};

struct stats {
	const struct options *options;
	struct opened opened;
	struct terminal terminal;
	const char *named;     /* the PATH that is walked */
	bool failed;
	bool counting;         /* only the total for the progress bar is added up */
	uint64_t total;
	struct idmap seen;     /* arrays of several names: 1 + the index of the first in `names` */
	char **names;
	size_t nnames;

	uint64_t told_arrays, nan_arrays;
	char *nan_path;        /* of the first that has NaN */
	uint64_t nan_count, nan_of;
	struct stats_rows *rows; /* those not yet written */

	pthread_mutex_t lock;
	pthread_cond_t more;   /* there is something to do, or nothing more will come */
	pthread_cond_t done;   /* a job is done */
	struct job *jobs[JOBS];
	uint64_t added, opened_jobs, told; /* totals */
	struct job *works, **tail; /* with pieces */
	bool stop;
	pthread_t threads[STATS_THREADS_MAX];
	unsigned count;
	struct progress progress;
};

/* --- jobs and threads (stats_jobs.c) ------------------------------------------------- */

/* Takes over the job, or NULL, for which there was no memory.  Reports earlier ones meanwhile. */
void stats_add(struct stats *s, struct job *j);
void stats_start(struct stats *s);
void stats_drain(struct stats *s); /* reports all there are */
void stats_end(struct stats *s);

/* --- an array (stats_array.c) ---------------------------------------------------------- */

/* How it is cut into pieces; -errno and a sentence in the job. */
void stats_open(struct job *j);

/* Whether a piece, by its number, may be begun, as far as is known. */
bool stats_has_piece(const struct job *j, uint64_t number);

/* A piece: adds to `part`, or to `counts` in the second pass.  *ret_bytes: of the file; *ret_end: how
 * many elements the array has, UINT64_MAX if that is not known yet. */
int stats_piece(struct stats *s, const struct job *j, uint64_t number, struct summary *part, uint64_t *counts, uint64_t *ret_bytes,
		uint64_t *ret_end, struct error *err);

/* Begins the second pass, if there is to be one; called with the lock held. */
bool stats_begin_bins(struct job *j, unsigned bins);

/* --- reporting, with the lock held ---------------------------------------- */

void stats_tell(struct stats *s, const struct job *j);
void stats_flush(struct stats *s, bool all); /* rows for people, before the main thread waits and at the end */
