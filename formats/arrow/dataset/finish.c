/* SPDX-License-Identifier: MIT */
/* Makes tables of the complete union, as schema.c makes them of a file's schema. */
#include "formats/arrow/dataset/dataset.h"
#include "fs/base/list.h"

struct making {
	struct uniting *u;
	struct united *made;
	uint32_t n;
};

static int make_table(struct uniting *u, struct column *const *columns, uint32_t n, const uint64_t *first, struct united **ret);

static int no_memory(struct uniting *u)
{
	return error_no_memory(u->err, "the columns of all files");
}

static uint32_t count_fields(const struct column *c)
{
	uint32_t n = 1;
	for (uint32_t i = 0; i < c->nchildren; i++)
		n += count_fields(c->children[i]);
	return n;
}

/* --- one field --------------------------------------------------------------------- */

/* Rows of its dictionary before each file. */
static int make_dictionary(struct making *m, const struct column *c, struct field *f)
{
	struct uniting *u = m->u;
	uint64_t *first = arena_array(u->scratch, (size_t)u->files->count + 1, sizeof *first);
	struct united *dictionary = NULL;
	if (!first)
		return no_memory(u);
	for (uint32_t i = 0; i < u->files->count; i++)
		if (__builtin_add_overflow(first[i], c->values->rows[i], &first[i + 1]) || first[i + 1] > INT64_MAX / 64)
			return error_set(u->err, EFBIG, "a dictionary is larger than any file");
	int r = make_table(u, &c->values, 1, first, &dictionary);
	if (r < 0)
		return r;
	dictionary->owner = &m->made->table;
	dictionary->indices = f;
	dictionary->table.fields[0].name = SLICE("dictionary");
	f->dictionary = &dictionary->table;
	f->shown = (uint8_t)f->width;
	arrow_settle_indices(f, ((const struct arrow *)u->a->priv)->big);
	return 0;
}

/* The children of a union by their types, as fields rather than numbers. */
static int make_codes(struct making *m, const struct column *c, struct field *f, struct field_detail *detail)
{
	struct field *fields = m->made->table.fields;
	uint32_t *by_type = arena_array(m->u->scratch, 128, sizeof *by_type);
	f->codes = arena_array(&m->u->a->arena, 128, sizeof(struct field *));
	if (!by_type || !f->codes)
		return no_memory(m->u);
	for (unsigned code = 0; code < 128; code++) {
		uint32_t i = (uint32_t)(f - fields) + 1, number = c->detail.by_type[code];
		for (; number != FIELD_NONE && number > 0; number--)
			i = fields[i].next;
		by_type[code] = number == FIELD_NONE ? FIELD_NONE : i;
		f->codes[code] = number == FIELD_NONE ? NULL : &fields[i];
	}
	detail->by_type = by_type;
	return 0;
}

/* What arrow_word() makes the type of a field with children from. */
static const char *own_word(const struct field *f, const struct field_detail *detail)
{
	static const char *const words[TYPE_COUNT] = {
		[TYPE_LIST] = "list", [TYPE_LARGE_LIST] = "large_list", [TYPE_LIST_VIEW] = "list_view",
		[TYPE_LARGE_LIST_VIEW] = "large_list_view", [TYPE_STRUCT] = "struct",
	};
	if (f->array.dtype == DTYPE_MAP)
		return strstr(f->array.type, ", keys_sorted>") ? ", keys_sorted" : "";
	return detail->type < TYPE_COUNT && words[detail->type] ? words[detail->type] : "";
}

static int settle(struct making *m, const struct column *c, uint32_t i, struct field_detail *detail)
{
	struct field *f = &m->made->table.fields[i];
	struct arena *arena = &m->u->a->arena;
	bool big = ((const struct arrow *)m->u->a->priv)->big;
	int r = 0;
	f->next = m->n;
	if (f->layout == LAYOUT_FIXED && f->width > 1 && (f->array.dtype != DTYPE_VOID || detail->type == TYPE_INTERVAL))
		f->array.byteorder = big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	if (f->layout == LAYOUT_SPARSE || f->layout == LAYOUT_DENSE)
		r = make_codes(m, c, f, detail);
	if (r == 0 && f->layout == LAYOUT_INDICES)
		r = make_dictionary(m, c, f);
	if (r == 0 && f->layout >= LAYOUT_LIST) {
		f->array.type = own_word(f, detail);
		f->array.type = arrow_word(arena, m->made->table.fields, i);
	}
	if (r == 0 && f->layout == LAYOUT_INDICES)
		detail->word = arrow_word(arena, m->made->table.fields, i);
	detail->by_type = NULL;
	if (r == 0 && (!f->array.type || (f->layout == LAYOUT_INDICES && !detail->word)))
		r = no_memory(m->u);
	return r;
}

