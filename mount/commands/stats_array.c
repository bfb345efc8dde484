/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "fs/mirror/open_archives.h"
#include "fs/views/text.h"
#include "mount/commands/piece.h"
#include "mount/commands/stats.h"

/* --- how many elements there are -------------------------------------------------------- */

/* As many as the shape says, if they fill the file; else as many as it has. */
static uint64_t count_elements(const struct summary_plan *p, uint64_t size)
{
	const struct array *a = p->array;
	uint64_t count, bits = dtype_bits(a), all;
	if (p->widened && p->widen.decode)
		return size / p->bytes * p->elements;
	if (!a->unshaped && shape_elements(a->shape, a->rank, &count) && !__builtin_mul_overflow(count, bits, &all) && all / 8 + (all % 8 > 0) == size)
		return count;
	return size / bits * 8 + size % bits * 8 / bits;
}

/* Bytes of the first n elements. */
static uint64_t bytes_of(const struct job *j, uint64_t n)
{
	uint64_t groups = n / j->plan.elements + (n % j->plan.elements > 0), bytes = groups * j->plan.bytes;
	return bytes < j->size ? bytes : j->size;
}

/* --- nulls --------------------------------------------------------------------------------- */

static int find_validity(struct archive *a, struct job *j)
{
	struct node *n = view_nulls(a, j->ref.node);
	j->each = 1;
	if (!n)
		return 0;
	j->validity = j->ref;
	j->validity.node = n;
	j->validity.ino = ino_of(j->ref.ino, VIEW_NONE, tree_index(&a->tree, n));
	int r = archive_size(a, n, &j->slots, &j->err);
	if (r == 0 && j->slots > 0 && j->count / j->slots > 0 && j->count % j->slots == 0)
		j->each = j->count / j->slots;
	else
		j->validity.node = NULL;
	return r;
}

/* --- opening -------------------------------------------------------------------------------- */

/* A piece is a whole number of groups, of blocks, and of slots of the validity as far as these are small. */
static void cut(struct job *j)
{
	uint64_t piece = piece_is_mapped(&j->ref) ? PIECE_MAPPED : PIECE_DECODED;
	uint64_t n = piece / j->plan.bytes * j->plan.elements;
	j->step = n > SUMMARY_BLOCK ? n / SUMMARY_BLOCK * SUMMARY_BLOCK : n;
}

static int find_size(struct archive *a, struct job *j)
{
	if (archive_finds_end(a, j->ref.node) && !view_nulls(a, j->ref.node)) {
		j->size = j->count = UINT64_MAX;
		j->serial = true;
		return 0;
	}
	int r = archive_size(a, j->ref.node, &j->size, &j->err);
	j->count = r == 0 ? count_elements(&j->plan, j->size) : 0;
	return r;
}

void stats_open(struct job *j)
{
	struct archive *a = &j->ref.open->archive;
	struct node *n = j->ref.node;
	if (n->kind == NODE_FAULT) {
		const struct attr *why = node_error(n);
		j->failed = error_set(&j->err, EBADMSG, "%.*s", why ? (int)why->value.len : 0, why ? (const char *)why->value.data : "");
		return;
	}
	summary_init(&j->plan, n->array);
	j->serial = n->kind == NODE_LAZY && a->format->serial;
	j->parts = calloc(PARTS, sizeof *j->parts);
	j->failed = j->parts ? find_size(a, j) : error_no_memory(&j->err, "it");
	if (j->failed == 0)
		j->failed = find_validity(a, j);
	cut(j);
}

bool stats_has_piece(const struct job *j, uint64_t number)
{
	uint64_t begin;
	return !j->failed && !__builtin_mul_overflow(number, j->step, &begin) && begin < j->count;
}

/* --- a piece --------------------------------------------------------------------------------- */

static int read_validity(struct stats *s, const struct job *j, uint64_t at, uint64_t count, struct piece *ret, struct summary_valid *valid,
			 struct error *err)
{
	if (!j->validity.node || count == 0)
		return 0;
	uint64_t first = at / j->each, last = (at + count - 1) / j->each;
	int r = piece_read(s->opened.mirror, &j->validity, -1, first, last - first + 1, ret, err);
	*valid = (struct summary_valid){ret->at, first, j->each};
	return r;
}

static int look(const struct job *j, const struct piece *p, uint64_t at, uint64_t count, const struct summary_valid *valid,
		struct summary *part, uint64_t *counts, struct error *err)
{
	if (p->mapped)
		source_enter(p->mapped);
	if (counts)
		summary_count(&j->plan, &j->bins, p->at, at, count, valid, counts);
	else
		summary_run(&j->plan, p->at, at, count, valid, part);
	return p->mapped ? source_leave(p->mapped, p->offset, p->len, err) : 0;
}

/* Of an array whose end was not known until now. */
static uint64_t elements_read(const struct job *j, uint64_t bytes)
{
	return bytes * 8 / dtype_bits(j->plan.array);
}

int stats_piece(struct stats *s, const struct job *j, uint64_t number, struct summary *part, uint64_t *counts, uint64_t *ret_bytes,
		uint64_t *ret_end, struct error *err)
{
	uint64_t at = number * j->step, offset = at / j->plan.elements * j->plan.bytes, count;
	struct piece bytes = {0}, slots = {0};
	struct summary_valid valid = {0};
	int r;
	*ret_end = j->count;
	if (j->count == UINT64_MAX) {
		r = piece_read_some(s->opened.mirror, &j->ref, -1, offset, j->step / j->plan.elements * j->plan.bytes, &bytes, err);
		count = elements_read(j, bytes.len);
		if (r == 0 && count < j->step)
			*ret_end = at + count;
	} else {
		count = j->count - at < j->step ? j->count - at : j->step;
		r = piece_read(s->opened.mirror, &j->ref, -1, offset, bytes_of(j, at + count) - offset, &bytes, err);
	}
	*ret_bytes = bytes.len;
	if (r == 0)
		r = piece_pad(&bytes, j->plan.bytes, err);
	if (r == 0)
		r = read_validity(s, j, at, count, &slots, &valid, err);
	if (r == 0)
		r = look(j, &bytes, at, count, &valid, part, counts, err);
	piece_close(&slots);
	piece_close(&bytes);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : 0;
}

/* --- the second pass --------------------------------------------------------------------------- */

bool stats_begin_bins(struct job *j, unsigned n)
{
	if (n == 0 || j->binning || j->failed || j->same)
		return false;
	j->edges = calloc(n + 1, sizeof *j->edges);
	j->counts = calloc(n, sizeof *j->counts);
	if (!j->edges || !j->counts) {
		j->failed = error_no_memory(&j->err, "its histogram");
		return false;
	}
	j->binning = summary_bins(&j->plan, &j->all, n, j->edges, &j->bins);
	j->taken = j->joined = 0;
	return j->binning;
}
