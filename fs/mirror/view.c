/* SPDX-License-Identifier: MIT */
#include "fs/mirror/impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/blocks/blocks.h"
#include "fs/views/npy.h"
#include "fs/views/text.h"

static const char *const suffixes[] = {[VIEW_NPY] = ".npy", [VIEW_TEXT] = ".txt", [VIEW_JSON] = ".json"};

struct mirror_ref view_plain(const struct mirror_ref *ref)
{
	struct mirror_ref plain = *ref;
	plain.ino = ino_of(ref->ino, VIEW_NONE, ino_view(ref->ino) == VIEW_TOP ? TREE_ROOT : ino_index(ref->ino));
	return plain;
}

/* --- which files there are ---------------------------------------------- */

/* As many in all as the kernel follows on the way to a file: links that name one
 * another many times would otherwise multiply. */
enum { LINKS_MAX = 40 };

/* What a link in the archive leads to; 0 if to nothing in it. */
static uint32_t follow(struct archive *a, uint32_t index, unsigned *links)
{
	const struct tree *t = &a->tree;
	const struct node *n = tree_node(t, index);
	const char *rest = n->target;
	if (++*links > LINKS_MAX || *rest == '/')
		return 0;
	index = n->parent;
	for (size_t len; *rest; rest += len + (rest[len] == '/')) {
		len = strcspn(rest, "/");
		n = tree_node(t, index);
		if (len == 0 || (len == 1 && *rest == '.'))
			continue;
		if (n->kind != NODE_DIR || archive_fill(a, index, NULL) < 0)
			return 0;
		if (len == 2 && memcmp(rest, "..", 2) == 0)
			index = n->parent;
		else
			index = tree_resolve(t, tree_find(t, n, index, (struct slice){(const uint8_t *)rest, len}));
		n = index ? tree_node(t, index) : NULL;
		if (n && n->kind == NODE_LINK)
			index = follow(a, index, links);
		if (!index || !n)
			return 0;
	}
	return index;
}

const char *view_suffix(struct archive *a, enum view view, uint32_t index)
{
	const struct node *n = tree_node(&a->tree, index);
	if (n->kind == NODE_LINK) {
		unsigned links = 0;
		index = follow(a, index, &links);
		n = index ? tree_node(&a->tree, index) : NULL;
	}
	if (!n)
		return NULL;
	if (n->kind == NODE_DIR)
		return "";
	if (view == VIEW_NPY && !(n->array && view_npy_exists(n->array)))
		return NULL;
	if (view == VIEW_TEXT && !(n->array && view_text_width(n->array)))
		return NULL;
	return suffixes[view];
}

/* --- names --------------------------------------------------------------- */

static int as_view(struct mirror *m, const struct mirror_ref *ref, enum view view, uint32_t index, struct mirror_ref *ret)
{
	mirror_copy(m, ref, ret);
	ret->ino = ino_of(ref->ino, view, index);
	return 0;
}

static int lookup_top(struct mirror *m, const struct mirror_ref *top, struct slice name, struct mirror_ref *ret)
{
	if (ino_index(top->ino) != TOP_DIR)
		return -ENOTDIR;
	if (slice_equal(name, SLICE("npy")))
		return as_view(m, top, VIEW_NPY, TREE_ROOT, ret);
	if (slice_equal(name, SLICE("text")))
		return as_view(m, top, VIEW_TEXT, TREE_ROOT, ret);
	if (slice_equal(name, SLICE("json")))
		return as_view(m, top, VIEW_JSON, TREE_ROOT, ret);
	if (slice_equal(name, SLICE("archive.json")))
		return as_view(m, top, VIEW_TOP, TOP_ARCHIVE, ret);
	if (slice_equal(name, SLICE("stats.json")))
		return as_view(m, top, VIEW_TOP, TOP_STATS, ret);
	if (slice_equal(name, SLICE("log.txt")))
		return as_view(m, top, VIEW_TOP, TOP_LOG, ret);
	return -ENOENT;
}

