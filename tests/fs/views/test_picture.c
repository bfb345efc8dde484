/* SPDX-License-Identifier: MIT */
/* Where the cells of a picture are and what is read for them, its colours, its file.  What it shows is
 * compared with NumPy in tests/interop/test_png.py. */
#include <zlib.h>

#include "fs/views/picture.h"
#include "tests/support.h"

/* --- where cells are ------------------------------------------------------------------------------ */

static struct picture_layout laid(const uint64_t *shape, uint32_t rank, bool fortran, unsigned bits, bool compressed)
{
	struct picture_layout l;
	assert_true(picture_layout(&l, shape, rank, fortran, bits, compressed));
	return l;
}

#define LAID(...) laid((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8, false, 32, false)

static void cells_are(struct picture_layout l, uint32_t tiles, uint32_t rows, uint32_t columns, uint64_t each_rows, uint64_t each_columns)
{
	assert_int_equal(l.shown, tiles);
	assert_int_equal(l.cell_rows, rows);
	assert_int_equal(l.cell_columns, columns);
	assert_int_equal(l.each_rows, each_rows);
	assert_int_equal(l.each_columns, each_columns);
}

static void pixels_are(struct picture_layout l, uint32_t wide, uint32_t high)
{
	assert_int_equal(picture_wide(&l), wide);
	assert_int_equal(picture_high(&l), high);
}

static void a_side_has_as_many_cells_as_there_are_pixels(void **state)
{
	(void)state;
	cells_are(LAID(1024, 1025), 1, 1024, 513, 1, 2);
	cells_are(LAID(4096, 14336), 1, 1024, 1024, 4, 14);
	cells_are(LAID(3, 2049), 1, 3, 683, 1, 3);
	pixels_are(LAID(300, 500), 500, 300);
}

static void what_is_small_is_enlarged_by_whole_factors(void **state)
{
	(void)state;
	pixels_are(LAID(2, 3), 255, 170);
	pixels_are(LAID(1, 1), 256, 256);
	pixels_are(LAID(10, 100000), 1021, 70);
	pixels_are(LAID(2, 100), 200, 64);
	pixels_are(LAID(128, 128), 256, 256);
	pixels_are(LAID(129, 129), 129, 129);
}

static void matrices_are_tiles_side_by_side(void **state)
{
	struct picture_layout l = LAID(64, 3, 7, 7);
	(void)state;
	assert_int_equal(l.across, 14);
	assert_int_equal(l.down, 14);
	pixels_are(l, 14 * (7 * 2 + 1) - 1, 14 * (7 * 2 + 1) - 1);
	cells_are(LAID(60, 1, 30, 40, 3), 60, 30, 120, 1, 1);   /* channels are columns, */
	cells_are(LAID(60, 300, 400, 3), 60, 100, 134, 3, 9);   /* and averaged all together */
	cells_are(LAID(100000, 40, 40), 31 * 31, 20, 20, 2, 2);
	l = LAID(100000, 40, 40);
	assert_int_equal(picture_tile(&l, 0), 0);
	assert_int_equal(picture_tile(&l, 480), 480ull * 100000 / 961);
	assert_int_equal(picture_tile(&l, 960), 960ull * 100000 / 961);
	cells_are(LAID(100000, 4096, 4096), 16, 241, 241, 17, 17); /* of 255 pixels that a tile may have */
}

static void extents_of_one_and_the_order_change_nothing(void **state)
{
	static const uint64_t shape[] = {700, 1, 5, 60}, turned[] = {60, 5, 1, 700};
	struct picture_layout c = laid(shape, 4, false, 8, false), f = laid(turned, 4, true, 8, false);
	(void)state;
	assert_true(f.turned);
	f.turned = false;
	assert_memory_equal(&c, &f, sizeof c);
	cells_are(LAID(1, 1, 1, 7), 1, 1, 7, 1, 1);
	cells_are(LAID(7, 1, 1), 1, 7, 1, 1, 1);
}

