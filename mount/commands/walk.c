/* SPDX-License-Identifier: MIT */
#include "mount/commands/walk.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs/base/list.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/idmap.h"
#include "mount/commands/near.h"

struct walker {
	struct mirror *m;
	struct walk_depth *depth;
	walk_visit *visit;
	void *arg;
	char *path; /* the current path */
	size_t len, room;
	struct idmap shared; /* arrays shared by several archives: 1 + the index of their first path in `paths` */
	char **paths;
	size_t npaths;
};

static void walker_free(struct walker *w)
{
	for (size_t i = 0; i < w->npaths; i++)
		free(w->paths[i]);
	free(w->paths);
	idmap_free(&w->shared);
	free(w->path);
}

/* --- paths ------------------------------------------------------------- */

static bool push(struct walker *w, const char *name)
{
	size_t n = strlen(name), need = w->len + n + 2;
	if (need > w->room) {
		size_t room = need * 2;
		char *grown = realloc(w->path, room);
		if (!grown)
			return false;
		w->path = grown;
		w->room = room;
	}
	if (w->len)
		w->path[w->len++] = '/';
	memcpy(w->path + w->len, name, n + 1);
	w->len += n;
	return true;
}

static void cut(struct walker *w, size_t len)
{
	w->len = len;
	w->path[len] = '\0';
}

/* Removes the last component, `name`, and the slash before it. */
static void pop(struct walker *w, const char *name)
{
	size_t n = strlen(name);
	cut(w, w->len > n ? w->len - n - 1 : 0);
}

static int no_memory(struct walker *w)
{
	struct error err = {"no memory"};
	return w->visit(w->arg, WALK_FAULT, w->path, w->len, NULL, NULL, &err);
}

static int fault(struct walker *w, int r, struct error *err)
{
	error_set(err, -r, "%s", strerror(-r));
	return w->visit(w->arg, WALK_FAULT, w->path, w->len, NULL, NULL, err);
}

/* --- depth -------------------------------------------------------------- */

size_t walk_depth_of(const struct walk_depth *depth, const char *path, size_t len)
{
	size_t n = depth->from == 0 && len > 0;
	if (depth->from >= len || (depth->from && path[depth->from] != '/'))
		return 0;
	for (size_t i = depth->from; i < len; i++)
		n += path[i] == '/';
	return n;
}

static bool is_deepest(const struct walker *w)
{
	return w->depth->most && walk_depth_of(w->depth, w->path, w->len) >= w->depth->most;
}

/* --- directories with several paths ------------------------------------ */

/* The path of a node below `top`, the node where the walk began; NULL without memory. */
static char *path_below(const char *top_path, const struct tree *t, uint32_t top, uint32_t node)
{
	size_t n = strlen(top_path), end = n;
	for (uint32_t i = node; i != top; i = tree_node(t, i)->parent)
		end += strlen(tree_node(t, i)->name) + 1;
	char *path = malloc(end + 1);
	if (!path)
		return NULL;
	path[end] = '\0';
	for (; node != top; node = tree_node(t, node)->parent) {
		size_t len = strlen(tree_node(t, node)->name);
		memcpy(path + (end -= len), tree_node(t, node)->name, len);
		path[--end] = '/';
	}
	memcpy(path, top_path, n);
	if (n == 0)
		memmove(path, path + 1, strlen(path)); /* drop the leading slash */
	return path;
}

/* --- archives ---------------------------------------------------------- */

struct visiting {
	struct walker *w;
	struct idmap seen; /* visited directories: identity to node */
	char *top_path;
	uint32_t top;
};

/* *ret points to the node by which the directory was visited before (0 if it was not), or
 * is NULL if the directory has a single path. */
static int visited_before(struct visiting *v, const struct mirror_ref *at, uint64_t **ret)
{
	const struct archive *a = &at->open->archive;
	uint64_t id = a->format->same ? a->format->same(a, (uint32_t)at->ino) : 0;
	*ret = id ? idmap_at(&v->seen, id) : NULL;
	return id && !*ret ? -ENOMEM : 0;
}

static int visit_again(struct visiting *v, const struct mirror_ref *at, uint32_t before)
{
	char *same = path_below(v->top_path, &at->open->archive.tree, v->top, before);
	int r = same ? v->w->visit(v->w->arg, WALK_SAME, v->w->path, v->w->len, at, same, NULL) : no_memory(v->w);
	free(same);
	return r;
}

static int not_skipped(int r)
{
	return r == WALK_SKIP ? 0 : r;
}

