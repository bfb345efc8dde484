/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fs/archive/attrs.h"
#include "fs/mirror/open_archives.h"
#include "mount/commands/info.h"
#include "mount/units.h"

/* The most lines for a list in the details, and for the files that an array is made of. */
enum { LINES_DETAIL = 8, LINES_PARTS = 16 };

enum { DEPTH = 64 }; /* of the files that an array is made of */

/* --- details: JSON of our own, so that it need not be checked ---------------------- */

/* Moves past a string, from its opening quote. */
static const char *pass_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

/* Moves past a value: to the comma or bracket after it. */
static const char *pass_value(const char *at)
{
	int depth = 0;
	while (*at && (depth > 0 || (*at != ',' && *at != ']' && *at != '}'))) {
		depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
		at = *at == '"' ? pass_string(at) : at + 1;
	}
	return at;
}

/* A value for people: without the quotes and braces. */
static void put_plain(const char *at, const char *end, struct text *ret)
{
	while (at < end) {
		const char *next = *at == '"' ? pass_string(at) : at + 1;
		if (*at == '"')
			text_put(ret, (struct slice){(const uint8_t *)at + 1, (size_t)(next - at) - 2});
		else if (*at == ',')
			text_add(ret, ", ");
		else if (*at == ':')
			text_add(ret, " ");
		else if (*at != '{' && *at != '}')
			text_put(ret, (struct slice){(const uint8_t *)at, 1});
		at = next;
	}
}

static void put_detail_row(struct page *p, const char *at, const char *end)
{
	struct text t = {.limit = 2000};
	put_plain(at, end, &t);
	PAGE_ROW(p, t.bytes ? t.bytes : "");
	text_free(&t);
}

/* ,"name":value …: each is a section, of a list of objects with a row for each. */
static void put_details(struct page *p, const char *at)
{
	while (*at == ',' && at[1] == '"') {
		const char *name = at + 2, *value = pass_string(at + 1);
		char label[32];
		snprintf(label, sizeof label, "%.*s", (int)(value - name - 1), name);
		struct page_section *s = page_section(p, label);
		s->lines = LINES_DETAIL;
		const char *end = pass_value(++value);
		if (strncmp(value, "[{", 2) != 0)
			put_detail_row(p, value, end);
		else
			for (const char *one = value + 1, *after; one < end && *one == '{'; one = after + (*after == ','))
				put_detail_row(p, one, after = pass_value(one));
		at = end;
	}
}

/* Adds up the numbers of that name; false if there is none.  Within a string of JSON the quotes would be escaped. */
static bool sum_of(const char *details, const char *name, uint64_t *ret)
{
	*ret = 0;
	bool found = false;
	for (const char *at = details; (at = strstr(at, name)); found = true) {
		uint64_t n = strtoull(at += strlen(name), NULL, 10);
		*ret = n > UINT64_MAX - *ret ? UINT64_MAX : *ret + n;
	}
	return found;
}

/* --- what is known of it ----------------------------------------------------------- */

struct one {
	const struct info *info;
	const struct mirror_ref *ref;
	struct archive *archive;
	struct shaped shaped;
	struct text details;
	uint64_t bytes, stored; /* of the array, and in the file */
	bool sized, told;       /* those are known */
};

static void add_size(struct one *o, const struct node *n, unsigned depth)
{
	uint64_t size = n->kind == NODE_DIR ? 0 : atomic_load_explicit(&n->size, memory_order_acquire);
	o->sized &= size != SIZE_UNKNOWN && depth < DEPTH;
	o->bytes += size == SIZE_UNKNOWN || size > UINT64_MAX - o->bytes ? 0 : size;
	for (uint32_t i = n->kind == NODE_DIR && node_filled(n) && depth < DEPTH ? n->child : 0; i; i = tree_node(&o->archive->tree, i)->next)
		add_size(o, tree_node(&o->archive->tree, tree_resolve(&o->archive->tree, i)), depth + 1);
}

