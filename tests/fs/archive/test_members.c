/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/archive/archive.h"
#include "tests/support.h"

/* A folder, and its members. */
struct place {
	char *top;
	struct members m;
	struct arena arena;
	struct error err;
};

static void set_up(struct place *p, bool confined)
{
	*p = (struct place){.top = test_folder(), .arena.limit = 1 << 24};
	members_init(&p->m, NULL);
	p->m.folder = (struct folder){open(p->top, O_PATH | O_DIRECTORY | O_CLOEXEC), "", confined};
	assert_true(p->m.folder.dir >= 0);
}

static void tear_down(struct place *p)
{
	members_close(&p->m);
	close(p->m.folder.dir);
	arena_free(&p->arena);
	test_folder_remove(p->top);
}

/* All but hidden ones; those called *.sure must be had. */
static int choose(void *arg, const char *path, const char *name, mode_t type, struct error *err)
{
	const char *end = strrchr(name, '.');
	(void)arg;
	(void)type;
	if (strcmp(name, "refused") == 0)
		return error_set(err, ENOTSUP, "%s is refused", path);
	return name[0] == '.' ? MEMBER_NO : end && strcmp(end, ".sure") == 0 ? MEMBER_SURE : MEMBER_MAYBE;
}

static int find(struct place *p)
{
	return members_find(&p->m, &p->arena, choose, NULL, &p->err);
}

/* Their paths, with a space between, and '!' at those that are sure. */
static const char *found(const struct place *p)
{
	static char text[4096];
	size_t len = 0;
	text[0] = '\0';
	for (uint32_t i = 0; i < p->m.count; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%s", i ? " " : "", members_at(&p->m, i)->path,
					members_at(&p->m, i)->sure ? "!" : "");
	return text;
}

static void link_to(const struct place *p, const char *name, const char *target)
{
	test_link(p->top, name, target);
}

/* --- finding ------------------------------------------------------------------ */

static void files_are_found_in_the_order_of_their_paths(void **state)
{
	struct place p;
	(void)state;
	set_up(&p, true);
	test_mkdir(p.top, "a");
	test_mkdir(p.top, "a/empty");
	test_mkdir(p.top, "a-b");
	test_mkdir(p.top, ".hidden");
	test_write(p.top, "b.sure", SLICE("12345"));
	test_write(p.top, "a/y", SLICE("1"));
	test_write(p.top, "a/x", SLICE("12"));
	test_write(p.top, "a-b/z", SLICE(""));
	test_write(p.top, ".hidden/h", SLICE("1"));
	assert_false(p.m.later);
	assert_int_equal(find(&p), 0);
	assert_string_equal(found(&p), "a-b/z a/x a/y b.sure!");
	assert_int_equal(members_at(&p.m, 1)->size, 2);
	assert_int_equal(members_at(&p.m, 3)->size, 5);
	assert_true(p.m.later);
	tear_down(&p);
}

static void a_folder_below_another_has_members_of_its_own(void **state)
{
	struct place p;
	void *opened;
	(void)state;
	set_up(&p, true);
	test_mkdir(p.top, "in");
	test_mkdir(p.top, "in/deep");
	test_write(p.top, "beside", SLICE("no"));
	test_write(p.top, "in/deep/file", SLICE("yes"));
	link_to(&p, "in/out", "../beside");
	p.m.folder.path = "in";
	assert_int_equal(find(&p), 0);
	assert_string_equal(found(&p), "deep/file");
	assert_int_equal(member_hold(members_at(&p.m, 0), &opened, &p.err), 0);
	assert_int_equal(((struct source *)opened)->size, 3);
	member_release(members_at(&p.m, 0));
	tear_down(&p);
}

