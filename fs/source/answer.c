/* SPDX-License-Identifier: MIT */
#include "fs/source/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; older kernels reject it, and nothing is faulted in */
#endif

struct pin {
	struct pin *next;
	void (*release)(void *);
	void *object;
};

/* What spans of zeros point to. */
static const uint8_t zeros[1 << 16];

void answer_init(struct answer *a)
{
	a->spans = a->few;
	a->room = sizeof a->few / sizeof *a->few;
	a->count = 0;
	a->len = 0;
	a->pins = NULL;
	a->gone = NULL;
	a->lent = NULL;
	a->lent_len = a->lent_used = 0;
}

void answer_lend(struct answer *a, uint8_t *bytes, size_t len)
{
	a->lent = bytes;
	a->lent_len = len;
	a->lent_used = 0;
}

void answer_reset(struct answer *a)
{
	answer_close(a);
	a->room = sizeof a->few / sizeof *a->few;
}

static void release_pins(struct answer *a)
{
	for (struct pin *p = a->pins, *next; p; p = next) {
		next = p->next;
		p->release(p->object);
		free(p);
	}
	a->pins = NULL;
}

void answer_close(struct answer *a)
{
	release_pins(a);
	if (a->spans != a->few)
		free(a->spans);
	a->spans = a->few;
	a->count = 0;
	a->len = 0;
	a->lent_used = 0;
}

static int grow(struct answer *a)
{
	size_t room = a->room * 2;
	struct iovec *spans = malloc(room * sizeof *spans);
	if (!spans)
		return -ENOMEM;
	memcpy(spans, a->spans, a->count * sizeof *spans);
	if (a->spans != a->few)
		free(a->spans);
	a->spans = spans;
	a->room = room;
	return 0;
}

static int append(struct answer *a, void *bytes, size_t len)
{
	struct iovec *last = a->count ? &a->spans[a->count - 1] : NULL;
	if (a->gone && atomic_load_explicit(a->gone, memory_order_relaxed))
		return -EINTR;
	if (len == 0)
		return 0;
	if (last && (uint8_t *)last->iov_base + last->iov_len == bytes) {
		last->iov_len += len;
	} else {
		if (a->count == a->room && grow(a) < 0)
			return -ENOMEM;
		a->spans[a->count++] = (struct iovec){bytes, len};
	}
	a->len += len;
	return 0;
}

int answer_bytes(struct answer *a, const void *bytes, size_t len)
{
	return append(a, (void *)(uintptr_t)bytes, len);
}

int answer_zeros(struct answer *a, uint64_t len)
{
	int r = 0;
	for (size_t n; len > 0 && r == 0; len -= n) {
		n = len < sizeof zeros ? (size_t)len : sizeof zeros;
		r = answer_bytes(a, zeros, n);
	}
	return r;
}

static int pin(struct answer *a, void (*release)(void *), void *object)
{
	struct pin *p = malloc(sizeof *p);
	if (!p) {
		release(object);
		return -ENOMEM;
	}
	*p = (struct pin){a->pins, release, object};
	a->pins = p;
	return 0;
}

int answer_pinned(struct answer *a, const void *bytes, size_t len, void (*release)(void *), void *object)
{
	int r = pin(a, release, object);
	return r < 0 ? r : answer_bytes(a, bytes, len);
}

/* As aligned as malloc()'s; NULL if it does not fit. */
static uint8_t *take_lent(struct answer *a, size_t len)
{
	size_t begin = (a->lent_used + 15) & ~(size_t)15;
	if (!a->lent || begin > a->lent_len || len > a->lent_len - begin)
		return NULL;
	a->lent_used = begin + len;
	return a->lent + begin;
}

int answer_own(struct answer *a, size_t len, uint8_t **ret)
{
	if ((*ret = take_lent(a, len)))
		return append(a, *ret, len);
	*ret = malloc(len ? len : 1);
	int r = *ret ? pin(a, free, *ret) : -ENOMEM;
	return r < 0 ? r : append(a, *ret, len);
}

