/* SPDX-License-Identifier: MIT */
#include "fs/archive/pieces.h"
#include "tests/support.h"

/* A toy of COUNT pieces of odd sizes, of every kind, held against a flat array. */
enum { COUNT = 24, MOST = 64, KINDS = 6 };

struct toy {
	struct pieces pieces;
	struct source source;
	struct block_client client;
	uint64_t begin[COUNT + 1];
	uint8_t flat[COUNT * MOST];
	uint64_t wanted[COUNT * COUNT];
	unsigned nwanted, got, decoded;
	unsigned fails, lost; /* the pieces that get() and place() fail for; COUNT: none */
};

static const uint8_t unit[5] = {1, 2, 3, 5, 8};
static uint8_t mapped[COUNT + MOST];

static unsigned piece_at(const struct toy *t, uint64_t offset)
{
	return pieces_search(t->begin, 1, COUNT, offset);
}

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct toy *t = (struct toy *)(uintptr_t)from->owner;
	size_t len = (size_t)(t->begin[index + 1] - t->begin[index]);
	uint8_t *room = block_room(ret, len + 3, err);
	if (!room)
		return -ENOMEM;
	t->decoded++;
	memset(room, 0xee, 3);
	memcpy(room + 3, t->flat + t->begin[index], len);
	return 0;
}

static int place(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	struct toy *t = p->owner;
	unsigned i = piece_at(t, offset);
	assert_in_range(len, 1, p->size - offset);
	if (i == t->lost)
		return error_set(err, EIO, "piece %u is lost", i);
	*ret = (struct piece){.begin = t->begin[i], .end = t->begin[i + 1], .number = i, .last = i};
	return 0;
}

static int get(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct toy *t = p->owner;
	struct block_source from = {&t->client, t, decode, 0};
	uint64_t i = piece->number;
	uint8_t *own;
	t->got++;
	if (i == t->fails)
		return error_set(err, EBADMSG, "piece %u", (unsigned)i);
	switch (i % KINDS) {
	case 0:
		piece->kind = PIECE_ZEROS;
		return 0;
	case 1:
		piece->kind = PIECE_PATTERN;
		piece->pattern = (struct slice){unit, sizeof unit};
		piece->at = i;
		return 0;
	case 2:
		piece->kind = PIECE_SOURCE;
		piece->source = &t->source;
		piece->at = i;
		return 0;
	case 3:
		piece->kind = PIECE_BLOCK;
		piece->at = 3;
		return blocks_get(p->blocks, NULL, &from, i, &piece->block, err);
	case 4:
		piece_number(piece, 0x0102030405060708 * (int64_t)i, 4);
		return 0;
	}
	assert_int_equal(answer_own(ret, (size_t)len, &own), 0);
	memcpy(own, t->flat + piece->begin + at, (size_t)len);
	return 0;
}

static uint64_t find(struct pieces *p, uint64_t offset)
{
	assert_true(offset < p->size);
	return piece_at(p->owner, offset);
}

static uint64_t prefetch(struct pieces *p, uint64_t number)
{
	struct toy *t = p->owner;
	assert_true(number <= COUNT);
	if (number == COUNT)
		return PIECES_END;
	assert_true(t->nwanted < sizeof t->wanted / sizeof *t->wanted);
	t->wanted[t->nwanted++] = number;
	return number + 1;
}

static const struct pieces_type type = {place, get, find, prefetch};

static void fill_flat(struct toy *t, unsigned i)
{
	int64_t number = 0x0102030405060708 * (int64_t)i;
	for (uint64_t k = 0; k < t->begin[i + 1] - t->begin[i]; k++) {
		uint8_t kinds[KINDS] = {0, unit[(i + k) % sizeof unit], mapped[i + k], (uint8_t)(i + 3 * k),
					((uint8_t *)&number)[k % 4], (uint8_t)(7 * i + k)};
		t->flat[t->begin[i] + k] = kinds[i % KINDS];
	}
}

/* Threads: 1, so four blocks are worth having ready. */
static struct toy *toy(size_t budget)
{
	struct toy *t = calloc(1, sizeof *t);
	assert_non_null(t);
	for (unsigned i = 0; i < sizeof mapped; i++)
		mapped[i] = (uint8_t)(i * i + 1);
	for (unsigned i = 0; i < COUNT; i++) {
		t->begin[i + 1] = t->begin[i] + 1 + i * 37 % (MOST - 3);
		fill_flat(t, i);
	}
	t->source = source_memory((struct slice){mapped, sizeof mapped});
	t->fails = t->lost = COUNT;
	t->pieces = (struct pieces){.type = &type, .owner = t, .size = t->begin[COUNT], .bytes = MOST};
	assert_int_equal(blocks_open(&t->pieces.blocks, budget, 1), 0);
	return t;
}

