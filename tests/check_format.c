/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* How many of `all` trials the budget has room for. */
static size_t affordable(const struct trial *t, size_t all, unsigned share)
{
	const char *more = getenv("TEST_WORK");
	uint64_t work = (uint64_t)KIND_WORK * share * (more ? strtoull(more, NULL, 10) : 1), n = work / t->work + 16;
	return n < all ? (size_t)n : all;
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
}

static bool probed(const struct format *f, struct slice file)
{
	struct source s = source_memory(file);
	struct error err = {0};
	struct peek p;
	return peek(&p, &s, &err) == 0 && f->probe(&p);
}

void check_format(const struct format *f, struct slice file)
{
	struct trial t = {.f = f, .file = file};
	assert_true(probed(f, file));
	check_trial(&t);
}

/* --- a folder of fixtures ---------------------------------------------- */

static bool wishes(const struct format *f, const char *name)
{
	size_t len = strlen(name);
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
	bool ours = probed(f, file) || wishes(f, name);

	if (ours) {
		print_message("# %s\n", path);
		assert_true(probed(f, file));
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
