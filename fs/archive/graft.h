/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * Archives stored as they are within another archive, such as uncompressed members of a zip.  Each
 * is opened by its own format over a window of the source, and is a directory of the outer
 * archive, which is filled from the inner archive's tree, one directory at a time.
 *
 * A format that calls graft_add() has the functions below in its struct format, or calls them from
 * its own: each forwards to the inner archive's format, and does nothing for a node that is not an
 * inner archive's.
 */

/* How deep archives may be nested, below the outermost. */
enum { GRAFT_DEPTH = 2 };

/* Adds what lies there, which must be within the source: a directory if it is an archive, and
 * otherwise a file, with an error if it is, or is called, an archive that cannot be shown.  While
 * the archive is opened. */
int graft_add(struct archive *a, uint32_t parent, struct slice name, const struct format *const *formats, uint32_t source,
	      uint64_t offset, uint64_t size, uint32_t *ret, struct error *err);

/* Closes them; archive_close() does so. */
void grafts_close(struct archive *a);

/* The inner archives, from 0 on; NULL: there are no more. */
struct archive *graft_at(const struct archive *a, uint32_t number);

/* Is the published node an inner archive's, or its root? */
bool graft_has(const struct archive *a, uint32_t index);

/* As in struct format. */
int graft_list(struct archive *a, uint32_t dir, struct error *err);
int graft_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err);
int graft_extent(struct archive *a, const struct node *n, bool decode, uint64_t *ret, struct error *err);
int graft_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
int graft_attrs(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg, struct error *err);
int graft_details(struct archive *a, uint32_t index, const struct node *n, struct text *ret, struct error *err);
extern const struct references graft_references;
uint64_t graft_same(const struct archive *a, uint32_t index);
uint64_t graft_identity(const struct archive *a, uint32_t index, const struct node *n);
bool graft_unchecked(const struct archive *a, uint32_t index);

/* Adds the checks of the inner archives to those that are there. */
int graft_checks(struct archive *a, struct arena *keep, struct check **checks, uint32_t *count, struct error *err);
