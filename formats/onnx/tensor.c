/* SPDX-License-Identifier: MIT */
/* What a TensorProto says, without its elements. */
#include "formats/onnx/onnx.h"

#include "fs/base/list.h"

const struct onnx_field_kind onnx_field_kinds[DATA_FIELDS] = {
	[DATA_FLOAT] = {"float_data", 4, PROTO_I32},     [DATA_INT32] = {"int32_data", 5, PROTO_VARINT},
	[DATA_STRING] = {"string_data", 6, PROTO_LEN},   [DATA_INT64] = {"int64_data", 7, PROTO_VARINT},
	[DATA_DOUBLE] = {"double_data", 10, PROTO_I64},  [DATA_UINT64] = {"uint64_data", 11, PROTO_VARINT},
};

/* TensorProto.DataType, of IR version 14. */
static const struct onnx_type types[] = {
	[1] = {"FLOAT", DTYPE_FLOAT32, DATA_FLOAT},
	[2] = {"UINT8", DTYPE_UINT8, DATA_INT32},
	[3] = {"INT8", DTYPE_INT8, DATA_INT32},
	[4] = {"UINT16", DTYPE_UINT16, DATA_INT32},
	[5] = {"INT16", DTYPE_INT16, DATA_INT32},
	[6] = {"INT32", DTYPE_INT32, DATA_INT32},
	[7] = {"INT64", DTYPE_INT64, DATA_INT64},
	[8] = {"STRING", DTYPE_STRING, DATA_STRING},
	[9] = {"BOOL", DTYPE_BOOL, DATA_INT32},
	[10] = {"FLOAT16", DTYPE_FLOAT16, DATA_INT32},
	[11] = {"DOUBLE", DTYPE_FLOAT64, DATA_DOUBLE},
	[12] = {"UINT32", DTYPE_UINT32, DATA_UINT64},
	[13] = {"UINT64", DTYPE_UINT64, DATA_UINT64},
	[14] = {"COMPLEX64", DTYPE_COMPLEX64, DATA_FLOAT},
	[15] = {"COMPLEX128", DTYPE_COMPLEX128, DATA_DOUBLE},
	[16] = {"BFLOAT16", DTYPE_BFLOAT16, DATA_INT32},
	[17] = {"FLOAT8E4M3FN", DTYPE_FLOAT8_E4M3FN, DATA_INT32},
	[18] = {"FLOAT8E4M3FNUZ", DTYPE_FLOAT8_E4M3FNUZ, DATA_INT32},
	[19] = {"FLOAT8E5M2", DTYPE_FLOAT8_E5M2, DATA_INT32},
	[20] = {"FLOAT8E5M2FNUZ", DTYPE_FLOAT8_E5M2FNUZ, DATA_INT32},
	[21] = {"UINT4", DTYPE_UINT4, DATA_INT32},
	[22] = {"INT4", DTYPE_INT4, DATA_INT32},
	[23] = {"FLOAT4E2M1", DTYPE_FLOAT4_E2M1FN, DATA_INT32},
	[24] = {"FLOAT8E8M0", DTYPE_FLOAT8_E8M0FNU, DATA_INT32},
	[25] = {"UINT2", DTYPE_UINT2, DATA_INT32},
	[26] = {"INT2", DTYPE_INT2, DATA_INT32},
	[27] = {"FLOAT6E2M3", DTYPE_FLOAT6_E2M3FN, DATA_INT32},
	[28] = {"FLOAT6E3M2", DTYPE_FLOAT6_E3M2FN, DATA_INT32},
};

const struct onnx_type *onnx_type(int64_t number)
{
	bool known = number > 0 && number < (int64_t)(sizeof types / sizeof *types);
	return known ? &types[number] : NULL;
}

const char *onnx_type_name(int64_t number)
{
	const struct onnx_type *type = onnx_type(number);
	return type ? type->name : number == 0 ? "UNDEFINED" : NULL;
}

/* An entry of int32_data is an element, except that of the types of 2 and 4 bits it is a byte of
 * them; complex numbers are two entries. */
uint64_t onnx_entries(const struct onnx_type *type, uint64_t elements)
{
	switch (type->dtype) {
	case DTYPE_UINT4:
	case DTYPE_INT4:
	case DTYPE_FLOAT4_E2M1FN:
		return elements / 2 + elements % 2;
	case DTYPE_UINT2:
	case DTYPE_INT2:
		return elements / 4 + (elements % 4 != 0);
	case DTYPE_COMPLEX64:
	case DTYPE_COMPLEX128:
		return elements > UINT64_MAX / 2 ? UINT64_MAX : elements * 2;
	default:
		return elements;
	}
}

struct onnx_pair onnx_pair_read(const struct proto *m, const struct proto_field *f)
{
	struct proto_field none = {.wire = PROTO_LEN, .at = f->at}, part;
	struct onnx_pair pair = {none, none};
	for (struct proto entry = proto_enter(m, f); proto_next(&entry, &part);) {
		if (part.wire != PROTO_LEN)
			continue;
		if (part.number == ENTRY_KEY)
			pair.key = part;
		else if (part.number == ENTRY_VALUE)
			pair.value = part;
	}
	return pair;
}

/* Decimal digits, which are a number of 64 bits. */
static struct onnx_number read_number(struct proto_input *in, const struct proto_field *f)
{
	uint8_t digits[32];
	struct onnx_number n = {.given = true};
	if (f->len == 0 || f->len > sizeof digits || !proto_copy(in, f->at, (size_t)f->len, digits))
		return n;
	for (size_t i = 0; i < f->len; i++)
		if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(n.value, 10u, &n.value) ||
		    __builtin_add_overflow(n.value, digits[i] - '0', &n.value))
			return n;
	n.valid = true;
	return n;
}

