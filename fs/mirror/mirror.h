/* SPDX-License-Identifier: MIT */
#pragma once
#include <dirent.h>

#include "fs/views/views.h"

/*
 * SOURCE as one tree: either a single archive (a file or a whole directory), or a directory,
 * shown as it is at each moment, in which every archive appears as a directory of the same
 * name.
 *
 * An inode number identifies what is shown. Its upper half is a dentry: one name in a mirrored
 * directory, and one generation of the file behind it. Its lower half is a node of the archive
 * that the dentry is, or 1; the top four bits of the lower half select the view. So the root
 * of everything is 1. A generation ends when the file is replaced, resized or rewritten;
 * whoever holds it goes on reading it.
 *
 * Archives are opened on first access, and a bounded number stay open
 * (fs/mirror/open_archives.h). Any thread may call.
 */
struct mirror;
struct dentry;
struct open_archive;

struct mirror_options {
	bool follow; /* show symlinks that lead out of SOURCE as their targets */
	bool dataset; /* a SOURCE directory is one archive */
	void (*note)(const char *path, const char *text); /* called with an archive's message for the log; or NULL */
	unsigned files_max; /* limit on open files and directories; 0: 512 */
	struct archive_options archive;
};

enum { VIEW_SHIFT = 28 };
_Static_assert(VIEW_IDS == 1 << (32 - VIEW_SHIFT), "the ids of views fill their bits");

/* Indexes within VIEW_TOP, which has no nodes. */
enum { TOP_DIR = 1, TOP_ARCHIVE = 2, TOP_STATS = 3, TOP_LOG = 4, TOP_METRICS = 5, TOP_STATUS = 6 };

/* The least index of a file within VIEW_ORIGINAL, which has none either. A reference to what is in it
 * has neither archive nor node, as none to other files of SOURCE has. */
enum { ORIGINAL_FILE = 2 };

static inline enum view_id ino_view(uint64_t ino) { return (enum view_id)((uint32_t)ino >> VIEW_SHIFT); }
static inline uint32_t ino_index(uint64_t ino) { return (uint32_t)ino & ((1u << VIEW_SHIFT) - 1); }
static inline uint64_t ino_of(uint64_t like, enum view_id view, uint32_t index)
{
	return (like & ~(uint64_t)UINT32_MAX) | (uint64_t)view << VIEW_SHIFT | index;
}

/* The daemon's statistics, in two forms, and its state, which change with every read; and its
 * log, which only the mounting user may read, since it names files that others may not list.
 * Whoever has a state and keeps a log serves their contents; here these files are empty. */
enum { LIVE_FIRST = TOP_STATS, LIVE_COUNT = 4 };
#define STATS_INO ino_of(0, VIEW_TOP, TOP_STATS)
#define LOG_INO ino_of(0, VIEW_TOP, TOP_LOG)
#define METRICS_INO ino_of(0, VIEW_TOP, TOP_METRICS)
#define STATUS_INO ino_of(0, VIEW_TOP, TOP_STATUS)
static inline bool ino_live(uint64_t ino) { return ino >= STATS_INO && ino < STATS_INO + LIVE_COUNT; }

/* What an inode number refers to, pinned for as long as the reference is held. `ino` is the
 * number by which mirror and kernel know the inode; stat and readdir report another, which
 * depends on the source alone (fs/mirror/number.h). */
struct mirror_ref {
	uint64_t ino;
	struct dentry *dentry;
	struct open_archive *open;   /* the archive; NULL outside archives */
	struct node *node;   /* in that archive */
};

int mirror_open(struct mirror **ret, const struct format *const *formats, const char *source,
		const struct mirror_options *options, struct error *err);
void mirror_close(struct mirror *m);

/* Whether SOURCE is one archive, so that nothing in the tree ever changes. */
bool mirror_is_archive(const struct mirror *m);

/* SOURCE, a directory that is mirrored: for opening its files as they lie there. */
struct folder mirror_folder(const struct mirror *m);

/* Whether, in addition, no file in it needs to be opened before it is read. */
bool mirror_is_stateless(const struct mirror *m);

/* Sets the mountpoint. `fd` is a fresh descriptor of it, which the mirror takes over, and shows
 * where it would otherwise meet its own mount. */
void mirror_cover(struct mirror *m, int parent, const char *name, int fd);

/* --- references -------------------------------------------------------- */

/* -ESTALE if the inode no longer exists. On any failure the reference is left empty. */
int mirror_get(struct mirror *m, uint64_t ino, struct mirror_ref *ret, struct error *err);
void mirror_put(struct mirror *m, struct mirror_ref *ref);
void mirror_copy(struct mirror *m, const struct mirror_ref *from, struct mirror_ref *ret);

/* Returns another node of the same archive, by inode number; cheap. */
int mirror_sibling(struct mirror *m, const struct mirror_ref *in, uint64_t ino, struct mirror_ref *ret);

/* Returns -ESTALE if its name leads elsewhere by now. For references obtained from file
 * handles, which may be old. */
int mirror_check(struct mirror *m, const struct mirror_ref *ref, struct error *err);

/* Returns the directory that contains it; for the root, the root itself. */
int mirror_parent(struct mirror *m, const struct mirror_ref *ref, struct mirror_ref *ret, struct error *err);

/* The kernel's references. They keep the inode number valid, but not the archive open. A
 * forgotten inode can still be obtained by its number for a while (fs/mirror/dentry.h). */
