/* SPDX-License-Identifier: MIT */
#include "fs/codec/filter.h"

#include <dirent.h>

#include "tests/support.h"

static const struct named {
	const char *name;
	filter_fn *undo;
} filters[] = {
	{"bitshuffle", filter_bitshuffle},   {"fletcher32", filter_fletcher32}, {"lz4", filter_lz4},   {"nbit", filter_nbit},
	{"scaleoffset", filter_scaleoffset}, {"shuffle", filter_shuffle},       {"szip", filter_szip},
};

enum { FILTERS = sizeof filters / sizeof *filters, PARAMETERS = 100 };

/* A fixture: elements, and the chunk that the reference library made of them. */
struct sample {
	const char *name;
	filter_fn *undo;
	uint32_t values[PARAMETERS], count;
	struct slice plain, coded; /* the latter is the test's to change */
	struct slice file;
};

static unsigned filter_of(const char *name)
{
	for (unsigned i = 0; i < FILTERS; i++)
		if (strncmp(name, filters[i].name, strlen(filters[i].name)) == 0 && name[strlen(filters[i].name)] == '.')
			return i;
	fail_msg("%s is of no filter", name);
	return 0;
}

static struct sample load(const char *name)
{
	struct sample s = {.name = name, .undo = filters[filter_of(name)].undo, .file = test_data(name)};
	struct cursor c = cursor_over(s.file);
	s.count = cursor_u32le(&c);
	size_t len = cursor_u32le(&c);
	assert_true(s.count <= PARAMETERS);
	for (uint32_t i = 0; i < s.count; i++)
		s.values[i] = cursor_u32le(&c);
	s.plain = cursor_take(&c, len);
	s.coded = cursor_take(&c, cursor_left(&c));
	assert_false(c.failed);
	return s;
}

static uint8_t *byte_of(const struct sample *s, size_t at)
{
	assert_true(at < s->coded.len);
	return (uint8_t *)(uintptr_t)s->coded.data + at;
}

/* Memory as a filter takes it: all of it freed at once. */
struct scratch {
	void *taken[4];
	unsigned count, most;
};

static uint8_t *take(void *arg, size_t len, struct error *err)
{
	struct scratch *s = arg;
	if (s->count == s->most) {
		error_set(err, ENOMEM, "no memory for %zu bytes", len);
		return NULL;
	}
	return s->taken[s->count++] = malloc(len ? len : 1);
}

struct result {
	int code;
	size_t made;
	uint8_t *bytes;
	struct error err;
};

/* Input, output and scratch are of their exact lengths, so that a sanitizer sees what is
 * beyond.  `before` fills what the filter is to write to. */
static struct result run_over(const struct sample *s, size_t len, size_t room, int before, struct scratch *scratch, bool changing)
{
	struct codec_memory memory = {.take = take, .arg = scratch, .changing = changing};
	struct result r = {.bytes = malloc(room ? room : 1)};
	uint32_t *values = malloc(s->count * sizeof *values + 1);
	uint8_t *in = malloc(len ? len : 1);
	memset(r.bytes, before, room);
	memcpy(values, s->values, s->count * sizeof *values);
	memcpy(in, s->coded.data, len);
	r.code = s->undo((struct filter_parameters){values, s->count}, (struct slice){in, len}, r.bytes, room, &r.made, &memory, &r.err);
	for (unsigned i = 0; i < scratch->count; i++)
		free(scratch->taken[i]);
	free(values);
	free(in);
	return r;
}

/* What is decoded fits the room, and does not depend on what was there before; what is
 * refused has a sentence. */
static struct result run(const struct sample *s, size_t len, size_t room)
{
	struct scratch a = {.most = 4}, b = {.most = 4};
	struct result r = run_over(s, len, room, 0x00, &a, false), again = run_over(s, len, room, 0xff, &b, true);
	assert_int_equal(r.code, again.code);
	if (r.code < 0) {
		assert_true(r.err.text[0]);
	} else {
		assert_int_equal(r.made, again.made);
		assert_true(r.made <= room);
		assert_memory_equal(r.bytes, again.bytes, r.made);
	}
	free(again.bytes);
	return r;
}

