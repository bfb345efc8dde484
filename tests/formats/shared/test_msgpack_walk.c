/* SPDX-License-Identifier: MIT */
#include "formats/shared/msgpack.h"
#include "tests/support.h"

/* What msgpack 1.2.4 of Python packed: a map of one of each kind, then the float32 0.5. */
static const uint8_t sample[] = {
	0xde, 0x00, 0x14, 0xa3, 0x66, 0x69, 0x78, 0x05, 0xa3, 0x6e, 0x65, 0x67, 0xe0, 0xa2, 0x75, 0x38, 0xcc, 0xc8, 0xa3, 0x75,
	0x31, 0x36, 0xcd, 0xea, 0x60, 0xa3, 0x75, 0x33, 0x32, 0xce, 0x80, 0x00, 0x00, 0x00, 0xa3, 0x75, 0x36, 0x34, 0xcf, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xa2, 0x69, 0x38, 0xd0, 0x9c, 0xa3, 0x69, 0x31, 0x36, 0xd1, 0x8a, 0xd0, 0xa3,
	0x69, 0x33, 0x32, 0xd2, 0x80, 0x00, 0x00, 0x00, 0xa3, 0x69, 0x36, 0x34, 0xd3, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0xa1, 0x74, 0xc3, 0xa1, 0x66, 0xc2, 0xa3, 0x6e, 0x69, 0x6c, 0xc0, 0xa3, 0x66, 0x36, 0x34, 0xcb, 0x3f, 0xf8, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0xa1, 0x73, 0xd9, 0x28, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78,
	0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78,
	0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0xa3, 0x62, 0x69, 0x6e, 0xc4, 0x03, 0x61, 0x62, 0x63, 0xa1, 0x65,
	0xd7, 0x05, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0xa2, 0x65, 0x33, 0xc7, 0x03, 0x07, 0x31, 0x32, 0x33, 0xa1,
	0x61, 0x93, 0x01, 0x92, 0x02, 0x80, 0x90, 0xa2, 0x74, 0x73, 0xd7, 0xff, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x01,
	0xca, 0x3f, 0x00, 0x00, 0x00,
};

struct walk {
	struct source source;
	struct error err;
	uint8_t window[MSGPACK_WINDOW];
	struct msgpack m;
};

static struct walk *walk_over(const void *bytes, size_t len)
{
	struct walk *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->source = source_memory((struct slice){bytes, len});
	msgpack_init(&w->m, &w->source, 0, len, w->window, &w->err);
	return w;
}

static struct msgpack_object next(struct walk *w)
{
	struct msgpack_object o;
	assert_true(msgpack_next(&w->m, &o));
	return o;
}

static void check_text(struct walk *w, const struct msgpack_object *o, const char *text)
{
	char found[64] = "";
	assert_int_equal(o->len, strlen(text));
	assert_true(msgpack_read(&w->m, o->body, found, (size_t)o->len));
	assert_string_equal(found, text);
}

/* The value of a pair, whose key is checked. */
static struct msgpack_object value(struct walk *w, const char *key)
{
	struct msgpack_object o = next(w);
	assert_int_equal(o.kind, MSGPACK_STR);
	assert_int_equal(o.depth, 1);
	check_text(w, &o, key);
	return next(w);
}

static void check_int(struct walk *w, const char *key, bool negative, uint64_t number)
{
	struct msgpack_object o = value(w, key);
	assert_int_equal(o.kind, MSGPACK_INT);
	assert_int_equal(o.negative, negative);
	assert_true(o.number == number);
}

static void check_numbers(struct walk *w)
{
	check_int(w, "fix", false, 5);
	check_int(w, "neg", true, (uint64_t)-32);
	check_int(w, "u8", false, 200);
	check_int(w, "u16", false, 60000);
	check_int(w, "u32", false, UINT64_C(1) << 31);
	check_int(w, "u64", false, UINT64_MAX);
	check_int(w, "i8", true, (uint64_t)-100);
	check_int(w, "i16", true, (uint64_t)-30000);
	check_int(w, "i32", true, (uint64_t)INT32_MIN);
	check_int(w, "i64", true, (uint64_t)INT64_MIN);
	assert_int_equal(value(w, "t").number, 1);
	assert_int_equal(value(w, "f").number, 0);
	assert_int_equal(value(w, "nil").kind, MSGPACK_NIL);
	assert_true(value(w, "f64").number == UINT64_C(0x3ff8000000000000));
}

