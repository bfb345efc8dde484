/* SPDX-License-Identifier: MIT */
/*
 * An index of PyTorch's files: says which of several, the shards, holds each tensor of a model
 * (formats/shared/weight_map.h).  The tensors are the keys of the shards' top-level dictionaries.
 *
 * Shown: exactly the tensors of weight_map, in its order, each from the shard named there and no
 * other; the index's own metadata as attributes of the root.  Anything else in the shards is not
 * shown.
 */
#include <stdlib.h>

#include "formats/shared/weight_map.h"
#include "formats/torch/graph.h"
#include "formats/torch/legacy.h"
#include "formats/torch/record.h"

struct shard {
	struct torch_file file;
	struct torch_zip zip;
};

/* a->priv */
struct torch_index {
	uint32_t *ordinals; /* by node: the tensor's number in its shard */

	/* Where files lie that are made when they are read, by what makes them. */
	struct made {
		const void *lazy;
		uint32_t source;
	} *made;
	uint32_t nmade;
};

static bool index_probe(const struct peek *p)
{
	return weight_map_probe(p, (const char *const[]){".bin", ".pt", ".pth", NULL});
}

/* --- shards --------------------------------------------------------------------------------------- */

static int read_shard(struct archive *a, struct shard *s, struct error *err)
{
	struct torch_file *f = &s->file;
	const struct source *source = archive_source(a, f->source);
	uint8_t head[512];
	size_t n = source->size < sizeof head ? (size_t)source->size : sizeof head;
	int r = source_read(source, 0, head, n, err);
	if (r < 0)
		return r;
	if (torch_legacy_probe((struct slice){head, n})) {
		f->data = (struct content){.source = f->source, .size = source->size};
		return torch_legacy_read(f, err);
	}
	r = torch_zip_read(f, &s->zip, err);
	return r == 0 ? torch_zip_open(f, &s->zip, err) : r;
}

/* Finds those tensors in the shard that the index expects there: what number_of has is their node. */
static int find_tensors(struct weight_map *map, uint32_t number, struct shard *s, struct arena *scratch, struct error *err)
{
	uint32_t root = s->file.pickle.root;
	if (torch_meaning(&s->file, &root) != TORCH_CONTAINER)
		return error_set(err, EBADMSG, "it holds no dictionary");
	int r = torch_graph(&s->file, root, err);
	struct torch_children children = torch_children(&s->file, root);
	struct torch_child child;
	struct slice name;
	while (r == 0 && torch_next(&children, &child)) {
		r = torch_child_name(&s->file, &child, scratch, &name, err);
		if (r == 0 && torch_meaning(&s->file, &child.node) != TORCH_PLAIN)
			weight_map_find(map, number, name, child.node);
	}
	return r;
}

static int open_shard(struct archive *a, struct weight_map *map, uint32_t number, uint32_t source, struct arena *scratch, void *shard,
		      struct error *err)
{
	struct shard *s = shard;
	s->file = (struct torch_file){.a = a, .source = source, .keep = scratch};
	int r = read_shard(a, s, err);
	return r == 0 ? find_tensors(map, number, s, scratch, err) : r;
}

/* --- tensors -------------------------------------------------------------------------------------- */

/* While tensors are added. */
struct adding {
	struct archive *a;
	const struct weight_map *map;
	const struct shard *shards;
	struct torch_index *index;
	uint32_t *nodes;       /* by a tensor's number in the index */
	struct slice_map tied; /* tensors of several names: shard and hash */
	uint32_t *first;       /* of each of these: the node */
	struct error *err;
};

static int no_memory(struct adding *g)
{
	return error_no_memory(g->err, "an index of so many tensors");
}

static const struct shard *shard_of(const struct adding *g, uint32_t tensor)
{
	return &g->shards[g->map->shard_of[tensor]];
}

/* The node of an earlier name of the tensor, if that is made when it is read: what lies in the shard is known by
 * its ordinal.  *ret_slot: where to note the first. */
static int find_twin(struct adding *g, uint32_t tensor, uint32_t node, uint32_t *ret, uint32_t **ret_slot)
{
	const struct shard *s = shard_of(g, tensor);
	uint64_t *key = s->file.tied ? arena_array(g->map->scratch, 2, sizeof *key) : NULL;
	struct torch_tensor what;
	struct error why = {0};
	bool fresh;
	*ret = 0;
	*ret_slot = NULL;
	if (!s->file.tied)
		return 0;
	if (!key)
		return no_memory(g);
	if (torch_tensor(&s->file, node, g->map->scratch, &what, &why) < 0)
		return 0; /* it is a fault, too */
	key[0] = g->map->shard_of[tensor];
	key[1] = what.hash;
	uint32_t number = slice_map_add(&g->tied, (struct slice){(const uint8_t *)key, 2 * sizeof *key}, &fresh);
	if (number == SLICE_MAP_NONE)
		return no_memory(g);
	*ret_slot = &g->first[number];
	const struct node *n = fresh ? NULL : tree_edit(&g->a->tree, **ret_slot);
	*ret = n && n->kind == NODE_LAZY ? **ret_slot : 0;
	return 0;
}

