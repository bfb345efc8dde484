/* SPDX-License-Identifier: MIT */
#include "formats/shared/pickle.h"

#include "tests/support.h"

struct read {
	struct archive archive;
	struct content in;
	struct arena scratch;
	struct pickle p;
	struct error err;
	char text[4096];
};

#define BYTES(literal) ((struct slice){(const uint8_t *)(literal), sizeof(literal) - 1})

static int read_at(struct read *r, struct slice bytes, uint64_t offset)
{
	r->archive.source = source_memory(bytes);
	r->archive.arena.limit = r->archive.arena.limit ? r->archive.arena.limit : (size_t)1 << 30;
	r->in = (struct content){.size = bytes.len};
	r->scratch = arena_scratch(&r->archive.arena);
	r->p.archive = &r->archive;
	r->p.in = &r->in;
	r->p.keep = &r->archive.arena;
	r->p.scratch = &r->scratch;
	return pickle_read(&r->p, offset, &r->err);
}

static void end(struct read *r)
{
	arena_free(&r->scratch);
	arena_free(&r->archive.arena);
	source_close(&r->archive.source);
}

/* --- what a pickle made, as text ----------------------------------------------------- */

static void show(struct read *r, uint32_t number, int depth);

static void add(struct read *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct read *r, const char *format, ...)
{
	size_t len = strlen(r->text);
	va_list args;
	va_start(args, format);
	vsnprintf(r->text + len, sizeof r->text - len, format, args);
	va_end(args);
}

static void show_bytes(struct read *r, const struct pickle_node *n, const char *prefix)
{
	struct slice s;
	assert_int_equal(pickle_text(&r->p, n, &r->scratch, 1000, &s, &r->err), 0);
	assert_int_equal(s.len, pickle_size(n));
	add(r, "%s'", prefix);
	for (size_t i = 0; i < s.len; i++)
		add(r, s.data[i] >= ' ' && s.data[i] < 0x7f ? "%c" : "\\x%02x", s.data[i]);
	add(r, "'");
}

static void show_items(struct read *r, const struct pickle_node *n, const char *around, int depth)
{
	struct pickle_walk w = pickle_items(n);
	uint32_t item, count = 0;
	add(r, "%c", around[0]);
	for (; pickle_next(&w, &item); count++) {
		add(r, "%s", count == 0 ? "" : n->kind == PICKLE_DICT && count % 2 ? ": " : ", ");
		show(r, item, depth);
		if (n->kind == PICKLE_LIST || n->kind == PICKLE_TUPLE)
			assert_int_equal(pickle_item(n, count), item);
	}
	assert_int_equal(count, n->count);
	add(r, "%c", around[1]);
}

static void show_part(struct read *r, const char *name, uint32_t number, int depth)
{
	if (number == 0)
		return;
	add(r, " %s=", name);
	show(r, number, depth);
}

static void show_call(struct read *r, const struct pickle_call *c, int depth)
{
	add(r, "%s<", c->made ? "new" : "call");
	show(r, c->callable, depth);
	show(r, c->args, depth);
	show_part(r, "kwargs", c->kwargs, depth);
	show_part(r, "state", c->state, depth);
	show_part(r, "items", c->items, depth);
	show_part(r, "entries", c->entries, depth);
	add(r, ">");
}

static void show_decimal(struct read *r, const struct pickle_node *n)
{
	struct text t = {0};
	assert_int_equal(pickle_decimal(&r->p, n, &t, &r->err), 0);
	add(r, "%s%s", t.bytes, n->kind == PICKLE_LONG ? "L" : "");
	text_free(&t);
}

static void show(struct read *r, uint32_t number, int depth)
{
	static const char *const around[] = {"()", "[]", "{}", "<>", "{}"}, *const prefixes[] = {"", "str", "b", "bytearray"};
	struct pickle_node *n = pickle_node(&r->p, number);
	assert_true(number > 0 && number <= r->p.count);
	if (depth == 0)
		add(r, "...");
	else if (n->kind == PICKLE_NONE)
		add(r, "None");
	else if (n->kind == PICKLE_BOOL)
		add(r, n->number ? "True" : "False");
	else if (n->kind == PICKLE_INT || n->kind == PICKLE_LONG)
		show_decimal(r, n);
	else if (n->kind == PICKLE_FLOAT)
		add(r, "%.17g", n->real);
	else if (n->kind <= PICKLE_BYTEARRAY)
		show_bytes(r, n, prefixes[n->kind - PICKLE_TEXT]);
	else if (n->kind <= PICKLE_DICT)
		show_items(r, n, around[n->kind - PICKLE_TUPLE], depth - 1);
	else if (n->kind == PICKLE_CALL)
		show_call(r, n->call, depth - 1);
	else if (n->kind == PICKLE_BUFFER)
		add(r, "buffer");
	else {
		show(r, n->pair[0], depth - 1);
		if (n->kind == PICKLE_PERSISTENT)
			add(r, "!");
		else
			add(r, "."), show(r, n->pair[1], depth - 1);
	}
}

/* The pickle, to which STOP is added, makes this. */
static void check(struct slice bytes, const char *what)
{
	uint8_t copy[512];
	struct read r = {.p.persistent = true};
	memcpy(copy, bytes.data, bytes.len);
	copy[bytes.len] = '.';
	int code = read_at(&r, (struct slice){copy, bytes.len + 1}, 0);
	if (code)
		print_error("%s\n", r.err.text);
	assert_int_equal(code, 0);
	assert_int_equal(r.p.end, bytes.len + 1);
	show(&r, r.p.root, 6);
	assert_string_equal(r.text, what);
	end(&r);
}

static void check_fails(struct slice bytes, int code, const char *sentence)
{
	struct read r = {0};
	int got = read_at(&r, bytes, 0);
	assert_string_equal(r.err.text, sentence);
	assert_int_equal(got, code);
	end(&r);
}

