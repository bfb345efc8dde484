/* SPDX-License-Identifier: MIT */
#include "mount/ops.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "mount/device.h"
#include "mount/fuse.h"
#include "mount/log.h"
#include "mount/xattr.h"

/* Within an archive nothing changes, so the kernel may keep it for ever; of a
 * mirrored directory changes show within a second. */
static const double for_ever = 1e9, a_moment = 0.5;

/* An open file or directory. */
struct handle {
	struct handle *next, **at; /* among all of the mount */
	struct mirror_dir dir;     /* of a directory */
	struct mirror_ref ref;     /* of a file */
	int fd;                    /* of a file that is passed through, or -1 */
	struct text figures;       /* of stats.json: as it was at open */
};

static struct handle *handle_new(struct mount *m)
{
	struct handle *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->fd = -1;
	pthread_mutex_lock(&m->lock);
	h->next = m->handles;
	h->at = &m->handles;
	if (h->next)
		h->next->at = &h->next;
	m->handles = h;
	pthread_mutex_unlock(&m->lock);
	return h;
}

static void handle_close(struct mount *m, struct handle *h)
{
	pthread_mutex_lock(&m->lock);
	*h->at = h->next;
	if (h->next)
		h->next->at = h->at;
	pthread_mutex_unlock(&m->lock);
	if (h->dir.ref.entry)
		mirror_close_dir(m->mirror, &h->dir);
	mirror_close_file(m->mirror, h->fd);
	text_free(&h->figures);
	if (h->ref.entry)
		mirror_put(m->mirror, &h->ref);
	free(h);
}

void mount_init(struct mount *m)
{
	pthread_mutex_init(&m->lock, NULL);
}

void mount_close(struct mount *m)
{
	while (m->handles)
		handle_close(m, m->handles);
	text_free(&m->figures);
	pthread_mutex_destroy(&m->lock);
}

static struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* --- telling ----------------------------------------------------------- */

