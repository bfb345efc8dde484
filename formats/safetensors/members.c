/* SPDX-License-Identifier: MIT */
/* What a header holds: tensors' descriptions, and metadata. */
#include "formats/safetensors/impl.h"

#include <inttypes.h>

/* safetensors 0.8, tensor.rs: Dtype. */
static const struct {
	const char *type;
	uint8_t dtype;
} dtypes[] = {
	{"BOOL", DTYPE_BOOL},
	{"F4", DTYPE_FLOAT4_E2M1FN},
	{"F6_E2M3", DTYPE_FLOAT6_E2M3FN},
	{"F6_E3M2", DTYPE_FLOAT6_E3M2FN},
	{"U8", DTYPE_UINT8},
	{"I8", DTYPE_INT8},
	{"F8_E5M2", DTYPE_FLOAT8_E5M2},
	{"F8_E4M3", DTYPE_FLOAT8_E4M3FN},
	{"F8_E8M0", DTYPE_FLOAT8_E8M0FNU},
	{"F8_E4M3FNUZ", DTYPE_FLOAT8_E4M3FNUZ},
	{"F8_E5M2FNUZ", DTYPE_FLOAT8_E5M2FNUZ},
	{"I16", DTYPE_INT16},
	{"U16", DTYPE_UINT16},
	{"F16", DTYPE_FLOAT16},
	{"BF16", DTYPE_BFLOAT16},
	{"I32", DTYPE_INT32},
	{"U32", DTYPE_UINT32},
	{"F32", DTYPE_FLOAT32},
	{"C64", DTYPE_COMPLEX64},
	{"F64", DTYPE_FLOAT64},
	{"I64", DTYPE_INT64},
	{"U64", DTYPE_UINT64},
};

enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL = 7 };

/* --- a tensor's description -------------------------------------------- */

void safetensors_no_memory(struct reader *r)
{
	if (!r->failed)
		r->failed = error_no_memory(r->err, "all that the header holds");
}

/* Doubles an array in the scratch arena; the old copies add up to as much again. */
static bool grown(struct reader *r, void **array, uint32_t *room, uint32_t used, size_t each)
{
	if (used < *room)
		return true;
	uint32_t more = *room ? *room * 2 : 8;
	void *fresh = arena_array(r->scratch, more, each);
	if (!fresh) {
		safetensors_no_memory(r);
		return false;
	}
	if (used)
		memcpy(fresh, *array, used * each);
	*array = fresh;
	*room = more;
	return true;
}

/* A lasting copy of a name; the reader's are only valid during a step. */
static struct slice kept(struct reader *r, struct arena *arena, struct slice name)
{
	const char *text = arena_text(arena, name);
	if (!text)
		safetensors_no_memory(r);
	return (struct slice){(const uint8_t *)text, name.len};
}

/* Of two equal names, the reference reader keeps the last and silently drops the other; we
 * refuse. */
static int refuse_repeated(struct error *err, const char *what, struct slice name)
{
	err->text[0] = '\0'; /* takes precedence over later faults */
	return error_set(err, EBADMSG, "%s %.*s appears twice in the header", what, safetensors_cut(name), name.data);
}

int safetensors_check_names(const struct safetensors_header *h, struct arena *scratch, struct error *err)
{
	uint32_t repeated;
	if (!slice_map_repeated(h->names, h->count, scratch, &repeated))
		return error_no_memory(err, "all that the header holds");
	return repeated == SLICE_MAP_NONE ? 0 : refuse_repeated(err, "tensor", h->names[repeated]);
}

/* "F32" or, since the reference reads the type as an enum, {"F32": null}. */
static struct slice read_dtype(struct json *j)
{
	struct slice name = {NULL, 0}, extra;
	if (json_peek(j) != JSON_OBJECT)
		return json_string(j);
	if (json_object(j) && json_member(j, &name)) {
		json_null(j);
		if (json_member(j, &extra))
			json_fail(j, "a dtype is one name");
	} else {
		json_fail(j, "a dtype is expected");
	}
	return name;
}

static uint32_t read_shape(struct reader *r)
{
	uint32_t rank = 0;
	for (json_array(&r->j); json_element(&r->j); rank++) {
		if (!grown(r, (void **)&r->shape, &r->shape_room, rank, sizeof *r->shape))
			return 0;
		r->shape[rank] = json_u64(&r->j);
	}
	return rank;
}

static void read_offsets(struct json *j, struct parts *p)
{
	static const char *const fault = "data_offsets are two numbers";
	json_array(j);
	if (!json_element(j))
		json_fail(j, fault);
	p->begin = json_u64(j);
	if (!json_element(j))
		json_fail(j, fault);
	p->end = json_u64(j);
	if (json_element(j))
		json_fail(j, fault);
}

