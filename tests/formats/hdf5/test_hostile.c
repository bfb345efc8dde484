/* SPDX-License-Identifier: MIT */
/*
 * HDF5: what broke other readers, by the number that it has in the list of Common
 * Vulnerabilities and Exposures.  Each is one change to a sound file: what it
 * touches has a sentence, and all else reads as h5py read it before.
 */
#include "fs/archive/attrs.h"
#include "tests/look.h"
#include "tests/support.h"

extern const struct format format_hdf5;

/* A copy of a fixture, and where in it something stands. */
static uint8_t *patch(struct slice *file, const char *fixture, const void *find, size_t len)
{
	*file = test_data(fixture);
	uint8_t *at = memmem(file->data, file->len, find, len);
	assert_non_null(at);
	return at;
}

static void opens(struct archive *a, struct slice file)
{
	struct error err = {0};
	assert_int_equal(test_open(a, &format_hdf5, file, &err), 0);
}

static void all_can_be_looked_at(struct archive *a)
{
	struct look l = {.nodes = 1000, .bytes = 1 << 16, .split = true};
	assert_true(look(&l, a));
}

static void closes(struct archive *a, struct slice file)
{
	all_can_be_looked_at(a);
	archive_close(a);
	test_unload(file);
}

static int find_attr(void *arg, const struct attr *attr)
{
	(void)attr;
	++*(unsigned *)arg;
	return 0;
}

/* --- datatypes --------------------------------------------------------------------- */

/* CVE-2016-4330: an array datatype of more dimensions than there may be. */
static void cve_2016_4330(void **state)
{
	static const uint8_t old[] = {'m', 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x2a, 0, 0, 0, 2, 0, 0, 0, 1};
	struct archive a;
	struct slice file;
	(void)state;
	patch(&file, "old.h5", old, sizeof old)[20] = 33;
	opens(&a, file);
	assert_string_equal(test_attr(&a, "k", "arrayfs.error"), "an array datatype of rank 33");
	check_bytes(&a, "en", "\0\1", 2);
	closes(&a, file);
}

/* CVE-2016-4332: a message that says it is shared, of a type that never is: a layout. */
static void cve_2016_4332(void **state)
{
	static const uint8_t layout[] = {8, 0, 24, 0, 0, 0, 0, 0, 3, 2, 3};
	struct archive a;
	struct slice file;
	(void)state;
	patch(&file, "old.h5", layout, sizeof layout)[4] = 2;
	opens(&a, file);
	assert_string_equal(test_attr(&a, "c", "arrayfs.error"), "a message of type 8 that cannot be shared");
	check_bytes(&a, "en", "\0\1", 2);
	closes(&a, file);
}

/* What "a" in pytables.h5 holds. */
static void check_numbers(struct archive *a)
{
	static const uint8_t numbers[40] = {[8] = 1, [16] = 2, [24] = 3, [32] = 4};
	check_bytes(a, "a", numbers, sizeof numbers);
}

