/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/options.h"

/* Mounts, and serves until the mount is unmounted or a signal ends it; returns the exit
 * code. Without -f, returns as soon as the mount answers, while a child process goes on
 * serving. */
int daemon_run(const struct options *o);

/* Unmounts o->source, and waits for the daemon to end; returns the exit code. */
int unmount_run(const struct options *o);
