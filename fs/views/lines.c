/* SPDX-License-Identifier: MIT */
/*
 * The text is made in pieces of some rows each.  An index tells where in the text each begins, as
 * far as that is known: it grows as pieces are made, in order, for a reader who began at the start;
 * or all of it is counted, by all processors, without making the text.
 *
 * Most pieces are one block: their text.  One that is larger than that has a table of points in
 * its stead, between which its parts are made, however long a string is.
 */
#include "fs/views/lines.h"

#include <inttypes.h>

#include "fs/archive/pieces.h"
#include "fs/views/escape.h"
#include "fs/views/lines_impl.h"

enum {
	PIECE_BYTES = 256 << 10, PIECES_MOST = 1 << 16, /* of the values, on average; what the index may have */
	PARTS_BITS = 16, PARTS_MOST = 1 << PARTS_BITS,
	GROUP = 16, /* pieces that are counted at a time */
};

/* Of blocks whose owner is the column's node.  Sizes that turn out to be wrong begin others. */
enum kind { KIND_FIRST = 100, KIND_INDEX = 0, KIND_COUNTS, KIND_PIECE, KIND_PART, KINDS };

/* Where pieces begin: at[0] to at[known] are known.  Entries are set once. */
struct index {
	struct lines lines;
	uint64_t per, pieces; /* rows of a piece; and how many there are */
	_Atomic uint64_t known;
	_Atomic uint64_t at[];
};

/* A piece's block: its text, behind this; or, if it has parts, their points and that of the end. */
struct table {
	uint64_t parts;
	struct place {
		struct lines_point point;
		uint64_t text; /* of the piece, before it */
	} at[];
};

/* In at[]: the piece that ends here has parts. */
#define LARGE ((uint64_t)1 << 63)

bool view_lines_exists(const struct array *a)
{
	return a->dtype == DTYPE_STRING || a->dtype == DTYPE_BYTES;
}

static uint64_t begin_of(const struct index *x, uint64_t piece)
{
	return atomic_load_explicit(&x->at[piece], memory_order_acquire) & ~LARGE;
}

static bool is_large(const struct index *x, uint64_t piece)
{
	return atomic_load_explicit(&x->at[piece + 1], memory_order_acquire) & LARGE;
}

static uint64_t known(const struct index *x)
{
	return atomic_load_explicit(&x->known, memory_order_acquire);
}

/* Whoever knows a piece's length may say so; all know the same. */
static int tell(struct index *x, uint64_t piece, uint64_t length, bool large, struct error *err)
{
	uint64_t begin = begin_of(x, piece), none = 0, before = piece;
	if (length > INT64_MAX - begin)
		return error_set(err, EIO, "a text of more than %" PRId64 " bytes", INT64_MAX);
	atomic_compare_exchange_strong(&x->at[piece + 1], &none, (begin + length) | (large ? LARGE : 0));
	atomic_compare_exchange_strong(&x->known, &before, piece + 1);
	return 0;
}

/* --- blocks ------------------------------------------------------------------------------------ */

static int decode(const struct block_source *from, uint64_t number, struct block *ret, struct error *err);

static struct block_source source_of(struct archive *a, const void *column, unsigned generation, enum kind kind)
{
	return (struct block_source){&a->blocks, column, decode, KIND_FIRST + generation * KINDS + kind};
}

static struct block_source like(const struct block_source *from, enum kind kind)
{
	return source_of(archive_decoded(from), from->owner, (from->kind - KIND_FIRST) / KINDS, kind);
}

static int get_like(const struct block_source *from, enum kind kind, uint64_t number, struct block *within, struct block **ret,
		    struct error *err)
{
	struct block_source source = like(from, kind);
	return blocks_get(archive_decoded(from)->options->blocks, within, &source, number, ret, err);
}

static struct index *index_in(const struct block *b)
{
	return (struct index *)(void *)b->bytes;
}

static const struct table *table_in(const struct block *b)
{
	return (const struct table *)(const void *)b->bytes;
}

static uint64_t length_in(const struct block *piece)
{
	const struct table *t = table_in(piece);
	return t->parts ? t->at[t->parts].text : piece->len - sizeof *t;
}

static int make_index(const struct block_source *from, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	struct index x = {0};
	uint64_t bytes;
	int r = lines_find(a, (struct node *)(uintptr_t)from->owner, &x.lines, err);
	if (r == 0)
		r = archive_size(a, x.lines.values, &bytes, err);
	if (r < 0)
		return r;
	uint64_t count = x.lines.count;
	uint64_t rows = count ? PIECE_BYTES / (bytes / count + 2) : 1;
	x.per = rows < 1 ? 1 : rows < LINES_ROWS ? rows : LINES_ROWS;
	while (count / x.per >= PIECES_MOST)
		x.per *= 2;
	x.pieces = count / x.per + (count % x.per != 0);
	size_t room = sizeof x + (size_t)(x.pieces + 1) * sizeof x.at[0];
	uint8_t *all = block_room(ret, room, err);
	if (!all)
		return -ENOMEM;
	memset(all, 0, room);
	memcpy(all, &x, sizeof x);
	blocks_costly(ret);
	return 0;
}

