/* SPDX-License-Identifier: MIT */
/* parquet.thrift, "SchemaElement"; LogicalTypes.md: the types. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/parquet/schema.h"
#include "formats/parquet/thrift.h"

enum { DEPTH = 64 };

/* --- reading elements ----------------------------------------------------------- */

static void read_unit(struct cursor *c, struct element *e)
{
	struct pq_thrift_field f = {0}, inner = {0};
	while (pq_thrift_field(c, &f)) {
		if (f.id == 1) {
			pq_thrift_bool(c, &f, &e->utc);
		} else if (f.id == 2 && pq_thrift_struct(c, &f)) {
			while (pq_thrift_field(c, &inner)) {
				e->unit = inner.id >= 1 && inner.id <= 3 ? (uint8_t)inner.id : 0;
				pq_thrift_skip(c, &inner);
			}
		} else if (f.id != 2) {
			pq_thrift_skip(c, &f);
		}
	}
}

static void read_decimal(struct cursor *c, struct element *e)
{
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(c, &f)) {
		if (f.id == 1)
			pq_thrift_i32(c, &f, &e->scale);
		else if (f.id == 2)
			pq_thrift_i32(c, &f, &e->precision);
		else
			pq_thrift_skip(c, &f);
	}
}

static void read_integer(struct cursor *c, struct element *e)
{
	struct pq_thrift_field f = {0};
	int64_t bits = 0;
	while (pq_thrift_field(c, &f)) {
		if (f.id == 1)
			pq_thrift_int(c, &f, &bits);
		else if (f.id == 2)
			pq_thrift_bool(c, &f, &e->is_signed);
		else
			pq_thrift_skip(c, &f);
	}
	e->bits = bits == 8 || bits == 16 || bits == 32 || bits == 64 ? (uint8_t)bits : 0;
}

static void read_logical(struct cursor *c, struct element *e)
{
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(c, &f)) {
		e->logical = f.id > 0 && f.id < LOGICAL_COUNT && f.id != LOGICAL_INTERVAL ? (uint8_t)f.id : LOGICAL_NONE;
		if (!pq_thrift_struct(c, &f))
			continue;
		if (f.id == LOGICAL_DECIMAL) {
			read_decimal(c, e);
		} else if (f.id == LOGICAL_TIME || f.id == LOGICAL_TIMESTAMP) {
			read_unit(c, e);
		} else if (f.id == LOGICAL_INTEGER) {
			read_integer(c, e);
		} else {
			pq_thrift_skip(c, &f);
		}
	}
}

/* "ConvertedType", for files that predate logical types. */
static void from_converted(struct element *e, int32_t converted)
{
	static const uint8_t logical[] = {
		LOGICAL_STRING, LOGICAL_MAP, LOGICAL_MAP, LOGICAL_LIST, LOGICAL_ENUM, LOGICAL_DECIMAL, LOGICAL_DATE,
		LOGICAL_TIME, LOGICAL_TIME, LOGICAL_TIMESTAMP, LOGICAL_TIMESTAMP,
		LOGICAL_INTEGER, LOGICAL_INTEGER, LOGICAL_INTEGER, LOGICAL_INTEGER,
		LOGICAL_INTEGER, LOGICAL_INTEGER, LOGICAL_INTEGER, LOGICAL_INTEGER,
		LOGICAL_JSON, LOGICAL_BSON, LOGICAL_INTERVAL,
	};
	if (converted < 0 || converted >= (int32_t)sizeof logical)
		return;
	e->logical = logical[converted];
	if (e->logical == LOGICAL_TIME || e->logical == LOGICAL_TIMESTAMP) {
		e->unit = converted == 7 || converted == 9 ? 1 : 2;
		e->utc = true;
	} else if (e->logical == LOGICAL_INTEGER) {
		e->bits = (uint8_t)(8 << ((converted - 11) & 3));
		e->is_signed = converted >= 15;
	}
}

/* The most decimal digits that always fit in that many bytes of two's complement. */
static int32_t digits(int32_t bytes)
{
	return bytes >= 32 ? 76 : (bytes * 8 - 1) * 30103 / 100000;
}

