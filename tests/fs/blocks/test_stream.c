/* SPDX-License-Identifier: MIT */
/* What is right is what the codec's library was given to compress. */
#include "fs/blocks/stream.h"

#include <bzlib.h>
#include <lzma.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "fs/codec/decoder.h"
#include "tests/support.h"

enum { LONG = 5 * STREAM_STRETCH + 12345, SHORT = 3000, RAW = -15, ZLIB = 15, GZIP = 15 + 16 };
enum { BZIP2 = 100, ZSTD, XZ, LZMA, LZMA_SIZED }; /* not zlib's */

static struct block_client client; /* only to be somebody */
static uint8_t plain[LONG], packed[LONG + (LONG >> 4) + 1000];

struct tried {
	struct source source;
	struct blocks *blocks;
	struct stream s;
};

static void setup(void)
{
	uint32_t x = 1;
	for (size_t i = 0; i < LONG; i++) {
		x = x * 1103515245 + 12345;
		plain[i] = i % 1000 < 600 ? (uint8_t)(i / 7) : (uint8_t)(x >> 24);
	}
}

static size_t pack_to(uint8_t *to, const uint8_t *from, size_t len, int window_bits, int level, int strategy)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, window_bits, 9, strategy), Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)from;
	z.avail_in = (unsigned)len;
	z.next_out = to;
	z.avail_out = (unsigned)(packed + sizeof packed - to);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t n = z.total_out;
	deflateEnd(&z);
	return n;
}

/* APPNOTE.TXT, 5.8.8: version, size of the properties, these; with a mark at its end, or not. */
static size_t pack_lzma(size_t len, bool sized)
{
	lzma_options_lzma options;
	lzma_stream s = LZMA_STREAM_INIT;
	size_t n = 9;
	lzma_lzma_preset(&options, 0);
	options.ext_flags = 0;
	lzma_set_ext_size(options, len);
	lzma_filter filters[] = {{sized ? LZMA_FILTER_LZMA1EXT : LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, NULL}};
	memcpy(packed, "\5\4\5\0", 4);
	packed[4] = (uint8_t)((options.pb * 5 + options.lp) * 9 + options.lc);
	for (int i = 0; i < 4; i++)
		packed[5 + i] = (uint8_t)(options.dict_size >> 8 * i);
	assert_int_equal(lzma_raw_buffer_encode(filters, NULL, plain, len, packed, &n, sizeof packed), LZMA_OK);
	lzma_end(&s);
	return n;
}

static size_t pack_other(size_t len, int how)
{
	unsigned bz = sizeof packed;
	size_t n = 0;
	switch (how) {
	case BZIP2:
		assert_int_equal(BZ2_bzBuffToBuffCompress((char *)packed, &bz, (char *)plain, (unsigned)len, 1, 0, 0), BZ_OK);
		return bz;
	case ZSTD:
		return ZSTD_compress(packed, sizeof packed, plain, len, 1);
	case XZ:
		assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, plain, len, packed, &n, sizeof packed), LZMA_OK);
		return n;
	default:
		return pack_lzma(len, how == LZMA_SIZED);
	}
}

static size_t pack(size_t len, int window_bits)
{
	if (window_bits >= BZIP2)
		return pack_other(len, window_bits);
	return pack_to(packed, plain, len, window_bits, 1, Z_DEFAULT_STRATEGY);
}

static struct tried *open_stream(enum codec_id codec, struct slice in, uint64_t size, size_t budget)
{
	struct tried *t = calloc(1, sizeof *t);
	struct error err = {""};
	t->source = source_memory(in);
	if (budget)
		assert_int_equal(blocks_open(&t->blocks, budget, 2), 0);
	t->s = (struct stream){.client = &client, .blocks = t->blocks, .source = &t->source, .len = in.len, .codec = codec, .size = size};
	assert_int_equal(stream_open(&t->s, &err), 0);
	return t;
}

static void close_stream(struct tried *t)
{
	blocks_drop(t->blocks, &client);
	blocks_close(t->blocks);
	source_close(&t->source);
	free(t);
}

/* A read, and what is right; len is cut at the end. */
static void check_read(struct tried *t, uint64_t offset, size_t len, size_t size)
{
	struct error err = {""};
	struct answer a;
	uint8_t *out = malloc(len ? len : 1);
	size_t right = offset >= size ? 0 : len < size - offset ? len : size - offset;
	answer_init(&a);
	assert_int_equal(stream_answer(&t->s, offset, len, &a, &err), 0);
	assert_int_equal(a.len, right);
	assert_int_equal(answer_copy(&a, out, &err), 0);
	assert_true(right == 0 || memcmp(out, plain + offset, right) == 0);
	answer_close(&a);
	free(out);
}

