/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"
#include "fs/codec/codec.h"

/*
 * The members of a zip archive, from the central directory at its end; .npz, Keras and
 * PyTorch files are zip archives.
 *
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 6.3.10; section numbers
 * refer to it.
 */
struct zip_member {
	struct slice name;     /* as in the directory */
	uint64_t header;       /* offset of its local header in the source */
	uint64_t data;         /* offset of its stored bytes, `packed` of them */
	uint64_t packed, size; /* size: decompressed, according to the directory */
	uint32_t crc;          /* CRC-32 of the decompressed bytes */
	uint16_t method;       /* 4.4.5 */
	const char *fault;     /* why it cannot be read; or NULL */
};
enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

/* The codec of a compression method (4.4.5); CODEC_NONE if it is stored, or none that is
 * read: then the member has a fault. */
enum codec_id zip_codec(unsigned method);

struct zip {
	struct zip_member *members; /* in the directory's order */
	uint32_t count;
};

/* Is it a zip archive? Decided by the last bytes of the file. */
bool zip_probe(const struct peek *p);

/* Reads the directory and every local header. Allocates members and names from `keep`,
 * temporary data from `scratch`. Refused: an inconsistent end record, two members of the
 * same name, overlapping members, more than 10 million members. */
int zip_read(const struct source *s, struct arena *keep, struct arena *scratch, struct zip *ret, struct error *err);

/* For probes: calls `is` for the members in the first bytes of the directory, whose data
 * peek_at() can read, until it returns true; returns whether it did. */
bool zip_any(const struct peek *p, bool (*is)(const struct peek *p, const struct zip_member *m));
