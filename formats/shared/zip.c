/* SPDX-License-Identifier: MIT */
#include "formats/shared/zip.h"

#include <inttypes.h>
#include <stdlib.h>

#include "formats/shared/slice_map.h"

enum {
	END = 22,              /* 4.3.16 end of central directory record, without its comment */
	COMMENT_MAX = 65535,
	END64 = 56,            /* 4.3.14 zip64 end of central directory record */
	LOCATOR = 20,          /* 4.3.15 */
	ENTRY = 46,            /* 4.3.12 central directory header, without variable-length fields */
	LOCAL = 30,            /* 4.3.7 local file header, likewise */
	MEMBERS_MAX = 10000000,
	EXTRA_ZIP64 = 1,       /* 4.5.3 */
	ENCRYPTED = 1,         /* 4.4.4, bit 0 */
	PROBE_MAX = 1 << 16,   /* bytes of the directory that a probe reads */
};

/* Where bytes are read from: an open source, or one being probed. */
struct bytes {
	const struct source *source;
	const struct peek *peek;
	uint64_t size;
};

static int get(const struct bytes *b, uint64_t offset, void *ret, size_t len, struct error *err)
{
	if (b->source)
		return source_read(b->source, offset, ret, len, err);
	return peek_at(b->peek, offset, ret, len) ? 0 : -EIO;
}

/* --- the end -------------------------------------------------------------------- */

struct end {
	uint64_t at;    /* offset of the directory */
	uint64_t size, count;
	uint64_t shift; /* bytes before the archive: all stored offsets are too small by that */
};

static bool is_signature(const uint8_t *p, const char *two)
{
	return p[0] == 'P' && p[1] == 'K' && p[2] == (uint8_t)two[0] && p[3] == (uint8_t)two[1];
}

/* The directory ends where the end record begins, whatever its stated offset. */
static bool settle(struct end *e, uint64_t record, uint64_t stated)
{
	if (e->size > record || stated > record - e->size || e->count > e->size / ENTRY)
		return false;
	e->at = record - e->size;
	e->shift = e->at - stated;
	return true;
}

/* Reads the record of 4.3.14; the locator before the end record gives its offset. */
static bool read_end64(const struct bytes *b, uint64_t end, struct end *ret)
{
	uint8_t bytes[END64];
	if (end < LOCATOR || get(b, end - LOCATOR, bytes, LOCATOR, NULL) < 0 || !is_signature(bytes, "\6\7"))
		return false;
	struct cursor c = cursor_over((struct slice){bytes + 8, 8});
	uint64_t stated = cursor_u64le(&c), before = end - LOCATOR;
	/* Directly before the locator, unless it is longer than usual. */
	const uint64_t places[] = {before - END64, stated};
	for (int i = before < END64; i < 2; i++) {
		if (!range_within(places[i], END64, before) || get(b, places[i], bytes, END64, NULL) < 0 || !is_signature(bytes, "\6\6"))
			continue;
		c = cursor_over((struct slice){bytes + 32, END64 - 32});
		ret->count = cursor_u64le(&c);
		ret->size = cursor_u64le(&c);
		return settle(ret, places[i], cursor_u64le(&c));
	}
	return false;
}

static bool read_end(const struct bytes *b, const uint8_t *record, uint64_t at, struct end *ret)
{
	struct cursor c = cursor_over((struct slice){record + 4, END - 4});
	unsigned disk = cursor_u16le(&c), first = cursor_u16le(&c), here = cursor_u16le(&c);
	ret->count = cursor_u16le(&c);
	ret->size = cursor_u32le(&c);
	uint64_t stated = cursor_u32le(&c);
	bool large = ret->count == UINT16_MAX || ret->size == UINT32_MAX || stated == UINT32_MAX;
	if (large && read_end64(b, at, ret))
		return true;
	return disk == 0 && first == 0 && here == ret->count && settle(ret, at, stated);
}

/* The last record whose comment ends with the file and whose directory fits before it. */
static bool find_end(const struct bytes *b, unsigned comment_max, struct end *ret)
{
	enum { STEP = 1024 };
	uint8_t bytes[STEP + END];
	uint64_t least = b->size < END + comment_max ? 0 : b->size - END - comment_max;
	for (uint64_t high = b->size < END ? 0 : b->size - END + 1; high > least;) { /* begins before `high` */
		uint64_t low = high - least > STEP ? high - STEP : least;
		if (get(b, low, bytes, (size_t)(high - low) + END - 1, NULL) < 0)
			return false;
		for (uint64_t at = high; at-- > low;) {
			const uint8_t *p = bytes + (at - low);
			if (is_signature(p, "\5\6") && b->size - at - END == (p[20] | (unsigned)p[21] << 8) && read_end(b, p, at, ret))
				return true;
		}
		high = low;
	}
	return false;
}

