/* SPDX-License-Identifier: MIT */
/* Message.fbs: what one batch has of one field. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/arrow/meta.h"

#define LENGTH_MAX ((int64_t)1 << 60)

/* --- messages ----------------------------------------------------------------------- */

int arrow_message(struct flat *flat, struct slice bytes, struct message *ret, struct error *err)
{
	*flat = flat_over(bytes);
	ret->own = flat_root(flat);
	int64_t version = flat_int(&ret->own, 0, 2, 0), body = flat_int(&ret->own, 3, 8, 0);
	ret->version = (uint8_t)version;
	ret->type = flat_union(&ret->own, 1, &ret->header);
	ret->body_len = (uint64_t)body;
	int r = flat_check(flat, err, "its metadata");
	if (r < 0)
		return r;
	if (version < V4 || version > V5)
		return error_set(err, ENOTSUP, "metadata of version V%" PRId64 ", where V4 and V5 are read", version + 1);
	return body < 0 ? error_set(err, EBADMSG, "a body of %" PRId64 " bytes", body) : 0;
}

struct flat_table arrow_message_batch(const struct message *m)
{
	return m->type == MESSAGE_DICTIONARY ? flat_child(&m->header, 1) : m->header;
}

/* Arrow 0.17 compressed before the format had a place for it. */
static enum codec_id experimental_codec(const struct message *m)
{
	static const struct { struct slice name; enum codec_id codec; } names[] = {
		{SLICE("lz4"), CODEC_LZ4_FRAME}, {SLICE("lz4_frame"), CODEC_LZ4_FRAME}, {SLICE("zstd"), CODEC_ZSTD},
	};
	struct flat_vector pairs = flat_vector(&m->own, 4, 4);
	for (uint32_t i = 0; i < pairs.count && m->version == V4 && !pairs.of->failed; i++) {
		struct flat_table pair = flat_element_table(&pairs, i);
		struct slice key = flat_string(&pair, 0), value = flat_string(&pair, 1);
		uint8_t lower[16];
		if (!slice_equal(key, SLICE("ARROW:experimental_compression")) || value.len > sizeof lower)
			continue;
		for (size_t at = 0; at < value.len; at++)
			lower[at] = value.data[at] | 0x20 * (value.data[at] >= 'A' && value.data[at] <= 'Z');
		for (size_t n = 0; n < sizeof names / sizeof *names; n++)
			if (slice_equal((struct slice){lower, value.len}, names[n].name))
				return names[n].codec;
		return CODEC_COUNT;
	}
	return CODEC_NONE;
}

int arrow_message_codec(const struct message *m, const struct flat_table *batch, uint8_t *ret, struct error *err)
{
	struct flat_table compression = flat_child(batch, 3);
	if (!compression.at) {
		*ret = (uint8_t)experimental_codec(m);
		return *ret == CODEC_COUNT ? error_set(err, ENOTSUP, "its buffers are compressed with an unknown codec") : 0;
	}
	int64_t codec = flat_int(&compression, 0, 1, 0), method = flat_int(&compression, 1, 1, 0);
	*ret = codec == 0 ? CODEC_LZ4_FRAME : codec == 1 ? CODEC_ZSTD : CODEC_COUNT;
	if (method == 0 && *ret != CODEC_COUNT)
		return 0;
	*ret = CODEC_COUNT;
	return error_set(err, ENOTSUP, "its buffers are compressed with codec %" PRId64 " and method %" PRId64 ", which are unknown",
			 codec, method);
}

/* --- a batch, while its flatbuffer is looked at ------------------------------------------ */

struct looked {
	const struct batch *batch;
	struct flat flat;
	struct message message;
	struct flat_table table;
	struct flat_vector nodes, buffers;
};
enum { NODE = 16, BUFFER = 16 };

static int look(struct looked *l, const struct table *t, struct slice meta, struct error *err)
{
	int r = arrow_message(&l->flat, meta, &l->message, err);
	if (r < 0)
		return r;
	if (l->message.type != (t->number ? MESSAGE_DICTIONARY : MESSAGE_BATCH))
		return error_set(err, EBADMSG, "a message of type %u in its place", l->message.type);
	l->table = arrow_message_batch(&l->message);
	l->nodes = flat_vector(&l->table, 1, NODE);
	l->buffers = flat_vector(&l->table, 2, BUFFER);
	return flat_check(&l->flat, err, "its metadata");
}

static int name_batch(const struct table *t, uint32_t batch, int r, struct error *err)
{
	char name[64];
	if (t->number)
		snprintf(name, sizeof name, "batch %u of dictionary %" PRId64, batch, t->id);
	else
		snprintf(name, sizeof name, "record batch %u", batch);
	return error_prefix(err, r, name);
}

