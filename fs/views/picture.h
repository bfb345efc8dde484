/* SPDX-License-Identifier: MIT */
#pragma once
#include "fs/archive/shape.h"
#include "fs/values/widen.h"

/*
 * Shared by the files of the picture of an array: picture_layout.c decides which elements a cell
 * is made of, picture_values.c converts elements to numbers, picture_cells.c averages them,
 * picture_colors.c maps cells to colours, picture_file.c writes the file; png.c makes each
 * picture once.  None of them keeps state.
 */

enum {
	PICTURE_SIDE = 1024,      /* pixels, at most */
	PICTURE_BYTES = 256 << 20 /* read of an array, at most; but at least one element per cell */
};

/* --- picture_layout.c ----------------------------------------------------------------------------- */

/*
 * Extents of 1 are left out.  Of the rest, the last two are the rows and columns of a tile; a last
 * extent of up to 4, such as the channels of an image, is joined with the one before, and a mean is
 * over all channels.  The product of the others is the number of tiles, which are placed in rows, a
 * pixel apart, so that the whole is about square.  If there are so many that a tile would have
 * fewer than 32 pixels a side, and fewer than it has elements, or if there are more than 16 and
 * more than may be read, an even selection is shown.
 *
 * All of this is of the array as it is stored.  One in Fortran order is drawn as if its
 * dimensions were reversed, and then turned: rows become columns, in tiles and of tiles.
 */
struct picture_layout {
	bool turned;
	uint64_t rows, columns;          /* of a tile */
	uint64_t tiles;
	uint32_t shown, across, down;    /* tiles: of all; in a row; and rows of them */
	uint64_t each_rows, each_columns; /* that a cell is made of; the last ones have less */
	uint32_t cell_rows, cell_columns; /* of a tile */
	uint32_t grown_rows, grown_columns; /* pixels of a cell */
	uint32_t gap;                    /* pixels between tiles */

	/* Which elements are read, if not all: the same ones in every cell.  Either whole rows: `pieces`
	 * of `piece_rows`, evenly spread over those of a cell; or, if `few` is not 0, that many elements
	 * in the middle of each cell. */
	bool sampled;
	uint64_t piece_rows, pieces, few;
	uint32_t band; /* rows of cells that are worth being made together */
};

/* False if there is nothing to draw: fewer than two dimensions, no elements, or more than can be. */
bool picture_layout(struct picture_layout *ret, const uint64_t *shape, uint32_t rank, bool fortran, unsigned bits,
		    bool compressed);

/* The tile that is shown at that place. */
uint64_t picture_tile(const struct picture_layout *l, uint32_t place);

/* Of the whole picture, as it is stored: pixels, before it is turned. */
uint32_t picture_wide(const struct picture_layout *l);
uint32_t picture_high(const struct picture_layout *l);

/* --- picture_values.c ----------------------------------------------------------------------------- */

/* Converts an array's elements to numbers.  Must not be moved or copied. */
struct picture_values {
	struct array array;
	struct quant plain;     /* of integers that stand for themselves */
	struct widen widen;
	bool widened;
	uint32_t elements, bytes; /* of a group, the least that can be converted alone */
	uint64_t all;           /* bytes of the array */
	struct node *validity;  /* which elements are null; NULL: none is */
	uint64_t slot;          /* elements of a slot of it */
};

/* Are its elements numbers? */
bool picture_is_numeric(const struct array *a);

/* Bits of an element as stored, on average. */
unsigned picture_bits(const struct array *a);

enum { PICTURE_STEP = 1024 };

/* Memory for PICTURE_STEP elements. */
struct picture_room {
	uint8_t stored[PICTURE_STEP * 16];
	float floats[PICTURE_STEP];
	double numbers[PICTURE_STEP * 2]; /* of complex ones both, on the way */
	uint8_t valid[PICTURE_STEP];
};

int picture_values(struct picture_values *ret, struct archive *a, struct node *n, uint64_t count, struct error *err);

/* Passes the numbers of `count` elements from element `first` on, in order, some at a time. */
typedef void picture_take(void *arg, const double *numbers, size_t n);
int picture_read(const struct picture_values *v, struct archive *a, struct node *n, uint64_t first, uint64_t count,
		 struct picture_room *room, picture_take *take, void *arg, struct error *err);

/* --- picture_cells.c ------------------------------------------------------------------------------ */

/*
 * The means of rows of cells, of all tiles one after another: tile 0's first row is row 0, tile 1's
 * is row `cell_rows`.  NaN where an element is NaN or null, or both infinities are.
 */
int picture_cells(const struct picture_layout *l, const struct picture_values *v, struct archive *a, struct node *n, uint64_t row,
		  uint64_t rows, struct picture_room *room, double *to, struct error *err);

/* --- picture_colors.c ----------------------------------------------------------------------------- */

/* Colour 0 is the gap between tiles, 1 is NaN, then come the levels. */
enum { COLOR_NONE, COLOR_NAN, COLOR_FIRST, COLOR_LEVELS = 253, COLORS = COLOR_FIRST + COLOR_LEVELS };

struct picture_range {
	double low, high;
	bool diverging; /* low is -high */
};

struct picture_range picture_range(const double *cells, size_t n);
uint8_t picture_color(const struct picture_range *r, double cell);
void picture_palette(bool diverging, uint8_t rgb[COLORS][3]);

/* --- picture_file.c ------------------------------------------------------------------------------- */

/* The size in bytes of a PNG of these dimensions. */
uint64_t picture_file_size(uint32_t width, uint32_t height);

struct picture_file {
	uint32_t width, height;
	const char *comment; /* of up to PICTURE_COMMENT bytes */
	uint8_t (*palette)[3];
	void (*line)(const struct picture_file *f, uint32_t y, uint8_t *to); /* writes a line of pixels */
	const void *arg;
};
enum { PICTURE_COMMENT = 160 };
int picture_file(const struct picture_file *f, uint8_t *to, struct error *err);
