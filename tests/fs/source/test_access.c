/* SPDX-License-Identifier: MIT */
/* Against a model of persons: of each user, in each set of groups. */
#include "tests/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/source/access.h"

enum { USERS = 3, GROUPS = 3 };

struct person {
	uid_t uid;
	unsigned groups; /* bit g: of group g */
};

/* As path_resolution(7) has it: of one class alone, the first that he is of. */
static bool may(struct person p, struct access a, enum access_to to)
{
	unsigned class = p.uid == a.uid ? 6 : p.groups >> a.gid & 1 ? 3 : 0;
	return a.mode >> class & to;
}

static unsigned class_of(struct person p, struct access a)
{
	return p.uid == a.uid ? 6 : p.groups >> a.gid & 1 ? 3 : 0;
}

#define EACH_PERSON(p) \
	for (struct person p = {1, 0}; p.uid <= USERS; p.groups++, p.uid += p.groups >> (GROUPS + 1), p.groups &= (2u << GROUPS) - 1)

/* All files of two users and two groups, by number. */
static struct access numbered(unsigned i, enum access_to to)
{
	mode_t mode = (i & 1 ? (mode_t)to << 6 : 0) | (i & 2 ? (mode_t)to << 3 : 0) | (i & 4 ? (mode_t)to : 0);
	return (struct access){1 + (i >> 3 & 1), 1 + (i >> 4 & 1), mode};
}
enum { ALL = 32 };

/* Whole classes go, and only those of which somebody is kept out. */
static void what_is_left_is_what_both_allow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ALL; i++) {
		for (unsigned k = 0; k < ALL; k++) {
			struct access a = numbered(i, ACCESS_READ), b = numbered(k, ACCESS_SEARCH);
			struct access left = access_within(a, b, ACCESS_SEARCH);
			mode_t want = a.mode;
			EACH_PERSON(p) {
				if (may(p, left, ACCESS_READ))
					assert_true(may(p, a, ACCESS_READ) && may(p, b, ACCESS_SEARCH));
				if (!may(p, b, ACCESS_SEARCH))
					want &= ~((mode_t)7 << class_of(p, a));
			}
			assert_int_equal(left.mode, want);
			assert_int_equal(left.uid, a.uid);
			assert_int_equal(left.gid, a.gid);
		}
	}
}

static void who_came_through_a_folder_may_read_his_own_there(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ALL; i++) {
		for (unsigned k = 0; k < ALL; k++) {
			struct access a = numbered(i, ACCESS_READ), b = numbered(k, ACCESS_SEARCH), left = access_through(a, b, 1);
			EACH_PERSON(p) {
				if (may(p, left, ACCESS_READ))
					assert_true(may(p, a, ACCESS_READ) && (p.uid == 1 || may(p, b, ACCESS_SEARCH)));
				if (p.uid == 1 && a.uid == 1)
					assert_int_equal(may(p, left, ACCESS_READ), may(p, a, ACCESS_READ));
			}
		}
	}
}

static void the_examples_hold(void **state)
{
	static const struct {
		struct access file, folder;
		mode_t left;
	} all[] = {
		{{1, 1, 0444}, {2, 2, 0755}, 0444}, {{1, 1, 0444}, {2, 2, 0711}, 0444}, {{1, 1, 0444}, {1, 1, 0700}, 0400},
		{{1, 1, 0444}, {2, 1, 0700}, 0}, {{1, 1, 0440}, {1, 1, 0750}, 0440}, {{1, 1, 0444}, {1, 1, 0750}, 0440},
		{{1, 1, 0444}, {1, 2, 0750}, 0400}, {{1, 1, 0440}, {2, 1, 0750}, 0040}, {{1, 1, 0440}, {2, 1, 0755}, 0440},
	};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		assert_int_equal(access_through(all[i].file, all[i].folder, 9).mode, all[i].left);
}

