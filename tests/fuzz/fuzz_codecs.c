/* SPDX-License-Identifier: MIT */
/*
 * The compressed streams that archives hold:
 *
 *   codec, room (u16); the rest is the stream
 *
 * What is decoded is as long as was asked, or fits the room, and does not depend on
 * what was in memory before.  In steps, as a stream of short stretches that resume from
 * their points, a stream decodes to the same, if it decodes at all.
 */
#include "fs/blocks/stream.h"
#include "fs/codec/decoder.h"
#include "tests/fuzz/fuzz.h"

static void check(enum codec_id codec, struct slice in, size_t room, bool exact)
{
	uint8_t *out[2] = {malloc(room ? room : 1), malloc(room ? room : 1)};
	size_t made[2] = {room, room};
	int r[2] = {0};
	for (int i = 0; i < 2 && out[0] && out[1]; i++) {
		struct error err = {0};
		memset(out[i], i ? 0xff : 0x00, room);
		r[i] = exact ? codec_run(codec, in, out[i], room, NULL, &err) : codec_run_some(codec, in, out[i], room, &made[i], NULL, &err);
		HOLDS(r[i] == 0 ? made[i] <= room : err.text[0] != '\0');
	}
	HOLDS(r[0] == r[1]);
	HOLDS(r[0] < 0 || (made[0] == made[1] && memcmp(out[0], out[1], made[0]) == 0));
	free(out[0]);
	free(out[1]);
}

static struct block_client client; /* only to be somebody */

/* From the last stretch to the first, and all again, with whatever points are kept. */
static void read_back(struct stream *s, struct slice whole)
{
	struct error err = {0};
	for (uint64_t at = whole.len / 97 * 97 + 97; at > 0; at -= 97) {
		struct answer a;
		uint8_t out[97];
		size_t right = at > whole.len ? whole.len - (at - 97) : 97;
		answer_init(&a);
		HOLDS(stream_answer(s, at - 97, 97, &a, &err) == 0 && a.len == right && answer_copy(&a, out, &err) == 0);
		HOLDS(right == 0 || memcmp(out, whole.data + (at - 97), right) == 0);
		answer_close(&a);
	}
}

static void check_steps(enum codec_id codec, struct slice in, size_t room, size_t budget)
{
	struct source source = source_memory(in);
	struct blocks *blocks = NULL;
	struct error err = {0};
	uint64_t size;
	size_t made = 0;
	uint8_t *out = malloc(room ? room : 1);
	struct stream s = {.client = &client, .source = &source, .len = in.len, .codec = codec, .size = STREAM_SIZE_UNKNOWN};
	if (!out || blocks_open(&blocks, budget, 1) < 0 || (s.blocks = blocks, stream_open(&s, &err)) < 0)
		abort();
	int w = codec_run_some(codec, in, out, room, &made, NULL, &err);
	if (w == 0)
		s.stretch = 97; /* few: what it decodes to fits the room */
	if (w < 0 && codec_steps(codec)->ratio == UINT32_MAX)
		s.size = room; /* or it may decode to anything */
	err.text[0] = '\0';
	int r = stream_check(&s, NULL, &err);
	if (r == 0)
		r = stream_size(&s, &size, &err);
	HOLDS(r == 0 || err.text[0] != '\0');
	HOLDS(r < 0 || w < 0 || size == made);
	if (r == 0 && w == 0)
		read_back(&s, (struct slice){out, made});
	blocks_drop(blocks, &client);
	blocks_close(blocks);
	source_close(&source);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct slice){data, size});
	enum codec_id codec = cursor_u8(&c) % CODEC_COUNT;
	size_t room = cursor_u16le(&c);
	struct slice in = fuzz_rest(&c);
	check(codec, in, room, true);
	check(codec, in, room, false);
	if (codec_steps(codec))
		check_steps(codec, in, room, room % 2 ? 1 << 20 : 1000);
	return 0;
}