static void there_may_be_nothing_to_draw(void **state)
{
	static const uint64_t none[] = {3, 0}, huge[] = {(uint64_t)1 << 31, (uint64_t)1 << 31}, more[] = {UINT64_MAX, 2};
	uint64_t many[SHAPE_MAX + 1];
	struct picture_layout l;
	(void)state;
	for (size_t i = 0; i < SHAPE_MAX + 1; i++)
		many[i] = 1;
	assert_false(picture_layout(&l, none, 2, false, 8, false));
	assert_false(picture_layout(&l, huge, 1, false, 8, false));
	assert_true(picture_layout(&l, huge, 2, false, 8, false));
	assert_false(picture_layout(&l, huge, 2, false, 16, false)); /* 2^63 bytes are no file */
	assert_false(picture_layout(&l, more, 2, false, 8, false));
	assert_true(picture_layout(&l, many, SHAPE_MAX, false, 8, false));
	assert_false(picture_layout(&l, many, SHAPE_MAX + 1, false, 8, false));
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Elements that are read for a layout. */
static double reads(const struct picture_layout *l)
{
	double rows = (double)l->shown * l->cell_rows;
	if (l->few)
		return rows * l->cell_columns * (double)l->few;
	if (l->sampled)
		return rows * (double)l->pieces * (double)l->piece_rows * (double)l->columns;
	return (double)l->shown * (double)l->rows * (double)l->columns;
}

/* Of shapes at random, small and large. */
static void any_picture_has_bounds(void **state)
{
	static const unsigned widths[] = {1, 2, 4, 8, 16, 32, 64, 128};
	uint64_t seed = 1;
	(void)state;
	for (unsigned k = 0; k < 200000; k++) {
		uint64_t shape[6], count = 1;
		uint32_t rank = 2 + k % 5;
		unsigned bits = widths[k / 5 % 8];
		struct picture_layout l;
		for (uint32_t i = 0; i < rank; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			uint64_t most = INT64_MAX / 16 / count;
			shape[i] = 1 + least(seed >> 16, most - 1) % ((uint64_t)1 << (seed >> 8) % 40) % most;
			count *= shape[i];
		}
		assert_true(picture_layout(&l, shape, rank, k & 8, bits, k & 1));
		assert_in_range(picture_wide(&l), 1, PICTURE_SIDE);
		assert_in_range(picture_high(&l), 1, PICTURE_SIDE);
		assert_true(l.shown <= l.tiles && l.rows * l.columns * l.tiles == count && l.band > 0);
		assert_true(l.each_rows * l.cell_rows >= l.rows && l.each_rows * (l.cell_rows - 1) < l.rows);
		assert_true(l.each_columns * l.cell_columns >= l.columns && l.each_columns * (l.cell_columns - 1) < l.columns);
		assert_true(!l.sampled || l.few || (l.pieces > 0 && l.pieces * l.piece_rows < l.each_rows));
		assert_true(reads(&l) * bits / 8 <= 1.01 * PICTURE_BYTES);
		assert_true((uint64_t)l.band * l.cell_columns <= PICTURE_SIDE * PICTURE_SIDE);
	}
}

/* --- colours --------------------------------------------------------------------------------------- */

static void range_is(const double *cells, size_t n, double low, double high, bool diverging)
{
	struct picture_range r = picture_range(cells, n);
	assert_true(r.low == low && r.high == high && r.diverging == diverging);
}

static void a_range_is_that_of_most(void **state)
{
	static double many[1000];
	const double nan = __builtin_nan(""), inf = __builtin_inf();
	(void)state;
	for (int i = 0; i < 1000; i++)
		many[i] = (i * 7 % 1000) + 0.5;
	range_is(many, 1000, 10.5, 989.5, false);
	for (int i = 0; i < 1000; i++)
		many[i] -= 100;
	range_is(many, 1000, -889.5, 889.5, true);
	range_is((double[]){1, 2, nan, 3, inf, -inf}, 6, 1, 3, false);
	range_is((double[]){nan, inf}, 2, 0, 0, false);
	range_is((double[]){-5}, 1, -5, -5, false);
	memset(many, 0, sizeof many);
	many[3] = 7;
	range_is(many, 1000, 0, 7, false);
}

static void colors_go_from_end_to_end(void **state)
{
	const struct picture_range r = {-2, 2, true}, one = {3, 3, false}, all = {-1.7e308, 1.7e308, true};
	(void)state;
	assert_int_equal(picture_color(&r, -2), COLOR_FIRST);
	assert_int_equal(picture_color(&r, -__builtin_inf()), COLOR_FIRST);
	assert_int_equal(picture_color(&r, 0), COLOR_FIRST + COLOR_LEVELS / 2);
	assert_int_equal(picture_color(&r, 2), COLORS - 1);
	assert_int_equal(picture_color(&r, 1e300), COLORS - 1);
	assert_int_equal(picture_color(&r, __builtin_nan("")), COLOR_NAN);
	assert_int_equal(picture_color(&one, 3), COLOR_FIRST + COLOR_LEVELS / 2);
	assert_int_equal(picture_color(&one, 2), COLOR_FIRST);
	assert_int_equal(picture_color(&all, 0), COLOR_FIRST + COLOR_LEVELS / 2);
}

static int light_of(const uint8_t rgb[3])
{
	return 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];
}

