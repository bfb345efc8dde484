/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mirror/mirror.h"
#include "tests/support.h"

/* SOURCE's own files below .arrayfs/original. */

static bool probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "ONE", 3);
}

/* The archive's own file and the files that its lines name. */
static int open_one(struct archive *a, struct error *err)
{
	char text[256] = "";
	uint32_t number;
	int r = source_read(&a->source, 0, text, a->source.size < 255 ? (size_t)a->source.size : 255, err);
	tree_range(&a->tree, TREE_ROOT, SLICE("own"), 0, 0, a->source.size);
	for (char *line = r == 0 ? strchr(text, '\n') : NULL; line && line[1] && r == 0; line = strchr(line + 1, '\n')) {
		struct slice name = {(uint8_t *)line + 1, strcspn(line + 1, "\n")};
		r = archive_sibling(a, name, REACH_ANY, &number, err);
		tree_range(&a->tree, TREE_ROOT, name, r == 0 ? number : 0, 0, r == 0 ? archive_source(a, number)->size : 0);
	}
	return r;
}

static const struct format one = {.name = "one", .probe = probe, .open = open_one};
static const struct format *const formats[] = {&one, NULL};

static bool probe_any(const struct peek *p)
{
	return p->size > 0;
}

static int open_any(struct archive *a, struct error *err)
{
	(void)err;
	tree_range(&a->tree, TREE_ROOT, SLICE("own"), 0, 0, a->source.size);
	return 0;
}

static const struct format any = {.name = "any", .probe = probe_any, .open = open_any};
static const struct format *const formats_any[] = {&any, NULL};

/* --- what is there ------------------------------------------------------------ */

static struct mirror *open_at(const char *source, const struct format *const *of)
{
	struct mirror_options options = {.archive = test_options()};
	struct error err = {0};
	struct mirror *m;
	assert_int_equal(mirror_open(&m, of, source, &options, &err), 0);
	return m;
}

/* What the path leads to, to be put; or the error, and then nothing. */
static int find(struct mirror *m, const char *path, struct mirror_ref *ret)
{
	struct error err = {0};
	int r = mirror_get(m, TREE_ROOT, ret, &err);
	while (r == 0 && *path) {
		struct mirror_ref at = *ret;
		size_t n = strcspn(path, "/");
		r = mirror_lookup(m, &at, (struct slice){(const uint8_t *)path, n}, ret, &err);
		mirror_put(m, &at);
		path += n + (path[n] == '/');
	}
	return r;
}

static struct stat stat_of(struct mirror *m, const char *path)
{
	struct mirror_ref ref;
	struct error err = {0};
	struct stat st;
	assert_int_equal(find(m, path, &ref), 0);
	assert_int_equal(mirror_stat(m, &ref, -1, &st, &err), 0);
	mirror_put(m, &ref);
	return st;
}

/* The bytes at the offset; how many came, or the error. */
static int read_at(struct mirror *m, const struct mirror_ref *ref, int fd, uint64_t offset, char *buf, size_t room)
{
	struct answer answer;
	struct error err = {0};
	answer_init(&answer);
	int r = mirror_read(m, ref, fd, offset, room - 1, &answer, &err);
	size_t n = r == 0 ? answer.len : 0;
	if (r == 0)
		assert_int_equal(answer_copy(&answer, buf, &err), 0);
	buf[n] = '\0';
	answer_close(&answer);
	return r < 0 ? r : (int)n;
}

