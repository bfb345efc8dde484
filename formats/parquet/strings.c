/* SPDX-License-Identifier: MIT */
/* Encodings.md: values of variable length. First their lengths, so that space can be
 * allocated, then their bytes. */
#include <inttypes.h>

#include "formats/parquet/parquet.h"

/* The file may change between the two passes, so the second uses the lengths that the
 * first recorded. */

static int plain_lengths(struct slice s, uint64_t n, struct strings *m, struct error *err)
{
	const uint8_t *p = s.data;
	size_t left = s.len;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t len = 0;
		if (left >= 4)
			memcpy(&len, p, 4);
		if (left < 4 || len > left - 4)
			return error_set(err, EBADMSG, "value %" PRIu64 " of %" PRIu64 " exceeds its page", i, n);
		m->lengths[i] = len;
		m->total += len;
		p += 4 + (size_t)len;
		left -= 4 + (size_t)len;
	}
	m->rest = s;
	return 0;
}

static int index_lengths(struct decoding *d, struct slice s, uint64_t n, struct strings *m, struct error *err)
{
	const struct dictionary *dict = &d->dictionary;
	if (!d->has_dictionary)
		return error_set(err, EBADMSG, "dictionary indices without a dictionary");
	if (n > 0 && (s.len == 0 || s.data[0] > 32))
		return error_set(err, EBADMSG, "dictionary indices of %d bits", s.len ? s.data[0] : -1);
	m->indices = (uint32_t *)(void *)block_scratch(d->block, (size_t)n * sizeof *m->indices, err);
	if (!m->indices)
		return -ENOMEM;
	if (n == 0)
		return 0;
	struct rle r = pq_rle_over((struct slice){s.data + 1, s.len - 1}, s.data[0]);
	if (!pq_rle_indices(&r, m->indices, n, dict->count))
		return error_set(err, EBADMSG, "too few dictionary indices, or one not below %u", dict->count);
	for (uint64_t i = 0; i < n; i++) {
		m->lengths[i] = dict->ends[m->indices[i] + 1] - dict->ends[m->indices[i]];
		m->total += m->lengths[i];
	}
	return 0;
}

static int sum_lengths(struct strings *m, uint64_t n, struct error *err)
{
	for (uint64_t i = 0; i < n; i++) {
		if (m->lengths[i] > INT32_MAX)
			return error_set(err, EBADMSG, "a value of %d bytes", (int32_t)m->lengths[i]);
		m->total += m->lengths[i];
	}
	return 0;
}

/* DELTA_LENGTH_BYTE_ARRAY: the lengths, then all bytes. */
static int delta_lengths(struct slice s, uint64_t n, struct strings *m, struct error *err)
{
	struct cursor c = cursor_over(s);
	int r = pq_delta_decode(&c, n, 4, m->lengths, err);
	if (r == 0)
		r = sum_lengths(m, n, err);
	if (r == 0 && m->total > cursor_left(&c))
		r = error_set(err, EBADMSG, "values of %" PRIu64 " bytes in %zu", m->total, cursor_left(&c));
	m->rest = cursor_take(&c, cursor_left(&c));
	return r;
}

/* DELTA_BYTE_ARRAY: the length of the prefix shared with the previous value, then the
 * suffixes, as above. */
static int delta_prefixes(struct decoding *d, struct slice s, uint64_t n, struct strings *m, struct error *err)
{
	struct cursor c = cursor_over(s);
	m->prefixes = (uint32_t *)(void *)block_scratch(d->block, (size_t)n * sizeof *m->prefixes, err);
	if (!m->prefixes)
		return -ENOMEM;
	int r = pq_delta_decode(&c, n, 4, m->prefixes, err);
	if (r == 0)
		r = delta_lengths(cursor_take(&c, cursor_left(&c)), n, m, err);
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		uint32_t before = i ? m->lengths[i - 1] : 0;
		if (m->prefixes[i] > before || m->prefixes[i] > INT32_MAX - m->lengths[i])
			r = error_set(err, EBADMSG, "value %" PRIu64 " repeats %u bytes of the previous value's %u", i, m->prefixes[i], before);
		m->lengths[i] += m->prefixes[i];
		m->total += m->prefixes[i];
	}
	return r;
}

int pq_strings_measure(struct decoding *d, int32_t encoding, struct slice s, uint64_t n, struct strings *m, struct error *err)
{
	int r;
	*m = (struct strings){0};
	m->lengths = (uint32_t *)(void *)block_scratch(d->block, (size_t)n * sizeof *m->lengths, err);
	if (!m->lengths)
		return -ENOMEM;
	switch (encoding) {
	case PLAIN: r = plain_lengths(s, n, m, err); break;
	case PLAIN_DICTIONARY:
	case RLE_DICTIONARY: r = index_lengths(d, s, n, m, err); break;
	case DELTA_LENGTH_BYTE_ARRAY: r = n ? delta_lengths(s, n, m, err) : 0; break;
	case DELTA_BYTE_ARRAY: r = n ? delta_prefixes(d, s, n, m, err) : 0; break;
	default: r = error_set(err, ENOTSUP, "strings in encoding %d", encoding);
	}
	if (r == 0 && m->total > UINT32_MAX)
		r = error_set(err, ENOTSUP, "%" PRIu64 " bytes of strings in one page", m->total);
	return r;
}

/* Copies short strings as 16 bytes if the source has that many; the destination always does. */
static inline void copy_short(uint8_t *to, const uint8_t *from, uint32_t len, const uint8_t *end)
{
	if (len <= 16 && end - from >= 16)
		memcpy(to, from, 16);
	else
		memcpy(to, from, len);
}

static void copy_plain(const struct strings *m, uint64_t n, uint8_t *to)
{
	const uint8_t *from = m->rest.data, *end = from + m->rest.len;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t len = m->lengths[i];
		copy_short(to, from + 4, len, end);
		from += 4 + (size_t)len;
		to += len;
	}
}

static void copy_indexed(const struct dictionary *dict, const struct strings *m, uint64_t n, uint8_t *to)
{
	const uint8_t *end = dict->values + dict->ends[dict->count];
	for (uint64_t i = 0; i < n; i++) {
		copy_short(to, dict->values + dict->ends[m->indices[i]], m->lengths[i], end);
		to += m->lengths[i];
	}
}

static void copy_prefixed(const struct strings *m, uint64_t n, uint8_t *to)
{
	const uint8_t *from = m->rest.data, *before = to;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t kept = m->prefixes[i], len = m->lengths[i] - kept;
		memcpy(to, before, kept);
		memcpy(to + kept, from, len);
		before = to;
		to += m->lengths[i];
		from += len;
	}
}

int pq_strings_copy(struct decoding *d, int32_t encoding, const struct strings *m, uint64_t n, uint8_t *ret, struct error *err)
{
	(void)err;
	switch (encoding) {
	case PLAIN: copy_plain(m, n, ret); break;
	case DELTA_LENGTH_BYTE_ARRAY:
		if (m->total)
			memcpy(ret, m->rest.data, (size_t)m->total);
		break;
	case DELTA_BYTE_ARRAY: copy_prefixed(m, n, ret); break;
	default: copy_indexed(&d->dictionary, m, n, ret);
	}
	return 0;
}
