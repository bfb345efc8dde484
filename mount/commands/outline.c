/* SPDX-License-Identifier: MIT */
#include "mount/commands/outline.h"
#include "fs/base/list.h"
#include "mount/units.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEEPEST = 64, /* deeper items are shown with their path from there, to bound the indent */
	WIDEST = 60,  /* a longer name pushes its line's columns aside; on a terminal it is cut */
	CELL = 24,    /* on a terminal, the widest dtype or shape */
	CELL_LEAST = 4,
	NAME_LEAST = 12,
};

struct line {
	char *name, *dtype, *shape;
	uint32_t depth;
	bool directory, more; /* more: siblings follow */
	bool sized;           /* false: something in it is of unknown size */
	uint64_t bytes, count;
};

struct outline {
	struct line *lines;
	size_t count;
	size_t stack[DEEPEST + 1]; /* the lines of the directories above the last leaf */
	uint32_t depth;            /* of the deepest one */
};

/* --- adding ------------------------------------------------------------------ */

static struct line *add_line(struct outline *o, const char *name, size_t len, uint32_t depth)
{
	struct line *grown = list_grow(o->lines, o->count, sizeof *grown);
	if (!grown)
		return NULL;
	o->lines = grown;
	struct line *l = &o->lines[o->count];
	*l = (struct line){.name = strndup(name, len), .depth = depth, .sized = true};
	o->count += l->name != NULL;
	return l->name ? l : NULL;
}

struct outline *outline_new(const char *root)
{
	struct outline *o = calloc(1, sizeof *o);
	struct line *l = o ? add_line(o, root, strlen(root), 0) : NULL;
	if (!l) {
		outline_free(o);
		return NULL;
	}
	l->directory = true;
	return o;
}

void outline_free(struct outline *o)
{
	for (size_t i = 0; o && i < o->count; i++)
		free(o->lines[i].name), free(o->lines[i].dtype), free(o->lines[i].shape);
	if (o)
		free(o->lines);
	free(o);
}

/* Enters a directory, unless it is the current one at that depth. */
static bool enter(struct outline *o, const char *name, size_t len, uint32_t depth)
{
	const struct line *now = o->depth >= depth ? &o->lines[o->stack[depth]] : NULL;
	if (now && strncmp(now->name, name, len) == 0 && now->name[len] == '\0')
		return true;
	struct line *l = add_line(o, name, len, depth);
	if (!l)
		return false;
	l->directory = true;
	o->stack[depth] = o->count - 1;
	o->depth = depth;
	return true;
}

static bool tell_array(struct line *l, const struct outline_leaf *leaf)
{
	free(l->dtype), free(l->shape);
	l->dtype = strdup(leaf->dtype);
	l->shape = strdup(leaf->shape);
	return l->dtype && l->shape;
}

bool outline_add(struct outline *o, const struct outline_leaf *leaf)
{
	const char *name = leaf->path;
	uint32_t depth = 1;
	for (size_t n; n = strcspn(name, "/"), name[n] && depth < DEEPEST; name += n + 1, depth++)
		if (!enter(o, name, n, depth))
			return false;
	if (leaf->directory && depth < DEEPEST) /* the next leaves may be in it */
		return enter(o, name, strlen(name), depth) && tell_array(&o->lines[o->stack[depth]], leaf);
	o->depth = depth - 1;
	struct line *l = add_line(o, name, strlen(name), depth);
	if (!l)
		return false;
	l->directory = leaf->directory;
	l->sized = leaf->sized;
	l->bytes = leaf->bytes;
	for (uint32_t i = 0; i < depth && !leaf->directory; i++) {
		struct line *above = &o->lines[o->stack[i]];
		above->count++;
		above->bytes += leaf->bytes;
		above->sized &= leaf->sized;
	}
	return tell_array(l, leaf);
}

/* --- writing ----------------------------------------------------------------- */

static void mark_siblings(const struct outline *o)
{
	bool more[DEEPEST + 2] = {false};
	for (size_t i = o->count; i-- > 0;) {
		struct line *l = &o->lines[i];
		l->more = more[l->depth];
		more[l->depth] = true;
		memset(more + l->depth + 1, 0, sizeof more - l->depth - 1);
	}
}

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

