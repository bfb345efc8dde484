/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/codec/codec.h"

/*
 * Bytes for which an archive has a CRC-32 of its own, for example a member of a zip.  Reads of
 * stored bytes do not check it: it covers all of them, and a read asks for few.
 */
struct check {
	struct slice name;     /* as the archive has it */
	uint32_t source;       /* archive_source() */
	uint64_t offset, len;  /* where they are in it, compressed or not */
	enum codec_id codec;   /* CODEC_NONE: as they are */
	uint64_t size;         /* decoded */
	uint32_t crc32;        /* of the decoded bytes */
};

/* Reads, decodes and checks them, in bounded memory, bypassing the cache.  `each` is called
 * with the number of bytes just checked; what it returns, unless 0, ends the check and is
 * returned.  Any thread. */
int check_run(struct archive *a, const struct check *c, int (*each)(void *arg, uint64_t bytes), void *arg, struct error *err);
