/* SPDX-License-Identifier: MIT */
/* Many numbers of a list at once. */
#include "formats/jsonl/impl.h"

#include "fs/values/number.h"

static bool exact(uint64_t n)
{
	return n == 0 || 64 - __builtin_clzll(n) - __builtin_ctzll(n) <= 53;
}

/* What is seen of a number that is in no way strange; false: it is, and read as any other value. */
static bool note(const uint8_t *p, const uint8_t *end, const uint8_t **behind, struct records_numbers *n)
{
	struct number number;
	bool far;
	*behind = number_pass(p, end, NUMBER_JSON, &number, &far);
	if (!*behind || far)
		return false;
	if (!number.integer) {
		n->seen |= 1u << RECORD_FLOAT64;
		return true;
	}
	if (!number.fits || (number.negative && number.mantissa > UINT64_C(1) << 63))
		return false;
	n->seen |= 1u << RECORD_INT;
	n->negative |= number.negative && number.mantissa;
	n->beyond |= !number.negative && number.mantissa > INT64_MAX;
	n->inexact |= !exact(number.mantissa);
	return true;
}

/* Writes it, if it is of the type. */
static bool put(const uint8_t *p, const uint8_t *end, const uint8_t **behind, struct records_numbers *n)
{
	struct number number;
	uint64_t bits;
	*behind = number_read(p, end, NUMBER_JSON, &number);
	if (!*behind)
		return false;
	if (n->type == RECORDS_FLOAT64) {
		double value = number_double(&number, p, *behind);
		memcpy(&bits, &value, sizeof bits);
	} else {
		bool fits = number.fits && (!number.negative || number.mantissa <= UINT64_C(1) << 63);
		if (!fits || (n->type == RECORDS_INT64 && !number.negative && number.mantissa > INT64_MAX))
			return false;
		bits = number.negative ? -number.mantissa : number.mantissa;
	}
	bits = htole64(bits);
	memcpy(n->out + 8 * n->count, &bits, sizeof bits);
	return true;
}

/* One number; false: it is to be read as any other value. */
static bool take_one(const uint8_t *p, const uint8_t *end, const uint8_t **behind, struct records_numbers *n)
{
	if (!(n->out ? put(p, end, behind, n) : note(p, end, behind, n)))
		return false;
	n->raw += (uint64_t)(*behind - p);
	n->count++;
	return true;
}

/* Numbers, one after another, with commas between them; what is none is left to next(). */
void jsonl_feed_numbers(struct records_feed *feed, struct records_numbers *n)
{
	enum { MANY = 4 }; /* where those at p are not read at once, so many are read one by one */
	struct jsonl_feed *f = (struct jsonl_feed *)feed;
	if (f->feed.failed || f->depth == 0 || f->object[f->depth - 1] || f->value)
		return;
	if (n->out && n->type != RECORDS_FLOAT64 && n->type != RECORDS_INT64 && n->type != RECORDS_UINT64)
		return;
	uint64_t most = n->out ? n->room : UINT64_MAX, next = n->count;
	while (n->count < most) {
		const uint8_t *p = jsonl_pass_white(f, f->p), *behind = p;
		if (!f->first) {
			if (p == f->end || *p != ',')
				return;
			behind = p = jsonl_pass_white(f, p + 1);
		}
		if (n->count >= next) {
			behind = jsonl_numbers(p, f->end, n);
			next = n->count + (behind == p ? MANY : 0);
		}
		if (behind == p && !take_one(p, f->end, &behind, n))
			return;
		f->p = behind;
		f->first = false;
	}
}
