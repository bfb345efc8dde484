/* SPDX-License-Identifier: MIT */
/*
 * Results for people: a table whose numbers have as many digits as fit the terminal beside the
 * paths, or below them where it is too narrow for both.  Rows are held until there are enough to
 * align, or something has to be waited for.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mount/commands/stats_tell.h"
#include "mount/log.h"

enum { ROWS_HELD = 1000, PATIENCE = 2 /* seconds */, DIGITS_MOST = 6, DIGITS_FEW = 3, CELL = STATS_CELL, NUMBERS = 8, PATH_LEAST = 40 };

struct stats_rows {
	struct row all[ROWS_HELD];
	size_t count;
	time_t first;         /* when the first was added */
	bool headed;
};

/* --- texts ---------------------------------------------------------------------------- */

/* Counts are written out where there is room, else "4.19M", with B for a thousand million. */
static void count_text(uint64_t n, int digits, char ret[CELL])
{
	static const char units[] = "kMBT";
	double v = (double)n / 1000;
	size_t unit = 0;
	if (digits == DIGITS_MOST || n < 100000) {
		snprintf(ret, CELL, "%" PRIu64, n);
		return;
	}
	for (; v >= 999.5 && units[unit + 1]; unit++)
		v /= 1000;
	snprintf(ret, CELL, "%.*f%c", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[unit]);
}

/* With so many digits; numbers that are a little longer are written out rather than with an exponent. */
static void real_text(double v, int digits, char ret[CELL])
{
	double few = pow(10, digits);
	if (fabs(v) >= few && fabs(v) < few * 1000)
		snprintf(ret, CELL, "%.0f", v);
	else
		snprintf(ret, CELL, "%.*g", digits, v);
}

static void cell_text(const struct cell *c, int digits, char ret[CELL])
{
	bool fits = digits == DIGITS_MOST || strlen(c->exact) <= (size_t)digits + 4;
	if (c->kind == CELL_REAL || (c->kind == CELL_EXACT && !fits))
		real_text(c->value, digits, ret);
	else if (c->kind == CELL_COMPLEX)
		snprintf(ret, CELL, "%.*g%+.*gj", digits, c->value, digits, c->imaginary);
	else if (c->kind == CELL_TIME && !fits) /* the day, or the second */
		snprintf(ret, CELL, "%.*s", c->exact[2] == ':' ? 8 : 10, c->exact);
	else
		snprintf(ret, CELL, "%s", c->kind == CELL_NONE ? "-" : c->exact);
}

static void row_texts(const struct row *r, int digits, char ret[NUMBERS][CELL])
{
	count_text(r->count, digits, ret[0]);
	cell_text(&r->least, digits, ret[1]);
	cell_text(&r->most, digits, ret[2]);
	cell_text(&r->mean, digits, ret[3]);
	cell_text(&r->deviation, digits, ret[4]);
	count_text(r->zeros, digits, ret[5]);
	count_text(r->nan, digits, ret[6]);
	count_text(r->inf, digits, ret[7]);
}

static const char *const headings[NUMBERS] = {"count", "min", "max", "mean", "std", "zeros", "nan", "inf"};

/* --- layout --------------------------------------------------------------------------- */

struct layout {
	int digits, gap;
	bool apart; /* paths have lines of their own */
	int width[NUMBERS];
};

/* The columns that the numbers take. */
static int measure(const struct stats_rows *rows, struct layout *l)
{
	char texts[NUMBERS][CELL];
	int all = 0;
	for (int k = 0; k < NUMBERS; k++)
		l->width[k] = (int)strlen(headings[k]);
	for (size_t i = 0; i < rows->count; i++) {
		row_texts(&rows->all[i], l->digits, texts);
		for (int k = 0; k < NUMBERS; k++)
			l->width[k] = (int)strlen(texts[k]) > l->width[k] ? (int)strlen(texts[k]) : l->width[k];
	}
	for (int k = 0; k < NUMBERS; k++)
		all += l->width[k] + l->gap;
	return all;
}

static size_t longest_path(const struct stats *s)
{
	size_t longest = strlen("path"), n; /* the heading */
	for (size_t i = 0; i < s->rows->count; i++)
		longest = (n = terminal_width(&s->terminal, s->rows->all[i].path)) > longest ? n : longest;
	return longest;
}

/* As many digits as leave room for the paths; if there are too few of them, the paths get lines of
 * their own, and the numbers as many as fit. */
static struct layout lay_out(const struct stats *s)
{
	struct layout l = {.digits = DIGITS_MOST, .gap = 2};
	size_t width = s->terminal.width, path = longest_path(s);
	path = path < PATH_LEAST ? path : PATH_LEAST;
	while (measure(s->rows, &l) + (int)path > (int)width && width > 0 && !(l.apart && l.digits == 1)) {
		if (l.digits > (l.apart ? 1 : DIGITS_FEW)) {
			l.digits--;
		} else if (l.gap == 2) {
			l.gap = 1;
		} else {
			l = (struct layout){.digits = DIGITS_MOST, .gap = 1, .apart = true};
			path = 0;
		}
	}
	return l;
}

