/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/ndarray.h"

/* What .npy and .npz share: an .npy file, which may be a member of a zip. */

/* Adds the array of the .npy file that `bytes` begins with: a file or, if structured, a
 * directory. -EBADMSG if the array is longer than `bytes`. */
int npy_show(struct archive *a, uint32_t parent, struct slice name, const struct content *bytes, uint32_t *ret,
	     struct error *err);
