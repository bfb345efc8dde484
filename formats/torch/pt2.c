/* SPDX-License-Identifier: MIT */
/*
 * What torch.export writes: a zip of
 *
 *	ROOT/archive_format                            "pt2"
 *	ROOT/data/weights/MODEL_weights_config.json    what the weights are called, and where they lie
 *	ROOT/data/weights/weight_N                     the bytes of a storage
 *	ROOT/data/constants/MODEL_constants_config.json, tensor_N    likewise
 *
 * Shown as weights/NAME and constants/NAME; of several models below MODEL/.
 *
 * https://github.com/pytorch/pytorch/blob/v2.13.0/torch/export/pt2_archive/_package.py
 */
#include <inttypes.h>

#include "formats/torch/graph.h"
#include "formats/torch/record.h"
#include "formats/torch/tensor.h"
#include "fs/base/name.h"
#include "fs/values/json.h"

enum { CONFIG_MAX = 100000000, RANK_MAX = 64 };

/* torch/_export/serde/schema.py, ScalarType */
static const char *const types[] = {
	[1] = "uint8", [2] = "int8", [3] = "int16", [4] = "int32", [5] = "int64", [6] = "float16", [7] = "float32", [8] = "float64",
	[9] = "complex32", [10] = "complex64", [11] = "complex128", [12] = "bool", [13] = "bfloat16", [28] = "uint16",
	[29] = "float8_e4m3fn", [30] = "float8_e5m2", [31] = "float8_e4m3fnuz", [32] = "float8_e5m2fnuz", [33] = "float8_e8m0fnu",
	[34] = "uint32", [35] = "uint64",
};

struct export {
	struct torch_file *f;
	const struct torch_zip *zip;
	struct arena scratch;
	bool showing; /* in the second round; in the first, they are met */
	bool several; /* models */
	struct error *err;
};

struct entry {
	struct slice path;
	bool pickled;
	uint64_t type, offset;
	uint64_t sizes[RANK_MAX], strides[RANK_MAX];
	uint32_t rank, nstrides;
};

/* --- the configuration ------------------------------------------------------------------------------ */

/* {"as_int": 3} */
static uint64_t read_int(struct json *j)
{
	struct slice name;
	uint64_t value = 0;
	json_object(j);
	while (json_member(j, &name)) {
		if (slice_equal(name, SLICE("as_int")))
			value = json_u64(j);
		else
			json_skip(j);
	}
	return value;
}

static void read_ints(struct json *j, uint64_t *ret, uint32_t *ret_count)
{
	json_array(j);
	while (json_element(j)) {
		if (*ret_count == RANK_MAX) {
			json_fail(j, "more than 64 dimensions");
			return;
		}
		ret[(*ret_count)++] = read_int(j);
	}
}

static void read_meta(struct json *j, struct entry *e)
{
	struct slice name;
	json_object(j);
	while (json_member(j, &name)) {
		if (slice_equal(name, SLICE("dtype")))
			e->type = json_u64(j);
		else if (slice_equal(name, SLICE("sizes")))
			read_ints(j, e->sizes, &e->rank);
		else if (slice_equal(name, SLICE("strides")))
			read_ints(j, e->strides, &e->nstrides);
		else if (slice_equal(name, SLICE("storage_offset")))
			e->offset = read_int(j);
		else
			json_skip(j);
	}
}

static void read_entry(struct json *j, struct entry *e)
{
	struct slice name, truth;
	json_object(j);
	while (json_member(j, &name)) {
		if (slice_equal(name, SLICE("path_name"))) {
			e->path = json_string(j);
		} else if (slice_equal(name, SLICE("use_pickle"))) {
			truth = json_skip(j);
			e->pickled = slice_equal(truth, SLICE("true"));
		} else if (slice_equal(name, SLICE("tensor_meta")) && json_peek(j) == JSON_OBJECT) {
			read_meta(j, e);
		} else {
			json_skip(j);
		}
	}
}

/* --- a tensor ------------------------------------------------------------------------------------------ */

static int place(struct export *x, const char *folder, const struct entry *e, struct torch_tensor *t, struct error *err)
{
	const char *type = e->type < sizeof types / sizeof *types ? types[e->type] : NULL;
	const struct zip_member *m = torch_record(x->zip, folder, e->path);
	const struct torch_dtype *dtype = type ? torch_dtype(torch_known(SLICE("torch"), slice_text(type))) : NULL;
	*t = (struct torch_tensor){.shape = e->sizes, .strides = e->strides, .rank = e->rank, .offset = e->offset};
	if (e->pickled)
		return error_set(err, EBADMSG, "kept as a pickle, which arrayfs does not read there");
	if (!dtype)
		return error_set(err, EBADMSG, "a type of number %" PRIu64 ", which is unknown", e->type);
	int r = torch_describe(t, dtype, x->f->big_endian, &x->scratch, err);
	if (r < 0)
		return r;
	if (e->rank != e->nstrides)
		return error_set(err, EBADMSG, "%" PRIu32 " strides for %" PRIu32 " dimensions", e->nstrides, e->rank);
	if (!m)
		return error_set(err, EBADMSG, "record %.*s is not in the file", e->path.len < 100 ? (int)e->path.len : 100, e->path.data);
	r = zip_open(x->f->a, x->f->source, m, &t->bytes, err);
	return r < 0 ? (error_passes(r) ? r : -EBADMSG) : torch_finish(t, err);
}

