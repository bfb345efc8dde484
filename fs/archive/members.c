/* SPDX-License-Identifier: MIT */
#include "fs/archive/members.h"

#include <fcntl.h>
#include <stdlib.h>

/* How many are open at a time, and the bytes that they take, unless more are held. */
enum { OPEN_MAX = 64, OPEN_MAX_BYTES = 6 << 20 };

void members_init(struct members *m, struct descriptors *descriptors)
{
	*m = (struct members){.folder.dir = -1, .descriptors = descriptors};
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->opened, NULL);
}

/* --- is it what it was? ----------------------------------------------------- */

static int check_same(const struct member *one, const struct stat *now, struct error *err)
{
	struct stat then = {.st_dev = one->dev, .st_ino = one->ino, .st_size = (off_t)one->size, .st_mtim = one->mtime};
	return source_same(&then, now) ? 0 : error_set(err, EIO, "changed or replaced");
}

/* Does the name still refer to the file that was found? */
static int check_name(const struct member *one, struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int r = folder_join(&one->in->folder, one->path, path, err);
	if (r < 0)
		return r;
	if (fstatat(one->in->folder.dir, path, &st, 0) < 0)
		return error_set(err, EIO, "%s", errno == ENOENT ? "removed" : strerror(errno));
	return check_same(one, &st, err);
}

/* --- neighbours by their paths -------------------------------------------- */

static struct member **chain_of(const struct members *m, const char *path)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * 0x100000001b3;
	return &m->named[(hash ^ hash >> 32) & (m->chains - 1)];
}

static void chain(const struct members *m, struct member *one)
{
	struct member **first = chain_of(m, one->path);
	one->chained = *first;
	*first = one;
}

/* As many chains as members, and more. */
static bool grow_chains(struct members *m, struct arena *arena)
{
	uint32_t count = atomic_load(&m->count);
	struct member **grown = count < m->chains ? m->named : arena_array(arena, m->chains ? (size_t)m->chains * 2 : 8, sizeof *grown);
	if (!grown || grown == m->named)
		return grown;
	m->named = grown;
	m->chains = m->chains ? m->chains * 2 : 8;
	for (uint32_t i = 0; i < count; i++)
		chain(m, members_at(m, i));
	return true;
}

struct member *members_neighbour(const struct members *m, const char *path, enum reach reach)
{
	struct error none = {""};
	struct member *one = m->chains ? *chain_of(m, path) : NULL;
	while (one && (one->reach != reach || strcmp(one->path, path) != 0))
		one = one->chained;
	return one && check_name(one, &none) == 0 ? one : NULL;
}

struct member *members_add(struct members *m, struct arena *arena, const struct member *one)
{
	uint32_t n = atomic_load(&m->count);
	unsigned k = 31u - (unsigned)__builtin_clz(n + 1);
	if (k == sizeof m->table / sizeof *m->table)
		return NULL;
	if (one->source && !grow_chains(m, arena))
		return NULL;
	if (!m->table[k] && !(m->table[k] = arena_array(arena, (size_t)1 << k, sizeof **m->table)))
		return NULL;
	struct member *to = members_at(m, n);
	*to = *one;
	to->number = n + 1;
	to->in = m;
	if (one->source) {
		chain(m, to);
		atomic_fetch_add(&m->neighbours, 1);
	}
	atomic_store(&m->count, n + 1);
	return to;
}

/* --- those that are open, by age ----------------------------------------- */

static void take_out(struct members *m, struct member *one)
{
	*(one->newer ? &one->newer->older : &m->newest) = one->older;
	*(one->older ? &one->older->newer : &m->oldest) = one->newer;
	one->newer = one->older = NULL;
}

static void put_newest(struct members *m, struct member *one)
{
	one->older = m->newest;
	*(m->newest ? &m->newest->newer : &m->oldest) = one;
	m->newest = one;
}

static void close_opened(const struct members *m, void *opened)
{
	if (m->opener) {
		m->opener->close(opened);
	} else {
		source_close(opened);
		free(opened);
	}
}

