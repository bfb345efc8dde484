/* SPDX-License-Identifier: MIT */
/* The files that an archive is made of: its own, and its members. */
#include "fs/archive/archive.h"

#include <limits.h>
#include <stdlib.h>

struct source *archive_source(struct archive *a, uint32_t number)
{
	return number == 0 ? &a->source : members_at(&a->members, number - 1)->source;
}

uint64_t archive_bytes(struct archive *a)
{
	uint32_t count = atomic_load(&a->members.count);
	uint64_t sum = a->source.size;
	for (uint32_t i = 0; i < count; i++)
		sum += members_at(&a->members, i)->brought ? members_at(&a->members, i)->size : 0;
	return sum;
}

bool archive_maps(struct archive *a, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	for (uint32_t i = 0; i < archive_sources(a); i++) {
		const struct source *s = archive_source(a, i);
		if (s->dir >= 0 && s->served && from >= s->served && range_within((uint64_t)(from - s->served), len, s->size))
			return true;
	}
	return false;
}

/* Takes over the source. */
static struct member *add_neighbour(struct archive *a, const char *path, enum reach reach, struct source *s)
{
	struct member one = {.path = arena_text(&a->arena, slice_text(path)), .dev = s->st.st_dev, .ino = s->st.st_ino, .size = s->size,
			     .mtime = s->st.st_mtim, .source = s, .reach = reach};
	struct member *added = one.path ? members_add(&a->members, &a->arena, &one) : NULL;
	if (added) {
		archive_bring(a, added, &s->st);
	} else {
		source_close(s);
		free(s);
	}
	return added;
}

static int open_neighbour(struct archive *a, const char *path, enum reach reach, struct member **ret, struct error *err)
{
	struct source *s = malloc(sizeof *s);
	if (!s)
		return error_no_memory(err, "one more file");
	int r = source_open(s, &a->members.folder, path, reach, err);
	if (r < 0) {
		free(s);
		return r;
	}
	source_drop_fd(s);
	*ret = add_neighbour(a, path, reach, s);
	return *ret ? 0 : error_no_memory(err, "one more file");
}

/* One file has one path: without components that lead nowhere, "." and empty ones, before the last. */
static void plain_path(struct slice path, char *ret)
{
	const uint8_t *at = path.data, *end = path.data + path.len;
	while (at < end) {
		const uint8_t *slash = memchr(at, '/', (size_t)(end - at)), *next = slash ? slash + 1 : end;
		bool nowhere = slash && (slash == at || (slash == at + 1 && *at == '.'));
		if (!nowhere || next == end)
			ret = mempcpy(ret, at, (size_t)(next - at));
		at = next;
	}
	*ret = '\0';
}

int archive_sibling(struct archive *a, struct slice path, enum reach reach, uint32_t *ret, struct error *err)
{
	char text[PATH_MAX];
	if (path.len == 0 || path.len >= sizeof text || memchr(path.data, '\0', path.len) || path.data[0] == '/')
		return error_set(err, EBADMSG, "not a relative path");
	if (a->within)
		return error_set(err, EIO, "an archive that lies within another brings in no files");
	plain_path(path, text);
	if (a->members.folder.dir < 0)
		return error_set(err, ENOENT, "%s", strerror(ENOENT));
	struct member *one = members_neighbour(&a->members, text, reach);
	int r = one ? 0 : open_neighbour(a, text, reach, &one, err);
	if (r == 0)
		*ret = one->number;
	return r;
}
