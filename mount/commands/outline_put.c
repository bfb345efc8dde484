/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mount/commands/cells.h"
#include "mount/commands/outline_impl.h"
#include "mount/units.h"

enum {
	WIDEST = 60,    /* a longer name pushes its line's columns aside; on a terminal it is cut */
	NAME_LEAST = 6, /* columns that branches leave to a name on a terminal, without what follows it */
};

/* What it takes to write a line. */
struct page {
	const struct outline *o;
	const struct terminal *t;
	bool human;
	size_t name;  /* the width of the names' column, with the branches */
	size_t after; /* the most that follows a name in it */
	struct cells cells;
	bool narrow;            /* a level takes two columns, not four */
	uint32_t depth;         /* levels that are drawn */
	bool bars[DEEPEST + 2]; /* by level: siblings of what is above the line follow */
};

static bool is_shown(const struct line *l)
{
	return l->times && !l->below;
}

/* The next line that is shown, from that index on. */
static size_t next_shown(const struct outline *o, size_t i)
{
	while (i < o->count && !is_shown(&o->lines[i]))
		for (uint32_t depth = o->lines[i++].depth; i < o->count && o->lines[i].depth > depth;)
			i++;
	return i;
}

static void compare_siblings(struct line *a, struct line *b)
{
	size_t n = terminal_shared(a->name, b->name);
	uint32_t shared = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	a->shared = a->shared > shared ? a->shared : shared;
	b->shared = b->shared > shared ? b->shared : shared;
}

static void mark_siblings(const struct outline *o)
{
	struct line *next[DEEPEST + 2] = {NULL};
	for (size_t i = o->count; i-- > 0;) {
		struct line *l = &o->lines[i];
		memset(next + l->depth + 1, 0, sizeof next - (l->depth + 1) * sizeof *next);
		if (!is_shown(l))
			continue;
		l->more = next[l->depth] != NULL;
		if (l->more)
			compare_siblings(l, next[l->depth]);
		next[l->depth] = l;
	}
}

/* --- texts ------------------------------------------------------------------- */

static const char *contents_text(const struct line *l, char ret[SIZE_TEXT])
{
	snprintf(ret, SIZE_TEXT, l->count == 1 ? "%" PRIu64 " file" : "%" PRIu64 " files", l->count);
	return l->directory && !(l->dtype && *l->dtype) ? ret : l->shape;
}

static const char *bytes_text(const struct line *l, bool human, char ret[SIZE_TEXT])
{
	if (!l->directory && !l->sized)
		return "?";
	size_text(l->bytes, human, ret);
	return l->sized ? ret : strcat(ret, "+");
}

/* "(×80)" after a name, and the columns that it takes; "" for one alone. */
static size_t times_text(const struct terminal *t, const struct line *l, char ret[SIZE_TEXT])
{
	*ret = '\0';
	if (l->times < 2)
		return 0;
	size_t n = (size_t)snprintf(ret, SIZE_TEXT, t->utf8 ? " (×%" PRIu32 ")" : " (x%" PRIu32 ")", l->times);
	return t->utf8 ? n - 1 : n;
}

static bool has_slash(const struct line *l)
{
	return l->directory && l->depth;
}

/* --- lines ------------------------------------------------------------------- */

static size_t step(const struct page *p)
{
	return p->narrow ? 2 : 4;
}

static void put_level(const struct page *p, int which)
{
	static const char *const drawn[2][2][4] = {
		{{"|   ", "    ", "|-- ", "`-- "}, {"│   ", "    ", "├── ", "└── "}},
		{{"| ", "  ", "|-", "`-"}, {"│ ", "  ", "├ ", "└ "}},
	};
	fputs_unlocked(drawn[p->narrow][p->t->utf8][which], stdout);
}

static size_t put_branch(struct page *p, const struct line *l)
{
	uint32_t depth = l->depth < p->depth ? l->depth : p->depth;
	for (uint32_t d = 1; d < depth; d++)
		put_level(p, p->bars[d] ? 0 : 1);
	if (depth)
		put_level(p, l->more ? 2 : 3);
	p->bars[l->depth] = l->more;
	return depth * step(p);
}

/* In at most `room` columns, on a terminal. */
static size_t put_name(const struct page *p, const struct line *l, size_t room)
{
	char times[SIZE_TEXT];
	size_t after = times_text(p->t, l, times) + has_slash(l), n;
	if (l->directory && p->t->colour)
		fputs_unlocked("\033[1;34m", stdout);
	n = p->cells.cut ? terminal_put_within(p->t, l->name, room > after ? room - after : 1, l->shared) : terminal_put(p->t, l->name);
	if (l->directory && p->t->colour)
		fputs_unlocked("\033[0m", stdout);
	fputs_unlocked(has_slash(l) ? "/" : "", stdout);
	fputs_unlocked(times, stdout);
	return n + after;
}

static void put_line(struct page *p, const struct line *l)
{
	char count[SIZE_TEXT], bytes[SIZE_TEXT];
	size_t column = put_branch(p, l);
	column += put_name(p, l, p->name > column ? p->name - column : 0);
	printf("%*s  ", column < p->name ? (int)(p->name - column) : 0, "");
	cells_put(&p->cells, p->t, l->dtype ? l->dtype : "", contents_text(l, count), bytes_text(l, p->human, bytes));
	putc_unlocked('\n', stdout);
}

/* --- all --------------------------------------------------------------------- */

/* Finds the widths of the columns; returns that of the longest name. */
static size_t measure(struct page *p)
{
	char text[SIZE_TEXT];
	size_t longest = 0, cells = p->t->width ? SIZE_MAX : WIDEST; /* on a terminal, they are cut */
	for (size_t i = next_shown(p->o, 0); i < p->o->count; i = next_shown(p->o, i + 1)) {
		const struct line *l = &p->o->lines[i];
		size_t after = times_text(p->t, l, text) + has_slash(l), name = l->depth * step(p) + terminal_width(p->t, l->name) + after;
		cells_widen(&p->after, after, SIZE_MAX);
		cells_widen(&longest, name, SIZE_MAX);
		cells_widen(&p->name, name, WIDEST);
		cells_widen(&p->cells.dtype, l->dtype ? strlen(l->dtype) : 0, cells);
		cells_widen(&p->cells.shape, strlen(contents_text(l, text)), cells);
		cells_widen(&p->cells.size, strlen(bytes_text(l, p->human, text)), WIDEST);
	}
	return longest;
}

/* Fits the page to the terminal's width: first the branches are drawn closer, then names are
 * cut, and where that leaves them nothing the innermost levels are drawn as one. */
static void fit(struct page *p, size_t longest)
{
	size_t left = cells_fit(&p->cells, p->t->width, longest), least = NAME_LEAST + p->after;
	if (longest > left) {
		p->narrow = true;
		longest = measure(p);
		left = cells_fit(&p->cells, p->t->width, longest);
	}
	if (longest > left && left / step(p) < DEEPEST)
		p->depth = left > least ? (uint32_t)((left - least) / step(p)) : 0;
	p->name = longest < left ? longest : left;
}

void outline_put(struct outline *o, const struct terminal *t, bool human)
{
	struct page p = {.o = o, .t = t, .human = human, .depth = DEEPEST};
	outline_fold(o, t->utf8);
	mark_siblings(o);
	size_t longest = measure(&p);
	if (t->width)
		fit(&p, longest);
	for (size_t i = next_shown(o, 0); i < o->count; i = next_shown(o, i + 1))
		put_line(&p, &o->lines[i]);
}
