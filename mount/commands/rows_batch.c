/* SPDX-License-Identifier: MIT */
/* Slots of columns, in memory. */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

#include "fs/archive/shape.h"
#include "mount/commands/rows.h"

/* Of a long read, what is asked for at once: its blocks are held meanwhile.  Of a dictionary that is not kept, words that
 * nobody asked for are read with their neighbours if there are no more than APART. */
enum { PIECE = 4 << 20, APART = 64 };

static int too_large(struct error *err)
{
	return error_set(err, E2BIG, "too large");
}

static int read_piece(const struct rows_reader *r, uint32_t node, uint64_t offset, uint64_t len, uint8_t *to, struct error *err)
{
	struct answer answer;
	answer_init(&answer);
	int code = archive_read(r->archive, tree_node(&r->archive->tree, node), offset, len, &answer, err);
	if (code >= 0 && answer.len != len)
		code = error_set(err, EIO, "ends early, at byte %" PRIu64, offset + answer.len);
	if (code >= 0)
		code = answer_copy(&answer, to, err);
	answer_close(&answer);
	return code < 0 ? code : 0;
}

/* Bytes of a file, from the arena. */
static int read_file(const struct rows_reader *r, uint32_t node, uint64_t offset, uint64_t len, uint8_t **ret, struct error *err)
{
	int code = 0;
	*ret = len < SIZE_MAX / 2 ? arena_alloc(r->arena, (size_t)len + ROWS_SLACK) : NULL;
	if (!*ret)
		return too_large(err);
	for (uint64_t done = 0; code == 0 && done < len; done += PIECE)
		code = read_piece(r, node, offset + done, len - done < PIECE ? len - done : PIECE, *ret + done, err);
	return code;
}

/* `count` numbers of eight bytes, from the arena. */
static int read_numbers(const struct rows_reader *r, uint32_t node, uint64_t first, uint64_t count, uint64_t **ret, struct error *err)
{
	uint8_t *bytes = NULL;
	if (first > INT64_MAX / 16 || count > INT64_MAX / 16)
		return error_set(err, EIO, "more rows than there can be");
	int code = read_file(r, node, first * 8, count * 8, &bytes, err);
	*ret = (uint64_t *)(void *)bytes;
	for (uint64_t i = 0; code == 0 && i < count; i++)
		(*ret)[i] = le64toh((*ret)[i]);
	return code;
}

static int read_offsets(const struct rows_reader *r, const struct rows_column *c, struct rows_batch *b, struct error *err)
{
	int code = read_numbers(r, c->offsets, b->first, b->count + 1, &b->offsets, err);
	for (uint64_t i = 0; code == 0 && i <= b->count; i++)
		if (b->offsets[i] > INT64_MAX || (i && b->offsets[i] < b->offsets[i - 1]))
			code = error_set(err, EIO, "offsets that go backwards at %" PRIu64, b->first + i);
	return code;
}

/* All columns below, each the slots that its own slots come to. */
static int load_below(const struct rows_reader *r, const struct rows_column *c, uint64_t first, uint64_t count, struct rows_batch *b, struct error *err)
{
	struct rows_batch **at = &b->below;
	int code = 0;
	for (const struct rows_column *i = c->first; code == 0 && i; i = i->next, at = &(*at)->next) {
		*at = arena_alloc(r->arena, sizeof **at);
		code = *at ? rows_load(r, i, first, count, *at, err) : too_large(err);
	}
	return code;
}

static int load_array(const struct rows_reader *r, const struct rows_column *c, struct rows_batch *b, struct error *err)
{
	uint64_t first, count;
	if (__builtin_mul_overflow(b->first, c->each, &first) || __builtin_mul_overflow(b->count, c->each, &count) || first > INT64_MAX || count > INT64_MAX)
		return error_set(err, EIO, "more elements than there can be");
	return load_below(r, c, first, count, b, err);
}

/* --- dictionaries ---------------------------------------------------------------------------- */

static int count_words(struct archive *a, const struct rows_column *words, uint64_t *ret, struct error *err)
{
	struct shaped shaped;
	int code = shape_find(a, tree_node(&a->tree, words->node), &shaped, err);
	if (code == 0 && (shaped.array.rank == 0 || shaped.array.unshaped))
		code = error_set(err, EIO, "a dictionary of which the length is not known");
	*ret = code == 0 ? shaped.array.shape[0] : 0;
	return code;
}

/* All words, if they fit what may be kept; with the lock. */
static int keep_words(const struct rows_reader *r, struct rows_words *w, const struct rows_column *words, struct error *err)
{
	struct rows_reader keeping = {.archive = r->archive, .kept = r->kept, .arena = &r->kept->arena};
	struct error large = {0};
	if (w->tried)
		return 0;
	int code = count_words(r->archive, words, &w->count, err);
	if (code < 0)
		return code;
	struct rows_batch *all = arena_alloc(keeping.arena, sizeof *all);
	code = all ? rows_load(&keeping, words, 0, w->count, all, &large) : -E2BIG;
	blocks_metadata(r->archive->options->blocks, r->kept->counted, r->kept->arena.used);
	r->kept->counted = r->kept->arena.used;
	if (code < 0 && code != -E2BIG)
		return error_set(err, -code, "%s", large.text);
	w->all = code == 0 ? all : NULL;
	w->tried = true;
	return 0;
}

