/* SPDX-License-Identifier: MIT */
/* parquet.thrift, "SizeStatistics": how much a chunk holds, without decoding it.
 *
 * No other reader relies on these numbers, so writers that get them wrong go unnoticed.
 * We use them only from writers that were found to get them right, for columns that would
 * take time to decode, and while nothing else in the footer contradicts them; otherwise,
 * and if there are none, the pages are counted. */
#include "formats/parquet/parquet.h"
#include "formats/parquet/thrift.h"

/* A histogram of levels: the total, its first and last bins, and the sum of the bins from
 * `from` on. */
struct histogram {
	uint64_t all, first, last, above;
	bool known;
};

/* False if it is present but corrupt. */
static bool read_histogram(struct slice list, unsigned bins, unsigned from, struct histogram *ret)
{
	struct cursor c = cursor_over(list);
	struct pq_thrift_field f = {.type = THRIFT_LIST};
	uint32_t n;

	*ret = (struct histogram){.known = false};
	if (list.len == 0)
		return true;
	if (!pq_thrift_list(&c, &f, THRIFT_I64, &n) || (n != 0 && n != bins))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		int64_t count = pq_thrift_zigzag(&c);
		if (count < 0 || __builtin_add_overflow(ret->all, (uint64_t)count, &ret->all))
			return false;
		ret->above += i >= from ? (uint64_t)count : 0;
		ret->first = i == 0 ? (uint64_t)count : ret->first;
		ret->last = (uint64_t)count;
	}
	ret->known = n > 0;
	return !c.failed;
}

/* Each histogram must count every entry, and the values present must be those that are
 * not null. */
static bool agree(const struct leaf *leaf, const struct chunk *chunk, const struct histogram *rep, const struct histogram *def)
{
	uint64_t values = (uint64_t)chunk->values;
	if (chunk->values < 0 || (rep->known && rep->all != values) || (def->known && def->all != values))
		return false;
	if (chunk->null_count > chunk->values || chunk->distinct_count > chunk->values)
		return false;
	return leaf->max_def == 0 || !def->known || chunk->null_count < 0 || (uint64_t)chunk->null_count == values - def->last;
}

/* Besides their bytes, PLAIN strings need 4 bytes each for their lengths, the levels, and
 * headers, which may hold statistics. */
static bool fits_plain(const struct leaf *leaf, const struct chunk *chunk, uint64_t present, uint64_t bytes)
{
	uint64_t stored = (uint64_t)chunk->uncompressed, lengths, entries = (uint64_t)chunk->values;
	if (__builtin_mul_overflow(present, 4, &lengths) || lengths > stored || bytes > stored - lengths)
		return false;
	uint64_t rest = stored - lengths - bytes, levels = entries * ((leaf->max_def > 0) + (leaf->max_rep > 0));
	return rest <= levels + stored / 8 + 1024;
}

/* Is this number of string bytes possible, given the size of the chunk? */
static bool fits_bytes(const struct leaf *leaf, const struct chunk *chunk, uint64_t present, uint64_t bytes)
{
	enum { LEVELS = 1 << RLE | 1 << BIT_PACKED, DICTIONARIES = 1 << PLAIN_DICTIONARY | 1 << RLE_DICTIONARY };
	uint64_t stored = (uint64_t)chunk->uncompressed, most;

	/* Some writers count the bytes that DELTA_BYTE_ARRAY stores, not those of the strings. */
	if (chunk->encoded & 1 << DELTA_BYTE_ARRAY || chunk->string_bytes < 0)
		return false;
	if (chunk->uncompressed < 0)
		return true;
	if ((chunk->encoded & ~LEVELS) == 1 << PLAIN)
		return fits_plain(leaf, chunk, present, bytes);
	if (!(chunk->encoded & DICTIONARIES))
		return bytes <= stored;
	return __builtin_mul_overflow(present, stored, &most) || bytes <= most; /* none is longer than the chunk */
}

bool pq_chunk_sizes(const struct leaf *leaf, const struct chunk *chunk, uint64_t *ret)
{
	struct histogram rep, def;
	unsigned last = leaf->max_rep + 1u;

	for (unsigned d = 1; d <= leaf->max_rep; d++) {
		/* The entries that exist at this depth, minus those that merely continue a
		 * deeper list. */
		if (!read_histogram(chunk->def_histogram, leaf->max_def + 1u, leaf->exists[d], &def) ||
		    !read_histogram(chunk->rep_histogram, leaf->max_rep + 1u, d + 1, &rep) || !rep.known || !def.known ||
		    rep.above > def.above)
			return false;
		ret[d] = def.above - rep.above;
	}
	if (!read_histogram(chunk->rep_histogram, leaf->max_rep + 1u, 0, &rep) ||
	    !read_histogram(chunk->def_histogram, leaf->max_def + 1u, 0, &def) || !agree(leaf, chunk, &rep, &def))
		return false;
	if (leaf->strings) {
		uint64_t present = def.known ? def.last : leaf->max_def == 0 ? (uint64_t)chunk->values
				 : chunk->null_count >= 0 ? (uint64_t)(chunk->values - chunk->null_count) : 0;
		ret[last] = (uint64_t)chunk->string_bytes;
		if (!fits_bytes(leaf, chunk, present, ret[last]))
			return false;
	}
	ret[0] = rep.known ? rep.first : ret[0];
	/* A size of 0 is never read from, so it would never be put to the test. */
	for (unsigned q = 1; q < pq_leaf_quantities(leaf); q++)
		if (ret[q] == 0 && chunk->values != 0)
			return false;
	return true;
}

int pq_chunk_sizes_of(struct archive *a, const struct leaf *leaf, uint32_t group, uint64_t *ret, bool *ret_told, struct error *err)
{
	const struct parquet *p = a->priv;
	uint64_t rows = p->first_row[group + 1] - p->first_row[group];
	struct chunk chunk;

	ret[0] = rows;
	*ret_told = false;
	if (!(p->writer & WRITER_KNOWS_SIZES))
		return 0;
	source_enter(&a->source);
	int r = pq_chunk_peek(p, leaf, group, &chunk, err);
	*ret_told = r == 0 && pq_chunk_sizes(leaf, &chunk, ret) && ret[0] == rows;
	ret[0] = rows;
	int left = source_leave(&a->source, p->footer_at, p->mapped ? p->footer.len : 0, err);
	return r < 0 ? r : left;
}
