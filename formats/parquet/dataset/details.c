/* SPDX-License-Identifier: MIT */
/* What is known of a column, file by file. */
#include <inttypes.h>

#include "formats/parquet/dataset/dataset.h"
#include "formats/parquet/statistics.h"

struct telling {
	struct archive *a;
	const struct dataset *d;
	const struct shown *shown;
	const struct field *field;
	const uint64_t *before; /* elements before each file; NULL: unknown */
	struct text *text;
	bool any; /* an object was written */
};

/* As the bounds of any column are written. */
static void put_shown(struct text *t, const struct table_key *key, uint32_t file)
{
	if (key->dtype == DTYPE_DATE32)
		text_print(t, "%" PRId64, table_key_number(key, file));
	else
		table_put_value(key, file, t);
}

static uint64_t byte_of(const struct telling *w, uint32_t file)
{
	return w->before ? w->before[file] * shown_width(w->shown) : UINT64_MAX;
}

/* Describes a file as a whole: for a partition key, or if it lacks the column or cannot be
 * read. */
static void put_whole(const struct telling *w, uint32_t file, const char *error)
{
	const struct table_key *key = w->field->key;
	struct text *t = w->text;
	uint64_t begin = w->d->p.first_row[file], end = w->d->p.first_row[file + 1];

	text_print(t, "\"rows\":[%" PRIu64 ",%" PRIu64 "]", begin, end);
	if (w->before)
		text_print(t, ",\"bytes\":[%" PRIu64 ",%" PRIu64 "]", byte_of(w, file),
			   byte_of(w, file + 1) + shown_tail(w->shown) * shown_width(w->shown));
	if (error) {
		text_add(t, ",\"error\":");
		text_json(t, slice_text(error));
		return;
	}
	bool null = !key || !key->values[file].data;
	if (!null && end > begin) {
		text_add(t, ",\"min\":");
		put_shown(t, key, file);
		text_add(t, ",\"max\":");
		put_shown(t, key, file);
	}
	if (w->shown->depth == 0)
		text_print(t, ",\"null_count\":%" PRIu64, null ? end - begin : 0);
}

static int put_groups(const struct telling *w, uint32_t number, struct archive *file, const struct element *e,
		      struct slice origin, struct error *err)
{
	const struct parquet *p = file->priv;
	bool bare = e->repetition == REPEATED && e->max_rep > w->field->depth;
	struct leaf leaf, *of_file = pq_leaf_first(p, e);
	pthread_mutex_lock(&file->lock); /* protects its totals */
	memcpy(&leaf, of_file, sizeof leaf);
	pthread_mutex_unlock(&file->lock);
	leaf.width = e->physical == GROUP ? leaf.width : w->shown->leaf->width; /* as wide as the column */
	struct shown shown = {.leaf = &leaf, .what = w->shown->what, .depth = w->shown->depth, .level = (uint8_t)(e->max_def - bare)};
	struct statistics_of of = {file, &shown, w->d->p.first_row[number], byte_of(w, number), origin};
	return pq_statistics_put(&of, !w->any, w->text, err);
}

static int put_file(const struct telling *w, uint32_t number, struct error *err)
{
	struct member *part = w->d->files->all[number];
	const struct field *target = pq_dataset_target(w->d, w->shown, w->field);
	struct text origin = {0};
	struct error own = {""};
	struct archive *file;
	struct mapped m = {.e = NULL};
	int r = w->field->key || !target ? 0 : part_hold(part, &file, &own);
	bool held = r == 0 && !w->field->key && target;

	if (error_passes(r))
		return error_set(err, -r, "%s", own.text);
	table_put_origin(w->d->files, number, &origin);
	if (held)
		r = pq_dataset_map_in(file, target, &m, &own);
	if (r == 0 && m.e) {
		r = ((const struct parquet *)file->priv)->ngroups ? put_groups(w, number, file, m.e, text_slice(&origin), err) : 0;
	} else {
		text_add(w->text, w->any ? ",{" : "{");
		text_put(w->text, text_slice(&origin));
		put_whole(w, number, r < 0 ? own.text : NULL);
		text_add(w->text, "}");
		r = 0;
	}
	if (held)
		member_release(part);
	text_free(&origin);
	return r;
}

int pq_dataset_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	struct telling w = {.a = a, .d = a->priv, .text = ret};
	bool whole = false;
	int r = 0;

	w.shown = index == TREE_ROOT ? NULL : pq_statistics_shown(a, n, &whole);
	if (!w.shown)
		return 0;
	w.field = w.d->columns[w.shown->leaf->number];
	unsigned quantity = shown_quantity(w.shown);
	const uint64_t *totals = atomic_load_explicit(&w.shown->leaf->totals, memory_order_acquire);
	if (!whole && quantity == 0)
		w.before = w.d->p.first_row;
	else if (!whole && totals)
		w.before = totals + (size_t)quantity * (w.d->p.ngroups + 1u);
	text_add(ret, ",\"row_groups\":[");
	for (uint32_t i = 0; i < w.d->p.ngroups && r == 0 && !ret->failed; i++) {
		if (w.d->p.first_row[i] == w.d->p.first_row[i + 1])
			continue;
		r = put_file(&w, i, err);
		w.any = true;
	}
	text_add(ret, "]");
	return r;
}
