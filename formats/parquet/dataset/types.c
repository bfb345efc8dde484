/* SPDX-License-Identifier: MIT */
/* The form of a field, and the type that holds all values of two types. */
#include "formats/parquet/dataset/dataset.h"

/* --- forms ---------------------------------------------------------------------- */

enum form pq_dataset_form(const struct element *e, unsigned depth)
{
	if (e->repetition == REPEATED && e->max_rep > depth)
		return FORM_LIST;
	if (e->physical != GROUP)
		return FORM_LEAF;
	return pq_schema_is_list(e) ? FORM_LIST : pq_schema_is_map(e) ? FORM_MAP : FORM_STRUCT;
}

const struct element *pq_dataset_item(const struct element *e, unsigned depth)
{
	if (e->repetition == REPEATED && e->max_rep > depth)
		return e;
	if (pq_schema_is_map(e))
		return e + 1;
	return pq_schema_is_element(e, e + 1) ? e + 1 : e + 2;
}

/* --- types -------------------------------------------------------------------------- */

static bool integer_of(const struct element *e, unsigned *bits, bool *is_signed)
{
	uint8_t dtype = pq_schema_dtype(e);
	*is_signed = dtype >= DTYPE_INT8 && dtype <= DTYPE_INT64;
	if (!*is_signed && !(dtype >= DTYPE_UINT8 && dtype <= DTYPE_UINT64))
		return false;
	*bits = 8u << (dtype - (*is_signed ? DTYPE_INT8 : DTYPE_UINT8));
	return e->physical == INT32 || e->physical == INT64;
}

static unsigned float_of(const struct element *e)
{
	return e->logical == LOGICAL_FLOAT16 ? 2 : e->logical != LOGICAL_NONE ? 0 : e->physical == FLOAT ? 4 : e->physical == DOUBLE ? 8 : 0;
}

static bool same_type(const struct element *a, uint32_t a_width, const struct element *b, uint32_t b_width)
{
	return pq_schema_dtype(a) == pq_schema_dtype(b) && a_width == b_width && a->logical == b->logical && a->unit == b->unit &&
	       a->utc == b->utc && a->precision == b->precision && a->scale == b->scale &&
	       (a->physical == b->physical || a->logical == LOGICAL_DECIMAL);
}

bool pq_dataset_widen(struct element *a, uint32_t *a_width, const struct element *b, uint32_t b_width)
{
	unsigned a_bits, b_bits;
	bool a_signed, b_signed;

	if (same_type(a, *a_width, b, b_width))
		return true;
	if (integer_of(a, &a_bits, &a_signed) && integer_of(b, &b_bits, &b_signed)) {
		unsigned bits = a_bits > b_bits ? a_bits : b_bits;
		if (a_signed != b_signed && (a_signed ? b_bits : a_bits) >= bits)
			bits *= 2;
		bool is_signed = a_signed || b_signed;
		if (bits > 64)
			return false;
		if (bits == b_bits && is_signed == b_signed && (bits != a_bits || a_signed != b_signed))
			*a = *b;
		else if (bits != a_bits || is_signed != a_signed)
			*a = (struct element){.physical = bits == 64 ? INT64 : INT32, .logical = LOGICAL_INTEGER,
					      .bits = (uint8_t)bits, .is_signed = is_signed};
		*a_width = bits / 8;
		return true;
	}
	if (float_of(a) && float_of(b)) {
		if (float_of(b) > float_of(a)) {
			*a = *b;
			*a_width = b_width;
		}
		return true;
	}
	if (a->logical == LOGICAL_DECIMAL && b->logical == LOGICAL_DECIMAL && a->scale == b->scale) {
		a->precision = b->precision > a->precision ? b->precision : a->precision;
		*a_width = b_width > *a_width ? b_width : *a_width;
		return true;
	}
	return false;
}

bool pq_dataset_fits(const struct field *f, const struct element *e, uint32_t e_width)
{
	struct element as = f->type;
	uint32_t width = f->width;
	return pq_dataset_widen(&as, &width, e, e_width) && width == f->width && pq_schema_dtype(&as) == pq_schema_dtype(&f->type) &&
	       as.precision == f->type.precision;
}