/* Every plain file of a mirrored directory is asked, so of those that do not begin as a zip
 * only the last kilobyte is read: an archive behind other bytes has hardly a long comment, too. */
static bool find_end_by_probe(const struct bytes *b, struct end *ret)
{
	struct cursor head = b->peek->head;
	return find_end(b, cursor_match(&head, "PK", 2) ? COMMENT_MAX : 1000, ret);
}

bool zip_probe(const struct peek *p)
{
	struct bytes b = {.peek = p, .size = p->size};
	struct end end;
	return find_end_by_probe(&b, &end);
}

/* --- the directory ----------------------------------------------------------------- */

/* 4.5.3: holds only the values that did not fit their fields, in this order. */
static void read_zip64(struct cursor extra, uint64_t *size, uint64_t *packed, uint64_t *header)
{
	uint64_t *const fields[] = {size, packed, header};
	while (!extra.failed && cursor_left(&extra) >= 4) {
		unsigned id = cursor_u16le(&extra);
		struct cursor c = cursor_sub(&extra, cursor_u16le(&extra));
		for (int i = 0; id == EXTRA_ZIP64 && i < 3; i++)
			if (*fields[i] == UINT32_MAX && cursor_left(&c) >= 8)
				*fields[i] = cursor_u64le(&c);
	}
}

enum codec_id zip_codec(unsigned method)
{
	switch (method) {
	case ZIP_DEFLATED: return CODEC_DEFLATE;
	case 12: return CODEC_BZIP2;
	case 14: return CODEC_LZMA;
	case 93: return CODEC_ZSTD;
	case 95: return CODEC_XZ;
	default: return CODEC_NONE;
	}
}

static const char *fault_of(unsigned flags, unsigned method)
{
	if (flags & ENCRYPTED)
		return "encrypted";
	if (method == ZIP_STORED || zip_codec(method) != CODEC_NONE)
		return NULL;
	switch (method) { /* 4.4.5 */
	case 1: return "compressed by shrinking, which arrayfs does not read";
	case 6: return "compressed by imploding, which arrayfs does not read";
	case 9: return "compressed with Deflate64, which arrayfs does not read";
	case 96: return "compressed as JPEG, which arrayfs does not read";
	case 97: return "compressed with WavPack, which arrayfs does not read";
	case 98: return "compressed with PPMd, which arrayfs does not read";
	default: return "compressed by an unknown method";
	}
}

/* False at the end of the data. The name points into the cursor's bytes. */
static bool read_entry(struct cursor *c, uint64_t shift, struct zip_member *ret)
{
	struct cursor head = cursor_sub(c, ENTRY);
	bool good = cursor_match(&head, "PK\1\2", 4);
	cursor_skip(&head, 4);
	unsigned flags = cursor_u16le(&head);
	*ret = (struct zip_member){.method = cursor_u16le(&head)};
	cursor_skip(&head, 4);
	ret->crc = cursor_u32le(&head);
	ret->packed = cursor_u32le(&head);
	ret->size = cursor_u32le(&head);
	unsigned name = cursor_u16le(&head), extra = cursor_u16le(&head), comment = cursor_u16le(&head);
	cursor_skip(&head, 8);
	ret->header = cursor_u32le(&head);
	ret->name = cursor_take(c, name);
	read_zip64(cursor_sub(c, extra), &ret->size, &ret->packed, &ret->header);
	cursor_skip(c, comment);
	ret->fault = fault_of(flags, ret->method);
	return good && !head.failed && !c->failed && !__builtin_add_overflow(ret->header, shift, &ret->header);
}

/* 4.3.7: the data follow the local header's variable-length fields, which may be longer than
 * the directory's. */
static int find_data(const struct bytes *b, struct zip_member *m, uint64_t end, struct error *err)
{
	uint8_t bytes[LOCAL];
	if (!range_within(m->header, LOCAL, end))
		return -EBADMSG;
	int r = get(b, m->header, bytes, sizeof bytes, err);
	if (r < 0 || !is_signature(bytes, "\3\4"))
		return r < 0 ? r : -EBADMSG;
	struct cursor c = cursor_over((struct slice){bytes + 26, 4});
	unsigned name = cursor_u16le(&c);
	m->data = m->header + LOCAL + name + cursor_u16le(&c);
	return range_within(m->data, m->packed, end) ? 0 : -EBADMSG;
}

