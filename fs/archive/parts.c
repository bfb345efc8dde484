/* SPDX-License-Identifier: MIT */
#include "fs/archive/parts_impl.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "fs/blocks/blocks.h"

/* Open at a time, and the bytes of their metadata, as long as nobody holds more. */
enum { OPEN_MAX_PARTS = 64, OPEN_MAX_BYTES = 6 << 20 };

void parts_init(struct parts *p, struct archive *whole, const struct format *format)
{
	*p = (struct parts){.whole = whole, .formats = {format, NULL}};
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->opened, NULL);
}

/* --- those that are open, by age ----------------------------------------- */

static void take_out(struct parts *p, struct part *part)
{
	*(part->newer ? &part->newer->older : &p->newest) = part->older;
	*(part->older ? &part->older->newer : &p->oldest) = part->newer;
	part->newer = part->older = NULL;
}

static void put_newest(struct parts *p, struct part *part)
{
	part->older = p->newest;
	*(p->newest ? &p->newest->newer : &p->oldest) = part;
	p->newest = part;
}

static bool crowded(const struct parts *p)
{
	return p->open > OPEN_MAX_PARTS || (p->memory > OPEN_MAX_BYTES && p->open > 1);
}

/* The oldest that nobody holds, out of the list, if there are too many; the caller
 * closes it without the lock, since that waits for whoever decodes from it. */
static struct archive *spare(struct parts *p)
{
	struct part *part = crowded(p) ? p->oldest : NULL;
	while (part && part->holds > 0)
		part = part->newer;
	if (!part)
		return NULL;
	struct archive *a = part->archive;
	take_out(p, part);
	part->archive = NULL;
	p->open--;
	p->memory -= a->arena.used;
	return a;
}

static void close_spare(struct parts *p)
{
	for (;;) {
		pthread_mutex_lock(&p->lock);
		struct archive *a = spare(p);
		pthread_mutex_unlock(&p->lock);
		if (!a)
			return;
		archive_close(a);
		free(a);
	}
}

void parts_close(struct parts *p)
{
	if (!p->whole)
		return;
	for (struct part *part = p->oldest; part; part = part->newer) {
		archive_close(part->archive);
		free(part->archive);
	}
	pthread_cond_destroy(&p->opened);
	pthread_mutex_destroy(&p->lock);
	p->whole = NULL;
}

/* --- one ------------------------------------------------------------------ */

static bool same(const struct part *part, const struct stat *st)
{
	struct stat then = {.st_dev = part->dev, .st_ino = part->ino, .st_size = (off_t)part->size, .st_mtim = part->mtime};
	return source_same(&then, st);
}

/* Is the file that bears the name still the one that was found? */
static int check_same(const struct part *part, struct error *err)
{
	struct stat st;
	if (fstatat(part->in->whole->folder.dir, part->path, &st, 0) < 0)
		return error_set(err, EIO, "%s", errno == ENOENT ? "removed" : strerror(errno));
	return same(part, &st) ? 0 : error_set(err, EIO, "changed or replaced");
}

static int open_part(struct part *part, struct archive **ret, struct error *err)
{
	const struct archive *whole = part->in->whole;
	struct archive_at at = {.folder = &whole->folder, .path = part->path, .mirrored = true,
				.reach = whole->folder.confined ? REACH_BENEATH : REACH_ANY};
	struct archive *a = calloc(1, sizeof *a);
	int r = a ? 0 : error_set(err, ENOMEM, "no memory");

	if (r == 0)
		r = archive_open(a, part->in->formats, &at, whole->options, err);
	if (r == 0 && !same(part, &a->source.st)) {
		archive_close(a);
		r = error_set(err, EIO, "changed or replaced");
	}
	if (r < 0)
		free(a);
	else
		*ret = a;
	return r;
}

int part_hold(struct part *part, struct archive **ret, struct error *err)
{
	struct parts *p = part->in;
	struct archive *a = NULL;
	int r = check_same(part, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&p->lock);
	while (part->opening)
		pthread_cond_wait(&p->opened, &p->lock);
	if (part->archive) {
		take_out(p, part);
	} else {
		part->opening = true;
		pthread_mutex_unlock(&p->lock);
		r = open_part(part, &a, err);
		pthread_mutex_lock(&p->lock);
		part->opening = false;
		pthread_cond_broadcast(&p->opened);
		part->archive = a;
		p->open += r == 0;
		p->memory += r == 0 ? a->arena.used : 0;
	}
	if (r == 0) {
		put_newest(p, part);
		part->holds++;
		*ret = part->archive;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void release(struct part *part)
{
	pthread_mutex_lock(&part->in->lock);
	part->holds--;
	pthread_mutex_unlock(&part->in->lock);
}

void part_release(void *part)
{
	struct parts *p = ((struct part *)part)->in;
	release(part);
	close_spare(p);
}

/* Opening ahead is making a block of which nothing is kept.  It closes none: that
 * may wait for another who makes a block, and who waits for us. */
static int open_ahead(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct part *part = &((struct parts *)(uintptr_t)from->owner)->all[index];
	struct archive *opened;
	int r = part_hold(part, &opened, err);
	(void)ret;
	if (r == 0)
		release(part);
	return r < 0 ? r : -ECANCELED;
}

void part_prefetch(struct part *part)
{
	struct block_source from = {&part->in->whole->blocks, part->in, open_ahead, 0};
	blocks_prefetch(part->in->whole->options->blocks, &from, (uint64_t)(part - part->in->all));
}
