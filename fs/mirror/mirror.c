/* SPDX-License-Identifier: MIT */
#include "fs/mirror/impl.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* --- archives ---------------------------------------------------------- */

enum reach mirror_reach(const struct mirror *m, const struct dentry *e)
{
	if (!e->parent)
		return REACH_HUB; /* SOURCE itself, which may be a symlink */
	return m->options.follow ? REACH_ANY : REACH_EXACT;
}

/* Adds the open archive to the cache; called with m->lock held. */
static void adopt_archive(struct mirror *m, struct dentry *e, struct open_archive *h)
{
	uint64_t sum = archive_access_sum(&h->archive);
	h->tell = e->access_sum && e->access_sum != sum;
	e->access_sum = sum;
	h->names_sum = e->names_sum;
	mirror_watch_begin(h);
	h->owner = &e->open;
	e->open = h;
	e->identified = e->st = h->archive.source.st;
	open_archives_add(&m->archives, h);
}

/* Saves the order in which directories were filled, which node numbers depend on, for the next
 * opening. If memory ran out for it, the old numbers become stale. */
static void note_fillings(struct open_archive *h)
{
	struct dentry *e = (struct dentry *)(void *)((char *)h->owner - offsetof(struct dentry, open));
	e->access_sum = archive_access_sum(&h->archive);
	e->names_sum = h->names_sum;
	free(e->filled);
	e->filled = h->archive.filled;
	e->nfilled = h->archive.nfilled;
	h->archive.filled = NULL;
	h->archive.nfilled = 0;
}

/* Waits while another thread opens it; then takes a hold on the dentry's archive, opening it if
 * need be. Called with m->lock held, which is dropped while the file is read. */
static int dentry_hold(struct mirror *m, struct dentry *e, struct open_archive **ret, struct error *err)
{
	struct open_archive *h;
	while (e->opening)
		pthread_cond_wait(&m->opened, &m->lock);
	if (e->open) {
		open_archives_hold(&m->archives, e->open);
		*ret = e->open;
		return 0;
	}
	struct stat then = e->identified;
	e->opening = true;
	pthread_mutex_unlock(&m->lock);
	int r = mirror_open_archive(m, e, &h, err);
	if (r == 0 && !source_same(&then, &h->archive.source.st)) {
		archive_close(&h->archive);
		free(h);
		r = error_set(err, ESTALE, "replaced by another file");
	}
	pthread_mutex_lock(&m->lock);
	e->opening = false;
	pthread_cond_broadcast(&m->opened);
	if (r == 0) {
		adopt_archive(m, e, h);
		*ret = h;
	}
	return r;
}

/* Whether it was the file's contents that kept it from being opened. Otherwise the next attempt
 * may go differently. */
static bool is_lasting(int r)
{
	return r != -ENFILE && r != -EMFILE && r != -EIO && r != -EINTR && r != -ESTALE;
}

int mirror_identify(struct mirror *m, struct dentry *e, struct error *err)
{
	struct error why = {0};
	struct open_archive *h = NULL;
	int r;

	e->opening = true;
	pthread_mutex_unlock(&m->lock);
	r = e->st.st_size > 0 ? mirror_open_archive(m, e, &h, &why) : -ENOTSUP;
	pthread_mutex_lock(&m->lock);
	e->opening = false;
	pthread_cond_broadcast(&m->opened);
	if (r == -ENFILE || r == -EMFILE) /* nothing is known yet */
		return error_set(err, -r, "%s", why.text);
	e->identified = is_lasting(r) ? e->st : (struct stat){0};
	free(e->fault);
	e->fault = NULL;
	e->archive = r == 0;
	if (r == 0) {
		adopt_archive(m, e, h);
		open_archives_release(&m->archives, h);
	} else if (r != -ENOENT && why.text[0] && (r == -EBADMSG || archive_wished(m->formats, e->name))) {
		e->fault = strdup(why.text);
		e->fault_code = r;
	}
	return 0;
}

/* --- references -------------------------------------------------------- */

