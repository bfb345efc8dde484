/* SPDX-License-Identifier: MIT */
/* What is right is what one element after the other says. */
#include "formats/shared/strided.h"

#include <unistd.h>

#include "tests/support.h"

enum { RANK = 70, MOST = 40000, TEXT = 1 };

/* A file with a view of what follows:
 *
 *	"STRD", then in u32: its number of bytes, rank, width, offset, sign, sign_first, sign_width, big_endian,
 *	how it is kept (TEXT), a shape, strides; the bytes */
struct view {
	uint32_t size, rank, width, offset, sign, sign_first, sign_width, big_endian, kept;
	uint32_t shape[RANK], strides[RANK];
};

enum { NUMBERS = 9 };

/* --- a format of these ------------------------------------------------------------------- */

static bool probe(const struct peek *p)
{
	struct cursor c = p->head;
	return cursor_left(&c) >= 4 && memcmp(c.pos, "STRD", 4) == 0;
}

static int open_content(struct archive *a, const struct view *v, uint64_t at, struct content *ret, struct error *err)
{
	*ret = (struct content){.offset = at, .size = v->size};
	if (v->kept != TEXT)
		return range_within(at, v->size, a->source.size) ? 0 : error_set(err, EBADMSG, "too short");
	ret->offset = 0;
	if (!(ret->stream = arena_alloc(&a->arena, sizeof *ret->stream)))
		return error_no_memory(err, "a stream");
	*ret->stream = (struct stream){.client = &a->blocks, .blocks = a->options->blocks, .source = &a->source, .offset = at,
				       .len = a->source.size - at, .codec = CODEC_LATIN1, .size = v->size};
	return stream_open(ret->stream, err);
}

static int show(struct archive *a, const struct view *v, uint64_t *dims, struct error *err)
{
	struct strided *s = arena_alloc(&a->arena, sizeof *s);
	uint64_t reach, size;
	if (!s)
		return error_no_memory(err, "a view");
	*s = (struct strided){.lazy = {strided_read}, .offset = v->offset, .shape = dims, .strides = dims + v->rank, .rank = v->rank,
			      .width = v->width, .sign = v->sign, .sign_first = v->sign_first, .sign_width = v->sign_width, .big_endian = v->big_endian};
	int r = open_content(a, v, 4 + 4 * (NUMBERS + 2 * v->rank), &s->from, err);
	if (r < 0)
		return r;
	if (!strided_reach(0, s->shape, s->strides, s->rank, &reach) || __builtin_mul_overflow(reach, (uint64_t)s->width, &size) ||
	    !range_within(s->offset, size, s->from.size))
		return error_set(err, EBADMSG, "out of reach");
	size = s->width;
	for (uint32_t i = 0; i < s->rank; i++)
		if (__builtin_mul_overflow(size, s->shape[i], &size) || size >> 32)
			return error_set(err, EBADMSG, "too much");
	tree_lazy(&a->tree, TREE_ROOT, SLICE("view"), s, size);
	return 0;
}

static int open_view(struct archive *a, struct error *err)
{
	struct view v;
	struct cursor c;
	uint64_t *dims;
	int r = source_load(&a->source, &a->arena, 0, a->source.size < 4 + 4 * NUMBERS ? a->source.size : 4 + 4 * NUMBERS, &c, err);
	if (r < 0)
		return r;
	cursor_skip(&c, 4);
	uint32_t *numbers[] = {&v.size, &v.rank, &v.width, &v.offset, &v.sign, &v.sign_first, &v.sign_width, &v.big_endian, &v.kept};
	for (size_t i = 0; i < NUMBERS; i++)
		*numbers[i] = cursor_u32le(&c);
	if (c.failed || v.rank > RANK || v.width == 0 || v.width > 64 || v.sign > 4 || v.sign_first >= (v.sign ? v.sign : 1) || v.sign_width == 0 || v.sign_width > 16)
		r = error_set(err, EBADMSG, "no view");
	if (r == 0)
		r = source_load(&a->source, &a->arena, 4 + 4 * NUMBERS, 8 * v.rank, &c, err);
	if (r < 0)
		return r;
	if (!(dims = arena_alloc(&a->arena, 16 * v.rank + 1)))
		return error_no_memory(err, "a shape");
	for (uint32_t i = 0; i < 2 * v.rank; i++)
		dims[i] = cursor_u32le(&c);
	return show(a, &v, dims, err);
}

