/* SPDX-License-Identifier: MIT */
#include "mount/commands/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/base/list.h"
#include "mount/commands/commands.h"
#include "mount/commands/part.h"
#include "mount/log.h"

enum { SAME, DIFFERENT, TROUBLE };

/* --- pairs ------------------------------------------------------------------ */

static struct pair *new_pair(struct diff *d, const struct item *a, const struct item *b)
{
	struct pair *grown = list_grow(d->pairs, d->count, sizeof *grown);
	if (!grown)
		return NULL;
	d->pairs = grown;
	d->pairs[d->count] = (struct pair){.a = a, .b = b};
	return &d->pairs[d->count++];
}

void diff_fault(const struct diff *d, struct pair *p, int side, const char *why)
{
	const char *source = side ? d->options->destination : d->options->source;
	char *path = item_path(pair_item(p));
	p->faulty = true;
	if (path && !p->fault && asprintf(&p->fault, "%s: %s: %s", source, *path ? path : ".", why) < 0)
		p->fault = NULL;
	free(path);
}

static const char *word_of(const struct item *item)
{
	return item->kind == ITEM_OTHER ? item->more : item->kind == ITEM_LINK ? "link" : item->kind == ITEM_FILE ? "file" : "directory";
}

static bool same_shapes(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || a[0] == '?' || b[0] == '?'; /* then the values will show */
}

/* With a tolerance, what counts are the numbers that are stored, in whatever type. */
static bool pair_by_value(const struct diff *d, struct pair *p)
{
	const struct item *a = p->a, *b = p->b;
	if (!d->tolerance || !a->number || !b->number || a->fortran != b->fortran)
		return false;
	return (strcmp(a->dtype, b->dtype) != 0 || a->coded || b->coded) &&
	       same_shapes(a->values ? a->values : a->shape, b->values ? b->values : b->shape);
}

/* Some formats describe a whole table as a struct of so many rows, others not at all. */
static bool is_whole(const struct item *item)
{
	return item->kind == ITEM_DIR && (item->len == 0 || ino_index(item->ino) == TREE_ROOT);
}

/* Compares types and shapes, of arrays and of directories that stand for one; returns false if they differ.
 * The contents of a whole archive, or of the part that was named, are compared in any case. */
static bool pair_types(struct diff *d, struct pair *p)
{
	const struct item *a = p->a, *b = p->b;
	const char *dtypes[] = {a->dtype ? a->dtype : "none", b->dtype ? b->dtype : "none"};
	const char *shapes[] = {a->shape ? a->shape : "none", b->shape ? b->shape : "none"};
	const char *blocks[] = {a->blocks ? a->blocks : "none", b->blocks ? b->blocks : "none"};
	bool typed = strcmp(dtypes[0], dtypes[1]) == 0, shaped = same_shapes(shapes[0], shapes[1]);
	p->by_value = pair_by_value(d, p);
	bool whole = is_whole(a) && is_whole(b);
	if (p->by_value || (whole && (strcmp(dtypes[0], "none") == 0 || strcmp(dtypes[1], "none") == 0)))
		return true;
	if (typed && shaped && strcmp(blocks[0], blocks[1]) != 0) {
		tell_unequal(d, &p->lines, a, "type", blocks[0], blocks[1], false);
		typed = false;
	} else if (!typed)
		tell_unequal(d, &p->lines, a, "dtype", dtypes[0], dtypes[1], false);
	if (!shaped)
		tell_unequal(d, &p->lines, a, "shape", shapes[0][0] == '[' ? shapes[0] : "null",
			     shapes[1][0] == '[' ? shapes[1] : "null", true);
	if (a->fortran != b->fortran)
		tell_unequal(d, &p->lines, a, "order", a->fortran ? "F" : "C", b->fortran ? "F" : "C", false);
	return whole || (typed && shaped && a->fortran == b->fortran);
}

