/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
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
#include "mount/commands/cells.h"
#include "mount/commands/commands.h"
#include "mount/commands/outline.h"
#include "mount/commands/walk.h"
#include "mount/log.h"
#include "mount/source.h"
#include "mount/units.h"

struct row {
	char *dtype, *shape, *path;
	uint64_t bytes, files; /* files: of a directory at --depth, how many are in it */
	bool sized, directory, closed;
};

struct list {
	const struct options *options;
	struct mirror *m;
	struct terminal terminal;
	struct outline *outline; /* for --tree */
	struct row *rows; /* for --long, which needs all rows to align them */
	size_t count;
	struct walk_depth depth; /* as deep as is looked, which for totals is deeper than what is listed */
	struct text json; /* for --json, buffered output */
	bool failed;
};

/* Writes a path in at most `columns` columns, 0 meaning no limit.  `shared`: terminal.h. */
static void put_path(const struct list *l, const char *path, bool directory, size_t columns, size_t shared)
{
	const char *colour = directory && l->terminal.colour ? "\033[1;34m" : "";
	fputs_unlocked(colour, stdout);
	if (columns)
		terminal_put_within(&l->terminal, path, columns - (directory && columns > 1), shared);
	else
		terminal_put(&l->terminal, path);
	fputs_unlocked(*colour ? "\033[0m" : "", stdout);
	fputs_unlocked(directory ? "/\n" : "\n", stdout);
}

/* Writes a path alone on its line, the common case. */
static void put_line(const struct list *l, const char *path, size_t len)
{
	if (!name_plain((struct slice){(const uint8_t *)path, len}) || (l->terminal.width && len > l->terminal.width)) {
		put_path(l, path, false, l->terminal.width, 0);
		return;
	}
	fwrite_unlocked(path, 1, len, stdout);
	putc_unlocked('\n', stdout);
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

static bool add_row(struct list *l, const char *path, const struct stat *st, const struct array *array, bool directory, bool closed)
{
	char dtype[DTYPE_NAME_MAX] = "-";
	struct row *grown = list_grow(l->rows, l->count, sizeof *grown);
	if (!grown)
		return false;
	l->rows = grown;
	if (array && array->dtype != DTYPE_NONE)
		dtype_name(array, dtype);
	struct row r = {.dtype = strdup(dtype), .shape = array && !array->unshaped ? shape_text(array) : strdup("-"), .path = strdup(path),
			.bytes = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, .sized = S_ISREG(st->st_mode), .directory = directory,
			.closed = closed};
	bool fine = r.dtype && r.shape && r.path;
	if (fine)
		l->rows[l->count++] = r;
	else
		free(r.dtype), free(r.shape), free(r.path);
	return fine;
}

/* A file below a directory at --depth, whose row is the last. */
static void add_to_total(struct list *l, const struct stat *st)
{
	if (l->count == 0)
		return;
	struct row *r = &l->rows[l->count - 1];
	r->files++;
	r->bytes += S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
}

/* Adds up the sizes of a column's files, whose rows follow the directory's. */
static void add_up(struct list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct row *r = &l->rows[i];
		size_t n = strlen(r->path);
		r->sized |= r->closed;
		if (!r->directory || strcmp(r->dtype, "-") == 0)
			continue;
		for (size_t k = i + 1; k < l->count && strncmp(l->rows[k].path, r->path, n) == 0 && l->rows[k].path[n] == '/'; k++)
			if (!l->rows[k].directory)
				r->bytes += l->rows[k].bytes;
		r->sized = true;
	}
}

static const char *row_size(const struct list *l, const struct row *r, char ret[SIZE_TEXT])
{
	return r->sized ? size_text(r->bytes, l->options->human, ret) : "-";
}

/* For a directory shown by its totals, the number of files. */
static const char *row_shape(const struct row *r, char ret[SIZE_TEXT])
{
	if (!r->closed || strcmp(r->dtype, "-") != 0)
		return r->shape;
	snprintf(ret, SIZE_TEXT, r->files == 1 ? "%" PRIu64 " file" : "%" PRIu64 " files", r->files);
	return ret;
}

/* Finds the widths of the columns, and returns what they leave to a path, 0 meaning no limit. */
static size_t measure(struct list *l, struct cells *cells)
{
	enum { WIDEST = 39 }; /* a wider one pushes the path aside; on a terminal it is cut */
	size_t longest = 0, widest = l->terminal.width ? SIZE_MAX : WIDEST;
	char text[SIZE_TEXT];
	for (size_t i = 0; i < l->count; i++) {
		struct row *r = &l->rows[i];
		size_t path = l->terminal.width ? terminal_width(&l->terminal, r->path) + r->directory : 0;
		cells_widen(&longest, path, SIZE_MAX);
		cells_widen(&cells->dtype, strlen(r->dtype), widest);
		cells_widen(&cells->shape, strlen(row_shape(r, text)), widest);
		cells_widen(&cells->size, strlen(row_size(l, r, text)), widest);
	}
	return l->terminal.width ? cells_fit(cells, l->terminal.width, longest) : 0;
}

/* How much of a path is shared with the one above or below. */
static size_t shared(const struct list *l, size_t i)
{
	size_t above = i > 0 ? terminal_shared(l->rows[i].path, l->rows[i - 1].path) : 0;
	size_t below = i + 1 < l->count ? terminal_shared(l->rows[i].path, l->rows[i + 1].path) : 0;
	return above > below ? above : below;
}

