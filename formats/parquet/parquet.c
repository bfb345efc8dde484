/* SPDX-License-Identifier: MIT */
/*
 * Parquet: the columns of a table, split into row groups, in compressed pages.
 *
 *      0  PAR1
 *      4  row groups: a chunk per column, which is
 *             [dictionary page] data page, data page …
 *             page: header (thrift compact), then the stored bytes:
 *                 v1: compress(repetition levels, definition levels, values)
 *                 v2: repetition levels, definition levels, compress(values)
 *         … [page indexes, bloom filters]
 *    n-8-f  footer: FileMetaData (thrift compact): schema, row groups, key-value pairs
 *    n-8  f, the footer's length: u32, little-endian
 *    n-4  PAR1; PARE if the footer is encrypted
 *
 * Shown: a file for each column of fixed-width values; a directory with offsets and
 * values for strings and lists, with offsets, values/key and values/value for maps,
 * with its fields for a group. A file NAME.validity beside it says which slots are not
 * null. Codecs and encodings do not show. Key-value pairs are attributes of the root.
 *
 * Not shown: columns that are encrypted, lie in other files, or are compressed with LZO
 * are listed but cannot be read. The ALP encoding is refused.
 *
 * https://github.com/apache/parquet-format at 2.12: README, parquet.thrift,
 * Encodings.md, Compression.md, LogicalTypes.md, PageIndex.md.
 *
 * Source files, following its chapters: thrift.c the protocol, footer.c "File Metadata",
 * key_values.c, chunk.c "Column Metadata", schema.c "SchemaElement" and types, show.c
 * "Nested Types", page.c "Data Pages", page_index.c, statistics.c (for users), rle.c
 * encoding.c strings.c "Encodings", values.c decodes a page, leaf.c the blocks of a
 * column and their sums, read.c which bytes of a file come from which page; dataset.h a
 * directory of files as one table.
 */
#include <inttypes.h>
#include <stdio.h>

#include "formats/parquet/schema.h"
#include "formats/parquet/statistics.h"

static bool parquet_probe(const struct peek *p)
{
	struct cursor head = p->head;
	return p->size >= 12 && (cursor_match(&head, "PAR1", 4) || cursor_match(&head, "PARE", 4));
}

static int parquet_open(struct archive *a, struct error *err)
{
	struct parquet *p = arena_alloc(&a->arena, sizeof *p);
	if (!p)
		return error_no_memory(err, "the footer");
	a->priv = p;
	if (a->source.size < 12)
		return error_set(err, EBADMSG, "a file of %u bytes is too short to be Parquet", (unsigned)a->source.size);
	int r = pq_footer_read(a, p, err);
	if (r < 0)
		return r;
	if (!p->mapped)
		return pq_schema_show(a, p, err);
	source_enter(&a->source);
	r = pq_schema_show(a, p, err);
	int left = source_leave(&a->source, p->footer_at, p->footer.len, err);
	return r < 0 ? r : left;
}

static void parquet_overview(struct archive *a, struct overview *ret)
{
	const struct parquet *p = a->priv;
	ret->versioned = "version";
	snprintf(ret->version, sizeof ret->version, "%" PRId32, p->version);
	text_put(&ret->writer, p->created_by);
	ret->rows = p->first_row[p->ngroups];
	ret->parts = "row_groups";
	ret->count = p->ngroups;
}

const struct format format_parquet = {
	.name = "parquet",
	.table = true,
	.suffixes = (const char *const[]){".parquet", ".parq", ".pq", NULL},
	.probe = parquet_probe,
	.open = parquet_open,
	.size = pq_size,
	.read = pq_read,
	.attrs = pq_attrs,
	.details = pq_details,
	.overview = parquet_overview,
};
