/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "fs/base/list.h"
#include "mount/commands/outline_impl.h"

static struct line *add_line(struct outline *o, const char *name, size_t len, uint32_t depth)
{
	struct line *grown = list_grow(o->lines, o->count, sizeof *grown);
	if (!grown)
		return NULL;
	o->lines = grown;
	struct line *l = &o->lines[o->count];
	*l = (struct line){.name = strndup(name, len), .depth = depth, .times = 1, .sized = true};
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
static bool enter(struct outline *o, const char *name, size_t len, uint32_t depth, bool below)
{
	const struct line *now = o->depth >= depth ? &o->lines[o->stack[depth]] : NULL;
	if (now && strncmp(now->name, name, len) == 0 && now->name[len] == '\0')
		return true;
	struct line *l = add_line(o, name, len, depth);
	if (!l)
		return false;
	l->directory = true;
	l->below = below;
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

static void add_up(struct outline *o, const struct outline_leaf *leaf, uint32_t depth)
{
	for (uint32_t i = 0; i < depth; i++) {
		struct line *above = &o->lines[o->stack[i]];
		above->count++;
		above->bytes += leaf->bytes;
		above->sized &= leaf->sized;
	}
}

bool outline_add(struct outline *o, const struct outline_leaf *leaf)
{
	const char *name = leaf->path;
	uint32_t depth = 1, most = leaf->most && leaf->most < DEEPEST ? (uint32_t)leaf->most : DEEPEST;
	for (size_t n; n = strcspn(name, "/"), name[n] && depth < DEEPEST; name += n + 1, depth++)
		if (!enter(o, name, n, depth, depth > most))
			return false;
	if (leaf->directory && depth < DEEPEST) /* the next leaves may be in it */
		return enter(o, name, strlen(name), depth, depth > most) && tell_array(&o->lines[o->stack[depth]], leaf);
	o->depth = depth - 1;
	struct line *l = add_line(o, name, strlen(name), depth);
	if (!l)
		return false;
	l->directory = leaf->directory;
	l->below = depth > most;
	l->sized = leaf->sized;
	l->bytes = leaf->bytes;
	if (!leaf->directory)
		add_up(o, leaf, depth);
	return tell_array(l, leaf);
}
