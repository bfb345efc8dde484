/* SPDX-License-Identifier: MIT */
/* The bytes of string views: in the view itself up to 12, else in one of any number of buffers. */
#include <inttypes.h>

#include "formats/arrow/view.h"

/* Few are held at a time, since each may be a decoded block: adjacent views mostly point into
 * the same one. */
enum { AT_ONCE = 256, HELD = 4, INLINE = 12 };

struct gathering {
	struct making *m;
	uint8_t views[AT_ONCE][16]; /* of the slots at hand */
	struct run leads[AT_ONCE];
	uint64_t count;
	struct held {
		uint32_t number; /* of a buffer of bytes, from 0 */
		bool open;
		struct buffer buffer;
	} held[HELD];
	unsigned oldest;
};

/* Bytes of a buffer that hold consecutive strings. */
struct stretch {
	uint64_t number, at, len;
};

static int drop(struct gathering *g, struct held *h, struct error *err)
{
	int r = h->open ? arrow_buffer_check(&g->m->view, &h->buffer, err) : 0;
	if (h->open && h->buffer.block && g->m->passed)
		blocks_drop_behind(h->buffer.block);
	if (h->open)
		arrow_buffer_release(&h->buffer);
	h->open = false;
	return r;
}

static int hold(struct gathering *g, uint64_t number, struct buffer **ret, struct error *err)
{
	struct view *v = &g->m->view;
	const struct part *part = &view_last(v)->part;
	struct extent where;
	uint8_t codec;
	for (unsigned i = 0; i < HELD; i++) {
		*ret = &g->held[i].buffer;
		if (g->held[i].open && g->held[i].number == number)
			return 0;
	}
	for (unsigned i = 0; i < HELD; i++) /* writers fill one after another */
		if (g->held[i].open && g->held[i].number < number && g->held[i].buffer.block)
			blocks_drop_behind(g->held[i].buffer.block);
	if (number >= part->extras)
		return error_set(err, EBADMSG, "a view into buffer %" PRIu64 " of %u", number, part->extras);
	struct held *h = &g->held[g->oldest++ % HELD];
	int r = drop(g, h, err);
	if (r == 0)
		r = arrow_buffer(v->a, v->table, v->batch, part->extra + (uint32_t)number, &where, &codec, err);
	if (r == 0)
		r = arrow_view_buffer(v, codec, where, part->extra + (uint32_t)number, NULL, &h->buffer, err);
	h->number = (uint32_t)number;
	h->open = r == 0;
	*ret = &h->buffer;
	return r;
}

/* The next slots, copied, so that they do not change between a check and a use. */
static int next_views(struct gathering *g, struct runs *runs, struct error *err)
{
	struct view *v = &g->m->view;
	struct run slots = {0};
	arrow_view_enter(v);
	int r = arrow_runs_next(runs, AT_ONCE, &slots, err);
	if (r == 0)
		r = arrow_level_leads(v, v->depth - 1, slots.at, slots.count, g->leads, err);
	if (r == 0 && slots.count > 0)
		memcpy(g->views, arrow_buffer_at(&view_last(v)->offsets, slots.at * 16, slots.count * 16), (size_t)slots.count * 16);
	arrow_view_leave();
	g->count = slots.count;
	if (r == 0)
		r = arrow_view_check(v, err);
	if (r == 0 && slots.count == 0)
		r = error_set(err, EBADMSG, "fewer strings than were counted");
	return r;
}

/* Bytes [skip, skip + n) of a string. */
static int copy_view(struct gathering *g, const uint8_t *view, const struct run *lead, uint64_t skip, uint64_t n, uint8_t *out, struct error *err)
{
	struct view *v = &g->m->view;
	uint64_t number = load_unsigned(view + 8, 4, v->big), at = load_unsigned(view + 12, 4, v->big), len = load_unsigned(view, 4, v->big);
	struct buffer *b;
	if (len != lead->count)
		return error_set(err, EIO, "the file changed while it was read");
	if (len <= INLINE) {
		memcpy(out, view + 4 + skip, (size_t)n);
		return 0;
	}
	int r = hold(g, number, &b, err);
	if (r < 0)
		return r;
	if (!range_within(at, len, b->bytes.len))
		return error_set(err, EBADMSG, "a view of %" PRIu64 " bytes at %" PRIu64 " in a buffer of %zu", len, at, b->bytes.len);
	arrow_view_enter(v);
	bool same = memcmp(arrow_buffer_at(b, at, 4), view + 4, 4) == 0;
	memcpy(out, arrow_buffer_at(b, at + skip, n), (size_t)n);
	arrow_view_leave();
	return same ? 0 : error_set(err, EBADMSG, "slot %" PRIu64 " has a prefix that differs from its bytes", lead->at);
}

