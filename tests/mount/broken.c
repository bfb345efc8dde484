/* SPDX-License-Identifier: MIT */
/*
 * A disk that has gone bad: one file, as it is, of which a range cannot be read.
 * To whom it is mapped, a page of that range is SIGBUS, as on a real device.
 *
 *     broken FILE FROM TO MOUNTPOINT
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/daemon/fuse.h"

static const char *name;
static int file;
static off_t from, to;

static struct stat stat_of(fuse_ino_t ino)
{
	struct stat st = {.st_mode = S_IFDIR | 0555, .st_nlink = 2};
	if (ino != 1)
		fstat(file, &st);
	st.st_ino = ino;
	return st;
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *wanted)
{
	struct fuse_entry_param e = {.ino = 2, .attr = stat_of(2), .attr_timeout = 1, .entry_timeout = 1};
	if (parent != 1 || strcmp(wanted, name) != 0)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = stat_of(ino);
	(void)fi;
	fuse_reply_attr(req, &st, 1);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t len, off_t offset, struct fuse_file_info *fi)
{
	char entry[512];
	struct stat st = stat_of(2);
	(void)ino, (void)fi;
	size_t n = offset ? 0 : fuse_add_direntry(req, entry, sizeof entry, name, &st, 1);
	fuse_reply_buf(req, entry, n <= len && n <= sizeof entry ? n : 0);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t offset, struct fuse_file_info *fi)
{
	char *buf = malloc(len);
	(void)ino, (void)fi;
	ssize_t n = -1;
	errno = EIO;
	if (buf && (offset >= to || offset + (off_t)len <= from))
		n = pread(file, buf, len, offset);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buf, (size_t)n);
	free(buf);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = do_lookup, .getattr = do_getattr, .readdir = do_readdir, .read = do_read,
};

int main(int argc, char **argv)
{
	if (argc != 5 || (file = open(argv[1], O_RDONLY)) < 0)
		return 2;
	name = basename(argv[1]);
	from = atoll(argv[2]);
	to = atoll(argv[3]);
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof ops, NULL);
	if (!se || fuse_set_signal_handlers(se) < 0 || fuse_session_mount(se, argv[4]) < 0)
		return 1;
	fuse_session_loop(se);
	fuse_session_unmount(se);
	return 0;
}
