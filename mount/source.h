/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/mirror/mirror.h"
#include "mount/limits.h"
#include "mount/options.h"

/* SOURCE, opened according to the options; for the daemon and for the commands that work
 * without one. */
struct opened {
	struct mirror *mirror;
	struct blocks *blocks; /* the cache of decoded data */
	struct limits limits;
	uint8_t *schema;       /* of records, schema_len bytes; or NULL */
	size_t schema_len;
};

/* Returns 0, or the exit code after reporting the fault. */
int source_command_open(struct opened *ret, const struct options *o);
/* The same, but what is wrong with SOURCE is not reported: -errno and a sentence. */
int source_command_try(struct opened *ret, const struct options *o, struct error *err);
void source_command_close(struct opened *opened);

/* How many threads a command is to have, `most` at most: as many as decode, or one with -s. */
unsigned source_command_threads(const struct opened *opened, const struct options *o, unsigned most);

/* Opens SOURCE and a second source, o->destination, for a comparison: they share one
 * sandbox and one cache. */
int source_command_open_two(struct opened ret[2], const struct options *o);
void source_command_close_two(struct opened opened[2]);
