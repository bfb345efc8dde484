/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/archive/shape.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/commands.h"
#include "mount/commands/copy.h"
#include "mount/commands/glob.h"
#include "mount/commands/walk.h"
#include "mount/log.h"
#include "mount/source.h"

struct cat {
	const struct options *options;
	struct mirror *m;
	struct copy_memory memory;
	bool failed;
	bool deep; /* the pattern ends with "**", which descends into directories */
};

static int complain(struct cat *c, const char *path, const struct error *err)
{
	log_say("%s: %s: %s", c->options->source, *path ? path : ".", err->text);
	c->failed = true;
	return 0;
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
	bool skip = c->deep && mirror_stat(c->m, &ref, -1, &st, &err) == 0 && S_ISDIR(st.st_mode);
	int r = skip ? 0 : cat_file(c, path, &ref);
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
	complain(c, path, kind == WALK_FAULT ? fault : &(struct error){"is a directory"});
	return kind == WALK_DIR ? WALK_SKIP : 0;
}

static int cat(struct cat *c, const char *path)
{
	struct error err = {0};
	struct mirror_ref ref;
	int r = walk_resolve(c->m, path, true, &ref, &err);
	size_t n = strlen(path);
	c->deep = n >= 2 && strcmp(path + n - 2, "**") == 0;
	if (r == -ENOENT && glob_is_pattern(path))
		return walk(c->m, path, visit, c);
	if (r < 0)
		return complain(c, path, &err);
	r = cat_file(c, path, &ref);
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
	struct cat c = {.options = o, .m = opened.mirror, .memory = {.blocks = opened.blocks}};
	for (char **path = o->paths; *path && cat(&c, *path) == 0; path++)
		;
	copy_memory_close(&c.memory);
	source_command_close(&opened);
	return c.failed;
}
