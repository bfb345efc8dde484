/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/content.h"
#include "formats/shared/slice_map.h"

/*
 * The members of a zip archive, from the central directory at its end; .npz, Keras and
 * PyTorch files are zip archives.
 *
 *	zip_read(&a->source, &scratch, &scratch, &zip, err)       the directory
 *	const struct zip_member *m = zip_find(&zip, SLICE("config.json"));
 *	zip_open(a, 0, m, &content, err)                          its bytes
 *	content_load(a, &content, &scratch, 1 << 20, &c, err)     all of them, or a range: content_read()
 *
 * A member that is stored lies in the source: tree_range(… content.offset, content.size).
 *
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 6.3.10; section numbers
 * refer to it.
 */
struct zip_member {
	struct slice name;     /* as in the directory, whatever its flags say of the encoding */
	uint64_t header;       /* offset of its local header in the source */
	uint64_t data;         /* offset of its stored bytes, `packed` of them; 0: the fault says why they are not found */
	uint64_t packed, size; /* size: decompressed, according to the directory */
	uint32_t crc;          /* CRC-32 of the decompressed bytes */
	uint16_t method;       /* 4.4.5, as in the directory */
	uint8_t codec;         /* enum codec_id */
	const char *fault;     /* why it cannot be read; or NULL */
};

struct zip {
	struct zip_member *members; /* in the directory's order */
	uint32_t count;
	struct slice_map names;     /* numbered as members are */
};

/* Is it a zip archive? Decided by the last bytes of the file. */
bool zip_probe(const struct peek *p);

/* For probes: calls each() for every member, until that returns other than 0, and returns it;
 * -errno if the directory cannot be read, or not in full: at most PROBE_MAX bytes of it are.
 * The members' data are found by zip_place(). */
typedef int zip_each_member(void *arg, const struct peek *p, struct zip_member *m, uint64_t end);
int zip_each(const struct peek *p, zip_each_member *each, void *arg);

/* Finds the data of such a member: false if it has a fault, or they are not there. */
bool zip_place(const struct peek *p, struct zip_member *m, uint64_t end);

/* For probes: is there a member whose name ends in `suffix` and whose bytes begin with
 * `magic`, of at most 16 bytes?  Reads at most PROBE_MAX bytes of the directory. */
bool zip_has(const struct peek *p, struct slice suffix, struct slice magic);

/* Reads the directory and every local header.  Allocates members and names from `keep`,
 * what is needed only by zip_find() and meanwhile from `scratch`.  Refused: an end record
 * that does not fit, two members of the same name, overlapping members, more than 10
 * million members.  A member whose place or size is invalid has a fault. */
int zip_read(const struct source *s, struct arena *keep, struct arena *scratch, struct zip *ret, struct error *err);

/* The same for an archive that is the part [offset, offset + size) of the source, which must be
 * within it.  The members' offsets are in the source; sentences count from the part. */
int zip_read_part(const struct source *s, uint64_t offset, uint64_t size, struct arena *keep, struct arena *scratch, struct zip *ret,
		  struct error *err);

/* How an archive whose members are its files is opened: reads the directory of a->source, and calls
 * show() for each member, which need not outlive the call. */
typedef int zip_show_member(struct archive *a, const struct zip_member *m, struct error *err);
int zip_show(struct archive *a, zip_show_member *show, struct error *err);

/* The member of that name, or NULL. */
const struct zip_member *zip_find(const struct zip *z, struct slice name);

/* A format's checks(), if its archives are zips: every member that has no fault. */
int zip_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err);

/* Is it a directory: a name that ends in '/', and no bytes? */
bool zip_is_directory(const struct zip_member *m);

/* The member's bytes, of a zip in archive_source(a, source); a stream is allocated from the
 * archive's arena.  -EIO and the member's fault, if it has one. */
int zip_open(struct archive *a, uint32_t source, const struct zip_member *m, struct content *ret, struct error *err);
