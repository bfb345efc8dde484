/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <sys/uio.h>

#include "fs/source/source.h"

/*
 * The reply to a read: a list of spans in byte order.  A span is borrowed (mapped
 * bytes, memory of the archive), pinned (a decoded block that must not be evicted
 * before the reply is sent), owned by the answer, or zeros.  The spans go to writev()
 * as they are: bulk data is not copied.
 */
struct answer {
	struct iovec *spans;
	size_t count, room;
	uint64_t len; /* bytes in all spans */
	struct pin *pins;
	const _Atomic bool *gone; /* the requester's cancel flag, or NULL; once it is set, every append is -EINTR */
	uint8_t *lent;            /* see answer_lend() */
	size_t lent_len, lent_used;
	struct iovec few[8];      /* the spans, until there are more */
};

void answer_init(struct answer *a);

/* Lends memory to an empty answer: answer_own() takes it first, before memory of its own.
 * It outlives the answer, and is free again when that is reset or closed. */
void answer_lend(struct answer *a, uint8_t *bytes, size_t len);

/* Releases every pin and frees the answer's own memory. */
void answer_close(struct answer *a);

/* Drops all spans so far, after a read that failed half way. */
void answer_reset(struct answer *a);

/* Append; can only fail with -ENOMEM or -EINTR. */
int answer_bytes(struct answer *a, const void *bytes, size_t len); /* must outlive the answer */
int answer_zeros(struct answer *a, uint64_t len);
int answer_own(struct answer *a, size_t len, uint8_t **ret); /* memory that the caller fills completely */

/*
 * Appends [offset, offset + len) of a source, straight from the mapping; -EIO if the
 * file no longer contains the range.
 *
 * Race: the file may still be truncated before the kernel copies the bytes.  A page past
 * the new end is an EFAULT; but the page that contains the new end reads as zeros past
 * it, without an error, unless the range includes a later page, too.  So only the first
 * byte of the range's last page is passed as mapped, which is either right or an EFAULT;
 * the rest of that page is copied, before the check that the file is still long enough.
 */
int answer_source(struct answer *a, const struct source *s, uint64_t offset, uint64_t len, struct error *err);

/* Moves all of another answer to the end of this one, and calls release(object) when
 * this one is closed, or at once if there is no memory to remember it. */
int answer_join(struct answer *a, struct answer *other, void (*release)(void *), void *object);

/* As answer_bytes(), but calls release(object) when the answer is closed; even if this
 * fails, sooner or later. */
int answer_pinned(struct answer *a, const void *bytes, size_t len, void (*release)(void *), void *object);

/* Appends all spans of `from`, with their pins, and empties it. */
int answer_move(struct answer *a, struct answer *from);

/* Truncates the answer to len bytes. */
void answer_cut(struct answer *a, uint64_t len);

/* Faults in mapped bytes that are still on disk.  Bytes that cannot be read fail later,
 * where they are used. */
void answer_await(const struct answer *a);

/* Moves all bytes into the lent memory and releases every pin.  Returns -ENOMEM, and changes
 * nothing, if they do not fit; -EIO if mapped bytes are gone. */
int answer_gather(struct answer *a, struct error *err);

/* Likewise, but into memory of the answer's own. */
int answer_detach(struct answer *a, struct error *err);

/* A place in an answer that is read in order; it starts as {.from = the answer}. */
struct answer_place {
	const struct answer *from;
	size_t span, at;
};

/* Copies the next bytes; what is missing at the end is zeros.  -EIO if mapped bytes are gone. */
int answer_take(struct answer_place *p, size_t len, uint8_t *to, struct error *err);

/* Copies the spans into one buffer of a->len bytes; -EIO if mapped bytes are gone. */
int answer_copy(const struct answer *a, void *buf, struct error *err);
