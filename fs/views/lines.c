/* SPDX-License-Identifier: MIT */
#include "fs/views/lines.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

#include "fs/archive/pieces.h"
#include "fs/views/escape.h"
#include "fs/views/text.h"

enum {
	KIND_INDEX = 100, KIND_PIECE = 101, /* of blocks whose owner is the column's node */
	PIECE_BYTES = 256 << 10, ROWS_MOST = 1 << 16, PIECES_MOST = 1 << 16,
};

struct lines {
	struct archive *a;
	struct node *column, *offsets, *values, *validity;
	uint64_t count, per, pieces; /* rows; and how many a piece has */
};

bool view_lines_exists(const struct array *a)
{
	return a->dtype == DTYPE_STRING || a->dtype == DTYPE_BYTES;
}

static struct node *find(struct archive *a, const struct node *dir, const char *name)
{
	const struct node *child = dir->child ? tree_node(&a->tree, dir->child) : NULL;
	uint32_t id = child ? tree_find(&a->tree, dir, child->parent, slice_text(name)) : 0;
	return id ? tree_node(&a->tree, tree_resolve(&a->tree, id)) : NULL;
}

static int lines_of(struct archive *a, struct node *n, struct lines *ret, struct error *err)
{
	uint64_t size, bytes;
	*ret = (struct lines){.a = a, .column = n};
	if (n->kind != NODE_DIR || !node_filled(n))
		return error_set(err, EIO, "its values are not known");
	ret->offsets = find(a, n, "offsets");
	ret->values = find(a, n, "values");
	ret->validity = view_validity(a, n);
	if (!ret->offsets || !ret->values || ret->values->kind == NODE_DIR)
		return error_set(err, EIO, "it has no offsets and values");
	int r = archive_size(a, ret->offsets, &size, err);
	if (r == 0)
		r = archive_size(a, ret->values, &bytes, err);
	if (r < 0)
		return r;
	ret->count = size < 8 ? 0 : size / 8 - 1;
	uint64_t each = ret->count ? bytes / ret->count + 2 : 1;
	ret->per = PIECE_BYTES / each < 1 ? 1 : PIECE_BYTES / each < ROWS_MOST ? PIECE_BYTES / each : ROWS_MOST;
	while (ret->count / ret->per >= PIECES_MOST)
		ret->per *= 2;
	ret->pieces = (ret->count + ret->per - 1) / ret->per;
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* A piece's strings, in memory. */
struct strings {
	uint64_t first, rows;
	uint64_t *offsets;
	uint8_t *bytes, *valid; /* valid: NULL: all are */
};

static void free_strings(struct strings *s)
{
	free(s->offsets);
	free(s->bytes);
	free(s->valid);
}

static int read_flat(struct archive *a, struct node *n, uint64_t offset, uint64_t len, void *ret, struct error *err)
{
	struct answer answer;
	uint8_t **bytes = ret;
	answer_init(&answer);
	*bytes = malloc((size_t)len + ESCAPE_MORE);
	int r = !*bytes ? error_no_memory(err, "a column's text") : len ? archive_read(a, n, offset, len, &answer, err) : 0;
	if (r >= 0 && answer.len != len)
		r = error_set(err, EIO, "the column ends early");
	if (r >= 0)
		r = answer_copy(&answer, *bytes, err);
	answer_close(&answer);
	return r < 0 ? r : 0;
}

static int read_strings(const struct lines *l, uint64_t piece, struct strings *ret, struct error *err)
{
	uint64_t first = piece * l->per, rows = l->count - first < l->per ? l->count - first : l->per;
	*ret = (struct strings){.first = first, .rows = rows};
	int r = read_flat(l->a, l->offsets, first * 8, (rows + 1) * 8, &ret->offsets, err);
	for (uint64_t i = 0; r == 0 && i <= rows; i++) {
		ret->offsets[i] = le64toh(ret->offsets[i]);
		if (ret->offsets[i] > INT64_MAX || (i && ret->offsets[i] < ret->offsets[i - 1]))
			r = error_set(err, EIO, "offsets that go backwards at %" PRIu64, first + i);
	}
	if (r < 0)
		return r;
	uint64_t bytes = ret->offsets[rows] - ret->offsets[0];
	if (bytes > LINES_MOST)
		return error_set(err, EIO, "strings of %" PRIu64 " bytes, from row %" PRIu64 " on, are too long for lines; read NAME/values", bytes, first);
	r = read_flat(l->a, l->values, ret->offsets[0], bytes, &ret->bytes, err);
	if (r == 0 && l->validity)
		r = read_flat(l->a, l->validity, first, rows, &ret->valid, err);
	return r;
}

static uint64_t text_length(const struct strings *s)
{
	uint64_t length = s->rows + escape_length(s->bytes, (size_t)(s->offsets[s->rows] - s->offsets[0]));
	for (uint64_t i = 0; s->valid && i < s->rows; i++)
		length += s->valid[i] ? 0 : 2; /* whose string is empty */
	return length;
}

static void put_text(const struct strings *s, uint8_t *to)
{
	uint64_t base = s->offsets[0];
	for (uint64_t i = 0; i < s->rows; i++) {
		const uint8_t *p = s->bytes + (s->offsets[i] - base);
		size_t len = (size_t)(s->offsets[i + 1] - s->offsets[i]);
		if (s->valid && !s->valid[i]) {
			memcpy(to, "\\N", 2);
			to += 2;
		}
		to = escape_put(p, len, to);
		*to++ = '\n';
	}
}

/* --- the index: where the text of each piece begins ------------------------------------------- */

static int make_index(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct lines l;
	(void)index;
	int r = lines_of(archive_decoded(from), (struct node *)(uintptr_t)from->owner, &l, err);
	uint64_t *at = r == 0 ? (uint64_t *)(void *)block_room(ret, (size_t)((l.pieces + 1) * sizeof *at), err) : NULL, sum = 0;
	if (r == 0 && !at)
		return -ENOMEM;
	for (uint64_t i = 0; r == 0 && i < l.pieces; i++) {
		struct strings s;
		r = read_strings(&l, i, &s, err);
		at[i] = sum;
		sum += r == 0 ? text_length(&s) : 0;
		free_strings(&s);
	}
	if (r < 0)
		return r;
	at[l.pieces] = sum;
	blocks_costly(ret);
	return sum > INT64_MAX ? error_set(err, EIO, "a text of %" PRIu64 " bytes", sum) : 0;
}

static int get_index(struct archive *a, struct node *n, struct block **ret, struct error *err)
{
	struct block_source from = {&a->blocks, n, make_index, KIND_INDEX};
	return blocks_get(a->options->blocks, NULL, &from, 0, ret, err);
}

int view_lines_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	struct block *index;
	int r = get_index(a, n, &index, err);
	*ret = 0;
	if (r < 0)
		return r;
	memcpy(ret, index->bytes + index->len - sizeof *ret, sizeof *ret);
	blocks_release(index);
	return 0;
}

