/* SPDX-License-Identifier: MIT */
#include "formats/shared/strided.h"

#include "formats/shared/strided_box.h"
#include "fs/archive/pieces.h"

bool strided_in_order(const uint64_t *shape, const uint64_t *strides, uint32_t rank)
{
	uint64_t count = 1;
	bool in_order = true;
	for (uint32_t i = rank; i-- > 0; count *= shape[i]) {
		if (shape[i] == 0)
			return true;
		in_order &= shape[i] == 1 || strides[i] == count;
	}
	return in_order;
}

bool strided_reach(uint64_t offset, const uint64_t *shape, const uint64_t *strides, uint32_t rank, uint64_t *ret)
{
	uint64_t last = offset, count = 1, far;
	bool fits = true;
	*ret = 0;
	for (uint32_t i = 0; i < rank; i++)
		if (shape[i] == 0)
			return true;
	for (uint32_t i = 0; i < rank; i++) {
		fits &= !__builtin_mul_overflow(count, shape[i], &count);
		fits &= !__builtin_mul_overflow(shape[i] - 1, strides[i], &far) && !__builtin_add_overflow(last, far, &last);
	}
	return fits && !__builtin_add_overflow(last, (uint64_t)1, ret);
}

/* The whole view as a box: dimensions of one element are dropped, and contiguous ones are
 * joined.  As there are elements, and fewer than 2^64, fewer than 64 dimensions have more than
 * one. */
static struct strided_box box_of(const struct strided *s)
{
	struct strided_box b = {.run = s->width};
	for (uint32_t i = 0; i < s->rank; i++) {
		struct strided_dim d = {.extent = s->shape[i], .in = s->strides[i] * s->width};
		const struct strided_dim *before = b.rank > 0 ? &b.dims[b.rank - 1] : NULL;
		uint64_t all;
		if (d.extent == 1)
			continue;
		if (before && !__builtin_mul_overflow(d.extent, d.in, &all) && before->in == all) {
			d.extent *= before->extent;
			b.rank--;
		}
		b.dims[b.rank++] = d;
	}
	if (b.rank > 0 && b.dims[b.rank - 1].in == b.run)
		b.run *= b.dims[--b.rank].extent;
	uint64_t out = b.run;
	for (uint32_t i = b.rank; i-- > 0; out *= b.dims[i].extent)
		b.dims[i].out = out;
	return b;
}

/* --- a range of the elements -------------------------------------------------------- */

enum {
	BATCH = 1 << 20,    /* bytes that are copied at a time */
	SCRATCH = 256 << 10,
	DENSE = 8,          /* so many bytes may be read for one that is needed */
};

/* The state of a read. */
struct gather {
	struct archive *a;
	const struct strided *s;
	struct strided_box whole;
	struct source *mapped; /* it lies there as it is; or NULL */
	uint8_t *scratch;      /* without `mapped`: SCRATCH bytes */
	const _Atomic bool *gone;
	struct error *err;
};

static int copy_mapped(struct gather *g, const struct strided_box *b, uint64_t at, uint8_t *out)
{
	uint64_t span = strided_box_span(b);
	struct slice bytes;
	at += g->s->from.offset;
	int r = source_map(g->mapped, at, span, &bytes, g->err);
	if (r < 0)
		return r;
	source_enter(g->mapped);
	strided_box_copy(b, bytes.data, out);
	return source_leave(g->mapped, at, span, g->err);
}

static int copy_read(struct gather *g, const struct strided_box *b, uint64_t at, uint8_t *out)
{
	uint64_t span = strided_box_span(b);
	bool together = strided_box_bytes(b) == b->run;
	int r = content_read(g->a, &g->s->from, at, (size_t)span, together ? out : g->scratch, g->gone, g->err);
	if (r == 0 && !together)
		strided_box_copy(b, g->scratch, out);
	return r;
}

/* The dimension to cut in two: the farthest; NULL if all have one element. */
static struct strided_dim *farthest(struct strided_box *b)
{
	struct strided_dim *found = NULL;
	for (struct strided_dim *d = b->dims; d < b->dims + b->rank; d++)
		if (d->extent > 1 && (!found || (d->extent - 1) * d->in > (found->extent - 1) * found->in))
			found = d;
	return found;
}

