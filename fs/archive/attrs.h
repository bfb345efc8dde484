/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * The extended attributes of a node, derived from the tree, for the mount, for
 * --list --json and for anything else that describes a node.  Names lack their
 * common prefix "user.".
 */

/* Calls each() for every attribute, in a fixed order, until a call returns nonzero, and
 * returns that; or, after all other attributes, the error that kept the format from
 * reading its own. */
int attrs_walk(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg,
	       struct error *err);

/* The same of a view of the node, whose elements are of another type. */
int attrs_walk_as(struct archive *a, uint32_t index, const struct node *n, const struct array *shown, attrs_each *each,
		  void *arg, struct error *err);

/* The value of an attribute reported as `later`, that is, the shape of a node; costs as much
 * as finding its size.  -ENODATA if it has none. */
int attrs_shape_later(struct archive *a, const struct node *n, struct text *ret, struct error *err);

/* The shape as JSON, "[2,3]"; its length.  Cut, as snprintf() does, at `room`. */
size_t attrs_shape(const struct array *array, char *buf, size_t room);

const char *attrs_byteorder(const struct array *array); /* NULL if there is none */