static void a_link_counts_where_its_file_is_not_there_itself(void **state)
{
	struct place p;
	(void)state;
	set_up(&p, true);
	test_mkdir(p.top, "d");
	test_write(p.top, "plain", SLICE("1"));
	test_write(p.top, ".kept", SLICE("1"));
	link_to(&p, "link.sure", "plain"); /* the file itself is there, and is sure by this */
	link_to(&p, "other", ".kept");     /* not met itself */
	link_to(&p, "loop", "d");          /* a directory within the folder is met itself */
	link_to(&p, "broken", "nowhere");
	link_to(&p, "out", "/etc/passwd");
	assert_int_equal(find(&p), 0);
	assert_string_equal(found(&p), "other plain!");
	tear_down(&p);
}

static void links_are_followed_out_of_a_folder_that_is_not_confined(void **state)
{
	struct place p, q;
	char path[300];
	(void)state;
	set_up(&p, false);
	set_up(&q, false);
	test_mkdir(q.top, "d");
	test_write(q.top, "d/file", SLICE("far"));
	test_write(q.top, "file", SLICE("far"));
	snprintf(path, sizeof path, "%s/d", q.top);
	link_to(&p, "dir", path);
	link_to(&p, "dir-again", path);
	link_to(&p, "self", ".");
	snprintf(path, sizeof path, "%s/file", q.top);
	link_to(&p, "file", path);
	assert_int_equal(find(&p), 0);
	assert_int_equal(p.m.count, 2); /* each directory once, by either link */
	assert_memory_equal(members_at(&p.m, 0)->path, "dir", 3);
	assert_string_equal(members_at(&p.m, 1)->path, "file");
	tear_down(&p);
	tear_down(&q);
}

static void refuse(bool confined, void (*make)(const struct place *), int code, const char *sentence)
{
	struct place p;
	set_up(&p, confined);
	test_write(p.top, "file", SLICE("1"));
	make(&p);
	assert_int_equal(find(&p), -code);
	assert_string_equal(p.err.text, sentence);
	assert_int_equal(p.m.count, 0);
	tear_down(&p);
}

static void make_fifo(const struct place *p)
{
	char *path = test_path(p->top, "x.sure");
	assert_int_equal(mkfifo(path, 0600), 0);
	free(path);
}

static void make_broken(const struct place *p) { link_to(p, "x.sure", "nowhere"); }
static void make_outside(const struct place *p) { link_to(p, "x.sure", "/etc/passwd"); }
static void make_refused(const struct place *p)
{
	test_mkdir(p->top, "d");
	test_write(p->top, "d/refused", SLICE(""));
}

static void what_is_sure_and_cannot_be_had_refuses_the_folder(void **state)
{
	(void)state;
	refuse(true, make_fifo, EINVAL, "x.sure: not a regular file");
	refuse(true, make_broken, ENOENT, "x.sure: No such file or directory");
	refuse(false, make_broken, ENOENT, "x.sure: No such file or directory");
	refuse(true, make_outside, EXDEV, "x.sure: a symbolic link that leads out of the folder; -o follow reads it");
	refuse(true, make_refused, ENOTSUP, "d/refused is refused");
}

static void without_memory_the_folder_is_refused(void **state)
{
	(void)state;
	for (size_t limit = 0, r = 1; r; limit += 64) {
		struct place p;
		set_up(&p, true);
		test_write(p.top, "a", SLICE("1"));
		test_write(p.top, "b", SLICE("1"));
		p.arena.limit = limit;
		r = find(&p) < 0;
		assert_string_equal(p.err.text, r ? "no memory for the names of its files" : "");
		assert_true(limit < 10000);
		tear_down(&p);
	}
}

static void members_never_move(void **state)
{
	struct member *at[1000];
	struct place p;
	(void)state;
	set_up(&p, true);
	for (uint32_t i = 0; i < 1000; i++)
		at[i] = members_add(&p.m, &p.arena, &(struct member){.size = i});
	for (uint32_t i = 0; i < 1000; i++) {
		assert_ptr_equal(members_at(&p.m, i), at[i]);
		assert_int_equal(at[i]->size, i);
		assert_int_equal(at[i]->number, i + 1);
	}
	tear_down(&p);
}

