/* SPDX-License-Identifier: MIT */
#include "fs/codec/codec.h"

#include <blosc.h>
#include <bzlib.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <snappy-c.h>
#include <zstd.h>

#include "fs/codec/shuffle.h"
#include "tests/support.h"

enum { N = 5000 };

static uint8_t plain[N], packed[4 * N], out[N + 1];

static void setup(void)
{
	for (size_t i = 0; i < N; i++)
		plain[i] = (uint8_t)(i * i >> 5);
}

static size_t pack_bzip2(void) /* two streams */
{
	unsigned a = sizeof packed, b = sizeof packed;
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)packed, &a, (char *)plain, 1000, 9, 0, 0), BZ_OK);
	b -= a;
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)packed + a, &b, (char *)plain + 1000, N - 1000, 1, 0, 0), BZ_OK);
	return a + b;
}

static size_t pack_xz(void) /* two streams, zeros between and behind */
{
	size_t n = 0;
	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, plain, 1000, packed, &n, sizeof packed), LZMA_OK);
	memset(packed + n, 0, 8);
	n += 8;
	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, plain + 1000, N - 1000, packed, &n, sizeof packed),
			 LZMA_OK);
	return n;
}

static size_t pack(enum codec_id codec)
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
	case CODEC_DEFLATE:
		n = libdeflate_deflate_compress(d, plain, N, packed, sizeof packed);
		break;
	case CODEC_LZ4_FRAME: /* two frames */
		n = LZ4F_compressFrame(packed, sizeof packed, plain, 1000, NULL);
		n += LZ4F_compressFrame(packed + n, sizeof packed - n, plain + 1000, N - 1000, NULL);
		break;
	case CODEC_BZIP2:
		n = pack_bzip2();
		break;
	case CODEC_XZ:
		n = pack_xz();
		break;
	case CODEC_BLOSC:
		n = (size_t)blosc_compress_ctx(5, BLOSC_SHUFFLE, 4, N, plain, packed, sizeof packed, "lz4", 0, 1);
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
static void check(enum codec_id codec, size_t n)
{
	struct error err = {""};
	memset(out, 0, sizeof out);
	assert_int_equal(codec_run(codec, (struct slice){packed, n}, out, N, NULL, &err), 0);
	assert_memory_equal(out, plain, N);
	assert_int_equal(codec_run(codec, (struct slice){packed, n}, out, N - 1, NULL, &err), -EBADMSG);
	assert_true(err.text[0]);
	assert_int_equal(codec_run(codec, (struct slice){packed, n}, out, N + 1, NULL, &err), -EBADMSG);
	for (size_t cut = 0; cut < n; cut += 1 + n / 97) {
		uint8_t *copy = malloc(cut ? cut : 1);
		memcpy(copy, packed, cut);
		assert_int_equal(codec_run(codec, (struct slice){copy, cut}, out, N, NULL, &err), -EBADMSG);
		free(copy);
	}
	for (size_t i = 0; i < n; i += 1 + n / 297) { /* anything but a crash */
		packed[i] ^= 0x55;
		codec_run(codec, (struct slice){packed, n}, out, N, NULL, &err);
		packed[i] ^= 0x55;
	}
}

static void each_codec_yields_exactly_what_was_packed(void **state)
{
	static const enum codec_id all[] = {CODEC_NONE,    CODEC_SNAPPY,     CODEC_GZIP,      CODEC_ZLIB,  CODEC_DEFLATE, CODEC_ZSTD,
					    CODEC_LZ4_RAW, CODEC_LZ4_HADOOP, CODEC_LZ4_FRAME, CODEC_BZIP2, CODEC_XZ,      CODEC_BLOSC};
	(void)state;
	setup();
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		check(all[i], pack(all[i]));
}

