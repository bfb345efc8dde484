/* SPDX-License-Identifier: MIT */
/*
 * Lists within a document.  Of scalars of one kind: an array, of as many dimensions as equal lists are
 * nested; of lists of several lengths and of maps: columns.  What is none of these, or holds
 * arrays, is a directory of its elements.
 */
#include "formats/msgpack/impl.h"

enum {
	FEW = 512,              /* bytes of an array that is made at once */
	AGAIN_MOST = 1 << 27,   /* objects: lists in lists of several kinds are looked at once for each */
};

static int show_empty(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct array *shape, uint32_t *ret)
{
	struct array null = {.dtype = DTYPE_NULL, .rank = shape->rank, .shape = shape->shape};
	*ret = tree_bytes(&d->a->tree, parent, name, "", 0);
	tree_describe(&d->a->tree, *ret, tree_array(&d->a->tree, &null));
	return 1;
}

/* Lists of equal lengths, down to what they hold: *ret is that, or NULL if there is nothing. */
static bool is_regular(const struct records_table *t, struct records_column **ret, struct array *shape, uint64_t extents[NUMPY_RANK_MAX])
{
	struct records_column *c = t->root;
	extents[0] = t->rows;
	*shape = (struct array){.rank = 1, .shape = extents};
	for (; c && c->type == RECORDS_LIST; c = c->element) {
		if (c->ragged || c->nulls || shape->rank == NUMPY_RANK_MAX)
			return false;
		extents[shape->rank++] = c->length;
	}
	*ret = c;
	return !c || c->type != RECORDS_STRUCT;
}

/* Is it one of what columns hold, as far as it is lists of lists? */
static bool is_of_one_kind(const struct records_table *t)
{
	const struct records_column *c = t->root;
	while (c && c->type == RECORDS_LIST)
		c = c->element;
	return !c || c->type != RECORDS_MIXED;
}

static int show_few(struct msgpack_doc *d, struct msgpack_feed *f, const struct records_table *t, uint32_t parent, struct slice name,
		    const struct array *shape, uint32_t *ret)
{
	static const uint8_t dtypes[] = {
		[RECORDS_BOOL] = DTYPE_BOOL, [RECORDS_INT64] = DTYPE_INT64, [RECORDS_UINT64] = DTYPE_UINT64, [RECORDS_FLOAT32] = DTYPE_FLOAT32,
		[RECORDS_FLOAT64] = DTYPE_FLOAT64, [RECORDS_COMPLEX] = DTYPE_COMPLEX128, [RECORDS_TIMESTAMP] = DTYPE_TIMESTAMP_NS,
	};
	uint32_t width = records_width((enum records_type)t->root->type);
	struct array array = {.dtype = dtypes[t->root->type], .byteorder = width > 1 ? BYTEORDER_LITTLE : BYTEORDER_NONE,
			      .rank = shape->rank, .shape = shape->shape};
	uint8_t *bytes = arena_alloc(d->keep, (size_t)(t->rows * width) + 1);
	if (!bytes)
		return error_no_memory(d->err, "its numbers");
	struct msgpack_place place = msgpack_enter(&d->m, t->begin, t->end);
	msgpack_feed_init(f, d, d->err);
	f->flat = f->arrays = true;
	int r = records_decode_few(&f->feed, t, bytes);
	msgpack_leave(&d->m, &place);
	*ret = tree_bytes(&d->a->tree, parent, name, bytes, (size_t)(t->rows * width));
	tree_describe(&d->a->tree, *ret, tree_array(&d->a->tree, &array));
	return r < 0 ? r : 1;
}

static int show_table(struct msgpack_doc *d, struct msgpack_feed *f, struct records_table *t, uint32_t parent, struct slice name, uint32_t *ret)
{
	uint64_t extents[NUMPY_RANK_MAX];
	struct records_column *leaf;
	struct array shape;
	bool regular = is_regular(t, &leaf, &shape, extents);
	if (regular && (!leaf || leaf->type == RECORDS_NULL))
		return show_empty(d, parent, name, &shape, ret);
	if (regular) {
		t->root = leaf;
		leaf->parent = NULL;
		t->rows = leaf->count;
		t->flat = true;
		records_finish(t);
		if (records_width((enum records_type)leaf->type) && !leaf->nullable && leaf->count * 16 <= FEW)
			return show_few(d, f, t, parent, name, &shape, ret);
	}
	struct records_table *kept = records_keep(t, d->keep);
	if (!kept)
		return error_no_memory(d->err, "its columns");
	int r = records_show(d->a, kept, kept->root, (struct column_at){.parent = parent, .name = name}, regular ? &shape : NULL, ret, d->err);
	return r < 0 ? r : 1;
}

int msgpack_list_show(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_object *o, uint32_t *ret)
{
	static const uint64_t none;
	struct records_table t = {.open = msgpack_feed_open, .begin = o->body, .arrays = true};
	struct error unsaid = {0};
	if (o->len == 0)
		return show_empty(d, parent, name, &(struct array){.rank = 1, .shape = &none}, ret);
	msgpack_feed_init(&d->feed, d, &unsaid);
	d->feed.arrays = true;
	int r = records_infer(d->a, &d->feed.feed, &t, o->len, d->scratch);
	if (d->m.failed || r == -ENOMEM)
		return d->m.failed ? d->m.failed : error_set(d->err, ENOMEM, "%s", unsaid.text);
	t.end = d->m.at;
	if (r == 0)
		records_finish(&t);
	if (r == 0 && !d->feed.others && is_of_one_kind(&t))
		return show_table(d, &d->feed, &t, parent, name, ret);
	d->again += d->feed.objects;
	if (d->again > AGAIN_MOST)
		return error_set(d->err, ENOTSUP, "lists of several kinds nested within each other");
	msgpack_rewind(&d->m, o);
	return 0;
}
