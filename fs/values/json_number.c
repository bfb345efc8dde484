/* SPDX-License-Identifier: MIT */
#include "fs/values/json_impl.h"
#include "fs/values/number.h"

/* Reads the digits at p; NULL on overflow. */
static const uint8_t *whole_number(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	uint64_t value = 0, some = 0;
	for (unsigned n = 8; n == 8 && end - p >= 8; p += n) {
		if ((n = number_eight_digits(p, &some)) == 0)
			break;
		if (__builtin_mul_overflow(value, tens[n], &value) || __builtin_add_overflow(value, some, &value))
			return NULL;
	}
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value))
			return NULL;
	*ret = value;
	return p;
}

bool json_digits(struct cursor *c, uint64_t *ret)
{
	const uint8_t *p = whole_number(c->pos, c->end, ret);
	if (!p || p == c->pos || (p - c->pos > 1 && *c->pos == '0'))
		return false;
	c->pos = p;
	return true;
}

uint64_t json_u64(struct json *j)
{
	uint64_t value = 0;
	bool digit = j->c.pos < j->c.end && *j->c.pos >= '0' && *j->c.pos <= '9';
	if (!digit && (json_peek(j) != JSON_NUMBER || *j->c.pos == '-')) {
		json_fail(j, "a number without a sign is expected");
		return 0;
	}
	const uint8_t *start = j->c.pos, *p = whole_number(start, j->c.end, &value);
	if (!p)
		json_fail(j, "a number is too large");
	else if (p - start > 1 && *start == '0')
		json_fail(j, "a number begins with 0");
	else if (p < j->c.end && (*p == '.' || *p == 'e' || *p == 'E'))
		json_fail(j, "a whole number is expected");
	if (j->failed)
		return 0;
	j->c.pos = p;
	return value;
}

static size_t digits(const uint8_t *p, const uint8_t *end)
{
	size_t n = 0;
	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/* Is DIGITS × 10^exponent beyond the largest double, 1.7976931348623157e308? */
static bool beyond_double(struct slice whole, struct slice part, int64_t exponent)
{
	static const char largest[] = "17976931348623157";
	uint8_t first[sizeof largest - 1];
	size_t n = 0;
	int64_t magnitude = (int64_t)whole.len - 1 + exponent;

	for (size_t i = 0; i < whole.len + part.len && n < sizeof first; i++) {
		uint8_t digit = i < whole.len ? whole.data[i] : part.data[i - whole.len];
		if (n == 0 && digit == '0')
			magnitude--;
		else
			first[n++] = digit;
	}
	if (n == 0 || magnitude != 308)
		return n > 0 && magnitude > 308;
	return memcmp(first, largest, n) > 0;
}

/* Even a number that is skipped must be valid, and within a double's range: the reference
 * reader refuses others. */
void json_skip_number(struct json *j)
{
	const uint8_t *p = j->c.pos + (*j->c.pos == '-'), *end = j->c.end;
	struct slice whole = {p, digits(p, end)}, part = {p, 0};
	int64_t exponent = 0;
	bool bad = whole.len == 0 || (whole.len > 1 && *p == '0');

	p += whole.len;
	if (p < end && *p == '.') {
		part = (struct slice){p + 1, digits(p + 1, end)};
		bad |= part.len == 0;
		p += 1 + part.len;
	}
	if (p < end && (*p | 32) == 'e') {
		bool negative = ++p < end && *p == '-';
		p += p < end && (*p == '-' || *p == '+');
		size_t n = digits(p, end);
		bad |= n == 0;
		for (size_t i = 0; i < n && exponent < (int64_t)1 << 40; i++)
			exponent = exponent * 10 + (p[i] - '0');
		exponent = negative ? -exponent : exponent;
		p += n;
	}
	if (bad)
		json_fail(j, "a number is not valid");
	else if (beyond_double(whole, part, exponent))
		json_fail(j, "a number is out of range");
	else
		j->c.pos = p;
}
