/* SPDX-License-Identifier: MIT */
/*
 * The text is made in pieces of some rows each.  An index has the position of each in the text, as
 * far as that is known: it grows as pieces are made, in order, for a reader that began at the
 * start; or everything is counted, on all processors, without making the text.
 *
 * Most pieces are one block: their text.  A larger one has a table of points instead, between
 * which its parts are made, however long a string is.
 */
#include "fs/views/lines.h"

#include <inttypes.h>

#include "fs/archive/pieces.h"
#include "fs/views/lines_impl.h"

bool view_lines_exists(const struct array *a)
{
	return a->dtype == DTYPE_STRING || a->dtype == DTYPE_BYTES;
}

static uint64_t begin_of(const struct lines_index *x, uint64_t piece)
{
	return atomic_load_explicit(&x->at[piece], memory_order_acquire) & ~LINES_LARGE;
}

static bool is_large(const struct lines_index *x, uint64_t piece)
{
	return atomic_load_explicit(&x->at[piece + 1], memory_order_acquire) & LINES_LARGE;
}

static uint64_t known(const struct lines_index *x)
{
	return atomic_load_explicit(&x->known, memory_order_acquire);
}

/* Any thread that knows a piece's length may record it; all find the same. */
static int tell(struct lines_index *x, uint64_t piece, uint64_t length, bool large, struct error *err)
{
	uint64_t begin = begin_of(x, piece), none = 0, before = piece;
	if (length > INT64_MAX - begin)
		return error_set(err, EIO, "a text of more than %" PRId64 " bytes", INT64_MAX);
	atomic_compare_exchange_strong(&x->at[piece + 1], &none, (begin + length) | (large ? LINES_LARGE : 0));
	atomic_compare_exchange_strong(&x->known, &before, piece + 1);
	return 0;
}

/* --- the index grows --------------------------------------------------------------------------- */

struct reading {
	struct archive *archive;
	struct node *column;
	unsigned generation;
	struct blocks *blocks;
	const _Atomic bool *gone;   /* the reader is; or NULL */
	struct block *held, *large; /* the index's; and that of a large piece; or NULL */
	struct lines_index *index;
	uint64_t piece;             /* the large one */
};

static struct block_source reading_of(const struct reading *q, enum lines_kind kind)
{
	return lines_source(q->archive, q->column, q->generation, kind);
}

static int open_reading(struct reading *q, struct archive *a, struct node *n, struct error *err)
{
	*q = (struct reading){.archive = a, .column = n, .generation = atomic_load(&a->resized), .blocks = a->options->blocks};
	struct block_source from = reading_of(q, LINES_INDEX);
	int r = blocks_get(q->blocks, NULL, &from, 0, &q->held, err);
	q->index = r == 0 ? lines_index_in(q->held) : NULL;
	return r;
}

static void close_reading(struct reading *q)
{
	if (q->large)
		blocks_release(q->large);
	if (q->held)
		blocks_release(q->held);
}

/* Is more of the text to be found, up to there? */
static bool is_short_of(const struct reading *q, uint64_t upto)
{
	uint64_t k = known(q->index);
	return k < q->index->pieces && begin_of(q->index, k) < upto;
}

static bool is_gone(const struct reading *q)
{
	return q->gone && atomic_load(q->gone);
}

/* Has the next ones, from `first` on, made by workers; each takes so many bytes to decode. */
static void prefetch_some(const struct reading *q, const struct block_source *from, size_t bytes, uint64_t *next, uint64_t first,
			  uint64_t end)
{
	uint64_t ahead = first + blocks_ahead(q->blocks, bytes);
	*next = *next > first ? *next : first + 1;
	for (; *next <= ahead && *next < end; ++*next)
		blocks_prefetch(q->blocks, from, *next);
}

