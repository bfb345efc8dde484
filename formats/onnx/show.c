/* SPDX-License-Identifier: MIT */
/* Tensors and lists as files: those whose bytes stand in a file as they are shown are ranges of it,
 * the others are decoded when they are read. */
#include <inttypes.h>

#include "formats/onnx/onnx.h"
#include "fs/archive/column.h"
#include "fs/base/list.h"

/* COUNTED: packed varints in at most so many bytes are counted at once; of more, those who read
 * them learn of a wrong count. */
enum { COUNTED = 512 };

/* --- where it goes ----------------------------------------------------------------------------- */

uint32_t onnx_place_dir(struct onnx_reader *r, struct onnx_place *p)
{
	if (!p->dir) {
		struct tree_path path = tree_path(&r->a->tree, onnx_place_dir(r, p->up), p->name, r->a->options->split);
		p->dir = tree_dir(&r->a->tree, path.parent, path.leaf);
	}
	return p->dir;
}

static struct tree_path path_of(struct onnx_reader *r, struct onnx_place *in, struct slice name)
{
	return tree_path(&r->a->tree, onnx_place_dir(r, in), name, r->a->options->split);
}

/* --- what is said of a tensor --------------------------------------------------------------------- */

/* A text as "user.attr.onnx.doc_string", or an entry of metadata_props, of which a later one of the
 * same key counts. */
static void say_all(struct onnx_reader *r, uint32_t id, const struct onnx_tensor *t)
{
	struct arena scratch = arena_scratch(&r->a->arena);
	struct slice_map keys = {.arena = &scratch};
	struct proto_field f, *last = NULL;
	bool fresh;
	for (struct proto m = proto_of_parts(&r->in, t->parts); proto_next(&m, &f);) {
		if (f.wire != PROTO_LEN || (f.number != TENSOR_DOC_STRING && f.number != TENSOR_METADATA_PROPS))
			continue;
		struct onnx_pair pair = {.value = f};
		if (f.number == TENSOR_METADATA_PROPS)
			pair = onnx_pair_read(&m, &f);
		struct slice key = f.number == TENSOR_DOC_STRING ? SLICE("onnx.doc_string") : proto_text(&r->in, &pair.key, &scratch);
		uint32_t number = slice_map_add(&keys, key, &fresh);
		struct proto_field *grown = number == SLICE_MAP_NONE ? NULL : fresh ? list_grow_in(&scratch, last, number, sizeof *grown) : last;
		if (!grown) {
			r->in.failed = error_no_memory(r->err, "what is said of a tensor");
			break;
		}
		last = grown;
		last[number] = pair.value;
	}
	for (uint32_t i = 0; i < keys.count && !r->in.failed; i++) {
		struct slice value = proto_text(&r->in, &last[i], &scratch);
		tree_attr_own(&r->a->tree, id, keys.keys[i], value);
	}
	arena_free(&scratch);
}

/* --- tensors ------------------------------------------------------------------------------------------ */

/* What a tensor is shown as. */
struct shown {
	struct array array;
	uint64_t elements, size;
	enum { SHOWN_FAULT, SHOWN_RANGE, SHOWN_LIST } as;
	uint32_t source;
	uint64_t offset;
	const struct onnx_type *type;
	struct error why; /* of a fault */
};

/* Its array, as far as it is one: -EIO if not. */
static int shape_of(const struct onnx_tensor *t, struct shown *s)
{
	s->type = onnx_type(t->type);
	s->array = (struct array){.rank = t->rank, .shape = t->dims, .unshaped = t->negative, .type = onnx_type_name(t->type)};
	if (s->type) {
		s->array.dtype = s->type->dtype;
		s->array.byteorder = dtype_bits(&s->array) > 8 ? BYTEORDER_LITTLE : BYTEORDER_NONE;
	}
	bool fits = !t->negative && shape_elements(t->dims, t->rank, &s->elements);
	s->size = fits ? tree_array_size(&s->array) : SIZE_UNKNOWN;
	if (s->type && dtype_bits(&s->array) == 0) /* strings, each at least an offset */
		fits = fits && s->elements < INT64_MAX / 8;
	else if (s->type)
		fits = fits && s->size != SIZE_UNKNOWN;
	if (!fits) {
		s->array.unshaped = true;
		s->array.rank = 0;
	}
	if (t->segment)
		return error_set(&s->why, EIO, "a segment of a tensor, which nobody writes");
	if (!s->type)
		return error_set(&s->why, EIO, "elements of the unknown type %d", t->type);
	if (t->negative)
		return error_set(&s->why, EIO, "a negative extent");
	return fits ? 0 : error_set(&s->why, EIO, "a shape that overflows");
}

