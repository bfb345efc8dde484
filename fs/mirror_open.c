/* SPDX-License-Identifier: MIT */
/* Opening an archive in a mirrored directory, in bounded memory however many are
 * opened at once. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fs/blocks.h"
#include "fs/mirror_impl.h"

/* With all the memory that an archive may take, which the cache gives meanwhile. */
static int open_large(struct mirror *m, struct held *h, struct archive_at *at, struct error *err)
{
	const struct archive_options *o = &m->options.archive;
	blocks_metadata(o->blocks, 0, o->memory);
	at->soft = 0;
	int r = archive_open(&h->archive, m->formats, at, o, err);
	blocks_metadata(o->blocks, o->memory, 0);
	return r;
}

/* Does not wait for ever for who opens another: that may lie on a disk that does not
 * answer. */
static bool wait_for_large(struct mirror *m)
{
	enum { PATIENCE = 10 };
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	return pthread_mutex_timedlock(&m->large, &until) == 0;
}

static int open_by_size(struct mirror *m, struct held *h, struct archive_at *at, struct error *err)
{
	struct error small = {0}, medium = {0};
	at->soft = METADATA_SMALL;
	int r = archive_open(&h->archive, m->formats, at, &m->options.archive, &small);
	if (r != -ENOMEM) {
		*err = small;
		return r;
	}
	bool waited = wait_for_large(m);
	at->soft = METADATA_MEDIUM;
	r = archive_open(&h->archive, m->formats, at, &m->options.archive, &medium);
	if (r == -ENOMEM)
		r = open_large(m, h, at, err);
	else
		*err = medium;
	if (waited)
		pthread_mutex_unlock(&m->large);
	return r;
}

/* Where the entry's archive is, so that siblings are found beside it. */
int mirror_open_held(struct mirror *m, struct entry *e, struct held **ret, struct error *err)
{
	char path[PATH_MAX];
	struct folder folder = m->folder;
	struct held *h = calloc(1, sizeof *h);
	int r = h ? 0 : error_set(err, ENOMEM, "no memory");

	if (r == 0 && e->parent)
		r = entry_path(e, &folder, path, err);
	else if (r == 0)
		snprintf(path, sizeof path, "%s", e->name);
	struct archive_at at = {&folder, path, mirror_reach(m, e), e->parent != NULL, 0};
	if (r == 0 && e->parent)
		r = open_by_size(m, h, &at, err);
	else if (r == 0)
		r = archive_open(&h->archive, m->formats, &at, &m->options.archive, err);
	for (uint32_t i = 0; r == 0 && i < e->nfilled; i++) /* numbers as they were */
		if ((r = archive_fill(&h->archive, e->filled[i], err)) < 0)
			archive_close(&h->archive);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret = h;
	return 0;
}