#define MAKES(bytes, what) check(BYTES(bytes), what)
#define FAILS(bytes, code, sentence) check_fails(BYTES(bytes), code, sentence)

/* --- each opcode --------------------------------------------------------------------- */

static void single_values(void **state)
{
	(void)state;
	MAKES("N", "None");
	MAKES("\x88", "True");
	MAKES("\x89", "False");
	MAKES("K\0", "0");
	MAKES("K\xff", "255");
	MAKES("M\xff\xff", "65535");
	MAKES("J\xff\xff\xff\x7f", "2147483647");
	MAKES("J\0\0\0\x80", "-2147483648");
	MAKES("G\x3f\xf8\0\0\0\0\0\0", "1.5");
	MAKES("G\xff\xf0\0\0\0\0\0\0", "-inf");
	MAKES("\x97", "buffer");
	MAKES("\x97\x98", "buffer");
	MAKES("\x80\x02N", "None");
	MAKES("\x80\x04\x95\x02\0\0\0\0\0\0\0N", "None");
}

static void long_integers(void **state)
{
	(void)state;
	MAKES("\x8a\0", "0");
	MAKES("\x8a\1\xff", "-1");
	MAKES("\x8a\2\0\x80", "-32768");
	MAKES("\x8a\x08\0\0\0\0\0\0\0\x80", "-9223372036854775808");
	MAKES("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\0", "18446744073709551615L");
	MAKES("\x8a\x09\0\0\0\0\0\0\0\x80\xff", "-9223372036854775808"); /* the last byte says nothing */
	MAKES("\x8a\x0b\7\0\0\0\0\0\0\0\0\0\0", "7");
	MAKES("\x8a\x09\0\0\0\0\0\0\0\0\x80", "-2361183241434822606848L");
	MAKES("\x8b\1\0\0\0\x7f", "127");
	MAKES("\x8b\x09\0\0\0\0\0\0\0\0\0\0\0\1", "18446744073709551616L");
	MAKES("I7\n", "7");
	MAKES("I-7\n", "-7");
	MAKES("I0\n", "0");
	MAKES("I00\n", "False");
	MAKES("I01\n", "True");
	MAKES("I9223372036854775807\n", "9223372036854775807");
	MAKES("I-9223372036854775808\n", "-9223372036854775808");
	MAKES("I9223372036854775808\n", "9223372036854775808L");
	MAKES("L12L\n", "12");
	MAKES("L12\n", "12");
	MAKES("L-18446744073709551616L\n", "-18446744073709551616L");
}

static void floats_in_lines(void **state)
{
	(void)state;
	MAKES("F1.5\n", "1.5");
	MAKES("F-1e+300\n", "-1.0000000000000001e+300");
	MAKES("F1e-07\n", "9.9999999999999995e-08");
	MAKES("Finf\n", "inf");
	MAKES("F-inf\n", "-inf");
	MAKES("Fnan\n", "nan");
	FAILS("F0x10\n.", -EBADMSG, "pickle: a floating-point number that is not one, at byte 0");
	FAILS("F\n.", -EBADMSG, "pickle: a floating-point number that is not one, at byte 0");
	FAILS("F1.5\0\n.", -EBADMSG, "pickle: a floating-point number that is not one, at byte 0");
	FAILS("Fnan(1)\n.", -EBADMSG, "pickle: a floating-point number that is not one, at byte 0");
	FAILS("F1.5 \n.", -EBADMSG, "pickle: a floating-point number that is not one, at byte 0");
	FAILS("F1.5.\n.", -EBADMSG, "pickle: a floating-point number that is not one, at byte 0");
}

static void texts(void **state)
{
	(void)state;
	MAKES("X\2\0\0\0ab", "'ab'");
	MAKES("\x8c\2ab", "'ab'");
	MAKES("\x8c\0", "''");
	MAKES("\x8d\2\0\0\0\0\0\0\0ab", "'ab'");
	MAKES("T\2\0\0\0ab", "str'ab'");
	MAKES("U\2ab", "str'ab'");
	MAKES("B\2\0\0\0ab", "b'ab'");
	MAKES("C\2\0\xff", "b'\\x00\\xff'");
	MAKES("\x8e\2\0\0\0\0\0\0\0ab", "b'ab'");
	MAKES("\x96\2\0\0\0\0\0\0\0ab", "bytearray'ab'");
}

/* Expected values: codecs.escape_decode(), and 'raw-unicode-escape' of Python 3.11. */
static void texts_in_lines(void **state)
{
	(void)state;
	MAKES("S'ab'\n", "str'ab'");
	MAKES("S\"it's\"\n", "str'it's'");
	MAKES("S''\n", "str''");
	MAKES("S'\\x00\\xfFz'\n", "str'\\x00\\xffz'");
	MAKES("S'\\0\\18\\1234\\777'\n", "str'\\x00\\x018S4\\xff'");
	MAKES("S'\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\"'\n", "str'\\x07\\x08\\x0c\\x0a\\x0d\\x09\\x0b\\'\"'");
	MAKES("S'\\q\\u1234'\n", "str'\\q\\u1234'");
	MAKES("S'a\0\xff'\n", "str'a\\x00\\xff'");
	FAILS("S'ab\n.", -EBADMSG, "pickle: a string without quotes, at byte 0");
	FAILS("S'\n.", -EBADMSG, "pickle: a string without quotes, at byte 0");
	FAILS("S\n.", -EBADMSG, "pickle: a string without quotes, at byte 0");
	FAILS("Sabca\n.", -EBADMSG, "pickle: a string without quotes, at byte 0");
	FAILS("NS'\\x1'\n.", -EBADMSG, "pickle: a text with an escape that is not one, at byte 1");
	FAILS("NS'\\xgg'\n.", -EBADMSG, "pickle: a text with an escape that is not one, at byte 1");
	FAILS("NS'\\'\n.", -EBADMSG, "pickle: a text with an escape that is not one, at byte 1");
	MAKES("Vab\n", "'ab'");
	MAKES("V\n", "''");
	MAKES("V\\u20ac\\U0001f600\xe9\n", "'\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\\xc3\\xa9'");
	MAKES("V\\ud800\\udc00\n", "'\\xed\\xa0\\x80\\xed\\xb0\\x80'"); /* Python keeps two lone surrogates */
	MAKES("V\\\\u20ac\\\n", "'\\\\u20ac\\'");
	MAKES("V\\x41\\\xe9\\\0\n", "'\\x41\\\\xc3\\xa9\\\\x00'");
	MAKES("V\\u005c\\u000a\n", "'\\\\x0a'");
	FAILS("V\\u12\n.", -EBADMSG, "pickle: a text with an escape that is not one, at byte 0");
	FAILS("V\\u12g4\n.", -EBADMSG, "pickle: a text with an escape that is not one, at byte 0");
	FAILS("V\\U00110000\n.", -EBADMSG, "pickle: a text with an escape that is not one, at byte 0");
}

