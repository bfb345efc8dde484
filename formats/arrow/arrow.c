/* SPDX-License-Identifier: MIT */
/*
 * Arrow IPC: files (Feather V2) and streams.  The format is drawn in arrow.h.
 *
 * Shown: each column, of all record batches together; a file for fixed-width values, a
 * directory for the rest.  How batches, codecs and delta dictionaries divide a column does not
 * show.
 *
 * Files are read by their footer alone, streams message by message: only the head of each
 * message is looked at.
 *
 * Not shown: the footer's own key-value pairs, and those of messages.  Feather V1, tensors,
 * and metadata of versions before V4 are refused.
 */
#include <inttypes.h>
#include <stdio.h>

#include "formats/arrow/meta.h"
#include "fs/base/list.h"

enum { MAGIC = 8, TRAILER = 10, BLOCK = 24 };
#define ROWS_MAX (INT64_MAX / 64)

/* --- probing ------------------------------------------------------------------------------------ */

/* Is there a message that begins a stream at the head?  Its flatbuffer may be longer than the
 * head: what is past it counts as valid, if the mark is there. */
static bool begins_stream(const struct peek *p)
{
	struct cursor c = p->head;
	bool marked = cursor_match(&c, "\xff\xff\xff\xff", 4);
	uint64_t len = cursor_u32le(&c), left = p->size - cursor_at(&c);
	struct flat_table message, header;
	if (c.failed || len < 16 || len > left || len > INT32_MAX)
		return false;
	struct flat f = flat_over((struct slice){c.pos, len < cursor_left(&c) ? len : cursor_left(&c)});
	bool beyond = len > f.bytes.len;
	message = flat_root(&f);
	int64_t version = flat_int(&message, 0, 2, 0), body = flat_int(&message, 3, 8, 0);
	uint8_t type = flat_union(&message, 1, &header);
	if (f.failed)
		return marked && beyond && message.at;
	if (version < 0 || version > 16 || body < 0)
		return false;
	if (type != MESSAGE_SCHEMA)
		return marked && (type == MESSAGE_TENSOR || type == MESSAGE_SPARSE);
	int64_t endianness = flat_int(&header, 0, 2, 0);
	struct flat_vector fields = flat_vector(&header, 1, 4);
	return body == 0 && (endianness == 0 || endianness == 1) && (fields.at || (f.failed && beyond));
}

bool arrow_probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "ARROW1\0\0", MAGIC) || begins_stream(p);
}

/* --- batches ------------------------------------------------------------------------------------ */

/* Where the values begin that indices count from after this batch of a dictionary. */
static int append_start(struct opening *o, struct table *t, bool delta)
{
	uint64_t *starts = list_grow_in(&o->scratch, t->starts, t->nbatches, sizeof *starts);
	if (!starts)
		return error_no_memory(o->err, "its batches");
	t->starts = starts;
	starts[t->nbatches] = t->nbatches == 0 ? 0 : delta ? starts[t->nbatches - 1] : t->rows;
	if (o->arrow->file && t->nbatches > 0 && !delta)
		t->fields[0].fault = "the file has its dictionary twice";
	return 0;
}

static int append(struct opening *o, struct table *t, struct batch b, uint64_t rows)
{
	struct batch *grown = list_grow_in(&o->scratch, t->batches, t->nbatches, sizeof *grown);
	if (!grown)
		return error_no_memory(o->err, "its batches");
	b.first = t->rows;
	t->batches = grown;
	t->batches[t->nbatches++] = b;
	t->rows += rows;
	return 0;
}

/* A dictionary that no column has is passed over. */
static int take_batch(struct opening *o, const struct message *m, struct batch b)
{
	struct flat_table batch = arrow_message_batch(m);
	bool dictionary = m->type == MESSAGE_DICTIONARY;
	struct growing *g = dictionary ? arrow_dictionary(o, flat_int(&m->header, 0, 8, 0)) : &o->tables[0];
	int64_t rows = flat_int(&batch, 0, 8, 0);
	uint8_t codec;
	int r = 0;

	if (!g)
		return flat_check(batch.of, o->err, "its metadata");
	arrow_message_codec(m, &batch, &codec, NULL);
	arrow_message_nulls(g->table, &g->watched, &batch);
	bool delta = dictionary && flat_bool(&m->header, 2);
	if ((r = flat_check(batch.of, o->err, "its metadata")) < 0)
		return r;
	if (rows < 0 || (uint64_t)rows > ROWS_MAX - g->table->rows)
		return error_set(o->err, EBADMSG, "%" PRId64 " rows behind %" PRIu64, rows, g->table->rows);
	if (rows > 0)
		g->codec = g->table->rows == 0 || g->codec == codec ? codec : CODEC_COUNT;
	o->arrow->compressed |= codec != CODEC_NONE;
	if (dictionary)
		r = append_start(o, g->table, delta);
	return r < 0 ? r : append(o, g->table, b, (uint64_t)rows);
}

