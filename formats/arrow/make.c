/* SPDX-License-Identifier: MIT */
/* The bytes that a batch adds to a shown file, made where its buffers do not have them as they are. */
#include <inttypes.h>

#include "formats/arrow/view.h"

/* --- values of fixed width ----------------------------------------------------------------- */

enum { CHUNK = 256 };

/* Clears the elements, `width` bytes wide, that are not ok. */
static void clear_elements(uint8_t *out, unsigned width, const uint8_t *ok, unsigned count)
{
#define CLEAR(type)                                                        \
	for (unsigned i = 0; i < count; i++) {                             \
		type one;                                                  \
		memcpy(&one, out + i * sizeof one, sizeof one);            \
		one = (type)(one & (type)(0 - (type)ok[i]));               \
		memcpy(out + i * sizeof one, &one, sizeof one);            \
	}                                                                  \
	return
	switch (width) {
	case 1: CLEAR(uint8_t);
	case 2: CLEAR(uint16_t);
	case 4: CLEAR(uint32_t);
	case 8: CLEAR(uint64_t);
	}
#undef CLEAR
	for (unsigned i = 0; i < count; i++)
		if (!ok[i])
			memset(out + (size_t)i * width, 0, width);
}

/* Clears the null slots among bytes that begin `within` slot `slot`. */
static void clear_nulls(struct making *m, uint64_t slot, uint64_t within, uint64_t len, uint8_t *out)
{
	unsigned level = m->view.depth - 1, width = arrow_shown_width(m->shown);
	uint8_t ok[CHUNK];
	while (len > 0) {
		if (within > 0 || len < width) { /* part of a slot */
			uint64_t n = width - within < len ? width - within : len;
			arrow_level_valid(&m->view, level, slot++, 1, ok);
			if (!ok[0])
				memset(out, 0, (size_t)n);
			out += n;
			len -= n;
			within = 0;
			continue;
		}
		unsigned n = len / width < CHUNK ? (unsigned)(len / width) : CHUNK;
		arrow_level_valid(&m->view, level, slot, n, ok);
		if (memchr(ok, 0, n))
			clear_elements(out, width, ok, n);
		slot += n;
		out += (size_t)n * width;
		len -= (uint64_t)n * width;
	}
}

/* Also the types of a union. */
static int make_fixed(struct making *m, struct runs *runs, uint64_t at, uint64_t len, uint8_t *out, struct error *err)
{
	unsigned width = arrow_shown_width(m->shown);
	uint64_t within = at % width, need;
	struct run run;
	int r = arrow_runs_seek(runs, at / width, err);
	for (uint64_t n; r == 0 && len > 0; out += n, len -= n, within = 0) {
		r = arrow_runs_next(runs, (within + len - 1) / width + 1, &run, err);
		if (r < 0)
			return r;
		if (run.count == 0 || __builtin_mul_overflow(run.at + run.count, (uint64_t)width, &need) || need > m->values.bytes.len)
			return error_set(err, EBADMSG, "a buffer of %zu bytes is too short for its slots", m->values.bytes.len);
		n = run.count * width - within < len ? run.count * width - within : len;
		memcpy(out, arrow_buffer_at(&m->values, run.at * width + within, n), (size_t)n);
		if (view_last(&m->view)->masked && m->shown->field->layout == LAYOUT_FIXED)
			clear_nulls(m, run.at, within, n, out);
	}
	return r;
}

/* --- small elements, which are made a chunk at a time ------------------------------------------ */

/* Makes `count` elements, for slots from run.at on. */
static int make_bools(struct making *m, struct run run, uint8_t *out, struct error *err)
{
	if ((run.at + run.count + 7) / 8 > m->values.bytes.len)
		return error_set(err, EBADMSG, "a buffer of %zu bytes is too short for its slots", m->values.bytes.len);
	const uint8_t *bits = arrow_buffer_at(&m->values, run.at / 8, (run.at + run.count + 7) / 8 - run.at / 8);
	arrow_level_valid(&m->view, m->view.depth - 1, run.at, run.count, out);
	for (uint64_t i = run.at % 8; i < run.at % 8 + run.count; i++)
		*out++ &= (uint8_t)(bits[i / 8] >> i % 8 & 1);
	return 0;
}