static void containers(void **state)
{
	(void)state;
	MAKES(")", "()");
	MAKES("(t", "()");
	MAKES("(K\1NtK\2\x86", "((1, None), 2)");
	MAKES("K\1\x85", "(1)");
	MAKES("K\1K\2K\3\x87", "(1, 2, 3)");
	MAKES("]", "[]");
	MAKES("(l", "[]");
	MAKES("(K\1K\2l", "[1, 2]");
	MAKES("]K\1aK\2a(K\3K\4e(e", "[1, 2, 3, 4]");
	MAKES("}", "{}");
	MAKES("(d", "{}");
	MAKES("(K\1K\2K\3K\4d", "{1: 2, 3: 4}");
	MAKES("}K\1K\2s(K\3K\4K\1K\5u", "{1: 2, 3: 4, 1: 5}");
	MAKES("\x8f", "{}");
	MAKES("\x8f(K\1K\2\x90(K\3\x90", "{1, 2, 3}");
	MAKES("(K\1K\2\x91", "<1, 2>");
}

static void globals_and_calls(void **state)
{
	(void)state;
	MAKES("cos.path\njoin\n", "'os.path'.'join'");
	MAKES("\x8c\2os\x8c\4getc\x93", "'os'.'getc'");
	MAKES("U\2osU\4getc\x93", "str'os'.str'getc'");
	MAKES("cm\nf\n)R", "call<'m'.'f'()>");
	MAKES("cm\nf\nK\1\x85RN\x85R", "call<call<'m'.'f'(1)>(None)>");
	MAKES("cm\nC\nK\1\x85\x81", "new<'m'.'C'(1)>");
	MAKES("cm\nC\n)}\x8c\1aK\1s\x92", "new<'m'.'C'() kwargs={'a': 1}>");
	MAKES("(K\1K\2im\nC\n", "new<'m'.'C'(1, 2)>");
	MAKES("(cm\nC\nK\1o", "new<'m'.'C'(1)>");
	MAKES("(cm\nC\no", "new<'m'.'C'()>");
	MAKES("cm\nC\n)\x81K\1bK\2b", "new<'m'.'C'() state=2>");
	MAKES("cm\nC\n)\x81K\1a(K\2K\3e(K\4\x90", "new<'m'.'C'() items=[1, 2, 3, 4]>");
	MAKES("cm\nC\n)RK\1K\2s(K\3K\4u}b", "call<'m'.'C'() state={} entries={1: 2, 3: 4}>");
	MAKES("Pid 7\n", "'id 7'!");
	MAKES("K\7\x85Q", "(7)!");
	MAKES("P1\n)\x81", "new<'1'!()>");
}

static void stack_and_memo(void **state)
{
	(void)state;
	MAKES("K\1K\2" "0", "1");
	MAKES("K\1(0", "1");
	MAKES("K\1(K\2K\3" "1", "1");
	MAKES("K\1" "2\x86", "(1, 1)");
	MAKES("K\1K\2", "2"); /* what is left below STOP's value is ignored, */
	MAKES("K\1(K\2", "2"); /* and marks */
	MAKES("]q\0h\0a", "[[[[[[...]]]]]]");
	MAKES("]q\0(h\0tq\1ah\1", "([([([...])])])");
	MAKES("]p300\n0g300\n", "[]");
	MAKES("]r\xff\xff\xff\xff" "0j\xff\xff\xff\xff", "[]");
	MAKES("K\1r\0\0\1\0" "0K\2r\0\0\2\0" "0j\0\0\1\0j\0\0\2\0\x86", "(1, 2)");
	MAKES("K\1\x94K\2\x94(h\0h\1t", "(1, 2)");
	MAKES("K\1q\1K\2\x94h\1", "2"); /* MEMOIZE numbers by how many there are */
	MAKES("K\1q\0K\2q\0h\0", "2");
	MAKES("K\1p4294967295\n0g4294967295\n", "1");
}

/* --- what breaks the rules ----------------------------------------------------------- */

static void rules_of_the_stack(void **state)
{
	static const char *const few[] = {"0", "2", "\x98", "a", "]a", "s", "}K\1s", "R", ")R", "\x81", ")\x81", "\x92", ")}\x92", "b", "Nb", "\x85",
					  "N\x86", "NN\x87", "q\1", "p0\n", "\x94", ".", "(.", "N(.", "N(\x85", "(K\1q\1" "0q\1", "K\1(a", "\x93",
					  "\x8c\1a\x93", "(o", "(e", "(u", "(\x90", "NK\1(\x86", "Q"};
	static const char *const markless[] = {"t", "l", "d", "e", "u", "\x90", "\x91", "1", "o", "N1", "im\nC\n", "(lt"};
	(void)state;
	for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
		struct read r = {.p.persistent = true};
		assert_int_equal(read_at(&r, slice_text(few[i]), 0), -EBADMSG);
		assert_non_null(strstr(r.err.text, "pickle: stack underflow, at byte "));
		end(&r);
	}
	for (size_t i = 0; i < sizeof markless / sizeof *markless; i++) {
		struct read r = {0};
		assert_int_equal(read_at(&r, slice_text(markless[i]), 0), -EBADMSG);
		assert_non_null(strstr(r.err.text, "pickle: no mark on the stack, at byte "));
		end(&r);
	}
}

