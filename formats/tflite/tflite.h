/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/flatbuffers.h"
#include "formats/shared/lazy.h"

/*
 * TensorFlow Lite models, by schema version 3 (LiteRT's schema.fbs).  The tables and the fields
 * of them that are read:
 *
 *	Model       0 version, 1 operator codes, 2 subgraphs, 3 description, 4 buffers, 6 metadata, 7 signatures
 *	SubGraph    0 tensors, 1 inputs, 2 outputs, 3 operators, 4 name
 *	Tensor      0 shape, 1 type, 2 buffer, 3 name, 4 quantization, 6 sparsity, 7 shape signature, 10 external buffer
 *	Buffer      0 data; or 1 offset, 2 size: in the file, which may be longer than any flatbuffer
 *	Metadata    0 name, 1 buffer
 *
 * Shown: the tensors that have bytes, of the first subgraph at the root, of others below their name;
 * metadata/NAME; associated_files/, the members of a zip after the model.
 */
enum { MODEL_VERSION = 3 };
enum { MODEL_CODES = 1, MODEL_SUBGRAPHS, MODEL_DESCRIPTION, MODEL_BUFFERS, MODEL_METADATA = 6, MODEL_SIGNATURES };
enum { GRAPH_TENSORS, GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_OPERATORS, GRAPH_NAME };
enum { TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANTIZATION, TENSOR_SPARSITY = 6, TENSOR_SIGNATURE, TENSOR_EXTERNAL = 10 };
enum { QUANTIZATION_MIN, QUANTIZATION_MAX, QUANTIZATION_SCALE, QUANTIZATION_ZERO, QUANTIZATION_DETAILS, QUANTIZATION_AXIS = 6 };
enum { SPARSITY_ORDER, SPARSITY_BLOCKS, SPARSITY_DIMENSIONS };

/* The flatbuffer, mapped: read between tflite_enter() and tflite_leave(). */
struct tflite_model {
	struct flat flat;
	struct flat_table root;
	struct flat_vector buffers;
	uint64_t work; /* bytes of names and lists that may yet be read: tables may share them */
};
int tflite_enter(struct archive *a, struct tflite_model *ret, struct error *err);
int tflite_leave(struct archive *a, const struct tflite_model *m, int r, struct error *err);

/* Is so much left to be read?  Otherwise the model is no sound flatbuffer. */
bool tflite_spend(struct tflite_model *m, uint64_t bytes);

/* A node of which the model has more to say. */
struct tflite_told {
	uint32_t node, table; /* index in the tree, place in the flatbuffer; rising by node */
};

struct tflite {
	struct tflite_told *tensors;
	uint32_t ntensors;
};

/* While the model is opened. */
struct tflite_opening {
	struct archive *archive;
	struct tflite_model model;
	struct tflite *tflite;
	struct arena *scratch;
	struct error *err;
};

/* There is no memory for what is being shown: the archive is refused. */
uint32_t tflite_no_memory(struct tflite_opening *o);

/* Where a buffer's bytes are in the file. */
struct tflite_bytes {
	uint64_t at, len;
};
enum tflite_found { TFLITE_NOTHING, TFLITE_BYTES, TFLITE_OUTSIDE }; /* beyond the file, or of no buffer that there is */
enum tflite_found tflite_buffer(struct archive *a, struct tflite_model *m, uint32_t number, struct tflite_bytes *ret);

/* --- tensor.c, sparse.c, strings.c ------------------------------------------------- */

/* A tensor as it is shown. */
struct tflite_tensor {
	struct flat_table table;
	struct array array; /* without a shape where that cannot be */
	struct tflite_bytes bytes;
	const char *fault;  /* why it is not shown; NULL */
};

/* Adds all tensors that have bytes. */
int tflite_show(struct tflite_opening *o);
const char *tflite_type_name(int64_t type, char buf[24]);

uint32_t tflite_show_strings(struct tflite_opening *o, uint32_t parent, struct slice name, const struct tflite_tensor *t);
uint32_t tflite_show_sparse(struct tflite_opening *o, uint32_t parent, struct slice name, const struct tflite_tensor *t);

/* --- quantization.c ------------------------------------------------------------------ */

/* What the integers stand for; NULL if they have no scale, or none that is one for each index of
 * an axis. */
const struct quant *tflite_quant(struct tflite_opening *o, const struct flat_table *tensor, const struct array *array);

/* --- attrs.c, json.c -------------------------------------------------------------------- */

int tflite_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err);
int tflite_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);

/* A list of numbers as JSON. */
void tflite_put_ints(struct tflite_model *m, const struct flat_table *t, unsigned field, unsigned bytes, struct text *ret);
void tflite_put_floats(struct tflite_model *m, const struct flat_table *t, unsigned field, struct text *ret);
