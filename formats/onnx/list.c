/* SPDX-License-Identifier: MIT */
/*
 * Lists decoded when they are read: varints, numbers in several runs or with a tag each, strings.
 * Where every so many entries begin is found once, by one walk over all of them; then any block
 * of entries is decoded alone.
 */
#include <endian.h>
#include <inttypes.h>

#include "formats/onnx/onnx.h"

/* Entries per block.  A multiple of 4: of the types of 6 bits four are in three bytes. */
enum { STRIDE = 1 << 14 };
enum kind { MARKS, NUMBERS, OFFSETS };

/* Within the message: after some field, and within a packed run of which more is left. */
struct walk {
	struct proto m;
	uint64_t at, end;
	uint64_t bytes; /* of the strings so far */
};

static struct walk begin(struct proto_input *in, const struct onnx_list *l)
{
	return (struct walk){.m = proto_of_parts(in, l->parts)};
}

/* The next occurrence of the field: a packed run, which w->at leads into; a number that is in *ret;
 * or a string. */
static bool next(struct walk *w, const struct onnx_list *l, struct proto_field *ret)
{
	while (proto_next(&w->m, ret)) {
		if (ret->number != l->number || (ret->wire != l->wire && ret->wire != PROTO_LEN))
			continue;
		if (l->wire == PROTO_LEN) {
			w->bytes += ret->len;
		} else if (ret->wire == PROTO_LEN) {
			w->at = ret->at;
			w->end = ret->at + ret->len;
		}
		return true;
	}
	return false;
}

static uint64_t step_run(struct walk *w, const struct onnx_list *l, uint64_t count)
{
	uint64_t each = l->wire == PROTO_I32 ? 4 : 8, left = (w->end - w->at) / each;
	if (l->wire == PROTO_VARINT)
		return proto_skip_varints(w->m.in, &w->at, w->end, count);
	count = count < left ? count : left;
	w->at += count * each;
	if (w->at < w->end && w->end - w->at < each)
		proto_fail(w->m.in, w->at, "a number that is cut short");
	return count;
}

/* Steps over so many entries, or as many as there are. */
static uint64_t step(struct walk *w, const struct onnx_list *l, uint64_t count)
{
	struct proto_field f;
	uint64_t done = 0;
	while (done < count && !w->m.in->failed) {
		if (w->at < w->end)
			done += step_run(w, l, count - done);
		else if (!next(w, l, &f))
			break;
		else if (f.wire == l->wire)
			done++;
	}
	return done;
}

/* --- blocks ------------------------------------------------------------------------------ */

static int wrong(const struct onnx_list *l, const struct proto_input *in, struct error *err)
{
	int r = proto_check(in, l->what);
	return r < 0 ? r : error_set(err, EIO, "%s has other than the %" PRIu64 " entries of the shape", l->what, l->count);
}

static int decode_marks(const struct onnx_list *l, struct proto_input *in, struct block *ret, struct error *err)
{
	uint64_t count = l->count / STRIDE + 1;
	struct walk *marks = (void *)block_room(ret, (size_t)count * sizeof *marks, err), w = begin(in, l);
	if (!marks)
		return -ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t some = i + 1 < count ? STRIDE : l->count % STRIDE;
		marks[i] = w;
		if (step(&w, l, some) != some)
			return wrong(l, in, err);
	}
	return step(&w, l, 1) || in->failed || w.bytes != l->bytes ? wrong(l, in, err) : 0;
}

static void put_number(uint8_t *out, uint64_t value, unsigned bytes)
{
	value = htole64(value);
	memcpy(out, &value, bytes);
}

/* Packed varints that are all in the window, until it ends. */
static uint64_t decode_varints(struct walk *w, uint64_t count, unsigned bytes, uint8_t *out)
{
	size_t len;
	const uint8_t *p = proto_window(w->m.in, w->at, w->end, &len), *first = p, *last = p + len;
	uint64_t done = 0;
	for (; done < count && last - p >= 10; done++, out += bytes) {
		uint64_t value = *p & 0x7f;
		unsigned shift = 0;
		while (*p++ >= 0x80) {
			shift += 7;
			if (shift > 63) { /* leave it to those who say what is wrong */
				w->at += (uint64_t)(p - first) - 10;
				return done;
			}
			value |= (uint64_t)(*p & 0x7f) << shift;
		}
		put_number(out, value, bytes);
	}
	w->at += (uint64_t)(p - first);
	return done;
}

