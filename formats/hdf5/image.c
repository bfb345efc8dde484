/* SPDX-License-Identifier: MIT */
/*
 * Appendix "Metadata Cache Image": what a writer had in its cache when it closed the
 * file.  The block is
 *
 *     MDCI  version 0  flags  total bytes (L)  entries (4)
 *     { type  flags  ring  age  children (2)  dirty ones (2)  parents (2)  rank (4)
 *       address (O)  bytes (L)  parents' addresses (O each)  the bytes }  each
 *     lookup3 of everything before
 *
 * and an entry's bytes override those at its address in the file.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "formats/hdf5/hdf5.h"

struct h5_image {
	uint32_t count;
	uint64_t longest; /* bytes of the longest entry */
	struct entry {
		uint64_t address;
		struct slice bytes;
	} entries[]; /* by address */
};

static int by_address(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return (x->address > y->address) - (x->address < y->address);
}

static int read_entries(const struct h5_file *f, struct cursor *c, struct h5_image *image, struct error *err)
{
	for (uint32_t i = 0; i < image->count; i++) {
		struct entry *e = &image->entries[i];
		cursor_skip(c, 8);
		unsigned parents = cursor_u16le(c);
		cursor_skip(c, 4);
		e->address = h5_address(f, c);
		uint64_t len = h5_length(f, c);
		cursor_skip(c, (uint64_t)parents * f->offsets);
		e->bytes = cursor_take(c, len);
		int r = cursor_check(c, err, "a metadata cache image");
		if (r < 0)
			return r;
		if (len > image->longest)
			image->longest = len;
	}
	if (image->count > 1)
		qsort(image->entries, image->count, sizeof *image->entries, by_address);
	for (uint32_t i = 1; i < image->count; i++)
		if (image->entries[i].address - image->entries[i - 1].address < image->entries[i - 1].bytes.len)
			return error_set(err, EBADMSG, "a metadata cache image with two entries for the bytes at %" PRIu64,
					 image->entries[i].address);
	return 0;
}

int h5_image(struct h5_file *f, struct cursor message, struct error *err)
{
	struct cursor c;
	struct arena *keep = &f->a->arena;
	unsigned version = cursor_u8(&message);
	uint64_t address = h5_address(f, &message), len = h5_length(f, &message);
	int r = cursor_check(&message, err, "the message of a metadata cache image");
	if (r < 0 || address == H5_UNDEFINED)
		return r;
	if (version != 0)
		return error_set(err, ENOTSUP, "a metadata cache image's message of version %u", version);
	if ((r = h5_load_summed(f, keep, address, len, "MDCI", &c, err)) < 0)
		return r;
	version = cursor_u8(&c);
	unsigned flags = cursor_u8(&c);
	uint64_t told = h5_length(f, &c);
	uint64_t count = cursor_count(&c, cursor_u32le(&c), 14u + f->offsets + f->lengths);
	if ((r = cursor_check(&c, err, "a metadata cache image")) < 0)
		return r;
	if (version != 0 || flags != 0)
		return error_set(err, ENOTSUP, "a metadata cache image of version %u with flags %u", version, flags);
	if (told != len)
		return error_set(err, EBADMSG, "a metadata cache image of %" PRIu64 " bytes in %" PRIu64, told, len);
	struct h5_image *image = arena_alloc(keep, sizeof *image + (size_t)count * sizeof(struct entry));
	if (!image)
		return error_no_memory(err, "a metadata cache image");
	*image = (struct h5_image){.count = (uint32_t)count};
	if ((r = read_entries(f, &c, image, err)) == 0)
		f->image = image;
	return r;
}

void h5_image_over(const struct h5_image *image, uint64_t address, uint8_t *bytes, uint64_t len)
{
	uint32_t low = 0, high = image->count;
	uint64_t first = address > image->longest ? address - image->longest : 0;
	while (low < high) { /* the first entry that may reach `address` */
		uint32_t mid = low + (high - low) / 2;
		if (image->entries[mid].address < first)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < image->count && (image->entries[low].address < address || image->entries[low].address - address < len); low++) {
		const struct entry *e = &image->entries[low];
		uint64_t skip = e->address < address ? address - e->address : 0, at = e->address > address ? e->address - address : 0;
		if (skip >= e->bytes.len)
			continue;
		uint64_t some = e->bytes.len - skip < len - at ? e->bytes.len - skip : len - at;
		memcpy(bytes + at, e->bytes.data + skip, (size_t)some);
	}
}
