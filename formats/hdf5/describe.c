/* SPDX-License-Identifier: MIT */
/* Datatypes as the mount names them. */
#include "formats/hdf5/hdf5.h"
#include "fs/base/name.h"

#include <inttypes.h>
#include <stdio.h>

static bool float_is(const struct h5_type *t, unsigned size, unsigned exp, unsigned man, uint32_t bias)
{
	return t->class == H5_FLOAT && !t->vax && t->size == size && t->offset == 0 && t->precision == size * 8 &&
	       t->exp_bits == exp && t->man_bits == man && t->bias == bias && t->man_at == 0 && t->exp_at == man &&
	       t->sign_at == size * 8 - 1;
}

static const struct known {
	uint8_t size, exp, man;
	uint32_t bias;
	enum dtype dtype, complex;
	const char *word;
} floats[] = {
	{1, 4, 3, 7, DTYPE_FLOAT8_E4M3FN, 0, "H5T_FLOAT_F8E4M3"},
	{1, 5, 2, 15, DTYPE_FLOAT8_E5M2, 0, "H5T_FLOAT_F8E5M2"},
	{2, 5, 10, 15, DTYPE_FLOAT16, 0, "H5T_IEEE_F16"},
	{2, 8, 7, 127, DTYPE_BFLOAT16, 0, "H5T_FLOAT_BFLOAT16"},
	{4, 8, 23, 127, DTYPE_FLOAT32, DTYPE_COMPLEX64, "H5T_IEEE_F32"},
	{8, 11, 52, 1023, DTYPE_FLOAT64, DTYPE_COMPLEX128, "H5T_IEEE_F64"},
};

static const struct known *known_float(const struct h5_type *t)
{
	for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
		if (float_is(t, floats[i].size, floats[i].exp, floats[i].man, floats[i].bias))
			return &floats[i];
	return NULL;
}

bool h5_is_bool(const struct h5_type *t)
{
	if (t->class != H5_ENUM || t->size != 1 || t->nmembers != 2 || !t->base->sign)
		return false;
	for (uint32_t i = 0; i < 2; i++)
		if (!slice_equal(t->members[i].name, t->members[i].value.data[0] ? SLICE("TRUE") : SLICE("FALSE")) ||
		    t->members[i].value.data[0] > 1)
			return false;
	return t->members[0].value.data[0] != t->members[1].value.data[0];
}

bool h5_is_complex(const struct h5_type *t)
{
	if (t->class == H5_COMPLEX)
		return true;
	if (t->class != H5_COMPOUND || t->nmembers != 2)
		return false;
	const struct h5_member *r = &t->members[0], *i = &t->members[1];
	return slice_equal(r->name, SLICE("r")) && slice_equal(i->name, SLICE("i")) && r->type->class == H5_FLOAT &&
	       h5_type_equal(r->type, i->type) && r->offset == 0 && i->offset == r->type->size &&
	       t->size == 2 * r->type->size;
}

static const char *word(struct arena *a, const struct h5_type *t, const char *stem)
{
	return arena_printf(a, "%s%s", stem, t->big ? "BE" : "LE");
}

/* Can its bytes be read as a plain number of that size? Not if its bits begin further up, if
 * the sign is not the topmost bit, or if there are ones above them. */
static bool fills_its_bytes(const struct h5_type *t)
{
	return t->offset == 0 && (t->precision == t->size * 8 || (!t->ones && (!t->sign || t->class == H5_BITFIELD)));
}

/* Adds which bits make up the number, unless it uses all of them. */
static const char *with_bits(struct arena *a, const struct h5_type *t, const char *stem)
{
	if (!stem || (t->offset == 0 && t->precision == t->size * 8))
		return stem;
	return arena_printf(a, "%s (%u bits from bit %u)", stem, t->precision, t->offset);
}

/* The same for a float without a name of its own: the layout of its parts. */
static const char *with_layout(struct arena *a, const struct h5_type *t, const char *stem)
{
	return arena_printf(a, "%s (%u bits from bit %u: sign at %u, exponent of %u at %u less %u, mantissa of %u at %u%s)", stem,
			    t->precision, t->offset, t->sign_at, t->exp_bits, t->exp_at, (unsigned)t->bias, t->man_bits, t->man_at,
			    t->norm == 2 ? ", its leading bit implied" : "");
}

/* VAX byte order is neither little- nor big-endian. */
static uint8_t byteorder(const struct h5_type *t)
{
	return t->size == 1 || t->vax ? BYTEORDER_NONE : t->big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
}

static void describe_integer(struct arena *a, const struct h5_type *t, struct array *ret)
{
	static const uint8_t by_size[9][2] = {
		[1] = {DTYPE_UINT8, DTYPE_INT8}, [2] = {DTYPE_UINT16, DTYPE_INT16},
		[4] = {DTYPE_UINT32, DTYPE_INT32}, [8] = {DTYPE_UINT64, DTYPE_INT64},
	};
	char stem[40];
	bool field = t->class == H5_BITFIELD;
	if (t->size <= 8 && by_size[t->size][0] && fills_its_bytes(t))
		ret->dtype = by_size[t->size][t->sign && !field];
	snprintf(stem, sizeof stem, "H5T_STD_%c%" PRIu64, field ? 'B' : t->sign ? 'I' : 'U', (uint64_t)t->size * 8);
	ret->type = with_bits(a, t, word(a, t, stem));
	ret->byteorder = byteorder(t);
}

