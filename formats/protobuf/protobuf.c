/* SPDX-License-Identifier: MIT */
/*
 * Messages of Protocol Buffers by a schema: one after another, each after a varint of its length, are one table,
 * whose columns are the fields; one alone has a table for each repeated message in it, an array for each
 * repeated number, and attributes for everything else.
 *
 *	-o schema=FILE,message=PACKAGE.NAME
 *
 * Fields that the schema does not know are passed over, and so are those with another wire type.
 *
 * https://protobuf.dev/programming-guides/encoding
 */
#include "formats/protobuf/impl.h"

enum { ATTR_MOST = 1 << 20 };

static const struct records_kind kind = {
	.unit = "record", .begin = protobuf_begin, .split = protobuf_split, .scan = protobuf_scan, .settle = protobuf_settle, .decode = protobuf_decode,
};

/* --- one message ------------------------------------------------------------------------------- */

/* What of a span is set once. */
static int gather(const struct protobuf_schema *s, struct wire all, struct protobuf_slot *slots, struct arena *arena)
{
	struct wire_field one;
	uint32_t hint = 0;
	while (wire_next(&all, &one)) {
		struct protobuf_field *f = protobuf_field(&s->root, one.number, &hint);
		if (!f || f->repeated || !protobuf_fits(f, &one))
			continue;
		struct protobuf_slot *slot = &slots[f->index];
		size_t before = slot->set && (f->message || f->within) ? wire_left(&slot->last.body) : 0, len = wire_left(&one.body);
		uint8_t *kept = arena_alloc(arena, before + len + 1);
		if (!kept)
			return -ENOMEM;
		if (before)
			memcpy(kept, slot->last.body.p, before);
		memcpy(kept + before, one.body.p, len);
		for (uint32_t i = 0; f->oneof >= 0 && i < s->root.count; i++)
			if (s->root.fields[i]->oneof == f->oneof && s->root.fields[i] != f)
				slots[i].set = false;
		*slot = (struct protobuf_slot){.set = true, .last = one};
		slot->last.body = wire_over(kept, before + len);
	}
	return 0;
}

static int gather_all(struct archive *a, const struct records_table *t, struct protobuf_slot *slots, struct arena *arena, struct error *err)
{
	struct records_walk walk;
	struct records_span span;
	int r = records_walk_begin(&walk, a, t);
	while (r == 0 && (r = records_walk_next(&walk, &span, err)) > 0)
		r = gather(t->own, wire_over(span.bytes, span.len), slots, arena);
	records_walk_end(&walk);
	return r == -ENOMEM ? error_no_memory(err, "its attributes") : r;
}

static void show_attribute(struct archive *a, const struct protobuf_field *f, const struct protobuf_slot *s, struct arena *scratch)
{
	struct text t = {.limit = ATTR_MOST}, name = {0};
	struct slice bytes = {s->last.body.p, wire_left(&s->last.body)};
	text_add(&name, ATTR_OWN);
	text_put(&name, f->name);
	if (f->type == PB_STRING && !f->message) {
		tree_attr(&a->tree, TREE_ROOT, text_slice(&name), bytes);
	} else {
		protobuf_json(f, &s->last, scratch, &t);
		if (!t.failed)
			tree_attr_json(&a->tree, TREE_ROOT, text_slice(&name), text_slice(&t));
	}
	text_free(&name);
	text_free(&t);
}

/* The repeated field's elements in its place. */
static int show_repeated(struct archive *a, const struct records_table *t, struct error *err)
{
	int r = 0;
	for (unsigned round = 0; round < COLUMN_ROUNDS; round++)
		for (const struct records_column *c = t->root->first; c && r == 0; c = c->next) {
			const struct protobuf_field *f = c->own;
			uint32_t id = 0;
			if (!f->repeated || column_round(c->name) != round)
				continue;
			struct tree_path path = tree_path(&a->tree, TREE_ROOT, c->name, a->options->split);
			r = records_show(a, t, c->element, (struct column_at){.parent = path.parent, .name = path.leaf}, NULL, &id, err);
			tree_path_end(&a->tree, &path, id);
		}
	return r;
}

static int show_single(struct archive *a, const struct records_table *t, struct error *err)
{
	const struct protobuf_schema *s = t->own;
	struct arena scratch = arena_scratch(&a->arena);
	struct protobuf_slot *slots = arena_array(&scratch, s->root.count, sizeof *slots);
	int r = slots ? gather_all(a, t, slots, &scratch, err) : error_no_memory(err, "its attributes");
	if (r == 0)
		r = show_repeated(a, t, err);
	for (uint32_t i = 0; r == 0 && i < s->root.count; i++)
		if (slots[i].set)
			show_attribute(a, s->root.fields[i], &slots[i], &scratch);
	arena_free(&scratch);
	return r;
}

/* --- the file ------------------------------------------------------------------------------------- */

static int read_as(struct archive *a, struct records_table *how, struct protobuf_schema *s, bool single, struct records_table **ret, struct error *err)
{
	s->single = how->fixed = single;
	how->kind = &kind;
	how->own = s;
	return records_open(a, how, ret, err);
}

/* Delimited if all of it is; else one message. */
static int read_either(struct archive *a, struct records_table *how, struct protobuf_schema *s, struct records_table **ret, struct error *err)
{
	struct error unsaid = {0};
	bool skip = how->skip_bad;
	how->skip_bad = false;
	int r = read_as(a, how, s, false, ret, err);
	if (r != -EBADMSG)
		return r;
	int single = read_as(a, how, s, true, ret, &unsaid);
	if (single == 0 || error_passes(single)) {
		*err = unsaid;
		return single;
	}
	how->skip_bad = skip;
	if (!skip)
		return r;
	*err = (struct error){0};
	return read_as(a, how, s, false, ret, err);
}

static int protobuf_open(struct archive *a, struct error *err)
{
	const struct archive_records *o = &a->options->records;
	struct records_table how = {.end = UINT64_MAX, .skip_bad = o->skip_bad}, *t;
	struct protobuf_schema *s;
	if (!o->schema.data || !o->message)
		return error_set(err, ENOTSUP, "protobuf is read by a schema: -o schema=FILE,message=PACKAGE.NAME");
	int r = protobuf_schema(o->schema, o->message, &a->arena, &s, err);
	if (r == 0)
		r = records_bytes_open(a, &how.bytes, err);
	if (r == 0 && o->framing == FRAMING_FOUND)
		r = read_either(a, &how, s, &t, err);
	else if (r == 0)
		r = read_as(a, &how, s, o->framing == FRAMING_MESSAGE, &t, err);
	if (r < 0)
		return r;
	return s->single ? show_single(a, t, err) : records_show_fields(a, t, TREE_ROOT, err);
}

/* Nothing in a file shows it: only the options do. */
static bool protobuf_claims(const struct peek *p, const char *name, const struct archive_options *options)
{
	static const char *const suffixes[] = {".pb", ".binpb", ".protobuf", ".pbs", NULL};
	const struct archive_records *o = &options->records;
	struct records_peek inner;
	if (o->kind)
		return strcmp(o->kind, "protobuf") == 0;
	if (!o->schema.data || !o->on)
		return o->schema.data != NULL;
	records_peek(p, name, &inner);
	return records_named(&inner, suffixes);
}

const struct format format_protobuf = {
	.name = "protobuf",
	.claims = protobuf_claims,
	.open = protobuf_open,
	.size = records_size,
	.read = lazy_read,
};