int answer_source(struct answer *a, const struct source *s, uint64_t offset, uint64_t len, struct error *err)
{
	struct slice range;
	uint8_t *copy;
	int r = source_map(s, offset, len, &range, err);
	if (r == 0 && s->whole)
		return answer_source(a, s->whole, s->begin + offset, len, err);
	if (r < 0 || s->dir < 0 || len == 0)
		return r < 0 ? r : answer_bytes(a, range.data, range.len);
	uint64_t last = (offset + len - 1) & ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	size_t mapped = last < offset ? 0 : (size_t)(last - offset) + 1, rest = (size_t)len - mapped;
	bool whole = true;
	if (mapped)
		r = answer_bytes(a, s->served + offset, mapped);
	if (r == 0 && rest && (r = answer_own(a, rest, &copy)) == 0)
		whole = source_copy(copy, s->served + offset + mapped, rest);
	if (r == 0)
		r = source_check(s, offset, len, err);
	return r == 0 && !whole ? error_set(err, EIO, "the file cannot be read at byte %" PRIu64, offset + mapped) : r;
}

int answer_move(struct answer *a, struct answer *from)
{
	struct pin **last = &a->pins;
	int r = 0;
	for (size_t i = 0; i < from->count && r == 0; i++)
		r = append(a, from->spans[i].iov_base, from->spans[i].iov_len);
	while (*last)
		last = &(*last)->next;
	*last = from->pins; /* even on failure: spans appended so far need their pins */
	from->pins = NULL;
	answer_reset(from);
	return r;
}

int answer_join(struct answer *a, struct answer *other, void (*release)(void *), void *object)
{
	int r = pin(a, release, object);
	if (r == 0)
		return answer_move(a, other);
	answer_reset(other);
	return r;
}

void answer_cut(struct answer *a, uint64_t len)
{
	while (a->len > len) {
		struct iovec *last = &a->spans[a->count - 1];
		uint64_t over = a->len - len, n = over < last->iov_len ? over : last->iov_len;
		last->iov_len -= (size_t)n;
		a->len -= n;
		a->count -= last->iov_len == 0;
	}
}

void answer_await(const struct answer *a)
{
	enum { PAGE = 4096 };
	for (size_t i = 0; i < a->count; i++) {
		uint8_t *bytes = a->spans[i].iov_base;
		size_t before = (uintptr_t)bytes % PAGE;
		madvise(bytes - before, a->spans[i].iov_len + before, MADV_POPULATE_READ);
	}
}

static bool is_lent(const struct answer *a, const struct iovec *span)
{
	const uint8_t *bytes = span->iov_base;
	return a->lent && bytes >= a->lent && bytes < a->lent + a->lent_len;
}

int answer_gather(struct answer *a, struct error *err)
{
	size_t elsewhere = 0;
	for (size_t i = 0; i < a->count; i++)
		elsewhere += is_lent(a, &a->spans[i]) ? 0 : a->spans[i].iov_len;
	if (elsewhere > a->lent_len - a->lent_used)
		return -ENOMEM;
	size_t n = 0;
	for (size_t i = 0; i < a->count; i++) {
		struct iovec span = a->spans[i], *last = n ? &a->spans[n - 1] : NULL;
		if (!is_lent(a, &span)) {
			uint8_t *to = a->lent + a->lent_used;
			if (!source_copy(to, span.iov_base, span.iov_len))
				return error_set(err, EIO, "the file was cut short, or cannot be read");
			span.iov_base = to;
			a->lent_used += span.iov_len;
		}
		if (last && (uint8_t *)last->iov_base + last->iov_len == span.iov_base)
			last->iov_len += span.iov_len;
		else
			a->spans[n++] = span;
	}
	a->count = n;
	release_pins(a);
	return 0;
}

int answer_detach(struct answer *a, struct error *err)
{
	struct answer copy;
	uint8_t *to;
	answer_init(&copy);
	int r = answer_own(&copy, (size_t)a->len, &to);
	r = r < 0 ? error_no_memory(err, "a copy") : answer_copy(a, to, err);
	answer_reset(a);
	if (r == 0)
		r = answer_move(a, &copy);
	answer_close(&copy);
	return r;
}

int answer_take(struct answer_place *p, size_t len, uint8_t *to, struct error *err)
{
	while (len > 0 && p->span < p->from->count) {
		const struct iovec *v = &p->from->spans[p->span];
		size_t n = v->iov_len - p->at < len ? v->iov_len - p->at : len;
		if (!source_copy(to, (const uint8_t *)v->iov_base + p->at, n))
			return error_set(err, EIO, "the file was cut short, or cannot be read");
		to += n;
		len -= n;
		p->at += n;
		if (p->at == v->iov_len)
			p->span++, p->at = 0;
	}
	memset(to, 0, len);
	return 0;
}

int answer_copy(const struct answer *a, void *buf, struct error *err)
{
	return answer_take(&(struct answer_place){.from = a}, (size_t)a->len, buf, err);
}
