/* SPDX-License-Identifier: MIT */
/* The index of a table, and reads of its files. */
#include "formats/shared/records_impl.h"

#include "fs/archive/pieces.h"

enum { KIND_BLOCK, KIND_INDEX, KIND_EXTENTS };

/* If the strings of a block are longer than this in all, they are not copied, but read in place. */
enum { TOGETHER = 4 << 20, COPIED = 16 << 10 };

/* --- the index ---------------------------------------------------------------------------- */

static uint64_t blocks_in(const struct records_table *t)
{
	return (t->rows + t->per_block - 1) / t->per_block;
}

struct indexing {
	struct records_feed *f;
	const struct records_table *t;
	struct text text;
	uint64_t *totals; /* by the column's number */
	uint32_t depth;
	struct level {
		struct records_column *column;
		bool list;
	} levels[RECORDS_DEPTH + 1];
};

/* Adds a value, whose column is NULL if nothing of it is shown. */
static void add_value(struct indexing *w, struct records_column *c, const struct record_value *v)
{
	bool inner = v->kind == RECORD_LIST || v->kind == RECORD_STRUCT;
	if (c && c->type == RECORDS_MIXED && v->kind != RECORD_NULL) {
		w->text.len = 0;
		w->f->type->json(w->f, v, &w->text);
		w->totals[c->index] += w->text.len;
		return;
	}
	if (c && c->index && !inner)
		w->totals[c->index] += v->len;
	if (!inner)
		return;
	if (!c || w->depth > RECORDS_DEPTH || c->type != (v->kind == RECORD_LIST ? RECORDS_LIST : RECORDS_STRUCT)) {
		w->f->type->skip(w->f);
		return;
	}
	w->levels[w->depth++] = (struct level){c, v->kind == RECORD_LIST};
}

static struct records_column *find_column(struct records_feed *f, const struct records_column *of, const struct record_value *key)
{
	struct arena scratch = {.limit = RECORDS_KEY_MOST * 2};
	struct records_column *c = NULL;
	uint8_t few[256], *text = key->len <= sizeof few ? few : key->len <= RECORDS_KEY_MOST ? arena_alloc(&scratch, (size_t)key->len) : NULL;
	if (key->text)
		c = records_column_find(of, (struct slice){key->text, (size_t)key->len});
	else if (!text)
		f->failed = error_no_memory(f->err, "a field's name");
	else if (f->type->read(f, key->at, text, (size_t)key->len))
		c = records_column_find(of, (struct slice){text, (size_t)key->len});
	arena_free(&scratch);
	return c;
}

/* What comes next within a list or struct. */
static void add_next(struct indexing *w)
{
	struct level *l = &w->levels[w->depth - 1];
	struct records_column *c = l->column->element;
	struct record_value v;
	if (!w->f->type->next(w->f, &v))
		return;
	if (v.kind == RECORD_END) {
		w->depth--;
		return;
	}
	if (l->list) {
		w->totals[l->column->index]++;
	} else {
		c = records_overwritten(w->t, v.at) ? NULL : find_column(w->f, l->column, &v);
		if (w->f->failed || !w->f->type->next(w->f, &v))
			return;
	}
	add_value(w, c, &v);
}

static int count_all(struct indexing *w, uint64_t blocks, uint64_t *ret)
{
	const struct records_table *t = w->t;
	struct record_value v;
	for (uint64_t row = 0; row <= t->rows && !w->f->failed; row++) {
		if (row % t->per_block == 0 || row == t->rows) {
			uint64_t block = row == t->rows ? blocks : row / t->per_block;
			w->totals[RECORDS_AT] = w->f->type->tell(w->f);
			w->totals[RECORDS_ROWS] = row;
			for (uint32_t i = 0; i < RECORDS_TOTALS + t->indexed; i++)
				ret[i * (blocks + 1) + block] = w->totals[i];
		}
		if (row == t->rows || !w->f->type->next(w->f, &v))
			break;
		add_value(w, t->root, &v);
		while (w->depth && !w->f->failed)
			add_next(w);
		if (w->text.failed && !w->f->failed)
			w->f->failed = error_no_memory(w->f->err, "a text");
	}
	return w->f->failed;
}

/* Is it of the same lengths as when it was opened? */
static bool as_found(const struct records_column *c, const uint64_t *totals)
{
	if (c->index && c->type != RECORDS_MIXED && totals[c->index] != c->total)
		return false;
	if (c->type == RECORDS_LIST && c->element)
		return as_found(c->element, totals);
	for (const struct records_column *i = c->type == RECORDS_STRUCT ? c->first : NULL; i; i = i->next)
		if (!as_found(i, totals))
			return false;
	return true;
}

