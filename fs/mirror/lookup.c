/* SPDX-License-Identifier: MIT */
#include "fs/mirror/impl.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- lookup ------------------------------------------------------------ */

/* Whether the name, fully resolved, lies outside SOURCE, so that -o follow shows it. Never true
 * of an ancestor of the place itself, which would recurse for ever. */
static bool leads_out(const struct mirror *m, const struct dentry *parent, int dir, const char *name, struct stat *target)
{
	char proc[64], real[PATH_MAX];
	int fd = openat(dir, name, O_PATH | O_CLOEXEC);
	ssize_t n = -1;
	if (fd >= 0 && fstat(fd, target) == 0) {
		snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
		n = readlink(proc, real, sizeof real - 1);
	}
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	real[n] = '\0';

	size_t len = strlen(m->real), real_len = (size_t)n;
	if (strncmp(real, m->real, len) == 0 && (real[len] == '\0' || real[len] == '/' || len == 1))
		return false; /* inside SOURCE */
	if (strncmp(m->real, real, real_len) == 0 && (m->real[real_len] == '/' || real_len == 1))
		return false; /* contains SOURCE */
	for (const struct dentry *e = parent; e; e = e->parent)
		if (e->dev == target->st_dev && e->ino == target->st_ino)
			return false;
	return true;
}

int mirror_stat_name(const struct mirror *m, const struct dentry *parent, int dir, const char *name,
		struct stat *ret, bool *followed)
{
	struct stat target;
	*followed = false;
	int r = access_lstat(dir, name, ret);
	if (r == 0 && S_ISLNK(ret->st_mode) && m->options.follow && leads_out(m, parent, dir, name, &target)) {
		r = mirror_followed(dir, name, ret);
		*followed = true;
	}
	return r;
}

/* Whether the dentry still matches what is there now. */
static bool entry_stands(const struct dentry *e, const struct stat *now, bool followed)
{
	if (e->followed != followed || e->type != (now->st_mode & S_IFMT) || e->dev != now->st_dev || e->ino != now->st_ino)
		return false;
	return !e->archive || source_same(&e->identified, now);
}

static bool covered(const struct mirror *m, const struct dentry *parent, const char *name)
{
	return m->cover.name && parent->dev == m->cover.dev && parent->ino == m->cover.ino &&
	       strcmp(name, m->cover.name) == 0;
}

/* Returns the name's current generation in a mirrored directory, with a reference, or NULL.
 * Called with m->lock held, which is dropped while an archive is opened. */
static int dentry_lookup(struct mirror *m, struct dentry *parent, const char *name, const struct stat *now,
			bool followed, struct dentry **ret, struct error *err)
{
	struct dentry *e = dentry_named(&m->dentries, parent, name);
	*ret = NULL;
	while (e && e->opening) { /* another thread is identifying it */
		pthread_cond_wait(&m->opened, &m->lock);
		e = dentry_named(&m->dentries, parent, name);
	}
	bool stands = e && entry_stands(e, now, followed);
	if (e && stands) {
		dentry_keep(&m->dentries, e);
	} else {
		if (e)
			dentry_retire(&m->dentries, e);
		e = dentry_new(&m->dentries, parent, name, now);
		if (!e)
			return -ENOMEM;
		e->followed = followed;
	}
	bool was_file = stands && !e->archive;
	e->st = *now;
	*ret = e;
	if (!S_ISREG(now->st_mode) || (stands && source_same(&e->identified, now)))
		return 0;
	int r = mirror_identify(m, e, err);
	if (r < 0) {
		dentry_release(&m->dentries, e, 1);
		*ret = NULL;
	} else if (e->archive && was_file) { /* it became an archive: a different inode */
		dentry_retire(&m->dentries, e);
		e->archive = false;
		if (e->open)
			e->open->owner = NULL, e->open = NULL;
		r = dentry_lookup(m, parent, name, now, followed, ret, err);
		dentry_release(&m->dentries, e, 1);
	}
	return r;
}

int lookup_mirrored(struct mirror *m, struct dentry *parent, struct slice name, bool original, struct mirror_ref *ret,
		    struct error *err)
{
	char text[NAME_MAX + 1];
	struct stat now;
	bool followed = false;
	int r = 0, cover = -1;

