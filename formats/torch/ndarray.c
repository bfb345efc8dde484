/* SPDX-License-Identifier: MIT */
#include "formats/torch/torch.h"

enum torch_nd torch_nd(const struct torch_file *f, uint32_t node, uint32_t *items)
{
	(void)f, (void)node, (void)items;
	return TORCH_ND_NONE;
}

int torch_add_nd(const struct torch_file *f, uint32_t parent, struct slice name, uint32_t node, uint32_t *ret, struct error *err)
{
	(void)f, (void)parent, (void)name, (void)node, (void)ret;
	return error_set(err, ENOTSUP, "arrays of NumPy");
}

int torch_put_nd(const struct torch_file *f, uint32_t node, struct text *ret, struct error *err)
{
	(void)f, (void)node, (void)ret;
	return error_set(err, ENOTSUP, "arrays of NumPy");
}
