/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/ndarray.h"
#include "formats/torch/torch.h"

/*
 * NumPy's arrays, scalars and types in a pickle, by the names of what would have been called:
 *
 *	_reconstruct(ndarray, (0,), b'b'), state (1, shape, dtype, fortran, bytes or list)
 *	_frombuffer(bytes, dtype, shape, 'C' or 'F')
 *	_frombuffer(bytes, dtype, shape, 'K', axes)     of that shape in C order, then transposed
 *	scalar(dtype, bytes)
 *	dtype('f4', False, True), state (3, '<', subarray, names, fields, itemsize, alignment, flags[, metadata])
 *	NumpyArrayWrapper, state {shape, order, dtype, …}      joblib's; its bytes follow it
 *
 * Subclasses of ndarray with the same state, such as recarray, are arrays, too; masked arrays
 * have another.
 *
 * numpy/_core/src/multiarray/methods.c, array_setstate(), and descriptor.c, arraydescr_setstate().
 */

/* The type that a dtype object describes.  -EBADMSG and a sentence. */
int torch_numpy_type(const struct torch_file *f, uint32_t node, struct arena *arena, struct numpy_type *ret, struct error *err);

/* Are scalars of the type values as Python's: bools, integers, floats, strings?  Quick. */
bool torch_is_plain_type(const struct torch_file *f, uint32_t dtype);

/* A tuple of extents, or a single one. */
int torch_numpy_shape(const struct torch_file *f, uint32_t node, struct arena *arena, struct array *ret, struct error *err);

/* Copies at most so many of the first bytes of a text, without memory of the archive's: their number. */
size_t torch_first_bytes(const struct torch_file *f, uint32_t node, void *ret, size_t most);

/* What an array is made of, or a scalar, which has no dimension; 0: not there. */
struct torch_nd_parts {
	uint32_t shape, dtype;
	uint32_t bytes;   /* or a list */
	uint32_t order;   /* a bool, or a text that begins with 'C', 'F' or 'K' */
	uint32_t axes;    /* of 'K': which of the shape's dimension each one is */
};
bool torch_nd_parts(const struct torch_file *f, uint32_t node, struct torch_nd_parts *ret);

/* The type of an array or a scalar, with its shape, and how many bytes its elements are.  *strides: in elements, where
 * they lie in another order than C's or Fortran's; else NULL. */
int torch_nd_read(const struct torch_file *f, uint32_t node, struct arena *arena, struct numpy_type *type, uint64_t *size,
		  uint64_t **strides, struct error *err);

/* --- joblib.c --- */

/* What follows a wrapper. */
struct torch_wrapped {
	uint32_t node;  /* the wrapper */
	uint32_t list;  /* a pickle was there: its value */
	uint64_t at;    /* offset in the file's pickle */
};

/* Before pickle_read(): what follows wrappers is skipped, and found later. */
int torch_read_wraps(struct torch_file *f, struct error *err);
const struct torch_wrapped *torch_find_wrapped(const struct torch_file *f, uint32_t node); /* NULL if it is none */
bool torch_is_joblib(const struct torch_file *f); /* was there any? */