static void toy_close(struct toy *t)
{
	blocks_drop(t->pieces.blocks, &t->client);
	blocks_close(t->pieces.blocks);
	free(t);
}

static void check_read(struct toy *t, uint64_t offset, uint64_t len)
{
	uint8_t bytes[COUNT * MOST];
	struct answer answer;
	struct error err = {""};
	answer_init(&answer);
	t->nwanted = 0;
	assert_int_equal(pieces_read(&t->pieces, offset, len, &answer, &err), 0);
	assert_int_equal(answer.len, len);
	assert_int_equal(answer_copy(&answer, bytes, &err), 0);
	assert_memory_equal(bytes, t->flat + offset, len);
	answer_close(&answer);
}

/* Wanted in the last read: first to last, each once and in order; none if last < first. */
static void check_wanted(const struct toy *t, unsigned first, unsigned last)
{
	assert_int_equal(t->nwanted, last + 1 - first);
	for (unsigned i = 0; i < t->nwanted; i++)
		assert_int_equal(t->wanted[i], first + i);
}

/* Reads from the second byte of a piece (the first, if it has only one) to the first of another. */
static void read_pieces(struct toy *t, unsigned first, unsigned last)
{
	uint64_t from = t->begin[first] + (t->begin[first + 1] - t->begin[first] > 1 && first < last);
	check_read(t, from, t->begin[last] + 1 - from);
}

static void every_range_is_what_the_pieces_hold(void **state)
{
	static const enum readahead_kind kinds[] = {READ_RANDOM, READ_SEQUENTIAL, READ_STRIDED};
	struct toy *t = toy(1 << 20);
	(void)state;
	for (unsigned k = 0; k < 3; k++)
		for (uint64_t from = 0; from < t->pieces.size; from++)
			for (uint64_t len = 1; len <= t->pieces.size - from; len += k ? 19 : 1) {
				t->pieces.next = (struct readahead_next){.kind = kinds[k], .readers = 1, .offset = from + len, .len = len,
								    .stride = (int64_t)len};
				check_read(t, from, len);
			}
	struct blocks *blocks = t->pieces.blocks;
	t->pieces.blocks = NULL;
	check_read(t, 0, t->pieces.size);
	assert_int_equal(t->nwanted, 0);
	t->pieces.blocks = blocks;
	toy_close(t);
}

static void in_order_the_next_are_wanted_each_once(void **state)
{
	struct toy *t = toy(1 << 20);
	(void)state;
	t->pieces.next = (struct readahead_next){.kind = READ_SEQUENTIAL, .passed = UINT64_MAX, .readers = 1};
	for (unsigned first = 0; first < COUNT; first++)
		for (unsigned last = first; last < COUNT; last++) {
			read_pieces(t, first, last);
			check_wanted(t, first + 1, last + 4 < COUNT ? last + 4 : COUNT - 1);
		}
	t->pieces.next.readers = 2; /* who share what the cache can bear */
	read_pieces(t, 5, 5);
	check_wanted(t, 6, 7);
	t->pieces.next.readers = 5;
	read_pieces(t, 5, 9);
	check_wanted(t, 6, 5);
	t->pieces.next.readers = 1;
	t->pieces.most = 1;
	read_pieces(t, 5, 9);
	check_wanted(t, 6, 10);
	toy_close(t);
}

static void no_more_is_wanted_than_was_passed_and_one(void **state)
{
	struct toy *t = toy(1 << 20);
	(void)state;
	t->pieces.next = (struct readahead_next){.kind = READ_SEQUENTIAL, .readers = 1};
	for (unsigned passed = 0; passed < 6 * MOST; passed++) {
		t->pieces.next.passed = passed;
		read_pieces(t, 5, 5);
		check_wanted(t, 6, passed / MOST < 4 ? 6 + passed / MOST : 9);
	}
	toy_close(t);
}

static void out_of_order_only_what_is_read_is_wanted(void **state)
{
	struct toy *t = toy(1 << 20);
	(void)state;
	for (unsigned first = 0; first < COUNT; first++)
		for (unsigned last = first; last < COUNT; last++) {
			read_pieces(t, first, last);
			check_wanted(t, first + 1, last);
		}
	toy_close(t);
}