static void describe_float(struct arena *a, const struct h5_type *t, struct array *ret)
{
	const struct known *k = known_float(t);
	ret->byteorder = byteorder(t);
	if (k) {
		ret->dtype = (uint8_t)k->dtype;
		ret->type = t->size == 1 ? k->word : word(a, t, k->word);
	} else if (t->vax) {
		ret->type = t->size == 4 ? "H5T_VAX_F32" : t->size == 8 ? "H5T_VAX_F64" : "H5T_VAX_F";
	} else {
		ret->type = with_layout(a, t, "H5T_FLOAT");
	}
}

/* Two floats as one element. */
static void describe_complex(struct arena *a, const struct h5_type *t, struct array *ret)
{
	const struct known *k = known_float(t);
	struct array part = {.dtype = DTYPE_VOID};
	describe_float(a, t, &part);
	ret->dtype = (uint8_t)(k && k->complex ? k->complex : DTYPE_VOID);
	ret->byteorder = part.byteorder;
	ret->type = part.type ? arena_printf(a, "H5T_COMPLEX%s", part.type + strlen("H5T")) : NULL;
}

/* An enum is shown as its base type; it needs a type name only if some bits are unused. */
static void describe_enum(struct arena *a, const struct h5_type *t, struct array *ret)
{
	describe_integer(a, t->base, ret);
	ret->type = with_bits(a, t->base, "H5T_ENUM");
	if (h5_is_bool(t))
		ret->dtype = DTYPE_BOOL;
}

/* Sets everything but the shape. A type without a name of its own is V<n>. */
void h5_describe(struct arena *a, const struct h5_type *t, struct array *ret)
{
	ret->dtype = DTYPE_VOID;
	ret->width = t->size;
	switch ((enum h5_class)t->class) {
	case H5_FIXED:
	case H5_BITFIELD:
		describe_integer(a, t, ret);
		break;
	case H5_FLOAT:
		describe_float(a, t, ret);
		break;
	case H5_ENUM:
		describe_enum(a, t, ret);
		break;
	case H5_STRING:
		ret->dtype = DTYPE_FIXED_STRING;
		ret->type = "H5T_STRING";
		break;
	case H5_COMPLEX:
		describe_complex(a, t->base, ret);
		break;
	case H5_COMPOUND:
		ret->type = "H5T_COMPOUND";
		ret->dtype = DTYPE_STRUCT;
		if (h5_is_complex(t))
			describe_complex(a, t->members[0].type, ret);
		break;
	case H5_VLEN:
		ret->dtype = t->vlen_string ? DTYPE_STRING : DTYPE_LIST;
		ret->type = t->vlen_string ? "H5T_STRING" : "H5T_VLEN";
		break;
	case H5_ARRAY:
		h5_describe(a, t->base, ret);
		break;
	case H5_TIME:
		ret->type = word(a, t, t->size == 4 ? "H5T_UNIX_D32" : t->size == 8 ? "H5T_UNIX_D64" : "H5T_TIME");
		ret->byteorder = byteorder(t);
		break;
	case H5_OPAQUE:
		ret->type = "H5T_OPAQUE";
		break;
	case H5_REFERENCE:
		ret->reference = t->ref <= 1;
		ret->type = t->ref == 0 ? "H5T_STD_REF_OBJ" : t->ref == 1 ? H5_TYPE_REGION : "H5T_STD_REF";
		break;
	case H5_UNKNOWN:
		ret->type = "unknown";
		break;
	}
}

/* {"NAME": VALUE, …} */
const char *h5_enum_json(struct arena *a, const struct h5_type *t)
{
	size_t room = 3;
	for (uint32_t i = 0; i < t->nmembers; i++)
		room += t->members[i].name.len * 6 + 32;
	char *text = arena_alloc(a, room), *p = text;
	if (!text)
		return NULL;
	*p++ = '{';
	for (uint32_t i = 0; i < t->nmembers; i++) {
		struct slice name = t->members[i].name;
		struct cursor c = cursor_over(t->members[i].value);
		unsigned size = t->size <= 8 ? t->size : 8;
		uint64_t value = t->base->big ? cursor_be(&c, size) : cursor_le(&c, size);
		p += sprintf(p, "%s\"", i ? ", " : "");
		for (size_t k = 0, n; k < name.len; k += n ? n : 1) {
			n = utf8_length((struct slice){name.data + k, name.len - k});
			if (n == 0) /* escaped as in file names, so that the text is valid UTF-8 */
				p += sprintf(p, "%%%02X", name.data[k]);
			else if (name.data[k] < 0x20 || name.data[k] == '"' || name.data[k] == '\\')
				p += sprintf(p, "\\u%04x", name.data[k]);
			else
				memcpy(p, name.data + k, n), p += n;
		}
		unsigned unused = size ? 64 - size * 8 : 0;
		if (t->base->sign)
			p += sprintf(p, "\": %lld", (long long)((int64_t)(value << unused) >> unused));
		else
			p += sprintf(p, "\": %llu", (unsigned long long)value);
	}
	*p++ = '}';
	*p = '\0';
	return text;
}