static void sentences(void **state)
{
	(void)state;
	FAILS("NN\xff", -EBADMSG, "pickle: opcode 0xff at byte 2");
	FAILS("N\0", -EBADMSG, "pickle: opcode 0x00 at byte 1");
	FAILS("", -EBADMSG, "pickle: it ends without STOP, at byte 0");
	FAILS("N", -EBADMSG, "pickle: it ends without STOP, at byte 1");
	FAILS("N0.", -EBADMSG, "pickle: stack underflow, at byte 2");
	FAILS("Nt", -EBADMSG, "pickle: no mark on the stack, at byte 1");
	FAILS("h\1.", -EBADMSG, "pickle: a memo that was never put, at byte 0");
	FAILS("Nq\1h\2.", -EBADMSG, "pickle: a memo that was never put, at byte 3");
	FAILS("Nq\1g1025\n.", -EBADMSG, "pickle: a memo that was never put, at byte 3");
	FAILS("Nq\1j\1\0\0\xff.", -EBADMSG, "pickle: a memo that was never put, at byte 3");
	FAILS("\x82\1.", -ENOTSUP, "pickle: an extension code, which only the program that wrote it knows, at byte 0");
	FAILS("\x83\1\0.", -ENOTSUP, "pickle: an extension code, which only the program that wrote it knows, at byte 0");
	FAILS("\x84\1\0\0\0.", -ENOTSUP, "pickle: an extension code, which only the program that wrote it knows, at byte 0");
	FAILS("\x80\6N.", -EBADMSG, "pickle: a protocol above 5, at byte 0");
	FAILS("\x80\4\x95\5\0\0\0\0\0\0\0NNN.", -EBADMSG, "pickle: a frame that ends behind the pickle, at byte 2");
	FAILS("\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", -EBADMSG, "pickle: a frame that ends behind the pickle, at byte 0");
	FAILS("NQ.", -EBADMSG, "pickle: a persistent id, for which there is nothing to look in, at byte 1");
	FAILS("P1\n.", -EBADMSG, "pickle: a persistent id, for which there is nothing to look in, at byte 0");
	FAILS("Nb", -EBADMSG, "pickle: stack underflow, at byte 1");
	FAILS("I1x\n.", -EBADMSG, "pickle: an integer that is not one, at byte 0");
	FAILS("I\n.", -EBADMSG, "pickle: an integer that is not one, at byte 0");
	FAILS("I-\n.", -EBADMSG, "pickle: an integer that is not one, at byte 0");
	FAILS("I012\n.", -EBADMSG, "pickle: an integer that is not one, at byte 0");
	FAILS("I12L\n.", -EBADMSG, "pickle: an integer that is not one, at byte 0");
	FAILS("LL\n.", -EBADMSG, "pickle: an integer that is not one, at byte 0");
	FAILS("Np-1\n.", -EBADMSG, "pickle: a memo's number that is not one, at byte 1");
	FAILS("Np4294967296\n.", -EBADMSG, "pickle: a memo's number that is not one, at byte 1");
	FAILS("g\n.", -EBADMSG, "pickle: a memo's number that is not one, at byte 0");
	FAILS("gx\n.", -EBADMSG, "pickle: a memo's number that is not one, at byte 0");
	FAILS("c\nf\n.", -EBADMSG, "pickle: a global without a name, at byte 0");
	FAILS("cm\n\n.", -EBADMSG, "pickle: a global without a name, at byte 0");
	FAILS("NN\x93.", -EBADMSG, "pickle: a global whose name is no text, at byte 2");
	FAILS("C\1aC\1b\x93.", -EBADMSG, "pickle: a global whose name is no text, at byte 6");
}

static void kinds_that_are_wrong(void **state)
{
	(void)state;
	FAILS("NNa.", -EBADMSG, "pickle: items are appended to what is no list, at byte 2");
	FAILS("\x8fNa.", -EBADMSG, "pickle: items are appended to what is no list, at byte 2");
	FAILS("}(Ne.", -EBADMSG, "pickle: items are appended to what is no list, at byte 3");
	FAILS("cm\nf\nNa.", -EBADMSG, "pickle: items are appended to what is no list, at byte 6");
	FAILS("]NNs.", -EBADMSG, "pickle: a key is set in what is no dictionary, at byte 3");
	FAILS(")(NNu.", -EBADMSG, "pickle: a key is set in what is no dictionary, at byte 4");
	FAILS("}(NNNu.", -EBADMSG, "pickle: a key without a value, at byte 5");
	FAILS("(Nd.", -EBADMSG, "pickle: a key without a value, at byte 2");
	FAILS("cm\nC\n)R(Nu.", -EBADMSG, "pickle: a key without a value, at byte 9");
	FAILS("](N\x90.", -EBADMSG, "pickle: items are added to what is no set, at byte 3");
	FAILS("(\x91(N\x90.", -EBADMSG, "pickle: items are added to what is no set, at byte 4");
	FAILS("]Nb.", -EBADMSG, "pickle: a state is given to what is no object, at byte 2");
	FAILS("cm\nf\nNb.", -EBADMSG, "pickle: a state is given to what is no object, at byte 6");
	FAILS("N)R.", -EBADMSG, "pickle: a call of what is neither a function nor a class, at byte 2");
	FAILS("N)\x81.", -EBADMSG, "pickle: a call of what is neither a function nor a class, at byte 2");
	FAILS("(No.", -EBADMSG, "pickle: a call of what is neither a function nor a class, at byte 2");
	FAILS("cm\nf\nNR.", -EBADMSG, "pickle: a call whose arguments are no tuple, at byte 6");
	FAILS("cm\nf\n]\x81.", -EBADMSG, "pickle: a call whose arguments are no tuple, at byte 6");
	FAILS("cm\nf\n))\x92.", -EBADMSG, "pickle: a call whose named arguments are no dictionary, at byte 7");
}

