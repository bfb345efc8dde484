/* SPDX-License-Identifier: MIT */
#include "mount/commands/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/archive/column.h"
#include "fs/base/list.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/commands.h"
#include "mount/commands/walk.h"
#include "mount/log.h"

static void complain(struct stats *s, const char *path, const char *why)
{
	if (s->counting)
		return;
	pthread_mutex_lock(&s->lock);
	progress_clear(&s->progress);
	log_say("%s: %s: %s", s->options->source, *path ? path : ".", why);
	pthread_mutex_unlock(&s->lock);
	s->failed = true;
}

/* --- which arrays -------------------------------------------------------------------- */

/* Was it named as the PATH, rather than found below it? */
static bool is_named(const struct stats *s, const char *path)
{
	return *s->named && strcmp(s->named, path) == 0;
}

/* Actual numbers: not where strings and lists begin, or which elements are null. */
static bool is_wanted(const struct stats *s, const char *path, const struct mirror_ref *ref)
{
	const struct node *n = ref->node;
	if (n->kind == NODE_FAULT && (!n->array || n->array->dtype == DTYPE_NONE))
		return true;
	if (!n->array || !summary_exists(n->array))
		return false;
	bool validity = n->companion && n->array->dtype == DTYPE_BOOL;
	return is_named(s, path) || (!validity && !column_is_structure(&ref->open->archive.tree, n));
}

/* For blocks that are not decoded, statistics of the bytes would mean nothing. */
static const struct quant_block *blocks_of(const struct mirror_ref *ref)
{
	const struct array *a = ref->node ? ref->node->array : NULL;
	return a && a->quant ? quant_block(a->quant->blocks) : NULL;
}

static void refuse(struct stats *s, const char *path, const struct mirror_ref *ref)
{
	const struct array *a = ref->node ? ref->node->array : NULL;
	struct error why = {0};
	if (blocks_of(ref))
		error_set(&why, ENOTSUP, "blocks of type %s are not decoded, so there are no numbers", blocks_of(ref)->name);
	else if (ref->open && ino_view(ref->ino))
		error_set(&why, ENOTSUP, "is a view; name the array itself");
	else
		error_set(&why, ENOTSUP, a && a->dtype != DTYPE_NONE ? "has no numbers" : "is no array");
	complain(s, path, why.text);
}

/* --- the same array by another name ------------------------------------------------------ */

/* The name under which the array was reported before, or NULL: then it is remembered under this one. */
static const char *told_before(struct stats *s, const char *path, const struct mirror_ref *ref)
{
	uint64_t *before = ref->node->links > 1 ? idmap_at(&s->seen, ref->ino) : NULL;
	if (!before)
		return NULL;
	if (*before)
		return s->names[*before - 1];
	char **grown = list_grow(s->names, s->nnames, sizeof *grown);
	if (grown) {
		s->names = grown;
		if ((s->names[s->nnames] = strdup(path)))
			*before = ++s->nnames;
	}
	return NULL;
}

/* --- the walk ------------------------------------------------------------------------------- */

static void add(struct stats *s, const char *path, const struct mirror_ref *ref, const char *same)
{
	struct job *j = calloc(1, sizeof *j);
	if (j) {
		j->path = strdup(path);
		j->same = same ? strdup(same) : NULL;
		j->done = j->same != NULL;
	}
	if (j && !same)
		mirror_copy(s->opened.mirror, ref, &j->ref);
	stats_add(s, j && same && !j->same ? (free(j->path), free(j), NULL) : j);
}

/* For the progress bar. */
static void count(struct stats *s, const struct mirror_ref *ref)
{
	struct error err = {0};
	struct stat st;
	if (mirror_size_known(ref) && mirror_stat(s->opened.mirror, ref, -1, &st, &err) == 0)
		s->total += (uint64_t)st.st_size * (s->options->hist ? 2 : 1);
}

/* A file outside archives, which may be because it is broken. */
static void look_at_plain(struct stats *s, const char *path, const struct mirror_ref *ref)
{
	struct error err = {0};
	if (mirror_fault(s->opened.mirror, ref, &err) < 0)
		complain(s, path, err.text);
	else if (is_named(s, path))
		refuse(s, path, ref);
}

