/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * A hash map from identities (numbers other than 0) to numbers: nodes that were visited,
 * files that were written. Start from {0}.
 */
struct idmap {
	struct idmap_slot {
		uint64_t id; /* 0: free */
		uint64_t value;
	} *slots;
	size_t mask, used;
};

/* The identity's number, inserted as 0 if missing; the pointer is valid until the next
 * call. NULL without memory. */
uint64_t *idmap_at(struct idmap *m, uint64_t id);
/* The identity's number, 0 if it has none. */
uint64_t idmap_get(const struct idmap *m, uint64_t id);

void idmap_free(struct idmap *m);
