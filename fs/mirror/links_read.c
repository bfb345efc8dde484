/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "fs/base/list.h"
#include "fs/mirror/links_impl.h"

/* UNSURE_MAX: how many files of a folder are opened to see whether they are indexes, where
 * their names do not say so; if there are more, they are something else. */
enum { UNSURE_MAX = 2000, INDEXES_MAX = 1 << 16 };

void links_free(struct folder_names *f)
{
	for (uint32_t i = 0; i < f->nfiles; i++)
		free(f->files[i].names);
	for (uint32_t i = 0; i < f->nindexes; i++)
		free(f->indexes[i].name);
	free(f->files);
	free(f->indexes);
}

static bool ends_in(const char *name, const char *const *ends)
{
	size_t len = strlen(name);
	for (; ends && *ends; ends++)
		if (len > strlen(*ends) && strcasecmp(name + len - strlen(*ends), *ends) == 0)
			return true;
	return false;
}

static bool may_be_index(const struct mirror *m, const char *name, bool *ret_sure)
{
	bool may = false;
	*ret_sure = false;
	for (const struct format *const *f = m->formats; *f && !*ret_sure; f++) {
		may |= ends_in(name, (*f)->indexes);
		*ret_sure = (*f)->indexes && ends_in(name, (*f)->suffixes);
	}
	return may;
}

static uint64_t stamp_of(uint64_t stamp, const struct stat *st)
{
	const uint64_t words[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
				  (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		stamp = links_mixed(stamp, words[i]);
	return stamp;
}

/* Checksum of the current stats of the folder and of the files in it that may be indexes. */
static uint64_t stamp_now(const struct mirror *m, const char *folder, const struct folder_names *f)
{
	char path[PATH_MAX];
	struct stat st = {0};
	uint64_t stamp = 1;
	fstatat(m->root->base, folder[0] ? folder : ".", &st, 0);
	stamp = stamp_of(stamp, &st);
	for (uint32_t i = 0; i < f->nindexes; i++) {
		st = (struct stat){0};
		if (snprintf(path, sizeof path, "%s%s%s", folder, folder[0] ? "/" : "", f->indexes[i].name) < PATH_MAX)
			fstatat(m->root->base, path, &st, 0);
		stamp = stamp_of(stamp, &st);
	}
	return stamp;
}

static struct named_file *file_of(struct folder_names *f, const struct number_owner *file)
{
	for (uint32_t i = 0; i < f->nfiles; i++)
		if (memcmp(&f->files[i].file, file, sizeof *file) == 0)
			return &f->files[i];
	struct named_file *more = list_grow(f->files, f->nfiles, sizeof *more);
	if (!more)
		return NULL;
	f->files = more;
	f->files[f->nfiles] = (struct named_file){.file = *file};
	f->bytes += sizeof *more;
	return &f->files[f->nfiles++];
}

static bool count_name(struct folder_names *f, uint32_t file, uint32_t number)
{
	struct named_file *n = &f->files[file];
	if (number >= n->count) {
		uint32_t room = number < 32 ? 64 : number * 2;
		uint32_t *more = reallocarray(n->names, room, sizeof *more);
		if (!more)
			return false;
		memset(more + n->count, 0, (room - n->count) * sizeof *more);
		f->bytes += (room - n->count) * sizeof *more;
		n->names = more;
		n->count = room;
	}
	n->names[number]++;
	return true;
}

/* Counts the arrays that the index names. */
static bool count_index(struct folder_names *f, struct archive *a)
{
	uint32_t count = atomic_load(&a->tree.count), sources = archive_sources(a);
	uint32_t *files = calloc(sources, sizeof *files); /* by source number */
	bool good = files;
	for (uint32_t k = 0; good && k < sources; k++) {
		struct number_owner owner = mirror_owner(archive_source(a, k));
		struct named_file *file = k ? file_of(f, &owner) : NULL; /* an index holds no arrays itself */
		files[k] = file ? (uint32_t)(file - f->files) : UINT32_MAX;
		good = !k || file;
	}
	for (uint32_t i = TREE_ROOT + 1; good && i < count; i++) {
		const struct node *n = tree_node(&a->tree, i);
		if (n->kind == NODE_RANGE && n->source)
			good = count_name(f, files[n->source], a->format->ordinal(a, i, n));
	}
	free(files);
	return good;
}

/* Looks up a mirrored directory by its path. */
static int find_folder(struct mirror *m, const char *path, struct mirror_ref *ret)
{
	struct error err = {0};
	struct mirror_ref at;
	int r = mirror_get(m, TREE_ROOT, ret, &err);
	for (size_t len; r == 0 && *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		at = *ret;
		r = at.open ? -ENOTDIR : plain_lookup(m, &at, (struct slice){(const uint8_t *)path, len}, ret, &err);
		mirror_put(m, &at);
	}
	return r;
}

static int add_candidate(struct folder_names *f, const char *name, bool sure)
{
	struct candidate *more = list_grow(f->indexes, f->nindexes, sizeof *more);
	if (!more)
		return -ENOMEM;
	f->indexes = more;
	more[f->nindexes] = (struct candidate){strdup(name), sure};
	if (!more[f->nindexes].name)
		return -ENOMEM;
	f->bytes += strlen(name) + 32;
	f->nindexes++;
	return 0;
}

static void drop_unsure(struct folder_names *f)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < f->nindexes; i++) {
		if (f->indexes[i].sure)
			f->indexes[kept++] = f->indexes[i];
		else
			free(f->indexes[i].name);
	}
	f->nindexes = kept;
}

