/* SPDX-License-Identifier: MIT */
/* Hive partitions: directories called KEY=VALUE, both URL-encoded. */
#include <endian.h>
#include <inttypes.h>

#include "formats/shared/table.h"

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A '%' not followed by two hex digits is kept. */
static bool decode(struct arena *arena, struct slice s, struct slice *ret)
{
	uint8_t *text = (uint8_t *)arena_text(arena, s);
	size_t n = 0;
	for (size_t i = 0; text && i < s.len; i++) {
		bool escape = s.data[i] == '%' && i + 2 < s.len && hex(s.data[i + 1]) >= 0 && hex(s.data[i + 2]) >= 0;
		text[n++] = escape ? (uint8_t)(hex(s.data[i + 1]) << 4 | hex(s.data[i + 2])) : s.data[i];
		i += escape ? 2 : 0;
	}
	*ret = (struct slice){text, n};
	return text;
}

/* --- types ------------------------------------------------------------------ */

/* An optional '-' and digits, leading zeros included (month=01). */
static bool parse_int64(struct slice s, int64_t *ret)
{
	bool minus = s.len > 0 && s.data[0] == '-';
	int64_t v = 0;
	if (s.len == minus)
		return false;
	for (size_t i = minus; i < s.len; i++) {
		int digit = s.data[i] - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
		    (minus ? __builtin_sub_overflow(v, digit, &v) : __builtin_add_overflow(v, digit, &v)))
			return false;
	}
	*ret = v;
	return true;
}

/* YYYY-MM-DD of the Gregorian calendar, as days since 1970. */
static bool parse_date(struct slice s, int64_t *ret)
{
	static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t y, m, d;
	if (s.len != 10 || s.data[4] != '-' || s.data[7] != '-' || s.data[0] == '-' || s.data[5] == '-' || s.data[8] == '-' ||
	    !parse_int64((struct slice){s.data, 4}, &y) || !parse_int64((struct slice){s.data + 5, 2}, &m) ||
	    !parse_int64((struct slice){s.data + 8, 2}, &d))
		return false;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (m < 1 || m > 12 || d < 1 || d > lengths[m - 1] + (leap && m == 2))
		return false;
	y -= m <= 2; /* years begin in March, so that the leap day is the last */
	int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	*ret = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
	return true;
}

int64_t table_key_number(const struct table_key *key, uint32_t file)
{
	struct slice s = key->values[file];
	int64_t v = 0;
	if (s.data)
		(void)(key->dtype == DTYPE_INT64 ? parse_int64(s, &v) : parse_date(s, &v));
	return v;
}

/* The type that fits every value; a string if none does, or if there are no values. */
static void find_type(struct table_key *key, uint32_t files)
{
	bool integers = false, dates = false;
	int64_t v;
	for (uint32_t i = 0; i < files; i++)
		integers |= dates |= key->values[i].data != NULL;
	for (uint32_t i = 0; i < files && (integers || dates); i++) {
		if (!key->values[i].data)
			continue;
		integers &= parse_int64(key->values[i], &v);
		dates &= parse_date(key->values[i], &v);
	}
	for (uint32_t i = 0; i < files; i++)
		key->nulls |= !key->values[i].data;
	key->dtype = integers ? DTYPE_INT64 : dates ? DTYPE_DATE32 : DTYPE_STRING;
}

/* --- paths ------------------------------------------------------------------- */

const struct table_key *table_key(const struct table_files *files, struct slice name)
{
	const struct table_key *k = files->keys;
	while (k && !slice_equal(k->name, name))
		k = k->next;
	return k;
}

static struct table_key *key_named(struct archive *a, struct table_files *files, struct slice name)
{
	struct table_key **at = &files->keys, *k;
	while ((k = *at) && !slice_equal(k->name, name))
		at = &k->next;
	if (k)
		return k;
	k = arena_alloc(&a->arena, sizeof *k);
	struct slice *values = arena_array(&a->arena, files->count, sizeof *values);
	if (!k || !values)
		return NULL;
	*k = (struct table_key){.name = name, .values = values};
	return *at = k;
}

/* Parses one directory of a file's path. */
static int take_directory(struct archive *a, struct table_files *files, struct slice s, uint32_t file, struct error *err)
{
	const uint8_t *sign = memchr(s.data, '=', s.len);
	struct slice name, value;
	if (!sign || sign == s.data)
		return 0;
	size_t at = (size_t)(sign - s.data);
	struct slice text = {sign + 1, s.len - at - 1};
	struct table_key *k = NULL;
	if (decode(&a->arena, (struct slice){s.data, at}, &name) && decode(&a->arena, text, &value))
		k = key_named(a, files, name);
	if (!k)
		return error_no_memory(err, "the partition keys");
	if (k->seen == file + 1) /* twice in one path: the first counts */
		return 0;
	k->seen = file + 1;
	k->values[file] = slice_equal(text, SLICE("__HIVE_DEFAULT_PARTITION__")) ? (struct slice){NULL, 0} : value;
	return 0;
}

int table_find_keys(struct archive *a, struct table_files *files, struct error *err)
{
	int r = 0;
	for (uint32_t i = 0; i < files->count; i++) {
		const char *from = files->all[i]->path;
		for (const char *slash; r == 0 && (slash = strchr(from, '/')); from = slash + 1)
			r = take_directory(a, files, (struct slice){(const uint8_t *)from, (size_t)(slash - from)}, i, err);
	}
	for (struct table_key *k = files->keys; k; k = k->next)
		find_type(k, files->count);
	return r;
}

/* --- as JSON ------------------------------------------------------------------- */

void table_put_value(const struct table_key *key, uint32_t file, struct text *t)
{
	if (!key->values[file].data)
		text_add(t, "null");
	else if (key->dtype == DTYPE_INT64)
		text_print(t, "%" PRId64, table_key_number(key, file));
	else
		text_json(t, key->values[file]);
}

void table_put_origin(const struct table_files *files, uint32_t file, struct text *t)
{
	text_add(t, "\"file\":");
	text_json(t, slice_text(files->all[file]->path));
	if (files->keys)
		text_add(t, ",\"partition\":");
	for (const struct table_key *k = files->keys; k; k = k->next) {
		text_add(t, k == files->keys ? "{" : ",");
		text_json(t, k->name);
		text_add(t, ":");
		table_put_value(k, file, t);
	}
	text_add(t, files->keys ? "}," : ",");
}

int table_key_offsets(uint64_t first, uint64_t each, uint64_t at, uint64_t len, struct answer *ret)
{
	uint8_t *to;
	int r = answer_own(ret, (size_t)len, &to);
	for (uint64_t i = 0, n; r == 0 && i < len; i += n) {
		uint64_t within = (at + i) % 8, offset = htole64(first + (at + i) / 8 * each);
		n = 8 - within < len - i ? 8 - within : len - i;
		memcpy(to + i, (uint8_t *)&offset + within, (size_t)n);
	}
	return r;
}