/* Compares names and types; returns false if what lies below cannot be compared. */
static bool pair_items(struct diff *d, struct pair *p)
{
	const struct item *a = p->a, *b = p->b;
	if (a->same && b->same && strcmp(a->same, b->same) == 0)
		return true; /* compared where it was visited first */
	if (a->kind == b->kind && (a->kind == ITEM_FILE || a->kind == ITEM_DIR)) {
		bool same = pair_types(d, p);
		p->look = true;
		p->values = same && a->kind == ITEM_FILE;
		return same;
	}
	if (a->kind == b->kind && (a->kind == ITEM_LINK || a->kind == ITEM_SAME)) {
		if (strcmp(a->more, b->more) != 0)
			tell_unequal(d, &p->lines, a, a->kind == ITEM_LINK ? "link" : "same_as", a->more, b->more, false);
		return true;
	}
	if (a->kind == ITEM_FILE && a->more && b->kind == ITEM_DIR)
		diff_fault(d, p, 0, a->more);
	else if (a->kind == ITEM_DIR && b->kind == ITEM_FILE && b->more)
		diff_fault(d, p, 1, b->more);
	else if (a->kind == ITEM_SAME && b->kind == ITEM_DIR)
		tell_unequal(d, &p->lines, a, "same_as", a->more, "itself", false);
	else if (a->kind == ITEM_DIR && b->kind == ITEM_SAME)
		tell_unequal(d, &p->lines, a, "same_as", "itself", b->more, false);
	else if (strcmp(word_of(a), word_of(b)) != 0)
		tell_unequal(d, &p->lines, a, "kind", word_of(a), word_of(b), false);
	return false;
}

/* What only one source has.  Without a file that says which elements are valid, all are: so it
 * is compared, if the array is in both. */
static void pair_alone(struct diff *d, struct pair *p, const struct items *l, const struct item *item, int side)
{
	char *name = strndup(item->name, strlen(item->name) - (item->validity ? strlen(".validity") : 0));
	const struct item *array = item->validity && name ? items_find(l, item->up, name) : NULL;
	free(name);
	p->look = p->values = array && array->other;
	if (!p->look)
		tell_only(d, &p->lines, item, side);
}

/* Pairs all items of A, in their order. */
static bool pair_all(struct diff *d, struct items *a, struct items *b)
{
	for (size_t i = 0; i < a->count; i++) {
		struct item *item = &a->all[i], *other = NULL;
		if (!item->up || item->up->other)
			other = items_find(b, item->up ? item->up->other : NULL, item->name);
		if (other)
			other->other = item, item->other = other;
		item->closed = true;
		if ((item->up && item->up->closed) || item->kind == ITEM_FAULT || (other && other->kind == ITEM_FAULT))
			continue;
		struct pair *p = new_pair(d, item, other);
		if (!p)
			return false;
		if (!other)
			pair_alone(d, p, a, item, 0);
		else
			item->closed = !pair_items(d, p);
		d->progress.total += p->values ? item->size : 0;
	}
	return true;
}

/* Adds what only B has. */
static bool pair_rest(struct diff *d, struct items *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct item *item = &b->all[i], *other = item->other;
		item->closed = true;
		if (item->up && item->up->closed)
			continue;
		if (other && other->kind == item->kind && item->kind == ITEM_DIR) {
			struct pair before = {.a = other, .b = item};
			item->closed = !pair_types(d, &before); /* pair_items() reported a difference */
			text_free(&before.lines);
		} else if (!other && item->kind != ITEM_FAULT) {
			struct pair *p = new_pair(d, NULL, item);
			if (!p)
				return false;
			pair_alone(d, p, b, item, 1);
		}
	}
	return true;
}

/* --- telling --------------------------------------------------------------- */

static int put_out(void *arg, const char *bytes, size_t len)
{
	return fwrite_unlocked(bytes, 1, len, arg) == len ? 0 : -EIO;
}

