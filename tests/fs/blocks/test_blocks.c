/* SPDX-License-Identifier: MIT */
#include "fs/blocks/blocks.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/support.h"

static struct block_client client, other_client; /* only to be somebody */

/* What is asked of decode(), and what it counts. */
struct plan {
	size_t len, scratch;
	_Atomic unsigned calls, at_once, most;
	unsigned fail;      /* so many times */
	useconds_t pause;
	struct plan *needs; /* a block of that, too */
	struct blocks *blocks;
	struct block_client *client; /* NULL: the first */
	_Atomic bool stalled;    /* it takes until this is false */
	_Atomic bool holds;      /* the same, with its memory in hand */
	_Atomic unsigned holding;
};

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err);

static struct block_source source_of(const struct plan *p)
{
	return (struct block_source){p->client ? p->client : &client, p, decode, 0};
}

static int decode(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	struct plan *p = (struct plan *)(uintptr_t)from->owner;
	struct block *other;
	unsigned n = ++p->calls, now = ++p->at_once;
	if (now > p->most)
		p->most = now;
	usleep(p->pause);
	while (p->stalled)
		usleep(100);
	p->at_once--;
	if (n <= p->fail)
		return error_set(err, EBADMSG, "fault %u", n);
	if (p->needs) {
		struct block_source needed = source_of(p->needs);
		int r = blocks_get(p->blocks, ret, &needed, 0, &other, err);
		if (r < 0)
			return r;
		blocks_release(other);
	}
	if (p->scratch) {
		uint8_t *s = block_scratch(ret, p->scratch, err);
		if (!s)
			return -ENOMEM;
		memset(s, 1, p->scratch);
	}
	uint8_t *bytes = block_room(ret, p->len, err);
	if (!bytes)
		return -ENOMEM;
	memset(bytes, (int)index, p->len);
	p->holding++;
	while (p->holds)
		usleep(100);
	return 0;
}

static struct block *get(struct blocks *b, const struct plan *p, uint64_t index)
{
	struct block_source from = source_of(p);
	struct error err = {""};
	struct block *block = NULL;
	assert_int_equal(blocks_get(b, NULL, &from, index, &block, &err), 0);
	assert_int_equal(block->len, p->len);
	for (size_t i = 0; i < block->len; i += 1 + block->len / 64)
		assert_int_equal(block->bytes[i], (uint8_t)index);
	return block;
}

static struct blocks *cache(size_t budget, unsigned threads)
{
	struct blocks *b;
	assert_int_equal(blocks_open(&b, budget, threads), 0);
	return b;
}

static void a_block_is_made_once_and_kept(void **state)
{
	struct blocks *b = cache(1 << 20, 2);
	struct plan p = {.len = 1000, .scratch = 10};
	(void)state;
	for (int i = 0; i < 10; i++)
		blocks_release(get(b, &p, 3));
	assert_int_equal(p.calls, 1);
	blocks_close(b);
}

/* Small things soon lie between them, as they would in the heap of a mount, which must not
 * grow for as long as blocks come and go. */
static void memory_of_small_blocks_is_used_again(void **state)
{
	enum { COUNT = 1000, SMALL = 4 };
	struct blocks *b = cache(64 << 20, 1);
	struct plan stays = {.len = 10000}, goes = {.len = 10000, .client = &other_client};
	static void *small[COUNT * SMALL];
	(void)state;
	for (uint64_t i = 0; i < COUNT; i++) {
		blocks_release(get(b, &stays, i));
		blocks_release(get(b, &goes, i));
		for (size_t k = 0; k < SMALL; k++)
			assert_non_null(small[i * SMALL + k] = malloc(24));
	}
	size_t heap = mallinfo2().arena;
	blocks_drop(b, &other_client);
	for (uint64_t i = 0; i < COUNT; i++) {
		struct block *block = get(b, &goes, i);
		assert_int_equal((uintptr_t)block->bytes % 64, 0);
		blocks_release(block);
	}
	assert_in_range(mallinfo2().arena, 0, heap + (1 << 20));
	for (size_t i = 0; i < COUNT * SMALL; i++)
		free(small[i]);
	blocks_close(b);
}