/* A read at the offset is refused, and nothing answered; the sentence. */
static const char *refused_at(struct tried *t, uint64_t offset, int code)
{
	static struct error err;
	struct answer a;
	err = (struct error){""};
	answer_init(&a);
	assert_int_equal(stream_answer(&t->s, offset, 1, &a, &err), code);
	assert_int_equal(a.len, 0);
	answer_close(&a);
	assert_true(err.text[0]);
	return err.text;
}

static const char *refused(struct tried *t, int code)
{
	return refused_at(t, 0, code);
}

static const struct way {
	enum codec_id codec;
	int window_bits;
} ways[] = {{CODEC_DEFLATE, RAW}, {CODEC_ZLIB, ZLIB}, {CODEC_GZIP, GZIP}, {CODEC_BZIP2, BZIP2}, {CODEC_ZSTD, ZSTD},
	    {CODEC_XZ, XZ},       {CODEC_LZMA, LZMA}};

enum { WAYS = sizeof ways / sizeof *ways };

static bool is_several(enum codec_id codec)
{
	return codec == CODEC_GZIP || codec == CODEC_BZIP2 || codec == CODEC_ZSTD || codec == CODEC_XZ;
}

static bool has_points(enum codec_id codec)
{
	return codec == CODEC_DEFLATE || codec == CODEC_ZLIB || codec == CODEC_GZIP;
}

/* Known and not, with room for all, for little, for nothing and without a cache. */
static void any_range_is_what_was_compressed(void **state)
{
	static const size_t budgets[] = {64 << 20, 3 << 20, 1000, 0};
	(void)state;
	setup();
	for (size_t w = 0; w < WAYS; w++)
		for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
			size_t len = budgets[b] < 1 << 20 || !has_points(ways[w].codec) ? 2 * STREAM_STRETCH + 99 : LONG, n = pack(len, ways[w].window_bits);
			struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n}, b % 2 ? len : STREAM_SIZE_UNKNOWN, budgets[b]);
			uint64_t size, x = 7;
			struct error err = {""};
			assert_int_equal(stream_size(&t->s, &size, &err), 0);
			assert_int_equal(size, len);
			for (int i = 0; i < (!has_points(ways[w].codec) ? 2 : budgets[b] < 1 << 20 ? 3 : 40); i++, x = x * 1103515245 + 12345)
				check_read(t, (x >> 16) % len, 4096, len);
			check_read(t, STREAM_STRETCH - 10, 20, len);
			check_read(t, 0, len + 5, len);
			check_read(t, len, 1, len);
			check_read(t, UINT64_MAX, 1, len);
			close_stream(t);
		}
}

static void ends_at_and_beside_a_stretchs_end(void **state)
{
	(void)state;
	setup();
	for (size_t w = 0; w < WAYS; w++)
		for (size_t len = 2 * STREAM_STRETCH - 1; len <= 2 * STREAM_STRETCH + 1; len++)
			for (int known = 0; known < 2; known++) {
				size_t n = pack(len, ways[w].window_bits);
				struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n}, known ? len : STREAM_SIZE_UNKNOWN, 64 << 20);
				check_read(t, len - 3, 10, len);
				close_stream(t);
			}
}

static void an_empty_stream_is_empty(void **state)
{
	(void)state;
	for (size_t w = 0; w < WAYS; w++)
		for (int known = 0; known < 2; known++) {
			size_t n = pack(0, ways[w].window_bits);
			struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n}, known ? 0 : STREAM_SIZE_UNKNOWN, 1 << 20);
			check_read(t, 0, 10, 0);
			close_stream(t);
		}
}

static uint64_t decoded(struct tried *t, uint64_t *ret_blocks)
{
	struct blocks_stats stats;
	blocks_stats(t->blocks, &stats);
	*ret_blocks = stats.decoded;
	return stats.bytes;
}

/* The first pass makes each stretch and each point once.  Then, of a stream that the cache
 * cannot hold, a small read takes one stretch, and none of the points is made again. */
static void a_random_read_decodes_one_stretch(void **state)
{
	struct error err = {""};
	uint64_t blocks, before, first;
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, (2 << 20) + (500 << 10));
	assert_int_equal(t->s.stretch, STREAM_STRETCH);
	assert_int_equal(stream_check(&t->s, NULL, &err), 0);
	before = decoded(t, &blocks);
	assert_int_equal(blocks, 6 + 5);
	assert_true(before > LONG && before < LONG + 5 * 64 * 1024);
	for (uint64_t i = 0; i < 30; i++) {
		first = decoded(t, &before);
		check_read(t, i * 5 % 6 * STREAM_STRETCH + i, 4096, LONG);
		assert_true(decoded(t, &blocks) - first <= STREAM_STRETCH);
		assert_true(blocks - before <= 1);
	}
	close_stream(t);
}