/* --- messages ----------------------------------------------------------------------------------- */

struct found {
	struct flat flat;
	struct message message;
	struct batch batch; /* without its rows and order */
};

/* The message at `at`, of whose head there are at most `room` bytes: 1; 0 at the end mark. */
static int find_message(struct opening *o, uint64_t at, uint64_t room, struct found *ret)
{
	struct source *s = &o->archive->source;
	struct slice bytes;
	int r = source_map(s, at, room < 8 ? room : 8, &bytes, o->err);
	if (r < 0)
		return r;
	struct cursor c = cursor_over(bytes);
	bool marked = cursor_match(&c, "\xff\xff\xff\xff", 4); /* since 0.15 */
	uint32_t len = cursor_u32le(&c), prefix = marked ? 8 : 4;
	if (c.failed)
		return error_set(o->err, EBADMSG, "it is cut short, or still being written");
	if (len == 0)
		return 0;
	if (len > INT32_MAX || !range_within(prefix, len, room))
		return error_set(o->err, EBADMSG, "metadata of %u bytes, where there are %" PRIu64, len, room - prefix);
	if ((r = source_map(s, at + prefix, len, &bytes, o->err)) < 0 ||
	    (r = arrow_message(&ret->flat, bytes, &ret->message, o->err)) < 0)
		return r;
	ret->batch = (struct batch){.meta = at + prefix, .meta_len = len, .body = at + prefix + len, .body_len = ret->message.body_len};
	return 1;
}

static int check_body(struct opening *o, const struct batch *b)
{
	uint64_t size = o->archive->source.size;
	if (range_within(b->body, b->body_len, size))
		return 0;
	return error_set(o->err, EBADMSG, "a body of %" PRIu64 " bytes, of which the file has %" PRIu64 ERROR_CUT, b->body_len,
			 b->body < size ? size - b->body : 0);
}

/* --- files -------------------------------------------------------------------------------------- */

static int read_block(struct opening *o, const struct flat_vector *blocks, uint32_t i, bool dictionary)
{
	int64_t at = flat_element(blocks, i, 0, 8), len = flat_element(blocks, i, 8, 4);
	uint64_t size = o->archive->source.size;
	struct found found;
	if (at < 0 || len < 0 || !range_within((uint64_t)at, (uint64_t)len, size))
		return error_set(o->err, EBADMSG, "metadata of %" PRId64 " bytes at byte %" PRId64 " in a file of %" PRIu64, len, at, size);
	int r = find_message(o, (uint64_t)at, (uint64_t)len, &found);
	if (r < 0)
		return r;
	if (r == 0 || found.message.type != (dictionary ? MESSAGE_DICTIONARY : MESSAGE_BATCH))
		return error_set(o->err, EBADMSG, "a message of type %u in its place", r ? found.message.type : 0);
	found.batch.body = (uint64_t)at + (uint64_t)len;
	found.batch.order = !dictionary;
	r = check_body(o, &found.batch);
	return r < 0 ? r : take_batch(o, &found.message, found.batch);
}

static int read_blocks(struct opening *o, const struct flat_table *footer, bool dictionaries)
{
	struct flat_vector blocks = flat_vector(footer, dictionaries ? 2 : 3, BLOCK);
	for (uint32_t i = 0; i < blocks.count; i++) {
		int r = read_block(o, &blocks, i, dictionaries);
		if (r < 0) {
			char name[48];
			snprintf(name, sizeof name, "%s %u", dictionaries ? "dictionary batch" : "record batch", i);
			return error_prefix(o->err, r, name);
		}
	}
	return 0;
}

/* Arrow 0.14 wrote V1 into the footer, whatever the version of its messages; so only later
 * versions are refused by it. */