static void read_external(struct onnx_reader *r, const struct proto *m, const struct proto_field *f, struct onnx_tensor *t)
{
	struct onnx_pair pair = onnx_pair_read(m, f);
	if (proto_equal(&r->in, &pair.key, SLICE("location"))) {
		t->located = true;
		t->location = proto_text(&r->in, &pair.value, r->scratch);
	} else if (proto_equal(&r->in, &pair.key, SLICE("offset"))) {
		t->offset = read_number(&r->in, &pair.value);
	} else if (proto_equal(&r->in, &pair.key, SLICE("length"))) {
		t->length = read_number(&r->in, &pair.value);
	}
}

void onnx_dims_read(struct onnx_reader *r, const struct proto_field *f, struct onnx_tensor *t)
{
	uint64_t extent;
	for (struct proto_run run = proto_run(&r->in, f, PROTO_VARINT); proto_number(&run, &extent);) {
		if (t->rank == r->dims_room) {
			uint32_t room = r->dims_room ? r->dims_room * 2 : 16;
			uint64_t *dims = arena_array(r->scratch, room, sizeof *dims);
			if (!dims) {
				r->in.failed = error_no_memory(r->err, "a tensor's shape");
				return;
			}
			if (t->rank)
				memcpy(dims, r->dims, t->rank * sizeof *dims);
			r->dims = dims;
			r->dims_room = room;
		}
		t->negative |= extent > INT64_MAX;
		r->dims[t->rank++] = extent;
	}
}

static enum onnx_field field_of(uint32_t number)
{
	enum onnx_field i = 0;
	while (i < DATA_FIELDS && onnx_field_kinds[i].number != number)
		i++;
	return i;
}

void onnx_data_read(struct onnx_data *d, const struct proto_field *f, enum proto_wire wire)
{
	if (f->wire == wire) {
		d->singles++;
		d->bytes += f->len;
	} else if (f->wire == PROTO_LEN) {
		d->runs++;
		d->packed += f->len;
		d->at = f->at;
	}
}

static void read_long(struct onnx_reader *r, const struct proto *m, const struct proto_field *f, struct onnx_tensor *t)
{
	switch (f->number) {
	case TENSOR_SEGMENT:
		t->segment = true;
		break;
	case TENSOR_NAME:
		t->name = proto_text(&r->in, f, r->scratch);
		break;
	case TENSOR_RAW_DATA:
		t->raw = true;
		t->raw_at = f->at;
		t->raw_len = f->len;
		break;
	case TENSOR_EXTERNAL_DATA:
		read_external(r, m, f, t);
		break;
	case TENSOR_DOC_STRING:
	case TENSOR_METADATA_PROPS:
		t->said = true;
		break;
	default:
		t->strange = true;
	}
}

void onnx_tensor_read(struct onnx_reader *r, struct proto m, struct onnx_tensor *t)
{
	struct proto_field f;
	memset(t, 0, sizeof *t);
	while (proto_next(&m, &f)) {
		enum onnx_field data = field_of(f.number);
		if (data < DATA_FIELDS && (f.wire == PROTO_LEN || f.wire == onnx_field_kinds[data].wire))
			onnx_data_read(&t->data[data], &f, onnx_field_kinds[data].wire);
		else if (f.number == TENSOR_DIMS && (f.wire == PROTO_LEN || f.wire == PROTO_VARINT))
			onnx_dims_read(r, &f, t);
		else if (f.number == TENSOR_DATA_TYPE && f.wire == PROTO_VARINT)
			t->type = (int32_t)f.value;
		else if (f.number == TENSOR_DATA_LOCATION && f.wire == PROTO_VARINT)
			t->external = f.value <= 1 ? f.value : t->external; /* others are none of the enum's */
		else if (f.wire == PROTO_LEN)
			read_long(r, &m, &f, t);
		else
			t->strange = true;
	}
	t->dims = r->dims;
}

/* Of fields: packed varints, of which there are at most `most` bytes, are counted. */
static bool exact_field(struct onnx_reader *r, const struct onnx_tensor *t, const struct onnx_type *type, uint64_t entries, uint64_t most)
{
	const struct onnx_field_kind *kind = &onnx_field_kinds[type->field];
	const struct onnx_data *d = &t->data[type->field];
	uint64_t each = kind->wire == PROTO_I32 ? 4 : 8, at = d->at;
	if (kind->wire == PROTO_I32 || kind->wire == PROTO_I64)
		return d->packed % each == 0 && d->singles + d->packed / each == entries;
	if (d->runs == 1 && d->packed <= most)
		return d->singles + proto_skip_varints(&r->in, &at, d->at + d->packed, UINT64_MAX) == entries && !r->in.failed;
	return entries >= d->singles && entries - d->singles <= d->packed && entries - d->singles >= d->packed / 10 + (d->packed % 10 != 0);
}

bool onnx_tensor_exact(struct onnx_reader *r, const struct onnx_tensor *t, uint64_t most)
{
	const struct onnx_type *type = onnx_type(t->type);
	uint64_t n;
	if (!type || t->negative || t->segment || t->external || !shape_elements(t->dims, t->rank, &n))
		return false;
	struct array array = {.dtype = type->dtype, .rank = t->rank, .shape = t->dims};
	if (t->raw && type->dtype != DTYPE_STRING)
		return t->raw_len == tree_array_size(&array);
	return exact_field(r, t, type, onnx_entries(type, n), most);
}