static int make_indices(struct making *m, struct run run, uint8_t *out, struct error *err)
{
	const struct field *f = m->shown->field;
	uint64_t count = m->dictionary_end - m->dictionary, end;
	uint8_t ok[CHUNK];
	if (__builtin_mul_overflow(run.at + run.count, (uint64_t)f->width, &end) || end > m->values.bytes.len)
		return error_set(err, EBADMSG, "a buffer of %zu bytes is too short for its slots", m->values.bytes.len);
	const uint8_t *p = arrow_buffer_at(&m->values, run.at * f->width, run.count * f->width);
	arrow_level_valid(&m->view, m->view.depth - 1, run.at, run.count, ok);
	for (uint64_t i = 0; i < run.count; i++, p += f->width) {
		uint64_t index = f->is_signed ? (uint64_t)load_signed(p, f->width, m->view.big) : load_unsigned(p, f->width, m->view.big);
		if (ok[i] && index >= count)
			return error_set(err, EBADMSG, "index %" PRId64 " into a dictionary of %" PRIu64, (int64_t)index, count);
		store_number(out + i * f->shown, ok[i] ? m->dictionary + index : 0, f->shown, m->view.big);
	}
	return 0;
}

static int make_dense_offsets(struct making *m, struct run run, uint8_t *out, struct error *err)
{
	if (run.at + run.count > m->values.bytes.len || run.at + run.count > m->places.bytes.len / 4)
		return error_set(err, EBADMSG, "a buffer of %zu bytes is too short for its slots", m->values.bytes.len);
	const uint8_t *codes = arrow_buffer_at(&m->values, run.at, run.count), *places = arrow_buffer_at(&m->places, run.at * 4, run.count * 4);
	for (uint64_t i = 0; i < run.count; i++) {
		uint8_t code = codes[i];
		int64_t offset = load_signed(places + i * 4, 4, m->view.big);
		if (code > 127 || !m->shown->field->codes[code] || offset < 0 || (uint64_t)offset >= m->codes[code].count)
			return error_set(err, EBADMSG, "slot %" PRIu64 " has offset %" PRId64 " of type %u", run.at + i, offset, code);
		store_number(out + i * 8, m->codes[code].base + (uint64_t)offset, 8, false);
	}
	return 0;
}

/* Offsets of slots that are all valid: just rebased.  *last_before: the one before, as stored. */
static int make_offsets_in_place(struct making *m, struct run run, uint64_t *last_before, uint8_t *out, struct error *err)
{
	struct level *l = view_last(&m->view);
	unsigned w = l->field->width;
	const uint8_t *p = arrow_buffer_at(&l->offsets, run.at * w, run.count * w);
	int64_t before = (int64_t)(*last_before > m->lead.at ? *last_before : m->lead.at);
	int64_t last = (int64_t)(m->lead.at + m->lead.count);
	for (uint64_t i = 0; i < run.count; i++, p += w) {
		int64_t one = load_signed(p, w, m->view.big);
		if (one < before || one > last)
			return error_set(err, EBADMSG, "offset %" PRId64 " after %" PRId64, one, before);
		store_number(out + i * 8, m->base + (uint64_t)one - m->lead.at, 8, false);
		before = one;
	}
	*last_before = (uint64_t)before;
	return 0;
}

/* Of slots of which some are null, or nowhere in particular: `*before` counts what they lead to. */
static int make_offsets(struct making *m, struct run run, uint64_t *before, uint8_t *out, struct error *err)
{
	struct run leads[CHUNK];
	int r = arrow_level_leads(&m->view, m->view.depth - 1, run.at, run.count, leads, err);
	for (uint64_t i = 0; r == 0 && i < run.count; i++) {
		if (out)
			store_number(out + i * 8, m->base + *before, 8, false);
		*before += leads[i].count;
	}
	return r;
}

