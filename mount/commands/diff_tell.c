/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "mount/commands/diff.h"

static const char *const sides[] = {"A", "B"};

static void put_escaped(const struct diff *d, struct text *t, const char *name)
{
	terminal_escape(t, slice_text(name), d->terminal.is, false);
}

/* Writes the beginning that all differences share. */
static void begin(const struct diff *d, struct text *t, const struct item *item, const char *what)
{
	char *own = item_path(item);
	const char *path = own && *own ? own : ".";
	if (!own)
		t->failed = -ENOMEM;
	if (d->options->list_json) {
		text_add(t, t->len ? ",\n{\"path\":" : "{\"path\":");
		text_json(t, slice_text(path));
		text_print(t, ",\"what\":\"%s\"", what);
	} else {
		put_escaped(d, t, path);
		text_add(t, ": ");
	}
	free(own);
}

static void end(const struct diff *d, struct text *t)
{
	text_add(t, d->options->list_json ? "}" : "\n");
}

void tell_only(const struct diff *d, struct text *t, const struct item *item, int side)
{
	if (d->options->list_json) {
		begin(d, t, item, "only");
		text_print(t, ",\"in\":\"%s\"}", sides[side]);
		return;
	}
	text_print(t, "only in %s: ", sides[side]);
	char *path = item_path(item);
	if (path)
		put_escaped(d, t, path);
	else
		t->failed = -ENOMEM;
	free(path);
	text_add(t, item->kind == ITEM_DIR || item->kind == ITEM_SAME ? "/\n" : "\n");
}

static void put_value(const struct diff *d, struct text *t, const char *value, bool json)
{
	if (!d->options->list_json)
		put_escaped(d, t, value);
	else if (json)
		text_add(t, value);
	else
		text_json(t, slice_text(value));
}

void tell_unequal(const struct diff *d, struct text *t, const struct item *item, const char *what, const char *a,
		  const char *b, bool json)
{
	begin(d, t, item, what);
	if (d->options->list_json)
		text_add(t, ",\"a\":");
	else
		text_print(t, "%s ", what);
	put_value(d, t, a, json);
	text_add(t, d->options->list_json ? ",\"b\":" : " in A, ");
	put_value(d, t, b, json);
	text_add(t, d->options->list_json ? "" : " in B");
	end(d, t);
}

void tell_attribute(const struct diff *d, struct text *t, const struct item *item, struct slice name, int side)
{
	struct text whole = {0};
	text_add(&whole, "user.");
	text_put(&whole, name);
	begin(d, t, item, "attribute");
	text_add(t, d->options->list_json ? ",\"name\":" : "attribute ");
	if (d->options->list_json)
		text_json(t, text_slice(&whole));
	else if (whole.bytes)
		put_escaped(d, t, whole.bytes);
	if (side < 0)
		text_add(t, d->options->list_json ? "" : " differs");
	else
		text_print(t, d->options->list_json ? ",\"in\":\"%s\"" : " only in %s", sides[side]);
	end(d, t);
	t->failed = t->failed ? t->failed : whole.failed;
	text_free(&whole);
}

/* --- values -------------------------------------------------------------- */

/* [3,1]; or, for an array without a matching shape, [number] */
static void put_index(struct text *t, const struct array *array, uint64_t count, uint64_t index)
{
	uint64_t elements, after = count;
	if (!array || array->unshaped || array->fortran || !shape_elements(array->shape, array->rank, &elements) ||
	    elements != count) {
		text_print(t, "[%" PRIu64 "]", index);
		return;
	}
	text_add(t, "[");
	for (uint32_t i = 0; i < array->rank; i++) {
		after /= array->shape[i];
		text_print(t, "%s%" PRIu64, i ? "," : "", index / after);
		index %= after;
	}
	text_add(t, "]");
}

static void put_distance(struct text *t, const struct compare *c, const struct compare_result *r, bool json)
{
	if (c->kind == COMPARE_WHOLE)
		text_print(t, "%" PRIu64, r->whole);
	else if (!json && r->largest > 0 && r->largest * 0 != 0)
		text_add(t, "inf");
	else
		text_double(t, r->largest);
}

static void values_as_json(struct text *t, const struct array *array, const struct compare *c, uint64_t count,
			   const struct compare_result *r)
{
	text_print(t, ",\"unit\":\"%s\",\"count\":%" PRIu64 ",\"differ\":%" PRIu64 ",\"first\":",
		   c->elements ? "element" : "byte", count, r->differ);
	put_index(t, array, count, r->first);
	if (r->measured) {
		text_add(t, ",\"largest\":");
		put_distance(t, c, r, true);
		text_add(t, ",\"at\":");
		put_index(t, array, count, r->at);
	}
	if (r->nan)
		text_print(t, ",\"nan\":%" PRIu64, r->nan);
}

void tell_values(const struct diff *d, struct text *t, const struct item *item, const struct array *array,
		 const struct compare *c, uint64_t count, const struct compare_result *r)
{
	const struct array *indexed = c->elements ? array : NULL;
	begin(d, t, item, "values");
	if (d->options->list_json) {
		values_as_json(t, indexed, c, count, r);
		end(d, t);
		return;
	}
	text_print(t, "%" PRIu64 " of %" PRIu64 " %s differ, ", r->differ, count, c->elements ? "elements" : "bytes");
	text_add(t, r->measured ? "largest absolute difference " : "first");
	if (r->measured)
		put_distance(t, c, r, false);
	text_add(t, " at ");
	put_index(t, indexed, count, r->measured ? r->at : r->first);
	if (r->nan)
		text_print(t, ", %" PRIu64 " NaN on one side", r->nan);
	end(d, t);
}
