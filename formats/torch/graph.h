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

/* Adds the tensor to f->named, and returns its number. */
int torch_meet(struct torch_file *f, const struct torch_tensor *t, uint32_t *ret, struct error *err);

/* It has so many names more. */
void torch_add_links(struct torch_file *f, uint32_t number, uint32_t links);

/* When all are met: those that are one have the sum of their links. */
int torch_merge_named(struct torch_file *f, struct error *err);
