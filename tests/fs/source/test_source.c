/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fs/source/answer.h"
#include "tests/support.h"

enum { PAGE = 4096, PAGES = 4 };

/* A folder for each test, and a file of four pages, each full of its number. */
static char *top;
static struct folder in;

static int begin(void **state)
{
	uint8_t bytes[PAGE * PAGES];
	(void)state;
	top = test_folder();
	in = (struct folder){.dir = open(top, O_PATH | O_DIRECTORY), .path = ""};
	for (int i = 0; i < PAGES; i++)
		memset(bytes + i * PAGE, '1' + i, PAGE);
	test_write(top, "file", (struct slice){bytes, sizeof bytes});
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(in.dir);
	test_folder_remove(top);
	return 0;
}

static struct source open_fine(const char *name, enum reach reach)
{
	struct source s;
	struct error err = {0};
	if (source_open(&s, &in, name, reach, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	return s;
}

static void check_no(const char *name, enum reach reach, int code, const char *sentence)
{
	struct source s;
	struct error err = {0};
	int r = source_open(&s, &in, name, reach, &err);
	if (r == 0)
		source_close(&s);
	assert_int_equal(r, code);
	if (sentence)
		assert_string_equal(err.text, sentence);
	else
		assert_string_not_equal(err.text, "");
}

static void cut(const char *name, off_t size)
{
	char *path = test_path(top, name);
	assert_int_equal(truncate(path, size), 0);
	free(path);
}

static void move(const char *from, const char *to)
{
	char *a = test_path(top, from), *b = test_path(top, to);
	assert_int_equal(rename(a, b), 0);
	free(a);
	free(b);
}

/* Within the test: cmocka has a handler of its own, which it sets before each. */
static void guard(void)
{
	assert_int_equal(source_guard(), 0);
}

/* --- bytes ------------------------------------------------------------- */

static void memory_is_a_source(void **state)
{
	struct source s = source_memory(SLICE("abcdef"));
	struct slice got;
	char buf[3];
	struct error err = {0};
	(void)state;
	assert_int_equal(s.size, 6);
	assert_int_equal(source_map(&s, 2, 4, &got, &err), 0);
	assert_true(slice_equal(got, SLICE("cdef")));
	assert_int_equal(source_read(&s, 3, buf, 3, &err), 0);
	assert_memory_equal(buf, "def", 3);
	assert_true(source_intact(&s, 0, 6));
	source_enter(&s);
	assert_int_equal(source_leave(&s, 0, 6, &err), 0);
	source_close(&s);
}

static void ranges_outside_are_bad_messages(void **state)
{
	struct source s = source_memory(SLICE("abcdef"));
	struct arena arena = {.limit = 1000};
	struct cursor c;
	struct slice got;
	char buf[8];
	(void)state;
	const struct { uint64_t offset, len; } outside[] = {{0, 7}, {6, 1}, {7, 0}, {UINT64_MAX, 1}, {1, UINT64_MAX}};
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		struct error err = {0};
		assert_int_equal(source_map(&s, outside[i].offset, outside[i].len, &got, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "lie outside the file of 6"));
		assert_int_equal(source_load(&s, &arena, outside[i].offset, outside[i].len, &c, NULL), -EBADMSG);
	}
	assert_int_equal(source_read(&s, 4, buf, 3, NULL), -EBADMSG);
	assert_int_equal(source_map(&s, 6, 0, &got, NULL), 0);
	assert_int_equal(got.len, 0);
	source_close(&s);
	arena_free(&arena);
}

static void metadata_is_a_copy(void **state)
{
	uint8_t bytes[] = "abc";
	struct source s = source_memory((struct slice){bytes, 3});
	struct arena arena = {.limit = 1000};
	struct cursor c;
	(void)state;
	assert_int_equal(source_load(&s, &arena, 1, 2, &c, NULL), 0);
	bytes[1] = 'X';
	assert_int_equal(cursor_u8(&c), 'b');
	assert_int_equal(cursor_left(&c), 1);
	source_close(&s);
	arena_free(&arena);
}

static void metadata_beyond_the_limit_is_no_memory(void **state)
{
	struct source s = open_fine("file", REACH_EXACT);
	struct arena arena = {.limit = 100};
	struct cursor c;
	struct error err = {0};
	(void)state;
	assert_int_equal(source_load(&s, &arena, 0, 101, &c, &err), -ENOMEM);
	assert_string_equal(err.text, "no memory for 101 bytes of metadata");
	source_close(&s);
	arena_free(&arena);
}

static void a_file_is_a_source(void **state)
{
	struct source s = open_fine("file", REACH_EXACT);
	struct slice got;
	char buf[2];
	(void)state;
	assert_int_equal(s.size, PAGE * PAGES);
	assert_int_equal(source_map(&s, PAGE - 1, 2, &got, NULL), 0);
	assert_memory_equal(got.data, "12", 2);
	assert_int_equal(source_read(&s, 2 * PAGE - 1, buf, 2, NULL), 0);
	assert_memory_equal(buf, "23", 2);
	source_drop_fd(&s);
	assert_int_equal(source_read(&s, 3 * PAGE - 1, buf, 2, NULL), 0);
	assert_memory_equal(buf, "34", 2);
	source_drop_fd(&s); /* twice does no harm */
	source_close(&s);
}

static void those_that_find_no_descriptor_left_are_at_rest(void **state)
{
	struct descriptors of = {.left = 2};
	struct source s[4];
	char buf[2];
	(void)state;
	for (int i = 0; i < 4; i++) {
		s[i] = open_fine("file", REACH_EXACT);
		source_keep(&s[i], &of);
		assert_int_equal(s[i].fd >= 0, i < 2);
		assert_int_equal(source_read(&s[i], 3 * PAGE - 1, buf, 2, NULL), 0);
		assert_memory_equal(buf, "34", 2);
	}
	assert_int_equal(of.left, 0);
	source_close(&s[3]);
	assert_int_equal(of.left, 0);
	source_drop_fd(&s[0]);
	source_drop_fd(&s[0]);
	assert_int_equal(of.left, 1);
	for (int i = 0; i < 3; i++)
		source_close(&s[i]);
	assert_int_equal(of.left, 2);
}

static void an_empty_file_is_a_source(void **state)
{
	(void)state;
	test_write(top, "empty", SLICE(""));
	struct source s = open_fine("empty", REACH_EXACT);
	struct slice got;
	assert_int_equal(s.size, 0);
	assert_int_equal(source_map(&s, 0, 0, &got, NULL), 0);
	assert_int_equal(source_map(&s, 0, 1, &got, NULL), -EBADMSG);
	source_enter(&s);
	assert_int_equal(source_leave(&s, 0, 0, NULL), 0);
	source_close(&s);
}

/* --- files that change under us ---------------------------------------- */

static void what_was_cut_off_is_not_intact(void **state)
{
	(void)state;
	for (int rest = 0; rest < 2; rest++) {
		struct source s = open_fine("file", REACH_EXACT);
		if (rest)
			source_drop_fd(&s);
		assert_true(source_intact(&s, 0, PAGE * PAGES));
		cut("file", PAGE + 10);
		assert_true(source_intact(&s, 0, PAGE + 10));
		assert_true(source_intact(&s, PAGE + 10, 0));
		assert_false(source_intact(&s, 0, PAGE + 11));
		assert_false(source_intact(&s, 3 * PAGE, 1));
		source_close(&s);
		end(state), begin(state);
	}
}

static void reading_what_was_cut_off_is_an_io_error(void **state)
{
	char buf[PAGE];
	(void)state;
	guard();
	for (int rest = 0; rest < 2; rest++) {
		struct source s = open_fine("file", REACH_EXACT);
		struct error err = {0};
		if (rest)
			source_drop_fd(&s);
		cut("file", PAGE + 10);
		assert_int_equal(source_read(&s, PAGE, buf, 10, &err), 0);
		assert_memory_equal(buf, "2222222222", 10);
		assert_int_equal(source_read(&s, PAGE, buf, 11, &err), -EIO);
		assert_non_null(strstr(err.text, "cut short"));
		err.text[0] = '\0';
		assert_int_equal(source_read(&s, 3 * PAGE, buf, PAGE, &err), -EIO);
		assert_non_null(strstr(err.text, "cut short"));
		source_close(&s);
		end(state), begin(state);
	}
}

static void two_are_looked_at_at_once(void **state)
{
	static const char *const names[] = {"file", "other"};
	uint8_t bytes[PAGE * PAGES] = {1};
	(void)state;
	guard();
	for (int i = 0; i < 2; i++) {
		test_write(top, "file", (struct slice){bytes, sizeof bytes});
		test_write(top, "other", (struct slice){bytes, sizeof bytes});
		struct source s = open_fine("file", REACH_EXACT), t = open_fine("other", REACH_EXACT);
		source_enter_both(&s, &t);
		cut(names[i], PAGE);
		assert_memory_equal(s.bytes, t.bytes, PAGE * PAGES); /* no SIGBUS in either */
		assert_int_equal(source_leave(&s, 0, PAGE * PAGES, NULL), i == 0 ? -EIO : 0);
		assert_int_equal(source_leave(&t, 0, PAGE * PAGES, NULL), i == 1 ? -EIO : 0);
		source_close(&s);
		source_close(&t);
	}
}

static void a_hole_met_while_looking_reads_as_zeros_and_is_told(void **state)
{
	struct source s = open_fine("file", REACH_EXACT);
	struct slice got;
	struct error err = {0};
	(void)state;
	guard();
	assert_int_equal(source_map(&s, 0, PAGE * PAGES, &got, NULL), 0);
	source_enter(&s);
	assert_int_equal(got.data[2 * PAGE], '3');
	cut("file", PAGE);
	assert_int_equal(got.data[2 * PAGE + 5], 0); /* no SIGBUS */
	assert_int_equal(got.data[PAGE], 0);
	assert_int_equal(got.data[0], '1');
	assert_int_equal(source_leave(&s, 0, PAGE * PAGES, &err), -EIO);
	assert_string_equal(err.text, "the file was cut short before byte 16384");
	source_enter(&s);
	assert_int_equal(source_leave(&s, 0, PAGE, NULL), 0); /* the rest is fine */
	source_close(&s);
}

/* Twice, for what is blocked after the first can no longer be met; SIGTERM stands for
 * the signals by which threads are ended. */
static void a_copy_tells_of_a_hole_and_leaves_no_signal_blocked(void **state)
{
	struct source s = open_fine("file", REACH_EXACT);
	struct slice mapped;
	char got[2 * PAGE];
	(void)state;
	guard();
	assert_int_equal(source_map(&s, 0, PAGE * PAGES, &mapped, NULL), 0);
	cut("file", PAGE);
	for (int i = 0; i < 2; i++) {
		sigset_t blocked;
		assert_false(source_copy(got, mapped.data + 10, sizeof got));
		assert_true(source_copy(got, mapped.data, PAGE));
		assert_int_equal(got[0], '1');
		assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
		assert_int_equal(sigismember(&blocked, SIGBUS), 0);
		assert_int_equal(sigismember(&blocked, SIGTERM), 0);
	}
	source_close(&s);
}

/* A reply that was made before the file was cut must fail, or be right: it must bring
 * neither the zeros that a decoder has met meanwhile, nor those behind the cut. */
static void what_is_served_is_right_wherever_the_file_is_cut(void **state)
{
	static const struct {
		uint64_t offset, len;
		off_t cut; /* behind it, or not */
		bool right;
	} cuts[] = {
		{2 * PAGE, 8, PAGE, false}, {2 * PAGE + 1, 8, PAGE, true}, {100, 2 * PAGE, PAGE, false},
		{100, 2 * PAGE, PAGE + 10, false}, {100, 2 * PAGE, 2 * PAGE + 50, true}, {100, 2 * PAGE, 2 * PAGE, false},
		{0, 2 * PAGE, PAGE + 1, true}, {PAGE, 20, PAGE + 5, true}, {PAGE + 3, 20, PAGE + 5, true},
		{3 * PAGE, PAGE, 3 * PAGE, false}, {3 * PAGE - 1, 2, 3 * PAGE - 1, false}, {7, PAGE * PAGES - 7, 50, false},
	};
	(void)state;
	guard();
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		struct source s = open_fine("file", REACH_EXACT);
		char *was = malloc((size_t)cuts[i].len), *got = malloc((size_t)cuts[i].len);
		struct answer answer;
		struct slice looked;
		int ends[2];
		assert_int_equal(source_read(&s, cuts[i].offset, was, (size_t)cuts[i].len, NULL), 0);
		answer_init(&answer);
		assert_int_equal(answer_source(&answer, &s, cuts[i].offset, cuts[i].len, NULL), 0);
		assert_int_equal(answer.len, cuts[i].len);
		cut("file", cuts[i].cut);
		source_map(&s, 0, PAGE * PAGES, &looked, NULL);
		source_enter(&s);
		for (size_t at = 0; at < PAGE * PAGES; at += PAGE)
			(void)((const volatile uint8_t *)looked.data)[at];
		source_leave_unchecked();
		assert_int_equal(pipe(ends), 0);
		ssize_t n = writev(ends[1], answer.spans, (int)answer.count);
		if (cuts[i].right) {
			assert_int_equal(n, cuts[i].len);
			assert_int_equal(read(ends[0], got, (size_t)n), n);
			assert_memory_equal(got, was, cuts[i].len);
		} else {
			assert_true(n < (ssize_t)cuts[i].len); /* a device takes all or nothing */
		}
		close(ends[0]);
		close(ends[1]);
		answer_close(&answer);
		source_close(&s);
		free(was);
		free(got);
		end(state), begin(state);
	}
}

