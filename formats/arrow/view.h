/* SPDX-License-Identifier: MIT */
#pragma once
#include <endian.h>

#include "formats/arrow/arrow.h"
#include "fs/archive/pieces.h"

/*
 * One batch as seen from one field: the fields on the path down to it, with the buffers that
 * determine which of its slots are shown, and which of those are null.
 *
 * A slot of a field's buffers is shown unless it belongs to a null list, or to no list at all:
 * what a file holds there has no meaning.  The slots that are shown, in their order, form runs
 * of adjacent slots.  Mostly there is one.
 */

/* A buffer of a batch, decoded.  A mapped one is read only between arrow_view_enter() and
 * arrow_view_leave(), by arrow_buffer_at(). */
struct buffer {
	struct slice bytes;
	struct block *block;  /* held; NULL: mapped, or empty */
	struct extent mapped; /* where in the source */
	uint64_t low, high;   /* the bytes that were read since the last check; high 0: none */
};

/* [from, from + len), which is within the buffer. */
static inline const uint8_t *arrow_buffer_at(struct buffer *b, uint64_t from, uint64_t len)
{
	if (b->high == 0 || from < b->low)
		b->low = from;
	if (from + len > b->high)
		b->high = from + len;
	return b->bytes.data + from;
}

struct level {
	const struct field *field;
	struct part part;
	struct buffer validity; /* empty: no nulls */
	struct buffer offsets;  /* LIST, STRING, LIST_VIEW; the views of VIEW; the run ends of RUN_END */
	struct buffer sizes;    /* LIST_VIEW */
	unsigned reach; /* in how many levels, from this one upwards, a null makes its slots null, */
	bool masked;    /* if any of them has nulls */
	bool single;    /* its slots that are shown are one run: */
	uint64_t at, count; /* from there on; how many they are, in any case */
	uint64_t ends;  /* of RUN_END: how many run ends there are */

	/* Where what it leads to is not single, or known only from these. */
	const struct steps *steps;
	struct block *steps_block;
};

enum { VIEW_FEW = 6, VIEW_DEPTH = 64 };
struct view {
	struct archive *a;
	const struct table *table;
	uint32_t batch;
	bool big;
	struct level *levels; /* `depth` of them; the last is the field's own */
	unsigned depth;
	struct level few[VIEW_FEW];
	struct arena scratch;
};

/* `within`: the block that the caller decodes, or NULL.  arrow_view_close() in any case. */
int arrow_view_open(struct view *v, struct archive *a, const struct table *t, uint32_t batch, const struct field *f,
	      struct block *within, struct error *err);
void arrow_view_close(struct view *v);

static inline struct level *view_last(struct view *v)
{
	return &v->levels[v->depth - 1];
}

/* What the shown slots of the last level lead to: the slots of a child, the bytes of strings.  Also
 * gets the buffers needed for that. */
struct lead {
	bool single;        /* one run: */
	uint64_t at, count; /* from there on; how many, in any case */
};
int arrow_view_lead(struct view *v, struct block *within, struct lead *ret, struct error *err);

/* The same, but only the buffers. */
int arrow_view_lead_buffers(struct view *v, struct block *within, struct error *err);

/* Decodes a buffer of the batch, or maps it. */
int arrow_view_buffer(struct view *v, uint8_t codec, struct extent where, uint32_t number, struct block *within, struct buffer *ret,
		struct error *err);
void arrow_buffer_release(struct buffer *b);
/* Its decoded length, without decoding it. */
int arrow_view_buffer_length(struct view *v, uint8_t codec, struct extent where, uint64_t *ret, struct error *err);
void arrow_view_buffer_prefetch(struct archive *a, const struct table *t, uint32_t batch, uint32_t number);

/* Mapped buffers are read in between; after it, the checks are -EIO if what was read was not in
 * the file: of all levels, and of one buffer. */
void arrow_view_enter(struct view *v);
void arrow_view_leave(void);
int arrow_view_check(struct view *v, struct error *err);
int arrow_buffer_check(struct view *v, struct buffer *b, struct error *err);

/* A number of 1, 2, 4 or 8 bytes. */
static inline uint64_t load_unsigned(const uint8_t *p, unsigned width, bool big)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;
	switch (width) {
	case 1: return *p;
	case 2: memcpy(&two, p, 2); return big ? be16toh(two) : le16toh(two);
	case 4: memcpy(&four, p, 4); return big ? be32toh(four) : le32toh(four);
	default: memcpy(&eight, p, 8); return big ? be64toh(eight) : le64toh(eight);
	}
}

static inline void store_number(uint8_t *out, uint64_t value, unsigned width, bool big)
{
	uint64_t bytes = big ? htobe64(value << (64 - 8 * width)) : htole64(value);
	memcpy(out, &bytes, width);
}

static inline int64_t load_signed(const uint8_t *p, unsigned width, bool big)
{
	unsigned shift = 64 - 8 * width;
	return (int64_t)(load_unsigned(p, width, big) << shift) >> shift;
}

/* --- runs.c ------------------------------------------------------------------------
 * All but arrow_steps_decode() between arrow_view_enter() and arrow_view_leave(). */

struct run {
	uint64_t at, count; /* slots of the level's buffers */
};

/* What slots of the level lead to, each: of a VIEW only the count.  A null one leads to nothing. */
int arrow_level_leads(struct view *v, unsigned level, uint64_t at, uint64_t count, struct run *ret, struct error *err);

