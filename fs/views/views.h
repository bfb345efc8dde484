/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/shape.h"

/*
 * Views, below .arrayfs/NAME: the same tree, whose nodes are files in another form. Directories
 * keep their names, files get a suffix, which may be empty. A view knows types but no formats.
 *
 * A view is a line in the table; its id is part of inode numbers and must never change.
 */
enum view_id {
	VIEW_NONE,
	VIEW_TOP, /* .arrayfs itself, and its files that have no node */
	VIEW_NPY,
	VIEW_TEXT,
	VIEW_JSON,      /* its directories */
	VIEW_JSON_FILE, /* its files */
	VIEW_F32,
	VIEW_LINES,     /* in VIEW_TEXT's directories: the text of a column that is a directory itself */
	VIEW_PNG,
	VIEW_ORIGINAL, /* SOURCE's own files, whatever they contain */
	VIEW_IDS = 16,
};

/* Where bytes that are shown as they are stored lie in a file, so that others can map them there. */
struct stored {
	const char *file;      /* below SOURCE, or below the folder of a SOURCE that is one file; NULL: nowhere */
	const struct stat *st; /* of the file, when it was opened */
	uint64_t offset;
};

/* What is known of a file or directory of the tree; NULL: there is none. */
struct described {
	const char *path;   /* below SOURCE */
	const char *same;   /* another path to the same directory */
	const char *target; /* of a link */
	const char *error;  /* why it is shown as it is */
	const struct stat *st;
	struct archive *archive; /* that contains it */
	uint32_t index;
	const struct node *node;
	struct stored stored;
};

struct view {
	const char *name, *suffix;
	/* The ids of its directories and its files. Where these differ, a directory also has a
	 * file, next to it. */
	enum view_id directories, files;
	bool (*exists)(const struct array *a); /* NULL: every node has a file, array or not */

	/* Either random access, like archive_size() and archive_read(); any thread may call. */
	int (*size)(struct archive *a, struct node *n, uint64_t *ret, struct error *err);
	int (*read)(struct archive *a, struct node *n, uint64_t offset, uint64_t len, struct answer *ret, struct error *err);
	/* Optional: does it cost less to read the file to its end than to ask for its size first? */
	bool (*finds_end)(struct archive *a, struct node *n);

	/* Or one text, whose size is known only once it is generated. It holds what would
	 * otherwise be extended attributes. */
	void (*write)(const struct described *of, struct text *ret);

	/* The id of the file that stands next to a directory which is a column; VIEW_NONE: there is none. */
	enum view_id columns;

	/* Or its files are SOURCE's own, and not made of nodes: fs/mirror/original.c. */
	bool original;

	/* The array that its files' attributes describe; NULL: the node's own. */
	void (*array)(const struct array *a, struct shaped *ret);
};

/* By id; unused ids have no suffix. */
extern const struct view views[VIEW_IDS];

/* The id of a directory's file in the view: that of all directories, or of a column; VIEW_NONE: it has none. */
static inline enum view_id view_of_directory(const struct view *v, const struct node *n)
{
	if (v->files != v->directories)
		return v->files;
	return v->columns && n && n->array && views[v->columns].exists(n->array) ? v->columns : VIEW_NONE;
}

/* Whether the node, neither directory nor link, has a file in the view. */
static inline bool view_exists(const struct view *v, const struct node *n)
{
	return !v->exists || (n->array && v->exists(n->array));
}