static bool crowded(const struct members *m)
{
	return m->open > OPEN_MAX || (m->memory > OPEN_MAX_BYTES && m->open > 1);
}

/* If too many are open, removes the oldest unheld one from the list.  The caller closes it
 * without the lock, since closing waits for decodes in progress. */
static void *spare(struct members *m)
{
	struct member *one = crowded(m) ? m->oldest : NULL;
	while (one && one->holds > 0)
		one = one->newer;
	if (!one)
		return NULL;
	void *opened = one->opened;
	take_out(m, one);
	one->opened = NULL;
	m->open--;
	m->memory -= one->memory;
	return opened;
}

static void close_spare(struct members *m)
{
	for (;;) {
		pthread_mutex_lock(&m->lock);
		void *opened = spare(m);
		pthread_mutex_unlock(&m->lock);
		if (!opened)
			return;
		close_opened(m, opened);
	}
}

void members_close(struct members *m)
{
	uint32_t neighbours = atomic_load(&m->neighbours);
	for (struct member *one = m->oldest; one; one = one->newer)
		close_opened(m, one->opened);
	for (uint32_t i = 0; i < neighbours; i++) {
		source_close(members_at(m, i)->source);
		free(members_at(m, i)->source);
	}
	pthread_cond_destroy(&m->opened);
	pthread_mutex_destroy(&m->lock);
}

/* --- one ------------------------------------------------------------------ */

static int keep_source(struct source source, void **ret, struct error *err)
{
	struct source *s = malloc(sizeof *s);
	if (!s) {
		source_close(&source);
		return error_set(err, ENOMEM, "no memory");
	}
	*s = source;
	*ret = s;
	return 0;
}

static int open_one(const struct member *one, void **ret, size_t *ret_memory, struct error *err)
{
	const struct members *m = one->in;
	struct source s;
	int r = source_open(&s, &m->folder, one->path, m->folder.confined ? REACH_BENEATH : REACH_ANY, err);
	if (r < 0)
		return r;
	if ((r = check_same(one, &s.st, err)) < 0) {
		source_close(&s);
		return r;
	}
	source_keep(&s, m->descriptors);
	return m->opener ? m->opener->open(m, one, s, ret, ret_memory, err) : keep_source(s, ret, err);
}

int member_hold(struct member *one, void **ret, struct error *err)
{
	struct members *m = one->in;
	void *opened = NULL;
	size_t memory = 0;
	int r = check_name(one, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&m->lock);
	while (one->opening)
		pthread_cond_wait(&m->opened, &m->lock);
	if (one->opened) {
		take_out(m, one);
	} else {
		one->opening = true;
		pthread_mutex_unlock(&m->lock);
		r = open_one(one, &opened, &memory, err);
		pthread_mutex_lock(&m->lock);
		one->opening = false;
		pthread_cond_broadcast(&m->opened);
		one->opened = opened;
		one->memory = memory;
		m->open += r == 0;
		m->memory += memory;
	}
	if (r == 0) {
		put_newest(m, one);
		one->holds++;
		*ret = one->opened;
	}
	pthread_mutex_unlock(&m->lock);
	return r;
}

static void release(struct member *one)
{
	pthread_mutex_lock(&one->in->lock);
	one->holds--;
	pthread_mutex_unlock(&one->in->lock);
}

void member_release(void *arg)
{
	struct member *one = arg;
	release(one);
	close_spare(one->in);
}

/* Opens a member ahead of time, as a decode that caches nothing.  It closes no other member:
 * that could wait for a decode that in turn waits for this one. */
static int open_ahead(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct member *one = members_at(from->owner, (uint32_t)index);
	void *opened;
	int r = member_hold(one, &opened, err);
	(void)ret;
	if (r == 0)
		release(one);
	return r < 0 ? r : -ECANCELED;
}

void member_prefetch(struct member *one, struct blocks *blocks, struct block_client *client)
{
	struct block_source from = {client, one->in, open_ahead, 0};
	blocks_prefetch(blocks, &from, one->number - 1);
}