int mirror_ref_complete(struct mirror *m, struct mirror_ref *ref, struct error *err)
{
	uint32_t index = ino_view(ref->ino) == VIEW_TOP ? TREE_ROOT : ino_index(ref->ino);
	int r = 0;
	ref->open = NULL;
	ref->node = NULL;
	while (ref->dentry->opening)
		pthread_cond_wait(&m->opened, &m->lock);
	if (ino_view(ref->ino) == VIEW_ORIGINAL)
		r = original_exists(m, ref->dentry, index) ? 0 : -ESTALE;
	else if (ref->dentry->archive)
		r = dentry_hold(m, ref->dentry, &ref->open, err);
	else if (index != TREE_ROOT)
		r = -ESTALE;
	if (r == 0 && ref->open && !(ref->node = tree_node(&ref->open->archive.tree, index))) {
		open_archives_release(&m->archives, ref->open);
		r = -ESTALE;
	}
	if (r < 0) {
		dentry_release(&m->dentries, ref->dentry, 1);
		*ref = (struct mirror_ref){0};
	}
	return r;
}

int mirror_get(struct mirror *m, uint64_t ino, struct mirror_ref *ret, struct error *err)
{
	*ret = (struct mirror_ref){0};
	pthread_mutex_lock(&m->lock);
	enum view_id view = ino_view(ino);
	struct dentry *e = view > VIEW_TOP && !views[view].suffix ? NULL : dentry_find(&m->dentries, ino >> 32);
	int r = -ESTALE;
	if (e) {
		dentry_keep(&m->dentries, e);
		*ret = (struct mirror_ref){.ino = ino, .dentry = e};
		r = mirror_ref_complete(m, ret, err);
	}
	pthread_mutex_unlock(&m->lock);
	return r;
}

void mirror_put(struct mirror *m, struct mirror_ref *ref)
{
	pthread_mutex_lock(&m->lock);
	if (ref->open)
		open_archives_release(&m->archives, ref->open);
	dentry_release(&m->dentries, ref->dentry, 1);
	pthread_mutex_unlock(&m->lock);
	*ref = (struct mirror_ref){0};
}

void mirror_copy(struct mirror *m, const struct mirror_ref *from, struct mirror_ref *ret)
{
	pthread_mutex_lock(&m->lock);
	*ret = *from;
	ret->dentry->refs++;
	if (ret->open)
		open_archives_hold(&m->archives, ret->open);
	pthread_mutex_unlock(&m->lock);
}

void mirror_let_go(struct mirror *m, struct mirror_ref *ref)
{
	pthread_mutex_lock(&m->lock);
	if (ref->open)
		open_archives_release(&m->archives, ref->open);
	pthread_mutex_unlock(&m->lock);
	ref->open = NULL;
	ref->node = NULL;
}

int mirror_sibling(struct mirror *m, const struct mirror_ref *in, uint64_t ino, struct mirror_ref *ret)
{
	struct node *n = in->open ? tree_node(&in->open->archive.tree, ino_index(ino)) : NULL;
	if (!n || ino >> 32 != in->ino >> 32 || ino_view(ino) == VIEW_ORIGINAL)
		return -ESTALE;
	mirror_copy(m, in, ret);
	ret->ino = ino;
	ret->node = n;
	return 0;
}

bool mirror_size_known(const struct mirror_ref *ref)
{
	enum view_id view = ino_view(ref->ino);
	if (views[view].write && views[view].files == view)
		return false; /* the text must be generated first */
	return !ref->node || ref->node->kind == NODE_DIR || atomic_load(&ref->node->size) != SIZE_UNKNOWN;
}

void mirror_remember(struct mirror *m, const struct mirror_ref *ref)
{
	pthread_mutex_lock(&m->lock);
	ref->dentry->refs++;
	pthread_mutex_unlock(&m->lock);
}

void mirror_forget(struct mirror *m, uint64_t ino, uint64_t times)
{
	pthread_mutex_lock(&m->lock);
	struct dentry *e = dentry_find(&m->dentries, ino >> 32);
	if (e && e != m->root)
		dentry_release(&m->dentries, e, times);
	pthread_mutex_unlock(&m->lock);
}

/* --- the mirror as a whole --------------------------------------------- */

struct folder mirror_folder(const struct mirror *m)
{
	return (struct folder){.dir = m->root->base, .path = "", .confined = !m->options.follow};
}

bool mirror_is_archive(const struct mirror *m)
{
	return m->root->archive;
}

