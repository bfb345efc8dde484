/* SPDX-License-Identifier: MIT */
/* A checkpoint's values that are no tensors: attributes of the root, read when asked for. */
#include "formats/torch/dcp.h"

/* The largest value that is shown as an attribute, and the largest pickle of one; how much of all is remembered. */
enum { VALUE_MAX = 64 << 10, PICKLE_MAX = 16 << 20, KEPT_MAX = 1 << 20 };

/* Reads the value: text as it stands, or JSON. */
static int read_value(const struct dcp *d, const struct dcp_value *v, struct text *ret, bool *ret_json, struct error *err)
{
	struct dcp_opened o;
	if (!v->slice)
		return error_set(err, EIO, "no slice has the value %.*s", v->name.len < 80 ? (int)v->name.len : 80, (const char *)v->name.data);
	const struct dcp_file *file = &d->files[v->slice->file];
	if (!file->fault && !archive_opens_to_all(d->a, file->source))
		return error_set(err, EACCES, "%.*s may be read by fewer than its .metadata", file->path.len < 80 ? (int)file->path.len : 80,
				 (const char *)file->path.data);
	int r = dcp_slice_load(d, v->slice, PICKLE_MAX, &o, err);
	if (r == 0)
		r = torch_put_value(&o.file, o.file.pickle.root, ret, ret_json, err);
	arena_free(&o.scratch);
	return r;
}

static struct slice full_name(struct arena *arena, struct slice name)
{
	const size_t own = strlen(ATTR_OWN);
	uint8_t *full = arena_alloc(arena, own + name.len + 1);
	if (full) {
		memcpy(full, ATTR_OWN, own);
		memcpy(full + own, name.data, name.len);
	}
	return (struct slice){full, own + name.len};
}

/* Keeps it, as long as all that are kept are few. */
static void keep(struct dcp *d, struct dcp_value *v, const struct attr *attr)
{
	pthread_mutex_lock(&d->a->lock);
	size_t bytes = sizeof *attr + attr->name.len + attr->value.len + 2;
	if (!atomic_load(&v->told) && d->kept + bytes <= KEPT_MAX) {
		struct attr *kept = arena_alloc(&d->a->arena, sizeof *kept);
		const char *name = arena_text(&d->a->arena, attr->name), *value = arena_text(&d->a->arena, attr->value);
		if (kept && name && value) {
			*kept = *attr;
			kept->name.data = (const uint8_t *)name;
			kept->value.data = (const uint8_t *)value;
			d->kept += bytes;
			atomic_store(&v->told, kept);
		}
	}
	pthread_mutex_unlock(&d->a->lock);
}

static int tell(struct dcp *d, struct dcp_value *v, attrs_each *each, void *arg, struct error *err)
{
	const struct attr *told = atomic_load(&v->told);
	if (told)
		return each(arg, told);
	struct arena scratch = arena_apart(&d->a->arena);
	struct text text = {.limit = VALUE_MAX};
	struct attr attr = {.name = full_name(&scratch, v->name)};
	bool json = false;
	int r = attr.name.data ? read_value(d, v, &text, &json, err) : error_no_memory(err, "its attributes");
	if (r == 0 && text.failed && text.failed != -E2BIG)
		r = error_set(err, -text.failed, "no memory for its attributes");
	if (r == 0 && !text.failed) {
		attr.value = text_slice(&text);
		attr.json = json;
		keep(d, v, &attr);
		r = each(arg, &attr);
	}
	text_free(&text);
	arena_free(&scratch);
	return r;
}

int dcp_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err)
{
	struct dcp *d = a->priv;
	struct error none = {0};
	int failed = 0;
	(void)n;
	for (uint32_t i = 0; index == TREE_ROOT && i < d->nvalues; i++) {
		int r = tell(d, &d->values[i], each, arg, failed ? &none : err);
		if (r > 0)
			return r;
		failed = failed ? failed : r; /* the others are reported all the same */
	}
	return failed;
}
