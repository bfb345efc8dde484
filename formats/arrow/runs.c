/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "formats/arrow/view.h"

/* --- validity ---------------------------------------------------------------------- */

/* Clears ok[i] where bit (at + i) / per is not set. */
static void clear_null(struct buffer *validity, uint64_t at, uint64_t count, uint64_t per, uint8_t *ok)
{
	uint64_t first = at / per / 8;
	const uint8_t *bits = arrow_buffer_at(validity, first, (at + count - 1) / per / 8 - first + 1);
	at -= first * 8 * per;
	if (per == 1) {
		for (; count > 0 && at % 8; at++, count--, ok++)
			*ok &= (uint8_t)(bits[at / 8] >> at % 8 & 1);
		for (; count >= 8; at += 8, count -= 8, ok += 8) { /* a byte of bits to eight bytes of 0 or 1 */
			uint64_t eight = bits[at / 8], both;
			eight = (eight & 0x7f) * 0x0002040810204081u & 0x0101010101010101u;
			eight |= (uint64_t)(bits[at / 8] >> 7) << 56;
			memcpy(&both, ok, 8);
			both &= eight;
			memcpy(ok, &both, 8);
		}
		for (; count > 0; at++, count--, ok++)
			*ok &= (uint8_t)(bits[at / 8] >> at % 8 & 1);
		return;
	}
	for (uint64_t n; count > 0; at += n, count -= n, ok += n) {
		n = per - at % per < count ? per - at % per : count;
		if (!(bits[at / per / 8] >> at / per % 8 & 1))
			memset(ok, 0, (size_t)n);
	}
}

void arrow_level_valid(struct view *v, unsigned level, uint64_t at, uint64_t count, uint8_t *ok)
{
	uint64_t per = 1;
	struct level *l = &v->levels[level];
	memset(ok, l->field->layout != LAYOUT_NULL, (size_t)count);
	for (unsigned i = 0; l->masked && count > 0 && i < l->reach; i++) {
		struct level *one = l - i;
		if (i > 0 && one->field->layout == LAYOUT_FIXED_LIST)
			per *= one->field->per; /* no overflow: the slots there are so many times were counted */
		if (one->validity.bytes.len > 0)
			clear_null(&one->validity, at, count, per, ok);
	}
}

/* --- what slots lead to ----------------------------------------------------------------- */

/* Offsets of an invalid slot are not looked at. */
static int leads_of_offsets(struct level *l, bool big, uint64_t at, uint64_t count, const uint8_t *ok, struct run *ret,
			    struct error *err)
{
	unsigned w = l->field->width;
	const uint8_t *p = arrow_buffer_at(&l->offsets, at * w, (count + 1) * w);
	for (uint64_t i = 0; i < count; i++, p += w) {
		int64_t from = load_signed(p, w, big), to = load_signed(p + w, w, big);
		if (ok && !ok[i])
			from = to = 0;
		if (from < 0 || to < from)
			return error_set(err, EBADMSG, "slot %" PRIu64 " goes from offset %" PRId64 " to %" PRId64, at + i, from, to);
		ret[i] = (struct run){(uint64_t)from, (uint64_t)(to - from)};
	}
	return 0;
}

static int leads_of_views(struct level *l, bool big, uint64_t at, uint64_t count, const uint8_t *ok, struct run *ret,
			  struct error *err)
{
	const uint8_t *p = arrow_buffer_at(&l->offsets, at * 16, count * 16);
	for (uint64_t i = 0; i < count; i++, p += 16) {
		int64_t len = load_signed(p, 4, big);
		if (ok && !ok[i])
			len = 0;
		if (len < 0)
			return error_set(err, EBADMSG, "slot %" PRIu64 " has %" PRId64 " bytes", at + i, len);
		ret[i] = (struct run){at + i, (uint64_t)len};
	}
	return 0;
}

static int leads_of_list_views(struct level *l, bool big, uint64_t at, uint64_t count, const uint8_t *ok, struct run *ret,
			       struct error *err)
{
	unsigned w = l->field->width;
	const uint8_t *p = arrow_buffer_at(&l->offsets, at * w, count * w), *q = arrow_buffer_at(&l->sizes, at * w, count * w);
	for (uint64_t i = 0; i < count; i++, p += w, q += w) {
		int64_t from = load_signed(p, w, big), len = load_signed(q, w, big);
		if (ok && !ok[i])
			from = len = 0;
		if (from < 0 || len < 0 || from > INT64_MAX - len)
			return error_set(err, EBADMSG, "slot %" PRIu64 " has %" PRId64 " values from %" PRId64 " on", at + i, len, from);
		ret[i] = (struct run){(uint64_t)from, (uint64_t)len};
	}
	return 0;
}