static int read_file(struct opening *o)
{
	uint64_t size = o->archive->source.size;
	struct slice bytes = {NULL, 0};
	int r = 0;
	if (size >= MAGIC + TRAILER)
		r = source_map(&o->archive->source, size - TRAILER, TRAILER, &bytes, o->err);
	if (r < 0)
		return r;
	struct cursor c = cursor_over(bytes);
	uint64_t len = cursor_u32le(&c);
	if (!cursor_match(&c, "ARROW1", 6))
		return error_set(o->err, EBADMSG, "no ARROW1 at its end" ERROR_CUT);
	if (len == 0 || len > INT32_MAX || len > size - MAGIC - TRAILER)
		return error_set(o->err, EBADMSG, "a footer of %" PRIu64 " bytes in a file of %" PRIu64, len, size);
	if ((r = source_map(&o->archive->source, size - TRAILER - len, len, &bytes, o->err)) < 0)
		return r;
	struct flat f = flat_over(bytes);
	struct flat_table footer = flat_root(&f), schema = flat_child(&footer, 1);
	int64_t version = flat_int(&footer, 0, 2, 0);
	if (version > V5)
		return error_set(o->err, ENOTSUP, "metadata of version V%" PRId64 ", where V4 and V5 are read", version + 1);
	if (!f.failed && !schema.at)
		return error_set(o->err, EBADMSG, "a footer without a schema");
	o->arrow->version = (uint8_t)(version + 1);
	r = arrow_schema_read(o, &schema);
	for (int dictionaries = 1; dictionaries >= 0 && r == 0; dictionaries--)
		r = read_blocks(o, &footer, dictionaries);
	return r < 0 ? r : flat_check(&f, o->err, "the footer");
}

/* --- streams ------------------------------------------------------------------------------------ */

static int take_message(struct opening *o, struct found *found, uint32_t number)
{
	uint8_t type = found->message.type;
	found->batch.order = number;
	if (type == MESSAGE_TENSOR || type == MESSAGE_SPARSE)
		return error_set(o->err, ENOTSUP, "a %stensor, which arrayfs does not read", type == MESSAGE_SPARSE ? "sparse " : "");
	if (number == 0)
		o->arrow->version = (uint8_t)(found->message.version + 1);
	if (number == 0 && type == MESSAGE_SCHEMA)
		return arrow_schema_read(o, &found->message.header);
	if (number == 0 || (type != MESSAGE_BATCH && type != MESSAGE_DICTIONARY))
		return error_set(o->err, EBADMSG, "it is of type %u, where a %s comes", type, number ? "batch" : "schema");
	return take_batch(o, &found->message, found->batch);
}

/* It may end without an end mark; what follows one does not belong to the stream. */
static int read_stream(struct opening *o)
{
	uint64_t at = 0, size = o->archive->source.size;
	struct found found;
	for (uint32_t number = 0; at < size; number++) {
		int r = find_message(o, at, size - at, &found);
		if (r == 0)
			break;
		if (r > 0)
			r = check_body(o, &found.batch);
		if (r == 0)
			r = take_message(o, &found, number);
		if (r < 0) {
			char name[64];
			snprintf(name, sizeof name, "message %u at byte %" PRIu64, number, at);
			return error_prefix(o->err, r, name);
		}
		at = found.batch.body + found.batch.body_len;
	}
	return o->ntables ? 0 : error_set(o->err, EBADMSG, "it has no schema");
}

/* --- opening ------------------------------------------------------------------------------------ */

/* Their descriptions, for all of its fields. */
static void settle_fields(struct growing *g)
{
	static const char *const names[CODEC_COUNT + 1] = {[CODEC_LZ4_FRAME] = "lz4", [CODEC_ZSTD] = "zstd"};
	struct table *t = g->table;
	for (uint32_t i = 0; i < t->nfields; i++) {
		t->fields[i].array.codec = names[g->codec];
		if (t->number)
			t->fields[i].fault = t->fields[0].fault;
	}
}

/* Moves it from scratch to lasting memory, of its final size. */
static int settle_table(struct opening *o, struct growing *g)
{
	struct arena *arena = &o->archive->arena;
	struct table *t = g->table;
	struct batch *batches = arena_array(arena, (size_t)t->nbatches + 1, sizeof *batches);
	uint64_t *starts = t->number ? arena_array(arena, t->nbatches, sizeof *starts) : NULL;
	if (!batches || (t->number && !starts))
		return error_no_memory(o->err, "its batches");
	if (t->nbatches)
		memcpy(batches, t->batches, t->nbatches * sizeof *batches);
	if (t->nbatches && starts)
		memcpy(starts, t->starts, t->nbatches * sizeof *starts);
	batches[t->nbatches].first = t->rows;
	t->batches = batches;
	t->starts = starts;
	settle_fields(g);
	return 0;
}

