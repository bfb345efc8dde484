/* SPDX-License-Identifier: MIT */
#include "fs/mirror/impl.h"

#include <errno.h>
#include <stdlib.h>

/* View files that are generated as one text. */

/* How much of one text is cached: readers ask for 128 KiB at a time, and to generate a text of
 * 100 MB again for each would take a minute. */
enum { TEXT_CACHE_MAX = 8 << 20 };

/* Selects the part of a generated text that is kept. */
struct window {
	uint64_t from, len, at; /* bytes [from, from + len) go to `to`; `at`: bytes so far */
	uint8_t *to;
	bool enough; /* stop after the window */
};

static int keep(void *arg, const char *bytes, size_t len)
{
	struct window *w = arg;
	uint64_t begin = w->at < w->from ? w->from - w->at : 0;
	uint64_t end = w->at + len > w->from + w->len ? w->from + w->len - w->at : len;
	if (w->at < w->from + w->len && begin < end)
		memcpy(w->to + (w->at + begin - w->from), bytes + begin, (size_t)(end - begin));
	w->at += len;
	return w->enough && w->at >= w->from + w->len ? -ECANCELED : 0;
}

/* The path below SOURCE, as --list prints it. */
static void listed_path(struct mirror *m, const struct mirror_ref *plain, char path[PATH_MAX])
{
	mirror_path(m, plain, path, PATH_MAX);
	if (plain->ino == TREE_ROOT) {
		path[0] = '\0';
	} else if (mirror_is_archive(m)) { /* begins with the archive's name */
		const char *slash = strchr(path, '/');
		if (slash)
			memmove(path, slash + 1, strlen(slash));
	}
}

/* Of the node itself, not of what a view makes of it; by the path that led there, which begins in
 * SOURCE, be it over a link that is followed. */
static struct stored stored(const struct mirror *m, const struct mirror_ref *ref)
{
	if (!ref->node || ref->node->kind != NODE_RANGE || ino_view(ref->ino) != VIEW_NONE)
		return (struct stored){0};
	const struct source *s = archive_source(&ref->open->archive, ref->node->source);
	uint64_t offset = ref->node->offset;
	if (s->whole)
		offset += s->begin, s = s->whole;
	bool below = s->path && !s->fetch && s->dir == m->root->base;
	return below ? (struct stored){s->path, &s->st, offset} : (struct stored){0};
}

void mirror_describe(struct mirror *m, const struct mirror_ref *ref, const char *path, const char *same,
		     const struct stat *st, const struct view *view, struct text *ret)
{
	char target[PATH_MAX];
	struct error err = {0};
	bool link = S_ISLNK(st->st_mode) && mirror_readlink(m, ref, target, &err) == 0;
	bool fault = err.text[0] || mirror_fault(m, ref, &err);
	view->write(&(struct described){.path = path, .same = same, .target = link ? target : NULL, .st = st,
					.error = fault ? err.text : NULL, .index = ino_index(ref->ino), .node = ref->node,
					.stored = stored(m, ref), .archive = ref->open ? &ref->open->archive : NULL}, ret);
}

static int write_text(struct mirror *m, const struct mirror_ref *ref, struct window *w, struct error *err)
{
	struct text t = {.flush = keep, .arg = w};
	struct mirror_ref plain = view_plain(ref);
	struct stat st;
	char *path = malloc(PATH_MAX);
	int r = path ? plain_stat(m, &plain, -1, &st, err) : -ENOMEM;
	if (r == 0) {
		listed_path(m, &plain, path);
		mirror_describe(m, &plain, path, NULL, &st, &views[ino_view(ref->ino)], &t);
	}
	free(path);
	if (r == 0)
		r = text_flush(&t);
	text_free(&t);
	return r == -ECANCELED ? 0 : r;
}

int written_size(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret, struct error *err)
{
	struct window count = {0};
	int r = write_text(m, ref, &count, err);
	*ret = count.at;
	return r;
}

