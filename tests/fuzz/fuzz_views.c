/* SPDX-License-Identifier: MIT */
/*
 * An archive of any format as SOURCE, looked at as the mount and the commands do:
 * every file by its name, and every view of it.  Each text of JSON must be one, each
 * .npy must end with the bytes of its array, and each file be as long as is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/formats.h"
#include "formats/shared/slice_map.h"
#include "fs/base/name.h"
#include "fs/mirror/mirror.h"
#include "fs/values/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 300, DEEPEST = 12, BYTES = 2048, JSON_MAX = 1 << 18 };

static char top[] = "/tmp/fuzz-views-XXXXXX", path[sizeof top + 8];

struct look {
	struct mirror *m;
	unsigned left; /* names to look at */
};

static void clean_up(void)
{
	unlink(path);
	rmdir(top);
}

static void set_up(void)
{
	if (path[0])
		return;
	if (!mkdtemp(top))
		abort();
	snprintf(path, sizeof path, "%s/a", top);
	atexit(clean_up);
}

static void put(const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

__attribute__((noreturn)) static void broken(const char *name, const char *what)
{
	fprintf(stderr, "%s: %s\n", name, what);
	abort();
}

/* Reads into buf, which has room for len; how much came, or an error. */
static ssize_t read_some(struct look *l, const struct mirror_ref *ref, uint64_t at, size_t len, uint8_t *buf)
{
	struct answer answer;
	struct error err = {0};
	answer_init(&answer);
	int r = mirror_read(l->m, ref, -1, at, len, &answer, &err);
	ssize_t n = r < 0 ? r : (ssize_t)answer.len;
	if (r == 0 && answer.len <= len)
		answer_copy(&answer, buf, NULL);
	answer_close(&answer);
	if (n > (ssize_t)len)
		broken("a read", "answers more than was asked for");
	return n;
}

/* A file whose size could not be told is empty, and cannot be opened. */
static bool opens(struct look *l, const struct mirror_ref *ref)
{
	struct error err = {0};
	int fd, r = mirror_open_file(l->m, ref, &fd, &err);
	if (r == 0)
		mirror_close_file(l->m, fd);
	return r == 0;
}

/* A JSON object on one line, whose members have names of their own. */
static void check_json(const char *name, struct slice s)
{
	struct arena arena = {.limit = 64u << 20};
	struct slice_map names = {.arena = &arena};
	struct slice member;
	struct error err = {0};
	bool fresh;
	if (s.len == 0 || s.data[s.len - 1] != '\n' || memchr(s.data, '\n', s.len) != s.data + s.len - 1 || !utf8_valid(s))
		broken(name, "is no line of UTF-8");
	struct json j = json_over(s, &arena);
	for (json_object(&j); json_member(&j, &member); json_skip(&j))
		if (slice_map_add(&names, member, &fresh) != SLICE_MAP_NONE && !fresh)
			broken(name, "has two members of one name");
	if (json_end(&j, &err, name) == -EBADMSG && !strstr(err.text, "too deep"))
		broken(name, err.text);
	arena_free(&arena);
}

/* The bytes at the end of a .npy are those of the array itself. */
static void check_npy(struct look *l, const struct mirror_ref *ref, const char *name, uint64_t size)
{
	uint8_t view[64], own[64];
	struct mirror_ref plain;
	struct stat st;
	struct error err = {0};
	if (mirror_sibling(l->m, ref, ino_of(ref->ino, VIEW_NONE, ino_index(ref->ino)), &plain) < 0)
		return;
	if (mirror_stat(l->m, &plain, -1, &st, &err) == 0) {
		uint64_t whole = (uint64_t)st.st_size;
		size_t n = whole < sizeof own ? (size_t)whole : sizeof own;
		if (size % 64 != whole % 64 || size <= whole)
			broken(name, "has no header of whole lines");
		ssize_t a = read_some(l, ref, size - n, n, view), b = read_some(l, &plain, whole - n, n, own);
		if ((a < 0) != (b < 0) || a != (b < 0 ? a : b) || (a > 0 && memcmp(view, own, (size_t)a) != 0))
			broken(name, "does not end as its array does");
	}
	mirror_put(l->m, &plain);
}

/* A picture takes all of a large array to be read. */
static bool is_slow(struct look *l, const struct mirror_ref *ref)
{
	struct mirror_ref plain;
	struct stat st;
	struct error err = {0};
	if (ino_view(ref->ino) != VIEW_PNG || mirror_sibling(l->m, ref, ino_of(ref->ino, VIEW_NONE, ino_index(ref->ino)), &plain) < 0)
		return false;
	bool slow = mirror_stat(l->m, &plain, -1, &st, &err) < 0 || st.st_size > 4 * BYTES;
	mirror_put(l->m, &plain);
	return slow;
}

static void look_at_file(struct look *l, const struct mirror_ref *ref, const char *name, uint64_t size)
{
	bool json = views[ino_view(ref->ino)].write && !ino_live(ref->ino);
	size_t len = json ? JSON_MAX : BYTES;
	if (!opens(l, ref) || is_slow(l, ref))
		return;
	uint8_t *buf = malloc(len);
	if (!buf || (ino_live(ref->ino) ? 0 : size) > INT64_MAX)
		abort();
	ssize_t n = read_some(l, ref, 0, len, buf);
	if (n >= 0 && !ino_live(ref->ino) && (uint64_t)n != (size < len ? size : len))
		broken(name, "is not as long as is told");
	if (json && n >= 0 && size <= len)
		check_json(name, (struct slice){buf, (size_t)n});
	if (size > len && (n = read_some(l, ref, size - 7, BYTES, buf)) >= 0 && n != 7)
		broken(name, "does not end where it is told to");
	if (ino_view(ref->ino) == VIEW_NPY && size > 0)
		check_npy(l, ref, name, size);
	free(buf);
}

static void look_at(struct look *l, const struct mirror_ref *ref, const char *name, unsigned depth);

/* Every name that is listed is found, with what it was listed as. */
static void look_into(struct look *l, const struct mirror_ref *ref, unsigned depth)
{
	struct mirror_dir dir;
	struct mirror_name name;
	struct mirror_ref child;
	struct error err = {0};
	off_t at = 0;
	if (mirror_open_dir(l->m, ref, &dir, &err) < 0)
		return;
	for (; l->left > 0 && mirror_next(l->m, &dir, at, &name, &err) > 0; at = name.next) {
		if (strcmp(name.name, ".") == 0 || strcmp(name.name, "..") == 0)
			continue;
		l->left--;
		if (mirror_lookup(l->m, ref, slice_text(name.name), &child, &err) < 0)
			broken(name.name, "is listed and not found");
		if (name.ino && name.ino != child.ino)
			broken(name.name, "is found as another than it is listed");
		look_at(l, &child, name.name, depth + 1);
		mirror_put(l->m, &child);
	}
	mirror_close_dir(l->m, &dir);
}

static void look_at(struct look *l, const struct mirror_ref *ref, const char *name, unsigned depth)
{
	char target[PATH_MAX];
	struct error err = {0};
	struct stat st;
	if (mirror_stat(l->m, ref, -1, &st, &err) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		if (mirror_readlink(l->m, ref, target, &err) == 0 && strlen(target) != (size_t)st.st_size)
			broken(name, "is a link of another length than is told");
	} else if (S_ISDIR(st.st_mode)) {
		if (depth < DEEPEST)
			look_into(l, ref, depth);
	} else {
		look_at_file(l, ref, name, (uint64_t)st.st_size);
	}
}

/* Each view has names of its own to look at. */
static void look_at_views(struct look *l, const struct mirror_ref *root)
{
	struct mirror_ref under, ref;
	struct mirror_dir dir;
	struct mirror_name name;
	struct error err = {0};
	if (mirror_lookup(l->m, root, SLICE(".arrayfs"), &under, &err) < 0)
		return;
	if (mirror_open_dir(l->m, &under, &dir, &err) < 0)
		broken(".arrayfs", "cannot be listed");
	for (off_t at = 2; mirror_next(l->m, &dir, at, &name, &err) > 0; at = name.next) {
		if (mirror_lookup(l->m, &under, slice_text(name.name), &ref, &err) < 0)
			broken(name.name, "is not there");
		l->left = NODES;
		look_at(l, &ref, name.name, 0);
		mirror_put(l->m, &ref);
	}
	mirror_close_dir(l->m, &dir);
	mirror_put(l->m, &under);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mirror_options options = {.archive = {.memory = 64u << 20, .no_verify = true}};
	struct look l = {.left = NODES};
	struct mirror_ref root;
	struct error err = {0};
	set_up();
	put(data, size);
	if (mirror_open(&l.m, formats, path, &options, &err) < 0) {
		if (err.text[0] == '\0')
			broken("SOURCE", "is refused without a sentence");
		return 0;
	}
	if (mirror_get(l.m, TREE_ROOT, &root, &err) < 0)
		broken("SOURCE", "has no root");
	look_at(&l, &root, "SOURCE", 0);
	look_at_views(&l, &root);
	mirror_put(l.m, &root);
	mirror_close(l.m);
	return 0;
}
