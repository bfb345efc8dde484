/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/torch/dcp.h"

/* Shared by the files that read .metadata. */
struct dcp_reader {
	struct dcp *d;
	struct torch_file f;
	struct arena scratch;
	struct error *err;
	struct slice_map slices; /* by name and offset */
	struct dcp_slice *places;
	struct slice_map paths;  /* of d->files */
	struct slice_map names;  /* of tensors and values */
	uint32_t *marks;         /* by a file's number: the last tensor that comes from it, from 1 */
};

/* --- dcp_storage.c --------------------------------------------------------------------------- */

int dcp_no_memory(struct dcp_reader *r);

/* What attributes are called. */
#define DCP_WORDS(X)                                                                                  \
	X(DCP_STATE_DICT_METADATA, "state_dict_metadata") X(DCP_STORAGE_DATA, "storage_data")         \
	X(DCP_FQN, "fqn") X(DCP_OFFSET, "offset") X(DCP_RELATIVE_PATH, "relative_path")               \
	X(DCP_LENGTH, "length") X(DCP_TRANSFORM_DESCRIPTORS, "transform_descriptors")                 \
	X(DCP_PROPERTIES, "properties") X(DCP_SIZE, "size") X(DCP_CHUNKS, "chunks")                   \
	X(DCP_OFFSETS, "offsets") X(DCP_SIZES, "sizes") X(DCP_DTYPE, "dtype")

enum dcp_word {
	DCP_UNREAD, /* as `known` of a text has it at first */
#define DCP_WORD(id, name) id,
	DCP_WORDS(DCP_WORD)
#undef DCP_WORD
	DCP_OTHER,
};

/* An attribute of an object that has a dictionary of them; or 0. */
uint32_t dcp_field(const struct dcp_reader *r, uint32_t node, enum dcp_word word);

/* A text, kept in the arena; *ret_is: it is one. */
int dcp_text(struct dcp_reader *r, uint32_t node, struct arena *arena, struct slice *ret, bool *ret_is);

/* A copy of the sentence, in the archive's arena. */
const char *dcp_sentence(struct dcp_reader *r, const struct error *why);

/* storage_data: where slices lie; and opens their files. */
int dcp_read_slices(struct dcp_reader *r);

/* The slice of a chunk, or of a value: rank UINT32_MAX.  NULL: there is none. */
int dcp_find_slice(struct dcp_reader *r, struct slice name, const uint64_t *offsets, uint32_t rank, struct dcp_slice **ret);
