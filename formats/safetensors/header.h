/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/slice_map.h"
#include "fs/archive/archive.h"

/*
 * The header of a safetensors file, for the file itself and for an index of such
 * files: read in full, and checked by every rule of the reference reader.
 */
struct safetensors_tensor {
	const struct array *array; /* in the archive's arena; dtype, shape and type */
	uint64_t begin, end;       /* its bytes in the file */
};

struct safetensors_header {
	uint32_t count;
	struct slice *names; /* of the tensors, in the header's order */
	struct safetensors_tensor *tensors; /* in the same order */
	struct slice_map metadata_names;
	struct slice *metadata; /* values, by number */
};

/* A probe: is it a safetensors file, by its first bytes? */
bool safetensors_probe(const struct peek *p);

/* Reads the header of `s`, and checks all but that its tensors' names are distinct: that is
 * left to safetensors_check_names(), for the tree finds it out on the way. Allocates from
 * `scratch`, except what outlives it, which goes into the tree's arena: this includes names
 * that safetensors_add() will show verbatim, which depends on `split`, too. */
int safetensors_header_read(const struct source *s, char split, struct tree *tree, struct arena *scratch,
			    struct safetensors_header *ret, struct error *err);

/* -EBADMSG if two tensors have the same name. */
int safetensors_check_names(const struct safetensors_header *h, struct arena *scratch, struct error *err);

/* Is the name a single component? */
bool safetensors_flat(struct slice name, char split);

/* Adds the tensor of that number to the tree, as bytes of that source; returns the node.  The
 * hash is what tree_expect_name() returned for its name in the root. */
uint32_t safetensors_add(struct archive *a, const struct safetensors_header *h, uint32_t number, uint32_t hash,
			 uint32_t source);

/* To be called after all have been added: sets a->priv to the tensors' numbers by node, for
 * safetensors_ordinal(). nodes[i] shows tensor numbers[i] of its header, or i if numbers is
 * NULL. */
int safetensors_number(struct archive *a, const uint32_t *nodes, const uint32_t *numbers, uint32_t count, struct error *err);
uint32_t safetensors_ordinal(const struct archive *a, uint32_t index, const struct node *n); /* as struct format's */
