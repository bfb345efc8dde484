/* SPDX-License-Identifier: MIT */
/*
 * Tensors:
 *
 *	_rebuild_tensor   (storage, offset, size, stride)
 *	_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])
 *	_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])
 *	_rebuild_qtensor  (storage, offset, size, stride, quantizer, requires_grad, hooks)
 *	_rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)
 *
 * https://github.com/pytorch/pytorch/blob/v2.13.0/torch/_utils.py
 */
#include <inttypes.h>

#include "formats/shared/strided.h"
#include "formats/torch/ndarray.h"
#include "formats/torch/storage.h"
#include "formats/torch/tensor.h"

enum { RANK_MAX = 64 };

void torch_layout(const struct torch_file *f, uint32_t node, char ret[64])
{
	struct torch_called c = torch_called(f, torch_node(f, node));
	uint32_t name = node && c.known == TORCH_LAYOUT ? torch_arg(f, &c, 0) : node;
	bool text = name && torch_node(f, name)->kind == PICKLE_TEXT && pickle_size(torch_node(f, name)) < 64;
	size_t len = text ? torch_first_bytes(f, name, ret, 63) : 0;
	ret[len] = '\0';
}

/* A size or strides: a tuple, a torch.Size of one, or a list. */
int torch_extents(const struct torch_file *f, uint32_t node, const char *what, struct arena *arena, uint64_t **ret, uint32_t *ret_rank,
		  struct error *err)
{
	const struct pickle_node *n = torch_node(f, node);
	struct torch_called c = torch_called(f, n);
	if (node && c.known == TORCH_SEQUENCE)
		n = torch_node(f, node = torch_arg(f, &c, 0));
	if (!node || (n->kind != PICKLE_TUPLE && n->kind != PICKLE_LIST))
		return error_set(err, EBADMSG, "its %s is no tuple", what);
	if (n->count > RANK_MAX)
		return error_set(err, EBADMSG, "%" PRIu32 " dimensions, over the limit of %d", n->count, RANK_MAX);
	struct pickle_walk w = pickle_items(n);
	uint32_t item, i = 0;
	*ret_rank = n->count;
	if (!(*ret = arena_array(arena, n->count + 1u, sizeof **ret)))
		return error_no_memory(err, "its shape");
	for (; pickle_next(&w, &item); i++)
		if (!torch_count(f, item, *ret + i))
			return error_set(err, EBADMSG, "a %s of %lld in dimension %" PRIu32, what,
					 torch_node(f, item)->kind == PICKLE_INT ? (long long)torch_node(f, item)->number : -1ll, i);
	return 0;
}

