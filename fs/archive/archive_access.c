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
	if (access_from(&a->members.folder, ret) < 0 || !path || !a->members.folder.path[0])
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
static struct access look_at(struct access_from *from, const struct member *one, struct access before, struct access_seen *seen)
{
	struct access now;
	struct stat st;
	int r = access_find(from, one->path, seen, &st, &now);
	if (r < 0) /* kept out ourselves, as whom we run may not read it either */
		now = (struct access){before.uid, before.gid, r == -EACCES ? 0 : before.mode & 0700};
	else if (st.st_dev == one->dev && st.st_ino == one->ino)
		return now;
	return access_join(before, now, &from->self);
}

/* The access common to the first `count` files and one more. */
static struct access take_in(struct access common, uint32_t count, struct access one, const struct access_self *self)
{
	return count ? access_join(common, one, self) : one;
}

void archive_bring(struct archive *a, struct member *one, const struct stat *st)
{
	struct access_from own, *from = a->from ? a->from : &own;
	struct access access = access_of(st);
	struct access_seen seen = access_seen(st);
	access.mode &= 0700; /* the path may lead elsewhere by now */
	if (!a->from)
		from_here(a, from);
	access = look_at(from, one, access, &seen);
	pthread_mutex_lock(&a->access_lock);
	a->common = take_in(a->common, a->nbrought++, access, &from->self);
	one->access = access;
	one->seen = seen;
	one->brought = true;
	pthread_mutex_unlock(&a->access_lock);
	if (!a->from)
		access_from_close(from);
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

/* --- restat ----------------------------------------------------------------- */

/* The archive's own file or folder; unchanged if it cannot be stat'ed. */
static void look_at_own(const struct archive *a, struct stat *st, struct access *access)
{
	const struct source *s = &a->source;
	struct access_from from;
	struct access found;
	struct stat now;
	int r = s->dir < 0 ? a->members.folder.dir < 0 ? -EBADF : access_fstat(a->members.folder.dir, &now)
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

static bool put(struct archive *a, struct access *to, struct access now)
{
	pthread_mutex_lock(&a->access_lock);
	bool changed = !access_same(*to, now);
	*to = now;
	pthread_mutex_unlock(&a->access_lock);
	return changed;
}

/* Stats a member that was brought in; returns whether its access changed. */
static bool look_again(struct archive *a, struct access_from *from, struct member *one, struct access *ret)
{
	pthread_mutex_lock(&a->access_lock);
	struct access before = one->access;
	struct access_seen seen = one->seen;
	pthread_mutex_unlock(&a->access_lock);
	*ret = look_at(from, one, before, &seen);
	pthread_mutex_lock(&a->access_lock);
	one->access = *ret;
	one->seen = seen;
	pthread_mutex_unlock(&a->access_lock);
	return !access_same(*ret, before);
}

bool archive_restat(struct archive *a)
{
	struct stat st = a->own;
	struct access own = a->access, common = {0}, now;
	struct access_from from;
	uint32_t count = atomic_load(&a->members.count), looked = 0;
	bool changed = false;

	look_at_own(a, &st, &own);
	if (count > 0)
		from_here(a, &from);
	for (uint32_t i = 0; i < count; i++) {
		struct member *one = members_at(&a->members, i);
		if (!one->brought)
			continue;
		changed |= look_again(a, &from, one, &now);
		common = take_in(common, looked++, now, &from.self);
	}
	if (count > 0)
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
	return number == 0 || number >= archive_sources(a) ? a->access : members_at(&a->members, number - 1)->access;
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

void archive_stat_file(struct archive *a, uint32_t number, struct stat *ret)
{
	pthread_mutex_lock(&a->access_lock);
	struct access who = of_source(a, number);
	*ret = number ? archive_source(a, number)->st : a->own;
	pthread_mutex_unlock(&a->access_lock);
	ret->st_uid = who.uid;
	ret->st_gid = who.gid;
	ret->st_mode = who.mode & 0444;
}

bool archive_opens_to_all(struct archive *a, uint32_t source)
{
	pthread_mutex_lock(&a->access_lock);
	struct access readers = of_node(a, tree_node(&a->tree, TREE_ROOT));
	bool all = access_same(access_within(readers, of_source(a, source), ACCESS_READ), readers);
	pthread_mutex_unlock(&a->access_lock);
	return all;
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
	uint32_t count = atomic_load(&a->members.count);
	pthread_mutex_lock(&a->access_lock);
	uint64_t sum = add(0xcbf29ce484222325, a->access);
	for (uint32_t i = 0; i < count; i++)
		if (members_at(&a->members, i)->brought)
			sum = add(sum, members_at(&a->members, i)->access);
	pthread_mutex_unlock(&a->access_lock);
	return sum;
}
