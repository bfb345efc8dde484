/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "fs/archive/attrs.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/info.h"

static void put_text(struct text *t, const char *member, const char *value)
{
	text_print(t, "%s\"%s\":", t->len > 1 ? "," : "", member);
	text_json(t, slice_text(value));
}

static void put_number(struct text *t, const char *member, uint64_t n)
{
	text_print(t, "%s\"%s\":%" PRIu64, t->len > 1 ? "," : "", member, n);
}

/* --- the archive ----------------------------------------------------------------- */

static void put_archive(struct text *t, struct archive *a)
{
	struct overview s = {0};
	put_text(t, "format", a->format->name);
	if (a->format->overview)
		a->format->overview(a, &s);
	if (s.versioned)
		put_text(t, "version", s.version);
	if (s.writer.len)
		put_text(t, "writer", s.writer.bytes);
	text_free(&s.writer);
	put_number(t, "files", archive_sources(a));
	put_number(t, "bytes", archive_bytes(a));
	if (!info_is_table(a))
		return;
	put_number(t, "rows", info_rows(a));
	if (s.parts)
		put_number(t, s.parts, s.count);
}

struct attributes {
	struct archive *archive;
	struct text *text;
	bool any;
};

static int put_attr(void *arg, const struct attr *attr)
{
	struct attributes *w = arg;
	const struct slice own = SLICE(ATTR_OWN);
	if (attr->name.len < own.len || memcmp(attr->name.data, own.data, own.len) != 0)
		return 0;
	text_add(w->text, w->any ? "," : "");
	w->any = true;
	text_json(w->text, (struct slice){attr->name.data + own.len, attr->name.len - own.len});
	text_add(w->text, ":");
	if (attr->put)
		return attr->put(w->archive, attr, w->text, &(struct error){0});
	if (attr->json)
		text_put(w->text, attr->value);
	else
		text_json(w->text, attr->value);
	return 0;
}

static int put_attrs(struct text *t, const struct mirror_ref *top)
{
	struct attributes w = {.archive = &top->open->archive, .text = t};
	text_add(t, ",\"attributes\":{");
	int r = attrs_walk(w.archive, ino_index(top->ino), top->node, put_attr, &w, &(struct error){0});
	text_add(t, "}");
	return r;
}

/* --- lists ----------------------------------------------------------------------- */

static void put_tally(struct text *t, const char *member, const char *name, const char *counted, const struct tally *of)
{
	text_print(t, ",\"%s\":[", member);
	for (size_t i = 0; i < of->count; i++) {
		text_print(t, "%s{\"%s\":", i ? "," : "", name);
		text_json(t, slice_text(of->ones[i].name));
		text_print(t, ",\"%s\":%" PRIu64 ",\"bytes\":%" PRIu64, counted, of->ones[i].count, of->ones[i].bytes);
		if (of->ones[i].rows)
			text_print(t, ",\"rows\":%" PRIu64, of->ones[i].rows);
		text_add(t, "}");
	}
	text_add(t, "]");
}

static void put_scales(struct text *t, const struct info *i)
{
	text_add(t, ",\"dimensions\":[");
	for (size_t k = 0; k < i->nscales; k++) {
		text_add(t, k ? ",{\"path\":" : "{\"path\":");
		text_json(t, slice_text(i->scales[k].path));
		text_print(t, ",\"size\":%" PRIu64 ",\"unlimited\":%s}", i->scales[k].size, i->scales[k].unlimited ? "true" : "false");
	}
	text_add(t, "]");
}

static void put_largest(struct text *t, const struct info *i)
{
	text_add(t, ",\"largest\":[");
	for (size_t k = 0; k < i->nlargest; k++) {
		const struct item *a = &i->largest[k];
		text_add(t, k ? ",{\"path\":" : "{\"path\":");
		text_json(t, slice_text(a->path));
		put_text(t, "dtype", a->dtype);
		if (*a->shape)
			text_print(t, ",\"shape\":%s", a->shape);
		if (a->type)
			put_text(t, "type", a->type);
		if (a->sized)
			put_number(t, "size", a->bytes);
		text_add(t, "}");
	}
	text_add(t, "]");
}

/* What nobody can know without decoding is left out, and counted. */
static void put_sums(struct text *t, const struct info *i, bool table)
{
	put_number(t, "arrays", i->arrays);
	put_number(t, "array_bytes", i->bytes);
	if (i->unsized)
		put_number(t, "unsized", i->unsized);
	if (!table)
		put_number(t, "parameters", i->parameters);
	if (i->blocks)
		text_print(t, ",\"bits_per_weight\":%.4f", 8 * (double)i->block_bytes / (double)i->blocks);
	put_tally(t, "dtypes", "dtype", "arrays", &i->dtypes);
	put_tally(t, "codecs", "codec", "arrays", &i->codecs);
	if (i->nscales)
		put_scales(t, i);
	if (i->faults + i->refused) {
		put_number(t, "unreadable", i->faults + i->refused);
		put_text(t, "reason", i->why);
	}
}

int info_json(struct info *i, const struct mirror_ref *top, struct text *t)
{
	struct archive *whole = i->below ? NULL : i->archive;
	bool table = whole && info_is_table(whole);
	int r = 0;
	text_add(t, "{");
	put_text(t, "source", i->source);
	put_text(t, "path", i->path);
	if (whole)
		put_archive(t, whole);
	if (!i->archive) {
		put_tally(t, "archives", "format", "archives", &i->formats);
		put_number(t, "other_files", i->files);
		put_number(t, "other_bytes", i->file_bytes);
		put_number(t, "directories", i->directories);
	}
	put_sums(t, i, table);
	if (top->node && top->open)
		r = put_attrs(t, top);
	if (table) {
		text_add(t, ",\"columns\":[");
		text_put(t, text_slice(i->columns));
		text_add(t, "]");
	}
	put_largest(t, i);
	text_add(t, "}\n");
	return r < 0 ? r : i->columns && i->columns->failed ? i->columns->failed : 0;
}