	if (!S_ISDIR(parent->type))
		return -ENOTDIR;
	if (name.len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	if (covered(m, parent, text)) {
		cover = fcntl(m->cover.fd, F_DUPFD_CLOEXEC, 0);
		r = cover < 0 ? -errno : access_fstat(cover, &now);
	} else {
		int dir = dentry_fd(parent, err);
		r = dir < 0 ? dir : mirror_stat_name(m, parent, dir, text, &now, &followed);
		if (dir >= 0)
			close(dir);
	}
	if (r < 0) {
		if (cover >= 0)
			close(cover);
		return r;
	}

	pthread_mutex_lock(&m->lock);
	r = dentry_lookup(m, parent, text, &now, followed, &ret->dentry, err);
	if (r == 0 && cover >= 0 && ret->dentry->base < 0) {
		ret->dentry->base = cover;
		cover = -1;
	}
	if (r == 0) {
		ret->ino = original ? original_ino(ret->dentry) : ret->dentry->id << 32 | TREE_ROOT;
		r = mirror_ref_complete(m, ret, err);
	}
	pthread_mutex_unlock(&m->lock);
	if (cover >= 0)
		close(cover);
	return r;
}

static int lookup_node(struct mirror *m, const struct mirror_ref *dir, struct slice name,
		       struct mirror_ref *ret, struct error *err)
{
	struct archive *a = &dir->open->archive;
	uint32_t index = ino_index(dir->ino);
	int r = mirror_fill(m, a, index, err);
	if (r < 0)
		return r;
	uint32_t id = tree_resolve(&a->tree, tree_find(&a->tree, dir->node, index, name));
	if (!id)
		return -ENOENT;
	return mirror_sibling(m, dir, ino_of(dir->ino, VIEW_NONE, id), ret);
}

int plain_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name,
		 struct mirror_ref *ret, struct error *err)
{
	*ret = (struct mirror_ref){0};
	return dir->open ? lookup_node(m, dir, name, ret, err) : lookup_mirrored(m, dir->dentry, name, false, ret, err);
}

int mirror_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name,
		  struct mirror_ref *ret, struct error *err)
{
	atomic_fetch_add_explicit(&m->lookups, 1, memory_order_relaxed);
	int r = ino_view(dir->ino) ? view_lookup(m, dir, name, ret, err) : plain_lookup(m, dir, name, ret, err);
	/* A mirrored directory with such an entry of its own has no views. */
	if (r == -ENOENT && dir->ino == TREE_ROOT && slice_equal(name, SLICE(".arrayfs")))
		r = view_lookup(m, dir, name, ret, err);
	return r;
}

/* --- by file handle ----------------------------------------------------- */

int mirror_check(struct mirror *m, const struct mirror_ref *ref, struct error *err)
{
	struct dentry *e = ref->dentry;
	struct stat now;
	bool followed;
	if (!e->parent || e->base >= 0)
		return 0;
	int dir = dentry_fd(e->parent, err);
	if (dir < 0)
		return -ESTALE;
	int r = mirror_stat_name(m, e->parent, dir, e->name, &now, &followed);
	close(dir);
	pthread_mutex_lock(&m->lock);
	if (e->gone || r < 0 || !entry_stands(e, &now, followed))
		r = -ESTALE;
	pthread_mutex_unlock(&m->lock);
	return r;
}

/* The inode of the directory that contains it. */
static uint64_t parent_of(const struct mirror *m, const struct mirror_ref *ref)
{
	uint64_t ino = ref->ino;
	enum view_id view = ino_view(ino), above = views[view].directories;
	if (view == VIEW_ORIGINAL)
		return original_parent(m, ref);
	if (view == VIEW_TOP)
		return ino_index(ino) == TOP_DIR ? TREE_ROOT : ino_of(ino, VIEW_TOP, TOP_DIR);
	if (ref->node && ref->node->parent)
		return ino_of(ino, above, ref->node->parent);
	if (ref->dentry->parent)
		return ino_of(ref->dentry->parent->id << 32, above, TREE_ROOT);
	return view == VIEW_NONE ? ino : ino_of(ino, VIEW_TOP, TOP_DIR);
}

int mirror_parent(struct mirror *m, const struct mirror_ref *ref, struct mirror_ref *ret, struct error *err)
{
	return mirror_get(m, parent_of(m, ref), ret, err);
}

