/* SPDX-License-Identifier: MIT */
/* What pyarrow 26 and others wrote, as tests/data/arrow/README says; every value is compared
 * with pyarrow's own by tests/interop/test_arrow.py. */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_arrow;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_arrow);
}

static void close_fixture(struct archive *a, struct slice file)
{
	archive_close(a);
	test_unload(file);
}

struct told {
	const char *path, *dtype, *shape, *type;
};

static void are_told(struct archive *a, const struct told *told, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(test_dtype(a, told[i].path), told[i].dtype);
		assert_string_equal(test_shape(a, told[i].path), told[i].shape);
		if (told[i].type)
			assert_string_equal(test_attr(a, told[i].path, "array.type"), told[i].type);
		else
			assert_null(test_attr(a, told[i].path, "array.type"));
	}
}

static void nested_columns_are_directories_by_their_kind(void **state)
{
	static const struct told told[] = {
		{"list", "list", "[15]", "list<item: int16>"},
		{"list/offsets", "int64", "[16]", NULL},
		{"list_not_null", "list", "[15]", "list<item: int8 not null>"},
		{"large_list", "list", "[15]", "large_list<item: struct<a: int32, b: string not null>>"},
		{"list_view", "list", "[15]", "list_view<item: string>"},
		{"fixed", "int16", "[15,3]", "fixed_size_list<item: int16>[3]"},
		{"fixed.values.validity", "bool", "[15,3]", NULL},
		{"fixed_of_fixed", "bool", "[15,2,2]", "fixed_size_list<item: fixed_size_list<item: bool>[2]>[2]"},
		{"fixed_of_fixed.values.validity", "bool", "[15,2]", NULL},
		{"fixed_of_fixed.values.values.validity", "bool", "[15,2,2]", NULL},
		{"fixed_of_strings", "string", "[15,2]", "fixed_size_list<item: string>[2]"},
		{"fixed_of_strings/offsets", "int64", "[31]", NULL},
		{"fixed_of_structs/a", "int32", "[15,2]", "int32"},
		{"fixed_of_dictionaries/indices", "int8", "[15,2]", "int8"},
		{"fixed_of_none", "int16", "[15,0]", "fixed_size_list<item: int16>[0]"},
		{"fixed_of_nulls", "null", "[15,2]", "fixed_size_list<item: null>[2]"},
		{"map", "map", "[15]", "map<string, int64>"},
		{"struct", "struct", "[15]",
		 "struct<x: struct<a: int32, b: string not null>, l: list<item: int16>, f: fixed_size_list<item: int16>[2]>"},
		{"struct/f", "int16", "[15,2]", "fixed_size_list<item: int16>[2]"},
		{"empty_struct", "struct", "[15]", "struct<>"},
		{"null", "null", "[15]", "null"},
		{"run_end", "run_end", "[15]", "run_end_encoded<run_ends: int32, values: string>"},
		{"sparse", "union", "[15]", "sparse_union<i: int32=5, s: string=7>"},
		{"sparse/types", "int8", "[15]", NULL},
		{"sparse/i", "int32", "[15]", "int32"},
		{"dense", "union", "[15]", "dense_union<i: int32=0, l: list<item: int16>=2, types: bool=100>"},
		{"dense/offsets", "int64", "[15]", NULL},
		{"dictionary", "dictionary", "[15]", "dictionary<values=string, indices=int16, ordered=1>"},
	};
	static const char *const names[] = {"pyarrow-nested.arrow", "pyarrow-nested.arrows", "pyarrow-nested-legacy.arrows",
					    "pyarrow-nested-v4.arrow"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_arrow, names[i]);
		are_told(&a, told, sizeof told / sizeof *told);
		assert_string_equal(test_list(&a, "map"), "offsets values");
		assert_string_equal(test_list(&a, "map/values"), "key value value.validity");
		assert_string_equal(test_list(&a, "run_end"), "run_ends values values.validity");
		assert_string_equal(test_list(&a, "dense"), "types offsets i i.validity l l.validity types~2 types~2.validity");
		assert_int_equal(test_find(&a, "sparse.validity"), 0);
		assert_int_equal(test_find(&a, "run_end.validity"), 0);
		assert_int_equal(test_node(&a, "null")->size, 0);
		close_fixture(&a, file);
	}
}