/* Where the cache holds hardly more than a stretch, too, each begins at the end of the one before. */
static void in_the_smallest_cache_it_is_decoded_once(void **state)
{
	struct error err = {""};
	uint64_t blocks;
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, 1 << 20);
	assert_int_equal(stream_check(&t->s, NULL, &err), 0);
	decoded(t, &blocks);
	assert_true(blocks <= 2 * (LONG / t->s.stretch + 1));
	close_stream(t);
}

/* Of a stream with more points than the cache can hold, enough are kept at even distances. */
static void some_points_are_kept_of_many(void **state)
{
	struct error err = {""};
	uint64_t blocks, first;
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, (5 << 20) / 2);
	t->s.stretch = 64 << 10;
	t->s.every = 8;
	assert_int_equal(stream_check(&t->s, NULL, &err), 0);
	for (uint64_t i = 0; i < 30; i++) {
		decoded(t, &first);
		check_read(t, i * 50000017 % LONG, 4096, LONG);
		decoded(t, &blocks);
		assert_true(blocks - first <= 2 * (8 + 1));
	}
	close_stream(t);
	t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, 1000 * n, (5 << 20) / 2);
	assert_true(blocks_fit(t->blocks, 60 << 10, 4 * (1000 * n / t->s.stretch / t->s.every)));
	close_stream(t);
}

/* Nothing is decoded before it must be: the first stretch alone, or what lies before the
 * middle, once. */
static void the_first_read_decodes_up_to_there(void **state)
{
	uint64_t blocks;
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, 64 << 20);
	check_read(t, 5, 4096, LONG);
	decoded(t, &blocks);
	assert_int_equal(blocks, 1 + 1);
	check_read(t, 3 * STREAM_STRETCH + 5, 4096, LONG);
	decoded(t, &blocks);
	assert_int_equal(blocks, 4 + 4);
	check_read(t, 2 * STREAM_STRETCH, 10, LONG);
	decoded(t, &blocks);
	assert_int_equal(blocks, 4 + 4);
	close_stream(t);
}

static void await_stretches(const struct tried *t, uint64_t count)
{
	for (int i = 0; t->s.reached < count && i < 10000; i++)
		usleep(1000);
	assert_int_equal(t->s.reached, count);
}

/* One worker decodes them in turn, as far as is good for the cache. */
static void stretches_are_decoded_ahead_of_a_reader_in_order(void **state)
{
	(void)state;
	setup();
	for (size_t w = 0; w < WAYS; w++) {
		size_t n = pack(LONG, ways[w].window_bits);
		struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n}, LONG, 64 << 20);
		t->s.stretch = STREAM_STRETCH / 2;
		check_read(t, 0, 4096, LONG);
		await_stretches(t, 1);
		check_read(t, 4096, 4096, LONG);
		await_stretches(t, 1 + 8);
		usleep(20000);
		await_stretches(t, 1 + 8);
		close_stream(t);
	}
}

/* What a reader who has gone had asked for is not decoded. */
static void nothing_is_decoded_ahead_after_a_cancel(void **state)
{
	(void)state;
	setup();
	for (unsigned cancelled = 0; cancelled < 2; cancelled++) {
		size_t n = pack(LONG, RAW);
		struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, 64 << 20);
		t->s.ahead = 3;
		t->s.cancels = client.cancels;
		if (cancelled)
			blocks_cancel_prefetch(t->blocks, &client);
		check_read(t, 0, 10, LONG);
		if (cancelled)
			usleep(20000);
		await_stretches(t, cancelled ? 1 : 1 + 3);
		close_stream(t);
	}
}

/* Who once went through it in order leaves no trace. */
static void after_a_pass_a_random_read_decodes_little(void **state)
{
	enum { EVERY = 8, PART = 64 << 10 };
	uint64_t blocks, first;
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, (5 << 20) / 2);
	t->s.stretch = PART;
	t->s.every = EVERY;
	for (uint64_t at = 0; at < LONG; at += PART / 2)
		check_read(t, at, PART / 2, LONG);
	await_stretches(t, LONG / PART + 1);
	for (uint64_t i = 0; i < 20; i++) {
		decoded(t, &first);
		check_read(t, i * 50000017 % LONG, 10, LONG);
		usleep(2000);
		decoded(t, &blocks);
		assert_true(blocks - first <= 2 * (EVERY + 1));
	}
	close_stream(t);
}

/* One block of the stream, in zlib's words, of several stretches. */
static void points_lie_within_a_deflate_block_too(void **state)
{
	(void)state;
	memset(plain, 'z', LONG);
	size_t n = pack_to(packed, plain, 3 * STREAM_STRETCH, RAW, 9, Z_FIXED);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, 3 * STREAM_STRETCH, 64 << 20);
	for (uint64_t i = 3; i-- > 0;)
		check_read(t, i * STREAM_STRETCH + 5, 100, 3 * STREAM_STRETCH);
	close_stream(t);
}

