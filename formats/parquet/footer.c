/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "formats/parquet/parquet.h"
#include "formats/parquet/thrift.h"

/* A footer up to this size is copied, so that it cannot change while in use; a larger one
 * is read from the mapping, each part whenever it is needed, to save as much memory. */
enum { COPIED = 8 << 20 };

/* --- row groups --------------------------------------------------------------- */

/* If every chunk states its sizes, the totals are known without reading any page. */
static void note_sizes(struct leaf *leaf, const struct chunk *chunk)
{
	unsigned quantities = pq_leaf_quantities(leaf);
	uint64_t sizes[258];
	if (quantities == 1 || !leaf->stated)
		return;
	sizes[0] = UINT64_MAX;
	bool told = pq_chunk_sizes(leaf, chunk, sizes);
	leaf->rows = sizes[0];
	for (unsigned q = 1; q < quantities && told; q++)
		told = !__builtin_add_overflow(leaf->stated[q], sizes[q], &leaf->stated[q]) && leaf->stated[q] <= INT64_MAX / 64;
	if (!told)
		leaf->stated = NULL;
}

/* Each entry has levels, which may take next to nothing in the file, if run-length encoded. */
static void note_cost(struct leaf *leaf, const struct chunk *chunk)
{
	const int64_t parts[] = {chunk->uncompressed, chunk->string_bytes, chunk->values, leaf->max_rep ? chunk->values : 0};
	for (unsigned i = 0; i < 4; i++)
		if (parts[i] > 0 && __builtin_add_overflow(leaf->cost, (uint64_t)parts[i], &leaf->cost))
			leaf->cost = UINT64_MAX;
}

/* Records in the leaf what the tree needs to know about a chunk. */
static void note_chunk(struct leaf *leaf, const struct chunk *chunk, uint64_t rows)
{
	enum codec_id codec = pq_chunk_codec(chunk->codec);
	const char *name = codec != CODEC_NONE ? codec_name(codec) : NULL;

	if (chunk->encrypted || !chunk->has_meta || (rows > 0 && chunk->null_count != 0))
		leaf->nulls = true;
	if (chunk->encrypted)
		leaf->fault = "the column is encrypted";
	else if (chunk->external)
		leaf->fault = "its data lie in another file";
	else if (!codec_known(codec))
		leaf->fault = codec < CODEC_COUNT ? "compressed with lzo, which is not built in" : "compressed with an unknown codec";
	else
		leaf->sound = true;
	if (!leaf->met)
		leaf->codec = name;
	else if (leaf->codec != name)
		leaf->codec = NULL;
	leaf->met = true;
	note_cost(leaf, chunk);
	note_sizes(leaf, chunk);
}

/* Size statistics that contradict the row group's number of rows are wrong. */
static void check_rows(struct parquet *p, uint64_t rows)
{
	for (uint32_t i = 0; i < p->nleaves; i++)
		if (p->leaves[i].stated && p->leaves[i].rows != UINT64_MAX && p->leaves[i].rows != rows)
			p->leaves[i].stated = NULL;
}

static int read_group(struct parquet *p, struct cursor *c, uint32_t g, struct error *err)
{
	struct pq_thrift_field f = {0};
	const uint8_t *columns = NULL;
	int64_t rows = -1, values = 0;
	uint32_t n = 0;

	while (pq_thrift_field(c, &f)) {
		if (f.id == 1 && !columns && f.type == THRIFT_LIST) {
			if (!pq_thrift_list(c, &f, THRIFT_STRUCT, &n))
				break;
			if (n != p->nleaves)
				return error_set(err, EBADMSG, "row group %u has %u columns, the schema %u", g, n, p->nleaves);
			columns = c->pos;
			for (uint32_t i = 0; i < n; i++) {
				struct chunk chunk;
				p->chunks[(size_t)g * p->nleaves + i] = (uint32_t)cursor_at(c);
				pq_chunk_read(c, &chunk);
				note_chunk(&p->leaves[i], &chunk, chunk.values != 0);
				values = chunk.values > values ? chunk.values : values;
			}
		} else if (f.id == 3) {
			pq_thrift_int(c, &f, &rows);
		} else {
			pq_thrift_skip(c, &f);
		}
	}
	int r = cursor_check(c, err, "the footer");
	if (r < 0)
		return r;
	if (rows < 0 || (n != p->nleaves))
		return error_set(err, EBADMSG, "row group %u has %" PRId64 " rows and %u of %u columns", g, rows, n, p->nleaves);
	if (rows == 0 && values > 0) /* there is no row to report this fault on */
		return error_set(err, EBADMSG, "row group %u has no rows but %" PRId64 " values", g, values);
	check_rows(p, (uint64_t)rows);
	if (__builtin_add_overflow(p->first_row[g], (uint64_t)rows, &p->first_row[g + 1]) ||
	    p->first_row[g + 1] > INT64_MAX / 64)
		return error_set(err, EBADMSG, "too many rows in the row groups up to %u", g);
	return 0;
}

