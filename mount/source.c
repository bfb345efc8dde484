/* SPDX-License-Identifier: MIT */
#include "mount/source.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "formats/formats.h"
#include "fs/archive/inherit.h"
#include "fs/blocks/blocks.h"
#include "fs/mirror/open_archives.h"
#include "mount/command.h"
#include "mount/commands/near.h"
#include "mount/commands/progress.h"
#include "mount/daemon/hint.h"
#include "mount/daemon/mountpoint.h"
#include "mount/log.h"
#include "mount/sandbox.h"

/* Memory for metadata, in addition to the cache of decoded data. */
enum { METADATA_MB = 48 };

/* Shared by all sources. */
static struct descriptors descriptors;
static struct inheritance inheritance;

static bool is_confined(const struct options *o)
{
	return !o->no_sandbox && !o->command->writes;
}

/* The folder below which files will still be opened. An archive that is a single file is
 * open by now, and needs no other (NULL), unless it opens members later: then its folder.
 * `copy` is a copy of the source's path, to be modified. */
static const char *needed(struct mirror *m, const char *source, char *copy, bool follow)
{
	struct error err = {0};
	struct mirror_ref root;
	struct stat st;
	if (!mirror_is_archive(m))
		return follow ? "/" : source;
	if (mirror_get(m, TREE_ROOT, &root, &err) < 0)
		return "/";
	bool folder = stat(source, &st) == 0 && S_ISDIR(st.st_mode);
	bool later = root.open->archive.members.later;
	mirror_put(m, &root);
	return !later ? NULL : folder ? source : dirname(copy);
}

/* Will files' attributes still be checked by path, for modes that change? That opens no file. */
static bool looks(struct mirror *m)
{
	struct error err = {0};
	struct mirror_ref root;
	if (mirror_get(m, TREE_ROOT, &root, &err) < 0)
		return true;
	bool brings = !root.open || root.open->archive.members.count > 0;
	mirror_put(m, &root);
	return brings;
}

/* `other` is NULL or the second source, already open. */
static void narrow(const struct opened *opened, const struct opened *other, const struct options *o)
{
	char *copy = strdup(o->source), *copy_other = other ? strdup(o->destination) : NULL;
	bool any = mirror_is_archive(opened->mirror) || (other && mirror_is_archive(other->mirror));
	if (any && copy && (!other || copy_other))
		sandbox_narrow(needed(opened->mirror, o->source, copy, o->follow),
			       other ? needed(other->mirror, o->destination, copy_other, o->follow) : NULL,
			       looks(opened->mirror) || (other && looks(other->mirror)), o->debug);
	free(copy);
	free(copy_other);
}

/* The most bytes of a descriptor set. */
enum { SCHEMA_MOST = 64 << 20 };

/* Reads -o schema=FILE, before the sandbox closes. */
static int read_schema(struct opened *ret, const struct options *o, struct error *err)
{
	if (!o->schema)
		return 0;
	FILE *f = fopen(o->schema, "rbe");
	if (!f)
		return error_set(err, errno, "schema=%s: %s", o->schema, strerror(errno));
	struct stat st;
	int r = fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode) ? error_set(err, EINVAL, "schema=%s: no regular file", o->schema) : 0;
	if (r == 0 && st.st_size > SCHEMA_MOST)
		r = error_set(err, EFBIG, "schema=%s: %lld bytes, over the limit of %d", o->schema, (long long)st.st_size, SCHEMA_MOST);
	if (r == 0 && !(ret->schema = malloc((size_t)st.st_size + 1)))
		r = error_no_memory(err, "the schema");
	if (r == 0)
		ret->schema_len = fread(ret->schema, 1, (size_t)st.st_size, f);
	if (r == 0 && ferror(f))
		r = error_set(err, EIO, "schema=%s: cannot be read", o->schema);
	fclose(f);
	return r;
}

/* The pass over records, on a terminal. */
static struct progress passing;

static void tell_progress(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;
	if (p->total != total)
		*p = progress_begin(total);
	if (done > p->done)
		progress_add(p, done - p->done);
}

static void note(const char *path, const char *text)
{
	progress_clear(&passing);
	log_say("%s: %s", path, text);
}

/* Expects the sandbox to be entered and the cache to exist. */
static int open_one(struct opened *ret, const char *source, const struct options *o, struct error *err)
{
	struct mirror_options options = {
		.note = note,
		.follow = o->follow,
		.dataset = o->dataset,
		.archive = {
			.memory = o->cache + ((size_t)METADATA_MB << 20),
			.split = o->split,
			.no_verify = o->no_verify,
			.as_files = o->as_files,
		},
	};
	options.archive.inheritance = &inheritance;
	options.archive.records = o->records;
	options.archive.records.schema = (struct slice){ret->schema, ret->schema_len};
	if (progress_wanted()) {
		options.archive.records.progress = tell_progress;
		options.archive.records.arg = &passing;
	}
	options.archive.blocks = ret->blocks;
	options.archive.descriptors = &descriptors;
	options.files_max = ret->limits.files;
	int r = mirror_open(&ret->mirror, formats, source, &options, err);
	progress_clear(&passing);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : 0;
}