/* How many strings from the i-th on, whole and together at most `len` bytes, are contiguous in one
 * buffer, as most writers leave them. */
static uint64_t find_stretch(const struct gathering *g, uint64_t i, uint64_t len, struct stretch *ret)
{
	bool big = g->m->view.big;
	uint64_t k = i, end = ret->at;
	for (; k < g->count; k++) {
		const uint8_t *view = g->views[k];
		uint64_t count = g->leads[k].count;
		if (count == 0) /* null, or of no bytes */
			continue;
		if (count <= INLINE || load_unsigned(view, 4, big) != count || load_unsigned(view + 8, 4, big) != ret->number ||
		    load_unsigned(view + 12, 4, big) != end || count > len - (end - ret->at))
			break;
		end += count;
	}
	ret->len = end - ret->at;
	return k - i;
}

/* Copies strings of a buffer from the i-th on, none if the first is not all in there; *ret_count is
 * how many. */
static int copy_stretch(struct gathering *g, uint64_t i, uint64_t len, uint64_t *ret_count, uint64_t *ret_len, uint8_t *out, struct error *err)
{
	bool big = g->m->view.big;
	struct stretch s = {.number = load_unsigned(g->views[i] + 8, 4, big), .at = load_unsigned(g->views[i] + 12, 4, big)};
	struct buffer *b;
	int r = hold(g, s.number, &b, err);
	if (r < 0)
		return r;
	uint64_t has = s.at < b->bytes.len ? b->bytes.len - s.at : 0;
	*ret_count = find_stretch(g, i, has < len ? has : len, &s);
	*ret_len = s.len;
	if (s.len == 0)
		return 0;
	arrow_view_enter(&g->m->view);
	memcpy(out, arrow_buffer_at(b, s.at, s.len), (size_t)s.len);
	arrow_view_leave();
	for (uint64_t k = i; k < i + *ret_count; out += g->leads[k++].count)
		if (g->leads[k].count > 0 && memcmp(out, g->views[k] + 4, 4) != 0)
			return error_set(err, EBADMSG, "slot %" PRIu64 " has a prefix that differs from its bytes", g->leads[k].at);
	return 0;
}

/* The bytes of the views at hand, from `*skip` on. */
static int copy_views(struct gathering *g, uint64_t *skip, uint64_t *len, uint8_t **out, struct error *err)
{
	int r = 0;
	for (uint64_t i = 0, count, n; r == 0 && i < g->count && *len > 0; i += count) {
		const struct run *lead = &g->leads[i];
		count = 1;
		if (*skip >= lead->count) {
			*skip -= lead->count;
			continue;
		}
		n = 0;
		if (*skip == 0 && lead->count > INLINE && lead->count <= *len)
			r = copy_stretch(g, i, *len, &count, &n, *out, err);
		if (r == 0 && n == 0) {
			count = 1;
			n = lead->count - *skip < *len ? lead->count - *skip : *len;
			r = copy_view(g, g->views[i], lead, *skip, n, *out, err);
		}
		*out += n;
		*len -= n;
		*skip = 0;
	}
	return r;
}

static int gather(struct gathering *g, struct runs *runs, uint64_t skip, uint64_t len, uint8_t *out, struct error *err)
{
	int r = 0;
	while (r == 0 && len > 0) {
		r = next_views(g, runs, err);
		if (r == 0)
			r = copy_views(g, &skip, &len, &out, err);
	}
	return r;
}

int arrow_make_views(struct making *m, struct runs *runs, uint64_t at, uint64_t len, uint8_t *out, struct error *err)
{
	const struct level *l = view_last(&m->view);
	uint32_t step = pieces_search(l->steps->before, 1, (uint32_t)(l->count / STEP + 1), at);
	struct gathering *g = arena_alloc(&m->view.scratch, sizeof *g);
	if (!g)
		return error_no_memory(err, "views");
	g->m = m;
	arrow_view_enter(&m->view);
	int r = arrow_runs_seek(runs, (uint64_t)step * STEP, err);
	arrow_view_leave();
	if (r == 0)
		r = gather(g, runs, at - l->steps->before[step], len, out, err);
	for (unsigned i = 0; i < HELD; i++) {
		int e = drop(g, &g->held[i], err);
		r = r < 0 ? r : e;
	}
	return r;
}
