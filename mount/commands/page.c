/* SPDX-License-Identifier: MIT */
#include "mount/commands/page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/list.h"
#include "fs/base/name.h"
#include "mount/units.h"

enum { LABEL = 13, GAP = 2, CELL_MOST = 1024, CELL_LEAST = 4, CELL_WIDE = 14, NARROWEST = 20 };

/* --- numbers ------------------------------------------------------------------ */

const char *count_digits(uint64_t n, char ret[COUNT_TEXT])
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			ret[at++] = ',';
		ret[at++] = digits[i];
	}
	ret[at] = '\0';
	return ret;
}

const char *count_text(uint64_t n, char ret[COUNT_TEXT])
{
	static const char units[] = " MBTQ"; /* thousands are digits */
	char digits[COUNT_TEXT];
	unsigned unit = 0;
	double v = (double)n / 1000;
	count_digits(n, digits);
	for (; v >= 999.95 && units[unit + 1]; v /= 1000)
		unit++;
	unsigned tenths = (unsigned)(v * 10 + 0.5);
	if (n < 1000000)
		memcpy(ret, digits, sizeof digits);
	else
		snprintf(ret, COUNT_TEXT, "%u.%u %c (%.26s)", tenths / 10, tenths % 10, units[unit], digits);
	return ret;
}

const char *bytes_text(uint64_t n, char ret[COUNT_TEXT])
{
	char digits[COUNT_TEXT], size[SIZE_TEXT];
	count_digits(n, digits);
	if (n < 1024)
		snprintf(ret, COUNT_TEXT, "%.26s byte%s", digits, n == 1 ? "" : "s");
	else
		snprintf(ret, COUNT_TEXT, "%s (%.26s bytes)", size_text(n, true, size), digits);
	return ret;
}

const char *share_text(uint64_t part, uint64_t all, char ret[COUNT_TEXT])
{
	double percent = all ? 100.0 * (double)part / (double)all : 0;
	if (part > 0 && percent < 0.1)
		snprintf(ret, COUNT_TEXT, "<0.1%%");
	else if (part < all && percent > 99.9)
		snprintf(ret, COUNT_TEXT, ">99.9%%");
	else
		snprintf(ret, COUNT_TEXT, "%.1f%%", percent);
	return ret;
}

/* --- adding ------------------------------------------------------------------- */

struct page page_new(void)
{
	struct page p = {.terminal = terminal_of(STDOUT_FILENO), .width = PAGE_WIDTH};
	if (p.terminal.width && p.terminal.width < p.width)
		p.width = p.terminal.width > NARROWEST ? p.terminal.width : NARROWEST;
	p.sections = calloc(PAGE_SECTIONS, sizeof *p.sections);
	p.failed = !p.sections;
	return p;
}

void page_free(struct page *p)
{
	for (size_t i = 0; i < p->count; i++) {
		for (size_t k = 0; k < p->sections[i].count; k++)
			for (unsigned c = 0; c < PAGE_CELLS; c++)
				free(p->sections[i].rows[k].cells[c]);
		free(p->sections[i].rows);
	}
	free(p->sections);
	p->sections = NULL;
	p->count = 0;
}

struct page_section *page_section(struct page *p, const char *label)
{
	static struct page_section lost; /* never written */
	p->full = !p->sections || p->count == PAGE_SECTIONS;
	if (p->full)
		return &lost;
	struct page_section *s = &p->sections[p->count++];
	snprintf(s->label, LABEL, "%s", label);
	for (char *c = s->label; (c = strchr(c, '_'));)
		*c = ' ';
	return s;
}

/* White space becomes a space: a text of several lines is shown on one. */
static char *cell_of(const char *text)
{
	size_t len = strnlen(text, CELL_MOST + 1);
	struct slice s = {(const uint8_t *)text, len > CELL_MOST ? CELL_MOST : len};
	char *cell = strndup(text, len > CELL_MOST ? utf8_prefix(s) : len);
	for (char *c = cell; c && *c; c++)
		if (*c == '\n' || *c == '\t' || *c == '\r')
			*c = ' ';
	return cell;
}

void page_row(struct page *p, const char *const cells[PAGE_CELLS])
{
	if (p->full)
		return;
	struct page_section *s = &p->sections[p->count - 1];
	if (++s->total > PAGE_ROWS)
		return;
	struct page_row *grown = list_grow(s->rows, s->count, sizeof *grown);
	if (!grown) {
		p->failed = true;
		return;
	}
	s->rows = grown;
	struct page_row *row = &s->rows[s->count++];
	*row = (struct page_row){0};
	for (unsigned i = 0; i < PAGE_CELLS; i++)
		if (cells[i] && *cells[i] && !(row->cells[i] = cell_of(cells[i])))
			p->failed = true;
}

void page_field(struct page *p, const char *label, const char *format, ...)
{
	char text[CELL_MOST];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	page_section(p, label);
	PAGE_ROW(p, text);
}

/* --- writing ------------------------------------------------------------------ */

