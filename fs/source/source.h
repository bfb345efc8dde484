/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <sys/stat.h>

#include "fs/base/arena.h"
#include "fs/source/folder.h"

/*
 * The bytes of one file: a mapping of it, or memory in tests and fuzzing.
 *
 * Data is served and decoded straight from the mapping.  Metadata is copied first, with
 * source_load(), so that nothing changes between a check and a use.  The file may be
 * truncated, replaced or removed while it is mapped: the mapping keeps the old file
 * alive, and bytes lost to truncation (a hole) are -EIO:
 *
 *   - only answer_source() passes mapped bytes to the kernel, whose EFAULT covers a
 *     truncation after that;
 *   - our own code reads mapped bytes only between source_enter() and source_leave():
 *     there, a hole reads as zeros, and leave() reports it.
 *
 * The file is mapped twice for this: with one mapping, the kernel might copy the zeros
 * that fill a hole for our own code.
 *
 * A page with a disk error is a hole, too: only that page is lost.
 *
 * Between open and close, any number of threads may use it.
 */
struct source {
	const uint8_t *bytes; /* `size` bytes for our own code to read; NULL if there are none */
	const uint8_t *served; /* the same, for the kernel only: our own code never reads it */
	uint64_t size;        /* when opened */
	struct stat st;       /* when opened; all zero for memory */

	int dir;              /* the file was opened as `path` below this folder; borrowed */
	char *path;
	_Atomic int fd;       /* -1 for memory, or after source_drop_fd() */
	struct descriptors *of; /* the budget that fd counts against, or NULL */
	_Atomic unsigned users; /* calls on fd in progress */
	_Atomic(uint8_t *) end; /* without a descriptor: a copy of the last page, or NULL */
	_Atomic(_Atomic uint64_t *) holes; /* a bit per page: a hole was met; NULL: none yet */
	_Atomic uint64_t lost; /* no byte from here on is valid: the file was truncated, or no memory for `holes` */

	/* NULL if all bytes are present, as in a mapping of a file.  Otherwise fetches
	 * [offset, offset + len), which is within the source, into place: all of it, or an
	 * error.  Bytes not fetched are undefined.  Any thread, also between enter() and
	 * leave(). */
	int (*fetch)(const struct source *s, uint64_t offset, uint64_t len, struct error *err);
	void *fetcher; /* the context of fetch(); borrowed */

	struct source *whole; /* of a window: what it is part of, no window itself; borrowed.  Else NULL */
	uint64_t begin;       /* where in that */
};

/* Opens a regular file for reading and maps it.  Never blocks on a FIFO, never touches
 * a device.  Fails with the system's errno, -ENOENT for example, and its message. */
int source_open(struct source *ret, const struct folder *folder, const char *path,
		enum reach reach, struct error *err);

/* A source over memory that the caller owns. */
struct source source_memory(struct slice s);

/* A window: the part [offset, offset + size) of another source, which must be within it, as a
 * source of its own.  It is as safe as that one, which must outlive it. */
struct source source_window(const struct source *of, uint64_t offset, uint64_t size);

void source_close(struct source *s);

/* Closes the descriptor but keeps the mapping, for files that are open in great number.
 * From then on the current size comes from stat() of the path; if that names another
 * file by now, the mapping itself shows what is left.  Any thread. */
void source_drop_fd(struct source *s);

/* The budget of descriptors: how many more all sources together may keep open. */
struct descriptors {
	_Atomic int left;
};

/* For a source just opened: takes one descriptor from the budget, or drops the source's
 * descriptor if none is left.  NULL: no budget, it keeps its descriptor. */
void source_keep(struct source *s, struct descriptors *of);

/* Is the whole range still in the file, and without a hole?  Costs one fstat().
 * source_check() returns 0 or -EIO. */
bool source_intact(const struct source *s, uint64_t offset, uint64_t len);
int source_check(const struct source *s, uint64_t offset, uint64_t len, struct error *err);

/* Has no hole been met in the range so far?  No system call. */
bool source_sound(const struct source *s, uint64_t offset, uint64_t len);

/* Copies [offset, offset + len), all of it or an error.  A range outside the
 * file is -EBADMSG, one that could not be read -EIO. */
int source_read(const struct source *s, uint64_t offset, void *buf, size_t len,
		struct error *err);

/* The same into arena memory, and a cursor over it: how formats load their metadata. */
int source_load(const struct source *s, struct arena *a, uint64_t offset, uint64_t len,
		struct cursor *ret, struct error *err);

/* The mapped bytes themselves, fetched if need be; -EBADMSG outside the file.  Read no
 * mapped bytes without it: they may not have been fetched. */
int source_map(const struct source *s, uint64_t offset, uint64_t len,
	       struct slice *ret, struct error *err);

/* Bracket every access to mapped bytes; do not nest.  leave() is -EIO if any of the
 * range [offset, offset + len) that was read is no longer in the file. */
void source_enter(struct source *s);
int source_leave(struct source *s, uint64_t offset, uint64_t len, struct error *err);

/* The same for two sources at once, to compare them for example; either may be NULL.
 * Then call source_leave() for each, in any order. */
void source_enter_both(struct source *a, struct source *b);

/* Like source_leave(), but without a check.  For many short accesses: check
 * source_sound() after each, and once, at the end, source_intact() for the farthest. */
void source_leave_unchecked(void);

/* memcpy() from what may be mapped bytes of any source; false if it hits a hole, and
 * `to` is then undefined.  Not between source_enter() and source_leave(). */
bool source_copy(void *to, const void *from, size_t len);

/* Installs the SIGBUS handler that source_enter() and source_copy() rely on; once per
 * process. */
int source_guard(void);

/* access_fstat() of the open file; -EBADF without a descriptor. */
int source_stat(const struct source *s, struct stat *ret);

/* Another descriptor of the open file; -1 without one. */
int source_dup(const struct source *s);

/* Is it still the same file with the same content, as far as stat() shows?  Not if it
 * was replaced, resized or rewritten; mode, owner and link count may change. */
bool source_same(const struct stat *then, const struct stat *now);