/* Visits a file; one that several archives share is visited once, then as WALK_SAME. */
static int visit_file(struct walker *w, const struct mirror_ref *at)
{
	uint64_t number, *before;
	if (!mirror_shared(w->m, at, &number))
		return w->visit(w->arg, WALK_FILE, w->path, w->len, at, NULL, NULL);
	if (!(before = idmap_at(&w->shared, number)))
		return no_memory(w);
	if (*before)
		return w->visit(w->arg, WALK_SAME, w->path, w->len, at, w->paths[*before - 1], NULL);
	char **grown = list_grow(w->paths, w->npaths, sizeof *grown);
	if (!grown)
		return no_memory(w);
	w->paths = grown;
	int r = w->visit(w->arg, WALK_FILE, w->path, w->len, at, NULL, NULL);
	if (r == 0 && !(w->paths[w->npaths] = strdup(w->path)))
		return no_memory(w);
	if (r == 0)
		*before = ++w->npaths;
	return r;
}

/* Visits one node; *ret_enter says whether to descend into it. */
static int visit_node(struct visiting *v, struct mirror_ref *at, bool *ret_enter)
{
	struct walker *w = v->w;
	struct error err = {0};
	uint64_t *before;
	*ret_enter = false;
	if (at->node->kind != NODE_DIR)
		return not_skipped(visit_file(w, at));
	if (visited_before(v, at, &before) < 0)
		return no_memory(w);
	if (before && *before)
		return visit_again(v, at, (uint32_t)*before);
	if (is_deepest(w)) /* another path may lead into it */
		return not_skipped(w->visit(w->arg, WALK_CLOSED, w->path, w->len, at, NULL, NULL));
	if (before)
		*before = (uint32_t)at->ino;
	int r = archive_fill(&at->open->archive, (uint32_t)at->ino, &err);
	if (r < 0)
		return fault(w, r, &err);
	*ret_enter = at->node->child != 0;
	r = w->visit(w->arg, *ret_enter ? WALK_DIR : WALK_EMPTY_DIR, w->path, w->len, at, NULL, NULL);
	if (r == WALK_SKIP) {
		*ret_enter = false;
		if (before)
			*before = 0; /* it may be wanted by another path */
	}
	return not_skipped(r);
}

/* The next node in the walk after `name` and everything below it, or 0 at the end;
 * `first` is where the walk began. Cuts the path back to the parent's. */
static uint32_t next_name(struct walker *w, const struct tree *t, uint32_t first, uint32_t name, size_t before)
{
	const struct node *n = tree_node(t, name);
	if (name == first)
		return 0;
	cut(w, before);
	while (!n->next) {
		name = n->parent;
		if (name == first)
			return 0;
		n = tree_node(t, name);
		pop(w, n->name);
	}
	return n->next;
}

/* Iterates over the nodes' links instead of recursing, so that deep trees cost no stack. */
static int walk_nodes(struct visiting *v, const struct mirror_ref *top)
{
	struct walker *w = v->w;
	const struct tree *t = &top->open->archive.tree;
	struct mirror_ref at = *top; /* valid while top is held */
	uint64_t upper = top->ino & ~(uint64_t)UINT32_MAX;
	uint32_t first = (uint32_t)top->ino, name = first; /* the name, where a hard link has two */
	size_t before = w->len; /* the path's length without the name */
	bool enter;
	int r = visit_node(v, &at, &enter);

	while (r == 0) {
		name = enter ? at.node->child : next_name(w, t, first, name, before);
		if (name == 0)
			break;
		before = w->len;
		struct node *n = tree_node(t, name);
		if (!push(w, n->name))
			return no_memory(w);
		uint32_t index = n->kind == NODE_HARD ? n->twin : name;
		at.ino = upper | index;
		at.node = index == name ? n : tree_node(t, index);
		r = visit_node(v, &at, &enter);
	}
	return r;
}

static int walk_archive(struct walker *w, const struct mirror_ref *top)
{
	struct visiting v = {.w = w, .top_path = strdup(w->path), .top = (uint32_t)top->ino};
	int r = v.top_path ? walk_nodes(&v, top) : no_memory(w);
	free(v.top_path);
	idmap_free(&v.seen);
	return r;
}

