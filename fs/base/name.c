/* SPDX-License-Identifier: MIT */
#include "fs/base/name.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

uint64_t name_hash(struct slice s)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.data[i]) * 0x100000001b3;
	return h;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t eight(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return word;
}

static uint32_t four(const uint8_t *p)
{
	uint32_t word;
	memcpy(&word, p, sizeof word);
	return word;
}

/* 16 bytes per multiplication.  The seed hides both factors from whoever wrote the text, so no
 * text can make a factor 0, which would cancel everything hashed before it. */
uint64_t slice_hash(struct slice s, const void *seed)
{
	const uint64_t odd = 0x9e3779b97f4a7c15, other = 0xd6e8feb86659fd93;
	uint64_t key = mix((uintptr_t)seed ^ odd, other), h = (key << 32 | key >> 32) + s.len, a = 0, b = 0;
	const uint8_t *p = s.data, *end = s.data + s.len;
	for (; end - p > 16; p += 16)
		h = mix(eight(p) ^ h, eight(p + 8) ^ key);
	if (s.len > 16) /* may overlap bytes hashed already */
		a = eight(end - 16), b = eight(end - 8);
	else if (s.len >= 8)
		a = eight(p), b = eight(end - 8);
	else if (s.len >= 4)
		a = four(p), b = four(end - 4);
	else if (s.len > 0)
		a = (uint64_t)p[0] << 16 | (uint64_t)p[s.len / 2] << 8 | end[-1];
	return mix(mix(a ^ h, b ^ key), odd);
}

/* The Unicode Standard, table 3-7: well-formed UTF-8 byte sequences. */
size_t utf8_length(struct slice s)
{
	if (s.len == 0)
		return 0;
	uint8_t a = s.data[0], low = 0x80, high = 0xbf;
	size_t n = a < 0x80 ? 1 : a >= 0xc2 && a <= 0xdf ? 2 : (a & 0xf0) == 0xe0 ? 3 : a >= 0xf0 && a <= 0xf4 ? 4 : 0;
	if (n == 1 || n == 0)
		return n;
	if (a == 0xe0)
		low = 0xa0;
	else if (a == 0xed)
		high = 0x9f;
	else if (a == 0xf0)
		low = 0x90;
	else if (a == 0xf4)
		high = 0x8f;
	if (s.len < n || s.data[1] < low || s.data[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s.data[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The length of the ASCII run at the front, or less: a fast lower bound. */
static size_t ascii_run(struct slice s)
{
	const uint64_t tops = 0x8080808080808080;
	uint64_t words[4];
	if (s.len >= sizeof words) {
		memcpy(words, s.data, sizeof words);
		if (((words[0] | words[1] | words[2] | words[3]) & tops) == 0)
			return sizeof words;
	}
	if (s.len < sizeof *words)
		return 0;
	memcpy(words, s.data, sizeof *words);
	words[0] = le64toh(words[0]) & tops;
	return words[0] ? (size_t)__builtin_ctzll(words[0]) / 8 : sizeof *words;
}

size_t utf8_prefix(struct slice s)
{
	const uint8_t *start = s.data;
	for (size_t n; s.len > 0; s.data += n, s.len -= n) {
		n = ascii_run(s);
		if (n == 0 && (n = utf8_length(s)) == 0)
			break;
	}
	return (size_t)(s.data - start);
}

bool utf8_valid(struct slice s)
{
	return utf8_prefix(s) == s.len;
}

bool name_plain(struct slice s)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
	uint64_t odd = 0, word;
	for (; s.len >= sizeof word; s.data += sizeof word, s.len -= sizeof word) {
		memcpy(&word, s.data, sizeof word);
		odd |= (word - ones * 0x20) | (word + ones) | word; /* sets the top bit: below 0x20, 0x7f, above */
	}
	for (size_t i = 0; i < s.len; i++)
		odd |= s.data[i] < 0x20 || s.data[i] >= 0x7f ? tops : 0;
	return (odd & tops) == 0;
}

static bool is_dots(struct slice raw)
{
	return raw.len >= 1 && raw.len <= 2 && memcmp(raw.data, "..", raw.len) == 0;
}

bool name_shows_itself(struct slice raw)
{
	return raw.len > 0 && raw.len <= NAME_LONGEST && !is_dots(raw) && name_plain(raw);
}

size_t name_show(struct slice raw, char ret[NAME_ROOM])
{
	static const char hex[] = "0123456789ABCDEF";
	bool dots = is_dots(raw);
	size_t n = 0, kept = 0;

	if (name_shows_itself(raw)) {
		memcpy(ret, raw.data, raw.len);
		ret[raw.len] = '\0';
		return raw.len;
	}
	for (size_t i = 0; i < raw.len && n <= NAME_LONGEST;) {
		size_t k = utf8_length((struct slice){raw.data + i, raw.len - i});
		if (k == 0 || dots || raw.data[i] < 0x20 || raw.data[i] == 0x7f) {
			ret[n++] = '%';
			ret[n++] = hex[raw.data[i] >> 4];
			ret[n++] = hex[raw.data[i] & 15];
			i++;
		} else {
			memcpy(ret + n, raw.data + i, k);
			n += k, i += k;
		}
		if (n <= NAME_KEPT)
			kept = n;
	}
	if (n == 0)
		ret[n++] = '_';
	if (n > NAME_LONGEST)
		n = kept + (size_t)snprintf(ret + kept, NAME_ROOM - kept, "~%016" PRIx64, name_hash(raw));
	ret[n] = '\0';
	return n;
}

size_t utf8_put_surrogate(uint32_t c, uint8_t *out)
{
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(lead[n] | c);
	return n;
}

size_t utf8_put(uint32_t c, uint8_t *out)
{
	bool none = c > 0x10ffff || (c >= 0xd800 && c < 0xe000);
	return utf8_put_surrogate(none ? 0xfffd : c, out);
}