static int count_to(const struct reading *q, uint64_t upto, struct error *err)
{
	struct lines_index *x = q->index;
	struct block_source from = reading_of(q, LINES_COUNTS);
	struct block *counts;
	int r = 0;
	for (uint64_t next = 0; r == 0 && is_short_of(q, upto);) {
		uint64_t k = known(x), group = k / LINES_GROUP;
		prefetch_some(q, &from, (size_t)LINES_GROUP * LINES_PIECE_BYTES, &next, group, (x->pieces + LINES_GROUP - 1) / LINES_GROUP);
		r = is_gone(q) ? -EINTR : blocks_get(q->blocks, NULL, &from, group, &counts, err);
		if (r < 0)
			break;
		const uint64_t *lengths = (const uint64_t *)(const void *)counts->bytes;
		for (; r == 0 && k < x->pieces && k / LINES_GROUP == group; k++)
			r = tell(x, k, lengths[k % LINES_GROUP] & ~LINES_LARGE, lengths[k % LINES_GROUP] & LINES_LARGE, err);
		blocks_release(counts);
	}
	return r;
}

/* From the pieces themselves, which the reader will read next. */
static int make_to(const struct reading *q, uint64_t upto, struct error *err)
{
	struct lines_index *x = q->index;
	struct block_source from = reading_of(q, LINES_PIECE);
	struct block *piece;
	int r = 0;
	for (uint64_t next = 0; r == 0 && is_short_of(q, upto);) {
		uint64_t k = known(x), wanted = (upto - begin_of(x, k)) / LINES_PIECE_BYTES + 1;
		prefetch_some(q, &from, LINES_PIECE_BYTES, &next, k, wanted < x->pieces - k ? k + wanted : x->pieces);
		r = is_gone(q) ? -EINTR : blocks_get(q->blocks, NULL, &from, k, &piece, err);
		if (r < 0)
			break;
		r = tell(x, k, lines_length_in(piece), lines_table_in(piece)->parts > 0, err);
		blocks_release(piece);
	}
	return r;
}

/* Finds where pieces begin, up to there, or all.  If that is so near that it stays in the cache
 * until it is read, the text is made at once. */
static int reach(const struct reading *q, uint64_t upto, struct error *err)
{
	if (!is_short_of(q, upto))
		return 0;
	uint64_t far = upto - begin_of(q->index, known(q->index));
	return blocks_fit(q->blocks, LINES_PIECE_BYTES, 2 * (far / LINES_PIECE_BYTES + 1)) ? make_to(q, upto, err) : count_to(q, upto, err);
}

/* --- sizes and reads ----------------------------------------------------------------------------- */

static uint64_t text_known(const struct reading *q)
{
	return begin_of(q->index, known(q->index));
}

