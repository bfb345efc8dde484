/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/stat.h>

#include "fs/base/cursor.h"
#include "fs/source/folder.h"

/*
 * Who may read a file, so that nothing is more readable in the mount than it is on
 * disk.
 *
 * All that is known of readers is their class for one file: owner, group or other.  For a
 * second file, or the folder of the first, they may be in any class that this permits; so
 * they are granted only what all of these classes have.
 */
struct access {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* 0777 */
};

enum access_to { ACCESS_READ = S_IROTH, ACCESS_SEARCH = S_IXOTH };

static inline struct access access_of(const struct stat *st)
{
	return (struct access){st->st_uid, st->st_gid, st->st_mode & 0777};
}

static inline bool access_same(struct access a, struct access b)
{
	return a.uid == b.uid && a.gid == b.gid && a.mode == b.mode;
}

/* a, less each class of which any member may lack the permission on b; such a class
 * loses all its bits. */
struct access access_within(struct access a, struct access b, enum access_to to);

/* The same for a folder on the path, which must be searchable.  If the owner is `self`,
 * the owner's bits stay: we have just passed through the folder as that user. */
struct access access_through(struct access a, struct access folder, uid_t self);

/* The user that this process runs as. */
struct access_self {
	uid_t uid;
	gid_t gid;
	gid_t groups[64];
	int ngroups; /* -1: unknown */
};
struct access_self access_self(void);

/*
 * The access to data made from both files: only for those who may read both.  If they
 * have one owner, that owner's, less what either file denies; if not, the process's own
 * user's, and readable by all only if both files are.
 */
struct access access_join(struct access a, struct access b, const struct access_self *self);

/* The effective mode of a file with a POSIX ACL (the attribute
 * system.posix_acl_access): the group bits of st_mode are only the ACL's mask, and
 * st_mode says nothing about named users and groups.  Denies everyone whom the ACL may
 * deny. */
mode_t access_mode(mode_t mode, struct slice acl);

/* lstat() relative to `dir` (or AT_FDCWD), and fstat(); both set st_mode to the
 * effective mode.  -errno. */
int access_lstat(int dir, const char *path, struct stat *ret);
int access_fstat(int fd, struct stat *ret);

/* The folders on a path, from the innermost upwards. */
enum { ACCESS_DEPTH = 64 };
struct access_way {
	unsigned count;
	bool closed; /* there are more: only the owner keeps access */
	struct access folders[ACCESS_DEPTH];
};

/* For looking up many files in one pass: the base folder that paths start from, and the
 * shown folders, which are the base and those above it, up to the top of what is shown. */
struct access_from {
	int base; /* O_PATH; -1 if it cannot be opened */
	unsigned count;
	struct {
		dev_t dev;
		ino_t ino;
	} shown[ACCESS_DEPTH];
	int parent; /* the last file's folder, or -1; its path from base and the folders on it */
	char path[PATH_MAX];
	struct access_way way;
	struct access_self self;
};
int access_from(const struct folder *folder, struct access_from *ret);
void access_from_close(struct access_from *from);

/* Was the file last changed well before now, by its ctime?  Then any later change gives it another. */
bool access_settled(const struct stat *st);

/* What an earlier lookup saw of a file, so that its ACL need not be read again. */
struct access_seen {
	dev_t dev;
	ino_t ino;
	mode_t mode;
	struct timespec changed;
	struct access file; /* its own, regardless of the folders on its path */
	bool settled;       /* seen well after `changed`, so any later change has another ctime */
};
struct access_seen access_seen(const struct stat *st); /* st: fresh from access_fstat() */

/*
 * Looks up `path` from the folder, following links, and returns who may read the file
 * where it lies: its own access, less what the folders on its path deny.  These folders
 * count:
 *
 *   - for a file below the folder: all between the two;
 *   - for a file elsewhere below folder->dir, which is shown: those that do not also lead
 *     to the folder;
 *   - for any other file: all, from the root of the file system down.
 *
 * -errno if the file cannot be found or its folders cannot be determined: then *ret is
 * meaningless.
 */
int access_find(struct access_from *from, const char *path, struct access_seen *seen, struct stat *ret_st,
		struct access *ret);

/* The same for an open file or folder (O_PATH suffices): all folders up to the root
 * count. */
int access_outside(int fd, struct stat *ret_st, struct access *ret);
