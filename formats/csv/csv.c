/* SPDX-License-Identifier: MIT */
/*
 * Tables of text: comma-separated values, and the same with tabs.
 *
 *	id,name,score          id      int64      1 2
 *	1,"Ada, Countess",0.5  name    string     Ada, Countess · Grace
 *	2,Grace,               score   float64    0.5 null
 *
 * A column's type follows from all of its values: formats/csv/value.c.  Rows end with a line
 * feed, or with a carriage return and a line feed.
 *
 * RFC 4180.
 */
#include <stdlib.h>

#include "formats/csv/impl.h"

enum { HEADER_FIRST = 64 << 10, HEADER_MOST = 64 << 20 };

/* --- the kind --------------------------------------------------------------------------------- */

/* Rows before the last one that begins before `target` are passed over by their line feeds, where there are no quotes. */
static uint64_t split(const struct records_table *t, const struct records_span *s, uint64_t from, uint64_t target)
{
	const struct csv_how *how = t->own;
	const uint8_t *p = s->bytes + (from - s->at), *aim = s->bytes + (target - s->at), *end = s->bytes + s->len;
	while (p && p < aim) {
		const uint8_t *quote = how->quote ? memchr(p, '"', (size_t)(aim - p)) : NULL;
		const uint8_t *feed = memrchr(p, '\n', (size_t)((quote ? quote : aim) - p));
		p = csv_row_end(how, feed ? feed + 1 : p, end, s->last);
	}
	return p ? s->at + (uint64_t)(p - s->bytes) : UINT64_MAX;
}

static const struct records_kind kind = {
	.unit = "line", .begin = csv_begin, .split = split, .scan = csv_scan, .settle = csv_settle, .decode = csv_decode,
};

/* --- the header ------------------------------------------------------------------------------------ */

static bool begins(struct slice s, const char *text, size_t len)
{
	return s.len >= len && memcmp(s.data, text, len) == 0;
}

static int count_fields(const struct csv_how *how, struct slice row, uint32_t *ret, struct error *err)
{
	const uint8_t *p = row.data, *end = row.data + row.len;
	const char *why = NULL;
	struct csv_field f;
	*ret = 0;
	do {
		if (!(p = csv_field(how, p, end, &f, &why)))
			return error_set(err, EBADMSG, "line 1: %s", why);
		if (++*ret > RECORDS_COLUMNS)
			return error_set(err, ENOTSUP, "records of over %d columns", RECORDS_COLUMNS);
	} while (f.last == CSV_FIELD);
	return 0;
}

static int take_names(struct archive *a, struct csv_how *how, struct slice row, bool numbers, struct error *err)
{
	const uint8_t *p = row.data, *end = row.data + row.len;
	const char *why;
	how->names = arena_array(&a->arena, how->columns, sizeof *how->names);
	for (uint32_t i = 0; how->names && i < how->columns; i++) {
		struct csv_field f;
		p = csv_field(how, p, end, &f, &why);
		size_t len = csv_length(&f);
		char *name = numbers ? arena_printf(&a->arena, "%u", i) : arena_alloc(&a->arena, len + 1);
		if (!name)
			return error_no_memory(err, "its names");
		if (!numbers)
			csv_undouble(&f, (uint8_t *)name);
		how->names[i] = (struct slice){(const uint8_t *)name, numbers ? strlen(name) : len};
	}
	return how->names ? 0 : error_no_memory(err, "its names");
}

