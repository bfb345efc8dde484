/* SPDX-License-Identifier: MIT */
/* The type that holds all values of two types. */
#include "formats/arrow/dataset/dataset.h"

enum layout arrow_kind_of(const struct field *f)
{
	return f->layout == LAYOUT_VIEW ? LAYOUT_STRING : f->layout == LAYOUT_LIST_VIEW ? LAYOUT_LIST : (enum layout)f->layout;
}

static bool integer_of(const struct field *f, unsigned *bits, bool *is_signed)
{
	enum dtype_kind kind = dtype_kind(f->array.dtype);
	*bits = f->width * 8;
	*is_signed = kind == KIND_SIGNED;
	return kind == KIND_SIGNED || kind == KIND_UNSIGNED;
}

static void become_integer(struct field *f, unsigned bits, bool is_signed)
{
	static const struct { uint8_t dtype; const char *type; } kinds[2][5] = {
		{{DTYPE_UINT8, "uint8"}, {DTYPE_UINT16, "uint16"}, {DTYPE_UINT32, "uint32"}, {DTYPE_UINT64, "uint64"}, {DTYPE_UINT128, "uint128"}},
		{{DTYPE_INT8, "int8"}, {DTYPE_INT16, "int16"}, {DTYPE_INT32, "int32"}, {DTYPE_INT64, "int64"}, {DTYPE_INT128, "int128"}},
	};
	unsigned i = (unsigned)__builtin_ctz(bits / 8);
	f->array.dtype = kinds[is_signed][i].dtype;
	f->array.type = kinds[is_signed][i].type;
	f->array.width = f->width = bits / 8;
	f->is_signed = is_signed;
}

/* Of 128 bits only if one of them is. */
static bool widen_integer(struct field *a, const struct field *b)
{
	unsigned a_bits, b_bits;
	bool a_signed, b_signed;
	if (!integer_of(a, &a_bits, &a_signed) || !integer_of(b, &b_bits, &b_signed))
		return false;
	unsigned bits = a_bits > b_bits ? a_bits : b_bits, most = bits > 64 ? 128 : 64;
	if (a_signed != b_signed && (a_signed ? b_bits : a_bits) >= bits)
		bits *= 2;
	if (bits > most)
		return false;
	become_integer(a, bits, a_signed || b_signed);
	return true;
}

static bool is_float(const struct field *f)
{
	return f->array.dtype == DTYPE_FLOAT16 || f->array.dtype == DTYPE_FLOAT32 || f->array.dtype == DTYPE_FLOAT64;
}

static bool widen_decimal(struct arena *arena, struct field *a, const struct field *b)
{
	if (a->array.dtype != DTYPE_DECIMAL || b->array.dtype != DTYPE_DECIMAL || a->array.scale != b->array.scale)
		return false;
	if (b->array.precision > a->array.precision)
		a->array.precision = b->array.precision;
	if (b->width > a->width)
		a->array.width = a->width = b->width;
	a->array.type = arena_printf(arena, "decimal%u(%u, %d)", a->width * 8, a->array.precision, a->array.scale);
	return a->array.type;
}

bool arrow_widen(struct arena *arena, struct field *a, const struct field *b)
{
	if (strcmp(a->array.type, b->array.type) == 0 && a->width == b->width)
		return true;
	if (is_float(a) && is_float(b)) {
		if (b->width > a->width) {
			const char *type = b->width == 8 ? "double" : "float"; /* longer-lived than the file's */
			a->width = b->width;
			a->array = b->array;
			a->array.type = type;
		}
		return true;
	}
	return widen_integer(a, b) || widen_decimal(arena, a, b);
}

bool arrow_needs_widening(const struct field *f, const struct field *in_file)
{
	return f->layout == LAYOUT_FIXED && (f->width != in_file->width || f->array.dtype != in_file->array.dtype);
}
