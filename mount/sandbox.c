/* SPDX-License-Identifier: MIT */
/* seccomp(2), landlock(7), capabilities(7). libseccomp knows the system call numbers;
 * Landlock has no library, but takes just three system calls. */
#include "mount/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "mount/daemon/backing.h"
#include "mount/log.h"

/* --- rights ------------------------------------------------------------ */

static uint64_t capability(unsigned number)
{
	return UINT64_C(1) << number;
}

/* Drops all capabilities except those in `keep`. */
static void keep_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(keep & capability((unsigned)i)))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, data) < 0)
		return;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	syscall(SYS_capset, &head, data);
}

/* --- files ------------------------------------------------------------- */

/* Access rights of later Landlock ABIs, which the installed headers may lack: refer,
 * truncate, ioctl on devices. */
static uint64_t all_of_abi(long abi)
{
	uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
	return all | (abi >= 2 ? 1 << 13 : 0) | (abi >= 3 ? 1 << 14 : 0) | (abi >= 5 ? 1 << 15 : 0);
}

static int allow_reading(int rules, const char *path)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
	struct stat st;
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -1;
	if (fstat(rule.parent_fd, &st) == 0 && S_ISDIR(st.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	int r = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return r;
}

/* Allows reading only, and only below these paths; none if both are NULL. */
static int confine_files(const char *path, const char *other)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = {.handled_access_fs = all_of_abi(abi)};
	int rules = abi < 1 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	int r = rules < 0 || (path && allow_reading(rules, path) < 0) ||
		(other && allow_reading(rules, other) < 0) ? -1 : (int)syscall(SYS_landlock_restrict_self, rules, 0);
	int code = errno;
	if (rules >= 0)
		close(rules);
	errno = code;
	return r;
}

/* --- calls ------------------------------------------------------------- */

/* System calls needed to serve. open() is restricted to reading: see allow_in_part(). */
static const int reading_calls[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev),
	SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup2),
	SCMP_SYS(dup3), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(flock), SCMP_SYS(splice),
	SCMP_SYS(vmsplice), SCMP_SYS(sendfile), SCMP_SYS(copy_file_range), SCMP_SYS(fadvise64), SCMP_SYS(readahead),
	SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs),
	SCMP_SYS(fstatfs), SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
	SCMP_SYS(getxattr), SCMP_SYS(lgetxattr), SCMP_SYS(fgetxattr), SCMP_SYS(getgroups),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(openat2),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mincore), SCMP_SYS(brk),
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(membarrier), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(uname),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(wait4), SCMP_SYS(waitid),
	SCMP_SYS(chdir), /* to "/", once SOURCE is open */
	SCMP_SYS(alarm), SCMP_SYS(setitimer), /* for the timeout at the session's end */
	/* sockets to the system's log and the keeper, connected before */
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	/* for sandbox_narrow() */
	SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self),
};

static const int keeper_calls[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(umount2), SCMP_SYS(rmdir), SCMP_SYS(unlinkat),
	SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(munmap), SCMP_SYS(brk),
	SCMP_SYS(sigaltstack), SCMP_SYS(sendto), SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(newfstatat), SCMP_SYS(fstat),
	SCMP_SYS(statx), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
};

static void allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
}

/* Allows calls that could do more than reading needs, restricted by their arguments. */
static void allow_in_part(scmp_filter_ctx filter)
{
	static const unsigned long ioctls[] = {TCGETS, TIOCGWINSZ, FIONREAD};
	uint64_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);

	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0));
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, writing, 0));
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	/* clone3()'s flags lie in memory, out of a filter's reach; on ENOSYS libc falls
	 * back to clone(). */
	seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getrlimit), 0);
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_CAPBSET_READ));
	for (size_t i = 0; i < sizeof ioctls / sizeof *ioctls; i++)
		seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
}

/* All other calls fail with EPERM. */
static int confine_calls(bool keeper)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);      /* no SSB mitigation, which slows decoding: */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* this process holds no secrets of others */
	seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (keeper) {
		allow(filter, keeper_calls, sizeof keeper_calls / sizeof *keeper_calls);
		seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, BACKING_OPEN));
		seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, BACKING_CLOSE));
	} else {
		allow(filter, reading_calls, sizeof reading_calls / sizeof *reading_calls);
		allow_in_part(filter);
	}
	int r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

/* --- the whole --------------------------------------------------------- */

static void told(bool tell, const char *what, int code)
{
	if (tell && code)
		log_say("sandbox: no %s: %s", what, strerror(code));
}

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void sandbox_enter(const char *source, const char *other, bool follow, bool tell)
{
	bool folders = is_folder(source) && (!other || is_folder(other)) && !follow;

	tzset(); /* reads a file now, as the log needs local time */
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	keep_capabilities(capability(CAP_DAC_READ_SEARCH));
	told(tell, "Landlock", confine_files(folders ? source : "/", folders ? other : NULL) < 0 ? errno : 0);
	told(tell, "seccomp filter", -confine_calls(false));
}

void sandbox_narrow(const char *folder, const char *other, bool looks, bool tell)
{
	if (!folder && !other && !looks)
		keep_capabilities(0);
	told(tell, "Landlock", confine_files(folder, other) < 0 ? errno : 0);
}

void sandbox_keeper(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	keep_capabilities(capability(CAP_SYS_ADMIN) | capability(CAP_DAC_OVERRIDE));
	confine_calls(true);
}
