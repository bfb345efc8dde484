/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <unistd.h>

#include "fs/mirror/impl.h"
#include "tests/support.h"

/* What the table of views promises, of each view in it. */

static bool probe(const struct peek *p)
{
	struct cursor head = p->head;
	return cursor_match(&head, "VIEWS", 5);
}

static void put(struct tree *t, uint32_t dir, const char *name, const struct array *array)
{
	uint32_t id = tree_range(t, dir, slice_text(name), 0, 0, 48);
	if (array)
		tree_describe(t, id, tree_array(t, array));
}

static int open_views(struct archive *a, struct error *err)
{
	static const uint64_t shape[] = {2, 6}, bytes[] = {48}, blocks[] = {2, 24}, packed[] = {19, 5};
	static const struct quant q5_1 = {.blocks = QUANT_Q5_1};
	const struct array floats = {.dtype = DTYPE_FLOAT32, .rank = 2, .shape = shape};
	struct tree *t = &a->tree;
	uint32_t dir = tree_dir(t, TREE_ROOT, SLICE("dir"));
	(void)err;
	put(t, TREE_ROOT, "floats", &floats);
	put(t, TREE_ROOT, "fortran", &(struct array){.dtype = DTYPE_FLOAT32, .fortran = true, .rank = 2, .shape = shape});
	put(t, TREE_ROOT, "bytes", &(struct array){.dtype = DTYPE_UINT8, .rank = 1, .shape = bytes});
	put(t, TREE_ROOT, "strings", &(struct array){.dtype = DTYPE_STRING, .rank = 2, .shape = shape});
	put(t, TREE_ROOT, "blocks", &(struct array){.dtype = DTYPE_UINT8, .rank = 2, .shape = blocks, .quant = &q5_1});
	put(t, TREE_ROOT, "packed", &(struct array){.dtype = DTYPE_FLOAT4_E2M1FN, .rank = 2, .shape = packed});
	put(t, TREE_ROOT, "plain", NULL);
	put(t, dir, "halves", &(struct array){.dtype = DTYPE_FLOAT16, .unshaped = true});
	put(t, dir, "ends.npy", &floats);
	tree_link(t, dir, SLICE("file"), "../floats");
	tree_link(t, dir, SLICE("folder"), "../dir");
	tree_link(t, dir, SLICE("nowhere"), "none");
	return 0;
}

static const struct format format = {.name = "views", .probe = probe, .open = open_views};
static const struct format *const formats[] = {&format, NULL};

/* 0 and what is found, or the error. */
static int find(struct mirror *m, const struct mirror_ref *dir, const char *name, const char *suffix, struct mirror_ref *ret)
{
	char whole[PATH_MAX + 8];
	struct error err = {0};
	snprintf(whole, sizeof whole, "%s%s", name, suffix);
	return mirror_lookup(m, dir, slice_text(whole), ret, &err);
}

/* [at, at + len), into buf; how much came. */
static size_t read_at(struct mirror *m, const struct mirror_ref *ref, uint64_t at, size_t len, uint8_t *buf)
{
	struct answer answer;
	struct error err = {0};
	answer_init(&answer);
	assert_int_equal(mirror_read(m, ref, -1, at, len, &answer, &err), 0);
	size_t n = answer.len;
	assert_true(n <= len);
	assert_int_equal(answer_copy(&answer, buf, &err), 0);
	answer_close(&answer);
	return n;
}

/* It is as long as is told, and in pieces what it is as a whole. */
static void check_bytes_in_pieces(struct mirror *m, const struct mirror_ref *ref)
{
	static const size_t pieces[] = {1, 7, 64, 509, 9973};
	static uint8_t whole[1 << 17], part[9973];
	struct error err = {0};
	struct stat st;
	int fd;
	assert_int_equal(mirror_open_file(m, ref, &fd, &err), 0);
	assert_int_equal(mirror_stat(m, ref, -1, &st, &err), 0);
	assert_true(S_ISREG(st.st_mode));
	size_t size = (size_t)st.st_size;
	assert_in_range(size, 1, sizeof whole - 1);
	assert_int_equal(read_at(m, ref, 0, sizeof whole, whole), size);
	for (size_t i = size < 4096 ? 0 : 3; i < sizeof pieces / sizeof *pieces; i++)
		for (size_t at = 0, n; at < size; at += n) {
			n = read_at(m, ref, at, pieces[i], part);
			assert_int_equal(n, pieces[i] < size - at ? pieces[i] : size - at);
			assert_memory_equal(part, whole + at, n);
		}
	assert_int_equal(read_at(m, ref, size, 10, part), 0);
	assert_int_equal(read_at(m, ref, size + 1000, 10, part), 0);
}

/* No two views of a node have one st_ino. */
static void check_number(struct mirror *m, const struct mirror_ref *ref, const struct mirror_ref *plain)
{
	struct error err = {0};
	struct stat st;
	assert_int_equal(mirror_stat(m, ref, -1, &st, &err), 0);
	for (enum view_id v = VIEW_NONE; v < VIEW_IDS; v++) {
		struct mirror_ref sibling = *ref;
		sibling.ino = ino_of(plain->ino, v, ino_index(plain->ino));
		assert_true((sibling.ino == ref->ino) == (mirror_number(m, &sibling, sibling.ino) == st.st_ino));
	}
}

