/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/lazy.h"
#include "formats/shared/protobuf.h"
#include "formats/shared/slice_map.h"
#include "fs/archive/archive.h"

/* --- numbers of fields: onnx.proto ----------------------------------------------------- */

enum {
	MODEL_IR_VERSION = 1, MODEL_PRODUCER_NAME = 2, MODEL_PRODUCER_VERSION = 3, MODEL_DOMAIN = 4, MODEL_VERSION = 5,
	MODEL_DOC_STRING = 6, MODEL_GRAPH = 7, MODEL_OPSET_IMPORT = 8, MODEL_METADATA_PROPS = 14, MODEL_TRAINING_INFO = 20,
	MODEL_FUNCTIONS = 25, MODEL_CONFIGURATION = 26,
	GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_DOC_STRING = 10, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
	GRAPH_VALUE_INFO = 13, GRAPH_QUANTIZATION = 14, GRAPH_SPARSE_INITIALIZER = 15, GRAPH_METADATA_PROPS = 16,
	NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP_TYPE = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7,
	ATTRIBUTE_NAME = 1, ATTRIBUTE_F = 2, ATTRIBUTE_I = 3, ATTRIBUTE_S = 4, ATTRIBUTE_T = 5, ATTRIBUTE_G = 6,
	ATTRIBUTE_FLOATS = 7, ATTRIBUTE_INTS = 8, ATTRIBUTE_STRINGS = 9, ATTRIBUTE_TENSORS = 10, ATTRIBUTE_GRAPHS = 11,
	ATTRIBUTE_TYPE = 20, ATTRIBUTE_SPARSE = 22, ATTRIBUTE_SPARSES = 23,
	FUNCTION_NAME = 1, FUNCTION_NODE = 7, FUNCTION_DOMAIN = 10, FUNCTION_ATTRIBUTE = 11, FUNCTION_OVERLOAD = 13,
	TRAINING_INITIALIZATION = 1, TRAINING_ALGORITHM = 2,
	TENSOR_DIMS = 1, TENSOR_DATA_TYPE = 2, TENSOR_SEGMENT = 3, TENSOR_NAME = 8, TENSOR_RAW_DATA = 9, TENSOR_DOC_STRING = 12,
	TENSOR_EXTERNAL_DATA = 13, TENSOR_DATA_LOCATION = 14, TENSOR_METADATA_PROPS = 16,
	SPARSE_VALUES = 1, SPARSE_INDICES = 2, SPARSE_DIMS = 3,
	ENTRY_KEY = 1, ENTRY_VALUE = 2,
	OPSET_DOMAIN = 1, OPSET_VERSION = 2,
};

/* --- what a tensor says ------------------------------------------------------------------- */

/* The fields that may hold a tensor's elements. */
enum onnx_field { DATA_FLOAT, DATA_INT32, DATA_STRING, DATA_INT64, DATA_DOUBLE, DATA_UINT64, DATA_FIELDS };

struct onnx_field_kind {
	const char *name;
	uint8_t number, wire; /* wire: of one entry that is not packed */
};
extern const struct onnx_field_kind onnx_field_kinds[DATA_FIELDS];

struct onnx_type {
	const char *name; /* NULL: unknown */
	uint8_t dtype, field;
};
const struct onnx_type *onnx_type(int64_t number); /* NULL if it is unknown */
const char *onnx_type_name(int64_t number);        /* UNDEFINED for 0; NULL if it is unknown */

/* A list of entries of a message, as was counted without looking at packed varints. */
struct onnx_data {
	uint64_t packed, singles; /* bytes of packed runs; entries with a tag each */
	uint64_t runs, at;        /* how many runs; the last one */
	uint64_t bytes;           /* of strings */
};

struct onnx_number {
	bool given, valid;
	uint64_t value;
};

struct onnx_tensor {
	const struct proto_part *parts; /* where it is */
	struct slice name;
	int32_t type;
	bool raw, segment, external;
	bool negative; /* an extent is */
	bool said;     /* it has metadata or a doc_string */
	bool strange;  /* fields that no tensor has */
	uint32_t rank;
	uint64_t *dims;
	uint64_t raw_at, raw_len;
	struct onnx_data data[DATA_FIELDS];
	bool located;
	struct slice location;
	struct onnx_number offset, length;
};

