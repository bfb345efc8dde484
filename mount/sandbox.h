/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/*
 * What is left to a process that reads archives which nobody vouches for.
 *
 *   files     read-only, and those below SOURCE alone (Landlock, where the kernel
 *             has it)
 *   calls     those that reading, mapping, threads and replies take: no socket, no
 *             program, no other process, no memory that can be run (seccomp)
 *   rights    none to gain, and no capability but, for root over files that were
 *             not opened yet, that of reading what is not his own; no core dump
 *
 * What the kernel lacks of this is left out, and told if `tell`.  Everything holds
 * for the calling thread and those that it starts later, so it comes first.
 * -o sandbox=no does without.
 */

/* Before SOURCE is opened, and an `other`, unless that is NULL.  An archive that is
 * a file may have parts elsewhere, behind links, and so may everything with
 * `follow`: then all files can be read. */
void sandbox_enter(const char *source, const char *other, bool follow, bool tell);

/* Once an archive that is a file is open: from here on only what lies below
 * `folder` and `other`; nothing if both are NULL.  `looks`: files are still looked at
 * by their paths, which may lead through folders of others. */
void sandbox_narrow(const char *folder, const char *other, bool looks, bool tell);

/* For the process beside the daemon that unmounts, and is root: that right, and
 * those of making and removing the directory mounted over. */
void sandbox_keeper(void);
