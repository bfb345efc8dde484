/* SPDX-License-Identifier: MIT */
/* Decodes chunks, and assembles ranges of a dataset from them. */
#include <inttypes.h>

#include "formats/hdf5/store.h"
#include "fs/archive/pieces.h"

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
	if (!s->fill || s->unfilled)
		memset(out, 0, (size_t)len);
	else
		pieces_repeat((struct slice){s->fill, s->element}, offset, len, out);
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

static int decode_of(const struct h5_store *s, uint64_t index, struct block *ret, struct error *err)
{
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

static int decode_chunk(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	return decode_of(from->owner, index, ret, err);
}

/* The same for a dataset whose store is not kept.  The file may have changed since the
 * chunk was requested. */
static int decode_again(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	const struct h5_store *s;
	struct block *block;
	int r = h5_node_store(archive_decoded(from), from->owner, ret, &s, &block, err);
	if (r < 0)
		return r;
	if (s->storage == H5_CHUNKED && index < s->nchunks)
		r = decode_of(s, index, ret, err);
	else
		r = error_set(err, EIO, "no chunk %" PRIu64 " any more", index);
	blocks_release(block);
	return r;
}

/* If nothing was ever written, nothing needs to be decoded, however large the chunks. */
static bool is_decoded(const struct h5_store *s)
{
	return s->pipeline.count > 0 && s->address != H5_UNDEFINED;
}

static struct block_source blocks_of(const struct h5_store *s)
{
	if (s->node)
		return (struct block_source){&s->file->a->blocks, s->node, decode_again, 0};
	return (struct block_source){&s->file->a->blocks, s, decode_chunk, 0};
}

/* --- the bytes of a chunk ----------------------------------------------------------------- */

int h5_chunk_get(const struct h5_store *s, struct block *within, uint64_t number, struct h5_chunk_bytes *ret,
		 struct error *err)
{
	uint64_t scaled[H5_RANK_MAX], place;
	struct block_source from = blocks_of(s);
	struct h5_chunk_at at;
	*ret = (struct h5_chunk_bytes){0};
	if (is_decoded(s)) {
		int r = blocks_get(s->file->a->options->blocks, within, &from, number, &ret->block, err);
		if (r == 0 && ret->block->len != s->chunk_bytes) { /* by another store, of a file that was overwritten */
			blocks_release(ret->block);
			ret->block = NULL;
			r = error_set(err, EIO, "chunks of another size than before");
		}
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

/* A run: bytes that are contiguous both in a chunk and in the range. */
struct run {
	uint64_t number, in_chunk, len;
};

/* The run at an offset of the dataset, of at most `most` bytes. */
static struct run run_at(const struct h5_store *s, uint64_t offset, uint64_t most)
{
	uint32_t rank = s->rank;
	uint64_t element = offset / s->element, within = offset % s->element, at[H5_RANK_MAX];
	for (uint32_t i = rank; i-- > 0; element /= s->dims[i])
		at[i] = element % s->dims[i];
	struct run run = {0};
	uint64_t in_chunk = 0, step = 1, together = 1;
	bool whole = true; /* a chunk spans all later dimensions */
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

/* Runs of at least this length are answered as spans, without a copy. */
enum { SPAN_MIN = 32768 };

/* If chunks are not whole rows, a reader needs all that share an index in the outermost
 * dimension at once: their number. */
static uint64_t slab_of(const struct h5_store *s)
{
	return s->flat ? 1 : s->nchunks / s->chunks[0];
}

/* The last chunk of a range; if the range spans whole rows, the last of its slab. */
static uint64_t last_of(const struct h5_store *s, uint64_t offset, uint64_t len)
{
	uint64_t last = run_at(s, offset + len - 1, 1).number, slab = slab_of(s);
	return len >= s->size / s->dims[0] ? last / slab * slab + slab - 1 : last;
}

/* A long run; or everything that is left, to be assembled from many runs. */
static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	const struct h5_store *s = p->owner;
	struct run run = run_at(s, offset, len);
	(void)err;
	*ret = (struct piece){.begin = offset, .number = run.number};
	if (run.len == len || run.len >= SPAN_MIN) {
		ret->end = offset + run.len;
		ret->last = run.number;
		ret->kind = PIECE_BLOCK;
		ret->at = run.in_chunk;
	} else {
		ret->end = offset + len;
		ret->last = last_of(s, offset, len);
		ret->kind = PIECE_ANSWERED;
	}
	return 0;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	const struct h5_store *s = p->owner;
	struct h5_chunk_bytes b;
	uint8_t *own;
	int r;
	(void)at;
	if (piece->kind == PIECE_ANSWERED) {
		r = answer_own(ret, (size_t)len, &own);
		return r < 0 ? r : h5_chunks_copy(s, NULL, p->next.kind == READ_SEQUENTIAL, piece->begin, len, own, err);
	}
	if ((r = h5_chunk_get(s, NULL, piece->number, &b, err)) < 0)
		return r;
	piece->kind = b.block ? PIECE_BLOCK : b.at ? PIECE_SOURCE : s->fill && !s->unfilled ? PIECE_PATTERN : PIECE_ZEROS;
	piece->block = b.block;
	piece->shared = !h5_chunk_ends(s, piece->number, piece->at + len);
	piece->source = h5_source(s->file);
	piece->at += b.place;
	piece->pattern = (struct slice){s->fill, s->element};
	return 0;
}

static uint64_t find(struct pieces *p, uint64_t offset)
{
	return run_at(p->owner, offset, 1).number;
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	const struct h5_store *s = p->owner;
	struct block_source from = blocks_of(s);
	if (number >= s->nchunks)
		return PIECES_END;
	blocks_prefetch(p->blocks, &from, number);
	return number + 1;
}

static struct pieces pieces_of(const struct h5_store *s, uint64_t offset, uint64_t len)
{
	static const struct pieces_type type = {place, get, find, prefetch};
	struct blocks *blocks = is_decoded(s) ? s->file->a->options->blocks : NULL;
	return (struct pieces){.type = &type, .owner = (void *)(uintptr_t)s, .blocks = blocks, .size = s->size,
			       .next = blocks_readahead(blocks, blocks_of(s).owner, offset, len), .bytes = s->chunk_bytes, .together = slab_of(s)};
}

void h5_store_prefetch(const struct h5_store *s, uint64_t offset, uint64_t len)
{
	if (s->storage != H5_CHUNKED || len == 0)
		return;
	struct pieces p = pieces_of(s, offset, len);
	pieces_prefetch(&p, find(&p, offset), last_of(s, offset, len));
}

int h5_chunks_answer(const struct h5_store *s, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct pieces p = pieces_of(s, offset, len);
	return pieces_read(&p, offset, len, ret, err);
}