/* Zeros were put over the hole, so it stays one, even if the file grows again. */
static void a_hole_once_met_stays_lost(void **state)
{
	struct source s = open_fine("file", REACH_EXACT);
	struct slice got;
	char buf[8];
	(void)state;
	guard();
	source_map(&s, 0, PAGE * PAGES, &got, NULL);
	cut("file", PAGE);
	source_enter(&s);
	assert_int_equal(got.data[2 * PAGE], 0);
	assert_int_equal(source_leave(&s, 2 * PAGE, 1, NULL), -EIO);
	cut("file", PAGE * PAGES);
	assert_false(source_intact(&s, 2 * PAGE, 1));
	assert_false(source_intact(&s, PAGE, PAGES * PAGE - PAGE));
	assert_true(source_intact(&s, 0, 2 * PAGE));
	assert_true(source_intact(&s, 3 * PAGE, PAGE)); /* what lies behind it has come back */
	assert_int_equal(source_read(&s, 0, buf, sizeof buf, NULL), 0);
	source_close(&s);
}

static void a_file_at_rest_is_guarded_even_where_its_path_is_gone(void **state)
{
	struct source s = open_fine("file", REACH_EXACT);
	char *path = test_path(top, "file");
	int fd = open(path, O_RDWR);
	char buf[8];
	(void)state;
	guard();
	source_drop_fd(&s);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(source_read(&s, PAGE, buf, 1, NULL), 0); /* the old bytes live on */
	assert_int_equal(buf[0], '2');
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	assert_int_equal(source_read(&s, 2 * PAGE, buf, sizeof buf, NULL), -EIO);
	assert_int_equal(source_read(&s, PAGE, buf, 1, NULL), -EIO); /* it might be cut within that page */
	assert_int_equal(source_read(&s, 0, buf, sizeof buf, NULL), 0);
	close(fd);
	source_close(&s);
	free(path);
}