static void lengths_are_held_against_the_content(void **state)
{
	(void)state;
	FAILS("X\xff\xff\xff\xff" "ab.", -EBADMSG, "pickle: a length beyond the end, at byte 0");
	FAILS("NB\4\0\0\0ab.", -EBADMSG, "pickle: a length beyond the end, at byte 1");
	FAILS("\x8e\xff\xff\xff\xff\xff\xff\xff\xff" "ab.", -EBADMSG, "pickle: a length beyond the end, at byte 0");
	FAILS("\x96\0\0\0\0\0\0\0\x80" "ab.", -EBADMSG, "pickle: a length beyond the end, at byte 0");
	FAILS("\x8a\x0a" "ab.", -EBADMSG, "pickle: a length beyond the end, at byte 0");
	FAILS("\x8b\xff\xff\xff\x7f" "ab.", -EBADMSG, "pickle: a length beyond the end, at byte 0");
	FAILS("\x8b\xff\xff\xff\xff" "ab.", -EBADMSG, "pickle: a negative length, at byte 0");
	FAILS("T\xff\xff\xff\xff" "ab.", -EBADMSG, "pickle: a negative length, at byte 0");
	FAILS("J\1\2", -EBADMSG, "pickle: it ends within an opcode, at byte 0");
	FAILS("NJ", -EBADMSG, "pickle: it ends within an opcode, at byte 1");
	FAILS("NI12", -EBADMSG, "pickle: it ends within an opcode, at byte 1");
	FAILS("Ncm\nf", -EBADMSG, "pickle: it ends within an opcode, at byte 1");
	FAILS("Ncm", -EBADMSG, "pickle: it ends within an opcode, at byte 1");
}

static uint16_t names_known(struct slice module, struct slice name)
{
	return slice_equal(module, SLICE("m")) && slice_equal(name, SLICE("f")) ? 77 : 0;
}

/* --- hostile and large --------------------------------------------------------------- */

static void a_node_has_sixteen_bytes(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct pickle_node), 16);
}

/* Whatever is cut off, or changed, it ends with a value or a sentence. */
static void cut_and_changed(void **state)
{
	static const char whole[] = "\x80\4\x95\xa3\0\0\0\0\0\0\0\x8c\2os\x94\x8c\4getc\x94\x93\x94)R\x94}\x94(K\1M\1\1J\1\1\1\1G11111111ub]\x94(\x8f\x94(NNN"
				    "\x90(N\x91\x8a\1\1\x8b\1\0\0\0\1B\1\0\0\0aC\1a\x8e\1\0\0\0\0\0\0\0a\x96\1\0\0\0\0\0\0\0aX\1\0\0\0aU\1aT\1\0\0\0aI12\nL12L\n"
				    "F1.5\nS'a\\x01'\nV\\u20ac\nPid\nNQ(icopy\nC\n(h\2NocC\nC\n)})N\x85\x86NNN\x87q\5p8\n0h\5g8\nj\5\0\0\0\x97\x98(NNdN(tr\7\0\0\0002e.";
	uint8_t copy[sizeof whole];
	size_t opened = 0;
	(void)state;
	struct read sound = {.p.persistent = true};
	assert_int_equal(read_at(&sound, BYTES(whole), 0), 0);
	end(&sound);
	for (size_t at = 0; at < sizeof whole - 1; at++) {
		struct read r = {.p.persistent = true};
		assert_int_equal(read_at(&r, (struct slice){(const uint8_t *)whole, at}, 0), -EBADMSG);
		assert_int_equal(strncmp(r.err.text, "pickle: ", 8), 0);
		end(&r);
		for (unsigned byte = 0; byte < 256; byte++) {
			struct read changed = {.p.persistent = true};
			memcpy(copy, whole, sizeof copy);
			copy[at] = (uint8_t)byte;
			int code = read_at(&changed, (struct slice){copy, sizeof whole - 1}, 0);
			assert_int_equal(code == 0, changed.err.text[0] == 0);
			opened += code == 0;
			end(&changed);
		}
	}
	assert_true(opened > sizeof whole);
}

static uint8_t *repeated(const char *unit, size_t each, size_t count, const char *tail, size_t *len)
{
	*len = each * count + strlen(tail);
	uint8_t *bytes = malloc(*len + 1);
	assert_non_null(bytes);
	for (size_t i = 0; i < count; i++)
		memcpy(bytes + i * each, unit, each);
	memcpy(bytes + each * count, tail, strlen(tail) + 1);
	return bytes;
}

static int read_repeated(struct read *r, const char *unit, size_t each, size_t count, const char *tail)
{
	size_t len;
	uint8_t *bytes = repeated(unit, each, count, tail, &len);
	r->archive.arena.limit = (size_t)2 << 30;
	int code = read_at(r, (struct slice){bytes, len}, 0);
	free(bytes);
	return code;
}

static void nested_ten_million_deep(void **state)
{
	(void)state;
	struct read tuples = {0}, lists = {0};
	assert_int_equal(read_repeated(&tuples, "\x85", 1, 10000000, "."), -EBADMSG);
	end(&tuples);
	tuples = (struct read){0};
	assert_int_equal(read_repeated(&tuples, "N\x85\x85\x85\x85\x85\x85\x85\x85\x85" "0", 11, 900000, "N."), 0);
	assert_int_equal(tuples.p.count, 1 + 9 * 900000);
	end(&tuples);
	assert_int_equal(read_repeated(&lists, "]", 1, 10000000, "."), 0);
	assert_int_equal(lists.p.count, 10000000);
	end(&lists);
}

