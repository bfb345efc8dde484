/* SPDX-License-Identifier: MIT */
#include "fs/blocks/blocks.h"
#include "tests/support.h"

#include <float.h>
#include <unistd.h>

#include "formats/hdf5/hdf5.h"
#include "fs/archive/attrs.h"

extern const struct format format_hdf5;

static void open_fixture(struct archive *a, const char *name)
{
	struct error err = {0};
	char *path = test_path(test_data_folder(), name);
	assert_int_equal(test_open_file(a, &format_hdf5, path, &err), 0);
	free(path);
}

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_hdf5);
}

/* Values as h5py reads them. */
static void old_and_new_groups_show_the_same(void **state)
{
	static const char *const names[] = {"old.h5", "latest.h5"};
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct archive a;
		open_fixture(&a, names[i]);
		static const uint8_t big[24] = {[7] = 1, [11] = 2, [15] = 3, [19] = 4, [23] = 5};
		assert_string_equal(test_list(&a, ""), "a b c en g k l nul ref s t v z");
		assert_string_equal(test_list(&a, "g"), "ext hard soft up");
		check_bytes(&a, "a", big, sizeof big);
		check_bytes(&a, "g/hard", big, sizeof big);
		assert_string_equal(test_dtype(&a, "a"), "int32");
		assert_string_equal(test_shape(&a, "a"), "[2,3]");
		assert_int_equal(test_node(&a, "a")->array->byteorder, BYTEORDER_BIG);
		assert_string_equal(test_node(&a, "a")->array->type, "H5T_STD_I32BE");
		assert_string_equal(test_node(&a, "c")->array->codec, "shuffle+deflate+fletcher32");
		archive_close(&a);
	}
}

static int count_attr(void *arg, const struct attr *attr)
{
	(void)attr;
	++*(unsigned *)arg;
	return 0;
}

static void attributes_are_text_or_json(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "old.h5");
	assert_string_equal(test_attr(&a, "", "attr.title"), "a file");
	assert_string_equal(test_attr(&a, "", "attr.numbers"), "[0.0, 0.1, 0.2]");
	assert_string_equal(test_attr(&a, "", "attr.n"), "-7");
	assert_string_equal(test_attr(&a, "", "attr.one"), "[1]");
	assert_string_equal(test_attr(&a, "", "attr.vs"), "[\"a\", \"bc\"]");
	assert_string_equal(test_attr(&a, "", "attr.e"), "null");
	archive_close(&a);
}

/* Values as h5py reads them; floats as the shortest text of their own type. */
static void attributes_of_every_type_are_told(void **state)
{
	static const char *const values[][2] = {
		{"half", "[0.1, 6.55e+04, \"-Infinity\", 6e-08]"},
		{"single", "[0.1, 0.33333334]"},
		{"double", "[0.1, 0.3333333333333333, \"NaN\", 1e+300]"},
		{"complex", "[[1.0, 2.0], [-0.0, -0.5]]"},
		{"bool", "[1, 0]"},
		{"one", "18446744073709551615"},
		{"grid", "[[0, 1, 2], [3, 4, 5]]"},
		{"none", "null"},
		{"empty", "[]"},
		{"fixed", "ab"},
		{"text", "h\303\251\n\"quoted\""},
		{"texts", "[\"a\", \"h\303\251\\u000a\\\"quoted\\\"\"]"},
		{"opaque", "\"01ff00\""},
		{"mixed", "[{\"i\": 1, \"f\": 2.5, \"s\": \"ab\", \"m\": [[1, 2]]}]"},
		{"colour", "1"},
		{"sequences", "[[1, 2], []]"},
		{"object", "\"/alias\""},
		{"objects", "[\"/\", \"/z\", null]"},
		{"region", "\"/alias\""},
	};
	char name[300];
	(void)state;
	struct archive a;
	open_fixture(&a, "attributes.h5");
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		snprintf(name, sizeof name, "attr.%s", values[i][0]);
		assert_string_equal(test_attr(&a, "a", name), values[i][1]);
	}
	if (LDBL_MANT_DIG == 64)
		assert_string_equal(test_attr(&a, "a", "attr.x87"), "[0.33333333333333333334, -0.5, 1.0]");
	assert_string_equal(test_attr(&a, "b", "attr.float8"), "[0.002, 1.0, 4.5e+02, \"NaN\"]");
	assert_string_equal(test_attr(&a, "b", "attr.narrow"), "[-200, 99]");
	assert_string_equal(test_attr(&a, "b", "attr.bits"), "[4660]");
	assert_string_equal(test_attr(&a, "b", "attr.\xff\xfe"), "5");
	memset(name, 'n', 255);
	memcpy(name, "attr.", 5);
	name[255] = '\0';
	assert_string_equal(test_attr(&a, "b", name), "6");
	archive_close(&a);
}

