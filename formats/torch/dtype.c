/* SPDX-License-Identifier: MIT */
/* NumPy's types, of their objects in a pickle. */
#include <inttypes.h>

#include "formats/shared/slice_map.h"
#include "formats/torch/ndarray.h"
#include "formats/torch/storage.h"

enum {
	DEPTH_MAX = 32,       /* records within records: safe for the stack */
	FIELDS_MAX = 200000,  /* of all records of a type together: they may be shared, and shared again */
	ALL_MAX = 10000000,   /* of all types that are read of a file, one array after the other */
	WORD_MAX = 256,       /* bytes of a code, a unit */
	NAME_MAX_BYTES = 4096,
	DESCR_MAX = 1 << 16,
};

struct reader {
	const struct torch_file *f;
	struct arena *arena;
	struct error *err;
	unsigned depth;
	uint32_t fields;
};

static int bad(struct reader *r, const char *what)
{
	return error_set(r->err, EBADMSG, "its NumPy type has %s", what);
}

static int no_memory(struct reader *r)
{
	return error_no_memory(r->err, "a NumPy type");
}

static bool is_tuple(const struct torch_file *f, uint32_t node, uint32_t least)
{
	const struct pickle_node *n = torch_node(f, node);
	return n->kind == PICKLE_TUPLE && n->count >= least;
}

static bool integer(const struct torch_file *f, uint32_t node, int64_t *ret)
{
	const struct pickle_node *n = torch_node(f, node);
	*ret = n->kind == PICKLE_INT || n->kind == PICKLE_BOOL ? n->number : 0;
	return n->kind == PICKLE_INT || n->kind == PICKLE_BOOL;
}

/* Text or bytes, as they are called by one Python or the other. */
static int word(struct reader *r, uint32_t node, uint64_t most, struct slice *ret)
{
	const struct pickle_node *n = torch_node(r->f, node);
	struct torch_called c = torch_called(r->f, n);
	if (c.known == TORCH_ENCODE) { /* bytes in protocols 0 to 2: a unit */
		node = torch_arg(r->f, &c, 0);
		n = torch_node(r->f, node);
	}
	if (n->kind != PICKLE_TEXT && n->kind != PICKLE_STR && n->kind != PICKLE_BYTES)
		return bad(r, "something else where a word belongs");
	return pickle_text(&r->f->pickle, n, r->arena, most, ret, r->err);
}

/* --- the state -------------------------------------------------------------------------- */

struct state {
	char order;
	uint32_t subarray, names, fields; /* 0: None */
	int64_t size;                     /* of an element; -1: it follows from the code */
	uint32_t metadata;
};

static uint32_t some(const struct torch_file *f, uint32_t node)
{
	return torch_node(f, node)->kind == PICKLE_NONE ? 0 : node;
}

static int read_state(struct reader *r, uint32_t node, struct state *ret)
{
	const struct pickle_node *n = torch_node(r->f, node);
	struct slice order;
	int64_t version;
	*ret = (struct state){.order = '<', .size = -1};
	if (node == 0)
		return 0;
	if (!is_tuple(r->f, node, 7) || !integer(r->f, pickle_item(n, 0), &version) || version < 2 || version > 4)
		return bad(r, "a state of an unknown version");
	int e = word(r, pickle_item(n, 1), WORD_MAX, &order);
	if (e < 0)
		return e;
	if (order.len != 1 || !memchr("<>|=", order.data[0], 4))
		return bad(r, "an unknown byte order");
	ret->order = (char)order.data[0];
	ret->subarray = some(r->f, pickle_item(n, 2));
	ret->names = some(r->f, pickle_item(n, 3));
	ret->fields = some(r->f, pickle_item(n, 4));
	ret->metadata = n->count > 8 ? some(r->f, pickle_item(n, 8)) : 0;
	if (!integer(r->f, pickle_item(n, 5), &ret->size) || ret->size > INT32_MAX)
		return bad(r, "elements of no size");
	return 0;
}

/* --- numbers, strings, times ----------------------------------------------------------------- */