/* CVE-2016-4333: a member of a compound of version 1 with more than four dimensions. */
static void cve_2016_4333(void **state)
{
	static const uint8_t member[] = {'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct archive a;
	struct slice file;
	(void)state;
	patch(&file, "pytables.h5", member, sizeof member)[12] = 5;
	opens(&a, file);
	assert_string_equal(test_attr(&a, "t", "arrayfs.error"), "a member of rank 5 and 4 bytes");
	check_numbers(&a);
	closes(&a, file);
}

/* CVE-2025-2309: a number whose bits reach beyond its bytes, which a conversion would
 * copy.  No data is converted here; an attribute is, for its text. */
static void cve_2025_2309(void **state)
{
	static const uint8_t narrow[] = {'n', 'a', 'r', 'r', 'o', 'w', 0, 0, 0x10, 8, 0, 0, 2, 0, 0, 0, 3, 0, 9, 0};
	static const uint8_t wide[] = {0x10, 8, 0, 0, 4, 0, 0, 0, 3, 0, 17, 0};
	struct archive a;
	struct slice file;
	struct error err = {0};
	unsigned count = 0;
	(void)state;
	uint8_t *at = patch(&file, "attributes.h5", narrow, sizeof narrow);
	at[18] = at[19] = 0xff;
	opens(&a, file);
	uint32_t id = test_find(&a, "b");
	assert_int_equal(attrs_walk(&a, id, tree_node(&a.tree, id), find_attr, &count, &err), 0);
	assert_string_equal(err.text, "");
	closes(&a, file);

	at = patch(&file, "pack.h5", wide, sizeof wide);
	at[10] = at[11] = 0xff;
	opens(&a, file);
	assert_string_equal(test_dtype(&a, "nb"), "V4");
	closes(&a, file);
}

/* --- object headers ------------------------------------------------------------------ */

/* CVE-2025-6750, and the read beyond the end in H5O__mtime_new_decode: a time of
 * change whose message is too short for it, or ends behind the header. */
static void cve_2025_6750(void **state)
{
	static const uint8_t mtime[] = {0x12, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0};
	struct archive a;
	struct slice file;
	(void)state;
	uint8_t *at = patch(&file, "pytables.h5", mtime, sizeof mtime);
	at[2] = 4; /* what follows is no message, then */
	opens(&a, file);
	assert_string_equal(test_attr(&a, "t", "arrayfs.error"), "a message of an object header is cut short at byte 268");
	check_numbers(&a);
	archive_close(&a);
	at[2] = 0xf8;
	at[3] = 0xff;
	opens(&a, file);
	assert_string_equal(test_attr(&a, "t", "arrayfs.error"), "a message of an object header is cut short at byte 256");
	check_numbers(&a);
	closes(&a, file);
}

/* --- what keeps free space ------------------------------------------------------------ */

/* The superblock's extension: the message "File Space Info". */
static const uint8_t fsinfo[] = {0x17, 0, 0x80, 0, 0x14, 0, 0, 0, 1, 0, 1, 1};

static void check_kept(struct archive *a)
{
	int16_t numbers[100];
	for (int16_t i = 0; i < 100; i++)
		numbers[i] = i;
	assert_string_equal(test_list(a, ""), "d0 d2 d5");
	check_bytes(a, "d0", numbers, sizeof numbers);
}

/* CVE-2025-6816: a file space message that is shorter than what it holds, or longer
 * than where it lies: no extension can be told from that. */
static void cve_2025_6816(void **state)
{
	struct slice file;
	(void)state;
	patch(&file, "freespace.h5", fsinfo, sizeof fsinfo)[2] = 8;
	check_refused(&format_hdf5, file, -EBADMSG, "a message of an object header is cut short at byte 56");
	test_unload(file);
	patch(&file, "freespace.h5", fsinfo, sizeof fsinfo)[3] = 0xff;
	check_refused(&format_hdf5, file, -EBADMSG, "a message of an object header is cut short at byte 8");
	test_unload(file);
}

/* CVE-2025-2915: free space managers at address 0, which is the superblock's. */
static void cve_2025_2915(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	memset(patch(&file, "freespace.h5", fsinfo, sizeof fsinfo) + 26, 0, 0x80 - 26);
	opens(&a, file);
	check_kept(&a);
	closes(&a, file);
}

/* CVE-2025-7067: sections of free space that are one another. */
static void cve_2025_7067(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	uint8_t *at = patch(&file, "freespace.h5", "FSSE", 4);
	memset(at + 13, 0, 40);
	opens(&a, file);
	check_kept(&a);
	closes(&a, file);
}

/* CVE-2025-7069: a manager of free space whose counts and sizes are beyond all bounds. */
static void cve_2025_7069(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	uint8_t *at = patch(&file, "freespace.h5", "FSHD", 4);
	memset(at + 6, 0xff, 60);
	opens(&a, file);
	check_kept(&a);
	closes(&a, file);
}

/* --- the root ------------------------------------------------------------------------ */

/* Where the root group cannot be told, nothing can: the archive is refused. */
static void a_root_that_is_broken_is_refused(void **state)
{
	static const struct {
		const char *fixture, *find;
		size_t len, skip;
		const char *sentence;
	} broken[] = {
		{"old.h5", "TREE", 4, 0, "no TREE at 136"},
		{"old.h5", "HEAP", 4, 0, "no HEAP at 680"},
		{"old.h5", "\x11\0\x10\0\0\0\0\0", 8, 0, "no group at 96"},
		{"old.h5", "\x11\0\x10\0\0\0\0\0", 8, 15, "8 bytes at 2305843009213694088 in a file of 17184"},
		{"dense.h5", "FRHP", 4, 0, "no FRHP at 1867"},
		{"dense.h5", "OHDR", 4, 20, "the checksum of OHDR at 48 is 851f431f, its bytes make c5569d24"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct slice file;
		patch(&file, broken[i].fixture, broken[i].find, broken[i].len)[broken[i].skip] ^= 0x20;
		check_refused(&format_hdf5, file, -EBADMSG, broken[i].sentence);
		test_unload(file);
	}
}

/* --- groups -------------------------------------------------------------------------- */

/* What cannot be read of a group's list is one entry, and takes nothing else with it. */
static void a_broken_link_is_one_entry(void **state)
{
	struct archive a;
	struct slice file;
	(void)state;
	patch(&file, "links.h5", "SNOD", 4)[10] = 0xff; /* where the first name stands */
	opens(&a, file);
	assert_string_equal(test_attr(&a, "_", "arrayfs.error"),
			    "some links of the group cannot be read: a name at 16711688 of a local heap of 176 bytes has no end");
	test_node(&a, "h/near");
	closes(&a, file);
}

/* The same where a whole node of the names' B-tree is lost. */
static void a_broken_node_of_names_is_one_entry(void **state)
{
	struct archive a;
	struct slice file = test_data("filtered.h5");
	(void)state;
	((uint8_t *)(uintptr_t)file.data)[28342 + 30] ^= 1;
	opens(&a, file);
	assert_string_equal(test_attr(&a, "many/_", "arrayfs.error"),
			    "some links of the group cannot be read: the checksum of BTLF at 28342 is 04ea48b3, its bytes make 83d7ccbe");
	assert_true(strlen(test_list(&a, "many")) > 1000);
	closes(&a, file);
}

/* Strings of characters of two bytes: no directory is left of the try. */
static void a_sequence_that_is_refused_is_one_entry(void **state)
{
	static const uint8_t type[] = {3, 0, 24, 0, 1, 0, 0, 0, 0x19, 1, 1, 0, 16, 0, 0, 0, 16, 0, 0, 0, 1};
	struct archive a;
	struct slice file;
	(void)state;
	patch(&file, "old.h5", type, sizeof type)[20] = 2;
	opens(&a, file);
	assert_string_equal(test_attr(&a, "s", "arrayfs.error"), "a string of characters of 2 bytes");
	assert_int_equal(test_node(&a, "s")->kind, NODE_FAULT);
	assert_int_equal(test_find(&a, "s~2"), 0);
	check_bytes(&a, "en", "\0\1", 2);
	closes(&a, file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cve_2016_4330), cmocka_unit_test(cve_2016_4332), cmocka_unit_test(cve_2016_4333),
		cmocka_unit_test(cve_2025_2309), cmocka_unit_test(cve_2025_2915), cmocka_unit_test(cve_2025_6750),
		cmocka_unit_test(cve_2025_6816), cmocka_unit_test(cve_2025_7067), cmocka_unit_test(cve_2025_7069),
		cmocka_unit_test(a_root_that_is_broken_is_refused), cmocka_unit_test(a_broken_link_is_one_entry),
		cmocka_unit_test(a_broken_node_of_names_is_one_entry),
		cmocka_unit_test(a_sequence_that_is_refused_is_one_entry),
	};
	return cmocka_run_group_tests_name("hdf5 hostile", tests, NULL, NULL);
}