static void details_are_layout_chunks_and_filters(void **state)
{
	struct archive a;
	struct text t = {0};
	struct error err = {0};
	(void)state;
	open_fixture(&a, "old.h5");
	uint32_t id = test_find(&a, "c");
	assert_int_equal(format_hdf5.details(&a, id, tree_node(&a.tree, id), &t, &err), 0);
	assert_string_equal(t.bytes, ",\"maxshape\":[null,10],\"layout\":\"chunked\",\"chunks\":[4,4],\"index\":\"btree1\",\"filters\":["
				     "{\"name\":\"shuffle\",\"id\":2,\"options\":[8],\"optional\":true},"
				     "{\"name\":\"deflate\",\"id\":1,\"options\":[4],\"optional\":true},"
				     "{\"name\":\"fletcher32\",\"id\":3,\"options\":[]}],"
				     "\"storage_size\":212,\"fill_value\":0.0");
	text_free(&t);
	archive_close(&a);
}

/* One attribute that breaks the rules is named, and the others are told. */
static void a_broken_attribute_leaves_the_others(void **state)
{
	static const uint8_t name[] = "half";
	struct archive a;
	struct error err = {0};
	(void)state;
	struct slice file = test_data("attributes.h5");
	uint8_t *at = memmem(file.data, file.len, name, sizeof name);
	assert_non_null(at);
	at[40] = 0xff; /* its dataspace: 255 elements, of which 4 are there */
	assert_int_equal(test_open(&a, &format_hdf5, file, &err), 0);
	uint32_t id = test_find(&a, "a");
	unsigned count = 0;
	assert_int_equal(attrs_walk(&a, id, tree_node(&a.tree, id), count_attr, &count, &err), -EBADMSG);
	assert_int_equal(count, 20 - 1);
	assert_string_equal(err.text, "attribute half: dimension 0 is 255 and may be at most 4");
	archive_close(&a);
	test_unload(file);
}

static void types_become_files_and_directories(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "latest.h5");
	static const uint8_t offsets[32] = {[8] = 1, [16] = 1, [24] = 4};
	static const uint8_t sequences[32] = {[8] = 2, [16] = 2, [24] = 3};
	check_bytes(&a, "s/offsets", offsets, 32);
	check_bytes(&a, "s/values", "xy\303\251", 4);
	check_bytes(&a, "v/offsets", sequences, 32);
	check_bytes(&a, "v/values", "\1\0\2\0\3\0", 6);
	assert_string_equal(test_list(&a, "k"), "a b s m");
	check_bytes(&a, "k/b/c", "\x40\x20\0\0", 4);
	check_bytes(&a, "k/s", "ab", 3);
	assert_string_equal(test_shape(&a, "k/m"), "[1,2]");
	assert_string_equal(test_dtype(&a, "b"), "bool");
	assert_string_equal(test_dtype(&a, "z"), "complex64");
	assert_string_equal(test_dtype(&a, "ref"), "V8");
	assert_string_equal(test_attr(&a, "en", "array.enum"), "{\"GREEN\": 1, \"RED\": 0}");
	check_bytes(&a, "nul", "", 0);
	assert_null(test_shape(&a, "nul"));
	assert_null(test_attr(&a, "nul", "array.shape"));
	assert_string_equal(test_attr(&a, "s/values", "array.shape"), "[4]");
	assert_string_equal(test_attr(&a, "v/values", "array.shape"), "[3]");
	assert_string_equal(test_attr(&a, "v/values", "array.order"), "C");
	archive_close(&a);
}

