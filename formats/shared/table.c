/* SPDX-License-Identifier: MIT */
/* Which files of a directory make up a table. */
#include <limits.h>
#include <stdio.h>

#include "formats/shared/table.h"

enum { AHEAD = 16 }; /* files opened before they are needed */

static const struct table_kind *const kinds[] = {&table_parquet, &table_arrow};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

extern const struct format format_table;

/* --- names ----------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);
	return n >= m && strcmp(path + n - m, end) == 0;
}

/* Whether the path's last component, or its last two, are exactly `name`. */
static bool is_called(const char *path, const char *name)
{
	size_t n = strlen(path), m = strlen(name);
	return ends_with(path, name) && (n == m || path[n - m - 1] == '/');
}

/* Such tables record elsewhere which of their files count, and which rows of those. */
static int refuse_logged(const struct archive *a, const char *path, bool directory, struct error *err)
{
	const char *slash = strrchr(path, '/'), *kind = NULL;
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
	if (directory && is_called(path, "_delta_log"))
		kind = "a Delta";
	else if (directory && is_called(path, ".hoodie"))
		kind = "a Hudi";
	else if (!directory && ends_with(path, ".metadata.json") && is_called(folder, "metadata"))
		kind = "an Iceberg";
	if (!kind || a->options->as_files)
		return 0;
	return error_set(err, ENOTSUP, "%s table, by its %.120s: its files alone bring deleted rows back; -o dataset=files takes them as they lie",
			 kind, path);
}

/* NULL: the name does not say. */
static const struct table_kind *kind_of_name(const char *name)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (archive_wished((const struct format *const[]){kinds[i]->file, NULL}, name))
			return kinds[i];
	return NULL;
}

/* Takes all names but those that begin with '.' or '_', except for directories _KEY=VALUE. */
static int choose_name(void *arg, const char *path, const char *name, mode_t type, struct error *err)
{
	bool key = strchr(name, '=');
	int r = refuse_logged(arg, path, S_ISDIR(type), err);
	if (r < 0)
		return r;
	if (name[0] == '.' || (name[0] == '_' && (!key || S_ISREG(type))))
		return MEMBER_NO;
	return kind_of_name(name) || (S_ISLNK(type) && key) ? MEMBER_SURE : MEMBER_MAYBE;
}

static bool is_of_table(const char *name)
{
	return name[0] != '.' && name[0] != '_' && kind_of_name(name);
}

/* A table may lie in subdirectories, or have file names that say nothing; only whoever asks for
 * a dataset knows that it is one. */
static bool table_probe(const struct members *m)
{
	return members_any(m, is_of_table);
}

/* --- kinds --------------------------------------------------------------------------- */

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* By its name, or else by its contents; NULL if it is of none. */
static int kind_of(struct member *file, const struct table_kind **ret, struct error *err)
{
	struct error own = {""};
	struct archive *opened;
	*ret = kind_of_name(last_name(file->path));
	if (*ret)
		return 0;
	int r = part_hold(file, &opened, &own);
	for (unsigned i = 0; i < KINDS && r == 0; i++)
		*ret = kinds[i]->file == opened->format ? kinds[i] : *ret;
	if (r == 0)
		member_release(file);
	if (r == 0 || r == -ENOEXEC || (r == -ENOTSUP && !own.text[0]))
		return 0;
	return error_prefix(err, error_set(err, -r, "%s", own.text), file->path);
}

struct table_files *table_files(struct archive *a, const struct table_kind *kind, uint32_t room, struct error *err)
{
	struct table_files *f = arena_alloc(&a->arena, sizeof *f);
	struct member **all = arena_array(&a->arena, room, sizeof *all);
	uint64_t *first_row = arena_array(&a->arena, (size_t)room + 1, sizeof *first_row);
	if (!f || !all || !first_row) {
		error_no_memory(err, "the names of its files");
		return NULL;
	}
	*f = (struct table_files){.kind = kind, .all = all, .first_row = first_row};
	return f;
}