/* Does the annotation fit the physical type? */
static bool fits(const struct element *e)
{
	switch ((enum logical)e->logical) {
	case LOGICAL_STRING:
	case LOGICAL_ENUM:
	case LOGICAL_JSON:
	case LOGICAL_BSON: return e->physical == BYTE_ARRAY;
	case LOGICAL_DECIMAL:
		if (e->precision < 1 || e->precision > 76 || e->scale < 0 || e->scale > e->precision)
			return false;
		return e->physical == BYTE_ARRAY || (e->physical == INT32 && e->precision <= 9) ||
		       (e->physical == INT64 && e->precision <= 18) ||
		       (e->physical == FIXED_LEN_BYTE_ARRAY && e->precision <= digits(e->length));
	case LOGICAL_DATE: return e->physical == INT32;
	case LOGICAL_TIME: return e->unit && e->physical == (e->unit == 1 ? INT32 : INT64);
	case LOGICAL_TIMESTAMP: return e->unit && e->physical == INT64;
	case LOGICAL_INTEGER: return e->bits && e->physical == (e->bits == 64 ? INT64 : INT32);
	case LOGICAL_UUID: return e->physical == FIXED_LEN_BYTE_ARRAY && e->length == 16;
	case LOGICAL_FLOAT16: return e->physical == FIXED_LEN_BYTE_ARRAY && e->length == 2;
	case LOGICAL_INTERVAL: return e->physical == FIXED_LEN_BYTE_ARRAY && e->length == 12;
	case LOGICAL_UNKNOWN: return e->physical != GROUP;
	case LOGICAL_LIST:
	case LOGICAL_MAP: return e->physical == GROUP;
	default: return true;
	}
}

/* As stored in the file; read_element() interprets it. */
struct raw_element {
	int32_t physical, repetition, children, converted;
	bool leaf, said;
};

static struct raw_element read_fields(struct cursor *c, struct element *e)
{
	struct raw_element raw = {.physical = GROUP, .repetition = REQUIRED, .converted = -1};
	struct pq_thrift_field f = {0};
	while (pq_thrift_field(c, &f)) {
		switch (f.id) {
		case 1: raw.leaf = true; pq_thrift_i32(c, &f, &raw.physical); break;
		case 2: pq_thrift_i32(c, &f, &e->length); break;
		case 3: pq_thrift_i32(c, &f, &raw.repetition); break;
		case 4: pq_thrift_binary(c, &f, &e->name); break;
		case 5: pq_thrift_i32(c, &f, &raw.children); break;
		case 6: pq_thrift_i32(c, &f, &raw.converted); break;
		case 7: pq_thrift_i32(c, &f, &e->scale); break;
		case 8: pq_thrift_i32(c, &f, &e->precision); break;
		case 10:
			raw.said = true;
			if (pq_thrift_struct(c, &f))
				read_logical(c, e);
			break;
		default: pq_thrift_skip(c, &f);
		}
	}
	return raw;
}

static int read_element(struct cursor *c, struct element *e, uint32_t number, struct error *err)
{
	struct raw_element raw = read_fields(c, e);
	int r = cursor_check(c, err, "the footer");
	if (r < 0)
		return r;
	bool leaf = raw.leaf && raw.children <= 0; /* some writers set both */
	if (raw.physical < 0 || raw.physical > (leaf ? FIXED_LEN_BYTE_ARRAY : GROUP) || raw.repetition < 0 ||
	    raw.repetition > REPEATED || raw.children < 0)
		return error_set(err, EBADMSG, "schema element %u of type %d, repetition %d and %d children", number,
				 raw.physical, raw.repetition, raw.children);
	e->physical = leaf ? (uint8_t)raw.physical : GROUP;
	e->repetition = (uint8_t)raw.repetition;
	e->children = (uint32_t)raw.children;
	if (leaf && raw.physical == FIXED_LEN_BYTE_ARRAY && (e->length < 1 || e->length > 1 << 24))
		return error_set(err, EBADMSG, "schema element %u of fixed length %d", number, e->length);
	if (!raw.said || (e->logical == LOGICAL_NONE && raw.converted == 21))
		from_converted(e, raw.converted);
	if (!fits(e))
		e->logical = LOGICAL_NONE;
	e->foreign = e->logical == LOGICAL_NONE && (raw.said || raw.converted >= 0);
	return 0;
}

/* --- leaves ---------------------------------------------------------------------- */

static uint32_t stored_width(const struct element *e)
{
	static const uint32_t widths[] = {1, 4, 8, 12, 4, 8, 0};
	return e->physical == FIXED_LEN_BYTE_ARRAY ? (uint32_t)e->length : widths[e->physical];
}

