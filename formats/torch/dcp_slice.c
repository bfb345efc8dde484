/* SPDX-License-Identifier: MIT */
/* Slices of a checkpoint: each is a file of torch.save(), with one value. */
#include <inttypes.h>
#include <stdio.h>

#include "formats/torch/dcp.h"
#include "formats/torch/storage.h"

/* Of one tensor: its pickle has a few hundred bytes. */
enum { TENSOR_MAX = 64 << 10 };

/* A record of the slice, as it stands in the file. */
static int find_record(const struct dcp_opened *o, const char *name, struct content *ret, struct error *err)
{
	char whole[4096];
	int n = snprintf(whole, sizeof whole, "%.*s/%s", (int)o->root.len, (const char *)o->root.data, name);
	const struct zip_member *m = n < (int)sizeof whole ? zip_find(&o->zip, slice_text(whole)) : NULL;
	if (!m)
		return error_set(err, EBADMSG, "no record %.100s", name);
	if (m->codec != CODEC_NONE && !m->fault)
		return error_set(err, ENOTSUP, "%.100s is compressed", name);
	return zip_open(o->file.a, o->file.source, m, ret, err);
}

static int find_storage(const struct torch_file *f, struct slice key, struct content *ret, struct error *err)
{
	char name[256];
	if (key.len > sizeof name - 8 || memchr(key.data, '\0', key.len))
		return error_set(err, EBADMSG, "a storage with a long name");
	snprintf(name, sizeof name, "data/%.*s", (int)key.len, (const char *)key.data);
	return find_record(f->storages, name, ret, err);
}

static bool is_big_endian(const struct dcp_opened *o)
{
	uint8_t word[3];
	struct content c;
	struct error none = {0};
	return find_record(o, "byteorder", &c, &none) == 0 && c.size == sizeof word &&
	       content_read(o->file.a, &c, 0, sizeof word, word, NULL, &none) == 0 && memcmp(word, "big", sizeof word) == 0;
}

static int open_zip(const struct dcp *d, const struct dcp_slice *slice, struct dcp_opened *o, struct error *err)
{
	const struct dcp_file *file = &d->files[slice->file];
	const struct source *s = archive_source(d->a, file->source);
	if (!range_within(slice->offset, slice->length, s->size))
		return error_set(err, EIO, "%" PRIu64 " bytes, of a file of %" PRIu64, slice->length, s->size);
	int r = zip_read_part(s, slice->offset, slice->length, &o->scratch, &o->scratch, &o->zip, err);
	if (r < 0)
		return r;
	if (o->zip.count == 0)
		return error_set(err, EBADMSG, "no record data.pkl");
	o->root = o->zip.members[0].name;
	const uint8_t *slash = memchr(o->root.data, '/', o->root.len);
	o->root.len = slash ? (size_t)(slash - o->root.data) : o->root.len;
	return 0;
}

static int read_slice(const struct dcp *d, const struct dcp_slice *slice, uint64_t most, struct dcp_opened *o, struct error *err)
{
	struct torch_file *f = &o->file;
	*f = (struct torch_file){.a = d->a, .source = d->files[slice->file].source, .keep = &o->scratch, .storage = find_storage, .storages = o};
	int r = open_zip(d, slice, o, err);
	if (r == 0)
		r = find_record(o, "data.pkl", &f->data, err);
	if (r < 0)
		return r;
	if (f->data.size > most)
		return error_set(err, ENOTSUP, "a pickle of %" PRIu64 " bytes, over the limit of %" PRIu64, f->data.size, most);
	f->big_endian = is_big_endian(o);
	f->pickle = (struct pickle){.archive = d->a, .in = &f->data, .keep = &o->scratch, .scratch = &o->scratch, .known = torch_known,
				    .persistent = true};
	return pickle_read(&f->pickle, 0, err);
}

int dcp_slice_load(const struct dcp *d, const struct dcp_slice *slice, uint64_t most, struct dcp_opened *ret, struct error *err)
{
	struct error why = {0};
	const struct dcp_file *file = &d->files[slice->file];
	*ret = (struct dcp_opened){.scratch = arena_apart(&d->a->arena)};
	if (slice->fault || file->fault)
		return error_set(err, EIO, "%s", slice->fault ? slice->fault : file->fault);
	int r = read_slice(d, slice, most, ret, &why);
	if (r == 0 || error_passes(r))
		return r == 0 ? 0 : error_set(err, -r, "%s", why.text);
	return error_set(err, EIO, "the slice at byte %" PRIu64 " of %.*s: %s", slice->offset,
			 file->path.len < 80 ? (int)file->path.len : 80, (const char *)file->path.data, why.text);
}

