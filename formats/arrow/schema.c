/* SPDX-License-Identifier: MIT */
/* Schema.fbs: fields. */
#include <inttypes.h>

#include "formats/arrow/meta.h"
#include "fs/base/list.h"

/* A table whose fields are being read; they move as they become more. */
struct making {
	struct field *fields;
	uint32_t n;
	uint32_t nodes, buffers, views, unions; /* met so far */
};

static int read_field(struct opening *o, struct making *m, const struct flat_table *of, uint32_t parent, unsigned depth);

static struct field_detail *detail_of(const struct field *f)
{
	return (struct field_detail *)(uintptr_t)f->detail;
}

static int no_memory(struct opening *o)
{
	return error_no_memory(o->err, "the schema");
}

/* --- children --------------------------------------------------------------------------------- */

static uint32_t next_of(const struct making *m, uint32_t child)
{
	return m->fields[child].next;
}

static bool has_children(const struct field *f, uint32_t n)
{
	switch ((enum layout)f->layout) {
	case LAYOUT_LIST:
	case LAYOUT_LIST_VIEW:
	case LAYOUT_FIXED_LIST: return n == 1;
	case LAYOUT_RUN_END: return n == 2;
	case LAYOUT_STRUCT:
	case LAYOUT_SPARSE:
	case LAYOUT_DENSE: return true;
	default: return false;
	}
}

static bool is_nested(const struct field *f)
{
	return f->layout >= LAYOUT_LIST;
}

/* The rules about children's own types. */
static int check_children(struct opening *o, const struct making *m, uint32_t i)
{
	const struct field *f = &m->fields[i], *child = f + 1;
	if (f->array.dtype == DTYPE_MAP &&
	    (child->layout != LAYOUT_STRUCT || child->next == i + 2 || next_of(m, i + 2) == child->next ||
	     next_of(m, next_of(m, i + 2)) != child->next))
		return error_set(o->err, EBADMSG, "a map of %s, where it is a struct of keys and values", child->array.type);
	if (f->layout == LAYOUT_RUN_END && (child->layout != LAYOUT_FIXED || !child->is_signed || child->array.dtype < DTYPE_INT16 ||
					    child->array.dtype > DTYPE_INT64))
		return error_set(o->err, EBADMSG, "run ends of type %s", child->array.type);
	return 0;
}

/* By type, the numbers of the children as fields. */
static void number_children(const struct making *m, uint32_t i)
{
	uint32_t *by_type = m->fields[i].detail->by_type, number = 0, fields[128];
	for (uint32_t c = i + 1; c < m->n; c = next_of(m, c))
		fields[number++] = c;
	for (unsigned type = 0; type < 128; type++)
		if (by_type[type] != FIELD_NONE)
			by_type[type] = fields[by_type[type]];
}

static int read_children(struct opening *o, struct making *m, uint32_t i, const struct flat_table *of, unsigned depth)
{
	struct flat_vector children = flat_vector(of, 5, 4);
	if (!is_nested(&m->fields[i]))
		return 0;
	if (!has_children(&m->fields[i], children.count))
		return arrow_refuse(o, &m->fields[i], "a nested type with", children.count, " children");
	int r = 0;
	for (uint32_t c = 0; c < children.count && r == 0; c++) {
		struct flat_table child = flat_element_table(&children, c);
		r = read_field(o, m, &child, i, depth + 1);
	}
	if (r == 0)
		r = check_children(o, m, i);
	if (r == 0 && field_is_union(&m->fields[i]))
		number_children(m, i);
	return r;
}

/* --- fields ------------------------------------------------------------------------------------- */

/* Where the field's node and buffers are in each batch. */
static void place_field(struct making *m, struct field *f)
{
	f->node = m->nodes++;
	f->buffer = m->buffers;
	f->views = m->views;
	f->unions = m->unions;
	m->buffers += arrow_buffers(f);
	m->views += f->layout == LAYOUT_VIEW;
	m->unions += arrow_lost_bitmap(f);
}

/* What a type with children is called follows from them. */
static int settle(struct opening *o, struct making *m, uint32_t i)
{
	struct field *f = &m->fields[i];
	f->next = m->n;
	if (f->layout == LAYOUT_FIXED && f->width > 1 && (f->array.dtype != DTYPE_VOID || f->detail->type == TYPE_INTERVAL))
		f->array.byteorder = o->arrow->big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	if (is_nested(f))
		f->array.type = arrow_word(&o->archive->arena, m->fields, i);
	return f->array.type ? 0 : no_memory(o);
}

