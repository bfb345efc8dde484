/* SPDX-License-Identifier: MIT */
/* A file that has only grown: what was read is not read again. */
#include <stdlib.h>

#include "formats/shared/records_pass.h"
#include "fs/archive/inherit.h"
#include "fs/base/list.h"
#include "fs/base/name.h"

enum { LOOKED_AT = 64 << 10, MOST = 2 << 20, LEAST = 1 << 20 };

/* What a pass found, up to `end`. */
struct state {
	const struct records_kind *kind;
	uint64_t begin, end, units;
	bool skip_bad, told;
	uint64_t head, tail; /* hashes of the first bytes, and of the last before `end` */
	struct arena arena;
	struct records_column **columns;
	uint32_t count, leaves;
	struct slot *slots;
	uint64_t nslots;
	unsigned shift;
	size_t used;
};

static void discard(void *what)
{
	struct state *s = what;
	for (uint64_t i = 0; s->slots && i < s->nslots; i++)
		free(s->slots[i].sums);
	free(s->slots);
	free(s->columns);
	arena_free(&s->arena);
	free(s);
}

/* Of at most 64 KiB there. */
static bool hash_of(const struct source *s, uint64_t at, uint64_t len, uint64_t *ret)
{
	struct error unsaid = {0};
	uint8_t *bytes = malloc(LOOKED_AT);
	len = len < LOOKED_AT ? len : LOOKED_AT;
	bool fine = bytes && source_read(s, at, bytes, (size_t)len, &unsaid) == 0;
	if (fine)
		*ret = name_hash((struct slice){bytes, (size_t)len});
	free(bytes);
	return fine;
}

static bool hash_both(const struct source *s, uint64_t end, uint64_t *head, uint64_t *tail)
{
	uint64_t behind = end > LOOKED_AT ? end - LOOKED_AT : 0;
	return hash_of(s, 0, end, head) && hash_of(s, behind, end - behind, tail);
}

/* --- a copy ------------------------------------------------------------------------------------ */

static struct records_column *twin(const struct state *s, const struct records_column *c)
{
	return c ? s->columns[c->number] : NULL;
}

/* As much as list_grow() has for so many. */
static uint64_t room_for(uint64_t count)
{
	uint64_t room = LIST_FIRST;
	while (room < count)
		room *= 2;
	return room;
}

static bool copy_columns(struct state *s, const struct records_pass *p)
{
	s->columns = calloc(room_for(p->count), sizeof(void *));
	for (uint32_t i = 0; s->columns && i < p->count; i++)
		if (!(s->columns[i] = arena_alloc(&s->arena, sizeof **s->columns)))
			return false;
	for (uint32_t i = 0; s->columns && i < p->count; i++) {
		struct records_column *to = s->columns[i];
		*to = *p->columns[i];
		to->parent = twin(s, to->parent);
		to->next = twin(s, to->next);
		to->first = twin(s, to->first);
		to->last = twin(s, to->last);
		to->element = twin(s, to->element);
		to->hint = NULL;
		to->fields = NULL;
		if (to->name.data && !(to->name.data = (const uint8_t *)arena_text(&s->arena, to->name)))
			return false;
	}
	for (uint32_t i = 0; s->columns && i < p->count; i++)
		if (!records_tabulate(s->columns[i], &s->arena))
			return false;
	s->count = p->count;
	s->leaves = p->leaves;
	return s->columns;
}

static bool copy_slots(struct state *s, const struct records_pass *p)
{
	s->slots = calloc(room_for(p->nslots), sizeof *s->slots);
	for (uint64_t i = 0; s->slots && i < p->nslots; i++) {
		struct slot *to = &s->slots[i];
		*to = p->slots[i];
		to->sums = to->room ? malloc(to->room * 2 * sizeof *to->sums) : NULL;
		s->nslots = i + 1;
		if (to->room && !to->sums)
			return false;
		if (to->room)
			memcpy(to->sums, p->slots[i].sums, to->room * 2 * sizeof *to->sums);
	}
	s->shift = p->shift;
	s->used = p->used;
	return s->slots;
}

/* --- left, and found --------------------------------------------------------------------------- */

/* Only consecutive records of an uncompressed file can be continued. */
static bool grows(const struct records_pass *p)
{
	const struct records_table *t = p->t;
	return p->a->mirrored && p->a->options->inheritance && !t->bytes.stream && t->end == UINT64_MAX && !t->fixed && !t->noverwritten && !t->before;
}

void records_leave(const struct records_pass *p)
{
	uint64_t end = p->end != UINT64_MAX ? p->end : p->next;
	if (!grows(p) || p->noverwritten || end < LEAST || p->used + p->arena.used > MOST)
		return;
	struct state *s = calloc(1, sizeof *s);
	if (!s)
		return;
	*s = (struct state){.kind = p->t->kind, .begin = p->t->begin, .end = end, .units = p->before, .skip_bad = p->t->skip_bad, .told = p->told,
			    .arena.limit = 2 * MOST};
	if (copy_columns(s, p) && copy_slots(s, p) && hash_both(&p->a->source, end, &s->head, &s->tail))
		archive_leave(p->a, s, discard);
	else
		discard(s);
}

static bool holds(const struct state *s, const struct records_pass *p)
{
	uint64_t head, tail;
	return s->kind == p->t->kind && s->begin == p->t->begin && s->skip_bad == p->t->skip_bad && s->end <= p->a->source.size && s->nslots > 0 &&
	       hash_both(&p->a->source, s->end, &head, &tail) && head == s->head && tail == s->tail;
}

void records_go_on(struct records_pass *p)
{
	struct state *s = grows(p) ? archive_inherit(p->a, discard) : NULL;
	if (!s)
		return;
	if (!holds(s, p)) {
		discard(s);
		return;
	}
	p->arena = s->arena;
	p->arena.limit = p->a->arena.limit;
	p->columns = s->columns;
	p->count = s->count;
	p->leaves = s->leaves;
	p->slots = s->slots;
	p->nslots = s->nslots;
	p->shift = s->shift;
	p->used = s->used;
	p->told = s->told;
	p->before = s->units;
	p->next = s->end;
	/* A last block that is small takes more. */
	bool small = s->end - s->slots[s->nslots - 1].at < RECORDS_SPAN;
	p->span = (s->nslots - small) << s->shift;
	p->low = p->span;
	free(s);
}
