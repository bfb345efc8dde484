/* SPDX-License-Identifier: MIT */
#include "fs/source/source.h"

#include "fs/source/access.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* Page size, for the SIGBUS handler; set before the handler is installed. */
static size_t page;

/* The sources whose mappings this thread is reading; NULL for none. */
static _Thread_local struct source *guarded[2];

/* Where the SIGBUS handler jumps when this thread's source_copy() hits a hole. */
static _Thread_local sigjmp_buf *way_out;

/* Maps the open file; owns the descriptor from here on, even on failure. */
static int adopt(struct source *s, int fd, struct error *err)
{
	*s = (struct source){.fd = fd, .dir = -1, .lost = UINT64_MAX};
	int r = access_fstat(fd, &s->st);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	s->size = (uint64_t)s->st.st_size;
	if (s->size > SIZE_MAX / 2)
		return error_set(err, EFBIG, "%" PRIu64 " bytes are too many to map", s->size);
	if (s->size == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		void *map = mmap(NULL, (size_t)s->size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			return error_set(err, errno, "mapping it: %s", strerror(errno));
		*(i ? &s->served : &s->bytes) = map;
	}
	return 0;
}

int source_open(struct source *ret, const struct folder *folder, const char *path,
		enum reach reach, struct error *err)
{
	char full[PATH_MAX];
	int r = folder_join(folder, path, full, err);
	if (r < 0)
		return r;
	int fd = folder_open(folder, path, reach, err);
	if (fd < 0)
		return fd;
	r = adopt(ret, fd, err);
	ret->dir = folder->dir;
	if (r == 0 && !(ret->path = strdup(full)))
		r = error_set(err, ENOMEM, "no memory");
	if (r < 0)
		source_close(ret);
	return r;
}

struct source source_memory(struct slice m)
{
	return (struct source){.bytes = m.data, .served = m.data, .size = m.len, .fd = -1, .dir = -1, .lost = UINT64_MAX};
}

static int fetch_whole(const struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	return s->whole->fetch(s->whole, s->begin + offset, len, err);
}

struct source source_window(const struct source *of, uint64_t offset, uint64_t size)
{
	struct source *whole = of->whole ? of->whole : (struct source *)(uintptr_t)of;
	uint64_t begin = of->whole ? of->begin + offset : offset;
	return (struct source){
		.bytes = whole->bytes ? whole->bytes + begin : NULL, .served = whole->served ? whole->served + begin : NULL,
		.size = size, .st = whole->st, .fd = -1, .dir = -1, .lost = UINT64_MAX,
		.fetch = whole->fetch ? fetch_whole : NULL, .whole = whole, .begin = begin,
	};
}

static void give_up(struct source *s)
{
	int fd = atomic_exchange(&s->fd, -1);
	while (fd >= 0 && atomic_load(&s->users) > 0) /* others are inside a call on it */
		sched_yield();
	if (fd < 0)
		return;
	close(fd);
	if (s->of)
		atomic_fetch_add(&s->of->left, 1);
}

void source_close(struct source *s)
{
	if (s->dir >= 0 && s->bytes)
		munmap((void *)(uintptr_t)s->bytes, (size_t)s->size);
	if (s->dir >= 0 && s->served)
		munmap((void *)(uintptr_t)s->served, (size_t)s->size);
	if (atomic_load(&s->holes))
		munmap(atomic_load(&s->holes), (s->size / page / 64 + 1) * sizeof(uint64_t));
	give_up(s);
	free(atomic_load(&s->end));
	free(s->path);
	*s = source_memory((struct slice){NULL, 0});
}

/* The descriptor for one call, kept open until unuse(); -1 without one. */
static int use(const struct source *s)
{
	struct source *shared = (struct source *)(uintptr_t)s;
	atomic_fetch_add(&shared->users, 1);
	return atomic_load(&shared->fd);
}

static void unuse(const struct source *s)
{
	atomic_fetch_sub(&((struct source *)(uintptr_t)s)->users, 1);
}

int source_stat(const struct source *s, struct stat *ret)
{
	s = s->whole ? s->whole : s;
	int fd = use(s), r = fd < 0 ? -EBADF : access_fstat(fd, ret);
	unuse(s);
	return r;
}

int source_dup(const struct source *s)
{
	int fd = use(s), r = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	unuse(s);
	return r;
}

bool source_same(const struct stat *then, const struct stat *now)
{
	return then->st_dev == now->st_dev && then->st_ino == now->st_ino &&
	       then->st_size == now->st_size && then->st_mtim.tv_sec == now->st_mtim.tv_sec &&
	       then->st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

static int read_all(int fd, uint64_t offset, void *buf, size_t len, struct error *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, EIO, "reading at %" PRIu64 ": %s", offset + done,
					 n ? strerror(errno) : "the file was cut short");
		done += (size_t)n;
	}
	return 0;
}