static int add_array(struct adding *g, uint32_t tensor, const struct tree_path *path, uint32_t node)
{
	struct tree *t = &g->a->tree;
	uint32_t twin, *slot, *id = &g->nodes[tensor];
	int r = find_twin(g, tensor, node, &twin, &slot);
	if (r < 0)
		return r;
	if (twin) {
		struct node *first = tree_edit(t, twin);
		*id = tree_hard(t, path->parent, path->leaf, twin);
		first->links = first->links ? first->links + 1 : 2;
		return 0;
	}
	r = torch_add_tensor(&shard_of(g, tensor)->file, path->parent, path->leaf, node, id, g->err);
	struct node *n = r == 0 ? tree_edit(t, *id) : NULL;
	if (n && n->kind == NODE_LAZY)
		n->links = 0; /* its other names in the shard are another file */
	if (slot)
		*slot = *id;
	return r;
}

static int add_tensor(struct adding *g, uint32_t tensor)
{
	struct tree *t = &g->a->tree;
	struct tree_path path = tree_path(t, TREE_ROOT, g->map->tensors.keys[tensor], g->a->options->split);
	uint32_t node = g->map->number_of[tensor] - 1;
	int r = 0;
	if (torch_meaning(&shard_of(g, tensor)->file, &node) == TORCH_ARRAY)
		r = add_array(g, tensor, &path, node);
	else
		g->nodes[tensor] = tree_fault(t, path.parent, path.leaf, "not one tensor: its own file shows what it is made of", NULL);
	if (r == 0)
		tree_path_end(t, &path, g->nodes[tensor]);
	return r;
}

static int by_lazy(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct made *)a)->lazy, y = (uintptr_t)((const struct made *)b)->lazy;
	return (x > y) - (x < y);
}

/* Notes what the nodes are in their shards. */
static int note(struct adding *g)
{
	uint32_t count = g->map->tensors.count;
	struct torch_index *index = g->index;
	index->ordinals = arena_array(&g->a->arena, g->a->tree.made, sizeof *index->ordinals);
	index->made = arena_array(&g->a->arena, count + 1u, sizeof *index->made);
	if (!index->ordinals || !index->made)
		return no_memory(g);
	for (uint32_t i = 0; i < count; i++) {
		const struct node *n = tree_edit(&g->a->tree, g->nodes[i]);
		const struct torch_file *f = &shard_of(g, i)->file;
		uint32_t number = n ? torch_find_named(f, torch_node_hash(g->a, n)) : UINT32_MAX;
		if (n && n->kind == NODE_LAZY)
			index->made[index->nmade++] = (struct made){n->lazy, f->source};
		index->ordinals[g->nodes[i]] = number < UINT32_MAX ? number : 0;
	}
	if (index->nmade)
		qsort(index->made, index->nmade, sizeof *index->made, by_lazy);
	return 0;
}

static int add_tensors(struct archive *a, const struct weight_map *map, const void *shards, struct error *err)
{
	struct adding g = {.a = a, .map = map, .shards = shards, .tied.arena = map->scratch, .err = err};
	uint32_t count = map->tensors.count;
	int r = 0;
	g.index = arena_alloc(&a->arena, sizeof *g.index);
	g.nodes = arena_array(map->scratch, count + 1u, sizeof *g.nodes);
	g.first = arena_array(map->scratch, count + 1u, sizeof *g.first);
	if (!g.index || !g.nodes || !g.first)
		return no_memory(&g);
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = add_tensor(&g, i);
	a->priv = g.index;
	return r == 0 ? note(&g) : r;
}

/* --- the format ----------------------------------------------------------------------------------- */

static int index_open(struct archive *a, struct error *err)
{
	static const struct weight_map_use use = {sizeof(struct shard), open_shard, add_tensors};
	return weight_map_show(a, &use, err);
}

static const uint32_t *index_sources(const struct archive *a, const struct node *n, uint32_t *ret_count)
{
	const struct torch_index *index = a->priv;
	const struct made want = {.lazy = n->lazy};
	const struct made *made = index->nmade ? bsearch(&want, index->made, index->nmade, sizeof want, by_lazy) : NULL;
	*ret_count = made != NULL;
	return made ? &made->source : NULL;
}

static uint32_t index_ordinal(const struct archive *a, uint32_t index, const struct node *n)
{
	(void)n;
	return ((const struct torch_index *)a->priv)->ordinals[index];
}

const struct format format_torch_index = {
	.name = "torch.index",
	.suffixes = (const char *const[]){".bin.index.json", NULL},
	.indexes = (const char *const[]){".json", NULL},
	.text = true,
	.probe = index_probe,
	.open = index_open,
	.read = lazy_read,
	.sources = index_sources,
	.details = weight_map_details,
	.ordinal = index_ordinal,
};
