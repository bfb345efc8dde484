/* SPDX-License-Identifier: MIT */
#include "fs/values/summary.h"

#include <math.h>

#include "fs/values/summary_impl.h"

enum { WIDEST = 32 }; /* bytes of an element */

/* --- how elements are taken ------------------------------------------------------------- */

static bool is_whole(enum dtype_kind kind)
{
	return kind == KIND_BOOL || kind == KIND_SIGNED || kind == KIND_UNSIGNED || (kind >= KIND_DATE && kind <= KIND_DECIMAL);
}

static enum summary_kind kind_of(const struct array *a)
{
	enum dtype_kind kind = dtype_kind(a->dtype);
	if (widen_exists(a) || kind == KIND_FLOAT)
		return SUMMARY_REAL;
	if (kind == KIND_COMPLEX)
		return SUMMARY_COMPLEX;
	return is_whole(kind) ? SUMMARY_WHOLE : SUMMARY_NONE;
}

bool summary_exists(const struct array *a)
{
	uint64_t bits = a->dtype < DTYPE_STRING ? dtype_bits(a) : 0;
	bool unread = a->quant && a->quant->blocks != QUANT_NONE && !widen_exists(a);
	return bits > 0 && bits <= 8 * WIDEST && !a->reference && !unread && kind_of(a) != SUMMARY_NONE;
}

void summary_init(struct summary_plan *ret, const struct array *a)
{
	uint32_t bits = (uint32_t)dtype_bits(a);
	enum dtype_kind kind = dtype_kind(a->dtype);
	*ret = (struct summary_plan){.array = a, .kind = kind_of(a), .dtype = a->dtype, .elements = 1, .bytes = bits / 8};
	ret->not_a_time = bits == 64 && (kind == KIND_TIMESTAMP || kind == KIND_DURATION);
	ret->turn = a->byteorder == BYTEORDER_BIG && bits > 8;
	/* Floats of 16 and of 8 bits are added up as they are. */
	ret->widened = widen_exists(a) && !(kind == KIND_FLOAT && bits % 8 == 0);
	if (widen_exists(a))
		widen_init(&ret->widen, a);
	if (ret->widened) {
		ret->elements = ret->widen.elements;
		ret->bytes = ret->widen.bytes;
		ret->dtype = DTYPE_FLOAT32;
		ret->turn = false;
	} else if (bits < 8) {
		ret->elements = 8 / bits;
		ret->bytes = 1;
		ret->dtype = kind == KIND_SIGNED ? DTYPE_INT8 : DTYPE_UINT8;
	}
	ret->width = (uint8_t)(ret->widened ? sizeof(float) : bits < 8 ? 1 : bits / 8);
}

/* --- one block after another ------------------------------------------------------------- */

/* Elements of less than a byte as bytes; they begin at its lowest bit. */
static void unpack(const struct summary_plan *p, const uint8_t *from, size_t groups, uint8_t *to)
{
	unsigned bits = 8 / p->elements, sign = p->dtype == DTYPE_INT8 ? 1u << (bits - 1) : 0;
	for (size_t i = 0; i < groups; i++)
		for (unsigned k = 0; k < p->elements; k++)
			*to++ = (uint8_t)(((from[i] >> bits * k & ((1u << bits) - 1)) ^ sign) - sign);
}

static void turn(const uint8_t *from, size_t n, unsigned bytes, uint8_t *to)
{
#define TURN(type, swap)                                                    \
	for (size_t i = 0; i < n; i++) {                                    \
		type t_ = swap(LOAD(type, from, i));                        \
		memcpy(to + i * sizeof t_, &t_, sizeof t_);                 \
	}                                                                   \
	break
	switch (bytes) {
	case 2: TURN(uint16_t, __builtin_bswap16);
	case 4: TURN(uint32_t, __builtin_bswap32);
	case 8: TURN(uint64_t, __builtin_bswap64);
	default:
		for (size_t i = 0; i < n * bytes; i += bytes)
			for (unsigned k = 0; k < bytes; k++)
				to[i + k] = from[i + bytes - 1 - k];
	}
#undef TURN
}

/* What a bool is that is neither 0 nor 1. */
static void truths(const uint8_t *from, size_t n, uint8_t *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i] != 0;
}

/* Elements of group bytes as they are added up: in `room`, or where they are. */
static const uint8_t *prepare(const struct summary_plan *p, const uint8_t *from, uint64_t at, size_t n, uint8_t *room)
{
	size_t groups = (n + p->elements - 1) / p->elements;
	if (p->widened)
		widen_run(&p->widen, from, at, groups, (float *)(void *)room);
	else if (p->elements > 1)
		unpack(p, from, groups, room);
	else if (p->turn && p->kind == SUMMARY_COMPLEX)
		turn(from, 2 * n, p->width / 2, room);
	else if (p->turn)
		turn(from, n, p->width, room);
	else if (p->dtype == DTYPE_BOOL)
		truths(from, n, room);
	else
		return from;
	return room;
}