/* In pre-order. */
static int make_field(struct making *m, const struct column *c, uint32_t parent)
{
	uint32_t i = m->n++;
	struct field *f = &m->made->table.fields[i];
	struct field_detail *detail = arena_alloc(&m->u->a->arena, sizeof *detail);
	int r = 0;
	if (!detail)
		return no_memory(m->u);
	*detail = c->detail;
	detail->nullable |= c->nullable;
	memcpy(f, &c->as, sizeof *f);
	f->name = c->name;
	f->parent = parent;
	f->nullable = c->nullable;
	f->fault = c->sound ? NULL : c->fault;
	f->array.codec = c->codec;
	f->detail = detail;
	m->made->keys[i] = c->key;
	for (uint32_t k = 0; k < c->nchildren && r == 0; k++)
		r = make_field(m, c->children[k], i);
	return r < 0 ? r : settle(m, c, i, detail);
}

/* --- a table -------------------------------------------------------------------------- */

static int add_table(struct uniting *u, struct table *t)
{
	struct arrow *arrow = u->a->priv;
	struct table **grown = list_grow_in(&u->a->arena, arrow->tables, arrow->ntables, sizeof(struct table *));
	if (!grown)
		return no_memory(u);
	t->number = arrow->ntables;
	arrow->tables = grown;
	arrow->tables[arrow->ntables++] = t;
	return 0;
}

/* `first`: rows before each file. */
static int make_table(struct uniting *u, struct column *const *columns, uint32_t n, const uint64_t *first, struct united **ret)
{
	struct arena *arena = &u->a->arena;
	struct united *made = arena_alloc(arena, sizeof *made);
	uint32_t files = u->files->count, fields = 0;
	for (uint32_t i = 0; i < n; i++)
		fields += count_fields(columns[i]);
	struct batch *batches = arena_array(arena, (size_t)files + 1, sizeof *batches);
	struct field *all = arena_array(arena, fields, sizeof *all);
	const struct table_key **keys = arena_array(arena, fields, sizeof(const struct table_key *));
	if (!made || !batches || !all || !keys)
		return no_memory(u);
	for (uint32_t i = 0; i <= files; i++)
		batches[i].first = first[i];
	*made = (struct united){.table = {.fields = all, .nfields = fields, .rows = first[files], .batches = batches, .nbatches = files},
				.files = u->files, .keys = keys};
	struct making m = {u, made, 0};
	int r = add_table(u, &made->table);
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = make_field(&m, columns[i], FIELD_NONE);
	*ret = made;
	return r;
}

/* --- partition keys ---------------------------------------------------------------------- */

static int add_key(struct uniting *u, const struct table_key *key)
{
	struct column *c = arrow_column(u, u->top, key->name);
	if (!c)
		return -ENOMEM;
	c->key = key;
	c->sound = true;
	c->nullable = key->nulls;
	if (key->dtype == DTYPE_STRING) {
		c->detail.type = TYPE_UTF8;
		c->as = (struct field){.layout = LAYOUT_STRING, .array = {.dtype = DTYPE_STRING, .type = "string"}};
	} else {
		bool date = key->dtype == DTYPE_DATE32;
		c->detail.type = date ? TYPE_DATE : TYPE_INT;
		c->as = (struct field){.layout = LAYOUT_FIXED, .width = date ? 4 : 8,
				       .array = {.dtype = key->dtype, .type = date ? "date32[day]" : "int64"}};
	}
	return 0;
}

int arrow_finish(struct uniting *u, struct table **ret)
{
	struct united *made = NULL;
	int r = 0;
	for (const struct table_key *k = u->files->keys; k && r == 0; k = k->next)
		r = add_key(u, k);
	if (r == 0)
		r = make_table(u, u->top->children, u->top->nchildren, u->files->first_row, &made);
	if (r == 0)
		*ret = &made->table;
	return r;
}
