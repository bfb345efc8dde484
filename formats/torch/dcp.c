/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint of torch.distributed.checkpoint, by its .metadata, or as a folder.
 *
 * Shown: each tensor under its name in the checkpoint, whole, wherever its chunks lie; values
 * that are no tensors as attributes of the root.  Not shown: planner_data, which has the names
 * again, split, and storage_meta, which has the writer's own paths.
 *
 * To open one reads .metadata alone; a slice is opened when its tensor is read.
 */
#include <inttypes.h>

#include "formats/torch/dcp.h"

/* --- what is shown ------------------------------------------------------------------------------ */

static void add_tensor(struct archive *a, const struct dcp_tensor *t)
{
	struct tree_path path = tree_path(&a->tree, TREE_ROOT, t->name, a->options->split);
	uint32_t id;
	if (t->fault) {
		id = tree_fault(&a->tree, path.parent, path.leaf, t->fault, t->array);
	} else {
		id = tree_lazy(&a->tree, path.parent, path.leaf, t, tree_array_size(t->array));
		tree_describe(&a->tree, id, t->array);
		tree_error(&a->tree, id, t->partly);
	}
	tree_path_end(&a->tree, &path, id);
}

static int show(struct archive *a, uint32_t metadata, struct error *err)
{
	struct dcp *d = arena_alloc(&a->arena, sizeof *d);
	if (!d)
		return error_no_memory(err, "all that the metadata hold");
	*d = (struct dcp){.a = a, .metadata = metadata};
	a->priv = d;
	int r = dcp_metadata(d, err);
	for (uint32_t i = 0; r == 0 && i < d->ntensors; i++)
		add_tensor(a, &d->tensors[i]);
	return r;
}

static int open_own(struct archive *a, struct error *err)
{
	return show(a, 0, err);
}

static int dcp_open(struct archive *a, struct error *err)
{
	return a->members.folder.dir < 0 ? open_own(a, err) : archive_bring_all(a, open_own, err);
}

static const uint32_t *dcp_sources(const struct archive *a, const struct node *n, uint32_t *ret_count)
{
	const struct dcp_tensor *t = n->lazy;
	(void)a;
	*ret_count = t->nsources;
	return t->sources;
}

/* --- the JSON view -------------------------------------------------------------------------------- */

static void put_numbers(struct text *ret, const char *name, const uint64_t *numbers, uint32_t count)
{
	text_print(ret, "\"%s\":[", name);
	for (uint32_t i = 0; i < count; i++)
		text_print(ret, "%s%" PRIu64, i ? "," : "", numbers[i]);
	text_add(ret, "],");
}

static int dcp_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	enum { CHUNKS_MAX = 1000 };
	const struct dcp *d = a->priv;
	const struct dcp_tensor *t = n->kind == NODE_LAZY ? n->lazy : NULL;
	(void)index, (void)err;
	if (!t || t->nchunks == 0)
		return 0;
	text_add(ret, ",\"chunks\":[");
	for (uint32_t i = 0; i < t->nchunks && i < CHUNKS_MAX; i++) {
		const struct dcp_chunk *c = &t->chunks[i];
		text_add(ret, i ? ",{" : "{");
		put_numbers(ret, "offsets", c->offsets, t->rank);
		put_numbers(ret, "sizes", c->sizes, t->rank);
		text_add(ret, "\"file\":");
		if (c->slice)
			text_json(ret, d->files[c->slice->file].path);
		else
			text_add(ret, "null");
		if (c->slice)
			text_print(ret, ",\"offset\":%" PRIu64 ",\"length\":%" PRIu64, c->slice->offset, c->slice->length);
		text_add(ret, "}");
	}
	text_add(ret, "]");
	if (t->nchunks > CHUNKS_MAX)
		text_print(ret, ",\"all_chunks\":%" PRIu32, t->nchunks);
	return 0;
}

const struct format format_dcp = {
	.name = "torch.distributed",
	.slices = (const char *const[]){".distcp", NULL},
	.probe = dcp_probe,
	.open = dcp_open,
	.read = lazy_read,
	.sources = dcp_sources,
	.attrs = dcp_attrs,
	.details = dcp_details,
	.checks = dcp_checks,
};

/* --- the folder ------------------------------------------------------------------------------------- */

static bool is_metadata(const char *name)
{
	return strcmp(name, ".metadata") == 0;
}

static bool is_slices(const char *name)
{
	size_t n = strlen(name);
	return n > 7 && strcmp(name + n - 7, ".distcp") == 0;
}

/* Others keep a .metadata, too. */
static bool dcp_folder_probe(const struct members *m)
{
	return members_any(m, is_metadata) && members_any(m, is_slices);
}

static int dcp_folder_open(struct archive *a, struct error *err)
{
	uint32_t metadata;
	int r = archive_sibling(a, SLICE(".metadata"), REACH_HUB, &metadata, err);
	if (r == 0)
		r = show(a, metadata, err);
	return r < 0 ? error_prefix(err, r, ".metadata") : 0;
}

const struct format format_dcp_folder = {
	.name = "torch.distributed",
	.joined = true,
	.probe_members = dcp_folder_probe,
	.open = dcp_folder_open,
	.read = lazy_read,
	.attrs = dcp_attrs,
	.details = dcp_details,
	.checks = dcp_checks,
};