/* What all that reads a file for its tree shares. */
struct onnx_reader {
	struct archive *a;
	struct arena *scratch;
	struct proto_input in;
	struct error *err;
	uint64_t *dims; /* the last tensor's */
	uint32_t dims_room;
	struct slice_map locations; /* of external data, and what each is */
	struct onnx_file {
		uint32_t source;
		const char *fault; /* or why it cannot be opened */
	} *files;
};

/* Reads the message: all but `parts`, which the caller sets.  Faults are the input's. */
void onnx_tensor_read(struct onnx_reader *r, struct proto m, struct onnx_tensor *t);

void onnx_dims_read(struct onnx_reader *r, const struct proto_field *f, struct onnx_tensor *t);
void onnx_data_read(struct onnx_data *d, const struct proto_field *f, enum proto_wire wire);

/* Of a tensor with its elements in it: are these exactly those of its shape?  Counts packed
 * varints, but no more than `most` bytes of them: beyond that, only what follows from their
 * length. */
bool onnx_tensor_exact(struct onnx_reader *r, const struct onnx_tensor *t, uint64_t most);

/* Entries of its field that a tensor of so many elements has. */
uint64_t onnx_entries(const struct onnx_type *type, uint64_t elements);

/* A {key, value}, each of which may be missing: then it is empty. */
struct onnx_pair {
	struct proto_field key, value;
};
struct onnx_pair onnx_pair_read(const struct proto *m, const struct proto_field *f);

/* --- where it is shown: show.c --------------------------------------------------------- */

/* A directory, made once something is to be in it. */
struct onnx_place {
	struct onnx_place *up;
	struct slice name;
	uint32_t dir; /* 0: not made yet */
};

uint32_t onnx_place_dir(struct onnx_reader *r, struct onnx_place *p);

void onnx_show_tensor(struct onnx_reader *r, struct onnx_place *in, struct slice name, const struct onnx_tensor *t);

/* A SparseTensorProto; `name` NULL: that of its values. */
void onnx_show_sparse(struct onnx_reader *r, struct onnx_place *in, const struct slice *name, struct proto m);

/* A list of numbers or strings, as attributes have it. */
struct onnx_list_of {
	const struct proto_part *parts; /* of the attribute */
	const struct onnx_data *data;
	uint64_t count;
	uint32_t number;
	uint8_t wire, dtype;
	const char *type;
};
void onnx_show_list(struct onnx_reader *r, struct onnx_place *in, struct slice name, const struct onnx_list_of *list);
void onnx_show_number(struct onnx_reader *r, struct onnx_place *in, struct slice name, uint8_t dtype, const char *type, uint64_t value);
void onnx_show_string(struct onnx_reader *r, struct onnx_place *in, struct slice name, const struct proto_field *f);

/* The file that a tensor's elements are in, at which offset; or why they cannot be read, in
 * *why, and -EIO.  Another error is not the tensor's. */
int onnx_external(struct onnx_reader *r, const struct onnx_tensor *t, uint64_t size, uint32_t *ret_source, uint64_t *ret_offset,
		  struct error *why);

/* --- lists that are decoded when they are read: list.c ------------------------------------ */

/* The entries of a repeated field, in the archive's arena. */
struct onnx_list {
	const struct proto_part *parts;
	const char *what;
	uint32_t number;
	uint8_t wire, bits; /* bits: what an entry takes in the file that is shown */
	uint64_t count, bytes; /* bytes: of all strings together */
};

struct onnx_view {
	struct lazy lazy; /* .read: one of those below */
	const struct onnx_list *of;
};
int onnx_read_numbers(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
int onnx_read_offsets(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
int onnx_read_strings(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* --- the rest ---------------------------------------------------------------------------- */

bool onnx_probe_model(const struct peek *p);
bool onnx_probe_tensor(const struct peek *p);

/* Shows all that a model holds, and sets archive->priv, which a lone tensor has not. */
int onnx_show_model(struct onnx_reader *r);

/* Of a model's root; all is read when it is asked for. */
int onnx_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err);
void onnx_overview(struct archive *a, struct overview *ret);
int onnx_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
