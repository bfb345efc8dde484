/* SPDX-License-Identifier: MIT */
#include "fs/views/picture.h"

#include <math.h>

/* --- the range ------------------------------------------------------------------------------------ */

/* A number's bits, in the order of the numbers. */
static uint64_t key_of(double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static double value_of(uint64_t key)
{
	uint64_t bits = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
	double v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

/* The finite number of that rank: some bits of it at a time. */
static double ranked(const double *cells, size_t n, uint64_t rank)
{
	enum { BITS = 8, ALL = 64 };
	uint64_t known = 0;
	for (unsigned shift = ALL - BITS;; shift -= BITS) {
		uint32_t counts[1 << BITS] = {0}, digit = 0;
		for (size_t i = 0; i < n; i++) {
			uint64_t key = key_of(cells[i]);
			if (isfinite(cells[i]) && (shift == ALL - BITS || key >> (shift + BITS) == known))
				counts[key >> shift & ((1u << BITS) - 1)]++;
		}
		while (rank >= counts[digit])
			rank -= counts[digit++];
		known = known << BITS | digit;
		if (shift == 0)
			return value_of(known);
	}
}

struct picture_range picture_range(const double *cells, size_t n)
{
	struct picture_range r = {0};
	uint64_t finite = 0;
	for (size_t i = 0; i < n; i++)
		finite += isfinite(cells[i]) != 0;
	if (finite == 0)
		return r;
	uint64_t beyond = finite / 100;
	r.low = ranked(cells, n, beyond);
	r.high = ranked(cells, n, finite - 1 - beyond);
	if (!(r.low < r.high)) { /* but for a few all are equal, and these are what is to be seen */
		r.low = ranked(cells, n, 0);
		r.high = ranked(cells, n, finite - 1);
	}
	r.diverging = r.low < 0 && r.high > 0;
	if (r.diverging) {
		r.high = -r.low > r.high ? -r.low : r.high;
		r.low = -r.high;
	}
	return r;
}

uint8_t picture_color(const struct picture_range *r, double cell)
{
	enum { LAST = COLOR_LEVELS - 1 };
	if (isnan(cell))
		return COLOR_NAN;
	if (cell < r->low)
		return COLOR_FIRST;
	if (cell > r->high)
		return COLOR_FIRST + LAST;
	if (!(r->low < r->high))
		return COLOR_FIRST + LAST / 2;
	double scale = isfinite(r->high - r->low) ? 1 : 0.5; /* else the difference is more than there are numbers */
	double part = (cell * scale - r->low * scale) / (r->high * scale - r->low * scale);
	return (uint8_t)(COLOR_FIRST + (unsigned)(part * LAST + 0.5));
}

/* --- the colours ----------------------------------------------------------------------------------- */

/* Of linear light, as sRGB (IEC 61966-2-1) has it. */
static uint8_t encode(double light)
{
	light = light < 0 ? 0 : light > 1 ? 1 : light;
	double v = light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
	return (uint8_t)(v * 255 + 0.5);
}

/* A colour of Oklab, in which equal steps look equal, by lightness, chroma and hue in degrees. */
static void oklch(double lightness, double chroma, double hue, uint8_t rgb[3])
{
	double a = chroma * cos(hue * M_PI / 180), b = chroma * sin(hue * M_PI / 180);
	double l = lightness + 0.3963377774 * a + 0.2158037573 * b;
	double m = lightness - 0.1055613458 * a - 0.0638541728 * b;
	double s = lightness - 0.0894841775 * a - 1.2914855480 * b;
	l *= l * l, m *= m * m, s *= s * s;
	rgb[0] = encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
	rgb[1] = encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
	rgb[2] = encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
}

/* Both get lighter in equal steps, and no more colourful than a screen can show. */
void picture_palette(bool diverging, uint8_t rgb[COLORS][3])
{
	static const uint8_t white[3] = {255, 255, 255}, magenta[3] = {255, 0, 255};
	memcpy(rgb[COLOR_NONE], white, sizeof white);
	memcpy(rgb[COLOR_NAN], magenta, sizeof magenta);
	for (int i = 0; i < COLOR_LEVELS; i++) {
		double t = i / (double)(COLOR_LEVELS - 1), away = fabs(2 * t - 1);
		if (diverging)
			oklch(0.97 - 0.56 * away, 0.155 * away, t < 0.5 ? 255 : 27, rgb[COLOR_FIRST + i]);
		else
			oklch(0.2 + 0.76 * t, 0.08 + 0.045 * t * t * t, 290 - 185 * t, rgb[COLOR_FIRST + i]);
	}
}