/* NAME and the suffix is the view's file of the node, or is not there.  How many names that is. */
static unsigned check_file(struct mirror *m, const struct view *v, const struct mirror_ref *plain, mode_t type,
			   const struct mirror_ref *dir, const char *name, bool there)
{
	struct mirror_ref ref, above;
	struct error err = {0};
	char target[PATH_MAX];
	assert_int_equal(find(m, dir, name, v->suffix, &ref), there ? 0 : -ENOENT);
	if (!there)
		return 0;
	assert_int_equal(ino_view(ref.ino), v->files);
	assert_int_equal(ino_index(ref.ino), ino_index(plain->ino));
	assert_int_equal(mirror_parent(m, &ref, &above, &err), 0);
	assert_int_equal(above.ino, dir->ino);
	mirror_put(m, &above);
	if (S_ISLNK(type)) {
		assert_int_equal(mirror_readlink(m, &ref, target, &err), 0);
		assert_string_equal(target + strlen(target) - strlen(v->suffix), v->suffix);
	} else {
		check_bytes_in_pieces(m, &ref);
		check_number(m, &ref, plain);
	}
	mirror_put(m, &ref);
	return 1;
}

/* What a link in the archive leads to, if to anything, in place of it. */
static void follow(struct mirror *m, const struct mirror_ref *dir, struct mirror_ref *link)
{
	char target[PATH_MAX];
	struct error err = {0};
	struct mirror_ref from;
	assert_int_equal(mirror_readlink(m, link, target, &err), 0);
	bool up = strncmp(target, "../", 3) == 0;
	mirror_put(m, link);
	if (up)
		assert_int_equal(mirror_parent(m, dir, &from, &err), 0);
	else
		mirror_copy(m, dir, &from);
	find(m, &from, target + (up ? 3 : 0), "", link);
	mirror_put(m, &from);
}

static void check_dir(struct mirror *m, const struct view *v, const struct mirror_ref *plain, const struct mirror_ref *dir);

/* A name of the plain directory in the view's.  How many names it has there. */
static unsigned check_name(struct mirror *m, const struct view *v, const struct mirror_ref *plain,
			   const struct mirror_ref *dir, const char *name)
{
	struct mirror_ref own, leads, ref;
	struct error err = {0};
	struct stat st, to;
	assert_int_equal(find(m, plain, name, "", &own), 0);
	assert_int_equal(mirror_stat(m, &own, -1, &st, &err), 0);
	mirror_copy(m, &own, &leads);
	if (S_ISLNK(st.st_mode))
		follow(m, plain, &leads);
	to.st_mode = 0;
	if (leads.dentry)
		assert_int_equal(mirror_stat(m, &leads, -1, &to, &err), 0);
	bool folder = S_ISDIR(to.st_mode), both = S_ISDIR(st.st_mode) && v->files != v->directories;
	unsigned names = folder && !*v->suffix ? 0 /* a directory's own name */
					       : check_file(m, v, &own, st.st_mode, dir, name, both || (!folder && leads.open && view_exists(v, leads.node)));
	if (folder || *v->suffix) /* else it is the file's own name */
		assert_int_equal(find(m, dir, name, "", &ref), folder ? 0 : -ENOENT);
	if (folder) {
		assert_int_equal(ino_view(ref.ino), v->directories);
		if (S_ISDIR(st.st_mode))
			check_dir(m, v, &own, &ref);
		mirror_put(m, &ref);
	}
	if (leads.dentry)
		mirror_put(m, &leads);
	mirror_put(m, &own);
	return names + folder;
}

/* Each name that is listed is found, as what it was listed; how many there are. */
static unsigned count_names(struct mirror *m, const struct mirror_ref *dir)
{
	struct mirror_dir listing;
	struct mirror_name name;
	struct mirror_ref ref;
	struct error err = {0};
	unsigned count = 0;
	assert_int_equal(mirror_open_dir(m, dir, &listing, &err), 0);
	for (off_t at = 2; mirror_next(m, &listing, at, &name, &err) > 0; at = name.next, count++) {
		assert_int_equal(find(m, dir, name.name, "", &ref), 0);
		assert_true(name.ino == 0 || name.ino == ref.ino);
		mirror_put(m, &ref);
	}
	mirror_close_dir(m, &listing);
	return count;
}

static void check_dir(struct mirror *m, const struct view *v, const struct mirror_ref *plain, const struct mirror_ref *dir)
{
	struct mirror_dir listing;
	struct mirror_name name;
	struct error err = {0};
	unsigned names = 0;
	assert_int_equal(mirror_open_dir(m, plain, &listing, &err), 0);
	for (off_t at = 0; mirror_next(m, &listing, at, &name, &err) > 0; at = name.next)
		if (strcmp(name.name, ".") != 0 && strcmp(name.name, "..") != 0)
			names += check_name(m, v, plain, dir, name.name);
	mirror_close_dir(m, &listing);
	assert_int_equal(count_names(m, dir), names);
}