static void look_at(struct stats *s, const char *path, const struct mirror_ref *ref, const char *same)
{
	bool wanted = ref->open && !ino_view(ref->ino) && is_wanted(s, path, ref);
	if (!ref->open) {
		look_at_plain(s, path, ref);
	} else if (wanted && s->counting) {
		if (!same)
			count(s, ref);
	} else if (wanted) {
		add(s, path, ref, same ? same : told_before(s, path, ref));
	} else if (is_named(s, path) || blocks_of(ref)) {
		refuse(s, path, ref);
	}
}

/* A link is followed where it is named. */
static void look_at_link(struct stats *s, const char *path)
{
	struct mirror_ref ref;
	struct error err = {0};
	if (!is_named(s, path))
		return;
	int r = walk_resolve(s->opened.mirror, path, true, &ref, &err);
	if (r < 0) {
		error_set(&err, -r, "%s", strerror(-r));
		complain(s, path, err.text);
		return;
	}
	if (ref.node && ref.node->kind == NODE_DIR)
		complain(s, path, "leads to a directory: name that");
	else
		look_at(s, path, &ref, NULL);
	mirror_put(s->opened.mirror, &ref);
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *err)
{
	struct stats *s = arg;
	(void)len;
	if (kind == WALK_FAULT)
		complain(s, path, err->text);
	else if (kind == WALK_SAME && (!ref->node || ref->node->kind == NODE_DIR))
		return 0;
	else if (kind == WALK_FILE && mirror_readlink(s->opened.mirror, ref, (char[PATH_MAX]){0}, &(struct error){0}) != -EINVAL)
		look_at_link(s, path);
	else if (kind == WALK_FILE || kind == WALK_SAME)
		look_at(s, path, ref, same);
	return ferror(stdout);
}

static void walk_all(struct stats *s)
{
	static char root[] = "", *whole[] = {root, NULL};
	char **paths = s->options->paths;
	for (char **path = *paths ? paths : whole; *path; path++) {
		s->named = *path;
		if (walk(s->opened.mirror, *path, visit, s))
			break;
	}
}

/* --- all -------------------------------------------------------------------------------------- */

static void stats_all(struct stats *s)
{
	if (progress_wanted()) { /* only the progress bar needs the total */
		s->counting = true;
		walk_all(s);
		s->counting = false;
	}
	s->progress = progress_begin(s->total);
	stats_start(s);
	walk_all(s);
	stats_drain(s);
	stats_end(s);
	progress_clear(&s->progress);
	stats_flush(s, true);
}

/* The last messages, and what makes the exit code 1. */
static void conclude(struct stats *s)
{
	if (s->told_arrays == 0 && !s->failed)
		log_say("%s: no arrays of numbers", s->options->source);
	if (!s->options->fail_nan || s->nan_arrays == 0)
		return;
	s->failed = true;
	if (s->nan_arrays == 1)
		log_say("%s: %s: NaN in %" PRIu64 " of %" PRIu64 " elements", s->options->source, s->nan_path ? s->nan_path : "", s->nan_count, s->nan_of);
	else
		log_say("%s: NaN in %" PRIu64 " of %" PRIu64 " arrays, first in %s: %" PRIu64 " of %" PRIu64 " elements", s->options->source,
			s->nan_arrays, s->told_arrays, s->nan_path ? s->nan_path : "", s->nan_count, s->nan_of);
}

static void free_all(struct stats *s)
{
	for (size_t i = 0; i < s->nnames; i++)
		free(s->names[i]);
	free(s->names);
	free(s->nan_path);
	idmap_free(&s->seen);
}

int stats_run(const struct options *o)
{
	static char buffer[1 << 16];
	static struct stats s = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
	int r = source_command_open(&s.opened, o);
	if (r)
		return r;
	s.options = o;
	s.terminal = terminal_of(STDOUT_FILENO);
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	progress_heed_signals();
	stats_all(&s);
	source_command_close(&s.opened);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_say("standard output: %s", strerror(errno));
		s.failed = true;
	}
	conclude(&s);
	free_all(&s);
	return s.failed;
}
