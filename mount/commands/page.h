/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "fs/base/text.h"
#include "mount/terminal.h"

/*
 * A page of facts for people: sections, one below the other, each with a label on its left and
 * rows of cells on its right.  No line is wider than the page: first cells lose their middle,
 * last ones their end, and those in between the excess.
 *
 * A cell's text is copied, at most CELL_MOST bytes of it, and written as terminal.h has it.  If
 * memory runs out, rows are left out, and page_put() reports it.
 */
enum { PAGE_CELLS = 5, PAGE_SECTIONS = 40, PAGE_ROWS = 1000, PAGE_WIDTH = 80 };

struct page_section {
	char label[16];
	struct page_row {
		char *cells[PAGE_CELLS]; /* NULL: empty */
	} *rows;
	size_t count;
	uint64_t total;    /* rows in all: those added, of which the first PAGE_ROWS are kept, or more */
	const char *noun;  /* what the rows are, of those that are left out: "more columns"; or NULL */
	unsigned lines;    /* how many lines it may take; 0: as many as there are rows */
	bool right[PAGE_CELLS]; /* aligned to the right */
};

struct page {
	struct terminal terminal;
	size_t width;
	struct page_section *sections; /* those that have rows */
	size_t count;
	bool full;   /* the last section that was asked for is lost */
	bool failed;
};

/* For standard output. */
struct page page_new(void);
void page_free(struct page *p);

/* A section of its own; rows are added to the last one.  Valid until the next is added; never NULL. */
struct page_section *page_section(struct page *p, const char *label);

/* Adds a row, of strings: PAGE_ROW(&p, "one", "two"). */
#define PAGE_ROW(p, ...) page_row(p, (const char *const[PAGE_CELLS]){__VA_ARGS__})
void page_row(struct page *p, const char *const cells[PAGE_CELLS]);

/* A section of one row of one cell. */
void page_field(struct page *p, const char *label, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* How many lines a section takes. */
uint64_t page_lines(const struct page_section *s);

/* Writes it; false if memory ran out. */
bool page_put(const struct page *p);

/* A number of things: "9,216", and from a million on also "70.6 B (70,553,706,496)". */
enum { COUNT_TEXT = 64 };
const char *count_digits(uint64_t n, char ret[COUNT_TEXT]);
const char *count_text(uint64_t n, char ret[COUNT_TEXT]);

/* "132G (141,107,412,992 bytes)", or "96 bytes". */
const char *bytes_text(uint64_t n, char ret[COUNT_TEXT]);

/* How much of all that is, in percent: "0.1%"; never 0% or 100% where that is not quite so. */
const char *share_text(uint64_t part, uint64_t all, char ret[COUNT_TEXT]);
