/* SPDX-License-Identifier: MIT */
/* Chapter IV.A.2.l, "The Filter Pipeline Message", and decoding through a pipeline. */
#include "formats/hdf5/hdf5.h"

#include <inttypes.h>
#include <stdio.h>

#include "fs/codec/filter.h"

/* The filters: the library's own, below 256, and those registered with The HDF Group. They
 * are undone by a codec, or by a filter of fs/codec if there are framing or parameters; one
 * with neither is known only by name. */
static const struct known {
	uint16_t id;
	const char *name;
	filter_fn *undo;
	enum codec_id codec;
} table[] = {
	{1, "deflate", .codec = CODEC_ZLIB},
	{2, "shuffle", filter_shuffle},
	{3, "fletcher32", filter_fletcher32},
	{4, "szip", filter_szip},
	{5, "nbit", filter_nbit},
	{6, "scaleoffset", filter_scaleoffset},
	{305, "lzo", .codec = CODEC_LZO},
	{307, "bzip2", .codec = CODEC_BZIP2},
	{32000, "lzf", .codec = CODEC_LZF},
	{32001, "blosc", .codec = CODEC_BLOSC},
	{32004, "lz4", filter_lz4},
	{32008, "bitshuffle", filter_bitshuffle},
	{32013, "zfp", NULL},
	{32015, "zstd", .codec = CODEC_ZSTD},
	{32017, "sz", NULL},
	{32024, "sz3", NULL},
	{32026, "blosc2", NULL},
};

static bool built_in(const struct known *k)
{
	return k->undo || (k->codec != CODEC_NONE && codec_known(k->codec));
}

static const struct known *lookup(uint16_t id)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].id == id)
			return &table[i];
	return NULL;
}

/* --- the message ------------------------------------------------------------------ */

static int read_filter(struct arena *s, struct cursor *c, unsigned version, struct h5_filter *f, struct error *err)
{
	f->id = cursor_u16le(c);
	unsigned name_len = version == 1 || f->id >= 256 ? cursor_u16le(c) : 0;
	f->optional = cursor_u16le(c) & 1;
	unsigned count = cursor_u16le(c);
	if (version == 1)
		name_len = (name_len + 7) & ~7u;
	cursor_skip(c, name_len);
	f->nvalues = (uint32_t)cursor_count(c, count, 4);
	int r = cursor_check(c, err, "a filter");
	if (r < 0)
		return r;
	f->values = arena_array(s, f->nvalues, sizeof *f->values);
	const struct known *k = lookup(f->id);
	f->name = k ? k->name : arena_printf(s, "filter-%u", f->id);
	if ((!f->values && f->nvalues) || !f->name)
		return error_no_memory(err, "a filter");
	for (uint32_t i = 0; i < f->nvalues; i++)
		f->values[i] = cursor_u32le(c);
	if (version == 1 && count % 2)
		cursor_skip(c, cursor_left(c) < 4 ? cursor_left(c) : 4);
	return 0;
}

int h5_filters(struct arena *s, struct cursor c, struct h5_pipeline *ret, struct error *err)
{
	unsigned version = cursor_u8(&c), count = cursor_u8(&c);
	*ret = (struct h5_pipeline){0};
	if (version != 1 && version != 2)
		return error_set(err, ENOTSUP, "a filter pipeline of version %u", version);
	if (count > 32)
		return error_set(err, EBADMSG, "a pipeline of %u filters", count);
	if (version == 1)
		cursor_skip(&c, 6);
	ret->filters = arena_array(s, count, sizeof *ret->filters);
	if (!ret->filters && count)
		return error_no_memory(err, "filters");
	int r = 0;
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = read_filter(s, &c, version, &ret->filters[i], err);
	ret->count = count;
	return r;
}

const char *h5_pipeline_name(struct arena *a, const struct h5_pipeline *p)
{
	const char *text = NULL;
	for (uint32_t i = 0; i < p->count; i++)
		text = text ? arena_printf(a, "%s+%s", text, p->filters[i].name) : p->filters[i].name;
	return text;
}

