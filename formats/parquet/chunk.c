/* SPDX-License-Identifier: MIT */
/* parquet.thrift, "Column Metadata": one chunk, and what it says of itself. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"
#include "formats/parquet/thrift.h"

enum codec chunk_codec(int32_t codec)
{
	static const enum codec codecs[] = {CODEC_NONE,   CODEC_SNAPPY,     CODEC_GZIP, CODEC_LZO,
					    CODEC_BROTLI, CODEC_LZ4_HADOOP, CODEC_ZSTD, CODEC_LZ4_RAW};
	return codec >= 0 && codec < 8 ? codecs[codec] : CODEC_COUNT;
}

/* --- one chunk -------------------------------------------------------------- */

static void read_statistics(struct cursor *c, struct chunk *ret)
{
	struct thrift_field f = {0};
	while (thrift_field(c, &f)) {
		switch (f.id) {
		case 1: thrift_binary(c, &f, &ret->old_bounds.max); break;
		case 2: thrift_binary(c, &f, &ret->old_bounds.min); break;
		case 3: thrift_int(c, &f, &ret->null_count); break;
		case 4: thrift_int(c, &f, &ret->distinct_count); break;
		case 5: thrift_binary(c, &f, &ret->bounds.max); break;
		case 6: thrift_binary(c, &f, &ret->bounds.min); break;
		case 7: thrift_bool(c, &f, &ret->bounds.max_exact); break;
		case 8: thrift_bool(c, &f, &ret->bounds.min_exact); break;
		default: thrift_skip(c, &f);
		}
	}
}

/* A list of i64, kept as it stands. */
static void keep_list(struct cursor *c, const struct thrift_field *f, struct slice *ret)
{
	const uint8_t *start = c->pos;
	thrift_skip(c, f);
	if (f->type == THRIFT_LIST && !c->failed)
		*ret = (struct slice){start, (size_t)(c->pos - start)};
}

static void read_size_statistics(struct cursor *c, struct chunk *ret)
{
	struct thrift_field f = {0};
	while (thrift_field(c, &f)) {
		switch (f.id) {
		case 1: thrift_int(c, &f, &ret->string_bytes); break;
		case 2: keep_list(c, &f, &ret->rep_histogram); break;
		case 3: keep_list(c, &f, &ret->def_histogram); break;
		default: thrift_skip(c, &f);
		}
	}
}

/* Some writers count what DELTA_BYTE_ARRAY stores, not what it stands for. */
static void read_encodings(struct cursor *c, const struct thrift_field *f, struct chunk *ret)
{
	uint32_t n;
	const uint8_t *start = c->pos;
	if (thrift_list(c, f, THRIFT_I32, &n))
		for (uint32_t i = 0; i < n && !c->failed; i++)
			ret->prefixed |= thrift_zigzag(c) == DELTA_BYTE_ARRAY;
	if (!c->failed)
		ret->encodings = (struct slice){start, (size_t)(c->pos - start)};
}

static void read_meta(struct cursor *c, struct chunk *ret)
{
	struct thrift_field f = {0};
	ret->has_meta = true;
	while (thrift_field(c, &f)) {
		switch (f.id) {
		case 1: thrift_i32(c, &f, &ret->type); break;
		case 2: read_encodings(c, &f, ret); break;
		case 4: thrift_i32(c, &f, &ret->codec); break;
		case 5: thrift_int(c, &f, &ret->values); break;
		case 6: thrift_int(c, &f, &ret->uncompressed); break;
		case 7: thrift_int(c, &f, &ret->bytes); break;
		case 9: thrift_int(c, &f, &ret->data_at); break;
		case 11: thrift_int(c, &f, &ret->dictionary_at); break;
		case 12:
			if (thrift_struct(c, &f))
				read_statistics(c, ret);
			break;
		case 16:
			if (thrift_struct(c, &f))
				read_size_statistics(c, ret);
			break;
		default: thrift_skip(c, &f);
		}
	}
}

void chunk_read(struct cursor *c, struct chunk *ret)
{
	struct thrift_field f = {0};
	*ret = (struct chunk){.type = -1, .codec = -1, .null_count = -1, .distinct_count = -1, .string_bytes = -1, .values = -1,
			      .uncompressed = -1, .bounds = {.min_exact = true, .max_exact = true},
			      .old_bounds = {.min_exact = true, .max_exact = true}};
	while (thrift_field(c, &f)) {
		switch (f.id) {
		case 1:
			ret->external = true;
			thrift_skip(c, &f);
			break;
		case 3:
			if (thrift_struct(c, &f))
				read_meta(c, ret);
			break;
		case 4: thrift_int(c, &f, &ret->index_at); break;
		case 5: thrift_i32(c, &f, &ret->index_bytes); break;
		case 6: thrift_int(c, &f, &ret->column_index_at); break;
		case 7: thrift_i32(c, &f, &ret->column_index_bytes); break;
		case 8:
			ret->encrypted = true;
			thrift_skip(c, &f);
			break;
		default: thrift_skip(c, &f);
		}
	}
}

