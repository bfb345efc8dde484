/* SPDX-License-Identifier: MIT */
/* Reads a shown file: which of its bytes come from which batches. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/arrow/view.h"

/* Files that are opened ahead, and what one takes at most while it is read. */
enum { AHEAD = 4, BYTES = 1 << 20 };

/* The state of a read. */
struct reading {
	struct archive *a;
	const struct shown *shown;
	const struct arrow_files *files; /* NULL: batches are of the archive itself */
	unsigned width;
	struct sums sums;  /* elements before each batch */
	int64_t last;      /* the offset after the last, where there is one and it is known */
};

/* Is there one more offset than slots? */
static bool has_tail(const struct shown *s)
{
	return s->what == WHAT_OFFSETS && s->field->layout != LAYOUT_DENSE && s->field->layout != LAYOUT_RUN_END;
}

/* --- batches as pieces, numbered as they are ------------------------------------------- */

static uint64_t last_batch_at(const struct reading *r, uint64_t offset)
{
	return pieces_search(r->sums.first, r->sums.stride, r->sums.known + 1, offset / r->width / r->sums.factor);
}

static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	struct reading *r = p->owner;
	(void)len;
	(void)err;
	if (offset >= p->size) {
		*ret = (struct piece){.begin = p->size, .end = p->size + r->width, .number = PIECES_END, .last = PIECES_END};
		return 0;
	}
	ret->number = ret->last = last_batch_at(r, offset);
	ret->begin = sums_at(&r->sums, ret->number) * r->width;
	ret->end = sums_at(&r->sums, ret->number + 1) * r->width;
	p->bytes = ret->end - ret->begin;
	if (r->files && p->bytes > BYTES)
		p->bytes = BYTES;
	return 0;
}

static int make(struct making *m, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	uint64_t place;
	uint8_t *out;
	int r = 0;
	if (arrow_making_in_place(m, &place)) {
		if (!range_within(place + at, len, m->values.bytes.len))
			return error_set(err, EBADMSG, "a buffer of %zu bytes, of which %" PRIu64 " are needed", m->values.bytes.len, place + at + len);
		if ((r = arrow_making_check(m, place + at, len, err)) < 0)
			return r;
		piece->kind = m->values.block ? PIECE_BLOCK : PIECE_SOURCE;
		piece->at = m->values.block ? place : m->values.mapped.at + place;
		piece->source = &m->view.a->source;
		piece->block = m->values.block;
		m->values.block = NULL; /* it is the piece's now */
		return 0;
	}
	r = answer_own(ret, (size_t)len, &out);
	return r < 0 ? r : arrow_making_bytes(m, at, len, out, err);
}

static int get_batch(struct reading *r, struct piece *piece, uint64_t at, uint64_t len, bool in_order, struct answer *ret, struct error *err)
{
	struct making m;
	int e = arrow_making_open(&m, r->a, r->shown, (uint32_t)piece->number, NULL, err);
	if (e == 0 && m.count * r->width != piece->end - piece->begin)
		e = error_set(err, EIO, "its size is no longer what was counted first");
	m.passed = in_order && at + len == piece->end - piece->begin;
	if (e == 0)
		e = make(&m, piece, at, len, ret, err);
	arrow_making_close(&m);
	return e;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct reading *r = p->owner;
	if (piece->number == PIECES_END) {
		piece_number(piece, r->last, r->width);
		return 0;
	}
	if (r->files) {
		struct readahead_next next = p->next;
		next.offset -= piece->begin;
		return r->files->get(r->a, r->shown, (uint32_t)piece->number, piece, at, len, next, ret, err);
	}
	int e = get_batch(r, piece, at, len, p->next.kind == READ_SEQUENTIAL, ret, err);
	if (e < 0 && e != -EINTR) {
		char name[32];
		snprintf(name, sizeof name, "batch %" PRIu64, piece->number);
		error_prefix(err, e, name);
	}
	return e;
}

static uint64_t find(struct pieces *p, uint64_t offset)
{
	return offset >= p->size ? PIECES_END : last_batch_at(p->owner, offset);
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	struct reading *r = p->owner;
	if (number >= r->shown->table->nbatches)
		return PIECES_END;
	if (r->files)
		r->files->prefetch(r->a, r->shown->table, (uint32_t)number);
	else
		arrow_making_prefetch(r->a, r->shown, (uint32_t)number);
	return number + 1;
}

/* --- files -------------------------------------------------------------------------------- */

/* Counts as many batches as [0, end) takes; *ret_size is what these have, without the tail. */
static int set_up(struct reading *r, struct archive *a, const struct shown *shown, uint64_t end, uint64_t *ret_size, struct error *err)
{
	const struct table *t = shown->table;
	struct sums leads = {0};
	*r = (struct reading){.a = a, .shown = shown, .files = ((const struct arrow *)a->priv)->files};
	r->width = arrow_shown_width(r->shown);
	*ret_size = 0;
	if (r->width == 0)
		return 0;
	int e = 0;
	for (uint32_t batches = end < UINT64_MAX ? 0 : t->nbatches; e == 0; batches = r->sums.known + 1) {
		e = arrow_sums(a, r->shown, batches, &r->sums, err);
		if (e == 0 && __builtin_mul_overflow(sums_at(&r->sums, r->sums.known), (uint64_t)r->width, ret_size))
			e = error_set(err, EBADMSG, "a column is larger than any file");
		if (*ret_size >= end || r->sums.known == t->nbatches)
			break;
	}
	if (e == 0 && end > *ret_size && has_tail(r->shown)) {
		e = arrow_lead_sums(a, t, r->shown->field, t->nbatches, NULL, &leads, err);
		r->last = e < 0 ? 0 : (int64_t)sums_at(&leads, t->nbatches);
	}
	return e;
}

int arrow_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	struct reading r;
	int e = set_up(&r, a, n->lazy, UINT64_MAX, ret, err);
	if (e == 0 && has_tail(r.shown))
		*ret += r.width;
	return e;
}

int arrow_read_shown(struct archive *a, const struct shown *shown, uint64_t offset, uint64_t len, struct readahead_next next,
		     struct answer *ret, struct error *err)
{
	static const struct pieces_type type = {place, get, find, prefetch};
	struct reading r;
	uint64_t size, end;
	int e = __builtin_add_overflow(offset, len, &end) ? -EINVAL : set_up(&r, a, shown, end, &size, err);
	if (e < 0)
		return e;
	uint64_t has = size + (has_tail(shown) && end > size ? r.width : 0);
	if (offset >= has)
		return 0;
	len = len < has - offset ? len : has - offset;
	struct pieces p = {.type = &type, .owner = &r, .size = size, .next = next, .most = r.files ? AHEAD : 0};
	if (((const struct arrow *)a->priv)->compressed)
		p.blocks = a->options->blocks;
	return pieces_read(&p, offset, len, ret, err);
}

int arrow_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	return arrow_read_shown(a, n->lazy, offset, len, blocks_readahead(a->options->blocks, n, offset, len), ret, err);
}
