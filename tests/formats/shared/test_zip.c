/* SPDX-License-Identifier: MIT */
#include "formats/shared/zip.h"

#include "tests/support.h"

enum { STORED = 0, DEFLATED = 8 };

/* A zip archive in the making.  What real writers write is compared in the tests of the
 * formats that are zips. */
struct made {
	uint8_t bytes[8192], entries[2048];
	size_t len, entries_len, count, shift; /* shift: of offsets, as where something was put before the archive */
	bool zip64;                            /* sizes and offsets stand in the extra fields */
};

static void put(uint8_t *to, size_t *len, const void *bytes, size_t n)
{
	memcpy(to + *len, bytes, n);
	*len += n;
}

static void put_le(uint8_t *to, size_t *len, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[(*len)++] = (uint8_t)(i < 8 ? value >> 8 * i : 0);
}

static void put_member(struct made *m, const char *name, const char *local_name, const char *data, unsigned method, unsigned flags)
{
	uint64_t size = strlen(data), at = m->len - m->shift, all = UINT32_MAX;
	uint8_t *l = m->bytes, *e = m->entries;
	put(l, &m->len, "PK\3\4", 4);
	put_le(l, &m->len, 20 | (uint64_t)flags << 16 | (uint64_t)method << 32, 6);
	put_le(l, &m->len, 0, 16); /* time, and what a data descriptor would tell */
	put_le(l, &m->len, strlen(local_name), 2);
	put_le(l, &m->len, 3, 2);
	put(l, &m->len, local_name, strlen(local_name));
	put(l, &m->len, "???", 3);
	put(l, &m->len, data, size);

	put(e, &m->entries_len, "PK\1\2", 4);
	put_le(e, &m->entries_len, 20 | 20 << 16, 4);
	put_le(e, &m->entries_len, flags | method << 16, 4);
	put_le(e, &m->entries_len, 0, 4);
	put_le(e, &m->entries_len, 0x12345678, 4);
	put_le(e, &m->entries_len, m->zip64 ? all : size, 4);
	put_le(e, &m->entries_len, m->zip64 ? all : size, 4);
	put_le(e, &m->entries_len, strlen(name), 2);
	put_le(e, &m->entries_len, m->zip64 ? 28 + 5 : 0, 2);
	put_le(e, &m->entries_len, 0, 10);
	put_le(e, &m->entries_len, m->zip64 ? all : at, 4);
	put(e, &m->entries_len, name, strlen(name));
	if (m->zip64) {
		put(e, &m->entries_len, "\7\0\1\0?", 5);
		put_le(e, &m->entries_len, 1 | 24 << 16, 4);
		put_le(e, &m->entries_len, size, 8);
		put_le(e, &m->entries_len, size, 8);
		put_le(e, &m->entries_len, at, 8);
	}
	m->count++;
}

static void put_end(struct made *m, const char *comment)
{
	size_t at = m->len - m->shift, end64;
	put(m->bytes, &m->len, m->entries, m->entries_len);
	end64 = m->len - m->shift;
	if (m->zip64) {
		put(m->bytes, &m->len, "PK\6\6", 4);
		put_le(m->bytes, &m->len, 44, 8);
		put_le(m->bytes, &m->len, 45 | 45 << 16, 4);
		put_le(m->bytes, &m->len, 0, 8);
		put_le(m->bytes, &m->len, m->count, 8);
		put_le(m->bytes, &m->len, m->count, 8);
		put_le(m->bytes, &m->len, m->entries_len, 8);
		put_le(m->bytes, &m->len, at, 8);
		put(m->bytes, &m->len, "PK\6\7", 4);
		put_le(m->bytes, &m->len, 0, 4);
		put_le(m->bytes, &m->len, end64, 8);
		put_le(m->bytes, &m->len, 1, 4);
	}
	put(m->bytes, &m->len, "PK\5\6", 4);
	put_le(m->bytes, &m->len, 0, 4);
	put_le(m->bytes, &m->len, m->zip64 ? 0xffff : m->count, 2);
	put_le(m->bytes, &m->len, m->zip64 ? 0xffff : m->count, 2);
	put_le(m->bytes, &m->len, m->zip64 ? UINT32_MAX : m->entries_len, 4);
	put_le(m->bytes, &m->len, m->zip64 ? UINT32_MAX : at, 4);
	put_le(m->bytes, &m->len, strlen(comment), 2);
	put(m->bytes, &m->len, comment, strlen(comment));
}