/* Draws at most `most` levels. */
static size_t put_branch(const struct outline *o, const struct terminal *t, size_t index, bool bars[DEEPEST + 2], uint32_t most)
{
	static const char *const drawn[2][4] = {{"|   ", "    ", "|-- ", "`-- "}, {"│   ", "    ", "├── ", "└── "}};
	const struct line *l = &o->lines[index];
	uint32_t depth = l->depth < most ? l->depth : most;
	for (uint32_t d = 1; d < depth; d++)
		fputs_unlocked(drawn[t->utf8][bars[d] ? 0 : 1], stdout);
	if (depth)
		fputs_unlocked(drawn[t->utf8][l->more ? 2 : 3], stdout);
	bars[l->depth] = l->more;
	return depth * 4;
}

/* The widths of the columns. */
struct widths {
	int name, dtype, contents, bytes;
	uint32_t depth; /* levels that are drawn */
	bool cells;     /* dtypes and contents are cut at their widths, too */
	bool cut;       /* names are cut at their column */
};

static size_t put_name(const struct terminal *t, const struct line *l, size_t room, bool cut)
{
	bool slash = l->directory && l->depth;
	if (l->directory && t->colour)
		fputs_unlocked("\033[1;34m", stdout);
	size_t n = cut ? terminal_put_within(t, l->name, room > slash ? room - slash : 0, 0) : terminal_put(t, l->name);
	if (l->directory && t->colour)
		fputs_unlocked("\033[0m", stdout);
	if (slash)
		putchar_unlocked('/');
	return n + slash;
}

static void put_line(const struct outline *o, const struct terminal *t, size_t index, bool human, const struct widths *w,
		     bool bars[DEEPEST + 2])
{
	const struct line *l = &o->lines[index];
	char count[SIZE_TEXT], bytes[SIZE_TEXT];
	size_t column = put_branch(o, t, index, bars, w->depth), all = (size_t)w->name;
	column += put_name(t, l, all > column ? all - column : 0, w->cut);
	printf("%*s  %-*.*s  %-*.*s  %*s\n", column < all ? (int)(all - column) : 0, "", w->dtype, w->cells ? w->dtype : INT_MAX,
	       l->dtype ? l->dtype : "", w->contents, w->cells ? w->contents : INT_MAX, contents_text(l, count), w->bytes,
	       bytes_text(l, human, bytes));
}

static void widen(int *width, size_t n, size_t widest)
{
	if (n > (size_t)*width && n <= widest)
		*width = (int)n;
}

/* The width of a column that would take `a`, limited to `b`. */
static int cell(int a, int b)
{
	int least = b > CELL_LEAST ? b : CELL_LEAST;
	return a < least ? a : least;
}

/* Limits the widths so that no line is wider than the terminal; `longest` is the longest
 * name, with the branches drawn before it. */
static void fit(struct widths *w, size_t longest, size_t columns)
{
	int left = (int)columns - w->bytes - 6 - NAME_LEAST;
	w->dtype = cell(w->dtype, left - CELL_LEAST < CELL ? left - CELL_LEAST : CELL);
	w->contents = cell(w->contents, left - w->dtype < CELL ? left - w->dtype : CELL);
	left += NAME_LEAST - w->dtype - w->contents;
	w->cells = true;
	if (left > 0 && longest <= (size_t)left)
		return;
	w->cut = true;
	w->name = w->name < left ? w->name : left;
	w->name = w->name > NAME_LEAST ? w->name : NAME_LEAST;
	w->depth = (uint32_t)(w->name - NAME_LEAST / 2) / 4;
}

void outline_put(const struct outline *o, const struct terminal *t, bool human)
{
	char text[SIZE_TEXT];
	struct widths w = {.depth = DEEPEST};
	bool bars[DEEPEST + 2] = {false};
	size_t longest = 0, cells = t->width ? INT_MAX : WIDEST; /* on a terminal, they are cut later */
	mark_siblings(o);
	for (size_t i = 0; i < o->count; i++) {
		const struct line *l = &o->lines[i];
		size_t name = l->depth * 4 + terminal_width(t, l->name) + (l->directory && l->depth);
		longest = name > longest ? name : longest;
		widen(&w.name, name, WIDEST);
		widen(&w.dtype, l->dtype ? strlen(l->dtype) : 0, cells);
		widen(&w.contents, strlen(contents_text(l, text)), cells);
		widen(&w.bytes, strlen(bytes_text(l, human, text)), WIDEST);
	}
	if (t->width)
		fit(&w, longest, t->width);
	for (size_t i = 0; i < o->count; i++)
		put_line(o, t, i, human, &w, bars);
}
