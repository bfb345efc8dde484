/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "tests/support.h"

extern const struct format format_safetensors;

static void keeps_the_promises(void **state)
{
	(void)state;
	check_fixtures(&format_safetensors);
}

/* --- sound files ------------------------------------------------------- */

static void open_fixture(struct archive *a, const char *name, struct slice *file)
{
	struct error err = {0};
	*file = test_data(name);
	if (test_open(a, &format_safetensors, *file, &err) < 0)
		fail_msg("%s: %s", name, err.text);
}

/* As pattern() in scripts/fixtures/common.py fills the arrays. */
static uint8_t *pattern(size_t n, unsigned seed)
{
	uint8_t *bytes = malloc(n ? n : 1);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 37 + seed * 101 + (i >> 8) * 11 + 1);
	return bytes;
}

/* The library's word, ours, the format's, and the bits of an element, in the order
 * of the fixture's seeds. */
static const struct {
	const char *written, *dtype, *type;
	size_t bits;
} types[] = {
	{"bool", "bool", "BOOL", 8},
	{"uint8", "uint8", "U8", 8},
	{"int8", "int8", "I8", 8},
	{"uint16", "uint16", "U16", 16},
	{"int16", "int16", "I16", 16},
	{"uint32", "uint32", "U32", 32},
	{"int32", "int32", "I32", 32},
	{"uint64", "uint64", "U64", 64},
	{"int64", "int64", "I64", 64},
	{"float16", "float16", "F16", 16},
	{"bfloat16", "bfloat16", "BF16", 16},
	{"float32", "float32", "F32", 32},
	{"float64", "float64", "F64", 64},
	{"complex64", "complex64", "C64", 64},
	{"float8_e4m3fn", "float8_e4m3fn", "F8_E4M3", 8},
	{"float8_e5m2", "float8_e5m2", "F8_E5M2", 8},
	{"float8_e8m0fnu", "float8_e8m0fnu", "F8_E8M0", 8},
	{"float8_e4m3fnuz", "float8_e4m3fnuz", "F8_E4M3FNUZ", 8},
	{"float8_e5m2fnuz", "float8_e5m2fnuz", "F8_E5M2FNUZ", 8},
};

static void every_dtype_of_the_library(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	open_fixture(&a, "dtypes.safetensors", &file);
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
		size_t n = 6 * types[i].bits / 8;
		uint8_t *bytes = pattern(n, i);
		const struct node *node = test_node(&a, types[i].written);
		for (size_t k = 0; i == 0 && k < n; k++)
			bytes[k] &= 1;
		assert_string_equal(test_dtype(&a, types[i].written), types[i].dtype);
		assert_string_equal(test_shape(&a, types[i].written), "[2,3]");
		assert_string_equal(node->array->type, types[i].type);
		assert_int_equal(node->array->byteorder, types[i].bits > 8 ? BYTEORDER_LITTLE : BYTEORDER_NONE);
		assert_null(node->array->codec);
		check_bytes(&a, types[i].written, bytes, n);
		free(bytes);
	}
	/* two elements in a byte, the shape in elements */
	assert_string_equal(test_dtype(&a, "float4_e2m1fn_x2"), "float4_e2m1fn");
	assert_string_equal(test_shape(&a, "float4_e2m1fn_x2"), "[2,6]");
	assert_int_equal(test_node(&a, "float4_e2m1fn_x2")->size, 6);
	archive_close(&a);
	test_unload(file);
}

static void six_bits_stay_packed(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	open_fixture(&a, "sixbits.safetensors", &file);
	uint8_t *bytes = pattern(9, 0);
	assert_string_equal(test_dtype(&a, "e2m3"), "float6_e2m3fn");
	assert_string_equal(test_dtype(&a, "e3m2"), "float6_e3m2fn");
	assert_string_equal(test_shape(&a, "e3m2"), "[2,4]");
	check_bytes(&a, "e2m3", bytes, 3);
	check_bytes(&a, "e3m2", bytes + 3, 6);
	check_bytes(&a, "none", "", 0);
	free(bytes);
	archive_close(&a);
	test_unload(file);
}

static void scalars_are_one_element_and_nothing_is_empty(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	open_fixture(&a, "shapes.safetensors", &file);
	assert_string_equal(test_shape(&a, "scalar"), "[]");
	assert_int_equal(test_node(&a, "scalar")->size, 4);
	assert_string_equal(test_shape(&a, "nothing"), "[0]");
	assert_string_equal(test_shape(&a, "nowhere"), "[3,0,5]");
	assert_string_equal(test_shape(&a, "deep"), "[1,2,1,2,1,2]");
	check_bytes(&a, "nothing", "", 0);
	check_bytes(&a, "nowhere", "", 0);
	archive_close(&a);
	test_unload(file);
}

