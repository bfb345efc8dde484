/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/*
 * Files below a folder, made so that none is seen before it is whole, and that no
 * link there leads out.  All fail with -1 and errno.
 */

/* Makes the folder and those above it, one by one, so that no link that is in
 * `dest`, or was made in it, can lead out; gives it opened (O_PATH). */
int place_folder(int dest, const char *path);

/* A name to write to before, in the same folder: short, whatever the file's own;
 * nobody else's, where it is made with O_EXCL. */
enum { PLACE_TEMPORARY = 64 };
void place_temporary(char ret[PLACE_TEMPORARY]);

/* Gives the finished file its name; over another only if `over`.  Where that fails
 * the file is removed. */
int place(int dir, const char *temporary, const char *name, bool over);