int arrow_level_leads(struct view *v, unsigned level, uint64_t at, uint64_t count, struct run *ret, struct error *err)
{
	struct level *l = &v->levels[level];
	uint8_t some[RUNS_LEADS];
	int r = 0;
	for (uint64_t n; r == 0 && count > 0; at += n, count -= n, ret += n) {
		const uint8_t *ok = l->masked ? some : NULL;
		n = count < RUNS_LEADS ? count : RUNS_LEADS;
		if (ok)
			arrow_level_valid(v, level, at, n, some);
		if (l->field->layout == LAYOUT_VIEW)
			r = leads_of_views(l, v->big, at, n, ok, ret, err);
		else if (l->field->layout == LAYOUT_LIST_VIEW)
			r = leads_of_list_views(l, v->big, at, n, ok, ret, err);
		else
			r = leads_of_offsets(l, v->big, at, n, ok, ret, err);
	}
	return r;
}

int64_t arrow_level_run_end(struct view *v, unsigned level, uint64_t run)
{
	struct level *l = &v->levels[level];
	unsigned w = (l->field + 1)->width;
	return load_signed(arrow_buffer_at(&l->offsets, run * w, w), w, v->big);
}

/* The first run that ends after the slot; their number if none does. */
static uint64_t search_run(struct view *v, unsigned level, uint64_t slot)
{
	uint64_t low = 0, high = v->levels[level].ends;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int64_t end = arrow_level_run_end(v, level, middle);
		if (end > 0 && (uint64_t)end > slot)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int arrow_level_run_ends(struct view *v, unsigned level, struct run slots, struct run *ret, struct error *err)
{
	uint64_t first = search_run(v, level, slots.at), last = search_run(v, level, slots.at + slots.count - 1);
	*ret = (struct run){first, last - first + 1};
	if (slots.at == 0 && first > 0)
		return error_set(err, EBADMSG, "a run that ends at %" PRId64, arrow_level_run_end(v, level, 0));
	if (first <= last && last < v->levels[level].ends)
		return 0;
	return error_set(err, EBADMSG, "slot %" PRIu64 " is behind all run ends", slots.at + slots.count - 1);
}

/* --- runs ------------------------------------------------------------------------------- */

static bool has_leads(const struct field *f)
{
	return f->layout == LAYOUT_LIST || f->layout == LAYOUT_LIST_VIEW || f->layout == LAYOUT_STRING || f->layout == LAYOUT_VIEW;
}

struct runs *arrow_runs_begin(struct view *v, unsigned level, struct error *err)
{
	struct runs *r = arena_alloc(&v->scratch, sizeof *r);
	bool failed = !r;
	for (unsigned i = 1; r && i <= level; i++)
		if (has_leads(v->levels[i - 1].field) && !v->levels[i].single)
			failed |= !(r->walks[i].leads = arena_array(&v->scratch, RUNS_LEADS, sizeof(struct run)));
	if (failed) {
		error_no_memory(err, "nested lists");
		return NULL;
	}
	r->view = v;
	r->level = level;
	return r;
}

static int next_at(struct runs *r, unsigned level, uint64_t most, struct run *ret, struct error *err);

/* What the next slots of the list above lead to, as far as that is contiguous. */
static int next_leads(struct runs *r, unsigned level, struct error *err)
{
	struct walk *w = &r->walks[level];
	while (w->left.count == 0) {
		if (w->next == w->nleads) {
			struct run slots;
			int e = next_at(r, level - 1, RUNS_LEADS, &slots, err);
			if (e == 0)
				e = arrow_level_leads(r->view, level - 1, slots.at, slots.count, w->leads, err);
			if (e < 0 || slots.count == 0)
				return e;
			w->nleads = (unsigned)slots.count;
			w->next = 0;
		}
		w->left = w->leads[w->next++];
	}
	for (; w->next < w->nleads; w->next++) {
		const struct run *more = &w->leads[w->next];
		if (more->count > 0 && more->at != w->left.at + w->left.count)
			break;
		w->left.count += more->count;
	}
	return 0;
}

static int next_left(struct runs *r, unsigned level, uint64_t most, struct error *err)
{
	const struct level *above = &r->view->levels[level - 1];
	struct walk *w = &r->walks[level];
	struct run slots;
	int e;
	switch (above->field->layout) {
	case LAYOUT_STRUCT:
	case LAYOUT_SPARSE:
		return next_at(r, level - 1, most, &w->left, err);
	case LAYOUT_FIXED_LIST:
		e = next_at(r, level - 1, most / above->field->per + 1, &slots, err);
		w->left = (struct run){slots.at * above->field->per, slots.count * above->field->per};
		return e;
	case LAYOUT_RUN_END:
		e = next_at(r, level - 1, UINT64_MAX, &slots, err);
		w->left = slots;
		return e < 0 || slots.count == 0 ? e : arrow_level_run_ends(r->view, level - 1, slots, &w->left, err);
	default:
		return next_leads(r, level, err);
	}
}

static int next_at(struct runs *r, unsigned level, uint64_t most, struct run *ret, struct error *err)
{
	const struct level *l = &r->view->levels[level];
	struct walk *w = &r->walks[level];
	*ret = (struct run){0};
	if (w->left.count == 0 && !l->single && l->count > 0) {
		int e = next_left(r, level, most, err);
		if (e < 0)
			return e;
		if (!range_within(w->left.at, w->left.count, l->part.length))
			return error_set(err, EBADMSG, "a child of %" PRIu64 " slots, of which %" PRIu64 " are needed", l->part.length,
					 w->left.at + w->left.count);
	}
	*ret = (struct run){w->left.at, w->left.count < most ? w->left.count : most};
	w->left.at += ret->count;
	w->left.count -= ret->count;
	return 0;
}

static int skip_at(struct runs *r, unsigned level, uint64_t slots, struct error *err)
{
	while (slots > 0) {
		struct run run;
		int e = next_at(r, level, slots, &run, err);
		if (e < 0)
			return e;
		if (run.count == 0)
			return error_set(err, EBADMSG, "fewer slots than were counted");
		slots -= run.count;
	}
	return 0;
}

static int seek_at(struct runs *r, unsigned level, uint64_t from, struct error *err)
{
	const struct level *l = &r->view->levels[level], *above = l - 1;
	struct walk *w = &r->walks[level];
	uint64_t begin = 0, skip = from;
	w->left = (struct run){0};
	w->nleads = w->next = 0;
	if (l->single || from >= l->count) {
		if (from < l->count)
			w->left = (struct run){l->at + from, l->count - from};
		return 0;
	}
	if (above->field->layout == LAYOUT_STRUCT || above->field->layout == LAYOUT_SPARSE) {
		return seek_at(r, level - 1, from, err);
	} else if (above->field->layout == LAYOUT_FIXED_LIST) {
		begin = from / above->field->per;
		skip = from % above->field->per;
	} else if (above->steps && above->field->layout != LAYOUT_RUN_END) {
		uint32_t step = pieces_search(above->steps->before, 1, (uint32_t)(above->count / STEP + 1), from);
		begin = (uint64_t)step * STEP;
		skip = from - above->steps->before[step];
	}
	int e = seek_at(r, level - 1, begin, err);
	return e < 0 ? e : skip_at(r, level, skip, err);
}

int arrow_runs_seek(struct runs *r, uint64_t from, struct error *err)
{
	return seek_at(r, r->level, from, err);
}

int arrow_runs_next(struct runs *r, uint64_t most, struct run *ret, struct error *err)
{
	return next_at(r, r->level, most, ret, err);
}

/* --- steps ---------------------------------------------------------------------------------- */

/* Adds up what the shown slots lead to. */
struct adding {
	struct steps *steps;
	uint64_t slots;      /* so far */
	uint64_t end;        /* of what the last led to */
	bool sum;            /* only the total */
};

static int add(struct adding *to, const struct run *leads, uint64_t n, struct error *err)
{
	struct steps *s = to->steps;
	for (uint64_t i = 0; i < n; i++, to->slots++) {
		if (to->slots % STEP == 0 && !to->sum)
			s->before[to->slots / STEP] = s->total;
		if (leads[i].count == 0)
			continue;
		if (s->total == 0)
			s->at = to->end = leads[i].at;
		s->single &= leads[i].at == to->end;
		to->end = leads[i].at + leads[i].count;
		if (__builtin_add_overflow(s->total, leads[i].count, &s->total) || s->total > INT64_MAX / 64)
			return error_set(err, EBADMSG, "a column is larger than any file");
	}
	return 0;
}

/* For views that are all valid, a step at a time. */
static int add_views(struct view *v, struct adding *to, struct run run, struct error *err)
{
	struct level *l = view_last(v);
	struct steps *s = to->steps;
	for (uint64_t n; run.count > 0; run.at += n, run.count -= n, to->slots += n) {
		uint64_t sum = 0;
		n = STEP - to->slots % STEP < run.count ? STEP - to->slots % STEP : run.count;
		if (to->slots % STEP == 0)
			s->before[to->slots / STEP] = s->total;
		const uint8_t *p = arrow_buffer_at(&l->offsets, run.at * 16, n * 16);
		for (uint64_t i = 0; i < n; i++) {
			uint64_t len = load_unsigned(p + i * 16, 4, v->big);
			if (len > INT32_MAX)
				return error_set(err, EBADMSG, "slot %" PRIu64 " has %" PRId32 " bytes", run.at + i, (int32_t)len);
			sum += len;
		}
		if (__builtin_add_overflow(s->total, sum, &s->total) || s->total > INT64_MAX / 64)
			return error_set(err, EBADMSG, "a column is larger than any file");
	}
	return 0;
}

static int add_run(struct view *v, struct adding *to, struct run run, struct error *err)
{
	const struct field *f = view_last(v)->field;
	struct run leads[RUNS_LEADS];
	int r = 0;
	if (f->layout == LAYOUT_VIEW && !view_last(v)->masked)
		return add_views(v, to, run, err);
	if (f->layout == LAYOUT_RUN_END) {
		r = arrow_level_run_ends(v, v->depth - 1, run, leads, err);
		if (r == 0)
			r = add(to, leads, 1, err);
		to->slots += run.count - 1;
		return r;
	}
	for (uint64_t n; r == 0 && run.count > 0; run.at += n, run.count -= n) {
		n = run.count < RUNS_LEADS ? run.count : RUNS_LEADS;
		r = arrow_level_leads(v, v->depth - 1, run.at, n, leads, err);
		if (r == 0)
			r = add(to, leads, n, err);
	}
	return r;
}

static int add_all(struct view *v, struct steps *s, struct error *err)
{
	struct adding to = {.steps = s, .sum = view_last(v)->field->layout == LAYOUT_RUN_END};
	struct run run;
	struct runs *runs = arrow_runs_begin(v, v->depth - 1, err);
	if (!runs)
		return -ENOMEM;
	arrow_view_enter(v);
	int r = arrow_runs_seek(runs, 0, err);
	while (r == 0 && (r = arrow_runs_next(runs, UINT64_MAX, &run, err)) == 0 && run.count > 0)
		r = add_run(v, &to, run, err);
	arrow_view_leave();
	if (r == 0)
		r = arrow_view_check(v, err);
	if (r == 0 && to.slots != view_last(v)->count)
		r = error_set(err, EBADMSG, "%" PRIu64 " slots, not %" PRIu64, to.slots, view_last(v)->count);
	if (to.slots % STEP == 0 && !to.sum)
		s->before[to.slots / STEP] = s->total;
	if (view_last(v)->field->layout == LAYOUT_VIEW)
		s->single = false; /* its bytes are in several places */
	return r;
}

int arrow_steps_decode(struct archive *a, const struct table *t, const struct field *f, uint32_t batch, struct block *ret, struct error *err)
{
	struct view v;
	int r = arrow_view_open(&v, a, t, batch, f, ret, err);
	if (r == 0)
		r = arrow_view_lead_buffers(&v, ret, err);
	if (r == 0) {
		uint64_t steps = f->layout == LAYOUT_RUN_END ? 1 : view_last(&v)->count / STEP + 1;
		struct steps *s = (struct steps *)(void *)block_room(ret, sizeof *s + (size_t)steps * sizeof s->before[0], err);
		r = s ? 0 : -ENOMEM;
		if (s) {
			*s = (struct steps){.single = true};
			r = add_all(&v, s, err);
		}
	}
	arrow_view_close(&v);
	return r;
}
