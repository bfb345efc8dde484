/* SPDX-License-Identifier: MIT */
/* Records: maps one after another, or in a list. */
#include "formats/msgpack/impl.h"

static int show(struct msgpack_doc *d, struct records_table *t)
{
	struct records_table *kept = records_keep(t, d->keep);
	return kept ? records_show_fields(d->a, kept, TREE_ROOT, d->err) : error_no_memory(d->err, "its columns");
}

/* One pass over the records from the first on, in the list, if there is one. */
static int pass(struct msgpack_doc *d, const struct msgpack_object *list, struct records_table *t, struct arena *scratch)
{
	struct msgpack_feed *f = &d->feed;
	if (list)
		msgpack_rewind(&d->m, list);
	else
		msgpack_init(&d->m, &d->a->source, 0, d->a->source.size, d->window, d->err);
	msgpack_feed_init(f, d, d->err);
	f->arrays = t->arrays;
	return records_infer(&f->feed, t, list ? list->len : UINT64_MAX, scratch);
}

static int infer(struct msgpack_doc *d, const struct msgpack_object *list, struct records_table *t, struct arena *scratch)
{
	int r = pass(d, list, t, scratch);
	if (r == -EAGAIN)
		r = pass(d, list, t, scratch);
	if (r == -E2BIG)
		return error_set(d->err, ENOTSUP, "records of over %d columns", RECORDS_COLUMNS);
	if (r == -EEXIST)
		return error_set(d->err, EBADMSG, "a field twice in record %llu, once as a string and once not", (unsigned long long)t->rows - 1);
	if (r < 0)
		return r;
	t->end = d->m.at;
	records_finish(t);
	return 0;
}

int msgpack_table_stream(struct msgpack_doc *d)
{
	struct records_table t = {.open = msgpack_feed_open};
	struct arena scratch = arena_scratch(d->keep);
	if (d->a->mirrored) { /* there, what has no index stays a file */
		arena_free(&scratch);
		return -ENOTSUP;
	}
	int r = infer(d, NULL, &t, &scratch);
	if (r == 0 && t.root->type != RECORDS_STRUCT)
		r = error_set(d->err, ENOTSUP, "a stream of maps and of other objects");
	if (r == 0 && t.root->nulls)
		r = error_set(d->err, ENOTSUP, "a stream of maps and of nil");
	if (r == 0)
		r = show(d, &t);
	arena_free(&scratch);
	return r;
}

int msgpack_table_list(struct msgpack_doc *d, const struct msgpack_object *list)
{
	struct records_table t = {.open = msgpack_feed_open, .begin = list->body};
	struct msgpack_object first;
	struct msgpack_array array;
	if (list->len == 0 || !msgpack_next(&d->m, &first))
		return d->m.failed;
	int r = first.kind == MSGPACK_MAP ? msgpack_array_read(d, &first, &array) : 1;
	if (r < 0)
		return r;
	msgpack_rewind(&d->m, list);
	if (r > 0)
		return 0;
	struct arena scratch = arena_scratch(d->keep);
	t.arrays = true;
	r = infer(d, list, &t, &scratch);
	bool table = r == 0 && !d->feed.others && t.root->type == RECORDS_STRUCT && !t.root->nulls;
	if (table)
		r = d->a->mirrored ? -ENOTSUP : show(d, &t);
	else if (r == 0)
		msgpack_rewind(&d->m, list);
	arena_free(&scratch);
	return r < 0 ? r : table;
}
