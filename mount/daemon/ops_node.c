/* SPDX-License-Identifier: MIT */
#include "mount/daemon/ops_impl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "mount/daemon/xattr.h"

/* --- entries and attributes -------------------------------------------- */

double node_timeout(const struct mount *m, const struct mirror_ref *ref)
{
	/* An archive that is SOURCE never changes, but its own files may, whose references hold no archive. */
	return ino_live(ref->ino) ? 0 : (m->fixed && ref->open) || mirror_fixed(ref) ? for_ever : a_moment;
}

/* The attributes of the root of SOURCE expire, like those of archives in a mirrored
 * directory: every access through them then checks the source's files for changed modes
 * and owners. */
static double attr_timeout(const struct mount *m, const struct mirror_ref *ref)
{
	return ref->ino == TREE_ROOT && !m->stateless ? a_moment : node_timeout(m, ref);
}

int node_entry(struct mount *m, const struct mirror_ref *ref, struct fuse_entry_param *ret)
{
	struct error err = {0};
	*ret = (struct fuse_entry_param){.ino = ref->ino, .generation = m->generation};
	ret->entry_timeout = node_timeout(m, ref);
	ret->attr_timeout = attr_timeout(m, ref);
	mirror_watch(m->mirror, ref);
	if (ino_view(ref->ino) == VIEW_ORIGINAL)
		m->originals = true;
	return mirror_stat(m->mirror, ref, -1, &ret->attr, &err);
}

/* Counts a lookup before the reply, as the kernel may refer to the inode from then on. */
static void reply_entry(const struct request *q, const char *name, const struct mirror_ref *ref,
			const struct fuse_entry_param *e)
{
	struct mirror *mirror = q->mount->mirror;
	mirror_remember(mirror, ref);
	trace(q->mount, q->what, q->ino, "%s -> %" PRIu64 ".%u, %" PRIu64 " bytes", name, e->ino >> 32, (unsigned)e->ino,
	      (uint64_t)e->attr.st_size);
	if (fuse_reply_entry(q->req, e) < 0)
		mirror_forget(mirror, ref->ino, 1);
}

/* Lookups of "." and ".." come from file handles (NFS exports), for inodes that the
 * kernel has forgotten. */
static int find(struct mirror *m, const struct mirror_ref *dir, const char *name, struct mirror_ref *ret, struct error *err)
{
	int r;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return mirror_lookup(m, dir, slice_text(name), ret, err);
	*ret = (struct mirror_ref){0};
	if ((r = mirror_check(m, dir, err)) < 0)
		return r;
	if (name[1])
		return mirror_parent(m, dir, ret, err);
	mirror_copy(m, dir, ret);
	return 0;
}

