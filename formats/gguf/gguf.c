/* SPDX-License-Identifier: MIT */
/*
 * GGUF: a model's metadata and named tensors in one file.
 *
 *      0  "GGUF", or "FUGG" in some big-endian files
 *      4  version: u32, 2 or 3; its byte order is that of all numbers
 *      8  the numbers of tensors and of pairs: u64
 *     24  pairs: key, type, value
 *         tensors: name, dimensions, type, offset
 *         padding up to a multiple of the alignment (the pair general.alignment, or 32)
 *         the tensors' bytes; offsets count from here
 *
 * A string is its length, a u64, and its bytes; an array its elements' type, their number, and
 * the elements.
 *
 * Shown: each tensor as a file of its bytes, its dimensions from the outermost on; the pairs as
 * attributes of the root, and those that are arrays below metadata/, too.
 *
 * https://github.com/ggml-org/ggml, docs/gguf.md; refused is what gguf 0.19 (gguf_reader.py)
 * refuses and, beyond that, more than four dimensions, and offsets off the alignment.
 */
#include "formats/gguf/gguf.h"

#include <inttypes.h>
#include <stdio.h>

enum { NUMBERS = 24 }; /* where the first pair begins */

/* Reads the version; the order that makes it a small number is the file's. */
static bool read_version(struct cursor *c, bool *ret_big, uint32_t *ret)
{
	bool backwards = cursor_match(c, "FUGG", 4);
	if (!backwards && !cursor_match(c, "GGUF", 4))
		return false;
	struct cursor again = *c;
	uint32_t little = cursor_u32le(c), big = (uint32_t)cursor_be(&again, 4);
	*ret_big = backwards || (little & 0xffff) == 0;
	*ret = *ret_big ? big : little;
	return !c->failed && *ret != 0 && *ret <= 0xffff;
}

static bool gguf_probe(const struct peek *p)
{
	struct cursor head = p->head;
	uint32_t version;
	bool big;
	return p->size >= NUMBERS && read_version(&head, &big, &version);
}

int gguf_read(struct archive *a, const struct source *s, struct arena *keep, struct arena *scratch, struct gguf_header *ret,
	      struct error *err)
{
	uint8_t bytes[8];
	struct gguf_reader r;
	*ret = (struct gguf_header){0};
	int failed = s->size < NUMBERS ? error_set(err, EBADMSG, "a file of %" PRIu64 " bytes, too short for GGUF's header", s->size)
				       : source_read(s, 0, bytes, sizeof bytes, err);
	if (failed < 0)
		return failed;
	struct cursor c = cursor_over((struct slice){bytes, sizeof bytes});
	if (!read_version(&c, &ret->big, &ret->version))
		return error_set(err, EBADMSG, "not a GGUF file");
	if (ret->version != 2 && ret->version != 3)
		return error_set(err, ENOTSUP, "version %" PRIu32 " of GGUF; only 2 and 3 are known", ret->version);
	if (!gguf_begin(&r, s, ret->big, sizeof bytes, scratch, err))
		return r.failed;
	ret->tensor_count = gguf_number(&r, 8);
	ret->pair_count = gguf_number(&r, 8);
	failed = gguf_read_metadata(&r, keep, scratch, ret);
	return failed < 0 ? failed : gguf_read_tensors(&r, a, scratch, ret);
}

static int open_all(struct archive *a, struct gguf *g, struct arena *scratch, struct error *err)
{
	int r = gguf_read(a, &a->source, &a->arena, scratch, &g->header, err);
	if (r == 0)
		r = gguf_split_count(a, &g->header, &g->parts, err);
	if (r < 0)
		return r;
	g->set_tensors = g->header.tensor_count;
	gguf_add_tensors(a, &g->header, 0);
	if (g->parts > 1)
		r = gguf_split_open(a, g, scratch, err);
	else if (a->tree.gave_way) /* as any two equal names would make one do */
		r = gguf_check_names(&g->header, scratch, err);
	g->header.tensors = NULL;
	if (r == 0)
		gguf_add_metadata(a, &g->header);
	return r;
}

static int gguf_open(struct archive *a, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct gguf *g = arena_alloc(&a->arena, sizeof *g);
	int r = g ? 0 : error_no_memory(err, "its header");
	a->priv = g;
	if (r == 0)
		r = open_all(a, g, &scratch, err);
	arena_free(&scratch);
	return r;
}

static void gguf_overview(struct archive *a, struct overview *ret)
{
	const struct gguf *g = a->priv;
	ret->versioned = g->header.big ? "big-endian version" : "version";
	snprintf(ret->version, sizeof ret->version, "%" PRIu32, g->header.version);
}

const struct format format_gguf = {
	.name = "gguf",
	.suffixes = (const char *const[]){".gguf", NULL},
	.probe = gguf_probe,
	.open = gguf_open,
	.read = lazy_read,
	.attrs = gguf_attrs,
	.details = gguf_details,
	.overview = gguf_overview,
};
