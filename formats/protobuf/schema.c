/* SPDX-License-Identifier: MIT */
/*
 * Descriptors, as protoc writes them: a FileDescriptorSet of files, of messages, of fields.  What is
 * found there is a tree of fields for one message; a message within itself ends it.
 *
 * https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/protobuf/impl.h"
#include "fs/base/list.h"

enum { PROTO2 = 998, PROTO3 = 999, TYPES_MOST = 1 << 18, DEPTH = WIRE_DEPTH };

/* What editions leave to each file, message or field. */
struct features {
	bool implicit, verify, delimited; /* no presence; UTF-8 is checked; messages are groups */
};

struct type {
	struct slice name; /* .package.Outer.Name */
	struct wire body;
	struct features features;
	bool is_enum;
};

struct building {
	struct arena *arena;
	struct error *err;
	struct type *types;
	uint32_t ntypes;
	struct protobuf_schema *schema;
	const struct type *open[DEPTH]; /* messages that are being built */
	uint32_t depth;
};

static int broken(struct building *b, const char *why)
{
	return error_set(b->err, EBADMSG, "the schema: %s", why);
}

static struct slice text_of(const struct wire_field *f)
{
	return (struct slice){f->body.p, wire_left(&f->body)};
}

static struct slice find_text(struct wire w, uint32_t number)
{
	struct wire_field f;
	struct slice ret = {(const uint8_t *)"", 0};
	while (wire_next(&w, &f))
		if (f.number == number && f.type == WIRE_LEN)
			ret = text_of(&f);
	return ret;
}

static bool find_number(struct wire w, uint32_t number, uint64_t *ret)
{
	struct wire_field f;
	bool found = false;
	while (wire_next(&w, &f))
		if (f.number == number && f.type == WIRE_VARINT) {
			*ret = f.value;
			found = true;
		}
	return found;
}

static bool find_message(struct wire w, uint32_t number, struct wire *ret)
{
	struct wire_field f;
	bool found = false;
	while (wire_next(&w, &f))
		if (f.number == number && f.type == WIRE_LEN) {
			*ret = f.body;
			found = true;
		}
	return found;
}

/* Features of options, where the field `number` of these has them. */
static struct features take_features(struct features inherited, struct wire holder, uint32_t options_number, uint32_t number)
{
	struct wire options, features;
	uint64_t value;
	if (!find_message(holder, options_number, &options) || !find_message(options, number, &features))
		return inherited;
	if (find_number(features, 1, &value))
		inherited.implicit = value == 2;
	if (find_number(features, 4, &value))
		inherited.verify = value != 3;
	if (find_number(features, 5, &value))
		inherited.delimited = value == 2;
	return inherited;
}

/* --- all types by name ------------------------------------------------------------------------- */

static int add_type(struct building *b, struct slice scope, struct wire body, struct features features, bool is_enum, struct type *ret)
{
	struct slice name = find_text(body, 1);
	char *full = arena_printf(b->arena, "%.*s.%.*s", (int)scope.len, (const char *)scope.data, (int)name.len, (const char *)name.data);
	struct type *grown = b->ntypes < TYPES_MOST ? list_grow(b->types, b->ntypes, sizeof *grown) : NULL;
	if (!full || !grown)
		return b->ntypes < TYPES_MOST ? error_no_memory(b->err, "the schema") : broken(b, "too many types");
	b->types = grown;
	*ret = (struct type){slice_text(full), body, features, is_enum};
	b->types[b->ntypes++] = *ret;
	return 0;
}

/* As deep as messages are nested in one another: DEPTH. */
static int add_message(struct building *b, struct slice scope, struct wire body, struct features features, unsigned depth)
{
	struct type self;
	struct wire_field f;
	features = take_features(features, body, 7, 12);
	int r = depth < DEPTH ? add_type(b, scope, body, features, false, &self) : broken(b, "messages nested too deep");
	while (r == 0 && wire_next(&body, &f)) {
		struct type unused;
		if (f.number == 3 && f.type == WIRE_LEN)
			r = add_message(b, self.name, f.body, features, depth + 1);
		else if (f.number == 4 && f.type == WIRE_LEN)
			r = add_type(b, self.name, f.body, features, true, &unused);
	}
	return r == 0 && wire_failed(&body) ? broken(b, "no descriptor set") : r;
}

