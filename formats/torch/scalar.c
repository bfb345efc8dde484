/* SPDX-License-Identifier: MIT */
/* NumPy's scalars as values, shown like Python's. */
#include "fs/base/name.h"
#include "fs/values/decimal.h"
#include "formats/torch/ndarray.h"
#include "formats/torch/storage.h"

enum { STRING_MAX = 1 << 20 }; /* bytes of one; a longer one is no value */

static uint64_t number_of(struct cursor c, bool big)
{
	unsigned n = (unsigned)cursor_left(&c);
	return big ? cursor_be(&c, n) : cursor_le(&c, n);
}

static void put_float(const struct array *a, uint64_t bits, struct text *ret)
{
	char digits[DECIMAL_FLOAT_MAX];
	float narrow;
	double wide;
	uint32_t low = (uint32_t)bits;
	memcpy(&narrow, &low, sizeof narrow);
	memcpy(&wide, &bits, sizeof wide);
	wide = a->dtype == DTYPE_FLOAT16 ? float16_value((uint16_t)bits) : a->dtype == DTYPE_FLOAT32 ? (double)narrow : wide;
	if (wide - wide != 0)
		text_double(ret, wide);
	else
		text_put(ret, (struct slice){(const uint8_t *)digits, decimal_float(dtype_float_kind(a->dtype), bits, digits)});
}

/* Four bytes a character, without the NULs at the end. */
static int put_string(struct cursor c, bool big, bool json, struct arena *scratch, struct text *ret, struct error *err)
{
	uint8_t *text = arena_alloc(scratch, cursor_left(&c) + 1);
	size_t len = 0, end = 0;
	if (!text)
		return error_no_memory(err, "a string");
	while (cursor_left(&c) >= 4) {
		uint32_t code = (uint32_t)(big ? cursor_be(&c, 4) : cursor_le(&c, 4));
		len += utf8_put_surrogate(code <= 0x10ffff ? code : 0xfffd, text + len);
		end = code ? len : end;
	}
	if (json)
		text_json(ret, (struct slice){text, end});
	else
		text_put(ret, (struct slice){text, end});
	return 0;
}

static int put_value(const struct array *a, struct cursor c, bool json, struct arena *scratch, struct text *ret, struct error *err)
{
	bool big = a->byteorder == BYTEORDER_BIG;
	unsigned bits = (unsigned)cursor_left(&c) * 8;
	enum dtype_kind kind = dtype_kind(a->dtype);
	if (kind == KIND_UNICODE)
		return put_string(c, big, json, scratch, ret, err);
	uint64_t number = number_of(c, big);
	if (kind == KIND_BOOL)
		text_add(ret, number ? "true" : "false");
	else if (kind == KIND_SIGNED)
		text_print(ret, "%lld", (long long)(int64_t)(number << (64 - bits)) >> (64 - bits));
	else if (kind == KIND_UNSIGNED)
		text_print(ret, "%llu", (unsigned long long)number);
	else if (kind == KIND_FLOAT)
		put_float(a, number, ret);
	else
		return error_set(err, ENOTSUP, "a scalar that is no value");
	return 0;
}

int torch_put_nd(const struct torch_file *f, uint32_t node, bool quoted, struct text *ret, struct error *err)
{
	struct arena scratch = arena_apart(&f->a->arena);
	struct torch_nd_parts parts;
	struct numpy_type type;
	struct slice bytes = {NULL, 0};
	uint64_t size = 0, *strides;
	int r = torch_nd_read(f, node, &scratch, &type, &size, &strides, err);
	if (r == 0 && torch_nd_parts(f, node, &parts))
		r = torch_bytes_here(f, parts.bytes, STRING_MAX, &scratch, &bytes, err);
	if (r == 0 && bytes.len != size)
		r = error_set(err, EBADMSG, "a scalar of %zu bytes, not of %llu", bytes.len, (unsigned long long)size);
	if (r == 0)
		r = put_value(&type.array, cursor_over(bytes), quoted, &scratch, ret, err);
	arena_free(&scratch);
	return r;
}

bool torch_nd_is_string(const struct torch_file *f, uint32_t node)
{
	struct torch_called c = torch_called(f, torch_node(f, node));
	struct torch_called dtype = torch_called(f, torch_node(f, torch_arg(f, &c, 0)));
	uint8_t code[4];
	return c.known == TORCH_ND_SCALAR && torch_first_bytes(f, torch_arg(f, &dtype, 0), code, sizeof code) && code[0] == 'U';
}
