/* SPDX-License-Identifier: MIT */
/* Opens archives in mirrored directories, in bounded memory however many are being opened at
 * once. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fs/blocks/blocks.h"
#include "fs/mirror/impl.h"

/* Seconds to wait for memory that others take: they give it back once their archives are no
 * longer in use. */
enum { PATIENCE = 30 };

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Reserves that much of the metadata budget, waiting for it if need be, but not for ever.
 * Archives that are no longer in use stay in the cache, and have to be evicted. */
static size_t take_memory(struct mirror *m, size_t own, size_t least, size_t most)
{
	struct blocks *blocks = m->options.archive.blocks;
	/* An archive on a disk that does not respond must leave something for others. */
	size_t taken = blocks_metadata_take(blocks, own, least, most, most > METADATA_MEDIUM ? METADATA_SPARE : 0);
	for (uint64_t end = now_ms() + PATIENCE * 1000; taken == 0 && now_ms() < end;) {
		pthread_mutex_lock(&m->lock);
		open_archives_evict(&m->archives);
		pthread_mutex_unlock(&m->lock);
		taken = blocks_metadata_take(blocks, own, least, most, 0);
		if (taken == 0)
			nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return taken;
}

/*
 * How much memory something takes is not known in advance, so it is tried with a little, which
 * is enough for most, then with more, then with all there is. try() is given what it may take
 * in addition to `own`, 0 for any amount, and fails with -E2BIG if that is not enough.
 */
static int try_by_size(struct mirror *m, size_t own, int (*try)(void *arg, size_t most, struct error *err), void *arg,
		       struct error *err)
{
	const struct archive_options *o = &m->options.archive;
	for (size_t least = METADATA_SMALL;;) {
		struct error why = {0};
		size_t taken = take_memory(m, own, least, least <= METADATA_MEDIUM ? least : o->memory);
		if (taken == 0)
			return error_set(err, ENFILE, "too many archives are in use for what -o cache allows");
		int r = try(arg, taken < o->memory ? taken : 0, &why);
		blocks_metadata(o->blocks, taken, 0);
		if (r != -E2BIG)
			return r < 0 ? error_set(err, -r, "%s", why.text) : r;
		least = least < METADATA_MEDIUM ? METADATA_MEDIUM : taken + METADATA_SMALL;
	}
}

/* --- archives ------------------------------------------------------------ */

struct opening {
	const struct mirror *m;
	struct open_archive *h;
	struct archive_at *at;
};

static int try_open(void *arg, size_t most, struct error *err)
{
	struct opening *o = arg;
	o->at->soft = most / 2; /* temporary memory takes as much again */
	return archive_open(&o->h->archive, o->m->formats, o->at, &o->m->options.archive, err);
}

/* Opens it by its path, so that companion files are found next to it. */
int mirror_open_archive(struct mirror *m, struct dentry *e, struct open_archive **ret, struct error *err)
{
	char path[PATH_MAX];
	struct folder folder = m->folder;
	struct open_archive *h = calloc(1, sizeof *h);
	int r = h ? 0 : error_set(err, ENOMEM, "no memory");

	if (r == 0 && e->parent)
		r = dentry_path(e, &folder, path, err);
	else if (r == 0)
		snprintf(path, sizeof path, "%s", e->name);
	struct archive_at at = {.folder = &folder, .path = path, .reach = mirror_reach(m, e), .mirrored = e->parent, .outside = e->followed};
	if (r == 0 && e->parent)
		r = try_by_size(m, 0, try_open, &(struct opening){m, h, &at}, err);
	else if (r == 0)
		r = archive_open(&h->archive, m->formats, &at, &m->options.archive, err);
	for (uint32_t i = 0; r == 0 && i < e->nfilled; i++) /* restores the node numbers */
		if ((r = mirror_fill(m, &h->archive, e->filled[i], err)) < 0)
			archive_close(&h->archive);
	if (r < 0) {
		free(h);
		return r;
	}
	if (h->archive.told && m->options.note)
		m->options.note(path, h->archive.told);
	*ret = h;
	return 0;
}

/* --- directories in archives ----------------------------------------------- */

struct filling {
	struct archive *a;
	uint32_t dir;
};

static int try_fill(void *arg, size_t most, struct error *err)
{
	struct filling *f = arg;
	return archive_fill_within(f->a, f->dir, most / 2, err);
}

int mirror_fill(struct mirror *m, struct archive *a, uint32_t dir, struct error *err)
{
	const struct node *n = tree_node(&a->tree, dir);
	/* No other thread needs memory, or there is nothing to fill. */
	if (mirror_is_archive(m) || !n || n->kind != NODE_DIR || node_filled(n))
		return archive_fill(a, dir, err);
	return try_by_size(m, a->counted, try_fill, &(struct filling){a, dir}, err);
}
