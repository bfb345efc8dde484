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
 * The parts of --diff.  Both sources are walked, what is in both is paired, and
 * pairs are compared by threads, while the first one tells in the order of A what
 * came out.
 */

/* --- what a walk found (diff_items.c) ------------------------------------- */

enum item_kind {
	ITEM_FILE,  /* more, or NULL: why it is no archive, though it is called like one */
	ITEM_DIR,
	ITEM_LINK,  /* more: where it leads */
	ITEM_SAME,  /* a directory that has another path; more: that */
	ITEM_OTHER, /* more: what it is, "fifo" */
	ITEM_FAULT, /* told already */
};

/* An item knows its folder and its own name: all their paths would need memory with
 * the square of the depth. */
struct item {
	char *name; /* "" of SOURCE itself */
	union {
		uint32_t folder; /* its number, during the walk */
		struct item *up; /* after that; NULL of SOURCE itself */
	};
	uint32_t chain;      /* 1 + the next one's number with the same hash */
	struct item *other;  /* in the other source */
	uint64_t ino;
	size_t len;          /* of its path */
	char *more;
	char *same;   /* FILE: the path by which it was told already, or NULL */
	char *dtype, *shape; /* of an array, or a directory that stands for one; else NULL */
	uint8_t kind;
	bool fortran;
	bool closed;   /* nothing below is told */
	uint64_t size; /* bytes, where that is known without decoding and a bar is to be shown */
};

struct items {
	struct item *all; /* folders before what is in them */
	size_t count, room;
	struct idmap by_name; /* of a folder's items: 1 + the first's number */
	const char *source;
	struct mirror *m;
	bool trouble, no_memory;
};

/* False without memory; faults are told.  Free it in any case. */
bool items_walk(struct items *ret, struct mirror *m, const char *source);
void items_free(struct items *l);

/* What is called so in that folder; in NULL, "" is SOURCE itself.  NULL if there is
 * none. */
struct item *items_find(const struct items *l, const struct item *folder, const char *name);

/* Below SOURCE; NULL without memory. */
char *item_path(const struct item *item);

/* --- what is told of them (diff.c) ---------------------------------------- */

struct pair {
	const struct item *a, *b; /* one may be NULL: only in the other */
	struct text lines;        /* differences, as they will be told */
	bool faulty;
	char *fault;              /* a sentence, if there was memory for one */
	bool look;                /* something is left to compare but names and types */
	bool values;              /* and that is bytes, too */
	bool done;
};

struct diff {
	const struct options *options;
	struct opened sources[2];
	struct terminal terminal; /* standard output */
	const struct tolerance *tolerance; /* NULL: bit by bit */
	struct pair *pairs;
	size_t count, room;
	struct progress progress;
	struct workers *workers;
};

/* A fault of one side, which is told with the pair; the first stays. */
void diff_fault(const struct diff *d, struct pair *p, int side, const char *why);

/* --- differences, as text or JSON (diff_tell.c) ---------------------------- */

/* Names are escaped as in --list. */
void tell_only(const struct diff *d, struct text *t, const struct item *item, int side);

/* `what` is one of kind, dtype, shape, order, size, link, same_as; `json` tells that
 * the values are JSON, else they are strings. */
void tell_unequal(const struct diff *d, struct text *t, const struct item *item, const char *what, const char *a,
		  const char *b, bool json);

/* side: 0 only in A, 1 only in B, -1 in both. */
void tell_attribute(const struct diff *d, struct text *t, const struct item *item, struct slice name, int side);

/* `array` is NULL for a file of bytes; `count` is of elements, or bytes. */
void tell_values(const struct diff *d, struct text *t, const struct item *item, const struct array *array,
		 const struct compare *c, uint64_t count, const struct compare_result *r);

/* --- attributes (diff_attrs.c) --------------------------------------------- */

/* Those that are the archive's own (user.attr.*), and the names of an enum.  Tells
 * in *ret_enum whether one side has such.  Any thread. */
int diff_attrs(const struct diff *d, const struct mirror_ref refs[2], struct pair *p, bool *ret_enum, struct error *err);

/* --- values (diff_values.c) ------------------------------------------------ */

/* Compares what `look` asks for, with threads; 0 or -ENOMEM. */
int diff_start(struct diff *d);
bool diff_is_done(struct diff *d, const struct pair *p);
void diff_wait(struct diff *d, struct pair *p);          /* until it is done */
void diff_end(struct diff *d);
