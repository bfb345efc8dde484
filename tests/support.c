/* SPDX-License-Identifier: MIT */
#include "tests/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/archive/attrs.h"

/* For libc's: what an archive held is given back when it is closed, which is a third
 * of the time of those tests that open and close a hundred thousand. */
int malloc_trim(size_t keep);
int malloc_trim(size_t keep)
{
	(void)keep;
	return 0;
}

/* --- archives ---------------------------------------------------------- */

struct archive_records test_records;

struct archive_options test_options(void)
{
	return (struct archive_options){.memory = 256u << 20, .records = test_records};
}

/* An archive keeps a pointer to its options. */
static const struct archive_options *kept_options(void)
{
	static struct archive_options options;
	if (options.memory == 0)
		options = test_options();
	return &options;
}

const char *test_name(const struct format *f)
{
	static char name[64];
	bool suffix = f->suffixes && f->suffixes[0];
	snprintf(name, sizeof name, "file%s%s", suffix ? f->suffixes[0] : f->claims ? "." : "", !suffix && f->claims ? f->name : "");
	return name;
}

int test_open(struct archive *a, const struct format *f, struct slice file, struct error *err)
{
	const struct format *const only[] = {f, NULL};
	return archive_open_source(a, only, source_memory(file), test_name(f), kept_options(), err);
}

