/* SPDX-License-Identifier: MIT */
/*
 * NumPy's .npz: a zip of .npy files.
 *
 * Shown: the member NAME.npy as NAME, the array of that .npy file; any other member as a
 * file of its bytes.  Stored members are ranges of the source; deflated ones are read
 * through a stream (fs/blocks/stream.h), at any offset.  A member that cannot be read is
 * listed with its error, and the others work.
 *
 * numpy/lib/_npyio_impl.py, NpzFile.
 */
#include "formats/numpy/numpy.h"
#include "formats/shared/zip.h"

static bool is_npy(struct slice name, struct slice *stem)
{
	struct slice end = SLICE(".npy");
	if (name.len < end.len || memcmp(name.data + name.len - end.len, end.data, end.len) != 0)
		return false;
	*stem = (struct slice){name.data, name.len - end.len};
	return true;
}

static bool is_array(const struct peek *p, const struct zip_member *m)
{
	uint8_t head[6];
	struct slice stem;
	struct error err = {0};
	size_t n = 0;
	if (!is_npy(m->name, &stem) || m->fault || m->size < sizeof head)
		return false;
	if (m->method == ZIP_STORED)
		return peek_at(p, m->data, head, sizeof head) && numpy_probe((struct slice){head, sizeof head});
	struct stream s = {.source = p->source, .offset = m->data, .len = m->packed, .codec = zip_codec(m->method), .size = m->size};
	return stream_open(&s, &err) == 0 && stream_prefix(&s, head, sizeof head, &n, &err) == 0 &&
	       numpy_probe((struct slice){head, n});
}

static bool npz_probe(const struct peek *p)
{
	return zip_probe(p) && zip_any(p, is_array);
}

/* --- members ------------------------------------------------------------------ */

static int open_member(struct archive *a, const struct zip_member *m, struct npy_bytes *ret, struct error *err)
{
	*ret = (struct npy_bytes){.offset = m->data, .size = m->size};
	if (m->method == ZIP_STORED)
		return 0;
	struct stream *s = arena_alloc(&a->arena, sizeof *s);
	if (!s)
		return error_set(err, ENOMEM, "no memory for its members");
	s->client = &a->blocks;
	s->blocks = a->options->blocks;
	s->source = &a->source;
	s->offset = m->data;
	s->len = m->packed;
	s->codec = zip_codec(m->method);
	s->size = m->size;
	s->crc32 = m->crc;
	s->has_crc32 = !a->options->no_verify;
	*ret = (struct npy_bytes){.stream = s, .size = m->size};
	return stream_open(s, err);
}

/* Does it begin with NumPy's magic? */
static int look_for_magic(struct archive *a, const struct npy_bytes *bytes, bool *ret, struct error *err)
{
	uint8_t head[6];
	size_t n = sizeof head;
	*ret = false;
	if (bytes->size < n)
		return 0;
	int r = bytes->stream ? stream_prefix(bytes->stream, head, n, &n, err) : source_read(&a->source, bytes->offset, head, n, err);
	*ret = r == 0 && numpy_probe((struct slice){head, n});
	return r;
}

static int show_member(struct archive *a, const struct zip_member *m, struct error *err)
{
	struct slice name = m->name;
	struct npy_bytes bytes = {0};
	struct error why = {0};
	uint32_t id = 0;
	bool array = is_npy(m->name, &name);
	struct tree_path at = tree_path(&a->tree, TREE_ROOT, name, a->options->split);
	if (m->name.len > 0 && m->name.data[m->name.len - 1] == '/' && m->size == 0) {
		tree_dir(&a->tree, at.parent, at.leaf);
		return 0;
	}
	int r = m->fault ? error_set(&why, EIO, "%s", m->fault) : open_member(a, m, &bytes, &why);
	if (r == 0 && !array)
		r = look_for_magic(a, &bytes, &array, &why);
	if (r == 0 && array)
		r = npy_show(a, at.parent, at.leaf, &bytes, &id, &why);
	else if (r == 0)
		r = npy_show_bytes(a, at.parent, at.leaf, &bytes, NULL, &id, &why);
	if (r == -ENOMEM || error_passes(r))
		return error_set(err, -r, "%s", why.text);
	if (r < 0)
		id = tree_fault(&a->tree, at.parent, at.leaf, arena_text(&a->arena, slice_text(why.text)), NULL);
	tree_path_end(&a->tree, &at, id);
	return 0;
}

static int npz_open(struct archive *a, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct zip zip;
	int r = zip_read(&a->source, &scratch, &scratch, &zip, err);
	if (r == 0)
		tree_expect(&a->tree, zip.count);
	for (uint32_t i = 0; r == 0 && i < zip.count && !a->tree.failed; i++)
		r = show_member(a, &zip.members[i], err);
	arena_free(&scratch);
	return r;
}

const struct format format_npz = {
	.name = "npz",
	.suffixes = (const char *const[]){".npz", NULL},
	.serial = true,
	.probe = npz_probe,
	.open = npz_open,
	.read = npy_read,
};
