/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "formats/safetensors/impl.h"

static int by_offset(const void *a, const void *b)
{
	const struct safetensors_tensor *x = *(const struct safetensors_tensor *const *)a;
	const struct safetensors_tensor *y = *(const struct safetensors_tensor *const *)b;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

/* The tensors sorted by offset; NULL if they already are, as with most writers. */
static int sort(const struct safetensors_header *h, struct arena *scratch, const struct safetensors_tensor ***ret,
		struct error *err)
{
	bool in_order = true;
	*ret = NULL;
	for (uint32_t i = 1; i < h->count && in_order; i++) {
		const struct safetensors_tensor *pair[2] = {&h->tensors[i - 1], &h->tensors[i]};
		in_order = by_offset(&pair[0], &pair[1]) <= 0;
	}
	if (in_order)
		return 0;
	*ret = arena_array(scratch, h->count, sizeof **ret);
	if (!*ret)
		return error_no_memory(err, "all that the header holds");
	for (uint32_t i = 0; i < h->count; i++)
		(*ret)[i] = &h->tensors[i];
	qsort(*ret, h->count, sizeof **ret, by_offset);
	return 0;
}

int safetensors_check_cover(const struct safetensors_header *h, uint64_t room, struct arena *scratch, struct error *err)
{
	const struct safetensors_tensor **sorted;
	uint64_t at = 0;
	int failed = sort(h, scratch, &sorted, err);

	for (uint32_t i = 0; i < h->count && failed == 0; i++) {
		const struct safetensors_tensor *t = sorted ? sorted[i] : &h->tensors[i];
		struct slice name = h->names[t - h->tensors];
		if (t->begin != at)
			failed = error_set(err, EBADMSG,
					   "tensor %.*s: begins at %" PRIu64 ", not where the one before ends, at %" PRIu64,
					   safetensors_cut(name), name.data, t->begin, at);
		at = t->end;
	}
	if (failed == 0 && at != room)
		failed = error_set(err, EBADMSG, "tensors of %" PRIu64 " bytes in a file with room for %" PRIu64 "%s", at, room,
				   at > room ? ERROR_CUT : "");
	return failed;
}
