/* SPDX-License-Identifier: MIT */
/* Reads virtual datasets row by row from their sources. */
#include <inttypes.h>

#include "formats/hdf5/virtual.h"
#include "fs/archive/pieces.h"

/* The rank of x among the selected coordinates, and how many from it on are contiguous. If x is
 * not selected, returns false, and in *run how many from it on are not selected, either. */
static bool ordinal(const struct span *p, uint64_t x, uint64_t *ret, uint64_t *run)
{
	if (p->count == 0 || p->block == 0) {
		*run = UINT64_MAX;
		return false;
	}
	if (x < p->start) {
		*run = p->start - x;
		return false;
	}
	uint64_t rel = x - p->start, i = rel / p->stride, in = rel % p->stride;
	if (p->count == 1) {
		i = rel < p->block ? 0 : 1;
		in = rel;
	}
	if (i >= p->count) {
		*run = UINT64_MAX;
		return false;
	}
	if (in >= p->block) {
		*run = p->stride - in;
		return false;
	}
	*ret = i * p->block + in;
	if (*ret >= p->n) { /* in the missing part of a partial block */
		*run = UINT64_MAX;
		return false;
	}
	*run = p->block - in < p->n - *ret ? p->block - in : p->n - *ret;
	return true;
}

enum { RUN_STRIDE = sizeof(struct run) / sizeof(uint64_t) };

/* locate() in a list of blocks. */
static bool locate_run(const struct selection *s, uint64_t k, uint64_t *ret, uint64_t *run)
{
	const struct run *found = &s->runs[pieces_search(&s->runs[0].k, RUN_STRIDE, s->nruns, k)];
	uint64_t in = k - found->k;
	bool inside = in < found->in;
	*ret = found->at + in;
	*run = (inside ? found->in : found->len) - in;
	return inside;
}

/* Finds element k of the selection in the source: its index, and how many from it on are
 * contiguous. False if the source has shrunk and no longer holds it. */
static bool locate(const struct h5_mapping *m, uint64_t k, uint64_t *ret, uint64_t *run)
{
	if (m->from.runs)
		return locate_run(&m->from, k, ret, run);
	const struct h5_store *s = m->source;
	uint64_t at[H5_RANK_MAX];
	bool inside = true;
	*run = 1;
	*ret = 0;
	for (uint32_t i = s->rank; i-- > 0;) {
		const struct span *p = &m->from.spans[i];
		uint64_t n = p->n, j = k % n;
		k /= n;
		at[i] = p->start + j / p->block * p->stride + j % p->block;
		inside &= at[i] < s->dims[i];
		if (i == s->rank - 1) {
			*run = p->block - j % p->block;
			if (inside && *run > s->dims[i] - at[i])
				*run = s->dims[i] - at[i];
		}
	}
	for (uint32_t i = 0; i < s->rank; i++)
		*ret = *ret * s->dims[i] + at[i];
	return inside;
}

/* Reads elements of a mapping's source, converted to the virtual dataset's type. */
static int read_source(const struct h5_store *s, const struct h5_store *source, struct block *within, uint64_t first,
		       uint64_t count, uint8_t *out, struct error *err)
{
	uint8_t raw[4096];
	int r = 0;
	if (!source->convert)
		return h5_store_read(source, within, first * s->element, count * s->element, out, err);
	for (uint64_t some; r == 0 && count > 0; first += some, count -= some, out += some * s->element) {
		some = sizeof raw / source->element;
		some = some < count ? some : count;
		r = h5_store_read(source, within, first * source->element, some * source->element, raw, err);
		if (r == 0)
			h5_convert_run(source->convert, raw, (size_t)some, out);
	}
	return r;
}