struct read {
	struct source source;
	struct arena keep, scratch;
	struct zip zip;
	struct error err;
};

static int read_zip(struct read *r, const uint8_t *bytes, size_t len)
{
	*r = (struct read){.source = source_memory((struct slice){bytes, len}), .keep.limit = 1 << 20, .scratch.limit = 1 << 20};
	int e = zip_read(&r->source, &r->keep, &r->scratch, &r->zip, &r->err);
	arena_free(&r->scratch);
	return e;
}

static void end_zip(struct read *r)
{
	arena_free(&r->keep);
	source_close(&r->source);
}

static void check_member(const struct made *m, const struct zip_member *member, const char *name, const char *data)
{
	assert_true(slice_equal(member->name, slice_text(name)));
	assert_int_equal(member->packed, strlen(data));
	assert_int_equal(member->crc, 0x12345678);
	assert_memory_equal(m->bytes + member->data, data, strlen(data));
}

static void members_lie_where_their_local_headers_say(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		struct made m = {.zip64 = way & 1};
		struct read r;
		if (way & 2)
			put(m.bytes, &m.len, "#!/bin/program\n", m.shift = 15);
		put_member(&m, "a/b.npy", "another", "first", STORED, 0);
		put_member(&m, "", "", "", STORED, 8);
		put_member(&m, "../c", "../c", "third one", DEFLATED, 8);
		put_end(&m, way & 2 ? "a comment with PK\5\6 and more than twenty-two bytes" : "");
		assert_int_equal(read_zip(&r, m.bytes, m.len), 0);
		assert_int_equal(r.zip.count, 3);
		check_member(&m, &r.zip.members[0], "a/b.npy", "first");
		check_member(&m, &r.zip.members[1], "", "");
		check_member(&m, &r.zip.members[2], "../c", "third one");
		assert_int_equal(r.zip.members[2].codec, CODEC_DEFLATE);
		assert_null(r.zip.members[2].fault);
		end_zip(&r);
	}
}

static void an_archive_of_nothing(void **state)
{
	struct made m = {0};
	struct read r;
	(void)state;
	put_end(&m, "");
	assert_int_equal(read_zip(&r, m.bytes, m.len), 0);
	assert_int_equal(r.zip.count, 0);
	end_zip(&r);
}

static void the_comment_may_be_as_long_as_can_be(void **state)
{
	struct made m = {0};
	struct read r;
	(void)state;
	put_member(&m, "a", "a", "bytes", STORED, 0);
	put_end(&m, "");
	uint8_t *bytes = calloc(1, m.len + 65535);
	assert_non_null(bytes);
	memcpy(bytes, m.bytes, m.len);
	bytes[m.len - 2] = bytes[m.len - 1] = 0xff;
	assert_int_equal(read_zip(&r, bytes, m.len + 65535), 0);
	assert_int_equal(r.zip.count, 1);
	end_zip(&r);
	assert_int_equal(read_zip(&r, bytes, m.len + 65534), -EBADMSG);
	end_zip(&r);
	free(bytes);
}

/* As Python's zipfile and PyTorch's reader do. */
static void bytes_behind_the_end_are_ignored(void **state)
{
	struct made m = {0};
	struct read r;
	(void)state;
	put_member(&m, "a", "a", "bytes", STORED, 0);
	put_end(&m, "comment");
	put(m.bytes, &m.len, "behind PK\5\6 and on", 18);
	assert_int_equal(read_zip(&r, m.bytes, m.len), 0);
	assert_int_equal(r.zip.count, 1);
	check_member(&m, &r.zip.members[0], "a", "bytes");
	end_zip(&r);
}