static void values_have_a_limit(void **state)
{
	struct read values = {0}, stack = {0}, marks = {0}, memory = {0};
	(void)state;
	assert_int_equal(read_repeated(&values, "]0", 2, PICKLE_VALUES_MAX, "N."), -ENOMEM);
	assert_string_equal(values.err.text, "a pickle of more than 16,000,000 values");
	end(&values);
	assert_int_equal(read_repeated(&stack, "N", 1, PICKLE_VALUES_MAX + 1, "."), -ENOMEM);
	assert_string_equal(stack.err.text, "a pickle of more than 16,000,000 values");
	end(&stack);
	assert_int_equal(read_repeated(&marks, "(", 1, PICKLE_VALUES_MAX + 1, "."), -ENOMEM);
	assert_string_equal(marks.err.text, "a pickle of more than 16,000,000 values");
	end(&marks);
	memory.archive.arena.limit = 1 << 20;
	size_t len;
	uint8_t *bytes = repeated("]", 1, 200000, ".", &len);
	assert_int_equal(read_at(&memory, (struct slice){bytes, len}, 0), -ENOMEM);
	assert_string_equal(memory.err.text, "no memory for the values of a pickle");
	end(&memory);
	free(bytes);
}

/* Wherever memory ends, it is said. */
static void memory_runs_out(void **state)
{
	static const char bytes[] = "}q\0(cm\nf\n(NNt\x81}NNsb]Na(NNeI99999999999999999999\nVa\\u20ac\nu.";
	(void)state;
	for (size_t limit = 1; limit < 60000; limit += limit < 3000 ? 1 : 97) {
		struct read r = {.archive.arena.limit = limit};
		int code = read_at(&r, BYTES(bytes), 0);
		assert_true(code == 0 || code == -ENOMEM);
		assert_int_equal(code == 0, r.err.text[0] == 0);
		end(&r);
	}
}

/* Numbers that a hash would put in one place, and that would size a table. */
static void memos_of_any_number(void **state)
{
	enum { COUNT = 20000 };
	uint8_t *bytes = malloc(COUNT * 12 + 16), *at = bytes;
	(void)state;
	*at++ = '(';
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t number = i * 0x10007u;
		*at++ = 'J', memcpy(at, &i, 4), at += 4;
		*at++ = 'r', memcpy(at, &number, 4), at += 4;
		*at++ = '0';
	}
	*at++ = 'j', memcpy(at, (uint32_t[]){0x10007u * 12345}, 4), at += 4;
	*at++ = '.';
	struct read r = {0};
	assert_int_equal(read_at(&r, (struct slice){bytes, (size_t)(at - bytes)}, 0), 0);
	assert_int_equal(pickle_node(&r.p, r.p.root)->number, 12345);
	end(&r);
	free(bytes);
}

/* Lists grow by one item and by many; the order stays. */
static void items_in_order(void **state)
{
	enum { COUNT = 100000 };
	uint8_t *bytes = malloc(COUNT * 8), *at = bytes;
	uint32_t item;
	(void)state;
	*at++ = ']';
	for (uint32_t i = 0; i < COUNT; i++) {
		bool many = i % 7 == 3 && i + 3 < COUNT;
		if (many)
			*at++ = '(';
		for (uint32_t k = i; k <= i + (many ? 2 : 0); k++)
			*at++ = 'J', memcpy(at, &k, 4), at += 4;
		*at++ = many ? 'e' : 'a';
		i += many ? 2 : 0;
	}
	*at++ = '.';
	struct read r = {0};
	assert_int_equal(read_at(&r, (struct slice){bytes, (size_t)(at - bytes)}, 0), 0);
	struct pickle_node *n = pickle_node(&r.p, r.p.root);
	struct pickle_walk w = pickle_items(n);
	for (int64_t i = 0; i < COUNT; i++) {
		assert_true(pickle_next(&w, &item));
		assert_int_equal(pickle_node(&r.p, item)->number, i);
	}
	assert_false(pickle_next(&w, &item));
	assert_int_equal(n->count, COUNT);
	assert_int_equal(pickle_node(&r.p, pickle_item(n, 54321))->number, 54321);
	end(&r);
	free(bytes);
}

/* 5 GiB that are only passed by, at more than 4 GiB behind the start: a file that is a hole. */
static void bytes_are_not_read(void **state)
{
	const uint64_t size = (uint64_t)5 << 30;
	uint8_t head[] = "\x80\4\x8c\1m\x94\x8c\1f\x94\x93\x94\x8e\0\0\0\0\0\0\0\0", tail[] = "h\0h\1\x93\x8c\3abcI12\n\x87.";
	char *folder = test_folder(), *path;
	struct read r = {.archive.arena.limit = 4 << 20};
	struct folder root = test_root();
	struct content bytes;
	struct slice s;
	(void)state;
	memcpy(head + 13, &size, 8);
	test_write(folder, "file", (struct slice){head, 21});
	path = test_path(folder, "file");
	FILE *f = fopen(path, "r+b");
	assert_int_equal(fseeko(f, (off_t)(21 + size), SEEK_SET), 0);
	assert_int_equal(fwrite(tail, 1, sizeof tail - 1, f), sizeof tail - 1);
	fclose(f);
	assert_int_equal(source_open(&r.archive.source, &root, path + 1, REACH_ANY, &r.err), 0);
	r.in = (struct content){.size = r.archive.source.size};
	r.scratch = arena_scratch(&r.archive.arena);
	r.p = (struct pickle){.archive = &r.archive, .in = &r.in, .keep = &r.archive.arena, .scratch = &r.scratch, .known = names_known};
	assert_int_equal(pickle_read(&r.p, 0, &r.err), 0);
	assert_null(r.p.resident.bytes);
	assert_int_equal(r.p.end, r.in.size);
	show(&r, r.p.root, 3);
	assert_string_equal(r.text, "('m'.'f', 'abc', 12)");
	assert_int_equal(pickle_node(&r.p, pickle_item(pickle_node(&r.p, r.p.root), 0))->known, 77); /* its names lie far behind */
	const struct pickle_node *n = NULL;
	for (uint32_t i = 1; i <= r.p.count; i++)
		if (pickle_node(&r.p, i)->kind == PICKLE_BYTES)
			n = pickle_node(&r.p, i);
	assert_non_null(n);
	assert_int_equal(pickle_size(n), size);
	assert_true(pickle_bytes(&r.p, n, &bytes));
	assert_int_equal(bytes.offset, 21);
	assert_int_equal(bytes.size, size);
	assert_int_equal(pickle_text(&r.p, n, &r.scratch, 1000, &s, &r.err), -ENOTSUP);
	assert_string_equal(r.err.text, "pickle: a text of 5368709120 bytes, over the limit of 1000");
	end(&r);
	test_folder_remove(folder);
	free(path);
}

