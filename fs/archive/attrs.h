/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/archive.h"

/*
 * The extended attributes of a node, made from what its tree says: one place for
 * the mount, for --list --json and for whoever describes a node.  Names come
 * without the "user." that all share.
 */

/* Calls for every attribute, in a fixed order, until a call returns other than
 * 0, and returns that; or the error that kept the format from reading its own,
 * after all the others were told. */
int attrs_walk(struct archive *a, uint32_t index, const struct node *n, attrs_each *each, void *arg,
	       struct error *err);

/* The value of an attribute that was told as `later`, the shape of a node: at the price
 * of its size.  -ENODATA if it has none. */
int attrs_shape_later(struct archive *a, const struct node *n, struct text *ret, struct error *err);

/* The shape as JSON, "[2,3]"; its length.  Cut, as snprintf() does, at `room`. */
size_t attrs_shape(const struct array *array, char *buf, size_t room);

const char *attrs_byteorder(const struct array *array); /* NULL if there is none */
