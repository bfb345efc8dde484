/* SPDX-License-Identifier: MIT */
#include "tests/formats/shared/pickle.h"

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
					  "N\x86", "NN\x87", "q\1", "p0\n", "\x94", ".", "(.", "N(.", "N(\x85", ("(K\1q\1" "0q\1"), "K\1(a", "\x93",
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

/* A pickle and two bytes stand behind each object; their values are its entries. */
static int read_inner(struct pickle *p, uint32_t object, uint64_t *at, struct error *err)
{
	struct arena *outer = p->scratch, scratch = arena_scratch(outer);
	p->built = NULL;
	p->scratch = &scratch;
	int r = pickle_read(p, *at, err);
	p->built = read_inner;
	p->scratch = outer;
	arena_free(&scratch);
	pickle_node(p, object)->call->entries = p->root;
	*at = p->end + 2;
	return r;
}

static void what_is_built_may_be_followed_by_a_pickle(void **state)
{
	struct read r = {.p.built = read_inner};
	struct text bytes = {0};
	(void)state;
	text_put(&bytes, BYTES("(cm\nC\n)\x81Nb]q\0(h\0K\1e.!!"));
	for (int i = 0; i < 300; i++) { /* more nodes than a chunk has */
		text_put(&bytes, BYTES("G\0\0\0\0\0\0\0\0cm\nC\n)\x81Nb"));
		for (int j = 0; j < i % 7; j++)
			text_put(&bytes, BYTES("G\0\0\0\0\0\0\0\0"));
		text_put(&bytes, BYTES("G?\xf0\0\0\0\0\0\0.??"));
	}
	text_put(&bytes, BYTES("l."));
	assert_int_equal(read_at(&r, text_slice(&bytes), 0), 0);
	assert_int_equal(r.p.end, bytes.len);
	assert_int_equal(pickle_node(&r.p, r.p.root)->count, 601);
	uint32_t one = pickle_item(pickle_node(&r.p, r.p.root), 0);
	show(&r, one, 4);
	assert_string_equal(r.text, "new<'m'.'C'() state=None entries=[[[..., ...], 1], 1]>");
	for (uint32_t i = 0; i < 300; i++) {
		const struct pickle_node *zero = pickle_node(&r.p, pickle_item(pickle_node(&r.p, r.p.root), 1 + 2 * i));
		const struct pickle_node *object = pickle_node(&r.p, pickle_item(pickle_node(&r.p, r.p.root), 2 + 2 * i));
		assert_int_equal(zero->kind, PICKLE_FLOAT);
		assert_true(zero->real == 0 && pickle_node(&r.p, object->call->entries)->real == 1);
	}
	end(&r);
	text_free(&bytes);
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
		cmocka_unit_test(what_is_built_may_be_followed_by_a_pickle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
