/* SPDX-License-Identifier: MIT */
/* The checksums of a checkpoint: those of the records of its slices. */
#include "formats/torch/dcp.h"
#include "fs/archive/check.h"
#include "fs/base/list.h"

struct checks {
	const struct dcp *d;
	struct arena *keep;
	struct check *all;
	uint32_t count;
	struct error *err;
};

static int add_member(struct checks *c, struct slice name, uint32_t source, const struct zip_member *m)
{
	struct check *grown = list_grow_in(c->keep, c->all, c->count, sizeof *grown);
	char *full = arena_printf(c->keep, "%.*s: %.*s", (int)name.len, (const char *)name.data, (int)m->name.len, (const char *)m->name.data);
	if (!grown || !full)
		return error_no_memory(c->err, "the checksums of its slices");
	c->all = grown;
	c->all[c->count++] = (struct check){.name = slice_text(full), .source = source, .offset = m->data, .len = m->packed,
					    .codec = m->codec, .size = m->size, .crc32 = m->crc};
	return 0;
}

/* A slice that cannot be read is the fault of its tensor. */
static int add_slice(struct checks *c, struct slice name, const struct dcp_slice *slice)
{
	const struct dcp_file *file = slice ? &c->d->files[slice->file] : NULL;
	struct error why = {0};
	struct zip zip = {0};
	if (!slice || slice->fault || file->fault)
		return 0;
	const struct source *s = archive_source(c->d->a, file->source);
	if (!range_within(slice->offset, slice->length, s->size))
		return 0;
	struct arena scratch = arena_apart(c->keep);
	int r = zip_read_part(s, slice->offset, slice->length, &scratch, &scratch, &zip, &why);
	if (r < 0)
		zip.count = 0;
	r = error_passes(r) ? error_set(c->err, -r, "%s", why.text) : 0;
	for (uint32_t i = 0; r == 0 && i < zip.count; i++)
		if (!zip.members[i].fault && zip.members[i].crc) /* as torch.serialization.skip_data() leaves none */
			r = add_member(c, name, file->source, &zip.members[i]);
	arena_free(&scratch);
	return r;
}

int dcp_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err)
{
	struct checks c = {.d = a->priv, .keep = keep, .err = err};
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < c.d->ntensors; i++)
		for (uint32_t k = 0; r == 0 && k < c.d->tensors[i].nchunks; k++)
			r = add_slice(&c, c.d->tensors[i].name, c.d->tensors[i].chunks[k].slice);
	for (uint32_t i = 0; r == 0 && i < c.d->nvalues; i++)
		r = add_slice(&c, c.d->values[i].name, c.d->values[i].slice);
	*ret = c.all;
	*ret_count = c.count;
	return r;
}