/* What follows a stream that has ended is none of it. */
static void what_follows_a_stream_is_an_error(void **state)
{
	static const enum codec_id strict[] = {CODEC_GZIP, CODEC_DEFLATE, CODEC_ZSTD, CODEC_LZ4_FRAME, CODEC_XZ};
	struct error err = {""};
	(void)state;
	setup();
	for (size_t i = 0; i < sizeof strict / sizeof *strict; i++) {
		size_t n = pack(strict[i]);
		memcpy(packed + n, "rest", 4);
		assert_int_equal(codec_run(strict[i], (struct slice){packed, n + 4}, out, N, NULL, &err), -EBADMSG);
	}
}

/* As bzip2 and HDF5's filter have it; another stream is decoded, too. */
static void bzip2_ignores_what_is_no_stream(void **state)
{
	struct error err = {""};
	size_t n = pack(CODEC_BZIP2);
	(void)state;
	memcpy(packed + n, "rest", 4);
	assert_int_equal(codec_run(CODEC_BZIP2, (struct slice){packed, n + 4}, out, N, NULL, &err), 0);
	assert_memory_equal(out, plain, N);
	memcpy(packed + n, packed, n);
	assert_int_equal(codec_run(CODEC_BZIP2, (struct slice){packed, 2 * n}, out, N, NULL, &err), -EBADMSG); /* twice as much */
}

/* A header may claim a dictionary of up to 4 GiB; this one has 256 MiB. */
static void xz_takes_no_memory_by_what_is_claimed(void **state)
{
	struct error err = {""};
	lzma_options_lzma options;
	size_t n = 0;
	(void)state;
	setup();
	assert_false(lzma_lzma_preset(&options, 0));
	options.dict_size = UINT32_C(1) << 28;
	options.mf = LZMA_MF_HC3;
	lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
	assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, plain, N, packed, &n, sizeof packed), LZMA_OK);
	assert_int_equal(codec_run(CODEC_XZ, (struct slice){packed, n}, out, N, NULL, &err), -ENOMEM);
	assert_string_equal(err.text, "no memory to decode xz");
}

/* By h5py 3.16, which brings LibLZF: b"lzf lzf! " for 170 bytes, then 0 to 29. */
static void lzf_decodes(void **state)
{
	static const uint8_t stream[] = {0x07, 0x6c, 0x7a, 0x66, 0x20, 0x6c, 0x7a, 0x66, 0x21, 0x40, 0x04, 0x40, 0x03, 0xe0, 0x91, 0x08,
					 0x1d, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
					 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d};
	struct error err = {""};
	struct slice in = {stream, sizeof stream};
	(void)state;
	assert_int_equal(codec_run(CODEC_LZF, in, out, 200, NULL, &err), 0);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(out[i], i < 170 ? "lzf lzf! "[i % 9] : i - 170);
	assert_int_equal(codec_run(CODEC_LZF, in, out, 199, NULL, &err), -EBADMSG);
	assert_int_equal(codec_run(CODEC_LZF, in, out, 201, NULL, &err), -EBADMSG);
	in.len--;
	assert_int_equal(codec_run(CODEC_LZF, in, out, 200, NULL, &err), -EBADMSG);
}

static uint8_t *take(void *count, size_t len, struct error *err)
{
	static uint8_t bytes[4 * N];
	(void)err;
	++*(unsigned *)count;
	assert_true(len <= sizeof bytes);
	return bytes;
}

/* Only input that may change is copied, and only for libraries that look twice. */
static void input_is_held_still_for_who_looks_twice(void **state)
{
	unsigned copies = 0;
	struct codec_memory memory = {.take = take, .arg = &copies, .changing = true};
	struct error err = {""};
	(void)state;
	setup();
	size_t n = pack(CODEC_SNAPPY);
	assert_int_equal(codec_run(CODEC_SNAPPY, (struct slice){packed, n}, out, N, &memory, &err), 0);
	assert_memory_equal(out, plain, N);
	assert_int_equal(copies, 1);
	memory.changing = false;
	assert_int_equal(codec_run(CODEC_SNAPPY, (struct slice){packed, n}, out, N, &memory, &err), 0);
	assert_int_equal(copies, 1);
	memory.changing = true;
	n = pack(CODEC_ZSTD);
	assert_int_equal(codec_run(CODEC_ZSTD, (struct slice){packed, n}, out, N, &memory, &err), 0);
	assert_int_equal(copies, 1);
}

