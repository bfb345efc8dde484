/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "fs/mirror/open_archives.h"
#include "mount/commands/info.h"
#include "mount/units.h"
#include "mount/commands/walk.h"

/* Lines of all, of the dtypes, and those that attributes have in any case. */
enum { LINES = 20, LINES_DTYPES = 4, LINES_ATTRS = 4 };

/* "1 array", "2 arrays". */
enum { PLURAL_TEXT = COUNT_TEXT + 16 };
static const char *plural(uint64_t n, const char *one, char ret[PLURAL_TEXT])
{
	char digits[COUNT_TEXT];
	snprintf(ret, PLURAL_TEXT, "%s %s%s", count_digits(n, digits), one, n == 1 ? "" : "s");
	return ret;
}

/* --- the archive as a whole ------------------------------------------------------- */

static void put_format(struct page *p, struct archive *a, const struct overview *s)
{
	char size[COUNT_TEXT], files[PLURAL_TEXT];
	uint64_t bytes = archive_bytes(a);
	page_field(p, "format", s->versioned ? "%s, %s %s" : "%s", a->format->name, s->versioned, s->version);
	if (s->writer.len)
		page_field(p, "writer", "%s", s->writer.bytes);
	if (archive_sources(a) > 1)
		page_field(p, "size", "%s in %s", bytes_text(bytes, size), plural(archive_sources(a), "file", files));
	else
		page_field(p, "size", "%s", bytes_text(bytes, size));
}

static void put_rows(struct page *p, const struct info *i, const struct overview *s)
{
	char rows[COUNT_TEXT], count[COUNT_TEXT];
	struct text t = {.limit = 200};
	text_print(&t, "%s; columns: %s", count_text(info_rows(i->archive), rows), count_digits(i->arrays, count));
	if (s->parts)
		text_print(&t, "; %s: %s", s->parts, count_digits(s->count, count));
	for (size_t k = 0; k < t.len; k++)
		t.bytes[k] = t.bytes[k] == '_' ? ' ' : t.bytes[k];
	page_field(p, "rows", "%s", t.bytes ? t.bytes : "");
	text_free(&t);
}

/* "1.5G"; "1.5G+" or "?" where there is more that only decoding would reveal. */
static const char *known_text(uint64_t bytes, bool sized, char ret[SIZE_TEXT + 2])
{
	size_text(bytes, true, ret);
	if (!sized)
		strcpy(bytes ? ret + strlen(ret) : ret, bytes ? "+" : "?");
	return ret;
}

