/* SPDX-License-Identifier: MIT */
/*
 * One pass over the values, before anything is shown: which containers hold an array, so that they
 * are directories; how many paths lead to each, so that a file's names can be counted and a pickle that
 * shares containers to make 2^40 paths is refused; and which tensors are the same file.
 *
 * Containers are numbered as they are left, so that each comes after those it holds; an edge that leads
 * to one not yet left is a container that holds itself, and does not count.
 */
#include "formats/torch/graph.h"

#include <inttypes.h>
#include "fs/base/list.h"

enum { DEPTH_MAX = 1000, NODES_MAX = 10000000, WORK_MAX = 32000000 };

struct graph {
	struct torch_file *f;
	struct arena scratch, tensor; /* for one tensor after the other */
	struct error *err;
	uint32_t *left;   /* by node: when it was left, from 1; 0: not yet; or a tensor's number: number_of() */
	uint32_t *order;  /* the nodes, as they were left */
	uint16_t *height; /* by `left`: containers below one another */
	uint32_t count;
	bool shared; /* a container has several paths */
	uint64_t nodes;
	uint64_t work; /* edges looked at: a dictionary may be the state of many objects, and is then looked at for each;
			* and the keys' bytes */
	struct frame {
		uint32_t node;
		uint16_t height;
		struct torch_children children;
	} *stack;
	unsigned depth;
};

static int no_memory(struct graph *g)
{
	return error_no_memory(g->err, "so many values");
}

static int work(struct graph *g, uint64_t more)
{
	g->work += more;
	return g->work > WORK_MAX ? error_set(g->err, ENOTSUP, "pickle: values that are shared among too many objects") : 0;
}

/* --- keys that come twice ---------------------------------------------------------------------------- */

struct keys {
	struct arena scratch;
	struct slice_map seen;
	uint32_t **values; /* where the value of each stands */
};

/* A key that comes twice has the last value, at the first place: the later pair's key becomes 0. */
static int merge_key(struct graph *g, struct keys *k, uint32_t *key, uint32_t *value)
{
	struct slice word;
	bool fresh = true;
	int r = torch_same_key(g->f, *key, &k->scratch, &word, g->err);
	if (r == 0)
		r = work(g, 1 + word.len / 8);
	uint32_t id = r < 0 ? SLICE_MAP_NONE : slice_map_add(&k->seen, word, &fresh);
	if (id == SLICE_MAP_NONE)
		return r < 0 ? r : no_memory(g);
	if (!fresh) {
		*k->values[id] = *value;
		*key = 0;
		return 0;
	}
	uint32_t **more = list_grow_in(&k->scratch, k->values, id, sizeof *more);
	if (!more)
		return no_memory(g);
	k->values = more;
	more[id] = value;
	return 0;
}

static bool are_repeated(const struct slice *texts, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (slice_equal(texts[i], texts[k]))
				return true;
	return false;
}

/* Most dictionaries have text for keys, and none twice: that is checked at a fraction of the cost. */
static int may_repeat(struct graph *g, struct pickle_walk w, bool *ret)
{
	enum { FEW = 16 };
	struct arena scratch = arena_scratch(&g->scratch);
	struct pickle_walk all = w;
	struct slice few[FEW], *texts = few;
	uint32_t key, value, pairs = 0, n = 0, repeated = SLICE_MAP_NONE;
	int r = 0;
	while (pickle_next(&all, &key) && pickle_next(&all, &value))
		pairs++;
	r = work(g, pairs);
	if (r == 0 && pairs > FEW && !(texts = arena_array(&scratch, pairs, sizeof *texts)))
		r = no_memory(g);
	for (*ret = false; r == 0 && !*ret && pickle_next(&w, &key) && pickle_next(&w, &value); n++) {
		*ret = !key || torch_node(g->f, key)->kind != PICKLE_TEXT;
		if (!*ret)
			r = torch_child_name(g->f, &(struct torch_child){.key = key}, &scratch, &texts[n], g->err);
		if (r == 0 && !*ret)
			r = work(g, texts[n].len / 64);
	}
	if (r == 0 && !*ret && pairs > FEW && !slice_map_repeated(texts, pairs, &scratch, &repeated))
		r = no_memory(g);
	if (r == 0 && !*ret)
		*ret = pairs > FEW ? repeated != SLICE_MAP_NONE : are_repeated(texts, pairs);
	arena_free(&scratch);
	return r;
}