static bool is_wanted(const char *name)
{
	assert_string_not_equal(name, ".");
	assert_string_not_equal(name, "..");
	return strcmp(name, "wanted") == 0;
}

static void a_name_right_in_the_folder_is_seen(void **state)
{
	struct place p;
	(void)state;
	set_up(&p, true);
	test_mkdir(p.top, "d");
	test_write(p.top, "other", SLICE("1"));
	test_write(p.top, "d/wanted", SLICE("1"));
	assert_false(members_any(&p.m, is_wanted));
	p.m.folder.path = "d";
	assert_true(members_any(&p.m, is_wanted));
	p.m.folder.path = "none";
	assert_false(members_any(&p.m, is_wanted));
	tear_down(&p);
}

/* --- opening ------------------------------------------------------------------ */

static void check_source(struct member *one, const char *bytes)
{
	struct error err = {""};
	void *opened;
	char got[16] = "";
	assert_int_equal(member_hold(one, &opened, &err), 0);
	const struct source *s = opened;
	assert_int_equal(s->size, strlen(bytes));
	assert_int_equal(source_read(s, 0, got, (size_t)s->size, &err), 0);
	assert_string_equal(got, bytes);
	member_release(one);
}

static void check_gone(struct member *one, const char *sentence)
{
	for (int i = 0; i < 2; i++) {
		struct error err = {""};
		void *opened;
		assert_int_equal(member_hold(one, &opened, &err), -EIO);
		assert_string_equal(err.text, sentence);
	}
}

static void set_time(const struct place *p, const char *name, time_t t)
{
	const struct timespec times[2] = {{.tv_sec = t}, {.tv_sec = t}};
	assert_int_equal(utimensat(p->m.folder.dir, name, times, 0), 0);
}

/* Opened before or not: it is never another file's bytes. */
static void a_member_is_what_it_was_when_it_was_found(void **state)
{
	(void)state;
	for (int opened = 0; opened < 2; opened++) {
		const char *const names[] = {"removed", "replaced", "resized", "rewritten", "rightly"};
		struct place p;
		set_up(&p, true);
		for (size_t i = 0; i < 5; i++) {
			test_write(p.top, names[i], SLICE("bytes"));
			set_time(&p, names[i], 1000);
		}
		assert_int_equal(find(&p), 0);
		assert_string_equal(found(&p), "removed replaced resized rewritten rightly");
		for (uint32_t i = 0; i < 5 && opened; i++)
			check_source(members_at(&p.m, i), "bytes");
		unlinkat(p.m.folder.dir, "removed", 0);
		test_write(p.top, "new", SLICE("other"));
		set_time(&p, "new", 1000);
		renameat(p.m.folder.dir, "new", p.m.folder.dir, "replaced");
		test_write(p.top, "resized", SLICE("bytes and more"));
		set_time(&p, "resized", 1000);
		test_write(p.top, "rewritten", SLICE("bytEs"));
		check_gone(members_at(&p.m, 0), "removed");
		check_gone(members_at(&p.m, 1), "changed or replaced");
		check_gone(members_at(&p.m, 2), "changed or replaced");
		check_gone(members_at(&p.m, 3), "changed or replaced");
		check_source(members_at(&p.m, 4), "bytes");
		tear_down(&p);
	}
}

static void a_confined_member_is_not_opened_outside(void **state)
{
	struct place p;
	struct stat st;
	void *opened;
	(void)state;
	set_up(&p, true);
	link_to(&p, "file", "/etc/passwd");
	assert_int_equal(stat("/etc/passwd", &st), 0);
	struct member one = {.path = "file", .dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size, .mtime = st.st_mtim};
	assert_true(member_hold(members_add(&p.m, &p.arena, &one), &opened, &p.err) < 0);
	assert_string_equal(p.err.text, "a path that leads out of the folder");
	tear_down(&p);
}

