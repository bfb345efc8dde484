/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/source/answer.h"
#include "fs/source/source.h"
#include "tests/support.h"

static int released;
static void release(void *object) { *(int *)object += 1; }

static void spans_come_in_order(void **state)
{
	struct answer a;
	uint8_t *own, buf[64];
	(void)state;
	answer_init(&a);
	assert_int_equal(answer_bytes(&a, "abc", 3), 0);
	assert_int_equal(answer_zeros(&a, 2), 0);
	assert_int_equal(answer_own(&a, 2, &own), 0);
	memcpy(own, "de", 2);
	assert_int_equal(answer_bytes(&a, "f", 1), 0);
	assert_int_equal(a.len, 8);
	answer_copy(&a, buf, NULL);
	assert_memory_equal(buf, "abc\0\0def", 8);
	answer_close(&a);
}

static void neighbours_are_one_span(void **state)
{
	static const char text[] = "abcdef";
	struct answer a;
	(void)state;
	answer_init(&a);
	answer_bytes(&a, text, 3);
	answer_bytes(&a, text + 3, 3);
	assert_int_equal(a.count, 1);
	answer_bytes(&a, text, 0);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.len, 6);
	answer_close(&a);
}

static void many_spans_and_long_zeros(void **state)
{
	enum { SPANS = 1000, ZEROS = 300000 };
	struct answer a;
	uint8_t bytes[SPANS * 2], *buf = malloc(SPANS + ZEROS);
	(void)state;
	answer_init(&a);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < SPANS; i++)
		assert_int_equal(answer_bytes(&a, bytes + i * 2, 1), 0);
	assert_int_equal(answer_zeros(&a, ZEROS), 0);
	assert_int_equal(a.len, SPANS + ZEROS);
	memset(buf, 0xee, SPANS + ZEROS);
	answer_copy(&a, buf, NULL);
	for (size_t i = 0; i < SPANS; i++)
		assert_int_equal(buf[i], bytes[i * 2]);
	for (size_t i = SPANS; i < SPANS + ZEROS; i++)
		assert_int_equal(buf[i], 0);
	answer_close(&a);
	free(buf);
}

static void pins_are_released_once(void **state)
{
	struct answer a;
	(void)state;
	released = 0;
	answer_init(&a);
	for (int i = 0; i < 20; i++)
		assert_int_equal(answer_pinned(&a, "x", 1, release, &released), 0);
	assert_int_equal(released, 0);
	answer_close(&a);
	assert_int_equal(released, 20);
	answer_close(&a); /* and closing again does no harm */
	assert_int_equal(released, 20);
}

static void a_reset_answer_is_empty_and_of_use(void **state)
{
	struct answer a;
	uint8_t buf[2];
	(void)state;
	released = 0;
	answer_init(&a);
	for (int i = 0; i < 20; i++)
		answer_pinned(&a, i % 2 ? "x" : "y", 1, release, &released);
	answer_reset(&a);
	assert_int_equal(released, 20);
	assert_int_equal(a.len, 0);
	assert_int_equal(a.count, 0);
	assert_int_equal(answer_bytes(&a, "ok", 2), 0);
	answer_copy(&a, buf, NULL);
	assert_memory_equal(buf, "ok", 2);
	answer_close(&a);
}

static void nothing_of_ones_own_is_fine(void **state)
{
	struct answer a;
	uint8_t *own;
	(void)state;
	answer_init(&a);
	assert_int_equal(answer_own(&a, 0, &own), 0);
	assert_non_null(own);
	assert_int_equal(a.len, 0);
	assert_int_equal(answer_zeros(&a, 0), 0);
	assert_int_equal(a.count, 0);
	answer_close(&a);
}

static void a_joined_answer_goes_on_and_is_released_with_all(void **state)
{
	struct answer a, b;
	uint8_t *own;
	char buf[6];
	(void)state;
	released = 0;
	answer_init(&a);
	answer_init(&b);
	answer_pinned(&a, "ab", 2, release, &released);
	answer_pinned(&b, "cd", 2, release, &released);
	assert_int_equal(answer_own(&b, 2, &own), 0);
	memcpy(own, "ef", 2);
	assert_int_equal(answer_join(&a, &b, release, &released), 0);
	assert_int_equal(b.len, 0);
	answer_close(&b);
	assert_int_equal(released, 0);
	assert_int_equal(a.len, 6);
	answer_copy(&a, buf, NULL);
	assert_memory_equal(buf, "abcdef", 6);
	answer_close(&a);
	assert_int_equal(released, 3);
}