static void assert_bytes(struct mirror *m, const char *path, const char *bytes)
{
	struct mirror_ref ref;
	struct error err = {0};
	char buf[256];
	int fd;
	assert_int_equal(find(m, path, &ref), 0);
	assert_null(ref.open); /* costs no archive */
	assert_int_equal(mirror_open_file(m, &ref, &fd, &err), 0);
	assert_int_equal(read_at(m, &ref, fd, 0, buf, sizeof buf), strlen(bytes));
	assert_string_equal(buf, bytes);
	assert_int_equal(read_at(m, &ref, fd, 2, buf, 2), 1);
	assert_int_equal(buf[0], bytes[2]);
	assert_int_equal(read_at(m, &ref, fd, strlen(bytes), buf, sizeof buf), 0);
	assert_int_equal(read_at(m, &ref, fd, strlen(bytes) + 5000, buf, sizeof buf), 0);
	mirror_close_file(m, fd);
	assert_int_equal(stat_of(m, path).st_size, strlen(bytes));
	mirror_put(m, &ref);
}

/* The names are these, separated by spaces, and each is found as the listing tells it. */
static void assert_names(struct mirror *m, const char *path, const char *names)
{
	struct mirror_ref dir, ref, up;
	struct mirror_dir listing;
	struct mirror_name name;
	struct error err = {0};
	struct stat st;
	char got[256] = "";
	assert_int_equal(find(m, path, &dir), 0);
	assert_int_equal(mirror_open_dir(m, &dir, &listing, &err), 0);
	for (off_t at = 2; mirror_next(m, &listing, at, &name, &err) > 0; at = name.next) {
		assert_non_null(strstr(names, name.name));
		strcat(strcat(got, *got ? " " : ""), name.name);
		assert_int_equal(mirror_lookup(m, &dir, slice_text(name.name), &ref, &err), 0);
		assert_int_equal(mirror_stat(m, &ref, -1, &st, &err), 0);
		assert_int_equal(st.st_ino, name.number);
		assert_int_equal(IFTODT(st.st_mode), name.type);
		if (ino_view(ref.ino) == VIEW_ORIGINAL) {
			assert_int_equal(mirror_parent(m, &ref, &up, &err), 0);
			assert_int_equal(up.ino, dir.ino);
			mirror_put(m, &up);
		}
		mirror_put(m, &ref);
	}
	mirror_close_dir(m, &listing);
	mirror_put(m, &dir);
	assert_int_equal(strlen(got), strlen(names));
}

static void assert_none(struct mirror *m, const char *path, int code)
{
	struct mirror_ref ref;
	assert_int_equal(find(m, path, &ref), code);
	assert_null(ref.dentry);
}

/* --- of a directory ------------------------------------------------------------- */

static void of_a_directory_it_is_the_tree_without_archives(void **state)
{
	char *top = test_folder(), *sub = test_path(top, "sub"), target[PATH_MAX];
	struct mirror_ref ref, plain;
	struct error err = {0};
	(void)state;
	test_write(top, "a.one", SLICE("ONE"));
	test_write(top, "note.txt", SLICE("no archive"));
	test_mkdir(top, "sub");
	test_write(sub, "b.one", SLICE("ONE, too"));
	test_link(top, "link", "sub/b.one");
	struct mirror *m = open_at(top, formats);
	assert_names(m, ".arrayfs/original", "a.one link note.txt sub");
	assert_names(m, ".arrayfs/original/sub", "b.one");
	assert_bytes(m, ".arrayfs/original/a.one", "ONE");
	assert_bytes(m, ".arrayfs/original/sub/b.one", "ONE, too");
	assert_bytes(m, ".arrayfs/original/note.txt", "no archive");
	assert_none(m, ".arrayfs/original/a.one/own", -ENOTDIR);
	assert_none(m, ".arrayfs/original/none", -ENOENT);
	assert_none(m, ".arrayfs/original/.arrayfs", -ENOENT);

	/* The archive's directory is another inode; what is no archive is the same one. */
	assert_int_not_equal(stat_of(m, ".arrayfs/original/a.one").st_ino, stat_of(m, "a.one").st_ino);
	assert_int_not_equal(stat_of(m, ".arrayfs/original").st_ino, stat_of(m, "").st_ino);
	assert_int_equal(find(m, ".arrayfs/original/note.txt", &ref), 0);
	assert_int_equal(find(m, "note.txt", &plain), 0);
	assert_int_equal(ref.ino, plain.ino);
	mirror_put(m, &plain);
	mirror_put(m, &ref);
	assert_int_equal(find(m, ".arrayfs/original/link", &ref), 0);
	assert_int_equal(mirror_readlink(m, &ref, target, &err), 0);
	assert_string_equal(target, "sub/b.one");
	mirror_put(m, &ref);
	mirror_close(m);
	free(sub);
	test_folder_remove(top);
}

