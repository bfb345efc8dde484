/* SPDX-License-Identifier: MIT */
/* Chunks: how each is decoded, and how a range of the dataset is put together from
 * them. */
#include "formats/hdf5/hdf5.h"

#include <inttypes.h>

/* --- decoding ------------------------------------------------------------------- */

static void scaled_of(const struct h5_store *s, uint64_t number, uint64_t *ret)
{
	for (uint32_t i = s->rank; i-- > 0; number /= s->chunks[i])
		ret[i] = number % s->chunks[i];
}

static bool at_edge(const struct h5_store *s, const uint64_t *scaled)
{
	for (uint32_t i = 0; i < s->rank; i++)
		if (s->dims[i] - scaled[i] * s->chunk[i] < s->chunk[i])
			return true;
	return false;
}

void h5_fill(const struct h5_store *s, uint64_t offset, uint64_t len, uint8_t *out)
{
	uint64_t some = len < s->element ? len : s->element;
	if (!s->fill || s->unfilled) {
		memset(out, 0, (size_t)len);
		return;
	}
	for (uint64_t i = 0; i < some; i++)
		out[i] = s->fill[(offset + i) % s->element];
	for (uint64_t done = some; done < len; done += some) {
		some = done < len - done ? done : len - done; /* whole elements, but for the last time */
		memcpy(out + done, out, (size_t)some);
	}
}

static int decode_stored(const struct h5_store *s, struct h5_chunk_at at, uint32_t mask, struct block *block,
			 struct error *err)
{
	struct source *src = h5_source(s->file);
	struct slice in;
	uint64_t place;
	if (__builtin_add_overflow(at.address, s->file->base, &place) || !range_within(place, at.size, src->size))
		return error_set(err, EIO, "a chunk of %" PRIu64 " bytes at %" PRIu64 " of a file of %" PRIu64, at.size, at.address,
				 src->size);
	int r = source_map(src, place, at.size, &in, err);
	if (r < 0)
		return r;
	source_enter(src);
	r = h5_pipeline_run(&s->pipeline, mask, in, (size_t)s->chunk_bytes, block, err);
	int lost = source_leave(src, place, at.size, err);
	return lost < 0 ? lost : r;
}

static int decode_chunk(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	const struct h5_store *s = from->owner;
	uint64_t scaled[H5_RANK_MAX];
	struct h5_chunk_at at;
	scaled_of(s, index, scaled);
	int r = h5_chunk_find(s, scaled, &at, err);
	if (r < 0)
		return r;
	if (at.address != H5_UNDEFINED)
		return decode_stored(s, at, s->unfiltered_edges && at_edge(s, scaled) ? UINT32_MAX : at.mask, ret, err);
	uint8_t *room = block_room(ret, (size_t)s->chunk_bytes, err);
	if (!room)
		return -ENOMEM;
	h5_fill(s, 0, s->chunk_bytes, room);
	return 0;
}

/* Where nothing was ever written, nothing need be decoded, however large the chunks. */
static bool is_decoded(const struct h5_store *s)
{
	return s->pipeline.count > 0 && s->address != H5_UNDEFINED;
}

static struct block_source blocks_of(const struct h5_store *s)
{
	return (struct block_source){&s->file->a->blocks, s, decode_chunk, 0};
}

/* --- what the bytes of a chunk are copied from ------------------------------------------ */

int h5_chunk_get(const struct h5_store *s, struct block *within, uint64_t number, struct h5_chunk_bytes *ret,
		 struct error *err)
{
	uint64_t scaled[H5_RANK_MAX], place;
	struct block_source from = blocks_of(s);
	struct h5_chunk_at at;
	*ret = (struct h5_chunk_bytes){0};
	if (is_decoded(s)) {
		int r = blocks_get(s->file->a->options->blocks, within, &from, number, &ret->block, err);
		if (r == 0)
			ret->at = ret->block->bytes;
		return r;
	}
	scaled_of(s, number, scaled);
	int r = h5_chunk_find(s, scaled, &at, err);
	if (r < 0 || at.address == H5_UNDEFINED)
		return r;
	if (__builtin_add_overflow(at.address, s->file->base, &place) ||
	    !range_within(place, s->chunk_bytes, h5_source(s->file)->size) || at.size != s->chunk_bytes)
		return error_set(err, EIO, "a chunk of %" PRIu64 " bytes at %" PRIu64 " of a file of %" PRIu64, at.size, at.address,
				 h5_source(s->file)->size);
	struct slice in;
	ret->place = place;
	r = source_map(h5_source(s->file), place, s->chunk_bytes, &in, err);
	ret->at = in.data;
	return r;
}

/* --- a range of the dataset ---------------------------------------------------------- */

/* One run: bytes that lie together in a chunk and in the range. */
struct run {
	uint64_t number, in_chunk, len;
};

/* The run at a byte of the dataset, at most `most` long. */
static struct run run_at(const struct h5_store *s, uint64_t offset, uint64_t most)
{
	uint32_t rank = s->rank;
	uint64_t element = offset / s->element, within = offset % s->element, at[H5_RANK_MAX];
	for (uint32_t i = rank; i-- > 0; element /= s->dims[i])
		at[i] = element % s->dims[i];
	struct run run = {0};
	uint64_t in_chunk = 0, step = 1, together = 1;
	bool whole = true; /* all later dimensions are whole in a chunk */
	for (uint32_t i = 0; i < rank; i++) {
		run.number = run.number * s->chunks[i] + at[i] / s->chunk[i];
		in_chunk = in_chunk * s->chunk[i] + at[i] % s->chunk[i];
	}
	for (uint32_t i = rank; whole && i-- > 0; step *= s->chunk[i]) {
		uint64_t end = s->chunk[i] - at[i] % s->chunk[i], rest = s->dims[i] - at[i];
		together += ((end < rest ? end : rest) - 1) * step;
		whole = s->chunk[i] == s->dims[i];
	}
	run.in_chunk = in_chunk * s->element + within;
	run.len = together * s->element - within;
	if (run.len > most)
		run.len = most;
	return run;
}

