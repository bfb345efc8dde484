/* SPDX-License-Identifier: MIT */
#include "tests/formats/shared/pickle.h"

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
	uint32_t item = 0;
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

/* Opens a file of a head, a hole and a tail. */
static void open_hole(struct read *r, const char *folder, struct slice head, uint64_t hole, struct slice tail)
{
	struct folder root = test_root();
	char *path = test_path(folder, "file");
	test_write(folder, "file", head);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fseeko(f, (off_t)(head.len + hole), SEEK_SET), 0);
	assert_int_equal(fwrite(tail.data, 1, tail.len, f), tail.len);
	fclose(f);
	assert_int_equal(source_open(&r->archive.source, &root, path + 1, REACH_ANY, &r->err), 0);
	free(path);
}

/* 5 GiB that are only passed by: a hole.  Names behind it lie before it. */
static void bytes_are_not_read(void **state)
{
	const uint64_t size = (uint64_t)5 << 30;
	uint8_t head[] = "\x80\4\x8c\1m\x94\x8c\1f\x94\x93\x94\x8e\0\0\0\0\0\0\0\0";
	struct read r = {.archive.arena.limit = 4 << 20};
	struct content bytes;
	struct slice s;
	(void)state;
	char *folder = test_folder();
	memcpy(head + 13, &size, 8);
	open_hole(&r, folder, (struct slice){head, 21}, size, SLICE("h\0h\1\x93\x8c\3abcI12\n\x87."));
	r.in = (struct content){.size = r.archive.source.size};
	r.scratch = arena_scratch(&r.archive.arena);
	r.p = (struct pickle){.archive = &r.archive, .in = &r.in, .keep = &r.archive.arena, .scratch = &r.scratch, .known = names_known};
	assert_int_equal(pickle_read(&r.p, 0, &r.err), 0);
	assert_null(r.p.resident.bytes);
	assert_int_equal(r.p.end, r.in.size);
	show(&r, r.p.root, 3);
	assert_string_equal(r.text, "('m'.'f', 'abc', 12)");
	assert_int_equal(pickle_node(&r.p, pickle_item(pickle_node(&r.p, r.p.root), 0))->known, 77); /* its names lie far behind */
	const struct pickle_node *n = pickle_node(&r.p, pickle_item(pickle_node(&r.p, r.p.root), 1));
	assert_int_equal(pickle_text(&r.p, n, NULL, 3, &s, &r.err), 0); /* a word is at hand */
	assert_true(slice_equal(s, SLICE("abc")));
	n = NULL;
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
}

enum { LINE = 300000, RECORDS = 60000 };

/* A list of texts and numbers in turn, and a line longer than a window.  Its length. */
static size_t put_records(uint8_t *bytes)
{
	size_t len = 0;
	bytes[len++] = '(';
	for (uint32_t i = 0; i < RECORDS; i++)
		len += (size_t)sprintf((char *)bytes + len, "V%u\nI%u\nX%c%c%c%c%0130u", i, i, 130, 0, 0, 0, i);
	bytes[len++] = 'V';
	memset(bytes + len, 'x', LINE);
	memcpy(bytes + len + LINE, "\nl.", 3);
	return len + LINE + 3;
}

/* Contents that are too large to be kept are read in windows. */
static void windows(void **state)
{
	uint8_t *bytes = malloc(12 << 20);
	size_t len = put_records(bytes);
	struct read r = {0};
	struct slice s;
	uint32_t item = 0;
	char digits[11];
	(void)state;
	assert_true(len > 8 << 20 && len < 12 << 20);
	assert_int_equal(read_at(&r, (struct slice){bytes, len}, 0), 0);
	assert_null(r.p.resident.bytes);
	struct pickle_walk w = pickle_items(pickle_node(&r.p, r.p.root));
	for (uint32_t i = 0; i < RECORDS; i++) {
		assert_true(pickle_next(&w, &item));
		assert_int_equal(pickle_text(&r.p, pickle_node(&r.p, item), &r.scratch, 10, &s, &r.err), 0);
		snprintf(digits, sizeof digits, "%u", i);
		assert_true(slice_equal(s, slice_text(digits)));
		assert_true(pickle_next(&w, &item));
		assert_int_equal(pickle_node(&r.p, item)->number, i);
		assert_true(pickle_next(&w, &item));
		assert_int_equal(pickle_size(pickle_node(&r.p, item)), 130);
	}
	assert_true(pickle_next(&w, &item));
	assert_int_equal(pickle_size(pickle_node(&r.p, item)), LINE);
	assert_false(pickle_next(&w, &item));
	end(&r);
	r = (struct read){0};
	assert_int_equal(read_at(&r, (struct slice){bytes, len - 3}, 0), -EBADMSG); /* the long line has no end */
	assert_non_null(strstr(r.err.text, "pickle: it ends within an opcode, at byte "));
	end(&r);
	free(bytes);
}

