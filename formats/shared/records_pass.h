/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/records_impl.h"

/* The pass over all records: what its workers find together. */
enum { WINDOW = 1024 /* spans that may be passed before an earlier one is */ };

/* Some consecutive spans. */
struct slot {
	uint64_t at, rows, bad;
	uint64_t *sums; /* of each column by its number: total, raw */
	uint32_t room;  /* columns */
};

struct records_pass {
	struct archive *a;
	struct records_table *t;
	struct arena arena; /* of the columns that are common */
	struct records_column **columns; /* by number */
	uint32_t count, leaves;

	pthread_mutex_t take; /* of what is taken next */
	uint64_t next, size;
	_Atomic uint64_t span;
	bool ended;
	uint8_t *carry;       /* of a stream: what has been decoded past `next` */
	size_t carried, carry_room;
	uint64_t stretch, skip; /* the next to decode; and bytes of that before the first record */
	bool last;            /* there is none */

	pthread_mutex_t lock; /* of everything else */
	pthread_cond_t passed;
	struct slot *slots;
	uint64_t nslots;
	unsigned shift;       /* a slot is 1 << shift spans */
	size_t used;          /* bytes of the slots */
	uint64_t units[WINDOW]; /* of spans that were passed */
	bool done[WINDOW];
	uint64_t low, before; /* all spans before `low`, and the units of these */
	int failed;
	uint64_t failed_span, failed_units;
	bool broken;          /* what failed is a record */
	struct error why;
	uint64_t end;         /* where an incomplete record is left out, */
	bool end_bad;         /* which is broken */
	bool told;
	uint64_t *overwritten;
	uint32_t noverwritten;
};

/* --- workers, records_workers.c ---------------------------------------------------------------- */

/* Passes over all spans, on all processors; a failure in one is in `failed`. */
int records_run_workers(struct records_pass *p, struct error *err);

/* Makes a slot of twice as many spans, so that there are half as many; false: no memory. */
bool records_halve_slots(struct records_pass *p);

/* --- of a file that grows, records_grow.c ----------------------------------------------------- */

/* Leaves what the pass found, before it is settled, for a later one. */
void records_leave(const struct records_pass *p);

/* Continues where an earlier pass ended, if the file has only grown since. */
void records_go_on(struct records_pass *p);
