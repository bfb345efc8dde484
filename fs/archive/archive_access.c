/* SPDX-License-Identifier: MIT */
/* Who may read what an archive shows: whoever may read the files that it is made of. */
#include <string.h>

#include "fs/archive/archive.h"
#include "fs/base/list.h"

/* --- the files -------------------------------------------------------------- */

/* Where the archive is.  Its folder may have been put in the place of another meanwhile,
 * and counts as shown only if the archive is in there. */
static void from_here(const struct archive *a, struct access_from *ret)
{
	const char *path = a->source.path, *slash = path ? strrchr(path, '/') : NULL;
	struct stat st;
	if (access_from(&a->folder, ret) < 0 || !path || !a->folder.path[0])
		return;
	if (fstatat(ret->base, slash ? slash + 1 : path, &st, 0) < 0 || st.st_dev != a->source.st.st_dev ||
	    st.st_ino != a->source.st.st_ino)
		ret->count = 0;
}

/*
 * Who may read the file that was opened by that path, at present.  If another bears the
 * name by now, who may read the one that was opened cannot be known any more: he who may
 * read both as they are known; if none does, its owner.
 */
static struct access look_at(struct access_from *from, struct brought *b)
{
	struct access now;
	struct stat st;
	int r = access_find(from, b->path, &b->seen, &st, &now);
	if (r < 0) /* kept out ourselves, as whom we run may not read it either */
		now = (struct access){b->access.uid, b->access.gid, r == -EACCES ? 0 : b->access.mode & 0700};
	else if (st.st_dev == b->dev && st.st_ino == b->ino)
		return now;
	return access_join(b->access, now, &from->self);
}

/* What the first `count` have in common, and one more. */
static struct access take_in(struct access common, uint32_t count, struct access one, const struct access_self *self)
{
	return count ? access_join(common, one, self) : one;
}

/* Room for one more. */
static int grow(struct archive *a, struct error *err)
{
	struct brought *grown = list_grow_in(&a->arena, a->brought, a->nbrought, sizeof *grown);
	if (!grown)
		return error_set(err, ENOMEM, "no memory for one more file");
	pthread_mutex_lock(&a->access_lock);
	a->brought = grown;
	pthread_mutex_unlock(&a->access_lock);
	return 0;
}

int archive_bring(struct archive *a, const char *path, const struct stat *st, struct error *err)
{
	struct brought b = {.dev = st->st_dev, .ino = st->st_ino, .access = access_of(st), .seen = access_seen(st)};
	struct access_from own, *from = a->from ? a->from : &own;
	int r = grow(a, err);
	if (r < 0)
		return r;
	if (!(b.path = arena_text(&a->arena, slice_text(path))))
		return error_set(err, ENOMEM, "no memory for one more file");
	b.access.mode &= 0700; /* the path may lead elsewhere by now */
	if (!a->from)
		from_here(a, from);
	b.access = look_at(from, &b);
	pthread_mutex_lock(&a->access_lock);
	a->common = take_in(a->common, a->nbrought, b.access, &from->self);
	a->brought[a->nbrought++] = b;
	pthread_mutex_unlock(&a->access_lock);
	if (!a->from)
		access_from_close(from);
	return 0;
}

int archive_bring_all(struct archive *a, int (*open)(struct archive *a, struct error *err), struct error *err)
{
	struct access_from from;
	from_here(a, &from);
	a->from = &from;
	int r = open(a, err);
	a->from = NULL;
	access_from_close(&from);
	return r;
}

/* --- looking at them again -------------------------------------------------- */

/* Its own file, or folder; what it was if that cannot be known. */
static void look_at_own(const struct archive *a, struct stat *st, struct access *access)
{
	const struct source *s = &a->source;
	struct access_from from;
	struct access found;
	struct stat now;
	int r = s->dir < 0 ? a->folder.dir < 0 ? -EBADF : access_fstat(a->folder.dir, &now)
		: a->outside ? -EBADF : source_stat(s, &now);
	if (r == 0) {
		found = access_of(&now);
	} else if (s->dir >= 0) { /* without a descriptor, or its way counts */
		access_from(&(struct folder){.dir = s->dir, .path = ""}, &from);
		r = access_find(&from, s->path, &(struct access_seen){0}, &now, &found);
		access_from_close(&from);
		if (!a->outside)
			found = access_of(&now);
	}
	if (r == 0 && now.st_dev == a->own.st_dev && now.st_ino == a->own.st_ino) {
		*st = now;
		*access = found;
	}
}

