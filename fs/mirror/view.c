/* SPDX-License-Identifier: MIT */
#include "fs/mirror/impl.h"

#include <unistd.h>

struct mirror_ref view_plain(const struct mirror_ref *ref)
{
	struct mirror_ref plain = *ref;
	enum view_id view = ino_view(ref->ino);
	plain.ino = ino_of(ref->ino, VIEW_NONE, view == VIEW_TOP || view == VIEW_ORIGINAL ? TREE_ROOT : ino_index(ref->ino));
	return plain;
}

bool view_is_file(uint64_t ino)
{
	enum view_id view = ino_view(ino);
	if (view == VIEW_ORIGINAL)
		return original_is_file(ino_index(ino));
	return view != views[view].directories && (view != VIEW_TOP || ino_index(ino) != TOP_DIR);
}

/* --- which nodes have files --------------------------------------------- */

/* As many links as the kernel follows in a path; links that refer to one another many times
 * would otherwise multiply. */
enum { LINKS_MAX = 40 };

/* The node that a link in the archive leads to; 0 if none. */
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

enum shown view_shows(struct archive *a, const struct view *view, uint32_t index)
{
	const struct node *n = tree_node(&a->tree, index);
	if (n->kind == NODE_LINK) {
		unsigned links = 0;
		index = follow(a, index, &links);
		n = index ? tree_node(&a->tree, index) : NULL;
	}
	if (!n)
		return SHOWN_NOT;
	return n->kind == NODE_DIR ? SHOWN_DIRECTORY : view_exists(view, n) ? SHOWN_FILE : SHOWN_NOT;
}

/* --- names --------------------------------------------------------------- */

const char *view_top_next(uint64_t like, uint64_t *at, uint64_t *ret_ino)
{
	static const char *const files[] = {[TOP_ARCHIVE] = "archive.json", [TOP_STATS] = "stats.json", [TOP_LOG] = "log.txt",
					     [TOP_METRICS] = "metrics", [TOP_STATUS] = "status.json"};
	for (uint64_t i = *at; i < VIEW_IDS + sizeof files / sizeof *files; i++) {
		bool view = i < VIEW_IDS;
		const char *name = !view ? files[i - VIEW_IDS] : i == views[i].directories ? views[i].name : NULL;
		*ret_ino = view ? ino_of(like, (enum view_id)i, TREE_ROOT) : ino_of(like, VIEW_TOP, (uint32_t)i - VIEW_IDS);
		*at = i + 1;
		if (name)
			return name;
	}
	return NULL;
}

static int lookup_top(struct mirror *m, const struct mirror_ref *top, struct slice name, struct mirror_ref *ret)
{
	const char *each;
	uint64_t at = 0, ino;
	if (view_is_file(top->ino))
		return -ENOTDIR;
	while ((each = view_top_next(top->ino, &at, &ino)))
		if (slice_equal(name, slice_text(each))) {
			mirror_copy(m, top, ret);
			ret->ino = ino;
			if (ino_view(ino) == VIEW_ORIGINAL)
				mirror_let_go(m, ret);
			return 0;
		}
	return -ENOENT;
}

static bool is_dir(const struct mirror_ref *ref)
{
	return ref->open ? ref->node->kind == NODE_DIR : S_ISDIR(ref->dentry->type);
}

/* Whether it is a link shown unchanged, since its target's name does not change either. */
static bool is_plain_link(const struct mirror_ref *ref, const struct view *view)
{
	if (!ref->open)
		return S_ISLNK(ref->dentry->type);
	return ref->node->kind == NODE_LINK && view_shows(&ref->open->archive, view, ino_index(ref->ino)) == SHOWN_DIRECTORY;
}

/* Whether the view has a file for the node, whose name came with the suffix. */
static bool has_file(const struct mirror_ref *ref, const struct view *view)
{
	if (is_dir(ref))
		return view_of_directory(view, ref->node) != VIEW_NONE;
	return ref->open && view_shows(&ref->open->archive, view, ino_index(ref->ino)) == SHOWN_FILE;
}

