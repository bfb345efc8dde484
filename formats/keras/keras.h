/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/graft.h"
#include "formats/shared/zip.h"

/*
 * Zips whose members are archives: each member is a file below the archive's directory, or, if it
 * is an archive by its content, a directory in turn (fs/archive/graft.h).
 *
 *   keras.c      Keras' own
 *   archives.c   any other zip of archives
 *   members.c    how the members are shown
 */

/* The format whose archive it is, other than a zip of archives; NULL if it is none's, or text. */
const struct format *keras_identify(const struct peek *p);

/* As in struct format. */
int keras_open(struct archive *a, struct error *err);
int keras_list(struct archive *a, uint32_t dir, struct error *err);
int keras_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
int keras_checks(struct archive *a, struct arena *keep, struct check **ret, uint32_t *ret_count, struct error *err);

#define KERAS_MEMBERS                                                                                                  \
	.open = keras_open, .list = keras_list, .size = graft_size, .extent = graft_extent, .read = keras_read,        \
	.attrs = graft_attrs, .details = graft_details, .references = &graft_references, .same = graft_same,           \
	.identity = graft_identity, .checks = keras_checks, .unchecked = graft_unchecked
