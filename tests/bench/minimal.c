/* SPDX-License-Identifier: MIT */
/*
 * The least that a low-level FUSE daemon can be: one file, mapped, and replies
 * written from the mapping.  What scripts/bench holds the mount's speed against.
 *
 *     minimal FILE OFFSET SIZE MOUNTPOINT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mount/daemon/fuse.h"

static const char *bytes;
static off_t size;

static struct stat stat_of(fuse_ino_t ino)
{
	struct stat st = {.st_ino = ino, .st_mode = ino == 1 ? S_IFDIR | 0555 : S_IFREG | 0444, .st_nlink = 1};
	st.st_size = ino == 1 ? 0 : size;
	return st;
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {.ino = 2, .attr = stat_of(2), .attr_timeout = 1e9, .entry_timeout = 1e9};
	if (parent != 1 || strcmp(name, "data") != 0)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = stat_of(ino);
	(void)fi;
	fuse_reply_attr(req, &st, 1e9);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t len, off_t offset, struct fuse_file_info *fi)
{
	(void)ino, (void)len, (void)offset, (void)fi;
	fuse_reply_buf(req, NULL, 0);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t offset, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	size_t left = offset < size ? (size_t)(size - offset) : 0;
	fuse_reply_buf(req, bytes + offset, len < left ? len : left);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = do_lookup, .getattr = do_getattr, .readdir = do_readdir, .open = do_open, .read = do_read,
};

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	int fd = open(argv[1], O_RDONLY);
	off_t offset = atoll(argv[2]);
	size = atoll(argv[3]);
	const char *map = mmap(NULL, (size_t)(offset + size), PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || map == MAP_FAILED)
		return 1;
	bytes = map + offset;
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof ops, NULL);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	if (!se || fuse_set_signal_handlers(se) < 0 || fuse_session_mount(se, argv[4]) < 0)
		return 1;
	fuse_session_loop_mt(se, config);
	fuse_session_unmount(se);
	return 0;
}
