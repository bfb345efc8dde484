/* SPDX-License-Identifier: MIT */
#include "formats/shared/zip_impl.h"

#include <inttypes.h>
#include <stdlib.h>

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

/* 4.4.5.  CODEC_COUNT: not supported. */
static const struct {
	uint16_t method;
	uint8_t codec;
	const char *fault;
} methods[] = {
	{0, CODEC_NONE, NULL},
	{1, CODEC_COUNT, "compressed by shrinking, which arrayfs does not read"},
	{6, CODEC_COUNT, "compressed by imploding, which arrayfs does not read"},
	{8, CODEC_DEFLATE, NULL},
	{9, CODEC_COUNT, "compressed with Deflate64, which arrayfs does not read"},
	{12, CODEC_BZIP2, NULL},
	{14, CODEC_LZMA, NULL},
	{93, CODEC_ZSTD, NULL},
	{95, CODEC_XZ, NULL},
	{96, CODEC_COUNT, "compressed as JPEG, which arrayfs does not read"},
	{97, CODEC_COUNT, "compressed with WavPack, which arrayfs does not read"},
	{98, CODEC_COUNT, "compressed with PPMd, which arrayfs does not read"},
};

static void set_method(struct zip_member *m, unsigned flags, unsigned method)
{
	size_t i = 0, n = sizeof methods / sizeof *methods;
	m->method = (uint16_t)method;
	while (i < n && methods[i].method != method)
		i++;
	m->codec = i < n && methods[i].codec < CODEC_COUNT ? methods[i].codec : CODEC_NONE;
	if (flags & ENCRYPTED)
		m->fault = "encrypted";
	else if (flags & PATCHED)
		m->fault = "compressed patched data, which arrayfs does not read";
	else if (i == n)
		m->fault = "compressed by an unknown method";
	else if (methods[i].codec == CODEC_COUNT)
		m->fault = methods[i].fault;
}

bool zip_read_entry(struct cursor *c, uint64_t shift, struct zip_member *ret, unsigned *ret_comment)
{
	struct cursor head = cursor_sub(c, ENTRY);
	bool good = cursor_match(&head, "PK\1\2", 4);
	cursor_skip(&head, 4);
	unsigned flags = cursor_u16le(&head), method = cursor_u16le(&head);
	*ret = (struct zip_member){0};
	cursor_skip(&head, 4);
	ret->crc = cursor_u32le(&head);
	ret->packed = cursor_u32le(&head);
	ret->size = cursor_u32le(&head);
	unsigned name = cursor_u16le(&head), extra = cursor_u16le(&head);
	*ret_comment = cursor_u16le(&head);
	cursor_skip(&head, 8);
	ret->header = cursor_u32le(&head);
	ret->name = cursor_take(c, name);
	read_zip64(cursor_sub(c, extra), &ret->size, &ret->packed, &ret->header);
	set_method(ret, flags, method);
	if (__builtin_add_overflow(ret->header, shift, &ret->header))
		ret->header = UINT64_MAX;
	return good && !head.failed && !c->failed;
}

uint64_t zip_entry_length(struct slice bytes)
{
	struct cursor c = cursor_over(bytes);
	bool good = cursor_match(&c, "PK\1\2", 4);
	cursor_skip(&c, 24);
	uint64_t length = ENTRY + (uint64_t)cursor_u16le(&c);
	length += cursor_u16le(&c);
	length += cursor_u16le(&c);
	return good && !c.failed ? length : 0;
}

/* The directory, of which a piece at a time is in memory. */
struct directory {
	const struct zip_bytes *b;
	uint64_t at, left; /* of what follows the piece */
	struct cursor c;   /* over the rest of the piece */
	uint8_t *bytes;    /* room for any entry */
};

/* Ensures that the next n bytes, or all that are left, are in d->c. */
static int directory_need(struct directory *d, uint64_t n, struct error *err)
{
	size_t rest = cursor_left(&d->c), want = n > WINDOW ? (size_t)n : WINDOW;
	if (rest >= n || d->left == 0)
		return 0;
	if (rest)
		memmove(d->bytes, d->c.pos, rest);
	want = d->left < want - rest ? (size_t)d->left : want - rest;
	int r = zip_get(d->b, d->at, d->bytes + rest, want, err);
	d->at += want;
	d->left -= want;
	d->c = cursor_over((struct slice){d->bytes, rest + want});
	return r;
}

/* Ensures that the next entry is in d->c. */
static int directory_next(struct directory *d, struct error *err)
{
	int r = directory_need(d, ENTRY, err);
	return r < 0 ? r : directory_need(d, zip_entry_length((struct slice){d->c.pos, cursor_left(&d->c)}), err);
}