/* Copies what begins at byte `at` of the content, in parts that are small enough, and, where
 * all that lies between has to be read, too, dense enough.  Leaves the box as it was. */
static int copy_box(struct gather *g, struct strided_box *b, uint64_t at, uint8_t *out)
{
	uint64_t bytes = strided_box_bytes(b), span = strided_box_span(b);
	struct strided_dim *d = farthest(b);
	if (g->gone && *g->gone)
		return error_set(g->err, EINTR, "nobody waits for it any more");
	if (g->mapped && (!d || bytes <= BATCH))
		return copy_mapped(g, b, at, out);
	if (!g->mapped && (!d || (span <= SCRATCH && span / DENSE <= bytes)))
		return copy_read(g, b, at, out);
	uint64_t extent = d->extent, half = extent / 2;
	d->extent = half;
	int r = copy_box(g, b, at, out);
	d->extent = extent - half;
	if (r == 0)
		r = copy_box(g, b, at + half * d->in, out + half * d->out);
	d->extent = extent;
	return r;
}

/* `count` elements of dimension i. */
static int copy_some(struct gather *g, uint32_t i, uint64_t count, uint64_t at, uint8_t *out)
{
	struct strided_box b = {.run = g->whole.run, .rank = g->whole.rank - i};
	memcpy(b.dims, g->whole.dims + i, b.rank * sizeof *b.dims);
	b.dims[0].extent = count;
	return copy_box(g, &b, at, out);
}

/* Copies [offset, offset + len) of one element of the dimension before i: part of one element of
 * dimension i, then whole ones, then part of one. */
static int copy_range(struct gather *g, uint32_t i, uint64_t at, uint64_t offset, uint64_t len, uint8_t *out)
{
	const struct strided_dim *d = g->whole.dims + i;
	int r = 0;
	if (len == 0)
		return 0;
	if (i == g->whole.rank)
		return copy_box(g, &(struct strided_box){.run = len}, at + offset, out);
	at += offset / d->out * d->in;
	offset %= d->out;
	if (offset > 0) {
		uint64_t n = d->out - offset < len ? d->out - offset : len;
		r = copy_range(g, i + 1, at, offset, n, out);
		at += d->in;
		out += n;
		len -= n;
	}
	uint64_t count = len / d->out;
	if (r == 0 && count > 0)
		r = copy_some(g, i, count, at, out);
	return r == 0 ? copy_range(g, i + 1, at + count * d->in, 0, len % d->out, out + count * d->out) : r;
}

/* Flips the sign bits in bytes [offset, offset + len) of the view. */
static void flip(const struct strided *s, uint64_t offset, uint64_t len, uint8_t *bytes)
{
	if (s->sign == 0)
		return;
	uint64_t step = (uint64_t)s->sign * s->sign_width;
	uint64_t first = (uint64_t)s->sign_first * s->sign_width + (s->big_endian ? 0 : s->sign_width - 1);
	for (uint64_t i = (first + step - offset % step) % step; i < len; i += step)
		bytes[i] ^= 0x80;
}

static int gather(struct archive *a, const struct strided *s, uint64_t offset, uint64_t len, uint8_t *out, const _Atomic bool *gone,
		  struct error *err)
{
	struct arena scratch = arena_apart(&a->arena);
	struct gather g = {.a = a, .s = s, .whole = box_of(s), .gone = gone, .err = err};
	struct source *source = s->from.stream || s->from.memory ? NULL : archive_source(a, s->from.source);
	int r = 0;
	if (source && !source->fetch)
		g.mapped = source;
	else if (!(g.scratch = arena_alloc(&scratch, SCRATCH)))
		r = error_no_memory(err, "its elements");
	if (r == 0)
		r = copy_range(&g, 0, s->offset, offset, len, out);
	if (r == 0)
		flip(s, offset, len, out);
	arena_free(&scratch);
	return r;
}

/* --- blocks ------------------------------------------------------------------------------- */

