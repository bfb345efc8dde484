/* SPDX-License-Identifier: MIT */
#include "formats/arrow/view.h"

#include <inttypes.h>

/* --- blocks ------------------------------------------------------------------------ */

/* A block of BLOCK_BUFFER: its index is the batch and the buffer's number. */
static uint64_t buffer_index(uint32_t batch, uint32_t number)
{
	return (uint64_t)batch << 32 | number;
}

/* The decoded length precedes the compressed bytes. */
static int buffer_head(struct archive *a, struct extent where, int64_t *ret, struct error *err)
{
	uint8_t head[8];
	if (where.len < sizeof head)
		return error_set(err, EBADMSG, "a compressed buffer of %" PRIu64 " bytes", where.len);
	int r = source_read(&a->source, where.at, head, sizeof head, err);
	*ret = load_signed(head, 8, false);
	if (r == 0 && *ret < -1)
		r = error_set(err, EBADMSG, "a compressed buffer with a decoded length of %" PRId64, *ret);
	return r;
}

int arrow_buffer_decode(struct archive *a, const struct table *t, uint64_t index, struct block *ret, struct error *err)
{
	uint32_t batch = (uint32_t)(index >> 32), number = (uint32_t)index;
	struct extent where;
	struct slice in;
	uint8_t codec;
	int64_t len = 0;
	int r = arrow_buffer(a, t, batch, number, &where, &codec, err);
	if (r == 0)
		r = buffer_head(a, where, &len, err);
	if (r == 0)
		r = source_map(&a->source, where.at + 8, where.len - 8, &in, err);
	if (r < 0)
		return r;
	uint8_t *out = block_room(ret, (size_t)(len < 0 ? 0 : len), err);
	if (!out)
		return -ENOMEM;
	struct codec_memory memory = block_memory(ret);
	source_enter(&a->source);
	r = codec_run(codec, in, out, (size_t)(len < 0 ? 0 : len), &memory, err);
	int left = source_leave(&a->source, where.at, where.len, err);
	return left < 0 ? left : r;
}

/* --- buffers -------------------------------------------------------------------------- */

static int map_buffer(struct view *v, struct extent where, struct buffer *ret, struct error *err)
{
	*ret = (struct buffer){.mapped = where};
	return where.len ? source_map(&v->a->source, where.at, where.len, &ret->bytes, err) : 0;
}

int arrow_view_buffer(struct view *v, uint8_t codec, struct extent where, uint32_t number, struct block *within, struct buffer *ret,
		struct error *err)
{
	int64_t len = 0;
	*ret = (struct buffer){0};
	if (codec == CODEC_NONE || where.len == 0)
		return map_buffer(v, where, ret, err);
	int r = buffer_head(v->a, where, &len, err);
	if (r < 0 || len == 0)
		return r;
	if (len < 0)
		return map_buffer(v, (struct extent){where.at + 8, where.len - 8}, ret, err);
	r = arrow_block(v->a, v->table, BLOCK_BUFFER, buffer_index(v->batch, number), within, &ret->block, err);
	if (r == 0)
		ret->bytes = (struct slice){ret->block->bytes, ret->block->len};
	return r;
}

int arrow_view_buffer_length(struct view *v, uint8_t codec, struct extent where, uint64_t *ret, struct error *err)
{
	int64_t len = -1;
	int r = codec == CODEC_NONE || where.len == 0 ? 0 : buffer_head(v->a, where, &len, err);
	*ret = codec == CODEC_NONE || where.len == 0 ? where.len : len < 0 ? where.len - 8 : (uint64_t)len;
	return r;
}

void arrow_view_buffer_prefetch(struct archive *a, const struct table *t, uint32_t batch, uint32_t number)
{
	arrow_prefetch(a, t, BLOCK_BUFFER, buffer_index(batch, number));
}

void arrow_buffer_release(struct buffer *b)
{
	if (b->block)
		blocks_release(b->block);
	*b = (struct buffer){0};
}

void arrow_view_enter(struct view *v)
{
	source_enter(&v->a->source);
}

void arrow_view_leave(void)
{
	source_leave_unchecked();
}

int arrow_buffer_check(struct view *v, struct buffer *b, struct error *err)
{
	int r = b->block || b->high == 0 ? 0 : source_check(&v->a->source, b->mapped.at + b->low, b->high - b->low, err);
	b->high = 0;
	return r;
}

int arrow_view_check(struct view *v, struct error *err)
{
	int r = 0;
	for (unsigned i = 0; i < v->depth; i++) {
		struct buffer *all[] = {&v->levels[i].validity, &v->levels[i].offsets, &v->levels[i].sizes};
		for (unsigned k = 0; r == 0 && k < sizeof all / sizeof *all; k++)
			r = arrow_buffer_check(v, all[k], err);
	}
	return r;
}