static void every_kind_is_read(void **state)
{
	(void)state;
	struct walk *w = walk_over(sample, sizeof sample);
	struct msgpack_object o = next(w);
	assert_int_equal(o.kind, MSGPACK_MAP);
	assert_int_equal(o.len, 20);
	check_numbers(w);
	assert_int_equal(value(w, "s").len, 40);
	o = value(w, "bin");
	assert_int_equal(o.kind, MSGPACK_BIN);
	check_text(w, &o, "abc");
	o = value(w, "e");
	assert_int_equal(o.code, 5);
	check_text(w, &o, "12345678");
	o = value(w, "e3");
	assert_int_equal(o.code, 7);
	check_text(w, &o, "123");
	o = value(w, "a");
	assert_int_equal(o.kind, MSGPACK_ARRAY);
	assert_true(msgpack_skip(&w->m, &o));
	o = value(w, "ts");
	int64_t nanoseconds;
	assert_true(msgpack_nanoseconds(&w->m, &o, &nanoseconds));
	assert_true(nanoseconds == 1000000005);
	o = next(w);
	assert_int_equal(o.depth, 0);
	assert_int_equal(o.kind, MSGPACK_FLOAT32);
	assert_int_equal(o.number, 0x3f000000);
	assert_false(msgpack_next(&w->m, &o));
	assert_int_equal(w->m.failed, 0);
	free(w);
}

static void a_container_is_passed_over(void **state)
{
	(void)state;
	struct walk *w = walk_over(sample, sizeof sample);
	struct msgpack_object o = next(w);
	assert_true(msgpack_skip(&w->m, &o));
	assert_int_equal(next(w).kind, MSGPACK_FLOAT32);
	free(w);
}

static void it_can_look_elsewhere_and_come_back(void **state)
{
	static const uint8_t bytes[] = {0x92, 0xc7, 0x03, 0x01, 0x92, 0x07, 0x08, 0x2a};
	(void)state;
	struct walk *w = walk_over(bytes, sizeof bytes);
	struct msgpack_object list = next(w), o = next(w);
	assert_int_equal(list.len, 2);
	struct msgpack_place place = msgpack_enter(&w->m, o.body, o.body + o.len);
	assert_int_equal(next(w).len, 2);
	assert_int_equal(next(w).number, 7);
	assert_int_equal(next(w).number, 8);
	assert_false(msgpack_next(&w->m, &o));
	msgpack_leave(&w->m, &place);
	assert_int_equal(next(w).number, 42);
	assert_false(msgpack_next(&w->m, &o));
	assert_int_equal(w->m.failed, 0);
	free(w);
}

static void check_fault(const void *bytes, size_t len, const char *sentence)
{
	struct walk *w = walk_over(bytes, len);
	struct msgpack_object o;
	while (msgpack_next(&w->m, &o))
		;
	assert_int_equal(w->m.failed, -EBADMSG);
	assert_string_equal(w->err.text, sentence);
	free(w);
}

static void faults_are_told_with_their_byte(void **state)
{
	(void)state;
	check_fault("\x91\xc1", 2, "byte 0xc1, which MessagePack never uses, at 1");
	check_fault("\x92\x01", 2, "an array of 2 elements at byte 0, where 1 bytes are left");
	check_fault("\x91\x91\xcd\x01", 4, "MessagePack is cut short at byte 4");
	check_fault("\x92\xa1z", 3, "MessagePack is cut short at byte 3");
	check_fault("\xdf\xff\xff\xff\xff\xa1z", 7, "a map of 4294967295 pairs at byte 0, where 2 bytes are left");
	check_fault("\xdd\xff\xff\xff\xff\xa1z", 7, "an array of 4294967295 elements at byte 0, where 2 bytes are left");
	check_fault("\xc6\xff\xff\xff\xff\xa1z", 7, "4294967295 bytes at byte 0, where 2 are left");
	check_fault("\xc9\x00\x00\x00\x05\x01\x00", 7, "5 bytes at byte 0, where 1 are left");
}

