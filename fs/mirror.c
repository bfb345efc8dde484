/* SPDX-License-Identifier: MIT */
#include "fs/mirror.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/entry.h"
#include "fs/shelf.h"

/* Descriptors: archives on the shelf, and files passed through that are open.
 * The rest of the usual 1,024 is for directories, threads and the kernel. */
enum { ARCHIVES_MAX = 128, FILES_MAX = 512 };

struct mirror {
	const struct format *const *formats;
	struct mirror_options options;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	struct entries entries;
	struct entry *root;
	struct folder folder; /* of SOURCE, or that it lies in */
	char *real;           /* SOURCE's absolute path, to tell whether a link leads out */
	struct shelf shelf;
	_Atomic unsigned files; /* that somebody holds open */
	struct {
		dev_t dev;
		ino_t ino;
		char *name;
		int fd;
	} cover; /* the folder that is mounted over */
};

/* --- archives ---------------------------------------------------------- */

static enum reach reach_of(const struct mirror *m, const struct entry *e)
{
	if (!e->parent)
		return REACH_HUB; /* SOURCE itself, which may be a link */
	return m->options.follow ? REACH_ANY : REACH_EXACT;
}

/* Where the entry's archive is, so that siblings are found beside it. */
static int open_held(struct mirror *m, struct entry *e, struct held **ret, struct error *err)
{
	char path[PATH_MAX];
	struct folder folder = m->folder;
	struct held *h = calloc(1, sizeof *h);
	int r = h ? 0 : error_set(err, ENOMEM, "no memory");

	if (r == 0 && e->parent)
		r = entry_path(e, &folder, path, err);
	else if (r == 0)
		snprintf(path, sizeof path, "%s", e->name);
	struct archive_at at = {&folder, path, reach_of(m, e)};
	if (r == 0)
		r = archive_open(&h->archive, m->formats, &at, &m->options.archive, err);
	for (uint32_t i = 0; r == 0 && i < e->nfilled; i++) /* numbers as they were */
		if ((r = archive_fill(&h->archive, e->filled[i], err)) < 0)
			archive_close(&h->archive);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret = h;
	return 0;
}

/* Puts the open archive on the shelf; m->lock is held. */
static void adopt_held(struct mirror *m, struct entry *e, struct held *h)
{
	h->owner = &e->held;
	e->held = h;
	e->judged = e->st = h->archive.source.st;
	shelf_add(&m->shelf, h);
}

/* Keeps the order of the fillings, which node numbers depend on, for the next
 * opening.  If there is no memory for it, the old numbers become stale. */
static void note_fillings(struct held *h)
{
	struct entry *e = (struct entry *)(void *)((char *)h->owner - offsetof(struct entry, held));
	free(e->filled);
	e->filled = h->archive.filled;
	e->nfilled = h->archive.nfilled;
	h->archive.filled = NULL;
	h->archive.nfilled = 0;
}

/* Waits for whoever is opening it; then holds the entry's archive, opening it if
 * need be.  m->lock is held, and let go while the file is read. */
static int entry_hold(struct mirror *m, struct entry *e, struct held **ret, struct error *err)
{
	struct held *h;
	while (e->opening)
		pthread_cond_wait(&m->opened, &m->lock);
	if (e->held) {
		shelf_hold(&m->shelf, e->held);
		*ret = e->held;
		return 0;
	}
	struct stat then = e->judged;
	e->opening = true;
	pthread_mutex_unlock(&m->lock);
	int r = open_held(m, e, &h, err);
	if (r == 0 && !source_same(&then, &h->archive.source.st)) {
		archive_close(&h->archive);
		free(h);
		r = error_set(err, ESTALE, "replaced by another file");
	}
	pthread_mutex_lock(&m->lock);
	e->opening = false;
	pthread_cond_broadcast(&m->opened);
	if (r == 0) {
		adopt_held(m, e, h);
		*ret = h;
	}
	return r;
}

/* Opens a file that was not looked at yet, or has changed, to see what it is.
 * Nobody else knows the entry's verdict yet: it is `opening`. */
