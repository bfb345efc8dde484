/* SPDX-License-Identifier: MIT */
#include "formats/torch/torch.h"

static const struct torch_dtype dtypes[] = {
#define ROW(name, dtype, width, storage) {"torch." name, dtype, width},
	TORCH_DTYPES(ROW)
#undef ROW
};

static const char *const storages[] = {
#define ROW(name, dtype, width, storage) storage,
	TORCH_DTYPES(ROW)
#undef ROW
};

static const struct name {
	uint16_t known;
	struct slice module, name;
} names[] = {
#define ROW(known, module, name) {known, {(const uint8_t *)module, sizeof module - 1}, {(const uint8_t *)name, sizeof name - 1}},
	TORCH_NAMES(ROW)
#undef ROW
};

enum { DTYPES_COUNT = sizeof dtypes / sizeof *dtypes };
_Static_assert(DTYPES_COUNT < TORCH_STORAGE - TORCH_DTYPE, "types and storages have numbers of their own");

/* Other names of some types. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{"float", "float32"}, {"double", "float64"}, {"half", "float16"}, {"long", "int64"}, {"int", "int32"}, {"short", "int16"},
	{"cfloat", "complex64"}, {"cdouble", "complex128"}, {"chalf", "complex32"},
};

static uint16_t find_dtype(struct slice name)
{
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (slice_equal(name, slice_text(aliases[i].alias)))
			name = slice_text(aliases[i].name);
	for (unsigned i = 0; i < DTYPES_COUNT; i++)
		if (slice_equal(name, slice_text(dtypes[i].name + strlen("torch."))))
			return (uint16_t)(TORCH_DTYPE + i);
	return TORCH_UNKNOWN;
}

static uint16_t find_storage(struct slice name)
{
	for (unsigned i = 0; name.len && i < DTYPES_COUNT; i++)
		if (slice_equal(name, slice_text(storages[i])))
			return (uint16_t)(TORCH_STORAGE + i);
	return TORCH_UNKNOWN;
}

/* Storage classes lie in torch, torch.cuda and other devices' modules, and torch.storage. */
static bool has_storages(struct slice module)
{
	return slice_equal(module, SLICE("torch")) || (module.len > 6 && memcmp(module.data, "torch.", 6) == 0);
}

uint16_t torch_known(struct slice module, struct slice name)
{
	uint16_t known = TORCH_UNKNOWN;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal(name, names[i].name) && slice_equal(module, names[i].module))
			return names[i].known;
	if (slice_equal(module, SLICE("torch")))
		known = find_dtype(name);
	return known == TORCH_UNKNOWN && has_storages(module) ? find_storage(name) : known;
}

const struct torch_dtype *torch_dtype(uint16_t known)
{
	if (known >= TORCH_STORAGE && known < TORCH_STORAGE + DTYPES_COUNT)
		return &dtypes[known - TORCH_STORAGE];
	return known >= TORCH_DTYPE && known < TORCH_DTYPE + DTYPES_COUNT ? &dtypes[known - TORCH_DTYPE] : NULL;
}