/* Cut while it could be reached, and then replaced: its page that was cut within has
 * zeros, which no fault tells. */
static void a_file_at_rest_that_was_cut_and_replaced_is_not_read_as_zeros(void **state)
{
	static const struct {
		off_t cut;
		uint64_t lost; /* from here on; that page may go as a whole */
	} cuts[] = {{PAGE + 10, PAGE}, {PAGE * PAGES - 10, PAGE * PAGES - 10}, {2 * PAGE, PAGE}, {PAGE * PAGES, PAGE * PAGES}};
	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		struct source s = open_fine("file", REACH_EXACT);
		guard();
		source_drop_fd(&s);
		cut("file", cuts[i].cut);
		test_write(top, "new", SLICE("x"));
		move("new", "file");
		for (uint64_t at = 0; at + 1 < PAGE * PAGES; at += 5)
			assert_int_equal(source_intact(&s, at, 1), at < cuts[i].lost);
		assert_true(source_intact(&s, 0, cuts[i].lost));
		source_close(&s);
		end(state), begin(state);
	}
}

static void a_replaced_file_keeps_its_old_bytes(void **state)
{
	char buf[2];
	(void)state;
	for (int rest = 0; rest < 2; rest++) {
		struct source s = open_fine("file", REACH_EXACT);
		if (rest)
			source_drop_fd(&s);
		test_write(top, "new", SLICE("x"));
		move("new", "file");
		assert_true(source_intact(&s, 0, PAGE * PAGES));
		assert_int_equal(source_read(&s, 3 * PAGE, buf, 2, NULL), 0);
		assert_memory_equal(buf, "44", 2);
		source_close(&s);
		end(state), begin(state);
	}
}

