/* SPDX-License-Identifier: MIT */
#include "mount/daemon/ops_impl.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* --- open files and directories ---------------------------------------- */

struct handle *handle_new(struct mount *m)
{
	struct handle *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->fd = -1;
	atomic_store(&h->holds, 1);
	pthread_mutex_init(&h->lock, NULL);
	pthread_mutex_lock(&m->lock);
	h->next = m->handles;
	h->at = &m->handles;
	if (h->next)
		h->next->at = &h->next;
	m->handles = h;
	pthread_mutex_unlock(&m->lock);
	return h;
}

struct handle *handle_hold(const struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	if (h)
		atomic_fetch_add_explicit(&h->holds, 1, memory_order_relaxed);
	return h;
}

void handle_put(struct mount *m, struct handle *h)
{
	if (!h || atomic_fetch_sub_explicit(&h->holds, 1, memory_order_acq_rel) > 1)
		return;
	pthread_mutex_lock(&m->lock);
	*h->at = h->next;
	if (h->next)
		h->next->at = h->at;
	pthread_mutex_unlock(&m->lock);
	if (h->dir.ref.dentry)
		mirror_close_dir(m->mirror, &h->dir);
	if (h->original)
		passthrough_end(&m->passthrough, h->ref.ino);
	mirror_close_file(m->mirror, h->fd);
	text_free(&h->live);
	if (h->ref.dentry)
		mirror_put(m->mirror, &h->ref);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void mount_init(struct mount *m)
{
	pthread_mutex_init(&m->lock, NULL);
	passthrough_init(&m->passthrough);
	m->since = time(NULL);
	clock_gettime(CLOCK_BOOTTIME, &m->began);
	if (getrandom(&m->generation, sizeof m->generation, 0) != sizeof m->generation || !m->generation)
		m->generation = (uint32_t)getpid();
}

void mount_close(struct mount *m)
{
	while (m->handles)
		handle_put(m, m->handles);
	for (size_t i = 0; i < LIVE_COUNT; i++)
		text_free(&m->live[i]);
	free(m->real);
	passthrough_close(&m->passthrough);
	pthread_mutex_destroy(&m->lock);
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
	/* Replies are written straight from the mapping; splicing through a pipe would
	 * cost more than it saves. */
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	/* With it, an O_DIRECT reader would wait for its requests uninterruptibly: not
	 * even SIGKILL would end that. */
	conn->want &= ~(unsigned)FUSE_CAP_ASYNC_DIO;
	/* Attributes cost nothing in an archive, so every listing carries them. */
	conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS |
					 FUSE_CAP_EXPORT_SUPPORT);
	m->parallel = conn->capable & FUSE_CAP_PARALLEL_DIROPS;
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
	/* On a read-only mount the kernel rejects these by itself; but a device that
	 * somebody else mounted may be writable. */
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
