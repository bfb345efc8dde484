/* SPDX-License-Identifier: MIT */
#include "mount/commands/copy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mirror/open_archives.h"
#include "fs/views/views.h"

struct piece {
	struct answer a;
	struct error err;
	uint64_t at;
	int r;
	bool ready, last;
	bool gathered; /* all in its room, whose pages can be given to a pipe */
};

struct reader {
	struct mirror *m;
	const struct mirror_ref *ref;
	struct copy_memory *memory;
	int fd;
	uint64_t at, end; /* `at`: where the next piece begins */
	uint64_t done;    /* everything before this has been written */
	bool waits;         /* the output is a pipe, a socket or a terminal, whose reader may be slow */
	_Atomic bool gives; /* it is a pipe that takes pages over */
	pthread_mutex_t lock;
	pthread_cond_t ready; /* signalled once the next piece to write is ready */
	pthread_cond_t room;  /* signalled once a piece has been written */
	unsigned begun, taken; /* totals */
	bool stop;
	pthread_t threads[COPY_ROOMS];
	unsigned nthreads;
	struct piece pieces[COPY_ROOMS];
};

/* --- pieces, read by threads while others are being written ----------------- */

/* Faults in the pages of mapped spans at once, which write() would do one by one. If it fails,
 * write() fails as well and reports it. */
static void populate(const struct answer *a)
{
	const uintptr_t page = 4095;
	for (size_t i = 0; i < a->count; i++) {
		uintptr_t begin = (uintptr_t)a->spans[i].iov_base & ~page, end = (uintptr_t)a->spans[i].iov_base + a->spans[i].iov_len;
		if (end - begin >= 1 << 20)
			madvise((void *)begin, end - begin, MADV_POPULATE_READ);
	}
}

/* Copies the piece out of the mapping: the file may be truncated while the output's reader is
 * slow, and the page that contains its new end would read as zeros from there on. */
static int take_out(struct piece *p, const struct copy_room *room)
{
	int r = room ? answer_gather(&p->a, &p->err) : -ENOMEM;
	p->gathered = r == 0;
	return r == -ENOMEM ? answer_detach(&p->a, &p->err) : r;
}

/* `room` may be NULL. */
static void read_piece(struct reader *q, struct piece *p, struct copy_room *room)
{
	uint64_t len = q->end - p->at < COPY_PIECE ? q->end - p->at : COPY_PIECE;
	if (room && !copy_room_renew(room))
		room = NULL;
	bool give = room && atomic_load(&q->gives) && copy_room_fill(room);
	p->err = (struct error){0};
	p->gathered = false;
	answer_init(&p->a);
	if (room)
		answer_lend(&p->a, room->bytes, COPY_ROOM);
	p->r = mirror_read(q->m, q->ref, q->fd, p->at, len, &p->a, &p->err);
	if (p->r == 0 && q->waits)
		p->r = take_out(p, room);
	else
		populate(&p->a);
	p->gathered &= give;
	p->last = p->r != 0 || p->a.len < COPY_PIECE || p->at + p->a.len == q->end;
}

/* Sets where the next piece begins; false if none is left. */
static bool place_piece(struct reader *q, struct piece *p)
{
	if (q->stop || q->at == q->end)
		return false;
	p->at = q->at;
	q->at += q->end - q->at < COPY_PIECE ? q->end - q->at : COPY_PIECE;
	return true;
}

/* Called with the lock held; NULL if no piece is left. */
static struct piece *begin_piece(struct reader *q)
{
	while (q->begun - q->taken == q->memory->count && !q->stop)
		pthread_cond_wait(&q->room, &q->lock);
	struct piece *p = &q->pieces[q->begun % q->memory->count];
	if (!place_piece(q, p))
		return NULL;
	q->begun++;
	return p;
}