static void read_field(struct reader *r, unsigned field, struct parts *p)
{
	if (p->seen & field) {
		json_fail(&r->j, "a field is repeated");
		return;
	}
	p->seen |= field;
	if (field == DTYPE)
		p->dtype = read_dtype(&r->j);
	else if (field == SHAPE)
		p->rank = read_shape(r);
	else
		read_offsets(&r->j, p);
}

static bool match(struct cursor *c, struct slice literal)
{
	return cursor_match(c, literal.data, literal.len);
}

/* Where a tensor begins: usually where the one before it ends, in the same digits. */
static bool read_begin(struct reader *r, struct cursor *c, uint64_t *ret)
{
	struct cursor same = *c;
	if (!r->ndigits || !cursor_match(&same, r->digits, r->ndigits) || !match(&same, SLICE(",")))
		return json_digits(c, ret) && match(c, SLICE(","));
	*ret = r->end;
	*c = same;
	return true;
}

static bool read_end(struct reader *r, struct cursor *c, uint64_t *ret)
{
	const uint8_t *from = c->pos;
	if (!json_digits(c, ret))
		return false;
	r->end = *ret;
	r->ndigits = (uint8_t)(c->pos - from);
	memcpy(r->digits, from, r->ndigits);
	return true;
}

/* Reads a description in the form in which the reference library writes it,
 *     {"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}
 * several times as fast as token by token.  False, and nothing was read, for any other. */
static bool read_usual(struct reader *r, struct parts *p)
{
	struct cursor c = r->j.c;
	uint32_t rank = 0;

	if (!match(&c, SLICE("{\"dtype\":\"")) || !match(&c, slice_text(dtypes[r->dtype].type)))
		return false;
	p->dtype = slice_text(dtypes[r->dtype].type);
	if (!match(&c, SLICE("\",\"shape\":[")))
		return false;
	do {
		if (!grown(r, (void **)&r->shape, &r->shape_room, rank, sizeof *r->shape) || !json_digits(&c, &r->shape[rank]))
			return false;
		rank++;
	} while (match(&c, SLICE(",")));
	if (!match(&c, SLICE("],\"data_offsets\":[")) || !read_begin(r, &c, &p->begin) || !read_end(r, &c, &p->end) ||
	    !match(&c, SLICE("]}")))
		return false;
	p->rank = rank;
	r->j.c = c;
	return true;
}

/* An object or, since the reference reads a struct, an array of its fields. */
static void read_parts(struct reader *r, struct parts *p)
{
	struct slice name;
	if (read_usual(r, p))
		return;
	if (json_peek(&r->j) == JSON_ARRAY) {
		json_array(&r->j);
		for (unsigned field = DTYPE; field < ALL; field <<= 1) {
			if (!json_element(&r->j))
				json_fail(&r->j, "a tensor must have dtype, shape and data_offsets only");
			read_field(r, field, p);
		}
		if (json_element(&r->j))
			json_fail(&r->j, "a tensor must have dtype, shape and data_offsets only");
		return;
	}
	json_object(&r->j);
	while (json_member(&r->j, &name)) {
		if (slice_equal(name, SLICE("dtype")))
			read_field(r, DTYPE, p);
		else if (slice_equal(name, SLICE("shape")))
			read_field(r, SHAPE, p);
		else if (slice_equal(name, SLICE("data_offsets")))
			read_field(r, OFFSETS, p);
		else
			json_skip(&r->j);
	}
	if (p->seen != ALL)
		json_fail(&r->j, !(p->seen & DTYPE) ? "a tensor has no dtype"
					: !(p->seen & SHAPE) ? "a tensor has no shape" : "a tensor has no data_offsets");
}

static const struct array *describe(struct reader *r, uint8_t dtype, const char *type, uint32_t rank)
{
	const struct array *last = r->last;
	if (last && last->dtype == dtype && last->rank == rank && (rank == 0 || memcmp(last->shape, r->shape, rank * sizeof *r->shape) == 0))
		return last;
	struct array array = {.dtype = dtype, .rank = rank, .shape = r->shape, .type = type};
	if (dtype_bits(&array) > 8)
		array.byteorder = BYTEORDER_LITTLE;
	const struct array *kept = tree_array(r->tree, &array);
	if (!kept)
		safetensors_no_memory(r);
	return r->last = kept;
}

/* Rule 3: the size that follows from the shape is in whole bytes, and equals the span of the
 * offsets. */
