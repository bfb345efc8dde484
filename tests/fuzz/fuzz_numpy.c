/* SPDX-License-Identifier: MIT */
/* The header of an .npy file: what is read fits its own size, and a type that is
 * written again reads as the same. */
#include "fs/values/numpy.h"
#include "tests/fuzz/fuzz.h"

static void check_again(const struct numpy_type *type, struct arena *arena)
{
	char before[DTYPE_NAME_MAX], after[DTYPE_NAME_MAX];
	struct text descr = {0};
	struct numpy_type again;
	numpy_write_type(&type->array, &descr);
	if (descr.failed == 0 && numpy_read_type(text_slice(&descr), arena, &again, NULL) == 0 &&
	    type->array.dtype != DTYPE_FLOAT8_E5M2) {
		HOLDS(strcmp(dtype_name(&type->array, before), dtype_name(&again.array, after)) == 0);
		HOLDS(type->array.byteorder == again.array.byteorder || type->array.dtype == DTYPE_VOID);
	}
	text_free(&descr);
}

static void check(const struct numpy_type *type, struct arena *arena)
{
	uint64_t end = 0;
	size_t count = 0;
	if (type->array.dtype != DTYPE_STRUCT)
		check_again(type, arena);
	for (const struct numpy_field *f = type->fields; f; f = f->next, count++) {
		HOLDS(f->offset >= end && range_within(f->offset, f->type.size, INT32_MAX));
		end = f->offset + f->type.size;
		check(&f->type, arena);
	}
	HOLDS(count == type->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {.limit = 64 << 20};
	struct error err = {0};
	struct numpy_header h;
	if (numpy_read_header((struct slice){data, size}, &arena, &h, &err) == 0) {
		HOLDS(h.data <= size && h.bytes <= INT64_MAX);
		check(&h.type, &arena);
	} else {
		HOLDS(err.text[0]);
	}
	arena_free(&arena);
	return 0;
}
