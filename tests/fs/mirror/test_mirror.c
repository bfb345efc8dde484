/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/blocks/blocks.h"
#include "fs/mirror/dentry.h"
#include "fs/mirror/mirror.h"
#include "tests/support.h"

/* An archive of one file. */
static bool probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "ONE", 3);
}

static int refusals, refused_with; /* the next so many, with that */

static int open_one(struct archive *a, struct error *err)
{
	if (refusals > 0 && refusals--)
		return error_set(err, refused_with, "not now");
	tree_range(&a->tree, TREE_ROOT, SLICE("a"), 0, 0, a->source.size);
	return 0;
}

static const struct format one = {.name = "one", .probe = probe, .open = open_one};
static const struct format *const formats[] = {&one, NULL};

/* What the path leads to; to be put. */
static struct mirror_ref find(struct mirror *m, uint64_t ino, const char *name)
{
	struct mirror_ref dir, ret;
	struct error err = {0};
	assert_int_equal(mirror_get(m, ino, &dir, &err), 0);
	assert_int_equal(mirror_lookup(m, &dir, slice_text(name), &ret, &err), 0);
	mirror_put(m, &dir);
	return ret;
}

static void make_link(const char *folder, const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];
	snprintf(a, sizeof a, "%s/%s", folder, from);
	snprintf(b, sizeof b, "%s/%s", folder, to);
	assert_int_equal(link(a, b), 0);
}

static void assert_empty(const struct mirror_ref *ref)
{
	assert_null(ref->dentry);
	assert_null(ref->open);
	assert_null(ref->node);
}

/* Callers put whatever has an entry: what failed must not be put a second time. */
static void what_fails_leaves_an_empty_reference(void **state)
{
	enum { OTHERS = 130 }; /* more than are kept at hand */
	char *top = test_folder(), path[PATH_MAX], name[16], fresh[PATH_MAX];
	struct mirror_options options = {.archive = test_options()};
	struct mirror_ref ref, file;
	struct error err = {0};
	struct mirror *m;
	(void)state;
	for (int i = 0; i < OTHERS; i++) {
		snprintf(name, sizeof name, "%d.one", i);
		test_write(top, name, SLICE("ONE"));
	}
	test_write(top, "x.one", SLICE("ONE, old"));
	test_write(top, "fresh", SLICE("ONE, new"));
	snprintf(path, sizeof path, "%s/x.one", top);
	snprintf(fresh, sizeof fresh, "%s/fresh", top);
	assert_int_equal(mirror_open(&m, formats, top, &options, &err), 0);
	ref = find(m, TREE_ROOT, "x.one");
	file = find(m, ref.ino, "a");
	uint64_t dir = ref.ino, ino = file.ino;
	mirror_remember(m, &file);
	mirror_put(m, &file);
	mirror_put(m, &ref);

	assert_int_equal(rename(fresh, path), 0);
	for (int i = 0; i < OTHERS; i++) {
		snprintf(name, sizeof name, "%d.one", i);
		ref = find(m, TREE_ROOT, name);
		mirror_put(m, &ref);
	}
	for (int i = 0; i < 3; i++) {
		memset(&ref, 0xaa, sizeof ref);
		assert_int_equal(mirror_get(m, ino, &ref, &err), -ESTALE); /* it was replaced */
		assert_empty(&ref);
		memset(&ref, 0xaa, sizeof ref);
		assert_int_equal(mirror_get(m, dir, &ref, &err), -ESTALE);
		assert_empty(&ref);
	}
	mirror_forget(m, ino, 1);
	memset(&ref, 0xaa, sizeof ref);
	assert_int_equal(mirror_get(m, ino, &ref, &err), -ESTALE); /* nobody knows it any more */
	assert_empty(&ref);

	struct mirror_ref root;
	assert_int_equal(mirror_get(m, TREE_ROOT, &root, &err), 0);
	memset(&ref, 0xaa, sizeof ref);
	assert_int_equal(mirror_lookup(m, &root, SLICE("none"), &ref, &err), -ENOENT);
	assert_empty(&ref);
	mirror_put(m, &root);
	mirror_close(m);
	test_folder_remove(top);
}

