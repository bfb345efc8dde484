/* SPDX-License-Identifier: MIT */
#include "formats/parquet/dataset/dataset.h"

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
		return error_no_memory(err, "the footer");
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

/* --- the table -------------------------------------------------------------------- */

static int take_file(void *arg, struct archive *file, uint32_t number, uint64_t *ret_rows, struct error *err)
{
	struct archive *a = arg;
	const struct parquet *p = file->priv;
	*ret_rows = p->first_row[p->ngroups];
	if (p->mapped)
		source_enter(&file->source);
	int r = pq_dataset_unite(a, a->priv, p, number, err);
	int left = p->mapped ? source_leave(&file->source, p->footer_at, p->footer.len, err) : 0;
	return r < 0 ? r : left;
}

static int dataset_open(struct archive *a, struct error *err)
{
	struct table_files *files = a->priv;
	struct dataset *d = arena_alloc(&a->arena, sizeof *d);
	if (!d)
		return error_no_memory(err, "the table");
	a->priv = d;
	d->files = files;
	d->p.ngroups = files->count;
	d->p.first_row = files->first_row;
	int r = table_take(a, files, take_file, a, err);
	if (r == 0)
		r = pq_dataset_finish(a, d, err);
	return r < 0 ? r : pq_schema_show(a, &d->p, err);
}

static void dataset_overview(struct archive *a, struct overview *ret)
{
	const struct dataset *d = a->priv;
	ret->rows = d->p.first_row[d->p.ngroups];
	ret->parts = "table_files";
	ret->count = d->p.ngroups;
}

static const struct format table = {
	.name = "parquet",
	.table = true,
	.joined = true,
	.open = dataset_open,
	.size = pq_dataset_size,
	.read = pq_dataset_read,
	.details = pq_dataset_details,
	.overview = dataset_overview,
};
const struct table_kind table_parquet = {"Parquet", &part, &table, NULL};
