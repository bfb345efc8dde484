/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/zip.h"

/* What zip.c, which reads directories, zip_end.c, which finds them, and zip_probe.c share. */
enum {
	END = 22,              /* 4.3.16 end of central directory record, without its comment */
	COMMENT_MAX = 65535,
	END64 = 56,            /* 4.3.14 zip64 end of central directory record */
	LOCATOR = 20,          /* 4.3.15 */
	ENTRY = 46,            /* 4.3.12 central directory header, without variable-length fields */
	LOCAL = 30,            /* 4.3.7 local file header, likewise */
	MEMBERS_MAX = 10000000,
	DIRECTORY_MAX = 256 << 20, /* bytes */
	ENTRY_MAX = ENTRY + 3 * 65535,
	EXTRA_ZIP64 = 1,       /* 4.5.3 */
	ENCRYPTED = 1,         /* 4.4.4, bit 0 */
	PATCHED = 1 << 5,      /* bit 5 */
	PROBE_MAX = 16 << 20,  /* bytes of the directory that a probe reads: those of 200,000 members */
	PROBE_MEMBERS = 10000, /* and members that it looks into */
	WINDOW = 64 << 10,     /* bytes of local headers read at once, if members are */
	SMALL = 8 << 10,       /* no larger than this on average */
};

/* Where bytes are read from: part of an open source, or a file being probed. */
struct zip_bytes {
	const struct source *source;
	const struct peek *peek;
	uint64_t start, size;
	struct zip_window { /* where members are small: local headers are read many at once; NULL: one by one */
		uint8_t *bytes;
		uint64_t at;
		size_t len;
	} *window;
};

static inline int zip_get(const struct zip_bytes *b, uint64_t offset, void *ret, size_t len, struct error *err)
{
	if (b->source)
		return source_read(b->source, b->start + offset, ret, len, err);
	return peek_at(b->peek, offset, ret, len) ? 0 : error_set(err, EIO, "its bytes cannot be read");
}

/* The end record, and where the directory is. */
struct zip_end {
	uint64_t at;    /* offset of the directory */
	uint64_t size, count;
	uint64_t shift; /* bytes before the archive: all stored offsets are too small by that */
	uint64_t record; /* offset of the end record */
	bool seen;      /* there is one whose comment ends with the file, although its directory does not fit */
};

static inline bool zip_is_signature(const uint8_t *p, const char *two)
{
	return p[0] == 'P' && p[1] == 'K' && p[2] == (uint8_t)two[0] && p[3] == (uint8_t)two[1];
}

/* Finds the end record, of a comment of at most so many bytes.  -EBADMSG if there is none. */
int zip_find_end(const struct zip_bytes *b, unsigned comment_max, struct zip_end *ret, struct error *err);

/* The same for a probe, quickly; false if there is none. */
bool zip_find_end_by_probe(const struct zip_bytes *b, struct zip_end *ret);

/* Reads an entry of the directory but for its comment, of *ret_comment bytes.  False at the end
 * of the data.  The name points into the cursor's bytes. */
bool zip_read_entry(struct cursor *c, uint64_t shift, struct zip_member *ret, unsigned *ret_comment);

/* The length of an entry that begins with these bytes, its comment included; 0 if none does. */
uint64_t zip_entry_length(struct slice bytes);

/* Finds the member's data, before `end`, where the directory is.  -EBADMSG: the member's own fault. */
int zip_find_data(const struct zip_bytes *b, struct zip_member *m, uint64_t end, struct error *err);
