/* SPDX-License-Identifier: MIT */
/* Chapter III.A.2: version 2 B-trees: sorted records, in nodes of one size. */
#include "formats/hdf5/visited.h"

#include <inttypes.h>

enum { NODE_HEAD = 6, NODE_SUM = 4 };

int h5_btree2(const struct h5_file *f, struct arena *s, uint64_t address, struct h5_btree2 *ret, struct error *err)
{
	struct cursor c;
	int r = h5_load_summed(f, s, address, 22u + f->offsets + f->lengths, "BTHD", &c, err);
	if (r < 0)
		return r;
	*ret = (struct h5_btree2){0};
	cursor_skip(&c, 1);
	ret->type = cursor_u8(&c);
	ret->node_size = cursor_u32le(&c);
	ret->record_size = cursor_u16le(&c);
	ret->depth = cursor_u16le(&c);
	cursor_skip(&c, 2);
	ret->root = h5_address(f, &c);
	ret->root_records = cursor_u16le(&c);
	ret->records = h5_length(f, &c);
	if ((r = cursor_check(&c, err, "a B-tree's header")) < 0)
		return r;
	if (ret->depth >= H5_DEPTH_MAX || ret->record_size == 0 ||
	    ret->node_size < (uint32_t)NODE_HEAD + NODE_SUM + ret->record_size)
		return error_set(err, EBADMSG, "a B-tree of depth %u, nodes of %" PRIu32 " and records of %u bytes at %" PRIu64,
				 ret->depth, ret->node_size, ret->record_size, address);
	/* The number of records that fit determines the width of the children's counts. */
	uint64_t most = (ret->node_size - NODE_HEAD - NODE_SUM) / ret->record_size, total = most;
	ret->nrec_size = (uint8_t)h5_enc_size(most);
	for (unsigned d = 1; d <= ret->depth; d++) {
		uint64_t pointer = (uint64_t)f->offsets + ret->nrec_size + ret->total_size[d - 1];
		if (ret->node_size < NODE_HEAD + NODE_SUM + pointer)
			return error_set(err, EBADMSG, "a B-tree's node of %" PRIu32 " bytes", ret->node_size);
		uint64_t here = (ret->node_size - NODE_HEAD - NODE_SUM - pointer) / (ret->record_size + pointer);
		if (__builtin_mul_overflow(here + 1, total, &total) || __builtin_add_overflow(total, here, &total))
			total = UINT64_MAX;
		ret->total_size[d] = (uint8_t)h5_enc_size(total);
	}
	return 0;
}

struct at {
	uint64_t address;
	unsigned records, depth;
};

static uint64_t node_length(const struct h5_file *f, const struct h5_btree2 *t, struct at at)
{
	uint64_t records = (uint64_t)at.records * t->record_size, children = 0;
	if (at.depth > 0)
		children = (at.records + 1u) *
			   ((uint64_t)f->offsets + t->nrec_size + (at.depth > 1 ? t->total_size[at.depth - 1] : 0));
	return NODE_HEAD + records + children + NODE_SUM;
}

/* Loads a node: the records, followed by the pointers to children. */
static int load_node(const struct h5_file *f, struct arena *s, const struct h5_btree2 *t, struct at at,
		     struct cursor *ret_records, struct cursor *ret_children, struct error *err)
{
	struct cursor c;
	uint64_t len = node_length(f, t, at);
	if (len > t->node_size)
		return error_set(err, EBADMSG, "%u records in a B-tree's node of %" PRIu32 " bytes at %" PRIu64, at.records,
				 t->node_size, at.address);
	int r = h5_load_summed(f, s, at.address, len, at.depth ? "BTIN" : "BTLF", &c, err);
	if (r < 0)
		return r;
	cursor_skip(&c, 2);
	*ret_records = cursor_sub(&c, (uint64_t)at.records * t->record_size);
	*ret_children = c;
	return 0;
}

static struct at next_child(const struct h5_file *f, const struct h5_btree2 *t, unsigned depth, struct cursor *c)
{
	struct at child = {.depth = depth - 1};
	child.address = h5_address(f, c);
	child.records = (unsigned)cursor_le(c, t->nrec_size);
	if (depth > 1)
		cursor_skip(c, t->total_size[depth - 1]);
	return child;
}

struct walk {
	const struct h5_file *f;
	const struct h5_btree2 *t;
	h5_record_fn *each;
	void *arg;
	struct h5_faults *faults;
	struct h5_visited visited;
};

/* A node's own bytes are not needed after it. */
static int walk(struct walk *w, struct arena *parent, struct at at, struct error *err)
{
	struct cursor records, children;
	int r = h5_visit(&w->visited, at.address, err);
	if (r < 0)
		return r;
	struct arena s = arena_scratch(parent);
	r = load_node(w->f, &s, w->t, at, &records, &children, err);
	if (r == 0)
		r = h5_visit_bytes(&w->visited, node_length(w->f, w->t, at), err);
	for (unsigned i = 0; r == 0 && i <= at.records; i++) {
		if (at.depth > 0)
			r = h5_spare(w->faults, walk(w, &s, next_child(w->f, w->t, at.depth, &children), err), err);
		if (r == 0 && i < at.records)
			r = h5_spare(w->faults, w->each(w->arg, cursor_sub(&records, w->t->record_size), err), err);
	}
	arena_free(&s);
	return r;
}

int h5_btree2_each(const struct h5_file *f, struct arena *s, const struct h5_btree2 *t, h5_record_fn *each, void *arg,
		   struct h5_faults *faults, struct error *err)
{
	struct walk w = {f, t, each, arg, faults, h5_visited(f, s)};
	if (t->root == H5_UNDEFINED)
		return 0;
	int r = walk(&w, s, (struct at){t->root, t->root_records, t->depth}, err);
	return r == -ELOOP ? -EBADMSG : r;
}

int h5_btree2_find(const struct h5_file *f, struct arena *s, const struct h5_btree2 *t, h5_compare_fn *compare,
		   const void *arg, struct cursor *ret, struct error *err)
{
	struct at at = {t->root, t->root_records, t->depth};
	*ret = (struct cursor){.failed = true};
	for (;;) {
		struct cursor records, children, record;
		if (at.address == H5_UNDEFINED)
			return 0;
		int r = load_node(f, s, t, at, &records, &children, err);
		if (r < 0)
			return r;
		unsigned low = 0, high = at.records; /* the first record not before the one sought */
		while (low < high) {
			unsigned mid = (low + high) / 2;
			struct cursor c = records;
			cursor_skip(&c, (uint64_t)mid * t->record_size);
			record = cursor_sub(&c, t->record_size);
			int order = compare(arg, record);
			if (order == 0) {
				*ret = record;
				return 0;
			}
			if (order < 0)
				high = mid;
			else
				low = mid + 1;
		}
		if (at.depth == 0)
			return 0;
		for (unsigned i = 0; i < low; i++)
			next_child(f, t, at.depth, &children);
		at = next_child(f, t, at.depth, &children);
	}
}