typedef int looker(struct looked *l, void *arg, struct error *err);

/* Calls it with the batch at hand.  If the file was cut meanwhile, that is the error. */
static int look_into(struct archive *a, const struct table *t, uint32_t batch, looker *call, void *arg, struct error *err)
{
	const struct batch *b = &t->batches[batch];
	struct looked l = {.batch = b};
	struct error own = {0};
	struct slice meta;
	int r = source_map(&a->source, b->meta, b->meta_len, &meta, err);
	if (r < 0)
		return name_batch(t, batch, r, err);
	source_enter(&a->source);
	r = look(&l, t, meta, &own);
	if (r == 0)
		r = call(&l, arg, &own);
	int left = source_leave(&a->source, b->meta, b->meta_len, err);
	if (left == 0 && r < 0)
		error_set(err, -r, "%s", own.text);
	r = left < 0 ? left : r;
	return r < 0 ? name_batch(t, batch, r, err) : 0;
}

static int find_buffer(struct looked *l, uint64_t number, struct extent *ret, struct error *err)
{
	if (number >= l->buffers.count)
		return error_set(err, EBADMSG, "no buffer %" PRIu64 " among %u", number, l->buffers.count);
	int64_t at = flat_element(&l->buffers, (uint32_t)number, 0, 8), len = flat_element(&l->buffers, (uint32_t)number, 8, 8);
	*ret = (struct extent){.at = l->batch->body};
	if (len == 0) /* wherever it is */
		return 0;
	if (at < 0 || len < 0 || !range_within((uint64_t)at, (uint64_t)len, l->batch->body_len))
		return error_set(err, EBADMSG, "buffer %" PRIu64 " of %" PRId64 " bytes at %" PRId64 " in a body of %" PRIu64, number, len, at,
				 l->batch->body_len);
	ret->at += (uint64_t)at;
	ret->len = (uint64_t)len;
	return 0;
}

/* --- a field of it ------------------------------------------------------------------------ */

/* Unions and runs have a bitmap before version 5 only. */
bool arrow_lost_bitmap(const struct field *f)
{
	return field_is_union(f) || f->layout == LAYOUT_RUN_END;
}

/* Has it a bitmap? */
static bool has_validity(const struct field *f)
{
	return f->layout != LAYOUT_NULL && !arrow_lost_bitmap(f);
}

unsigned arrow_buffers(const struct field *f)
{
	static const uint8_t counts[] = {
		[LAYOUT_FIXED] = 2, [LAYOUT_BOOL] = 2, [LAYOUT_INDICES] = 2, [LAYOUT_STRING] = 3, [LAYOUT_VIEW] = 2, [LAYOUT_LIST] = 2,
		[LAYOUT_LIST_VIEW] = 3, [LAYOUT_FIXED_LIST] = 1, [LAYOUT_STRUCT] = 1, [LAYOUT_SPARSE] = 1, [LAYOUT_DENSE] = 2,
		[LAYOUT_RUN_END] = 0,
	};
	return counts[f->layout];
}

/* How many buffers of bytes the views before the field have, and, if it has views, it itself. */
static int count_extras(struct looked *l, const struct field *f, uint64_t *ret_before, uint32_t *ret_own, struct error *err)
{
	uint32_t n = f->views + (f->layout == LAYOUT_VIEW), last = 0;
	struct flat_vector counts = flat_vector(&l->table, 4, 8);
	*ret_before = *ret_own = 0;
	if (counts.count < n)
		return error_set(err, EBADMSG, "it counts the buffers of %u columns of views, not of %u", counts.count, n);
	for (uint32_t i = 0; i < n; i++) {
		int64_t count = flat_element(&counts, i, 0, 8);
		*ret_before += last;
		if (count < 0 || count > l->buffers.count - (int64_t)*ret_before)
			return error_set(err, EBADMSG, "%" PRId64 " buffers of views among %u", count, l->buffers.count);
		last = (uint32_t)count;
	}
	if (f->layout == LAYOUT_VIEW)
		*ret_own = last;
	else
		*ret_before += last;
	return 0;
}

static int read_node(struct looked *l, const struct field *f, struct part *ret, struct error *err)
{
	if (f->node >= l->nodes.count)
		return error_set(err, EBADMSG, "no node %u among %u", f->node, l->nodes.count);
	int64_t length = flat_element(&l->nodes, f->node, 0, 8), nulls = flat_element(&l->nodes, f->node, 8, 8);
	if (length < 0 || length >= LENGTH_MAX || nulls < -1 || nulls > length)
		return error_set(err, EBADMSG, "node %u of %" PRId64 " values and %" PRId64 " nulls", f->node, length, nulls);
	ret->length = (uint64_t)length;
	ret->nulls = f->layout == LAYOUT_NULL ? ret->length : (uint64_t)nulls;
	return 0;
}