static void it_is_as_readable_as_in_the_source(void **state)
{
	char *top = test_folder(), *path = test_path(top, "a.one");
	(void)state;
	test_write(top, "a.one", SLICE("ONE"));
	struct mirror *m = open_at(top, formats);
	chmod(path, 0750);
	assert_int_equal(stat_of(m, ".arrayfs/original/a.one").st_mode, S_IFREG | 0440);
	chmod(path, 0600);
	assert_int_equal(stat_of(m, ".arrayfs/original/a.one").st_mode, S_IFREG | 0400);
	chmod(top, 0710);
	assert_int_equal(stat_of(m, ".arrayfs/original").st_mode, S_IFDIR | 0510);
	mirror_close(m);
	free(path);
	test_folder_remove(top);
}

static void a_replaced_archive_is_another_file(void **state)
{
	char *top = test_folder(), *path = test_path(top, "a.one"), *fresh = test_path(top, "fresh"), buf[64];
	struct mirror_ref ref;
	struct error err = {0};
	struct stat st;
	int fd, again;
	(void)state;
	test_write(top, "a.one", SLICE("ONE, old"));
	test_write(top, "fresh", SLICE("ONE, newer"));
	struct mirror *m = open_at(top, formats);
	assert_int_equal(find(m, ".arrayfs/original/a.one", &ref), 0);
	assert_int_equal(mirror_open_file(m, &ref, &fd, &err), 0);
	assert_int_equal(rename(fresh, path), 0);
	assert_bytes(m, ".arrayfs/original/a.one", "ONE, newer");
	assert_int_equal(read_at(m, &ref, fd, 0, buf, sizeof buf), 8);
	assert_string_equal(buf, "ONE, old");
	assert_int_equal(mirror_stat(m, &ref, fd, &st, &err), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(mirror_open_file(m, &ref, &again, &err), -ESTALE);
	mirror_close_file(m, fd);
	mirror_put(m, &ref);
	mirror_close(m);
	free(fresh);
	free(path);
	test_folder_remove(top);
}

/* As of any plain file: the bytes that are there, and the size that is told of an open one. */
static void an_archive_that_is_cut_short_ends_there(void **state)
{
	char *top = test_folder(), *path = test_path(top, "a.one"), buf[64];
	struct mirror_ref ref;
	struct error err = {0};
	struct stat st;
	int fd;
	(void)state;
	test_write(top, "a.one", SLICE("ONE, and so on"));
	struct mirror *m = open_at(top, formats);
	assert_int_equal(find(m, ".arrayfs/original/a.one", &ref), 0);
	assert_int_equal(mirror_open_file(m, &ref, &fd, &err), 0);
	assert_int_equal(truncate(path, 4), 0);
	assert_int_equal(read_at(m, &ref, fd, 0, buf, sizeof buf), 4);
	assert_int_equal(read_at(m, &ref, fd, 4, buf, sizeof buf), 0);
	assert_int_equal(mirror_stat(m, &ref, fd, &st, &err), 0);
	assert_int_equal(st.st_size, 4);
	mirror_close_file(m, fd);
	mirror_put(m, &ref);
	mirror_close(m);
	free(path);
	test_folder_remove(top);
}

/* A file handle may hold any number. */
static void a_number_of_nothing_is_stale(void **state)
{
	char *top = test_folder(), *path = test_path(top, "a.one");
	const char *const sources[] = {top, path};
	static const uint32_t indexes[] = {0, 2, 3, 65, 66, 67, 130, 1 << 27, (1 << 28) - 1};
	struct mirror_ref ref, archive;
	struct error err = {0};
	(void)state;
	test_write(top, "a.one", SLICE("ONE"));
	test_write(top, "note", SLICE("no archive"));
	for (size_t k = 0; k < 2; k++) {
		struct mirror *m = open_at(sources[k], formats);
		for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
			int r = mirror_get(m, ino_of(0, VIEW_ORIGINAL, indexes[i]), &ref, &err);
			assert_int_equal(r, k == 1 && indexes[i] == ORIGINAL_FILE ? 0 : -ESTALE);
			if (r == 0)
				mirror_put(m, &ref);
		}
		assert_int_equal(find(m, k ? "" : "note", &archive), 0);
		assert_int_equal(mirror_get(m, ino_of(archive.ino, VIEW_ORIGINAL, 3), &ref, &err), -ESTALE);
		mirror_put(m, &archive);
		mirror_close(m);
	}
	free(path);
	test_folder_remove(top);
}

