/* SPDX-License-Identifier: MIT */
/*
 * HDF5: a graph of groups and datasets in one file.
 *
 *      0, 512, 1024 …  superblock: signature, sizes of addresses and lengths, and
 *                      where the root group's object header lies
 *      anywhere        object headers: messages that describe an object
 *                        group    -> B-tree v1 + local heap, or link messages, or
 *                                    B-tree v2 + fractal heap: names -> object headers
 *                        dataset  -> datatype, dataspace, fill value, filters, layout
 *                                    layout -> its bytes: in the header, contiguous, in
 *                                    chunks with an index, in other files
 *      anywhere        global heaps: variable-length data
 *
 * Shown: groups as directories, filled on first access; datasets as files, or as directories if
 * elements are compounds or of variable length; attributes as attributes, read on demand
 * (attr.c).  Not shown: some virtual datasets (virtual.c), filters without a decoder
 * (filter.c), files split by a driver.  Those that have a name are listed, with an error that
 * says why.
 *
 * HDF5 File Format Specification, versions 3.0 and 4.0; the files of this folder
 * follow its chapters.
 */
#include "formats/hdf5/store.h"

#include <inttypes.h>
#include <stdio.h>

static int hdf5_open(struct archive *a, struct error *err)
{
	struct arena s = arena_scratch(&a->arena);
	struct h5_archive *h = arena_alloc(&a->arena, sizeof *h);
	struct h5_header root;
	if (!h)
		return error_no_memory(err, "the file");
	a->priv = h;
	a->members.later = true; /* for datasets whose bytes are in other files */
	h->file = (struct h5_file){.a = a};
	int r = h5_superblock(&h->file, &s, err);
	if (r == 0)
		r = h5_header(&h->file, &s, h->file.root, &root, err);
	if (r == 0) /* without its root group there is nothing to show */
		r = h5_group_check(&h->file, &s, &root, err);
	if (r == 0) {
		h->root = (struct h5_group){.file = &h->file, .address = h->file.root};
		tree_open_root(&a->tree, &h->root);
		r = h5_place(a, TREE_ROOT, (struct h5_place){.address = h->file.root}, err);
	}
	arena_free(&s);
	return r;
}

static int hdf5_list(struct archive *a, uint32_t dir, struct error *err)
{
	return h5_group_list(a, dir, tree_edit(&a->tree, dir)->lazy, err);
}

static int hdf5_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	const struct h5_node *h = n->lazy;
	int r;
	(void)a;
	switch (h->kind) {
	case H5_NODE_VIEW:
		return h5_view_size(h->view, ret, err);
	case H5_NODE_DATASET: /* was reported when it was listed */
		return error_set(err, EIO, "a dataset of no size");
	case H5_NODE_STORE:
		*ret = h->store->size;
		return 0;
	case H5_NODE_OFFSETS:
		r = h5_view_size(&h->vlen->of, ret, err);
		*ret = (*ret / h->vlen->of.width + 1) * 8;
		return r;
	case H5_NODE_VALUES:
		break;
	}
	return h5_vlen_total(h->vlen, NULL, ret, err);
}

static int read_dataset(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
			struct error *err)
{
	const struct h5_store *s;
	struct block *block;
	int r = h5_node_store(a, n->lazy, NULL, &s, &block, err);
	if (r < 0)
		return r;
	if (s->size == n->size)
		r = h5_store_answer(s, offset, len, ret, err);
	else
		r = error_set(err, EIO, "%" PRIu64 " bytes, not %" PRIu64 " any more", s->size, n->size);
	blocks_release(block);
	return r;
}

static int read_view(const struct h5_view *v, uint64_t offset, uint64_t len, uint8_t *out, struct error *err)
{
	if (v->store) { /* the elements that these parts are of */
		uint64_t per = (uint64_t)v->slots * v->width, first = offset / per, last = (offset + len - 1) / per;
		h5_store_prefetch(v->store, first * v->element, (last - first + 1) * v->element);
	}
	return h5_view_read(v, NULL, offset, len, out, err);
}

static int hdf5_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
		     struct error *err)
{
	const struct h5_node *h = n->lazy;
	uint8_t *out;
	if (h->kind == H5_NODE_DATASET)
		return read_dataset(a, n, offset, len, ret, err);
	if (h->kind == H5_NODE_STORE)
		return h5_store_answer(h->store, offset, len, ret, err);
	int r = answer_own(ret, (size_t)len, &out);
	if (r < 0)
		return error_set(err, ENOMEM, "no memory for %" PRIu64 " bytes", len);
	if (h->kind == H5_NODE_OFFSETS)
		return h5_vlen_offsets(h->vlen, offset, len, out, err);
	if (h->kind == H5_NODE_VALUES)
		return h5_vlen_read(h->vlen, NULL, offset, len, out, err);
	return read_view(h->view, offset, len, out, err);
}

/* Members of a compound have no attributes of their own. */
static int hdf5_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg,
		      struct error *err)
{
	struct h5_archive *h = a->priv;
	(void)n;
	struct h5_place place = h5_place_of(a, index);
	return place.address ? h5_attributes(&h->file, place.address, each, arg, err) : 0;
}

static void hdf5_overview(struct archive *a, struct overview *ret)
{
	struct h5_archive *h = a->priv;
	uint8_t version;
	if (source_read(&a->source, h->file.base + 8, &version, 1, NULL) < 0)
		return;
	ret->versioned = "superblock version";
	snprintf(ret->version, sizeof ret->version, "%u", version);
}

/* Only groups can be the same directory under several paths. */
static uint64_t hdf5_same(const struct archive *a, uint32_t index)
{
	struct h5_place place = h5_place_of(a, index);
	return place.store ? 0 : place.address;
}

static uint64_t hdf5_identity(const struct archive *a, uint32_t index, const struct node *n)
{
	(void)n;
	return h5_identity(a, tree_resolve(&a->tree, index));
}

static enum referred refer(struct archive *a, const struct node *n, const uint8_t *element, struct text *ret)
{
	struct h5_archive *h = a->priv;
	unsigned ref = strcmp(n->array->type, H5_TYPE_REGION) == 0;
	return h5_refer(&h->file, ref, (struct slice){element, n->array->width}, ret);
}

static size_t refer_width(struct archive *a, const struct node *n)
{
	struct h5_archive *h = a->priv;
	(void)n;
	return h5_refer_width(&h->file);
}

const struct format format_hdf5 = {
	.name = "hdf5",
	.suffixes = (const char *const[]){".h5", ".hdf5", ".he5", ".h5ad", ".nc4", NULL},
	.probe = h5_probe,
	.open = hdf5_open,
	.list = hdf5_list,
	.size = hdf5_size,
	.read = hdf5_read,
	.attrs = hdf5_attrs,
	.sources = h5_sources_of,
	.details = h5_details,
	.overview = hdf5_overview,
	.references = &(const struct references){refer, refer_width},
	.same = hdf5_same,
	.identity = hdf5_identity,
};
