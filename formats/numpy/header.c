/* SPDX-License-Identifier: MIT */
/* The array after an .npy header. */
#include "formats/numpy/numpy.h"

#include <inttypes.h>

/* Loads the first `len` bytes, or as many as there are. */
static int load_head(struct archive *a, const struct content *bytes, struct arena *arena, uint64_t len, struct slice *ret,
		     struct error *err)
{
	size_t n = bytes->size < len ? (size_t)bytes->size : (size_t)len;
	uint8_t *buf = arena_alloc(arena, n + 1);
	if (!buf)
		return error_no_memory(err, "NumPy's header");
	*ret = (struct slice){buf, n};
	return content_head(a, bytes, buf, n, &ret->len, err);
}

static int read_header(struct archive *a, const struct content *bytes, struct arena *arena, struct numpy_header *ret,
		       struct error *err)
{
	enum { USUAL = 128 }; /* NumPy pads headers to multiples of 64 bytes, and few have fields */
	struct slice head;
	uint64_t size;
	int r = load_head(a, bytes, arena, USUAL, &head, err);
	if (r < 0 || (r = numpy_header_size(head, &size, err)) < 0)
		return r;
	if (size > head.len && (r = load_head(a, bytes, arena, size, &head, err)) < 0)
		return r;
	if ((r = numpy_read_header(head, arena, ret, err)) < 0)
		return r;
	if (ret->bytes > bytes->size - ret->data)
		return error_set(err, EBADMSG, "an array of %" PRIu64 " bytes, of which the file has %" PRIu64 ERROR_CUT, ret->bytes,
				 bytes->size - ret->data);
	return 0;
}

int npy_show(struct archive *a, uint32_t parent, struct slice name, const struct content *bytes, uint32_t *ret,
	     struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct numpy_header h = {0};
	int r = read_header(a, bytes, &scratch, &h, err);
	struct content elements = content_part(bytes, h.data, h.bytes);
	if (r == 0 && h.type.objects && h.type.array.dtype != DTYPE_STRUCT)
		*ret = tree_sound(&a->tree, tree_fault(&a->tree, parent, name, "an array of Python objects, which are pickled", &h.type.array));
	else if (r == 0)
		r = ndarray_show(a, parent, name, &h.type, &elements, ret, err);
	arena_free(&scratch);
	return r;
}