static void at_a_stride_the_next_ranges_are_wanted(void **state)
{
	struct toy *t = toy(1 << 20);
	(void)state;
	for (int64_t stride = -200; stride <= 200; stride += 7) { /* never 0 */
		uint64_t at = t->pieces.size / 2, len = 30;
		t->pieces.next = (struct readahead_next){.kind = READ_STRIDED, .readers = 1, .offset = at + (uint64_t)stride, .len = len,
						    .stride = stride};
		check_read(t, at, 1);
		unsigned n = 0;
		for (unsigned k = 0; k < 4; k++) {
			at += (uint64_t)stride;
			if (at > t->pieces.size || at + len > t->pieces.size)
				break;
			for (unsigned i = piece_at(t, at); i <= piece_at(t, at + len - 1); i++)
				assert_int_equal(t->wanted[n++], i);
		}
		assert_int_equal(t->nwanted, n);
	}
	toy_close(t);
}

static void pieces_that_are_read_together_are_wanted_together(void **state)
{
	struct toy *t = toy(1 << 20);
	(void)state;
	t->pieces.next = (struct readahead_next){.kind = READ_SEQUENTIAL, .passed = UINT64_MAX, .readers = 1};
	t->pieces.together = 10;
	read_pieces(t, 2, 3);
	check_wanted(t, 3, 13);
	t->pieces.bytes = (1 << 20) / 20; /* ten times eight of them do not fit */
	read_pieces(t, 2, 3);
	check_wanted(t, 3, 7);
	toy_close(t);
}

static void a_range_is_wanted_before_it_is_read(void **state)
{
	struct toy *t = toy(1 << 20);
	(void)state;
	pieces_prefetch(&t->pieces, 3, 9);
	check_wanted(t, 3, 9);
	t->nwanted = 0;
	t->pieces.next = (struct readahead_next){.kind = READ_SEQUENTIAL, .passed = UINT64_MAX, .readers = 1};
	pieces_prefetch(&t->pieces, 3, 9);
	check_wanted(t, 3, 13);
	t->nwanted = 0;
	t->pieces.next = (struct readahead_next){.kind = READ_STRIDED, .readers = 1, .offset = t->begin[20], .len = 1, .stride = 1000};
	pieces_prefetch(&t->pieces, 3, 9);
	assert_int_equal(t->nwanted, 8);
	assert_int_equal(t->wanted[7], 20);
	assert_int_equal(t->got, 0);
	toy_close(t);
}

static void a_fault_ends_the_read_where_it_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * COUNT; i++) {
		struct toy *t = toy(1 << 20);
		struct answer answer;
		struct error err = {""};
		unsigned at = i / 2;
		*(i % 2 ? &t->fails : &t->lost) = at;
		answer_init(&answer);
		assert_int_equal(pieces_read(&t->pieces, 0, t->pieces.size, &answer, &err), i % 2 ? -EBADMSG : -EIO);
		assert_int_equal(answer.len, t->begin[at]); /* of which archive_read() answers nothing */
		assert_int_equal(t->got, at + i % 2);
		assert_non_null(strstr(err.text, "piece "));
		if (at > 0)
			check_read(t, 0, t->begin[at]);
		answer_close(&answer);
		toy_close(t);
	}
}

/* --- dropped behind ---------------------------------------------------------------------- */

enum { LEN = 1 << 20, LONG = 100, PASSING = 64 * LEN }; /* what is read in order passes through so much */

struct blocks_toy {
	struct pieces pieces;
	struct block_client client;
	bool shared;
};

static int decode_long(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	(void)from;
	(void)index;
	return block_room(ret, LEN, err) ? 0 : -ENOMEM;
}

static int place_long(struct pieces *p, uint64_t offset, uint64_t len, struct piece *ret, struct error *err)
{
	uint64_t i = offset / LEN;
	(void)p;
	(void)len;
	(void)err;
	*ret = (struct piece){.begin = i * LEN, .end = (i + 1) * LEN, .number = i, .last = i};
	return 0;
}

static int get_long(struct pieces *p, struct piece *piece, uint64_t at, uint64_t len, struct answer *ret, struct error *err)
{
	struct blocks_toy *t = p->owner;
	struct block_source from = {&t->client, t, decode_long, 0};
	(void)at;
	(void)len;
	(void)ret;
	piece->kind = PIECE_BLOCK;
	piece->shared = t->shared;
	return blocks_get(p->blocks, NULL, &from, piece->number, &piece->block, err);
}

