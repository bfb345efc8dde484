/* SPDX-License-Identifier: MIT */
/* Reads a shown column: works out which files its bytes come from. */
#include <inttypes.h>

#include "formats/parquet/dataset/dataset.h"
#include "fs/archive/pieces.h"

/* Pieces up to this size are copied, so that an answer made of many small files does not hold
 * them all. */
enum { SMALL = 64 << 10 };

/* How many files are opened ahead of a reader, and how many bytes ahead. */
enum { AHEAD = 4, AHEAD_BYTES = 4 << 20 };

struct reading {
	struct archive *a;
	const struct dataset *d;
	const struct shown *shown;
	const struct field *field;  /* the leaf */
	const struct field *target; /* what the file describes: the leaf or one above it */
	struct answer *answer;
	unsigned quantity, counted; /* as in read.c */
	uint32_t width;
	bool tail;
	uint32_t file;         /* being read, */
	uint64_t from;         /* from this offset on */
	struct readahead_next next; /* what the reader will read next, within the file */
};

static const uint64_t *totals_of(const struct reading *r, unsigned quantity)
{
	if (quantity == 0)
		return r->d->p.first_row;
	return atomic_load_explicit(&r->shown->leaf->totals, memory_order_acquire) + (size_t)quantity * (r->d->p.ngroups + 1u);
}

/* The list that the offsets are of, or the field that the validity is of. */
const struct field *pq_dataset_target(const struct dataset *d, const struct shown *s, const struct field *f)
{
	if (s->what == WHAT_OFFSETS)
		while (f && !((f->form == FORM_LIST || f->form == FORM_MAP) && f->depth == s->depth))
			f = f->parent;
	if (s->what == WHAT_VALIDITY)
		while (f && !(f->nullable && d->p.elements[f->element].max_def == s->level))
			f = f->parent;
	return f;
}

static void set_up(struct reading *r, struct archive *a, const struct shown *s)
{
	r->a = a;
	r->d = a->priv;
	r->shown = s;
	r->field = r->d->columns[s->leaf->number];
	r->target = pq_dataset_target(r->d, s, r->field);
	r->width = shown_width(s);
	r->quantity = shown_quantity(s);
	r->tail = shown_tail(s);
	r->counted = shown_counted(s);
}

static int have_totals(const struct reading *r, struct error *err)
{
	return r->quantity > 0 || r->tail ? pq_dataset_totals(r->a, r->shown->leaf, err) : 0;
}

/* --- without reading a file -------------------------------------------------------------- */

/* The value of a partition key in the rows of one file. */
static int read_key(struct reading *r, struct piece *piece, uint64_t at, uint64_t len)
{
	const struct table_key *key = r->field->key;
	struct slice value = key->values[r->file];
	switch ((enum what)r->shown->what) {
	case WHAT_STRING_OFFSETS:
		return table_key_offsets(totals_of(r, r->counted)[r->file], value.len, at, len, r->answer);
	case WHAT_STRINGS:
		piece->kind = PIECE_PATTERN;
		piece->pattern = value;
		break;
	case WHAT_VALIDITY:
		piece_number(piece, value.data != NULL, 1);
		break;
	default:
		piece_number(piece, table_key_number(key, r->file), r->width);
	}
	return 0;
}

/* --- one file ------------------------------------------------------------------------------ */

static int read_widened(struct reading *r, struct archive *file, struct shown *s, const struct element *e, uint64_t at,
			uint64_t len, struct error *err)
{
	uint32_t from_width = s->leaf->width, width = r->width;
	uint64_t first = at / width, end = (at + len + width - 1) / width;
	struct answer raw;
	uint8_t *to, *from;

	if (width > 32 || !pq_dataset_fits(r->field, e, from_width))
		return error_set(err, EIO, "its type is not what it was");
	answer_init(&raw);
	struct readahead_next next = {.kind = r->next.kind == READ_SEQUENTIAL ? READ_SEQUENTIAL : READ_RANDOM, .passed = r->next.passed};
	int x = pq_read_shown(file, s, first * from_width, (end - first) * from_width, next, &raw, err);
	struct answer flat;
	answer_init(&flat);
	if (x == 0)
		x = answer_own(&flat, (size_t)raw.len, &from);
	if (x == 0)
		x = answer_copy(&raw, from, err);
	answer_close(&raw);
	if (x == 0 && flat.len != (end - first) * from_width)
		x = error_set(err, EIO, "fewer elements than there should be");
	if (x == 0)
		x = answer_own(r->answer, (size_t)len, &to);
	if (x == 0)
		table_convert(table_widening(pq_schema_dtype(e), width), from, from_width, width, at % width, len, to);
	answer_close(&flat);
	return x;
}