/* The element's chunk goes here first, since a read may begin and end within an element. */
struct putting {
	uint8_t *out;
	uint64_t skip, len;
};

static void put(struct putting *to, const uint8_t *bytes, uint64_t len)
{
	uint64_t n = len - to->skip < to->len ? len - to->skip : to->len;
	memcpy(to->out, bytes + to->skip, (size_t)n);
	to->out += n;
	to->len -= n;
	to->skip = 0;
}

static int make_chunk(struct making *m, struct run run, uint64_t *before, uint8_t *chunk, struct error *err)
{
	const struct shown *s = m->shown;
	if (s->what == WHAT_VALIDITY) {
		arrow_level_valid(&m->view, m->view.depth - 1, run.at, run.count, chunk);
		return 0;
	}
	if (s->what == WHAT_VALUES)
		return s->field->layout == LAYOUT_BOOL ? make_bools(m, run, chunk, err) : make_indices(m, run, chunk, err);
	if (s->field->layout == LAYOUT_DENSE)
		return make_dense_offsets(m, run, chunk, err);
	return view_last(&m->view)->steps ? make_offsets(m, run, before, chunk, err) : make_offsets_in_place(m, run, before, chunk, err);
}

/* Positions the runs at an element; with offsets that have to be counted, at the step before
 * it. */
static int seek_element(struct making *m, struct runs *runs, uint64_t element, uint64_t *before, struct error *err)
{
	const struct steps *steps = view_last(&m->view)->steps;
	struct run run;
	if (m->shown->what != WHAT_OFFSETS || !steps)
		return arrow_runs_seek(runs, element, err);
	*before = steps->before[element / STEP];
	int r = arrow_runs_seek(runs, element / STEP * STEP, err);
	for (uint64_t left = element % STEP; r == 0 && left > 0; left -= run.count) {
		r = arrow_runs_next(runs, left < CHUNK ? left : CHUNK, &run, err);
		if (r == 0 && run.count == 0)
			r = error_set(err, EBADMSG, "fewer slots than were counted");
		if (r == 0)
			r = make_offsets(m, run, before, NULL, err);
	}
	return r;
}

static int make_elements(struct making *m, struct runs *runs, uint64_t at, uint64_t len, uint8_t *out, struct error *err)
{
	unsigned width = arrow_shown_width(m->shown);
	uint8_t chunk[CHUNK * 8];
	struct putting to = {out, at % width, len};
	uint64_t before = 0;
	struct run run;
	int r = seek_element(m, runs, at / width, &before, err);
	while (r == 0 && to.len > 0) {
		uint64_t most = (to.skip + to.len - 1) / width + 1;
		r = arrow_runs_next(runs, most < CHUNK ? most : CHUNK, &run, err);
		if (r == 0 && run.count == 0)
			r = error_set(err, EBADMSG, "fewer slots than were counted");
		if (r == 0)
			r = make_chunk(m, run, &before, chunk, err);
		if (r == 0)
			put(&to, chunk, run.count * width);
	}
	return r;
}

/* --- run ends: an element is a run ---------------------------------------------------------------- */

/* The runs that hold `slots`, of which the first is shown slot `shown` of the batch. */
static int put_run_ends(struct making *m, struct run slots, uint64_t shown, uint64_t *skip, struct putting *to, struct error *err)
{
	unsigned level = m->view.depth - 1;
	struct run runs;
	int64_t before = (int64_t)slots.at;
	int r = arrow_level_run_ends(&m->view, level, slots, &runs, err);
	if (r < 0)
		return r;
	if (*skip >= runs.count) {
		*skip -= runs.count;
		return 0;
	}
	for (uint64_t i = *skip; i < runs.count && to->len > 0; i++) {
		int64_t end = arrow_level_run_end(&m->view, level, runs.at + i);
		uint8_t bytes[8];
		if (end <= before)
			return error_set(err, EBADMSG, "a run that ends at %" PRId64 " after %" PRId64, end, before);
		before = end;
		uint64_t within = (uint64_t)end - slots.at;
		store_number(bytes, m->base + shown + (within < slots.count ? within : slots.count), 8, false);
		put(to, bytes, 8);
	}
	*skip = 0;
	return 0;
}