static void depth_is_limited_whatever_the_file(void **state)
{
	enum { DEEP = 1000000 };
	(void)state;
	uint8_t *bytes = malloc(DEEP);
	assert_non_null(bytes);
	memset(bytes, 0x91, DEEP);
	check_fault(bytes, DEEP, "arrays and maps over 512 deep at byte 512");
	bytes[MSGPACK_DEPTH] = 0x05;
	struct walk *w = walk_over(bytes, MSGPACK_DEPTH + 1);
	struct msgpack_object o;
	uint32_t n = 0;
	for (; msgpack_next(&w->m, &o); n++)
		assert_int_equal(o.depth, n);
	assert_int_equal(n, MSGPACK_DEPTH + 1);
	assert_int_equal(w->m.failed, 0);
	free(w);
	free(bytes);
}

/* As fetch() of a source: how much of a file is asked for. */
static _Atomic uint64_t fetched;

static int fetch(const struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	(void)s, (void)offset, (void)err;
	fetched += len;
	return 0;
}

static void what_is_passed_over_is_not_read(void **state)
{
	enum { TENSORS = 100, SIZE = 1 << 20, ALL = TENSORS * (SIZE + 5) + 3 };
	(void)state;
	uint8_t *bytes = calloc(1, ALL), *p = bytes;
	assert_non_null(bytes);
	p += sprintf((char *)p, "\xdc%c%c", 0, TENSORS);
	for (unsigned i = 0; i < TENSORS; i++, p += 5 + SIZE)
		memcpy(p, "\xc6\x00\x10\x00\x00", 5);
	struct walk *w = walk_over(bytes, ALL);
	w->source.fetch = fetch;
	fetched = 0;
	struct msgpack_object o;
	unsigned n = 0;
	while (msgpack_next(&w->m, &o))
		n++;
	assert_int_equal(n, TENSORS + 1);
	assert_int_equal(w->m.failed, 0);
	assert_true(fetched < TENSORS * 2048);
	free(w);
	free(bytes);
}

static void check_nanoseconds(const char *ext, size_t len, bool fits, int64_t nanoseconds)
{
	struct walk *w = walk_over(ext, len);
	struct msgpack_object o = next(w);
	int64_t found = 0;
	assert_int_equal(msgpack_nanoseconds(&w->m, &o, &found), fits);
	assert_true(!fits || found == nanoseconds);
	free(w);
}

static void timestamps_are_nanoseconds_where_they_fit(void **state)
{
	(void)state;
	check_nanoseconds("\xd6\xff\x00\x00\x00\x02", 6, true, 2000000000);
	check_nanoseconds("\xd7\xff\x00\x00\x00\x14\x00\x00\x00\x01", 10, true, 1000000005);
	check_nanoseconds("\xc7\x0c\xff\x00\x00\x00\x05\xff\xff\xff\xff\xff\xff\xff\xff", 15, true, -999999995);
	check_nanoseconds("\xc7\x0c\xff\x00\x00\x00\x05\x00\x00\x00\x7f\xff\xff\xff\xff", 15, false, 0);
	check_nanoseconds("\xc7\x0c\xff\x3b\x9a\xca\x00\x00\x00\x00\x00\x00\x00\x00\x00", 15, false, 0);
	check_nanoseconds("\xc7\x0c\xff\x08\xa7\xf1\xff\xff\xff\xff\xfd\xda\x3e\x82\xfb", 15, false, 0);
	check_nanoseconds("\xc7\x0c\xff\x08\xa7\xf2\x00\xff\xff\xff\xfd\xda\x3e\x82\xfb", 15, true, INT64_MIN);
	check_nanoseconds("\xd6\x05\x00\x00\x00\x02", 6, false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(a_container_is_passed_over),
		cmocka_unit_test(it_can_look_elsewhere_and_come_back),
		cmocka_unit_test(faults_are_told_with_their_byte),
		cmocka_unit_test(depth_is_limited_whatever_the_file),
		cmocka_unit_test(what_is_passed_over_is_not_read),
		cmocka_unit_test(timestamps_are_nanoseconds_where_they_fit),
	};
	return cmocka_run_group_tests_name("msgpack_walk", tests, NULL, NULL);
}