static uint64_t page_begin(uint64_t at)
{
	return at & ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
}

/* The start of the page that holds the file's last byte. */
static uint64_t last_page(const struct source *s)
{
	return page_begin(s->size - 1);
}

/* Marks all bytes from `from` on as lost. */
static void lose(struct source *s, uint64_t from)
{
	uint64_t lost = atomic_load(&s->lost);
	while (from < lost && !atomic_compare_exchange_weak(&s->lost, &lost, from))
		;
}

void source_drop_fd(struct source *s)
{
	struct stat st = {0};
	int fd = use(s);
	if (fd >= 0 && s->size > 0) {
		size_t len = (size_t)(s->size - last_page(s));
		uint8_t *end = malloc(len), *none = NULL;
		bool fine = end && read_all(fd, last_page(s), end, len, NULL) == 0;
		if (!fine)
			lose(s, last_page(s));
		if (fstat(fd, &st) < 0 || (uint64_t)st.st_size < s->size)
			lose(s, (uint64_t)st.st_size);
		if (!fine || !atomic_compare_exchange_strong(&s->end, &none, end))
			free(end);
	}
	unuse(s);
	give_up(s);
}

void source_keep(struct source *s, struct descriptors *of)
{
	if (of && atomic_fetch_sub(&of->left, 1) <= 0) {
		atomic_fetch_add(&of->left, 1);
		source_drop_fd(s);
	} else {
		s->of = of;
	}
}

/* At rest, and the path names another file: does the mapped file, which may have been
 * truncated before that, still hold all bytes before `end`?  The page that contains a
 * truncated file's new end reads as zeros past it, without a fault; but then the next
 * page faults.  The last page has no next: it is compared with the copy. */
static bool is_left(const struct source *s, uint64_t end)
{
	const uint8_t *was = atomic_load(&s->end);
	uint8_t byte;
	if (end <= last_page(s)) {
		uint64_t next = page_begin(end - 1) + (uint64_t)sysconf(_SC_PAGESIZE);
		return source_copy(&byte, s->served + next, 1);
	}
	for (uint64_t at = last_page(s), n; was && at < end; at += n, was += n) {
		uint8_t now[4096];
		n = end - at < sizeof now ? end - at : sizeof now;
		if (!source_copy(now, s->served + at, (size_t)n) || memcmp(now, was, (size_t)n) != 0)
			return false;
	}
	return was;
}

/* Is the file still at least `end` bytes long?  At rest, stats its path. */
static bool reaches(const struct source *s, uint64_t end)
{
	struct stat st;
	int fd = use(s), r = fd < 0 ? -1 : fstat(fd, &st);
	unuse(s);
	if (fd >= 0)
		return r == 0 && end <= (uint64_t)st.st_size;
	if (end > s->size)
		return false;
	if (s->dir < 0 || end == 0)
		return true;
	if (fstatat(s->dir, s->path, &st, 0) == 0 && st.st_dev == s->st.st_dev && st.st_ino == s->st.st_ino)
		return end <= (uint64_t)st.st_size;
	return is_left(s, end);
}

bool source_sound(const struct source *s, uint64_t offset, uint64_t len)
{
	if (s->whole)
		return source_sound(s->whole, s->begin + offset, len);
	_Atomic uint64_t *holes = atomic_load(&s->holes);
	if (len > 0 && !range_within(offset, len, atomic_load(&s->lost)))
		return false;
	if (!holes || len == 0)
		return true;
	for (uint64_t at = offset / page, last = (offset + len - 1) / page; at <= last; at++) {
		uint64_t word = atomic_load(&holes[at / 64]);
		if (word >> at % 64 & 1)
			return false;
		if (word == 0)
			at |= 63;
	}
	return true;
}

bool source_intact(const struct source *s, uint64_t offset, uint64_t len)
{
	if (s->whole)
		return range_within(offset, len, s->size) && source_intact(s->whole, s->begin + offset, len);
	return len <= UINT64_MAX - offset && (len == 0 || reaches(s, offset + len)) && source_sound(s, offset, len);
}

int source_check(const struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	if (s->whole)
		return range_within(offset, len, s->size) ? source_check(s->whole, s->begin + offset, len, err)
							  : error_set(err, EIO, "%" PRIu64 " bytes at %" PRIu64 " of %" PRIu64, len, offset, s->size);
	if (s->dir < 0 || len == 0)
		return 0;
	if (len > UINT64_MAX - offset || !reaches(s, offset + len))
		return error_set(err, EIO, "the file was cut short before byte %" PRIu64, offset + len);
	if (!source_sound(s, offset, len))
		return error_set(err, EIO, "the file cannot be read at byte %" PRIu64, offset);
	return 0;
}

