/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "formats/arrow/view.h"

/* --- blocks ------------------------------------------------------------------------ */

static const struct table *table_of(const struct arrow *w, const struct field *f)
{
	for (uint32_t i = 0; i < w->ntables; i++)
		if (w->tables[i]->fields <= f && f < w->tables[i]->fields + w->tables[i]->nfields)
			return w->tables[i];
	return NULL;
}

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	if (from->kind == BLOCK_BUFFER)
		return arrow_buffer_decode(a, from->owner, index, ret, err);
	struct field *f = (struct field *)(uintptr_t)from->owner;
	return arrow_steps_decode(a, table_of(a->priv, f), f, (uint32_t)index, ret, err);
}

int arrow_block(struct archive *a, const void *owner, enum kind kind, uint64_t index, struct block *within, struct block **ret,
		struct error *err)
{
	struct block_source from = {&a->blocks, owner, decode, kind};
	return blocks_get(a->options->blocks, within, &from, index, ret, err);
}

void arrow_prefetch(struct archive *a, const void *owner, enum kind kind, uint64_t index)
{
	struct block_source from = {&a->blocks, owner, decode, kind};
	blocks_prefetch(a->options->blocks, &from, index);
}

/* --- counting one batch ---------------------------------------------------------------- */

/* If it is not known how much a batch adds, it counts as this much, and reading that fails: so
 * nothing is omitted silently, and what follows can be read at its place. */
enum { LOST = 1 };

/* Files that are opened ahead. */
enum { AHEAD = 4 };

/* Does the child, or the buffer of bytes, have all that the field leads to? */
static int check_lead(struct view *v, const struct lead *lead, struct error *err)
{
	const struct level *l = view_last(v);
	const struct field *f = l->field;
	struct part child = {0};
	uint64_t has;
	if (!lead->single || lead->count == 0)
		return 0;
	int r;
	if (f->layout == LAYOUT_STRING) {
		r = arrow_view_buffer_length(v, l->part.codec, l->part.buffers[2], &has, err);
	} else {
		r = arrow_part(v->a, v->table, v->batch, f->layout == LAYOUT_RUN_END ? &v->table->fields[(f + 1)->next] : f + 1, &child, err);
		has = child.length;
	}
	if (r < 0)
		return r;
	if (range_within(lead->at, lead->count, has))
		return 0;
	return error_set(err, EBADMSG, "%" PRIu64 " values, of which %" PRIu64 " are needed", has, lead->at + lead->count);
}

/* What is counted is read next, from the first batch on: the first stay in the cache, as many as it
 * has room for beside what is read with them.  If the last ones stayed instead, none would be cached
 * when it is read. */
static void keep_the_first(struct view *v)
{
	struct block *b = view_last(v)->offsets.block;
	uint64_t batches = (uint64_t)v->batch + 1;
	if (b && !blocks_fit(v->a->options->blocks, b->len, batches + batches / 4 + 1))
		blocks_drop_behind(b);
}

static int count_lead(struct archive *a, const struct table *t, const struct field *f, uint32_t batch, struct block *within,
		      uint64_t *ret, struct error *err)
{
	struct view v;
	struct lead lead = {0};
	int r = arrow_view_open(&v, a, t, batch, f, within, err);
	if (r == 0)
		r = arrow_view_lead(&v, within, &lead, err);
	if (r == 0)
		r = check_lead(&v, &lead, err);
	if (r == 0)
		keep_the_first(&v);
	arrow_view_close(&v);
	*ret = r < 0 ? 0 : lead.count;
	return r;
}

static int count_slots(struct archive *a, const struct table *t, const struct field *f, uint32_t batch, uint64_t *ret, struct error *err)
{
	struct part part = {0};
	int r = arrow_part(a, t, batch, f, &part, err);
	*ret = part.length;
	return r;
}

static int count_one(struct archive *a, const struct arrow_files *files, const struct table *t, struct field *f, enum counter counter,
		     uint32_t batch, struct block *within, uint64_t *ret, struct error *err)
{
	if (files)
		return files->count(a, t, f, counter == COUNT_LEADS, batch, within, ret, err);
	if (counter == COUNT_LEADS)
		return count_lead(a, t, f, batch, within, ret, err);
	return count_slots(a, t, f, batch, ret, err);
}

static void prefetch(struct archive *a, const struct arrow_files *files, const struct shown *shown, uint32_t batch)
{
	if (files)
		files->prefetch(a, shown->table, batch);
	else
		arrow_making_prefetch(a, shown, batch);
}

static struct counts *counts_of(struct field *f, enum counter counter)
{
	return counter == COUNT_LEADS ? &f->leads : &f->slots;
}

static uint64_t *begin(struct archive *a, const struct table *t, struct counts *c, struct error *err)
{
	uint64_t *first = atomic_load(&c->first);
	if (first)
		return first;
	pthread_mutex_lock(&a->lock);
	if (!(first = atomic_load(&c->first)) && (first = arena_array(&a->arena, (size_t)t->nbatches + 1, sizeof *first)))
		first[0] = 0;
	atomic_store(&c->first, first);
	pthread_mutex_unlock(&a->lock);
	if (!first)
		error_no_memory(err, "the sizes of a column");
	return first;
}