static void the_oldest_goes_when_the_budget_is_reached(void **state)
{
	struct blocks *b = cache(10000, 1);
	struct plan p = {.len = 2000};
	struct blocks_stats stats;
	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		blocks_release(get(b, &p, i));
	blocks_release(get(b, &p, 0)); /* young again */
	blocks_release(get(b, &p, 4)); /* 1 goes */
	assert_int_equal(p.calls, 5);
	blocks_release(get(b, &p, 0));
	assert_int_equal(p.calls, 5);
	blocks_release(get(b, &p, 1));
	assert_int_equal(p.calls, 6);
	blocks_stats(b, &stats);
	assert_true(stats.used <= 10000);
	blocks_close(b);
}

static void what_is_spent_leaves_room_for_the_next(void **state)
{
	enum { LEN = 1 << 20, PASSING = 10 * LEN };
	struct plan p = {.len = LEN};
	struct blocks *b = cache(8 * (size_t)PASSING, 1);
	struct blocks_stats stats;
	(void)state;
	blocks_release(get(b, &p, 1000));
	for (uint64_t i = 0; i < 100; i++) {
		struct block *block = get(b, &p, i);
		blocks_drop_behind(block);
		blocks_release(block);
	}
	blocks_stats(b, &stats);
	assert_in_range(stats.used, PASSING / 2, PASSING + 2 * LEN);
	assert_int_equal(p.calls, 101);
	blocks_release(get(b, &p, 1000));
	assert_int_equal(p.calls, 101);
	blocks_close(b);
}

static void who_is_a_little_behind_finds_what_others_passed(void **state)
{
	enum { LEN = 1 << 20, OTHERS = 50, PASSED = 8 };
	struct plan p = {.len = LEN};
	struct blocks *b = cache(200 * LEN, 1);
	(void)state;
	for (uint64_t i = 0; i < OTHERS; i++)
		blocks_release(get(b, &p, 1000 + i));
	for (uint64_t i = 0; i < PASSED; i++) {
		struct block *block = get(b, &p, i);
		blocks_drop_behind(block);
		blocks_release(block);
	}
	for (uint64_t i = 0; i < PASSED; i++)
		blocks_release(get(b, &p, i));
	assert_int_equal(p.calls, OTHERS + PASSED);
	blocks_close(b);
}

static void the_last_one_passed_stays_however_large(void **state)
{
	struct plan p = {.len = 16 << 20};
	struct blocks *b = cache(200 << 20, 1);
	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		struct block *block = get(b, &p, i);
		blocks_drop_behind(block);
		blocks_release(block);
		blocks_release(get(b, &p, i));
		blocks_drop_behind(block = get(b, &p, i));
		blocks_release(block);
	}
	assert_int_equal(p.calls, 3);
	blocks_close(b);
}

/* Before what nobody has passed, however old that is. */
static void what_was_passed_goes_first(void **state)
{
	struct blocks *b = cache(10000, 1);
	struct plan p = {.len = 2000};
	(void)state;
	blocks_release(get(b, &p, 0));
	for (uint64_t i = 1; i < 10; i++) {
		struct block *block = get(b, &p, i);
		blocks_drop_behind(block);
		blocks_release(block);
	}
	blocks_release(get(b, &p, 0));
	assert_int_equal(p.calls, 10);
	blocks_close(b);
}

static void what_is_in_use_does_not_go(void **state)
{
	struct blocks *b = cache(5000, 1);
	struct plan p = {.len = 2000};
	struct answer answer;
	(void)state;
	answer_init(&answer);
	assert_int_equal(blocks_answer(b, get(b, &p, 7), 10, 100, &answer), 0);
	for (uint64_t i = 0; i < 100; i++)
		blocks_release(get(b, &p, i + 20));
	uint8_t bytes[100];
	answer_copy(&answer, bytes, NULL);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(bytes[i], 7);
	blocks_drop(b, &client);
	answer_copy(&answer, bytes, NULL);
	assert_int_equal(bytes[99], 7);
	answer_close(&answer);
	blocks_close(b);
}

