/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The command line.  See arrayfs(1).
 */
enum command { COMMAND_MOUNT, COMMAND_UNMOUNT, COMMAND_LIST, COMMAND_CAT, COMMAND_EXTRACT, COMMAND_DIFF, COMMAND_HELP, COMMAND_VERSION };

/* Of the first dimension, as Python's slices have them: negative from the end on,
 * cut where the array ends. */
struct rows {
	bool given;
	int64_t begin, end; /* INT64_MAX: to the end */
};

struct options {
	enum command command;
	const char *source;      /* or, to unmount, the mountpoint */
	const char *destination; /* the mountpoint, where to extract to, or the second source */
	char **paths;            /* below SOURCE; ends with NULL */

	bool foreground, debug, single_threaded;
	bool list_long, list_json, list_tree, human;
	bool force, resume, npy;
	struct rows rows;
	bool close; /* --atol or --rtol was given */
	double atol, rtol;

	/* -o */
	bool dataset, as_files, follow, nonempty, no_verify, no_sandbox;
	char split;
	size_t cache;
	unsigned threads; /* 0: as many as there are processors */
	const char *log;  /* a file, "syslog" or "stderr"; NULL if nothing is said */
	char *fuse;       /* what goes to libfuse, "allow_other,fsname=x"; "" for nothing */
};

/* 0; or a usage error was told, and 2 is the exit code. */
int options_parse(struct options *ret, int argc, char **argv);
void options_free(struct options *o);
void options_help(void);
