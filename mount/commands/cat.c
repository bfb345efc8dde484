/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/archive/shape.h"
#include "fs/mirror/open_archives.h"
#include "fs/views/text.h"
#include "mount/commands/commands.h"
#include "mount/commands/copy.h"
#include "mount/commands/glob.h"
#include "mount/commands/near.h"
#include "mount/commands/walk.h"
#include "mount/log.h"
#include "mount/source.h"

struct cat {
	const struct options *options;
	struct mirror *m;
	struct copy_memory memory;
	bool terminal; /* bytes go there, and nobody insists on binary ones */
	bool failed;
	bool deep; /* the pattern ends with "**", which descends into directories */
};

static int complain(struct cat *c, const char *path, const struct error *err)
{
	log_say("%s: %s: %s", c->options->source, *path ? path : ".", err->text);
	c->failed = true;
	return 0;
}

/* Names the first of what is in it. */
static int refuse_directory(struct cat *c, const char *path, const struct mirror_ref *ref)
{
	struct error err = {0}, ignored = {0};
	struct mirror_dir d;
	struct mirror_name name;
	bool text = !ino_view(ref->ino) && ref->node && ref->node->array && view_of_directory(&views[VIEW_TEXT], ref->node) != VIEW_NONE;
	char names[160] = "", also[32] = "";
	size_t len = 0, more = 0;
	if (mirror_open_dir(c->m, ref, &d, &err) < 0)
		return complain(c, path, &err);
	for (off_t at = 0; mirror_next(c->m, &d, at, &name, &ignored) > 0; at = name.next) {
		size_t n = strlen(name.name);
		if (strcmp(name.name, ".") == 0 || strcmp(name.name, "..") == 0)
			continue;
		if (more || len + n + 3 > sizeof names)
			more++;
		else
			len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "", name.name);
	}
	mirror_close_dir(c->m, &d);
	if (more)
		snprintf(also, sizeof also, " and %zu more", more);
	if (text)
		error_set(&err, EISDIR, "is a directory of %s%s; .arrayfs/text/%.120s.txt is its text", names, also, path);
	else if (len || more)
		error_set(&err, EISDIR, "is a directory of %s%s", len ? names : "…", also);
	else
		error_set(&err, EISDIR, "is an empty directory");
	return complain(c, path, &err);
}

static uint64_t clip(int64_t row, uint64_t rows)
{
	if (row < 0)
		return -(uint64_t)row > rows ? 0 : rows + (uint64_t)row;
	return (uint64_t)row > rows ? rows : (uint64_t)row;
}

/* Finds the bytes of the requested rows within the file. */
static int find_rows(const struct cat *c, const struct mirror_ref *ref, uint64_t *ret_begin, uint64_t *ret_len, struct error *err)
{
	const struct rows *rows = &c->options->rows;
	uint64_t elements, bits, size;
	struct shaped shaped;
	struct stat st;
	const struct array *a = &shaped.array;
	if (!ref->node || ino_view(ref->ino) || shape_find(&ref->open->archive, ref->node, &shaped, NULL) < 0 || a->rank == 0)
		return error_set(err, EINVAL, "has no rows");
	if (a->fortran && a->rank > 1)
		return error_set(err, EINVAL, "is stored column-major: its rows are not contiguous");
	if (!shape_elements(a->shape + 1, a->rank - 1, &elements) || __builtin_mul_overflow(elements, dtype_bits(a), &bits) ||
	    bits % 8 || dtype_bits(a) == 0 || __builtin_mul_overflow(bits / 8, a->shape[0], &size))
		return error_set(err, EINVAL, "has no rows of whole bytes");
	int r = mirror_stat(c->m, ref, -1, &st, err);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	if ((uint64_t)st.st_size != size)
		return error_set(err, EINVAL, "has no rows of one length");
	uint64_t begin = clip(rows->begin, a->shape[0]), end = clip(rows->end, a->shape[0]);
	*ret_begin = begin * (bits / 8);
	*ret_len = end > begin ? (end - begin) * (bits / 8) : 0;
	return 0;
}