static void types_have_our_names_and_pyarrows(void **state)
{
	static const struct told told[] = {
		{"months", "V4", "[10]", "month_interval"},
		{"days", "V8", "[10]", "day_time_interval"},
	};
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "message-intervals.arrows");
	(void)state;
	are_told(&a, told, 2);
	assert_string_equal(test_attr(&a, "days", "array.byteorder"), "little");
	assert_string_equal(test_attr(&a, "list", "array.type"), "list<item: month_interval>");
	close_fixture(&a, file);
}

static void names_are_made_unique_and_validity_is_of_its_column(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "pyarrow-names.arrow");
	(void)state;
	assert_string_equal(test_attr(&a, "a~2", "arrayfs.name"), "a");
	assert_string_equal(test_attr(&a, "a.validity~2", "arrayfs.name"), "a.validity");
	assert_string_equal(test_dtype(&a, "a.validity"), "bool");
	assert_string_equal(test_dtype(&a, "a.validity~2"), "int8");
	assert_string_equal(test_attr(&a, "d/e", "arrayfs.name"), "d//e");
	assert_string_equal(test_list(&a, "b"), "c c.validity");
	assert_string_equal(test_attr(&a, "b~2", "arrayfs.name"), "b");
	close_fixture(&a, file);
}

static void nulls_are_told_of_where_they_may_be(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "pyarrow-nullable.arrow");
	(void)state;
	assert_int_not_equal(test_find(&a, "nulls_all_the_same.validity"), 0); /* although the schema denies it */
	assert_int_not_equal(test_find(&a, "none.validity"), 0);
	assert_int_equal(test_find(&a, "never.validity"), 0);
	assert_int_equal(test_find(&a, "parent/must.validity"), 0);
	assert_int_not_equal(test_find(&a, "parent/may.validity"), 0);
	assert_string_equal(test_attr(&a, "parent", "array.type"), "struct<must: int32 not null, may: int32>");
	close_fixture(&a, file);
}

static void extension_types_are_their_storage_and_tell_their_name(void **state)
{
	static const struct told told[] = {
		{"uuid", "V16", "[5]", "fixed_size_binary[16]"},
		{"bool8", "int8", "[5]", "int8"},
		{"tensor", "float32", "[5,2,3]", "fixed_size_list<item: float>[6]"},
		{"tensor.validity", "bool", "[5]", NULL},
		{"tensor.values.validity", "bool", "[5,2,3]", NULL},
		{"permuted", "int16", "[5,3,2]", "fixed_size_list<item: int16>[6]"},
		{"wrong_shape", "int8", "[5,3]", "fixed_size_list<item: int8>[3]"},
	};
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "pyarrow-extensions.arrow");
	(void)state;
	are_told(&a, told, sizeof told / sizeof *told);
	assert_string_equal(test_attr(&a, "uuid", "array.extension"), "arrow.uuid");
	assert_string_equal(test_attr(&a, "opaque", "array.extension_metadata"), "{\"type_name\":\"thing\",\"vendor_name\":\"somebody\"}");
	assert_string_equal(test_attr(&a, "permuted", "array.permutation"), "[1,0]");
	assert_null(test_attr(&a, "tensor", "array.permutation"));
	assert_string_equal(test_attr(&a, "unheard_of", "array.extension"), "some.body");
	assert_null(test_attr(&a, "unheard_of", "array.extension_metadata"));
	assert_string_equal(test_attr(&a, "unheard_of", "attr.note"), "kept");
	assert_null(test_attr(&a, "uuid", "attr.ARROW:extension:name"));
	close_fixture(&a, file);
}

static void metadata_are_attributes_of_their_column_and_of_the_root(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "pyarrow-metadata.arrows");
	(void)state;
	assert_string_equal(test_attr(&a, "", "attr.json"), "{\"a\": [1]}");
	assert_string_equal(test_attr(&a, "", "attr.empty"), "");
	assert_string_equal(test_attr(&a, "m", "attr.unit"), "metres");
	assert_string_equal(test_attr(&a, "s/x", "attr.of"), "a field");
	assert_int_equal(strlen(test_attr(&a, "s", "attr.long")), 3000);
	close_fixture(&a, file);
}