static void what_cannot_be_read_says_why(void **state)
{
	static const struct {
		unsigned method, flags;
		const char *fault;
	} ways[] = {{0, 1, "encrypted"}, {0, 1 << 5, "compressed patched data, which arrayfs does not read"},
		    {9, 0, "compressed with Deflate64, which arrayfs does not read"}, {98, 0, "compressed with PPMd, which arrayfs does not read"},
		    {77, 0, "compressed by an unknown method"}, {12, 0, NULL}, {14, 0, NULL}, {93, 0, NULL}, {95, 0, NULL}};
	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct made m = {0};
		struct read r;
		put_member(&m, "a", "a", "bytes", ways[i].method, ways[i].flags);
		put_end(&m, "");
		assert_int_equal(read_zip(&r, m.bytes, m.len), 0);
		if (ways[i].fault)
			assert_string_equal(r.zip.members[0].fault, ways[i].fault);
		else
			assert_null(r.zip.members[0].fault);
		end_zip(&r);
	}
}

/* Puts a little-endian number over what stands there. */
static void set(struct made *m, size_t at, uint64_t value, unsigned n)
{
	put_le(m->bytes, &at, value, n);
}

#define DOES_NOT_FIT(what) "the end record at byte 172 tells a directory of " what " members, which does not fit before it"

static void refusals(void **state)
{
	static const struct {
		const char *first, *second;
		size_t at; /* from the end, of what is changed */
		uint64_t value;
		unsigned bytes;
		const char *sentence;
	} cases[] = {
		{"a", "a", 0, 0, 0, "two members are called a"},
		{"a", "b", 12, 3, 2, DOES_NOT_FIT("94 bytes with 3")},
		{"a", "b", 10, 1000, 4, DOES_NOT_FIT("1000 bytes with 2")},
		{"a", "b", 6, 5000, 4, DOES_NOT_FIT("94 bytes with 2")},
		{"a", "b", 22 + 47, 0, 4, "entry 2 of 2 in its directory is invalid"},
		{"a", "b", 14, 1 | 1 << 16, 4, "its directory has more members than the 1 that its end record tells"},
		{"a", "b", 22 + 5, 0, 4, "members a and b overlap"},
		{"a", "b", 22 + 47 + 27, 20, 4, "members a and b overlap"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct made m = {0};
		struct read r;
		put_member(&m, cases[i].first, cases[i].first, "bytes", STORED, 0);
		put_member(&m, cases[i].second, cases[i].second, "bytes", STORED, 0);
		put_end(&m, "");
		set(&m, m.len - cases[i].at, cases[i].value, cases[i].bytes);
		assert_int_equal(read_zip(&r, m.bytes, m.len), -EBADMSG);
		assert_string_equal(r.err.text, cases[i].sentence);
		end_zip(&r);
	}
}

/* The others are not lost with it. */
static void a_member_that_is_not_where_it_should_be_has_a_fault(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		const char *sentence;
	} cases[] = {
		{22 + 5, 7, "its local header is not at byte 7"},
		{22 + 5, 60, "its local header is told at byte 60, of 78 before the directory"},
		{22 + 27, 6000, "6000 bytes at byte 73, of 78 before the directory"},
		{22 + 23, 6000, "6000 bytes, stored as 5"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct made m = {0};
		struct read r;
		put_member(&m, "a", "a", "bytes", STORED, 0);
		put_member(&m, "b", "b", "bytes", STORED, 0);
		put_end(&m, "");
		set(&m, m.len - cases[i].at, cases[i].value, 4);
		assert_int_equal(read_zip(&r, m.bytes, m.len), 0);
		check_member(&m, &r.zip.members[0], "a", "bytes");
		assert_null(r.zip.members[0].fault);
		assert_string_equal(r.zip.members[1].fault, cases[i].sentence);
		end_zip(&r);
	}
}

/* A zip64 end record where the plain one has room for all numbers, too. */
static void the_larger_end_record_counts_if_there_are_two(void **state)
{
	struct made m = {.zip64 = true};
	struct read r;
	(void)state;
	put_member(&m, "a", "a", "bytes", STORED, 0);
	put_end(&m, "");
	set(&m, m.len - 14, 1 | 1 << 16, 4);
	set(&m, m.len - 10, m.entries_len, 4);
	set(&m, m.len - 6, 39, 4);
	assert_int_equal(read_zip(&r, m.bytes, m.len), 0);
	check_member(&m, &r.zip.members[0], "a", "bytes");
	end_zip(&r);
}

static void a_member_is_found_by_its_name(void **state)
{
	struct made m = {0};
	struct read r;
	(void)state;
	put_member(&m, "a/data.pkl", "a/data.pkl", "bytes", STORED, 0);
	put_member(&m, "a/data/0", "a/data/0", "more", STORED, 0);
	put_member(&m, "a/", "a/", "", STORED, 0);
	put_end(&m, "");
	r = (struct read){.source = source_memory((struct slice){m.bytes, m.len}), .keep.limit = 1 << 20};
	assert_int_equal(zip_read(&r.source, &r.keep, &r.keep, &r.zip, &r.err), 0);
	assert_ptr_equal(zip_find(&r.zip, SLICE("a/data/0")), &r.zip.members[1]);
	assert_null(zip_find(&r.zip, SLICE("a/data/1")));
	assert_true(zip_is_directory(zip_find(&r.zip, SLICE("a/"))));
	assert_false(zip_is_directory(zip_find(&r.zip, SLICE("a/data/0"))));
	end_zip(&r);
}

/* As those that a .distcp holds, one behind the other: each counts from its own beginning. */
static void an_archive_may_be_part_of_a_file(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		static uint8_t file[10000];
		struct made m = {.zip64 = way & 1};
		struct read r = {.keep.limit = 1 << 20, .scratch.limit = 1 << 20};
		struct zip zip;
		size_t before = way & 2 ? 333 : 0;
		put_member(&m, "a", "a", "first", STORED, 0);
		put_member(&m, "b", "b", "second", STORED, 8);
		put_end(&m, way & 2 ? "a comment" : "");
		memset(file, 'x', sizeof file);
		memcpy(file + before, m.bytes, m.len);
		memcpy(file + before + m.len, m.bytes, m.len);
		r.source = source_memory((struct slice){file, before + 2 * m.len + 10});
		for (size_t k = 0; k < 2; k++) {
			size_t at = before + k * m.len;
			assert_int_equal(zip_read_part(&r.source, at, m.len, &r.keep, &r.scratch, &zip, &r.err), 0);
			assert_int_equal(zip.count, 2);
			assert_memory_equal(file + zip_find(&zip, SLICE("b"))->data, "second", 6);
			assert_in_range(zip_find(&zip, SLICE("b"))->data, at, at + m.len - 1);
			assert_memory_equal(file + zip_find(&zip, SLICE("a"))->header, "PK\3\4", 4);
		}
		assert_int_equal(zip_read_part(&r.source, before, m.len - 1, &r.keep, &r.scratch, &zip, &r.err), -EBADMSG);
		assert_int_equal(zip_read_part(&r.source, before + 1, m.len, &r.keep, &r.scratch, &zip, &r.err), -EBADMSG);
		arena_free(&r.scratch);
		end_zip(&r);
	}
}