static int read_groups(struct archive *a, struct parquet *p, struct cursor *c, uint32_t n, struct error *err)
{
	size_t chunks;
	int r = 0;

	if (!p->elements)
		return error_set(err, EBADMSG, "row groups before the schema");
	if (__builtin_mul_overflow((size_t)n, p->nleaves, &chunks) || chunks > cursor_left(c))
		return error_set(err, EBADMSG, "%u row groups of %u columns in %zu bytes", n, p->nleaves, cursor_left(c));
	p->chunks = arena_array(&a->arena, chunks, sizeof *p->chunks);
	p->first_row = arena_array(&a->arena, (size_t)n + 1, sizeof *p->first_row);
	if (!p->chunks || !p->first_row)
		return error_set(err, ENOMEM, "no memory for %u row groups", n);
	p->ngroups = n;
	for (uint32_t g = 0; g < n && r == 0; g++)
		r = read_group(p, c, g, err);
	for (uint32_t i = 0; i < p->nleaves && r == 0; i++)
		if (p->leaves[i].sound) /* some of it can be read: faults are reported per chunk */
			p->leaves[i].fault = NULL;
	return r;
}

/* Reads each leaf's "ColumnOrder": 1 as its type defines, 2 IEEE 754's total order. */
static void read_orders(struct parquet *p, struct cursor *c, uint32_t n)
{
	for (uint32_t i = 0; i < n && !c->failed; i++) {
		struct pq_thrift_field f = {0};
		while (pq_thrift_field(c, &f)) {
			if (i < p->nleaves)
				p->leaves[i].order = f.id == 1 || f.id == 2 ? (uint8_t)f.id : 0;
			pq_thrift_skip(c, &f);
		}
	}
}

/* Ignores what the file's writer is known to get wrong. */
static void heed_writer(struct parquet *p, struct slice created_by)
{
	p->writer = pq_created_by_traits(created_by);
	for (uint32_t i = 0; i < p->nleaves; i++) {
		struct leaf *leaf = &p->leaves[i];
		if (!(p->writer & WRITER_KNOWS_SIZES) && pq_leaf_quantities(leaf) > 1)
			leaf->stated = NULL;
		if (p->writer & WRITER_MISCOUNTS_NULLS && leaf->element->logical == LOGICAL_STRING)
			leaf->nulls = true;
	}
}

static int read_footer(struct archive *a, struct parquet *p, struct error *err)
{
	struct cursor c = cursor_over(p->footer);
	struct pq_thrift_field f = {0};
	struct slice created_by = {NULL, 0};
	uint32_t n;
	int r = 0;

	while (r == 0 && pq_thrift_field(&c, &f)) {
		if (f.id == 2 && !p->elements && pq_thrift_list(&c, &f, THRIFT_STRUCT, &n))
			r = pq_schema_read(a, p, &c, n, err);
		else if (f.id == 4 && !p->first_row && pq_thrift_list(&c, &f, THRIFT_STRUCT, &n))
			r = read_groups(a, p, &c, n, err);
		else if (f.id == 5 && pq_thrift_list(&c, &f, THRIFT_STRUCT, &n))
			pq_key_values_skip(p, &c, n);
		else if (f.id == 1)
			pq_thrift_i32(&c, &f, &p->version);
		else if (f.id == 6)
			pq_thrift_binary(&c, &f, &created_by);
		else if (f.id == 7 && p->elements && pq_thrift_list(&c, &f, THRIFT_STRUCT, &n))
			read_orders(p, &c, n);
		else if (f.id != 2 && f.id != 4 && f.id != 5 && f.id != 7)
			pq_thrift_skip(&c, &f);
		else if (f.type != THRIFT_LIST || p->elements)
			break;
	}
	if (r == 0)
		r = cursor_check(&c, err, "the footer");
	if (r == 0 && (!p->elements || !p->first_row))
		r = error_set(err, EBADMSG, "a footer without %s", p->elements ? "row groups" : "a schema");
	if (r == 0)
		heed_writer(p, created_by);
	p->created_by = (struct slice){(uint8_t *)arena_text(&a->arena, created_by), created_by.len};
	if (r == 0 && !p->created_by.data)
		r = error_no_memory(err, "the footer");
	return r;
}

int pq_footer_read(struct archive *a, struct parquet *p, struct error *err)
{
	uint8_t tail[8];
	struct cursor c;
	uint64_t size = a->source.size;

	int r = source_read(&a->source, size - 8, tail, sizeof tail, err);
	if (r < 0)
		return r;
	c = cursor_over((struct slice){tail, sizeof tail});
	uint64_t len = cursor_u32le(&c);
	if (memcmp(tail + 4, "PARE", 4) == 0)
		return error_set(err, ENOTSUP, "its footer is encrypted");
	if (memcmp(tail + 4, "PAR1", 4) != 0)
		return error_set(err, EBADMSG, "no PAR1 at its end" ERROR_CUT);
	if (len == 0 || len > size - 12)
		return error_set(err, EBADMSG, "footer of %" PRIu64 " bytes in a file of %" PRIu64, len, size);
	p->footer_at = size - 8 - len;
	p->mapped = len > COPIED;
	if (!p->mapped) {
		r = source_load(&a->source, &a->arena, p->footer_at, len, &c, err);
		p->footer = (struct slice){c.start, (size_t)len};
		return r < 0 ? r : read_footer(a, p, err);
	}
	r = source_map(&a->source, p->footer_at, len, &p->footer, err);
	if (r < 0)
		return r;
	source_enter(&a->source);
	r = read_footer(a, p, err);
	int left = source_leave(&a->source, p->footer_at, len, err);
	return r < 0 ? r : left;
}
