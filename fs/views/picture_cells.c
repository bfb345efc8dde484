/* SPDX-License-Identifier: MIT */
#include "fs/views/picture.h"

/* Sums of cells, to which numbers are added in the order of the elements. */
struct sums {
	const struct picture_layout *layout;
	double *to;      /* a row of cells */
	uint64_t rows;   /* that it still takes; UINT64_MAX: all that come */
	uint64_t column; /* of the next number */
	uint32_t cell;   /* that it belongs to, */
	uint64_t left;   /* and numbers that this takes until its last column */
};

static void begin_row(struct sums *s)
{
	s->column = s->cell = 0;
	s->left = s->layout->each_columns;
}

static void end_row(struct sums *s)
{
	if (--s->rows == 0) {
		s->to += s->layout->cell_columns;
		s->rows = s->layout->each_rows;
	}
	begin_row(s);
}

/* Eight sums, so that the processor need not wait for one after another; the same each time. */
static double sum(const double *v, size_t n)
{
	double lanes[8] = {0}, rest = 0;
	size_t i = 0;
	for (; i + 8 <= n; i += 8)
		for (unsigned k = 0; k < 8; k++)
			lanes[k] += v[i + k];
	for (; i < n; i++)
		rest += v[i];
	return rest + ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* To the end of the row at most; how many. */
static size_t add_some(struct sums *s, const double *v, size_t n)
{
	const struct picture_layout *l = s->layout;
	size_t done = 0;
	n = l->columns - s->column < n ? (size_t)(l->columns - s->column) : n;
	if (l->each_columns == 1)
		for (; done < n; done++)
			s->to[s->cell++] += v[done];
	while (done < n) {
		size_t some = s->left < n - done ? (size_t)s->left : n - done;
		s->to[s->cell] += sum(v + done, some);
		done += some;
		s->left -= some;
		if (s->left == 0) {
			s->cell++;
			s->left = l->each_columns;
		}
	}
	s->column += n;
	if (s->column == l->columns)
		end_row(s);
	return n;
}

/* Of whole rows, one after another. */
static void add(void *arg, const double *v, size_t n)
{
	for (size_t some; n > 0; v += some, n -= some)
		some = add_some(arg, v, n);
}

/* Of one cell. */
static void add_to_cell(void *arg, const double *v, size_t n)
{
	*(double *)arg += sum(v, n);
}

struct work {
	const struct picture_layout *layout;
	const struct picture_values *values;
	struct archive *archive;
	struct node *node;
	struct picture_room *room;
};

static uint64_t within(uint64_t each, uint64_t index, uint64_t extent)
{
	uint64_t left = extent - each * index;
	return left < each ? left : each;
}

/* Rows of a tile, `base` being its first element: to one row of cells, or as many to each as it takes. */
static int add_rows(const struct work *w, uint64_t base, uint64_t row, uint64_t rows, bool to_one, double *to, struct error *err)
{
	const struct picture_layout *l = w->layout;
	struct sums s = {.layout = l, .to = to, .rows = to_one ? UINT64_MAX : l->each_rows};
	begin_row(&s);
	return picture_read(w->values, w->archive, w->node, base + row * l->columns, rows * l->columns, w->room, add, &s, err);
}

static void divide(const struct picture_layout *l, uint64_t rows, double *to)
{
	for (uint32_t i = 0; i < l->cell_columns; i++)
		to[i] /= (double)within(l->each_columns, i, l->columns) * (double)rows;
}

/* The mean of some elements in the middle of a cell. */
static int average_spot(const struct work *w, uint64_t row, uint32_t column, double *to, struct error *err)
{
	const struct picture_layout *l = w->layout;
	uint32_t place = (uint32_t)(row / l->cell_rows), cell_row = (uint32_t)(row % l->cell_rows);
	uint64_t high = within(l->each_rows, cell_row, l->rows), wide = within(l->each_columns, column, l->columns);
	uint64_t few = wide < l->few ? wide : l->few;
	uint64_t at = (picture_tile(l, place) * l->rows + cell_row * l->each_rows + high / 2) * l->columns;
	int r = picture_read(w->values, w->archive, w->node, at + column * l->each_columns + (wide - few) / 2, few, w->room, add_to_cell, to, err);
	*to /= (double)few;
	return r;
}

/* Column by column, since what is decoded for one cell is more likely to have some of the next row than of
 * one far to the right, and of what was decoded for the left-most nothing may be left by then. */
static int average_spots(const struct work *w, uint64_t row, uint64_t rows, double *to, struct error *err)
{
	const struct picture_layout *l = w->layout;
	int r = 0;
	for (uint32_t i = 0; i < l->cell_columns; i++)
		for (uint64_t k = 0; r == 0 && k < rows; k++)
			r = average_spot(w, row + k, i, to + k * l->cell_columns + i, err);
	return r;
}

/* Of pieces of rows, evenly spread. */
static int average_pieces(const struct work *w, uint64_t base, uint64_t row, uint64_t rows, double *to, struct error *err)
{
	const struct picture_layout *l = w->layout;
	uint64_t taken = l->pieces * l->piece_rows, spare = rows - l->piece_rows;
	int r = 0;
	for (uint64_t i = 0; r == 0 && i < l->pieces; i++) {
		uint64_t at = l->pieces == 1 ? spare / 2 : (uint64_t)((unsigned __int128)i * spare / (l->pieces - 1));
		r = add_rows(w, base, row + at, l->piece_rows, true, to, err);
	}
	divide(l, taken, to);
	return r;
}

/* Rows of cells of one tile, of which all elements are read, as many at a time as there are. */
static int average_all(const struct work *w, uint64_t base, uint32_t cell_row, uint32_t cell_rows, double *to, struct error *err)
{
	const struct picture_layout *l = w->layout;
	uint64_t row = cell_row * l->each_rows, end = (uint64_t)(cell_row + cell_rows) * l->each_rows;
	int r = add_rows(w, base, row, (end < l->rows ? end : l->rows) - row, false, to, err);
	for (uint32_t i = 0; r == 0 && i < cell_rows; i++)
		divide(l, within(l->each_rows, cell_row + i, l->rows), to + (size_t)i * l->cell_columns);
	return r;
}

static int average_some(const struct work *w, uint64_t base, uint32_t cell_row, double *to, struct error *err)
{
	const struct picture_layout *l = w->layout;
	uint64_t row = cell_row * l->each_rows, rows = within(l->each_rows, cell_row, l->rows);
	if (rows <= l->pieces * l->piece_rows) /* the last ones */
		return average_all(w, base, cell_row, 1, to, err);
	return average_pieces(w, base, row, rows, to, err);
}

int picture_cells(const struct picture_layout *l, const struct picture_values *v, struct archive *a, struct node *n, uint64_t row,
		  uint64_t rows, struct picture_room *room, double *to, struct error *err)
{
	struct work w = {l, v, a, n, room};
	int r = 0;
	memset(to, 0, (size_t)(rows * l->cell_columns) * sizeof *to);
	if (l->few)
		return average_spots(&w, row, rows, to, err);
	for (uint64_t end = row + rows, some; r == 0 && row < end; row += some, to += some * l->cell_columns) {
		uint32_t place = (uint32_t)(row / l->cell_rows), first = (uint32_t)(row % l->cell_rows);
		uint64_t base = picture_tile(l, place) * l->rows * l->columns, left = l->cell_rows - first;
		some = l->sampled ? 1 : left < end - row ? left : end - row;
		r = l->sampled ? average_some(&w, base, first, to, err) : average_all(&w, base, first, (uint32_t)some, to, err);
	}
	return r;
}