static void check_join(struct access a, struct access b, struct access c, const struct access_self *self)
{
	struct access two = access_join(a, b, self), three = access_join(two, c, self);
	unsigned own = 0;
	for (int i = 0; i < self->ngroups; i++)
		own |= 1u << self->groups[i];
	EACH_PERSON(p) {
		if (p.uid == self->uid && self->ngroups >= 0 && p.groups != own)
			continue; /* of him we know better */
		bool both = may(p, a, ACCESS_READ) && may(p, b, ACCESS_READ);
		if (may(p, two, ACCESS_READ))
			assert_true(both);
		if (may(p, three, ACCESS_READ))
			assert_true(both && may(p, c, ACCESS_READ));
	}
	if (a.uid != b.uid) {
		assert_int_equal(two.uid, self->uid);
		assert_int_equal(two.mode & 077, a.mode == 0444 && b.mode == 0444 ? 044 : 0);
	} else {
		assert_int_equal(two.uid, a.uid);
		if (a.gid == b.gid)
			assert_int_equal(two.mode, a.mode & b.mode);
	}
}

static void what_several_files_have_in_common_all_of_them_allow(void **state)
{
	static const struct access_self all[] = {
		{0, 0, {0}, 0}, {3, 3, {3}, 1}, {3, 1, {1}, 1}, {1, 1, {1}, 1}, {1, 2, {2, 1}, 2}, {3, 3, {0}, -1},
	};
	(void)state;
	for (size_t s = 0; s < sizeof all / sizeof *all; s++)
		for (unsigned i = 0; i < ALL * ALL * ALL; i++)
			check_join(numbered(i % ALL, ACCESS_READ), numbered(i / ALL % ALL, ACCESS_READ),
				   numbered(i / ALL / ALL, ACCESS_READ), &all[s]);
}

/* acl(5): {tag, permissions}; 1 owner, 2 a user, 4 the group, 8 a group, 16 the mask, 32 others. */
static void a_list_takes_from_the_group_and_others_what_it_may_deny(void **state)
{
	static const struct {
		uint16_t list[6][2];
		mode_t mode, left;
	} all[] = {
		{{{1, 6}, {4, 4}, {32, 4}}, 0644, 0644},
		{{{1, 6}, {2, 4}, {4, 0}, {16, 4}, {32, 0}}, 0640, 0600},          /* another user; the group nothing */
		{{{1, 6}, {2, 4}, {4, 4}, {16, 4}, {32, 0}}, 0640, 0640},
		{{{1, 6}, {2, 0}, {4, 4}, {16, 4}, {32, 4}}, 0644, 0600},          /* one who may not */
		{{{1, 6}, {4, 4}, {8, 0}, {16, 4}, {32, 4}}, 0644, 0600},
		{{{1, 6}, {2, 7}, {4, 7}, {16, 0}, {32, 4}}, 0604, 0600},          /* masked */
		{{{1, 7}, {2, 5}, {4, 5}, {16, 5}, {32, 1}}, 0751, 0751},
		{{{1, 7}, {2, 5}, {4, 1}, {16, 5}, {32, 5}}, 0755, 0715},
	};
	uint8_t bytes[4 + 6 * 8];
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		size_t n = 4;
		memset(bytes, 0, sizeof bytes);
		bytes[0] = 2;
		for (size_t k = 0; k < 6 && all[i].list[k][0]; k++, n += 8) {
			bytes[n] = (uint8_t)all[i].list[k][0];
			bytes[n + 2] = (uint8_t)all[i].list[k][1];
		}
		assert_int_equal(access_mode(all[i].mode, (struct slice){bytes, n}), all[i].left);
		if (n > 28) /* cut: nobody knows */
			assert_int_equal(access_mode(all[i].mode, (struct slice){bytes, n - 1}), all[i].mode & 0700);
		bytes[0] = 3;
		assert_int_equal(access_mode(all[i].mode, (struct slice){bytes, n}), all[i].mode & 0700);
	}
}

/* --- the way to a file ------------------------------------------------------ */

static char top[] = "/tmp/arrayfs-access-XXXXXX";
static int top_fd;

