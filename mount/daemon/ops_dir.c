/* SPDX-License-Identifier: MIT */
#include "mount/daemon/ops_impl.h"

#include <stdlib.h>

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	if (m->stateless) {
		reply_error(req, "opendir", ino, -ENOSYS);
		return;
	}
	struct handle *h = handle_new(m);
	struct mirror_ref ref = {0};
	struct request q;
	struct error err = {0};
	request_begin(&q, req, "opendir", ino);
	int r = h ? mirror_get(m->mirror, ino, &ref, &err) : -ENOMEM;
	/* The kernel checked permissions against attributes that have changed since: on
	 * ESTALE it looks them up again and retries. */
	if (r == 0 && mirror_watch(m->mirror, &ref))
		r = -ESTALE;
	if (r == 0) {
		r = mirror_open_dir(m->mirror, &ref, &h->dir, &err);
		fi->cache_readdir = fi->keep_cache = r == 0 && ref.open;
	}
	if (r < 0) {
		request_fail(&q, &ref, r, &err);
	} else if (request_end(&q)) {
		trace(m, "opendir", ino, "-> open");
		fi->fh = (uintptr_t)h;
		if (fuse_reply_open(req, fi) == 0)
			h = NULL; /* closed by op_releasedir() */
	}
	if (ref.dentry)
		mirror_put(m->mirror, &ref);
	handle_put(m, h);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	trace(mount_of(req), "closedir", ino, "%s", "");
	handle_put(mount_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

/* Appends one name; with `plus`, also its attributes if they are at hand. Returns the
 * bytes needed, which may exceed the room. */
static size_t add_name(fuse_req_t req, struct mirror_dir *dir, const struct mirror_name *name, bool plus,
		       char *buf, size_t room)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e = {0};
	struct mirror_ref ref;

	e.attr.st_mode = (mode_t)DTTOIF(name->type);
	e.attr.st_ino = name->number;
	if (!plus)
		return fuse_add_direntry(req, buf, room, name->name, &e.attr, name->next);

	bool dots = name->name[0] == '.' && (!name->name[1] || (name->name[1] == '.' && !name->name[2]));
	bool known = dir->ref.open && !dots && fuse_add_direntry_plus(req, NULL, 0, name->name, &e, name->next) <= room;
	if (known && mirror_sibling(m->mirror, &dir->ref, name->ino, &ref) == 0) {
		/* A size that takes decoding is left to lookup. */
		if (mirror_size_known(&ref) && node_entry(m, &ref, &e) == 0)
			mirror_remember(m->mirror, &ref);
		mirror_put(m->mirror, &ref);
	}
	return fuse_add_direntry_plus(req, buf, room, name->name, &e, name->next);
}

static void read_dir(struct request *q, size_t size, off_t offset, struct mirror_dir *dir, bool plus)
{
	struct mount *m = q->mount;
	struct mirror_name name;
	struct error err = {0};
	char *buf = malloc(size);
	size_t len = 0;
	unsigned count = 0;
	int r = buf ? 0 : -ENOMEM;

	while (r == 0 && (r = mirror_next(m->mirror, dir, offset, &name, &err)) > 0) {
		size_t n = add_name(q->req, dir, &name, plus, buf + len, size - len);
		if (n > size - len)
			break;
		r = 0;
		len += n;
		offset = name.next;
		count++;
	}
	if (r < 0) {
		request_fail(q, &dir->ref, r, &err);
	} else if (request_end(q)) {
		trace(m, "readdir", q->ino, "-> %u names", count);
		fuse_reply_buf(q->req, buf, len);
	}
	free(buf);
}

/* If opendir is not used (one archive), a directory is identified by its inode alone. */
static void read_dir_of(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi, bool plus)
{
	struct mount *m = mount_of(req);
	struct mirror_dir dir;
	struct mirror_ref ref;
	struct request q;
	struct error err = {0};
	request_begin(&q, req, "readdir", ino);
	struct handle *h = handle_hold(fi);
	if (h) {
		pthread_mutex_lock(&h->lock);
		read_dir(&q, size, offset, &h->dir, plus);
		pthread_mutex_unlock(&h->lock);
		handle_put(m, h);
		return;
	}
	int r = mirror_get(m->mirror, ino, &ref, &err);
	if (r == 0) {
		r = mirror_open_dir(m->mirror, &ref, &dir, &err);
		mirror_put(m->mirror, &ref);
	}
	if (r < 0) {
		request_fail(&q, NULL, r, &err);
		return;
	}
	read_dir(&q, size, offset, &dir, plus);
	mirror_close_dir(m->mirror, &dir);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir_of(req, ino, size, offset, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir_of(req, ino, size, offset, fi, true);
}
