/* SPDX-License-Identifier: MIT */
#include "fs/mirror/impl.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "fs/blocks/blocks.h"

/* --- directories ------------------------------------------------------- */

/* Accounts for another open descriptor. */
static int take_file(struct mirror *m, struct error *err)
{
	if (atomic_fetch_add(&m->files, 1) < m->options.files_max)
		return 0;
	atomic_fetch_sub(&m->files, 1);
	return error_set(err, ENFILE, "more than %u files are open%s", m->options.files_max,
			 m->options.files_max < FILES_MAX ? " (a higher ulimit -n allows more)" : "");
}

int mirror_open_dir(struct mirror *m, const struct mirror_ref *ref, struct mirror_dir *ret, struct error *err)
{
	*ret = (struct mirror_dir){0};
	int r = 0;
	atomic_fetch_add_explicit(&m->listings, 1, memory_order_relaxed);
	if (ino_view(ref->ino)) {
		r = view_open_dir(m, ref, ret, err);
	} else if (ref->open) {
		r = mirror_fill(m, &ref->open->archive, ino_index(ref->ino), err);
	} else if ((r = take_file(m, err)) == 0) {
		int at = dentry_fd(ref->dentry, err), fd = at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = at < 0 ? at : fd < 0 ? -errno : 0;
		if (at >= 0)
			close(at);
		if (fd >= 0 && !(ret->stream = fdopendir(fd))) {
			r = -ENOMEM;
			close(fd);
		}
		if (r < 0)
			atomic_fetch_sub(&m->files, 1);
	}
	if (r == 0)
		mirror_copy(m, ref, &ret->ref);
	return r;
}

void mirror_close_dir(struct mirror *m, struct mirror_dir *dir)
{
	if (dir->stream) {
		closedir(dir->stream);
		atomic_fetch_sub(&m->files, 1);
	}
	view_close_dir(dir);
	mirror_put(m, &dir->ref);
}

static unsigned char node_type(const struct node *n)
{
	return n->kind == NODE_DIR ? DT_DIR : n->kind == NODE_LINK ? DT_LNK : DT_REG;
}

/* Offsets: 1 after ".", 2 after "..", then the node's index + 1. */
static int next_node(struct mirror_dir *dir, off_t offset, struct mirror_name *ret)
{
	const struct tree *t = &dir->ref.open->archive.tree;
	uint64_t upper = dir->ref.ino & ~(uint64_t)UINT32_MAX;
	const struct node *before = offset == 2 ? NULL : tree_node(t, (uint64_t)offset - 1);
	uint32_t id = offset == 2 ? dir->ref.node->child : before ? before->next : 0;
	const struct node *n = id ? tree_node(t, id) : NULL;
	if (!n)
		return 0;
	uint32_t resolved = tree_resolve(t, id);
	*ret = (struct mirror_name){.name = n->name, .type = node_type(tree_node(t, resolved)), .ino = upper | resolved,
				    .next = (off_t)id + 1};
	return 1;
}

/* A followed link has its target's number. */
static uint64_t dirent_number(struct mirror *m, struct mirror_dir *dir, const struct dirent *d)
{
	struct stat st;
	if (d->d_type == DT_LNK && m->options.follow &&
	    mirror_stat_name(m, dir->ref.dentry, dirfd(dir->stream), d->d_name, &st, &(bool){false}) == 0)
		return numbers_file(&m->numbers, st.st_dev, st.st_ino);
	return numbers_file(&m->numbers, dir->ref.dentry->dev, d->d_ino);
}

int plain_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err)
{
	if (dir->ref.open)
		return next_node(dir, offset, ret);
	if (offset != dir->at)
		seekdir(dir->stream, offset);
	errno = 0;
	struct dirent *d = readdir(dir->stream);
	if (!d)
		return errno ? error_set(err, errno, "%s", strerror(errno)) : 0;
	dir->at = telldir(dir->stream);
	*ret = (struct mirror_name){.name = d->d_name, .type = d->d_type, .next = dir->at};
	ret->number = dirent_number(m, dir, d);
	/* A file may be an archive, and a link may be followed. */
	if (d->d_type == DT_REG || (d->d_type == DT_LNK && m->options.follow))
		ret->type = DT_UNKNOWN;
	return 1;
}

/* "." and "..", everywhere but in mirrored directories, where readdir() returns them. */
static int next_dots(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret)
{
	*ret = (struct mirror_name){.name = offset ? ".." : ".", .type = DT_DIR, .ino = dir->ref.ino, .next = offset + 1};
	if (offset && dir->ref.node && dir->ref.node->parent)
		ret->ino = ino_of(dir->ref.ino, ino_view(dir->ref.ino), dir->ref.node->parent);
	const struct dentry *e = dir->ref.dentry;
	if (offset && ret->ino == dir->ref.ino && e->parent && !ino_view(ret->ino))
		ret->number = numbers_file(&m->numbers, e->parent->dev, e->parent->ino);
	else
		ret->number = mirror_number(m, &dir->ref, ret->ino);
	return 1;
}

