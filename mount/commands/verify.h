/* SPDX-License-Identifier: MIT */
#pragma once
#include <time.h>

#include "fs/archive/check.h"
#include "fs/mirror/mirror.h"
#include "mount/commands/idmap.h"
#include "mount/commands/progress.h"
#include "mount/commands/sha256.h"
#include "mount/options.h"
#include "mount/source.h"
#include "mount/terminal.h"

/*
 * The parts of verify.  The main thread walks SOURCE (verify.c), makes tasks of what is to be
 * checked, and reports the results in the order of the walk (verify_tasks.c); threads check
 * arrays and checksums (verify_array.c) and files by their SHA-256 (verify_file.c).  A bounded
 * number of tasks is in progress, however much SOURCE holds.
 */
enum verdict {
	VERDICT_WHOLE,
	VERDICT_FAULT,
	VERDICT_TROUBLE,   /* it could not be checked, which says nothing about it */
	VERDICT_UNCHECKED, /* there is nothing to check it against */
	VERDICT_AGAIN,     /* it may be unfinished: to be checked again at the end */
	VERDICT_GONE,      /* it is no longer there, or the list that names it is not */
};

struct task {
	enum task_kind { TASK_TOLD, TASK_NODE, TASK_CHECK, TASK_FILE } kind;
	const char *what; /* kind, as in --json */
	char *path;       /* below SOURCE */
	char *part;       /* CHECK: the member; FILE: the list that names the file, below SOURCE, or NULL; else NULL */
	struct mirror_ref ref; /* NODE, CHECK: held */
	struct check check;
	uint8_t sha256[SHA256_BYTES];
	struct stat list; /* FILE: the list's, when it was read */

	enum verdict verdict;
	struct error why;
	bool done;
};

/* What is to be checked again: a file that a list names, the list itself, or anything else. */
struct doubt {
	char *path, *list; /* list: or NULL */
	bool file;         /* its bytes, not what is in it as an archive */
};

enum { TASKS = 256, VERIFIERS_MAX = 64 };

struct verify {
	const struct options *options;
	struct opened opened;
	struct folder folder; /* SOURCE, if it is a directory; else dir is -1 */
	struct terminal terminal;
	char *real;           /* SOURCE's absolute path, or NULL */
	bool faulty, trouble;
	bool counting;        /* nothing is checked: only the total for the progress bar is added up */
	bool second;          /* what is still in doubt now will not be settled */
	struct timespec settling; /* when everything had been looked at once */
	uint64_t total;
	struct doubt *doubts;
	size_t ndoubts;

	pthread_mutex_t lock;
	pthread_cond_t more;  /* signalled when a task is added, or none will be */
	pthread_cond_t done;  /* signalled when a task is done */
	struct task *tasks[TASKS];
	uint64_t added, taken, told; /* totals */
	bool stop;
	pthread_t threads[VERIFIERS_MAX];
	unsigned count;
	struct progress progress;
	struct idmap hashed;  /* files whose every byte is hashed: verify_file_id() */
};

/* Is the error no fault of what was read, which would be readable elsewhere, at another time,
 * or by another user? */
bool verify_is_trouble(int code);

/* --- tasks (verify_tasks.c) ------------------------------------------------------ */

/* Takes over the task's memory and reference.  Reports earlier ones meanwhile. */
void verify_add(struct verify *v, const struct task *t);
void verify_add_told(struct verify *v, const char *what, const char *path, enum verdict verdict, const char *why);
void verify_start(struct verify *v);
void verify_drain(struct verify *v); /* reports all there are */
void verify_end(struct verify *v);
void verify_tell(struct verify *v, const struct task *t);

/* Called by threads: so many bytes were checked.  Never ends anything: returns 0. */
int verify_progress(void *v, uint64_t bytes);

/* --- what threads do ---------------------------------------------------------------- */

void verify_node(struct verify *v, struct task *t);
void verify_check(struct verify *v, struct task *t);
void verify_file(struct verify *v, struct task *t);

/* --- files and their digests (verify_file.c) ------------------------------------------ */

/* Adds a task for each file that a list in the folder names; if `list` is not NULL, for `only`
 * by that list. */
void verify_lists(struct verify *v, const char *folder, const char *list, const char *only);

/* Adds a task for the file, if it is a blob of a model hub's cache, or a link that is followed to
 * one. */
void verify_blob(struct verify *v, const char *path, const struct mirror_ref *ref);

/* Is the path that of a blob, called by its SHA-256 or, as in git, by its SHA-1? */
bool verify_is_blob(const struct verify *v, const char *path);

/* Does the link lead to a file that is not below SOURCE, and so is not followed? */
bool verify_leads_out(const struct verify *v, const char *path);

uint64_t verify_file_id(const struct stat *st);
bool verify_is_hashed(struct verify *v, const struct stat *st);

/* Was it changed within the last seconds?  Then it may be unfinished. */
bool verify_is_young(const struct stat *st);

/* Was it changed again after everything had been looked at once? */
bool verify_is_restless(const struct verify *v, const struct stat *st);