static const char *const suffixes[] = {".strd", NULL};
static const struct format strided_format = {.name = "strd", .suffixes = suffixes, .probe = probe, .open = open_view, .read = lazy_read};

/* --- files and what is right -------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t any(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

static void put(uint8_t **to, uint32_t n)
{
	memcpy(*to, &n, 4);
	*to += 4;
}

/* The file, and its bytes, in memory of the caller's. */
static struct slice write_view(const struct view *v, uint8_t **ret_bytes)
{
	uint8_t *bytes = malloc(v->size + 1), *file = malloc(4 + 4 * (NUMBERS + 2 * RANK) + 2 * (size_t)v->size), *to = file + 4;
	const uint32_t numbers[NUMBERS] = {v->size, v->rank, v->width, v->offset, v->sign, v->sign_first, v->sign_width, v->big_endian, v->kept};
	memcpy(file, "STRD", 4);
	for (size_t i = 0; i < NUMBERS; i++)
		put(&to, numbers[i]);
	for (uint32_t i = 0; i < v->rank; i++)
		put(&to, v->shape[i]);
	for (uint32_t i = 0; i < v->rank; i++)
		put(&to, v->strides[i]);
	for (uint32_t i = 0; i < v->size; i++) {
		uint8_t byte = bytes[i] = any(256);
		if (v->kept == TEXT && byte >= 0x80) {
			*to++ = byte < 0xc0 ? 0xc2 : 0xc3;
			byte -= byte < 0xc0 ? 0 : 0x40;
		}
		*to++ = byte;
	}
	*ret_bytes = bytes;
	return (struct slice){file, to - file};
}

static size_t elements(const struct view *v)
{
	size_t n = 1;
	for (uint32_t i = 0; i < v->rank; i++)
		n *= v->shape[i];
	return n;
}

/* One element after the other. */
static uint8_t *right(const struct view *v, const uint8_t *bytes)
{
	size_t n = elements(v);
	uint8_t *out = malloc(n * v->width + 1);
	for (size_t i = 0; i < n; i++) {
		size_t at = v->offset, rest = i;
		for (uint32_t k = v->rank; k-- > 0; rest /= v->shape[k])
			at += rest % v->shape[k] * v->strides[k] * v->width;
		memcpy(out + i * v->width, bytes + at, v->width);
	}
	for (size_t i = 0; v->sign && i < n * v->width / v->sign_width; i++)
		if (i % v->sign == v->sign_first)
			out[i * v->sign_width + (v->big_endian ? 0 : v->sign_width - 1)] ^= 0x80;
	return out;
}

static void check_range(struct archive *a, const uint8_t *whole, uint64_t offset, uint64_t len)
{
	struct node *n = test_node(a, "view");
	struct error err = {""};
	struct answer answer;
	uint8_t *out = malloc(len + 1);
	answer_init(&answer);
	assert_int_equal(archive_read(a, n, offset, len, &answer, &err), 0);
	assert_int_equal(answer.len, len);
	assert_int_equal(answer_copy(&answer, out, &err), 0);
	assert_memory_equal(out, whole + offset, len);
	answer_close(&answer);
	free(out);
}

static struct archive_options options; /* with a cache */

static int set_up(void **state)
{
	(void)state;
	options = test_options();
	return blocks_open(&options.blocks, 64 << 20, 2);
}

static int take_down(void **state)
{
	(void)state;
	blocks_close(options.blocks);
	return 0;
}

/* Its file is the caller's. */
static struct slice open_made(struct archive *a, const struct view *v, uint8_t **ret_right)
{
	static const struct format *const formats[] = {&strided_format, NULL};
	struct error err = {""};
	uint8_t *bytes;
	struct slice file = write_view(v, &bytes);
	int r = archive_open_source(a, formats, source_memory(file), "one.strd", &options, &err);
	if (r < 0)
		print_error("%s\n", err.text);
	assert_int_equal(r, 0);
	*ret_right = right(v, bytes);
	free(bytes);
	return file;
}