static int cut(struct slice name)
{
	enum { SHOWN = 100 };
	return name.len < SHOWN ? (int)name.len : SHOWN;
}

static int read_members(const struct bytes *b, const struct end *end, struct cursor *c, struct arena *keep,
			struct arena *scratch, struct zip *ret, struct error *err)
{
	struct slice_map names = {.arena = scratch};
	bool fresh = true;
	for (uint32_t i = 0; i < ret->count; i++) {
		struct zip_member *m = &ret->members[i];
		if (!read_entry(c, end->shift, m))
			return error_set(err, EBADMSG, "entry %" PRIu32 " of %" PRIu32 " in its directory is invalid", i + 1, ret->count);
		if (slice_map_add(&names, m->name, &fresh) == SLICE_MAP_NONE)
			return error_set(err, ENOMEM, "no memory for the names of its members");
		if (!fresh)
			return error_set(err, EBADMSG, "two members are called %.*s", cut(m->name), m->name.data);
		if (!(m->name.data = (const uint8_t *)arena_text(keep, m->name)))
			return error_set(err, ENOMEM, "no memory for the names of its members");
		int r = find_data(b, m, end->at, err);
		if (r == -EBADMSG)
			return error_set(err, EBADMSG, "member %.*s is not at byte %" PRIu64, cut(m->name), m->name.data, m->header);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct zip_member *x = *(struct zip_member *const *)a, *y = *(struct zip_member *const *)b;
	return (x->header > y->header) - (x->header < y->header);
}

/* Overlapping members could decompress to far more than was ever stored. */
static int check_overlap(const struct zip *z, struct arena *scratch, struct error *err)
{
	struct zip_member **sorted = arena_array(scratch, z->count + 1u, sizeof *sorted);
	if (!sorted)
		return error_set(err, ENOMEM, "no memory for %" PRIu32 " members", z->count);
	for (uint32_t i = 0; i < z->count; i++)
		sorted[i] = &z->members[i];
	qsort(sorted, z->count, sizeof *sorted, by_place);
	for (uint32_t i = 1; i < z->count; i++) {
		const struct zip_member *a = sorted[i - 1], *b = sorted[i];
		if (a->data + a->packed > b->header)
			return error_set(err, EBADMSG, "members %.*s and %.*s overlap", cut(a->name), a->name.data, cut(b->name), b->name.data);
	}
	return 0;
}

int zip_read(const struct source *s, struct arena *keep, struct arena *scratch, struct zip *ret, struct error *err)
{
	struct bytes b = {.source = s, .size = s->size};
	struct cursor c;
	struct end end;
	*ret = (struct zip){0};
	if (!find_end(&b, COMMENT_MAX, &end))
		return error_set(err, EBADMSG, "no valid end of a zip archive: it may be cut short");
	if (end.count > MEMBERS_MAX)
		return error_set(err, EBADMSG, "%" PRIu64 " members, over the limit of %d", end.count, MEMBERS_MAX);
	int r = source_load(s, scratch, end.at, end.size, &c, err);
	if (r < 0)
		return r;
	ret->count = (uint32_t)end.count;
	if (!(ret->members = arena_array(keep, ret->count + 1u, sizeof *ret->members)))
		return error_set(err, ENOMEM, "no memory for %" PRIu32 " members", ret->count);
	r = read_members(&b, &end, &c, keep, scratch, ret, err);
	return r < 0 ? r : check_overlap(ret, scratch, err);
}

bool zip_any(const struct peek *p, bool (*is)(const struct peek *p, const struct zip_member *m))
{
	uint8_t bytes[1024];
	struct bytes b = {.peek = p, .size = p->size};
	struct zip_member m;
	struct end end;
	if (!find_end_by_probe(&b, &end))
		return false;
	uint64_t most = end.size < PROBE_MAX ? end.size : PROBE_MAX;
	for (uint64_t at = 0; at < most;) {
		size_t n = most - at < sizeof bytes ? (size_t)(most - at) : sizeof bytes;
		if (get(&b, end.at + at, bytes, n, NULL) < 0)
			return false;
		struct cursor c = cursor_over((struct slice){bytes, n}), next = c;
		while (read_entry(&next, end.shift, &m)) {
			if (find_data(&b, &m, end.at, NULL) == 0 && is(p, &m))
				return true;
			c = next;
		}
		if (cursor_at(&c) == 0) /* none, or longer than any we look for */
			return false;
		at += cursor_at(&c);
	}
	return false;
}
