/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "mount/commands/glob.h"
#include "mount/commands/walk.h"

struct filter {
	struct walk_depth *depth;
	walk_visit *visit;
	void *arg;
	struct glob_state *pattern;
	const char *suffix; /* a suffix of files that the pattern may omit; or NULL */
	char *inside;       /* the directory that matched last: everything below it is visited */
	size_t inside_len;
	bool matched;
};

static bool is_inside(const struct filter *f, const char *path, size_t len)
{
	size_t n = f->inside_len;
	return f->inside && (n == 0 || (len > n && path[n] == '/' && memcmp(path, f->inside, n) == 0));
}

static enum glob match(const struct filter *f, enum walk_kind kind, const char *path, size_t len)
{
	size_t suffix = f->suffix ? strlen(f->suffix) : 0;
	enum glob fits = glob_match(f->pattern, path, len);
	if (fits == GLOB_MATCHES || kind != WALK_FILE || suffix == 0 || len < suffix ||
	    memcmp(path + len - suffix, f->suffix, suffix) != 0)
		return fits;
	return glob_match(f->pattern, path, len - suffix);
}

static int visit_matching(void *arg, enum walk_kind kind, const char *path, size_t len,
			  const struct mirror_ref *ref, const char *same, const struct error *err)
{
	struct filter *f = arg;
	bool directory = kind == WALK_DIR || kind == WALK_EMPTY_DIR || kind == WALK_CLOSED;
	if (is_inside(f, path, len))
		return f->visit(f->arg, kind, path, len, ref, same, err);
	enum glob fits = match(f, kind, path, len);
	if (fits == GLOB_NEVER)
		return directory || kind == WALK_FILE ? WALK_SKIP : 0;
	f->depth->from = fits == GLOB_MATCHES ? len : SIZE_MAX;
	if (fits == GLOB_BELOW && kind != WALK_FAULT)
		return kind == WALK_FILE ? WALK_SKIP : 0;
	f->matched = true;
	if (kind == WALK_DIR && fits == GLOB_MATCHES) {
		free(f->inside);
		f->inside = strdup(path);
		f->inside_len = len;
	}
	if (fits == GLOB_FAILED || (kind == WALK_DIR && !f->inside))
		return f->visit(f->arg, WALK_FAULT, path, len, NULL, NULL, &(struct error){"no memory"});
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

static int walk_pattern(struct mirror *m, const char *pattern, const char *suffix, struct walk_depth *depth, walk_visit *visit, void *arg)
{
	struct filter f = {.depth = depth, .visit = visit, .arg = arg, .pattern = glob_new(pattern), .suffix = suffix};
	char *base = plain_part(pattern);
	int r;
	if (!base || !f.pattern)
		r = tell(visit, arg, pattern, ENOMEM, "no memory");
	else
		r = walk_path_to(m, base, depth, visit_matching, &f);
	if (r == 0 && base && f.pattern && !f.matched)
		r = tell(visit, arg, pattern, ENOENT, "matches nothing");
	glob_free(f.pattern);
	free(f.inside);
	free(base);
	return r;
}

/* Does the path exist? Returns 0 or -errno. */
static int leads_somewhere(struct mirror *m, const char *path)
{
	struct mirror_ref ref;
	struct error err = {0};
	int r = walk_resolve(m, path, false, &ref, &err);
	if (r == 0)
		mirror_put(m, &ref);
	return r;
}

int walk_to(struct mirror *m, const char *path, struct walk_depth *depth, walk_visit *visit, void *arg)
{
	if (glob_is_pattern(path) && leads_somewhere(m, path) == -ENOENT)
		return walk_pattern(m, path, NULL, depth, visit, arg);
	return walk_path_to(m, path, depth, visit, arg);
}

int walk(struct mirror *m, const char *path, walk_visit *visit, void *arg)
{
	return walk_to(m, path, &(struct walk_depth){0}, visit, arg);
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
		r = walk_pattern(m, whole, suffix, &(struct walk_depth){0}, visit, arg);
	else
		r = walk_path(m, file, visit, arg);
	free(whole);
	free(file);
	return r;
}
