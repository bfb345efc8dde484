/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/archive/attrs.h"
#include "fs/archive/shape.h"
#include "fs/base/list.h"
#include "fs/base/name.h"
#include "fs/mirror/mirror.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/commands.h"
#include "mount/commands/outline.h"
#include "mount/commands/walk.h"
#include "mount/log.h"
#include "mount/source.h"
#include "mount/units.h"

struct row {
	char *dtype, *shape, *path;
	uint64_t bytes;
	bool sized, directory;
};

struct list {
	const struct options *options;
	struct mirror *m;
	struct terminal terminal;
	struct outline *outline; /* for --tree */
	struct row *rows; /* for --long, which needs all rows to align them */
	size_t count;
	struct text json; /* for --json, buffered output */
	bool failed;
};

/* Writes a path alone on its line, the common case. */
static void put_line(const struct list *l, const char *path, size_t len)
{
	if (name_plain((struct slice){(const uint8_t *)path, len}))
		fwrite_unlocked(path, 1, len, stdout);
	else
		terminal_put(&l->terminal, path);
	putc_unlocked('\n', stdout);
}

/* Writes a path in at most `columns` columns, 0 meaning no limit. */
static void put_path(const struct list *l, const char *path, bool directory, size_t columns)
{
	const char *colour = directory && l->terminal.colour ? "\033[1;34m" : "";
	fputs_unlocked(colour, stdout);
	if (columns)
		terminal_put_within(&l->terminal, path, columns - (directory && columns > 1), 0);
	else
		terminal_put(&l->terminal, path);
	fputs_unlocked(*colour ? "\033[0m" : "", stdout);
	fputs_unlocked(directory ? "/\n" : "\n", stdout);
}

/* The array, with its shape if that follows from a known size; NULL if there is none. */
static const struct array *array_of(const struct mirror_ref *ref, struct shaped *room)
{
	if (!ref->node || !ref->node->array)
		return NULL;
	if (!ref->node->array->unshaped)
		return ref->node->array;
	shape_known(&ref->open->archive, ref->node, room);
	return &room->array;
}

/* The same, but computes a size if the shape needs it: only for a directory, as the sizes
 * of its files are listed next anyway. */
static const struct array *array_sized(const struct mirror_ref *ref, struct shaped *room)
{
	bool found = ref->node && ref->node->kind == NODE_DIR && shape_exists(ref->node) && ref->node->array->unshaped &&
		     shape_find(&ref->open->archive, ref->node, room, &(struct error){0}) == 0;
	return found ? &room->array : array_of(ref, room);
}

/* --- --long ------------------------------------------------------------ */

static char *shape_text(const struct array *array)
{
	size_t n = attrs_shape(array, NULL, 0);
	char *text = malloc(n + 1);
	if (text) {
		attrs_shape(array, text, n);
		text[n] = '\0';
	}
	return text;
}

static bool add_row(struct list *l, const char *path, const struct stat *st, const struct array *array, bool directory)
{
	char dtype[DTYPE_NAME_MAX] = "-";
	struct row *grown = list_grow(l->rows, l->count, sizeof *grown);
	if (!grown)
		return false;
	l->rows = grown;
	if (array && array->dtype != DTYPE_NONE)
		dtype_name(array, dtype);
	struct row r = {strdup(dtype), array && !array->unshaped ? shape_text(array) : strdup("-"), strdup(path),
			S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, S_ISREG(st->st_mode), directory};
	bool fine = r.dtype && r.shape && r.path;
	if (fine)
		l->rows[l->count++] = r;
	else
		free(r.dtype), free(r.shape), free(r.path);
	return fine;
}

/* Adds up the sizes of a column's files, whose rows follow the directory's. */
static void add_up(struct list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct row *r = &l->rows[i];
		size_t n = strlen(r->path);
		if (!r->directory || strcmp(r->dtype, "-") == 0)
			continue;
		for (size_t k = i + 1; k < l->count && strncmp(l->rows[k].path, r->path, n) == 0 && l->rows[k].path[n] == '/'; k++)
			if (!l->rows[k].directory)
				r->bytes += l->rows[k].bytes;
		r->sized = true;
	}
}

static int widest(int width, const char *text)
{
	size_t n = strlen(text);
	return n > (size_t)width && n < 40 ? (int)n : width;
}

static const char *row_size(const struct list *l, const struct row *r, char ret[SIZE_TEXT])
{
	return r->sized ? size_text(r->bytes, l->options->human, ret) : "-";
}

/* Keeps lines within the terminal's width: the columns before the path may take all but
 * PATH_LEAST of it. */
static void put_row(const struct list *l, const struct row *r, const int width[3])
{
	enum { PATH_LEAST = 16 };
	char size[SIZE_TEXT], text[512];
	size_t columns = l->terminal.width;
	if (!columns) {
		printf("%-*s  %-*s  %*s  ", width[0], r->dtype, width[1], r->shape, width[2], row_size(l, r, size));
		put_path(l, r->path, r->directory, 0);
		return;
	}
	int n = snprintf(text, sizeof text, "%-*s  %-*s  %*s", width[0], r->dtype, width[1], r->shape, width[2], row_size(l, r, size));
	size_t most = columns > PATH_LEAST + 2 ? columns - PATH_LEAST - 2 : 0, len = (size_t)n;
	len = len < sizeof text ? len : sizeof text - 1;
	len = len < most ? len : most;
	printf("%.*s  ", (int)len, text);
	put_path(l, r->path, r->directory, columns > len + 2 ? columns - len - 2 : 1);
}