/* Those that are not null, closed up in `room`, which may be where they are. */
static size_t take_valid(const struct summary_valid *valid, uint64_t at, const uint8_t *from, size_t n, unsigned width, uint8_t *room)
{
	uint64_t slot = at / valid->each - valid->first, left = valid->each - at % valid->each;
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (valid->slots[slot]) {
			memmove(room + kept * width, from + i * width, width);
			kept++;
		}
		if (--left == 0) {
			left = valid->each;
			slot++;
		}
	}
	return kept;
}

static bool has_nulls(const struct summary_valid *valid, uint64_t at, size_t n)
{
	if (!valid || !valid->slots)
		return false;
	uint64_t first = at / valid->each, last = (at + n - 1) / valid->each;
	return memchr(valid->slots + (first - valid->first), 0, (size_t)(last - first + 1)) != NULL;
}

void summary_blocks(const struct summary_plan *p, const uint8_t *from, uint64_t at, uint64_t count,
		    const struct summary_valid *valid, summary_each *each, void *arg)
{
	_Alignas(32) uint8_t room[SUMMARY_BLOCK * WIDEST / 2 + WIDEN_GROUP * sizeof(float)];
	size_t most = p->width > WIDEST / 2 ? SUMMARY_BLOCK / 2 : SUMMARY_BLOCK, n;
	for (; count > 0; count -= n, at += n, from += n / p->elements * p->bytes) {
		n = count < most ? (size_t)count : most;
		size_t kept = n;
		const uint8_t *block = prepare(p, from, at, n, room);
		if (has_nulls(valid, at, n)) {
			kept = take_valid(valid, at, block, n, p->width, room);
			block = room;
		}
		if (kept > 0)
			each(p, block, kept, arg);
	}
}

/* --- adding up ----------------------------------------------------------------------------- */

void summary_merge(struct summary_moments *m, const struct summary_moments *more)
{
	if (more->count == 0)
		return;
	uint64_t all = m->count + more->count;
	long double share = (long double)more->count / (long double)all, apart = more->mean - m->mean;
	m->squares += more->squares + apart * apart * (long double)m->count * share;
	m->mean += apart * share;
	m->count = all;
}

void summary_add(struct summary_moments *m, size_t n, long double pivot, long double sum, double squares)
{
	long double apart = sum / (long double)n, rest = (long double)squares - sum * apart;
	summary_merge(m, &(struct summary_moments){n, pivot + apart, rest > 0 ? rest : 0});
}

static void add_block(const struct summary_plan *p, const uint8_t *block, size_t n, void *arg)
{
	struct summary *r = arg;
	r->count += n;
	if (p->kind == SUMMARY_WHOLE)
		summary_wholes(p, block, n, r);
	else if (p->kind == SUMMARY_COMPLEX)
		summary_complex(p, block, n, r);
	else
		summary_reals(p, block, n, r);
}

/* Of 8 bits it is enough to count each; by turns in several tables, as the same often follows itself. */
enum { TABLES = 4 };
struct codes {
	uint64_t count[TABLES][256];
};

static void count_codes(const struct summary_plan *p, const uint8_t *block, size_t n, void *arg)
{
	struct codes *c = arg;
	size_t i = 0;
	(void)p;
	for (; i + TABLES <= n; i += TABLES)
		for (size_t k = 0; k < TABLES; k++)
			c->count[k][block[i + k]]++;
	for (; i < n; i++)
		c->count[0][block[i]]++;
}

static void add_codes(const struct summary_plan *p, const struct codes *c, struct summary *r)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t times = 0;
		for (size_t k = 0; k < TABLES; k++)
			times += c->count[k][i];
		r->count += times;
		if (times > 0)
			(p->kind == SUMMARY_WHOLE ? summary_whole_code : summary_real_code)(p, (uint8_t)i, times, r);
	}
}

void summary_run(const struct summary_plan *p, const uint8_t *from, uint64_t at, uint64_t count,
		 const struct summary_valid *valid, struct summary *r)
{
	if (p->width > 1) {
		summary_blocks(p, from, at, count, valid, add_block, r);
		return;
	}
	struct codes c = {0};
	summary_blocks(p, from, at, count, valid, count_codes, &c);
	add_codes(p, &c, r);
}

void summary_join(struct summary *r, const struct summary *part)
{
	bool first = r->parts[0].count == 0, none = part->parts[0].count == 0;
	r->count += part->count;
	r->zeros += part->zeros;
	r->nan += part->nan;
	r->inf += part->inf;
	if (none)
		return;
	r->least = first || part->least < r->least ? part->least : r->least;
	r->most = first || part->most > r->most ? part->most : r->most;
	if (first || summary_whole_less(&part->least_whole, &r->least_whole))
		r->least_whole = part->least_whole;
	if (first || summary_whole_less(&r->most_whole, &part->most_whole))
		r->most_whole = part->most_whole;
	for (int i = 0; i < 2; i++)
		summary_merge(&r->parts[i], &part->parts[i]);
}

double summary_mean(const struct summary *r, unsigned part)
{
	return r->parts[0].count ? (double)r->parts[part].mean : (double)NAN;
}

double summary_deviation(const struct summary *r)
{
	long double n = (long double)r->parts[0].count;
	return n > 0 ? (double)sqrtl((r->parts[0].squares + r->parts[1].squares) / n) : (double)NAN;
}
