/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/dentry.h"
#include "fs/mirror/mirror.h"
#include "fs/mirror/open_archives.h"

/*
 * Shared by the files of the mirror: mirror.c has references and archives, lookup.c finds
 * names, read.c reads directories and files; views are in view.c, view_dir.c and view_write.c.
 */

/* ARCHIVES_MAX: open archives, some of which have given up their descriptors where these are
 * scarce. FILES_MAX: open files and directories passed through, which take a descriptor each. */
enum { ARCHIVES_MAX = 128, FILES_MAX = 512 };

/* Limit on the metadata of all open archives but the newest, in bytes. */
enum { METADATA_MAX = 24 << 20 };

/* A piece of the last text read that was too long for one read. */
struct text_cache {
	pthread_mutex_t lock; /* protects this struct alone; held while copying */
	pthread_cond_t made;
	uint64_t making;      /* the inode whose text is being generated; 0: none */
	uint64_t ino;
	uint64_t from, len, total; /* bytes [from, from + len) of total */
	uint8_t *bytes;       /* NULL: nothing cached yet */
};

/* Shares of the metadata budget: the first and the second amount that an archive or directory
 * is tried with, and what larger ones leave for others. */
enum { METADATA_SMALL = 4 << 20, METADATA_MEDIUM = 24 << 20, METADATA_SPARE = 16 << 20 };

/* Folders searched for indexes (links.c). */
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
	struct folder folder; /* SOURCE itself, or the folder that contains it */
	char *real;           /* SOURCE's absolute path, to tell whether a link leads out */
	struct open_archives archives;
	_Atomic unsigned files; /* currently open */
	_Atomic uint64_t lookups, stats, listings, reads, bytes, failed; /* for mirror_stats() */
	struct {
		dev_t dev;
		ino_t ino;
		char *name;
		int fd;
	} cover; /* the mountpoint */
	struct text_cache texts;
	struct numbers numbers;
	struct links links;
	mirror_changed *changed;
	void *changed_arg;
	_Atomic bool viewed; /* .arrayfs has been looked up */
};

/* How links on the path to the dentry's file may be followed. */
enum reach mirror_reach(const struct mirror *m, const struct dentry *e);

/* The inode number shown (node_number.c): of a node of an open archive; of what `ino`, an inode
 * of the reference's dentry, stands for. */
uint64_t mirror_node_number(struct mirror *m, struct open_archive *h, uint32_t index, enum view_id view);
uint64_t mirror_number(struct mirror *m, const struct mirror_ref *ref, uint64_t ino);
uint64_t view_number(struct mirror *m, dev_t dev, ino_t ino, enum view_id view, uint32_t index); /* without a node */

struct number_owner mirror_owner(const struct source *s);

/* How many names the node has in SOURCE (links.c). Called without m->lock. */
uint32_t mirror_names(struct mirror *m, struct open_archive *h, uint32_t index);

/* Whether that has changed for any of its arrays since the last call. */
bool mirror_names_changed(struct mirror *m, struct open_archive *h);
void links_init(struct links *l);
void links_close(struct links *l);

/* In open.c; called without m->lock. Opens the dentry's archive; fills a directory of an
 * archive. */
int mirror_open_archive(struct mirror *m, struct dentry *e, struct open_archive **ret, struct error *err);
int mirror_fill(struct mirror *m, struct archive *a, uint32_t dir, struct error *err);

/* Opens a file that is new or has changed, to identify it. Called with m->lock held, which is dropped
 * meanwhile; `opening` makes others wait for the dentry. -ENFILE, -EMFILE: not known yet. */
int mirror_identify(struct mirror *m, struct dentry *e, struct error *err);

/* Stats the name in the open folder, as it is to be shown (lookup.c). */
int mirror_stat_name(const struct mirror *m, const struct dentry *parent, int dir, const char *name, struct stat *ret,
		bool *followed);
/* In access.c: stats a followed link in an open folder, or an open file, as it is to be shown:
 * with no permissions that it lacks where it lies. */
int mirror_followed(int dir, const char *name, struct stat *ret);
int mirror_fstat(int fd, bool followed, struct stat *ret);
void mirror_watch_begin(struct open_archive *h);

/* Drops the reference's archive, but not its dentry. */
void mirror_let_go(struct mirror *m, struct mirror_ref *ref);

/* Outside any view (lookup.c, read.c). */
int plain_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err);
int plain_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err);
int plain_readlink(const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err);
int plain_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err);

/* A name in a mirrored directory: also as `original` shows it (lookup.c). */
int lookup_mirrored(struct mirror *m, struct dentry *parent, struct slice name, bool original, struct mirror_ref *ret,
		    struct error *err);

/* A file passed through (read.c). */
int passed_open(struct mirror *m, struct dentry *e, int *ret_fd, struct error *err);
int passed_read(int fd, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* Within VIEW_ORIGINAL (original.c). original_list() fills ret->names; ret->ref is set. */
bool original_is_file(uint32_t index);
bool original_exists(const struct mirror *m, const struct dentry *e, uint32_t index);
uint64_t original_ino(const struct dentry *e); /* of a mirrored file or directory, as it is shown there */
uint64_t original_parent(const struct mirror *m, const struct mirror_ref *ref);
int original_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err);
int original_list(struct mirror *m, struct mirror_dir *ret, struct error *err);
int original_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err);
int original_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err);
int original_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct answer *ret,
		  struct error *err);
uint64_t original_number(struct mirror *m, const struct dentry *e, uint32_t index);

/* Within views (view.c, view_dir.c). */
struct mirror_ref view_plain(const struct mirror_ref *ref); /* without the view; borrowed */
int view_lookup(struct mirror *m, const struct mirror_ref *dir, struct slice name, struct mirror_ref *ret, struct error *err);
int view_stat(struct mirror *m, const struct mirror_ref *ref, int fd, struct stat *ret, struct error *err);
int view_readlink(struct mirror *m, const struct mirror_ref *ref, char ret[PATH_MAX], struct error *err);
int view_open_dir(struct mirror *m, const struct mirror_ref *ref, struct mirror_dir *ret, struct error *err);
void view_close_dir(struct mirror_dir *dir);
bool view_add_name(struct mirror_dir *dir, const char *name, const char *suffix, unsigned char type, uint64_t number);
int view_next(struct mirror *m, struct mirror_dir *dir, off_t offset, struct mirror_name *ret, struct error *err);
int view_open_file(struct mirror *m, const struct mirror_ref *ref, int *ret_fd, struct error *err);
int view_read(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, uint64_t len, struct answer *ret,
	      struct error *err);

/* View files that are generated as one text (view_write.c). */
int written_size(struct mirror *m, const struct mirror_ref *ref, uint64_t *ret, struct error *err);
int written_read(struct mirror *m, const struct mirror_ref *ref, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);

/* What the view shows of the node: its name, as a directory, or its name and the suffix, as a
 * file. A link is what it leads to. */
enum shown { SHOWN_NOT, SHOWN_DIRECTORY, SHOWN_FILE };
enum shown view_shows(struct archive *a, const struct view *view, uint32_t index);

/* The next name in .arrayfs, from number *at on, which is moved past it; NULL at the end. */
const char *view_top_next(uint64_t like, uint64_t *at, uint64_t *ret_ino);

/* Whether the view shows it as a file, whatever its node is. */
bool view_is_file(uint64_t ino);

/* Completes a reference whose dentry is already counted; on failure, drops the dentry and
 * empties the reference. Called with m->lock held. */
int mirror_ref_complete(struct mirror *m, struct mirror_ref *ref, struct error *err);
