/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/options.h"

/* Mounts and serves until it is unmounted or told to end; the exit code.  Without
 * -f the caller returns as soon as the mount answers, and a child goes on. */
int daemon_run(const struct options *o);

/* Unmounts, and returns when the daemon has ended; the exit code. */
int unmount_run(const char *mountpoint);
