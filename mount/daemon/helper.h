/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/*
 * The command line that mount(8) gives to a helper it finds by the name of a type,
 * here mount.fuse.arrayfs (mount(8), "EXTERNAL HELPERS"):
 *
 *     mount.TYPE SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE.SUBTYPE]
 */
bool helper_is(const char *name); /* argv[0] */

enum { HELPER_LISTS = 16 };

struct helper {
	bool fake;     /* -f: everything but the mount itself */
	char *argv[2 * HELPER_LISTS + 5]; /* the equivalent arrayfs command line; points into the argv given */
	int argc;
};

/* Returns 0, or 2 (the exit code) after reporting a usage error. Does not return if
 * libfuse's own helper must act first (setuid=, drop_privileges): that helper then runs
 * arrayfs. */
int helper_parse(struct helper *ret, int argc, char **argv);