static int get_header(const struct zip_bytes *b, uint64_t offset, uint64_t end, uint8_t ret[LOCAL], struct error *err)
{
	struct zip_window *w = b->window;
	bool within = w && offset >= w->at && range_within(offset - w->at, LOCAL, w->len);
	if (w && !within) {
		*w = (struct zip_window){w->bytes, offset, end - offset < WINDOW ? (size_t)(end - offset) : WINDOW};
		within = zip_get(b, offset, w->bytes, w->len, NULL) == 0;
		w->len = within ? w->len : 0;
	}
	if (!within)
		return zip_get(b, offset, ret, LOCAL, err);
	memcpy(ret, w->bytes + (offset - w->at), LOCAL);
	return 0;
}

/* 4.3.7: the data follow the local header's variable-length fields, which may be longer than
 * the directory's. */
int zip_find_data(const struct zip_bytes *b, struct zip_member *m, uint64_t end, struct error *err)
{
	uint8_t bytes[LOCAL];
	m->data = 0;
	if (!range_within(m->header, LOCAL, end))
		return error_set(err, EBADMSG, "its local header is told at byte %" PRIu64 ", of %" PRIu64 " before the directory",
				 m->header, end);
	int r = get_header(b, m->header, end, bytes, err);
	if (r < 0)
		return r;
	if (!zip_is_signature(bytes, "\3\4"))
		return error_set(err, EBADMSG, "its local header is not at byte %" PRIu64, m->header);
	struct cursor c = cursor_over((struct slice){bytes + 26, 4});
	uint64_t data = m->header + LOCAL + cursor_u16le(&c);
	data += cursor_u16le(&c);
	if (!range_within(data, m->packed, end))
		return error_set(err, EBADMSG, "%" PRIu64 " bytes at byte %" PRIu64 ", of %" PRIu64 " before the directory",
				 m->packed, data, end);
	m->data = data;
	if (m->size > INT64_MAX)
		return error_set(err, EBADMSG, "%" PRIu64 " bytes, which no file has", m->size);
	if (m->codec == CODEC_NONE && !m->fault && m->packed != m->size)
		return error_set(err, EBADMSG, "%" PRIu64 " bytes, stored as %" PRIu64, m->size, m->packed);
	return 0;
}

static int cut(struct slice name)
{
	enum { SHOWN = 100 };
	return name.len < SHOWN ? (int)name.len : SHOWN;
}

/* Finds its data, or the reason why they are not there. */
static int place_member(const struct zip_bytes *b, const struct zip_end *end, struct zip_member *m, struct arena *keep,
			struct error *err)
{
	struct error why = {0};
	int r = zip_find_data(b, m, end->at, &why);
	if (r < 0 && r != -EBADMSG)
		return error_set(err, -r, "%s", why.text);
	if (r < 0 && !m->fault && !(m->fault = arena_text(keep, slice_text(why.text))))
		return error_no_memory(err, "the names of its members");
	return 0;
}

static int read_members(struct directory *d, const struct zip_end *end, struct arena *keep, struct zip *ret, struct error *err)
{
	unsigned comment;
	int r = 0;
	for (uint32_t i = 0; i < ret->count && r == 0; i++) {
		struct zip_member *m = &ret->members[i];
		if ((r = directory_next(d, err)) < 0)
			return r;
		if (!zip_read_entry(&d->c, end->shift, m, &comment) || comment > cursor_left(&d->c))
			return error_set(err, EBADMSG, "entry %" PRIu32 " of %" PRIu32 " in its directory is invalid", i + 1, ret->count);
		cursor_skip(&d->c, comment);
		m->name.data = (const uint8_t *)arena_text(keep, m->name);
		if (!m->name.data)
			return error_no_memory(err, "the names of its members");
		r = place_member(d->b, end, m, keep, err);
	}
	if (r == 0)
		r = directory_need(d, 4, err);
	if (r == 0 && cursor_match(&d->c, "PK\1\2", 4))
		return error_set(err, EBADMSG, "its directory has more members than the %" PRIu32 " that its end record tells",
				 ret->count);
	return r;
}

static int map_names(struct zip *z, struct error *err)
{
	struct slice *names = arena_array(z->names.arena, z->count + 1u, sizeof *names);
	uint32_t repeated;
	for (uint32_t i = 0; names && i < z->count; i++)
		names[i] = z->members[i].name;
	if (!names || !slice_map_fill(&z->names, names, z->count, &repeated))
		return error_no_memory(err, "the names of its members");
	if (repeated != SLICE_MAP_NONE)
		return error_set(err, EBADMSG, "two members are called %.*s", cut(names[repeated]), names[repeated].data);
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
	bool ascending = true; /* as nearly all are written */
	uint32_t n = 0;
	if (!sorted)
		return error_set(err, ENOMEM, "no memory for %" PRIu32 " members", z->count);
	for (uint32_t i = 0; i < z->count; i++) {
		if (z->members[i].data == 0)
			continue;
		ascending &= n == 0 || sorted[n - 1]->header < z->members[i].header;
		sorted[n++] = &z->members[i];
	}
	if (!ascending)
		qsort(sorted, n, sizeof *sorted, by_place);
	for (uint32_t i = 1; i < n; i++) {
		const struct zip_member *a = sorted[i - 1], *b = sorted[i];
		if (a->data + a->packed > b->header)
			return error_set(err, EBADMSG, "members %.*s and %.*s overlap", cut(a->name), a->name.data, cut(b->name), b->name.data);
	}
	return 0;
}

