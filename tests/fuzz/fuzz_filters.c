/* SPDX-License-Identifier: MIT */
/*
 * The filters of arrays, which are not a codec alone:
 *
 *   filter, number of parameters, room (u16), the parameters (u32); the rest is coded
 *
 * What is decoded fits the room, and does not depend on what was in memory before.
 */
#include "fs/base/arena.h"
#include "fs/codec/filter.h"
#include "tests/fuzz/fuzz.h"

static filter_fn *const filters[] = {
	filter_nbit, filter_scaleoffset, filter_szip, filter_lz4, filter_bitshuffle, filter_shuffle, filter_fletcher32,
};

enum { FILTERS = sizeof filters / sizeof *filters, PARAMETERS = 64 };

static uint8_t *take(void *arena, size_t len, struct error *err)
{
	uint8_t *bytes = arena_alloc(arena, len);
	if (!bytes)
		error_set(err, ENOMEM, "no memory for %zu bytes", len);
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct slice){data, size});
	filter_fn *undo = filters[cursor_u8(&c) % FILTERS];
	uint32_t values[PARAMETERS];
	struct filter_parameters p = {values, cursor_u8(&c) % PARAMETERS};
	size_t room = cursor_u16le(&c), made[2] = {0};
	for (uint32_t i = 0; i < p.count; i++)
		values[i] = cursor_u32le(&c);
	if (c.failed)
		return 0;
	struct slice in = fuzz_rest(&c);
	uint8_t *out[2] = {malloc(room ? room : 1), malloc(room ? room : 1)};
	int r[2] = {0};
	for (int i = 0; i < 2 && out[0] && out[1]; i++) {
		struct error err = {0};
		struct arena arena = {.limit = 1 << 24};
		struct codec_memory memory = {.take = take, .arg = &arena, .changing = true};
		memset(out[i], i ? 0xff : 0x00, room);
		r[i] = undo(p, in, out[i], room, &made[i], &memory, &err);
		arena_free(&arena);
		HOLDS(r[i] == 0 ? made[i] <= room : err.text[0] != '\0');
	}
	HOLDS(r[0] == r[1] && (r[0] < 0 || made[0] == made[1]));
	HOLDS(r[0] < 0 || memcmp(out[0], out[1], made[0]) == 0);
	free(out[0]);
	free(out[1]);
	return 0;
}
