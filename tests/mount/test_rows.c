/* SPDX-License-Identifier: MIT */
/* Rows as text, of columns that are made here; what columns of files come to is test_rows.py's. */
#include "mount/commands/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 1 << 20 };

static struct rows_column column_of(const char *name, const char *label, enum rows_kind kind, enum dtype dtype, uint32_t width)
{
	return (struct rows_column){.name = slice_text(name), .label = slice_text(label), .kind = (uint8_t)kind, .plain = true, .width = width,
				    .array = {.dtype = (uint8_t)dtype, .width = width}};
}
#define column(name, kind, dtype, width) column_of(name, ",\"" name "\":", kind, dtype, width)

static int gather(struct rows_out *o, const char *bytes, size_t len)
{
	struct text *t = o->arg;
	text_put(t, (struct slice){(const uint8_t *)bytes, len});
	return t->failed;
}

/* Whether it is written at once or a few bytes at a time makes no difference. */
static void check(enum rows_format format, const struct rows_batch *columns, uint64_t count, const char *wanted, size_t len)
{
	struct rows_out whole = {0};
	rows_put(&whole, format, columns, count);
	assert_false(whole.failed);
	assert_int_equal(whole.len, len);
	assert_memory_equal(whole.bytes, wanted, len);
	for (size_t most = 16; most <= MOST; most *= 7) {
		struct text t = {0};
		struct rows_out parts = {.most = most, .flush = gather, .arg = &t};
		rows_put(&parts, format, columns, count);
		assert_false(parts.failed);
		text_put(&t, (struct slice){(const uint8_t *)parts.bytes, parts.len});
		assert_int_equal(t.len, len);
		assert_memory_equal(t.bytes, wanted, len);
		text_free(&t);
		rows_out_free(&parts);
	}
	rows_out_free(&whole);
}

static void says(enum rows_format format, const struct rows_batch *columns, uint64_t count, const char *wanted)
{
	check(format, columns, count, wanted, strlen(wanted));
}