static bool is_dir(const struct mirror_ref *ref)
{
	return ref->open ? ref->node->kind == NODE_DIR : S_ISDIR(ref->dentry->type);
}

/* A link that is shown as it stands: what it leads to keeps its name, too. */
static bool is_plain_link(const struct mirror_ref *ref, enum view view)
{
	if (!ref->open)
		return S_ISLNK(ref->dentry->type);
	const char *suffix = ref->node->kind == NODE_LINK ? view_suffix(&ref->open->archive, view, ino_index(ref->ino)) : NULL;
	return suffix && !*suffix;
}

/* The file that the view has of a node, whose name came with the suffix. */
static bool has_file(const struct mirror_ref *ref, enum view view)
{
	if (view == VIEW_JSON && is_dir(ref))
		return true;
	const char *suffix = ref->open ? view_suffix(&ref->open->archive, view, ino_index(ref->ino)) : NULL;
	return suffix && *suffix;
}

int view_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err)
{
	enum view view = ino_view(dir->ino);
	struct mirror_ref plain = view_plain(dir);
	*ret = (struct mirror_ref){0};
	atomic_store(&m->viewed, true);
	if (view == VIEW_NONE)
		return as_view(m, dir, VIEW_TOP, TOP_DIR, ret);
	if (view == VIEW_TOP)
		return lookup_top(m, dir, name, ret);
	if (view == VIEW_JSON_FILE || !is_dir(&plain))
		return -ENOTDIR;
	if (plain.ino == TREE_ROOT && slice_equal(name, SLICE(".arrayfs")))
		return -ENOENT;

	int r = plain_lookup(m, &plain, name, ret, err);
	if (r == 0 && (is_dir(ret) || is_plain_link(ret, view))) {
		ret->ino = ino_of(ret->ino, view, ino_index(ret->ino));
		return 0;
	}
	if (r == 0)
		mirror_put(m, ret);
	size_t n = strlen(suffixes[view]);
	if (name.len <= n || memcmp(name.data + name.len - n, suffixes[view], n) != 0)
		return -ENOENT;
	r = plain_lookup(m, &plain, (struct slice){name.data, name.len - n}, ret, err);
	if (r == 0 && !has_file(ret, view)) {
		mirror_put(m, ret);
		return -ENOENT;
	}
	if (r == 0)
		ret->ino = ino_of(ret->ino, view == VIEW_JSON ? VIEW_JSON_FILE : view, ino_index(ret->ino));
	return r;
}

/* --- JSON (json.c) ------------------------------------------------- */

/* Figures change from look to look: they come at once, or not at all. */
static int read_stats(struct mirror *m, uint64_t offset, uint64_t len, struct answer *ret)
{
	struct text t = {0};
	uint8_t *own;
	if (offset > 0)
		return 0;
	mirror_stats(m, &t);
	int r = t.failed ? t.failed : answer_own(ret, t.len, &own);
	if (r == 0)
		memcpy(own, t.bytes, t.len);
	if (r == 0)
		answer_cut(ret, len);
	text_free(&t);
	return r;
}

static bool is_json(uint64_t ino)
{
	return ino_view(ino) == VIEW_JSON_FILE || (ino_view(ino) == VIEW_TOP && ino_index(ino) != TOP_DIR);
}

/* --- files --------------------------------------------------------------- */

static struct archive *archive_of(const struct mirror_ref *ref)
{
	return &ref->open->archive;
}

static int npy_header(const struct mirror_ref *ref, struct text *ret, uint64_t *ret_size, struct error *err)
{
	int r = archive_size(archive_of(ref), ref->node, ret_size, err);
	if (r == 0)
		view_npy_header(ref->node->array, *ret_size, ret);
	return r ? r : ret->failed;
}