/* A content that is read in windows makes what one that is kept makes. */
static void windows(void **state)
{
	enum { LONG_LINE = 300000, COUNT = 60000 };
	size_t len = 0, room = 9 << 20;
	uint8_t *bytes = malloc(room + 100);
	struct read r = {0};
	struct slice s;
	uint32_t item;
	(void)state;
	bytes[len++] = '(';
	for (uint32_t i = 0; i < COUNT; i++)
		len += (size_t)sprintf((char *)bytes + len, "V%u\nI%u\nX%c%c%c%c%0130u", i, i, 130, 0, 0, 0, i);
	bytes[len++] = 'V';
	memset(bytes + len, 'x', LONG_LINE);
	len += LONG_LINE;
	bytes[len++] = '\n';
	bytes[len++] = 'l';
	bytes[len++] = '.';
	assert_true(len > 8 << 20 && len < room);
	assert_int_equal(read_at(&r, (struct slice){bytes, len}, 0), 0);
	assert_null(r.p.resident.bytes);
	struct pickle_walk w = pickle_items(pickle_node(&r.p, r.p.root));
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_true(pickle_next(&w, &item));
		assert_int_equal(pickle_text(&r.p, pickle_node(&r.p, item), &r.scratch, 10, &s, &r.err), 0);
		char digits[11] = "";
		memcpy(digits, s.data, s.len);
		assert_int_equal(strtoul(digits, NULL, 10), i);
		assert_true(pickle_next(&w, &item));
		assert_int_equal(pickle_node(&r.p, item)->number, i);
		assert_true(pickle_next(&w, &item));
		assert_int_equal(pickle_size(pickle_node(&r.p, item)), 130);
	}
	assert_true(pickle_next(&w, &item));
	assert_int_equal(pickle_size(pickle_node(&r.p, item)), LONG_LINE);
	assert_false(pickle_next(&w, &item));
	end(&r);
	r = (struct read){0};
	assert_int_equal(read_at(&r, (struct slice){bytes, len - 3}, 0), -EBADMSG); /* the long line has no end */
	assert_non_null(strstr(r.err.text, "pickle: it ends within an opcode, at byte "));
	end(&r);
	free(bytes);
}

/* --- what the caller asks ------------------------------------------------------------ */

static void globals_are_known_by_their_names(void **state)
{
	static const char bytes[] = "cm\nf\ncm\ng\n\x8c\1m\x8c\1f\x93(im\nf\n(t.";
	struct read r = {.p.known = names_known};
	uint32_t known[4], n = 0;
	(void)state;
	assert_int_equal(read_at(&r, BYTES(bytes), 0), 0);
	for (uint32_t i = 1; i <= r.p.count; i++)
		if (pickle_node(&r.p, i)->kind == PICKLE_GLOBAL)
			known[n++] = pickle_node(&r.p, i)->known;
	assert_int_equal(n, 4);
	assert_int_equal(known[0], 77);
	assert_int_equal(known[1], 0);
	assert_int_equal(known[2], 77);
	assert_int_equal(known[3], 77);
	end(&r);
}

static int pass_bytes(struct pickle *p, uint32_t object, uint64_t *at, struct error *err)
{
	const struct pickle_node *state = pickle_node(p, pickle_node(p, object)->call->state);
	uint64_t *calls = p->arg;
	++*calls;
	if (state->number == 99)
		return error_set(err, EBADMSG, "the caller refuses");
	*at += (uint64_t)state->number;
	return 0;
}

static void what_stands_behind_an_object_is_passed(void **state)
{
	static const char bytes[] = "cm\nC\n)\x81K\5b\xff\xff\xff\xff\xffK\0bK\1b..";
	uint64_t calls = 0;
	struct read r = {.p.built = pass_bytes, .p.arg = &calls};
	(void)state;
	assert_int_equal(read_at(&r, BYTES(bytes), 0), 0);
	assert_int_equal(calls, 3);
	assert_int_equal(r.p.end, sizeof bytes - 1);
	end(&r);
	r = (struct read){.p.built = pass_bytes, .p.arg = &calls};
	assert_int_equal(read_at(&r, BYTES("cm\nC\n)\x81K\7b\xff."), 0), -EBADMSG);
	assert_string_equal(r.err.text, "pickle: an object that is followed by less than belongs to it, at byte 9");
	end(&r);
	r = (struct read){.p.built = pass_bytes, .p.arg = &calls};
	assert_int_equal(read_at(&r, BYTES("cm\nC\n)\x81K\x63" "b."), 0), -EBADMSG);
	assert_string_equal(r.err.text, "the caller refuses");
	end(&r);
}