static void check_view(const struct view *v, bool each)
{
	struct archive a;
	uint8_t *whole;
	struct slice file = open_made(&a, v, &whole);
	size_t size = elements(v) * v->width;
	assert_int_equal(test_node(&a, "view")->size, size);
	check_range(&a, whole, 0, size);
	for (size_t i = 0; size > 0 && i < (each ? size : 20); i++) {
		size_t offset = each ? i : any(size);
		for (size_t len = 1; len <= size - offset; len += each ? 1 : 1 + any(size))
			check_range(&a, whole, offset, len);
	}
	archive_close(&a);
	free(whole);
	free((void *)(uintptr_t)file.data);
}

/* As many bytes as it reaches, and some more. */
static void bound(struct view *v)
{
	uint64_t shape[RANK], strides[RANK], reach;
	for (uint32_t i = 0; i < v->rank; i++) {
		shape[i] = v->shape[i];
		strides[i] = v->strides[i];
	}
	assert_true(strided_reach(0, shape, strides, v->rank, &reach));
	v->size = v->offset + reach * v->width + any(3);
}

/* --- tests ----------------------------------------------------------------------------------- */

static const uint32_t widths[] = {1, 2, 4, 8, 16, 3, 12};

static struct view any_view(uint32_t rank, uint32_t most)
{
	struct view v = {.rank = rank, .width = widths[any(7)], .offset = any(40), .sign_width = 1, .kept = any(3) == 0 ? TEXT : 0};
	uint32_t n = 1;
	for (uint32_t i = 0; i < rank; i++) {
		v.shape[i] = any(8) ? 1 + any(most / n < 90 ? most / n : 90) : 1;
		n *= v.shape[i];
	}
	/* Mostly some order of dimensions, in part with gaps; sometimes anything. */
	uint32_t stride = 1 + any(3) / 2, order[RANK] = {0};
	for (uint32_t i = 0; i < rank; i++) {
		uint32_t j = any(i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (uint32_t i = 0; i < rank; i++) {
		uint32_t *one = v.strides + order[i];
		*one = any(9) == 0 ? 0 : any(9) == 0 ? any(50) : stride;
		if (*one == stride)
			stride *= v.shape[order[i]] + any(6) / 5;
	}
	if (v.width % 2 == 0 && any(2)) {
		v.sign = 1 + any(2);
		v.sign_first = any(v.sign);
		v.sign_width = v.sign == 2 || any(2) ? v.width / 2 : v.width;
		v.big_endian = any(2);
	}
	bound(&v);
	return v;
}

static void any_view_is_its_elements_in_c_order(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		struct view v = any_view(any(7), MOST);
		check_view(&v, false);
	}
}

static void any_range_of_small_ones(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		struct view v = any_view(any(5), 8);
		check_view(&v, true);
	}
}

/* More than there could be if there were elements. */
static void none_of_many_dimensions(void)
{
	uint64_t shape[RANK], strides[RANK], ret;
	struct strided s = {.shape = shape, .strides = strides, .rank = RANK, .width = 1};
	struct node n = {.lazy = &s};
	struct archive a = {.options = &options};
	struct answer answer;
	struct error err = {""};
	for (size_t i = 0; i < RANK; i++) {
		shape[i] = i < RANK - 1 ? 3 : 0;
		strides[i] = RANK - i;
	}
	assert_true(strided_reach(0, shape, strides, RANK, &ret));
	assert_int_equal(ret, 0);
	answer_init(&answer);
	assert_int_equal(strided_read(&a, &n, 0, 0, &answer, &err), 0);
	answer_close(&answer);
}

static void extents_of_none_and_one(void **state)
{
	struct view v = {.rank = 70, .width = 8, .sign_width = 8, .sign = 1, .size = 100000};
	(void)state;
	for (uint32_t i = 0; i < RANK; i++) {
		v.shape[i] = i % 10 ? 1 : 2;
		v.strides[i] = i % 10 ? 1000000000 : 100 * i / 10;
	}
	check_view(&v, false);
	v.shape[3] = 0;
	check_view(&v, false);
	none_of_many_dimensions();
	v = (struct view){.width = 4, .sign_width = 4, .size = 4};
	check_view(&v, true);
}

