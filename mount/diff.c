/* SPDX-License-Identifier: MIT */
#include "mount/diff.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/attrs.h"
#include "fs/shelf.h"
#include "mount/commands.h"
#include "mount/log.h"
#include "mount/walk.h"

enum { SAME, DIFFERENT, TROUBLE };

/* --- what there is ------------------------------------------------------- */

struct items {
	struct item *all;
	size_t count, room;
	const struct item **by_path; /* sorted */
	const char *source;
	struct mirror *m;
	bool trouble, no_memory;
};

static void free_items(struct items *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->all[i].path);
		free(l->all[i].more);
		free(l->all[i].dtype);
		free(l->all[i].shape);
	}
	free(l->all);
	free(l->by_path);
}

static const char *kind_word(mode_t mode)
{
	return S_ISFIFO(mode) ? "fifo" : S_ISSOCK(mode) ? "socket" : S_ISREG(mode) ? "file" : "device";
}

static char *shape_text(const struct array *array)
{
	size_t n = attrs_shape(array, NULL, 0);
	char *text = array->unshaped ? strdup("none") : malloc(n + 1);
	if (text && !array->unshaped) {
		attrs_shape(array, text, n);
		text[n] = '\0';
	}
	return text;
}

/* The names of its type and shape are kept, not the node: of many archives not
 * all stay open. */
static bool take_array(struct item *item, const struct array *array)
{
	char name[DTYPE_NAME_MAX];
	item->fortran = array->fortran;
	item->dtype = strdup(array->dtype != DTYPE_NONE ? dtype_name(array, name) : "none");
	item->shape = shape_text(array);
	return item->dtype && item->shape;
}

static int take_file(struct items *l, struct item *item, const struct mirror_ref *ref)
{
	char target[PATH_MAX];
	struct error err = {0};
	struct stat st;
	if (mirror_readlink(l->m, ref, target, &err) == 0) {
		item->kind = ITEM_LINK;
		item->more = strdup(target);
		return item->more ? 0 : -ENOMEM;
	}
	if (ref->held && !(progress_wanted() && mirror_size_known(ref)))
		return 0;
	if (mirror_stat(l->m, ref, -1, &st, &err) < 0)
		return 0; /* which is told when it is read */
	item->size = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode)) {
		item->kind = ITEM_OTHER;
		item->more = strdup(kind_word(st.st_mode));
		return item->more ? 0 : -ENOMEM;
	}
	if (!ref->held && mirror_fault(l->m, ref, &err)) {
		item->more = strdup(err.text);
		return item->more ? 0 : -ENOMEM;
	}
	return 0;
}

static struct item *new_item(struct items *l, const char *path)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 256;
		struct item *grown = reallocarray(l->all, room, sizeof *grown);
		if (!grown)
			return NULL;
		l->all = grown;
		l->room = room;
	}
	l->all[l->count] = (struct item){.path = strdup(path)};
	return l->all[l->count].path ? &l->all[l->count++] : NULL;
}

static int visit(void *arg, enum walk_kind kind, const char *path, const struct mirror_ref *ref, const char *same,
		 const struct error *fault)
{
	static const enum item_kind kinds[] = {
		[WALK_FILE] = ITEM_FILE, [WALK_DIR] = ITEM_DIR, [WALK_EMPTY_DIR] = ITEM_DIR, [WALK_SAME] = ITEM_SAME,
		[WALK_FAULT] = ITEM_FAULT,
	};
	struct items *l = arg;
	struct item *item = new_item(l, path);
	bool fine = item != NULL;
	if (kind == WALK_FAULT) {
		log_say("%s: %s: %s", l->source, *path ? path : ".", fault->text);
		l->trouble = true;
	}
	if (fine)
		item->kind = (uint8_t)kinds[kind];
	if (fine && kind == WALK_SAME)
		fine = (item->more = strdup(same)) != NULL;
	if (fine && kind == WALK_FILE)
		fine = take_file(l, item, ref) == 0;
	if (fine && kind != WALK_FAULT && ref->held && ref->node->array && item->kind != ITEM_LINK)
		fine = take_array(item, ref->node->array);
	l->no_memory |= !fine;
	return !fine;
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(const struct item *const *)a)->path, (*(const struct item *const *)b)->path);
}