int view_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err)
{
	enum view_id id = ino_view(dir->ino);
	const struct view *view = &views[id];
	struct mirror_ref plain = view_plain(dir);
	*ret = (struct mirror_ref){0};
	atomic_store(&m->viewed, true);
	if (id == VIEW_NONE) {
		mirror_copy(m, dir, ret);
		ret->ino = ino_of(dir->ino, VIEW_TOP, TOP_DIR);
		return 0;
	}
	if (id == VIEW_TOP)
		return lookup_top(m, dir, name, ret);
	if (id == VIEW_ORIGINAL)
		return plain.ino == TREE_ROOT && slice_equal(name, SLICE(".arrayfs")) ? -ENOENT : original_lookup(m, dir, name, ret, err);
	if (view_is_file(dir->ino) || !is_dir(&plain))
		return -ENOTDIR;
	if (plain.ino == TREE_ROOT && slice_equal(name, SLICE(".arrayfs")))
		return -ENOENT;

	int r = plain_lookup(m, &plain, name, ret, err);
	if (r == 0 && (is_dir(ret) || is_plain_link(ret, view))) {
		ret->ino = ino_of(ret->ino, id, ino_index(ret->ino));
		return 0;
	}
	if (r == 0)
		mirror_put(m, ret);
	size_t n = strlen(view->suffix);
	if (name.len <= n || memcmp(name.data + name.len - n, view->suffix, n) != 0)
		return -ENOENT;
	r = plain_lookup(m, &plain, (struct slice){name.data, name.len - n}, ret, err);
	if (r == 0 && !has_file(ret, view)) {
		mirror_put(m, ret);
		return -ENOENT;
	}
	if (r == 0)
		ret->ino = ino_of(ret->ino, is_dir(ret) ? view_of_directory(view, ret->node) : view->files, ino_index(ret->ino));
	return r;
}

/* --- files --------------------------------------------------------------- */

/* Statistics change from read to read, so they come in a single read, at offset 0. */
static int read_live(struct mirror *m, uint64_t ino, uint64_t offset, uint64_t len, struct answer *ret)
{
	struct text t = {0};
	uint8_t *own;
	if (offset > 0 || (ino != STATS_INO && ino != METRICS_INO))
		return 0;
	if (ino == STATS_INO)
		mirror_stats(m, &t);
	else
		mirror_metrics(m, &t);
	int r = t.failed ? t.failed : answer_own(ret, t.len, &own);
	if (r == 0)
		memcpy(own, t.bytes, t.len);
	if (r == 0)
		answer_cut(ret, len);
	text_free(&t);
	return r;
}

/* Whether it is an array that the view has a file for. A file handle may name anything. */
static bool has_bytes(const struct mirror_ref *ref)
{
	const struct view *v = &views[ino_view(ref->ino)];
	return v->read && ref->open && ref->node->kind != NODE_LINK && view_exists(v, ref->node);
}

static int file_size(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret, struct error *err)
{
	const struct view *v = &views[ino_view(ref->ino)];
	*ret = 0;
	if (ino_live(ref->ino))
		return 0;
	if (v->write)
		return written_size(m, ref, ret, err);
	return has_bytes(ref) ? v->size(&ref->open->archive, ref->node, ret, err) : -EINVAL;
}

int view_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err)
{
	if (ino_view(ref->ino) == VIEW_ORIGINAL)
		return original_stat(m, ref, fd, ret, err);
	struct mirror_ref plain = view_plain(ref);
	bool directory = is_dir(&plain) && !view_is_file(ref->ino);
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
		r = 0, size = 0; /* shown as empty; opening it fails, as for the array itself */
	ret->st_size = (off_t)size;
	ret->st_blocks = (blkcnt_t)(size / 512 + (size % 512 != 0));
	return r;
}

int view_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	enum view_id id = ino_view(ref->ino);
	(void)m;
	int r = id == VIEW_TOP || id == VIEW_ORIGINAL ? -EINVAL : plain_readlink(&plain, ret, err);
	if (r == 0 && ref->open && view_shows(&ref->open->archive, &views[id], ino_index(ref->ino)) == SHOWN_FILE &&
	    strlen(ret) + strlen(views[id].suffix) < PATH_MAX)
		strcat(ret, views[id].suffix);
	return r;
}

/* A view that has a size of its own may fail to find it although the array does not. */
int view_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err)
{
	struct mirror_ref plain = view_plain(ref);
	uint64_t size;
	if (ino_view(ref->ino) == VIEW_ORIGINAL)
		return original_open_file(m, ref, ret_fd, err);
	if (is_dir(&plain) && !view_is_file(ref->ino))
		return -EISDIR;
	if (has_bytes(ref))
		return views[ino_view(ref->ino)].size(&ref->open->archive, ref->node, &size, err);
	return view_is_file(ref->ino) ? 0 : ref->open ? archive_size(&ref->open->archive, ref->node, &size, err) : -EINVAL;
}

int view_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct answer *ret,
	      struct error *err)
{
	const struct view *v = &views[ino_view(ref->ino)];
	struct mirror_ref plain = view_plain(ref);
	if (ino_live(ref->ino))
		return read_live(m, ref->ino, offset, len, ret);
	if (v->original)
		return original_read(m, ref, fd, offset, len, ret, err);
	if (is_dir(&plain) && !view_is_file(ref->ino))
		return -EISDIR;
	if (v->write)
		return written_read(m, ref, offset, len, ret, err);
	return has_bytes(ref) ? v->read(&ref->open->archive, ref->node, offset, len, ret, err) : -EINVAL;
}
