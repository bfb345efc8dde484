/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/look.h"
#include "tests/support.h"

/*
 * fs/'s own guards, by formats that are bad on purpose: each breaks one promise of
 * fs/archive/archive.h, told by the file's first byte.
 */
static bool bad_probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "BAD", 3);
}

static int bad_open(struct archive *a, struct error *err)
{
	char how;
	int r = source_read(&a->source, 3, &how, 1, err);
	if (r < 0)
		return r;
	switch (how) {
	case 'r': /* a range outside the file */
		tree_range(&a->tree, TREE_ROOT, SLICE("fine"), 0, 0, 4);
		tree_range(&a->tree, TREE_ROOT, SLICE("outside"), 0, 1, UINT64_MAX);
		break;
	case 's': /* of a file that was never opened */
		tree_range(&a->tree, TREE_ROOT, SLICE("elsewhere"), 7, 0, 1);
		break;
	case 'l': /* reads that answer other than asked */
		tree_lazy(&a->tree, TREE_ROOT, SLICE("less"), "less", 100);
		tree_lazy(&a->tree, TREE_ROOT, SLICE("more"), "more", 100);
		tree_lazy(&a->tree, TREE_ROOT, SLICE("fails"), "fails", 100);
		tree_lazy(&a->tree, TREE_ROOT, SLICE("sized"), "fine", SIZE_UNKNOWN);
		tree_lazy(&a->tree, TREE_ROOT, SLICE("unsized"), "unsized", SIZE_UNKNOWN);
		tree_lazy(&a->tree, TREE_ROOT, SLICE("endless"), "endless", SIZE_UNKNOWN);
		break;
	case 'd': /* directories that cannot be filled */
		tree_open_dir(&a->tree, TREE_ROOT, SLICE("fails"), "fails");
		tree_open_dir(&a->tree, TREE_ROOT, SLICE("outside"), "outside");
		tree_open_dir(&a->tree, TREE_ROOT, SLICE("fine"), "fine");
		tree_open_dir(&a->tree, TREE_ROOT, SLICE("twice"), "twice");
		break;
	case 'f':
		tree_bytes(&a->tree, TREE_ROOT, SLICE("half"), "x", 1);
		return error_set(err, EBADMSG, "it is bad");
	case 'm': /* more than the limit allows, and it does not look */
		for (int i = 0; i < 100000; i++)
			tree_bytes(&a->tree, TREE_ROOT, SLICE("same"), "x", 1);
		break;
	case 'p': /* one of each kind */
		tree_range(&a->tree, TREE_ROOT, SLICE("range"), 0, 0, a->source.size);
		tree_bytes(&a->tree, TREE_ROOT, SLICE("bytes"), "0123456789", 10);
		tree_lazy(&a->tree, TREE_ROOT, SLICE("lazy"), "fine", 10);
		tree_link(&a->tree, TREE_ROOT, SLICE("link"), "bytes");
		tree_dir(&a->tree, TREE_ROOT, SLICE("dir"));
		break;
	}
	return 0;
}

static bool tried;

static int bad_list(struct archive *a, uint32_t dir, struct error *err)
{
	const char *how = tree_edit(&a->tree, dir)->lazy;
	assert_non_null(err); /* even if nobody wants to know */
	if (strcmp(how, "fails") == 0) {
		tree_bytes(&a->tree, dir, SLICE("half"), "x", 1);
		return error_set(err, EBADMSG, "a group without a heap");
	}
	if (strcmp(how, "outside") == 0)
		tree_range(&a->tree, dir, SLICE("far"), 0, 1 << 20, 1);
	if (strcmp(how, "fine") == 0)
		tree_bytes(&a->tree, dir, SLICE("member"), "x", 1);
	if (strcmp(how, "twice") == 0) {
		tree_bytes(&a->tree, dir, SLICE("member"), "x", 1);
		if (!tried) {
			tried = true;
			return error_set(err, EIO, "not now");
		}
	}
	return 0;
}

static int sizes_asked;

static int bad_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	(void)a;
	sizes_asked++;
	if (strcmp(n->lazy, "unsized") == 0)
		return error_set(err, EBADMSG, "nobody knows how large");
	*ret = strcmp(n->lazy, "endless") == 0 ? SIZE_UNKNOWN : 10;
	return 0;
}