/* Would the file's beginning, from an offset on, do harm to a terminal? */
static bool is_binary(const struct cat *c, const struct mirror_ref *ref, uint64_t begin)
{
	uint8_t head[HEAD_SIZE];
	struct error err = {0};
	struct answer a;
	int fd;
	if (mirror_open_file(c->m, ref, &fd, &err) < 0)
		return false; /* copy_file() says why */
	answer_init(&a);
	bool binary = mirror_read(c->m, ref, fd, begin, sizeof head, &a, &err) == 0 && a.len > 0 && a.len <= sizeof head &&
		      answer_copy(&a, head, &err) == 0 &&
		      (memchr(head, '\033', a.len) || !archive_is_text((struct slice){head, a.len}));
	answer_close(&a);
	mirror_close_file(c->m, fd);
	return binary;
}

static int refuse_binary(struct cat *c, const char *path, const struct mirror_ref *ref)
{
	bool text = !ino_view(ref->ino) && ref->node && ref->node->array && view_text_exists(ref->node->array);
	struct error err = {0};
	if (text)
		error_set(&err, EINVAL, "binary, which a terminal cannot show; .arrayfs/text/%.120s.txt is its text, `| od -tx1` its bytes, "
			  "and --force insists", path);
	else
		error_set(&err, EINVAL, "binary, which a terminal cannot show; `>FILE` saves it, `| od -tx1` shows its bytes, and --force insists");
	return complain(c, path, &err);
}

/* Returns other than 0 if nothing more can be written. */
static int cat_file(struct cat *c, const char *path, const struct mirror_ref *ref)
{
	struct copy copy = {.out = STDOUT_FILENO, .memory = &c->memory};
	struct error err = {0};
	if (c->options->rows.given) {
		if (find_rows(c, ref, &copy.begin, &copy.len, &err) < 0)
			return complain(c, path, &err);
		if (copy.len == 0)
			return 0;
	}
	if (c->terminal && is_binary(c, ref, copy.begin))
		return refuse_binary(c, path, ref);
	int r = copy_file(c->m, ref, &copy, &err);
	if (r < 0 && copy.writing) {
		log_say("standard output: %s", err.text);
		c->failed = true;
		return r;
	}
	return r < 0 ? complain(c, path, &err) : 0;
}

/* Follows links that match a pattern, like those named. */
static int cat_link(struct cat *c, const char *path)
{
	struct mirror_ref ref;
	struct error err = {0};
	struct stat st;
	if (walk_resolve(c->m, path, true, &ref, &err) < 0)
		return complain(c, path, &err);
	bool directory = mirror_stat(c->m, &ref, -1, &st, &err) == 0 && S_ISDIR(st.st_mode);
	int r = !directory ? cat_file(c, path, &ref) : c->deep ? 0 : refuse_directory(c, path, &ref);
	mirror_put(c->m, &ref);
	return r;
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *fault)
{
	struct cat *c = arg;
	char target[PATH_MAX];
	(void)len, (void)same;
	if (kind == WALK_FILE && mirror_readlink(c->m, ref, target, &(struct error){0}) != -EINVAL)
		return cat_link(c, path);
	if (kind == WALK_FILE)
		return cat_file(c, path, ref);
	if ((kind != WALK_FAULT && c->deep) || (kind == WALK_SAME && ref->node->kind != NODE_DIR))
		return 0;
	if (kind == WALK_FAULT)
		complain(c, path, fault);
	else
		refuse_directory(c, path, ref);
	return kind == WALK_DIR ? WALK_SKIP : 0;
}

static int cat(struct cat *c, const char *path)
{
	struct error err = {0};
	struct mirror_ref ref;
	struct stat st;
	int r = walk_resolve(c->m, path, true, &ref, &err);
	size_t n = strlen(path);
	c->deep = n >= 2 && strcmp(path + n - 2, "**") == 0;
	if (r == -ENOENT && glob_is_pattern(path))
		return walk(c->m, path, visit, c);
	if (r == -ENOENT)
		near_path(c->m, path, &err);
	if (r < 0)
		return complain(c, path, &err);
	bool directory = mirror_stat(c->m, &ref, -1, &st, &err) == 0 && S_ISDIR(st.st_mode);
	r = directory ? refuse_directory(c, path, &ref) : cat_file(c, path, &ref);
	mirror_put(c->m, &ref);
	return r;
}

/* A closed pipe ends the command with SIGPIPE, quietly, as it ends cat. */
int cat_run(const struct options *o)
{
	struct opened opened;
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	struct cat c = {.options = o, .m = opened.mirror, .memory = {.blocks = opened.blocks},
			.terminal = !o->force && isatty(STDOUT_FILENO)};
	for (char **path = o->paths; *path && cat(&c, *path) == 0; path++)
		;
	copy_memory_close(&c.memory);
	source_command_close(&opened);
	return c.failed;
}
