/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <sys/uio.h>

#include "fs/source/source.h"

/*
 * What a read is answered with: a list of spans in the order of the bytes.  A
 * span is borrowed (mapped bytes, memory of the archive), pinned (a decoded block
 * that must not go before the reply is sent), the answer's own, or zeros.  The
 * spans are handed to writev() as they are: bulk data is not copied.
 */
struct answer {
	struct iovec *spans;
	size_t count, room;
	uint64_t len; /* of all spans */
	struct pin *pins;
	const _Atomic bool *gone; /* set by whom it is for, or NULL: once true, nobody waits for the answer, */
	struct iovec few[8];      /* and each that appends is -EINTR, so that no more work is done for it */
};

void answer_init(struct answer *a);

/* Lets every pin go and frees what is the answer's own. */
void answer_close(struct answer *a);

/* Forgets what was answered so far, for a read that failed half way. */
void answer_reset(struct answer *a);

/* Each appends; -ENOMEM at worst, or -EINTR. */
int answer_bytes(struct answer *a, const void *bytes, size_t len); /* outlive the answer */
int answer_zeros(struct answer *a, uint64_t len);
int answer_own(struct answer *a, size_t len, uint8_t **ret); /* memory for the caller to fill, all of it */

/*
 * Appends [offset, offset + len) of a source, as it is mapped; -EIO if that is not in
 * the file any more.
 *
 * The file may still be cut before the kernel copies it.  A page that is gone then is
 * an EFAULT; but the page that is cut within only has zeros behind the cut, and nobody
 * tells, unless a page that follows it is asked for, too.  So of the last page only its
 * first byte is handed over, which is right or gone, and the rest is a copy that was
 * made before the file was seen to be whole.
 */
int answer_source(struct answer *a, const struct source *s, uint64_t offset, uint64_t len, struct error *err);

/* Appends all of another answer, which is empty then, and calls release(object)
 * when this one is closed, or at once if it fails. */
int answer_join(struct answer *a, struct answer *other, void (*release)(void *), void *object);

/* As answer_bytes(), and release(object) when the answer is closed; also if this
 * fails. */
int answer_pinned(struct answer *a, const void *bytes, size_t len, void (*release)(void *), void *object);

/* Appends all that `from` holds, which is empty then. */
int answer_move(struct answer *a, struct answer *from);

/* Drops what lies behind the first len bytes. */
void answer_cut(struct answer *a, uint64_t len);

/* Waits for bytes of a mapping that are still on disk; those that cannot be had are
 * left to who uses them. */
void answer_await(const struct answer *a);

/* Copies the spans into one buffer of a->len bytes; -EIO where mapped bytes are
 * gone. */
int answer_copy(const struct answer *a, void *buf, struct error *err);
