/* SPDX-License-Identifier: MIT */
#include "mount/commands/verify.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fs/mirror/open_archives.h"
#include "mount/commands/commands.h"
#include "mount/commands/walk.h"
#include "mount/log.h"

enum { WHOLE, FAULTS, TROUBLE };

bool verify_is_trouble(int code)
{
	return code == -ENOTSUP || code == -EACCES || code == -EPERM || code == -EINTR || error_passes(code);
}

/* --- what the walk meets --------------------------------------------------------- */

/* Names that writers give to unfinished files, and change when they are done. */
static bool is_temporary(const char *path)
{
	static const char *const ends[] = {".tmp", ".temp", ".part", ".partial", ".incomplete"};
	static const char *const begins[] = {".tmp", "tmp-checkpoint"};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strlen(name);
	bool is = strstr(name, ".orbax-checkpoint-tmp") != NULL;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		is |= n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0;
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		is |= strncmp(name, begins[i], strlen(begins[i])) == 0;
	return is;
}

static void add_node(struct verify *v, const char *what, const char *path, const struct mirror_ref *ref)
{
	struct task t = {.kind = TASK_NODE, .what = what, .path = strdup(path)};
	mirror_copy(v->opened.mirror, ref, &t.ref);
	verify_add(v, &t);
}

static void add_checks(struct verify *v, const char *path, const struct mirror_ref *ref)
{
	struct archive *a = &ref->open->archive;
	struct arena arena = arena_apart(&a->arena);
	struct check *checks = NULL;
	struct error err = {0};
	uint32_t n = 0;
	int r = a->format->checks(a, &arena, &checks, &n, &err);
	if (r < 0)
		verify_add_told(v, "archive", path, verify_is_trouble(r) ? VERDICT_TROUBLE : VERDICT_FAULT, err.text);
	for (uint32_t i = 0; checks && r == 0 && i < n; i++) {
		struct slice name = checks[i].name;
		struct task t = {.kind = TASK_CHECK, .what = "member", .check = checks[i], .path = strdup(path),
				 .part = strndup((const char *)name.data, name.len)};
		t.check.name = (struct slice){0};
		mirror_copy(v->opened.mirror, ref, &t.ref);
		verify_add(v, &t);
	}
	arena_free(&arena);
}

/* Outside archives such a fault is the system's, or it says that a directory was removed meanwhile. */
static void add_fault(struct verify *v, const char *path, const struct error *fault)
{
	struct mirror_ref ref;
	int r = walk_resolve(v->opened.mirror, path, false, &ref, &(struct error){0});
	bool inside = mirror_is_archive(v->opened.mirror) || (r == 0 && ref.open);
	bool sound = r == 0 && ref.node && ref.node->sound; /* only not read here */
	if (r == 0)
		mirror_put(v->opened.mirror, &ref);
	if (r != -ENOENT || inside || !*path)
		verify_add_told(v, inside ? "archive" : "directory", path, inside && !sound ? VERDICT_FAULT : VERDICT_TROUBLE, fault->text);
}

/* A file that is no archive, which may be because it is broken; or a link: what it leads to is
 * checked where it lies, if that is in SOURCE. */
static void add_plain(struct verify *v, const char *path, const struct mirror_ref *ref)
{
	struct error err = {0};
	struct stat st;
	int r = mirror_stat(v->opened.mirror, ref, -1, &st, &err);
	if (r == 0 && S_ISLNK(st.st_mode) && verify_leads_out(v, path))
		verify_add_told(v, "link", path, VERDICT_TROUBLE, "leads out of SOURCE, so what it leads to is not checked (-o follow does)");
	if (r < 0 || !S_ISREG(st.st_mode))
		return;
	r = mirror_fault(v->opened.mirror, ref, &err);
	if (r < 0 && strncmp(err.text, "shard ", 6) == 0 && verify_is_blob(v, path))
		r = 0; /* an index, whose shards have their names where a link to it lies, and not here */
	enum verdict verdict = r == 0 ? VERDICT_UNCHECKED : verify_is_trouble(r) ? VERDICT_TROUBLE : VERDICT_FAULT;
	if (verdict == VERDICT_FAULT && verify_is_restless(v, &st))
		verdict = VERDICT_TROUBLE;
	else if (verdict == VERDICT_FAULT && !v->second && verify_is_young(&st))
		verdict = VERDICT_AGAIN;
	verify_add_told(v, r < 0 ? "archive" : "file", path, verdict, r < 0 ? err.text : NULL);
}