/* --- of a single archive ----------------------------------------------------------- */

static void of_an_archive_it_is_that_and_what_it_brings_in(void **state)
{
	char *top = test_folder(), *sub = test_path(top, "sub"), *deep = test_path(sub, "deep"), *path = test_path(top, "a.one");
	(void)state;
	test_mkdir(top, "sub");
	test_mkdir(sub, "deep");
	test_write(top, "a.one", SLICE("ONE\nsub/x\nb\nsub/deep/y\nsub/../c\nsub/z"));
	test_write(top, "b", SLICE("beside"));
	test_write(top, "c", SLICE("by a path that leads up"));
	test_write(top, "d", SLICE("not named"));
	test_write(sub, "x", SLICE("below"));
	test_write(sub, "z", SLICE("below, too"));
	test_write(deep, "y", SLICE("far below"));
	struct mirror *m = open_at(path, formats);
	assert_names(m, ".arrayfs/original", "a.one b sub");
	assert_names(m, ".arrayfs/original/sub", "deep x z");
	assert_names(m, ".arrayfs/original/sub/deep", "y");
	assert_bytes(m, ".arrayfs/original/a.one", "ONE\nsub/x\nb\nsub/deep/y\nsub/../c\nsub/z");
	assert_bytes(m, ".arrayfs/original/b", "beside");
	assert_bytes(m, ".arrayfs/original/sub/x", "below");
	assert_bytes(m, ".arrayfs/original/sub/deep/y", "far below");
	assert_none(m, ".arrayfs/original/c", -ENOENT);
	assert_none(m, ".arrayfs/original/d", -ENOENT);
	assert_none(m, ".arrayfs/original/su", -ENOENT);
	assert_none(m, ".arrayfs/original/sub/dee", -ENOENT);
	assert_none(m, ".arrayfs/original/b/x", -ENOTDIR);
	assert_int_not_equal(stat_of(m, ".arrayfs/original").st_ino, stat_of(m, ".arrayfs/original/a.one").st_ino);
	assert_int_not_equal(stat_of(m, "").st_ino, stat_of(m, ".arrayfs/original/a.one").st_ino);
	mirror_close(m);
	free(path);
	free(deep);
	free(sub);
	test_folder_remove(top);
}

