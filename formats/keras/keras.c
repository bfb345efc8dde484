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

enum { CONFIG = 1, METADATA = 2, WEIGHTS = 4, ALL = 7, MEMBERS = 10000 };

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
	KERAS_MEMBERS,
};
