/* SPDX-License-Identifier: MIT */
/* What is where: the node of a dataset that has several names, the object of a node. */
#include "formats/hdf5/hdf5.h"

/* --- hard links to datasets ------------------------------------------------------------------ */

struct h5_shown *h5_shown(struct h5_archive *h, uint64_t address)
{
	uint32_t i = (uint32_t)((address * 0x9e3779b97f4a7c15) >> 32) & h->shown_mask;
	while (h->shown[i].address != H5_UNDEFINED && h->shown[i].address != address)
		i = (i + 1) & h->shown_mask;
	return &h->shown[i];
}

int h5_show(struct archive *a, uint64_t address, uint32_t node, struct error *err)
{
	struct h5_archive *h = a->priv;
	if (!h->shown || h->shown_used * 2 > h->shown_mask) {
		struct h5_archive grown = {.shown_mask = h->shown ? h->shown_mask * 2 + 1 : 63};
		grown.shown = arena_array(&a->arena, grown.shown_mask + 1u, sizeof *grown.shown);
		if (!grown.shown)
			return error_set(err, ENOMEM, "no memory for a dataset");
		for (uint32_t i = 0; i <= grown.shown_mask; i++)
			grown.shown[i].address = H5_UNDEFINED;
		for (uint32_t i = 0; h->shown && i <= h->shown_mask; i++)
			if (h->shown[i].address != H5_UNDEFINED)
				*h5_shown(&grown, h->shown[i].address) = h->shown[i];
		h->shown = grown.shown;
		h->shown_mask = grown.shown_mask;
	}
	struct h5_shown *slot = h5_shown(h, address);
	h->shown_used += slot->address == H5_UNDEFINED;
	*slot = (struct h5_shown){address, node};
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
		return error_set(err, ENOMEM, "no memory for a dataset");
	if (h->places[k])
		h->places[k][at] = place;
	return 0;
}

/* The chunk was there before the node was published. */
struct h5_place h5_place_of(const struct archive *a, uint32_t node)
{
	const struct h5_archive *h = a->priv;
	uint32_t at;
	unsigned k = chunk_of(node, &at);
	return h->places[k] ? h->places[k][at] : (struct h5_place){0};
}