static void same_means_neither_replaced_nor_rewritten(void **state)
{
	struct stat then, now;
	char *path = test_path(top, "file");
	(void)state;
	assert_int_equal(stat(path, &then), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(stat(path, &now), 0);
	assert_true(source_same(&then, &now));
	now.st_size++;
	assert_false(source_same(&then, &now));
	now = then, now.st_mtim.tv_nsec ^= 1;
	assert_false(source_same(&then, &now));
	now = then, now.st_mtim.tv_sec ^= 1;
	assert_false(source_same(&then, &now));
	now = then, now.st_ino++;
	assert_false(source_same(&then, &now));
	now = then, now.st_dev++;
	assert_false(source_same(&then, &now));
	free(path);
}

/* --- what may be reached ----------------------------------------------- */

/* --- windows ------------------------------------------------------------- */

static void a_window_is_a_source_of_its_own(void **state)
{
	struct source s = open_fine("file", REACH_EXACT), w = source_window(&s, PAGE - 2, 2 * PAGE), inner = source_window(&w, 1, PAGE + 2);
	struct arena arena = {.limit = 1 << 20};
	struct cursor c;
	struct slice got;
	struct error err = {0};
	char buf[4];
	(void)state;
	assert_int_equal(source_read(&w, 0, buf, 4, &err), 0);
	assert_memory_equal(buf, "1122", 4);
	assert_int_equal(source_read(&inner, PAGE - 1, buf, 3, &err), 0);
	assert_memory_equal(buf, "223", 3);
	assert_int_equal(source_load(&inner, &arena, 0, 3, &c, &err), 0);
	assert_memory_equal(c.pos, "122", 3);
	assert_int_equal(source_map(&w, 2 * PAGE - 1, 1, &got, &err), 0);
	assert_int_equal(*got.data, '3');
	assert_int_equal(source_map(&w, 2 * PAGE - 1, 2, &got, &err), -EBADMSG);
	assert_string_equal(err.text, "2 bytes at 8191 lie outside the file of 8192");
	assert_int_equal(source_read(&inner, PAGE + 1, buf, 2, NULL), -EBADMSG);
	assert_int_equal(source_check(&inner, UINT64_MAX, 2, NULL), -EIO);
	assert_false(source_intact(&inner, PAGE, 3));
	assert_true(source_intact(&inner, PAGE, 2));
	source_close(&inner);
	source_close(&w);
	assert_int_equal(source_read(&s, 0, buf, 1, &err), 0);
	arena_free(&arena);
	source_close(&s);
}

/* Of the page where the file ends now, too, nothing is served that is lost. */
static void a_window_of_a_file_that_is_cut_is_as_safe_as_the_file(void **state)
{
	(void)state;
	guard();
	for (int rest = 0; rest < 2; rest++) {
		struct source s = open_fine("file", REACH_EXACT), w = source_window(&s, PAGE + 5, 2 * PAGE);
		struct error err = {0};
		struct answer a;
		char buf[PAGE];
		if (rest)
			source_drop_fd(&s);
		cut("file", PAGE + 10);
		answer_init(&a);
		assert_int_equal(answer_source(&a, &w, 0, 5, &err), 0);
		assert_int_equal(answer_copy(&a, buf, &err), 0);
		assert_memory_equal(buf, "22222", 5);
		answer_reset(&a);
		assert_int_equal(answer_source(&a, &w, 0, 6, &err), -EIO);
		assert_string_equal(err.text, "the file was cut short before byte 4107");
		answer_close(&a);
		assert_int_equal(source_read(&w, 3, buf, 10, NULL), -EIO);
		assert_true(source_intact(&w, 0, 5));
		assert_false(source_intact(&w, 0, 6));
		source_enter(&w);
		assert_int_equal(w.bytes[PAGE + 10], 0); /* no SIGBUS */
		assert_int_equal(source_leave(&w, PAGE + 10, 1, NULL), -EIO);
		assert_false(source_sound(&w, PAGE, 20));
		source_enter_both(&w, &s);
		assert_int_equal(w.bytes[0], '2');
		assert_int_equal(source_leave(&w, 0, 1, NULL), 0);
		source_close(&w);
		source_close(&s);
		end(state), begin(state);
	}
}

static int fetch_all(const struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	(void)err;
	memset((uint8_t *)s->fetcher + offset, 'f', len);
	return 0;
}

static void a_window_fetches_through_the_whole(void **state)
{
	uint8_t bytes[16] = {0};
	struct slice got;
	struct source s = source_memory((struct slice){bytes, sizeof bytes});
	(void)state;
	s.fetch = fetch_all;
	s.fetcher = bytes;
	struct source w = source_window(&s, 4, 8);
	assert_int_equal(source_map(&w, 1, 3, &got, NULL), 0);
	assert_memory_equal(bytes, "\0\0\0\0\0fff\0", 9);
}

static void only_regular_files_are_opened(void **state)
{
	(void)state;
	char *fifo = test_path(top, "fifo"), *sock = test_path(top, "sock");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), watch = inotify_init1(IN_NONBLOCK);
	char events[4096];

	assert_int_equal(mkfifo(fifo, 0644), 0);
	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", sock);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof addr), 0);
	test_mkdir(top, "dir");
	test_link(top, "null", "/dev/null");
	assert_true(inotify_add_watch(watch, fifo, IN_OPEN) >= 0);
	for (enum reach reach = REACH_EXACT; reach <= REACH_HUB; reach++) {
		check_no("fifo", reach, -EINVAL, "not a regular file");
		check_no("sock", reach, -EINVAL, "not a regular file");
		check_no("dir", reach, -EISDIR, "not a regular file");
		check_no("none", reach, -ENOENT, "No such file or directory");
	}
	check_no("null", REACH_HUB, -EINVAL, "not a regular file");
	assert_int_equal(read(watch, events, sizeof events), -1); /* nobody opened it even for a moment */
	assert_int_equal(errno, EAGAIN);
	close(listener);
	close(watch);
	free(fifo);
	free(sock);
}

