/* SPDX-License-Identifier: MIT */
/*
 * MessagePack: one object, each with a header that gives its kind and length, without any frame.
 *
 *	83                            a map of 3 pairs
 *	   a3 'l' 'r' '0'  ca 3d cc cc cd                        "lr0": 0.1
 *	   a1 'w'          c7 LENGTH 01 [[2, 3], "float32", bytes]   "w": an array of Flax's
 *	   a1 'v'          85 c4 2 "nd" c3 …                     "v": one of msgpack-numpy's
 *
 * Shown: maps as directories, arrays as their bytes, other values as files of one element; lists as
 * arrays or columns if what they hold is of one kind (list.c), else as directories `0`, `1` …
 * Nothing is left out.
 *
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 */
#include "formats/msgpack/impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "formats/shared/msgpack_json.h"

enum { KEY_MOST = 1 << 16, SCRATCH_KEPT = 1 << 18 };

/* A directory that is being filled: a map's, or a numbered list's. */
struct frame {
	uint32_t dir, index;
	bool map;
};

struct walk {
	struct msgpack_doc d;
	struct frame frames[MSGPACK_DEPTH];
};

/* The name that a key gives: strings and binaries as they are. */
static int read_key(struct msgpack_doc *d, const struct msgpack_object *key, struct slice *ret)
{
	if (key->kind == MSGPACK_STR || key->kind == MSGPACK_BIN) {
		if (key->len > KEY_MOST)
			return error_set(d->err, ENOTSUP, "a key of %" PRIu64 " bytes at byte %" PRIu64 "; at most %d are read", key->len, key->at,
					 KEY_MOST);
		*ret = msgpack_word(d, key, KEY_MOST);
		return d->m.failed;
	}
	struct text text = {.limit = KEY_MOST};
	msgpack_json(&d->m, d->scratch, key, &text);
	int r = d->m.failed;
	if (r == 0 && text.failed)
		r = error_set(d->err, ENOTSUP, "a key of more than %d bytes at byte %" PRIu64, KEY_MOST, key->at);
	char *kept = r == 0 ? arena_text(d->scratch, text_slice(&text)) : NULL;
	*ret = (struct slice){(const uint8_t *)kept, text.len};
	text_free(&text);
	return r == 0 && !kept ? error_no_memory(d->err, "a key") : r;
}

/* Adds a value.  If it is a directory of what it holds, the walk goes on there. */
static int show(struct walk *w, uint32_t parent, struct slice name, const struct msgpack_object *o, uint32_t *ret)
{
	struct msgpack_doc *d = &w->d;
	struct msgpack_array array;
	int r = msgpack_array_read(d, o, &array);
	if (r)
		return r < 0 ? r : msgpack_array_show(d, parent, name, &array, ret);
	if (o->kind < MSGPACK_ARRAY)
		return msgpack_value_show(d, parent, name, o, ret);
	if (o->kind == MSGPACK_ARRAY && (r = msgpack_list_show(d, parent, name, o, ret)))
		return r < 0 ? r : 0;
	bool map = o->kind == MSGPACK_MAP;
	*ret = map ? tree_dir(&d->a->tree, parent, name) : tree_branch(&d->a->tree, parent, name);
	if (o->len)
		w->frames[o->depth] = (struct frame){*ret, 0, map};
	return 0;
}

static int show_pair(struct walk *w, struct frame *f, const struct msgpack_object *key)
{
	struct msgpack_doc *d = &w->d;
	struct tree *t = &d->a->tree;
	struct msgpack_object value;
	struct slice name;
	uint32_t id = 0;
	int r = read_key(d, key, &name);
	if (r < 0 || !msgpack_next(&d->m, &value))
		return r < 0 ? r : d->m.failed;
	struct tree_path path = tree_path(t, f->dir, name, d->a->options->split);
	r = show(w, path.parent, path.leaf, &value, &id);
	tree_path_end(t, &path, id);
	return r;
}

static int show_element(struct walk *w, struct frame *f, const struct msgpack_object *o)
{
	char name[12];
	uint32_t id;
	snprintf(name, sizeof name, "%u", f->index++);
	return show(w, f->dir, slice_text(name), o, &id);
}

