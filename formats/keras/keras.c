/* SPDX-License-Identifier: MIT */
/*
 * What Keras 3 saves: a zip of
 *
 *	metadata.json       the version of Keras, and when it was saved
 *	config.json         the model, as code that builds it would have it
 *	model.weights.h5    its variables and those of the optimizer; or model.weights.npz
 *	assets/…            files of layers, vocabularies for example
 *
 * all of them stored.  Shown: the members; the weights as what they are.
 *
 * https://github.com/keras-team/keras/blob/v3.15.1/keras/src/saving/saving_lib.py
 */
#include "formats/keras/keras.h"
#include "fs/base/name.h"
#include "fs/values/json.h"

enum { CONFIG = 1, METADATA = 2, WEIGHTS = 4, ALL = 7, MEMBERS = 10000 };

enum { METADATA_MOST = 1 << 16 }; /* bytes of metadata.json that are read */

struct found {
	unsigned what, members;
};

static int find(void *arg, const struct peek *p, struct zip_member *m, uint64_t end)
{
	struct found *f = arg;
	(void)p, (void)end;
	f->what |= slice_equal(m->name, SLICE("config.json")) ? CONFIG : 0u;
	f->what |= slice_equal(m->name, SLICE("metadata.json")) ? METADATA : 0u;
	f->what |= slice_equal(m->name, SLICE("model.weights.h5")) || slice_equal(m->name, SLICE("model.weights.npz")) ? WEIGHTS : 0u;
	return f->what == ALL || ++f->members == MEMBERS;
}

/* "keras_version" of metadata.json, which is as stored as all else. */
static void put_writer(struct slice text, struct arena *scratch, struct text *ret)
{
	struct json j = json_over(text, scratch);
	struct slice name;
	json_object(&j);
	while (json_member(&j, &name)) {
		bool version = slice_equal(name, SLICE("keras_version")) && json_peek(&j) == JSON_STRING;
		struct slice value = version ? json_string(&j) : json_skip(&j);
		if (version && value.len && !ret->len) {
			text_add(ret, "Keras ");
			text_put(ret, value);
		}
	}
}

static void keras_overview(struct archive *a, struct overview *ret)
{
	struct arena scratch = arena_apart(&a->arena);
	const struct tree *t = &a->tree;
	const struct node *n = tree_node(t, tree_find(t, tree_node(t, TREE_ROOT), TREE_ROOT, SLICE("metadata.json")));
	struct cursor c;
	if (n && n->kind == NODE_RANGE && n->source == 0 && n->size <= METADATA_MOST &&
	    source_load(&a->source, &scratch, n->offset, n->size, &c, NULL) == 0) {
		struct slice text = {c.pos, cursor_left(&c)};
		if (utf8_valid(text))
			put_writer(text, &scratch, &ret->writer);
	}
	arena_free(&scratch);
}

static bool keras_probe(const struct peek *p)
{
	struct cursor head = p->head;
	struct found f = {0};
	return cursor_match(&head, "PK\3\4", 4) && zip_each(p, find, &f) >= 0 && f.what == ALL;
}

const struct format format_keras = {
	.name = "keras",
	.suffixes = (const char *const[]){".keras", NULL},
	.probe = keras_probe,
	.overview = keras_overview,
	KERAS_MEMBERS,
};