/* Bytes behind which ROWS_SLACK more may be read. */
static uint8_t *slack(const void *bytes, size_t len)
{
	uint8_t *copy = calloc(1, len + ROWS_SLACK);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

static void strings_are_quoted_where_they_must_be(void **state)
{
	(void)state;
	static const char all[] = "plaina,bsay \"hi\"a\tba\nba\rb0123456789abcdef0123456789abcde,";
	uint64_t offsets[] = {0, 5, 8, 16, 19, 22, 25, 25, 41, 57};
	uint8_t validity[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct rows_column s = column("s", ROWS_STRING, DTYPE_STRING, 0), n = column("n", ROWS_NULL, DTYPE_NULL, 0);
	struct rows_batch other = {.column = &n, .count = 9};
	struct rows_batch b = {.column = &s, .count = 9, .data = slack(all, sizeof all - 1), .offsets = offsets, .validity = validity};
	says(ROWS_CSV, &b, 9, "plain\n\"a,b\"\n\"say \"\"hi\"\"\"\na\tb\n\"a\nb\"\n\"a\rb\"\n\"\"\n0123456789abcdef\n\"0123456789abcde,\"\n");
	says(ROWS_TSV, &b, 4, "plain\na,b\n\"say \"\"hi\"\"\"\n\"a\tb\"\n");
	says(ROWS_JSONL, &b, 6, "{\"s\":\"plain\"}\n{\"s\":\"a,b\"}\n{\"s\":\"say \\\"hi\\\"\"}\n{\"s\":\"a\\tb\"}\n{\"s\":\"a\\nb\"}\n{\"s\":\"a\\rb\"}\n");
	validity[0] = 0;
	says(ROWS_CSV, &b, 1, "\"\"\n"); /* a blank line would be no row */
	b.next = &other;
	says(ROWS_CSV, &b, 1, ",\n");
	says(ROWS_CSV, &b, 7, ",\n\"a,b\",\n\"say \"\"hi\"\"\",\na\tb,\n\"a\nb\",\n\"a\rb\",\n\"\",\n");
	says(ROWS_JSONL, &b, 1, "{\"s\":null,\"n\":null}\n");
	free(b.data);
}

static void bytes_are_base64_at_any_length(void **state)
{
	(void)state;
	uint64_t offsets[] = {0, 0, 1, 3, 6};
	struct rows_column s = column("s", ROWS_STRING, DTYPE_BYTES, 0);
	struct rows_batch b = {.column = &s, .count = 4, .data = slack("\xff\0\1\2\3\4", 6), .offsets = offsets};
	s.bytes = true;
	says(ROWS_CSV, &b, 4, "\"\"\n/w==\nAAE=\nAgME\n");
	says(ROWS_JSONL, &b, 4, "{\"s\":\"\"}\n{\"s\":\"/w==\"}\n{\"s\":\"AAE=\"}\n{\"s\":\"AgME\"}\n");
	free(b.data);
}

/* Every character of every length, wherever it lies in a string that has to be escaped. */
static void escapes_split_no_character(void **state)
{
	(void)state;
	static const char *const chars[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	struct rows_column s = column("s", ROWS_STRING, DTYPE_STRING, 0);
	for (unsigned kind = 0; kind < 4; kind++) {
		struct text raw = {0}, wanted = {0};
		text_add(&raw, "\x01");
		text_add(&wanted, "{\"s\":\"\\u0001");
		for (unsigned i = 0; i < 3000; i++) {
			text_add(&raw, chars[kind]);
			text_add(&wanted, chars[kind]);
		}
		text_add(&raw, "\xff\\\xc3");
		text_add(&wanted, "%FF\\\\%C3\"}\n");
		uint64_t offsets[] = {0, raw.len};
		struct rows_batch b = {.column = &s, .count = 1, .data = slack(raw.bytes, raw.len), .offsets = offsets};
		check(ROWS_JSONL, &b, 1, wanted.bytes, wanted.len);
		free(b.data);
		text_free(&raw);
		text_free(&wanted);
	}
}

/* JSON in a field is quoted if there is a quote or a delimiter anywhere in it, however far behind. */
static void long_json_in_a_field_is_quoted_where_it_must_be(void **state)
{
	(void)state;
	enum { ELEMENTS = 50000 };
	static int64_t values[ELEMENTS];
	struct rows_column list = column("l", ROWS_LIST, DTYPE_LIST, 0), item = column("i", ROWS_FIXED, DTYPE_INT64, 8);
	uint64_t offsets[] = {7, 7 + ELEMENTS, 7 + ELEMENTS};
	struct rows_batch below = {.column = &item, .first = 7, .count = ELEMENTS, .data = (uint8_t *)values};
	struct rows_batch b = {.column = &list, .count = 2, .offsets = offsets, .below = &below};
	struct text t = {0};
	text_add(&t, "[");
	for (int i = 0; i < ELEMENTS; i++) {
		values[i] = htole64((uint64_t)i - 9);
		text_print(&t, "%s%d", i ? "," : "", i - 9);
	}
	text_add(&t, "]\n[]\n");
	check(ROWS_TSV, &b, 2, t.bytes, t.len);
	struct text quoted = {0};
	text_add(&quoted, "\"");
	text_put(&quoted, (struct slice){(const uint8_t *)t.bytes, t.len - 4});
	text_add(&quoted, "\"\n[]\n");
	check(ROWS_CSV, &b, 2, quoted.bytes, quoted.len);
	text_free(&quoted);

	struct rows_column s = column("s", ROWS_STRING, DTYPE_STRING, 0);
	static uint64_t each[ELEMENTS + 1];
	struct rows_batch words = {.column = &s, .first = 7, .count = ELEMENTS, .data = slack("", 0), .offsets = each};
	b.below = &words;
	t.len = 0;
	text_add(&t, "\"[");
	for (int i = 0; i < ELEMENTS; i++)
		text_add(&t, i ? ",\"\"\"\"" : "\"\"\"\"");
	text_add(&t, "]\"\n[]\n");
	check(ROWS_TSV, &b, 2, t.bytes, t.len);
	free(words.data);
	text_free(&t);
}

static void arrays_maps_and_structs_nest(void **state)
{
	(void)state;
	struct rows_column array = column("a", ROWS_ARRAY, DTYPE_NONE, 0), inner = column("b", ROWS_ARRAY, DTYPE_NONE, 0), byte = column("c", ROWS_FIXED, DTYPE_INT8, 1);
	uint8_t outer_valid[] = {1, 0}, inner_valid[] = {1, 0, 1, 1}, valid[] = {1, 1, 0, 0, 1, 0, 1, 1};
	array.each = inner.each = 2;
	struct rows_batch c = {.column = &byte, .count = 8, .data = slack("\1\2\3\4\5\6\7\x80", 8), .validity = valid};
	struct rows_batch b = {.column = &inner, .count = 4, .validity = inner_valid, .below = &c};
	struct rows_batch a = {.column = &array, .count = 2, .validity = outer_valid, .below = &b};
	says(ROWS_JSONL, &a, 2, "{\"a\":[[1,2],null]}\n{\"a\":null}\n");
	outer_valid[1] = 1;
	says(ROWS_CSV, &a, 2, "\"[[1,2],null]\"\n\"[[5,null],[7,-128]]\"\n");

	struct rows_column map = column("m", ROWS_MAP, DTYPE_MAP, 0), of = column("s", ROWS_STRUCT, DTYPE_STRUCT, 0);
	uint64_t offsets[] = {3, 5, 5};
	struct rows_batch value = {.column = &byte, .count = 2, .data = c.data + 4}, key = {.column = &byte, .count = 2, .data = c.data, .next = &value};
	struct rows_batch m = {.column = &map, .count = 2, .offsets = offsets, .below = &key};
	struct rows_batch s = {.column = &of, .count = 2, .below = &m};
	says(ROWS_JSONL, &s, 2, "{\"s\":{\"m\":[{\"key\":1,\"value\":5},{\"key\":2,\"value\":6}]}}\n{\"s\":{\"m\":[]}}\n");
	key.next = NULL;
	says(ROWS_JSONL, &m, 1, "{\"m\":[{\"key\":1},{\"key\":2}]}\n");
	free(c.data);
}

static void indices_lead_to_words_and_runs_to_values(void **state)
{
	(void)state;
	struct rows_column words = column("d", ROWS_DICTIONARY, DTYPE_DICTIONARY, 0), index = column("i", ROWS_FIXED, DTYPE_INT16, 2),
			   word = column("w", ROWS_FIXED, DTYPE_INT8, 1), runs = column("r", ROWS_RUNS, DTYPE_RUN_END, 0);
	uint8_t *values = slack("\x0a\x0b\x0c", 3), *at = slack("\0\0\0\7\0\7\xff\xff\0\1\0\6\1\0", 14), valid[] = {1, 1, 1, 1, 1, 1, 0};
	struct rows_batch pieces[] = {{.column = &word, .first = 0, .count = 1, .data = values}, {.column = &word, .first = 7, .count = 2, .data = values + 1}};
	struct rows_batch indices = {.column = &index, .count = 7, .data = at, .validity = valid};
	struct rows_batch d = {.column = &words, .count = 7, .below = &indices, .pieces = pieces, .npieces = 2};
	index.plain = false; /* big-endian */
	says(ROWS_JSONL, &d, 7, "{\"d\":10}\n{\"d\":11}\n{\"d\":11}\n{\"d\":null}\n{\"d\":null}\n{\"d\":null}\n{\"d\":null}\n");
	d.npieces = 0;
	says(ROWS_JSONL, &d, 1, "{\"d\":null}\n");

	uint64_t ends[] = {102, 103, 200};
	struct rows_batch of = {.column = &word, .count = 3, .data = values}, r = {.column = &runs, .first = 100, .count = 4, .offsets = ends, .below = &of};
	says(ROWS_CSV, &r, 4, "10\n10\n11\n12\n");
	free(values);
	free(at);
}

static void numbers_are_those_of_csv_and_of_json(void **state)
{
	(void)state;
	struct rows_column f = column("f", ROWS_FIXED, DTYPE_FLOAT64, 8), t = column("t", ROWS_FIXED, DTYPE_TIMESTAMP_MS, 8), d = column("d", ROWS_FIXED, DTYPE_DECIMAL, 4);
	double floats[] = {1, -0.0, 1e300, __builtin_nan(""), -__builtin_inf()};
	int64_t times[] = {0, -1, INT64_MIN, INT64_MAX};
	int32_t decimals[] = {-5, 0, 12345};
	t.utc = t.times = true;
	d.array.precision = 9;
	d.array.scale = 2;
	struct rows_batch b = {.column = &f, .count = 5, .data = slack(floats, sizeof floats)};
	says(ROWS_CSV, &b, 5, "1.0\n-0.0\n1e+300\nNaN\n-inf\n");
	says(ROWS_JSONL, &b, 5, "{\"f\":1.0}\n{\"f\":-0.0}\n{\"f\":1e+300}\n{\"f\":null}\n{\"f\":null}\n");
	free(b.data);
	b = (struct rows_batch){.column = &t, .count = 4, .data = (uint8_t *)times};
	says(ROWS_CSV, &b, 3, "1970-01-01T00:00:00.000Z\n1969-12-31T23:59:59.999Z\n\"\"\n");
	says(ROWS_JSONL, &b, 3, "{\"t\":\"1970-01-01T00:00:00.000Z\"}\n{\"t\":\"1969-12-31T23:59:59.999Z\"}\n{\"t\":null}\n");
	b = (struct rows_batch){.column = &d, .count = 3, .data = (uint8_t *)decimals};
	says(ROWS_CSV, &b, 3, "-0.05\n0.00\n123.45\n");
	says(ROWS_JSONL, &b, 1, "{\"d\":-0.05}\n");
}

static int refuse(struct rows_out *o, const char *bytes, size_t len)
{
	(void)bytes, (void)len;
	return -++*(int *)o->arg;
}

/* What cannot be written ends the batch, and is asked for once. */
static void a_failed_flush_is_the_end(void **state)
{
	(void)state;
	int64_t values[100] = {0};
	int times = 0;
	struct rows_column c = column("c", ROWS_FIXED, DTYPE_INT64, 8);
	struct rows_batch b = {.column = &c, .count = 100, .data = (uint8_t *)values};
	struct rows_out o = {.most = 64, .flush = refuse, .arg = &times};
	rows_put(&o, ROWS_JSONL, &b, 100);
	assert_true(o.failed);
	assert_int_equal(times, 1);
	rows_out_free(&o);
}

static void headers_are_fields(void **state)
{
	(void)state;
	struct rows_column b = column("say \"b\"", ROWS_NULL, DTYPE_NULL, 0), a = column("a,x", ROWS_NULL, DTYPE_NULL, 0);
	struct rows_out o = {0};
	a.next = &b;
	rows_put_header(&o, ROWS_CSV, &a);
	rows_put_header(&o, ROWS_TSV, &a);
	rows_put_header(&o, ROWS_JSONL, &a);
	rows_put_header(&o, ROWS_CSV, NULL);
	static const char wanted[] = "\"a,x\",\"say \"\"b\"\"\"\na,x\t\"say \"\"b\"\"\"\n\n";
	assert_int_equal(o.len, sizeof wanted - 1);
	assert_memory_equal(o.bytes, wanted, o.len);
	rows_out_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_quoted_where_they_must_be),
		cmocka_unit_test(bytes_are_base64_at_any_length),
		cmocka_unit_test(escapes_split_no_character),
		cmocka_unit_test(long_json_in_a_field_is_quoted_where_it_must_be),
		cmocka_unit_test(arrays_maps_and_structs_nest),
		cmocka_unit_test(indices_lead_to_words_and_runs_to_values),
		cmocka_unit_test(numbers_are_those_of_csv_and_of_json),
		cmocka_unit_test(a_failed_flush_is_the_end),
		cmocka_unit_test(headers_are_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
