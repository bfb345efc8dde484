/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/*
 * Creates files below a folder, so that none is visible before it is complete, and no
 * symbolic link there leads out. All return -1 and set errno on failure.
 */

/* Creates the folder and its parents, one by one, so that no symbolic link in `dest`,
 * even one created meanwhile, can lead out; returns it opened (O_PATH). */
int place_folder(int dest, const char *path);

/* Creates a temporary file to write to, in the final folder, and returns it open and
 * locked (flock). Its name is short, however long the final name is. */
enum { PLACE_TEMPORARY = 64 };
int place_create(int dir, char ret[PLACE_TEMPORARY]);

/* Renames the finished file, over an existing one only if `over`. Removes the file on failure. */
int place(int dir, const char *temporary, const char *name, bool over);

/* Creates a symbolic link with the text `target`; or, if `from` is not -1, a hard link to
 * the file `target` in the folder `from`. */
int place_link(const char *target, int from, int dir, const char *name, bool over);

/* Removes temporary files left in the folder by a killed process: those named like one
 * and not locked, unless `keep` says to keep the name. */
void place_clean(int dir, bool (*keep)(void *arg, const char *name), void *arg);