int source_map(const struct source *s, uint64_t offset, uint64_t len,
	       struct slice *ret, struct error *err)
{
	if (!range_within(offset, len, s->size))
		return error_set(err, EBADMSG, "%" PRIu64 " bytes at %" PRIu64 " lie outside the file of %" PRIu64,
				 len, offset, s->size);
	int r = s->fetch && len > 0 ? s->fetch(s, offset, len, err) : 0;
	if (r < 0)
		return r;
	*ret = (struct slice){s->bytes ? s->bytes + offset : NULL, (size_t)len};
	return 0;
}

int source_read(const struct source *s, uint64_t offset, void *buf, size_t len,
		struct error *err)
{
	struct slice mapped;
	int r = source_map(s, offset, len, &mapped, err);
	if (r < 0)
		return r;
	if (s->whole)
		return source_read(s->whole, s->begin + offset, buf, len, err);
	int fd = use(s);
	if (fd >= 0)
		r = read_all(fd, offset, buf, len, err);
	unuse(s);
	if (fd < 0 && len > 0) {
		struct source *shared = (struct source *)(uintptr_t)s;
		source_enter(shared);
		memcpy(buf, mapped.data, len);
		r = source_leave(shared, offset, len, err);
	}
	return r;
}

int source_load(const struct source *s, struct arena *a, uint64_t offset, uint64_t len,
		struct cursor *ret, struct error *err)
{
	struct slice mapped;
	int r = source_map(s, offset, len, &mapped, err);
	if (r < 0)
		return r;
	uint8_t *buf = arena_alloc(a, (size_t)len);
	if (!buf)
		return error_set(err, ENOMEM, "no memory for %" PRIu64 " bytes of metadata", len);
	r = source_read(s, offset, buf, (size_t)len, err);
	if (r == 0)
		*ret = cursor_over((struct slice){buf, (size_t)len});
	return r;
}

void source_enter(struct source *s)
{
	source_enter_both(s, NULL);
}

void source_enter_both(struct source *a, struct source *b)
{
	guarded[0] = a && a->whole ? a->whole : a;
	guarded[1] = b && b->whole ? b->whole : b;
	atomic_signal_fence(memory_order_seq_cst);
}

void source_leave_unchecked(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	guarded[0] = guarded[1] = NULL;
}

int source_leave(struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	source_leave_unchecked();
	return source_check(s, offset, len, err);
}

static bool maps(const struct source *s, uintptr_t at)
{
	return s && at >= (uintptr_t)s->bytes && at - (uintptr_t)s->bytes < s->size;
}

bool source_copy(void *to, const void *from, size_t len)
{
	sigjmp_buf here;
	bool fine = sigsetjmp(here, 0) == 0;
	if (fine) {
		way_out = &here;
		atomic_signal_fence(memory_order_seq_cst);
		memcpy(to, from, len);
		atomic_signal_fence(memory_order_seq_cst);
	}
	way_out = NULL;
	return fine;
}

/* Records the hole.  Runs in the signal handler, possibly in several threads at once. */
static void note_hole(struct source *s, uint64_t hole)
{
	size_t len = (s->size / page / 64 + 1) * sizeof(uint64_t);
	_Atomic uint64_t *holes = atomic_load(&s->holes), *fresh;
	if (!holes) {
		fresh = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (fresh == MAP_FAILED) {
			lose(s, hole);
			return;
		}
		if (atomic_compare_exchange_strong(&s->holes, &holes, fresh))
			holes = fresh;
		else
			munmap(fresh, len); /* another thread was first: `holes` is its bitmap now */
	}
	atomic_fetch_or(&holes[hole / page / 64], UINT64_C(1) << hole / page % 64);
}

/* In source_copy(), jumps out.  In a guarded mapping, records the hole, for
 * source_leave() to report, then maps a page of zeros over it, so that the access goes
 * on.  The order matters: another thread that reads these zeros must find the hole
 * recorded.  Any other SIGBUS is a bug of ours and gets the default action. */
static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr & ~(uintptr_t)(page - 1);
	struct source *s = maps(guarded[0], at) ? guarded[0] : maps(guarded[1], at) ? guarded[1] : NULL;
	int saved = errno;

	if (way_out) {
		/* Our handler blocks no signals, but a sanitizer's, which calls it, blocks all. */
		pthread_sigmask(SIG_SETMASK, &((ucontext_t *)context)->uc_sigmask, NULL);
		siglongjmp(*way_out, 1);
	}
	if (s)
		note_hole(s, at - (uintptr_t)s->bytes);
	if (!s || mmap((void *)at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		signal(sig, SIG_DFL); /* the access faults again and kills the process */
	errno = saved;
}

int source_guard(void)
{
	struct sigaction act = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigemptyset(&act.sa_mask);
	page = (size_t)sysconf(_SC_PAGESIZE);
	return sigaction(SIGBUS, &act, NULL) < 0 ? -errno : 0;
}
