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

/* An attribute of an object that has a dictionary of them; or 0. */
uint32_t dcp_field(const struct dcp_reader *r, uint32_t node, const char *name);

/* A text, kept in the arena; *ret_is: it is one. */
int dcp_text(struct dcp_reader *r, uint32_t node, struct arena *arena, struct slice *ret, bool *ret_is);

/* A copy of the sentence, in the archive's arena. */
const char *dcp_sentence(struct dcp_reader *r, const struct error *why);

/* storage_data: where slices lie; and opens their files. */
int dcp_read_slices(struct dcp_reader *r);

/* The slice of a chunk, or of a value: rank UINT32_MAX.  NULL: there is none. */
int dcp_find_slice(struct dcp_reader *r, struct slice name, const uint64_t *offsets, uint32_t rank, struct dcp_slice **ret);
