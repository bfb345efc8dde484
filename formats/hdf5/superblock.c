/* SPDX-License-Identifier: MIT */
/* Chapter II.A: the superblock; and the reading functions that all chapters use. */
#include "formats/hdf5/hdf5.h"

#include <inttypes.h>

static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

/* The next possible offset of the signature, after a user block. */
static uint64_t next_place(uint64_t at)
{
	return at ? at * 2 : 512;
}

bool h5_probe(const struct peek *p)
{
	uint8_t found[sizeof signature];
	for (uint64_t at = 0; peek_at(p, at, found, sizeof found); at = next_place(at))
		if (memcmp(found, signature, sizeof signature) == 0)
			return true;
	return false;
}

unsigned h5_log2(uint64_t n)
{
	return n ? 63u - (unsigned)__builtin_clzll(n) : 0;
}

unsigned h5_enc_size(uint64_t limit)
{
	return h5_log2(limit) / 8 + 1;
}

uint64_t h5_address(const struct h5_file *f, struct cursor *c)
{
	uint64_t value = cursor_le(c, f->offsets);
	return f->offsets < 8 && value == (UINT64_C(1) << f->offsets * 8) - 1 ? H5_UNDEFINED : value;
}

static bool is_whole(const struct h5_file *f)
{
	return f->end <= h5_source(f)->size;
}

int h5_load(const struct h5_file *f, struct arena *s, uint64_t address, uint64_t len, struct cursor *ret,
	    struct error *err)
{
	uint64_t at;
	*ret = (struct cursor){.failed = true};
	if (address == H5_UNDEFINED)
		return error_set(err, EBADMSG, "a required address is undefined");
	if (__builtin_add_overflow(address, f->base, &at) || !range_within(at, len, h5_source(f)->size))
		return error_set(err, EBADMSG, "%" PRIu64 " bytes at %" PRIu64 " in a file of %" PRIu64 "%s", len, address,
				 h5_source(f)->size, is_whole(f) ? "" : ERROR_CUT);
	int r = source_load(h5_source(f), s, at, len, ret, err);
	if (r == 0 && f->image)
		h5_image_over(f->image, address, (uint8_t *)(uintptr_t)ret->start, len); /* our own copy */
	return r;
}

int h5_check_sum(const struct h5_file *f, struct slice bytes, uint32_t sum, const char *what, uint64_t address,
		 struct error *err)
{
	if (f->a->options->no_verify)
		return 0;
	uint32_t found = h5_lookup3(bytes.data, bytes.len);
	if (found == sum)
		return 0;
	return error_set(err, EBADMSG, "the checksum of %s at %" PRIu64 " is %08" PRIx32 ", its bytes make %08" PRIx32, what,
			 address, sum, found);
}

int h5_load_summed(const struct h5_file *f, struct arena *s, uint64_t address, uint64_t len, const char *sig,
		   struct cursor *ret, struct error *err)
{
	int r = len < 8 ? error_set(err, EBADMSG, "%s of %" PRIu64 " bytes", sig, len)
			: h5_load(f, s, address, len, ret, err);
	if (r < 0)
		return r;
	struct cursor tail = *ret;
	cursor_skip(&tail, len - 4);
	uint32_t sum = cursor_u32le(&tail);
	if (!cursor_match(ret, sig, 4))
		return error_set(err, EBADMSG, "no %s at %" PRIu64, sig, address);
	ret->end -= 4;
	return h5_check_sum(f, (struct slice){ret->start, (size_t)len - 4}, sum, sig, address, err);
}

/* --- lookup3, by Bob Jenkins (public domain), as the library's H5checksum.c -- */

static uint32_t rot(uint32_t x, unsigned k)
{
	return x << k | x >> (32 - k);
}

static void mix(uint32_t v[3])
{
	static const uint8_t k[6] = {4, 6, 8, 16, 19, 4};
	for (unsigned i = 0; i < 6; i++) {
		uint32_t *a = &v[i % 3], *b = &v[(i + 1) % 3], *c = &v[(i + 2) % 3];
		*a -= *c;
		*a ^= rot(*c, k[i]);
		*c += *b;
	}
}