static void make_leaf(struct leaf *leaf, const struct element *e, uint32_t number, const uint8_t *exists)
{
	*leaf = (struct leaf){.element = e, .number = number, .max_def = e->max_def, .max_rep = e->max_rep,
			      .exists = exists, .stored = stored_width(e)};
	leaf->width = leaf->stored;
	leaf->strings = e->physical == BYTE_ARRAY && e->logical != LOGICAL_DECIMAL;
	if (e->logical == LOGICAL_INTEGER && e->bits < 32) {
		leaf->convert = CONVERT_NARROW;
		leaf->width = e->bits / 8;
	} else if (e->physical == INT96) {
		leaf->convert = CONVERT_INT96;
		leaf->width = 8;
	} else if (e->logical == LOGICAL_DECIMAL && e->physical >= BYTE_ARRAY) {
		leaf->convert = CONVERT_DECIMAL;
		leaf->width = e->precision <= 9 ? 4 : e->precision <= 18 ? 8 : e->precision <= 38 ? 16 : 32;
	} else if (e->logical == LOGICAL_UNKNOWN && !leaf->strings) {
		leaf->convert = CONVERT_ZERO;
	}
}

/* Counted on the way down to a leaf. */
struct path {
	uint8_t def, rep;
	uint8_t exists[256];
};

static int number(struct archive *a, struct parquet *p, struct element *all, uint32_t at, struct path path,
		  unsigned depth, uint32_t *ret_next, struct error *err)
{
	struct element *e = &all[at];
	uint32_t next = at + 1;
	int r = 0;

	if (depth > DEPTH)
		return error_set(err, ENOTSUP, "a schema more than %u deep", DEPTH);
	path.def = (uint8_t)(path.def + (at > 0 && e->repetition != REQUIRED));
	if (at > 0 && e->repetition == REPEATED)
		path.exists[++path.rep] = path.def;
	e->max_def = path.def;
	e->max_rep = path.rep;
	e->leaf = p->nleaves;
	if (e->physical != GROUP) {
		uint8_t *exists = arena_alloc(&a->arena, path.rep + 1u);
		if (!exists)
			return error_no_memory(err, "the schema");
		memcpy(exists, path.exists, path.rep + 1u);
		struct leaf *leaf = &p->leaves[p->nleaves];
		make_leaf(leaf, e, p->nleaves, exists);
		leaf->stated = arena_array(&a->arena, pq_leaf_quantities(leaf), sizeof *leaf->stated);
		if (!leaf->stated)
			return error_no_memory(err, "the schema");
		p->nleaves++;
	}
	for (uint32_t i = 0; i < e->children && r == 0; i++) {
		if (next >= p->nelements)
			return error_set(err, EBADMSG, "schema element %u has more children than the schema has elements", at);
		r = number(a, p, all, next, path, depth + 1, &next, err);
	}
	e->next = *ret_next = next;
	return r;
}

int pq_schema_number(struct archive *a, struct parquet *p, struct element *all, uint32_t count, struct error *err)
{
	uint32_t leaves = 0, next = 0;

	for (uint32_t i = 0; i < count; i++)
		leaves += all[i].physical != GROUP;
	p->elements = all;
	p->nelements = count;
	p->leaves = arena_array(&a->arena, leaves, sizeof *p->leaves);
	if (!p->leaves)
		return error_set(err, ENOMEM, "no memory for %u columns", leaves);
	int r = number(a, p, all, 0, (struct path){0}, 0, &next, err);
	if (r == 0 && next != count)
		r = error_set(err, EBADMSG, "%u schema elements belong to no group", count - next);
	return r;
}

int pq_schema_read(struct archive *a, struct parquet *p, struct cursor *c, uint32_t count, struct error *err)
{
	struct element *all = arena_array(&a->arena, count, sizeof *all);
	int r = 0;

	if (count == 0)
		return error_set(err, EBADMSG, "an empty schema");
	if (!all)
		return error_set(err, ENOMEM, "no memory for %u schema elements", count);
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = read_element(c, &all[i], i, err);
	if (r < 0)
		return r;
	if (all[0].physical != GROUP)
		return error_set(err, EBADMSG, "the schema's root is not a group");
	return pq_schema_number(a, p, all, count, err);
}