/* In a mount of ours arrays are plain files, and only their source has more information. */
static void hint_mounted(const char *source)
{
	char real[PATH_MAX], above[PATH_MAX];
	struct mounted mounted;
	struct statfs fs;
	if (statfs(source, &fs) < 0 || fs.f_type != FUSE_SUPER_MAGIC || !realpath(source, real) || strstr(real, "/.arrayfs"))
		return;
	if (!mountpoint_look(real, &mounted) && !(mountpoint_above(real, above) && mountpoint_look(above, &mounted)))
		return;
	if (strcmp(mounted.type, "fuse.arrayfs") == 0)
		log_say("%s: in a mount of arrayfs, where arrays are plain files; name its source, %s", source, mounted.source);
}

/* Before the sandbox hides what is near a missing source. */
static int check_there(const char *source, bool hint, struct error *err)
{
	struct stat st;
	if (stat(source, &st) < 0)
		return near_source(source, errno, err);
	if (S_ISDIR(st.st_mode)) {
		hint_mounted(source);
		if (hint)
			hint_links(source);
	}
	return S_ISFIFO(st.st_mode) ? error_set(err, EINVAL, "a pipe, which has to be saved to a file first") : 0;
}

/* For a missing SOURCE, when the operand after it is a file. */
static int check_order(const struct options *o, struct error *err)
{
	const char *next = o->command->two ? o->destination : *o->paths;
	struct stat st;
	if (o->command == command_find("diff") || stat(o->source, &st) == 0 || errno != ENOENT ||
	    !next || stat(next, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return error_set(err, ENOENT, "No such file or directory; SOURCE comes first");
}

/* Opens `other` as well, unless it is NULL, with the same cache.  *ret_fault is the source that
 * the error is about. */
static int open_all(struct opened *ret, struct opened *other, const struct options *o, const char **ret_fault, struct error *err)
{
	*ret_fault = o->source;
	*ret = (struct opened){.limits = limits_take()};
	atomic_store(&descriptors.left, (int)ret->limits.sources);
	inheritance_init(&inheritance);
	const struct command *c = o->command;
	/* A mount does it before it forks; with cat and verify, each link is an error that says so. */
	bool hint = c->word && c != command_find("cat") && c != command_find("verify") && !o->follow && !o->dataset;
	int r = check_order(o, err);
	if (r == 0)
		r = check_there(o->source, hint, err);
	if (r == 0 && other) {
		*ret_fault = o->destination;
		r = check_there(o->destination, hint, err);
		*ret_fault = r < 0 ? o->destination : o->source;
	}
	if (r == 0)
		r = read_schema(ret, o, err);
	if (r < 0)
		return r;
	if (is_confined(o))
		sandbox_enter(o->source, other ? o->destination : NULL, o->follow, o->debug);
	r = source_guard();
	if (r == 0)
		r = blocks_open(&ret->blocks, o->cache, o->threads);
	if (r < 0)
		return error_no_memory(err, "the cache");
	r = open_one(ret, o->source, o, err);
	if (r == 0 && other) {
		*other = (struct opened){.blocks = ret->blocks, .limits = ret->limits, .schema = ret->schema, .schema_len = ret->schema_len};
		*ret_fault = o->destination;
		if ((r = open_one(other, o->destination, o, err)) < 0)
			mirror_close(ret->mirror);
	}
	if (r == 0 && is_confined(o))
		narrow(ret, other, o);
	if (r < 0)
		blocks_close(ret->blocks);
	return r;
}

static int open_or_say(struct opened *ret, struct opened *other, const struct options *o)
{
	struct error err = {0};
	const char *fault;
	int r = open_all(ret, other, o, &fault, &err);
	if (r < 0)
		log_say("%s: %s%s", fault, err.text, r == -ENOMEM ? " (-o cache=SIZE allows more)" : "");
	return r < 0;
}

int source_command_open(struct opened *ret, const struct options *o)
{
	return open_or_say(ret, NULL, o);
}

int source_command_open_two(struct opened ret[2], const struct options *o)
{
	return open_or_say(&ret[0], &ret[1], o);
}

int source_command_try(struct opened *ret, const struct options *o, struct error *err)
{
	return open_all(ret, NULL, o, &(const char *){NULL}, err);
}

void source_command_close_two(struct opened opened[2])
{
	mirror_close(opened[1].mirror);
	source_command_close(&opened[0]);
}

void source_command_close(struct opened *opened)
{
	mirror_close(opened->mirror);
	blocks_close(opened->blocks);
	inheritance_close(&inheritance);
	free(opened->schema);
}

unsigned source_command_threads(const struct opened *opened, const struct options *o, unsigned most)
{
	unsigned n = o->single_threaded ? 1 : blocks_threads(opened->blocks);
	return n < most ? n : most;
}
