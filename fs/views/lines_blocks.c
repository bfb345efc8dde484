/* SPDX-License-Identifier: MIT */
/* What the blocks of a text of strings are made of. */
#include <inttypes.h>

#include "fs/views/lines_impl.h"

enum {
	PIECES_MOST = 1 << 16, /* so that the index is small, however many rows there are */
	KIND_FIRST = 100,      /* formats may have blocks of the same owner */
};

static int decode(const struct block_source *from, uint64_t number, struct block *ret, struct error *err);

struct block_source lines_source(struct archive *a, const void *column, unsigned generation, enum lines_kind kind)
{
	return (struct block_source){&a->blocks, column, decode, KIND_FIRST + generation * LINES_KINDS + kind};
}

static struct block_source like(const struct block_source *from, enum lines_kind kind)
{
	return lines_source(archive_decoded(from), from->owner, (from->kind - KIND_FIRST) / LINES_KINDS, kind);
}

static int get_like(const struct block_source *from, enum lines_kind kind, uint64_t number, struct block *within, struct block **ret,
		    struct error *err)
{
	struct block_source source = like(from, kind);
	return blocks_get(archive_decoded(from)->options->blocks, within, &source, number, ret, err);
}

static int make_index(const struct block_source *from, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	struct lines_index x = {0};
	uint64_t bytes;
	int r = lines_find(a, (struct node *)(uintptr_t)from->owner, &x.lines, err);
	if (r == 0)
		r = archive_size(a, x.lines.values, &bytes, err);
	if (r < 0)
		return r;
	uint64_t count = x.lines.count;
	uint64_t rows = count ? LINES_PIECE_BYTES / (bytes / count + 2) : 1;
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

static struct lines_point piece_begin(const struct lines_index *x, uint64_t piece)
{
	return (struct lines_point){piece < x->pieces ? piece * x->per : x->lines.count, LINES_ROW};
}

/* Are these all the strings of a piece, which is no larger? */
static bool is_all(const struct lines_strings *s, struct lines_point begin, struct lines_point end)
{
	return s->begin.row == begin.row && s->end.row == end.row && s->end.byte == end.byte;
}

struct count {
	const struct lines_index *index;
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

/* The lengths of some pieces, one after another, as in at[].  For large ones, the tables are made,
 * which their readers need. */
static int make_counts(const struct block_source *from, const struct lines_index *x, uint64_t number, struct block *ret, struct error *err)
{
	struct block *large;
	uint64_t first = number * LINES_GROUP, n = x->pieces - first < LINES_GROUP ? x->pieces - first : LINES_GROUP;
	uint64_t *lengths = (uint64_t *)(void *)block_room(ret, (size_t)n * sizeof *lengths, err);
	int r = lengths ? 0 : -ENOMEM;
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		struct count c = {.index = x, .piece = first + i};
		r = lines_walk(&x->lines, piece_begin(x, c.piece), piece_begin(x, c.piece + 1), ret, count_small, &c, err);
		lengths[i] = c.length;
		if (r != 1)
			continue;
		r = get_like(from, LINES_PIECE, c.piece, ret, &large, err);
		if (r < 0)
			break;
		lengths[i] = lines_length_in(large) | (lines_table_in(large)->parts ? LINES_LARGE : 0);
		blocks_release(large);
	}
	return r;
}

struct piece_making {
	struct block *ret;
	struct lines_point begin, end, at;
	bool small;
	struct lines_place *places; /* of a large one */
	uint64_t n, room, step, text; /* `step`: one point in so many is kept */
	uint64_t passed;
};

static int make_small(struct piece_making *m, const struct lines_strings *s, struct error *err)
{
	uint64_t length = lines_length(s);
	uint8_t *out = block_room(m->ret, sizeof(struct lines_table) + (size_t)length, err);
	if (!out)
		return -ENOMEM;
	memset(out, 0, sizeof(struct lines_table));
	lines_put(s, out + sizeof(struct lines_table));
	m->small = true;
	return 0;
}

/* Makes room for another by keeping every other one. */
static int keep_fewer(struct piece_making *m, struct error *err)
{
	enum { FEW = 256 };
	if (m->room == LINES_PARTS_MOST) {
		for (uint64_t i = 0; 2 * i < m->n; i++)
			m->places[i] = m->places[2 * i];
		m->n = (m->n + 1) / 2;
		m->step *= 2;
		return 0;
	}
	uint64_t room = m->room ? m->room * 16 : FEW;
	struct lines_place *more = (struct lines_place *)(void *)block_scratch(m->ret, (size_t)room * sizeof *more, err);
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
		m->places[m->n++] = (struct lines_place){.point = m->at, .text = m->text};
	m->passed++;
	m->at = s->end;
	m->text += lines_length(s);
	return r;
}

static int make_piece(const struct lines_index *x, uint64_t number, struct block *ret, struct error *err)
{
	struct piece_making m = {.ret = ret, .begin = piece_begin(x, number), .end = piece_begin(x, number + 1), .step = 1};
	m.at = m.begin;
	int r = lines_walk(&x->lines, m.begin, m.end, ret, add_place, &m, err);
	if (r < 0 || m.small)
		return r;
	size_t bytes = sizeof(struct lines_table) + (size_t)(m.n + 1) * sizeof *m.places;
	struct lines_table *t = (struct lines_table *)(void *)block_room(ret, bytes, err);
	if (!t)
		return -ENOMEM;
	t->parts = m.n;
	memcpy(t->at, m.places, (size_t)m.n * sizeof *m.places);
	t->at[m.n] = (struct lines_place){.point = m.end, .text = m.text};
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

static int make_part(const struct block_source *from, const struct lines_index *x, uint64_t number, struct block *ret, struct error *err)
{
	struct block *piece;
	uint64_t part = number % LINES_PARTS_MOST;
	int r = get_like(from, LINES_PIECE, number / LINES_PARTS_MOST, ret, &piece, err);
	if (r < 0)
		return r;
	const struct lines_table *t = lines_table_in(piece);
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
	enum lines_kind kind = (enum lines_kind)((from->kind - KIND_FIRST) % LINES_KINDS);
	struct block *held;
	if (kind == LINES_INDEX)
		return make_index(from, ret, err);
	int r = get_like(from, LINES_INDEX, 0, ret, &held, err);
	if (r < 0)
		return r;
	const struct lines_index *x = lines_index_in(held);
	r = kind == LINES_COUNTS ? make_counts(from, x, number, ret, err)
	  : kind == LINES_PIECE	? make_piece(x, number, ret, err)
				: make_part(from, x, number, ret, err);
	blocks_release(held);
	return r;
}
