/* SPDX-License-Identifier: MIT */
/* Results as they are shown, and as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/views/text.h"
#include "mount/commands/stats_tell.h"
#include "mount/log.h"

/* --- cells ---------------------------------------------------------------------------- */

static bool is_clock(enum dtype_kind kind)
{
	return kind == KIND_DATE || kind == KIND_TIME || kind == KIND_TIMESTAMP;
}

static struct cell real_cell(double v)
{
	struct cell c = {.kind = v == v ? CELL_REAL : CELL_NONE, .value = v};
	return c;
}

/* The value of one unit of the integers. */
static double unit_of(const struct array *a)
{
	return dtype_kind(a->dtype) == KIND_DECIMAL ? pow(10, -a->scale) : 1;
}

/* An integer, shown like the array's elements. */
static struct cell whole_cell(const struct summary_plan *p, const struct summary_whole *w)
{
	struct array a = *p->array;
	char text[VIEW_TEXT_NUMBER];
	uint8_t element[sizeof w->limb];
	enum dtype_kind kind = dtype_kind(a.dtype);
	struct cell c = {.kind = is_clock(kind) ? CELL_TIME : CELL_EXACT, .value = summary_whole_value(w) * unit_of(&a)};
	for (size_t i = 0; i < sizeof element; i++)
		element[i] = (uint8_t)(w->limb[i / 8] >> i % 8 * 8);
	a.dtype = p->width == 1 ? p->dtype : a.dtype; /* those of less than a byte */
	a.byteorder = BYTEORDER_LITTLE;
	size_t n = view_text_number(&a, element, text);
	n = n < STATS_CELL ? n : STATS_CELL - 1;
	memcpy(c.exact, text, n);
	c.exact[n] = '\0';
	return c;
}

/* Of points in time the nearest. */
static struct cell mean_cell(const struct summary_plan *p, const struct summary *r)
{
	if (r->parts[0].count == 0)
		return (struct cell){0};
	if (p->kind == SUMMARY_COMPLEX)
		return (struct cell){.kind = CELL_COMPLEX, .value = summary_mean(r, 0), .imaginary = summary_mean(r, 1)};
	if (!is_clock(dtype_kind(p->array->dtype)))
		return real_cell(p->kind == SUMMARY_WHOLE ? summary_mean(r, 0) * unit_of(p->array) : summary_mean(r, 0));
	int64_t nearest = (int64_t)roundl(r->parts[0].mean);
	uint64_t sign = nearest < 0 ? UINT64_MAX : 0;
	return whole_cell(p, &(struct summary_whole){{(uint64_t)nearest, sign, sign, sign}});
}

static void set_cells(const struct job *j, struct row *row)
{
	const struct summary_plan *p = &j->plan;
	const struct summary *r = &j->all;
	bool whole = p->kind == SUMMARY_WHOLE, ordered = r->parts[0].count > 0 && p->kind != SUMMARY_COMPLEX;
	double deviation = summary_deviation(r);
	if (ordered) {
		row->least = whole ? whole_cell(p, &r->least_whole) : real_cell(r->least);
		row->most = whole ? whole_cell(p, &r->most_whole) : real_cell(r->most);
	}
	row->mean = mean_cell(p, r);
	if (!is_clock(dtype_kind(p->array->dtype)))
		row->deviation = real_cell(whole ? deviation * unit_of(p->array) : deviation);
}

/* --- JSON --------------------------------------------------------------------------------- */

static void put_cell(struct text *t, const char *name, const struct cell *c)
{
	text_print(t, ",\"%s\":", name);
	switch (c->kind) {
	case CELL_REAL:
		text_double(t, c->value);
		break;
	case CELL_COMPLEX:
		text_add(t, "\"");
		text_double(t, c->value);
		text_add(t, c->imaginary < 0 ? "" : "+");
		text_double(t, c->imaginary);
		text_add(t, "j\"");
		break;
	case CELL_EXACT:
		text_add(t, c->exact);
		break;
	case CELL_TIME:
		text_json(t, slice_text(c->exact));
		break;
	default:
		text_add(t, "null");
	}
}

static void put_bins(struct text *t, const struct job *j)
{
	double unit = j->plan.kind == SUMMARY_WHOLE ? unit_of(j->plan.array) : 1;
	text_add(t, ",\"hist\":");
	if (!j->binning) {
		text_add(t, "null");
		return;
	}
	for (unsigned i = 0; i <= j->bins.count; i++) {
		text_add(t, i ? "," : "{\"edges\":[");
		text_double(t, j->edges[i] * unit);
	}
	for (unsigned i = 0; i < j->bins.count; i++)
		text_print(t, "%s%" PRIu64, i ? "," : "],\"counts\":[", j->counts[i]);
	text_add(t, "]}");
}

static void tell_json(struct stats *s, const struct job *j, const struct row *row)
{
	struct text line = {0};
	text_add(&line, "{\"path\":");
	text_json(&line, slice_text(j->path));
	if (j->same) {
		text_add(&line, ",\"same_as\":");
		text_json(&line, slice_text(j->same));
	} else {
		text_print(&line, ",\"count\":%" PRIu64, row->count);
		put_cell(&line, "min", &row->least);
		put_cell(&line, "max", &row->most);
		put_cell(&line, "mean", &row->mean);
		put_cell(&line, "std", &row->deviation);
		text_print(&line, ",\"zeros\":%" PRIu64 ",\"nan\":%" PRIu64 ",\"inf\":%" PRIu64, row->zeros, row->nan, row->inf);
		if (s->options->hist)
			put_bins(&line, j);
	}
	text_add(&line, "}\n");
	if (line.failed) {
		log_say("%s: %s: no memory", s->options->source, j->path);
		s->failed = true;
	} else {
		fwrite_unlocked(line.bytes, 1, line.len, stdout);
	}
	text_free(&line);
}

/* --- all ---------------------------------------------------------------------------------------- */

static void note_nan(struct stats *s, const struct job *j)
{
	if (j->all.nan > 0 && s->nan_arrays++ == 0) {
		s->nan_path = strdup(j->path);
		s->nan_count = j->all.nan;
		s->nan_of = j->all.count;
	}
}

void stats_tell(struct stats *s, const struct job *j)
{
	struct row row = {.count = j->all.count, .zeros = j->all.zeros, .nan = j->all.nan, .inf = j->all.inf};
	if (j->failed) {
		progress_clear(&s->progress);
		log_say("%s: %s: %s", s->options->source, *j->path ? j->path : ".", j->err.text);
		s->failed = true;
		return;
	}
	if (!j->same) {
		s->told_arrays++;
		note_nan(s, j);
		set_cells(j, &row);
	}
	if (!s->options->list_json) {
		if (!j->same)
			stats_hold(s, j, &row);
		return;
	}
	if (s->terminal.is)
		progress_clear(&s->progress);
	tell_json(s, j, &row);
	if (s->terminal.is)
		fflush(stdout);
}
