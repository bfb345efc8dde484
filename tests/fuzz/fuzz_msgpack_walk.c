/* SPDX-License-Identifier: MIT */
/* MessagePack: stepping over each object ends where walking through all that is in it ends, and
 * finds the same fault; and all that is told lies in the bytes. */
#include "formats/shared/msgpack.h"
#include "tests/fuzz/fuzz.h"

static void look_at(struct msgpack *m, const struct msgpack_object *o, size_t size)
{
	int64_t when;
	uint8_t first;
	HOLDS(o->depth <= MSGPACK_DEPTH && o->at < o->body && o->body <= size);
	if (o->kind < MSGPACK_STR || o->kind > MSGPACK_EXT)
		return;
	HOLDS(range_within(o->body, o->len, size));
	HOLDS(o->len == 0 || msgpack_read(m, o->body, &first, 1));
	msgpack_nanoseconds(m, o, &when);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t windows[2][MSGPACK_WINDOW];
	struct source s = source_memory((struct slice){data, size});
	struct error errs[2] = {0};
	struct msgpack whole, leaps;
	struct msgpack_object o;
	uint64_t objects = 0, leapt = 0;
	msgpack_init(&whole, &s, 0, size, windows[0], &errs[0]);
	msgpack_init(&leaps, &s, 0, size, windows[1], &errs[1]);
	while (msgpack_next(&whole, &o)) {
		look_at(&whole, &o, size);
		objects += o.depth == 0;
	}
	while (msgpack_next(&leaps, &o) && msgpack_skip(&leaps, &o))
		leapt++;
	HOLDS(whole.failed == leaps.failed && strcmp(errs[0].text, errs[1].text) == 0);
	HOLDS(whole.failed || (leapt == objects && whole.at == size));
	return 0;
}
