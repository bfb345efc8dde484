/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "mount/glob.h"
#include "mount/walk.h"

struct filter {
	walk_visit *visit;
	void *arg;
	const char *pattern;
	char *inside; /* what matched last: all below it is visited */
	bool matched;
};

static bool is_inside(const struct filter *f, const char *path)
{
	size_t n = f->inside ? strlen(f->inside) : 0;
	return f->inside && (n == 0 || (strncmp(path, f->inside, n) == 0 && path[n] == '/'));
}

static int visit_matching(void *arg, enum walk_kind kind, const char *path, const struct mirror_ref *ref,
			  const char *same, const struct error *err)
{
	struct filter *f = arg;
	enum glob fits = is_inside(f, path) ? GLOB_MATCHES : glob_match(f->pattern, path);
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
	return f->visit(f->arg, kind, path, ref, same, err);
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
	return visit(arg, WALK_FAULT, path, NULL, NULL, &err);
}

static int walk_pattern(struct mirror *m, const char *pattern, walk_visit *visit, void *arg)
{
	struct filter f = {.visit = visit, .arg = arg, .pattern = pattern};
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

int walk(struct mirror *m, const char *path, walk_visit *visit, void *arg)
{
	struct mirror_ref ref;
	struct error err = {0};
	if (!glob_is_pattern(path))
		return walk_path(m, path, visit, arg);
	int r = walk_resolve(m, path, false, &ref, &err);
	if (r == 0)
		mirror_put(m, &ref);
	return r == -ENOENT ? walk_pattern(m, path, visit, arg) : walk_path(m, path, visit, arg);
}
