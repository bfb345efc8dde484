/* SPDX-License-Identifier: MIT */
/* -o records and what belongs to it: how files of records without an index are read. */
#include <string.h>

#include "mount/options_impl.h"

static const char *const kinds[] = {"jsonl", "csv", "tsv", "msgpack", "protobuf", "tfrecord", NULL};

static int set_kind(struct options *o, const char *value)
{
	o->records.on = true;
	for (const char *const *k = kinds; *k; k++)
		if (strcmp(value, *k) == 0) {
			o->records.kind = *k;
			return 0;
		}
	return options_usage("records=%s: must be jsonl, csv, tsv, msgpack, protobuf or tfrecord", value);
}

static int set_delimiter(struct options *o, const char *value)
{
	if (strlen(value) != 1 || strchr("\r\n\"", *value))
		return options_usage("delimiter=%s: must be a single character, and neither a quote nor a line end", value);
	o->records.delimiter = *value;
	return 0;
}

static int set_framing(struct options *o, const char *value)
{
	if (strcmp(value, "delimited") == 0)
		o->records.framing = FRAMING_DELIMITED;
	else if (strcmp(value, "message") == 0)
		o->records.framing = FRAMING_MESSAGE;
	else
		return options_usage("framing=%s: must be delimited or message", value);
	return 0;
}

static int set_bad(struct options *o, const char *value)
{
	o->records.skip_bad = strcmp(value, "skip") == 0;
	return o->records.skip_bad || strcmp(value, "refuse") == 0 ? 0 : options_usage("bad-records=%s: must be skip or refuse", value);
}

static int set_quote(struct options *o, const char *value)
{
	return options_no(value, &o->records.no_quote) ? 0 : options_usage("quote=%s: must be yes or no", value);
}

static int set_header(struct options *o, const char *value)
{
	return options_no(value, &o->records.no_header) ? 0 : options_usage("header=%s: must be yes or no", value);
}

static int set_null(struct options *o, const char *value)
{
	o->records.null = value;
	return *value ? 0 : options_usage("null= needs a word");
}

static int set_schema(struct options *o, const char *value)
{
	o->schema = value;
	return *value ? 0 : options_usage("schema= needs a file");
}

static int set_message(struct options *o, const char *value)
{
	o->records.message = value;
	return *value ? 0 : options_usage("message= needs a name: PACKAGE.NAME");
}

static const struct setter {
	const char *name;
	int (*set)(struct options *o, const char *value);
} setters[] = {
	{"records", set_kind}, {"delimiter", set_delimiter}, {"framing", set_framing}, {"bad-records", set_bad}, {"quote", set_quote},
	{"header", set_header}, {"null", set_null}, {"schema", set_schema}, {"message", set_message},
};

const char *const options_records_names[] = {
	"records", "records=", "delimiter=", "framing=", "bad-records=", "quote=", "header=", "null=", "schema=", "message=", NULL,
};

bool options_records(struct options *o, char *word, int *ret)
{
	*ret = 0;
	if (strcmp(word, "records") == 0) {
		o->records.on = true;
		return true;
	}
	for (const struct setter *s = setters; s < setters + sizeof setters / sizeof *setters; s++) {
		size_t n = strlen(s->name);
		if (strncmp(word, s->name, n) != 0 || word[n] != '=')
			continue;
		options_unescape(word + n + 1);
		*ret = s->set(o, word + n + 1);
		return true;
	}
	return false;
}

/* Is an option of one kind given with another? */
static int refuse_for(const struct options *o, const char *option, bool given, const char *kind, const char *or_kind)
{
	const char *asked = o->records.kind;
	if (!given || !asked || strcmp(asked, kind) == 0 || strcmp(asked, or_kind) == 0)
		return 0;
	return options_usage("%s is for %s, not for records=%s", option, kind, asked);
}

int options_records_check(struct options *o)
{
	struct archive_records *r = &o->records;
	int e = refuse_for(o, "delimiter", r->delimiter, "csv", "tsv");
	e = e ? e : refuse_for(o, "quote=no", r->no_quote, "csv", "tsv");
	e = e ? e : refuse_for(o, "header=no", r->no_header, "csv", "tsv");
	e = e ? e : refuse_for(o, "null", r->null, "csv", "tsv");
	e = e ? e : refuse_for(o, "schema", o->schema, "protobuf", "protobuf");
	e = e ? e : refuse_for(o, "framing", r->framing, "protobuf", "protobuf");
	if (e)
		return e;
	if (!o->schema && r->kind && strcmp(r->kind, "protobuf") == 0)
		return options_usage("records=protobuf needs a schema: schema=FILE,message=NAME, FILE by protoc --include_imports --descriptor_set_out=FILE");
	if (!o->schema && (r->message || r->framing))
		return options_usage("%s needs a schema: schema=FILE", r->message ? "message" : "framing");
	if (o->schema && !r->message)
		return options_usage("schema needs a message of it: message=PACKAGE.NAME");
	if (o->schema && !r->on) /* there is nothing else that a schema is for */
		r->kind = "protobuf";
	return 0;
}