/* --- reads -------------------------------------------------------------------------------------- */

struct reading {
	struct lines lines;
	const uint64_t *at; /* of all pieces, and the end */
};

static int make_piece(const struct block_source *from, uint64_t number, struct block *ret, struct error *err)
{
	struct lines l;
	struct strings s = {0};
	int r = lines_of(archive_decoded(from), (struct node *)(uintptr_t)from->owner, &l, err);
	if (r == 0)
		r = read_strings(&l, number, &s, err);
	if (r == 0) {
		uint8_t *out = block_room(ret, (size_t)text_length(&s), err);
		if (out)
			put_text(&s, out);
		r = out ? 0 : -ENOMEM;
	}
	free_strings(&s);
	return r;
}

static struct block_source pieces_of(const struct reading *r)
{
	return (struct block_source){&r->lines.a->blocks, r->lines.column, make_piece, KIND_PIECE};
}

static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	const struct reading *r = p->owner;
	uint32_t number = pieces_search(r->at, 1, (uint32_t)r->lines.pieces, offset);
	(void)len, (void)err;
	*ret = (struct piece){.begin = r->at[number], .end = r->at[number + 1], .number = number, .last = number, .kind = PIECE_BLOCK};
	return 0;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct block_source from = pieces_of(p->owner);
	(void)at, (void)len, (void)ret;
	int r = blocks_get(p->blocks, NULL, &from, piece->number, &piece->block, err);
	if (r == 0 && piece->block->len != piece->end - piece->begin) {
		blocks_release(piece->block);
		return error_set(err, EIO, "the column is not what it was");
	}
	return r;
}

static uint64_t find_piece(struct pieces *p, uint64_t offset)
{
	const struct reading *r = p->owner;
	return pieces_search(r->at, 1, (uint32_t)r->lines.pieces, offset);
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	const struct reading *r = p->owner;
	struct block_source from = pieces_of(r);
	if (number >= r->lines.pieces)
		return PIECES_END;
	blocks_prefetch(p->blocks, &from, number);
	return number + 1;
}

int view_lines_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	static const struct pieces_type type = {place, get, find_piece, prefetch};
	struct reading reading;
	struct block *index;
	int r = get_index(a, n, &index, err);
	if (r < 0)
		return r;
	r = lines_of(a, n, &reading.lines, err);
	reading.at = (const uint64_t *)(const void *)index->bytes;
	uint64_t size = r == 0 ? reading.at[reading.lines.pieces] : 0;
	if (r == 0 && offset < size && len > 0) {
		struct pieces p = {.type = &type, .owner = &reading, .blocks = a->options->blocks, .size = size};
		p.bytes = size / reading.lines.pieces + 1;
		if (p.blocks)
			p.next = blocks_readahead(p.blocks, (const char *)n + 1, offset, len);
		r = pieces_read(&p, offset, len < size - offset ? len : size - offset, ret, err);
	}
	blocks_release(index);
	return r;
}
