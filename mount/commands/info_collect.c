/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/archive/attrs.h"
#include "fs/base/list.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/info.h"
#include "mount/commands/walk.h"
#include "mount/log.h"

static void add(uint64_t *sum, uint64_t n)
{
	*sum = n > UINT64_MAX - *sum ? UINT64_MAX : *sum + n;
}

/* --- tallies ------------------------------------------------------------------- */

struct tally_one *tally(struct tally *t, const char *name)
{
	if (t->count == TALLY_MOST)
		name = "other";
	for (size_t i = t->count; i-- > 0;)
		if (strcmp(t->ones[i].name, name) == 0)
			return &t->ones[i];
	struct tally_one *grown = list_grow(t->ones, t->count, sizeof *grown);
	if (!grown)
		return NULL;
	t->ones = grown;
	t->ones[t->count] = (struct tally_one){0};
	snprintf(t->ones[t->count].name, sizeof t->ones->name, "%s", name);
	return &t->ones[t->count++];
}

static void count_in(struct info *i, struct tally *t, const char *name, uint64_t bytes, bool sized, uint64_t rows)
{
	struct tally_one *one = tally(t, name);
	if (!one) {
		i->failed = true;
		return;
	}
	one->count++;
	add(&one->bytes, bytes);
	add(&one->rows, rows);
	one->unsized |= !sized;
}

/* --- arrays -------------------------------------------------------------------- */

static void item_free(struct item *a)
{
	free(a->path), free(a->shape), free(a->type), free(a->dtype);
	*a = (struct item){0};
}

static bool item_copy(struct item *to, const struct item *from)
{
	*to = *from;
	to->path = strdup(from->path);
	to->shape = strdup(from->shape);
	to->dtype = strdup(from->dtype);
	to->type = from->type ? strdup(from->type) : NULL;
	bool fine = to->path && to->shape && to->dtype && (to->type || !from->type);
	if (!fine)
		item_free(to);
	return fine;
}

/* Are the elements numbers, so that a model's are its parameters?  What is sparse or quantized
 * has as many as its shape says, however many are stored. */
static bool is_numeric(const struct array *a)
{
	enum dtype_kind kind = dtype_kind(a->dtype);
	return kind == KIND_SIGNED || kind == KIND_UNSIGNED || kind == KIND_FLOAT || kind == KIND_COMPLEX ||
	       a->dtype == DTYPE_SPARSE || a->dtype == DTYPE_QUANTIZED;
}

static void keep_first(struct info *i, const struct item *a)
{
	if (i->nfirst < ITEMS_FIRST) {
		if (item_copy(&i->first[i->nfirst], a))
			i->nfirst++;
		else
			i->failed = true;
	}
}

/* Of equal sizes the first come first; what is not known is small. */
static void keep_largest(struct info *i, const struct item *a)
{
	size_t at = i->nlargest;
	while (at > 0 && i->largest[at - 1].bytes < a->bytes)
		at--;
	if (at == ITEMS_LARGEST)
		return;
	struct item copy;
	if (!item_copy(&copy, a)) {
		i->failed = true;
		return;
	}
	if (i->nlargest == ITEMS_LARGEST)
		item_free(&i->largest[--i->nlargest]);
	memmove(i->largest + at + 1, i->largest + at, (i->nlargest - at) * sizeof *i->largest);
	i->largest[at] = copy;
	i->nlargest++;
}

static void put_column(struct text *t, const struct item *a)
{
	text_add(t, t->len ? ",{\"name\":" : "{\"name\":");
	text_json(t, slice_text(a->path));
	text_add(t, ",\"dtype\":");
	text_json(t, slice_text(a->dtype));
	if (a->type) {
		text_add(t, ",\"type\":");
		text_json(t, slice_text(a->type));
	}
	text_print(t, ",\"nullable\":%s}", a->nullable ? "true" : "false");
}

/* All of the array's files were visited. */
static void finish(struct info *i)
{
	struct item *a = &i->open;
	const struct quant_block *block = i->of.quant ? quant_block(i->of.quant->blocks) : NULL;
	char dtype[DTYPE_NAME_MAX];
	if (!a->path || a->bare) {
		item_free(a);
		return;
	}
	i->arrays++;
	i->unsized += !a->sized && !i->fault;
	add(&i->bytes, a->bytes);
	if (is_numeric(&i->of) && !i->table)
		add(&i->parameters, i->elements);
	if (block) {
		add(&i->blocks, i->elements);
		add(&i->block_bytes, a->bytes);
	}
	if (i->of.dtype != DTYPE_NONE) {
		count_in(i, &i->dtypes, block ? block->name : dtype_name(&i->of, dtype), a->bytes, a->sized, 0);
		count_in(i, &i->codecs, i->of.codec ? i->of.codec : "none", a->bytes, a->sized, 0);
	}
	if (i->columns)
		put_column(i->columns, a);
	keep_first(i, a);
	keep_largest(i, a);
	item_free(a);
}

static void note_fault(struct info *i, uint64_t *count, const char *path, struct slice why)
{
	if (!*i->why)
		snprintf(i->why, sizeof i->why, "%s: %.*s", path, (int)(why.len < sizeof i->why ? why.len : sizeof i->why), why.data);
	++*count;
}