static int code_of(const struct sample *s, size_t len, size_t room)
{
	struct result r = run(s, len, room);
	free(r.bytes);
	return r.code;
}

/* Calls `check` with each fixture of the filters. */
static void each_sample(void (*check)(struct sample *s))
{
	unsigned seen[FILTERS] = {0};
	DIR *dir = opendir(test_data_folder());
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "README") == 0)
			continue;
		struct sample s = load(e->d_name);
		seen[filter_of(s.name)]++;
		check(&s);
		test_unload(s.file);
	}
	closedir(dir);
	for (unsigned i = 0; i < FILTERS; i++)
		if (!seen[i])
			fail_msg("no stream of %s", filters[i].name);
}

/* --- each stream -------------------------------------------------------------- */

static void check_decodes(struct sample *s)
{
	for (size_t more = 0; more < 2; more++) {
		struct result r = run(s, s->coded.len, s->plain.len + more);
		if (r.code < 0 || r.made != s->plain.len || memcmp(r.bytes, s->plain.data, r.made) != 0)
			fail_msg("%s: %d, %zu bytes of %zu: %s", s->name, r.code, r.made, s->plain.len, r.err.text);
		free(r.bytes);
	}
	if (code_of(s, s->coded.len, s->plain.len - 1) != -EBADMSG)
		fail_msg("%s fits too little room", s->name);
}

static void each_stream_decodes_as_the_library_does(void **state)
{
	(void)state;
	each_sample(check_decodes);
}

/* Behind the last bit that is needed the library leaves up to three bytes, which may be missing.
 * What has no length of its own gets shorter: whether it is a whole chunk the format sees. */
static void check_cuts(struct sample *s)
{
	for (size_t cut = 0; cut < s->coded.len; cut++) {
		struct result r = run(s, cut, s->plain.len);
		bool same = cut + 3 >= s->coded.len && r.made == s->plain.len && memcmp(r.bytes, s->plain.data, r.made) == 0;
		if (r.code != -EBADMSG && !(r.code == 0 && (same || r.made < s->plain.len)))
			fail_msg("%s, cut at %zu of %zu: %d, %zu bytes", s->name, cut, s->coded.len, r.code, r.made);
		free(r.bytes);
	}
}

static void what_is_cut_short_is_no_whole_chunk(void **state)
{
	(void)state;
	each_sample(check_cuts);
}

static void check_changes(struct sample *s)
{
	for (size_t i = 0; i < s->coded.len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			*byte_of(s, i) ^= (uint8_t)(1u << bit);
			int r = code_of(s, s->coded.len, s->plain.len);
			if (s->undo == filter_fletcher32 && r != -EBADMSG)
				fail_msg("%s: a changed bit passes at %zu", s->name, i);
			*byte_of(s, i) ^= (uint8_t)(1u << bit);
		}
}

static void no_changed_bit_breaks_anything(void **state)
{
	(void)state;
	each_sample(check_changes);
}

static void check_parameters(struct sample *s)
{
	static const uint32_t odd[] = {0, 1, 2, 3, 7, 33, 1000, 1u << 16, 1u << 29, INT32_MAX, UINT32_MAX};
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t value = s->values[i];
		for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
			s->values[i] = odd[k];
			code_of(s, s->coded.len, s->plain.len);
		}
		s->values[i] = value;
	}
	while (s->count-- > 0)
		code_of(s, s->coded.len, s->plain.len);
}

static void no_parameter_breaks_anything(void **state)
{
	(void)state;
	each_sample(check_parameters);
}

/* --- what is refused ------------------------------------------------------------ */

enum { ONLY = -1 };