bool mirror_is_stateless(const struct mirror *m)
{
	return m->root->archive && !m->root->open->archive.format->read && !m->root->open->archive.format->size;
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
	const struct tree *t = ref->open ? &ref->open->archive.tree : NULL;

	for (const struct node *n = ref->node; n && n->parent; n = tree_node(t, n->parent)) {
		size_t len = strlen(n->name);
		if (len + 2 > at)
			break;
		memcpy(path + (at -= len), n->name, len);
		path[--at] = '/';
	}
	for (const struct dentry *e = ref->dentry; e && (e->parent || e->archive); e = e->parent) {
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
	return archive_bytes(&m->root->open->archive);
}

unsigned mirror_archives_open(struct mirror *m)
{
	pthread_mutex_lock(&m->lock);
	unsigned count = m->archives.count;
	pthread_mutex_unlock(&m->lock);
	return count;
}

/* SOURCE is a directory to be mirrored. */
static int open_directory(struct mirror *m, int fd, const struct stat *st, struct error *err)
{
	m->root = dentry_new(&m->dentries, NULL, ".", st);
	if (!m->root)
		return error_set(err, ENOMEM, "no memory");
	m->root->base = fd;
	return 0;
}

/* SOURCE is a file, an archive that stays open to the end. */
static int open_archive(struct mirror *m, const char *source, const struct stat *st, struct error *err)
{
	const char *slash = strrchr(source, '/');
	char *parent = slash == source ? strdup("/") : slash ? strndup(source, (size_t)(slash - source)) : strdup(".");
	struct open_archive *h;

	m->folder = (struct folder){.dir = parent ? open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1, .path = ""};
	free(parent);
	if (m->folder.dir < 0)
		return error_set(err, errno, "%s", strerror(errno));
	m->root = dentry_new(&m->dentries, NULL, slash ? slash + 1 : source, st);
	if (!m->root)
		return error_set(err, ENOMEM, "no memory");
	m->root->base = m->folder.dir;
	int r = mirror_open_archive(m, m->root, &h, err);
	if (r < 0)
		return error_set(err, -r, "%s", st->st_size == 0 ? "an empty file, not an archive"
				 : archive_sliced(m->formats, slash ? slash + 1 : source)
					 ? "part of a checkpoint: mount the .metadata beside it, or its folder with -o dataset"
					 : "not an archive of a format that arrayfs reads");
	m->root->archive = true;
	adopt_archive(m, m->root, h); /* holds it, so it is never evicted */
	return 0;
}

/* SOURCE is a directory that is one archive. */
static int open_dataset(struct mirror *m, const char *source, int fd, const struct stat *st, struct error *err)
{
	const char *slash = strrchr(source, '/');
	struct open_archive *h = calloc(1, sizeof *h);
	m->folder = (struct folder){.dir = fd, .path = ""};
	m->root = h ? dentry_new(&m->dentries, NULL, slash && slash[1] ? slash + 1 : source, st) : NULL;
	if (!m->root) {
		free(h);
		return error_set(err, ENOMEM, "no memory");
	}
	m->root->base = fd;
	int r = archive_open_folder(&h->archive, m->formats, fd, !m->options.follow, &m->options.archive, err);
	if (r < 0) {
		free(h);
		return r;
	}
	m->root->archive = true;
	adopt_archive(m, m->root, h);
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
	numbers_init(&m->numbers, st.st_dev);
	links_init(&m->links);
	m->options = *options;
	if (m->options.files_max == 0)
		m->options.files_max = FILES_MAX;
	m->dentries.confined = !options->follow;
	m->cover.fd = -1;
	m->folder.dir = -1;
	m->archives.closing = note_fillings;
	m->archives.count_max = ARCHIVES_MAX;
	m->archives.memory_max = METADATA_MAX;
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->texts.lock, NULL);
	pthread_cond_init(&m->texts.made, NULL);
	pthread_cond_init(&m->opened, NULL);
	m->real = realpath(source, NULL);
	if (!m->real)
		r = error_set(err, errno, "%s", strerror(errno));
	else if (S_ISDIR(st.st_mode))
		r = options->dataset ? open_dataset(m, source, fd, &st, err) : open_directory(m, fd, &st, err);
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
	/* First of all, as an archive that a worker is decoding from goes back into the cache. */
	if (m->root && m->root->open) {
		m->root->open->owner = NULL;
		open_archives_release(&m->archives, m->root->open);
		m->root->open = NULL;
	}
	open_archives_clear(&m->archives);
	dentries_free(&m->dentries);
	numbers_close(&m->numbers);
	links_close(&m->links);
	if (!m->root && m->folder.dir >= 0)
		close(m->folder.dir);
	if (m->cover.fd >= 0)
		close(m->cover.fd);
	free(m->cover.name);
	free(m->real);
	pthread_cond_destroy(&m->opened);
	pthread_cond_destroy(&m->texts.made);
	pthread_mutex_destroy(&m->texts.lock);
	pthread_mutex_destroy(&m->lock);
	free(m->texts.bytes);
	free(m);
}
