/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fs/mirror/open_archives.h"
#include "tests/support.h"

/* Its root holds a directory of so many files that their names take a while. */
enum { FILES = 2000 };

static bool probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "GROW", 4);
}

static int open_growing(struct archive *a, struct error *err)
{
	(void)err;
	tree_open_dir(&a->tree, TREE_ROOT, SLICE("d"), "");
	return 0;
}

static int list(struct archive *a, uint32_t dir, struct error *err)
{
	char name[24];
	(void)err;
	for (int i = 0; i < FILES; i++) {
		int n = snprintf(name, sizeof name, "%d", i);
		tree_bytes(&a->tree, dir, (struct slice){(const uint8_t *)name, (size_t)n}, "x", 1);
	}
	return 0;
}

static const struct format growing = {.name = "growing", .probe = probe, .open = open_growing, .list = list};
static const struct format *const formats[] = {&growing, NULL};

static unsigned closed;

static void closing(struct open_archive *h)
{
	(void)h;
	closed++;
}

static struct open_archive *add_one(struct open_archives *s, struct open_archive **owner, const struct archive_options *options)
{
	struct open_archive *h = calloc(1, sizeof *h);
	struct error err = {0};
	assert_non_null(h);
	assert_int_equal(archive_open_source(&h->archive, formats, source_memory(SLICE("GROW")), "x", options, &err), 0);
	h->owner = owner;
	*owner = h;
	open_archives_add(s, h);
	return h;
}

/* Directories are filled long after the archive was opened; what they take counts. */
static void what_archives_grow_by_is_counted(void **state)
{
	enum { COUNT = 40 };
	struct archive_options options = test_options();
	struct open_archives s = {.count_max = COUNT, .memory_max = 1 << 20, .closing = closing};
	struct open_archive *owners[COUNT] = {0};
	(void)state;
	closed = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		struct open_archive *h = add_one(&s, &owners[i], &options);
		assert_int_not_equal(test_find(&h->archive, "d/1999"), 0);
		open_archives_release(&s, h);

		size_t really = 0;
		for (unsigned k = 0; k <= i; k++)
			really += owners[k] ? owners[k]->archive.arena.used : 0;
		assert_int_equal(s.memory, really);
		assert_true(really <= s.memory_max);
		assert_non_null(owners[i]);
	}
	assert_true(closed > 0 && closed < COUNT);
	open_archives_clear(&s);
	assert_int_equal(s.memory, 0);
	assert_int_equal(s.count, 0);
	assert_int_equal(closed, COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_archives_grow_by_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