/* So many entries of `bytes` bytes each, low ones first, or as many as there are. */
static uint64_t decode_numbers(struct walk *w, const struct onnx_list *l, uint64_t count, unsigned bytes, uint8_t *out)
{
	struct proto_field f;
	uint64_t done = 0, value;
	while (done < count && !w->m.in->failed) {
		uint64_t some = w->at < w->end && l->wire == PROTO_VARINT ? decode_varints(w, count - done, bytes, out + done * bytes) : 0;
		done += some;
		if (some)
			continue;
		if (w->at < w->end) {
			struct proto_run run = {.in = w->m.in, .at = w->at, .end = w->end, .wire = l->wire};
			if (!proto_number(&run, &value))
				break;
			w->at = run.at;
		} else if (!next(w, l, &f)) {
			break;
		} else if (f.wire == l->wire) {
			value = f.value;
		} else {
			continue;
		}
		put_number(out + done++ * bytes, value, bytes);
	}
	return done;
}

/* Packs bytes, of which the low 6 bits count, in place: four to three, little end first. */
static void pack_six(uint8_t *bytes, uint64_t count)
{
	uint8_t *out = bytes;
	for (uint64_t i = 0; i < count; i += 4) {
		uint32_t word = 0;
		for (unsigned k = 0; k < 4 && i + k < count; k++)
			word |= (uint32_t)(bytes[i + k] & 0x3f) << 6 * k;
		for (unsigned k = 0; k < 3; k++)
			*out++ = (uint8_t)(word >> 8 * k);
	}
}

static int get(struct archive *a, const struct onnx_list *l, struct block *within, enum kind kind, uint64_t index, struct block **ret,
	       struct error *err);

/* Goes on at a mark. */
static int resume(struct archive *a, const struct onnx_list *l, struct block *within, uint64_t index, struct proto_input *in,
		  struct walk *ret, struct error *err)
{
	struct block *block;
	int r = get(a, l, within, MARKS, 0, &block, err);
	if (r < 0)
		return r;
	*ret = ((const struct walk *)(const void *)block->bytes)[index];
	ret->m.in = in;
	blocks_release(block);
	return 0;
}

static int decode_entries(const struct onnx_list *l, struct walk *w, uint64_t index, struct block *ret, struct error *err)
{
	uint64_t left = l->count - index * STRIDE, n = left < STRIDE ? left : STRIDE;
	unsigned bytes = l->bits < 8 ? 1 : l->bits / 8;
	uint8_t *out = block_room(ret, (size_t)n * bytes, err);
	if (!out)
		return -ENOMEM;
	if (decode_numbers(w, l, n, bytes, out) != n || w->m.in->failed)
		return wrong(l, w->m.in, err);
	if (l->bits < 8) {
		pack_six(out, n);
		block_trim(ret, (size_t)(n * l->bits + 7) / 8);
	}
	return 0;
}

/* Where so many strings begin; the last of all offsets is where they end. */
static int decode_offsets(const struct onnx_list *l, struct walk *w, uint64_t index, struct block *ret, struct error *err)
{
	uint64_t left = l->count + 1 - index * STRIDE, n = left < STRIDE ? left : STRIDE;
	uint8_t *out = block_room(ret, (size_t)n * 8, err);
	if (!out)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++) {
		put_number(out + i * 8, w->bytes, 8);
		if (i + 1 < n && step(w, l, 1) != 1)
			return wrong(l, w->m.in, err);
	}
	return 0;
}

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	const struct onnx_list *l = from->owner;
	struct archive *a = archive_decoded(from);
	size_t room = proto_room(&a->source);
	uint8_t *window = block_scratch(ret, room, err);
	struct proto_input in = proto_input(&a->source, window, room, err);
	struct walk w;
	if (!window)
		return -ENOMEM;
	if (from->kind == MARKS)
		return decode_marks(l, &in, ret, err);
	int r = resume(a, l, ret, index, &in, &w, err);
	if (r < 0)
		return r;
	return from->kind == NUMBERS ? decode_entries(l, &w, index, ret, err) : decode_offsets(l, &w, index, ret, err);
}

static int get(struct archive *a, const struct onnx_list *l, struct block *within, enum kind kind, uint64_t index, struct block **ret,
	       struct error *err)
{
	struct block_source from = {&a->blocks, l, decode, kind};
	return blocks_get(a->options->blocks, within, &from, index, ret, err);
}

/* --- numbers and offsets ----------------------------------------------------------------------- */