/* The last piece, of those known, that begins at or before there. */
static uint64_t piece_at(const struct lines_index *x, uint64_t offset)
{
	uint64_t low = 0, high = known(x);
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (begin_of(x, middle) <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int get_large(struct reading *q, uint64_t number, struct error *err)
{
	struct block_source from = reading_of(q, LINES_PIECE);
	if (q->large && q->piece == number)
		return 0;
	if (q->large)
		blocks_release(q->large);
	q->large = NULL;
	q->piece = number;
	int r = blocks_get(q->blocks, NULL, &from, number, &q->large, err);
	if (r == 0 && (lines_table_in(q->large)->parts == 0 || lines_length_in(q->large) != begin_of(q->index, number + 1) - begin_of(q->index, number)))
		r = error_set(err, EIO, "the column is not what it was");
	return r;
}

/* Numbers of pieces and of their parts, in order. */
static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	struct reading *q = p->owner;
	uint64_t number = piece_at(q->index, offset), begin = begin_of(q->index, number), part = 0, end = begin_of(q->index, number + 1);
	(void)len;
	if (is_large(q->index, number)) {
		int r = get_large(q, number, err);
		if (r < 0)
			return r;
		const struct lines_table *t = lines_table_in(q->large);
		part = pieces_search(&t->at[0].text, sizeof t->at[0] / sizeof(uint64_t), (uint32_t)t->parts, offset - begin);
		end = begin + t->at[part + 1].text;
		begin += t->at[part].text;
	}
	*ret = (struct piece){.begin = begin, .end = end, .kind = PIECE_BLOCK};
	ret->number = ret->last = number * LINES_PARTS_MOST + part;
	return 0;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	const struct reading *q = p->owner;
	uint64_t number = piece->number / LINES_PARTS_MOST, length = piece->end - piece->begin;
	bool large = is_large(q->index, number);
	struct block_source from = reading_of(q, large ? LINES_PART : LINES_PIECE);
	(void)at, (void)len, (void)ret;
	int r = blocks_get(p->blocks, NULL, &from, large ? piece->number : number, &piece->block, err);
	if (r < 0)
		return r;
	piece->at = large ? 0 : sizeof(struct lines_table);
	if (piece->block->len != piece->at + length || (!large && lines_table_in(piece->block)->parts)) {
		blocks_release(piece->block);
		return error_set(err, EIO, "the column is not what it was");
	}
	return 0;
}

static uint64_t find_piece(struct pieces *p, uint64_t offset)
{
	const struct reading *q = p->owner;
	return piece_at(q->index, offset) * LINES_PARTS_MOST;
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	struct reading *q = p->owner;
	uint64_t piece = number / LINES_PARTS_MOST;
	if (piece >= q->index->pieces)
		return PIECES_END;
	bool large = piece < known(q->index) && is_large(q->index, piece);
	const struct lines_table *t = large && q->large && q->piece == piece ? lines_table_in(q->large) : NULL;
	struct block_source from = reading_of(q, t ? LINES_PART : LINES_PIECE);
	if (!t || number % LINES_PARTS_MOST < t->parts)
		blocks_prefetch(q->blocks, &from, t ? number : piece);
	return t && number % LINES_PARTS_MOST + 1 < t->parts ? number + 1 : (piece + 1) * LINES_PARTS_MOST;
}

static int read_known(struct reading *q, uint64_t offset, uint64_t len, const struct readahead_next *next, struct answer *ret,
		      struct error *err)
{
	static const struct pieces_type type = {place, get, find_piece, prefetch};
	uint64_t size = text_known(q);
	if (offset >= size || len == 0)
		return 0;
	struct pieces p = {.type = &type, .owner = q, .blocks = q->blocks, .size = size, .next = *next};
	p.bytes = size / known(q->index) + 1;
	return pieces_read(&p, offset, len < size - offset ? len : size - offset, ret, err);
}

static int read_once(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct readahead_next next = blocks_readahead(a->options->blocks, (const char *)n + 1, offset, len);
	struct reading q;
	int r = open_reading(&q, a, n, err);
	q.gone = ret->gone;
	if (r == 0)
		r = reach(&q, offset + len, err);
	if (r == 0)
		r = read_known(&q, offset, len, &next, ret, err);
	if (r == -EINTR) /* the reader has gone: what was to come after it is not needed, either */
		archive_cancel_prefetch(a);
	close_reading(&q);
	return r;
}

static int size_once(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	struct reading q;
	int r = open_reading(&q, a, n, err);
	if (r == 0)
		r = count_to(&q, UINT64_MAX, err);
	*ret = r == 0 ? text_known(&q) : 0;
	close_reading(&q);
	return r;
}

/* What was found while sizes turned out to be wrong is found again. */
int view_lines_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	for (;;) {
		unsigned then = atomic_load(&a->resized);
		struct error why = {0};
		int r = size_once(a, n, ret, &why);
		if (atomic_load(&a->resized) == then)
			return r < 0 ? error_set(err, -r, "%s", why.text) : r;
	}
}

int view_lines_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	if (offset > INT64_MAX)
		return 0;
	len = len < INT64_MAX - offset ? len : INT64_MAX - offset;
	return archive_read_settled(read_once, a, n, offset, len, ret, err);
}

bool view_lines_finds_end(struct archive *a, struct node *n)
{
	struct block_source from = lines_source(a, n, atomic_load(&a->resized), LINES_INDEX);
	struct block *held = blocks_peek(a->options->blocks, &from, 0);
	bool all = held && known(lines_index_in(held)) == lines_index_in(held)->pieces;
	if (held)
		blocks_release(held);
	return !all;
}