static void begin_json(const struct options *o, struct text *t)
{
	text_add(t, "{\"a\":");
	text_json(t, slice_text(o->source));
	text_add(t, ",\"b\":");
	text_json(t, slice_text(o->destination));
	text_add(t, ",\"differences\":[\n");
}

/* Writes lines for people, which fit the terminal. */
static void put_lines(const struct diff *d, struct text *lines)
{
	for (char *line = lines->bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		terminal_put_wrapped(&d->terminal, line);
		putc_unlocked('\n', stdout);
	}
}

static int put_pair(struct diff *d, struct pair *p, bool first)
{
	int r = SAME;
	if (!diff_is_done(d, p))
		fflush(stdout); /* before waiting */
	diff_wait(d, p);
	if (p->lines.len && !p->lines.failed) {
		if (!first && d->options->list_json)
			fputs_unlocked(",\n", stdout);
		if (d->terminal.width && !d->options->list_json)
			put_lines(d, &p->lines);
		else
			fwrite_unlocked(p->lines.bytes, 1, p->lines.len, stdout);
		r = DIFFERENT;
	}
	if (p->fault)
		log_say("%s", p->fault);
	if (p->faulty || p->lines.failed)
		r |= TROUBLE;
	text_free(&p->lines);
	free(p->fault);
	p->fault = NULL;
	return r;
}

/* Returns SAME, DIFFERENT, TROUBLE or the last two combined. */
static int put_pairs(struct diff *d, int so_far)
{
	struct text json = {.flush = put_out, .arg = stdout};
	int r = so_far;
	if (d->options->list_json)
		begin_json(d->options, &json);
	text_flush(&json);
	for (size_t i = 0; i < d->count && !ferror(stdout); i++)
		r |= put_pair(d, &d->pairs[i], !(r & DIFFERENT));
	if (d->options->list_json)
		printf("%s],\"same\":%s,\"complete\":%s}\n", r & DIFFERENT ? "\n" : "", r == SAME ? "true" : "false",
		       r & TROUBLE ? "false" : "true");
	text_free(&json);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_say("standard output: %s", strerror(errno));
		r |= TROUBLE;
	}
	return r;
}

static int compare(struct diff *d, const struct part parts[2], struct items *a, struct items *b)
{
	int r = TROUBLE;
	bool fine = items_walk(a, d->sources[0].mirror, d->options->source, parts[0].within) &&
		    items_walk(b, d->sources[1].mirror, d->options->destination, parts[1].within);
	d->progress = progress_begin(0);
	if (!fine || !pair_all(d, a, b) || !pair_rest(d, b) || diff_start(d) < 0) {
		log_say("%s: no memory", d->options->source);
	} else {
		r = put_pairs(d, a->trouble || b->trouble ? TROUBLE : SAME);
		diff_end(d);
	}
	for (size_t i = 0; i < d->count; i++) {
		text_free(&d->pairs[i].lines);
		free(d->pairs[i].fault);
	}
	free(d->pairs);
	return r;
}

int diff_run(const struct options *o)
{
	struct tolerance tolerance = {o->atol, o->rtol};
	struct diff d = {.options = o, .tolerance = o->close ? &tolerance : NULL, .terminal = terminal_of(STDOUT_FILENO)};
	struct items a = {0}, b = {0};
	struct part parts[2] = {0};
	struct options whole = *o; /* with the archives that are to be opened */
	bool fine = part_split(o->source, &parts[0]) && part_split(o->destination, &parts[1]);
	int r = TROUBLE;
	whole.source = parts[0].source;
	whole.destination = parts[1].source;
	if (!fine)
		log_say("%s: no memory", o->source);
	else if (!source_command_open_two(d.sources, &whole)) {
		progress_heed_signals();
		r = compare(&d, parts, &a, &b);
		items_free(&a);
		items_free(&b);
		source_command_close_two(d.sources);
	}
	free(parts[0].source);
	free(parts[1].source);
	return r & TROUBLE ? TROUBLE : r;
}