/* --- dictionaries --------------------------------------------------------------------- */

static void dictionaries_that_replace_are_appended_and_indices_widened(void **state)
{
	static const struct told told[] = {
		{"s/indices", "int16", "[90]", "int8"}, /* 270 values */
		{"s/dictionary", "string", "[270]", "string"},
		{"u/indices", "uint16", "[90]", "uint8"},
		{"null/dictionary", "string", "[9]", "string"},
		{"null/dictionary.validity", "bool", "[9]", NULL},
		{"same/dictionary", "float64", "[3]", "double"},
	};
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "pyarrow-dictionary-replaced.arrows");
	(void)state;
	are_told(&a, told, sizeof told / sizeof *told);
	assert_string_equal(test_shape(&a, "same/dictionary"), "[3]"); /* which came but once */
	assert_string_equal(test_attr(&a, "s/indices", "array.byteorder"), "little");
	assert_string_equal(test_attr(&a, "same", "array.ordered"), "true");
	assert_null(test_attr(&a, "s", "array.ordered"));
	assert_int_equal(test_find(&a, "s/dictionary.validity"), 0);
	close_fixture(&a, file);
}

static void dictionaries_grow_by_deltas(void **state)
{
	static const char *const names[] = {"pyarrow-dictionary-deltas.arrow", "pyarrow-dictionary-deltas.arrows"};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_arrow, names[i]);
		assert_string_equal(test_shape(&a, "s/dictionary"), "[100]");
		assert_string_equal(test_dtype(&a, "s/indices"), "int8");
		close_fixture(&a, file);
	}
}

static void columns_may_share_a_dictionary(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "message-dictionary-shared.arrows");
	(void)state;
	assert_string_equal(test_shape(&a, "a/dictionary"), "[3]");
	assert_string_equal(test_shape(&a, "b/dictionary"), "[3]");
	assert_int_not_equal(test_find(&a, "b/dictionary.validity"), 0);
	close_fixture(&a, file);
}

static void a_file_that_has_a_dictionary_twice_breaks_its_columns_alone(void **state)
{
	struct archive a;
	struct slice file = test_open_fixture(&a, &format_arrow, "bad/dictionary-twice.arrow");
	(void)state;
	assert_string_equal(test_attr(&a, "d/indices", "arrayfs.error"), "the file has its dictionary twice");
	assert_string_equal(test_attr(&a, "d/dictionary/values", "arrayfs.error"), "the file has its dictionary twice");
	assert_null(test_attr(&a, "i", "arrayfs.error"));
	close_fixture(&a, file);
}

/* --- batches ---------------------------------------------------------------------------- */

static void codecs_are_told_if_all_batches_agree(void **state)
{
	static const struct {
		const char *file, *column, *codec;
	} codecs[] = {
		{"pyarrow-types-lz4.arrow", "00 int8", "lz4"}, {"pyarrow-types-zstd.arrows", "00 int8", "zstd"},
		{"pyarrow-types.arrow", "00 int8", NULL}, {"message-codecs.arrows", "i", NULL}, /* LZ4, then Zstandard */
		{"pyarrow-no-rows.arrow", "00 int8", NULL}, {"pyarrow-0.17-lz4.feather", "a", "lz4"}, /* by a key of the message */
	};
	(void)state;
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_arrow, codecs[i].file);
		const char *codec = test_attr(&a, codecs[i].column, "array.codec");
		if (codecs[i].codec)
			assert_string_equal(codec, codecs[i].codec);
		else
			assert_null(codec);
		close_fixture(&a, file);
	}
}

static void big_endian_numbers_are_told_as_that(void **state)
{
	static const struct {
		const char *file, *path, *order;
	} orders[] = {
		{"message-big-types.arrows", "02 int32", "big"}, {"message-big-dictionary.arrows", "s/indices", "big"},
		{"message-big-nested.arrows", "list/offsets", "little"}, {"message-big-nested.arrows", "list/values", "big"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_arrow, orders[i].file);
		assert_string_equal(test_attr(&a, orders[i].path, "array.byteorder"), orders[i].order);
		close_fixture(&a, file);
	}
}