static void hard_links_are_one_file(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "old.h5");
	assert_int_equal(tree_resolve(&a.tree, test_find(&a, "g/hard")), tree_resolve(&a.tree, test_find(&a, "a")));
	assert_int_equal(test_node(&a, "a")->links, 2);
	assert_string_equal(test_node(&a, "g/up")->target, "..");
	assert_string_equal(test_node(&a, "g/soft")->target, "../a");
	archive_close(&a);
}

static void every_index_and_packing_is_read(void **state)
{
	uint8_t counted[60];
	static const char *const wide[] = {"zstd", "lz4", "bs", "bz", "bl"};
	(void)state;
	for (unsigned i = 0; i < sizeof counted; i++)
		counted[i] = (uint8_t)i;
	struct archive a;
	open_fixture(&a, "index.h5");
	check_bytes(&a, "fixed", counted, 30);
	check_bytes(&a, "extensible", counted, 60);
	check_bytes(&a, "second", counted, 60);
	check_bytes(&a, "btree", counted, 60);
	check_bytes(&a, "single", counted, 60);
	const int32_t holes[10] = {5, 5, 5, 5, 9, 5, 5, 5, 5, 5};
	check_bytes(&a, "holes", holes, sizeof holes);
	archive_close(&a);

	int32_t numbers[64];
	for (int i = 0; i < 64; i++)
		numbers[i] = i;
	open_fixture(&a, "pack.h5");
	check_bytes(&a, "so", numbers, 50 * 4);
	assert_string_equal(test_dtype(&a, "so"), "int32");
	assert_string_equal(test_dtype(&a, "nb"), "V4"); /* 17 bits from the fourth on: no int32 */
	for (unsigned i = 0; i < sizeof wide / sizeof *wide; i++)
		check_bytes(&a, wide[i], numbers, sizeof numbers);
	archive_close(&a);
}

static void read_from(struct archive *a, const char *path, uint64_t offset, uint64_t len, const void *expected)
{
	struct error err = {0};
	struct answer answer;
	uint8_t bytes[64];
	assert_in_range(len, 1, sizeof bytes);
	answer_init(&answer);
	assert_int_equal(archive_read(a, test_node(a, path), offset, len, &answer, &err), 0);
	assert_int_equal(answer.len, len);
	answer_copy(&answer, bytes, NULL);
	assert_memory_equal(bytes, expected, len);
	answer_close(&answer);
}

/* "l": 40 numbers of two bytes in chunks of 16.  The first read makes what is known of
 * the dataset, too. */
static void a_read_makes_one_chunk_and_the_next_in_it_none(void **state)
{
	struct archive_options options = test_options();
	struct blocks_stats stats;
	struct archive a;
	struct error err = {0};
	struct slice file = test_data("old.h5");
	(void)state;
	assert_int_equal(blocks_open(&options.blocks, 1 << 20, 2), 0);
	const struct format *const only[] = {&format_hdf5, NULL};
	assert_int_equal(archive_open_source(&a, only, source_memory(file), "old.h5", &options, &err), 0);
	test_node(&a, "l");
	blocks_stats(options.blocks, &stats); /* attributes may have made some */
	uint64_t before = stats.decoded;
	read_from(&a, "l", 50, 4, "\31\0\32\0");
	read_from(&a, "l", 40, 4, "\24\0\25\0");
	read_from(&a, "l", 58, 2, "\35\0");
	blocks_stats(options.blocks, &stats);
	assert_int_equal(stats.decoded - before, 1 + 1);
	read_from(&a, "l", 6, 2, "\3\0");
	blocks_stats(options.blocks, &stats);
	assert_int_equal(stats.decoded - before, 1 + 2);
	archive_close(&a);
	blocks_close(options.blocks);
	test_unload(file);
}