/* --- sums ------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	const struct tally_one *x = a, *y = b;
	return x->bytes != y->bytes ? (x->bytes < y->bytes ? 1 : -1) : x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->name, y->name);
}

static void sort(struct tally *t)
{
	if (t->count)
		qsort(t->ones, t->count, sizeof *t->ones, by_bytes);
}

static void put_archives(struct page *p, struct info *i)
{
	char size[SIZE_TEXT], count[COUNT_TEXT], rows[PLURAL_TEXT], bytes[COUNT_TEXT];
	sort(&i->formats);
	struct page_section *s = page_section(p, "archives");
	s->right[1] = s->right[2] = true;
	s->lines = LINES_DTYPES;
	for (size_t k = 0; k < i->formats.count; k++) {
		const struct tally_one *one = &i->formats.ones[k];
		PAGE_ROW(p, one->name, count_digits(one->count, count), size_text(one->bytes, true, size),
			 one->rows ? plural(one->rows, "row", rows) : "");
	}
	if (i->formats.count == 0)
		PAGE_ROW(p, "none");
	if (i->files)
		page_field(p, "other files", "%s, %s", count_text(i->files, count), bytes_text(i->file_bytes, bytes));
	if (i->directories)
		page_field(p, "directories", "%s", count_text(i->directories, count));
}

static void put_sums(struct page *p, const struct info *i)
{
	char count[COUNT_TEXT], bytes[COUNT_TEXT];
	count_text(i->arrays, count);
	bytes_text(i->bytes, bytes);
	if (i->unsized)
		page_field(p, "arrays", "%s, %s and what only decoding tells of %" PRIu64, count, bytes, i->unsized);
	else
		page_field(p, "arrays", i->arrays ? "%s, %s" : "none", count, bytes);
	if (i->blocks)
		page_field(p, "parameters", "%s, %.2f bits each where quantized", count_text(i->parameters, count),
			   8 * (double)i->block_bytes / (double)i->blocks);
	else if (i->parameters)
		page_field(p, i->nscales ? "elements" : "parameters", "%s", count_text(i->parameters, count));
}

static void put_dtypes(struct page *p, struct info *i)
{
	char share[COUNT_TEXT], size[SIZE_TEXT + 2], count[PLURAL_TEXT];
	struct page_section *s;
	if (i->dtypes.count == 0)
		return;
	sort(&i->dtypes);
	s = page_section(p, "dtypes");
	s->noun = "dtypes";
	s->lines = LINES_DTYPES;
	s->right[1] = s->right[2] = true;
	for (size_t k = 0; k < i->dtypes.count; k++) {
		const struct tally_one *one = &i->dtypes.ones[k];
		PAGE_ROW(p, one->name, i->unsized ? "" : share_text(one->bytes, i->bytes, share), known_text(one->bytes, !one->unsized, size),
			 plural(one->count, i->table ? "column" : "array", count));
	}
}

static void put_codecs(struct page *p, struct info *i)
{
	struct text t = {.limit = 1000};
	char count[PLURAL_TEXT];
	if (i->codecs.count == 0 || (i->codecs.count == 1 && strcmp(i->codecs.ones->name, "none") == 0))
		return;
	sort(&i->codecs);
	for (size_t k = 0; k < i->codecs.count; k++)
		text_print(&t, "%s%s (%s)", k ? ", " : "", i->codecs.ones[k].name, plural(i->codecs.ones[k].count, i->table ? "column" : "array", count));
	if (t.bytes)
		page_field(p, "compression", "%s", t.bytes);
	text_free(&t);
}

static void put_scales(struct page *p, const struct info *i)
{
	struct text t = {.limit = 1000};
	for (size_t k = 0; k < i->nscales; k++) {
		const char *slash = strrchr(i->scales[k].path, '/');
		text_print(&t, "%s%s %" PRIu64 "%s", k ? ", " : "", slash ? slash + 1 : i->scales[k].path, i->scales[k].size,
			   i->scales[k].unlimited ? " (unlimited)" : "");
	}
	if (t.bytes)
		page_field(p, "dimensions", "%s", t.bytes);
	text_free(&t);
}

static void put_faults(struct page *p, const struct info *i)
{
	char count[COUNT_TEXT];
	if (i->faults + i->refused)
		page_field(p, "unreadable", "%s: %s", count_digits(i->faults + i->refused, count), i->why);
}

/* --- attributes and arrays -------------------------------------------------------- */

static void put_attr(void *arg, const char *name, const char *value)
{
	PAGE_ROW(arg, name, value);
}

static struct page_section *put_attrs(struct page *p, const struct mirror_ref *top)
{
	struct page_section *s = page_section(p, "attributes");
	s->noun = "attributes";
	if (top->node && top->open)
		info_attrs(&top->open->archive, ino_index(top->ino), top->node, put_attr, p);
	return s;
}

/* What its units are and what it is, as the conventions for netCDF (CF) have it. */
static void put_note(struct archive *a, const struct mirror_ref *ref, struct text *ret)
{
	static const char *const names[] = {"units", "long_name"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct text value = {.limit = 200};
		if (info_attr_of(a, ino_index(ref->ino), ref->node, names[i], &value) && value.len)
			text_print(ret, "%s%s", ret->len ? ", " : "", value.bytes);
		text_free(&value);
	}
}

