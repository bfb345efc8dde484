/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/base/cursor.h"
#include "fs/values/quant.h"

/* How the bits of an element are interpreted. */
enum dtype_kind {
	KIND_NONE,
	KIND_BOOL,
	KIND_SIGNED,
	KIND_UNSIGNED,
	KIND_FLOAT,
	KIND_COMPLEX,
	KIND_DATE,
	KIND_TIME,
	KIND_TIMESTAMP,
	KIND_DURATION,
	KIND_DECIMAL,
	KIND_CHARS,   /* bytes, NUL-padded */
	KIND_RAW,     /* opaque bytes */
	KIND_UNICODE, /* four-byte characters, NUL-padded */
	KIND_OBJECT,
	KIND_DIRECTORY,
};

/* NumPy's time units. */
enum time_unit {
	UNIT_GENERIC, UNIT_Y, UNIT_M, UNIT_W, UNIT_D, UNIT_HOUR, UNIT_MINUTE, UNIT_S, UNIT_MS, UNIT_US, UNIT_NS,
	UNIT_PS, UNIT_FS, UNIT_AS, UNIT_COUNT
};

/*
 * What is known about an array: its element type, its shape, and what the archive
 * itself calls the type.  Types have the names of numpy and ml_dtypes or, where
 * those have none, of Arrow.
 *
 *        name                 enum                   bits kind       letter in NumPy's descr, and unit
 */
#define DTYPES(X)                                                                              \
	X("bool",            DTYPE_BOOL,            8,   BOOL,      'b',   GENERIC)            \
	X("int2",            DTYPE_INT2,            2,   SIGNED,    'V',   GENERIC)            \
	X("int4",            DTYPE_INT4,            4,   SIGNED,    'V',   GENERIC)            \
	X("int8",            DTYPE_INT8,            8,   SIGNED,    'i',   GENERIC)            \
	X("int16",           DTYPE_INT16,           16,  SIGNED,    'i',   GENERIC)            \
	X("int32",           DTYPE_INT32,           32,  SIGNED,    'i',   GENERIC)            \
	X("int64",           DTYPE_INT64,           64,  SIGNED,    'i',   GENERIC)            \
	X("uint2",           DTYPE_UINT2,           2,   UNSIGNED,  'V',   GENERIC)            \
	X("uint4",           DTYPE_UINT4,           4,   UNSIGNED,  'V',   GENERIC)            \
	X("uint8",           DTYPE_UINT8,           8,   UNSIGNED,  'u',   GENERIC)            \
	X("uint16",          DTYPE_UINT16,          16,  UNSIGNED,  'u',   GENERIC)            \
	X("uint32",          DTYPE_UINT32,          32,  UNSIGNED,  'u',   GENERIC)            \
	X("uint64",          DTYPE_UINT64,          64,  UNSIGNED,  'u',   GENERIC)            \
	X("float4_e2m1fn",   DTYPE_FLOAT4_E2M1FN,   4,   FLOAT,     'V',   GENERIC)            \
	X("float6_e2m3fn",   DTYPE_FLOAT6_E2M3FN,   6,   FLOAT,     'V',   GENERIC)            \
	X("float6_e3m2fn",   DTYPE_FLOAT6_E3M2FN,   6,   FLOAT,     'V',   GENERIC)            \
	X("float8_e4m3fn",   DTYPE_FLOAT8_E4M3FN,   8,   FLOAT,     'V',   GENERIC)            \
	X("float8_e4m3fnuz", DTYPE_FLOAT8_E4M3FNUZ, 8,   FLOAT,     'V',   GENERIC)            \
	X("float8_e5m2",     DTYPE_FLOAT8_E5M2,     8,   FLOAT,     'V',   GENERIC)            \
	X("float8_e5m2fnuz", DTYPE_FLOAT8_E5M2FNUZ, 8,   FLOAT,     'V',   GENERIC)            \
	X("float8_e8m0fnu",  DTYPE_FLOAT8_E8M0FNU,  8,   FLOAT,     'V',   GENERIC)            \
	X("float16",         DTYPE_FLOAT16,         16,  FLOAT,     'f',   GENERIC)            \
	X("bfloat16",        DTYPE_BFLOAT16,        16,  FLOAT,     'V',   GENERIC)            \
	X("float32",         DTYPE_FLOAT32,         32,  FLOAT,     'f',   GENERIC)            \
	X("float64",         DTYPE_FLOAT64,         64,  FLOAT,     'f',   GENERIC)            \
	X("complex64",       DTYPE_COMPLEX64,       64,  COMPLEX,   'c',   GENERIC)            \
	X("complex128",      DTYPE_COMPLEX128,      128, COMPLEX,   'c',   GENERIC)            \
	X("date32[day]",     DTYPE_DATE32,          32,  DATE,      'i',   D)                  \
	X("time32[s]",       DTYPE_TIME32_S,        32,  TIME,      'i',   S)                  \
	X("time32[ms]",      DTYPE_TIME32_MS,       32,  TIME,      'i',   MS)                 \
	X("time64[us]",      DTYPE_TIME64_US,       64,  TIME,      'i',   US)                 \
	X("time64[ns]",      DTYPE_TIME64_NS,       64,  TIME,      'i',   NS)                 \
	X("timestamp[s]",    DTYPE_TIMESTAMP_S,     64,  TIMESTAMP, 'M',   S)                  \
	X("timestamp[ms]",   DTYPE_TIMESTAMP_MS,    64,  TIMESTAMP, 'M',   MS)                 \
	X("timestamp[us]",   DTYPE_TIMESTAMP_US,    64,  TIMESTAMP, 'M',   US)                 \
	X("timestamp[ns]",   DTYPE_TIMESTAMP_NS,    64,  TIMESTAMP, 'M',   NS)                 \
	X("duration[s]",     DTYPE_DURATION_S,      64,  DURATION,  'm',   S)                  \
	X("duration[ms]",    DTYPE_DURATION_MS,     64,  DURATION,  'm',   MS)                 \
	X("duration[us]",    DTYPE_DURATION_US,     64,  DURATION,  'm',   US)                 \
	X("duration[ns]",    DTYPE_DURATION_NS,     64,  DURATION,  'm',   NS)                 \
	/* steps since 1970, and steps; `unit` and `step` give their length */                 \
	X("datetime64",      DTYPE_DATETIME64,      64,  TIMESTAMP, 'M',   GENERIC)            \
	X("timedelta64",     DTYPE_TIMEDELTA64,     64,  DURATION,  'm',   GENERIC)            \
	/* the element is `width` bytes */                                                     \
	X("decimal",         DTYPE_DECIMAL,         0,   DECIMAL,   'V',   GENERIC)            \
	X("S",               DTYPE_FIXED_STRING,    0,   CHARS,     'S',   GENERIC)            \
	X("V",               DTYPE_VOID,            0,   RAW,       'V',   GENERIC)            \
	X("U",               DTYPE_UNICODE,         0,   UNICODE,   'U',   GENERIC)            \
	/* integers of 16 bytes: `width` is 16, and `scale` 0 */                                \
	X("int128",          DTYPE_INT128,          128, DECIMAL,   'V',   GENERIC)            \
	X("uint128",         DTYPE_UINT128,         128, DECIMAL,   'V',   GENERIC)            \
	/* elements that have no bytes of their own */                                         \
	X("null",            DTYPE_NULL,            0,   NONE,      '\0',  GENERIC)            \
	X("object",          DTYPE_OBJECT,          0,   OBJECT,    'O',   GENERIC)            \
	/* directories that stand for one column */                                            \
	X("string",          DTYPE_STRING,          0,   DIRECTORY, '\0',  GENERIC)            \
	X("bytes",           DTYPE_BYTES,           0,   DIRECTORY, '\0',  GENERIC)            \
	X("list",            DTYPE_LIST,            0,   DIRECTORY, '\0',  GENERIC)            \
	X("map",             DTYPE_MAP,             0,   DIRECTORY, '\0',  GENERIC)            \
	X("struct",          DTYPE_STRUCT,          0,   DIRECTORY, '\0',  GENERIC)            \
	X("dictionary",      DTYPE_DICTIONARY,      0,   DIRECTORY, '\0',  GENERIC)            \
	X("union",           DTYPE_UNION,           0,   DIRECTORY, '\0',  GENERIC)            \
	X("run_end",         DTYPE_RUN_END,         0,   DIRECTORY, '\0',  GENERIC)            \
	X("sparse",          DTYPE_SPARSE,          0,   DIRECTORY, '\0',  GENERIC)            \
	X("quantized",       DTYPE_QUANTIZED,       0,   DIRECTORY, '\0',  GENERIC)            \
	X("nested",          DTYPE_NESTED,          0,   DIRECTORY, '\0',  GENERIC)

