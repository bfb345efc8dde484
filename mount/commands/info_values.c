/* SPDX-License-Identifier: MIT */
/* The first values of an array, as the views have them. */
#include <string.h>

#include "fs/mirror/open_archives.h"
#include "mount/commands/info.h"

enum { VALUES_BYTES = 512 };

/* Reads the beginning of a view of it; *ret_all: that is all. */
static size_t read_view(struct mirror *m, const struct mirror_ref *ref, enum view_id id, char ret[VALUES_BYTES], bool *ret_all)
{
	struct mirror_ref view;
	struct answer answer;
	struct error err = {0};
	struct stat st;
	size_t n = VALUES_BYTES, got = 0;
	if (mirror_sibling(m, ref, ino_of(ref->ino, id, ino_index(ref->ino)), &view) < 0)
		return 0;
	bool ends = views[id].finds_end && views[id].finds_end(&ref->open->archive, ref->node), known = false;
	if (!ends) {
		known = mirror_stat(m, &view, -1, &st, &err) == 0;
		n = !known ? 0 : st.st_size < VALUES_BYTES ? (size_t)st.st_size : VALUES_BYTES;
	}
	answer_init(&answer);
	if (n && mirror_read(m, &view, -1, 0, n, &answer, &err) == 0 && answer.len <= VALUES_BYTES &&
	    answer_copy(&answer, ret, &err) == 0)
		got = (size_t)answer.len;
	*ret_all = known ? (uint64_t)st.st_size == got : got < VALUES_BYTES;
	answer_close(&answer);
	mirror_put(m, &view);
	return got;
}

/* How values are written: strings in quotes, and in JSON all but numbers. */
struct writing {
	bool json, lines; /* lines: a string each */
	bool numbers;     /* of a type whose text is a number, or nan and the like */
	bool nulls;       /* "-" is null, as no value of the type is written so */
	struct text *text;
};

static struct writing writing_of(const struct array *a, enum view_id id, bool json, struct text *ret)
{
	enum dtype_kind kind = id == VIEW_F32 ? KIND_FLOAT : dtype_kind(a->dtype);
	bool chars = kind == KIND_CHARS || kind == KIND_UNICODE || kind == KIND_RAW || kind == KIND_DIRECTORY;
	bool numbers = kind == KIND_BOOL || kind == KIND_SIGNED || kind == KIND_UNSIGNED || kind == KIND_FLOAT;
	return (struct writing){.json = json, .lines = id == VIEW_LINES, .numbers = numbers && !a->reference, .nulls = !chars, .text = ret};
}

/* Values are separated by spaces for people, and by commas in a list of JSON. */
static void put_value(const struct writing *w, const char *at, const char *end)
{
	struct slice s = {(const uint8_t *)at, (size_t)(end - at)};
	bool null = (w->lines && slice_equal(s, SLICE("\\N"))) || (w->nulls && slice_equal(s, SLICE("-")));
	bool number = w->numbers && s.len && end[-1] >= '0' && end[-1] <= '9';
	text_add(w->text, w->text->len == 0 ? "" : w->json ? "," : " ");
	if (null)
		text_add(w->text, "null");
	else if (w->lines || (w->json && !number))
		text_json(w->text, s);
	else
		text_put(w->text, s);
}

/* Fields are padded with spaces, and strings are lines.  The last one may be cut: it is left out. */
static void put_words(const struct writing *w, const char *at, const char *end, bool all)
{
	for (const char *next; at < end; at = next + 1) {
		for (next = at; next < end && *next != '\n' && (w->lines || *next != ' '); next++)
			;
		if ((w->lines || next > at) && (next < end || all))
			put_value(w, at, next);
	}
}

static void put_floats(const struct writing *w, const char *bytes, size_t n)
{
	for (size_t i = 0; i + sizeof(float) <= n; i += sizeof(float)) {
		struct text one = {0};
		float v;
		memcpy(&v, bytes + i, sizeof v);
		text_float(&one, v);
		bool quoted = one.len > 1 && *one.bytes == '"'; /* NaN and Infinity */
		if (one.bytes)
			put_value(w, one.bytes + quoted, one.bytes + one.len - quoted);
		text_free(&one);
	}
}

/* As what the first values are read: GGML's blocks as numbers. */
static enum view_id view_of(const struct node *n)
{
	if (n->kind == NODE_DIR)
		return view_of_directory(&views[VIEW_TEXT], n);
	if (n->array->quant && n->array->quant->blocks)
		return view_exists(&views[VIEW_F32], n) ? VIEW_F32 : VIEW_NONE;
	return view_exists(&views[VIEW_TEXT], n) ? VIEW_TEXT : VIEW_NONE;
}

void info_values(struct mirror *m, const struct mirror_ref *ref, bool json, struct text *ret)
{
	char bytes[VALUES_BYTES];
	const struct node *n = ref->node;
	bool all = true;
	if (!n->array || n->kind == NODE_FAULT || (n->kind != NODE_DIR && !mirror_size_known(ref)))
		return;
	enum view_id id = view_of(n);
	size_t got = id ? read_view(m, ref, id, bytes, &all) : 0;
	struct writing w = writing_of(n->array, id, json, ret);
	if (id == VIEW_F32)
		put_floats(&w, bytes, got);
	else
		put_words(&w, bytes, bytes + got, all);
	text_add(ret, all || json ? "" : " …");
}
