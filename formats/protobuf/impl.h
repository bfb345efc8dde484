/* SPDX-License-Identifier: MIT */
#pragma once
#include "formats/shared/records.h"
#include "formats/shared/wire.h"

/* --- the schema, schema.c ---------------------------------------------------------------------- */

/* Types as descriptors number them. */
enum protobuf_type {
	PB_DOUBLE = 1, PB_FLOAT, PB_INT64, PB_UINT64, PB_INT32, PB_FIXED64, PB_FIXED32, PB_BOOL, PB_STRING, PB_GROUP, PB_MESSAGE, PB_BYTES,
	PB_UINT32, PB_ENUM, PB_SFIXED32, PB_SFIXED64, PB_SINT32, PB_SINT64,
};

struct protobuf_message {
	struct slice name;
	struct protobuf_field **fields;    /* in the schema's order, */
	struct protobuf_field **by_number; /* and in that of their numbers */
	uint32_t count;
	uint32_t oneofs;
};

struct protobuf_field {
	struct slice name;
	uint32_t number, index; /* index: in its message */
	uint32_t id;            /* among all fields that are columns: its column is first seen at 2 * id, its element at 2 * id + 1 */
	uint8_t type;           /* enum protobuf_type; of a message within itself PB_BYTES */
	bool repeated, map;
	bool presence;          /* absent is null, else the default */
	bool utf8;              /* a string that is not UTF-8 breaks its record */
	bool group;             /* a message between tags of its own */
	bool within;            /* a message within itself */
	int32_t oneof;          /* its number in the message; -1: none */
	const char *word;       /* the schema's word for the type */
	const char *names;      /* of an enum: its values by name, JSON; or NULL */
	struct protobuf_message *message; /* of messages and groups */
};

struct protobuf_schema {
	struct protobuf_message root;
	struct protobuf_field **fields; /* by id */
	uint32_t count;
	bool single; /* the file is one message, whose repeated fields are tables */
};

/* The message of that name and all that is in it, from a FileDescriptorSet; in the arena. */
int protobuf_schema(struct slice set, const char *name, struct arena *arena, struct protobuf_schema **ret, struct error *err);

struct protobuf_field *protobuf_field(const struct protobuf_message *m, uint32_t number, uint32_t *hint);

/* --- values, value.c ------------------------------------------------------------------------------ */

/* Is the field as the schema has it, or is it unknown?  Packed, if it is repeated, counts too. */
bool protobuf_fits(const struct protobuf_field *f, const struct wire_field *w);

/* The bits of a number as it is shown. */
uint64_t protobuf_bits(const struct protobuf_field *f, uint64_t value);
enum records_type protobuf_shown(const struct protobuf_field *f);
static inline bool protobuf_is_number(const struct protobuf_field *f)
{
	return f->type != PB_STRING && f->type != PB_BYTES && !f->message;
}

/* Elements of one occurrence of a repeated field: how many, false if packed numbers are not whole; and the next of these. */
bool protobuf_count(const struct protobuf_field *f, const struct wire_field *w, uint64_t *ret);
bool protobuf_packed(const struct protobuf_field *f, struct wire *packed, uint64_t *ret_value);

/* What is set of a message's fields, after all of it was read. */
struct protobuf_slot {
	bool set;
	uint32_t times;
	struct wire_field last; /* of a message that occurs several times: joined */
};

/* Reads it; slots by the fields' index, from the arena.  -EBADMSG: it is broken; or -ENOMEM; no sentence. */
int protobuf_read(const struct protobuf_message *m, struct wire body, struct arena *arena, struct protobuf_slot **ret);

/* The one field alone; likewise.  `once`: it is known to come once at most, and nothing after it is read. */
int protobuf_read_one(const struct protobuf_message *m, const struct protobuf_field *f, struct wire body, bool once, struct arena *arena,
		       struct protobuf_slot *ret);

/* The value as JSON. */
void protobuf_json(const struct protobuf_field *f, const struct wire_field *w, struct arena *arena, struct text *t);

/* --- records, table.c ------------------------------------------------------------------------------- */

int protobuf_begin(struct records_scan *w);
int protobuf_scan(struct records_scan *w);
void protobuf_settle(const struct records_table *t, struct records_column *c);
int protobuf_decode(struct records_decode *d);
uint64_t protobuf_split(const struct records_table *t, const struct records_span *s, uint64_t from, uint64_t target);