/* "btree": rows of ten bytes in chunks of 2 x 3.  After the third read, three bytes
 * further each, chunks that nobody asked for are made, too. */
static void a_strided_reader_finds_the_next_piece_made(void **state)
{
	struct archive_options options = test_options();
	struct blocks_stats stats;
	struct archive a;
	struct error err = {0};
	struct slice file = test_data("index.h5");
	(void)state;
	assert_int_equal(blocks_open(&options.blocks, 1 << 20, 2), 0);
	const struct format *const only[] = {&format_hdf5, NULL};
	assert_int_equal(archive_open_source(&a, only, source_memory(file), "index.h5", &options, &err), 0);
	test_node(&a, "btree");
	blocks_stats(options.blocks, &stats);
	uint64_t before = stats.decoded;
	read_from(&a, "btree", 0, 1, "\0");
	read_from(&a, "btree", 3, 1, "\3");
	read_from(&a, "btree", 6, 1, "\6");
	for (unsigned i = 0; i < 5000 && stats.decoded - before < 1 + 4; i++) {
		usleep(1000);
		blocks_stats(options.blocks, &stats);
	}
	assert_in_range(stats.decoded - before, 1 + 4, 1 + 12);
	archive_close(&a);
	blocks_close(options.blocks);
	test_unload(file);
}

/* Extents and values as h5py reads them. */
static void virtual_datasets_reach_as_far_as_their_sources(void **state)
{
	static const int16_t numbered[] = {0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25};
	static const int16_t strided[] = {-1, -1, -1, 3, 4, 5, 6, 7, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, 12, 13, 14, 15, 16, 17};
	static const int16_t nested[] = {10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5};
	struct archive a;
	(void)state;
	open_fixture(&a, "virtual.h5");
	assert_string_equal(test_shape(&a, "numbered"), "[6,3]");
	check_bytes(&a, "numbered", numbered, sizeof numbered);
	assert_string_equal(test_shape(&a, "strided"), "[8,3]");
	check_bytes(&a, "strided", strided, sizeof strided);
	check_bytes(&a, "nested", nested, sizeof nested);
	archive_close(&a);
}

static void dense_links_and_attributes_are_found(void **state)
{
	(void)state;
	struct archive a;
	open_fixture(&a, "dense.h5");
	assert_string_equal(test_list(&a, ""), "d00 d01 d02 d03 d04 d05 d06 d07 d08 d09 d10 d11");
	assert_string_equal(test_attr(&a, "", "attr.a11"), "11");
	check_bytes(&a, "d07", "\7", 1);
	archive_close(&a);
}

/* Values as h5py reads them. */
static void a_committed_type_is_found_by_the_oldest_message(void **state)
{
	struct archive a;
	(void)state;
	open_fixture(&a, "shared.h5");
	check_bytes(&a, "d", "\0\0\0\1\0\0\0\2", 8);
	archive_close(&a);
}

/* In the file at their addresses there are zeros. */
static void metadata_is_found_in_a_cache_image(void **state)
{
	struct archive a;
	(void)state;
	open_fixture(&a, "image.h5");
	check_bytes(&a, "g/d", "\0\0\1\0\2\0\3\0", 8);
	check_bytes(&a, "c", "\0\1\2\3\4\5", 6);
	archive_close(&a);
}

