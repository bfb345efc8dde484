/* SPDX-License-Identifier: MIT */
/* The members of a zip, of which some are archives. */
#include "formats/keras/keras.h"

#include <stdio.h>

#include "formats/formats.h"
#include "formats/shared/content.h"
#include "formats/shared/lazy.h"

extern const struct format format_archives, format_known;

const struct format *keras_identify(const struct peek *p)
{
	for (const struct format *const *f = formats; *f; f++)
		if (*f != &format_archives && *f != &format_known && (*f)->probe && !(*f)->text && (*f)->probe(p))
			return *f;
	return NULL;
}

/* --- the tree ----------------------------------------------------------------------- */

static int show_fault(struct archive *a, const struct zip_member *m, const struct tree_path *at, int code, struct error *why,
		      uint32_t *ret)
{
	*ret = tree_fault(&a->tree, at->parent, at->leaf, why->text, NULL);
	if (code == -ENOTSUP)
		tree_sound(&a->tree, *ret);
	if (*ret && m->data && m->size <= INT64_MAX)
		tree_edit(&a->tree, *ret)->size = m->size;
	return 0;
}

/* As far as the head shows it: for a compressed member. */
static int identify_head(struct archive *a, const struct content *bytes, const struct format **ret, struct error *err)
{
	struct peek p = {.size = bytes->size};
	size_t n = 0;
	int r = content_head(a, bytes, p.bytes, sizeof p.bytes, &n, err);
	struct source head = source_memory((struct slice){p.bytes, n});
	p.source = &head;
	p.head = cursor_over((struct slice){p.bytes, n});
	*ret = r == 0 ? keras_identify(&p) : NULL;
	return r;
}

/* An archive that is compressed is a directory, too, but nothing in it is read. */
static int show_packed(struct archive *a, const struct tree_path *at, const struct content *bytes, uint32_t *ret, struct error *err)
{
	const struct format *f;
	char sentence[160];
	int r = identify_head(a, bytes, &f, err);
	if (r == 0 && !f)
		return content_show(a, at->parent, at->leaf, bytes, NULL, ret, err);
	if (r < 0)
		return r;
	snprintf(sentence, sizeof sentence, "an archive of format %s that is compressed in the zip (%s): only stored ones are read there",
		 f->name, content_codec(bytes));
	*ret = tree_open_dir(&a->tree, at->parent, at->leaf, NULL);
	tree_error(&a->tree, tree_sound(&a->tree, *ret), sentence);
	return 0;
}

static int show_member(struct archive *a, const struct zip_member *m, struct error *err)
{
	struct content bytes = {0};
	struct error why = {0};
	uint32_t id = 0;
	struct tree_path at = tree_path(&a->tree, TREE_ROOT, m->name, 0);
	if (zip_is_directory(m)) {
		tree_dir(&a->tree, at.parent, at.leaf);
		return 0;
	}
	int r = zip_open(a, 0, m, &bytes, &why);
	bool stored = r == 0 && !bytes.stream;
	if (stored)
		r = graft_add(a, at.parent, at.leaf, formats, 0, bytes.offset, bytes.size, &id, &why);
	else if (r == 0)
		r = show_packed(a, &at, &bytes, &id, &why);
	if (r < 0 && !stored && !error_passes(r))
		r = show_fault(a, m, &at, r, &why, &id);
	if (r < 0)
		return error_set(err, -r, "%s", why.text);
	tree_path_end(&a->tree, &at, id);
	return 0;
}

int keras_open(struct archive *a, struct error *err)
{
	return zip_show(a, show_member, err);
}

int keras_list(struct archive *a, uint32_t dir, struct error *err)
{
	const struct attr *why = graft_has(a, dir) ? NULL : node_error(tree_node(&a->tree, dir));
	return why ? error_set(err, EIO, "%.*s", (int)why->value.len, (const char *)why->value.data) : graft_list(a, dir, err);
}

/* --- bytes --------------------------------------------------------------------------- */

int keras_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	bool inner = graft_has(a, tree_index(&a->tree, n));
	return (inner ? graft_read : lazy_read)(a, n, offset, len, ret, err);
}

int keras_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err)
{
	int r = zip_checks(a, keep, ret, ret_count, err);
	return r == 0 ? graft_checks(a, keep, ret, ret_count, err) : r;
}
