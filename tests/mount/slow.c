/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for a network folder: the regular files of a directory, whose reads
 * take until a certain file is gone.
 *
 *     slow DIRECTORY MOUNTPOINT FLAG
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/daemon/fuse.h"

enum { FILES_MAX = 16, FIRST = 2 }; /* inode numbers: 1 the directory, then its files */

static struct {
	char name[NAME_MAX + 1];
	int fd;
} files[FILES_MAX];
static fuse_ino_t count;
static const char *flag;

static int stat_of(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_mode = S_IFDIR | 0755, .st_nlink = 1};
	if (ino >= FIRST && (ino - FIRST >= count || fstat(files[ino - FIRST].fd, st) < 0))
		return -ENOENT;
	st->st_ino = ino;
	return 0;
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {.attr_timeout = 1e9, .entry_timeout = 1e9};
	(void)parent;
	for (fuse_ino_t i = 0; i < count; i++)
		if (strcmp(files[i].name, name) == 0)
			e.ino = FIRST + i;
	if (e.ino && stat_of(e.ino, &e.attr) == 0)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	(void)fi;
	if (stat_of(ino, &st) == 0)
		fuse_reply_attr(req, &st, 1e9);
	else
		fuse_reply_err(req, ENOENT);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	char *buf = malloc(size);
	size_t len = 0;
	(void)ino, (void)fi;
	for (fuse_ino_t i = (fuse_ino_t)offset; buf && i < count; i++) {
		struct stat st = {.st_ino = FIRST + i, .st_mode = S_IFREG};
		size_t n = fuse_add_direntry(req, buf + len, size - len, files[i].name, &st, (off_t)i + 1);
		if (n > size - len)
			break;
		len += n;
	}
	fuse_reply_buf(req, buf, len);
	free(buf);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_open(req, fi);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	char *buf = malloc(size);
	(void)fi;
	while (access(flag, F_OK) == 0)
		usleep(5000);
	ssize_t n = buf ? pread(files[ino - FIRST].fd, buf, size, offset) : -1;
	if (n < 0)
		fuse_reply_err(req, EIO);
	else
		fuse_reply_buf(req, buf, (size_t)n);
	free(buf);
}

static int open_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	while (d && (e = readdir(d)) && count < FILES_MAX) {
		if (e->d_type != DT_REG)
			continue;
		strcpy(files[count].name, e->d_name);
		files[count++].fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
	}
	if (d)
		closedir(d);
	return d ? 0 : -1;
}

int main(int argc, char **argv)
{
	static const struct fuse_lowlevel_ops ops = {
		.lookup = do_lookup, .getattr = do_getattr, .readdir = do_readdir, .open = do_open, .read = do_read,
	};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	if (argc != 4 || open_files(argv[1]) < 0)
		return 2;
	flag = argv[3];
	fuse_opt_add_arg(&args, "slow");
	fuse_opt_add_arg(&args, "-oro,fsname=slow");
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof ops, NULL);
	if (!se || fuse_set_signal_handlers(se) < 0 || fuse_session_mount(se, argv[2]) < 0)
		return 1;
	fuse_loop_cfg_set_max_threads(config, 512);
	fuse_session_loop_mt(se, config);
	fuse_session_unmount(se);
	fuse_session_destroy(se);
	return 0;
}