static int make_run_ends(struct making *m, struct runs *runs, uint64_t at, uint64_t len, uint8_t *out, struct error *err)
{
	struct putting to = {out, at % 8, len};
	uint64_t skip = at / 8, shown = 0;
	struct run run;
	int r = arrow_runs_seek(runs, 0, err);
	while (r == 0 && to.len > 0) {
		r = arrow_runs_next(runs, UINT64_MAX, &run, err);
		if (r == 0 && run.count == 0)
			r = error_set(err, EBADMSG, "fewer runs than were counted");
		if (r == 0)
			r = put_run_ends(m, run, shown, &skip, &to, err);
		shown += run.count;
	}
	return r;
}

/* --- bytes of strings -------------------------------------------------------------------------------- */

/* Of strings in one buffer that are not contiguous. */
static int make_strings(struct making *m, struct runs *runs, uint64_t at, uint64_t len, uint8_t *out, struct error *err)
{
	const struct level *l = view_last(&m->view);
	uint32_t step = pieces_search(l->steps->before, 1, (uint32_t)(l->count / STEP + 1), at);
	uint64_t skip = at - l->steps->before[step];
	struct run slots, leads[CHUNK];
	int r = arrow_runs_seek(runs, (uint64_t)step * STEP, err);
	while (r == 0 && len > 0) {
		r = arrow_runs_next(runs, CHUNK, &slots, err);
		if (r == 0 && slots.count == 0)
			r = error_set(err, EBADMSG, "fewer strings than were counted");
		if (r == 0)
			r = arrow_level_leads(&m->view, m->view.depth - 1, slots.at, slots.count, leads, err);
		for (uint64_t i = 0, n; r == 0 && i < slots.count && len > 0; i++) {
			if (skip >= leads[i].count) {
				skip -= leads[i].count;
				continue;
			}
			if (!range_within(leads[i].at, leads[i].count, m->values.bytes.len))
				return error_set(err, EBADMSG, "a string beyond its buffer of %zu bytes", m->values.bytes.len);
			n = leads[i].count - skip < len ? leads[i].count - skip : len;
			memcpy(out, arrow_buffer_at(&m->values, leads[i].at + skip, n), (size_t)n);
			out += n;
			len -= n;
			skip = 0;
		}
	}
	return r;
}

/* --- all ------------------------------------------------------------------------------------------------ */

static int make_mapped(struct making *m, struct runs *runs, uint64_t at, uint64_t len, uint8_t *out, struct error *err)
{
	const struct shown *s = m->shown;
	if (s->what == WHAT_BYTES)
		return make_strings(m, runs, at, len, out, err);
	if (s->what == WHAT_OFFSETS && s->field->layout == LAYOUT_RUN_END)
		return make_run_ends(m, runs, at, len, out, err);
	if (s->what == WHAT_VALUES && (s->field->layout == LAYOUT_FIXED || field_is_union(s->field)))
		return make_fixed(m, runs, at, len, out, err);
	return make_elements(m, runs, at, len, out, err);
}

int arrow_making_bytes(struct making *m, uint64_t at, uint64_t len, uint8_t *out, struct error *err)
{
	struct view *v = &m->view;
	struct runs *runs = arrow_runs_begin(v, v->depth - 1, err);
	if (!runs)
		return -ENOMEM;
	if (m->shown->what == WHAT_BYTES && m->shown->field->layout == LAYOUT_VIEW)
		return arrow_make_views(m, runs, at, len, out, err);
	arrow_view_enter(v);
	int r = make_mapped(m, runs, at, len, out, err);
	arrow_view_leave();
	if (r == 0)
		r = arrow_view_check(v, err);
	if (r == 0)
		r = arrow_buffer_check(v, &m->values, err);
	return r < 0 ? r : arrow_buffer_check(v, &m->places, err);
}
