/* SPDX-License-Identifier: MIT */
/* Records: maps one after another, or in a list. */
#include "formats/msgpack/impl.h"

#include <stdlib.h>

/* --- the kind ------------------------------------------------------------------------------ */

/* A reader of the span's objects. */
static struct msgpack_feed *open_span(struct msgpack_doc *d, struct archive *a, const struct records_table *t, const struct records_span *s,
				      struct arena *arena, struct error *err)
{
	struct msgpack_feed *f = &d->feed;
	d->a = a;
	d->keep = d->scratch = arena;
	d->err = err;
	msgpack_init_memory(&d->m, (struct slice){s->bytes, s->len}, s->at, err);
	msgpack_feed_init(f, d, err);
	f->arrays = t->arrays;
	return f;
}

static uint64_t split(const struct records_table *t, const struct records_span *s, uint64_t from, uint64_t target)
{
	struct error unsaid = {0};
	struct msgpack_object o;
	struct msgpack m;
	size_t before = (size_t)(from - s->at);
	(void)t;
	msgpack_init_memory(&m, (struct slice){s->bytes + before, s->len - before}, from, &unsaid);
	while (m.at < target)
		if (!msgpack_next(&m, &o) || !msgpack_skip(&m, &o))
			return s->last ? s->at + s->len : UINT64_MAX;
	return m.at;
}

static int scan(struct records_scan *w)
{
	if (!w->own && !(w->own = arena_alloc(w->arena, sizeof(struct msgpack_doc))))
		return error_no_memory(w->err, "its objects");
	struct arena scratch = arena_apart(w->arena);
	struct msgpack_feed *f = open_span(w->own, w->archive, w->table, &w->span, &scratch, w->err);
	int r = records_scan_feed(w, &f->feed);
	w->told |= f->others;
	w->units = r < 0 && w->rows ? w->rows - 1 : w->rows;
	arena_free(&scratch);
	return r;
}

static int decode(struct records_decode *d)
{
	struct arena scratch = {.limit = d->options->memory};
	struct msgpack_doc *doc = malloc(sizeof *doc);
	int r = doc ? 0 : error_no_memory(d->err, "its objects");
	if (doc) {
		doc->last_name = NULL;
		r = records_decode_feed(d, &open_span(doc, d->table->bytes.a, d->table, &d->span, &scratch, d->err)->feed);
	}
	free(doc);
	arena_free(&scratch);
	return r;
}

static const struct records_kind kind = {
	.unit = "record",
	.split = split,
	.scan = scan,
	.settle = records_settle_feed,
	.decode = decode,
	.in_place = true,
	.no_raw = true,
};

/* --- what is shown -------------------------------------------------------------------------- */

/* In a mirrored directory what has no index stays a file. */
static bool wanted(const struct archive *a)
{
	return !a->mirrored || a->options->records.on;
}

int msgpack_table_stream(struct archive *a, const struct records_bytes *bytes, struct error *err)
{
	struct records_table how = {.kind = &kind, .bytes = *bytes, .end = UINT64_MAX}, *t;
	if (!wanted(a))
		return -ENOTSUP;
	int r = records_open(a, &how, &t, err);
	if (r == 0 && t->root->type != RECORDS_STRUCT)
		r = error_set(err, ENOTSUP, "a stream of maps and of other objects");
	if (r == 0 && t->root->nulls)
		r = error_set(err, ENOTSUP, "a stream of maps and of nil");
	return r < 0 ? r : records_show_fields(a, t, TREE_ROOT, err);
}

/* Is the list one of maps, by its first element, which is not an array? */
static int begins_with_map(struct msgpack_doc *d, const struct msgpack_object *list)
{
	struct msgpack_object first;
	struct msgpack_array array;
	if (list->len == 0 || !msgpack_next(&d->m, &first))
		return d->m.failed;
	int r = first.kind == MSGPACK_MAP ? msgpack_array_read(d, &first, &array) : 1;
	msgpack_rewind(&d->m, list);
	return r < 0 ? r : r == 0;
}

int msgpack_table_list(struct msgpack_doc *d, const struct msgpack_object *list)
{
	struct records_table how = {.kind = &kind, .bytes = {.a = d->a, .size = d->a->source.size}, .begin = list->body, .arrays = true}, *t;
	int r = begins_with_map(d, list);
	if (r <= 0)
		return r;
	if (!msgpack_skip(&d->m, list))
		return d->m.failed;
	how.end = d->m.at;
	r = records_open(d->a, &how, &t, d->err);
	if (r < 0)
		return r;
	bool table = !t->told && t->root->type == RECORDS_STRUCT && !t->root->nulls;
	if (!table) {
		msgpack_rewind(&d->m, list);
		return 0;
	}
	r = wanted(d->a) ? records_show_fields(d->a, t, TREE_ROOT, d->err) : -ENOTSUP;
	return r < 0 ? r : 1;
}