/* Indices are widened until they hold the last one. */
void arrow_settle_indices(struct field *f, bool big)
{
	static const uint8_t dtypes[2][4] = {{DTYPE_UINT8, DTYPE_UINT16, DTYPE_UINT32, DTYPE_UINT64},
					     {DTYPE_INT8, DTYPE_INT16, DTYPE_INT32, DTYPE_INT64}};
	uint64_t count = f->dictionary->rows;
	while (f->shown < 8 && count > (uint64_t)1 << (8 * f->shown - f->is_signed))
		f->shown *= 2;
	f->array.dtype = dtypes[f->is_signed][__builtin_ctz(f->shown)];
	f->array.byteorder = f->shown == 1 ? BYTEORDER_NONE : big ? BYTEORDER_BIG : BYTEORDER_LITTLE;
	if (!f->fault)
		f->fault = f->dictionary->fields[0].fault;
}

static int settle(struct opening *o)
{
	struct arrow *arrow = o->arrow;
	int r = 0;
	arrow->ntables = o->ntables;
	arrow->tables = arena_array(&o->archive->arena, o->ntables, sizeof(struct table *));
	if (!arrow->tables)
		return error_no_memory(o->err, "its dictionaries");
	for (uint32_t i = 0; i < o->ntables && r == 0; i++) {
		arrow->tables[i] = o->tables[i].table;
		r = settle_table(o, &o->tables[i]);
	}
	for (uint32_t i = 0; i < o->ntables && r == 0; i++)
		for (uint32_t k = 0; k < arrow->tables[i]->nfields; k++)
			if (arrow->tables[i]->fields[k].layout == LAYOUT_INDICES)
				arrow_settle_indices(&arrow->tables[i]->fields[k], arrow->big);
	return r;
}

static int read_all(struct opening *o)
{
	struct source *s = &o->archive->source;
	uint8_t magic[MAGIC] = {0};
	struct error cut = {0};
	int r = source_read(s, 0, magic, s->size < MAGIC ? (size_t)s->size : MAGIC, o->err);
	if (r < 0)
		return r;
	o->arrow->file = memcmp(magic, "ARROW1", 6) == 0;
	source_enter(s);
	r = o->arrow->file ? read_file(o) : read_stream(o);
	int left = source_leave(s, 0, s->size, &cut);
	if (left < 0)
		*o->err = cut;
	return left < 0 ? left : r;
}

int arrow_open(struct archive *a, struct error *err)
{
	struct arrow *arrow = arena_alloc(&a->arena, sizeof *arrow);
	struct error own = {0};
	if (!arrow)
		return error_no_memory(err, "its schema");
	struct opening o = {.archive = a, .arrow = arrow, .scratch = arena_scratch(&a->arena), .err = &own};
	o.ids.arena = &o.scratch;
	a->priv = arrow;
	int r = read_all(&o);
	if (r == 0)
		r = settle(&o);
	if (r < 0)
		error_set(err, -r, "%s", own.text);
	arena_free(&o.scratch);
	return r;
}

static int open_shown(struct archive *a, struct error *err)
{
	int r = arrow_open(a, err);
	if (r == 0)
		arrow_show(a, ((const struct arrow *)a->priv)->tables[0], TREE_ROOT);
	return r;
}

static void overview(struct archive *a, struct overview *ret)
{
	const struct arrow *arrow = a->priv;
	ret->versioned = arrow->file ? "file of metadata version" : "stream of metadata version";
	snprintf(ret->version, sizeof ret->version, "%u", arrow->version);
	ret->rows = arrow->tables[0]->rows;
	ret->parts = "batches";
	ret->count = arrow->tables[0]->nbatches;
}

const char *const arrow_suffixes[] = {".arrow", ".feather", ".ipc", ".arrows", NULL};

const struct format format_arrow = {
	.name = "arrow",
	.table = true,
	.suffixes = arrow_suffixes,
	.finds_end = true,
	.probe = arrow_probe,
	.open = open_shown,
	.size = arrow_size,
	.extent = arrow_extent,
	.read = arrow_read,
	.details = arrow_details,
	.overview = overview,
};
