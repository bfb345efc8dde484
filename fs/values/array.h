/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"

/*
 * What is known of an array: the type of its elements, its shape, and the
 * archive's own words.  Types go by the names of numpy and ml_dtypes, or, where
 * those have none, by Arrow's.
 *
 *        name                 enum                 bits of an element
 */
#define DTYPES(X)                                       \
	X("bool",            DTYPE_BOOL,            8)  \
	X("int2",            DTYPE_INT2,            2)  \
	X("int4",            DTYPE_INT4,            4)  \
	X("int8",            DTYPE_INT8,            8)  \
	X("int16",           DTYPE_INT16,           16) \
	X("int32",           DTYPE_INT32,           32) \
	X("int64",           DTYPE_INT64,           64) \
	X("uint2",           DTYPE_UINT2,           2)  \
	X("uint4",           DTYPE_UINT4,           4)  \
	X("uint8",           DTYPE_UINT8,           8)  \
	X("uint16",          DTYPE_UINT16,          16) \
	X("uint32",          DTYPE_UINT32,          32) \
	X("uint64",          DTYPE_UINT64,          64) \
	X("float4_e2m1fn",   DTYPE_FLOAT4_E2M1FN,   4)  \
	X("float6_e2m3fn",   DTYPE_FLOAT6_E2M3FN,   6)  \
	X("float6_e3m2fn",   DTYPE_FLOAT6_E3M2FN,   6)  \
	X("float8_e4m3fn",   DTYPE_FLOAT8_E4M3FN,   8)  \
	X("float8_e4m3fnuz", DTYPE_FLOAT8_E4M3FNUZ, 8)  \
	X("float8_e5m2",     DTYPE_FLOAT8_E5M2,     8)  \
	X("float8_e5m2fnuz", DTYPE_FLOAT8_E5M2FNUZ, 8)  \
	X("float8_e8m0fnu",  DTYPE_FLOAT8_E8M0FNU,  8)  \
	X("float16",         DTYPE_FLOAT16,         16) \
	X("bfloat16",        DTYPE_BFLOAT16,        16) \
	X("float32",         DTYPE_FLOAT32,         32) \
	X("float64",         DTYPE_FLOAT64,         64) \
	X("complex64",       DTYPE_COMPLEX64,       64) \
	X("complex128",      DTYPE_COMPLEX128,     128) \
	X("date32[day]",     DTYPE_DATE32,          32) \
	X("time32[s]",       DTYPE_TIME32_S,        32) \
	X("time32[ms]",      DTYPE_TIME32_MS,       32) \
	X("time64[us]",      DTYPE_TIME64_US,       64) \
	X("time64[ns]",      DTYPE_TIME64_NS,       64) \
	X("timestamp[s]",    DTYPE_TIMESTAMP_S,     64) \
	X("timestamp[ms]",   DTYPE_TIMESTAMP_MS,    64) \
	X("timestamp[us]",   DTYPE_TIMESTAMP_US,    64) \
	X("timestamp[ns]",   DTYPE_TIMESTAMP_NS,    64) \
	X("duration[s]",     DTYPE_DURATION_S,      64) \
	X("duration[ms]",    DTYPE_DURATION_MS,     64) \
	X("duration[us]",    DTYPE_DURATION_US,     64) \
	X("duration[ns]",    DTYPE_DURATION_NS,     64) \
	/* the element is `width` bytes */              \
	X("decimal",         DTYPE_DECIMAL,         0)  \
	X("S",               DTYPE_FIXED_STRING,    0)  \
	X("V",               DTYPE_VOID,            0)  \
	/* directories that stand for one column */     \
	X("string",          DTYPE_STRING,          0)  \
	X("bytes",           DTYPE_BYTES,           0)  \
	X("list",            DTYPE_LIST,            0)  \
	X("map",             DTYPE_MAP,             0)  \
	X("struct",          DTYPE_STRUCT,          0)

enum dtype {
	DTYPE_NONE, /* nothing is said of the elements */
#define DTYPE_ENUM(name, id, bits) id,
	DTYPES(DTYPE_ENUM)
#undef DTYPE_ENUM
	DTYPE_COUNT
};

enum byteorder { BYTEORDER_NONE, BYTEORDER_LITTLE, BYTEORDER_BIG };

struct array {
	uint8_t dtype;     /* enum dtype */
	uint8_t byteorder; /* enum byteorder; NONE for single bytes, strings, opaque */
	bool fortran;      /* stored column by column */
	bool unshaped;     /* no shape at all: HDF5's null dataspace */
	bool sized;        /* unshaped until its size is known, which tells the first extent; `rank` and
			    * `shape` are of the dimensions behind it: see fs/archive/shape.h */
	bool reference;    /* elements lead to places in the archive: struct format's refer() */
	uint8_t precision; /* of a decimal */
	int8_t scale;
	uint32_t rank;
	uint32_t width;        /* bytes of an element, where DTYPES gives no bits */
	const uint64_t *shape; /* rank extents, in elements; 0 dimensions are a scalar */
	const char *type;      /* the archive's own word for the type */
	const char *codec;     /* what compresses it; NULL for nothing */
};

enum { DTYPE_NAME_MAX = 48 };

/* The bits of an element, or 0 where elements have no fixed width. */
uint64_t dtype_bits(const struct array *a);

/* The dtype's name: "float32", "S12", "decimal128(38, 2)". */
const char *dtype_name(const struct array *a, char buf[DTYPE_NAME_MAX]);

/* How the bits of such a float are laid out (fs/values/decimal.h); NULL for what is none. */
struct float_kind;
const struct float_kind *dtype_float_kind(enum dtype dtype);

/* The product of the extents, multiplied from the left; false if it overflows. */
bool shape_elements(const uint64_t *shape, size_t rank, uint64_t *ret);
