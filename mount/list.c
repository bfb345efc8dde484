/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/attrs.h"
#include "fs/name.h"
#include "fs/shelf.h"
#include "mount/commands.h"
#include "fs/describe.h"
#include "mount/log.h"
#include "mount/source.h"
#include "mount/walk.h"

struct row {
	char *dtype, *shape, *size, *path;
};

struct list {
	const struct options *options;
	struct mirror *m;
	struct row *rows; /* of --long, which must know them all before it aligns them */
	size_t count, room;
	struct text json; /* of --json, on its way out */
	bool failed;
};

/* Names of mirrored files may hold control bytes; no line may. */
static void put_path(const char *path, bool directory)
{
	static const char control[] = "\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15"
				      "\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f";
	struct slice whole = slice_text(path);
	if (name_plain(whole)) {
		fwrite_unlocked(whole.data, 1, whole.len, stdout);
		path = "";
	}
	for (size_t n; n = strcspn(path, control), fwrite_unlocked(path, 1, n, stdout), path[n]; path += n + 1)
		printf("%%%02X", (unsigned char)path[n]);
	fputs_unlocked(directory ? "/\n" : "\n", stdout);
}

static const struct array *array_of(const struct mirror_ref *ref)
{
	return ref->node ? ref->node->array : NULL;
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
	char dtype[DTYPE_NAME_MAX] = "-", size[32] = "-";
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
		snprintf(size, sizeof size, "%" PRIu64, (uint64_t)st->st_size);
	struct row *r = &l->rows[l->count++];
	*r = (struct row){strdup(dtype), array && !array->unshaped ? shape_text(array) : strdup("-"), strdup(size), NULL};
	if (asprintf(&r->path, "%s%s", path, directory ? "/" : "") < 0)
		r->path = NULL;
	return r->dtype && r->shape && r->size && r->path;
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
		put_path(r->path, false);
		free(r->dtype), free(r->shape), free(r->size), free(r->path);
	}
	free(l->rows);
}

/* --- both -------------------------------------------------------------- */

static int visit(void *arg, enum walk_kind kind, const char *path, const struct mirror_ref *ref, const char *same,
		 const struct error *fault)
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
	if (!l->options->list_long && !l->options->list_json) {
		put_path(path, directory);
		return ferror(stdout);
	}
	int r = mirror_stat(l->m, ref, -1, &st, &err);
	if (r < 0) {
		error_set(&err, -r, "%s", strerror(-r));
		return visit(arg, WALK_FAULT, path, NULL, NULL, &err);
	}
	if (l->options->list_json) {
		describe(l->m, ref, path, same, &st, &l->json);
		text_add(&l->json, "\n");
		return l->json.failed != 0;
	}
	if (!add_row(l, path, &st, array_of(ref), directory))
		return visit(arg, WALK_FAULT, path, NULL, NULL, &(struct error){"no memory"});
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
	static char buffer[1 << 16];
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	for (char **path = *o->paths ? o->paths : whole; *path; path++)
		if (walk(opened.mirror, *path, visit, &l))
			break;
	put_rows(&l);
	text_flush(&l.json);
	text_free(&l.json);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_say("standard output: %s", strerror(errno));
		l.failed = true;
	}
	source_command_close(&opened);
	return l.failed;
}