/* For a table of one block, everything is known from opening. */
static void put_found(const struct records_column *c, uint64_t *ret)
{
	if (c->index)
		ret[2 * c->index + 1] = c->total;
	if (c->type == RECORDS_LIST && c->element)
		put_found(c->element, ret);
	for (const struct records_column *i = c->type == RECORDS_STRUCT ? c->first : NULL; i; i = i->next)
		put_found(i, ret);
}

static int read_index(struct archive *a, const struct records_table *t, uint64_t blocks, uint64_t *ret, struct error *err)
{
	struct arena scratch = arena_apart(&a->arena);
	struct indexing *w = arena_alloc(&scratch, sizeof *w);
	uint64_t *totals = w ? arena_array(&scratch, t->indexed + (size_t)RECORDS_TOTALS, sizeof *totals) : NULL;
	struct records_feed *f = totals ? t->open(a, t, t->begin, &scratch, err) : NULL;
	int r = f ? 0 : error_no_memory(err, "its index");
	if (r == 0) {
		w->t = t;
		w->f = f;
		w->totals = totals;
		r = count_all(w, blocks, ret);
		if (r == 0 && (totals[RECORDS_AT] != t->end || !as_found(t->root, totals)))
			r = error_set(err, EIO, "the file has changed since it was opened");
		text_free(&w->text);
	}
	arena_free(&scratch);
	return r;
}

static int make_index(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	const struct records_table *t = from->owner;
	uint64_t blocks = blocks_in(t), words = (t->indexed + (uint64_t)RECORDS_TOTALS) * (blocks + 1); /* within INDEX_LATER_MOST, or nearly */
	uint64_t *room = (uint64_t *)(void *)block_room(ret, (size_t)(words * sizeof *room), err);
	int r = 0;
	(void)index;
	if (!room)
		return -ENOMEM;
	memset(room, 0, (size_t)(words * sizeof *room));
	if (blocks == 1 && !t->mixed) {
		room[2 * RECORDS_AT] = t->begin;
		room[2 * RECORDS_AT + 1] = t->end;
		room[2 * RECORDS_ROWS + 1] = t->rows;
		put_found(t->root, room);
		return 0;
	}
	r = read_index(a, t, blocks, room, err);
	if (r == 0)
		blocks_costly(ret);
	return r;
}

int records_index(struct archive *a, const struct records_table *t, struct block *within, struct block **ret, struct records_index *index,
		  struct error *err)
{
	struct block_source from = {&a->blocks, t, make_index, KIND_INDEX};
	*ret = NULL;
	if (t->index) {
		*index = *t->index;
		return 0;
	}
	int r = blocks_get(a->options->blocks, within, &from, 0, ret, err);
	if (r == 0)
		*index = (struct records_index){blocks_in(t), (const uint64_t *)(const void *)(*ret)->bytes};
	return r;
}

static void release(struct block *held)
{
	if (held)
		blocks_release(held);
}

int records_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	const struct records_file *file = n->lazy;
	struct records_index x;
	struct block *block;
	int r = records_index(a, file->table, NULL, &block, &x, err);
	if (r < 0)
		return r;
	*ret = records_totals(&x, file->column)[x.blocks];
	release(block);
	return 0;
}

/* --- reads ----------------------------------------------------------------------------------- */

struct reading {
	struct archive *a;
	const struct records_file *file;
	struct records_index x;
	uint64_t width; /* of a slot in the file; of strings 1 */
	uint64_t size;
};

/* What is before the block, in the file's slots. */
static uint64_t slots_before(const struct reading *r, uint64_t block)
{
	const struct records_column *c = r->file->column, *space = records_space(c);
	if (r->file->part == RECORDS_VALUES)
		return records_totals(&r->x, c)[block];
	if (space)
		return records_totals(&r->x, space)[block];
	return records_line(&r->x, RECORDS_ROWS)[block];
}

static struct reading reading_of(struct archive *a, const struct records_file *file, const struct records_index *x)
{
	struct reading r = {a, file, *x, 1, 0};
	if (file->part == RECORDS_DATA)
		r.width = records_width((enum records_type)file->column->type);
	else if (file->part == RECORDS_OFFSETS)
		r.width = 8;
	r.size = slots_before(&r, x->blocks) * r.width;
	return r;
}