static struct lines_point piece_begin(const struct index *x, uint64_t piece)
{
	return (struct lines_point){piece < x->pieces ? piece * x->per : x->lines.count, LINES_ROW};
}

/* Are these all the strings of a piece, which is no larger? */
static bool is_all(const struct lines_strings *s, struct lines_point begin, struct lines_point end)
{
	return s->begin.row == begin.row && s->end.row == end.row && s->end.byte == end.byte;
}

struct count {
	const struct index *index;
	uint64_t piece, length;
};

/* 1: it is not. */
static int count_small(void *arg, const struct lines_strings *s, struct error *err)
{
	struct count *c = arg;
	(void)err;
	c->length = lines_length(s);
	return !is_all(s, piece_begin(c->index, c->piece), piece_begin(c->index, c->piece + 1));
}

/* The lengths of some pieces, one after another, as in at[].  Of large ones the tables are made, which their readers need. */
static int make_counts(const struct block_source *from, const struct index *x, uint64_t number, struct block *ret, struct error *err)
{
	struct block *large;
	uint64_t first = number * GROUP, n = x->pieces - first < GROUP ? x->pieces - first : GROUP;
	uint64_t *lengths = (uint64_t *)(void *)block_room(ret, (size_t)n * sizeof *lengths, err);
	int r = lengths ? 0 : -ENOMEM;
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		struct count c = {.index = x, .piece = first + i};
		r = lines_walk(&x->lines, piece_begin(x, c.piece), piece_begin(x, c.piece + 1), ret, count_small, &c, err);
		lengths[i] = c.length;
		if (r != 1)
			continue;
		r = get_like(from, KIND_PIECE, c.piece, ret, &large, err);
		if (r < 0)
			break;
		lengths[i] = length_in(large) | (table_in(large)->parts ? LARGE : 0);
		blocks_release(large);
	}
	return r;
}

struct piece_making {
	struct block *ret;
	struct lines_point begin, end, at;
	bool small;
	struct place *places; /* of a large one */
	uint64_t n, room, step, text; /* `step`: every so many points are kept */
	uint64_t passed;
};

static int make_small(struct piece_making *m, const struct lines_strings *s, struct error *err)
{
	uint64_t length = lines_length(s);
	uint8_t *out = block_room(m->ret, sizeof(struct table) + (size_t)length, err);
	if (!out)
		return -ENOMEM;
	memset(out, 0, sizeof(struct table));
	lines_put(s, out + sizeof(struct table));
	m->small = true;
	return 0;
}

/* Makes room for another by keeping every other one. */
static int keep_fewer(struct piece_making *m, struct error *err)
{
	enum { FEW = 256 };
	if (m->room == PARTS_MOST) {
		for (uint64_t i = 0; 2 * i < m->n; i++)
			m->places[i] = m->places[2 * i];
		m->n = (m->n + 1) / 2;
		m->step *= 2;
		return 0;
	}
	uint64_t room = m->room ? m->room * 16 : FEW;
	struct place *more = (struct place *)(void *)block_scratch(m->ret, (size_t)room * sizeof *more, err);
	if (!more)
		return -ENOMEM;
	if (m->n)
		memcpy(more, m->places, (size_t)m->n * sizeof *more);
	m->places = more;
	m->room = room;
	return 0;
}

static int add_place(void *arg, const struct lines_strings *s, struct error *err)
{
	struct piece_making *m = arg;
	if (m->passed == 0 && is_all(s, m->begin, m->end))
		return make_small(m, s, err);
	int r = m->n == m->room && m->passed % m->step == 0 ? keep_fewer(m, err) : 0;
	if (r == 0 && m->passed % m->step == 0)
		m->places[m->n++] = (struct place){.point = m->at, .text = m->text};
	m->passed++;
	m->at = s->end;
	m->text += lines_length(s);
	return r;
}

static int make_piece(const struct index *x, uint64_t number, struct block *ret, struct error *err)
{
	struct piece_making m = {.ret = ret, .begin = piece_begin(x, number), .end = piece_begin(x, number + 1), .step = 1};
	m.at = m.begin;
	int r = lines_walk(&x->lines, m.begin, m.end, ret, add_place, &m, err);
	if (r < 0 || m.small)
		return r;
	size_t bytes = sizeof(struct table) + (size_t)(m.n + 1) * sizeof *m.places;
	struct table *t = (struct table *)(void *)block_room(ret, bytes, err);
	if (!t)
		return -ENOMEM;
	t->parts = m.n;
	memcpy(t->at, m.places, (size_t)m.n * sizeof *m.places);
	t->at[m.n] = (struct place){.point = m.end, .text = m.text};
	blocks_costly(ret);
	return 0;
}