static bool walk_all(struct items *l, struct mirror *m, const char *source)
{
	*l = (struct items){.source = source, .m = m};
	walk(m, "", visit, l);
	l->by_path = calloc(l->count ? l->count : 1, sizeof *l->by_path);
	if (!l->by_path || l->no_memory)
		return false;
	for (size_t i = 0; i < l->count; i++)
		l->by_path[i] = &l->all[i];
	qsort(l->by_path, l->count, sizeof *l->by_path, by_path);
	return true;
}

static struct item *find(const struct items *l, const struct item *like)
{
	const struct item **found = bsearch(&like, l->by_path, l->count, sizeof *l->by_path, by_path);
	return found ? (struct item *)(uintptr_t)*found : NULL;
}

/* --- pairs ------------------------------------------------------------------ */

static struct pair *new_pair(struct diff *d, const struct item *a, const struct item *b)
{
	if (d->count == d->room) {
		size_t room = d->room ? d->room * 2 : 256;
		struct pair *grown = reallocarray(d->pairs, room, sizeof *grown);
		if (!grown)
			return NULL;
		d->pairs = grown;
		d->room = room;
	}
	d->pairs[d->count] = (struct pair){.a = a, .b = b};
	return &d->pairs[d->count++];
}

void diff_fault(const struct diff *d, struct pair *p, int side, const char *why)
{
	const char *source = side ? d->options->destination : d->options->source, *path = p->a->path;
	p->faulty = true;
	if (!p->fault && asprintf(&p->fault, "%s: %s: %s", source, *path ? path : ".", why) < 0)
		p->fault = NULL;
}

static const char *word_of(const struct item *item)
{
	return item->kind == ITEM_OTHER ? item->more : item->kind == ITEM_LINK ? "link" : item->kind == ITEM_FILE ? "file" : "directory";
}

/* Types and shapes, of arrays and of directories that stand for one; false if
 * they differ. */
static bool pair_types(struct diff *d, struct pair *p)
{
	const struct item *a = p->a, *b = p->b;
	const char *dtypes[] = {a->dtype ? a->dtype : "none", b->dtype ? b->dtype : "none"};
	const char *shapes[] = {a->shape ? a->shape : "none", b->shape ? b->shape : "none"};
	bool typed = strcmp(dtypes[0], dtypes[1]) == 0, shaped = strcmp(shapes[0], shapes[1]) == 0;
	if (!typed)
		tell_unequal(d, &p->lines, a->path, "dtype", dtypes[0], dtypes[1], false);
	if (!shaped)
		tell_unequal(d, &p->lines, a->path, "shape", shapes[0][0] == '[' ? shapes[0] : "null",
			     shapes[1][0] == '[' ? shapes[1] : "null", true);
	if (a->fortran != b->fortran)
		tell_unequal(d, &p->lines, a->path, "order", a->fortran ? "F" : "C", b->fortran ? "F" : "C", false);
	return typed && shaped && a->fortran == b->fortran;
}

/* Tells what names and types tell; false if what lies below both cannot be
 * compared. */