static int put_piece(const uint8_t *bytes, uint64_t len, struct answer *ret)
{
	uint8_t *own;
	int r = answer_own(ret, (size_t)len, &own);
	if (r == 0)
		memcpy(own, bytes, (size_t)len);
	return r;
}

/* Whether the cached piece is of that file and covers the request. */
static bool text_cache_holds(const struct text_cache *t, uint64_t ino, uint64_t offset, uint64_t len)
{
	if (!t->bytes || t->ino != ino || offset >= t->total)
		return false;
	len = len < t->total - offset ? len : t->total - offset;
	return offset >= t->from && range_within(offset - t->from, len, t->len);
}

/* Returns true if the cache answered. If not, the caller generates the text; if *ret_mine,
 * others who want it wait for that. *ret_total is its length, if known. */
static bool text_cache_read(struct text_cache *t, uint64_t ino, uint64_t offset, uint64_t len, struct answer *ret, bool *ret_mine,
		      uint64_t *ret_total, int *ret_failed)
{
	pthread_mutex_lock(&t->lock);
	while (!text_cache_holds(t, ino, offset, len) && t->making == ino)
		pthread_cond_wait(&t->made, &t->lock);
	bool here = text_cache_holds(t, ino, offset, len);
	if (here)
		*ret_failed = put_piece(t->bytes + (offset - t->from), len < t->total - offset ? len : t->total - offset, ret);
	*ret_mine = !here && t->making == 0;
	if (*ret_mine)
		t->making = ino;
	if (t->bytes && t->ino == ino)
		*ret_total = t->total;
	pthread_mutex_unlock(&t->lock);
	return here;
}

/* Takes over w->to; if w is NULL, there is nothing to cache. */
static void text_cache_keep(struct text_cache *t, uint64_t ino, const struct window *w, uint64_t total, bool mine)
{
	uint8_t *old = NULL;
	pthread_mutex_lock(&t->lock);
	if (w) {
		old = t->bytes;
		t->ino = ino, t->from = w->from, t->len = w->len, t->total = total, t->bytes = w->to;
	}
	if (mine)
		t->making = 0;
	pthread_cond_broadcast(&t->made);
	pthread_mutex_unlock(&t->lock);
	free(old);
}

/* Generates the range requested and, after it, as much as is cached. */
static int make_window(struct mirror *m, const struct mirror_ref *ref, uint64_t len, uint64_t total, struct window *w,
		       struct answer *ret, struct error *err)
{
	uint64_t rest = total - w->from;
	len = len < rest ? len : rest;
	w->len = !ref->open || len > TEXT_CACHE_MAX ? len : rest < TEXT_CACHE_MAX ? rest : TEXT_CACHE_MAX;
	w->to = malloc((size_t)w->len + 1);
	if (!w->to)
		return error_set(err, ENOMEM, "no memory for %zu bytes of text", (size_t)w->len);
	memset(w->to, ' ', (size_t)w->len); /* in case the text is shorter by now */
	w->enough = true;
	int r = write_text(m, ref, w, err);
	return r < 0 ? r : put_piece(w->to, len, ret);
}

int written_read(struct mirror *m, const struct mirror_ref *ref, uint64_t offset, uint64_t len, struct answer *ret, struct error *err)
{
	struct window w = {.from = offset};
	uint64_t total = 0;
	bool mine = false;
	int r = 0;
	if (ref->open && text_cache_read(&m->texts, ref->ino, offset, len, ret, &mine, &total, &r))
		return r;
	if (total == 0)
		r = written_size(m, ref, &total, err);
	if (r == 0 && offset < total)
		r = make_window(m, ref, len, total, &w, ret, err);
	bool keep_it = r == 0 && ref->open && w.to && total > len; /* a reader will want the rest */
	if (ref->open)
		text_cache_keep(&m->texts, ref->ino, keep_it ? &w : NULL, total, mine);
	if (!keep_it)
		free(w.to);
	return r;
}