static void put_rows(struct list *l)
{
	int width[3] = {0};
	char size[SIZE_TEXT];
	add_up(l);
	for (size_t i = 0; i < l->count; i++) {
		width[0] = widest(width[0], l->rows[i].dtype);
		width[1] = widest(width[1], l->rows[i].shape);
		width[2] = widest(width[2], row_size(l, &l->rows[i], size));
	}
	for (size_t i = 0; i < l->count; i++) {
		struct row *r = &l->rows[i];
		put_row(l, r, width);
		free(r->dtype), free(r->shape), free(r->path);
	}
	free(l->rows);
}

/* --- --tree ------------------------------------------------------------ */

/* Adds a leaf; its size is left out if only decoding would tell it. */
static int add_leaf(struct list *l, const char *path, const struct mirror_ref *ref, bool directory, struct error *err)
{
	struct shaped shaped;
	const struct array *array;
	char dtype[DTYPE_NAME_MAX] = "", *shape = NULL;
	struct outline_leaf leaf = {.path = path, .dtype = dtype, .shape = "", .directory = directory};
	struct stat st;

	leaf.sized = directory || mirror_size_known(ref);
	if (leaf.sized && !directory) {
		int r = mirror_stat(l->m, ref, -1, &st, err);
		if (r < 0)
			return error_set(err, -r, "%s", strerror(-r));
		leaf.bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	}
	array = array_of(ref, &shaped);
	if (array && array->dtype != DTYPE_NONE)
		dtype_name(array, dtype);
	if (array && !array->unshaped && (shape = shape_text(array)))
		leaf.shape = shape;
	bool fine = outline_add(l->outline, &leaf);
	free(shape);
	return fine ? 0 : error_set(err, ENOMEM, "no memory");
}

/* --- all --------------------------------------------------------------- */

/* Which directories are listed? All as JSON; else, besides the files, the empty ones
 * (except SOURCE itself) and, for --long and --tree, those that stand for an array or
 * column. */
static bool is_listed(const struct list *l, enum walk_kind kind, const char *path, const struct mirror_ref *ref)
{
	const struct array *array = ref->node ? ref->node->array : NULL;
	if (l->options->list_json)
		return true;
	if (!*path)
		return false;
	return kind != WALK_DIR || ((l->options->list_long || l->options->list_tree) && array && array->dtype != DTYPE_NONE);
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *fault)
{
	struct list *l = arg;
	struct error err = {0};
	struct stat st;
	/* An array that was listed before, of another archive; the names in its own are all listed. */
	bool again = kind == WALK_SAME && ref->node->kind != NODE_DIR && ref->node->links < 2;
	bool directory = kind == WALK_DIR || kind == WALK_EMPTY_DIR || (kind == WALK_SAME && ref->node->kind == NODE_DIR);

	if (kind == WALK_FAULT) {
		log_say("%s: %s: %s", l->options->source, *path ? path : ".", fault->text);
		l->failed = true;
		return 0;
	}
	if ((directory && !is_listed(l, kind, path, ref)) || (again && !l->options->list_json))
		return 0;
	if (l->options->list_tree) {
		int r = add_leaf(l, path, ref, directory, &err);
		return r < 0 ? visit(arg, WALK_FAULT, path, len, NULL, NULL, &err) : 0;
	}
	if (!l->options->list_long && !l->options->list_json) {
		if (directory)
			put_path(l, path, directory, 0);
		else
			put_line(l, path, len);
		return ferror_unlocked(stdout);
	}
	int r = mirror_stat(l->m, ref, -1, &st, &err);
	if (r < 0) {
		error_set(&err, -r, "%s", strerror(-r));
		return visit(arg, WALK_FAULT, path, len, NULL, NULL, &err);
	}
	if (l->options->list_json) {
		mirror_describe(l->m, ref, path, same, &st, &views[VIEW_JSON], &l->json);
		return l->json.failed != 0;
	}
	struct shaped shaped;
	if (!add_row(l, path, &st, array_sized(ref, &shaped), directory))
		return visit(arg, WALK_FAULT, path, len, NULL, NULL, &(struct error){"no memory"});
	return ferror(stdout);
}

static int put_out(void *arg, const char *bytes, size_t len)
{
	return fwrite_unlocked(bytes, 1, len, arg) == len ? 0 : -EIO;
}

int list_run(const struct options *o)
{
	static char root_path[] = "", *whole[] = {root_path, NULL};
	struct opened opened;
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	struct list l = {.options = o, .m = opened.mirror, .json = {.flush = put_out, .arg = stdout}};
	l.terminal = terminal_of(STDOUT_FILENO);
	l.outline = o->list_tree ? outline_new(o->source) : NULL;
	if (o->list_tree && !l.outline) {
		log_say("%s: no memory", o->source);
		source_command_close(&opened);
		return 1;
	}
	static char buffer[1 << 16];
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	for (char **path = *o->paths ? o->paths : whole; *path; path++)
		if (walk(opened.mirror, *path, visit, &l))
			break;
	put_rows(&l);
	if (l.outline)
		outline_put(l.outline, &l.terminal, o->human);
	outline_free(l.outline);
	if (text_flush(&l.json) == -ENOMEM) {
		log_say("%s: no memory", o->source);
		l.failed = true;
	}
	text_free(&l.json);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_say("standard output: %s", strerror(errno));
		l.failed = true;
	}
	source_command_close(&opened);
	return l.failed;
}
