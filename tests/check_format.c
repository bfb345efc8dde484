/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/archive/attrs.h"
#include "tests/look.h"
#include "tests/support.h"

/* What one opening costs at least, and what all of one kind may, in the bytes
 * that could be read in the same time: about half a second with sanitizers. */
enum { OPEN_WORK = 3000, OPEN_FILE_WORK = 16000, KIND_WORK = 60000000 };

/* One sound file, and where to put what is made of it: in memory, or, if others
 * lie beside it, in a folder with them. */
struct trial {
	const struct format *f;
	struct slice file;
	const char *folder, *name; /* NULL in memory */
	struct archive_options options;
	uint64_t work; /* of one opening and a look at all */
};

static int open_trial(const struct trial *t, struct slice bytes, struct archive *a, struct error *err)
{
	const struct format *const only[] = {t->f, NULL};
	if (!t->folder)
		return archive_open_source(a, only, source_memory(bytes), test_name(t->f), &t->options, err);
	struct folder root = test_root();
	char *path = test_path(t->folder, t->name);
	struct archive_at at = {.folder = &root, .path = path + 1, .reach = REACH_EXACT};
	test_write(t->folder, t->name, bytes);
	int r = archive_open(a, only, &at, &t->options, err);
	free(path);
	return r;
}

/* Opens hostile bytes and looks around; `what` and the numbers say what was done
 * to the file. */
static int try(struct trial *t, struct slice bytes, const char *what, size_t n, size_t m)
{
	struct archive a;
	struct error err = {0};
	struct look l = {.nodes = 2000, .bytes = 2048};
	int r = open_trial(t, bytes, &a, &err);
	if (r == 0) {
		look(&l, &a);
		archive_close(&a);
	} else {
		look_refused(&l, t->f, bytes, r, &err);
	}
	if (l.broken[0])
		fail_msg("%s %zu, %zu: %s", what, n, m, l.broken);
	return r;
}

/* --- samples ----------------------------------------------------------- */

/* Of many fixtures, each gets less: together they cost what FIXTURES do. */
enum { FIXTURES = 24 };
static uint64_t kind_work = KIND_WORK;

/* How many of `all` trials the budget has room for. */
static size_t affordable(const struct trial *t, size_t all, unsigned share)
{
	const char *factor = getenv("TEST_WORK");
	double work = (double)kind_work * share * (factor ? strtod(factor, NULL) : 1), n = work / (double)t->work + 16;
	return n < (double)all ? (size_t)n : all;
}

/* The k-th of n trials picked of all: one at random out of each n-th part. */
static size_t pick(size_t k, size_t n, size_t all, uint64_t *seed)
{
	if (n >= all)
		return k;
	size_t from = (size_t)((__uint128_t)all * k / n), to = (size_t)((__uint128_t)all * (k + 1) / n);
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return from + (size_t)((*seed >> 33) % (to - from));
}

static void cut_anywhere(struct trial *t)
{
	uint64_t seed = 1;
	for (size_t k = 0, n = affordable(t, t->file.len, 1); k < n; k++) {
		size_t len = pick(k, n, t->file.len, &seed);
		uint8_t *cut = malloc(len ? len : 1); /* exact, so that the sanitizer sees a byte too far */
		assert_non_null(cut);
		memcpy(cut, t->file.data, len);
		try(t, (struct slice){cut, len}, "cut at", len, 0);
		free(cut);
	}
}

static void bend_every_byte(struct trial *t)
{
	size_t all = t->file.len * 255;
	uint64_t seed = 2;
	uint8_t *bent = malloc(t->file.len ? t->file.len : 1);
	assert_non_null(bent);
	memcpy(bent, t->file.data, t->file.len);
	for (size_t k = 0, n = affordable(t, all, 3); k < n; k++) {
		size_t p = pick(k, n, all, &seed), at = p / 255;
		bent[at] ^= (uint8_t)(1 + p % 255);
		try(t, (struct slice){bent, t->file.len}, "byte and its value", at, bent[at]);
		bent[at] = t->file.data[at];
	}
	free(bent);
}

/* From no memory to as much as is needed, and what lies behind that. */
static void run_out_of_memory(struct trial *t, size_t needed)
{
	size_t all = needed * 2 + 4096;
	uint64_t seed = 3;
	for (size_t k = 0, n = affordable(t, all, 1); k < n; k++) {
		t->options.memory = pick(k, n, all, &seed);
		int r = try(t, t->file, "memory limit", t->options.memory, 0);
		if (r != 0 && r != -ENOMEM)
			fail_msg("memory limit %zu: refused with %d", t->options.memory, r);
	}
}

/* --- a source that fetches --------------------------------------------- */

/* Bytes arrive when they are asked for, and other ones stand there before; one call
 * fails, if `fails` is not 0. */
struct late {
	const uint8_t *from;
	uint8_t *to;
	size_t calls, fails;
};

