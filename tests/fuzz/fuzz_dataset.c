/* SPDX-License-Identifier: MIT */
/*
 * A folder of Parquet or Arrow files as one table.  The input is the files, one behind the
 * other: where one ends and the next begins, PAR1 or ARROW1 stands twice.  One alone is taken
 * twice.  Each lies in a folder of its own, so that there are partition keys.
 *
 * An input that begins with { is a state.json, a NUL, and the one file d that it may name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/look.h"

extern const struct format format_table;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMBERS = 4 };

static const struct format *const only[] = {&format_table, NULL};
static const struct archive_options options = {.memory = 64u << 20, .no_verify = true};
static const char *const paths[MEMBERS] = {"k=1/a", "k=x/b", "j=2024-01-15/c", "d"};
static const char *const states[] = {"state.json", "dataset_info.json"};
static char top[] = "/tmp/fuzz-dataset-XXXXXX";
static int folder = -1;

static void clean_up(void)
{
	for (int i = 0; i < MEMBERS; i++)
		unlinkat(folder, paths[i], 0);
	for (int i = 0; i < 2; i++)
		unlinkat(folder, states[i], 0);
	unlinkat(folder, "k=1", AT_REMOVEDIR);
	unlinkat(folder, "k=x", AT_REMOVEDIR);
	unlinkat(folder, "j=2024-01-15", AT_REMOVEDIR);
	rmdir(top);
}

static void set_up(void)
{
	if (folder >= 0)
		return;
	if (!mkdtemp(top) || (folder = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || mkdirat(folder, "k=1", 0700) < 0 ||
	    mkdirat(folder, "k=x", 0700) < 0 || mkdirat(folder, "j=2024-01-15", 0700) < 0)
		abort();
	atexit(clean_up);
}

static void put(const char *path, struct slice s)
{
	int fd = openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, s.data, s.len) != (ssize_t)s.len)
		abort();
	close(fd);
}

static int split(struct slice s, struct slice *ret)
{
	int n = 0;
	while (n < MEMBERS - 1) {
		const char *mark = s.len && s.data[0] == 'A' ? "ARROW1ARROW1" : "PAR1PAR1";
		const uint8_t *seam = s.len ? memmem(s.data, s.len, mark, strlen(mark)) : NULL;
		if (!seam)
			break;
		ret[n] = (struct slice){s.data, (size_t)(seam - s.data) + strlen(mark) / 2};
		s = (struct slice){s.data + ret[n].len, s.len - ret[n].len};
		n++;
	}
	ret[n++] = s;
	if (n == 1)
		ret[n++] = s;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice members[MEMBERS];
	struct look l = {.nodes = 500, .bytes = 4096, .split = size < 4096};
	struct archive a;
	struct error err = {0};

	set_up();
	bool told = size && data[0] == '{';
	int n = told ? 0 : split((struct slice){data, size}, members);
	for (int i = 0; i < MEMBERS; i++)
		if (i < n)
			put(paths[i], members[i]);
		else
			unlinkat(folder, paths[i], 0);
	for (int i = 0; i < 2; i++)
		unlinkat(folder, states[i], 0);
	if (told) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t text = end ? (size_t)(end - data) : size;
		for (int i = 0; i < 2; i++)
			put(states[i], (struct slice){data, text});
		put(paths[3], (struct slice){data + text + (end != NULL), size - text - (end != NULL)});
	}
	if (archive_open_folder(&a, only, folder, true, &options, &err) == 0) {
		look(&l, &a);
		archive_close(&a);
	} else if (err.text[0] == '\0') {
		snprintf(l.broken, sizeof l.broken, "refused without a sentence");
	}
	if (l.broken[0]) {
		fprintf(stderr, "%s\n", l.broken);
		abort();
	}
	return 0;
}