struct part_making {
	uint8_t *to;
	uint64_t left;
};

static int put_strings(void *arg, const struct lines_strings *s, struct error *err)
{
	struct part_making *m = arg;
	uint64_t length = lines_length(s);
	if (length > m->left)
		return error_set(err, EIO, "the column is not what it was");
	m->to = lines_put(s, m->to);
	m->left -= length;
	return 0;
}

static int make_part(const struct block_source *from, const struct index *x, uint64_t number, struct block *ret, struct error *err)
{
	struct block *piece;
	uint64_t part = number % PARTS_MOST;
	int r = get_like(from, KIND_PIECE, number / PARTS_MOST, ret, &piece, err);
	if (r < 0)
		return r;
	const struct table *t = table_in(piece);
	if (part >= t->parts)
		r = error_set(err, EIO, "the column is not what it was");
	struct part_making m = {.left = r == 0 ? t->at[part + 1].text - t->at[part].text : 0};
	if (r == 0 && !(m.to = block_room(ret, (size_t)m.left, err)))
		r = -ENOMEM;
	if (r == 0)
		r = lines_walk(&x->lines, t->at[part].point, t->at[part + 1].point, ret, put_strings, &m, err);
	if (r == 0 && m.left > 0)
		r = error_set(err, EIO, "the column is not what it was");
	blocks_release(piece);
	return r;
}

static int decode(const struct block_source *from, uint64_t number, struct block *ret, struct error *err)
{
	enum kind kind = (enum kind)((from->kind - KIND_FIRST) % KINDS);
	struct block *held;
	if (kind == KIND_INDEX)
		return make_index(from, ret, err);
	int r = get_like(from, KIND_INDEX, 0, ret, &held, err);
	if (r < 0)
		return r;
	const struct index *x = index_in(held);
	r = kind == KIND_COUNTS ? make_counts(from, x, number, ret, err)
	  : kind == KIND_PIECE	? make_piece(x, number, ret, err)
				: make_part(from, x, number, ret, err);
	blocks_release(held);
	return r;
}

/* --- the index grows --------------------------------------------------------------------------- */

struct reading {
	struct archive *archive;
	struct node *column;
	unsigned generation;
	struct blocks *blocks;
	const _Atomic bool *gone;   /* the reader is; or NULL */
	struct block *held, *large; /* the index's; and that of a large piece; or NULL */
	struct index *index;
	uint64_t piece;             /* the large one */
};

static struct block_source reading_of(const struct reading *q, enum kind kind)
{
	return source_of(q->archive, q->column, q->generation, kind);
}

static int open_reading(struct reading *q, struct archive *a, struct node *n, struct error *err)
{
	*q = (struct reading){.archive = a, .column = n, .generation = atomic_load(&a->resized), .blocks = a->options->blocks};
	struct block_source from = reading_of(q, KIND_INDEX);
	int r = blocks_get(q->blocks, NULL, &from, 0, &q->held, err);
	q->index = r == 0 ? index_in(q->held) : NULL;
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

/* Has the next ones made by others, of which `first` is the first that is wanted; each takes so many bytes to decode. */
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
	struct index *x = q->index;
	struct block_source from = reading_of(q, KIND_COUNTS);
	struct block *counts;
	int r = 0;
	for (uint64_t next = 0; r == 0 && is_short_of(q, upto);) {
		uint64_t k = known(x), group = k / GROUP;
		prefetch_some(q, &from, (size_t)GROUP * PIECE_BYTES, &next, group, (x->pieces + GROUP - 1) / GROUP);
		r = is_gone(q) ? -EINTR : blocks_get(q->blocks, NULL, &from, group, &counts, err);
		if (r < 0)
			break;
		const uint64_t *lengths = (const uint64_t *)(const void *)counts->bytes;
		for (; r == 0 && k < x->pieces && k / GROUP == group; k++)
			r = tell(x, k, lengths[k % GROUP] & ~LARGE, lengths[k % GROUP] & LARGE, err);
		blocks_release(counts);
	}
	return r;
}