static void the_order_is_the_headers(void **state)
{
	struct archive a;
	struct slice file;
	uint8_t *bytes = pattern(7, 0);
	(void)state;
	open_fixture(&a, "layout.safetensors", &file);
	assert_string_equal(test_list(&a, ""), "later first between bool");
	check_bytes(&a, "later", bytes + 4, 3);
	check_bytes(&a, "first", bytes, 4);
	check_bytes(&a, "bool", "\0\1\2", 3); /* as stored */
	free(bytes);
	archive_close(&a);
	test_unload(file);
}

static void metadata_are_attributes_of_the_root(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	open_fixture(&a, "metadata.safetensors", &file);
	assert_string_equal(test_attr(&a, "", "attr.format"), "pt");
	archive_close(&a);
	test_unload(file);

	open_fixture(&a, "layout.safetensors", &file);
	assert_string_equal(test_attr(&a, "", "attr.one"), "1");
	assert_string_equal(test_attr(&a, "", "attr.two words"), "\xc3\xbc\n");
	assert_null(test_attr(&a, "", "attr.none"));
	archive_close(&a);
	test_unload(file);
}

static void other_spellings_of_the_same(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	open_fixture(&a, "spelling.safetensors", &file);
	assert_string_equal(test_list(&a, ""), "a list");
	assert_string_equal(test_dtype(&a, "a/b"), "uint8");
	assert_string_equal(test_dtype(&a, "list"), "int8");
	archive_close(&a);
	test_unload(file);
}

static void no_tensors_are_an_empty_directory(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	open_fixture(&a, "empty.safetensors", &file);
	assert_string_equal(test_list(&a, ""), "");
	archive_close(&a);
	test_unload(file);
}

/* The first is read token by token, the others at once. */
static void a_tensor_of_any_rank_like_the_one_before(void **state)
{
	static const char *const shapes[] = {"[1]", "[]", "[1,1]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
					     "[1,1,1,1,1,1,1,1]", "[1]"};
	enum { COUNT = sizeof shapes / sizeof *shapes };
	char file[1024] = {0}, name[2] = "a";
	struct error err = {0};
	struct archive a;
	int n = 8;
	(void)state;
	for (int i = 0; i < COUNT; i++)
		n += snprintf(file + n, sizeof file - (size_t)n, "%c\"%c\":{\"dtype\":\"U8\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
			      i ? ',' : '{', 'a' + i, shapes[i], i, i + 1);
	file[n++] = '}';
	file[0] = (char)(n - 8), file[1] = (char)((n - 8) >> 8);
	memcpy(file + n, "uvwxyz", COUNT);
	if (test_open(&a, &format_safetensors, (struct slice){(uint8_t *)file, (size_t)n + COUNT}, &err) < 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < COUNT; i++, name[0]++) {
		assert_string_equal(test_shape(&a, name), shapes[i]);
		check_bytes(&a, name, &"uvwxyz"[i], 1);
	}
	archive_close(&a);
}

/* --- invalid files, and what is said of them --------------------------- */

#define H(header) header, sizeof(header) - 1
#define T "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}"

