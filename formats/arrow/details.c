/* SPDX-License-Identifier: MIT */
/* For users: where in the file the batches are, and what they have of a column. */
#include <inttypes.h>

#include "formats/arrow/meta.h"

static void put_rows(struct text *t, const struct batch *b)
{
	text_print(t, "{\"rows\":[%" PRIu64 ",%" PRIu64 "]", b[0].first, b[1].first);
}

/* About the file itself. */
static int put_root(const struct arrow *arrow, struct text *t)
{
	const struct table *table = arrow->tables[0];
	text_print(t, ",\"num_rows\":%" PRIu64 ",\"num_dictionaries\":%u,\"framing\":\"%s\",\"batches\":[", table->rows,
		   arrow->ntables - 1, arrow->file ? "file" : "stream");
	for (uint32_t i = 0; i < table->nbatches && !t->failed; i++) {
		text_add(t, i ? "," : "");
		put_rows(t, &table->batches[i]);
		text_print(t, ",\"offset\":%" PRIu64 ",\"size\":%" PRIu64 "}", table->batches[i].body, table->batches[i].body_len);
	}
	text_add(t, "]");
	return 0;
}

/* The buffers of a part that the file is made of: from one of their numbers to another. */
static void buffers_of(const struct shown *shown, unsigned *ret_first, unsigned *ret_end)
{
	enum layout layout = shown->field->layout;
	bool bare = layout == LAYOUT_SPARSE || layout == LAYOUT_DENSE; /* of validity */
	*ret_first = shown->what == WHAT_VALIDITY ? 0 : shown->what == WHAT_VALUES ? !bare : 1;
	*ret_end = *ret_first + 1;
	if (layout == LAYOUT_RUN_END || layout == LAYOUT_NULL)
		*ret_end = *ret_first;
	else if (shown->what == WHAT_BYTES || (shown->what == WHAT_OFFSETS && layout == LAYOUT_LIST_VIEW))
		*ret_end = 3;
}

static void put_buffer(struct text *t, struct extent where, bool *more)
{
	if (where.len)
		text_print(t, "%s{\"offset\":%" PRIu64 ",\"size\":%" PRIu64 "}", *more ? "," : "", where.at, where.len);
	*more |= where.len > 0;
}

static void put_buffers(struct archive *a, const struct shown *shown, uint32_t batch, const struct part *part, struct text *t)
{
	unsigned first, end;
	bool more = false;
	buffers_of(shown, &first, &end);
	text_add(t, ",\"buffers\":[");
	for (unsigned i = first; i < end; i++)
		put_buffer(t, part->buffers[i], &more);
	for (uint32_t i = 0; i < part->extras && shown->what == WHAT_BYTES && !t->failed; i++) {
		struct extent where;
		uint8_t codec;
		if (arrow_buffer(a, shown->table, batch, part->extra + i, &where, &codec, NULL) < 0)
			break;
		put_buffer(t, where, &more);
	}
	text_add(t, "]");
}

static void put_batch(struct archive *a, const struct shown *shown, uint32_t batch, struct text *t)
{
	struct error err = {0};
	struct part part;
	put_rows(t, &shown->table->batches[batch]);
	if (arrow_part(a, shown->table, batch, shown->field, &part, &err) < 0) {
		text_add(t, ",\"error\":");
		text_json(t, slice_text(err.text));
	} else {
		text_print(t, ",\"slots\":%" PRIu64, part.length);
		if (part.nulls != UINT64_MAX)
			text_print(t, ",\"null_count\":%" PRIu64, part.nulls);
		if (part.codec != CODEC_NONE)
			text_print(t, ",\"codec\":\"%s\"", part.codec == CODEC_ZSTD ? "zstd" : "lz4");
		put_buffers(a, shown, batch, &part, t);
	}
	text_add(t, "}");
}

/* A directory has the first of its own files'. */
static const struct shown *shown_of(struct archive *a, const struct node *n)
{
	if (n->kind == NODE_DIR && n->array)
		n = n->child ? tree_node(&a->tree, n->child) : NULL;
	return n && n->kind == NODE_LAZY ? n->lazy : NULL;
}

int arrow_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	const struct shown *shown = index == TREE_ROOT ? NULL : shown_of(a, n);
	(void)err;
	if (index == TREE_ROOT)
		return put_root(a->priv, ret);
	if (!shown)
		return 0;
	text_add(ret, ",\"batches\":[");
	for (uint32_t i = 0; i < shown->table->nbatches && !ret->failed; i++) {
		text_add(ret, i ? "," : "");
		put_batch(a, shown, i, ret);
	}
	text_add(ret, "]");
	return 0;
}