uint64_t page_lines(const struct page_section *s)
{
	return s->lines && s->lines < s->total ? s->lines : s->total;
}

/* Rows that are shown: all, or one less than there are lines, the last of which says that there are more. */
static size_t rows_shown(const struct page_section *s)
{
	uint64_t lines = page_lines(s), rows = lines < s->total ? lines - 1 : lines;
	return rows < s->count ? (size_t)rows : s->count;
}

/* The widest of the cells from `first` on. */
static unsigned widest_of(const size_t width[PAGE_CELLS], unsigned first)
{
	unsigned widest = first;
	for (unsigned c = first; c < PAGE_CELLS; c++)
		widest = width[c] > width[widest] ? c : widest;
	return widest;
}

/* Makes cells narrower until all fit: those after the first, which is a name, as long as they are wide. */
static void fit(size_t width[PAGE_CELLS], size_t room)
{
	for (;;) {
		size_t all = 0;
		for (unsigned c = 0; c < PAGE_CELLS; c++)
			all += width[c] ? width[c] + (all ? GAP : 0) : 0;
		unsigned widest = widest_of(width, 1);
		if (width[widest] <= CELL_WIDE)
			widest = widest_of(width, 0);
		if (all <= room || width[widest] <= CELL_LEAST)
			return;
		width[widest]--;
	}
}

static void measure(const struct page *p, const struct page_section *s, size_t rows, size_t width[PAGE_CELLS])
{
	size_t room = p->width - LABEL;
	for (size_t i = 0; i < rows; i++)
		for (unsigned c = 0; c < PAGE_CELLS; c++) {
			size_t w = s->rows[i].cells[c] ? terminal_width(&p->terminal, s->rows[i].cells[c]) : 0;
			w = w < room ? w : room;
			width[c] = w > width[c] ? w : width[c];
		}
	fit(width, room);
}

/* Writes a text in at most so many columns, without its end if it has to be. */
static size_t put_beginning(const struct terminal *t, const char *text, size_t columns)
{
	const char *gap = t->utf8 ? "…" : "...";
	size_t gap_columns = t->utf8 ? 1 : 3, all = 0;
	if (terminal_width(t, text) <= columns)
		return terminal_put(t, text);
	for (char one[5]; *text;) {
		size_t n = utf8_length((struct slice){(const uint8_t *)text, strnlen(text, 4)});
		n = n ? n : 1;
		memcpy(one, text, n);
		one[n] = '\0';
		if (all + terminal_width(t, one) + gap_columns > columns)
			break;
		all += terminal_put(t, one);
		text += n;
	}
	fputs(gap, stdout);
	return all + gap_columns;
}

static bool is_last(const struct page_row *row, unsigned c)
{
	for (c++; c < PAGE_CELLS; c++)
		if (row->cells[c])
			return false;
	return true;
}

/* Writes a cell, in `width` columns or less. */
static size_t put_cell(const struct page *p, const struct page_section *s, const struct page_row *row, unsigned c, size_t width)
{
	const char *text = row->cells[c] ? row->cells[c] : "";
	size_t own = terminal_width(&p->terminal, text), before = s->right[c] && own < width ? width - own : 0;
	printf("%*s", (int)before, "");
	return before + (is_last(row, c) ? put_beginning(&p->terminal, text, width) : terminal_put_within(&p->terminal, text, width, 0));
}

static void put_row(const struct page *p, const struct page_section *s, const struct page_row *row, const size_t width[PAGE_CELLS])
{
	size_t room = p->width - LABEL, at = 0, begin = 0; /* columns written, and where the cell begins */
	for (unsigned c = 0; c < PAGE_CELLS && begin < room; c++) {
		if (!width[c])
			continue;
		printf("%*s", (int)(begin - at), "");
		at = begin + put_cell(p, s, row, c, width[c] < room - begin ? width[c] : room - begin);
		begin += width[c] + GAP;
		if (is_last(row, c))
			break;
	}
	putchar('\n');
}

/* The line that says how many rows are left out. */
static void put_more(const struct page *p, const struct page_section *s, uint64_t more)
{
	char text[128], digits[COUNT_TEXT];
	snprintf(text, sizeof text, "%s %s more%s%s", p->terminal.utf8 ? "…" : "...", count_digits(more, digits), s->noun ? " " : "",
		 s->noun ? s->noun : "");
	put_beginning(&p->terminal, text, p->width - LABEL);
	putchar('\n');
}

static void put_section(const struct page *p, const struct page_section *s)
{
	size_t width[PAGE_CELLS] = {0};
	size_t rows = rows_shown(s);
	measure(p, s, rows, width);
	for (size_t i = 0; i < rows; i++) {
		printf("%-*s", LABEL, i ? "" : s->label);
		put_row(p, s, &s->rows[i], width);
	}
	if (rows < s->total) {
		printf("%-*s", LABEL, rows ? "" : s->label);
		put_more(p, s, s->total - rows);
	}
}

bool page_put(const struct page *p)
{
	for (size_t i = 0; i < p->count; i++)
		put_section(p, &p->sections[i]);
	return !p->failed;
}
