/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * The members of a zip archive, by its directory at the end; .npz, Keras and PyTorch
 * files are zip archives.
 *
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 6.3.10; section numbers are
 * its own.
 */
struct zip_member {
	struct slice name;     /* the directory's bytes */
	uint64_t header;       /* where its local header is in the source */
	uint64_t data;         /* and its bytes as stored, `packed` of them */
	uint64_t packed, size; /* size: what they decompress to, as the directory says */
	uint32_t crc;          /* CRC-32 of those */
	uint16_t method;       /* 4.4.5 */
	const char *fault;     /* why its bytes cannot be had; or NULL */
};
enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

struct zip {
	struct zip_member *members; /* in the directory's order */
	uint32_t count;
};

/* Is it one, by its end?  Reads the last bytes of the file. */
bool zip_probe(const struct peek *p);

/* Reads the directory and every local header.  Members and names go into `keep`, what is
 * needed on the way into `scratch`.  Refused: an end that does not fit, two members of one
 * name, members that overlap, more than 10 million. */
int zip_read(const struct source *s, struct arena *keep, struct arena *scratch, struct zip *ret, struct error *err);

/* The same by the first bytes of the directory alone: calls for the members that are found
 * there, whose data lie where `peek_at` may read them, until a call returns true, which is
 * then returned.  For probes. */
bool zip_any(const struct peek *p, bool (*is)(const struct peek *p, const struct zip_member *m));
