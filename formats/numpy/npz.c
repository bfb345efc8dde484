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

static bool npz_probe(const struct peek *p)
{
	return zip_has(p, SLICE(".npy"), SLICE(NUMPY_MAGIC));
}

/* Does it begin with NumPy's magic? */
static int look_for_magic(struct archive *a, const struct content *bytes, bool *ret, struct error *err)
{
	uint8_t head[6];
	size_t n = 0;
	int r = content_head(a, bytes, head, sizeof head, &n, err);
	*ret = r == 0 && numpy_probe((struct slice){head, n});
	return r;
}

/* One file with the reason, also where an array would be several. */
static int show_fault(struct archive *a, const struct zip_member *m, bool array, const struct tree_path *at, int code,
		      struct error *why, uint32_t *ret)
{
	const char *sentence = arena_text(&a->arena, slice_text(why->text));
	if (!sentence)
		return -ENOMEM;
	*ret = tree_fault(&a->tree, at->parent, at->leaf, sentence, NULL);
	if (code == -ENOTSUP)
		tree_sound(&a->tree, *ret);
	/* Bytes of that size, unless they are an array, which only the bytes could show. */
	if (*ret && m->fault && m->data && !array && m->size <= INT64_MAX)
		tree_edit(&a->tree, *ret)->size = m->size;
	return 0;
}

static int show_member(struct archive *a, const struct zip_member *m, struct error *err)
{
	struct slice name = m->name;
	struct content bytes = {0};
	struct error why = {0};
	uint32_t id = 0;
	bool array = is_npy(m->name, &name);
	struct tree_path at = tree_path(&a->tree, TREE_ROOT, name, a->options->split);
	if (zip_is_directory(m)) {
		tree_dir(&a->tree, at.parent, at.leaf);
		return 0;
	}
	int r = zip_open(a, 0, m, &bytes, &why);
	if (r == 0 && !array)
		r = look_for_magic(a, &bytes, &array, &why);
	if (r == 0 && array)
		r = npy_show(a, at.parent, at.leaf, &bytes, &id, &why);
	else if (r == 0)
		r = content_show(a, at.parent, at.leaf, &bytes, NULL, &id, &why);
	if (r < 0 && !error_passes(r))
		r = show_fault(a, m, array, &at, r, &why, &id);
	if (r < 0)
		return error_set(err, -r, "%s", r == -ENOMEM ? "no memory for its members" : why.text);
	tree_path_end(&a->tree, &at, id);
	return 0;
}

static int npz_open(struct archive *a, struct error *err)
{
	return zip_show(a, show_member, err);
}

const struct format format_npz = {
	.name = "npz",
	.suffixes = (const char *const[]){".npz", NULL},
	.serial = true,
	.probe = npz_probe,
	.open = npz_open,
	.read = lazy_read,
	.checks = zip_checks,
};