/* Each is refused by safetensors 0.8, too, but for the two repeated names. */
static const struct {
	const char *header;
	size_t len;
	const char *data, *sentence;
} invalid[] = {
	{H(""), "", "an object is expected at byte 0 of the header"},
	{H("   "), "", "an object is expected at byte 3 of the header"},
	{H("{\"a\":" T "}\000"), "x", "something follows the end at byte 53 of the header"},
	{H("{\"a\":" T "}{}"), "x", "something follows the end at byte 53 of the header"},
	{H("{}"), "x", "tensors of 0 bytes in a file with room for 1"},
	{H("{\"__metadata__\":{},\"__metadata__\":{},\"a\":" T "}"), "x", "__metadata__ is repeated at byte 34 of the header"},
	{H("{\"__metadata__\":{\"a\":1},\"a\":" T "}"), "x", "a string is expected at byte 21 of the header"},
	{H("{\"__metadata__\":[],\"a\":" T "}"), "x", "an object is expected at byte 16 of the header"},
	{H("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"},\"a\":" T "}"), "x", "metadata a appears twice in the header"},
	{H("{\"__metadata__\":" T "}"), "x", "a string is expected at byte 38 of the header"},
	{H("{\"a\":[\"U8\",[1],[0,1],3]}"), "x", "a tensor must have dtype, shape and data_offsets only at byte 21 of the header"},
	{H("{\"a\":[\"U8\",[1]]}"), "x", "a tensor must have dtype, shape and data_offsets only at byte 15 of the header"},
	{H("{\"a\":null}"), "x", "an object is expected at byte 5 of the header"},
	{H("{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "a string is expected at byte 14 of the header"},
	{H("{\"a\":{\"dtype\":{\"U8\":1},\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "null is expected at byte 20 of the header"},
	{H("{\"a\":{\"dtype\":{\"U8\":null,\"I8\":null},\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "a dtype is one name at byte 30 of the header"},
	{H("{\"a\":{\"dtype\":{},\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "a dtype is expected at byte 16 of the header"},
	{H("{\"a\":{\"dtype\":\"u8\",\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "tensor a: unknown dtype u8"},
	{H("{\"a\":{\"dtype\":\"U128\",\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "tensor a: unknown dtype U128"},
	{H("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "a field is repeated at byte 27 of the header"},
	{H("{\"a\":" T ",\"a\":" T "}"), "x", "tensor a appears twice in the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1e999}}"), "x", "a number is out of range at byte 56 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":01}}"), "x", "a number is not valid at byte 56 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1.}}"), "x", "a number is not valid at byte 56 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":NaN}}"), "x", "a value is expected at byte 56 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}"), "x", "a whole number is expected at byte 28 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}"), "x", "a number without a sign is expected at byte 28 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[01],\"data_offsets\":[0,1]}}"), "x", "a number begins with 0 at byte 28 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775808,2,0],\"data_offsets\":[0,0]}}"), "", "tensor a: its shape overflows"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[18446744073709551616,0],\"data_offsets\":[0,0]}}"), "", "a number is too large at byte 28 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}"), "", "tensor a: its shape overflows"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":null,\"data_offsets\":[0,1]}}"), "x", "an array is expected at byte 27 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[[1]],\"data_offsets\":[0,1]}}"), "x", "a number without a sign is expected at byte 28 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}"), "x", "data_offsets are two numbers at byte 51 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}"), "x", "data_offsets are two numbers at byte 49 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":{\"0\":0,\"1\":1}}}"), "x", "an array is expected at byte 46 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}"), "x", "tensor a: ends at 0, before it begins at 1"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,1]}}"), "x", "a number without a sign is expected at byte 47 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}"), "x", "a tensor has no shape at byte 40 of the header"},
	{H("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "a tensor has no dtype at byte 39 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}"), "x", "a tensor has no data_offsets at byte 31 of the header"},
	{H("{\"a\":{}}"), "x", "a tensor has no dtype at byte 7 of the header"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}"), "xx", "tensor a: begins at 1, not where the one before ends, at 0"},
	{H("{\"a\":" T "}"), "xx", "tensors of 1 bytes in a file with room for 2"},
	{H("{\"a\":" T "}"), "", "tensors of 1 bytes in a file with room for 0; it is cut short or still being written"},
	{H("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]}}"), "x", "tensor a: 1 bytes of data for a shape of 2"},
	{H("{\"a\":" T ",}"), "x", "nothing follows a comma at byte 53 of the header"},
	{H("{\"a\":" T " \"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}"), "xx", "a comma or the object's end is expected at byte 53 of the header"},
	{H("{\"a\" " T "}"), "x", "a colon is expected at byte 5 of the header"},
	{H("{a:" T "}"), "x", "a string is expected at byte 1 of the header"},
	{H("{/**/\"a\":" T "}"), "x", "a string is expected at byte 1 of the header"},
	{H("{\"a\":" T), "x", "a comma or the object's end is expected at byte 52 of the header"},
	{H("{\"\\ud800\":" T "}"), "x", "an escape is not valid at byte 2 of the header"},
	{H("{\"\001\":" T "}"), "x", "a string contains a control byte at byte 2 of the header"},
	{H("{\"\377\":" T "}"), "x", "the header is not UTF-8"},
	{H("{\"\\x\":" T "}"), "x", "an escape is not valid at byte 2 of the header"},
	{H("{\"\\u00\":" T "}"), "x", "an escape is not valid at byte 2 of the header"},
	{H("\357\273\277{\"a\":" T "}"), "x", "an object is expected at byte 0 of the header"},
	{H("[]"), "", "an object is expected at byte 0 of the header"},
	{H("{\"a\":" T ",\"a\":" T "}{}"), "x", "tensor a appears twice in the header"},
	{H("{\"a\":" T ",\"b\":1,\"a\":" T "}"), "x", "an object is expected at byte 57 of the header"},
	{H("{\"a\":" T ",\"a\":" T ",\"b\":1}"), "x", "tensor a appears twice in the header"},
	{H("{\"a/b\":" T ",\"a/b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}"), "xx", "tensor a/b appears twice in the header"},
	{H("{\"/\":" T ",\"/\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}"), "xx", "tensor / appears twice in the header"},
	{H("{\"a\":" T ",\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}"), "xx", "tensor a appears twice in the header"},
	{H("{\"a\":" T ",\"b\":" T "}"), "x", "tensor b: begins at 0, not where the one before ends, at 1"},
	{H("{\"a\":" T ",\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[5,5]}}"), "x", "tensor z: begins at 5, not where the one before ends, at 1"},
	{H("{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,1]}}"), "x", "tensor a: 4 bits are not whole bytes"},
};

