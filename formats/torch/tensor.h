/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/torch/torch.h"

/* For those who know a tensor from elsewhere than a pickle: with rank, shape, strides and, in elements,
 * offset set, describes it as of that type; then, with its bytes, checks that they hold it. -EBADMSG: a
 * fault of the tensor. */
int torch_describe(struct torch_tensor *t, const struct torch_dtype *dtype, bool big_endian, struct arena *arena, struct error *err);
int torch_finish(struct torch_tensor *t, struct error *err);

/* Adds it; as a fault, if it `failed` because of `why`. */
int torch_add(const struct torch_file *f, uint32_t parent, struct slice name, const struct torch_tensor *t, int failed,
	      const struct error *why, uint32_t *ret, struct error *err);