int chunk_look(const struct parquet *p, const struct leaf *leaf, uint32_t group, struct chunk *ret, struct error *err)
{
	struct cursor c = cursor_over(p->footer);
	cursor_skip(&c, p->chunks[(size_t)group * p->nleaves + leaf->number]);
	chunk_read(&c, ret);
	return c.failed ? error_set(err, EBADMSG, "the footer is broken at byte %zu", cursor_at(&c)) : 0;
}

int chunk_of(struct archive *a, const struct leaf *leaf, uint32_t group, struct chunk *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	source_enter(&a->source);
	int r = chunk_look(p, leaf, group, ret, err);
	int left = source_leave(&a->source, p->footer_at, p->mapped ? p->footer.len : 0, err);
	return r < 0 ? r : left;
}

int chunk_readable(const struct leaf *leaf, const struct chunk *chunk, struct error *err)
{
	enum codec codec = chunk_codec(chunk->codec);
	if (leaf->fault)
		return error_set(err, ENOTSUP, "%s", leaf->fault);
	if (chunk->encrypted)
		return error_set(err, ENOTSUP, "the column is encrypted");
	if (chunk->external)
		return error_set(err, ENOTSUP, "its data lie in another file");
	if (!chunk->has_meta)
		return error_set(err, EBADMSG, "a column chunk without metadata");
	if (chunk->type != leaf->element->physical)
		return error_set(err, EBADMSG, "a chunk of physical type %d in a column of type %d", chunk->type,
				 leaf->element->physical);
	if (codec == CODEC_COUNT)
		return error_set(err, ENOTSUP, "compressed with codec %d, which is unknown", chunk->codec);
	if (!codec_known(codec))
		return error_set(err, ENOTSUP, "compressed with %s, which is not built in", codec_name(codec));
	return 0;
}

/* --- sizes without decoding -------------------------------------------------- */

/* The sum of a histogram from bin `from` on; false if it does not have `bins`. */
static bool histogram_above(struct slice list, unsigned bins, unsigned from, uint64_t *ret)
{
	struct cursor c = cursor_over(list);
	struct thrift_field f = {.type = THRIFT_LIST};
	uint32_t n;
	*ret = 0;
	if (list.len == 0 || !thrift_list(&c, &f, THRIFT_I64, &n) || n != bins)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		int64_t count = thrift_zigzag(&c);
		if (count < 0 || (i >= from && __builtin_add_overflow(*ret, (uint64_t)count, ret)))
			return false;
	}
	return !c.failed;
}

bool chunk_sizes(const struct leaf *leaf, const struct chunk *chunk, uint64_t rows, uint64_t *ret)
{
	ret[0] = rows;
	for (unsigned d = 1; d <= leaf->max_rep; d++) {
		/* Entries that are there at all at that depth, less those that only go on
		 * with a list further in. */
		uint64_t there, further = 0;
		if (!histogram_above(chunk->def_histogram, leaf->max_def + 1u, leaf->exists[d], &there) ||
		    !histogram_above(chunk->rep_histogram, leaf->max_rep + 1u, d + 1, &further) || further > there)
			return false;
		ret[d] = there - further;
	}
	if (leaf->strings) {
		if (chunk->string_bytes < 0 || chunk->prefixed)
			return false;
		ret[leaf->max_rep + 1] = (uint64_t)chunk->string_bytes;
	}
	/* That nothing is there would never be put to the test by a reader. */
	for (unsigned q = 1; q < leaf_quantities(leaf); q++)
		if (ret[q] == 0 && chunk->values != 0)
			return false;
	return true;
}

int chunk_sizes_of(struct archive *a, const struct leaf *leaf, uint32_t group, uint64_t *ret, bool *ret_told, struct error *err)
{
	const struct parquet *p = a->priv;
	struct chunk chunk;
	source_enter(&a->source);
	int r = chunk_look(p, leaf, group, &chunk, err);
	*ret_told = r == 0 && chunk_sizes(leaf, &chunk, p->first_row[group + 1] - p->first_row[group], ret);
	int left = source_leave(&a->source, p->footer_at, p->mapped ? p->footer.len : 0, err);
	return r < 0 ? r : left;
}
