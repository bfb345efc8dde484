/* SPDX-License-Identifier: MIT */
/* What a batch adds to a shown file: which of its buffers, and where they lie as they are shown. */
#include <inttypes.h>

#include "formats/arrow/view.h"

unsigned arrow_shown_width(const struct shown *s)
{
	const struct field *f = s->field;
	if (s->what == WHAT_OFFSETS)
		return 8;
	if (s->what != WHAT_VALUES)
		return 1;
	switch (f->layout) {
	case LAYOUT_FIXED: return f->width;
	case LAYOUT_INDICES: return f->shown;
	case LAYOUT_NULL: return 0;
	default: return 1;
	}
}

/* Which of its buffers has the values, the types or the bytes. */
static unsigned values_buffer(const struct shown *s)
{
	return field_is_union(s->field) ? 0 : s->what == WHAT_BYTES ? 2 : 1;
}

static bool needs_values(const struct shown *s)
{
	if (s->what == WHAT_BYTES)
		return s->field->layout == LAYOUT_STRING;
	return s->what == WHAT_VALUES || (s->what == WHAT_OFFSETS && s->field->layout == LAYOUT_DENSE);
}

/* Do its offsets, views or run ends matter? */
static bool needs_lead(const struct shown *s)
{
	return s->what == WHAT_BYTES || (s->what == WHAT_OFFSETS && s->field->layout != LAYOUT_DENSE);
}

/* --- opening --------------------------------------------------------------------------- */

static int find_code_bases(struct making *m, uint32_t batch, struct error *err)
{
	const struct table *t = m->shown->table;
	for (unsigned i = 0; i < 128; i++) {
		struct field *child = m->shown->field->codes[i];
		struct sums sums;
		if (!child)
			continue;
		int r = arrow_slot_sums(m->view.a, t, child, batch + 1, NULL, &sums, err);
		if (r < 0)
			return r;
		m->codes[i].base = sums_at(&sums, batch);
		m->codes[i].count = sums_at(&sums, batch + 1) - m->codes[i].base;
	}
	return 0;
}

/* What the numbers of this batch are added to. */
static int find_base(struct making *m, uint32_t batch, struct block *within, struct error *err)
{
	const struct shown *s = m->shown;
	struct sums sums;
	int r = 0;
	if (s->what == WHAT_VALUES && s->field->layout == LAYOUT_INDICES && s->field->dictionary) /* else no value is known */
		arrow_dictionary_range(s->field->dictionary, s->table, batch, &m->dictionary, &m->dictionary_end);
	if (s->what != WHAT_OFFSETS || m->count == 0)
		return 0;
	if (s->field->layout == LAYOUT_DENSE)
		return find_code_bases(m, batch, err);
	if (s->field->layout == LAYOUT_RUN_END)
		r = arrow_slot_sums(m->view.a, s->table, s->field, batch, within, &sums, err);
	else
		r = arrow_lead_sums(m->view.a, s->table, s->field, batch, within, &sums, err);
	m->base = r < 0 ? 0 : sums_at(&sums, batch);
	return r;
}

int arrow_making_open(struct making *m, struct archive *a, const struct shown *shown, uint32_t batch, struct block *within,
		struct error *err)
{
	m->shown = shown;
	m->passed = false;
	m->lead = (struct lead){0};
	m->base = m->dictionary = m->dictionary_end = 0;
	m->values = m->places = (struct buffer){0};
	int r = arrow_view_open(&m->view, a, shown->table, batch, shown->field, within, err);
	if (r < 0)
		return r;
	const struct level *l = view_last(&m->view);
	m->count = l->count;
	if (needs_lead(shown) && (r = arrow_view_lead(&m->view, within, &m->lead, err)) < 0)
		return r;
	if (shown->what == WHAT_BYTES || (shown->what == WHAT_OFFSETS && shown->field->layout == LAYOUT_RUN_END))
		m->count = m->lead.count;
	if (needs_values(shown) && m->count > 0) {
		unsigned which = values_buffer(shown);
		r = arrow_view_buffer(&m->view, l->part.codec, l->part.buffers[which], l->part.number + which, within, &m->values, err);
	}
	if (r == 0 && shown->what == WHAT_OFFSETS && shown->field->layout == LAYOUT_DENSE && m->count > 0)
		r = arrow_view_buffer(&m->view, l->part.codec, l->part.buffers[1], l->part.number + 1, within, &m->places, err);
	return r < 0 ? r : find_base(m, batch, within, err);
}

void arrow_making_close(struct making *m)
{
	struct block *offsets = m->view.levels ? view_last(&m->view)->offsets.block : NULL;
	if (m->passed && offsets)
		blocks_drop_behind(offsets);
	arrow_buffer_release(&m->values);
	arrow_buffer_release(&m->places);
	arrow_view_close(&m->view);
}

bool arrow_making_in_place(const struct making *m, uint64_t *ret_at)
{
	const struct level *l = &m->view.levels[m->view.depth - 1];
	const struct shown *s = m->shown;
	*ret_at = s->what == WHAT_BYTES ? m->lead.at : l->at * arrow_shown_width(s);
	if (s->what == WHAT_BYTES)
		return s->field->layout == LAYOUT_STRING && m->lead.single;
	if (s->what != WHAT_VALUES || !l->single)
		return false;
	return field_is_union(s->field) || (s->field->layout == LAYOUT_FIXED && !l->masked);
}

int arrow_making_check(struct making *m, uint64_t at, uint64_t len, struct error *err)
{
	const struct field *f = m->shown->field;
	int r = 0;
	if (!field_is_union(f) || m->shown->what != WHAT_VALUES)
		return 0;
	arrow_view_enter(&m->view);
	const uint8_t *codes = arrow_buffer_at(&m->values, at, len);
	for (uint64_t i = 0; r == 0 && i < len; i++)
		if (codes[i] > 127 || !f->codes[codes[i]])
			r = error_set(err, EBADMSG, "slot %" PRIu64 " is of type %u, which the union lacks", at + i, codes[i]);
	arrow_view_leave();
	return r < 0 ? r : arrow_buffer_check(&m->view, &m->values, err);
}

/* --- ahead ------------------------------------------------------------------------------------------------ */

static void prefetch_buffer(struct archive *a, const struct table *t, uint32_t batch, const struct part *part, unsigned which)
{
	if (part->codec != CODEC_NONE && part->buffers[which].len > 8)
		arrow_view_buffer_prefetch(a, t, batch, part->number + which);
}

void arrow_making_prefetch(struct archive *a, const struct shown *s, uint32_t batch)
{
	struct error none = {""};
	struct part part;
	bool own = true; /* the field's own buffers, not those of one that it is nested in */
	for (const struct field *f = s->field;; f = &s->table->fields[f->parent], own = false) {
		if (f->fault || arrow_part(a, s->table, batch, f, &part, &none) < 0)
			return;
		if (part.nulls > 0 || field_is_union(f))
			prefetch_buffer(a, s->table, batch, &part, 0);
		if (!own ? f->layout == LAYOUT_LIST || f->layout == LAYOUT_LIST_VIEW : s->what != WHAT_VALIDITY)
			prefetch_buffer(a, s->table, batch, &part, 1);
		if (f->layout == LAYOUT_LIST_VIEW || (own && f->layout == LAYOUT_STRING && s->what == WHAT_BYTES))
			prefetch_buffer(a, s->table, batch, &part, 2);
		if (f->parent == FIELD_NONE)
			return;
	}
}