/* From dark to light; or to white and back, on both sides alike. */
static void palettes_get_lighter(void **state)
{
	uint8_t rgb[COLORS][3];
	(void)state;
	picture_palette(false, rgb);
	for (int i = COLOR_FIRST; i + 1 < COLORS; i++)
		assert_true(light_of(rgb[i]) <= light_of(rgb[i + 1]));
	picture_palette(true, rgb);
	for (int i = COLOR_FIRST, last = COLORS - 1; i + 1 < last; i++, last--) {
		assert_true(light_of(rgb[i]) <= light_of(rgb[i + 1]) && light_of(rgb[last]) <= light_of(rgb[last - 1]));
		assert_true(rgb[i][2] >= rgb[i][0] && rgb[last][0] >= rgb[last][2]);
	}
}

/* --- the file -------------------------------------------------------------------------------------- */

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void slope(const struct picture_file *f, uint32_t y, uint8_t *to)
{
	for (uint32_t x = 0; x < f->width; x++)
		to[x] = (uint8_t)((x * 3 + y * 5) % COLORS);
}

static void check_pixels(const uint8_t *stream, size_t len, uint32_t width, uint32_t height)
{
	uLongf raw = (uLongf)height * (width + 1);
	uint8_t *lines = malloc(raw), line[PICTURE_SIDE];
	assert_int_equal(uncompress(lines, &raw, stream, len), Z_OK);
	assert_int_equal(raw, (uLongf)height * (width + 1));
	for (uint32_t y = 0; y < height; y++) {
		slope(&(struct picture_file){.width = width}, y, line);
		assert_int_equal(lines[y * (width + 1)], 0);
		assert_memory_equal(lines + y * (width + 1) + 1, line, width);
	}
	free(lines);
}

static void file_is_right(uint32_t width, uint32_t height)
{
	static uint8_t palette[COLORS][3];
	uint64_t size = picture_file_size(width, height);
	uint8_t *file = malloc(size + 1), *p = file + 8;
	char names[16 * 4] = "";
	uint8_t *stream = malloc(size);
	size_t streamed = 0;
	file[size] = 0xa5;
	assert_int_equal(picture_file(&(struct picture_file){width, height, "what it is", palette, slope, NULL}, file, &(struct error){0}), 0);
	assert_int_equal(file[size], 0xa5);
	for (uint32_t len; p < file + size; p += len + 12) {
		len = u32(p);
		assert_in_range(len, 0, (size_t)(file + size - p) - 12);
		assert_int_equal(u32(p + 8 + len), crc32(0, p + 4, len + 4));
		bool more = streamed && memcmp(p + 4, "IDAT", 4) == 0;
		if (!more)
			strncat(names, (const char *)p + 4, 4);
		if (memcmp(p + 4, "IDAT", 4) == 0) {
			memcpy(stream + streamed, p + 8, len);
			streamed += len;
		}
	}
	assert_string_equal(names, "IHDRPLTEtRNStEXtIDATfiLlIEND");
	check_pixels(stream, streamed, width, height);
	free(stream);
	assert_ptr_equal(p, file + size);
	assert_int_equal(u32(file + 16), width);
	assert_int_equal(u32(file + 20), height);
	free(file);
}

/* Of sizes around that of a stored block, too: 255 * 257 is 65535. */
static void a_file_is_as_long_as_is_told(void **state)
{
	(void)state;
	file_is_right(1, 1);
	file_is_right(254, 257);
	file_is_right(255, 256);
	file_is_right(256, 255);
	file_is_right(509, 257);
	file_is_right(1024, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_side_has_as_many_cells_as_there_are_pixels),
		cmocka_unit_test(what_is_small_is_enlarged_by_whole_factors),
		cmocka_unit_test(matrices_are_tiles_side_by_side),
		cmocka_unit_test(extents_of_one_and_the_order_change_nothing),
		cmocka_unit_test(there_may_be_nothing_to_draw),
		cmocka_unit_test(any_picture_has_bounds),
		cmocka_unit_test(a_range_is_that_of_most),
		cmocka_unit_test(colors_go_from_end_to_end),
		cmocka_unit_test(palettes_get_lighter),
		cmocka_unit_test(a_file_is_as_long_as_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