static int check_size(struct reader *r, struct slice tensor, const struct safetensors_tensor *t)
{
	uint64_t n, bits = dtype_bits(t->array);
	const char *name = (const char *)tensor.data;
	int cut = safetensors_cut(tensor);

	if (t->end < t->begin)
		return error_set(r->err, EBADMSG, "tensor %.*s: ends at %" PRIu64 ", before it begins at %" PRIu64,
				 cut, name, t->end, t->begin);
	if (!shape_elements(t->array->shape, t->array->rank, &n) || __builtin_mul_overflow(n, bits, &n))
		return error_set(r->err, EBADMSG, "tensor %.*s: its shape overflows", cut, name);
	if (n % 8)
		return error_set(r->err, EBADMSG, "tensor %.*s: %" PRIu64 " bits are not whole bytes", cut, name, n);
	if (n / 8 != t->end - t->begin)
		return error_set(r->err, EBADMSG, "tensor %.*s: %" PRIu64 " bytes of data for a shape of %" PRIu64,
				 cut, name, t->end - t->begin, n / 8);
	return 0;
}

/* Looks the name up in `dtypes`: usually it is the previous tensor's. False if there is none. */
static bool find_dtype(struct reader *r, struct slice name)
{
	const size_t count = sizeof dtypes / sizeof *dtypes;
	if (slice_equal(name, slice_text(dtypes[r->dtype].type)))
		return true;
	r->dtype = 0;
	while (r->dtype < count && !slice_equal(name, slice_text(dtypes[r->dtype].type)))
		r->dtype++;
	return r->dtype < count;
}

static void add_tensor(struct reader *r)
{
	struct safetensors_header *h = r->h;
	const struct parts *p = &r->parts;
	struct slice name = kept(r, safetensors_flat(r->name, r->split) ? r->keep : r->scratch, r->name);
	if (r->failed || !grown(r, (void **)&h->tensors, &r->room, h->count, sizeof *h->tensors) ||
	    !grown(r, (void **)&h->names, &r->names_room, h->count, sizeof *h->names))
		return;
	struct safetensors_tensor *t = &h->tensors[h->count];
	h->names[h->count++] = name;
	if (!find_dtype(r, p->dtype)) {
		r->failed = error_set(r->err, EBADMSG, "tensor %.*s: unknown dtype %.*s", safetensors_cut(name), name.data,
				      safetensors_cut(p->dtype), p->dtype.data);
		return;
	}
	*t = (struct safetensors_tensor){.begin = p->begin, .end = p->end};
	t->array = describe(r, dtypes[r->dtype].dtype, dtypes[r->dtype].type, p->rank);
	if (t->array)
		r->failed = check_size(r, name, t);
}

/* --- all members --------------------------------------------------------- */

static void read_metadata(struct reader *r)
{
	struct safetensors_header *h = r->h;
	struct slice name;
	bool fresh = true;

	if (r->metadata_seen)
		json_fail(&r->j, "__metadata__ is repeated");
	if (json_peek(&r->j) == JSON_NULL) {
		json_null(&r->j);
		return;
	}
	h->metadata_names = (struct slice_map){.arena = r->scratch}; /* the step may be a repetition */
	r->metadata_room = 0;
	json_object(&r->j);
	while (json_member(&r->j, &name)) {
		struct slice value = json_string(&r->j);
		if (r->j.failed)
			return;
		name = kept(r, r->scratch, name);
		uint32_t id = r->failed ? SLICE_MAP_NONE : slice_map_add(&h->metadata_names, name, &fresh);
		if (id == SLICE_MAP_NONE)
			safetensors_no_memory(r);
		else if (!fresh)
			r->failed = refuse_repeated(r->err, "metadata", name);
		if (r->failed || !grown(r, (void **)&h->metadata, &r->metadata_room, id, sizeof *h->metadata))
			return;
		h->metadata[id] = kept(r, r->scratch, value);
	}
}

static bool begin(void *arg)
{
	struct reader *r = arg;
	return json_object(&r->j);
}

/* Only parses: a tensor's description is interpreted once all of it has been read. */
static bool read_member(void *arg)
{
	struct reader *r = arg;
	r->parts = (struct parts){0};
	if (!json_member(&r->j, &r->name))
		return false;
	r->is_metadata = slice_equal(r->name, SLICE("__metadata__"));
	if (r->is_metadata)
		read_metadata(r);
	else
		read_parts(r, &r->parts);
	return true;
}

int safetensors_read_members(struct reader *r)
{
	json_pieces_step(&r->pieces, begin, r);
	while (r->failed == 0 && json_pieces_step(&r->pieces, read_member, r) && r->failed == 0 && !r->j.failed) {
		r->metadata_seen |= r->is_metadata;
		if (!r->is_metadata)
			add_tensor(r);
	}
	return json_pieces_end(&r->pieces, r->failed, "the header");
}
