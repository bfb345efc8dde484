/* SPDX-License-Identifier: MIT */
/* The pass over all records: what is found, on all processors. */
#include "formats/shared/records_pass.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	LONG = 16 << 20, /* bytes of a file whose pass takes long, */
	KEPT = 20 << 20, /* and what may be kept of it */
};

static int compare_born(const void *a, const void *b)
{
	const struct records_column *const *x = a, *const *y = b;
	return (*x)->born < (*y)->born ? -1 : (*x)->born > (*y)->born;
}

/* In the order of their first appearance. */
static int sort_fields(struct records_column *c, struct error *err)
{
	struct records_column **all = malloc((c->nfields + (size_t)1) * sizeof(void *));
	uint32_t n = 0;
	if (!all)
		return error_no_memory(err, "its columns");
	for (struct records_column *i = c->first; i; i = i->next)
		all[n++] = i;
	qsort(all, n, sizeof(void *), compare_born);
	for (uint32_t i = 0; i < n; i++)
		all[i]->next = i + 1 < n ? all[i + 1] : NULL;
	c->first = n ? all[0] : NULL;
	c->last = n ? all[n - 1] : NULL;
	free(all);
	return 0;
}

static void put_line(const struct records_pass *p, const struct records_column *c, uint64_t *index)
{
	uint64_t *line = index + c->index * (p->nslots + 1), sum = 0;
	for (uint64_t i = 0; i < p->nslots; i++) {
		const struct slot *s = &p->slots[i];
		line[i] = sum;
		sum += c->number < s->room ? s->sums[2 * c->number + c->by_raw] : 0;
	}
	line[p->nslots] = sum;
}

static void put_lines(const struct records_pass *p, const struct records_column *c, uint64_t *index)
{
	if (c->index)
		put_line(p, c, index);
	if (records_is_list((enum records_type)c->type) && c->element)
		put_lines(p, c->element, index);
	for (const struct records_column *i = c->type == RECORDS_STRUCT ? c->first : NULL; i; i = i->next)
		put_lines(p, i, index);
}

static int make_index(struct records_pass *p, struct error *err)
{
	struct records_table *t = p->t;
	uint64_t lines = RECORDS_TOTALS + t->indexed, rows = 0, bad = 0;
	while (p->nslots > 1 && lines * (p->nslots + 1) * sizeof(uint64_t) > RECORDS_INDEX_MOST)
		if (!records_halve_slots(p))
			return error_no_memory(err, "its index");
	struct records_index *x = arena_alloc(&p->a->arena, sizeof *x);
	uint64_t *all = x ? arena_array(&p->a->arena, (size_t)(lines * (p->nslots + 1)), sizeof *all) : NULL;
	if (!all)
		return error_no_memory(err, "its index");
	for (uint64_t i = 0; i <= p->nslots; i++) {
		const struct slot *s = i < p->nslots ? &p->slots[i] : &(struct slot){.at = t->end};
		all[i] = s->at;
		all[p->nslots + 1 + i] = rows;
		all[2 * (p->nslots + 1) + i] = bad;
		rows += s->rows;
		bad += s->bad;
	}
	put_lines(p, t->root, all);
	*x = (struct records_index){p->nslots, all};
	t->index = x;
	return 0;
}

/* What all workers found, settled. */
static int settle(struct records_pass *p, struct error *err)
{
	struct records_table *t = p->t;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < p->count; i++)
		r = sort_fields(p->columns[i], err);
	if (r < 0)
		return r;
	t->root = p->columns[0];
	t->cut = p->end != UINT64_MAX && !p->end_bad;
	t->end = p->end != UINT64_MAX ? p->end : p->next;
	t->told = p->told;
	t->rows = 0;
	t->bad = p->end_bad;
	for (uint64_t i = 0; i < p->nslots; i++) {
		t->rows += p->slots[i].rows;
		t->bad += p->slots[i].bad;
	}
	t->root->count = t->rows;
	if (t->bytes.stream)
		t->bytes.size = p->size;
	records_finish(t);
	return make_index(p, err);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static int keep_overwritten(struct records_pass *p, struct error *err)
{
	struct records_table *t = p->t;
	t->overwritten = arena_array(&p->a->arena, p->noverwritten, sizeof *t->overwritten);
	if (!t->overwritten)
		return error_no_memory(err, "its fields");
	memcpy(t->overwritten, p->overwritten, p->noverwritten * sizeof *t->overwritten);
	t->noverwritten = p->noverwritten;
	qsort(t->overwritten, t->noverwritten, sizeof *t->overwritten, compare);
	return -EAGAIN;
}

static int tell_failure(const struct records_pass *p, struct error *err)
{
	if (!p->broken)
		return error_set(err, -p->failed, "%s", p->why.text);
	return error_set(err, EBADMSG, "%s %" PRIu64 ": %s", p->t->kind->unit, p->t->units + p->before + p->failed_units + 1, p->why.text);
}

/* -EAGAIN: some fields are repeated, and now it is known which. */
static int run_pass(struct records_pass *p, struct records_table **ret, struct error *err)
{
	int r = records_run_workers(p, err);
	if (r == 0 && p->failed)
		r = tell_failure(p, err);
	if (r == 0 && p->noverwritten && !p->t->noverwritten)
		r = keep_overwritten(p, err);
	if (r == 0)
		records_leave(p);
	if (r == 0)
		r = settle(p, err);
	if (r == 0 && !(*ret = records_keep(p->t, &p->a->arena)))
		r = error_no_memory(err, "its columns");
	return r;
}

static void free_pass(struct records_pass *p)
{
	for (uint64_t i = 0; i < p->nslots; i++)
		free(p->slots[i].sums);
	free(p->slots);
	free(p->columns);
	free(p->carry);
	free(p->overwritten);
	arena_free(&p->arena);
	pthread_mutex_destroy(&p->take);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->passed);
	free(p);
}

static int pass_once(struct archive *a, struct records_table *t, struct records_table **ret, struct error *err)
{
	struct records_pass *p = calloc(1, sizeof *p);
	if (!p)
		return error_no_memory(err, "its columns");
	p->a = a;
	p->t = t;
	p->arena = arena_apart(&a->arena);
	p->next = t->begin;
	p->end = UINT64_MAX;
	if (t->bytes.stream) {
		p->stretch = t->begin / t->bytes.stream->stretch;
		p->skip = t->begin % t->bytes.stream->stretch;
	}
	pthread_mutex_init(&p->take, NULL);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->passed, NULL);
	records_go_on(p);
	int r = run_pass(p, ret, err);
	free_pass(p);
	return r;
}

/* A second pass, knowing what was found. */
static int pass_again(struct archive *a, const struct records_table *how, const struct records_table *found, struct records_table **ret,
		      struct error *err)
{
	struct records_table again = *how;
	again.overwritten = found->overwritten;
	again.noverwritten = found->noverwritten;
	again.before = found->root;
	return pass_once(a, &again, ret, err);
}

int records_open(struct archive *a, const struct records_table *how, struct records_table **ret, struct error *err)
{
	struct records_table t = *how;
	/* Under a lower limit the pass would only be made once more. */
	if (a->source.size > LONG && arena_left(&a->arena) < KEPT) {
		arena_deny(&a->arena);
		return error_no_memory(err, "its index");
	}
	int r = pass_once(a, &t, ret, err);
	if (r == -EAGAIN) {
		t.root = NULL;
		r = pass_again(a, how, &t, ret, err);
	}
	if (r == 0 && (*ret)->mixed && how->kind->no_raw)
		r = pass_again(a, how, *ret, ret, err);
	return r;
}
