/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>
#include <stdbool.h>

#include "fs/base/error.h"

/* A folder, and whether paths from it may lead out of `dir`. */
struct folder {
	int dir;          /* an open directory, kept open by the caller */
	const char *path; /* below dir, "" for dir itself; kept by the caller */
	bool confined;    /* links must not lead out of dir */
};

/* Which symbolic links a path may follow. */
enum reach {
	REACH_EXACT,   /* none */
	REACH_ANY,     /* all that `confined` allows */
	REACH_BENEATH, /* those that stay within the folder */
	REACH_HUB,     /* only the last component may be a link, to anywhere that
			* `confined` allows: the way model hubs store shards */
};

/* Opens the folder itself (O_PATH), following no link if it is confined; -errno. */
int folder_fd(const struct folder *folder, struct error *err);

/* Opens a regular file for reading and returns the descriptor; does not map it. */
int folder_open(const struct folder *folder, const char *path, enum reach reach, struct error *err);

/* Joins the folder's own path and a path in it to one path below folder->dir;
 * -ENAMETOOLONG. */
int folder_join(const struct folder *folder, const char *path, char ret[PATH_MAX], struct error *err);