enum dtype {
	DTYPE_NONE, /* element type unknown */
#define DTYPE_ENUM(name, id, bits, kind, letter, unit) id,
	DTYPES(DTYPE_ENUM)
#undef DTYPE_ENUM
	DTYPE_COUNT
};

enum byteorder { BYTEORDER_NONE, BYTEORDER_LITTLE, BYTEORDER_BIG };

struct array {
	uint8_t dtype;     /* enum dtype */
	uint8_t byteorder; /* enum byteorder; NONE for single bytes, S, opaque */
	bool fortran;      /* column-major */
	bool unshaped;     /* no shape at all: HDF5's null dataspace */
	bool sized;        /* the first extent follows from the size, and the array is unshaped until that
			    * is known; `rank` and `shape` are the other dimensions': fs/archive/shape.h */
	bool reference;    /* elements refer to objects in the archive: struct format's refer() */
	union {
		uint8_t precision; /* of a decimal */
		uint8_t unit;      /* enum time_unit of a datetime64 or timedelta64 */
	};
	int8_t scale;
	uint32_t rank;
	union {
		uint32_t width; /* bytes per element, where DTYPES gives no bits */
		uint32_t step;  /* units per step of a datetime64 or timedelta64 */
	};
	const uint64_t *shape; /* `rank` extents, in elements; a scalar has rank 0 */
	const char *type;      /* the archive's own name for the type */
	const char *codec;     /* NULL: not compressed */
	const struct quant *quant; /* what its numbers stand for; NULL: themselves */
};

enum { DTYPE_NAME_MAX = 48 };

enum dtype_kind dtype_kind(enum dtype dtype);
enum time_unit dtype_unit(enum dtype dtype);
char dtype_letter(enum dtype dtype); /* in NumPy's descr; NUL if it has none */
const char *time_unit_name(enum time_unit unit);

/* Bits per element; 0 if elements have no fixed width. */
uint64_t dtype_bits(const struct array *a);

/* The dtype's name: "float32", "S12", "decimal128(38, 2)". */
const char *dtype_name(const struct array *a, char buf[DTYPE_NAME_MAX]);

/* The bit layout of a float type (fs/values/decimal.h); NULL for any other type. */
struct float_kind;
const struct float_kind *dtype_float_kind(enum dtype dtype);

/* The value of a float16; a NaN keeps its payload. */
double float16_value(uint16_t bits);

/* The value of a float of at most 8 bits; a NaN is quiet and keeps its sign, as ml_dtypes has it. */
float narrow_float_value(enum dtype dtype, unsigned bits);

/* The product of the extents, multiplied from the left; false on overflow. */
bool shape_elements(const uint64_t *shape, size_t rank, uint64_t *ret);