/* The types of ml_dtypes that have a name here too; one element takes whole bytes. */
static const struct {
	const char *name;
	uint8_t dtype;
} small_floats[] = {
	{"bfloat16", DTYPE_BFLOAT16},
	{"float8_e4m3fn", DTYPE_FLOAT8_E4M3FN},
	{"float8_e4m3fnuz", DTYPE_FLOAT8_E4M3FNUZ},
	{"float8_e5m2", DTYPE_FLOAT8_E5M2},
	{"float8_e5m2fnuz", DTYPE_FLOAT8_E5M2FNUZ},
	{"float8_e8m0fnu", DTYPE_FLOAT8_E8M0FNU},
};

/* A class: a type that NumPy itself does not have, or record, which its fields describe. */
static int read_class(struct reader *r, const struct pickle_node *class, const struct state *s, struct numpy_type *ret)
{
	struct array *a = &ret->array;
	struct slice module, name;
	int e = word(r, class->pair[0], NAME_MAX_BYTES, &module);
	e = e < 0 ? e : word(r, class->pair[1], NAME_MAX_BYTES, &name);
	if (e < 0)
		return e;
	if (s->size < 1)
		return bad(r, "elements of no size");
	a->dtype = DTYPE_VOID;
	for (size_t i = 0; slice_equal(module, SLICE("ml_dtypes")) && i < sizeof small_floats / sizeof *small_floats; i++)
		if (slice_equal(name, slice_text(small_floats[i].name)))
			a->dtype = small_floats[i].dtype;
	if (a->dtype == DTYPE_VOID)
		a->width = (uint32_t)s->size;
	ret->size = dtype_bits(a) / 8;
	a->byteorder = ret->size == 1 || s->order == '|' ? BYTEORDER_NONE : s->order == '>' ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	a->type = arena_printf(r->arena, "%.*s.%.*s", (int)module.len, (const char *)module.data, (int)name.len, (const char *)name.data);
	if (!a->type)
		return no_memory(r);
	return ret->size == (uint64_t)s->size ? 0 : bad(r, "elements of another size than its class");
}

/* (metadata, (unit, steps, 1, events)): "[25s]". */
static int read_unit(struct reader *r, uint32_t metadata, char **ret)
{
	const struct pickle_node *n = torch_node(r->f, metadata);
	struct slice unit;
	int64_t steps, divisor;
	*ret = NULL;
	if (!metadata || !is_tuple(r->f, metadata, 2) || !is_tuple(r->f, pickle_item(n, 1), 3))
		return 0;
	n = torch_node(r->f, pickle_item(n, 1));
	int e = word(r, pickle_item(n, 0), WORD_MAX, &unit);
	if (e < 0)
		return e;
	if (!integer(r->f, pickle_item(n, 1), &steps) || !integer(r->f, pickle_item(n, 2), &divisor) || steps < 1 || divisor != 1)
		return bad(r, "a unit of time of no length");
	if (slice_equal(unit, SLICE("generic")))
		return 0;
	*ret = steps == 1 ? arena_printf(r->arena, "[%.*s]", (int)unit.len, (const char *)unit.data)
			  : arena_printf(r->arena, "[%" PRId64 "%.*s]", steps, (int)unit.len, (const char *)unit.data);
	return *ret ? 0 : no_memory(r);
}

/* 'f4': as .npy has it, "<f4". */
static int read_code(struct reader *r, struct slice code, const struct state *s, struct numpy_type *ret)
{
	char *unit = NULL, *descr;
	bool time = code.len && (code.data[0] == 'M' || code.data[0] == 'm');
	char order = s->order == '=' ? '<' : s->order;
	int e = time ? read_unit(r, s->metadata, &unit) : 0;
	if (e < 0)
		return e;
	descr = arena_printf(r->arena, "%c%.*s%s", order, (int)code.len, (const char *)code.data, unit ? unit : "");
	if (!descr)
		return no_memory(r);
	e = numpy_read_type(slice_text(descr), r->arena, ret, r->err);
	if (e == 0 && s->size >= 0 && !ret->objects && (uint64_t)s->size != ret->size)
		e = bad(r, "elements of another size than its code");
	return e;
}

/* --- records ------------------------------------------------------------------------------------ */

static int read_type(struct reader *r, uint32_t node, struct numpy_type *ret);

static int count_fields(struct reader *r, uint32_t more)
{
	const uint64_t *before = r->f->fields;
	r->fields = more < UINT32_MAX - r->fields ? r->fields + more : UINT32_MAX;
	if (r->fields > FIELDS_MAX)
		return bad(r, "more than 200,000 fields");
	return before && *before + r->fields > ALL_MAX ? bad(r, "more fields than are read of one file") : 0;
}