/* All that is below the root, whose header was read. */
static int show_all(struct walk *w)
{
	struct msgpack_doc *d = &w->d;
	struct arena scratch = arena_scratch(&d->a->arena);
	struct msgpack_object o;
	int r = 0;
	d->scratch = &scratch;
	while (r == 0 && d->m.depth > 0 && d->a->tree.failed == 0 && msgpack_next(&d->m, &o)) {
		struct frame *f = &w->frames[o.depth - 1];
		r = f->map ? show_pair(w, f, &o) : show_element(w, f, &o);
		if (scratch.used > SCRATCH_KEPT) {
			arena_free(&scratch);
			scratch = arena_scratch(&d->a->arena);
		}
	}
	arena_free(&scratch);
	return r < 0 ? r : d->m.failed;
}

/* What the file holds: a directory of its own, or one array called `data`. */
static int show_root(struct walk *w, const struct msgpack_object *root)
{
	struct msgpack_doc *d = &w->d;
	struct arena scratch = arena_scratch(&d->a->arena);
	struct msgpack_array array;
	uint32_t id;
	d->scratch = &scratch;
	int r = msgpack_array_read(d, root, &array);
	if (r > 0 && (r = msgpack_array_show(d, TREE_ROOT, SLICE("data"), &array, &id)) == 0)
		r = 1;
	else if (r == 0 && root->kind == MSGPACK_ARRAY && (r = msgpack_table_list(d, root)) == 0)
		r = msgpack_list_show(d, TREE_ROOT, SLICE("data"), root, &id);
	if (r == 0)
		w->frames[0] = (struct frame){TREE_ROOT, 0, root->kind == MSGPACK_MAP};
	arena_free(&scratch);
	return r < 0 ? r : show_all(w);
}

static int open_walk(struct walk *w, struct error *err)
{
	struct msgpack_doc *d = &w->d;
	struct msgpack_object root, next;
	msgpack_init(&d->m, &d->a->source, 0, d->a->source.size, d->window, err);
	if (!msgpack_next(&d->m, &root))
		return d->m.failed ? d->m.failed : error_set(err, EBADMSG, "an empty file");
	if (root.kind < MSGPACK_ARRAY)
		return error_set(err, ENOTSUP, "MessagePack that begins with neither a map nor a list");
	if (!msgpack_skip(&d->m, &root))
		return d->m.failed;
	uint64_t end = d->m.at;
	if (end < d->m.end && root.kind == MSGPACK_MAP && msgpack_next(&d->m, &next) && next.kind == MSGPACK_MAP) {
		return msgpack_table_stream(d->a, &(struct records_bytes){.a = d->a, .size = d->a->source.size}, err);
	}
	if (end < d->m.end)
		return error_set(err, EBADMSG, "%" PRIu64 " bytes behind the last object, at byte %" PRIu64, d->m.end - end, end);
	msgpack_rewind(&d->m, &root);
	return show_root(w, &root);
}

static int msgpack_open(struct archive *a, struct error *err)
{
	struct records_bytes bytes;
	int b = records_bytes_open(a, &bytes, err);
	if (b < 0 || bytes.stream)
		return b < 0 ? b : msgpack_table_stream(a, &bytes, err);
	struct arena scratch = arena_scratch(&a->arena);
	struct walk *w = arena_alloc(&scratch, sizeof *w);
	int r = w ? 0 : error_no_memory(err, "its objects");
	if (r == 0) {
		w->d.a = a;
		w->d.keep = &a->arena;
		w->d.err = err;
		r = open_walk(w, err);
	}
	arena_free(&scratch);
	return r;
}

static const char *const suffixes[] = {".msgpack", ".mpk", ".mp", NULL};

/* Compressed records, and what the user says are records. */
static bool msgpack_claims(const struct peek *p, const char *name, const struct archive_options *options)
{
	struct records_peek inner;
	if (options->records.kind)
		return strcmp(options->records.kind, "msgpack") == 0;
	records_peek(p, name, &inner);
	return inner.head.data == inner.bytes && records_named(&inner, suffixes);
}

const struct format format_msgpack = {
	.name = "msgpack",
	.suffixes = suffixes,
	.probe = msgpack_probe,
	.claims = msgpack_claims,
	.open = msgpack_open,
	.size = records_size,
	.read = lazy_read,
};
