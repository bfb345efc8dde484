/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/archive/archive.h"

/*
 * The command line.  See arrayfs(1).
 */
struct command;

/* Options that not every command takes: struct command says which do. */
enum option_id {
	OPTION_LONG, OPTION_TREE, OPTION_JSON, OPTION_HUMAN, OPTION_DEPTH, OPTION_COLOR, OPTION_ROWS, OPTION_CSV, OPTION_TSV,
	OPTION_JSONL, OPTION_FORCE, OPTION_RESUME, OPTION_NPY, OPTION_ATOL, OPTION_RTOL, OPTION_HIST, OPTION_FAIL_NAN, OPTIONS,
};
#define TAKES(option) (1u << (option))

/* A range of the first dimension, as in a Python slice: negative numbers count from the
 * end, and the range is clipped to the array. */
struct rows {
	bool given;
	int64_t begin, end; /* INT64_MAX: to the end */
};

struct options {
	const struct command *command;
	bool by_word;            /* it is the first operand: list, not --list */
	const char *source;      /* or the mountpoint, for unmount */
	const char *destination; /* the mountpoint, the target of extract, or the second source */
	char **paths;            /* relative to SOURCE; NULL-terminated */

	bool help, version, help_mount; /* print that, and do nothing else */
	bool foreground, debug, single_threaded;
	unsigned given; /* TAKES() of the options on the command line */
	bool list_long, list_json, list_tree, human;
	unsigned depth; /* 0: any */
	enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } color;
	bool force, resume, npy;
	struct rows rows;
	bool rows_csv, rows_tsv, rows_jsonl;
	bool close; /* --atol or --rtol was given */
	double atol, rtol;
	unsigned hist; /* bins; 0: none */
	bool fail_nan;

	/* -o */
	bool dataset, as_files, follow, nonempty, no_verify, no_sandbox;
	char split;
	size_t cache;
	unsigned threads; /* one per processor */
	struct archive_records records; /* the schema's bytes are read from `schema` later */
	const char *schema; /* the file's name; NULL if not given */
	const char *log;  /* NULL if not given */
	char *mount;      /* all of them as they were given; "" for none */
	char *fuse;       /* options for libfuse, like "allow_other,fsname=x"; "" for none */
};

/* Returns 0, or 2 (the exit code) after reporting a usage error.  `words`: the first operand may
 * be the name of a command. */
int options_parse(struct options *ret, int argc, char **argv, bool words);
void options_free(struct options *o);

/* Prints the mount options. */
void options_mount_help(void);
