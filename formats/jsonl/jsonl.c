/* SPDX-License-Identifier: MIT */
/*
 * JSON lines: an object on each line; or one array of objects.
 *
 *	{"id": 1, "tags": ["a", "b"]}           id             int64    1 2
 *	{"id": 2, "tags": []}                   tags/offsets            0 2 2
 *	                                        tags/values/…           a b
 *
 * Shown as one table: formats/shared/records.h.  Lines that are empty are none.
 *
 * https://jsonlines.org, RFC 8259.
 */
#include "formats/jsonl/impl.h"

#include "fs/base/name.h"

static const char *const suffixes[] = {".jsonl", ".ndjson", NULL};
static const char *const document[] = {".json", NULL};

/* --- the kind -------------------------------------------------------------------------------- */

/* In an array, a boundary is after the brace that closes a record. */
static uint64_t split_array(const struct records_span *s, uint64_t from, uint64_t target)
{
	const uint8_t *p = s->bytes + (from - s->at), *end = s->bytes + s->len;
	while (p < end) {
		if (*p == '{') {
			if (!(p = jsonl_pass(p + 1, end, 1)))
				return UINT64_MAX;
			if (s->at + (uint64_t)(p - s->bytes) >= target)
				return s->at + (uint64_t)(p - s->bytes);
			continue;
		}
		if (*p == ']' || *p == '"') /* the end, or nothing that is an element */
			break;
		p++;
	}
	return s->last ? s->at + s->len : UINT64_MAX;
}

static uint64_t split(const struct records_table *t, const struct records_span *s, uint64_t from, uint64_t target)
{
	if (t->own)
		return split_array(s, from, target);
	size_t before = (size_t)(target - s->at) - (target > s->at);
	const uint8_t *p = memchr(s->bytes + before, '\n', s->len - before);
	return p ? s->at + (uint64_t)(p - s->bytes) + 1 : s->last ? s->at + s->len : UINT64_MAX;
}

/* A last line that is not ended may be one that is being written. */
static const uint8_t *find_tail(const struct records_span *s)
{
	const uint8_t *end = s->len ? memrchr(s->bytes, '\n', s->len) : NULL;
	const uint8_t *tail = end ? end + 1 : s->bytes;
	return s->last && tail < s->bytes + s->len ? tail : NULL;
}

static int scan(struct records_scan *w)
{
	struct jsonl_feed *f = w->own ? w->own : (w->own = arena_alloc(w->arena, sizeof *f));
	if (!f)
		return error_no_memory(w->err, "its records");
	jsonl_feed_init(f, w->table, &w->span, w->err);
	f->skip_bad = w->table->skip_bad && !f->array;
	f->tail = f->array ? NULL : find_tail(&w->span);
	int r = records_scan_feed(w, &f->feed);
	w->bad = f->bad;
	w->told = f->words;
	w->units = f->array ? jsonl_lines(f->bytes, r < 0 ? f->p : f->end) : f->lines;
	if (f->left)
		w->end = w->span.at + (uint64_t)(f->left - f->bytes);
	return r;
}

static int decode(struct records_decode *d)
{
	struct jsonl_feed f;
	jsonl_feed_init(&f, d->table, &d->span, d->err);
	f.skip_bad = d->table->bad > 0;
	return records_decode_feed(d, &f.feed);
}

static const struct records_kind kind = {
	.unit = "line",
	.split = split,
	.scan = scan,
	.settle = records_settle_feed,
	.decode = decode,
};

/* --- the file ------------------------------------------------------------------------------------ */

static bool begins(struct slice s, const char *text, size_t len)
{
	return s.len >= len && memcmp(s.data, text, len) == 0;
}

static struct slice pass_white(struct slice s)
{
	while (s.len > 0 && strchr(" \t\r\n", *s.data) && *s.data)
		s = (struct slice){s.data + 1, s.len - 1};
	return s;
}

static struct slice pass_mark(struct slice s)
{
	return begins(s, "\xef\xbb\xbf", 3) ? (struct slice){s.data + 3, s.len - 3} : s;
}

/* One array, of objects if of anything. */
static bool is_array(struct slice head)
{
	struct slice s = pass_white(pass_mark(head));
	if (!begins(s, "[", 1))
		return false;
	s = pass_white((struct slice){s.data + 1, s.len - 1});
	return s.len == 0 || *s.data == '{' || *s.data == ']';
}

/* The first line is an object, as far as it can be seen; in a document another one follows. */
static bool is_lines(const struct records_peek *p, bool more)
{
	struct slice s = pass_white(pass_mark(p->head));
	struct records_table t = {0};
	struct error unsaid = {0};
	struct jsonl_feed f;
	struct record_value v;
	if (!begins(s, "{", 1))
		return false;
	jsonl_feed_init(&f, &t, &(struct records_span){.bytes = s.data, .len = s.len, .last = true}, &unsaid);
	do {
		if (!f.feed.type->next(&f.feed, &v))
			return f.p == f.end && !p->whole && !more;
	} while (f.depth > 0);
	return !more || (f.feed.type->next(&f.feed, &v) && v.kind == RECORD_STRUCT) || (!p->whole && f.p == f.end);
}

static bool jsonl_claims(const struct peek *p, const char *name, const struct archive_options *options)
{
	struct records_peek inner;
	if (options->records.kind)
		return strcmp(options->records.kind, "jsonl") == 0;
	records_peek(p, name, &inner);
	bool json = records_named(&inner, document);
	return records_named(&inner, suffixes) || (json && is_array(inner.head)) || is_lines(&inner, json);
}

static int jsonl_open(struct archive *a, struct error *err)
{
	static const bool array = true;
	uint8_t head[HEAD_SIZE];
	struct records_table how = {.kind = &kind, .end = UINT64_MAX, .skip_bad = a->options->records.skip_bad}, *t;
	struct slice s;
	size_t n = 0;
	int r = records_bytes_open(a, &how.bytes, err);
	if (r == 0)
		r = records_bytes_head(&how.bytes, head, sizeof head, &n, err);
	if (r < 0)
		return r;
	s = (struct slice){head, n};
	if (begins(s, "\xff\xfe", 2) || begins(s, "\xfe\xff", 2))
		return error_set(err, EBADMSG, "UTF-16; JSON lines are UTF-8 (`iconv -f UTF-16 -t UTF-8`)");
	struct slice text = pass_mark(s);
	how.begin = (uint64_t)(text.data - s.data);
	text = pass_white(text);
	if (begins(text, "[", 1)) {
		how.own = &array;
		how.fixed = true;
		how.units = jsonl_lines(head, text.data);
		how.begin = (uint64_t)(text.data + 1 - s.data);
	}
	r = records_open(a, &how, &t, err);
	return r < 0 ? r : records_show_fields(a, t, TREE_ROOT, err);
}

const struct format format_jsonl = {
	.name = "jsonl",
	.claims = jsonl_claims,
	.open = jsonl_open,
	.size = records_size,
	.read = lazy_read,
};
