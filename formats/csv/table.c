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

/* Why the row does not belong to the table. */
static int refuse(struct records_scan *w, const char *why, uint32_t fields)
{
	const struct csv_how *how = w->table->own;
	if (why)
		return records_broken(w, "%s", why);
	return records_broken(w, "%s%u fields, where the table has %u", fields > how->columns ? "more than " : "",
			      fields > how->columns ? how->columns : fields, how->columns);
}

/* Reads the next field of the row, whatever it is; NULL: it breaks the row. */
static const uint8_t *scan_field(struct records_scan *w, const uint8_t *p, const uint8_t *end, uint32_t *number)
{
	const struct csv_how *how = w->table->own;
	struct records_column **columns = w->own;
	struct csv_field f;
	const char *why = NULL;
	p = csv_field(how, p, end, &f, &why);
	if (!p || *number == how->columns) {
		refuse(w, p ? NULL : why, *number + 1);
		return NULL;
	}
	note(how, columns[(*number)++], &f, end);
	if (f.quoted)
		w->units += csv_lines(f.begin, f.end);
	if (f.last == CSV_FIELD)
		return p;
	if (*number < how->columns) {
		refuse(w, NULL, *number);
		return NULL;
	}
	*number = 0;
	w->units++;
	w->rows++;
	return p;
}

/* A field of few bytes, none of them a doubled quote; `others`: which are no digits. */
static inline void note_short(const struct csv_how *how, struct records_column *c, const struct csv_field *f, uint64_t others, bool wide)
{
	size_t len = (size_t)(f->end - f->begin);
	if (len == 0 || (how->null.data && csv_is_null(how, f, true))) {
		note(how, c, f, f->end);
		return;
	}
	c->total += len;
	if (!(c->seen & CSV_STRING)) {
		uint32_t few = csv_kind_few(f->begin, len, others & ((UINT64_C(1) << len) - 1), c->seen);
		c->seen |= few ? few : csv_kind_text(f->begin, f->end);
	}
	if (wide && c->seen & CSV_STRING)
		note_text(c, f);
}

/* Where the quoted field at `at` ends, if that is as usual; else beyond the marks. */
static inline unsigned quoted_end(const struct csv_marks *m, unsigned at)
{
	uint64_t closing = m->quotes & ~UINT64_C(0) << at << 1;
	unsigned to = closing ? (unsigned)__builtin_ctzll(closing) + 1 : CSV_MARKED;
	return to < CSV_MARKED && m->ends >> to & 1 ? to : CSV_MARKED;
}

/* Reads fields that end within the marks of p, up to the first that is unusual or does not fit
 * the table; returns how many bytes they take.  Compiled twice, for marks with and without
 * quotes. */
static inline __attribute__((always_inline)) unsigned scan_marked(struct records_scan *w, const uint8_t *p, const struct csv_marks *m,
								  bool quotes, uint32_t *number)
{
	const struct csv_how *how = w->table->own;
	struct records_column **columns = w->own;
	uint32_t i = *number, last = how->columns - 1;
	unsigned at = 0;
	for (uint64_t left = m->ends; left; left &= left - 1) {
		unsigned quoted = quotes && m->quotes >> at & 1, to = quoted ? quoted_end(m, at) : (unsigned)__builtin_ctzll(left);
		if (to == CSV_MARKED)
			break;
		bool row = p[to] != how->delimiter, blank = row && to == at && i == 0 && last > 0;
		if ((row != (i == last) && !blank) || (p[to] == '\r' && p[to + 1] != '\n'))
			break;
		struct csv_field f = {.begin = p + at + quoted, .end = p + to - quoted, .quoted = quoted};
		if (!blank)
			note_short(how, columns[i], &f, m->others >> at >> quoted, m->wide);
		if (quoted && left & ((UINT64_C(1) << to) - 1)) {
			w->units += csv_lines(f.begin, f.end);
			left &= ~UINT64_C(0) << to;
		}
		at = to + 1;
		i++;
		if (row) {
			i = 0;
			w->units++;
			w->rows += !blank;
			left &= p[to] == '\r' ? left - 1 : left;
			at += p[to] == '\r';
		}
	}
	*number = i;
	return at;
}

