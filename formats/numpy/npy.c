/* SPDX-License-Identifier: MIT */
/*
 * NumPy's .npy: one array after a header, which is the text of a Python dictionary.
 *
 *      0  magic "\x93NUMPY", version: u8 major, u8 minor
 *      8  n: u16, little-endian; u32 from version 2 on
 *         header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, n bytes
 *         the elements; anything after them is ignored
 *
 * Shown: `data`, the elements; of a structured array a directory with its fields.  Python
 * objects are pickled, and are listed without being read.
 *
 * numpy/lib/_format_impl.py, "Format Version 1.0" to "3.0".
 */
#include <stdio.h>

#include "formats/numpy/numpy.h"

static bool npy_probe(const struct peek *p)
{
	return numpy_probe((struct slice){p->bytes, cursor_left(&p->head)});
}

static int npy_open(struct archive *a, struct error *err)
{
	struct content bytes = {.size = a->source.size};
	uint32_t id;
	return npy_show(a, TREE_ROOT, SLICE("data"), &bytes, &id, err);
}

static void npy_overview(struct archive *a, struct overview *ret)
{
	uint8_t version[2];
	if (source_read(&a->source, 6, version, sizeof version, NULL) < 0)
		return;
	ret->versioned = "version";
	snprintf(ret->version, sizeof ret->version, "%u.%u", version[0], version[1]);
}

const struct format format_npy = {
	.name = "npy",
	.suffixes = (const char *const[]){".npy", NULL},
	.probe = npy_probe,
	.open = npy_open,
	.read = lazy_read,
	.overview = npy_overview,
};