/* A decoder that cannot be saved goes on where it is, if two go on at once, too. */
static void a_decoder_waits_where_it_is(void **state)
{
	enum { HALF = 1 << 19 };
	uint64_t blocks, bytes;
	(void)state;
	setup();
	for (size_t w = 0; w < WAYS; w++) {
		if (has_points(ways[w].codec))
			continue;
		size_t n = pack(HALF, ways[w].window_bits), memory = codec_steps(ways[w].codec)->memory((struct slice){packed, n}, HALF);
		struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n}, HALF, 5 * memory / 2 + (100 << 10));
		t->s.stretch = 16 << 10; /* of which most are soon evicted */
		for (uint64_t at = 0; at < HALF / 2; at += 8 << 10) {
			check_read(t, at, 8 << 10, HALF);
			check_read(t, at + HALF / 2, 8 << 10, HALF);
		}
		bytes = decoded(t, &blocks);
		assert_true(bytes < 2 * HALF);
		close_stream(t);
	}
}

/* As some writers of zip files leave it: the size alone tells the end. */
static void lzma_may_end_without_a_mark(void **state)
{
	(void)state;
	setup();
	size_t len = STREAM_STRETCH + 100, n = pack(len, LZMA_SIZED);
	struct tried *t = open_stream(CODEC_LZMA, (struct slice){packed, n}, len, 8 << 20);
	check_read(t, 0, len, len);
	close_stream(t);
	t = open_stream(CODEC_LZMA, (struct slice){packed, n}, len - 1, 8 << 20);
	refused_at(t, len - 2, -EBADMSG);
	close_stream(t);
	packed[2] = 6;
	t = open_stream(CODEC_LZMA, (struct slice){packed, n}, len, 8 << 20);
	assert_non_null(strstr(refused(t, -EBADMSG), ": properties that are not 5 bytes long"));
	close_stream(t);
}

/* What a header claims is not taken: no dictionary is longer than the data, and none of them
 * larger than the cache allows. */
static void what_a_decoder_takes_is_bounded(void **state)
{
	(void)state;
	setup();
	size_t n = pack(SHORT, LZMA);
	memset(packed + 5, 0xff, 4);
	struct tried *t = open_stream(CODEC_LZMA, (struct slice){packed, n}, SHORT, 4 << 20);
	check_read(t, 0, SHORT, SHORT);
	close_stream(t);
	uint64_t size = UINT64_C(1) << 40;
	t = open_stream(CODEC_LZMA, (struct slice){packed, n}, size, 4 << 20);
	assert_non_null(strstr(refused(t, -ENOMEM), " do not fit the cache"));
	close_stream(t);
	n = pack(SHORT, ZSTD);
	packed[4] &= 0xdf; /* a window is stated */
	packed[5] = 0xf8;
	t = open_stream(CODEC_ZSTD, (struct slice){packed, n}, size, 4 << 20);
	assert_non_null(strstr(refused(t, -ENOMEM), " do not fit the cache"));
	close_stream(t);
}

static void gzip_may_have_several_members(void **state)
{
	(void)state;
	setup();
	size_t a = pack_to(packed, plain, STREAM_STRETCH, GZIP, 1, Z_DEFAULT_STRATEGY);
	size_t e = pack_to(packed + a, plain, 0, GZIP, 1, Z_DEFAULT_STRATEGY);
	size_t b = pack_to(packed + a + e, plain + STREAM_STRETCH, 2 * STREAM_STRETCH + 7, GZIP, 6, Z_DEFAULT_STRATEGY);
	struct tried *t = open_stream(CODEC_GZIP, (struct slice){packed, a + e + b}, STREAM_SIZE_UNKNOWN, 2 << 20);
	check_read(t, 3 * STREAM_STRETCH, 100, 3 * STREAM_STRETCH + 7);
	check_read(t, 0, LONG, 3 * STREAM_STRETCH + 7);
	close_stream(t);
}

/* Right, or refused: whatever is changed, in stretches of so many bytes. */
static void try_changed(const struct way *way, struct slice in, size_t len, uint32_t crc32, bool said, uint64_t stretch)
{
	struct tried *t = open_stream(way->codec, in, said ? len : STREAM_SIZE_UNKNOWN, 4 << 20);
	struct error err = {""};
	struct answer a;
	t->s.stretch = stretch;
	t->s.crc32 = crc32;
	t->s.has_crc32 = way->codec == CODEC_DEFLATE || way->codec == CODEC_ZSTD || way->codec == CODEC_LZMA;
	answer_init(&a);
	int r = stream_answer(&t->s, 0, len + 1, &a, &err);
	if (r == 0) {
		uint8_t *out = malloc(a.len + 1);
		assert_int_equal(a.len, len);
		assert_int_equal(answer_copy(&a, out, &err), 0);
		assert_memory_equal(out, plain, len);
		free(out);
	} else {
		assert_true(r == -EBADMSG || (r == -ENOMEM && strstr(err.text, "do not fit the cache")));
		assert_true(err.text[0]);
	}
	answer_close(&a);
	close_stream(t);
}