/* The field's own values, or those of its dictionary. */
static int read_values(struct opening *o, struct making *m, uint32_t i, const struct flat_table *of, unsigned depth)
{
	struct field *f = &m->fields[i];
	struct flat_table type;
	uint8_t id = flat_union(of, 2, &type);
	if (depth > ARROW_DEPTH)
		return error_set(o->err, ENOTSUP, "a schema more than %d deep", ARROW_DEPTH);
	uint32_t children = flat_vector(of, 5, 4).count;
	struct field_detail *detail = detail_of(f);
	detail->type = id;
	int r = flat_check(type.of, o->err, "the schema");
	if (r == 0)
		r = arrow_type_read(o, id, &type, children, f, detail);
	if (r < 0)
		return r == -ENOMEM ? no_memory(o) : r;
	f->nullable |= f->layout == LAYOUT_NULL;
	if (f->layout == LAYOUT_RUN_END || field_is_union(f))
		f->nullable = false;
	place_field(m, f);
	r = read_children(o, m, i, of, depth);
	return r < 0 ? r : settle(o, m, i);
}

static int begin_field(struct opening *o, struct making *m, uint32_t parent, struct slice name, uint32_t *ret)
{
	struct field_detail *detail = arena_alloc(&o->archive->arena, sizeof *detail);
	struct field *grown = list_grow_in(&o->scratch, m->fields, m->n, sizeof *grown);
	char *text = arena_text(&o->archive->arena, name);
	if (!detail || !grown || !text)
		return no_memory(o);
	*ret = m->n;
	m->fields = grown;
	m->fields[m->n++] = (struct field){.parent = parent, .name = {(uint8_t *)text, name.len}, .detail = detail};
	return 0;
}

/* --- tables ------------------------------------------------------------------------------------- */

/* The children of a union, by their types. */
static bool find_codes(struct arena *arena, const struct table *t, struct field *f)
{
	const uint32_t *by_type = f->detail->by_type;
	f->codes = arena_array(arena, 128, sizeof(struct field *));
	for (unsigned type = 0; type < 128 && f->codes; type++)
		f->codes[type] = by_type[type] == FIELD_NONE ? NULL : &t->fields[by_type[type]];
	detail_of(f)->by_type = NULL;
	return f->codes;
}

static bool fill_table(struct opening *o, const struct making *m, struct growing *g)
{
	struct arena *arena = &o->archive->arena;
	struct table *t = g->table = arena_alloc(arena, sizeof *t);
	struct field *fields = arena_array(arena, m->n, sizeof *fields);
	g->watched.fields = arena_array(&o->scratch, m->n, sizeof *g->watched.fields);
	if (!t || !fields || !g->watched.fields)
		return false;
	if (m->n)
		memcpy(fields, m->fields, m->n * sizeof *fields);
	*t = (struct table){.fields = fields, .nfields = m->n};
	for (uint32_t i = 0; i < m->n; i++) {
		if (field_is_union(&fields[i]) && !find_codes(arena, t, &fields[i]))
			return false;
		if (!fields[i].nullable && fields[i].layout != LAYOUT_RUN_END && !field_is_union(&fields[i]))
			g->watched.fields[g->watched.n++] = i;
	}
	return true;
}

struct growing *arrow_dictionary(const struct opening *o, int64_t id)
{
	uint32_t number = slice_map_find(&o->ids, (struct slice){(const uint8_t *)&id, sizeof id});
	return number == SLICE_MAP_NONE ? NULL : &o->tables[o->dictionaries[number]];
}

/* One whose id another dictionary already has, with values of another type, never gets any values. */
static int add_dictionary(struct opening *o, const struct making *m, int64_t id, struct table **ret)
{
	struct growing g = {.codec = CODEC_NONE}, *tables = list_grow_in(&o->scratch, o->tables, o->ntables, sizeof *tables);
	uint32_t *numbers = list_grow_in(&o->scratch, o->dictionaries, o->ids.count, sizeof *numbers), number;
	bool fresh;
	if (!tables || !numbers || !fill_table(o, m, &g))
		return no_memory(o);
	g.table->id = id;
	g.table->number = o->ntables;
	o->tables = tables;
	o->dictionaries = numbers;
	number = slice_map_add(&o->ids, (struct slice){(const uint8_t *)&g.table->id, sizeof g.table->id}, &fresh);
	if (number == SLICE_MAP_NONE)
		return no_memory(o);
	if (fresh)
		o->dictionaries[number] = o->ntables;
	else
		g.table->fields[0].fault = "another column has the same dictionary, with values of another type";
	o->tables[o->ntables++] = g;
	*ret = g.table;
	return 0;
}