static void last_mix(uint32_t v[3])
{
	static const uint8_t k[7] = {14, 11, 25, 16, 4, 14, 24};
	for (unsigned i = 0; i < 7; i++) {
		uint32_t *c = &v[(i + 2) % 3], *b = &v[(i + 1) % 3];
		*c ^= *b;
		*c -= rot(*b, k[i]);
	}
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t h5_lookup3(const uint8_t *p, size_t len)
{
	uint32_t v[3];
	v[0] = v[1] = v[2] = 0xdeadbeef + (uint32_t)len;
	if (len == 0)
		return v[2];
	for (; len > 12; p += 12, len -= 12) {
		for (unsigned i = 0; i < 3; i++)
			v[i] += le32(p + 4 * i);
		mix(v);
	}
	for (unsigned i = 0; i < len; i++)
		v[i / 4] += (uint32_t)p[i] << (i % 4 * 8);
	last_mix(v);
	return v[2];
}

/* --- the superblock ------------------------------------------------------- */

static int find(const struct source *src, uint64_t *ret, struct error *err)
{
	uint8_t found[8];
	for (uint64_t at = 0; range_within(at, 8, src->size); at = next_place(at)) {
		int r = source_read(src, at, found, 8, err);
		if (r < 0)
			return r;
		if (memcmp(found, signature, 8) == 0) {
			*ret = at;
			return 0;
		}
	}
	return error_set(err, EBADMSG, "no HDF5 signature at 0, 512, 1024 … of %" PRIu64 " bytes", src->size);
}

static int check_sizes(const struct h5_file *f, struct error *err)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned n = i ? f->lengths : f->offsets;
		if (n == 16 || n == 32)
			return error_set(err, ENOTSUP, "addresses or lengths of %u bytes", n);
		if (n != 2 && n != 4 && n != 8)
			return error_set(err, EBADMSG, "addresses or lengths of %u bytes", n);
	}
	return 0;
}

/* The multi and family drivers split a file into several. Others only wrap its storage, and
 * the file is unchanged if all of it is here. */
static int check_driver(struct cursor name, bool whole, struct error *err)
{
	if (whole && !name.failed && !cursor_match(&name, "NCSAfami", 8) && !cursor_match(&name, "NCSAmult", 8))
		return cursor_check(&name, err, "the driver's information");
	return error_set(err, ENOTSUP, "a file that is split into several by a driver");
}

/* Versions 0 and 1. */
static int read_old(struct h5_file *f, struct arena *s, struct cursor *c, unsigned version, struct error *err)
{
	cursor_skip(c, 4);
	f->offsets = cursor_u8(c);
	f->lengths = cursor_u8(c);
	int r = check_sizes(f, err);
	if (r < 0)
		return r;
	cursor_skip(c, version == 1 ? 13 : 9);
	cursor_skip(c, f->offsets);          /* base */
	cursor_skip(c, f->offsets);          /* free space */
	f->end = h5_address(f, c);
	uint64_t driver = h5_address(f, c);
	cursor_skip(c, f->lengths);          /* root entry: name, as in btree1.c */
	f->root = h5_address(f, c);
	if ((r = cursor_check(c, err, "the superblock")) < 0 || driver == H5_UNDEFINED)
		return r;
	struct cursor info;
	if ((r = h5_load(f, s, driver, 16, &info, err)) < 0)
		return r;
	cursor_skip(&info, 8);
	return check_driver(info, is_whole(f), err);
}

static int read_extension(struct h5_file *f, struct arena *s, uint64_t address, struct error *err)
{
	struct h5_header h;
	struct cursor c;
	int r = h5_header(f, s, address, &h, err);
	if (r < 0)
		return r;
	if (h5_message(f, s, &h, H5_DRIVER, &c, &r, err)) {
		cursor_skip(&c, 1);
		r = check_driver(c, is_whole(f), err);
	}
	if (r == 0 && h5_message(f, s, &h, H5_SOHM, &c, &r, err)) {
		cursor_skip(&c, 1);
		f->sohm = h5_address(f, &c);
		f->sohm_indexes = cursor_u8(&c);
		r = cursor_check(&c, err, "the shared message table's message");
	}
	if (r == 0 && h5_message(f, s, &h, H5_CACHE_IMAGE, &c, &r, err))
		r = h5_image(f, c, err);
	return r;
}

static int read_new(struct h5_file *f, struct arena *s, struct cursor *c, struct error *err)
{
	f->offsets = cursor_u8(c);
	f->lengths = cursor_u8(c);
	int r = check_sizes(f, err);
	if (r < 0)
		return r;
	cursor_skip(c, 1u + f->offsets); /* flags, base */
	uint64_t extension = h5_address(f, c);
	f->end = h5_address(f, c);
	f->root = h5_address(f, c);
	struct slice summed = {c->start, cursor_at(c)};
	uint32_t sum = cursor_u32le(c);
	if ((r = cursor_check(c, err, "the superblock")) < 0 ||
	    (r = h5_check_sum(f, summed, sum, "the superblock", 0, err)) < 0)
		return r;
	return extension == H5_UNDEFINED ? 0 : read_extension(f, s, extension, err);
}

int h5_superblock(struct h5_file *f, struct arena *s, struct error *err)
{
	struct source *src = h5_source(f);
	uint64_t at = 0;
	struct cursor c;
	int r = find(src, &at, err);
	if (r < 0)
		return r;
	uint64_t len = src->size - at < 128 ? src->size - at : 128;
	if ((r = source_load(src, s, at, len, &c, err)) < 0)
		return r;
	f->sohm = H5_UNDEFINED;
	/* If a user block was added afterwards, the stored base address is still 0: so use the
	 * signature's offset, as the library does. */
	f->base = at;
	cursor_skip(&c, 8);
	unsigned version = cursor_u8(&c);
	if (version > 3)
		return error_set(err, ENOTSUP, "superblock version %u", version);
	return version < 2 ? read_old(f, s, &c, version, err) : read_new(f, s, &c, err);
}