/* Values as h5py reads them: in C order of all blocks, not block by block. */
static void lists_of_blocks_are_mapped_in_order(void **state)
{
	static const int16_t mapped[] = {-1, 0, 1, -1, -1, -1, -1, 8, 9, -1, 13, 21, -1, 29, 37, -1, -1, -1, -1, -1, -1, -1, -1, -1};
	struct archive a;
	(void)state;
	open_fixture(&a, "blocks.h5");
	check_bytes(&a, "v", mapped, sizeof mapped);
	archive_close(&a);
}

/* Heaps with filters: of one block and of many, and huge objects. */
static void heaps_that_are_filtered_are_read(void **state)
{
	struct archive a;
	(void)state;
	open_fixture(&a, "filtered.h5");
	assert_string_equal(test_attr(&a, "many", "attr.a03"), "[0, 1, 2]");
	assert_string_equal(test_node(&a, "few/a name that is told 008")->target, "../few/d");
	assert_string_equal(test_node(&a, "many/a name that is told 249")->target, "../few/d");
	check_bytes(&a, "many/d", "\7", 1);
	archive_close(&a);
}

/* --- what is wrong is said ----------------------------------------------------- */

/* Of what the root holds 2 KB are kept; the objects' headers are larger. */
static void what_is_read_on_the_way_counts_against_a_first_try(void **state)
{
	struct error err = {0};
	struct archive a;
	(void)state;
	open_fixture(&a, "attributes.h5");
	assert_int_equal(archive_fill_within(&a, TREE_ROOT, 4000, &err), -E2BIG);
	assert_int_equal(archive_fill_within(&a, TREE_ROOT, 14000, &err), 0);
	assert_int_equal(a.arena.lent, 0);
	archive_close(&a);
}

static void a_signature_alone_is_refused(void **state)
{
	static const char head[] = "\x89HDF\r\n\x1a\n\t";
	(void)state;
	check_refused(&format_hdf5, ((struct slice){(const uint8_t *)head, 9}), -ENOTSUP, "superblock version 9");
}

/* The chunks' rank must be the dataset's (CVE-2026-19025): one byte of the layout
 * message of "c" is the rank, which is followed by the address and 4, 4, 8. */
static void chunks_of_another_rank_are_a_fault(void **state)
{
	static const uint8_t dims[12] = {4, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0};
	struct archive a;
	struct error err = {0};
	(void)state;
	struct slice file = test_data("old.h5");
	uint8_t *bytes = (uint8_t *)(uintptr_t)file.data;
	uint8_t *at = memmem(bytes, file.len, dims, sizeof dims);
	assert_non_null(at);
	assert_int_equal(at[-9], 3);
	at[-9] = 2;
	assert_int_equal(test_open(&a, &format_hdf5, file, &err), 0);
	assert_string_equal(test_attr(&a, "c", "arrayfs.error"), "chunks of rank 1 in a dataset of rank 2");
	check_bytes(&a, "en", "\0\1", 2);
	archive_close(&a);
	test_unload(file);
}

/* What a file names that broke other readers: one change to a good one, by which a
 * part cannot be had, and the rest can. */
static uint8_t *open_patched(struct archive *a, struct slice *file, const char *fixture, const void *find, size_t len,
			     size_t skip, uint8_t value)
{
	struct error err = {0};
	*file = test_data(fixture);
	uint8_t *at = memmem(file->data, file->len, find, len);
	assert_non_null(at);
	at[skip] = value;
	assert_int_equal(test_open(a, &format_hdf5, *file, &err), 0);
	return at;
}

static void read_fails(struct archive *a, const char *path, int code, const char *sentence)
{
	struct answer answer;
	struct error err = {0};
	answer_init(&answer);
	assert_int_equal(archive_read(a, test_node(a, path), 0, 1 << 20, &answer, &err), code);
	assert_string_equal(err.text, sentence);
	answer_close(&answer);
}