/* A format whose only file is what a zip's member holds, found and opened by its name. */
static struct content opened;

static int open_by_name(struct archive *a, struct error *err)
{
	struct zip zip;
	struct arena scratch = arena_scratch(&a->arena);
	int r = zip_read(&a->source, &scratch, &scratch, &zip, err);
	r = r < 0 ? r : zip_open(a, 0, zip_find(&zip, SLICE("b")), &opened, err);
	arena_free(&scratch);
	return r;
}

enum { MANY = 200 };

static void name_many(char name[16], unsigned i)
{
	snprintf(name, 16, "member %03u", i);
}

/* An archive of so many, whose entries have comments of all lengths; returns its size. */
static size_t put_many(uint8_t *bytes)
{
	char name[16];
	size_t len = 0, directory;
	for (unsigned i = 0; i < MANY; i++) {
		struct made m = {0};
		name_many(name, i);
		put_member(&m, name, name, "data", STORED, 0);
		put(bytes, &len, m.bytes, m.len);
	}
	directory = len;
	for (unsigned i = 0; i < MANY; i++) {
		struct made m = {.shift = (size_t)0 - i * (directory / MANY)};
		unsigned comment = i * 977 % 65536;
		name_many(name, i);
		put_member(&m, name, name, "data", STORED, 0);
		m.entries[32] = (uint8_t)comment, m.entries[33] = (uint8_t)(comment >> 8);
		put(bytes, &len, m.entries, m.entries_len);
		len += comment;
	}
	size_t size = len - directory;
	put(bytes, &len, "PK\5\6\0\0\0", 8);
	put_le(bytes, &len, MANY | MANY << 16, 4);
	put_le(bytes, &len, size, 4);
	put_le(bytes, &len, directory, 4);
	put_le(bytes, &len, 0, 2);
	return len;
}