/* Reads fields, and rows, as long as they are the usual ones; the next is for scan_field(). */
static const uint8_t *scan_usual(struct records_scan *w, const uint8_t *p, const uint8_t *end, uint32_t *number)
{
	const struct csv_how *how = w->table->own;
	unsigned at = 1;
	for (; at && end - p > CSV_MARKED; p += at) { /* the byte after the marks is read, too */
		struct csv_marks m = csv_mark(p, how->delimiter, how->quote);
		at = m.quotes ? scan_marked(w, p, &m, true, number) : scan_marked(w, p, &m, false, number);
	}
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
			return p; /* and it is reported why */
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
	if (w->span.last && w->span.len && end[-1] != '\n') { /* the last row is not ended: it begins after a line feed, */
		const uint8_t *feed = memrchr(p, '\n', w->span.len);
		bool quotes = how->quote && memchr(p, '"', w->span.len); /* but which, if lines may be quoted, is not known */
		tail = quotes || !feed ? p : feed + 1;
	}
	const uint8_t *usual = w->table->skip_bad ? p : tail ? tail : end;
	uint32_t number = 0; /* of the next field */
	while (p < end || number > 0) {
		if (number < how->columns)
			p = scan_usual(w, p, usual, &number);
		if (number == 0 && !(p = choose_row(w, p, end, tail)))
			break;
		if (!(p = scan_field(w, p, end, &number)))
			return records_failed(w);
	}
	for (uint32_t i = 0; i < how->columns; i++)
		columns[i]->count += w->rows;
	return 0;
}

/* --- a column ------------------------------------------------------------------------------------- */

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
		const uint8_t *room = how->apart ? d->span.bytes + d->span.len : f->end;
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

/* A row that is being searched for its field of that number. */
struct seek {
	const uint8_t *row;    /* where it begins, */
	const uint8_t *field;  /* and the field, once it is found, */
	const uint8_t *behind; /* and what follows it, once it was put */
	uint32_t before;       /* delimiters that are still before it */
};

static struct seek seek_in(const uint8_t *row, uint32_t number)
{
	return (struct seek){.row = row, .field = number ? NULL : row, .before = number};
}

/* Continues with the marked bytes at p, row by row; false: the row is unusual. */
static inline bool decode_marked(struct records_decode *d, uint32_t number, struct seek *s, const uint8_t *p, struct csv_breaks b)
{
	const struct csv_how *how = d->table->own;
	const bool last = number + 1 == how->columns;
	for (;;) {
		for (; s->before && b.delimiters; b.delimiters &= b.delimiters - 1)
			if (--s->before == 0)
				s->field = p + __builtin_ctzll(b.delimiters) + 1;
		const uint8_t *feed = p + (b.feeds ? __builtin_ctzll(b.feeds) : CSV_MARKED);
		if (!s->field || s->field > feed)
			return !b.feeds;
		if (!s->behind) {
			const uint8_t *to = b.delimiters ? p + __builtin_ctzll(b.delimiters) : feed;
			to = to < feed ? to : feed;
			if (to == p + CSV_MARKED)
				return true;
			if ((to == feed) != last)
				return false;
			put(d, &(struct csv_field){.begin = s->field, .end = to - (last && to > s->field && to[-1] == '\r')});
			s->behind = to + 1;
		}
		if (!b.feeds)
			return true;
		b.delimiters &= ~(b.feeds ^ (b.feeds - 1));
		b.feeds &= b.feeds - 1;
		*s = seek_in(feed + 1, number);
	}
}

/* Decodes rows up to the first quote, or anything else that is unusual; returns where the next begins. */
static const uint8_t *decode_usual(struct records_decode *d, uint32_t number, const uint8_t *p, const uint8_t *end)
{
	const struct csv_how *how = d->table->own;
	struct seek s = seek_in(p, number);
	for (; end - p >= CSV_MARKED && !d->failed; p += CSV_MARKED) {
		struct csv_breaks b = csv_break(p, how->delimiter, how->quote);
		uint64_t before = b.quotes ? (b.quotes & -b.quotes) - 1 : ~UINT64_C(0);
		b.delimiters &= before;
		b.feeds &= before;
		if (!decode_marked(d, number, &s, p, b) || b.quotes)
			break;
	}
	return s.behind ? csv_row_end(how, s.behind, end, true) : s.row;
}

int csv_decode(struct records_decode *d)
{
	const struct csv_how *how = d->table->own;
	const uint8_t *p = d->span.bytes, *end = p + d->span.len;
	uint32_t number = (uint32_t)d->column->born, fields;
	const char *why;
	while (p && p < end && !d->failed) {
		const uint8_t *usual = d->table->bad ? p : decode_usual(d, number, p, end);
		if (usual > p)
			p = usual;
		else if (is_blank(how, p, end))
			p += *p == '\r' ? 2 : 1;
		else if (d->table->bad && !csv_row_whole(how, p, end, &fields, &why))
			p = csv_row_end(how, p, end, true);
		else
			p = decode_row(d, number, p, end);
	}
	return d->failed;
}