void mirror_remember(struct mirror *m, const struct mirror_ref *ref);
void mirror_forget(struct mirror *m, uint64_t ino, uint64_t times);

/* Whether it lies below the root of an archive, where nothing changes. */
static inline bool mirror_fixed(const struct mirror_ref *ref) { return ref->open && ino_index(ref->ino) > TREE_ROOT && ino_view(ref->ino) != VIEW_TOP; }

/* --- changes of modes and owners ----------------------------------------- */

/* Called for each inode whose mode, owner or size has changed and which may be cached, by the
 * thread that calls mirror_watch(), before that returns. */
typedef void mirror_changed(void *arg, uint64_t ino);
void mirror_on_change(struct mirror *m, mirror_changed *each, void *arg);

/* Call this before reporting anything about the inside of an archive, and before granting
 * access to it on the strength of an earlier report. Stats the archive's files, unless that was
 * done a moment ago. Returns true if earlier reports no longer hold. */
bool mirror_watch(struct mirror *m, const struct mirror_ref *ref);

/* How many times sizes reported for the archive turned out to be wrong, and with them, perhaps,
 * data read by those sizes. */
unsigned mirror_resized(const struct mirror_ref *ref);

/* Like mirror_watch(), but after a read, and for sizes alone. */
void mirror_watch_sizes(struct mirror *m, const struct mirror_ref *ref);

/* --- lookup ------------------------------------------------------------ */

/* -ENOENT without a message if there is no such name. On any failure the reference is left
 * empty. */
int mirror_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name,
		  struct mirror_ref *ret, struct error *err);

bool mirror_size_known(const struct mirror_ref *ref); /* without decoding */
/* fd: -1 or what mirror_open_file() returned for this ref. */
int mirror_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err);
/* Whether it is an array shown in several archives, its own and those of indexes. If so, *ret
 * is the inode number that they all show. */
bool mirror_shared(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret);
/* -EINVAL, without a message, if it is not a link. */
int mirror_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err);

/* Why something named like an archive is shown as a plain file: -errno and a sentence; 0 if there
 * is nothing to report. */
int mirror_fault(struct mirror *m, const struct mirror_ref *ref, struct error *ret);

/* Writes what `view`, one with a write(), says about the file or directory. `same`, unless
 * NULL, is another path to the same directory; `st` is the result of mirror_stat(). */
void mirror_describe(struct mirror *m, const struct mirror_ref *ref, const char *path, const char *same,
		     const struct stat *st, const struct view *view, struct text *ret);

/* An open directory; used by one thread at a time. */
struct mirror_dir {
	struct mirror_ref ref;
	DIR *stream; /* of a mirrored directory */
	struct mirror_listed {
		char *name;
		uint64_t number;
		unsigned char type;
	} *names; /* of a mirrored directory in a view */
	size_t count; /* of names */
	char name[NAME_MAX + 16]; /* in a view: the current name, with its suffix */
	off_t at;
};

struct mirror_name {
	const char *name; /* valid until the next call */
	unsigned char type; /* DT_…; DT_UNKNOWN where only opening the file would tell */
	uint64_t ino;       /* 0 if unknown */
	uint64_t number;    /* st_ino */
	off_t next;         /* the offset that resumes after it */
};

int mirror_open_dir(struct mirror *m, const struct mirror_ref *ref, struct mirror_dir *ret, struct error *err);
void mirror_close_dir(struct mirror *m, struct mirror_dir *dir);

/* Returns 1 and the name after `offset` (0 for the first), 0 at the end, or an error. "." and
 * ".." come first, in archives as in directories. */
int mirror_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err);

/* --- bytes ------------------------------------------------------------- */

/* *ret_fd: for a file passed through, a descriptor to read it with, to be closed by
 * mirror_close_file(); -1 for files in archives, which need none. -ENFILE if too many are open. */
int mirror_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err);
void mirror_close_file(struct mirror *m, int fd);

/* Are its bytes, just opened as `fd`, those that were read when it was last opened, so that the
 * kernel may go on using those? */
bool mirror_keeps(struct mirror *m, const struct mirror_ref *ref, int fd);

/* A descriptor of the whole original that is open as `fd`, for the kernel to read it by itself; the
 * caller closes it. -1 if there is none. */
int mirror_original(struct mirror *m, const struct mirror_ref *ref, int fd);

int mirror_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len,
		struct answer *ret, struct error *err);

/* The reader has gone: cancels what was to be prefetched. */
void mirror_cancel_prefetch(struct mirror *m, const struct mirror_ref *ref);

/* The path below SOURCE, for people: "sub/model.safetensors/a/b"; truncated to `room`. */
void mirror_path(const struct mirror *m, const struct mirror_ref *ref, char *buf, size_t room);

/* For statfs: the bytes that SOURCE holds if it is an archive, else its file system's. */
uint64_t mirror_bytes(const struct mirror *m);

/* Statistics since the mirror was opened, as a JSON object and a newline: the contents of
 * .arrayfs/stats.json. */
void mirror_stats(struct mirror *m, struct text *ret);

/* The same for Prometheus: .arrayfs/metrics. */
void mirror_metrics(struct mirror *m, struct text *ret);
uint64_t mirror_failed_reads(const struct mirror *m);
unsigned mirror_archives_open(struct mirror *m);