static void refused_parameters_are_told(void **state)
{
	static const struct {
		const char *file;
		int at; /* ONLY: there are just `value` of them */
		uint32_t value;
		int code;
		const char *sentence;
	} all[] = {
		{"bitshuffle.lz4-i2", 2, 0, -EBADMSG, "elements of 0 bytes, codec 2"},
		{"bitshuffle.lz4-i2", 4, 1, -EBADMSG, "elements of 2 bytes, codec 1"},
		{"bitshuffle.lz4-i2", 2, 7, -EBADMSG, "a header that does not fit"},
		{"bitshuffle.none-i2", 3, 12, -EBADMSG, "a header that does not fit"},
		{"bitshuffle.none-i2", ONLY, 2, -EBADMSG, "elements of 0 bytes, codec 0"},
		{"nbit.le", ONLY, 2, -EBADMSG, "2 parameters"},
		{"nbit.full", ONLY, 2, -EBADMSG, "2 parameters"},
		{"nbit.le", 2, 10, -EBADMSG, "more elements than a chunk holds"},
		{"nbit.le", 4, 0, -EBADMSG, "more elements than a chunk holds"},
		{"nbit.le", 3, 9, -EBADMSG, "a class of 9"},
		{"nbit.le", 6, 0, -EBADMSG, "0 bits at 3 of 4 bytes"},
		{"nbit.le", 6, 33, -EBADMSG, "33 bits at 3 of 4 bytes"},
		{"nbit.le", 7, 16, -EBADMSG, "17 bits at 16 of 4 bytes"},
		{"nbit.array", 6, 0, -EBADMSG, "an array of 6 bytes in items of 0"},
		{"nbit.array", 6, 4, -EBADMSG, "an array of 6 bytes in items of 4"},
		{"nbit.compound", 5, 0, -EBADMSG, "a compound of 0 members"},
		{"nbit.compound", 5, 34, -EBADMSG, "a compound of 34 members"},
		{"nbit.compound", 6, 15, -EBADMSG, "a member at 15 of 14 bytes"},
		{"nbit.compound", 6, 11, -EBADMSG, "an element of 4 bytes in 3"},
		{"scaleoffset.i4", ONLY, 7, -EBADMSG, "7 parameters"},
		{"scaleoffset.i4", 0, 0, -ENOTSUP, "a scale of type 0 for class 0"},
		{"scaleoffset.f4", 0, 1, -ENOTSUP, "a scale of type 1 for class 1"},
		{"scaleoffset.i4", 2, 22, -EBADMSG, "22 elements of 4 bytes in room for 84"},
		{"scaleoffset.i4", 4, 3, -EBADMSG, "21 elements of 3 bytes in room for 84"},
		{"scaleoffset.f4", 4, 2, -EBADMSG, "21 elements of 2 bytes in room for 84"},
		{"scaleoffset.i4", 7, 2, -EBADMSG, "a fill value of kind 2"},
		{"shuffle.i2", 0, 0, -EBADMSG, "shuffled bytes: 38 of elements of 0 in room for 38"},
		{"shuffle.i2", ONLY, 0, -EBADMSG, "shuffled bytes: 38 of elements of 0 in room for 38"},
		{"szip.nn-i2", ONLY, 3, -EBADMSG, "128 bytes in room for 128, by 3 parameters"},
		{"szip.nn-i2", 1, 7, -EBADMSG, "128 bytes in room for 128, by 4 parameters"},
		{"szip.nn-i2", 1, 34, -EBADMSG, "128 bytes in room for 128, by 4 parameters"},
		{"szip.nn-i2", 2, 0, -EBADMSG, "128 bytes in room for 128, by 4 parameters"},
		{"szip.nn-i2", 2, 33, -EBADMSG, "128 bytes in room for 128, by 4 parameters"},
		{"szip.nn-i2", 3, 7, -EBADMSG, "128 bytes in room for 128, by 4 parameters"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct sample s = load(all[i].file);
		if (all[i].at == ONLY)
			s.count = all[i].value;
		else
			s.values[all[i].at] = all[i].value;
		struct result r = run(&s, s.coded.len, s.plain.len);
		assert_string_equal(r.err.text, all[i].sentence);
		assert_int_equal(r.code, all[i].code);
		free(r.bytes);
		test_unload(s.file);
	}
}

static void broken_streams_are_told(void **state)
{
	static const struct {
		const char *file;
		size_t at;
		uint8_t byte;
		const char *sentence;
	} all[] = {
		{"bitshuffle.lz4-i2", 0, 1, "a header that does not fit"},  /* more bytes than the chunk has */
		{"bitshuffle.lz4-i2", 7, 87, "a header that does not fit"}, /* half an element */
		{"bitshuffle.lz4-i2", 11, 2, "a header that does not fit"}, /* blocks of 129 elements */
		{"bitshuffle.lz4-i2", 12, 1, "the stream is cut short"},    /* a block beyond the end */
		{"fletcher32.2", 0, 0, "a fletcher32 checksum of 64716471, but the bytes make 00710071"},
		{"lz4.blocks", 0, 1, "a header that does not fit"},
		{"lz4.blocks", 11, 0, "a header that does not fit"}, /* blocks of nothing */
		{"lz4.blocks", 12, 1, "the stream is cut short"},
		{"scaleoffset.i4", 0, 33, "21 elements of 33 bits in 35 bytes"},
		{"scaleoffset.i4", 0, 8, "21 elements of 8 bits in 35 bytes"},
		{"szip.nn-i2", 0, 129, "129 bytes in room for 128, by 4 parameters"},
		{"szip.lines-f4", 0, 22, "278 bytes in room for 280, by 4 parameters"}, /* half a pixel */
	};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct sample s = load(all[i].file);
		*byte_of(&s, all[i].at) = all[i].byte;
		struct result r = run(&s, s.coded.len, s.plain.len);
		assert_string_equal(r.err.text, all[i].sentence);
		assert_int_equal(r.code, -EBADMSG);
		free(r.bytes);
		test_unload(s.file);
	}
}