static struct one look_at(const struct info *i, const struct mirror_ref *ref)
{
	struct one o = {.info = i, .ref = ref, .archive = &ref->open->archive, .sized = true};
	struct error err = {0};
	shape_known(o.archive, ref->node, &o.shaped);
	add_size(&o, ref->node, 0);
	if (o.archive->format->details)
		o.archive->format->details(o.archive, ino_index(ref->ino), ref->node, &o.details, &err);
	const char *details = o.details.bytes ? o.details.bytes : "";
	o.told = sum_of(details, ",\"storage_size\":", &o.stored) || sum_of(details, ",\"compressed_size\":", &o.stored);
	if (!o.told && o.sized && !o.shaped.array.codec && ref->node->kind == NODE_RANGE) {
		o.told = true;
		o.stored = o.bytes;
	}
	return o;
}

/* --- for people ----------------------------------------------------------------------- */

/* The archive's own word, where it says something else. */
static const char *own_type(const struct array *a, const struct text *type)
{
	return a->type && type->bytes && strcasecmp(a->type, type->bytes) != 0 ? a->type : "";
}

static void put_dtype(struct page *p, const struct one *o)
{
	const struct array *a = &o->shaped.array;
	struct text type = {.limit = 1000};
	const char *order = attrs_byteorder(a), *own;
	info_type(o->archive, o->ref->node, &type);
	own = own_type(a, &type);
	if (type.len)
		page_field(p, "dtype", "%s%s%s%s%s%s", type.bytes, *own ? ", " : "", own, order ? ", " : "", order ? order : "",
			   order ? "-endian" : "");
	text_free(&type);
	if (info_nullable(o->archive, o->ref->node))
		page_field(p, "nulls", "are allowed");
}

static void put_shape(struct page *p, const struct one *o)
{
	const struct array *a = &o->shaped.array;
	struct text dims = {.limit = 1000}, shape = {.limit = 4096};
	char count[COUNT_TEXT];
	uint64_t elements;
	if (!info_elements(a, &elements))
		return;
	info_shape(a, &shape);
	page_field(p, "shape", "%s%s", shape.bytes ? shape.bytes : "", a->fortran && a->rank > 1 ? ", column-major" : "");
	if (info_dimensions(o->ref, &dims))
		page_field(p, "dimensions", "%s", dims.bytes);
	if (a->rank != 1)
		page_field(p, "elements", "%s", count_text(elements, count));
	text_free(&shape);
	text_free(&dims);
}

static void put_sizes(struct page *p, const struct one *o)
{
	char bytes[COUNT_TEXT], share[COUNT_TEXT], stored[COUNT_TEXT];
	uint64_t all = archive_bytes(o->archive);
	page_field(p, "size", o->sized ? "%s" : o->bytes ? "%s and what only decoding tells" : "only decoding tells", bytes_text(o->bytes, bytes));
	if (o->told)
		page_field(p, "stored", "%s, %s of the file", bytes_text(o->stored, stored), share_text(o->stored, all, share));
	if (o->shaped.array.codec)
		page_field(p, "compression", "%s", o->shaped.array.codec);
}

static void put_part(struct page *p, const struct one *o, const struct node *n)
{
	char size[SIZE_TEXT];
	struct text type = {.limit = 1000}, shape = {.limit = 1000};
	struct shaped shaped;
	uint64_t bytes = n->kind == NODE_DIR ? SIZE_UNKNOWN : atomic_load_explicit(&n->size, memory_order_acquire);
	shape_known(o->archive, n, &shaped);
	info_type(o->archive, n, &type);
	info_shape(&shaped.array, &shape);
	PAGE_ROW(p, n->name, type.bytes ? type.bytes : "", shape.bytes ? shape.bytes : "",
		 bytes != SIZE_UNKNOWN ? size_text(bytes, true, size) : n->kind == NODE_DIR ? "" : "?");
	text_free(&type);
	text_free(&shape);
}