static int wrong_count(struct shown *s, uint64_t entries, uint64_t wanted)
{
	return error_set(&s->why, EIO, "%" PRIu64 " entries of %s for a shape of %" PRIu64, entries, onnx_field_kinds[s->type->field].name,
			 wanted);
}

/* Its elements are entries of its type's field. */
static int in_field(struct onnx_reader *r, const struct onnx_tensor *t, struct shown *s)
{
	const struct onnx_field_kind *kind = &onnx_field_kinds[s->type->field];
	const struct onnx_data *d = &t->data[s->type->field];
	uint64_t wanted = onnx_entries(s->type, s->elements), each = kind->wire == PROTO_I32 ? 4 : 8, at = d->at;
	s->as = SHOWN_LIST;
	if (kind->wire == PROTO_LEN)
		return d->singles == wanted ? 0 : wrong_count(s, d->singles, wanted);
	if (kind->wire == PROTO_VARINT && d->runs == 1 && d->packed <= COUNTED) {
		uint64_t n = d->singles + proto_skip_varints(&r->in, &at, d->at + d->packed, UINT64_MAX);
		return n == wanted ? 0 : wrong_count(s, n, wanted);
	}
	if (kind->wire == PROTO_VARINT) { /* each takes 1 to 10 bytes */
		bool may = wanted >= d->singles && wanted - d->singles <= d->packed && wanted - d->singles >= d->packed / 10 + (d->packed % 10 != 0);
		return may ? 0 : wrong_count(s, d->singles + d->packed, wanted);
	}
	if (d->packed % each || d->singles + d->packed / each != wanted)
		return wrong_count(s, d->singles + d->packed / each, wanted);
	if (d->runs == 1 && d->singles == 0) {
		s->as = SHOWN_RANGE;
		s->offset = d->at;
	}
	return 0;
}

/* Of several places in which there are elements the first of these counts: another file, raw_data,
 * the type's own field. */
static int find_elements(struct onnx_reader *r, const struct onnx_tensor *t, struct shown *s)
{
	int e = shape_of(t, s);
	if (e < 0)
		return e;
	s->as = SHOWN_RANGE;
	if (s->type->dtype == DTYPE_STRING)
		return in_field(r, t, s);
	if (t->external)
		return onnx_external(r, t, s->size, &s->source, &s->offset, &s->why);
	s->offset = t->raw_at;
	if (t->raw && t->raw_len != s->size)
		return error_set(&s->why, EIO, "%" PRIu64 " bytes of raw_data for a shape of %" PRIu64, t->raw_len, s->size);
	return t->raw ? 0 : in_field(r, t, s);
}

/* --- files ---------------------------------------------------------------------------------------------- */

/* In the archive's arena: readers need it. */
static const struct proto_part *keep_parts(struct onnx_reader *r, const struct proto_part *parts)
{
	struct proto_parts kept = {0};
	for (; parts; parts = parts->next)
		proto_add_part(&r->in, &kept, &(struct proto_field){.at = parts->at, .len = parts->len}, &r->a->arena);
	return kept.first;
}

static const struct onnx_list *keep_list(struct onnx_reader *r, const struct proto_part *parts, struct onnx_list list)
{
	struct onnx_list *kept = arena_alloc(&r->a->arena, sizeof *kept);
	if (!kept) {
		r->in.failed = error_no_memory(r->err, "a list");
		return NULL;
	}
	list.parts = keep_parts(r, parts);
	*kept = list;
	return kept;
}

static struct column_file view_of(struct onnx_reader *r, const struct onnx_list *list, uint64_t size,
				  int (*read)(struct archive *, const struct node *, uint64_t, uint64_t, struct answer *, struct error *))
{
	struct onnx_view *view = arena_alloc(&r->a->arena, sizeof *view);
	if (view)
		*view = (struct onnx_view){{read}, list};
	else
		r->in.failed = error_no_memory(r->err, "a list");
	return (struct column_file){.kind = NODE_LAZY, .lazy = view, .size = size};
}

/* A directory of offsets and values. */
static uint32_t add_strings(struct onnx_reader *r, struct column_at at, const struct array *array, const struct onnx_list *list)
{
	struct array bytes = column_of((struct array){.dtype = DTYPE_UINT8}, &list->bytes);
	struct column_file offsets = view_of(r, list, (list->count + 1) * 8, onnx_read_offsets);
	struct column c = column_list(&r->a->tree, at, array, list->count, offsets);
	column_array(&r->a->tree, c.rest, &bytes, view_of(r, list, list->bytes, onnx_read_strings));
	return c.dir;
}