static void exact_follows_no_link(void **state)
{
	(void)state;
	test_link(top, "link", "file");
	test_mkdir(top, "dir");
	test_write(top, "dir/file", SLICE("deep"));
	test_link(top, "way", "dir");
	check_no("link", REACH_EXACT, -ELOOP, NULL);
	check_no("way/file", REACH_EXACT, -ELOOP, NULL);
	struct source s = open_fine("dir/file", REACH_EXACT);
	assert_int_equal(s.size, 4);
	source_close(&s);
}

static void beneath_follows_links_that_stay(void **state)
{
	(void)state;
	test_mkdir(top, "dir");
	test_mkdir(top, "dir/sub");
	test_write(top, "dir/file", SLICE("deep"));
	test_link(top, "dir/sub/up", "../file");
	test_link(top, "dir/out", "../file");
	test_link(top, "dir/root", "/etc/passwd");
	struct folder whole = in;
	in.path = "dir";
	struct source s = open_fine("sub/up", REACH_BENEATH);
	assert_int_equal(s.size, 4);
	source_close(&s);
	check_no("out", REACH_BENEATH, -EXDEV, "a path that leads out of the folder");
	check_no("../file", REACH_BENEATH, -EXDEV, NULL);
	check_no("root", REACH_BENEATH, -EXDEV, NULL);
	check_no("/etc/passwd", REACH_BENEATH, -EXDEV, NULL);
	in = whole;
}