static int read_npy(const struct mirror_ref *ref, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct text header = {0};
	struct answer data;
	uint64_t size;
	uint8_t *own;
	int r = npy_header(ref, &header, &size, err);
	size_t n = r == 0 && offset < header.len ? header.len - (size_t)offset : 0, length = header.len;
	n = n < len ? n : (size_t)len;
	if (r < 0 || n == 0) {
		text_free(&header);
		return r < 0 ? r : archive_read(archive_of(ref), ref->node, offset - length, len, ret, err);
	}
	if (n < len) { /* archive_read() begins anew where it fails, so the bytes come first */
		answer_init(&data);
		r = archive_read(archive_of(ref), ref->node, 0, len - n, &data, err);
		if (r == 0)
			r = answer_own(ret, n, &own);
		if (r == 0)
			memcpy(own, header.bytes + offset, n);
		if (r == 0)
			r = answer_move(ret, &data);
		answer_close(&data);
	} else {
		r = answer_own(ret, n, &own);
		if (r == 0)
			memcpy(own, header.bytes + offset, n);
	}
	text_free(&header);
	return r;
}

static int file_size(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret, struct error *err)
{
	struct text header = {0};
	int r;
	*ret = 0;
	if (is_json(ref->ino))
		return ino_live(ref->ino) ? 0 : json_size(m, ref, ret, err);
	if (ino_view(ref->ino) == VIEW_NPY) {
		r = npy_header(ref, &header, ret, err);
		*ret += header.len;
		text_free(&header);
		return r;
	}
	return view_text_size(archive_of(ref), ref->node, ret, err);
}

int view_stat(struct mirror *m, const struct mirror_ref *ref, struct stat *ret, struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	bool directory = is_dir(&plain) && !is_json(ref->ino);
	uint64_t size;
	int r = plain_stat(m, &plain, -1, ret, err);
	if (r < 0)
		return r;
	ret->st_ino = mirror_number(m, ref, ref->ino);
	if (ref->open && ref->open->archive.format->ordinal)
		ret->st_nlink = 1; /* each archive has views of its own */
	if (directory)
		return 0;
	if (S_ISLNK(ret->st_mode)) {
		char target[PATH_MAX];
		r = view_readlink(m, ref, target, err);
		size = r < 0 ? 0 : strlen(target);
	} else {
		ret->st_mode = S_IFREG | (ret->st_mode & 0444);
		if (ref->ino == LOG_INO)
			ret->st_mode = S_IFREG | 0400, ret->st_uid = geteuid(), ret->st_gid = getegid();
		r = file_size(m, ref, &size, err);
	}
	if (r == -EIO || r == -EBADMSG || r == -ENOTSUP || r == -ENOMEM || r == -ENAMETOOLONG)
		r = 0, size = 0; /* shown as empty; opening it fails, as the array's own does */
	ret->st_size = (off_t)size;
	ret->st_blocks = (blkcnt_t)(size / 512 + (size % 512 != 0));
	return r;
}

int view_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	enum view view = ino_view(ref->ino) == VIEW_JSON_FILE ? VIEW_JSON : ino_view(ref->ino);
	(void)m;
	int r = view == VIEW_TOP ? -EINVAL : plain_readlink(&plain, ret, err);
	const char *suffix = r == 0 && ref->open ? view_suffix(archive_of(ref), view, ino_index(ref->ino)) : NULL;
	if (suffix && strlen(ret) + strlen(suffix) < PATH_MAX)
		strcat(ret, suffix);
	return r;
}

int view_open_file(const struct mirror_ref *ref, struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	uint64_t size;
	if (is_json(ref->ino))
		return 0;
	return is_dir(&plain) ? -EISDIR : ref->open ? archive_size(archive_of(ref), ref->node, &size, err) : -EINVAL;
}

int view_read(struct mirror *m, const struct mirror_ref *ref, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	if (ref->ino == STATS_INO)
		return read_stats(m, offset, len, ret);
	if (ref->ino == LOG_INO)
		return 0;
	if (is_json(ref->ino))
		return json_read(m, ref, offset, len, ret, err);
	if (is_dir(&plain))
		return -EISDIR;
	if (!ref->open || ref->node->kind == NODE_LINK)
		return -EINVAL;
	return ino_view(ref->ino) == VIEW_NPY ? read_npy(ref, offset, len, ret, err)
					      : view_text_read(archive_of(ref), ref->node, offset, len, ret, err);
}
