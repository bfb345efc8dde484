/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/daemon/reply.h"

/*
 * What the files of the operations share: ops.c has the table and what is the same
 * for all, ops_node.c looks, ops_dir.c lists, ops_file.c reads.
 */

/* Within an archive nothing changes, so the kernel may keep it for ever; of a
 * mirrored directory changes show within a second. */
static const double for_ever = 1e9, a_moment = 0.5;

/* An open file or directory.  The kernel holds it until it says release, and so does
 * who works for it: a request that was given up may be at work even after that. */
struct handle {
	_Atomic unsigned holds;
	pthread_mutex_t lock;      /* of dir: a listing that was given up may go on */
	struct handle *next, **at; /* among all of the mount */
	struct mirror_dir dir;     /* of a directory */
	struct mirror_ref ref;     /* of a file */
	int fd;                    /* of a file that is passed through, or -1 */
	struct text figures;       /* of stats.json or log.txt: as it was at open */
};

struct handle *handle_new(struct mount *m);
struct handle *handle_hold(const struct fuse_file_info *fi); /* NULL where nothing was opened */
void handle_put(struct mount *m, struct handle *h);          /* h may be NULL */

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return fi ? (struct handle *)(uintptr_t)fi->fh : NULL;
}

/* ops_node.c */
double node_timeout(const struct mount *m, const struct mirror_ref *ref);
int node_entry(struct mount *m, const struct mirror_ref *ref, struct fuse_entry_param *ret);
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t times);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readlink(fuse_req_t req, fuse_ino_t ino);
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

/* ops_dir.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* ops_file.c */
void live_size(struct mount *m, uint64_t ino, struct stat *st); /* makes stats.json or log.txt anew, and tells its size */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