static int bad_read(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
		    struct error *err)
{
	(void)a;
	if (strcmp(n->lazy, "less") == 0)
		return answer_zeros(ret, len - 1);
	if (strcmp(n->lazy, "more") == 0)
		return answer_zeros(ret, len + 1);
	if (strcmp(n->lazy, "fails") == 0) {
		answer_zeros(ret, len);
		return error_set(err, EIO, "a chunk is broken");
	}
	return answer_bytes(ret, &"0123456789"[offset], (size_t)len);
}

static int closed;

static void bad_close(struct archive *a)
{
	(void)a;
	closed++;
}

static const struct format bad = {
	.name = "bad", .suffixes = (const char *const[]){".bad", NULL},
	.probe = bad_probe, .open = bad_open, .list = bad_list, .size = bad_size, .read = bad_read, .close = bad_close,
};

/* One that does only what it must. */
static bool poor_probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "POOR", 4);
}

static int poor_open(struct archive *a, struct error *err)
{
	(void)err;
	tree_open_dir(&a->tree, TREE_ROOT, SLICE("dir"), NULL);
	tree_lazy(&a->tree, TREE_ROOT, SLICE("lazy"), NULL, 10);
	tree_lazy(&a->tree, TREE_ROOT, SLICE("unsized"), NULL, SIZE_UNKNOWN);
	return 0;
}

static const struct format poor = {.name = "poor", .probe = poor_probe, .open = poor_open};

static const struct archive_options options = {.memory = 1 << 20};

static int open_named(struct archive *a, struct slice file, const char *name, struct error *err)
{
	static const struct format *const both[] = {&bad, &poor, NULL};
	return archive_open_source(a, both, source_memory(file), name, &options, err);
}

static void open_fine(struct archive *a, struct slice file)
{
	struct error err = {0};
	if (open_named(a, file, "x", &err) < 0)
		fail_msg("%s", err.text);
}

/* Reads, expects a fault, and no bytes with it. */
static void check_fault(struct archive *a, const char *path, int code, const char *sentence)
{
	struct answer answer;
	struct error err = {0};
	answer_init(&answer);
	int r = archive_read(a, test_node(a, path), 0, 8, &answer, &err);
	assert_string_equal(err.text, sentence);
	assert_int_equal(r, code);
	assert_int_equal(answer.len, 0);
	assert_int_equal(answer.count, 0);
	answer_close(&answer);
}

/* --- what is an archive ------------------------------------------------ */

static void content_decides_and_a_name_only_wishes(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(open_named(&a, SLICE("BADp"), "any name", &err), 0);
	assert_string_equal(a.format->name, "bad");
	archive_close(&a);
	assert_int_equal(open_named(&a, SLICE("\x01\x02\x03\x04"), "any name", &err), -ENOTSUP);
	assert_string_equal(err.text, "");
}

static void a_wish_that_cannot_be_had_is_told(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	/* Not its magic, but its name: the format itself says what is wrong.  Ours
	 * opens anything, so it is asked, at least. */
	assert_int_equal(open_named(&a, SLICE("\x01xxf"), "name.BAD", &err), -EBADMSG);
	assert_string_equal(err.text, "it is bad");
	err.text[0] = '\0';
	assert_int_equal(open_named(&a, SLICE("\x01xxf"), ".bad", &err), -ENOTSUP); /* no name before it */
	assert_string_equal(err.text, "");
}

static void empty_files_and_texts_are_no_errors(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(open_named(&a, SLICE(""), "x.bad", &err), -ENOTSUP);
	assert_string_equal(err.text, "");
	assert_int_equal(open_named(&a, SLICE("version https://git-lfs.github.com/spec/v1\n"), "x.bad", &err), -ENOTSUP);
	assert_string_equal(err.text, "");
}