static int meet(struct export *x, const struct torch_tensor *t)
{
	uint32_t number;
	int r = torch_meet(x->f, t, &number, x->err);
	if (r == 0)
		torch_add_links(x->f, number, 1);
	return r;
}

static int take(struct export *x, uint32_t dir, const char *folder, struct slice name, const struct entry *e)
{
	struct torch_tensor t;
	struct error why = {0};
	uint32_t id = 0;
	int r = place(x, folder, e, &t, &why);
	if (!x->showing)
		return r == 0 ? meet(x, &t) : error_passes(r) ? error_set(x->err, -r, "%s", why.text) : 0;
	struct tree_path path = tree_path(&x->f->a->tree, dir, name, x->f->a->options->split);
	r = torch_add(x->f, path.parent, path.leaf, &t, r, &why, &id, x->err);
	tree_path_end(&x->f->a->tree, &path, id);
	return r;
}

/* --- the file -------------------------------------------------------------------------------------------- */

static int read_config(struct export *x, const struct zip_member *m, uint32_t dir, const char *folder)
{
	struct arena scratch = arena_scratch(&x->scratch);
	struct content bytes;
	struct cursor c = {0};
	struct slice name;
	int r = zip_open(x->f->a, x->f->source, m, &bytes, x->err);
	if (r == 0)
		r = content_load(x->f->a, &bytes, &scratch, CONFIG_MAX, &c, x->err);
	if (r == 0 && !utf8_valid((struct slice){c.pos, cursor_left(&c)}))
		r = error_set(x->err, EBADMSG, "its weights' configuration is not UTF-8");
	struct json j = json_over((struct slice){c.pos, cursor_left(&c)}, &scratch);
	if (r == 0)
		json_object(&j);
	while (r == 0 && json_member(&j, &name)) {
		if (!slice_equal(name, SLICE("config"))) {
			json_skip(&j);
			continue;
		}
		json_object(&j);
		while (r == 0 && json_member(&j, &name)) {
			struct entry e = {0};
			read_entry(&j, &e);
			if (!j.failed)
				r = take(x, dir, folder, name, &e);
		}
	}
	if (r == 0)
		r = json_end(&j, x->err, "its weights' configuration");
	arena_free(&scratch);
	return r;
}

static const struct kind {
	const char *folder, *suffix, *shown;
} kinds[] = {
	{"data/weights/", "_weights_config.json", "weights"},
	{"data/constants/", "_constants_config.json", "constants"},
};

/* MODEL, if it is the record of such a configuration. */
static bool is_config(const struct torch_zip *z, const struct zip_member *m, const struct kind *k, struct slice *ret)
{
	size_t before = z->root.len + 1 + strlen(k->folder), behind = strlen(k->suffix);
	if (m->name.len <= before + behind || memcmp(m->name.data + z->root.len + 1, k->folder, strlen(k->folder)) != 0 ||
	    memcmp(m->name.data + m->name.len - behind, k->suffix, behind) != 0)
		return false;
	*ret = (struct slice){m->name.data + before, m->name.len - before - behind};
	return true;
}

static int each_config(struct export *x)
{
	struct slice model, first = {0};
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < x->zip->zip.count; i++) {
		for (size_t k = 0; r == 0 && k < sizeof kinds / sizeof *kinds; k++) {
			const struct zip_member *m = &x->zip->zip.members[i];
			if (!is_config(x->zip, m, &kinds[k], &model))
				continue;
			x->several |= first.data && !slice_equal(first, model);
			first = model;
			uint32_t dir = x->showing && x->several ? tree_dir(&x->f->a->tree, TREE_ROOT, model) : TREE_ROOT;
			if (x->showing)
				dir = tree_dir(&x->f->a->tree, dir, slice_text(kinds[k].shown));
			r = read_config(x, m, dir, kinds[k].folder);
		}
	}
	return r;
}

int torch_pt2_show(struct torch_file *f, const struct torch_zip *z, struct error *err)
{
	struct export x = {.f = f, .zip = z, .scratch = arena_scratch(f->keep), .err = err};
	int r = each_config(&x);
	if (r == 0)
		r = torch_merge_named(f, err);
	x.showing = true;
	if (r == 0)
		r = each_config(&x);
	arena_free(&x.scratch);
	return r;
}
