/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/stat.h>

#include "fs/base/cursor.h"
#include "fs/source/folder.h"

/*
 * Who may read a file, so that nothing is more readable where it is shown than where
 * it lies.
 *
 * Of a person nothing is known but the class that he is of for one file: its owner, one
 * of its group, or another.  So whoever asks two files, or a file and the folder that it
 * lies in, must assume that he is of every class of the second that he may be of.
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

/* What is left of a for those who have that permission on b, too: whole classes. */
struct access access_within(struct access a, struct access b, enum access_to to);

/* The same on the way through a folder.  The owner may be `self`, as whom we have just
 * come through it. */
struct access access_through(struct access a, struct access folder, uid_t self);

/* The user that a process runs as. */
struct access_self {
	uid_t uid;
	gid_t gid;
	gid_t groups[64];
	int ngroups; /* -1: not known */
};
struct access_self access_self(void);

/*
 * What may be read by those who may read both.  Of one owner: his, less what either
 * lacks.  Of two: the user's own, and anybody's only if everybody may read both.
 */
struct access access_join(struct access a, struct access b, const struct access_self *self);

/* The mode of a file that has an access control list (the attribute
 * system.posix_acl_access): st_mode tells of the group what the list allows at most, and
 * nothing of those that it names.  Who may be denied by it is. */
mode_t access_mode(mode_t mode, struct slice acl);

/* lstat() below `dir` (or AT_FDCWD) and fstat(), with the mode so.  -errno. */
int access_lstat(int dir, const char *path, struct stat *ret);
int access_fstat(int fd, struct stat *ret);

/* The folders on a way, from the last one upwards. */
enum { ACCESS_DEPTH = 64 };
struct access_way {
	unsigned count;
	bool closed; /* there are more */
	struct access folders[ACCESS_DEPTH];
};

/* For one look at many files: from where they are found, a folder, and those above it
 * that lead to it in what is shown. */
struct access_from {
	int base; /* -1 if it cannot be opened */
	unsigned count;
	struct {
		dev_t dev;
		ino_t ino;
	} shown[ACCESS_DEPTH];
	int parent; /* of the last file, or -1, and what leads there */
	char path[PATH_MAX];
	struct access_way way;
	struct access_self self;
};
int access_from(const struct folder *folder, struct access_from *ret);
void access_from_close(struct access_from *from);

/* What was seen of a file at another look, which spares reading its list again. */
struct access_seen {
	dev_t dev;
	ino_t ino;
	mode_t mode;
	struct timespec changed;
	struct access file; /* without the way */
	bool settled;       /* long after `changed`: no change since has the same time */
};
struct access_seen access_seen(const struct stat *st); /* as access_fstat() has just told it */

/*
 * The file below the folder, links followed, and who may read it where it lies: less
 * what the folders on the way take away.
 *
 *   - below the folder: all from there on;
 *   - elsewhere below folder->dir, which is shown: those that do not lead to the folder,
 *     too;
 *   - elsewhere: all, from the root of the file system on.
 *
 * -errno if it cannot be found, or the way cannot be known: then *ret is no answer.
 */
int access_find(struct access_from *from, const char *path, struct access_seen *seen, struct stat *ret_st,
		struct access *ret);

/* The same of an open file or folder (O_PATH does), which lies elsewhere. */
int access_outside(int fd, struct stat *ret_st, struct access *ret);
