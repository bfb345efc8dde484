/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <sys/stat.h>

#include "fs/base/arena.h"
#include "fs/source/folder.h"

/*
 * The bytes of one file: a mapping of it, or memory in tests and fuzzing.
 *
 * Data is served and decoded from the mapping.  Metadata is copied first, with
 * source_load(), so that nothing changes between a check and a use.  The file
 * may be cut short, replaced or removed while it is mapped; the mapping keeps
 * the old file alive, and what truncation took is -EIO:
 *
 *   - mapped bytes are handed to the kernel by answer_source() alone, and the kernel's
 *     EFAULT covers what is cut after that;
 *   - whoever looks at mapped bytes itself does so between source_enter() and
 *     source_leave(): a hole reads as zeros there, and leave() tells.
 *
 * These are two mappings: were it one, the zeros that somebody looks at could be what
 * the kernel takes at the same moment.
 *
 * A page that the disk cannot read is a hole, too: it is lost, and no other.
 *
 * Opened once, then any number of threads.
 */
struct source {
	const uint8_t *bytes; /* `size` of them, to be looked at; NULL if there are none */
	const uint8_t *served; /* the same, to be handed to the kernel and never looked at */
	uint64_t size;        /* when it was opened */
	struct stat st;       /* then, too; all zero for memory */

	int dir;              /* where the file was found: `path` below this folder; borrowed */
	char *path;
	_Atomic int fd;       /* -1 for memory, and for a source at rest */
	struct descriptors *of; /* those that fd is one of, or NULL */
	_Atomic unsigned users; /* of fd, at this moment */
	_Atomic(uint8_t *) end; /* at rest: the last page as it was, or NULL */
	_Atomic(_Atomic uint64_t *) holes; /* a bit for each page where a hole was met; NULL: nowhere */
	_Atomic uint64_t lost; /* from here on, nothing is known: the file was cut, or there is no memory for holes */

	/* NULL where all bytes are at hand, as in a mapping of a file.  Else it fetches
	 * [offset, offset + len), which lies inside, to where they belong, all or an error:
	 * bytes that nobody fetched say nothing.  Any thread, also between enter() and
	 * leave(). */
	int (*fetch)(const struct source *s, uint64_t offset, uint64_t len, struct error *err);
	void *fetcher; /* whose it is; borrowed */
};

/* Opens a regular file for reading and maps it.  Never blocks on a FIFO, never
 * touches a device.  -ENOENT and other errno values of the system, with its
 * words for a sentence. */
int source_open(struct source *ret, const struct folder *folder, const char *path,
		enum reach reach, struct error *err);

/* Bytes that the caller keeps. */
struct source source_memory(struct slice s);

void source_close(struct source *s);

/* Gives the descriptor up and keeps the bytes: for files that are held in
 * numbers.  Their present size is then asked of their path, and if that leads
 * elsewhere by now, what is left is told by the mapping.  Any thread. */
void source_rest(struct source *s);

/* How many more descriptors sources may keep, all together. */
struct descriptors {
	_Atomic int left;
};

/* For a source that was just opened: without one left, it is at rest from now on.
 * NULL: it may keep its own. */
void source_keep(struct source *s, struct descriptors *of);

/* Is the whole range still in the file?  One fstat().  If not, -EIO. */
bool source_intact(const struct source *s, uint64_t offset, uint64_t len);
int source_check(const struct source *s, uint64_t offset, uint64_t len, struct error *err);

/* Was no hole met in the range?  Asks nobody. */
bool source_sound(const struct source *s, uint64_t offset, uint64_t len);

/* Copies [offset, offset + len), all of it or an error.  A range outside the
 * file is -EBADMSG, one that could not be read -EIO. */
int source_read(const struct source *s, uint64_t offset, void *buf, size_t len,
		struct error *err);

/* The same, into the arena, with a cursor over it: how a format gets at its
 * metadata. */
int source_load(const struct source *s, struct arena *a, uint64_t offset, uint64_t len,
		struct cursor *ret, struct error *err);

/* The bytes themselves, to look at; -EBADMSG outside the file.  Nobody looks at others:
 * these have been fetched. */
int source_map(const struct source *s, uint64_t offset, uint64_t len,
	       struct slice *ret, struct error *err);

/* Around every look at mapped bytes; does not nest.  leave() is -EIO if any of
 * the range [offset, offset + len) that was looked at is not in the file any
 * more. */
void source_enter(struct source *s);
int source_leave(struct source *s, uint64_t offset, uint64_t len, struct error *err);

/* The same for a look at two at once, say, to compare them; either may be NULL.
 * Then source_leave() of each, in any order. */
void source_enter_both(struct source *a, struct source *b);

/* Ends a look without asking: for many short looks, of each of which the caller
 * asks source_sound(), and then once source_intact(), of the farthest. */
void source_look_away(void);

/* Copies what may be mapped bytes of any source; false if there is a hole, and what
 * was copied so far says nothing.  Not within a look. */
bool source_copy(void *to, const void *from, size_t len);

/* Installs the SIGBUS handler that source_enter() and source_copy() count on; once a
 * process. */
int source_guard(void);

/* The open file as it is now, as access_fstat(); -EBADF at rest. */
int source_stat(const struct source *s, struct stat *ret);

/* Is the file that st describes still what was opened?  Replaced, resized and
 * rewritten files are not; mode, owner and links may change. */
bool source_same(const struct stat *then, const struct stat *now);
