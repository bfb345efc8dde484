/* SPDX-License-Identifier: MIT */
#include "mount/commands/near.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/views/views.h"
#include "mount/commands/walk.h"
#include "mount/suggest.h"

/* So many names are looked at, in one directory or in all. */
enum { NAMES = 1 << 20 };

/* A name that is near and is to be kept. */
struct kept {
	struct suggestion s;
	char best[NAME_MAX + 16];
};

static void weigh(struct kept *k, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	suggest(&k->s, slice_text(name));
	if ((const char *)k->s.best.data == name && strlen(name) < sizeof k->best) {
		strcpy(k->best, name);
		k->s.best.data = (const uint8_t *)k->best;
	}
}

/* --- a SOURCE ------------------------------------------------------------------ */

/* The longest beginning of the path that is a directory; its last part may be missing. */
static bool is_directory(const char *path, size_t len)
{
	char copy[PATH_MAX];
	struct stat st;
	if (len >= sizeof copy)
		return true;
	memcpy(copy, path, len);
	copy[len] = '\0';
	return stat(len ? copy : ".", &st) == 0 && S_ISDIR(st.st_mode);
}

/* Of a path that leads into a file. */
static int inside_file(const char *path, struct error *err)
{
	size_t len = 0;
	for (size_t end; path[len]; len = end) {
		end = len + strspn(path + len, "/");
		end += strcspn(path + end, "/");
		if (!is_directory(path, end)) {
			len = end;
			break;
		}
	}
	const char *inside = path + len + strspn(path + len, "/");
	if (!*inside)
		return error_set(err, ENOTDIR, "%s", strerror(ENOTDIR));
	return error_set(err, ENOTDIR, "Not a directory; a PATH in an archive follows it after a space: %.*s %s", (int)len, path, inside);
}

/* Of `path`, up to `len`, whose last component is `name`. */
static int missing_file(const char *path, size_t len, const char *name, struct error *err)
{
	char dir[PATH_MAX];
	struct kept k = {.s.word = name};
	struct dirent *e;
	snprintf(dir, sizeof dir, "%.*s", len ? (int)len : 1, len ? path : ".");
	DIR *d = opendir(dir);
	for (int i = 0; d && i < NAMES && (e = readdir(d)); i++)
		weigh(&k, e->d_name);
	if (d)
		closedir(d);
	if (!k.s.best.data)
		return error_set(err, ENOENT, "No such file or directory");
	return error_set(err, ENOENT, "No such file or directory; did you mean '%.*s%s'?", (int)len, path, k.best);
}

int near_source(const char *source, int code, struct error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(source, target, sizeof target);
	if (code == ENOTDIR)
		return inside_file(source, err);
	if (code != ENOENT)
		return error_set(err, code, "%s", strerror(code));
	if (n >= 0)
		return error_set(err, code, "a link to %.*s, which does not exist", (int)n, target);
	if (strcmp(source, "-") == 0)
		return error_set(err, code, "No such file; standard input has to be saved to a file first");
	if (strstr(source, "://"))
		return error_set(err, code, "No such file or directory; a URL has to be downloaded first");
	/* the first component that is missing */
	for (size_t len = 0;;) {
		size_t next = len + strspn(source + len, "/"), end = next + strcspn(source + next, "/");
		if (source[end] == '\0' || source[end + strspn(source + end, "/")] == '\0')
			return missing_file(source, next, source + next, err);
		if (!is_directory(source, end))
			return error_set(err, code, "No such file or directory; there is no directory '%.*s'", (int)end, source);
		len = end;
	}
}

/* --- a PATH ---------------------------------------------------------------------- */

/* The whole tree is searched for what ends in the path; '/' and '.' are the same, as names are
 * written with both. */
struct search {
	const char *path;
	size_t len;
	char found[sizeof((struct error *)NULL)->text];
	unsigned left;
};

