/* SPDX-License-Identifier: MIT */
/*
 * Files are recognised if they are one map with string keys that ends where the file ends, and in
 * which an array is.  MessagePack has no magic: many files begin with a byte that may be a map's.  So
 * what follows must be a string, and within a bounded number of objects there must be an
 * array; most files fail at one of the first few objects.
 */
#include "formats/msgpack/impl.h"

enum { BUDGET = 1 << 18 }; /* objects before the first array */

/* Maps that are not arrays in themselves are walked through, like the others. */
static bool walk(struct msgpack_doc *d)
{
	struct msgpack_object o;
	struct msgpack_array array;
	uint32_t seen = 0, pairs = 0;
	bool begun = false, found = false;
	while (msgpack_next(&d->m, &o)) {
		bool key = o.depth == 1 && pairs++ % 2 == 0;
		if (o.depth == 0 && (begun || o.kind != MSGPACK_MAP || o.len == 0))
			return false;
		if (key && o.kind != MSGPACK_STR && o.kind != MSGPACK_BIN)
			return false;
		if (!found && (o.kind == MSGPACK_EXT || o.kind == MSGPACK_MAP)) {
			struct arena scratch = arena_scratch(d->keep);
			d->scratch = &scratch;
			int r = msgpack_array_read(d, &o, &array);
			found = r > 0 && (!array.fault || array.pickled) && !array.number;
			arena_free(&scratch);
			d->scratch = NULL;
			if (r < 0)
				return false;
		}
		if (!found && ++seen > BUDGET)
			return false;
		begun = true;
	}
	return found && !d->m.failed;
}

bool msgpack_probe(const struct peek *p)
{
	struct cursor head = p->head;
	struct error unsaid = {0};
	uint8_t first = cursor_u8(&head);
	if (head.failed || !((first > 0x80 && first < 0x90) || first == 0xde || first == 0xdf))
		return false;
	cursor_skip(&head, first == 0xde ? 2 : first == 0xdf ? 4 : 0);
	uint8_t key = cursor_u8(&head);
	if (head.failed || !((key >= 0xa0 && key < 0xc0) || (key >= 0xd9 && key <= 0xdb) || (key >= 0xc4 && key <= 0xc6)))
		return false;
	struct arena arena = {.limit = 64 << 20};
	struct msgpack_doc *d = arena_alloc(&arena, sizeof *d);
	bool fine = d;
	if (d) {
		msgpack_init(&d->m, p->source, 0, p->size, d->window, &unsaid);
		d->keep = &arena;
		d->err = &unsaid;
		fine = walk(d);
	}
	arena_free(&arena);
	return fine;
}