/* Copies elements of the mapping, beginning with element k. */
static int copy_mapped(const struct h5_store *s, const struct h5_mapping *m, struct block *within, uint64_t k,
		       uint64_t count, uint8_t *out, struct error *err)
{
	int r = 0;
	for (uint64_t from, run; r == 0 && count > 0; k += run, count -= run, out += run * s->element) {
		bool there = locate(m, k, &from, &run);
		run = run < count ? run : count;
		if (there)
			r = read_source(s, m->source, within, from, run, out, err);
	}
	return r;
}

/* The same for a mapping that covers a list of blocks. */
static int map_runs(const struct h5_store *s, const struct h5_mapping *m, struct block *within, uint64_t first,
		    uint64_t count, uint8_t *out, struct error *err)
{
	uint32_t low = pieces_search(&m->to.runs[0].at, RUN_STRIDE, m->to.nruns, first);
	int r = 0;
	if (m->to.nruns && m->to.runs[low].at + m->to.runs[low].in <= first) /* it ends before */
		low++;
	for (; r == 0 && low < m->to.nruns && m->to.runs[low].at < first + count; low++) {
		const struct run *run = &m->to.runs[low];
		uint64_t start = run->at > first ? run->at : first, end = run->at + run->in;
		end = end < first + count ? end : first + count;
		r = copy_mapped(s, m, within, run->k + (start - run->at), end - start, out + (start - first) * s->element, err);
	}
	return r;
}

/* Copies the part of a row of the virtual dataset that the mapping covers. */
static int map_row(const struct h5_store *s, const struct h5_mapping *m, struct block *within, const uint64_t *at,
		   uint64_t count, uint8_t *out, struct error *err)
{
	uint64_t k = 0, run = 1, last = 0;
	for (uint32_t i = 0; i + 1 < s->rank; i++) {
		uint64_t here;
		if (!ordinal(&m->to.spans[i], at[i], &here, &run))
			return 0;
		k = (k + here) * m->to.spans[i + 1].n;
	}
	for (uint64_t done = 0; done < count; done += run) {
		bool in = s->rank == 0 || ordinal(&m->to.spans[s->rank - 1], at[s->rank - 1] + done, &last, &run);
		if (run > count - done)
			run = count - done;
		if (!in)
			continue;
		int r = copy_mapped(s, m, within, k + last, run, out + done * s->element, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_rows(const struct h5_store *s, struct block *within, uint64_t first, uint64_t count, uint8_t *out,
		     struct error *err)
{
	uint64_t row = s->rank ? s->dims[s->rank - 1] : 1;
	int r = 0;
	while (r == 0 && count > 0) {
		uint64_t at[H5_RANK_MAX] = {0}, rest = first, some = row - first % row;
		for (uint32_t i = s->rank; i-- > 0; rest /= s->dims[i])
			at[i] = rest % s->dims[i];
		some = some < count ? some : count;
		for (uint32_t i = 0; r == 0 && i < s->nmappings; i++)
			if (s->mappings[i].source && s->mappings[i].to.elements)
				r = s->mappings[i].to.runs ? map_runs(s, &s->mappings[i], within, first, some, out, err)
							   : map_row(s, &s->mappings[i], within, at, some, out, err);
		first += some;
		count -= some;
		out += some * s->element;
	}
	return r;
}

int h5_virtual_read(const struct h5_store *s, struct block *within, uint64_t offset, uint64_t len, uint8_t *out,
		    struct error *err)
{
	uint64_t first = offset / s->element, count = (offset + len - 1) / s->element - first + 1;
	struct arena scratch = arena_apart(&s->file->a->arena);
	bool aligned = offset % s->element == 0 && len % s->element == 0;
	uint8_t *buf = aligned ? out : arena_alloc(&scratch, count * s->element);
	int r = buf ? 0 : error_set(err, ENOMEM, "no memory for %" PRIu64 " elements", count);
	if (r == 0) {
		h5_fill(s, first * s->element, count * s->element, buf);
		r = read_rows(s, within, first, count, buf, err);
	}
	if (r == 0 && !aligned)
		memcpy(out, buf + offset % s->element, (size_t)len);
	arena_free(&scratch);
	return r;
}