static void judge(struct mirror *m, struct entry *e)
{
	struct error err = {0};
	struct held *h = NULL;
	int r;

	e->opening = true;
	pthread_mutex_unlock(&m->lock);
	r = e->st.st_size > 0 ? open_held(m, e, &h, &err) : -ENOTSUP;
	pthread_mutex_lock(&m->lock);
	e->opening = false;
	pthread_cond_broadcast(&m->opened);
	e->judged = e->st;
	free(e->fault);
	e->fault = NULL;
	e->archive = r == 0;
	if (r == 0) {
		adopt_held(m, e, h);
		shelf_release(&m->shelf, h);
	} else if (r != -ENOENT && err.text[0] && (r == -EBADMSG || archive_wished(m->formats, e->name))) {
		e->fault = strdup(err.text);
	}
}

/* --- references -------------------------------------------------------- */

/* Completes a reference whose entry is already counted; m->lock is held. */
static int ref_complete(struct mirror *m, struct mirror_ref *ref, struct error *err)
{
	uint32_t index = (uint32_t)ref->ino;
	int r = 0;
	ref->held = NULL;
	ref->node = NULL;
	while (ref->entry->opening)
		pthread_cond_wait(&m->opened, &m->lock);
	if (ref->entry->archive)
		r = entry_hold(m, ref->entry, &ref->held, err);
	else if (index != TREE_ROOT)
		r = -ESTALE;
	if (r == 0 && ref->held && !(ref->node = tree_node(&ref->held->archive.tree, index))) {
		shelf_release(&m->shelf, ref->held);
		r = -ESTALE;
	}
	return r;
}

int mirror_get(struct mirror *m, uint64_t ino, struct mirror_ref *ret, struct error *err)
{
	pthread_mutex_lock(&m->lock);
	struct entry *e = entry_find(&m->entries, ino >> 32);
	int r = -ESTALE;
	if (e) {
		e->refs++;
		*ret = (struct mirror_ref){.ino = ino, .entry = e};
		r = ref_complete(m, ret, err);
		if (r < 0)
			entry_release(&m->entries, e, 1);
	}
	pthread_mutex_unlock(&m->lock);
	return r;
}

void mirror_put(struct mirror *m, struct mirror_ref *ref)
{
	pthread_mutex_lock(&m->lock);
	if (ref->held)
		shelf_release(&m->shelf, ref->held);
	entry_release(&m->entries, ref->entry, 1);
	pthread_mutex_unlock(&m->lock);
	*ref = (struct mirror_ref){0};
}

void mirror_copy(struct mirror *m, const struct mirror_ref *from, struct mirror_ref *ret)
{
	pthread_mutex_lock(&m->lock);
	*ret = *from;
	ret->entry->refs++;
	if (ret->held)
		shelf_hold(&m->shelf, ret->held);
	pthread_mutex_unlock(&m->lock);
}

int mirror_sibling(struct mirror *m, const struct mirror_ref *in, uint64_t ino, struct mirror_ref *ret)
{
	struct node *n = in->held ? tree_node(&in->held->archive.tree, (uint32_t)ino) : NULL;
	if (!n || ino >> 32 != in->ino >> 32)
		return -ESTALE;
	mirror_copy(m, in, ret);
	ret->ino = ino;
	ret->node = n;
	return 0;
}

bool mirror_size_known(const struct mirror_ref *ref)
{
	return !ref->node || ref->node->kind == NODE_DIR || atomic_load(&ref->node->size) != SIZE_UNKNOWN;
}

void mirror_remember(struct mirror *m, const struct mirror_ref *ref)
{
	pthread_mutex_lock(&m->lock);
	ref->entry->refs++;
	pthread_mutex_unlock(&m->lock);
}

void mirror_forget(struct mirror *m, uint64_t ino, uint64_t times)
{
	pthread_mutex_lock(&m->lock);
	struct entry *e = entry_find(&m->entries, ino >> 32);
	if (e && e != m->root)
		entry_release(&m->entries, e, times);
	pthread_mutex_unlock(&m->lock);
}

/* --- looking ----------------------------------------------------------- */

/* Does what the name leads to, resolved to the end, lie outside SOURCE, so that
 * -o follow shows it?  Never an ancestor of the place itself: that would go on
 * for ever. */
static bool leads_out(const struct mirror *m, const struct entry *parent, int dir, const char *name, struct stat *target)
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
		return false; /* within */
	if (strncmp(m->real, real, real_len) == 0 && (m->real[real_len] == '/' || real_len == 1))
		return false; /* holds SOURCE */
	for (const struct entry *e = parent; e; e = e->parent)
		if (e->st.st_dev == target->st_dev && e->st.st_ino == target->st_ino)
			return false;
	return true;
}