/* Once the disk answers again, an archive is one again; its bytes are what they are. */
static void what_is_not_in_the_bytes_is_not_remembered(void **state)
{
	static const struct {
		int code;
		bool remembered;
	} cases[] = {{EIO, false}, {EMFILE, false}, {ENFILE, false}, {EINTR, false}, {EBADMSG, true}, {ENOTSUP, true}};
	char *top = test_folder();
	struct mirror_options options = {.archive = test_options()};
	struct mirror_ref root, ref, first;
	struct error err = {0};
	struct mirror *m;
	(void)state;
	test_write(top, "x.one", SLICE("ONE"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(mirror_open(&m, formats, top, &options, &err), 0);
		assert_int_equal(mirror_get(m, TREE_ROOT, &root, &err), 0);
		refusals = 1;
		refused_with = cases[i].code;
		int r = mirror_lookup(m, &root, SLICE("x.one"), &first, &err);
		assert_int_equal(r, cases[i].code == ENFILE || cases[i].code == EMFILE ? -cases[i].code : 0);
		if (r == 0)
			assert_null(first.open); /* a file, with an error */
		else
			assert_empty(&first);
		assert_int_equal(mirror_lookup(m, &root, SLICE("x.one"), &ref, &err), 0);
		assert_int_equal(ref.open == NULL, cases[i].remembered);
		mirror_put(m, &ref);
		if (first.dentry)
			mirror_put(m, &first);
		mirror_put(m, &root);
		mirror_close(m);
		refusals = 0;
	}
	test_folder_remove(top);
}

/* A file handle may still name what the kernel has forgotten; but not for ever. */
static void the_last_that_were_forgotten_are_found_again(void **state)
{
	enum { COUNT = FORGOTTEN_MAX + 100 };
	char *top = test_folder(), name[16];
	struct mirror_options options = {.archive = test_options()};
	struct error err = {0};
	struct mirror_ref ref;
	struct mirror *m;
	uint64_t first = 0, last = 0, early = 0;
	(void)state;
	test_write(top, "file", SLICE("content"));
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "d%d", i);
		make_link(top, "file", name);
	}
	assert_int_equal(mirror_open(&m, formats, top, &options, &err), 0);
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "d%d", i);
		ref = find(m, TREE_ROOT, name);
		last = ref.ino;
		if (i == 0)
			first = last;
		if (i == 200)
			early = last;
		mirror_remember(m, &ref);
		mirror_put(m, &ref);
		mirror_forget(m, last, 1);
	}
	assert_int_equal(mirror_get(m, last, &ref, &err), 0);
	assert_int_equal(mirror_check(m, &ref, &err), 0);
	mirror_put(m, &ref);
	assert_int_equal(mirror_get(m, early, &ref, &err), 0);
	mirror_put(m, &ref);
	assert_int_equal(mirror_get(m, first, &ref, &err), -ESTALE);
	mirror_close(m);
	test_folder_remove(top);
}

/* An archive from which a worker decodes. */
static atomic_bool began, goes_on, closed, decoded_in_time;

static int decode_slowly(const struct block_source *from, uint64_t index, struct block *ret, struct error *err)
{
	(void)from, (void)index;
	atomic_store(&began, true);
	while (!atomic_load(&goes_on))
		usleep(1000);
	usleep(20000);
	atomic_store(&decoded_in_time, !atomic_load(&closed));
	return block_room(ret, 1, err) ? 0 : -ENOMEM;
}

static int open_wanting(struct archive *a, struct error *err)
{
	struct block_source from = {&a->blocks, a, decode_slowly, 0};
	(void)err;
	blocks_prefetch(a->options->blocks, &from, 0);
	return 0;
}

static void note_closing(struct archive *a)
{
	(void)a;
	atomic_store(&closed, true);
}

static void *let_go_on(void *arg)
{
	(void)arg;
	usleep(20000);
	atomic_store(&goes_on, true);
	return NULL;
}

/* Alone, or in a folder. */
static void what_is_decoded_from_is_closed_later(void **state)
{
	static const struct format wanting = {.name = "wanting", .probe = probe, .open = open_wanting, .close = note_closing};
	static const struct format *const list[] = {&wanting, NULL};
	char *top = test_folder(), *file = test_path(top, "file");
	(void)state;
	test_write(top, "file", SLICE("ONE"));
	for (int folder = 0; folder < 2; folder++) {
		struct mirror_options options = {.archive = test_options()};
		struct error err = {0};
		struct mirror *m;
		pthread_t thread;
		atomic_store(&began, false), atomic_store(&goes_on, false), atomic_store(&closed, false);
		assert_int_equal(blocks_open(&options.archive.blocks, 1 << 20, 1), 0);
		assert_int_equal(mirror_open(&m, list, folder ? top : file, &options, &err), 0);
		if (folder) {
			struct mirror_ref ref = find(m, TREE_ROOT, "file");
			mirror_put(m, &ref);
		}
		while (!atomic_load(&began))
			usleep(1000);
		assert_int_equal(pthread_create(&thread, NULL, let_go_on, NULL), 0);
		mirror_close(m);
		assert_true(atomic_load(&closed));
		pthread_join(thread, NULL);
		blocks_close(options.archive.blocks);
		assert_true(atomic_load(&decoded_in_time));
	}
	free(file);
	test_folder_remove(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fails_leaves_an_empty_reference),
		cmocka_unit_test(the_last_that_were_forgotten_are_found_again),
		cmocka_unit_test(what_is_not_in_the_bytes_is_not_remembered),
		cmocka_unit_test(what_is_decoded_from_is_closed_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
