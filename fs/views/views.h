/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * The views, below .arrayfs/NAME: the same tree in which nodes are files of another form.
 * Directories keep their names, files get a suffix.  A view knows types, no formats.
 *
 * A view is a line in the table; its id is part of inode numbers, and stays what it is.
 */
enum view_id {
	VIEW_NONE,
	VIEW_TOP, /* .arrayfs itself, and what stands in it but has no node */
	VIEW_NPY,
	VIEW_TEXT,
	VIEW_JSON,      /* its directories */
	VIEW_JSON_FILE, /* its files */
	VIEW_IDS = 8,
};

/* What is told of a file or directory of the tree; NULL: there is none. */
struct described {
	const char *path;   /* below SOURCE */
	const char *same;   /* another path to the same directory */
	const char *target; /* of a link */
	const char *error;  /* why it is shown as it is */
	const struct stat *st;
	struct archive *archive; /* that it is in */
	uint32_t index;
	const struct node *node;
};

struct view {
	const char *name, *suffix;
	/* The ids of its directories and its files.  Where these differ, a directory has a file, too,
	 * which stands beside it. */
	enum view_id directories, files;
	bool (*exists)(const struct array *a); /* NULL: of every node, described or not */

	/* Either bytes at any place; as archive_size() and archive_read().  Any thread. */
	int (*size)(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
	int (*read)(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
	/* Or one text, made from its start; only this tells its size.  It holds what else would
	 * be extended attributes. */
	void (*write)(const struct described *of, struct text *ret);
};

/* By id; an id that no view has is without a suffix. */
extern const struct view views[VIEW_IDS];

/* Has the node, which is no directory or link, a file in the view? */
static inline bool view_exists(const struct view *v, const struct node *n)
{
	return !v->exists || (n->array && v->exists(n->array));
}