/* Looks at the name in the open folder, as it is to be shown. */
static int look(const struct mirror *m, const struct entry *parent, int dir, const char *name,
		struct stat *ret, bool *followed)
{
	struct stat target;
	*followed = false;
	if (fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(ret->st_mode) && m->options.follow && leads_out(m, parent, dir, name, &target)) {
		*ret = target;
		*followed = true;
	}
	return 0;
}

/* Is the entry still what is there now? */
static bool entry_stands(const struct entry *e, const struct stat *now, bool followed)
{
	if (e->followed != followed || (e->st.st_mode & S_IFMT) != (now->st_mode & S_IFMT) ||
	    e->st.st_dev != now->st_dev || e->st.st_ino != now->st_ino)
		return false;
	return !e->archive || source_same(&e->judged, now);
}

static bool covered(const struct mirror *m, const struct entry *parent, const char *name)
{
	return m->cover.name && parent->st.st_dev == m->cover.dev && parent->st.st_ino == m->cover.ino &&
	       strcmp(name, m->cover.name) == 0;
}

/* The present generation of the name in a mirrored directory, counted once;
 * m->lock is held, and let go while an archive is opened. */
static int entry_lookup(struct mirror *m, struct entry *parent, const char *name, const struct stat *now,
			bool followed, struct entry **ret)
{
	struct entry *e = entry_named(&m->entries, parent, name);
	while (e && e->opening) { /* another is judging it */
		pthread_cond_wait(&m->opened, &m->lock);
		e = entry_named(&m->entries, parent, name);
	}
	bool stands = e && entry_stands(e, now, followed);
	if (e && stands) {
		e->refs++;
	} else {
		if (e)
			entry_retire(&m->entries, e);
		e = entry_new(&m->entries, parent, name, now);
		if (!e)
			return -ENOMEM;
		e->followed = followed;
	}
	bool was_file = stands && !e->archive;
	e->st = *now;
	*ret = e;
	if (!S_ISREG(now->st_mode) || (stands && source_same(&e->judged, now)))
		return 0;
	judge(m, e);
	if (e->archive && was_file) { /* it became one: another inode */
		struct entry *fresh;
		entry_retire(&m->entries, e);
		e->archive = false;
		if (e->held)
			e->held->owner = NULL, e->held = NULL;
		int r = entry_lookup(m, parent, name, now, followed, &fresh);
		entry_release(&m->entries, e, 1);
		*ret = fresh;
		return r;
	}
	return 0;
}

static int lookup_mirrored(struct mirror *m, struct entry *parent, struct slice name, struct mirror_ref *ret, struct error *err)
{
	char text[NAME_MAX + 1];
	struct stat now;
	bool followed = false;
	int r = 0, cover = -1;

	if (!S_ISDIR(parent->st.st_mode))
		return -ENOTDIR;
	if (name.len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	if (covered(m, parent, text)) {
		cover = fcntl(m->cover.fd, F_DUPFD_CLOEXEC, 0);
		r = cover < 0 || fstat(cover, &now) < 0 ? -errno : 0;
	} else {
		int dir = entry_fd(parent, err);
		r = dir < 0 ? dir : look(m, parent, dir, text, &now, &followed);
		if (dir >= 0)
			close(dir);
	}
	if (r < 0) {
		if (cover >= 0)
			close(cover);
		return r;
	}

	pthread_mutex_lock(&m->lock);
	r = entry_lookup(m, parent, text, &now, followed, &ret->entry);
	if (r == 0 && cover >= 0 && ret->entry->base < 0) {
		ret->entry->base = cover;
		cover = -1;
	}
	if (r == 0) {
		ret->ino = ret->entry->id << 32 | TREE_ROOT;
		r = ref_complete(m, ret, err);
		if (r < 0)
			entry_release(&m->entries, ret->entry, 1);
	}
	pthread_mutex_unlock(&m->lock);
	if (cover >= 0)
		close(cover);
	return r;
}

static int lookup_node(struct mirror *m, const struct mirror_ref *dir, struct slice name,
		       struct mirror_ref *ret, struct error *err)
{
	struct archive *a = &dir->held->archive;
	uint32_t index = (uint32_t)dir->ino;
	int r = archive_fill(a, index, err);
	if (r < 0)
		return r;
	uint32_t id = tree_resolve(&a->tree, tree_find(&a->tree, dir->node, index, name));
	if (!id)
		return -ENOENT;
	return mirror_sibling(m, dir, (dir->ino & ~(uint64_t)UINT32_MAX) | id, ret);
}

int mirror_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name,
		  struct mirror_ref *ret, struct error *err)
{
	*ret = (struct mirror_ref){0};
	return dir->held ? lookup_node(m, dir, name, ret, err) : lookup_mirrored(m, dir->entry, name, ret, err);
}

