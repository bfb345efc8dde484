/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/hdf5/hdf5.h"

/*
 * Bounds for a walk over the nodes of a B-tree, whose own bytes are freed as it goes on.
 * Each node has one parent; together they have no more bytes than the file, whose size may
 * be mostly holes, nor than the archive's metadata may take.  One thread.
 */
struct h5_visited {
	struct arena *arena; /* for the addresses */
	uint64_t *slots;     /* an open-addressed table of them */
	uint32_t count, mask;
	uint64_t file, memory; /* bytes that further nodes may have */
};
struct h5_visited h5_visited(const struct h5_file *f, struct arena *s);

/* Before a node is loaded: -EBADMSG if it was visited already. */
int h5_visit(struct h5_visited *v, uint64_t address, struct error *err);

/* Once its length is known: -ELOOP or -ENOMEM if the nodes are too many. */
int h5_visit_bytes(struct h5_visited *v, uint64_t len, struct error *err);
