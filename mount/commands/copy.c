/* SPDX-License-Identifier: MIT */
#include "mount/commands/copy.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes that are decoded in parallel at a time. */
enum { PIECE = 8 << 20 };

/* EFAULT, a hole in the mapping, is the archive's fault; everything else is the writer's. */
static int write_spans(struct copy *c, struct answer *a, struct error *err)
{
	struct iovec *v = a->spans;
	size_t left = a->count;
	while (left > 0) {
		ssize_t n = writev(c->out, v, left < IOV_MAX ? (int)left : IOV_MAX);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EFAULT)
			return error_set(err, EIO, "the file was cut short, or cannot be read");
		if (n < 0) {
			c->writing = true;
			return error_set(err, errno, "%s", strerror(errno));
		}
		while (left > 0 && (size_t)n >= v->iov_len)
			n -= (ssize_t)v->iov_len, v++, left--;
		if (left > 0)
			v->iov_base = (char *)v->iov_base + n, v->iov_len -= (size_t)n;
	}
	return 0;
}

/* --- pieces, read ahead by a thread while others are being written ---------- */

/* One piece is being written, one waits, one is being read: this bounds the memory. */
enum { PIECES = 3 };

struct reader {
	struct mirror *m;
	const struct mirror_ref *ref;
	int fd;
	uint64_t at, end;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned made, taken; /* totals */
	bool stop;
	struct piece {
		struct answer a;
		struct error err;
		int r;
		bool last;
	} pieces[PIECES];
};

static void read_piece(struct reader *q, struct piece *p)
{
	uint64_t want = q->end - q->at < PIECE ? q->end - q->at : PIECE;
	p->err = (struct error){0};
	answer_init(&p->a);
	p->r = mirror_read(q->m, q->ref, q->fd, q->at, want, &p->a, &p->err);
	q->at += p->a.len;
	p->last = p->r != 0 || p->a.len < PIECE || q->at == q->end;
}

/* Faults in the pages of mapped spans in one go, which write() would do one by one. If it
 * fails, write() fails as well and reports it. */
static void populate(const struct answer *a)
{
	const uintptr_t page = 4095;
	for (size_t i = 0; i < a->count; i++) {
		uintptr_t begin = (uintptr_t)a->spans[i].iov_base & ~page, end = (uintptr_t)a->spans[i].iov_base + a->spans[i].iov_len;
		if (end - begin >= 1 << 20)
			madvise((void *)begin, end - begin, MADV_POPULATE_READ);
	}
}

static void *read_ahead(void *arg)
{
	struct reader *q = arg;
	pthread_mutex_lock(&q->lock);
	for (bool last = false; !last;) {
		while (q->made - q->taken == PIECES && !q->stop)
			pthread_cond_wait(&q->changed, &q->lock);
		if (q->stop)
			break;
		struct piece *p = &q->pieces[q->made % PIECES];
		pthread_mutex_unlock(&q->lock);
		read_piece(q, p);
		populate(&p->a);
		last = p->last;
		pthread_mutex_lock(&q->lock);
		q->made++;
		pthread_cond_signal(&q->changed);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* Waits for the next piece, and returns the previous one to the reader. */
static struct piece *next_piece(struct reader *q)
{
	pthread_mutex_lock(&q->lock);
	q->taken++;
	pthread_cond_signal(&q->changed);
	while (q->made == q->taken)
		pthread_cond_wait(&q->changed, &q->lock);
	pthread_mutex_unlock(&q->lock);
	return &q->pieces[q->taken % PIECES];
}

static int write_piece(struct copy *c, struct piece *p, struct error *err)
{
	int r = p->r < 0 ? error_set(err, -p->r, "%s", p->err.text[0] ? p->err.text : strerror(-p->r)) : write_spans(c, &p->a, err);
	if (r == 0 && c->progress)
		r = c->progress(c->arg, p->a.len);
	return r;
}

/* Most files are a single piece, for which no thread is started. */
static int copy_pieces(struct reader *q, struct copy *c, struct error *err)
{
	pthread_t thread;
	struct piece *p = &q->pieces[0];
	read_piece(q, p);
	q->made = 1;
	bool last = p->last, ahead = !last && pthread_create(&thread, NULL, read_ahead, q) == 0;
	int r = write_piece(c, p, err);
	answer_close(&p->a);
	while (r == 0 && !last) {
		if (ahead)
			p = next_piece(q);
		else
			read_piece(q, p);
		last = p->last;
		r = write_piece(c, p, err);
		answer_close(&p->a);
	}
	if (!ahead)
		return r;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	pthread_join(thread, NULL);
	while (++q->taken < q->made)
		answer_close(&q->pieces[q->taken % PIECES].a);
	return r;
}

/* Checks that the copy reached the end. A file passed through may have been truncated
 * meanwhile; that is an early end. In an archive, the size may have been corrected
 * meanwhile, so it is queried again. */
static int check_end(const struct reader *q, struct stat *st, struct error *err)
{
	int r = q->ref->open ? mirror_stat(q->m, q->ref, q->fd, st, err) : 0;
	if (r < 0)
		return r;
	uint64_t size = (uint64_t)st->st_size, end = q->end < size ? q->end : size;
	return q->at >= end ? 0 : error_set(err, EIO, "ends early, at byte %" PRIu64 " of %" PRIu64, q->at, end);
}

int copy_file(struct mirror *m, const struct mirror_ref *ref, struct copy *c, struct error *err)
{
	struct reader q = {.m = m, .ref = ref, .at = c->begin, .end = c->len ? c->begin + c->len : UINT64_MAX,
			   .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct stat st;
	int r = mirror_open_file(m, ref, &q.fd, err);
	if (r < 0)
		return error_set(err, -r, "%s", strerror(-r));
	r = mirror_stat(m, ref, q.fd, &st, err);
	if (r == 0)
		r = copy_pieces(&q, c, err);
	if (r == 0)
		r = check_end(&q, &st, err);
	mirror_close_file(m, q.fd);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : r;
}
