/* SPDX-License-Identifier: MIT */
#include "mount/daemon/hint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount/command.h"
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

void hint_word(const char *mountpoint)
{
	struct stat st;
	if (command_find(mountpoint) && lstat(mountpoint, &st) < 0 && errno == ENOENT)
		log_say("%s: a directory of that name is made and mounted on; as a command, it comes before SOURCE", mountpoint);
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

/* --- why nothing can be mounted ---------------------------------------------- */

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Docker, Podman and Kubernetes leave one of these; the last of a service account. */
static bool in_container(void)
{
	return is_there("/.dockerenv") || is_there("/run/.containerenv") || is_there("/var/run/secrets/kubernetes.io") ||
	       getenv("container") || getenv("KUBERNETES_SERVICE_HOST");
}

static bool has_helper(void)
{
	char path[PATH_MAX], *copy = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin"), *save = NULL;
	bool found = false;
	for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir && !found; dir = strtok_r(NULL, ":", &save)) {
		snprintf(path, sizeof path, "%s/fusermount3", dir);
		found = access(path, X_OK) == 0;
	}
	free(copy);
	return found;
}

/* What would help, by what the device says; NULL: nothing that is known. */
static const char *find_help(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), code = fd < 0 ? errno : 0;
	bool root = geteuid() == 0;
	if (fd >= 0)
		close(fd);
	if (code == EACCES)
		return "no write access to /dev/fuse: `chmod 666 /dev/fuse`, as root";
	if (code == EPERM || (in_container() && (code || root)))
		return "FUSE is not permitted here: in a container, run it with --device /dev/fuse --cap-add SYS_ADMIN "
		       "--security-opt apparmor=unconfined";
	if (code == ENOENT)
		return "no /dev/fuse: `modprobe fuse`, as root; in a container, run it with --device /dev/fuse --cap-add SYS_ADMIN "
		       "--security-opt apparmor=unconfined";
	if (code)
		return "/dev/fuse does not work: `modprobe fuse`, as root";
	return !root && !has_helper() ? "no fusermount3, which mounts for users: `apt install fuse3`, as root" : NULL;
}

const char *hint_mount(const char *words, char ret[HINT_MOUNT])
{
	const char *help = find_help();
	if (!help)
		return words;
	snprintf(ret, HINT_MOUNT, "%s (list, info, cat, rows, stats, extract, diff and verify need no mount)", help);
	return ret;
}
