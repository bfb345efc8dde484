/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <inttypes.h>

#include "fs/views/escape.h"
#include "fs/views/lines_impl.h"
#include "fs/views/text.h"

static struct node *find(struct archive *a, const struct node *dir, const char *name)
{
	const struct node *child = dir->child ? tree_node(&a->tree, dir->child) : NULL;
	uint32_t id = child ? tree_find(&a->tree, dir, child->parent, slice_text(name)) : 0;
	return id ? tree_node(&a->tree, tree_resolve(&a->tree, id)) : NULL;
}

int lines_find(struct archive *a, struct node *n, struct lines *ret, struct error *err)
{
	uint64_t size, slots;
	*ret = (struct lines){.archive = a, .each = 1};
	if (n->kind != NODE_DIR || !node_filled(n))
		return error_set(err, EIO, "its values are not known");
	ret->offsets = find(a, n, "offsets");
	ret->values = find(a, n, "values");
	if (!ret->offsets || !ret->values || ret->values->kind == NODE_DIR)
		return error_set(err, EIO, "it has no offsets and values");
	int r = archive_size(a, ret->offsets, &size, err);
	if (r < 0)
		return r;
	ret->count = size < 8 ? 0 : size / 8 - 1;
	ret->validity = view_validity(a, n);
	if (!ret->validity || ret->count == 0)
		return 0;
	r = archive_size(a, ret->validity, &slots, err);
	ret->each = slots ? ret->count / slots : 0;
	if (r == 0 && (ret->each == 0 || ret->each * slots != ret->count))
		r = error_set(err, EIO, "%" PRIu64 " strings, and %" PRIu64 " times whether one is null", ret->count, slots);
	return r;
}

/* --- lines ------------------------------------------------------------------------------------ */

static const uint8_t *string(const struct lines_strings *s, uint64_t i, size_t *ret_len)
{
	*ret_len = (size_t)(s->offsets[i + 1] - s->offsets[i]);
	return s->bytes + (s->offsets[i] - s->begin.byte);
}

uint64_t lines_length(const struct lines_strings *s)
{
	if (s->rows == 0)
		return s->valid && !s->valid[0] ? 0 : escape_length(s->bytes, (size_t)s->len);
	uint64_t length = s->rows + escape_length(s->bytes, (size_t)s->len);
	for (uint64_t i = 0; s->valid && i < s->rows; i++) {
		size_t len;
		if (s->valid[i])
			continue;
		const uint8_t *hidden = string(s, i, &len); /* a null may have bytes, which are not shown */
		length += 2 - escape_length(hidden, len);
	}
	return length;
}

uint8_t *lines_put(const struct lines_strings *s, uint8_t *to)
{
	if (s->rows == 0)
		return s->valid && !s->valid[0] ? to : escape_put(s->bytes, (size_t)s->len, to);
	for (uint64_t i = 0; i < s->rows; i++) {
		size_t len;
		const uint8_t *p = string(s, i, &len);
		if (s->valid && !s->valid[i]) {
			*to++ = '\\';
			*to++ = 'N';
		} else {
			to = escape_put(p, len, to);
		}
		*to++ = '\n';
	}
	return to;
}

/* --- reading --------------------------------------------------------------------------------- */

struct buffer {
	uint8_t *bytes;
	size_t room;
};

struct walk {
	const struct lines *lines;
	struct lines_point at, to;
	struct block *within;
	lines_each *each;
	void *arg;
	struct buffer offsets, bytes, valid, slots;
};

static int make_room(struct walk *w, uint64_t len, struct buffer *ret, struct error *err)
{
	if (!ret->bytes || len > ret->room) {
		ret->room = (size_t)len;
		ret->bytes = block_scratch(w->within, ret->room, err);
	}
	return ret->bytes ? 0 : -ENOMEM;
}

static int read_flat(struct walk *w, struct node *n, uint64_t offset, uint64_t len, struct buffer *ret, struct error *err)
{
	struct answer answer;
	if (make_room(w, len, ret, err) < 0)
		return -ENOMEM;
	answer_init(&answer);
	int r = len ? archive_read(w->lines->archive, n, offset, len, &answer, err) : 0;
	if (r >= 0 && answer.len != len)
		r = error_set(err, EIO, "the column ends early");
	if (r >= 0)
		r = answer_copy(&answer, ret->bytes, err);
	answer_close(&answer);
	return r < 0 ? r : 0;
}

static bool is_done(const struct walk *w)
{
	if (w->at.row != w->to.row || w->to.byte == LINES_ROW)
		return w->at.row >= w->to.row;
	return w->at.byte != LINES_ROW && w->at.byte >= w->to.byte;
}

