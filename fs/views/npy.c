/* SPDX-License-Identifier: MIT */
#include "fs/views/npy.h"

#include <inttypes.h>

#include "fs/values/numpy.h"

bool view_npy_exists(const struct array *a)
{
	char letter = dtype_letter(a->dtype);
	return letter && (dtype_bits(a) > 0 || letter == 'S' || letter == 'U' || letter == 'V');
}

/* Elements per index of the first dimension, whose extent follows from the file's size;
 * 0 if the size is not a multiple of that. */
static uint64_t inner_of(const struct array *a, uint64_t size)
{
	uint64_t inner, each = dtype_bits(a) / 8;
	if (!a->sized || !shape_elements(a->shape, a->rank, &inner) || __builtin_mul_overflow(each, inner, &each))
		return 0;
	return each > 0 && size % each == 0 ? inner : 0;
}

/* Whether elements are packed below a byte, or the file's size does not match the shape. */
static bool is_flat(const struct array *a, uint64_t size)
{
	uint64_t bits = dtype_bits(a), count;
	if (bits % 8)
		return true;
	if (a->unshaped)
		return bits == 0 || size % (bits / 8) != 0;
	return !shape_elements(a->shape, a->rank, &count) || __builtin_mul_overflow(count, bits / 8, &count) || count != size;
}

static void put_shape(const struct array *a, uint64_t size, bool flat, struct text *t)
{
	uint64_t inner = flat || !a->unshaped ? 0 : inner_of(a, size);
	if (inner > 0 && a->rank > 0) {
		text_print(t, "(%" PRIu64, size / (dtype_bits(a) / 8) / inner);
		for (uint32_t i = 0; i < a->rank; i++)
			text_print(t, ", %" PRIu64, a->shape[i]);
		text_add(t, ")");
	} else if (flat || a->unshaped)
		text_print(t, "(%" PRIu64 ",)", flat ? size : size / (dtype_bits(a) / 8));
	else if (a->rank == 0)
		text_add(t, "()");
	else
		for (uint32_t i = 0; i < a->rank; i++)
			text_print(t, "%s%" PRIu64 "%s", i ? ", " : "(", a->shape[i],
				   i + 1 < a->rank ? "" : a->rank == 1 ? ",)" : ")");
}

void view_npy_header(const struct array *a, uint64_t size, struct text *ret)
{
	static const struct array bytes = {.dtype = DTYPE_UINT8};
	struct text descr = {0}, shape = {0};
	bool flat = is_flat(a, size);
	text_add(&descr, "'");
	numpy_write_type(flat ? &bytes : a, &descr);
	text_add(&descr, "'");
	put_shape(a, size, flat, &shape);
	int failed = descr.failed ? descr.failed : shape.failed;
	if (failed == 0)
		numpy_write_header(text_slice(&descr), a->fortran && !flat, text_slice(&shape), ret);
	else if (ret->failed == 0)
		ret->failed = failed;
	text_free(&descr);
	text_free(&shape);
}

static int make_header(struct archive *a, struct node *n, struct text *ret, uint64_t *ret_size, struct error *err)
{
	int r = archive_size(a, n, ret_size, err);
	if (r == 0)
		view_npy_header(n->array, *ret_size, ret);
	return r == 0 && ret->failed ? error_set(err, -ret->failed, "no memory") : r;
}

int view_npy_size(struct archive *a, struct node *n, uint64_t *ret, struct error *err)
{
	struct text header = {0};
	int r = make_header(a, n, &header, ret, err);
	*ret += header.len;
	text_free(&header);
	return r;
}

int view_npy_read(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct text header = {0};
	struct answer data;
	uint64_t size;
	uint8_t *own;
	int r = make_header(a, n, &header, &size, err);
	size_t length = header.len, own_len = r == 0 && offset < length ? length - (size_t)offset : 0;
	own_len = own_len < len ? own_len : (size_t)len;
	if (r < 0 || own_len == 0) {
		text_free(&header);
		return r < 0 ? r : archive_read(a, n, offset - length, len, ret, err);
	}
	answer_init(&data);
	if (own_len < len) /* archive_read() starts over if it fails, so the bytes come first */
		r = archive_read(a, n, 0, len - own_len, &data, err);
	if (r == 0)
		r = answer_own(ret, own_len, &own);
	if (r == 0)
		memcpy(own, header.bytes + offset, own_len);
	if (r == 0 && own_len < len)
		r = answer_move(ret, &data);
	answer_close(&data);
	text_free(&header);
	return r;
}