static void no_cut_and_no_bent_byte_gives_wrong_bytes(void **state)
{
	(void)state;
	setup();
	for (size_t w = 0; w < WAYS; w++) {
		size_t n = pack(SHORT, ways[w].window_bits);
		uint32_t crc = (uint32_t)crc32(0, plain, SHORT);
		for (size_t cut = 0; cut < n; cut += has_points(ways[w].codec) ? 1 : 3) {
			uint8_t *copy = malloc(cut ? cut : 1);
			memcpy(copy, packed, cut);
			struct tried *t = open_stream(ways[w].codec, (struct slice){copy, cut}, STREAM_SIZE_UNKNOWN, 4 << 20);
			t->s.stretch = cut % 2 ? STREAM_STRETCH : 400;
			assert_non_null(strstr(refused(t, -EBADMSG), "is cut short after"));
			close_stream(t);
			free(copy);
		}
		for (size_t i = 0; i < n; i++)
			for (unsigned bit = 0; bit < 8; bit += has_points(ways[w].codec) ? 3 : 5) {
				packed[i] ^= (uint8_t)(1u << bit);
				try_changed(&ways[w], (struct slice){packed, n}, SHORT, crc, bit == 3, bit == 6 ? STREAM_STRETCH : 400);
				packed[i] ^= (uint8_t)(1u << bit);
			}
	}
}

static int add_up(void *arg, uint64_t bytes)
{
	*(uint64_t *)arg += bytes;
	return *(uint64_t *)arg > LONG ? 7 : 0;
}

/* Its size told and not; a bent byte, a CRC-32 of other bytes, more and fewer bytes than are told. */
static void a_pass_checks_all_of_it(void **state)
{
	(void)state;
	setup();
	for (size_t w = 0; w < WAYS; w++) {
		size_t n = pack(LONG, ways[w].window_bits);
		uint32_t crc = (uint32_t)crc32(0, plain, LONG);
		const struct {
			uint64_t size;
			uint32_t crc;
			size_t bent, cut;
			int r;
		} tries[] = {
			{LONG, crc, 0, 0, 0}, {STREAM_SIZE_UNKNOWN, crc, 0, 0, 0}, {LONG, crc ^ 1, 0, 0, -EBADMSG}, {LONG - 1, crc, 0, 0, -EBADMSG},
			{LONG + 1, crc, 0, 0, -EBADMSG}, {LONG, crc, n / 2, 0, -EBADMSG}, {LONG, crc, 0, n / 2, -EBADMSG},
		};
		for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
			struct error err = {""};
			uint64_t done = 0;
			packed[tries[i].bent] ^= (uint8_t)(tries[i].bent != 0);
			struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n - tries[i].cut}, tries[i].size, 0);
			t->s.crc32 = tries[i].crc;
			t->s.has_crc32 = true;
			assert_int_equal(stream_pass(&t->s, add_up, &done, &err), tries[i].r);
			assert_true(tries[i].r ? err.text[0] != '\0' : done == LONG);
			packed[tries[i].bent] ^= (uint8_t)(tries[i].bent != 0);
			close_stream(t);
		}
		struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n}, LONG, 0);
		uint64_t done = LONG;
		assert_int_equal(stream_pass(&t->s, add_up, &done, NULL), 7);
		close_stream(t);
	}
}

/* What comes before is there, whichever is read first; also if the cache holds next to nothing. */
static void what_is_wrong_at_the_end_fails_the_last_stretch(void **state)
{
	static const size_t budgets[] = {8 << 20, 1000};
	(void)state;
	setup();
	size_t len = 2 * STREAM_STRETCH + 100, n = pack(len, GZIP);
	for (size_t b = 0; b < 2; b++) {
		packed[n - 8] ^= 1;
		struct tried *t = open_stream(CODEC_GZIP, (struct slice){packed, n}, len, budgets[b]);
		assert_non_null(strstr(refused_at(t, len - 1, -EBADMSG), ": incorrect data check"));
		check_read(t, 5, 2 * STREAM_STRETCH - 5, len);
		assert_non_null(strstr(refused_at(t, len - 1, -EBADMSG), ": incorrect data check"));
		close_stream(t);
		packed[n - 8] ^= 1;
		packed[n - 4] ^= 1;
		t = open_stream(CODEC_GZIP, (struct slice){packed, n}, len, budgets[b]);
		check_read(t, 0, 10, len);
		assert_non_null(strstr(refused_at(t, len - 1, -EBADMSG), ": incorrect length check"));
		close_stream(t);
		packed[n - 4] ^= 1;
	}
	n = pack(len, RAW);
	for (size_t b = 0; b < 2; b++) {
		struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, len, budgets[b]);
		t->s.has_crc32 = true;
		t->s.crc32 = (uint32_t)crc32(0, plain, (unsigned)len) ^ 1;
		check_read(t, STREAM_STRETCH - 3, 7, len);
		assert_non_null(strstr(refused_at(t, len - 1, -EBADMSG), "a CRC-32 of "));
		check_read(t, 0, 10, len);
		close_stream(t);
	}
}

