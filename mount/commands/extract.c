/* SPDX-License-Identifier: MIT */
#include "mount/commands/extract.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount/commands/commands.h"
#include "mount/commands/scout.h"
#include "mount/commands/walk.h"
#include "mount/log.h"
#include "mount/source.h"

struct run {
	struct extract x;
	struct scout *scout;
	uint64_t total;
	bool failed, full;
};

_Atomic int extract_stopped; /* lock-free: a signal handler sets it in any thread */

static void on_signal(int sig)
{
	extract_stopped = sig;
}

/* Signals that nohup or the shell ignores stay ignored. */
static void heed_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND}, before;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
	signal(SIGXFSZ, SIG_IGN); /* write(2) then fails with EFBIG at the file size limit */
}

static void complain(struct run *run, const char *path, const char *why, int code)
{
	const struct options *o = run->x.options;
	run->full = run->x.in_dest && (code == -ENOSPC || code == -EDQUOT || code == -EROFS);
	progress_clear(&run->x.progress);
	log_say("%s: %s: %s%s", run->x.in_dest ? o->destination : o->source, *path ? path : ".", why,
		run->full ? ": the rest is left out (--resume goes on)" : "");
	run->failed = true;
}

/* --- one thing at a time ------------------------------------------------- */

/* The path below DEST: without the view's prefix. */
static const char *below_view(const struct extract *x, const char *path)
{
	size_t n = strlen(NPY_VIEW);
	return x->options->npy && strncmp(path, NPY_VIEW, n) == 0 ? path + n + (path[n] == '/') : path;
}

static int visit(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		 const char *same, const struct error *fault)
{
	struct run *run = arg;
	struct extract *x = &run->x;
	struct error err = {0};
	int r = 0;
	(void)len;
	path = below_view(x, path);
	x->in_dest = false;
	if (kind == WALK_FILE)
		scout_follow(run->scout);
	if (kind == WALK_FAULT)
		complain(run, path, fault->text, 0);
	else if (kind == WALK_FILE)
		r = extract_file(x, path, ref, &err);
	else if (kind == WALK_SAME)
		r = extract_same(x, path, below_view(x, same), &err);
	else if (kind == WALK_EMPTY_DIR)
		r = extract_empty_folder(x, path, &err);
	if (r < 0)
		complain(run, path, err.text, r);
	return extract_stopped || run->full;
}

static int visit_size(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		      const char *same, const struct error *fault)
{
	struct run *run = arg;
	struct error err = {0};
	struct stat st;
	(void)path, (void)len, (void)same, (void)fault;
	if (kind == WALK_FILE && mirror_stat(run->x.m, ref, -1, &st, &err) == 0 && S_ISREG(st.st_mode))
		run->total += (uint64_t)st.st_size;
	return extract_stopped;
}

/* --- all --------------------------------------------------------------- */

/* Extracting into SOURCE itself would meet its own output again and again. */
static bool lies_in(const char *dest, const char *source)
{
	char *a = realpath(dest, NULL), *b = realpath(source, NULL);
	size_t n = b ? strlen(b) : 0;
	bool in = a && b && strncmp(a, b, n) == 0 && (a[n] == '/' || a[n] == '\0' || n == 1);
	free(a);
	free(b);
	return in;
}

/* Returns -1 after reporting an error. */
static int open_destination(const struct options *o)
{
	bool made = mkdir(o->destination, 0777) == 0;
	int fd = made || errno == EEXIST ? open(o->destination, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0) {
		log_say("%s: %s", o->destination, strerror(errno));
	} else if (lies_in(o->destination, o->source)) {
		log_say("%s: is inside %s", o->destination, o->source);
		close(fd);
		if (made)
			rmdir(o->destination);
		fd = -1;
	}
	return fd;
}

/* Does the path contain '..'? Then it has no counterpart below DEST. */
static bool goes_up(const char *path)
{
	for (; *path; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");
		if (n == 2 && memcmp(path, "..", 2) == 0)
			return true;
		path += n;
	}
	return false;
}

static void walk_given(struct run *run, const char *path, walk_visit *each, void *arg)
{
	if (run->x.options->npy)
		walk_in_view(run->x.m, NPY_VIEW, path, ".npy", each, arg);
	else
		walk(run->x.m, path, each, arg);
}

static int visit_ahead(void *arg, enum walk_kind kind, const char *path, size_t len, const struct mirror_ref *ref,
		       const char *same, const struct error *fault)
{
	(void)path, (void)len, (void)same, (void)fault;
	return kind == WALK_FILE ? scout_visit(arg, ref) : 0;
}

static char **paths_of(const struct run *run)
{
	static char root_path[] = "", *whole[] = {root_path, NULL};
	return *run->x.options->paths ? run->x.options->paths : whole;
}

static void walk_ahead(void *arg, struct scout *s)
{
	struct run *run = arg;
	for (char **path = paths_of(run); *path; path++)
		if (!goes_up(*path))
			walk_given(run, *path, visit_ahead, s);
}

static void extract_all(struct run *run)
{
	char **paths = paths_of(run);
	if (progress_wanted()) /* only the progress bar needs the total */
		for (char **path = paths; *path && !extract_stopped; path++)
			walk_given(run, *path, visit_size, run);
	run->x.progress = progress_begin(run->total);
	run->scout = scout_begin(run->x.m, run->x.memory.blocks, walk_ahead, run);
	for (char **path = paths; *path && !extract_stopped && !run->full; path++) {
		run->x.in_dest = false;
		if (goes_up(*path))
			complain(run, *path, "a path with '..' has no place below DEST", 0);
		else
			walk_given(run, *path, visit, run);
	}
	progress_clear(&run->x.progress);
	scout_end(run->scout);
}

int extract_run(const struct options *o)
{
	struct opened opened;
	int r = source_command_open(&opened, o);
	if (r)
		return r;
	struct run run = {.x = {.options = o, .m = opened.mirror, .folder_fd = -1, .dest = open_destination(o),
				.memory = {.blocks = opened.blocks}}};
	if (run.x.dest < 0) {
		run.failed = true;
	} else {
		heed_signals();
		extract_all(&run);
	}
	extract_free(&run.x);
	source_command_close(&opened);
	if (extract_stopped) {
		signal(extract_stopped, SIG_DFL);
		raise(extract_stopped);
	}
	return run.failed;
}