/* For the progress bar. */
static void count(struct verify *v, const struct mirror_ref *ref)
{
	struct error err = {0};
	struct stat st;
	const struct node *n = ref->node;
	bool hashed = n && n->kind == NODE_RANGE && verify_is_hashed(v, &archive_source(&ref->open->archive, n->source)->st);
	if (n && n->kind != NODE_DIR && !hashed && mirror_size_known(ref) && mirror_stat(v->opened.mirror, ref, -1, &st, &err) == 0)
		v->total += (uint64_t)st.st_size;
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *err)
{
	struct verify *v = arg;
	(void)len, (void)same;
	if (kind == WALK_FAULT && !v->counting)
		add_fault(v, path, err);
	if (kind == WALK_FAULT || kind == WALK_SAME)
		return 0;
	bool root = ref->open && ino_index(ref->ino) == TREE_ROOT, folder = kind == WALK_DIR || kind == WALK_EMPTY_DIR;
	bool mirrored = !mirror_is_archive(v->opened.mirror) && (!ref->open || root);
	if (mirrored && *path && is_temporary(path)) {
		if (!v->counting)
			verify_add_told(v, folder ? "directory" : "file", path, VERDICT_UNCHECKED, NULL);
		return WALK_SKIP;
	}
	if (mirrored && *path && (root || !folder))
		verify_blob(v, path, ref);
	if (folder && !ref->open)
		verify_lists(v, path, NULL, NULL);
	if (v->counting)
		count(v, ref);
	else if (root)
		add_node(v, "archive", path, ref);
	else if (ref->open && (!folder || ref->open->archive.format->attrs))
		add_node(v, folder ? "directory" : "array", path, ref);
	else if (!ref->open && !folder)
		add_plain(v, path, ref);
	if (root && !v->counting && ref->open->archive.format->checks)
		add_checks(v, path, ref);
	return ferror(stdout);
}

/* A file that was not what its name says, but may be by now. */
static int visit_blob(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		      const char *same, const struct error *err)
{
	(void)len, (void)same, (void)err;
	if (kind != WALK_FAULT)
		verify_blob(arg, path, ref);
	return WALK_SKIP;
}

/* --- all --------------------------------------------------------------------------- */

/* Checks again what may have been unfinished, once it had time to be completed. */
static void settle(struct verify *v)
{
	size_t n = v->ndoubts;
	if (n == 0)
		return;
	fflush(stdout);
	clock_gettime(CLOCK_REALTIME, &v->settling);
	nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	v->second = true;
	for (size_t i = 0; i < n; i++) {
		struct doubt d = v->doubts[i];
		char *slash = d.list ? strrchr(d.list, '/') : NULL, *folder = d.list ? strndup(d.list, slash ? (size_t)(slash - d.list) : 0) : NULL;
		if (d.list && folder)
			verify_lists(v, folder, d.list, strcmp(d.list, d.path) == 0 ? NULL : d.path);
		else
			walk_path(v->opened.mirror, d.path, d.file ? visit_blob : visit, v);
		free(folder);
	}
	verify_drain(v);
}

static void verify_all(struct verify *v)
{
	if (progress_wanted()) { /* only the progress bar needs the total */
		v->counting = true;
		walk_path(v->opened.mirror, "", visit, v);
		v->counting = false;
	}
	v->progress = progress_begin(v->total);
	verify_start(v);
	walk_path(v->opened.mirror, "", visit, v);
	verify_drain(v);
	settle(v);
	progress_clear(&v->progress);
}

/* SOURCE itself could not be opened: because it is broken, if it is there and may be read. */
static void refuse(struct verify *v, int r, const struct error *err)
{
	static char root[] = "";
	struct stat st;
	bool broken = !verify_is_trouble(r) && stat(v->options->source, &st) == 0;
	if (broken) {
		verify_tell(v, &(struct task){.what = "archive", .path = root, .verdict = VERDICT_FAULT, .why = *err});
	} else {
		log_say("%s: %s%s", v->options->source, err->text, r == -ENOMEM ? " (-o cache=SIZE allows more)" : "");
		v->trouble = true;
	}
}

static int prepare(const struct options *o)
{
	struct error err = {0};
	struct stat st;
	if (stat(o->source, &st) < 0 || !S_ISDIR(st.st_mode) || sha256_prepare(&err) == 0)
		return 0;
	log_say("%s", err.text);
	return TROUBLE;
}

int verify_run(const struct options *o)
{
	static char buffer[1 << 16];
	static struct verify v = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
	struct error err = {0};
	int r = prepare(o);
	if (r != 0)
		return r;
	v.options = o;
	v.real = realpath(o->source, NULL);
	v.terminal = terminal_of(STDOUT_FILENO);
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if ((r = source_command_try(&v.opened, o, &err)) < 0) {
		refuse(&v, r, &err);
	} else {
		v.folder = mirror_is_archive(v.opened.mirror) ? (struct folder){.dir = -1, .path = ""} : mirror_folder(v.opened.mirror);
		progress_heed_signals();
		verify_all(&v);
		verify_end(&v);
		source_command_close(&v.opened);
	}
	free(v.real);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_say("standard output: %s", strerror(errno));
		return TROUBLE;
	}
	return v.faulty ? FAULTS : v.trouble ? TROUBLE : WHOLE;
}
