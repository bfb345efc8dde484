/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>

#include "fs/base/list.h"
#include "mount/commands/walk.h"

/* Linux's limit on symbolic links in a path. */
enum { LINKS_MAX = 40 };

/* The components of a path that remain to be resolved, in reverse order. */
struct steps {
	char **names;
	size_t count;
};

static int steps_add(struct steps *s, const char *path)
{
	size_t before = s->count;
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n > 0 && !(n == 1 && *path == '.')) {
			char **grown = list_grow(s->names, s->count, sizeof *grown);
			if (!grown)
				return -ENOMEM;
			s->names = grown;
			if (!(s->names[s->count] = strndup(path, n)))
				return -ENOMEM;
			s->count++;
		}
		path += n + (path[n] == '/');
	}
	for (size_t i = before, j = s->count; i + 1 < j; i++) {
		char *name = s->names[i];
		s->names[i] = s->names[--j];
		s->names[j] = name;
	}
	return 0;
}

/* The references from the root to the current directory, for "..". */
struct trail {
	struct mirror_ref *refs;
	size_t count;
};

static int trail_add(struct trail *t, const struct mirror_ref *ref)
{
	struct mirror_ref *grown = list_grow(t->refs, t->count, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	t->refs = grown;
	t->refs[t->count++] = *ref;
	return 0;
}

static int step(struct mirror *m, struct steps *s, struct trail *t, bool follow, unsigned *links, struct error *err)
{
	char *name = s->names[--s->count], target[PATH_MAX];
	struct mirror_ref ref;
	int r;

	if (strcmp(name, "..") == 0) {
		free(name);
		if (t->count == 1)
			return error_set(err, ENOENT, "leads out of SOURCE (-o follow follows such links)");
		mirror_put(m, &t->refs[--t->count]);
		return 0;
	}
	r = mirror_lookup(m, &t->refs[t->count - 1], slice_text(name), &ref, err);
	free(name);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	r = s->count == 0 && !follow ? -EINVAL : mirror_readlink(m, &ref, target, err);
	if (r < 0 && r != -EINVAL) {
		mirror_put(m, &ref);
		return error_set(err, -r, "%s", strerror(-r));
	}
	if (r == -EINVAL) {
		r = trail_add(t, &ref);
		if (r < 0)
			mirror_put(m, &ref);
		return r;
	}
	mirror_put(m, &ref);
	if (++*links > LINKS_MAX)
		return error_set(err, ELOOP, "%s", strerror(ELOOP));
	return target[0] == '/' ? error_set(err, ENOENT, "a link to %s leads out of SOURCE", target) : steps_add(s, target);
}

int walk_resolve(struct mirror *m, const char *path, bool follow, struct mirror_ref *ret, struct error *err)
{
	struct steps s = {0};
	struct trail t = {0};
	struct mirror_ref root;
	unsigned links = 0;
	int r = mirror_get(m, TREE_ROOT, &root, err);
	if (r < 0)
		return r;
	r = trail_add(&t, &root);
	if (r < 0)
		mirror_put(m, &root);
	if (r == 0)
		r = steps_add(&s, path);
	while (r == 0 && s.count > 0)
		r = step(m, &s, &t, follow, &links, err);
	for (size_t i = 0; i < s.count; i++)
		free(s.names[i]);
	free(s.names);
	if (r == 0)
		*ret = t.refs[--t.count];
	for (size_t i = 0; i < t.count; i++)
		mirror_put(m, &t.refs[i]);
	free(t.refs);
	return r == -ENOMEM ? error_set(err, ENOMEM, "no memory") : r;
}