bool h5_chunk_ends(const struct h5_store *s, uint64_t number, uint64_t end)
{
	uint64_t scaled[H5_RANK_MAX], last = 0;
	if (end == s->chunk_bytes)
		return true;
	if (end < s->chunk_bytes / 2)
		return false;
	scaled_of(s, number, scaled);
	for (uint32_t i = 0; i < s->rank; i++) {
		uint64_t rest = s->dims[i] - scaled[i] * s->chunk[i];
		last = last * s->chunk[i] + (rest < s->chunk[i] ? rest : s->chunk[i]) - 1;
	}
	return end == (last + 1) * s->element;
}

/* --- answering a reader ---------------------------------------------------------------- */

/* How many chunks behind those at hand are worth having ready.  Where chunks are no
 * whole rows a reader needs all that share a place in the outermost dimension
 * (`slab` of them) at once, so then the next slab, if all slabs of all readers fit. */
static uint64_t worth_ahead(const struct h5_store *s, struct blocks *blocks, uint64_t slab, unsigned readers)
{
	uint64_t most = blocks_ahead(blocks, (size_t)s->chunk_bytes), fit;
	if (__builtin_mul_overflow(slab, (uint64_t)readers * 8, &fit))
		return 0;
	if (!s->flat && slab > most && blocks_fit(blocks, (size_t)s->chunk_bytes, fit))
		return slab;
	return most / readers;
}

/* The chunks of the reader's next pieces, which may lie far apart. */
static void want_pieces(const struct h5_store *s, struct blocks *blocks, struct pace_next next)
{
	struct block_source from = blocks_of(s);
	uint64_t left = worth_ahead(s, blocks, 1, next.readers);
	uint64_t at = next.offset;
	for (; left > 0 && range_within(at, next.len, s->size) && next.len > 0; at += (uint64_t)next.stride) {
		uint64_t last = run_at(s, at + next.len - 1, 1).number;
		for (uint64_t i = run_at(s, at, 1).number; i <= last && left > 0; i++, left--)
			blocks_want(blocks, &from, i);
	}
}

/* The chunks of [offset, offset + len), and as many as are worth having ready of where
 * the reader is expected next. */
bool h5_store_want(const struct h5_store *s, uint64_t offset, uint64_t len)
{
	struct blocks *blocks = s->file->a->options->blocks;
	if (s->storage != H5_CHUNKED || !is_decoded(s) || !blocks || len == 0)
		return false;
	struct block_source from = blocks_of(s);
	struct pace_next next = blocks_pace(blocks, s, offset, len);
	uint64_t first = run_at(s, offset, len).number, last = run_at(s, offset + len - 1, 1).number;
	/* Behind the last one stand all that share its place in the outermost dimension. */
	uint64_t slab = s->nchunks / s->chunks[0], end = last + 1;
	if (!s->flat && end < (last / slab + 1) * slab && len >= s->size / s->dims[0])
		end = (last / slab + 1) * slab;
	uint64_t most = next.kind == PACE_IN_ORDER ? worth_ahead(s, blocks, slab, next.readers) : 0;
	for (uint64_t i = first; i < s->nchunks && i - first < 4096 && (i < end || i - end < most); i++)
		blocks_want(blocks, &from, i);
	if (next.kind == PACE_STRIDED)
		want_pieces(s, blocks, next);
	return next.kind == PACE_IN_ORDER;
}

/* Runs long enough to be spans of their own are handed over as they are. */
enum { SPAN_MIN = 32768 };

static int answer_span(const struct h5_store *s, struct run run, bool passing, struct answer *ret, struct error *err)
{
	struct block_source from = blocks_of(s);
	struct blocks *blocks = s->file->a->options->blocks;
	struct block *block;
	if (is_decoded(s)) {
		int r = blocks_get(blocks, NULL, &from, run.number, &block, err);
		if (r == 0 && passing && h5_chunk_ends(s, run.number, run.in_chunk + run.len))
			blocks_spent(block);
		return r < 0 ? r : blocks_answer(blocks, block, (size_t)run.in_chunk, (size_t)run.len, ret);
	}
	struct h5_chunk_bytes b;
	int r = h5_chunk_get(s, NULL, run.number, &b, err);
	if (r < 0)
		return r;
	if (b.at)
		return answer_source(ret, h5_source(s->file), b.place + run.in_chunk, run.len, err);
	if (!s->fill || s->unfilled)
		return answer_zeros(ret, run.len);
	uint8_t *own;
	if ((r = answer_own(ret, (size_t)run.len, &own)) == 0)
		h5_fill(s, run.in_chunk, run.len, own);
	return r;
}

int h5_chunks_answer(const struct h5_store *s, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	int r = 0;
	bool passing = h5_store_want(s, offset, len);
	for (uint64_t done = 0; r == 0 && done < len;) {
		struct run run = run_at(s, offset + done, len - done);
		uint64_t rest = len - done;
		if (run.len >= SPAN_MIN || run.len == rest) {
			r = answer_span(s, run, passing, ret, err);
			done += run.len;
			continue;
		}
		uint8_t *own;
		if ((r = answer_own(ret, (size_t)rest, &own)) == 0)
			r = h5_chunks_copy(s, NULL, passing, offset + done, rest, own, err);
		done = len;
	}
	return r;
}
