/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * All that is known of a file or directory, as one JSON object: what --list --json
 * prints, and what the JSON view holds.
 *
 *   path kind size target error           what the mount shows of it
 *   dtype shape order byteorder type …    its user.array.* and user.arrayfs.*
 *   attributes                            its user.attr.*, of any size; those that
 *                                         are not strings as JSON of their own
 *   …                                     what its format adds: chunks, row groups
 *
 * `same`, unless NULL, is another path to the same directory, told as "same_as";
 * `st` is what mirror_stat() told.  Faults in a part become its "error".
 */
void describe(struct mirror *m, const struct mirror_ref *ref, const char *path, const char *same, const struct stat *st,
	      struct text *ret);
