/* SPDX-License-Identifier: MIT */
#pragma once
#include <dirent.h>

#include "fs/views/views.h"

/*
 * SOURCE as one tree: an archive (a file, or a whole directory), or a directory shown as it is at each moment,
 * in which every archive is a directory of the same name.
 *
 * What is shown is known by inode numbers: the upper half is a dentry, which
 * stands for one name in a mirrored directory and one generation of what bears
 * it; the lower half is a node of the archive that the dentry is, or 1; and of the
 * lower half the upper three bits tell which view of that is meant.  So the root
 * of all is 1.  A generation ends when the file is replaced, resized or
 * rewritten; those who hold it go on reading it.
 *
 * Archives are opened when somebody looks into them, and a bounded number stays
 * open (fs/mirror/open_archives.h).  Any thread.
 */
struct mirror;
struct dentry;
struct open_archive;

struct mirror_options {
	bool follow; /* show links that lead out of SOURCE as what they lead to */
	bool dataset; /* SOURCE, if it is a directory, is one archive */
	unsigned files_max; /* files and directories that may be open at a time; 0: 512 */
	struct archive_options archive;
};

enum { VIEW_SHIFT = 29 };
_Static_assert(VIEW_IDS == 1 << (32 - VIEW_SHIFT), "the ids of views fill their bits");

/* Of VIEW_TOP, instead of nodes. */
enum { TOP_DIR = 1, TOP_ARCHIVE = 2, TOP_STATS = 3, TOP_LOG = 4 };

static inline enum view_id ino_view(uint64_t ino) { return (enum view_id)((uint32_t)ino >> VIEW_SHIFT); }
static inline uint32_t ino_index(uint64_t ino) { return (uint32_t)ino & ((1u << VIEW_SHIFT) - 1); }
static inline uint64_t ino_of(uint64_t like, enum view_id view, uint32_t index)
{
	return (like & ~(uint64_t)UINT32_MAX) | (uint64_t)view << VIEW_SHIFT | index;
}

/* The daemon's own figures, which change from look to look; and its log, which is the
 * mounter's alone to read, since it names files that others may not list.  Who has a log
 * answers for its bytes: here it is empty. */
#define STATS_INO ino_of(0, VIEW_TOP, TOP_STATS)
#define LOG_INO ino_of(0, VIEW_TOP, TOP_LOG)
static inline bool ino_live(uint64_t ino) { return ino == STATS_INO || ino == LOG_INO; }

/* What an inode number leads to, kept as long as the reference is.  This is the number by
 * which mirror and kernel know an inode; what stat and readdir tell is another, which
 * depends on the source alone (fs/mirror/number.h). */
struct mirror_ref {
	uint64_t ino;
	struct dentry *dentry;
	struct open_archive *open;   /* the archive; NULL outside archives */
	struct node *node;   /* in it */
};

int mirror_open(struct mirror **ret, const struct format *const *formats, const char *source,
		const struct mirror_options *options, struct error *err);
void mirror_close(struct mirror *m);

/* SOURCE is one archive: nothing in the tree ever changes. */
bool mirror_is_archive(const struct mirror *m);

/* And no file in it needs to be opened before it is read. */
bool mirror_is_stateless(const struct mirror *m);

/* The folder to be mounted over: a fresh descriptor of it, which the mirror keeps
 * and shows where it would otherwise meet its own mount. */
void mirror_cover(struct mirror *m, int parent, const char *name, int fd);

/* --- references -------------------------------------------------------- */

/* -ESTALE if there is no such inode any more. Whatever fails leaves an empty reference. */
int mirror_get(struct mirror *m, uint64_t ino, struct mirror_ref *ret, struct error *err);
void mirror_put(struct mirror *m, struct mirror_ref *ref);
void mirror_copy(struct mirror *m, const struct mirror_ref *from, struct mirror_ref *ret);

/* Another node of the same archive, by its inode number: free of cost. */
int mirror_sibling(struct mirror *m, const struct mirror_ref *in, uint64_t ino, struct mirror_ref *ret);

/* Is it still what its name leads to?  -ESTALE if not: asked of what a file handle
 * named, which may be old. */
int mirror_check(struct mirror *m, const struct mirror_ref *ref, struct error *err);

/* The directory that it is in; of the root, itself. */
int mirror_parent(struct mirror *m, const struct mirror_ref *ref, struct mirror_ref *ret, struct error *err);

/* The kernel's references: they keep the inode number, not the archive open.  What was
 * forgotten can still be had by its number for a while (fs/mirror/dentry.h). */