static int stat_node(struct mirror *m, const struct mirror_ref *ref, struct stat *ret, struct error *err)
{
	struct archive *a = &ref->open->archive;
	uint64_t size = 0;
	int r = archive_size(a, ref->node, &size, err);
	if (r == -EIO || r == -EBADMSG || r == -ENOTSUP || r == -ENOMEM)
		size = 0; /* shown as empty; opening it fails */
	else if (r < 0)
		return r;
	archive_stat(a, ref->node, ret); /* last: finding the size may have taken long */
	mode_t read = ret->st_mode;
	ret->st_ino = mirror_number(m, ref, ref->ino);
	ret->st_size = (off_t)size;
	ret->st_blocks = (blkcnt_t)(size / 512 + (size % 512 != 0));
	ret->st_nlink = 1;
	ret->st_rdev = 0;
	switch ((enum node_kind)ref->node->kind) {
	case NODE_DIR:
		ret->st_mode = S_IFDIR | read | read >> 2;
		break;
	case NODE_LINK:
		ret->st_mode = S_IFLNK | 0777;
		break;
	default:
		ret->st_mode = S_IFREG | read;
		ret->st_nlink = mirror_names(m, ref->open, ino_index(ref->ino));
	}
	return 0;
}

static void show_stat(struct mirror *m, struct stat *st)
{
	st->st_ino = numbers_file(&m->numbers, st->st_dev, st->st_ino);
	if (S_ISDIR(st->st_mode)) {
		st->st_mode &= S_IFMT | 0555;
		st->st_size = st->st_blocks = 0;
		st->st_nlink = 1;
		return;
	}
	if (!S_ISLNK(st->st_mode))
		st->st_mode &= ~(mode_t)0222;
}

int plain_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err)
{
	struct dentry *e = ref->dentry;
	if (ref->open)
		return stat_node(m, ref, ret, err);
	pthread_mutex_lock(&m->lock);
	bool gone = e->gone;
	*ret = e->st;
	pthread_mutex_unlock(&m->lock);
	if (fd >= 0 || e->base >= 0) {
		int r = mirror_fstat(fd >= 0 ? fd : e->base, fd >= 0 && e->followed, ret);
		if (r < 0)
			return r;
	} else if (!gone) {
		struct stat now;
		bool followed;
		int dir = dentry_fd(e->parent, err);
		if (dir >= 0 && mirror_stat_name(m, e->parent, dir, e->name, &now, &followed) == 0 &&
		    now.st_dev == ret->st_dev && now.st_ino == ret->st_ino)
			*ret = now;
		if (dir >= 0)
			close(dir);
	}
	show_stat(m, ret);
	return 0;
}

int mirror_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err)
{
	atomic_fetch_add_explicit(&m->stats, 1, memory_order_relaxed);
	return ino_view(ref->ino) ? view_stat(m, ref, fd, ret, err) : plain_stat(m, ref, fd, ret, err);
}

int mirror_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err)
{
	return ino_view(ref->ino) ? view_readlink(m, ref, ret, err) : plain_readlink(ref, ret, err);
}

int plain_readlink(const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err)
{
	if (ref->open) {
		if (ref->node->kind != NODE_LINK)
			return -EINVAL;
		size_t n = strlen(ref->node->target);
		if (n >= PATH_MAX)
			return error_set(err, ENAMETOOLONG, "a link to a path of %zu bytes: %d is the most", n, PATH_MAX - 1);
		memcpy(ret, ref->node->target, n + 1);
		return 0;
	}
	if (!ref->dentry->parent || !S_ISLNK(ref->dentry->type))
		return -EINVAL;
	int dir = dentry_fd(ref->dentry->parent, err);
	if (dir < 0)
		return dir;
	ssize_t n = readlinkat(dir, ref->dentry->name, ret, PATH_MAX - 1);
	int r = n < 0 ? -errno : 0;
	close(dir);
	if (r == 0)
		ret[n] = '\0';
	return r;
}

int mirror_fault(struct mirror *m, const struct mirror_ref *ref, struct error *ret)
{
	int r = 0;
	*ret = (struct error){0};
	if (ref->open)
		return 0;
	pthread_mutex_lock(&m->lock); /* it may be identified again meanwhile */
	if (ref->dentry->fault)
		r = error_set(ret, -ref->dentry->fault_code, "%s", ref->dentry->fault);
	pthread_mutex_unlock(&m->lock);
	return r;
}