int mirror_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err)
{
	bool view = ino_view(dir->ref.ino);
	if (offset < 2 && (view || dir->ref.open))
		return offset < 0 ? 0 : next_dots(m, dir, offset, ret);
	int r = view ? view_next(m, dir, offset, ret, err) : plain_next(m, dir, offset, ret, err);
	if (r > 0 && !ret->number)
		ret->number = mirror_number(m, &dir->ref, ret->ino);
	return r;
}

/* --- bytes ------------------------------------------------------------- */

int mirror_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err)
{
	*ret_fd = -1;
	if (ino_view(ref->ino))
		return view_open_file(m, ref, ret_fd, err);
	if (ref->open) {
		uint64_t size;
		return ref->node->kind == NODE_DIR ? -EISDIR : archive_size(&ref->open->archive, ref->node, &size, err);
	}
	return passed_open(m, ref->dentry, ret_fd, err);
}

int passed_open(struct mirror *m, struct dentry *e, int *ret_fd, struct error *err)
{
	char path[PATH_MAX];
	struct folder folder;
	struct stat st;
	if (!S_ISREG(e->type))
		return S_ISDIR(e->type) ? -EISDIR : -ENXIO;
	if (e->gone)
		return error_set(err, ESTALE, "replaced by another file");
	int r = take_file(m, err);
	if (r < 0)
		return r;
	r = dentry_path(e, &folder, path, err);
	if (r == 0)
		r = folder_open(&folder, path, mirror_reach(m, e), err);
	if (r >= 0 && (fstat(r, &st) < 0 || st.st_dev != e->dev || st.st_ino != e->ino)) {
		close(r);
		r = error_set(err, ESTALE, "replaced by another file");
	}
	if (r < 0) {
		atomic_fetch_sub(&m->files, 1);
		return r;
	}
	*ret_fd = r;
	return 0;
}

void mirror_close_file(struct mirror *m, int fd)
{
	if (fd < 0)
		return;
	close(fd);
	atomic_fetch_sub(&m->files, 1);
}

/* A file passed through may change at any time. For an original, which may be large, the times
 * are trusted, if every change shows in them. */
bool mirror_keeps(struct mirror *m, const struct mirror_ref *ref, int fd)
{
	struct dentry *e = ref->dentry;
	struct stat now;
	if (fd < 0)
		return mirror_resized(ref) == 0; /* bytes cached under a wrong size may be wrong */
	if (ino_view(ref->ino) != VIEW_ORIGINAL || fstat(fd, &now) < 0)
		return false;
	pthread_mutex_lock(&m->lock);
	bool same = source_same(&e->opened, &now) && e->opened.st_ctim.tv_sec == now.st_ctim.tv_sec &&
		    e->opened.st_ctim.tv_nsec == now.st_ctim.tv_nsec;
	e->opened = access_settled(&now) ? now : (struct stat){0};
	pthread_mutex_unlock(&m->lock);
	return same;
}

int passed_read(int fd, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	uint8_t *buf;
	struct stat st;
	/* Allocate no more than the file can fill. */
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	uint64_t size = (uint64_t)st.st_size;
	len = offset >= size ? 0 : len < size - offset ? len : size - offset;
	int r = answer_own(ret, (size_t)len, &buf);
	size_t done = 0;
	while (r == 0 && done < len) {
		ssize_t n = pread(fd, buf + done, (size_t)len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = error_set(err, errno, "reading at %" PRIu64 ": %s", offset + done, strerror(errno));
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (r == 0)
		answer_cut(ret, done);
	return r;
}

int mirror_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len,
		struct answer *ret, struct error *err)
{
	int r = ino_view(ref->ino) ? view_read(m, ref, fd, offset, len, ret, err)
		: ref->open	   ? archive_read(&ref->open->archive, ref->node, offset, len, ret, err)
				   : passed_read(fd, offset, len, ret, err);
	atomic_fetch_add_explicit(&m->reads, 1, memory_order_relaxed);
	if (r < 0)
		atomic_fetch_add_explicit(&m->failed, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&m->bytes, ret->len, memory_order_relaxed);
	return r;
}

void mirror_cancel_prefetch(struct mirror *m, const struct mirror_ref *ref)
{
	(void)m;
	if (ref->open)
		archive_cancel_prefetch(&ref->open->archive);
}
