/* SPDX-License-Identifier: MIT */
/* Maps between objects and nodes: the node of an object with several paths, the object of a
 * node, and a node's permanent identity. */
#include "formats/hdf5/hdf5.h"
#include "fs/base/name.h"

/* --- objects that several paths lead to ------------------------------------------------------- */

/* The file's slot, or a free one, whose address is undefined. */
static struct h5_shown *slot(const struct h5_archive *h, uint64_t address, uint32_t part)
{
	uint32_t i = h5_hash(address + part) & h->shown_mask;
	while (h->shown[i].address != H5_UNDEFINED && (h->shown[i].address != address || h->shown[i].part != part))
		i = (i + 1) & h->shown_mask;
	return &h->shown[i];
}

uint32_t h5_twin(const struct h5_archive *h, uint64_t address, uint32_t part)
{
	return h->shown ? slot(h, address, part)->node : 0;
}

int h5_show(struct archive *a, uint64_t address, uint32_t part, uint32_t node, struct error *err)
{
	struct h5_archive *h = a->priv;
	if (!h->shown || h->shown_used * 2 > h->shown_mask) {
		struct h5_archive grown = {.shown_mask = h->shown ? h->shown_mask * 2 + 1 : 63};
		grown.shown = arena_array(&a->arena, grown.shown_mask + 1u, sizeof *grown.shown);
		if (!grown.shown)
			return error_no_memory(err, "a dataset");
		for (uint32_t i = 0; i <= grown.shown_mask; i++)
			grown.shown[i].address = H5_UNDEFINED;
		for (uint32_t i = 0; h->shown && i <= h->shown_mask; i++)
			if (h->shown[i].address != H5_UNDEFINED)
				*slot(&grown, h->shown[i].address, h->shown[i].part) = h->shown[i];
		h->shown = grown.shown;
		h->shown_mask = grown.shown_mask;
	}
	struct h5_shown *at = slot(h, address, part);
	h->shown_used += at->address == H5_UNDEFINED;
	*at = (struct h5_shown){address, part, node};
	return 0;
}

/* --- where objects are -------------------------------------------------------------------------- */

static unsigned chunk_of(uint32_t node, uint32_t *ret)
{
	unsigned k = h5_log2(node / TREE_FIRST_CHUNK + 1);
	*ret = node - TREE_FIRST_CHUNK * ((1u << k) - 1);
	return k;
}

int h5_place(struct archive *a, uint32_t node, struct h5_place place, struct error *err)
{
	struct h5_archive *h = a->priv;
	uint32_t at;
	unsigned k = chunk_of(node, &at);
	if (!h->places[k] && place.address &&
	    !(h->places[k] = arena_array(&a->arena, (size_t)TREE_FIRST_CHUNK << k, sizeof place)))
		return error_no_memory(err, "a dataset");
	if (h->places[k])
		h->places[k][at] = place;
	return 0;
}

/* Safe without a lock: the chunk was allocated before the node was published. */
struct h5_place h5_place_of(const struct archive *a, uint32_t node)
{
	const struct h5_archive *h = a->priv;
	uint32_t at;
	unsigned k = chunk_of(node, &at);
	return h->places[k] ? h->places[k][at] : (struct h5_place){0};
}

/* --- identities ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
	return x ^ x >> 33;
}

/* Hashes the names from the root down; for a file with several paths, from its object's
 * address down, so that every path gives the same. */
uint64_t h5_identity(const struct archive *a, uint32_t index)
{
	const struct node *n = tree_node(&a->tree, index);
	bool shared = n->kind != NODE_DIR && n->links > 1;
	uint64_t below = 0, from = TREE_ROOT;
	for (; index != TREE_ROOT && index; index = n->parent, n = tree_node(&a->tree, index)) {
		struct h5_place place = h5_place_of(a, index);
		if (shared && place.address) {
			from = mix(place.address + 2);
			break;
		}
		below = mix(below + name_hash(slice_text(n->name)));
	}
	uint64_t id = mix(below + from);
	return id ? id : 1;
}
