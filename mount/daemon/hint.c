/* SPDX-License-Identifier: MIT */
#include "mount/daemon/hint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount/log.h"

enum { NAMES = 1000 };

/* Does the link lead out of the source, to something that exists? An absolute target may
 * still lie within. */
static bool leads_out(int dir, const char *source, const char *name, char target[PATH_MAX])
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
	struct stat st;
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
	if (fd >= 0)
		close(fd);
	ssize_t n = fd < 0 && errno == EXDEV ? readlinkat(dir, name, target, PATH_MAX - 1) : -1;
	if (n < 0)
		return false;
	target[n] = '\0';
	char *real = *target == '/' ? realpath(source, NULL) : NULL;
	size_t len = real ? strlen(real) : 0;
	bool within = real && strncmp(target, real, len) == 0 && (target[len] == '/' || target[len] == '\0');
	free(real);
	return !within && fstatat(dir, name, &st, 0) == 0;
}

void hint_links(const char *source)
{
	char target[PATH_MAX];
	int fd = open(source, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	for (int i = 0; d && i < NAMES && (e = readdir(d)); i++)
		if (e->d_type == DT_LNK && leads_out(fd, source, e->d_name, target)) {
			log_say("%s: links in it lead out, as %s -> %s does, and are shown as links (-o follow shows what they lead to)",
				source, e->d_name, target);
			break;
		}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

void hint_dataset(const char *source)
{
	static const char *const names[] = {"dataset_dict.json", "dataset_info.json"}, *const slices[] = {".metadata", "__0_0.distcp"};
	struct stat st;
	int fd = open(source, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < sizeof names / sizeof *names; i++)
		if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0) {
			log_say("%s: Hugging Face's datasets wrote it, by its %s, and its files are shown one by one "
				"(-o dataset shows them as a table, or one for each split)", source, names[i]);
			break;
		}
	if (fd >= 0 && fstatat(fd, slices[0], &st, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(fd, slices[1], &st, AT_SYMLINK_NOFOLLOW) == 0)
		log_say("%s: a checkpoint of torch.distributed, whose tensors are in its .metadata (-o dataset shows them here)", source);
	if (fd >= 0)
		close(fd);
}
