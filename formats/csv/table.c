/* SPDX-License-Identifier: MIT */
/* Rows as records: what their values are, and a column's. */
#include "formats/csv/impl.h"
#include "fs/base/name.h"

/* --- the pass -------------------------------------------------------------------------------- */

int csv_begin(struct records_scan *w)
{
	const struct csv_how *how = w->table->own;
	struct records_column **columns = arena_array(w->arena, how->columns, sizeof(void *));
	if (!columns)
		return error_no_memory(w->err, "its columns");
	for (uint32_t i = 0; i < how->columns; i++) { /* several may have one name */
		char number[12];
		size_t len = 0;
		for (uint32_t n = i; n || len == 0; n /= 10)
			number[len++] = (char)('0' + n % 10);
		columns[i] = records_field(w, w->root, (struct slice){(const uint8_t *)number, len}, i);
		if (!columns[i])
			return records_failed(w);
	}
	w->own = columns;
	return 0;
}

static bool is_ascii(const uint8_t *p, size_t len)
{
	uint64_t all = 0, eight;
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&eight, p, 8);
		all |= eight;
	}
	for (; len > 0; len--)
		all |= *p++;
	return !(all & 0x8080808080808080);
}

/* In a column that has text already, nothing else matters but whether it is UTF-8. */
static void note_text(struct records_column *c, const struct csv_field *f)
{
	size_t len = (size_t)(f->end - f->begin);
	if (!is_ascii(f->begin, len) && !utf8_valid((struct slice){f->begin, len}))
		c->seen |= CSV_STRING | CSV_BYTES_KIND;
}

static void note(const struct csv_how *how, struct records_column *c, const struct csv_field *f, const uint8_t *room)
{
	if (csv_is_null(how, f, true)) {
		c->nulls++;
		return;
	}
	size_t len = f->doubled ? csv_length(f) : (size_t)(f->end - f->begin);
	c->total += len;
	if (len == 0) {
		c->empties++;
		c->seen |= CSV_EMPTY;
		return;
	}
	if (!(c->seen & CSV_STRING))
		c->seen |= csv_kind(f->begin, f->end, room);
	if (c->seen & CSV_STRING)
		note_text(c, f);
}

/* Why the row is no row of the table. */
static int refuse(struct records_scan *w, const char *why, uint32_t fields)
{
	const struct csv_how *how = w->table->own;
	if (why)
		return records_broken(w, "%s", why);
	return records_broken(w, "%s%u fields, where the table has %u", fields > how->columns ? "more than " : "",
			      fields > how->columns ? how->columns : fields, how->columns);
}

/* Reads the row at p; NULL: it is broken. */
static const uint8_t *scan_row(struct records_scan *w, const uint8_t *p, const uint8_t *end)
{
	const struct csv_how *how = w->table->own;
	struct records_column **columns = w->own;
	struct csv_field f;
	const char *why = NULL;
	uint32_t fields = 0;
	do {
		p = csv_field(how, p, end, &f, &why);
		if (!p || fields == how->columns) {
			refuse(w, p ? NULL : why, fields + 1);
			return NULL;
		}
		note(how, columns[fields++], &f, end);
		if (f.quoted)
			w->units += csv_lines(f.begin, f.end);
	} while (f.last == CSV_FIELD);
	if (fields < how->columns) {
		refuse(w, NULL, fields);
		return NULL;
	}
	w->units++;
	w->rows++;
	return p;
}

static bool is_blank(const struct csv_how *how, const uint8_t *p, const uint8_t *end)
{
	return how->columns > 1 && (*p == '\n' || (*p == '\r' && end - p > 1 && p[1] == '\n'));
}

/* The last row, whose line is not ended: it may be one that is being written. */
static bool is_tail(const struct records_scan *w, const uint8_t *p, const uint8_t *end)
{
	return w->span.last && csv_row_end(w->table->own, p, end, false) == NULL;
}

