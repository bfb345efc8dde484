/* SPDX-License-Identifier: MIT */
#include "fs/views/picture.h"

enum {
	CHANNELS = 4,    /* the most that are joined with what comes before */
	TILE_SIDE = 32,  /* pixels, unless it has fewer */
	TILES = 16,      /* that are shown even if they are more than can be read */
	SMALL = 256,     /* what is smaller is enlarged up to this, */
	THIN = 64,       /* and a side to this, even if the other one is not */
	PIECE = 128 << 10, /* bytes worth reading at a time; */
	SPOT = 16 << 10, /* and of a single cell; */
	BAND = 4 << 20,  /* and what is worth being made by one processor */
	COARSE = 128,    /* cells of a side, where not even a row of each can be read */

	/* Of what is compressed and that many times too large, each read costs a whole block, of unknown
	 * size and shape: then there are fewer cells, and of long rows fewer still. */
	FAR = 8, FEW_ROWS = 256, FEW = 64, LONG_ROW = 64 << 10,
	SPOT_ROWS = 8 /* rows of spots that are read together, for they may share blocks */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t ceiling(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* --- what is drawn ------------------------------------------------------------------------------- */

/* Extents as they are stored, without as many of 1 as can be spared; how many are left. */
static uint32_t squeeze(const uint64_t *shape, uint32_t rank, bool fortran, uint64_t ret[SHAPE_MAX])
{
	uint32_t n = 0, left = rank;
	for (uint32_t i = 0; i < rank; i++) {
		uint64_t extent = shape[fortran ? rank - 1 - i : i];
		if (extent == 1 && left > 2)
			left--;
		else
			ret[n++] = extent;
	}
	return n;
}

/* All products are checked by then.  Returns how many columns belong together. */
static uint64_t find_tile(struct picture_layout *l, const uint64_t *dims, uint32_t n)
{
	uint64_t channels = 1;
	if (n > 2 && dims[n - 1] <= CHANNELS)
		channels = dims[--n];
	l->columns = dims[--n] * channels;
	l->rows = dims[--n];
	l->tiles = 1;
	while (n > 0)
		l->tiles *= dims[--n];
	return channels;
}

/* --- where --------------------------------------------------------------------------------------- */

/* Tiles of which each has that many pixels or more fit a side. */
static uint64_t fit(uint64_t extent, uint32_t gap)
{
	return (PICTURE_SIDE + gap) / (least(extent, TILE_SIDE) + gap);
}

/* As much wider than high, or higher than wide, is a picture with that many tiles in a row. */
static double askew(const struct picture_layout *l, uint64_t across, uint64_t channels)
{
	double wide = (double)across * (double)least(l->columns / channels, PICTURE_SIDE);
	double high = (double)ceiling(l->shown, across) * (double)least(l->rows, PICTURE_SIDE);
	return wide > high ? wide / high : high / wide;
}

static void place_tiles(struct picture_layout *l, uint64_t budget, uint64_t channels)
{
	l->gap = l->tiles > 1;
	uint64_t across = fit(l->columns, l->gap), down = fit(l->rows, l->gap), read = budget / (l->rows * l->columns);
	l->shown = (uint32_t)least(l->tiles, least(across * down, most(read, TILES)));
	uint64_t best = least(across, l->shown);
	for (uint64_t n = best; n > 0 && ceiling(l->shown, n) <= down; n--)
		if (askew(l, n, channels) < askew(l, best, channels))
			best = n;
	l->across = (uint32_t)best;
	l->down = (uint32_t)ceiling(l->shown, best);
}

/* Of one of several tiles on a side. */
static uint64_t room_of(uint32_t side, uint32_t tiles, uint32_t gap)
{
	uint32_t each = (side + gap) / tiles;
	return each > gap ? each - gap : 1;
}

/* Cells of a tile's side, and how much each is made of: if not of one, of what belongs together. */
static uint32_t cells(uint64_t extent, uint64_t room, uint64_t together, uint64_t *ret_each)
{
	uint64_t each = ceiling(extent, room);
	*ret_each = each == 1 ? 1 : ceiling(each, together) * together;
	return (uint32_t)ceiling(extent, *ret_each);
}

/* As many as fit a side of so many pixels. */
static void divide(struct picture_layout *l, uint32_t side, uint64_t channels)
{
	l->cell_rows = cells(l->rows, room_of(side, l->down, l->gap), 1, &l->each_rows);
	l->cell_columns = cells(l->columns, room_of(side, l->across, l->gap), channels, &l->each_columns);
}

static void enlarge(struct picture_layout *l)
{
	uint32_t wide = l->across * l->cell_columns, high = l->down * l->cell_rows;
	uint32_t side = (uint32_t)most(wide + l->across * l->gap, high + l->down * l->gap);
	uint32_t both = (uint32_t)most(SMALL / side, 1);
	l->grown_columns = wide * both < THIN ? (uint32_t)ceiling(THIN, wide) : both;
	l->grown_rows = high * both < THIN ? (uint32_t)ceiling(THIN, high) : both;
}

/* --- what is read of it -------------------------------------------------------------------------- */

/* Elements that a row of cells may take. */
static uint64_t share_of(const struct picture_layout *l, uint64_t budget)
{
	return budget / ((uint64_t)l->shown * l->cell_rows);
}

/* So few, as of a square of that side, that some elements of each can be read. */
static void spots(struct picture_layout *l, uint32_t side, unsigned bits, uint64_t budget, uint64_t channels)
{
	divide(l, side, channels);
	uint32_t wide = (uint32_t)least(side * side / (l->cell_rows * l->down), PICTURE_SIDE);
	l->cell_columns = cells(l->columns, room_of(wide, l->across, l->gap), channels, &l->each_columns);
	l->few = least((uint64_t)SPOT * 8 / bits, most(share_of(l, budget) / l->cell_columns, 1));
}

/* Fewer rows of cells, of which a row of elements each can be read; if these would be too few, spots. */
static void coarsen(struct picture_layout *l, unsigned bits, uint64_t budget, uint64_t channels)
{
	uint64_t rows = budget / l->columns / l->shown;
	if (rows * l->down >= COARSE)
		l->cell_rows = cells(l->rows, rows, 1, &l->each_rows);
	else
		spots(l, COARSE, bits, budget, channels);
}

static bool is_far(const struct picture_layout *l, uint64_t budget)
{
	return share_of(l, budget) / l->columns < l->each_rows / FAR;
}

static void sample(struct picture_layout *l, unsigned bits, bool compressed, uint64_t budget, uint64_t channels)
{
	uint64_t piece = (uint64_t)PIECE * 8 / bits;
	if (compressed && is_far(l, budget) && l->columns > (uint64_t)LONG_ROW * 8 / bits)
		spots(l, FEW, bits, budget, channels);
	else if (compressed && is_far(l, budget))
		l->cell_rows = cells(l->rows, room_of(FEW_ROWS, l->down, l->gap), 1, &l->each_rows);
	if (!l->few && share_of(l, budget) < l->columns)
		coarsen(l, bits, budget, channels);
	uint64_t share = share_of(l, budget), rows = l->few ? 0 : share / l->columns, taken = least(rows, l->each_rows) * l->columns;
	l->sampled = rows < l->each_rows;
	l->piece_rows = compressed ? rows : least(rows, most(piece / l->columns, 1));
	l->pieces = l->piece_rows ? rows / l->piece_rows : 0;
	uint64_t band = (uint64_t)BAND * 8 / bits / most(l->few ? l->few * l->cell_columns : taken, 1);
	l->band = (uint32_t)least(most(band, l->few ? SPOT_ROWS : 1), (uint64_t)l->shown * l->cell_rows);
}

/* --- all ----------------------------------------------------------------------------------------- */

bool picture_layout(struct picture_layout *ret, const uint64_t *shape, uint32_t rank, bool fortran, unsigned bits,
		    bool compressed)
{
	uint64_t dims[SHAPE_MAX], count, budget;
	*ret = (struct picture_layout){.turned = fortran};
	if (rank < 2 || rank > SHAPE_MAX || bits == 0 || !shape_elements(shape, rank, &count) || count == 0 ||
	    count > INT64_MAX / ceiling(bits, 8))
		return false;
	uint64_t channels = find_tile(ret, dims, squeeze(shape, rank, fortran, dims));
	budget = (uint64_t)PICTURE_BYTES * 8 / bits;
	place_tiles(ret, budget, channels);
	divide(ret, PICTURE_SIDE, channels);
	sample(ret, bits, compressed, budget, channels);
	enlarge(ret);
	return true;
}

uint64_t picture_tile(const struct picture_layout *l, uint32_t place)
{
	return (uint64_t)((unsigned __int128)place * l->tiles / l->shown);
}

uint32_t picture_wide(const struct picture_layout *l)
{
	return l->across * (l->cell_columns * l->grown_columns + l->gap) - l->gap;
}

uint32_t picture_high(const struct picture_layout *l)
{
	return l->down * (l->cell_rows * l->grown_rows + l->gap) - l->gap;
}