static int stat_node(const struct mirror_ref *ref, struct stat *ret, struct error *err)
{
	struct archive *a = &ref->held->archive;
	mode_t read = a->source.st.st_mode & 0444;
	uint64_t size = 0;
	int r = archive_size(a, ref->node, &size, err);
	if (r == -EIO || r == -EBADMSG || r == -ENOTSUP || r == -ENOMEM)
		size = 0; /* shown as empty; opening it fails */
	else if (r < 0)
		return r;
	*ret = a->source.st;
	ret->st_ino = ref->ino;
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
		ret->st_nlink = ref->node->links ? ref->node->links : 1;
	}
	return 0;
}

/* One number for all names of a hard-linked file: made of the source's own, in
 * a space of its own above the entries'. */
static uint64_t linked_ino(const struct stat *st)
{
	return (uint64_t)1 << 63 | (((uint64_t)st->st_dev * 0x9e3779b97f4a7c15 << 40 ^ st->st_ino) & INT64_MAX);
}

static void show_stat(const struct mirror_ref *ref, struct stat *st)
{
	bool directory = S_ISDIR(st->st_mode);
	st->st_ino = st->st_nlink > 1 && !directory ? linked_ino(st) : ref->ino;
	if (directory) {
		st->st_mode &= S_IFMT | 0555;
		st->st_size = st->st_blocks = 0;
		st->st_nlink = 1;
		return;
	}
	if (!S_ISLNK(st->st_mode))
		st->st_mode &= ~(mode_t)0222;
}

int mirror_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err)
{
	struct entry *e = ref->entry;
	if (ref->held)
		return stat_node(ref, ret, err);
	*ret = e->st;
	if (fd >= 0) {
		if (fstat(fd, ret) < 0)
			return -errno;
	} else if (e->base >= 0) {
		if (fstat(e->base, ret) < 0)
			return -errno;
	} else if (!e->gone) {
		struct stat now;
		bool followed;
		int dir = entry_fd(e->parent, err);
		if (dir >= 0 && look(m, e->parent, dir, e->name, &now, &followed) == 0 &&
		    now.st_dev == ret->st_dev && now.st_ino == ret->st_ino)
			*ret = now;
		if (dir >= 0)
			close(dir);
	}
	show_stat(ref, ret);
	return 0;
}

int mirror_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err)
{
	(void)m;
	if (ref->held) {
		if (ref->node->kind != NODE_LINK)
			return -EINVAL;
		snprintf(ret, PATH_MAX, "%s", ref->node->target);
		return 0;
	}
	if (!ref->entry->parent || !S_ISLNK(ref->entry->st.st_mode))
		return -EINVAL;
	int dir = entry_fd(ref->entry->parent, err);
	if (dir < 0)
		return dir;
	ssize_t n = readlinkat(dir, ref->entry->name, ret, PATH_MAX - 1);
	int r = n < 0 ? -errno : 0;
	close(dir);
	if (r == 0)
		ret[n] = '\0';
	return r;
}

const char *mirror_fault(const struct mirror_ref *ref)
{
	return ref->held ? NULL : ref->entry->fault;
}

/* --- directories ------------------------------------------------------- */

/* Counts a descriptor that somebody holds open. */
static int take_file(struct mirror *m, struct error *err)
{
	if (atomic_fetch_add(&m->files, 1) < FILES_MAX)
		return 0;
	atomic_fetch_sub(&m->files, 1);
	return error_set(err, ENFILE, "more than %d files are open", FILES_MAX);
}