enum { BLOCK = 4 << 20, BLOCK_MOST = 16 << 20 };

/*
 * Where elements that the view has far apart share lines of memory, as in a transposed matrix,
 * it is gathered in blocks that use up the lines that they touch: so many bytes, the same for
 * all threads and at all times.  0: nothing is won by that.
 *
 * Compressed contents are not: their own stretches are in the cache already.
 */
static uint64_t block_bytes(const struct strided *s, const struct strided_box *whole)
{
	const struct strided_dim *across = s->from.stream ? NULL : strided_box_across(whole);
	if (!across || across->out > BLOCK_MOST / 2)
		return 0;
	uint64_t share = STRIDED_LINE / across->in, count = BLOCK / across->out, most = BLOCK_MOST / across->out;
	share = share < across->extent ? share : across->extent;
	count = count > share ? count : share;
	return (count < most ? count : most) * across->out;
}

static int decode_block(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	const struct strided *s = from->owner;
	struct strided_box whole = box_of(s);
	uint64_t size = strided_box_bytes(&whole), len = block_bytes(s, &whole), at = index * len;
	uint8_t *out = block_room(ret, (size_t)(size - at < len ? size - at : len), err);
	return out ? gather(archive_decoded(from), s, at, ret->len, out, NULL, err) : -ENOMEM;
}

static struct block_source blocks_of(struct archive *a, const struct strided *s)
{
	return (struct block_source){&a->blocks, s, decode_block, 0};
}

struct reading {
	struct archive *a;
	const struct strided *s;
};

static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	uint64_t number = offset / p->bytes, begin = number * p->bytes;
	(void)len, (void)err;
	*ret = (struct piece){.begin = begin, .end = p->size - begin < p->bytes ? p->size : begin + p->bytes, .number = number,
			      .last = number, .kind = PIECE_BLOCK};
	return 0;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct reading *r = p->owner;
	struct block_source from = blocks_of(r->a, r->s);
	(void)at, (void)len, (void)ret;
	return blocks_get(p->blocks, NULL, &from, piece->number, &piece->block, err);
}

static uint64_t find(struct pieces *p, uint64_t offset)
{
	return offset / p->bytes;
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	struct reading *r = p->owner;
	struct block_source from = blocks_of(r->a, r->s);
	if (number > (p->size - 1) / p->bytes)
		return PIECES_END;
	blocks_prefetch(p->blocks, &from, number);
	return number + 1;
}

static bool is_cached(const struct pieces *p, uint64_t offset)
{
	struct reading *r = p->owner;
	struct block_source from = blocks_of(r->a, r->s);
	struct block *block = blocks_peek(p->blocks, &from, offset / p->bytes);
	if (block)
		blocks_release(block);
	return block;
}

/* A reader who jumps, and asks for little, is given just that. */
static bool is_alone(const struct pieces *p, uint64_t offset, uint64_t len)
{
	return p->next.kind == READ_RANDOM && len < p->bytes / 8 && !is_cached(p, offset);
}

/* Some elements, len > 0: so there are some. */
static int read_some(struct archive *a, const struct strided *s, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	static const struct pieces_type type = {place, get, find, prefetch};
	struct strided_box whole = box_of(s);
	struct reading reading = {a, s};
	struct pieces p = {.type = &type, .owner = &reading, .blocks = a->options->blocks, .size = strided_box_bytes(&whole),
			   .bytes = block_bytes(s, &whole)};
	uint8_t *out;
	if (p.bytes > 0 && blocks_fit(p.blocks, (size_t)p.bytes, 4)) {
		p.next = blocks_readahead(p.blocks, s, offset, len);
		if (!is_alone(&p, offset, len))
			return pieces_read(&p, offset, len, ret, err);
	}
	int r = answer_own(ret, (size_t)len, &out);
	if (r < 0)
		return error_set(err, -r, r == -ENOMEM ? "no memory for its elements" : "nobody waits for it any more");
	return gather(a, s, offset, len, out, ret->gone, err);
}

int strided_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	return len > 0 ? read_some(a, n->lazy, offset, len, ret, err) : 0;
}
