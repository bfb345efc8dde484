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

/* A fresh file to write to before, in the same folder, open and locked (flock): its
 * name is short, whatever the file's own. */
enum { PLACE_TEMPORARY = 64 };
int place_create(int dir, char ret[PLACE_TEMPORARY]);

/* Gives the finished file its name; over another only if `over`.  Where that fails
 * the file is removed. */
int place(int dir, const char *temporary, const char *name, bool over);

/* A symbolic link to a text; or, if `from` is not -1, another name of a file in it. */
int place_link(const char *target, int from, int dir, const char *name, bool over);

/* Removes what was being written in that folder when its writer was killed: what is
 * called so, and nobody locks, unless `keep` wants it. */
void place_clean(int dir, bool (*keep)(void *arg, const char *name), void *arg);
