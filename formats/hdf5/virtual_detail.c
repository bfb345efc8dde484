/* SPDX-License-Identifier: MIT */
/* The details of a virtual dataset: its mappings as stored in the file. */
#include <inttypes.h>

#include "formats/hdf5/virtual.h"

/* Further mappings, and further blocks of a mapping, are omitted: they would drown the rest. */
enum { MAPPINGS_MAX = 4096, BLOCKS_MAX = 64 };

struct listing {
	struct arena s;
	struct text *text;
	uint32_t count;
	struct error *err;
};

static void put_number(struct text *t, uint64_t n, const char *before)
{
	if (n == H5_UNDEFINED)
		text_print(t, "%snull", before);
	else
		text_print(t, "%s%" PRIu64, before, n);
}

static void put_blocks(struct text *t, const struct selection *s)
{
	for (uint32_t i = 0; i < 2 * s->nblocks && !t->failed; i++) {
		text_add(t, i == 0 ? "{\"blocks\":[[" : i % 2 ? "," : "],[");
		for (uint32_t k = 0; k < s->rank; k++)
			put_number(t, s->blocks[i * (uint64_t)s->rank + k], k ? "," : "[");
		text_add(t, "]");
	}
	text_add(t, "]]}");
}

/* [start, stride, count, block] per dimension; null if unlimited. */
static void put_selection(struct text *t, const char *name, const struct selection *s)
{
	text_print(t, ",\"%s\":", name);
	if (h5_selection_all(s)) {
		text_add(t, "\"all\"");
	} else if (s->blocks && s->nblocks > BLOCKS_MAX) {
		text_print(t, "{\"blocks\":%" PRIu32 "}", s->nblocks);
	} else if (s->blocks) {
		put_blocks(t, s);
	} else {
		for (uint32_t i = 0; i < s->rank && !t->failed; i++) {
			put_number(t, s->spans[i].start, i ? ",[" : "[[");
			put_number(t, s->spans[i].stride, ",");
			put_number(t, s->spans[i].count, ",");
			put_number(t, s->spans[i].block, ",");
			text_add(t, "]");
		}
		text_add(t, s->rank ? "]" : "[]");
	}
}

static int tell(void *arg, struct cursor *c, struct slice file, struct slice path)
{
	struct listing *list = arg;
	struct selection from, to;
	struct text *t = list->text;
	int r = h5_selection_read(&list->s, c, &from, list->err);
	if (r < 0 || (r = h5_selection_read(&list->s, c, &to, list->err)) < 0)
		return r;
	if (list->count++ >= MAPPINGS_MAX)
		return 0;
	text_add(t, list->count == 1 ? ",\"mappings\":[{\"file\":" : ",{\"file\":");
	text_json(t, file);
	text_add(t, ",\"dataset\":");
	text_json(t, path);
	put_selection(t, "from", &from);
	put_selection(t, "to", &to);
	text_add(t, "}");
	return 0;
}

int h5_virtual_details(const struct h5_store *s, struct text *t, struct error *err)
{
	struct listing list = {.s = arena_apart(&s->file->a->arena), .text = t, .err = err};
	int r = s->address == H5_UNDEFINED ? 0 : h5_mappings_each(s, &list.s, tell, &list, err);
	if (list.count > 0)
		text_add(t, "]");
	if (list.count > MAPPINGS_MAX)
		text_print(t, ",\"all_mappings\":%" PRIu32, list.count);
	arena_free(&list.s);
	return r;
}