/* In a part of the source, everything has been found, and is reported, relative to the part. */
static void shift_members(struct zip *z, uint64_t start)
{
	for (uint32_t i = 0; i < z->count && start > 0; i++) {
		struct zip_member *m = &z->members[i];
		if (m->data == 0)
			continue; /* it is nowhere */
		m->header += start;
		m->data += start;
	}
}

static int read_zip(const struct zip_bytes *b, struct arena *keep, struct arena *scratch, struct zip *ret, struct error *err)
{
	struct zip_end end;
	*ret = (struct zip){.names.arena = scratch};
	int r = zip_find_end(b, COMMENT_MAX, &end, err);
	if (r < 0)
		return r;
	if (end.count > MEMBERS_MAX)
		return error_set(err, EBADMSG, "%" PRIu64 " members, over the limit of %d", end.count, MEMBERS_MAX);
	if (end.size > DIRECTORY_MAX)
		return error_set(err, EBADMSG, "a directory of %" PRIu64 " bytes, over the limit of %d", end.size, DIRECTORY_MAX);
	ret->count = (uint32_t)end.count;
	if (!(ret->members = arena_array(keep, ret->count + 1u, sizeof *ret->members)))
		return error_set(err, ENOMEM, "no memory for %" PRIu32 " members", ret->count);
	struct arena pieces = arena_scratch(scratch);
	struct zip_window window = {.bytes = ret->count ? arena_alloc(&pieces, WINDOW) : NULL};
	struct zip_bytes windowed = *b;
	struct directory d = {&windowed, end.at, end.size, {0}, arena_alloc(&pieces, end.size < ENTRY_MAX ? (size_t)end.size + 1 : ENTRY_MAX)};
	if (window.bytes && b->size / ret->count <= SMALL)
		windowed.window = &window;
	r = d.bytes ? read_members(&d, &end, keep, ret, err) : error_no_memory(err, "the names of its members");
	arena_free(&pieces);
	if (r == 0)
		r = map_names(ret, err);
	if (r == 0)
		r = check_overlap(ret, scratch, err);
	shift_members(ret, b->start);
	return r;
}

int zip_read_part(const struct source *s, uint64_t offset, uint64_t size, struct arena *keep, struct arena *scratch, struct zip *ret,
		  struct error *err)
{
	return read_zip(&(struct zip_bytes){.source = s, .start = offset, .size = size}, keep, scratch, ret, err);
}

int zip_read(const struct source *s, struct arena *keep, struct arena *scratch, struct zip *ret, struct error *err)
{
	return zip_read_part(s, 0, s->size, keep, scratch, ret, err);
}

int zip_show(struct archive *a, zip_show_member *show, struct error *err)
{
	struct arena scratch = arena_scratch(&a->arena);
	struct zip zip;
	int r = zip_read(&a->source, &scratch, &scratch, &zip, err);
	if (r == 0)
		tree_expect(&a->tree, zip.count);
	for (uint32_t i = 0; r == 0 && i < zip.count && !a->tree.failed; i++)
		r = show(a, &zip.members[i], err);
	arena_free(&scratch);
	return r;
}

/* --- members ------------------------------------------------------------------------ */

const struct zip_member *zip_find(const struct zip *z, struct slice name)
{
	uint32_t i = slice_map_find(&z->names, name);
	return i == SLICE_MAP_NONE ? NULL : &z->members[i];
}

bool zip_is_directory(const struct zip_member *m)
{
	return m->size == 0 && m->name.len > 0 && m->name.data[m->name.len - 1] == '/';
}

int zip_open(struct archive *a, uint32_t source, const struct zip_member *m, struct content *ret, struct error *err)
{
	*ret = (struct content){.source = source, .offset = m->data, .size = m->size};
	if (m->fault)
		return error_set(err, EIO, "%s", m->fault);
	if (m->codec == CODEC_NONE)
		return 0;
	int r = content_decoded(a, source, m->data, m->packed, m->codec, m->size, ret, err);
	if (r == 0) {
		ret->stream->crc32 = m->crc;
		ret->stream->has_crc32 = !a->options->no_verify;
	}
	return r;
}
