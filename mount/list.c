/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/attrs.h"
#include "fs/shape.h"
#include "fs/shelf.h"
#include "mount/commands.h"
#include "fs/describe.h"
#include "mount/log.h"
#include "mount/outline.h"
#include "mount/source.h"
#include "mount/walk.h"

struct row {
	char *dtype, *shape, *size, *path;
	bool directory;
};

struct list {
	const struct options *options;
	struct mirror *m;
	struct terminal terminal;
	struct outline *outline; /* of --tree */
	struct row *rows; /* of --long, which must know them all before it aligns them */
	size_t count, room;
	struct text json; /* of --json, on its way out */
	bool failed;
};

static void put_path(const struct list *l, const char *path, bool directory)
{
	const char *colour = directory && l->terminal.colour ? "\033[1;34m" : "";
	fputs_unlocked(colour, stdout);
	terminal_put(&l->terminal, path);
	fputs_unlocked(*colour ? "\033[0m" : "", stdout);
	fputs_unlocked(directory ? "/\n" : "\n", stdout);
}

/* With a shape that follows from a size that is known; NULL if there is none. */
static const struct array *array_of(const struct mirror_ref *ref, struct shaped *room)
{
	if (!ref->node || !ref->node->array)
		return NULL;
	if (!ref->node->array->unshaped)
		return ref->node->array;
	shape_known(&ref->held->archive, ref->node, room);
	return &room->array;
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
	char dtype[DTYPE_NAME_MAX] = "-", size[SIZE_TEXT] = "-";
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 256;
		struct row *grown = reallocarray(l->rows, room, sizeof *grown);
		if (!grown)
			return false;
		l->rows = grown;
		l->room = room;
	}
	if (array && array->dtype != DTYPE_NONE)
		dtype_name(array, dtype);
	if (S_ISREG(st->st_mode))
		size_text((uint64_t)st->st_size, l->options->human, size);
	struct row r = {strdup(dtype), array && !array->unshaped ? shape_text(array) : strdup("-"), strdup(size),
			strdup(path), directory};
	bool fine = r.dtype && r.shape && r.size && r.path;
	if (fine)
		l->rows[l->count++] = r;
	else
		free(r.dtype), free(r.shape), free(r.size), free(r.path);
	return fine;
}

static int widest(int width, const char *text)
{
	size_t n = strlen(text);
	return n > (size_t)width && n < 40 ? (int)n : width;
}

static void put_rows(struct list *l)
{
	int dtype = 0, shape = 0, size = 0;
	for (size_t i = 0; i < l->count; i++) {
		dtype = widest(dtype, l->rows[i].dtype);
		shape = widest(shape, l->rows[i].shape);
		size = widest(size, l->rows[i].size);
	}
	for (size_t i = 0; i < l->count; i++) {
		struct row *r = &l->rows[i];
		printf("%-*s  %-*s  %*s  ", dtype, r->dtype, shape, r->shape, size, r->size);
		put_path(l, r->path, r->directory);
		free(r->dtype), free(r->shape), free(r->size), free(r->path);
	}
	free(l->rows);
}

/* --- --tree ------------------------------------------------------------ */

/* Sizes that only decoding would tell are left out. */
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

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *fault)
{
	struct list *l = arg;
	struct error err = {0};
	struct stat st;
	bool directory = kind == WALK_EMPTY_DIR || kind == WALK_SAME;

	if (kind == WALK_FAULT) {
		log_say("%s: %s: %s", l->options->source, *path ? path : ".", fault->text);
		l->failed = true;
		return 0;
	}
	if (kind == WALK_DIR || (directory && !*path && !l->options->list_json))
		return 0;
	if (l->options->list_tree) {
		int r = add_leaf(l, path, ref, directory, &err);
		return r < 0 ? visit(arg, WALK_FAULT, path, len, NULL, NULL, &err) : 0;
	}
	if (!l->options->list_long && !l->options->list_json) {
		put_path(l, path, directory);
		return ferror(stdout);
	}
	int r = mirror_stat(l->m, ref, -1, &st, &err);
	if (r < 0) {
		error_set(&err, -r, "%s", strerror(-r));
		return visit(arg, WALK_FAULT, path, len, NULL, NULL, &err);
	}
	if (l->options->list_json) {
		describe(l->m, ref, path, same, &st, &l->json);
		text_add(&l->json, "\n");
		return l->json.failed != 0;
	}
	struct shaped shaped;
	if (!add_row(l, path, &st, array_of(ref, &shaped), directory))
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