static void put_item(struct page *p, const struct info *i, const struct item *a)
{
	char size[SIZE_TEXT + 2];
	struct text dims = {.limit = 1000}, note = {.limit = 500};
	struct mirror_ref ref;
	if (walk_resolve(i->m, a->path, false, &ref, &(struct error){0}) == 0) {
		if (ref.node && ref.open) {
			info_dimensions(&ref, &dims);
			put_note(&ref.open->archive, &ref, &note);
		}
		mirror_put(i->m, &ref);
	}
	PAGE_ROW(p, a->path, a->dtype, dims.len ? dims.bytes : a->shape, known_text(a->bytes, a->sized, size), note.len ? note.bytes : "");
	text_free(&dims);
	text_free(&note);
}

static void put_column(struct page *p, const struct item *a)
{
	bool same = !a->type || strcasecmp(a->type, a->dtype) == 0;
	PAGE_ROW(p, a->path, a->dtype, same ? "" : a->type, a->nullable ? "nullable" : "");
}

/* Sections of which only the first rows are kept. */
static void put_columns(struct page *p, const struct info *i, unsigned room)
{
	struct page_section *s = page_section(p, "columns");
	s->noun = "columns";
	s->lines = room;
	for (size_t k = 0; k < i->nfirst; k++)
		put_column(p, &i->first[k]);
	s->total = i->arrays;
}

/* All of them, or the first, of a file with named dimensions; else the largest. */
static void put_arrays(struct page *p, const struct info *i, bool first, unsigned room)
{
	struct page_section *s = page_section(p, i->nscales ? "variables" : first ? "contents" : "largest");
	s->noun = i->nscales ? "variables" : "arrays";
	s->lines = room;
	s->right[3] = true;
	for (size_t k = 0; k < (first ? i->nfirst : i->nlargest); k++)
		put_item(p, i, first ? &i->first[k] : &i->largest[k]);
	if (first)
		s->total = i->arrays;
}

static unsigned lines_of(const struct page *p)
{
	unsigned lines = 0;
	for (size_t i = 0; i < p->count; i++)
		lines += (unsigned)page_lines(&p->sections[i]);
	return lines;
}

/* Shares the lines that are left between attributes and arrays: some are for attributes in any case, and what
 * arrays do not need. */
static void put_rest(struct page *p, const struct info *i, const struct mirror_ref *top, bool table)
{
	unsigned left = LINES - lines_of(p), few = left > ITEMS_LARGEST + LINES_ATTRS ? LINES_ATTRS : left > ITEMS_LARGEST + 1 ? left - ITEMS_LARGEST : 1;
	struct page_section *attrs = put_attrs(p, top);
	uint64_t wanted = attrs->total < few ? attrs->total : few;
	bool first = table || i->nscales || i->arrays + wanted <= left;
	uint64_t need = first ? i->arrays : i->nlargest;
	attrs->lines = need + few < left ? left - (unsigned)need : few;
	left -= (unsigned)page_lines(attrs);
	if (table)
		put_columns(p, i, left);
	else
		put_arrays(p, i, first, left);
}

bool info_page(struct info *i, const struct mirror_ref *top)
{
	struct page p = page_new();
	struct archive *whole = i->below ? NULL : i->archive;
	struct overview overview = {0};
	bool table = whole && info_is_table(whole);
	if (*i->path)
		page_field(&p, "path", "%s", i->path);
	if (whole && whole->format->overview)
		whole->format->overview(whole, &overview);
	if (whole)
		put_format(&p, whole, &overview);
	else if (!i->archive)
		put_archives(&p, i);
	if (table)
		put_rows(&p, i, &overview);
	else
		put_sums(&p, i);
	put_dtypes(&p, i);
	put_codecs(&p, i);
	put_scales(&p, i);
	put_faults(&p, i);
	put_rest(&p, i, top, table);
	text_free(&overview.writer);
	bool fine = page_put(&p);
	page_free(&p);
	return fine;
}