static int merge_keys(struct graph *g, struct pickle_walk w)
{
	struct keys k = {.scratch = arena_scratch(&g->scratch)};
	uint32_t *key, *value;
	bool again;
	int r = may_repeat(g, w, &again);
	k.seen.arena = &k.scratch;
	while (r == 0 && again && (key = pickle_next_place(&w)) && (value = pickle_next_place(&w)))
		if (*key)
			r = merge_key(g, &k, key, value);
	arena_free(&k.scratch);
	return r;
}

/* --- the first pass: which hold arrays --------------------------------------------------------------- */

static int enter(struct graph *g, uint32_t node)
{
	struct pickle_node *n = pickle_node(&g->f->pickle, node);
	int r = 0;
	if (g->depth == DEPTH_MAX)
		return error_set(g->err, EBADMSG, "pickle: containers more than 1,000 deep");
	n->marks |= TORCH_ENTERED;
	struct frame *top = &g->stack[g->depth++];
	*top = (struct frame){node, 0, torch_children(g->f, node)};
	for (unsigned i = 0; r == 0 && i < top->children.count; i++)
		if (top->children.parts[i].kind == PART_PAIRS)
			r = merge_keys(g, top->children.parts[i].walk);
	return r;
}

static void leave(struct graph *g)
{
	struct frame *top = &g->stack[--g->depth], *above = g->depth ? top - 1 : NULL;
	const struct pickle_node *n = torch_node(g->f, top->node);
	g->left[top->node] = ++g->count;
	g->order[g->count] = top->node;
	g->height[g->count] = top->height;
	if (above && n->marks & TORCH_HOLDS)
		pickle_node(&g->f->pickle, above->node)->marks |= TORCH_HOLDS;
	if (above && above->height <= top->height)
		above->height = (uint16_t)(top->height + 1);
}

/* Where the number of a tensor is kept, from 1; 0: not yet, or it has none.  A quantized tensor is a container, too,
 * and is left. */
static uint32_t *number_of(struct graph *g, uint32_t node)
{
	struct pickle_node *n = pickle_node(&g->f->pickle, node);
	return n->kind == PICKLE_CALL ? &n->count : &g->left[node];
}

/* Notes the tensor.  Storages of unknown classes refuse the file; other faults are the tensor's. */
static int note(struct graph *g, uint32_t node)
{
	struct torch_tensor t;
	struct error why = {0};
	uint32_t items, number;
	if (torch_nd(g->f, node, &items) != TORCH_ND_NONE)
		return 0;
	int r = torch_tensor(g->f, node, &g->tensor, &t, &why);
	if (r == -ENOTSUP || error_passes(r))
		return error_set(g->err, -r, "%s", why.text);
	if (r == 0 && (r = torch_meet(g->f, &t, &number, g->err)) < 0)
		return r;
	if (r == 0)
		*number_of(g, node) = number + 1;
	arena_clear(&g->tensor);
	return 0;
}

static int count_nodes(struct graph *g, uint32_t paths)
{
	g->nodes += paths;
	if (g->nodes > NODES_MAX)
		return error_set(g->err, ENOMEM, "more than %d files and directories: its containers are shared", NODES_MAX);
	return 0;
}

static int meet_array(struct graph *g, uint32_t node)
{
	const uint32_t *number = number_of(g, node);
	int r = *number ? 0 : note(g, node);
	if (r == 0 && *number)
		torch_add_links(g->f, *number - 1, 1);
	return r < 0 ? r : count_nodes(g, 1);
}

