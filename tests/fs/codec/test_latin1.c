/* SPDX-License-Identifier: MIT */
#include "fs/codec/decoder.h"

#include "tests/support.h"

enum { N = 3000 };

static uint8_t plain[N], text[2 * N];

/* Bytes as they come in arrays: long runs below 0x80, long runs above, and any. */
static size_t setup(void)
{
	uint32_t x = 1;
	size_t n = 0;
	for (size_t i = 0; i < N; i++) {
		x = x * 1103515245 + 12345;
		plain[i] = i < 1000 ? x >> 25 : i < 2000 ? x >> 25 | 0x80 : x >> 24;
		if (plain[i] >= 0x80)
			text[n++] = plain[i] < 0xc0 ? 0xc2 : 0xc3;
		text[n++] = plain[i] < 0xc0 ? plain[i] : plain[i] - 0x40;
	}
	return n;
}

/* Decodes in pieces of so many bytes, the decoder saved and resumed after each. */
static void decode_in_pieces(size_t n, size_t in_piece, size_t out_piece)
{
	const struct codec_steps *steps = codec_steps(CODEC_LATIN1);
	struct decoder *d = steps->open((struct slice){text, n}, UINT64_MAX);
	_Alignas(64) uint8_t saved[64];
	uint8_t out[N];
	size_t taken = 0, made = 0;
	int r = DECODER_GOES_ON;
	while (taken < n || r == DECODER_GOES_ON) {
		struct slice in = {text + taken, n - taken < in_piece ? n - taken : in_piece};
		size_t left = in.len, size = steps->saved_size(d), room = N - made < out_piece ? N - made : out_piece, had = room;
		uint8_t *to = out + made;
		assert_in_range(size, 1, sizeof saved);
		assert_int_equal(steps->save(d, saved, size), 0);
		steps->close(d);
		d = steps->resume(saved);
		r = steps->step(d, &in, &to, &room);
		assert_true(r >= 0 && (in.len < left || room < had));
		taken += left - in.len;
		made += had - room;
		assert_ptr_equal(to, out + made);
	}
	steps->close(d);
	assert_int_equal(r, DECODER_ENDED);
	assert_int_equal(made, N);
	assert_memory_equal(out, plain, N);
}

static void each_code_point_is_a_byte(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 7, 31, 32, 33, 128, 1000, 2 * N};
	size_t n = setup(), made;
	uint8_t out[N];
	struct error err = {""};
	(void)state;
	assert_int_equal(codec_run(CODEC_LATIN1, (struct slice){text, n}, out, N, NULL, &err), 0);
	assert_memory_equal(out, plain, N);
	assert_int_equal(codec_run(CODEC_LATIN1, (struct slice){text, n}, out, N - 1, NULL, &err), -EBADMSG);
	assert_int_equal(codec_run_some(CODEC_LATIN1, (struct slice){NULL, 0}, out, 0, &made, NULL, &err), 0);
	assert_int_equal(made, 0);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		for (size_t o = 0; o < sizeof pieces / sizeof *pieces; o++)
			decode_in_pieces(n, pieces[i], pieces[o]);
}

/* What is right is what a plain reading of RFC 3629 says, of strings of three bytes in which any two occur. */
static bool is_right(const uint8_t *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in[i] >= 0x80 && (in[i] < 0xc2 || in[i] > 0xc3 || ++i == n || in[i] < 0x80 || in[i] > 0xbf))
			return false;
	return true;
}

static void what_is_no_latin1_is_corrupt(void **state)
{
	struct error err = {""};
	uint8_t in[40], out[40];
	size_t made;
	(void)state;
	for (uint32_t x = 0; x < 1 << 24; x += 61) {
		memset(in, 'a', sizeof in);
		memcpy(in + x % 38, &x, 3);
		size_t n = x % 38 + 3 > 38 ? x % 38 + 3 : 38;
		int r = codec_run_some(CODEC_LATIN1, (struct slice){in, n}, out, sizeof out, &made, NULL, &err);
		assert_int_equal(r, is_right(in, n) ? 0 : -EBADMSG);
	}
}

static void it_is_no_compression(void **state)
{
	(void)state;
	assert_false(codec_compresses(CODEC_LATIN1));
	assert_false(codec_compresses(CODEC_NONE));
	assert_true(codec_compresses(CODEC_ZSTD));
	assert_true(codec_known(CODEC_LATIN1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_point_is_a_byte),
		cmocka_unit_test(what_is_no_latin1_is_corrupt),
		cmocka_unit_test(it_is_no_compression),
	};
	return cmocka_run_group_tests_name("latin1", tests, NULL, NULL);
}
