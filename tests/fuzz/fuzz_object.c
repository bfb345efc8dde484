/* SPDX-License-Identifier: MIT */
/*
 * One object of an HDF5 file: its header stands at byte 0, with 8 bytes to an address
 * and to a length, and all that it points to is in the input, too.  So the messages
 * are the first that is met, and no checksum guards them.
 */
#include "formats/hdf5/hdf5.h"
#include "tests/fuzz/fuzz.h"
#include "tests/look.h"

extern const struct format format_hdf5;

static bool any(const struct peek *p)
{
	return p->size > 0;
}

static int open_object(struct archive *a, struct error *err)
{
	struct h5_archive *h = arena_alloc(&a->arena, sizeof *h);
	if (!h)
		return error_set(err, ENOMEM, "no memory for the file");
	a->priv = h;
	h->file = (struct h5_file){.a = a, .sohm = H5_UNDEFINED, .offsets = 8, .lengths = 8};
	h->root = (struct h5_group){.file = &h->file, .address = H5_UNDEFINED};
	return h5_object(a, TREE_ROOT, SLICE("object"), &h->root, 0, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct format object;
	static const struct format *const only[] = {&object, NULL};
	static const struct archive_options options = {.memory = 64u << 20, .no_verify = true};
	struct look l = {.nodes = 500, .bytes = 4096, .split = true};
	struct slice all = {data, size};
	struct archive a;
	struct error err = {0};
	object = format_hdf5;
	object.probe = any;
	object.open = open_object;
	int r = archive_open_source(&a, only, source_memory(all), "", &options, &err);
	if (r < 0) {
		HOLDS(look_refused(&l, &object, all, r, &err));
	} else {
		if (!look(&l, &a))
			fprintf(stderr, "%s\n", l.broken);
		HOLDS(!l.broken[0]);
		archive_close(&a);
	}
	return 0;
}