int h5_pipeline_check(const struct h5_pipeline *p, uint32_t mask, struct error *err)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct h5_filter *f = &p->filters[i];
		const struct known *k = lookup(f->id);
		if (mask >> i & 1 || (k && built_in(k)))
			continue;
		return k ? error_set(err, ENOTSUP, "the filter %s (%u) is not built in", f->name, f->id)
			 : error_set(err, ENOTSUP, "filter %u is unknown", f->id);
	}
	return 0;
}

/* --- a pipeline ------------------------------------------------------------------------ */

/* Data between two filters, and a filter's own memory, come from the block or the arena. */
static uint8_t *take_arena(void *arena, size_t len, struct error *err)
{
	uint8_t *bytes = arena_alloc(arena, len);
	if (!bytes)
		error_set(err, ENOMEM, "no memory for %zu bytes", len);
	return bytes;
}

static int undo(const struct h5_filter *f, struct slice in, uint8_t *out, size_t room, size_t *ret,
		const struct codec_memory *memory, struct error *err)
{
	const struct known *k = lookup(f->id);
	struct filter_parameters p = {f->values, f->nvalues};
	int r = k->undo ? k->undo(p, in, out, room, ret, memory, err)
			: codec_run_some(k->codec, in, out, room, ret, memory, err);
	return r < 0 && r != -ENOMEM ? error_prefix(err, r, f->name) : r;
}

/* Decodes through the pipeline into out, which has room for len; `what` is for errors. */
static int run(const struct h5_pipeline *p, uint32_t mask, struct slice in, uint8_t *out, size_t len,
	       struct codec_memory memory, const char *what, struct error *err)
{
	/* Between filters there may be more bytes than the chunk has: checksums, headers,
	 * incompressible data. */
	size_t room = len + len / 4 + 4096, made = in.len;
	uint32_t left = 0, step = 0;
	uint8_t *between[2] = {0};
	for (uint32_t i = 0; i < p->count; i++)
		left += !(mask >> i & 1);
	if (left == 0 && in.len == len)
		memcpy(out, in.data, len);
	for (uint32_t i = p->count; i-- > 0;) {
		if (mask >> i & 1)
			continue;
		uint8_t **to = &between[step++ % 2];
		if (--left > 0 && !*to && !(*to = memory.take(memory.arg, room, err)))
			return -ENOMEM;
		uint8_t *target = left ? *to : out;
		int r = undo(&p->filters[i], in, target, left ? room : len, &made, &memory, err);
		if (r < 0)
			return r;
		in = (struct slice){target, made};
		memory.changing = false; /* a filter's output is our own copy */
	}
	return made == len ? 0 : error_set(err, EBADMSG, "%s decodes to %zu bytes, not %zu", what, made, len);
}

int h5_pipeline_run(const struct h5_pipeline *p, uint32_t mask, struct slice in, size_t len, struct block *block,
		    struct error *err)
{
	int r = h5_pipeline_check(p, mask, err);
	uint8_t *out = r == 0 ? block_room(block, len, err) : NULL;
	if (r < 0)
		return r;
	return out ? run(p, mask, in, out, len, block_memory(block), "a chunk", err) : -ENOMEM;
}

int h5_pipeline_load(const struct h5_pipeline *p, uint32_t mask, struct slice in, size_t len, struct arena *s,
		     struct slice *ret, struct error *err)
{
	struct codec_memory memory = {.take = take_arena, .arg = s, .changing = true};
	int r = h5_pipeline_check(p, mask, err);
	if (r < 0)
		return r;
	uint8_t *out = len / 4096 > in.len ? NULL : take_arena(s, len, err); /* none compresses that well */
	*ret = (struct slice){out, len};
	if (!out)
		return error_set(err, ENOMEM, "%zu bytes of a heap, compressed to %zu", len, in.len);
	return run(p, mask, in, out, len, memory, "a heap's block", err);
}