void mirror_remember(struct mirror *m, const struct mirror_ref *ref);
void mirror_forget(struct mirror *m, uint64_t ino, uint64_t times);

/* Is that in an archive, where nothing changes? */
static inline bool mirror_fixed(const struct mirror_ref *ref) { return ref->open && ino_index(ref->ino) > TREE_ROOT && ino_view(ref->ino) != VIEW_TOP; }

/* --- changes of modes and owners ----------------------------------------- */

/* Who is told of each inode whose mode, owner or size is another now, and may be remembered:
 * by whoever calls mirror_watch(), before it returns. */
typedef void mirror_changed(void *arg, uint64_t ino);
void mirror_on_change(struct mirror *m, mirror_changed *each, void *arg);

/* To be called before anything is told of what lies in an archive, or is let in there by
 * what was told before: looks at its files, unless that was done just now.  True if what
 * was told before is true no more. */
bool mirror_watch(struct mirror *m, const struct mirror_ref *ref);

/* How often sizes that were told of the archive were found wrong, and so perhaps what was
 * read by them. */
unsigned mirror_resized(const struct mirror_ref *ref);

/* As mirror_watch(), once something was read, for sizes alone. */
void mirror_watch_sizes(struct mirror *m, const struct mirror_ref *ref);

/* --- looking ----------------------------------------------------------- */

/* -ENOENT without a sentence if the name is not there. Whatever fails leaves an empty
 * reference. */
int mirror_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name,
		  struct mirror_ref *ret, struct error *err);

/* fd, if not -1, is what mirror_open_file() gave for this ref. */
bool mirror_size_known(const struct mirror_ref *ref); /* without decoding */
int mirror_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err);
/* Is it an array that is shown in several archives, by an index and in its own?  Then its
 * inode number, which all of them have. */
bool mirror_shared(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret);
/* -EINVAL, without a sentence, if it is no link. */
int mirror_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err);

/* Why what bears an archive's name is shown as a file; false if there is nothing
 * to say. */
bool mirror_fault(struct mirror *m, const struct mirror_ref *ref, struct error *ret);

/* Writes what the view, one that is written, tells of the file or directory.  `same`, unless NULL, is
 * another path to the same directory; `st` is what mirror_stat() told. */
void mirror_describe(struct mirror *m, const struct mirror_ref *ref, const char *path, const char *same,
		     const struct stat *st, const struct view *view, struct text *ret);

/* An open directory.  Not for several threads at once. */
struct mirror_dir {
	struct mirror_ref ref;
	DIR *stream; /* of a mirrored directory */
	struct mirror_listed {
		char *name;
		uint64_t number;
		unsigned char type;
	} *names; /* of a mirrored one in a view */
	size_t count; /* of them */
	char name[NAME_MAX + 16]; /* in a view, with its suffix */
	off_t at;
};

struct mirror_name {
	const char *name; /* until the next call */
	unsigned char type; /* DT_…; DT_UNKNOWN where only opening the file would tell */
	uint64_t ino;       /* 0 where it is not known */
	uint64_t number;    /* st_ino */
	off_t next;         /* resumes behind it */
};

int mirror_open_dir(struct mirror *m, const struct mirror_ref *ref, struct mirror_dir *ret, struct error *err);
void mirror_close_dir(struct mirror *m, struct mirror_dir *dir);

/* 1 and the name behind `offset` (0 for the first), 0 at the end, or an error.
 * "." and ".." come first, from archives as from directories. */
int mirror_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err);

/* --- bytes ------------------------------------------------------------- */

/* For a file that is passed through, a descriptor to read it by (and to close);
 * -1 for files in archives, which need none; or an error below -1.
 * -ENFILE when too many are open. */
int mirror_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err);
void mirror_close_file(struct mirror *m, int fd);

int mirror_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len,
		struct answer *ret, struct error *err);

/* Who read it has left: what was going to be decoded ahead of him is not. */
void mirror_cancel_prefetch(struct mirror *m, const struct mirror_ref *ref);

/* The path below SOURCE, for people: "sub/model.safetensors/a/b"; cut at room. */
void mirror_path(const struct mirror *m, const struct mirror_ref *ref, char *buf, size_t room);

/* What statfs tells: the bytes that SOURCE holds, or its file system's. */
uint64_t mirror_bytes(const struct mirror *m);

/* What was done since the mirror was opened, as a JSON object and a newline: what
 * .arrayfs/stats.json holds. */
void mirror_stats(struct mirror *m, struct text *ret);
unsigned mirror_archives_open(struct mirror *m);