static void a_failure_tells_all_and_is_tried_again(void **state)
{
	struct blocks *b = cache(1 << 20, 1);
	struct plan p = {.len = 10, .fail = 1};
	struct block_source from = source_of(&p);
	struct error err = {""};
	struct block *block;
	(void)state;
	assert_int_equal(blocks_get(b, NULL, &from, 0, &block, &err), -EBADMSG);
	assert_string_equal(err.text, "fault 1");
	blocks_release(get(b, &p, 0));
	assert_int_equal(p.calls, 2);
	blocks_close(b);
}

struct reader {
	struct blocks *b;
	const struct plan *p;
	unsigned blocks, rounds;
	unsigned failed;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	struct block_source from = source_of(r->p);
	for (unsigned i = 0; i < r->rounds; i++) {
		struct error err = {""};
		struct block *block;
		uint64_t index = (i * 7919u) % r->blocks;
		if (blocks_get(r->b, NULL, &from, index, &block, &err) < 0) {
			r->failed++;
			continue;
		}
		r->failed += block->bytes[block->len - 1] != (uint8_t)index;
		blocks_release(block);
	}
	return NULL;
}

static void run(struct blocks *b, const struct plan *p, unsigned threads, unsigned blocks, unsigned rounds)
{
	pthread_t ids[64];
	struct reader readers[64];
	for (unsigned i = 0; i < threads; i++) {
		readers[i] = (struct reader){b, p, blocks, rounds, 0};
		assert_int_equal(pthread_create(&ids[i], NULL, read_all, &readers[i]), 0);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		assert_int_equal(readers[i].failed, 0);
	}
}

static void many_readers_make_it_once(void **state)
{
	struct blocks *b = cache(1 << 20, 2);
	struct plan p = {.len = 100, .pause = 20000};
	(void)state;
	run(b, &p, 16, 1, 3);
	assert_int_equal(p.calls, 1);
	blocks_close(b);
}

static void many_readers_of_a_small_cache_all_get_through(void **state)
{
	struct blocks *b = cache(50000, 2);
	struct plan dictionary = {.len = 9000}, p = {.len = 20000, .scratch = 30000, .needs = &dictionary, .blocks = b};
	struct blocks_stats stats;
	(void)state;
	run(b, &p, 64, 50, 200);
	blocks_stats(b, &stats);
	assert_true(stats.used <= 50000);
	blocks_drop(b, &client);
	blocks_stats(b, &stats);
	assert_int_equal(stats.used, 0);
	blocks_close(b);
}

static void readers_of_an_archive_take_turns(void **state)
{
	struct blocks *b = cache(1 << 20, 2);
	struct plan p = {.len = 100, .pause = 2000};
	(void)state;
	run(b, &p, 32, 64, 8);
	assert_in_range(p.most, 1, 4);
	blocks_close(b);
}

static void *read_first(void *reader)
{
	struct reader *r = reader;
	blocks_release(get(r->b, r->p, r->rounds));
	return NULL;
}

static void a_stalled_archive_holds_up_no_other(void **state)
{
	struct blocks *b = cache(1 << 20, 2);
	struct plan slow = {.len = 100, .stalled = true}, quick = {.len = 100, .client = &other_client};
	struct reader readers[16];
	pthread_t ids[16];
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		readers[i] = (struct reader){b, &slow, 1, i, 0};
		assert_int_equal(pthread_create(&ids[i], NULL, read_first, &readers[i]), 0);
	}
	while (slow.calls < 4)
		usleep(100);
	for (uint64_t i = 0; i < 100; i++)
		blocks_release(get(b, &quick, i));
	assert_int_equal(slow.calls, 4); /* the others wait */
	slow.stalled = false;
	for (unsigned i = 0; i < 16; i++)
		pthread_join(ids[i], NULL);
	assert_int_equal(slow.calls, 16);
	blocks_drop(b, &client);
	blocks_drop(b, &other_client);
	blocks_close(b);
}