/* CVE-2025-2310: an attribute's name that is longer than its message. */
static void a_name_longer_than_its_attribute_is_a_fault(void **state)
{
	struct archive a;
	struct slice file;
	struct error err = {0};
	unsigned count = 0;
	static const uint8_t half[] = {5, 0, 20, 0, 24, 0, 'h', 'a', 'l', 'f', 0};
	(void)state;
	open_patched(&a, &file, "attributes.h5", half, sizeof half, 1, 0xff);
	uint32_t id = test_find(&a, "a");
	assert_int_equal(attrs_walk(&a, id, tree_node(&a.tree, id), count_attr, &count, &err), -EBADMSG);
	assert_int_equal(count, 20 - 1);
	archive_close(&a);
	test_unload(file);
}

/* CVE-2025-2308, CVE-2025-44905: scale-offset with more bits an element than it has. */
static void scaled_values_of_too_many_bits_are_a_fault(void **state)
{
	static const uint8_t packed[] = {5, 0, 0, 0, 8, 1, 0, 0, 0, 0, 0, 0, 0};
	struct archive a;
	struct slice file;
	int32_t numbers[64];
	(void)state;
	for (int i = 0; i < 64; i++)
		numbers[i] = i;
	open_patched(&a, &file, "pack.h5", packed, sizeof packed, 0, 0x7f);
	read_fails(&a, "so", -EBADMSG, "scaleoffset: 20 elements of 127 bits in 34 bytes");
	check_bytes(&a, "zstd", numbers, sizeof numbers);
	archive_close(&a);
	test_unload(file);
}

/* N-bit: elements that take no bits could be any number, of any number of members. */
static void an_nbit_compound_of_nothing_is_a_fault(void **state)
{
	static const uint8_t values[] = {16, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 3};
	struct archive a;
	struct slice file;
	int32_t numbers[64];
	(void)state;
	for (int i = 0; i < 64; i++)
		numbers[i] = i;
	open_patched(&a, &file, "pack.h5", values, sizeof values, 4, 3);
	read_fails(&a, "nb", -EBADMSG, "nbit: a compound of 0 members");
	check_bytes(&a, "zstd", numbers, sizeof numbers);
	archive_close(&a);
	test_unload(file);
}

/* A chunk of 256 bytes that is stored in a gigabyte of a sparse file: what a library
 * is given a copy of counts as decoding does. */
static void a_chunk_stored_in_more_than_the_cache_is_a_fault(void **state)
{
	enum { STORED = 1 << 30 };
	struct slice file = test_data("pack.h5");
	char *folder = test_folder(), path[256];
	uint8_t key[4 + 8 + 8 + 8] = {0}, *at = memmem(file.data, file.len, "BZh9", 4);
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_non_null(at);
	uint64_t address = htole64((uint64_t)(at - file.data));
	memcpy(key + 20, &address, 8);
	at = memmem(file.data, file.len, key, sizeof key);
	assert_non_null(at);
	memcpy(at - 4, &(uint32_t){htole32(STORED)}, 4);

	snprintf(path, sizeof path, "%s/x.h5", folder);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(file.data, 1, file.len, f), file.len);
	assert_int_equal(ftruncate(fileno(f), (off_t)file.len + STORED), 0);
	fclose(f);
	assert_int_equal(test_open_file(&a, &format_hdf5, path, &err), 0);
	read_fails(&a, "bz", -ENOMEM, "1073741824 bytes to decode at once do not fit the cache: -o cache= makes it larger");
	archive_close(&a);
	test_folder_remove(folder);
	test_unload(file);
}

/* Chunks behind the last that an extensible array says was set are fill values,
 * whatever stands there; as h5py read it. */
static void what_an_extensible_array_never_set_is_fill(void **state)
{
	enum { SET = 44, LEN = 68 }; /* where that stands in the header, and its sum */
	struct slice file = test_data("index.h5");
	uint8_t *at = memmem(file.data, file.len, "EAHD", 4), numbers[60] = {0};
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_non_null(at);
	at[SET] = 10;
	uint32_t sum = htole32(h5_lookup3(at, LEN));
	memcpy(at + LEN, &sum, 4);
	for (int i = 0; i < 20; i++)
		numbers[i] = (uint8_t)i;
	assert_int_equal(test_open(&a, &format_hdf5, file, &err), 0);
	check_bytes(&a, "extensible", numbers, sizeof numbers);
	archive_close(&a);
	test_unload(file);
}

