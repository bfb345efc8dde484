/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/safetensors/header.h"
#include "formats/shared/json_pieces.h"

/* Shared by the files that read a header. */

/* What a tensor's description says. */
struct parts {
	struct slice dtype;
	uint32_t rank;
	uint64_t begin, end;
	unsigned seen;
};

/* The state of reading a header. */
struct reader {
	struct json j;
	struct json_pieces pieces;
	struct tree *tree; /* shares descriptions among tensors */
	struct arena *keep, *scratch;
	char split;
	struct safetensors_header *h;
	uint32_t room, names_room, metadata_room;
	uint64_t *shape; /* of the current tensor */
	uint32_t shape_room;
	bool metadata_seen;
	struct slice name; /* the last member read: a tensor, unless is_metadata */
	struct parts parts;
	bool is_metadata;
	uint32_t dtype; /* of the previous tensor, in `dtypes` of members.c */
	const struct array *last; /* the previous tensor's description */
	uint64_t end;             /* of the previous tensor, and its digits */
	uint8_t digits[20], ndigits;
	struct error *err;
	int failed;
};

/* Reads the header's members, and checks each tensor by itself. */
int safetensors_read_members(struct reader *r);

/* Sets r->failed, unless it is set. */
void safetensors_no_memory(struct reader *r);

/* Rule 2: sorted by offset, each tensor begins where the previous one ends, and the last one
 * ends with the file, which has `room` bytes for them. */
int safetensors_check_cover(const struct safetensors_header *h, uint64_t room, struct arena *scratch, struct error *err);

/* How much of a name is shown in messages, for "%.*s". */
static inline int safetensors_cut(struct slice name)
{
	enum { SHOWN = 100 };
	return name.len < SHOWN ? (int)name.len : SHOWN;
}
