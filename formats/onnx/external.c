/* SPDX-License-Identifier: MIT */
/* Tensors whose elements are in other files: external_data is pairs of texts, `location`, `offset`
 * and `length`; others (`checksum`) are not looked at. */
#include <inttypes.h>

#include "formats/onnx/onnx.h"
#include "formats/shared/weight_map.h"
#include "fs/base/list.h"

enum { SHOWN = 100 };

static int cut(struct slice s)
{
	return s.len < SHOWN ? (int)s.len : SHOWN;
}

/* Opens the file; if that fails, the reason is the fault of all tensors whose elements are in it. */
static int open_file(struct onnx_reader *r, struct slice location, struct onnx_file *ret)
{
	struct error why = {0};
	int e = weight_map_path_fine(location) ? archive_sibling(r->a, location, REACH_HUB, &ret->source, &why) : -EBADMSG;
	if (e == 0)
		return 0;
	if (error_passes(e))
		return error_set(r->err, -e, "%s", why.text);
	ret->fault = why.text[0] ? arena_printf(r->scratch, "its file %.*s: %s", cut(location), location.data, why.text)
				 : arena_printf(r->scratch, "its file %.*s is not a path below the model's folder", cut(location), location.data);
	return ret->fault ? 0 : error_no_memory(r->err, "a tensor's file");
}

static int find_file(struct onnx_reader *r, struct slice location, const struct onnx_file **ret)
{
	bool fresh;
	uint32_t id = slice_map_add(&r->locations, location, &fresh);
	if (id == SLICE_MAP_NONE)
		return error_no_memory(r->err, "a tensor's file");
	if (fresh) {
		struct onnx_file *files = list_grow_in(r->scratch, r->files, id, sizeof *files);
		if (!files)
			return error_no_memory(r->err, "a tensor's file");
		r->files = files;
		r->files[id] = (struct onnx_file){0};
		int e = open_file(r, location, &r->files[id]);
		if (e < 0)
			return e;
	}
	*ret = &r->files[id];
	return 0;
}

int onnx_external(struct onnx_reader *r, const struct onnx_tensor *t, uint64_t size, uint32_t *ret_source, uint64_t *ret_offset,
		  struct error *why)
{
	const struct onnx_file *file = NULL;
	if (!t->located)
		return error_set(why, EIO, "elements in another file, of which no location is told");
	if (t->offset.given && !t->offset.valid)
		return error_set(why, EIO, "an offset in its file that is not a decimal number");
	if (t->length.given && !t->length.valid)
		return error_set(why, EIO, "a length in its file that is not a decimal number");
	if (t->length.given && t->length.value != size)
		return error_set(why, EIO, "%" PRIu64 " bytes in its file for a shape of %" PRIu64, t->length.value, size);
	int e = find_file(r, t->location, &file);
	if (e < 0) {
		r->in.failed = e;
		return e;
	}
	if (file->fault)
		return error_set(why, EIO, "%s", file->fault);
	uint64_t there = archive_source(r->a, file->source)->size;
	*ret_source = file->source;
	*ret_offset = t->offset.value;
	if (!range_within(*ret_offset, size, there))
		return error_set(why, EIO, "%" PRIu64 " bytes from %" PRIu64 " on in its file of %" PRIu64, size, *ret_offset, there);
	return 0;
}
