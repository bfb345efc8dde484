/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/options.h"

/*
 * The commands, by the word that is the first operand.
 */
struct command {
	const char *word, *alias;
	const char *about;    /* in a few words, for the list of commands */
	const char *synopsis; /* what follows the word: options, then operands */
	const char *help;     /* the options that only it knows, and what else is to be known */
	const char *operands[2]; /* that are needed; NULL: no more */
	int most;             /* of them; -1: any number */
	bool two;             /* the second operand is the options' `destination` */
	bool writes;          /* files, which the sandbox does not allow */
	unsigned takes;       /* TAKES() of these options */
	int (*run)(const struct options *o); /* returns the exit code */
};

/* What there is without a word: SOURCE MOUNTPOINT. */
extern const struct command command_mount;

/* Ends with a command without a word. */
extern const struct command commands[];

/* NULL: the word is no command's. */
const struct command *command_find(const char *word);

/* Prints what --help prints; of all, or of one. */
void command_help(const struct command *c);
