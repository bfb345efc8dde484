/* SPDX-License-Identifier: MIT */
#pragma once
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "formats/csv/marks.h"
#include "formats/shared/records.h"

/* How a table is written: as long as the archive. */
struct csv_how {
	uint8_t delimiter;
	bool apart;          /* no number goes on with the delimiter */
	bool quote;          /* '"' is one */
	struct slice null;   /* a word that is null, unquoted; data NULL: none */
	uint32_t columns;
	struct slice *names; /* of each */
};

/* --- rows, row.c ------------------------------------------------------------------------------ */

/* A field as it stands. */
struct csv_field {
	const uint8_t *begin, *end; /* of a quoted one, within the quotes */
	bool quoted, doubled;       /* doubled: some quotes stand for one */
	enum csv_end { CSV_FIELD, CSV_ROW, CSV_BYTES } last; /* what follows it: another field, the row's end, the end of the bytes */
};

/* Reads any field at p, as csv_field(). */
const uint8_t *csv_field_any(const struct csv_how *how, const uint8_t *p, const uint8_t *end, struct csv_field *ret, const char **ret_why);

/* Reads the field at p: returns where the next field, or row, begins; NULL: *ret_why says what breaks the row.  Most are short and
 * unquoted. */
static inline const uint8_t *csv_field(const struct csv_how *how, const uint8_t *p, const uint8_t *end, struct csv_field *ret, const char **ret_why)
{
#ifdef __SSE2__
	if (end - p >= 16 && *p != '"') {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i found = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8((char)how->delimiter)),
					     _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\r'))));
		unsigned bits = (unsigned)_mm_movemask_epi8(found), len = bits ? (unsigned)__builtin_ctz(bits) : 0;
		if (bits && p[len] != '\r') {
			*ret = (struct csv_field){.begin = p, .end = p + len, .last = p[len] == how->delimiter ? CSV_FIELD : CSV_ROW};
			return p + len + 1;
		}
	}
#endif
	return csv_field_any(how, p, end, ret, ret_why);
}

/* The end of the row at p, fields that are broken and all; NULL if it is not within the bytes, and more may follow. */
const uint8_t *csv_row_end(const struct csv_how *how, const uint8_t *p, const uint8_t *end, bool last);

/* Has the row at p as many fields as the table, none of them broken?  `fields`: how many were read. */
bool csv_row_whole(const struct csv_how *how, const uint8_t *p, const uint8_t *end, uint32_t *fields, const char **ret_why);

/* Line ends between two places. */
uint64_t csv_lines(const uint8_t *p, const uint8_t *end);

/* --- values, value.c --------------------------------------------------------------------------- */

/* What a column's values are: bits of records_column.seen. */
enum csv_kind {
	CSV_BOOL = 1 << 0,
	CSV_INT = 1 << 1,
	CSV_FLOAT = 1 << 2,
	CSV_DATE = 1 << 3,
	CSV_TIME = 1 << 4,         /* a timestamp */
	CSV_STRING = 1 << 5,
	CSV_BYTES_KIND = 1 << 6,   /* not UTF-8 */
	CSV_EMPTY = 1 << 7,        /* "" */
	CSV_NEGATIVE = 1 << 8,     /* ints: some are below 0, */
	CSV_BEYOND = 1 << 9,       /* above INT64_MAX, */
	CSV_INEXACT = 1 << 10,     /* no float64 */
	CSV_NANOSECONDS = 1 << 11, /* timestamps: some have more than six digits, */
	CSV_NS_BEYOND = 1 << 12,   /* are beyond what nanoseconds reach, */
	CSV_ZONE = 1 << 13,        /* have a zone, */
	CSV_LOCAL = 1 << 14,       /* or none */
};
enum { CSV_KINDS = CSV_BOOL | CSV_INT | CSV_FLOAT | CSV_DATE | CSV_TIME | CSV_STRING | CSV_BYTES_KIND };

/* The kind of a value that is not empty, whose bytes are [p, end); `room`: where readable memory ends. */
uint32_t csv_kind(const uint8_t *p, const uint8_t *end, const uint8_t *room);

/* The same, by a closer look. */
uint32_t csv_kind_text(const uint8_t *p, const uint8_t *end);

/* Most numbers can be recognised by which of at most 63 bytes are not digits (`others`); 0: it
 * is not a number, or has many digits.  Once integers were `seen` that are not exact in
 * float64, longer ones add nothing. */
static inline uint32_t csv_kind_few(const uint8_t *p, size_t len, uint64_t others, uint64_t seen)
{
	enum { EXACT = 15, INT64 = 18 }; /* this many digits are always exact in a float64; always fit */
	unsigned negative = *p == '-';
	others >>= negative;
	p += negative;
	len -= negative;
	if (others) {
		unsigned point = (unsigned)__builtin_ctzll(others);
		bool one = (others & (others - 1)) == 0 && p[point] == '.' && len > 1 && !(point > 1 && *p == '0');
		return one ? CSV_FLOAT : 0;
	}
	if (len > EXACT && !(seen & CSV_INEXACT && len <= INT64 + (unsigned)(*p < '9')))
		return 0;
	return len == 0 || (len > 1 && *p == '0') ? 0 : CSV_INT | (negative && *p != '0' ? CSV_NEGATIVE : 0);
}

/* A value of that kind, as the bits of a number of the type; false: it is not one.  `room`:
 * where readable memory ends, if no byte that a number may have follows the value; else end. */
bool csv_value(const uint8_t *p, const uint8_t *end, const uint8_t *room, enum records_type type, uint64_t *ret);

/* Is it null in a column of that type? */
static inline bool csv_is_null(const struct csv_how *how, const struct csv_field *f, bool text)
{
	size_t len = (size_t)(f->end - f->begin);
	if (f->quoted)
		return len == 0 && !text;
	return len == 0 || (how->null.data && len == how->null.len && memcmp(f->begin, how->null.data, len) == 0);
}

/* The text of a field with doubled quotes; its length. */
size_t csv_undouble(const struct csv_field *f, uint8_t *ret);
size_t csv_length(const struct csv_field *f);

void csv_settle(const struct records_table *t, struct records_column *c);

int csv_scan(struct records_scan *w);
int csv_begin(struct records_scan *w);
int csv_decode(struct records_decode *d);