static void check_header(struct slice header, const char *data, const char *sentence)
{
	size_t n = strlen(data);
	uint8_t *file = malloc(8 + header.len + n);
	for (int i = 0; i < 8; i++)
		file[i] = (uint8_t)((uint64_t)header.len >> 8 * i);
	memcpy(file + 8, header.data, header.len);
	memcpy(file + 8 + header.len, data, n);
	check_refused(&format_safetensors, ((struct slice){file, 8 + header.len + n}), -EBADMSG, sentence);
	free(file);
}

static void invalid_headers_are_refused_with_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
		check_header((struct slice){(const uint8_t *)invalid[i].header, invalid[i].len}, invalid[i].data,
			     invalid[i].sentence);
}

/* What is said of a header, "" for nothing, where it is said without the byte; *ret_byte
 * is that. */
static struct error verdict(const char *header, size_t len, const char *data, unsigned long *ret_byte)
{
	char file[2048] = {(char)len, (char)(len >> 8)};
	struct error err = {0};
	struct archive a;
	assert_true(8 + len + strlen(data) < sizeof file);
	memcpy(file + 8, header, len);
	strcpy(file + 8 + len, data);
	if (test_open(&a, &format_safetensors, (struct slice){(uint8_t *)file, 8 + len + strlen(data)}, &err) == 0)
		archive_close(&a);
	char *byte = strstr(err.text, " at byte ");
	*ret_byte = byte ? strtoul(byte + 9, NULL, 10) : 0;
	if (byte)
		*byte = '\0';
	return err;
}

/* A description like the last tensor's is read at once if it is written as the reference
 * library does, and with a space before it token by token. */
static void the_usual_form_is_held_to_the_same_rules(void **state)
{
	static const char first[] = "{\"first\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":";
	char usual[1024], spaced[1024];
	unsigned long at, at_spaced;
	unsigned met = 0;
	(void)state;
	for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
		size_t skip = strlen("{\"a\":"), rest = invalid[i].len - skip;
		if (invalid[i].len < skip || memcmp(invalid[i].header, "{\"a\":", skip) != 0)
			continue;
		int n = snprintf(usual, sizeof usual, "%s", first), m = snprintf(spaced, sizeof spaced, "%s ", first);
		memcpy(usual + n, invalid[i].header + skip, rest);
		memcpy(spaced + m, invalid[i].header + skip, rest);
		struct error one = verdict(usual, n + rest, invalid[i].data, &at);
		struct error other = verdict(spaced, m + rest, invalid[i].data, &at_spaced);
		assert_string_equal(one.text, other.text);
		assert_string_not_equal(one.text, "");
		assert_int_equal(at ? at + 1 : 0, at_spaced);
		met++;
	}
	assert_true(met > 40);
}

static void nesting_has_an_end(void **state)
{
	char header[600];
	(void)state;
	size_t n = (size_t)snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":");
	memset(header + n, '[', 126);
	memset(header + n + 126, ']', 126);
	memcpy(header + n + 252, "}}", 2);
	check_header((struct slice){(uint8_t *)header, n + 254}, "x", "nesting is too deep at byte 182 of the header");
}

static void invalid_lengths_are_refused_with_a_sentence(void **state)
{
	const struct format *f = &format_safetensors;
	(void)state;
	check_refused(f, SLICE("\0\0\0\0\0\0\0"), -EBADMSG, "a file of 7 bytes is too short for a header");
	check_refused(f, SLICE("\1\0\0\0\0\0\0\0"), -EBADMSG, "header of 1 bytes in a file of 8; it is cut short or still being written");
	check_refused(f, SLICE("\0\0\0\0\0\0\0\x20xxxxxxxx"), -EBADMSG,
		      "header of 2305843009213693952 bytes in a file of 16");
	check_refused(f, SLICE("\xff\xff\xff\xff\xff\xff\xff\xff{}"), -EBADMSG,
		      "header of 18446744073709551615 bytes in a file of 10");
}

