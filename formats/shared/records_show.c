/* SPDX-License-Identifier: MIT */
/* The columns' files. */
#include "formats/shared/records_impl.h"

#include <inttypes.h>
#include <stdio.h>

struct showing {
	struct archive *a;
	const struct records_table *t;
	struct error *err;
};

static struct column_file file_of(struct showing *s, const struct records_column *c, enum records_part part, uint64_t size)
{
	struct records_file *f = arena_alloc(&s->a->arena, sizeof *f);
	if (!f) {
		s->a->tree.failed = s->a->tree.failed ? s->a->tree.failed : error_no_memory(s->err, "its columns");
		return (struct column_file){.kind = NODE_BYTES, .bytes = ""};
	}
	*f = (struct records_file){{records_read}, s->t, c, (uint8_t)part};
	return (struct column_file){.kind = NODE_LAZY, .lazy = f, .size = size};
}

static struct array array_of(const struct records_column *c)
{
	static const uint8_t dtypes[] = {
		[RECORDS_NULL] = DTYPE_NULL, [RECORDS_BOOL] = DTYPE_BOOL, [RECORDS_INT32] = DTYPE_INT32, [RECORDS_UINT32] = DTYPE_UINT32,
		[RECORDS_INT64] = DTYPE_INT64, [RECORDS_UINT64] = DTYPE_UINT64, [RECORDS_FLOAT32] = DTYPE_FLOAT32, [RECORDS_FLOAT64] = DTYPE_FLOAT64,
		[RECORDS_COMPLEX] = DTYPE_COMPLEX128, [RECORDS_DATE32] = DTYPE_DATE32, [RECORDS_TIMESTAMP_US] = DTYPE_TIMESTAMP_US,
		[RECORDS_TIMESTAMP] = DTYPE_TIMESTAMP_NS, [RECORDS_STRING] = DTYPE_STRING, [RECORDS_BYTES] = DTYPE_BYTES,
		[RECORDS_MIXED] = DTYPE_STRING, [RECORDS_LIST] = DTYPE_LIST, [RECORDS_MAP] = DTYPE_MAP, [RECORDS_STRUCT] = DTYPE_STRUCT,
	};
	return (struct array){
		.dtype = dtypes[c->type],
		.byteorder = records_width((enum records_type)c->type) > 1 ? BYTEORDER_LITTLE : BYTEORDER_NONE,
		.rank = 1,
		.shape = &c->slots,
		.type = c->type == RECORDS_MIXED ? "mixed" : c->word,
	};
}

/* What distinguishes values of bytes, if they have a code. */
static const char *word_of(struct showing *s, const struct records_column *c)
{
	if (c->type != RECORDS_BYTES || !c->coded || c->code == RECORDS_PLAIN)
		return NULL;
	char *word = arena_printf(&s->a->arena, "ext(%d)", c->code);
	if (!word && !s->a->tree.failed)
		s->a->tree.failed = error_no_memory(s->err, "its columns");
	return word;
}

static uint32_t show_column(struct showing *s, const struct records_column *c, struct column_at at, const struct array *shape);

static void show_fields(struct showing *s, const struct records_column *c, uint32_t dir)
{
	struct tree *t = &s->a->tree;
	for (unsigned round = 0; round < COLUMN_ROUNDS; round++)
		for (const struct records_column *f = c->first; f; f = f->next) {
			if (column_round(f->name) != round)
				continue;
			struct tree_path path = tree_path(t, dir, f->name, s->a->options->split);
			uint32_t id = show_column(s, f, (struct column_at){.parent = path.parent, .name = path.leaf}, NULL);
			tree_path_end(t, &path, id);
		}
}

