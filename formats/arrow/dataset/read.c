/* SPDX-License-Identifier: MIT */
/* What a field of the union is in one file, how much of it that has, and its bytes. */
#include <inttypes.h>

#include "formats/arrow/dataset/dataset.h"
#include "formats/arrow/view.h"

/* Answers up to this size are copied, so that one made of many small files does not hold
 * them all. */
enum { SMALL = 64 << 10 };

/* --- what it is in a file --------------------------------------------------------------- */

struct mapped {
	const struct table *table;
	struct field *field; /* NULL: the file has no such field */
	bool lacked;         /* or only null there, with as many slots */
};

static struct field *child_at(const struct table *t, const struct field *f, uint32_t place)
{
	uint32_t i = (uint32_t)(f - t->fields) + 1;
	while (i < f->next && place-- > 0)
		i = t->fields[i].next;
	return i < f->next ? &t->fields[i] : NULL;
}

/* `hint`: where it is if the files have the same fields. */
static struct field *named(const struct table *t, uint32_t first, uint32_t end, uint32_t hint, struct slice name)
{
	if (hint >= first && hint < end && t->fields[hint].parent == t->fields[first].parent && slice_equal(t->fields[hint].name, name))
		return &t->fields[hint];
	for (uint32_t i = first; i < end; i = t->fields[i].next)
		if (slice_equal(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

static uint32_t number_of(const struct table *t, const struct field *f)
{
	return (uint32_t)(f - t->fields);
}

/* Below what the parent is in the file: by name in a struct, else by place. */
static struct field *step(const struct table *t, const struct field *f, const struct mapped *above)
{
	const struct field *parent = &t->fields[f->parent];
	bool pair = parent->parent != FIELD_NONE && t->fields[parent->parent].array.dtype == DTYPE_MAP;
	uint32_t place = 0;
	if (parent->layout == LAYOUT_STRUCT && !pair)
		return named(above->table, number_of(above->table, above->field) + 1, above->field->next, number_of(t, f), f->name);
	for (uint32_t i = f->parent + 1; i != number_of(t, f); i = t->fields[i].next)
		place++;
	return child_at(above->table, above->field, place);
}

/* As the rules have it that united them. */
static bool fits(const struct field *f, const struct field *in_file)
{
	enum dtype_kind kind = dtype_kind(f->array.dtype), from = dtype_kind(in_file->array.dtype);
	if (arrow_kind_of(f) != arrow_kind_of(in_file) || f->per != in_file->per)
		return false;
	if (f->layout != LAYOUT_FIXED || !arrow_needs_widening(f, in_file))
		return true;
	return in_file->width < f->width && f->width <= 32 && (kind == from || (kind == KIND_SIGNED && from == KIND_UNSIGNED));
}

static int map(const struct arrow *file, const struct table *t, const struct field *f, struct mapped *ret, struct error *err)
{
	const struct united *u = united(t);
	struct mapped above = {file->tables[0], NULL, false};
	int r = 0;
	*ret = (struct mapped){NULL, NULL, true};
	if (f->parent != FIELD_NONE)
		r = map(file, t, &t->fields[f->parent], &above, err);
	else if (u->owner)
		r = map(file, u->owner, u->indices, &above, err);
	if (r < 0 || above.lacked)
		return r;
	ret->table = above.table;
	if (f->parent != FIELD_NONE) {
		ret->field = step(t, f, &above);
	} else if (u->owner) {
		ret->table = above.field->dictionary;
		ret->field = &ret->table->fields[0];
	} else {
		ret->field = named(above.table, 0, above.table->nfields, number_of(t, f), f->name);
	}
	ret->lacked = !ret->field || (ret->field->layout == LAYOUT_NULL && f->layout != LAYOUT_NULL);
	return ret->lacked || fits(f, ret->field) ? 0 : error_set(err, EIO, "its type is not what it was");
}

/* --- how much of it --------------------------------------------------------------------- */

static int count_key(const struct table *t, const struct table_key *key, uint32_t file, uint64_t *ret, struct error *err)
{
	if (__builtin_mul_overflow(t->batches[file + 1].first - t->batches[file].first, key->values[file].len, ret))
		return error_set(err, EFBIG, "a column is larger than any file");
	return 0;
}

/* No lists, bytes or runs are where it is null. */
static int count(struct archive *a, const struct table *t, struct field *f, bool leads, uint32_t file, struct block *within, uint64_t *ret,
		 struct error *err)
{
	const struct table_key *key = united(t)->keys[number_of(t, f)];
	struct member *member = united(t)->files->all[file];
	struct archive *opened;
	struct mapped m;
	struct sums sums;
	(void)a;
	*ret = 0;
	if (key)
		return count_key(t, key, file, ret, err);
	int r = part_hold(member, &opened, err);
	if (r < 0)
		return r;
	r = map(opened->priv, t, f, &m, err);
	if (r == 0 && m.field && !(leads && m.lacked)) {
		r = leads ? arrow_lead_sums(opened, m.table, m.field, m.table->nbatches, within, &sums, err)
			  : arrow_slot_sums(opened, m.table, m.field, m.table->nbatches, within, &sums, err);
		*ret = r < 0 ? 0 : sums_at(&sums, m.table->nbatches);
	}
	member_release(member);
	return r;
}

/* --- elements that are not as in the file ------------------------------------------------- */

struct getting {
	struct archive *a;
	const struct shown *shown;
	uint32_t file;
	struct archive *opened;
	struct shown there;     /* in the file */
	uint64_t first, count;  /* the elements */
	unsigned width;
	struct readahead_next next;
	struct answer memory;   /* that is needed meanwhile */
};

/* The file's elements, or something else of the same slots. */
static int fetch(struct getting *g, enum what what, uint8_t **ret, struct error *err)
{
	struct shown s = {g->there.table, g->there.field, what};
	unsigned width = arrow_shown_width(&s);
	struct readahead_next next = {.kind = g->next.kind == READ_SEQUENTIAL ? READ_SEQUENTIAL : READ_RANDOM, .passed = g->next.passed, .readers = g->next.readers};
	struct answer raw;
	answer_init(&raw);
	int r = arrow_read_shown(g->opened, &s, g->first * width, g->count * width, next, &raw, err);
	if (r == 0 && raw.len != g->count * width)
		r = error_set(err, EIO, "fewer elements than there should be");
	if (r == 0)
		r = answer_own(&g->memory, (size_t)raw.len, ret);
	if (r == 0)
		r = answer_copy(&raw, *ret, err);
	answer_close(&raw);
	return r;
}

static void reverse(uint8_t *elements, uint64_t count, unsigned width)
{
	for (uint64_t i = 0; i < count; i++, elements += width)
		for (unsigned k = 0; k < width / 2; k++) {
			uint8_t byte = elements[k];
			elements[k] = elements[width - 1 - k];
			elements[width - 1 - k] = byte;
		}
}

static void widen(struct getting *g, uint8_t *from, bool big, uint8_t *to)
{
	const struct field *f = g->there.field;
	enum table_widening how = table_widening(f->array.dtype, g->width);
	if (big)
		reverse(from, g->count, f->width);
	table_convert(how, from, f->width, g->width, 0, g->count * g->width, to);
	if (big)
		reverse(to, g->count, g->width);
}

/* They count on from those of the files before. */
static int add_base(struct getting *g, const uint8_t *from, uint8_t *to, struct error *err)
{
	struct field *f = g->shown->field;
	struct sums sums;
	int r = f->layout == LAYOUT_RUN_END ? arrow_slot_sums(g->a, g->shown->table, f, g->file, NULL, &sums, err)
					    : arrow_lead_sums(g->a, g->shown->table, f, g->file, NULL, &sums, err);
	for (uint64_t i = 0; i < g->count && r == 0; i++)
		store_number(to + i * 8, load_unsigned(from + i * 8, 8, false) + sums_at(&sums, g->file), 8, false);
	return r;
}

static int add_code_bases(struct getting *g, const uint8_t *from, uint8_t *to, struct error *err)
{
	struct field **codes = g->shown->field->codes;
	uint64_t bases[128] = {0};
	uint8_t *types = NULL;
	int r = fetch(g, WHAT_VALUES, &types, err);
	for (unsigned i = 0; i < 128 && r == 0; i++) {
		struct sums sums;
		if (codes[i] && (r = arrow_slot_sums(g->a, g->shown->table, codes[i], g->file, NULL, &sums, err)) == 0)
			bases[i] = sums_at(&sums, g->file);
	}
	for (uint64_t i = 0; i < g->count && r == 0; i++) {
		if (types[i] > 127 || !codes[types[i]])
			r = error_set(err, EBADMSG, "slot %" PRIu64 " is of type %u", g->first + i, types[i]);
		else
			store_number(to + i * 8, load_unsigned(from + i * 8, 8, false) + bases[types[i]], 8, false);
	}
	return r;
}

/* Those of null slots are zero. */
static int add_dictionary_base(struct getting *g, const uint8_t *from, bool big, uint8_t *to, struct error *err)
{
	const struct field *f = g->shown->field, *in_file = g->there.field;
	uint64_t base = f->dictionary->batches[g->file].first;
	unsigned w = in_file->shown;
	uint8_t *ok = NULL;
	int r = fetch(g, WHAT_VALIDITY, &ok, err);
	for (uint64_t i = 0; i < g->count && r == 0; i++) {
		uint64_t index = load_unsigned(from + i * w, w, big);
		store_number(to + i * g->width, ok[i] ? base + index : 0, g->width, big);
	}
	return r;
}

static int convert(struct getting *g, uint8_t *from, uint8_t *to, struct error *err)
{
	bool big = ((const struct arrow *)g->a->priv)->big;
	if (g->shown->what == WHAT_OFFSETS)
		return g->shown->field->layout == LAYOUT_DENSE ? add_code_bases(g, from, to, err) : add_base(g, from, to, err);
	if (g->shown->field->layout == LAYOUT_INDICES)
		return add_dictionary_base(g, from, big, to, err);
	widen(g, from, big, to);
	return 0;
}

static int get_converted(struct getting *g, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	uint8_t *from, *whole, *to;
	g->first = at / g->width;
	g->count = (at + len - 1) / g->width + 1 - g->first;
	answer_init(&g->memory);
	int r = fetch(g, g->shown->what, &from, err);
	if (r == 0)
		r = answer_own(&g->memory, (size_t)(g->count * g->width), &whole);
	if (r == 0)
		r = convert(g, from, whole, err);
	if (r == 0)
		r = answer_own(ret, (size_t)len, &to);
	if (r == 0)
		memcpy(to, whole + at % g->width, (size_t)len);
	answer_close(&g->memory);
	return r;
}

/* The first file's are those of all, but for their width. */
static bool is_as_it_is(const struct getting *g)
{
	const struct field *f = g->shown->field, *in_file = g->there.field;
	if (g->shown->what == WHAT_OFFSETS)
		return g->file == 0;
	if (g->shown->what != WHAT_VALUES)
		return true;
	if (f->layout == LAYOUT_INDICES)
		return f->dictionary->batches[g->file].first == 0 && f->shown == in_file->shown;
	return !arrow_needs_widening(f, in_file);
}

/* --- one file ------------------------------------------------------------------------------- */

/* Appends the file's answer, which keeps a hold on the file; a small one is copied instead. */
static int pass_on(struct member *member, struct answer *piece, uint64_t len, struct answer *ret, struct error *err)
{
	uint8_t *to;
	int r = 0;
	if (piece->len != len)
		r = error_set(err, EIO, "fewer elements than there should be");
	if (r == 0 && len > SMALL)
		return answer_join(ret, piece, member_release, member);
	if (r == 0)
		r = answer_own(ret, (size_t)len, &to);
	if (r == 0)
		r = answer_copy(piece, to, err);
	answer_close(piece);
	member_release(member);
	return r;
}

static int get_as_it_is(struct getting *g, struct member *member, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct answer piece;
	answer_init(&piece);
	int r = arrow_read_shown(g->opened, &g->there, at, len, g->next, &piece, err);
	if (r == 0)
		return pass_on(member, &piece, len, ret, err);
	answer_close(&piece);
	member_release(member);
	return r;
}

/* A file that was partly unreadable when it was counted, and is readable now, no longer fits
 * its place. */
static int check_count(struct getting *g, const struct piece *piece, struct error *err)
{
	struct sums sums;
	int r = arrow_sums(g->opened, &g->there, g->there.table->nbatches, &sums, err);
	if (r == 0 && sums_at(&sums, g->there.table->nbatches) * g->width != piece->end - piece->begin)
		r = error_set(err, EIO, "its size is no longer what was counted first");
	return r;
}

/* A field that the file lacks: null. */
static int get_lacked(struct getting *g, struct piece *piece, struct error *err)
{
	struct sums sums;
	piece->kind = PIECE_ZEROS;
	if (g->shown->what != WHAT_OFFSETS)
		return 0;
	int r = arrow_lead_sums(g->a, g->shown->table, g->shown->field, g->file, NULL, &sums, err);
	if (r == 0)
		piece_number(piece, (int64_t)sums_at(&sums, g->file), 8);
	return r;
}

static int get_of_file(struct getting *g, struct member *member, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret,
		       struct error *err)
{
	struct mapped m;
	int r = part_hold(member, &g->opened, err);
	if (r < 0)
		return error_passes(r) ? r : -EIO;
	r = map(g->opened->priv, g->shown->table, g->shown->field, &m, err);
	g->there = (struct shown){m.table, m.field, g->shown->what};
	if (r == 0 && !m.lacked)
		r = check_count(g, piece, err);
	if (r == 0 && !m.lacked && is_as_it_is(g))
		return get_as_it_is(g, member, at, len, ret, err);
	if (r == 0)
		r = m.lacked ? get_lacked(g, piece, err) : get_converted(g, at, len, ret, err);
	member_release(member);
	return r;
}

/* --- partition keys ---------------------------------------------------------------------------- */

/* In the byte order of all. */
static void key_number(struct getting *g, const struct table_key *key, struct piece *piece)
{
	bool big = ((const struct arrow *)g->a->priv)->big;
	int64_t value = table_key_number(key, g->file);
	piece_number(piece, value, g->width);
	if (big)
		store_number(piece->own, (uint64_t)value, g->width, true);
}

static int get_key(struct getting *g, const struct table_key *key, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret,
		   struct error *err)
{
	struct slice value = key->values[g->file];
	struct sums sums;
	int r;
	switch (g->shown->what) {
	case WHAT_OFFSETS:
		r = arrow_lead_sums(g->a, g->shown->table, g->shown->field, g->file, NULL, &sums, err);
		return r < 0 ? r : table_key_offsets(sums_at(&sums, g->file), value.len, at, len, ret);
	case WHAT_BYTES:
		piece->kind = PIECE_PATTERN;
		piece->pattern = value;
		break;
	case WHAT_VALIDITY:
		piece_number(piece, value.data != NULL, 1);
		break;
	case WHAT_VALUES:
		key_number(g, key, piece);
	}
	return 0;
}

/* --- all ------------------------------------------------------------------------------------------- */

static int get(struct archive *a, const struct shown *shown, uint32_t file, struct piece *piece, uint64_t at, uint64_t len,
	       struct readahead_next next, struct answer *ret, struct error *err)
{
	const struct united *u = united(shown->table);
	const struct table_key *key = u->keys[number_of(shown->table, shown->field)];
	struct getting g = {.a = a, .shown = shown, .file = file, .width = arrow_shown_width(shown), .next = next};
	struct member *member = u->files->all[file];
	int r = key ? get_key(&g, key, piece, at, len, ret, err) : get_of_file(&g, member, piece, at, len, ret, err);
	return r < 0 && r != -EINTR ? error_prefix(err, r, member->path) : r;
}

static void prefetch(struct archive *a, const struct table *t, uint32_t file)
{
	part_prefetch(a, united(t)->files->all[file]);
}

const struct arrow_files arrow_united = {count, get, prefetch};
