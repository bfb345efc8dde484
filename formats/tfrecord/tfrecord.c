/* SPDX-License-Identifier: MIT */
/*
 * TFRecord: records one after another, of any bytes.
 *
 *	u64 length, u32 checksum of that, the record, u32 checksum of the record
 *
 * If all are tf.train.Example, or all SequenceExample, their features are columns: plain where every
 * record that has it has one value, else lists.  Else there is one column, `data`.
 *
 * https://www.tensorflow.org/tutorials/load_data/tfrecord
 */
#include "formats/tfrecord/impl.h"

/* By the lengths alone: scan() checks them. */
static uint64_t split(const struct records_table *t, const struct records_span *s, uint64_t from, uint64_t target)
{
	const uint8_t *p = s->bytes + (from - s->at), *aim = s->bytes + (target - s->at), *end = s->bytes + s->len;
	struct wire data;
	(void)t;
	while (p < aim) {
		enum tfrecord_next next = tfrecord_next(&p, end, false, &data);
		if (next != TFRECORD_WHOLE)
			return next == TFRECORD_LENGTH ? RECORDS_NO_MORE : UINT64_MAX;
		tfrecord_prefetch(p, data);
	}
	return s->at + (uint64_t)(p - s->bytes);
}

/* RFC 1950: what TFRecordOptions("ZLIB") writes. */
static bool is_zlib(const struct records_scan *w)
{
	const uint8_t *p = w->span.bytes;
	return w->span.at == 0 && w->units == 0 && p[0] == 0x78 && (p[0] << 8 | p[1]) % 31 == 0;
}

static int refuse(struct records_scan *w, enum tfrecord_next why)
{
	switch (why) {
	case TFRECORD_DATA: return records_broken(w, "its checksum is not that of its bytes");
	case TFRECORD_LENGTH:
		if (is_zlib(w))
			return records_broken(w, "a ZLIB stream, which is not read; TFRecordOptions(\"GZIP\") is");
		return records_broken(w, "its length's checksum is not that of the length: where the next begins is not known");
	default: return records_broken(w, "the file ends within it");
	}
}

static int scan(struct records_scan *w)
{
	const uint8_t *p = w->span.bytes, *end = p + w->span.len, *begin = p;
	bool check = !w->archive->options->no_verify;
	enum tfrecord_next next;
	struct wire data;
	for (; (next = tfrecord_next(&p, end, check, &data)) != TFRECORD_NONE; begin = p) {
		if (next != TFRECORD_WHOLE && !w->table->skip_bad)
			return refuse(w, next);
		if (next == TFRECORD_LENGTH || next == TFRECORD_CUT) {
			w->end = w->span.at + (uint64_t)(begin - w->span.bytes);
			w->end_bad = true;
			break;
		}
		w->units++;
		w->bad += next == TFRECORD_DATA;
		int r = next == TFRECORD_WHOLE ? tfrecord_note(w, data) : 0;
		if (r < 0)
			return r;
		w->rows += next == TFRECORD_WHOLE;
	}
	return 0;
}

static const struct records_kind kind = {
	.unit = "record", .begin = tfrecord_begin, .split = split, .scan = scan, .settle = tfrecord_settle, .decode = tfrecord_decode, .hidden = 1, .no_raw = true,
};

/* Ends it in .tfrecord-00000-of-00005, of any number of digits? */
static bool is_shard(struct slice name)
{
	static const char *const parts[] = {"-of-", ".tfrecord-"};
	size_t len = name.len;
	for (size_t i = 0; i < 2; i++) {
		size_t digits = len, part = strlen(parts[i]);
		while (len > 0 && name.data[len - 1] >= '0' && name.data[len - 1] <= '9')
			len--;
		if (len == digits || len <= part || memcmp(name.data + len - part, parts[i], part) != 0)
			return false;
		len -= part;
	}
	return true;
}

/* NAME.tfrecord, NAME.tfrecords, and NAME.tfrecord-00000-of-00005. */
static bool is_named(const struct records_peek *p)
{
	static const char *const suffixes[] = {".tfrecord", ".tfrecords", NULL};
	return records_named(p, suffixes) || is_shard(p->name);
}

static bool tfrecord_claims(const struct peek *p, const char *name, const struct archive_options *options)
{
	struct records_peek inner;
	if (options->records.kind)
		return strcmp(options->records.kind, "tfrecord") == 0;
	records_peek(p, name, &inner);
	return is_named(&inner) || (inner.head.len >= TFRECORD_HEAD && tfrecord_begins(inner.head.data));
}

static int tfrecord_open(struct archive *a, struct error *err)
{
	struct records_table how = {.kind = &kind, .end = UINT64_MAX, .skip_bad = a->options->records.skip_bad}, *t;
	int r = records_bytes_open(a, &how.bytes, err);
	if (r == 0)
		r = records_open(a, &how, &t, err);
	if (r < 0)
		return r;
	tfrecord_unmark(t);
	return records_show_fields(a, t, TREE_ROOT, err);
}

const struct format format_tfrecord = {
	.name = "tfrecord",
	.claims = tfrecord_claims,
	.open = tfrecord_open,
	.size = records_size,
	.read = lazy_read,
};
