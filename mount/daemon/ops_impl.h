/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/daemon/reply.h"

/*
 * Shared by the files that implement the operations: ops.c has the table and what all
 * share, ops_node.c lookups and attributes, ops_dir.c listings, ops_file.c reads.
 */

/* Nothing changes within an archive, so the kernel may cache it for ever; in a mirrored
 * directory, changes show within a second. */
static const double for_ever = 1e9, a_moment = 0.5;

/* An open file or directory. The kernel holds a reference until it sends release; so does
 * each request that uses it, since an interrupted request may still be running after the
 * release. */
struct handle {
	_Atomic unsigned holds;
	pthread_mutex_t lock;      /* protects dir: an interrupted listing may still be running */
	struct handle *next, **at; /* in the mount's list of handles */
	struct mirror_dir dir;     /* of an open directory */
	struct mirror_ref ref;     /* of an open file */
	int fd;                    /* of a file that is passed through, else -1 */
	bool original;             /* passthrough_begin() was called for it */
	struct text live;          /* content of stats.json and the like, as of open */
};

struct handle *handle_new(struct mount *m);
struct handle *handle_hold(const struct fuse_file_info *fi); /* NULL if the kernel did not open it */
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

/* live.c, for ino_live() */
void live_put(struct mount *m, uint64_t ino, struct text *ret);
void live_size(struct mount *m, uint64_t ino, struct stat *st); /* takes a snapshot, to size it */
void live_reply(fuse_req_t req, uint64_t ino, struct handle *h, size_t size, off_t offset);

/* ops_file.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
