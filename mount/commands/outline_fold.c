/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/name.h"
#include "fs/base/text.h"
#include "mount/commands/boxes.h"
#include "mount/commands/numbers.h"
#include "mount/commands/outline_impl.h"

/*
 * Folding.  Lines are alike if a hash of everything but their names and sizes is equal, computed
 * from the innermost outwards, so that one comparison of siblings covers all that is below them.
 * Siblings that are alike, and whose names differ only in numbers, are a family: the numbers of
 * each are a point, and points that fill a box (layers 0 to 79, experts 0 to 7 in each) are
 * shown as one line.  The hashes are seeded, so that no file can contrive a collision.
 */
struct folding {
	struct outline *o;
	bool utf8;
	uint32_t *end;   /* by line: the next that is not below it */
	uint64_t *alike; /* by line; 0: like none */
	struct candidate {
		uint64_t family;
		uint32_t line;
	} *candidates; /* of the directory being folded */
};

static uint64_t pair_hash(const struct folding *f, uint64_t a, uint64_t b)
{
	uint64_t both[2] = {a, b};
	return slice_hash((struct slice){(const uint8_t *)both, sizeof both}, f->o);
}

static uint64_t text_hash(const struct folding *f, const char *text)
{
	return slice_hash(text ? slice_text(text) : (struct slice){0}, f->o);
}

/* --- what lines have alike ------------------------------------------------------- */

static void find_ends(struct folding *f)
{
	uint32_t open[DEEPEST + 2], depth = 0;
	for (uint32_t i = 0; i < f->o->count; i++) {
		for (; depth > f->o->lines[i].depth; depth--)
			f->end[open[depth - 1]] = i;
		while (depth <= f->o->lines[i].depth)
			open[depth++] = i;
	}
	for (; depth > 0; depth--)
		f->end[open[depth - 1]] = (uint32_t)f->o->count;
}

/* The contents of a file that is not an array are not known. */
static uint64_t alike_of(const struct folding *f, uint32_t i)
{
	const struct line *l = &f->o->lines[i];
	bool array = l->dtype && *l->dtype;
	if (!array && !l->directory)
		return 0;
	uint64_t h = pair_hash(f, text_hash(f, l->dtype), text_hash(f, l->shape));
	for (uint32_t c = i + 1; c < f->end[i]; c = f->end[c]) {
		if (!f->alike[c])
			return 0;
		h = pair_hash(f, h, pair_hash(f, text_hash(f, f->o->lines[c].name), f->alike[c]));
	}
	h += l->directory;
	return h ? h : 1;
}

/* --- families -------------------------------------------------------------------- */

static uint64_t family_of(const struct folding *f, uint32_t i)
{
	const char *name = f->o->lines[i].name;
	struct numbers n = numbers_of(name);
	uint64_t h = pair_hash(f, f->alike[i], n.count);
	size_t at = 0;
	for (size_t k = 0; k < n.count; at = n.at[k] + n.digits[k], k++)
		h = pair_hash(f, h, slice_hash((struct slice){(const uint8_t *)name + at, n.at[k] - at}, f->o));
	return n.count && f->alike[i] ? pair_hash(f, h, text_hash(f, name + at)) : 0;
}

static int by_family(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* --- boxes ----------------------------------------------------------------------- */

/* Appends the numbers that the members have at that place. */
static bool put_numbers(const struct folding *f, struct text *name, const struct boxes *b, uint32_t box, size_t place, bool alone)
{
	size_t n = 0;
	uint64_t *list = malloc(boxes_size(b, box) * sizeof *list);
	for (uint32_t m = box; list && m != BOXES_END; m = boxes_next(b, m))
		list[n++] = boxes_point(b, m)[place];
	if (list)
		numbers_put(name, list, n, alone, f->utf8);
	free(list);
	return list != NULL;
}

/* The name of all in the box, whose first member has `first`; NULL without memory. */
static char *box_name(const struct folding *f, const struct boxes *b, uint32_t box, const char *first)
{
	struct numbers n = numbers_of(first);
	struct text name = {0};
	size_t at = 0;
	bool fine = true, alone = n.count == 1 && n.at[0] == 0 && first[n.digits[0]] == '\0';
	for (size_t k = 0; fine && k < n.count; at = n.at[k] + n.digits[k], k++) {
		text_put(&name, (struct slice){(const uint8_t *)first + at, n.at[k] - at});
		fine = put_numbers(f, &name, b, box, k, alone);
	}
	text_add(&name, first + at);
	if (fine && !name.failed)
		return name.bytes;
	text_free(&name);
	return NULL;
}

/* Lets the first of the box stand for all. */
static bool fold_box(struct folding *f, const struct boxes *b, uint32_t box, const struct candidate *members)
{
	struct line *l = &f->o->lines[members[box].line];
	char *name = box_name(f, b, box, l->name);
	if (!name)
		return false;
	free(l->name);
	l->name = name;
	for (uint32_t m = boxes_next(b, box); m != BOXES_END; m = boxes_next(b, m)) {
		struct line *other = &f->o->lines[members[m].line];
		other->times = 0;
		l->times++;
		l->sized &= other->sized;
		l->bytes += other->bytes;
		l->count += other->count;
	}
	return true;
}

/* `members`, in the order of lines, differ in their numbers alone. */
static bool fold_family(struct folding *f, const struct candidate *members, size_t count)
{
	size_t places = numbers_of(f->o->lines[members->line].name).count;
	uint32_t lines = f->end[members->line] - members->line;
	struct boxes b;
	if (!boxes_init(&b, count, places))
		return false;
	for (uint32_t m = 0; m < count; m++)
		numbers_read(f->o->lines[members[m].line].name, boxes_point(&b, m));
	boxes_find(&b);
	bool fine = true;
	for (size_t i = 0; fine && i < b.found; i++) {
		uint32_t size = boxes_size(&b, b.boxes[i]);
		if ((uint64_t)(size - 1) * lines > 1) /* one line less is not worth it */
			fine = fold_box(f, &b, b.boxes[i], members);
	}
	boxes_free(&b);
	return fine;
}

static bool fold_directory(struct folding *f, uint32_t dir)
{
	struct candidate *c = f->candidates;
	size_t n = 0;
	bool fine = true;
	for (uint32_t i = dir + 1; i < f->end[dir]; i = f->end[i]) {
		c[n] = (struct candidate){family_of(f, i), i};
		n += c[n].family != 0;
	}
	if (n)
		qsort(c, n, sizeof *c, by_family);
	for (size_t i = 0, members; fine && i < n; i += members) {
		for (members = 1; i + members < n && c[i + members].family == c[i].family;)
			members++;
		fine = members < 2 || fold_family(f, c + i, members);
	}
	return fine;
}

bool outline_fold(struct outline *o, bool utf8)
{
	size_t n = o->count;
	struct folding f = {.o = o, .utf8 = utf8, .end = malloc(n * sizeof *f.end), .alike = malloc(n * sizeof *f.alike),
			    .candidates = malloc(n * sizeof *f.candidates)};
	bool fine = f.end && f.alike && f.candidates;
	if (fine)
		find_ends(&f);
	for (uint32_t i = (uint32_t)n; fine && i-- > 0;)
		f.alike[i] = alike_of(&f, i);
	for (uint32_t i = 0; fine && i < n; i++) { /* from the outermost on, and not within what another stands for */
		while (i < n && (o->lines[i].times == 0 || o->lines[i].below))
			i = f.end[i];
		fine = i >= n || !o->lines[i].directory || fold_directory(&f, i);
	}
	free(f.end), free(f.alike), free(f.candidates);
	return fine;
}
