/* SPDX-License-Identifier: MIT */
#include "formats/tflite/tflite.h"

/* What names and lists may take that tables share, beyond the file's own size. */
enum { SHARED = 4, SHARED_LEAST = 1 << 20 };

int tflite_enter(struct archive *a, struct tflite_model *ret, struct error *err)
{
	struct slice bytes;
	uint64_t len = a->source.size < INT32_MAX ? a->source.size : INT32_MAX;
	int r = source_map(&a->source, 0, len, &bytes, err);
	if (r < 0)
		return r;
	*ret = (struct tflite_model){.flat = flat_over(bytes), .work = len * SHARED + SHARED_LEAST};
	source_enter(&a->source);
	ret->root = flat_root(&ret->flat);
	ret->buffers = flat_vector(&ret->root, MODEL_BUFFERS, 4);
	return 0;
}

int tflite_leave(struct archive *a, const struct tflite_model *m, int r, struct error *err)
{
	int left = source_leave(&a->source, 0, a->source.size, err);
	return left < 0 ? left : r < 0 ? r : flat_check(&m->flat, err, "the model");
}

uint32_t tflite_no_memory(struct tflite_opening *o)
{
	o->archive->tree.failed = -ENOMEM;
	return 0;
}

bool tflite_spend(struct tflite_model *m, uint64_t bytes)
{
	if (m->work < bytes)
		m->flat.failed = true;
	m->work -= m->flat.failed ? 0 : bytes;
	return !m->flat.failed;
}

enum tflite_found tflite_buffer(struct archive *a, struct tflite_model *m, uint32_t number, struct tflite_bytes *ret)
{
	if (number >= m->buffers.count)
		return TFLITE_OUTSIDE;
	struct flat_table buffer = flat_element_table(&m->buffers, number);
	struct flat_vector data = flat_vector(&buffer, 0, 1);
	uint64_t offset = (uint64_t)flat_int(&buffer, 1, 8, 0);
	*ret = data.count ? (struct tflite_bytes){data.at, data.count} : (struct tflite_bytes){offset, (uint64_t)flat_int(&buffer, 2, 8, 0)};
	if (data.count == 0 && (offset <= 1 || ret->len == 0)) /* 0 and 1 say that the bytes are in `data` */
		return TFLITE_NOTHING;
	return range_within(ret->at, ret->len, a->source.size) ? TFLITE_BYTES : TFLITE_OUTSIDE;
}
