/* SPDX-License-Identifier: MIT */
/* Finds chunks: "Data Layout", the index types. */
#include "formats/hdf5/store.h"

struct scaled_key {
	const struct h5_store *s;
	const uint64_t *at;
};

static int compare_record(const void *arg, struct cursor c)
{
	const struct scaled_key *k = arg;
	const struct h5_store *s = k->s;
	cursor_skip(&c, s->file->offsets + (s->pipeline.count ? s->size_bytes + 4u : 0));
	for (uint32_t i = 0; i < s->rank; i++) {
		uint64_t found = cursor_u64le(&c);
		if (k->at[i] != found)
			return k->at[i] < found ? -1 : 1;
	}
	return 0;
}

static int in_btree2(const struct h5_store *s, struct arena *scratch, const uint64_t *scaled, struct h5_chunk_at *ret,
		     struct error *err)
{
	struct scaled_key key = {s, scaled};
	struct h5_btree2 tree;
	struct cursor c;
	bool filtered = s->pipeline.count > 0;
	ret->address = H5_UNDEFINED;
	int r = h5_btree2(s->file, scratch, s->address, &tree, err);
	if (r < 0)
		return r;
	unsigned want = s->file->offsets + (filtered ? s->size_bytes + 4u : 0) + 8 * s->rank;
	if (tree.type != (filtered ? 11 : 10) || tree.record_size != want)
		return error_set(err, EBADMSG, "a B-tree of type %u with records of %u bytes, not %u, for chunks", tree.type,
				 tree.record_size, want);
	r = h5_btree2_find(s->file, scratch, &tree, compare_record, &key, &c, err);
	if (r < 0 || c.failed)
		return r;
	ret->address = h5_address(s->file, &c);
	ret->size = filtered ? cursor_le(&c, s->size_bytes) : s->chunk_bytes;
	ret->mask = filtered ? cursor_u32le(&c) : 0;
	return cursor_check(&c, err, "a B-tree's record");
}

/* The index of a chunk among all that the dataset may ever have.  In an extensible array,
 * the unlimited dimension comes first, wherever it is in the shape. */
static int array_index(const struct h5_store *s, const uint64_t *scaled, uint64_t *ret, struct error *err)
{
	uint32_t first = 0;
	if (s->index == H5_EXTENSIBLE)
		while (first + 1 < s->rank && s->max_chunks[first] != H5_UNDEFINED)
			first++;
	uint64_t index = s->index == H5_EXTENSIBLE ? scaled[first] : 0;
	for (uint32_t i = 0; i < s->rank; i++) {
		if (s->index == H5_EXTENSIBLE && i == first)
			continue;
		if (__builtin_mul_overflow(index, s->max_chunks[i], &index) || __builtin_add_overflow(index, scaled[i], &index))
			return error_set(err, EBADMSG, "a chunk's number exceeds 64 bits");
	}
	*ret = index;
	return 0;
}

static int find(const struct h5_store *s, struct arena *scratch, const uint64_t *scaled, struct h5_chunk_at *ret,
		struct error *err)
{
	uint64_t index = 0, at[H5_RANK_MAX];
	int r;
	*ret = (struct h5_chunk_at){H5_UNDEFINED, s->chunk_bytes, 0};
	if (s->address == H5_UNDEFINED)
		return 0;
	switch ((enum h5_index)s->index) {
	case H5_BTREE1:
		for (uint32_t i = 0; i < s->rank; i++)
			at[i] = scaled[i] * s->chunk[i];
		return h5_btree1_chunk(s->file, s->address, s->rank, at, ret, err);
	case H5_SINGLE:
		*ret = (struct h5_chunk_at){s->address, s->pipeline.count ? s->single_size : s->chunk_bytes, s->single_mask};
		return 0;
	case H5_BTREE2:
		return in_btree2(s, scratch, scaled, ret, err);
	case H5_IMPLICIT:
		if ((r = array_index(s, scaled, &index, err)) < 0)
			return r;
		if (__builtin_mul_overflow(index, s->chunk_bytes, &index) ||
		    __builtin_add_overflow(index, s->address, &ret->address))
			return error_set(err, EBADMSG, "a chunk's address exceeds 64 bits");
		return 0;
	case H5_FIXED_ARRAY:
		return (r = array_index(s, scaled, &index, err)) < 0 ? r : h5_fixed_array(s, scratch, index, ret, err);
	case H5_EXTENSIBLE:
		return (r = array_index(s, scaled, &index, err)) < 0 ? r : h5_extensible_array(s, scratch, index, ret, err);
	}
	return error_set(err, ENOTSUP, "a chunk index of type %u", s->index);
}

int h5_chunk_find(const struct h5_store *s, const uint64_t *scaled, struct h5_chunk_at *ret, struct error *err)
{
	struct arena scratch = arena_apart(&s->file->a->arena);
	int r = find(s, &scratch, scaled, ret, err);
	arena_free(&scratch);
	return r;
}