static int choose(struct archive *a, struct table_files *files, struct error *err)
{
	uint32_t count = atomic_load(&a->members.count);
	for (uint32_t i = 0; i < count; i++) {
		struct member *file = members_at(&a->members, i);
		const struct table_kind *kind;
		int r = kind_of(file, &kind, err);
		if (r < 0)
			return r;
		if (!kind)
			continue;
		if (files->kind && files->kind != kind)
			return error_set(err, ENOTSUP, "%s is a %s file and %s a %s file: not one table", table_path(files->all[0]),
					 files->kind->name, table_path(file), kind->name);
		files->kind = kind;
		files->all[files->count++] = file;
	}
	return files->count ? 0 : error_set(err, ENOENT, "no Parquet or Arrow file in it");
}

static int hand_over(struct archive *a, const struct table_kind *kind, struct table_files *files, struct error *err)
{
	a->format = kind->table;
	a->priv = files;
	return a->format->open(a, err);
}

static int table_open(struct archive *a, struct error *err)
{
	const struct format **parts = arena_array(&a->arena, KINDS + 1, sizeof *parts);
	if (!parts)
		return error_no_memory(err, "the names of its files");
	for (unsigned i = 0; i < KINDS; i++) {
		parts[i] = kinds[i]->file;
		if (!a->options->as_files && kinds[i]->claims && kinds[i]->claims(&a->members))
			return hand_over(a, kinds[i], NULL, err);
	}
	parts_of(a, parts);
	int r = members_find(&a->members, &a->arena, choose_name, a, err);
	struct table_files *files = r == 0 ? table_files(a, NULL, atomic_load(&a->members.count), err) : NULL;
	if (r == 0)
		r = files ? choose(a, files, err) : -ENOMEM;
	if (r == 0)
		r = table_find_keys(a, files, err);
	return r < 0 ? r : hand_over(a, files->kind, files, err);
}

/* --- their rows ------------------------------------------------------------------------ */

static int take_file(struct archive *a, struct table_files *f, uint32_t number, table_take_file *take, void *arg, struct error *err)
{
	struct member *file = f->all[number];
	struct archive *opened;
	struct error own = {""};
	uint64_t rows = 0, *first = &f->first_row[number];
	int r = part_hold(file, &opened, &own);
	if (r == 0 && opened->format != f->kind->file) {
		member_release(file);
		r = -ENOEXEC;
	}
	if (r < 0) {
		error_set(&own, -r, "not %s %s file", f->kind->name[0] == 'A' ? "an" : "a", f->kind->name);
		error_prefix(&own, r, file->path);
		return error_set(err, r == -ENOEXEC ? EBADMSG : -r, "%s", own.text);
	}
	r = take(arg, opened, number, &rows, err);
	if (r == 0)
		archive_bring(a, file, &opened->source.st);
	member_release(file);
	if (r == 0 && (__builtin_add_overflow(first[0], rows, &first[1]) || first[1] > INT64_MAX / 64))
		r = error_set(err, EBADMSG, "%s: more rows than there can be", file->path);
	return r;
}

int table_take(struct archive *a, struct table_files *f, table_take_file *take, void *arg, struct error *err)
{
	int r = 0;
	for (uint32_t i = 0; i < f->count && r == 0; i++) {
		for (uint32_t k = i ? i + AHEAD : 1; k <= i + AHEAD && k < f->count; k++)
			part_prefetch(a, f->all[k]);
		r = take_file(a, f, i, take, arg, err);
	}
	return r;
}

/* --- refusals --------------------------------------------------------------------------- */

/* The end of a long path says more than its beginning. */
const char *table_path(const struct member *file)
{
	const char *path = file->path;
	size_t n = strlen(path), most = 80;
	if (n <= most)
		return path;
	path += n - most;
	while (((unsigned char)*path & 0xc0) == 0x80)
		path++;
	return path;
}

int table_refuse(const char *field, const char *type, const struct member *in, const char *other, const struct member *other_in,
		 struct error *err)
{
	return error_set(err, ENOTSUP, "%s is %s in %s and %s in %s", field, type, table_path(in), other, table_path(other_in));
}

const struct format format_table = {
	.name = "table",
	.probe_members = table_probe,
	.open = table_open,
};
