/* SPDX-License-Identifier: MIT */
#include "fs/archive/parts.h"

#include <stdlib.h>

static int open_part(const struct members *m, const struct member *one, struct source source, void **ret, size_t *ret_memory,
		     struct error *err)
{
	const struct archive *whole = m->context;
	const char *slash = strrchr(one->path, '/');
	struct archive *a = calloc(1, sizeof *a);
	if (!a) {
		source_close(&source);
		return error_set(err, ENOMEM, "no memory");
	}
	int r = archive_open_source(a, whole->parts, source, slash ? slash + 1 : one->path, whole->options, err);
	if (r < 0) {
		free(a);
		return r;
	}
	*ret_memory = a->arena.used;
	*ret = a;
	return 0;
}

static void close_part(void *opened)
{
	archive_close(opened);
	free(opened);
}

void parts_of(struct archive *whole, const struct format *const *formats)
{
	static const struct member_opener opener = {open_part, close_part};
	whole->parts = formats;
	whole->members.opener = &opener;
	whole->members.context = whole;
}

int part_hold(struct member *part, struct archive **ret, struct error *err)
{
	void *opened;
	int r = member_hold(part, &opened, err);
	if (r == 0)
		*ret = opened;
	return r;
}

void part_prefetch(struct archive *whole, struct member *part)
{
	member_prefetch(part, whole->options->blocks, &whole->blocks);
}