static void text_is_told_by_its_head(void **state)
{
	char head[HEAD_SIZE];
	(void)state;
	assert_true(archive_is_text(SLICE("a line\r\n\tand another\f\n")));
	assert_true(archive_is_text(SLICE("gr\xc3\xbc\xc3\x9f" "e")));
	assert_false(archive_is_text(SLICE("a\0b")));
	assert_false(archive_is_text(SLICE("\x89HDF\r\n\x1a\n")));
	assert_false(archive_is_text(SLICE("\xff\xfe")));
	assert_false(archive_is_text(SLICE("")));
	memset(head, 'x', sizeof head);
	memcpy(head + sizeof head - 2, "\xe2\x82", 2); /* the head ends within a character */
	assert_true(archive_is_text((struct slice){(uint8_t *)head, sizeof head}));
	memcpy(head + 100, "\xe2\x82", 2);
	assert_false(archive_is_text((struct slice){(uint8_t *)head, sizeof head}));
}

/* --- trees that break their word --------------------------------------- */

static void a_range_outside_the_file_refuses_the_archive(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(open_named(&a, SLICE("BADr"), "x", &err), -EBADMSG);
	assert_string_equal(err.text, "outside lies outside the file");
	err.text[0] = '\0';
	assert_int_equal(open_named(&a, SLICE("BADs"), "x", &err), -EBADMSG);
	assert_string_equal(err.text, "elsewhere lies outside the file");
}

static void a_refused_archive_is_closed_once(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	closed = 0;
	assert_int_equal(open_named(&a, SLICE("BADf"), "x", &err), -EBADMSG);
	assert_string_equal(err.text, "it is bad");
	assert_int_equal(closed, 1);
}

static void more_than_the_limit_is_no_memory(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	assert_int_equal(open_named(&a, SLICE("BADm"), "x", &err), -ENOMEM);
	assert_string_not_equal(err.text, "");
}

static void every_memory_limit_opens_or_is_no_memory(void **state)
{
	static const struct format *const only[] = {&bad, NULL};
	(void)state;
	int opened = 0;
	for (size_t memory = 0; memory < 40000; memory += 13) {
		struct archive a;
		struct error err = {0};
		struct archive_options few = {.memory = memory};
		int r = archive_open_source(&a, only, source_memory(SLICE("BADp")), "x", &few, &err);
		opened += r == 0;
		if (r == 0)
			archive_close(&a);
		else
			assert_int_equal(r, -ENOMEM);
		assert_true(r == 0 || err.text[0]);
	}
	assert_true(opened > 0);
}

/* --- reading ----------------------------------------------------------- */

static void reads_are_cut_at_the_end(void **state)
{
	static const char *const paths[] = {"bytes", "lazy"};
	struct archive a;
	(void)state;
	open_fine(&a, SLICE("BADp"));
	for (size_t i = 0; i < 2; i++) {
		const struct { uint64_t offset, len; const char *expect; } reads[] = {
			{0, 10, "0123456789"}, {0, 100, "0123456789"}, {8, 2, "89"}, {8, UINT64_MAX, "89"}, {3, 0, ""},
			{10, 1, ""}, {11, 1, ""}, {UINT64_MAX, UINT64_MAX, ""},
		};
		for (size_t k = 0; k < sizeof reads / sizeof *reads; k++) {
			struct answer answer;
			char buf[16] = "";
			answer_init(&answer);
			assert_int_equal(archive_read(&a, test_node(&a, paths[i]), reads[k].offset, reads[k].len, &answer, NULL), 0);
			assert_int_equal(answer.len, strlen(reads[k].expect));
			answer_copy(&answer, buf, NULL);
			assert_string_equal(buf, reads[k].expect);
			answer_close(&answer);
		}
	}
	check_bytes(&a, "range", "BADp", 4);
	check_fault(&a, "link", -EINVAL, "a link");
	struct answer answer;
	answer_init(&answer);
	assert_true(archive_read(&a, test_node(&a, "dir"), 0, 0, &answer, NULL) <= 0);
	assert_int_equal(answer.len, 0);
	answer_close(&answer);
	archive_close(&a);
}

static void a_reader_that_answers_other_than_asked_is_an_io_error(void **state)
{
	struct archive a;
	(void)state;
	open_fine(&a, SLICE("BADl"));
	check_fault(&a, "less", -EIO, "the reader answered other than 8 bytes");
	check_fault(&a, "more", -EIO, "the reader answered other than 8 bytes");
	archive_close(&a);
}