/* However the reads are cut and ordered, the CRC-32 counts each byte once. */
static void a_crc_is_that_of_all_bytes(void **state)
{
	static const uint64_t order[] = {3, 0, 5, 1, 4, 2};
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	for (size_t budget = 3 << 20; budget <= 64 << 20; budget += 61 << 20) {
		struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, budget);
		t->s.has_crc32 = true;
		t->s.crc32 = (uint32_t)crc32(0, plain, LONG);
		for (size_t i = 0; i < 6; i++)
			check_read(t, order[i] * STREAM_STRETCH + 7, 4096, LONG);
		check_read(t, 0, LONG, LONG);
		close_stream(t);
	}
}

/* Too much or too little fails where the bytes should end. */
static void what_is_said_of_its_size_holds(void **state)
{
	char right[100];
	(void)state;
	setup();
	for (size_t len = SHORT; len <= 2 * STREAM_STRETCH; len += 2 * STREAM_STRETCH - SHORT)
		for (size_t w = 0; w < WAYS; w++) {
			size_t n = pack(len, ways[w].window_bits);
			struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n}, len - 1, 4 << 20);
			snprintf(right, sizeof right, "%s decodes to more than %zu bytes", codec_name(ways[w].codec), len - 1);
			const char *why = refused_at(t, len - 2, -EBADMSG);
			if (ways[w].codec == CODEC_LZMA) /* is told the size, and sees it itself */
				assert_non_null(strstr(why, "lzma is broken at byte "));
			else
				assert_string_equal(why, right);
			close_stream(t);
			t = open_stream(ways[w].codec, (struct slice){packed, n}, len + 1, 4 << 20);
			snprintf(right, sizeof right, "%s decodes to %zu bytes, not %zu", codec_name(ways[w].codec), len, len + 1);
			why = refused_at(t, len, -EBADMSG);
			if (ways[w].codec == CODEC_LZMA)
				assert_non_null(strstr(why, "lzma "));
			else
				assert_string_equal(why, right);
			close_stream(t);
		}
}

static void more_than_can_be_is_refused_when_opened(void **state)
{
	struct source source = source_memory((struct slice){packed, 100});
	struct error err = {""};
	struct stream s = {.client = &client, .source = &source, .len = 100, .codec = CODEC_DEFLATE, .size = UINT64_C(1) << 40};
	(void)state;
	assert_int_equal(stream_open(&s, &err), -EBADMSG);
	assert_string_equal(err.text, "100 bytes of deflate cannot decode to 1099511627776");
	err.text[0] = '\0';
	s.size = 1;
	s.offset = 1;
	assert_int_equal(stream_open(&s, &err), -EBADMSG);
	assert_string_equal(err.text, "100 bytes at 1 in a file of 100");
	err.text[0] = '\0';
	s.codec = CODEC_SNAPPY;
	assert_int_equal(stream_open(&s, &err), -ENOTSUP);
	assert_string_equal(err.text, "snappy is not decoded in steps");
}

static void what_follows_the_stream_is_refused(void **state)
{
	char right[100];
	(void)state;
	setup();
	for (size_t w = 0; w < WAYS; w++) {
		size_t n = pack(SHORT, ways[w].window_bits);
		memcpy(packed + n, "rest", 4);
		struct tried *t = open_stream(ways[w].codec, (struct slice){packed, n + 4}, SHORT, 4 << 20);
		const char *why = refused(t, -EBADMSG);
		snprintf(right, sizeof right, "%s ends at byte %zu of %zu", codec_name(ways[w].codec), n, n + 4);
		if (ways[w].codec == CODEC_GZIP)
			assert_non_null(strstr(why, ": incorrect header check"));
		else if (is_several(ways[w].codec))
			assert_true(strstr(why, " is broken at byte ") || strstr(why, " is cut short after "));
		else
			assert_string_equal(why, right);
		close_stream(t);
	}
}

