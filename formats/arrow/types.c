/* SPDX-License-Identifier: MIT */
/* Schema.fbs: what a type is. */
#include <inttypes.h>

#include "formats/arrow/meta.h"

int arrow_refuse(struct opening *o, const struct field *f, const char *what, int64_t number, const char *after)
{
	return error_set(o->err, EBADMSG, "the column \"%.*s\" is of %s %" PRId64 "%s", (int)(f->name.len < 80 ? f->name.len : 80),
			 (const char *)f->name.data, what, number, after);
}

/* --- types without children ----------------------------------------------------------------- */

static const char *const units[] = {"s", "ms", "us", "ns"};

static int fixed(struct field *f, enum dtype dtype, uint32_t width, const char *type)
{
	f->layout = LAYOUT_FIXED;
	f->width = width;
	f->array = (struct array){.dtype = (uint8_t)dtype, .width = width, .type = type};
	return type ? 0 : -ENOMEM;
}

static int plain(struct field *f, enum layout layout, uint32_t width, enum dtype dtype, const char *type)
{
	int r = fixed(f, dtype, width, type);
	f->layout = (uint8_t)layout;
	return r;
}

static int read_int(struct opening *o, const struct flat_table *t, struct field *f)
{
	static const struct { enum dtype dtype; const char *type; } kinds[2][5] = {
		{{DTYPE_UINT8, "uint8"}, {DTYPE_UINT16, "uint16"}, {DTYPE_UINT32, "uint32"}, {DTYPE_UINT64, "uint64"},
		 {DTYPE_UINT128, "uint128"}},
		{{DTYPE_INT8, "int8"}, {DTYPE_INT16, "int16"}, {DTYPE_INT32, "int32"}, {DTYPE_INT64, "int64"},
		 {DTYPE_INT128, "int128"}},
	};
	int64_t bits = flat_int(t, 0, 4, 0);
	f->is_signed = flat_bool(t, 1);
	for (unsigned i = 0; i < 5; i++)
		if (bits == 8 << i)
			return fixed(f, kinds[f->is_signed][i].dtype, 1u << i, kinds[f->is_signed][i].type);
	return arrow_refuse(o, f, "integers of", bits, " bits");
}

static int read_float(struct opening *o, const struct flat_table *t, struct field *f)
{
	int64_t precision = flat_int(t, 0, 2, 0);
	switch (precision) {
	case 0: return fixed(f, DTYPE_FLOAT16, 2, "halffloat");
	case 1: return fixed(f, DTYPE_FLOAT32, 4, "float");
	case 2: return fixed(f, DTYPE_FLOAT64, 8, "double");
	default: return arrow_refuse(o, f, "floating-point numbers of precision", precision, "");
	}
}

static int read_decimal(struct opening *o, const struct flat_table *t, struct field *f)
{
	int64_t precision = flat_int(t, 0, 4, 0), scale = flat_int(t, 1, 4, 0), bits = flat_int(t, 2, 4, 128);
	int64_t most = bits == 32 ? 9 : bits == 64 ? 18 : bits == 128 ? 38 : bits == 256 ? 76 : 0;
	if (!most)
		return arrow_refuse(o, f, "decimals of", bits, " bits");
	if (precision < 1 || precision > most)
		return arrow_refuse(o, f, "decimals of", precision, " digits");
	if (scale < INT8_MIN || scale > INT8_MAX)
		return arrow_refuse(o, f, "decimals of scale", scale, "");
	int r = fixed(f, DTYPE_DECIMAL, (uint32_t)bits / 8,
		      arena_printf(&o->archive->arena, "decimal%d(%d, %d)", (int)bits, (int)precision, (int)scale));
	f->array.precision = (uint8_t)precision;
	f->array.scale = (int8_t)scale;
	return r;
}

static int read_date(struct opening *o, const struct flat_table *t, struct field *f)
{
	int64_t unit = flat_int(t, 0, 2, 1);
	if (unit < 0 || unit > 1)
		return arrow_refuse(o, f, "dates of unit", unit, "");
	return unit ? fixed(f, DTYPE_TIMESTAMP_MS, 8, "date64[ms]") : fixed(f, DTYPE_DATE32, 4, "date32[day]");
}