/* The first row, of any length: from the bytes so far, if it ends in them. */
static int find_header(struct records_table *t, struct slice bytes, bool last, struct slice *ret, struct error *err)
{
	const uint8_t *p = bytes.data, *end = bytes.data + bytes.len;
	if (begins(bytes, "\xff\xfe", 2) || begins(bytes, "\xfe\xff", 2))
		return error_set(err, EBADMSG, "UTF-16; tables are read as UTF-8 (`iconv -f UTF-16 -t UTF-8`)");
	if (begins(bytes, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end && (*p == '\n' || (*p == '\r' && end - p > 1 && p[1] == '\n'))) {
		t->units += *p == '\n';
		p++;
	}
	const uint8_t *row_end = csv_row_end(t->own, p, end, last);
	t->begin = (uint64_t)(p - bytes.data);
	*ret = (struct slice){p, row_end ? (size_t)(row_end - p) : 0};
	return row_end ? 1 : 0;
}

static int read_header(struct archive *a, struct records_table *t, struct csv_how *how, struct error *err)
{
	struct slice row = {NULL, 0};
	uint8_t *bytes = NULL;
	size_t n = 0;
	int r = 0;
	for (size_t room = HEADER_FIRST; r == 0; room *= 16) {
		uint8_t *grown = room <= HEADER_MOST ? realloc(bytes, room) : NULL;
		if (!grown) {
			r = error_set(err, room > HEADER_MOST ? ENOTSUP : ENOMEM, "a first line of over %zu bytes", room / 16);
			break;
		}
		bytes = grown;
		t->units = 0;
		r = records_bytes_head(&t->bytes, bytes, room, &n, err);
		if (r == 0)
			r = find_header(t, (struct slice){bytes, n}, n < room, &row, err);
	}
	if (r > 0)
		r = row.len ? count_fields(how, row, &how->columns, err) : 0;
	if (r == 0 && row.len)
		r = take_names(a, how, row, a->options->records.no_header, err);
	if (r == 0 && !a->options->records.no_header) {
		t->units += csv_lines(row.data, row.data + row.len);
		t->begin += row.len;
	}
	free(bytes);
	return r;
}

/* --- the file ----------------------------------------------------------------------------------------- */

static bool claims(const struct peek *p, const char *name, const struct archive_options *options, const char *format, const char *suffix)
{
	struct records_peek inner;
	if (options->records.kind)
		return strcmp(options->records.kind, format) == 0;
	records_peek(p, name, &inner);
	return records_named(&inner, (const char *const[]){suffix, NULL});
}

static int open_table(struct archive *a, uint8_t delimiter, struct error *err)
{
	const struct archive_records *o = &a->options->records;
	struct csv_how *how = arena_alloc(&a->arena, sizeof *how);
	struct records_table t = {.kind = &kind, .own = how, .end = UINT64_MAX, .skip_bad = o->skip_bad}, *found;
	if (!how)
		return error_no_memory(err, "its columns");
	*how = (struct csv_how){.delimiter = o->delimiter ? (uint8_t)o->delimiter : delimiter, .quote = !o->no_quote,
				.null = o->null ? slice_text(o->null) : (struct slice){NULL, 0}};
	how->apart = strchr(",;\t| ", how->delimiter) != NULL;
	int r = records_bytes_open(a, &t.bytes, err);
	if (r == 0)
		r = read_header(a, &t, how, err);
	if (r == 0)
		r = records_open(a, &t, &found, err);
	return r < 0 ? r : records_show_fields(a, found, TREE_ROOT, err);
}

static bool csv_claims(const struct peek *p, const char *name, const struct archive_options *options)
{
	return claims(p, name, options, "csv", ".csv");
}

static int csv_open(struct archive *a, struct error *err)
{
	return open_table(a, ',', err);
}

static bool tsv_claims(const struct peek *p, const char *name, const struct archive_options *options)
{
	return claims(p, name, options, "tsv", ".tsv");
}

static int tsv_open(struct archive *a, struct error *err)
{
	return open_table(a, '\t', err);
}

const struct format format_csv = {
	.name = "csv",
	.claims = csv_claims,
	.open = csv_open,
	.size = records_size,
	.read = lazy_read,
};

const struct format format_tsv = {
	.name = "tsv",
	.claims = tsv_claims,
	.open = tsv_open,
	.size = records_size,
	.read = lazy_read,
};