static void trace(fuse_req_t req, const char *what, fuse_ino_t ino, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void trace(fuse_req_t req, const char *what, fuse_ino_t ino, const char *format, ...)
{
	const struct mount *m = mount_of(req);
	char text[512];
	va_list args;
	if (!m->debug)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_say("%-9s %" PRIu64 ".%u %s", what, ino >> 32, (unsigned)ino, text);
}

/* What the caller is told: the reader's own words for a fault are all EIO. */
static int error_for_caller(int r)
{
	return r == -EBADMSG || r == -ENOTSUP || r == -ENOMEM ? EIO : -r;
}

static void reply_error(fuse_req_t req, const char *what, fuse_ino_t ino, int r)
{
	trace(req, what, ino, "-> %s", strerror(error_for_caller(r)));
	fuse_reply_err(req, error_for_caller(r));
}

/* Something in SOURCE could not be read: says which, and why. */
static void tell_fault(const struct mount *m, const struct mirror_ref *ref, int r, const struct error *err)
{
	char path[PATH_MAX];
	if (error_for_caller(r) != EIO || !err->text[0])
		return;
	mirror_path(m->mirror, ref, path, sizeof path);
	log_fault(path, err->text);
}

/* --- entries and attributes -------------------------------------------- */

static bool is_fixed(const struct mount *m, const struct mirror_ref *ref)
{
	if (ref->ino == STATS_INO)
		return false;
	return m->fixed || mirror_fixed(ref);
}

static int fill_entry(fuse_req_t req, const struct mirror_ref *ref, struct fuse_entry_param *ret)
{
	struct mount *m = mount_of(req);
	struct error err = {0};
	*ret = (struct fuse_entry_param){.ino = ref->ino, .generation = 1};
	int r = mirror_stat(m->mirror, ref, -1, &ret->attr, &err);
	ret->attr_timeout = ret->entry_timeout = is_fixed(m, ref) ? for_ever : ref->ino == STATS_INO ? 0 : a_moment;
	return r;
}

/* --- the daemon's figures ---------------------------------------------- */

/*
 * stats.json is a snapshot that is made at open, and size 0 to stat().  Where the
 * kernel opens files by itself, it knows no file that is read beyond its size; but
 * before it reads there it asks for the size, and by an open file, as it asks for
 * no one else: that is when the snapshot is made, and its size told.
 */
static void reply_figures_size(fuse_req_t req, struct stat *st)
{
	struct mount *m = mount_of(req);
	pthread_mutex_lock(&m->lock);
	text_free(&m->figures);
	mirror_stats(m->mirror, &m->figures);
	st->st_size = (off_t)m->figures.len;
	pthread_mutex_unlock(&m->lock);
	fuse_reply_attr(req, st, 0);
}

static void reply_text(fuse_req_t req, const struct text *t, size_t size, off_t offset)
{
	size_t at = offset < 0 || (size_t)offset > t->len ? t->len : (size_t)offset;
	fuse_reply_buf(req, t->bytes + at, size < t->len - at ? size : t->len - at);
}

static void reply_figures(fuse_req_t req, struct handle *h, size_t size, off_t offset)
{
	struct mount *m = mount_of(req);
	if (h) {
		reply_text(req, &h->figures, size, offset);
		return;
	}
	pthread_mutex_lock(&m->lock);
	reply_text(req, &m->figures, size, offset);
	pthread_mutex_unlock(&m->lock);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct mirror_ref dir, ref;
	struct fuse_entry_param e = {0};
	struct error err = {0};
	int r = mirror_get(m->mirror, parent, &dir, &err);
	if (r < 0) {
		reply_error(req, "lookup", parent, r);
		return;
	}
	r = mirror_lookup(m->mirror, &dir, slice_text(name), &ref, &err);
	if (r < 0)
		tell_fault(m, &dir, r, &err);
	if (r == -ENOENT && dir.held) { /* and never will be */
		e.entry_timeout = for_ever;
		trace(req, "lookup", parent, "%s -> none", name);
		fuse_reply_entry(req, &e);
	} else if (r < 0 || (r = fill_entry(req, &ref, &e)) < 0) {
		reply_error(req, "lookup", parent, r);
	} else {
		mirror_remember(m->mirror, &ref);
		trace(req, "lookup", parent, "%s -> %" PRIu64 ".%u, %" PRIu64 " bytes", name, e.ino >> 32, (unsigned)e.ino,
		      (uint64_t)e.attr.st_size);
		if (fuse_reply_entry(req, &e) < 0)
			mirror_forget(m->mirror, ref.ino, 1);
	}
	if (ref.entry)
		mirror_put(m->mirror, &ref);
	mirror_put(m->mirror, &dir);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t times)
{
	mirror_forget(mount_of(req)->mirror, ino, times);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		mirror_forget(mount_of(req)->mirror, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return fi ? (struct handle *)(uintptr_t)fi->fh : NULL;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	struct mirror_ref ref;
	struct error err = {0};
	struct stat st;
	int r;

	if (h)
		mirror_copy(m->mirror, &h->ref, &ref);
	else if ((r = mirror_get(m->mirror, ino, &ref, &err)) < 0) {
		reply_error(req, "getattr", ino, r);
		return;
	}
	r = mirror_stat(m->mirror, &ref, h ? h->fd : -1, &st, &err);
	if (r < 0) {
		reply_error(req, "getattr", ino, r);
	} else if (fi && !h && ref.ino == STATS_INO) {
		reply_figures_size(req, &st);
	} else {
		trace(req, "getattr", ino, "-> mode %o, %" PRIu64 " bytes", st.st_mode, (uint64_t)st.st_size);
		fuse_reply_attr(req, &st, is_fixed(m, &ref) ? for_ever : ino == STATS_INO ? 0 : a_moment);
	}
	mirror_put(m->mirror, &ref);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	char target[PATH_MAX];
	struct mirror_ref ref;
	struct error err = {0};
	int r = mirror_get(m->mirror, ino, &ref, &err);
	if (r == 0) {
		r = mirror_readlink(m->mirror, &ref, target, &err);
		mirror_put(m->mirror, &ref);
	}
	if (r < 0) {
		reply_error(req, "readlink", ino, r);
		return;
	}
	trace(req, "readlink", ino, "-> %s", target);
	fuse_reply_readlink(req, target);
}

/* --- directories ------------------------------------------------------- */

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	if (m->stateless) {
		reply_error(req, "opendir", ino, -ENOSYS);
		return;
	}
	struct handle *h = handle_new(m);
	struct mirror_ref ref;
	struct error err = {0};
	int r = h ? mirror_get(m->mirror, ino, &ref, &err) : -ENOMEM;
	if (r == 0) {
		r = mirror_open_dir(m->mirror, &ref, &h->dir, &err);
		if (r < 0)
			tell_fault(m, &ref, r, &err);
		fi->cache_readdir = fi->keep_cache = r == 0 && ref.held;
		mirror_put(m->mirror, &ref);
	}
	if (r < 0) {
		if (h)
			handle_close(m, h);
		reply_error(req, "opendir", ino, r);
		return;
	}
	trace(req, "opendir", ino, "-> open");
	fi->fh = (uintptr_t)h;
	if (fuse_reply_open(req, fi) < 0)
		handle_close(m, h);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	trace(req, "closedir", ino, "%s", "");
	handle_close(mount_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

/* Appends one name; with attributes, where they are at hand, if plus.  Returns
 * the bytes it takes, which may be more than the room. */
static size_t add_name(fuse_req_t req, struct mirror_dir *dir, const struct mirror_name *name, bool plus,
		       char *buf, size_t room)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e = {0};
	struct mirror_ref ref;

	e.attr.st_mode = (mode_t)DTTOIF(name->type);
	e.attr.st_ino = name->ino ? name->ino : (ino_t)UINT32_MAX; /* not known; libfuse's word for it */
	if (!plus)
		return fuse_add_direntry(req, buf, room, name->name, &e.attr, name->next);

	bool dots = name->name[0] == '.' && (!name->name[1] || (name->name[1] == '.' && !name->name[2]));
	bool known = dir->ref.held && !dots && fuse_add_direntry_plus(req, NULL, 0, name->name, &e, name->next) <= room;
	if (known && mirror_sibling(m->mirror, &dir->ref, name->ino, &ref) == 0) {
		/* A size that takes decoding is told by lookup, not here. */
		if (mirror_size_known(&ref) && fill_entry(req, &ref, &e) == 0)
			mirror_remember(m->mirror, &ref);
		mirror_put(m->mirror, &ref);
	}
	return fuse_add_direntry_plus(req, buf, room, name->name, &e, name->next);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct mirror_dir *dir, bool plus)
{
	struct mount *m = mount_of(req);
	struct mirror_name name;
	struct error err = {0};
	char *buf = malloc(size);
	size_t len = 0;
	unsigned count = 0;
	int r = buf ? 0 : -ENOMEM;

	while (r == 0 && (r = mirror_next(m->mirror, dir, offset, &name, &err)) > 0) {
		size_t n = add_name(req, dir, &name, plus, buf + len, size - len);
		if (n > size - len)
			break;
		r = 0;
		len += n;
		offset = name.next;
		count++;
	}
	if (r < 0) {
		tell_fault(m, &dir->ref, r, &err);
		reply_error(req, "readdir", ino, r);
	} else {
		trace(req, "readdir", ino, "-> %u names", count);
		fuse_reply_buf(req, buf, len);
	}
	free(buf);
}

/* Without opendir (one archive), a directory is its inode. */
static void read_dir_of(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi, bool plus)
{
	struct mount *m = mount_of(req);
	struct mirror_dir dir;
	struct mirror_ref ref;
	struct error err = {0};
	if (fi->fh) {
		read_dir(req, ino, size, offset, &handle_of(fi)->dir, plus);
		return;
	}
	int r = mirror_get(m->mirror, ino, &ref, &err);
	if (r == 0) {
		r = mirror_open_dir(m->mirror, &ref, &dir, &err);
		mirror_put(m->mirror, &ref);
	}
	if (r < 0) {
		reply_error(req, "readdir", ino, r);
		return;
	}
	read_dir(req, ino, size, offset, &dir, plus);
	mirror_close_dir(m->mirror, &dir);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir_of(req, ino, size, offset, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir_of(req, ino, size, offset, fi, true);
}

/* --- files ------------------------------------------------------------- */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct error err = {0};
	struct handle *h;
	int r;

	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		reply_error(req, "open", ino, -EROFS);
		return;
	}
	if (m->stateless) { /* the kernel then opens by itself, now and ever after */
		reply_error(req, "open", ino, -ENOSYS);
		return;
	}
	h = handle_new(m);
	r = h ? mirror_get(m->mirror, ino, &h->ref, &err) : -ENOMEM;
	if (r == 0 && (r = mirror_open_file(m->mirror, &h->ref, &h->fd, &err)) < 0)
		tell_fault(m, &h->ref, r, &err);
	if (r < 0) {
		if (h)
			handle_close(m, h);
		reply_error(req, "open", ino, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->keep_cache = h->fd < 0;
	if (ino == STATS_INO) {
		mirror_stats(m->mirror, &h->figures);
		fi->keep_cache = 0;
		fi->direct_io = 1;
	}
	fi->noflush = 1;
	trace(req, "open", ino, "-> open");
	if (fuse_reply_open(req, fi) < 0)
		handle_close(m, h);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	trace(req, "close", ino, "%s", "");
	if (handle_of(fi))
		handle_close(mount_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

/* Replies with the spans as they are; one writev() takes so many of them.  -EIO: the
 * reader was told so, because mapped bytes were gone when he should have them. */
static int reply_answer(fuse_req_t req, const struct answer *a, struct error *err)
{
	char *flat = NULL;
	int r = 0;
	if (a->count >= IOV_MAX) {
		flat = malloc(a->len);
		r = flat ? answer_copy(a, flat, err) : -ENOMEM;
	}
	if (r < 0) {
		fuse_reply_err(req, error_for_caller(r));
		free(flat);
		return r;
	}
	device_lost = false;
	if (flat)
		fuse_reply_buf(req, flat, a->len);
	else if (a->count == 0)
		fuse_reply_buf(req, NULL, 0);
	else if (a->count == 1)
		fuse_reply_buf(req, a->spans[0].iov_base, a->spans[0].iov_len);
	else
		fuse_reply_iov(req, a->spans, (int)a->count);
	free(flat);
	return device_lost ? error_set(err, EIO, "the file was cut short, or cannot be read") : 0;
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	struct mirror_ref got = {0}, *ref = h ? &h->ref : &got;
	struct error err = {0};
	struct answer a;
	if (ino == STATS_INO) {
		trace(req, "read", ino, "%zu at %" PRIu64, size, (uint64_t)offset);
		reply_figures(req, h, size, offset);
		return;
	}
	int r = h ? 0 : mirror_get(m->mirror, ino, &got, &err);

	answer_init(&a);
	if (r == 0)
		r = mirror_read(m->mirror, ref, h ? h->fd : -1, (uint64_t)offset, size, &a, &err);
	if (r < 0 && ref->entry)
		tell_fault(m, ref, r, &err);
	/* The page cache asks again, page by page, for what failed.  Who reads past
	 * it does not: he gets what is good in front of the fault. */
	while (r < 0 && (fi->flags & O_DIRECT) && size > 4096) {
		size = (size / 2 + 4095) & ~(size_t)4095;
		answer_reset(&a);
		r = mirror_read(m->mirror, ref, h ? h->fd : -1, (uint64_t)offset, size, &a, &err);
	}
	if (r < 0) {
		reply_error(req, "read", ino, r);
	} else {
		trace(req, "read", ino, "%zu at %" PRIu64 " -> %" PRIu64 " in %zu spans", size, (uint64_t)offset, a.len, a.count);
		if ((r = reply_answer(req, &a, &err)) < 0 && ref->entry) /* the request is gone */
			tell_fault(m, ref, r, &err);
	}
	answer_close(&a);
	if (got.entry)
		mirror_put(m->mirror, &got);
}

/* --- extended attributes ----------------------------------------------- */

static void reply_xattr(fuse_req_t req, const char *what, fuse_ino_t ino, size_t size, ssize_t n, const char *buf)
{
	if (n < 0) {
		reply_error(req, what, ino, (int)n);
		return;
	}
	trace(req, what, ino, "-> %zd bytes", n);
	if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

/* name is NULL for the list. */
static void xattr(fuse_req_t req, const char *what, fuse_ino_t ino, const char *name, size_t size)
{
	struct mount *m = mount_of(req);
	struct mirror_ref ref;
	struct error err = {0};
	char few[256], *buf = size <= sizeof few ? few : malloc(size);
	ssize_t n = buf ? mirror_get(m->mirror, ino, &ref, &err) : -ENOMEM;
	if (n == 0) {
		n = name ? xattr_get(m->mirror, &ref, name, buf, size, &err)
			 : xattr_list(m->mirror, &ref, buf, size, &err);
		if (n < 0)
			tell_fault(m, &ref, (int)n, &err);
		mirror_put(m->mirror, &ref);
	}
	reply_xattr(req, what, ino, size, n, buf);
	if (buf != few)
		free(buf);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	/* ls -l asks these of every file, each a round trip, and stops asking for
	 * good where the file system has no such thing, as this one has not. */
	if (strcmp(name, "security.selinux") == 0 || strncmp(name, "system.posix_acl_", 17) == 0) {
		trace(req, "getxattr", ino, "%s -> none on this file system", name);
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	xattr(req, "getxattr", ino, name, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	xattr(req, "listxattr", ino, NULL, size);
}

/* --- the whole --------------------------------------------------------- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	enum { BLOCK = 4096 };
	uint64_t bytes = mirror_bytes(mount_of(req)->mirror);
	struct statvfs st = {.f_bsize = BLOCK, .f_frsize = BLOCK, .f_namemax = 255, .f_flag = ST_RDONLY};
	st.f_blocks = bytes / BLOCK + (bytes % BLOCK != 0);
	(void)ino;
	fuse_reply_statfs(req, &st);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mount *m = userdata;
	/* Replies are written from the mapping; a pipe on the way costs more than it
	 * saves. */
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	/* Attributes cost nothing in an archive, so names always come with them. */
	conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS);
	if (m->fixed) {
		conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
		conn->want |= conn->capable & FUSE_CAP_EXPLICIT_INVAL_DATA;
	}
	conn->max_background = 256;
	conn->congestion_threshold = 256;
	if (m->ready)
		m->ready(m);
}

static void op_rofs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int what, struct fuse_file_info *fi)
{
	(void)st, (void)what, (void)fi;
	reply_error(req, "setattr", ino, -EROFS);
}

static void op_rofs_name(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)name;
	reply_error(req, "unlink", parent, -EROFS);
}

static void op_rofs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)name, (void)mode;
	reply_error(req, "mkdir", parent, -EROFS);
}

static void op_rofs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
	(void)name, (void)mode, (void)dev;
	reply_error(req, "mknod", parent, -EROFS);
}

static void op_rofs_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)name;
	reply_error(req, "symlink", parent, -EROFS);
}