/* The shape as shown, of elements of that type. */
int torch_describe(struct torch_tensor *t, const struct torch_dtype *dtype, bool big_endian, struct arena *arena, struct error *err)
{
	struct array *array = &t->array;
	*array = (struct array){.dtype = dtype->dtype, .type = dtype->name, .width = dtype->width, .rank = t->rank, .shape = t->shape};
	t->width = torch_width(dtype);
	if (dtype_bits(array) == 4 && t->rank) {
		uint64_t *shape = arena_array(arena, t->rank, sizeof *shape);
		if (!shape)
			return error_no_memory(err, "its shape");
		memcpy(shape, t->shape, t->rank * sizeof *shape);
		if (__builtin_mul_overflow(shape[t->rank - 1], 2, &shape[t->rank - 1]))
			return error_set(err, EBADMSG, "a shape of more elements than 64 bits count");
		array->shape = shape;
	}
	if (t->width > 1)
		array->byteorder = big_endian ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	return 0;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

/* Of what makes two tensors one file.  An extent of 1 has any stride, and what has no elements has none. */
static uint64_t hash_of(const struct content *bytes, uint64_t offset, const struct array *array, const uint64_t *shape,
			const uint64_t *strides, bool conj, bool neg)
{
	uint64_t hash = mix(mix(bytes->source, bytes->offset + offset), bytes->stream ? bytes->stream->offset : 0);
	hash = bytes->memory ? mix(hash, 1) : hash; /* then its source is a node */
	hash = mix(mix(hash, array->dtype), (uint64_t)array->width << 2 | (uint64_t)conj << 1 | neg);
	hash = mix(hash, array->rank);
	bool empty = false;
	for (uint32_t i = 0; i < array->rank; i++)
		empty |= shape[i] == 0;
	for (uint32_t i = 0; i < array->rank; i++)
		hash = mix(mix(hash, shape[i]), shape[i] > 1 && !empty ? strides[i] : 0);
	return hash ? hash : 1;
}

static void count_strides(const uint64_t *shape, uint32_t rank, uint64_t *ret)
{
	uint64_t step = 1;
	for (uint32_t i = rank; i-- > 0; step *= shape[i])
		ret[i] = step;
}

/* As hash_of() of the tensor that became this node.  The strides of what is in order follow from its
 * shape. */
uint64_t torch_node_hash(const struct archive *a, const struct node *n)
{
	static const struct array none = {.dtype = DTYPE_UINT8, .rank = 1};
	uint64_t strides[RANK_MAX], size = n->kind == NODE_DIR ? 0 : atomic_load(&n->size), shape[RANK_MAX] = {size};
	const struct array *array = n->array ? n->array : &none;
	const struct lazy *lazy = n->kind == NODE_LAZY ? n->lazy : NULL;
	struct content bytes = {.source = n->source, .offset = n->offset};
	(void)a;
	if (lazy && lazy->read == strided_read && n->array) {
		const struct strided *s = n->lazy;
		return hash_of(&s->from, s->offset, array, s->shape, s->strides, s->sign == 2, s->sign && !s->sign_first);
	}
	const struct content *shown = content_shown(n);
	if (shown)
		bytes = *shown;
	else if (n->kind != NODE_RANGE)
		return 0;
	if (array->rank > RANK_MAX)
		return 0;
	if (n->array && array->rank)
		memcpy(shape, array->shape, array->rank * sizeof *shape);
	if (array->rank && dtype_bits(array) == 4)
		shape[array->rank - 1] /= 2;
	count_strides(shape, array->rank, strides);
	return hash_of(&bytes, 0, array, shape, strides, false, false);
}

/* {'conj': True, 'neg': True} */
static void read_bits(const struct torch_file *f, uint32_t bits, struct torch_tensor *t)
{
	uint32_t conj = torch_entry(f, bits, "conj"), neg = torch_entry(f, bits, "neg");
	t->conj = conj && torch_node(f, conj)->kind == PICKLE_BOOL && torch_node(f, conj)->number;
	t->neg = neg && torch_node(f, neg)->kind == PICKLE_BOOL && torch_node(f, neg)->number;
}

static const struct torch_dtype *dtype_of(const struct torch_file *f, uint32_t node)
{
	const struct pickle_node *n = torch_node(f, node);
	return node && n->kind == PICKLE_GLOBAL ? torch_dtype(n->known) : NULL;
}

/* Do the storage's bytes hold it?  t->offset is in elements so far. */
static int place(struct torch_tensor *t, struct error *err)
{
	uint64_t reach, bytes;
	if (!strided_reach(t->offset, t->shape, t->strides, t->rank, &reach) || __builtin_mul_overflow(reach, t->width, &bytes))
		return error_set(err, EBADMSG, "strides that lead beyond 64 bits");
	if (bytes > t->bytes.size)
		return error_set(err, EBADMSG, "it reaches to byte %" PRIu64 " of a storage of %" PRIu64, bytes, t->bytes.size);
	t->offset = reach ? t->offset * t->width : 0; /* without elements, it is anywhere */
	return 0;
}

int torch_finish(struct torch_tensor *t, struct error *err)
{
	int r = place(t, err);
	if (r == 0)
		t->hash = hash_of(&t->bytes, t->offset, &t->array, t->shape, t->strides, t->conj, t->neg);
	return r;
}

/* quint4x2 and quint2x4 have two and four elements in a byte: shown are the bytes. */
static int pack(struct torch_tensor *t, const struct torch_dtype *dtype, uint64_t *shape, uint64_t *strides, struct error *err)
{
	uint64_t per = strcmp(dtype->name, "torch.quint4x2") == 0 ? 2 : strcmp(dtype->name, "torch.quint2x4") == 0 ? 4 : 1;
	uint32_t last = t->rank - 1;
	if (per == 1)
		return 0;
	if (t->rank == 0 || shape[last] % per != 0 || t->offset % per != 0 || !strided_in_order(shape, strides, t->rank))
		return error_set(err, EBADMSG, "rows of %s that do not fill whole bytes", dtype->name);
	shape[last] /= per;
	t->offset /= per;
	for (uint32_t i = 0; i < last; i++)
		strides[i] /= per;
	return 0;
}

static int read_tensor(const struct torch_file *f, const struct torch_called *c, struct arena *arena, struct torch_tensor *t,
		       struct error *err)
{
	bool v3 = c->known == TORCH_TENSOR_V3;
	struct torch_storage storage;
	struct error why = {0};
	uint64_t *shape, *strides;
	uint32_t rank = 0;
	int r = torch_extents(f, torch_arg(f, c, 2), "size", arena, &shape, &t->rank, err);
	if (r == 0)
		r = torch_extents(f, torch_arg(f, c, 3), "stride", arena, &strides, &rank, err);
	if (r < 0)
		return r;
	t->shape = shape;
	t->strides = strides;
	r = torch_storage(f, torch_arg(f, c, 0), arena, &storage, &why);
	const struct torch_dtype *dtype = v3 ? dtype_of(f, torch_arg(f, c, 6)) : storage.dtype;
	if (r == -ENOTSUP || error_passes(r))
		return error_set(err, -r, "%s", why.text);
	if (!dtype)
		return error_set(err, ENOTSUP, v3 ? "a tensor of an unknown type" : "an untyped storage as a tensor's");
	int e = torch_describe(t, dtype, f->big_endian, arena, err);
	if (e < 0 || r < 0)
		return e < 0 ? e : error_set(err, -r, "%s", why.text);
	if (rank != t->rank)
		return error_set(err, EBADMSG, "%" PRIu32 " strides for %" PRIu32 " dimensions", rank, t->rank);
	if (!torch_count(f, torch_arg(f, c, 1), &t->offset))
		return error_set(err, EBADMSG, "an offset that is no number, or negative");
	t->bytes = storage.bytes;
	if (dtype->dtype == DTYPE_VOID && ((e = pack(t, dtype, shape, strides, err)) < 0 || (e = torch_describe(t, dtype, f->big_endian, arena, err)) < 0))
		return e;
	if (c->known != TORCH_QTENSOR && c->known != TORCH_TENSOR)
		read_bits(f, torch_arg(f, c, v3 ? 7 : 6), t);
	return torch_finish(t, err);
}

static int read_meta(const struct torch_file *f, const struct torch_called *c, struct arena *arena, struct torch_tensor *t, struct error *err)
{
	const struct torch_dtype *dtype = dtype_of(f, torch_arg(f, c, 0));
	uint64_t *shape;
	if (!dtype)
		return error_set(err, ENOTSUP, "a tensor of an unknown type");
	int r = torch_extents(f, torch_arg(f, c, 1), "size", arena, &shape, &t->rank, err);
	if (r < 0)
		return r;
	t->shape = shape;
	if ((r = torch_describe(t, dtype, f->big_endian, arena, err)) < 0)
		return r;
	return error_set(err, EBADMSG, "a tensor of device meta, which has no bytes");
}

/* One dimension of `count` elements. */
static int read_row(struct torch_tensor *t, uint64_t count, struct arena *arena, struct error *err)
{
	uint64_t *extents = arena_array(arena, 2, sizeof *extents);
	if (!extents)
		return error_no_memory(err, "its shape");
	extents[0] = count, extents[1] = 1;
	t->shape = &extents[0];
	t->strides = &extents[1];
	t->rank = 1;
	return 0;
}

static int read_storage(const struct torch_file *f, uint32_t node, struct arena *arena, struct torch_tensor *t, struct error *err)
{
	static const struct torch_dtype untyped = {"torch.uint8", DTYPE_UINT8, 0};
	struct torch_storage storage;
	struct error why = {0};
	int r = torch_storage(f, node, arena, &storage, &why), e;
	if (r == -ENOTSUP || error_passes(r))
		return error_set(err, -r, "%s", why.text);
	if ((e = read_row(t, storage.count, arena, err)) < 0 ||
	    (e = torch_describe(t, storage.dtype ? storage.dtype : &untyped, f->big_endian, arena, err)) < 0)
		return e;
	if (r < 0)
		return error_set(err, -r, "%s", why.text);
	t->bytes = storage.bytes;
	return torch_finish(t, err);
}

static int read_bytes(const struct torch_file *f, uint32_t node, struct arena *arena, struct torch_tensor *t, struct error *err)
{
	struct error why = {0};
	int r = torch_bytes(f, node, STREAM_SIZE_UNKNOWN, &t->bytes, &why);
	int e = read_row(t, t->bytes.size, arena, err);
	t->array = (struct array){.dtype = DTYPE_UINT8, .rank = 1, .shape = t->shape};
	t->width = 1;
	if (e < 0 || r < 0)
		return e < 0 ? e : error_set(err, -r, "%s", why.text);
	return torch_finish(t, err);
}

int torch_tensor(const struct torch_file *f, uint32_t node, struct arena *arena, struct torch_tensor *ret, struct error *err)
{
	const struct pickle_node *n = torch_node(f, node);
	struct torch_called c = torch_called(f, n);
	*ret = (struct torch_tensor){0};
	switch (c.known) {
	case TORCH_TENSOR:
	case TORCH_TENSOR_V2:
	case TORCH_TENSOR_V3:
	case TORCH_QTENSOR:
		return read_tensor(f, &c, arena, ret, err);
	case TORCH_META:
		return read_meta(f, &c, arena, ret, err);
	case TORCH_LEGACY_BYTES:
		return read_storage(f, node, arena, ret, err);
	default:
		return n->kind == PICKLE_PERSISTENT ? read_storage(f, node, arena, ret, err) : read_bytes(f, node, arena, ret, err);
	}
}

/* --- what is shown -------------------------------------------------------------------------------- */

static const struct strided *make_strided(struct archive *a, const struct torch_tensor *t)
{
	struct strided *s = arena_alloc(&a->arena, sizeof *s);
	uint64_t *extents = arena_array(&a->arena, 2u * t->rank + 1, sizeof *extents);
	bool complex = t->array.dtype == DTYPE_COMPLEX64 || t->array.dtype == DTYPE_COMPLEX128 || strcmp(t->array.type, "torch.complex32") == 0;
	if (!s || !extents)
		return NULL;
	if (t->rank) {
		memcpy(extents, t->shape, t->rank * sizeof *extents);
		memcpy(extents + t->rank, t->strides, t->rank * sizeof *extents);
	}
	*s = (struct strided){{strided_read}, t->bytes, t->offset, extents, extents + t->rank, t->rank, t->width,
			      .big_endian = t->array.byteorder == BYTEORDER_BIG};
	if (t->conj || t->neg) {
		/* Both together: of the real parts only. */
		s->sign_width = (uint8_t)(complex ? t->width / 2 : t->width);
		s->sign = t->conj ? 2 : 1;
		s->sign_first = t->conj && !t->neg;
	}
	return s;
}

static uint32_t add(const struct torch_file *f, uint32_t parent, struct slice name, const struct torch_tensor *t, const struct array *array)
{
	struct tree *tree = &f->a->tree;
	uint64_t size = tree_array_size(array);
	bool in_order = strided_in_order(t->shape, t->strides, t->rank) && !t->conj && !t->neg;
	const struct content bytes = content_part(&t->bytes, t->offset, size);
	const struct strided *strided = in_order ? NULL : make_strided(f->a, t);
	uint32_t id = 0;
	if (strided)
		id = tree_lazy(tree, parent, name, strided, size);
	else if (!in_order || content_show(f->a, parent, name, &bytes, NULL, &id, NULL) < 0)
		tree->failed = tree->failed ? tree->failed : -ENOMEM;
	return id;
}

static void describe(const struct torch_file *f, uint32_t id, const struct array *array, uint32_t links)
{
	tree_describe(&f->a->tree, id, array);
	if (id && links > 1)
		tree_edit(&f->a->tree, id)->links = links;
}

int torch_add(const struct torch_file *f, uint32_t parent, struct slice name, const struct torch_tensor *t, int failed,
	      const struct error *why, uint32_t *ret, struct error *err)
{
	struct tree *tree = &f->a->tree;
	const struct array *array = t->array.shape ? tree_array(tree, &t->array) : NULL;
	if (failed && (error_passes(failed) || failed == -ENOTSUP))
		return error_set(err, -failed, "%s", why->text);
	if (!array && t->array.shape) /* there was no memory for it */
		return error_no_memory(err, "its shape");
	if (failed || tree_array_size(array) == SIZE_UNKNOWN) {
		const char *sentence = failed ? arena_text(&f->a->arena, slice_text(why->text)) : "a shape of more elements than 64 bits count";
		*ret = tree_fault(tree, parent, name, sentence ? sentence : "no memory", array);
		return 0;
	}
	uint32_t number = f->tied ? torch_find_named(f, t->hash) : UINT32_MAX;
	*ret = add(f, parent, name, t, array);
	describe(f, *ret, array, number < UINT32_MAX ? torch_named(f, number)->links : 1);
	return 0;
}

/* What graph.c met, and where it lies; NULL for what is to be read again. */
static const struct torch_named *met(const struct torch_file *f, uint32_t node)
{
	const struct pickle_node *n = torch_node(f, node);
	uint32_t number = n->kind == PICKLE_CALL ? n->count : 0;
	return number && torch_named(f, number - 1)->array ? torch_named(f, number - 1) : NULL;
}

int torch_add_tensor(const struct torch_file *f, uint32_t parent, struct slice name, uint32_t node, uint32_t *ret, struct error *err)
{
	const struct torch_named *named = met(f, node);
	if (named) {
		*ret = tree_range(&f->a->tree, parent, name, named->source, named->offset, tree_array_size(named->array));
		describe(f, *ret, named->array, named->links);
		return 0;
	}
	struct arena scratch = arena_scratch(&f->a->arena);
	struct torch_tensor t;
	struct error why = {0};
	int r = torch_tensor(f, node, &scratch, &t, &why);
	r = torch_add(f, parent, name, &t, r, &why, ret, err);
	arena_free(&scratch);
	return r;
}
