/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/*
 * Confines a process that reads untrusted archives:
 *
 *   files     read-only, and only those below SOURCE (Landlock, where the kernel
 *             has it)
 *   calls     only those needed to read, map, run threads and reply: no new socket,
 *             no program, no other process, no executable memory (seccomp)
 *   rights    none can be gained, and no capability is kept, except root's to read
 *             other users' files, while files remain to be opened; no core dump
 *
 * What the kernel lacks of this is skipped, and reported if `tell`.  It applies to
 * the calling thread and the threads that it starts later, so it must come first.
 * -o sandbox=no skips all of it.
 */

/* To be called before SOURCE is opened, and `other` (which may be NULL). If SOURCE is a
 * single file, parts of it may lie elsewhere, behind links; so may anything with
 * `follow`. In these cases all files remain readable. */
void sandbox_enter(const char *source, const char *other, bool follow, bool tell);

/* To be called once an archive that is a single file is open: restricts opening to files
 * below `folder` and `other`; to none if both are NULL. `looks`: the files' attributes
 * are still checked by path, which may need access to other users' folders. */
void sandbox_narrow(const char *folder, const char *other, bool looks, bool tell);

/* For the keeper, if root: keeps the rights to unmount, to create and remove the
 * mountpoint's directory, and to let the kernel read files by itself. */
void sandbox_keeper(void);