/* --- names of types -------------------------------------------------------------- */

uint8_t pq_schema_dtype(const struct element *e)
{
	static const uint8_t physical[] = {DTYPE_BOOL,    DTYPE_INT32,   DTYPE_INT64, DTYPE_TIMESTAMP_NS,
					   DTYPE_FLOAT32, DTYPE_FLOAT64, DTYPE_BYTES, DTYPE_VOID};
	static const uint8_t is_signed[] = {DTYPE_INT8, DTYPE_INT16, DTYPE_INT32, DTYPE_INT64};
	static const uint8_t is_unsigned[] = {DTYPE_UINT8, DTYPE_UINT16, DTYPE_UINT32, DTYPE_UINT64};
	switch ((enum logical)e->logical) {
	case LOGICAL_STRING: return DTYPE_STRING;
	case LOGICAL_DECIMAL: return DTYPE_DECIMAL;
	case LOGICAL_DATE: return DTYPE_DATE32;
	case LOGICAL_TIME: return e->unit == 1 ? DTYPE_TIME32_MS : e->unit == 2 ? DTYPE_TIME64_US : DTYPE_TIME64_NS;
	case LOGICAL_TIMESTAMP:
		return e->unit == 1 ? DTYPE_TIMESTAMP_MS : e->unit == 2 ? DTYPE_TIMESTAMP_US : DTYPE_TIMESTAMP_NS;
	case LOGICAL_INTEGER: return (e->is_signed ? is_signed : is_unsigned)[__builtin_ctz(e->bits) - 3];
	case LOGICAL_FLOAT16: return DTYPE_FLOAT16;
	default: break;
	}
	if (e->physical == INT96 && e->logical == LOGICAL_UNKNOWN)
		return DTYPE_VOID;
	return physical[e->physical];
}

const char *pq_schema_word(struct arena *arena, const struct element *e)
{
	static const char *const physical[] = {"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY"};
	static const char *const logical[LOGICAL_COUNT] = {
		[LOGICAL_STRING] = "STRING", [LOGICAL_MAP] = "MAP", [LOGICAL_LIST] = "LIST", [LOGICAL_ENUM] = "ENUM",
		[LOGICAL_DATE] = "DATE", [LOGICAL_INTERVAL] = "INTERVAL", [LOGICAL_UNKNOWN] = "UNKNOWN",
		[LOGICAL_JSON] = "JSON", [LOGICAL_BSON] = "BSON", [LOGICAL_UUID] = "UUID", [LOGICAL_FLOAT16] = "FLOAT16",
		[LOGICAL_VARIANT] = "VARIANT", [LOGICAL_GEOMETRY] = "GEOMETRY", [LOGICAL_GEOGRAPHY] = "GEOGRAPHY",
		[LOGICAL_FILE] = "FILE",
	};
	static const char *const units[] = {"", "MILLIS", "MICROS", "NANOS"};

	if (logical[e->logical])
		return logical[e->logical];
	if (e->logical == LOGICAL_DECIMAL)
		return arena_printf(arena, "DECIMAL(%d,%d)", e->precision, e->scale);
	if (e->logical == LOGICAL_INTEGER)
		return arena_printf(arena, "INT(%u,%s)", e->bits, e->is_signed ? "true" : "false");
	if (e->logical == LOGICAL_TIME || e->logical == LOGICAL_TIMESTAMP)
		return arena_printf(arena, "%s(%s,%s)", e->logical == LOGICAL_TIME ? "TIME" : "TIMESTAMP", units[e->unit],
				    e->utc ? "utc" : "local");
	if (e->physical == GROUP)
		return NULL;
	if (e->physical == FIXED_LEN_BYTE_ARRAY)
		return arena_printf(arena, "FIXED_LEN_BYTE_ARRAY(%d)", e->length);
	return physical[e->physical];
}

struct array pq_schema_array(const struct leaf *leaf)
{
	const struct element *e = leaf->element;
	struct array array = {.dtype = pq_schema_dtype(e), .width = leaf->width, .codec = leaf->codec};
	if (array.dtype == DTYPE_DECIMAL) {
		array.precision = (uint8_t)e->precision;
		array.scale = (int8_t)e->scale;
	}
	if (leaf->width > 1 && array.dtype != DTYPE_VOID)
		array.byteorder = BYTEORDER_LITTLE;
	return array;
}