static void put_rows(struct list *l)
{
	struct cells cells = {0};
	char size[SIZE_TEXT], shape[SIZE_TEXT];
	add_up(l);
	size_t columns = measure(l, &cells);
	for (size_t i = 0; i < l->count; i++) {
		struct row *r = &l->rows[i];
		cells_put(&cells, &l->terminal, r->dtype, row_shape(r, shape), row_size(l, r, size));
		fputs_unlocked("  ", stdout);
		put_path(l, r->path, r->directory, columns, columns ? shared(l, i) : 0);
	}
	for (size_t i = 0; i < l->count; i++)
		free(l->rows[i].dtype), free(l->rows[i].shape), free(l->rows[i].path);
	free(l->rows);
}

/* --- --tree ------------------------------------------------------------ */

/* How many components of a path --depth shows; 0: all. */
static size_t shown(const struct list *l, const char *path)
{
	size_t n = l->options->depth && l->depth.from > 0 && l->depth.from != SIZE_MAX;
	for (size_t i = 0; n && i < l->depth.from; i++)
		n += path[i] == '/';
	return l->options->depth + n;
}

/* Adds a leaf; its size is left out if only decoding would reveal it. */
static int add_leaf(struct list *l, const char *path, const struct mirror_ref *ref, bool directory, struct error *err)
{
	struct shaped shaped;
	const struct array *array;
	char dtype[DTYPE_NAME_MAX] = "", *shape = NULL;
	struct outline_leaf leaf = {.path = path, .dtype = dtype, .shape = "", .directory = directory, .most = shown(l, path)};
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

/* What the walk met. */
struct met {
	enum walk_kind kind;
	const char *path;
	size_t len;
	const struct mirror_ref *ref;
	const char *same;
	bool directory;
	bool closed; /* a directory at --depth */
	bool below;  /* deeper: for the totals */
};

static struct met meet(const struct list *l, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref, const char *same)
{
	struct met m = {.kind = kind, .path = path, .len = len, .ref = ref, .same = same};
	size_t most = l->options->depth, depth = most ? walk_depth_of(&l->depth, path, len) : 0;
	m.directory = kind == WALK_DIR || kind == WALK_EMPTY_DIR || kind == WALK_CLOSED || (kind == WALK_SAME && ref->node->kind == NODE_DIR);
	m.closed = m.directory && most && depth == most;
	m.below = most && depth > most;
	return m;
}

/* Which directories are listed? All as JSON; else, besides the files, those at --depth, the
 * empty ones (except SOURCE itself) and, for --long and --tree, those that stand for an array or
 * column. */
static bool is_listed(const struct list *l, const struct met *m)
{
	const struct node *node = m->ref->node;
	const struct array *array = node ? node->array : NULL;
	/* An array that was listed before, in another archive; all its names in its own archive are listed. */
	bool again = m->kind == WALK_SAME && !m->directory && node->links < 2;
	bool detailed = l->options->list_long || l->options->list_tree;
	if (l->options->list_json)
		return true;
	if (!m->directory)
		return !again;
	if (!*m->path || (m->below && l->options->list_long))
		return false;
	return m->kind != WALK_DIR || (m->closed && !l->options->list_tree) || (detailed && array && array->dtype != DTYPE_NONE);
}

static int put_plain(struct list *l, const struct met *m)
{
	if (m->directory)
		put_path(l, m->path, true, l->terminal.width, 0);
	else
		put_line(l, m->path, m->len);
	return ferror_unlocked(stdout);
}

/* Lists it in one of the ways that need more than its name. */
static int list_detailed(struct list *l, const struct met *m, struct error *err)
{
	struct shaped shaped;
	struct stat st;
	if (l->options->list_tree)
		return add_leaf(l, m->path, m->ref, m->directory, err);
	int r = mirror_stat(l->m, m->ref, -1, &st, err);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	if (l->options->list_json) {
		mirror_describe(l->m, m->ref, m->path, m->same, &st, &views[VIEW_JSON], &l->json);
		return l->json.failed != 0;
	}
	if (m->below)
		add_to_total(l, &st);
	else if (!add_row(l, m->path, &st, array_sized(m->ref, &shaped), m->directory, m->closed))
		return error_set(err, ENOMEM, "no memory");
	return ferror(stdout);
}

static int fault(struct list *l, const char *path, const struct error *err)
{
	log_say("%s: %s: %s", l->options->source, *path ? path : ".", err->text);
	l->failed = true;
	return 0;
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *err)
{
	struct list *l = arg;
	struct error own = {0};
	if (kind == WALK_FAULT)
		return fault(l, path, err);
	struct met m = meet(l, kind, path, len, ref, same);
	if (!is_listed(l, &m))
		return 0;
	if (!l->options->list_long && !l->options->list_json && !l->options->list_tree)
		return put_plain(l, &m);
	int r = list_detailed(l, &m, &own);
	return r < 0 ? fault(l, path, &own) : r;
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
	l.terminal.colour = o->color == COLOR_AUTO ? l.terminal.colour : o->color == COLOR_ALWAYS;
	l.outline = o->list_tree ? outline_new(o->source) : NULL;
	if (o->list_tree && !l.outline) {
		log_say("%s: no memory", o->source);
		source_command_close(&opened);
		return 1;
	}
	static char buffer[1 << 16];
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	l.depth.most = o->list_long || o->list_tree ? 0 : o->depth;
	for (char **path = *o->paths ? o->paths : whole; *path; path++)
		if (walk_to(opened.mirror, *path, &l.depth, visit, &l))
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