static bool is_tail(const struct search *s, const char *path, size_t len)
{
	if (len < s->len || (len > s->len && !strchr("./", path[len - s->len - 1])))
		return false;
	const char *tail = path + (len - s->len);
	for (size_t i = 0; i < s->len; i++)
		if (tail[i] != s->path[i] && !(strchr("./", tail[i]) && strchr("./", s->path[i])))
			return false;
	return true;
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref, const char *same,
		 const struct error *fault)
{
	struct search *s = arg;
	(void)kind, (void)ref, (void)same, (void)fault;
	if (!is_tail(s, path, len) || len >= sizeof s->found)
		return --s->left == 0;
	memcpy(s->found, path, len + 1);
	return 1;
}

static bool is_somewhere(struct mirror *m, const char *path, struct error *err)
{
	struct search s = {.path = path, .len = strlen(path), .left = NAMES};
	if (!mirror_is_archive(m) || s.len == 0 || s.len >= sizeof s.found)
		return false;
	walk_path(m, "", visit, &s);
	if (*s.found)
		error_set(err, ENOENT, "No such file or directory; did you mean '%s'?", s.found);
	return *s.found;
}

/* Weighs the names in a directory of the tree. */
static void weigh_all(struct mirror *m, const struct mirror_ref *ref, struct kept *k)
{
	struct mirror_dir d;
	struct mirror_name name;
	struct error err = {0};
	if (mirror_open_dir(m, ref, &d, &err) < 0)
		return;
	off_t at = 0;
	for (int i = 0; i < NAMES && mirror_next(m, &d, at, &name, &err) > 0; i++) {
		at = name.next;
		weigh(k, name.name);
	}
	mirror_close_dir(m, &d);
}

/* The directories that exist, then the name that does not, if it is the last. */
static bool is_beside(struct mirror *m, const char *path, struct error *err)
{
	struct kept k = {0};
	struct mirror_ref ref;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = (size_t)(name - path);
	char *dir = strndup(path, len);
	bool found = dir && walk_resolve(m, dir, true, &ref, &(struct error){0}) == 0;
	free(dir);
	if (!found)
		return false;
	k.s.word = name;
	weigh_all(m, &ref, &k);
	mirror_put(m, &ref);
	if (k.s.best.data)
		error_set(err, ENOENT, "No such file or directory; did you mean '%.*s%s'?", (int)len, path, k.best);
	return k.s.best.data;
}

/* Of .arrayfs/VIEW/PATH.SUFFIX, is PATH there, though it has no such view?  Other arrays' would not help. */
static bool is_without_view(struct mirror *m, const char *path, struct error *err)
{
	static const char top[] = ".arrayfs/";
	struct mirror_ref ref;
	const char *rest = path + sizeof top - 1;
	if (strncmp(path, top, sizeof top - 1) != 0)
		return false;
	for (const struct view *v = views; v < views + VIEW_IDS; v++) {
		size_t n = v->name ? strlen(v->name) : 0, suffix = v->suffix ? strlen(v->suffix) : 0, len = strlen(rest);
		if (n == 0 || v->original || strncmp(rest, v->name, n) != 0 || rest[n] != '/' || len < n + 2 + suffix ||
		    strcmp(rest + len - suffix, v->suffix) != 0)
			continue;
		char *of = strndup(rest + n + 1, len - n - 1 - suffix);
		bool there = of && walk_resolve(m, of, true, &ref, &(struct error){0}) == 0;
		if (there)
			error_set(err, ENOENT, "No such file or directory; '%.120s' is not shown as %s", of, v->name);
		if (there)
			mirror_put(m, &ref);
		free(of);
		return there;
	}
	return false;
}

void near_path(struct mirror *m, const char *path, struct error *err)
{
	struct error near = {0};
	if (strcmp(err->text, strerror(ENOENT)) != 0)
		return; /* a link that leads out, which says so itself */
	if (!is_without_view(m, path, &near) && !is_somewhere(m, path, &near) && !is_beside(m, path, &near))
		error_set(&near, ENOENT, "No such file or directory; arrayfs list shows what there is");
	*err = near;
}