static bool pair_items(struct diff *d, struct pair *p)
{
	const struct item *a = p->a, *b = p->b;
	if (a->kind == b->kind && (a->kind == ITEM_FILE || a->kind == ITEM_DIR)) {
		bool same = pair_types(d, p);
		p->look = true;
		p->values = same && a->kind == ITEM_FILE;
		return same;
	}
	if (a->kind == b->kind && (a->kind == ITEM_LINK || a->kind == ITEM_SAME)) {
		if (strcmp(a->more, b->more) != 0)
			tell_unequal(d, &p->lines, a->path, a->kind == ITEM_LINK ? "link" : "same_as", a->more, b->more, false);
		return true;
	}
	if (a->kind == ITEM_FILE && a->more && b->kind == ITEM_DIR)
		diff_fault(d, p, 0, a->more);
	else if (a->kind == ITEM_DIR && b->kind == ITEM_FILE && b->more)
		diff_fault(d, p, 1, b->more);
	else if (a->kind == ITEM_SAME && b->kind == ITEM_DIR)
		tell_unequal(d, &p->lines, a->path, "same_as", a->more, "itself", false);
	else if (a->kind == ITEM_DIR && b->kind == ITEM_SAME)
		tell_unequal(d, &p->lines, a->path, "same_as", "itself", b->more, false);
	else if (strcmp(word_of(a), word_of(b)) != 0)
		tell_unequal(d, &p->lines, a->path, "kind", word_of(a), word_of(b), false);
	return false;
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);
	return n == 0 || (strncmp(path, top, n) == 0 && path[n] == '/');
}

/* Pairs all of A in its order; `skip` is what nothing below is told of. */
static bool pair_all(struct diff *d, struct items *a, struct items *b)
{
	const char *skip = NULL;
	for (size_t i = 0; i < a->count; i++) {
		struct item *item = &a->all[i], *other = find(b, item);
		if (other)
			other->met = item->met = true;
		if (skip && is_below(item->path, skip))
			continue;
		skip = item->path;
		if (item->kind == ITEM_FAULT || (other && other->kind == ITEM_FAULT))
			continue;
		struct pair *p = new_pair(d, item, other);
		if (!p)
			return false;
		if (!other)
			tell_only(d, &p->lines, item, 0);
		else if (pair_items(d, p))
			skip = NULL;
		d->progress.total += p->values ? item->size : 0;
	}
	return true;
}

/* What only B has. */
static bool pair_rest(struct diff *d, const struct items *a, struct items *b)
{
	const char *skip = NULL;
	for (size_t i = 0; i < b->count; i++) {
		const struct item *item = &b->all[i], *other = item->met ? find(a, item) : NULL;
		if (skip && is_below(item->path, skip))
			continue;
		skip = item->path;
		if (other && other->kind == item->kind && item->kind == ITEM_DIR) {
			struct pair before = {.a = other, .b = item};
			if (pair_types(d, &before)) /* else that was told, and is all */
				skip = NULL;
			text_free(&before.lines);
		} else if (!other && item->kind != ITEM_FAULT) {
			struct pair *p = new_pair(d, NULL, item);
			if (!p)
				return false;
			tell_only(d, &p->lines, item, 1);
		}
	}
	return true;
}

/* --- telling --------------------------------------------------------------- */

static void on_signal(int sig)
{
	static const char clear[] = "\r\033[K";
	ssize_t ignored = write(STDERR_FILENO, clear, sizeof clear - 1);
	(void)ignored;
	raise(sig);
}

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

static int put_pair(struct diff *d, struct pair *p, bool first)
{
	int r = SAME;
	if (!diff_is_done(d, p))
		fflush(stdout); /* while we wait */
	diff_wait(d, p);
	if (p->lines.len) {
		if (!first && d->options->list_json)
			fputs_unlocked(",\n", stdout);
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

/* SAME, DIFFERENT, TROUBLE or both. */
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

static int compare(struct diff *d, struct items *a, struct items *b)
{
	int r = TROUBLE;
	bool fine = walk_all(a, d->sources[0].mirror, d->options->source) &&
		    walk_all(b, d->sources[1].mirror, d->options->destination);
	d->progress = progress_begin(0);
	if (!fine || !pair_all(d, a, b) || !pair_rest(d, a, b) || diff_start(d) < 0) {
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
	if (source_command_open_two(d.sources, o))
		return TROUBLE;
	if (progress_wanted()) { /* Ctrl-C leaves no half a bar */
		struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
		sigaction(SIGINT, &act, NULL);
		sigaction(SIGTERM, &act, NULL);
	}
	int r = compare(&d, &a, &b);
	free_items(&a);
	free_items(&b);
	source_command_close_two(d.sources);
	return r & TROUBLE ? TROUBLE : r;
}