/* snapshots/REV/shard -> ../../blobs/HASH */
static void hub_follows_the_last_link_and_no_earlier(void **state)
{
	(void)state;
	test_mkdir(top, "blobs"), test_mkdir(top, "snapshots"), test_mkdir(top, "snapshots/rev");
	test_write(top, "blobs/hash", SLICE("shard"));
	test_link(top, "snapshots/rev/shard", "../../blobs/hash");
	test_link(top, "snapshots/rev/way", "../../blobs");
	test_mkdir(top, "snapshots/rev/parts");
	test_link(top, "snapshots/rev/parts/shard", "../../../blobs/hash");
	test_link(top, "snapshots/rev/host", "/etc/hostname");
	struct folder whole = in;
	in.path = "snapshots/rev";
	for (int confined = 0; confined < 2; confined++) {
		in.confined = confined;
		struct source s = open_fine("shard", REACH_HUB);
		assert_int_equal(s.size, 5);
		source_close(&s);
		s = open_fine("parts/shard", REACH_HUB);
		source_close(&s);
		check_no("way/hash", REACH_HUB, -ELOOP, "its folder is a symbolic link");
		check_no("none", REACH_HUB, -ENOENT, NULL);
	}
	check_no("host", REACH_HUB, -EXDEV, "a path that leads out of the folder"); /* confined */
	in = whole;
}

