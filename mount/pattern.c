/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "mount/glob.h"
#include "mount/walk.h"

struct filter {
	walk_visit *visit;
	void *arg;
	const char *pattern;
	const char *suffix; /* of files, which the pattern may lack; or NULL */
	char *inside; /* what matched last: all below it is visited */
	bool matched;
};

static bool is_inside(const struct filter *f, const char *path)
{
	size_t n = f->inside ? strlen(f->inside) : 0;
	return f->inside && (n == 0 || (strncmp(path, f->inside, n) == 0 && path[n] == '/'));
}

static enum glob match(const struct filter *f, enum walk_kind kind, const char *path)
{
	size_t n = strlen(path), suffix = f->suffix ? strlen(f->suffix) : 0;
	enum glob fits = is_inside(f, path) ? GLOB_MATCHES : glob_match(f->pattern, path);
	if (fits == GLOB_MATCHES || kind != WALK_FILE || suffix == 0 || n < suffix || strcmp(path + n - suffix, f->suffix) != 0)
		return fits;
	char *without = strndup(path, n - suffix);
	fits = without ? glob_match(f->pattern, without) : fits;
	free(without);
	return fits;
}

static int visit_matching(void *arg, enum walk_kind kind, const char *path, size_t len,
			  const struct mirror_ref *ref, const char *same, const struct error *err)
{
	struct filter *f = arg;
	enum glob fits = match(f, kind, path);
	bool directory = kind == WALK_DIR || kind == WALK_EMPTY_DIR;
	if (fits == GLOB_NEVER)
		return directory ? WALK_SKIP : 0;
	if (fits == GLOB_BELOW && kind != WALK_FAULT)
		return 0;
	f->matched = true;
	if (kind == WALK_DIR && !is_inside(f, path)) {
		free(f->inside);
		f->inside = strdup(path);
	}
	return f->visit(f->arg, kind, path, len, ref, same, err);
}

/* The components before the first that is a pattern; NULL without memory. */
static char *plain_part(const char *pattern)
{
	size_t n = 0;
	for (size_t end = 0; pattern[end]; end += pattern[end] == '/') {
		n = end;
		end += strcspn(pattern + end, "/");
		char *component = strndup(pattern + n, end - n);
		bool plain = component && !glob_is_pattern(component);
		free(component);
		if (!plain)
			break;
	}
	return strndup(pattern, n);
}

static int tell(walk_visit *visit, void *arg, const char *path, int code, const char *why)
{
	struct error err = {0};
	error_set(&err, code, "%s", why);
	return visit(arg, WALK_FAULT, path, strlen(path), NULL, NULL, &err);
}

static int walk_pattern(struct mirror *m, const char *pattern, const char *suffix, walk_visit *visit, void *arg)
{
	struct filter f = {.visit = visit, .arg = arg, .pattern = pattern, .suffix = suffix};
	char *base = plain_part(pattern);
	if (!base)
		return tell(visit, arg, pattern, ENOMEM, "no memory");
	int r = walk_path(m, base, visit_matching, &f);
	if (r == 0 && !f.matched)
		r = tell(visit, arg, pattern, ENOENT, "matches nothing");
	free(f.inside);
	free(base);
	return r;
}

/* 0, or why not: -errno. */
static int leads_somewhere(struct mirror *m, const char *path)
{
	struct mirror_ref ref;
	struct error err = {0};
	int r = walk_resolve(m, path, false, &ref, &err);
	if (r == 0)
		mirror_put(m, &ref);
	return r;
}

int walk(struct mirror *m, const char *path, walk_visit *visit, void *arg)
{
	if (glob_is_pattern(path) && leads_somewhere(m, path) == -ENOENT)
		return walk_pattern(m, path, NULL, visit, arg);
	return walk_path(m, path, visit, arg);
}

int walk_in_view(struct mirror *m, const char *view, const char *path, const char *suffix, walk_visit *visit, void *arg)
{
	char *whole, *file;
	int r;
	if (asprintf(&whole, "%s/%s", view, path) < 0)
		whole = NULL;
	if (asprintf(&file, "%s/%s%s", view, path, suffix) < 0)
		file = NULL;
	if (!whole || !file)
		r = tell(visit, arg, path, ENOMEM, "no memory");
	else if (leads_somewhere(m, whole) == 0)
		r = walk_path(m, whole, visit, arg);
	else if (glob_is_pattern(path) && leads_somewhere(m, file) == -ENOENT)
		r = walk_pattern(m, whole, suffix, visit, arg);
	else
		r = walk_path(m, file, visit, arg);
	free(whole);
	free(file);
	return r;
}