/* ok[i]: is slot at + i valid, and all that masks it? */
void arrow_level_valid(struct view *v, unsigned level, uint64_t at, uint64_t count, uint8_t *ok);

/* Where a run of RUN_END ends, as stored. */
int64_t arrow_level_run_end(struct view *v, unsigned level, uint64_t run);

/* The runs of RUN_END that hold the slots, which are at least one. */
int arrow_level_run_ends(struct view *v, unsigned level, struct run slots, struct run *ret, struct error *err);

/* The slots of a level that are shown, in order. */
struct runs {
	struct view *view;
	unsigned level;
	struct walk {
		struct run left;    /* not yet returned, of the level's run */
		struct run *leads;  /* of the slots of the level above */
		unsigned nleads, next;
	} walks[VIEW_DEPTH];
};
enum { RUNS_LEADS = 256 };

/* Allocates; before arrow_view_enter(). */
struct runs *arrow_runs_begin(struct view *v, unsigned level, struct error *err);
int arrow_runs_seek(struct runs *r, uint64_t from, struct error *err); /* the level's shown slot `from` comes next */
int arrow_runs_next(struct runs *r, uint64_t most, struct run *ret, struct error *err); /* most > 0; count is 0 at the end */

/*
 * How much came before every STEP-th shown slot of a level: the slots of its child, or the
 * bytes, so that a reader can begin anywhere.  A block.
 */
enum { STEP = 4096 };
struct steps {
	uint64_t total;
	bool single; /* nothing is left out, and everything in order: one run from `at` on */
	uint64_t at;
	uint64_t before[]; /* count / STEP + 1 of them */
};
int arrow_steps_decode(struct archive *a, const struct table *t, const struct field *f, uint32_t batch, struct block *ret,
		 struct error *err);

/* --- making.c, make.c ---------------------------------------------------------------------------
 * What a batch adds to a shown file. */

struct making {
	struct view view;
	const struct shown *shown;
	struct lead lead;      /* of OFFSETS and BYTES */
	uint64_t count;        /* elements that it adds, without the one after the last offset */
	uint64_t base;         /* what OFFSETS begin with in this batch */
	bool passed;           /* a sequential reader needs it up to its end, and then no more */
	uint64_t dictionary, dictionary_end; /* INDICES: of the values that they count */
	struct buffer values;  /* VALUES, and BYTES of a STRING; the types of OFFSETS of DENSE */
	struct buffer places;  /* and its offsets */
	struct {
		uint64_t base, count; /* of the child's slots: those before the batch, and in it */
	} codes[128];                 /* OFFSETS of DENSE: for each type code */
};
/* arrow_making_close() in any case. */
int arrow_making_open(struct making *m, struct archive *a, const struct shown *shown, uint32_t batch, struct block *within,
		struct error *err);
void arrow_making_close(struct making *m);

/* Are the batch's bytes one run of `values`?  Then from *ret_at on. */
bool arrow_making_in_place(const struct making *m, uint64_t *ret_at);

/* Where the bytes of a VIEW are gathered: views.c. */
int arrow_make_views(struct making *m, struct runs *runs, uint64_t at, uint64_t len, uint8_t *out, struct error *err);

/* Checks whether [at, at + len) of `values` may be returned in place. */
int arrow_making_check(struct making *m, uint64_t at, uint64_t len, struct error *err);

/* Its bytes [at, at + len). */
int arrow_making_bytes(struct making *m, uint64_t at, uint64_t len, uint8_t *out, struct error *err);

/* Has workers decode what a batch adds. */
void arrow_making_prefetch(struct archive *a, const struct shown *shown, uint32_t batch);

unsigned arrow_shown_width(const struct shown *s); /* bytes of an element; 0: it has none */

/* --- totals.c ----------------------------------------------------------------------------- */

/* What is counted: rows, so that nothing has to be; what slots lead to; slots. */
enum counter { COUNT_ROWS, COUNT_LEADS, COUNT_SLOTS };

/* How much of something is before each batch: at(b) of it, b <= known. */
struct sums {
	const uint64_t *first;
	size_t stride;   /* in numbers */
	uint64_t factor;
	uint32_t known;  /* how many batches were counted: at least those requested */
};
static inline uint64_t sums_at(const struct sums *s, uint64_t batch)
{
	return s->first[batch * s->stride] * s->factor;
}

/* Counts the first `batches` of the table. */
int arrow_slot_sums(struct archive *a, const struct table *t, const struct field *f, uint32_t batches, struct block *within,
		    struct sums *ret, struct error *err);
int arrow_lead_sums(struct archive *a, const struct table *t, struct field *f, uint32_t batches, struct block *within, struct sums *ret,
		    struct error *err);

/* Of the elements of a shown file, without the one after the last offset. */
int arrow_sums(struct archive *a, const struct shown *s, uint32_t batches, struct sums *ret, struct error *err);

/* --- blocks --------------------------------------------------------------------------------- */

enum kind { BLOCK_BUFFER, BLOCK_STEPS };
int arrow_buffer_decode(struct archive *a, const struct table *t, uint64_t index, struct block *ret, struct error *err);
int arrow_block(struct archive *a, const void *owner, enum kind kind, uint64_t index, struct block *within, struct block **ret,
		struct error *err);
void arrow_prefetch(struct archive *a, const void *owner, enum kind kind, uint64_t index);