/* A field that the file lacks: null. */
static int read_lacked(struct reading *r, struct piece *piece, struct error *err)
{
	if (r->shown->what == WHAT_STRINGS)
		return error_set(err, EIO, "fewer bytes than there should be");
	piece->kind = PIECE_ZEROS;
	if (r->tail)
		piece_number(piece, (int64_t)totals_of(r, r->counted)[r->file], 8);
	return 0;
}

/* Appends the file's answer, which keeps a hold on the file; a small one is copied instead. */
static int pass_on(struct reading *r, struct member *part, struct answer *piece, uint64_t len, struct error *err)
{
	uint8_t *to;
	int e = 0;
	if (piece->len != len)
		e = error_set(err, EIO, "fewer elements than there should be");
	if (e == 0 && len <= SMALL) {
		e = answer_own(r->answer, (size_t)len, &to);
		if (e == 0)
			e = answer_copy(piece, to, err);
	}
	if (e < 0 || len <= SMALL) {
		answer_close(piece);
		member_release(part);
		return e;
	}
	return answer_join(r->answer, piece, member_release, part);
}

/* A file that was partly unreadable when it was counted, and is readable now, no longer fits
 * its place. */
static int check_totals(const struct reading *r, struct archive *file, struct leaf *leaf, struct error *err)
{
	const struct parquet *p = file->priv;
	unsigned asked[] = {r->quantity, r->tail ? r->counted : 0};
	int e = r->quantity > 0 || r->tail ? pq_leaf_totals(file, leaf, NULL, err) : 0;
	const uint64_t *totals = atomic_load_explicit(&leaf->totals, memory_order_acquire);
	for (unsigned i = 0; i < 2 && e == 0; i++)
		if (asked[i] > 0 && totals[(size_t)asked[i] * (p->ngroups + 1u) + p->ngroups] !=
					    totals_of(r, asked[i])[r->file + 1] - totals_of(r, asked[i])[r->file])
			e = error_set(err, EIO, "its size is no longer what was computed first");
	return e;
}

/* The file's pages contradicted its size statistics: the column is counted as well, and the
 * current read is repeated. */
static void count_too(const struct reading *r, const struct archive *file)
{
	if (atomic_load(&file->resized) > 0)
		pq_leaf_count(r->a, r->shown->leaf);
}

static int read_there(struct reading *r, struct piece *of, struct member *part, struct archive *file, const struct mapped *m,
		      uint64_t at, uint64_t len, struct error *err)
{
	const struct parquet *p = file->priv;
	const struct element *e = m->e;
	const struct shown *as = r->shown;
	bool bare = e->repetition == REPEATED && e->max_rep > r->target->depth;
	struct shown s = {.leaf = r->target->form == FORM_LEAF ? &p->leaves[e->leaf] : pq_leaf_first(p, e), .what = as->what,
			  .depth = as->depth, .level = (uint8_t)(e->max_def - bare), .whole = as->whole,
			  .group = r->target->form == FORM_LEAF ? NULL : e,
			  .base = as->what == WHAT_OFFSETS || as->what == WHAT_STRING_OFFSETS ? totals_of(r, r->counted)[r->file] : 0};
	struct answer piece;
	if (atomic_load(&as->leaf->counted))
		pq_leaf_count(file, s.leaf);
	int x = check_totals(r, file, s.leaf, err);

	if (x < 0) {
		count_too(r, file);
		member_release(part);
		return x;
	}
	if (as->what == WHAT_VALIDITY && s.level == 0) {
		member_release(part);
		piece_number(of, 1, 1);
		return 0;
	}
	if (as->what == WHAT_VALUES && (s.leaf->width != r->width || pq_schema_dtype(e) != pq_schema_dtype(&r->field->type))) {
		x = read_widened(r, file, &s, e, at, len, err);
		member_release(part);
		return x;
	}
	answer_init(&piece);
	x = pq_read_shown(file, &s, at, len, r->next, &piece, err);
	if (x < 0)
		count_too(r, file);
	if (x == 0)
		return pass_on(r, part, &piece, len, err);
	answer_close(&piece);
	member_release(part);
	return x;
}