/* --- mirrored directories ---------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* All names but "." and "..", sorted. */
static int read_names(struct walker *w, const struct mirror_ref *dir, char ***ret, size_t *ret_count, struct error *err)
{
	struct mirror_dir d;
	struct mirror_name name;
	char **names = NULL;
	size_t count = 0;
	int r = mirror_open_dir(w->m, dir, &d, err);
	if (r < 0)
		return r;
	for (off_t at = 0; (r = mirror_next(w->m, &d, at, &name, err)) > 0;) {
		at = name.next;
		if (strcmp(name.name, ".") == 0 || strcmp(name.name, "..") == 0)
			continue;
		char **grown = list_grow(names, count, sizeof *grown);
		names = grown ? grown : names;
		if (!grown || !(names[count] = strdup(name.name))) {
			r = -ENOMEM;
			break;
		}
		count++;
	}
	mirror_close_dir(w->m, &d);
	if (r < 0) {
		free_names(names, count);
		return r;
	}
	if (count)
		qsort(names, count, sizeof *names, by_name);
	*ret = names;
	*ret_count = count;
	return 0;
}

static int walk_ref(struct walker *w, struct mirror_ref *ref);

static int walk_directory(struct walker *w, const struct mirror_ref *dir)
{
	struct error err = {0};
	char **names = NULL;
	size_t count = 0, len = w->len;
	if (is_deepest(w))
		return not_skipped(w->visit(w->arg, WALK_CLOSED, w->path, w->len, dir, NULL, NULL));
	int r = read_names(w, dir, &names, &count, &err);
	if (r < 0)
		return fault(w, r, &err);
	r = w->visit(w->arg, count ? WALK_DIR : WALK_EMPTY_DIR, w->path, w->len, dir, NULL, NULL);
	for (size_t i = 0; i < count && r == 0; i++) {
		struct mirror_ref ref;
		err.text[0] = '\0';
		if (!push(w, names[i]))
			r = no_memory(w);
		else if ((r = mirror_lookup(w->m, dir, slice_text(names[i]), &ref, &err)) == -ENOENT)
			r = 0; /* removed meanwhile */
		else if (r < 0)
			r = fault(w, r, &err);
		else {
			r = walk_ref(w, &ref);
			mirror_put(w->m, &ref);
		}
		cut(w, len);
	}
	free_names(names, count);
	return not_skipped(r);
}

static int walk_ref(struct walker *w, struct mirror_ref *ref)
{
	struct error err = {0};
	struct stat st;
	if (ref->open && !ino_view(ref->ino))
		return walk_archive(w, ref);
	int r = mirror_stat(w->m, ref, -1, &st, &err);
	if (r < 0)
		return fault(w, r, &err);
	return S_ISDIR(st.st_mode) ? walk_directory(w, ref)
				   : not_skipped(w->visit(w->arg, WALK_FILE, w->path, w->len, ref, NULL, NULL));
}

/* --- from a path on ------------------------------------------------------ */

/* Appends PATH as it will be shown: without redundant slashes and dots. */
static bool push_clean(struct walker *w, const char *path)
{
	char *copy = strdup(path), *save = NULL;
	bool fine = copy != NULL;
	for (char *name = fine ? strtok_r(copy, "/", &save) : NULL; name && fine; name = strtok_r(NULL, "/", &save))
		fine = strcmp(name, ".") == 0 || push(w, name);
	free(copy);
	return fine;
}

static int walk_at(struct mirror *m, const char *path, bool follow, struct walk_depth *depth, walk_visit *visit, void *arg)
{
	struct walker w = {.m = m, .depth = depth, .visit = visit, .arg = arg, .path = calloc(1, 64), .room = 64};
	struct mirror_ref ref;
	struct error err = {0};
	if (!w.path)
		return visit(arg, WALK_FAULT, "", 0, NULL, NULL, &(struct error){"no memory"});
	int r = walk_resolve(m, path, follow, &ref, &err);
	bool fine = push_clean(&w, path);
	depth->from = w.len;
	if (!fine) {
		if (r == 0)
			mirror_put(m, &ref);
		r = no_memory(&w);
	} else if (r < 0) {
		if (r == -ENOENT)
			near_path(m, path, &err);
		r = fault(&w, r, &err);
	} else {
		r = walk_ref(&w, &ref);
		mirror_put(m, &ref);
	}
	walker_free(&w);
	return r;
}

int walk_path_to(struct mirror *m, const char *path, struct walk_depth *depth, walk_visit *visit, void *arg)
{
	return walk_at(m, path, false, depth, visit, arg);
}

int walk_path(struct mirror *m, const char *path, walk_visit *visit, void *arg)
{
	return walk_at(m, path, false, &(struct walk_depth){0}, visit, arg);
}

int walk_from(struct mirror *m, const char *path, walk_visit *visit, void *arg)
{
	return walk_at(m, path, true, &(struct walk_depth){0}, visit, arg);
}
