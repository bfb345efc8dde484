/* SPDX-License-Identifier: MIT */
/* Arrays of strings, of which offsets and values are made when they are read. */
#include "formats/gguf/gguf.h"
#include "fs/archive/column.h"
#include "fs/archive/pieces.h"

static int read_offsets(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
static int read_values(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

struct gguf_strings *gguf_strings_read(struct gguf_reader *r, struct arena *keep, uint64_t count)
{
	struct gguf_strings *s = arena_alloc(keep, sizeof *s);
	uint64_t *starts = s ? arena_array(keep, (size_t)count / GGUF_STEP + 1, sizeof *starts) : NULL;
	if (!starts) {
		gguf_no_memory(r);
		return NULL;
	}
	*s = (struct gguf_strings){.offsets = {{read_offsets}, s}, .values = {{read_values}, s}, .at = gguf_at(r), .count = count,
				   .starts = starts, .big = r->big};
	for (uint64_t i = 0; i < count && !r->failed; i++) {
		if (i % GGUF_STEP == 0)
			starts[i / GGUF_STEP] = s->bytes;
		uint64_t len = gguf_number(r, 8);
		gguf_skip(r, len);
		s->bytes += len;
	}
	return s;
}

void gguf_strings_add(struct tree *t, struct tree_path path, const struct gguf_strings *s)
{
	struct array strings = {.dtype = DTYPE_STRING, .type = "STRING", .rank = 1, .shape = &s->count};
	struct array bytes = {.dtype = DTYPE_UINT8, .rank = 1, .shape = &s->bytes};
	struct column_file offsets = {.kind = NODE_LAZY, .lazy = &s->offsets, .size = SIZE_UNKNOWN};
	struct column_file values = {.kind = NODE_LAZY, .lazy = &s->values, .size = SIZE_UNKNOWN};
	struct column c = column_list(t, (struct column_at){path.parent, path.leaf, false}, &strings, s->count, offsets);
	column_array(t, c.rest, &bytes, values);
	tree_aside(t, c.dir);
	tree_path_end(t, &path, c.dir);
}

/* --- reading ------------------------------------------------------------------ */

/* A walk over the strings, from one on whose start is known. */
struct walk {
	struct gguf_reader r;
	const struct gguf_strings *s;
	uint64_t next;  /* the next string */
	uint64_t start; /* of that, within the values */
};

/* At string k * GGUF_STEP. */
static int begin(struct walk *w, struct archive *a, const struct gguf_strings *s, uint64_t k, struct arena *scratch, struct error *err)
{
	*w = (struct walk){.s = s, .next = k * GGUF_STEP, .start = s->starts[k]};
	gguf_begin(&w->r, &a->source, s->big, s->at + 8 * w->next + w->start, scratch, err);
	return w->r.failed;
}

/* The length of the next string, whose bytes are next to be read.  Fails if the file is not what
 * it was any more. */
static uint64_t step(struct walk *w)
{
	uint64_t len = gguf_number(&w->r, 8);
	w->next++;
	if (!w->r.failed && (w->next > w->s->count || len > w->s->bytes - w->start))
		gguf_fail(&w->r, EIO, "the strings are not those that were there when the file was opened");
	if (w->r.failed)
		return 0;
	w->start += len;
	return len;
}

static void put_offsets(struct walk *w, uint64_t offset, uint64_t len, uint8_t *to)
{
	for (uint64_t i = offset / 8; i <= (offset + len - 1) / 8 && !w->r.failed; i++) {
		while (w->next < i && !w->r.failed)
			gguf_skip(&w->r, step(w));
		uint8_t entry[8];
		for (unsigned b = 0; b < 8; b++)
			entry[b] = (uint8_t)(w->start >> 8 * b);
		uint64_t from = i * 8 < offset ? offset - i * 8 : 0;
		uint64_t end = offset + len - i * 8 < 8 ? offset + len - i * 8 : 8;
		memcpy(to + (i * 8 + from - offset), entry + from, (size_t)(end - from));
	}
}

static void put_values(struct walk *w, uint64_t offset, uint64_t len, uint8_t *to)
{
	uint64_t end = offset + len;
	for (uint64_t at = w->start; at < end && !w->r.failed; at = w->start) {
		uint64_t n = step(w), from = at < offset ? offset - at : 0, till = n < end - at ? n : end - at;
		if (w->r.failed || from >= n) {
			gguf_skip(&w->r, n);
			continue;
		}
		gguf_skip(&w->r, from);
		gguf_copy(&w->r, to + (at + from - offset), till - from);
		gguf_skip(&w->r, n - till);
	}
}

static int read_strings(struct archive *a, const struct gguf_strings *s, uint64_t k, uint64_t offset, uint64_t len,
			void (*put)(struct walk *w, uint64_t offset, uint64_t len, uint8_t *to), struct answer *ret, struct error *err)
{
	struct arena scratch = arena_apart(&a->arena);
	struct walk w;
	uint8_t *to;
	int r = len ? begin(&w, a, s, k, &scratch, err) : 0;
	if (r == 0 && len && (r = answer_own(ret, (size_t)len, &to)) == 0) {
		put(&w, offset, len, to);
		r = w.r.failed;
	}
	arena_free(&scratch);
	return r;
}

static int read_offsets(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct gguf_strings *s = ((const struct gguf_file *)n->lazy)->strings;
	uint64_t k = offset / 8 / GGUF_STEP, last = s->count ? (s->count - 1) / GGUF_STEP : 0;
	return read_strings(a, s, k < last ? k : last, offset, len, put_offsets, ret, err);
}

static int read_values(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct gguf_strings *s = ((const struct gguf_file *)n->lazy)->strings;
	uint32_t starts = (uint32_t)((s->count + GGUF_STEP - 1) / GGUF_STEP);
	return read_strings(a, s, pieces_search(s->starts, 1, starts, offset), offset, len, put_values, ret, err);
}