static int read_file(struct reading *r, struct piece *piece, uint64_t at, uint64_t len, struct error *err)
{
	struct member *part = r->d->files->all[r->file];
	struct archive *file;
	int e = part_hold(part, &file, err);
	if (e < 0)
		return error_passes(e) ? e : -EIO;
	struct mapped m;
	e = pq_dataset_map_in(file, r->target, &m, err);
	if (e < 0 || !m.e) {
		member_release(part);
		return e < 0 ? e : read_lacked(r, piece, err);
	}
	return read_there(r, piece, part, file, &m, at, len, err);
}

/* --- the files as pieces, by their numbers ------------------------------------------------ */

static uint64_t find(struct pieces *p, uint64_t offset)
{
	struct reading *r = p->owner;
	return pieces_search(totals_of(r, r->quantity), 1, r->d->p.ngroups, offset / r->width);
}

static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	struct reading *r = p->owner;
	const uint64_t *totals = totals_of(r, r->quantity);
	(void)len;
	if (offset >= p->size) {
		*ret = (struct piece){.begin = p->size, .end = p->size + r->width, .number = PIECES_END, .last = PIECES_END};
		return r->tail ? 0 : error_set(err, EIO, "fewer elements than there should be");
	}
	ret->number = ret->last = find(p, offset);
	ret->begin = totals[ret->number] * r->width;
	ret->end = totals[ret->number + 1] * r->width;
	r->file = (uint32_t)ret->number;
	r->from = offset;
	return 0;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct reading *r = p->owner;
	if (piece->number == PIECES_END) {
		piece_number(piece, (int64_t)totals_of(r, r->counted)[r->d->p.ngroups], 8);
		return 0;
	}
	r->answer = ret;
	r->next = p->next;
	r->next.offset -= piece->begin;
	int e = r->field->key ? read_key(r, piece, at, len) : read_file(r, piece, at, len, err);
	if (e < 0)
		error_prefix(err, e, r->d->files->all[r->file]->path);
	return e;
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	struct reading *r = p->owner;
	if (number >= r->d->p.ngroups)
		return PIECES_END;
	uint64_t begin = totals_of(r, r->quantity)[number] * r->width;
	if (p->next.kind == READ_SEQUENTIAL && begin - r->from > AHEAD_BYTES)
		return PIECES_END;
	if (number != r->file)
		part_prefetch(r->a, r->d->files->all[number]);
	return number + 1;
}

int pq_dataset_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	static const struct pieces_type type = {place, get, find, prefetch};
	struct blocks *blocks = a->options->blocks;
	struct reading r = {.answer = ret};
	set_up(&r, a, n->lazy);
	int e = r.target ? have_totals(&r, err) : error_set(err, EIO, "a file that belongs to no column");
	if (e < 0)
		return e;
	struct pieces p = {.type = &type, .owner = &r, .blocks = r.field->key ? NULL : blocks, .next = blocks_readahead(blocks, r.shown, offset, len),
			   .size = totals_of(&r, r.quantity)[r.d->p.ngroups] * r.width, .most = AHEAD};
	return pieces_read(&p, offset, len, ret, err);
}

int pq_dataset_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	struct reading r = {.answer = NULL};
	set_up(&r, a, n->lazy);
	if (r.shown->leaf->fault)
		return error_set(err, ENOTSUP, "%s", r.shown->leaf->fault);
	int e = have_totals(&r, err);
	if (e < 0)
		return e;
	uint64_t count = totals_of(&r, r.quantity)[r.d->p.ngroups];
	if (__builtin_add_overflow(count, (uint64_t)r.tail, &count) || __builtin_mul_overflow(count, r.width, ret) || *ret > INT64_MAX)
		return error_set(err, EFBIG, "%" PRIu64 " elements are larger than any file", count);
	return 0;
}
