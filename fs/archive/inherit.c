/* SPDX-License-Identifier: MIT */
#include "fs/archive/inherit.h"

void inheritance_init(struct inheritance *i)
{
	*i = (struct inheritance){0};
	pthread_mutex_init(&i->lock, NULL);
}

static void discard(struct left *l)
{
	if (l->what)
		l->discard(l->what);
	*l = (struct left){0};
}

void inheritance_close(struct inheritance *i)
{
	for (unsigned k = 0; k < INHERIT_FILES; k++)
		discard(&i->all[k]);
	pthread_mutex_destroy(&i->lock);
}

/* That of the file, else the one that was left the longest ago. */
static struct left *find(struct inheritance *i, const struct stat *st)
{
	struct left *oldest = &i->all[0];
	for (struct left *l = i->all; l < i->all + INHERIT_FILES; l++) {
		if (l->what && l->dev == st->st_dev && l->ino == st->st_ino)
			return l;
		oldest = l->when < oldest->when ? l : oldest;
	}
	return oldest;
}

void archive_leave(const struct archive *a, void *what, void (*by)(void *what))
{
	struct inheritance *i = a->options->inheritance;
	const struct stat *st = &a->source.st;
	if (!i) {
		by(what);
		return;
	}
	pthread_mutex_lock(&i->lock);
	struct left *l = find(i, st);
	discard(l);
	*l = (struct left){st->st_dev, st->st_ino, ++i->clock, what, by};
	pthread_mutex_unlock(&i->lock);
}

void *archive_inherit(const struct archive *a, void (*by)(void *what))
{
	struct inheritance *i = a->options->inheritance;
	const struct stat *st = &a->source.st;
	void *what = NULL;
	if (!i)
		return NULL;
	pthread_mutex_lock(&i->lock);
	struct left *l = find(i, st);
	if (l->what && l->dev == st->st_dev && l->ino == st->st_ino && l->discard == by) {
		what = l->what;
		*l = (struct left){0};
	}
	pthread_mutex_unlock(&i->lock);
	return what;
}