/* By the pieces themselves, which the reader who wants to know will read. */
static int make_to(const struct reading *q, uint64_t upto, struct error *err)
{
	struct index *x = q->index;
	struct block_source from = reading_of(q, KIND_PIECE);
	struct block *piece;
	int r = 0;
	for (uint64_t next = 0; r == 0 && is_short_of(q, upto);) {
		uint64_t k = known(x), wanted = (upto - begin_of(x, k)) / PIECE_BYTES + 1;
		prefetch_some(q, &from, PIECE_BYTES, &next, k, wanted < x->pieces - k ? k + wanted : x->pieces);
		r = is_gone(q) ? -EINTR : blocks_get(q->blocks, NULL, &from, k, &piece, err);
		if (r < 0)
			break;
		r = tell(x, k, length_in(piece), table_in(piece)->parts > 0, err);
		blocks_release(piece);
	}
	return r;
}

/* Knows the text up to there, or all.  What lies so near that it stays in the cache until it is read is made at once. */
static int reach(const struct reading *q, uint64_t upto, struct error *err)
{
	if (!is_short_of(q, upto))
		return 0;
	uint64_t far = upto - begin_of(q->index, known(q->index));
	return blocks_fit(q->blocks, PIECE_BYTES, 2 * (far / PIECE_BYTES + 1)) ? make_to(q, upto, err) : count_to(q, upto, err);
}

/* --- sizes and reads ----------------------------------------------------------------------------- */

static uint64_t text_known(const struct reading *q)
{
	return begin_of(q->index, known(q->index));
}

/* The last piece, of those known, that begins at or before there. */
static uint64_t piece_at(const struct index *x, uint64_t offset)
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
	struct block_source from = reading_of(q, KIND_PIECE);
	if (q->large && q->piece == number)
		return 0;
	if (q->large)
		blocks_release(q->large);
	q->large = NULL;
	q->piece = number;
	int r = blocks_get(q->blocks, NULL, &from, number, &q->large, err);
	if (r == 0 && (table_in(q->large)->parts == 0 || length_in(q->large) != begin_of(q->index, number + 1) - begin_of(q->index, number)))
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
		const struct table *t = table_in(q->large);
		part = pieces_search(&t->at[0].text, sizeof t->at[0] / sizeof(uint64_t), (uint32_t)t->parts, offset - begin);
		end = begin + t->at[part + 1].text;
		begin += t->at[part].text;
	}
	*ret = (struct piece){.begin = begin, .end = end, .kind = PIECE_BLOCK};
	ret->number = ret->last = number * PARTS_MOST + part;
	return 0;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	const struct reading *q = p->owner;
	uint64_t number = piece->number / PARTS_MOST, length = piece->end - piece->begin;
	bool large = is_large(q->index, number);
	struct block_source from = reading_of(q, large ? KIND_PART : KIND_PIECE);
	(void)at, (void)len, (void)ret;
	int r = blocks_get(p->blocks, NULL, &from, large ? piece->number : number, &piece->block, err);
	if (r < 0)
		return r;
	piece->at = large ? 0 : sizeof(struct table);
	if (piece->block->len != piece->at + length || (!large && table_in(piece->block)->parts)) {
		blocks_release(piece->block);
		return error_set(err, EIO, "the column is not what it was");
	}
	return 0;
}

static uint64_t find_piece(struct pieces *p, uint64_t offset)
{
	const struct reading *q = p->owner;
	return piece_at(q->index, offset) * PARTS_MOST;
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	struct reading *q = p->owner;
	uint64_t piece = number / PARTS_MOST;
	if (piece >= q->index->pieces)
		return PIECES_END;
	bool large = piece < known(q->index) && is_large(q->index, piece);
	const struct table *t = large && q->large && q->piece == piece ? table_in(q->large) : NULL;
	struct block_source from = reading_of(q, t ? KIND_PART : KIND_PIECE);
	if (!t || number % PARTS_MOST < t->parts)
		blocks_prefetch(q->blocks, &from, t ? number : piece);
	return t && number % PARTS_MOST + 1 < t->parts ? number + 1 : (piece + 1) * PARTS_MOST;
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
	if (r == -EINTR) /* nobody waits for what was to come after it, either */
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

/* What was found while sizes turned out to be wrong is found anew. */
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
	for (;;) {
		unsigned then = atomic_load(&a->resized);
		struct error why = {0};
		int r = read_once(a, n, offset, len, ret, &why);
		if (r < 0)
			answer_reset(ret);
		if (atomic_load(&a->resized) == then)
			return r < 0 ? error_set(err, -r, "%s", why.text) : r;
		answer_reset(ret);
	}
}

bool view_lines_finds_end(struct archive *a, struct node *n)
{
	struct block_source from = source_of(a, n, atomic_load(&a->resized), KIND_INDEX);
	struct block *held = blocks_peek(a->options->blocks, &from, 0);
	bool all = held && known(index_in(held)) == index_in(held)->pieces;
	if (held)
		blocks_release(held);
	return !all;
}