static int make(void **state)
{
	static const char *const folders[] = {"a", "a/b", "a/b/c", "x", "x/y"};
	(void)state;
	if (!mkdtemp(top) || chmod(top, 0755) < 0 || (top_fd = open(top, O_PATH)) < 0)
		return -1;
	for (size_t i = 0; i < 5; i++)
		if (mkdirat(top_fd, folders[i], 0755) < 0)
			return -1;
	if (close(openat(top_fd, "a/b/c/file", O_CREAT | O_WRONLY, 0644)) < 0 ||
	    close(openat(top_fd, "x/y/file", O_CREAT | O_WRONLY, 0644)) < 0)
		return -1;
	return symlinkat("../../x/y/file", top_fd, "a/b/link") < 0 || symlinkat("c", top_fd, "a/b/d") < 0 ? -1 : 0;
}

static int unmake(void **state)
{
	static const char *const files[] = {"a/b/link", "a/b/d", "a/b/c/file", "x/y/file"};
	static const char *const folders[] = {"a/b/c", "a/b", "a", "x/y", "x"};
	(void)state;
	for (size_t i = 0; i < 4; i++)
		unlinkat(top_fd, files[i], 0);
	for (size_t i = 0; i < 5; i++)
		unlinkat(top_fd, folders[i], AT_REMOVEDIR);
	close(top_fd);
	return rmdir(top);
}

static int find(int dir, const char *below, const char *path, struct stat *st, struct access *a)
{
	struct access_from from;
	struct access_seen seen = {0};
	int r = access_from(&(struct folder){.dir = dir, .path = below}, &from);
	if (r == 0)
		r = access_find(&from, path, &seen, st, a);
	access_from_close(&from);
	return r;
}

/* What is left of 0444 with one of the folders closed.  We own them, and so keep the
 * owner's bits. */
static mode_t left(const char *closed, const char *below, const char *path)
{
	struct stat st;
	struct access a = {0};
	fchmodat(top_fd, closed, 0700, 0);
	int r = find(top_fd, below, path, &st, &a);
	fchmodat(top_fd, closed, 0755, 0);
	assert_int_equal(r, 0);
	return a.mode & 0444;
}

static void the_folders_that_count_lie_below(void **state)
{
	(void)state;
	assert_int_equal(left("x", "", "a/b/c/file"), 0444);
	assert_int_equal(left("a", "", "a/b/c/file"), 0400);
	assert_int_equal(left("a", "a", "b/c/file"), 0444);
	assert_int_equal(left("a/b", "a", "b/c/file"), 0400);
	assert_int_equal(left("a/b/c", "a/b", "c/file"), 0400);
	assert_int_equal(left("a/b/c", "a/b", "./d/file"), 0400);  /* by a link */
	assert_int_equal(left("a/b", "a/b", "./d/file"), 0444);
	assert_int_equal(left("a", "a/b", "link"), 0444);          /* led to the folder already */
	assert_int_equal(left("x", "a/b", "link"), 0400);          /* beside it */
	assert_int_equal(left("x/y", "a/b", "link"), 0400);
}

static void outside_all_count(void **state)
{
	char path[64];
	struct stat st;
	struct access a = {0};
	(void)state;
	snprintf(path, sizeof path, "%s/a/b", top);
	int fd = open(path, O_PATH);
	chmod(top, 0700);
	assert_int_equal(find(fd, "", "c/file", &st, &a), 0);
	assert_int_equal(a.mode & 0444, 0444);
	assert_int_equal(find(fd, "", "link", &st, &a), 0);
	assert_int_equal(a.mode & 0444, 0400);
	chmod(top, 0755);
	assert_int_equal(find(fd, "", "link", &st, &a), 0);
	assert_int_equal(a.mode & 0444, 0444);
	assert_int_equal(find(fd, "", "none", &st, &a), -ENOENT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_is_what_both_allow),
		cmocka_unit_test(who_came_through_a_folder_may_read_his_own_there),
		cmocka_unit_test(the_examples_hold),
		cmocka_unit_test(what_several_files_have_in_common_all_of_them_allow),
		cmocka_unit_test(a_list_takes_from_the_group_and_others_what_it_may_deny),
		cmocka_unit_test(the_folders_that_count_lie_below),
		cmocka_unit_test(outside_all_count),
	};
	return cmocka_run_group_tests(tests, make, unmake);
}
