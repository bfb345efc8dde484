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
	bool fake;     /* -f: all but the mount itself */
	char *argv[2 * HELPER_LISTS + 5]; /* the same as a command line of ours; points into the one given */
	int argc;
};

/* 0; or a usage error was told, and 2 is the exit code.  Does not return for what is
 * libfuse's own helper's to do first (setuid=, drop_privileges): that runs us. */
int helper_parse(struct helper *ret, int argc, char **argv);