/* Types with the same name are stored alike. */
static bool is_same(const struct field *a, const struct field *b)
{
	return strcmp(a->array.type, b->array.type) == 0;
}

/* The table of a dictionary's values, which several columns may share. */
static int read_dictionary(struct opening *o, const struct flat_table *of, int64_t id, unsigned depth, struct field *f)
{
	struct making m = {.n = 0};
	uint32_t i;
	int r = begin_field(o, &m, FIELD_NONE, SLICE("dictionary"), &i);
	if (r == 0)
		r = read_values(o, &m, i, of, depth + 1);
	if (r < 0)
		return r;
	struct growing *known = arrow_dictionary(o, id);
	if (!known || !is_same(&known->table->fields[0], &m.fields[0]))
		return add_dictionary(o, &m, id, &f->dictionary);
	f->dictionary = known->table;
	return 0;
}

/* DictionaryEncoding; the index type is int32 if it does not say. */
static int read_indices(struct opening *o, struct making *m, uint32_t i, const struct flat_table *of,
			const struct flat_table *encoding, unsigned depth)
{
	struct field *f = &m->fields[i];
	struct flat_table type = flat_child(encoding, 1);
	struct field_detail *detail = detail_of(f);
	int r = 0;
	detail->ordered = flat_bool(encoding, 2);
	f->is_signed = true;
	if (type.at)
		r = arrow_type_read(o, TYPE_INT, &type, 0, f, detail);
	else
		f->array = (struct array){.dtype = DTYPE_INT32, .width = 4, .type = "int32"}, f->width = 4;
	if (r == 0 && f->width > 8)
		r = arrow_refuse(o, f, "indices of", f->width * 8, " bits");
	f->layout = LAYOUT_INDICES;
	f->shown = (uint8_t)f->width;
	place_field(m, f);
	f->next = m->n;
	f->array.byteorder = f->width < 2 ? BYTEORDER_NONE : o->arrow->big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	if (r == 0)
		r = read_dictionary(o, of, flat_int(encoding, 0, 8, 0), depth, f);
	if (r == 0 && !(detail->word = arrow_word(&o->archive->arena, m->fields, i)))
		r = no_memory(o);
	return r;
}

static int read_field(struct opening *o, struct making *m, const struct flat_table *of, uint32_t parent, unsigned depth)
{
	struct flat_table encoding = flat_child(of, 4);
	uint32_t i;
	int r = begin_field(o, m, parent, flat_string(of, 0), &i);
	if (r < 0)
		return r;
	struct field_detail *detail = detail_of(&m->fields[i]);
	struct flat_vector pairs = flat_vector(of, 6, 4);
	m->fields[i].nullable = detail->nullable = flat_bool(of, 1);
	r = arrow_pairs_read(o, &pairs, detail);
	if (r == 0)
		r = encoding.at ? read_indices(o, m, i, of, &encoding, depth) : read_values(o, m, i, of, depth);
	if (r == 0)
		r = arrow_extension_read(o, m->fields, i, detail);
	return r;
}

int arrow_schema_read(struct opening *o, const struct flat_table *schema)
{
	struct making m = {.n = 0};
	int64_t endianness = flat_int(schema, 0, 2, 0);
	struct flat_vector fields = flat_vector(schema, 1, 4), pairs = flat_vector(schema, 2, 4);
	struct field_detail *detail = arena_alloc(&o->archive->arena, sizeof *detail);
	int r = flat_check(schema->of, o->err, "the schema");
	o->tables = list_grow_in(&o->scratch, NULL, 0, sizeof *o->tables);
	o->ntables = 1; /* filled when all fields are there */
	o->arrow->big = endianness == 1;
	o->arrow->detail = detail;
	if (r == 0 && (endianness < 0 || endianness > 1))
		return error_set(o->err, EBADMSG, "a schema of byte order %" PRId64, endianness);
	if (r == 0 && (!detail || !o->tables))
		return no_memory(o);
	if (r == 0)
		r = arrow_pairs_read(o, &pairs, detail);
	for (uint32_t i = 0; i < fields.count && r == 0; i++) {
		struct flat_table field = flat_element_table(&fields, i);
		r = read_field(o, &m, &field, FIELD_NONE, 1);
	}
	if (r == 0)
		r = flat_check(schema->of, o->err, "the schema");
	return r == 0 && !fill_table(o, &m, &o->tables[0]) ? no_memory(o) : r;
}