/* Several in a row, as in PyTorch's old files; positions count from each one's first byte. */
static void from_any_byte_on(void **state)
{
	static const char bytes[] = "K\1.\x80\2X\2\0\0\0ab.N\xff";
	struct read r = {0};
	struct content in;
	(void)state;
	assert_int_equal(read_at(&r, BYTES(bytes), 3), 0);
	assert_int_equal(r.p.end, 13);
	assert_true(pickle_bytes(&r.p, pickle_node(&r.p, r.p.root), &in));
	assert_int_equal(in.offset, 10);
	assert_int_equal(in.size, 2);
	show(&r, r.p.root, 1);
	assert_string_equal(r.text, "'ab'");
	end(&r);
	r = (struct read){0};
	assert_int_equal(read_at(&r, BYTES(bytes), 13), -EBADMSG);
	assert_string_equal(r.err.text, "pickle: opcode 0xff at byte 1");
	end(&r);
	r = (struct read){0};
	assert_int_equal(read_at(&r, BYTES(bytes), 100), -EBADMSG);
	assert_string_equal(r.err.text, "pickle: it begins at byte 100 of 15");
	end(&r);
}

static void text_that_lies_there_is_not_copied(void **state)
{
	static const char bytes[] = "(X\2\0\0\0abVcd\nV\\u20ac\nS'e\\x00'\nt.";
	struct read r = {0};
	struct content in;
	struct slice s;
	(void)state;
	assert_int_equal(read_at(&r, BYTES(bytes), 0), 0);
	const struct pickle_node *root = pickle_node(&r.p, r.p.root);
	assert_int_equal(root->count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		const struct pickle_node *n = pickle_node(&r.p, pickle_item(root, i));
		assert_int_equal(pickle_bytes(&r.p, n, &in), i < 2);
		assert_int_equal(pickle_text(&r.p, n, NULL, 3, &s, &r.err), 0);
		if (i < 2)
			assert_ptr_equal(s.data, r.p.resident.bytes + in.offset);
	}
	end(&r);
}

/* Of 2^N - 1 and -2^N, as Python tells them: tests/interop/test_pickle.py has more. */
static void decimals(void **state)
{
	uint8_t *bytes = calloc(1, 40000);
	(void)state;
	for (uint32_t len = 27213; len <= 27217; len++) { /* 10^65536 has 27,214 bytes */
		struct read r = {0};
		struct text t = {0};
		bytes[0] = 0x8b;
		memcpy(bytes + 1, &len, 4);
		memset(bytes + 5, 0, len);
		bytes[4 + len] = 1;
		bytes[5 + len] = '.';
		assert_int_equal(read_at(&r, (struct slice){bytes, 6 + len}, 0), 0);
		int code = pickle_decimal(&r.p, pickle_node(&r.p, r.p.root), &t, &r.err);
		if (len <= 27214) { /* 256^27213 has 65,536 digits */
			assert_int_equal(code, 0);
			assert_int_equal(t.len, (size_t)((len - 1) * 2.408239965311849) + 1);
		} else {
			assert_int_equal(code, -ENOTSUP);
			assert_string_equal(r.err.text, "pickle: a number of more than 65,536 digits");
		}
		text_free(&t);
		end(&r);
	}
	free(bytes);
}

static void the_probe(void **state)
{
	static const char *const pickles[] = {"\x80\2N.", "\x80\2}q\1.", "\x80\3cnumpy\nx\n.", "\x80\4\x95\x10", "\x80\5\x8c\1a.", "(dp0\n.", "(lp1\nI1\na.",
					       "}q\1.", "]q\1(", "cnumpy.core.multiarray\n_reconstruct\np0\n(", "ccopy_reg\n_reconstructor\np1\n(cm\nC",
					       "cm\nC\nq\1", "cm\nC\n)R", "cm\nC\n(tR"};
	static const char *const others[] = {"", "\x80", "\x80\2", "\x80\6N", "\x80\1N", "\x80\2.", "\x80\2a", "\x80\3\x95", "(d", "(dp", "(dp2", "(lp0",
					      "(lpabc\n", "(define x)\n", "]q", "]qx", "}q\2", "}\n", "cat\ndog\nparrot\n", "cat\ndog\n", "cat\ndog\nq", "c\nf\np0\n",
					      "cat dog\nm\np0\n", "c.a\nf\np0\n", "ca.\nf\np0\n", "class A:\n    pass\n", "c1m\nf\np0\n", "#include", "{\"a\"}"};
	(void)state;
	for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++)
		assert_true(pickle_probe(slice_text(pickles[i])));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(pickle_probe(slice_text(others[i])));
	assert_true(pickle_probe(BYTES("]q\0.")));
	assert_true(pickle_probe(BYTES("}q\0.")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_values),
		cmocka_unit_test(long_integers),
		cmocka_unit_test(floats_in_lines),
		cmocka_unit_test(texts),
		cmocka_unit_test(texts_in_lines),
		cmocka_unit_test(containers),
		cmocka_unit_test(globals_and_calls),
		cmocka_unit_test(stack_and_memo),
		cmocka_unit_test(rules_of_the_stack),
		cmocka_unit_test(sentences),
		cmocka_unit_test(kinds_that_are_wrong),
		cmocka_unit_test(lengths_are_held_against_the_content),
		cmocka_unit_test(a_node_has_sixteen_bytes),
		cmocka_unit_test(cut_and_changed),
		cmocka_unit_test(nested_ten_million_deep),
		cmocka_unit_test(values_have_a_limit),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(memos_of_any_number),
		cmocka_unit_test(items_in_order),
		cmocka_unit_test(bytes_are_not_read),
		cmocka_unit_test(windows),
		cmocka_unit_test(globals_are_known_by_their_names),
		cmocka_unit_test(what_stands_behind_an_object_is_passed),
		cmocka_unit_test(from_any_byte_on),
		cmocka_unit_test(text_that_lies_there_is_not_copied),
		cmocka_unit_test(decimals),
		cmocka_unit_test(the_probe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