/* The file must be as large as it says, for the limit to count. */
static void a_header_over_the_formats_limit_is_refused(void **state)
{
	size_t n = 100000001;
	uint8_t *file = malloc(8 + n);
	(void)state;
	assert_non_null(file);
	memset(file, ' ', 8 + n);
	memcpy(file, "\x01\xe1\xf5\x05\0\0\0\0{}", 10);
	check_refused(&format_safetensors, ((struct slice){file, 8 + n}), -EBADMSG,
		      "header of 100000001 bytes, over the format's limit of 100000000");
	free(file);
}

/* 20,000 tensors of a byte, by name t0, t1 …, whose header is longer than what is read of it
 * at once. */
static struct slice long_header(size_t *ret_end)
{
	enum { COUNT = 20000, ROOM = 2 << 20 };
	char *file = malloc(ROOM), *at = file + 8;
	assert_non_null(file);
	at += sprintf(at, "{\"__metadata__\":{\"format\":\"pt\"}");
	for (int i = 0; i < COUNT; i++)
		at += sprintf(at, ",\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i, i, i + 1);
	*at++ = '}';
	for (size_t i = 0, len = (size_t)(at - file) - 8; i < 8; i++)
		file[i] = (char)(len >> i * 8);
	*ret_end = (size_t)(at - file);
	for (int i = 0; i < COUNT; i++)
		*at++ = (char)(i * 7);
	return (struct slice){(uint8_t *)file, (size_t)(at - file)};
}

static void a_long_header_is_held_to_the_same_rules(void **state)
{
	struct error err = {0};
	struct archive a;
	size_t end;
	struct slice file = long_header(&end);
	char *text = (char *)(uintptr_t)file.data, said[100];
	(void)state;
	assert_int_equal(test_open(&a, &format_safetensors, file, &err), 0);
	for (int i = 0; i < 20000; i += 499) {
		snprintf(said, sizeof said, "t%d", i);
		check_bytes(&a, said, (uint8_t[]){(uint8_t)(i * 7)}, 1);
	}
	archive_close(&a);

	/* of several faults the first is told, wherever they are, but for what is not UTF-8 */
	char *twice = memmem(file.data, file.len, "t19000\"", 7), *type = memmem(file.data, file.len, "t15000\"", 7);
	char *comma = memmem(file.data, file.len, ",\"t9999\"", 8);
	memcpy(twice, "t10077", 6);
	check_refused(&format_safetensors, file, -EBADMSG, "tensor t10077 appears twice in the header");
	memcpy(strstr(type, "U8"), "U9", 2);
	check_refused(&format_safetensors, file, -EBADMSG, "tensor t15000: unknown dtype U9");
	*comma = ';';
	snprintf(said, sizeof said, "a comma or the object's end is expected at byte %zu of the header", (size_t)(comma - text) - 8);
	check_refused(&format_safetensors, file, -EBADMSG, said);
	text[end - 1] = '\x80';
	check_refused(&format_safetensors, file, -EBADMSG, "the header is not UTF-8");
	free(text);
}

static void a_file_of_nothing_is_no_archive(void **state)
{
	(void)state;
	check_refused(&format_safetensors, SLICE(""), -ENOTSUP, "");
	check_refused(&format_safetensors, SLICE("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), -ENOTSUP, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_promises),
		cmocka_unit_test(every_dtype_of_the_library),
		cmocka_unit_test(six_bits_stay_packed),
		cmocka_unit_test(scalars_are_one_element_and_nothing_is_empty),
		cmocka_unit_test(the_order_is_the_headers),
		cmocka_unit_test(metadata_are_attributes_of_the_root),
		cmocka_unit_test(other_spellings_of_the_same),
		cmocka_unit_test(no_tensors_are_an_empty_directory),
		cmocka_unit_test(a_tensor_of_any_rank_like_the_one_before),
		cmocka_unit_test(invalid_headers_are_refused_with_a_sentence),
		cmocka_unit_test(the_usual_form_is_held_to_the_same_rules),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(invalid_lengths_are_refused_with_a_sentence),
		cmocka_unit_test(a_header_over_the_formats_limit_is_refused),
		cmocka_unit_test(a_long_header_is_held_to_the_same_rules),
		cmocka_unit_test(a_file_of_nothing_is_no_archive),
	};
	return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