static void rows_are_known_where_there_is_no_column(void **state)
{
	static const char *const names[] = {"pyarrow-no-columns.arrow", "pyarrow-no-columns.arrows"};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct archive a;
		struct slice file = test_open_fixture(&a, &format_arrow, names[i]);
		assert_string_equal(test_list(&a, ""), "");
		assert_string_equal(test_shape(&a, ""), "[3]");
		close_fixture(&a, file);
	}
}

static const char *details(struct archive *a, const char *path, struct text *t)
{
	struct error err = {0};
	t->len = 0;
	assert_int_equal(format_arrow.details(a, test_find(a, path), test_node(a, path), t, &err), 0);
	return t->bytes;
}

static void details_tell_where_the_batches_are(void **state)
{
	struct archive a;
	struct text t = {0};
	struct slice file = test_open_fixture(&a, &format_arrow, "message-footer-v1.arrow");
	(void)state;
	assert_string_equal(details(&a, "", &t), ",\"num_rows\":10,\"num_dictionaries\":1,\"framing\":\"file\",\"batches\":["
			    "{\"rows\":[0,4],\"offset\":3416,\"size\":544},{\"rows\":[4,10],\"offset\":5296,\"size\":792}]");
	assert_non_null(strstr(details(&a, "i", &t), "{\"rows\":[0,4],\"slots\":4,\"null_count\":1,"
						     "\"buffers\":[{\"offset\":3424,\"size\":16}]}"));
	assert_non_null(strstr(details(&a, "i.validity", &t), "\"buffers\":[{\"offset\":3416,\"size\":1}]}"));
	assert_non_null(strstr(details(&a, "v/values", &t), "\"rows\":[4,10]"));
	close_fixture(&a, file);
	text_free(&t);
}

/* --- opening --------------------------------------------------------------------------------- */

static uint64_t fetched;

static int count_fetched(const struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	(void)s, (void)offset, (void)err;
	fetched += len;
	return 0;
}

/* A stream of one batch, of whose body nothing is needed. */
static void opening_reads_the_heads_alone(void **state)
{
	static const struct format *const only[] = {&format_arrow, NULL};
	struct archive_options options = test_options();
	struct slice file = test_data("pyarrow-batches.arrows");
	struct error err = {0};
	struct archive a;
	struct source s = source_memory(file);
	uint64_t bodies = 0, probed = file.len < HEAD_SIZE ? file.len : HEAD_SIZE;
	const char *at;
	struct text t = {0};
	(void)state;
	s.fetch = count_fetched;
	fetched = 0;
	assert_int_equal(archive_open_source(&a, only, s, "x.arrows", &options, &err), 0);
	uint64_t heads = fetched;
	for (at = details(&a, "", &t); (at = strstr(at, "\"size\":")); at++)
		bodies += strtoull(at + 7, NULL, 10);
	assert_true(bodies > 0);
	assert_true(heads <= probed + 8 + file.len - bodies); /* the magic is looked at, too */
	archive_close(&a);
	text_free(&t);
	test_unload(file);
}

static bool probes(struct slice bytes)
{
	struct source s = source_memory(bytes);
	struct error err = {0};
	struct peek p;
	assert_int_equal(peek(&p, &s, &err), 0);
	return format_arrow.probe(&p);
}

static void nothing_else_is_taken_for_arrow(void **state)
{
	uint8_t lengths[64] = {0};
	struct slice stream = test_data("pyarrow-batches.arrows");
	(void)state;
	assert_true(probes(stream));
	assert_true(probes((struct slice){stream.data + 4, stream.len - 4})); /* as before 0.15 */
	assert_false(probes((struct slice){stream.data, 12}));
	assert_false(probes(SLICE("ARROW1 is how a file of Arrow begins, and this is a text about it.")));
	assert_false(probes(SLICE("\xff\xff\xff\xff\x30\0\0\0\x10\0\0\0 and whatever follows a mark and a length of 48.......")));
	for (unsigned i = 0; i < 64; i += 4) /* numbers that could be offsets */
		lengths[i] = 16;
	assert_false(probes((struct slice){lengths, 64}));
	memset(lengths, 0xff, 64);
	assert_false(probes((struct slice){lengths, 64}));
	test_unload(stream);
}

