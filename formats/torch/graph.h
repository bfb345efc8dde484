/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/torch/torch.h"

/* marks of a value, by graph.c; value.c has two more. */
enum {
	TORCH_ENTERED = 1 << 0, /* met by the walk */
	TORCH_HOLDS = 1 << 1,   /* an array is in it, at any depth */
	TORCH_SHARED = 1 << 2,  /* a container that several hold */
};

/* Looks through all that the root, a container, module or object, holds. -ENOTSUP, -EBADMSG, -ENOMEM:
 * the file is refused. */
int torch_graph(struct torch_file *f, uint32_t root, struct error *err);

/* Makes f->named of all tensors as they were met, which it sorts: one that comes again has the sum of
 * their links. */
int torch_keep_named(struct torch_file *f, struct torch_named *met, uint32_t count, struct error *err);
