/* SPDX-License-Identifier: MIT */
#include "formats/shared/flatbuffers.h"

enum { TABLE_MIN = 8 }; /* the smallest table has 4 bytes, and 4 that lead to it */

struct flat flat_over(struct slice bytes)
{
	if (bytes.len > INT32_MAX)
		bytes.len = INT32_MAX;
	return (struct flat){.bytes = bytes, .budget = bytes.len / TABLE_MIN + 1};
}

int flat_check(const struct flat *f, struct error *err, const char *what)
{
	return f->failed ? error_set(err, EBADMSG, "%s is not a sound FlatBuffer", what) : 0;
}

static uint64_t fail(struct flat *f)
{
	f->failed = true;
	return 0;
}

/* An unsigned integer; `at` may be anything. */
static uint64_t load(struct flat *f, uint64_t at, unsigned bytes)
{
	uint64_t value = 0;
	if (f->failed || !range_within(at, bytes, f->bytes.len))
		return fail(f);
	for (unsigned i = bytes; i-- > 0;)
		value = value << 8 | f->bytes.data[at + i];
	return value;
}

static int64_t extended(uint64_t value, unsigned bytes)
{
	unsigned unused = 64 - bytes * 8;
	return (int64_t)(value << unused) >> unused;
}

/* Where the offset at `at` leads; 0: it failed. */
static uint32_t follow(struct flat *f, uint64_t at)
{
	uint64_t offset = load(f, at, 4), to = at + offset;
	if (!f->failed && offset >= 4 && to < f->bytes.len)
		return (uint32_t)to;
	return (uint32_t)fail(f);
}

/* --- tables -------------------------------------------------------------------------- */

struct flat_table flat_at(struct flat *f, uint32_t at)
{
	struct flat_table t = {.of = f, .at = at};
	int64_t vtable = (int64_t)at - extended(load(f, at, 4), 4);
	if (f->failed || f->budget == 0 || vtable < 0 || (uint64_t)vtable >= f->bytes.len) {
		fail(f);
		return (struct flat_table){.of = f};
	}
	f->budget--;
	t.vtable = (uint32_t)vtable;
	t.vtable_len = (uint16_t)load(f, t.vtable, 2);
	t.len = (uint16_t)load(f, t.vtable + 2u, 2);
	if (t.vtable_len < 4 || t.vtable_len % 2 || !range_within(t.vtable, t.vtable_len, f->bytes.len) || t.len < 4 ||
	    !range_within(at, t.len, f->bytes.len)) {
		fail(f);
		return (struct flat_table){.of = f};
	}
	return t;
}

struct flat_table flat_root(struct flat *f)
{
	uint32_t at = follow(f, 0);
	return at ? flat_at(f, at) : (struct flat_table){.of = f};
}

/* Where the field is; 0: absent, or it failed. */
static uint32_t field_at(const struct flat_table *t, unsigned field, unsigned bytes)
{
	uint32_t entry = 4 + 2 * field;
	if (!t->at || entry + 2 > t->vtable_len)
		return 0;
	uint32_t offset = (uint32_t)load(t->of, t->vtable + entry, 2);
	if (offset == 0 || (offset >= 4 && offset + bytes <= t->len))
		return offset ? t->at + offset : 0;
	return (uint32_t)fail(t->of);
}

bool flat_has(const struct flat_table *t, unsigned field)
{
	return field_at(t, field, 1) != 0;
}

int64_t flat_int(const struct flat_table *t, unsigned field, unsigned bytes, int64_t absent)
{
	uint32_t at = field_at(t, field, bytes);
	return at ? extended(load(t->of, at, bytes), bytes) : t->of->failed ? 0 : absent;
}

bool flat_bool(const struct flat_table *t, unsigned field)
{
	return flat_int(t, field, 1, 0) != 0;
}

struct flat_table flat_child(const struct flat_table *t, unsigned field)
{
	uint32_t at = field_at(t, field, 4), to = at ? follow(t->of, at) : 0;
	return to ? flat_at(t->of, to) : (struct flat_table){.of = t->of};
}

uint8_t flat_union(const struct flat_table *t, unsigned field, struct flat_table *ret)
{
	uint8_t type = (uint8_t)flat_int(t, field, 1, 0);
	*ret = flat_child(t, field + 1);
	if ((type != 0) != (ret->at != 0))
		fail(t->of);
	return t->of->failed ? 0 : type;
}

/* --- vectors ------------------------------------------------------------------------- */

static struct flat_vector vector_at(struct flat *f, uint32_t at, uint32_t each)
{
	uint32_t count = (uint32_t)load(f, at, 4);
	if (f->failed || count > (f->bytes.len - at - 4) / each) {
		fail(f);
		return (struct flat_vector){.of = f, .each = each};
	}
	return (struct flat_vector){.of = f, .at = at + 4, .count = count, .each = each};
}

struct flat_vector flat_vector(const struct flat_table *t, unsigned field, uint32_t each)
{
	uint32_t at = field_at(t, field, 4), to = at ? follow(t->of, at) : 0;
	return to ? vector_at(t->of, to, each) : (struct flat_vector){.of = t->of, .each = each};
}

static struct slice string_of(const struct flat_vector *v)
{
	return v->at ? (struct slice){v->of->bytes.data + v->at, v->count} : (struct slice){NULL, 0};
}

struct slice flat_string(const struct flat_table *t, unsigned field)
{
	struct flat_vector v = flat_vector(t, field, 1);
	return string_of(&v);
}

/* Where the element is; 0: it failed. */
static uint32_t element_at(const struct flat_vector *v, uint32_t i, uint32_t offset, unsigned bytes)
{
	if (i < v->count && range_within(offset, bytes, v->each))
		return v->at + i * v->each + offset;
	return (uint32_t)fail(v->of);
}

int64_t flat_element(const struct flat_vector *v, uint32_t i, uint32_t offset, unsigned bytes)
{
	uint32_t at = element_at(v, i, offset, bytes);
	return at ? extended(load(v->of, at, bytes), bytes) : 0;
}

struct flat_table flat_element_table(const struct flat_vector *v, uint32_t i)
{
	uint32_t at = element_at(v, i, 0, 4), to = at ? follow(v->of, at) : 0;
	return to ? flat_at(v->of, to) : (struct flat_table){.of = v->of};
}

struct slice flat_element_string(const struct flat_vector *v, uint32_t i)
{
	uint32_t at = element_at(v, i, 0, 4), to = at ? follow(v->of, at) : 0;
	struct flat_vector s = to ? vector_at(v->of, to, 1) : (struct flat_vector){.of = v->of};
	return string_of(&s);
}