/* --- how many are open --------------------------------------------------------- */

static _Atomic int open_now, open_most, opened_ever;
static size_t each;

static int count_open(const struct members *m, const struct member *one, struct source source, void **ret, size_t *ret_memory,
		      struct error *err)
{
	bool bad = strncmp(one->path, "bad", 3) == 0;
	(void)m;
	source_close(&source);
	if (bad)
		return error_set(err, EBADMSG, "a bad one");
	int now = atomic_fetch_add(&open_now, 1) + 1;
	if (now > atomic_load(&open_most))
		atomic_store(&open_most, now);
	atomic_fetch_add(&opened_ever, 1);
	*ret = malloc(1);
	*ret_memory = each;
	return 0;
}

static void count_close(void *opened)
{
	free(opened);
	atomic_fetch_sub(&open_now, 1);
}

static void set_up_many(struct place *p, unsigned count, size_t memory)
{
	static const struct member_opener opener = {count_open, count_close};
	char name[16];
	set_up(p, true);
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%03u", i);
		test_write(p->top, name, SLICE("1"));
	}
	p->m.opener = &opener;
	open_now = open_most = opened_ever = 0;
	each = memory;
	assert_int_equal(find(p), 0);
}

static void one_after_the_other(struct place *p)
{
	void *opened;
	for (uint32_t i = 0; i < p->m.count; i++) {
		assert_int_equal(member_hold(members_at(&p->m, i), &opened, &p->err), 0);
		member_release(members_at(&p->m, i));
	}
}

static void a_bounded_number_is_open(void **state)
{
	struct place p;
	(void)state;
	set_up_many(&p, 100, 1);
	one_after_the_other(&p);
	assert_int_equal(open_most, 65); /* before the oldest is closed */
	assert_int_equal(open_now, 64);
	one_after_the_other(&p);
	assert_int_equal(opened_ever, 200);
	tear_down(&p);
	assert_int_equal(open_now, 0);

	set_up_many(&p, 20, 1 << 20);
	one_after_the_other(&p);
	assert_int_equal(open_now, 6);
	tear_down(&p);
	assert_int_equal(open_now, 0);
}

static void what_is_held_stays_open(void **state)
{
	struct place p;
	void *opened[100], *again;
	(void)state;
	set_up_many(&p, 100, 1 << 20);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(member_hold(members_at(&p.m, i), &opened[i], &p.err), 0);
	assert_int_equal(open_now, 100);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(member_hold(members_at(&p.m, i), &again, &p.err), 0);
		assert_ptr_equal(again, opened[i]);
		member_release(members_at(&p.m, i));
	}
	for (uint32_t i = 0; i < 100; i++)
		member_release(members_at(&p.m, i));
	assert_int_equal(open_now, 6);
	assert_int_equal(opened_ever, 100);
	tear_down(&p);
}

static void what_cannot_be_opened_is_no_open_one(void **state)
{
	struct place p;
	void *opened;
	(void)state;
	set_up_many(&p, 0, 1);
	test_write(p.top, "bad", SLICE("1"));
	assert_int_equal(find(&p), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(member_hold(members_at(&p.m, 0), &opened, &p.err), -EBADMSG);
		assert_string_equal(p.err.text, "a bad one");
	}
	assert_int_equal(p.m.open, 0);
	tear_down(&p);
}

static void *hold_all(void *arg)
{
	struct place *p = arg;
	struct error err = {""};
	void *opened;
	for (uint32_t k = 0; k < 300; k++) {
		struct member *one = members_at(&p->m, k * 7 % p->m.count);
		if (member_hold(one, &opened, &err) < 0)
			return arg;
		member_release(one);
	}
	return NULL;
}