/* The table is whole, and no two views have a name, a suffix or an id in common. */
static void every_entry_is_whole(void **state)
{
	(void)state;
	for (unsigned i = VIEW_TOP + 1; i < VIEW_IDS; i++) {
		const struct view *v = &views[i];
		if (!v->suffix)
			continue;
		bool column = views[v->directories].columns == i; /* what stands next to a directory */
		assert_true(v->directories == i || v->files == i);
		assert_memory_equal(v, &views[v->files], sizeof *v);
		if (!column)
			assert_memory_equal(v, &views[v->directories], sizeof *v);
		assert_string_equal(v->name, views[v->directories].name);
		assert_string_equal(v->suffix, views[v->directories].suffix);
		assert_true(v->suffix[0] == '.' || v->suffix[0] == '\0');
		assert_non_null(v->name);
		assert_true(v->write || v->original ? !v->size && !v->read : v->size && v->read);
		for (unsigned k = VIEW_TOP + 1; k < i; k++)
			if (views[k].suffix && views[k].directories != v->directories) {
				assert_true(strcmp(views[k].suffix, v->suffix) != 0 || v->original);
				assert_string_not_equal(views[k].name, v->name);
			}
	}
}

/* Both of an archive and of a directory with an archive and a file in it. */
static void every_view_keeps_its_promises(void **state)
{
	char *top = test_folder(), *archive = test_path(top, "a.views");
	const char *const sources[] = {archive, top};
	struct mirror_options options = {.archive = test_options()};
	struct mirror_ref root, under, dir;
	struct error err = {0};
	struct mirror *m;
	(void)state;
	test_write(top, "a.views", SLICE("VIEWS of twelve floats, which are 48 bytes in all..."));
	test_write(top, "note.txt", SLICE("no archive"));
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		assert_int_equal(mirror_open(&m, formats, sources[i], &options, &err), 0);
		assert_int_equal(mirror_get(m, TREE_ROOT, &root, &err), 0);
		assert_int_equal(find(m, &root, ".arrayfs", "", &under), 0);
		for (const struct view *v = views; v < views + VIEW_IDS; v++)
			if (v->name && v == &views[v->directories] && !v->original) {
				assert_int_equal(find(m, &under, v->name, "", &dir), 0);
				check_dir(m, v, &root, &dir);
				mirror_put(m, &dir);
			}
		count_names(m, &under);
		mirror_put(m, &under);
		mirror_put(m, &root);
		mirror_close(m);
	}
	free(archive);
	test_folder_remove(top);
}

/* A file handle may hold any number. */
static void an_id_that_no_view_has_leads_to_nothing(void **state)
{
	char *top = test_folder();
	struct mirror_options options = {.archive = test_options()};
	struct mirror_ref ref;
	struct error err = {0};
	struct mirror *m;
	(void)state;
	assert_int_equal(mirror_open(&m, formats, top, &options, &err), 0);
	for (unsigned i = VIEW_TOP + 1; i < VIEW_IDS; i++) {
		int r = mirror_get(m, ino_of(0, (enum view_id)i, TREE_ROOT), &ref, &err);
		assert_int_equal(r, views[i].suffix ? 0 : -ESTALE);
		if (r == 0)
			mirror_put(m, &ref);
	}
	mirror_close(m);
	test_folder_remove(top);
}

/* The first eight are side by side, in a range that is placed by how many they are. */
static void every_view_has_a_number_of_its_own(void **state)
{
	char *top = test_folder();
	struct mirror_options options = {.archive = test_options()};
	struct mirror_ref refs[2];
	struct error err = {0};
	struct mirror *m;
	uint64_t numbers[2 * VIEW_IDS];
	(void)state;
	test_write(top, "a.views", SLICE("VIEWS of twelve floats, which are 48 bytes in all..."));
	assert_int_equal(mirror_open(&m, formats, top, &options, &err), 0);
	assert_int_equal(mirror_get(m, TREE_ROOT, &refs[0], &err), 0);
	assert_int_equal(find(m, &refs[0], "a.views", "", &refs[1]), 0);
	for (unsigned i = 0; i < 2 * VIEW_IDS; i++) {
		numbers[i] = mirror_number(m, &refs[i / VIEW_IDS], ino_of(refs[i / VIEW_IDS].ino, i % VIEW_IDS, TREE_ROOT));
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(numbers[i], numbers[k]);
	}
	assert_int_equal(numbers[VIEW_LINES] - numbers[VIEW_NPY], VIEW_LINES - VIEW_NPY);
	assert_int_equal(numbers[VIEW_IDS + VIEW_LINES] - numbers[VIEW_IDS + VIEW_NPY], (VIEW_LINES - VIEW_NPY) << 24);
	mirror_put(m, &refs[1]);
	mirror_put(m, &refs[0]);
	mirror_close(m);
	test_folder_remove(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_is_whole),
		cmocka_unit_test(every_view_keeps_its_promises),
		cmocka_unit_test(an_id_that_no_view_has_leads_to_nothing),
		cmocka_unit_test(every_view_has_a_number_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
