/* SPDX-License-Identifier: MIT */
/* The kernel's list of mounts: proc(5), /proc/PID/mountinfo. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mount/daemon/mountpoint.h"

/* Decodes the octal escapes of mountinfo. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; to++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			unsigned code = (unsigned)(s[1] - '0') << 6 | (unsigned)(s[2] - '0') << 3 | (unsigned)(s[3] - '0');
			*to = (char)code;
			s += 4;
		} else {
			*to = *s++;
		}
	*to = '\0';
}

/* Fields: id, parent, major:minor, root, mount point, options, optional fields, "-",
 * type, source, super options. */
static bool parse(const char *line, struct mounted *ret, char place[PATH_MAX])
{
	const char *type = strstr(line, " - ");
	if (!type || sscanf(line, "%*d %*d %u:%u %*s %4095s", &ret->major, &ret->minor, place) != 3 ||
	    sscanf(type + 3, "%63s %4095s", ret->type, ret->source) != 2)
		return false;
	unescape(place);
	unescape(ret->source);
	return true;
}

/* Calls `each` for every line of the file, until it returns false. */
static void each_mount(const char *file, bool (*each)(void *arg, const struct mounted *m, const char *place), void *arg)
{
	FILE *f = fopen(file, "re");
	char *line = NULL, *place = malloc(PATH_MAX);
	struct mounted *m = malloc(sizeof *m);
	size_t room = 0;
	while (f && place && m && getline(&line, &room, f) > 0)
		if (parse(line, m, place) && !each(arg, m, place))
			break;
	free(m);
	free(place);
	free(line);
	if (f)
		fclose(f);
}

/* sysfs has one directory per mounted file system with a device number of its own,
 * visible from every mount namespace. */
static ino_t bdi_of(const struct mounted *m)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof path, "/sys/class/bdi/%u:%u", m->major, m->minor);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

struct looking {
	const char *path;
	struct mounted *ret;
	unsigned count;
};

static bool look(void *arg, const struct mounted *m, const char *place)
{
	struct looking *l = arg;
	if (strcmp(place, l->path) == 0) {
		*l->ret = *m; /* the last one listed is on top */
		l->ret->bdi = bdi_of(m);
		l->count++;
	}
	return true;
}

unsigned mountpoint_look(const char *path, struct mounted *ret)
{
	struct looking l = {path, ret, 0};
	each_mount("/proc/self/mountinfo", look, &l);
	return l.count;
}

void mountpoint_each(bool (*each)(void *arg, const struct mounted *m, const char *place), void *arg)
{
	each_mount("/proc/self/mountinfo", each, arg);
}

bool mountpoint_above(const char *path, char ret[PATH_MAX])
{
	struct mounted mounted;
	strcpy(ret, path);
	for (char *slash; (slash = strrchr(ret, '/')) && slash != ret;) {
		*slash = '\0';
		if (mountpoint_look(ret, &mounted))
			return strcmp(mounted.type, "fuse.arrayfs") == 0;
	}
	return false;
}

int mountpoint_resolve(const char *path, char ret[PATH_MAX])
{
	char copy[PATH_MAX], parent[PATH_MAX];
	struct mounted mounted;
	size_t n = strlen(path);
	if (n >= sizeof copy) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(copy, path);
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	char *slash = strrchr(copy, '/');
	const char *name = slash ? slash + 1 : copy;
	if (slash)
		*slash = '\0';
	bool plain = *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
	if (plain && realpath(!slash ? "." : slash == copy ? "/" : copy, parent) &&
	    snprintf(ret, PATH_MAX, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name) < PATH_MAX &&
	    mountpoint_look(ret, &mounted))
		return 0;
	return realpath(path, ret) ? 0 : -1; /* such as a symbolic link to a mountpoint */
}

/* --- elsewhere ----------------------------------------------------------- */

/* Mount namespaces already searched (one process's view of each is enough), and limits of
 * the search. */
enum { SPACES = 256, PLACES = 3, SECONDS = 2 };

struct elsewhere {
	const struct mounted *mounted;
	char *words;
	size_t room;
	const char *who; /* " for process N (NAME)", or "" */
	char listed[PLACES][256]; /* already listed: a bind mount often shows in several namespaces */
	unsigned count;
};

static bool note_place(void *arg, const struct mounted *m, const char *place)
{
	struct elsewhere *e = arg;
	size_t n = strlen(e->words);
	if (m->major != e->mounted->major || m->minor != e->mounted->minor || strcmp(m->type, e->mounted->type) != 0)
		return true;
	for (unsigned i = 0; i < e->count && i < PLACES; i++)
		if (strncmp(e->listed[i], place, sizeof e->listed[i] - 1) == 0)
			return true;
	if (e->count < PLACES)
		snprintf(e->listed[e->count], sizeof e->listed[e->count], "%s", place);
	if (++e->count <= PLACES)
		snprintf(e->words + n, e->room - n, "%s%s%s", n ? ", " : "", place, e->who);
	return e->count <= PLACES;
}

static void describe_process(const char *pid, char *ret, size_t room)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	FILE *f = fopen(path, "re");
	if (f && fgets(name, sizeof name, f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
	snprintf(ret, room, " for process %.20s%s%s%s", pid, *name ? " (" : "", name, *name ? ")" : "");
}

/* Is the process in a mount namespace not searched yet? One that cannot be determined
 * counts as new. */
static bool is_new(const char *pid, char seen[SPACES][32], unsigned *count)
{
	char path[64], space[32];
	snprintf(path, sizeof path, "/proc/%.20s/ns/mnt", pid);
	ssize_t n = readlink(path, space, sizeof space - 1);
	if (n < 0)
		return true;
	space[n] = '\0';
	for (unsigned i = 0; i < *count; i++)
		if (strcmp(seen[i], space) == 0)
			return false;
	if (*count < SPACES)
		strcpy(seen[(*count)++], space);
	return true;
}

void mountpoint_elsewhere(const struct mounted *mounted, char *words, size_t room)
{
	static char seen[SPACES][32];
	char path[64], who[96] = "";
	unsigned count = 0;
	struct elsewhere e = {.mounted = mounted, .words = words, .room = room, .who = who};
	time_t end = time(NULL) + SECONDS;
	*words = '\0';
	is_new("self", seen, &count);
	each_mount("/proc/self/mountinfo", note_place, &e);
	DIR *d = opendir("/proc");
	for (struct dirent *p; d && e.count <= PLACES && time(NULL) <= end && (p = readdir(d));) {
		if (!isdigit((unsigned char)p->d_name[0]) || !is_new(p->d_name, seen, &count))
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/mountinfo", p->d_name);
		describe_process(p->d_name, who, sizeof who);
		each_mount(path, note_place, &e);
	}
	if (d)
		closedir(d);
	size_t n = strlen(words);
	if (e.count > PLACES)
		snprintf(words + n, room - n, " and more");
}

bool mountpoint_lives(const struct mounted *mounted, bool unknown)
{
	return mounted->bdi ? bdi_of(mounted) == mounted->bdi : unknown;
}