static void many_threads_hold_them_at_once(void **state)
{
	pthread_t threads[4];
	struct place p;
	void *failed;
	(void)state;
	set_up_many(&p, 100, 1 << 20);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_all, &p), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_true(open_most <= 6 + 4);
	assert_int_equal(open_now, 6);
	tear_down(&p);
	assert_int_equal(open_now, 0);
}

static void a_worker_opens_one_ahead(void **state)
{
	struct block_client client = {0};
	struct blocks *blocks;
	struct place p;
	(void)state;
	set_up_many(&p, 3, 1);
	assert_int_equal(blocks_open(&blocks, 1 << 20, 2), 0);
	member_prefetch(members_at(&p.m, 2), blocks, &client);
	for (int i = 0; i < 5000 && atomic_load(&opened_ever) == 0; i++)
		usleep(1000);
	blocks_drop(blocks, &client); /* waits for the worker */
	assert_int_equal(opened_ever, 1);
	assert_non_null(members_at(&p.m, 2)->opened);
	one_after_the_other(&p);
	assert_int_equal(opened_ever, 3);
	blocks_close(blocks);
	tear_down(&p);
}

/* --- formats of folders ---------------------------------------------------------- */

static bool wants_one(const struct members *m) { return members_any(m, is_wanted); }
static bool wants_none(const struct members *m)
{
	(void)m;
	return false;
}

static int open_nothing(struct archive *a, struct error *err)
{
	(void)a;
	(void)err;
	return 0;
}

static bool no_file(const struct peek *p)
{
	(void)p;
	return false;
}

static void the_folder_is_of_the_format_that_knows_its_names(void **state)
{
	static const struct format of_files = {.name = "files", .probe = no_file, .open = open_nothing};
	static const struct format first = {.name = "first", .probe_members = wants_none, .open = open_nothing};
	static const struct format second = {.name = "second", .probe_members = wants_one, .open = open_nothing};
	const struct format *const all[] = {&of_files, &first, &second, NULL}, *const files[] = {&of_files, NULL};
	struct archive_options options = test_options();
	struct archive a;
	struct place p;
	(void)state;
	set_up(&p, true);
	assert_int_equal(archive_open_folder(&a, all, p.m.folder.dir, true, &options, &p.err), 0);
	assert_ptr_equal(a.format, &first); /* which would say what is missing */
	archive_close(&a);
	test_write(p.top, "wanted", SLICE(""));
	assert_int_equal(archive_open_folder(&a, all, p.m.folder.dir, true, &options, &p.err), 0);
	assert_ptr_equal(a.format, &second);
	archive_close(&a);
	assert_int_equal(archive_open_folder(&a, files, p.m.folder.dir, true, &options, &p.err), -ENOTSUP);
	assert_string_equal(p.err.text, "no format takes a directory for one archive");
	tear_down(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_found_in_the_order_of_their_paths),
		cmocka_unit_test(a_folder_below_another_has_members_of_its_own),
		cmocka_unit_test(a_link_counts_where_its_file_is_not_there_itself),
		cmocka_unit_test(links_are_followed_out_of_a_folder_that_is_not_confined),
		cmocka_unit_test(what_is_sure_and_cannot_be_had_refuses_the_folder),
		cmocka_unit_test(without_memory_the_folder_is_refused),
		cmocka_unit_test(members_never_move),
		cmocka_unit_test(a_name_right_in_the_folder_is_seen),
		cmocka_unit_test(a_member_is_what_it_was_when_it_was_found),
		cmocka_unit_test(a_confined_member_is_not_opened_outside),
		cmocka_unit_test(a_bounded_number_is_open),
		cmocka_unit_test(what_is_held_stays_open),
		cmocka_unit_test(what_cannot_be_opened_is_no_open_one),
		cmocka_unit_test(many_threads_hold_them_at_once),
		cmocka_unit_test(a_worker_opens_one_ahead),
		cmocka_unit_test(the_folder_is_of_the_format_that_knows_its_names),
	};
	source_guard();
	return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