static void op_rofs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to, const char *to_name, unsigned flags)
{
	(void)name, (void)to, (void)to_name, (void)flags;
	reply_error(req, "rename", parent, -EROFS);
}

static void op_rofs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	reply_error(req, "link", ino, -EROFS);
}

static void op_rofs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	(void)name, (void)mode, (void)fi;
	reply_error(req, "create", parent, -EROFS);
}

static void op_rofs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	(void)name, (void)value, (void)size, (void)flags;
	reply_error(req, "setxattr", ino, -EROFS);
}

static void op_rofs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)name;
	reply_error(req, "removexattr", ino, -EROFS);
}

const struct fuse_lowlevel_ops mount_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.statfs = op_statfs,
	/* Mounted read-only, the kernel refuses these by itself; a descriptor that
	 * was mounted by somebody else may not be. */
	.setattr = op_rofs_setattr,
	.mknod = op_rofs_mknod,
	.mkdir = op_rofs_mkdir,
	.unlink = op_rofs_name,
	.rmdir = op_rofs_name,
	.symlink = op_rofs_symlink,
	.rename = op_rofs_rename,
	.link = op_rofs_link,
	.create = op_rofs_create,
	.setxattr = op_rofs_setxattr,
	.removexattr = op_rofs_removexattr,
};