static struct features file_features(struct wire file)
{
	struct slice syntax = find_text(file, 12);
	uint64_t edition = slice_equal(syntax, SLICE("proto3")) ? PROTO3 : PROTO2;
	find_number(file, 14, &edition);
	struct features f = {.implicit = edition == PROTO3, .verify = edition != PROTO2};
	return edition > PROTO3 ? take_features(f, file, 8, 50) : f;
}

static int add_file(struct building *b, struct wire file)
{
	struct slice package = find_text(file, 2);
	struct features features = file_features(file);
	struct wire_field f;
	int r = 0;
	char *scope = package.len ? arena_printf(b->arena, ".%.*s", (int)package.len, (const char *)package.data) : arena_text(b->arena, SLICE(""));
	if (!scope)
		return error_no_memory(b->err, "the schema");
	while (r == 0 && wire_next(&file, &f)) {
		struct type unused;
		if (f.number == 4 && f.type == WIRE_LEN)
			r = add_message(b, slice_text(scope), f.body, features, 0);
		else if (f.number == 5 && f.type == WIRE_LEN)
			r = add_type(b, slice_text(scope), f.body, features, true, &unused);
	}
	return r == 0 && wire_failed(&file) ? broken(b, "no descriptor set") : r;
}

static int compare_types(const void *a, const void *b)
{
	const struct type *x = a, *y = b;
	size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int c = memcmp(x->name.data, y->name.data, n);
	return c ? c : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static const struct type *find_type(const struct building *b, struct slice name)
{
	struct type key = {.name = name};
	return b->ntypes ? bsearch(&key, b->types, b->ntypes, sizeof key, compare_types) : NULL;
}

/* --- one message ----------------------------------------------------------------------------------- */

static int build_message(struct building *b, const struct type *type, bool columns, struct protobuf_message *ret);

static const char *enum_names(struct building *b, const struct type *type)
{
	struct text t = {.limit = 1 << 20};
	struct wire body = type->body;
	struct wire_field f;
	uint64_t number;
	text_add(&t, "{");
	while (wire_next(&body, &f))
		if (f.number == 2 && f.type == WIRE_LEN) {
			number = 0;
			find_number(f.body, 2, &number);
			text_add(&t, t.len > 1 ? "," : "");
			text_json(&t, find_text(f.body, 1));
			text_print(&t, ":%" PRId32, (int32_t)number);
		}
	text_add(&t, "}");
	char *kept = t.failed ? NULL : arena_text(b->arena, text_slice(&t));
	text_free(&t);
	return kept;
}

static bool is_open(const struct building *b, const struct type *type)
{
	for (uint32_t i = 0; i < b->depth; i++)
		if (b->open[i] == type)
			return true;
	return false;
}

/* The type that a field names. */
static int take_named(struct building *b, struct protobuf_field *f, struct slice name, bool columns)
{
	const struct type *type = find_type(b, name);
	uint64_t map = 0;
	struct wire options;
	if (!type || type->is_enum != (f->type == PB_ENUM))
		return error_set(b->err, EBADMSG, "the schema: no %s %.*s in it (protoc --include_imports)", f->type == PB_ENUM ? "enum" : "message",
				 (int)name.len, (const char *)name.data);
	char *word = arena_text(b->arena, (struct slice){name.data + (name.len > 0), name.len - (name.len > 0)});
	if (!word)
		return error_no_memory(b->err, "the schema");
	f->word = word;
	if (f->type == PB_ENUM) {
		f->names = enum_names(b, type);
		return 0;
	}
	if (is_open(b, type)) {
		f->type = PB_BYTES;
		f->within = true;
		return 0;
	}
	f->map = f->repeated && find_message(type->body, 7, &options) && find_number(options, 7, &map) && map;
	f->group &= !f->map; /* whatever the features say: neither maps nor what is in them are between tags */
	f->message = arena_alloc(b->arena, sizeof *f->message);
	if (!f->message)
		return error_no_memory(b->err, "the schema");
	int r = build_message(b, type, columns, f->message);
	for (uint32_t i = 0; r == 0 && f->map && i < f->message->count; i++)
		f->message->fields[i]->presence = f->message->fields[i]->group = false;
	return r;
}

static const char *word_of(uint64_t type)
{
	static const char *const words[] = {
		[PB_DOUBLE] = "double", [PB_FLOAT] = "float", [PB_INT64] = "int64", [PB_UINT64] = "uint64", [PB_INT32] = "int32",
		[PB_FIXED64] = "fixed64", [PB_FIXED32] = "fixed32", [PB_BOOL] = "bool", [PB_STRING] = "string", [PB_GROUP] = "group",
		[PB_MESSAGE] = "message", [PB_BYTES] = "bytes", [PB_UINT32] = "uint32", [PB_ENUM] = "enum", [PB_SFIXED32] = "sfixed32",
		[PB_SFIXED64] = "sfixed64", [PB_SINT32] = "sint32", [PB_SINT64] = "sint64",
	};
	return type < sizeof words / sizeof *words ? words[type] : NULL;
}

static int take_id(struct building *b, struct protobuf_field *f)
{
	struct protobuf_schema *s = b->schema;
	struct protobuf_field **grown = s->count < RECORDS_COLUMNS ? list_grow_in(b->arena, s->fields, s->count, sizeof(void *)) : NULL;
	if (!grown)
		return s->count < RECORDS_COLUMNS ? error_no_memory(b->err, "the schema")
						  : error_set(b->err, ENOTSUP, "records of over %d columns", RECORDS_COLUMNS);
	s->fields = grown;
	f->id = s->count;
	s->fields[s->count++] = f;
	return 0;
}

static int build_field(struct building *b, const struct type *of, struct wire body, bool columns, struct protobuf_field *f)
{
	struct features features = take_features(of->features, body, 8, 21);
	uint64_t number = 0, label = 1, type = 0, oneof = 0, optional = 0;
	find_number(body, 3, &number);
	find_number(body, 4, &label);
	find_number(body, 5, &type);
	find_number(body, 17, &optional);
	bool in_oneof = find_number(body, 9, &oneof);
	if (!word_of(type) || number == 0 || number > UINT32_MAX >> 3 || oneof > UINT16_MAX)
		return broken(b, "a field of no type or number");
	struct slice name = find_text(body, 1);
	char *kept = arena_text(b->arena, name);
	if (!kept)
		return error_no_memory(b->err, "the schema");
	f->name = (struct slice){(const uint8_t *)kept, name.len};
	f->number = (uint32_t)number;
	f->type = (uint8_t)type;
	f->repeated = label == 3;
	f->oneof = in_oneof ? (int32_t)oneof : -1;
	bool message = type == PB_MESSAGE || type == PB_GROUP;
	f->presence = !f->repeated && (message || in_oneof || optional || !features.implicit);
	f->utf8 = type == PB_STRING && features.verify;
	f->group = type == PB_GROUP || (type == PB_MESSAGE && features.delimited);
	f->word = word_of(type);
	int r = columns ? take_id(b, f) : 0;
	return r == 0 && (message || type == PB_ENUM) ? take_named(b, f, find_text(body, 6), columns) : r;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct protobuf_field *const *x = a, *const *y = b;
	return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

/* No two fields have one name, or one number. */
static int check_fields(struct building *b, struct protobuf_message *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		m->by_number[i] = m->fields[i];
		m->fields[i]->index = i;
	}
	qsort(m->by_number, m->count, sizeof(void *), compare_numbers);
	for (uint32_t i = 1; i < m->count; i++)
		if (m->by_number[i]->number == m->by_number[i - 1]->number)
			return broken(b, "two fields of one number");
	return 0;
}

/* As deep as messages are in one another: DEPTH. */
static int build_message(struct building *b, const struct type *type, bool columns, struct protobuf_message *ret)
{
	struct wire body = type->body;
	struct wire_field f;
	uint32_t count = 0;
	if (b->depth == DEPTH)
		return broken(b, "messages over 100 deep");
	while (wire_next(&body, &f))
		count += f.number == 2 && f.type == WIRE_LEN;
	b->open[b->depth++] = type;
	*ret = (struct protobuf_message){.name = type->name, .fields = arena_array(b->arena, count, sizeof(void *)),
					 .by_number = arena_array(b->arena, count, sizeof(void *))};
	int r = ret->fields && ret->by_number ? 0 : error_no_memory(b->err, "the schema");
	body = type->body;
	while (r == 0 && wire_next(&body, &f)) {
		ret->oneofs += f.number == 8;
		if (f.number != 2 || f.type != WIRE_LEN)
			continue;
		struct protobuf_field *one = ret->fields[ret->count] = arena_alloc(b->arena, sizeof *one);
		r = one ? build_field(b, type, f.body, columns, one) : error_no_memory(b->err, "the schema");
		ret->count++;
	}
	b->depth--;
	return r == 0 ? check_fields(b, ret) : r;
}

/* --- the set ---------------------------------------------------------------------------------------- */

static int not_found(struct building *b, const char *name)
{
	const char *near = NULL;
	size_t n = strlen(name);
	for (uint32_t i = 0; i < b->ntypes && !near; i++) {
		struct slice full = b->types[i].name;
		bool ends = full.len > n && memcmp(full.data + full.len - n, name, n) == 0 && full.data[full.len - n - 1] == '.';
		near = ends && !b->types[i].is_enum ? (const char *)full.data + 1 : NULL;
	}
	for (uint32_t i = 0; i < b->ntypes && !near; i++)
		near = b->types[i].is_enum ? NULL : (const char *)b->types[i].name.data + 1;
	return error_set(b->err, ENOENT, "the schema has no message %s%s%s%s", name, near ? ", but " : "", near ? near : "", near ? ", for example" : "");
}

static bool looks_like_source(struct slice set)
{
	for (size_t i = 0; i < set.len && i < 64; i++)
		if (set.data[i] == 0 || (set.data[i] < 0x20 && !strchr("\t\r\n", set.data[i])))
			return false;
	return set.len > 0;
}

static int add_files(struct building *b, struct slice set)
{
	struct wire w = wire_over(set.data, set.len);
	struct wire_field f;
	int r = 0;
	while (r == 0 && wire_next(&w, &f))
		if (f.number == 1 && f.type == WIRE_LEN)
			r = add_file(b, f.body);
	if ((r || wire_failed(&w) || b->ntypes == 0) && looks_like_source(set)) {
		*b->err = (struct error){0};
		return error_set(b->err, EBADMSG, "the schema is no descriptor set: make one of a .proto by "
				 "`protoc --include_imports --descriptor_set_out=FILE X.proto`");
	}
	return r == 0 && wire_failed(&w) ? broken(b, "no descriptor set") : r;
}

int protobuf_schema(struct slice set, const char *name, struct arena *arena, struct protobuf_schema **ret, struct error *err)
{
	struct building b = {.arena = arena, .err = err, .schema = arena_alloc(arena, sizeof **ret)};
	int r = b.schema ? add_files(&b, set) : error_no_memory(err, "the schema");
	if (r == 0 && b.ntypes)
		qsort(b.types, b.ntypes, sizeof *b.types, compare_types);
	char *full = r == 0 ? arena_printf(arena, "%s%s", *name == '.' ? "" : ".", name) : NULL;
	const struct type *type = full ? find_type(&b, slice_text(full)) : NULL;
	if (r == 0 && (!type || type->is_enum))
		r = full ? not_found(&b, name) : error_no_memory(err, "the schema");
	if (r == 0)
		r = build_message(&b, type, true, &b.schema->root);
	*ret = b.schema;
	free(b.types);
	return r;
}

struct protobuf_field *protobuf_field(const struct protobuf_message *m, uint32_t number, uint32_t *hint)
{
	uint32_t low = 0, high = m->count;
	if (*hint < m->count && m->by_number[*hint]->number == number)
		return m->by_number[*hint];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (m->by_number[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	*hint = low;
	return low < m->count && m->by_number[low]->number == number ? m->by_number[low] : NULL;
}
