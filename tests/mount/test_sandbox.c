/* SPDX-License-Identifier: MIT */
/* What a process that was taken over by what it read can still do.  Each case
 * runs in a child: there is no way back out of a sandbox. */
#include "mount/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support.h"

static char folder[] = "/tmp/arrayfs-sandbox-XXXXXX", inside[64], outside[64];

/* The sentence is what scripts/count tells: a skip itself carries none. */
static void need_landlock(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1)
		return;
	print_message("# skipped: the kernel has no Landlock: 5.13 or later, with landlock in its parameter lsm=\n");
	skip();
}

static void need_seccomp(void)
{
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)
		return;
	print_message("# skipped: the kernel has no seccomp: one with CONFIG_SECCOMP_FILTER\n");
	skip();
}

/* Runs it in a child; true if it returned true. */
static bool in_child(bool (*function)(void))
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(function() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool reads(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY);
	bool ok = fd >= 0 && read(fd, &c, 1) == 1;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool refused(long r)
{
	return r < 0 && (errno == EPERM || errno == EACCES);
}

static void *nothing(void *arg)
{
	return arg;
}

static bool what_serving_takes(void)
{
	pthread_t thread;
	struct stat st;
	sandbox_enter(folder, NULL, false, false);
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return reads(inside) && stat(inside, &st) == 0 && map != MAP_FAILED &&
	       pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool no_other_file(void)
{
	sandbox_enter(folder, NULL, false, false);
	return !reads(outside) && errno == EACCES;
}

static bool no_writing(void)
{
	char path[80];
	snprintf(path, sizeof path, "%s/new", folder);
	sandbox_enter(folder, NULL, false, false);
	return refused(open(inside, O_WRONLY)) && refused(open(inside, O_RDWR)) &&
	       refused(open(path, O_WRONLY | O_CREAT, 0600)) && refused(open(folder, O_TMPFILE | O_RDWR, 0600)) &&
	       refused(unlink(inside)) && refused(rename(inside, path)) && refused(mkdir(path, 0700)) &&
	       refused(chmod(inside, 0)) && refused(truncate(inside, 0));
}

static bool no_socket(void)
{
	int ends[2];
	sandbox_enter(folder, NULL, false, false);
	return refused(socket(AF_INET, SOCK_STREAM, 0)) && refused(socket(AF_UNIX, SOCK_DGRAM, 0)) &&
	       refused(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}

static bool no_program(void)
{
	char *none[] = {NULL};
	sandbox_enter(folder, NULL, false, false);
	bool no_exec = refused(execve("/bin/true", none, none));
	return no_exec && refused(fork()) && refused(kill(getppid(), 0)) && refused(ptrace(PTRACE_ATTACH, getppid(), 0, 0));
}

static bool no_code(void)
{
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sandbox_enter(folder, NULL, false, false);
	return refused(mprotect(map, 4096, PROT_READ | PROT_EXEC)) &&
	       mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EPERM;
}

static void *open_outside(void *arg)
{
	*(bool *)arg = !reads(outside) && errno == EACCES;
	return NULL;
}

static bool no_way_by_a_thread(void)
{
	pthread_t thread;
	bool held = false;
	sandbox_enter(folder, NULL, false, false);
	return pthread_create(&thread, NULL, open_outside, &held) == 0 && pthread_join(thread, NULL) == 0 && held;
}

static bool following_reads_elsewhere_and_writes_nowhere(void)
{
	sandbox_enter(folder, NULL, true, false);
	return reads(outside) && refused(open(outside, O_WRONLY)) && refused(socket(AF_INET, SOCK_STREAM, 0));
}

static bool narrowed_to_nothing(void)
{
	int fd = open(inside, O_RDONLY);
	char c;
	sandbox_enter(inside, NULL, false, false);
	if (!reads(inside))
		return false;
	sandbox_narrow(NULL, NULL, false, false);
	return !reads(inside) && !reads(outside) && read(fd, &c, 1) == 1;
}

static bool narrowed_to_its_folder(void)
{
	sandbox_enter(inside, NULL, false, false);
	sandbox_narrow(folder, NULL, false, false);
	return reads(inside) && !reads(outside);
}

static bool two_sources(void)
{
	sandbox_enter(folder, "/usr", false, false);
	return reads(inside) && reads("/usr/bin/env") && !reads(outside);
}

static bool two_narrowed(void)
{
	sandbox_enter(inside, outside, false, false);
	if (!reads(inside) || !reads(outside))
		return false;
	sandbox_narrow(NULL, folder, false, false);
	return reads(inside) && !reads(outside);
}

static void serving_goes_on(void **state)
{
	(void)state;
	assert_true(in_child(what_serving_takes));
}

static void no_file_of_others_is_opened(void **state)
{
	(void)state;
	need_landlock();
	assert_true(in_child(no_other_file));
	assert_true(in_child(no_way_by_a_thread));
}

static void nothing_is_written(void **state)
{
	(void)state;
	need_seccomp();
	assert_true(in_child(no_writing));
}

static void nobody_is_called(void **state)
{
	(void)state;
	need_seccomp();
	assert_true(in_child(no_socket));
}

static void no_program_is_run_and_no_process_touched(void **state)
{
	(void)state;
	need_seccomp();
	assert_true(in_child(no_program));
}

static void no_memory_becomes_code(void **state)
{
	(void)state;
	need_seccomp();
	assert_true(in_child(no_code));
}

static void follow_is_for_reading(void **state)
{
	(void)state;
	need_seccomp();
	assert_true(in_child(following_reads_elsewhere_and_writes_nowhere));
}

static void an_open_archive_needs_no_more(void **state)
{
	(void)state;
	need_landlock();
	assert_true(in_child(narrowed_to_nothing));
	assert_true(in_child(narrowed_to_its_folder));
}

static void write_one(char *path, size_t room, const char *name)
{
	snprintf(path, room, "%s%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static int make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	write_one(inside, sizeof inside, "/inside");
	write_one(outside, sizeof outside, "-outside");
	return 0;
}

static int remove_all(void **state)
{
	(void)state;
	unlink(inside);
	unlink(outside);
	return rmdir(folder);
}

static void of_two_sources_both_are_read(void **state)
{
	(void)state;
	need_landlock();
	assert_true(in_child(two_sources));
	assert_true(in_child(two_narrowed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serving_goes_on),
		cmocka_unit_test(no_file_of_others_is_opened),
		cmocka_unit_test(nothing_is_written),
		cmocka_unit_test(nobody_is_called),
		cmocka_unit_test(no_program_is_run_and_no_process_touched),
		cmocka_unit_test(no_memory_becomes_code),
		cmocka_unit_test(follow_is_for_reading),
		cmocka_unit_test(an_open_archive_needs_no_more),
		cmocka_unit_test(of_two_sources_both_are_read),
	};
	return cmocka_run_group_tests(tests, make, remove_all);
}
