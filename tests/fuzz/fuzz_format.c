/* SPDX-License-Identifier: MIT */
/*
 * One target for all formats: the build names the format.  Whatever the bytes
 * are, the archive opens or is refused with a sentence, and all that it shows can
 * be looked at.
 *
 * FUZZ_FOLDER in the environment names a folder with the files that an archive
 * may need beside it; then every input is also opened as a file in there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/look.h"

/* Of a format that some archives belong to by their name alone: tests/fuzz/fuzz_msgpack_named.c. */
#ifndef NAME
#define NAME ""
#endif

extern const struct format FORMAT;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct format *const only[] = {&FORMAT, NULL};
static struct archive_options options = {.memory = 64u << 20};

/* Checksums keep nobody out who makes them anew. */
static struct archive_options unverified = {.memory = 64u << 20, .no_verify = true};

#ifdef SCHEMA
/* Messages are read by a schema, the same for all inputs. */
static void load_schema(void)
{
	static uint8_t bytes[64 << 10];
	FILE *f = fopen(SCHEMA, "rb");
	size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
	if (f)
		fclose(f);
	options.records.schema = (struct slice){bytes, n};
	options.records.message = "p.M";
	unverified.records = options.records;
}
#endif

/* Was all of it fine? */
static bool look_around(int r, struct archive *a, struct slice file, const struct error *err)
{
	struct look l = {.nodes = 500, .bytes = 4096, .split = file.len < 2048};
	if (r < 0) {
		look_refused(&l, &FORMAT, file, r, err);
	} else {
		look(&l, a);
		archive_close(a);
	}
	if (l.broken[0]) {
		fprintf(stderr, "%s\n", l.broken);
		abort();
	}
	return r == 0 && l.refused == 0;
}

static void open_in_folder(const char *name, struct slice file)
{
	static int folder = -1;
	struct archive a;
	struct error err = {0};
	char input[64];

	if (folder < 0)
		folder = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(input, sizeof input, ".fuzz-%d", (int)getpid());
	int fd = openat(folder, input, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, file.data, file.len) != (ssize_t)file.len)
		abort();
	close(fd);
	struct folder in = {.dir = folder, .path = "", .confined = true};
	struct archive_at at = {.folder = &in, .path = input, .reach = REACH_EXACT};
	look_around(archive_open(&a, only, &at, &options, &err), &a, file, &err);
	unlinkat(folder, input, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = {data, size};
	struct archive a;
	struct error err = {0};
	const char *folder = getenv("FUZZ_FOLDER");
#ifdef SCHEMA
	if (!options.records.schema.data)
		load_schema();
#endif

	if (!look_around(archive_open_source(&a, only, source_memory(file), NAME, &options, &err), &a, file, &err)) {
		err = (struct error){0};
		look_around(archive_open_source(&a, only, source_memory(file), NAME, &unverified, &err), &a, file, &err);
	}
	if (folder)
		open_in_folder(folder, file);
	return 0;
}