static void what_is_refused_says_why(void **state)
{
	static const struct {
		const char *file;
		int code;
		const char *sentence;
	} bad[] = {
		{"cut-in-body.arrows", -EBADMSG, "message 3 at byte 3376: a body of 792 bytes, of which the file has 100; it is cut short or still being written"},
		{"cut-in-metadata.arrows", -EBADMSG, "message 3 at byte 3376: metadata of 1328 bytes, where there are 1288"},
		{"cut-in-prefix.arrows", -EBADMSG, "message 3 at byte 3376: it is cut short, or still being written"},
		{"cut.arrow", -EBADMSG, "no ARROW1 at its end; it is cut short or still being written"},
		{"tensor.arrows", -ENOTSUP, "message 0 at byte 0: a tensor, which arrayfs does not read"},
		{"sparse-tensor.arrows", -ENOTSUP, "message 0 at byte 0: a sparse tensor, which arrayfs does not read"},
		{"metadata-v3.arrows", -ENOTSUP, "message 0 at byte 0: metadata of version V3, where V4 and V5 are read"},
		{"footer-length-huge.arrow", -EBADMSG, "a footer of 2147483647 bytes in a file of 6906"},
		{"footer-version-7.arrow", -ENOTSUP, "metadata of version V8, where V4 and V5 are read"},
		{"block-outside.arrow", -EBADMSG, "record batch 1: metadata of 1336 bytes at byte 1099511627776 in a file of 8026"},
		{"dictionary-block-of-a-batch.arrow", -EBADMSG, "dictionary batch 0: a message of type 3 in its place"},
		{"two-schemas.arrows", -EBADMSG, "message 1 at byte 1288: it is of type 1, where a batch comes"},
		{"fields-huge.arrows", -EBADMSG, "message 0 at byte 0: the schema is not a sound FlatBuffer"},
		{"nested-300-deep.arrows", -ENOTSUP, "message 0 at byte 0: a schema more than 64 deep"},
		{"type-unknown.arrows", -ENOTSUP, "message 0 at byte 0: the column \"i\" is of type 77, which is unknown"},
		{"int-of-24-bits.arrows", -EBADMSG, "message 0 at byte 0: the column \"i\" is of integers of 24 bits"},
		{"list-without-child.arrows", -EBADMSG, "message 0 at byte 0: the column \"l\" is of a nested type with 0 children"},
		{"run-ends-of-int8.arrows", -EBADMSG, "message 0 at byte 0: run ends of type int8"},
		{"rows-negative.arrows", -EBADMSG, "message 3 at byte 3952: -1 rows behind 4"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char name[64];
		snprintf(name, sizeof name, "bad/%s", bad[i].file);
		struct slice file = test_data(name);
		check_refused(&format_arrow, file, bad[i].code, bad[i].sentence);
		test_unload(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(nested_columns_are_directories_by_their_kind),
		cmocka_unit_test(types_have_our_names_and_pyarrows),
		cmocka_unit_test(names_are_made_unique_and_validity_is_of_its_column),
		cmocka_unit_test(nulls_are_told_of_where_they_may_be),
		cmocka_unit_test(extension_types_are_their_storage_and_tell_their_name),
		cmocka_unit_test(metadata_are_attributes_of_their_column_and_of_the_root),
		cmocka_unit_test(dictionaries_that_replace_are_appended_and_indices_widened),
		cmocka_unit_test(dictionaries_grow_by_deltas),
		cmocka_unit_test(columns_may_share_a_dictionary),
		cmocka_unit_test(a_file_that_has_a_dictionary_twice_breaks_its_columns_alone),
		cmocka_unit_test(codecs_are_told_if_all_batches_agree),
		cmocka_unit_test(big_endian_numbers_are_told_as_that),
		cmocka_unit_test(rows_are_known_where_there_is_no_column),
		cmocka_unit_test(details_tell_where_the_batches_are),
		cmocka_unit_test(opening_reads_the_heads_alone),
		cmocka_unit_test(nothing_else_is_taken_for_arrow),
		cmocka_unit_test(what_is_refused_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
