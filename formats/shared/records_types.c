/* SPDX-License-Identifier: MIT */
/* What the values of a column are, together. */
#include "formats/shared/records_impl.h"

enum {
	PER_BLOCK = 128 << 10,   /* about so many bytes of records are decoded at a time, where the index is made later */
	INDEX_LATER_MOST = 4 << 20,
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

void records_settle_feed(const struct records_table *t, struct records_column *c)
{
	uint32_t kinds = (uint32_t)c->seen & ~(1u << RECORD_NULL);
	(void)t;
	if (kinds && !(kinds & ~(uint32_t)KINDS_NUMBER)) {
		c->type = (uint8_t)number_of(c, kinds);
		return;
	}
	switch (kinds) {
	case 0: c->type = RECORDS_NULL; break;
	case 1u << RECORD_BOOL: c->type = RECORDS_BOOL; break;
	case 1u << RECORD_COMPLEX: c->type = RECORDS_COMPLEX; break;
	case 1u << RECORD_TIMESTAMP: c->type = RECORDS_TIMESTAMP; break;
	case 1u << RECORD_STRING: c->type = RECORDS_STRING; break;
	case 1u << RECORD_LIST: c->type = RECORDS_LIST; break;
	case 1u << RECORD_STRUCT: c->type = RECORDS_STRUCT; break;
	case 1u << RECORD_BYTES | 1u << RECORD_TIMESTAMP: /* of which some do not fit */
	case 1u << RECORD_BYTES: c->type = c->codes ? RECORDS_MIXED : RECORDS_BYTES; break;
	default: c->type = RECORDS_MIXED;
	}
}

uint32_t records_width(enum records_type type)
{
	switch (type) {
	case RECORDS_BOOL: return 1;
	case RECORDS_INT32:
	case RECORDS_UINT32:
	case RECORDS_DATE32:
	case RECORDS_FLOAT32: return 4;
	case RECORDS_INT64:
	case RECORDS_UINT64:
	case RECORDS_FLOAT64:
	case RECORDS_TIMESTAMP_US:
	case RECORDS_TIMESTAMP: return 8;
	case RECORDS_COMPLEX: return 16;
	default: return 0;
	}
}

/* As deep as values are: RECORDS_DEPTH. */
static void finish(struct records_table *t, struct records_column *c, uint64_t slots, uint64_t valid)
{
	if (t->kind)
		t->kind->settle(t, c);
	else
		records_settle_feed(t, c);
	if (t->kind && c == t->root && !c->seen) /* no record, or none that says what it is */
		c->type = RECORDS_STRUCT;
	c->slots = slots;
	c->nullable = c->type != RECORDS_NULL && c->count - c->nulls < valid;
	c->hint = c->first;
	t->mixed |= c->type == RECORDS_MIXED;
	c->by_raw |= c->type == RECORDS_MIXED;
	if (c->by_raw)
		c->total = c->raw;
	c->serial = 0;
	c->index = 0;
	if (c->type >= RECORDS_STRING && c->type != RECORDS_STRUCT)
		c->index = RECORDS_TOTALS + t->indexed++;
	if (records_is_list((enum records_type)c->type) && c->element)
		finish(t, c->element, c->total, c->total);
	for (struct records_column *i = c->type == RECORDS_STRUCT ? c->first : NULL; i; i = i->next)
		finish(t, i, slots, c->count - c->nulls);
}

void records_finish(struct records_table *t)
{
	t->indexed = 0;
	t->mixed = false;
	finish(t, t->root, t->rows, t->rows);
	if (t->kind)
		return;
	uint64_t bytes = t->end - t->begin, blocks = bytes / PER_BLOCK + 1, most = INDEX_LATER_MOST / 8 / (t->indexed + RECORDS_TOTALS);
	blocks = blocks < most ? blocks : most ? most : 1;
	t->per_block = t->rows / blocks + 1;
}

const struct records_column *records_space(const struct records_column *c)
{
	for (const struct records_column *p = c->parent; p; c = p, p = p->parent)
		if (records_is_list((enum records_type)p->type))
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
	if (c->name.data && !(to->name.data = (const uint8_t *)arena_text(arena, c->name)))
		return NULL;
	if (records_is_list((enum records_type)c->type) && c->element && !(to->element = keep(c->element, to, arena)))
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