/* (dtype, offset[, title]) */
static int read_field(struct reader *r, uint32_t node, uint64_t size, struct numpy_field *f)
{
	const struct pickle_node *n = torch_node(r->f, node);
	int64_t offset;
	int e = count_fields(r, 1);
	if (e < 0)
		return e;
	if (!is_tuple(r->f, node, 2) || !integer(r->f, pickle_item(n, 1), &offset) || offset < 0)
		return bad(r, "a field that is not described as one");
	e = read_type(r, pickle_item(n, 0), &f->type);
	f->offset = (uint64_t)offset;
	if (e == 0 && n->count > 2 && torch_node(r->f, pickle_item(n, 2))->kind == PICKLE_TEXT)
		e = word(r, pickle_item(n, 2), NAME_MAX_BYTES, &f->title);
	if (e == 0 && !range_within(f->offset, f->type.size, size))
		e = bad(r, "a field that is not within its record");
	return e;
}

/* The fields' dictionary: which node each name leads to. */
static int map_fields(struct reader *r, uint32_t dict, struct slice_map *map, uint32_t **ret)
{
	const struct pickle_node *n = torch_node(r->f, dict);
	if (n->kind != PICKLE_DICT)
		return bad(r, "fields that are no dictionary");
	uint32_t *values, key, value;
	struct pickle_walk w = pickle_items(n);
	int e = count_fields(r, n->count / 2);
	if (e < 0)
		return e;
	if (!(values = arena_array(r->arena, n->count / 2 + 1, sizeof *values)))
		return no_memory(r);
	while (pickle_next(&w, &key) && pickle_next(&w, &value)) {
		struct slice name;
		bool new;
		e = word(r, key, NAME_MAX_BYTES, &name);
		uint32_t at = e < 0 ? 0 : slice_map_add(map, name, &new);
		if (e < 0 || at == SLICE_MAP_NONE)
			return e < 0 ? e : no_memory(r);
		values[at] = value;
	}
	*ret = values;
	return 0;
}

static void put_shape(const struct array *a, struct text *ret)
{
	if (a->rank)
		text_add(ret, ", (");
	for (uint32_t i = 0; i < a->rank; i++)
		text_print(ret, i ? ", %" PRIu64 : "%" PRIu64, a->shape[i]);
	if (a->rank)
		text_add(ret, a->rank == 1 ? ",)" : ")");
}

/* As .npy has it: [('x', '<f4'), ('', '|V4'), ('y', '<f8', (2,))]; nothing if fields overlap, or are
 * in another order than their bytes. */
static int describe_record(struct reader *r, struct numpy_type *type)
{
	struct text t = {.limit = DESCR_MAX};
	uint64_t at = 0;
	text_add(&t, "[");
	for (const struct numpy_field *f = type->fields; f; f = f->next) {
		if (f->offset < at || !f->type.array.type)
			t.failed = -E2BIG;
		if (f->offset > at)
			text_print(&t, "('', '|V%" PRIu64 "'), ", f->offset - at);
		text_add(&t, f->title.len ? "((" : "(");
		if (f->title.len)
			torch_put_quoted(f->title, &t), text_add(&t, ", ");
		torch_put_quoted(f->name, &t);
		text_print(&t, f->type.array.dtype == DTYPE_STRUCT ? "%s, %s" : "%s, '%s'", f->title.len ? ")" : "", f->type.array.type);
		put_shape(&f->type.array, &t);
		at = f->offset + f->type.size;
		text_add(&t, f->next || at < type->size ? "), " : ")");
	}
	if (at < type->size)
		text_print(&t, "('', '|V%" PRIu64 "')", type->size - at);
	text_add(&t, "]");
	int e = t.failed == -ENOMEM ? no_memory(r) : 0;
	if (!t.failed && !(type->array.type = arena_text(r->arena, text_slice(&t))))
		e = no_memory(r);
	text_free(&t);
	return e;
}