int mirror_open_dir(struct mirror *m, const struct mirror_ref *ref, struct mirror_dir *ret, struct error *err)
{
	*ret = (struct mirror_dir){0};
	int r = 0;
	if (ref->held) {
		r = archive_fill(&ref->held->archive, (uint32_t)ref->ino, err);
	} else if ((r = take_file(m, err)) == 0) {
		int at = entry_fd(ref->entry, err), fd = at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
	mirror_put(m, &dir->ref);
}

static unsigned char node_type(const struct node *n)
{
	return n->kind == NODE_DIR ? DT_DIR : n->kind == NODE_LINK ? DT_LNK : DT_REG;
}

/* Offsets: 1 behind ".", 2 behind "..", then the node's index + 1. */
static int next_node(struct mirror_dir *dir, off_t offset, struct mirror_name *ret)
{
	const struct tree *t = &dir->ref.held->archive.tree;
	uint64_t upper = dir->ref.ino & ~(uint64_t)UINT32_MAX;
	if (offset < 2) {
		*ret = (struct mirror_name){.name = offset ? ".." : ".", .type = DT_DIR, .next = offset + 1};
		ret->ino = offset && dir->ref.node->parent ? upper | dir->ref.node->parent : dir->ref.ino;
		return 1;
	}
	const struct node *before = offset == 2 ? NULL : tree_node(t, (uint64_t)offset - 1);
	uint32_t id = offset == 2 ? dir->ref.node->child : before ? before->next : 0;
	const struct node *n = id ? tree_node(t, id) : NULL;
	if (!n)
		return 0;
	uint32_t resolved = tree_resolve(t, id);
	*ret = (struct mirror_name){n->name, node_type(tree_node(t, resolved)), upper | resolved, (off_t)id + 1};
	return 1;
}

int mirror_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err)
{
	if (dir->ref.held)
		return next_node(dir, offset, ret);
	if (offset != dir->at)
		seekdir(dir->stream, offset);
	errno = 0;
	struct dirent *d = readdir(dir->stream);
	if (!d)
		return errno ? error_set(err, errno, "%s", strerror(errno)) : 0;
	dir->at = telldir(dir->stream);
	*ret = (struct mirror_name){.name = d->d_name, .type = d->d_type, .next = dir->at};
	/* A file may be an archive, and a link may be followed. */
	if (d->d_type == DT_REG || (d->d_type == DT_LNK && m->options.follow))
		ret->type = DT_UNKNOWN;
	return 1;
}

/* --- bytes ------------------------------------------------------------- */