static uint64_t find_long(struct pieces *p, uint64_t offset)
{
	(void)p;
	return offset / LEN;
}

static uint64_t prefetch_none(struct pieces *p, uint64_t number)
{
	(void)p;
	(void)number;
	return PIECES_END;
}

/* What the cache holds of LONG blocks of which bytes [at, at + len) were read. */
static size_t used_after(enum readahead_kind kind, uint64_t at, uint64_t len, bool shared)
{
	static const struct pieces_type long_type = {place_long, get_long, find_long, prefetch_none};
	struct blocks_toy t = {.shared = shared};
	struct blocks_stats stats;
	t.pieces = (struct pieces){.type = &long_type, .owner = &t, .size = (uint64_t)LONG * LEN, .bytes = LEN, .next = {.kind = kind}};
	assert_int_equal(blocks_open(&t.pieces.blocks, 4 * (size_t)PASSING, 1), 0);
	for (uint64_t i = 0; i < LONG; i++) {
		struct answer answer;
		struct error err = {""};
		answer_init(&answer);
		assert_int_equal(pieces_read(&t.pieces, i * LEN + at, len, &answer, &err), 0);
		answer_close(&answer);
	}
	blocks_stats(t.pieces.blocks, &stats);
	blocks_drop(t.pieces.blocks, &t.client);
	blocks_close(t.pieces.blocks);
	return stats.used;
}

static void what_a_reader_in_order_has_passed_is_dropped(void **state)
{
	(void)state;
	assert_in_range(used_after(READ_SEQUENTIAL, LEN - 1, 1, false), 1, PASSING + 2 * LEN);
	assert_in_range(used_after(READ_SEQUENTIAL, 0, LEN, false), 1, PASSING + 2 * LEN);
	assert_in_range(used_after(READ_SEQUENTIAL, 0, LEN - 1, false), (size_t)(LONG - 1) * LEN, SIZE_MAX);
	assert_in_range(used_after(READ_SEQUENTIAL, 0, LEN, true), (size_t)(LONG - 1) * LEN, SIZE_MAX);
	assert_in_range(used_after(READ_RANDOM, 0, LEN, false), (size_t)(LONG - 1) * LEN, SIZE_MAX);
}

static void a_pattern_goes_on_where_it_begins(void **state)
{
	uint8_t to[40];
	(void)state;
	for (uint64_t n = 1; n <= sizeof unit; n++)
		for (uint64_t at = 0; at < 12; at++)
			for (uint64_t len = 0; len < sizeof to; len++) {
				memset(to, 0xee, sizeof to);
				pieces_repeat((struct slice){unit, n}, at, len, to);
				for (uint64_t i = 0; i < sizeof to; i++)
					assert_int_equal(to[i], i < len ? unit[(at + i) % n] : 0xee);
			}
}

static void the_last_at_or_below_is_found(void **state)
{
	const uint64_t positions[] = {0, 1, 3, 2, 3, 3, 7, 4};
	(void)state;
	assert_int_equal(pieces_search(positions, 2, 4, 0), 0);
	assert_int_equal(pieces_search(positions, 2, 4, 2), 0);
	assert_int_equal(pieces_search(positions, 2, 4, 3), 2); /* behind an empty one */
	assert_int_equal(pieces_search(positions, 2, 4, 6), 2);
	assert_int_equal(pieces_search(positions, 2, 4, 99), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_range_is_what_the_pieces_hold),
		cmocka_unit_test(in_order_the_next_are_wanted_each_once),
		cmocka_unit_test(no_more_is_wanted_than_was_passed_and_one),
		cmocka_unit_test(out_of_order_only_what_is_read_is_wanted),
		cmocka_unit_test(at_a_stride_the_next_ranges_are_wanted),
		cmocka_unit_test(pieces_that_are_read_together_are_wanted_together),
		cmocka_unit_test(a_range_is_wanted_before_it_is_read),
		cmocka_unit_test(a_fault_ends_the_read_where_it_is),
		cmocka_unit_test(what_a_reader_in_order_has_passed_is_dropped),
		cmocka_unit_test(a_pattern_goes_on_where_it_begins),
		cmocka_unit_test(the_last_at_or_below_is_found),
	};
	return cmocka_run_group_tests_name("pieces", tests, NULL, NULL);
}