static int fetch(const struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	struct late *l = s->fetcher;
	assert_true(range_within(offset, len, s->size));
	if (++l->calls == l->fails)
		return error_set(err, ETIMEDOUT, "nobody answers");
	memcpy(l->to + offset, l->from + offset, (size_t)len);
	return 0;
}

static int open_late(const struct trial *t, struct late *l, size_t fails, struct archive *a, struct error *err)
{
	const struct format *const only[] = {t->f, NULL};
	struct source s = source_memory((struct slice){l->to, t->file.len});
	l->from = t->file.data;
	l->calls = 0;
	l->fails = fails;
	memset(l->to, 0xa5, t->file.len);
	s.fetch = fetch;
	s.fetcher = l;
	return archive_open_source(a, only, s, test_name(t->f), &t->options, err);
}

static int put_attr(void *arg, const struct attr *attr)
{
	text_put(arg, attr->name);
	text_put(arg, attr->value);
	return 0;
}

/* What is read of a node, and told; false if some of it is refused. */
static bool put_node(struct archive *a, uint32_t id, struct node *n, bool told, struct text *ret)
{
	enum { MOST = 1 << 14 };
	struct error err = {0};
	struct answer answer;
	uint64_t size;
	bool fine = !told || attrs_walk(a, id, n, put_attr, ret, &err) == 0;
	if (n->kind == NODE_LINK || n->kind == NODE_HARD)
		return fine;
	if (n->kind == NODE_DIR)
		return archive_fill(a, id, &err) == 0 && fine;
	answer_init(&answer);
	if (archive_size(a, n, &size, &err) == 0 && archive_read(a, n, size > MOST ? size - MOST : 0, MOST, &answer, &err) == 0) {
		uint8_t *bytes = malloc((size_t)answer.len + 1);
		assert_non_null(bytes);
		answer_copy(&answer, bytes, NULL);
		text_put(ret, (struct slice){bytes, (size_t)answer.len});
		text_print(ret, " of %" PRIu64, size);
		free(bytes);
	} else {
		fine = false;
	}
	answer_close(&answer);
	return fine;
}

/* From where they differ on. */
static void tell_difference(struct slice a, struct slice b)
{
	size_t same = 0;
	while (same < a.len && same < b.len && a.data[same] == b.data[same])
		same++;
	print_error("%zu and %zu bytes, which differ from %zu on:\n", a.len, b.len, same);
	for (const struct slice *s = &a; s; s = s == &a ? &b : NULL) {
		for (size_t i = same; i < s->len && i < same + 64; i++)
			print_error(s->data[i] >= 0x20 && s->data[i] < 0x7f ? "%c" : "\\%02x", s->data[i]);
		print_error("\n");
	}
}

/* All that both show is the same. */
static void compare_late(const char *what, size_t fails, struct archive *ready, struct archive *late)
{
	enum { NODES = 2000 };
	struct node *n, *m;
	for (uint32_t id = TREE_ROOT; id < NODES && (n = tree_node(&ready->tree, id)) && (m = tree_node(&late->tree, id)); id++) {
		struct text one = {.limit = 1 << 20}, two = {.limit = 1 << 20};
		if (n->kind != m->kind || (id != TREE_ROOT && strcmp(n->name, m->name) != 0))
			fail_msg("%s %zu: %s where bytes are fetched, not %s", what, fails, m->name, n->name);
		bool there = put_node(ready, id, n, !fails, &one), fetched = put_node(late, id, m, !fails, &two);
		if (!fails && there != fetched)
			fail_msg("%s %zu: %s can be read from a file, and not from what is fetched", what, fails, id == TREE_ROOT ? "the root" : n->name);
		if (there && fetched && !slice_equal(text_slice(&one), text_slice(&two))) {
			tell_difference(text_slice(&one), text_slice(&two));
			fail_msg("%s %zu: %s is another where bytes are fetched (or shows memory that was freed: --sanitize tells)",
				 what, fails, id == TREE_ROOT ? "the root" : n->name);
		}
		text_free(&one);
		text_free(&two);
		if (fails && n->kind == NODE_DIR && there && !fetched) /* what follows has other numbers */
			break;
	}
	if (!fails && late->tree.made != ready->tree.made)
		fail_msg("%s: %u nodes where bytes are fetched, not %u", what, late->tree.made, ready->tree.made);
}