/* All behind the first part is broken: it is not looked at.  A read fails only where that is. */
static void a_prefix_is_decoded_alone(void **state)
{
	struct error err = {""};
	uint8_t out[1000];
	size_t made;
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	memset(packed + (n - (256 << 10)), 0xff, 256 << 10);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, 4 << 20);
	assert_int_equal(stream_prefix(&t->s, out, sizeof out, &made, &err), 0);
	assert_int_equal(made, sizeof out);
	assert_memory_equal(out, plain, sizeof out);
	refused_at(t, LONG - 1, -EBADMSG);
	check_read(t, 1000, 100, LONG);
	close_stream(t);
	n = pack(10, RAW);
	t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, 10, 4 << 20);
	assert_int_equal(stream_prefix(&t->s, out, sizeof out, &made, &err), 0);
	assert_int_equal(made, 10);
	assert_int_equal(stream_prefix(&t->s, NULL, 0, &made, &err), 0);
	t->s.size = 11;
	assert_int_equal(stream_prefix(&t->s, out, sizeof out, &made, &err), -EBADMSG);
	assert_string_equal(err.text, "deflate decodes to 10 bytes, not 11");
	close_stream(t);
}

static void a_prefix_takes_no_more_than_it_may(void **state)
{
	struct error err = {""};
	uint8_t out[1000];
	size_t made;
	(void)state;
	setup();
	size_t n = pack(SHORT, ZSTD);
	packed[4] &= 0xdf; /* a window is stated: of 2 GiB */
	packed[5] = 0xa8;
	struct tried *t = open_stream(CODEC_ZSTD, (struct slice){packed, n}, STREAM_SIZE_UNKNOWN, 4 << 20);
	assert_int_equal(stream_prefix(&t->s, out, sizeof out, &made, &err), -ENOTSUP);
	assert_string_equal(err.text, "2148007936 bytes to decode zstd do not fit the cache: -o cache=SIZE");
	struct blocks *cache = t->s.blocks;
	t->s.blocks = NULL; /* as while it is not known what the file is */
	assert_int_equal(stream_prefix(&t->s, out, sizeof out, &made, &err), -ENOTSUP);
	packed[5] = 0x88; /* 128 MiB */
	assert_int_not_equal(stream_prefix(&t->s, out, sizeof out, &made, &err), -ENOTSUP);
	t->s.blocks = cache;
	close_stream(t);
}

static void a_reader_who_went_away_is_not_decoded_for(void **state)
{
	_Atomic bool gone = true;
	struct error err = {""};
	struct answer a;
	(void)state;
	setup();
	size_t n = pack(SHORT, RAW);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, SHORT, 4 << 20);
	answer_init(&a);
	a.gone = &gone;
	assert_int_equal(stream_answer(&t->s, 0, 10, &a, &err), -EINTR);
	answer_close(&a);
	check_read(t, 0, 10, SHORT);
	close_stream(t);
}

struct reader {
	pthread_t thread;
	struct tried *t;
	uint64_t seed;
};

/* Where a code point of two bytes lies across the end of a stretch, too. */
static void bytes_kept_as_text_are_read_at_any_offset(void **state)
{
	enum { SIZE = 2 * STREAM_STRETCH + 99 };
	static uint8_t text[2 * SIZE];
	static const size_t budgets[] = {64 << 20, 1000, 0};
	size_t n = 0;
	(void)state;
	setup();
	for (size_t i = 0; i < SIZE; i++) {
		if (plain[i] >= 0x80)
			text[n++] = plain[i] < 0xc0 ? 0xc2 : 0xc3;
		text[n++] = plain[i] < 0xc0 ? plain[i] : (uint8_t)(plain[i] - 0x40);
	}
	for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
		struct tried *t = open_stream(CODEC_LATIN1, (struct slice){text, n}, SIZE, budgets[b]);
		for (uint64_t i = 3; i-- > 0;)
			check_read(t, i * STREAM_STRETCH - (i > 0), 100, SIZE);
		check_read(t, 0, SIZE + 1, SIZE);
		close_stream(t);
	}
	struct tried *t = open_stream(CODEC_LATIN1, (struct slice){text, n}, STREAM_SIZE_UNKNOWN, 64 << 20);
	check_read(t, SIZE - 10, 20, SIZE);
	close_stream(t);
	text[n - 1] = 0xc3;
	t = open_stream(CODEC_LATIN1, (struct slice){text, n}, SIZE, 64 << 20);
	assert_non_null(strstr(refused_at(t, SIZE - 1, -EBADMSG), "Latin-1 is "));
	close_stream(t);
}

static void *read_much(void *arg)
{
	struct reader *r = arg;
	for (int i = 0; i < 6; i++, r->seed = r->seed * 6364136223846793005 + 1442695040888963407)
		check_read(r->t, (r->seed >> 33) % LONG, i % 5 ? 4096 : 2 << 20, LONG);
	return NULL;
}

