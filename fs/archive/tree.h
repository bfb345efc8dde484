/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>

#include "fs/base/arena.h"
#include "fs/base/text.h"
#include "fs/values/array.h"

struct archive;

/*
 * What the mount shows of one archive.
 *
 * Nodes are in one table and refer to each other by index; the index is also the inode number
 * within the archive, so TREE_ROOT is 1 and 0 is no node.  A format adds nodes while it opens,
 * and fills the directories it left open on first access; each such round is a filling.  Its
 * nodes are published at its end and never change again, so that any thread may read them
 * without a lock.
 *
 * Names are made safe here (fs/base/name.h) and made unique: of two equal names the later gets
 * "~2", "~3" …; directories that names imply merge with each other, and with no other node, so
 * that the several files of one array are never mixed with what is below a name.
 */
enum { TREE_ROOT = 1 };

enum node_kind {
	NODE_DIR,
	NODE_LINK,  /* a symbolic link */
	NODE_RANGE, /* `size` bytes of a source from `offset`; no format code runs to read it */
	NODE_BYTES, /* `size` bytes in the arena */
	NODE_LAZY,  /* the format's read() makes them */
	NODE_HARD,  /* another name of the node `twin` */
	NODE_FAULT, /* cannot be read; its attribute arrayfs.error says why */
};

#define SIZE_UNKNOWN UINT64_MAX /* the format's size() finds it, once */

/* An extended attribute: its name without the "user." that all of them share. */
struct attr {
	const struct attr *next;
	struct slice name, value;
	bool json;  /* the value is JSON; else it is a string as it stands */
	bool later; /* the value is not here: attrs_shape_later() makes it */

	/* If not NULL, the value is not here, since it is too long for an extended attribute, or
	 * must not be one: put() appends it, as JSON.  `from` is the format's. */
	int (*put)(struct archive *a, const struct attr *attr, struct text *ret, struct error *err);
	const void *from;
};

/* What the names of the archive's own attributes begin with. */
#define ATTR_OWN "attr."

struct node {
	const char *name; /* as shown */
	const struct array *array;
	const struct attr *attrs; /* in the order they were given */
	union {
		uint64_t offset;    /* RANGE */
		const void *bytes;  /* BYTES */
		const void *lazy;   /* LAZY, and DIR that is filled on first look: the format's */
		const char *target; /* LINK */
		uint32_t twin;      /* HARD */
	};
	union {
		_Atomic uint64_t size;                  /* exact; all but DIR */
		const struct names *_Atomic names;      /* DIR: NULL until it is filled */
	};
	uint32_t parent, next;
	union {
		uint32_t child;  /* DIR: the first, in archive order */
		uint32_t source; /* RANGE: 0 the archive's own, else archive_source() */
	};
	union {
		uint32_t last;  /* DIR */
		uint32_t links; /* the others: st_nlink, where it is not 1 */
	};
	uint32_t twins; /* how many equal names got a suffix because of this one */
	uint8_t kind;   /* enum node_kind */
	bool open;          /* DIR: to be filled on first look; changes after others may look at the next */
	bool suffixed : 1;  /* its name got a suffix */
	bool hidden : 1;    /* found by lookup, never listed */
	bool companion : 1;    /* made by tree_companion() */
	bool sound : 1;        /* FAULT, or DIR that cannot be filled: the archive is not broken there */
	bool own : 1;          /* DIR: made by tree_branch(): no name that implies it leads here */
	bool aside : 1;        /* not data, but about the archive, whose attributes may state it, too */
	bool nullable : 1;     /* the archive allows nulls, though there are none, and so no NAME.validity */
};

/* The names of one filling: an open-addressed table of node indices by parent
 * and name.  The hash next to the index avoids reading most nodes. */
struct names {
	uint32_t mask, used;
	struct names_slot {
		uint32_t hash, id; /* id 0: free */
	} *slots;
};

enum { TREE_FIRST_CHUNK = 64, TREE_CHUNKS = 22, TREE_ARRAYS = 64 };

struct tree {
	struct arena *arena;
	struct node *chunks[TREE_CHUNKS]; /* chunk k holds 64 << k nodes, so none ever moves; fewer than 1 << 28 */
	_Atomic uint32_t count;           /* published */
	uint32_t made;                    /* and those of the filling under way */
	uint32_t filling;                 /* the directory being filled */
	struct names *names;              /* of this filling */
	const struct attr **attr_tail;    /* where the next attribute of attr_node goes */
	uint32_t attr_node;
	const struct array *arrays[TREE_ARRAYS]; /* made recently, to be shared */
	bool gave_way;                    /* a name was taken, and got a suffix */
	int failed;                       /* first -errno met while building, as a cursor's */
};

int tree_init(struct tree *t, struct arena *a);
void tree_free(struct tree *t);

/* A filling. tree_fill() opens it for a directory, below which every tree_*() that adds may
 * then be used; tree_publish() ends it, and fails if anything failed meanwhile: then nothing is
 * published, and the directory stays open. */
int tree_fill(struct tree *t, uint32_t dir, struct error *err);
int tree_publish(struct tree *t, struct error *err);

/*
 * Each adds a node and returns its index; 0 once the tree has failed, and adding
 * below 0 is harmless, so a format checks once, at the end.  `name` is one
 * component, raw: it has no '/' that separates.
 */
