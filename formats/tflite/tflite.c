/* SPDX-License-Identifier: MIT */
#include "formats/tflite/tflite.h"

#include <inttypes.h>
#include <stdio.h>

#include "formats/shared/content.h"
#include "formats/shared/zip.h"

/* --- probing --------------------------------------------------------------------------------- */

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The mark, and a root table with its vtable, wherever they are. */
static bool tflite_probe(const struct peek *p)
{
	struct cursor c = p->head;
	uint64_t root = cursor_u32le(&c);
	uint8_t table[4], vtable[4];
	if (!cursor_match(&c, "TFL3", 4) || !peek_at(p, root, table, sizeof table))
		return false;
	int64_t at = (int64_t)root - (int32_t)le32(table);
	if (at < 0 || !peek_at(p, (uint64_t)at, vtable, sizeof vtable))
		return false;
	unsigned len = vtable[0] | (unsigned)vtable[1] << 8, own = vtable[2] | (unsigned)vtable[3] << 8;
	return len >= 6 && len % 2 == 0 && own >= 8 && range_within(root, own, p->size) && range_within((uint64_t)at, len, p->size);
}

/* --- what is beside the tensors ------------------------------------------------------------------ */

/* The version of the runtime is padded with NULs, to be written in place. */
static void tell_text(struct tflite_opening *o, const char *name, struct slice value)
{
	const uint8_t *end = value.len ? memchr(value.data, 0, value.len) : NULL;
	if (end)
		value.len = (size_t)(end - value.data);
	if (value.len)
		tree_attr(&o->archive->tree, TREE_ROOT, slice_text(name), value);
}

static void show_metadata_buffer(struct tflite_opening *o, uint32_t dir, const struct flat_table *metadata)
{
	struct tree *t = &o->archive->tree;
	struct tflite_bytes bytes;
	struct slice name = flat_string(metadata, 0), file = o->model.flat.bytes;
	enum tflite_found found = tflite_buffer(o->archive, &o->model, (uint32_t)flat_int(metadata, 1, 4, 0), &bytes);
	if (!tflite_spend(&o->model, name.len))
		return;
	if (found == TFLITE_NOTHING)
		bytes = (struct tflite_bytes){0, 0};
	struct tree_path at = tree_path(t, dir, name, o->archive->options->split);
	uint32_t id = found == TFLITE_OUTSIDE ? tree_fault(t, at.parent, at.leaf, "its bytes are not within the file", NULL)
					      : tree_range(t, at.parent, at.leaf, 0, bytes.at, bytes.len);
	if (found != TFLITE_OUTSIDE)
		tree_describe(t, id, tree_array(t, &(struct array){.dtype = DTYPE_UINT8, .rank = 1, .shape = &bytes.len}));
	tree_aside(t, id);
	tree_path_end(t, &at, id);
	if (slice_equal(name, SLICE("min_runtime_version")) && found == TFLITE_BYTES && range_within(bytes.at, bytes.len, file.len) && bytes.len <= 64)
		tell_text(o, ATTR_OWN "min_runtime_version", (struct slice){file.data + bytes.at, (size_t)bytes.len});
}

static void show_metadata(struct tflite_opening *o)
{
	struct flat_vector metadata = flat_vector(&o->model.root, MODEL_METADATA, 4);
	uint32_t dir = metadata.count ? tree_dir(&o->archive->tree, TREE_ROOT, SLICE("metadata")) : 0;
	for (uint32_t i = 0; i < metadata.count && !o->model.flat.failed && !o->archive->tree.failed; i++) {
		struct flat_table one = flat_element_table(&metadata, i);
		show_metadata_buffer(o, dir, &one);
	}
}

