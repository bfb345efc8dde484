/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/archive/archive.h"

/*
 * The command line.  See arrayfs(1).
 */
enum command { COMMAND_MOUNT, COMMAND_UNMOUNT, COMMAND_LIST, COMMAND_CAT, COMMAND_EXTRACT, COMMAND_DIFF, COMMAND_VERIFY, COMMAND_ROWS, COMMAND_HELP, COMMAND_VERSION };

/* A range of the first dimension, as in a Python slice: negative numbers count from the
 * end, and the range is clipped to the array. */
struct rows {
	bool given;
	int64_t begin, end; /* INT64_MAX: to the end */
};

struct options {
	enum command command;
	const char *source;      /* or the mountpoint, for -u */
	const char *destination; /* the mountpoint, the target of --extract, or the second source */
	char **paths;            /* relative to SOURCE; NULL-terminated */

	bool foreground, debug, single_threaded;
	bool list_long, list_json, list_tree, human;
	bool force, resume, npy;
	struct rows rows;
	bool rows_csv, rows_tsv, rows_jsonl;
	bool close; /* --atol or --rtol was given */
	double atol, rtol;

	/* -o */
	bool dataset, as_files, follow, nonempty, no_verify, no_sandbox;
	char split;
	size_t cache;
	unsigned threads; /* one per processor */
	struct archive_records records; /* the schema's bytes are read from `schema` later */
	const char *schema; /* the file's name; NULL if not given */
	const char *log;  /* NULL if not given */
	char *fuse;       /* options for libfuse, like "allow_other,fsname=x"; "" for none */
};

/* Returns 0, or 2 (the exit code) after reporting a usage error.  `words`: the first operand may
 * be the name of a command. */
int options_parse(struct options *ret, int argc, char **argv, bool words);
void options_free(struct options *o);
void options_help(void);