static void *read_pieces(void *arg)
{
	struct reader *q = arg;
	struct piece *p;
	pthread_mutex_lock(&q->lock);
	while ((p = begin_piece(q))) {
		pthread_mutex_unlock(&q->lock);
		read_piece(q, p, &q->memory->rooms[p - q->pieces]);
		pthread_mutex_lock(&q->lock);
		p->ready = true;
		q->stop |= p->last;
		if (p == &q->pieces[q->taken % q->memory->count])
			pthread_cond_signal(&q->ready);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* As many threads as there are rooms, but for the piece that is being written and one that
 * waits; no more than pieces are left. */
static void start_threads(struct reader *q, uint64_t size)
{
	uint64_t left = size > q->at ? (size - q->at - 1) / COPY_PIECE + 1 : 1;
	unsigned most = copy_memory_map(q->memory) ? q->memory->count - 2 : 0, n = 0;
	pthread_mutex_lock(&q->lock);
	for (; n < most && n < left && pthread_create(&q->threads[n], NULL, read_pieces, q) == 0; n++)
		;
	q->nthreads = n;
	pthread_mutex_unlock(&q->lock);
}

static struct piece *await_piece(struct reader *q)
{
	pthread_mutex_lock(&q->lock);
	struct piece *p = &q->pieces[q->taken % q->memory->count];
	while (!p->ready)
		pthread_cond_wait(&q->ready, &q->lock);
	pthread_mutex_unlock(&q->lock);
	return p;
}

/* Returns its room to the threads. */
static void close_piece(struct reader *q, struct piece *p)
{
	answer_close(&p->a);
	pthread_mutex_lock(&q->lock);
	p->ready = false;
	q->taken++;
	pthread_cond_signal(&q->room);
	pthread_mutex_unlock(&q->lock);
}

static void stop_threads(struct reader *q)
{
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_broadcast(&q->room);
	pthread_mutex_unlock(&q->lock);
	for (unsigned i = 0; i < q->nthreads; i++)
		pthread_join(q->threads[i], NULL);
	for (; q->taken < q->begun; q->taken++)
		answer_close(&q->pieces[q->taken % q->memory->count].a);
}

/* --- writing ---------------------------------------------------------------- */

/* Drops the first n bytes. */
static void advance(struct answer *a, size_t *at, size_t n)
{
	while (*at < a->count && n >= a->spans[*at].iov_len)
		n -= a->spans[(*at)++].iov_len;
	if (*at < a->count) {
		struct iovec *v = &a->spans[*at];
		*v = (struct iovec){(char *)v->iov_base + n, v->iov_len - n};
	}
}

/* EFAULT, a hole in the mapping, is the archive's fault; everything else is the writer's. A
 * pipe that does not take pages gets the bytes. */
static int write_spans(struct reader *q, struct copy *c, struct piece *p, struct error *err)
{
	struct answer *a = &p->a;
	for (size_t at = 0; at < a->count;) {
		int count = a->count - at < IOV_MAX ? (int)(a->count - at) : IOV_MAX;
		bool give = p->gathered && atomic_load(&q->gives);
		if (give)
			q->memory->rooms[p - q->pieces].given = true;
		ssize_t n = give ? vmsplice(c->out, a->spans + at, (size_t)count, 0) : writev(c->out, a->spans + at, count);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && give && errno != EPIPE && errno != EAGAIN)
			atomic_store(&q->gives, false);
		else if (n < 0 && errno == EFAULT)
			return error_set(err, EIO, "the file was cut short, or cannot be read");
		else if (n < 0) {
			c->writing = true;
			return error_set(err, errno, "%s", strerror(errno));
		} else
			advance(a, &at, (size_t)n);
	}
	return 0;
}

static int write_piece(struct reader *q, struct copy *c, struct piece *p, struct error *err)
{
	uint64_t len = p->a.len;
	int r = write_spans(q, c, p, err);
	if (r < 0)
		return r;
	q->done += len;
	return c->progress ? c->progress(c->arg, len) : 0;
}

/* A piece could not be read: writes what lies before the fault, which shorter reads get. */
static int write_to_fault(struct reader *q, struct copy *c, const struct piece *failed, struct error *err)
{
	uint64_t len = q->end - failed->at < COPY_PIECE ? q->end - failed->at : COPY_PIECE;
	struct piece p = {0};
	for (uint64_t half; len > 1; len = p.r == 0 ? len - half : half) {
		half = len / 2;
		answer_init(&p.a);
		p.r = mirror_read(q->m, q->ref, q->fd, q->done, half, &p.a, &p.err);
		if (p.r == 0 && q->waits)
			p.r = answer_detach(&p.a, &p.err);
		int r = p.r == 0 ? write_piece(q, c, &p, err) : 0;
		bool ends = p.r == 0 && p.a.len < half;
		answer_close(&p.a);
		if (r != 0)
			return r;
		if (ends)
			break;
	}
	return error_set(err, -failed->r, "%s", failed->err.text[0] ? failed->err.text : strerror(-failed->r));
}

static int end_piece(struct reader *q, struct copy *c, struct piece *p, bool *ret_last, struct error *err)
{
	*ret_last = p->last;
	return p->r < 0 ? write_to_fault(q, c, p, err) : write_piece(q, c, p, err);
}

/* Most files are a single piece, for which no thread is started. */
static int copy_pieces(struct reader *q, struct copy *c, uint64_t size, struct error *err)
{
	struct piece own;
	bool last = !place_piece(q, &own);
	int r = 0;
	if (!last) {
		read_piece(q, &own, NULL);
		if (!own.last)
			start_threads(q, size);
		r = end_piece(q, c, &own, &last, err);
		answer_close(&own.a);
	}
	while (r == 0 && !last && !q->nthreads && place_piece(q, &own)) {
		read_piece(q, &own, NULL);
		r = end_piece(q, c, &own, &last, err);
		answer_close(&own.a);
	}
	while (r == 0 && !last && q->nthreads) {
		struct piece *p = await_piece(q);
		r = end_piece(q, c, p, &last, err);
		close_piece(q, p);
	}
	stop_threads(q);
	return r;
}

/* Whether its size is to be asked for before it is read. */
static bool is_sized(const struct mirror_ref *ref)
{
	if (!ref->node)
		return true;
	struct archive *a = &ref->open->archive;
	const struct view *view = &views[ino_view(ref->ino)];
	bool finds_end = !ino_view(ref->ino) ? archive_finds_end(a, ref->node) : view->finds_end && view->finds_end(a, ref->node);
	return !finds_end;
}

/* Checks that the copy reached the end. A file passed through may have been truncated
 * meanwhile; that is an early end. In an archive, the size may have been corrected
 * meanwhile, so it is queried again. */
static int check_end(const struct reader *q, struct stat *st, struct error *err)
{
	int r = q->ref->open && q->done < q->end ? mirror_stat(q->m, q->ref, q->fd, st, err) : 0;
	if (r < 0)
		return r;
	uint64_t size = (uint64_t)st->st_size, end = q->end < size ? q->end : size;
	return q->done >= end ? 0 : error_set(err, EIO, "ends early, at byte %" PRIu64 " of %" PRIu64, q->done, end);
}

static mode_t type_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

/* Lets a pipe take as many pages at a time as it may. */
static bool widen(int fd)
{
	enum { PIPE_MOST = 1 << 20 };
	if (fcntl(fd, F_GETPIPE_SZ) < PIPE_MOST)
		fcntl(fd, F_SETPIPE_SZ, PIPE_MOST);
	return true;
}

int copy_file(struct mirror *m, const struct mirror_ref *ref, struct copy *c, struct error *err)
{
	mode_t out = type_of(c->out);
	struct reader q = {.m = m, .ref = ref, .memory = c->memory, .at = c->begin, .done = c->begin,
			   .end = c->len ? c->begin + c->len : UINT64_MAX,
			   .waits = out == S_IFIFO || out == S_IFSOCK || isatty(c->out), .gives = out == S_IFIFO && widen(c->out),
			   .lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER, .room = PTHREAD_COND_INITIALIZER};
	struct stat st = {.st_size = INT64_MAX};
	bool sized = is_sized(ref);
	q.fd = -1;
	int r = sized ? mirror_open_file(m, ref, &q.fd, err) : 0;
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	if (sized)
		r = mirror_stat(m, ref, q.fd, &st, err);
	if (r == 0)
		r = copy_pieces(&q, c, (uint64_t)st.st_size, err);
	if (r == 0)
		r = check_end(&q, &st, err);
	mirror_close_file(m, q.fd);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : r;
}
