/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/text.h"
#include "fs/values/compare.h"
#include "mount/commands/idmap.h"
#include "mount/commands/progress.h"
#include "mount/options.h"
#include "mount/source.h"
#include "mount/terminal.h"

/*
 * The parts of --diff. Both sources are walked and their items paired; threads compare
 * the pairs, while the main thread prints the results in the order of A.
 */

/* --- what a walk found (diff_items.c) ------------------------------------- */

enum item_kind {
	ITEM_FILE,  /* more: why a file named like an archive is none; else NULL */
	ITEM_DIR,
	ITEM_LINK,  /* more: the link's target */
	ITEM_SAME,  /* a directory visited before by another path; more: that path */
	ITEM_OTHER, /* more: what it is, "fifo" */
	ITEM_FAULT, /* already reported */
};

/* An item stores its folder and its own name: storing full paths would take memory
 * quadratic in the depth. */
struct item {
	char *name; /* "" for SOURCE itself */
	union {
		uint32_t folder; /* its index, during the walk */
		struct item *up; /* after the walk; NULL for SOURCE itself */
	};
	uint32_t chain;      /* 1 + the index of the next item with the same hash; 0 at the end */
	struct item *other;  /* its counterpart in the other source */
	uint64_t ino;
	size_t len;          /* length of its path */
	char *more;
	char *same;   /* FILE: the path by which it was visited first, or NULL */
	char *dtype, *shape; /* of an array, or of a directory that stands for one; else NULL */
	char *values;        /* the shape of its values, counted in elements; NULL: as `shape` */
	const char *blocks;  /* the name of the blocks that it is made of, or NULL */
	uint8_t kind;
	bool fortran;
	bool number;   /* its values are numbers that can be compared with those of another type */
	bool coded;    /* they are not its elements, or not in whole bytes */
	bool closed;   /* differences below it are not reported */
	bool validity; /* FILE: says which elements of the array beside it are valid */
	uint64_t size; /* in bytes, if known without decoding and a progress bar is shown */
};

struct items {
	struct item *all; /* folders before their contents */
	size_t count;
	struct idmap by_name; /* hash of folder and name: 1 + the first item's index */
	const char *source, *within;
	size_t begin; /* the length of the path where the walk began */
	struct mirror *m;
	bool trouble, no_memory;
};

/* What is below the path `within`, or all of it if that is "".  Paths are relative to that; `source`
 * is named in faults.  Returns false without memory; faults are reported. Free it in any case. */
bool items_walk(struct items *ret, struct mirror *m, const char *source, const char *within);
void items_free(struct items *l);

/* Finds the item of that name in the folder, or NULL; with a folder of NULL, "" is SOURCE
 * itself. */
struct item *items_find(const struct items *l, const struct item *folder, const char *name);

/* The path below SOURCE, allocated; NULL without memory. */
char *item_path(const struct item *item);

/* --- pairs and their results (diff.c) ---------------------------------------- */

struct pair {
	const struct item *a, *b; /* NULL on the side that lacks it; to be compared all the same, that is a file of ones */
	struct text lines;        /* the differences, ready to print */
	bool faulty;
	char *fault;              /* its message, if there was memory for one */
	bool look;                /* more than names and types must be compared */
	bool values;              /* including the bytes */
	bool by_value;            /* or rather the numbers that they stand for */
	bool done;
};

struct diff {
	const struct options *options;
	struct opened sources[2];
	struct terminal terminal; /* standard output */
	const struct tolerance *tolerance; /* NULL: compare bit by bit */
	struct pair *pairs;
	size_t count;
	struct progress progress;
	struct workers *workers;
};

static inline const struct item *pair_item(const struct pair *p)
{
	return p->a ? p->a : p->b;
}

/* Records a fault of one side, to be reported with the pair; only the first is kept. */
void diff_fault(const struct diff *d, struct pair *p, int side, const char *why);

/* --- differences, as text or JSON (diff_tell.c) ---------------------------- */

/* Names are escaped as in --list. */
void tell_only(const struct diff *d, struct text *t, const struct item *item, int side);

/* `what` is one of kind, dtype, type, shape, order, size, link, same_as; `json` says that the
 * values are JSON rather than strings. */
void tell_unequal(const struct diff *d, struct text *t, const struct item *item, const char *what, const char *a,
		  const char *b, bool json);

/* side: 0 only in A, 1 only in B, -1 in both. */
void tell_attribute(const struct diff *d, struct text *t, const struct item *item, struct slice name, int side);

/* `array` is NULL for a file of bytes; `count` is the number of elements or bytes. */
void tell_values(const struct diff *d, struct text *t, const struct item *item, const struct array *array,
		 const struct compare *c, uint64_t count, const struct compare_result *r);

/* --- attributes (diff_attrs.c) --------------------------------------------- */

/* Compares the archive's own attributes (user.attr.*) and the names of an enum. *ret_enum
 * says whether either side is an enum. Any thread. */
int diff_attrs(const struct diff *d, const struct mirror_ref refs[2], struct pair *p, bool *ret_enum, struct error *err);

/* --- values (diff_values.c) ------------------------------------------------ */

/* Starts threads that compare the pairs marked `look`; returns 0 or -ENOMEM. */
int diff_start(struct diff *d);
bool diff_is_done(struct diff *d, const struct pair *p);
void diff_wait(struct diff *d, struct pair *p);          /* waits until it is done */
void diff_end(struct diff *d);
