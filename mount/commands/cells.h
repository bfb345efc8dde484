/* SPDX-License-Identifier: MIT */
#pragma once
#include "mount/terminal.h"

/*
 * The columns of a listing beside its names: dtype, shape and size, two spaces apart.
 */
struct cells {
	size_t dtype, shape, size; /* widths */
	bool cut; /* on a terminal: what is wider than its column is cut; else it pushes the rest aside */
};

/* Makes room for a text, unless it is wider than `widest`. */
void cells_widen(size_t *width, size_t text, size_t widest);

/* Narrows dtype and shape so that no line is wider than `columns`, and returns what is left for
 * names, of which the longest takes `longest`. */
size_t cells_fit(struct cells *c, size_t columns, size_t longest);

/* Writes the three. */
void cells_put(const struct cells *c, const struct terminal *t, const char *dtype, const char *shape, const char *size);
