/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>

#include "formats/parquet/dataset/dataset.h"

enum { AHEAD = 16 }; /* files opened before they are needed */

/* --- one file: its footer alone ------------------------------------------------- */

static bool part_probe(const struct peek *p)
{
	struct cursor head = p->head;
	return p->size >= 12 && (cursor_match(&head, "PAR1", 4) || cursor_match(&head, "PARE", 4));
}

static bool marked(const struct archive *a, uint64_t at)
{
	char mark[4];
	return source_read(&a->source, at, mark, 4, NULL) == 0 && memcmp(mark, "PAR1", 4) == 0;
}

/* -ENOEXEC: it lacks even the magic at its start and end. */
static int part_open(struct archive *a, struct error *err)
{
	struct parquet *p = arena_alloc(&a->arena, sizeof *p);
	if (!p)
		return error_set(err, ENOMEM, "no memory for the footer");
	a->priv = p;
	if (a->source.size < 12)
		return error_set(err, ENOEXEC, "a file of %u bytes is too short to be Parquet", (unsigned)a->source.size);
	int r = pq_footer_read(a, p, err);
	return r < 0 && !(marked(a, 0) && marked(a, a->source.size - 4)) ? -ENOEXEC : r;
}

static const struct format part = {
	.name = "parquet",
	.suffixes = (const char *const[]){".parquet", ".parq", ".pq", NULL},
	.probe = part_probe,
	.open = part_open,
};
static const struct format *const parts[] = {&part, NULL};

/* --- choosing the files ---------------------------------------------------------- */

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

/* Takes all names but those that begin with '.' or '_', except for directories _KEY=VALUE. */
static int choose_name(void *arg, const char *path, const char *name, mode_t type, struct error *err)
{
	bool key = strchr(name, '=');
	int r = refuse_logged(arg, path, S_ISDIR(type), err);
	if (r < 0)
		return r;
	if (name[0] == '.' || (name[0] == '_' && (!key || S_ISREG(type))))
		return MEMBER_NO;
	return archive_wished(parts, name) || (S_ISLNK(type) && key) ? MEMBER_SURE : MEMBER_MAYBE;
}

static bool is_of_table(const char *name)
{
	return name[0] != '.' && name[0] != '_' && archive_wished(parts, name);
}

/* A table may lie in subdirectories, or have file names that say nothing; only whoever asks for
 * a dataset knows that it is one. */
static bool dataset_probe(const struct members *m)
{
	return members_any(m, is_of_table);
}

/* --- opening the table -------------------------------------------------------------- */

/* A file without a Parquet suffix belongs to the table if its contents are Parquet. */
static int is_part(struct member *file, bool *ret, struct error *err)
{
	struct error own = {""};
	struct archive *opened;
	*ret = true;
	if (file->sure)
		return 0;
	int r = part_hold(file, &opened, &own);
	if (r == 0)
		member_release(file);
	*ret = r == 0;
	if (r == 0 || r == -ENOEXEC || (r == -ENOTSUP && !own.text[0]))
		return 0;
	return error_prefix(err, error_set(err, -r, "%s", own.text), file->path);
}

static int choose(struct archive *a, struct dataset *d, struct error *err)
{
	uint32_t count = atomic_load(&a->members.count);
	bool chosen;
	int r = 0;
	d->files = arena_array(&a->arena, count, sizeof *d->files);
	if (!d->files)
		return error_set(err, ENOMEM, "no memory for the names of its files");
	for (uint32_t i = 0; i < count && r == 0; i++) {
		r = is_part(members_at(&a->members, i), &chosen, err);
		if (r == 0 && chosen)
			d->files[d->p.ngroups++] = members_at(&a->members, i);
	}
	if (r == 0 && d->p.ngroups == 0)
		r = error_set(err, ENOENT, "no Parquet file in it");
	d->p.first_row = arena_array(&a->arena, (size_t)d->p.ngroups + 1, sizeof *d->p.first_row);
	return r == 0 && !d->p.first_row ? error_set(err, ENOMEM, "no memory for the names of its files") : r;
}

static int take_file(struct archive *a, struct dataset *d, uint32_t number, struct error *err)
{
	struct member *file = d->files[number];
	struct archive *opened;
	struct error own = {""};
	int r = part_hold(file, &opened, &own);
	if (r < 0) {
		error_set(&own, -r, "not a Parquet file");
		error_prefix(&own, r, file->path);
		return error_set(err, r == -ENOEXEC ? EBADMSG : -r, "%s", own.text);
	}
	const struct parquet *p = opened->priv;
	uint64_t rows = p->first_row[p->ngroups];
	if (p->mapped)
		source_enter(&opened->source);
	r = pq_dataset_unite(a, d, p, number, err);
	int left = p->mapped ? source_leave(&opened->source, p->footer_at, p->footer.len, err) : 0;
	r = r < 0 ? r : left;
	if (r == 0)
		archive_bring(a, file, &opened->source.st);
	member_release(file);
	if (r == 0 && (__builtin_add_overflow(d->p.first_row[number], rows, &d->p.first_row[number + 1]) ||
		       d->p.first_row[number + 1] > INT64_MAX / 64))
		r = error_set(err, EBADMSG, "%s: more rows than there can be", file->path);
	return r;
}

static int dataset_open(struct archive *a, struct error *err)
{
	struct dataset *d = arena_alloc(&a->arena, sizeof *d);
	if (!d)
		return error_set(err, ENOMEM, "no memory for the table");
	a->priv = d;
	parts_of(a, parts);
	int r = members_find(&a->members, &a->arena, choose_name, a, err);
	if (r == 0)
		r = choose(a, d, err);
	if (r == 0)
		r = pq_dataset_keys(a, d, err);
	for (uint32_t i = 0; i < d->p.ngroups && r == 0; i++) {
		for (uint32_t k = i ? i + AHEAD : 1; k <= i + AHEAD && k < d->p.ngroups; k++)
			part_prefetch(a, d->files[k]);
		r = take_file(a, d, i, err);
	}
	if (r == 0)
		r = pq_dataset_finish(a, d, err);
	return r < 0 ? r : pq_schema_show(a, &d->p, err);
}

const struct format format_parquet_dataset = {
	.name = "parquet",
	.joined = true,
	.probe_members = dataset_probe,
	.open = dataset_open,
	.size = pq_dataset_size,
	.read = pq_dataset_read,
	.details = pq_dataset_details,
};