static void shuffled_bytes_become_elements(void **state)
{
	(void)state;
	setup();
	for (size_t size = 1; size < 20; size++) {
		size_t n = N / size;
		for (size_t i = 0; i < N; i++)
			packed[i < n * size ? i % size * n + i / size : i] = plain[i];
		memset(out, 0, sizeof out);
		unshuffle_bytes((struct slice){packed, N}, out, size);
		assert_memory_equal(out, plain, N);
	}
}

/* Plane p has bit p % 8 of byte p / 8 of each element, the first in the lowest bit. */
static void shuffled_bits_become_elements(void **state)
{
	(void)state;
	setup();
	for (size_t size = 1; size < 20; size++) {
		size_t n = N / size / 8 * 8;
		memset(packed, 0, sizeof packed);
		for (size_t p = 0; p < 8 * size; p++)
			for (size_t i = 0; i < n; i++)
				packed[p * (n / 8) + i / 8] |= (uint8_t)((plain[i * size + p / 8] >> p % 8 & 1) << i % 8);
		unshuffle_bits(packed, out, n, size);
		assert_memory_equal(out, plain, n * size);
	}
}

/* By cramjam 2.14: brotli.compress(b"brotli " * 20). */
static void brotli_decodes(void **state)
{
	static const uint8_t stream[] = {0x1b, 0x8b, 0x00, 0xf8, 0x8d, 0x54, 0xb5, 0xbf, 0x06, 0x11, 0x93,
					 0xa3, 0x93, 0x69, 0x6c, 0x6f, 0x11, 0x5b, 0x24, 0xf0, 0xdb, 0x07};
	struct error err = {""};
	(void)state;
	struct slice in = {stream, sizeof stream};
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 140, NULL, &err), 0);
	for (size_t i = 0; i < 140; i++)
		assert_int_equal(out[i], "brotli "[i % 7]);
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 139, NULL, &err), -EBADMSG);
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 141, NULL, &err), -EBADMSG);
	in.len--;
	assert_int_equal(codec_run(CODEC_BROTLI, in, out, 140, NULL, &err), -EBADMSG);
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

/* Compressed in two calls, so that blocks of any length may be in it; returns its length. */
static size_t lz4_frame(const LZ4F_preferences_t *how, const uint8_t *from, size_t len, uint8_t *to, size_t room)
{
	LZ4F_cctx *c;
	assert_false(LZ4F_isError(LZ4F_createCompressionContext(&c, LZ4F_VERSION)));
	size_t n = LZ4F_compressBegin(c, to, room, how);
	n += LZ4F_compressUpdate(c, to + n, room - n, from, len / 3, NULL);
	n += LZ4F_flush(c, to + n, room - n, NULL);
	n += LZ4F_compressUpdate(c, to + n, room - n, from + len / 3, len - len / 3, NULL);
	n += LZ4F_compressEnd(c, to + n, room - n, NULL);
	LZ4F_freeCompressionContext(c);
	return n;
}

/* Text, numbers without any order, and text of before. */
static void fill_lz4(uint8_t *from, size_t len)
{
	uint32_t x = 1;
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		from[i] = i > len / 4 && i < len / 2 ? (uint8_t)(x >> 24) : i >= len / 2 ? from[i - len / 5] : (uint8_t)("some words "[i % 11] + (x >> 31));
	}
}

