/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"

/*
 * What may be meant by a name that is not there.
 */

/* *err says that a PATH does not exist, and no more: adds what is meant, or how to find out. */
void near_path(struct mirror *m, const char *path, struct error *err);

/* The same about a SOURCE that cannot be reached for the reason `code`, an errno.  Returns -code. */
int near_source(const char *source, int code, struct error *err);