static void its_bytes_are_those_that_were_opened(void **state)
{
	char *top = test_folder(), *path = test_path(top, "a.one"), *fresh = test_path(top, "fresh"), *b = test_path(top, "b");
	char buf[64];
	struct mirror_ref ref;
	(void)state;
	test_write(top, "a.one", SLICE("ONE\nb"));
	test_write(top, "b", SLICE("beside"));
	test_write(top, "fresh", SLICE("ONE, newer"));
	struct mirror *m = open_at(path, formats);
	assert_int_equal(rename(fresh, path), 0);
	assert_int_equal(unlink(b), 0);
	assert_bytes(m, ".arrayfs/original/a.one", "ONE\nb");
	assert_bytes(m, ".arrayfs/original/b", "beside");
	mirror_close(m);

	m = open_at(path, formats);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(stat_of(m, ".arrayfs/original/a.one").st_size, 3);
	assert_int_equal(find(m, ".arrayfs/original/a.one", &ref), 0);
	assert_int_equal(read_at(m, &ref, -1, 0, buf, sizeof buf), 3);
	assert_int_equal(read_at(m, &ref, -1, 3, buf, sizeof buf), 0);
	mirror_put(m, &ref);
	mirror_close(m);
	free(b);
	free(fresh);
	free(path);
	test_folder_remove(top);
}

static void each_file_of_an_archive_has_its_own_mode(void **state)
{
	char *top = test_folder(), *path = test_path(top, "a.one"), *b = test_path(top, "b");
	(void)state;
	test_write(top, "a.one", SLICE("ONE\nb"));
	test_write(top, "b", SLICE("beside"));
	chmod(path, 0644);
	chmod(b, 0600);
	struct mirror *m = open_at(path, formats);
	assert_int_equal(stat_of(m, ".arrayfs/original").st_mode, S_IFDIR | 0555);
	assert_int_equal(stat_of(m, ".arrayfs/original/a.one").st_mode, S_IFREG | 0444);
	assert_int_equal(stat_of(m, ".arrayfs/original/b").st_mode, S_IFREG | 0400);
	mirror_close(m);
	free(b);
	free(path);
	test_folder_remove(top);
}

/* --- what the kernel may keep -------------------------------------------------------- */

/* Opens and closes it: whether what was read the last time still holds. */
static bool keeps(struct mirror *m, const char *path)
{
	struct mirror_ref ref;
	struct error err = {0};
	int fd;
	assert_int_equal(find(m, path, &ref), 0);
	assert_int_equal(mirror_open_file(m, &ref, &fd, &err), 0);
	bool ret = mirror_keeps(m, &ref, fd);
	mirror_close_file(m, fd);
	mirror_put(m, &ref);
	return ret;
}

static void bytes_are_kept_while_the_times_tell_that_they_are_the_same(void **state)
{
	char *top = test_folder(), *data = strdup(test_data_folder());
	(void)state;
	*strrchr(data, '/') = '\0'; /* has no folder of this test's */
	char *source = test_path(data, "safetensors");
	struct mirror *m = open_at(source, formats_any); /* files that nobody has changed lately */
	assert_false(keeps(m, ".arrayfs/original/tiny.safetensors"));
	assert_true(keeps(m, ".arrayfs/original/tiny.safetensors"));
	assert_true(keeps(m, ".arrayfs/original/tiny.safetensors"));
	mirror_close(m);

	test_write(top, "a.one", SLICE("ONE"));
	m = open_at(top, formats); /* it may change once more within the same tick */
	assert_false(keeps(m, ".arrayfs/original/a.one"));
	assert_false(keeps(m, ".arrayfs/original/a.one"));
	mirror_close(m);
	free(source);
	free(data);
	test_folder_remove(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_directory_it_is_the_tree_without_archives),
		cmocka_unit_test(it_is_as_readable_as_in_the_source),
		cmocka_unit_test(a_replaced_archive_is_another_file),
		cmocka_unit_test(an_archive_that_is_cut_short_ends_there),
		cmocka_unit_test(a_number_of_nothing_is_stale),
		cmocka_unit_test(of_an_archive_it_is_that_and_what_it_brings_in),
		cmocka_unit_test(its_bytes_are_those_that_were_opened),
		cmocka_unit_test(each_file_of_an_archive_has_its_own_mode),
		cmocka_unit_test(bytes_are_kept_while_the_times_tell_that_they_are_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
