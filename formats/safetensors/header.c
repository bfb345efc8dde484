/* SPDX-License-Identifier: MIT */
#include "formats/safetensors/impl.h"

#include <inttypes.h>

/* As in the reference reader: MAX_HEADER_SIZE. */
enum { HEADER_MAX = 100000000, LENGTH_BYTES = 8 };

bool safetensors_probe(const struct peek *p)
{
	struct cursor head = p->head;
	uint64_t n = cursor_u64le(&head);
	if (head.failed || n > HEADER_MAX || !range_within(LENGTH_BYTES, n, p->size))
		return false;
	while (cursor_match(&head, " ", 1) || cursor_match(&head, "\n", 1) || cursor_match(&head, "\t", 1) ||
	       cursor_match(&head, "\r", 1))
		;
	return cursor_match(&head, "{", 1);
}

/* Allocates tables of the size that a header of that length is likely to need: untouched
 * memory costs nothing, but moving to larger tables does. */
static int reserve(struct reader *r, uint64_t len)
{
	enum { USUAL = 80 }; /* bytes of a typical tensor's description */
	uint32_t count = (uint32_t)(len / USUAL) + 8;
	r->h->names = arena_array(r->scratch, count, sizeof *r->h->names);
	r->h->tensors = arena_array(r->scratch, count, sizeof *r->h->tensors);
	if (r->h->names && r->h->tensors) {
		r->room = r->names_room = count;
		return 0;
	}
	safetensors_no_memory(r);
	return r->failed;
}

static int read_header(struct reader *r, const struct source *s)
{
	struct safetensors_header *h = r->h;
	struct cursor c;
	int n;

	if (s->size < LENGTH_BYTES)
		return error_set(r->err, EBADMSG, "a file of %" PRIu64 " bytes is too short for a header", s->size);
	if ((n = source_load(s, r->scratch, 0, LENGTH_BYTES, &c, r->err)) < 0)
		return n;
	uint64_t len = cursor_u64le(&c);
	if (!range_within(LENGTH_BYTES, len, s->size))
		return error_set(r->err, EBADMSG, "header of %" PRIu64 " bytes in a file of %" PRIu64 "%s", len, s->size,
				 len > HEADER_MAX ? "" : ERROR_CUT);
	if (len > HEADER_MAX)
		return error_set(r->err, EBADMSG, "header of %" PRIu64 " bytes, over the format's limit of %d", len, HEADER_MAX);
	if ((n = json_pieces_open(&r->pieces, s, LENGTH_BYTES, len, r->scratch, &r->j, r->err)) < 0 || (n = reserve(r, len)) < 0 ||
	    (n = safetensors_read_members(r)) < 0 ||
	    (n = safetensors_check_cover(h, s->size - LENGTH_BYTES - len, r->scratch, r->err)) < 0)
		return n;
	for (uint32_t i = 0; i < h->count; i++) {
		h->tensors[i].begin += LENGTH_BYTES + len;
		h->tensors[i].end += LENGTH_BYTES + len;
	}
	return 0;
}

int safetensors_header_read(const struct source *s, char split, struct tree *tree, struct arena *scratch,
			    struct safetensors_header *ret, struct error *err)
{
	struct reader r = {.tree = tree, .split = split, .keep = tree->arena, .scratch = scratch, .h = ret, .err = err};

	*ret = (struct safetensors_header){.metadata_names.arena = scratch};
	int n = read_header(&r, s);
	return n < 0 && !r.pieces.invalid && safetensors_check_names(ret, scratch, err) == -EBADMSG ? -EBADMSG : n;
}
