/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/torch/torch.h"

/* A number that counts something: an INT that is not negative. */
static inline bool torch_count(const struct torch_file *f, uint32_t node, uint64_t *ret)
{
	const struct pickle_node *n = torch_node(f, node);
	*ret = (uint64_t)n->number;
	return node && (n->kind == PICKLE_INT || n->kind == PICKLE_BOOL) && n->number >= 0;
}

static inline uint32_t torch_width(const struct torch_dtype *dtype)
{
	if (!dtype)
		return 1;
	uint64_t bits = dtype_bits(&(struct array){.dtype = dtype->dtype, .width = dtype->width});
	return bits < 8 ? 1 : (uint32_t)(bits / 8);
}

struct torch_storage {
	const struct torch_dtype *dtype; /* NULL: untyped */
	uint64_t count;                  /* of elements, or of bytes */
	struct content bytes;
};

/* -EBADMSG: its bytes cannot be read; -ENOTSUP: it is not known what it is. */
int torch_storage(const struct torch_file *f, uint32_t node, struct arena *arena, struct torch_storage *ret, struct error *err);

/* The same for the older stream within the bytes of a pickle: legacy.c. */
int torch_legacy_storage(const struct torch_file *f, uint32_t bytes, struct arena *arena, struct torch_storage *ret, struct error *err);

/* The same bytes, of at most `most`, in memory from the arena: for few, from any thread. */
int torch_bytes_here(const struct torch_file *f, uint32_t node, uint64_t most, struct arena *arena, struct slice *ret, struct error *err);

/* What bytes(), bytearray(), encode() and BYTES hold.  `size`: what is known of their
 * number, or STREAM_SIZE_UNKNOWN, for which text is counted. */
int torch_bytes(const struct torch_file *f, uint32_t node, uint64_t size, struct content *ret, struct error *err);

/* The characters of a TEXT as bytes; of others, what they are. */
int torch_text_bytes(const struct torch_file *f, uint32_t node, uint64_t size, struct content *ret, struct error *err);
