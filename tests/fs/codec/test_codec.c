/* SPDX-License-Identifier: MIT */
#include "fs/codec/codec.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zstd.h>

#include "tests/support.h"

enum { N = 5000 };

static uint8_t plain[N], packed[4 * N], out[N + 1];

static void setup(void)
{
	for (size_t i = 0; i < N; i++)
		plain[i] = (uint8_t)(i * i >> 5);
}

static size_t pack(enum codec codec)
{
	size_t n = sizeof packed;
	struct libdeflate_compressor *d = libdeflate_alloc_compressor(6);
	switch (codec) {
	case CODEC_SNAPPY:
		assert_int_equal(snappy_compress((char *)plain, N, (char *)packed, &n), SNAPPY_OK);
		break;
	case CODEC_GZIP: /* two members */
		n = libdeflate_gzip_compress(d, plain, 2000, packed, sizeof packed);
		n += libdeflate_gzip_compress(d, plain + 2000, N - 2000, packed + n, sizeof packed - n);
		break;
	case CODEC_ZLIB:
		n = libdeflate_zlib_compress(d, plain, N, packed, sizeof packed);
		break;
	case CODEC_ZSTD: /* two frames */
		n = ZSTD_compress(packed, sizeof packed, plain, 1000, 1);
		n += ZSTD_compress(packed + n, sizeof packed - n, plain + 1000, N - 1000, 3);
		break;
	case CODEC_LZ4_RAW:
	case CODEC_LZ4_HADOOP:
		n = (size_t)LZ4_compress_default((char *)plain, (char *)packed, N, sizeof packed);
		break;
	default:
		memcpy(packed, plain, N);
		n = N;
	}
	libdeflate_free_compressor(d);
	return n;
}

/* Whole, and then not: cut, too long, too short; each in memory of its own length. */
static void check(enum codec codec, size_t n)
{
	struct error err = {""};
	memset(out, 0, sizeof out);
	assert_int_equal(codec_run(codec, (struct slice){packed, n}, out, N, &err), 0);
	assert_memory_equal(out, plain, N);
	assert_int_equal(codec_run(codec, (struct slice){packed, n}, out, N - 1, &err), -EBADMSG);
	assert_true(err.text[0]);
	assert_int_equal(codec_run(codec, (struct slice){packed, n}, out, N + 1, &err), -EBADMSG);
	for (size_t cut = 0; cut < n; cut += 1 + n / 97) {
		uint8_t *copy = malloc(cut ? cut : 1);
		memcpy(copy, packed, cut);
		assert_int_equal(codec_run(codec, (struct slice){copy, cut}, out, N, &err), -EBADMSG);
		free(copy);
	}
	for (size_t i = 0; i < n; i += 1 + n / 997) { /* anything but a crash */
		packed[i] ^= 0x55;
		codec_run(codec, (struct slice){packed, n}, out, N, &err);
		packed[i] ^= 0x55;
	}
}

static void each_codec_yields_exactly_what_was_packed(void **state)
{
	static const enum codec all[] = {CODEC_NONE, CODEC_SNAPPY, CODEC_GZIP,    CODEC_ZLIB,
					 CODEC_ZSTD, CODEC_LZ4_RAW, CODEC_LZ4_HADOOP};
	(void)state;
	setup();
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		check(all[i], pack(all[i]));
}

/* By cramjam 2.14: brotli.compress(b"brotli " * 20). */
static void brotli_decodes(void **state)
{
	static const uint8_t stream[] = {0x1b, 0x8b, 0x00, 0xf8, 0x8d, 0x54, 0xb5, 0xbf, 0x06, 0x11, 0x93,
					 0xa3, 0x93, 0x69, 0x6c, 0x6f, 0x11, 0x5b, 0x24, 0xf0, 0xdb, 0x07};
	struct error err = {""};
	(void)state;
	struct slice in = {stream, sizeof stream};
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 140, &err), 0);
	for (size_t i = 0; i < 140; i++)
		assert_int_equal(out[i], "brotli "[i % 7]);
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 139, &err), -EBADMSG);
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 141, &err), -EBADMSG);
	in.len--;
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 140, &err), -EBADMSG);
}

static size_t be32(uint8_t *to, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(n >> (24 - 8 * i));
	return 4;
}

static void hadoops_frames_may_hold_several_blocks(void **state)
{
	size_t n = 0;
	(void)state;
	setup();
	static const uint32_t parts[][2] = {{3000, 1000}, {2000, 2000}};
	size_t from = 0;
	for (size_t f = 0; f < 2; f++) {
		n += be32(packed + n, parts[f][0]);
		for (uint32_t done = 0; done < parts[f][0]; done += parts[f][1], from += parts[f][1]) {
			int len = LZ4_compress_default((char *)plain + from, (char *)packed + n + 4,
						       (int)parts[f][1], (int)(sizeof packed - n - 4));
			n += be32(packed + n, (uint32_t)len) + (size_t)len;
		}
	}
	assert_int_equal(from, N);
	check(CODEC_LZ4_HADOOP, n);
}

static void lz4_frames_pass_for_hadoops(void **state)
{
	(void)state;
	setup();
	size_t n = LZ4F_compressFrame(packed, sizeof packed, plain, N, NULL);
	check(CODEC_LZ4_HADOOP, n);
}

static void what_is_not_built_in_is_named(void **state)
{
	struct error err = {""};
	(void)state;
	assert_int_equal(codec_run(CODEC_LZO, SLICE("x"), out, 1, &err), -ENOTSUP);
	assert_string_equal(err.text, "compressed with lzo, which is not built in");
	assert_false(codec_known(CODEC_LZO));
	assert_true(codec_known(CODEC_ZSTD));
}

static void a_stream_that_knows_its_length_is_asked(void **state)
{
	struct error err = {""};
	size_t made;
	(void)state;
	setup();
	size_t n = pack(CODEC_ZLIB);
	assert_int_equal(codec_run_some(CODEC_ZLIB, (struct slice){packed, n}, out, N + 1, &made, &err), 0);
	assert_int_equal(made, N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_codec_yields_exactly_what_was_packed),
		cmocka_unit_test(brotli_decodes),
		cmocka_unit_test(hadoops_frames_may_hold_several_blocks),
		cmocka_unit_test(lz4_frames_pass_for_hadoops),
		cmocka_unit_test(what_is_not_built_in_is_named),
		cmocka_unit_test(a_stream_that_knows_its_length_is_asked),
	};
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
