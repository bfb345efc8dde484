/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"
#include "mount/limits.h"
#include "mount/options.h"

/* SOURCE, opened as the options want it: for the daemon, and for the commands
 * that do without one. */
struct opened {
	struct mirror *mirror;
	struct blocks *blocks; /* the cache of decoded data */
	struct limits limits;
};

/* 0, or the exit code, and the fault was told. */
int source_command_open(struct opened *ret, const struct options *o);
void source_command_close(struct opened *opened);

/* SOURCE and a second one, which o->destination names, for a look at both: one
 * sandbox, one cache. */
int source_command_open_two(struct opened ret[2], const struct options *o);
void source_command_close_two(struct opened opened[2]);