/* Adds what the i-th batch has; of several threads that do, one. */
static int add_count(struct archive *a, struct counts *c, uint64_t *first, uint32_t i, uint64_t count, struct error *err)
{
	uint64_t sum;
	int r = 0;
	pthread_mutex_lock(&a->lock);
	if (atomic_load(&c->known) == i) {
		if (__builtin_add_overflow(first[i], count, &sum) || sum > INT64_MAX / 64) {
			r = error_set(err, EBADMSG, "a column is larger than any file");
		} else {
			first[i + 1] = sum;
			atomic_store(&c->known, i + 1);
		}
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

/* Counts until so many batches are known. */
static int counted(struct archive *a, const struct table *t, struct field *f, enum counter counter, uint32_t batches, struct block *within,
		   struct sums *ret, struct error *err)
{
	const struct shown offsets = {t, f, WHAT_OFFSETS};
	const struct arrow *arrow = a->priv;
	const struct arrow_files *files = arrow->files;
	uint32_t ahead = files ? AHEAD : counter == COUNT_LEADS && arrow->compressed ? blocks_ahead(a->options->blocks, 1 << 20) : 0;
	struct counts *c = counts_of(f, counter);
	uint64_t *first = begin(a, t, c, err);
	if (!first)
		return -ENOMEM;
	uint32_t begun = atomic_load(&c->known);
	for (uint32_t i; (i = atomic_load(&c->known)) < batches;) {
		struct error own = {""};
		uint64_t count;
		for (uint32_t k = i > begun ? i + ahead : i + 1; ahead && k <= i + ahead && k < batches; k++)
			prefetch(a, files, &offsets, k);
		int r = count_one(a, files, t, f, counter, i, within, &count, &own);
		if (error_passes(r))
			return error_set(err, -r, "%s", own.text);
		if (r < 0)
			count = t->batches[i + 1].first > t->batches[i].first ? LOST : 0;
		if ((r = add_count(a, c, first, i, count, err)) < 0)
			return r;
	}
	*ret = (struct sums){first, 1, 1, atomic_load(&c->known)};
	return 0;
}

int arrow_lead_sums(struct archive *a, const struct table *t, struct field *f, uint32_t batches, struct block *within, struct sums *ret,
		    struct error *err)
{
	return counted(a, t, f, COUNT_LEADS, batches, within, ret, err);
}

/* What the number of slots of a field follows from: a count of *ret_of for each batch, times
 * *ret_factor. */
static enum counter counter_of(const struct table *t, const struct field *f, struct field **ret_of, uint64_t *ret_factor, bool *ret_fits)
{
	*ret_factor = 1;
	*ret_fits = true;
	for (; f->parent != FIELD_NONE; f = &t->fields[f->parent]) {
		struct field *above = &t->fields[f->parent];
		*ret_of = above;
		switch (above->layout) {
		case LAYOUT_STRUCT:
		case LAYOUT_SPARSE:
			break;
		case LAYOUT_FIXED_LIST:
			if (__builtin_mul_overflow(*ret_factor, above->per, ret_factor))
				*ret_fits = false;
			break;
		case LAYOUT_DENSE:
			*ret_of = &t->fields[f - t->fields];
			return COUNT_SLOTS;
		default:
			return COUNT_LEADS;
		}
	}
	return COUNT_ROWS;
}

static int check_product(uint64_t count, uint64_t factor, bool fits, struct error *err)
{
	uint64_t product;
	if ((fits && !__builtin_mul_overflow(count, factor, &product) && product <= INT64_MAX / 64) || count == 0)
		return 0;
	return error_set(err, EBADMSG, "a column is larger than any file");
}

int arrow_slots(const struct table *t, const struct field *f, uint64_t *ret, struct error *err)
{
	struct field *of;
	uint64_t factor, rows = t->batches[t->nbatches].first;
	bool fits;
	*ret = SIZE_UNKNOWN;
	if (counter_of(t, f, &of, &factor, &fits) != COUNT_ROWS)
		return 0;
	int r = check_product(rows, factor, fits, err);
	if (r == 0)
		*ret = rows ? rows * factor : 0;
	return r;
}

int arrow_slot_sums(struct archive *a, const struct table *t, const struct field *f, uint32_t batches, struct block *within,
		    struct sums *ret, struct error *err)
{
	struct field *of;
	uint64_t factor;
	bool fits;
	int r = 0;
	enum counter counter = counter_of(t, f, &of, &factor, &fits);
	if (counter == COUNT_ROWS)
		*ret = (struct sums){&t->batches[0].first, sizeof(struct batch) / sizeof(uint64_t), 1, t->nbatches};
	else
		r = counted(a, t, of, counter, batches, within, ret, err);
	if (r == 0)
		r = check_product(sums_at(ret, ret->known), factor, fits, err);
	if (r == 0)
		ret->factor = fits ? factor : 0;
	return r;
}

int arrow_sums(struct archive *a, const struct shown *s, uint32_t batches, struct sums *ret, struct error *err)
{
	bool leads = s->what == WHAT_BYTES || (s->what == WHAT_OFFSETS && s->field->layout == LAYOUT_RUN_END);
	return leads ? arrow_lead_sums(a, s->table, s->field, batches, NULL, ret, err)
		     : arrow_slot_sums(a, s->table, s->field, batches, NULL, ret, err);
}

int arrow_extent(struct archive *a, const struct node *n, bool decode, uint64_t *ret, struct error *err)
{
	const struct shown *s = n->lazy;
	struct field *of;
	struct sums sums;
	uint64_t factor;
	bool fits;
	enum counter counter = s ? counter_of(s->table, s->field, &of, &factor, &fits) : COUNT_ROWS;
	if (counter == COUNT_ROWS || (!decode && atomic_load(&counts_of(of, counter)->known) < s->table->nbatches))
		return error_set(err, ENODATA, "its shape is not known");
	int r = counted(a, s->table, of, counter, s->table->nbatches, NULL, &sums, err);
	if (r == 0)
		*ret = sums_at(&sums, s->table->nbatches);
	return r;
}
