/* SPDX-License-Identifier: MIT */
/* What the values of a column are, together. */
#include "formats/shared/records_impl.h"

enum {
	PER_BLOCK = 128 << 10,   /* about so many bytes of records are decoded at a time */
	INDEX_MOST = 4 << 20,
	KINDS_NUMBER = 1u << RECORD_INT | 1u << RECORD_FLOAT32 | 1u << RECORD_FLOAT64,
};

static enum records_type number_of(const struct records_column *c, uint32_t kinds)
{
	if (kinds == 1u << RECORD_INT)
		return !c->beyond ? RECORDS_INT64 : c->negative ? RECORDS_MIXED : RECORDS_UINT64;
	if (kinds == 1u << RECORD_FLOAT32)
		return RECORDS_FLOAT32;
	return c->inexact ? RECORDS_MIXED : RECORDS_FLOAT64;
}

static enum records_type join(struct records_column *c)
{
	uint32_t kinds = c->seen & ~(1u << RECORD_NULL);
	if (kinds && !(kinds & ~(uint32_t)KINDS_NUMBER))
		return number_of(c, kinds);
	switch (kinds) {
	case 0: return RECORDS_NULL;
	case 1u << RECORD_BOOL: return RECORDS_BOOL;
	case 1u << RECORD_COMPLEX: return RECORDS_COMPLEX;
	case 1u << RECORD_TIMESTAMP: return RECORDS_TIMESTAMP;
	case 1u << RECORD_STRING: return RECORDS_STRING;
	case 1u << RECORD_LIST: return RECORDS_LIST;
	case 1u << RECORD_STRUCT: return RECORDS_STRUCT;
	case 1u << RECORD_BYTES | 1u << RECORD_TIMESTAMP: /* of which some do not fit */
	case 1u << RECORD_BYTES: return c->codes ? RECORDS_MIXED : RECORDS_BYTES;
	default: return RECORDS_MIXED;
	}
}

uint32_t records_width(enum records_type type)
{
	switch (type) {
	case RECORDS_BOOL: return 1;
	case RECORDS_FLOAT32: return 4;
	case RECORDS_INT64:
	case RECORDS_UINT64:
	case RECORDS_FLOAT64:
	case RECORDS_TIMESTAMP: return 8;
	case RECORDS_COMPLEX: return 16;
	default: return 0;
	}
}

/* As deep as values are: RECORDS_DEPTH. */
static void finish(struct records_table *t, struct records_column *c, uint64_t slots, uint64_t valid)
{
	c->type = (uint8_t)join(c);
	c->slots = slots;
	c->nullable = c->type != RECORDS_NULL && c->count - c->nulls < valid;
	c->hint = c->first;
	t->mixed |= c->type == RECORDS_MIXED;
	c->serial = 0;
	if (c->type >= RECORDS_STRING && c->type != RECORDS_STRUCT)
		c->index = ++t->indexed;
	if (c->type == RECORDS_LIST && c->element)
		finish(t, c->element, c->total, c->element->count);
	for (struct records_column *i = c->type == RECORDS_STRUCT ? c->first : NULL; i; i = i->next)
		finish(t, i, slots, c->count - c->nulls);
}

void records_finish(struct records_table *t)
{
	uint64_t bytes = t->end - t->begin, blocks = bytes / PER_BLOCK + 1, most = INDEX_MOST / 8;
	t->indexed = 0;
	t->mixed = false;
	finish(t, t->root, t->rows, t->root->count);
	most /= t->indexed + 1;
	blocks = blocks < most ? blocks : most ? most : 1;
	t->per_block = t->rows / blocks + 1;
}

const struct records_column *records_space(const struct records_column *c)
{
	for (const struct records_column *p = c->parent; p; c = p, p = p->parent)
		if (p->type == RECORDS_LIST)
			return p;
	return NULL;
}

/* --- what is kept ------------------------------------------------------------------------ */

static struct records_column *keep(const struct records_column *c, struct records_column *parent, struct arena *arena)
{
	struct records_column *to = arena_alloc(arena, sizeof *to);
	if (!to)
		return NULL;
	*to = *c;
	to->parent = parent;
	to->first = to->last = to->next = to->hint = to->element = NULL;
	to->fields = NULL;
	to->nfields = 0;
	if (c->parent && c->parent->type == RECORDS_STRUCT && !(to->name.data = (const uint8_t *)arena_text(arena, c->name)))
		return NULL;
	if (c->type == RECORDS_LIST && c->element && !(to->element = keep(c->element, to, arena)))
		return NULL;
	for (const struct records_column *i = c->type == RECORDS_STRUCT ? c->first : NULL; i; i = i->next) {
		struct records_column *one = keep(i, to, arena);
		if (!one)
			return NULL;
		if (to->last)
			to->last->next = one;
		else
			to->first = one;
		to->last = one;
		to->nfields++;
	}
	return records_tabulate(to, arena) ? to : NULL;
}

struct records_table *records_keep(const struct records_table *t, struct arena *arena)
{
	struct records_table *to = arena_alloc(arena, sizeof *to);
	if (!to)
		return NULL;
	*to = *t;
	to->root = keep(t->root, NULL, arena);
	to->overwritten = arena_array(arena, t->noverwritten, sizeof *to->overwritten);
	if (!to->root || !to->overwritten)
		return NULL;
	if (t->noverwritten)
		memcpy(to->overwritten, t->overwritten, t->noverwritten * sizeof *to->overwritten);
	return to;
}