/* Pieces of it end within each field. */
static void a_directory_may_be_longer_than_a_piece(void **state)
{
	uint8_t *bytes = calloc(MANY, 200 + 65536);
	char name[16];
	struct read r;
	(void)state;
	assert_non_null(bytes);
	assert_int_equal(read_zip(&r, bytes, put_many(bytes)), 0);
	assert_int_equal(r.zip.count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		name_many(name, i);
		assert_true(slice_equal(r.zip.members[i].name, slice_text(name)));
		assert_memory_equal(bytes + r.zip.members[i].data, "data", 4);
	}
	end_zip(&r);
	free(bytes);
}

static void a_member_is_read_whole_or_in_part(void **state)
{
	static const struct format format = {.name = "one", .probe = zip_probe, .open = open_by_name};
	static const char hello[] = "\1\5\0\xfa\xffhello"; /* a stored block of deflate */
	(void)state;
	for (int deflated = 0; deflated < 2; deflated++) {
		struct made m = {0};
		struct archive a;
		struct error err = {0};
		struct arena scratch = {.limit = 1 << 20};
		struct cursor c;
		uint8_t part[5] = {0};
		size_t n;
		put_member(&m, "a", "a", "bytes", STORED, 0);
		put_member(&m, "b", "b", "hello", STORED, 0);
		if (deflated) { /* the same, as 10 bytes of deflate */
			m.len -= 5;
			put(m.bytes, &m.len, hello, 10);
			size_t entry = m.entries_len - 47, crc = entry + 16;
			put_le(m.entries, &crc, codec_crc32(0, SLICE("hello")), 4);
			put_le(m.entries, &crc, 10, 4);
			m.entries[entry + 10] = DEFLATED;
		}
		put_end(&m, "");
		assert_int_equal(test_open(&a, &format, (struct slice){m.bytes, m.len}, &err), 0);
		assert_int_equal(content_load(&a, &opened, &scratch, 5, &c, &err), 0);
		assert_true(cursor_match(&c, "hello", 5) && cursor_left(&c) == 0);
		assert_int_equal(content_head(&a, &opened, part, 4, &n, &err), 0);
		assert_true(n == 4 && memcmp(part, "hell", 4) == 0);
		assert_int_equal(content_read(&a, &opened, 3, 2, part, NULL, &err), 0);
		assert_memory_equal(part, "lo", 2);
		struct content inner = content_part(&opened, 1, 3);
		assert_int_equal(content_head(&a, &inner, part, 5, &n, &err), 0);
		assert_true(n == 3 && memcmp(part, "ell", 3) == 0);
		struct answer answer;
		answer_init(&answer);
		assert_int_equal(content_answer(&a, &inner, 1, 2, &answer, &err), 0);
		assert_int_equal(answer.len, 2);
		assert_int_equal(answer_copy(&answer, part, &err), 0);
		assert_memory_equal(part, "ll", 2);
		answer_close(&answer);
		assert_true(deflated ? strcmp(content_codec(&opened), "deflate") == 0 : content_codec(&opened) == NULL);
		assert_int_equal(content_load(&a, &opened, &scratch, 4, &c, &err), -ENOTSUP);
		assert_string_equal(err.text, "5 bytes, over the limit of 4");
		arena_free(&scratch);
		archive_close(&a);
	}
}