/* From blocks of `size` bytes each, of which the last may be shorter. */
static int read_blocks(struct archive *a, const struct node *n, enum kind kind, uint64_t size, uint64_t offset, uint64_t len,
		       struct answer *ret, struct error *err)
{
	const struct onnx_list *l = ((const struct onnx_view *)n->lazy)->of;
	int r = 0;
	for (uint64_t some; r == 0 && len > 0; offset += some, len -= some) {
		struct block *block;
		uint64_t within = offset % size;
		if ((r = get(a, l, NULL, kind, offset / size, &block, err)) < 0)
			return r;
		some = within < block->len ? block->len - within : 0;
		some = some < len ? some : len;
		r = blocks_answer(a->options->blocks, block, (size_t)within, (size_t)some, ret);
		if (r == 0 && some == 0)
			return wrong(l, &(struct proto_input){0}, err);
	}
	return r;
}

int onnx_read_numbers(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	const struct onnx_list *l = ((const struct onnx_view *)n->lazy)->of;
	return read_blocks(a, n, NUMBERS, (uint64_t)STRIDE * l->bits / 8, offset, len, ret, err);
}

int onnx_read_offsets(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	return read_blocks(a, n, OFFSETS, (uint64_t)STRIDE * 8, offset, len, ret, err);
}

/* --- strings ------------------------------------------------------------------------------------ */

/* TOGETHER: so many bytes of short strings are gathered at a time; a longer one is not copied. */
enum { TOGETHER = 1 << 18, LONG = 1 << 16 };

/* Strings, from byte `offset` of them all on: *f is the one that holds it. */
static int find_string(struct archive *a, const struct onnx_list *l, uint64_t offset, struct proto_input *in, struct walk *w,
		       struct proto_field *f, struct error *err)
{
	struct block *block;
	int r = get(a, l, NULL, MARKS, 0, &block, err);
	if (r < 0)
		return r;
	const struct walk *marks = (const void *)block->bytes;
	size_t low = 0, high = block->len / sizeof *marks;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (marks[mid].bytes <= offset)
			low = mid;
		else
			high = mid;
	}
	*w = marks[low];
	w->m.in = in;
	blocks_release(block);
	while (next(w, l, f))
		if (f->wire == PROTO_LEN && w->bytes > offset)
			return 0;
	return wrong(l, in, err);
}

/* Bytes of strings that are short, from byte `at` of *f on; *f becomes the last that was begun. */
static int gather(struct walk *w, const struct onnx_list *l, struct proto_field *f, uint64_t *at, uint8_t *out, uint64_t len, struct error *err)
{
	while (len > 0) {
		uint64_t some = f->len - *at < len ? f->len - *at : len;
		if (!proto_copy(w->m.in, f->at + *at, (size_t)some, out))
			return wrong(l, w->m.in, err);
		*at += some;
		out += some;
		len -= some;
		if (len > 0 && !next(w, l, f))
			return wrong(l, w->m.in, err);
		*at = len > 0 ? 0 : *at;
	}
	return 0;
}

static int answer_strings(struct archive *a, const struct onnx_list *l, struct proto_input *in, uint64_t offset, uint64_t len,
			  struct answer *ret, struct error *err)
{
	struct proto_field f;
	struct walk w;
	int r = find_string(a, l, offset, in, &w, &f, err);
	uint64_t at = r < 0 ? 0 : f.len - (w.bytes - offset);
	for (uint64_t some; r == 0 && len > 0; len -= some) {
		uint8_t *out;
		if (f.len - at >= LONG) {
			some = f.len - at < len ? f.len - at : len;
			r = answer_source(ret, in->source, f.at + at, some, err);
			at += some;
		} else {
			some = len < TOGETHER ? len : TOGETHER;
			r = answer_own(ret, (size_t)some, &out);
			r = r < 0 ? r : gather(&w, l, &f, &at, out, some, err);
		}
		if (r == 0 && len > some && at == f.len) {
			r = next(&w, l, &f) ? 0 : wrong(l, in, err);
			at = 0;
		}
	}
	return r;
}

int onnx_read_strings(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct arena scratch = arena_apart(&a->arena);
	size_t room = proto_room(&a->source);
	uint8_t *window = arena_alloc(&scratch, room);
	struct proto_input in = proto_input(&a->source, window, room, err);
	int r = window ? answer_strings(a, ((const struct onnx_view *)n->lazy)->of, &in, offset, len, ret, err)
		       : error_no_memory(err, "strings");
	arena_free(&scratch);
	return r;
}