/* The one of that index, if it is there. */
static bool get(struct archive *a, uint32_t i, struct brought *ret)
{
	pthread_mutex_lock(&a->access_lock);
	bool there = i < a->nbrought;
	if (there)
		*ret = a->brought[i];
	pthread_mutex_unlock(&a->access_lock);
	return there;
}

static bool put(struct archive *a, struct access *to, struct access now)
{
	pthread_mutex_lock(&a->access_lock);
	bool changed = !access_same(*to, now);
	*to = now;
	pthread_mutex_unlock(&a->access_lock);
	return changed;
}

bool archive_restat(struct archive *a)
{
	struct stat st = a->own;
	struct access own = a->access, common = {0};
	struct access_from from;
	struct brought b;
	bool changed = false, any = get(a, 0, &b);

	look_at_own(a, &st, &own);
	if (any)
		from_here(a, &from);
	for (uint32_t i = 0; get(a, i, &b); i++) {
		struct access now = look_at(&from, &b);
		common = take_in(common, i, now, &from.self);
		changed |= !access_same(now, b.access);
		b.access = now;
		pthread_mutex_lock(&a->access_lock);
		a->brought[i] = b;
		pthread_mutex_unlock(&a->access_lock);
	}
	if (any)
		access_from_close(&from);
	if (changed)
		put(a, &a->common, common);
	pthread_mutex_lock(&a->access_lock);
	a->own = st;
	pthread_mutex_unlock(&a->access_lock);
	return put(a, &a->access, own) || changed;
}

/* --- what is made of them --------------------------------------------------- */

static struct access of_source(const struct archive *a, uint32_t number)
{
	return number == 0 || number > a->nbrought ? a->access : a->brought[number - 1].access;
}

/* A directory of what is made of all files: for those who may read them, and look into
 * the folder. */
static struct access of_joined(const struct archive *a, const struct node *n)
{
	if (a->nbrought == 0)
		return a->access;
	return n->kind == NODE_DIR ? access_within(a->common, a->access, ACCESS_SEARCH) : a->common;
}

static struct access of_node(const struct archive *a, const struct node *n)
{
	uint32_t count = 0;
	const uint32_t *sources = NULL;
	if (a->format->joined)
		return of_joined(a, n);
	if (n->kind == NODE_RANGE)
		return of_source(a, n->source);
	if (n->kind == NODE_LAZY && a->format->sources)
		sources = a->format->sources(a, n, &count);
	if (count == 0)
		return a->access;
	struct access_self self = access_self();
	struct access r = of_source(a, sources[0]);
	for (uint32_t i = 1; i < count; i++)
		r = take_in(r, i, of_source(a, sources[i]), &self);
	return r;
}

void archive_stat(struct archive *a, const struct node *n, struct stat *ret)
{
	pthread_mutex_lock(&a->access_lock);
	struct access who = of_node(a, n);
	*ret = a->own;
	pthread_mutex_unlock(&a->access_lock);
	ret->st_uid = who.uid;
	ret->st_gid = who.gid;
	ret->st_mode = who.mode & 0444;
}

static uint64_t add(uint64_t sum, struct access a)
{
	const uint64_t words[] = {a.uid, a.gid, a.mode};
	for (size_t i = 0; i < 3; i++)
		sum = (sum ^ words[i]) * 0x100000001b3;
	return sum;
}

uint64_t archive_access_sum(struct archive *a)
{
	pthread_mutex_lock(&a->access_lock);
	uint64_t sum = add(0xcbf29ce484222325, a->access);
	for (uint32_t i = 0; i < a->nbrought; i++)
		sum = add(sum, a->brought[i].access);
	pthread_mutex_unlock(&a->access_lock);
	return sum;
}
