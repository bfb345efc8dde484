/* SPDX-License-Identifier: MIT */
/*
 * joblib's files: pickles, in which the bytes of each array follow the wrapper that describes it, between two
 * opcodes:
 *
 *	… NEWOBJ NumpyArrayWrapper, BUILD {subclass, shape, order, dtype, allow_mmap, numpy_array_alignment_bytes}
 *	n: u8, then n bytes of padding     if numpy_array_alignment_bytes is there, and not None
 *	the array, in C or F order         of Python objects: a pickle of the whole array
 *	…
 *
 * The whole may be compressed.
 *
 * joblib/numpy_pickle.py, NumpyArrayWrapper.
 */
#include "formats/torch/ndarray.h"

#include <inttypes.h>

enum { STATE_MAX = 64 };

struct torch_wraps {
	struct torch_file *f;
	struct torch_wrapped *all; /* by their nodes' numbers */
	uint32_t count, room;
};

const struct torch_wrapped *torch_find_wrapped(const struct torch_file *f, uint32_t node)
{
	const struct torch_wraps *w = f->pickle.arg;
	uint32_t from = 0, to = w ? w->count : 0;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		if (w->all[middle].node == node)
			return &w->all[middle];
		if (w->all[middle].node < node)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static struct torch_wrapped *add(struct torch_wraps *w, uint32_t node)
{
	if (w->count == w->room) {
		uint32_t room = w->room ? w->room * 2 : 16;
		struct torch_wrapped *all = arena_array(w->f->keep, room, sizeof *all);
		if (!all)
			return NULL;
		if (w->count)
			memcpy(all, w->all, w->count * sizeof *all);
		w->all = all;
		w->room = room;
	}
	w->all[w->count] = (struct torch_wrapped){.node = node};
	return &w->all[w->count++];
}

/* An array of Python objects: its values join the others. */
static int read_pickle(struct torch_wraps *w, uint64_t *at, uint32_t *ret, struct error *err)
{
	struct pickle *p = &w->f->pickle;
	struct arena *outer = p->scratch, scratch = arena_scratch(outer);
	int (*built)(struct pickle *p, uint32_t object, uint64_t *at, struct error *err) = p->built;
	p->built = NULL; /* joblib reads it as any other pickle */
	p->scratch = &scratch;
	int r = pickle_read(p, *at, err);
	p->built = built;
	p->scratch = outer;
	arena_free(&scratch);
	*ret = p->root;
	*at = p->end;
	return r;
}

/* The padding: its length, and so many bytes. */
static int skip_padding(const struct torch_file *f, uint32_t state, uint64_t *at, struct error *err)
{
	uint32_t alignment = torch_entry(f, state, "numpy_array_alignment_bytes");
	uint8_t n;
	if (torch_node(f, alignment)->kind == PICKLE_NONE)
		return 0;
	if (*at >= f->data.size)
		return error_set(err, EBADMSG, "joblib: the file ends before an array");
	int r = content_read(f->a, &f->data, *at, 1, &n, NULL, err);
	*at += 1 + (r == 0 ? n : 0);
	return r;
}

static int skip_array(const struct torch_file *f, uint32_t state, const struct numpy_type *type, struct arena *scratch, uint64_t *at,
		      struct error *err)
{
	struct array shape;
	uint64_t size;
	int r = torch_numpy_shape(f, torch_entry(f, state, "shape"), scratch, &shape, err);
	if (r < 0)
		return r;
	if (!shape_elements(shape.shape, shape.rank, &size) || __builtin_mul_overflow(size, type->size, &size) ||
	    !range_within(*at, size, f->data.size))
		return error_set(err, EBADMSG, "joblib: an array at byte %" PRIu64 " that does not fit in the file", *at);
	*at += size;
	return 0;
}

static bool is_wrapper(const struct torch_file *f, uint32_t object)
{
	struct torch_called c = torch_called(f, torch_node(f, object));
	const struct pickle_node *class = torch_node(f, torch_arg(f, &c, 0));
	if (c.known == TORCH_RECONSTRUCTOR) /* in protocols 0 and 1 */
		return class->kind == PICKLE_GLOBAL && class->known == TORCH_JOBLIB_WRAPPER;
	return c.known == TORCH_JOBLIB_WRAPPER;
}

static int built(struct pickle *p, uint32_t object, uint64_t *at, struct error *err)
{
	struct torch_wraps *w = p->arg;
	struct torch_file *f = w->f;
	struct numpy_type type;
	if (!is_wrapper(f, object))
		return 0;
	if (w->count && w->all[w->count - 1].node >= object)
		return error_set(err, EBADMSG, "joblib: two arrays of one wrapper");
	uint32_t state = torch_node(f, object)->call->state;
	if (torch_node(f, state)->count > STATE_MAX) /* which is looked through for each */
		return error_set(err, EBADMSG, "joblib: an array that is described in more words than joblib has");
	struct torch_wrapped *one = add(w, object);
	if (!one)
		return error_no_memory(err, "joblib's arrays");
	struct arena scratch = arena_scratch(p->scratch);
	int r = torch_numpy_type(f, torch_entry(f, state, "dtype"), &scratch, &type, err);
	if (r == 0 && type.objects)
		r = read_pickle(w, at, &one->list, err);
	else if (r == 0 && (r = skip_padding(f, state, at, err)) == 0) {
		one->at = *at;
		r = skip_array(f, state, &type, &scratch, at, err);
	}
	arena_free(&scratch);
	return r;
}

int torch_read_wraps(struct torch_file *f, struct error *err)
{
	struct torch_wraps *w = arena_alloc(f->keep, sizeof *w);
	f->fields = arena_alloc(f->keep, sizeof *f->fields);
	if (!w || !f->fields)
		return error_no_memory(err, "joblib's arrays");
	w->f = f;
	f->pickle.arg = w;
	f->pickle.built = built;
	return 0;
}

bool torch_is_joblib(const struct torch_file *f)
{
	const struct torch_wraps *w = f->pickle.arg;
	return w && w->count;
}