static int list_folder(struct mirror *m, const struct mirror_ref *dir, struct folder_names *f)
{
	struct error err = {0};
	struct mirror_name name;
	struct mirror_dir d;
	uint32_t unsure = 0;
	bool sure;
	int r = mirror_open_dir(m, dir, &d, &err);
	if (r < 0)
		return r;
	for (off_t at = 0; (r = plain_next(m, &d, at, &name, &err)) > 0;) {
		at = name.next;
		if (!may_be_index(m, name.name, &sure) || f->nindexes >= INDEXES_MAX || (!sure && ++unsure > UNSURE_MAX))
			continue;
		if ((r = add_candidate(f, name.name, sure)) < 0)
			break;
	}
	mirror_close_dir(m, &d);
	if (unsure > UNSURE_MAX)
		drop_unsure(f);
	return r;
}

int links_by_file(const void *a, const void *b)
{
	return memcmp(&((const struct named_file *)a)->file, &((const struct named_file *)b)->file, sizeof(struct number_owner));
}

static uint64_t sum_of(const struct folder_names *f)
{
	uint64_t sum = f->nfiles;
	for (uint32_t i = 0; i < f->nfiles; i++) {
		const struct named_file *n = &f->files[i];
		sum = links_mixed(links_mixed(sum, n->file.ino), n->file.mtime);
		for (uint32_t k = 0; k < n->count; k++)
			sum = links_mixed(sum, n->names[k]);
	}
	return sum;
}

void links_read(struct mirror *m, const char *path, struct folder_names *f)
{
	struct error err = {0};
	struct mirror_ref dir, ref;
	int r = find_folder(m, path, &dir);
	if (r < 0 || dir.open || !S_ISDIR(dir.dentry->type)) {
		if (r == 0)
			mirror_put(m, &dir);
		f->failed = true;
		return;
	}
	f->failed = list_folder(m, &dir, f) < 0;
	f->stamp = stamp_now(m, path, f); /* before they are opened, so that a change meanwhile is noticed */
	for (uint32_t i = 0; i < f->nindexes; i++) {
		r = plain_lookup(m, &dir, slice_text(f->indexes[i].name), &ref, &err);
		if (r < 0) {
			f->failed |= r != -ENOENT;
			continue;
		}
		if (ref.open && ref.open->archive.format->indexes)
			f->failed |= !count_index(f, &ref.open->archive);
		mirror_put(m, &ref);
	}
	mirror_put(m, &dir);
	if (f->nfiles)
		qsort(f->files, f->nfiles, sizeof *f->files, links_by_file);
	f->sum = sum_of(f);
}

bool links_changed(const struct mirror *m, const char *path, const struct folder_names *f)
{
	return f->failed || stamp_now(m, path, f) != f->stamp;
}
