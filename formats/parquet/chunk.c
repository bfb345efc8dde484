/* SPDX-License-Identifier: MIT */
/* parquet.thrift, "Column Metadata": the metadata of one chunk. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"
#include "formats/parquet/thrift.h"

enum codec_id pq_chunk_codec(int32_t codec)
{
	static const enum codec_id codecs[] = {CODEC_NONE,   CODEC_SNAPPY,     CODEC_GZIP, CODEC_LZO,
					    CODEC_BROTLI, CODEC_LZ4_HADOOP, CODEC_ZSTD, CODEC_LZ4_RAW};
	return codec >= 0 && codec < 8 ? codecs[codec] : CODEC_COUNT;
}

/* --- one chunk -------------------------------------------------------------- */

static void read_statistics(struct cursor *c, struct chunk *ret)
{
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: pq_thrift_binary(c, &f, &ret->old_bounds.max); break;
		case 2: pq_thrift_binary(c, &f, &ret->old_bounds.min); break;
		case 3: pq_thrift_int(c, &f, &ret->null_count); break;
		case 4: pq_thrift_int(c, &f, &ret->distinct_count); break;
		case 5: pq_thrift_binary(c, &f, &ret->bounds.max); break;
		case 6: pq_thrift_binary(c, &f, &ret->bounds.min); break;
		case 7: pq_thrift_bool(c, &f, &ret->bounds.max_exact); break;
		case 8: pq_thrift_bool(c, &f, &ret->bounds.min_exact); break;
		default: pq_thrift_skip(c, &f);
		}
	}
}

/* Keeps a list of i64 as stored. */
static void keep_list(struct cursor *c, const struct pq_thrift_field *f, struct slice *ret)
{
	const uint8_t *start = c->pos;
	pq_thrift_skip(c, f);
	if (f->type == THRIFT_LIST && !c->failed)
		*ret = (struct slice){start, (size_t)(c->pos - start)};
}

static void read_size_statistics(struct cursor *c, struct chunk *ret)
{
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: pq_thrift_int(c, &f, &ret->string_bytes); break;
		case 2: keep_list(c, &f, &ret->rep_histogram); break;
		case 3: keep_list(c, &f, &ret->def_histogram); break;
		default: pq_thrift_skip(c, &f);
		}
	}
}

static uint16_t encoding_bit(int64_t encoding)
{
	return (uint16_t)(1u << (encoding >= 0 && encoding < 15 ? encoding : 15));
}

static void read_encodings(struct cursor *c, const struct pq_thrift_field *f, struct chunk *ret)
{
	uint32_t n;
	const uint8_t *start = c->pos;
	if (pq_thrift_list(c, f, THRIFT_I32, &n))
		for (uint32_t i = 0; i < n && !c->failed; i++)
			   ret->encoded |= encoding_bit(pq_thrift_zigzag(c));
	if (!c->failed)
		ret->encodings = (struct slice){start, (size_t)(c->pos - start)};
}

static void read_meta(struct cursor *c, struct chunk *ret)
{
	struct pq_thrift_field f = {0};
	ret->has_meta = true;
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: pq_thrift_i32(c, &f, &ret->type); break;
		case 2: read_encodings(c, &f, ret); break;
		case 4: pq_thrift_i32(c, &f, &ret->codec); break;
		case 5: pq_thrift_int(c, &f, &ret->values); break;
		case 6: pq_thrift_int(c, &f, &ret->uncompressed); break;
		case 7: pq_thrift_int(c, &f, &ret->bytes); break;
		case 9: pq_thrift_int(c, &f, &ret->data_at); break;
		case 11: pq_thrift_int(c, &f, &ret->dictionary_at); break;
		case 12:
			if (pq_thrift_struct(c, &f))
				read_statistics(c, ret);
			break;
		case 16:
			if (pq_thrift_struct(c, &f))
				read_size_statistics(c, ret);
			break;
		default: pq_thrift_skip(c, &f);
		}
	}
}

static const struct chunk nothing = {
	.type = -1, .codec = -1, .null_count = -1, .distinct_count = -1, .string_bytes = -1, .values = -1, .uncompressed = -1,
	.bounds = {.min_exact = true, .max_exact = true}, .old_bounds = {.min_exact = true, .max_exact = true},
};

void pq_chunk_read(struct cursor *c, struct chunk *ret)
{
	struct pq_thrift_field f = {0};
	*ret = nothing;
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1:
			ret->external = true;
			pq_thrift_skip(c, &f);
			break;
		case 3:
			if (pq_thrift_struct(c, &f))
				read_meta(c, ret);
			break;
		case 4: pq_thrift_int(c, &f, &ret->index_at); break;
		case 5: pq_thrift_i32(c, &f, &ret->index_bytes); break;
		case 6: pq_thrift_int(c, &f, &ret->column_index_at); break;
		case 7: pq_thrift_i32(c, &f, &ret->column_index_bytes); break;
		case 8:
			ret->encrypted = true;
			pq_thrift_skip(c, &f);
			break;
		default: pq_thrift_skip(c, &f);
		}
	}
}

int pq_chunk_peek(const struct parquet *p, const struct leaf *leaf, uint32_t group, struct chunk *ret, struct error *err)
{
	struct cursor c = cursor_over(p->footer);
	cursor_skip(&c, p->chunks[(size_t)group * p->nleaves + leaf->number]);
	pq_chunk_read(&c, ret);
	return c.failed ? error_set(err, EBADMSG, "the footer is broken at byte %zu", cursor_at(&c)) : 0;
}

int pq_chunk_of(struct archive *a, const struct leaf *leaf, uint32_t group, struct chunk *ret, struct error *err)
{
	const struct parquet *p = a->priv;
	source_enter(&a->source);
	int r = pq_chunk_peek(p, leaf, group, ret, err);
	int left = source_leave(&a->source, p->footer_at, p->mapped ? p->footer.len : 0, err);
	return r < 0 ? r : left;
}

int pq_chunk_readable(const struct leaf *leaf, const struct chunk *chunk, struct error *err)
{
	enum codec_id codec = pq_chunk_codec(chunk->codec);
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
