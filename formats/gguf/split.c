/* SPDX-License-Identifier: MIT */
/*
 * A set: parts NAME-00001-of-00003.gguf …, each a whole file of its own tensors, of which the
 * first has the model's metadata, and each its number (split.no, from 0) and how many there are
 * (split.count).  llama.cpp, llama_split_path() and llama_model_loader.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "formats/gguf/gguf.h"
#include "formats/shared/slice_map.h"

enum { DIGITS = 5, PARTS_MOST = 99999 };

/* How many parts the name says there are, if it is a first part's; else 0.  *ret: what the names
 * of all begin with. */
static uint32_t first_of(const char *name, struct slice *ret)
{
	static const char first[] = "-00001-of-", suffix[] = ".gguf";
	const size_t behind = sizeof first - 1 + DIGITS + sizeof suffix - 1;
	size_t len = strlen(name);
	if (len <= behind || memcmp(name + len - behind, first, sizeof first - 1) != 0 || strcmp(name + len - sizeof suffix + 1, suffix) != 0)
		return 0;
	const char *digits = name + len - behind + sizeof first - 1;
	uint32_t count = 0;
	for (unsigned i = 0; i < DIGITS; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return 0;
		count = count * 10 + (uint32_t)(digits[i] - '0');
	}
	*ret = (struct slice){(const uint8_t *)name, len - behind};
	return count;
}

static const char *own_name(const struct archive *a)
{
	const char *slash = a->source.path ? strrchr(a->source.path, '/') : NULL;
	return slash ? slash + 1 : a->source.path ? a->source.path : "";
}

/* Is the part what its name says it is? */
static int check_part(const struct gguf_header *h, uint32_t number, uint32_t count, struct error *err)
{
	int64_t no, told;
	if (!gguf_integer(h, "split.no", &no) || !gguf_integer(h, "split.count", &told))
		return error_set(err, EBADMSG, "no split.no and split.count, which a part of a set has");
	if (no != number)
		return error_set(err, EBADMSG, "split.no is %" PRId64 ", not %" PRIu32, no, number);
	if (told != count)
		return error_set(err, EBADMSG, "split.count is %" PRId64 ", not %" PRIu32, told, count);
	return 0;
}

int gguf_split_count(const struct archive *a, const struct gguf_header *h, uint32_t *ret, struct error *err)
{
	struct slice prefix = {0};
	*ret = 1;
	if (a->mirrored || a->outside)
		return 0;
	uint32_t count = first_of(own_name(a), &prefix);
	if (count < 2)
		return 0;
	*ret = count;
	return check_part(h, 0, count, err);
}

/* --- the other parts ---------------------------------------------------------- */

struct set {
	struct archive *a;
	struct gguf *g;
	struct arena *scratch;
	struct slice_map names; /* of all tensors so far */
	char prefix[NAME_MAX + 1];
};

static void part_name(const struct set *s, uint32_t number, char ret[NAME_MAX + 32])
{
	snprintf(ret, NAME_MAX + 32, "%s-%05" PRIu32 "-of-%05" PRIu32 ".gguf", s->prefix, number + 1, s->g->parts);
}

static int take_names(struct set *s, const struct gguf_header *h, struct error *err)
{
	bool fresh = true;
	slice_map_expect(&s->names, s->names.count + (uint32_t)h->tensor_count);
	for (uint64_t i = 0; i < h->tensor_count; i++) {
		struct slice name = h->tensors[i].name;
		if (slice_map_add(&s->names, name, &fresh) == SLICE_MAP_NONE)
			return error_no_memory(err, "all that the parts hold");
		if (!fresh)
			return error_set(err, EBADMSG, "tensor %.*s appears twice in the set", gguf_cut(name), (const char *)name.data);
	}
	return 0;
}

static int open_part(struct set *s, uint32_t number, const char *name, struct error *err)
{
	struct gguf_header h;
	uint32_t source;
	int r = archive_sibling(s->a, slice_text(name), REACH_HUB, &source, err);
	if (r == 0)
		r = gguf_read(s->a, archive_source(s->a, source), s->scratch, s->scratch, &h, err);
	if (r == 0)
		r = check_part(&h, number, s->g->parts, err);
	if (r == 0)
		r = take_names(s, &h, err);
	if (r < 0)
		return r;
	gguf_add_tensors(s->a, &h, source);
	s->g->set_tensors += h.tensor_count;
	return 0;
}

int gguf_split_open(struct archive *a, struct gguf *g, struct arena *scratch, struct error *err)
{
	struct set s = {.a = a, .g = g, .scratch = scratch, .names.arena = scratch};
	char name[NAME_MAX + 32];
	struct slice prefix = {0};
	int64_t told;
	first_of(own_name(a), &prefix);
	snprintf(s.prefix, sizeof s.prefix, "%.*s", (int)prefix.len, (const char *)prefix.data);
	int r = take_names(&s, &g->header, err);
	for (uint32_t i = 1; i < g->parts && r == 0; i++) {
		part_name(&s, i, name);
		r = open_part(&s, i, name, err);
		if (r < 0)
			error_prefix(err, r, name);
	}
	if (r == 0 && gguf_integer(&g->header, "split.tensors.count", &told) && told >= 0 && (uint64_t)told != g->set_tensors)
		r = error_set(err, EBADMSG, "split.tensors.count is %" PRId64 ", but the parts have %" PRIu64, told, g->set_tensors);
	/* Whatever is wrong with a part, it is the set that is broken. */
	return r < 0 && !error_passes(r) ? -EBADMSG : r;
}