/* Does the buffer hold `count` slots of `bits` bits? */
static int fits(const struct buffer *b, uint64_t count, uint64_t bits, const char *what, struct error *err)
{
	uint64_t need;
	if (!__builtin_mul_overflow(count, bits, &need) && (need + 7) / 8 <= b->bytes.len && need <= UINT64_MAX - 7)
		return 0;
	return error_set(err, EBADMSG, "%" PRIu64 " slots in a buffer of %zu bytes of %s", count, b->bytes.len, what);
}

static int load(struct view *v, const struct level *l, unsigned which, struct block *within, struct buffer *ret, struct error *err)
{
	return ret->bytes.data ? 0 : arrow_view_buffer(v, l->part.codec, l->part.buffers[which], l->part.number + which, within, ret, err);
}

static int load_validity(struct view *v, struct level *l, struct block *within, struct error *err)
{
	if (l->part.nulls == 0 || l->part.length == 0 || l->field->layout == LAYOUT_NULL)
		return 0;
	int r = load(v, l, 0, within, &l->validity, err);
	return r < 0 ? r : fits(&l->validity, l->part.length, 1, "validity, of which some are null", err);
}

/* --- what a level leads to ---------------------------------------------------------------- */

static int load_lead(struct view *v, struct level *l, struct block *within, struct error *err)
{
	const struct field *f = l->field;
	struct part ends;
	int r = 0;
	if (l->count == 0)
		return 0;
	switch (f->layout) {
	case LAYOUT_STRING:
	case LAYOUT_LIST:
		r = load(v, l, 1, within, &l->offsets, err);
		return r < 0 ? r : fits(&l->offsets, l->part.length + 1, 8 * f->width, "offsets", err);
	case LAYOUT_LIST_VIEW:
		r = load(v, l, 1, within, &l->offsets, err);
		if (r == 0)
			r = fits(&l->offsets, l->part.length, 8 * f->width, "offsets", err);
		if (r == 0)
			r = load(v, l, 2, within, &l->sizes, err);
		return r < 0 ? r : fits(&l->sizes, l->part.length, 8 * f->width, "sizes", err);
	case LAYOUT_VIEW:
		r = load(v, l, 1, within, &l->offsets, err);
		return r < 0 ? r : fits(&l->offsets, l->part.length, 128, "views", err);
	case LAYOUT_RUN_END: /* they are its first child's */
		r = arrow_part(v->a, v->table, v->batch, f + 1, &ends, err);
		if (r == 0 && ends.nulls > 0)
			r = error_set(err, EBADMSG, "run ends that are null");
		if (r == 0 && !l->offsets.bytes.data)
			r = arrow_view_buffer(v, ends.codec, ends.buffers[1], ends.number + 1, within, &l->offsets, err);
		l->ends = ends.length;
		return r < 0 ? r : fits(&l->offsets, ends.length, 8 * (f + 1)->width, "run ends", err);
	default:
		return 0;
	}
}

static int lead_by_steps(struct view *v, struct level *l, struct block *within, struct lead *ret, struct error *err)
{
	if (!l->steps) {
		int r = arrow_block(v->a, l->field, BLOCK_STEPS, v->batch, within, &l->steps_block, err);
		if (r < 0)
			return r;
		l->steps = (const struct steps *)(const void *)l->steps_block->bytes;
	}
	*ret = (struct lead){l->steps->single, l->steps->at, l->steps->total};
	return 0;
}

/* From the offsets at both ends. */
static int lead_by_offsets(struct view *v, struct level *l, struct lead *ret, struct error *err)
{
	unsigned w = l->field->width;
	arrow_view_enter(v);
	int64_t from = load_signed(arrow_buffer_at(&l->offsets, l->at * w, w), w, v->big);
	arrow_view_leave();
	int r = arrow_buffer_check(v, &l->offsets, err);
	arrow_view_enter(v);
	int64_t to = load_signed(arrow_buffer_at(&l->offsets, (l->at + l->count) * w, w), w, v->big);
	arrow_view_leave();
	if (r == 0)
		r = arrow_buffer_check(v, &l->offsets, err);
	if (r == 0 && (from < 0 || to < from))
		r = error_set(err, EBADMSG, "offsets that go from %" PRId64 " to %" PRId64, from, to);
	*ret = (struct lead){true, (uint64_t)from, (uint64_t)(to - from)};
	return r;
}

static int lead_by_run_ends(struct view *v, unsigned level, struct lead *ret, struct error *err)
{
	struct level *l = &v->levels[level];
	struct run run;
	arrow_view_enter(v);
	int r = arrow_level_run_ends(v, level, (struct run){l->at, l->count}, &run, err);
	arrow_view_leave();
	if (r == 0)
		r = arrow_view_check(v, err);
	*ret = (struct lead){true, run.at, run.count};
	return r;
}