static void a_failed_opening_keeps_no_descriptor(void **state)
{
	(void)state;
	int before = dup(0);
	close(before);
	test_link(top, "link", "file");
	test_mkdir(top, "dir");
	for (enum reach reach = REACH_EXACT; reach <= REACH_HUB; reach++) {
		check_no("dir", reach, -EISDIR, NULL);
		check_no("none/x", reach, -ENOENT, NULL);
	}
	check_no("link", REACH_EXACT, -ELOOP, NULL);
	int after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_is_a_source),
		TEST(ranges_outside_are_bad_messages),
		TEST(metadata_is_a_copy),
		TEST(metadata_beyond_the_limit_is_no_memory),
		TEST(a_file_is_a_source),
		TEST(those_that_find_no_descriptor_left_are_at_rest),
		TEST(an_empty_file_is_a_source),
		TEST(what_was_cut_off_is_not_intact),
		TEST(reading_what_was_cut_off_is_an_io_error),
		TEST(a_hole_met_while_looking_reads_as_zeros_and_is_told),
		TEST(two_are_looked_at_at_once),
		TEST(a_copy_tells_of_a_hole_and_leaves_no_signal_blocked),
		TEST(what_is_served_is_right_wherever_the_file_is_cut),
		TEST(a_hole_once_met_stays_lost),
		TEST(a_file_at_rest_is_guarded_even_where_its_path_is_gone),
		TEST(a_file_at_rest_that_was_cut_and_replaced_is_not_read_as_zeros),
		TEST(a_replaced_file_keeps_its_old_bytes),
		TEST(same_means_neither_replaced_nor_rewritten),
		TEST(a_window_is_a_source_of_its_own),
		TEST(a_window_of_a_file_that_is_cut_is_as_safe_as_the_file),
		TEST(a_window_fetches_through_the_whole),
		TEST(only_regular_files_are_opened),
		TEST(exact_follows_no_link),
		TEST(beneath_follows_links_that_stay),
		TEST(hub_follows_the_last_link_and_no_earlier),
		TEST(a_failed_opening_keeps_no_descriptor),
	};
	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