static uint32_t add_list(struct onnx_reader *r, struct column_at at, const struct array *array, const struct proto_part *parts,
			 struct onnx_list list)
{
	const struct onnx_list *kept = keep_list(r, parts, list);
	if (!kept)
		return 0;
	if (list.wire == PROTO_LEN)
		return add_strings(r, at, array, kept);
	uint64_t size = tree_array_size(array);
	return column_array(&r->a->tree, at, array, view_of(r, kept, size, onnx_read_numbers));
}

/* Strings that cannot be read are offsets and values that cannot. */
static uint32_t add_fault(struct onnx_reader *r, struct column_at at, const struct shown *s)
{
	struct tree *tree = &r->a->tree;
	if (s->array.dtype != DTYPE_STRING)
		return tree_fault(tree, at.parent, at.name, s->why.text, &s->array);
	uint64_t entries = s->elements + 1;
	struct array offsets = {.dtype = DTYPE_INT64, .byteorder = BYTEORDER_LITTLE, .rank = 1, .shape = &entries};
	struct array bytes = {.dtype = DTYPE_UINT8, .unshaped = true};
	uint32_t dir = column_struct(tree, at, &s->array);
	offsets.unshaped = s->array.unshaped;
	tree_error(tree, dir, s->why.text);
	tree_fault(tree, dir, SLICE("offsets"), s->why.text, &offsets);
	tree_fault(tree, dir, SLICE("values"), s->why.text, &bytes);
	return dir;
}

static uint32_t add_tensor(struct onnx_reader *r, struct column_at at, const struct onnx_tensor *t)
{
	struct shown s = {0};
	uint32_t id;
	if (find_elements(r, t, &s) < 0) {
		if (r->in.failed)
			return 0;
		id = add_fault(r, at, &s);
	} else if (s.as == SHOWN_RANGE) {
		id = tree_range(&r->a->tree, at.parent, at.name, s.source, s.offset, s.size);
		tree_describe(&r->a->tree, id, tree_array(&r->a->tree, &s.array));
	} else {
		const struct onnx_field_kind *kind = &onnx_field_kinds[s.type->field];
		uint64_t wanted = onnx_entries(s.type, s.elements), bits = dtype_bits(&s.array);
		bool pairs = wanted > s.elements, packs = wanted < s.elements || bits == 4 || bits == 2;
		id = add_list(r, at, &s.array, t->parts,
			      (struct onnx_list){.what = kind->name, .number = kind->number, .wire = kind->wire, .count = wanted,
						 .bits = (uint8_t)(packs ? 8 : pairs ? bits / 2 : bits), .bytes = kind->wire == PROTO_LEN ? t->data[DATA_STRING].bytes : 0});
	}
	if (t->said)
		say_all(r, id, t);
	return id;
}

void onnx_show_tensor(struct onnx_reader *r, struct onnx_place *in, struct slice name, const struct onnx_tensor *t)
{
	struct tree_path path = path_of(r, in, name);
	uint32_t id = add_tensor(r, (struct column_at){path.parent, path.leaf, false}, t);
	tree_path_end(&r->a->tree, &path, id);
}

/* --- sparse tensors ------------------------------------------------------------------------------------- */

struct sparse {
	struct proto_parts values, indices;
	struct onnx_tensor dense; /* of it only the shape */
};

static void read_sparse(struct onnx_reader *r, struct proto *m, struct sparse *s)
{
	struct proto_field f;
	while (proto_next(m, &f)) {
		if (f.number == SPARSE_DIMS && (f.wire == PROTO_LEN || f.wire == PROTO_VARINT))
			onnx_dims_read(r, &f, &s->dense);
		else if (f.wire == PROTO_LEN && f.number == SPARSE_VALUES)
			proto_add_part(&r->in, &s->values, &f, r->scratch);
		else if (f.wire == PROTO_LEN && f.number == SPARSE_INDICES)
			proto_add_part(&r->in, &s->indices, &f, r->scratch);
	}
	s->dense.dims = r->dims;
	r->dims = NULL; /* the parts' are others */
	r->dims_room = 0;
}

static void read_part(struct onnx_reader *r, const struct proto *m, const struct proto_parts *parts, struct onnx_tensor *t)
{
	onnx_tensor_read(r, proto_enter_parts(m, parts->first), t);
	t->parts = parts->first;
}

