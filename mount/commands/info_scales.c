/* SPDX-License-Identifier: MIT */
/*
 * Dimensions that have names: HDF5's dimension scales (HDF5 Dimension Scale Specification), of
 * which netCDF-4 makes its dimensions.  A scale has the attribute CLASS; an array refers to one
 * for each of its dimensions in DIMENSION_LIST, whose value is shown as their paths.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/archive/attrs.h"
#include "fs/base/list.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/info.h"

/* Arrays that are checked, so that a file of a million costs no more than its names. */
enum { LOOK_MOST = 4096 };

/* The name that netCDF gives a scale that is a dimension but not a variable (netCDF-4, nc4hdf.c). */
#define BARE "This is a netCDF dimension but not a netCDF variable"

static bool attr_begins(struct archive *a, uint32_t index, const struct node *n, const char *name, const char *text)
{
	struct text value = {.limit = 4096};
	bool is = info_attr_of(a, index, n, name, &value) && strncmp(value.bytes, text, strlen(text)) == 0;
	text_free(&value);
	return is;
}

/* May it grow for ever, along its first dimension? */
static bool is_unlimited(struct archive *a, uint32_t index, const struct node *n)
{
	struct text details = {0};
	struct error err = {0};
	bool is = a->format->details && a->format->details(a, index, n, &details, &err) == 0 && details.bytes &&
		  strstr(details.bytes, ",\"maxshape\":[null");
	text_free(&details);
	return is;
}

void info_scale(struct info *i, const struct mirror_ref *ref, const char *path, bool *ret_bare)
{
	struct archive *a = &ref->open->archive;
	uint32_t index = ino_index(ref->ino);
	const struct node *n = ref->node;
	if (i->looked++ >= LOOK_MOST || !n->array || n->array->unshaped || !attr_begins(a, index, n, "CLASS", "DIMENSION_SCALE"))
		return;
	struct scale *grown = list_grow(i->scales, i->nscales, sizeof *grown);
	char *copy = grown ? strdup(path) : NULL;
	i->scales = grown ? grown : i->scales;
	if (!copy) {
		i->failed = true;
		return;
	}
	i->scales[i->nscales++] = (struct scale){copy, n->array->rank ? n->array->shape[0] : 1, is_unlimited(a, index, n)};
	*ret_bare = attr_begins(a, index, n, "NAME", BARE);
}

/* Moves past a string of JSON, from its opening quote; *ret_name: what follows its last '/'. */
static const char *pass_string(const char *at, struct slice *ret_name)
{
	const char *name = ++at;
	for (; *at && *at != '"'; at += *at == '\\' && at[1] ? 2 : 1)
		if (*at == '/')
			name = at + 1;
	*ret_name = (struct slice){(const uint8_t *)name, (size_t)(at - name)};
	return *at ? at + 1 : at;
}

/* Moves past the next inner list; *ret_name is of the first path in it, empty if there is none. */
static const char *pass_list(const char *at, struct slice *ret_name)
{
	struct slice name;
	*ret_name = (struct slice){NULL, 0};
	while (*at && *at != ']') {
		if (*at == '"') {
			at = pass_string(at, &name);
			*ret_name = ret_name->len ? *ret_name : name;
		} else {
			at++;
		}
	}
	return *at ? at + 1 : at;
}

/* Of [["/x"],[],…], where one without a scale has its extent. */
static void put_list(const char *list, const struct array *array, struct text *ret)
{
	for (uint32_t i = 0; i < array->rank; i++) {
		struct slice name;
		list = pass_list(list, &name);
		text_add(ret, i ? ", " : "(");
		if (name.len)
			text_put(ret, name);
		else
			text_print(ret, "%" PRIu64, array->shape[i]);
	}
	text_add(ret, ")");
}

bool info_dimensions(const struct mirror_ref *ref, struct text *ret)
{
	struct archive *a = &ref->open->archive;
	uint32_t index = ino_index(ref->ino);
	const struct array *array = ref->node->array;
	struct text list = {.limit = 1 << 16};
	if (!a->format->references || !array || array->unshaped || array->rank == 0)
		return false;
	bool listed = info_attr_of(a, index, ref->node, "DIMENSION_LIST", &list) && list.bytes[0] == '[';
	if (listed)
		put_list(list.bytes + 1, array, ret);
	else if (array->rank == 1 && attr_begins(a, index, ref->node, "CLASS", "DIMENSION_SCALE"))
		text_print(ret, "(%s)", ref->node->name); /* a coordinate: its own */
	text_free(&list);
	return ret->len > 0;
}