/* Of a large content the first words are kept; what is longer, or comes after them, is read. */
static void words(void **state)
{
	enum { MORE = PICKLE_WORDS_MAX + 100, PAD = 9 << 20 };
	uint8_t *bytes = malloc(PAD + 2 * MORE * 48);
	struct read r = {0};
	struct slice s;
	char expected[64];
	uint32_t item = 0;
	size_t len = 0;
	(void)state;
	assert_non_null(bytes);
	bytes[len++] = '(';
	for (uint32_t i = 0; i < 2 * MORE; i++) { /* a word of at most 31 bytes, and another of more, in turn */
		int n = snprintf(expected, sizeof expected, i % 2 ? "%032u" : "%u", i);
		len += (size_t)sprintf((char *)bytes + len, "\x8c%c%s", n, expected);
	}
	len += (size_t)sprintf((char *)bytes + len, "lB%c%c%c%c", 0, 0, (PAD >> 16) & 255, 0);
	memset(bytes + len, 'x', PAD);
	len += PAD;
	memcpy(bytes + len, "0.", 2);
	assert_int_equal(read_at(&r, (struct slice){bytes, len + 2}, 0), 0);
	assert_null(r.p.resident.bytes);
	struct pickle_walk w = pickle_items(pickle_node(&r.p, r.p.root));
	for (uint32_t i = 0; pickle_next(&w, &item); i++) {
		struct arena *arena = i % 2 || i / 2 >= PICKLE_WORDS_MAX ? &r.scratch : NULL;
		assert_int_equal(pickle_text(&r.p, pickle_node(&r.p, item), arena, 63, &s, &r.err), 0);
		snprintf(expected, sizeof expected, i % 2 ? "%032u" : "%u", i);
		assert_true(slice_equal(s, slice_text(expected)));
	}
	assert_int_equal(r.p.nwords, PICKLE_WORDS_MAX);
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
	assert_int_equal(read_at(&r, BYTES(bytes), 0), 0);
	struct pickle next = {.archive = &r.archive, .in = &r.in, .keep = &r.archive.arena, .scratch = &r.scratch, .resident = r.p.resident};
	assert_int_equal(pickle_read(&next, r.p.end, &r.err), 0); /* what is kept of the content is kept once */
	assert_ptr_equal(next.resident.bytes, r.p.resident.bytes);
	r.p = next;
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
	static const char *const pickles[] = {"\x80\2N.", "\x80\2.", "\x80\2", "\x80\2}q\1.", "\x80\3cnumpy\nx\n.", "\x80\4\x95\x10", "\x80\5\x8c\1a.", "(dp0\n.", "(lp1\nI1\na.",
					       "}q\1.", "]q\1(", "cnumpy.core.multiarray\n_reconstruct\np0\n(", "ccopy_reg\n_reconstructor\np1\n(cm\nC",
					       "cm\nC\nq\1", "cm\nC\n)R", "cm\nC\n(tR"};
	static const char *const others[] = {"", "\x80", "\x80\6N", "\x80\1N", "(d", "(dp", "(dp2", "(lp0",
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
		cmocka_unit_test(a_node_has_sixteen_bytes),
		cmocka_unit_test(cut_and_changed),
		cmocka_unit_test(nested_ten_million_deep),
		cmocka_unit_test(values_have_a_limit),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(memos_of_any_number),
		cmocka_unit_test(items_in_order),
		cmocka_unit_test(bytes_are_not_read),
		cmocka_unit_test(windows),
		cmocka_unit_test(words),
		cmocka_unit_test(globals_are_known_by_their_names),
		cmocka_unit_test(what_stands_behind_an_object_is_passed),
		cmocka_unit_test(from_any_byte_on),
		cmocka_unit_test(text_that_lies_there_is_not_copied),
		cmocka_unit_test(decimals),
		cmocka_unit_test(the_probe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