static void repeated_elements(void **state)
{
	struct view v = {.rank = 2, .width = 8, .sign_width = 8, .sign = 1, .size = 8000, .shape = {1000, 1000}};
	(void)state;
	check_view(&v, false);
	v.strides[0] = 1;
	check_view(&v, false);
	v.strides[0] = 0;
	v.strides[1] = 1;
	check_view(&v, false);
	v.kept = TEXT;
	check_view(&v, false);
}

/* Windows that overlap lie across lines, too. */
static void windows(void **state)
{
	struct view v = {.rank = 4, .width = 4, .sign_width = 4, .shape = {20, 10, 30, 60}, .strides = {100, 1, 100, 1}};
	(void)state;
	bound(&v);
	check_view(&v, false);
}

/* --- in blocks ------------------------------------------------------------------------------- */

static const struct view transposed = {.rank = 2, .width = 4, .sign_width = 4, .sign = 1, .size = 4 * 1700 * 1500, .shape = {1700, 1500}, .strides = {1, 1700}};

static void what_lies_across_is_gathered_in_blocks(void **state)
{
	struct archive a;
	struct blocks_stats before, stats;
	uint8_t *whole;
	struct slice file = open_made(&a, &transposed, &whole);
	uint64_t size = transposed.size, some = 4096;
	(void)state;
	blocks_stats(options.blocks, &before);
	check_range(&a, whole, 5000000, 1000); /* a reader who asks for little */
	blocks_stats(options.blocks, &stats);
	assert_int_equal(stats.decoded, before.decoded);
	for (uint64_t at = 0; at < size; at += some, some = 4096 + at % 100000)
		check_range(&a, whole, at, size - at < some ? size - at : some);
	blocks_stats(options.blocks, &stats);
	assert_int_equal(stats.decoded, before.decoded + 3); /* each once */
	check_range(&a, whole, 0, size);
	archive_close(&a);
	free(whole);
	free((void *)(uintptr_t)file.data);
}

static void without_a_cache_all_is_gathered(void **state)
{
	struct archive a;
	uint8_t *whole;
	struct slice file = open_made(&a, &transposed, &whole);
	const struct archive_options none = test_options();
	(void)state;
	a.options = &none;
	check_range(&a, whole, 0, transposed.size);
	check_range(&a, whole, 1000001, 3000000);
	archive_close(&a);
	free(whole);
	free((void *)(uintptr_t)file.data);
}

static int read_code(struct archive *a, uint64_t offset, uint64_t len, const _Atomic bool *gone)
{
	struct error err = {""};
	struct answer answer;
	answer_init(&answer);
	answer.gone = gone;
	int r = archive_read(a, test_node(a, "view"), offset, len, &answer, &err);
	assert_true(r == 0 || (err.text[0] && answer.len == 0));
	answer_close(&answer);
	return r;
}

/* In blocks, in a range, and by one stream. */
static void what_was_cut_off_is_an_io_error(void **state)
{
	char *folder = test_folder(), *path = test_path(folder, "one.strd");
	(void)state;
	assert_int_equal(source_guard(), 0);
	for (int i = 0; i < 3; i++) {
		struct view v = transposed;
		struct archive a;
		struct error err = {""};
		uint8_t *bytes;
		if (i == 1) /* every second element */
			v = (struct view){.rank = 1, .width = 4, .sign_width = 4, .size = 4000000, .shape = {500000}, .strides = {2}};
		v.kept = i == 2 ? TEXT : 0;
		struct slice file = write_view(&v, &bytes);
		test_write(folder, "one.strd", file);
		assert_int_equal(test_open_file(&a, &strided_format, path, &err), 0);
		a.options = &options;
		assert_int_equal(truncate(path, 100000), 0);
		assert_int_equal(read_code(&a, 0, elements(&v) * v.width, NULL), -EIO);
		assert_int_equal(read_code(&a, elements(&v) * v.width - 100, 100, NULL), -EIO);
		if (i == 1)
			assert_int_equal(read_code(&a, 0, 1000, NULL), 0);
		archive_close(&a);
		free(bytes);
		free((void *)(uintptr_t)file.data);
	}
	free(path);
	test_folder_remove(folder);
}