static int read_time(struct opening *o, const struct flat_table *t, struct field *f)
{
	static const enum dtype dtypes[] = {DTYPE_TIME32_S, DTYPE_TIME32_MS, DTYPE_TIME64_US, DTYPE_TIME64_NS};
	static const char *const types[] = {"time32[s]", "time32[ms]", "time64[us]", "time64[ns]"};
	int64_t unit = flat_int(t, 0, 2, 1), bits = flat_int(t, 1, 4, 32);
	if (unit < 0 || unit > 3)
		return arrow_refuse(o, f, "times of unit", unit, "");
	if (bits != (unit < 2 ? 32 : 64))
		return arrow_refuse(o, f, "times of", bits, " bits");
	return fixed(f, dtypes[unit], (uint32_t)bits / 8, types[unit]);
}

static int read_timestamp(struct opening *o, const struct flat_table *t, struct field *f)
{
	static const char *const types[] = {"timestamp[s]", "timestamp[ms]", "timestamp[us]", "timestamp[ns]"};
	int64_t unit = flat_int(t, 0, 2, 0);
	struct slice zone = flat_string(t, 1);
	if (unit < 0 || unit > 3)
		return arrow_refuse(o, f, "timestamps of unit", unit, "");
	const char *type = types[unit];
	if (zone.len)
		type = arena_printf(&o->archive->arena, "timestamp[%s, tz=%.*s]", units[unit], (int)(zone.len < 256 ? zone.len : 256),
				    (const char *)zone.data);
	return fixed(f, DTYPE_TIMESTAMP_S + (enum dtype)unit, 8, type);
}

static int read_duration(struct opening *o, const struct flat_table *t, struct field *f)
{
	static const char *const types[] = {"duration[s]", "duration[ms]", "duration[us]", "duration[ns]"};
	int64_t unit = flat_int(t, 0, 2, 1);
	if (unit < 0 || unit > 3)
		return arrow_refuse(o, f, "durations of unit", unit, "");
	return fixed(f, DTYPE_DURATION_S + (enum dtype)unit, 8, types[unit]);
}

static int read_interval(struct opening *o, const struct flat_table *t, struct field *f)
{
	static const char *const types[] = {"month_interval", "day_time_interval", "month_day_nano_interval"};
	int64_t unit = flat_int(t, 0, 2, 0);
	if (unit < 0 || unit > 2)
		return arrow_refuse(o, f, "intervals of unit", unit, "");
	return fixed(f, DTYPE_VOID, 4u << unit, types[unit]);
}

static int read_fixed_binary(struct opening *o, const struct flat_table *t, struct field *f)
{
	int64_t width = flat_int(t, 0, 4, 0);
	if (width < 0)
		return arrow_refuse(o, f, "fixed-size binaries of width", width, "");
	return fixed(f, DTYPE_VOID, (uint32_t)width, arena_printf(&o->archive->arena, "fixed_size_binary[%d]", (int)width));
}

/* --- types with children: what they lack is their word ------------------------------------------- */

static int read_fixed_list(struct opening *o, const struct flat_table *t, struct field *f)
{
	int64_t per = flat_int(t, 0, 4, 0);
	if (per < 0)
		return arrow_refuse(o, f, "fixed-size lists of length", per, "");
	f->per = (uint64_t)per;
	return plain(f, LAYOUT_FIXED_LIST, 0, DTYPE_LIST, "");
}