static void a_reader_that_fails_answers_nothing(void **state)
{
	struct archive a;
	(void)state;
	open_fine(&a, SLICE("BADl"));
	check_fault(&a, "fails", -EIO, "a chunk is broken");
	archive_close(&a);
}

static void sizes_are_asked_once(void **state)
{
	struct archive a;
	uint64_t size;
	(void)state;
	open_fine(&a, SLICE("BADl"));
	sizes_asked = 0;
	check_bytes(&a, "sized", "0123456789", 10);
	check_bytes(&a, "sized", "0123456789", 10);
	assert_int_equal(archive_size(&a, test_node(&a, "sized"), &size, NULL), 0);
	assert_int_equal(size, 10);
	assert_int_equal(sizes_asked, 1);
	archive_close(&a);
}

static void a_size_that_cannot_be_told_is_a_fault(void **state)
{
	struct archive a;
	struct error err = {0};
	uint64_t size = 1;
	(void)state;
	open_fine(&a, SLICE("BADl"));
	assert_int_equal(archive_size(&a, test_node(&a, "unsized"), &size, &err), -EBADMSG);
	assert_string_equal(err.text, "nobody knows how large");
	assert_int_equal(size, 0);
	check_fault(&a, "unsized", -EBADMSG, "nobody knows how large");

	/* "unknown" is no answer, nor is what no file can have */
	err.text[0] = '\0';
	assert_int_equal(archive_size(&a, test_node(&a, "endless"), &size, &err), -EIO);
	assert_string_not_equal(err.text, "");
	assert_int_equal(size, 0);
	archive_close(&a);
}

static void what_a_format_does_not_serve_is_a_fault(void **state)
{
	struct archive a;
	struct error err = {0};
	struct answer answer;
	uint64_t size;
	(void)state;
	open_fine(&a, SLICE("POOR"));
	assert_int_equal(archive_fill(&a, test_find(&a, "dir"), &err), -EIO);
	assert_string_not_equal(err.text, "");
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "lazy"), 0, 8, &answer, NULL), -EIO);
	answer_close(&answer);
	assert_int_equal(archive_size(&a, test_node(&a, "unsized"), &size, NULL), -EIO);
	archive_close(&a);
}

/* --- filling ----------------------------------------------------------- */

static void a_directory_that_cannot_be_filled_is_a_fault_each_time(void **state)
{
	struct archive a;
	(void)state;
	open_fine(&a, SLICE("BADd"));
	for (int i = 0; i < 2; i++) {
		struct error err = {0};
		assert_int_equal(archive_fill(&a, test_find(&a, "fails"), &err), -EBADMSG);
		assert_string_equal(err.text, "a group without a heap");
		assert_int_equal(archive_fill(&a, test_find(&a, "fails"), NULL), -EBADMSG);
		err.text[0] = '\0';
		assert_int_equal(archive_fill(&a, test_find(&a, "outside"), &err), -EBADMSG);
		assert_string_equal(err.text, "far lies outside the file");
	}
	assert_int_equal(test_node(&a, "fails")->child, 0);
	assert_string_equal(test_list(&a, "fine"), "member"); /* it costs nobody else anything */
	assert_string_equal(test_list(&a, "fine"), "member");
	archive_close(&a);
}

/* Told by something that is not so, until somebody reads. */
static int believed_size(struct archive *a, const struct node *n, uint64_t *ret, struct error *err)
{
	(void)n, (void)err;
	*ret = atomic_load(&a->resized) ? 6 : 10;
	return 0;
}

static int read_believed(struct archive *a, const struct node *n, uint64_t offset, uint64_t len, struct answer *ret,
			 struct error *err)
{
	(void)n, (void)err;
	if (!atomic_load(&a->resized))
		archive_resize(a);
	assert_true(range_within(offset, len, 10));
	return answer_bytes(ret, &"0123456789"[offset], (size_t)len);
}