/* A field with a bitmap has nulls only if the bitmap is there; unions and run-end encoded
 * fields have one in V4 alone, which must not mark nulls. */
static int settle_nulls(struct looked *l, const struct field *f, struct part *ret, struct error *err)
{
	struct extent bitmap = ret->buffers[0];
	int r = 0;
	if (arrow_lost_bitmap(f) && l->message.version == V4) {
		r = find_buffer(l, ret->number, &bitmap, err);
		if (r == 0 && ret->nulls && bitmap.len)
			return error_set(err, ENOTSUP, "a union or runs with nulls of their own");
		ret->number++;
	}
	if (arrow_lost_bitmap(f))
		ret->nulls = 0;
	else if (has_validity(f) && bitmap.len == 0 && ret->nulls == UINT64_MAX)
		ret->nulls = 0;
	else if (has_validity(f) && bitmap.len == 0 && ret->nulls)
		r = error_set(err, EBADMSG, "%" PRIu64 " nulls without a bitmap", ret->nulls);
	return r;
}

struct wanted {
	const struct field *field;
	struct part *ret;
};

static int look_up_part(struct looked *l, void *arg, struct error *err)
{
	const struct wanted *w = arg;
	const struct field *f = w->field;
	struct part *ret = w->ret;
	uint64_t before = 0;
	*ret = (struct part){.length = 0};
	int r = arrow_message_codec(&l->message, &l->table, &ret->codec, err);
	if (r == 0)
		r = read_node(l, f, ret, err);
	if (r == 0)
		r = count_extras(l, f, &before, &ret->extras, err);
	if (r < 0)
		return r;
	uint64_t number = f->buffer + before + (l->message.version == V4 ? f->unions : 0);
	if (number >= UINT32_MAX)
		return error_set(err, EBADMSG, "no buffer %" PRIu64 " among %u", number, l->buffers.count);
	ret->number = (uint32_t)number;
	if (arrow_lost_bitmap(f))
		r = settle_nulls(l, f, ret, err);
	for (unsigned i = 0; i < arrow_buffers(f) && r == 0; i++)
		r = find_buffer(l, (uint64_t)ret->number + i, &ret->buffers[i], err);
	if (r == 0 && !arrow_lost_bitmap(f))
		r = settle_nulls(l, f, ret, err);
	ret->extra = ret->number + arrow_buffers(f);
	if (r == 0 && ret->extras > l->buffers.count - ret->extra)
		r = error_set(err, EBADMSG, "%u buffers of views from number %u on, of %u", ret->extras, ret->extra, l->buffers.count);
	return r < 0 ? r : flat_check(&l->flat, err, "its metadata");
}

int arrow_part(struct archive *a, const struct table *t, uint32_t batch, const struct field *f, struct part *ret,
	       struct error *err)
{
	return look_into(a, t, batch, look_up_part, &(struct wanted){f, ret}, err);
}

struct wanted_buffer {
	uint32_t number;
	struct extent *ret;
	uint8_t *codec;
};

static int look_up_buffer(struct looked *l, void *arg, struct error *err)
{
	const struct wanted_buffer *w = arg;
	int r = arrow_message_codec(&l->message, &l->table, w->codec, err);
	if (r == 0)
		r = find_buffer(l, w->number, w->ret, err);
	return r < 0 ? r : flat_check(&l->flat, err, "its metadata");
}

int arrow_buffer(struct archive *a, const struct table *t, uint32_t batch, uint32_t number, struct extent *ret,
		 uint8_t *ret_codec, struct error *err)
{
	return look_into(a, t, batch, look_up_buffer, &(struct wanted_buffer){number, ret, ret_codec}, err);
}

/* --- of all batches ----------------------------------------------------------------------- */

void arrow_message_nulls(struct table *t, struct watched *w, const struct flat_table *batch)
{
	struct flat_vector nodes = flat_vector(batch, 1, NODE);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		struct field *f = &t->fields[w->fields[i]];
		if (f->node < nodes.count && flat_element(&nodes, f->node, 8, 8) != 0)
			f->nullable = true;
		else
			w->fields[kept++] = w->fields[i];
	}
	w->n = kept;
}

void arrow_dictionary_range(const struct table *d, const struct table *t, uint32_t batch, uint64_t *ret_start, uint64_t *ret_end)
{
	uint32_t order = t->batches[batch].order, low = 0, high = d->nbatches; /* those before `low` have come */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (d->batches[middle].order <= order)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_start = low ? d->starts[low - 1] : 0;
	*ret_end = d->batches[low].first;
}