/* Nobody looks at bytes before they are there, or takes those for them that are not. */
static void fetch_late(struct trial *t)
{
	struct late l = {.to = malloc(t->file.len ? t->file.len : 1)};
	uint64_t seed = 4;
	size_t calls = 0;
	assert_non_null(l.to);
	for (size_t k = 0, n = 0; k <= n; k++) {
		struct archive ready, late;
		struct error err = {0};
		size_t fails = k ? 1 + pick(k - 1, n, calls, &seed) : 0;
		assert_int_equal(open_trial(t, t->file, &ready, &err), 0);
		int r = open_late(t, &l, fails, &late, &err);
		if (r == 0) {
			compare_late("call that fails", fails, &ready, &late);
			archive_close(&late);
		} else if (!fails || !err.text[0]) {
			fail_msg("fetched late, call %zu fails: refused with %d, %s", fails, r, err.text);
		}
		archive_close(&ready);
		if (k == 0) {
			calls = l.calls;
			n = affordable(t, calls, 1);
		}
	}
	free(l.to);
}

/* --- the promises ------------------------------------------------------ */

static size_t look_at_sound(struct trial *t)
{
	struct archive a;
	struct error err = {0};
	struct look l = {.nodes = 200000, .bytes = 1 << 16, .split = true}, again = {.nodes = 2000, .bytes = 2048};

	if (open_trial(t, t->file, &a, &err) < 0)
		fail_msg("a sound file is refused: %s", err.text);
	if (!look(&l, &a))
		fail_msg("%s", l.broken);
	size_t needed = a.arena.used;
	look(&again, &a);
	t->work = again.work + t->file.len + (t->folder ? OPEN_FILE_WORK : OPEN_WORK);
	archive_close(&a);
	return needed;
}

static void check_trial(struct trial *t)
{
	t->options = test_options();
	size_t needed = look_at_sound(t);
	cut_anywhere(t);
	bend_every_byte(t);
	run_out_of_memory(t, needed);
	t->options = test_options();
	if (!t->folder)
		fetch_late(t);
}

static bool probed(const struct format *f, struct slice file)
{
	struct source s = source_memory(file);
	struct error err = {0};
	struct peek p;
	struct archive_options options = test_options();
	return peek(&p, &s, &err) == 0 && ((f->probe && f->probe(&p)) || (f->claims && f->claims(&p, test_name(f), &options)));
}

void check_format(const struct format *f, struct slice file)
{
	struct trial t = {.f = f, .file = file};
	assert_true(probed(f, file));
	check_trial(&t);
}

void check_named(const struct format *f, struct slice file)
{
	struct trial t = {.f = f, .file = file};
	assert_false(probed(f, file));
	check_trial(&t);
}

/* --- a folder of fixtures ---------------------------------------------- */

static bool wishes(const struct format *f, const char *name)
{
	size_t len = strlen(name);
	if (!f->probe) /* a folder of its own */
		return strcmp(name, "README") != 0 && !strstr(name, ".desc");
	for (const char *const *s = f->suffixes; s && *s; s++)
		if (len > strlen(*s) && strcmp(name + len - strlen(*s), *s) == 0)
			return true;
	return false;
}

/* The file with copies of its neighbours. */
static void check_beside(const struct format *f, struct slice file, const char *folder, const char *name)
{
	char *copy = test_folder();
	struct trial t = {.f = f, .file = file, .folder = copy, .name = name};
	test_copy(folder, copy);
	check_trial(&t);
	test_folder_remove(copy);
}

static bool check_fixture(const struct format *f, const char *folder, const char *name)
{
	char *path = test_path(folder, name);
	struct slice file = test_load(path);
	struct archive a;
	struct error err = {0};
	bool ours = (f->probe && probed(f, file)) || wishes(f, name);

	if (ours) {
		print_message("# %s\n", path);
		if (!probed(f, file))
			fail_msg("%s has the format's suffix, and its probe refuses it", path);
		bool alone = test_open(&a, f, file, &err) == 0;
		if (alone)
			archive_close(&a);
		if (alone)
			check_format(f, file);
		else
			check_beside(f, file, folder, name);
	}
	test_unload(file);
	free(path);
	return ours;
}

/* Whatever once broke us may do as it likes, but for breaking us again. */
static void check_bad(const struct format *f, const char *folder)
{
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		char *path = test_path(folder, e->d_name);
		struct trial t = {.f = f, .file = test_load(path), .options = test_options()};
		print_message("# %s\n", path);
		try(&t, t.file, path, 0, 0);
		test_unload(t.file);
		free(path);
	}
	if (dir)
		closedir(dir);
}

static int visible_file(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

void check_fixtures(const struct format *f)
{
	const char *folder = test_data_folder();
	struct dirent **names;
	int n = scandir(folder, &names, visible_file, alphasort), checked = 0;
	if (n > FIXTURES)
		kind_work = (uint64_t)KIND_WORK * FIXTURES / (unsigned)n;
	for (int i = 0; i < n; i++) {
		struct stat st;
		char *path = test_path(folder, names[i]->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			checked += check_fixture(f, folder, names[i]->d_name);
		free(path);
		free(names[i]);
	}
	if (n < 0 || checked == 0)
		fail_msg("no fixtures in %s", folder);
	free(names);
	char *bad = test_path(folder, "bad");
	check_bad(f, bad);
	free(bad);
}