static void look_up(struct request *q, const struct mirror_ref *dir, const char *name)
{
	struct mount *m = q->mount;
	struct mirror_ref ref;
	struct fuse_entry_param e = {0};
	struct error err = {0};
	int r = find(m->mirror, dir, name, &ref, &err);
	bool none = r == -ENOENT && dir->open; /* a name missing in an archive never appears */
	if (r < 0)
		tell_fault(m, dir, r, &err);
	else
		r = node_entry(m, &ref, &e);
	if (request_end(q)) {
		if (none) {
			e.entry_timeout = for_ever;
			trace(m, q->what, q->ino, "%s -> none", name);
			fuse_reply_entry(q->req, &e);
		} else if (r < 0) {
			reply_error(q->req, q->what, q->ino, r);
		} else {
			reply_entry(q, name, &ref, &e);
		}
	}
	if (ref.dentry)
		mirror_put(m->mirror, &ref);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct mirror_ref dir;
	struct request q;
	struct error err = {0};
	request_begin(&q, req, "lookup", parent);
	int r = mirror_get(m->mirror, parent, &dir, &err);
	if (r < 0) {
		request_fail(&q, NULL, r, &err);
		return;
	}
	look_up(&q, &dir, name);
	mirror_put(m->mirror, &dir);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t times)
{
	mirror_forget(mount_of(req)->mirror, ino, times);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		mirror_forget(mount_of(req)->mirror, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_hold(fi);
	struct mirror_ref ref;
	struct request q;
	struct error err = {0};
	struct stat st;
	int r = 0;

	request_begin(&q, req, "getattr", ino);
	if (h)
		mirror_copy(m->mirror, &h->ref, &ref);
	else
		r = mirror_get(m->mirror, ino, &ref, &err);
	if (r < 0) {
		request_fail(&q, NULL, r, &err);
		handle_put(m, h);
		return;
	}
	mirror_watch(m->mirror, &ref);
	r = mirror_stat(m->mirror, &ref, h ? h->fd : -1, &st, &err);
	if (r == 0 && fi && !h && ino_live(ref.ino))
		live_size(m, ref.ino, &st);
	if (r < 0) {
		request_fail(&q, NULL, r, &err);
	} else if (request_end(&q)) {
		trace(m, "getattr", ino, "-> mode %o, %" PRIu64 " bytes", st.st_mode, (uint64_t)st.st_size);
		fuse_reply_attr(req, &st, attr_timeout(m, &ref));
	}
	mirror_put(m->mirror, &ref);
	handle_put(m, h);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	char target[PATH_MAX];
	struct mirror_ref ref;
	struct request q;
	struct error err = {0};
	request_begin(&q, req, "readlink", ino);
	int r = mirror_get(m->mirror, ino, &ref, &err);
	if (r == 0) {
		r = mirror_readlink(m->mirror, &ref, target, &err);
		mirror_put(m->mirror, &ref);
	}
	if (r < 0) {
		request_fail(&q, NULL, r, &err);
	} else if (request_end(&q)) {
		trace(m, "readlink", ino, "-> %s", target);
		fuse_reply_readlink(req, target);
	}
}

/* --- extended attributes ----------------------------------------------- */

static void reply_xattr(struct request *q, size_t size, ssize_t n, const char *buf)
{
	if (!request_end(q))
		return;
	if (n < 0) {
		reply_error(q->req, q->what, q->ino, (int)n);
		return;
	}
	trace(q->mount, q->what, q->ino, "-> %zd bytes", n);
	if (size == 0)
		fuse_reply_xattr(q->req, (size_t)n);
	else
		fuse_reply_buf(q->req, buf, (size_t)n);
}

/* name is NULL to list the names. */
static void xattr(fuse_req_t req, const char *what, fuse_ino_t ino, const char *name, size_t size)
{
	struct mount *m = mount_of(req);
	struct mirror_ref ref;
	struct request q;
	struct error err = {0};
	char few[256], *buf = size <= sizeof few ? few : malloc(size);
	request_begin(&q, req, what, ino);
	ssize_t n = buf ? mirror_get(m->mirror, ino, &ref, &err) : -ENOMEM;
	if (n == 0 && mirror_watch(m->mirror, &ref)) {
		n = -ESTALE;
		mirror_put(m->mirror, &ref);
	} else if (n == 0) {
		n = name ? xattr_get(m->mirror, &ref, name, buf, size, &err)
			 : xattr_list(m->mirror, &ref, buf, size, &err);
		if (n < 0)
			tell_fault(m, &ref, (int)n, &err);
		mirror_put(m->mirror, &ref);
	}
	reply_xattr(&q, size, n, buf);
	if (buf != few)
		free(buf);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	/* ls -l asks for these of every file, a round trip each. EOPNOTSUPP makes it stop
	 * asking for good, and is true: this file system supports none of them. */
	if (strcmp(name, "security.selinux") == 0 || strncmp(name, "system.posix_acl_", 17) == 0) {
		trace(mount_of(req), "getxattr", ino, "%s -> none on this file system", name);
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	xattr(req, "getxattr", ino, name, size);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	xattr(req, "listxattr", ino, NULL, size);
}