static int lead_of(struct view *v, unsigned level, struct block *within, struct lead *ret, struct error *err)
{
	struct level *l = &v->levels[level];
	int r = load_lead(v, l, within, err);
	if (r < 0)
		return r;
	*ret = (struct lead){l->single, l->at, l->count};
	if (l->count == 0) {
		*ret = (struct lead){.single = true};
		return 0;
	}
	switch (l->field->layout) {
	case LAYOUT_FIXED_LIST:
		if (!__builtin_mul_overflow(l->at, l->field->per, &ret->at) && !__builtin_mul_overflow(l->count, l->field->per, &ret->count))
			return 0;
		return error_set(err, EBADMSG, "%" PRIu64 " lists of %" PRIu64, l->count, l->field->per);
	case LAYOUT_STRING:
	case LAYOUT_LIST:
		return l->single && !l->masked ? lead_by_offsets(v, l, ret, err) : lead_by_steps(v, l, within, ret, err);
	case LAYOUT_VIEW:
	case LAYOUT_LIST_VIEW:
		return lead_by_steps(v, l, within, ret, err);
	case LAYOUT_RUN_END:
		return l->single ? lead_by_run_ends(v, level, ret, err) : lead_by_steps(v, l, within, ret, err);
	default:
		return 0;
	}
}

int arrow_view_lead(struct view *v, struct block *within, struct lead *ret, struct error *err)
{
	return lead_of(v, v->depth - 1, within, ret, err);
}

int arrow_view_lead_buffers(struct view *v, struct block *within, struct error *err)
{
	return load_lead(v, view_last(v), within, err);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Do its parent's nulls make a field's slots null? */
static bool passes_nulls(const struct field *parent)
{
	return parent->layout == LAYOUT_STRUCT || parent->layout == LAYOUT_FIXED_LIST || parent->layout == LAYOUT_SPARSE;
}

/* The levels, from the field up: to the top, or to a child of a dense union, whose slots are
 * shown as they are stored. */
static int find_levels(struct view *v, const struct field *f, struct error *err)
{
	const struct field *up[VIEW_DEPTH];
	for (;; f = &v->table->fields[f->parent]) {
		if (v->depth == VIEW_DEPTH)
			return error_set(err, ENOTSUP, "fields nested more than %d deep", VIEW_DEPTH);
		up[v->depth++] = f;
		if (f->parent == FIELD_NONE || v->table->fields[f->parent].layout == LAYOUT_DENSE)
			break;
	}
	v->levels = v->depth <= VIEW_FEW ? v->few : arena_array(&v->scratch, v->depth, sizeof *v->levels);
	if (!v->levels)
		return error_no_memory(err, "nested fields");
	for (unsigned i = 0; i < v->depth; i++)
		v->levels[i].field = up[v->depth - 1 - i];
	return 0;
}

static int open_top(struct view *v, struct level *l, struct error *err)
{
	const struct batch *b = &v->table->batches[v->batch];
	*l = (struct level){.field = l->field, .part = l->part, .reach = 1, .single = true, .count = l->part.length};
	if (l->field->parent == FIELD_NONE && l->part.length != b[1].first - b[0].first)
		return error_set(err, EBADMSG, "%" PRIu64 " slots in a batch of %" PRIu64 " rows", l->part.length, b[1].first - b[0].first);
	return 0;
}

static int open_below(struct view *v, unsigned level, struct block *within, struct error *err)
{
	struct level *l = &v->levels[level], *above = l - 1;
	struct lead lead;
	int r = lead_of(v, level - 1, within, &lead, err);
	if (r < 0)
		return r;
	l->single = lead.single;
	l->at = lead.at;
	l->count = lead.count;
	l->reach = passes_nulls(above->field) ? above->reach + 1 : 1;
	l->masked = passes_nulls(above->field) && above->masked;
	if (l->count > 0 && l->single && !range_within(l->at, l->count, l->part.length))
		return error_set(err, EBADMSG, "a child of %" PRIu64 " slots, of which %" PRIu64 " are needed", l->part.length, l->at + l->count);
	return 0;
}

int arrow_view_open(struct view *v, struct archive *a, const struct table *t, uint32_t batch, const struct field *f,
	      struct block *within, struct error *err)
{
	*v = (struct view){.a = a, .table = t, .batch = batch, .big = ((const struct arrow *)a->priv)->big, .scratch = arena_apart(&a->arena)};
	int r = f->fault ? error_set(err, EIO, "%s", f->fault) : find_levels(v, f, err);
	for (unsigned i = 0; r == 0 && i < v->depth; i++) {
		struct level *l = &v->levels[i];
		r = arrow_part(a, t, batch, l->field, &l->part, err);
		if (r == 0)
			r = i == 0 ? open_top(v, l, err) : open_below(v, i, within, err);
		if (r == 0)
			r = load_validity(v, l, within, err);
		l->masked |= l->validity.bytes.len > 0;
	}
	return r;
}

void arrow_view_close(struct view *v)
{
	for (unsigned i = 0; v->levels && i < v->depth; i++) {
		struct level *l = &v->levels[i];
		arrow_buffer_release(&l->validity);
		arrow_buffer_release(&l->offsets);
		arrow_buffer_release(&l->sizes);
		if (l->steps_block)
			blocks_release(l->steps_block);
	}
	arena_free(&v->scratch);
}