static void what_is_wanted_no_more_is_not_made(void **state)
{
	struct blocks *b = cache(1 << 20, 1);
	struct plan p = {.len = 100, .stalled = true}, other = {.len = 100, .client = &other_client};
	struct block_source from = source_of(&p), from_other = source_of(&other);
	struct blocks_stats stats;
	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		blocks_prefetch(b, &from, i);
	blocks_prefetch(b, &from_other, 7);
	while (p.calls == 0)
		usleep(100);
	blocks_cancel_prefetch(b, &client);
	p.stalled = false;
	while (other.calls == 0) /* the same worker's next */
		usleep(100);
	assert_int_equal(p.calls, 1);
	blocks_release(get(b, &p, 5));
	assert_int_equal(p.calls, 2);
	blocks_drop(b, &client);
	blocks_drop(b, &other_client);
	blocks_stats(b, &stats);
	assert_int_equal(stats.used, 0);
	blocks_close(b);
	blocks_cancel_prefetch(NULL, &client);
}

/* Of workers, which decode ahead; and the stalled archive gets no more than its share. */
static void a_stalled_archive_leaves_workers_to_others(void **state)
{
	struct blocks *b = cache(1 << 20, 2);
	struct plan p = {.len = 10, .stalled = true}, other = {.len = 20, .client = &other_client};
	struct block_source from = source_of(&p), from_other = source_of(&other);
	struct block *block = NULL;
	(void)state;
	for (uint64_t i = 0; i < 8; i++)
		blocks_prefetch(b, &from, i);
	while (p.calls < 2)
		usleep(100);
	for (unsigned i = 0; i < 500 && !block; i++) {
		blocks_prefetch(b, &from_other, i % 50);
		usleep(10000);
		block = blocks_peek(b, &from_other, 0);
	}
	assert_non_null(block);
	blocks_release(block);
	assert_int_equal(p.calls, 2);
	p.stalled = false;
	blocks_drop(b, &client);
	blocks_drop(b, &other_client);
	blocks_close(b);
}

static struct blocks *tight;

static void *get_one(void *plan)
{
	blocks_release(get(tight, plan, 7));
	return NULL;
}

static void memory_of_a_stalled_archive_holds_up_no_other(void **state)
{
	struct plan p = {.len = 600000, .holds = true}, other = {.len = 600000, .client = &other_client};
	pthread_t stalled, reader;
	struct timespec until;
	(void)state;
	tight = cache(1 << 20, 2);
	pthread_create(&stalled, NULL, get_one, &p);
	while (p.holding == 0)
		usleep(100);
	pthread_create(&reader, NULL, get_one, &other);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	int r = pthread_timedjoin_np(reader, NULL, &until);
	p.holds = false;
	pthread_join(stalled, NULL);
	assert_int_equal(r, 0);
	blocks_drop(tight, &client);
	blocks_drop(tight, &other_client);
	struct blocks_stats stats;
	blocks_stats(tight, &stats);
	assert_int_equal(stats.used, 0);
	blocks_close(tight);
}

static void workers_make_what_is_wanted_side_by_side(void **state)
{
	struct blocks *b = cache(1 << 20, 3);
	struct plan p = {.len = 100, .pause = 10000};
	struct block_source from = source_of(&p);
	(void)state;
	for (uint64_t i = 0; i < 12; i++)
		blocks_prefetch(b, &from, i);
	for (uint64_t i = 12; i-- > 0;)
		blocks_release(get(b, &p, i));
	assert_int_equal(p.calls, 12);
	assert_true(p.most >= 2);
	for (uint64_t i = 100; i < 1000; i++) /* more than it takes on; nobody waits */
		blocks_prefetch(b, &from, i);
	blocks_drop(b, &client);
	blocks_close(b);
}

static void more_than_the_cache_is_refused(void **state)
{
	struct blocks *b = cache(1 << 20, 1);
	struct plan p = {.len = (size_t)1 << 30};
	struct block_source from = source_of(&p);
	struct error err = {""};
	struct block *block;
	(void)state;
	assert_int_equal(blocks_get(b, NULL, &from, 0, &block, &err), -ENOMEM);
	assert_string_equal(err.text, "1073741824 bytes to decode at once do not fit the cache: -o cache= makes it larger");
	blocks_close(b);
}