/* Which child has which type, which is the number of the child if the schema does not say. */
static int read_union(struct opening *o, const struct flat_table *t, uint32_t children, struct field *f, uint32_t *numbers)
{
	int64_t mode = flat_int(t, 0, 2, 0);
	struct flat_vector types = flat_vector(t, 1, 4);
	if (mode < 0 || mode > 1)
		return arrow_refuse(o, f, "unions of mode", mode, "");
	if (children > 128 || (types.at && types.count != children))
		return arrow_refuse(o, f, "unions of", children, types.at ? " children, not as many as types" : " children");
	for (unsigned i = 0; i < 128; i++)
		numbers[i] = FIELD_NONE;
	for (uint32_t i = 0; i < children; i++) {
		int64_t type = types.at ? flat_element(&types, i, 0, 4) : i;
		if (type < 0 || type > 127 || numbers[type] != FIELD_NONE)
			return arrow_refuse(o, f, "unions with a child of type", type, "");
		numbers[type] = i;
	}
	return plain(f, mode ? LAYOUT_DENSE : LAYOUT_SPARSE, 1, DTYPE_UNION, "");
}

/* Types that have no parameters. */
static const struct {
	uint8_t layout, width, dtype;
	const char *word;
} plains[TYPE_COUNT] = {
	[TYPE_NULL] = {LAYOUT_NULL, 0, DTYPE_NULL, "null"},
	[TYPE_BOOL] = {LAYOUT_BOOL, 1, DTYPE_BOOL, "bool"},
	[TYPE_UTF8] = {LAYOUT_STRING, 4, DTYPE_STRING, "string"},
	[TYPE_BINARY] = {LAYOUT_STRING, 4, DTYPE_BYTES, "binary"},
	[TYPE_LARGE_UTF8] = {LAYOUT_STRING, 8, DTYPE_STRING, "large_string"},
	[TYPE_LARGE_BINARY] = {LAYOUT_STRING, 8, DTYPE_BYTES, "large_binary"},
	[TYPE_UTF8_VIEW] = {LAYOUT_VIEW, 16, DTYPE_STRING, "string_view"},
	[TYPE_BINARY_VIEW] = {LAYOUT_VIEW, 16, DTYPE_BYTES, "binary_view"},
	[TYPE_LIST] = {LAYOUT_LIST, 4, DTYPE_LIST, "list"},
	[TYPE_LARGE_LIST] = {LAYOUT_LIST, 8, DTYPE_LIST, "large_list"},
	[TYPE_LIST_VIEW] = {LAYOUT_LIST_VIEW, 4, DTYPE_LIST, "list_view"},
	[TYPE_LARGE_LIST_VIEW] = {LAYOUT_LIST_VIEW, 8, DTYPE_LIST, "large_list_view"},
	[TYPE_STRUCT] = {LAYOUT_STRUCT, 0, DTYPE_STRUCT, "struct"},
	[TYPE_RUN_END] = {LAYOUT_RUN_END, 0, DTYPE_RUN_END, ""},
};

int arrow_type_read(struct opening *o, enum type type, const struct flat_table *t, uint32_t children, struct field *f,
		    struct field_detail *detail)
{
	switch (type) {
	case TYPE_INT: return read_int(o, t, f);
	case TYPE_FLOAT: return read_float(o, t, f);
	case TYPE_DECIMAL: return read_decimal(o, t, f);
	case TYPE_DATE: return read_date(o, t, f);
	case TYPE_TIME: return read_time(o, t, f);
	case TYPE_TIMESTAMP: return read_timestamp(o, t, f);
	case TYPE_DURATION: return read_duration(o, t, f);
	case TYPE_INTERVAL: return read_interval(o, t, f);
	case TYPE_FIXED_BINARY: return read_fixed_binary(o, t, f);
	case TYPE_FIXED_LIST: return read_fixed_list(o, t, f);
	case TYPE_MAP: return plain(f, LAYOUT_LIST, 4, DTYPE_MAP, flat_bool(t, 0) ? ", keys_sorted" : "");
	case TYPE_UNION:
		detail->by_type = arena_array(&o->scratch, 128, sizeof *detail->by_type);
		return detail->by_type ? read_union(o, t, children, f, detail->by_type) : -ENOMEM;
	default: break;
	}
	if (type < TYPE_COUNT && plains[type].word)
		return plain(f, plains[type].layout, plains[type].width, plains[type].dtype, plains[type].word);
	return error_set(o->err, ENOTSUP, "the column \"%.*s\" is of type %d, which is unknown",
			 (int)(f->name.len < 80 ? f->name.len : 80), (const char *)f->name.data, type);
}
