/* SPDX-License-Identifier: MIT */
/* What one batch has of one field, where it is in order and where it is not. */
#include <errno.h>

#include "formats/arrow/arrow.h"
#include "tests/support.h"

extern const struct format format_arrow;

static void close_fixture(struct archive *a, struct slice file)
{
	archive_close(a);
	test_unload(file);
}

static const struct table *records(const struct archive *a)
{
	return ((const struct arrow *)a->priv)->tables[0];
}

static const struct field *column(const struct archive *a, const char *name)
{
	const struct table *t = records(a);
	for (uint32_t i = 0; i < t->nfields; i = t->fields[i].next)
		if (slice_equal(t->fields[i].name, slice_text(name)))
			return &t->fields[i];
	fail_msg("no column %s", name);
	return NULL;
}

static void a_part_is_where_the_batch_has_it(void **state)
{
	struct archive a;
	struct error err = {0};
	struct part part;
	struct extent extra;
	uint8_t codec;
	struct slice file = test_open_fixture(&a, &format_arrow, "message-footer-v1.arrow");
	int32_t values[6];
	(void)state;
	assert_int_equal(arrow_part(&a, records(&a), 1, column(&a, "i"), &part, &err), 0);
	assert_int_equal(part.length, 6);
	assert_int_equal(part.nulls, 1);
	assert_int_equal(part.codec, CODEC_NONE);
	assert_int_equal(part.buffers[1].len, 24);
	memcpy(values, file.data + part.buffers[1].at, 24);
	assert_int_equal(values[0], 10);
	assert_int_equal(arrow_part(&a, records(&a), 0, column(&a, "v"), &part, &err), 0);
	assert_int_equal(part.extras, 1);
	assert_int_equal(arrow_buffer(&a, records(&a), 0, part.extra, &extra, &codec, &err), 0);
	assert_memory_equal(file.data + extra.at, "a longer text", 13);
	assert_int_equal(arrow_part(&a, records(&a), 0, column(&a, "z"), &part, &err), 0); /* behind the views' buffers */
	assert_int_equal(part.number, column(&a, "z")->buffer + 1);
	close_fixture(&a, file);
}

static void what_is_not_in_order_is_told(void **state)
{
	static const struct {
		const char *file, *column;
		int code;
		const char *sentence;
	} bad[] = {
		{"bad/nodes-missing.arrows", "z", -EBADMSG, "record batch 1: no node 24 among 24"},
		{"bad/variadic-missing.arrows", "z", -EBADMSG, "record batch 1: it counts the buffers of 0 columns of views, not of 1"},
		{"bad/variadic-negative.arrows", "v", -EBADMSG, "record batch 1: -1 buffers of views among 51"},
		{"bad/node-negative-length.arrows", "i", -EBADMSG, "record batch 1: node 0 of -6 values and 1 nulls"},
		{"bad/nulls-without-bitmap.arrows", "z", -EBADMSG, "record batch 1: 1 nulls without a bitmap"},
		{"bad/buffer-wraps.arrows", "i", -EBADMSG, "record batch 1: buffer 1 of 24 bytes at 9223372036854775800 in a body of 792"},
		{"bad/union-nulls-v4.arrows", "u", -ENOTSUP, "record batch 1: a union or runs with nulls of their own"},
		{"bad/codec-unknown.arrows", "i", -ENOTSUP, "record batch 1: its buffers are compressed with codec 9 and method 0, which are unknown"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct archive a;
		struct error err = {0};
		struct part part;
		struct slice file = test_open_fixture(&a, &format_arrow, bad[i].file);
		assert_int_equal(arrow_part(&a, records(&a), 1, column(&a, bad[i].column), &part, &err), bad[i].code);
		assert_string_equal(err.text, bad[i].sentence);
		close_fixture(&a, file);
	}
}

static void nulls_that_are_not_counted_are_none_without_a_bitmap(void **state)
{
	struct archive a;
	struct error err = {0};
	struct part part;
	struct slice file = test_open_fixture(&a, &format_arrow, "bad/node-negative-nulls.arrows");
	(void)state;
	assert_int_equal(arrow_part(&a, records(&a), 1, column(&a, "z"), &part, &err), 0);
	assert_int_equal(part.nulls, 0);
	close_fixture(&a, file);
}

/* In a stream each batch has the dictionary of its time; in a file all have all of it. */
static void batches_have_the_dictionary_of_their_time(void **state)
{
	static const struct {
		const char *file;
		uint64_t start[3], end[3];
	} ranges[] = {
		{"pyarrow-dictionary-replaced.arrows", {0, 80, 170}, {80, 170, 270}},
		{"pyarrow-dictionary-deltas.arrows", {0, 0, 0}, {80, 90, 100}},
		{"pyarrow-dictionary-deltas.arrow", {0, 0, 0}, {100, 100, 100}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_arrow, ranges[i].file);
		for (uint32_t batch = 0; batch < 3; batch++) {
			uint64_t start, end;
			arrow_dictionary_range(column(&a, "s")->dictionary, records(&a), batch, &start, &end);
			assert_int_equal(start, ranges[i].start[batch]);
			assert_int_equal(end, ranges[i].end[batch]);
		}
		close_fixture(&a, file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_is_where_the_batch_has_it),
		cmocka_unit_test(what_is_not_in_order_is_told),
		cmocka_unit_test(nulls_that_are_not_counted_are_none_without_a_bitmap),
		cmocka_unit_test(batches_have_the_dictionary_of_their_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
