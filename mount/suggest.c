/* SPDX-License-Identifier: MIT */
#include "mount/suggest.h"

#include <string.h>
#include <strings.h>

/* Longer words are compared by what they begin and end with only. */
enum { LONGEST = 63, SHORTEST_PART = 3, FAR = 1u << 30 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters have to be added, left out, changed or swapped with the next one (optimal string
 * alignment). */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]), least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		unsigned *spare = before;
		before = last, last = now, now = spare;
	}
	return last[m];
}

/* Is one the beginning or the end of the other? */
static bool is_part(const char *a, size_t n, const char *b, size_t m)
{
	return n >= SHORTEST_PART && n < m && (strncasecmp(a, b, n) == 0 || strncasecmp(a, b + (m - n), n) == 0);
}

/* A few letters more count less than a part of the word, of which there may be many. */
static unsigned cost(const char *a, size_t n, const char *b, size_t m)
{
	if (n == 0 || m == 0)
		return FAR;
	if (n == m && strncasecmp(a, b, n) == 0)
		return 0;
	unsigned apart = n <= LONGEST && m <= LONGEST ? distance(a, n, b, m) : FAR;
	size_t longer = n > m ? n : m;
	if (apart <= (longer > 5 ? longer / 3 : 1) && apart < least((unsigned)n, (unsigned)m))
		return apart;
	if (is_part(a, n, b, m) || is_part(b, m, a, n))
		return LONGEST + (unsigned)(longer - (n < m ? n : m));
	return FAR;
}

void suggest(struct suggestion *s, struct slice candidate)
{
	unsigned c = cost(s->word, strlen(s->word), (const char *)candidate.data, candidate.len);
	if (c < FAR && (!s->best.data || c < s->cost)) {
		s->best = candidate;
		s->cost = c;
	}
}