void onnx_show_sparse(struct onnx_reader *r, struct onnx_place *in, const struct slice *name, struct proto m)
{
	struct sparse s = {0};
	struct onnx_tensor t;
	uint64_t n;
	read_sparse(r, &m, &s);
	read_part(r, &m, &s.values, &t);
	struct array array = {.dtype = DTYPE_SPARSE, .rank = s.dense.rank, .shape = s.dense.dims, .type = onnx_type_name(t.type)};
	bool fits = !s.dense.negative && shape_elements(array.shape, array.rank, &n);
	if (!fits) {
		array.unshaped = true;
		array.rank = 0;
	}
	struct tree_path path = path_of(r, in, name ? *name : t.name);
	uint32_t dir = column_struct(&r->a->tree, (struct column_at){path.parent, path.leaf, false}, &array);
	tree_error(&r->a->tree, dir, fits ? NULL : s.dense.negative ? "a negative extent" : "a shape that overflows");
	add_tensor(r, (struct column_at){dir, SLICE("values"), false}, &t);
	read_part(r, &m, &s.indices, &t);
	add_tensor(r, (struct column_at){dir, SLICE("indices"), false}, &t);
	tree_path_end(&r->a->tree, &path, dir);
}

/* --- what attributes hold themselves -------------------------------------------------------------------- */

void onnx_show_list(struct onnx_reader *r, struct onnx_place *in, struct slice name, const struct onnx_list_of *list)
{
	struct array array = {.dtype = list->dtype, .rank = 1, .shape = &list->count, .type = list->type};
	uint64_t bits = dtype_bits(&array);
	struct tree_path path = path_of(r, in, name);
	struct column_at at = {path.parent, path.leaf, false};
	const struct onnx_data *d = list->data;
	uint32_t id;
	array.byteorder = bits > 8 ? BYTEORDER_LITTLE : BYTEORDER_NONE;
	if (list->wire == PROTO_I32 && d->runs == 1 && d->singles == 0) {
		struct column_file range = {.kind = NODE_RANGE, .offset = d->at, .size = d->packed};
		id = column_array(&r->a->tree, at, &array, range);
	} else {
		id = add_list(r, at, &array, list->parts,
			      (struct onnx_list){.what = list->type, .number = list->number, .wire = list->wire, .count = list->count,
						 .bits = (uint8_t)bits, .bytes = d->bytes});
	}
	tree_path_end(&r->a->tree, &path, id);
}

static uint8_t *little(struct onnx_reader *r, uint64_t value, unsigned bytes)
{
	uint8_t *kept = arena_alloc(&r->a->arena, bytes);
	for (unsigned i = 0; kept && i < bytes && i < 8; i++)
		kept[i] = (uint8_t)(value >> 8 * i);
	if (!kept)
		r->in.failed = error_no_memory(r->err, "a number");
	return kept;
}

void onnx_show_number(struct onnx_reader *r, struct onnx_place *in, struct slice name, uint8_t dtype, const char *type, uint64_t value)
{
	struct array array = {.dtype = dtype, .byteorder = BYTEORDER_LITTLE, .type = type};
	unsigned bytes = (unsigned)dtype_bits(&array) / 8;
	struct tree_path path = path_of(r, in, name);
	struct column_file file = {.kind = NODE_BYTES, .bytes = little(r, value, bytes), .size = bytes};
	uint32_t id = column_array(&r->a->tree, (struct column_at){path.parent, path.leaf, false}, &array, file);
	tree_path_end(&r->a->tree, &path, id);
}

void onnx_show_string(struct onnx_reader *r, struct onnx_place *in, struct slice name, const struct proto_field *f)
{
	struct array array = {.dtype = DTYPE_STRING, .type = "STRING"};
	struct array bytes = column_of((struct array){.dtype = DTYPE_UINT8}, &f->len);
	struct tree_path path = path_of(r, in, name);
	uint8_t *offsets = little(r, 0, 16), *end = little(r, f->len, 8);
	if (!offsets || !end)
		return;
	memcpy(offsets + 8, end, 8);
	struct column c = column_list(&r->a->tree, (struct column_at){path.parent, path.leaf, false}, &array, 1,
				      (struct column_file){.kind = NODE_BYTES, .bytes = offsets, .size = 16});
	column_array(&r->a->tree, c.rest, &bytes, (struct column_file){.kind = NODE_RANGE, .offset = f->at, .size = f->len});
	tree_path_end(&r->a->tree, &path, c.dir);
}
