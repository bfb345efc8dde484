/* SPDX-License-Identifier: MIT */
#pragma once
#include <limits.h>
#include <stdbool.h>

#include "fs/base/error.h"

/* A folder, and what may be reached from it. */
struct folder {
	int dir;          /* an open directory, kept open by the caller */
	const char *path; /* below dir, "" for dir itself; kept by the caller */
	bool confined;    /* links must not lead out of dir */
};

/* How a name in a folder is followed to a file. */
enum reach {
	REACH_EXACT,   /* no symbolic link anywhere */
	REACH_ANY,     /* links are followed as far as `confined` allows */
	REACH_BENEATH, /* links are followed as long as they stay in the folder */
	REACH_HUB,     /* the last component may be a link to anywhere that
			* `confined` allows, no earlier one: so hubs store shards */
};

/* Opens the folder itself (O_PATH), with no link on the way if it is confined;
 * -errno. */
int folder_fd(const struct folder *folder, struct error *err);

/* Opens a regular file for reading, without mapping it: the descriptor. */
int folder_open(const struct folder *folder, const char *path, enum reach reach, struct error *err);

/* The folder's own path and a path in it, as one path below folder->dir;
 * -ENAMETOOLONG. */
int folder_join(const struct folder *folder, const char *path, char ret[PATH_MAX], struct error *err);