uint64_t rows_index(const struct rows_batch *indices, uint64_t i)
{
	const struct rows_column *c = indices->column;
	const uint8_t *p = indices->data + i * c->width;
	uint64_t index = 0;
	for (uint32_t k = 0; k < c->width && k < 8; k++)
		index |= (uint64_t)p[c->plain ? k : c->width - 1 - k] << 8 * k;
	return index;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Those words that the indices ask for, with their near neighbours. */
static int load_some_words(const struct rows_reader *r, const struct rows_column *words, uint64_t total, struct rows_batch *b, struct error *err)
{
	const struct rows_batch *indices = b->below;
	uint64_t *wanted = arena_array(r->arena, indices->count + 1, sizeof *wanted), n = 0;
	if (!wanted)
		return too_large(err);
	for (uint64_t i = 0; i < indices->count; i++)
		if (rows_index(indices, i) < total)
			wanted[n++] = rows_index(indices, i);
	qsort(wanted, n, sizeof *wanted, by_number);
	b->pieces = arena_array(r->arena, n + 1, sizeof *b->pieces);
	if (!b->pieces)
		return too_large(err);
	int code = 0;
	for (uint64_t i = 0, end; code == 0 && i < n; i = end) {
		for (end = i + 1; end < n && wanted[end] - wanted[end - 1] <= APART;)
			end++;
		code = rows_load(r, words, wanted[i], wanted[end - 1] - wanted[i] + 1, &b->pieces[b->npieces++], err);
	}
	return code;
}

static int load_dictionary(const struct rows_reader *r, const struct rows_column *c, struct rows_batch *b, struct error *err)
{
	struct rows_batch *indices = b->below = arena_alloc(r->arena, sizeof *indices);
	int code = indices ? rows_load(r, c->first, b->first, b->count, indices, err) : too_large(err);
	if (code < 0)
		return code;
	if (c->first->kind != ROWS_FIXED)
		return error_set(err, EIO, "a dictionary's indices are no numbers");
	pthread_mutex_lock(&r->kept->lock);
	code = keep_words(r, c->words, c->first->next, err);
	pthread_mutex_unlock(&r->kept->lock);
	if (code < 0)
		return code;
	if (!c->words->all)
		return load_some_words(r, c->first->next, c->words->count, b, err);
	b->pieces = c->words->all;
	b->npieces = 1;
	return 0;
}

/* --- runs -------------------------------------------------------------------------------------- */

/* The first run that ends after the slot. */
static int find_run(const struct rows_reader *r, const struct rows_column *c, uint64_t runs, uint64_t slot, uint64_t *ret, struct error *err)
{
	uint64_t low = 0, high = runs;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2, end;
		int code = read_piece(r, c->offsets, middle * 8, 8, (uint8_t *)&end, err);
		if (code < 0)
			return code;
		if (le64toh(end) > slot)
			high = middle;
		else
			low = middle + 1;
	}
	*ret = low;
	return 0;
}

/* Runs that the slots are in: offsets are where they end. */
static int load_runs(const struct rows_reader *r, const struct rows_column *c, struct rows_batch *b, struct error *err)
{
	uint64_t size, first = 0, count = 0;
	if (b->count == 0)
		return load_below(r, c, 0, 0, b, err);
	int code = archive_size(r->archive, tree_node(&r->archive->tree, c->offsets), &size, err);
	if (code == 0)
		code = find_run(r, c, size / 8, b->first, &first, err);
	if (code == 0) /* of none is less than one slot */
		code = read_numbers(r, c->offsets, first, size / 8 - first < b->count ? size / 8 - first : b->count, &b->offsets, err);
	if (code < 0)
		return code;
	while (first + count < size / 8 && count < b->count && b->offsets[count++] < b->first + b->count)
		;
	if (count == 0 || b->offsets[count - 1] < b->first + b->count)
		return error_set(err, EIO, "its runs end before its rows do");
	return load_below(r, c, first, count, b, err);
}

/* --- any column ---------------------------------------------------------------------------------- */

int rows_load(const struct rows_reader *r, const struct rows_column *c, uint64_t first, uint64_t count, struct rows_batch *ret, struct error *err)
{
	int code = 0;
	uint64_t len, at;
	*ret = (struct rows_batch){.column = c, .next = ret->next, .first = first, .count = count};
	if (c->validity)
		code = read_file(r, c->validity, first, count, &ret->validity, err);
	if (code < 0)
		return code;
	switch ((enum rows_kind)c->kind) {
	case ROWS_FIXED:
		if (__builtin_mul_overflow(count, c->width, &len) || __builtin_mul_overflow(first, c->width, &at))
			return error_set(err, EIO, "more elements than there can be");
		return read_file(r, c->data, at, len, &ret->data, err);
	case ROWS_STRING:
		if ((code = read_offsets(r, c, ret, err)) < 0)
			return code;
		ret->data_first = ret->offsets[0];
		return read_file(r, c->data, ret->data_first, ret->offsets[count] - ret->data_first, &ret->data, err);
	case ROWS_LIST:
	case ROWS_MAP:
		if ((code = read_offsets(r, c, ret, err)) < 0)
			return code;
		return load_below(r, c, ret->offsets[0], ret->offsets[count] - ret->offsets[0], ret, err);
	case ROWS_ARRAY:
		return load_array(r, c, ret, err);
	case ROWS_STRUCT:
		return load_below(r, c, first, count, ret, err);
	case ROWS_DICTIONARY:
		return load_dictionary(r, c, ret, err);
	case ROWS_RUNS:
		return load_runs(r, c, ret, err);
	default:
		return 0;
	}
}
