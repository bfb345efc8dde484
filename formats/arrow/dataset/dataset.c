/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "formats/arrow/dataset/dataset.h"

/* One file: its metadata alone. */
const struct format arrow_file = {
	.name = "arrow",
	.suffixes = arrow_suffixes,
	.probe = arrow_probe,
	.open = arrow_open,
};

int arrow_table_open(struct archive *a, struct table_files *files, uint32_t dir, const struct member **first, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct column top = {.names.arena = &scratch, .as.layout = LAYOUT_STRUCT};
	struct uniting u = {.a = a, .files = files, .scratch = &scratch, .top = &top, .first = first, .err = err};
	struct table *made;
	int r = table_take(a, files, arrow_unite, &u, err);
	u.err = err;
	if (r == 0)
		r = arrow_finish(&u, &made);
	arena_free(&scratch);
	if (r == 0)
		arrow_show(a, made, dir);
	return r;
}

static int dataset_open(struct archive *a, struct error *err)
{
	struct table_files *files = a->priv;
	struct arrow *arrow = arena_alloc(&a->arena, sizeof *arrow);
	const struct member *first = NULL;
	if (!arrow)
		return error_no_memory(err, "the table");
	a->priv = arrow;
	arrow->files = &arrow_united;
	arrow->compressed = true; /* something may be worth preparing ahead */
	return files ? arrow_table_open(a, files, TREE_ROOT, &first, err) : arrow_huggingface_open(a, err);
}

/* --- for users: which rows are of which file -------------------------------------------- */

static const struct shown *shown_of(struct archive *a, const struct node *n)
{
	while (n && n->kind == NODE_DIR)
		n = n->child ? tree_node(&a->tree, n->child) : NULL;
	return n && n->kind == NODE_LAZY ? n->lazy : NULL;
}

/* Of a dictionary, which values. */
static int dataset_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err)
{
	const struct shown *shown = index == TREE_ROOT ? NULL : shown_of(a, n);
	(void)err;
	if (!shown)
		return 0;
	const struct table *t = shown->table;
	text_add(ret, ",\"batches\":[");
	for (uint32_t i = 0; i < t->nbatches && !ret->failed; i++) {
		text_add(ret, i ? ",{" : "{");
		table_put_origin(united(t)->files, i, ret);
		text_print(ret, "\"rows\":[%" PRIu64 ",%" PRIu64 "]}", t->batches[i].first, t->batches[i + 1].first);
	}
	text_add(ret, "]");
	return 0;
}

static void overview(struct archive *a, struct overview *ret)
{
	const struct table *t = ((const struct arrow *)a->priv)->tables[0];
	ret->rows = t->rows;
	ret->parts = "table_files";
	ret->count = t->nbatches;
}

static const struct format table = {
	.name = "arrow",
	.table = true,
	.joined = true,
	.open = dataset_open,
	.size = arrow_size,
	.read = arrow_read,
	.extent = arrow_extent,
	.details = dataset_details,
	.overview = overview,
};
const struct table_kind table_arrow = {"Arrow", &arrow_file, &table, arrow_huggingface};
