/* SPDX-License-Identifier: MIT */
/* The end record of a zip archive, from which everything else is found. */
#include "formats/shared/zip_impl.h"

#include <inttypes.h>

/* The directory ends where the end record begins, whatever its stated offset. */
static bool settle(struct zip_end *e, uint64_t record, uint64_t stated)
{
	if (e->size > record || stated > record - e->size || e->count > e->size / ENTRY)
		return false;
	e->at = record - e->size;
	e->shift = e->at - stated;
	return true;
}

/* 0 if the bytes are not there. */
static int get_if_there(const struct zip_bytes *b, uint64_t offset, void *ret, size_t len, bool *there, struct error *err)
{
	struct error why = {0};
	int r = zip_get(b, offset, ret, len, &why);
	*there = r == 0;
	return error_passes(r) ? error_set(err, -r, "%s", why.text) : 0;
}

/* Reads the record of 4.3.14; the locator before the end record gives its offset.  There may
 * be one where the end record has room for all numbers, too.  1: there is one that fits. */
static int read_end64(const struct zip_bytes *b, uint64_t end, struct zip_end *ret, struct error *err)
{
	uint8_t bytes[END64];
	bool there = false;
	int r = end < LOCATOR ? 0 : get_if_there(b, end - LOCATOR, bytes, LOCATOR, &there, err);
	if (r < 0 || !there || !zip_is_signature(bytes, "\6\7"))
		return r;
	struct cursor c = cursor_over((struct slice){bytes + 8, 8});
	uint64_t stated = cursor_u64le(&c), before = end - LOCATOR;
	/* Directly before the locator, unless it is longer than usual. */
	const uint64_t places[] = {before - END64, stated};
	for (int i = before < END64; i < 2; i++) {
		if (!range_within(places[i], END64, before))
			continue;
		if ((r = get_if_there(b, places[i], bytes, END64, &there, err)) < 0)
			return r;
		if (!there || !zip_is_signature(bytes, "\6\6"))
			continue;
		c = cursor_over((struct slice){bytes + 32, END64 - 32});
		ret->count = cursor_u64le(&c);
		ret->size = cursor_u64le(&c);
		return settle(ret, places[i], cursor_u64le(&c));
	}
	return 0;
}

/* 1: it fits. */
static int read_end(const struct zip_bytes *b, const uint8_t *record, uint64_t at, struct zip_end *ret, struct error *err)
{
	struct cursor c = cursor_over((struct slice){record + 4, END - 4});
	unsigned disk = cursor_u16le(&c), first = cursor_u16le(&c), here = cursor_u16le(&c);
	struct zip_end small = {.record = at, .seen = true}, large = small;
	small.count = cursor_u16le(&c);
	small.size = cursor_u32le(&c);
	int wide = read_end64(b, at, &large, err);
	if (wide < 0)
		return wide;
	bool fits = wide || (disk == 0 && first == 0 && here == small.count && settle(&small, at, cursor_u32le(&c)));
	if (fits || !ret->seen) /* of those that do not fit, the last is reported */
		*ret = wide || (!fits && large.count) ? large : small;
	return fits;
}

/* Looks backwards for a record whose directory fits before it, and whose comment ends with the file or,
 * if not `exact`, before that.  1: there is one. */
static int search_end(const struct zip_bytes *b, unsigned comment_max, bool exact, struct zip_end *ret, struct error *err)
{
	enum { STEP = 1024 };
	uint8_t bytes[STEP + END];
	uint64_t least = b->size < END + comment_max ? 0 : b->size - END - comment_max;
	for (uint64_t high = b->size < END ? 0 : b->size - END + 1; high > least;) { /* begins before `high` */
		uint64_t low = high - least > STEP ? high - STEP : least;
		int r = zip_get(b, low, bytes, (size_t)(high - low) + END - 1, err);
		if (r < 0)
			return r;
		for (uint64_t at = high; at-- > low;) {
			const uint8_t *p = bytes + (at - low);
			if (!zip_is_signature(p, "\5\6"))
				continue;
			uint64_t comment = p[20] | (unsigned)p[21] << 8, left = b->size - at - END;
			r = (exact ? comment == left : comment <= left) ? read_end(b, p, at, ret, err) : 0;
			if (r != 0)
				return r;
		}
		high = low;
	}
	return 0;
}

/* The last record whose comment ends with the file; if there is none, the last with other bytes after it,
 * which Python's zipfile and PyTorch ignore, too.  -EBADMSG if there is none. */
int zip_find_end(const struct zip_bytes *b, unsigned comment_max, struct zip_end *ret, struct error *err)
{
	*ret = (struct zip_end){0};
	int r = search_end(b, comment_max, true, ret, err);
	bool seen = ret->seen;
	struct zip_end told = *ret;
	if (r == 0)
		r = search_end(b, comment_max, false, ret, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!seen)
		return error_set(err, EBADMSG, "no end record of a zip archive" ERROR_CUT);
	return error_set(err, EBADMSG, "the end record at byte %" PRIu64 " tells a directory of %" PRIu64 " bytes with %" PRIu64
			 " members, which does not fit before it", told.record, told.size, told.count);
}

/* This runs on every plain file of a mirrored directory, so of those that do not begin as a zip
 * only the last kilobyte is read: an archive after other bytes is unlikely to have a long comment
 * as well. */
bool zip_find_end_by_probe(const struct zip_bytes *b, struct zip_end *ret)
{
	struct cursor head = b->peek->head;
	return zip_find_end(b, cursor_match(&head, "PK", 2) ? COMMENT_MAX : 1000, ret, NULL) == 0;
}

bool zip_probe(const struct peek *p)
{
	struct zip_bytes b = {.peek = p, .size = p->size};
	struct zip_end end;
	return zip_find_end_by_probe(&b, &end);
}