static void who_went_away_is_not_gathered_for(void **state)
{
	(void)state;
	for (uint32_t kept = 0; kept <= TEXT; kept++) {
		struct archive a;
		struct view v = transposed;
		_Atomic bool gone = true;
		uint8_t *whole;
		v.kept = kept;
		struct slice file = open_made(&a, &v, &whole);
		assert_int_equal(read_code(&a, 0, 1000, &gone), -EINTR);
		assert_int_equal(read_code(&a, 0, v.size, &gone), -EINTR);
		archive_close(&a);
		free(whole);
		free((void *)(uintptr_t)file.data);
	}
}

/* Cut, changed, without memory, over a source that fetches: check_format(). */
static void no_file_breaks_it(void **state)
{
	static const struct view all[] = {
		{.rank = 2, .width = 8, .sign = 2, .sign_first = 1, .sign_width = 4, .size = 8 * 64, .shape = {4, 16}, .strides = {1, 4}},
		{.rank = 3, .width = 2, .sign_width = 1, .size = 300, .offset = 7, .shape = {3, 5, 2}, .strides = {0, 7, 2}},
		{.rank = 2, .width = 4, .sign_width = 1, .size = 400, .kept = TEXT, .shape = {10, 10}, .strides = {1, 10}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		uint8_t *bytes;
		struct slice file = write_view(all + i, &bytes);
		check_format(&strided_format, file);
		free(bytes);
		free((void *)(uintptr_t)file.data);
	}
}

/* --- what is asked beforehand ------------------------------------------------------------ */

static void order(void **state)
{
	static const uint64_t shape[] = {2, 3, 1, 4}, c[] = {12, 4, 99, 1}, other[] = {1, 4, 99, 12}, none[] = {5, 0}, far[] = {7, 7};
	(void)state;
	assert_true(strided_in_order(shape, c, 4));
	assert_false(strided_in_order(shape, other, 4));
	assert_true(strided_in_order(none, far, 2));
	assert_true(strided_in_order(NULL, NULL, 0));
	assert_false(strided_in_order(shape, far, 2));
}

static void reach(void **state)
{
	static const uint64_t shape[] = {2, 3, 1, 4}, c[] = {12, 4, UINT64_MAX, 1}, huge[] = {UINT64_C(1) << 62, 5}, none[] = {UINT64_MAX, 0}, zero[2], one[] = {5, 1};
	uint64_t ret;
	(void)state;
	assert_true(strided_reach(10, shape, c, 4, &ret));
	assert_int_equal(ret, 34);
	assert_true(strided_reach(3, NULL, NULL, 0, &ret));
	assert_int_equal(ret, 4);
	assert_true(strided_reach(UINT64_MAX, none, none, 2, &ret));
	assert_int_equal(ret, 0);
	assert_false(strided_reach(0, huge, zero, 2, &ret)); /* more than 2^64 elements */
	assert_false(strided_reach(0, huge, one, 2, &ret));
	assert_false(strided_reach(UINT64_MAX, NULL, NULL, 0, &ret));
	assert_false(strided_reach(UINT64_MAX - 10, shape, c, 4, &ret));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_view_is_its_elements_in_c_order),
		cmocka_unit_test(any_range_of_small_ones),
		cmocka_unit_test(extents_of_none_and_one),
		cmocka_unit_test(repeated_elements),
		cmocka_unit_test(windows),
		cmocka_unit_test(what_lies_across_is_gathered_in_blocks),
		cmocka_unit_test(without_a_cache_all_is_gathered),
		cmocka_unit_test(what_was_cut_off_is_an_io_error),
		cmocka_unit_test(who_went_away_is_not_gathered_for),
		cmocka_unit_test(no_file_breaks_it),
		cmocka_unit_test(order),
		cmocka_unit_test(reach),
	};
	return cmocka_run_group_tests_name("strided", tests, set_up, take_down);
}
