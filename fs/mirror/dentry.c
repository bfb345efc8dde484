/* SPDX-License-Identifier: MIT */
#include "fs/mirror/dentry.h"

#include <stdlib.h>
#include <unistd.h>

#include "fs/base/name.h"
#include "fs/mirror/open_archives.h"

static struct dentry **id_bucket(struct dentries *t, uint64_t id)
{
	return &t->by_id[id % DENTRY_BUCKETS];
}

static struct dentry **name_bucket(struct dentries *t, const struct dentry *parent, const char *name)
{
	uint64_t h = slice_hash(slice_text(name), t) ^ parent->id * 0x9e3779b97f4a7c15 >> 16;
	return &t->by_name[h % DENTRY_BUCKETS];
}

struct dentry *dentry_find(struct dentries *t, uint64_t id)
{
	struct dentry *e = *id_bucket(t, id);
	while (e && e->id != id)
		e = e->next_id;
	return e;
}

struct dentry *dentry_named(struct dentries *t, const struct dentry *parent, const char *name)
{
	struct dentry *e = *name_bucket(t, parent, name);
	while (e && (e->parent != parent || strcmp(e->name, name) != 0))
		e = e->next_name;
	return e;
}

/* --- forgotten dentries ---------------------------------------------------- */

static void put_newest(struct dentries *t, struct dentry *e)
{
	e->newer = NULL;
	e->older = t->newest;
	*(e->older ? &e->older->newer : &t->oldest) = e;
	t->newest = e;
	t->forgotten++;
}

static void take_out(struct dentries *t, struct dentry *e)
{
	*(e->newer ? &e->newer->older : &t->newest) = e->older;
	*(e->older ? &e->older->newer : &t->oldest) = e->newer;
	e->newer = e->older = NULL;
	t->forgotten--;
}

void dentry_keep(struct dentries *t, struct dentry *e)
{
	if (e->refs++ == 0)
		take_out(t, e);
}

/* --- one dentry -------------------------------------------------------------- */

static void unlink_name(struct dentries *t, struct dentry *e)
{
	if (e->gone || !e->parent)
		return;
	struct dentry **p = name_bucket(t, e->parent, e->name);
	while (*p != e)
		p = &(*p)->next_name;
	*p = e->next_name;
	e->gone = true;
}

struct dentry *dentry_new(struct dentries *t, struct dentry *parent, const char *name, const struct stat *st)
{
	struct dentry *e = calloc(1, sizeof *e);
	if (!e || !(e->name = strdup(name))) {
		free(e);
		return NULL;
	}
	e->id = t->next_id++;
	e->base = -1;
	e->confined = t->confined;
	e->st = *st;
	e->dev = st->st_dev;
	e->ino = st->st_ino;
	e->type = st->st_mode & S_IFMT;
	e->refs = 1;
	e->next_id = *id_bucket(t, e->id);
	*id_bucket(t, e->id) = e;
	if (parent) {
		e->parent = parent;
		parent->refs++;
		e->next_name = *name_bucket(t, parent, name);
		*name_bucket(t, parent, name) = e;
	}
	return e;
}

static void entry_free(struct dentries *t, struct dentry *e)
{
	struct dentry **p = id_bucket(t, e->id);
	while (*p != e)
		p = &(*p)->next_id;
	*p = e->next_id;
	unlink_name(t, e);
	if (e->open)
		e->open->owner = NULL; /* the cache may keep it a little longer */
	if (e->base >= 0)
		close(e->base);
	free(e->name);
	free(e->fault);
	free(e->filled);
	free(e);
}

/* Nobody holds it: it joins the forgotten, or is freed. */
static void lay_off(struct dentries *t, struct dentry *e)
{
	while (e) {
		struct dentry *parent = e->parent;
		if (e->gone) {
			entry_free(t, e);
		} else {
			put_newest(t, e);
			if (t->forgotten <= FORGOTTEN_MAX)
				return;
			e = t->oldest;
			parent = e->parent;
			take_out(t, e);
			entry_free(t, e);
		}
		e = parent && --parent->refs == 0 ? parent : NULL;
	}
}

void dentry_release(struct dentries *t, struct dentry *e, uint64_t times)
{
	e->refs -= times;
	if (e->refs == 0)
		lay_off(t, e);
}

void dentry_retire(struct dentries *t, struct dentry *e)
{
	unlink_name(t, e);
	if (e->refs == 0) {
		take_out(t, e);
		lay_off(t, e);
	}
}

void dentries_free(struct dentries *t)
{
	/* Parents may be freed before their children, as no name is looked up any more. */
	for (size_t i = 0; i < DENTRY_BUCKETS; i++)
		for (struct dentry *e = t->by_id[i]; e; e = e->next_id)
			e->gone = true;
	for (size_t i = 0; i < DENTRY_BUCKETS; i++)
		while (t->by_id[i])
			entry_free(t, t->by_id[i]);
}

int dentry_path(const struct dentry *e, struct folder *folder, char path[PATH_MAX], struct error *err)
{
	size_t at = PATH_MAX - 1;
	path[at] = '\0';
	*folder = (struct folder){.dir = -1, .path = "", .confined = e->confined};
	for (; e->base < 0; e = e->parent) {
		size_t n = strlen(e->name);
		if (n + 1 > at)
			return error_set(err, ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
		if (path[at])
			path[--at] = '/';
		at -= n;
		memcpy(path + at, e->name, n);
	}
	memmove(path, path + at, PATH_MAX - at);
	folder->dir = e->base;
	return 0;
}

int dentry_fd(const struct dentry *e, struct error *err)
{
	char path[PATH_MAX];
	struct folder folder;
	int r = dentry_path(e, &folder, path, err);
	if (r < 0)
		return r;
	folder.path = path;
	return folder_fd(&folder, err);
}