/* Begins an array, which stays open while its own files are visited. */
static void begin(struct info *i, const struct mirror_ref *ref, const char *path)
{
	struct archive *a = &ref->open->archive;
	const struct node *n = ref->node;
	const struct attr *error = node_error(n);
	struct text dtype = {.limit = 4096}, shape = {.limit = 4096};
	struct shaped shaped;
	uint64_t size = n->kind == NODE_DIR ? 0 : atomic_load_explicit(&n->size, memory_order_acquire);
	shape_known(a, n, &shaped);
	info_type(a, n, &dtype);
	info_shape(&shaped.array, &shape);
	i->of = shaped.array;
	i->elements = 0;
	info_elements(&shaped.array, &i->elements);
	i->open = (struct item){
		.path = strdup(path), .shape = strdup(shape.bytes ? shape.bytes : ""), .dtype = strdup(dtype.bytes ? dtype.bytes : ""),
		.type = shaped.array.type ? strdup(shaped.array.type) : NULL,
		.bytes = size == SIZE_UNKNOWN ? 0 : size, .sized = size != SIZE_UNKNOWN, .nullable = info_nullable(a, n),
	};
	text_free(&dtype);
	text_free(&shape);
	i->fault = error;
	if (error)
		note_fault(i, &i->faults, path, error->value);
	if (!i->open.path || !i->open.shape || !i->open.dtype) {
		i->failed = true;
		item_free(&i->open);
	} else if (i->archive && a->format->references) {
		info_scale(i, ref, path, &i->open.bare);
	}
}

static bool is_within(const struct item *a, const char *path)
{
	size_t n = a->path ? strlen(a->path) : 0;
	return a->path && strncmp(path, a->path, n) == 0 && path[n] == '/';
}

/* Adds one of the files that an array is made of. */
static void add_part(struct info *i, const struct node *n)
{
	uint64_t size = n->kind == NODE_DIR ? 0 : atomic_load_explicit(&n->size, memory_order_acquire);
	if (size == SIZE_UNKNOWN)
		i->open.sized = false;
	else
		add(&i->open.bytes, size);
	if (n->array && n->array->codec && !i->of.codec)
		i->of.codec = n->array->codec;
}

/* --- the walk ------------------------------------------------------------------ */

uint64_t info_rows(struct archive *a)
{
	struct overview overview = {0};
	struct shaped root;
	if (a->format->overview)
		a->format->overview(a, &overview);
	text_free(&overview.writer);
	shape_known(a, tree_node(&a->tree, TREE_ROOT), &root);
	return !root.array.unshaped && root.array.rank ? root.array.shape[0] : overview.rows;
}

bool info_is_table(const struct archive *a)
{
	const struct array *root = tree_node(&a->tree, TREE_ROOT)->array;
	return a->format->table || (root && root->dtype == DTYPE_STRUCT);
}

static bool is_root(const struct mirror_ref *ref)
{
	return ref->node && ino_index(ref->ino) == TREE_ROOT;
}

static void visit_root(struct info *i, struct archive *a)
{
	finish(i);
	idmap_free(&i->seen);
	i->table = info_is_table(a);
	if (a != i->archive)
		count_in(i, &i->formats, a->format->name, (uint64_t)a->own.st_size, true, info_rows(a));
}

/* Was the node visited by another of its names? */
static bool is_again(struct info *i, const struct mirror_ref *ref)
{
	if (ref->node->kind == NODE_DIR || ref->node->links < 2)
		return false;
	uint64_t *seen = idmap_at(&i->seen, ref->ino);
	if (!seen)
		i->failed = true;
	return seen && (*seen)++;
}

static int visit_node(struct info *i, const char *path, const struct mirror_ref *ref)
{
	const struct node *n = ref->node;
	if (is_root(ref)) {
		visit_root(i, &ref->open->archive);
		return 0;
	}
	if (n->companion || is_again(i, ref))
		return 0;
	if (is_within(&i->open, path)) {
		add_part(i, n);
		return 0;
	}
	finish(i);
	if (n->aside && !i->below)
		return n->kind == NODE_DIR ? WALK_SKIP : 0;
	if (n->kind == NODE_FAULT || (n->array && n->array->dtype != DTYPE_NONE))
		begin(i, ref, path);
	return 0;
}

/* Of a mirrored directory. */
static void visit_file(struct info *i, const char *path, bool directory, const struct mirror_ref *ref)
{
	struct error err = {0};
	struct stat st;
	finish(i);
	if (directory) {
		i->directories += *path != '\0';
		return;
	}
	i->files++;
	if (mirror_stat(i->m, ref, -1, &st, &err) == 0 && S_ISREG(st.st_mode))
		add(&i->file_bytes, (uint64_t)st.st_size);
	if (mirror_fault(i->m, ref, &err) < 0)
		note_fault(i, &i->refused, path, slice_text(err.text));
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref, const char *same,
		 const struct error *fault)
{
	struct info *i = arg;
	(void)len, (void)same;
	if (kind == WALK_FAULT) {
		log_say("%s: %s: %s", i->source, *path ? path : ".", fault->text);
		i->failed = true;
	} else if (kind != WALK_SAME && ref->node && !ino_view(ref->ino)) {
		return visit_node(i, path, ref);
	} else if (kind != WALK_SAME) {
		visit_file(i, path, kind != WALK_FILE, ref);
	}
	return 0;
}

void info_collect(struct info *i)
{
	walk_path(i->m, i->path, visit, i);
	finish(i);
	idmap_free(&i->seen);
}

void info_free(struct info *i)
{
	for (size_t k = 0; k < i->nfirst; k++)
		item_free(&i->first[k]);
	for (size_t k = 0; k < i->nlargest; k++)
		item_free(&i->largest[k]);
	for (size_t k = 0; k < i->nscales; k++)
		free(i->scales[k].path);
	free(i->scales);
	free(i->dtypes.ones), free(i->codecs.ones), free(i->formats.ones);
}
