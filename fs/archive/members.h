/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "fs/blocks/blocks.h"
#include "fs/source/access.h"
#include "fs/source/source.h"

/*
 * Members: the named sources that an archive is made of or may use next to its own file.
 * They come in two ways:
 *
 *   - found: members_find() lists the files below a folder.  Each is opened when it is
 *     needed, and a bounded number is open at a time, however many there are;
 *   - neighbours: archive_sibling() adds one by its path, open as long as the archive.
 *
 * An archive has members of one of these kinds.
 *
 * A member is what it was when it was found, and never has another file's bytes.  Once
 * its file was replaced, removed, resized or rewritten, one that was found is -EIO for
 * good; a neighbour's bytes are those of the file that was opened, as far as they are left.
 *
 * Members are added by one thread at a time, the one that fills the archive; any number
 * of threads use them meanwhile.
 */
struct member {
	const char *path; /* below the folder */
	dev_t dev;        /* as it was found */
	ino_t ino;
	uint64_t size;
	struct timespec mtime;
	bool sure;        /* MEMBER_SURE */
	uint32_t number;  /* from 1, in the order in which they were added */

	/* Of a neighbour: archive_source(number), and the reach it was opened with. */
	struct source *source;
	enum reach reach;
	struct member *chained; /* in `named` */

	/* Who may read it where it lies, if it is part of what is shown: archive_bring(). */
	_Atomic bool brought;
	struct access access;
	struct access_seen seen;

	/* One that was found, private to members.c. */
	struct members *in;
	bool opening;
	void *opened;
	size_t memory;
	unsigned holds;
	struct member *newer, *older; /* of those that are open */
};

/* How to open a member as more than its bare source: as an archive, for example. */
struct member_opener {
	/* Takes over the source, whatever happens; *ret_memory: what is kept open takes. */
	int (*open)(const struct members *m, const struct member *one, struct source source, void **ret, size_t *ret_memory,
		    struct error *err);
	void (*close)(void *opened);
};

struct members {
	struct folder folder;           /* where their paths begin; dir is -1: nowhere */
	struct descriptors *descriptors; /* those they may keep open; NULL: no limit */
	struct member *table[31];       /* table[k] has 2^k of them, so that none ever moves; in the archive's arena */
	_Atomic uint32_t count;
	_Atomic uint32_t neighbours;    /* the same, or 0 */
	struct member **named;          /* neighbours by the hash of their paths: a chain each, the newest first */
	uint32_t chains;                /* a power of two, or 0 */
	bool later;                     /* some will be opened after the archive was */

	const struct member_opener *opener; /* NULL: their sources are kept open */
	const void *context;                /* the opener's own */
	pthread_mutex_t lock;
	pthread_cond_t opened;
	struct member *newest, *oldest;
	uint32_t open;
	size_t memory; /* of all that are open */
};

void members_init(struct members *m, struct descriptors *descriptors);
void members_close(struct members *m); /* no member may be held */

static inline struct member *members_at(const struct members *m, uint32_t index)
{
	unsigned k = 31u - (unsigned)__builtin_clz(index + 1);
	return &m->table[k][index + 1 - (1u << k)];
}

/* Adds a member; keeps a reference to its path.  NULL if out of memory. */
struct member *members_add(struct members *m, struct arena *arena, const struct member *one);

/* The neighbour with that path, if its file is unchanged; otherwise NULL. */
struct member *members_neighbour(const struct members *m, const char *path, enum reach reach);

/* --- what is in a folder: members_find.c ------------------------------------- */

/* Does is() hold for any name directly in the folder?  Formats identify a folder by this;
 * no file is opened. */
bool members_any(const struct members *m, bool (*is)(const char *name));

/*
 * What the archive makes of a name that is met: `path` is below the folder, `name` its last
 * component, `type` as in st_mode: of a link first the link, then what it leads to.  -errno and
 * a sentence refuse the folder.  A MEMBER_SURE that cannot be opened refuses it, too: half a
 * table is not a table.
 */
enum { MEMBER_NO, MEMBER_MAYBE, MEMBER_SURE };
typedef int members_choose(void *arg, const char *path, const char *name, mode_t type, struct error *err);

/*
 * Adds the regular files below the folder, in all its directories, that are chosen, in
 * bytewise order of their paths.  A symbolic link to a file counts as that file under the
 * link's name, unless the file is there itself; links to directories are followed only
 * where the folder is not confined, each directory once.  In a confined folder, a link
 * that leads out of it is left out.
 */
int members_find(struct members *m, struct arena *arena, members_choose *choose, void *arg, struct error *err);

/* --- one that was found -------------------------------------------------------- */

/* Holds it open until member_release(); *ret is what the opener made of it, or its
 * `struct source`. */
int member_hold(struct member *one, void **ret, struct error *err);
void member_release(void *one);

/* Prefetch: the member will be held soon, so a worker may open it. */
void member_prefetch(struct member *one, struct blocks *blocks, struct block_client *client);