static void without_a_cache_each_call_makes_it(void **state)
{
	struct plan p = {.len = 100};
	struct answer answer;
	(void)state;
	answer_init(&answer);
	assert_int_equal(blocks_answer(NULL, get(NULL, &p, 1), 0, 100, &answer), 0);
	blocks_release(get(NULL, &p, 1));
	assert_int_equal(p.calls, 2);
	answer_close(&answer);
}

/* 48 MB and most of the cache; for who is alone there is no limit but his own. */
static void metadata_share_what_there_is(void **state)
{
	enum { MB = 1 << 20 };
	struct blocks *b;
	(void)state;
	assert_int_equal(blocks_open(&b, 32 * MB, 1), 0);
	assert_int_equal(blocks_metadata_take(b, 0, 4 * MB, 200 * MB, 0), 200 * MB);
	assert_int_equal(blocks_metadata_take(b, 0, 4 * MB, 4 * MB, 0), 0);
	blocks_metadata(b, 200 * MB, 30 * MB); /* what it took in fact */
	assert_int_equal(blocks_metadata_take(b, 0, 4 * MB, 200 * MB, 16 * MB), 26 * MB);
	assert_int_equal(blocks_metadata_take(b, 0, 20 * MB, 200 * MB, 0), 0);
	assert_int_equal(blocks_metadata_take(b, 0, 4 * MB, 10 * MB, 0), 10 * MB);
	blocks_metadata(b, 36 * MB, 0);
	assert_int_equal(blocks_metadata_take(b, 30 * MB, 50 * MB, 60 * MB, 0), 60 * MB); /* all others' is its own */
	blocks_metadata(b, 90 * MB, 0);
	assert_int_equal(blocks_metadata_take(NULL, 0, 1, 7, 0), 7);
	blocks_close(b);
}

static void what_was_costly_goes_last(void **state)
{
	struct blocks *b = cache(10000, 1);
	struct plan p = {.len = 1000}, q = {.len = 1000};
	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		struct block *block = get(b, &q, i);
		blocks_costly(block);
		blocks_release(block);
	}
	for (uint64_t i = 0; i < 100; i++)
		blocks_release(get(b, &p, i));
	for (uint64_t i = 0; i < 3; i++)
		blocks_release(get(b, &q, i));
	assert_int_equal(q.calls, 3);
	for (uint64_t i = 3; i < 20; i++) { /* no more than half of the budget */
		struct block *block = get(b, &q, i);
		blocks_costly(block);
		blocks_release(block);
	}
	for (uint64_t i = 100; i < 103; i++)
		blocks_release(get(b, &p, i));
	unsigned calls = p.calls;
	for (uint64_t i = 100; i < 103; i++)
		blocks_release(get(b, &p, i));
	assert_int_equal(p.calls, calls);
	blocks_drop(b, &client);
	blocks_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_made_once_and_kept),
		cmocka_unit_test(what_was_costly_goes_last),
		cmocka_unit_test(memory_of_small_blocks_is_used_again),
		cmocka_unit_test(the_oldest_goes_when_the_budget_is_reached),
		cmocka_unit_test(what_is_spent_leaves_room_for_the_next),
		cmocka_unit_test(who_is_a_little_behind_finds_what_others_passed),
		cmocka_unit_test(the_last_one_passed_stays_however_large),
		cmocka_unit_test(what_was_passed_goes_first),
		cmocka_unit_test(what_is_in_use_does_not_go),
		cmocka_unit_test(a_failure_tells_all_and_is_tried_again),
		cmocka_unit_test(many_readers_make_it_once),
		cmocka_unit_test(many_readers_of_a_small_cache_all_get_through),
		cmocka_unit_test(readers_of_an_archive_take_turns),
		cmocka_unit_test(a_stalled_archive_holds_up_no_other),
		cmocka_unit_test(a_stalled_archive_leaves_workers_to_others),
		cmocka_unit_test(memory_of_a_stalled_archive_holds_up_no_other),
		cmocka_unit_test(what_is_wanted_no_more_is_not_made),
		cmocka_unit_test(workers_make_what_is_wanted_side_by_side),
		cmocka_unit_test(more_than_the_cache_is_refused),
		cmocka_unit_test(without_a_cache_each_call_makes_it),
		cmocka_unit_test(metadata_share_what_there_is),
	};
	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