/* The second of the three chunks of "l" says that it begins at element 80, of 40. */
static void chunks_out_of_order_are_a_fault(void **state)
{
	static const uint8_t key[] = {32, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0};
	struct archive a;
	struct slice file;
	(void)state;
	open_patched(&a, &file, "old.h5", key, sizeof key, 8, 80);
	read_fails(&a, "l", -EBADMSG, "the keys of a chunk index's node at 12856 are not in order");
	check_bytes(&a, "en", "\0\1", 2);
	archive_close(&a);
	test_unload(file);
}

/* CVE-2026-26200: an object of a global heap that is larger than the heap. */
static void an_object_larger_than_its_heap_is_a_fault(void **state)
{
	static const uint8_t object[] = {'G', 'C', 'O', 'L', 1};
	struct archive a;
	struct error err = {0};
	unsigned count = 0;
	struct slice file;
	(void)state;
	open_patched(&a, &file, "old.h5", object, sizeof object, 16 + 8 + 6, 0x7f);
	uint32_t id = TREE_ROOT;
	assert_int_equal(attrs_walk(&a, id, tree_node(&a.tree, id), count_attr, &count, &err), -EBADMSG);
	assert_string_equal(err.text, "attribute title: no object 1 in the global heap at 2048");
	assert_int_equal(count, 5); /* the format, and four of six: two are in that heap */
	check_bytes(&a, "en", "\0\1", 2);
	archive_close(&a);
	test_unload(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_and_new_groups_show_the_same),
		cmocka_unit_test(attributes_are_text_or_json),
		cmocka_unit_test(attributes_of_every_type_are_told),
		cmocka_unit_test(details_are_layout_chunks_and_filters),
		cmocka_unit_test(a_broken_attribute_leaves_the_others),
		cmocka_unit_test(types_become_files_and_directories),
		cmocka_unit_test(hard_links_are_one_file),
		cmocka_unit_test(every_index_and_packing_is_read),
		cmocka_unit_test(a_read_makes_one_chunk_and_the_next_in_it_none),
		cmocka_unit_test(a_strided_reader_finds_the_next_piece_made),
		cmocka_unit_test(virtual_datasets_reach_as_far_as_their_sources),
		cmocka_unit_test(dense_links_and_attributes_are_found),
		cmocka_unit_test(a_committed_type_is_found_by_the_oldest_message),
		cmocka_unit_test(metadata_is_found_in_a_cache_image),
		cmocka_unit_test(lists_of_blocks_are_mapped_in_order),
		cmocka_unit_test(heaps_that_are_filtered_are_read),
		cmocka_unit_test(what_is_read_on_the_way_counts_against_a_first_try),
		cmocka_unit_test(a_signature_alone_is_refused),
		cmocka_unit_test(chunks_of_another_rank_are_a_fault),
		cmocka_unit_test(a_name_longer_than_its_attribute_is_a_fault),
		cmocka_unit_test(scaled_values_of_too_many_bits_are_a_fault),
		cmocka_unit_test(an_nbit_compound_of_nothing_is_a_fault),
		cmocka_unit_test(a_chunk_stored_in_more_than_the_cache_is_a_fault),
		cmocka_unit_test(what_an_extensible_array_never_set_is_fill),
		cmocka_unit_test(chunks_out_of_order_are_a_fault),
		cmocka_unit_test(an_object_larger_than_its_heap_is_a_fault),
		cmocka_unit_test(keeps_the_promises),
	};
	return cmocka_run_group_tests_name("hdf5", tests, NULL, NULL);
}
