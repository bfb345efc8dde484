/* SPDX-License-Identifier: MIT */
/* How a walk over the nodes of a B-tree is bounded. */
#include "formats/hdf5/visited.h"

#include <inttypes.h>

enum { FIRST_SLOTS = 64, NODE_COST = 64 /* of a node, beside its bytes */ };

struct h5_visited h5_visited(const struct h5_file *f, struct arena *s)
{
	return (struct h5_visited){.arena = s, .file = h5_source(f)->size, .memory = s->limit};
}

/* Where the address is, or belongs.  A slot holds it plus one; 0 is free. */
static uint64_t *slot_of(uint64_t *slots, uint32_t mask, uint64_t address)
{
	uint32_t i = h5_hash(address) & mask;
	while (slots[i] != 0 && slots[i] != address + 1)
		i = (i + 1) & mask;
	return &slots[i];
}

static bool grow(struct h5_visited *v)
{
	uint32_t room = v->slots ? (v->mask + 1) * 2 : FIRST_SLOTS;
	uint64_t *slots = room ? arena_array(v->arena, room, sizeof *slots) : NULL;
	if (!slots)
		return false;
	for (uint32_t i = 0; v->slots && i <= v->mask; i++)
		if (v->slots[i])
			*slot_of(slots, room - 1, v->slots[i] - 1) = v->slots[i];
	v->slots = slots;
	v->mask = room - 1;
	return true;
}

int h5_visit(struct h5_visited *v, uint64_t address, struct error *err)
{
	if (address == H5_UNDEFINED)
		return error_set(err, EBADMSG, "a B-tree's node without an address");
	if ((!v->slots || v->count > v->mask / 2) && !grow(v))
		return error_no_memory(err, "the nodes of a B-tree");
	uint64_t *slot = slot_of(v->slots, v->mask, address);
	if (*slot)
		return error_set(err, EBADMSG, "a B-tree's node at %" PRIu64 " has two parents", address);
	*slot = address + 1;
	v->count++;
	return 0;
}

int h5_visit_bytes(struct h5_visited *v, uint64_t len, struct error *err)
{
	if (len > v->file)
		return error_set(err, ELOOP, "a B-tree has more nodes than the file can hold");
	if (len > v->memory || v->memory - len < NODE_COST)
		return error_no_memory(err, "so large a B-tree");
	v->file -= len;
	v->memory -= len + NODE_COST;
	return 0;
}