static void put_parts(struct page *p, const struct one *o)
{
	const struct tree *t = &o->archive->tree;
	const struct node *dir = o->ref->node;
	if (dir->kind != NODE_DIR || !node_filled(dir))
		return;
	struct page_section *s = page_section(p, "files");
	s->lines = LINES_PARTS;
	s->noun = "files";
	s->right[3] = true;
	for (uint32_t i = dir->child; i; i = tree_node(t, i)->next)
		put_part(p, o, tree_node(t, tree_resolve(t, i)));
}

static void put_attr(void *arg, const char *name, const char *value)
{
	PAGE_ROW(arg, name, value);
}

static void put_one(struct page *p, const struct one *o)
{
	const struct attr *error = node_error(o->ref->node);
	struct text values = {.limit = 4096};
	put_dtype(p, o);
	put_shape(p, o);
	put_sizes(p, o);
	if (error)
		page_field(p, "unreadable", "%.*s", (int)error->value.len, error->value.data);
	if (o->details.bytes && !o->details.failed)
		put_details(p, o->details.bytes);
	put_parts(p, o);
	page_section(p, "attributes")->noun = "attributes";
	info_attrs(o->archive, ino_index(o->ref->ino), o->ref->node, put_attr, p);
	info_values(o->info->m, o->ref, false, &values);
	if (values.len)
		page_field(p, "values", "%s", values.bytes);
	text_free(&values);
}

static bool put_page(const struct info *i, const struct mirror_ref *ref, struct one *o)
{
	struct page p = page_new();
	struct error err = {0};
	char bytes[COUNT_TEXT];
	struct stat st;
	page_field(&p, "path", "%s", i->path);
	if (o)
		put_one(&p, o);
	else if (mirror_stat(i->m, ref, -1, &st, &err) == 0)
		page_field(&p, "size", "%s", S_ISREG(st.st_mode) ? bytes_text((uint64_t)st.st_size, bytes) : "none");
	err.text[0] = '\0';
	if (!o && mirror_fault(i->m, ref, &err) < 0)
		page_field(&p, "no archive", "%s", err.text);
	bool fine = page_put(&p);
	page_free(&p);
	return fine;
}

/* --- for programs ------------------------------------------------------------------------ */

/* What the JSON view says of it, and what else the page does. */
static void put_json(const struct info *i, const struct mirror_ref *ref, const struct one *o, struct text *t)
{
	struct error err = {0};
	struct text values = {.limit = 4096};
	struct stat st;
	uint64_t elements;
	if (mirror_stat(i->m, ref, -1, &st, &err) < 0)
		st = (struct stat){.st_mode = S_IFREG};
	mirror_describe(i->m, ref, i->path, NULL, &st, &views[VIEW_JSON], t);
	if (!o || t->failed || t->len < 2)
		return;
	t->len -= 2; /* "}\n" */
	if (info_elements(&o->shaped.array, &elements))
		text_print(t, ",\"elements\":%" PRIu64, elements);
	if (o->told)
		text_print(t, ",\"stored_size\":%" PRIu64, o->stored);
	info_values(i->m, o->ref, true, &values);
	text_add(t, values.len ? ",\"values\":[" : "");
	text_put(t, text_slice(&values));
	text_add(t, values.len ? "]" : "");
	text_free(&values);
	text_add(t, "}\n");
}

bool info_array(struct info *i, const struct mirror_ref *ref, struct text *t)
{
	bool array = ref->node && ref->open && !ino_view(ref->ino);
	struct one o = {0};
	bool fine = true;
	if (array && ref->node->kind == NODE_DIR)
		archive_fill(&ref->open->archive, (uint32_t)ref->ino, NULL);
	if (array)
		o = look_at(i, ref);
	if (t)
		put_json(i, ref, array ? &o : NULL, t);
	else
		fine = put_page(i, ref, array ? &o : NULL);
	text_free(&o.details);
	return fine;
}