static int show_member(struct tflite_opening *o, uint32_t dir, const struct zip_member *m)
{
	struct archive *a = o->archive;
	struct content bytes;
	struct error why = {0};
	struct tree_path at = tree_path(&a->tree, dir, m->name, a->options->split);
	uint32_t id = 0;
	if (zip_is_directory(m)) {
		tree_dir(&a->tree, at.parent, at.leaf);
		return 0;
	}
	int r = zip_open(a, 0, m, &bytes, &why);
	if (r == 0)
		r = content_show(a, at.parent, at.leaf, &bytes, &(struct array){.dtype = DTYPE_UINT8, .rank = 1, .shape = &bytes.size}, &id, &why);
	if (r < 0 && error_passes(r))
		return error_set(o->err, -r, "%s", why.text);
	const char *sentence = r < 0 ? arena_text(&a->arena, slice_text(why.text)) : NULL;
	if (r < 0)
		id = sentence ? tree_fault(&a->tree, at.parent, at.leaf, sentence, NULL) : tflite_no_memory(o);
	tree_path_end(&a->tree, &at, id);
	return 0;
}

/* TensorFlow Lite's metadata tools append a zip to the model. */
static int show_files(struct tflite_opening *o)
{
	struct tree *t = &o->archive->tree;
	struct slice name = SLICE("associated_files");
	struct error why = {0};
	struct peek p;
	struct zip zip;
	int r = peek(&p, &o->archive->source, o->err);
	if (r < 0 || !zip_probe(&p))
		return r;
	r = zip_read(&o->archive->source, o->scratch, o->scratch, &zip, &why);
	if (error_passes(r))
		return error_set(o->err, -r, "its associated files: %s", why.text);
	if (r < 0) { /* which takes nothing from the model */
		const char *sentence = arena_text(&o->archive->arena, slice_text(why.text));
		if (sentence)
			tree_fault(t, TREE_ROOT, name, sentence, NULL);
		return sentence ? 0 : error_no_memory(o->err, "its associated files");
	}
	uint32_t dir = tree_dir(t, TREE_ROOT, name);
	for (uint32_t i = 0; r == 0 && i < zip.count && !t->failed; i++)
		r = show_member(o, dir, &zip.members[i]);
	return r < 0 ? error_prefix(o->err, r, "its associated files") : 0;
}

/* --- the archive ------------------------------------------------------------------------------------ */

static int read_model(struct tflite_opening *o)
{
	struct tree *t = &o->archive->tree;
	struct cursor c = cursor_over(o->model.flat.bytes);
	char text[16];
	cursor_skip(&c, 4);
	if (!cursor_match(&c, "TFL3", 4))
		return error_set(o->err, EBADMSG, "no TFL3 at byte 4");
	if (o->model.flat.failed)
		return 0; /* tflite_leave() says so */
	uint32_t version = (uint32_t)flat_int(&o->model.root, 0, 4, 0);
	if (version != MODEL_VERSION)
		return error_set(o->err, ENOTSUP, "a model of schema version %u, where %d is read", version, MODEL_VERSION);
	snprintf(text, sizeof text, "%u", version);
	tree_attr_json(t, TREE_ROOT, SLICE(ATTR_OWN "version"), slice_text(text));
	struct slice description = flat_string(&o->model.root, MODEL_DESCRIPTION);
	if (description.len)
		tree_attr(t, TREE_ROOT, SLICE(ATTR_OWN "description"), description);
	int r = tflite_show(o);
	if (r == 0)
		show_metadata(o);
	return r;
}

static int tflite_open(struct archive *a, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct tflite_opening o = {.archive = a, .tflite = arena_alloc(&a->arena, sizeof *o.tflite), .scratch = &scratch, .err = err};
	int r = o.tflite ? tflite_enter(a, &o.model, err) : error_no_memory(err, "the model");
	if (r == 0)
		r = tflite_leave(a, &o.model, read_model(&o), err);
	if (r == 0)
		r = show_files(&o);
	a->priv = o.tflite;
	arena_free(&scratch);
	return r;
}

const struct format format_tflite = {
	.name = "tflite",
	.suffixes = (const char *const[]){".tflite", NULL},
	.probe = tflite_probe,
	.open = tflite_open,
	.read = lazy_read,
	.attrs = tflite_attrs,
	.details = tflite_details,
};