/* Arrays of arrays: no deeper than the stack holds. */
static void nbit_types_are_not_of_any_depth(void **state)
{
	struct sample s = load("nbit.le");
	(void)state;
	s.count = PARAMETERS;
	for (uint32_t i = 3; i + 1 < PARAMETERS; i += 2) {
		s.values[i] = 2; /* an array, of as many bytes as what it is in */
		s.values[i + 1] = 4;
	}
	struct result r = run(&s, s.coded.len, s.plain.len);
	assert_int_equal(r.code, -EBADMSG);
	assert_string_equal(r.err.text, "an element of 4 bytes in 4");
	free(r.bytes);
	test_unload(s.file);
}

/* Old releases stored each half of the checksum with its bytes swapped. */
static void fletchers_checksum_may_be_swapped(void **state)
{
	struct sample s = load("fletcher32.40");
	uint8_t *sum = byte_of(&s, 40), old[4];
	(void)state;
	memcpy(old, sum, 4);
	for (unsigned i = 0; i < 4; i++)
		sum[i] = old[i ^ 1];
	assert_int_equal(code_of(&s, s.coded.len, s.plain.len), 0);
	for (unsigned i = 0; i < 4; i++)
		sum[i] = old[i ^ 2];
	assert_int_equal(code_of(&s, s.coded.len, s.plain.len), -EBADMSG);
	test_unload(s.file);
}

/* --- memory ----------------------------------------------------------------------- */

/* Who needs memory fails without it; only szip's library reads its input twice. */
static void check_memory(struct sample *s)
{
	for (unsigned changing = 0; changing < 2; changing++) {
		struct scratch enough = {.most = 4};
		struct result r = run_over(s, s->coded.len, s->plain.len, 0, &enough, changing);
		assert_int_equal(r.code, 0);
		free(r.bytes);
		bool planes = s->undo == filter_bitshuffle && s->values[4];
		if (s->undo == filter_szip ? enough.count < changing || enough.count > changing + 1u : enough.count != planes)
			fail_msg("%s takes memory %u times", s->name, enough.count);
		for (unsigned most = 0; most < enough.count; most++) {
			struct scratch less = {.most = most};
			r = run_over(s, s->coded.len, s->plain.len, 0, &less, changing);
			assert_int_equal(r.code, -ENOMEM);
			assert_true(r.err.text[0]);
			free(r.bytes);
		}
	}
}

static void memory_may_run_out(void **state)
{
	(void)state;
	each_sample(check_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_stream_decodes_as_the_library_does),
		cmocka_unit_test(what_is_cut_short_is_no_whole_chunk),
		cmocka_unit_test(no_changed_bit_breaks_anything),
		cmocka_unit_test(no_parameter_breaks_anything),
		cmocka_unit_test(refused_parameters_are_told),
		cmocka_unit_test(broken_streams_are_told),
		cmocka_unit_test(nbit_types_are_not_of_any_depth),
		cmocka_unit_test(fletchers_checksum_may_be_swapped),
		cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
