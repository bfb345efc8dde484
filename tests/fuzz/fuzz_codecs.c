/* SPDX-License-Identifier: MIT */
/*
 * The compressed streams that archives hold:
 *
 *   codec, room (u16); the rest is the stream
 *
 * What is decoded is as long as was asked, or fits the room, and does not depend on
 * what was in memory before.
 */
#include "fs/codec/codec.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct slice){data, size});
	enum codec_id codec = cursor_u8(&c) % CODEC_COUNT;
	size_t room = cursor_u16le(&c);
	struct slice in = fuzz_rest(&c);
	check(codec, in, room, true);
	check(codec, in, room, false);
	return 0;
}
