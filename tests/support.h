/* SPDX-License-Identifier: MIT */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fs/archive/archive.h"

/*
 * What the tests share.  Everything here fails the running test if it cannot do what it says.
 */

/* --- the promises of every format -------------------------------------- */

/*
 * Checked on one sound file:
 *   - its own probe takes it, and it opens;
 *   - all that it shows can be looked at (tests/look.h), and what is read in
 *     pieces equals what is read whole;
 *   - cut after any byte, or with any one byte changed, it opens or is refused
 *     with a sentence: no crash, no leak, no hang, no broken promise;
 *   - with memory running out at any point it is refused with -ENOMEM;
 *   - over a source that fetches its bytes when they are asked for, of which one call
 *     fails, it shows the same, or is refused.
 *
 * Small files get every cut, byte value and limit; of larger ones a sample is
 * taken, the same each time.  TEST_WORK=N in the environment takes N times as many:
 * 0.1 a tenth.
 */
void check_format(const struct format *f, struct slice file);

/* The same for a file that is an archive of the format by its name alone. */
void check_named(const struct format *f, struct slice file);

/* check_format() for each file of the format's folder, $TEST_DATA, that its probe takes; a file
 * with one of the format's suffixes must be taken.  Files that need others beside them are
 * found with them.  Files in bad/ there once broke us, and need not be valid. */
void check_fixtures(const struct format *f);

/* --- archives ---------------------------------------------------------- */

/* Options with plenty of memory, and with all that decoding needs. */
struct archive_options test_options(void);

/* What these have of records; all zero at first. */
extern struct archive_records test_records;

/* A file name that the format claims; valid until the next call. */
const char *test_name(const struct format *f);

/* Opens bytes or a file with one format alone; -errno and the sentence. */
int test_open(struct archive *a, const struct format *f, struct slice file, struct error *err);
/* A fixture of the test, which must open; the caller unloads the file after closing the archive. */
struct slice test_open_fixture(struct archive *a, const struct format *f, const char *name);
int test_open_file(struct archive *a, const struct format *f, const char *path, struct error *err);

/* It is refused, for this reason. */
#define check_refused(f, bytes, code, sentence) check_refused_at(f, bytes, code, sentence, __FILE__, __LINE__)
#define check_refused_file(f, path, code, sentence) check_refused_file_at(f, path, code, sentence, __FILE__, __LINE__)
void check_refused_at(const struct format *f, struct slice bytes, int code, const char *sentence, const char *file, int line);
void check_refused_file_at(const struct format *f, const char *path, int code, const char *sentence, const char *file, int line);

/* The node at a shown path ("" is the root), directories filled on the way; 0 if
 * there is none. */
uint32_t test_find(struct archive *a, const char *path);
struct node *test_node(struct archive *a, const char *path); /* fails if there is none */

/* All its bytes, in memory of the caller's. */
struct slice test_bytes(struct archive *a, const char *path);
void check_bytes(struct archive *a, const char *path, const void *bytes, size_t len);

/* dtype, shape as "[2,3]", and attributes as the mount would show them, without "user."; NULL
 * where there is none.  Valid until the next call. */
const char *test_dtype(struct archive *a, const char *path);
const char *test_shape(struct archive *a, const char *path);
const char *test_attr(struct archive *a, const char *path, const char *name);

/* The names that a directory lists, with a space between. */
const char *test_list(struct archive *a, const char *path);

/* --- files ------------------------------------------------------------- */

/* A fresh folder, gone with test_folder_remove(); its path is the caller's. */
char *test_folder(void);
void test_folder_remove(char *path);

/* The folder that absolute paths, less their first '/', are found in. */
struct folder test_root(void);

char *test_path(const char *folder, const char *name); /* the caller's */
void test_write(const char *folder, const char *name, struct slice bytes);
void test_link(const char *folder, const char *name, const char *target);
void test_mkdir(const char *folder, const char *name);
void test_copy(const char *from, const char *to); /* all that a folder holds, into another */

const char *test_data_folder(void); /* $TEST_DATA */

/* A file of $TEST_DATA, in memory of the caller's. */
struct slice test_data(const char *name);
struct slice test_load(const char *path);
void test_unload(struct slice s);
