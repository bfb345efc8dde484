/* SPDX-License-Identifier: MIT */
/* Without libFuzzer: runs the target over every file below a folder, and tells in
 * the Test Anything Protocol. */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int files;

static int replay(const char *path, const struct stat *st, int type, struct FTW *at)
{
	size_t size = (size_t)st->st_size;
	FILE *f = type == FTW_F ? fopen(path, "rb") : NULL;
	uint8_t *exact = malloc(size ? size : 1);

	(void)at;
	if (f && exact && fread(exact, 1, size, f) == size) {
		LLVMFuzzerTestOneInput(exact, size);
		printf("ok %d - %s\n", ++files, path);
	}
	if (f)
		fclose(f);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		nftw(argv[1], replay, 16, FTW_PHYS);
	if (files)
		printf("1..%d\n", files);
	else
		printf("1..0 # SKIP no files\n");
	return 0;
}