/* A line of numbers; returns the columns that are left of the terminal's. */
static size_t put_texts(const struct stats *s, const struct layout *l, const struct row *r, const char *const texts[NUMBERS])
{
	size_t width = s->terminal.width, used = 0;
	for (int k = 0; k < NUMBERS; k++) {
		bool red = r && s->terminal.colour && ((k == 6 && r->nan > 0) || (k == 7 && r->inf > 0));
		int gap = l->apart && k == NUMBERS - 1 ? 0 : l->gap, all = l->width[k] + gap;
		if (width && used + (size_t)all > width) /* of a terminal so narrow that nothing else is left */
			break;
		printf("%s%*s%s%*s", red ? "\033[31m" : "", l->width[k], texts[k], red ? "\033[0m" : "", gap, "");
		used += (size_t)all;
	}
	return width > used ? width - used : 0;
}

static void put_path(const struct stats *s, const char *path, size_t columns)
{
	if (s->terminal.width)
		terminal_put_within(&s->terminal, path, columns, 0);
	else
		terminal_put(&s->terminal, path);
	putc_unlocked('\n', stdout);
}

static void put_row(const struct stats *s, const struct layout *l, const struct row *r)
{
	char texts[NUMBERS][CELL];
	const char *all[NUMBERS];
	row_texts(r, l->digits, texts);
	for (int k = 0; k < NUMBERS; k++)
		all[k] = texts[k];
	if (l->apart)
		put_path(s, r->path, s->terminal.width);
	size_t left = put_texts(s, l, r, all);
	if (l->apart)
		putc_unlocked('\n', stdout);
	else
		put_path(s, r->path, left);
}

static void put_heading(const struct stats *s, const struct layout *l)
{
	if (l->apart)
		puts("path");
	put_texts(s, l, NULL, headings);
	puts(l->apart ? "" : "path");
}

/* --- bars ------------------------------------------------------------------------------- */

/* Bars, of which neighbours are put together where there are more than columns. */
static void put_bars(const struct stats *s, const struct row *r)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
	enum { LEVELS = 8 };
	size_t width = s->terminal.width > 4 ? s->terminal.width - 2 : r->nbins;
	unsigned each = (unsigned)((r->nbins + width - 1) / width);
	uint64_t most = 1;
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < r->nbins; i += each) {
			uint64_t n = 0;
			for (unsigned k = i; k < i + each && k < r->nbins; k++)
				n += r->bins[k];
			most = n > most ? n : most;
			int level = n == 0 ? 0 : (int)ceil((double)n / (double)most * LEVELS);
			if (pass)
				fputs_unlocked((s->terminal.utf8 ? blocks : ascii)[level < LEVELS ? level : LEVELS], stdout);
		}
		fputs_unlocked(pass ? "\n" : "  ", stdout);
	}
}

/* --- rows ------------------------------------------------------------------------------- */

static void put_rows(struct stats *s)
{
	struct stats_rows *rows = s->rows;
	struct layout l = lay_out(s);
	progress_clear(&s->progress);
	if (!rows->headed)
		put_heading(s, &l);
	rows->headed = true;
	for (size_t i = 0; i < rows->count; i++) {
		put_row(s, &l, &rows->all[i]);
		if (rows->all[i].bins)
			put_bars(s, &rows->all[i]);
		free(rows->all[i].path);
		free(rows->all[i].bins);
	}
	rows->count = 0;
	fflush(stdout); /* before the progress line is shown again */
}

static time_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void stats_flush(struct stats *s, bool all)
{
	struct stats_rows *rows = s->rows;
	if (rows && rows->count > 0 && (all || rows->count == ROWS_HELD || now() - rows->first > PATIENCE))
		put_rows(s);
	if (all) {
		free(rows);
		s->rows = NULL;
	}
	fflush(stdout);
}

void stats_hold(struct stats *s, const struct job *j, const struct row *row)
{
	struct stats_rows *rows = s->rows ? s->rows : (s->rows = calloc(1, sizeof *rows));
	char *path = rows ? strdup(j->path) : NULL;
	if (!path) {
		log_say("%s: %s: no memory", s->options->source, j->path);
		s->failed = true;
		return;
	}
	if (rows->count == 0)
		rows->first = now();
	struct row *to = &rows->all[rows->count++];
	*to = *row;
	to->path = path;
	size_t n = j->bins.count * sizeof *to->bins;
	to->bins = j->binning ? malloc(n) : NULL;
	to->nbins = j->bins.count;
	if (to->bins)
		memcpy(to->bins, j->counts, n);
	if (rows->count == ROWS_HELD)
		put_rows(s);
}