static uint32_t show_bytes(struct showing *s, const struct records_column *c, struct column_at at, const struct array *array)
{
	bool later = c->type == RECORDS_MIXED && !s->t->kind; /* its totals are found by the first read */
	uint64_t size = later ? COLUMN_UNKNOWN : c->total;
	struct column list = column_list(&s->a->tree, at, array, c->slots, file_of(s, c, RECORDS_OFFSETS, (c->slots + 1) * 8));
	struct array bytes = column_of((struct array){.dtype = DTYPE_UINT8}, &size);
	column_array(&s->a->tree, list.rest, &bytes, file_of(s, c, RECORDS_VALUES, later ? SIZE_UNKNOWN : c->total));
	return list.dir;
}

static uint32_t show_list(struct showing *s, const struct records_column *c, struct column_at at, const struct array *array)
{
	static const uint64_t none;
	struct array null = {.dtype = DTYPE_NULL, .rank = 1, .shape = &none};
	struct column list = column_list(&s->a->tree, at, array, c->slots, file_of(s, c, RECORDS_OFFSETS, (c->slots + 1) * 8));
	if (c->element)
		show_column(s, c->element, list.rest, NULL);
	else
		column_array(&s->a->tree, list.rest, &null, (struct column_file){.kind = NODE_BYTES, .bytes = ""});
	return list.dir;
}

static void show_validity(struct showing *s, const struct records_column *c, uint32_t id, const struct array *array)
{
	struct column_file file = file_of(s, c, RECORDS_VALIDITY, c->slots);
	uint32_t beside = column_validity(&s->a->tree, id, c->slots, file);
	struct array valid = {.dtype = DTYPE_BOOL, .rank = array->rank, .shape = array->shape};
	if (array->rank != 1)
		tree_describe(&s->a->tree, beside, tree_array(&s->a->tree, &valid));
}

/* As deep as values are: RECORDS_DEPTH. */
static uint32_t show_column(struct showing *s, const struct records_column *c, struct column_at at, const struct array *shape)
{
	struct array array = array_of(c);
	const char *word = word_of(s, c);
	uint32_t id;
	if (shape) {
		array.rank = shape->rank;
		array.shape = shape->shape;
	}
	array.type = word ? word : array.type;
	switch ((enum records_type)c->type) {
	case RECORDS_STRUCT:
		id = column_struct(&s->a->tree, at, &array);
		show_fields(s, c, id);
		break;
	case RECORDS_LIST:
	case RECORDS_MAP:
		id = show_list(s, c, at, &array);
		break;
	case RECORDS_STRING:
	case RECORDS_BYTES:
	case RECORDS_MIXED:
		id = show_bytes(s, c, at, &array);
		break;
	case RECORDS_NULL:
		id = column_array(&s->a->tree, at, &array, (struct column_file){.kind = NODE_BYTES, .bytes = ""});
		break;
	default:
		id = column_array(&s->a->tree, at, &array,
				  file_of(s, c, RECORDS_DATA, c->slots * records_width((enum records_type)c->type)));
	}
	if (c->values)
		tree_attr_json(&s->a->tree, id, SLICE("array.enum"), slice_text(c->values));
	if (c->nullable)
		show_validity(s, c, id, &array);
	return id;
}

int records_show(struct archive *a, const struct records_table *t, const struct records_column *c, struct column_at at, const struct array *shape,
		 uint32_t *ret, struct error *err)
{
	struct showing s = {a, t, err};
	*ret = show_column(&s, c, at, shape);
	return 0;
}

int records_show_fields(struct archive *a, const struct records_table *t, uint32_t dir, struct error *err)
{
	struct showing s = {a, t, err};
	struct array array = array_of(t->root);
	char bad[24];
	show_fields(&s, t->root, dir);
	tree_describe(&a->tree, dir, tree_array(&a->tree, &array));
	if (t->cut)
		a->told = arena_printf(&a->arena, "the last record, at byte %" PRIu64 ", is not complete and left out", t->end);
	else if (t->told)
		a->told = "NaN or Infinity among its numbers, which JSON does not have";
	if (t->bad) {
		int n = snprintf(bad, sizeof bad, "%" PRIu64, t->bad);
		tree_attr(&a->tree, dir, SLICE("arrayfs.bad_records"), (struct slice){(const uint8_t *)bad, (size_t)n});
	}
	return 0;
}