/* Is it what the metadata say? */
static int check_tensor(const struct dcp_tensor *t, const struct dcp_chunk *chunk, const struct torch_tensor *found, struct error *err)
{
	bool same = found->rank == t->rank;
	for (uint32_t i = 0; i < t->rank && same; i++)
		same = found->shape[i] == chunk->sizes[i];
	if (!same)
		return error_set(err, EBADMSG, "its tensor has another shape than the metadata say");
	if (!found->array.type || strcmp(found->array.type, t->dtype->name) != 0)
		return error_set(err, EBADMSG, "its tensor is of %.60s and not, as the metadata say, of %s",
				 found->array.type ? found->array.type : "no type", t->dtype->name);
	if (found->conj || found->neg || found->bytes.stream)
		return error_set(err, ENOTSUP, "its tensor is kept in a way that arrayfs does not join");
	if (found->array.byteorder == BYTEORDER_BIG)
		return error_set(err, ENOTSUP, "its tensor is big-endian, which arrayfs does not join");
	return 0;
}

static int find_tensor(const struct dcp_tensor *t, const struct dcp_chunk *chunk, struct dcp_opened *o, struct torch_tensor *ret,
		       struct error *err)
{
	const struct torch_file *f = &o->file;
	uint32_t node = f->pickle.root;
	if (torch_meaning(f, &node) != TORCH_ARRAY)
		return error_set(err, EBADMSG, "no tensor in it");
	/* Of records alone: other storages are decoded, and would be known to the cache longer than they live here. */
	struct torch_called c = torch_called(f, torch_node(f, node));
	uint32_t storage = torch_arg(f, &c, 0);
	if ((c.known != TORCH_TENSOR && c.known != TORCH_TENSOR_V2 && c.known != TORCH_TENSOR_V3) || !storage ||
	    torch_node(f, storage)->kind != PICKLE_PERSISTENT)
		return error_set(err, ENOTSUP, "its tensor is kept in a way that arrayfs does not join");
	int r = torch_tensor(f, node, &o->scratch, ret, err);
	return r < 0 ? r : check_tensor(t, chunk, ret, err);
}

static struct strided *make_view(const struct dcp *d, const struct dcp_chunk *chunk, const struct torch_tensor *t)
{
	struct strided *view = arena_alloc(&d->a->arena, sizeof *view);
	uint64_t *strides = arena_array(&d->a->arena, t->rank, sizeof *strides);
	if (!view || !strides)
		return NULL;
	memcpy(strides, t->strides, t->rank * sizeof *strides);
	*view = (struct strided){.lazy = {strided_read}, .from = t->bytes, .offset = t->offset, .shape = chunk->sizes, .strides = strides,
				 .rank = t->rank, .width = t->width};
	return view;
}

/* Remembers where the elements are; another thread may do the same. */
static int keep(const struct dcp *d, const struct dcp_chunk *chunk, const struct torch_tensor *t, struct error *err)
{
	struct dcp_slice *slice = chunk->slice;
	int r = 0;
	pthread_mutex_lock(&d->a->lock);
	if (!atomic_load(&slice->data)) {
		if (!strided_in_order(t->shape, t->strides, t->rank) && !(slice->view = make_view(d, chunk, t)))
			r = error_no_memory(err, "the strides of a tensor");
		else
			atomic_store(&slice->data, t->bytes.offset + t->offset);
	}
	pthread_mutex_unlock(&d->a->lock);
	return r;
}

int dcp_slice_open(const struct dcp *d, const struct dcp_tensor *t, const struct dcp_chunk *chunk, struct error *err)
{
	struct dcp_slice *slice = chunk->slice;
	struct error why = {0};
	struct dcp_opened o;
	struct torch_tensor found;
	if (!slice)
		return error_set(err, EIO, "no slice has this chunk");
	if (atomic_load(&slice->data))
		return 0;
	int r = dcp_slice_load(d, slice, TENSOR_MAX, &o, err);
	if (r == 0 && (r = find_tensor(t, chunk, &o, &found, &why)) < 0)
		error_set(err, -r, "the slice at byte %" PRIu64 " of %.80s: %s", slice->offset, (const char *)d->files[slice->file].path.data,
			  why.text);
	if (r == 0)
		r = keep(d, chunk, &found, err);
	arena_free(&o.scratch);
	return r < 0 && !error_passes(r) ? -EIO : r;
}