static void lz4_frames_of_all_kinds_decode(void **state)
{
	enum { LEN = 200001, ROOM = LEN + LEN / 100 + 100 };
	static const size_t lens[] = {0, 1, 3, 15, 16, 17, 31, 35, 65536, LEN};
	uint8_t *from = malloc(LEN), *to = malloc(ROOM), *got = malloc(LEN);
	struct error err = {""};
	(void)state;
	fill_lz4(from, LEN);
	for (unsigned kind = 0; kind < 32; kind++)
		for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
			LZ4F_preferences_t how = {.frameInfo = {.blockSizeID = kind & 16 ? LZ4F_max256KB : LZ4F_max64KB, .blockMode = kind & 1,
				.contentChecksumFlag = kind >> 1 & 1, .blockChecksumFlag = kind >> 2 & 1, .contentSize = kind & 8 ? lens[i] : 0}};
			size_t n = lz4_frame(&how, from, lens[i], to, ROOM);
			assert_int_equal(codec_run(CODEC_LZ4_FRAME, (struct slice){to, n}, got, lens[i], NULL, &err), 0);
			assert_memory_equal(got, from, lens[i]);
			to[n - 1 - lens[i] % 4] ^= 1;
			int r = codec_run(CODEC_LZ4_FRAME, (struct slice){to, n}, got, lens[i], NULL, &err);
			assert_int_equal(r, -EBADMSG); /* the content's checksum, or the mark of the end */
		}
	free(from);
	free(to);
	free(got);
}

/* What is stated and what is there: each byte of the header, the sums of blocks, frames to skip. */
static void lz4_frames_that_lie_are_refused(void **state)
{
	LZ4F_preferences_t how = {.frameInfo = {.blockChecksumFlag = 1, .contentSize = N}};
	uint8_t more[sizeof packed];
	struct error err = {""};
	(void)state;
	setup();
	size_t n = lz4_frame(&how, plain, N, packed, sizeof packed);
	for (size_t i = 0; i < n; i++) {
		packed[i] ^= 0x55;
		assert_int_equal(codec_run(CODEC_LZ4_FRAME, (struct slice){packed, n}, out, N, NULL, &err), -EBADMSG);
		packed[i] ^= 0x55;
	}
	memcpy(more, "\x5a\x2a\x4d\x18\x03\0\0\0abc", 11);
	memcpy(more + 11, packed, n);
	assert_int_equal(codec_run(CODEC_LZ4_FRAME, (struct slice){more, 11 + n}, out, N, NULL, &err), 0);
	assert_memory_equal(out, plain, N);
	more[4] = 0xff;
	assert_int_equal(codec_run(CODEC_LZ4_FRAME, (struct slice){more, 11 + n}, out, N, NULL, &err), -EBADMSG);
}

static void what_is_not_built_in_is_named(void **state)
{
	struct error err = {""};
	(void)state;
	assert_int_equal(codec_run(CODEC_LZO, SLICE("x"), out, 1, NULL, &err), -ENOTSUP);
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
	assert_int_equal(codec_run_some(CODEC_ZLIB, (struct slice){packed, n}, out, N + 1, &made, NULL, &err), 0);
	assert_int_equal(made, N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_codec_yields_exactly_what_was_packed),
		cmocka_unit_test(what_follows_a_stream_is_an_error),
		cmocka_unit_test(bzip2_ignores_what_is_no_stream),
		cmocka_unit_test(xz_takes_no_memory_by_what_is_claimed),
		cmocka_unit_test(lzf_decodes),
		cmocka_unit_test(input_is_held_still_for_who_looks_twice),
		cmocka_unit_test(shuffled_bytes_become_elements),
		cmocka_unit_test(shuffled_bits_become_elements),
		cmocka_unit_test(brotli_decodes),
		cmocka_unit_test(hadoops_frames_may_hold_several_blocks),
		cmocka_unit_test(lz4_frames_pass_for_hadoops),
		cmocka_unit_test(lz4_frames_of_all_kinds_decode),
		cmocka_unit_test(lz4_frames_that_lie_are_refused),
		cmocka_unit_test(what_is_not_built_in_is_named),
		cmocka_unit_test(a_stream_that_knows_its_length_is_asked),
	};
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