static int meet(struct graph *g, const struct torch_child *child)
{
	struct frame *top = &g->stack[g->depth - 1];
	struct pickle_node *holder = pickle_node(&g->f->pickle, top->node);
	uint32_t node = child->node;
	enum torch_meaning meaning = child->integers ? TORCH_ARRAY : torch_meaning(g->f, &node);
	if (meaning == TORCH_PLAIN)
		return 0;
	if (meaning == TORCH_ARRAY) {
		holder->marks |= TORCH_HOLDS;
		return meet_array(g, node);
	}
	struct pickle_node *n = pickle_node(&g->f->pickle, node);
	if (!(n->marks & TORCH_ENTERED))
		return enter(g, node);
	if (!g->left[node]) {
		g->f->cyclic = true;
		return 0;
	}
	uint16_t height = g->height[g->left[node]];
	n->marks |= TORCH_SHARED;
	g->shared |= (n->marks & TORCH_HOLDS) != 0;
	holder->marks |= n->marks & TORCH_HOLDS;
	if (top->height <= height)
		top->height = (uint16_t)(height + 1);
	return 0;
}

static int walk(struct graph *g, uint32_t root)
{
	struct torch_child child;
	int r = enter(g, root);
	while (r == 0 && g->depth) {
		struct frame *top = &g->stack[g->depth - 1];
		if ((r = work(g, 1)) < 0)
			return r;
		if (torch_next(&top->children, &child))
			r = meet(g, &child);
		else
			leave(g);
		if (r == 0 && g->count && g->height[g->count] >= DEPTH_MAX)
			r = error_set(g->err, EBADMSG, "pickle: containers more than 1,000 deep");
	}
	return r;
}

/* --- the second: how many names, where containers have several paths -------------------------------------- */

static uint32_t plus(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* Gives the container's paths but the first, which was counted, to what it holds. */
static int pass_on(struct graph *g, uint32_t *paths, uint32_t number)
{
	struct torch_children children = torch_children(g->f, g->order[number]);
	struct torch_child child;
	int r = 0;
	while (r == 0 && torch_next(&children, &child)) {
		uint32_t node = child.node;
		enum torch_meaning meaning = child.integers ? TORCH_ARRAY : torch_meaning(g->f, &node);
		if (meaning == TORCH_PLAIN || (meaning != TORCH_ARRAY && !(torch_node(g->f, node)->marks & TORCH_HOLDS)))
			continue;
		r = count_nodes(g, meaning == TORCH_ARRAY ? paths[number] - 1 : paths[number]);
		if (meaning == TORCH_ARRAY && *number_of(g, node))
			torch_add_links(g->f, *number_of(g, node) - 1, paths[number] - 1);
		else if (meaning != TORCH_ARRAY && g->left[node] < number)
			paths[g->left[node]] = plus(paths[g->left[node]], paths[number]);
	}
	return r;
}

static int count_paths(struct graph *g)
{
	uint32_t *paths = arena_array(&g->scratch, g->count + 1u, sizeof *paths);
	int r = paths ? 0 : no_memory(g);
	if (paths)
		paths[g->count] = 1;
	for (uint32_t number = g->count; r == 0 && number > 0; number--)
		if (torch_node(g->f, g->order[number])->marks & TORCH_HOLDS && paths[number])
			r = pass_on(g, paths, number);
	return r;
}

int torch_graph(struct torch_file *f, uint32_t root, struct error *err)
{
	struct graph g = {.f = f, .scratch = arena_scratch(&f->a->arena), .tensor = arena_scratch(&f->a->arena), .err = err};
	size_t values = f->pickle.count + 1u;
	g.left = arena_array(&g.scratch, values, sizeof *g.left);
	g.order = arena_array(&g.scratch, values, sizeof *g.order);
	g.height = arena_array(&g.scratch, values, sizeof *g.height);
	g.stack = arena_array(&g.scratch, DEPTH_MAX, sizeof *g.stack);
	int r = g.left && g.order && g.height && g.stack ? walk(&g, root) : no_memory(&g);
	if (r == 0 && g.shared)
		r = count_paths(&g);
	if (r == 0)
		r = torch_merge_named(f, err);
	arena_free(&g.tensor);
	arena_free(&g.scratch);
	return r;
}
