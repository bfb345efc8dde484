/* SPDX-License-Identifier: MIT */
#include "formats/torch/torch.h"

/* --- what there is ------------------------------------------------------------------------- */

static void add_walk(struct torch_children *c, enum torch_part_kind kind, uint32_t node)
{
	if (node)
		c->parts[c->count++] = (struct torch_part){.kind = kind, .walk = pickle_items(torch_node(c->f, node))};
}

static void add_one(struct torch_children *c, const char *word, uint32_t node)
{
	if (node)
		c->parts[c->count++] = (struct torch_part){.kind = PART_ONE, .one = {.node = node, .word = word}};
}

static bool is_kind(const struct torch_file *f, uint32_t node, enum pickle_kind kind)
{
	return node && torch_node(f, node)->kind == kind;
}

static bool is_listed(const struct torch_file *f, uint32_t node)
{
	return is_kind(f, node, PICKLE_LIST) || is_kind(f, node, PICKLE_TUPLE) || is_kind(f, node, PICKLE_SET) ||
	       is_kind(f, node, PICKLE_FROZENSET);
}

/* What a container is made of: a dictionary, a list of pairs or a list. */
static void add_content(struct torch_children *c, uint32_t node, bool pairs)
{
	if (is_kind(c->f, node, PICKLE_DICT))
		add_walk(c, PART_PAIRS, node);
	else if (is_listed(c->f, node))
		add_walk(c, pairs ? PART_LISTED_PAIRS : PART_ITEMS, node);
}

/* A dictionary, or that and one of __slots__; false if the state is anything else. */
static bool add_state(struct torch_children *c, uint32_t state)
{
	const struct pickle_node *n = torch_node(c->f, state);
	if (is_kind(c->f, state, PICKLE_DICT)) {
		add_walk(c, PART_PAIRS, state);
		return true;
	}
	if (!is_kind(c->f, state, PICKLE_TUPLE) || n->count != 2)
		return false;
	for (uint32_t i = 0; i < 2; i++)
		if (!is_kind(c->f, pickle_item(n, i), PICKLE_DICT) && !is_kind(c->f, pickle_item(n, i), PICKLE_NONE))
			return false;
	for (uint32_t i = 0; i < 2; i++)
		add_content(c, pickle_item(n, i), false);
	return true;
}

static void add_object(struct torch_children *c, const struct pickle_call *call, const struct torch_called *called)
{
	bool named = called->state && add_state(c, called->state);
	if (called->known == TORCH_RECONSTRUCTOR) /* (class, base, what the base holds) */
		add_content(c, torch_arg(c->f, called, 2), false);
	add_walk(c, PART_ITEMS, call->items);
	add_walk(c, PART_PAIRS, call->entries);
	if (called->known != TORCH_RECONSTRUCTOR && called->known != TORCH_WRAPPER && torch_node(c->f, called->args)->count)
		add_one(c, "args", called->args);
	add_one(c, "kwargs", call->kwargs);
	if (!named)
		add_one(c, "state", called->state);
}

static const char *const compressed[][2] = {
	{"crow_indices", "col_indices"}, /* CSR, BSR */
	{"ccol_indices", "row_indices"}, /* CSC, BSC */
};

static void add_sparse(struct torch_children *c, const struct torch_called *called)
{
	char layout[64];
	uint32_t data = torch_arg(c->f, called, 1);
	const struct pickle_node *n = torch_node(c->f, data);
	if (!is_kind(c->f, data, PICKLE_TUPLE) || n->count < 3)
		return;
	torch_layout(c->f, torch_arg(c->f, called, 0), layout);
	if (strcmp(layout, "torch.sparse_coo") == 0) {
		add_one(c, "indices", pickle_item(n, 0));
		add_one(c, "values", pickle_item(n, 1));
		return;
	}
	bool columns = strcmp(layout, "torch.sparse_csc") == 0 || strcmp(layout, "torch.sparse_bsc") == 0;
	add_one(c, compressed[columns][0], pickle_item(n, 0));
	add_one(c, compressed[columns][1], pickle_item(n, 1));
	add_one(c, "values", pickle_item(n, 2));
}