/* The block that holds the byte; the first of all blocks if there is none. */
static uint64_t block_at(const struct reading *r, uint64_t offset)
{
	uint64_t low = 0, high = r->x.blocks;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (slots_before(r, middle) * r->width <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int decode_block(const struct block_source *from, uint64_t number, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	const struct records_file *file = from->owner;
	struct records_index x;
	struct block *held;
	int r = records_index(a, file->table, ret, &held, &x, err);
	if (r < 0)
		return r;
	struct reading one = reading_of(a, file, &x);
	uint64_t len = (slots_before(&one, number + 1) - slots_before(&one, number)) * one.width;
	uint8_t *out = block_room(ret, (size_t)len, err);
	r = out ? records_decode(a, file, &x, number, out, len, err) : -ENOMEM;
	release(held);
	return r;
}

static int decode_extents(const struct block_source *from, uint64_t number, struct block *ret, struct error *err)
{
	struct archive *a = archive_decoded(from);
	const struct records_file *file = from->owner;
	struct records_index x;
	struct block *held;
	int r = records_index(a, file->table, ret, &held, &x, err);
	if (r < 0)
		return r;
	/* Each takes a byte of the records at least, and one that is not empty two. */
	uint64_t count = 0, most = (x.at[number + 1] - x.at[number]) / 2, values = file->column->slots;
	most = most < values ? most : values;
	uint64_t *out = (uint64_t *)(void *)block_room(ret, (size_t)most * 16 + 16, err);
	r = out ? records_extents(a, file, &x, number, out, most, &count, err) : -ENOMEM;
	if (r == 0) {
		out[2 * count] = records_totals(&x, file->column)[number + 1];
		out[2 * count + 1] = 0;
		block_trim(ret, (size_t)count * 16 + 16);
	}
	release(held);
	return r;
}

static bool in_place(const struct reading *r, const struct piece *piece)
{
	const struct records_table *t = r->file->table;
	bool lie = !t->kind || (t->kind->in_place && !t->bytes.stream);
	return lie && r->file->part == RECORDS_VALUES && r->file->column->type != RECORDS_MIXED && piece->end - piece->begin > TOGETHER;
}

static struct block_source blocks_of(const struct reading *r, bool extents)
{
	return (struct block_source){&r->a->blocks, r->file, extents ? decode_extents : decode_block, extents ? KIND_EXTENTS : KIND_BLOCK};
}

static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	const struct reading *r = p->owner;
	(void)len, (void)err;
	if (offset >= r->size) { /* the last of the offsets */
		*ret = (struct piece){.begin = r->size, .end = p->size, .number = PIECES_END, .last = PIECES_END};
		return 0;
	}
	uint64_t number = block_at(r, offset);
	*ret = (struct piece){.begin = slots_before(r, number) * r->width, .end = slots_before(r, number + 1) * r->width, .number = number,
			      .last = number, .kind = PIECE_BLOCK};
	return 0;
}

/* [offset, offset + len) of the file: long values as they lie, short ones copied. */
static int answer_extents(const struct reading *r, const struct block *block, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const uint64_t *pairs = (const uint64_t *)(const void *)block->bytes;
	uint64_t low = 0, high = block->len / 16 - 1;
	int e = 0;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (pairs[2 * middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	for (uint64_t n; e == 0 && len > 0; low++, offset += n, len -= n) {
		uint64_t left = pairs[2 * low + 2] - offset, at = pairs[2 * low + 1] + (offset - pairs[2 * low]);
		uint8_t *own;
		n = left < len ? left : len;
		if (n > COPIED)
			e = answer_source(ret, &r->a->source, at, n, err);
		else if ((e = answer_own(ret, (size_t)n, &own)) == 0)
			e = source_read(&r->a->source, at, own, (size_t)n, err);
	}
	return e;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	const struct reading *r = p->owner;
	if (piece->number == PIECES_END) {
		piece_number(piece, (int64_t)records_totals(&r->x, r->file->column)[r->x.blocks], 8);
		return 0;
	}
	bool extents = in_place(r, piece);
	struct block_source from = blocks_of(r, extents);
	int e = blocks_get(p->blocks, NULL, &from, piece->number, &piece->block, err);
	if (e < 0 || !extents)
		return e;
	piece->kind = PIECE_ANSWERED;
	e = answer_extents(r, piece->block, piece->begin + at, len, ret, err);
	blocks_release(piece->block);
	return e;
}

static uint64_t find(struct pieces *p, uint64_t offset)
{
	return block_at(p->owner, offset);
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	const struct reading *r = p->owner;
	if (number >= r->x.blocks)
		return PIECES_END;
	struct piece piece = {.begin = slots_before(r, number) * r->width, .end = slots_before(r, number + 1) * r->width};
	struct block_source from = blocks_of(r, in_place(r, &piece));
	if (piece.end > piece.begin)
		blocks_prefetch(p->blocks, &from, number);
	return number + 1;
}

int records_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	static const struct pieces_type type = {place, get, find, prefetch};
	const struct records_file *file = n->lazy;
	struct records_index x;
	struct block *held;
	int r = records_index(a, file->table, NULL, &held, &x, err);
	if (r < 0)
		return r;
	struct reading reading = reading_of(a, file, &x);
	struct pieces p = {.type = &type, .owner = &reading, .blocks = a->options->blocks, .size = reading.size + (file->part == RECORDS_OFFSETS ? 8 : 0)};
	p.bytes = x.blocks ? p.size / x.blocks + 1 : p.size;
	if (p.blocks)
		p.next = blocks_readahead(p.blocks, file, offset, len);
	r = pieces_read(&p, offset, len, ret, err);
	release(held);
	return r;
}