uint32_t tree_dir(struct tree *t, uint32_t parent, struct slice name); /* or finds the one that is implied */
uint32_t tree_branch(struct tree *t, uint32_t parent, struct slice name); /* one of its own, which merges with no other */
uint32_t tree_open_dir(struct tree *t, uint32_t parent, struct slice name, const void *lazy);
uint32_t tree_link(struct tree *t, uint32_t parent, struct slice name, const char *target);
uint32_t tree_range(struct tree *t, uint32_t parent, struct slice name, uint32_t source, uint64_t offset, uint64_t size);
uint32_t tree_bytes(struct tree *t, uint32_t parent, struct slice name, const void *bytes, size_t size);
uint32_t tree_lazy(struct tree *t, uint32_t parent, struct slice name, const void *lazy, uint64_t size);
uint32_t tree_hard(struct tree *t, uint32_t parent, struct slice name, uint32_t twin);

/* Adds a node like one of another tree, which must live as long: with its name, kind, contents,
 * description and attributes.  A directory is added without what is in it; so is one that is
 * still to be filled.  Hard links and ranges keep indices and sources of the other tree: the
 * caller must correct these. */
uint32_t tree_copy(struct tree *t, uint32_t parent, const char *name, const struct node *like);

/* Hint: about `count` nodes will be added; avoids growing the table step by step. */
bool tree_expect(struct tree *t, uint32_t count);

/* For many ranges in one directory: tree_expect_name() prefetches into the CPU cache the hash
 * slot of a name that will be added soon, and returns the hash, for tree_range_named().  The
 * name is not copied: it must be in the arena and end in a NUL. */
uint32_t tree_expect_name(const struct tree *t, uint32_t parent, struct slice name);
uint32_t tree_range_named(struct tree *t, uint32_t parent, struct slice name, uint32_t hash, uint32_t source,
			  uint64_t offset, uint64_t size);

/* Adds a companion file: a lazy file next to another node, named as that is shown plus
 * `suffix`, which is short enough always to fit. */
uint32_t tree_companion(struct tree *t, uint32_t id, const char *suffix, const void *lazy, uint64_t size);

/* Adds what is listed but cannot be read, for the reason that the sentence gives.  Its size is
 * the array's, if that is given and has one. */
uint32_t tree_fault(struct tree *t, uint32_t parent, struct slice name, const char *sentence, const struct array *array);

/* Marks such a node as valid in the archive, only not supported here.  Returns id. */
uint32_t tree_sound(struct tree *t, uint32_t id);

/* Makes the directories that a name like "a/b/c" implies below `parent`, and returns the last
 * component and its directory.  '/' separates, and so does `split` unless it is 0; empty
 * components are dropped.  After the leaf is added, tree_path_end() notes the archive's whole
 * name if the shown path differs. */
struct tree_path {
	struct slice whole, leaf;
	uint32_t parent;
	bool differs;
};
struct tree_path tree_path(struct tree *t, uint32_t parent, struct slice name, char split);
void tree_path_end(struct tree *t, const struct tree_path *path, uint32_t leaf);

/* Leaves the root to be filled on first access. */
void tree_open_root(struct tree *t, const void *lazy);

/* Describes a node of the current filling (or the root, while opening).  Keeps the pointer: the array
 * must live in the archive's arena, which tree_array() sees to. */
void tree_describe(struct tree *t, uint32_t id, const struct array *array);

/* A copy of the array, its shape, type and codec, or an equal one made recently, so that nodes of equal
 * description share one.  NULL if the tree has failed. */
const struct array *tree_array(struct tree *t, const struct array *array);
uint64_t tree_array_size(const struct array *array); /* in bytes; or SIZE_UNKNOWN */

/* Copies both.  Names and values may have any length: a mount leaves out what does not fit, the JSON view
 * has it.  _own: metadata of the archive's own, whose name becomes ATTR_OWN NAME; _json: the value is JSON. */
void tree_attr(struct tree *t, uint32_t id, struct slice name, struct slice value);
void tree_attr_own(struct tree *t, uint32_t id, struct slice name, struct slice value);
void tree_attr_json(struct tree *t, uint32_t id, struct slice name, struct slice value);

/* Records why the node cannot be read, or not in full.  NULL: it can be. */
void tree_error(struct tree *t, uint32_t id, const char *sentence);
struct node *tree_edit(struct tree *t, uint32_t id); /* NULL for 0 */

/* Marks a node as aside. */
void tree_aside(struct tree *t, uint32_t id);

/* Lookup among published nodes, from any thread.  tree_resolve() takes the index of a hard
 * link to that of the node itself. */
struct node *tree_node(const struct tree *t, uint64_t index); /* NULL if none */
uint32_t tree_index(const struct tree *t, const struct node *n); /* of a published node */
uint32_t tree_find(const struct tree *t, const struct node *dir, uint32_t dir_index, struct slice name);
uint32_t tree_resolve(const struct tree *t, uint32_t index);

const struct attr *node_error(const struct node *n); /* what tree_error() said; NULL for nothing */

static inline bool node_filled(const struct node *dir)
{
	return atomic_load_explicit(&dir->names, memory_order_acquire) != NULL;
}
