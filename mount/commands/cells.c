/* SPDX-License-Identifier: MIT */
#include "mount/commands/cells.h"

#include <stdio.h>
#include <string.h>

enum {
	GAPS = 6,        /* between four columns */
	NAME_LEAST = 20, /* names have that many columns before a dtype or shape has more than CELL_LEAST */
	CELL = 24,       /* a dtype or shape has at most that many, unless names leave it more */
	CELL_LEAST = 4,
};

void cells_widen(size_t *width, size_t text, size_t widest)
{
	if (text > *width && text <= widest)
		*width = text;
}

static size_t less(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

/* At most `room`, but CELL_LEAST if that is wanted. */
static void narrow(size_t *width, size_t room)
{
	room = room > CELL_LEAST ? room : CELL_LEAST;
	*width = *width < room ? *width : room;
}

size_t cells_fit(struct cells *c, size_t columns, size_t longest)
{
	size_t names = longest > NAME_LEAST ? NAME_LEAST : longest, cells = less(columns, c->size + GAPS + names);
	size_t spare = less(columns, c->size + GAPS + longest);
	c->cut = true;
	narrow(&c->dtype, less(cells, CELL_LEAST) < CELL ? less(cells, CELL_LEAST) : CELL);
	cells = less(cells, c->dtype);
	spare = less(spare, c->dtype);
	narrow(&c->shape, cells < CELL ? cells : spare > CELL ? spare : CELL);
	size_t left = less(columns, c->dtype + c->shape + c->size + GAPS);
	return left ? left : 1;
}

void cells_put(const struct cells *c, const struct terminal *t, const char *dtype, const char *shape, const char *size)
{
	terminal_put_cell(t, dtype, c->dtype, c->cut);
	fputs_unlocked("  ", stdout);
	terminal_put_cell(t, shape, c->shape, c->cut);
	printf("  %*s", (int)c->size, size);
}