/* The offsets of so many rows from here on; the first is that of the first byte wanted. */
static int read_offsets(struct walk *w, uint64_t rows, struct error *err)
{
	int r = read_flat(w, w->lines->offsets, w->at.row * 8, (rows + 1) * 8, &w->offsets, err);
	if (r < 0)
		return r;
	uint64_t *o = (uint64_t *)(void *)w->offsets.bytes, before = 0, wrong = 0;
	for (uint64_t i = 0; i <= rows; i++) {
		o[i] = le64toh(o[i]);
		wrong |= (o[i] < before) | o[i] >> 63;
		before = o[i];
	}
	if (wrong)
		return error_set(err, EIO, "offsets that go backwards, of the rows from %" PRIu64 " on", w->at.row);
	if (w->at.byte == LINES_ROW)
		return 0;
	if (w->at.byte < o[0] || w->at.byte > o[1])
		return error_set(err, EIO, "the column is not what it was");
	o[0] = w->at.byte;
	return 0;
}

/* How many of the rows LINES_BYTES hold. */
static uint64_t fitting(const uint64_t *o, uint64_t rows)
{
	uint64_t low = 0, high = rows;
	if (o[rows] - o[0] <= LINES_BYTES)
		return rows;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (o[middle] - o[0] <= LINES_BYTES)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* What comes next, of rows with these offsets: those that fit, or a part of the first. */
static void cut(const struct walk *w, const uint64_t *o, uint64_t rows, struct lines_strings *ret)
{
	uint64_t whole = w->to.row - w->at.row < rows ? w->to.row - w->at.row : rows;
	*ret = (struct lines_strings){.begin = {w->at.row, o[0]}, .rows = fitting(o, whole), .offsets = o};
	ret->end = (struct lines_point){w->at.row + ret->rows, LINES_ROW};
	ret->len = o[ret->rows] - o[0];
	if (ret->rows > 0)
		return;
	uint64_t end = whole == 0 && w->to.byte < o[1] ? w->to.byte : o[1];
	ret->len = end - o[0] < LINES_BYTES ? end - o[0] : LINES_BYTES;
	ret->end.byte = o[0] + ret->len;
}

static int read_valid(struct walk *w, uint64_t row, uint64_t rows, struct error *err)
{
	uint64_t each = w->lines->each, first = row / each, last = (row + rows - 1) / each;
	if (each == 1)
		return read_flat(w, w->lines->validity, row, rows, &w->valid, err);
	int r = read_flat(w, w->lines->validity, first, last - first + 1, &w->slots, err);
	if (r == 0)
		r = make_room(w, rows, &w->valid, err);
	for (uint64_t i = 0; r == 0 && i < rows; i++)
		w->valid.bytes[i] = w->slots.bytes[(row + i) / each - first];
	return r;
}

static int walk_some(struct walk *w, const uint64_t *o, uint64_t rows, struct error *err)
{
	struct lines_strings s;
	cut(w, o, rows, &s);
	if (s.rows == 0 && s.len == 0)
		return error_set(err, EIO, "the column is not what it was");
	int r = read_flat(w, w->lines->values, s.begin.byte, s.len, &w->bytes, err);
	if (r == 0 && w->lines->validity)
		r = read_valid(w, s.begin.row, s.rows ? s.rows : 1, err);
	if (r < 0)
		return r;
	s.bytes = w->bytes.bytes;
	s.valid = w->lines->validity ? w->valid.bytes : NULL;
	w->at = s.end;
	return w->each(w->arg, &s, err);
}

static int walk_rows(struct walk *w, struct error *err)
{
	uint64_t first = w->at.row, rows = w->to.row - first + (w->to.byte != LINES_ROW);
	rows = rows < LINES_ROWS ? rows : LINES_ROWS;
	int r = read_offsets(w, rows, err);
	while (r == 0 && w->at.row - first < rows && !is_done(w)) {
		uint64_t passed = w->at.row - first, *o = (uint64_t *)(void *)w->offsets.bytes + passed;
		if (w->at.byte != LINES_ROW)
			o[0] = w->at.byte; /* of the row that goes on */
		r = walk_some(w, o, rows - passed, err);
	}
	return r;
}

int lines_walk(const struct lines *l, struct lines_point from, struct lines_point to, struct block *within, lines_each *each, void *arg,
	       struct error *err)
{
	struct walk w = {.lines = l, .at = from, .to = to, .within = within, .each = each, .arg = arg};
	int r = 0;
	while (r == 0 && !is_done(&w))
		r = walk_rows(&w, err);
	return r;
}
