/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mount/daemon/mountpoint.h"
#include "mount/options.h"

/*
 * arrayfs status: the mounts of this mount namespace, and what their daemons report in
 * .arrayfs/status.json.
 */
enum state {
	STATE_SERVING,
	STATE_DEAD,    /* the daemon has ended, and the mount stayed */
	STATE_SILENT,  /* no answer in time */
	STATE_CLOSED,  /* only another user may look into it */
	STATE_COVERED, /* below another mount */
	STATE_UNKNOWN, /* no status: a part of a mount, or a SOURCE with an .arrayfs of its own */
};

struct status {
	char place[PATH_MAX];
	struct mounted mounted;
	enum state state;

	/* if it is serving */
	char *source, *version, *options, *since, *log;
	uint64_t pid, user, failed_reads, resident_most;
	double uptime;
};

/* Asks them all at once, each in a process of its own, as a mount may not answer. */
void status_ask(struct status *all, size_t count);
void status_free(struct status *s);

/* The command; returns the exit code. */
int status_run(const struct options *o);