struct slice test_open_fixture(struct archive *a, const struct format *f, const char *name)
{
	struct error err = {0};
	struct slice file = test_data(name);
	if (test_open(a, f, file, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	return file;
}

struct folder test_root(void)
{
	static int root = -1;
	if (root < 0)
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	return (struct folder){.dir = root, .path = ""};
}

int test_open_file(struct archive *a, const struct format *f, const char *path, struct error *err)
{
	const struct format *const only[] = {f, NULL};
	struct folder root = test_root();
	assert_int_equal(path[0], '/');
	struct archive_at at = {.folder = &root, .path = path + 1, .reach = REACH_HUB};
	return archive_open(a, only, &at, kept_options(), err);
}

static void check_refusal(struct archive *a, int r, const struct error *err, int code, const char *sentence, const char *file, int line)
{
	if (r == 0)
		archive_close(a);
	if (r == code && strcmp(err->text, sentence) == 0)
		return;
	print_error("expected %d \"%s\"\nbut was  %d \"%s\"\n", code, sentence, r, err->text);
	_fail(file, line);
}

void check_refused_at(const struct format *f, struct slice bytes, int code, const char *sentence, const char *file, int line)
{
	struct archive a;
	struct error err = {0};
	check_refusal(&a, test_open(&a, f, bytes, &err), &err, code, sentence, file, line);
}

void check_refused_file_at(const struct format *f, const char *path, int code, const char *sentence, const char *file, int line)
{
	struct archive a;
	struct error err = {0};
	check_refusal(&a, test_open_file(&a, f, path, &err), &err, code, sentence, file, line);
}

uint32_t test_find(struct archive *a, const char *path)
{
	uint32_t id = TREE_ROOT;
	struct error err = {0};
	while (id && *path) {
		size_t n = strcspn(path, "/");
		if (archive_fill(a, id, &err) < 0)
			fail_msg("filling the directory before %s: %s", path, err.text);
		id = tree_find(&a->tree, tree_node(&a->tree, id), id, (struct slice){(const uint8_t *)path, n});
		path += n + (path[n] == '/');
	}
	return id;
}

struct node *test_node(struct archive *a, const char *path)
{
	uint32_t id = test_find(a, path);
	if (!id)
		fail_msg("there is no %s", path);
	return tree_node(&a->tree, tree_resolve(&a->tree, id));
}

struct slice test_bytes(struct archive *a, const char *path)
{
	struct node *n = test_node(a, path);
	struct answer answer;
	struct error err = {0};
	uint64_t size = 0;

	answer_init(&answer);
	if (archive_size(a, n, &size, &err) < 0 || archive_read(a, n, 0, size, &answer, &err) < 0)
		fail_msg("reading %s: %s", path, err.text);
	assert_int_equal(answer.len, size);
	uint8_t *buf = malloc(size ? size : 1);
	assert_non_null(buf);
	answer_copy(&answer, buf, NULL);
	answer_close(&answer);
	return (struct slice){buf, (size_t)size};
}

void check_bytes(struct archive *a, const char *path, const void *bytes, size_t len)
{
	struct slice s = test_bytes(a, path);
	if (s.len != len)
		fail_msg("%s holds %zu bytes, not %zu", path, s.len, len);
	assert_memory_equal(s.data, bytes, len);
	test_unload(s);
}

const char *test_dtype(struct archive *a, const char *path)
{
	static char name[DTYPE_NAME_MAX];
	const struct array *array = test_node(a, path)->array;
	return array ? dtype_name(array, name) : NULL;
}

const char *test_shape(struct archive *a, const char *path)
{
	static char text[512];
	const struct array *array = test_node(a, path)->array;
	size_t n = 0;
	if (!array || array->unshaped)
		return NULL;
	for (uint32_t i = 0; i < array->rank && n < sizeof text - 30; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu", i ? "," : "[", (unsigned long long)array->shape[i]);
	snprintf(text + n, sizeof text - n, array->rank ? "]" : "[]");
	return text;
}

struct wanted {
	struct archive *archive;
	const struct node *node;
	const char *name;
	char text[65537];
	bool found;
};

static int take_wanted(void *arg, const struct attr *at)
{
	struct wanted *w = arg;
	if (!slice_equal(at->name, slice_text(w->name)))
		return 0;
	if (at->later) {
		struct text made = {0};
		w->found = attrs_shape_later(w->archive, w->node, &made, NULL) == 0;
		snprintf(w->text, sizeof w->text, "%.*s", (int)made.len, made.bytes ? made.bytes : "");
		text_free(&made);
		return 1;
	}
	if (at->put) {
		struct text made = {.limit = sizeof w->text};
		at->put(w->archive, at, &made, NULL);
		snprintf(w->text, sizeof w->text, "%.*s", (int)made.len, made.bytes ? made.bytes : "");
		w->found = true;
		text_free(&made);
		return 1;
	}
	snprintf(w->text, sizeof w->text, "%.*s", (int)at->value.len, at->value.data);
	w->found = true;
	return 1;
}

const char *test_attr(struct archive *a, const char *path, const char *name)
{
	static struct wanted w;
	struct error err = {0};
	uint32_t id = tree_resolve(&a->tree, test_find(a, path));
	w.archive = a;
	w.node = tree_node(&a->tree, id);
	w.name = name;
	w.found = false;
	if (attrs_walk(a, id, tree_node(&a->tree, id), take_wanted, &w, &err) < 0)
		fail_msg("attributes of %s: %s", path, err.text);
	return w.found ? w.text : NULL;
}

const char *test_list(struct archive *a, const char *path)
{
	static char text[65536];
	struct error err = {0};
	uint32_t id = test_find(a, path);
	size_t n = 0;

	if (archive_fill(a, id, &err) < 0)
		fail_msg("filling %s: %s", path, err.text);
	text[0] = '\0';
	for (uint32_t c = tree_node(&a->tree, id)->child; c; c = tree_node(&a->tree, c)->next)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", tree_node(&a->tree, c)->name);
	assert_true(n < sizeof text);
	return text;
}

/* --- files ------------------------------------------------------------- */

char *test_folder(void)
{
	const char *base = getenv("TMPDIR");
	char path[4096];
	snprintf(path, sizeof path, "%s/arrayfs-test-XXXXXX", base && *base == '/' ? base : "/tmp");
	assert_non_null(mkdtemp(path));
	return strdup(path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

void test_folder_remove(char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(path);
}

char *test_path(const char *folder, const char *name)
{
	char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

void test_write(const char *folder, const char *name, struct slice bytes)
{
	char *path = test_path(folder, name);
	/* Cut after writing, not before: ext4 puts what replaces a truncated file to
	 * disk at once, which takes a minute for a test that writes thousands. */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, bytes.data, bytes.len) != (ssize_t)bytes.len || ftruncate(fd, (off_t)bytes.len) < 0)
		fail_msg("writing %s: %s", path, strerror(errno));
	close(fd);
	free(path);
}

void test_link(const char *folder, const char *name, const char *target)
{
	char *path = test_path(folder, name);
	if (symlink(target, path) < 0)
		fail_msg("linking %s: %s", path, strerror(errno));
	free(path);
}

void test_mkdir(const char *folder, const char *name)
{
	char *path = test_path(folder, name);
	if (mkdir(path, 0755) < 0)
		fail_msg("making %s: %s", path, strerror(errno));
	free(path);
}

struct slice test_load(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	size_t len = (size_t)st.st_size;
	uint8_t *buf = malloc(len ? len : 1);
	assert_non_null(buf);
	assert_int_equal(read(fd, buf, len), st.st_size);
	close(fd);
	return (struct slice){buf, len};
}

void test_copy(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	if (!dir)
		fail_msg("%s: %s", from, strerror(errno));
	for (struct dirent *e; (e = readdir(dir));) {
		struct stat st;
		char *path = test_path(from, e->d_name), *copy = test_path(to, e->d_name);
		if (e->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			test_mkdir(to, e->d_name);
			test_copy(path, copy);
		} else if (e->d_name[0] != '.') {
			struct slice s = test_load(path);
			test_write(to, e->d_name, s);
			test_unload(s);
		}
		free(path);
		free(copy);
	}
	closedir(dir);
}

const char *test_data_folder(void)
{
	const char *folder = getenv("TEST_DATA");
	if (!folder)
		fail_msg("TEST_DATA names no folder: run this by \"meson test\"");
	return folder;
}

struct slice test_data(const char *name)
{
	char *path = test_path(test_data_folder(), name);
	struct slice s = test_load(path);
	free(path);
	return s;
}

void test_unload(struct slice s)
{
	free((void *)(uintptr_t)s.data);
}