static int read_record(struct reader *r, const struct state *s, struct numpy_type *ret)
{
	const struct pickle_node *names = torch_node(r->f, s->names);
	struct slice_map map = {.arena = r->arena};
	struct numpy_field **last = &(struct numpy_field *){NULL}, *first = NULL;
	uint32_t *values = NULL, name;
	int e = map_fields(r, s->fields, &map, &values);
	if (e == 0 && (names->kind != PICKLE_TUPLE || s->size < 0))
		e = bad(r, "fields without names");
	struct pickle_walk w = pickle_items(names);
	ret->array.dtype = DTYPE_STRUCT;
	ret->size = (uint64_t)s->size;
	while (e == 0 && pickle_next(&w, &name)) {
		struct numpy_field *f = arena_alloc(r->arena, sizeof *f);
		if (!f)
			return no_memory(r);
		if ((e = word(r, name, NAME_MAX_BYTES, &f->name)) < 0)
			break;
		uint32_t at = slice_map_find(&map, f->name);
		e = at == SLICE_MAP_NONE ? bad(r, "a name without a field") : read_field(r, values[at], ret->size, f);
		*last = f;
		last = &f->next;
		first = first ? first : f;
		ret->objects |= f->type.objects;
		ret->count++;
	}
	ret->fields = first;
	return e < 0 ? e : describe_record(r, ret);
}

/* (dtype, shape): of a field. */
static int read_subarray(struct reader *r, uint32_t node, struct numpy_type *ret)
{
	const struct pickle_node *n = torch_node(r->f, node);
	struct array shape = {0};
	uint64_t count;
	if (!is_tuple(r->f, node, 2))
		return bad(r, "a sub-array that is not described as one");
	int e = read_type(r, pickle_item(n, 0), ret);
	e = e < 0 ? e : torch_numpy_shape(r->f, pickle_item(n, 1), r->arena, &shape, r->err);
	if (e < 0)
		return e;
	if (ret->array.rank)
		return bad(r, "sub-arrays of sub-arrays");
	ret->array.rank = shape.rank;
	ret->array.shape = shape.shape;
	if (!shape_elements(shape.shape, shape.rank, &count) || __builtin_mul_overflow(ret->size, count, &ret->size) ||
	    ret->size > INT32_MAX)
		return bad(r, "a field of more than 2 GiB");
	return 0;
}

/* --- the object ------------------------------------------------------------------------------------ */

/* Strings of any length: Python objects in a pickle. */
static int read_strings(struct numpy_type *ret)
{
	*ret = (struct numpy_type){.array = {.dtype = DTYPE_OBJECT, .type = "StringDType"}, .size = 8, .objects = true};
	return 0;
}

static int read_object(struct reader *r, uint32_t node, struct numpy_type *ret)
{
	struct torch_called c = torch_called(r->f, torch_node(r->f, node));
	const struct pickle_node *code = torch_node(r->f, torch_arg(r->f, &c, 0));
	struct state s;
	struct slice text;
	if (c.known == TORCH_ND_STRINGS)
		return read_strings(ret);
	if (c.known != TORCH_ND_DTYPE)
		return bad(r, "no dtype");
	int e = read_state(r, c.state, &s);
	if (e < 0)
		return e;
	if (s.subarray)
		return read_subarray(r, s.subarray, ret);
	if (s.names || s.fields)
		return read_record(r, &s, ret);
	if (code->kind == PICKLE_GLOBAL)
		return read_class(r, code, &s, ret);
	e = word(r, torch_arg(r->f, &c, 0), WORD_MAX, &text);
	return e < 0 ? e : read_code(r, text, &s, ret);
}

static int read_type(struct reader *r, uint32_t node, struct numpy_type *ret)
{
	*ret = (struct numpy_type){0};
	if (++r->depth > DEPTH_MAX)
		return bad(r, "records nested more than 32 deep");
	int e = read_object(r, node, ret);
	r->depth--;
	return e;
}

int torch_numpy_type(const struct torch_file *f, uint32_t node, struct arena *arena, struct numpy_type *ret, struct error *err)
{
	struct reader r = {.f = f, .arena = arena, .err = err};
	int e = read_type(&r, node, ret);
	if (r.fields && f->fields) /* only where the archive is filled: values have no fields */
		*f->fields += r.fields;
	return e;
}

bool torch_is_plain_type(const struct torch_file *f, uint32_t dtype)
{
	struct torch_called c = torch_called(f, torch_node(f, dtype));
	uint8_t code[4];
	size_t n = c.known == TORCH_ND_DTYPE ? torch_first_bytes(f, torch_arg(f, &c, 0), code, sizeof code) : 0;
	return n > 1 && (code[0] == 'U' || (n == 2 && strchr("biuf", code[0]) && strchr("1248", code[1])));
}
