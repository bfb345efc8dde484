/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/views/views.h"

/*
 * All that is known of a file or directory, as one JSON object on a line: what --list --json
 * prints, and what the JSON view holds.
 *
 *   path kind size target same_as error   what the mount shows of it
 *   dtype shape order byteorder type …    its user.array.* and user.arrayfs.*
 *   attributes                            its user.attr.*, of any size; those that
 *                                         are not strings as JSON of their own
 *   companion                             true for a NAME.validity that is made for NAME
 *   stored                                where its bytes lie as they are shown: file,
 *                                         offset, and the file's inode, size and mtime
 *   …                                     what its format adds: chunks, row groups
 *
 * Faults in a part become its "error".
 */
void view_json_write(const struct described *of, struct text *ret);
