/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/arrow/dataset/dataset.h"
#include "fs/values/json.h"

/* What huggingface.c reads a folder with: huggingface_files.c. */

struct name_list {
	struct slice *all;
	uint32_t count;
};

struct reading {
	struct archive *a;
	struct arena scratch;
	struct slice_map wanted;  /* paths of files */
	struct slice_map folders; /* on the way to these */
	struct name_list splits;  /* of a cache: files of these are wanted */
	struct slice_map found;   /* paths of members, */
	struct member **members;  /* and these */
	uint32_t seen;            /* members of the archive that are in it */
	const struct member *first;
	struct error *err;
};

/* Paths of files are wanted, then found all at once, and then known by their paths. */
int arrow_hf_want(struct reading *r, struct slice path);
int arrow_hf_find(struct reading *r);
struct member *arrow_hf_found(const struct reading *r, const char *path); /* NULL: it is not there */

/* A file of a cache: NAME-SPLIT[-NNNNN-of-NNNNN].arrow. */
struct shard {
	struct slice name, split;
	uint32_t number, count; /* count 0: not one of several */
};

bool arrow_hf_shard(const char *path, struct shard *ret);
bool arrow_hf_is_arrow(const char *name);

/* How one that is JSON is opened; its text, which stays; the names that it has under a key: of files,
 * or of splits.  *ret_there: has it the key? */
extern const struct format arrow_hf_json;
int arrow_hf_load(struct reading *r, struct member *member, struct slice *ret);
typedef int arrow_hf_reader(struct reading *r, struct json *j, struct name_list *ret);
arrow_hf_reader arrow_hf_files, arrow_hf_splits;
int arrow_hf_names(struct reading *r, struct slice text, const char *path, struct slice key, arrow_hf_reader *read, bool *ret_there,
		   struct name_list *ret);

int arrow_hf_no_memory(struct reading *r);
