/* SPDX-License-Identifier: MIT */
/* Rows of columns, in memory. */
#include <endian.h>
#include <inttypes.h>

#include "mount/commands/rows.h"

/* Bytes of a file, from the arena. */
static int read_file(struct archive *a, uint32_t node, uint64_t offset, uint64_t len, struct arena *arena, uint8_t **ret, struct error *err)
{
	struct answer answer;
	*ret = len < SIZE_MAX / 2 ? arena_alloc(arena, (size_t)len + 8) : NULL;
	if (!*ret)
		return error_set(err, E2BIG, "a value of %" PRIu64 " bytes; rows shows those of up to %d together (arrayfs cat shows any)", len,
				 ROWS_HELD);
	answer_init(&answer);
	int r = len ? archive_read(a, tree_node(&a->tree, node), offset, len, &answer, err) : 0;
	if (r >= 0 && answer.len != len)
		r = error_set(err, EIO, "ends early, at byte %" PRIu64, offset + answer.len);
	if (r >= 0)
		r = answer_copy(&answer, *ret, err);
	answer_close(&answer);
	return r < 0 ? r : 0;
}

static int read_offsets(struct archive *a, const struct rows_column *c, struct arena *arena, struct rows_batch *b, struct error *err)
{
	uint8_t *bytes;
	int r = read_file(a, c->offsets, b->first * 8, (b->count + 1) * 8, arena, &bytes, err);
	b->offsets = (uint64_t *)(void *)bytes;
	for (uint64_t i = 0; r == 0 && i <= b->count; i++) {
		b->offsets[i] = le64toh(b->offsets[i]);
		if (b->offsets[i] > INT64_MAX || (i && b->offsets[i] < b->offsets[i - 1]))
			r = error_set(err, EIO, "offsets that go backwards at %" PRIu64, b->first + i);
	}
	return r;
}

/* All columns below, each the rows that its own rows come to. */
static int load_below(struct archive *a, const struct rows_column *c, uint64_t first, uint64_t count, struct arena *arena, struct rows_batch *b,
		      struct error *err)
{
	struct rows_batch **at = &b->below;
	int r = 0;
	for (const struct rows_column *i = c->first; r == 0 && i; i = i->next, at = &(*at)->next) {
		*at = arena_alloc(arena, sizeof **at);
		r = *at ? rows_load(a, i, first, count, arena, *at, err) : error_no_memory(err, "the rows");
	}
	return r;
}

static int load_dictionary(struct archive *a, const struct rows_column *c, struct arena *arena, struct rows_batch *b, struct error *err)
{
	const struct rows_column *words = c->first->next;
	struct rows_batch *indices = arena_alloc(arena, sizeof *indices), *all = arena_alloc(arena, sizeof *all);
	if (!indices || !all)
		return error_no_memory(err, "the rows");
	b->below = indices;
	indices->next = all;
	int r = rows_load(a, c->first, b->first, b->count, arena, indices, err);
	uint64_t size = 0;
	if (r == 0 && words->count == UINT64_MAX)
		r = archive_size(a, tree_node(&a->tree, words->offsets ? words->offsets : words->data), &size, err);
	uint64_t count = words->count != UINT64_MAX ? words->count : words->offsets ? size / 8 - 1 : size / (words->width * words->each);
	return r == 0 ? rows_load(a, words, 0, count, arena, all, err) : r;
}

/* Where the first run that ends behind the row is. */
static uint64_t run_at(const uint64_t *ends, uint64_t runs, uint64_t row)
{
	uint64_t low = 0, high = runs;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (ends[middle] > row)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Runs that the rows are in: offsets are their ends, less b->first. */
static int load_runs(struct archive *a, const struct rows_column *c, struct arena *arena, struct rows_batch *b, struct error *err)
{
	uint64_t size;
	uint8_t *bytes = NULL;
	int r = archive_size(a, tree_node(&a->tree, c->offsets), &size, err);
	if (r == 0)
		r = read_file(a, c->offsets, 0, size, arena, &bytes, err);
	if (r < 0)
		return r;
	uint64_t *ends = (uint64_t *)(void *)bytes, runs = size / 8;
	for (uint64_t i = 0; i < runs; i++)
		ends[i] = le64toh(ends[i]);
	uint64_t first = run_at(ends, runs, b->first), last = b->count ? run_at(ends, runs, b->first + b->count - 1) : first;
	if (b->count && last >= runs)
		return error_set(err, EIO, "its runs end before its rows do");
	b->offsets = ends + first;
	return load_below(a, c, first, b->count ? last - first + 1 : 0, arena, b, err);
}

int rows_load(struct archive *a, const struct rows_column *c, uint64_t first, uint64_t count, struct arena *arena, struct rows_batch *ret,
	      struct error *err)
{
	int r = 0;
	uint64_t len, at;
	*ret = (struct rows_batch){.column = c, .next = ret->next, .first = first, .count = count};
	if (c->validity)
		r = read_file(a, c->validity, first, count, arena, &ret->validity, err);
	if (r < 0)
		return r;
	switch ((enum rows_kind)c->kind) {
	case ROWS_FIXED:
		if (__builtin_mul_overflow(count, c->each * c->width, &len) || __builtin_mul_overflow(first, c->each * c->width, &at))
			return error_set(err, EIO, "more rows than there can be");
		if (c->inner_validity && (r = read_file(a, c->inner_validity, first * c->each, count * c->each, arena, &ret->inner_validity, err)) < 0)
			return r;
		return read_file(a, c->data, at, len, arena, &ret->data, err);
	case ROWS_STRING:
		if ((r = read_offsets(a, c, arena, ret, err)) < 0)
			return r;
		ret->data_first = ret->offsets[0];
		return read_file(a, c->data, ret->data_first, ret->offsets[count] - ret->data_first, arena, &ret->data, err);
	case ROWS_LIST:
	case ROWS_MAP:
		if ((r = read_offsets(a, c, arena, ret, err)) < 0)
			return r;
		return load_below(a, c, ret->offsets[0], ret->offsets[count] - ret->offsets[0], arena, ret, err);
	case ROWS_STRUCT:
		return load_below(a, c, first, count, arena, ret, err);
	case ROWS_DICTIONARY:
		return load_dictionary(a, c, arena, ret, err);
	case ROWS_RUNS:
		return load_runs(a, c, arena, ret, err);
	default:
		return 0;
	}
}
