/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/dentry.h"
#include "fs/mirror/mirror.h"
#include "fs/mirror/open_archives.h"

/*
 * What the files of the mirror share: mirror.c holds references and archives,
 * lookup.c finds names, read.c reads directories and files; views are in
 * view.c, view_dir.c and view_write.c.
 */

/* Open archives, some of which have given up their descriptors where descriptors are few; and files
 * and directories passed through that are open, which take a descriptor each. */
enum { ARCHIVES_MAX = 128, FILES_MAX = 512 };

/* Bytes of metadata, of all open archives but the newest. */
enum { METADATA_MAX = 24 << 20 };

/* A piece of a text that was read last and is too long for one read. */
struct text_cache {
	pthread_mutex_t lock; /* of this alone, held to copy */
	pthread_cond_t made;
	uint64_t making;      /* the file whose text is being made; 0 for none */
	uint64_t ino;
	uint64_t from, len, total; /* bytes [from, from + len) of total */
	uint8_t *bytes;       /* NULL for nothing yet */
};

/* Of what all metadata may take: how much archives and directories are tried with, and
 * what the largest leave. */
enum { METADATA_SMALL = 4 << 20, METADATA_MEDIUM = 24 << 20, METADATA_SPARE = 16 << 20 };

/* Folders that were searched for indexes (links.c). */
struct links {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	struct index_folder *folders;
};

struct mirror {
	const struct format *const *formats;
	struct mirror_options options;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	struct dentries dentries;
	struct dentry *root;
	struct folder folder; /* of SOURCE, or that it lies in */
	char *real;           /* SOURCE's absolute path, to tell whether a link leads out */
	struct open_archives archives;
	_Atomic unsigned files; /* that somebody holds open */
	_Atomic uint64_t lookups, stats, listings, reads, bytes, failed; /* for mirror_stats() */
	struct {
		dev_t dev;
		ino_t ino;
		char *name;
		int fd;
	} cover; /* the folder that is mounted over */
	struct text_cache texts;
	struct numbers numbers;
	struct links links;
	mirror_changed *changed;
	void *changed_arg;
	_Atomic bool viewed; /* somebody looked into .arrayfs */
};

/* How the dentry's file may be followed. */
enum reach mirror_reach(const struct mirror *m, const struct dentry *e);

/* What inode number is shown (number.c): of a node of an open archive; of what an ino
 * stands for, of the reference's dentry. */
uint64_t mirror_node_number(struct mirror *m, struct open_archive *h, uint32_t index, enum view_id view);
uint64_t mirror_number(struct mirror *m, const struct mirror_ref *ref, uint64_t ino);

struct number_owner mirror_owner(const struct source *s);

/* How many names in SOURCE the node has (links.c).  Without m->lock. */
uint32_t mirror_names(struct mirror *m, struct open_archive *h, uint32_t index);

/* Has that changed for any of its arrays since it was asked last? */
bool mirror_names_changed(struct mirror *m, struct open_archive *h);
void links_init(struct links *l);
void links_close(struct links *l);

/* open.c, without m->lock.  Opens the dentry's archive; fills a directory of one. */
int mirror_open_archive(struct mirror *m, struct dentry *e, struct open_archive **ret, struct error *err);
int mirror_fill(struct mirror *m, struct archive *a, uint32_t dir, struct error *err);

/* Opens a file that was not looked at yet, or has changed, to see what it is.
 * m->lock is held, and let go meanwhile: others wait, since the dentry is
 * `opening`.  -ENFILE: not now. */
int mirror_identify(struct mirror *m, struct dentry *e, struct error *err);

/* Looks at the name in the open folder, as it is to be shown (lookup.c). */
int mirror_stat_name(const struct mirror *m, const struct dentry *parent, int dir, const char *name, struct stat *ret,
		bool *followed);
/* mirror_access.c.  A link that is followed, in an open folder, and an open file: as they
 * are to be shown, with no mode that they have not got where they lie. */
int mirror_followed(int dir, const char *name, struct stat *ret);
int mirror_fstat(int fd, bool followed, struct stat *ret);
void mirror_watch_begin(struct open_archive *h);

/* The files' own, outside of any view (lookup.c, read.c). */
int plain_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err);
int plain_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err);
int plain_readlink(const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err);
int plain_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err);

/* And the views' (view.c, view_dir.c). */
struct mirror_ref view_plain(const struct mirror_ref *ref); /* without the view; borrowed */
int view_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err);
int view_stat(struct mirror *m, const struct mirror_ref *ref, struct stat *ret, struct error *err);
int view_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err);
int view_open_dir(struct mirror *m, const struct mirror_ref *ref, struct mirror_dir *ret, struct error *err);
void view_close_dir(struct mirror_dir *dir);
int view_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err);
int view_open_file(const struct mirror_ref *ref, struct error *err);
int view_read(struct mirror *m, const struct mirror_ref *ref, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* Those of them that are written as one text (view_write.c). */
int written_size(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret, struct error *err);
int written_read(struct mirror *m, const struct mirror_ref *ref, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* What a node is called there, if anything: its suffix, "" for directories and
 * links to them, NULL if the view has no such thing. */
const char *view_suffix(struct archive *a, const struct view *view, uint32_t index);

/* The next name in .arrayfs, of those from number *at on, which it moves behind it; NULL at the end. */
const char *view_top_next(uint64_t like, uint64_t *at, uint64_t *ret_ino);

/* Is that a file, whatever its node is? */
bool view_is_file(uint64_t ino);

/* Completes a reference whose dentry is already counted, or lets it go and empties the
 * reference; m->lock is held. */
int mirror_ref_complete(struct mirror *m, struct mirror_ref *ref, struct error *err);