/* Where the next row that is one begins; NULL: there is none. */
static const uint8_t *choose_row(struct records_scan *w, const uint8_t *p, const uint8_t *end, const uint8_t *tail)
{
	const struct csv_how *how = w->table->own;
	const char *why;
	uint32_t fields;
	while (p < end) {
		if (is_blank(how, p, end)) {
			p += *p == '\r' ? 2 : 1;
			w->units++;
			continue;
		}
		bool last = tail && p >= tail && is_tail(w, p, end);
		if ((!last && !w->table->skip_bad) || csv_row_whole(how, p, end, &fields, &why))
			return p;
		if (last && (why || fields < how->columns)) {
			w->end = w->span.at + (uint64_t)(p - w->span.bytes);
			return NULL;
		}
		if (!w->table->skip_bad)
			return p; /* and it is told why */
		const uint8_t *next = csv_row_end(how, p, end, true);
		w->units += csv_lines(p, next);
		w->bad++;
		p = next;
	}
	return NULL;
}

int csv_scan(struct records_scan *w)
{
	struct records_column **columns = w->own;
	const struct csv_how *how = w->table->own;
	const uint8_t *p = w->span.bytes, *end = p + w->span.len, *tail = NULL;
	if (w->span.last && w->span.len && end[-1] != '\n') { /* the last row is not ended: it has begun behind a line feed, */
		const uint8_t *feed = memrchr(p, '\n', w->span.len);
		bool quotes = how->quote && memchr(p, '"', w->span.len); /* but which, if lines may be quoted, is not known */
		tail = quotes || !feed ? p : feed + 1;
	}
	while ((p = choose_row(w, p, end, tail)))
		if (!(p = scan_row(w, p, end)))
			return records_failed(w);
	for (uint32_t i = 0; i < how->columns; i++)
		columns[i]->count += w->rows;
	return 0;
}

/* --- a column ------------------------------------------------------------------------------------- */

/* No number goes on with the delimiter. */
static bool is_apart(const struct csv_how *how)
{
	return strchr(",;\t| ", how->delimiter) != NULL;
}

static void put(struct records_decode *d, const struct csv_field *f)
{
	const struct csv_how *how = d->table->own;
	enum records_type type = (enum records_type)d->column->type;
	bool text = type == RECORDS_STRING || type == RECORDS_BYTES;
	uint64_t bits;
	size_t len = (size_t)(f->end - f->begin);
	if (csv_is_null(how, f, text)) {
		records_put_null(d);
	} else if (d->part == RECORDS_VALIDITY) {
		records_put_valid(d);
	} else if (!text) {
		const uint8_t *room = is_apart(how) ? d->span.bytes + d->span.len : f->end;
		if (csv_value(f->begin, f->end, room, type, &bits))
			records_put_number(d, bits);
		else
			records_changed(d);
	} else if (!f->doubled) {
		records_put_bytes(d, f->begin, len);
	} else if (d->part == RECORDS_OFFSETS) {
		records_put_length(d, csv_length(f));
	} else {
		uint8_t *to = records_room(d, csv_length(f));
		if (to)
			csv_undouble(f, to);
	}
}

/* The row's field of that number; returns the row's end. */
static const uint8_t *decode_row(struct records_decode *d, uint32_t number, const uint8_t *p, const uint8_t *end)
{
	const struct csv_how *how = d->table->own;
	struct csv_field f;
	const char *why;
	for (uint32_t i = 0; i <= number; i++)
		if (!(p = csv_field(how, p, end, &f, &why)) || (i < number && f.last != CSV_FIELD)) {
			records_changed(d);
			return NULL;
		}
	put(d, &f);
	if (f.last != CSV_FIELD)
		return p;
	return csv_row_end(how, p, end, true);
}

int csv_decode(struct records_decode *d)
{
	const struct csv_how *how = d->table->own;
	const uint8_t *p = d->span.bytes, *end = p + d->span.len;
	uint32_t number = (uint32_t)d->column->born, fields;
	const char *why;
	while (p && p < end && !d->failed) {
		if (is_blank(how, p, end))
			p += *p == '\r' ? 2 : 1;
		else if (d->table->bad && !csv_row_whole(how, p, end, &fields, &why))
			p = csv_row_end(how, p, end, true);
		else
			p = decode_row(d, number, p, end);
	}
	return d->failed;
}
