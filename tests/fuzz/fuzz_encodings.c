/* SPDX-License-Identifier: MIT */
/*
 * The values of a Parquet page, as any encoding has them:
 *
 *   encoding, physical type, bytes of a value, count (u16), entries of the dictionary;
 *   the rest are the values
 *
 * What is decoded does not depend on what was in memory before, the first values are
 * the same when fewer are asked for, and however they are asked for in turn.
 */
#include "formats/parquet/parquet.h"
#include "tests/fuzz/fuzz.h"

enum { ENTRIES = 255, LONGEST = 16 };

struct job {
	struct leaf *leaf;
	struct slice values;
	struct dictionary dictionary;
	uint64_t n;
	int32_t encoding;
	uint8_t before; /* in memory */
};

static int decode(const struct block_source *from, uint64_t n, struct block *ret, struct error *err)
{
	const struct job *job = from->owner;
	struct decoding d = {.leaf = job->leaf, .block = ret, .dictionary = job->dictionary, .has_dictionary = job->dictionary.count > 0};
	struct strings m;
	size_t len = (size_t)n * job->leaf->width;
	if (job->leaf->strings) {
		int r = pq_strings_measure(&d, job->encoding, job->values, n, &m, err);
		if (r < 0)
			return r;
		len = (size_t)m.total;
	}
	uint8_t *room = block_room(ret, len, err);
	if (!room)
		return -ENOMEM;
	memset(room, job->before, len);
	return job->leaf->strings ? pq_strings_copy(&d, job->encoding, &m, n, room, err)
				  : pq_fixed_decode(&d, job->encoding, job->values, n, room, err);
}

/* NULL if it is refused, with a sentence. */
static struct block *run(struct job *job, uint8_t before, uint64_t n)
{
	struct block_source from = {NULL, job, decode, 0};
	struct error err = {0};
	struct block *block;
	job->before = before;
	int r = blocks_get(NULL, NULL, &from, n, &block, &err);
	HOLDS(r == 0 || err.text[0]);
	return r == 0 ? block : NULL;
}

static void check_values(struct job *job, uint64_t few)
{
	struct block *one = run(job, 0x00, job->n), *two = run(job, 0xff, job->n), *first = run(job, 0x55, few);
	HOLDS(!one == !two);
	HOLDS(!one || (one->len == two->len && memcmp(one->bytes, two->bytes, one->len) == 0));
	HOLDS(!one || !first || (first->len <= one->len && memcmp(one->bytes, first->bytes, first->len) == 0));
	struct block *all[] = {one, two, first};
	for (int i = 0; i < 3; i++)
		if (all[i])
			blocks_release(all[i]);
}

/* Of runs and packed groups, in turns of different lengths. */
static void check_hybrid(struct slice s, unsigned width, uint64_t n)
{
	uint32_t *all = malloc(n * sizeof *all), *turns = malloc(n * sizeof *turns);
	struct rle one = pq_rle_over(s, width), two = one;
	bool fine = all && turns, sound = fine && pq_rle_indices(&one, all, n, UINT32_MAX);
	for (uint64_t at = 0, step = 1; fine && at < n; at += step, step = step % 37 + 1) {
		step = n - at < step ? n - at : step;
		fine = pq_rle_indices(&two, turns + at, step, UINT32_MAX);
	}
	HOLDS(!all || !turns || sound == fine);
	HOLDS(!sound || memcmp(all, turns, n * sizeof *all) == 0);
	free(all);
	free(turns);
}

/* Of 32 bits are the lower half of what they are of 64. */
static void check_delta(struct slice s, uint64_t n)
{
	uint32_t *narrow = malloc(n * sizeof *narrow);
	uint64_t *wide = malloc(n * sizeof *wide);
	struct cursor a = cursor_over(s), b = a;
	struct error err = {0};
	if (narrow && wide && pq_delta_decode(&a, n, 4, narrow, &err) == 0 && pq_delta_decode(&b, n, 8, wide, &err) == 0) {
		HOLDS(a.pos == b.pos);
		for (uint64_t i = 0; i < n; i++)
			HOLDS(narrow[i] == (uint32_t)wide[i]);
	}
	free(narrow);
	free(wide);
}

/* How a type's values are stored and shown; decimals and such by the upper bits. */
static void describe(uint8_t type, uint8_t width, struct element *e, struct leaf *leaf)
{
	static const uint8_t stored[] = {[BOOLEAN] = 1, [INT32] = 4, [INT64] = 8, [INT96] = 12, [FLOAT] = 4, [DOUBLE] = 8, [BYTE_ARRAY] = 0};
	*e = (struct element){.physical = type % GROUP, .length = width};
	*leaf = (struct leaf){.element = e};
	leaf->stored = e->physical == FIXED_LEN_BYTE_ARRAY ? width % 20 + 1u : stored[e->physical];
	leaf->width = leaf->stored;
	if (e->physical == INT96) {
		leaf->convert = CONVERT_INT96;
		leaf->width = 8;
	} else if (e->physical == INT32 && width % 4 == 1) {
		leaf->convert = CONVERT_NARROW;
		leaf->width = 2;
	} else if (e->physical >= BYTE_ARRAY && width % 2) {
		leaf->convert = CONVERT_DECIMAL;
		leaf->width = 16;
	}
	leaf->strings = e->physical == BYTE_ARRAY && leaf->convert == CONVERT_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint32_t ends[ENTRIES + 1];
	static uint8_t bytes[(ENTRIES + 1) * 20 * LONGEST];
	struct cursor c = cursor_over((struct slice){data, size});
	struct element e;
	struct leaf leaf;
	uint8_t encoding = cursor_u8(&c), type = cursor_u8(&c), width = cursor_u8(&c);
	uint64_t n = cursor_u16le(&c);
	struct job job = {.leaf = &leaf, .n = n, .encoding = encoding % 11};
	describe(type, width, &e, &leaf);
	job.dictionary.count = cursor_u8(&c);
	for (unsigned i = 0; i < ENTRIES; i++)
		ends[i + 1] = ends[i] + i * 7 % LONGEST;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 11);
	job.dictionary.values = bytes;
	job.dictionary.ends = ends;
	if (c.failed)
		return 0;
	job.values = fuzz_rest(&c);
	check_values(&job, n / 3);
	if (n > 0) {
		check_hybrid(job.values, width % 33, n);
		check_delta(job.values, n);
	}
	return 0;
}