/* Where the cache holds all, each stretch and each point is made once. */
static void many_read_one_at_once(void **state)
{
	static const size_t budgets[] = {64 << 20, 3 << 20, 1000};
	struct reader readers[8];
	uint64_t blocks;
	(void)state;
	setup();
	for (size_t b = 0; b < 2 * sizeof budgets / sizeof *budgets; b++) {
		size_t n = pack(LONG, b % 2 ? ZSTD : GZIP);
		struct tried *t = open_stream(b % 2 ? CODEC_ZSTD : CODEC_GZIP, (struct slice){packed, n}, LONG, budgets[b / 2]);
		for (size_t i = 0; i < 8; i++) {
			readers[i] = (struct reader){.t = t, .seed = i + 1};
			assert_int_equal(pthread_create(&readers[i].thread, NULL, read_much, &readers[i]), 0);
		}
		for (size_t i = 0; i < 8; i++)
			pthread_join(readers[i].thread, NULL);
		decoded(t, &blocks);
		assert_true(b > 1 || blocks <= 6 + 5);
		close_stream(t);
	}
}

static void *check_all(void *arg)
{
	struct reader *r = arg;
	struct error err = {""};
	assert_int_equal(stream_check(&r->t->s, NULL, &err), 0);
	return NULL;
}

/* Nobody looks for more behind the end that another has found meanwhile. */
static void many_check_one_at_once(void **state)
{
	struct reader readers[4];
	(void)state;
	setup();
	size_t n = pack(SHORT, RAW);
	for (unsigned round = 0; round < 3000; round++) {
		struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, round % 2 ? SHORT : STREAM_SIZE_UNKNOWN, 4 << 20);
		t->s.stretch = (SHORT - 1) / 2;
		for (size_t i = 0; i < 4; i++) {
			readers[i] = (struct reader){.t = t};
			assert_int_equal(pthread_create(&readers[i].thread, NULL, check_all, &readers[i]), 0);
		}
		for (size_t i = 0; i < 4; i++)
			pthread_join(readers[i].thread, NULL);
		close_stream(t);
	}
}

/* A hole in the file is told as such, and not as a broken stream. */
static void what_was_cut_off_the_file_is_an_io_error(void **state)
{
	char *folder_path = test_folder(), path[300];
	struct folder folder = test_root();
	struct error err = {""};
	struct answer a;
	(void)state;
	setup();
	size_t n = pack(LONG, RAW);
	snprintf(path, sizeof path, "%s/f", folder_path);
	FILE *f = fopen(path, "w");
	assert_int_equal(fwrite(packed, 1, n, f), n);
	fclose(f);
	struct source source;
	assert_int_equal(source_open(&source, &folder, path + 1, REACH_ANY, &err), 0);
	assert_int_equal(truncate(path, (off_t)n / 2), 0);
	struct tried *t = open_stream(CODEC_DEFLATE, (struct slice){packed, n}, LONG, 4 << 20);
	t->s.source = &source;
	answer_init(&a);
	assert_int_equal(stream_answer(&t->s, LONG - 10, 10, &a, &err), -EIO);
	answer_close(&a);
	close_stream(t);
	source_close(&source);
	test_folder_remove(folder_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_range_is_what_was_compressed),
		cmocka_unit_test(ends_at_and_beside_a_stretchs_end),
		cmocka_unit_test(an_empty_stream_is_empty),
		cmocka_unit_test(a_random_read_decodes_one_stretch),
		cmocka_unit_test(in_the_smallest_cache_it_is_decoded_once),
		cmocka_unit_test(some_points_are_kept_of_many),
		cmocka_unit_test(the_first_read_decodes_up_to_there),
		cmocka_unit_test(stretches_are_decoded_ahead_of_a_reader_in_order),
		cmocka_unit_test(nothing_is_decoded_ahead_after_a_cancel),
		cmocka_unit_test(after_a_pass_a_random_read_decodes_little),
		cmocka_unit_test(points_lie_within_a_deflate_block_too),
		cmocka_unit_test(a_decoder_waits_where_it_is),
		cmocka_unit_test(lzma_may_end_without_a_mark),
		cmocka_unit_test(what_a_decoder_takes_is_bounded),
		cmocka_unit_test(gzip_may_have_several_members),
		cmocka_unit_test(no_cut_and_no_bent_byte_gives_wrong_bytes),
		cmocka_unit_test(a_pass_checks_all_of_it),
		cmocka_unit_test(what_is_wrong_at_the_end_fails_the_last_stretch),
		cmocka_unit_test(a_crc_is_that_of_all_bytes),
		cmocka_unit_test(what_is_said_of_its_size_holds),
		cmocka_unit_test(more_than_can_be_is_refused_when_opened),
		cmocka_unit_test(what_follows_the_stream_is_refused),
		cmocka_unit_test(a_prefix_is_decoded_alone),
		cmocka_unit_test(a_prefix_takes_no_more_than_it_may),
		cmocka_unit_test(a_reader_who_went_away_is_not_decoded_for),
		cmocka_unit_test(bytes_kept_as_text_are_read_at_any_offset),
		cmocka_unit_test(many_read_one_at_once),
		cmocka_unit_test(many_check_one_at_once),
		cmocka_unit_test(what_was_cut_off_the_file_is_an_io_error),
	};
	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