/* Quantizers: (scheme, scale, zero_point), or (scheme, scales, zero_points, axis). */
static void add_quantized(struct torch_children *c, const struct torch_called *called, uint32_t node)
{
	uint32_t quantizer = torch_arg(c->f, called, 4);
	const struct pickle_node *n = torch_node(c->f, quantizer);
	add_one(c, "values", node);
	c->parts[c->count - 1].one.integers = true;
	if (is_kind(c->f, quantizer, PICKLE_TUPLE) && n->count == 4) {
		add_one(c, "scale", pickle_item(n, 1));
		add_one(c, "zero_point", pickle_item(n, 2));
	}
}

static void add_parts(struct torch_children *c, const struct torch_called *called, uint32_t node)
{
	static const char *const nested[] = {"values", "sizes", "strides", "storage_offsets"};
	if (called->known == TORCH_QTENSOR)
		add_quantized(c, called, node);
	else if (called->known == TORCH_NESTED)
		for (uint32_t i = 0; i < 4; i++)
			add_one(c, nested[i], torch_arg(c->f, called, i));
	else
		add_sparse(c, called);
}

struct torch_children torch_children(const struct torch_file *f, uint32_t node)
{
	struct torch_children c = {.f = f};
	const struct pickle_node *n = torch_node(f, node);
	struct torch_called called = torch_called(f, n);
	if (n->kind != PICKLE_CALL) {
		add_content(&c, node, false);
		return c;
	}
	switch (called.known) {
	case TORCH_SEQUENCE:
		add_content(&c, torch_arg(f, &called, 0), false);
		add_walk(&c, PART_ITEMS, n->call->items);
		break;
	case TORCH_ORDERED_DICT:
		add_content(&c, torch_arg(f, &called, 0), true);
		add_walk(&c, PART_PAIRS, n->call->entries);
		break;
	case TORCH_DEFAULT_DICT: /* (factory, pairs) */
		add_content(&c, torch_arg(f, &called, 1), true);
		add_walk(&c, PART_PAIRS, n->call->entries);
		break;
	case TORCH_QTENSOR:
	case TORCH_SPARSE:
	case TORCH_SPARSE_CSR:
	case TORCH_NESTED:
		add_parts(&c, &called, node);
		break;
	default:
		add_object(&c, n->call, &called);
		break;
	}
	return c;
}

/* A key of 0 was taken out: graph.c. */
static bool next_pair(struct torch_part *part, struct torch_child *ret)
{
	do
		if (!pickle_next(&part->walk, &ret->key) || !pickle_next(&part->walk, &ret->node))
			return false;
	while (!ret->key);
	return true;
}

/* What is no pair is left out: Python refuses it. */
static bool next_listed_pair(const struct torch_file *f, struct torch_part *part, struct torch_child *ret)
{
	uint32_t pair;
	while (pickle_next(&part->walk, &pair)) {
		const struct pickle_node *n = torch_node(f, pair);
		if ((n->kind == PICKLE_TUPLE || n->kind == PICKLE_LIST) && n->count == 2) {
			*ret = (struct torch_child){.key = pickle_item(n, 0), .node = pickle_item(n, 1)};
			return true;
		}
	}
	return false;
}

bool torch_next(struct torch_children *c, struct torch_child *ret)
{
	for (; c->at < c->count; c->at++) {
		struct torch_part *part = &c->parts[c->at];
		*ret = (struct torch_child){0};
		switch (part->kind) {
		case PART_ONE:
			*ret = part->one;
			c->at++;
			return true;
		case PART_PAIRS:
			if (next_pair(part, ret))
				return true;
			break;
		case PART_LISTED_PAIRS:
			if (next_listed_pair(c->f, part, ret))
				return true;
			break;
		case PART_ITEMS:
			if (pickle_next(&part->walk, &ret->node)) {
				ret->index = c->index++;
				return true;
			}
			break;
		}
	}
	return false;
}
