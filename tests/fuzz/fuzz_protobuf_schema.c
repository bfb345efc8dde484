/* SPDX-License-Identifier: MIT */
/* Descriptor sets: whatever one says, the fields that are found are those of one tree. */
#include <string.h>

#include "formats/protobuf/impl.h"
#include "tests/fuzz/fuzz.h"

/* As deep as messages are in one another. */
static void look_at(const struct protobuf_schema *s, const struct protobuf_message *m, unsigned depth)
{
	uint32_t hint = 0;
	HOLDS(depth <= WIRE_DEPTH);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct protobuf_field *f = m->fields[i];
		HOLDS(f->index == i && f->id < s->count && s->fields[f->id] == f);
		HOLDS(protobuf_field(m, f->number, &hint) == f);
		if (f->message)
			look_at(s, f->message, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"p.M", "demo.Rec"};
	for (unsigned i = 0; i < 2; i++) {
		struct arena arena = {.limit = 64 << 20};
		struct error err = {0};
		struct protobuf_schema *s;
		int r = protobuf_schema((struct slice){data, size}, names[i], &arena, &s, &err);
		HOLDS(r == 0 || err.text[0]);
		if (r == 0)
			look_at(s, &s->root, 0);
		arena_free(&arena);
	}
	return 0;
}