static int open_believed(struct archive *a, struct error *err)
{
	(void)err;
	tree_lazy(&a->tree, TREE_ROOT, SLICE("a"), "", 10);
	tree_lazy(&a->tree, TREE_ROOT, SLICE("b"), "", SIZE_UNKNOWN);
	return 0;
}

static void a_size_that_was_wrong_is_asked_again_and_what_was_read_by_it(void **state)
{
	static const struct format believed = {.name = "believed", .probe = bad_probe, .open = open_believed,
					       .size = believed_size, .read = read_believed};
	struct archive a;
	struct error err = {0};
	uint64_t size;
	(void)state;
	assert_int_equal(test_open(&a, &believed, SLICE("BAD"), &err), 0);
	assert_int_equal(archive_size(&a, test_node(&a, "a"), &size, &err), 0);
	assert_int_equal(size, 10);
	assert_int_equal(archive_size(&a, test_node(&a, "b"), &size, &err), 0);
	assert_int_equal(size, 10);
	struct answer answer;
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "a"), 2, 100, &answer, &err), 0);
	uint8_t bytes[4];
	assert_int_equal(answer.len, sizeof bytes);
	assert_int_equal(answer_copy(&answer, bytes, &err), 0);
	assert_memory_equal(bytes, "2345", 4);
	answer_close(&answer);
	assert_int_equal(archive_size(&a, test_node(&a, "b"), &size, &err), 0);
	assert_int_equal(size, 6);
	archive_close(&a);
}

static void a_directory_is_filled_at_the_second_try(void **state)
{
	struct archive a;
	struct error err = {0};
	(void)state;
	tried = false;
	open_fine(&a, SLICE("BADd"));
	assert_int_equal(archive_fill(&a, test_find(&a, "twice"), &err), -EIO);
	assert_string_equal(err.text, "not now");
	assert_string_equal(test_list(&a, "twice"), "member");
	archive_close(&a);
}

static void only_directories_are_filled(void **state)
{
	struct archive a;
	(void)state;
	open_fine(&a, SLICE("BADp"));
	assert_int_equal(archive_fill(&a, TREE_ROOT, NULL), 0);
	assert_int_equal(archive_fill(&a, test_find(&a, "bytes"), NULL), -ENOTDIR);
	assert_int_equal(archive_fill(&a, 0, NULL), -ENOTDIR);
	assert_int_equal(archive_fill(&a, UINT32_MAX, NULL), -ENOTDIR);
	archive_close(&a);
}

struct filler {
	pthread_t thread;
	struct archive *a;
	int r;
};

static void *fill_all(void *arg)
{
	struct filler *f = arg;
	for (int i = 0; i < 100 && f->r == 0; i++)
		f->r = archive_fill(f->a, test_find(f->a, "fine"), NULL);
	return NULL;
}

