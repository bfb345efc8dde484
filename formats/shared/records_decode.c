/* SPDX-License-Identifier: MIT */
/* One file's part of a block of records. */
#include "formats/shared/records_impl.h"

/* --- slots -------------------------------------------------------------------------------- */

/* Values that do not fit the types were not there when these were found. */
bool records_changed(struct records_decode *d)
{
	if (!d->failed)
		d->failed = error_set(d->err, EIO, "the file has changed since it was opened");
	return false;
}

static uint32_t width_of(const struct records_decode *d)
{
	return d->part == RECORDS_DATA ? records_width((enum records_type)d->column->type) : d->part == RECORDS_OFFSETS ? 8 : d->part == RECORDS_VALIDITY;
}

void records_put_null(struct records_decode *d)
{
	if (d->part == RECORDS_OFFSETS) {
		records_put_le(d, d->running, 8);
		return;
	}
	uint32_t width = width_of(d);
	uint8_t *to = width ? records_room(d, width) : NULL;
	if (to)
		memset(to, 0, width);
}

void records_put_number(struct records_decode *d, uint64_t bits)
{
	if (d->part == RECORDS_DATA)
		records_put_le(d, bits, records_width((enum records_type)d->column->type));
	else
		records_put_valid(d);
}

void records_put_length(struct records_decode *d, uint64_t len)
{
	if (d->part != RECORDS_OFFSETS) {
		records_put_valid(d);
		return;
	}
	records_put_le(d, d->running, 8);
	d->running += len;
}

void records_put_bytes(struct records_decode *d, const void *bytes, size_t len)
{
	if (d->part != RECORDS_VALUES) {
		records_put_length(d, len);
		return;
	}
	uint8_t *to = records_room(d, len);
	if (to && len)
		memcpy(to, bytes, len);
}

void records_put_valid(struct records_decode *d)
{
	uint8_t *to = d->part == RECORDS_VALIDITY ? records_room(d, 1) : NULL;
	if (to)
		*to = 1;
}

/* --- blocks --------------------------------------------------------------------------------------- */

static struct records_column **path_to(const struct records_column *c, struct arena *scratch, uint32_t *ret)
{
	*ret = 0;
	for (const struct records_column *p = c; p; p = p->parent)
		++*ret;
	struct records_column **path = arena_array(scratch, *ret, sizeof *path);
	for (uint32_t i = *ret; path && i-- > 0; c = c->parent)
		path[i] = (struct records_column *)(uintptr_t)c;
	return path;
}

/* The records from there on, as events: of a table whose index was made by its first read. */
static int run_feed(struct archive *a, struct records_decode *d, uint64_t at, struct arena *scratch)
{
	struct records_feed *f = d->table->open(a, d->table, at, scratch, d->err);
	return f ? records_decode_rows(d, f, d->rows) : error_no_memory(d->err, "its records");
}

static int run_kind(struct archive *a, struct records_decode *d, uint64_t at, uint64_t end)
{
	struct records_reader reader = {.bytes = &d->table->bytes, .most = a->options->memory / 4 + (32 << 20)};
	struct error why = {0};
	int r = records_reader_map(&reader, at, end - at, &d->span, d->err);
	if (r == 0 && d->span.len != end - at)
		r = error_set(d->err, EIO, "the file has changed since it was opened");
	if (r == 0) {
		struct records_span span = d->span;
		d->span.last = end == d->table->end;
		r = d->table->kind->decode(d);
		if (r == -EBADMSG || r == 0) {
			int left = records_reader_leave(&reader, &span, &why);
			r = left < 0 ? error_set(d->err, -left, "%s", why.text) : r ? -EIO : 0;
		}
	}
	records_reader_close(&reader);
	return r;
}

/* One block's records. */
static int run(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, struct records_decode *d)
{
	struct arena scratch = arena_apart(&a->arena);
	const uint64_t *at = records_line(x, RECORDS_AT), *rows = records_line(x, RECORDS_ROWS);
	d->table = file->table;
	d->column = file->column;
	d->options = a->options;
	d->rows = rows[block + 1] - rows[block];
	d->path = path_to(file->column, &scratch, &d->length);
	int r = d->path ? 0 : error_no_memory(d->err, "its records");
	if (r == 0)
		r = d->table->kind ? run_kind(a, d, at[block], at[block + 1]) : run_feed(a, d, at[block], &scratch);
	arena_free(&scratch);
	return r;
}

int records_decode(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint8_t *out,
		   uint64_t len, struct error *err)
{
	struct records_decode d = {.part = file->part, .out = out, .end = out + len, .err = err};
	if (file->part == RECORDS_OFFSETS)
		d.running = records_totals(x, file->column)[block];
	int r = run(a, file, x, block, &d);
	return r == 0 && d.out != d.end ? error_set(err, EIO, "the file has changed since it was opened") : r;
}

int records_extents(struct archive *a, const struct records_file *file, const struct records_index *x, uint64_t block, uint64_t *out,
		    uint64_t most, uint64_t *ret, struct error *err)
{
	const uint64_t *totals = records_totals(x, file->column);
	struct records_decode d = {.part = RECORDS_EXTENTS, .out = (uint8_t *)out, .end = (uint8_t *)(out + 2 * most), .running = totals[block], .err = err};
	int r = run(a, file, x, block, &d);
	*ret = (uint64_t)(d.out - (uint8_t *)out) / (2 * sizeof *out);
	return r == 0 && d.running != totals[block + 1] ? error_set(err, EIO, "the file has changed since it was opened") : r;
}
