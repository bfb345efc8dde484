/* SPDX-License-Identifier: MIT */
/* Lists. */
#include "formats/msgpack/impl.h"

int msgpack_list_show(struct msgpack_doc *d, uint32_t parent, struct slice name, const struct msgpack_object *o, uint32_t *ret)
{
	static const uint64_t none;
	struct array null = {.dtype = DTYPE_NULL, .rank = 1, .shape = &none};
	if (o->len)
		return 0;
	*ret = tree_bytes(&d->a->tree, parent, name, "", 0);
	tree_describe(&d->a->tree, *ret, tree_array(&d->a->tree, &null));
	return 1;
}