/* Cut anywhere, or with any byte changed, it is read or refused with a sentence. */
static void every_cut_and_every_byte(void **state)
{
	(void)state;
	for (int zip64 = 0; zip64 < 2; zip64++) {
		struct made m = {.zip64 = zip64};
		struct read r;
		put_member(&m, "a", "a", "bytes", STORED, 0);
		put_member(&m, "b", "b", "more", DEFLATED, 0);
		put_end(&m, "comment");
		for (size_t len = 0; len < m.len; len++) {
			uint8_t *cut = malloc(len ? len : 1);
			assert_non_null(cut);
			memcpy(cut, m.bytes, len);
			assert_int_equal(read_zip(&r, cut, len), -EBADMSG);
			assert_true(r.err.text[0]);
			end_zip(&r);
			free(cut);
		}
		for (size_t i = 0; i < m.len * 255; i++) {
			uint8_t was = m.bytes[i / 255];
			m.bytes[i / 255] ^= (uint8_t)(1 + i % 255);
			int e = read_zip(&r, m.bytes, m.len);
			assert_true(e == 0 || r.err.text[0]);
			for (uint32_t k = 0; e == 0 && k < r.zip.count; k++)
				assert_true(r.zip.members[k].fault || range_within(r.zip.members[k].data, r.zip.members[k].packed, m.len));
			end_zip(&r);
			m.bytes[i / 255] = was;
		}
	}
}

static void a_probe_finds_what_is_in_any_member(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		struct made m = {0};
		struct error err = {0};
		struct peek p;
		for (int i = 0; i < 20; i++) {
			char name[8];
			snprintf(name, sizeof name, "n%02d.x", i);
			put_member(&m, name, name, i == 17 ? "more" : "less", STORED, (unsigned)(way == 2 && i == 17));
		}
		if (way == 1) /* at the right place by its name alone */
			memcpy(m.entries + 17 * 51 + 46 + 4, "y", 1);
		put_end(&m, "");
		struct source s = source_memory((struct slice){m.bytes, m.len});
		assert_int_equal(peek(&p, &s, &err), 0);
		assert_true(zip_probe(&p));
		assert_int_equal(zip_has(&p, SLICE(".x"), way == 3 ? SLICE("mor?") : SLICE("more")), way == 0);
		assert_true(zip_has(&p, SLICE(".x"), SLICE("less")));
	}
}

/* Names, comments and other members are no hindrance. */
static void a_probe_goes_beyond_long_names(void **state)
{
	struct made m = {0};
	struct error err = {0};
	struct peek p;
	(void)state;
	put_member(&m, "long", "long", "less", STORED, 0);
	put_member(&m, "b.x", "b.x", "more", STORED, 0);
	uint8_t *bytes = calloc(1, 1 << 16), *at = bytes; /* 5,000 more bytes in the name of the first, or in its comment */
	assert_non_null(bytes);
	for (int field = 28; field <= 32; field += 4, at = bytes) {
		memcpy(at, m.bytes, m.len), at += m.len;
		memcpy(at, m.entries, 50);
		at[field] = (uint8_t)(5000 + m.entries[field]), at[field + 1] = (5000 + 4) >> 8;
		at += 50 + 5000;
		memcpy(at, m.entries + 50, m.entries_len - 50), at += m.entries_len - 50;
		struct made end = {.len = m.len, .entries_len = m.entries_len, .count = 2};
		put_end(&end, "");
		memcpy(at, end.bytes + end.len - 22, 22), at += 22;
		size_t size = 10;
		put_le(at - 20, &size, m.entries_len + 5000, 4);
		struct source s = source_memory((struct slice){bytes, (size_t)(at - bytes)});
		assert_int_equal(peek(&p, &s, &err), 0);
		assert_true(zip_has(&p, SLICE(".x"), SLICE("more")));
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_lie_where_their_local_headers_say),
		cmocka_unit_test(an_archive_of_nothing),
		cmocka_unit_test(the_comment_may_be_as_long_as_can_be),
		cmocka_unit_test(bytes_behind_the_end_are_ignored),
		cmocka_unit_test(what_cannot_be_read_says_why),
		cmocka_unit_test(refusals),
		cmocka_unit_test(a_member_that_is_not_where_it_should_be_has_a_fault),
		cmocka_unit_test(the_larger_end_record_counts_if_there_are_two),
		cmocka_unit_test(a_member_is_found_by_its_name),
		cmocka_unit_test(an_archive_may_be_part_of_a_file),
		cmocka_unit_test(a_directory_may_be_longer_than_a_piece),
		cmocka_unit_test(a_member_is_read_whole_or_in_part),
		cmocka_unit_test(every_cut_and_every_byte),
		cmocka_unit_test(a_probe_finds_what_is_in_any_member),
		cmocka_unit_test(a_probe_goes_beyond_long_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
