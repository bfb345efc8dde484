/* SPDX-License-Identifier: MIT */
#include "fs/views/npy.h"

#include <inttypes.h>
#include <stdio.h>

enum { ALIGNMENT = 64, V1_PREFIX = 10, V2_PREFIX = 12 };

bool view_npy_exists(const struct array *a)
{
	return a->dtype != DTYPE_NONE && a->dtype < DTYPE_STRING && (dtype_bits(a) > 0 || a->dtype == DTYPE_FIXED_STRING || a->dtype == DTYPE_VOID);
}

/* The letter of NumPy's kind, and the unit of a time. */
static void kind_of(const struct array *a, char *ret_kind, const char **ret_unit)
{
	*ret_unit = "";
	switch ((enum dtype)a->dtype) {
	case DTYPE_BOOL:
		*ret_kind = 'b';
		break;
	case DTYPE_INT8:
	case DTYPE_INT16:
	case DTYPE_INT32:
	case DTYPE_INT64:
	case DTYPE_DATE32: /* NumPy's dates are of 64 bits */
	case DTYPE_TIME32_S:
	case DTYPE_TIME32_MS:
	case DTYPE_TIME64_US:
	case DTYPE_TIME64_NS:
		*ret_kind = 'i';
		break;
	case DTYPE_UINT8:
	case DTYPE_UINT16:
	case DTYPE_UINT32:
	case DTYPE_UINT64:
		*ret_kind = 'u';
		break;
	case DTYPE_FLOAT16:
	case DTYPE_FLOAT32:
	case DTYPE_FLOAT64:
		*ret_kind = 'f';
		break;
	case DTYPE_COMPLEX64:
	case DTYPE_COMPLEX128:
		*ret_kind = 'c';
		break;
	case DTYPE_TIMESTAMP_S:
	case DTYPE_TIMESTAMP_MS:
	case DTYPE_TIMESTAMP_US:
	case DTYPE_TIMESTAMP_NS:
		*ret_kind = 'M';
		*ret_unit = (const char *const[]){"[s]", "[ms]", "[us]", "[ns]"}[a->dtype - DTYPE_TIMESTAMP_S];
		break;
	case DTYPE_DURATION_S:
	case DTYPE_DURATION_MS:
	case DTYPE_DURATION_US:
	case DTYPE_DURATION_NS:
		*ret_kind = 'm';
		*ret_unit = (const char *const[]){"[s]", "[ms]", "[us]", "[ns]"}[a->dtype - DTYPE_DURATION_S];
		break;
	case DTYPE_FIXED_STRING:
		*ret_kind = 'S';
		break;
	default:
		*ret_kind = 'V';
	}
}

/* The dimensions behind the first that a file's size would tell; 0 if its size is no
 * whole number of them. */
static uint64_t inner_of(const struct array *a, uint64_t size)
{
	uint64_t inner, each = dtype_bits(a) / 8;
	if (!a->sized || !shape_elements(a->shape, a->rank, &inner) || __builtin_mul_overflow(each, inner, &each))
		return 0;
	return each > 0 && size % each == 0 ? inner : 0;
}

/* Packed below a byte, or a file of other than the bytes that its shape takes. */
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

/* The dictionary, as numpy.save() spells it. */
static void put_dictionary(const struct array *a, uint64_t size, struct text *t)
{
	bool flat = is_flat(a, size);
	uint64_t bytes = flat ? 1 : dtype_bits(a) / 8;
	char kind = 'u';
	const char *unit = "";
	if (!flat)
		kind_of(a, &kind, &unit);
	bool ordered = kind != 'S' && bytes > 1 && a->dtype != DTYPE_VOID && a->dtype != DTYPE_DECIMAL;
	text_print(t, "{'descr': '%c%c%" PRIu64 "%s', 'fortran_order': %s, 'shape': ",
		   !ordered ? '|' : a->byteorder == BYTEORDER_BIG ? '>' : '<', kind, bytes, unit,
		   a->fortran && !flat ? "True" : "False");
	put_shape(a, size, flat, t);
	text_add(t, ", }");
}

static void put_integer(struct text *t, uint64_t value, unsigned bytes)
{
	uint8_t le[8];
	for (unsigned i = 0; i < bytes; i++)
		le[i] = (uint8_t)(value >> 8 * i);
	text_put(t, (struct slice){le, bytes});
}

void view_npy_header(const struct array *a, uint64_t size, struct text *ret)
{
	struct text dictionary = {0};
	put_dictionary(a, size, &dictionary);
	if (dictionary.failed) {
		ret->failed = ret->failed ? ret->failed : dictionary.failed;
		text_free(&dictionary);
		return;
	}
	size_t len = dictionary.len + 1; /* and a newline */
	bool small = len + V1_PREFIX + ALIGNMENT <= UINT16_MAX;
	size_t prefix = small ? V1_PREFIX : V2_PREFIX;
	size_t padding = -(prefix + len) % ALIGNMENT;
	text_put(ret, (struct slice){(const uint8_t *)(small ? "\x93NUMPY\1\0" : "\x93NUMPY\2\0"), 8});
	put_integer(ret, len + padding, small ? 2 : 4);
	text_put(ret, text_slice(&dictionary));
	text_print(ret, "%*s\n", (int)padding, "");
	text_free(&dictionary);
}