static void nothing_is_appended_once_nobody_waits(void **state)
{
	_Atomic bool gone = false;
	struct answer a;
	uint8_t *own;
	(void)state;
	released = 0;
	answer_init(&a);
	a.gone = &gone;
	assert_int_equal(answer_bytes(&a, "x", 1), 0);
	gone = true;
	assert_int_equal(answer_bytes(&a, "x", 1), -EINTR);
	assert_int_equal(answer_zeros(&a, 1), -EINTR);
	assert_int_equal(answer_own(&a, 1, &own), -EINTR);
	assert_int_equal(answer_pinned(&a, "x", 1, release, &released), -EINTR);
	assert_int_equal(a.len, 1);
	answer_reset(&a); /* it is for the same */
	assert_int_equal(answer_bytes(&a, "x", 1), -EINTR);
	answer_close(&a);
	assert_int_equal(released, 1);
}

/* Mapped bytes may go at any moment. */
static void a_hole_is_an_io_error_to_who_copies(void **state)
{
	struct answer a;
	struct error err = {0};
	char buf[3 * 4096];
	FILE *f = tmpfile();
	(void)state;
	assert_int_equal(source_guard(), 0);
	assert_int_equal(ftruncate(fileno(f), sizeof buf), 0);
	char *mapped = mmap(NULL, sizeof buf, PROT_READ, MAP_SHARED, fileno(f), 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	answer_init(&a);
	assert_int_equal(answer_bytes(&a, "x", 1), 0);
	assert_int_equal(answer_bytes(&a, mapped, sizeof buf - 1), 0);
	assert_int_equal(answer_copy(&a, buf, NULL), 0);
	assert_int_equal(ftruncate(fileno(f), 4096), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(answer_copy(&a, buf, &err), -EIO);
		assert_string_not_equal(err.text, "");
	}
	answer_close(&a);
	munmap(mapped, sizeof buf);
	fclose(f);
}

static void what_is_owned_lies_in_lent_memory_first(void **state)
{
	_Alignas(16) uint8_t room[64];
	struct answer a;
	uint8_t *own;
	(void)state;
	answer_init(&a);
	answer_lend(&a, room, sizeof room);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(answer_own(&a, 3, &own), 0);
		assert_ptr_equal(own, room);
		assert_int_equal(answer_own(&a, 48, &own), 0);
		assert_ptr_equal(own, room + 16);
		assert_int_equal(answer_own(&a, 1, &own), 0);
		assert_false(own >= room && own < room + sizeof room);
		assert_int_equal(a.len, 52);
		answer_reset(&a); /* all of it is free again */
	}
	answer_close(&a);
}

static void gathered_bytes_lie_in_lent_memory(void **state)
{
	_Alignas(16) uint8_t room[24];
	char buf[16], text[] = "bcdef";
	struct answer a;
	uint8_t *own;
	(void)state;
	released = 0;
	answer_init(&a);
	answer_lend(&a, room, sizeof room);
	answer_bytes(&a, "a", 1);
	answer_pinned(&a, text, 5, release, &released);
	answer_own(&a, 1, &own);
	*own = 'g';
	answer_bytes(&a, "h", 1);
	assert_int_equal(answer_gather(&a, NULL), 0);
	assert_int_equal(released, 1);
	memset(text, 0, sizeof text);
	assert_int_equal(a.len, 8);
	answer_copy(&a, buf, NULL);
	assert_memory_equal(buf, "abcdefgh", 8);
	assert_int_equal(a.count, 3); /* what was gathered, what was owned, what was gathered */
	for (size_t i = 0; i < a.count; i++)
		assert_in_range((uint8_t *)a.spans[i].iov_base - room, 0, sizeof room - 1);
	answer_bytes(&a, "0123456789abcdefghij", 20);
	assert_int_equal(answer_gather(&a, NULL), -ENOMEM);
	assert_int_equal(a.len, 28);
	answer_close(&a);
	assert_int_equal(released, 1);
}

static void detached_bytes_are_the_answers_own(void **state)
{
	char buf[16], text[] = "bcdef";
	struct answer a;
	(void)state;
	released = 0;
	answer_init(&a);
	answer_bytes(&a, "a", 1);
	answer_pinned(&a, text, 5, release, &released);
	assert_int_equal(answer_detach(&a, NULL), 0);
	assert_int_equal(released, 1);
	memset(text, 0, sizeof text);
	assert_int_equal(a.len, 6);
	answer_copy(&a, buf, NULL);
	assert_memory_equal(buf, "abcdef", 6);
	answer_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_come_in_order),
		cmocka_unit_test(neighbours_are_one_span),
		cmocka_unit_test(many_spans_and_long_zeros),
		cmocka_unit_test(pins_are_released_once),
		cmocka_unit_test(a_reset_answer_is_empty_and_of_use),
		cmocka_unit_test(a_joined_answer_goes_on_and_is_released_with_all),
		cmocka_unit_test(nothing_of_ones_own_is_fine),
		cmocka_unit_test(nothing_is_appended_once_nobody_waits),
		cmocka_unit_test(a_hole_is_an_io_error_to_who_copies),
		cmocka_unit_test(what_is_owned_lies_in_lent_memory_first),
		cmocka_unit_test(gathered_bytes_lie_in_lent_memory),
		cmocka_unit_test(detached_bytes_are_the_answers_own),
	};
	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
