/* SPDX-License-Identifier: MIT */
/*
 * A folder of Parquet files as one table.  The input is the files, one behind the
 * other: where one ends and the next begins, PAR1 stands twice.  One alone is taken
 * twice.  Each lies in a folder of its own, so that there are partition keys.
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
static const char *const paths[MEMBERS] = {"k=1/a.parquet", "k=x/b.parquet", "j=2024-01-15/c.parquet", "d.parquet"};
static char top[] = "/tmp/fuzz-dataset-XXXXXX";
static int folder = -1;

static void clean_up(void)
{
	for (int i = 0; i < MEMBERS; i++)
		unlinkat(folder, paths[i], 0);
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

static void put(int i, struct slice s)
{
	int fd = openat(folder, paths[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, s.data, s.len) != (ssize_t)s.len)
		abort();
	close(fd);
}

static int split(struct slice s, struct slice *ret)
{
	int n = 0;
	while (n < MEMBERS - 1) {
		const uint8_t *seam = s.len ? memmem(s.data, s.len, "PAR1PAR1", 8) : NULL;
		if (!seam)
			break;
		ret[n] = (struct slice){s.data, (size_t)(seam - s.data) + 4};
		s = (struct slice){seam + 4, s.len - ret[n++].len};
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
	int n = split((struct slice){data, size}, members);
	for (int i = 0; i < MEMBERS; i++)
		if (i < n)
			put(i, members[i]);
		else
			unlinkat(folder, paths[i], 0);
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