static void many_threads_fill_once(void **state)
{
	struct archive a;
	struct filler fillers[8];
	(void)state;
	open_fine(&a, SLICE("BADd"));
	for (size_t i = 0; i < 8; i++) {
		fillers[i] = (struct filler){.a = &a};
		assert_int_equal(pthread_create(&fillers[i].thread, NULL, fill_all, &fillers[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		pthread_join(fillers[i].thread, NULL);
		assert_int_equal(fillers[i].r, 0);
	}
	assert_string_equal(test_list(&a, "fine"), "member");
	archive_close(&a);
}

/* --- siblings and files ------------------------------------------------ */

static int open_in(struct archive *a, const char *top, int *dir, struct error *err)
{
	static const struct format *const only[] = {&bad, NULL};
	*dir = open(top, O_PATH | O_DIRECTORY);
	struct folder in = {.dir = *dir, .path = ""};
	struct archive_at at = {.folder = &in, .path = "sub/file.bad", .reach = REACH_EXACT};
	return archive_open(a, only, &at, &options, err);
}

/* A limit for a first try: what does not fit is -ENOMEM, whatever the format made of
 * it, and what does is as without. */
static void a_first_try_with_less_memory(void **state)
{
	static const struct format *const only[] = {&bad, NULL};
	char *top = test_folder();
	struct archive a;
	struct error err = {0};
	(void)state;
	test_write(top, "file.bad", SLICE("BADp"));
	int dir = open(top, O_PATH | O_DIRECTORY);
	struct folder in = {.dir = dir, .path = ""};
	struct archive_at at = {.folder = &in, .path = "file.bad", .reach = REACH_EXACT, .soft = 100};
	assert_int_equal(archive_open(&a, only, &at, &options, &err), -E2BIG);
	at.soft = 1 << 20;
	assert_int_equal(archive_open(&a, only, &at, &options, &err), 0);
	check_bytes(&a, "bytes", "0123456789", 10);
	assert_int_equal(a.arena.soft, 0);
	archive_close(&a);

	test_write(top, "file.bad", SLICE("BADd"));
	assert_int_equal(archive_open(&a, only, &at, &options, &err), 0);
	uint32_t fine = test_find(&a, "fine"), made = a.tree.made;
	assert_int_equal(archive_fill_within(&a, fine, 1, &err), -E2BIG);
	assert_false(node_filled(tree_node(&a.tree, fine)));
	assert_int_equal(a.tree.made, made);
	assert_int_equal(archive_fill_within(&a, fine, 1 << 20, &err), 0);
	check_bytes(&a, "fine/member", "x", 1);
	assert_int_equal(a.arena.soft, 0);
	archive_close(&a);
	close(dir);
	test_folder_remove(top);
}

/* By the name alone: what is in them may be an archive in itself. */
static void slices_of_archives_are_none(void **state)
{
	static const char *const slices[] = {".slice", NULL};
	static const struct format whole = {.name = "whole", .slices = slices, .probe = poor_probe, .open = poor_open};
	static const struct format *const both[] = {&bad, &whole, NULL};
	struct error err = {0};
	struct archive a;
	(void)state;
	assert_int_equal(archive_open_source(&a, both, source_memory(SLICE("BADp")), "x.slice", &options, &err), -ENOTSUP);
	assert_string_equal(err.text, "");
	assert_ptr_equal(archive_sliced(both, "x.SLICE"), &whole);
	assert_null(archive_sliced(both, "x.slices"));
	assert_int_equal(archive_open_source(&a, both, source_memory(SLICE("BADp")), "x", &options, &err), 0);
	archive_close(&a);
}

static void siblings_are_found_beside_the_archive(void **state)
{
	char *top = test_folder();
	struct archive a;
	struct error err = {0};
	uint32_t number;
	int dir;
	(void)state;
	test_mkdir(top, "sub");
	test_write(top, "sub/file.bad", SLICE("BADp"));
	test_write(top, "sub/other", SLICE("other"));
	test_write(top, "outside", SLICE("out"));
	assert_int_equal(open_in(&a, top, &dir, &err), 0);
	assert_int_equal(archive_sibling(&a, SLICE("other"), REACH_EXACT, &number, &err), 0);
	assert_int_equal(number, 1);
	assert_int_equal(archive_source(&a, number)->size, 5);
	assert_ptr_equal(archive_source(&a, 0), &a.source);

	/* It is opened once, as long as it is what it was. */
	assert_int_equal(archive_sibling(&a, SLICE("other"), REACH_EXACT, &number, &err), 0);
	assert_int_equal(number, 1);
	assert_int_equal(archive_sibling(&a, SLICE("other"), REACH_BENEATH, &number, &err), 0);
	assert_int_equal(number, 2);
	test_write(top, "sub/new", SLICE("another"));
	assert_int_equal(renameat(dir, "sub/new", dir, "sub/other"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(archive_sibling(&a, SLICE("other"), REACH_EXACT, &number, &err), 0);
		assert_int_equal(number, 3);
	}
	assert_int_equal(archive_source(&a, 1)->size, 5);
	assert_int_equal(archive_source(&a, 3)->size, 7);
	for (uint32_t i = 0; i < 40; i++) {
		char name[16];
		struct slice path = {(const uint8_t *)name, (size_t)snprintf(name, sizeof name, "%u", i)};
		snprintf(name, sizeof name, "sub/%u", i);
		test_write(top, name, SLICE("x"));
		snprintf(name, sizeof name, "%u", i);
		assert_int_equal(archive_sibling(&a, path, REACH_EXACT, &number, &err), 0);
		assert_int_equal(number, 4 + i);
	}
	const struct slice same[] = {SLICE("7"), SLICE("./7"), SLICE(".//./7")}; /* one file, one path: by that it is told from others */
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		assert_int_equal(archive_sibling(&a, same[i], REACH_EXACT, &number, &err), 0);
		assert_int_equal(number, 4 + 7);
	}
	assert_string_equal(archive_source(&a, number)->path, "sub/7");
	assert_int_equal(archive_sources(&a), 44);

	const struct slice no[] = {SLICE(""), SLICE("/etc/passwd"), SLICE("oth\0er"), SLICE("../outside"), SLICE("none"), SLICE("7/."), SLICE("./"),
				   SLICE("."), SLICE("7/")};
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		err.text[0] = '\0';
		assert_true(archive_sibling(&a, no[i], REACH_BENEATH, &number, &err) < 0);
		assert_string_not_equal(err.text, "");
	}
	archive_close(&a);
	close(dir);
	test_folder_remove(top);
}

static void set_mode(const char *top, const char *name, mode_t mode)
{
	char *path = test_path(top, name);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

/* What is read is told by who may read it, of whoever bears the name by then. */
static void modes_of_siblings_are_seen_to_change(void **state)
{
	char *top = test_folder();
	struct archive a;
	struct error err = {0};
	struct stat other = {0};
	uint32_t number;
	int dir;
	(void)state;
	test_mkdir(top, "sub");
	test_mkdir(top, "sub/in");
	test_write(top, "sub/file.bad", SLICE("BADp"));
	test_write(top, "sub/in/other", SLICE("other"));
	test_write(top, "sub/in/third", SLICE("third"));
	set_mode(top, "sub/in/other", 0644);
	set_mode(top, "sub/in", 0755);
	assert_int_equal(open_in(&a, top, &dir, &err), 0);
	assert_int_equal(archive_sibling(&a, SLICE("in/other"), REACH_EXACT, &number, &err), 0);
	assert_int_equal(members_at(&a.members, 0)->access.mode, 0644);
	assert_false(archive_restat(&a));
	uint64_t sum = archive_access_sum(&a);
	set_mode(top, "sub/in/other", 0600);
	assert_true(archive_restat(&a));
	assert_int_equal(members_at(&a.members, 0)->access.mode, 0600);
	assert_false(archive_restat(&a));
	assert_int_not_equal(archive_access_sum(&a), sum);
	set_mode(top, "sub/in/other", 0644);
	assert_true(archive_restat(&a));
	set_mode(top, "sub/in", 0700);
	assert_true(archive_restat(&a));
	assert_int_equal(members_at(&a.members, 0)->access.mode, 0600);
	set_mode(top, "sub/in", 0755);
	assert_true(archive_restat(&a));
	assert_int_equal(archive_access_sum(&a), sum);
	set_mode(top, "sub/file.bad", 0640);
	assert_true(archive_restat(&a));
	assert_int_equal(a.access.mode, 0640);

	/* The path led to another file when that was opened, and by now does not: it says
	 * nothing of who may read that one. */
	other = archive_source(&a, number)->st;
	other.st_ino += 1000;
	const struct member third = {.path = "in/third", .dev = other.st_dev, .ino = other.st_ino};
	archive_bring(&a, members_add(&a.members, &a.arena, &third), &other);
	assert_int_equal(members_at(&a.members, 1)->access.mode & 077, 0);
	archive_restat(&a);
	assert_int_equal(members_at(&a.members, 1)->access.mode & 077, 0);
	test_folder_remove(top);
	archive_restat(&a);
	assert_int_equal(members_at(&a.members, 0)->access.mode & 077, 0);
	archive_close(&a);
	close(dir);
}

static void an_archive_in_memory_has_no_siblings(void **state)
{
	struct archive a;
	uint32_t number;
	(void)state;
	open_fine(&a, SLICE("BADp"));
	assert_int_equal(archive_sibling(&a, SLICE("x"), REACH_EXACT, &number, NULL), -ENOENT);
	archive_close(&a);
}

static void bytes_that_were_cut_off_are_an_io_error(void **state)
{
	char *top = test_folder(), *path;
	struct archive a;
	struct error err = {0};
	struct answer answer;
	uint8_t *big = malloc(10000);
	int dir;
	(void)state;
	memset(big, 'x', 10000);
	memcpy(big, "BADp", 4);
	test_mkdir(top, "sub");
	test_write(top, "sub/file.bad", (struct slice){big, 10000});
	assert_int_equal(open_in(&a, top, &dir, &err), 0);
	check_bytes(&a, "range", big, 10000);
	path = test_path(top, "sub/file.bad");
	assert_int_equal(truncate(path, 5000), 0);
	answer_init(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "range"), 0, 5000, &answer, &err), 0);
	assert_int_equal(answer.len, 5000);
	answer_reset(&answer);
	assert_int_equal(archive_read(&a, test_node(&a, "range"), 4999, 2, &answer, &err), -EIO);
	assert_string_equal(err.text, "the file was cut short before byte 5001");
	assert_int_equal(answer.len, 0);
	answer_close(&answer);
	check_bytes(&a, "bytes", "0123456789", 10); /* only that range is lost */
	archive_close(&a);
	close(dir);
	free(path);
	free(big);
	test_folder_remove(top);
}

/* And what the tests themselves stand on: a look finds a broken promise. */
static void a_look_finds_what_is_broken(void **state)
{
	struct archive a;
	struct look l = {.nodes = 100, .bytes = 100, .split = true};
	struct error err = {0};
	(void)state;
	open_fine(&a, SLICE("BADp"));
	assert_true(look(&l, &a));
	assert_int_equal(l.refused, 0);
	const uint64_t two = 2;
	const struct array wrong = {.dtype = DTYPE_FLOAT64, .rank = 1, .shape = &two};
	test_node(&a, "bytes")->array = &wrong;
	assert_false(look(&l, &a));
	assert_string_equal(l.broken, "bytes: 10 bytes for 2 elements of float64");
	archive_close(&a);

	l = (struct look){.nodes = 100};
	assert_false(look_refused(&l, &bad, SLICE("BADx"), -EBADMSG, &err)); /* no sentence */
	l = (struct look){.nodes = 100};
	assert_true(look_refused(&l, &bad, SLICE("none"), -ENOTSUP, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_decides_and_a_name_only_wishes),
		cmocka_unit_test(a_wish_that_cannot_be_had_is_told),
		cmocka_unit_test(empty_files_and_texts_are_no_errors),
		cmocka_unit_test(text_is_told_by_its_head),
		cmocka_unit_test(a_range_outside_the_file_refuses_the_archive),
		cmocka_unit_test(a_refused_archive_is_closed_once),
		cmocka_unit_test(more_than_the_limit_is_no_memory),
		cmocka_unit_test(every_memory_limit_opens_or_is_no_memory),
		cmocka_unit_test(reads_are_cut_at_the_end),
		cmocka_unit_test(a_reader_that_answers_other_than_asked_is_an_io_error),
		cmocka_unit_test(a_reader_that_fails_answers_nothing),
		cmocka_unit_test(sizes_are_asked_once),
		cmocka_unit_test(a_size_that_was_wrong_is_asked_again_and_what_was_read_by_it),
		cmocka_unit_test(a_size_that_cannot_be_told_is_a_fault),
		cmocka_unit_test(what_a_format_does_not_serve_is_a_fault),
		cmocka_unit_test(a_directory_that_cannot_be_filled_is_a_fault_each_time),
		cmocka_unit_test(a_directory_is_filled_at_the_second_try),
		cmocka_unit_test(only_directories_are_filled),
		cmocka_unit_test(many_threads_fill_once),
		cmocka_unit_test(a_first_try_with_less_memory),
		cmocka_unit_test(slices_of_archives_are_none),
		cmocka_unit_test(siblings_are_found_beside_the_archive),
		cmocka_unit_test(modes_of_siblings_are_seen_to_change),
		cmocka_unit_test(an_archive_in_memory_has_no_siblings),
		cmocka_unit_test(bytes_that_were_cut_off_are_an_io_error),
		cmocka_unit_test(a_look_finds_what_is_broken),
	};
	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
