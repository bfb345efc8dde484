/* SPDX-License-Identifier: MIT */
/*
 * A tensor of strings, in its buffer:
 *
 *	count i32 | count + 1 offsets i32, from the buffer's start | bytes
 *
 * Shown as every column of strings: offsets that begin with 0, which are made here, and the bytes,
 * which lie there.
 */
#include <endian.h>
#include <inttypes.h>

#include "formats/tflite/tflite.h"
#include "fs/archive/column.h"

struct strings {
	struct lazy lazy;
	uint64_t at, len; /* of the buffer */
	uint64_t first;   /* the first offset */
};

enum { PIECE = 1 << 11 }; /* offsets read at a time */

/* Offsets [from, from + n), as they are shown; the one before the first must not be greater. */
static int read_piece(struct archive *a, const struct strings *s, uint64_t from, uint64_t n, uint8_t *out, struct error *err)
{
	uint32_t stored[PIECE + 1];
	uint64_t skip = from > 0;
	int r = source_read(&a->source, s->at + 4 + (from - skip) * 4, stored, (n + skip) * 4, err);
	if (r < 0)
		return r;
	uint64_t before = skip ? le32toh(stored[0]) : s->first;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t offset = le32toh(stored[i + skip]);
		if (offset < before || offset > s->len)
			return error_set(err, EBADMSG, "string %" PRIu64 " ends at %" PRIu64 ", where it begins at %" PRIu64 " of %" PRIu64 " bytes",
					 from + i - 1, offset, before, s->len);
		uint64_t shown = htole64(offset - s->first);
		memcpy(out + i * 8, &shown, 8);
		before = offset;
	}
	return 0;
}

static int read_offsets(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct strings *s = n->lazy;
	uint8_t numbers[PIECE * 8], *out;
	int r = answer_own(ret, (size_t)len, &out);
	while (r == 0 && len > 0) {
		uint64_t skip = offset % 8, count = (skip + len + 7) / 8;
		count = count < PIECE ? count : PIECE;
		uint64_t take = count * 8 - skip < len ? count * 8 - skip : len;
		r = read_piece(a, s, offset / 8, count, numbers, err);
		memcpy(out, numbers + skip, (size_t)take);
		out += take;
		offset += take;
		len -= take;
	}
	return r;
}

/* One of the buffer's own numbers; -1 if it is not within the buffer.  That may be far past the flatbuffer. */
static int64_t int_at(struct tflite_opening *o, const struct tflite_tensor *t, uint64_t at)
{
	struct slice bytes;
	if (!range_within(at, 4, t->bytes.len))
		return -1;
	int r = source_map(&o->archive->source, t->bytes.at + at, 4, &bytes, o->err);
	if (r < 0) { /* which says nothing about the model */
		o->archive->tree.failed = r;
		return -1;
	}
	struct cursor c = cursor_over(bytes);
	return (int32_t)cursor_u32le(&c);
}

uint32_t tflite_show_strings(struct tflite_opening *o, uint32_t parent, struct slice name, const struct tflite_tensor *t)
{
	struct tree *tree = &o->archive->tree;
	struct strings *s = arena_alloc(&o->archive->arena, sizeof *s);
	int64_t count = int_at(o, t, 0), first = int_at(o, t, 4), last;
	uint64_t elements;
	if (!s)
		return tflite_no_memory(o);
	if (!shape_elements(t->array.shape, t->array.rank, &elements) || count < 0 || (uint64_t)count != elements)
		return tree_fault(tree, parent, name, "the number of its strings is not that of its shape", &t->array);
	last = int_at(o, t, 4 + (uint64_t)count * 4);
	if ((uint64_t)count + 2 > t->bytes.len / 4 || first < ((int64_t)count + 2) * 4 || last < first || (uint64_t)last > t->bytes.len)
		return tree_fault(tree, parent, name, "its strings are not within its buffer", &t->array);
	*s = (struct strings){{read_offsets}, t->bytes.at, t->bytes.len, (uint64_t)first};
	uint64_t bytes = (uint64_t)(last - first);
	struct column c = column_list(tree, (struct column_at){parent, name, false}, &t->array, elements, (struct column_file){.kind = NODE_LAZY, .lazy = s, .size = (elements + 1) * 8});
	struct array values = column_of((struct array){.dtype = DTYPE_UINT8}, &bytes);
	column_array(tree, c.rest, &values, (struct column_file){.kind = NODE_RANGE, .offset = t->bytes.at + s->first, .size = bytes});
	return c.dir;
}