int mirror_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err)
{
	char path[PATH_MAX];
	struct folder folder;
	struct stat st;
	*ret_fd = -1;
	if (ref->held) {
		uint64_t size;
		return ref->node->kind == NODE_DIR ? -EISDIR : archive_size(&ref->held->archive, ref->node, &size, err);
	}
	if (!S_ISREG(ref->entry->st.st_mode))
		return S_ISDIR(ref->entry->st.st_mode) ? -EISDIR : -ENXIO;
	if (ref->entry->gone)
		return error_set(err, ESTALE, "replaced by another file");
	int r = take_file(m, err);
	if (r < 0)
		return r;
	r = entry_path(ref->entry, &folder, path, err);
	if (r == 0)
		r = folder_open(&folder, path, reach_of(m, ref->entry), err);
	if (r >= 0 && (fstat(r, &st) < 0 || st.st_dev != ref->entry->st.st_dev || st.st_ino != ref->entry->st.st_ino)) {
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

static int read_file(int fd, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	uint8_t *buf;
	struct stat st;
	/* Not more memory than the file can fill. */
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
	(void)m;
	return ref->held ? archive_read(&ref->held->archive, ref->node, offset, len, ret, err)
			 : read_file(fd, offset, len, ret, err);
}

/* --- the whole --------------------------------------------------------- */

bool mirror_is_archive(const struct mirror *m)
{
	return m->root->archive;
}

bool mirror_is_stateless(const struct mirror *m)
{
	return m->root->archive && !m->root->held->archive.format->read && !m->root->held->archive.format->size;
}

void mirror_cover(struct mirror *m, int parent, const char *name, int fd)
{
	struct stat st;
	m->cover.fd = fd;
	if (fstat(parent, &st) == 0 && (m->cover.name = strdup(name))) {
		m->cover.dev = st.st_dev;
		m->cover.ino = st.st_ino;
	}
}

void mirror_path(const struct mirror *m, const struct mirror_ref *ref, char *buf, size_t room)
{
	char path[PATH_MAX] = "";
	size_t at = sizeof path - 1;
	const struct tree *t = ref->held ? &ref->held->archive.tree : NULL;

	for (const struct node *n = ref->node; n && n->parent; n = tree_node(t, n->parent)) {
		size_t len = strlen(n->name);
		if (len + 2 > at)
			break;
		memcpy(path + (at -= len), n->name, len);
		path[--at] = '/';
	}
	for (const struct entry *e = ref->entry; e && (e->parent || e->archive); e = e->parent) {
		size_t len = strlen(e->name);
		if (len + 2 > at)
			break;
		memcpy(path + (at -= len), e->name, len);
		path[--at] = '/';
	}
	(void)m;
	snprintf(buf, room, "%s", path[at] == '/' ? path + at + 1 : ".");
}

uint64_t mirror_bytes(const struct mirror *m)
{
	struct statvfs vfs;
	if (!m->root->archive)
		return fstatvfs(m->root->base, &vfs) < 0 ? 0 : (uint64_t)vfs.f_blocks * vfs.f_frsize;
	uint64_t sum = 0;
	for (uint32_t i = 0; i <= m->root->held->archive.nsiblings; i++)
		sum += archive_source(&m->root->held->archive, i)->size;
	return sum;
}

unsigned mirror_archives_open(struct mirror *m)
{
	pthread_mutex_lock(&m->lock);
	unsigned count = m->shelf.count;
	pthread_mutex_unlock(&m->lock);
	return count;
}

/* SOURCE is a directory: it is mirrored. */
static int open_directory(struct mirror *m, int fd, const struct stat *st, struct error *err)
{
	m->root = entry_new(&m->entries, NULL, ".", st);
	if (!m->root)
		return error_set(err, ENOMEM, "no memory");
	m->root->base = fd;
	return 0;
}

/* SOURCE is a file: an archive, held open to the end. */
static int open_archive(struct mirror *m, const char *source, const struct stat *st, struct error *err)
{
	const char *slash = strrchr(source, '/');
	char *parent = slash == source ? strdup("/") : slash ? strndup(source, (size_t)(slash - source)) : strdup(".");
	struct held *h;

	m->folder = (struct folder){.dir = parent ? open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1, .path = ""};
	free(parent);
	if (m->folder.dir < 0)
		return error_set(err, errno, "%s", strerror(errno));
	m->root = entry_new(&m->entries, NULL, slash ? slash + 1 : source, st);
	if (!m->root)
		return error_set(err, ENOMEM, "no memory");
	m->root->base = m->folder.dir;
	int r = open_held(m, m->root, &h, err);
	if (r < 0)
		return error_set(err, -r, "%s", st->st_size ? "not an archive of a format that arrayfs reads"
							    : "an empty file, not an archive");
	m->root->archive = true;
	adopt_held(m, m->root, h); /* holds it: it never leaves */
	return 0;
}

int mirror_open(struct mirror **ret, const struct format *const *formats, const char *source,
		const struct mirror_options *options, struct error *err)
{
	struct mirror *m = calloc(1, sizeof *m);
	struct stat st;
	int fd = open(source, O_PATH | O_CLOEXEC);
	int r = 0;

	if (!m || fd < 0 || fstat(fd, &st) < 0) {
		r = error_set(err, m ? errno : ENOMEM, "%s", strerror(m ? errno : ENOMEM));
		if (fd >= 0)
			close(fd);
		free(m);
		return r;
	}
	m->formats = formats;
	m->options = *options;
	m->entries.confined = !options->follow;
	m->cover.fd = -1;
	m->folder.dir = -1;
	m->shelf.closing = note_fillings;
	m->shelf.count_max = ARCHIVES_MAX;
	m->shelf.memory_max = options->archive.memory / 2;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->opened, NULL);
	m->real = realpath(source, NULL);
	if (!m->real)
		r = error_set(err, errno, "%s", strerror(errno));
	else if (S_ISDIR(st.st_mode))
		r = open_directory(m, fd, &st, err);
	else
		r = open_archive(m, source, &st, err);
	if (!m->root || m->root->base != fd)
		close(fd);
	if (r < 0)
		mirror_close(m);
	else
		*ret = m;
	return r;
}

void mirror_close(struct mirror *m)
{
	shelf_clear(&m->shelf);
	if (m->root && m->root->held) {
		m->root->held->owner = NULL;
		shelf_release(&m->shelf, m->root->held);
		m->root->held = NULL;
	}
	entries_free(&m->entries);
	if (!m->root && m->folder.dir >= 0)
		close(m->folder.dir);
	if (m->cover.fd >= 0)
		close(m->cover.fd);
	free(m->cover.name);
	free(m->real);
	pthread_cond_destroy(&m->opened);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
